//! Mapping of files. The mapping serves random access to metadata; bulk data is read with positioned reads
//! ([`crate::ByteRange`]), so that it does not count as resident memory.

use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Result};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A file opened for reading and mapped; or bytes in memory under a name, with the same interface.
#[derive(Debug)]
pub struct MappedFile {
    name: String,
    file: Option<File>,
    bytes: Bytes,
}

impl MappedFile {
    /// Opens and maps `path`.
    ///
    /// # Errors
    /// `IO0001` when it cannot be opened, `PR0005` when it is a directory, `PR0004` when it is empty.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let name = path.display().to_string();
        let cannot =
            |e: std::io::Error| Diagnostic::error(Code::IO_OPEN, format!("cannot open the file: {e}")).in_file(&name);
        let file = File::open(path).map_err(cannot)?;
        let meta = file.metadata().map_err(cannot)?;
        if meta.is_dir() {
            return Err(Diagnostic::error(Code::PROBE_DIRECTORY, "this is a directory, not a file").in_file(&name));
        }
        if !meta.is_file() {
            return Err(Diagnostic::error(Code::IO_OPEN, "this is not a regular file").in_file(&name));
        }
        if meta.len() == 0 {
            return Err(Diagnostic::error(Code::PROBE_EMPTY, "the file is empty")
                .in_file(&name)
                .help("the download or the save did not finish; get the file again"));
        }
        let bytes = map(&file, 0, meta.len(), false).map_err(cannot)?;
        Ok(Arc::new(Self { name, file: Some(file), bytes }))
    }

    /// Bytes in memory under a name, for tests, fuzzing and unpacked archive members.
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), file: None, bytes: bytes.into() })
    }

    /// The name for diagnostics: the path as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole file. Touching it makes pages resident; use it for metadata.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Length in bytes; never 0 for an opened file.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether there are no bytes (only possible with [`MappedFile::from_bytes`]).
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A piece through a mapping of its own: its pages are resident as long as the result is there, which is cheaper than a
    /// copy of them. `at_once` makes them so here: what the kernel reads cannot wait for them.
    pub(crate) fn window(&self, offset: u64, len: u64, at_once: bool) -> std::io::Result<Bytes> {
        match &self.file {
            // Touching a page that the file no longer has would end the process.
            Some(file) if file.metadata()?.len() < offset + len => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Some(file) if len > 0 => map(file, offset, len, at_once),
            _ => Ok(self.bytes.slice(offset as usize..(offset + len) as usize)),
        }
    }

    /// The open file, when this is one.
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }
}

#[allow(unsafe_code)]
fn map(file: &File, offset: u64, len: u64, at_once: bool) -> std::io::Result<Bytes> {
    let mut options = memmap2::MmapOptions::new();
    options.offset(offset).len(len as usize);
    if at_once {
        options.populate();
    }
    // SAFETY: the mapping is read-only and private to us. If another process shortens the file while we read, the
    // kernel ends us with SIGBUS; no library can prevent that, and it is what every tool that maps files accepts.
    let map = unsafe { options.map(file)? };
    Ok(Bytes::from_owner(map))
}
