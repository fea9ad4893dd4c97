//! Products of matrices and what is built of them.

use super::binary::scaled;
use super::call::Call;
use super::reduce::vector_norm;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::linear", linear),
    row("aten::addmm", addmm),
    row("aten::mm", |c| product(c, "self", "mat2")),
    row("aten::bmm", |c| product(c, "self", "mat2")),
    row("aten::mv", |c| product(c, "self", "vec")),
    row("aten::dot", |c| product(c, "self", "tensor")),
    row("aten::inner", inner),
    row("aten::vdot", |c| product(c, "self", "other")),
    row("aten::matmul", |c| product(c, "self", "other")),
    row("aten::baddbmm", |c| add_product(c, "batch1", "batch2", false)),
    row("aten::addbmm", |c| add_product(c, "batch1", "batch2", true)),
    row("aten::addmv", |c| add_product(c, "mat", "vec", false)),
    row("aten::addr", addr),
    row("aten::outer", outer),
    row("aten::ger", outer),
    row("aten::einsum", einsum),
    row("aten::bilinear", bilinear),
    row("aten::cosine_similarity", cosine_similarity),
    row("aten::pairwise_distance", pairwise_distance),
    row("aten::cdist", cdist),
    row("aten::_cdist_forward", cdist),
    row("aten::pdist", pdist),
    row("aten::_pdist_forward", pdist),
    row("aten::linalg_cross", cross),
    row("aten::cross", cross),
];

/// `x·wᵀ + b`; of a matrix it is one `Gemm`.
pub(super) fn linear_of(c: &mut Call<'_>, x: ValueId, w: ValueId, bias: Option<ValueId>) -> Result<ValueId> {
    if c.rank(w) == 2 && c.rank(x) == 2 {
        return c
            .b
            .one_opt(Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true }, &[Some(x), Some(w), bias]);
    }
    let w = if c.rank(w) == 2 { c.b.transpose(w, &[1, 0])? } else { w };
    let out = c.b.one(Op::MatMul, &[x, w])?;
    match bias {
        Some(bias) => c.binary(BinaryOp::Add, out, bias),
        None => Ok(out),
    }
}

fn linear(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, w, bias) = (c.tensor("input")?, c.tensor("weight")?, c.opt_tensor("bias")?);
    linear_of(c, x, w, bias)
}

fn addmm(c: &mut Call<'_>) -> Result<ValueId> {
    let (bias, a, b) = (c.tensor("self")?, c.tensor("mat1")?, c.tensor("mat2")?);
    let (alpha, beta) = (c.number("alpha")?, c.number("beta")?);
    if c.b.dtype(a).is_float() {
        let bias = if beta == 0.0 { None } else { Some(bias) };
        return c.b.one_opt(Op::Gemm { alpha, beta, trans_a: false, trans_b: false }, &[Some(a), Some(b), bias]);
    }
    add_product(c, "mat1", "mat2", false)
}

fn product(c: &mut Call<'_>, x: &str, y: &str) -> Result<ValueId> {
    let (x, y) = (c.tensor(x)?, c.tensor(y)?);
    c.b.one(Op::MatMul, &[x, y])
}

fn inner(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (c.tensor("self")?, c.tensor("other")?);
    if c.rank(x) == 0 || c.rank(y) == 0 {
        return c.binary(BinaryOp::Mul, x, y);
    }
    let rank = c.rank(y);
    if rank > 2 {
        return Err(c.unsupported("operands of more than two dimensions are not converted"));
    }
    let y = if rank == 2 { c.b.transpose(y, &[1, 0])? } else { y };
    c.b.one(Op::MatMul, &[x, y])
}

fn add_product(c: &mut Call<'_>, a: &str, b: &str, summed: bool) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let mut y = product(c, a, b)?;
    if summed {
        y = c.b.reduce(ReduceKind::Sum, y, &[0], false)?;
    }
    let y = scaled(c, y, "alpha")?;
    if c.opt_number("beta")? == Some(0.0) {
        return Ok(y);
    }
    let x = scaled(c, x, "beta")?;
    c.binary(BinaryOp::Add, x, y)
}

fn outer_of(c: &mut Call<'_>, x: ValueId, y: ValueId) -> Result<ValueId> {
    let x = c.b.unsqueeze(x, &[1])?;
    c.binary(BinaryOp::Mul, x, y)
}

fn addr(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, a, b) = (c.tensor("self")?, c.tensor("vec1")?, c.tensor("vec2")?);
    let y = outer_of(c, a, b)?;
    let y = scaled(c, y, "alpha")?;
    let x = scaled(c, x, "beta")?;
    c.binary(BinaryOp::Add, x, y)
}

fn outer(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (c.tensor("self")?, c.tensor("vec2")?);
    outer_of(c, x, y)
}

/// PyTorch's equation may have capitals, as ONNX's; blanks do not count.
fn einsum(c: &mut Call<'_>) -> Result<ValueId> {
    let equation: String = c.opt_str("equation")?.unwrap_or_default().chars().filter(|ch| *ch != ' ').collect();
    let tensors = c.tensors("tensors")?;
    c.b.one(Op::Einsum { equation }, &tensors)
}

/// `Σ x1[n,i]·w[k,i,j]·x2[n,j] + b[k]`.
fn bilinear(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y, w) = (c.tensor("input1")?, c.tensor("input2")?, c.tensor("weight")?);
    let equation = "...i,kij,...j->...k".to_owned();
    let out = c.b.one(Op::Einsum { equation }, &[x, w, y])?;
    match c.opt_tensor("bias")? {
        Some(bias) => c.binary(BinaryOp::Add, out, bias),
        None => Ok(out),
    }
}

/// Each norm is at least `eps` (`ATen/native/Distance.cpp`).
fn cosine_similarity(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.float_pair("x1", "x2")?;
    let eps = c.number("eps")?;
    let rank = c.rank(x).max(c.rank(y));
    let axis = c.axis("dim", rank)? as i64 - rank as i64;
    let mut unit = Vec::new();
    for v in [x, y] {
        let axis = axis + c.rank(v) as i64;
        let norm = vector_norm(c, v, 2.0, &[axis], true)?;
        let eps = c.b.scalar_like(v, eps);
        let norm = c.binary(BinaryOp::Max, norm, eps)?;
        unit.push(c.binary(BinaryOp::Div, v, norm)?);
    }
    let &[x, y] = unit.as_slice() else { return Err(c.bad("x1", "a tensor")) };
    let product = c.binary(BinaryOp::Mul, x, y)?;
    c.b.reduce(ReduceKind::Sum, product, &[axis + rank as i64], false)
}

fn pairwise_distance(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.float_pair("x1", "x2")?;
    let gap = c.binary(BinaryOp::Sub, x, y)?;
    let gap = c.with(BinaryOp::Add, gap, c.number("eps")?)?;
    let axis = c.rank(gap).saturating_sub(1) as i64;
    vector_norm(c, gap, c.number("p")?, &[axis], c.flag("keepdim")?)
}

/// Distances of all rows of one from all rows of the other.
fn cdist(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.float_pair("x1", "x2")?;
    let (rx, ry) = (c.rank(x) as i64, c.rank(y) as i64);
    let (x, y) = (c.b.unsqueeze(x, &[rx - 1])?, c.b.unsqueeze(y, &[ry - 2])?);
    let gap = c.binary(BinaryOp::Sub, x, y)?;
    let axis = c.rank(gap) as i64 - 1;
    vector_norm(c, gap, c.number("p")?, &[axis], false)
}

/// The distances of every row from those behind it: (0, 1), (0, 2), … (1, 2), ….
fn pdist(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let n = c.dim(x, 0)?;
    let square = c.vector(&[n, n])?;
    let one = c.b.scalar(DType::I32, 1.0);
    let ones = c.b.one(Op::Expand, &[one, square])?;
    let k = c.b.scalar(DType::I64, 1.0);
    let above = c.b.one(Op::Trilu { upper: true }, &[ones, k])?;
    let places = c.b.one(Op::NonZero, &[above])?;
    let mut rows = Vec::with_capacity(2);
    for i in 0..2 {
        let at = c.b.slice_axis(places, 0, i, i + 1, 1)?;
        let at = c.b.squeeze(at, &[0])?;
        rows.push(c.b.one(Op::Gather { axis: 0 }, &[x, at])?);
    }
    let &[a, b] = rows.as_slice() else { return Err(c.bad("self", "a matrix")) };
    let gap = c.b.binary(BinaryOp::Sub, a, b)?;
    vector_norm(c, gap, c.opt_number("p")?.unwrap_or(2.0), &[1], false)
}

fn cross(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let rank = c.rank(x);
    let axis = match c.opt_int("dim")? {
        Some(d) => c.axis_of(d, rank)?,
        // The first dimension of three.
        None => c.b.shape(x).iter().position(|d| d.known() == Some(3)).unwrap_or(0),
    } as i64;
    c.b.cross(x, y, axis)
}
