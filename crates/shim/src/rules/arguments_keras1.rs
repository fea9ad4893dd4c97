//! Arguments that Keras 2 renamed. Facts: keras 2.2 `keras/legacy/interfaces.py` and the `get_config` methods of keras
//! 1.2.2, by way of `facts/keras_renames_1_2_3.md`.

use crate::rule::{Edit, Rule, rule};
use crate::version::KERAS_1;
use modelport_ir::Attr;

const CONVOLUTIONS: &[&str] =
    &["Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D", "LocallyConnected1D", "LocallyConnected2D"];

pub(crate) const RULES: &[Rule] = &[
    rule("keras1_dense", &["Dense"], KERAS_1, |e| {
        e.rename(&[("output_dim", "units")]);
        e.rename(KERNEL);
        e.drop(&["input_dim", "input_length"]);
    }),
    rule("keras1_convolution", CONVOLUTIONS, KERAS_1, convolution),
    rule("keras1_pooling", &["MaxPooling*", "AveragePooling*"], KERAS_1, |e| {
        e.convert("pool_length", "pool_size", in_list);
        e.convert("stride", "strides", in_list);
        e.rename(&[("border_mode", "padding")]);
        data_format(e);
    }),
    rule("keras1_upsampling", &["UpSampling*"], KERAS_1, |e| {
        e.rename(&[("length", "size")]);
        data_format(e);
    }),
    rule("keras1_padding", &["ZeroPadding*"], KERAS_1, |e| {
        e.convert("padding", "padding", padding);
        data_format(e);
    }),
    rule("keras1_data_format", &["Cropping*", "Global*"], KERAS_1, data_format),
    rule("keras1_recurrent", &["LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"], KERAS_1, recurrent),
    rule("keras1_embedding", &["Embedding"], KERAS_1, |e| {
        e.rename(&[
            ("init", "embeddings_initializer"),
            ("W_regularizer", "embeddings_regularizer"),
            ("W_constraint", "embeddings_constraint"),
        ]);
        e.drop(&["dropout"]);
    }),
    rule("keras1_batch_normalization", &["BatchNormalization"], KERAS_1, batch_normalization),
    rule("keras1_prelu", &["PReLU"], KERAS_1, |e| e.rename(&[("init", "alpha_initializer")])),
    rule("keras1_dropout", &["Dropout", "GaussianDropout", "SpatialDropout*"], KERAS_1, |e| {
        e.rename(&[("p", "rate")]);
        data_format(e);
    }),
    rule("keras1_noise", &["GaussianNoise"], KERAS_1, |e| e.rename(&[("sigma", "stddev")])),
];

const KERNEL: &[(&str, &str)] = &[
    ("init", "kernel_initializer"),
    ("W_regularizer", "kernel_regularizer"),
    ("b_regularizer", "bias_regularizer"),
    ("W_constraint", "kernel_constraint"),
    ("b_constraint", "bias_constraint"),
    ("bias", "use_bias"),
];

fn convolution(e: &mut Edit<'_>) {
    e.rename(&[("nb_filter", "filters"), ("border_mode", "padding"), ("subsample", "strides")]);
    e.convert("filter_length", "kernel_size", in_list);
    e.convert("subsample_length", "strides", in_list);
    kernel_size(e);
    if e.op.name == "SeparableConv2D" {
        // `init` stood for both kernels.
        if let Some(init) = e.op.attrs.get("init").cloned() {
            e.set("pointwise_initializer", init);
        }
        e.rename(&[("init", "depthwise_initializer")]);
    }
    e.rename(KERNEL);
    data_format(e);
    e.drop(&["input_dim", "input_length"]);
    if e.op.name == "Conv2DTranspose" {
        e.drop(&["output_shape"]);
    }
}

/// `nb_row`, `nb_col` or `kernel_dim1`… → `kernel_size`.
fn kernel_size(e: &mut Edit<'_>) {
    for names in [["nb_row", "nb_col"].as_slice(), &["kernel_dim1", "kernel_dim2", "kernel_dim3"]] {
        let sizes: Option<Vec<_>> = names.iter().map(|n| e.op.attrs.get(*n).cloned()).collect();
        if let Some(sizes) = sizes {
            for name in names {
                e.take(name);
            }
            e.set("kernel_size", Attr::List(sizes));
            e.say(format!("`{}` are together `kernel_size`", names.join("`, `")));
        }
    }
}

/// `dim_ordering` → `data_format`.
fn data_format(e: &mut Edit<'_>) {
    e.convert("dim_ordering", "data_format", |a| match a.as_str()? {
        "tf" => Some(Attr::Str("channels_last".into())),
        "th" => Some(Attr::Str("channels_first".into())),
        "default" => Some(Attr::None),
        _ => None,
    });
    let written = e.has("data_format") || !UNSAID.contains(&e.op.name.as_str());
    if let Some(order) = e.writer.image_order.filter(|_| !written) {
        e.set("data_format", Attr::Str(order.to_owned()));
        e.say(format!("`data_format` is `{order}`, as in the other layers: Keras 1 did not save it here"));
    }
}

/// Layers whose `dim_ordering` is not in their config (keras 1.2.2 `layers/convolutional.py`, `get_config`).
const UNSAID: &[&str] = &["ZeroPadding2D", "ZeroPadding3D", "Cropping2D", "Cropping3D", "UpSampling2D", "UpSampling3D"];

fn in_list(attr: &Attr) -> Option<Attr> {
    match attr {
        Attr::Int(_) => Some(Attr::List(vec![attr.clone()])),
        _ => None,
    }
}

/// `ZeroPadding1D` and `2D` took mappings of pads by side, and `2D` four pads in a row (keras 1.2.2
/// `layers/convolutional.py`).
fn padding(attr: &Attr) -> Option<Attr> {
    let pair = |a: Attr, b: Attr| Attr::List(vec![a, b]);
    match attr {
        Attr::Map(pads) => {
            let side = |name: &str| pads.get(name).cloned().unwrap_or(Attr::Int(0));
            let horizontal = pair(side("left_pad"), side("right_pad"));
            let flat = !pads.contains_key("top_pad") && !pads.contains_key("bottom_pad");
            Some(if flat { horizontal } else { pair(pair(side("top_pad"), side("bottom_pad")), horizontal) })
        }
        Attr::List(pads) => match pads.as_slice() {
            [top, bottom, left, right] => {
                Some(pair(pair(top.clone(), bottom.clone()), pair(left.clone(), right.clone())))
            }
            _ => None,
        },
        _ => None,
    }
}

fn recurrent(e: &mut Edit<'_>) {
    if e.op.name == "ConvLSTM2D" {
        convolution(e);
    }
    e.rename(&[
        ("output_dim", "units"),
        ("init", "kernel_initializer"),
        ("inner_init", "recurrent_initializer"),
        ("inner_activation", "recurrent_activation"),
        ("W_regularizer", "kernel_regularizer"),
        ("U_regularizer", "recurrent_regularizer"),
        ("b_regularizer", "bias_regularizer"),
        ("dropout_W", "dropout"),
        ("dropout_U", "recurrent_dropout"),
    ]);
    e.convert("consume_less", "implementation", |a| match a.as_str()? {
        "cpu" => Some(Attr::Int(0)),
        "mem" => Some(Attr::Int(1)),
        "gpu" => Some(Attr::Int(2)),
        _ => None,
    });
    e.convert("forget_bias_init", "unit_forget_bias", |a| Some(Attr::Bool(a.as_str() == Some("one"))));
    e.drop(&["input_dim", "input_length"]);
}

/// Modes 1 (each sample by itself) and 2 (each batch by itself) have no counterpart: as classes of their own they are
/// reported as unknown layers rather than computed wrongly.
fn batch_normalization(e: &mut Edit<'_>) {
    e.rename(&[("beta_init", "beta_initializer"), ("gamma_init", "gamma_initializer")]);
    match e.op.attr("mode").and_then(Attr::as_int) {
        None | Some(0) => e.drop(&["mode"]),
        Some(mode) => {
            e.op.name = format!("BatchNormalizationMode{mode}");
            e.say(format!("`BatchNormalization(mode={mode})` has no counterpart since Keras 2"));
        }
    }
}
