//! Giving each layer its weights under canonical names, from whichever way the file stores them.
//!
//! Owns: the rules by which Keras finds a layer's weights again. Must never know: HDF5, the source graph.

mod legacy;
mod spec;
mod tree;

pub(crate) use legacy::{LegacyLayer, assign as assign_legacy};
pub(crate) use tree::{WeightTree, assign as assign_tree};

use crate::json::policy_name;
use crate::model::{Layer, LayerId, Model};
use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_ir::Tensor;
use spec::Slot;

/// A weight under the name that its file gives it.
pub(crate) type Named = (String, Tensor);

/// What the file's author used: the names and order of a layer's weights differ before Keras 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era {
    /// Keras 1: own weight names (`W`, `b`), to be rewritten by the shim.
    pub(crate) keras1: bool,
}

impl Era {
    /// From the version that the file names. Files before 1.2 name none, and some tools drop the attribute, so then the
    /// arguments of the layers decide.
    pub(crate) fn of(version: Option<&str>, model: &Model) -> Self {
        const KERAS_1: [&str; 6] =
            ["init", "W_regularizer", "border_mode", "dim_ordering", "inner_activation", "input_dtype"];
        let old = |layer: &Layer| KERAS_1.iter().any(|key| layer.config.contains_key(*key));
        match version {
            Some(version) => Self { keras1: version.starts_with("1.") || version.starts_with("0.") },
            None => Self { keras1: model.layers.iter().any(old) },
        }
    }

    fn slots(self, layer: &Layer) -> Option<Vec<Slot>> {
        if self.keras1 || layer.is_custom() { None } else { spec::slots(&layer.class, &layer.config) }
    }
}

/// The last part of a weight's name, without TensorFlow's output number: `conv/kernel:0` → `kernel`.
fn short_name(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.rsplit_once(':').map_or(last, |(stem, n)| if n.bytes().all(|b| b.is_ascii_digit()) { stem } else { last })
}

/// The state of a layer's random generator, which inference does not need.
fn is_random_state(name: &str) -> bool {
    name.contains("seed_generator") || name.contains("StateVar") || name.contains("random_generator")
}

/// Makes `found` (in Keras's order) the own weights of a layer.
fn give(model: &mut Model, id: LayerId, era: Era, found: Vec<Named>, diagnostics: &mut Diagnostics) {
    let layer = model.layer_mut(id);
    if let Some(policy) =
        layer.config.get("dtype").and_then(policy_name).filter(|p| p.starts_with("int") && p.contains("_from_"))
    {
        diagnostics.push(
            Diagnostic::error(Code::KERAS_UNSUPPORTED, "the layer is quantized, which has no lowering")
                .at_node(layer.name.clone())
                .at_attribute("dtype")
                .found(policy)
                .help("save the model before `model.quantize(…)`"),
        );
        return;
    }
    let Some(slots) = era.slots(layer) else {
        layer.weights = found.into_iter().map(|(name, t)| (short_name(&name).to_owned(), t)).collect();
        unique_names(&mut layer.weights);
        return;
    };
    let found: Vec<_> = found.into_iter().filter(|(name, _)| !is_random_state(name)).collect();
    if slots.len() != found.len() {
        diagnostics.push(wrong_count(layer, &slots, &found));
        return;
    }
    for (slot, (name, tensor)) in slots.iter().zip(found) {
        if !slot.fits(tensor.shape()) {
            diagnostics.push(
                Diagnostic::error(Code::KERAS_WEIGHTS, format!("weight `{name}` does not fit the layer"))
                    .at_node(layer.name.clone())
                    .expected(format!("`{}` of shape {}", slot.name, slot.shape_text()))
                    .found(format!("shape {:?}", tensor.shape()))
                    .help("the weights and the architecture are of different models"),
            );
        }
        layer.weights.push((slot.name.clone(), tensor));
    }
}

fn wrong_count(layer: &Layer, slots: &[Slot], found: &[Named]) -> Box<Diagnostic> {
    let wanted: Vec<_> = slots.iter().map(|s| s.name.as_str()).collect();
    let got: Vec<_> = found.iter().map(|(name, t)| format!("{name} {:?}", t.shape())).collect();
    let text = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    Diagnostic::error(
        Code::KERAS_WEIGHTS,
        format!("the file has {} weights for this `{}` layer", found.len(), layer.class),
    )
    .at_node(layer.name.clone())
    .expected(format!("{}: {}", slots.len(), text(wanted.join(", "))))
    .found(format!("{}: {}", found.len(), text(got.join(", "))))
    .help("the file was cut off, or its weights and its architecture are of different models")
}

/// Custom layers may name two weights alike; the second gets a number.
fn unique_names(weights: &mut [Named]) {
    let mut seen = std::collections::HashMap::new();
    for (name, _) in weights {
        let count = seen.entry(name.clone()).and_modify(|n| *n += 1).or_insert(0usize);
        if *count > 0 {
            *name = format!("{name}_{count}");
        }
    }
}
