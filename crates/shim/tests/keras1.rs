//! Rules for files of Keras 1, each on the smallest op that it changes.

mod common;
use common::*;
use modelport_ir::{Attr, DType, SourceOp, Tensor};

const V1: &str = "1.2.2";

#[test]
fn dense() {
    let old =
        op("Dense", &[("output_dim", i(3)), ("init", s("he")), ("bias", Attr::Bool(true)), ("input_dim", Attr::None)]);
    let (new, said) = shim(V1, with_weights(old, &[("d_W", &[2, 3]), ("d_b", &[3])]));
    expect(&new, "Dense", &[("units", i(3)), ("kernel_initializer", s("he")), ("use_bias", Attr::Bool(true))]);
    assert_eq!(names(&said), ["keras1_dense", "keras1_weight_names"]);
    assert_eq!(said[0].node, "layer");
    assert!(said[0].text.contains("`output_dim` is called `units`"), "{}", said[0].text);
    assert_eq!(values(&new, "kernel").0, [2, 3]);
    assert_eq!(values(&new, "bias").0, [3]);
}

#[test]
fn dense_without_bias_and_with_names_that_are_right() {
    let (new, said) = shim(V1, with_weights(op("Dense", &[("units", i(3))]), &[("kernel", &[2, 3])]));
    assert_eq!(new.weights.len(), 1);
    assert_eq!(said, [], "nothing changed, nothing is told");
}

#[test]
fn convolution2d() {
    let old = op(
        "Convolution2D",
        &[
            ("nb_filter", i(4)),
            ("nb_row", i(3)),
            ("nb_col", i(2)),
            ("border_mode", s("same")),
            ("subsample", ints(&[2, 2])),
            ("dim_ordering", s("tf")),
        ],
    );
    let (new, said) = shim(V1, with_weights(old, &[("W", &[3, 2, 3, 4]), ("b", &[4])]));
    expect(
        &new,
        "Conv2D",
        &[
            ("filters", i(4)),
            ("kernel_size", ints(&[3, 2])),
            ("padding", s("same")),
            ("strides", ints(&[2, 2])),
            ("data_format", s("channels_last")),
        ],
    );
    assert_eq!(names(&said), ["class_aliases", "keras1_convolution", "keras1_weight_names"]);
    assert_eq!(values(&new, "kernel").0, [3, 2, 3, 4]);
}

#[test]
fn the_order_of_images_that_a_layer_does_not_say_is_that_of_the_others() {
    let mut g = graph(Some(V1), op("ZeroPadding2D", &[("padding", ints(&[1, 1]))]));
    let x = g.inputs()[0];
    let other = op("Convolution2D", &[("nb_filter", i(4)), ("dim_ordering", s("th"))]);
    g.add_node(other, vec![Some(x)], "conv", vec![("conv".to_owned(), None)]);
    let (new, said) = run(g);
    assert_eq!((&new.attrs["data_format"], said[0].rule), (&s("channels_first"), "keras1_padding"));
}

#[test]
fn channels_first_kernels_are_turned() {
    let old = op("Convolution2D", &[("nb_filter", i(2)), ("dim_ordering", s("th"))]);
    let (new, said) = shim(V1, with_weights(old, &[("W", &[2, 1, 1, 3]), ("b", &[2])]));
    assert_eq!(new.attrs["data_format"], s("channels_first"));
    // (out, in, rows, cols) = [[1,2,3],[4,5,6]] by filter → (rows, cols, in, out).
    assert_eq!(values(&new, "kernel"), (vec![1, 3, 1, 2], vec![1., 4., 2., 5., 3., 6.]));
    assert!(names(&said).contains(&"keras1_channels_first_kernel"));
    let old = op("Convolution3D", &[("dim_ordering", s("th"))]);
    let (new, _) = shim(V1, with_weights(old, &[("W", &[5, 4, 1, 2, 3])]));
    assert_eq!(values(&new, "kernel").0, [1, 2, 3, 4, 5]);
    let old = op("SeparableConvolution2D", &[("dim_ordering", s("th")), ("init", s("he"))]);
    let (new, said) = shim(V1, with_weights(old, &[("d", &[2, 3, 4, 5]), ("p", &[7, 6, 1, 1]), ("b", &[7])]));
    assert_eq!(values(&new, "depthwise_kernel").0, [4, 5, 3, 2]);
    assert_eq!(values(&new, "pointwise_kernel").0, [1, 1, 6, 7]);
    assert_eq!((&new.attrs["depthwise_initializer"], &new.attrs["pointwise_initializer"]), (&s("he"), &s("he")));
    assert!(names(&said).contains(&"keras1_separable_kernels"));
}

#[test]
fn convolution1d_of_both_layouts() {
    let old = op("Convolution1D", &[("nb_filter", i(2)), ("filter_length", i(3)), ("subsample_length", i(1))]);
    let (new, said) = shim(V1, with_weights(old.clone(), &[("W", &[3, 1, 1, 2]), ("b", &[2])]));
    expect(&new, "Conv1D", &[("filters", i(2)), ("kernel_size", ints(&[3])), ("strides", ints(&[1]))]);
    assert_eq!(values(&new, "kernel"), (vec![3, 1, 2], vec![1., 2., 3., 4., 5., 6.]));
    assert!(names(&said).contains(&"keras1_conv1d_kernel"));
    // Keras 1.1: (filters, in, length, 1).
    let (new, _) = shim("1.1.0", with_weights(old, &[("W", &[2, 1, 3, 1]), ("b", &[2])]));
    assert_eq!(values(&new, "kernel"), (vec![3, 1, 2], vec![1., 4., 2., 5., 3., 6.]));
}

#[test]
fn deconvolution() {
    let old =
        op("Deconvolution2D", &[("nb_filter", i(3)), ("output_shape", ints(&[0, 8, 8, 3])), ("dim_ordering", s("tf"))]);
    let (new, said) = shim(V1, with_weights(old, &[("W", &[1, 1, 2, 3])]));
    expect(&new, "Conv2DTranspose", &[("filters", i(3)), ("data_format", s("channels_last"))]);
    assert_eq!(values(&new, "kernel"), (vec![1, 1, 3, 2], vec![1., 4., 2., 5., 3., 6.]));
    assert!(names(&said).contains(&"keras1_transposed_kernel"));
    let old = op("Deconvolution2D", &[("dim_ordering", s("th"))]);
    let (new, _) = shim(V1, with_weights(old, &[("W", &[4, 5, 2, 3])]));
    assert_eq!(values(&new, "kernel").0, [2, 3, 4, 5]);
}

#[test]
fn atrous_convolutions() {
    let (new, said) = shim(V1, op("AtrousConvolution2D", &[("atrous_rate", ints(&[2, 2])), ("nb_filter", i(3))]));
    expect(&new, "Conv2D", &[("dilation_rate", ints(&[2, 2])), ("filters", i(3))]);
    assert_eq!(said[0].rule, "keras1_atrous_convolution");
    let (new, _) = shim(V1, op("AtrousConvolution1D", &[("atrous_rate", i(2)), ("filter_length", i(3))]));
    expect(&new, "Conv1D", &[("dilation_rate", ints(&[2])), ("kernel_size", ints(&[3]))]);
}

#[test]
fn kernel_of_three_dimensions() {
    let dims = [("kernel_dim1", i(2)), ("kernel_dim2", i(3)), ("kernel_dim3", i(4))];
    let (new, _) = shim(V1, op("Convolution3D", &dims));
    expect(&new, "Conv3D", &[("kernel_size", ints(&[2, 3, 4]))]);
}

#[test]
fn time_distributed_dense() {
    let (new, said) = shim(V1, op("TimeDistributedDense", &[("output_dim", i(3)), ("input_length", i(4))]));
    expect(&new, "Dense", &[("units", i(3))]);
    assert_eq!(names(&said), ["keras1_time_distributed_dense", "keras1_dense"]);
}

#[test]
fn merges() {
    let classes = [
        ("sum", "Add"),
        ("mul", "Multiply"),
        ("ave", "Average"),
        ("max", "Maximum"),
        ("concat", "Concatenate"),
        ("dot", "Dot"),
        ("cos", "Dot"),
    ];
    for (mode, class) in classes {
        let old =
            op("Merge", &[("mode", s(mode)), ("concat_axis", i(2)), ("dot_axes", i(-1)), ("arguments", map(&[]))]);
        let (new, said) = shim(V1, old);
        let want = match mode {
            "concat" => vec![("axis", i(2)), ("@mask_merge", s("all"))],
            "dot" | "cos" => vec![("axes", i(-1)), ("normalize", Attr::Bool(mode == "cos"))],
            _ => vec![("@mask_merge", s("all"))],
        };
        expect(&new, class, &want);
        assert_eq!(names(&said), ["keras1_merge"]);
    }
    let (new, said) = shim(V1, op("Merge", &[("mode", s("<lambda>")), ("mode_type", s("lambda"))]));
    assert_eq!((new.name.as_str(), said.len()), ("Merge", 0), "code is not guessed at");
}

#[test]
fn pooling_and_reshaping() {
    let old = op("MaxPooling1D", &[("pool_length", i(2)), ("stride", i(2)), ("border_mode", s("valid"))]);
    let (new, said) = shim(V1, old);
    expect(&new, "MaxPooling1D", &[("pool_size", ints(&[2])), ("strides", ints(&[2])), ("padding", s("valid"))]);
    assert_eq!(names(&said), ["keras1_pooling"]);
    let (new, said) = shim(V1, op("UpSampling1D", &[("length", i(2))]));
    expect(&new, "UpSampling1D", &[("size", i(2))]);
    assert_eq!(names(&said), ["keras1_upsampling"]);
    let (new, said) = shim(V1, op("GlobalMaxPooling2D", &[("dim_ordering", s("default"))]));
    expect(&new, "GlobalMaxPooling2D", &[("data_format", Attr::None)]);
    assert_eq!(names(&said), ["keras1_data_format"]);
}

#[test]
fn zero_padding() {
    let pair = |a, b| Attr::List(vec![a, b]);
    let sides = map(&[("top_pad", i(1)), ("left_pad", i(3)), ("right_pad", i(4))]);
    let want = pair(ints(&[1, 0]), ints(&[3, 4]));
    let (new, said) = shim(V1, op("ZeroPadding2D", &[("padding", sides)]));
    expect(&new, "ZeroPadding2D", &[("padding", want)]);
    assert_eq!(names(&said), ["keras1_padding"]);
    let (new, _) = shim(V1, op("ZeroPadding2D", &[("padding", ints(&[1, 2, 3, 4]))]));
    expect(&new, "ZeroPadding2D", &[("padding", pair(ints(&[1, 2]), ints(&[3, 4])))]);
    let (new, _) = shim(V1, op("ZeroPadding1D", &[("padding", map(&[("left_pad", i(1)), ("right_pad", i(2))]))]));
    expect(&new, "ZeroPadding1D", &[("padding", ints(&[1, 2]))]);
    let (_, said) = shim(V1, op("ZeroPadding2D", &[("padding", ints(&[1, 2]))]));
    assert_eq!(said, []);
}

#[test]
fn lstm_gates_are_sorted_and_joined() {
    let old = op(
        "LSTM",
        &[
            ("output_dim", i(1)),
            ("inner_activation", s("hard_sigmoid")),
            ("consume_less", s("cpu")),
            ("forget_bias_init", s("one")),
        ],
    );
    let gates = ["i", "c", "f", "o"].map(|g| [format!("l_W_{g}"), format!("l_U_{g}"), format!("l_b_{g}")]).concat();
    let shapes: [&[usize]; 3] = [&[2, 1], &[1, 1], &[1]];
    let weights: Vec<_> = gates.iter().enumerate().map(|(k, n)| (n.as_str(), shapes[k % 3])).collect();
    // i: W 1,2 U 3 b 4; c: 5,6 7 8; f: 9,10 11 12; o: 13,14 15 16.
    let (new, said) = shim(V1, with_weights(old, &weights));
    expect(
        &new,
        "LSTM",
        &[
            ("units", i(1)),
            ("recurrent_activation", s("hard_sigmoid_keras2")),
            ("implementation", i(0)),
            ("unit_forget_bias", Attr::Bool(true)),
        ],
    );
    assert_eq!(values(&new, "kernel"), (vec![2, 4], vec![1., 9., 5., 13., 2., 10., 6., 14.]));
    assert_eq!(values(&new, "recurrent_kernel"), (vec![1, 4], vec![3., 11., 7., 15.]));
    assert_eq!(values(&new, "bias"), (vec![4], vec![4., 12., 8., 16.]));
    assert_eq!(names(&said), ["keras1_recurrent", "keras1_lstm_weights", "hard_sigmoid_of_keras2"]);
}

#[test]
fn gru_gates_are_joined() {
    let shapes: [&[usize]; 3] = [&[1, 1], &[1, 1], &[1]];
    let weights: Vec<_> = (0..9).map(|k| ("w", shapes[k % 3])).collect();
    let (new, said) = shim(V1, with_weights(op("GRU", &[]), &weights));
    assert_eq!(values(&new, "kernel").1, [1., 4., 7.]);
    assert_eq!(values(&new, "recurrent_kernel").1, [2., 5., 8.]);
    assert_eq!(values(&new, "bias").1, [3., 6., 9.]);
    assert_eq!(new.attrs["reset_after"], Attr::Bool(false));
    assert_eq!(new.attrs["recurrent_activation"], s("hard_sigmoid_keras2"));
    let want = ["keras1_gru_weights", "recurrent_activation_default", "reset_after_default", "hard_sigmoid_of_keras2"];
    assert_eq!(names(&said), want);
}

#[test]
fn conv_lstm_kernels_are_turned_before_they_are_joined() {
    let shapes: [&[usize]; 3] = [&[5, 2, 3, 4], &[5, 5, 3, 4], &[5]];
    let weights: Vec<_> = (0..12).map(|k| ("w", shapes[k % 3])).collect();
    let (new, _) =
        shim(V1, with_weights(op("ConvLSTM2D", &[("dim_ordering", s("th")), ("nb_filter", i(5))]), &weights));
    assert_eq!(values(&new, "kernel").0, [3, 4, 2, 20]);
    assert_eq!(values(&new, "recurrent_kernel").0, [3, 4, 5, 20]);
    assert_eq!(new.attrs["filters"], i(5));
}

#[test]
fn gates_that_do_not_fit_are_left() {
    let shapes: [&[usize]; 3] = [&[2, 3], &[1], &[4]];
    let weights: Vec<_> = (0..12).map(|k| ("w", shapes[k % 3])).collect();
    let mut old = with_weights(op("LSTM", &[]), &weights);
    old.weights[3].1 = Tensor::scalar(DType::F32, 1.0);
    let before = old.weights.clone();
    let (new, said) = shim(V1, old);
    assert_eq!(new.weights, before);
    assert!(!names(&said).contains(&"keras1_lstm_weights"));
}

#[test]
fn normalisation_embedding_noise() {
    let old = op("BatchNormalization", &[("mode", i(0)), ("beta_init", s("zero")), ("gamma_init", s("one"))]);
    let four: &[(&str, &[usize])] = &[("g", &[1]), ("b", &[1]), ("running_mean", &[1]), ("running_std", &[1])];
    let (new, said) = shim(V1, with_weights(old, four));
    expect(&new, "BatchNormalization", &[("beta_initializer", s("zero")), ("gamma_initializer", s("one"))]);
    assert_eq!(values(&new, "moving_variance").1, [4.]);
    assert_eq!(names(&said), ["keras1_batch_normalization", "keras1_weight_names"]);
    let (new, _) = shim(V1, op("BatchNormalization", &[("mode", i(1))]));
    assert_eq!(new.name, "BatchNormalizationMode1", "must not be taken for today's layer");
    let old = op("Embedding", &[("input_dim", i(9)), ("init", s("uniform")), ("dropout", Attr::Float(0.5))]);
    let (new, said) = shim(V1, old);
    expect(&new, "Embedding", &[("input_dim", i(9)), ("embeddings_initializer", s("uniform"))]);
    assert_eq!(names(&said), ["keras1_embedding"]);
    let cases: [(&str, &str, &str, &str); 4] = [
        ("Dropout", "p", "rate", "keras1_dropout"),
        ("SpatialDropout2D", "p", "rate", "keras1_dropout"),
        ("GaussianNoise", "sigma", "stddev", "keras1_noise"),
        ("PReLU", "init", "alpha_initializer", "keras1_prelu"),
    ];
    for (class, old, new, rule) in cases {
        let (got, said) = shim(V1, op(class, &[(old, Attr::Float(0.5))]));
        expect(&got, class, &[(new, Attr::Float(0.5))]);
        assert_eq!(names(&said), [rule]);
    }
}

#[test]
fn ops_inside_ops_and_graphs() {
    let inner = || with_weights(op("Dense", &[("output_dim", i(3)), ("name", s("inner"))]), &[("W", &[1, 3])]);
    let (new, said) = shim(V1, op("TimeDistributed", &[("layer", Attr::Op(Box::new(inner())))]));
    let Attr::Op(dense) = &new.attrs["layer"] else { panic!("the layer is gone") };
    assert_eq!((dense.attrs["units"].clone(), dense.weights[0].0.as_str()), (i(3), "kernel"));
    assert_eq!(said[0].node, "layer/inner");
    let nested = graph(Some(V1), inner());
    let (new, said) = shim(V1, op("TimeDistributed", &[("layer", Attr::Graph(Box::new(nested)))]));
    let Attr::Graph(nested) = &new.attrs["layer"] else { panic!("the graph is gone") };
    assert_eq!(nested.nodes()[0].op.attrs["units"], i(3));
    assert_eq!(said[0].node, "layer/layer");
    let cells = Attr::List(vec![Attr::Op(Box::new(op("GRUCell", &[])))]);
    let (new, _) = shim(V1, op("StackedRNNCells", &[("cells", cells)]));
    let Some([Attr::Op(cell)]) = new.attrs["cells"].as_list() else { panic!("the cell is gone") };
    assert_eq!(cell.attrs["reset_after"], Attr::Bool(false));
}

#[test]
fn weights_of_a_wrapper_go_to_its_layers() {
    let layer = |n| Attr::Op(Box::new(op("Dense", &[("name", s(n))])));
    let old = with_weights(op("TimeDistributed", &[("layer", layer("d"))]), &[("t_W", &[1, 3]), ("t_b", &[3])]);
    let (new, said) = shim(V1, old);
    let Attr::Op(dense) = &new.attrs["layer"] else { panic!("the layer is gone") };
    assert_eq!((new.weights.len(), values(dense, "bias").1), (0, vec![4., 5., 6.]));
    assert_eq!(names(&said), ["keras1_wrapper_weights", "keras1_weight_names"]);
    let both = [("forward_layer", layer("f")), ("backward_layer", layer("b"))];
    let (new, _) =
        shim(V1, with_weights(op("Bidirectional", &both), &[("w", &[1, 1]), ("w", &[1]), ("w", &[1, 1]), ("w", &[1])]));
    let Attr::Op(backward) = &new.attrs["backward_layer"] else { panic!("the layer is gone") };
    assert_eq!((values(backward, "kernel").1, values(backward, "bias").1), (vec![3.], vec![4.]));
    let odd = with_weights(op("Bidirectional", &both), &[("w", &[1, 1]), ("w", &[1]), ("w", &[1, 1])]);
    assert_eq!(shim(V1, odd).0.weights.len(), 3, "what does not halve stays");
}

#[test]
fn ops_too_deep_are_left_alone() {
    let mut deep: SourceOp = op("Dense", &[("output_dim", i(1))]);
    for _ in 0..200 {
        deep = op("TimeDistributed", &[("layer", Attr::Op(Box::new(deep)))]);
    }
    assert_eq!(shim(V1, deep).1, []);
}

#[test]
fn a_file_without_version_is_known_by_its_arguments() {
    let (new, _) = run(graph(None, op("Dense", &[("output_dim", i(3)), ("init", s("he"))])));
    assert_eq!(new.attrs["units"], i(3));
    let (new, said) = run(graph(None, op("Activation", &[("activation", s("hard_sigmoid"))])));
    assert_eq!(new.attrs["activation"], s("hard_sigmoid_keras2"));
    assert!(said[0].text.contains("Keras 2"));
    let policy = map(&[("class_name", s("DTypePolicy")), ("config", map(&[("name", s("float32"))]))]);
    let (new, said) = run(graph(None, op("Activation", &[("activation", s("hard_sigmoid")), ("dtype", policy)])));
    assert_eq!(new.attrs["activation"], s("hard_sigmoid"));
    assert_eq!(said, []);
}
