//! Provenance as a mapping of attributes.

use crate::{Attr, Provenance};
use std::collections::BTreeMap;

pub(super) fn to_attrs(p: &Provenance) -> BTreeMap<String, Attr> {
    let mut map = BTreeMap::new();
    let text = |s: &str| Attr::Str(s.to_owned());
    map.insert("framework".to_owned(), text(&p.framework));
    map.insert("format".to_owned(), text(&p.format));
    map.extend(p.version.as_deref().map(|v| ("version".to_owned(), text(v))));
    if !p.evidence.is_empty() {
        map.insert("evidence".to_owned(), Attr::List(p.evidence.iter().map(|e| text(e)).collect()));
    }
    if !p.details.is_empty() {
        let details = p.details.iter().map(|(k, v)| (k.clone(), text(v))).collect();
        map.insert("details".to_owned(), Attr::Map(details));
    }
    map
}

/// `None` when an entry is unknown or of another type.
pub(super) fn from_attrs(map: &BTreeMap<String, Attr>) -> Option<Provenance> {
    let mut p = Provenance::default();
    let text = |a: &Attr| a.as_str().map(str::to_owned);
    for (key, value) in map {
        match key.as_str() {
            "framework" => p.framework = text(value)?,
            "format" => p.format = text(value)?,
            "version" => p.version = Some(text(value)?),
            "evidence" => p.evidence = value.as_list()?.iter().map(text).collect::<Option<_>>()?,
            "details" => {
                p.details = value.as_map()?.iter().map(|(k, v)| Some((k.clone(), text(v)?))).collect::<Option<_>>()?;
            }
            _ => return None,
        }
    }
    Some(p)
}
