//! [`Cursor`]: sequential reading with every bound checked.

use modelport_diag::{Code, Diagnostic, Result};

/// Reads little-endian fields from a slice; an error names the offset where the data ended.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it has come, in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// `IO0004` when fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n);
        let piece = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| {
            Diagnostic::error(Code::IO_TRUNCATED, "the data ends in the middle of a field")
                .at_byte(self.at as u64)
                .expected(format!("{n} bytes"))
                .found(format!("{} bytes", self.remaining()))
        })?;
        self.at += n;
        Ok(piece)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// The next byte. Fails with `IO0004` at the end, as do its fellows.
    #[allow(clippy::missing_errors_doc)]
    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// The next two bytes as a number.
    #[allow(clippy::missing_errors_doc)]
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next four bytes as a number.
    #[allow(clippy::missing_errors_doc)]
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next eight bytes as a number.
    #[allow(clippy::missing_errors_doc)]
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
