//! A layer as a source op: its configuration as attributes, its weights, and the layers inside wrappers.
//!
//! Owns: the reserved attributes `@module`, `@registered_name`, `@build`, `@compute_dtype`. Must never know: connections.

use super::network_graph;
use crate::json::{config_attrs, policy_dtype, policy_name, to_attr};
use crate::model::{Body, Layer, LayerId, Model};
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Dialect, SourceOp};
use std::collections::BTreeMap;

/// The op of a layer that is not a network.
pub(super) fn source_op(model: &Model, id: LayerId) -> Result<SourceOp> {
    let layer = model.layer(id);
    let mut op = SourceOp::new(Dialect::Keras, layer.class.clone());
    op.attrs = config_attrs(&layer.config);
    op.weights.clone_from(&layer.weights);
    let mut reserved = |key: &str, value: Option<Attr>| {
        if let Some(value) = value {
            op.attrs.insert(key.to_owned(), value);
        }
    };
    reserved("@module", layer.module.clone().map(Attr::Str));
    reserved("@registered_name", layer.registered.clone().map(Attr::Str));
    reserved("@build", layer.build.as_ref().map(to_attr));
    reserved("@compute_dtype", Some(Attr::DType(compute_dtype(layer))));
    if let Body::Slots(slots) = &layer.body {
        insert_slots(model, slots, &mut op)?;
    }
    Ok(op)
}

/// Inner layers take the place of their configuration.
fn insert_slots(model: &Model, slots: &[(String, LayerId)], op: &mut SourceOp) -> Result<()> {
    if op.name == "Bidirectional" {
        op.attrs.remove("layer");
    }
    let mut lists: BTreeMap<&str, Vec<Attr>> = BTreeMap::new();
    for (name, inner) in slots {
        let value = match &model.layer(*inner).body {
            Body::Network(_) => Attr::Graph(Box::new(network_graph(model, *inner)?)),
            _ => Attr::Op(Box::new(source_op(model, *inner)?)),
        };
        match name.split_once('/') {
            Some((list, _)) => lists.entry(list).or_default().push(value),
            None => drop(op.attrs.insert(name.clone(), value)),
        }
    }
    op.attrs.extend(lists.into_iter().map(|(name, list)| (name.to_owned(), Attr::List(list))));
    Ok(())
}

/// The type that a layer computes in: `float32`, or half of that under a mixed policy
/// (keras/src/dtype_policies/dtype_policy.py 3.15; mixed_precision/policy.py 2.15).
fn compute_dtype(layer: &Layer) -> DType {
    layer.config.get("dtype").and_then(policy_name).and_then(|name| policy_dtype(&name)).unwrap_or(DType::F32)
}
