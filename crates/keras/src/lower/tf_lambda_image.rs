//! TensorFlow functions of images (TensorFlow 2.15's argument names).
//!
//! Owns: resampling and blocks as functions. Must never know: the table that finds them.

use super::call::Call;
use super::preprocessing_resize::{self as resample, Resampling};
use super::tf_lambda_args as args;
use modelport_diag::Result;
use modelport_ir::core::{CoordinateMode, DataLayout, DepthToSpaceMode, NearestMode, ResizeMode};
use modelport_ir::{Op, ValueId};

type Out = Result<ValueId>;

/// `tf.image.resize` (TensorFlow 2).
pub(super) fn resize(c: &mut Call<'_>) -> Out {
    let size = args::ints(c, 1, &["size"])?.unwrap_or_default();
    let positive = |v: i64| usize::try_from(v).ok().filter(|v| *v > 0);
    let size = match size.as_slice() {
        &[h, w] => positive(h).zip(positive(w)),
        _ => None,
    };
    let (h, w) = size.ok_or_else(|| c.missing_argument("size", "height and width"))?;
    if args::flag(c, 3, &["preserve_aspect_ratio"]) {
        return Err(c.unsupported("it has no lowering").at_attribute("preserve_aspect_ratio"));
    }
    let method = args::text(c, 2, &["method"], "bilinear").to_lowercase();
    let how = Resampling {
        size: [h, w],
        interpolation: method.rsplit('.').next().unwrap_or("bilinear").to_owned(),
        antialias: args::flag(c, 4, &["antialias"]),
        crop_to_aspect_ratio: false,
        pad_to_aspect_ratio: false,
        fill_value: 0.0,
        data: DataLayout::ChannelsLast,
    };
    let x = args::x(c)?;
    resample::resize(c, x, &how)
}

/// `tf.compat.v1.image.resize_bilinear` and `resize_nearest_neighbor`, which Keras's `resize_images` was made of.
pub(super) fn resize_v1(c: &mut Call<'_>, mode: ResizeMode) -> Out {
    let size = args::ints(c, 1, &["size"])?.unwrap_or_default();
    let (aligned, half) = (args::flag(c, 2, &["align_corners"]), args::flag(c, 4, &["half_pixel_centers"]));
    let (coordinates, nearest) = match (aligned, half) {
        (true, _) => (CoordinateMode::AlignCorners, NearestMode::RoundPreferCeil),
        (_, true) => (CoordinateMode::HalfPixel, NearestMode::RoundPreferCeil),
        _ => (CoordinateMode::Asymmetric, NearestMode::Floor),
    };
    let x = args::x(c)?;
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
    let sizes = c.b.ints(&size);
    c.b.one_opt(op, &[Some(x), None, Some(sizes)])
}

fn blocks(c: &Call<'_>) -> Result<(usize, DataLayout)> {
    let block = args::int(c, 1, &["block_size"], 0)?;
    let block = usize::try_from(block).map_err(|_| c.missing_argument("block_size", "a positive integer"))?;
    let last = args::text(c, usize::MAX, &["data_format"], "NHWC") == "NHWC";
    Ok((block, if last { DataLayout::ChannelsLast } else { DataLayout::ChannelsFirst }))
}

pub(super) fn depth_to_space(c: &mut Call<'_>) -> Out {
    let (block, data) = blocks(c)?;
    let x = args::x(c)?;
    c.b.one(Op::DepthToSpace { block, mode: DepthToSpaceMode::Dcr, data }, &[x])
}

pub(super) fn space_to_depth(c: &mut Call<'_>) -> Out {
    let (block, data) = blocks(c)?;
    let x = args::x(c)?;
    c.b.one(Op::SpaceToDepth { block, data }, &[x])
}
