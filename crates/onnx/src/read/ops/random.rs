//! Random numbers. What ONNX draws of other distributions is said by uniform ones.

use super::{Out, one};
use crate::code;
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "RandomUniform" | "RandomUniformLike" | "RandomNormal" | "RandomNormalLike" => random(r, at),
        "Bernoulli" => {
            let x = at.x(0)?;
            let to = dtype(at, r.b.dtype(x))?;
            let wide = if r.b.dtype(x) == DType::F64 { DType::F64 } else { DType::F32 };
            let u = uniform(r, at, [None, Some(x)], wide)?;
            let x = r.b.cast(x, wide)?;
            let hit = r.binary(BinaryOp::Less, u, x)?;
            one(r.b.cast(hit, to)?)
        }
        "Multinomial" => one(multinomial(r, at)?),
        _ => Ok(None),
    }
}

fn dtype(at: &At<'_, '_>, default: DType) -> Result<DType> {
    let Some(a) = at.attr("dtype") else { return Ok(default) };
    code::dtype(a.int).ok_or_else(|| at.unsupported(&code::name(a.int)))
}

fn seed(at: &At<'_, '_>) -> Option<f64> {
    at.attr("seed").map(|_| at.float("seed", 0.0))
}

/// Without a type, the operators of a tensor's shape take its type as well.
fn random(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let like = at.op().ends_with("Like");
    let operands = if like {
        [None, Some(at.x(0)?)]
    } else {
        let shape = at.ints("shape").ok_or_else(|| at.wrong("shape", "a list of sizes", "none"))?;
        [Some(r.b.ints(shape)), None]
    };
    let dtype = dtype(at, operands[1].map_or(DType::F32, |x| r.b.dtype(x)))?;
    let seed = seed(at);
    let op = if at.op().starts_with("RandomUniform") {
        Op::RandomUniform { dtype, low: at.float("low", 0.0), high: at.float("high", 1.0), seed }
    } else {
        Op::RandomNormal { dtype, mean: at.float("mean", 0.0), scale: at.float("scale", 1.0), seed }
    };
    r.b.add(op, &operands).map(Some)
}

/// From 0 to 1, of a shape or like a value.
fn uniform(r: &mut Reader<'_>, at: &At<'_, '_>, operands: [Option<ValueId>; 2], dtype: DType) -> Result<ValueId> {
    r.b.one_opt(Op::RandomUniform { low: 0.0, high: 1.0, dtype, seed: seed(at) }, &operands)
}

/// (logits: [batch, classes]): for each sample the class whose logit is largest after noise of Gumbel's distribution was
/// added, which draws with the probabilities of the softmax.
fn multinomial(r: &mut Reader<'_>, at: &At<'_, '_>) -> Result<ValueId> {
    let x = at.x(0)?;
    let to = dtype(at, DType::I32)?;
    let wide = if r.b.dtype(x) == DType::F64 { DType::F64 } else { DType::F32 };
    let x = r.b.cast(x, wide)?;
    if r.b.rank(x) != 2 {
        return Err(at.unsupported("an operand that is not [batch, classes]"));
    }
    let (batch, classes) = (r.b.dim(x, 0)?, r.b.dim(x, 1)?);
    let samples = r.b.ints(&[at.int("sample_size", 1)]);
    let shape = r.b.concat(&[batch, samples, classes], 0)?;
    let mut noise = uniform(r, at, [Some(shape), None], wide)?;
    for _ in 0..2 {
        let log = r.unary(UnaryOp::Log, noise)?;
        noise = r.unary(UnaryOp::Neg, log)?;
    }
    let each = r.b.unsqueeze(x, &[1])?;
    let noisy = r.binary(BinaryOp::Add, each, noise)?;
    let op = Op::ArgReduce { kind: ArgKind::Max, axis: 2, keepdims: false, select_last: false };
    let chosen = r.b.one(op, &[noisy])?;
    r.b.cast(chosen, to)
}
