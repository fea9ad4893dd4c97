//! Activation functions: how they are written, and one that changed its numbers. Facts: keras 2.15 `activations.py`
//! (`_TF_ACTIVATIONS_V2`; `hard_sigmoid` in `backend.py`), keras 3.15 `activations/__init__.py`; `relu6` was a custom
//! object of keras 2.0 to 2.2 `applications/mobilenet.py`.

use crate::rule::{Edit, Rule, rule};
use crate::version::{ANY, BEFORE_3};
use modelport_ir::{Attr, Dialect, SourceOp};

pub(crate) const RULES: &[Rule] = &[
    rule("activation_written_as_object", &["*"], ANY, objects),
    rule("activation_of_two_layers", &["*"], ANY, put_together),
    rule("activation_names", &["*"], ANY, names),
    rule("hard_sigmoid_of_keras2", &["*"], BEFORE_3, hard_sigmoid),
];

/// Old name and today's, where the function is the same.
const NAMES: &[(&str, &str)] = &[
    ("swish", "silu"),
    ("hard_swish", "hard_silu"),
    // What a TensorFlow function passed as `activation=tf.nn.softmax` was saved as.
    ("softmax_v2", "softmax"),
    ("log_softmax_v2", "log_softmax"),
];

/// Names that mean what Keras means by them, whichever package registered them.
const WELL_KNOWN: &[&str] = &["relu6", "swish", "silu", "hard_swish", "mish"];

/// The arguments that hold activations.
fn each(e: &mut Edit<'_>, change: impl Fn(&str, &mut Attr) -> Option<String>) {
    let mut said = Vec::new();
    for (name, attr) in &mut e.op.attrs {
        if name == "activation" || name == "recurrent_activation" {
            said.extend(change(name, attr));
        }
    }
    for text in said {
        e.say(text);
    }
}

/// A serialized function stands for its name; a serialized layer becomes an op, so that the rules for its class run.
fn objects(e: &mut Edit<'_>) {
    each(e, |_, attr| {
        let map = attr.as_map()?;
        let text = |key: &str| map.get(key).and_then(Attr::as_str);
        match (text("class_name"), map.get("config")) {
            (Some("function" | "builtin_function_or_method"), Some(Attr::Str(name))) => {
                *attr = Attr::Str(name.clone());
            }
            (Some(class), Some(Attr::Map(config))) => {
                let mut op = SourceOp::new(Dialect::Keras, class);
                op.attrs.clone_from(config);
                for (key, own) in [("module", "@module"), ("registered_name", "@registered_name")] {
                    let given = map.get(key).filter(|a| !a.is_none());
                    op.attrs.extend(given.map(|v| (own.to_owned(), v.clone())));
                }
                *attr = Attr::Op(Box::new(op));
            }
            _ => {}
        }
        // How it is written says nothing about what it computes.
        None
    });
}

/// The function of Keras 2 as `modelport repair` writes it for Keras 3: x·0.2 + 0.5, then a ReLU up to 1.
fn put_together(e: &mut Edit<'_>) {
    each(e, |argument, attr| {
        let Attr::Op(op) = &*attr else { return None };
        let layers = op.attr("layers").filter(|_| op.name == "Sequential").and_then(Attr::as_list)?;
        let [scale, clip] = layers else { return None };
        let class = |layer: &Attr| layer.as_map()?.get("class_name")?.as_str().map(str::to_owned);
        let number = |layer: &Attr, key: &str| layer.as_map()?.get("config")?.as_map()?.get(key)?.as_float();
        let known = class(scale).as_deref() == Some("Rescaling") && class(clip).as_deref() == Some("ReLU");
        let plain = ["negative_slope", "threshold"].iter().all(|k| number(clip, k).is_none_or(|v| v == 0.0));
        let same = [number(scale, "scale"), number(scale, "offset"), number(clip, "max_value")];
        if !known || !plain || same != [Some(0.2), Some(0.5), Some(1.0)] {
            return None;
        }
        *attr = Attr::Str("hard_sigmoid_keras2".into());
        Some(format!("`{argument}` put together of two layers is `hard_sigmoid` of Keras 2"))
    });
}

fn names(e: &mut Edit<'_>) {
    each(e, |argument, attr| {
        let Attr::Str(name) = attr else { return None };
        let short = name.rsplit('>').next().unwrap_or(name);
        let known = if WELL_KNOWN.contains(&short) { short } else { name.as_str() };
        let new = NAMES.iter().find(|(old, _)| *old == known).map_or(known, |(_, new)| new);
        if new == name {
            return None;
        }
        let text = format!("`{argument}` '{name}' is called '{new}'");
        *name = new.to_owned();
        Some(text)
    });
}

/// Keras 1 and 2: clip(0.2·x + 0.5, 0, 1). Keras 3: relu6(x + 3) / 6.
fn hard_sigmoid(e: &mut Edit<'_>) {
    let writer = e.writer.name.clone();
    each(e, |argument, attr| {
        if attr.as_str() != Some("hard_sigmoid") {
            return None;
        }
        *attr = Attr::Str("hard_sigmoid_keras2".into());
        Some(format!("`{argument}` 'hard_sigmoid' is clip(0.2·x + 0.5, 0, 1) in {writer}, not the one of Keras 3"))
    });
}
