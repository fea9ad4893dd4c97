//! The HDF5 layout of Keras 1 to 3: a flat list of weights for each outermost layer, those of inner layers included.
//!
//! Source: keras/src/legacy/saving/legacy_h5_format.py (3.15), `_legacy_weights`: all trainable weights first, then the
//! others, inner layers in their order.

use super::{Era, Named, give, is_random_state, wrong_count};
use crate::json::bool_of;
use crate::model::{LayerId, Model};
use modelport_diag::{Code, Diagnostic, Diagnostics};
use std::collections::{HashMap, HashSet};

/// One entry of `layer_names`, with what `weight_names` lists.
#[derive(Debug)]
pub(crate) struct LegacyLayer {
    /// The layer's name in the file.
    pub(crate) name: String,
    /// Its weights in the file's order.
    pub(crate) weights: Vec<Named>,
}

/// Attaches the weights of a file to the layers of a model: by name where all names are known, else by position.
pub(crate) fn assign(model: &mut Model, era: Era, file: Vec<LegacyLayer>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let file: Vec<_> = file.into_iter().filter(|l| !l.weights.iter().all(|(n, _)| is_random_state(n))).collect();
    let top = model.top_layers();
    let by_name: HashMap<String, LayerId> = top.iter().map(|&id| (model.layer(id).name.clone(), id)).collect();
    let mut rest: Vec<LayerId> = Vec::new();
    if file.iter().all(|l| by_name.contains_key(&l.name)) {
        let mut given = HashSet::new();
        for entry in file {
            if let Some(&id) = by_name.get(&entry.name).filter(|id| given.insert(**id)) {
                give_subtree(model, id, era, entry.weights, &mut diagnostics);
            }
        }
        rest.extend(top.into_iter().filter(|id| !given.contains(id)));
    } else {
        let expecting: Vec<_> = top.iter().copied().filter(|&id| expects_weights(model, id, era)).collect();
        if expecting.len() != file.len() {
            diagnostics.push(other_layers(model, &expecting, &file));
            return diagnostics;
        }
        for (id, entry) in expecting.into_iter().zip(file) {
            give_subtree(model, id, era, entry.weights, &mut diagnostics);
        }
    }
    for id in rest {
        give_subtree(model, id, era, Vec::new(), &mut diagnostics);
    }
    diagnostics
}

fn other_layers(model: &Model, expecting: &[LayerId], file: &[LegacyLayer]) -> Box<Diagnostic> {
    let few = |names: Vec<&str>| {
        let more = if names.len() > 8 { ", …" } else { "" };
        format!("{} layers: {}{more}", names.len(), names[..names.len().min(8)].join(", "))
    };
    Diagnostic::error(Code::KERAS_WEIGHTS, "the file has weights for other layers than the architecture describes")
        .expected(few(expecting.iter().map(|&id| model.layer(id).name.as_str()).collect()))
        .found(few(file.iter().map(|l| l.name.as_str()).collect()))
        .help("give the architecture of the model that these weights were saved from")
}

/// The layers of a subtree that have own weights, each before those inside.
fn owners(model: &Model, id: LayerId, out: &mut Vec<LayerId>) {
    out.push(id);
    for child in model.children(id) {
        owners(model, child, out);
    }
}

fn expects_weights(model: &Model, id: LayerId, era: Era) -> bool {
    let mut all = Vec::new();
    owners(model, id, &mut all);
    all.iter().any(|&id| match era.slots(model.layer(id)) {
        Some(slots) => !slots.is_empty(),
        // Of a class that is not built in only the file knows; a network itself has none.
        None => model.network(id).is_none() && !(era.keras1 && keras1_weightless(&model.layer(id).class)),
    })
}

/// Keras 1 layers without weights, by how their classes are named.
fn keras1_weightless(class: &str) -> bool {
    const PARTS: [&str; 12] = [
        "Pool",
        "Padding",
        "Cropping",
        "UpSampling",
        "Dropout",
        "Flatten",
        "Reshape",
        "Permute",
        "Activation",
        "Merge",
        "Input",
        "Noise",
    ];
    const WHOLE: [&str; 9] = [
        "RepeatVector",
        "Masking",
        "Lambda",
        "ELU",
        "LeakyReLU",
        "ThresholdedReLU",
        "ActivityRegularization",
        "Bidirectional",
        "TimeDistributed",
    ];
    WHOLE.contains(&class) || PARTS.iter().any(|p| class.contains(p))
}

/// Distributes the flat list of an outermost layer over the layers inside it.
fn give_subtree(model: &mut Model, id: LayerId, era: Era, weights: Vec<Named>, diagnostics: &mut Diagnostics) {
    let mut all = Vec::new();
    owners(model, id, &mut all);
    if all.len() == 1 {
        return give(model, id, era, weights, diagnostics);
    }
    let weights: Vec<_> = weights.into_iter().filter(|(n, _)| !is_random_state(n)).collect();
    let shares = match by_position(model, &all, era, weights.len()) {
        Some(positions) => by_names(model, &all, era, &weights).unwrap_or(positions),
        None => match by_names(model, &all, era, &weights) {
            Some(shares) => shares,
            // Keras 1 may name the weights after the wrapper; the shim knows which of its layers has which.
            None if era.keras1 && model.network(id).is_none() => return give(model, id, era, weights, diagnostics),
            None => {
                let slots: Vec<_> = all.iter().filter_map(|&id| era.slots(model.layer(id))).flatten().collect();
                diagnostics.push(wrong_count(model.layer(id), &slots, &weights));
                return;
            }
        },
    };
    for (owner, share) in all.into_iter().zip(shares) {
        let named = share.into_iter().filter_map(|i| weights.get(i).cloned()).collect();
        if model.network(owner).is_none() {
            give(model, owner, era, named, diagnostics);
        }
    }
}

/// For each owner the positions of its weights, by the order in which Keras collects them; only where every class is known.
fn by_position(model: &Model, all: &[LayerId], era: Era, count: usize) -> Option<Vec<Vec<usize>>> {
    let mut trainable = Vec::new();
    let mut other = Vec::new();
    for (at, &id) in all.iter().enumerate() {
        let layer = model.layer(id);
        if model.network(id).is_some() {
            continue;
        }
        let learns = bool_of(&layer.config, "trainable", true);
        for slot in era.slots(layer)? {
            if slot.trainable && learns { trainable.push(at) } else { other.push(at) }
        }
    }
    let mut shares = vec![Vec::new(); all.len()];
    for (position, at) in trainable.iter().chain(&other).enumerate() {
        shares.get_mut(*at)?.push(position);
    }
    (trainable.len() + other.len() == count).then_some(shares)
}

/// For each owner the positions of the weights that carry its name: `conv/kernel:0`, `conv_W`. `None` unless every weight
/// finds exactly one owner and every known owner gets as many as it should.
fn by_names(model: &Model, all: &[LayerId], era: Era, weights: &[Named]) -> Option<Vec<Vec<usize>>> {
    let mut owner_of: HashMap<&str, usize> = HashMap::new();
    for (at, &id) in all.iter().enumerate().filter(|(_, id)| model.network(**id).is_none()) {
        if owner_of.insert(&model.layer(id).name, at).is_some() {
            return None;
        }
    }
    let mut shares = vec![Vec::new(); all.len()];
    for (position, (name, _)) in weights.iter().enumerate() {
        let dirs = name.rsplit_once('/').map_or("", |(dirs, _)| dirs);
        // The innermost directory that is a layer's name; in Keras 1 the longest prefix before an underscore.
        let by_dir = dirs.split('/').rev().find_map(|d| owner_of.get(d));
        let prefixes = name.match_indices('_').rev().filter_map(|(i, _)| owner_of.get(name.get(..i)?));
        let at = by_dir.or_else(|| prefixes.into_iter().next())?;
        shares.get_mut(*at)?.push(position);
    }
    let complete = all.iter().zip(&shares).all(|(&id, share)| {
        model.network(id).is_some() || era.slots(model.layer(id)).is_none_or(|slots| slots.len() == share.len())
    });
    complete.then_some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelport_diag::Limits;
    use modelport_ir::{DType, Tensor};
    use serde_json::{Value, json};

    fn sequential(name: &str, layers: Value) -> Value {
        json!({"class_name": "Sequential", "config": {"name": name, "layers": layers}})
    }

    fn entry(name: &str, weights: &[&str]) -> LegacyLayer {
        // Each weight has a length of its own, so that it can be told from the others.
        let tensor = |i: usize| Tensor::from_f64s(DType::F32, &[i + 1], &vec![0.0; i + 1]).unwrap();
        let weights = weights.iter().enumerate().map(|(i, n)| ((*n).to_owned(), tensor(i))).collect();
        LegacyLayer { name: name.into(), weights }
    }

    fn assigned(config: Value, version: &str, file: Vec<LegacyLayer>) -> (Model, Diagnostics) {
        let mut model = crate::model::parse(config, &Limits::default()).unwrap();
        let era = Era::of(Some(version), &model);
        let diagnostics = assign(&mut model, era, file);
        (model, diagnostics)
    }

    fn lengths(model: &Model, name: &str) -> Vec<(String, usize)> {
        let layer = model.layers.iter().find(|l| l.name == name).unwrap();
        layer.weights.iter().map(|(n, t)| (n.clone(), t.len())).collect()
    }

    fn norm(name: &str) -> Value {
        json!({"class_name": "BatchNormalization", "config": {"name": name}})
    }

    /// Two models of one kind side by side have layers of the same name, so only the order tells: trainable weights first.
    #[test]
    fn weights_of_nested_models_are_found_by_position() {
        let inner = |name: &str| sequential(name, json!([norm("bn")]));
        let config = sequential("outer", json!([sequential("both", json!([inner("a"), inner("b")]))]));
        let file = entry("both", &["bn/g:0", "bn/b:0", "bn/g:0", "bn/b:0", "bn/m:0", "bn/v:0", "bn/m:0", "bn/v:0"]);
        let (model, diagnostics) = assigned(config, "2.15.0", vec![file]);
        assert!(!diagnostics.has_errors(), "{diagnostics}");
        let norms = model.layers.iter().filter(|l| l.name == "bn");
        let found: Vec<Vec<usize>> = norms.map(|l| l.weights.iter().map(|(_, t)| t.len()).collect()).collect();
        assert_eq!(found, [[1, 2, 5, 6], [3, 4, 7, 8]]);
    }

    /// Names decide where they can: a frozen layer's weights stand behind those of layers after it.
    #[test]
    fn weights_of_nested_models_are_found_by_name() {
        let config = sequential("outer", json!([sequential("inner", json!([norm("one"), norm("two")]))]));
        let names = [
            "two/gamma:0",
            "two/beta:0",
            "one/gamma:0",
            "one/beta:0",
            "one/moving_mean:0",
            "one/moving_variance:0",
            "two/moving_mean:0",
            "two/moving_variance:0",
        ];
        let (model, diagnostics) = assigned(config, "2.15.0", vec![entry("inner", &names)]);
        assert!(!diagnostics.has_errors(), "{diagnostics}");
        assert_eq!(lengths(&model, "one").iter().map(|(_, n)| *n).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(lengths(&model, "two")[0], ("gamma".to_owned(), 1));
    }

    #[test]
    fn other_names_are_matched_by_order() {
        let dropout = json!({"class_name": "Dropout", "config": {"name": "dropout_7"}});
        let (model, diagnostics) = assigned(
            sequential("m", json!([norm("bn_7"), dropout, norm("bn_8")])),
            "2.4.0",
            vec![entry("bn", &["a", "b", "c", "d"]), entry("dropout", &[]), entry("bn_1", &["a", "b", "c", "d"])],
        );
        assert!(!diagnostics.has_errors(), "{diagnostics}");
        assert_eq!(lengths(&model, "bn_8").len(), 4);
        let (_, diagnostics) =
            assigned(sequential("m", json!([norm("x")])), "2.4.0", vec![entry("y", &["a"]), entry("z", &["a"])]);
        assert_eq!(diagnostics.0[0].code.0, "KR0004");
    }

    #[test]
    fn keras_1_names_stay_as_they_are() {
        let dense = json!({"class_name": "Dense", "config": {"name": "dense_1", "init": "zero"}});
        let wrapper = json!({"class_name": "TimeDistributed", "config": {"name": "td", "layer": dense}});
        let (model, _) = assigned(
            sequential("m", json!([wrapper.clone()])),
            "1.2.2",
            vec![entry("td", &["dense_1_W:0", "dense_1_b:0"])],
        );
        assert_eq!(lengths(&model, "dense_1"), [("dense_1_W".to_owned(), 1), ("dense_1_b".to_owned(), 2)]);
        let (model, _) = assigned(sequential("m", json!([wrapper])), "1.2.2", vec![entry("td", &["td_W", "td_b"])]);
        assert_eq!(lengths(&model, "td").len(), 2);
    }
}
