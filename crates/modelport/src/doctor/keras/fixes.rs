//! What to do about a Keras file that does not load: another call, a command of modelport, another version.
//!
//! Owns: the order of advice. Must never know: how a cause was found.

use super::Case;
use super::walk::Loader;
use crate::doctor::diagnosis::{Cause, Fix, FixKind, Level, Outcome};
use crate::doctor::target::Product;
use crate::doctor::version::Version;
use modelport_keras::SaveMethod;

/// Advice, best first; nothing for a file that loads.
pub(crate) fn of(case: &Case<'_>, loader: &Loader, structure: Outcome, verdict: Outcome) -> Vec<Fix> {
    let path = case.path.display();
    let mut fixes = Vec::new();
    if verdict == Outcome::Loads {
        return fixes;
    }
    if structure == Outcome::Loads {
        let call = format!("{}.load_model(\"{path}\", compile=False)", case.module());
        fixes.push(Fix::new(FixKind::Call, call, "the rest of the file loads; compile the model anew to train it"));
    }
    if case.file.config.is_none() {
        return weights(case);
    }
    fixes.extend(renamed(case, loader));
    if only_lambdas(loader) {
        let call = format!("{}.load_model(\"{path}\", safe_mode=False)", case.module());
        fixes.push(Fix::new(
            FixKind::Call,
            call,
            "runs code from the file: only for a file that you trust, in the Python version that wrote it",
        ));
    }
    if !loader.custom.is_empty() {
        let names: Vec<_> = loader.custom.iter().map(|n| format!("\"{n}\": {}", identifier(n))).collect();
        let call = format!("{}.load_model(\"{path}\", custom_objects={{{}}})", case.module(), names.join(", "));
        fixes.push(Fix::new(FixKind::Call, call, "with the author's definitions imported"));
    }
    fixes.extend(command(case, loader));
    fixes.extend(version(case, loader));
    fixes
}

fn weights(case: &Case<'_>) -> Vec<Fix> {
    let path = case.path.display();
    let name = path.to_string();
    let mut fixes = vec![
        Fix::new(FixKind::Call, format!("model.load_weights(\"{path}\")"), "after making the model in Python"),
        Fix::new(
            FixKind::Modelport,
            format!("modelport convert {path} out.onnx --arch arch.json"),
            "arch.json holds what `model.to_json()` returns",
        ),
        Fix::new(FixKind::Modelport, format!("modelport convert {path} out.safetensors"), "the weights alone"),
    ];
    if case.target.keras().1.major() >= 3
        && !name.ends_with(".weights.h5")
        && case.file.method == SaveMethod::TreeWeights
    {
        fixes.insert(
            0,
            Fix::new(FixKind::Other, "rename the file so that it ends in .weights.h5", "Keras 3 goes by the name"),
        );
    }
    fixes
}

/// A file whose name has the wrong ending.
fn renamed(case: &Case<'_>, loader: &Loader) -> Option<Fix> {
    let misnamed = loader.findings.iter().any(|f| f.cause == Cause::SaveMethod && f.signatures.contains(&44));
    let right = match case.file.method {
        SaveMethod::Archive => ".keras",
        _ => ".h5",
    };
    misnamed.then(|| {
        Fix::new(FixKind::Other, format!("rename the file so that it ends in {right}"), "Keras goes by the name")
    })
}

fn only_lambdas(loader: &Loader) -> bool {
    let mut refused = loader.findings.iter().filter(|f| f.level == Level::Refused).peekable();
    refused.peek().is_some() && refused.all(|f| f.signatures.contains(&17) && f.cause == Cause::CustomObjects)
}

/// modelport reads the file whatever the version; custom layers need a declaration.
fn command(case: &Case<'_>, loader: &Loader) -> Vec<Fix> {
    let path = case.path.display();
    let custom = if loader.custom.is_empty() { "" } else { " --custom layers.txt" };
    let note = match loader.custom.is_empty() {
        true => "reads it with the meaning that it had in the Keras that wrote it",
        false => "the first run without --custom prints a declaration to fill in for each layer",
    };
    let mut fixes =
        vec![Fix::new(FixKind::Modelport, format!("modelport convert {path} out.onnx{custom} --verify"), note)];
    let target = &case.target;
    let repairs = loader.three() && loader.custom.is_empty() && !case.path.is_dir();
    if repairs && loader.findings.iter().any(|f| f.cause == Cause::Version && f.level >= Level::OtherNumbers) {
        let ending = if case.file.method == SaveMethod::Archive { "keras" } else { "h5" };
        let command = format!("modelport repair {path} repaired.{ending} --for keras=={}", target.keras().1);
        fixes.push(Fix::new(
            FixKind::Modelport,
            command,
            "rewrites the configuration for that version; the weights stay as they are",
        ));
    }
    fixes
}

/// The version that loads it.
fn version(case: &Case<'_>, loader: &Loader) -> Option<Fix> {
    let wrong = loader.findings.iter().any(|f| f.cause == Cause::Version && f.level >= Level::OtherNumbers);
    let writer = loader.writer.as_ref().filter(|_| wrong)?;
    let own = case.file.version.as_deref().unwrap_or_default().ends_with("-tf");
    let text = match writer.major() {
        0 | 1 => "pip install keras==1.2.2".to_owned(),
        2 if own => format!("pip install tensorflow=={}", tensorflow_of(writer)),
        2 if writer.before("2.4") => format!("pip install \"keras=={writer}\" \"h5py<3\""),
        2 if case.target.product == Product::TfKeras || writer.minor() > Some(15) => {
            format!("pip install tf_keras=={writer}")
        }
        2 => "pip install tf_keras  # and TF_USE_LEGACY_KERAS=1 for tf.keras".to_owned(),
        _ => format!("pip install \"keras>={writer}\""),
    };
    Some(Fix::new(FixKind::Version, text, format!("written by {}", case.writer_name().unwrap_or_default())))
}

/// The TensorFlow that has that Keras inside (`tensorflow/python/keras/__init__.py`): 2.1.6-tf until 1.12, 2.2.4-tf until
/// 2.1, 2.3.0-tf in 2.2.
fn tensorflow_of(keras: &Version) -> &'static str {
    match (keras.before("2.2"), keras.before("2.3")) {
        (true, _) => "1.12",
        (false, true) => "1.15",
        _ => "2.2",
    }
}

fn identifier(name: &str) -> String {
    let last = name.rsplit(['>', '.']).next().unwrap_or(name);
    last.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect()
}
