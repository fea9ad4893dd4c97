//! A verification as a page.
//!
//! Owns: what stands where. Must never know: how numbers were computed.

use super::page::{escape, page as frame, table};
use super::verdict;
use modelport_runtime::verify::{Comparison, FileDigest, Report};
use std::fmt::Write;

/// The whole page.
pub(crate) fn page(report: &Report, arguments: &[String]) -> String {
    let mut body = String::new();
    let class = if report.passed() { "good" } else { "bad" };
    let _ = write!(
        body,
        "<header><h1>{}</h1><p class=\"chips\"><span class=\"chip {class}\">{}</span></p><p class=\"path\">Verification of {}, \
         written from {}</p></header>",
        escape(short(&report.written.path)),
        verdict(report),
        escape(&report.written.path),
        escape(&report.source.path)
    );
    let file = |what: &str, f: &FileDigest| vec![what.to_owned(), f.path.clone(), f.sha256.clone()];
    let mut files = vec![file("model", &report.source), file("written file", &report.written)];
    files.extend(report.golden.iter().map(|g| file("recorded outputs", g)));
    body.push_str(&table(&["", "file", "SHA-256"], files));
    let inputs = report.inputs.iter().map(|i| vec![i.name.clone(), i.ty.clone()]);
    let origin = report.seed.map_or("recorded by the framework".to_owned(), |s| format!("random, seed {s}"));
    let _ = write!(body, "<h2>Inputs, {}</h2>{}", escape(&origin), table(&["input", "type"], inputs));
    let _ = write!(
        body,
        "<p>A difference may reach {:e} of an output's largest magnitude. Compared by modelport {}{}.</p>",
        report.tolerance,
        env!("CARGO_PKG_VERSION"),
        if arguments.is_empty() { String::new() } else { format!(", with {}", escape(&arguments.join(" "))) }
    );
    for comparison in &report.comparisons {
        body.push_str(&outputs(comparison));
    }
    if let Some(d) = &report.first_divergence {
        let name = escape(&d.node);
        let _ = write!(
            body,
            "<p class=\"bad\">The first value that differs is <code>{name}</code>, by {:.2e} of {:.3e}.</p>",
            d.max_abs, d.magnitude
        );
    }
    for note in &report.notes {
        let _ = write!(body, "<p>{}</p>", escape(note));
    }
    body.push_str(&layers(report));
    frame(&format!("Verification of {}", report.written.path), &body, "")
}

/// The file's own name.
fn short(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn outputs(c: &Comparison) -> String {
    let rows = c.outputs.iter().map(|o| {
        let numbers = [o.max_abs, o.magnitude, o.allowed, o.max_rel].map(|n| format!("{n:.2e}"));
        let mut row = vec![o.name.clone(), o.ty.clone()];
        row.extend(numbers);
        row.extend([o.max_ulp.to_string(), o.failure.clone().unwrap_or_else(|| "ok".to_owned())]);
        row
    });
    let headings = ["output", "type", "max abs", "of magnitude", "allowed", "max rel", "max ulp", "verdict"];
    format!(
        "<h2><span class=\"against\">{},</span> against {}</h2>{}",
        escape(&c.found),
        escape(&c.expected),
        table(&headings, rows)
    )
}

fn layers(report: &Report) -> String {
    if report.layers.is_empty() {
        return String::new();
    }
    let rows = report.layers.iter().map(|l| {
        let apart = l.max_abs > report.tolerance * l.magnitude;
        let verdict = if apart { "differs" } else { "ok" };
        vec![l.name.clone(), format!("{:.2e}", l.max_abs), format!("{:.2e}", l.magnitude), verdict.to_owned()]
    });
    let table = table(&["value", "max abs", "of magnitude", ""], rows);
    format!("<h2>Inside the model: {} values</h2><div class=\"scroll\">{table}</div>", report.layers.len())
}
