//! What a branch or round leaves behind, apart from its body: structures of values of the graph.
//!
//! Owns: taking values apart and putting them together. Must never know: how bodies are evaluated.

use super::control::same;
use super::machine::{Machine, Step, damaged};
use super::value::{Cell, Dict, Handle, Kind, Obj, Ref, Value};
use modelport_ir::TensorType;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// A value taken apart.
#[derive(Clone, Debug)]
pub(super) enum Frozen {
    /// One that is the same inside and outside of the body.
    Value(Value),
    /// A tensor: which, whether it is older than the body, and its value.
    Tensor(Ref, bool, Handle),
    Num(Kind, Handle),
    List(Vec<Frozen>),
    Tuple(Vec<Frozen>, Option<Rc<str>>),
    Dict(Vec<(Value, Frozen)>),
    /// The attributes of an object.
    Attrs(BTreeMap<Rc<str>, Frozen>),
    Lost(Rc<str>),
}

/// A value of the graph, or a number that is known; neither where a side leaves nothing.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) handle: Option<Handle>,
    pub(super) number: Option<Value>,
}

impl Part {
    fn handle(h: Handle) -> Self {
        Self { handle: Some(h), number: None }
    }

    fn number(v: Value) -> Self {
        Self { handle: None, number: Some(v) }
    }

    fn nothing() -> Self {
        Self { handle: None, number: None }
    }
}

/// A value put together from results by number.
#[derive(Clone, Debug)]
pub(super) enum Merged {
    Value(Value),
    Tensor(usize),
    Num(Kind, usize),
    List(Vec<Merged>),
    Tuple(Vec<Merged>, Option<Rc<str>>),
    Dict(Vec<(Value, Merged)>),
    Attrs(BTreeMap<Rc<str>, Merged>),
    Lost(Rc<str>),
}

/// Pairs of what two branches leave.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pairs: Vec<(Part, Part)>,
    tensors: HashMap<(Ref, Ref), usize>,
}

impl Pairs {
    pub(super) fn into_pairs(self) -> Vec<(Part, Part)> {
        self.pairs
    }

    fn push(&mut self, a: Part, b: Part) -> usize {
        self.pairs.push((a, b));
        self.pairs.len() - 1
    }

    /// One value from what two branches leave.
    pub(super) fn merge(&mut self, a: Frozen, b: Frozen) -> Merged {
        match (a, b) {
            // What was done to a tensor from outside is in the objects that were changed.
            (Frozen::Tensor(x, true, _), Frozen::Tensor(y, true, _)) if x == y => Merged::Value(Value::Tensor(x)),
            (Frozen::Tensor(x, _, h), Frozen::Tensor(y, _, g)) if x == y && h == g => Merged::Value(Value::Tensor(x)),
            (Frozen::Tensor(x, _, h), Frozen::Tensor(y, _, g)) => {
                if let Some(&i) = self.tensors.get(&(x, y)) {
                    return Merged::Tensor(i);
                }
                let i = self.push(Part::handle(h), Part::handle(g));
                self.tensors.insert((x, y), i);
                Merged::Tensor(i)
            }
            (Frozen::Tensor(_, _, h), Frozen::Lost(_)) => Merged::Tensor(self.push(Part::handle(h), Part::nothing())),
            (Frozen::Lost(_), Frozen::Tensor(_, _, h)) => Merged::Tensor(self.push(Part::nothing(), Part::handle(h))),
            (Frozen::Lost(why), Frozen::Lost(_)) => Merged::Lost(why),
            (Frozen::Lost(why), other) => self.with_lost(other, &why, false),
            (other, Frozen::Lost(why)) => self.with_lost(other, &why, true),
            (Frozen::List(a), Frozen::List(b)) if a.len() == b.len() => Merged::List(self.all(a, b)),
            (Frozen::Tuple(a, class), Frozen::Tuple(b, _)) if a.len() == b.len() => {
                Merged::Tuple(self.all(a, b), class)
            }
            (Frozen::Dict(a), Frozen::Dict(b))
                if a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| same(&x.0, &y.0)) =>
            {
                Merged::Dict(a.into_iter().zip(b).map(|((k, x), (_, y))| (k, self.merge(x, y))).collect())
            }
            (Frozen::Attrs(a), Frozen::Attrs(mut b)) => {
                let pairs = a.into_iter().filter_map(|(k, x)| b.remove(&k).map(|y| (k, x, y))).collect::<Vec<_>>();
                Merged::Attrs(pairs.into_iter().map(|(k, x, y)| (k, self.merge(x, y))).collect())
            }
            (a, b) => self.leaves(a, b),
        }
    }

    fn all(&mut self, a: Vec<Frozen>, b: Vec<Frozen>) -> Vec<Merged> {
        a.into_iter().zip(b).map(|(x, y)| self.merge(x, y)).collect()
    }

    /// What one branch (the first, or the second) leaves and the other does not: it is not used when the other was taken.
    fn with_lost(&mut self, other: Frozen, why: &Rc<str>, first: bool) -> Merged {
        let lost = || Frozen::Lost(why.clone());
        let mut each = |f: Frozen| if first { self.merge(f, lost()) } else { self.merge(lost(), f) };
        match other {
            Frozen::Num(kind, h) => {
                let (a, b) = (Part::handle(h), Part::nothing());
                Merged::Num(kind, if first { self.push(a, b) } else { self.push(b, a) })
            }
            Frozen::Value(v) => Merged::Value(v),
            Frozen::List(items) => Merged::List(items.into_iter().map(each).collect()),
            Frozen::Tuple(items, class) => Merged::Tuple(items.into_iter().map(&mut each).collect(), class),
            Frozen::Dict(items) => Merged::Dict(items.into_iter().map(|(k, f)| (k, each(f))).collect()),
            _ => Merged::Lost(why.clone()),
        }
    }

    fn leaves(&mut self, a: Frozen, b: Frozen) -> Merged {
        if let (Frozen::Value(x), Frozen::Value(y)) = (&a, &b)
            && same(x, y)
        {
            return Merged::Value(x.clone());
        }
        let part = |f: &Frozen| match f {
            Frozen::Num(kind, h) => Some((*kind, Part::handle(*h))),
            Frozen::Value(v) => v.kind().map(|k| (k, Part::number(v.clone()))),
            _ => None,
        };
        match (part(&a), part(&b)) {
            (Some((k, x)), Some((l, y))) if k == l => {
                if let (Some(p), Some(q)) = (x.handle, y.handle)
                    && p == q
                {
                    return Merged::Value(Value::Num(k, p));
                }
                Merged::Num(k, self.push(x, y))
            }
            _ => {
                Merged::Lost("a value is used whose type (a tensor, None, the length of a list) depends on data".into())
            }
        }
    }
}

/// The leaves of what a round leaves, in the order of those that it began with.
pub(super) fn align(before: &Frozen, after: &Frozen, out: &mut Vec<Part>) -> Result<(), String> {
    match (before, after) {
        (Frozen::Tensor(..), Frozen::Tensor(_, _, h)) => out.push(Part::handle(*h)),
        (Frozen::List(a), Frozen::List(b)) | (Frozen::Tuple(a, _), Frozen::Tuple(b, _)) if a.len() == b.len() => {
            for (x, y) in a.iter().zip(b) {
                align(x, y, out)?;
            }
        }
        (Frozen::Dict(a), Frozen::Dict(b)) if a.len() == b.len() => {
            for ((_, x), (_, y)) in a.iter().zip(b) {
                align(x, y, out)?;
            }
        }
        (Frozen::Attrs(a), Frozen::Attrs(b)) if a.len() == b.len() => {
            for (x, y) in a.values().zip(b.values()) {
                align(x, y, out)?;
            }
        }
        (Frozen::Num(..), Frozen::Num(_, h)) => out.push(Part::handle(*h)),
        (Frozen::Num(..), Frozen::Value(v)) if v.kind().is_some() => out.push(Part::number(v.clone())),
        (Frozen::Value(a), Frozen::Num(_, h)) if a.kind().is_some() => out.push(Part::handle(*h)),
        (Frozen::Value(a), Frozen::Value(b)) if a.kind().is_some() && b.kind().is_some() => {
            out.push(Part::number(b.clone()));
        }
        (Frozen::Value(a), Frozen::Value(b)) if same(a, b) => {}
        // What a round needs of the round before it sets before it reads, or reading it fails.
        (Frozen::Lost(_), _) => {}
        _ => {
            return Err(
                "a loop that depends on data changes the length of a list, or makes a value of another type".to_owned()
            );
        }
    }
    Ok(())
}

impl Merged {
    /// The same structure with results in the place of leaves.
    pub(super) fn of(f: &Frozen, next: &mut usize) -> Self {
        let mut take = || {
            *next += 1;
            *next - 1
        };
        match f {
            Frozen::Tensor(..) => Self::Tensor(take()),
            Frozen::Num(kind, _) => Self::Num(*kind, take()),
            Frozen::Value(v) => match v.kind() {
                Some(kind) => Self::Num(kind, take()),
                None => Self::Value(v.clone()),
            },
            Frozen::List(items) => Self::List(items.iter().map(|f| Self::of(f, next)).collect()),
            Frozen::Tuple(items, class) => {
                Self::Tuple(items.iter().map(|f| Self::of(f, next)).collect(), class.clone())
            }
            Frozen::Dict(items) => Self::Dict(items.iter().map(|(k, f)| (k.clone(), Self::of(f, next))).collect()),
            Frozen::Attrs(items) => Self::Attrs(items.iter().map(|(k, f)| (k.clone(), Self::of(f, next))).collect()),
            Frozen::Lost(why) => Self::Lost(why.clone()),
        }
    }
}

impl Machine {
    /// Takes a value apart; objects from `start` on are younger than the body.
    pub(super) fn freeze(&mut self, v: &Value, start: usize) -> Step<Frozen> {
        self.charge(1)?;
        let young = |r: &Ref| r.0 as usize >= start;
        Ok(match v {
            Value::Tensor(r) => {
                let h = self.current(*r)?;
                Frozen::Tensor(*r, !young(r), h)
            }
            Value::Num(kind, h) => Frozen::Num(*kind, *h),
            Value::List(r) if young(r) => Frozen::List(self.freeze_all(*r, start)?),
            Value::Tuple(r) => {
                let class = if let Obj::Tuple(_, class) = self.obj(*r) { class.clone() } else { None };
                Frozen::Tuple(self.freeze_all(*r, start)?, class)
            }
            Value::Dict(r) if young(r) => self.freeze_object(*r, start)?,
            Value::Lost(why) => Frozen::Lost(why.clone()),
            _ => Frozen::Value(v.clone()),
        })
    }

    fn freeze_all(&mut self, r: Ref, start: usize) -> Step<Vec<Frozen>> {
        let items = self.list(r).to_vec();
        items.iter().map(|v| self.deeper(|m| m.freeze(v, start))).collect()
    }

    /// Takes the content of an object apart.
    pub(super) fn freeze_object(&mut self, r: Ref, start: usize) -> Step<Frozen> {
        Ok(match self.obj(r).clone() {
            Obj::Tensor(_) => {
                let h = self.current(r)?;
                Frozen::Tensor(r, false, h)
            }
            Obj::List(_) => Frozen::List(self.freeze_all(r, start)?),
            Obj::Tuple(_, class) => Frozen::Tuple(self.freeze_all(r, start)?, class),
            Obj::Dict(d) => {
                let mut out = Vec::new();
                for (k, v) in d.entries {
                    out.push((k, self.deeper(|m| m.freeze(&v, start))?));
                }
                Frozen::Dict(out)
            }
            Obj::Object(o) => {
                let mut out = BTreeMap::new();
                for (k, v) in o.attrs {
                    out.insert(k, self.deeper(|m| m.freeze(&v, start))?);
                }
                Frozen::Attrs(out)
            }
        })
    }

    /// Puts a value together.
    pub(super) fn thaw(&mut self, m: Merged, values: &[Handle]) -> Step<Value> {
        let get = |i: usize| values.get(i).copied().ok_or_else(|| damaged("a result is missing"));
        Ok(match m {
            Merged::Value(v) => v,
            Merged::Tensor(i) => {
                let h = get(i)?;
                if let Some(&r) = self.thawed.get(&h) {
                    return Ok(Value::Tensor(r));
                }
                let v = self.new_tensor(h)?;
                if let Value::Tensor(r) = v {
                    self.thawed.insert(h, r);
                }
                v
            }
            Merged::Num(kind, i) => Value::Num(kind, get(i)?),
            Merged::List(items) => {
                let items = items.into_iter().map(|m| self.thaw(m, values)).collect::<Step<_>>()?;
                self.new_list(items)?
            }
            Merged::Tuple(items, class) => {
                let items = items.into_iter().map(|m| self.thaw(m, values)).collect::<Step<_>>()?;
                Value::Tuple(self.alloc(Obj::Tuple(items, class))?)
            }
            Merged::Dict(items) => {
                let items = items.into_iter().map(|(k, m)| Ok((k, self.thaw(m, values)?))).collect::<Step<_>>()?;
                Value::Dict(self.alloc(Obj::Dict(Dict { entries: items, open: false }))?)
            }
            Merged::Attrs(_) => return Err(damaged("an object has no place")),
            Merged::Lost(why) => Value::Lost(why),
        })
    }

    /// Puts an object's content together in its place.
    pub(super) fn thaw_into(&mut self, r: Ref, m: Merged, values: &[Handle]) -> Step<()> {
        match m {
            Merged::Tensor(i) => {
                let h = values.get(i).copied().ok_or_else(|| damaged("a result is missing"))?;
                self.overwrite(r, h)
            }
            Merged::Attrs(attrs) => {
                for (k, m) in attrs {
                    let v = self.thaw(m, values)?;
                    self.object_mut(r)?.attrs.insert(k, v);
                }
                Ok(())
            }
            Merged::Lost(why) => self.lose(r, &why),
            m => {
                let v = self.thaw(m, values)?;
                self.replace(r, &v)
            }
        }
    }

    /// What a branch made of a list is not the same in both: whoever reads it learns why that fails.
    fn lose(&mut self, r: Ref, why: &Rc<str>) -> Step<()> {
        match self.obj_mut(r) {
            Obj::List(l) => *l = vec![Value::Lost(why.clone())],
            Obj::Dict(d) => d.entries.iter_mut().for_each(|(_, v)| *v = Value::Lost(why.clone())),
            _ => {}
        }
        Ok(())
    }

    /// Gives an object the content of another of its kind.
    pub(super) fn replace(&mut self, r: Ref, v: &Value) -> Step<()> {
        match v {
            Value::Tensor(from) if *from == r => Ok(()),
            Value::Tensor(from) => {
                let h = self.current(*from)?;
                self.overwrite(r, h)
            }
            Value::List(from) | Value::Tuple(from) | Value::Dict(from) | Value::Object(from) => {
                if *from != r {
                    let new = self.obj(*from).clone();
                    *self.obj_mut(r) = new;
                }
                Ok(())
            }
            _ => Err(damaged("an object becomes a value of another kind")),
        }
    }

    /// A tensor's content after a branch; what it views was set by the same branch.
    fn overwrite(&mut self, r: Ref, h: Handle) -> Step<()> {
        let Cell { view, .. } = self.cell(r)?.clone();
        let seen = match &view {
            Some(v) => self.cell(v.base)?.changes,
            None => 0,
        };
        let cell = self.cell_mut(r)?;
        cell.value = h;
        cell.changes = cell.changes.wrapping_add(1);
        cell.seen = seen;
        Ok(())
    }

    /// The value that a round begins with, as inputs of its body.
    pub(super) fn loop_input(
        &mut self,
        f: &Frozen,
        types: &BTreeMap<usize, Option<TensorType>>,
        leaves: &mut Vec<(Part, Option<TensorType>)>,
    ) -> Step<Value> {
        Ok(match f {
            Frozen::Tensor(_, _, h) => {
                let ty = types.get(&leaves.len()).cloned().unwrap_or_else(|| self.ty(*h));
                leaves.push((Part::handle(*h), ty.clone()));
                let h = self.add_input(&format!("c{}", leaves.len()), ty)?;
                self.new_tensor(h)?
            }
            Frozen::Num(kind, h) => self.loop_number(*kind, Part::handle(*h), leaves)?,
            Frozen::Value(v) => match v.kind() {
                Some(kind) => self.loop_number(kind, Part::number(v.clone()), leaves)?,
                None => v.clone(),
            },
            Frozen::List(items) => {
                let items = items.iter().map(|f| self.loop_input(f, types, leaves)).collect::<Step<_>>()?;
                self.new_list(items)?
            }
            Frozen::Tuple(items, class) => {
                let items = items.iter().map(|f| self.loop_input(f, types, leaves)).collect::<Step<_>>()?;
                Value::Tuple(self.alloc(Obj::Tuple(items, class.clone()))?)
            }
            Frozen::Dict(items) => {
                let mut entries = Vec::new();
                for (k, f) in items {
                    entries.push((k.clone(), self.loop_input(f, types, leaves)?));
                }
                Value::Dict(self.alloc(Obj::Dict(Dict { entries, open: false }))?)
            }
            Frozen::Attrs(_) => {
                return Err(super::machine::unsupported("a loop that depends on data changes a module"));
            }
            Frozen::Lost(why) => Value::Lost(why.clone()),
        })
    }

    fn loop_number(&mut self, kind: Kind, part: Part, leaves: &mut Vec<(Part, Option<TensorType>)>) -> Step<Value> {
        let ty = Some(TensorType::known(kind.dtype(), &[]));
        leaves.push((part, ty.clone()));
        let h = self.add_input(&format!("c{}", leaves.len()), ty)?;
        Ok(Value::Num(kind, h))
    }
}
