//! An inspection as text: one screen, with tables where they are asked for.
//!
//! Owns: how facts are printed. Must never know: where they come from.

use super::{Inspection, Layer};
use std::fmt;

/// Tables of at most so many rows are printed unasked.
const SHORT: usize = 24;
/// The most frequent classes that stand on one line.
const MOST_CLASSES: usize = 8;

/// An inspection with the tables that are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The facts.
    pub found: &'a Inspection,
    /// Whether every layer is printed, however many there are.
    pub layers: bool,
    /// Whether the histogram of classes is printed.
    pub ops: bool,
    /// Whether every weight is printed.
    pub weights: bool,
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown { found: self, layers: false, ops: false, weights: false }.fmt(f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        writeln!(f, "{}: {}", found.file, found.format)?;
        writeln!(f, "written by {} {}", found.framework, found.version.as_deref().unwrap_or("(version unknown)"))?;
        for evidence in &found.evidence {
            writeln!(f, "  known from {evidence}")?;
        }
        for (key, value) in &found.details {
            writeln!(f, "  {key}: {value}")?;
        }
        if let Some(why) = &found.no_graph {
            writeln!(f, "no model  {why}")?;
        }
        for (name, ty) in &found.inputs {
            writeln!(f, "input   {name} {ty}")?;
        }
        for (name, ty) in &found.outputs {
            writeln!(f, "output  {name} {ty}")?;
        }
        self.tables(f)?;
        self.names(f)?;
        self.sums(f)
    }
}

impl Shown<'_> {
    fn tables(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        let count = found.layers.len();
        if self.layers || (count <= SHORT && !self.ops) {
            table(&found.layers, f)?;
        } else if !self.ops {
            let most: Vec<_> = frequent(found).take(MOST_CLASSES).map(|(class, n)| format!("{n} {class}")).collect();
            let more = if found.ops.len() > MOST_CLASSES { ", …" } else { "" };
            writeln!(f, "{} layers: {}{more} (--layers, --ops)", grouped(count as u64), most.join(", "))?;
        }
        if self.ops {
            for (class, n) in frequent(found) {
                writeln!(f, "  {:>6}  {class}", grouped(n as u64))?;
            }
        }
        if self.weights || (count == 0 && found.weights.len() <= SHORT) {
            for w in &found.weights {
                writeln!(f, "  {} {}{:?}", w.name, w.dtype, w.shape)?;
            }
        } else if count == 0 {
            for w in found.weights.iter().take(SHORT / 2) {
                writeln!(f, "  {} {}{:?}", w.name, w.dtype, w.shape)?;
            }
            writeln!(f, "  … {} more (--weights)", found.weights.len() - SHORT / 2)?;
        }
        Ok(())
    }

    /// What the file names besides layers.
    fn names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        if !found.custom.is_empty() {
            writeln!(f, "not built in: {}", found.custom.join(", "))?;
        }
        for problem in &found.problems {
            writeln!(f, "does not convert: {problem}")?;
        }
        let strange = |trust: &str| {
            let names = found.globals.iter().filter(|g| g.trust == trust);
            names.map(|g| g.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        if !found.globals.is_empty() {
            writeln!(f, "the pickle names {} classes and functions", found.globals.len())?;
        }
        for (trust, words) in [("suspicious", "  DANGEROUS to load in Python"), ("unknown", "  not of the framework")] {
            let names = strange(trust);
            if !names.is_empty() {
                writeln!(f, "{words}: {names}")?;
            }
        }
        if !found.devices.is_empty() {
            writeln!(f, "tensors were saved on {}", found.devices.join(", "))?;
        }
        Ok(())
    }

    fn sums(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        write!(f, "{} weights, {} parameters", found.weights.len(), grouped(found.parameters))?;
        let sizes: Vec<_> = found.sizes.iter().map(|s| format!("{} {}", bytes(s.bytes), s.dtype)).collect();
        if !sizes.is_empty() {
            write!(f, " ({})", sizes.join(", "))?;
        }
        if found.optimizer_parameters > 0 {
            write!(f, ", {} of them an optimizer's", grouped(found.optimizer_parameters))?;
        }
        match found.rules.len() {
            0 => Ok(()),
            1 => write!(f, "; a conversion applies 1 version rule"),
            n => write!(f, "; a conversion applies {n} version rules"),
        }
    }
}

/// Classes, the most frequent first.
fn frequent(found: &Inspection) -> impl Iterator<Item = (&str, usize)> {
    let mut all: Vec<_> = found.ops.iter().map(|(class, &n)| (class.as_str(), n)).collect();
    all.sort_by_key(|&(class, n)| (std::cmp::Reverse(n), class));
    all.into_iter()
}

fn table(layers: &[Layer], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let widest = |len: fn(&Layer) -> usize| layers.iter().map(len).max().unwrap_or(0).min(48);
    let (name, class) = (widest(|l| l.name.len()), widest(|l| l.class.len()));
    for l in layers {
        let note = if l.supported { "" } else { "  (not converted)" };
        let inputs = l.inputs.join(", ");
        writeln!(f, "  {:name$}  {:class$}  {:>12}  <- {inputs}{note}", l.name, l.class, grouped(l.parameters))?;
    }
    Ok(())
}

/// 3_538_984 as `3,538,984`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Sizes for people.
pub(crate) fn bytes(n: u64) -> String {
    let mut size = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            let digits = if unit == "B" { 0 } else { 1 };
            return format!("{size:.digits$} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}
