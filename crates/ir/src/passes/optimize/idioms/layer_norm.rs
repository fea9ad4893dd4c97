//! `(x − mean)/√(variance + ε)` over trailing axes, with factors and terms per element of these: layer normalisation.

use super::super::super::axes::normal;
use super::super::super::net::{Net, same_shape};
use super::{binary, plain, plus, power_of, root_of, unary};
use crate::core::{BinaryOp, ReduceKind, UnaryOp};
use crate::{NodeId, Op, Tensor, ValueId};

/// Terms of a sum that are followed back.
const MOST_TERMS: usize = 4;

/// What is normalised over which axes.
#[derive(Clone, Copy, PartialEq)]
struct Moments {
    x: ValueId,
    mean: ValueId,
    /// All from this one on.
    axis: usize,
    epsilon: f64,
}

impl Moments {
    fn op(&self, net: &Net) -> Op {
        Op::LayerNorm { axis: self.axis as i64 - net.ty(self.x).rank() as i64, epsilon: self.epsilon }
    }
}

/// The operand of a mean with kept dimensions, and the first of the axes, all from which on it goes over. Axes of one
/// element count as it suits.
fn mean_of(net: &Net, value: ValueId) -> Option<(ValueId, usize)> {
    let node = net.maker(value)?;
    let Op::Reduce { kind: ReduceKind::Mean, axes, keepdims: true } = &net.node(node).op else { return None };
    let x = net.input(node, 0)?;
    let shape = &net.ty(x).shape;
    let axes: Option<Vec<usize>> = axes.iter().map(|&a| normal(a, shape.len())).collect();
    let axes = axes.filter(|a| !a.is_empty())?;
    let wide = |a: usize| shape.get(a).and_then(crate::Dim::known) != Some(1);
    let first = (0..shape.len()).find(|a| axes.contains(a) && wide(*a))?;
    let all = (first..shape.len()).all(|a| axes.contains(&a) || !wide(a));
    all.then_some((x, first))
}

/// `√(variance + ε)` of what.
fn deviation(net: &Net, sum: ValueId) -> Option<Moments> {
    let (variance, epsilon) = plus(net, sum)?;
    let (squares, axis) = mean_of(net, variance)?;
    let [x, mean] = binary(net, root_of(net, squares)?, BinaryOp::Sub)?;
    (mean_of(net, mean)? == (x, axis) && epsilon >= 0.0).then_some(Moments { x, mean, axis, epsilon })
}

/// `1/√(variance + ε)`, and the constant that it is multiplied with.
fn inverse(net: &Net, value: ValueId) -> Option<(Moments, Option<ValueId>)> {
    let bare = |v: ValueId| {
        let sum = unary(net, v, UnaryOp::Reciprocal).and_then(|root| unary(net, root, UnaryOp::Sqrt));
        deviation(net, sum.or_else(|| power_of(net, v, -0.5))?)
    };
    if let Some(found) = bare(value) {
        return Some((found, None));
    }
    let node = net.maker(value)?;
    let [a, b] = binary(net, value, BinaryOp::Mul)?;
    let at = [0, 1].into_iter().find(|&i| net.constant(node, i).is_some())?;
    let (factor, rest) = if at == 0 { (a, b) } else { (b, a) };
    Some((bare(rest)?, Some(factor)))
}

/// A difference from the mean, over the deviation.
pub(super) fn normalised(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        let out = plain(net, id)?;
        let (apart, (moments, scale)) = match &net.node(id).op {
            Op::Binary(BinaryOp::Div) => {
                let root = unary(net, net.input(id, 1)?, UnaryOp::Sqrt)?;
                (net.input(id, 0)?, (deviation(net, root)?, None))
            }
            Op::Binary(BinaryOp::Mul) => {
                let (a, b) = (net.input(id, 0)?, net.input(id, 1)?);
                [(a, b), (b, a)].into_iter().find_map(|(d, s)| Some((d, inverse(net, s)?)))?
            }
            _ => return None,
        };
        let [x, mean] = binary(net, apart, BinaryOp::Sub)?;
        let same = x == moments.x && mean == moments.mean && net.ty(x).shape == net.ty(out).shape;
        same.then_some((moments, scale))
    };
    let Some((moments, scale)) = found() else { return false };
    finish(net, id, &moments, scale, None)
}

/// The same multiplied out: `x·s − mean·s + bias`.
pub(super) fn spread(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        if !matches!(net.node(id).op, Op::Binary(BinaryOp::Add | BinaryOp::Sub)) {
            return None;
        }
        let out = plain(net, id)?;
        let (mut terms, mut bias) = (Vec::new(), None);
        collect(net, out, 1.0, &mut terms)?;
        if let Some(at) = terms.iter().position(|t| net.tensor(t.0).is_some() && t.1 > 0.0) {
            bias = Some(terms.remove(at).0);
        }
        let &[a, b] = terms.as_slice() else { return None };
        let (moments, scale) =
            [(a, b), (b, a)].into_iter().find_map(|(first, second)| difference(net, first, second))?;
        (net.ty(moments.x).shape == net.ty(out).shape).then_some((moments, scale, bias))
    };
    let Some((moments, scale, bias)) = found() else { return false };
    finish(net, id, &moments, scale, bias)
}

/// The terms of a sum, with their signs.
fn collect(net: &Net, value: ValueId, sign: f64, terms: &mut Vec<(ValueId, f64)>) -> Option<()> {
    for (op, second) in [(BinaryOp::Add, 1.0), (BinaryOp::Sub, -1.0)] {
        if let Some([a, b]) = binary(net, value, op) {
            collect(net, a, sign, terms)?;
            return collect(net, b, sign * second, terms);
        }
    }
    terms.push((value, sign));
    (terms.len() < MOST_TERMS).then_some(())
}

/// `x·s − mean·s`.
fn difference(net: &Net, first: (ValueId, f64), second: (ValueId, f64)) -> Option<(Moments, Option<ValueId>)> {
    let [a, b] = binary(net, first.0, BinaryOp::Mul).filter(|_| first.1 > 0.0)?;
    let taken = binary(net, second.0, BinaryOp::Mul)?;
    [(a, b), (b, a)].into_iter().find_map(|(x, s)| {
        let (moments, scale) = inverse(net, s)?;
        let other = if taken[0] == s { taken[1] } else { taken[0] };
        let mean = if second.1 < 0.0 { other } else { unary(net, other, UnaryOp::Neg)? };
        (x == moments.x && mean == moments.mean && taken.contains(&s)).then_some((moments, scale))
    })
}

/// The node becomes the op, where factor and term have the dimensions that it needs.
fn finish(net: &mut Net, id: NodeId, moments: &Moments, scale: Option<ValueId>, bias: Option<ValueId>) -> bool {
    let mut inputs = vec![Some(moments.x)];
    for given in [scale, bias] {
        let fitting = given.map(|v| parameter(net, v, moments.x, moments.axis));
        if fitting == Some(None) {
            return false;
        }
        inputs.push(fitting.flatten());
    }
    let op = moments.op(net);
    trim(&mut inputs);
    net.set(id, op, inputs);
    true
}

fn trim(inputs: &mut Vec<Option<ValueId>>) {
    while inputs.last() == Some(&None) {
        inputs.pop();
    }
}

/// A constant with exactly the dimensions of `x` from `axis` on, but for ones in front.
fn parameter(net: &mut Net, value: ValueId, x: ValueId, axis: usize) -> Option<ValueId> {
    let dims: Vec<usize> = net.ty(x).shape.get(axis..)?.iter().map(crate::Dim::known).collect::<Option<_>>()?;
    let tensor = net.tensor(value)?;
    if tensor.shape() == dims.as_slice() {
        return Some(value);
    }
    let front = tensor.rank().checked_sub(dims.len())?;
    let (ones, rest) = tensor.shape().split_at_checked(front)?;
    let fits = rest == dims.as_slice() && ones.iter().all(|&n| n == 1) && tensor.rank() <= net.ty(x).rank();
    let shaped = tensor.reshape(dims.clone()).ok().filter(|_| fits)?;
    let name = net.name(value).to_owned();
    Some(net.add_const(name, shaped))
}

/// A factor or a term behind the normalisation.
pub(super) fn parameters(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        let out = net.output(id)?;
        let slot = match &net.node(id).op {
            Op::Binary(BinaryOp::Mul) => 1,
            Op::Binary(BinaryOp::Add) => 2,
            _ => return None,
        };
        let at = [0, 1].into_iter().find(|&i| net.constant(id, i).is_some())?;
        let norm = net.only_maker(id, 1 - at)?;
        let Op::LayerNorm { axis, .. } = &net.node(norm).op else { return None };
        let x = net.input(norm, 0)?;
        let free = (slot..3).all(|i| net.input(norm, i).is_none());
        let axis = normal(*axis, net.ty(x).rank())?;
        let y = net.output(norm)?;
        (free && net.ty(y).shape == net.ty(out).shape).then_some((norm, slot, net.input(id, at)?, x, axis))
    };
    let Some((norm, slot, value, x, axis)) = found() else { return false };
    let Some(value) = parameter(net, value, x, axis) else { return false };
    let mut inputs = vec![net.input(norm, 0), net.input(norm, 1), None];
    if let Some(place) = inputs.get_mut(slot) {
        *place = Some(value);
    }
    trim(&mut inputs);
    net.set(id, net.node(norm).op.clone(), inputs);
    true
}

/// A normalisation of a value in another shape, given back its own: over the last axis of the value itself.
pub(super) fn reshaped(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        let view = |n: NodeId| matches!(net.node(n).op, Op::Reshape { .. });
        let out = net.output(id).filter(|_| view(id))?;
        let norm = net.only_maker(id, 0)?;
        let Op::LayerNorm { axis, epsilon } = &net.node(norm).op else { return None };
        let inner = net.input(norm, 0)?;
        let x = net.input(net.maker(inner).filter(|&n| view(n))?, 0)?;
        let shape = &net.ty(inner).shape;
        let dims = shape.get(normal(*axis, shape.len())?..)?;
        let n = dims.iter().try_fold(1_usize, |n, d| n.checked_mul(d.known()?))?;
        let bare = net.node(norm).inputs.len() == 1;
        let last = net.ty(x).shape.last()?.known()?;
        let same = same_shape(&net.ty(x).shape, &net.ty(out).shape);
        (bare && last == n && same).then_some((x, *epsilon))
    };
    let Some((x, epsilon)) = found() else { return false };
    net.set(id, Op::LayerNorm { axis: -1, epsilon }, vec![Some(x)]);
    true
}

/// A number that is repeated to a shape, only to meet a value of that shape, is a number.
pub(super) fn fillers(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        let out = net.output(id).filter(|_| matches!(net.node(id).op, Op::Binary(_)))?;
        [0, 1].into_iter().find_map(|at| {
            let number = repeated(net, net.input(id, at)?)?;
            let other = net.ty(net.input(id, 1 - at)?);
            (other.shape == net.ty(out).shape).then_some((at, number))
        })
    };
    let Some((at, number)) = found() else { return false };
    let value = net.add_const("", number);
    let mut inputs = net.node(id).inputs.clone();
    if let Some(place) = inputs.get_mut(at) {
        *place = Some(value);
    }
    let op = net.node(id).op.clone();
    net.set(id, op, inputs);
    true
}

/// The only number in a value that is a number repeated.
fn repeated(net: &Net, mut value: ValueId) -> Option<Tensor> {
    for _ in 0..MOST_TERMS {
        let node = net.maker(value)?;
        match &net.node(node).op {
            Op::Expand => return net.constant(node, 0).filter(|t| t.len() == 1)?.reshape(Vec::new()).ok(),
            Op::Reshape { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. } | Op::Transpose { .. } => {
                value = net.input(node, 0)?;
            }
            _ => return None,
        }
    }
    None
}
