//! Calls, by what is called.
//!
//! Owns: arguments, special forms, functions and classes that the archive has code for, methods. Must never know: what
//! operations do.

use super::ast::{Expr, ExprKind};
use super::machine::{Machine, Step, damaged, unsupported};
use super::program::{ClassKind, Item};
use super::value::{Env, Kind, Obj, Object, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Arguments by position and by keyword.
type Arguments = (Vec<Value>, Vec<(Rc<str>, Value)>);

impl Machine {
    fn arguments(&mut self, args: &[Expr], kwargs: &[(Rc<str>, Expr)], env: &mut Env) -> Step<Arguments> {
        let mut values = Vec::with_capacity(args.len());
        for a in args {
            match &a.kind {
                ExprKind::Unary("*", inner) => {
                    let list = self.eval(inner, env)?;
                    values.extend(self.items(&list)?);
                }
                _ => values.push(self.eval(a, env)?),
            }
        }
        let named = kwargs.iter().map(|(k, e)| Ok((k.clone(), self.eval(e, env)?))).collect::<Step<_>>()?;
        Ok((values, named))
    }

    pub(super) fn call(
        &mut self,
        callee: &Expr,
        args: &[Expr],
        kwargs: &[(Rc<str>, Expr)],
        env: &mut Env,
    ) -> Step<Value> {
        if let ExprKind::Name(n) = &callee.kind
            && !env.contains_key(n)
            && let Some(v) = self.special_form(n, args, env)?
        {
            return Ok(v);
        }
        if let ExprKind::Attr(base, method) = &callee.kind {
            let base = self.eval(base, env)?;
            if !matches!(base, Value::Path(_)) {
                let (args, kwargs) = self.arguments(args, kwargs, env)?;
                return self.call_method(&base, method, args, kwargs);
            }
            let callee = self.attribute(&base, method)?;
            let (args, kwargs) = self.arguments(args, kwargs, env)?;
            return self.call_value(&callee, args, kwargs);
        }
        let callee = self.eval(callee, env)?;
        let (args, kwargs) = self.arguments(args, kwargs, env)?;
        self.call_value(&callee, args, kwargs)
    }

    /// Forms whose first argument is a type or a name.
    fn special_form(&mut self, name: &str, args: &[Expr], env: &mut Env) -> Step<Option<Value>> {
        let value = match (name, args) {
            ("uninitialized", _) => Value::Lost("a value is used that the program gave to no variable".into()),
            ("annotate", [ty, value]) => {
                let v = self.eval(value, env)?;
                match (&ty.kind, &v) {
                    (ExprKind::Name(t), Value::Tensor(_)) => match &**t {
                        "int" => self.number_from(&v, Kind::Int)?,
                        "float" => self.number_from(&v, Kind::Float)?,
                        "bool" => self.number_from(&v, Kind::Bool)?,
                        "number" => self.scalar_of(&v)?,
                        _ => v,
                    },
                    _ => v,
                }
            }
            ("unchecked_cast" | "unchecked_unwrap_optional", [.., value]) => self.eval(value, env)?,
            ("isinstance", [value, ty]) => {
                let v = self.eval(value, env)?;
                Value::Bool(self.is_instance(&v, ty)?)
            }
            ("fork", [f, rest @ ..]) => {
                let callee = self.eval(f, env)?;
                let args = self.eval_all(rest, env)?;
                self.call_value(&callee, args, Vec::new())?
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    /// Calls what a name or variable stands for.
    pub(super) fn call_value(&mut self, f: &Value, args: Vec<Value>, kwargs: Vec<(Rc<str>, Value)>) -> Step<Value> {
        match f {
            Value::Path(p) => {
                let p = p.clone();
                self.call_path(&p, args, kwargs)
            }
            Value::Closure(f, env) => self.call_function(f, None, args, kwargs, Some(env)),
            Value::Lost(why) => Err(unsupported(why.to_string())),
            _ => Err(damaged(format!("{} is called like a function", f.type_name()))),
        }
    }

    fn call_path(&mut self, p: &str, args: Vec<Value>, kwargs: Vec<(Rc<str>, Value)>) -> Step<Value> {
        if p.starts_with("__torch__") {
            return self.call_archived(p, args, kwargs);
        }
        let (space, op) = match p.split_once('.') {
            Some(("torch" | "aten", "autograd.grad" | "autograd.backward")) => {
                return Err(unsupported("gradients are computed inside of the model"));
            }
            Some(("torch" | "aten", op)) => ("aten", op),
            Some(("ops", rest)) => rest.split_once('.').ok_or_else(|| damaged(format!("`{p}` is no operator")))?,
            Some((space, op)) => (space, op),
            None => ("python", p),
        };
        self.call_operator(space, op, args, kwargs)
    }

    /// A function or class that the archive has code for.
    fn call_archived(&mut self, p: &str, args: Vec<Value>, kwargs: Vec<(Rc<str>, Value)>) -> Step<Value> {
        if let Some(class) = p.strip_suffix(".__new__") {
            let class = self.program.class(class)?;
            let object = Object { class: class.qualified.clone(), attrs: BTreeMap::new(), path: "".into() };
            return Ok(Value::Object(self.alloc(Obj::Object(object))?));
        }
        match self.program.find(p)? {
            Some(Item::Function(f, file)) => self.call_function(&f, Some(&file), args, kwargs, None),
            Some(Item::Class(class)) => match class.kind {
                ClassKind::NamedTuple => {
                    // A constant is printed as the class before a tuple: `NT(1, 2)`; one of no fields as `NT()`.
                    Ok(Value::Tuple(self.alloc(Obj::Tuple(args, Some(class.qualified.clone())))?))
                }
                ClassKind::Enum => match args.first() {
                    Some(v) => self.enum_by_value(&class, v),
                    None => Err(damaged("an enum is made of no value")),
                },
                _ => {
                    let object = Object { class: class.qualified.clone(), attrs: BTreeMap::new(), path: "".into() };
                    let object = Value::Object(self.alloc(Obj::Object(object))?);
                    self.call_method(&object, "__init__", args, kwargs)?;
                    Ok(object)
                }
            },
            None => {
                self.program.class(p)?;
                Ok(Value::None)
            }
        }
    }

    /// Whether a class has code for a method.
    pub(super) fn has_method(&mut self, object: &Value, name: &str) -> Step<bool> {
        let Value::Object(r) = object else { return Ok(false) };
        let class = self.object(*r)?.class.clone();
        Ok(self.program.class(&class)?.methods.contains_key(name))
    }

    /// Calls a method; of a module its nodes are named after its path.
    pub(super) fn call_method(
        &mut self,
        object: &Value,
        name: &str,
        args: Vec<Value>,
        kwargs: Vec<(Rc<str>, Value)>,
    ) -> Step<Value> {
        let Value::Object(r) = object else { return self.value_method(object, name, args, kwargs) };
        let (class, path) = {
            let o = self.object(*r)?;
            (o.class.clone(), o.path.clone())
        };
        let class = self.program.class(&class)?;
        let method = class.methods.get(name).cloned().ok_or_else(|| {
            if class.kind == ClassKind::Interface {
                unsupported(format!("`{}` is an interface: which module is behind it is not known", class.qualified))
            } else {
                damaged(format!("`{}` has no method `{name}`", class.qualified))
            }
        })?;
        let file = self.program.find(&class.qualified)?.is_some().then(|| self.program.file_of(&class.qualified));
        let args = std::iter::once(object.clone()).chain(args).collect();
        let inner = if path.is_empty() { self.path.clone() } else { path };
        let before = std::mem::replace(&mut self.path, inner);
        self.scope_to(&before, true)?;
        let out = self.call_function(&method, file.flatten().as_deref(), args, kwargs, None);
        self.scope_to(&before, false)?;
        self.path = before;
        out
    }

    /// Enters or leaves the scope of the current path below `outer`.
    fn scope_to(&mut self, outer: &str, enter: bool) -> Step<()> {
        let path = self.path.clone();
        if *path == *outer {
            return Ok(());
        }
        let below = path.strip_prefix(outer).map_or(&*path, |p| p.trim_start_matches('.'));
        let scope = below.replace('.', "/");
        let emit = &mut self.frame()?.emit;
        if enter {
            emit.push_scope(scope)
        } else {
            emit.pop_scope()
        }
        Ok(())
    }
}
