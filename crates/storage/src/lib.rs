//! Bytes on disk: mapped files, lazy ranges of them, a bounds-checked cursor, zip members, and atomic output files.
//!
//! Owns: every access to the file system that readers and writers share. Must never know: what the bytes mean.
//! The one `unsafe` block of the workspace is in [`mapped`].

mod atomic;
mod cursor;
pub mod mapped;
mod range;
mod zip_archive;

pub use atomic::{AtomicFile, publish};
pub use cursor::Cursor;
pub use mapped::MappedFile;
pub use range::{ByteRange, RangeReader};
pub use zip_archive::{Member, ZipArchive};
