//! [`ByteRange`]: a lazy, bounds-checked piece of a file.

use crate::MappedFile;
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Result};
use std::io::Write;
use std::sync::Arc;

/// A piece of a [`MappedFile`] that exists, checked when it is made. Nothing is read until asked for.
#[derive(Clone, Debug)]
pub struct ByteRange {
    file: Arc<MappedFile>,
    offset: u64,
    len: u64,
}

impl ByteRange {
    /// `len` bytes of `file` from `offset`.
    ///
    /// # Errors
    /// `IO0004` when the file ends earlier.
    pub fn new(file: Arc<MappedFile>, offset: u64, len: u64) -> Result<Self> {
        match offset.checked_add(len) {
            Some(end) if end <= file.len() => Ok(Self { file, offset, len }),
            _ => Err(Diagnostic::error(Code::IO_TRUNCATED, "the file ends before the data that it announces")
                .in_file(file.name())
                .at_byte(offset)
                .expected(format!("{len} bytes"))
                .found(format!("{} bytes", file.len().saturating_sub(offset)))
                .help("the file was cut off while it was copied or downloaded; get it again")),
        }
    }

    /// All of `file`.
    pub fn whole(file: Arc<MappedFile>) -> Self {
        let len = file.len();
        Self { file, offset: 0, len }
    }

    /// The file that this is a piece of.
    pub fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// Where it starts in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A piece of this piece.
    ///
    /// # Errors
    /// `IO0004` when it reaches past the end.
    pub fn slice(&self, offset: u64, len: u64) -> Result<Self> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Self::new(self.file.clone(), self.offset + offset, len),
            _ => Err(Diagnostic::error(Code::IO_TRUNCATED, "data reaches past the end of the range that holds it")
                .in_file(self.file.name())
                .at_byte(self.offset.saturating_add(offset))
                .expected(format!("{len} bytes"))
                .found(format!("{} bytes", self.len.saturating_sub(offset)))),
        }
    }

    /// The bytes through the mapping, without a copy; pages that are touched become resident.
    pub fn mapped(&self) -> Bytes {
        self.file.bytes().slice(self.offset as usize..(self.offset + self.len) as usize)
    }

    /// The bytes through a mapping of their own: what is large and read once, in any order. Pages are resident only as long
    /// as the result is there: `at_once`, for bytes that are passed to the system, or as they are touched.
    ///
    /// # Errors
    /// `IO0002` when the system refuses.
    pub fn window(&self, at_once: bool) -> Result<Bytes> {
        self.file.window(self.offset, self.len, at_once).map_err(|e| {
            Diagnostic::error(Code::IO_FAILED, format!("cannot map: {e}"))
                .in_file(self.file.name())
                .at_byte(self.offset)
        })
    }

    /// Fills `buf` from `at` bytes into the range, by a positioned read.
    ///
    /// # Errors
    /// `IO0004` past the end, `IO0002` when the read fails.
    pub fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<()> {
        let piece = self.slice(at, buf.len() as u64)?;
        let Some(file) = self.file.file() else {
            buf.copy_from_slice(&piece.mapped());
            return Ok(());
        };
        read_exact_at(file, buf, piece.offset).map_err(|e| {
            Diagnostic::error(Code::IO_FAILED, format!("cannot read: {e}"))
                .in_file(self.file.name())
                .at_byte(piece.offset)
        })
    }

    /// All bytes, read into memory.
    ///
    /// # Errors
    /// As [`ByteRange::read_at`].
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut buf = vec![0; self.len as usize];
        self.read_at(0, &mut buf)?;
        Ok(buf)
    }

    /// Copies all bytes to `out` in bounded chunks.
    ///
    /// # Errors
    /// As [`ByteRange::read_at`], or `IO0003` when `out` fails.
    pub fn copy_to(&self, out: &mut dyn Write) -> Result<()> {
        let mut buf = vec![0; self.len.min(1 << 20) as usize];
        let mut at = 0;
        while at < self.len {
            let n = (self.len - at).min(buf.len() as u64) as usize;
            let chunk = buf.get_mut(..n).unwrap_or_default();
            self.read_at(at, chunk)?;
            out.write_all(chunk)
                .map_err(|e| Diagnostic::error(Code::IO_WRITE, format!("cannot write the target: {e}")))?;
            at += n as u64;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &std::fs::File, buf: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, at)
}

#[cfg(windows)]
fn read_exact_at(file: &std::fs::File, mut buf: &mut [u8], mut at: u64) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buf.is_empty() {
        match file.seek_read(buf, at)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                buf = &mut buf[n..];
                at += n as u64;
            }
        }
    }
    Ok(())
}
