//! What a branch or round leaves behind, apart from its body: structures of values of the graph.
//!
//! Owns: one value from what two branches leave, and what a round carries. Must never know: how bodies are evaluated.

use super::value::same;
use super::value::{Handle, Kind, Ref, Value};
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
    pub(super) fn handle(h: Handle) -> Self {
        Self { handle: Some(h), number: None }
    }

    pub(super) fn number(v: Value) -> Self {
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
