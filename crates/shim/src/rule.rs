//! What a rule is, and the edits that rules are made of. Each edit says what it did; a rule that says nothing changed
//! nothing.

use crate::version::{Range, Version, Writer};
use modelport_ir::{Attr, Dialect, SourceOp, Tensor};

/// A rewrite of some ops, for files of some versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    /// Op names; one `*` in a name stands for anything.
    pub(crate) ops: &'static [&'static str],
    pub(crate) written_by: Range,
    pub(crate) rewrite: fn(&mut Edit<'_>),
}

/// A row for Keras layers.
pub(crate) const fn rule(
    name: &'static str,
    ops: &'static [&'static str],
    written_by: Range,
    rewrite: fn(&mut Edit<'_>),
) -> Rule {
    Rule { name, dialect: Dialect::Keras, ops, written_by, rewrite }
}

impl Rule {
    pub(crate) fn applies(&self, op: &SourceOp, version: Version) -> bool {
        self.dialect == op.dialect && self.written_by.contains(version) && self.ops.iter().any(|p| matches(p, &op.name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail),
        None => pattern == name,
    }
}

/// An op while one rule rewrites it.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    pub(crate) op: &'a mut SourceOp,
    pub(crate) writer: &'a Writer,
    said: Vec<String>,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(op: &'a mut SourceOp, writer: &'a Writer) -> Self {
        Self { op, writer, said: Vec::new() }
    }

    /// What the rule did, as one sentence; `None` when it did nothing.
    pub(crate) fn sentence(self) -> Option<String> {
        if self.said.is_empty() { None } else { Some(self.said.join("; ")) }
    }

    /// Tells the user what was changed.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.said.push(text.into());
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.op.attrs.contains_key(name)
    }

    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.op.attr(name).and_then(Attr::as_str)
    }

    pub(crate) fn set(&mut self, name: &str, value: Attr) {
        self.op.attrs.insert(name.to_owned(), value);
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Attr> {
        self.op.attrs.remove(name)
    }

    /// Gives the op another class.
    pub(crate) fn rename_class(&mut self, new: &str) {
        let old = std::mem::replace(&mut self.op.name, new.to_owned());
        self.say(format!("class `{old}` is called `{new}` today"));
    }

    /// Gives arguments their names of today.
    pub(crate) fn rename(&mut self, pairs: &[(&str, &str)]) {
        let mut done = Vec::new();
        for &(old, new) in pairs {
            if let Some(value) = self.take(old) {
                self.op.attrs.entry(new.to_owned()).or_insert(value);
                done.push(format!("`{old}` is called `{new}`"));
            }
        }
        if !done.is_empty() {
            self.say(done.join(", "));
        }
    }

    /// Renames an argument and translates its value; a value without translation stays as it is.
    pub(crate) fn convert(&mut self, old: &str, new: &str, value: impl Fn(&Attr) -> Option<Attr>) {
        let Some(found) = self.take(old) else { return };
        let converted = value(&found).unwrap_or_else(|| found.clone());
        if old != new || converted != found {
            let shown = |a: &Attr| show(a).unwrap_or_else(|| "…".to_owned());
            self.say(format!("`{old}={}` means `{new}={}`", shown(&found), shown(&converted)));
        }
        self.op.attrs.entry(new.to_owned()).or_insert(converted);
    }

    /// Removes arguments that mean nothing today.
    pub(crate) fn drop(&mut self, names: &[&str]) {
        let gone: Vec<_> = names.iter().filter(|n| self.op.attrs.remove(**n).is_some()).collect();
        if !gone.is_empty() {
            let names: Vec<_> = gone.iter().map(|n| format!("`{n}`")).collect();
            let verb = if names.len() == 1 { "is not an argument any more" } else { "are not arguments any more" };
            self.say(format!("{} {verb}", names.join(", ")));
        }
    }

    /// Removes an argument when it has the value that has no effect.
    pub(crate) fn drop_if(&mut self, name: &str, idle: &Attr) {
        if self.op.attrs.get(name) == Some(idle) {
            self.drop(&[name]);
        }
    }

    /// Names the weights by position, when there are as many.
    pub(crate) fn name_weights(&mut self, names: &[&str]) {
        if self.op.weights.len() != names.len() {
            return;
        }
        let mut done = Vec::new();
        for ((old, _), new) in self.op.weights.iter_mut().zip(names) {
            if old != new {
                done.push(format!("weight `{old}` is called `{new}`"));
                (*new).clone_into(old);
            }
        }
        if !done.is_empty() {
            self.say(done.join(", "));
        }
    }

    /// Rewrites a weight lazily; a weight that the recipe does not fit stays as it is (its reader will say why).
    pub(crate) fn rewrite_weight(&mut self, name: &str, what: &str, recipe: impl Fn(&Tensor) -> Option<Tensor>) {
        let Some((_, tensor)) = self.op.weights.iter_mut().find(|(n, _)| n == name) else { return };
        if let Some(new) = recipe(tensor) {
            *tensor = new;
            self.say(format!("`{name}` {what}"));
        }
    }
}

/// A short value as Python writes it.
fn show(attr: &Attr) -> Option<String> {
    Some(match attr {
        Attr::None => "None".to_owned(),
        Attr::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
        Attr::Int(i) => i.to_string(),
        Attr::Float(f) => format!("{f:?}"),
        Attr::Str(s) if s.len() <= 40 => format!("'{s}'"),
        Attr::List(l) if l.len() <= 6 => format!("({})", l.iter().map(show).collect::<Option<Vec<_>>>()?.join(", ")),
        Attr::DType(d) => d.to_string(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("Conv*Transpose", "Conv2DTranspose") && matches("*", "Dense") && matches("Dense", "Dense"));
        assert!(!matches("Conv*Transpose", "Conv2D") && !matches("Dense", "EinsumDense"));
        assert!(!matches("aba*aba", "aba"), "head and tail must not overlap");
    }
}
