//! Where a tensor's bytes come from, as a key by which tensors that share a storage are found.
//!
//! Owns: that key. Must never know: what is done with shared storages.

use super::{Data, Tensor};
use std::sync::Arc;

/// The storage below a tensor's recipe. Tensors of one place are equal when they compare equal; numbers that happen to be
/// the same in two places are not shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place(Inner);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Inner {
    /// The opened file, by its address, and the range in it.
    File(usize, u64, u64),
    /// Bytes in memory, by address and length.
    Memory(usize, usize),
    /// A source that is unpacked, by its description.
    Lazy(String),
}

impl Tensor {
    /// The one storage that the elements come from; `None` for strings and for what is joined from several.
    pub fn source(&self) -> Option<Place> {
        Some(Place(match self.data() {
            Data::Range(r) => Inner::File(Arc::as_ptr(r.file()) as usize, r.offset(), r.len()),
            Data::Owned(b) => Inner::Memory(b.as_ptr() as usize, b.len()),
            Data::Lazy(l) => Inner::Lazy(l.describe()),
            Data::Strings(_) | Data::Concat(..) => return None,
            Data::Reshape(base) | Data::Permute(base, _) | Data::Cast(base) => return base.source(),
            Data::Slice(base, ..) | Data::Scale(base, ..) => return base.source(),
        }))
    }
}
