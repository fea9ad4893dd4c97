//! The ops of a graph against those of a TensorFlow.
//!
//! Owns: ops and attributes by version, ops of extensions and of GPUs. Must never know: files.

use super::{Case, Kind};
use crate::doctor::diagnosis::{Cause, Finding, Level};
use crate::doctor::tables::{self, TensorFlowOp};
use crate::doctor::target::Product;
use crate::doctor::version::Version;

/// Ops that exist only as kernels for GPUs.
const CUDNN: &[&str] = &["CudnnRNN", "CudnnRNNV2", "CudnnRNNV3", "CudnnRNNBackprop"];

/// Everything that the graph needs and the version does not have.
pub(crate) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let version = tensorflow(case);
    let table = tables::tensorflow();
    for (op, used) in &case.file.ops {
        if op.starts_with('_') || case.file.functions.contains(op) {
            continue;
        }
        if CUDNN.contains(&op.as_str()) {
            let what = format!("`{op}` runs on a GPU with cuDNN only");
            let text = format!(
                "InvalidArgumentError: No OpKernel was registered to support Op '{op}' used by {{{{node {}}}}}",
                used.first
            );
            found.push(Finding::new(Cause::Device, Level::Depends, what).row(39).error(text).at(used.first.clone()));
        }
        if used.channels_first && op.starts_with("Conv") {
            let text = "UnimplementedError: The Conv2D op currently only supports the NHWC tensor format on the CPU.";
            let what = format!("`{op}` with channels first (NCHW) runs on a GPU only");
            found.push(Finding::new(Cause::Device, Level::Depends, what).row(39).error(text).at(used.first.clone()));
        }
        let text = format!("NotFoundError: Op type not registered '{op}' in binary running on …");
        match table.ops.get(op.as_str()) {
            None => {
                let what = format!("`{op}` is no op of TensorFlow but of an extension or the author's own");
                found.push(
                    Finding::refused(Cause::CustomObjects, what)
                        .row(25)
                        .row(55)
                        .row(30)
                        .error(text)
                        .at(used.first.clone()),
                );
            }
            Some(known) if known.contrib => {
                let what = format!("`{op}` is of tf.contrib, which TensorFlow 2 does not have");
                found.push(Finding::refused(Cause::CustomObjects, what).row(25).error(text).at(used.first.clone()));
            }
            Some(known) if version < Version::of(known.first) => {
                let what = format!("`{op}` came with TensorFlow {}", known.first);
                found.push(Finding::refused(Cause::Version, what).row(24).row(25).error(text).at(used.first.clone()));
            }
            Some(known) if version > Version::of(known.last) => {
                let what = format!("`{op}` is gone: TensorFlow {} was the last known to have it", known.last);
                found.push(Finding::refused(Cause::Version, what).row(25).error(text).at(used.first.clone()));
            }
            Some(known) => found.extend(attribute(case, op, known, &version)),
        }
    }
    found
}

/// An attribute that came after its op. A SavedModel says which ops it was made with, so that attributes at their default are
/// dropped on load; a graph does not.
fn attribute(case: &Case<'_>, op: &str, known: &TensorFlowOp, version: &Version) -> Option<Finding> {
    let used = case.file.ops.get(op)?;
    let later =
        known.later.iter().find(|(name, since, _)| used.attrs.contains(*name) && *version < Version::of(since))?;
    let (name, since, default) = later;
    let level = if case.file.kind == Kind::SavedModel { Level::Depends } else { Level::Refused };
    let what = format!("the attribute `{name}` of `{op}` came with TensorFlow {since} (default {default})");
    let text = format!(
        "ValueError: NodeDef mentions attr '{name}' not in Op<name={op}; …>. (Check whether your GraphDef-interpreting binary is up to date with your GraphDef-generating binary.)"
    );
    Some(Finding::new(Cause::Version, level, what).row(24).error(text).at(used.first.clone()))
}

/// The TensorFlow that runs the graph: the target's own, or the newest for a Keras.
fn tensorflow(case: &Case<'_>) -> Version {
    let v = &case.target.version;
    match case.target.product {
        Product::TensorFlow => v.clone(),
        // Keras 2.6 and later go with TensorFlow of the same number.
        Product::Keras if v.major() == 2 && !v.before("2.6") => v.clone(),
        _ => crate::doctor::target::Target::newest(Product::TensorFlow).version,
    }
}
