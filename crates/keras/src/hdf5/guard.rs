//! The fence around the `hdf5-reader` library: it sees the mapped file through a storage that counts what is read, and
//! a panic inside it becomes a diagnostic.
//!
//! Owns: budgets against files that make a parser loop. Must never know: Keras.

use super::headers;
use bytes::Bytes;
use hdf5_reader::error::Error;
use hdf5_reader::{Storage, StorageBuffer};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What one read costs besides its bytes, so that many tiny reads end too.
const COST_PER_READ: u64 = 128;

/// The mapped file as the library's storage, lent without copying. Structures that refer to themselves or overlap make
/// a parser read the same bytes again and again; the budget ends that.
pub(super) struct GuardedStorage {
    bytes: Arc<Bytes>,
    budget: AtomicU64,
    /// Whether what is read are elements, which may look like anything.
    elements: AtomicBool,
    /// Where headers go on, found while their beginnings were read.
    continuations: Mutex<HashSet<(u64, usize)>>,
}

/// What the library takes for one header message, and the length of a version 1 header's prefix, which it reads alone
/// (hdf5-reader 0.12, src/object_header.rs, `parse_v1_storage`).
const MESSAGE: u64 = 144;
const PREFIX: usize = 16;

impl GuardedStorage {
    pub(super) fn new(bytes: Bytes) -> Self {
        let storage = Self {
            bytes: Arc::new(bytes),
            budget: AtomicU64::new(0),
            elements: AtomicBool::new(false),
            continuations: Mutex::default(),
        };
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

    /// Whether a version 1 object header, or what it goes on with, counts what it has no room for.
    fn overcounts(&self, offset: u64, read: &[u8]) -> bool {
        if self.elements.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(mut known) = self.continuations.lock() else { return false };
        let messages = match read {
            [1, ..] if read.len() > PREFIX => read.get(PREFIX..),
            _ if known.contains(&(offset, read.len())) => Some(read),
            _ => None,
        };
        let found = messages.map(headers::look).unwrap_or_default();
        known.extend(found.continuations);
        found.overcounts
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
        let read = self.bytes.get(start..end).unwrap_or_default();
        if self.counts_too_many_messages(read) {
            return Err(Error::InvalidData("an object header counts more messages than the file can hold".into()));
        }
        if self.overcounts(offset, read) {
            return Err(Error::InvalidData(
                "a datatype counts more members than its object header has room for".into(),
            ));
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
