//! Typed access to a layer's config; what is missing or of another type is a KR0009 that names it.

use super::call::Call;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Attr;

impl Call<'_> {
    /// KR0009: the argument is absent.
    pub(crate) fn missing_argument(&self, name: &str, expected: &str) -> Box<Diagnostic> {
        self.bad_argument(name, expected, "nothing")
    }

    /// KR0009: the argument is not what it should be.
    pub(crate) fn bad_argument(&self, name: &str, expected: &str, found: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::KERAS_ARGUMENT, format!("`{}` has a wrong argument `{name}`", self.op.name))
            .at_node(self.b.scope())
            .at_attribute(name)
            .expected(expected)
            .found(found)
    }

    fn typed<T>(&self, name: &str, expected: &str, get: impl Fn(&Attr) -> Option<T>) -> Result<Option<T>> {
        let Some(attr) = self.op.attr(name) else { return Ok(None) };
        get(attr).map(Some).ok_or_else(|| self.bad_argument(name, expected, &show(attr)))
    }

    /// An integer that may be absent.
    pub(crate) fn opt_int(&self, name: &str) -> Result<Option<i64>> {
        self.typed(name, "an integer", Attr::as_int)
    }

    /// An integer.
    pub(crate) fn int(&self, name: &str) -> Result<i64> {
        self.opt_int(name)?.ok_or_else(|| self.missing_argument(name, "an integer"))
    }

    /// An integer with a default.
    pub(crate) fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.opt_int(name)?.unwrap_or(default))
    }

    /// A size: an integer of at least 1.
    pub(crate) fn size(&self, name: &str) -> Result<usize> {
        self.typed(name, "a positive integer", size)?.ok_or_else(|| self.missing_argument(name, "a positive integer"))
    }

    /// A size with a default.
    pub(crate) fn size_or(&self, name: &str, default: usize) -> Result<usize> {
        Ok(self.typed(name, "a positive integer", size)?.unwrap_or(default))
    }

    /// A number that may be absent.
    pub(crate) fn opt_float(&self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", number)
    }

    /// A number with a default.
    pub(crate) fn float_or(&self, name: &str, default: f64) -> Result<f64> {
        Ok(self.opt_float(name)?.unwrap_or(default))
    }

    /// A truth value with a default.
    pub(crate) fn bool_or(&self, name: &str, default: bool) -> Result<bool> {
        let get = |a: &Attr| a.as_bool().or_else(|| a.as_int().filter(|i| (0..=1).contains(i)).map(|i| i == 1));
        Ok(self.typed(name, "true or false", get)?.unwrap_or(default))
    }

    /// A string that may be absent.
    pub(crate) fn opt_str(&self, name: &str) -> Result<Option<&str>> {
        match self.op.attr(name) {
            None => Ok(None),
            Some(a) => a.as_str().map(Some).ok_or_else(|| self.bad_argument(name, "a string", &show(a))),
        }
    }

    /// A string with a default.
    pub(crate) fn str_or<'d>(&'d self, name: &str, default: &'d str) -> Result<&'d str> {
        Ok(self.opt_str(name)?.unwrap_or(default))
    }

    /// Integers: a list, or one integer as a list of one.
    pub(crate) fn opt_ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        self.typed(name, "integers", |a| a.as_ints().or_else(|| a.as_int().map(|i| vec![i])))
    }

    /// Integers that must be there.
    pub(crate) fn ints(&self, name: &str) -> Result<Vec<i64>> {
        self.opt_ints(name)?.ok_or_else(|| self.missing_argument(name, "integers"))
    }

    /// `n` sizes of at least 1: a list of `n` (or of one), or one for all axes.
    pub(crate) fn opt_sizes(&self, name: &str, n: usize) -> Result<Option<Vec<usize>>> {
        let get = |a: &Attr| match a {
            Attr::List(l) if l.len() == n => l.iter().map(size).collect(),
            Attr::List(l) if l.len() == 1 => Some(vec![size(l.first()?)?; n]),
            _ => Some(vec![size(a)?; n]),
        };
        self.typed(name, &format!("{n} positive integers"), get)
    }

    /// `n` sizes that must be there.
    pub(crate) fn sizes(&self, name: &str, n: usize) -> Result<Vec<usize>> {
        self.opt_sizes(name, n)?.ok_or_else(|| self.missing_argument(name, &format!("{n} positive integers")))
    }

    /// `n` sizes with a default for all axes.
    pub(crate) fn sizes_or(&self, name: &str, n: usize, default: usize) -> Result<Vec<usize>> {
        Ok(self.opt_sizes(name, n)?.unwrap_or_else(|| vec![default; n]))
    }

    /// An axis of the first input, counted from the front.
    pub(crate) fn axis_of(&self, name: &str, axis: i64, rank: usize) -> Result<usize> {
        let at = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        at.and_then(|a| usize::try_from(a).ok())
            .filter(|&a| a < rank)
            .ok_or_else(|| self.bad_argument(name, &format!("an axis of a value of rank {rank}"), &axis.to_string()))
    }

    /// Axes of the first input, counted from the front, in the order given.
    pub(crate) fn axes_of(&self, name: &str, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        axes.iter().map(|&a| self.axis_of(name, a, rank)).collect()
    }
}

/// A positive integer, small enough that sums and products of a few do not overflow.
pub(crate) fn size(attr: &Attr) -> Option<usize> {
    attr.as_int().filter(|i| (1..=1 << 31).contains(i)).and_then(|i| usize::try_from(i).ok())
}

/// A number; Keras serialises NumPy scalars as `{"class_name"|"type": …, "value"|"config": n}` too.
pub(crate) fn number(attr: &Attr) -> Option<f64> {
    let inner = |m: &std::collections::BTreeMap<String, Attr>| {
        let value = m.get("value").or_else(|| m.get("config").and_then(|c| c.as_map()?.get("value")));
        value.and_then(Attr::as_float)
    };
    attr.as_float().or_else(|| attr.as_map().and_then(inner))
}

/// An attribute value for humans, shortened.
pub(crate) fn show(attr: &Attr) -> String {
    let mut text = String::new();
    write(attr, &mut text, 0);
    text
}

const LONGEST: usize = 200;

fn write(attr: &Attr, out: &mut String, depth: usize) {
    if out.len() > LONGEST || depth > 8 {
        if !out.ends_with('…') {
            out.push('…');
        }
        return;
    }
    match attr {
        Attr::None => out.push_str("None"),
        Attr::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
        Attr::Int(i) => out.push_str(&i.to_string()),
        Attr::Float(f) => out.push_str(&f.to_string()),
        Attr::Str(s) => {
            let end = s.char_indices().nth(80).map_or(s.len(), |(i, _)| i);
            out.push('"');
            out.push_str(s.get(..end).unwrap_or(s));
            out.push_str(if end < s.len() { "…\"" } else { "\"" });
        }
        Attr::List(l) => {
            out.push('[');
            join(l.iter(), out, |a, out| write(a, out, depth + 1));
            out.push(']');
        }
        Attr::Map(m) => {
            out.push('{');
            join(m.iter(), out, |(k, a), out| {
                out.push_str(k);
                out.push_str(": ");
                write(a, out, depth + 1);
            });
            out.push('}');
        }
        Attr::DType(d) => out.push_str(d.name()),
        Attr::Tensor(t) => out.push_str(&t.ty().to_string()),
        Attr::Op(op) => out.push_str(&op.name),
        Attr::Graph(g) => out.push_str(&g.name),
    }
}

fn join<T>(items: impl Iterator<Item = T>, out: &mut String, each: impl Fn(T, &mut String)) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        if out.len() > LONGEST {
            out.push('…');
            return;
        }
        each(item, out);
    }
}
