//! Weights under another framework's names and layouts: there and back nothing changes, and what torch expects is there.
#![allow(clippy::unwrap_used, clippy::panic)]

use modelport::{ExportOptions, LoadOptions, Names, Tensor};
use modelport_tests::fixtures::root;
use std::collections::BTreeMap;
use std::path::Path;

type Weights = BTreeMap<String, Tensor>;

fn export(from: &Path, to: &Path, names: Option<Names>) -> Weights {
    modelport::export(from, to, &ExportOptions { names, ..ExportOptions::default() }).unwrap();
    modelport::open(to, &LoadOptions::default()).unwrap().weights.into_iter().collect()
}

fn same(a: &Weights, b: &Weights, what: &str) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    for (name, t) in a {
        let u = &b[name];
        assert_eq!((t.dtype(), t.shape()), (u.dtype(), u.shape()), "{what}: {name}");
        assert_eq!(t.bytes().unwrap(), u.bytes().unwrap(), "{what}: {name}");
    }
}

/// A Keras file as torch spells it and back.
fn keras_there_and_back(model: &str) -> Weights {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let own = export(&root().join(model), &at("own.safetensors"), Some(Names::Keras));
    let torch = export(&root().join(model), &at("torch.safetensors"), Some(Names::Torch));
    let back = export(&at("torch.safetensors"), &at("back.safetensors"), Some(Names::Keras));
    // Keras 3 calls the kernel of a depthwise convolution a kernel.
    let own = own.into_iter().map(|(n, t)| (n.replace("depthwise_kernel", "kernel"), t)).collect();
    same(&own, &back, model);
    torch
}

#[test]
fn a_keras_network_in_torch_and_back() {
    for model in ["models/keras/mobilenetv2_k2_h5/model.h5", "models/keras/mobilenetv2_k3_keras/model.keras"] {
        let torch = keras_there_and_back(model);
        let channels = torch["bn_Conv1.running_var"].len();
        assert_eq!(torch["Conv1.weight"].shape(), [channels, 3, 3, 3]);
        assert_eq!(torch["expanded_conv_depthwise.weight"].shape(), [channels, 1, 3, 3]);
        assert_eq!(torch["predictions.weight"].shape(), [10, 1280]);
    }
}

#[test]
fn recurrent_layers_have_their_gates_in_the_order_of_torch() {
    let torch = keras_there_and_back("ops/keras/GRU/k2_last/model.h5");
    let shapes: Vec<_> = torch.values().map(|t| t.shape().to_vec()).collect();
    assert_eq!(torch.keys().filter(|k| k.contains("_l0")).count(), 4, "{torch:?}");
    assert!(shapes.iter().all(|s| s[0].is_multiple_of(3)), "{shapes:?}");
}

#[test]
fn a_bidirectional_layer_is_one_module_of_torch() {
    let directory = tempfile::tempdir().unwrap();
    let model = root().join("ops/keras/Bidirectional/k2_LSTM_concat/model.h5");
    let torch = export(&model, &directory.path().join("t.safetensors"), Some(Names::Torch));
    let ends: Vec<_> = torch.keys().map(|k| k.rsplit('.').next().unwrap()).collect();
    let want = [
        "bias_hh_l0",
        "bias_hh_l0_reverse",
        "bias_ih_l0",
        "bias_ih_l0_reverse",
        "weight_hh_l0",
        "weight_hh_l0_reverse",
        "weight_ih_l0",
        "weight_ih_l0_reverse",
    ];
    assert_eq!(ends, want);
}

#[test]
fn a_torch_network_in_keras_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let model = root().join("models/torch/mobilenet_v2_state/model.pt");
    let mut own = export(&model, &at("own.safetensors"), Some(Names::Torch));
    let keras = export(&model, &at("keras.safetensors"), Some(Names::TensorFlow));
    assert_eq!(keras["features/1/conv/0/0/depthwise_kernel"].shape()[3], 1);
    let back = export(&at("keras.safetensors"), &at("back.safetensors"), Some(Names::Torch));
    own.retain(|n, _| !n.ends_with("num_batches_tracked"));
    same(&own, &back, "mobilenet_v2_state");
}

#[test]
fn names_of_onnx_follow_no_convention() {
    let directory = tempfile::tempdir().unwrap();
    let options = ExportOptions { names: Some(Names::Torch), ..ExportOptions::default() };
    let model = root().join("models/onnx/opset9/model.onnx");
    let refused = modelport::export(&model, &directory.path().join("x.safetensors"), &options).unwrap_err();
    assert!(refused.to_string().contains("follow no framework's convention"));
}
