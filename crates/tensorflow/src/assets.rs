//! Files below `assets` of a SavedModel that lookup tables are filled from, a line for each key.
//!
//! Owns: where such a file lies, its lines and columns (core/kernels/lookup_util.cc, 2.21). Must never know: who asks.

use crate::wire;
use modelport_ir::{DType, Tensor};
use modelport_proto::tensorflow::attr_value::Value;
use modelport_proto::tensorflow::collection_def::Kind;
use modelport_proto::tensorflow::{AssetFileDef, MetaGraphDef, NodeDef};
use modelport_storage::MappedFile;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// The files of a SavedModel by the node that holds the name of each.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    files: HashMap<String, PathBuf>,
}

/// What a column of a table holds, in place of a number of a column.
const WHOLE_LINE: i64 = -2;
const LINE_NUMBER: i64 = -1;

/// One more than a table may have to be compared with in full.
const MOST_LINES: usize = crate::graph::MOST_KEYS + 1;

impl Assets {
    /// The files that a meta graph lists, of the SavedModel in `dir`: TF2 in a field, TF1 in a collection (`ASSETS_KEY` in
    /// python/saved_model/constants.py).
    pub(crate) fn of(meta: &MetaGraphDef, dir: &Path) -> Self {
        let mut listed = meta.asset_file_def.clone();
        if let Some(Kind::AnyList(list)) = meta.collection_def.get("saved_model_assets").and_then(|c| c.kind.as_ref()) {
            listed.extend(list.value.iter().filter_map(|any| wire::decode(&any.value, "the name of a file").ok()));
        }
        Self::new(&listed, dir)
    }

    /// A name that leads out of the directory is none.
    fn new(listed: &[AssetFileDef], dir: &Path) -> Self {
        let inside = |name: &str| Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        let file = |asset: &AssetFileDef| {
            let tensor = match &asset.tensor_info.as_ref()?.encoding {
                Some(modelport_proto::tensorflow::tensor_info::Encoding::Name(name)) => name.split(':').next()?,
                _ => return None,
            };
            inside(&asset.filename).then(|| (tensor.to_owned(), dir.join("assets").join(&asset.filename)))
        };
        Self { files: listed.iter().filter_map(file).collect() }
    }

    /// Whether a node holds the name of a file.
    pub(crate) fn has(&self, node: &str) -> bool {
        self.files.contains_key(node)
    }

    /// Keys and values that `fill`, which fills `table` from the file named by `node`, puts there; nothing when the file does
    /// not hold them.
    pub(crate) fn table(&self, node: &str, fill: &NodeDef, table: &NodeDef) -> Option<[Tensor; 2]> {
        let file = MappedFile::open(self.files.get(node)?).ok()?;
        let int = |name: &str, default| match fill.attr.get(name).and_then(|a| a.value.as_ref()) {
            Some(Value::I(n)) => *n,
            _ => default,
        };
        let delimiter = match fill.attr.get("delimiter").and_then(|a| a.value.as_ref()) {
            Some(Value::S(s)) => *s.first()?,
            _ => b'\t',
        };
        let dtype = |name: &str| match table.attr.get(name).and_then(|a| a.value.as_ref()) {
            Some(Value::Type(t)) => crate::dtype::dtype(*t),
            _ => None,
        };
        let lines = lines(file.bytes(), int("vocab_size", -1));
        let read = |index: i64, dtype: DType| column(&lines, index, delimiter, dtype, int("offset", 0));
        let keys = read(int("key_index", WHOLE_LINE), dtype("key_dtype")?)?;
        Some([keys, read(int("value_index", LINE_NUMBER), dtype("value_dtype")?)?])
    }
}

/// The lines of a file, at most as many as the table takes; carriage returns do not count.
fn lines(bytes: &[u8], most: i64) -> Vec<Vec<u8>> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    let most = usize::try_from(most).unwrap_or(MOST_LINES).min(MOST_LINES);
    let line = |l: &[u8]| l.iter().copied().filter(|b| *b != b'\r').collect();
    text.split(|b| *b == b'\n').take(most).map(line).collect()
}

/// One column as a vector.
fn column(lines: &[Vec<u8>], index: i64, delimiter: u8, dtype: DType, offset: i64) -> Option<Tensor> {
    let shape = [lines.len()];
    if index == LINE_NUMBER {
        let numbers = (0..lines.len()).map(|i| (i as i64).checked_add(offset).map(|n| n as f64));
        return Tensor::from_f64s(dtype, &shape, &numbers.collect::<Option<Vec<_>>>()?).ok();
    }
    let text = |line: &Vec<u8>| match usize::try_from(index) {
        Ok(n) => line.split(|b| *b == delimiter).nth(n).map(<[u8]>::to_vec),
        Err(_) => (index == WHOLE_LINE).then(|| line.clone()),
    };
    let texts: Vec<Vec<u8>> = lines.iter().map(text).collect::<Option<_>>()?;
    if dtype == DType::Str {
        return Tensor::from_strings(shape.to_vec(), texts).ok();
    }
    let number = |t: &Vec<u8>| std::str::from_utf8(t).ok()?.trim().parse::<f64>().ok();
    Tensor::from_f64s(dtype, &shape, &texts.iter().map(number).collect::<Option<Vec<_>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_file() {
        let lines = lines(b"a,1\r\nb,-2.5\n", -1);
        let numbers = column(&lines, 1, b',', DType::F32, 0).unwrap();
        assert_eq!(numbers.to_f64s().unwrap(), [1.0, -2.5]);
        assert_eq!(column(&lines, 0, b',', DType::Str, 0).unwrap().strings().unwrap(), [b"a", b"b"]);
        assert_eq!(column(&lines, LINE_NUMBER, b',', DType::I64, 3).unwrap().to_f64s().unwrap(), [3.0, 4.0]);
        assert!(column(&lines, 2, b',', DType::Str, 0).is_none());
        assert!(column(&lines, 0, b',', DType::I64, 0).is_none());
    }

    #[test]
    fn a_table_may_take_less() {
        assert_eq!(lines(b"a\nb\nc", 2).len(), 2);
        assert!(lines(b"", -1).is_empty());
    }

    #[test]
    fn names_do_not_lead_out_of_the_directory() {
        let asset = |name: &str| AssetFileDef {
            tensor_info: Some(modelport_proto::tensorflow::TensorInfo {
                encoding: Some(modelport_proto::tensorflow::tensor_info::Encoding::Name("node:0".to_owned())),
                ..Default::default()
            }),
            filename: name.to_owned(),
        };
        assert!(Assets::new(&[asset("vocab.txt")], Path::new("model")).has("node"));
        for name in ["../vocab.txt", "/etc/hosts", "a/../../b"] {
            assert!(!Assets::new(&[asset(name)], Path::new("model")).has("node"), "{name}");
        }
    }
}
