//! What parsers say of wrong texts.

use crate::text::*;

fn core_error(body: &str, with: &str) {
    let text = format!("core \"m\" {{\n{body}\n}}");
    let error = parse_core(&text, &mut NoConstants).unwrap_err();
    assert_eq!(error.code, Code::IR_PARSE, "{error}");
    assert!(error.to_string().contains(with), "{with:?} is not in:\n{error}");
}

#[test]
fn errors_say_where_and_what() {
    core_error("  input %0", "line 2, column 9: input `%0` needs a type");
    core_error("input %0: f99[2]", "expected: an element type such as `f32`\n  found: `f99`");
    core_error("input %0: f32[2]\n%1 = Relu(%2)", "line 3, column 11: `%2` is not defined before it is used");
    core_error("input %0: f32[2]\n%0 = Relu(%0)", "`%0` is defined twice");
    core_error("input %0: f32[2]\n%1 = relu(%0)", "is `Relu` meant?");
    core_error("input %0: f32[2]\n%1 = Softmax(%0)", "attribute `axis` is missing");
    core_error("input %0: f32[2]\n%1 = Softmax{axis=1, axis=2}(%0)", "attribute \"axis\" is given twice");
    core_error("input %0: f32[2]\n%1, %2 = Relu(%0)", "has another number of results");
    core_error("input %0: f32[2]\n%1 = Loop{carried=1}(%0)", "`Loop` needs a graph `body`");
    core_error("const %0 = f32[2] [1.0]", "another number of elements than its shape\n  expected: 2\n  found: 1");
    core_error("const %0 = f32[2] [1.0, x]", "`x` is not an element of type f32");
    core_error("const %0 = f32[99999999999, 99999999999, 9] [1.0]", "larger than memory can be");
    core_error("const %0 = f32[-1] [1.0]", "`-1` is not a dimension");
    core_error("const %0 = str[1] [b\"\\xzz\"]", "`\\x` without two hexadecimal digits");
    core_error("output \"y\" = _", "a value such as `%1`");
    core_error("provenance {format=1}", "this is not a provenance");
    core_error("input %0: f32[2] ~", "the character \"~\" cannot stand here");
    core_error("input %0 \"abc", "a line break in a string");
    core_error("nonsense", "expected: `input`, `const`, `output`");
    let error = parse_core("", &mut NoConstants).unwrap_err();
    assert!(error.message.starts_with("line 1, column 1: the end of the text"), "{error}");
    let error = parse_core("core \"m\" {} x", &mut NoConstants).unwrap_err();
    assert!(error.message.contains("column 13"), "{error}");
    let wrong_axis = "core \"m\" {\ninput %0: f32[2]\n%1 = Softmax{axis=9}(%0) }";
    let error = parse_core(wrong_axis, &mut NoConstants).unwrap_err();
    assert!(error.code == Code::IR_TYPE && error.message.contains("line 3, column 6: `Softmax`"), "{error}");
    let wrong_type = "core \"m\" { input %0: f32[2] %1: f32[3] = Relu(%0) }";
    assert_eq!(parse_core(wrong_type, &mut NoConstants).unwrap_err().code, Code::IR_INVALID);
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, close: &str| {
        let n = 100_000;
        format!("source \"m\" {{ _ = keras.A{{a={}1{}}}() }}", open.repeat(n), close.repeat(n))
    };
    for (open, close) in [("[", "]"), ("{a=", "}"), ("op keras.A{a=", "}"), ("source \"m\" { _ = keras.A{a=", "}() }")]
    {
        let error = parse_source(&deep(open, close), &mut NoConstants).unwrap_err();
        assert!(error.message.contains("nested too deeply"), "{open}: {error}");
    }
    let n = 100_000;
    let bodies = format!("{}{}", "core \"m\" { _ = Loop{carried=0, body=".repeat(n), "}() }".repeat(n));
    let error = parse_core(&bodies, &mut NoConstants).unwrap_err();
    assert!(error.message.contains("nested too deeply"), "{error}");
}

#[test]
fn what_is_nested_within_the_bound_is_read_and_printed() {
    let n = 40;
    let text = format!("source \"m\" {{ _ = keras.A{{a={}1{}}}() }}", "op keras.A{a=[{b=".repeat(n), "}]}".repeat(n));
    let graph = parse_source(&text, &mut NoConstants).unwrap();
    assert_eq!(parse_source(&print_source(&graph), &mut NoConstants).unwrap(), graph);
    let deep = format!("layer L(x) {{ return {}x{} }}", "Neg(".repeat(120), ")".repeat(120));
    let declared = parse_custom(&deep).unwrap();
    let mut b = crate::Builder::new("m");
    let x = b.input("x", crate::TensorType::known(crate::DType::F32, &[1]));
    let op = crate::SourceOp::new(crate::Dialect::Keras, "L");
    crate::CustomLayer::lower(&declared[0], &mut b, &op, &[x]).unwrap();
    assert_eq!(b.graph().nodes().len(), 120);
}
