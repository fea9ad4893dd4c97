//! What every family needs: operands with checks, axes, broadcasting, messages.

use super::{KnownInt, Operand};
use crate::{DType, Dim, Shape, TensorType};
use modelport_diag::{Code, Diagnostic, Result};

/// An op's results, or why its operands do not fit.
pub(super) type Out = Result<Vec<TensorType>>;

/// The op under inference and its operands.
#[derive(Clone, Copy)]
pub(super) struct Ctx<'a> {
    pub(super) name: &'static str,
    pub(super) operands: &'a [Option<Operand<'a>>],
}

/// Whether arithmetic is defined on the type.
pub(super) fn numeric(d: DType) -> bool {
    d.is_float() || d.is_int()
}

impl<'a> Ctx<'a> {
    pub(super) fn error(&self, message: impl AsRef<str>) -> Box<Diagnostic> {
        let found: Vec<_> =
            self.operands.iter().map(|o| o.map_or_else(|| "none".to_owned(), |o| o.ty.to_string())).collect();
        Diagnostic::error(Code::IR_TYPE, format!("`{}`: {}", self.name, message.as_ref()))
            .found(format!("operands ({})", found.join(", ")))
    }

    pub(super) fn fail<T>(&self, message: impl AsRef<str>) -> Result<T> {
        Err(self.error(message))
    }

    pub(super) fn require(&self, holds: bool, message: impl FnOnce() -> String) -> Result<()> {
        if holds { Ok(()) } else { self.fail(message()) }
    }

    pub(super) fn operand(&self, i: usize) -> Option<Operand<'a>> {
        self.operands.get(i).copied().flatten()
    }

    pub(super) fn opt(&self, i: usize) -> Option<&'a TensorType> {
        self.operand(i).map(|o| o.ty)
    }

    pub(super) fn ty(&self, i: usize) -> Result<&'a TensorType> {
        self.opt(i).ok_or_else(|| self.error(format!("operand {i} is missing")))
    }

    /// Between `least` and `most` operands are there.
    pub(super) fn arity(&self, least: usize, most: usize) -> Result<()> {
        let n = self.operands.len();
        self.require((least..=most).contains(&n), || format!("takes {least} to {most} operands, not {n}"))
    }

    pub(super) fn rank(&self, i: usize, rank: usize) -> Result<&'a TensorType> {
        let ty = self.ty(i)?;
        self.require(ty.rank() == rank, || format!("operand {i} must have rank {rank}, has type {ty}"))?;
        Ok(ty)
    }

    pub(super) fn check(&self, i: usize, what: &str, accepts: impl Fn(DType) -> bool) -> Result<&'a TensorType> {
        let ty = self.ty(i)?;
        self.require(accepts(ty.dtype), || format!("operand {i} must be of {what} type, has type {ty}"))?;
        Ok(ty)
    }

    pub(super) fn float(&self, i: usize) -> Result<&'a TensorType> {
        self.check(i, "floating-point", DType::is_float)
    }

    pub(super) fn numeric(&self, i: usize) -> Result<&'a TensorType> {
        self.check(i, "numeric", numeric)
    }

    pub(super) fn int(&self, i: usize) -> Result<&'a TensorType> {
        self.check(i, "integer", DType::is_int)
    }

    /// All operands from `from` on that are there have this element type.
    pub(super) fn same_dtype(&self, from: usize, dtype: DType) -> Result<()> {
        for (i, o) in self.operands.iter().enumerate().skip(from) {
            let fits = o.is_none_or(|o| o.ty.dtype == dtype);
            self.require(fits, || format!("operand {i} must have element type {dtype} like the others"))?;
        }
        Ok(())
    }

    /// An axis, counted from the end when negative, of a value of `rank`.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let at = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        at.and_then(|a| usize::try_from(a).ok())
            .filter(|&a| a < rank)
            .ok_or_else(|| self.error(format!("axis {axis} is outside of rank {rank}")))
    }

    /// Distinct axes in the order given.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let mut out = Vec::with_capacity(axes.len());
        for &a in axes {
            let a = self.axis(a, rank)?;
            self.require(!out.contains(&a), || format!("axis {a} stands twice"))?;
            out.push(a);
        }
        Ok(out)
    }

    pub(super) fn broadcast(&self, a: &[Dim], b: &[Dim]) -> Result<Shape> {
        let rank = a.len().max(b.len());
        let at = |s: &[Dim], i: usize| (i + s.len()).checked_sub(rank).map_or(Dim::Known(1), |j| s[j].clone());
        (0..rank)
            .map(|i| {
                let (x, y) = (at(a, i), at(b, i));
                broadcast_dim(&x, &y).ok_or_else(|| {
                    self.error(format!("dimensions {x} and {y} on axis {i} of the result do not broadcast"))
                })
            })
            .collect()
    }

    /// Two dimensions that must be equal when the model runs.
    pub(super) fn equal(&self, a: &Dim, b: &Dim, what: &str) -> Result<Dim> {
        match (a, b) {
            (Dim::Known(x), Dim::Known(y)) if x != y => self.fail(format!("{what} must be equal, are {x} and {y}")),
            (Dim::Known(_), _) | (_, Dim::Unknown) => Ok(a.clone()),
            (_, Dim::Known(_)) | (Dim::Unknown, _) => Ok(b.clone()),
            _ => Ok(a.clone()),
        }
    }

    /// Operand `i` is a vector of `dim` elements.
    pub(super) fn vector_of(&self, i: usize, dim: &Dim) -> Result<()> {
        let ty = self.rank(i, 1)?;
        self.equal(&ty.shape[0], dim, &format!("the length of operand {i} and that of the axis it belongs to"))?;
        Ok(())
    }

    /// The elements of an integer operand of rank 0 or 1, `Unknown` where they are not known; an error when not even
    /// their number is.
    pub(super) fn ints(&self, i: usize) -> Result<Vec<KnownInt>> {
        self.opt_ints(i)?.ok_or_else(|| {
            self.error(format!("the number of elements of operand {i} is not known, so the result has no rank"))
                .help("its length must be known when the model is converted")
        })
    }

    /// As [`Ctx::ints`], `None` when their number is not known.
    pub(super) fn opt_ints(&self, i: usize) -> Result<Option<Vec<KnownInt>>> {
        let ty = self.int(i)?;
        self.require(ty.rank() <= 1, || format!("operand {i} must be a scalar or vector, has type {ty}"))?;
        let operand = self.operand(i);
        if let Some(known) = operand.and_then(|o| o.known) {
            return Ok(Some(known.0.clone()));
        }
        if let Some(tensor) = operand.and_then(|o| o.constant) {
            return Ok(Some(tensor.to_i64s()?.into_iter().map(KnownInt::Value).collect()));
        }
        // Lengths come from files: a rank beyond this is damage, not a model.
        Ok(ty.elements().filter(|&n| n <= 64).map(|n| vec![KnownInt::Unknown; n]))
    }
}

/// The broadcast of two dimensions; `None` when they certainly differ.
pub(super) fn broadcast_dim(a: &Dim, b: &Dim) -> Option<Dim> {
    match (a, b) {
        (Dim::Known(1), d) | (d, Dim::Known(1)) => Some(d.clone()),
        (Dim::Known(x), Dim::Known(y)) => (x == y).then(|| a.clone()),
        (Dim::Known(_), _) => Some(a.clone()),
        (_, Dim::Known(_)) => Some(b.clone()),
        _ if a.same(b) => Some(a.clone()),
        _ => Some(Dim::Unknown),
    }
}

/// Product of dimensions, as one.
pub(super) fn product(dims: &[Dim]) -> Dim {
    if dims.contains(&Dim::Known(0)) {
        return Dim::Known(0);
    }
    let mut rest = dims.iter().filter(|d| **d != Dim::Known(1));
    match (rest.next(), rest.next()) {
        (None, _) => Dim::Known(1),
        (Some(d), None) => d.clone(),
        _ => dims
            .iter()
            .try_fold(1usize, |a, d| d.known().and_then(|n| a.checked_mul(n)))
            .map_or(Dim::Unknown, Dim::Known),
    }
}

/// One result of a type.
pub(super) fn one(dtype: DType, shape: impl Into<Shape>) -> Out {
    Ok(vec![TensorType::new(dtype, shape)])
}

/// One result of the operand's own type.
pub(super) fn like(ty: &TensorType) -> Out {
    Ok(vec![ty.clone()])
}
