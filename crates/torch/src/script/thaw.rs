//! Values of the machine, taken apart and put together again around a body.
//!
//! Owns: the way between values and what `frozen` makes of them. Must never know: how bodies are evaluated.

use super::frozen::{Frozen, Merged, Part};
use super::machine::{Machine, Step, damaged, unsupported};
use super::value::{Cell, Dict, Handle, Kind, Obj, Ref, Value};
use modelport_ir::TensorType;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Machine {
    /// Takes a value apart; objects from `start` on are younger than the body.
    pub(super) fn freeze(&mut self, v: &Value, start: usize) -> Step<Frozen> {
        self.charge(1)?;
        let young = |r: &Ref| r.0 as usize >= start;
        Ok(match v {
            Value::Tensor(r) => {
                let h = self.current(*r)?;
                Frozen::Tensor(*r, !young(r), h)
            }
            Value::Num(kind, h) => Frozen::Num(*kind, *h),
            Value::List(r) if young(r) => Frozen::List(self.freeze_all(*r, start)?),
            Value::Tuple(r) => {
                let class = if let Obj::Tuple(_, class) = self.obj(*r) { class.clone() } else { None };
                Frozen::Tuple(self.freeze_all(*r, start)?, class)
            }
            Value::Dict(r) if young(r) => self.freeze_object(*r, start)?,
            Value::Lost(why) => Frozen::Lost(why.clone()),
            _ => Frozen::Value(v.clone()),
        })
    }

    fn freeze_all(&mut self, r: Ref, start: usize) -> Step<Vec<Frozen>> {
        let items = self.list(r).to_vec();
        items.iter().map(|v| self.deeper(|m| m.freeze(v, start))).collect()
    }

    /// Takes the content of an object apart.
    pub(super) fn freeze_object(&mut self, r: Ref, start: usize) -> Step<Frozen> {
        Ok(match self.obj(r).clone() {
            Obj::Tensor(_) => {
                let h = self.current(r)?;
                Frozen::Tensor(r, false, h)
            }
            Obj::List(_) => Frozen::List(self.freeze_all(r, start)?),
            Obj::Tuple(_, class) => Frozen::Tuple(self.freeze_all(r, start)?, class),
            Obj::Dict(d) => {
                let mut out = Vec::new();
                for (k, v) in d.entries {
                    out.push((k, self.deeper(|m| m.freeze(&v, start))?));
                }
                Frozen::Dict(out)
            }
            Obj::Object(o) => {
                let mut out = BTreeMap::new();
                for (k, v) in o.attrs {
                    out.insert(k, self.deeper(|m| m.freeze(&v, start))?);
                }
                Frozen::Attrs(out)
            }
        })
    }

    /// Puts a value together.
    pub(super) fn thaw(&mut self, m: Merged, values: &[Handle]) -> Step<Value> {
        let get = |i: usize| values.get(i).copied().ok_or_else(|| damaged("a result is missing"));
        Ok(match m {
            Merged::Value(v) => v,
            Merged::Tensor(i) => {
                let h = get(i)?;
                if let Some(&r) = self.thawed.get(&h) {
                    return Ok(Value::Tensor(r));
                }
                let v = self.new_tensor(h)?;
                if let Value::Tensor(r) = v {
                    self.thawed.insert(h, r);
                }
                v
            }
            Merged::Num(kind, i) => Value::Num(kind, get(i)?),
            Merged::List(items) => {
                let items = items.into_iter().map(|m| self.thaw(m, values)).collect::<Step<_>>()?;
                self.new_list(items)?
            }
            Merged::Tuple(items, class) => {
                let items = items.into_iter().map(|m| self.thaw(m, values)).collect::<Step<_>>()?;
                Value::Tuple(self.alloc(Obj::Tuple(items, class))?)
            }
            Merged::Dict(items) => {
                let items = items.into_iter().map(|(k, m)| Ok((k, self.thaw(m, values)?))).collect::<Step<_>>()?;
                Value::Dict(self.alloc(Obj::Dict(Dict { entries: items, open: false }))?)
            }
            Merged::Attrs(_) => return Err(damaged("an object has no place")),
            Merged::Lost(why) => Value::Lost(why),
        })
    }

    /// Puts an object's content together in its place.
    pub(super) fn thaw_into(&mut self, r: Ref, m: Merged, values: &[Handle]) -> Step<()> {
        match m {
            Merged::Tensor(i) => {
                let h = values.get(i).copied().ok_or_else(|| damaged("a result is missing"))?;
                self.overwrite(r, h)
            }
            Merged::Attrs(attrs) => {
                for (k, m) in attrs {
                    let v = self.thaw(m, values)?;
                    self.object_mut(r)?.attrs.insert(k, v);
                }
                Ok(())
            }
            Merged::Lost(why) => self.lose(r, &why),
            m => {
                let v = self.thaw(m, values)?;
                self.replace(r, &v)
            }
        }
    }

    /// What a branch made of a list is not the same in both: whoever reads it learns why that fails.
    fn lose(&mut self, r: Ref, why: &Rc<str>) -> Step<()> {
        match self.obj_mut(r) {
            Obj::List(l) => *l = vec![Value::Lost(why.clone())],
            Obj::Dict(d) => d.entries.iter_mut().for_each(|(_, v)| *v = Value::Lost(why.clone())),
            _ => {}
        }
        Ok(())
    }

    /// Gives an object the content of another of its kind.
    pub(super) fn replace(&mut self, r: Ref, v: &Value) -> Step<()> {
        match v {
            Value::Tensor(from) if *from == r => Ok(()),
            Value::Tensor(from) => {
                let h = self.current(*from)?;
                self.overwrite(r, h)
            }
            Value::List(from) | Value::Tuple(from) | Value::Dict(from) | Value::Object(from) => {
                if *from != r {
                    let new = self.obj(*from).clone();
                    *self.obj_mut(r) = new;
                }
                Ok(())
            }
            _ => Err(damaged("an object becomes a value of another kind")),
        }
    }

    /// A tensor's content after a branch; what it views was set by the same branch.
    fn overwrite(&mut self, r: Ref, h: Handle) -> Step<()> {
        let Cell { view, .. } = self.cell(r)?.clone();
        let seen = match &view {
            Some(v) => self.cell(v.base)?.changes,
            None => 0,
        };
        let cell = self.cell_mut(r)?;
        cell.value = h;
        cell.changes = cell.changes.wrapping_add(1);
        cell.seen = seen;
        Ok(())
    }

    /// The value that a round begins with, as inputs of its body.
    pub(super) fn loop_input(
        &mut self,
        f: &Frozen,
        types: &BTreeMap<usize, Option<TensorType>>,
        leaves: &mut Vec<(Part, Option<TensorType>)>,
    ) -> Step<Value> {
        Ok(match f {
            Frozen::Tensor(_, _, h) => {
                let ty = types.get(&leaves.len()).cloned().unwrap_or_else(|| self.ty(*h));
                leaves.push((Part::handle(*h), ty.clone()));
                let h = self.add_input(&format!("c{}", leaves.len()), ty)?;
                self.new_tensor(h)?
            }
            Frozen::Num(kind, h) => self.loop_number(*kind, Part::handle(*h), leaves)?,
            Frozen::Value(v) => match v.kind() {
                Some(kind) => self.loop_number(kind, Part::number(v.clone()), leaves)?,
                None => v.clone(),
            },
            Frozen::List(items) => {
                let items = items.iter().map(|f| self.loop_input(f, types, leaves)).collect::<Step<_>>()?;
                self.new_list(items)?
            }
            Frozen::Tuple(items, class) => {
                let items = items.iter().map(|f| self.loop_input(f, types, leaves)).collect::<Step<_>>()?;
                Value::Tuple(self.alloc(Obj::Tuple(items, class.clone()))?)
            }
            Frozen::Dict(items) => {
                let mut entries = Vec::new();
                for (k, f) in items {
                    entries.push((k.clone(), self.loop_input(f, types, leaves)?));
                }
                Value::Dict(self.alloc(Obj::Dict(Dict { entries, open: false }))?)
            }
            Frozen::Attrs(_) => {
                return Err(unsupported("a loop that depends on data changes a module"));
            }
            Frozen::Lost(why) => Value::Lost(why.clone()),
        })
    }

    fn loop_number(&mut self, kind: Kind, part: Part, leaves: &mut Vec<(Part, Option<TensorType>)>) -> Step<Value> {
        let ty = Some(TensorType::known(kind.dtype(), &[]));
        leaves.push((part, ty.clone()));
        let h = self.add_input(&format!("c{}", leaves.len()), ty)?;
        Ok(Value::Num(kind, h))
    }
}
