//! Ops that make tensors: of sizes, of ranges, like others; copies and conversions.

use super::call::Call;
use super::promote::Class;
use super::sizes::Size;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::zeros", |c| filled(c, 0.0)),
    row("aten::ones", |c| filled(c, 1.0)),
    row("aten::empty", |c| filled(c, 0.0)),
    row("aten::empty_permuted", |c| filled(c, 0.0)),
    row("aten::empty_strided", |c| filled(c, 0.0)),
    row("aten::full", full),
    row("aten::zeros_like", |c| like(c, 0.0)),
    row("aten::ones_like", |c| like(c, 1.0)),
    row("aten::empty_like", |c| like(c, 0.0)),
    row("aten::full_like", full_like),
    row("aten::new_zeros", |c| like_sized(c, 0.0)),
    row("aten::new_ones", |c| like_sized(c, 1.0)),
    row("aten::new_empty", |c| like_sized(c, 0.0)),
    row("aten::new_empty_strided", |c| like_sized(c, 0.0)),
    row("aten::new_full", new_full),
    row("aten::scalar_tensor", |c| made(c, "s")),
    row("aten::arange", arange),
    row("aten::linspace", linspace),
    row("aten::eye", eye),
    row("aten::one_hot", one_hot),
    row_many("aten::meshgrid", meshgrid),
    row("aten::to", to).view(),
    row("aten::_to_copy", to),
    row("aten::type_as", type_as).view(),
    row("aten::clone", clone),
    row("aten::lift_fresh_copy", clone),
    row("aten::copy", copy),
    row("aten::fill", fill),
    row("aten::zero", zero),
    row("prims::convert_element_type", to),
    row("prims::device_put", |c| c.tensor("a")),
    row("aten::_cast_Float", |c| cast_to(c, DType::F32)),
    row("aten::_cast_Long", |c| cast_to(c, DType::I64)),
];

/// A value of the sizes: broadcast, so that no large constant is written.
fn spread(c: &mut Call<'_>, value: ValueId, sizes: &[Size]) -> Result<ValueId> {
    if sizes.is_empty() {
        return Ok(value);
    }
    let shape = c.vector(sizes)?;
    c.b.one(Op::Expand, &[value, shape])
}

fn filled(c: &mut Call<'_>, value: f64) -> Result<ValueId> {
    let dtype = c.opt_dtype("dtype")?.unwrap_or(DType::F32);
    let sizes = c.sizes("size")?;
    let value = c.b.scalar(dtype, value);
    spread(c, value, &sizes)
}

/// The number to fill with, in the wanted dtype; without one it has its own.
fn fill_value(c: &mut Call<'_>, name: &str, dtype: Option<DType>) -> Result<ValueId> {
    let side = c.side(name)?;
    let own = match c.b.dtype(side.value) {
        DType::F64 if side.class == Class::Number => DType::F32,
        d => d,
    };
    let value = c.b.cast(side.value, dtype.unwrap_or(own))?;
    if c.rank(value) == 0 { Ok(value) } else { c.b.reshape(value, &[]) }
}

fn full(c: &mut Call<'_>) -> Result<ValueId> {
    let dtype = c.opt_dtype("dtype")?;
    let sizes = c.sizes("size")?;
    let value = fill_value(c, "fill_value", dtype)?;
    spread(c, value, &sizes)
}

/// A value of the shape of another.
fn spread_like(c: &mut Call<'_>, value: ValueId, x: ValueId) -> Result<ValueId> {
    let sizes = c.dims(x)?;
    if sizes.iter().all(|s| matches!(s, Size::Known(_))) {
        return spread(c, value, &sizes);
    }
    let shape = c.shape(x)?;
    c.b.one(Op::Expand, &[value, shape])
}

fn like(c: &mut Call<'_>, value: f64) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.opt_dtype("dtype")?.unwrap_or(c.b.dtype(x));
    let value = c.b.scalar(dtype, value);
    spread_like(c, value, x)
}

fn full_like(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.opt_dtype("dtype")?.unwrap_or(c.b.dtype(x));
    let value = fill_value(c, "fill_value", Some(dtype))?;
    spread_like(c, value, x)
}

fn like_sized(c: &mut Call<'_>, value: f64) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.opt_dtype("dtype")?.unwrap_or(c.b.dtype(x));
    let sizes = c.sizes("size")?;
    let value = c.b.scalar(dtype, value);
    spread(c, value, &sizes)
}

fn new_full(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.opt_dtype("dtype")?.unwrap_or(c.b.dtype(x));
    let sizes = c.sizes("size")?;
    let value = fill_value(c, "fill_value", Some(dtype))?;
    spread(c, value, &sizes)
}

/// A number or a list of numbers as a tensor.
fn made(c: &mut Call<'_>, name: &str) -> Result<ValueId> {
    let dtype = c.opt_dtype("dtype")?;
    match c.arg(name).cloned() {
        Some(Attr::List(items)) => {
            let parts: Vec<ValueId> = flat(c, &items, name)?;
            let dtype = dtype.unwrap_or_else(|| {
                let all = parts.iter().map(|&p| c.b.dtype(p)).reduce(super::promote::join).unwrap_or(DType::F32);
                if all == DType::F64 { DType::F32 } else { all }
            });
            let mut cast = Vec::with_capacity(parts.len());
            for p in parts {
                let p = c.b.cast(p, dtype)?;
                cast.push(c.b.reshape(p, &[1])?);
            }
            let joined = if cast.is_empty() {
                c.b.constant("", Tensor::from_f64s(dtype, &[0], &[])?)
            } else {
                c.b.concat(&cast, 0)?
            };
            let dims = nesting(&items);
            if dims.len() == 1 { Ok(joined) } else { c.b.reshape(joined, &dims) }
        }
        _ => {
            let side = c.side(name)?;
            let number = side.class == Class::Number;
            let own = if number && c.b.dtype(side.value) == DType::F64 { DType::F32 } else { c.b.dtype(side.value) };
            // A scalar tensor is floating point unless a dtype is given.
            let own = if c.name == "aten::scalar_tensor" { DType::F32 } else { own };
            c.b.cast(side.value, dtype.unwrap_or(own))
        }
    }
}

fn nesting(items: &[Attr]) -> Vec<i64> {
    let mut dims = vec![items.len() as i64];
    if let Some(Attr::List(inner)) = items.first() {
        dims.extend(nesting(inner));
    }
    dims
}

fn flat(c: &mut Call<'_>, items: &[Attr], name: &str) -> Result<Vec<ValueId>> {
    let mut out = Vec::new();
    let mut stack: Vec<&Attr> = items.iter().rev().collect();
    while let Some(item) = stack.pop() {
        match item {
            Attr::List(inner) => stack.extend(inner.iter().rev()),
            Attr::Int(i) => out.push(c.b.constant("", Tensor::int_scalar(*i))),
            Attr::Float(f) => out.push(c.b.scalar(DType::F64, *f)),
            Attr::Bool(b) => out.push(c.b.scalar(DType::Bool, f64::from(u8::from(*b)))),
            other => out.push(c.operand(other).map(|o| o.value).ok_or_else(|| c.bad(name, "numbers"))?),
        }
    }
    Ok(out)
}

/// Integers unless a bound is floating point.
fn arange(c: &mut Call<'_>) -> Result<ValueId> {
    let mut sides = Vec::new();
    for name in ["start", "end", "step"] {
        let absent = c.arg(name).is_none();
        sides.push(if absent { None } else { Some(c.side(name)?) });
    }
    let float = sides.iter().flatten().any(|s| c.b.dtype(s.value).is_float());
    let to = c.opt_dtype("dtype")?.unwrap_or(if float { DType::F32 } else { DType::I64 });
    // Bounds are computed in wide types; the elements are converted at the end.
    let wide = match (float, to) {
        (true, DType::F64) => DType::F64,
        (true, _) => DType::F32,
        (false, _) => DType::I64,
    };
    let mut bound = |i: usize, default: f64| match sides.get(i).copied().flatten() {
        Some(s) => {
            let v = c.b.cast(s.value, wide)?;
            if c.b.rank(v) == 0 { Ok(v) } else { c.b.reshape(v, &[]) }
        }
        None => Ok(c.b.scalar(wide, default)),
    };
    let (start, end, step) = (bound(0, 0.0)?, bound(1, 0.0)?, bound(2, 1.0)?);
    let out = c.b.one(Op::Range, &[start, end, step])?;
    c.b.cast(out, to)
}

fn linspace(c: &mut Call<'_>) -> Result<ValueId> {
    let (start, end, steps) = (c.number("start")?, c.number("end")?, c.count("steps")?);
    let dtype = c.opt_dtype("dtype")?.unwrap_or(DType::F32);
    if steps > 1 << 20 {
        return Err(c.bad("steps", "a number that is not that large"));
    }
    let gap = if steps > 1 { (end - start) / (steps - 1) as f64 } else { 0.0 };
    // From both ends to the middle, as PyTorch computes it.
    let at = |i: usize| if i < steps / 2 { start + gap * i as f64 } else { end - gap * (steps - 1 - i) as f64 };
    let values: Vec<f64> = (0..steps).map(|i| if steps == 1 { start } else { at(i) }).collect();
    Ok(c.b.constant("", Tensor::from_f64s(dtype, &[steps], &values)?))
}

fn eye(c: &mut Call<'_>) -> Result<ValueId> {
    let n = c.size("n")?.unwrap_or(Size::Known(0));
    let m = c.size("m")?.unwrap_or(n);
    let dtype = c.opt_dtype("dtype")?.unwrap_or(DType::F32);
    let one = c.b.scalar(DType::F32, 1.0);
    let shaped = spread(c, one, &[n, m])?;
    c.b.one(Op::EyeLike { dtype: Some(dtype), k: 0 }, &[shaped])
}

fn one_hot(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let classes = c.int("num_classes")?;
    if classes < 0 {
        return Err(c.unsupported("the number of classes must be given: it is not taken from the data"));
    }
    let depth = c.b.scalar(DType::I64, classes as f64);
    let values = c.b.ints(&[0, 1]);
    c.b.one(Op::OneHot { axis: -1 }, &[x, depth, values])
}

fn meshgrid(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let tensors = c.tensors("tensors")?;
    let swap = c.opt_str("indexing")? == Some("xy");
    c.b.grid(&tensors, swap)
}

fn to(c: &mut Call<'_>) -> Result<ValueId> {
    let x = if c.name.starts_with("prims") { c.tensor("a")? } else { c.tensor("self")? };
    if c.arg("other").is_some() {
        return type_as(c);
    }
    match c.opt_dtype("dtype")? {
        Some(to) => c.b.cast(x, to),
        None => Ok(x),
    }
}

fn type_as(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, other) = (c.tensor("self")?, c.tensor("other")?);
    c.b.cast(x, c.b.dtype(other))
}

fn cast_to(c: &mut Call<'_>, to: DType) -> Result<ValueId> {
    let x = c.tensor("self")?;
    c.b.cast(x, to)
}

fn clone(c: &mut Call<'_>) -> Result<ValueId> {
    c.tensor("self")
}

/// `src` in the shape and type of `self`.
fn copy(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, src) = (c.tensor("self")?, c.tensor("src")?);
    let src = c.b.cast(src, c.b.dtype(x))?;
    if c.b.shape(src) == c.b.shape(x) && !c.b.shape(x).contains(&modelport_ir::Dim::Unknown) {
        return Ok(src);
    }
    spread_like(c, src, x)
}

fn fill(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.b.dtype(x);
    let value = fill_value(c, "value", Some(dtype))?;
    spread_like(c, value, x)
}

fn zero(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let value = c.b.scalar_like(x, 0.0);
    spread_like(c, value, x)
}
