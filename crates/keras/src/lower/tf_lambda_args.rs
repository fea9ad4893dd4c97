//! Arguments of TensorFlow functions in Keras 2 graphs, bound by position or name.
//!
//! Owns: `@args` and `@kwargs` of a `TFOpLambda`, and TensorFlow's rule for numbers beside tensors. Must never know: what
//! the functions compute.

use super::call::Call;
use super::config::show;
use super::operations_args::{self as args, Arg, Rules};
use modelport_diag::Result;
use modelport_ir::{Attr, DType, ValueId};

/// The argument at `position` or by one of its names.
pub(super) fn attr<'a>(c: &'a Call<'_>, position: usize, names: &[&str]) -> Option<&'a Attr> {
    let named = names.iter().find_map(|n| c.arg(usize::MAX, n));
    named.or_else(|| c.arg(position, ""))
}

/// The argument as a tensor or number.
pub(super) fn arg(c: &mut Call<'_>, position: usize, names: &[&str]) -> Result<Arg> {
    match attr(c, position, names).cloned() {
        Some(a) => args::read(c, &a),
        None => Err(c.missing_argument(names.first().unwrap_or(&"x"), "a tensor or number")),
    }
}

/// The argument as a value.
pub(super) fn value(c: &mut Call<'_>, position: usize, names: &[&str]) -> Result<ValueId> {
    let a = arg(c, position, names)?;
    Ok(args::own(c.b, a))
}

/// The operand that most functions of one tensor have.
pub(super) fn x(c: &mut Call<'_>) -> Result<ValueId> {
    value(
        c,
        0,
        &["x", "input", "inputs", "features", "logits", "input_tensor", "tensor", "value", "values", "a", "images"],
    )
}

/// Both operands of a binary function, in one type.
pub(super) fn pair(c: &mut Call<'_>) -> Result<[ValueId; 2]> {
    let both = [arg(c, 0, &["x", "a"])?, arg(c, 1, &["y", "b"])?];
    match args::promote(c.b, &both, Rules::TensorFlow, None)?.as_slice() {
        &[x, y] => Ok([x, y]),
        _ => Err(c.missing_argument("y", "a tensor or number")),
    }
}

/// The tensors of a list argument, in one type.
pub(super) fn list(c: &mut Call<'_>, position: usize, names: &[&str]) -> Result<Vec<ValueId>> {
    let Some(Attr::List(items)) = attr(c, position, names).cloned() else {
        return Ok(c.values());
    };
    let mut parts = Vec::with_capacity(items.len());
    for item in &items {
        parts.push(args::read(c, item)?);
    }
    args::promote(c.b, &parts, Rules::TensorFlow, None)
}

/// An integer with a default.
pub(super) fn int(c: &Call<'_>, position: usize, names: &[&str], default: i64) -> Result<i64> {
    match attr(c, position, names) {
        None => Ok(default),
        Some(a) => a.as_int().ok_or_else(|| wrong(c, names, "an integer", a)),
    }
}

/// Integers: a list, or one as a list of one.
pub(super) fn ints(c: &Call<'_>, position: usize, names: &[&str]) -> Result<Option<Vec<i64>>> {
    let Some(a) = attr(c, position, names) else { return Ok(None) };
    let single = || a.as_int().map(|i| vec![i]);
    a.as_ints().or_else(single).map(Some).ok_or_else(|| wrong(c, names, "integers", a))
}

/// A number with a default.
pub(super) fn float(c: &Call<'_>, position: usize, names: &[&str], default: f64) -> Result<f64> {
    match attr(c, position, names) {
        None => Ok(default),
        Some(a) => a.as_float().ok_or_else(|| wrong(c, names, "a number", a)),
    }
}

/// A truth value, false when absent.
pub(super) fn flag(c: &Call<'_>, position: usize, names: &[&str]) -> bool {
    attr(c, position, names).and_then(Attr::as_bool).unwrap_or(false)
}

/// A string with a default.
pub(super) fn text(c: &Call<'_>, position: usize, names: &[&str], default: &str) -> String {
    attr(c, position, names).and_then(Attr::as_str).unwrap_or(default).to_owned()
}

/// An element type.
pub(super) fn dtype(c: &Call<'_>, position: usize, names: &[&str]) -> Option<DType> {
    attr(c, position, names).and_then(args::dtype_of)
}

fn wrong(c: &Call<'_>, names: &[&str], expected: &str, found: &Attr) -> Box<modelport_diag::Diagnostic> {
    c.bad_argument(names.first().unwrap_or(&""), expected, &show(found))
}
