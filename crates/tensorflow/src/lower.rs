//! Lowering: a TensorFlow source graph becomes a core graph.

use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_ir::{CoreGraph, CustomLayers, SourceGraph, SourceOp};

/// Lowers a TensorFlow source graph to core ops.
///
/// # Errors
/// Everything that cannot be lowered, at once.
pub fn lower(_source: &SourceGraph, _custom: &CustomLayers) -> Result<CoreGraph, Diagnostics> {
    Err(Diagnostic::error(Code::PROBE_UNKNOWN, "TensorFlow models are not lowered yet").into())
}

/// The names of all ops that are converted.
pub fn supported() -> Vec<&'static str> {
    Vec::new()
}

/// Whether there is a lowering for an op as it stands.
pub fn converts(_op: &SourceOp) -> bool {
    false
}
