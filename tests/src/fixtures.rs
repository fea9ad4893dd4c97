//! The fixture tree. A line of `fixtures/CASES.tsv` is a case: a model, what its framework computed, and what a reader
//! needs besides the file.

use modelport::{LoadOptions, parse_input_type, parse_input_value, read_declarations};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A model with recorded inputs and outputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// Path below `fixtures/`: `ops/keras/Dense/k3_relu`.
    pub name: String,
    /// The model: a file, or the directory of a SavedModel.
    pub model: PathBuf,
    /// Recorded inputs and outputs.
    pub golden: PathBuf,
    /// Arguments of the command line that the conversion needs.
    pub args: Vec<String>,
}

impl Case {
    /// What the case's arguments ask of the reader.
    ///
    /// # Errors
    /// When an argument is none that a case may have, or a declaration is wrong.
    pub fn options(&self) -> Result<LoadOptions, String> {
        options(&self.name, &self.args)
    }
}

/// What arguments of the command line ask of the reader; `name` says whose they are.
///
/// # Errors
/// When an argument is none that a case may have, or a declaration is wrong.
pub fn options(name: &str, args: &[String]) -> Result<LoadOptions, String> {
    let mut options = LoadOptions::default();
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        if flag == "--checksums" {
            options.checksums = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{name}: `{flag}` has no value"))?;
        let list = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match flag.as_str() {
            "--arch" => options.arch = Some(in_repository(value)),
            "--graph" => options.graph = Some(in_repository(value)),
            "--weights-key" => options.weights_key = Some(value.clone()),
            "--tag-set" => options.tag_set = list(),
            "--signature" => options.signature = Some(value.clone()),
            "--inputs" => options.inputs = list(),
            "--outputs" => options.outputs = list(),
            "--input-type" => {
                options.input_types.push(parse_input_type(value).map_err(|d| d.to_string())?);
            }
            "--input-value" => {
                options.input_values.push(parse_input_value(value).map_err(|d| d.to_string())?);
            }
            "--custom" => {
                read_declarations(&in_repository(value), &mut options.custom).map_err(|d| d.to_string())?;
            }
            _ => return Err(format!("{name}: a case has no argument `{flag}`")),
        }
    }
    Ok(options)
}

/// A path of CASES.tsv; anything that is no path in the repository (the name of an architecture) stays as it is.
fn in_repository(path: &str) -> PathBuf {
    let there = root().join("..").join(path);
    if there.exists() { there } else { PathBuf::from(path) }
}

/// The fixture tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// Every case, in the order of the list. `cargo xtask tidy` holds the list against the tree.
pub fn cases() -> Vec<Case> {
    let list = fs::read_to_string(root().join("CASES.tsv")).unwrap_or_default();
    list.lines().skip(1).filter_map(case).collect()
}

fn case(line: &str) -> Option<Case> {
    let mut columns = line.split('\t');
    let (name, model, golden) = (columns.next()?.to_owned(), columns.next()?, columns.next()?);
    let args = columns.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Some(Case { name, model: in_repository(model), golden: in_repository(golden), args })
}

/// Files with weights, as cases: what `tests/tests/weights.rs` reads.
pub fn weights() -> Vec<Case> {
    let dirs = entries(&root().join("weights/torch")).into_iter().filter(|p| p.is_dir());
    let case = |dir: PathBuf| {
        let args = fs::read_to_string(dir.join("args.txt")).unwrap_or_default();
        let args = args.split_whitespace().map(str::to_owned).collect();
        let name = format!("weights/torch/{}", dir.file_name().and_then(OsStr::to_str)?);
        let model = entries(&dir).into_iter().find(|p| is_model(p))?;
        Some(Case { name, model, golden: dir.join("weights.npz"), args })
    };
    dirs.filter_map(case).collect()
}

/// Whether a file is the model of its directory.
pub fn is_model(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name == "model"
        || name.starts_with("model.")
        || name.starts_with("weights.")
        || name.ends_with(".weights.h5")
        || name == "saved_model"
}

/// What is in a directory, sorted; nothing when it cannot be read.
pub fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}
