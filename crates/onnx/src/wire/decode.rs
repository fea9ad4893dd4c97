//! Decoding: fields of a piece of a file, one by one, nothing copied.

use modelport_diag::{Code, Diagnostic, Result};

/// What a field carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Payload<'a> {
    /// A number.
    Varint(u64),
    /// Eight bytes.
    Fixed64([u8; 8]),
    /// Four bytes.
    Fixed32([u8; 4]),
    /// Bytes, text, a message, or packed numbers; and where they start in the file.
    Bytes(&'a [u8], u64),
}

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field<'a> {
    /// Its number.
    pub(crate) number: u64,
    /// What it carries.
    pub(crate) payload: Payload<'a>,
    /// Where it starts in the file.
    pub(crate) at: u64,
}

fn damaged(at: u64, what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::ONNX_READ, format!("the protobuf message is damaged: {what}")).at_byte(at)
}

impl<'a> Field<'a> {
    fn wrong<T>(&self, expected: &str) -> Result<T> {
        Err(damaged(self.at, "a field has another wire type than ONNX declares").expected(expected))
    }

    /// The field as a signed integer.
    pub(crate) fn int(&self) -> Result<i64> {
        match self.payload {
            Payload::Varint(v) => Ok(v as i64),
            _ => self.wrong("a number"),
        }
    }

    /// The field as a 32-bit float.
    pub(crate) fn float(&self) -> Result<f32> {
        match self.payload {
            Payload::Fixed32(b) => Ok(f32::from_le_bytes(b)),
            _ => self.wrong("a float"),
        }
    }

    /// The field as bytes, and where they start in the file.
    pub(crate) fn bytes(&self) -> Result<(&'a [u8], u64)> {
        match self.payload {
            Payload::Bytes(b, at) => Ok((b, at)),
            _ => self.wrong("bytes"),
        }
    }

    /// The field as text; damaged UTF-8 is replaced.
    pub(crate) fn text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes()?.0).into_owned())
    }

    /// The field as a nested message.
    pub(crate) fn message(&self) -> Result<Fields<'a>> {
        let (bytes, at) = self.bytes()?;
        Ok(Fields::new(bytes, at))
    }

    /// Appends one number, or all packed ones.
    pub(crate) fn ints(&self, out: &mut Vec<i64>) -> Result<()> {
        let Payload::Bytes(bytes, at) = self.payload else {
            out.push(self.int()?);
            return Ok(());
        };
        let mut fields = Fields::new(bytes, at);
        while !fields.is_empty() {
            out.push(fields.varint()? as i64);
        }
        Ok(())
    }

    /// Appends one float, or all packed ones.
    pub(crate) fn floats(&self, out: &mut Vec<f32>) -> Result<()> {
        let Payload::Bytes(bytes, _) = self.payload else {
            out.push(self.float()?);
            return Ok(());
        };
        out.extend(bytes.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)));
        Ok(())
    }

    /// Appends one double, or all packed ones.
    pub(crate) fn doubles(&self, out: &mut Vec<f64>) -> Result<()> {
        match self.payload {
            Payload::Bytes(bytes, _) => out.extend(bytes.as_chunks::<8>().0.iter().map(|c| f64::from_le_bytes(*c))),
            Payload::Fixed64(b) => out.push(f64::from_le_bytes(b)),
            _ => return self.wrong("a double"),
        }
        Ok(())
    }
}

/// The fields of a message in the order of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    base: u64,
}

impl<'a> Fields<'a> {
    /// The fields in `bytes`, which start at `base` in the file.
    pub(crate) fn new(bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Where the message stands in the file.
    pub(crate) fn place(&self) -> std::ops::Range<usize> {
        let start = self.base as usize;
        start..start + self.bytes.len()
    }

    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    fn varint(&mut self) -> Result<u64> {
        let mut v = 0u64;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(damaged(self.position(), "it ends inside a number"));
            };
            self.at += 1;
            v |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(v);
            }
        }
        Err(damaged(self.position(), "a number is too long"))
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8]> {
        let end = usize::try_from(n).ok().and_then(|n| self.at.checked_add(n));
        let piece = end.and_then(|end| self.bytes.get(self.at..end));
        let piece = piece.ok_or_else(|| {
            damaged(self.position(), "a field reaches past the end of its message")
                .expected(format!("{n} bytes"))
                .found(format!("{} bytes", self.bytes.len() - self.at))
                .help("the file was cut off while it was copied or downloaded, or it is not an ONNX file")
        })?;
        self.at += piece.len();
        Ok(piece)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N as u64)?);
        Ok(out)
    }

    /// The next field; `None` at the end.
    pub(crate) fn next_field(&mut self) -> Result<Option<Field<'a>>> {
        if self.is_empty() {
            return Ok(None);
        }
        let at = self.position();
        let tag = self.varint()?;
        let payload = match tag & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(self.array()?),
            2 => {
                let len = self.varint()?;
                let start = self.position();
                Payload::Bytes(self.take(len)?, start)
            }
            5 => Payload::Fixed32(self.array()?),
            other => return Err(damaged(at, &format!("wire type {other} does not occur in ONNX"))),
        };
        match tag >> 3 {
            0 => Err(damaged(at, "field number 0")),
            number => Ok(Some(Field { number, payload, at })),
        }
    }
}
