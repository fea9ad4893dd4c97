//! The objects of `data.pkl` and `constants.pkl` as values: the tree of modules with parameters, buffers and attributes.
//!
//! Owns: how TorchScript pickles what it saves (`torch/csrc/jit/serialization/pickler.cpp`, `torch/jit/_pickle.py`). Must
//! never know: archives, what methods do.

use super::machine::{Machine, Step, Stop, damaged};
use super::program::ClassKind;
use super::value::{Dict, Obj, Object, Value};
use crate::archive::{Pickled, class_of};
use modelport_ir::Tensor;
use modelport_pickle::{Id, Node, Value as P};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Where elements stand: two tensors of one place are one parameter.
type Place = (u64, u64, Vec<usize>);

/// Turns the values of one pickle into values of the evaluation.
pub(super) struct Loader<'a> {
    pickled: &'a Pickled,
    /// Tensors by number, in files of torch 1.0 to 1.2.
    pub(super) tensors: &'a [Tensor],
    seen: HashMap<Id, Value>,
    names: HashMap<Place, Rc<str>>,
    /// Parameters and buffers by name, in the order of the file.
    pub(super) weights: Vec<(String, Tensor)>,
    /// Whether any module was in training mode.
    pub(super) training: bool,
}

impl<'a> Loader<'a> {
    pub(super) fn new(pickled: &'a Pickled, tensors: &'a [Tensor]) -> Self {
        Self { pickled, tensors, seen: HashMap::new(), names: HashMap::new(), weights: Vec::new(), training: false }
    }

    /// The value of a node; `path` is where it stands in the model.
    pub(super) fn value(&mut self, m: &mut Machine, node: Node<'a>, path: &str) -> Step<Value> {
        if let Some(v) = self.seen.get(&node.id()) {
            return Ok(v.clone());
        }
        m.charge(1)?;
        let v = m.deeper(|m| self.make(m, node, path))?;
        self.seen.insert(node.id(), v.clone());
        Ok(v)
    }

    fn make(&mut self, m: &mut Machine, node: Node<'a>, path: &str) -> Step<Value> {
        Ok(match node.value() {
            P::None => Value::None,
            P::Bool(b) => Value::Bool(*b),
            P::Int(i) => Value::Int(*i),
            P::Float(f) => Value::Float(*f),
            P::Str(s) => Value::str(s),
            P::List(_) => {
                let items = self.all(m, node, path)?;
                m.new_list(items)?
            }
            P::Tuple(_) => {
                let items = self.all(m, node, path)?;
                m.new_tuple(items)?
            }
            P::Dict(_) => self.dict(m, node, path)?,
            P::Object(_) => self.object(m, node, path)?,
            P::PersId(_) | P::Global(_) | P::BigInt(_) | P::Bytes(_) | P::Set(_) => {
                Value::Lost(format!("`{path}` is a value of a kind that is not read").into())
            }
        })
    }

    fn all(&mut self, m: &mut Machine, node: Node<'a>, path: &str) -> Step<Vec<Value>> {
        let items: Vec<Node<'a>> = node.items().into_iter().flatten().collect();
        items.into_iter().enumerate().map(|(i, n)| self.value(m, n, &join(path, &i.to_string()))).collect()
    }

    fn dict(&mut self, m: &mut Machine, node: Node<'a>, path: &str) -> Step<Value> {
        let mut dict = Dict::default();
        for (k, v) in node.entries().unwrap_or_default() {
            let key = self.value(m, k, path)?;
            let below = join(path, &m.show(&key));
            dict.entries.push((key, self.value(m, v, &below)?));
        }
        Ok(Value::Dict(m.alloc(Obj::Dict(dict))?))
    }

    fn object(&mut self, m: &mut Machine, node: Node<'a>, path: &str) -> Step<Value> {
        let Some(class) = class_of(node) else { return Ok(lost(path, "an object without a class")) };
        let (module, name) = (&*class.module, &*class.name);
        if module.starts_with("__torch__") {
            let qualified = format!("{module}.{name}");
            return self.archived(m, node, &qualified, path);
        }
        match (module, name) {
            ("torch.jit._pickle", "build_tensor_from_id") => {
                let tensor = node.arg(0).and_then(Node::int).and_then(|i| self.tensors.get(usize::try_from(i).ok()?));
                let tensor = tensor.cloned().ok_or_else(|| damaged("a tensor has a number that there is not"))?;
                return self.tensor(m, tensor, path);
            }
            // `restore_type_tag(value, type)`, `build_intlist(list)` and the like.
            ("torch.jit._pickle", _) => {
                let inner = node.arg(0).ok_or_else(|| damaged("a value is missing"))?;
                return self.value(m, inner, path);
            }
            ("torch", "device") => {
                let name = node.arg(0).and_then(Node::str).unwrap_or("cpu");
                let index = node.arg(1).and_then(Node::int).map_or_else(String::new, |i| format!(":{i}"));
                return Ok(Value::Device(format!("{name}{index}").into()));
            }
            ("builtins" | "__builtin__", "complex") => {
                let part = |i: usize| node.arg(i).and_then(Node::float).unwrap_or(0.0);
                return Ok(Value::Complex(part(0), part(1)));
            }
            ("collections", "OrderedDict") => return self.dict(m, node, path),
            _ => {}
        }
        match self.pickled.tensor(node) {
            Some(Ok(tensor)) => self.tensor(m, tensor, path),
            Some(Err(d)) => Ok(lost(path, &d.message)),
            None => Ok(lost(path, &format!("an object of the class `{module}.{name}`"))),
        }
    }

    /// A tensor, named by the first path that leads to it.
    pub(super) fn tensor(&mut self, m: &mut Machine, tensor: Tensor, path: &str) -> Step<Value> {
        let place = tensor.file_range().map(|r| (r.offset(), r.len(), tensor.shape().to_vec()));
        let name = match place {
            Some(place) => self.names.entry(place).or_insert_with(|| path.into()).clone(),
            None => path.into(),
        };
        let h = m.constant(&name, tensor);
        m.new_tensor(h)
    }

    /// An object of a class whose code is in the archive.
    fn archived(&mut self, m: &mut Machine, node: Node<'a>, class: &str, path: &str) -> Step<Value> {
        if class.starts_with("__torch__.torch.classes.") {
            let why = format!(
                "`{path}` is an object of C++ (`{class}`): packed parameters of quantized or mobile models cannot be \
                 converted; save the float model"
            );
            return Ok(Value::Lost(why.into()));
        }
        let info = m.program.class(class).map_err(Stop::Fail)?;
        match info.kind {
            ClassKind::Enum => {
                // The value is the argument itself, not a tuple of arguments.
                let args = node.args();
                let value = node.arg(0).or(args).ok_or_else(|| damaged("a member of an enum has no value"))?;
                let value = self.value(m, value, path)?;
                return m.enum_by_value(&info, &value);
            }
            ClassKind::NamedTuple => {
                let args = node.args().into_iter().flat_map(|a| a.items().into_iter().flatten()).collect::<Vec<_>>();
                let mut items = Vec::new();
                for (i, n) in args.into_iter().enumerate() {
                    items.push(self.value(m, n, &join(path, &i.to_string()))?);
                }
                return Ok(Value::Tuple(m.alloc(Obj::Tuple(items, Some(info.qualified.clone())))?));
            }
            ClassKind::Module | ClassKind::Object | ClassKind::Interface => {}
        }
        let object = Object { class: info.qualified.clone(), attrs: BTreeMap::new(), path: path.into() };
        let value = Value::Object(m.alloc(Obj::Object(object))?);
        // Known before its attributes are, which may lead back to it.
        self.seen.insert(node.id(), value.clone());
        let Value::Object(r) = value else { return Ok(value) };
        let state = node.state();
        let entries = state.and_then(Node::entries).unwrap_or_default();
        for (k, v) in entries {
            let Some(key) = k.str() else { continue };
            let below = join(path, key);
            let mut v = self.value(m, v, &below)?;
            if key == "training" && info.kind == ClassKind::Module {
                self.training |= matches!(v, Value::Bool(true));
                v = Value::Bool(false);
            }
            if let Value::Tensor(_) = v
                && info.state.as_ref().is_none_or(|s| s.iter().any(|n| &**n == key))
            {
                let h = m.tensor_handle(&v)?;
                if let Some(t) = m.known(h) {
                    self.weights.push((below.clone(), t));
                }
            }
            m.object_mut(r)?.attrs.insert(key.into(), v);
        }
        if let Some(state) = state.filter(|s| s.entries().is_none())
            && info.methods.contains_key("__setstate__")
        {
            let state = self.value(m, state, path)?;
            m.call_method(&value, "__setstate__", vec![state], Vec::new())?;
        }
        Ok(value)
    }
}

fn lost(path: &str, what: &str) -> Value {
    Value::Lost(format!("`{path}` is {what}, which cannot be converted").into())
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Machine {
    /// `CONSTANTS.c0`.
    pub(super) fn archived_constant(&mut self, name: &str) -> Step<Value> {
        let i = name.strip_prefix('c').and_then(|n| n.parse::<usize>().ok());
        let v = i.and_then(|i| self.constants.get(i)).cloned();
        v.ok_or_else(|| damaged(format!("the archive has no constant `{name}`")))
    }
}
