//! Blocks of space moved to the batch and back (`core/ops/array_ops.cc`). A convolution between the two is a dilated one
//! and is written as such.

use super::call::Call;
use super::formula::{self as f, From};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, PadMode, Padding};
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("SpaceToBatchND", |c| {
        let block = sizes(c, &c.ints(1, "block_shape")?)?;
        to_batch(c, &block, 2)
    }),
    row("SpaceToBatch", |c| {
        let block = c.int_or("block_size", 2)?;
        let block = sizes(c, &[block, block])?;
        to_batch(c, &block, 1)
    }),
    row("BatchToSpaceND", |c| {
        let block = sizes(c, &c.ints(1, "block_shape")?)?;
        to_space(c, &block, 2)
    }),
    row("BatchToSpace", |c| {
        let block = c.int_or("block_size", 2)?;
        let block = sizes(c, &[block, block])?;
        to_space(c, &block, 1)
    }),
];

/// What `SpaceToBatchND` did to a value.
#[derive(Clone, Debug)]
pub(crate) struct Wrapped {
    /// The value before.
    x: ValueId,
    block: Vec<usize>,
    /// Before and after each axis, where they are known.
    pads: Option<Vec<i64>>,
}

fn sizes(c: &Call<'_>, block: &[i64]) -> Result<Vec<usize>> {
    let all: Option<Vec<usize>> =
        block.iter().map(|&n| usize::try_from(n).ok().filter(|n| (1..1 << 31).contains(n))).collect();
    all.ok_or_else(|| c.unsupported("a block must have positive sizes").found(format!("{block:?}")))
}

/// The paddings or crops as i64 [axes, 2].
fn pairs(c: &mut Call<'_>, operand: usize) -> Result<ValueId> {
    let v = c.input(operand)?;
    c.b.cast(v, modelport_ir::DType::I64)
}

fn to_batch(c: &mut Call<'_>, block: &[usize], operand: usize) -> Result<ValueId> {
    let x = c.x()?;
    let (rank, m) = (c.b.rank(x), block.len());
    if rank < m + 1 {
        return Err(c.unsupported("there are more block sizes than spatial axes").found(c.b.ty(x).to_string()));
    }
    let pads = c.opt_ints(operand)?;
    let padded = padded(c, x, m, operand, pads.as_deref())?;
    let mut dims = vec![From::Dim(padded, 0)];
    for (i, &n) in block.iter().enumerate() {
        dims.extend([From::Part(padded, i + 1, n as i64), From::Size(n as i64)]);
    }
    dims.extend((m + 1..rank).map(|a| From::Dim(padded, a)));
    let split = f::reshape(c.b, padded, &dims)?;
    let perm: Vec<usize> = (0..m)
        .map(|i| 2 * i + 2)
        .chain(std::iter::once(0))
        .chain((0..m).map(|i| 2 * i + 1))
        .chain(2 * m + 1..rank + m)
        .collect();
    let moved = c.b.transpose(split, &perm)?;
    let all = block.iter().fold(1i64, |a, &n| a.saturating_mul(n as i64));
    let mut dims = vec![From::Times(padded, 0, all)];
    dims.extend(block.iter().enumerate().map(|(i, &n)| From::Part(padded, i + 1, n as i64)));
    dims.extend((m + 1..rank).map(|a| From::Dim(padded, a)));
    let y = f::reshape(c.b, moved, &dims)?;
    c.memory.wrapped.insert(y, Wrapped { x, block: block.to_vec(), pads });
    Ok(y)
}

fn padded(c: &mut Call<'_>, x: ValueId, m: usize, operand: usize, pads: Option<&[i64]>) -> Result<ValueId> {
    let rank = c.b.rank(x);
    let widths = match pads {
        Some(p) if p.iter().all(|&n| n == 0) => return Ok(x),
        Some(p) => {
            let mut all = vec![0; 2 * rank];
            for (i, pair) in p.chunks_exact(2).enumerate() {
                let places = [(i + 1, pair.first()), (rank + i + 1, pair.get(1))];
                for (slot, &n) in places.into_iter().filter_map(|(at, n)| n.map(|n| (at, n))) {
                    if let Some(slot) = all.get_mut(slot) {
                        *slot = n;
                    }
                }
            }
            c.b.ints(&all)
        }
        None => {
            let pairs = pairs(c, operand)?;
            let turned = c.b.transpose(pairs, &[1, 0])?;
            let flat = c.b.reshape(turned, &[2 * m as i64])?;
            let side = |c: &mut Call<'_>, from: usize| c.b.slice_axis(flat, 0, from as i64, (from + m) as i64, 1);
            let (before, after) = (side(c, 0)?, side(c, m)?);
            let (first, rest) = (c.b.ints(&[0]), c.b.ints(&vec![0; rank - m - 1]));
            c.b.concat(&[first, before, rest, first, after, rest], 0)?
        }
    };
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[x, widths])
}

fn to_space(c: &mut Call<'_>, block: &[usize], operand: usize) -> Result<ValueId> {
    let x = c.x()?;
    let (rank, m) = (c.b.rank(x), block.len());
    if rank < m + 1 {
        return Err(c.unsupported("there are more block sizes than spatial axes").found(c.b.ty(x).to_string()));
    }
    let crops = c.opt_ints(operand)?;
    if let Some(y) = dilated(c, x, block, crops.as_deref())? {
        return Ok(y);
    }
    let all = block.iter().fold(1i64, |a, &n| a.saturating_mul(n as i64));
    let mut dims: Vec<From> = block.iter().map(|&n| From::Size(n as i64)).collect();
    dims.push(From::Part(x, 0, all));
    dims.extend((1..rank).map(|a| From::Dim(x, a)));
    let split = f::reshape(c.b, x, &dims)?;
    let mut perm = vec![m];
    for i in 0..m {
        perm.extend([m + 1 + i, i]);
    }
    perm.extend(2 * m + 1..rank + m);
    let moved = c.b.transpose(split, &perm)?;
    let mut dims = vec![From::Part(x, 0, all)];
    dims.extend(block.iter().enumerate().map(|(i, &n)| From::Times(x, i + 1, n as i64)));
    dims.extend((m + 1..rank).map(|a| From::Dim(x, a)));
    let y = f::reshape(c.b, moved, &dims)?;
    cropped(c, y, m, operand, crops.as_deref())
}

fn cropped(c: &mut Call<'_>, x: ValueId, m: usize, operand: usize, crops: Option<&[i64]>) -> Result<ValueId> {
    let axes: Vec<i64> = (1..=m as i64).collect();
    let axes = c.b.ints(&axes);
    let (starts, ends) = match crops {
        Some(p) if p.iter().all(|&n| n == 0) => return Ok(x),
        Some(p) => {
            let starts: Vec<i64> = p.iter().step_by(2).copied().collect();
            let ends: Vec<i64> =
                p.iter().skip(1).step_by(2).map(|&n| if n == 0 { i64::MAX } else { n.saturating_neg() }).collect();
            (c.b.ints(&starts), c.b.ints(&ends))
        }
        None => {
            let pairs = pairs(c, operand)?;
            let turned = c.b.transpose(pairs, &[1, 0])?;
            let flat = c.b.reshape(turned, &[2 * m as i64])?;
            let starts = c.b.slice_axis(flat, 0, 0, m as i64, 1)?;
            let after = c.b.slice_axis(flat, 0, m as i64, 2 * m as i64, 1)?;
            let sizes = c.b.one(Op::Shape { start: 1, end: Some(m as i64 + 1) }, &[x])?;
            (starts, c.b.binary(modelport_ir::core::BinaryOp::Sub, sizes, after)?)
        }
    };
    c.b.one(Op::Slice, &[x, starts, ends, axes])
}

/// A convolution without padding and stride of a value whose blocks were moved to the batch is, with its result moved
/// back, the dilated convolution of the value itself.
fn dilated(c: &mut Call<'_>, y: ValueId, block: &[usize], crops: Option<&[i64]>) -> Result<Option<ValueId>> {
    let Some(node) = c.b.graph().producer(y) else { return Ok(None) };
    let Op::Conv { strides, dilations, padding, groups, data, kernel } = node.op.clone() else { return Ok(None) };
    let inputs = node.inputs.clone();
    let wrapped = inputs.first().copied().flatten().and_then(|x| c.memory.wrapped.get(&x)).cloned();
    let n = strides.len();
    let plain = strides.iter().chain(&dilations).all(|&s| s == 1)
        && padding == Padding::valid(n)
        && data == DataLayout::ChannelsLast
        && block.len() <= n;
    let (Some(w), Some(crops), true) = (wrapped, crops, plain) else { return Ok(None) };
    let (Some(pads), true) = (&w.pads, w.block == block) else { return Ok(None) };
    let mut padding = vec![(0, 0); n];
    let mut dilations = vec![1; n];
    for (i, (slot, dilation)) in padding.iter_mut().zip(&mut dilations).enumerate().take(block.len()) {
        let of = |side: usize| {
            let (pad, crop) = (pads.get(2 * i + side)?, crops.get(2 * i + side)?);
            usize::try_from(pad.checked_sub(*crop)?).ok()
        };
        let (Some(before), Some(after)) = (of(0), of(1)) else { return Ok(None) };
        *slot = (before, after);
        *dilation = block.get(i).copied().unwrap_or(1);
    }
    let op = Op::Conv { strides, dilations, padding: Padding::Explicit(padding), groups, data, kernel };
    let mut operands = inputs;
    if let Some(first) = operands.first_mut() {
        *first = Some(w.x);
    }
    c.b.one_opt(op, &operands).map(Some)
}
