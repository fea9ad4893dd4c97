//! ONNX's own node tests: each model is read by our reader and run by the interpreter on the recorded inputs. What the
//! reader turns away with a diagnostic is counted by operator; what it reads must give the recorded outputs.
//! `cargo xtask onnx-suite` says where the tests are; without it there is nothing to do.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use modelport_diag::Limits;
use modelport_ir::{CoreGraph, DType, Tensor};
use modelport_runtime::Array;
use modelport_tests::fixtures::entries;
use modelport_tests::pb;

/// As in the `onnx` package's own runner (`onnx/backend/test/loader`); f16 and less get what their mantissa gives.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;
const HALF_RELATIVE: f64 = 1e-2;
/// A few units in the last place of its 8 bits: the recorded ones round at other places.
const BRAIN_RELATIVE: f64 = 2e-2;

enum Outcome {
    Pass,
    /// Passes with its integer inputs given as constants: axes or lengths are computed from them.
    Fixed,
    Unsupported(String),
    Fail(String),
}

fn main() -> ExitCode {
    let Some(dir) = std::env::var_os("MODELPORT_ONNX_NODE_TESTS").map(PathBuf::from) else {
        println!("no ONNX node tests: run `cargo xtask onnx-suite`");
        return ExitCode::SUCCESS;
    };
    // The recorded directory may be given with a filter, as test binaries take it.
    let filter = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    let cases: Vec<_> = entries(&dir).into_iter().filter(|p| name(p).contains(&filter) && p.is_dir()).collect();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut pass, mut fixed, mut failed) = (0, 0, 0);
    let mut unsupported: BTreeMap<String, usize> = BTreeMap::new();
    for case in &cases {
        match catch_unwind(|| run(case)).unwrap_or_else(|_| Outcome::Fail("panicked".to_owned())) {
            Outcome::Pass => pass += 1,
            Outcome::Fixed => fixed += 1,
            Outcome::Unsupported(why) => {
                *unsupported.entry(why.lines().next().unwrap_or_default().to_owned()).or_default() += 1
            }
            Outcome::Fail(why) => {
                failed += 1;
                println!("FAILED {}: {why}", name(case));
            }
        }
    }
    println!("not expressible in core ops:");
    for (why, count) in &unsupported {
        println!("  {count:4} {why}");
    }
    let all = cases.len();
    let out = unsupported.values().sum::<usize>();
    println!(
        "{} of {all} pass ({fixed} of them with integer inputs fixed), {out} not expressible, {failed} fail",
        pass + fixed
    );
    if failed == 0 && pass > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn run(case: &Path) -> Outcome {
    let model = case.join("model.onnx");
    let sets = entries(case).into_iter().filter(|p| p.is_dir());
    let mut best = Outcome::Pass;
    for set in sets {
        let (inputs, outputs) = match (recorded(&set, "input"), recorded(&set, "output")) {
            (Ok(i), Ok(o)) => (i, o),
            (Err(why), _) | (_, Err(why)) => return Outcome::Unsupported(why),
        };
        match one(&model, &inputs, &outputs) {
            Outcome::Pass => {}
            Outcome::Fixed => best = Outcome::Fixed,
            other => return other,
        }
    }
    best
}

fn recorded(set: &Path, kind: &str) -> Result<Vec<Tensor>, String> {
    let count = entries(set).iter().filter(|p| name(p).starts_with(kind)).count();
    (0..count)
        .map(|i| {
            let bytes = std::fs::read(set.join(format!("{kind}_{i}.pb"))).map_err(|e| e.to_string())?;
            pb::tensor(&bytes)
        })
        .collect()
}

fn one(model: &Path, inputs: &[Tensor], outputs: &[Tensor]) -> Outcome {
    let limits = Limits::default();
    let refusal = match modelport_onnx::read(model, &limits) {
        Ok(graph) => return compared(&graph, inputs, outputs, Outcome::Pass),
        Err(d) => d,
    };
    // Names of the inputs from the file itself, since there is no graph to ask.
    let named: Vec<_> = pb::input_names(model).into_iter().zip(inputs.iter().cloned()).collect();
    let is_float = |t: &Tensor| t.dtype().is_float();
    let (keep, fix): (Vec<_>, Vec<_>) = named.into_iter().partition(|(_, t)| is_float(t));
    if let Ok(graph) = modelport_onnx::read_fixed(model, &limits, &fix) {
        let left: Vec<_> = keep.into_iter().map(|(_, t)| t).collect();
        return compared(&graph, &left, outputs, Outcome::Fixed);
    }
    let first = refusal.0.first().map(|d| d.message.clone()).unwrap_or_default();
    Outcome::Unsupported(first)
}

fn compared(graph: &CoreGraph, inputs: &[Tensor], outputs: &[Tensor], good: Outcome) -> Outcome {
    match results(graph, inputs) {
        Err(why) => Outcome::Fail(why),
        Ok(found) if found.len() != outputs.len() => {
            Outcome::Fail(format!("{} outputs, {} recorded", found.len(), outputs.len()))
        }
        Ok(found) => match found.iter().zip(outputs).find_map(|(f, w)| difference(f, w)) {
            Some(why) => Outcome::Fail(why),
            None => good,
        },
    }
}

fn results(graph: &CoreGraph, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let arrays = inputs.iter().map(Array::from_tensor).collect::<Result<Vec<_>, _>>();
    let found = modelport_runtime::run(graph, arrays.map_err(|d| d.to_string())?).map_err(|d| d.to_string())?;
    found.iter().map(|a| a.to_tensor().map_err(|d| d.to_string())).collect()
}

fn difference(found: &Tensor, want: &Tensor) -> Option<String> {
    if found.dtype() != want.dtype() || found.shape() != want.shape() {
        return Some(format!("{}, recorded {}", found.ty(), want.ty()));
    }
    if want.strings().is_some() {
        return (found.strings() != want.strings()).then(|| "strings differ".to_owned());
    }
    let (Ok(f), Ok(w)) = (found.to_f64s(), want.to_f64s()) else { return Some("cannot be read".to_owned()) };
    let relative = match want.dtype() {
        DType::BF16 => BRAIN_RELATIVE,
        small if small.size() <= 2 => HALF_RELATIVE,
        _ => RELATIVE,
    };
    let float = want.dtype().is_float();
    let near = |a: f64, b: f64| {
        a == b || (a.is_nan() && b.is_nan()) || (float && (a - b).abs() <= ABSOLUTE + relative * b.abs())
    };
    let (a, b) = f.iter().zip(&w).find(|(a, b)| !near(**a, **b))?;
    Some(format!("{a} where {b} is recorded"))
}
