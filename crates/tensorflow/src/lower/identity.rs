//! Ops that hand values on, and casts (`core/ops/array_ops.cc`, `math_ops.cc`).

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Dim, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Identity", |c| c.x()),
    row_many("IdentityN", |c| Ok(c.inputs.clone())),
    row("Snapshot", |c| c.x()),
    row("StopGradient", |c| c.x()),
    row("PreventGradient", |c| c.x()),
    row("CheckNumerics", |c| c.x()),
    row("CheckNumericsV2", |c| c.x()),
    row("DeepCopy", |c| c.x()),
    row("Print", |c| c.x()),
    row("PlaceholderWithDefault", |c| c.x()),
    row("EnsureShape", ensure_shape),
    row("Cast", cast),
    row("Bitcast", bitcast),
];

/// What the attribute knows beyond inference is kept by a reshape.
fn ensure_shape(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let Some(shape) = c.op.attr("shape").and_then(modelport_ir::Attr::as_ints) else { return Ok(x) };
    let rank = c.b.rank(x);
    let news = |(d, &n): (&Dim, &i64)| d.known().is_none() && n > 0;
    if shape.len() != rank || !c.b.shape(x).iter().zip(&shape).any(news) {
        return Ok(x);
    }
    let target: Vec<i64> = shape.iter().map(|&n| if n > 0 { n } else { 0 }).collect();
    if c.b.shape(x).contains(&Dim::Known(0)) { Ok(x) } else { c.b.reshape(x, &target) }
}

/// Floats become integers by dropping the fraction.
fn cast(c: &mut Call<'_>) -> Result<ValueId> {
    let to = c.dtype_attr("DstT")?.ok_or_else(|| c.bad_value("DstT", "an element type", "nothing"))?;
    if let Some(z) = super::complex::cast(c, to)? {
        return Ok(z);
    }
    let x = c.x()?;
    if to == DType::Str || super::driver::is_text(c.b, x) {
        return Err(c.unsupported("strings are not cast"));
    }
    if to == DType::Bool && c.b.dtype(x).is_float() {
        // Not every runtime takes fractions for true.
        let zero = c.b.scalar_like(x, 0.0);
        let same = c.b.binary(BinaryOp::Equal, x, zero)?;
        return c.b.unary(UnaryOp::Not, same);
    }
    c.b.cast(x, to)
}

/// The same bytes for another type. ONNX has no operator for it: those of a constant are read anew, and of integers of one size
/// only the sign means something else.
fn bitcast(c: &mut Call<'_>) -> Result<ValueId> {
    let to = c.dtype_attr("type")?.ok_or_else(|| c.bad_value("type", "an element type", "nothing"))?;
    let x = c.x()?;
    let from = c.b.dtype(x);
    if from == to || from.is_int() && to.is_int() && from.size() == to.size() {
        return c.b.cast(x, to);
    }
    let Some(tensor) = c.b.as_constant(x).cloned().filter(|_| from.size() > 0 && to.size() > 0) else {
        return Err(c
            .unsupported("ONNX has no operator that takes the same bytes for another type")
            .expected("a constant, or integers of one size")
            .found(format!("{from} as {to}")));
    };
    let mut shape = tensor.shape().to_vec();
    let parts = to.size().max(from.size()) / to.size().min(from.size());
    if from.size() > to.size() {
        shape.push(parts);
    } else if from.size() < to.size() && shape.pop() != Some(parts) {
        let expected = format!("{parts} elements in the last axis");
        return Err(c.bad_value("type", &expected, &tensor.ty().to_string()));
    }
    let tensor = Tensor::from_bytes(to, shape, tensor.bytes()?)?;
    Ok(c.b.constant(c.b.scope(), tensor))
}
