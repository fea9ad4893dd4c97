//! Building blocks that several of torchvision's families share (`torchvision/ops`).

use crate::emit::Arg;
use crate::modules::activation_identity as identity;
use crate::modules::{Apply, Class, Forward, Module, Val, container_sequential as sequential, ints};
use crate::modules::{batch_norm, conv, transposed_conv};
use modelport_diag::Result;
use modelport_ir::ValueId;

const fn ops(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: "torchvision", name, apply: Apply::One(f) }
}

const fn any(name: &'static str, f: fn(&mut Forward, &Module, &[Val]) -> Result<Val>) -> Class {
    Class { of: "torchvision", name, apply: Apply::Any(f) }
}

/// Classes derived from `Sequential` without a `forward` of their own come last: their names are general.
pub(super) const CLASSES: &[Class] = &[
    any("ConvBNReLU", sequential),
    any("ConvBNActivation", sequential),
    any("_DeprecatedConvBNAct", sequential),
    any("ConvNormActivation", sequential),
    any("Conv2dNormActivation", sequential),
    any("Conv3dNormActivation", sequential),
    any("MLP", sequential),
    any("MLPBlock", sequential),
    ops("SqueezeExcitation", squeeze_excitation),
    ops("FrozenBatchNorm2d", frozen_batch_norm),
    ops("StochasticDepth", identity),
    ops("DropBlock2d", identity),
    ops("DropBlock3d", identity),
    ops("Permute", |f, m, x| {
        let dims = m.list("dims")?;
        Ok(f.permute(x, &dims))
    }),
    // torchvision 0.3 to 0.8 wrapped these for empty batches.
    ops("Conv2d", |f, m, x| conv(f, m, x, 2)),
    ops("ConvTranspose2d", |f, m, x| transposed_conv(f, m, x, 2)),
    ops("BatchNorm2d", batch_norm),
];

/// Scales channels by what their averages say. Until torchvision 0.10 the class of `mobilenetv3` had `relu` and no module
/// for the last activation, which was a hard sigmoid.
fn squeeze_excitation(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let scale = f.average(x, 1);
    let scale = f.child(m, "fc1", scale)?;
    let scale =
        if m.child("activation").is_some() { f.child(m, "activation", scale)? } else { f.maybe(m, "relu", scale)? };
    let scale = f.child(m, "fc2", scale)?;
    let scale = if m.child("scale_activation").is_some() {
        f.child(m, "scale_activation", scale)?
    } else {
        f.op("aten::hardsigmoid", vec![scale.into()])
    };
    Ok(f.op("aten::mul.Tensor", vec![scale.into(), x.into()]))
}

/// Constant statistics. `eps` came with torchvision 0.7; before, there was none.
fn frozen_batch_norm(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let mut args = vec![Arg::Value(x)];
    for name in ["weight", "bias", "running_mean", "running_var"] {
        args.push(f.param(m, name)?.into());
    }
    args.extend([false.into(), Arg::Float(0.0), Arg::Float(m.float_or("eps", 0.0)), false.into()]);
    Ok(f.op("aten::batch_norm", args))
}

/// `_transform_input` of the Inception networks: from ImageNet's normalisation to that of the original weights.
pub(super) fn transform_input(f: &mut Forward, x: ValueId) -> ValueId {
    let channels = [(0.229, 0.485), (0.224, 0.456), (0.225, 0.406)];
    let parts: Vec<ValueId> = (0i64..)
        .zip(channels)
        .map(|(i, (std, mean))| {
            let one = f.op("aten::slice.Tensor", vec![x.into(), Arg::Int(1), Arg::Int(i), Arg::Int(i + 1)]);
            let scaled = f.op("aten::mul.Scalar", vec![one.into(), Arg::Float(std / 0.5)]);
            f.op("aten::add.Scalar", vec![scaled.into(), Arg::Float((mean - 0.5) / 0.5)])
        })
        .collect();
    f.cat(&parts, 1)
}

/// `F.max_pool2d(x, kernel, stride)`
pub(super) fn max_pool(f: &mut Forward, x: ValueId, kernel: i64, stride: i64) -> ValueId {
    f.op("aten::max_pool2d", vec![x.into(), ints(&[kernel; 2]), ints(&[stride; 2])])
}

/// A module whose children run one after the other until the last, which sees the averaged features.
pub(super) fn features_then(f: &mut Forward, m: &Module, x: ValueId, head: &str) -> Result<ValueId> {
    let x = f.child(m, "features", x)?;
    let x = f.average(x, 1);
    let x = f.flatten(x);
    f.maybe(m, head, x)
}
