//! Strings: what the archived code does with them, mostly for messages of exceptions.
//!
//! Owns: formatting as Python does it. Must never know: tensors.

use super::machine::{Machine, Step, damaged};
use super::value::{Obj, Value};
use std::rc::Rc;

impl Machine {
    /// A value as `str` shows it; what depends on data as its type.
    pub(super) fn show(&self, v: &Value) -> Rc<str> {
        let mut out = String::new();
        self.show_into(v, 0, &mut out);
        out.into()
    }

    fn show_into(&self, v: &Value, depth: usize, out: &mut String) {
        const LONGEST: usize = 2000;
        if out.len() > LONGEST || depth > 5 {
            return;
        }
        match v {
            Value::None => out.push_str("None"),
            Value::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
            Value::Int(i) => out.push_str(&i.to_string()),
            Value::Float(f) => out.push_str(&float(*f)),
            Value::Complex(re, im) => out.push_str(&format!("({re}{im:+}j)")),
            Value::Str(s) if depth > 0 => out.push_str(&format!("'{s}'")),
            Value::Str(s) | Value::Device(s) | Value::Path(s) => out.push_str(s),
            Value::Enum(m) => out.push_str(&format!("{}.{}", m.class.rsplit('.').next().unwrap_or_default(), m.name)),
            Value::List(r) | Value::Tuple(r) => {
                let tuple = matches!(self.obj(*r), Obj::Tuple(..));
                out.push(if tuple { '(' } else { '[' });
                for (i, item) in self.list(*r).iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    self.show_into(item, depth + 1, out);
                }
                out.push(if tuple { ')' } else { ']' });
            }
            _ => out.push_str(v.type_name()),
        }
    }

    /// Operators on strings; `None` when it is none.
    pub(super) fn string_op(&mut self, op: &str, args: &[Value]) -> Step<Option<Value>> {
        match (op, args) {
            ("str", [v]) => return Ok(Some(Value::Str(self.show(v)))),
            ("chr", [Value::Int(i)]) => {
                let c = u32::try_from(*i).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
                return Ok(Some(Value::str(&c.to_string())));
            }
            ("hex", [Value::Int(i)]) => return Ok(Some(Value::str(&format!("{i:#x}")))),
            ("oct", [Value::Int(i)]) => return Ok(Some(Value::str(&format!("{i:#o}")))),
            ("bin", [Value::Int(i)]) => return Ok(Some(Value::str(&format!("{i:#b}")))),
            _ => {}
        }
        let Some(Value::Str(s)) = args.first() else { return Ok(None) };
        self.charge(s.len() / 16 + 1)?;
        let str_arg = |i: usize| match args.get(i) {
            Some(Value::Str(s)) => Some(s.clone()),
            _ => None,
        };
        let v = match op {
            "format" => Value::Str(self.format(s, args.get(1..).unwrap_or_default())?),
            "percentFormat" => Value::Str(self.percent(s, args.get(1))?),
            "add" => match str_arg(1) {
                Some(other) => {
                    self.charge(s.len() + other.len())?;
                    Value::str(&format!("{s}{other}"))
                }
                None => return Ok(None),
            },
            "mul" => match args.get(1) {
                Some(Value::Int(n)) => {
                    let n = usize::try_from(*n).unwrap_or(0);
                    self.charge(s.len().saturating_mul(n))?;
                    Value::str(&s.repeat(n))
                }
                _ => return Ok(None),
            },
            "len" => Value::Int(s.chars().count() as i64),
            "lower" => Value::str(&s.to_lowercase()),
            "upper" => Value::str(&s.to_uppercase()),
            "strip" => Value::str(s.trim()),
            "lstrip" => Value::str(s.trim_start()),
            "rstrip" => Value::str(s.trim_end()),
            "startswith" => Value::Bool(str_arg(1).is_some_and(|p| s.starts_with(&*p))),
            "endswith" => Value::Bool(str_arg(1).is_some_and(|p| s.ends_with(&*p))),
            "__contains__" => Value::Bool(str_arg(1).is_some_and(|p| s.contains(&*p))),
            "find" => Value::Int(str_arg(1).and_then(|p| s.find(&*p)).map_or(-1, |i| i as i64)),
            "isdigit" => Value::Bool(!s.is_empty() && s.chars().all(|c| c.is_ascii_digit())),
            "isalpha" => Value::Bool(!s.is_empty() && s.chars().all(char::is_alphabetic)),
            "replace" => match (str_arg(1), str_arg(2)) {
                (Some(a), Some(b)) if !a.is_empty() => {
                    self.charge(s.matches(&*a).count().saturating_mul(b.len()))?;
                    Value::str(&s.replace(&*a, &b))
                }
                _ => return Ok(None),
            },
            "split" => {
                let parts: Vec<Value> = match str_arg(1) {
                    Some(sep) if !sep.is_empty() => s.split(&*sep).map(Value::str).collect(),
                    _ => s.split_whitespace().map(Value::str).collect(),
                };
                self.new_list(parts)?
            }
            "join" => {
                let items = self.items(args.get(1).unwrap_or(&Value::None))?;
                let parts: Vec<Rc<str>> = items.iter().map(|v| self.show(v)).collect();
                self.charge(parts.iter().map(|p| p.len() + s.len()).sum())?;
                Value::str(&parts.join(s))
            }
            "ord" => Value::Int(s.chars().next().map_or(0, |c| i64::from(u32::from(c)))),
            "__getitem__" => self.get_item(&Value::Str(s.clone()), args.get(1).unwrap_or(&Value::None))?,
            "slice" => {
                let part = |i: usize| args.get(i).cloned().unwrap_or(Value::None);
                self.python_slice(&Value::Str(s.clone()), [part(1), part(2), part(3)])?
            }
            "lt" | "gt" | "le" | "ge" => match str_arg(1) {
                Some(other) => Value::Bool(match op {
                    "lt" => **s < *other,
                    "gt" => **s > *other,
                    "le" => **s <= *other,
                    _ => **s >= *other,
                }),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(v))
    }

    /// `"{} {1}".format(…)`.
    fn format(&mut self, s: &str, args: &[Value]) -> Step<Rc<str>> {
        let mut out = String::new();
        let mut next = 0;
        let mut rest = s;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            if from.starts_with("{{") || from.starts_with("}}") {
                out.push_str(from.get(..1).unwrap_or_default());
                rest = from.get(2..).unwrap_or_default();
                continue;
            }
            let Some(end) = from.find('}') else { return Err(damaged("a format has no end")) };
            let field = from.get(1..end).unwrap_or_default();
            let name = field.split([':', '!']).next().unwrap_or_default();
            let i = name.parse().unwrap_or(next);
            next += 1;
            out.push_str(&self.show(args.get(i).unwrap_or(&Value::None)));
            self.charge(out.len() / 64 + 1)?;
            rest = from.get(end + 1..).unwrap_or_default();
        }
        out.push_str(rest);
        Ok(out.into())
    }

    /// `"%s %d" % (…)`.
    fn percent(&mut self, s: &str, arg: Option<&Value>) -> Step<Rc<str>> {
        let args = match arg {
            Some(Value::Tuple(r)) => self.list(*r).to_vec(),
            Some(v) => vec![v.clone()],
            None => Vec::new(),
        };
        let mut args = args.iter();
        let mut out = String::new();
        let mut chars = s.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let end = chars.by_ref().find(|c| c.is_alphabetic() || *c == '%');
            match end {
                Some('%') => out.push('%'),
                Some(_) => out.push_str(&self.show(args.next().unwrap_or(&Value::None))),
                None => return Err(damaged("a format has no end")),
            }
            self.charge(out.len() / 64 + 1)?;
        }
        Ok(out.into())
    }
}

/// A float as Python prints it.
fn float(f: f64) -> String {
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if f.fract() == 0.0 && f.abs() < 1e16 { format!("{f:.1}") } else { format!("{f}") }
}
