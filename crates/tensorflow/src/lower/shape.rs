//! Shapes as values, and ops that give a value another shape (`core/ops/array_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ScatterReduction};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Shape", |c| {
        let x = c.x()?;
        shape(c, x)
    }),
    row_many("ShapeN", |c| c.inputs.clone().into_iter().map(|x| shape(c, x)).collect()),
    row("Size", size),
    row("Rank", |c| {
        let rank = c.rank()?;
        Ok(c.b.scalar(DType::I32, rank as f64))
    }),
    row("Reshape", reshape),
    row("Squeeze", squeeze),
    row("ExpandDims", expand_dims),
    row("Transpose", transpose),
    row("ConjugateTranspose", transpose),
    row("BroadcastTo", broadcast_to),
    row("BroadcastArgs", broadcast_args),
    row("InvertPermutation", invert_permutation),
];

fn shape(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let to = c.dtype_or("out_type", DType::I32)?;
    let y = f::shape_of(c.b, x)?;
    c.b.cast(y, to)
}

fn size(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, to) = (c.x()?, c.dtype_or("out_type", DType::I32)?);
    let y = c.b.one(Op::Size, &[x])?;
    c.b.cast(y, to)
}

fn reshape(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, target] = c.pair()?;
    let target = f::long_vector(c.b, target)?;
    f::reshape_to(c.b, x, target)
}

fn squeeze(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let mut axes = c.int_list("squeeze_dims")?;
    if axes.is_empty() {
        axes = c.int_list("axis")?;
    }
    if axes.is_empty() {
        let shape = c.b.shape(x);
        if shape.iter().any(|d| d.known().is_none()) {
            return Err(c
                .unsupported("all dimensions of 1 are removed, and it is not known which are 1")
                .found(c.b.ty(x).to_string())
                .help("give sizes with `--input-type`, for example `--input-type x=f32[1,224,224,3]`"));
        }
        axes = shape.iter().enumerate().filter(|(_, d)| **d == Dim::Known(1)).map(|(i, _)| i as i64).collect();
    }
    let mut axes = c.axes(&axes, c.b.rank(x))?;
    axes.sort_unstable();
    axes.dedup();
    let axes: Vec<i64> = axes.into_iter().map(|a| a as i64).collect();
    if axes.is_empty() { Ok(x) } else { c.b.squeeze(x, &axes) }
}

fn expand_dims(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let axis = c.axis_operand(1, c.b.rank(x) + 1)?;
    c.b.unsqueeze(x, &[axis as i64])
}

fn transpose(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let rank = c.b.rank(x);
    let perm = c.axes(&c.ints(1, "perm")?, rank)?;
    c.b.transpose(x, &perm)
}

/// Only the operand is stretched. Runtimes stretch both sides, which is the same where the shape is right.
fn broadcast_to(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, target] = c.pair()?;
    let target = f::long_vector(c.b, target)?;
    c.b.one(Op::Expand, &[x, target])
}

/// The shape that two shapes broadcast to.
fn broadcast_args(c: &mut Call<'_>) -> Result<ValueId> {
    let [mut x, mut y] = c.pair()?;
    let length = |c: &Call<'_>, v| c.known_dim(v, 0);
    let (m, n) = (length(c, x)?, length(c, y)?);
    for (v, missing) in [(&mut x, n.saturating_sub(m)), (&mut y, m.saturating_sub(n))] {
        if missing > 0 {
            let ones = Tensor::from_f64s(c.b.dtype(*v), &[missing], &vec![1.0; missing])?;
            let ones = c.b.constant("", ones);
            *v = c.b.concat(&[ones, *v], 0)?;
        }
    }
    let one = c.b.scalar_like(x, 1.0);
    let stretched = c.b.binary(BinaryOp::Equal, x, one)?;
    c.b.choose(stretched, y, x)
}

/// `y[x[i]] = i`.
fn invert_permutation(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    if let Some(order) = c.opt_ints(0)? {
        let mut inverse = vec![0.0; order.len()];
        for (i, &to) in order.iter().enumerate() {
            let slot = usize::try_from(to).ok().and_then(|t| inverse.get_mut(t));
            *slot.ok_or_else(|| c.unsupported("the operand is no permutation").found(format!("{order:?}")))? = i as f64;
        }
        let tensor = Tensor::from_f64s(c.b.dtype(x), &[inverse.len()], &inverse)?;
        return Ok(c.b.constant("", tensor));
    }
    let n = c.b.dim(x, 0)?;
    let count = f::count_to(c.b, n)?;
    let count = c.b.cast(count, c.b.dtype(x))?;
    c.b.one(Op::ScatterElements { axis: 0, reduction: ScatterReduction::None }, &[x, x, count])
}
