//! Weights in several files: `model.weights.json` beside `model_00000.weights.h5`, ….
//!
//! Source: `ShardedH5IOStore` in keras/src/saving/saving_lib.py (3.15): `weight_map` gives for each group of variables the
//! file, or the files, that hold it. Owns: the map. Must never know: layers.

use crate::hdf5_model::{read_tree, tree_weights};
use crate::json;
use crate::open::{KerasFile, OpenOptions};
use crate::weights::WeightTree;
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits, Result};
use modelport_storage::{ByteRange, MappedFile};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The map, when the file is one.
pub(crate) fn weight_map(file: &MappedFile, limits: &Limits) -> Option<Value> {
    let bytes = file.bytes();
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    if !text.trim_start().starts_with('{') || !bytes.windows(12).any(|w| w == b"\"weight_map\"") {
        return None;
    }
    let map = json::parse(bytes, "the weight map", file.name(), limits).ok()?;
    map.get("weight_map").filter(|m| m.is_object()).cloned()
}

/// Reads the shards that a map names, which lie beside it.
pub(crate) fn read(path: &Path, map: &Value, options: &OpenOptions) -> std::result::Result<KerasFile, Diagnostics> {
    let mut names = BTreeSet::new();
    for entry in map.as_object().into_iter().flat_map(|m| m.values()) {
        match entry {
            Value::String(name) => names.extend([name.as_str()]),
            Value::Array(several) => names.extend(several.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    let mut tree = WeightTree::default();
    for name in names {
        let shard = read_shard(path, name, &options.limits)?;
        for (group, variables) in shard.vars {
            tree.vars.entry(group).or_default().extend(variables);
        }
    }
    for variables in tree.vars.values_mut() {
        variables.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
    }
    tree_weights(&tree, options)
}

fn read_shard(path: &Path, name: &str, limits: &Limits) -> Result<WeightTree> {
    // The map may come from anywhere; it must not lead out of its directory.
    if name.contains(['/', '\\']) || name == ".." {
        return Err(Diagnostic::error(
            Code::KERAS_CONFIG,
            format!("the weight map names `{name}`, which is not a file beside it"),
        ));
    }
    let file = MappedFile::open(&path.with_file_name(name))
        .map_err(|d| d.help("the weights are in several files; all of them must lie beside the `.weights.json`"))?;
    read_tree(ByteRange::whole(file.clone()), file.name().to_owned(), limits)
}
