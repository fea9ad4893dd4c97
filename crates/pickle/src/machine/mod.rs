//! The machine: a stack, a memo, and one arm for every opcode (Python's `pickletools.opcodes` lists them).
//!
//! Owns: the order of things. Every step takes at least one byte of input and no step does more work than the values that
//! earlier steps put on the stack, so the whole is linear in the input.

mod memo;
mod stack;
mod text;

use crate::value::{Id, Pickle, Value};
use crate::{GlobalRef, classify, depth};
use bytes::Bytes;
use memo::Memo;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_storage::Cursor;
use std::collections::HashMap;

/// Reads the pickle at the start of `bytes`; more may follow it ([`Pickle::consumed`]). Nothing that it names is imported
/// or called.
///
/// # Errors
/// `PK0001` when it is damaged, `PK0002` when it needs what is outside of it (extension registry, out-of-band buffers) or
/// a protocol after 5, `IO0005` when it has more than [`Limits::objects`] values or they lie too deep in each other.
pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Pickle> {
    let data = bytes.clone();
    let mut machine = Machine {
        bytes,
        cursor: Cursor::new(&data),
        op_at: 0,
        limits,
        values: Vec::new(),
        small: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Memo::default(),
        globals: Vec::new(),
        global_ids: HashMap::new(),
        protocol: 0,
    };
    let root = machine.run().map_err(|d| {
        let at = machine.op_at as u64;
        if d.code == Code::PICKLE_DAMAGED && machine.globals.iter().any(|g| g.module.starts_with("joblib.")) {
            return joblib().at_byte(at);
        }
        d.at_byte(at)
    })?;
    let extent = depth::check(&machine.values, root, limits)?;
    let Machine { values, globals, protocol, cursor, .. } = machine;
    Ok(Pickle { values, root, globals, protocol, consumed: cursor.position(), extent })
}

/// Values that take no byte more when they stand a million times: `None`, `False`, `True`, `()`, 0 to 255.
const SHARED: usize = 4 + 256;

struct Machine<'a> {
    bytes: Bytes,
    cursor: Cursor<'a>,
    /// Where the current opcode stands.
    op_at: usize,
    limits: &'a Limits,
    values: Vec<Value>,
    /// The first values of the arena; see [`SHARED`].
    small: Vec<Id>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: Memo,
    globals: Vec<GlobalRef>,
    global_ids: HashMap<(Box<str>, Box<str>), Id>,
    protocol: u8,
}

pub(super) fn damaged(what: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::PICKLE_DAMAGED, format!("the pickle is damaged: {}", what.into()))
        .help("the file was cut off or altered; get it again")
}

/// joblib writes the bytes of arrays between the opcodes of a pickle (`joblib/numpy_pickle.py`).
fn joblib() -> Box<Diagnostic> {
    outside("is one of joblib, which keeps arrays between the opcodes")
        .help("load it with joblib, and save the weights of a network with torch.save or safetensors")
        .help("skl2onnx converts models of scikit-learn")
}

fn outside(what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::PICKLE_OUTSIDE, format!("the pickle {what}"))
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id> {
        for value in [Value::None, Value::Bool(false), Value::Bool(true), Value::Tuple(Vec::new())] {
            let id = self.add(value)?;
            self.small.push(id);
        }
        for i in 0..256 {
            let id = self.add(Value::Int(i))?;
            self.small.push(id);
        }
        loop {
            self.op_at = self.cursor.position();
            let op = self.cursor.u8().map_err(|_| damaged("it ends before its end mark"))?;
            if op == b'.' {
                return self.pop();
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Result<()> {
        match op {
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'N' => self.push_shared(0),
            0x89 => self.push_shared(1),
            0x88 => self.push_shared(2),
            b')' => self.push_shared(3),
            0x80 => self.proto(),
            0x95 => self.frame(),
            b'I' | b'L' | b'F' | b'S' | b'V' | b'c' | b'i' | b'P' | b'g' | b'p' => self.text_op(op),
            b'K' | b'M' | b'J' | b'G' | 0x8a | 0x8b => self.number(op),
            b'U' | b'T' | b'X' | 0x8c | 0x8d | b'C' | b'B' | 0x8e | 0x96 => self.bytes_op(op),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            0x8f => self.push(Value::Set(Vec::new())),
            b'l' | b't' | b'd' | 0x91 => self.collect(op),
            0x85..=0x87 => self.small_tuple(usize::from(op - 0x84)),
            b'a' | b'e' | b's' | b'u' | 0x90 => self.fill(op),
            b'0' | b'1' | b'2' => self.shuffle(op),
            b'h' | b'j' | b'q' | b'r' | 0x94 => self.memo_op(op),
            0x93 => self.stack_global(),
            b'R' | 0x81 | 0x92 | b'o' => self.make(op),
            b'b' => self.build(),
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::PersId(id))
            }
            0x82..=0x84 => Err(outside("names an entry of Python's extension registry, which is not in the file")),
            0x97 | 0x98 => Err(outside("keeps data in buffers outside of it (protocol 5 with a buffer callback)")),
            _ => Err(damaged(format!("there is no opcode 0x{op:02x}"))),
        }
    }

    fn proto(&mut self) -> Result<()> {
        let protocol = self.cursor.u8()?;
        if protocol > 5 {
            return Err(outside("has a protocol of the future").expected("0 to 5").found(protocol.to_string()));
        }
        self.protocol = self.protocol.max(protocol);
        Ok(())
    }

    /// A frame only says how much to read ahead.
    fn frame(&mut self) -> Result<()> {
        let len = self.cursor.u64()?;
        match len <= self.cursor.remaining() as u64 {
            true => Ok(()),
            false => Err(damaged("a frame announces more than there is")
                .expected(format!("{len} bytes"))
                .found(format!("{} bytes", self.cursor.remaining()))),
        }
    }

    fn number(&mut self, op: u8) -> Result<()> {
        let value = match op {
            b'K' => return { self.cursor.u8() }.and_then(|b| self.push_int(b.into())),
            b'M' => return self.cursor.u16().and_then(|b| self.push_int(b.into())),
            b'J' => return self.cursor.u32().and_then(|b| self.push_int((b as i32).into())),
            b'G' => Value::Float(f64::from_bits(self.cursor.u64()?.swap_bytes())),
            _ => {
                let len = if op == 0x8a { u32::from(self.cursor.u8()?) } else { self.cursor.u32()? };
                let bytes = self.take(u64::from(len))?;
                match bytes.len() {
                    0..=8 => return self.push_int(sign_extended(&bytes)),
                    _ => Value::BigInt(bytes),
                }
            }
        };
        self.push(value)
    }

    fn push_int(&mut self, i: i64) -> Result<()> {
        match usize::try_from(i) {
            Ok(i) if i < 256 => self.push_shared(4 + i),
            _ => self.push(Value::Int(i)),
        }
    }

    fn bytes_op(&mut self, op: u8) -> Result<()> {
        let len = match op {
            b'U' | 0x8c | b'C' => u64::from(self.cursor.u8()?),
            b'T' | b'X' | b'B' => u64::from(self.cursor.u32()?),
            _ => self.cursor.u64()?,
        };
        let bytes = self.take(len)?;
        let value = match op {
            b'X' | 0x8c | 0x8d => text::unicode(&bytes),
            b'U' | b'T' => text::old_string(bytes),
            _ => Value::Bytes(bytes),
        };
        self.push(value)
    }

    /// The next `len` bytes: a piece of the input.
    fn take(&mut self, len: u64) -> Result<Bytes> {
        let start = self.cursor.position();
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.cursor.take(len).map_err(|d| {
            damaged("it announces more bytes than there are")
                .expected(format!("{len} bytes"))
                .found(d.found.unwrap_or_default())
        })?;
        Ok(self.bytes.slice(start..self.cursor.position()))
    }

    fn memo_op(&mut self, op: u8) -> Result<()> {
        let key = match op {
            b'h' | b'q' => u32::from(self.cursor.u8()?),
            b'j' | b'r' => self.cursor.u32()?,
            _ => self.memo.len(),
        };
        match op {
            b'h' | b'j' => self.recall(key),
            _ => self.remember(key),
        }
    }

    fn remember(&mut self, key: u32) -> Result<()> {
        let id = *self.stack.last().ok_or_else(|| damaged("the memo is given a value that is not there"))?;
        self.memo.put(key, id);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let id = self.memo.get(key).ok_or_else(|| damaged(format!("the memo has no entry {key}")))?;
        self.stack.push(id);
        Ok(())
    }

    fn stack_global(&mut self) -> Result<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (self.values.get(module.index()), self.values.get(name.index())) {
            (Some(Value::Str(module)), Some(Value::Str(name))) => {
                let (module, name) = (module.clone(), name.clone());
                self.push_global(module, name)
            }
            _ => Err(damaged("the name of a class is no text")),
        }
    }

    fn push_global(&mut self, module: Box<str>, name: Box<str>) -> Result<()> {
        if let Some(&id) = self.global_ids.get(&(module.clone(), name.clone())) {
            self.stack.push(id);
            return Ok(());
        }
        let trust = classify(&module, &name);
        let id = self.add(Value::Global(self.globals.len() as u32))?;
        self.global_ids.insert((module.clone(), name.clone()), id);
        self.globals.push(GlobalRef { module, name, trust, at: self.op_at, called: false });
        self.stack.push(id);
        Ok(())
    }

    fn add(&mut self, value: Value) -> Result<Id> {
        let most = self.limits.objects.saturating_add(SHARED).min(u32::MAX as usize);
        if self.values.len() >= most {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the pickle has more values than a model needs")
                .expected(format!("at most {}", self.limits.objects)));
        }
        self.values.push(value);
        Ok(Id((self.values.len() - 1) as u32))
    }
}

fn sign_extended(bytes: &[u8]) -> i64 {
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut all = [fill; 8];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    i64::from_le_bytes(all)
}
