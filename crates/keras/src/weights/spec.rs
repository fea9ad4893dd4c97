//! Which weights a built-in layer has, in the order in which Keras keeps them, and what is known of their shapes.
//!
//! Source: `build()` of the layers in keras/src/layers (2.15 and 3.15). Must never know: how files name weights.

use crate::json::bool_of;
use serde_json::{Map, Value};

/// One weight that a layer's configuration promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Canonical name.
    pub(crate) name: String,
    /// Whether training changes it; files list these first.
    pub(crate) trainable: bool,
    /// The dimensions, where the configuration fixes any.
    pub(crate) shape: Option<Vec<Option<usize>>>,
}

/// Layers without weights; a file may still hold the state of their random generators.
const WEIGHTLESS: &[&str] = &[
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Average",
    "CenterCrop",
    "Concatenate",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dot",
    "Dropout",
    "ELU",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Identity",
    "InputLayer",
    "Lambda",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Merge",
    "Minimum",
    "Multiply",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SlicingOpLambda",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "TFOpLambda",
    "ThresholdedReLU",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    // Containers: what they have belongs to the layers inside.
    "Bidirectional",
    "RNN",
    "StackedRNNCells",
    "TimeDistributed",
];

/// The own weights of a layer; `None` for a class that is not built in, whose weights only its file knows.
pub(crate) fn slots(class: &str, config: &Map<String, Value>) -> Option<Vec<Slot>> {
    // Names that TensorFlow 1.13 to 2.0 wrote for the same layers.
    let class = match class {
        "BatchNormalizationV1" | "BatchNormalizationV2" => "BatchNormalization",
        "UnifiedLSTM" => "LSTM",
        "UnifiedGRU" => "GRU",
        class => class,
    };
    let flag = |key, default| bool_of(config, key, default);
    let bias = flag("use_bias", true);
    let names: Vec<(&str, bool)> = match class {
        _ if WEIGHTLESS.contains(&class) => vec![],
        _ if class.starts_with("Random") => return None,
        "EinsumDense" => with("kernel", "bias", config.get("bias_axes").is_some_and(|b| !b.is_null())),
        "Dense" | "LocallyConnected1D" | "LocallyConnected2D" | "DepthwiseConv1D" | "DepthwiseConv2D" | "Conv1D"
        | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose" | "Convolution1D"
        | "Convolution2D" | "Convolution3D" => with("kernel", "bias", bias),
        "SeparableConv1D" | "SeparableConv2D" => {
            let mut all = vec![("depthwise_kernel", true)];
            all.extend(with("pointwise_kernel", "bias", bias));
            all
        }
        "Embedding" => vec![("embeddings", true)],
        "ReversibleEmbedding" => with("embeddings", "reverse_embeddings", !flag("tie_weights", true)),
        "STFTSpectrogram" => {
            let mode = config.get("mode").and_then(Value::as_str);
            let parts = [("real_kernel", mode != Some("imag")), ("imag_kernel", mode != Some("real"))];
            parts.into_iter().filter(|(_, there)| *there).collect()
        }
        "BatchNormalization" | "SyncBatchNormalization" => {
            let mut all = gamma_beta(config);
            all.extend([("moving_mean", false), ("moving_variance", false)]);
            all
        }
        "LayerNormalization" if flag("rms_scaling", false) => vec![("gamma", true)],
        "LayerNormalization" | "GroupNormalization" => gamma_beta(config),
        "RMSNormalization" => vec![("scale", true)],
        "PReLU" => vec![("alpha", true)],
        "Normalization" if config.get("mean").is_some_and(|m| !m.is_null()) => vec![],
        "Normalization" => vec![("mean", false), ("variance", false), ("count", false)],
        "Attention" => {
            let concat = config.get("score_mode").and_then(Value::as_str) == Some("concat");
            let mut all = vec![("scale", true); usize::from(flag("use_scale", false))];
            all.extend(concat.then_some(("concat_score_weight", true)));
            all
        }
        "AdditiveAttention" => vec![("scale", true); usize::from(flag("use_scale", true))],
        "SpectralNormalization" => vec![("vector_u", false)],
        "LSTM" | "GRU" | "SimpleRNN" | "CuDNNLSTM" | "CuDNNGRU" | "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D"
        | "LSTMCell" | "GRUCell" | "SimpleRNNCell" => {
            let mut all = vec![("kernel", true)];
            all.extend(with("recurrent_kernel", "bias", bias || class.starts_with("CuDNN")));
            all
        }
        "MultiHeadAttention" | "GroupQueryAttention" | "GroupedQueryAttention" => {
            return Some(attention(bias, bool_of(config, "use_gate", false)));
        }
        _ => return None,
    };
    let slot =
        |(name, trainable): (&str, bool)| Slot { name: name.into(), trainable, shape: shape(class, config, name) };
    Some(names.into_iter().map(slot).collect())
}

fn with(kernel: &'static str, bias: &'static str, has_bias: bool) -> Vec<(&'static str, bool)> {
    let mut all = vec![(kernel, true)];
    all.extend(has_bias.then_some((bias, true)));
    all
}

fn gamma_beta(config: &Map<String, Value>) -> Vec<(&'static str, bool)> {
    let wanted = [("gamma", "scale"), ("beta", "center")];
    wanted.iter().filter(|(_, key)| bool_of(config, key, true)).map(|(name, _)| (*name, true)).collect()
}

/// The projections of an attention layer; in files each is a layer of its own.
pub(crate) const PROJECTIONS: [&str; 5] = ["query", "key", "gate", "value", "attention_output"];

fn attention(bias: bool, gate: bool) -> Vec<Slot> {
    let parts: &[&str] = if bias { &["kernel", "bias"] } else { &["kernel"] };
    let name = |p: &&str| parts.iter().map(|part| format!("{p}/{part}")).collect::<Vec<_>>();
    let present = PROJECTIONS.iter().filter(|p| gate || **p != "gate");
    present.flat_map(name).map(|name| Slot { name, trainable: true, shape: None }).collect()
}

/// What the configuration says about a weight's shape.
fn shape(class: &str, config: &Map<String, Value>, weight: &str) -> Option<Vec<Option<usize>>> {
    let int = |key: &str| config.get(key).and_then(Value::as_u64).and_then(|v| usize::try_from(v).ok());
    let window = || {
        let sizes = config.get("kernel_size")?.as_array()?;
        sizes.iter().map(|v| Some(v.as_u64().and_then(|n| usize::try_from(n).ok()))).collect::<Option<Vec<_>>>()
    };
    match (class, weight) {
        ("Dense", "kernel") => Some(vec![None, Some(int("units")?)]),
        ("Dense", "bias") => Some(vec![Some(int("units")?)]),
        ("Embedding", _) => Some(vec![Some(int("input_dim")?), Some(int("output_dim")?)]),
        ("Conv1D" | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose", "kernel") => {
            let mut dims = window()?;
            let filters = Some(int("filters")?);
            dims.extend(if class.ends_with("Transpose") { [filters, None] } else { [None, filters] });
            Some(dims)
        }
        ("DepthwiseConv1D" | "DepthwiseConv2D", "kernel") => {
            let mut dims = window()?;
            dims.extend([None, int("depth_multiplier")]);
            Some(dims)
        }
        ("Conv1D" | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose", "bias") => {
            Some(vec![Some(int("filters")?)])
        }
        ("LSTM" | "LSTMCell" | "GRU" | "GRUCell" | "SimpleRNN" | "SimpleRNNCell", "kernel" | "recurrent_kernel") => {
            let gates = if class.starts_with("LSTM") {
                4
            } else if class.starts_with("GRU") {
                3
            } else {
                1
            };
            let units = int("units")?;
            Some(vec![(weight == "recurrent_kernel").then_some(units), units.checked_mul(gates)])
        }
        ("BatchNormalization" | "SyncBatchNormalization", _) => Some(vec![None]),
        _ => None,
    }
}

impl Slot {
    /// Whether a tensor of this shape can be the weight.
    pub(crate) fn fits(&self, shape: &[usize]) -> bool {
        self.shape.as_ref().is_none_or(|want| {
            want.len() == shape.len() && want.iter().zip(shape).all(|(w, s)| w.is_none_or(|w| w == *s))
        })
    }

    /// The shape for humans: `[?, 10]`.
    pub(crate) fn shape_text(&self) -> String {
        let dim = |d: &Option<usize>| d.map_or("?".to_owned(), |d| d.to_string());
        let dims = self.shape.iter().flatten().map(dim);
        format!("[{}]", dims.collect::<Vec<_>>().join(", "))
    }
}
