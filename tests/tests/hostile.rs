//! Damaged files are normal input: every truncation and every flipped byte ends in a model or in diagnostics, never in a
//! panic, in more than five seconds, or in more memory than four times the file. By default a sample of the fixtures: one
//! of every container kind of every framework and some ops; `cargo xtask hostile` takes all of them.
#![allow(clippy::print_stderr)]

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use modelport::{Body, LoadOptions};
use modelport_ir::Dialect;
use modelport_storage::MappedFile;
use modelport_tests::damage::{Victim, truncated};
use modelport_tests::fixtures::{Case, cases, weights};
use modelport_tests::memory::{Counting, peak};
use modelport_tests::rng::Rng;
use modelport_tests::scene::Scene;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TIME: Duration = Duration::from_secs(5);

/// Memory besides that: tables, the parsed configuration, the graph.
const BASE_MEMORY: usize = 1 << 20;

/// After this a case hangs; nothing else ends a thread.
const HANG: Duration = Duration::from_secs(120);

static RUNNING: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let full = std::env::var_os("MODELPORT_HOSTILE").is_some_and(|v| v == "full");
    let mut seen = HashMap::new();
    let chosen = cases().into_iter().chain(weights()).filter(|c| full || sampled(c, &mut seen));
    let trials = chosen.flat_map(|case| {
        let flips = flips(&case, full);
        let (one, two) = (case.clone(), case);
        [
            Trial::test(format!("truncated {}", one.name), move || truncations(&one)),
            Trial::test(format!("flipped {}", two.name), move || flipped(&two, flips)),
        ]
    });
    let trials = trials.collect();
    std::thread::spawn(watch);
    // A panic is what is looked for; its message is in the failure.
    std::panic::set_hook(Box::new(|_| {}));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Every container kind, and a fair sample of the small ones. Which they are depends on their names alone: with a new fixture
/// the others stay.
fn sampled(case: &Case, seen: &mut HashMap<String, usize>) -> bool {
    let name = &case.name;
    let drawn = Rng::of(name).below(97) == 0;
    if is_keras(case) {
        let container = name.contains("/container_")
            || name.contains("/k1_cnn")
            || name.contains("/multi_io_")
            || name.contains("/nested_functional_");
        return container || drawn;
    }
    // Large files take long and have the structure of small ones.
    let Some(size) = size(case).filter(|s| *s < 50_000) else { return false };
    let of_kind = seen.entry(format!("{}, {}", container(case), size < 8_000)).or_default();
    *of_kind += 1;
    *of_kind <= 3 || drawn
}

fn is_keras(case: &Case) -> bool {
    case.name.contains("/keras/")
}

/// The kind of container: what PyTorch calls it, or how a path of TensorFlow's ends.
fn container(case: &Case) -> String {
    let torch = MappedFile::open(&case.model).ok().and_then(|f| modelport_torch::probe(&f));
    match torch {
        Some(kind) => kind.describe().to_owned(),
        None => case.model.extension().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

fn size(case: &Case) -> Option<usize> {
    Scene::new(case).ok().map(|s| s.size())
}

fn flips(case: &Case, full: bool) -> usize {
    // A large file takes longer and has no more structure to hit.
    let large = size(case).is_some_and(|s| s > 100_000);
    match (full, large, is_keras(case)) {
        (true, ..) | (false, false, true) => 10_000,
        (false, true, _) => 500,
        (false, false, false) => 1_000,
    }
}

/// Ends the process when a case hangs, and says which.
fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let running = RUNNING.lock().map(|r| r.clone()).unwrap_or_default();
        if let Some((name, _)) = running.iter().find(|(_, start)| start.elapsed() > HANG) {
            eprintln!("hangs: {name}");
            std::process::exit(101);
        }
    }
}

fn truncations(case: &Case) -> Result<(), Failed> {
    let (scene, options) = (Scene::new(case)?, case.options()?);
    for (at, (path, whole)) in scene.files().iter().enumerate() {
        for percent in (0..100).step_by(scene.files().len()) {
            let name = format!("{}, {} at {percent} %", case.name, path.display());
            check(&name, &scene, at, &truncated(whole, percent), &options)?;
        }
        scene.restore(at)?;
    }
    Ok(())
}

fn flipped(case: &Case, flips: usize) -> Result<(), Failed> {
    let (scene, options) = (Scene::new(case)?, case.options()?);
    let victims: Vec<_> = scene.files().iter().map(|(_, bytes)| Victim::new(bytes.clone())).collect();
    let mut rng = Rng::of(&case.name);
    for number in 0..flips {
        let at = rng.below(victims.len());
        let Some(victim) = victims.get(at) else { break };
        check(&format!("{}, flip {number}", case.name), &scene, at, &victim.flipped(&mut rng), &options)?;
        scene.restore(at)?;
    }
    Ok(())
}

/// One damaged file: whatever it gives, within the limits. A mutant that fails is kept for a closer look.
fn check(name: &str, scene: &Scene, at: usize, bytes: &[u8], options: &LoadOptions) -> Result<(), Failed> {
    scene.put(at, bytes)?;
    let (model, size) = (scene.model(), scene.size());
    let start = Instant::now();
    running(name, true);
    let (result, memory) = peak(|| catch_unwind(AssertUnwindSafe(|| convert(&model, size, options))));
    running(name, false);
    let took = start.elapsed();
    let violation = match result {
        Err(cause) => format!("panicked: {}", text(cause.as_ref())),
        Ok(()) if took > TIME => format!("took {took:.1?}"),
        Ok(()) if memory > 4 * size + BASE_MEMORY => format!("took {memory} bytes of memory for {size} of files"),
        Ok(()) => return Ok(()),
    };
    let path = std::env::temp_dir().join("modelport-hostile-mutant");
    let _ = std::fs::write(&path, bytes);
    Err(Failed::from(format!("{name}: {violation}; the file is {}", path.display())))
}

fn running(name: &str, starts: bool) {
    if let Ok(mut running) = RUNNING.lock() {
        running.retain(|(n, _)| n != name);
        if starts {
            running.push((name.to_owned(), Instant::now()));
        }
    }
}

fn text(cause: &(dyn std::any::Any + Send)) -> String {
    let str = cause.downcast_ref::<&str>().map(|s| (*s).to_owned());
    str.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Everything from the bytes to the core graph, and a look at every weight, one at a time like the writer.
fn convert(model: &Path, size: usize, options: &LoadOptions) {
    let Ok(opened) = modelport::open(model, options) else { return };
    // A packed weight may be larger than its file by the factor that packing reaches; `Limits::expansion` bounds that one.
    for (_, tensor) in opened.weights.iter().filter(|(_, t)| t.byte_len() <= size) {
        let _ = tensor.bytes();
    }
    if let Ok(Body::Source(graph)) = opened.body {
        let (graph, _) = modelport_shim::apply(graph);
        let _ = match graph.nodes().first().map(|n| n.op.dialect) {
            Some(Dialect::TensorFlow) => modelport_tensorflow::lower(&graph, &options.custom),
            Some(Dialect::Torch) => modelport_torch::lower(&graph, &options.custom),
            _ => modelport_keras::lower(&graph, &options.custom),
        };
    }
}
