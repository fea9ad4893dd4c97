//! The opcodes that move, collect and make values on the stack.

use super::{Machine, damaged};
use crate::value::{Id, Made, Object, Value};
use modelport_diag::Result;

impl Machine<'_> {
    pub(super) fn push(&mut self, value: Value) -> Result<()> {
        let id = self.add(value)?;
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn push_shared(&mut self, which: usize) -> Result<()> {
        let id = self.small.get(which).copied().ok_or_else(|| damaged("no such constant"))?;
        self.stack.push(id);
        Ok(())
    }

    /// The value on top. What lies below the last mark is out of reach, as in Python.
    pub(super) fn pop(&mut self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| damaged("it takes a value that is not there")),
            false => Err(damaged("it takes a value that is not there")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| damaged("it collects values without a mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(super) fn collect(&mut self, op: u8) -> Result<()> {
        let ids = self.pop_mark()?;
        match op {
            b'l' => self.push(Value::List(ids)),
            b't' if ids.is_empty() => self.push_shared(3),
            b't' => self.push(Value::Tuple(ids)),
            0x91 => self.push(Value::Set(ids)),
            _ => self.push(Value::Dict(pairs(&ids)?)),
        }
    }

    pub(super) fn small_tuple(&mut self, n: usize) -> Result<()> {
        let mut ids = Vec::with_capacity(n);
        for _ in 0..n {
            ids.push(self.pop()?);
        }
        ids.reverse();
        self.push(Value::Tuple(ids))
    }

    /// Appends, sets or adds what is on top to what lies below.
    pub(super) fn fill(&mut self, op: u8) -> Result<()> {
        let new = match op {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let target = *self.stack.last().ok_or_else(|| damaged("it fills a value that is not there"))?;
        let target = self.values.get_mut(target.index()).ok_or_else(|| damaged("no such value"))?;
        match (op, target) {
            (b'a' | b'e', Value::List(ids)) | (0x90, Value::Set(ids)) => ids.extend(new),
            (b'a' | b'e' | 0x90, Value::Object(o)) => o.items.extend(new),
            (b's' | b'u', Value::Dict(entries)) => entries.extend(pairs(&new)?),
            (b's' | b'u', Value::Object(o)) => o.entries.extend(pairs(&new)?),
            _ => return Err(damaged("it fills a value that is no container")),
        }
        Ok(())
    }

    pub(super) fn shuffle(&mut self, op: u8) -> Result<()> {
        match op {
            // A mark on top is what POP takes first.
            b'0' if self.marks.last() == Some(&self.stack.len()) => self.pop_mark().map(|_| ()),
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_mark().map(|_| ()),
            _ => {
                let id = self.pop()?;
                self.stack.extend([id, id]);
                Ok(())
            }
        }
    }

    /// `REDUCE`, `NEWOBJ`, `NEWOBJ_EX` and `OBJ`.
    pub(super) fn make(&mut self, op: u8) -> Result<()> {
        match op {
            b'R' => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.push_object(Made::Call, class, args, None)
            }
            0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.push_object(Made::New, class, args, None)
            }
            0x92 => {
                let (kwargs, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.push_object(Made::New, class, args, Some(kwargs))
            }
            _ => {
                let ids = self.pop_mark()?;
                let (class, args) = ids.split_first().ok_or_else(|| damaged("it makes an object without a class"))?;
                let args = self.add(Value::Tuple(args.to_vec()))?;
                self.push_object(Made::Call, *class, args, None)
            }
        }
    }

    pub(super) fn push_inst(&mut self, module: Box<str>, name: Box<str>) -> Result<()> {
        let ids = self.pop_mark()?;
        self.push_global(module, name)?;
        let class = self.pop()?;
        let args = self.add(Value::Tuple(ids))?;
        self.push_object(Made::Call, class, args, None)
    }

    fn push_object(&mut self, made: Made, class: Id, args: Id, kwargs: Option<Id>) -> Result<()> {
        let (made, class, args) = self.plain(made, class, args)?;
        if let Some(Value::Global(g)) = self.values.get(class.index())
            && let Some(global) = self.globals.get_mut(*g as usize)
        {
            global.called = true;
        }
        let at = self.op_at;
        let (items, entries) = (Vec::new(), Vec::new());
        self.push(Value::Object(Box::new(Object { made, class, args, kwargs, state: None, items, entries, at })))
    }

    /// Before protocol 2, an object of a class is written as a call of a helper with the class as an argument; here it
    /// becomes what `NEWOBJ` gives.
    fn plain(&mut self, made: Made, class: Id, args: Id) -> Result<(Made, Id, Id)> {
        let Some(Value::Global(g)) = self.values.get(class.index()) else { return Ok((made, class, args)) };
        let Some(global) = self.globals.get(*g as usize) else { return Ok((made, class, args)) };
        if made != Made::Call || !matches!(&*global.module, "copyreg" | "copy_reg") {
            return Ok((made, class, args));
        }
        let ids = match self.values.get(args.index()) {
            Some(Value::Tuple(ids)) => ids.as_slice(),
            _ => &[],
        };
        let (real, rest) = match (&*global.name, ids) {
            // `_reconstructor(class, base, value of the base)`: `object` has no value.
            ("_reconstructor", &[real, _, value]) if value.index() == 0 => (real, Vec::new()),
            ("_reconstructor", &[real, _, value]) => (real, vec![value]),
            ("__newobj__", [real, rest @ ..]) => (*real, rest.to_vec()),
            _ => return Ok((made, class, args)),
        };
        let args = self.add(Value::Tuple(rest))?;
        Ok((Made::New, real, args))
    }

    pub(super) fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let target = *self.stack.last().ok_or_else(|| damaged("a state belongs to no object"))?;
        match self.values.get_mut(target.index()) {
            Some(Value::Object(o)) if o.state.is_none() => {
                o.state = Some(state);
                Ok(())
            }
            Some(Value::Object(_)) => Err(damaged("an object has two states")),
            _ => Err(damaged("a state belongs to a value that is no object")),
        }
    }
}

fn pairs(ids: &[Id]) -> Result<Vec<(Id, Id)>> {
    match ids.len() % 2 {
        0 => Ok(ids.as_chunks::<2>().0.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err(damaged("a key of a dict has no value")),
    }
}
