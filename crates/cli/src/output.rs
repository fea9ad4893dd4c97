//! Printing, and the exit codes.

use modelport::Diagnostics;
use std::io::Write;

/// Done.
pub(crate) const DONE: u8 = 0;
/// Refused or failed.
pub(crate) const FAILED: u8 = 1;
/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Numbers differ.
pub(crate) const DIFFERENT: u8 = 3;

/// Prints a line to stdout; a reader that went away (`| head`) ends the command quietly.
pub(crate) fn line(text: impl std::fmt::Display) -> u8 {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => DONE,
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => DONE,
        Err(_) => FAILED,
    }
}

/// Prints choices that a reader made, to stderr.
pub(crate) fn notes(notes: &[String]) {
    for note in notes {
        let _ = writeln!(std::io::stderr().lock(), "note: {note}");
    }
}

/// Prints diagnostics to stderr and says how the command ends.
pub(crate) fn refused(diagnostics: &Diagnostics) -> u8 {
    use modelport::Code;
    let _ = writeln!(std::io::stderr().lock(), "{diagnostics}");
    let has = |codes: &[Code]| diagnostics.0.iter().any(|d| codes.contains(&d.code));
    if has(&[Code::VERIFY_DIFFERS, Code::VERIFY_MEANINGLESS]) {
        DIFFERENT
    } else if has(&[Code::USAGE]) {
        USAGE
    } else {
        FAILED
    }
}

/// Sizes for people.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
