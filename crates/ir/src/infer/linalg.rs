//! Matrix products and Einstein sums.

use super::context::{Ctx, Out, broadcast_dim, one};
use crate::{Dim, Shape};
use std::collections::BTreeMap;

pub(super) fn matmul(c: Ctx<'_>) -> Out {
    c.arity(2, 2)?;
    let (a, b) = (c.numeric(0)?, c.numeric(1)?);
    c.same_dtype(1, a.dtype)?;
    c.require(a.rank() > 0 && b.rank() > 0, || "operands must have at least one dimension".to_owned())?;
    let (ra, rb) = (a.rank(), b.rank());
    let inner = if rb == 1 { 0 } else { rb - 2 };
    c.equal(&a.shape[ra - 1], &b.shape[inner], "the inner dimensions")?;
    let mut shape = c.broadcast(&a.shape[..ra.saturating_sub(2)], &b.shape[..rb.saturating_sub(2)])?;
    if ra > 1 {
        shape.push(a.shape[ra - 2].clone());
    }
    if rb > 1 {
        shape.push(b.shape[rb - 1].clone());
    }
    one(a.dtype, shape)
}

pub(super) fn gemm(c: Ctx<'_>, trans_a: bool, trans_b: bool) -> Out {
    c.arity(2, 3)?;
    c.numeric(0)?;
    let (a, b) = (c.rank(0, 2)?, c.rank(1, 2)?);
    c.same_dtype(1, a.dtype)?;
    let (m, k) = (usize::from(trans_a), usize::from(!trans_a));
    let (l, n) = (usize::from(trans_b), usize::from(!trans_b));
    c.equal(&a.shape[k], &b.shape[l], "the inner dimensions")?;
    let shape = vec![a.shape[m].clone(), b.shape[n].clone()];
    if let Some(bias) = c.opt(2) {
        let both = c.broadcast(&shape, &bias.shape)?;
        let fits = both.len() == 2
            && both.iter().zip(&shape).all(|(x, y)| x == y || x.known() != Some(1) && y.known().is_none());
        c.require(fits, || "operand 2 must broadcast to the product".to_owned())?;
    }
    one(a.dtype, shape)
}

pub(super) fn einsum(c: Ctx<'_>, equation: &str) -> Out {
    let dtype = c.numeric(0)?.dtype;
    c.same_dtype(1, dtype)?;
    let text: String = equation.chars().filter(|ch| !ch.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((l, r)) => (l, Some(r)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    c.require(terms.len() == c.operands.len(), || format!("`{equation}` names {} operands", terms.len()))?;
    let mut labels: BTreeMap<char, (Dim, usize)> = BTreeMap::new();
    let mut rest: Shape = Vec::new();
    for (i, term) in terms.iter().enumerate() {
        rest = bind(c, i, term, &mut labels, &rest)?;
    }
    let implicit: String;
    let right = match right {
        Some(r) => r,
        None => {
            let dots = if left.contains("...") { "..." } else { "" };
            implicit = dots.chars().chain(labels.iter().filter(|(_, v)| v.1 == 1).map(|(l, _)| *l)).collect();
            &implicit
        }
    };
    let mut shape = Vec::new();
    let mut parts = right.split("...");
    let head = parts.next().unwrap_or("");
    let tail = parts.next();
    let label = |l: char| {
        labels
            .get(&l)
            .map(|v| v.0.clone())
            .ok_or_else(|| c.error(format!("`{l}` in the result of `{equation}` is in no operand")))
    };
    for l in head.chars() {
        shape.push(label(l)?);
    }
    if let Some(tail) = tail {
        shape.extend(rest);
        for l in tail.chars() {
            shape.push(label(l)?);
        }
    }
    one(dtype, shape)
}

/// Binds the labels of one term to the dimensions of its operand; returns the dimensions of the ellipsis so far.
fn bind(
    c: Ctx<'_>,
    i: usize,
    term: &str,
    labels: &mut BTreeMap<char, (Dim, usize)>,
    rest: &[Dim],
) -> modelport_diag::Result<Shape> {
    let ty = c.ty(i)?;
    let (head, tail) = match term.split_once("...") {
        Some((h, t)) => (h, Some(t)),
        None => (term, None),
    };
    let named = head.chars().count() + tail.map_or(0, |t| t.chars().count());
    let fits = if tail.is_some() { named <= ty.rank() } else { named == ty.rank() };
    c.require(fits, || format!("`{term}` does not fit operand {i} of type {ty}"))?;
    let skipped = ty.rank() - named;
    let first = head.chars().count();
    let dims = ty.shape[..first].iter().chain(&ty.shape[first + skipped..]);
    for (l, dim) in head.chars().chain(tail.unwrap_or("").chars()).zip(dims) {
        let entry = labels.entry(l).or_insert_with(|| (dim.clone(), 0));
        entry.0 =
            broadcast_dim(&entry.0, dim).ok_or_else(|| c.error(format!("`{l}` is both {} and {dim}", entry.0)))?;
        entry.1 += 1;
    }
    if tail.is_some() { c.broadcast(rest, &ty.shape[first..first + skipped]) } else { Ok(rest.to_vec()) }
}
