//! Round trips.

mod errors;
mod random;

use super::*;
use crate::{Builder, DType, Dim, Op, Tensor, TensorType};
use proptest::prelude::*;
use random::{any_graph, core_op, name, source_op};
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    // Equality is that of the printed text, because NaN is not equal to itself; the text holds every bit.
    #[test]
    fn core_graphs_read_back(g in any_graph::<crate::Core>(core_op(), |t| t)) {
        let (text, mut kept) = print_core_keeping(&g);
        let back: CoreGraph = parse(&text, &mut kept).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&print_core(&back), &text);
        prop_assert_eq!(back.values.len(), g.values.len());
        prop_assert_eq!(&back.outputs, &g.outputs);
        prop_assert_eq!(&back.inputs, &g.inputs);
        if !text.contains("nan") && !text.contains("0x") {
            prop_assert_eq!(back, g);
        }
    }

    #[test]
    fn source_graphs_read_back(g in any_graph::<crate::Source>(source_op(), |t| if t.rank() == 1 { None } else { Some(t) })) {
        let (text, mut kept) = print_source_keeping(&g);
        let back = parse_source(&text, &mut kept).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&print_source(&back), &text);
        if !text.contains("nan") && !text.contains("0x") {
            prop_assert_eq!(back, g);
        }
    }

    /// Damaged texts are refused or read, never worse.
    #[test]
    fn damaged_texts_do_no_harm(
        g in any_graph::<crate::Source>(source_op(), Some), cut in any::<prop::sample::Index>(), with in name()
    ) {
        let (mut text, mut kept) = print_source_keeping(&g);
        let mut at = cut.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest = text.split_off(at);
        let skip = rest.chars().next().map_or(0, char::len_utf8);
        let damaged = format!("{text}{with}{}", &rest[skip..]);
        if let Err(e) = parse_source(&damaged, &mut kept) {
            prop_assert!(e.code == Code::IR_PARSE || e.code == Code::IR_TENSOR);
        }
        let _ = parse_source(&text, &mut kept);
        let _ = parse_custom(&damaged);
    }
}

/// A graph that means something: it reads back through the verifier, types left out are inferred.
#[test]
fn a_graph_of_the_builder_reads_back_and_needs_no_types() {
    let mut b = Builder::new("model");
    let x = b.input("x", TensorType::new(DType::F32, vec![Dim::symbol("N"), 4usize.into()]));
    b.push_scope("dense");
    let w = b.constant("dense/w", Tensor::from_f64s(DType::F32, &[4, 40], &[0.25; 160]).unwrap());
    let y = b.one(Op::MatMul, &[x, w]).unwrap();
    let n = b.dim(y, 0).unwrap();
    let minus = b.ints(&[-1]);
    let shape = b.concat(&[n, minus], 0).unwrap();
    let z = b.one(Op::Reshape { allow_zero: false }, &[y, shape]).unwrap();
    b.output("y", z);
    let g = b.finish();
    let (text, mut kept) = print_core_keeping(&g);
    assert!(text.contains("const %1 \"dense/w\" = f32[4,40] ref \"sha256:"), "{text}");
    assert_eq!(parse_core(&text, &mut kept).unwrap(), g);
    let untyped: String = text
        .lines()
        .map(|l| match (l.split_once(": "), l.split_once(" = ")) {
            (Some((head, _)), Some((_, op))) if !l.contains("const") => format!("{head} = {op}\n"),
            _ => format!("{l}\n"),
        })
        .collect();
    assert_ne!(untyped, text);
    assert_eq!(print_core(&parse_core(&untyped, &mut kept).unwrap()), text);
}

#[test]
fn large_constants_must_be_at_hand() {
    let mut g = CoreGraph::new("m");
    let t = Tensor::from_f64s(DType::F32, &[10, 10], &[1.0; 100]).unwrap();
    let id = g.add_const("w", t.clone());
    g.add_output("w", id);
    let text = print_core(&g);
    let error = parse_core(&text, &mut NoConstants).unwrap_err();
    assert!(error.code == Code::IR_PARSE && error.message.contains("is not at hand"), "{error}");
    struct Wrong(Tensor);
    impl Constants for Wrong {
        fn constant(&mut self, _: &Reference) -> Option<Tensor> {
            Some(self.0.clone())
        }
    }
    let other = t.reshape(vec![100]).unwrap();
    assert_eq!(parse_core(&text, &mut Wrong(other)).unwrap_err().code, Code::IR_TENSOR);
    assert_eq!(parse_core(&text, &mut Wrong(t)).unwrap(), g);
}

#[test]
fn comments_and_own_labels() {
    let text = "# one\ncore \"m\" { // two\n input %x: f32[2] # three\n %y, = Relu(%x,) output \"y\" = %y }";
    assert!(parse_core(text, &mut NoConstants).is_err(), "a comma promises another value");
    let g = parse_core(&text.replace("%y,", "%y"), &mut NoConstants).unwrap();
    let names: Vec<_> = g.values().map(|(_, v)| v.name.clone()).collect();
    assert_eq!(names, ["x", "y"]);
    assert_eq!(g.nodes()[0].name, "y");
}

#[test]
fn an_op_of_every_name_is_known_to_the_printer() {
    // Ops without required attributes print and read back as their bare name.
    for name in Op::all_names() {
        if let Ok(op) = Op::from_attrs(name, BTreeMap::new()) {
            let mut g = CoreGraph::new("m");
            g.add_node(op.clone(), vec![None], "", vec![]);
            let back: CoreGraph = parse(&print_core(&g), &mut NoConstants).unwrap();
            assert_eq!(back.nodes()[0].op, op, "{name}");
        }
    }
}
