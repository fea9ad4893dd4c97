//! Branches that depend on data: both sides become graphs.
//!
//! Owns: which variables and objects a body changes, and how what the two sides leave becomes one value. Must
//! never know: what operations do.

use super::frame::Frame;
use super::frozen::{Frozen, Pairs};
use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::stmt::Flow;
use super::value::{Env, Handle, Ref, join, same};
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
}
