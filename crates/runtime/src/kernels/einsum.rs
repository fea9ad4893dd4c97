//! Einstein sums: operands are joined from left to right, each pair as one batched matrix product.

use super::Call;
use super::matmul::product;
use crate::Array;
use crate::array::{Num, number, shaped};
use modelport_diag::Result;
use ndarray::{Array3, ArrayD, ArrayViewD, Axis, IxDyn};
use std::collections::BTreeMap;

/// A factor with one label for each of its axes; an axis of the ellipsis is labelled by its distance from the end.
struct Factor<T> {
    labels: Vec<Label>,
    data: ArrayD<T>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Label {
    Dots(usize),
    Named(char),
}

/// The labels of a term on an operand of `rank` (of the result when `dots` is given).
fn labels(term: &str, rank: usize) -> Vec<Label> {
    let (head, tail) = term.split_once("...").unwrap_or((term, ""));
    let named = head.chars().count() + tail.chars().count();
    let dots = if term.contains("...") { rank.saturating_sub(named) } else { 0 };
    let mut out: Vec<_> = head.chars().map(Label::Named).collect();
    out.extend((0..dots).rev().map(Label::Dots));
    out.extend(tail.chars().map(Label::Named));
    out
}

pub(super) fn einsum(c: &Call<'_>, equation: &str) -> Result<Vec<Array>> {
    let text: String = equation.chars().filter(|ch| !ch.is_whitespace()).collect();
    let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(l, r)| (l, Some(r)));
    let terms: Vec<&str> = left.split(',').collect();
    let shape = c.shape(0)?;
    number!(c.x(0)?.dtype(), T => {
        let mut factors = Vec::with_capacity(terms.len());
        for (i, term) in terms.iter().enumerate() {
            let x = c.x(i)?;
            factors.push(Factor { labels: labels(term, x.rank()), data: T::read(x)?.into_owned() });
        }
        let result = right.map_or_else(|| implicit(&factors), |r| labels(r, shape.len()));
        let out = contract(c, factors, &result)?;
        Ok(vec![T::store(out, c.dtype())?])
    })
}

/// Without an arrow: the ellipsis, then labels that stand once, in order.
fn implicit<T>(factors: &[Factor<T>]) -> Vec<Label> {
    let mut counts: BTreeMap<Label, usize> = BTreeMap::new();
    for &l in factors.iter().flat_map(|f| &f.labels) {
        *counts.entry(l).or_default() += 1;
    }
    let dots = counts.keys().rev().filter(|l| matches!(l, Label::Dots(_)));
    let named = counts.iter().filter(|(l, n)| matches!(l, Label::Named(_)) && **n == 1).map(|(l, _)| l);
    dots.chain(named).copied().collect()
}

fn contract<T: Num>(c: &Call<'_>, factors: Vec<Factor<T>>, result: &[Label]) -> Result<ArrayD<T>> {
    let mut rest: Vec<Factor<T>> = factors.into_iter().rev().map(diagonal).collect();
    let mut left = rest.pop().ok_or_else(|| c.error("there are no operands"))?;
    while let Some(right) = rest.pop() {
        let needed: Vec<Label> = rest.iter().flat_map(|f| &f.labels).chain(result).copied().collect();
        left = join(c, left, right, &needed)?;
    }
    let left = sum_out(left, |l| result.contains(&l));
    let order: Option<Vec<usize>> = result.iter().map(|l| left.labels.iter().position(|m| m == l)).collect();
    let order = order.filter(|o| o.len() == left.labels.len());
    let order = order.ok_or_else(|| c.error("the result must name each label of the operands at most once"))?;
    Ok(left.data.permuted_axes(order).as_standard_layout().into_owned())
}

/// Where a label stands twice in one operand, only the elements whose indices agree are kept.
fn diagonal<T: Num>(mut f: Factor<T>) -> Factor<T> {
    let mut at = 0;
    while let Some(&label) = f.labels.get(at) {
        let Some(first) = f.labels[..at].iter().position(|&l| l == label) else {
            at += 1;
            continue;
        };
        let n = f.data.len_of(Axis(first)).max(f.data.len_of(Axis(at)));
        let pick = |i: usize| {
            let one = |axis: usize| if f.data.len_of(Axis(axis)) == 1 { 0 } else { i };
            f.data.index_axis(Axis(at), one(at)).index_axis_move(Axis(first), one(first))
        };
        let slices: Vec<ArrayViewD<'_, T>> = (0..n).map(pick).collect();
        let Ok(data) = ndarray::stack(Axis(first), &slices) else { return f };
        f.data = data;
        f.labels.remove(at);
    }
    f
}

/// Sums over the axes whose label is not kept.
fn sum_out<T: Num>(mut f: Factor<T>, keep: impl Fn(Label) -> bool) -> Factor<T> {
    for axis in (0..f.labels.len()).rev() {
        if !keep(f.labels[axis]) {
            f.data = f.data.sum_axis(Axis(axis));
            f.labels.remove(axis);
        }
    }
    f
}

impl<T: Num> Factor<T> {
    fn size(&self, label: Label) -> usize {
        let at = self.labels.iter().position(|&l| l == label);
        at.map_or(1, |axis| self.data.len_of(Axis(axis)))
    }

    /// The elements as batch × rows × columns; `sizes` are those that axes of 1 broadcast to.
    fn matrices(&self, groups: [&[Label]; 3], size: impl Fn(Label) -> usize) -> Option<Array3<T>> {
        let order: Vec<Label> = groups.concat();
        let axes: Option<Vec<usize>> = order.iter().map(|l| self.labels.iter().position(|m| m == l)).collect();
        let view = self.data.view().permuted_axes(axes?);
        let sizes: Vec<usize> = order.iter().map(|&l| size(l)).collect();
        let whole = view.broadcast(IxDyn(&sizes))?.as_standard_layout().into_owned();
        let [b, m, n] = groups.map(|g| g.iter().map(|&l| size(l)).product::<usize>());
        whole.into_shape_with_order((b, m, n)).ok()
    }
}

/// One factor of two: labels that nothing else needs are summed, shared ones that are needed are the batch.
fn join<T: Num>(c: &Call<'_>, a: Factor<T>, b: Factor<T>, needed: &[Label]) -> Result<Factor<T>> {
    let a = sum_out(a, |l| needed.contains(&l) || b.labels.contains(&l));
    let b = sum_out(b, |l| needed.contains(&l) || a.labels.contains(&l));
    let size = |l: Label| if a.size(l) == 1 { b.size(l) } else { a.size(l) };
    let of = |f: &Factor<T>, test: &dyn Fn(Label) -> bool| -> Vec<Label> {
        f.labels.iter().copied().filter(|&l| test(l)).collect()
    };
    let batch = of(&a, &|l| b.labels.contains(&l) && needed.contains(&l));
    let inner = of(&a, &|l| b.labels.contains(&l) && !needed.contains(&l));
    let rows = of(&a, &|l| !b.labels.contains(&l));
    let columns = of(&b, &|l| !a.labels.contains(&l));
    let labels = [batch.as_slice(), &rows, &columns].concat();
    let shape: Vec<usize> = labels.iter().map(|&l| size(l)).collect();
    c.check_size(c.dtype(), &shape)?;
    let differ = || c.error("the dimensions of a label differ");
    let x = a.matrices([&batch, &rows, &inner], size).ok_or_else(differ)?;
    let y = b.matrices([&batch, &inner, &columns], size).ok_or_else(differ)?;
    let mut data = Vec::with_capacity(shape.iter().product());
    for (x, y) in x.outer_iter().zip(y.outer_iter()) {
        data.extend(product(x, y));
    }
    Ok(Factor { labels, data: shaped(&shape, data)? })
}
