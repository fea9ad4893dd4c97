//! Gathering, scattering, selecting by data.

use super::{Out, one};
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::ScatterReduction;
use modelport_ir::{DType, Op};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "Gather" => r.op(at, Op::Gather { axis: at.int("axis", 0) }),
        "GatherElements" => r.op(at, Op::GatherElements { axis: at.int("axis", 0) }),
        "GatherND" => r.op(at, Op::GatherNd { batch_dims: at.size("batch_dims", 0)? }),
        "Scatter" | "ScatterElements" => {
            let reduction = reduction(at)?;
            r.op(at, Op::ScatterElements { axis: at.int("axis", 0), reduction })
        }
        "ScatterND" => {
            let reduction = reduction(at)?;
            r.op(at, Op::ScatterNd { reduction })
        }
        "OneHot" => {
            let depth = at.x(1)?;
            let depth = r.b.cast(depth, DType::I64)?;
            one(r.b.one(Op::OneHot { axis: at.int("axis", -1) }, &[at.x(0)?, depth, at.x(2)?])?)
        }
        "NonZero" => r.op(at, Op::NonZero),
        "Compress" => r.op(at, Op::Compress { axis: at.attr("axis").map(|a| a.int) }),
        "Unique" => {
            let axis = at.attr("axis").map(|a| a.int);
            r.op(at, Op::Unique { axis, sorted: at.int("sorted", 1) != 0 })
        }
        "ReverseSequence" => {
            r.op(at, Op::ReverseSequence { batch_axis: at.int("batch_axis", 1), time_axis: at.int("time_axis", 0) })
        }
        _ => Ok(None),
    }
}

fn reduction(at: &At<'_, '_>) -> Result<ScatterReduction> {
    let name = at.text("reduction", "none");
    ScatterReduction::from_name(&name).ok_or_else(|| at.wrong("reduction", "none, add, mul, max or min", &name))
}
