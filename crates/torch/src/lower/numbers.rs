//! Python numbers that are computed at run time: sizes, their arithmetic, conversions.

use super::binary::floor_quotient;
use super::call::Call;
use super::pointwise::truth;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Attr, DType, Def, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::sym_size", sym_size).number(),
    row("aten::sym_numel", numel).number(),
    row("aten::sym_stride", sym_stride).number(),
    row("aten::sym_storage_offset", |c| {
        contiguous(c)?;
        Ok(c.b.constant("", Tensor::int_scalar(0)))
    })
    .number(),
    row("aten::sym_is_contiguous", sym_is_contiguous).number(),
    row("aten::item", item).number(),
    row("aten::Int", |c| converted(c, DType::I64)).number(),
    row("aten::Float", |c| converted(c, DType::F64)).number(),
    row("aten::Bool", boolean).number(),
    row("aten::floordiv", floordiv).number(),
    row("aten::sym_max", |c| both(c, BinaryOp::Max)).number(),
    row("aten::sym_min", |c| both(c, BinaryOp::Min)).number(),
    row("aten::sym_float", |c| converted(c, DType::F64)).number(),
    row("aten::sym_int", |c| converted(c, DType::I64)).number(),
    row("aten::sym_not", not).number(),
    row("aten::sym_ite", ite).number(),
    row("aten::_shape_as_tensor", |c| {
        let x = c.tensor("self")?;
        c.shape(x)
    }),
];

fn sym_size(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let size = c.dim(x, axis)?;
    let v = c.vector(&[size])?;
    c.b.squeeze(v, &[0])
}

/// A tensor whose elements lie in order. Values have no memory here; what a view of another order was made of tells.
pub(super) fn contiguous(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let graph = c.b.graph();
    let view = match graph.value(x).def {
        Def::Node(node, _) => {
            matches!(graph.node(node).op, Op::Transpose { .. } | Op::Expand | Op::Slice | Op::Split { .. })
        }
        _ => false,
    };
    if view {
        let help = "call .contiguous() or .clone() only where the place in memory has no meaning";
        return Err(c.unsupported("asks for the place in memory of a view, which the graph has not").help(help));
    }
    Ok(x)
}

/// The elements that all later dimensions have.
fn sym_stride(c: &mut Call<'_>) -> Result<ValueId> {
    let x = contiguous(c)?;
    let axis = c.axis("dim", c.rank(x))?;
    let mut stride = c.b.constant("", Tensor::int_scalar(1));
    for later in axis + 1..c.rank(x) {
        let size = c.dim(x, later)?;
        let size = c.vector(&[size])?;
        let size = c.b.squeeze(size, &[0])?;
        stride = c.binary(BinaryOp::Mul, stride, size)?;
    }
    Ok(stride)
}

fn sym_is_contiguous(c: &mut Call<'_>) -> Result<ValueId> {
    // `contiguous_format` is 1 in exported programs, 0 in TorchScript.
    match c.arg("memory_format") {
        None | Some(Attr::Int(0)) => {}
        Some(Attr::Str(format)) if matches!(format.as_str(), "1" | "contiguous_format") => {}
        _ => return Err(c.unsupported("asks for an order of elements in memory, which the graph has not")),
    }
    contiguous(c)?;
    Ok(c.b.scalar(DType::Bool, 1.0))
}

fn numel(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    c.b.one(Op::Size, &[x])
}

/// The only element.
fn only(c: &mut Call<'_>, name: &str) -> Result<ValueId> {
    let x = c.side(name)?.value;
    if c.rank(x) == 0 { Ok(x) } else { c.b.reshape(x, &[]) }
}

fn item(c: &mut Call<'_>) -> Result<ValueId> {
    let x = only(c, if c.arg("self").is_some() { "self" } else { "a" })?;
    let dtype = c.b.dtype(x);
    let to = if dtype.is_float() {
        DType::F64
    } else if dtype == DType::Bool {
        dtype
    } else {
        DType::I64
    };
    c.b.cast(x, to)
}

fn converted(c: &mut Call<'_>, to: DType) -> Result<ValueId> {
    let x = only(c, "a")?;
    c.b.cast(x, to)
}

fn boolean(c: &mut Call<'_>) -> Result<ValueId> {
    let x = only(c, "a")?;
    truth(c, x)
}

fn floordiv(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = numbers(c)?;
    floor_quotient(c, x, y)
}

/// Two numbers in the wider of their types.
fn numbers(c: &mut Call<'_>) -> Result<(ValueId, ValueId)> {
    let (x, y) = (only(c, "a")?, only(c, "b")?);
    let float = c.b.dtype(x).is_float() || c.b.dtype(y).is_float();
    let to = if float { DType::F64 } else { DType::I64 };
    Ok((c.b.cast(x, to)?, c.b.cast(y, to)?))
}

fn both(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let (x, y) = numbers(c)?;
    c.binary(op, x, y)
}

fn not(c: &mut Call<'_>) -> Result<ValueId> {
    let x = only(c, "a")?;
    let x = truth(c, x)?;
    c.unary(UnaryOp::Not, x)
}

fn ite(c: &mut Call<'_>) -> Result<ValueId> {
    let cond = only(c, "b")?;
    let cond = truth(c, cond)?;
    let (x, y) = (only(c, "t")?, only(c, "f")?);
    let y = c.b.cast(y, c.b.dtype(x))?;
    c.choose(cond, x, y)
}
