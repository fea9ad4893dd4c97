//! Loops whose number of rounds depends on data: the body becomes a graph.
//!
//! Owns: what a round carries to the next, found by evaluating rounds until nothing more changes. Must never know: what
//! operations do, how branches are merged.

use super::ast::{Expr, ExprKind, Stmt, StmtKind};
use super::frame::Frame;
use super::frozen::{Frozen, Merged};
use super::machine::{Machine, Step, damaged, unsupported};
use super::stmt::{Flow, Truth};
use super::value::{Env, Handle, Kind, Ref, Value, join, same};
use modelport_ir::{DType, TensorType};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

impl Machine {
    /// A loop whose number of rounds depends on data: `for` with a count, or `while` with its condition.
    pub(super) fn open_loop(
        &mut self,
        count: Option<(&Expr, Handle)>,
        cond: Option<(&Expr, Handle)>,
        body: &[Stmt],
        env: &mut Env,
    ) -> Step<Flow> {
        let start = self.heap_len();
        let mut assigned = BTreeSet::new();
        names_assigned(body, &mut assigned);
        let candidates: Vec<Rc<str>> = assigned.into_iter().filter(|n| env.contains_key(n)).collect();
        // At first nothing is taken to change; what does in a round is carried in the next attempt.
        let mut carried = Carried::default();
        for _ in 0..24 {
            match self.attempt(&mut carried, start, &candidates, count.map(|c| c.0), cond.map(|c| c.0), body, env)? {
                Some(frame) => return self.emit_loop(carried, frame, count.map(|c| c.1), cond.map(|c| c.1), env),
                None => self.charge(100)?,
            }
        }
        Err(unsupported("a loop that depends on data changes the types of its variables without end"))
    }

    /// Evaluates one round. `None` when it changes more than was carried.
    #[allow(clippy::too_many_arguments)]
    fn attempt(
        &mut self,
        carried: &mut Carried,
        start: usize,
        candidates: &[Rc<str>],
        counter: Option<&Expr>,
        cond: Option<&Expr>,
        body: &[Stmt],
        env: &Env,
    ) -> Step<Option<Frame>> {
        self.charge(env.len() + 10)?;
        let mut inner = env.clone();
        let mut before = Vec::new();
        for slot in &carried.slots {
            before.push(match slot {
                Slot::Var(name) => {
                    let v = inner.get(name).cloned().unwrap_or(Value::None);
                    self.freeze(&v, start)?
                }
                Slot::Object(r) => self.freeze_object(*r, start)?,
            });
        }
        self.push_frame("body");
        self.begin_journal();
        let iteration = self.add_input("i", Some(TensorType::known(DType::I64, &[])))?;
        let mut leaves = Vec::new();
        for (slot, frozen) in carried.slots.clone().iter().zip(&before) {
            let v = self.loop_input(frozen, &carried.types, &mut leaves)?;
            match (slot, v) {
                (Slot::Var(name), v) => {
                    inner.insert(name.clone(), v);
                }
                (Slot::Object(r), v) => self.replace(*r, &v)?,
            }
        }
        carried.initial = leaves.iter().map(|l| l.0.clone()).collect();
        if let Some(target) = counter {
            self.assign(target, Value::Num(Kind::Int, iteration), &mut inner)?;
        }
        let out = self.round(&before, carried, start, candidates, cond, body, &mut inner, env, &leaves);
        let journal = self.end_journal();
        self.undo(&journal);
        let frame = self.frames.pop().ok_or_else(|| damaged("there is no graph to build"))?;
        Ok(if out? { Some(frame) } else { None })
    }

    #[allow(clippy::too_many_arguments)]
    fn round(
        &mut self,
        before: &[Frozen],
        carried: &mut Carried,
        start: usize,
        candidates: &[Rc<str>],
        cond: Option<&Expr>,
        body: &[Stmt],
        inner: &mut Env,
        env: &Env,
        leaves: &[(super::frozen::Part, Option<TensorType>)],
    ) -> Step<bool> {
        match self.block(body, inner)? {
            Flow::Next | Flow::Continue => {}
            _ => return Err(unsupported("a loop that depends on data is left from inside")),
        }
        let next = match cond {
            Some(e) => {
                let v = self.eval(e, inner)?;
                match self.truth(&v)? {
                    Truth::Known(b) => self.number_handle(&Value::Bool(b))?,
                    Truth::Open(h) => h,
                }
            }
            None => self.number_handle(&Value::Bool(true))?,
        };
        let mut grown = false;
        for name in candidates {
            let slot = Slot::Var(name.clone());
            let changed = match (env.get(name), inner.get(name)) {
                (Some(a), Some(b)) => !same(a, b),
                _ => false,
            };
            if changed && !carried.slots.contains(&slot) {
                carried.slots.push(slot);
                grown = true;
            }
        }
        let touched: Vec<Ref> = self.journals.last().map_or(Vec::new(), |j| j.old.keys().copied().collect());
        for r in touched.into_iter().filter(|r| (r.0 as usize) < start) {
            if !carried.slots.contains(&Slot::Object(r)) {
                carried.slots.push(Slot::Object(r));
                grown = true;
            }
        }
        if grown {
            return Ok(false);
        }
        let mut after = Vec::new();
        for (slot, before) in carried.slots.clone().iter().zip(before) {
            let frozen = match slot {
                Slot::Var(name) => {
                    let v = inner.get(name).cloned().unwrap_or(Value::None);
                    self.freeze(&v, start)?
                }
                Slot::Object(r) => self.freeze_object(*r, start)?,
            };
            super::frozen::align(before, &frozen, &mut after).map_err(unsupported)?;
        }
        self.close_round(carried, next, &after, leaves)
    }

    /// Names the outputs of a round; `false` when a type is not what was assumed.
    fn close_round(
        &mut self,
        carried: &mut Carried,
        next: Handle,
        after: &[super::frozen::Part],
        leaves: &[(super::frozen::Part, Option<TensorType>)],
    ) -> Step<bool> {
        let next = self.resolve(next)?;
        self.frame()?.emit.output("cond", next);
        let mut fits = true;
        for (i, (part, (_, ty))) in after.iter().zip(leaves).enumerate() {
            let h = match (part.handle, &part.number) {
                (Some(h), _) => h,
                (None, Some(v)) => self.number_handle(v)?,
                (None, None) => return Err(unsupported("a loop that depends on data leaves a variable without value")),
            };
            let id = self.resolve(h)?;
            let frame = self.frame()?;
            frame.emit.output(format!("out{i}"), id);
            let new = frame.typing.ty(id);
            if ty.is_some() && *ty != new {
                let joined = join(ty.clone(), new);
                fits &= joined == *ty;
                carried.types.insert(i, joined);
            }
        }
        Ok(fits)
    }

    fn emit_loop(
        &mut self,
        carried: Carried,
        body: Frame,
        count: Option<Handle>,
        cond: Option<Handle>,
        env: &mut Env,
    ) -> Step<Flow> {
        let start = self.heap_len();
        let mut initial = Vec::new();
        for part in &carried.initial {
            let h = match (part.handle, &part.number) {
                (Some(h), _) => h,
                (None, Some(v)) => self.number_handle(v)?,
                (None, None) => return Err(unsupported("a loop that depends on data starts without a value")),
            };
            initial.push(self.resolve(h)?);
        }
        let count = count.map(|h| self.resolve(h)).transpose()?;
        let cond = cond.map(|h| self.resolve(h)).transpose()?;
        let types: Vec<Option<TensorType>> = initial
            .iter()
            .enumerate()
            .map(|(i, id)| match carried.types.get(&i) {
                Some(ty) => Ok(ty.clone()),
                None => Ok(self.frame()?.typing.ty(*id)),
            })
            .collect::<Step<_>>()?;
        let ids = self.frame()?.emit.repeat(count, cond, &initial, body.emit);
        let mut values = Vec::new();
        for (id, ty) in ids.into_iter().zip(types) {
            self.frame()?.typing.declare(id, ty, false);
            values.push(self.made(id)?);
        }
        let mut next = 0;
        for slot in &carried.slots {
            let frozen = match slot {
                Slot::Var(name) => {
                    let v = env.get(name).cloned().unwrap_or(Value::None);
                    self.freeze(&v, start)?
                }
                Slot::Object(r) => self.freeze_object(*r, start)?,
            };
            let merged = Merged::of(&frozen, &mut next);
            match slot {
                Slot::Var(name) => {
                    let v = self.thaw(merged, &values)?;
                    env.insert(name.clone(), v);
                }
                Slot::Object(r) => self.thaw_into(*r, merged, &values)?,
            }
        }
        Ok(Flow::Next)
    }
}

/// What a loop carries from round to round.
#[derive(Default)]
struct Carried {
    slots: Vec<Slot>,
    /// Types of leaves that differ from those at the start.
    types: BTreeMap<usize, Option<TensorType>>,
    initial: Vec<super::frozen::Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Slot {
    Var(Rc<str>),
    Object(Ref),
}
/// All names that statements give values to.
fn names_assigned(stmts: &[Stmt], out: &mut BTreeSet<Rc<str>>) {
    for stmt in stmts {
        match &stmt.kind {
            StmtKind::Assign(target, ..) | StmtKind::Augment(target, ..) => names_of(target, out),
            StmtKind::If(_, a, b) => {
                names_assigned(a, out);
                names_assigned(b, out);
            }
            StmtKind::While(_, body) | StmtKind::With(_, body) => names_assigned(body, out),
            StmtKind::For(target, _, body) => {
                names_of(target, out);
                names_assigned(body, out);
            }
            _ => {}
        }
    }
}

fn names_of(target: &Expr, out: &mut BTreeSet<Rc<str>>) {
    match &target.kind {
        ExprKind::Name(n) => {
            out.insert(n.clone());
        }
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|t| names_of(t, out)),
        ExprKind::Unary("*", inner) => names_of(inner, out),
        _ => {}
    }
}
