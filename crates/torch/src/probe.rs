//! Telling what a file is by its content. Owns: signatures. Must never know: how a format is read.

use modelport_storage::MappedFile;
use std::sync::Arc;

/// What kind of PyTorch file this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `torch.save` since 1.6: a zip archive with `data.pkl`.
    Zip,
    /// `torch.save` before 1.6: pickles one after the other, then storages.
    Legacy,
    /// `torch.save` of 0.1: a tar archive.
    Tar,
    /// TorchScript: a zip archive with `code/`.
    TorchScript,
    /// `torch.export.save`: `.pt2`.
    Exported,
}

/// Recognises a PyTorch file by content.
pub fn probe(_file: &Arc<MappedFile>) -> Option<Kind> {
    None
}
