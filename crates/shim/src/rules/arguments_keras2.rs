//! Arguments of Keras 2 that Keras 3 renamed, dropped, or writes differently. Facts: `facts/keras_config_breaks.tsv`
//! (keys that a saver emits and 3.15.1 rejects), `facts/keras2_to_keras3_load_matrix.tsv` (measured), sources of keras
//! 2.15 and 3.15.

use crate::rule::{Edit, Rule, rule};
use crate::version::{ANY, BEFORE_3, Range};
use modelport_ir::Attr;
use std::collections::BTreeMap;

/// Layers that merge the masks of their inputs. Keras 1 and 2: a step counts if it does in every input that has a mask
/// (keras 2.15 `layers/merging/base_merge.py: compute_mask`); Keras 3: if it does in any, where all inputs have one.
const MERGES: &[&str] = &["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"];

pub(crate) const RULES: &[Rule] = &[
    rule("numpy_scalars", &["*"], BEFORE_3, numpy_values),
    rule("input_shape_of_the_first_layer", &["*"], BEFORE_3, input_shape),
    rule("dtype_policy", &["*"], ANY, dtype_policy),
    rule("ungrouped", &["DepthwiseConv*", "Conv*DTranspose", "SeparableConv*"], BEFORE_3, |e| {
        e.drop_if("groups", &Attr::Int(1));
    }),
    rule("kernel_arguments_of_parts", &["DepthwiseConv*", "SeparableConv*"], BEFORE_3, |e| {
        e.drop(&["kernel_initializer", "kernel_regularizer", "kernel_constraint"]);
    }),
    rule("axis_in_a_list", &["BatchNormalization"], BEFORE_3, axis),
    rule("batch_normalization_arguments", &["BatchNormalization"], BEFORE_3, |e| {
        e.drop(&["virtual_batch_size", "fused", "adjustment"]);
    }),
    rule("leaky_relu_alpha", &["LeakyReLU"], BEFORE_3, |e| e.rename(&[("alpha", "negative_slope")])),
    rule("embedding_arguments", &["Embedding"], BEFORE_3, |e| {
        e.drop(&["input_length", "sparse", "activity_regularizer"]);
    }),
    rule("spatial_dropout_arguments", &["SpatialDropout*"], BEFORE_3, |e| e.drop(&["noise_shape", "trainable"])),
    rule("attention_shapes", &["MultiHeadAttention"], BEFORE_3, attention_shapes),
    rule("attention_causal", &["Attention", "AdditiveAttention"], BEFORE_3, causal),
    rule("robust_masking", &["MultiHeadAttention", "Softmax"], BEFORE_3, |e| {
        e.drop(&["softmax_robust_masking", "robust_masking"]);
    }),
    // Whether there are masks is not known here, so that nothing is said.
    rule("merged_masks", MERGES, BEFORE_3, |e| e.set("@mask_merge", Attr::Str("all".into()))),
    rule("rng_type", &["*"], BEFORE_3, |e| e.drop(&["rng_type"])),
    rule("not_dynamic", &["*"], BEFORE_3, |e| e.drop_if("dynamic", &Attr::Bool(false))),
    // Keras inside TensorFlow resizes with half-pixel centres from TensorFlow 2 on; its version string does not tell
    // TensorFlow 1.13 from 2.0, so only Keras proper is told apart.
    rule("bilinear_upsampling", &["UpSampling2D"], Range((0, 0, 0), (2, 4, 0)), bilinear),
];

/// JSON of NumPy values, as `keras/utils/io_utils.py: get_json_type` (2.0 to 2.3) wrote it.
fn numpy_values(e: &mut Edit<'_>) {
    let mut plain = Vec::new();
    for (name, attr) in &mut e.op.attrs {
        let value = attr.as_map().filter(|m| m.len() == 2 && m.get("type").and_then(Attr::as_str) == Some("ndarray"));
        if let Some(value) = value.and_then(|m| m.get("value")).cloned() {
            *attr = value;
            plain.push(format!("`{name}` is a NumPy value, taken as the number"));
        }
    }
    if !plain.is_empty() {
        e.say(plain.join(", "));
    }
}

/// The reader has made a graph input of it.
fn input_shape(e: &mut Edit<'_>) {
    if e.op.name == "InputLayer" {
        e.rename(&[("batch_input_shape", "batch_shape"), ("input_dtype", "dtype")]);
        return;
    }
    let known = ["batch_input_shape", "input_dtype"].iter().filter(|n| e.op.attrs.remove(**n).is_some()).count();
    if known > 0 {
        e.say("the input shape in the first layer's config is the model's input");
    }
}

/// Keras 3 always writes its own policy as an object, so taking its name changes nothing that a user would miss.
fn dtype_policy(e: &mut Edit<'_>) {
    let Some(policy) = e.op.attrs.get("dtype").and_then(Attr::as_map) else { return };
    let class = policy.get("class_name").and_then(Attr::as_str).unwrap_or_default().to_owned();
    let name = policy.get("config").and_then(Attr::as_map).and_then(|c| c.get("name")).and_then(Attr::as_str);
    let Some(name) = name.map(str::to_owned) else { return };
    match class.as_str() {
        "DTypePolicy" | "FloatDTypePolicy" => e.set("dtype", Attr::Str(name)),
        "Policy" | "PolicyV1" => {
            e.set("dtype", Attr::Str(name.clone()));
            e.say(format!("the `{class}` object under `dtype` is the dtype policy '{name}'"));
        }
        _ => {}
    }
}

fn axis(e: &mut Edit<'_>) {
    e.convert("axis", "axis", |a| match a.as_list()? {
        [one] => Some(one.clone()),
        _ => None,
    });
}

/// Keras 3 keeps the shapes in the build config (`keras/src/layers/layer.py: get_build_config`).
fn attention_shapes(e: &mut Edit<'_>) {
    let mut shapes = BTreeMap::new();
    for name in ["query_shape", "key_shape", "value_shape"] {
        shapes.extend(e.take(name).map(|shape| (name.to_owned(), shape)));
    }
    if shapes.is_empty() {
        return;
    }
    let names: Vec<_> = shapes.keys().map(|k| format!("`{k}`")).collect();
    e.say(format!("{} are part of the build config", names.join(", ")));
    let build = BTreeMap::from([("shapes_dict".to_owned(), Attr::Map(shapes))]);
    e.op.attrs.entry("@build".to_owned()).or_insert(Attr::Map(build));
}

/// An argument of the layer became an argument of its call (TensorFlow 2.10).
fn causal(e: &mut Edit<'_>) {
    let Some(causal) = e.take("causal").map(|c| c.as_bool().unwrap_or(false)) else { return };
    if !causal {
        e.say("`causal` is not an argument any more");
        return;
    }
    let kwargs = e.op.attrs.entry("@kwargs".to_owned()).or_insert_with(|| Attr::Map(BTreeMap::new()));
    if let Attr::Map(kwargs) = kwargs {
        kwargs.insert("use_causal_mask".to_owned(), Attr::Bool(true));
    }
    e.say("`causal=True` is the call argument `use_causal_mask=True`");
}

/// `tf.image.resize_bilinear(x, size)` samples at `i·scale` (keras 2.2.4 and 2.3.1
/// `backend/tensorflow_backend.py: resize_images`), Keras 3 at pixel centres.
fn bilinear(e: &mut Edit<'_>) {
    let backend = e.writer.backend.as_deref().unwrap_or("tensorflow");
    if e.writer.tensorflow || backend != "tensorflow" || e.str("interpolation") != Some("bilinear") {
        return;
    }
    e.set("interpolation", Attr::Str("bilinear_keras2".into()));
    let writer = e.writer.name.clone();
    e.say(format!(
        "{writer} interpolates from the corners of pixels, Keras 3 from their centres: the old numbers are kept"
    ));
}
