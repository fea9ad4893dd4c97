//! The error texts that users paste, and what they mean.
//!
//! Owns: matching a traceback against the rows of data/signatures.tsv. Must never know: files.

use super::diagnosis::{Cause, Diagnosis};
use serde::Serialize;
use std::sync::OnceLock;

/// One known error text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its number in the table of failure signatures.
    pub row: u16,
    /// What kind of cause it has.
    pub cause: Cause,
    patterns: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// What a pasted text turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pasted {
    /// The row of the table; `None` when the text is not known.
    pub row: Option<u16>,
    /// The line that was recognised.
    pub line: String,
    /// The cause as the text alone tells it.
    pub cause: Option<Cause>,
    /// What it means.
    pub means: String,
    /// What to do.
    pub fix: String,
    /// With a file: whether the file shows that cause.
    pub confirmed: Option<bool>,
    /// With a file: what that says.
    pub verdict: Option<String>,
}

/// All known texts.
pub fn signatures() -> &'static [Signature] {
    static TABLE: OnceLock<Vec<Signature>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let lines = include_str!("data/signatures.tsv").lines().filter(|l| !l.starts_with('#') && !l.is_empty());
        let row = |line: &'static str| {
            let mut cells = line.split('\t');
            let mut next = || cells.next().unwrap_or_default();
            let (row, cause) = (next().parse().unwrap_or(0), cause(next()));
            Signature { row, cause, patterns: next(), means: next(), fix: next() }
        };
        lines.map(row).collect()
    })
}

fn cause(word: &str) -> Cause {
    match word {
        "save_method" => Cause::SaveMethod,
        "custom_objects" => Cause::CustomObjects,
        "device" => Cause::Device,
        "damage" => Cause::Damage,
        "not_a_model" => Cause::NotAModel,
        _ => Cause::Version,
    }
}

/// Explains a pasted text.
pub fn explain(text: &str) -> Pasted {
    let plain = normal(text);
    let scored = signatures().iter().filter_map(|s| Some((score(s, &plain)?, s)));
    // The first of equals: the table is sorted by how often a text is met.
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let Some((_, known)) = best else {
        return Pasted {
            row: None,
            line: last_line(text),
            cause: None,
            means: "This text is not among the errors that modelport knows.".to_owned(),
            fix: "Give the file as well: `modelport doctor FILE` looks at what it holds.".to_owned(),
            confirmed: None,
            verdict: None,
        };
    };
    Pasted {
        row: Some(known.row),
        line: text
            .lines()
            .rev()
            .find(|l| score(known, &normal(l)).is_some())
            .map_or_else(|| last_line(text), shortened),
        cause: Some(known.cause),
        means: known.means.to_owned(),
        fix: known.fix.to_owned(),
        confirmed: None,
        verdict: None,
    }
}

/// Says whether the file shows what the text tells.
pub(crate) fn hold_against(mut pasted: Pasted, found: &Diagnosis) -> Pasted {
    let Some(row) = pasted.row else { return pasted };
    let matching = found.findings.iter().find(|f| f.signatures.contains(&row));
    let (confirmed, verdict) = match (matching, found.leading()) {
        (Some(f), _) => (true, format!("The file shows it: {}.", f.summary)),
        (None, Some(f)) if Some(f.cause) == pasted.cause => {
            (false, format!("The file shows that cause, but in another form: {}.", f.summary))
        }
        (None, Some(f)) => (false, format!("The file shows something else: {}.", f.summary)),
        (None, None) => {
            let target = found.target.as_deref().unwrap_or("the target");
            (
                false,
                format!(
                    "Nothing in the file explains it: it should load in {target}. Look at the versions that are installed where it failed."
                ),
            )
        }
    };
    pasted.confirmed = Some(confirmed);
    pasted.verdict = Some(verdict);
    pasted
}

/// Lower case, with every run of white space and every kind of quote as one.
fn normal(text: &str) -> String {
    let lower = text.to_lowercase().replace(['‘', '’', '`', '"'], "'");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How well a text fits: the length of the fragments that occur in order; `None` when no alternative fits.
fn score(signature: &Signature, plain: &str) -> Option<usize> {
    signature.patterns.split(" || ").filter_map(|p| fits(p, plain)).max()
}

fn fits(pattern: &str, plain: &str) -> Option<usize> {
    let (mut at, mut length) = (0, 0);
    for fragment in pattern.split(" … ") {
        let fragment = normal(fragment);
        at += plain.get(at..)?.find(&fragment)? + fragment.len();
        length += fragment.len();
    }
    Some(length)
}

fn last_line(text: &str) -> String {
    text.lines().rev().find(|l| !l.trim().is_empty()).map(shortened).unwrap_or_default()
}

fn shortened(line: &str) -> String {
    line.trim().chars().take(240).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let rows: Vec<_> = signatures().iter().map(|s| s.row).collect();
        assert_eq!(rows, (1..=55).collect::<Vec<_>>());
        assert!(signatures().iter().all(|s| !s.means.is_empty() && !s.fix.is_empty() && !s.patterns.is_empty()));
    }

    #[test]
    fn the_more_specific_text_wins() {
        let row = |t: &str| explain(t).row;
        assert_eq!(row("Unrecognized keyword arguments passed to LSTM: {'time_major': False}"), Some(49));
        assert_eq!(row("Unrecognized keyword arguments passed to DepthwiseConv2D: {'groups': 1}"), Some(1));
        assert_eq!(row("ModuleNotFoundError: No module named 'numpy._core'"), Some(51));
        assert_eq!(
            row("ValueError: Unknown layer: 'TFOpLambda'. Please ensure you are using a custom_object_scope"),
            Some(48)
        );
        assert_eq!(row("Segmentation fault"), None);
    }
}
