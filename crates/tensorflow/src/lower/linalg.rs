//! Products of matrices (`core/ops/math_ops.cc`, `linalg_ops.cc`), also as optimised graphs fuse them.

use super::activation::fused;
use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
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
    row("MatrixDeterminant", |c| small(c, determinant)),
    row("MatrixInverse", |c| small(c, inverse)),
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
    let turn = |c: &mut Call<'_>, v, order: [i64; 3]| {
        let at = c.b.ints(&order);
        c.b.one(Op::Gather { axis: -1 }, &[v, at])
    };
    let (x1, y2) = (turn(c, x, [1, 2, 0])?, turn(c, y, [2, 0, 1])?);
    let (x2, y1) = (turn(c, x, [2, 0, 1])?, turn(c, y, [1, 2, 0])?);
    let (plus, minus) = (c.b.binary(BinaryOp::Mul, x1, y2)?, c.b.binary(BinaryOp::Mul, x2, y1)?);
    c.b.binary(BinaryOp::Sub, plus, minus)
}

/// The elements of square matrices of 1 to 3 rows, each with the leading axes only.
type Cells = Vec<Vec<ValueId>>;

fn small(c: &mut Call<'_>, f: fn(&mut Call<'_>, &Cells) -> Result<ValueId>) -> Result<ValueId> {
    let x = c.x()?;
    let rank = c.b.rank(x);
    let n = c.known_dim(x, rank.saturating_sub(1))?;
    if !(1..=3).contains(&n) || rank < 2 {
        return Err(c.unsupported("only matrices of up to 3 rows have a lowering").found(c.b.ty(x).to_string()));
    }
    let mut cells = Vec::new();
    for i in 0..n {
        let mut line = Vec::new();
        let row = element(c, x, -2, i)?;
        for j in 0..n {
            line.push(element(c, row, -1, j)?);
        }
        cells.push(line);
    }
    f(c, &cells)
}

fn element(c: &mut Call<'_>, x: ValueId, axis: i64, i: usize) -> Result<ValueId> {
    let at = c.b.constant("", modelport_ir::Tensor::int_scalar(i as i64));
    c.b.one(Op::Gather { axis }, &[x, at])
}

fn cell(c: &Call<'_>, m: &Cells, i: usize, j: usize) -> Result<ValueId> {
    m.get(i).and_then(|r| r.get(j)).copied().ok_or_else(|| c.unsupported("the matrix is too small"))
}

/// The determinant of what is left without row `i` and column `j`, with its sign.
fn cofactor(c: &mut Call<'_>, m: &Cells, i: usize, j: usize) -> Result<ValueId> {
    let rest: Cells = m
        .iter()
        .enumerate()
        .filter(|(r, _)| *r != i)
        .map(|(_, line)| line.iter().enumerate().filter(|(s, _)| *s != j).map(|(_, &v)| v).collect())
        .collect();
    let d = if rest.is_empty() {
        let like = cell(c, m, 0, 0)?;
        let one = c.b.scalar_like(like, 1.0);
        f::filled_like(c.b, like, one)?
    } else {
        determinant(c, &rest)?
    };
    if (i + j) % 2 == 1 { c.b.unary(UnaryOp::Neg, d) } else { Ok(d) }
}

fn determinant(c: &mut Call<'_>, m: &Cells) -> Result<ValueId> {
    if m.len() == 1 {
        return cell(c, m, 0, 0);
    }
    let mut sum = None;
    for j in 0..m.len() {
        let (a, d) = (cell(c, m, 0, j)?, cofactor(c, m, 0, j)?);
        let term = c.b.binary(BinaryOp::Mul, a, d)?;
        sum = Some(match sum {
            None => term,
            Some(s) => c.b.binary(BinaryOp::Add, s, term)?,
        });
    }
    sum.ok_or_else(|| c.unsupported("the matrix is empty"))
}

fn inverse(c: &mut Call<'_>, m: &Cells) -> Result<ValueId> {
    let n = m.len();
    let adjoint = c.bool_or("adjoint", false)?;
    let whole = determinant(c, m)?;
    let mut rows = Vec::new();
    for i in 0..n {
        let mut row = Vec::new();
        for j in 0..n {
            let (r, s) = if adjoint { (i, j) } else { (j, i) };
            let d = cofactor(c, m, r, s)?;
            row.push(c.b.binary(BinaryOp::Div, d, whole)?);
        }
        rows.push(f::stack(c.b, &row, -1)?);
    }
    f::stack(c.b, &rows, -2)
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
