//! The opcodes of protocol 0, whose operands are lines of text, and strings of every protocol.

use super::{Machine, damaged};
use crate::value::Value;
use bytes::Bytes;
use modelport_diag::Result;

impl Machine<'_> {
    /// The next line, without its end.
    fn line(&mut self) -> Result<Bytes> {
        let start = self.cursor.position();
        let rest = self.bytes.get(start..).unwrap_or_default();
        let len = rest.iter().position(|b| *b == b'\n').ok_or_else(|| damaged("it ends within a line"))?;
        self.cursor.take(len + 1)?;
        Ok(self.bytes.slice(start..start + len))
    }

    fn text_line(&mut self) -> Result<Box<str>> {
        let line = self.line()?;
        std::str::from_utf8(&line).map(Box::from).map_err(|_| damaged("a name is no text"))
    }

    pub(super) fn text_op(&mut self, op: u8) -> Result<()> {
        match op {
            b'c' => {
                let (module, name) = (self.text_line()?, self.text_line()?);
                self.push_global(module, name)
            }
            b'i' => {
                let (module, name) = (self.text_line()?, self.text_line()?);
                self.push_inst(module, name)
            }
            b'P' => {
                let line = self.line()?;
                let id = self.add(unicode(&line))?;
                self.push(Value::PersId(id))
            }
            b'g' | b'p' => {
                let line = self.text_line()?;
                let key = line.trim().parse().map_err(|_| damaged("the number of a memo entry is none"))?;
                if op == b'g' { self.recall(key) } else { self.remember(key) }
            }
            b'I' | b'L' => {
                let line = self.text_line()?;
                match (op, &*line) {
                    (b'I', "00") => self.push_shared(1),
                    (b'I', "01") => self.push_shared(2),
                    _ => self.decimal(&line),
                }
            }
            b'F' => {
                let line = self.text_line()?;
                let number = line.trim().parse().map_err(|_| damaged("a number is none"))?;
                self.push(Value::Float(number))
            }
            b'S' => {
                let line = self.line()?;
                self.push(old_string(unquoted(&line)?))
            }
            _ => {
                let line = self.line()?;
                self.push(Value::Str(raw_unicode_escaped(&line)))
            }
        }
    }

    fn decimal(&mut self, line: &str) -> Result<()> {
        let digits = line.trim().trim_end_matches('L');
        if let Ok(i) = digits.parse() {
            return self.push_int(i);
        }
        let big: i128 = digits.parse().map_err(|_| damaged("a number is none, or is larger than 128 bits"))?;
        self.push(Value::BigInt(Bytes::copy_from_slice(&big.to_le_bytes())))
    }
}

/// UTF-8, in which Python allows lone surrogates.
pub(super) fn unicode(bytes: &[u8]) -> Value {
    Value::Str(String::from_utf8_lossy(bytes).into_owned().into_boxed_str())
}

/// A `str` of Python 2 is bytes; what is ASCII is as good as a text.
pub(super) fn old_string(bytes: Bytes) -> Value {
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.is_ascii() => Value::Str(text.into()),
        _ => Value::Bytes(bytes),
    }
}

/// The value of a quoted literal with Python's escapes.
fn unquoted(line: &[u8]) -> Result<Bytes> {
    let line = line.trim_ascii();
    let inner = match line {
        [open @ (b'\'' | b'"'), inner @ .., close] if open == close => inner,
        _ => return Err(damaged("a string has no quotes")),
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first().ok_or_else(|| damaged("a string ends in an escape"))?;
        rest = after;
        match kind {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'\\' | b'\'' | b'"' => out.push(kind),
            b'x' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(|| damaged("an escape is cut off"))?;
                out.push(number(digits, 16).ok_or_else(|| damaged("an escape has no digits"))? as u8);
                rest = after;
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let (digits, after) = rest.split_at(more);
                let low = if more == 0 { Some(0) } else { number(digits, 8) }.unwrap_or(0);
                out.push((u32::from(kind - b'0') * 8u32.pow(more as u32) + low) as u8);
                rest = after;
            }
            _ => out.extend([b'\\', kind]),
        }
    }
    Ok(out.into())
}

/// Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
fn raw_unicode_escaped(line: &[u8]) -> Box<str> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = match (byte, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => 0,
        };
        let code = after.get(1..1 + digits).filter(|_| digits > 0).and_then(|d| number(d, 16));
        match code {
            Some(code) => {
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = after.get(1 + digits..).unwrap_or_default();
            }
            None => {
                out.push(char::from(byte));
                rest = after;
            }
        }
    }
    out.into_boxed_str()
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|t| !t.starts_with('+'))?;
    u32::from_str_radix(text, radix).ok()
}
