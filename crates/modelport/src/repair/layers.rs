//! What Keras 2 says of a layer, in the words of Keras 3.
//!
//! Source: `get_config` of tf_keras 2.21 against the constructors of keras 3.15.1 (facts/keras_config_breaks.tsv), and what
//! the real Keras 3 did with the files of xtask/python/load_matrix.py. Owns: classes and their arguments. Must never know:
//! how layers are connected.

use super::{Log, Way, nested, text};
use serde_json::{Map, Value, json};

/// What the connections of a layer must be rewritten for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// A layer whose tensors may be keyword arguments.
    Keywords,
    /// A layer that takes its initial states as further inputs.
    States,
    /// A function of TensorFlow, by its name.
    Function(String),
}

const SEPARABLE: &[&str] = &["groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"];
const ATTENTION: &[&str] = &["query_shape", "key_shape", "value_shape", "softmax_robust_masking"];

const ARCHIVE_INSTEAD: &str = "save the model as .keras with the version that wrote it, and repair that";

/// Arguments that Keras 3 does not take, and that said nothing or what is now always so.
fn dropped(class: &str) -> &'static [&'static str] {
    match class {
        "DepthwiseConv1D" | "DepthwiseConv2D" | "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose" => {
            &["groups"]
        }
        "SeparableConv1D" | "SeparableConv2D" => SEPARABLE,
        "SimpleRNN" | "ConvLSTM2D" => &["time_major", "num_constants", "implementation"],
        "LSTM" | "GRU" | "RNN" | "ConvLSTM1D" | "ConvLSTM3D" => &["time_major", "num_constants"],
        "Bidirectional" => &["num_constants"],
        "Attention" | "AdditiveAttention" => &["causal"],
        "Discretization" => &["trainable"],
        "InputLayer" => &["type_spec"],
        "Softmax" => &["robust_masking"],
        "MultiHeadAttention" => ATTENTION,
        "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D" => &["trainable", "noise_shape"],
        "BatchNormalization" => &["renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size", "fused"],
        _ => &[],
    }
}

/// The same, for layers of any class.
const ANY: &[&str] = &["rng_type", "dynamic"];

/// Classes that Keras 3 has no more, and no other that computes the same with the weights that are there.
const GONE: &[&str] = &[
    "LocallyConnected1D",
    "LocallyConnected2D",
    "CuDNNLSTM",
    "CuDNNGRU",
    "DenseFeatures",
    "SequenceFeatures",
    "ConvRNN2D",
    "ConvLSTM2DCell",
    "PeepholeLSTMCell",
    "RandomFourierFeatures",
    "RandomHeight",
    "RandomWidth",
    "CategoryCrossing",
    "DropoutWrapper",
    "ResidualWrapper",
    "DeviceWrapper",
    "LinearModel",
    "WideDeepModel",
    "TensorFlowOpLayer",
];

/// Classes whose list of axes Keras 3 takes for something else when it stands in an HDF5 file.
const AXES: &[&str] = &["LayerNormalization", "Softmax", "UnitNormalization"];

/// Rewrites one layer.
pub(crate) fn rewrite(object: &mut Value, way: Way, log: &mut Log) -> Kind {
    let class = text(object, "class_name").to_owned();
    let name = object.get("config").map(|c| text(c, "name")).unwrap_or_default().to_owned();
    let Some(map) = object.as_object_mut() else { return Kind::Plain };
    if let Some(config) = map.get_mut("config").and_then(Value::as_object_mut) {
        arguments(&class, &name, config, way, log);
        activations(&class, config, log);
        nested::modules(config, log);
        nested::initializers(config, log);
    }
    match class.as_str() {
        "LeakyReLU" => {
            if let Some(config) = map.get_mut("config").and_then(Value::as_object_mut)
                && let Some(slope) = config.remove("alpha")
            {
                config.insert("negative_slope".to_owned(), slope);
                log.changed("the slope of LeakyReLU is called `negative_slope`");
            }
        }
        "ThresholdedReLU" => {
            let config = map.get("config");
            let theta = config.and_then(|c| c.get("theta")).cloned().unwrap_or(json!(1.0));
            replace(map, "ReLU", json!({"name": name, "threshold": theta}));
            log.changed("ThresholdedReLU is a ReLU with a threshold");
        }
        // An archive finds weights by the class's name.
        "SyncBatchNormalization" if way == Way::Archive => log.problem(
            &name,
            "weights of a SyncBatchNormalization are found by that name, which Keras 3 does not have".to_owned(),
            "save the model as .h5 with the version that wrote it, and repair that",
        ),
        "SyncBatchNormalization" => {
            replace_class(map, "BatchNormalization");
            if let Some(config) = map.get_mut("config").and_then(Value::as_object_mut) {
                config.insert("synchronized".to_owned(), json!(true));
                arguments("BatchNormalization", &name, config, way, log);
            }
            log.changed("SyncBatchNormalization is a BatchNormalization that is synchronized");
        }
        gone if GONE.contains(&gone) => log.problem(
            &name,
            format!("Keras 3 has no {class}"),
            "load the file with tf_keras, or convert it: modelport convert IN OUT.onnx",
        ),
        "RandomCrop" => log.problem(
            &name,
            "RandomCrop of Keras 3 does not crop when the model is not trained".to_owned(),
            "convert the model: modelport convert IN OUT.onnx",
        ),
        "Lambda" if lambda(map) => log.problem(
            &name,
            "a Lambda layer holds Python bytecode, which cannot be rewritten".to_owned(),
            "declare what it computes for a conversion: modelport convert IN OUT.onnx --custom FILE",
        ),
        "TFOpLambda" | "SlicingOpLambda" => return Kind::Function(function(map)),
        "LSTM" | "GRU" | "SimpleRNN" | "RNN" | "Bidirectional" | "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D" => {
            return Kind::States;
        }
        "MultiHeadAttention" | "Attention" | "AdditiveAttention" => {
            // It tells the shape of one tensor, where Keras 3 wants those of all.
            if map.remove("build_config").is_some() {
                log.changed(format!("{class} is built when it is called"));
            }
            return Kind::Keywords;
        }
        _ => {}
    }
    Kind::Plain
}

fn lambda(map: &Map<String, Value>) -> bool {
    let function = map.get("config").and_then(|c| c.get("function"));
    function.is_some_and(|f| f.is_array() || text(f, "class_name") == "__lambda__")
}

fn function(map: &Map<String, Value>) -> String {
    map.get("config").map(|c| text(c, "function")).unwrap_or_default().to_owned()
}

/// Another class with other arguments; where modules are named, the public one.
pub(crate) fn replace(map: &mut Map<String, Value>, class: &str, config: Value) {
    replace_class(map, class);
    map.insert("config".to_owned(), config);
}

fn replace_class(map: &mut Map<String, Value>, class: &str) {
    map.insert("class_name".to_owned(), json!(class));
    map.remove("build_config");
    if map.contains_key("module") {
        map.insert("module".to_owned(), json!("keras.layers"));
        map.insert("registered_name".to_owned(), Value::Null);
    }
}

fn arguments(class: &str, name: &str, config: &mut Map<String, Value>, way: Way, log: &mut Log) {
    // What takes its input from a layer needs no shape; where nothing else says it, it stays.
    if class != "InputLayer" && config.get("layers").is_none() && config.remove("batch_input_shape").is_some() {
        log.changed(format!("{class} without `batch_input_shape`"));
    }
    for key in dropped(class).iter().chain(ANY) {
        let Some(value) = config.get(*key) else { continue };
        let one = |v: &Value| v.as_f64() == Some(1.0);
        let means_something = match *key {
            "groups" => !one(value),
            "time_major" | "renorm" | "softmax_robust_masking" | "robust_masking" | "causal" | "dynamic" => {
                value == &json!(true)
            }
            "virtual_batch_size" | "noise_shape" | "num_constants" | "type_spec" => !value.is_null(),
            _ => false,
        };
        if means_something {
            let message = format!("{class} with {key}={value} has no counterpart in Keras 3");
            log.problem(name, message, "convert the model: modelport convert IN OUT.onnx");
            continue;
        }
        config.remove(*key);
        log.changed(format!("{class} without `{key}`"));
    }
    if let Some(Value::Array(axis)) = config.get("axis")
        && let [only] = axis.as_slice()
        && class == "BatchNormalization"
    {
        let only = only.clone();
        config.insert("axis".to_owned(), only);
        log.changed("the axis of BatchNormalization is a number");
    }
    if way == Way::Hdf5
        && AXES.contains(&class)
        && config.get("axis").is_some_and(|a| a.as_array().is_some_and(|l| l.len() > 1))
    {
        let message = format!("Keras 3 cannot read several axes of {class} from an HDF5 file");
        log.problem(name, message, ARCHIVE_INSTEAD);
    }
    // In an HDF5 file the word is taken for the name of a function, `keras.ops.dot`.
    if class == "Attention" && way == Way::Hdf5 {
        match config.get("score_mode").and_then(Value::as_str) {
            Some("dot") => {
                config.remove("score_mode");
                log.changed("Attention without `score_mode`, which is the default");
            }
            Some(other) => {
                let message = format!("Keras 3 cannot read score_mode=\"{other}\" of Attention from an HDF5 file");
                log.problem(name, message, ARCHIVE_INSTEAD);
            }
            None => {}
        }
    }
    policy(config, log);
}

/// Mixed precision by its name, which both read.
fn policy(config: &mut Map<String, Value>, log: &mut Log) {
    if let Some(dtype) = config.get("dtype")
        && matches!(text(dtype, "class_name"), "Policy" | "PolicyV1")
        && let Some(name) = dtype.get("config").map(|c| text(c, "name").to_owned()).filter(|n| !n.is_empty())
    {
        config.insert("dtype".to_owned(), json!(name));
        log.changed("a dtype policy is named");
    }
}

/// `hard_sigmoid` is another function in Keras 3: clip(x/6 + 1/2). The one of Keras 2, clip(x/5 + 1/2), is put together from
/// two layers, which are callable like any function.
fn activations(class: &str, config: &mut Map<String, Value>, log: &mut Log) {
    for key in ["activation", "recurrent_activation"] {
        let named = |v: &Value| {
            v.as_str() == Some("hard_sigmoid")
                || (text(v, "class_name") == "function" && text(v, "config") == "hard_sigmoid")
        };
        if config.get(key).is_some_and(named) {
            config.insert(key.to_owned(), hard_sigmoid());
            log.changed(format!("hard_sigmoid of {class} is that of Keras 2"));
        }
    }
}

fn hard_sigmoid() -> Value {
    let layer = |class: &str, config: Value| json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
    let scale = layer("Rescaling", json!({"name": "scale", "scale": 0.2, "offset": 0.5}));
    let clip = layer("ReLU", json!({"name": "clip", "max_value": 1.0}));
    let config = json!({"name": "hard_sigmoid_of_keras_2", "trainable": true, "layers": [scale, clip]});
    json!({"module": "keras", "class_name": "Sequential", "config": config, "registered_name": null})
}
