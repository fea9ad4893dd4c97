//! `test`, and the long suites that live as test binaries in package `tests`. All of them build with the whole
//! workspace's features in one profile, so that nothing is built twice.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::args::Args;
use crate::shell::{self, Result};
use crate::{codegen, python, tidy};

/// What proptest reads its seed from. `test` gives the same verdict for the same commit; plain `cargo test` draws anew.
const SEED: &str = "PROPTEST_RNG_SEED";

pub(crate) fn test(args: Args) -> Result<()> {
    args.finish()?;
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    tidy::check()?;
    codegen::codegen(true)?;
    let mut clippy = shell::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--release", "--quiet", "--", "-D", "warnings"]);
    shell::run(&mut clippy)?;
    let mut tests = shell::cargo();
    tests.args(["test", "--release", "--workspace", "--quiet"]);
    if std::env::var_os(SEED).is_none() {
        tests.env(SEED, "1");
    }
    shell::run(&mut tests)
}

pub(crate) fn roundtrip(args: Args) -> Result<()> {
    args.finish()?;
    shell::run(&mut suite("roundtrip"))
}

pub(crate) fn hostile(args: Args) -> Result<()> {
    args.finish()?;
    shell::run(suite("hostile").env("MODELPORT_HOSTILE", "full"))
}

pub(crate) fn onnx(mut args: Args) -> Result<()> {
    let given = args.path("--onnx-dir")?;
    let venvs = python::Venvs::from_args(&mut args)?;
    args.finish()?;
    let nodes = match given {
        Some(package) => package.join("backend/test/data/node"),
        None => computed_nodes(&venvs)?,
    };
    if !nodes.is_dir() {
        return Err(format!("no node tests at {}: --onnx-dir names the installed `onnx` package", nodes.display()));
    }
    shell::run(suite("onnx_suite").env("MODELPORT_ONNX_NODE_TESTS", nodes))
}

/// The node tests of the pinned `onnx`, which ships the code that computes them instead of the files.
fn computed_nodes(venvs: &python::Venvs) -> Result<PathBuf> {
    let nodes = shell::target_dir()?.join("onnx-nodes");
    if !nodes.is_dir() {
        let part = nodes.with_extension("part");
        shell::run(python::script(&venvs.keras3()?, "onnx_nodes.py").arg(&part))?;
        fs::rename(&part, &nodes).map_err(|e| format!("{}: {e}", nodes.display()))?;
    }
    Ok(nodes)
}

/// A test binary of package `tests`, printing what it counts.
fn suite(name: &str) -> Command {
    let mut command = shell::cargo();
    command.args(["test", "--release", "--workspace", "--quiet", "--test", name, "--", "--nocapture"]);
    command
}
