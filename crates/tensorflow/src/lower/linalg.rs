//! Products of matrices (`core/ops/math_ops.cc`, `linalg_ops.cc`), also as optimised graphs fuse them.

use super::activation::fused;
use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::small_matrix::MOST_ROWS;
use modelport_ir::{Attr, Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("MatMul", |c| {
        let flags = [c.bool_or("transpose_a", false)?, c.bool_or("transpose_b", false)?];
        let [x, y] = c.pair()?;
        matmul(c.b, x, y, flags)
    }),
    row("_FusedMatMul", fused_matmul),
    row("BatchMatMul", batch_matmul),
    row("BatchMatMulV2", batch_matmul),
    row("BatchMatMulV3", batch_matmul),
    row("Einsum", einsum),
    row("Cross", cross),
    row("MatrixDeterminant", |c| {
        let (x, n) = small(c)?;
        c.b.determinant(x, n)
    }),
    row("MatrixInverse", |c| {
        let ((x, n), adjoint) = (small(c)?, c.bool_or("adjoint", false)?);
        c.b.inverse(x, n, adjoint)
    }),
];

/// Types that the runtimes' general product (`Gemm`) takes.
fn gemm(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64 | DType::F16)
}

/// x·y of matrices, each transposed where its flag says so.
fn matmul(b: &mut Builder, x: ValueId, y: ValueId, [turn_x, turn_y]: [bool; 2]) -> Result<ValueId> {
    let moves = turn_x && b.as_constant(x).is_none() || turn_y && b.as_constant(y).is_none();
    if moves && gemm(b.dtype(x)) && b.rank(x) == 2 && b.rank(y) == 2 {
        return b.one(Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: turn_x, trans_b: turn_y }, &[x, y]);
    }
    let x = if turn_x { f::transposed(b, x)? } else { x };
    let y = if turn_y { f::transposed(b, y)? } else { y };
    b.one(Op::MatMul, &[x, y])
}

/// Real numbers only: the adjoint is the transpose.
fn batch_matmul(c: &mut Call<'_>) -> Result<ValueId> {
    let [mut x, mut y] = c.pair()?;
    if let Some(to) = c.dtype_attr("Tout")? {
        (x, y) = (c.b.cast(x, to)?, c.b.cast(y, to)?);
    }
    let flags = [c.bool_or("adj_x", false)?, c.bool_or("adj_y", false)?];
    matmul(c.b, x, y, flags)
}

/// (a, b, arguments of what is fused…).
fn fused_matmul(c: &mut Call<'_>) -> Result<ValueId> {
    let flags = [c.bool_or("transpose_a", false)?, c.bool_or("transpose_b", false)?];
    let [x, y] = c.pair()?;
    let mut out = matmul(c.b, x, y, flags)?;
    let ops = fused_ops(c)?;
    let mut next = 2;
    for name in &ops {
        out = match name.as_str() {
            "BiasAdd" | "Add" => {
                let more = c.input(next)?;
                next += 1;
                c.b.binary(BinaryOp::Add, out, more)?
            }
            name => then(c, name, out)?,
        };
    }
    Ok(out)
}

/// The names of what is fused, in order.
pub(super) fn fused_ops(c: &Call<'_>) -> Result<Vec<String>> {
    let list = c.op.attr("fused_ops").and_then(Attr::as_list).unwrap_or_default();
    let names: Option<Vec<String>> = list.iter().map(|a| a.as_str().map(str::to_owned)).collect();
    names.ok_or_else(|| c.bad_value("fused_ops", "a list of names", "something else"))
}

/// One fused activation.
pub(super) fn then(c: &mut Call<'_>, name: &str, x: ValueId) -> Result<ValueId> {
    let alpha = c.float_or("leakyrelu_alpha", 0.2)?;
    match fused(c.b, name, x, alpha) {
        Some(y) => y,
        None => Err(c.unsupported(format!("the fused `{name}` has no lowering")).at_attribute("fused_ops")),
    }
}

fn einsum(c: &mut Call<'_>) -> Result<ValueId> {
    let equation: String = c.str_or("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    let operands = c.inputs.clone();
    if let &[x, y] = operands.as_slice()
        && let Some((flags, swapped)) = as_matmul(&equation, c.b.rank(x), c.b.rank(y))
    {
        let z = matmul(c.b, x, y, flags)?;
        return if swapped { f::transposed(c.b, z) } else { Ok(z) };
    }
    c.b.one(Op::Einsum { equation }, &operands)
}

/// The flags with which the equation is a product of matrices with equal leading axes, and whether its result is
/// transposed.
fn as_matmul(equation: &str, rank_x: usize, rank_y: usize) -> Option<([bool; 2], bool)> {
    let (left, out) = equation.split_once("->")?;
    let (x, y) = left.split_once(',')?;
    let labels = |t: &str| {
        let l: Vec<char> = t.chars().collect();
        let once = l.iter().enumerate().all(|(i, c)| c.is_alphabetic() && !l.iter().skip(i + 1).any(|d| d == c));
        once.then_some(l)
    };
    let (x, y, out) = (labels(x)?, labels(y)?, labels(out)?);
    if x.len() != rank_x || y.len() != rank_y || x.len() < 2 || y.len() < 2 {
        return None;
    }
    let [batch @ .., p, q] = x.as_slice() else { return None };
    // The second operand may lack the leading axes: then it is the same matrix for all of them.
    let (own, [r, s]) = y.split_last_chunk::<2>()?;
    let [out_batch @ .., m, n] = out.as_slice() else { return None };
    if out_batch != batch || !(own.is_empty() || own == batch) {
        return None;
    }
    for (turn_x, i, k) in [(false, p, q), (true, q, p)] {
        for (turn_y, l, j) in [(false, r, s), (true, s, r)] {
            if k != l || i == j || x.contains(j) {
                continue;
            }
            if (m, n) == (i, j) {
                return Some(([turn_x, turn_y], false));
            }
        }
    }
    None
}

/// The cross product of vectors of 3 along the last axis.
fn cross(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = c.pair()?;
    c.b.cross(x, y, -1)
}

/// Square matrices and their number of rows.
fn small(c: &Call<'_>) -> Result<(ValueId, usize)> {
    let x = c.x()?;
    let rank = c.b.rank(x);
    let n = c.known_dim(x, rank.saturating_sub(1))?;
    if !(1..=MOST_ROWS).contains(&n) || rank < 2 {
        return Err(c.unsupported("only matrices of up to 3 rows have a lowering").found(c.b.ty(x).to_string()));
    }
    Ok((x, n))
}

#[cfg(test)]
mod tests {
    use super::as_matmul;

    #[test]
    fn equations_that_are_products_of_matrices() {
        assert_eq!(as_matmul("ij,jk->ik", 2, 2), Some(([false, false], false)));
        assert_eq!(as_matmul("bij,bkj->bik", 3, 3), Some(([false, true], false)));
        assert_eq!(as_matmul("bji,jk->bik", 3, 2), Some(([true, false], false)));
        assert_eq!(as_matmul("bqhd,bkhd->bhqk", 4, 4), None);
        assert_eq!(as_matmul("...ij,jk->...ik", 3, 2), None);
        assert_eq!(as_matmul("ij,ij->ij", 2, 2), None);
    }
}
