//! Zero padding, cropping, upsampling over spatial axes (`keras/src/layers/reshaping`).

use super::call::Call;
use super::config::show;
use super::preprocessing_resize::{Resampling, resize};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{CoordinateMode, NearestMode, PadMode, ResizeMode};
use modelport_ir::{Attr, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("ZeroPadding1D", |c| zero_padding(c, 1)),
    row("ZeroPadding2D", |c| zero_padding(c, 2)),
    row("ZeroPadding3D", |c| zero_padding(c, 3)),
    row("Cropping1D", |c| cropping(c, 1)),
    row("Cropping2D", |c| cropping(c, 2)),
    row("Cropping3D", |c| cropping(c, 3)),
    row("UpSampling1D", |c| up_sampling(c, 1)),
    row("UpSampling2D", |c| up_sampling(c, 2)),
    row("UpSampling3D", |c| up_sampling(c, 3)),
];

/// Elements before and after each axis: one number for all, one an axis, or a pair an axis; with one axis, a pair.
fn pairs(c: &Call<'_>, name: &str, n: usize) -> Result<Vec<(i64, i64)>> {
    let number = |a: &Attr| a.as_int().filter(|i| (0..1 << 31).contains(i));
    let pair = |a: &Attr| match a.as_list() {
        Some([x, y]) => Some((number(x)?, number(y)?)),
        Some(_) => None,
        None => number(a).map(|k| (k, k)),
    };
    let attr = c.op.attr(name).ok_or_else(|| c.missing_argument(name, "numbers"))?;
    let found = match attr.as_list() {
        Some([a, b]) if n == 1 && a.as_list().is_none() => number(a).zip(number(b)).map(|p| vec![p]),
        Some(list) if list.len() == n => list.iter().map(pair).collect(),
        Some(_) => None,
        None => number(attr).map(|k| vec![(k, k); n]),
    };
    found.ok_or_else(|| c.bad_argument(name, &format!("pairs of numbers for {n} axes"), &show(attr)))
}

/// The input and its first spatial axis.
fn spatial(c: &Call<'_>, n: usize) -> Result<(ValueId, usize)> {
    let x = c.x()?;
    if c.b.rank(x) != n + 2 {
        return Err(c.unsupported(format!("needs an input of rank {}", n + 2)).found(c.b.ty(x).to_string()));
    }
    Ok((x, c.data_layout()?.spatial_axes(n + 2).start))
}

fn zero_padding(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let (x, first) = spatial(c, n)?;
    let mut pads = vec![0; 2 * (n + 2)];
    for (i, (before, after)) in pairs(c, "padding", n)?.into_iter().enumerate() {
        pads[first + i] = before;
        pads[n + 2 + first + i] = after;
    }
    let pads = c.b.ints(&pads);
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[x, pads])
}

fn cropping(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let (x, first) = spatial(c, n)?;
    let crops = pairs(c, "cropping", n)?;
    for (i, (before, after)) in crops.iter().enumerate() {
        if let Some(size) = c.b.shape(x).get(first + i).and_then(modelport_ir::Dim::known)
            && (before + after) as usize >= size
        {
            let expected = format!("less than {size} elements cut from axis {}", first + i);
            return Err(c.bad_argument("cropping", &expected, &format!("{}", before + after)));
        }
    }
    let starts: Vec<i64> = crops.iter().map(|p| p.0).collect();
    let ends: Vec<i64> = crops.iter().map(|p| if p.1 == 0 { i64::MAX } else { -p.1 }).collect();
    let axes: Vec<i64> = (first..first + n).map(|a| a as i64).collect();
    let operands = [x, c.b.ints(&starts), c.b.ints(&ends), c.b.ints(&axes)];
    c.b.one(Op::Slice, &operands)
}

fn up_sampling(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let (x, first) = spatial(c, n)?;
    let factors = c.sizes_or("size", n, 2)?;
    // `area` at a whole factor repeats elements, as `nearest` does.
    let (mode, coordinates) = match c.str_or("interpolation", "nearest")?.to_lowercase().as_str() {
        "nearest" | "area" => (ResizeMode::Nearest, CoordinateMode::Asymmetric),
        "bilinear" => (ResizeMode::Linear, CoordinateMode::HalfPixel),
        // What the shim writes for files of Keras before 2.4, which sampled from the corners of pixels.
        "bilinear_keras2" => (ResizeMode::Linear, CoordinateMode::Asymmetric),
        other => return interpolated(c, x, first, &factors, other),
    };
    let scales: Vec<f32> = factors.iter().map(|&f| f as f32).collect();
    let scales = c.b.constant("", Tensor::floats(&scales));
    let op = Op::Resize {
        mode,
        coordinates,
        nearest: NearestMode::Floor,
        cubic_a: -0.5,
        antialias: false,
        exclude_outside: false,
        extrapolation: 0.0,
        axes: (first..first + n).map(|a| a as i64).collect(),
    };
    c.b.one_opt(op, &[Some(x), Some(scales), None])
}

/// The interpolations that images of a known size have, as `Resizing` computes them.
fn interpolated(c: &mut Call<'_>, x: ValueId, first: usize, factors: &[usize], interpolation: &str) -> Result<ValueId> {
    let &[fh, fw] = factors else {
        return Err(c.bad_argument("interpolation", "`nearest`", interpolation));
    };
    let (h, w) = (c.known_dim(x, first)?, c.known_dim(x, first + 1)?);
    let how = Resampling {
        size: [h.saturating_mul(fh), w.saturating_mul(fw)],
        interpolation: interpolation.to_owned(),
        antialias: false,
        crop_to_aspect_ratio: false,
        pad_to_aspect_ratio: false,
        fill_value: 0.0,
        data: c.data_layout()?,
    };
    resize(c, x, &how)
}
