//! Declared layers: parsed, lowered, refused; and the declaration that is printed for an unknown layer.
#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_ir::text::{parse_custom, print_core, print_declaration_template};
use modelport_ir::{
    Attr, Builder, CoreGraph, CustomLayer, CustomLayers, DType, Dialect, Dim, SourceOp, Tensor, TensorType, verify,
};

const DENSE: &str = "
# y = x·w + b
layer CustomLayer(x) {
  weights w, b
  config units: int
  %0 = MatMul(x, w)
  %1 = Add(%0, b)
  return %1
}
";

fn op(weights: &[(&str, &[usize])]) -> SourceOp {
    let mut op = SourceOp::new(Dialect::Keras, "CustomLayer");
    op.attrs.insert("units".into(), Attr::Int(5));
    op.attrs.insert("name".into(), Attr::Str("custom".into()));
    for (name, shape) in weights {
        let values = vec![0.5; shape.iter().product()];
        op.weights.push(((*name).to_owned(), Tensor::from_f64s(DType::F32, shape, &values).unwrap()));
    }
    op
}

fn input_type(last: usize) -> TensorType {
    TensorType::new(DType::F32, vec![Dim::symbol("N"), last.into()])
}

/// Lowers the first layer of `text` on inputs f32[N,10].
fn lower_on(text: &str, op: &SourceOp, inputs: usize) -> Result<CoreGraph, String> {
    let layers = parse_custom(text).map_err(|d| d.to_string())?;
    let mut b = Builder::new("m");
    let ids: Vec<_> = (0..inputs).map(|i| b.input(format!("x{i}"), input_type(10))).collect();
    b.push_scope("layer");
    let results = layers[0].lower(&mut b, op, &ids).map_err(|d| d.to_string())?;
    for (i, id) in results.into_iter().enumerate() {
        b.output(format!("y{i}"), id);
    }
    let graph = b.finish();
    verify(&graph).unwrap();
    Ok(graph)
}

fn lower(text: &str) -> Result<CoreGraph, String> {
    lower_on(text, &op(&[("w", &[10, 5]), ("b", &[5])]), 1)
}

fn ops(graph: &CoreGraph) -> Vec<&'static str> {
    graph.nodes().iter().map(|n| n.op.name()).collect()
}

fn fails(text: &str, with: &str) {
    let error = lower(text).unwrap_err();
    assert!(error.starts_with("error[CU0001]"), "{error}");
    assert!(error.contains(with), "{with:?} is not in:\n{error}");
}

#[test]
fn the_dense_layer() {
    let graph = lower(DENSE).unwrap();
    assert_eq!(ops(&graph), ["MatMul", "Add"]);
    assert_eq!(graph.ty(graph.outputs()[0].value), &input_type(5));
    assert_eq!(graph.nodes()[0].name, "layer");
    assert!(print_core(&graph).contains("\"layer/w\""));
}

#[test]
fn weights_by_position_where_the_file_has_no_names() {
    let graph = lower_on(DENSE, &op(&[("0", &[10, 5]), ("1", &[5])]), 1).unwrap();
    assert_eq!(ops(&graph), ["MatMul", "Add"]);
}

#[test]
fn weights_by_name_stand_in_any_order() {
    let graph = lower_on(DENSE, &op(&[("b", &[5]), ("w", &[10, 5]), ("more", &[1])]), 1).unwrap();
    assert_eq!(ops(&graph), ["MatMul", "Add"]);
}

#[test]
fn weights_by_alias_and_absent_ones() {
    let text =
        "layer L(x) { weights k = \"a/kernel\", c = 2, d? return Gemm{alpha=1.0, beta=1.0}(x, k, d), Mul(x, c) }";
    let graph = lower_on(text, &op(&[("z", &[1]), ("a/kernel", &[10, 5]), ("y", &[10])]), 1).unwrap();
    assert_eq!(ops(&graph), ["Gemm", "Mul"]);
    assert_eq!(graph.nodes()[0].inputs[2], None);
}

#[test]
fn numbers_take_the_dtype_of_the_others() {
    let text = "layer L(x) {
        config slope: float = 0.25, shape: list = [-1, 5, 2], up: bool = true
        a = Where(Greater(x, 0), x, Mul(slope, x))   // 0 becomes f32
        b = Reshape(a, shape)
        c = Clip(b, _, 6.0)
        d = Add(Cast{to=i32}(c), i32[1, 2])
        e = Trilu{upper=up}(d, i64(0))
        return LeakyRelu{alpha=slope}(a), e
    }";
    let graph = lower(text).unwrap();
    let want = ["Greater", "Mul", "Where", "Reshape", "Clip", "Cast", "Add", "Trilu", "LeakyRelu"];
    assert_eq!(ops(&graph), want);
    assert_eq!(graph.ty(graph.outputs()[1].value).dtype, DType::I32);
    let text = print_core(&graph);
    assert!(text.contains("f32[] 0.25") && text.contains("i64[3] [-1, 5, 2]") && text.contains("alpha=0.25"), "{text}");
}

#[test]
fn config_overrides_its_default() {
    let mut op = op(&[]);
    op.attrs.insert("slope".into(), Attr::Int(2));
    let text = "layer L(x) { config slope: float = 0.25 return LeakyRelu{alpha=slope}(x) }";
    assert!(print_core(&lower_on(text, &op, 1).unwrap()).contains("alpha=2.0"));
}

#[test]
fn many_inputs_and_results() {
    let text =
        "layer L(a, more...) { s, t = Split{axis=-1, sizes=[4, 6]}(a) return Concat{axis=-1}(more...), s, Neg(t) }";
    let graph = lower_on(text, &op(&[]), 3).unwrap();
    assert_eq!(ops(&graph), ["Split", "Concat", "Neg"]);
    assert_eq!(graph.ty(graph.outputs()[0].value), &input_type(20));
    let text = "layer L(xs...) { return xs... }";
    assert_eq!(lower_on(text, &op(&[]), 2).unwrap().outputs().len(), 2);
}

#[test]
fn weights_are_cast_to_the_compute_dtype() {
    let mut op = op(&[("w", &[10, 5]), ("b", &[5])]);
    op.attrs.insert("@compute_dtype".into(), Attr::DType(DType::F16));
    let mut b = Builder::new("m");
    let x = b.input("x", TensorType::known(DType::F16, &[1, 10]));
    let y = parse_custom(DENSE).unwrap()[0].lower(&mut b, &op, &[x]).unwrap();
    assert_eq!(b.dtype(y[0]), DType::F16);
}

#[test]
fn several_layers_register_by_name() {
    let text = format!("{DENSE}\nlayer \"my lambda\"(x) {{ return Neg(x) }}\nlayer Third(x) {{ return x }}");
    let mut layers = CustomLayers::default();
    let declared = parse_custom(&text).unwrap();
    let names: Vec<_> = declared.iter().map(|d| d.name.clone()).collect();
    assert_eq!(names, ["CustomLayer", "my lambda", "Third"]);
    for d in declared {
        layers.register(d.name.clone(), d);
    }
    assert!(layers.get("my_package>CustomLayer").is_some() && layers.get("my lambda").is_some());
}

#[test]
fn mistakes_are_found_where_they_stand() {
    fails("", "there is no declaration here");
    fails("layer", "expected: the name of a layer class");
    fails("layer L(x) { return y }", "line 1, column 21: `y` is not defined");
    fails("layer L(x) { return Sofmax{axis=1}(x) }", "there is no core op `Sofmax`");
    fails("layer L(x) { return softmax{axis=1}(x) }", "is `Softmax` meant?");
    fails("layer L(x) { return Softmax(x) }", "attribute `axis` is missing");
    fails("layer L(x) {\n  y = Softmax{axis=\"1\"}(x)\n return y }", "line 2, column 7: `Softmax`: attribute `axis`");
    fails("layer L(x) { return Softmax{axis=1, axis=2}(x) }", "given twice");
    fails("layer L(x) { return Softmax{axis=axes}(x) }", "`axes` is not a config key");
    fails("layer L(x, x) { return x }", "`x` is defined twice");
    fails("layer L(x) { x = Neg(x) return x }", "`x` is defined twice");
    fails("layer L(xs..., y) { return y }", "no input can follow");
    fails("layer L(xs...) { return Neg(xs) }", "expected: `...` after `xs`");
    fails("layer L(x) { return 1.0 }", "returns values, not constants");
    fails("layer L(x) { return _ }", "what `L` computes still has to be written");
    fails("layer L(x) { y = x return y }", "an op applied to operands");
    fails("layer L(x) { return If{}(x) }", "`If` cannot stand in a declaration");
    fails("layer L(x) { config units: number return x }", "`int`, `float`");
    fails("layer L(x) { config units: int = 1.5 return x }", "the default of `units` is not of type int");
    fails("layer L(x) { return Add(x, [[1]]) }", "a number or a list of numbers");
    fails("layer L(x) { return x } layer L(x) { return x }", "`L` is declared twice");
    fails("layer f32(true) { return x }", "has a meaning of its own");
    fails("layer L(x) { return x", "expected: `}`");
    fails("layer L(x) { ", "expected: a statement, or `return`");
    fails("layer L(x) { weights \"w\" return x }", "the name of a weight");
    let deep = format!("layer L(x) {{ return {}x{} }}", "Neg(".repeat(10_000), ")".repeat(10_000));
    fails(&deep, "nested too deeply");
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    fails("layer L(x, y) { return x }", "another number of tensors");
    fails("layer L(x) { weights gamma return x }", "the file has no weight `gamma`");
    fails("layer L(x) { weights w = 7 return x }", "the file has no weight `w`");
    fails("layer L(x) { config rate: float return x }", "the layer's config has no `rate`");
    fails("layer L(x) { config units: str return x }", "`units` in the layer's config has another type");
    fails("layer L(x) { a, b = Neg(x) return a }", "another number of results");
    fails("layer L(x) { return Neg(Split{axis=1, sizes=[4, 6]}(x)) }", "has 2 results");
    fails("layer L(x) { return Add(Cast{to=i32}(x), 0.5) }", "a number with a fraction cannot be of type i32");
    let shapes = lower("layer L(x) { weights w return\n MatMul(w, w) }").unwrap_err();
    assert!(shapes.starts_with("error[IR0001]: the declaration of `L`, line 2:"), "{shapes}");
}

#[test]
fn the_printed_declaration_is_ready_to_edit() {
    let op = op(&[("w", &[10, 5]), ("b", &[5])]);
    let text = print_declaration_template(&op, &[Some(input_type(10))]);
    let want = "\
layer CustomLayer(x) {
  # x: f32[N,10]
  # w: f32[10,5]
  # b: f32[5]
  weights w, b
  config units: int  # 5
  # Write what the layer computes from these, in core ops, and return it instead of `_`, for instance:
  #   return Add(MatMul(x, w), b)
  return _
}
";
    assert_eq!(text, want);
    let error = parse_custom(&text).unwrap_err();
    assert!(error.message.contains("still has to be written"), "{error}");
    let edited = text.replace("return _", "return Add(MatMul(x, w), b)");
    assert_eq!(ops(&lower(&edited).unwrap()), ["MatMul", "Add"]);
}

#[test]
fn the_printed_declaration_of_an_awkward_layer_parses_once_it_is_edited() {
    let mut op = SourceOp::new(Dialect::Keras, "My Layer>\"x\"");
    for name in ["0", "0", "query/kernel", "x0", "f32", "", "@w", "true"] {
        op.weights.push((name.to_owned(), Tensor::scalar(DType::F32, 1.0)));
    }
    for (key, value) in [
        ("x1", Attr::Int(1)),
        ("none", Attr::Int(1)),
        ("rate", Attr::Float(f64::NAN)),
        ("mode", Attr::Str("a\"\n".into())),
        ("sizes", Attr::List(vec![Attr::Int(1)])),
        ("nested", Attr::Map(Default::default())),
        ("query_kernel", Attr::Int(2)),
        ("long", Attr::Str("x".repeat(1000))),
        ("@build", Attr::Int(3)),
        ("schlüssel", Attr::Int(4)),
    ] {
        op.attrs.insert(key.into(), value);
    }
    let text = print_declaration_template(&op, &[None, Some(input_type(3))]);
    let edited = text.replace("return _", "return x0");
    let layers = parse_custom(&edited).unwrap_or_else(|e| panic!("{e}\n{edited}"));
    assert_eq!(layers[0].name, op.name);
    let mut b = Builder::new("m");
    let ids = [b.input("a", input_type(3)), b.input("b", input_type(3))];
    assert_eq!(layers[0].lower(&mut b, &op, &ids).unwrap(), [ids[0]], "every weight and key is found");
    let mut lambda = SourceOp::new(Dialect::Keras, "Lambda");
    lambda.attrs.insert("name".into(), Attr::Str("scale_it".into()));
    assert!(print_declaration_template(&lambda, &[None]).starts_with("layer scale_it(x) {\n  # x: of unknown type\n"));
}

#[test]
fn long_files_take_time_in_proportion() {
    let start = std::time::Instant::now();
    let statements: String = (0..40_000).map(|i| format!("  a{i} = Add(x, {i})\n")).collect();
    let layers: String = (0..20_000).map(|i| format!("layer L{i}(x) {{ return x }}\n")).collect();
    let layers = parse_custom(&format!("layer L(x) {{\n{statements}  return a7\n}}\n{layers}")).unwrap();
    assert_eq!(layers.len(), 20_001);
    // Linear: well under a second even unoptimised; quadratic: minutes.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn modules_inside_are_called_by_name() {
    let text = "layer CustomLayer(x) { modules fc, act = \"layers.1\"\n y = fc(x)\n return Add(act(y), x) }";
    let layers = parse_custom(text).unwrap();
    let mut b = Builder::new("m");
    let x = b.input("x", input_type(10));
    let mut called = Vec::new();
    let mut children = |b: &mut Builder, name: &str, inputs: &[modelport_ir::ValueId]| {
        called.push(name.to_owned());
        Ok(vec![b.unary(modelport_ir::core::UnaryOp::Relu, inputs[0])?])
    };
    let results = layers[0].lower_with(&mut b, &op(&[]), &[x], &mut children).unwrap();
    b.output("y", results[0]);
    assert_eq!(ops(&b.finish()), ["Relu", "Relu", "Add"]);
    assert_eq!(called, ["fc", "layers.1"]);
}

#[test]
fn a_module_is_no_value() {
    fails("layer CustomLayer(x) { modules fc return fc }", "`fc`, which is a module");
    fails("layer CustomLayer(x) { modules fc return fc(x) }", "holds no module `fc`");
}

#[test]
fn the_template_names_the_modules() {
    let mut op = op(&[("scale", &[10]), ("fc.weight", &[5, 10])]);
    op.name = "__main__.Net".into();
    let fc = Attr::Op(Box::new(SourceOp::new(Dialect::Torch, "torch.nn.modules.linear.Linear")));
    let pair = |name: &str| Attr::List(vec![Attr::Str(name.into()), fc.clone()]);
    op.attrs.insert("@modules".into(), Attr::List(vec![pair("fc"), pair("0")]));
    let text = print_declaration_template(&op, &[Some(input_type(10))]);
    assert!(text.contains("layer Net(x)"), "{text}");
    assert!(text.contains("weights scale\n"), "{text}");
    assert!(text.contains("modules fc, m1 = \"0\""), "{text}");
}
