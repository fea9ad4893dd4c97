//! Random graphs, which need not make sense. Strategies are boxed: those that hold each other by value grow until they
//! overflow the stack of a test's thread.

use crate::core::{BinaryOp, CustomResult, Direction, KernelLayout, Padding, PoolKind, RnnActivation, UnaryOp};
use crate::{
    Attr, DType, Dialect, Dim, Graph, Op, Provenance, SourceGraph, SourceOp, Stage, Tensor, TensorType, ValueId,
};
use proptest::prelude::*;

pub(super) fn name() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z]{0,6}",
        any::<String>(),
        Just("\"\\ \n\t\u{0} {}%@#//".to_owned()),
        Just("größe/层:0".to_owned()),
        Just("true".to_owned()),
        Just("_".to_owned()),
        Just("@args".to_owned()),
    ]
    .boxed()
}

pub(super) fn float() -> BoxedStrategy<f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), any::<u64>().prop_map(f64::from_bits)]
        .boxed()
}

pub(super) fn dim() -> BoxedStrategy<Dim> {
    prop_oneof![any::<usize>().prop_map(Dim::Known), name().prop_map(|n| Dim::symbol(&n)), Just(Dim::Unknown)].boxed()
}

pub(super) fn dtype() -> impl Strategy<Value = DType> {
    proptest::sample::select(DType::ALL)
}

pub(super) fn ty() -> BoxedStrategy<TensorType> {
    (dtype(), prop::collection::vec(dim(), 0..4)).prop_map(|(dtype, shape)| TensorType { dtype, shape }).boxed()
}

/// Tensors of any bits, some too large to stand in a text.
pub(super) fn tensor() -> BoxedStrategy<Tensor> {
    let shape = prop::collection::vec(0usize..6, 0..4);
    (dtype(), shape, any::<u64>())
        .prop_map(|(dtype, shape, seed)| {
            let n: usize = shape.iter().product();
            let mut state = seed;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            if dtype == DType::Str {
                let strings = (0..n).map(|i| (0..i % 5).map(|_| byte()).collect()).collect();
                return Tensor::from_strings(shape, strings).unwrap();
            }
            let bytes: Vec<u8> = (0..n * dtype.size()).map(|_| byte()).collect();
            Tensor::from_bytes(dtype, shape, bytes).unwrap()
        })
        .boxed()
}

fn leaf() -> BoxedStrategy<Attr> {
    prop_oneof![
        Just(Attr::None),
        any::<bool>().prop_map(Attr::Bool),
        any::<i64>().prop_map(Attr::Int),
        float().prop_map(Attr::Float),
        name().prop_map(Attr::Str),
        dtype().prop_map(Attr::DType),
        tensor().prop_map(Attr::Tensor),
    ]
    .boxed()
}

pub(super) fn attr() -> BoxedStrategy<Attr> {
    leaf()
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Attr::List),
                prop::collection::btree_map(name(), inner.clone(), 0..3).prop_map(Attr::Map),
                (name(), prop::collection::btree_map(name(), inner.clone(), 0..2), tensor()).prop_map(
                    |(name, attrs, t)| {
                        let mut op = SourceOp::new(Dialect::Keras, name);
                        op.attrs = attrs;
                        op.weights = vec![("w".into(), t)];
                        Attr::Op(Box::new(op))
                    }
                ),
                (name(), inner).prop_map(|(name, a)| {
                    let mut op = SourceOp::new(Dialect::Torch, "aten::mul");
                    op.version = Some(-3);
                    op.attrs.insert("a".into(), a);
                    let mut g = SourceGraph::new(name);
                    let x = g.add_input("x", None);
                    g.add_node(op, vec![Some(x), None], "n", vec![]);
                    Attr::Graph(Box::new(g))
                }),
            ]
        })
        .boxed()
}

/// One statement of a random graph; operands are taken modulo what is there.
#[derive(Clone, Debug)]
enum Step<O> {
    Input(String, TensorType),
    Const(String, Tensor),
    Node { op: O, operands: Vec<Option<usize>>, name: Option<String>, results: Vec<(String, TensorType)> },
}

fn step<O: std::fmt::Debug + Clone + 'static>(op: impl Strategy<Value = O> + 'static) -> BoxedStrategy<Step<O>> {
    let node = (
        op,
        prop::collection::vec(prop::option::of(0usize..100), 0..4),
        prop::option::of(name()),
        prop::collection::vec((name(), ty()), 0..3),
    );
    prop_oneof![
        (name(), ty()).prop_map(|(n, t)| Step::Input(n, t)),
        (name(), tensor()).prop_map(|(n, t)| Step::Const(n, t)),
        node.prop_map(|(op, operands, name, results)| Step::Node { op, operands, name, results }),
    ]
    .boxed()
}

fn provenance() -> BoxedStrategy<Provenance> {
    (
        name(),
        prop::option::of(name()),
        prop::collection::vec(name(), 0..2),
        prop::collection::btree_map(name(), name(), 0..2),
    )
        .prop_map(|(framework, version, evidence, details)| Provenance {
            format: framework.clone(),
            framework,
            version,
            evidence,
            details,
        })
        .boxed()
}

fn graph<S: Stage>(
    name: String,
    provenance: Option<Provenance>,
    steps: Vec<Step<S::Op>>,
    ty: impl Fn(TensorType) -> S::Type,
) -> Graph<S> {
    let mut g = Graph::<S>::new(name);
    g.provenance = provenance.unwrap_or_default();
    let mut count = 0usize;
    for step in steps {
        match step {
            Step::Input(n, t) => {
                g.add_input(n, ty(t));
                count += 1;
            }
            Step::Const(n, t) => {
                let of = ty(t.ty());
                g.add_typed_const(n, of, t);
                count += 1;
            }
            Step::Node { op, operands, name, results } => {
                let operands: Vec<_> = operands
                    .into_iter()
                    .map(|o| o.filter(|_| count > 0).map(|o| ValueId((o % count) as u32)))
                    .collect();
                let name = name.unwrap_or_else(|| results.first().map(|r| r.0.clone()).unwrap_or_default());
                let results: Vec<_> = results.into_iter().map(|(n, t)| (n, ty(t))).collect();
                count += results.len();
                g.add_node(op, operands, name, results);
            }
        }
    }
    for i in (0..count).step_by(3) {
        g.add_output(format!("out {i}"), ValueId(i as u32));
    }
    g
}

pub(super) fn any_graph<S: Stage<Op: 'static, Type: 'static> + 'static>(
    op: impl Strategy<Value = S::Op> + 'static,
    ty: fn(TensorType) -> S::Type,
) -> BoxedStrategy<Graph<S>> {
    (name(), prop::option::of(provenance()), prop::collection::vec(step(op), 0..8))
        .prop_map(move |(name, provenance, steps)| graph(name, provenance, steps, ty))
        .boxed()
}

fn core_op_leaf() -> BoxedStrategy<Op> {
    let sizes = || prop::collection::vec(any::<u32>().prop_map(|n| n as usize), 0..3);
    let kernel = proptest::sample::select(KernelLayout::ALL);
    prop_oneof![
        proptest::sample::select(UnaryOp::ALL).prop_map(Op::Unary),
        proptest::sample::select(BinaryOp::ALL).prop_map(Op::Binary),
        (float(), float()).prop_map(|(alpha, gamma)| Op::Selu { alpha, gamma }),
        dtype().prop_map(|to| Op::Cast { to }),
        name().prop_map(|equation| Op::Einsum { equation }),
        (any::<i64>(), prop::option::of(any::<i64>())).prop_map(|(start, end)| Op::Shape { start, end }),
        (sizes(), sizes(), kernel).prop_map(|(strides, dilations, kernel)| Op::Conv {
            padding: Padding::Explicit(strides.iter().map(|&s| (s, 1)).collect()),
            strides,
            dilations,
            groups: 2,
            data: crate::core::DataLayout::ChannelsLast,
            kernel,
        }),
        (sizes(), any::<bool>()).prop_map(|(window, flag)| Op::Pool {
            kind: PoolKind::Average,
            strides: window.clone(),
            dilations: window.clone(),
            window,
            padding: if flag { Padding::SameUpper } else { Padding::SameLower },
            ceil_mode: flag,
            count_include_pad: !flag,
            data: crate::core::DataLayout::ChannelsFirst,
        }),
        (float(), prop::option::of(float())).prop_map(|(a, clip)| Op::Lstm {
            hidden: 3,
            direction: Direction::Reverse,
            activations: vec![RnnActivation::HardSigmoid(a, 0.5), RnnActivation::Tanh],
            clip,
            input_forget: false,
        }),
        (name(), name(), prop::collection::btree_map(name(), attr(), 0..3), ty()).prop_map(
            |(domain, op_type, attributes, ty)| Op::Custom {
                domain,
                op_type,
                attributes,
                results: vec![CustomResult { dtype: ty.dtype, shape: ty.shape.into_iter().map(small).collect() }],
            }
        ),
    ]
    .boxed()
}

/// Sizes stand in attributes as i64.
fn small(d: Dim) -> Dim {
    match d {
        Dim::Known(n) => Dim::Known(n >> 1),
        d => d,
    }
}

pub(super) fn core_op() -> impl Strategy<Value = Op> {
    core_op_leaf().prop_recursive(2, 6, 2, |inner| {
        let body = || any_graph::<crate::Core>(inner.clone(), |t| t).prop_map(Box::new);
        prop_oneof![
            inner.clone(),
            (body(), body()).prop_map(|(then_branch, else_branch)| Op::If { then_branch, else_branch }),
            (0usize..5, body()).prop_map(|(carried, body)| Op::Loop { carried, body }),
        ]
    })
}

pub(super) fn source_op() -> impl Strategy<Value = SourceOp> {
    let weights = prop::collection::vec((name(), tensor()), 0..2);
    (name(), prop::option::of(any::<i64>()), prop::collection::btree_map(name(), attr(), 0..3), weights)
        .prop_map(|(name, version, attrs, weights)| SourceOp { dialect: Dialect::Onnx, name, version, attrs, weights })
}
