//! The ONNX operator of each core op, where one is its equal.

use modelport_ir::Op;
use modelport_ir::core::{ArgKind, BinaryOp, PoolKind, ReduceKind};

/// The name of the operator that `op` is written as; empty for custom ops, which bring their own.
pub(crate) fn operator(op: &Op) -> &'static str {
    match op {
        Op::Binary(BinaryOp::Fmod) => "Mod",
        Op::Binary(BinaryOp::ShiftLeft | BinaryOp::ShiftRight) => "BitShift",
        Op::Reduce { kind, .. } => reduction(*kind),
        Op::ArgReduce { kind: ArgKind::Max, .. } => "ArgMax",
        Op::ArgReduce { kind: ArgKind::Min, .. } => "ArgMin",
        Op::Pool { kind: PoolKind::Max, .. } | Op::MaxPoolWithIndex { .. } => "MaxPool",
        Op::Pool { kind: PoolKind::Average, .. } => "AveragePool",
        Op::Pool { kind: PoolKind::L2, .. } => "LpPool",
        Op::BatchNorm { .. } => "BatchNormalization",
        Op::LayerNorm { .. } => "LayerNormalization",
        Op::RmsNorm { .. } => "RMSNormalization",
        Op::InstanceNorm { .. } => "InstanceNormalization",
        Op::GroupNorm { .. } => "GroupNormalization",
        Op::LpNorm { .. } => "LpNormalization",
        Op::Lrn { .. } => "LRN",
        Op::GatherNd { .. } => "GatherND",
        Op::ScatterNd { .. } => "ScatterND",
        Op::Lstm { .. } => "LSTM",
        Op::Gru { .. } => "GRU",
        Op::Rnn { .. } => "RNN",
        Op::Custom { .. } => "",
        other => other.name(),
    }
}

fn reduction(kind: ReduceKind) -> &'static str {
    match kind {
        ReduceKind::Sum => "ReduceSum",
        ReduceKind::Mean => "ReduceMean",
        ReduceKind::Max => "ReduceMax",
        ReduceKind::Min => "ReduceMin",
        ReduceKind::Prod => "ReduceProd",
        ReduceKind::L1 => "ReduceL1",
        ReduceKind::L2 => "ReduceL2",
        ReduceKind::LogSum => "ReduceLogSum",
        ReduceKind::LogSumExp => "ReduceLogSumExp",
        ReduceKind::SumSquare => "ReduceSumSquare",
    }
}
