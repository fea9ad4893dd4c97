//! Types as the archived code writes them.
//!
//! Owns: `isinstance`. Must never know: operations.

use super::ast::{Expr, ExprKind};
use super::machine::{Machine, Step};
use super::value::{Kind, Obj, Value};

impl Machine {
    /// Whether a value is of a type, or of one of a tuple of types.
    pub(super) fn is_instance(&mut self, v: &Value, ty: &Expr) -> Step<bool> {
        self.charge(1)?;
        match &ty.kind {
            ExprKind::Tuple(all) | ExprKind::List(all) => {
                for t in all {
                    if self.is_instance(v, t)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            ExprKind::Index(base, args) => {
                let args: Vec<Expr> = match &args.kind {
                    ExprKind::Tuple(items) => items.clone(),
                    _ => vec![(**args).clone()],
                };
                self.is_generic(v, &base.dotted().unwrap_or_default(), &args)
            }
            ExprKind::None => Ok(matches!(v, Value::None)),
            _ => {
                let name = ty.dotted().unwrap_or_default();
                Ok(self.is_named(v, &name))
            }
        }
    }

    fn is_named(&self, v: &Value, name: &str) -> bool {
        match name.rsplit('.').next().unwrap_or(name) {
            "Any" => true,
            _ if name.starts_with("__torch__") => match v {
                Value::Object(r) => matches!(self.obj(*r), Obj::Object(o) if *o.class == *name),
                Value::Tuple(r) => {
                    matches!(self.obj(*r), Obj::Tuple(_, Some(c)) if **c == *name)
                }
                Value::Enum(m) => *m.class == *name,
                _ => false,
            },
            "Tensor" => matches!(v, Value::Tensor(_)),
            "int" => v.kind() == Some(Kind::Int),
            "float" => v.kind() == Some(Kind::Float),
            "bool" => v.kind() == Some(Kind::Bool),
            "number" | "Scalar" => v.kind().is_some(),
            "str" => matches!(v, Value::Str(_)),
            "Device" | "device" => matches!(v, Value::Device(_)),
            "NoneType" => matches!(v, Value::None),
            "list" | "List" => matches!(v, Value::List(_)),
            "tuple" | "Tuple" => matches!(v, Value::Tuple(_)),
            "dict" | "Dict" => matches!(v, Value::Dict(_)),
            _ => false,
        }
    }

    fn is_generic(&mut self, v: &Value, base: &str, args: &[Expr]) -> Step<bool> {
        match (base, v) {
            ("Optional", _) => {
                if matches!(v, Value::None) {
                    return Ok(true);
                }
                args.first().map_or(Ok(false), |t| self.is_instance(v, t))
            }
            ("Union", _) => {
                for t in args {
                    if self.is_instance(v, t)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            ("List", Value::List(r)) => {
                // Lists have one type of element; an empty one could be of any.
                let first = self.list(*r).first().cloned();
                match (first, args.first()) {
                    (Some(first), Some(t)) => self.deeper(|m| m.is_instance(&first, t)),
                    _ => Ok(true),
                }
            }
            ("Tuple", Value::Tuple(r)) => {
                let items = self.list(*r).to_vec();
                if items.len() != args.len() {
                    return Ok(false);
                }
                for (item, t) in items.iter().zip(args) {
                    if !self.deeper(|m| m.is_instance(item, t))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            ("Dict", Value::Dict(r)) => {
                let first = self.dict(*r)?.entries.first().cloned();
                match (first, args) {
                    (Some((k, v)), [kt, vt]) => Ok(self.is_instance(&k, kt)? && self.is_instance(&v, vt)?),
                    _ => Ok(true),
                }
            }
            ("Future" | "Final", _) => args.first().map_or(Ok(false), |t| self.is_instance(v, t)),
            _ => Ok(false),
        }
    }
}
