//! How Keras lays weights out in HDF5 files: the legacy groups, and the tree of Keras 3.
//!
//! Owns: reading both layouts into what [`crate::weights`] distributes. Must never know: layers' meaning.

use crate::hdf5::H5;
use crate::weights::{LegacyLayer, WeightTree};
use hdf5_reader::group::Group;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::Tensor;
use std::collections::BTreeMap;

/// String attributes of a group.
pub(crate) type Attributes = BTreeMap<String, Vec<String>>;

/// A list attribute, put together where it was split: Keras cuts lists of more than 64512 bytes into `name0`, `name1`, …
/// (keras/src/legacy/saving/legacy_h5_format.py 3.15, `save_attributes_to_hdf5_group`).
pub(crate) fn list(attributes: &Attributes, name: &str) -> Option<Vec<String>> {
    if let Some(whole) = attributes.get(name) {
        return Some(whole.clone());
    }
    let chunks: Vec<_> = (0..).map_while(|i| attributes.get(&format!("{name}{i}"))).flatten().cloned().collect();
    attributes.contains_key(&format!("{name}0")).then_some(chunks)
}

/// A scalar attribute.
pub(crate) fn scalar<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name)?.first().map(String::as_str)
}

/// Reads the legacy layout below `group`, whose `layer_names` are given.
pub(crate) fn read_legacy(h5: &H5, group: &Group, path: &str, layer_names: Vec<String>) -> Result<Vec<LegacyLayer>> {
    layer_names.into_iter().map(|name| read_layer(h5, group, path, name)).collect()
}

fn read_layer(h5: &H5, parent: &Group, path: &str, name: String) -> Result<LegacyLayer> {
    // A layer's name may be a path itself; HDF5 then nests the groups.
    let full = format!("{path}/{name}");
    let group = if name.contains('/') { h5.group(&full)? } else { h5.child(parent, &name)? };
    let attributes = h5.attributes(&group)?;
    let names = list(&attributes, "weight_names").ok_or_else(|| {
        Diagnostic::error(Code::HDF5_DAMAGED, format!("group `{full}` has no attribute `weight_names`"))
            .in_file(h5.name())
    })?;
    let tensor = |weight: String| h5.tensor(&group, &weight).map(|t| (weight, t));
    Ok(LegacyLayer { weights: names.into_iter().map(tensor).collect::<Result<_>>()?, name })
}

/// State of training that `compile()` adds beside the layers.
const TRAINING: [&str; 8] = [
    "optimizer",
    "_optimizer",
    "metrics",
    "_metrics",
    "loss_tracker",
    "_loss_tracker",
    "_compile_metrics",
    "compiled_metrics",
];

/// Reads the tree of a Keras 3 weight file; the state of training is left out.
pub(crate) fn read_tree(h5: &H5, limits: &Limits) -> Result<WeightTree> {
    let mut reader = TreeReader { h5, limits, tree: WeightTree::default(), objects: 0 };
    let root = h5.group("")?;
    reader.group(&root, "", &mut Vec::new())?;
    Ok(reader.tree)
}

struct TreeReader<'a> {
    h5: &'a H5,
    limits: &'a Limits,
    tree: WeightTree,
    objects: usize,
}

impl TreeReader<'_> {
    /// `above` are the addresses of the groups on the way here: a hard link to one of them is a loop.
    fn group(&mut self, group: &Group, path: &str, above: &mut Vec<u64>) -> Result<()> {
        self.limits.check_depth(above.len() / 2, "a group in the HDF5 file")?;
        self.objects += 1;
        if above.contains(&group.address()) || self.objects > self.limits.objects.min(200_000) {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the groups of the HDF5 file contain each other")
                .in_file(self.h5.name())
                .at_node(path.to_owned()));
        }
        above.push(group.address());
        for name in self.h5.members(group)?.groups {
            if path.is_empty() && TRAINING.contains(&name.as_str()) {
                continue;
            }
            let inner = self.h5.child(group, &name)?;
            if name == "vars" {
                let vars = self.variables(&inner)?;
                self.tree.vars.insert(path.to_owned(), vars);
            } else {
                let at = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                self.group(&inner, &at, above)?;
            }
        }
        above.pop();
        Ok(())
    }

    /// `0`, `1`, …, `10` in the order of numbers; other keys behind, as they stand.
    fn variables(&mut self, group: &Group) -> Result<Vec<(String, Tensor)>> {
        let mut keys = self.h5.members(group)?.datasets;
        self.objects += keys.len();
        keys.sort_by_key(|k| (k.parse::<u64>().unwrap_or(u64::MAX), k.clone()));
        keys.into_iter().map(|key| self.h5.tensor(group, &key).map(|t| (key, t))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_lists_are_joined_in_order() {
        let mut attributes = Attributes::new();
        for i in 0..12 {
            attributes.insert(format!("layer_names{i}"), vec![format!("a{i}"), format!("b{i}")]);
        }
        let names = list(&attributes, "layer_names").unwrap();
        assert_eq!(names.len(), 24);
        assert_eq!(names[20..22], ["a10", "b10"]);
        assert_eq!(list(&attributes, "weight_names"), None);
        attributes.insert("weight_names".into(), Vec::new());
        assert_eq!(list(&attributes, "weight_names"), Some(Vec::new()));
    }
}
