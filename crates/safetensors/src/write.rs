//! The writer: one tensor at a time from lazy sources, files that appear whole or not at all.
//!
//! Owns: order, header and shards of what is written. Must never know: where names and metadata come from.

use crate::header::{METADATA, MOST};
use crate::{Element, Stored, shard};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::Tensor;
use modelport_ir::tensor::write_all;
use modelport_storage::AtomicFile;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// A tensor to be written.
#[derive(Clone, Debug)]
pub struct Item {
    name: String,
    element: Element,
    shape: Vec<usize>,
    data: Tensor,
}

impl Item {
    /// A tensor under a name.
    ///
    /// # Errors
    /// `ST0003` for strings and complex numbers of two doubles, which the format does not have.
    pub fn new(name: impl Into<String>, tensor: Tensor) -> Result<Self> {
        let name = name.into();
        let Some(element) = Element::of(tensor.dtype()) else {
            let what = format!("`{name}` is {}, which a safetensors file cannot hold", tensor.ty());
            return Err(Diagnostic::error(Code::SAFETENSORS_DTYPE, what).at_node(name));
        };
        Ok(Self { name, element, shape: tensor.shape().to_vec(), data: tensor })
    }

    /// A tensor as it stands in another safetensors file, of whatever type.
    ///
    /// # Errors
    /// When it is larger than memory can be.
    pub fn stored(stored: &Stored) -> Result<Self> {
        let data = match stored.tensor() {
            Some(tensor) => tensor,
            None => stored.raw()?,
        };
        Ok(Self { name: stored.name.clone(), element: stored.element, shape: stored.shape.clone(), data })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn bytes(&self) -> u64 {
        self.data.byte_len() as u64
    }
}

/// How files are written.
pub struct WriteOptions<'a> {
    /// What `__metadata__` says, besides the names of shared tensors.
    pub metadata: BTreeMap<String, String>,
    /// Bytes of tensors that one file may hold; more are split, with an index.
    pub shard_size: u64,
    /// Called as the work goes on: bytes so far, of so many.
    pub progress: Option<&'a (dyn Fn(u64, u64) + 'a)>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The target, or the index and its shards.
    pub files: Vec<PathBuf>,
    /// Tensors.
    pub tensors: usize,
    /// Names that share a tensor: the name, and the name under which it is written.
    pub shared: Vec<(String, String)>,
    /// Bytes of tensors.
    pub bytes: u64,
}

/// Writes `items` to `target`, or to shards beside it with an index. Names that share one source are written once, and
/// the metadata says for each of the others which one that is, as `safetensors.torch.save_model` does.
///
/// # Errors
/// `ST0004` when names stand twice or the header would be too large, `IO…` when reading or writing fails; targets are
/// then as they were.
pub fn write(items: Vec<Item>, target: &Path, options: &WriteOptions<'_>) -> std::result::Result<Written, Diagnostics> {
    unique(&items)?;
    let (items, shared) = share(items);
    let mut metadata = options.metadata.clone();
    metadata.extend(shared.iter().cloned());
    let lengths: Vec<_> = items.iter().map(Item::bytes).collect();
    let total: u64 = lengths.iter().sum();
    let shards = shard::split(&lengths, options.shard_size);
    let count = shards.len();
    let mut progress = Progress { done: 0, total, report: options.progress };
    let (mut files, mut map) = (Vec::new(), Map::new());
    for (i, shard) in shards.iter().enumerate() {
        let path = if count == 1 { target.to_owned() } else { shard::shard_name(target, i, count) };
        let members: Vec<_> = shard.iter().filter_map(|&i| items.get(i)).collect();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        map.extend(members.iter().map(|m| (m.name.clone(), Value::from(file_name.clone()))));
        let mut file = AtomicFile::create(&path)?;
        stream(&mut file, members, &metadata, &mut progress)?;
        files.push((path, file));
    }
    if count > 1 {
        let path = shard::index_name(target);
        let mut file = AtomicFile::create(&path)?;
        map.sort_keys();
        let index = json!({"metadata": {"total_size": total}, "weight_map": map});
        file.write(format!("{index:#}\n").as_bytes())?;
        files.push((path, file));
    }
    let files = publish(files, target)?;
    Ok(Written { files, tensors: items.len(), shared, bytes: total })
}

fn unique(items: &[Item]) -> Result<()> {
    let mut names: Vec<_> = items.iter().map(Item::name).collect();
    names.sort_unstable();
    if names.contains(&METADATA) {
        return Err(Diagnostic::error(Code::SAFETENSORS_WRITE, format!("no tensor can be named `{METADATA}`")));
    }
    let mut twice: Vec<_> = names.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
    twice.dedup();
    if twice.is_empty() {
        return Ok(());
    }
    Err(Diagnostic::error(Code::SAFETENSORS_WRITE, "names stand twice").found(twice.join(", ")))
}

/// Keeps of each tensor the first of its names in order, and says which names are left out for which.
fn share(items: Vec<Item>) -> (Vec<Item>, Vec<(String, String)>) {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (i, item) in items.iter().enumerate().filter(|(_, item)| !item.data.is_empty()) {
        if let Some(place) = item.data.source() {
            groups.entry((place, item.element, item.shape.clone())).or_default().push(i);
        }
    }
    let mut kept_as = HashMap::new();
    for group in groups.values().filter(|g| g.len() > 1) {
        let name = |i: &usize| items.get(*i).map(Item::name).unwrap_or_default();
        let mut alike: Vec<Vec<usize>> = Vec::new();
        for &i in group {
            // The place is where the bytes come from; a recipe on top must be the same too.
            let same = |g: &&mut Vec<usize>| g.first().is_some_and(|&k| items[k].data == items[i].data);
            match alike.iter_mut().find(same) {
                Some(g) => g.push(i),
                None => alike.push(vec![i]),
            }
        }
        for same in alike {
            let kept = same.iter().min_by_key(|i| name(i)).copied().unwrap_or_default();
            kept_as.extend(same.into_iter().filter(|&i| i != kept).map(|i| (i, kept)));
        }
    }
    let name = |i: usize| items.get(i).map(|item| item.name.clone()).unwrap_or_default();
    let mut shared: Vec<_> = kept_as.iter().map(|(&i, &kept)| (name(i), name(kept))).collect();
    shared.sort();
    let kept = items.into_iter().enumerate().filter(|(i, _)| !kept_as.contains_key(i)).map(|(_, item)| item).collect();
    (kept, shared)
}

struct Progress<'a> {
    done: u64,
    total: u64,
    report: Option<&'a (dyn Fn(u64, u64) + 'a)>,
}

/// Writes one file: the header, then the tensors in its order.
fn stream(
    file: &mut AtomicFile,
    mut items: Vec<&Item>,
    metadata: &BTreeMap<String, String>,
    progress: &mut Progress<'_>,
) -> Result<()> {
    items.sort_by(|a, b| b.element.cmp(&a.element).then_with(|| a.name.cmp(&b.name)));
    let header = header(&items, metadata);
    if header.len() as u64 > MOST {
        return Err(Diagnostic::error(Code::SAFETENSORS_WRITE, "the header would be larger than readers accept")
            .expected(format!("at most {MOST} bytes"))
            .found(format!("{} bytes", header.len())));
    }
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    let (mut at, mut tensors) = (8 + header.len() as u64, Vec::with_capacity(items.len()));
    for item in items {
        tensors.push((at, &item.data));
        at += item.bytes();
    }
    let before = progress.done;
    write_all(&tensors, file, &mut |written| {
        progress.done = before + written;
        if let Some(report) = progress.report {
            report(progress.done, progress.total);
        }
    })
}

/// The header's text, filled up with spaces to a multiple of 8 bytes.
fn header(items: &[&Item], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut members = Map::new();
    if !metadata.is_empty() {
        members.insert(METADATA.to_owned(), json!(metadata));
    }
    let mut at = 0u64;
    for item in items {
        let end = at + item.bytes();
        let info = json!({"dtype": item.element.name(), "shape": item.shape, "data_offsets": [at, end]});
        members.insert(item.name.clone(), info);
        at = end;
    }
    let mut text = Value::Object(members).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    text
}

/// Gives all files their names, the index last: who finds an index finds its shards.
fn publish(files: Vec<(PathBuf, AtomicFile)>, target: &Path) -> Result<Vec<PathBuf>> {
    let mut published: Vec<(PathBuf, bool)> = Vec::new();
    for (path, file) in files {
        let replaces = path.symlink_metadata().is_ok();
        if let Err(d) = file.commit() {
            // What was not there before must not stay; what was replaced cannot come back.
            for (path, _) in published.iter().filter(|(_, replaced)| !replaced) {
                let _ = std::fs::remove_file(path);
            }
            return Err(d);
        }
        published.push((path, replaces));
    }
    let mut files: Vec<_> = published.into_iter().map(|(path, _)| path).collect();
    if files.len() > 1 {
        files.rotate_right(1);
        // Loaders prefer one file to an index: an older one of that name would hide what was written.
        let _ = std::fs::remove_file(target);
    }
    Ok(files)
}
