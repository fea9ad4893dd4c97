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
use std::sync::atomic::{AtomicU64, Ordering};

/// What one read costs besides its bytes, so that many tiny reads end too.
const COST_PER_READ: u64 = 128;

/// The mapped file as the library's storage, lent without copying. Structures that refer to themselves or overlap make
/// a parser read the same bytes again and again; the budget ends that.
pub(super) struct GuardedStorage {
    bytes: Arc<Bytes>,
    budget: AtomicU64,
}

impl GuardedStorage {
    pub(super) fn new(bytes: Bytes) -> Self {
        let storage = Self { bytes: Arc::new(bytes), budget: AtomicU64::new(0) };
        storage.refill();
        storage
    }

    /// Starts a new operation: enough for everything in the file a few times over.
    pub(super) fn refill(&self) {
        self.budget.store((64 << 20) + 4 * self.bytes.len() as u64, Ordering::Relaxed);
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
