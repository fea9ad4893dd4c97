//! `bench`: conversions against `cp` of the same file in the same run, so that the machine's disk and load cancel out.
//! The models are large, made once by Keras from random weights, and not in the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::measure::{Cost, measure, median};
use crate::shell::{self, Result};
use crate::{python, python::Venvs};

/// A model and what its conversion may cost.
struct Case {
    name: &'static str,
    what: &'static str,
    /// Of the time of `cp`.
    ratio: f64,
    /// On top: the start of a process.
    seconds: f64,
    /// Bytes of the largest weight.
    largest: u64,
}

const CASES: &[Case] = &[
    Case {
        name: "mobilenet_v2_224_1000",
        what: "full MobileNetV2",
        ratio: 3.0,
        seconds: 0.010,
        largest: 1280 * 1000 * 4,
    },
    Case { name: "dense500", what: "no weight permuted", ratio: 1.5, seconds: 0.0, largest: 2560 * 2560 * 4 },
    Case { name: "conv500", what: "every weight permuted", ratio: 3.0, seconds: 0.0, largest: 9 * 1024 * 1024 * 4 },
    Case { name: "vgg16", what: "VGG16, 13 of 16 permuted", ratio: 3.0, seconds: 0.0, largest: 25088 * 4096 * 4 },
];

/// Memory allowed besides the largest weight.
const BASE_MEMORY: u64 = 64 << 20;

pub(crate) fn run(mut args: Args) -> Result<()> {
    let models = match args.path("--models")? {
        Some(dir) => dir,
        None => shell::target_dir()?.join("bench"),
    };
    let bin = args.path("--bin")?;
    let runs: usize = match args.value("--runs")? {
        Some(n) => n.parse().map_err(|_| format!("--runs {n} is no number"))?,
        None => 7,
    };
    let venvs = Venvs::from_args(&mut args)?;
    args.finish()?;
    if runs < 5 {
        return Err("fewer than 5 runs measure the weather".to_owned());
    }
    make_models(&models, &venvs)?;
    let bin = shell::modelport(bin)?;
    println!(
        "{:<24}{:>8}{:>10}{:>10}{:>10}{:>8}{:>8}{:>9}{:>9}",
        "model", "MB", "cp ms", "cp+sync", "convert", "ratio", "limit", "peak MB", "limit MB"
    );
    let mut over = Vec::new();
    for case in CASES {
        if !bench(case, &path_of(&models, case), &bin, runs)? {
            over.push(case.name);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over the limit: {}", over.join(", "))) }
}

fn path_of(models: &Path, case: &Case) -> PathBuf {
    models.join("bench").join(format!("{}_k3.h5", case.name))
}

/// Makes what is missing; needs Python only then.
fn make_models(models: &Path, venvs: &Venvs) -> Result<()> {
    let missing: Vec<_> = CASES.iter().filter(|c| !path_of(models, c).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("bench: makes its models in {} (1.6 GB of disk, 6 GB of memory, minutes)", models.display());
    let mut zoo = python::script(&venvs.keras3()?, "zoo.py");
    shell::run(zoo.arg("--bench").arg("--out").arg(models))?;
    match missing.iter().find(|c| !path_of(models, c).exists()) {
        Some(case) => Err(format!("zoo.py made no {}", path_of(models, case).display())),
        None => Ok(()),
    }
}

/// Measures one model and prints its line; false if it is over a limit.
fn bench(case: &Case, file: &Path, bin: &Path, runs: usize) -> Result<bool> {
    let bytes = fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len();
    let out = file.with_extension("bench.onnx");
    let copy = || timed(Path::new("cp"), &[file, &out], &out);
    // `cp` does not sync, and the writer only where it replaces a file: for information.
    let script = Path::new("cp \"$0\" \"$1\" && sync \"$1\"");
    let synced = || timed(Path::new("sh"), &[Path::new("-c"), script, file, &out], &out);
    let convert = || timed(bin, &[Path::new("convert"), file, &out], &out);
    // The first of each fills the page cache and is not counted.
    copy()?;
    convert()?;
    let (mut copies, mut synceds, mut conversions) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..runs {
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
        "{:<24}{:>8.1}{:>10.1}{:>10.1}{:>10.1}{:>8.2}{:>8.2}{:>9.0}{:>9.0}  {} ({})",
        case.name,
        mb(bytes),
        copy * 1e3,
        synced * 1e3,
        converted * 1e3,
        converted / copy,
        allowed / copy,
        mb(peak),
        mb(memory),
        if fits { "ok" } else { "OVER" },
        case.what
    );
    Ok(fits)
}

/// One run into a target that is not there yet.
fn timed(program: &Path, args: &[&Path], out: &Path) -> Result<Cost> {
    let _ = fs::remove_file(out);
    let cost = measure(program, args)?;
    fs::remove_file(out).map_err(|e| format!("{} wrote nothing: {e}", program.display()))?;
    Ok(cost)
}
