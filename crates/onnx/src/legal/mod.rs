//! Makes a core graph writable at an opset: every op that has no operator there is replaced by core ops that have one,
//! and symbolic padding becomes numbers where sizes are known.
//!
//! Core to core, so that the same code defines the normal form in which graphs are compared after a round trip. What
//! cannot be expressed is collected as diagnostics. Must never know: protobuf.

mod canon;
mod control;
mod conv;
mod elementwise;
mod image;
mod movement;
mod norm;

use crate::operator::operator;
use crate::{kernels, types};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Builder, CoreGraph, DType, Def, Dim, Op, ValueId};
use std::collections::{HashMap, HashSet};

/// Operands of a node.
type Operands<'a> = &'a [Option<ValueId>];

/// A graph under reconstruction for one opset.
pub(super) struct Legal {
    b: Builder,
    opset: i64,
}

/// `graph` in ops that `opset` has.
///
/// # Errors
/// All that cannot be expressed, each naming its node.
pub(crate) fn legalize(graph: &CoreGraph, opset: i64) -> std::result::Result<CoreGraph, Diagnostics> {
    let mut l = Legal { b: Builder::new(graph.name.clone()), opset };
    l.b.graph_mut().provenance = graph.provenance.clone();
    let mut problems = Diagnostics::default();
    let mut map: HashMap<ValueId, ValueId> = HashMap::new();
    let mut named = HashSet::new();
    for &id in graph.inputs() {
        let value = graph.value(id);
        let new = l.b.input(value.name.clone(), value.ty.clone());
        named.insert(new);
        map.insert(id, new);
    }
    let unused = graph.use_counts();
    for node in graph.nodes() {
        let operands: Option<Vec<_>> = node.inputs.iter().map(|i| l.operand(graph, &mut map, *i)).collect();
        // Operands of a node that failed are missing; that node is reported already.
        let Some(operands) = operands else { continue };
        let op = without_unused_results(&node.op, |i| {
            node.outputs.get(i).is_none_or(|o| unused.get(o.0 as usize).is_none_or(|n| *n == 0))
        });
        l.b.push_scope(node.name.clone());
        let results = problems.keep(l.add(op, &operands).map_err(|d| d.at_node(node.name.clone())));
        l.b.pop_scope();
        for (&old, &new) in node.outputs.iter().zip(results.iter().flatten()) {
            if matches!(l.b.graph().value(new).def, Def::Node(..)) && named.insert(new) {
                l.b.graph_mut().set_name(new, graph.value(old).name.clone());
            }
            map.insert(old, new);
        }
    }
    for output in graph.outputs() {
        match l.operand(graph, &mut map, Some(output.value)).flatten() {
            Some(value) => l.b.output(output.name.clone(), value),
            None if problems.has_errors() => {}
            None => problems
                .push(Diagnostic::error(Code::INTERNAL, "an output has no definition").at_node(output.name.clone())),
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(l.b.finish()) }
}

/// Ops whose further results nobody uses become the op without them.
fn without_unused_results(op: &Op, unused: impl Fn(usize) -> bool) -> Op {
    match op {
        Op::MaxPoolWithIndex { window, strides, dilations, padding, ceil_mode } if unused(1) => Op::Pool {
            kind: modelport_ir::core::PoolKind::Max,
            window: window.clone(),
            strides: strides.clone(),
            dilations: dilations.clone(),
            padding: padding.clone(),
            ceil_mode: *ceil_mode,
            count_include_pad: false,
            data: modelport_ir::core::DataLayout::ChannelsFirst,
        },
        op => op.clone(),
    }
}

/// Types that hold every number of `dtype`, narrowest first.
fn wider(dtype: DType) -> &'static [DType] {
    use DType::*;
    match dtype {
        Bool => &[U8, I32, F32],
        I8 | I16 | U8 | U16 => &[I32, I64, F32, F64],
        I32 | U32 => &[I64, U64, F64],
        F16 | BF16 => &[F32, F64],
        F32 => &[F64],
        _ => &[],
    }
}

impl Legal {
    fn operand(
        &mut self,
        graph: &CoreGraph,
        map: &mut HashMap<ValueId, ValueId>,
        id: Option<ValueId>,
    ) -> Option<Option<ValueId>> {
        let Some(id) = id else { return Some(None) };
        if let Some(&new) = map.get(&id) {
            return Some(Some(new));
        }
        let value = graph.value(id);
        let Def::Const(tensor) = &value.def else { return None };
        let new = self.b.constant(value.name.clone(), tensor.clone());
        map.insert(id, new);
        Some(Some(new))
    }

    /// Inserts `op` as ops that the opset has.
    fn add(&mut self, op: Op, x: Operands<'_>) -> Result<Vec<ValueId>> {
        type Family = for<'l, 'a, 'b> fn(&'l mut Legal, &'a Op, Operands<'b>) -> Result<Option<Vec<ValueId>>>;
        const FAMILIES: [Family; 6] =
            [Legal::elementwise, Legal::convolution, Legal::norm, Legal::image, Legal::movement, Legal::control];
        let op = self.canonical(op, x);
        for family in FAMILIES {
            if let Some(done) = family(self, &op, x)? {
                return Ok(done);
            }
        }
        self.plain(op, x)
    }

    /// Inserts `op` as it is; through a wider type where the operator does not take the operands', or has no kernel for
    /// it.
    fn plain(&mut self, op: Op, x: Operands<'_>) -> Result<Vec<ValueId>> {
        let last = x.iter().rposition(Option::is_some).map_or(0, |i| i + 1);
        let x = x.get(..last).unwrap_or_default();
        let key = match op {
            Op::If { .. } | Op::Loop { .. } | Op::Custom { .. } => return self.b.add(op, x),
            Op::OneHot { .. } => 2,
            Op::Where => 1,
            _ => 0,
        };
        if let Op::Cast { to } = op
            && !types::accepts("Cast", self.opset, to)
        {
            return Err(self.not_at(&format!("Cast to {to}"), types::first_opset("Cast", self.opset, to)));
        }
        let Some(dtype) = x.get(key).copied().flatten().map(|id| self.b.dtype(id)) else { return self.b.add(op, x) };
        let name = operator(&op);
        let legal = types::accepts(name, self.opset, dtype);
        if legal && kernels::exists(name, dtype) {
            return self.b.add(op, x);
        }
        let runs = |w: &&DType| types::accepts(name, self.opset, **w) && kernels::exists(name, **w);
        match wider(dtype).iter().find(runs) {
            Some(&to) => return self.through(to, dtype, op, x),
            None if legal => return self.b.add(op, x),
            None => {}
        }
        match wider(dtype).iter().find(|&&w| types::accepts(name, self.opset, w)) {
            Some(&to) => self.through(to, dtype, op, x),
            None => Err(self.not_at(&format!("{name} of {dtype}"), types::first_opset(name, self.opset, dtype))),
        }
    }

    /// Inserts `op` between casts from `from` to `to` and back.
    fn through(&mut self, to: DType, from: DType, op: Op, x: Operands<'_>) -> Result<Vec<ValueId>> {
        let mut wide = Vec::with_capacity(x.len());
        for (i, id) in x.iter().enumerate() {
            let condition = i == 0 && matches!(op, Op::Where);
            wide.push(match id {
                Some(id) if !condition && self.b.dtype(*id) == from => Some(self.cast(*id, to)?),
                other => *other,
            });
        }
        let results = self.b.add(op, &wide)?;
        results.into_iter().map(|r| if self.b.dtype(r) == to { self.cast(r, from) } else { Ok(r) }).collect()
    }

    fn not_at(&self, what: &str, first: Option<i64>) -> Box<Diagnostic> {
        let d = Diagnostic::error(
            Code::ONNX_OPSET,
            format!("{what} cannot be written at opset {}, nor by other operators that it has", self.opset),
        );
        match first {
            Some(first) => {
                d.expected(format!("opset {first} or newer")).help(format!("convert with `--opset {first}`"))
            }
            None => d.help("no opset has an operator for this"),
        }
    }

    /// Fails before `first`.
    fn since(&self, first: i64, what: &str) -> Result<()> {
        if self.opset >= first { Ok(()) } else { Err(self.not_at(what, Some(first))) }
    }

    fn layout(&self, right: bool, op: &Op) -> Result<()> {
        if right {
            return Ok(());
        }
        Err(Diagnostic::error(Code::INTERNAL, format!("`{}` reached the ONNX writer with a foreign layout", op.name()))
            .help("the pass `channels_first` must run before the writer"))
    }

    // ---- shorthand for replacements

    fn one(&mut self, op: Op, x: &[ValueId]) -> Result<ValueId> {
        let x: Vec<_> = x.iter().copied().map(Some).collect();
        let name = op.name();
        let results = self.add(op, &x)?;
        results.first().copied().ok_or_else(|| Diagnostic::error(Code::INTERNAL, format!("op {name} has no result")))
    }

    fn unary(&mut self, op: UnaryOp, x: ValueId) -> Result<ValueId> {
        self.one(Op::Unary(op), &[x])
    }

    fn binary(&mut self, op: BinaryOp, x: ValueId, y: ValueId) -> Result<ValueId> {
        self.one(Op::Binary(op), &[x, y])
    }

    fn scalar(&mut self, op: BinaryOp, x: ValueId, y: f64) -> Result<ValueId> {
        let y = self.b.scalar_like(x, y);
        self.binary(op, x, y)
    }

    fn cast(&mut self, x: ValueId, to: DType) -> Result<ValueId> {
        if self.b.dtype(x) == to { Ok(x) } else { self.one(Op::Cast { to }, &[x]) }
    }

    /// The shape of `x` as a value, constant where at most one dimension is not known.
    fn shape_of(&mut self, x: ValueId) -> Result<ValueId> {
        let open = self.b.shape(x).iter().filter(|d| d.known().is_none()).count();
        let zero = self.b.shape(x).contains(&Dim::Known(0));
        if open <= 1 && !zero {
            let dims: Vec<i64> = self.b.shape(x).iter().map(|d| d.known().map_or(-1, |n| n as i64)).collect();
            return Ok(self.b.ints(&dims));
        }
        self.one(Op::Shape { start: 0, end: None }, &[x])
    }

    /// An axis counted from the start.
    fn axis(&self, axis: i64, x: ValueId) -> usize {
        let rank = self.b.rank(x) as i64;
        usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(0)
    }

    /// `op` applied along the last axis of `x` instead of `axis`, between two transposes.
    fn swapped_to_end(&mut self, op: Op, x: ValueId, axis: usize) -> Result<Vec<ValueId>> {
        let mut perm: Vec<usize> = (0..self.b.rank(x)).collect();
        let last = perm.len().saturating_sub(1);
        perm.swap(axis, last);
        let moved = self.one(Op::Transpose { perm: perm.clone() }, &[x])?;
        let y = self.one(op, &[moved])?;
        Ok(vec![self.one(Op::Transpose { perm }, &[y])?])
    }
}
