//! The pickle of a `state_dict`, protocol 2, in the opcodes and globals that torch's `weights_only` unpickler allows.
//!
//! Source: CPython `Lib/pickletools.py`; `torch/_weights_only_unpickler.py` and `torch/_utils.py` of torch 2.15. Owns: the
//! bytes. Must never know: where storages stand.

use super::Entry;
use modelport_ir::DType;

/// The first pickle of a stream, which says what it is.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;

/// Bytes of a pickle under construction.
pub(crate) struct Pickle(Vec<u8>);

/// The class of a storage with elements of this type, where it has one of its own.
pub(crate) fn storage(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::F32 => "FloatStorage",
        DType::F64 => "DoubleStorage",
        DType::F16 => "HalfStorage",
        DType::BF16 => "BFloat16Storage",
        DType::I64 => "LongStorage",
        DType::I32 => "IntStorage",
        DType::I16 => "ShortStorage",
        DType::I8 => "CharStorage",
        DType::U8 => "ByteStorage",
        DType::Bool => "BoolStorage",
        DType::C64 => "ComplexFloatStorage",
        DType::C128 => "ComplexDoubleStorage",
        _ => return None,
    })
}

/// Types of elements whose storage is untyped.
fn untyped(dtype: DType) -> &'static str {
    match dtype {
        DType::U16 => "uint16",
        DType::U32 => "uint32",
        DType::U64 => "uint64",
        DType::F8E4M3 => "float8_e4m3fn",
        _ => "float8_e5m2",
    }
}

impl Pickle {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn done(mut self) -> Vec<u8> {
        self.0.push(b'.');
        self.0
    }

    /// An `OrderedDict` of tensors; in the old form a storage also says that it is no view.
    pub(crate) fn state_dict(entries: &[Entry], old: bool) -> Vec<u8> {
        let mut p = Self::new();
        p.ordered_dict();
        p.0.push(b'(');
        for entry in entries {
            p.text(&entry.name);
            p.tensor(entry, old);
        }
        p.0.push(b'u');
        p.done()
    }

    /// What comes first in a stream: the magic number, the protocol, the machine.
    pub(crate) fn stream_head() -> [Vec<u8>; 3] {
        let mut magic = Self::new();
        magic.0.extend([0x8a, MAGIC.len() as u8]);
        magic.0.extend(MAGIC);
        let mut protocol = Self::new();
        protocol.int(PROTOCOL);
        let mut machine = Self::new();
        machine.0.extend(b"}(");
        machine.text("protocol_version");
        machine.int(PROTOCOL);
        machine.text("little_endian");
        machine.0.push(0x88);
        machine.text("type_sizes");
        machine.0.extend(b"}(");
        for (name, size) in [("short", 2), ("int", 4), ("long", 4)] {
            machine.text(name);
            machine.int(size);
        }
        machine.0.extend(b"uu");
        [magic.done(), protocol.done(), machine.done()]
    }

    /// The list of storages' keys.
    pub(crate) fn keys(count: usize) -> Vec<u8> {
        let mut p = Self::new();
        p.0.extend(b"](");
        (0..count).for_each(|key| p.text(&key.to_string()));
        p.0.push(b'e');
        p.done()
    }

    fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").as_bytes());
    }

    fn ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.0.extend(b")R");
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn int(&mut self, n: i64) {
        match (u8::try_from(n), u16::try_from(n), i32::try_from(n)) {
            (Ok(n), _, _) => self.0.extend([b'K', n]),
            (_, Ok(n), _) => {
                self.0.push(b'M');
                self.0.extend(n.to_le_bytes());
            }
            (_, _, Ok(n)) => {
                self.0.push(b'J');
                self.0.extend(n.to_le_bytes());
            }
            _ => {
                self.0.extend([0x8a, 8]);
                self.0.extend(n.to_le_bytes());
            }
        }
    }

    fn ints(&mut self, all: impl Iterator<Item = i64>) {
        self.0.push(b'(');
        all.for_each(|n| self.int(n));
        self.0.push(b't');
    }

    /// A contiguous tensor over the whole of its storage.
    fn tensor(&mut self, entry: &Entry, old: bool) {
        let tensor = &entry.tensor;
        let typed = storage(tensor.dtype());
        let version = if typed.is_some() { "_rebuild_tensor_v2" } else { "_rebuild_tensor_v3" };
        self.global("torch._utils", version);
        self.0.extend(b"((");
        self.text("storage");
        let len = match typed {
            Some(class) => {
                self.global("torch", class);
                tensor.len()
            }
            None => {
                self.global("torch.storage", "UntypedStorage");
                tensor.byte_len()
            }
        };
        self.text(&entry.storage.to_string());
        self.text("cpu");
        self.int(len as i64);
        if old {
            self.0.push(b'N');
        }
        self.0.extend(b"tQ");
        self.int(0);
        self.ints(tensor.shape().iter().map(|&d| d as i64));
        self.ints(strides(tensor.shape()).into_iter());
        self.0.push(0x89);
        self.ordered_dict();
        if typed.is_none() {
            self.global("torch", untyped(tensor.dtype()));
        }
        self.0.extend(b"tR");
    }
}

fn strides(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * (shape[i].max(1) as i64);
    }
    strides
}
