//! Weights and constants of an archive, lazily: raw storages with a description from 2.8 on, `torch.save` archives before.

use super::json::{list, text};
use super::symbols::{scalar, sym_int};
use crate::archive::{Zip, strided};
use crate::open::OpenOptions;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Tensor;
use serde_json::Value;
use std::collections::BTreeMap;

/// A tensor that the program refers to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) tensor: Tensor,
    /// Whether it is in the `state_dict`, rather than a constant.
    pub(super) weight: bool,
}

/// All tensors by name.
pub(super) fn read(zip: &Zip, model: &str, options: &OpenOptions) -> Result<BTreeMap<String, Found>> {
    let mut all = BTreeMap::new();
    let names: Vec<String> = zip.names().map(str::to_owned).collect();
    for name in &names {
        let weight = name.starts_with("data/weights/") || name.starts_with("serialized_state_dict");
        let ours = weight || name.starts_with("data/constants/") || name.starts_with("serialized_constants");
        if !ours {
            continue;
        }
        let file = name.rsplit('/').next().unwrap_or(name);
        if name.contains('/') && file.ends_with("_config.json") {
            // Each program of an archive has its own.
            if file.starts_with(&format!("{model}_")) {
                described(zip, name, weight, options, &mut all)?;
            }
        } else if name.starts_with("serialized_") || file == format!("{model}.pt") {
            saved(zip, name, weight, options, &mut all)?;
        }
    }
    Ok(all)
}

/// Tensors that `torch.save` wrote: a dict by name. Files up to 2.2 call it `.json`, or hold nothing where there is nothing.
fn saved(zip: &Zip, name: &str, weight: bool, options: &OpenOptions, all: &mut BTreeMap<String, Found>) -> Result<()> {
    let range = zip.range(name)?;
    if range.len() < 4 {
        return Ok(());
    }
    let inner = Zip::within(range, name, &options.limits).map_err(|d| d.in_file(zip.place(name)))?;
    let pickled = inner.pickled("data.pkl", "data/")?;
    for (key, value) in pickled.root().entries().unwrap_or_default() {
        if let (Some(key), Some(tensor)) = (key.str(), pickled.tensor(value)) {
            all.insert(key.to_owned(), Found { tensor: tensor.map_err(|d| d.in_file(zip.place(name)))?, weight });
        }
    }
    Ok(())
}

/// Raw storages, with a description of the tensors in them.
fn described(
    zip: &Zip,
    name: &str,
    weight: bool,
    options: &OpenOptions,
    all: &mut BTreeMap<String, Found>,
) -> Result<()> {
    let config = super::json::parse(&zip.bytes(name)?)?;
    let dir = name.rsplit_once('/').map_or("", |(dir, _)| dir);
    let Some(entries) = config.get("config").and_then(Value::as_object) else { return Ok(()) };
    for (key, entry) in entries {
        let Some(path) = text(entry, "path_name") else { continue };
        let path = format!("{dir}/{path}");
        let tensor = if entry.get("use_pickle").and_then(Value::as_bool) == Some(true) {
            let inner = Zip::within(zip.range(&path)?, &path, &options.limits)?;
            let pickled = inner.pickled("data.pkl", "data/")?;
            pickled.tensor(pickled.root()).ok_or_else(|| damaged(key))?
        } else if entry.get("tensor_meta").is_some_and(Value::is_object) {
            plain(zip, &path, key, entry.get("tensor_meta").unwrap_or(&Value::Null))
        } else {
            // An object of the user's own class: what needs it says so.
            continue;
        };
        all.insert(key.clone(), Found { tensor: tensor.map_err(|d| d.in_file(zip.place(&path)))?, weight });
    }
    Ok(())
}

fn damaged(key: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_PROGRAM, format!("`{key}` is no tensor"))
}

fn plain(zip: &Zip, path: &str, key: &str, meta: &Value) -> Result<Tensor> {
    let scalar = meta.get("dtype").and_then(Value::as_i64).and_then(scalar).ok_or_else(|| damaged(key))?;
    let ints = |name: &str| list(meta, name).iter().map(sym_int).collect::<Option<Vec<i64>>>();
    let (sizes, strides) = (ints("sizes").ok_or_else(|| damaged(key))?, ints("strides").ok_or_else(|| damaged(key))?);
    let offset = meta.get("storage_offset").and_then(sym_int).unwrap_or(0);
    strided(&zip.member_storage(path)?, scalar, offset, &sizes, &strides)
}
