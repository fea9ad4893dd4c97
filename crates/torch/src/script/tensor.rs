//! Tensors: views of each other, and operations in place.
//!
//! Owns: that a write through a view reaches what it views, and that a view shows what was written to its base, both
//! without any operation in place left in the graph. Must never know: other values.

use super::machine::{Machine, Step, damaged, unsupported};
use super::value::{Cell, Handle, Kind, Obj, Ref, Value, View};
use modelport_ir::{DType, Dim, TensorType};
use std::rc::Rc;

/// Ops whose result shows the elements of their first argument.
const VIEWS: &[&str] = &[
    "select",
    "slice",
    "narrow",
    "view",
    "reshape",
    "flatten",
    "unflatten",
    "squeeze",
    "unsqueeze",
    "transpose",
    "permute",
    "t",
    "numpy_T",
    "expand",
    "expand_as",
    "view_as",
    "reshape_as",
    "chunk",
    "split",
    "split_with_sizes",
    "unbind",
    "tensor_split",
    "swapaxes",
    "swapdims",
    "movedim",
    "moveaxis",
    "diagonal",
    "unfold",
    "as_strided",
    "real",
    "imag",
    "ravel",
    "hsplit",
    "vsplit",
    "dsplit",
    "view_as_real",
    "view_as_complex",
    "unsafe_chunk",
    "unsafe_split",
];

/// Views whose elements stay in order.
const KEEP_ORDER: &[&str] =
    &["view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel"];

/// Whether a result shows the elements of the first argument.
pub(super) fn is_view(op: &str) -> bool {
    VIEWS.contains(&op)
}

impl Machine {
    /// What a tensor is now.
    pub(super) fn current(&mut self, r: Ref) -> Step<Handle> {
        let cell = self.cell(r)?;
        let (value, seen) = (cell.value, cell.seen);
        let Some(view) = cell.view.clone() else { return Ok(value) };
        if self.writes == 0 {
            return Ok(value);
        }
        self.charge(1)?;
        self.deeper(|m| {
            m.current(view.base)?;
            let changes = m.cell(view.base)?.changes;
            if changes == seen {
                return Ok(value);
            }
            let mut args = vec![Value::Tensor(view.base)];
            args.extend(view.args.iter().cloned());
            let results = m.call_op(&view.op, &args, &[], view.pick + 1)?;
            let new = results.get(view.pick).copied().ok_or_else(|| damaged("a view is missing"))?;
            let cell = m.cell_mut(r)?;
            cell.value = new;
            cell.seen = changes;
            cell.changes = cell.changes.wrapping_add(1);
            Ok(new)
        })
    }

    /// Replaces what a tensor is, and what it is a view of.
    pub(super) fn write(&mut self, r: Ref, new: Handle) -> Step<()> {
        self.writes += 1;
        self.charge(1)?;
        let Cell { view, .. } = self.cell(r)?.clone();
        if let Some(view) = &view {
            let args = view.args.clone();
            let base = Value::Tensor(view.base);
            // A value of its own, so that it is not taken for a view of the base.
            let new = self.new_tensor(new)?;
            let whole = self.put_back(&view.op, &base, new, &args)?;
            self.deeper(|m| m.write(view.base, whole))?;
        }
        let seen = match &view {
            Some(v) => self.cell(v.base)?.changes,
            None => 0,
        };
        let cell = self.cell_mut(r)?;
        cell.value = new;
        cell.seen = seen;
        cell.changes = cell.changes.wrapping_add(1);
        Ok(())
    }

    /// The base of a view with other elements where the view shows it.
    fn put_back(&mut self, op: &str, base: &Value, new: Value, args: &[Value]) -> Step<Handle> {
        let arg = |i: usize, default: Value| args.get(i).cloned().unwrap_or(default);
        let short = op.trim_start_matches("aten::");
        let (op, args): (&str, Vec<Value>) = match short {
            "select" => ("aten::select_scatter", vec![base.clone(), new, arg(0, Value::Int(0)), arg(1, Value::Int(0))]),
            "slice" => {
                let mut all = vec![base.clone(), new];
                let defaults = [Value::Int(0), Value::None, Value::None, Value::Int(1)];
                all.extend(defaults.into_iter().enumerate().map(|(i, d)| arg(i, d)));
                ("aten::slice_scatter", all)
            }
            "unsqueeze" => ("aten::squeeze", vec![new, arg(0, Value::Int(0))]),
            "transpose" => ("aten::transpose", vec![new, arg(0, Value::Int(0)), arg(1, Value::Int(1))]),
            "t" => ("aten::t", vec![new]),
            "permute" => {
                let order = self.items(&arg(0, Value::None))?;
                let order: Option<Vec<usize>> = order
                    .iter()
                    .map(|v| match v {
                        Value::Int(i) => usize::try_from(if *i < 0 { i + order.len() as i64 } else { *i }).ok(),
                        _ => None,
                    })
                    .collect();
                let order = order.ok_or_else(|| damaged("a permutation is none"))?;
                let back = (0..order.len()).map(|i| order.iter().position(|&o| o == i));
                let back: Option<Vec<Value>> = back.map(|p| p.map(|p| Value::Int(p as i64))).collect();
                let back = back.ok_or_else(|| damaged("a permutation is none"))?;
                ("aten::permute", vec![new, self.new_list(back)?])
            }
            "alias" => ("aten::alias", vec![new]),
            _ if KEEP_ORDER.contains(&short) => {
                let sizes = self.sizes(base)?;
                ("aten::reshape", vec![new, self.new_list(sizes)?])
            }
            _ => return Err(unsupported(format!("the model writes in place to the result of `{short}`"))),
        };
        if op == "aten::alias" {
            return self.tensor_handle(args.first().unwrap_or(&Value::None));
        }
        self.call_op(op, &args, &[], 1)?.first().copied().ok_or_else(|| damaged("a result is missing"))
    }

    /// The results of a view op as tensors that know what they show.
    pub(super) fn new_views(&mut self, op: &str, args: &[Value], results: Vec<Handle>) -> Step<Vec<Value>> {
        let Some(Value::Tensor(base)) = args.first() else { return Err(damaged("a view shows nothing")) };
        let (base, dense) = (*base, self.cell(*base)?.dense);
        // A reshape of elements that are not in order is a copy.
        if matches!(op, "reshape" | "flatten" | "reshape_as" | "ravel") && !dense {
            return results.into_iter().map(|h| self.new_tensor(h)).collect();
        }
        let seen = self.cell(base)?.changes;
        let mut offset = 0;
        let mut out = Vec::new();
        for (pick, value) in results.iter().enumerate() {
            let (op, args) = match op {
                "chunk" | "split" | "split_with_sizes" | "unsafe_chunk" | "unsafe_split" | "tensor_split" => {
                    self.piece(op, args, *value, &mut offset)
                }
                "narrow" => self.narrowed(args),
                "unbind" => {
                    let dim = args.get(1).cloned().unwrap_or(Value::Int(0));
                    ("select", vec![dim, Value::Int(pick as i64)])
                }
                _ => (op, args.get(1..).unwrap_or_default().to_vec()),
            };
            let dense = dense && KEEP_ORDER.contains(&op);
            let view = View { base, op: format!("aten::{op}").into(), args, pick: 0 };
            let cell = Cell { value: *value, changes: 0, dense, view: Some(Rc::new(view)), seen };
            out.push(Value::Tensor(self.alloc(Obj::Tensor(cell))?));
        }
        Ok(out)
    }

    /// A piece of a split as a slice, where its place is known.
    fn piece<'a>(&self, op: &'a str, args: &[Value], piece: Handle, offset: &mut i64) -> (&'a str, Vec<Value>) {
        let place = if op == "split_with_sizes" || op == "split" || op.ends_with("chunk") { 2 } else { 9 };
        let dim = match args.get(place) {
            Some(Value::Int(d)) => *d,
            _ => 0,
        };
        let ty = self.ty(piece);
        let size = ty.as_ref().and_then(|t| {
            let axis = if dim < 0 { dim + t.rank() as i64 } else { dim };
            t.shape.get(usize::try_from(axis).ok()?)?.known()
        });
        let Some(size) = size else { return ("part of a split", Vec::new()) };
        let start = *offset;
        *offset += size as i64;
        ("slice", vec![Value::Int(dim), Value::Int(start), Value::Int(*offset), Value::Int(1)])
    }

    fn narrowed(&self, args: &[Value]) -> (&'static str, Vec<Value>) {
        match (args.get(1), args.get(2), args.get(3)) {
            (Some(dim), Some(Value::Int(start)), Some(Value::Int(len))) => {
                ("slice", vec![dim.clone(), Value::Int(*start), Value::Int(start.saturating_add(*len)), Value::Int(1)])
            }
            _ => ("narrow", args.get(1..).unwrap_or_default().to_vec()),
        }
    }

    /// The value of a tensor.
    pub(super) fn tensor_handle(&mut self, v: &Value) -> Step<Handle> {
        match v {
            Value::Tensor(r) => self.current(*r),
            Value::Lost(why) => Err(unsupported(why.to_string())),
            _ => Err(damaged(format!("a tensor was expected, not {}", v.type_name()))),
        }
    }

    /// What is known of a tensor's type.
    pub(super) fn tensor_type(&mut self, v: &Value) -> Step<Option<TensorType>> {
        let h = self.tensor_handle(v)?;
        Ok(self.ty(h))
    }

    /// What is known of a tensor's type.
    ///
    /// # Errors
    /// `TO0303` when nothing is.
    pub(super) fn need_type(&mut self, v: &Value, what: &str) -> Step<TensorType> {
        self.tensor_type(v)?.ok_or_else(|| self.no_type(what))
    }

    /// The sizes of a tensor: numbers where they are known, values of the graph elsewhere.
    pub(super) fn sizes(&mut self, v: &Value) -> Step<Vec<Value>> {
        let ty = self.need_type(v, "the number of dimensions")?;
        (0..ty.rank()).map(|i| self.size(v, i as i64)).collect()
    }

    /// The size of one dimension.
    pub(super) fn size(&mut self, v: &Value, dim: i64) -> Step<Value> {
        let ty = self.tensor_type(v)?;
        if let Some(ty) = &ty {
            let axis = if dim < 0 { dim.saturating_add(ty.rank() as i64) } else { dim };
            let d = usize::try_from(axis).ok().and_then(|i| ty.shape.get(i));
            match d {
                Some(Dim::Known(n)) => return Ok(Value::Int(*n as i64)),
                Some(_) => {}
                None => {
                    return Err(super::machine::Stop::Raised(
                        format!("dimension {dim} of a tensor of {} dimensions", ty.rank()).into(),
                    ));
                }
            }
        }
        let h = self.call_op("aten::sym_size", &[v.clone(), Value::Int(dim)], &[], 1)?;
        let h = h.first().copied().ok_or_else(|| damaged("a result is missing"))?;
        Ok(self.number_of(h, Kind::Int))
    }

    /// A tensor as a number.
    pub(super) fn number_from(&mut self, v: &Value, kind: Kind) -> Step<Value> {
        match v {
            Value::Tensor(_) => {
                let h = self.tensor_handle(v)?;
                let known = self.number_of(h, kind);
                if !matches!(known, Value::Num(..)) {
                    return Ok(known);
                }
                self.convert_number(v, kind)
            }
            Value::Num(from, _) if *from == kind => Ok(v.clone()),
            Value::Num(..) => self.convert_number(v, kind),
            Value::Str(s) => {
                let s = s.trim();
                let bad = || damaged(format!("\"{s}\" is no number"));
                Ok(match kind {
                    Kind::Int => Value::Int(s.parse().map_err(|_| bad())?),
                    Kind::Float => Value::Float(s.parse().map_err(|_| bad())?),
                    Kind::Bool => Value::Bool(!s.is_empty()),
                })
            }
            Value::Lost(why) => Err(unsupported(why.to_string())),
            _ => {
                let f = v.number().ok_or_else(|| damaged(format!("{} is no number", v.type_name())))?;
                Ok(match (kind, v) {
                    (Kind::Int, Value::Int(_)) => v.clone(),
                    (Kind::Int, _) => Value::Int(f as i64),
                    (Kind::Float, _) => Value::Float(f),
                    (Kind::Bool, _) => Value::Bool(f != 0.0),
                })
            }
        }
    }

    fn convert_number(&mut self, v: &Value, kind: Kind) -> Step<Value> {
        let op = match kind {
            Kind::Int => "aten::Int",
            Kind::Float => "aten::Float",
            Kind::Bool => "aten::Bool",
        };
        let h = self.call_op(op, std::slice::from_ref(v), &[], 1)?;
        let h = h.first().copied().ok_or_else(|| damaged("a result is missing"))?;
        Ok(self.number_of(h, kind))
    }

    /// A tensor of one element as a number of its own kind.
    pub(super) fn scalar_of(&mut self, v: &Value) -> Step<Value> {
        let dtype = self.tensor_type(v)?.map(|t| t.dtype);
        let kind = match dtype {
            Some(DType::Bool) => Kind::Bool,
            Some(d) if d.is_int() => Kind::Int,
            _ => Kind::Float,
        };
        self.number_from(v, kind)
    }

    /// The tensors along the first dimension, as iteration over a tensor gives them.
    pub(super) fn unbind(&mut self, v: &Value) -> Step<Vec<Value>> {
        let ty = self.need_type(v, "the size of what is iterated over")?;
        let Some(Dim::Known(n)) = ty.shape.first() else {
            return Err(unsupported("the model iterates over a tensor whose first dimension is not known").help_types());
        };
        let n = *n;
        self.charge(n)?;
        let out = self.call_op("aten::unbind", &[v.clone(), Value::Int(0)], &[], n)?;
        self.new_views("unbind", &[v.clone(), Value::Int(0)], out)
    }
}
