//! Pools with windows, and adaptive ones.

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, DataLayout, Padding, PoolKind, ReduceKind};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::max_pool1d", |c| max_pool(c, 1)),
    row("aten::max_pool2d", |c| max_pool(c, 2)),
    row("aten::max_pool3d", |c| max_pool(c, 3)),
    row_many("aten::max_pool1d_with_indices", |c| with_indices(c, 1)),
    row_many("aten::max_pool2d_with_indices", |c| with_indices(c, 2)),
    row_many("aten::max_pool3d_with_indices", |c| with_indices(c, 3)),
    row("aten::avg_pool1d", |c| avg_pool(c, 1)),
    row("aten::avg_pool2d", |c| avg_pool(c, 2)),
    row("aten::avg_pool3d", |c| avg_pool(c, 3)),
    row("aten::adaptive_avg_pool1d", |c| adaptive(c, 1, PoolKind::Average)),
    row("aten::adaptive_avg_pool2d", |c| adaptive(c, 2, PoolKind::Average)),
    row("aten::adaptive_avg_pool3d", |c| adaptive(c, 3, PoolKind::Average)),
    row("aten::_adaptive_avg_pool2d", |c| adaptive(c, 2, PoolKind::Average)),
    row("aten::_adaptive_avg_pool3d", |c| adaptive(c, 3, PoolKind::Average)),
    row_many("aten::adaptive_max_pool1d", |c| adaptive_max(c, 1)),
    row_many("aten::adaptive_max_pool2d", |c| adaptive_max(c, 2)),
    row_many("aten::adaptive_max_pool3d", |c| adaptive_max(c, 3)),
];

/// The operand with a batch axis, and whether that was added.
fn batched(c: &mut Call<'_>, spatial: usize) -> Result<(ValueId, bool)> {
    let x = c.tensor("self")?;
    let lone = c.rank(x) == spatial + 1;
    Ok((if lone { c.b.unsqueeze(x, &[0])? } else { x }, lone))
}

fn unbatched(c: &mut Call<'_>, x: ValueId, lone: bool) -> Result<ValueId> {
    if lone { c.b.squeeze(x, &[0]) } else { Ok(x) }
}

/// How a pool's windows move.
pub(super) struct Window {
    pub(super) window: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) pads: Vec<usize>,
    ceil: bool,
}

/// An empty stride is the window's size.
pub(super) fn window(c: &Call<'_>, spatial: usize) -> Result<Window> {
    let window = c.per_axis("kernel_size", spatial)?;
    let empty = c.opt_ints("stride")?.is_none_or(|s| s.is_empty());
    let strides = if empty { window.clone() } else { c.per_axis("stride", spatial)? };
    Ok(Window { window, strides, pads: c.per_axis("padding", spatial)?, ceil: c.flag("ceil_mode")? })
}

fn explicit(pads: &[usize]) -> Padding {
    Padding::Explicit(pads.iter().map(|&p| (p, p)).collect())
}

fn max_pool(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let (x, lone) = batched(c, spatial)?;
    let w = window(c, spatial)?;
    let op = Op::Pool {
        kind: PoolKind::Max,
        padding: explicit(&w.pads),
        window: w.window,
        strides: w.strides,
        dilations: c.per_axis("dilation", spatial)?,
        ceil_mode: w.ceil,
        count_include_pad: false,
        data: DataLayout::ChannelsFirst,
    };
    let out = c.b.one(op, &[x])?;
    unbatched(c, out, lone)
}

/// PyTorch counts places within one channel's plane, ONNX within the whole tensor.
fn with_indices(c: &mut Call<'_>, spatial: usize) -> Result<Vec<ValueId>> {
    let (x, lone) = batched(c, spatial)?;
    let w = window(c, spatial)?;
    let op = Op::MaxPoolWithIndex {
        padding: explicit(&w.pads),
        window: w.window,
        strides: w.strides,
        dilations: c.per_axis("dilation", spatial)?,
        ceil_mode: w.ceil,
    };
    let both = c.b.add(op, &[Some(x)])?;
    let &[values, at] = both.as_slice() else { return Err(c.unsupported("a pool without places")) };
    let mut plane = c.b.scalar(DType::I64, 1.0);
    for axis in 2..2 + spatial {
        let n = c.b.dim(x, axis)?;
        let n = c.b.squeeze(n, &[0])?;
        plane = c.binary(BinaryOp::Mul, plane, n)?;
    }
    let at = c.binary(BinaryOp::Mod, at, plane)?;
    Ok(vec![unbatched(c, values, lone)?, unbatched(c, at, lone)?])
}

fn avg_pool(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let (x, lone) = batched(c, spatial)?;
    let w = window(c, spatial)?;
    let size: usize = w.window.iter().product();
    let divisor = c.opt_number("divisor_override")?;
    let op = Op::Pool {
        kind: PoolKind::Average,
        padding: explicit(&w.pads),
        window: w.window,
        strides: w.strides,
        dilations: vec![1; spatial],
        ceil_mode: w.ceil,
        count_include_pad: divisor.is_some() || c.flag("count_include_pad")?,
        data: DataLayout::ChannelsFirst,
    };
    if divisor.is_some() && w.ceil {
        return Err(c.unsupported("divisor_override together with ceil_mode is not converted"));
    }
    let mut out = c.b.one(op, &[x])?;
    if let Some(d) = divisor {
        out = c.with(BinaryOp::Mul, out, size as f64 / d)?;
    }
    unbatched(c, out, lone)
}

/// The wanted size of each spatial axis; `None` keeps it.
fn wanted(c: &Call<'_>, spatial: usize) -> Result<Vec<Option<usize>>> {
    let sizes = c.arg("output_size").and_then(|a| a.as_list()).map(<[_]>::to_vec);
    if let Some(list) = sizes.filter(|l| l.iter().any(modelport_ir::Attr::is_none)) {
        return Ok(list.iter().map(|a| a.as_int().and_then(|i| usize::try_from(i).ok())).collect());
    }
    Ok(c.per_axis("output_size", spatial)?.into_iter().map(Some).collect())
}

/// Window `i` of `out` over `n` elements: from `floor(i·n/out)` to `ceil((i+1)·n/out)`.
pub(super) fn bounds(i: usize, n: usize, out: usize) -> (usize, usize) {
    (i * n / out, ((i + 1) * n).div_ceil(out))
}

fn adaptive(c: &mut Call<'_>, spatial: usize, kind: PoolKind) -> Result<ValueId> {
    let (x, lone) = batched(c, spatial)?;
    let sizes = wanted(c, spatial)?;
    let out = adaptive_of(c, x, &sizes, kind)?;
    unbatched(c, out, lone)
}

fn adaptive_of(c: &mut Call<'_>, x: ValueId, sizes: &[Option<usize>], kind: PoolKind) -> Result<ValueId> {
    let rank = c.rank(x);
    let first = rank - sizes.len();
    let reduce = if kind == PoolKind::Max { ReduceKind::Max } else { ReduceKind::Mean };
    if sizes.iter().all(|s| *s == Some(1)) {
        let axes: Vec<i64> = (first..rank).map(|a| a as i64).collect();
        return c.b.reduce(reduce, x, &axes, true);
    }
    let dims: Vec<Dim> = c.b.shape(x).iter().skip(first).cloned().collect();
    let even = sizes.iter().zip(&dims).map(|(s, d)| match (s, d.known()) {
        (None, _) => Some(1),
        (Some(s), Some(n)) if *s > 0 && n % s == 0 => Some(n / s),
        _ => None,
    });
    if let Some(window) = even.collect::<Option<Vec<usize>>>() {
        let op = Op::Pool {
            kind,
            strides: window.clone(),
            dilations: vec![1; window.len()],
            padding: Padding::valid(window.len()),
            window,
            ceil_mode: false,
            count_include_pad: false,
            data: DataLayout::ChannelsFirst,
        };
        return c.b.one(op, &[x]);
    }
    let mut out = x;
    for (i, size) in sizes.iter().enumerate() {
        if let Some(size) = *size {
            out = adaptive_axis(c, out, first + i, size, kind)?;
        }
    }
    Ok(out)
}

/// Windows of unlike lengths along one axis: a product with a matrix for averages, pieces for maxima.
fn adaptive_axis(c: &mut Call<'_>, x: ValueId, axis: usize, out: usize, kind: PoolKind) -> Result<ValueId> {
    if out == 1 {
        let reduce = if kind == PoolKind::Max { ReduceKind::Max } else { ReduceKind::Mean };
        return c.b.reduce(reduce, x, &[axis as i64], true);
    }
    let n = c.known_dim(x, axis)?;
    if n == out {
        return Ok(x);
    }
    if out == 0 || n.saturating_mul(out) > 1 << 22 {
        return Err(c.bad("output_size", "a size that is not far larger than the input"));
    }
    if kind == PoolKind::Max {
        let mut parts = Vec::with_capacity(out);
        for i in 0..out {
            let (start, end) = bounds(i, n, out);
            let part = c.b.slice_axis(x, axis as i64, start as i64, end as i64, 1)?;
            parts.push(c.b.reduce(ReduceKind::Max, part, &[axis as i64], true)?);
        }
        return c.b.concat(&parts, axis as i64);
    }
    let mut weights = vec![0.0; n * out];
    for i in 0..out {
        let (start, end) = bounds(i, n, out);
        for k in start..end {
            if let Some(w) = weights.get_mut(k * out + i) {
                *w = 1.0 / (end - start) as f64;
            }
        }
    }
    along(c, x, axis, &[n, out], &weights)
}

/// The product with a matrix along one axis.
pub(super) fn along(c: &mut Call<'_>, x: ValueId, axis: usize, shape: &[usize], weights: &[f64]) -> Result<ValueId> {
    let weights = Tensor::from_f64s(c.b.dtype(x), shape, weights)?;
    let weights = c.b.constant("", weights);
    let rank = c.rank(x);
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(axis, rank - 1);
    let moved = c.b.transpose(x, &perm)?;
    let product = c.b.one(Op::MatMul, &[moved, weights])?;
    c.b.transpose(product, &perm)
}

fn adaptive_max(c: &mut Call<'_>, spatial: usize) -> Result<Vec<ValueId>> {
    let (x, lone) = batched(c, spatial)?;
    let sizes = wanted(c, spatial)?;
    let values = adaptive_of(c, x, &sizes, PoolKind::Max)?;
    let values_out = unbatched(c, values, lone)?;
    if c.results < 2 {
        return Ok(vec![values_out]);
    }
    let at = adaptive_places(c, x, &sizes)?;
    Ok(vec![values_out, unbatched(c, at, lone)?])
}

/// Where in its plane each window's maximum is.
fn adaptive_places(c: &mut Call<'_>, x: ValueId, sizes: &[Option<usize>]) -> Result<ValueId> {
    let first = c.rank(x) - sizes.len();
    let dims: Vec<usize> = (first..c.rank(x)).map(|a| c.known_dim(x, a)).collect::<Result<_>>()?;
    let window: Option<Vec<usize>> = sizes
        .iter()
        .zip(&dims)
        .map(|(s, &n)| match s {
            None => Some(1),
            Some(s) if *s > 0 && n % s == 0 => Some(n / s),
            _ => None,
        })
        .collect();
    let Some(window) = window else { return uneven_places(c, x, &dims, sizes) };
    let op = Op::MaxPoolWithIndex {
        strides: window.clone(),
        dilations: vec![1; window.len()],
        padding: Padding::valid(window.len()),
        window,
        ceil_mode: false,
    };
    let both = c.b.add(op, &[Some(x)])?;
    let at = both.get(1).copied().ok_or_else(|| c.unsupported("a pool without places"))?;
    let plane: usize = dims.iter().product();
    c.with(BinaryOp::Mod, at, plane as f64)
}

/// Cells whose maxima are found one by one.
const MOST_CELLS: usize = 1024;

/// As [`adaptive_places`] for windows of unlike sizes, which are taken apart: cell `i` of `s` on an axis of `n` reaches
/// from `⌊i·n/s⌋` to `⌈(i+1)·n/s⌉`.
fn uneven_places(c: &mut Call<'_>, x: ValueId, dims: &[usize], sizes: &[Option<usize>]) -> Result<ValueId> {
    let first = c.rank(x) - sizes.len();
    let counts: Vec<usize> = sizes.iter().zip(dims).map(|(s, &n)| s.unwrap_or(n)).collect();
    let cells = counts.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|&n| (1..=MOST_CELLS).contains(&n));
    let cells = cells.ok_or_else(|| c.unsupported("places of maxima in so many windows of unlike sizes"))?;
    let mut places = Vec::with_capacity(cells);
    for cell in 0..cells {
        let mut rest = cell;
        let mut spans = Vec::with_capacity(dims.len());
        for (&s, &n) in counts.iter().zip(dims).rev() {
            let i = rest % s;
            rest /= s;
            spans.push((i * n / s, ((i + 1) * n).div_ceil(s)));
        }
        spans.reverse();
        places.push(place_in(c, x, first, dims, &spans)?);
    }
    let flat = c.b.concat(&places, first as i64)?;
    let shape: Vec<i64> = (0..first).map(|_| 0).chain(counts.iter().map(|&n| n as i64)).collect();
    c.b.reshape(flat, &shape)
}

/// The place in the plane of the maximum of one window, as [.., 1].
fn place_in(c: &mut Call<'_>, x: ValueId, first: usize, dims: &[usize], spans: &[(usize, usize)]) -> Result<ValueId> {
    let mut window = x;
    for (axis, &(start, end)) in spans.iter().enumerate() {
        window = c.b.slice_axis(window, (first + axis) as i64, start as i64, end as i64, 1)?;
    }
    let shape: Vec<i64> = (0..first).map(|_| 0).chain([-1]).collect();
    let flat = c.b.reshape(window, &shape)?;
    let op = Op::ArgReduce { kind: ArgKind::Max, axis: first as i64, keepdims: true, select_last: false };
    let mut rest = c.b.one(op, &[flat])?;
    let mut place = None;
    let mut stride = 1;
    for (&(start, end), &n) in spans.iter().zip(dims).rev() {
        let local = c.with(BinaryOp::Mod, rest, (end - start) as f64)?;
        rest = c.with(BinaryOp::Div, rest, (end - start) as f64)?;
        let at = c.with(BinaryOp::Add, local, start as f64)?;
        let scaled = c.with(BinaryOp::Mul, at, stride as f64)?;
        place = Some(match place {
            Some(sum) => c.b.binary(BinaryOp::Add, sum, scaled)?,
            None => scaled,
        });
        stride *= n;
    }
    place.ok_or_else(|| c.unsupported("a pool without spatial axes"))
}
