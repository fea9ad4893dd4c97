//! Operators on lists, tuples and dicts.
//!
//! Owns: what `append`, `keys` and their like do, and what sequences have in common. Must never know: how elements are
//! found by index.

use super::collections::{dict_key, position};
use super::machine::{Machine, Step, Stop, unsupported};
use super::value::{Dict, Kind, Obj, Ref, Value};

impl Machine {
    /// Operators on lists and dicts; `None` when it is none.
    pub(super) fn collection_op(&mut self, op: &str, args: &[Value]) -> Step<Option<Value>> {
        let Some(first) = args.first() else {
            return Ok(match op {
                "dict" => Some(Value::Dict(self.alloc(Obj::Dict(Dict::default()))?)),
                "list" => Some(self.new_list(Vec::new())?),
                _ => None,
            });
        };
        match first {
            Value::List(r) => self.list_op(op, *r, first, args.get(1..).unwrap_or_default()),
            Value::Tuple(r) => self.tuple_op(op, *r, args.get(1..).unwrap_or_default()),
            Value::Dict(r) => self.dict_op(op, *r, args.get(1..).unwrap_or_default()),
            _ => match (op, args) {
                ("rangelist", [Value::Int(n)]) => {
                    self.charge(usize::try_from(*n).unwrap_or(0))?;
                    let items = (0..*n).map(Value::Int).collect();
                    self.new_list(items).map(Some)
                }
                ("mul", [Value::Int(_), Value::List(_)]) => {
                    let swapped = args.iter().rev().cloned().collect();
                    self.scalar_op(op, swapped).map(Some)
                }
                ("len", [Value::Object(_)]) => self.call_method(first, "__len__", Vec::new(), Vec::new()).map(Some),
                _ => Ok(None),
            },
        }
    }

    fn list_op(&mut self, op: &str, r: Ref, list: &Value, args: &[Value]) -> Step<Option<Value>> {
        let n = self.list(r).len();
        self.charge(1 + n / 8)?;
        Ok(Some(match (op, args) {
            ("append", [v]) => {
                self.list_mut(r)?.push(v.clone());
                list.clone()
            }
            ("extend" | "add_", [other]) => {
                let items = self.items(other)?;
                self.charge(items.len())?;
                self.list_mut(r)?.extend(items);
                list.clone()
            }
            ("insert", [i, v]) => {
                let Value::Int(i) = i else {
                    return Err(unsupported("a list is changed at a place that depends on data"));
                };
                let at = if *i < 0 { i.saturating_add(n as i64).max(0) } else { (*i).min(n as i64) };
                self.list_mut(r)?.insert(usize::try_from(at).unwrap_or(0), v.clone());
                Value::None
            }
            ("pop", rest) => {
                let i = position(rest.first().unwrap_or(&Value::Int(-1)), n)?;
                self.list_mut(r)?.remove(i)
            }
            ("clear", []) => {
                self.list_mut(r)?.clear();
                Value::None
            }
            ("reverse", []) => {
                self.charge(n)?;
                self.list_mut(r)?.reverse();
                Value::None
            }
            ("sort", rest) => {
                let sorted = self.sorted(self.list(r).to_vec(), matches!(rest.first(), Some(Value::Bool(true))))?;
                *self.list_mut(r)? = sorted;
                Value::None
            }
            ("sorted", rest) => {
                let sorted = self.sorted(self.list(r).to_vec(), matches!(rest.first(), Some(Value::Bool(true))))?;
                self.new_list(sorted)?
            }
            ("copy" | "list", []) => {
                let items = self.list(r).to_vec();
                self.new_list(items)?
            }
            ("_set_item", [i, v]) => {
                self.set_item(list, i, v.clone())?;
                list.clone()
            }
            ("Delete" | "remove", [v]) => {
                let i = if op == "Delete" { Some(position(v, n)?) } else { self.find_in(r, v)? };
                if let Some(i) = i {
                    self.list_mut(r)?.remove(i);
                }
                Value::None
            }
            ("add", [Value::List(other)]) => {
                let mut items = self.list(r).to_vec();
                items.extend(self.list(*other).to_vec());
                self.new_list(items)?
            }
            ("mul", [Value::Int(times)]) => {
                let times = usize::try_from(*times).unwrap_or(0);
                self.charge(n.saturating_mul(times))?;
                let items = self.list(r).to_vec();
                let all = std::iter::repeat_n(items, times).flatten().collect();
                self.new_list(all)?
            }
            _ => return self.sequence_op(op, r, list, args),
        }))
    }

    fn tuple_op(&mut self, op: &str, r: Ref, args: &[Value]) -> Step<Option<Value>> {
        let tuple = Value::Tuple(r);
        match (op, args) {
            ("add", [Value::Tuple(other)]) => {
                let mut items = self.list(r).to_vec();
                items.extend(self.list(*other).to_vec());
                self.new_tuple(items).map(Some)
            }
            ("list", []) => {
                let items = self.list(r).to_vec();
                self.new_list(items).map(Some)
            }
            _ => self.sequence_op(op, r, &tuple, args),
        }
    }

    /// What lists and tuples have in common.
    fn sequence_op(&mut self, op: &str, r: Ref, whole: &Value, args: &[Value]) -> Step<Option<Value>> {
        let n = self.list(r).len();
        self.charge(n)?;
        Ok(Some(match (op, args) {
            ("len", []) => Value::Int(n as i64),
            ("__getitem__", [i]) => self.get_item(whole, i)?,
            ("slice", parts) => {
                let part = |i: usize| parts.get(i).cloned().unwrap_or(Value::None);
                self.python_slice(whole, [part(0), part(1), part(2)])?
            }
            ("__contains__", [v]) => {
                let mut any = Value::Bool(false);
                for item in self.list(r).to_vec() {
                    let one = self.equal(&item, v)?;
                    any = self.scalar_op("__or__", vec![any, one])?;
                }
                any
            }
            ("index", [v]) => match self.find_in(r, v)? {
                Some(i) => Value::Int(i as i64),
                None => return Err(Stop::Raised("ValueError: a value is not in the list".into())),
            },
            ("count", [v]) => {
                let mut count = 0;
                for item in self.list(r).to_vec() {
                    count += i64::from(matches!(self.equal(&item, v)?, Value::Bool(true)));
                }
                Value::Int(count)
            }
            ("min" | "max", []) => {
                let mut items = self.list(r).to_vec().into_iter();
                let first = items.next().ok_or_else(|| Stop::Raised("an empty list has no smallest".into()))?;
                let mut best = first;
                for item in items {
                    best = self.scalar_op(op, vec![best, item])?;
                }
                best
            }
            ("sum", []) => {
                let mut all = Value::Int(0);
                for item in self.list(r).to_vec() {
                    all = self.call_operator("aten", "add", vec![all, item], Vec::new())?;
                }
                all
            }
            ("any" | "all", []) => {
                let mut all = Value::Bool(op == "all");
                for item in self.list(r).to_vec() {
                    let item = self.number_from(&item, Kind::Bool)?;
                    all = self.scalar_op(if op == "all" { "__and__" } else { "__or__" }, vec![all, item])?;
                }
                all
            }
            _ => return Ok(None),
        }))
    }

    fn find_in(&mut self, r: Ref, v: &Value) -> Step<Option<usize>> {
        for (i, item) in self.list(r).to_vec().iter().enumerate() {
            if matches!(self.equal(item, v)?, Value::Bool(true)) {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    fn sorted(&mut self, mut items: Vec<Value>, descending: bool) -> Step<Vec<Value>> {
        self.charge(items.len() * 4)?;
        let key = |v: &Value| (v.number(), if let Value::Str(s) = v { Some(s.clone()) } else { None });
        if items.iter().any(|v| key(v) == (None, None)) {
            return Err(unsupported("a list of values that depend on data is sorted"));
        }
        items.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
        if descending {
            items.reverse();
        }
        Ok(items)
    }

    fn dict_op(&mut self, op: &str, r: Ref, args: &[Value]) -> Step<Option<Value>> {
        let dict = Value::Dict(r);
        let n = self.dict(r)?.entries.len();
        self.charge(n + 1)?;
        if self.dict(r)?.open && matches!(op, "keys" | "values" | "items" | "len" | "popitem" | "copy") {
            return Err(unsupported(
                "the model takes a dict whose keys the file does not say, and asks for all of them",
            ));
        }
        Ok(Some(match (op, args) {
            ("len", []) => Value::Int(n as i64),
            ("__getitem__", [k]) => self.dict_item(r, k)?,
            ("_set_item", [k, v]) => {
                self.set_item(&dict, k, v.clone())?;
                Value::None
            }
            ("__contains__", [k]) => {
                let open = self.dict(r)?.open;
                Value::Bool(self.dict_find(r, k)?.is_some() || open)
            }
            ("get", [k, default @ ..]) => {
                self.dict_find(r, k)?.unwrap_or_else(|| default.first().cloned().unwrap_or(Value::None))
            }
            ("setdefault", [k, v]) => match self.dict_find(r, k)? {
                Some(v) => v,
                None => {
                    self.set_item(&dict, k, v.clone())?;
                    v.clone()
                }
            },
            ("keys", []) => {
                let keys = self.dict(r)?.entries.iter().map(|(k, _)| k.clone()).collect();
                self.new_list(keys)?
            }
            ("values", []) => {
                let values = self.dict(r)?.entries.iter().map(|(_, v)| v.clone()).collect();
                self.new_list(values)?
            }
            ("items", []) => {
                let mut items = Vec::new();
                for (k, v) in self.dict(r)?.entries.clone() {
                    items.push(self.new_tuple(vec![k, v])?);
                }
                self.new_list(items)?
            }
            ("pop", [k, ..]) | ("Delete", [k]) => {
                let v = self.dict_find(r, k)?;
                let key = dict_key(k);
                self.dict_mut(r)?.entries.retain(|(k, _)| dict_key(k) != key);
                v.or_else(|| args.get(1).cloned()).ok_or_else(|| Stop::Raised("KeyError".into()))?
            }
            ("update", [Value::Dict(other)]) => {
                for (k, v) in self.dict(*other)?.entries.clone() {
                    self.set_item(&dict, &k, v)?;
                }
                Value::None
            }
            ("copy" | "dict", []) => {
                let copy = self.dict(r)?.clone();
                Value::Dict(self.alloc(Obj::Dict(copy))?)
            }
            ("clear", []) => {
                self.dict_mut(r)?.entries.clear();
                Value::None
            }
            _ => return Ok(None),
        }))
    }
}
