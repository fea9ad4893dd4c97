//! The walk over the source graph: operands, masks, names; what fails is recorded and does not stop the rest.

use super::call::{Call, Operand, tensor_indices};
use super::unknown::{self, Unknown};
use super::{Lower, MaskRule, Row, find};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::core::UnaryOp;
use modelport_ir::{
    Attr, Builder, CoreGraph, CustomLayers, DType, Def, Dialect, Graph, Node, Source, SourceGraph, SourceOp, ValueId,
};
use std::collections::BTreeMap;

/// Lowers a Keras source graph, in the spelling of Keras 3.15, to core ops.
///
/// Classes that are not built in are looked up in `custom`. With [`CustomLayers::allow_custom_ops`], the rest become
/// [`modelport_ir::Op::Custom`] in the domain `modelport.keras`; such a result is taken to have the dtype and rank of
/// the layer's first input, with unknown dimensions but for the batch.
///
/// # Errors
/// All that is wrong: unknown layers (KR0005, one diagnostic for all), `Lambda` layers (KR0006), arguments without a
/// lowering (KR0007), configs (KR0009), weights (KR0004), and what type inference finds (IR0001).
pub fn lower(source: &SourceGraph, custom: &CustomLayers) -> std::result::Result<CoreGraph, Diagnostics> {
    let mut b = Builder::new(source.name.clone());
    b.graph_mut().provenance = source.provenance.clone();
    let mut problems = Diagnostics::default();
    let mut inputs = Vec::new();
    for &id in source.inputs() {
        let value = source.value(id);
        match &value.ty {
            Some(ty) => inputs.push(Some(Operand::from(b.input(value.name.clone(), ty.clone())))),
            None => {
                problems.push(
                    Diagnostic::error(Code::KERAS_GRAPH, "the shape of a model input is not known")
                        .at_node(value.name.clone())
                        .help("the file gives neither a batch shape nor an input shape for it"),
                );
                inputs.push(None);
            }
        }
    }
    let mut unknown = Vec::new();
    let mut walk = Walk { b: &mut b, custom, unknown: &mut unknown, problems: &mut problems, depth: 0 };
    let values = walk.nodes(source, &inputs);
    outputs(&mut b, source, &values, &mut problems);
    unknown::diagnose(&unknown, &mut problems);
    if problems.has_errors() { Err(problems) } else { Ok(b.finish()) }
}

/// Names the outputs. One that is an input or a constant gets a node of its own: a writer needs one.
fn outputs(b: &mut Builder, source: &SourceGraph, values: &[Option<Operand>], problems: &mut Diagnostics) {
    for output in source.outputs() {
        let Some(Some(operand)) = values.get(output.value.0 as usize) else { continue };
        let mut value = operand.value;
        if !matches!(b.graph().value(value).def, Def::Node(..)) {
            match b.unary(UnaryOp::Identity, value) {
                Ok(v) => value = v,
                Err(d) => problems.push(d),
            }
        }
        b.output(output.name.clone(), value);
    }
}

/// One pass over a graph's nodes.
struct Walk<'a> {
    b: &'a mut Builder,
    custom: &'a CustomLayers,
    unknown: &'a mut Vec<Unknown>,
    problems: &'a mut Diagnostics,
    depth: usize,
}

impl Walk<'_> {
    /// Lowers all nodes; values that could not be lowered, and what depends on them, are `None`.
    fn nodes(&mut self, graph: &Graph<Source>, inputs: &[Option<Operand>]) -> Vec<Option<Operand>> {
        let mut values: Vec<Option<Operand>> = Vec::new();
        for (_, value) in graph.values() {
            let constant = match &value.def {
                Def::Const(t) => Some(Operand::from(self.b.constant(value.name.clone(), t.clone()))),
                _ => None,
            };
            values.push(constant);
        }
        for (id, operand) in graph.inputs().iter().zip(inputs) {
            set(&mut values, *id, *operand);
        }
        for node in graph.nodes() {
            self.node(node, &mut values);
        }
        values
    }

    fn node(&mut self, node: &Node<Source>, values: &mut [Option<Operand>]) {
        let get = |id: &ValueId| values.get(id.0 as usize).copied().flatten();
        let operands: Option<Vec<Operand>> = node.inputs.iter().flatten().map(get).collect();
        let Some(operands) = operands else {
            unknown::check(&node.op, &node.name, self.custom, self.unknown);
            return;
        };
        self.b.push_scope(node.name.clone());
        let result = lower_call(self.b, self.custom, self.unknown, &node.op, &operands, self.depth);
        let name = self.b.scope();
        self.b.pop_scope();
        match result {
            Ok(results) if results.len() < node.outputs.len() => {
                let d = Diagnostic::error(Code::KERAS_GRAPH, format!("a `{}` layer has too few results", node.op.name));
                let (expected, found) = (node.outputs.len().to_string(), results.len().to_string());
                self.problems.push(d.at_node(name).expected(expected).found(found));
            }
            Ok(results) => {
                for (id, operand) in node.outputs.iter().zip(results) {
                    set(values, *id, Some(operand));
                }
            }
            // Unknown classes are reported together.
            Err(d) if d.code == Code::KERAS_UNKNOWN_LAYER => {}
            Err(d) => self.problems.push(d.at_node(name)),
        }
    }
}

fn set(values: &mut [Option<Operand>], id: ValueId, operand: Option<Operand>) {
    if let Some(slot) = values.get_mut(id.0 as usize) {
        *slot = operand;
    }
}

/// Lowers a wrapped model; the first thing wrong with it is the error.
pub(super) fn lower_nested(
    b: &mut Builder,
    custom: &CustomLayers,
    unknown: &mut Vec<Unknown>,
    graph: &SourceGraph,
    inputs: &[Operand],
    depth: usize,
) -> Result<Vec<Operand>> {
    let mut problems = Diagnostics::default();
    let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
    let before = unknown.len();
    let values = Walk { b, custom, unknown, problems: &mut problems, depth }.nodes(graph, &inputs);
    if let Some(first) = problems.0.into_iter().next() {
        return Err(first);
    }
    if unknown.len() > before {
        return Err(Diagnostic::error(Code::KERAS_UNKNOWN_LAYER, "a wrapped model has an unknown layer"));
    }
    let missing = || Diagnostic::error(Code::KERAS_GRAPH, "a wrapped model has an output that nothing computes");
    graph.outputs().iter().map(|o| values.get(o.value.0 as usize).copied().flatten().ok_or_else(missing)).collect()
}

/// Lowers one call of one layer in the builder's scope.
pub(super) fn lower_call(
    b: &mut Builder,
    custom: &CustomLayers,
    unknown: &mut Vec<Unknown>,
    op: &SourceOp,
    operands: &[Operand],
    depth: usize,
) -> Result<Vec<Operand>> {
    let first_new = value_count(b);
    if op.dialect != Dialect::Keras {
        return Err(Diagnostic::error(Code::KERAS_GRAPH, format!("`{}` is not a Keras layer", op.name)));
    }
    let results = match (unknown::declared(op, custom), find(op).filter(|_| !unknown::is_foreign(op))) {
        (Some(layer), _) => {
            let values: Vec<_> = operands.iter().map(|o| o.value).collect();
            let results = layer.lower(b, op, &values)?;
            results.into_iter().map(Operand::from).collect()
        }
        (None, Some(row)) => lower_row(b, custom, unknown, row, op, operands, depth)?,
        (None, None) => unknown::lower(b, custom, unknown, op, operands)?,
    };
    name_values(b, first_new, &results);
    Ok(results)
}

fn lower_row(
    b: &mut Builder,
    custom: &CustomLayers,
    unknown: &mut Vec<Unknown>,
    row: &Row,
    op: &SourceOp,
    operands: &[Operand],
    depth: usize,
) -> Result<Vec<Operand>> {
    let operands = autocast(b, op, operands)?;
    let inputs = first_argument(op, &operands);
    let mut call = Call { b, op, inputs, operands, custom, unknown, masks: BTreeMap::new(), depth };
    let results = match row.lower {
        Lower::One(f) => vec![f(&mut call)?],
        Lower::Many(f) => f(&mut call)?,
    };
    let passed = if row.mask == MaskRule::Pass { call.mask(0) } else { None };
    let masks = call.masks;
    let mask = |i: usize| masks.get(&i).copied().unwrap_or(passed);
    Ok(results.into_iter().enumerate().map(|(i, value)| Operand { value, mask: mask(i) }).collect())
}

/// Keras's autocast: floating-point operands of a layer get its compute dtype.
fn autocast(b: &mut Builder, op: &SourceOp, operands: &[Operand]) -> Result<Vec<Operand>> {
    // Keras 2 builds the layers of plain TensorFlow functions with `autocast=False`.
    let plain = matches!(op.name.as_str(), "TFOpLambda" | "SlicingOpLambda" | "TensorFlowOpLayer");
    let Some(&Attr::DType(to)) = op.attr("@compute_dtype").filter(|_| !plain) else { return Ok(operands.to_vec()) };
    let mut cast = |o: &Operand| {
        let from = b.dtype(o.value);
        let applies = from.is_float() && to.is_float() && from != DType::F8E4M3 && from != DType::F8E5M2;
        Ok(if applies { Operand { value: b.cast(o.value, to)?, mask: o.mask } } else { *o })
    };
    operands.iter().map(&mut cast).collect()
}

/// The tensors of the first call argument, with a mask that is given as an argument in place of their own.
fn first_argument(op: &SourceOp, operands: &[Operand]) -> Vec<Operand> {
    let args = op.attr("@args").and_then(Attr::as_list).and_then(<[Attr]>::first);
    let kwargs = op.attr("@kwargs").and_then(Attr::as_map);
    let named = || kwargs.and_then(|m| ["inputs", "x", "sequences", "query"].iter().find_map(|k| m.get(*k)));
    let mut indices = Vec::new();
    match args.or_else(named) {
        Some(arg) => tensor_indices(arg, &mut indices),
        None => indices = (0..operands.len()).collect(),
    }
    let mut inputs: Vec<Operand> = indices.iter().filter_map(|&i| operands.get(i)).copied().collect();
    let mut given = Vec::new();
    if let Some(mask) = kwargs.and_then(|m| m.get("mask")) {
        tensor_indices(mask, &mut given);
    }
    for (input, i) in inputs.iter_mut().zip(given) {
        input.mask = operands.get(i).map(|o| o.value).or(input.mask);
    }
    inputs
}

fn value_count(b: &Builder) -> usize {
    b.graph().values().size_hint().0
}

/// Results are named by the layer's path, what lies between by path and op.
fn name_values(b: &mut Builder, first_new: usize, results: &[Operand]) {
    let scope = b.scope();
    for i in first_new..value_count(b) {
        let id = ValueId(i as u32);
        let value = b.graph().value(id);
        let Def::Node(node, _) = value.def else { continue };
        let name = match results.iter().position(|r| r.value == id) {
            Some(0) => scope.clone(),
            Some(n) => format!("{scope}_{n}"),
            None if value.name == scope => format!("{scope}/{}", b.graph().node(node).op.name()),
            None => continue,
        };
        b.graph_mut().set_name(id, name);
    }
}
