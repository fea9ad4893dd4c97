//! [`AtomicFile`]: output that appears whole or not at all.
//!
//! A file that is replaced is something to lose, so the new one is on the disk before it takes the name: after a power
//! failure the old one or the new one is there. Where the name was free there is nothing to lose that could not be made
//! again, and waiting for the disk would take longer than the conversion: like `cp`, that is left to the system.

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

    /// Where the next [`AtomicFile::write`] goes.
    ///
    /// # Errors
    /// `IO0003` when the operating system refuses.
    pub fn position(&mut self) -> Result<u64> {
        self.file.stream_position().map_err(|e| failed(&self.target, &e.to_string()))
    }

    /// Writes `bytes` at `at` bytes from the start, for several threads at once. Where [`AtomicFile::write`] goes next is
    /// undefined until [`AtomicFile::seek`].
    ///
    /// # Errors
    /// `IO0003`, for example when the disk is full.
    pub fn write_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        write_all_at(&self.file, bytes, at).map_err(|e| failed(&self.target, &e.to_string()))
    }

    /// Asks the system for the place of the first `len` bytes at once: finding it page by page as they are written takes a
    /// third of the time. A request alone: where it is refused, the writes say why, if they fail too.
    pub fn reserve(&self, len: u64) {
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, len);
        #[cfg(not(target_os = "linux"))]
        let _ = len;
    }

    /// Gives the file its name; where that replaces another file, the data is synced first.
    ///
    /// # Errors
    /// `IO0003`; the target is then as it was.
    pub fn commit(mut self) -> Result<()> {
        rename(&self.file, &self.temporary, &self.target)?;
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

/// Gives the finished file `from` the name `to`; where that replaces another file, the data is synced first.
///
/// # Errors
/// `IO0003`; the file that had the name is then as it was.
pub fn publish(from: &Path, to: &Path) -> Result<()> {
    // Windows syncs only what is open for writing.
    let file = OpenOptions::new().write(true).open(from).map_err(|e| failed(to, &e.to_string()))?;
    rename(&file, from, to)
}

fn rename(file: &File, from: &Path, to: &Path) -> Result<()> {
    let synced = if to.symlink_metadata().is_ok() { file.sync_data() } else { Ok(()) };
    synced.and_then(|()| std::fs::rename(from, to)).map_err(|e| failed(to, &e.to_string()))
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_write(bytes, at)? {
            0 => return Err(std::io::ErrorKind::WriteZero.into()),
            n => {
                bytes = bytes.get(n..).unwrap_or_default();
                at += n as u64;
            }
        }
    }
    Ok(())
}

fn failed(target: &Path, why: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::IO_WRITE, format!("cannot write the target: {why}")).in_file(target.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_from_several_threads_make_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write(b"head").unwrap();
        let start = file.position().unwrap();
        let target = &file;
        std::thread::scope(|s| {
            for i in (0..8u8).rev() {
                s.spawn(move || target.write_at(&[i; 3], start + u64::from(i) * 3).unwrap());
            }
        });
        file.seek(start + 24).unwrap();
        file.write(b"tail").unwrap();
        assert!(!path.exists());
        file.commit().unwrap();
        let middle = (0..8u8).flat_map(|i| [i; 3]);
        let want: Vec<u8> = b"head".iter().copied().chain(middle).chain(*b"tail").collect();
        assert_eq!(std::fs::read(&path).unwrap(), want);
    }

    #[test]
    fn a_place_asked_for_is_no_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = AtomicFile::create(&path).unwrap();
        file.reserve(3 << 20);
        // More than any disk has: refused, and no failure.
        file.reserve(u64::MAX >> 2);
        let content = vec![7; 3 << 20];
        file.write_at(&content, 0).unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }

    #[test]
    fn publishing_replaces_the_target_or_leaves_it() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::write(&to, "old").unwrap();
        assert!(publish(&from, &to).is_err());
        assert_eq!(std::fs::read(&to).unwrap(), b"old");
        std::fs::write(&from, "new").unwrap();
        publish(&from, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
        assert!(!from.exists());
    }
}
