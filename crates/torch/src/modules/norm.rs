//! Normalisation.

use super::{Class, Forward, Module, Val, int, ints, nn, nn_any};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn("BatchNorm1d", batch_norm),
    nn("BatchNorm2d", batch_norm),
    nn("BatchNorm3d", batch_norm),
    nn("SyncBatchNorm", batch_norm),
    nn("LayerNorm", layer_norm),
    nn("GroupNorm", group_norm),
    nn("InstanceNorm1d", instance_norm),
    nn("InstanceNorm2d", instance_norm),
    nn("InstanceNorm3d", instance_norm),
    nn("RMSNorm", rms_norm),
    nn("LocalResponseNorm", local_response_norm),
    nn("CrossMapLRN2d", local_response_norm),
    nn_any("CosineSimilarity", |f, m, inputs| match inputs {
        [Val::One(a), Val::One(b)] => {
            let args = vec![(*a).into(), (*b).into(), int(m.int_or("dim", 1)), Arg::Float(m.float_or("eps", 1e-8))];
            Ok(f.op("aten::cosine_similarity", args).into())
        }
        _ => Err(f.arity(m, "two tensors", inputs)),
    }),
];

/// In eval mode the running statistics count; without them (`track_running_stats=False`) those of the batch do.
pub(crate) fn batch_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let tensors = ["weight", "bias", "running_mean", "running_var"].map(|n| f.param_or_none(m, n));
    let batch = matches!(tensors[2], Arg::None) || matches!(tensors[3], Arg::None);
    if batch {
        f.notes.insert(format!("`{}` has no running statistics: it normalises by those of its input", f.path()));
    }
    let [weight, bias, mean, var] = tensors;
    let (momentum, eps) = (m.float_or("momentum", 0.1), m.float_or("eps", 1e-5));
    let args = vec![x.into(), weight, bias, mean, var, batch.into(), momentum.into(), eps.into(), false.into()];
    Ok(f.op("aten::batch_norm", args))
}

/// `F.layer_norm` over the last dimensions; also where a class derived from it moves the channels around it.
pub(crate) fn layer_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let (weight, bias) = (f.param_or_none(m, "weight"), f.param_or_none(m, "bias"));
    let shape = m.list("normalized_shape")?;
    let eps = m.float_or("eps", 1e-5);
    Ok(f.op("aten::layer_norm", vec![x.into(), ints(&shape), weight, bias, eps.into(), false.into()]))
}

fn rms_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let weight = f.param_or_none(m, "weight");
    let shape = m.list("normalized_shape")?;
    let eps = m.attr("eps").and_then(Attr::as_float);
    Ok(f.op("aten::rms_norm", vec![x.into(), ints(&shape), weight, eps.into()]))
}

fn group_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let (weight, bias) = (f.param_or_none(m, "weight"), f.param_or_none(m, "bias"));
    let args = vec![x.into(), int(m.int("num_groups")?), weight, bias, m.float_or("eps", 1e-5).into(), false.into()];
    Ok(f.op("aten::group_norm", args))
}

/// Statistics of the instance, unless `track_running_stats` asks for the running ones.
fn instance_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let running = m.tensor("running_mean").is_some() && m.bool_or("track_running_stats", false);
    if running {
        return batch_norm(f, m, x);
    }
    let (weight, bias) = (f.param_or_none(m, "weight"), f.param_or_none(m, "bias"));
    let (momentum, eps) = (m.float_or("momentum", 0.1), m.float_or("eps", 1e-5));
    let args =
        vec![x.into(), weight, bias, Arg::None, Arg::None, true.into(), momentum.into(), eps.into(), false.into()];
    Ok(f.op("aten::instance_norm", args))
}

/// `x / (k + alpha · mean of squares over `size` channels)^beta`; the average counts the zeros around the channels.
fn local_response_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let size = m.int("size")?;
    let square = f.op("aten::mul.Tensor", vec![x.into(), x.into()]);
    let channels = f.op("aten::unsqueeze", vec![square.into(), int(1)]);
    // Channels become the depth of one 3-d image.
    let before = size / 2;
    let padded = f.op(
        "aten::constant_pad_nd",
        vec![channels.into(), ints(&[0, 0, 0, 0, before, (size - 1) / 2]), Arg::Float(0.0)],
    );
    let mean = f.op("aten::avg_pool3d", vec![padded.into(), ints(&[size, 1, 1]), ints(&[1, 1, 1])]);
    let mean = f.op("aten::squeeze.dim", vec![mean.into(), int(1)]);
    let scaled = f.op("aten::mul.Scalar", vec![mean.into(), m.float_or("alpha", 1e-4).into()]);
    let shifted = f.op("aten::add.Scalar", vec![scaled.into(), m.float_or("k", 1.0).into()]);
    let power = f.op("aten::pow.Tensor_Scalar", vec![shifted.into(), m.float_or("beta", 0.75).into()]);
    Ok(f.op("aten::div.Tensor", vec![x.into(), power.into()]))
}
