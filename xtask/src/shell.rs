//! Running commands and finding one's way in the repository.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What went wrong, as a sentence for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command to its end and says so; a failure is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("+ {}", line(command));
    let status = command.status().map_err(|e| format!("cannot start `{}`: {e}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", line(command))) }
}

/// What a command prints on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command.output().map_err(|e| format!("cannot start `{}`: {e}", line(command)))?;
    if !out.status.success() {
        return Err(format!("`{}` failed: {}", line(command), String::from_utf8_lossy(&out.stderr)));
    }
    String::from_utf8(out.stdout).map_err(|e| format!("`{}` printed no UTF-8: {e}", line(command)))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// `cargo metadata` of the workspace, without the dependencies' own.
pub(crate) fn metadata() -> Result<serde_json::Value> {
    let text = output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--quiet"]))?;
    serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata()?;
    let dir = metadata.get("target_directory").and_then(|d| d.as_str());
    dir.map(PathBuf::from).ok_or_else(|| "cargo metadata has no target_directory".to_owned())
}

/// The CLI's release binary: the one given, or built now with the features of the whole workspace, so that a build for
/// the tests serves here too.
pub(crate) fn modelport(given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(bin) = given {
        return bin.canonicalize().map_err(|e| format!("{}: {e}", bin.display()));
    }
    run(cargo().args(["build", "--release", "--workspace", "--bin", "modelport"]))?;
    Ok(target_dir()?.join("release").join("modelport"))
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The entries of a directory, sorted.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths = entries
        .map(|e| e.map(|e| e.path()).map_err(|e| format!("{}: {e}", dir.display())))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// All files below a directory, sorted, without build output and hidden directories.
pub(crate) fn walk(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for path in list(&dir)? {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if !path.is_dir() {
                files.push(path);
            } else if !name.starts_with('.') && name != "target" {
                todo.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
