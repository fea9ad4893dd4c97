//! Archives of torch 1.0 to 1.3: the modules stand in `model.json`, their tensors in `tensors/`, their code in `code/`.
//!
//! Owns: that layout. Must never know: how code is evaluated.

use crate::archive::Zip;
use crate::open::{OpenOptions, TorchFile};
use modelport_diag::{Code, Diagnostic, Diagnostics};

/// Reads an archive with `model.json`.
pub(super) fn read(zip: &Zip, _options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    Err(Diagnostic::error(Code::TORCH_SCRIPT_UNSUPPORTED, "the archive is of the layout of torch 1.0 to 1.3")
        .in_file(zip.place("model.json"))
        .help("load it with torch 1.4 to 1.13 (torch.jit.load) and save it again (torch.jit.save)")
        .into())
}
