//! Resampling and regions.

use super::super::emit::Ctx;
use super::super::node::NodeOut;
use modelport_diag::Result;
use modelport_ir::core::{CoordinateMode, GridMode, ResizeMode};
use modelport_ir::{Op, Tensor};

pub(super) fn fill(c: &mut Ctx<'_, '_>, n: &mut NodeOut) -> Result<()> {
    match &c.node.op {
        Op::Resize { .. } => resize(c, n)?,
        Op::GridSample { mode, padding, align_corners } => {
            let old = c.opset() < 20;
            n.text(
                "mode",
                match mode {
                    GridMode::Linear if old => "bilinear",
                    GridMode::Cubic if old => "bicubic",
                    mode => mode.name(),
                },
            );
            n.text_unless("zeros", "padding_mode", padding.name());
            n.flag("align_corners", *align_corners);
        }
        Op::RoiAlign { average, output_height, output_width, sampling_ratio, spatial_scale, half_pixel } => {
            n.text_unless("avg", "mode", if *average { "avg" } else { "max" });
            n.int("output_height", *output_height as i64);
            n.int("output_width", *output_width as i64);
            n.int_unless(0, "sampling_ratio", *sampling_ratio as i64);
            n.float_unless(1.0, "spatial_scale", *spatial_scale);
            if c.opset() >= 16 {
                let mode = if *half_pixel { "half_pixel" } else { "output_half_pixel" };
                n.text("coordinate_transformation_mode", mode);
            }
        }
        Op::NonMaxSuppression { center_point_box } => n.flag("center_point_box", *center_point_box),
        _ => {}
    }
    Ok(())
}

/// The region of interest, which no core op uses, stands between data and scales.
fn resize(c: &mut Ctx<'_, '_>, n: &mut NodeOut) -> Result<()> {
    let Op::Resize { mode, coordinates, nearest, cubic_a, antialias, exclude_outside, extrapolation, axes } =
        &c.node.op
    else {
        return Ok(());
    };
    if c.opset() >= 13 {
        n.inputs.insert(1, String::new());
    } else {
        let empty = c.tensor("empty", &Tensor::floats(&[]))?;
        if let Some(scales) = n.inputs.get_mut(1).filter(|s| s.is_empty()) {
            scales.clone_from(&empty);
        }
        n.inputs.insert(1, empty);
    }
    n.text("mode", mode.name());
    n.text(
        "coordinate_transformation_mode",
        match coordinates {
            CoordinateMode::PytorchHalfPixel => "pytorch_half_pixel",
            other => other.name(),
        },
    );
    if *mode == ResizeMode::Nearest {
        n.text("nearest_mode", nearest.name());
    }
    if *mode == ResizeMode::Cubic {
        n.float("cubic_coeff_a", *cubic_a);
    }
    n.flag("antialias", *antialias);
    n.flag("exclude_outside", *exclude_outside);
    n.float_unless(0.0, "extrapolation_value", *extrapolation);
    if !axes.is_empty() {
        n.ints("axes", axes);
    }
    Ok(())
}
