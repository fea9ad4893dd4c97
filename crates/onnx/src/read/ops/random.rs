//! Random numbers. What ONNX draws of other distributions is said by uniform ones.

use super::{Out, one};
use crate::code;
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{DType, Op, ValueId, drawn};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "RandomUniform" | "RandomUniformLike" | "RandomNormal" | "RandomNormalLike" => random(r, at),
        "Bernoulli" => one(bernoulli(r, at)?),
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

/// 1 where a number drawn for the element is below it, which is a probability.
fn bernoulli(r: &mut Reader<'_>, at: &At<'_, '_>) -> Result<ValueId> {
    let x = at.x(0)?;
    let (to, dtype) = (dtype(at, r.b.dtype(x))?, drawn::wide(r.b.dtype(x)));
    let u = r.b.one_opt(Op::RandomUniform { low: 0.0, high: 1.0, dtype, seed: seed(at) }, &[None, Some(x)])?;
    let x = r.b.cast(x, dtype)?;
    let hit = r.binary(BinaryOp::Less, u, x)?;
    r.b.cast(hit, to)
}

/// (logits: [batch, classes]) → a class for each sample.
fn multinomial(r: &mut Reader<'_>, at: &At<'_, '_>) -> Result<ValueId> {
    let (x, to) = (at.x(0)?, dtype(at, DType::I32)?);
    if r.b.rank(x) != 2 {
        return Err(at.unsupported("an operand that is not [batch, classes]"));
    }
    let samples = r.b.ints(&[at.int("sample_size", 1)]);
    let chosen = r.b.drawn_classes(x, samples, seed(at))?;
    r.b.cast(chosen, to)
}
