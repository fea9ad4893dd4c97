//! [`AtomicFile`]: output that appears whole or not at all.

use crate::ByteRange;
use modelport_diag::{Code, Diagnostic, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file written under a temporary name beside its target and renamed at [`AtomicFile::commit`].
/// Dropped without a commit, it leaves the target as it was and removes what it wrote.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl AtomicFile {
    /// Starts writing what will become `target`.
    ///
    /// # Errors
    /// `IO0003` when the directory does not exist or cannot be written.
    pub fn create(target: &Path) -> Result<Self> {
        let name = target.file_name().ok_or_else(|| failed(target, "it has no file name"))?;
        if target.is_dir() {
            return Err(failed(target, "it is a directory"));
        }
        for attempt in 0..100u32 {
            let mut temporary = std::ffi::OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{}-{attempt}.part", std::process::id()));
            let temporary = target.with_file_name(temporary);
            match OpenOptions::new().write(true).read(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(Self { file, temporary, target: target.to_owned(), committed: false }),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(target, &e.to_string())),
            }
        }
        Err(failed(target, "no temporary name is free beside it"))
    }

    /// The open file, for writers that need positioned writes or kernel copies.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Moves to `at` bytes from the start.
    ///
    /// # Errors
    /// `IO0003` when the operating system refuses.
    pub fn seek(&mut self, at: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(at)).map(drop).map_err(|e| failed(&self.target, &e.to_string()))
    }

    /// Writes `bytes` at the current position.
    ///
    /// # Errors
    /// `IO0003`, for example when the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| failed(&self.target, &e.to_string()))
    }

    /// Copies `range` to the current position, inside the kernel where the range is of a file.
    ///
    /// # Errors
    /// `IO0003`, or `IO0002` when the source cannot be read.
    pub fn copy_range(&mut self, range: &ByteRange) -> Result<()> {
        let Some(mut source) = range.file().file() else { return range.copy_to(&mut self.file) };
        source
            .seek(SeekFrom::Start(range.offset()))
            .and_then(|_| std::io::copy(&mut source.take(range.len()), &mut self.file))
            .map_err(|e| failed(&self.target, &e.to_string()))
            .and_then(
                |n| if n == range.len() { Ok(()) } else { Err(failed(&self.target, "the source became shorter")) },
            )
    }

    /// Syncs the data and gives the file its name.
    ///
    /// # Errors
    /// `IO0003`; the target is then as it was.
    pub fn commit(mut self) -> Result<()> {
        let done = self.file.sync_data().and_then(|()| std::fs::rename(&self.temporary, &self.target));
        done.map_err(|e| failed(&self.target, &e.to_string()))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn failed(target: &Path, why: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::IO_WRITE, format!("cannot write the target: {why}")).in_file(target.display().to_string())
}
