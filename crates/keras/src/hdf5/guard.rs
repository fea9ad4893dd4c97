//! The fence around the `hdf5-reader` library: it sees the mapped file through a storage that counts what is read, and
//! a panic inside it becomes a diagnostic.
//!
//! Owns: budgets against files that make a parser loop. Must never know: Keras.

use bytes::Bytes;
use hdf5_reader::error::Error;
use hdf5_reader::{Storage, StorageBuffer};
use modelport_diag::{Code, Diagnostic, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one read costs besides its bytes, so that many tiny reads end too.
const COST_PER_READ: u64 = 128;

/// The mapped file as the library's storage, lent without copying. Structures that refer to themselves or overlap make
/// a parser read the same bytes again and again; the budget ends that.
pub(super) struct GuardedStorage {
    bytes: Arc<Bytes>,
    budget: AtomicU64,
    /// Whether what is read are elements, which may look like anything.
    elements: AtomicBool,
}

/// What the library takes for one header message, and the length of a version 1 header's prefix, which it reads alone
/// (hdf5-reader 0.12, src/object_header.rs, `parse_v1_storage`).
const MESSAGE: u64 = 144;
const PREFIX: usize = 16;

impl GuardedStorage {
    pub(super) fn new(bytes: Bytes) -> Self {
        let storage = Self { bytes: Arc::new(bytes), budget: AtomicU64::new(0), elements: AtomicBool::new(false) };
        storage.refill();
        storage
    }

    /// Starts a new operation: enough for everything in the file a few times over.
    pub(super) fn refill(&self) {
        self.budget.store((64 << 20) + 4 * self.bytes.len() as u64, Ordering::Relaxed);
    }

    /// A new operation that reads elements of a dataset.
    pub(super) fn reading_elements<T>(&self, read: impl FnOnce() -> T) -> T {
        self.refill();
        self.elements.store(true, Ordering::Relaxed);
        let result = read();
        self.elements.store(false, Ordering::Relaxed);
        result
    }

    /// The library reserves room for as many messages as a version 1 object header counts, before it looks for them.
    fn counts_too_many_messages(&self, prefix: &[u8]) -> bool {
        let &[1, _, low, high, ..] = prefix else { return false };
        let count = u64::from(u16::from_le_bytes([low, high]));
        prefix.len() == PREFIX
            && !self.elements.load(Ordering::Relaxed)
            && count.saturating_mul(MESSAGE) > 4 * self.bytes.len() as u64
    }
}

impl Storage for GuardedStorage {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_range(&self, offset: u64, len: usize) -> hdf5_reader::error::Result<StorageBuffer> {
        let cost = COST_PER_READ.saturating_add(len as u64);
        let left = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |b| b.checked_sub(cost));
        if left.is_err() {
            return Err(Error::InvalidData("its structures overlap or refer to themselves".into()));
        }
        let start = usize::try_from(offset).map_err(|_| Error::InvalidData(format!("offset {offset} is too large")))?;
        let end = start.saturating_add(len);
        if self.bytes.get(start..end).is_some_and(|prefix| self.counts_too_many_messages(prefix)) {
            return Err(Error::InvalidData("an object header counts more messages than the file can hold".into()));
        }
        StorageBuffer::from_shared_owner(self.bytes.clone(), start, len)
    }
}

/// Calls into the library. It did not panic in 63,000 mutated files, but it is not ours to promise that it never does,
/// so a panic is caught here and reported as damage of the file.
pub(super) fn guarded<T>(file: &str, what: &str, f: impl FnOnce() -> hdf5_reader::error::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let mut d = damaged(file, format!("{what} cannot be read: {error}"));
            d.code = code(&error);
            Err(d)
        }
        Err(_) => Err(damaged(file, format!("{what} is damaged beyond what the HDF5 reader can take"))),
    }
}

fn code(error: &Error) -> Code {
    match error {
        Error::Context { source, .. } => code(source),
        Error::UnexpectedEof { .. } => Code::IO_TRUNCATED,
        Error::ResourceLimit(_) => Code::IO_LIMIT,
        _ => Code::HDF5_DAMAGED,
    }
}

pub(super) fn damaged(file: &str, message: String) -> Box<Diagnostic> {
    Diagnostic::error(Code::HDF5_DAMAGED, message)
        .in_file(file)
        .help("the file was cut off or changed after it was saved; get it again")
}
