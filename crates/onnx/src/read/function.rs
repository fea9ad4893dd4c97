//! Calls of functions that the model brings along (`FunctionProto`): read in the place of the call, as exporters of PyTorch
//! wrote whole modules.
//!
//! Owns: binding inputs, outputs and attributes. Must never know: what ops mean.

use super::decode::{AttrP, FunctionP, NodeP, function};
use super::{Reader, label, opset_of, undefined};
use crate::wire::Fields;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::ValueId;
use std::collections::HashMap;
use std::ops::Range;

impl Reader<'_> {
    /// Where the function stands that a node calls.
    pub(super) fn called(&self, n: &NodeP<'_>) -> Option<Range<usize>> {
        let functions = &self.shared.functions;
        functions.get(&(n.domain.clone(), n.op_type.clone())).cloned()
    }

    /// Reads the function's nodes with the call's operands; `None` when operands failed before.
    pub(super) fn call(
        &mut self,
        n: &NodeP<'_>,
        place: Range<usize>,
        inputs: &[Option<ValueId>],
    ) -> Result<Option<Vec<ValueId>>> {
        let bytes = self.shared.bytes.slice(place.clone());
        let f = function(Fields::new(&bytes, place.start as u64))?;
        self.shared.limits.check_depth(self.calls + 1, "a function")?;
        self.shared.work += f.nodes.len();
        // What calls become must be earned by the file: functions that call each other make any number of nodes.
        let most = self.shared.limits.objects.min(1000 + self.shared.bytes.len() / 4);
        if self.shared.work > most {
            return Err(Diagnostic::error(
                Code::IO_LIMIT,
                "the model's functions call each other too often for its size",
            )
            .expected(format!("at most {most} nodes in all calls"))
            .help(
                "inline the functions first: python -c \"import onnx,onnx.inliner as i; \
                     onnx.save(i.inline_local_functions(onnx.load('in.onnx')),'out.onnx')\"",
            ));
        }
        // Names mean the function's own values inside, and an operand that is absent has none.
        let own = f.inputs.iter().zip(inputs);
        let own: HashMap<_, _> = own.filter_map(|(name, id)| Some((name.clone(), (*id)?))).collect();
        let absent = f.inputs.iter().enumerate().filter(|(i, _)| inputs.get(*i).is_none_or(Option::is_none));
        let absent = absent.map(|(_, name)| name.clone()).collect();
        let outside = (std::mem::replace(&mut self.values, own), std::mem::replace(&mut self.absent, absent));
        let opset = self.shared.opset;
        self.shared.opset = opset_of(&f.opsets).unwrap_or(opset);
        self.calls += 1;
        self.b.push_scope(n.name.clone());
        let results = self.body(&f, n);
        self.b.pop_scope();
        self.calls -= 1;
        self.shared.opset = opset;
        (self.values, self.absent) = outside;
        results
    }

    fn body(&mut self, f: &FunctionP<'_>, call: &NodeP<'_>) -> Result<Option<Vec<ValueId>>> {
        for node in &f.nodes {
            let node = bound(node, call, &f.defaults);
            if self.node(&node).map_err(|d| d.at_node(label(&node)))?.is_none() {
                return Ok(None);
            }
        }
        let value = |name: &String| self.values.get(name).copied().ok_or_else(|| undefined(name));
        f.outputs.iter().map(value).collect::<Result<_>>().map(Some)
    }
}

/// A node of a function with the attributes of the call where it refers to them. One that neither the call nor the function
/// gives is absent.
fn bound<'x>(node: &NodeP<'x>, call: &NodeP<'x>, defaults: &[AttrP<'x>]) -> NodeP<'x> {
    let given = |a: &AttrP<'x>| {
        if a.reference.is_empty() {
            return Some(a.clone());
        }
        let mut given = call.attrs.iter().chain(defaults).find(|g| g.name == a.reference)?.clone();
        given.name.clone_from(&a.name);
        Some(given)
    };
    NodeP { attrs: node.attrs.iter().filter_map(given).collect(), ..node.clone() }
}
