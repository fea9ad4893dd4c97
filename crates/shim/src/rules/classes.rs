//! Classes that were renamed, or became another class with an argument. Facts: `facts/keras_renames_1_2_3.md`; class
//! lists of keras 1.2.2 to 3.15.1 and of `tensorflow.python.keras` 1.10 to 2.5 (`facts/keras_layers.tsv`).

use crate::rule::{Edit, Rule, rule};
use crate::version::{ANY, BEFORE_3, KERAS_1};
use modelport_ir::Attr;

pub(crate) const RULES: &[Rule] = &[
    rule("class_aliases", &["*"], ANY, aliases),
    rule("keras1_atrous_convolution", &["AtrousConvolution1D", "AtrousConvolution2D"], KERAS_1, atrous),
    rule("keras1_time_distributed_dense", &["TimeDistributedDense"], KERAS_1, |e| e.rename_class("Dense")),
    rule("sync_batch_normalization", &["SyncBatchNormalization"], BEFORE_3, |e| {
        e.rename_class("BatchNormalization");
        e.set("synchronized", Attr::Bool(true));
    }),
];

/// Old name and today's, where nothing else differs.
const ALIASES: &[(&str, &str)] = &[
    ("Convolution1D", "Conv1D"),
    ("Convolution2D", "Conv2D"),
    ("Convolution3D", "Conv3D"),
    ("Convolution1DTranspose", "Conv1DTranspose"),
    ("Convolution2DTranspose", "Conv2DTranspose"),
    ("Convolution3DTranspose", "Conv3DTranspose"),
    ("Deconvolution2D", "Conv2DTranspose"),
    ("Deconvolution3D", "Conv3DTranspose"),
    ("SeparableConvolution1D", "SeparableConv1D"),
    ("SeparableConvolution2D", "SeparableConv2D"),
    ("MaxPool1D", "MaxPooling1D"),
    ("MaxPool2D", "MaxPooling2D"),
    ("MaxPool3D", "MaxPooling3D"),
    ("AvgPool1D", "AveragePooling1D"),
    ("AvgPool2D", "AveragePooling2D"),
    ("AvgPool3D", "AveragePooling3D"),
    ("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ("GlobalMaxPool2D", "GlobalMaxPooling2D"),
    ("GlobalMaxPool3D", "GlobalMaxPooling3D"),
    ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ("GlobalAvgPool2D", "GlobalAveragePooling2D"),
    ("GlobalAvgPool3D", "GlobalAveragePooling3D"),
    // TensorFlow 1.13 to 1.15 wrote the implementation's class name.
    ("BatchNormalizationV1", "BatchNormalization"),
    ("BatchNormalizationV2", "BatchNormalization"),
    ("UnifiedLSTM", "LSTM"),
    ("UnifiedGRU", "GRU"),
    // The class itself is called so in every Keras 3; it is saved under the name that it is exported by.
    ("GroupedQueryAttention", "GroupQueryAttention"),
];

fn aliases(e: &mut Edit<'_>) {
    if let Some((_, new)) = ALIASES.iter().find(|(old, _)| *old == e.op.name) {
        e.rename_class(new);
    }
}

/// A convolution with holes became an argument of every convolution.
fn atrous(e: &mut Edit<'_>) {
    let new = if e.op.name.ends_with("1D") { "Conv1D" } else { "Conv2D" };
    e.rename_class(new);
    e.convert("atrous_rate", "dilation_rate", |a| match a {
        Attr::Int(_) => Some(Attr::List(vec![a.clone()])),
        _ => None,
    });
}
