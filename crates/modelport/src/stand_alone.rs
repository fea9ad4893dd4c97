//! The stand-alone MobileNetV2 from the weights of the file, past every reader's lowering.
//!
//! Owns: which weights and which head it is made of. Must never know: how the network computes.

use crate::verify::Subject;
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Dialect, SourceGraph, Tensor};
use modelport_runtime::mobilenet_v2::{Map, MobileNetV2};

/// The outputs of the stand-alone network, when the model is a MobileNetV2 of the Keras application or of torchvision.
pub(crate) fn outputs(subject: &Subject<'_>, inputs: &[(String, Tensor)]) -> Result<Option<Tensor>> {
    let ([(_, image)], [output]) = (inputs, subject.core.outputs()) else { return Ok(None) };
    if image.rank() != 4 {
        return Ok(None);
    }
    let pooled = subject.core.ty(output.value).rank() == 2;
    let Some(source) = subject.model.source() else { return Ok(None) };
    if crate::load::dialect(source) == Dialect::Torch {
        return torch(&subject.model.weights, image, pooled);
    }
    let Some(network) = keras(source, pooled)? else { return Ok(None) };
    run(&network, image).map(Some)
}

fn keras(source: &SourceGraph, pooled: bool) -> Result<Option<MobileNetV2>> {
    if !MobileNetV2::recognise(source.nodes().iter().map(|n| n.name.as_str())) {
        return Ok(None);
    }
    let weight = |layer: &str, name: &str| source.nodes().iter().find(|n| n.name == layer)?.op.weight(name).cloned();
    let heads: Vec<_> = source.nodes().iter().filter(|n| n.op.name == "Dense").collect();
    let softmax = |op: &modelport_ir::SourceOp| op.attr("activation").and_then(Attr::as_str) == Some("softmax");
    let head = match heads[..] {
        [] => None,
        [dense] => Some((dense.name.as_str(), softmax(&dense.op))),
        _ => return Ok(None),
    };
    if pooled != head.is_some() {
        return Ok(None);
    }
    MobileNetV2::assemble(&weight, head).map(Some)
}

/// torch's images are channels first.
fn torch(weights: &[(String, Tensor)], image: &Tensor, pooled: bool) -> Result<Option<Tensor>> {
    let classified = weights.iter().any(|(n, _)| n.starts_with("classifier."));
    if !pooled || !classified || !MobileNetV2::recognise_torch(weights.iter().map(|(n, _)| n.as_str())) {
        return Ok(None);
    }
    let weight = |key: &str| weights.iter().find(|(n, _)| n == key).map(|(_, t)| t.clone());
    let network = MobileNetV2::assemble_torch(&weight)?;
    run(&network, &image.permute(&[0, 2, 3, 1])?).map(Some)
}

/// Runs it on images with channels last.
fn run(network: &MobileNetV2, image: &Tensor) -> Result<Tensor> {
    let shape = image.shape().to_vec();
    let (batch, height, width, channels) = match shape[..] {
        [b, h, w, c] => (b, h, w, c),
        _ => (0, 0, 0, 0),
    };
    let data = image.cast(DType::F32)?.to_f64s()?.into_iter().map(|v| v as f32).collect();
    let out = network.run(&Map { batch, height, width, channels, data })?;
    let whole = vec![out.batch, out.height, out.width, out.channels];
    let flat = vec![out.batch, out.channels];
    let shape = if out.height == 1 && out.width == 1 && network.has_head() { flat } else { whole };
    Tensor::floats(&out.data).reshape(shape)
}
