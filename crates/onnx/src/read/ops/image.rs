//! Resampling and regions.

use super::{Out, one};
use crate::read::Reader;
use crate::read::node::At;
use modelport_ir::core::{CoordinateMode, GridMode, GridPadding, NearestMode, ResizeMode};
use modelport_ir::{DType, Op, ValueId};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "Resize" => resize(r, at),
        "Upsample" => {
            let scales = at.opt(1).or_else(|| {
                let scales = at.attr("scales")?;
                Some(r.b.constant("", modelport_ir::Tensor::floats(&scales.floats)))
            });
            r.b.add(old_resize(at), &[at.opt(0), scales]).map(Some)
        }
        "GridSample" => {
            let mode = match at.text("mode", "linear").as_str() {
                "bilinear" | "linear" => GridMode::Linear,
                "bicubic" | "cubic" => GridMode::Cubic,
                "nearest" => GridMode::Nearest,
                other => return Err(at.wrong("mode", "linear, nearest or cubic", other)),
            };
            let padding = at.text("padding_mode", "zeros");
            let padding = GridPadding::from_name(&padding)
                .ok_or_else(|| at.wrong("padding_mode", "zeros, border or reflection", &padding))?;
            r.op(at, Op::GridSample { mode, padding, align_corners: at.flag("align_corners") })
        }
        "RoiAlign" => {
            let coordinates = at.text("coordinate_transformation_mode", if at.opset >= 16 { "half_pixel" } else { "" });
            let op = Op::RoiAlign {
                average: at.text("mode", "avg") == "avg",
                output_height: at.size("output_height", 1)?,
                output_width: at.size("output_width", 1)?,
                sampling_ratio: at.size("sampling_ratio", 0)?,
                spatial_scale: at.float("spatial_scale", 1.0),
                half_pixel: coordinates == "half_pixel",
            };
            r.op(at, op)
        }
        "NonMaxSuppression" => r.op(at, Op::NonMaxSuppression { center_point_box: at.flag("center_point_box") }),
        _ => Ok(None),
    }
}

/// `Upsample`, and `Resize` of opset 10.
fn old_resize(at: &At<'_, '_>) -> Op {
    let linear = at.text("mode", "nearest") == "linear";
    Op::Resize {
        mode: if linear { ResizeMode::Linear } else { ResizeMode::Nearest },
        coordinates: CoordinateMode::Asymmetric,
        nearest: NearestMode::Floor,
        cubic_a: -0.75,
        antialias: false,
        exclude_outside: false,
        extrapolation: 0.0,
        axes: Vec::new(),
    }
}

fn resize(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    if at.opset < 11 {
        return r.op(at, old_resize(at));
    }
    let mode = at.text("mode", "nearest");
    let mode = ResizeMode::from_name(&mode).ok_or_else(|| at.wrong("mode", "nearest, linear or cubic", &mode))?;
    let coordinates = at.text("coordinate_transformation_mode", "half_pixel");
    let coordinates = CoordinateMode::from_name(&coordinates)
        .ok_or_else(|| at.unsupported(&format!("coordinate_transformation_mode `{coordinates}`")))?;
    let nearest = at.text("nearest_mode", "round_prefer_floor");
    let nearest = NearestMode::from_name(&nearest).ok_or_else(|| at.wrong("nearest_mode", "a rounding", &nearest))?;
    if at.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return Err(at.unsupported("keep_aspect_ratio_policy"));
    }
    let cubic = mode == ResizeMode::Cubic;
    let cubic_a = at.float("cubic_coeff_a", -0.75);
    let op = Op::Resize {
        mode,
        coordinates,
        nearest: if mode == ResizeMode::Nearest { nearest } else { NearestMode::RoundPreferFloor },
        cubic_a: if cubic { cubic_a } else { -0.75 },
        antialias: at.flag("antialias"),
        exclude_outside: at.flag("exclude_outside"),
        extrapolation: at.float("extrapolation_value", 0.0),
        axes: at.ints("axes").unwrap_or_default().to_vec(),
    };
    // Scales that are there but empty stand for "not given".
    let given = |r: &Reader<'_>, id: Option<ValueId>| id.filter(|&id| r.b.ty(id).elements() != Some(0));
    let scales = given(r, at.opt(2));
    let sizes = if scales.is_some() { None } else { given(r, at.opt(3)) };
    let sizes = sizes.map(|s| r.b.cast(s, DType::I64)).transpose()?;
    one(r.b.one_opt(op, &[at.opt(0), scales, sizes])?)
}
