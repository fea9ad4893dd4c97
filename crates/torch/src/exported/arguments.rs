//! Arguments of a program's calls as arguments of ours.

use super::json::{float, text, union};
use super::symbols::dtype;
use crate::emit::Arg;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::ValueId;
use serde_json::Value;
use std::collections::HashMap;

/// Values by the program's names; a number that is a constant stays one.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(pub(super) HashMap<String, Arg>);

impl Names {
    pub(super) fn set(&mut self, name: &str, value: ValueId) {
        self.0.insert(name.to_owned(), Arg::Value(value));
    }

    pub(super) fn get(&self, name: &str) -> Result<Arg> {
        self.0.get(name).cloned().ok_or_else(|| {
            Diagnostic::error(Code::TORCH_PROGRAM, format!("the program uses `{name}`, which nothing defines"))
        })
    }

    /// The argument that a union stands for.
    pub(super) fn argument(&self, v: &Value) -> Result<Arg> {
        let bad = |what: &str| {
            Diagnostic::error(Code::TORCH_PROGRAM, format!("an argument of the exported program is {what}"))
        };
        let (tag, v) = union(v).ok_or_else(|| bad("no union"))?;
        let each = |f: &dyn Fn(&Value) -> Result<Arg>| {
            v.as_array().ok_or_else(|| bad("no list"))?.iter().map(f).collect::<Result<Vec<_>>>().map(Arg::List)
        };
        let number = |v: &Value| float(v).map(Arg::Float).ok_or_else(|| bad("no number"));
        let int = |v: &Value| v.as_i64().map(Arg::Int).ok_or_else(|| bad("no integer"));
        let flag = |v: &Value| v.as_bool().map(Arg::Bool).ok_or_else(|| bad("no truth value"));
        let string = |v: &Value| v.as_str().map(Arg::from).ok_or_else(|| bad("no string"));
        let tensor = |v: &Value| self.get(text(v, "name").ok_or_else(|| bad("a tensor without a name"))?);
        Ok(match tag {
            "as_none" => Arg::None,
            "as_tensor" => tensor(v)?,
            "as_tensors" => each(&tensor)?,
            "as_optional_tensor" => self.optional(v)?,
            "as_optional_tensors" => each(&|v| self.optional(v))?,
            "as_nested_tensors" => each(&|v| {
                let inner = v.as_array().ok_or_else(|| bad("no list"))?;
                inner.iter().map(tensor).collect::<Result<Vec<_>>>().map(Arg::List)
            })?,
            "as_int" => int(v)?,
            "as_ints" => each(&int)?,
            "as_int_lists" => each(&|v| {
                let inner = v.as_array().ok_or_else(|| bad("no list"))?;
                inner.iter().map(int).collect::<Result<Vec<_>>>().map(Arg::List)
            })?,
            "as_float" => number(v)?,
            "as_complex" => {
                let part = |name: &str| v.get(name).and_then(float).ok_or_else(|| bad("no complex number"));
                Arg::Complex(part("real")?, part("imag")?)
            }
            "as_floats" => each(&number)?,
            "as_bool" => flag(v)?,
            "as_bools" => each(&flag)?,
            "as_string" | "as_operator" => string(v)?,
            "as_strings" => each(&string)?,
            "as_sym_int" | "as_sym_float" | "as_sym_bool" => self.symbol(v)?,
            "as_sym_ints" | "as_sym_floats" | "as_sym_bools" => each(&|v| self.symbol(v))?,
            "as_scalar_type" => dtype(v).map(Arg::DType).ok_or_else(|| bad("a dtype that has no meaning here"))?,
            "as_memory_format" | "as_layout" => Arg::Str(v.to_string()),
            "as_device" => Arg::Str(text(v, "type").unwrap_or("cpu").to_owned()),
            other => return Err(bad(&format!("of the kind `{other}`"))),
        })
    }

    fn optional(&self, v: &Value) -> Result<Arg> {
        match union(v) {
            Some(("as_tensor", v)) => self.get(text(v, "name").unwrap_or_default()),
            _ => Ok(Arg::None),
        }
    }

    /// A number that is a name or a literal.
    fn symbol(&self, v: &Value) -> Result<Arg> {
        match union(v) {
            Some(("as_name", name)) => self.get(name.as_str().unwrap_or_default()),
            Some((_, literal)) if literal.is_boolean() => Ok(Arg::Bool(literal.as_bool() == Some(true))),
            Some((_, literal)) => match literal.as_i64() {
                Some(i) => Ok(Arg::Int(i)),
                None => Ok(float(literal).map_or(Arg::None, Arg::Float)),
            },
            None => Ok(Arg::None),
        }
    }
}

/// The names of an output argument: one, several, or none. An absent tensor has no name.
pub(super) fn output_names(v: &Value) -> Vec<Option<String>> {
    let name = |v: &Value| text(v, "name").map(str::to_owned);
    match union(v) {
        Some(("as_tensor", t)) => vec![name(t)],
        Some(("as_tensors", list)) => list.as_array().into_iter().flatten().map(name).collect(),
        Some(("as_optional_tensor", t)) => vec![union(t).and_then(|(_, t)| name(t))],
        Some(("as_optional_tensors", list)) => {
            list.as_array().into_iter().flatten().map(|t| union(t).and_then(|(_, t)| name(t))).collect()
        }
        Some(("as_sym_int" | "as_sym_float" | "as_sym_bool", s)) => vec![text(s, "as_name").map(str::to_owned)],
        Some(("as_sym_ints" | "as_sym_floats", list)) => {
            list.as_array().into_iter().flatten().map(|s| text(s, "as_name").map(str::to_owned)).collect()
        }
        _ => vec![None],
    }
}
