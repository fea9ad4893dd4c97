//! Transposed convolutions: gradients of convolutions for their inputs (`core/ops/nn_ops.cc`,
//! `core/kernels/conv_grad_shape_utils.cc`). The size of the result is an operand.

use super::call::Call;
use super::conv::{Window, grouped_kernel, window};
use super::formula as f;
use super::origin::{Sized, origin};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, KernelLayout, Padding};
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Conv2DBackpropInput", |c| transposed(c, 2, false)),
    row("Conv3DBackpropInput", |c| transposed(c, 3, false)),
    row("Conv3DBackpropInputV2", |c| transposed(c, 3, false)),
    row("DepthwiseConv2dNativeBackpropInput", |c| transposed(c, 2, true)),
];

/// How one axis is padded, where it is known.
#[derive(Clone, Copy)]
struct Axis {
    before: usize,
    after: usize,
    output_padding: usize,
}

/// The padding of the convolution whose gradient this is, for a result that is `extra` longer than (n − 1)·stride.
fn axis(extent: usize, extra: i64, padding: &Padding, i: usize) -> Option<Axis> {
    let whole = extent as i64 - extra;
    let total = usize::try_from(whole.max(0)).ok()?;
    let output_padding = usize::try_from((-whole).max(0)).ok()?;
    let before = match padding {
        Padding::SameUpper => total / 2,
        Padding::SameLower => total - total / 2,
        Padding::Explicit(pads) => {
            // What a stride leaves over lies at the end of the input.
            let &(before, after) = pads.get(i)?;
            let lack = extra - (extent as i64 - (before + after) as i64);
            let after = after as i64 - lack;
            return Some(Axis {
                before,
                after: usize::try_from(after.max(0)).ok()?,
                output_padding: usize::try_from((-after).max(0)).ok()?,
            });
        }
    };
    Some(Axis { before, after: total - before, output_padding })
}

/// (sizes of the result, kernel, values); the first version in three dimensions takes a value of that size.
fn transposed(c: &mut Call<'_>, n: usize, by_channel: bool) -> Result<ValueId> {
    let [mut sizes, kernel, x] = c.three()?;
    if c.op.name == "Conv3DBackpropInput" {
        sizes = f::shape_of(c.b, sizes)?;
    }
    c.need_rank(x, n + 2)?;
    c.need_rank(kernel, n + 2)?;
    let w = window(c, n)?;
    let (kernel, groups) = if by_channel { grouped_kernel(c, kernel)? } else { (kernel, 1) };
    let sizes = f::long_vector(c.b, sizes)?;
    // The sizes may leave out batch and channels.
    let first = if c.b.ty(sizes).elements() == Some(n) { 0 } else { w.data.spatial_axes(n + 2).start };
    let mut axes = Vec::with_capacity(n);
    for i in 0..n {
        let extent = extent(c, kernel, &w, i)?;
        let stride = *w.strides.get(i).unwrap_or(&1);
        axes.push(extra(c, x, sizes, first + i, &w, i, stride).and_then(|extra| axis(extent, extra, &w.padding, i)));
    }
    let known: Option<Vec<Axis>> = axes.into_iter().collect();
    let Some(axes) = known else { return cropped(c, x, kernel, &w, groups, sizes, first) };
    let padding = Padding::Explicit(axes.iter().map(|a| (a.before, a.after)).collect());
    let output_padding = axes.iter().map(|a| a.output_padding).collect();
    c.b.one(op(&w, padding, output_padding, groups), &[x, kernel])
}

fn op(w: &Window, padding: Padding, output_padding: Vec<usize>, groups: usize) -> Op {
    Op::ConvTranspose {
        strides: w.strides.clone(),
        dilations: w.dilations.clone(),
        padding,
        output_padding,
        output_shape: Vec::new(),
        groups,
        data: w.data,
        kernel: KernelLayout::SpatialOutIn,
    }
}

/// Elements that the dilated kernel spans.
fn extent(c: &Call<'_>, kernel: ValueId, w: &Window, i: usize) -> Result<usize> {
    let size = c.known_dim(kernel, i)?;
    Ok(size.saturating_sub(1).saturating_mul(*w.dilations.get(i).unwrap_or(&1)).saturating_add(1))
}

/// How much longer the result is than (n − 1)·stride, where sizes say it: as numbers, or as the size of the operand
/// scaled and shifted.
fn extra(c: &Call<'_>, x: ValueId, sizes: ValueId, entry: usize, w: &Window, i: usize, stride: usize) -> Option<i64> {
    let at = w.data.spatial_axes(c.b.rank(x)).start + i;
    let n = c.b.shape(x).get(at)?;
    let out = c.b.known(sizes).and_then(|k| k.0.get(entry)?.value());
    if let (Some(n), Some(out)) = (n.known(), out) {
        return out.checked_sub((n as i64 - 1).checked_mul(stride as i64)?);
    }
    let Sized { of, axis, factor, plus } = origin(c.b, sizes, entry)?;
    let same = of == x && axis == at || c.b.shape(of).get(axis).is_some_and(|d| d.same(n));
    (same && factor == stride as i64).then_some(plus.checked_add(stride as i64)?)
}

/// Sizes that only the running model knows: the whole transposed convolution, and the part of it that is asked for.
fn cropped(
    c: &mut Call<'_>,
    x: ValueId,
    kernel: ValueId,
    w: &Window,
    groups: usize,
    sizes: ValueId,
    first: usize,
) -> Result<ValueId> {
    let n = w.strides.len();
    let more = w.strides.iter().map(|s| s.saturating_sub(1)).collect();
    let whole = c.b.one(op(w, Padding::valid(n), more, groups), &[x, kernel])?;
    let range = w.data.spatial_axes(n + 2);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for i in 0..n {
        let wanted = f::element(c.b, sizes, first + i)?;
        let start = match &w.padding {
            Padding::Explicit(pads) => c.b.ints(&[pads.get(i).map_or(0, |p| p.0 as i64)]),
            _ => {
                let (extent, stride) = (extent(c, kernel, w, i)?, *w.strides.get(i).unwrap_or(&1));
                let input = c.b.dim(x, range.start + i)?;
                let reach = c.b.binary_scalar(BinaryOp::Mul, input, stride as f64)?;
                let reach = c.b.binary_scalar(BinaryOp::Add, reach, extent as f64 - stride as f64)?;
                let over = c.b.binary(BinaryOp::Sub, reach, wanted)?;
                let over = c.b.binary_scalar(BinaryOp::Max, over, 0.0)?;
                c.b.binary_scalar(BinaryOp::Div, over, 2.0)?
            }
        };
        ends.push(c.b.binary(BinaryOp::Add, start, wanted)?);
        starts.push(start);
    }
    let (starts, ends) = (c.b.concat(&starts, 0)?, c.b.concat(&ends, 0)?);
    let axes: Vec<i64> = range.map(|a| a as i64).collect();
    let axes = c.b.ints(&axes);
    c.b.one(Op::Slice, &[whole, starts, ends, axes])
}

#[cfg(test)]
mod tests {
    use super::axis;
    use modelport_ir::core::Padding;

    /// (extent, extra, padding) against `GetOutputSize` turned round, for 5 inputs at stride 2.
    #[test]
    fn results_have_the_size_that_is_asked_for() {
        let valid = Padding::valid(1);
        for (extent, extra, padding) in [
            (3, 2, Padding::SameUpper),
            (3, 1, Padding::SameUpper),
            (1, 2, Padding::SameUpper),
            (3, 3, valid.clone()),
            (3, 4, valid),
            (4, 2, Padding::Explicit(vec![(1, 1)])),
        ] {
            let a = axis(extent, extra, &padding, 0).unwrap();
            let size = 8 + extent as i64 + a.output_padding as i64 - a.before as i64 - a.after as i64;
            assert_eq!(size, 8 + extra, "{extent} {extra} {padding:?}");
        }
    }

    #[test]
    fn the_odd_element_is_cut_at_the_end() {
        let a = axis(4, 1, &Padding::SameUpper, 0).unwrap();
        assert_eq!((a.before, a.after), (1, 2));
    }
}
