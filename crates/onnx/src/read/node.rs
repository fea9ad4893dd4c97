//! A node while it is read: operands, attributes with defaults, messages.

use super::decode::{AttrP, NodeP};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::ValueId;
use std::cell::RefCell;
use std::collections::HashSet;

/// A node, its operands, and which attributes were asked for.
pub(super) struct At<'n, 'a> {
    pub(super) node: &'n NodeP<'a>,
    pub(super) opset: i64,
    pub(super) inputs: Vec<Option<ValueId>>,
    asked: RefCell<HashSet<&'static str>>,
}

impl<'n, 'a> At<'n, 'a> {
    pub(super) fn new(node: &'n NodeP<'a>, opset: i64, inputs: Vec<Option<ValueId>>) -> Self {
        Self { node, opset, inputs, asked: RefCell::default() }
    }

    pub(super) fn op(&self) -> &'n str {
        &self.node.op_type
    }

    /// Operand `i`, when it is there.
    pub(super) fn opt(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).copied().flatten()
    }

    /// Operand `i`.
    pub(super) fn x(&self, i: usize) -> Result<ValueId> {
        self.opt(i).ok_or_else(|| Diagnostic::error(Code::ONNX_READ, format!("`{}` lacks operand {i}", self.op())))
    }

    /// Whether result `i` has a name.
    pub(super) fn wants(&self, i: usize) -> bool {
        self.node.outputs.get(i).is_some_and(|o| !o.is_empty())
    }

    pub(super) fn attr(&self, name: &'static str) -> Option<&'n AttrP<'a>> {
        self.asked.borrow_mut().insert(name);
        self.node.attrs.iter().find(|a| a.name == name)
    }

    pub(super) fn int(&self, name: &'static str, default: i64) -> i64 {
        self.attr(name).map_or(default, |a| a.int)
    }

    pub(super) fn flag(&self, name: &'static str) -> bool {
        self.int(name, 0) != 0
    }

    /// A non-negative integer.
    pub(super) fn size(&self, name: &'static str, default: usize) -> Result<usize> {
        match self.attr(name) {
            None => Ok(default),
            Some(a) => {
                usize::try_from(a.int).map_err(|_| self.wrong(name, "a non-negative number", &a.int.to_string()))
            }
        }
    }

    pub(super) fn float(&self, name: &'static str, default: f64) -> f64 {
        self.attr(name).map_or(default, |a| shortest(a.float))
    }

    pub(super) fn floats(&self, name: &'static str) -> Option<Vec<f64>> {
        self.attr(name).map(|a| a.floats.iter().map(|&f| shortest(f)).collect())
    }

    pub(super) fn text(&self, name: &'static str, default: &str) -> String {
        self.attr(name).map_or_else(|| default.to_owned(), |a| String::from_utf8_lossy(a.text).into_owned())
    }

    pub(super) fn ints(&self, name: &'static str) -> Option<&'n [i64]> {
        self.attr(name).map(|a| a.ints.as_slice())
    }

    /// Non-negative integers.
    pub(super) fn sizes(&self, name: &'static str) -> Result<Option<Vec<usize>>> {
        let Some(v) = self.ints(name) else { return Ok(None) };
        let sizes: Option<Vec<usize>> = v.iter().map(|&v| usize::try_from(v).ok()).collect();
        sizes.map(Some).ok_or_else(|| self.wrong(name, "non-negative numbers", &format!("{v:?}")))
    }

    /// The first attribute that nobody asked for.
    pub(super) fn ignored(&self) -> Option<&'n str> {
        let asked = self.asked.borrow();
        self.node.attrs.iter().map(|a| a.name.as_str()).find(|n| !asked.contains(n))
    }

    pub(super) fn wrong(&self, attribute: &str, expected: &str, found: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::ONNX_READ, format!("`{}`: attribute `{attribute}` is not valid", self.op()))
            .at_attribute(attribute)
            .expected(expected)
            .found(found)
    }

    /// What the core ops cannot express.
    pub(super) fn unsupported(&self, what: &str) -> Box<Diagnostic> {
        Diagnostic::error(
            Code::ONNX_UNSUPPORTED,
            format!("`{}` (opset {}): {what} is not supported", self.op(), self.opset),
        )
    }
}

/// The f64 that a person would have written for an f32: 0.1, not 0.10000000149.
fn shortest(f: f32) -> f64 {
    f.to_string().parse().unwrap_or(f64::from(f))
}
