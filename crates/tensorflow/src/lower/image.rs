//! Images: resampling, blocks, patches (`core/ops/image_ops.cc`, `core/kernels/image`).

use super::call::Call;
use super::formula as f;
use super::image_kernels::{self as kernels, Scaling};
use super::image_spans::{self as spans, Axis};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{CoordinateMode, DataLayout, DepthToSpaceMode, NearestMode, Padding, ResizeMode};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("ResizeNearestNeighbor", nearest),
    row("ResizeBilinear", bilinear),
    row("ResizeBicubic", bicubic),
    row("ResizeArea", area),
    row("ScaleAndTranslate", scale_and_translate),
    row("DepthToSpace", |c| {
        let (block, data) = blocks(c)?;
        let x = c.x()?;
        c.b.one(Op::DepthToSpace { block, mode: DepthToSpaceMode::Dcr, data }, &[x])
    }),
    row("SpaceToDepth", |c| {
        let (block, data) = blocks(c)?;
        let x = c.x()?;
        c.b.one(Op::SpaceToDepth { block, data }, &[x])
    }),
    row("ExtractImagePatches", patches),
];

/// How output positions map to the input, from the attributes.
fn scaling(c: &Call<'_>) -> Result<Scaling> {
    Ok(match (c.bool_or("align_corners", false)?, c.bool_or("half_pixel_centers", false)?) {
        (true, _) => Scaling::AlignCorners,
        (false, true) => Scaling::HalfPixel,
        (false, false) => Scaling::Corner,
    })
}

fn coordinates(s: Scaling) -> CoordinateMode {
    match s {
        Scaling::AlignCorners => CoordinateMode::AlignCorners,
        Scaling::HalfPixel => CoordinateMode::HalfPixel,
        Scaling::Corner => CoordinateMode::Asymmetric,
    }
}

/// Height and width of the input, and of the result, where all are known.
fn known_sizes(c: &Call<'_>, x: ValueId) -> Result<Option<[(usize, usize); 2]>> {
    let Some(sizes) = c.opt_ints(1)? else { return Ok(None) };
    let from = |axis: usize| c.b.shape(x).get(axis).and_then(Dim::known).filter(|n| *n > 0);
    let to = |i: usize| sizes.get(i).and_then(|&n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let pair = |i: usize| Some((from(i + 1)?, to(i)?));
    Ok(pair(0).zip(pair(1)).map(|(h, w)| [h, w]))
}

/// The same where the weights may be matrices in the file. Of results that are very much larger than the image, the model
/// computes them itself: a few bytes would ask for any number of them.
fn matrix_sizes(c: &Call<'_>, x: ValueId) -> Result<Option<[(usize, usize); 2]>> {
    let fits = |&(n, m): &(usize, usize)| {
        let all = n.saturating_mul(m);
        all <= 1 << 15 || m / 16 <= n && all <= MOST
    };
    Ok(known_sizes(c, x)?.filter(|sizes| sizes.iter().all(fits)))
}

fn resize(
    c: &mut Call<'_>,
    x: ValueId,
    mode: ResizeMode,
    coordinates: CoordinateMode,
    nearest: NearestMode,
) -> Result<ValueId> {
    let sizes = c.input(1)?;
    let sizes = f::long_vector(c.b, sizes)?;
    let op = Op::Resize {
        mode,
        coordinates,
        nearest,
        cubic_a: -0.75,
        antialias: false,
        exclude_outside: false,
        extrapolation: 0.0,
        axes: vec![1, 2],
    };
    c.b.one_opt(op, &[Some(x), None, Some(sizes)])
}

/// Where a size is not a multiple of the other, rounding decides which pixel is taken: rows and columns are picked.
fn nearest(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    c.need_rank(x, 4)?;
    let how = scaling(c)?;
    if let Some(sizes) = known_sizes(c, x)? {
        let whole = |&(n, m): &(usize, usize)| m % n == 0 || n % m == 0;
        if how == Scaling::AlignCorners || !sizes.iter().all(whole) {
            let half = c.bool_or("half_pixel_centers", false)?;
            let axes = open_axes(c, x)?;
            let mut y = x;
            for (i, (&(n, m), axis)) in sizes.iter().zip(axes).enumerate().filter(|(_, ((n, m), _))| n != m) {
                let at = match m {
                    ..=MOST_PIXELS => c.b.ints(&kernels::nearest(n, m, how, half)),
                    _ => spans::nearest(c, axis, how, half)?,
                };
                y = c.b.one(Op::Gather { axis: i as i64 + 1 }, &[y, at])?;
            }
            return Ok(y);
        }
    }
    let (mode, nearest) = match how {
        Scaling::Corner => (CoordinateMode::Asymmetric, NearestMode::Floor),
        // floor((i + 1/2) · scale) is the nearest pixel, halves up.
        Scaling::HalfPixel => (CoordinateMode::HalfPixel, NearestMode::RoundPreferCeil),
        Scaling::AlignCorners => (CoordinateMode::AlignCorners, NearestMode::RoundPreferCeil),
    };
    resize(c, x, ResizeMode::Nearest, mode, nearest)
}

/// The result is in single precision, whatever the operand is.
fn floats(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    c.need_rank(x, 4)?;
    c.b.cast(x, DType::F32)
}

fn bilinear(c: &mut Call<'_>) -> Result<ValueId> {
    let x = floats(c)?;
    let how = scaling(c)?;
    resize(c, x, ResizeMode::Linear, coordinates(how), NearestMode::RoundPreferFloor)
}

/// TensorFlow looks the weights of bicubic resampling up in a table of 1024 steps, which no runtime does: they are
/// matrices.
fn bicubic(c: &mut Call<'_>) -> Result<ValueId> {
    let x = floats(c)?;
    let how = scaling(c)?;
    match matrix_sizes(c, x)? {
        Some([h, w]) => {
            let rows = kernels::bicubic(h.0, h.1, how);
            let columns = kernels::bicubic(w.0, w.1, how);
            mixed(c, x, h, w, &rows, &columns)
        }
        None => {
            let [tall, wide] = open_axes(c, x)?;
            let (rows, columns) = (spans::bicubic(c, tall, how)?, spans::bicubic(c, wide, how)?);
            spans::mixed(c, x, tall, rows, columns)
        }
    }
}

/// The mean of the pixels, or parts of pixels, that an output pixel covers.
fn area(c: &mut Call<'_>) -> Result<ValueId> {
    let x = floats(c)?;
    let aligned = c.bool_or("align_corners", false)?;
    let Some([h, w]) = matrix_sizes(c, x)? else {
        let [tall, wide] = open_axes(c, x)?;
        let (rows, columns) = (spans::area(c, tall, aligned)?, spans::area(c, wide, aligned)?);
        return spans::mixed(c, x, tall, rows, columns);
    };
    let (rows, columns) = (kernels::area(h.0, h.1, aligned), kernels::area(w.0, w.1, aligned));
    mixed(c, x, h, w, &rows, &columns)
}

/// The axes of an image whose sizes are open.
fn open_axes(c: &mut Call<'_>, x: ValueId) -> Result<[Axis; 2]> {
    let sizes = c.input(1)?;
    let sizes = f::long_vector(c.b, sizes)?;
    Ok([Axis::new(c, x, 1, sizes, 0)?, Axis::new(c, x, 2, sizes, 1)?])
}

/// (x, size, scale, translation)
fn scale_and_translate(c: &mut Call<'_>) -> Result<ValueId> {
    let x = floats(c)?;
    let kernel = c.str_or("kernel_type", "lanczos3")?.to_owned();
    let antialias = c.bool_or("antialias", true)?;
    let unknown = |c: &Call<'_>| c.bad_value("kernel_type", "a kernel that TensorFlow has", &kernel);
    let numbers = |i: usize| c.inputs.get(i).and_then(|&v| c.b.as_constant(v)).map(Tensor::to_f64s).transpose();
    let (Some([h, w]), Some(scale), Some(shift)) = (matrix_sizes(c, x)?, numbers(2)?, numbers(3)?) else {
        let axes = open_axes(c, x)?;
        let (scale, shift) = (c.input(2)?, c.input(3)?);
        let mut weights = Vec::with_capacity(2);
        for (i, axis) in axes.into_iter().enumerate() {
            let (scale, shift) = (f::element(c.b, scale, i)?, f::element(c.b, shift, i)?);
            weights.push(spans::spans(c, axis, scale, shift, &kernel, antialias)?.ok_or_else(|| unknown(c))?);
        }
        let [rows, columns] = f::two(&weights)?;
        return spans::mixed(c, x, axes[0], rows, columns);
    };
    let (&[sh, sw], &[th, tw]) = (scale.as_slice(), shift.as_slice()) else {
        return Err(c.unsupported("scale and translation must have two numbers each"));
    };
    let spans = |(n, m): (usize, usize), s: f64, t: f64| kernels::spans(n, m, s as f32, t as f32, &kernel, antialias);
    match (spans(h, sh, th), spans(w, sw, tw)) {
        (Some(rows), Some(columns)) => mixed(c, x, h, w, &rows, &columns),
        _ => Err(unknown(c)),
    }
}

/// More weights than this are written as no matrix.
const MOST: usize = 1 << 22;

/// More places of pixels than this are not written.
const MOST_PIXELS: usize = 4096;

/// Rows mixed by one matrix [result, input], columns by another.
fn mixed(
    c: &mut Call<'_>,
    x: ValueId,
    h: (usize, usize),
    w: (usize, usize),
    rows: &[f64],
    columns: &[f64],
) -> Result<ValueId> {
    let stays = (kernels::is_identity(h, rows), kernels::is_identity(w, columns));
    let channels = c.b.shape(x).get(3).cloned();
    let matrix = |c: &mut Call<'_>, name: &str, (n, m): (usize, usize), weights: &[f64]| {
        let tensor = Tensor::from_f64s(DType::F32, &[m, n], weights)?;
        Ok::<_, Box<modelport_diag::Diagnostic>>(c.b.constant(format!("{}/{name}", c.b.scope()), tensor))
    };
    let (rows, columns) = (matrix(c, "rows", h, rows)?, matrix(c, "columns", w, columns)?);
    // [N, H, W·C] by rows, then [N, H', W, C] by columns.
    let mut y = x;
    if !stays.0 {
        let wide = [f::From::Dim(x, 0), f::From::Size(h.0 as i64), f::From::Times(x, 3, w.0 as i64)];
        let wide = if channels.as_ref().and_then(Dim::known).is_some() {
            f::reshape(c.b, y, &wide)?
        } else {
            c.b.reshape(y, &[0, h.0 as i64, -1])?
        };
        let mixed = c.b.one(Op::MatMul, &[rows, wide])?;
        let back = [f::From::Dim(x, 0), f::From::Size(h.1 as i64), f::From::Size(w.0 as i64), f::From::Dim(x, 3)];
        y = f::reshape(c.b, mixed, &back)?;
    }
    if stays.1 { Ok(y) } else { c.b.one(Op::MatMul, &[columns, y]) }
}

fn blocks(c: &Call<'_>) -> Result<(usize, DataLayout)> {
    let block = c.int_or("block_size", 0)?;
    let block = usize::try_from(block)
        .ok()
        .filter(|n| (1..1 << 16).contains(n))
        .ok_or_else(|| c.bad_value("block_size", "a positive integer", &block.to_string()))?;
    Ok((block, c.data_layout()?))
}

/// Every window's pixels as channels: a convolution with kernels that each pick one pixel, channel by channel.
fn patches(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    c.need_rank(x, 4)?;
    let data = DataLayout::ChannelsLast;
    let take = |name: &str| super::conv::spatial(c, name, &c.sizes(name, 4, 1)?, data);
    let (window, strides, dilations) = (take("ksizes")?, take("strides")?, take("rates")?);
    let padding: Padding = super::conv::padding(c, 4, data)?;
    let channels = c.known_dim(x, 3)?;
    let &[h, w] = window.as_slice() else { return Err(c.unsupported("a window has two sizes")) };
    let area = h.saturating_mul(w);
    let size = area.saturating_mul(area).saturating_mul(channels);
    if size > MOST {
        return Err(c.unsupported("the window is too large").found(format!("{window:?}")));
    }
    // Output channel `channel · area + place` of the group `channel` picks that place.
    let mut kernel = vec![0.0; size];
    for place in 0..area {
        for channel in 0..channels {
            if let Some(k) = kernel.get_mut((place * channels + channel) * area + place) {
                *k = 1.0;
            }
        }
    }
    let dtype = c.b.dtype(x);
    let (x, to) = if dtype.is_float() { (x, dtype) } else { (c.b.cast(x, DType::F32)?, DType::F32) };
    let kernel = Tensor::from_f64s(to, &[h, w, 1, channels * area], &kernel)?;
    let kernel = c.b.constant(format!("{}/windows", c.b.scope()), kernel);
    let window = super::conv::Window { strides, dilations, padding, data };
    let y = c.b.one(window.op(channels), &[x, kernel])?;
    let dims = |a: i64, b: i64| {
        [f::From::Dim(y, 0), f::From::Dim(y, 1), f::From::Dim(y, 2), f::From::Size(a), f::From::Size(b)]
    };
    let (channels, area) = (channels as i64, area as i64);
    let split = f::reshape(c.b, y, &dims(channels, area))?;
    let turned = c.b.transpose(split, &[0, 1, 2, 4, 3])?;
    let flat = f::reshape(c.b, turned, &dims(channels * area, 1)[..4])?;
    c.b.cast(flat, dtype)
}
