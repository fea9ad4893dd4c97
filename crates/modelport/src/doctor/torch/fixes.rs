//! What to do about a PyTorch file. Owns: the order of advice. Must never know: how a cause was found.

use super::{Case, Container};
use crate::doctor::diagnosis::{Finding, Fix, FixKind, Level, Outcome};
use crate::doctor::target::Product;

/// Advice, best first.
pub(crate) fn of(case: &Case<'_>, findings: &[Finding], verdict: Outcome) -> Vec<Fix> {
    let path = case.path.display();
    let has = |row: u16| findings.iter().any(|f| f.signatures.contains(&row) && f.level > Level::Note);
    let noted = |row: u16| findings.iter().any(|f| f.signatures.contains(&row));
    let mut fixes = Vec::new();
    let call = |text: String, note: &str| Fix::new(FixKind::Call, text, note);
    if case.file.container == Container::Pickle {
        fixes.push(call(
            format!("pickle.load(open(\"{path}\", \"rb\"))"),
            "runs code from the file: only for a file that you trust",
        ));
    }
    if has(2) {
        let note = "runs code from the file: only for a file that you trust, with its classes imported";
        fixes.push(call(format!("torch.load(\"{path}\", weights_only=False)"), note));
    }
    if has(5) || has(40) {
        fixes.push(call(format!("torch.load(\"{path}\", map_location=\"cpu\")"), "loads without the device"));
    }
    if case.file.container == Container::TorchScript {
        for name in &case.file.extensions {
            fixes.push(call(format!("import {name}; torch.jit.load(\"{path}\")"), "registers the ops"));
        }
    }
    if noted(12) || noted(20) {
        let inner =
            findings.iter().find_map(|f| f.summary.strip_prefix("the weights are inside the checkpoint under `"));
        let inner = inner.map_or(String::new(), |key| format!("[\"{}\"]", key.trim_end_matches('`')));
        let prefix = findings.iter().find_map(|f| f.summary.strip_prefix("every key starts with `")?.split('`').next());
        let stripped = match prefix {
            Some(p) => format!("{{k.removeprefix(\"{p}\"): v for k, v in torch.load(\"{path}\"){inner}.items()}}"),
            None => format!("torch.load(\"{path}\"){inner}"),
        };
        fixes.push(call(format!("model.load_state_dict({stripped})"), "after making the model in Python"));
    }
    let hindered = verdict != Outcome::Loads || has(5) || has(51);
    if hindered || noted(20) || noted(12) {
        fixes.extend(commands(case, findings));
    }
    if has(51) {
        fixes.push(Fix::new(FixKind::Version, "pip install \"numpy>=2\"", "the pickle was written with NumPy 2"));
    }
    if verdict == Outcome::Refuses {
        fixes.extend(version(case, findings));
    }
    fixes
}

fn commands(case: &Case<'_>, findings: &[Finding]) -> Vec<Fix> {
    let path = case.path.display();
    let command = |text: String, note: &str| Fix::new(FixKind::Modelport, text, note);
    let weights = format!("modelport convert {path} out.safetensors");
    let onnx = format!("modelport convert {path} out.onnx --verify");
    match case.file.container {
        Container::TorchScript | Container::Exported => vec![command(onnx, "reads the program that the file holds")],
        Container::Pickle => vec![command(weights, "takes the arrays without running anything")],
        _ if findings.iter().any(|f| f.signatures.contains(&20) || f.signatures.contains(&12)) => vec![
            command(weights, "the weights, without running anything"),
            command(
                onnx,
                "recognises known architectures by the names and shapes of their weights; --arch NAME says which",
            ),
        ],
        _ => vec![
            command(onnx, "makes the model from its modules without running anything"),
            command(weights, "the weights alone"),
        ],
    }
}

fn version(case: &Case<'_>, findings: &[Finding]) -> Option<Fix> {
    let has = |row: u16| findings.iter().any(|f| f.signatures.contains(&row) && f.level == Level::Refused);
    let writer = case.file.writer.clone().unwrap_or_default();
    match case.file.container {
        Container::Exported if has(53) => Some(Fix::new(
            FixKind::Version,
            format!("pip install torch  # {writer}"),
            "a program is loaded by the versions with its schema",
        )),
        Container::Zip | Container::TorchScript if has(52) => Some(Fix::new(
            FixKind::Version,
            "pip install \"torch>=1.6\"".to_owned(),
            "torch.save writes zip archives since 1.6",
        )),
        _ if has(23) => {
            let what = findings.iter().find(|f| f.signatures.contains(&23))?;
            let span = what.summary.split("torchvision ").nth(2)?.split(" had it").next()?.split(", ").last()?;
            let last = span.split(" to ").last().unwrap_or(span);
            let product = Product::Torchvision.name();
            Some(Fix::new(
                FixKind::Version,
                format!("pip install {product}=={last}"),
                "the last version with the old class paths",
            ))
        }
        _ => None,
    }
}
