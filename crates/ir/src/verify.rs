//! The verifier: the invariants of a core graph.

use crate::infer::{self, Known, Operand};
use crate::{CoreGraph, Def, Dim, TensorType, ValueId};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::HashMap;

/// Checks that every operand is defined before it is used, that types are what inference says, and that outputs exist.
///
/// # Errors
/// `IR0002` with the first broken invariant.
pub fn verify(graph: &CoreGraph) -> Result<()> {
    let mut check = Check { graph, defined: vec![false; graph.values.len()], known: HashMap::new() };
    check.start()?;
    for index in 0..graph.nodes.len() {
        check.node(index)?;
    }
    for output in &graph.outputs {
        check.defined(output.value).map_err(|d| d.at_node(format!("output {}", output.name)))?;
    }
    Ok(())
}

struct Check<'a> {
    graph: &'a CoreGraph,
    defined: Vec<bool>,
    known: HashMap<ValueId, Known>,
}

fn broken(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::IR_INVALID, message)
}

impl Check<'_> {
    /// Inputs and constants, which need nothing else.
    fn start(&mut self) -> Result<()> {
        for (i, value) in self.graph.values.iter().enumerate() {
            let id = ValueId(i as u32);
            match &value.def {
                Def::Input => self.defined[i] = self.graph.inputs.contains(&id),
                Def::Const(tensor) => {
                    if tensor.ty() != value.ty {
                        return Err(broken(format!("constant `{}` has another type than its tensor", value.name))
                            .expected(tensor.ty().to_string())
                            .found(value.ty.to_string()));
                    }
                    self.known.extend(Known::of_constant(tensor).map(|k| (id, k)));
                    self.defined[i] = true;
                }
                Def::Node(..) => {}
            }
        }
        self.graph.inputs.iter().try_for_each(|&id| self.defined(id))
    }

    fn defined(&self, id: ValueId) -> Result<()> {
        match self.defined.get(id.index()) {
            Some(true) => Ok(()),
            Some(false) => Err(broken(format!("value {} is used before it is defined", id.0))),
            None => Err(broken(format!("value {} does not exist", id.0))),
        }
    }

    fn operand(&self, id: ValueId) -> Operand<'_> {
        Operand { ty: self.graph.ty(id), constant: self.graph.constant(id), known: self.known.get(&id) }
    }

    fn node(&mut self, index: usize) -> Result<()> {
        let graph = self.graph;
        let node = &graph.nodes[index];
        let located = |d: Box<Diagnostic>| d.at_node(format!("{} ({})", node.name, node.op.name()));
        for &id in node.inputs.iter().flatten() {
            self.defined(id).map_err(located)?;
        }
        node.op.bodies().try_for_each(verify).map_err(located)?;
        let (types, known) = {
            let operands: Vec<_> = node.inputs.iter().map(|i| i.map(|id| self.operand(id))).collect();
            let types = infer::infer(&node.op, &operands).map_err(located)?;
            let known = infer::known_results(&node.op, &operands, &types);
            (types, known)
        };
        if types.len() != node.outputs.len() {
            return Err(located(broken("a node has another number of results than its op"))
                .expected(types.len().to_string())
                .found(node.outputs.len().to_string()));
        }
        for (i, (&id, ty)) in node.outputs.iter().zip(&types).enumerate() {
            self.result(index, i, id, ty).map_err(located)?;
        }
        if let (Some(known), Some(&first)) = (known, node.outputs.first()) {
            self.known.insert(first, known);
        }
        Ok(())
    }

    fn result(&mut self, node: usize, at: usize, id: ValueId, ty: &TensorType) -> Result<()> {
        let value = self.graph.values.get(id.index()).ok_or_else(|| broken("a result does not exist"))?;
        if !matches!(value.def, Def::Node(n, k) if n.index() == node && k == at) {
            return Err(broken(format!("result {at} names another definition")));
        }
        if !compatible(&value.ty, ty) {
            return Err(broken(format!("result {at} is recorded with another type than inference says"))
                .expected(ty.to_string())
                .found(value.ty.to_string()));
        }
        self.defined[id.index()] = true;
        Ok(())
    }
}

/// Whether a recorded type agrees with the inferred one; it may know more.
fn compatible(recorded: &TensorType, inferred: &TensorType) -> bool {
    let dim = |(a, b): (&Dim, &Dim)| match (a, b) {
        (Dim::Known(x), Dim::Known(y)) => x == y,
        _ => true,
    };
    recorded.dtype == inferred.dtype
        && recorded.rank() == inferred.rank()
        && recorded.shape.iter().zip(&inferred.shape).all(dim)
}
