//! `½·x·(1 + erf(x/√2))` and `½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`, however the factors are ordered.

use super::super::super::net::Net;
use super::{binary, may_scale, multiples, near, plain, plus, power_of, root_of, unary};
use crate::core::{BinaryOp, UnaryOp};
use crate::{NodeId, Op, ValueId};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// The factor of the cube.
const CUBIC: f64 = 0.044715;
/// √(2/π).
const INNER: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;

/// The last product of the formula becomes the op.
pub(super) fn gelu(net: &mut Net, id: NodeId) -> bool {
    let Some((x, approximate)) = found(net, id) else { return false };
    net.set(id, Op::Gelu { approximate }, vec![Some(x)]);
    true
}

fn found(net: &Net, id: NodeId) -> Option<(ValueId, bool)> {
    if !may_scale(net, id) {
        return None;
    }
    let out = plain(net, id)?;
    for (product, outer) in multiples(net, out) {
        let Some([a, b]) = binary(net, product, BinaryOp::Mul) else { continue };
        for (gate, rest) in [(a, b), (b, a)] {
            for (gate, factor) in multiples(net, gate) {
                let half =
                    |x: ValueId| multiples(net, rest).iter().any(|m| m.0 == x && near(outer * factor * m.1, 0.5));
                if let Some(found) = gated(net, gate).filter(|f| half(f.0) && net.ty(f.0).shape == net.ty(out).shape) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// `x` of `1 + erf(x/√2)` or of the same with `tanh`.
fn gated(net: &Net, gate: ValueId) -> Option<(ValueId, bool)> {
    let (curve, sign) = one_and(net, gate)?;
    if let Some(z) = unary(net, curve, UnaryOp::Erf) {
        let x = multiples(net, z).into_iter().find(|(_, f)| near(*f, sign * FRAC_1_SQRT_2))?.0;
        return Some((x, false));
    }
    let z = unary(net, curve, UnaryOp::Tanh)?;
    let x = multiples(net, z).into_iter().find_map(|(w, f)| cubic(net, w, f * sign))?;
    Some((x, true))
}

/// The value that one is added to, or that is taken from one.
fn one_and(net: &Net, value: ValueId) -> Option<(ValueId, f64)> {
    if let Some((x, 1.0)) = plus(net, value) {
        return Some((x, 1.0));
    }
    let [_, x] = binary(net, value, BinaryOp::Sub)?;
    let one = net.number(net.maker(value)?, 0) == Some(1.0);
    one.then_some((x, -1.0))
}

/// `x` where `factor · value` is `√(2/π)·(x + 0.044715·x³)`.
fn cubic(net: &Net, value: ValueId, factor: f64) -> Option<ValueId> {
    if let Some([a, b]) = binary(net, value, BinaryOp::Add) {
        return [(a, b), (b, a)].into_iter().find_map(|(first, third)| {
            let (x, _) = multiples(net, third)
                .into_iter()
                .find_map(|(v, f)| cube_of(net, v).filter(|_| near(factor * f, INNER * CUBIC)).map(|x| (x, f)))?;
            multiples(net, first).into_iter().find(|m| m.0 == x && near(factor * m.1, INNER)).map(|m| m.0)
        });
    }
    // √(2/π)·x·(1 + 0.044715·x²)
    let [a, b] = binary(net, value, BinaryOp::Mul)?;
    [(a, b), (b, a)].into_iter().find_map(|(first, sum)| {
        let (second, 1.0) = plus(net, sum)? else { return None };
        let x = multiples(net, second).into_iter().find_map(|(v, f)| root_of(net, v).filter(|_| near(f, CUBIC)))?;
        multiples(net, first).into_iter().find(|m| m.0 == x && near(factor * m.1, INNER)).map(|m| m.0)
    })
}

/// What is cubed.
fn cube_of(net: &Net, value: ValueId) -> Option<ValueId> {
    if let Some(x) = power_of(net, value, 3.0) {
        return Some(x);
    }
    let [a, b] = binary(net, value, BinaryOp::Mul)?;
    [(a, b), (b, a)].into_iter().find_map(|(x, square)| (root_of(net, square)? == x).then_some(x))
}
