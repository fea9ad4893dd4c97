//! torchvision's ops, and quantisation.

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("torchvision::nms", nms),
    row("torchvision::roi_align", roi_align),
    row_many("torchvision::roi_pool", |c| Err(c.unsupported("ONNX has no op of this meaning"))).refuses(),
    row("torchvision::deform_conv2d", |c| Err(c.unsupported("ONNX below opset 19 has no op of this meaning")))
        .refuses(),
    row("aten::fake_quantize_per_tensor_affine", |c| fake_quantized(c, "self", None)),
    row_many("aten::fake_quantize_per_tensor_affine_cachemask", cached),
    row_many("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", cached),
    row("aten::fake_quantize_per_channel_affine", |c| {
        let axis = c.int("axis")?;
        fake_quantized(c, "self", Some(axis))
    }),
    row_many("aten::fake_quantize_per_channel_affine_cachemask", cached),
    row("quantized_decomposed::quantize_per_tensor", |c| quantize(c, None)),
    row("quantized_decomposed::quantize_per_channel", |c| {
        let axis = c.int("axis")?;
        quantize(c, Some(axis))
    }),
    row("quantized_decomposed::dequantize_per_tensor", |c| dequantize(c, None)),
    row("quantized_decomposed::dequantize_per_channel", |c| {
        let axis = c.int("axis")?;
        dequantize(c, Some(axis))
    }),
];

/// Indices of the boxes that stay, best first.
fn nms(c: &mut Call<'_>) -> Result<ValueId> {
    let (boxes, scores) = (c.tensor("dets")?, c.tensor("scores")?);
    let threshold = c.number("iou_threshold")?;
    let (boxes, scores) = (c.b.cast(boxes, DType::F32)?, c.b.cast(scores, DType::F32)?);
    let count = c.b.one(Op::Size, &[scores])?;
    let (boxes, scores) = (c.b.unsqueeze(boxes, &[0])?, c.b.unsqueeze(scores, &[0, 1])?);
    let threshold = c.b.scalar(DType::F32, threshold);
    let kept = c.b.one(Op::NonMaxSuppression { center_point_box: false }, &[boxes, scores, count, threshold])?;
    let column = c.b.constant("", modelport_ir::Tensor::int_scalar(2));
    c.b.one(Op::Gather { axis: 1 }, &[kept, column])
}

/// Each region is the image's number and two corners.
fn roi_align(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, rois) = (c.tensor("input")?, c.tensor("rois")?);
    let image = c.b.slice_axis(rois, 1, 0, 1, 1)?;
    let image = c.b.squeeze(image, &[1])?;
    let image = c.b.cast(image, DType::I64)?;
    let corners = c.b.slice_axis(rois, 1, 1, 5, 1)?;
    let op = Op::RoiAlign {
        average: true,
        output_height: c.count("pooled_height")?,
        output_width: c.count("pooled_width")?,
        // Any number below 1 means as many samples as the region needs.
        sampling_ratio: usize::try_from(c.int("sampling_ratio")?.max(0)).unwrap_or(0),
        spatial_scale: c.number("spatial_scale")?,
        half_pixel: c.flag("aligned")?,
    };
    c.b.one(op, &[x, corners, image])
}

/// A vector of one number a channel, shaped to broadcast along `axis` of `x`.
fn along(c: &mut Call<'_>, v: ValueId, x: ValueId, axis: Option<i64>) -> Result<ValueId> {
    let Some(axis) = axis else { return if c.rank(v) == 0 { Ok(v) } else { c.b.reshape(v, &[]) } };
    let axis = c.axis_of(axis, c.rank(x))?;
    let mut dims = vec![1i64; c.rank(x)];
    if let Some(slot) = dims.get_mut(axis) {
        *slot = -1;
    }
    c.b.reshape(v, &dims)
}

/// Scale and zero point in the type of `x`.
fn parameters(c: &mut Call<'_>, x: ValueId, axis: Option<i64>) -> Result<(ValueId, ValueId)> {
    let name = |a: &'static str, b: &'static str| if c.arg(a).is_some() { a } else { b };
    let (scale, zero) = (name("scale", "scales"), name("zero_point", "zero_points"));
    let scale = c.side(scale)?.value;
    let dtype = c.b.dtype(x);
    let scale = c.b.cast(scale, dtype)?;
    let zero = if c.arg(zero).is_some() { c.side(zero)?.value } else { c.b.scalar(DType::I64, 0.0) };
    let zero = c.b.cast(zero, dtype)?;
    Ok((along(c, scale, x, axis)?, along(c, zero, x, axis)?))
}

/// The integer that stands for `x`, still as a float: rounded to even, shifted, limited.
fn levels(c: &mut Call<'_>, x: ValueId, axis: Option<i64>) -> Result<(ValueId, ValueId, ValueId)> {
    let (scale, zero) = parameters(c, x, axis)?;
    let inverse = c.unary(UnaryOp::Reciprocal, scale)?;
    let q = c.binary(BinaryOp::Mul, x, inverse)?;
    let q = c.unary(UnaryOp::Round, q)?;
    let q = c.binary(BinaryOp::Add, q, zero)?;
    let (low, high) = (c.number("quant_min")?, c.number("quant_max")?);
    Ok((c.clip(q, Some(low), Some(high))?, scale, zero))
}

fn fake_quantized(c: &mut Call<'_>, name: &str, axis: Option<i64>) -> Result<ValueId> {
    let x = c.float_tensor(name)?;
    let (q, scale, zero) = levels(c, x, axis)?;
    let q = c.binary(BinaryOp::Sub, q, zero)?;
    c.binary(BinaryOp::Mul, q, scale)
}

/// With a mask of what was not limited, for the backward pass.
fn cached(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axis = c.opt_int("axis")?;
    let out = fake_quantized(c, "self", axis)?;
    let shape = c.shape(out)?;
    let mask = c.b.scalar(DType::Bool, 1.0);
    Ok(vec![out, c.b.one(Op::Expand, &[mask, shape])?])
}

fn quantize(c: &mut Call<'_>, axis: Option<i64>) -> Result<ValueId> {
    let x = c.float_tensor("input")?;
    let to = c.opt_dtype("dtype")?.ok_or_else(|| c.bad("dtype", "a dtype"))?;
    let (q, ..) = levels(c, x, axis)?;
    c.b.cast(q, to)
}

fn dequantize(c: &mut Call<'_>, axis: Option<i64>) -> Result<ValueId> {
    let x = c.tensor("input")?;
    let to = c.opt_dtype("out_dtype")?.unwrap_or(DType::F32);
    let x = c.b.cast(x, to)?;
    let (scale, zero) = parameters(c, x, axis)?;
    let x = c.binary(BinaryOp::Sub, x, zero)?;
    c.binary(BinaryOp::Mul, x, scale)
}
