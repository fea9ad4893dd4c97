//! Keras 3 operations of images (keras/src/ops/image.py, 3.15; their computation is that of
//! keras/src/backend/tensorflow/image.py).
//!
//! Owns: colours, cropping, padding, patches, filters, windows as columns. Must never know: resizing, layers.

use super::call::Call;
use super::conv::{Window, convolve, window};
use super::operations_args as args;
use super::operations_core as core;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::columns::Windows;
use modelport_ir::core::{BinaryOp, DataLayout, Padding, ReduceKind};
use modelport_ir::{Attr, Builder, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("RGBToGrayscale", grayscale),
    row("RGBToHSV", |c| recoloured(c, Builder::rgb_to_hsv)),
    row("HSVToRGB", |c| recoloured(c, Builder::hsv_to_rgb)),
    row("CropImages", crop),
    row("PadImages", pad),
    row("ExtractPatches", patches),
    row("GaussianBlur", blur),
    row("SobelEdges", sobel),
    row("Unfold", unfold),
    row("Fold", fold),
];

/// Patches of at most this many elements: their kernel has the square of that.
const MOST: usize = 1 << 12;

fn images(c: &mut Call<'_>) -> Result<ValueId> {
    args::value(c, 0, "images")
}

/// The axes of height and width: of one image (rank 3) or a batch.
fn sides(c: &Call<'_>, x: ValueId) -> Result<[usize; 2]> {
    let rank = c.b.rank(x);
    if !(3..=4).contains(&rank) {
        return Err(c.unsupported(format!("images of rank {rank}")));
    }
    Ok(match c.data_layout()? {
        DataLayout::ChannelsLast => [rank - 3, rank - 2],
        DataLayout::ChannelsFirst => [rank - 2, rank - 1],
    })
}

fn channels_last(c: &mut Call<'_>, x: ValueId, data: DataLayout) -> Result<ValueId> {
    let rank = c.b.rank(x);
    if data == DataLayout::ChannelsLast || rank < 3 {
        return Ok(x);
    }
    // Behind the spatial axes, of which a volume has three.
    let channels = rank.saturating_sub(if rank == 5 { 4 } else { 3 });
    let mut perm: Vec<usize> = (0..rank).filter(|&a| a != channels).collect();
    perm.push(channels);
    c.b.transpose(x, &perm)
}

fn channels_back(c: &mut Call<'_>, x: ValueId, data: DataLayout) -> Result<ValueId> {
    let rank = c.b.rank(x);
    if data == DataLayout::ChannelsLast || rank < 3 {
        return Ok(x);
    }
    let channels = rank.saturating_sub(if rank == 5 { 4 } else { 3 });
    let mut perm: Vec<usize> = (0..rank - 1).collect();
    perm.insert(channels, rank - 1);
    c.b.transpose(x, &perm)
}

fn recoloured(c: &mut Call<'_>, f: fn(&mut Builder, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let (x, data) = (images(c)?, c.data_layout()?);
    let last = channels_last(c, x, data)?;
    let y = f(c.b, last)?;
    channels_back(c, y, data)
}

fn grayscale(c: &mut Call<'_>) -> Result<ValueId> {
    let x = images(c)?;
    let rank = c.b.rank(x);
    let axis = if c.data_layout()? == DataLayout::ChannelsLast { rank.checked_sub(1) } else { rank.checked_sub(3) };
    let axis = axis.ok_or_else(|| c.unsupported(format!("images of rank {rank}")))?;
    if c.known_dim(x, axis)? == 1 {
        return Ok(x);
    }
    let dtype = c.b.dtype(x);
    let x = core::float(c.b, x)?;
    let mut shape = vec![1; rank];
    if let Some(n) = shape.get_mut(axis) {
        *n = 3;
    }
    let weights = Tensor::from_f64s(c.b.dtype(x), &shape, &[0.2989, 0.5870, 0.1140])?;
    let weights = c.b.constant("", weights);
    let parts = c.b.binary(BinaryOp::Mul, x, weights)?;
    let grey = c.b.reduce(ReduceKind::Sum, parts, &[axis as i64], true)?;
    c.b.cast(grey, dtype)
}

/// What is given of one axis: the margin before and behind, and the size that the result shall have.
struct Span {
    before: Option<i64>,
    behind: Option<i64>,
    target: Option<i64>,
}

fn spans(c: &Call<'_>, margin: &str) -> Result<[Span; 2]> {
    let get = |side: &str| c.opt_int(&format!("{side}_{margin}"));
    Ok([
        Span { before: get("top")?, behind: get("bottom")?, target: c.opt_int("target_height")? },
        Span { before: get("left")?, behind: get("right")?, target: c.opt_int("target_width")? },
    ])
}

/// A number that the two others and the image's size imply.
fn implied(c: &Call<'_>, x: ValueId, axis: usize, rest: impl Fn(i64) -> Option<i64>) -> Result<i64> {
    let size = c.known_dim(x, axis)? as i64;
    rest(size).filter(|n| *n >= 0).ok_or_else(|| c.unsupported("margins and target do not fit the image"))
}

fn crop(c: &mut Call<'_>) -> Result<ValueId> {
    let mut x = images(c)?;
    for (axis, s) in sides(c, x)?.into_iter().zip(spans(c, "cropping")?) {
        let start = match s.before {
            Some(n) => n,
            None => implied(c, x, axis, |size| size.checked_sub(s.target?)?.checked_sub(s.behind?))?,
        };
        let end = match s.target {
            Some(n) => start.checked_add(n),
            None => Some(implied(c, x, axis, |size| size.checked_sub(s.behind?))?),
        };
        let end = end.filter(|&end| (0..=end).contains(&start));
        let end = end.ok_or_else(|| c.unsupported("margins and target do not fit the image"))?;
        x = c.b.slice_axis(x, axis as i64, start, end, 1)?;
    }
    Ok(x)
}

fn pad(c: &mut Call<'_>) -> Result<ValueId> {
    let x = images(c)?;
    let mut pads = vec![(0, 0); c.b.rank(x)];
    for (axis, s) in sides(c, x)?.into_iter().zip(spans(c, "padding")?) {
        let rest = |known: Option<i64>| implied(c, x, axis, |size| s.target?.checked_sub(known?)?.checked_sub(size));
        let before = s.before.map_or_else(|| rest(s.behind), Ok)?;
        let behind = s.behind.map_or_else(|| rest(Some(before)), Ok)?;
        if let Some(p) = pads.get_mut(axis) {
            *p = (before, behind);
        }
    }
    core::pad(c.b, x, &pads, "constant", 0.0)
}

/// Each patch as one row of channels: height first, then width, then the image's channels.
fn patches(c: &mut Call<'_>) -> Result<ValueId> {
    let x = images(c)?;
    let size = match c.opt_ints("size")?.unwrap_or_default().as_slice() {
        &[one] => vec![one; 2],
        many => many.to_vec(),
    };
    let n = size.len();
    let size: Vec<usize> = size.iter().filter_map(|&s| usize::try_from(s).ok().filter(|s| *s > 0)).collect();
    if size.len() != n || !(2..=3).contains(&n) {
        return Err(c.bad_argument("size", "two or three positive integers", &format!("{size:?}")));
    }
    let data = c.data_layout()?;
    let lone = c.b.rank(x) == n + 1;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    let x = channels_last(c, x, data)?;
    let channels = c.known_dim(x, n + 1)?;
    let mut w = window(c, &size)?;
    w.data = DataLayout::ChannelsLast;
    w.strides = c.opt_sizes("strides", n)?.unwrap_or_else(|| size.clone());
    let depth = size.iter().try_fold(channels, |all, &s| all.checked_mul(s));
    let depth = depth.filter(|d| *d <= 1 << 24).ok_or_else(|| c.unsupported("the patches are too large"))?;
    let y = match side_by_side(c, x, &size, &w)? {
        Some(y) => y,
        None if depth <= MOST => {
            let shape: Vec<usize> = size.iter().copied().chain([channels, depth]).collect();
            let mut each = vec![0.0; depth * depth];
            each.iter_mut().step_by(depth + 1).for_each(|p| *p = 1.0);
            let kernel = Tensor::from_f64s(c.b.dtype(x), &shape, &each)?;
            let kernel = c.b.constant(format!("{}/patches", c.b.scope()), kernel);
            convolve(c, x, kernel, None, &w, 1)?
        }
        None => return Err(c.unsupported("overlapping patches that large")),
    };
    let y = channels_back(c, y, data)?;
    if lone { c.b.squeeze(y, &[0]) } else { Ok(y) }
}

/// Patches that do not overlap are the image's own elements in another order.
fn side_by_side(c: &mut Call<'_>, x: ValueId, size: &[usize], w: &Window) -> Result<Option<ValueId>> {
    let n = size.len();
    let apart = w.strides == size && w.dilations.iter().all(|&d| d == 1) && w.padding == Padding::valid(n);
    let known: Option<Vec<usize>> = (1..=n).map(|a| c.b.shape(x).get(a).and_then(Dim::known)).collect();
    let Some(known) = known.filter(|_| apart) else { return Ok(None) };
    let channels = c.known_dim(x, n + 1)?;
    let mut x = x;
    let (mut split, mut joined) = (vec![-1], vec![-1]);
    for (axis, (&size, &all)) in size.iter().zip(&known).enumerate() {
        let count = all / size;
        if count * size != all {
            x = c.b.slice_axis(x, 1 + axis as i64, 0, (count * size) as i64, 1)?;
        }
        split.extend([count as i64, size as i64]);
        joined.push(count as i64);
    }
    split.push(channels as i64);
    joined.push(size.iter().product::<usize>() as i64 * channels as i64);
    let split = c.b.reshape(x, &split)?;
    let (counts, sizes) = ((0..n).map(|a| 1 + 2 * a), (0..n).map(|a| 2 + 2 * a));
    let perm: Vec<usize> = [0].into_iter().chain(counts).chain(sizes).chain([1 + 2 * n]).collect();
    let turned = c.b.transpose(split, &perm)?;
    c.b.reshape(turned, &joined).map(Some)
}

/// The same filters for each channel: `filters` of [height, width] each; their results side by side, channel by channel.
fn filtered(c: &mut Call<'_>, x: ValueId, size: [usize; 2], filters: &[Vec<f64>], padding: Padding) -> Result<ValueId> {
    let channels = c.known_dim(x, 3)?;
    let ([h, w], many) = (size, filters.len());
    let taps = (0..h * w).flat_map(|tap| filters.iter().map(move |f| f.get(tap).copied().unwrap_or(0.0)));
    let kernel = Tensor::from_f64s(c.b.dtype(x), &[h, w, 1, many], &taps.collect::<Vec<_>>())?;
    let kernel = c.b.constant("", kernel);
    let repeats = c.b.ints(&[1, 1, 1, channels as i64]);
    let kernel = c.b.one(Op::Tile, &[kernel, repeats])?;
    let w = Window::still(2, padding, DataLayout::ChannelsLast);
    convolve(c, x, kernel, None, &w, channels)
}

fn blur(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, data) = (images(c)?, c.data_layout()?);
    let size = c.sizes_or("kernel_size", 2, 3)?;
    let sigma: Vec<f64> = match c.op.attr("sigma") {
        Some(given) => given.as_list().unwrap_or_default().iter().filter_map(Attr::as_float).collect(),
        None => vec![1.0; 2],
    };
    let (&[across, down], &[wide, high]) = (size.as_slice(), sigma.as_slice()) else {
        return Err(c.bad_argument("sigma", "two numbers", &format!("{sigma:?}")));
    };
    if across.saturating_mul(down) > 1 << 16 {
        return Err(c.unsupported("a blur over more than 65536 elements"));
    }
    let bell = |n: usize, sigma: f64| {
        let at = |i: usize| (-0.5 * ((i as f64 - (n as f64 - 1.0) / 2.0) / sigma).powi(2)).exp();
        let sum: f64 = (0..n).map(at).sum();
        (0..n).map(|i| at(i) / sum).collect::<Vec<_>>()
    };
    let (x1, y1) = (bell(across, wide), bell(down, high));
    // Keras makes the filter of down × across elements and then names its sizes the other way round.
    let filter: Vec<f64> = y1.iter().flat_map(|y| x1.iter().map(move |x| x * y)).collect();
    let lone = c.b.rank(x) == 3;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    let last = channels_last(c, x, data)?;
    let y = filtered(c, last, [across, down], &[filter], Padding::SameUpper)?;
    let y = channels_back(c, y, data)?;
    if lone { c.b.squeeze(y, &[0]) } else { Ok(y) }
}

/// Down and across, as a last axis of two (`tf.image.sobel_edges`: borders are mirrored).
fn sobel(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, data) = (images(c)?, c.data_layout()?);
    let last = channels_last(c, x, data)?;
    let channels = c.known_dim(last, 3)?;
    let down = vec![-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0];
    let across = vec![-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
    let wider = core::pad(c.b, last, &[(0, 0), (1, 1), (1, 1), (0, 0)], "reflect", 0.0)?;
    let y = filtered(c, wider, [3, 3], &[down, across], Padding::valid(2))?;
    let head = c.b.one(Op::Shape { start: 0, end: Some(3) }, &[y])?;
    let tail = c.b.ints(&[channels as i64, 2]);
    let shape = c.b.concat(&[head, tail], 0)?;
    let y = c.b.one(Op::Reshape { allow_zero: false }, &[y, shape])?;
    if data == DataLayout::ChannelsLast { Ok(y) } else { c.b.transpose(y, &[0, 3, 1, 2, 4]) }
}

/// The arguments that say how windows lie; no padding is 0, which is no size.
fn windows(c: &Call<'_>) -> Result<Windows> {
    let pair = |name: &str| match c.sizes_or(name, 2, 1)?.as_slice() {
        &[h, w] => Ok([h, w]),
        _ => Err(c.bad_argument(name, "two integers", "others")),
    };
    let padding = c.opt_ints("padding")?.unwrap_or_else(|| vec![0]);
    let padding: Vec<usize> = padding.iter().filter_map(|&p| usize::try_from(p).ok()).collect();
    let padding = match padding.as_slice() {
        &[one] => [one; 2],
        &[h, w] => [h, w],
        other => return Err(c.bad_argument("padding", "two integers from 0 up", &format!("{other:?}"))),
    };
    Ok(Windows { kernel: pair("kernel_size")?, dilation: pair("dilation")?, padding, stride: pair("stride")? })
}

fn unfold(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "input")?;
    let (channels, windows) = (c.known_dim(x, 1)?, windows(c)?);
    let sizes = [2, 3].map(|axis| c.b.shape(x).get(axis).and_then(Dim::known));
    match windows.why_not_taken(sizes) {
        Some(why) => Err(c.unsupported(why)),
        None => c.b.columns(x, channels, &windows),
    }
}

fn fold(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    let (depth, windows) = (c.known_dim(x, 1)?, windows(c)?);
    let &[h, w] = c.sizes_or("output_size", 2, 1)?.as_slice() else {
        return Err(c.bad_argument("output_size", "two integers", "others"));
    };
    match windows.why_not_summed([h, w]) {
        Some(why) => Err(c.unsupported(why)),
        None => c.b.image_of_columns(x, depth, [h, w], &windows),
    }
}
