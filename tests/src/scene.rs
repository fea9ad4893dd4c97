//! A model in a directory of its own, whose files can be damaged one at a time: a file, a SavedModel, a checkpoint with its
//! shards.

use crate::fixtures::{Case, entries};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A copy of a case's files.
#[derive(Debug)]
pub struct Scene {
    dir: tempfile::TempDir,
    /// The model's path below the directory.
    model: PathBuf,
    /// Every file by its path below the directory, as it was.
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Scene {
    /// Copies what stands beside the model in its case, but for recorded outputs and what arguments name.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn new(case: &Case) -> io::Result<Self> {
        let from = case.golden.parent().unwrap_or(Path::new(""));
        let model = case.model.strip_prefix(from).map_err(io::Error::other)?.to_owned();
        let mut files = Vec::new();
        collect(from, Path::new(""), &mut files)?;
        // Written tens of thousands of times: in memory where the system has a directory for that.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let scene = Self { dir, model, files };
        for (at, (path, bytes)) in scene.files.iter().enumerate() {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(scene.dir.path().join(parent))?;
            }
            scene.put(at, bytes)?;
        }
        Ok(scene)
    }

    /// The model.
    pub fn model(&self) -> PathBuf {
        self.dir.path().join(&self.model)
    }

    /// Every file, as it was.
    pub fn files(&self) -> &[(PathBuf, Vec<u8>)] {
        &self.files
    }

    /// Replaces a file's bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, at: usize, bytes: &[u8]) -> io::Result<()> {
        match self.files.get(at) {
            Some((path, _)) => fs::write(self.dir.path().join(path), bytes),
            None => Err(io::Error::other("there is no such file")),
        }
    }

    /// Makes a file as it was.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn restore(&self, at: usize) -> io::Result<()> {
        self.put(at, self.files.get(at).map_or(&[][..], |(_, bytes)| bytes))
    }

    /// The bytes of all files together, as they are.
    pub fn size(&self) -> usize {
        let len = |path: &Path| fs::metadata(self.dir.path().join(path)).map_or(0, |m| m.len() as usize);
        self.files.iter().map(|(path, _)| len(path)).sum()
    }
}

fn collect(root: &Path, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    for path in entries(&root.join(below)) {
        let Ok(relative) = path.strip_prefix(root).map(Path::to_owned) else { continue };
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(root, &relative, files)?;
        } else if !matches!(name, "io.npz" | "weights.npz" | "args.txt" | "arch.json" | "custom.layers") {
            files.push((relative, fs::read(&path)?));
        }
    }
    Ok(())
}
