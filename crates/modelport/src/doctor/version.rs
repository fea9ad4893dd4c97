//! Versions and ranges of them, as the tables write them: `2.1.6-2.15.0,3.0.0-3.15.1`.
//!
//! Owns: order and containment. Must never know: whose versions they are.

use std::cmp::Ordering;
use std::fmt;

/// A version such as `2.15.0`; missing parts are 0, and what follows a part's digits (`rc1`, `-tf`) does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    text: String,
    parts: Vec<u64>,
}

impl Version {
    /// Reads a version; `None` when it does not begin with a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self::of(text)).filter(|v| !v.parts.is_empty())
    }

    /// Reads a version; what does not begin with a number is before all others.
    pub(crate) fn of(text: &str) -> Self {
        let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
        let parts = text.trim().trim_start_matches('v').split('.').map_while(digits).collect();
        Self { text: text.trim().to_owned(), parts }
    }

    /// The first number.
    pub(crate) fn major(&self) -> u64 {
        self.parts.first().copied().unwrap_or(0)
    }

    /// The second number, when there is one.
    pub(crate) fn minor(&self) -> Option<u64> {
        self.parts.get(1).copied()
    }

    /// Whether it is before `other`, which the tables or the code spell right.
    pub(crate) fn before(&self, other: &str) -> bool {
        Self::parse(other).is_some_and(|o| *self < o)
    }

    /// How many numbers are given.
    fn given(&self) -> usize {
        self.parts.len()
    }

    /// Whether `other` begins with all the numbers given here.
    fn begins(&self, other: &Self) -> bool {
        other.parts.iter().zip(&self.parts).all(|(a, b)| a == b) && other.given() >= self.given()
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.parts.len().max(other.parts.len());
        let part = |v: &Self, i| v.parts.get(i).copied().unwrap_or(0);
        (0..longest).map(|i| part(self, i).cmp(&part(other, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `ranges` holds `version`; an empty text holds none.
pub(crate) fn within(ranges: &str, version: &Version) -> bool {
    ranges.split(',').filter(|r| !r.is_empty()).any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (Version::parse(first), Version::parse(last)) {
            (Some(first), Some(last)) => first <= *version && *version <= last,
            _ => false,
        }
    })
}

/// The covered version that speaks for `wanted`: the newest with the numbers given, else the newest before it, else the
/// oldest.
pub(crate) fn nearest<'a>(covered: impl Iterator<Item = &'a str> + Clone, wanted: &Version) -> Option<Version> {
    let all = || covered.clone().filter_map(Version::parse);
    all().filter(|v| wanted.begins(v)).max().or_else(|| all().filter(|v| v <= wanted).max()).or_else(|| all().min())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        assert!(v("2.9") < v("2.15.0"));
        assert_eq!(v("2.15").cmp(&v("2.15.0")), Ordering::Equal);
        assert_eq!(v("2.5.0-tf").cmp(&v("2.5.0")), Ordering::Equal);
        assert!(Version::parse("newest").is_none());
    }

    #[test]
    fn ranges_hold_their_ends() {
        assert!(within("2.1.6-2.15.0,3.9.2-3.15.1", &v("2.15.0")));
        assert!(!within("2.1.6-2.15.0,3.9.2-3.15.1", &v("3.0.0")));
        assert!(within("1.2.2", &v("1.2.2")) && !within("", &v("1.2.2")));
    }

    #[test]
    fn an_uncovered_version_has_a_neighbour() {
        let covered = || "2.0.0 2.3.1 2.6.0 3.15.0 3.15.1".split(' ');
        assert_eq!(nearest(covered(), &v("3.15")).unwrap(), v("3.15.1"));
        assert_eq!(nearest(covered(), &v("2.4")).unwrap(), v("2.3.1"));
        assert_eq!(nearest(covered(), &v("1.0")).unwrap(), v("2.0.0"));
    }
}
