//! Every recorded file of Keras 2 is repaired for Keras 3, and must then compute what it did: `modelport` reads the repaired
//! file as one of Keras 3, by whose rules its outputs equal the recorded ones, and `doctor` expects it to load. That the
//! real Keras 3 agrees is what `cargo xtask zoo doctor` shows. Every PyTorch file becomes a `state_dict` with the same tensors,
//! bit for bit, in both containers.
#![allow(clippy::panic, clippy::print_stdout)]

use libtest_mimic::{Arguments, Failed, Trial};
use modelport::doctor::{Prediction, Target};
use modelport::{Code, ConvertOptions, DoctorOptions, LoadOptions, RepairOptions, Tensor, VerifyOptions};
use modelport_tests::fixtures::{Case, cases};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

static REPAIRED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let filtered = arguments.filter.is_some() || arguments.exact || !arguments.skip.is_empty();
    let chosen = cases().into_iter().filter(of_keras_2);
    let keras = chosen.map(|c| Trial::test(c.name.clone(), move || check(&c).map_err(Failed::from)));
    let of_torch = cases().into_iter().filter(|c| c.name.starts_with("models/torch/"));
    let torch = of_torch.map(|c| Trial::test(c.name.clone(), move || check_torch(&c).map_err(Failed::from)));
    let conclusion = libtest_mimic::run(&arguments, keras.chain(torch).collect());
    let (repaired, refused) = (REPAIRED.load(Ordering::Relaxed), REFUSED.load(Ordering::Relaxed));
    println!("{repaired} files were repaired, {refused} have something that Keras 3 cannot say");
    if !filtered && !arguments.list && repaired < 4 * refused {
        panic!("fewer than four of five files are repaired");
    }
    conclusion.exit_code()
}

/// Files that hold a model and that Keras 2 wrote.
fn of_keras_2(case: &Case) -> bool {
    let name = case.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !(name.ends_with(".h5") && !name.ends_with(".weights.h5") || name.ends_with(".keras")) {
        return false;
    }
    modelport::inspect(&case.model, &case.options().unwrap_or_default()).is_ok_and(|i| {
        i.version.is_some_and(|v| v.starts_with("2.")) && i.format.contains("model") | i.format.contains("archive")
    })
}

fn target() -> Result<Target, String> {
    Target::parse("keras==3.15.1").map_err(|d| d.to_string())
}

fn predicted(path: &Path) -> Result<Prediction, String> {
    let options = DoctorOptions { target: Some(target()?), ..DoctorOptions::default() };
    modelport::doctor(path, &options).map(|d| d.verdict).map_err(|d| d.to_string())
}

fn check(case: &Case) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let name = case.model.file_name().ok_or("no name")?;
    let (repaired, written) = (directory.path().join(name), directory.path().join("out.onnx"));
    let options = RepairOptions { target: Some(target()?), ..RepairOptions::default() };
    let done = match modelport::repair(&case.model, &repaired, &options) {
        Ok(done) => done,
        Err(all) if all.0.iter().all(|d| [Code::KERAS_UNSUPPORTED, Code::REPAIR_LAYOUT].contains(&d.code)) => {
            REFUSED.fetch_add(1, Ordering::Relaxed);
            return if repaired.exists() { Err("it was refused and written".to_owned()) } else { Ok(()) };
        }
        Err(all) => return Err(all.to_string()),
    };
    if predicted(&repaired)? != Prediction::Loads && done.notes.is_empty() {
        return Err("doctor does not expect the repaired file to load, and no note says so".to_owned());
    }
    let options = ConvertOptions {
        load: case.options()?,
        verify: Some(VerifyOptions { golden: Some(case.golden.clone()), ..VerifyOptions::default() }),
        ..ConvertOptions::default()
    };
    modelport::convert(&repaired, &written, &options).map_err(|d| format!("{:?}\n{d}", done.changes))?;
    REPAIRED.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// The weights of a PyTorch file as a `state_dict`, in the archive of today and in the stream of torch 1.4.
fn check_torch(case: &Case) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let before = weights(&case.model)?;
    for (name, target) in [("zip.pth", "torch"), ("stream.pth", "torch==1.4")] {
        let repaired = directory.path().join(name);
        let target = Target::parse(target).map_err(|d| d.to_string())?;
        let options = RepairOptions { target: Some(target), ..RepairOptions::default() };
        let done = modelport::repair(&case.model, &repaired, &options);
        if before.is_empty() {
            // A program without weights has nothing to be a `state_dict` of.
            let refused = done.is_err_and(|all| all.0.iter().all(|d| d.code == Code::TORCH_NO_WEIGHTS));
            return if refused && !repaired.exists() { Ok(()) } else { Err("nothing became a state_dict".to_owned()) };
        }
        done.map_err(|d| d.to_string())?;
        let after = weights(&repaired)?;
        let names = |all: &Weights| all.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
        if names(&before) != names(&after) {
            return Err(format!("{name}: names are {:?}, not {:?}", names(&after), names(&before)));
        }
        if let Some(((n, _), _)) = before.iter().zip(&after).find(|(a, b)| a.1 != b.1) {
            return Err(format!("{name}: `{n}` is another tensor"));
        }
    }
    Ok(())
}

type Weights = Vec<(String, (String, Vec<u8>))>;

/// Names, types and bytes.
fn weights(path: &Path) -> Result<Weights, String> {
    let opened = modelport::open(path, &LoadOptions::default()).map_err(|d| d.to_string())?;
    let one = |(n, t): &(String, Tensor)| {
        let bytes = t.bytes().map_err(|d| d.to_string())?;
        Ok((n.clone(), (t.ty().to_string(), bytes.to_vec())))
    };
    opened.weights.iter().map(one).collect()
}
