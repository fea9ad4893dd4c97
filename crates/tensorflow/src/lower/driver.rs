//! The walk over the source graph: operands, names; what fails is recorded and does not stop the rest.

use super::call::Call;
use super::complex;
use super::space_batch::Wrapped;
use super::tensor_list::Reserved;
use super::unknown::{self, Unknown};
use super::{Lower, find};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::complex::Pair;
use modelport_ir::core::UnaryOp;
use modelport_ir::{
    Builder, CoreGraph, CustomLayers, DType, Def, Dialect, Node, Source, SourceGraph, TensorType, ValueId,
};
use std::collections::HashMap;

/// What lowerings remember of the values that they made, for ops that undo what another did.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Values made by `SpaceToBatchND`.
    pub(crate) wrapped: HashMap<ValueId, Wrapped>,
    /// Tensor lists without elements.
    pub(crate) lists: HashMap<ValueId, Reserved>,
    /// Complex values, as their parts.
    pub(crate) complex: HashMap<ValueId, Pair>,
    /// How many random numbers of constant seeds the model has become so far.
    pub(crate) drawn: usize,
}

/// Lowers a TensorFlow source graph, in the spelling of TensorFlow 2.21, to core ops.
///
/// Ops that are not built in are looked up in `custom`. With [`CustomLayers::allow_custom_ops`], the rest become
/// [`modelport_ir::Op::Custom`] in the domain `modelport.tensorflow`.
///
/// # Errors
/// All that is wrong: unknown ops (TF0101, one diagnostic for all), attributes (TF0102), uses of an op without a
/// lowering (TF0103), operands (TF0104), and what type inference finds (IR0001).
pub fn lower(source: &SourceGraph, custom: &CustomLayers) -> std::result::Result<CoreGraph, Diagnostics> {
    let mut b = Builder::new(source.name.clone());
    b.graph_mut().provenance = source.provenance.clone();
    let (mut problems, mut unknown) = (Diagnostics::default(), Vec::new());
    let inputs: Vec<_> = source.inputs().iter().map(|&id| input(&mut b, source, id, &mut problems)).collect();
    let mut memory = Memory::default();
    let mut walk =
        Walk { b: &mut b, custom, unknown: &mut unknown, problems: &mut problems, memory: &mut memory, depth: 0 };
    let values = walk.nodes(source, &inputs);
    outputs(&mut b, source, &values, &memory, &mut problems);
    unknown::diagnose(&unknown, &mut problems);
    if problems.has_errors() { Err(problems) } else { Ok(b.finish()) }
}

fn input(b: &mut Builder, source: &SourceGraph, id: ValueId, problems: &mut Diagnostics) -> Option<ValueId> {
    let value = source.value(id);
    if let Some(ty) = &value.ty {
        return Some(b.input(value.name.clone(), ty.clone()));
    }
    problems.push(
        Diagnostic::error(Code::TF_OPERANDS, "the number of dimensions of a model input is not known")
            .at_node(value.name.clone())
            .help(format!("give its type, for example `--input-type {}=f32[N,224,224,3]`", value.name)),
    );
    None
}

/// Names the outputs. One that is an input or a constant gets a node of its own: a writer needs one.
fn outputs(
    b: &mut Builder,
    source: &SourceGraph,
    values: &[Option<ValueId>],
    memory: &Memory,
    problems: &mut Diagnostics,
) {
    for output in source.outputs() {
        let Some(Some(mut value)) = values.get(output.value.0 as usize).copied() else { continue };
        if memory.complex.contains_key(&value) {
            problems.push(complex::no_output(&output.name));
            continue;
        }
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
    memory: &'a mut Memory,
    depth: usize,
}

impl Walk<'_> {
    /// Lowers all nodes; values that could not be lowered, and what depends on them, are `None`.
    fn nodes(&mut self, graph: &SourceGraph, inputs: &[Option<ValueId>]) -> Vec<Option<ValueId>> {
        let mut values: Vec<Option<ValueId>> = Vec::new();
        for (_, value) in graph.values() {
            values.push(match &value.def {
                Def::Const(t) => Some(self.b.constant(value.name.clone(), t.clone())),
                _ => None,
            });
        }
        for (id, value) in graph.inputs().iter().zip(inputs) {
            set(&mut values, *id, *value);
        }
        let uses = graph.use_counts();
        for node in graph.nodes() {
            self.node(node, &uses, &mut values);
        }
        values
    }

    fn node(&mut self, node: &Node<Source>, uses: &[usize], values: &mut [Option<ValueId>]) {
        let used: Vec<bool> = node.outputs.iter().map(|o| uses.get(o.0 as usize).is_some_and(|n| *n > 0)).collect();
        let get = |id: &ValueId| values.get(id.0 as usize).copied().flatten();
        let operands: Option<Vec<ValueId>> = node.inputs.iter().flatten().map(get).collect();
        let Some(operands) = operands else {
            unknown::check(&node.op, &node.name, self.custom, self.unknown);
            return;
        };
        self.b.push_scope(node.name.clone());
        let result = self.call(node, operands, used.clone());
        let name = self.b.scope();
        self.b.pop_scope();
        match result {
            Ok(results) => {
                let missing = used.iter().enumerate().skip(results.len()).find(|(_, used)| **used);
                if let Some((i, _)) = missing {
                    let d = Diagnostic::error(
                        Code::TF_UNSUPPORTED,
                        format!("`{}`: result {i} has no lowering", node.op.name),
                    );
                    self.problems.push(d.at_node(name).expected(format!("uses of results below {}", results.len())));
                }
                for (id, value) in node.outputs.iter().zip(results) {
                    set(values, *id, Some(value));
                }
            }
            // Unknown ops are reported together.
            Err(d) if d.code == Code::TF_UNKNOWN_OP => {}
            Err(d) => self.problems.push(d.at_node(name)),
        }
    }

    /// Lowers one node in the builder's scope.
    fn call(&mut self, node: &Node<Source>, operands: Vec<ValueId>, used: Vec<bool>) -> Result<Vec<ValueId>> {
        let first_new = value_count(self.b);
        let op = &node.op;
        if op.dialect != Dialect::TensorFlow {
            return Err(Diagnostic::error(Code::TF_OPERANDS, format!("`{}` is not a TensorFlow op", op.name)));
        }
        let results = match (self.custom.get(&op.name), find(&op.name)) {
            (Some(layer), _) => layer.lower(self.b, op, &operands)?,
            (None, Some(row)) => {
                let mut call = Call {
                    b: self.b,
                    op,
                    inputs: operands,
                    used,
                    custom: self.custom,
                    unknown: self.unknown,
                    memory: self.memory,
                    depth: self.depth,
                };
                match (complex::through(&mut call, row)?, row.lower) {
                    (Some(results), _) => results,
                    (None, Lower::One(f)) => vec![f(&mut call)?],
                    (None, Lower::Many(f)) => f(&mut call)?,
                }
            }
            (None, None) => unknown::lower(self.b, self.custom, self.unknown, node, &operands)?,
        };
        name_values(self.b, first_new, &results);
        Ok(results)
    }
}

fn set(values: &mut [Option<ValueId>], id: ValueId, value: Option<ValueId>) {
    if let Some(slot) = values.get_mut(id.0 as usize) {
        *slot = value;
    }
}

/// Lowers a body on values of the caller's graph; the first thing wrong with it is the error.
pub(super) fn lower_nested(c: &mut Call<'_>, graph: &SourceGraph, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    let mut problems = Diagnostics::default();
    let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
    let before = c.unknown.len();
    let mut walk = Walk {
        b: c.b,
        custom: c.custom,
        unknown: c.unknown,
        problems: &mut problems,
        memory: c.memory,
        depth: c.depth + 1,
    };
    let values = walk.nodes(graph, &inputs);
    check_body(problems, c.unknown.len() > before)?;
    let missing = || Diagnostic::error(Code::TF_OPERANDS, "a function has an output that nothing computes");
    graph.outputs().iter().map(|o| values.get(o.value.0 as usize).copied().flatten().ok_or_else(missing)).collect()
}

fn check_body(problems: Diagnostics, unknown: bool) -> Result<()> {
    match problems.0.into_iter().next() {
        Some(first) => Err(first),
        None if unknown => Err(Diagnostic::error(Code::TF_UNKNOWN_OP, "a function has an unknown op")),
        None => Ok(()),
    }
}

/// Lowers a body into a graph of its own.
pub(super) fn lower_body(c: &mut Call<'_>, graph: &SourceGraph, types: &[TensorType]) -> Result<CoreGraph> {
    let mut b = Builder::new(graph.name.clone());
    b.push_scope(c.b.scope());
    let mut inputs = Vec::with_capacity(types.len());
    for (&id, ty) in graph.inputs().iter().zip(types) {
        inputs.push(Some(b.input(graph.value(id).name.clone(), ty.clone())));
    }
    let mut problems = Diagnostics::default();
    let mut memory = Memory { drawn: c.memory.drawn, ..Memory::default() };
    let before = c.unknown.len();
    let mut walk = Walk {
        b: &mut b,
        custom: c.custom,
        unknown: c.unknown,
        problems: &mut problems,
        memory: &mut memory,
        depth: c.depth + 1,
    };
    let values = walk.nodes(graph, &inputs);
    outputs(&mut b, graph, &values, &memory, &mut problems);
    c.memory.drawn = memory.drawn;
    check_body(problems, c.unknown.len() > before)?;
    if b.graph().outputs().len() != graph.outputs().len() {
        return Err(Diagnostic::error(Code::TF_OPERANDS, "a function has an output that nothing computes"));
    }
    Ok(b.finish())
}

fn value_count(b: &Builder) -> usize {
    b.graph().values().size_hint().0
}

/// Results are named by the node's path, what lies between by path and op.
fn name_values(b: &mut Builder, first_new: usize, results: &[ValueId]) {
    let scope = b.scope();
    for i in first_new..value_count(b) {
        let id = ValueId(i as u32);
        let value = b.graph().value(id);
        let Def::Node(node, _) = value.def else { continue };
        let name = match results.iter().position(|r| *r == id) {
            Some(0) => scope.clone(),
            Some(n) => format!("{scope}:{n}"),
            None if value.name == scope => format!("{scope}/{}", b.graph().node(node).op.name()),
            None => continue,
        };
        b.graph_mut().set_name(id, name);
    }
}

/// Strings have no place in the computations that ONNX runtimes carry out.
pub(super) fn is_text(b: &Builder, x: ValueId) -> bool {
    b.dtype(x) == DType::Str
}
