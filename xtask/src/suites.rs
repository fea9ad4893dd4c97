//! `test`, and the long suites that live as test binaries in package `tests`. All of them build with the whole
//! workspace's features in one profile, so that nothing is built twice.

use std::process::Command;

use crate::args::Args;
use crate::shell::{self, Result};
use crate::{codegen, python, tidy};

pub(crate) fn test(args: Args) -> Result<()> {
    args.finish()?;
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    tidy::check()?;
    codegen::codegen(true)?;
    let mut clippy = shell::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--release", "--quiet", "--", "-D", "warnings"]);
    shell::run(&mut clippy)?;
    shell::run(shell::cargo().args(["test", "--release", "--workspace", "--quiet"]))
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
    let package = match given {
        Some(dir) => dir,
        None => python::package_dir(&venvs.keras3()?, "onnx")?,
    };
    let nodes = package.join("backend/test/data/node");
    if !nodes.is_dir() {
        return Err(format!("no node tests at {}: --onnx-dir names the installed `onnx` package", nodes.display()));
    }
    shell::run(suite("onnx_suite").env("MODELPORT_ONNX_NODE_TESTS", nodes))
}

/// A test binary of package `tests`, printing what it counts.
fn suite(name: &str) -> Command {
    let mut command = shell::cargo();
    command.args(["test", "--release", "--workspace", "--quiet", "--test", name, "--", "--nocapture"]);
    command
}
