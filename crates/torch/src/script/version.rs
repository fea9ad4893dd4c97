//! Operators whose meaning changed while their name did not: calls in archives older than the change are rewritten to what
//! says the same today (`torch/csrc/jit/operator_upgraders/version_map.cpp`, `upgraders_entry.cpp` of torch 2.15). It has
//! to be done while the code is evaluated: the types of what follows depend on it.
//!
//! Owns: which operators, since which version. Must never know: how calls are lowered.

use super::machine::{Machine, Step};
use super::value::Value;
use std::rc::Rc;

/// Arguments by name.
type Named = Vec<(Rc<str>, Value)>;

impl Machine {
    /// The arguments of a call as today's operator takes them.
    pub(super) fn upgraded(
        &mut self,
        op: &str,
        args: &[Value],
        kwargs: &[(Rc<str>, Value)],
    ) -> Step<(Vec<Value>, Named)> {
        let (mut args, mut kwargs) = (args.to_vec(), kwargs.to_vec());
        let version = self.op_version;
        let named = |kwargs: &Named, name: &str| kwargs.iter().any(|(k, v)| &**k == name && !matches!(v, Value::None));
        match op {
            "aten::div" | "aten::div_" if version < 4 && !named(&kwargs, "rounding_mode") => {
                let whole = args.iter().take(2).map(|v| self.is_whole(v)).collect::<Step<Vec<_>>>()?;
                if whole.len() == 2 && whole.iter().all(|w| *w) {
                    kwargs.retain(|(k, _)| &**k != "rounding_mode");
                    kwargs.push(("rounding_mode".into(), Value::str("trunc")));
                    self.told("`div` of integers rounds towards zero, as it did before torch 1.6");
                }
            }
            "aten::full" if version < 5 && !named(&kwargs, "dtype") => {
                let value =
                    args.get_mut(1).or_else(|| kwargs.iter_mut().find(|(k, _)| &**k == "fill_value").map(|(_, v)| v));
                if let Some(value) = value
                    && let (Value::Int(_) | Value::Bool(_), Some(f)) = (&*value, value.number())
                {
                    *value = Value::Float(f);
                    self.told("`full` of an integer makes floats, as it did before torch 1.7");
                }
            }
            "aten::linspace" if version < 8 => steps(&mut args, &mut kwargs),
            "aten::logspace" if version < 9 => steps(&mut args, &mut kwargs),
            _ => {}
        }
        Ok((args, kwargs))
    }

    /// Whether a tensor or number is of an integral type; false where that is not known.
    fn is_whole(&mut self, v: &Value) -> Step<bool> {
        Ok(match v {
            Value::Int(_) | Value::Bool(_) => true,
            Value::Tensor(_) => {
                let h = self.tensor_handle(v)?;
                self.ty(h).is_some_and(|t| !t.dtype.is_float())
            }
            Value::Num(_, h) => self.ty(*h).is_some_and(|t| !t.dtype.is_float()),
            _ => false,
        })
    }

    fn told(&mut self, what: &str) {
        self.notes.insert(format!("the archive's operators are of version {}: {what}", self.op_version));
    }
}

/// Without a number of steps there were 100.
fn steps(args: &mut [Value], kwargs: &mut Named) {
    match args.get_mut(2) {
        Some(steps @ Value::None) => *steps = Value::Int(100),
        Some(_) => {}
        None => {
            let given = kwargs.iter_mut().find(|(k, _)| &**k == "steps");
            match given {
                Some((_, steps @ Value::None)) => *steps = Value::Int(100),
                Some(_) => {}
                None => kwargs.push(("steps".into(), Value::Int(100))),
            }
        }
    }
}
