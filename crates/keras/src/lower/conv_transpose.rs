//! Transposed convolutions (`keras/src/layers/convolutional/base_conv_transpose.py`, and
//! `backend/common/backend_utils.py` for the output's size).

use super::call::Call;
use super::conv::{batched, bias, unbatched, window, wrong_kernel};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{KernelLayout, Padding};
use modelport_ir::{Attr, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Conv1DTranspose", |c| transposed(c, 1)),
    row("Conv2DTranspose", |c| transposed(c, 2)),
    row("Conv3DTranspose", |c| transposed(c, 3)),
];

/// How one axis is padded.
struct Axis {
    before: usize,
    after: usize,
    output_padding: usize,
}

/// Keras fixes the output's size as `(n − 1)·stride + extra`; TensorFlow then pads as the convolution does whose
/// gradient this is, the odd element at the end.
fn axis(extent: usize, stride: usize, same: bool, output_padding: Option<usize>) -> Axis {
    let extra = match (same, output_padding) {
        (false, None) => extent.max(stride),
        (false, Some(p)) => extent + p,
        (true, None) => stride,
        (true, Some(p)) => extent % 2 + p,
    };
    let total = if same { extent.saturating_sub(extra) } else { 0 };
    Axis { before: total / 2, after: total - total / 2, output_padding: extra.saturating_sub(extent) }
}

/// `output_padding`: one number or one an axis, from 0 up; `None` when absent.
fn output_padding(c: &Call<'_>, n: usize) -> Result<Option<Vec<usize>>> {
    let Some(attr) = c.op.attr("output_padding") else { return Ok(None) };
    let number = |a: &Attr| a.as_int().filter(|p| (0..1 << 31).contains(p)).map(|p| p as usize);
    let all = match attr {
        Attr::List(l) if l.len() == n => l.iter().map(number).collect(),
        Attr::List(l) if l.len() == 1 => l.first().and_then(number).map(|p| vec![p; n]),
        other => number(other).map(|p| vec![p; n]),
    };
    all.map(Some).ok_or_else(|| c.bad_argument("output_padding", &format!("{n} integers"), &super::config::show(attr)))
}

fn transposed(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let shape = c.weight_tensor("kernel")?.shape().to_vec();
    let Some(size) = shape.get(..n).filter(|_| shape.len() == n + 2) else {
        return Err(wrong_kernel(c, "kernel", n + 2, &shape));
    };
    let w = window(c, size)?;
    let same = w.padding == Padding::SameUpper;
    let given = output_padding(c, n)?;
    let axes: Vec<Axis> = (0..n)
        .map(|i| {
            let extent = size[i].saturating_sub(1).saturating_mul(w.dilations[i]).saturating_add(1);
            axis(extent, w.strides[i], same, given.as_ref().map(|p| p[i]))
        })
        .collect();
    let (x, original) = batched(c, n)?;
    let kernel = c.weight("kernel")?;
    let bias = bias(c)?;
    let op = Op::ConvTranspose {
        strides: w.strides,
        dilations: w.dilations,
        padding: Padding::Explicit(axes.iter().map(|a| (a.before, a.after)).collect()),
        output_padding: axes.iter().map(|a| a.output_padding).collect(),
        output_shape: Vec::new(),
        groups: 1,
        data: w.data,
        kernel: KernelLayout::SpatialOutIn,
    };
    let y = c.b.one_opt(op, &[Some(x), Some(kernel), bias])?;
    let y = unbatched(c, y, original)?;
    c.activate(y, "activation")
}

#[cfg(test)]
mod tests {
    use super::axis;

    /// (extent, stride, same, output_padding) against `compute_conv_transpose_output_shape` for 5 inputs.
    #[test]
    fn sizes_are_those_of_keras() {
        let cases = [
            ((3, 2, true, None), 10),
            ((2, 3, true, None), 15),
            ((4, 2, true, Some(1)), 9),
            ((3, 2, true, Some(1)), 10),
            ((3, 2, false, None), 11),
            ((2, 3, false, None), 15),
            ((3, 2, false, Some(1)), 12),
        ];
        for ((extent, stride, same, given), size) in cases {
            let a = axis(extent, stride, same, given);
            assert_eq!(4 * stride + extent + a.output_padding - a.before - a.after, size, "{extent} {stride} {same}");
        }
    }
}
