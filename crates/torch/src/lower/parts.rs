//! Ops that treat both parts of complex tensors alike: their rows are applied once for each part.
//!
//! Owns: which ops those are, and what real operands and numbers mean to the imaginary part. Must never know: what ops do.

use super::call::{Call, Operand, operand_index};
use super::complex::{OWN, split};
use super::one::apply;
use super::schema::Bound;
use super::{Lower, Row, through};
use modelport_diag::Result;
use modelport_ir::Attr;
use modelport_ir::complex::{Pair, part_of};
use std::collections::BTreeMap;

/// Ops that treat both parts alike, beside all that only view.
const ALIKE: &[&str] = &[
    "add",
    "cat",
    "clone",
    "constant_pad_nd",
    "copy",
    "cumsum",
    "diag",
    "diag_embed",
    "diagonal_scatter",
    "diff",
    "dstack",
    "fft_fftshift",
    "fft_ifftshift",
    "fill",
    "flip",
    "fliplr",
    "flipud",
    "full",
    "full_like",
    "gather",
    "hstack",
    "index",
    "index_add",
    "index_copy",
    "index_put",
    "index_select",
    "lift_fresh_copy",
    "masked_fill",
    "mean",
    "neg",
    "new_full",
    "pad",
    "repeat",
    "repeat_interleave",
    "resize",
    "roll",
    "rot90",
    "rsub",
    "scatter",
    "scatter_add",
    "select_scatter",
    "slice_scatter",
    "stack",
    "sub",
    "sum",
    "take_along_dim",
    "tile",
    "trace",
    "tril",
    "triu",
    "vstack",
    "where",
];

/// Ops whose results have no imaginary part but for their type.
const REAL: &[&str] = &[
    "arange",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "linspace",
    "new_empty",
    "new_empty_strided",
    "new_ones",
    "new_zeros",
    "ones",
    "ones_like",
    "scalar_tensor",
    "zero",
    "zeros",
    "zeros_like",
];

/// Ops that only ask for sizes.
const OF_SIZES: &[&str] =
    &["_shape_as_tensor", "sym_is_contiguous", "sym_numel", "sym_size", "sym_storage_offset", "sym_stride"];

/// Ops of the distances from 0.
const OF_MAGNITUDES: &[&str] = &["frobenius_norm", "linalg_vector_norm", "norm"];

/// Products of two tensors, linear in both.
const PRODUCTS: &[&str] = &["bmm", "dot", "einsum", "ger", "kron", "matmul", "mm", "mv", "outer", "tensordot"];

/// Parameters whose numbers and real tensors have no imaginary part; others (positions, masks, factors) are the same for
/// both parts.
const VALUES: &[&str] = &["self", "other", "tensors", "fill_value", "value", "values", "src", "source", "input"];

/// Lowers a call that has to do with complex numbers; `None` when it has not, or its row knows pairs.
pub(super) fn through(c: &mut Call<'_>, row: &Row) -> Result<Option<Vec<Operand>>> {
    let asked = c.opt_dtype("dtype").ok().flatten().and_then(part_of);
    let given = c.operands.iter().any(|o| o.im.is_some());
    if matches!(row.lower, Lower::Pair(_)) {
        return Ok(None);
    }
    if !given && asked.is_none() {
        return Ok(None);
    }
    let name = row.name.trim_start_matches("aten::");
    // Bits that are seen in another way are no numbers.
    let plain_view = row.name == "aten::view" && c.arg("dtype").is_none();
    if let Some((_, own)) = OWN.iter().find(|(n, _)| *n == row.name && !plain_view) {
        return Ok(Some(vec![own(c)?.into()]));
    }
    if OF_SIZES.contains(&name) {
        return apply(c, row).map(Some);
    }
    let dtype = c.opt_dtype("dtype")?;
    if let (Some(part), Some((_, arg))) = (asked, c.bound.iter_mut().find(|(p, _)| p.name == "dtype")) {
        *arg = Attr::DType(part);
    }
    if REAL.contains(&name) {
        let complex = asked.is_some() || dtype.is_none();
        let results = apply(c, row)?;
        let whole = |c: &mut Call<'_>, o: Operand| Ok(Pair { re: o.value, im: Some(c.b.imaginary(o.pair())?) }.into());
        return results.into_iter().map(|o| if complex { whole(c, o) } else { Ok(o) }).collect::<Result<_>>().map(Some);
    }
    let (bound, uses) = spread(c);
    if OF_MAGNITUDES.contains(&name) {
        let lengths = uses.iter().map(|(_, o)| c.b.magnitude(o.pair()).map(Operand::from)).collect::<Result<_>>()?;
        return run(c, row, bound, lengths).map(Some);
    }
    if PRODUCTS.contains(&name) {
        return product(c, row, &bound, &uses).map(Some);
    }
    if !row.view && !ALIKE.contains(&name) {
        let help = "compute with the parts: torch.view_as_real, or .real and .imag";
        return Err(c.unsupported("this op has no lowering for complex numbers").help(help));
    }
    let real = uses.iter().map(|(_, o)| Operand::number(o.value, o.number)).collect();
    let re = run(c, row, bound.clone(), real)?;
    let mut imaginary = Vec::with_capacity(uses.len());
    for (name, o) in &uses {
        let value = if o.im.is_some() || VALUES.contains(name) { c.b.imaginary(o.pair())? } else { o.value };
        imaginary.push(Operand::number(value, o.number));
    }
    let im = run(c, row, without_numbers(bound), imaginary)?;
    let pairs = re.into_iter().zip(im);
    Ok(Some(pairs.map(|(re, im)| Pair { re: re.value, im: Some(im.value) }.into()).collect()))
}

/// The arguments, with an operand of its own for each use, and these with the parameters that they are for.
fn spread(c: &Call<'_>) -> (Bound, Vec<(&'static str, Operand)>) {
    let mut uses = Vec::new();
    let bound = c.bound.iter().map(|(p, arg)| (*p, respread(c, p.name, arg, &mut uses))).collect();
    (bound, uses)
}

fn respread(c: &Call<'_>, name: &'static str, arg: &Attr, uses: &mut Vec<(&'static str, Operand)>) -> Attr {
    match (arg, operand_index(arg).and_then(|i| c.operands.get(i))) {
        (_, Some(&o)) => {
            uses.push((name, o));
            Attr::Map(BTreeMap::from([("@input".to_owned(), Attr::Int(uses.len() as i64 - 1))]))
        }
        (Attr::List(items), _) => Attr::List(items.iter().map(|a| respread(c, name, a, uses)).collect()),
        _ => arg.clone(),
    }
}

/// Numbers among the arguments that have no imaginary part, as 0.
fn without_numbers(bound: Bound) -> Bound {
    let zero = |arg: Attr| match arg {
        Attr::Int(_) | Attr::Float(_) | Attr::Bool(_) => Attr::Float(0.0),
        other => other,
    };
    bound.into_iter().map(|(p, arg)| if VALUES.contains(&p.name) { (p, zero(arg)) } else { (p, arg) }).collect()
}

/// The row applied to other operands.
fn run(c: &mut Call<'_>, row: &Row, bound: Bound, operands: Vec<Operand>) -> Result<Vec<Operand>> {
    let (overload, results) = (c.overload, c.results);
    apply(&mut Call { b: &mut *c.b, name: row.name, overload, operands: &operands, bound, results }, row)
}

/// A product of the first two operands.
fn product(c: &mut Call<'_>, row: &Row, bound: &Bound, uses: &[(&'static str, Operand)]) -> Result<Vec<Operand>> {
    let (overload, results) = (c.overload, c.results);
    let &[(_, x), (_, y)] = uses else {
        return Err(c.unsupported("only products of two tensors have a lowering for complex numbers"));
    };
    let z = c.b.complex_product(x.pair(), y.pair(), |b, x, y| {
        let operands = [x.into(), y.into()];
        let mut call = Call { b, name: row.name, overload, operands: &operands, bound: bound.clone(), results };
        let out = apply(&mut call, row)?;
        out.first().map(|o| o.value).ok_or_else(|| call.unsupported("the product has no result"))
    })?;
    Ok(vec![z.into()])
}

/// The value that was viewed, with `new` where the view shows it.
pub(super) fn write_through(c: &mut Call<'_>, index: usize, from: Operand, new: Operand) -> Result<Operand> {
    let (z, part) = (from.pair(), new.pair());
    let whole = match (c.name, z.im) {
        ("aten::view_as_complex", _) => c.b.joined(part)?.into(),
        ("aten::view_as_real", _) => split(c.b, part.re)?,
        ("aten::real", Some(_)) => Pair { re: part.re, im: z.im },
        ("aten::imag", Some(_)) => Pair { re: z.re, im: Some(part.re) },
        ("aten::conj" | "aten::_conj", _) => c.b.conjugate(part)?,
        ("aten::resolve_conj" | "aten::real", _) => part,
        (_, None) => through::write_through(c, index, z.re, part.re)?.into(),
        (name, Some(im)) => {
            let part = if name == "aten::adjoint" { c.b.conjugate(part)? } else { part };
            let re = through::write_through(c, index, z.re, part.re)?;
            let new = c.b.imaginary(part)?;
            Pair { re, im: Some(through::write_through(c, index, im, new)?) }
        }
    };
    Ok(whole.into())
}
