//! Bodies of the graph that are being built, and the values in them.
//!
//! Owns: in which body a value was made, how it comes into an inner one, and what is known of its type: every call is
//! also lowered at once into a core graph beside, whose inference says dtype, shape and what folds. Must never know:
//! Python.

use super::machine::{Machine, Step, damaged, unsupported};
use super::typing::Typing;
use super::value::{Handle, Kind, Value};
use crate::emit::Emit;
use modelport_ir::{Attr, DType, Def, Dialect, SourceGraph, SourceOp, Tensor, TensorType, ValueId};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Whether other weights than the file's would make another value of this one.
fn made_of_weights(graph: &SourceGraph, id: ValueId) -> bool {
    let value = graph.value(id);
    match value.def {
        Def::Const(_) => !value.name.is_empty() && !value.name.starts_with("CONSTANTS"),
        Def::Node(..) => true,
        Def::Input => false,
    }
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A parameter, buffer or constant; it is put into each body that uses it.
    Const(Rc<str>, Tensor),
    /// A value of the body with this number.
    Node(u32, ValueId),
}

/// A body: the graph's own or one of a branch or loop.
pub(super) struct Frame {
    pub(super) number: u32,
    pub(super) emit: Emit,
    pub(super) typing: Typing,
    /// Values of other bodies and constants that were brought into this one.
    here: HashMap<Handle, ValueId>,
}

impl Machine {
    /// The body that is being built.
    pub(super) fn frame(&mut self) -> Step<&mut Frame> {
        self.frames.last_mut().ok_or_else(|| damaged("there is no graph to build"))
    }

    /// Starts a body inside of the current one.
    pub(super) fn push_frame(&mut self, name: &str) {
        let emit = match self.frames.last() {
            Some(outer) => outer.emit.body(name),
            None => Emit::new(name),
        };
        self.frame_count += 1;
        self.frames.push(Frame { number: self.frame_count, emit, typing: Typing::new(), here: HashMap::new() });
    }

    fn origin(&mut self, origin: Origin) -> Handle {
        self.origins.push(origin);
        Handle(self.origins.len() as u32 - 1)
    }

    /// A value for a constant.
    pub(super) fn constant(&mut self, name: &str, tensor: Tensor) -> Handle {
        self.origin(Origin::Const(name.into(), tensor))
    }

    /// A value of the current body.
    pub(super) fn made(&mut self, id: ValueId) -> Step<Handle> {
        let number = self.frame()?.number;
        Ok(self.origin(Origin::Node(number, id)))
    }

    /// A new input of the current body.
    pub(super) fn add_input(&mut self, name: &str, ty: Option<TensorType>) -> Step<Handle> {
        let frame = self.frame()?;
        let id = frame.emit.input(name, ty.clone());
        frame.typing.declare(id, ty, false);
        self.made(id)
    }

    /// The id of a value in the current body, brought in from outside where needed.
    pub(super) fn resolve(&mut self, h: Handle) -> Step<ValueId> {
        let top = self.frames.len().checked_sub(1).ok_or_else(|| damaged("there is no graph to build"))?;
        self.resolve_in(h, top)
    }

    fn resolve_in(&mut self, h: Handle, depth: usize) -> Step<ValueId> {
        let origin = self.origins.get(h.0 as usize).cloned().ok_or_else(|| damaged("a value is missing"))?;
        let frame = &mut self.frames[depth];
        if let Some(&id) = frame.here.get(&h) {
            return Ok(id);
        }
        let id = match origin {
            Origin::Node(number, id) if number == frame.number => return Ok(id),
            Origin::Const(name, tensor) => {
                let id = frame.emit.constant(&*name, tensor.clone());
                frame.typing.constant(id, &tensor, false);
                id
            }
            Origin::Node(..) => {
                let outer_depth = depth.checked_sub(1).ok_or_else(|| damaged("a value of a branch is used outside"))?;
                let outer = self.resolve_in(h, outer_depth)?;
                let (below, above) = self.frames.split_at_mut(depth);
                match (below.last_mut(), above.first_mut()) {
                    (Some(o), Some(f)) => {
                        let id = f.emit.capture(&mut o.emit, outer);
                        f.typing.declare(id, o.typing.ty(outer), false);
                        id
                    }
                    _ => return Err(damaged("there is no graph to build")),
                }
            }
        };
        self.frames[depth].here.insert(h, id);
        Ok(id)
    }

    /// What is known of a value's type.
    pub(super) fn ty(&self, h: Handle) -> Option<TensorType> {
        match self.origins.get(h.0 as usize)? {
            Origin::Const(_, t) => Some(t.ty()),
            Origin::Node(number, id) => self.frames.iter().rev().find(|f| f.number == *number)?.typing.ty(*id),
        }
    }

    /// The tensor, where a value is known.
    pub(super) fn known(&self, h: Handle) -> Option<Tensor> {
        match self.origins.get(h.0 as usize)? {
            Origin::Const(_, t) => Some(t.clone()),
            Origin::Node(..) => None,
        }
    }

    /// The number, where a value is known and small.
    pub(super) fn known_number(&self, h: Handle) -> Option<Value> {
        if let Origin::Node(number, id) = self.origins.get(h.0 as usize)? {
            let frame = self.frames.iter().rev().find(|f| f.number == *number)?;
            let single = frame.typing.ty(*id).is_some_and(|t| t.dtype == DType::I64 && t.elements() == Some(1));
            return frame.typing.int(*id).filter(|_| single).map(Value::Int);
        }
        let t = self.known(h).filter(|t| t.len() == 1)?;
        let f = t.to_f64s().ok()?.first().copied()?;
        Some(match t.dtype() {
            DType::Bool => Value::Bool(f != 0.0),
            d if d.is_float() => Value::Float(f),
            DType::I64 => Value::Int(t.to_i64s().ok()?.first().copied()?),
            _ => Value::Int(f as i64),
        })
    }

    /// The handle for a number, known or not, as a 0-d tensor.
    pub(super) fn number_handle(&mut self, v: &Value) -> Step<Handle> {
        Ok(match v {
            Value::Num(_, h) => *h,
            Value::Int(i) => self.constant("", Tensor::int_scalar(*i)),
            Value::Bool(b) => self.constant("", Tensor::scalar(DType::Bool, f64::from(u8::from(*b)))),
            Value::Float(f) => self.constant("", Tensor::scalar(DType::F64, *f)),
            _ => return Err(damaged(format!("a number was expected, not {}", v.type_name()))),
        })
    }

    /// A number from its 0-d tensor: a Python value where it is known.
    pub(super) fn number_of(&self, h: Handle, kind: Kind) -> Value {
        match (self.known_number(h), kind) {
            (Some(v), Kind::Bool) => Value::Bool(v.number().is_some_and(|f| f != 0.0)),
            (Some(Value::Float(f)), Kind::Int) => Value::Int(f as i64),
            (Some(v), Kind::Float) => Value::Float(v.number().unwrap_or(f64::NAN)),
            (Some(Value::Bool(b)), Kind::Int) => Value::Int(b.into()),
            (Some(v), _) => v,
            (None, kind) => Value::Num(kind, h),
        }
    }

    /// Calls an op: results as values, of which those that are constant are no longer computed by the model. `results`
    /// is their number where the op is not known.
    pub(super) fn call_op(
        &mut self,
        op: &str,
        args: &[Value],
        kwargs: &[(Rc<str>, Value)],
        results: usize,
    ) -> Step<Vec<Handle>> {
        self.charge(10)?;
        let (args, kwargs) = self.upgraded(op, args, kwargs)?;
        let mut node = SourceOp::new(Dialect::Torch, op);
        let mut operands = Vec::new();
        let list = args.iter().map(|v| self.attr(v, &mut operands)).collect::<Step<Vec<_>>>()?;
        node.attrs.insert("@args".to_owned(), Attr::List(list));
        let mut map = BTreeMap::new();
        for (k, v) in &kwargs {
            map.insert(k.to_string(), self.attr(v, &mut operands)?);
        }
        if !map.is_empty() {
            node.attrs.insert("@kwargs".to_owned(), Attr::Map(map));
        }
        let frame = self.frame()?;
        match frame.typing.call(&node, &operands, results) {
            Ok(typed) => {
                let of_weights = operands.iter().any(|&id| made_of_weights(frame.emit.graph(), id));
                if !typed.is_empty() && typed.iter().all(|t| t.folds(of_weights)) {
                    let constants = typed.into_iter().filter_map(|t| t.constant);
                    return Ok(constants.map(|t| self.constant("", t)).collect());
                }
                let ids = frame.emit.call_op(node, operands, typed.len());
                frame.typing.bind(&ids, typed);
                for &id in &ids {
                    let ty = frame.typing.ty(id);
                    frame.emit.graph_mut().set_type(id, ty);
                }
                ids.into_iter().map(|id| self.made(id)).collect()
            }
            Err(why) => {
                let name = node.name.clone();
                let ids = frame.emit.call_op(node, operands, results);
                if self.untyped.is_none() {
                    // The core graph beside has no names.
                    let mut why = why;
                    why.location.node = why.location.node.take().filter(|n| !n.is_empty());
                    self.untyped = Some(why.at_node(name));
                }
                ids.into_iter().map(|id| self.made(id)).collect()
            }
        }
    }

    /// An argument as it stands in the graph; what the model computes becomes an operand.
    fn attr(&mut self, v: &Value, operands: &mut Vec<ValueId>) -> Step<Attr> {
        let h = match v {
            Value::None => return Ok(Attr::None),
            Value::Bool(b) => return Ok(Attr::Bool(*b)),
            Value::Int(i) => return Ok(Attr::Int(*i)),
            Value::Float(f) => return Ok(Attr::Float(*f)),
            Value::Str(s) | Value::Device(s) => return Ok(Attr::Str(s.to_string())),
            Value::List(r) | Value::Tuple(r) => {
                let items = self.list(*r).to_vec();
                self.charge(items.len())?;
                let items = items.iter().map(|v| self.deeper(|m| m.attr(v, operands))).collect::<Step<_>>()?;
                return Ok(Attr::List(items));
            }
            Value::Tensor(r) => self.current(*r)?,
            Value::Num(_, h) => *h,
            Value::Complex(re, im) => self.constant("", Tensor::complex_scalar(*re, *im)),
            Value::Lost(why) => return Err(unsupported(why.to_string())),
            _ => return Err(damaged(format!("an operator is given {}", v.type_name()))),
        };
        let id = self.resolve(h)?;
        let at = operands.iter().position(|&o| o == id).unwrap_or_else(|| {
            operands.push(id);
            operands.len() - 1
        });
        Ok(Attr::Map(BTreeMap::from([("@input".to_owned(), Attr::Int(at as i64))])))
    }
}
