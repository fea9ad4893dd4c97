//! Opsets and the IR version that belongs to each. Source: `facts/onnx_release_versions.tsv` (`onnx.helper.VERSION_TABLE`
//! of onnx 1.23.2) and, for the default, what onnxruntime 1.32.0 (PyPI) calls its official support.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{CoreGraph, Op};

/// The oldest opset that is written.
pub const OLDEST: i64 = 11;
/// The newest opset that is written (onnx 1.23).
pub const NEWEST: i64 = 28;
/// What is written unless asked otherwise: the newest that the released onnxruntime (1.32.0) officially runs.
pub const DEFAULT: i64 = 28;

/// The IR version of the first ONNX release that has `opset`.
pub fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=8 => 3,
        9 => 4,
        10 => 5,
        11 => 6,
        12..=14 => 7,
        15..=18 => 8,
        19..=20 => 9,
        21..=22 => 10,
        23 => 11,
        24 => 12,
        25..=27 => 13,
        _ => 14,
    }
}

/// The newest opset at which the released onnxruntime (1.32.0) has a CPU kernel for an op that it lacks at
/// [`DEFAULT`]; measured with the cases of `tests/cases`.
fn newest_kernel(op: &Op) -> i64 {
    match op {
        Op::QuantizeLinear { .. } | Op::DequantizeLinear { .. } => 27,
        Op::RoiAlign { .. } => 21,
        _ if op.draws() => 21,
        _ => op.bodies().map(newest_kernels).min().unwrap_or(DEFAULT),
    }
}

fn newest_kernels(graph: &CoreGraph) -> i64 {
    graph.nodes().iter().map(|n| newest_kernel(&n.op)).min().unwrap_or(DEFAULT)
}

/// The opset to write, checked.
pub(crate) fn choose(asked: Option<i64>, graph: &CoreGraph) -> Result<i64> {
    let Some(opset) = asked else {
        return Ok(newest_kernels(graph));
    };
    if (OLDEST..=NEWEST).contains(&opset) {
        return Ok(opset);
    }
    Err(Diagnostic::error(Code::ONNX_OPSET, format!("opset {opset} is not one that modelport writes"))
        .expected(format!("{OLDEST} to {NEWEST}"))
        .help(format!("leave `--opset` away for {DEFAULT}, or give a number in that range")))
}
