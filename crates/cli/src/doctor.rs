//! `modelport doctor`: its exit codes differ from the other commands', so that a script can ask whether a file loads.

use crate::args::Doctor;
use crate::output::{self, DONE, FAILED, USAGE};
use modelport::doctor::{DoctorOptions, Prediction, Target, explain_error};
use modelport::{Code, Diagnostic, Diagnostics};
use serde_json::json;
use std::io::Read;

/// A traceback is shorter than this.
const LONGEST: u64 = 4 << 20;

/// Examines a file, or explains an error.
pub(crate) fn run(a: Doctor) -> u8 {
    match examine(a) {
        Ok(code) => code,
        Err(diagnostics) => {
            output::refused(&diagnostics);
            USAGE
        }
    }
}

fn examine(a: Doctor) -> Result<u8, Diagnostics> {
    let pasted = match a.error.as_deref() {
        Some("-") => Some(stdin()?),
        other => other.map(str::to_owned),
    };
    let target = a.target.as_deref().map(Target::parse).transpose()?;
    let Some(input) = a.input else {
        let found = explain_error(&pasted.unwrap_or_default());
        return Ok(if a.json { output::line(json!(found)) } else { output::line(found) });
    };
    let options = DoctorOptions { target, pasted, ..DoctorOptions::default() };
    let found = modelport::doctor(&input, &options)?;
    let printed = if a.json { output::line(json!(found)) } else { output::line(found.to_string().trim_end()) };
    Ok(match found.verdict {
        _ if printed != DONE => FAILED,
        Prediction::Refuses => FAILED,
        Prediction::Loads | Prediction::LoadsWithOtherNumbers => DONE,
    })
}

fn stdin() -> Result<String, Diagnostics> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(|e| Diagnostic::error(Code::IO_FAILED, format!("cannot read the error from stdin: {e}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
