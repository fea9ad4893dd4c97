//! Unique names for values, nodes and initializers.

use std::collections::HashMap;

/// Names given out so far, with the next suffix to try for each.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, usize>);

impl Names {
    /// `base`, or `base_1`, `base_2`… when it is taken.
    pub(crate) fn unique(&mut self, base: &str) -> String {
        let base = if base.is_empty() { "value" } else { base };
        if !self.0.contains_key(base) {
            self.0.insert(base.to_owned(), 1);
            return base.to_owned();
        }
        loop {
            let next = self.0.entry(base.to_owned()).or_insert(1);
            let name = format!("{base}_{next}");
            *next += 1;
            if !self.0.contains_key(&name) {
                self.0.insert(name.clone(), 1);
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn suffixes_avoid_names_that_look_like_them() {
        let mut n = Names::default();
        assert_eq!(n.unique("a_1"), "a_1");
        assert_eq!(n.unique("a"), "a");
        assert_eq!(n.unique("a"), "a_2");
        assert_eq!(n.unique("a_1"), "a_1_1");
        assert_eq!(n.unique(""), "value");
    }
}
