//! Options of a command: `--name value` and `--flag`, and a complaint about whatever nobody asked for.

use std::path::PathBuf;

use crate::shell::Result;

/// The words after the command, taken out one by one.
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Whether the flag is given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|w| w != name);
        self.words.len() != before
    }

    /// The value of an option, as `--name value` or `--name=value`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        if let Some(at) = self.words.iter().position(|w| w == name) {
            if at + 1 == self.words.len() {
                return Err(format!("{name} needs a value"));
            }
            self.words.remove(at);
            return Ok(Some(self.words.remove(at)));
        }
        let prefix = format!("{name}=");
        let at = self.words.iter().position(|w| w.starts_with(&prefix));
        Ok(at.map(|at| self.words.remove(at).split_off(prefix.len())))
    }

    /// The value of an option that is a path.
    pub(crate) fn path(&mut self, name: &str) -> Result<Option<PathBuf>> {
        Ok(self.value(name)?.map(PathBuf::from))
    }

    /// Fails if words are left.
    pub(crate) fn finish(self) -> Result<()> {
        match self.words.as_slice() {
            [] => Ok(()),
            words => Err(format!("unknown argument {}; see `cargo xtask help`", words.join(" "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::new(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_are_taken_out_in_any_order() {
        let mut a = args("--check --out x --only=y=z");
        assert_eq!(a.value("--only").unwrap().as_deref(), Some("y=z"));
        assert_eq!(a.path("--out").unwrap(), Some(PathBuf::from("x")));
        assert!(a.flag("--check") && !a.flag("--check"));
        a.finish().unwrap();
    }

    #[test]
    fn what_nobody_asked_for_is_an_error() {
        assert!(args("--ckeck").finish().is_err());
        assert!(args("--out").value("--out").is_err());
    }
}
