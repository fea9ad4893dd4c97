//! A page that stands alone: its styles and scripts are inside, and it asks no network.
//!
//! Owns: the frame, and that no text of a file becomes markup. Must never know: what a page is about.

use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// A page around `body`, which is markup. Names that files carry go through [`escape`] before.
pub(crate) fn page(title: &str, body: &str, script: &str) -> String {
    let script = if script.is_empty() { String::new() } else { format!("<script>{script}</script>") };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{}</title><style>{STYLE}</style></head>\n<body>{body}{script}</body></html>\n",
        escape(title)
    )
}

/// Text as it stands in markup, in attributes too.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are no characters of a page.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A table; headings and cells are text.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::from("<table><thead><tr>");
    for heading in headings {
        let _ = write!(out, "<th>{}</th>", escape(heading));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let number = cell.starts_with(|c: char| c.is_ascii_digit()) && !cell.contains(' ');
            let _ = write!(out, "<td{}>{}</td>", if number { " class=\"n\"" } else { "" }, escape(&cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        let name = "<img src=x onerror='alert(1)'>&\"";
        let html = page(name, &table(&["a"], [vec![name.to_owned()]]), "");
        assert!(!html.contains("<img") && html.contains("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;"));
    }
}
