//! Transposed convolutions: every input element adds its multiple of the kernel to the output.

use super::Call;
use super::conv::{add_bias, kernel_last};
use super::matmul::product;
use super::windows::{Moves, channels_last, from_last, sizes};
use crate::Array;
use crate::array::{Num, number};
use modelport_diag::Result;
use modelport_ir::DType;
use modelport_ir::core::{DataLayout, KernelLayout, Padding};
use ndarray::{Array2, ArrayD, ArrayView2, Axis, Slice};

/// Elements cut from the start of spatial axis `i` of the full result.
fn cut(
    m: &Moves<'_>,
    i: usize,
    (input, window, output): (usize, usize, usize),
    (padding, shape): (&[usize], &[usize]),
) -> usize {
    let more = padding.get(i).copied().unwrap_or(0);
    let full = input.saturating_sub(1).saturating_mul(m.strides[i]).saturating_add(m.extent(i, window));
    let total = full.saturating_add(more).saturating_sub(output);
    match m.padding {
        Padding::Explicit(pads) if shape.is_empty() => pads[i].0,
        Padding::SameUpper => total / 2,
        // ONNX: an explicit output shape without `SAME_UPPER` puts the odd element at the start.
        Padding::SameLower | Padding::Explicit(_) => total - total / 2,
    }
}

/// For each axis, where window element `k` of input element `i` goes: `[i][k]`, `usize::MAX` when it is cut off.
fn targets(
    c: &Call<'_>,
    m: &Moves<'_>,
    (input, window, output): (&[usize], &[usize], &[usize]),
    more: (&[usize], &[usize]),
) -> Result<Vec<Vec<usize>>> {
    let mut axes = Vec::with_capacity(input.len());
    for i in 0..input.len() {
        let (n, k, out) = (input[i], window[i], output[i]);
        c.check_size(DType::U64, &[n, k])?;
        let cut = cut(m, i, (n, k, out), more) as i128;
        let mut table = Vec::with_capacity(n * k);
        for x in 0..n {
            for w in 0..k {
                let at = x as i128 * m.strides[i] as i128 + w as i128 * m.dilations[i] as i128 - cut;
                table.push(if (0..out as i128).contains(&at) { at as usize } else { usize::MAX });
            }
        }
        axes.push(table);
    }
    Ok(axes)
}

/// Where all window elements of the input element at `position` go, row-major.
fn scatter(tables: &[Vec<usize>], sizes: (&[usize], &[usize], &[usize]), position: usize) -> Vec<usize> {
    let (input, window, output) = sizes;
    let mut out = vec![0];
    let (mut rest, mut at): (usize, usize) = (input.iter().product(), position);
    for (i, table) in tables.iter().enumerate() {
        rest /= input[i].max(1);
        let x = at / rest.max(1);
        at %= rest.max(1);
        let row = &table[x * window[i]..(x + 1) * window[i]];
        let join = |base: usize, t: usize| {
            if base == usize::MAX || t == usize::MAX { usize::MAX } else { base * output[i] + t }
        };
        out = out.iter().flat_map(|&base| row.iter().map(move |&t| join(base, t))).collect();
    }
    out
}

pub(super) fn transposed(
    c: &Call<'_>,
    m: &Moves<'_>,
    more: (&[usize], &[usize]),
    groups: usize,
    (data, layout): (DataLayout, KernelLayout),
) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let (batch, input, channels) = sizes(x.shape(), data);
    let (_, output, out) = sizes(&shape, data);
    let (inner, each) = (channels / groups, out / groups);
    c.require(inner * groups == channels, || format!("{channels} channels do not divide into {groups} groups"))?;
    number!(x.dtype(), T => {
        let x = T::read(x)?;
        let x = channels_last(&x, data);
        let x = x.as_slice().ok_or_else(|| c.error("data are not contiguous"))?;
        let (kernel, window) = kernel_last(&T::read(c.x(1)?)?, layout);
        let all = (input.as_slice(), window.as_slice(), output.as_slice());
        let tables = targets(c, m, all, more)?;
        let (image, positions): (usize, usize) = (input.iter().product(), output.iter().product());
        let kernel = by_input(kernel).ok_or_else(|| c.error("a kernel of another size"))?;
        let mut result = vec![T::ZERO; batch * positions * out];
        for (n, result) in result.chunks_mut((positions * out).max(1)).enumerate() {
            let rows = ArrayView2::from_shape((image, channels), &x[n * image * channels..(n + 1) * image * channels]);
            let rows = rows.map_err(|_| c.error("data of another size"))?;
            for group in 0..groups {
                let span = Slice::from(group * inner..(group + 1) * inner);
                let (rows, kernel) = (rows.slice_axis(Axis(1), span), kernel.slice_axis(Axis(0), span));
                spread(rows, kernel, &tables, all, (result, out, group * each, each));
            }
        }
        if let Some(bias) = c.opt(2) {
            add_bias(&mut result, &T::read(bias)?);
        }
        Ok(vec![T::store(from_last(result, &shape, data)?, c.dtype())?])
    })
}

/// A kernel of spatial…, in, out as in × (window × out).
fn by_input<T: Num>(kernel: ArrayD<T>) -> Option<Array2<T>> {
    let (channels, each) = (kernel.shape()[kernel.ndim() - 2], kernel.shape()[kernel.ndim() - 1]);
    let taps: usize = kernel.shape()[..kernel.ndim() - 2].iter().product();
    let kernel = kernel.into_shape_with_order((taps, channels, each)).ok()?;
    let kernel = kernel.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    kernel.into_shape_with_order((channels, taps * each)).ok()
}

/// Elements of multiples of the kernel that are made at a time.
const BLOCK: usize = 1 << 19;

/// One image, one group: multiplies a block of input positions with the kernel and adds them up.
fn spread<T: Num>(
    rows: ArrayView2<'_, T>,
    kernel: ArrayView2<'_, T>,
    tables: &[Vec<usize>],
    sizes: (&[usize], &[usize], &[usize]),
    (result, out, channel, each): (&mut [T], usize, usize, usize),
) {
    let block = (BLOCK / kernel.ncols().max(1)).max(1);
    for (i, rows) in rows.axis_chunks_iter(Axis(0), block).enumerate() {
        add_up(&product(rows, kernel), i * block, tables, sizes, (result, out, channel, each));
    }
}

/// Adds the multiples of the kernel of one group to where they belong.
fn add_up<T: Num>(
    add: &Array2<T>,
    first_position: usize,
    tables: &[Vec<usize>],
    sizes: (&[usize], &[usize], &[usize]),
    (result, out, first, each): (&mut [T], usize, usize, usize),
) {
    for (position, row) in add.rows().into_iter().enumerate() {
        for (k, at) in scatter(tables, sizes, first_position + position)
            .into_iter()
            .enumerate()
            .filter(|(_, at)| *at != usize::MAX)
        {
            let to = &mut result[at * out + first..][..each];
            to.iter_mut().zip(row.iter().skip(k * each)).for_each(|(o, &v)| *o = *o + v);
        }
    }
}
