//! `zoo`: every architecture of `keras.applications`, saved by Keras 2 and by Keras 3 as `.h5`, `.keras` and SavedModel, and
//! every classification and segmentation model of torchvision, saved in every way; converted by the release binary,
//! and run by onnxruntime against what the framework computed.

use std::path::Path;

use crate::args::Args;
use crate::python::{self, Venvs};
use crate::shell::{self, Result};

pub(crate) fn run(mut args: Args) -> Result<()> {
    if args.flag("doctor") {
        return doctor(args);
    }
    if args.flag("torch") {
        return torch(args);
    }
    for (word, scripts) in [("names", NAMES), ("safetensors", SAFETENSORS), ("wild", WILD)] {
        if args.flag(word) {
            return steps(args, word, scripts);
        }
    }
    let out = match args.path("--out")? {
        Some(dir) => dir,
        None => shell::target_dir()?.join("zoo"),
    };
    let only = args.value("--only")?.unwrap_or_default();
    let bin = args.path("--bin")?;
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    let (keras2, keras3) = (venvs.keras2()?, venvs.keras3()?);
    let bin = shell::modelport(bin)?;
    let half = |python| {
        let mut zoo = python::script(python, "zoo.py");
        zoo.arg("--out").arg(&out).args(["--only", &only]).arg("--judge").arg(&keras3).arg("--bin").arg(&bin);
        shell::run(&mut zoo)
    };
    let keras = [half(&keras2), half(&keras3)];
    // The other halves are worth seeing also when one has failures.
    let torch = torchvision(&bin, &only, None, false, &venvs);
    keras.into_iter().chain([torch]).collect()
}

/// `zoo torch`: torchvision alone.
fn torch(mut args: Args) -> Result<()> {
    let only = args.value("--only")?.unwrap_or_default();
    let kinds = args.value("--kinds")?;
    let giants = args.flag("--giants");
    let bin = args.path("--bin")?;
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    torchvision(&shell::modelport(bin)?, &only, kinds.as_deref(), giants, &venvs)
}

/// All classification models in each way of saving, segmentation in the ways that carry a graph; in one table.
fn torchvision(bin: &Path, only: &str, kinds: Option<&str>, giants: bool, venvs: &Venvs) -> Result<()> {
    let mut zoo = python::script(&venvs.torch()?, "torch_zoo.py");
    zoo.arg("--bin").arg(bin).args(["--only", only, "--families", "classification,segmentation"]);
    zoo.args(["--kinds", kinds.unwrap_or("state,full,trace,pt2")]);
    if giants {
        zoo.arg("--giants");
    }
    shell::run(&mut zoo)
}

/// A script whose steps need different environments.
type Steps = (&'static str, &'static [(&'static str, Venv)]);

/// An environment of [`Venvs`].
#[derive(Clone, Copy)]
enum Venv {
    Keras3,
    Torch,
}

/// `zoo names`: weights with translated names in the real torch and the real Keras, whose outputs are compared.
const NAMES: Steps = ("names_check.py", &[("keras", Venv::Keras3), ("torch", Venv::Torch), ("back", Venv::Keras3)]);

/// `zoo safetensors`: fixtures as safetensors, loaded by Python and compared with what the framework itself reads.
const SAFETENSORS: Steps = ("safetensors_check.py", &[("load", Venv::Torch), ("keras", Venv::Keras3)]);

/// `zoo wild`: models that packages of the Python package index carry, converted and verified, or refused for the right reason.
const WILD: Steps = ("wild.py", &[("convert", Venv::Keras3)]);

fn steps(mut args: Args, name: &str, (script, steps): Steps) -> Result<()> {
    let out = match args.path("--out")? {
        Some(dir) => dir,
        None => shell::target_dir()?.join("zoo").join(name),
    };
    let bin = args.path("--bin")?;
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    let bin = shell::modelport(bin)?;
    for (step, venv) in steps {
        let python = match venv {
            Venv::Keras3 => venvs.keras3()?,
            Venv::Torch => venvs.torch()?,
        };
        let mut command = python::script(&python, script);
        shell::run(command.args(["--step", step]).arg("--bin").arg(&bin).arg("--out").arg(&out))?;
    }
    Ok(())
}

/// `zoo doctor`: the 73 files that Keras 2 writes in two formats, loaded by the real Keras 3, held against what the
/// release binary predicts; prints the confusion table. Then every file that Keras 3 refuses, repaired and loaded; prints
/// the repair table. Where there is a PyTorch, its files too.
fn doctor(mut args: Args) -> Result<()> {
    let out = match args.path("--out")? {
        Some(dir) => dir,
        None => shell::target_dir()?.join("zoo").join("matrix"),
    };
    let only = args.value("--only")?.unwrap_or_default();
    let bin = args.path("--bin")?;
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    let keras3 = venvs.keras3()?;
    let matrix = out.join("MATRIX.tsv");
    if !matrix.exists() || !only.is_empty() {
        shell::run(python::script(&keras3, "load_matrix.py").arg("--out").arg(&out).args(["--only", &only]))?;
    }
    let bin = shell::modelport(bin)?;
    let mut judge = python::script(&keras3, "doctor_matrix.py");
    shell::run(judge.arg("--bin").arg(&bin).arg("--matrix").arg(&matrix))?;
    let mut repair = python::script(&keras3, "repair_matrix.py");
    shell::run(repair.arg("--bin").arg(&bin).arg("--matrix").arg(&matrix).args(["--only", &only]))?;
    if let Ok(torch) = venvs.torch() {
        let mut repair = python::script(&torch, "repair_torch.py");
        let files = shell::walk(&shell::root().join("fixtures/models/torch"))?;
        let files = files.into_iter().filter(|f| f.file_name().is_some_and(|n| n == "model.pt"));
        shell::run(repair.arg("--bin").arg(&bin).arg("--out").arg(out.join("torch")).args(files))?;
    }
    Ok(())
}
