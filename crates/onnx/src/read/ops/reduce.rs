//! Reductions, running sums, selection of extrema, linear algebra.

use super::{Out, one};
use crate::read::Reader;
use crate::read::node::At;
use modelport_ir::Op;
use modelport_ir::core::{ArgKind, ReduceKind};

fn kind(name: &str) -> Option<ReduceKind> {
    Some(match name {
        "ReduceSum" => ReduceKind::Sum,
        "ReduceMean" | "GlobalAveragePool" => ReduceKind::Mean,
        "ReduceMax" | "GlobalMaxPool" => ReduceKind::Max,
        "ReduceMin" => ReduceKind::Min,
        "ReduceProd" => ReduceKind::Prod,
        "ReduceL1" => ReduceKind::L1,
        "ReduceL2" | "GlobalLpPool" => ReduceKind::L2,
        "ReduceLogSum" => ReduceKind::LogSum,
        "ReduceLogSumExp" => ReduceKind::LogSumExp,
        "ReduceSumSquare" => ReduceKind::SumSquare,
        _ => return None,
    })
}

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    if let Some(kind) = kind(at.op()) {
        return if at.op().starts_with("Global") { global(r, at, kind) } else { reduce(r, at, kind) };
    }
    match at.op() {
        "ArgMax" | "ArgMin" => {
            let kind = if at.op() == "ArgMax" { ArgKind::Max } else { ArgKind::Min };
            let (axis, keepdims) = (at.int("axis", 0), at.int("keepdims", 1) != 0);
            r.op(at, Op::ArgReduce { kind, axis, keepdims, select_last: at.flag("select_last_index") })
        }
        "CumSum" | "CumProd" => {
            let (exclusive, reverse) = (at.flag("exclusive"), at.flag("reverse"));
            let axis = r.known(at, 1, "axes")?.and_then(|v| v.first().copied()).unwrap_or(0);
            let product = at.op() == "CumProd";
            let op = if product {
                Op::CumProd { axis, exclusive, reverse }
            } else {
                Op::CumSum { axis, exclusive, reverse }
            };
            one(r.b.one(op, &[at.x(0)?])?)
        }
        "TopK" => top_k(r, at),
        "MatMul" => r.op(at, Op::MatMul),
        "Gemm" => {
            let op = Op::Gemm {
                alpha: at.float("alpha", 1.0),
                beta: at.float("beta", 1.0),
                trans_a: at.flag("transA"),
                trans_b: at.flag("transB"),
            };
            r.op(at, op)
        }
        "Einsum" => r.op(at, Op::Einsum { equation: at.text("equation", "") }),
        _ => Ok(None),
    }
}

fn reduce(r: &mut Reader<'_>, at: &At<'_, '_>, kind: ReduceKind) -> Out {
    let since = if kind == ReduceKind::Sum { 13 } else { 18 };
    let axes = r.axes(at, since)?.unwrap_or_default();
    let keepdims = at.int("keepdims", 1) != 0;
    let x = at.x(0)?;
    if at.flag("noop_with_empty_axes") && axes.is_empty() {
        return match kind {
            ReduceKind::Sum | ReduceKind::Mean | ReduceKind::Max | ReduceKind::Min | ReduceKind::Prod => one(x),
            _ => Err(at.unsupported("noop_with_empty_axes")),
        };
    }
    one(r.b.one(Op::Reduce { kind, axes, keepdims }, &[x])?)
}

fn global(r: &mut Reader<'_>, at: &At<'_, '_>, kind: ReduceKind) -> Out {
    let kind = match (kind, at.op(), at.int("p", 2)) {
        (ReduceKind::L2, "GlobalLpPool", 1) => ReduceKind::L1,
        (ReduceKind::L2, "GlobalLpPool", p) if p != 2 => return Err(at.unsupported("a p other than 1 and 2")),
        (kind, ..) => kind,
    };
    let x = at.x(0)?;
    let axes = (2..r.b.rank(x) as i64).collect();
    one(r.b.one(Op::Reduce { kind, axes, keepdims: true }, &[x])?)
}

fn top_k(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let op =
        Op::TopK { axis: at.int("axis", -1), largest: at.int("largest", 1) != 0, sorted: at.int("sorted", 1) != 0 };
    let k = match at.opt(1) {
        Some(k) => k,
        None => r.b.ints(&[at.int("k", 0)]),
    };
    r.b.add(op, &[at.opt(0), Some(k)]).map(Some)
}
