//! PyTorch files: what `torch.load`, `torch.jit.load` and `torch.export.load` of a version do with them.
//!
//! Sources: torch 2.15.0 `serialization.py`, `_weights_only_unpickler.py`, `_export/serde/`; facts in data/torch.tsv and
//! data/torchvision.tsv. Owns: containers and calls. Must never know: other frameworks' files.

mod container;
mod fixes;
mod names;
mod pickled;

use super::diagnosis::{Call, Diagnosis, Finding, Level, Outcome, joined, outcome};
use super::target::{Product, Target};
use super::version::Version;
pub(crate) use container::{Container, File, read};
use std::path::Path;

/// A PyTorch file and where it should load.
pub(crate) struct Case<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: &'a File,
    pub(crate) target: &'a Target,
}

impl Case<'_> {
    /// The torch that loads: a torchvision comes with the torch of its time (0.14 with 1.13, 0.15 with 2.0).
    pub(crate) fn torch(&self) -> Version {
        if self.target.product != Product::Torchvision {
            return self.target.version.clone();
        }
        match self.target.version.minor().unwrap_or(0) {
            n @ 0..=14 => Version::of(&format!("1.{}", n.saturating_sub(1))),
            n => Version::of(&format!("2.{}", n - 15)),
        }
    }

    /// The torchvision that is beside it.
    pub(crate) fn torchvision(&self) -> Version {
        if self.target.product == Product::Torchvision {
            return self.target.version.clone();
        }
        let torch = self.torch();
        let minor = torch.minor().unwrap_or(0);
        Version::of(&format!("0.{}", if torch.major() >= 2 { minor + 15 } else { minor + 1 }))
    }
}

/// The whole diagnosis of a PyTorch file.
pub(crate) fn diagnose(case: &Case<'_>) -> Diagnosis {
    let container = container::findings(case);
    let content = pickled::findings(case);
    let calls = calls(case, &container, &content);
    let verdict = calls.first().map_or(Outcome::Refuses, |c| c.outcome);
    let mut findings = joined(container.into_iter().chain(content.all).collect());
    findings.sort_by_key(|f| std::cmp::Reverse(f.level));
    Diagnosis {
        file: case.path.display().to_string(),
        kind: case.file.kind(),
        writer: case.file.writer.clone(),
        evidence: case.file.evidence.clone(),
        target: Some(case.target.to_string()),
        verdict,
        fixes: fixes::of(case, &findings, verdict),
        calls,
        findings,
        pasted: None,
    }
}

/// What `torch.load` finds in a pickle.
#[derive(Default)]
pub(crate) struct Content {
    /// Everything.
    pub(crate) all: Vec<Finding>,
    /// Whether only the default of `weights_only` stands in the way.
    pub(crate) only_weights_only: bool,
}

fn calls(case: &Case<'_>, container: &[Finding], content: &Content) -> Vec<Call> {
    let path = case.path.display();
    let all: Vec<Finding> = container.iter().chain(&content.all).cloned().collect();
    let first = |f: &[Finding]| f.iter().find(|f| f.level == Level::Refused).and_then(|f| f.error.clone());
    let call =
        |code: String, found: &[Finding], default| Call { code, outcome: outcome(found), error: first(found), default };
    let fails = |code: String, error: &str| Call {
        code,
        outcome: Outcome::Refuses,
        error: Some(error.to_owned()),
        default: false,
    };
    let script = "RuntimeError: PytorchStreamReader failed locating file constants.pkl: file not found";
    match case.file.container {
        Container::TorchScript => {
            let mut calls = vec![call(format!("torch.jit.load(\"{path}\")"), &all, true)];
            let weights_only =
                "RuntimeError: Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``.";
            if !case.torch().before("2.6") {
                calls.push(fails(format!("torch.load(\"{path}\")"), weights_only));
            }
            calls
        }
        Container::Exported => vec![
            call(format!("torch.export.load(\"{path}\")"), &all, true),
            fails(format!("torch.jit.load(\"{path}\")"), script),
        ],
        Container::Zip | Container::Legacy | Container::Tar => {
            let mut calls = vec![call(format!("torch.load(\"{path}\")"), &all, true)];
            if content.only_weights_only {
                let rest: Vec<_> = all.iter().filter(|f| !f.signatures.contains(&2)).cloned().collect();
                calls.push(call(format!("torch.load(\"{path}\", weights_only=False)"), &rest, false));
            }
            calls.push(fails(format!("torch.jit.load(\"{path}\")"), script));
            calls
        }
        Container::Pickle => vec![call(format!("torch.load(\"{path}\")"), &all, true)],
    }
}
