//! What to do about a PyTorch file. Owns: the order of advice. Must never know: how a cause was found.

use super::{Case, Container, pickled};
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
    let model = case.file.pickle.as_ref().and_then(pickled::model_key).filter(|key| plain(key));
    if has(2) && model.is_none() {
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
    if let Some(key) = model {
        fixes.extend(whole(case, findings, key));
    } else if noted(12) || noted(20) {
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

/// Whether a name from the file may stand in code that a reader is to paste.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A checkpoint around a whole model: the object itself, and how to write it so that its classes are not needed again.
fn whole(case: &Case<'_>, findings: &[Finding], key: &str) -> Vec<Fix> {
    let path = case.path.display();
    let loaded = format!("torch.load(\"{path}\", weights_only=False)[\"{key}\"]");
    let mut fixes =
        vec![Fix::new(FixKind::Call, loaded.clone(), "the model itself, not a state_dict; runs code from the file")];
    let package =
        findings.iter().find_map(|f| f.summary.strip_prefix("the pickle needs classes of the Python package `"));
    if let Some(package) = package.map(|p| p.trim_end_matches('`')).filter(|p| plain(p)) {
        let export = format!(
            "import {package}; torch.export.save(torch.export.export({loaded}.float(), (example,)), \"model.pt2\")"
        );
        fixes.push(Fix::new(
            FixKind::Call,
            export,
            "where the package is: the .pt2 holds the program, and `modelport convert model.pt2` needs no class",
        ));
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
        _ if case.file.pickle.as_ref().and_then(pickled::model_key).is_none()
            && findings.iter().any(|f| f.signatures.contains(&20) || f.signatures.contains(&12)) =>
        {
            vec![
                command(weights, "the weights, without running anything"),
                command(
                    onnx,
                    "recognises known architectures by the names and shapes of their weights; --arch NAME says which",
                ),
            ]
        }
        _ if findings.iter().any(|f| f.signatures.iter().any(|row| matches!(row, 7 | 21))) => vec![
            command(weights, "the weights alone, without running anything"),
            command(onnx, "asks, with text to start from, for a declaration of each class that is not torch's"),
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
