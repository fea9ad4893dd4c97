//! [`ByteRange`]: a lazy, bounds-checked piece of a file; [`RangeReader`]: the same as a stream.

use crate::MappedFile;
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Result};
use std::io::{Read, Seek, SeekFrom, Write};
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

/// Reads a [`ByteRange`] as a stream, by positioned reads of [`AHEAD`] bytes or more. Through a mapping, each small read of a
/// large file would make the pages around it resident, which may be two megabytes.
#[derive(Clone, Debug)]
pub struct RangeReader {
    range: ByteRange,
    at: u64,
    /// What was read last, and where it stands.
    buffer: Vec<u8>,
    start: u64,
}

const AHEAD: usize = 4 << 10;

impl RangeReader {
    /// A reader at the start of `range`.
    pub fn new(range: ByteRange) -> Self {
        Self { range, at: 0, buffer: Vec::new(), start: 0 }
    }

    fn buffered(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.start).and_then(|n| usize::try_from(n).ok());
        skip.and_then(|n| self.buffer.get(n..)).unwrap_or_default()
    }

    fn fill(&self, buf: &mut [u8]) -> std::io::Result<()> {
        self.range.read_at(self.at, buf).map_err(std::io::Error::other)
    }
}

impl Read for RangeReader {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.range.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let mut n = left.min(buf.len());
        if n >= AHEAD {
            self.fill(buf.get_mut(..n).unwrap_or_default())?;
        } else if n > 0 {
            if self.buffered().is_empty() {
                let mut buffer = vec![0; left.min(AHEAD)];
                self.fill(&mut buffer)?;
                (self.buffer, self.start) = (buffer, self.at);
            }
            n = self.buffered().read(buf)?;
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for RangeReader {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.range.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gives_the_bytes_of_its_range_from_anywhere() {
        let all: Vec<u8> = (0..20_000u32).map(|i| (i * i / 7) as u8).collect();
        let range = ByteRange::new(MappedFile::from_bytes("f", all.clone()), 5, 19_000).unwrap();
        let want = &all[5..19_005];
        let mut reader = RangeReader::new(range);
        for (at, n) in [(0, 3), (3, 4090), (1, 10_000), (18_990, 50), (4093, 4), (19_000, 1), (30_000, 1)] {
            assert_eq!(reader.seek(SeekFrom::Start(at as u64)).unwrap(), at as u64);
            let mut got = Vec::new();
            reader.by_ref().take(n).read_to_end(&mut got).unwrap();
            let from = at.min(want.len());
            assert_eq!(got, want[from..(from + n as usize).min(want.len())], "{n} from {at}");
        }
        assert_eq!(reader.seek(SeekFrom::End(-2)).unwrap(), 18_998);
        assert!(reader.seek(SeekFrom::Current(-20_000)).is_err());
    }
}
