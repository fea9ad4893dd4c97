//! `bench`: conversions against `cp` of the same file in the same run, so that the machine's disk and load cancel out.
//! The models are large, made once by Keras and PyTorch from random weights, and not in the repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::args::Args;
use crate::measure::{Cost, measure, median};
use crate::shell::{self, Result};
use crate::{python, python::Venvs};

/// A model and what its conversion may cost.
struct Case {
    /// The file or directory, below that of the models.
    file: &'static str,
    /// How the target's name ends.
    target: &'static str,
    what: &'static str,
    /// Of the time of `cp`.
    ratio: f64,
    /// On top: the start of a process.
    seconds: f64,
    /// Bytes of the largest weight.
    largest: u64,
}

/// The largest weight of a MobileNetV2 and of a ViT-B/16.
const MOBILENET: u64 = 1280 * 1000 * 4;
const VIT: u64 = 3072 * 768 * 4;

const fn case(file: &'static str, what: &'static str, ratio: f64, seconds: f64, largest: u64) -> Case {
    Case { file, target: "onnx", what, ratio, seconds, largest }
}

const CASES: &[Case] = &[
    case("bench/mobilenet_v2_224_1000_k3.h5", "full MobileNetV2", 3.0, 0.010, MOBILENET),
    case("bench/dense500_k3.h5", "no weight permuted", 1.5, 0.0, 2560 * 2560 * 4),
    case("bench/conv500_k3.h5", "every weight permuted", 3.0, 0.0, 9 * 1024 * 1024 * 4),
    case("bench/vgg16_k3.h5", "VGG16, 13 of 16 permuted", 3.0, 0.0, 25088 * 4096 * 4),
    case("bench/mobilenet_v2_224_1000_k3_saved", "MobileNetV2, SavedModel", 5.0, 0.010, MOBILENET),
    case("torch/mobilenet_v2.state.pt", "MobileNetV2, state_dict", 3.0, 0.010, MOBILENET),
    case("torch/vit_b_16.state.pt", "ViT-B/16, state_dict", 1.5, 0.0, VIT),
    case("torch/vit_b_16.trace.pt", "ViT-B/16, trace", 1.5, 0.0, VIT),
    case("torch/vit_b_16.pt2", "ViT-B/16, exported", 1.5, 0.0, VIT),
    Case { target: "safetensors", ..case("torch/vit_b_16.state.pt", "state_dict to safetensors", 1.3, 0.0, VIT) },
];

/// Memory allowed besides the largest weight.
const BASE_MEMORY: u64 = 64 << 20;

pub(crate) fn run(mut args: Args) -> Result<()> {
    let models = match args.path("--models")? {
        Some(dir) => dir,
        None => shell::target_dir()?.join("bench"),
    };
    let bin = args.path("--bin")?;
    let only = args.value("--only")?.unwrap_or_default();
    let runs: usize = match args.value("--runs")? {
        Some(n) => n.parse().map_err(|_| format!("--runs {n} is no number"))?,
        None => 7,
    };
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    if runs < 5 {
        return Err("fewer than 5 runs measure the weather".to_owned());
    }
    make_models(&models, &only, &venvs)?;
    let bin = shell::modelport(bin)?;
    println!(
        "{:<28}{:>8}{:>10}{:>10}{:>10}{:>8}{:>8}{:>9}{:>9}",
        "model", "MB", "cp ms", "cp+sync", "convert", "ratio", "limit", "peak MB", "limit MB"
    );
    let mut over = Vec::new();
    for case in CASES {
        if case.file.contains(&only) && !bench(case, &models.join(case.file), &bin, runs)? {
            over.push(case.what);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over the limit: {}", over.join(", "))) }
}

/// Makes what is missing; needs Python only then.
fn make_models(models: &Path, only: &str, venvs: &Venvs) -> Result<()> {
    let missing = || CASES.iter().filter(|c| c.file.contains(only) && !models.join(c.file).exists());
    let lacks = |dir: &str| missing().any(|c| c.file.starts_with(dir));
    if lacks("bench/") {
        eprintln!("bench: makes models of Keras in {} (1.6 GB of disk, 6 GB of memory, minutes)", models.display());
        let mut zoo = python::script(&venvs.keras3()?, "zoo.py");
        shell::run(zoo.arg("--bench").arg("--out").arg(models))?;
    }
    if lacks("torch/") {
        eprintln!("bench: makes models of PyTorch in {} (1.1 GB of disk, 2 GB of memory)", models.display());
        let mut script = python::script(&venvs.torch()?, "torch_bench.py");
        shell::run(script.arg("--out").arg(models.join("torch")))?;
    }
    match missing().next() {
        Some(case) => Err(format!("the scripts made no {}", case.file)),
        None => Ok(()),
    }
}

/// The bytes of a file, or of all files in a directory.
fn size(path: &Path) -> Result<u64> {
    let failed = |e| format!("{}: {e}", path.display());
    if !path.is_dir() {
        return Ok(fs::metadata(path).map_err(failed)?.len());
    }
    fs::read_dir(path).map_err(failed)?.map(|entry| size(&entry.map_err(failed)?.path())).sum()
}

/// Measures one model and prints its line; false if it is over a limit.
fn bench(case: &Case, file: &Path, bin: &Path, runs: usize) -> Result<bool> {
    let bytes = size(file)?;
    let out = file.with_extension(format!("bench.{}", case.target));
    let copy = || timed(Path::new("cp"), &[Path::new("-r"), file, &out], &out);
    // `cp` does not sync, and the writer only where it replaces a file: for information.
    let script = Path::new("cp -r \"$0\" \"$1\" && sync \"$1\"");
    let synced = || timed(Path::new("sh"), &[Path::new("-c"), script, file, &out], &out);
    let convert = || timed(bin, &[Path::new("convert"), file, &out], &out);
    // The first of each fills the page cache and is not counted.
    copy()?;
    convert()?;
    let (mut copies, mut synceds, mut conversions) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..runs {
        // What was written and removed before is settled, or the disk still works on it while one of the two is measured.
        Command::new("sync").status().map_err(|e| format!("sync: {e}"))?;
        if round % 2 == 0 {
            copies.push(copy()?);
            conversions.push(convert()?);
        } else {
            conversions.push(convert()?);
            copies.push(copy()?);
        }
        synceds.push(synced()?);
    }
    let seconds = |costs: &[Cost]| median(costs.iter().map(|c| c.seconds).collect());
    let (copy, synced, converted) = (seconds(&copies), seconds(&synceds), seconds(&conversions));
    let peak = conversions.iter().map(|c| c.peak).max().unwrap_or(0);
    let (allowed, memory) = (copy * case.ratio + case.seconds, BASE_MEMORY + case.largest);
    let fits = converted <= allowed && peak <= memory;
    let mb = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{:<28}{:>8.1}{:>10.1}{:>10.1}{:>10.1}{:>8.2}{:>8.2}{:>9.0}{:>9.0}  {}",
        case.what,
        mb(bytes),
        copy * 1e3,
        synced * 1e3,
        converted * 1e3,
        converted / copy,
        allowed / copy,
        mb(peak),
        mb(memory),
        if fits { "ok" } else { "OVER" }
    );
    Ok(fits)
}

/// One run into a target that is not there yet.
fn timed(program: &Path, args: &[&Path], out: &Path) -> Result<Cost> {
    remove(out);
    let cost = measure(program, args)?;
    if !out.exists() {
        return Err(format!("{} wrote no {}", program.display(), out.display()));
    }
    remove(out);
    Ok(cost)
}

/// Removes a file or directory, if it is there.
fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}
