//! Expressions, evaluated.
//!
//! Owns: names, attributes, literals, choices. Must never know: what operations do.

use super::ast::{Expr, ExprKind};
use super::machine::{Machine, Step, damaged, unsupported};
use super::program::{ClassInfo, ClassKind, Item};
use super::stmt::Truth;
use super::value::{Dict, EnumMember, Env, Obj, Plain, Value};
use std::rc::Rc;

impl Machine {
    /// The value of an expression.
    pub(super) fn eval(&mut self, e: &Expr, env: &mut Env) -> Step<Value> {
        self.charge(1)?;
        self.deeper(|m| m.eval_kind(e, env))
    }

    fn eval_kind(&mut self, e: &Expr, env: &mut Env) -> Step<Value> {
        Ok(match &e.kind {
            ExprKind::None => Value::None,
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::Int(i) => Value::Int(*i),
            ExprKind::Float(f) => Value::Float(*f),
            ExprKind::Imaginary(f) => Value::Complex(0.0, *f),
            ExprKind::Str(s) => Value::Str(s.clone()),
            ExprKind::Name(n) => self.name(n, env)?,
            ExprKind::List(items) => {
                let items = self.eval_all(items, env)?;
                self.new_list(items)?
            }
            ExprKind::Tuple(items) => {
                let items = self.eval_all(items, env)?;
                self.new_tuple(items)?
            }
            ExprKind::Dict(pairs) => {
                let mut dict = Dict::default();
                for (k, v) in pairs {
                    dict.entries.push((self.eval(k, env)?, self.eval(v, env)?));
                }
                Value::Dict(self.alloc(Obj::Dict(dict))?)
            }
            ExprKind::Attr(base, name) => {
                let base = self.eval(base, env)?;
                self.attribute(&base, name)?
            }
            ExprKind::Call(callee, args, kwargs) => self.call(callee, args, kwargs, env)?,
            ExprKind::Index(base, index) => {
                let base = self.eval(base, env)?;
                if let ExprKind::Slice(..) = index.kind {
                    let parts = self.slice_parts(index, env)?;
                    return self.python_slice(&base, parts);
                }
                let index = self.eval(index, env)?;
                self.get_item(&base, &index)?
            }
            ExprKind::Slice(..) => return Err(damaged("a slice stands where a value is needed")),
            ExprKind::Unary(op, inner) => {
                let v = self.eval(inner, env)?;
                self.unary(op, v)?
            }
            ExprKind::Binary(op @ ("and" | "or"), a, b) => self.short_circuit(op, a, b, env)?,
            ExprKind::Binary(op, a, b) => {
                let a = self.eval(a, env)?;
                let b = self.eval(b, env)?;
                self.binary(op, a, b)?
            }
            ExprKind::Ternary(value, cond, other) => return self.ternary(value, cond, other, env),
        })
    }

    pub(super) fn eval_all(&mut self, items: &[Expr], env: &mut Env) -> Step<Vec<Value>> {
        items.iter().map(|i| self.eval(i, env)).collect()
    }

    fn slice_parts(&mut self, e: &Expr, env: &mut Env) -> Step<[Value; 3]> {
        let ExprKind::Slice(a, b, c) = &e.kind else { return Ok([Value::None, Value::None, Value::None]) };
        let mut part = |p: &Option<Box<Expr>>| p.as_ref().map_or(Ok(Value::None), |p| self.eval(p, env));
        Ok([part(a)?, part(b)?, part(c)?])
    }

    fn ternary(&mut self, value: &Expr, cond: &Expr, other: &Expr, env: &mut Env) -> Step<Value> {
        let cond = self.eval(cond, env)?;
        match self.truth(&cond)? {
            Truth::Known(true) => self.eval(value, env),
            Truth::Known(false) => self.eval(other, env),
            Truth::Open(h) => {
                let flow = self.branch(h, env, &|m, e| m.eval(value, e).map(super::stmt::Flow::Return), &|m, e| {
                    m.eval(other, e).map(super::stmt::Flow::Return)
                })?;
                match flow {
                    super::stmt::Flow::Return(v) => Ok(v),
                    _ => Err(damaged("a choice has no value")),
                }
            }
        }
    }

    fn short_circuit(&mut self, op: &str, a: &Expr, b: &Expr, env: &mut Env) -> Step<Value> {
        let left = self.eval(a, env)?;
        match (self.truth(&left)?, op) {
            (Truth::Known(false), "and") | (Truth::Known(true), "or") => Ok(left),
            (Truth::Known(_), _) => self.eval(b, env),
            (Truth::Open(_), _) => {
                let right = self.eval(b, env)?;
                self.scalar_op(if op == "and" { "__and__" } else { "__or__" }, vec![left, right])
            }
        }
    }

    fn name(&mut self, n: &Rc<str>, env: &Env) -> Step<Value> {
        if let Some(v) = env.get(n) {
            return Ok(v.clone());
        }
        Ok(match &**n {
            "inf" => Value::Float(f64::INFINITY),
            "nan" => Value::Float(f64::NAN),
            "infj" => Value::Complex(0.0, f64::INFINITY),
            "nanj" => Value::Complex(0.0, f64::NAN),
            _ => Value::Path(n.clone()),
        })
    }

    /// An attribute of a value, or a longer dotted name.
    pub(super) fn attribute(&mut self, base: &Value, name: &str) -> Step<Value> {
        match base {
            Value::Path(p) if &**p == "CONSTANTS" => self.archived_constant(name),
            Value::Path(p) => self.dotted(p, name),
            Value::Object(r) => self.object_attribute(base, *r, name),
            Value::Tuple(r) => {
                if let Obj::Tuple(items, Some(class)) = self.obj(*r) {
                    let (items, class) = (items.clone(), class.clone());
                    let class = self.program.class(&class)?;
                    let at = class.fields.iter().position(|f| &*f.name == name);
                    return at
                        .and_then(|i| items.get(i).cloned())
                        .ok_or_else(|| damaged(format!("`{}` has no field `{name}`", class.qualified)));
                }
                Err(damaged(format!("a tuple has no attribute `{name}`")))
            }
            Value::Enum(m) => match name {
                "value" => Ok(m.value.clone().into()),
                "name" => Ok(Value::Str(m.name.clone())),
                _ => Err(damaged(format!("a member of an enum has no attribute `{name}`"))),
            },
            Value::Tensor(_) => self.tensor_attribute(base, name),
            Value::Device(d) => match name {
                "type" => Ok(Value::str(d.split(':').next().unwrap_or(d))),
                "index" => Ok(d.split(':').nth(1).and_then(|i| i.parse().ok()).map_or(Value::None, Value::Int)),
                _ => Err(damaged(format!("a device has no attribute `{name}`"))),
            },
            Value::Lost(why) => Err(unsupported(why.to_string())),
            _ => Err(damaged(format!("{} has no attribute `{name}`", base.type_name()))),
        }
    }

    fn object_attribute(&mut self, base: &Value, r: super::value::Ref, name: &str) -> Step<Value> {
        let object = self.object(r)?;
        if let Some(v) = object.attrs.get(name) {
            return Ok(v.clone());
        }
        let class = self.program.class(&object.class.clone())?;
        let constant = class.fields.iter().find(|f| &*f.name == name).and_then(|f| f.value.clone());
        match constant {
            Some(value) => self.eval(&value, &mut Env::new()),
            None if name == "training" => Ok(Value::Bool(false)),
            None if class.kind == ClassKind::Interface => Err(unsupported(format!(
                "`{}` is an interface: which module is behind it is not known",
                class.qualified
            ))),
            None => Err(damaged(format!("{} `{}` has no attribute `{name}`", base.type_name(), class.qualified))),
        }
    }

    /// A longer dotted name; a member where it names one of an enum.
    fn dotted(&mut self, base: &str, name: &str) -> Step<Value> {
        if base.starts_with("__torch__") {
            let key: Rc<str> = format!("{base}.{name}").into();
            if let Some(v) = self.enums.get(&key) {
                return Ok(v.clone());
            }
            if let Some(Item::Class(class)) = self.program.find(base)?
                && class.kind == ClassKind::Enum
            {
                let v = self.enum_member(&class, name)?;
                self.enums.insert(key, v.clone());
                return Ok(v);
            }
            return Ok(Value::Path(key));
        }
        Ok(Value::Path(format!("{base}.{name}").into()))
    }

    fn enum_member(&mut self, class: &ClassInfo, name: &str) -> Step<Value> {
        let field = class.fields.iter().find(|f| &*f.name == name);
        let value = field.and_then(|f| f.value.clone());
        let value = value.ok_or_else(|| damaged(format!("`{}` has no member `{name}`", class.qualified)))?;
        let value = self.eval(&value, &mut Env::new())?.plain().unwrap_or(Plain::None);
        Ok(Value::Enum(Rc::new(EnumMember { class: class.qualified.clone(), name: name.into(), value })))
    }

    /// The member of an enum with this value.
    pub(super) fn enum_by_value(&mut self, class: &ClassInfo, value: &Value) -> Step<Value> {
        for field in &class.fields {
            let member = self.enum_member(class, &field.name)?;
            if let Value::Enum(m) = &member
                && Some(&m.value) == value.plain().as_ref()
            {
                return Ok(member);
            }
        }
        Err(damaged(format!("`{}` has no member with this value", class.qualified)))
    }
}
