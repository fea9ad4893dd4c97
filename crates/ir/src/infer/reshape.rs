//! `Reshape`: dimensions that are inferred, copied, or cancel symbolically.

use super::KnownInt;
use super::context::{Ctx, Out, one};
use crate::Dim;

/// A product of numbers and symbols. An unknown dimension of the operand is a symbol of its own, so that it cancels
/// where it is copied.
struct Product {
    number: Option<usize>,
    symbols: Vec<String>,
}

impl Product {
    fn of<'a>(factors: impl Iterator<Item = &'a Factor>) -> Self {
        let mut out = Self { number: Some(1), symbols: Vec::new() };
        for f in factors {
            match f {
                Factor::Number(n) => out.number = out.number.and_then(|a| a.checked_mul(*n)),
                Factor::Symbol(s) => out.symbols.push(s.clone()),
            }
        }
        out
    }
}

enum Factor {
    Number(usize),
    Symbol(String),
}

fn factor(dim: &Dim, unknown: impl FnOnce() -> String) -> Factor {
    match dim {
        Dim::Known(n) => Factor::Number(*n),
        Dim::Symbol(s) => Factor::Symbol(s.to_string()),
        Dim::Unknown => Factor::Symbol(unknown()),
    }
}

pub(super) fn reshape(c: Ctx<'_>, allow_zero: bool) -> Out {
    c.arity(2, 2)?;
    let x = c.ty(0)?;
    let target = c.ints(1)?;
    let mut shape = Vec::with_capacity(target.len());
    let mut factors = Vec::with_capacity(target.len());
    let mut inferred = None;
    for (i, want) in target.iter().enumerate() {
        let (dim, f) = match want.value() {
            Some(-1) => {
                c.require(inferred.is_none(), || "only one dimension may be −1".to_owned())?;
                inferred = Some(i);
                (Dim::Unknown, Factor::Number(1))
            }
            Some(0) if !allow_zero => {
                let d = x.shape.get(i).ok_or_else(|| c.error(format!("dimension {i} is copied, but there is none")))?;
                (d.clone(), factor(d, || format!("?{i}")))
            }
            Some(n) if n < 0 => return c.fail(format!("dimension {n} in the shape")),
            _ => (want.to_dim(), factor(&want.to_dim(), || format!("??{i}"))),
        };
        shape.push(dim);
        factors.push(f);
    }
    let axes: Vec<_> = x.shape.iter().enumerate().map(|(i, d)| factor(d, || format!("?{i}"))).collect();
    let (total, rest) = (Product::of(axes.iter()), Product::of(factors.iter()));
    match inferred {
        Some(i) => shape[i] = divide(c, &total, &rest)?,
        None => same_size(c, &total, &rest, &target)?,
    }
    one(x.dtype, shape)
}

fn same_size(c: Ctx<'_>, total: &Product, rest: &Product, target: &[KnownInt]) -> modelport_diag::Result<()> {
    let known = total.symbols.is_empty() && rest.symbols.is_empty() && target.iter().all(|k| k.value().is_some());
    let (Some(a), Some(b)) = (total.number, rest.number) else { return Ok(()) };
    c.require(!known || a == b, || format!("{a} elements do not fit a shape of {b}"))
}

fn divide(c: Ctx<'_>, total: &Product, rest: &Product) -> modelport_diag::Result<Dim> {
    let mut left = total.symbols.clone();
    for s in &rest.symbols {
        match left.iter().position(|l| l == s) {
            Some(at) => drop(left.swap_remove(at)),
            None => return Ok(Dim::Unknown),
        }
    }
    let (Some(a), Some(b)) = (total.number, rest.number) else { return Ok(Dim::Unknown) };
    if b == 0 {
        return Ok(if a == 0 { Dim::Known(0) } else { Dim::Unknown });
    }
    if left.is_empty() {
        c.require(a % b == 0, || format!("{a} elements (per symbol) do not divide by {b}"))?;
        return Ok(Dim::Known(a / b));
    }
    Ok(match left.as_slice() {
        [s] if a == b && !s.starts_with('?') => Dim::symbol(s),
        _ => Dim::Unknown,
    })
}
