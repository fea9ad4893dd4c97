//! Reading `torch.export` archives.

use crate::archive::Zip;
use crate::open::{OpenOptions, TorchFile};
use modelport_diag::{Code, Diagnostic, Diagnostics};

/// Reads an archive that the probe knows.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(_zip: &Zip, _options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    Err(Diagnostic::error(Code::PROBE_UNKNOWN, "exported programs (.pt2) are not read yet").into())
}
