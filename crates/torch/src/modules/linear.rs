//! Linear layers and embeddings.

use super::{Class, Forward, Module, Val, int, nn, nn_any};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn("Linear", linear),
    nn("NonDynamicallyQuantizableLinear", linear),
    nn("_LinearWithBias", linear),
    nn_any("Bilinear", |f, m, inputs| match inputs {
        [Val::One(a), Val::One(b)] => {
            let (weight, bias) = (f.param(m, "weight")?, f.param_or_none(m, "bias"));
            Ok(f.op("aten::bilinear", vec![(*a).into(), (*b).into(), weight.into(), bias]).into())
        }
        _ => Err(f.arity(m, "two tensors", inputs)),
    }),
    nn("Embedding", |f, m, x| {
        if m.attr("max_norm").is_some() {
            return Err(f.unsupported(m, "`max_norm`, which changes the weights as it runs,"));
        }
        let weight = f.param(m, "weight")?;
        let padding = int(m.int_or("padding_idx", -1));
        Ok(f.op("aten::embedding", vec![weight.into(), x.into(), padding]))
    }),
    nn_any("EmbeddingBag", embedding_bag),
];

fn linear(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let (weight, bias) = (f.param(m, "weight")?, f.param_or_none(m, "bias"));
    Ok(f.op("aten::linear", vec![x.into(), weight.into(), bias]))
}

/// Indices of rank 2 are bags of one length: an embedding and a reduction.
fn embedding_bag(f: &mut Forward, m: &Module, inputs: &[Val]) -> Result<Val> {
    let [Val::One(x)] = inputs else {
        return Err(f.unsupported(m, "offsets or weights of samples"));
    };
    if m.attr("max_norm").is_some() || m.attr("padding_idx").is_some() {
        return Err(f.unsupported(m, "`max_norm` or `padding_idx`"));
    }
    let weight = f.param(m, "weight")?;
    let rows = f.op("aten::embedding", vec![weight.into(), (*x).into()]);
    let dim = Arg::List(vec![int(1)]);
    Ok(match m.attr("mode").and_then(Attr::as_str).unwrap_or("mean") {
        "sum" => f.op("aten::sum.dim_IntList", vec![rows.into(), dim]),
        "max" => f.op("aten::amax", vec![rows.into(), dim]),
        _ => f.op("aten::mean.dim", vec![rows.into(), dim]),
    }
    .into())
}
