//! Control flow that depends on data: branches and loops whose bodies become graphs.
//!
//! Owns: which variables and objects a body changes, and how what two branches or rounds leave becomes one value. Must
//! never know: what operations do.

use super::ast::{Expr, ExprKind, Stmt, StmtKind};
use super::frame::Frame;
use super::frozen::{Frozen, Merged, Pairs};
use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::stmt::{Flow, Truth};
use super::value::{Env, Handle, Kind, Ref, Value, join};
use modelport_ir::{DType, TensorType};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A branch, evaluated and undone.
struct Side {
    frame: Frame,
    vars: BTreeMap<Rc<str>, Frozen>,
    objects: BTreeMap<Ref, Frozen>,
    result: Option<Frozen>,
    flow: Option<Flow>,
}

type Body<'a> = &'a dyn Fn(&mut Machine, &mut Env) -> Step<Flow>;

impl Machine {
    /// A branch that depends on data. One that only raises is never taken.
    pub(super) fn branch(&mut self, cond: Handle, env: &mut Env, then: Body<'_>, other: Body<'_>) -> Step<Flow> {
        let yes = match self.side("then", env, then)? {
            Ok(side) => side,
            Err(_) => return other(self, env),
        };
        let no = match self.side("else", env, other)? {
            Ok(side) => side,
            Err(_) => return then(self, env),
        };
        self.merge(cond, env, yes, no)
    }

    /// Evaluates a branch in a body of its own and undoes what it did; `Err` when it raises.
    fn side(&mut self, name: &str, env: &Env, body: Body<'_>) -> Step<std::result::Result<Side, Rc<str>>> {
        self.charge(env.len())?;
        self.push_frame(name);
        self.begin_journal();
        let mut inner = env.clone();
        let depth = (self.depth, self.calls, self.path.clone());
        let out = body(self, &mut inner).and_then(|flow| {
            let start = self.journals.last().map_or(0, |j| j.start);
            let mut vars = BTreeMap::new();
            for (name, v) in &inner {
                if !env.get(name).is_some_and(|old| same(old, v)) {
                    vars.insert(name.clone(), self.freeze(v, start)?);
                }
            }
            let result = if let Flow::Return(v) = &flow { Some(self.freeze(v, start)?) } else { None };
            let touched: Vec<Ref> = self.journals.last().map_or(Vec::new(), |j| j.old.keys().copied().collect());
            let mut objects = BTreeMap::new();
            for r in touched {
                objects.insert(r, self.freeze_object(r, start)?);
            }
            Ok((vars, objects, result, flow))
        });
        let journal = self.end_journal();
        self.undo(&journal);
        let frame = self.frames.pop();
        match (out, frame) {
            (Ok((vars, objects, result, flow)), Some(frame)) => {
                Ok(Ok(Side { frame, vars, objects, result, flow: Some(flow) }))
            }
            (Err(Stop::Raised(why)), _) => {
                (self.depth, self.calls, self.path) = depth;
                Ok(Err(why))
            }
            (Err(stop), _) => Err(stop),
            (Ok(_), None) => Err(damaged("there is no graph to build")),
        }
    }

    fn merge(&mut self, cond: Handle, env: &mut Env, mut yes: Side, mut no: Side) -> Step<Flow> {
        let start = self.heap_len();
        let mut pairs = Pairs::default();
        let mut vars = Vec::new();
        let names: BTreeSet<Rc<str>> = yes.vars.keys().chain(no.vars.keys()).cloned().collect();
        for name in names {
            let old = env.get(&name).cloned();
            let mut get = |vars: &mut BTreeMap<Rc<str>, Frozen>| match (vars.remove(&name), &old) {
                (Some(f), _) => Ok(Some(f)),
                (None, Some(v)) => self.freeze(v, start).map(Some),
                (None, None) => Ok(None),
            };
            // A variable of one branch only is not used outside.
            if let (Some(a), Some(b)) = (get(&mut yes.vars)?, get(&mut no.vars)?) {
                vars.push((name, pairs.merge(a, b)));
            }
        }
        let mut objects = Vec::new();
        let refs: BTreeSet<Ref> = yes.objects.keys().chain(no.objects.keys()).copied().collect();
        for r in refs {
            let mut get = |objects: &mut BTreeMap<Ref, Frozen>| match objects.remove(&r) {
                Some(f) => Ok(f),
                None => self.freeze_object(r, start),
            };
            let (a, b) = (get(&mut yes.objects)?, get(&mut no.objects)?);
            objects.push((r, pairs.merge(a, b)));
        }
        let result = match (yes.result.take(), no.result.take()) {
            (Some(a), Some(b)) => Some(pairs.merge(a, b)),
            (None, None) => None,
            _ => return Err(unsupported("only one branch of a choice that depends on data returns")),
        };
        match (&yes.flow, &no.flow) {
            (Some(Flow::Break | Flow::Continue), _) | (_, Some(Flow::Break | Flow::Continue)) => {
                return Err(unsupported("a loop is left by a choice that depends on data"));
            }
            _ => {}
        }
        let values = self.emit_branch(cond, pairs, yes.frame, no.frame)?;
        for (name, merged) in vars {
            let v = self.thaw(merged, &values)?;
            env.insert(name, v);
        }
        for (r, merged) in objects {
            self.thaw_into(r, merged, &values)?;
        }
        Ok(match result {
            Some(merged) => Flow::Return(self.thaw(merged, &values)?),
            None => Flow::Next,
        })
    }

    fn emit_branch(&mut self, cond: Handle, pairs: Pairs, yes: Frame, no: Frame) -> Step<Vec<Handle>> {
        let pairs = pairs.into_pairs();
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        self.charge(pairs.len())?;
        let cond = self.resolve(cond)?;
        let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        // An output that one side never sets has the type of the other's.
        let (yes, types_a) = self.close_side(yes, &a, &vec![None; a.len()])?;
        let (no, types_b) = self.close_side(no, &b, &types_a)?;
        let missing = a.iter().any(|p| p.handle.is_none());
        let (yes, types_a) = if missing { self.reclose(yes, &a, &types_b)? } else { (yes, types_a) };
        let frame = self.frame()?;
        let ids = frame.emit.branch(cond, yes.emit, no.emit);
        for (id, ty) in ids.iter().zip(types_a.into_iter().zip(types_b)) {
            frame.typing.declare(*id, join(ty.0, ty.1), false);
        }
        ids.into_iter().map(|id| self.made(id)).collect()
    }

    fn reclose(
        &mut self,
        frame: Frame,
        parts: &[super::frozen::Part],
        types: &[Option<TensorType>],
    ) -> Step<(Frame, Vec<Option<TensorType>>)> {
        let mut frame = frame;
        frame.emit.clear_outputs();
        self.close_side(frame, parts, types)
    }

    /// Names the outputs of a body; where a side has none, zeros of the type that is given.
    fn close_side(
        &mut self,
        frame: Frame,
        parts: &[super::frozen::Part],
        types: &[Option<TensorType>],
    ) -> Step<(Frame, Vec<Option<TensorType>>)> {
        self.frames.push(frame);
        let mut out = Vec::new();
        for (part, ty) in parts.iter().zip(types) {
            let h = match (part.handle, &part.number, ty) {
                (Some(h), ..) => h,
                (None, Some(v), _) => self.number_handle(v)?,
                (None, None, ty) => {
                    let ty = ty.clone().unwrap_or_else(|| TensorType::known(DType::F32, &[]));
                    let shape: Vec<usize> = ty.shape.iter().map(|d| d.known().unwrap_or(1)).collect();
                    let n = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).unwrap_or(usize::MAX);
                    self.charge(n)?;
                    let zeros = modelport_ir::Tensor::from_f64s(ty.dtype, &shape, &vec![0.0; n]).map_err(Stop::Fail)?;
                    self.constant("", zeros)
                }
            };
            let id = self.resolve(h)?;
            let frame = self.frame()?;
            let index = out.len();
            frame.emit.output(format!("out{index}"), id);
            out.push(frame.typing.ty(id));
        }
        let frame = self.frames.pop().ok_or_else(|| damaged("there is no graph to build"))?;
        Ok((frame, out))
    }

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

/// Whether two values are one.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Num(k, x), Value::Num(l, y)) => k == l && x == y,
        (Value::Tensor(x), Value::Tensor(y))
        | (Value::List(x), Value::List(y))
        | (Value::Tuple(x), Value::Tuple(y))
        | (Value::Dict(x), Value::Dict(y))
        | (Value::Object(x), Value::Object(y)) => x == y,
        (Value::Enum(x), Value::Enum(y)) => x == y,
        (Value::Path(x), Value::Path(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits(),
        (Value::Closure(x, _), Value::Closure(y, _)) => Rc::ptr_eq(x, y),
        (Value::Lost(_), Value::Lost(_)) => true,
        _ => a.plain().is_some_and(|p| Some(p) == b.plain()),
    }
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
