//! Sizes that may be known only at run time: the elements of `view`, `expand`, `full` and the like.

use super::call::Call;
use modelport_diag::Result;
use modelport_ir::infer::KnownInt;
use modelport_ir::{Attr, Builder, DType, Dim, Op, TensorType, ValueId};

/// A size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Known when the model is converted; −1 has the op's own meaning.
    Known(i64),
    /// An i64 scalar.
    Value(ValueId),
}

/// Begins the symbols of [`mark`]; no file and no user has such.
const MARK: char = '?';

/// A dimension of which nothing is known, and whose size is asked for, becomes a symbol: so that `view(b, −1, h, w)` of what
/// was made by `view(b, 2, c, h, w)` has a known number of channels.
fn mark(b: &mut Builder, x: ValueId, axis: usize) {
    let mut ty = b.ty(x).clone();
    if let Some(dim) = ty.shape.get_mut(axis).filter(|d| **d == Dim::Unknown) {
        *dim = Dim::symbol(&format!("{MARK}{}.{axis}", x.0));
        b.graph_mut().set_type(x, ty);
    }
}

/// Takes the marks away: they are good for one graph, as their numbers are, and say nothing to a reader.
pub(super) fn unmark(b: &mut Builder) {
    let graph = b.graph_mut();
    let marked: Vec<_> = graph.values().filter(|(_, v)| v.ty.shape.iter().any(is_mark)).map(|(id, _)| id).collect();
    for id in marked {
        let ty = unmarked(graph.ty(id));
        graph.set_type(id, ty);
    }
}

/// A type as another graph may see it.
pub(super) fn unmarked(ty: &TensorType) -> TensorType {
    let mut ty = ty.clone();
    ty.shape.iter_mut().filter(|d| is_mark(d)).for_each(|d| *d = Dim::Unknown);
    ty
}

fn is_mark(dim: &Dim) -> bool {
    matches!(dim, Dim::Symbol(s) if s.starts_with(MARK))
}

impl Call<'_> {
    /// A size: a literal, or a number that is computed at run time.
    pub(crate) fn size_of(&mut self, arg: &Attr, name: &str) -> Result<Size> {
        if let Some(i) = arg.as_int() {
            return Ok(Size::Known(i));
        }
        let Some(o) = self.operand(arg) else { return Err(self.bad(name, "sizes")) };
        let known = self.b.known(o.value).filter(|k| k.0.len() == 1).and_then(|k| k.0.first());
        if let Some(i) = known.and_then(KnownInt::value) {
            return Ok(Size::Known(i));
        }
        let value = self.b.cast(o.value, DType::I64)?;
        let value = if self.b.rank(value) == 0 { value } else { self.b.reshape(value, &[])? };
        Ok(Size::Value(value))
    }

    /// One size.
    pub(crate) fn size(&mut self, name: &str) -> Result<Option<Size>> {
        let Some(arg) = self.arg(name).cloned() else { return Ok(None) };
        self.size_of(&arg, name).map(Some)
    }

    /// The sizes in a list.
    pub(crate) fn sizes(&mut self, name: &str) -> Result<Vec<Size>> {
        match self.arg(name).cloned() {
            Some(Attr::List(items)) => items.iter().map(|a| self.size_of(a, name)).collect(),
            Some(one) => Ok(vec![self.size_of(&one, name)?]),
            None => Err(self.bad(name, "a list of sizes")),
        }
    }

    /// The sizes as an i64 vector.
    pub(crate) fn vector(&mut self, sizes: &[Size]) -> Result<ValueId> {
        let known: Option<Vec<i64>> =
            sizes.iter().map(|s| if let Size::Known(i) = s { Some(*i) } else { None }).collect();
        if let Some(known) = known {
            return Ok(self.b.ints(&known));
        }
        let mut parts = Vec::with_capacity(sizes.len());
        for size in sizes {
            parts.push(match size {
                Size::Known(i) => self.b.ints(&[*i]),
                Size::Value(v) => self.b.unsqueeze(*v, &[0])?,
            });
        }
        self.b.concat(&parts, 0)
    }

    /// The size of a dimension.
    pub(crate) fn dim(&mut self, x: ValueId, axis: usize) -> Result<Size> {
        if let Some(n) = self.b.shape(x).get(axis).and_then(Dim::known) {
            return Ok(Size::Known(n as i64));
        }
        mark(self.b, x, axis);
        let n = self.b.dim(x, axis)?;
        Ok(Size::Value(self.b.squeeze(n, &[0])?))
    }

    /// All dimensions.
    pub(crate) fn dims(&mut self, x: ValueId) -> Result<Vec<Size>> {
        (0..self.b.rank(x)).map(|axis| self.dim(x, axis)).collect()
    }

    /// All dimensions as an i64 vector.
    pub(crate) fn shape(&mut self, x: ValueId) -> Result<ValueId> {
        self.b.one(Op::Shape { start: 0, end: None }, &[x])
    }

    /// Reshapes. A single size that is known only at run time is left to be inferred, so that the shape is a constant.
    pub(crate) fn reshape(&mut self, x: ValueId, sizes: &[Size]) -> Result<ValueId> {
        let inferred = sizes.contains(&Size::Known(-1));
        let empty = sizes.contains(&Size::Known(0));
        let mut sizes = sizes.to_vec();
        if !inferred && !empty && sizes.iter().filter(|s| matches!(s, Size::Value(_))).count() == 1 {
            for s in &mut sizes {
                if matches!(s, Size::Value(_)) {
                    *s = Size::Known(-1);
                }
            }
        }
        let shape = self.vector(&sizes)?;
        self.b.one(Op::Reshape { allow_zero: empty }, &[x, shape])
    }

    /// Broadcasts to sizes; −1 keeps a dimension.
    pub(crate) fn expand(&mut self, x: ValueId, sizes: &[Size]) -> Result<ValueId> {
        let sizes: Vec<Size> = sizes.iter().map(|s| if *s == Size::Known(-1) { Size::Known(1) } else { *s }).collect();
        let shape = self.vector(&sizes)?;
        self.b.one(Op::Expand, &[x, shape])
    }
}

impl Call<'_> {
    /// Reshapes where dimensions before `axis` are those of `x`, which are copied rather than computed.
    pub(crate) fn reshape_keeping(&mut self, x: ValueId, sizes: &[Size], axis: usize) -> Result<ValueId> {
        let empty = sizes.contains(&Size::Known(0));
        if empty {
            return self.reshape(x, sizes);
        }
        let kept = |(i, s): (usize, &Size)| if i < axis && matches!(s, Size::Value(_)) { Size::Known(0) } else { *s };
        let mut sizes: Vec<Size> = sizes.iter().enumerate().map(kept).collect();
        let open = |s: &Size| matches!(s, Size::Value(_));
        if !sizes.contains(&Size::Known(-1)) && sizes.iter().filter(|s| open(s)).count() == 1 {
            sizes.iter_mut().filter(|s| open(s)).for_each(|s| *s = Size::Known(-1));
        }
        let shape = self.vector(&sizes)?;
        self.b.one(Op::Reshape { allow_zero: false }, &[x, shape])
    }

    /// Broadcasts to sizes unless they are those of the value already; −1 keeps a dimension.
    pub(crate) fn expand_if_needed(&mut self, x: ValueId, sizes: &[Size]) -> Result<ValueId> {
        let shape = self.b.shape(x).to_vec();
        let same = |(s, d): (&Size, &Dim)| match s {
            Size::Known(-1) => true,
            Size::Known(n) => d.known().is_some_and(|k| k as i64 == *n),
            Size::Value(v) => {
                let known = self.b.known(*v).and_then(|k| k.0.first()).map(KnownInt::to_dim);
                known.is_some_and(|k| k.same(d))
            }
        };
        if sizes.len() == shape.len() && sizes.iter().zip(&shape).all(same) {
            return Ok(x);
        }
        self.expand(x, sizes)
    }
}
