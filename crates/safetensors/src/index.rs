//! The index of tensors in several files, `model.safetensors.index.json`.
//!
//! Source: `save_torch_state_dict` of huggingface_hub (0.30) and `load_sharded_checkpoint` of transformers (4.50): `weight_map`
//! gives for each tensor the file beside the index that holds it. Owns: the map. Must never know: how a file is laid out.

use crate::read::{SafetensorsFile, Stored, stored};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits};
use modelport_storage::MappedFile;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Whether the file is such an index: JSON whose map names safetensors files.
pub(crate) fn probe(file: &MappedFile) -> bool {
    let head = file.bytes().get(..file.bytes().len().min(64 << 10)).unwrap_or_default();
    let has = |word: &[u8]| head.windows(word.len()).any(|w| w == word);
    let text = head.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    text && has(b"\"weight_map\"") && has(b".safetensors\"")
}

/// Reads the files that an index names.
pub(crate) fn read(path: &Path, file: &Arc<MappedFile>, limits: &Limits) -> Result<SafetensorsFile, Diagnostics> {
    let wrong = |what: String| Diagnostic::error(Code::SAFETENSORS_INDEX, what).in_file(file.name());
    if file.len() > limits.metadata_bytes {
        return Err(wrong("the index is too large".to_owned()).into());
    }
    let index: Value = serde_json::from_slice(file.bytes()).map_err(|e| wrong(format!("the index is no JSON: {e}")))?;
    let Some(map) = index.get("weight_map").and_then(Value::as_object) else {
        return Err(wrong("the index has no `weight_map`".to_owned()).into());
    };
    let mut all = Diagnostics::default();
    let mut files = BTreeSet::new();
    for (tensor, name) in map {
        match name.as_str() {
            // The index may come from anywhere; it must not lead out of its directory.
            Some(name) if !name.contains(['/', '\\']) && name != ".." => drop(files.insert(name)),
            _ => all.push(wrong(format!("`{tensor}` is said to be in {name}, which is no file beside the index"))),
        }
    }
    let (mut metadata, mut tensors) = (BTreeMap::new(), Vec::new());
    for name in files {
        match MappedFile::open(&path.with_file_name(name)).map_err(Diagnostics::from).and_then(|f| stored(&f)) {
            Ok((own, shard)) => {
                metadata.extend(own);
                tensors.extend(shard);
            }
            Err(d) => all.0.extend(d.0),
        }
    }
    if all.0.is_empty() {
        all = held_against(map, &tensors, &wrong);
    }
    if let Some(total) = index.pointer("/metadata/total_size") {
        metadata.insert("total_size".to_owned(), total.to_string());
    }
    if all.0.is_empty() {
        Ok(SafetensorsFile::new("safetensors in several files", metadata, tensors))
    } else {
        Err(all)
    }
}

/// Every tensor must be where the map says, and nowhere else.
fn held_against(
    map: &serde_json::Map<String, Value>,
    tensors: &[Stored],
    wrong: &dyn Fn(String) -> Box<Diagnostic>,
) -> Diagnostics {
    let mut all = Diagnostics::default();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for t in tensors {
        *seen.entry(&t.name).or_default() += 1;
    }
    for name in map.keys().filter(|n| !seen.contains_key(n.as_str())) {
        all.push(wrong(format!("no file holds `{name}`, which the index lists")));
    }
    for (name, _) in seen.iter().filter(|(_, n)| **n > 1) {
        all.push(wrong(format!("two files hold `{name}`")));
    }
    all
}
