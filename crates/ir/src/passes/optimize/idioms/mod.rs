//! Formulas that are one core op, in the spellings that exporters write: normalisations over trailing axes, GELU, hard
//! sigmoid and hard swish, products over the last axis of more than a matrix.
//!
//! Owns: telling a formula by what it computes. Must never know: which exporter writes it.

mod gelu;
mod hard;
mod layer_norm;
mod tensordot;

use super::super::net::Net;
use super::Rule;
use crate::core::{BinaryOp, UnaryOp};
use crate::{DType, NodeId, Op, ValueId};

/// Run before other rules, which take formulas apart: a term of a hard sigmoid would go into the convolution before it.
pub(super) const RULES: &[Rule] = &[
    super::bounds::clips,
    super::identity::noop,
    layer_norm::fillers,
    layer_norm::normalised,
    layer_norm::spread,
    layer_norm::parameters,
    layer_norm::reshaped,
    gelu::gelu,
    hard::sigmoid,
    hard::swish,
    tensordot::products,
];

/// Factors that are followed back from a value.
const MOST_FACTORS: usize = 6;

/// Whether two numbers are the same but for the rounding of constants to single precision.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs()
}

/// The result of a node, where it is of a type in which the one op and the formula agree everywhere.
fn plain(net: &Net, id: NodeId) -> Option<ValueId> {
    net.output(id).filter(|&y| matches!(net.ty(y).dtype, DType::F32 | DType::F64))
}

/// The value itself, and what it is a multiple of: `value = factor · it`.
fn multiples(net: &Net, value: ValueId) -> Vec<(ValueId, f64)> {
    let mut all = vec![(value, 1.0)];
    let (mut at, mut factor) = (value, 1.0);
    while let Some((next, more)) = factor_of(net, at).filter(|_| all.len() < MOST_FACTORS) {
        (at, factor) = (next, factor * more);
        all.push((at, factor));
    }
    all
}

/// A product or quotient with a number.
fn factor_of(net: &Net, value: ValueId) -> Option<(ValueId, f64)> {
    let node = net.maker(value)?;
    let (at, factor) = match &net.node(node).op {
        Op::Unary(UnaryOp::Neg) => (0, -1.0),
        Op::Binary(BinaryOp::Mul) => {
            let at = usize::from(net.number(node, 0).is_some());
            (at, net.number(node, 1 - at)?)
        }
        Op::Binary(BinaryOp::Div) => (0, 1.0 / net.number(node, 1)?),
        _ => return None,
    };
    let x = net.input(node, at)?;
    (net.ty(x) == net.ty(value) && factor.is_finite()).then_some((x, factor))
}

/// Whether a node can be the last of a product with numbers.
fn may_scale(net: &Net, id: NodeId) -> bool {
    matches!(net.node(id).op, Op::Binary(BinaryOp::Mul | BinaryOp::Div) | Op::Unary(UnaryOp::Neg))
}

/// Both operands of the binary op that makes a value.
fn binary(net: &Net, value: ValueId, op: BinaryOp) -> Option<[ValueId; 2]> {
    let node = net.maker(value)?;
    (net.node(node).op == Op::Binary(op)).then_some([net.input(node, 0)?, net.input(node, 1)?])
}

/// The operand of the op of one operand that makes a value.
fn unary(net: &Net, value: ValueId, op: UnaryOp) -> Option<ValueId> {
    let node = net.maker(value)?;
    if net.node(node).op == Op::Unary(op) { net.input(node, 0) } else { None }
}

/// `x` and the number of `x + number`.
fn plus(net: &Net, value: ValueId) -> Option<(ValueId, f64)> {
    let node = net.maker(value)?;
    let (at, sign) = match &net.node(node).op {
        Op::Binary(BinaryOp::Add) => (usize::from(net.number(node, 0).is_some()), 1.0),
        Op::Binary(BinaryOp::Sub) => (0, -1.0),
        _ => return None,
    };
    let x = net.input(node, at)?;
    let term = sign * net.number(node, 1 - at)?;
    (net.ty(x) == net.ty(value)).then_some((x, term))
}

/// What is squared: `x·x` or `x²`.
fn root_of(net: &Net, value: ValueId) -> Option<ValueId> {
    if let Some([x, y]) = binary(net, value, BinaryOp::Mul) {
        return (x == y).then_some(x);
    }
    power_of(net, value, 2.0)
}

/// `x` of `x` to a number.
fn power_of(net: &Net, value: ValueId, exponent: f64) -> Option<ValueId> {
    let node = net.maker(value)?;
    let is = net.node(node).op == Op::Binary(BinaryOp::Pow) && net.number(node, 1) == Some(exponent);
    if is { net.input(node, 0) } else { None }
}
