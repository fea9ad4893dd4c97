//! Custom layers declared in files.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{CustomLayers, text};
use std::path::Path;

/// A declaration is written by hand; more than this is not one.
const LARGEST: u64 = 16 << 20;

/// Registers every layer that the file declares in the text form; returns their names.
///
/// # Errors
/// `IO0001` when the file cannot be read, `CU0001` or `IR0003` when a declaration is wrong.
pub fn read_declarations(path: &Path, into: &mut CustomLayers) -> Result<Vec<String>> {
    let name = path.display().to_string();
    let cannot = |e: std::io::Error| Diagnostic::error(Code::IO_OPEN, format!("cannot read the file: {e}"));
    let size = std::fs::metadata(path).map_err(|e| cannot(e).in_file(&name))?.len();
    if size > LARGEST {
        return Err(Diagnostic::error(Code::IO_LIMIT, "the file is too large for declarations of layers")
            .in_file(&name)
            .expected(format!("at most {LARGEST} bytes"))
            .found(format!("{size} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| cannot(e).in_file(&name))?;
    let declarations = text::parse_custom(&text).map_err(|d| d.in_file(&name))?;
    let mut names = Vec::new();
    for declaration in declarations {
        names.push(declaration.name.clone());
        into.register(declaration.name.clone(), declaration);
    }
    Ok(names)
}
