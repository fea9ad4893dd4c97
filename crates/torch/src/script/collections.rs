//! Lists, tuples and dicts: what the archived code does with them at conversion time.
//!
//! Owns: indices, slices, changes in place. Must never know: tensors beyond that they are elements.

use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::value::{Ref, Value};

impl Machine {
    /// `base[index]`.
    pub(super) fn get_item(&mut self, base: &Value, index: &Value) -> Step<Value> {
        match base {
            Value::Dict(r) => self.dict_item(*r, index),
            Value::Str(s) => {
                let n = s.chars().count();
                let i = position(index, n)?;
                Ok(Value::str(&s.chars().nth(i).map(String::from).unwrap_or_default()))
            }
            Value::List(r) | Value::Tuple(r) => {
                if let Value::Num(..) = index {
                    return self.open_item(*r, index);
                }
                let items = self.list(*r);
                let i = position(index, items.len())?;
                items.get(i).cloned().ok_or_else(|| damaged("an index is outside of its list"))
            }
            Value::Object(_) => match index {
                // `ModuleList[i]` and `ModuleDict[key]` of an interface.
                Value::Int(i) => self.attribute(base, &i.to_string()),
                Value::Str(s) => self.attribute(base, s),
                _ => Err(unsupported("a module is chosen by data")),
            },
            Value::Tensor(_) => match index {
                Value::Int(_) | Value::Num(..) => {
                    self.tensor_call("aten", "select", vec![base.clone(), Value::Int(0), index.clone()], Vec::new())
                }
                _ => Err(unsupported("a tensor is indexed in a way that torch does not print")),
            },
            Value::Lost(why) => Err(unsupported(why.to_string())),
            _ => Err(damaged(format!("{} is indexed", base.type_name()))),
        }
    }

    /// An element whose number depends on data: of numbers, through a tensor.
    fn open_item(&mut self, r: Ref, index: &Value) -> Step<Value> {
        let items = self.list(r).to_vec();
        let kind = items.first().and_then(Value::kind);
        match kind {
            Some(kind) if items.iter().all(|v| v.kind() == Some(kind)) => {
                let list = self.new_list(items)?;
                let all = self.tensor_of(&list, Some(kind.dtype()))?;
                let one = self.tensor_call("aten", "select", vec![all, Value::Int(0), index.clone()], Vec::new())?;
                self.number_from(&one, kind)
            }
            _ => Err(unsupported("an element of a list is chosen by data")),
        }
    }

    pub(super) fn dict_item(&mut self, r: Ref, key: &Value) -> Step<Value> {
        if let Some(v) = self.dict_find(r, key)? {
            return Ok(v);
        }
        if self.dict(r)?.open {
            return self.open_entry(r, key);
        }
        let key = self.show(key);
        Err(Stop::Raised(format!("KeyError: {key}").into()))
    }

    pub(super) fn dict_find(&mut self, r: Ref, key: &Value) -> Step<Option<Value>> {
        if let Value::Num(..) = key {
            return Err(unsupported("an entry of a dict is chosen by data"));
        }
        let n = self.dict(r)?.entries.len();
        self.charge(n)?;
        let key = dict_key(key);
        Ok(self.dict(r)?.entries.iter().find(|(k, _)| dict_key(k) == key).map(|(_, v)| v.clone()))
    }

    /// `base[index] = value`.
    pub(super) fn set_item(&mut self, base: &Value, index: &Value, value: Value) -> Step<()> {
        match base {
            Value::List(r) => {
                let n = self.list(*r).len();
                let i = position(index, n)?;
                if let Some(slot) = self.list_mut(*r)?.get_mut(i) {
                    *slot = value;
                }
                Ok(())
            }
            Value::Dict(r) => {
                let key = dict_key(index);
                let n = self.dict(*r)?.entries.len();
                self.charge(n)?;
                let dict = self.dict_mut(*r)?;
                match dict.entries.iter_mut().find(|(k, _)| dict_key(k) == key) {
                    Some((_, v)) => *v = value,
                    None => dict.entries.push((index.clone(), value)),
                }
                Ok(())
            }
            _ => Err(damaged(format!("an element of {} is set", base.type_name()))),
        }
    }

    /// `base[start:stop:step]` of a list, tuple or string.
    pub(super) fn python_slice(&mut self, base: &Value, parts: [Value; 3]) -> Step<Value> {
        let bound = |v: &Value| match v {
            Value::None => Ok(None),
            Value::Int(i) => Ok(Some(*i)),
            Value::Bool(b) => Ok(Some(i64::from(*b))),
            _ => Err(unsupported("a list is sliced at a place that depends on data")),
        };
        if let Value::Tensor(_) = base {
            let [a, b, c] = parts;
            let c = if matches!(c, Value::None) { Value::Int(1) } else { c };
            return self.tensor_call("aten", "slice", vec![base.clone(), Value::Int(0), a, b, c], Vec::new());
        }
        let [a, b, c] = &parts;
        let (start, stop, step) = (bound(a)?, bound(b)?, bound(c)?.unwrap_or(1));
        if let Value::Str(s) = base {
            let chars: Vec<char> = s.chars().collect();
            let picked: String =
                slice_indices(chars.len(), start, stop, step)?.into_iter().filter_map(|i| chars.get(i)).collect();
            return Ok(Value::str(&picked));
        }
        let items = self.items(base)?;
        let picked = slice_indices(items.len(), start, stop, step)?;
        let picked = picked.into_iter().filter_map(|i| items.get(i).cloned()).collect();
        if matches!(base, Value::Tuple(_)) { self.new_tuple(picked) } else { self.new_list(picked) }
    }
}

/// A key as Python compares it.
pub(super) fn dict_key(v: &Value) -> String {
    match v {
        Value::Str(s) => format!("s{s}"),
        Value::Enum(m) => format!("e{}.{}", m.class, m.name),
        Value::Tensor(r) => format!("t{}", r.0),
        Value::Device(d) => format!("d{d}"),
        _ => match v.number() {
            Some(f) => format!("n{f}"),
            None => format!("?{}", v.type_name()),
        },
    }
}

/// An index in `0..n`, counted from the end when negative.
pub(super) fn position(index: &Value, n: usize) -> Step<usize> {
    let i = match index {
        Value::Int(i) => *i,
        Value::Bool(b) => i64::from(*b),
        Value::Num(..) => return Err(unsupported("a place in a list is chosen by data")),
        Value::Lost(why) => return Err(unsupported(why.to_string())),
        _ => return Err(damaged(format!("a list is indexed by {}", index.type_name()))),
    };
    let at = if i < 0 { i.saturating_add(n as i64) } else { i };
    usize::try_from(at).ok().filter(|i| *i < n).ok_or_else(|| Stop::Raised("an index is outside of its list".into()))
}

/// The indices of a Python slice.
fn slice_indices(n: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Step<Vec<usize>> {
    if step == 0 {
        return Err(damaged("a slice has no step"));
    }
    let n = n as i64;
    let clamp = |i: i64, low: i64, high: i64| (if i < 0 { i.saturating_add(n) } else { i }).clamp(low, high);
    let mut out = Vec::new();
    if step > 0 {
        let (mut i, stop) = (clamp(start.unwrap_or(0), 0, n), clamp(stop.unwrap_or(n), 0, n));
        while i < stop {
            out.push(i as usize);
            i = i.saturating_add(step);
        }
    } else {
        let mut i = clamp(start.unwrap_or(n - 1), -1, n - 1);
        let stop = stop.map_or(-1, |s| clamp(s, -1, n - 1));
        while i > stop {
            out.push(i as usize);
            i = i.saturating_add(step);
        }
    }
    Ok(out)
}
