//! An inspection as a page: what `inspect` prints, the graph, every weight with its statistics.
//!
//! Owns: what stands where. Must never know: how a graph is laid out, how numbers are computed.

use super::graph::{self, Drawing, cut};
use super::page::{escape, page as frame, table};
use super::statistics::{COLUMNS, Statistics, number, statistics};
use crate::inspect::{Examined, Inspection, bytes, grouped};
use modelport_ir::Tensor;
use std::fmt::Write;

/// Rows of the table of weights.
const MOST_WEIGHTS: usize = 5_000;
/// Lines of a list that is shown in full.
const MOST_LINES: usize = 500;
/// Characters of a name.
const LONGEST: usize = 300;

const SCRIPT: &str = concat!(include_str!("graph.js"), include_str!("tables.js"));

/// The whole page. Weights are read one at a time.
pub(crate) fn page(file: &Examined) -> String {
    let found = &file.found;
    let mut body = String::new();
    head(found, &mut body);
    facts(found, &mut body);
    match graph::drawing(file) {
        Ok(drawing) => drawn(&drawing, &mut body),
        Err(why) => {
            let _ = write!(body, "<h2>Graph</h2><p class=\"note\">No graph is drawn: {}.</p>", escape(&why));
        }
    }
    classes(found, &mut body);
    weights(&file.weights, &mut body);
    lists(found, &mut body);
    frame(&format!("{}: {}", short(&found.file), found.format), &body, SCRIPT)
}

fn short(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn head(found: &Inspection, body: &mut String) {
    let (class, verdict) = match found.converts {
        Some(true) => ("good", "converts to ONNX"),
        Some(false) => ("bad", "does not convert"),
        None => ("plain", "weights only"),
    };
    let _ = write!(
        body,
        "<header><h1>{}</h1><p class=\"chips\"><span class=\"chip\">{}</span><span class=\"chip {class}\">{verdict}</span>\
         </p><p class=\"path\">{}</p></header>",
        escape(short(&found.file)),
        escape(&found.format),
        escape(&found.file)
    );
    for problem in &found.problems {
        let _ = write!(body, "<p class=\"note bad\">{}</p>", escape(&cut(problem, 1000)));
    }
    let dangerous: Vec<_> = found.globals.iter().filter(|g| g.trust == "suspicious").map(|g| g.name.as_str()).collect();
    // A reader may have said so already.
    if !dangerous.is_empty() && !found.notes.iter().any(|n| n.contains("not safe")) {
        let names = escape(&cut(&dangerous.join(", "), 1000));
        let _ = write!(body, "<p class=\"note bad\">Dangerous to load in Python, which would call {names}.</p>");
    }
    for note in &found.notes {
        let class = if note.contains("not safe") { "note bad" } else { "note" };
        let _ = write!(body, "<p class=\"{class}\">{}</p>", escape(&cut(note, 1000)));
    }
}

fn facts(found: &Inspection, body: &mut String) {
    let version = found.version.as_deref().unwrap_or("(version unknown)");
    let mut rows = vec![("Written by", format!("{} {version}", found.framework))];
    rows.extend(found.evidence.iter().map(|e| ("Known from", e.clone())));
    rows.extend(found.details.iter().map(|(k, v)| ("The file says", format!("{k}: {v}"))));
    let sizes: Vec<_> = found.sizes.iter().map(|s| format!("{} {}", bytes(s.bytes), s.dtype)).collect();
    rows.push(("Parameters", grouped(found.parameters)));
    if found.optimizer_parameters > 0 {
        rows.push(("of an optimizer", grouped(found.optimizer_parameters)));
    }
    let weights = grouped(found.weights.len() as u64);
    rows.push((
        "Weights",
        if sizes.is_empty() { "none".to_owned() } else { format!("{weights}: {}", sizes.join(", ")) },
    ));
    if !found.devices.is_empty() {
        rows.push(("Saved on", found.devices.join(", ")));
    }
    if !found.custom.is_empty() {
        rows.push(("Not built in", found.custom.join(", ")));
    }
    if !found.rules.is_empty() {
        rows.push(("Version rules", format!("{}, applied by a conversion", found.rules.len())));
    }
    body.push_str("<div class=\"columns\"><dl>");
    let mut before = "";
    for (name, value) in rows {
        // A word that would be said again is said once.
        let word = if name == before { "" } else { name };
        let _ = write!(body, "<dt>{word}</dt><dd>{}</dd>", escape(&cut(&value, 1000)));
        before = name;
    }
    body.push_str("</dl>");
    let ends = |list: &[(String, String)], what: &str| {
        list.iter()
            .take(MOST_LINES)
            .map(|(n, t)| vec![what.to_owned(), cut(n, LONGEST), cut(t, LONGEST)])
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = ends(&found.inputs, "input").into_iter().chain(ends(&found.outputs, "output")).collect();
    if !rows.is_empty() {
        body.push_str(&table(&["", "name", "type"], rows));
    }
    body.push_str("</div>");
}

fn drawn(drawing: &Drawing, body: &mut String) {
    let _ = write!(
        body,
        "<h2>Graph</h2><noscript><p class=\"note\">The graph is drawn by a script of this page.</p></noscript>\
         <div class=\"graph\" id=\"graph\"><div class=\"bar\"><input type=\"search\" id=\"find\" placeholder=\"Search names, ops, \
         weights ( / )\" aria-label=\"Search the graph\"><span id=\"hits\"></span><span class=\"push\"></span>\
         <button id=\"open\" title=\"Open all blocks\">Open all</button><button id=\"close\" title=\"Close all blocks\">Close \
         all</button><button id=\"smaller\" aria-label=\"Zoom out\">−</button><button id=\"larger\" aria-label=\"Zoom in\">+</button>\
         <button id=\"fit\" title=\"Show everything\">Fit</button></div><div class=\"stage\"><svg id=\"view\" tabindex=\"0\" \
         role=\"img\" aria-label=\"The graph of the model\"></svg><ul id=\"found\" hidden></ul></div><aside id=\"side\"></aside></div>\
         <script type=\"application/json\" id=\"data\">{}</script>",
        json(drawing)
    );
}

/// JSON inside of a script element: nothing in it can end the element or open a comment.
fn json(drawing: &Drawing) -> String {
    let text = serde_json::to_string(drawing).unwrap_or_else(|_| "{\"nodes\":[],\"levels\":[]}".to_owned());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn classes(found: &Inspection, body: &mut String) {
    if found.ops.is_empty() {
        return;
    }
    let mut all: Vec<_> = found.ops.iter().collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let most = all.first().map_or(1, |(_, n)| **n).max(1);
    let parameters = |class: &str| found.layers.iter().filter(|l| l.class == class).map(|l| l.parameters).sum::<u64>();
    let _ = write!(
        body,
        "<h2>{} of {} classes</h2>",
        plural(found.layers.len(), "layer or op", "layers or ops"),
        all.len()
    );
    body.push_str(
        "<div class=\"scroll\"><table class=\"ops\"><thead><tr><th>class</th><th></th><th class=\"n\">number</th>",
    );
    body.push_str("<th class=\"n\">parameters</th></tr></thead><tbody>");
    for (class, n) in all.into_iter().take(MOST_LINES) {
        let _ = write!(
            body,
            "<tr data-find=\"{0}\"><td><code>{0}</code></td><td class=\"meter\"><i style=\"width:{1:.1}%\"></i></td><td class=\"n\">{2}\
             </td><td class=\"n\">{3}</td></tr>",
            escape(&cut(class, LONGEST)),
            *n as f64 * 100.0 / most as f64,
            grouped(*n as u64),
            grouped(parameters(class))
        );
    }
    body.push_str("</tbody></table></div>");
}

fn plural(n: usize, one: &str, more: &str) -> String {
    format!("{} {}", grouped(n as u64), if n == 1 { one } else { more })
}

const HEADINGS: &[&str] =
    &["weight", "type", "elements", "min", "max", "mean", "std", "zeros", "NaN/inf", "from min to max"];

fn weights(all: &[(String, Tensor)], body: &mut String) {
    if all.is_empty() {
        return;
    }
    let _ = write!(body, "<h2>{}</h2>", plural(all.len(), "weight", "weights"));
    if all.len() > MOST_WEIGHTS {
        let _ = write!(
            body,
            "<p class=\"note\">The first {}; `inspect --weights` lists all.</p>",
            grouped(MOST_WEIGHTS as u64)
        );
    }
    body.push_str(
        "<p><input type=\"search\" id=\"filter\" placeholder=\"Filter weights\" aria-label=\"Filter weights\"></p>",
    );
    body.push_str("<div class=\"scroll tall\"><table id=\"weights\"><thead><tr>");
    for (i, heading) in HEADINGS.iter().enumerate() {
        let class = if (2..9).contains(&i) { " class=\"n\"" } else { "" };
        let _ = write!(body, "<th{class}>{heading}</th>");
    }
    body.push_str("</tr></thead><tbody>");
    for (i, (name, tensor)) in all.iter().take(MOST_WEIGHTS).enumerate() {
        let _ = write!(
            body,
            "<tr id=\"w{i}\"><td class=\"mono\">{}</td><td class=\"mono\">{}</td><td class=\"n\" data-v=\"{}\">{}</td>",
            escape(&cut(name, LONGEST)),
            escape(&tensor.ty().to_string()),
            tensor.len(),
            grouped(tensor.len() as u64)
        );
        match statistics(tensor) {
            Ok(Some(s)) => cells(&s, body),
            Ok(None) => body.push_str("<td colspan=\"7\">strings</td>"),
            Err(d) => {
                let _ = write!(
                    body,
                    "<td colspan=\"7\" class=\"bad\">{}</td>",
                    escape(&format!("{}: {}", d.code, d.message))
                );
            }
        }
        body.push_str("</tr>");
    }
    body.push_str("</tbody></table></div>");
}

fn cells(s: &Statistics, body: &mut String) {
    for x in [s.min, s.max, s.mean, s.deviation] {
        match s.finite {
            0 => body.push_str("<td class=\"n\">–</td>"),
            _ => {
                let _ = write!(body, "<td class=\"n\" data-v=\"{x:e}\">{}</td>", number(x));
            }
        }
    }
    let _ = write!(body, "<td class=\"n\" data-v=\"{}\">{}</td>", s.zeros, grouped(s.zeros));
    let class = if s.not_finite > 0 { "n bad" } else { "n" };
    let _ = write!(body, "<td class=\"{class}\" data-v=\"{}\">{}</td>", s.not_finite, grouped(s.not_finite));
    body.push_str("<td class=\"hist\">");
    histogram(s, body);
    body.push_str("</td>");
}

/// A histogram of 96 × 24 points as one path.
fn histogram(s: &Statistics, body: &mut String) {
    let most = s.columns.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return;
    }
    body.push_str("<svg width=\"96\" height=\"24\" viewBox=\"0 0 96 24\"><path d=\"M0 24");
    let step = 96 / COLUMNS;
    for n in &s.columns {
        // What is there is seen, however little it is.
        let height = if *n == 0 { 0 } else { (*n as f64 * 24.0 / most as f64).ceil() as u64 };
        let _ = write!(body, "V{}h{step}", 24 - height);
    }
    body.push_str("V24z\"/></svg>");
}

fn lists(found: &Inspection, body: &mut String) {
    let lines = |title: String, lines: &mut dyn Iterator<Item = String>, body: &mut String| {
        let _ = write!(body, "<details><summary>{}</summary><ul>", escape(&title));
        for line in lines.take(MOST_LINES) {
            let _ = write!(body, "<li>{}</li>", escape(&cut(&line, 1000)));
        }
        body.push_str("</ul></details>");
    };
    if !found.rules.is_empty() {
        let title = format!("{} that a conversion applies", plural(found.rules.len(), "version rule", "version rules"));
        lines(title, &mut found.rules.iter().cloned(), body);
    }
    if !found.globals.is_empty() {
        let title = format!(
            "{} that the pickle names",
            plural(found.globals.len(), "class or function", "classes and functions")
        );
        let one =
            |g: &crate::inspect::Global| format!("{}{}: {}", g.name, if g.called { ", called" } else { "" }, g.trust);
        lines(title, &mut found.globals.iter().map(one), body);
    }
    let _ = write!(
        body,
        "<footer>Read by modelport {}. Nothing of the file was executed, and this page asks no network.</footer>",
        env!("CARGO_PKG_VERSION")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelport_ir::{DType, Dialect, SourceGraph, SourceOp, TensorType};
    use std::collections::BTreeMap;

    fn examined(graph: Option<SourceGraph>, weights: Vec<(String, Tensor)>) -> Examined {
        let found = Inspection {
            file: "</title><script>alert(0)</script>".to_owned(),
            format: "a\u{1}b".to_owned(),
            framework: "'\"".to_owned(),
            version: None,
            evidence: vec!["<!--".to_owned()],
            details: BTreeMap::from([("k\"><i>".to_owned(), "<b>".to_owned())]),
            graph: graph.is_some(),
            no_graph: None,
            inputs: vec![("<u>".to_owned(), "?".to_owned())],
            outputs: Vec::new(),
            layers: Vec::new(),
            ops: BTreeMap::from([("<op>".to_owned(), 1)]),
            weights: Vec::new(),
            parameters: 0,
            optimizer_parameters: 0,
            sizes: Vec::new(),
            custom: vec!["<c>".to_owned()],
            globals: Vec::new(),
            devices: vec!["<d>".to_owned()],
            converts: Some(false),
            problems: vec!["<p2>".to_owned()],
            rules: vec!["<r>".to_owned()],
            notes: vec!["<n>".to_owned()],
        };
        Examined { found, weights, source: graph, core: None }
    }

    #[test]
    fn what_a_file_names_is_neither_markup_nor_script() {
        let evil = ["</script><script>alert(1)</script>", "<!--<script>", "a\"'`\u{0}\u{2028}&amp;", "\\u003c/script>"];
        let mut graph = SourceGraph::new("</script>");
        let mut value = graph.add_input(evil[0], Some(TensorType::known(DType::F32, &[1])));
        for name in evil.iter().map(|e| (*e).to_owned()).chain(["x".repeat(1 << 20)]) {
            let mut op = SourceOp::new(Dialect::Keras, name.clone());
            op.attrs.insert(name.clone(), modelport_ir::Attr::Str(name.clone()));
            value = graph.add_node(op, vec![Some(value)], name.clone(), vec![(name, None)])[0];
        }
        graph.add_output(evil[1], value);
        let tensor = Tensor::from_bytes(DType::F32, vec![2], vec![0; 8]).unwrap();
        let html = page(&examined(Some(graph), vec![(evil[0].to_owned(), tensor)]));
        assert_eq!((html.matches("<script").count(), html.matches("</script>").count()), (2, 2));
        assert!(html.len() < 100_000, "{}", html.len());
        for bad in ["<!--", "<b>", "<i>", "<u>", "<op>", "<c>", "<d>", "<p2>", "<r>", "<n>", "\u{0}", "\u{1}"] {
            assert!(!html.contains(bad), "{bad:?}");
        }
        assert!(
            !html.contains("http://")
                || html.matches("http://").count() == html.matches("http://www.w3.org/2000/svg").count()
        );
        assert!(!html.contains("https://") && !html.contains("src="));
    }

    #[test]
    fn weights_alone_make_a_page() {
        let tensor = |v: [f32; 2]| Tensor::from_bytes(DType::F32, vec![2], v.map(f32::to_le_bytes).concat()).unwrap();
        let weights = vec![("a".to_owned(), tensor([1.0, f32::NAN])), ("b".to_owned(), tensor([-2.5, 0.0]))];
        let html = page(&examined(None, weights));
        assert!(html.contains("No graph is drawn") && html.contains("id=\"w1\"") && html.contains(">-2.5<"));
    }
}
