//! Statements, evaluated.
//!
//! Owns: assignment, blocks, loops whose course is known. Must never know: what operations do.

use super::ast::{Expr, ExprKind, Func, Stmt, StmtKind};
use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::value::{Env, Handle, Kind, Value};
use modelport_diag::{Code, Diagnostic};
use std::rc::Rc;

/// How deep evaluation may go: calls, blocks and expressions together.
const MAX_DEPTH: usize = 3000;

/// How a block ends.
#[derive(Debug)]
pub(super) enum Flow {
    Next,
    Return(Value),
    Break,
    Continue,
}

/// A condition.
pub(super) enum Truth {
    Known(bool),
    /// It depends on data: a 0-d boolean.
    Open(Handle),
}

impl Machine {
    /// Goes one level deeper, up to the bound.
    pub(super) fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Step<T>) -> Step<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::Fail(Diagnostic::error(Code::IO_LIMIT, "the archived code calls itself too deeply")));
        }
        self.depth += 1;
        let out = f(self);
        self.depth -= 1;
        out
    }

    /// Runs statements one after the other.
    pub(super) fn block(&mut self, stmts: &[Stmt], env: &mut Env) -> Step<Flow> {
        self.deeper(|m| {
            for stmt in stmts {
                let flow = m.statement(stmt, env).map_err(|stop| match stop {
                    Stop::Fail(d) => Stop::Fail(d.at_byte(stmt.at.into())),
                    raised => raised,
                })?;
                if !matches!(flow, Flow::Next) {
                    return Ok(flow);
                }
            }
            Ok(Flow::Next)
        })
    }

    fn statement(&mut self, stmt: &Stmt, env: &mut Env) -> Step<Flow> {
        self.charge(1)?;
        match &stmt.kind {
            StmtKind::Assign(target, _, value) => {
                let value = self.eval(value, env)?;
                self.assign(target, value, env)?;
            }
            StmtKind::Augment(target, op, value) => {
                let old = self.eval(target, env)?;
                let value = self.eval(value, env)?;
                let new = self.binary(op, old, value)?;
                self.assign(target, new, env)?;
            }
            StmtKind::Expr(e) => {
                self.eval(e, env)?;
            }
            StmtKind::If(cond, then, other) => {
                let cond = self.eval(cond, env)?;
                return match self.truth(&cond)? {
                    Truth::Known(true) => self.block(then, env),
                    Truth::Known(false) => self.block(other, env),
                    Truth::Open(h) => self.branch(h, env, &|m, e| m.block(then, e), &|m, e| m.block(other, e)),
                };
            }
            StmtKind::While(cond, body) => return self.while_loop(cond, body, env),
            StmtKind::For(target, iterated, body) => return self.for_loop(target, iterated, body, env),
            StmtKind::With(items, body) => return self.with_block(items, body, env),
            StmtKind::Return(value) => {
                let value = value.as_ref().map_or(Ok(Value::None), |v| self.eval(v, env))?;
                return Ok(Flow::Return(value));
            }
            StmtKind::Raise(_) => return Err(Stop::Raised("an exception".into())),
            StmtKind::Assert(test, message) => self.assertion(test, message.as_ref(), env)?,
            StmtKind::Def(f) => {
                let closure = Value::Closure(f.clone(), Rc::new(env.clone()));
                self.charge(env.len())?;
                env.insert(f.name.clone(), closure);
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
            StmtKind::Annotate(..) | StmtKind::Pass | StmtKind::Class(_) => {}
        }
        Ok(Flow::Next)
    }

    fn assertion(&mut self, test: &Expr, message: Option<&Expr>, env: &mut Env) -> Step<()> {
        let test = self.eval(test, env)?;
        match self.truth(&test)? {
            Truth::Known(false) => {
                let message = message.map_or(Ok(Value::str("an assertion")), |m| self.eval(m, env))?;
                Err(Stop::Raised(self.show(&message)))
            }
            _ => Ok(()),
        }
    }

    /// Gives a value to a name, an attribute, an element, or several of them.
    pub(super) fn assign(&mut self, target: &Expr, value: Value, env: &mut Env) -> Step<()> {
        match &target.kind {
            ExprKind::Name(n) => {
                env.insert(n.clone(), value);
                Ok(())
            }
            ExprKind::Tuple(targets) | ExprKind::List(targets) => self.unpack(targets, &value, env),
            ExprKind::Attr(base, name) => {
                let base = self.eval(base, env)?;
                let Value::Object(r) = base else {
                    return Err(damaged(format!("an attribute is given to {}", base.type_name())));
                };
                self.object_mut(r)?.attrs.insert(name.clone(), value);
                Ok(())
            }
            ExprKind::Index(base, index) => {
                let base = self.eval(base, env)?;
                let index = self.eval(index, env)?;
                self.set_item(&base, &index, value)
            }
            _ => Err(damaged("something is given a value that cannot have one")),
        }
    }

    fn unpack(&mut self, targets: &[Expr], value: &Value, env: &mut Env) -> Step<()> {
        let items = match value {
            Value::Tensor(_) => self.unbind(value)?,
            _ => self.items(value)?,
        };
        self.charge(items.len())?;
        let star = targets.iter().position(|t| matches!(&t.kind, ExprKind::Unary("*", _)));
        let fits = match star {
            None => items.len() == targets.len(),
            Some(_) => items.len() + 1 >= targets.len(),
        };
        if !fits {
            return Err(damaged(format!("{} values are unpacked into {} names", items.len(), targets.len())));
        }
        let extra = items.len() + 1 - targets.len();
        let mut items = items.into_iter();
        for (i, target) in targets.iter().enumerate() {
            match &target.kind {
                ExprKind::Unary("*", inner) if star == Some(i) => {
                    let rest = items.by_ref().take(extra).collect();
                    let rest = self.new_list(rest)?;
                    self.assign(inner, rest, env)?;
                }
                _ => {
                    let Some(item) = items.next() else { break };
                    self.assign(target, item, env)?;
                }
            }
        }
        Ok(())
    }

    /// A condition's value.
    pub(super) fn truth(&mut self, v: &Value) -> Step<Truth> {
        Ok(match v {
            Value::Bool(b) => Truth::Known(*b),
            Value::Int(i) => Truth::Known(*i != 0),
            Value::Float(f) => Truth::Known(*f != 0.0),
            Value::Str(s) => Truth::Known(!s.is_empty()),
            Value::List(r) | Value::Tuple(r) => Truth::Known(!self.list(*r).is_empty()),
            Value::None => Truth::Known(false),
            Value::Num(Kind::Bool, h) => Truth::Open(*h),
            Value::Num(..) | Value::Tensor(_) => match self.number_from(v, Kind::Bool)? {
                Value::Num(_, h) => Truth::Open(h),
                known => Truth::Known(known.number().is_some_and(|f| f != 0.0)),
            },
            Value::Lost(why) => return Err(unsupported(why.to_string())),
            _ => return Err(damaged(format!("{} is no condition", v.type_name()))),
        })
    }

    fn while_loop(&mut self, cond: &Expr, body: &[Stmt], env: &mut Env) -> Step<Flow> {
        loop {
            self.charge(1)?;
            let test = self.eval(cond, env)?;
            match self.truth(&test)? {
                Truth::Known(false) => return Ok(Flow::Next),
                Truth::Known(true) => {}
                Truth::Open(h) => return self.open_loop(None, Some((cond, h)), body, env),
            }
            match self.block(body, env)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(v) => return Ok(Flow::Return(v)),
                Flow::Next | Flow::Continue => {}
            }
        }
    }

    fn for_loop(&mut self, target: &Expr, iterated: &Expr, body: &[Stmt], env: &mut Env) -> Step<Flow> {
        let iterated = self.eval(iterated, env)?;
        let items = match &iterated {
            // `range(n)`, see `scalars::range`.
            Value::Int(n) => {
                for i in 0..(*n).max(0) {
                    self.charge(1)?;
                    self.assign(target, Value::Int(i), env)?;
                    match self.block(body, env)? {
                        Flow::Break => break,
                        Flow::Return(v) => return Ok(Flow::Return(v)),
                        Flow::Next | Flow::Continue => {}
                    }
                }
                return Ok(Flow::Next);
            }
            Value::Num(Kind::Int, h) => return self.open_loop(Some((target, *h)), None, body, env),
            Value::Tensor(_) => self.unbind(&iterated)?,
            Value::Dict(r) => self.dict(*r)?.entries.iter().map(|(k, _)| k.clone()).collect(),
            _ => self.items(&iterated)?,
        };
        for item in items {
            self.charge(1)?;
            self.assign(target, item, env)?;
            match self.block(body, env)? {
                Flow::Break => break,
                Flow::Return(v) => return Ok(Flow::Return(v)),
                Flow::Next | Flow::Continue => {}
            }
        }
        Ok(Flow::Next)
    }

    /// Context managers switch gradients and the like: only their values matter.
    fn with_block(&mut self, items: &[(Expr, Option<Expr>)], body: &[Stmt], env: &mut Env) -> Step<Flow> {
        for (manager, name) in items {
            let manager = self.eval(manager, env)?;
            let entered = match &manager {
                Value::Object(_) if self.has_method(&manager, "__enter__")? => {
                    self.call_method(&manager, "__enter__", Vec::new(), Vec::new())?
                }
                _ => Value::None,
            };
            if let Some(name) = name {
                self.assign(name, entered, env)?;
            }
        }
        self.block(body, env)
    }

    /// Calls a function with its arguments bound to names.
    pub(super) fn call_function(
        &mut self,
        f: &Func,
        file: Option<&str>,
        args: Vec<Value>,
        kwargs: Vec<(Rc<str>, Value)>,
        around: Option<&Env>,
    ) -> Step<Value> {
        const MAX_CALLS: usize = 200;
        if self.calls >= MAX_CALLS {
            return Err(Stop::Fail(
                Diagnostic::error(Code::IO_LIMIT, format!("`{}` and others call each other without end", f.name))
                    .expected(format!("at most {MAX_CALLS} calls in each other")),
            ));
        }
        self.charge(f.params.len() + 1)?;
        let mut env = around.cloned().unwrap_or_default();
        self.charge(env.len())?;
        if args.len() > f.params.len() {
            return Err(damaged(format!(
                "`{}` is called with {} arguments too many",
                f.name,
                args.len() - f.params.len()
            )));
        }
        let mut args = args.into_iter();
        for p in &f.params {
            let value = match args.next() {
                Some(v) => v,
                None => match (kwargs.iter().find(|(k, _)| *k == p.name), &p.default) {
                    (Some((_, v)), _) => v.clone(),
                    (None, Some(default)) => self.eval(default, &mut Env::new())?,
                    (None, None) => return Err(damaged(format!("`{}` is called without `{}`", f.name, p.name))),
                },
            };
            env.insert(p.name.clone(), value);
        }
        self.calls += 1;
        let out = self.block(&f.body, &mut env);
        self.calls -= 1;
        match out {
            Ok(Flow::Return(v)) => Ok(v),
            Ok(_) => Ok(Value::None),
            Err(Stop::Fail(d)) => {
                let d = if self.path.is_empty() { d } else { d.at_node(self.path.to_string()) };
                Err(Stop::Fail(file.map(|f| d.clone().in_file(f)).unwrap_or(d)))
            }
            Err(raised) => Err(raised),
        }
    }
}
