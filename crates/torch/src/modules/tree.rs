//! [`Module`]: one `nn.Module` with its attributes, tensors and children, wherever it was read from: the object graph of
//! a pickle, or a torchvision architecture put together from its configuration.
//!
//! Owns: the tree and typed access to attributes. Must never know: what a class computes, how files are read.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, Dialect, SourceOp, Tensor};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A module: class, plain attributes, parameters and buffers, sub-modules in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Module {
    /// Full path of the class: `torch.nn.modules.conv.Conv2d`.
    pub(crate) class: String,
    /// Attributes that are plain data; functions and classes stand as strings.
    pub(crate) attrs: BTreeMap<String, Attr>,
    /// Parameters and buffers, in order.
    pub(crate) tensors: Vec<(String, Slot)>,
    /// Sub-modules, in order; shared ones are shared.
    pub(crate) children: Vec<(String, Rc<Module>)>,
}

/// A parameter or buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    /// Its shape; where an architecture is put together, the shape that its configuration asks for.
    pub(crate) shape: Vec<usize>,
    /// Its elements, once they are known.
    pub(crate) tensor: Option<Tensor>,
    /// Whether files may lack it: a buffer that inference does not need, or that follows from the configuration.
    pub(crate) optional: bool,
}

/// The attribute under which a module that stands in a graph as an op keeps its children.
pub(crate) const CHILDREN: &str = "@modules";

impl Module {
    /// A module without anything.
    pub(crate) fn new(class: impl Into<String>) -> Self {
        Self { class: class.into(), attrs: BTreeMap::new(), tensors: Vec::new(), children: Vec::new() }
    }

    /// The class without its path.
    pub(crate) fn short(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or(&self.class)
    }

    /// A sub-module.
    pub(crate) fn child(&self, name: &str) -> Option<&Rc<Module>> {
        self.children.iter().find(|(n, _)| n == name).map(|(_, m)| m)
    }

    /// A parameter or buffer that is there.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|(n, _)| n == name).and_then(|(_, s)| s.tensor.as_ref())
    }

    /// An attribute, unless it is absent or `None`.
    pub(crate) fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.get(name).filter(|a| !a.is_none())
    }

    /// What is wrong with an attribute.
    pub(crate) fn wrong(&self, name: &str, expected: &str) -> Box<Diagnostic> {
        let d = Diagnostic::error(
            Code::TORCH_MODULE,
            format!("attribute `{name}` of a `{}` is absent or of another type", self.short()),
        )
        .at_attribute(name)
        .expected(expected);
        match self.attrs.get(name) {
            Some(found) => d.found(format!("{found:?}")),
            None => d.found("no such attribute"),
        }
    }

    /// An integer that the class has always had.
    pub(crate) fn int(&self, name: &str) -> Result<i64> {
        self.attr(name).and_then(Attr::as_int).ok_or_else(|| self.wrong(name, "an integer"))
    }

    /// An integer, with what it was before the attribute existed.
    pub(crate) fn int_or(&self, name: &str, default: i64) -> i64 {
        self.attr(name).and_then(Attr::as_int).unwrap_or(default)
    }

    /// A number, with what it was before the attribute existed.
    pub(crate) fn float_or(&self, name: &str, default: f64) -> f64 {
        self.attr(name).and_then(Attr::as_float).unwrap_or(default)
    }

    /// A truth value, with what it was before the attribute existed.
    pub(crate) fn bool_or(&self, name: &str, default: bool) -> bool {
        match self.attr(name) {
            Some(Attr::Bool(b)) => *b,
            Some(Attr::Int(i)) => *i != 0,
            _ => default,
        }
    }

    /// A string, with what it was before the attribute existed.
    pub(crate) fn str_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.attr(name).and_then(Attr::as_str).unwrap_or(default)
    }

    /// `n` integers, written as a list or as one number for all.
    pub(crate) fn ints(&self, name: &str, n: usize) -> Result<Vec<i64>> {
        let attr = self.attr(name).ok_or_else(|| self.wrong(name, &format!("{n} integers")))?;
        self.spread(attr, n).ok_or_else(|| self.wrong(name, &format!("{n} integers")))
    }

    /// As [`Module::ints`], with what it was before the attribute existed.
    pub(crate) fn ints_or(&self, name: &str, n: usize, default: i64) -> Result<Vec<i64>> {
        if self.attr(name).is_none() { Ok(vec![default; n]) } else { self.ints(name, n) }
    }

    fn spread(&self, attr: &Attr, n: usize) -> Option<Vec<i64>> {
        match attr {
            Attr::List(_) => attr.as_ints().and_then(|v| match v.as_slice() {
                [one] if n > 1 => Some(vec![*one; n]),
                _ => (v.len() == n).then_some(v),
            }),
            one => Some(vec![one.as_int()?; n]),
        }
    }

    /// A list of integers of any length.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<i64>> {
        let found = self.attr(name).and_then(|a| a.as_ints().or_else(|| a.as_int().map(|i| vec![i])));
        found.ok_or_else(|| self.wrong(name, "a list of integers"))
    }

    /// The module as an op of a source graph: one that no row knows, to be lowered by a declaration. All tensors below it
    /// are its weights, by their names from here.
    pub(crate) fn to_op(&self) -> SourceOp {
        let mut op = SourceOp::new(Dialect::Torch, self.class.clone());
        op.attrs.clone_from(&self.attrs);
        let child = |(name, m): &(String, Rc<Module>)| {
            Attr::List(vec![Attr::Str(name.clone()), Attr::Op(Box::new(m.to_op_itself()))])
        };
        op.attrs.insert(CHILDREN.to_owned(), Attr::List(self.children.iter().map(child).collect()));
        self.each_tensor("", &mut |name, slot| {
            if let Some(tensor) = &slot.tensor {
                op.weights.push((name.to_owned(), tensor.clone()));
            }
        });
        op
    }

    /// As [`Module::to_op`], with the module's own tensors only: its children carry theirs.
    fn to_op_itself(&self) -> SourceOp {
        let mut op = self.to_op();
        let own = |name: &String| self.tensors.iter().any(|(n, _)| n == name);
        op.weights.retain(|(name, _)| own(name));
        op
    }

    /// The module that [`Module::to_op`] wrote down.
    pub(crate) fn from_op(op: &SourceOp) -> Self {
        let mut module = Self::new(op.name.clone());
        for (key, value) in &op.attrs {
            if key != CHILDREN {
                module.attrs.insert(key.clone(), value.clone());
            }
        }
        for (name, tensor) in op.weights.iter().filter(|(n, _)| !n.contains('.')) {
            let slot = Slot { shape: tensor.shape().to_vec(), tensor: Some(tensor.clone()), optional: false };
            module.tensors.push((name.clone(), slot));
        }
        for child in op.attr(CHILDREN).and_then(Attr::as_list).unwrap_or_default() {
            if let Some([Attr::Str(name), Attr::Op(op)]) = child.as_list() {
                module.children.push((name.clone(), Rc::new(Self::from_op(op))));
            }
        }
        module
    }

    /// A child of a module that stands in a graph as an op.
    pub(crate) fn child_op<'a>(op: &'a SourceOp, name: &str) -> Option<&'a SourceOp> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
        let children = op.attr(CHILDREN)?.as_list()?;
        let found = children.iter().find_map(|c| match c.as_list()? {
            [Attr::Str(n), Attr::Op(op)] if n == first => Some(op.as_ref()),
            _ => None,
        })?;
        match rest {
            Some(rest) => Self::child_op(found, rest),
            None => Some(found),
        }
    }

    /// Visits all parameters and buffers below here by their keys in a `state_dict`.
    pub(crate) fn each_tensor(&self, prefix: &str, visit: &mut dyn FnMut(&str, &Slot)) {
        for (name, slot) in &self.tensors {
            visit(&join(prefix, name), slot);
        }
        for (name, child) in &self.children {
            child.each_tensor(&join(prefix, name), visit);
        }
    }
}

/// `a.b`
pub(crate) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
