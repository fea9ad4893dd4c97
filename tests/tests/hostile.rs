//! Damaged files are normal input: every truncation and every flipped byte ends in a model or in diagnostics, never in a
//! panic, in more than five seconds, or in more memory than four times the file. By default a sample of the fixtures: one
//! of every container kind and some ops; `cargo xtask hostile` takes all of them.
#![allow(clippy::print_stderr)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use modelport_ir::CustomLayers;
use modelport_keras::OpenOptions;
use modelport_storage::MappedFile;
use modelport_tests::damage::{Victim, truncated};
use modelport_tests::fixtures::{Case, cases};
use modelport_tests::memory::{Counting, peak};
use modelport_tests::rng::Rng;

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
    let chosen: Vec<Case> = cases()
        .into_iter()
        .filter(|c| c.name.contains("/keras/"))
        .enumerate()
        .filter(|(i, c)| full || sampled(*i, c))
        .map(|(_, c)| c)
        .collect();
    let trials = chosen.into_iter().flat_map(|case| {
        let flips = if full { 10_000 } else { flips(&case) };
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

/// Every container kind, and a fair sample of the small ones.
fn sampled(index: usize, case: &Case) -> bool {
    let name = &case.name;
    let container = name.contains("/container_")
        || name.contains("/k1_cnn")
        || name.contains("/multi_io_")
        || name.contains("/nested_functional_");
    container || index.is_multiple_of(97)
}

fn flips(case: &Case) -> usize {
    // A large file takes longer and has no more structure to hit.
    let bytes = std::fs::metadata(&case.model).map_or(0, |m| m.len());
    if bytes > 100_000 { 500 } else { 10_000 }
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
    let whole = read(case)?;
    for percent in 0..100 {
        let name = format!("{} at {percent} %", case.name);
        check(&name, truncated(&whole, percent), arch(case)?)?;
    }
    Ok(())
}

fn flipped(case: &Case, flips: usize) -> Result<(), Failed> {
    let victim = Victim::new(read(case)?);
    let mut rng = Rng::of(&case.name);
    for number in 0..flips {
        let bytes = victim.flipped(&mut rng);
        check(&format!("{}, flip {number}", case.name), bytes, arch(case)?)?;
    }
    Ok(())
}

fn arch(case: &Case) -> Result<Option<PathBuf>, Failed> {
    Ok(case.options()?.arch)
}

fn read(case: &Case) -> Result<Vec<u8>, Failed> {
    std::fs::read(&case.model).map_err(|e| Failed::from(format!("{}: {e}", case.model.display())))
}

/// One damaged file: whatever it gives, within the limits. A mutant that fails is kept for a closer look.
fn check(name: &str, bytes: Vec<u8>, arch: Option<PathBuf>) -> Result<(), Failed> {
    let size = bytes.len();
    let kept = bytes.clone();
    let start = Instant::now();
    running(name, true);
    let (result, memory) = peak(|| catch_unwind(AssertUnwindSafe(|| convert(bytes, arch))));
    running(name, false);
    let took = start.elapsed();
    let violation = match result {
        Err(cause) => format!("panicked: {}", text(cause.as_ref())),
        Ok(()) if took > TIME => format!("took {took:.1?}"),
        Ok(()) if memory > 4 * size + BASE_MEMORY => format!("took {memory} bytes of memory for a file of {size}"),
        Ok(()) => return Ok(()),
    };
    let path = std::env::temp_dir().join("modelport-hostile-mutant");
    let _ = std::fs::write(&path, kept);
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
fn convert(bytes: Vec<u8>, arch: Option<PathBuf>) {
    let options = OpenOptions { arch, ..OpenOptions::default() };
    let Ok(file) = modelport_keras::open_bytes(&MappedFile::from_bytes("mutant", bytes), &options) else { return };
    for (_, tensor) in &file.weights {
        let _ = tensor.bytes();
    }
    if let Some(graph) = file.graph {
        let (graph, _) = modelport_shim::apply(graph);
        let _ = modelport_keras::lower(&graph, &CustomLayers::default());
    }
}
