//! Weight stores of several Keras versions, in memory.

use super::*;
use modelport_diag::Limits;
use modelport_ir::Tensor;
use serde_json::json;

fn stored(paths: &[(&str, &[&[usize]])]) -> WeightTree {
    let tensor =
        |shape: &[usize]| Tensor::from_f64s(modelport_ir::DType::F32, shape, &vec![0.5; shape.iter().product()]);
    let vars = |shapes: &[&[usize]]| {
        shapes.iter().enumerate().map(|(i, s)| (i.to_string(), tensor(s).unwrap())).collect::<Vec<_>>()
    };
    WeightTree { vars: paths.iter().map(|(p, shapes)| ((*p).to_owned(), vars(shapes))).collect() }
}

fn sequential(layers: serde_json::Value) -> Model {
    let config = json!({"class_name": "Sequential", "config": {"name": "s", "layers": layers}});
    crate::model::parse(config, &Limits::default()).unwrap()
}

fn shapes(model: &Model, name: &str) -> Vec<(String, Vec<usize>)> {
    let layer = model.layers.iter().find(|l| l.name == name).unwrap();
    layer.weights.iter().map(|(n, t)| (n.clone(), t.shape().to_vec())).collect()
}

fn dense(name: &str, units: usize) -> serde_json::Value {
    json!({"class_name": "Dense", "config": {"name": name, "units": units}})
}

/// `_layer_checkpoint_dependencies` lists a layer with weights twice, so every second number is missing.
#[test]
fn keras_2_12_skips_numbers() {
    let mut model = sequential(json!([dense("a", 2), dense("b", 3), dense("c", 4)]));
    let base = "_layer_checkpoint_dependencies/dense";
    let tree = stored(&[
        (base, &[&[1, 2], &[2]]),
        (&format!("{base}_2"), &[&[2, 3], &[3]]),
        (&format!("{base}_4"), &[&[3, 4], &[4]]),
    ]);
    assert!(!assign(&mut model, &tree).has_errors());
    assert_eq!(shapes(&model, "c"), [("kernel".to_owned(), vec![3, 4]), ("bias".to_owned(), vec![4])]);
    assert_eq!(shapes(&model, "b")[0].1, [2, 3]);
}

/// The tenth layer of a class comes after the ninth, not after the first.
#[test]
fn members_are_ordered_by_number() {
    let layers: Vec<_> = (0..12).map(|i| dense(&format!("d{i}"), i + 1)).collect();
    let mut model = sequential(json!(layers));
    let path = |i: usize| if i == 0 { "layers/dense".into() } else { format!("layers/dense_{i}") };
    let paths: Vec<_> = (0..12).map(|i| (path(i), [vec![i.max(1), i + 1], vec![i + 1]])).collect();
    let views: Vec<_> = paths.iter().map(|(p, s)| (p.as_str(), [s[0].as_slice(), s[1].as_slice()])).collect();
    let tree = stored(&views.iter().map(|(p, s)| (*p, s.as_slice())).collect::<Vec<_>>());
    let diagnostics = assign(&mut model, &tree);
    assert!(!diagnostics.has_errors(), "{diagnostics}");
    assert_eq!(shapes(&model, "d11")[1].1, [12]);
}

#[test]
fn what_does_not_fit_is_named() {
    let mut model = sequential(json!([dense("a", 2), dense("b", 3)]));
    let tree = stored(&[("layers/dense", &[&[1, 2], &[2]]), ("layers/dense_1", &[&[2, 5], &[3]])]);
    let diagnostics = assign(&mut model, &tree);
    assert_eq!(diagnostics.0.len(), 1);
    assert_eq!(diagnostics.0[0].code.0, "KR0004");
    assert_eq!(diagnostics.0[0].location.node.as_deref(), Some("b"));
    let mut model = sequential(json!([dense("a", 2), dense("b", 3)]));
    let tree = stored(&[("layers/dense", &[&[1, 2]])]);
    assert_eq!(assign(&mut model, &tree).0.len(), 2);
}

/// A layer used in a model and inside it is stored where it was visited first. Keras itself cannot load such a file.
#[test]
fn a_layer_shared_with_an_inner_model_is_found() {
    for second in ["layers/sequential/layers/dense", "layers/sequential/layers/dense_1"] {
        let inner =
            json!({"class_name": "Sequential", "config": {"name": "inner", "layers": [dense("a", 2), dense("b", 3)]}});
        let mut model = sequential(json!([dense("a", 2), inner]));
        let tree = stored(&[("layers/dense", &[&[2, 2], &[2]]), (second, &[&[2, 3], &[3]])]);
        let diagnostics = assign(&mut model, &tree);
        assert!(!diagnostics.has_errors(), "{diagnostics}");
        let all: Vec<_> =
            model.layers.iter().filter(|l| l.name == "a").map(|l| l.weights[0].1.shape().to_vec()).collect();
        assert_eq!(all, [[2, 2], [2, 2]]);
        assert_eq!(shapes(&model, "b")[0].1, [2, 3]);
    }
}

/// Custom layers give what they have, with the path of what is inside.
#[test]
fn unknown_layers_keep_all_they_hold() {
    let mut model = sequential(json!([{"class_name": "Mine", "config": {"name": "mine"}}]));
    let tree = stored(&[("layers/mine", &[]), ("layers/mine/proj", &[&[2, 3], &[3]])]);
    assert!(!assign(&mut model, &tree).has_errors());
    let names: Vec<_> = shapes(&model, "mine").into_iter().map(|(n, _)| n).collect();
    assert_eq!(names, ["proj.0", "proj.1"]);
}

#[test]
fn snake_case_follows_keras() {
    for (class, want) in [
        ("DepthwiseConv2D", "depthwise_conv2d"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("LSTMCell", "lstm_cell"),
        ("ReLU", "re_lu"),
        ("PReLU", "p_re_lu"),
        ("ELU", "elu"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("MultiHeadAttention", "multi_head_attention"),
        ("TFOpLambda", "tf_op_lambda"),
    ] {
        assert_eq!(snake_case(class, false), want);
        assert_eq!(snake_case(class, true), want);
    }
}
