//! Building a rewritten graph anew with the [`Builder`], so that types are inferred, constants folded and shared.
//!
//! Owns: what every rewriting pass needs to carry over: names, provenance, types that know more than inference.

use crate::{Builder, CoreGraph, Def, Dim, Op, TensorType, ValueId};
use modelport_diag::Result;

/// A builder for a graph that replaces `graph`.
pub(super) fn begin(graph: &CoreGraph) -> Builder {
    let mut b = Builder::new(graph.name.clone());
    b.graph_mut().provenance = graph.provenance.clone();
    b
}

/// What is known of a result beforehand.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) name: String,
    pub(super) ty: TensorType,
}

/// Adds a node under `name`; its results take the expected names, and what the expected types know beyond inference.
pub(super) fn add(
    b: &mut Builder,
    name: &str,
    op: Op,
    inputs: &[Option<ValueId>],
    expected: &[Expected],
) -> Result<Vec<ValueId>> {
    b.push_scope(name);
    let ids = b.add(op, inputs);
    b.pop_scope();
    let ids = ids?;
    for (&id, e) in ids.iter().zip(expected) {
        settle(b.graph_mut(), id, e);
    }
    Ok(ids)
}

/// Names a node's result and records what is known of its type. A folded result is a constant that others may share.
fn settle(graph: &mut CoreGraph, id: ValueId, expected: &Expected) {
    let Some(value) = graph.values.get_mut(id.index()).filter(|v| matches!(v.def, Def::Node(..))) else { return };
    value.name.clone_from(&expected.name);
    if value.ty.rank() != expected.ty.rank() {
        return;
    }
    for (dim, more) in value.ty.shape.iter_mut().zip(&expected.ty.shape) {
        let refines = match dim {
            Dim::Unknown => true,
            Dim::Symbol(_) => matches!(more, Dim::Known(_)),
            Dim::Known(_) => false,
        };
        if refines && *more != Dim::Unknown {
            dim.clone_from(more);
        }
    }
}
