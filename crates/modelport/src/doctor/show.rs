//! A diagnosis as text for a terminal.

use super::diagnosis::{Diagnosis, Finding, FixKind, Level, Outcome};
use super::signatures::Pasted;
use std::fmt;

/// Places named before the rest is counted.
const PLACES: usize = 4;
/// Longer error texts are cut in the middle of the terminal's second line.
const ERROR: usize = 400;

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writer = self.writer.as_ref().map_or(String::new(), |w| format!(", written by {w}"));
        writeln!(f, "{}: {}{writer}", self.file, self.kind)?;
        let evidence = self.evidence.join("; ");
        if !evidence.is_empty() {
            writeln!(f, "  known from {evidence}")?;
        }
        let target = self.target.as_deref().map_or(String::new(), |t| format!(" in {t}"));
        writeln!(f, "{}{target}", verdict(self.verdict))?;
        for call in &self.calls {
            let error = call.error.as_ref().map_or(String::new(), |e| format!("\n      {}", indented(e)));
            writeln!(f, "  {:<7} {}{error}", word(call.outcome), call.code)?;
        }
        for (i, finding) in self.findings.iter().enumerate() {
            if i == 0 {
                writeln!(f, "because")?;
            }
            show(f, finding)?;
        }
        for (i, fix) in self.fixes.iter().enumerate() {
            if i == 0 {
                writeln!(f, "what to do")?;
            }
            let mark = if fix.kind == FixKind::Modelport { "$ " } else { "" };
            let note = if fix.note.is_empty() { String::new() } else { format!("  ({})", fix.note) };
            writeln!(f, "  {mark}{}{note}", fix.text)?;
        }
        match &self.pasted {
            Some(pasted) => write!(f, "{pasted}"),
            None => write!(f, "{}", if self.findings.is_empty() { "nothing is in the way" } else { "" }),
        }
    }
}

fn show(f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
    let level = match finding.level {
        Level::Refused => "",
        Level::OtherNumbers => ", other numbers",
        Level::Depends => ", depends",
        Level::Note => ", note",
    };
    let shown: Vec<_> = finding.places.iter().take(PLACES).map(|p| format!("`{p}`")).collect();
    let more = finding.places.len().saturating_sub(PLACES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let places = if shown.is_empty() { String::new() } else { format!(": {}{more}", shown.join(", ")) };
    writeln!(f, "  [{}{level}] {}{places}", finding.cause.words(), finding.summary)
}

fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Loads => "loads",
        Outcome::LoadsWithOtherNumbers => "loads, but with other numbers,",
        Outcome::Refuses => "does not load",
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Loads => "loads",
        Outcome::LoadsWithOtherNumbers => "differs",
        Outcome::Refuses => "fails",
    }
}

fn indented(text: &str) -> String {
    let cut: String = text.chars().take(ERROR).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut}{more}").lines().filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n      ")
}

impl fmt::Display for Pasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row.map_or(String::new(), |r| format!(" (row {r})"));
        let cause = self.cause.map_or(String::new(), |c| format!("[{}] ", c.words()));
        writeln!(f, "the error: {}", self.line)?;
        writeln!(f, "  {cause}{}{row}", self.means)?;
        write!(f, "  what to do: {}", self.fix)?;
        if let Some(verdict) = &self.verdict {
            let word = if self.confirmed == Some(true) { "confirmed" } else { "corrected" };
            write!(f, "\n  {word} by the file: {verdict}")?;
        }
        Ok(())
    }
}
