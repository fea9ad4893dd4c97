//! Rules for files of Keras 2 and early Keras 3, each on the smallest op that it changes.

mod common;
use common::*;
use modelport_ir::Attr;

const V2: &str = "2.15.0";
const NO: Attr = Attr::Bool(false);
const YES: Attr = Attr::Bool(true);

/// One rule, one op: old attributes, new ones.
fn one(version: &str, rule: &str, class: &str, old: &[(&str, Attr)], new: &[(&str, Attr)]) {
    let (got, said) = shim(version, op(class, old));
    expect(&got, class, new);
    assert_eq!(names(&said), [rule], "{class}");
}

/// No rule: the op stays as it is.
fn none(version: &str, class: &str, attrs: &[(&str, Attr)]) {
    let (got, said) = shim(version, op(class, attrs));
    expect(&got, class, attrs);
    assert_eq!(said, [], "{class}");
}

#[test]
fn groups_of_one() {
    for class in [
        "DepthwiseConv2D",
        "DepthwiseConv1D",
        "Conv2DTranspose",
        "Conv1DTranspose",
        "Conv3DTranspose",
        "SeparableConv2D",
    ] {
        one(V2, "ungrouped", class, &[("groups", i(1))], &[]);
    }
    none(V2, "DepthwiseConv2D", &[("groups", i(2))]);
    none(V2, "Conv2D", &[("groups", i(1))]);
    none("3.15.0", "DepthwiseConv2D", &[("groups", i(1))]);
}

#[test]
fn arguments_that_went() {
    let kernel =
        [("kernel_initializer", s("he")), ("kernel_regularizer", Attr::None), ("kernel_constraint", Attr::None)];
    one(V2, "kernel_arguments_of_parts", "SeparableConv2D", &kernel, &[]);
    one(V2, "kernel_arguments_of_parts", "DepthwiseConv2D", &kernel, &[]);
    none(V2, "Dense", &kernel);
    one(V2, "embedding_arguments", "Embedding", &[("input_length", i(4)), ("input_dim", i(9))], &[("input_dim", i(9))]);
    one(V2, "spatial_dropout_arguments", "SpatialDropout1D", &[("noise_shape", Attr::None)], &[]);
    one(V2, "rng_type", "RandomFlip", &[("rng_type", s("stateful"))], &[]);
    one(V2, "not_dynamic", "Dense", &[("dynamic", NO)], &[]);
    none(V2, "Custom", &[("dynamic", YES)]);
    one(V2, "robust_masking", "Softmax", &[("robust_masking", NO)], &[]);
    one(V2, "batch_normalization_arguments", "BatchNormalization", &[("virtual_batch_size", Attr::None)], &[]);
    one("3.0.5", "random_rotation_range", "RandomRotation", &[("value_range", ints(&[0, 255]))], &[]);
    none("3.15.0", "RandomRotation", &[("value_range", ints(&[0, 255]))]);
}

#[test]
fn batch_normalization() {
    one(V2, "axis_in_a_list", "BatchNormalization", &[("axis", ints(&[3]))], &[("axis", i(3))]);
    none(V2, "BatchNormalization", &[("axis", i(3))]);
    let (got, said) = shim(V2, op("SyncBatchNormalization", &[("axis", ints(&[3]))]));
    expect(&got, "BatchNormalization", &[("axis", i(3)), ("synchronized", YES)]);
    assert_eq!(names(&said), ["sync_batch_normalization", "axis_in_a_list"]);
    let (got, said) = shim("2.2.4-tf", op("BatchNormalizationV1", &[]));
    expect(&got, "BatchNormalization", &[]);
    assert_eq!(names(&said), ["class_aliases"]);
}

#[test]
fn dtype_policies() {
    let policy = |class| map(&[("class_name", s(class)), ("config", map(&[("name", s("mixed_float16"))]))]);
    one(V2, "dtype_policy", "Dense", &[("dtype", policy("Policy"))], &[("dtype", s("mixed_float16"))]);
    let (got, said) = shim("3.15.0", op("Dense", &[("dtype", policy("DTypePolicy"))]));
    expect(&got, "Dense", &[("dtype", s("mixed_float16"))]);
    assert_eq!(said, [], "today's own spelling is no news");
    none("3.15.0", "Dense", &[("dtype", policy("QuantizedDTypePolicy"))]);
}

#[test]
fn input_shapes_and_numpy_values() {
    let shape = ("batch_input_shape", ints(&[1, 2]));
    one(V2, "input_shape_of_the_first_layer", "Dense", std::slice::from_ref(&shape), &[]);
    one(V2, "input_shape_of_the_first_layer", "InputLayer", &[shape], &[("batch_shape", ints(&[1, 2]))]);
    let value = map(&[("type", s("ndarray")), ("value", Attr::Float(6.0))]);
    one("2.2.0", "numpy_scalars", "ReLU", &[("max_value", value)], &[("max_value", Attr::Float(6.0))]);
}

#[test]
fn leaky_relu() {
    one(V2, "leaky_relu_alpha", "LeakyReLU", &[("alpha", Attr::Float(0.1))], &[("negative_slope", Attr::Float(0.1))]);
    none("3.15.0", "LeakyReLU", &[("negative_slope", Attr::Float(0.1))]);
}

#[test]
fn merged_masks() {
    let (got, said) = shim(V2, op("Add", &[]));
    expect(&got, "Add", &[("@mask_merge", s("all"))]);
    assert!(!names(&said).contains(&"merged_masks"), "whether there are masks is not known to the shim");
    none("3.15.0", "Add", &[]);
}

#[test]
fn attention() {
    let (got, said) =
        shim(V2, op("MultiHeadAttention", &[("query_shape", ints(&[1, 8, 4])), ("key_shape", Attr::None)]));
    let shapes = map(&[("query_shape", ints(&[1, 8, 4])), ("key_shape", Attr::None)]);
    expect(&got, "MultiHeadAttention", &[("@build", map(&[("shapes_dict", shapes)]))]);
    assert_eq!(names(&said), ["attention_shapes"]);
    one("2.5.0", "attention_causal", "Attention", &[("causal", NO)], &[]);
    let kwargs = map(&[("training", NO)]);
    let (got, _) = shim("2.5.0", op("Attention", &[("causal", YES), ("@kwargs", kwargs)]));
    expect(&got, "Attention", &[("@kwargs", map(&[("training", NO), ("use_causal_mask", YES)]))]);
    let (got, _) = shim("2.5.0", op("AdditiveAttention", &[("causal", YES)]));
    expect(&got, "AdditiveAttention", &[("@kwargs", map(&[("use_causal_mask", YES)]))]);
    let (got, _) = shim("3.1.0", op("GroupedQueryAttention", &[]));
    assert_eq!(got.name, "GroupQueryAttention");
}

#[test]
fn bilinear_upsampling() {
    let old = [("interpolation", s("bilinear"))];
    one("2.3.1", "bilinear_upsampling", "UpSampling2D", &old, &[("interpolation", s("bilinear_keras2"))]);
    none("2.2.4-tf", "UpSampling2D", &old);
    none(V2, "UpSampling2D", &old);
    none("2.3.1", "UpSampling2D", &[("interpolation", s("nearest"))]);
}

#[test]
fn time_major() {
    for class in ["LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "Bidirectional"] {
        let given = [("recurrent_activation", s("sigmoid")), ("reset_after", YES), ("time_major", NO)];
        let (got, said) = shim(V2, op(class, &given));
        expect(&got, class, &given[..2]);
        assert_eq!(names(&said), ["time_major"], "{class}");
    }
    let given = [("recurrent_activation", s("sigmoid")), ("time_major", YES)];
    none(V2, "LSTM", &given);
}

#[test]
fn masked_outputs_of_both_directions() {
    let lstm = |attrs: &[(&str, Attr)]| Attr::Op(Box::new(op("SimpleRNN", attrs)));
    let old = |sequences| {
        let attrs = [("return_sequences", Attr::Bool(sequences)), ("name", s("l"))];
        op("Bidirectional", &[("forward_layer", lstm(&attrs)), ("backward_layer", lstm(&attrs))])
    };
    let (new, said) = shim(V2, old(true));
    assert_eq!(names(&said), ["bidirectional_masked_outputs"]);
    for side in ["forward_layer", "backward_layer"] {
        let Attr::Op(layer) = &new.attrs[side] else { panic!("the layer is gone") };
        assert_eq!(layer.attrs["zero_output_for_mask"], YES);
    }
    assert_eq!(shim(V2, new.clone()), (new, vec![]), "what is told already is no news");
    for (version, sequences) in [(V2, false), ("2.2.4", true), ("3.15.0", true)] {
        assert_eq!(shim(version, old(sequences)).1, [], "{version}");
    }
    assert_eq!(shim("2.2.4-tf", old(true)).1.len(), 1);
}

#[test]
fn recurrent_defaults_by_version() {
    let hard = ("recurrent_activation", s("hard_sigmoid_keras2"));
    for class in ["LSTM", "LSTMCell"] {
        let (got, said) = shim("2.1.6", op(class, &[]));
        expect(&got, class, std::slice::from_ref(&hard));
        assert_eq!(names(&said), ["recurrent_activation_default", "hard_sigmoid_of_keras2"]);
        none("2.3.0", class, &[]);
    }
    let (got, _) = shim(V2, op("ConvLSTM2D", &[]));
    expect(&got, "ConvLSTM2D", std::slice::from_ref(&hard));
    none("3.0.0", "ConvLSTM2D", &[]);
    let (got, _) = shim("2.0.6", op("GRU", &[]));
    expect(&got, "GRU", &[hard, ("reset_after", NO)]);
    let given = [("recurrent_activation", s("sigmoid")), ("reset_after", YES)];
    none("2.2.4-tf", "GRU", &given);
    none(V2, "GRU", &[]);
}

#[test]
fn cudnn_lstm() {
    let old = with_weights(
        op("CuDNNLSTM", &[("units", i(2))]),
        &[("kernel", &[3, 8]), ("recurrent_kernel", &[2, 8]), ("bias", &[16])],
    );
    let (got, said) = shim("2.2.4", old);
    assert_eq!((got.name.as_str(), &got.attrs["recurrent_activation"]), ("LSTM", &s("sigmoid")));
    assert_eq!(names(&said), ["cudnn_class", "cudnn_lstm_weights"]);
    // Gate 0 of the kernel is [[1,2],[9,10],[17,18]], in C order 1,2,9,10,17,18; numpy:
    // k.T.reshape(k.shape, order='F') == [[1,10],[2,17],[9,18]].
    let (shape, kernel) = values(&got, "kernel");
    assert_eq!(shape, [3, 8]);
    assert_eq!([&kernel[0..2], &kernel[8..10], &kernel[16..18]], [&[1., 10.], &[2., 17.], &[9., 18.]]);
    // Gate 1 of the recurrent kernel is [[27,28],[35,36]] (it starts at 25).
    let (_, recurrent) = values(&got, "recurrent_kernel");
    assert_eq!([&recurrent[2..4], &recurrent[10..12]], [&[27., 35.], &[28., 36.]]);
    let (shape, bias) = values(&got, "bias");
    assert_eq!(shape, [8]);
    assert_eq!((bias[0], bias[7]), (41. + 49., 48. + 56.));
}

#[test]
fn cudnn_gru() {
    let old = with_weights(op("CuDNNGRU", &[]), &[("kernel", &[1, 6]), ("recurrent_kernel", &[2, 6]), ("bias", &[12])]);
    let (got, said) = shim("2.2.4", old);
    assert_eq!((got.name.as_str(), &got.attrs["reset_after"]), ("GRU", &YES));
    assert_eq!(names(&said), ["cudnn_class", "cudnn_gru_weights"]);
    assert_eq!(values(&got, "bias").0, [2, 6]);
    assert_eq!(values(&got, "recurrent_kernel").1[..2], [7., 13.]);
}

#[test]
fn weights_of_a_plain_lstm_stay() {
    let given = [("recurrent_activation", s("sigmoid"))];
    let old = with_weights(op("LSTM", &given), &[("kernel", &[3, 8]), ("recurrent_kernel", &[2, 8]), ("bias", &[8])]);
    let (got, said) = shim(V2, old.clone());
    assert_eq!((got, said), (old, vec![]));
}

#[test]
fn theano_kernels_are_turned_around() {
    let old = with_weights(op("Conv2D", &[]), &[("kernel", &[2, 2, 1, 1]), ("bias", &[1])]);
    let mut g = graph(Some("2.1.6"), old.clone());
    g.provenance.details.insert("backend".into(), "theano".into());
    let (got, said) = run(g);
    assert_eq!(values(&got, "kernel"), (vec![2, 2, 1, 1], vec![4., 3., 2., 1.]));
    assert_eq!(names(&said), ["theano_kernel"]);
    assert_eq!(shim("2.1.6", old.clone()), (old, vec![]));
    // Keras 1 with `th`: turned to (rows, cols, in, out) first.
    let old = with_weights(op("Convolution2D", &[("dim_ordering", s("th"))]), &[("W", &[1, 1, 2, 2])]);
    let mut g = graph(Some("1.2.2"), old);
    g.provenance.details.insert("backend".into(), "theano".into());
    let (got, said) = run(g);
    assert_eq!(values(&got, "kernel"), (vec![2, 2, 1, 1], vec![4., 3., 2., 1.]));
    assert_eq!(names(&said)[3..], ["keras1_channels_first_kernel", "theano_kernel"]);
}

#[test]
fn preprocessing() {
    let old = [("max_tokens", i(4)), ("output_mode", s("binary"))];
    one(
        "2.4.0",
        "category_encoding",
        "CategoryEncoding",
        &old,
        &[("num_tokens", i(4)), ("output_mode", s("multi_hot"))],
    );
    one(
        "2.4.0",
        "discretization_bins",
        "Discretization",
        &[("bins", ints(&[1, 2]))],
        &[("bin_boundaries", ints(&[1, 2]))],
    );
    one("2.4.0", "discretization_bins", "Discretization", &[("bins", i(3))], &[("num_bins", i(3))]);
    let old = [("max_values", i(4)), ("mask_value", i(0)), ("oov_value", i(-1)), ("has_static_table", NO)];
    let new = [("max_tokens", i(4)), ("mask_token", i(0)), ("oov_token", i(-1))];
    one("2.4.0", "integer_lookup", "IntegerLookup", &old, &new);
    one("2.5.0", "string_lookup", "StringLookup", &[("output_mode", s("tf-idf"))], &[("output_mode", s("tf_idf"))]);
}

#[test]
fn activations() {
    let act = |name: &str| [("activation", s(name))];
    for (old, new) in
        [("swish", "silu"), ("hard_swish", "hard_silu"), ("softmax_v2", "softmax"), ("Custom>relu6", "relu6")]
    {
        one("3.0.0", "activation_names", "Activation", &act(old), &act(new));
    }
    none(V2, "Activation", &act("relu6"));
    none(V2, "Activation", &act("Custom>mine"));
    one(V2, "hard_sigmoid_of_keras2", "Dense", &act("hard_sigmoid"), &act("hard_sigmoid_keras2"));
    none("3.0.0", "Dense", &act("hard_sigmoid"));
    let function = map(&[("class_name", s("function")), ("config", s("hard_sigmoid")), ("module", s("builtins"))]);
    one(V2, "hard_sigmoid_of_keras2", "Dense", &[("activation", function.clone())], &act("hard_sigmoid_keras2"));
    let (got, said) = shim("3.15.0", op("Dense", &[("activation", function)]));
    expect(&got, "Dense", &act("hard_sigmoid"));
    assert_eq!(said, []);
}

#[test]
fn two_layers_as_activation_are_the_hard_sigmoid_that_repair_writes() {
    let layer =
        |class: &str, config: &[(&'static str, Attr)]| map(&[("class_name", s(class)), ("config", map(config))]);
    let both = |offset: f64| {
        let scale = layer("Rescaling", &[("scale", Attr::Float(0.2)), ("offset", Attr::Float(offset))]);
        let layers = Attr::List(vec![scale, layer("ReLU", &[("max_value", Attr::Float(1.0))])]);
        [("activation", layer("Sequential", &[("layers", layers)]))]
    };
    let (got, said) = shim("3.15.1", op("Dense", &both(0.5)));
    expect(&got, "Dense", &[("activation", s("hard_sigmoid_keras2"))]);
    assert_eq!(names(&said), ["activation_of_two_layers"]);
    assert_eq!(shim("3.15.1", op("Dense", &both(0.4))).1, []);
}

#[test]
fn a_layer_as_activation_gets_its_own_rules() {
    let layer =
        map(&[("class_name", s("LeakyReLU")), ("config", map(&[("alpha", Attr::Float(0.1)), ("name", s("lrelu"))]))]);
    let (got, said) = shim(V2, op("Dense", &[("activation", layer)]));
    let Attr::Op(inner) = &got.attrs["activation"] else { panic!("not an op") };
    expect(inner, "LeakyReLU", &[("negative_slope", Attr::Float(0.1)), ("name", s("lrelu"))]);
    assert_eq!((said[0].rule, said[0].node.as_str()), ("leaky_relu_alpha", "layer/lrelu"));
}

#[test]
fn theano_pads_same_by_the_window_alone() {
    let old = op("MaxPooling2D", &[("padding", s("same"))]);
    let mut g = graph(Some("2.1.6"), old.clone());
    g.provenance.details.insert("backend".into(), "theano".into());
    let (got, said) = run(g);
    assert_eq!((&got.attrs["padding"], names(&said)), (&s("same_theano"), vec!["theano_same_padding"]));
    assert_eq!(shim("2.1.6", old.clone()), (old, vec![]));
}

#[test]
fn class_aliases() {
    for (old, new) in [
        ("Convolution2DTranspose", "Conv2DTranspose"),
        ("MaxPool2D", "MaxPooling2D"),
        ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
        ("UnifiedLSTM", "LSTM"),
    ] {
        assert_eq!(shim("3.15.0", op(old, &[])).0.name, new);
    }
}

/// Every rule has a test above, in `keras1.rs` or in `tensorflow.rs` that names it.
#[test]
fn every_rule_is_tested() {
    let tests = [include_str!("keras1.rs"), include_str!("keras2.rs"), include_str!("tensorflow.rs")].concat();
    // Its effect is silent: what it unpacks is tested with the rules that follow.
    let silent = ["activation_written_as_object"];
    for (rule, _) in modelport_shim::rules() {
        assert!(silent.contains(&rule) || tests.contains(&format!("\"{rule}\"")), "no test names {rule}");
    }
}
