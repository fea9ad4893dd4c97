//! `codegen`: makes the Rust of `crates/proto` from `/proto`, or says whether what is checked in is what it would make.
//! The generator is `xtask/codegen`, a workspace of its own.

use std::fs;
use std::path::Path;

use crate::args::Args;
use crate::shell::{self, Result};

pub(crate) fn run(mut args: Args) -> Result<()> {
    let check = args.flag("--check");
    args.finish()?;
    codegen(check)
}

/// Generates into a directory of its own, then copies or compares.
pub(crate) fn codegen(check: bool) -> Result<()> {
    let root = shell::root();
    let target = shell::target_dir()?.join("codegen");
    let out = target.join("out");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let mut generator = shell::cargo();
    generator.args(["run", "--quiet", "--locked", "--manifest-path", "xtask/codegen/Cargo.toml"]);
    generator.arg("--target-dir").arg(&target).arg("--").arg("proto").arg(&out);
    shell::run(&mut generator)?;
    let checked_in = root.join("crates/proto/src");
    let drift = drift(&out, &checked_in)?;
    if drift.is_empty() {
        return Ok(());
    }
    if check {
        return Err(format!("not what /proto gives: {}; run `cargo xtask codegen`", drift.join(", ")));
    }
    for name in drift {
        println!("{name}");
        let (from, to) = (out.join(&name), checked_in.join(&name));
        if from.exists() {
            fs::copy(&from, &to).map_err(|e| format!("{}: {e}", to.display()))?;
        } else {
            fs::remove_file(&to).map_err(|e| format!("{}: {e}", to.display()))?;
        }
    }
    Ok(())
}

/// Names of files that differ, are missing, or are left over from a package that is gone.
fn drift(made: &Path, checked_in: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in shell::list(made)?.into_iter().chain(shell::list(checked_in)?) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let same = fs::read(made.join(&name)).ok() == fs::read(checked_in.join(&name)).ok();
        if !same && name != "lib.rs" && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
