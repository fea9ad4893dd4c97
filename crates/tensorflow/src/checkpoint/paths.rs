//! Which files a checkpoint consists of, from any of the paths that people give: the prefix, one of the files, the
//! directory.
//!
//! Owns: names of files, the text file `checkpoint`. Must never know: what is in the others.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::MappedFile;
use std::path::{Path, PathBuf};

/// The files of a checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The table.
    pub(crate) index: PathBuf,
    /// What the names of data files begin with.
    pub(crate) prefix: PathBuf,
    /// The graph, if there is one.
    pub(crate) meta: Option<PathBuf>,
    /// What was made of the path, if it was none of the usual ones.
    pub(crate) note: Option<String>,
}

fn with(prefix: &Path, end: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The prefix and what follows it, by the name of a file of a checkpoint.
fn split(path: &Path) -> Option<(PathBuf, String)> {
    let name = path.file_name()?.to_str()?;
    let cut = |at: usize| {
        let prefix = path.parent().map_or_else(PathBuf::new, |p| p.join(&name[..at]));
        // An empty name would lose the separator that data files need.
        let prefix = if at == 0 { with(path.parent()?, std::path::MAIN_SEPARATOR_STR) } else { prefix };
        Some((prefix, name[at..].to_owned()))
    };
    if let Some(at) = [".index", ".meta"].iter().find_map(|end| name.strip_suffix(end).map(str::len)) {
        return cut(at);
    }
    let at = name.rfind(".data-")?;
    let rest = name.get(at + 6..)?;
    let (id, count) = rest.split_once("-of-")?;
    let digits = |t: &str| t.len() == 5 && t.bytes().all(|b| b.is_ascii_digit());
    (digits(id) && digits(count)).then(|| cut(at)).flatten()
}

/// The files of the checkpoint that a path means, by names alone; nothing when it means none.
pub(crate) fn find(path: &Path) -> Option<Result<Paths>> {
    if path.is_dir() {
        return directory(path);
    }
    if with(path, ".index").is_file() {
        return Some(Ok(of(path.to_owned(), with(path, ".index"), None)));
    }
    let (prefix, end) = split(path)?;
    let index = with(&prefix, ".index");
    if end == ".index" {
        return path.is_file().then(|| Ok(of(prefix, index, None)));
    }
    if !path.is_file() {
        return None;
    }
    let what = if end == ".meta" { "the graph" } else { "a data file" };
    if index.is_file() {
        let note =
            format!("this is {what} of a checkpoint; the checkpoint is read, whose index is {}", index.display());
        return Some(Ok(of(prefix, index, Some(note))));
    }
    // V1 checkpoints have no index: the table bears the prefix's name.
    if end == ".meta" && prefix.is_file() {
        let note = format!("this is {what} of a checkpoint; the checkpoint is read, {}", prefix.display());
        return Some(Ok(of(prefix.clone(), prefix, Some(note))));
    }
    Some(Err(Diagnostic::error(Code::TF_PATH, format!("this is {what} of a checkpoint, and its index is missing"))
        .in_file(path.display().to_string())
        .expected(format!("{} beside it", index.display()))
        .help(
            "the files of a checkpoint belong together; copy all of them, under the names that they were saved with",
        )))
}

fn of(prefix: PathBuf, index: PathBuf, note: Option<String>) -> Paths {
    let meta = with(&prefix, ".meta");
    Paths { index, meta: meta.is_file().then_some(meta), prefix, note }
}

/// The paths of a V1 checkpoint, which is the table itself.
impl Paths {
    pub(crate) fn table(path: &Path) -> Self {
        of(path.to_owned(), path.to_owned(), None)
    }
}

/// The newest checkpoint of a directory, as the file `checkpoint` says; or the only one.
fn directory(path: &Path) -> Option<Result<Paths>> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .ok()?
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.ends_with(".index"))
        .collect();
    names.sort();
    if let Some(newest) = latest(path) {
        let index = with(&newest, ".index");
        if index.is_file() {
            let note = format!("the directory's newest checkpoint is read, {}", newest.display());
            return Some(Ok(of(newest, index, Some(note))));
        }
        if newest.is_file() && newest != path {
            return Some(Ok(of(newest.clone(), newest, None)));
        }
    }
    match names.as_slice() {
        [] => None,
        [only] => find(&path.join(only)),
        many => Some(Err(Diagnostic::error(Code::TF_PATH, "the directory holds several checkpoints")
            .in_file(path.display().to_string())
            .found(many.join(", "))
            .help("give the path of one of them"))),
    }
}

/// The prefix that the text file `checkpoint` names (python/training/checkpoint_management.py).
fn latest(dir: &Path) -> Option<PathBuf> {
    let file = MappedFile::open(&dir.join("checkpoint")).ok()?;
    let text = std::str::from_utf8(file.bytes().get(..file.bytes().len().min(1 << 16))?).ok()?;
    let line = text.lines().find_map(|l| l.trim().strip_prefix("model_checkpoint_path:"))?;
    let name = line.trim().trim_matches('"');
    let last = Path::new(name).file_name()?;
    // Directories are moved; the name is what counts.
    let here = dir.join(last);
    (with(&here, ".index").is_file() || here.is_file()).then_some(here)
}
