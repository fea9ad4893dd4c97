//! Which architecture weights belong to, by names and shapes alone; and what a user can do when that is not clear.
//!
//! Owns: the choice among the families, `--arch`. Must never know: any one architecture.

use super::bind::{Fit, bind, fit};
use super::keys::Keys;
use super::{Built, FAMILIES, Family, Options};
use crate::modules::Module;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};

/// An architecture with its weights.
#[derive(Debug)]
pub(crate) struct Recognised {
    /// The tree.
    pub(crate) module: Module,
    /// torchvision's name for it.
    pub(crate) name: String,
    /// What was recognised and what was assumed, as sentences.
    pub(crate) notes: Vec<String>,
}

/// Finds the architecture of weights, or takes the one that the user names (`NAME[,option=value]`). Floating-point
/// weights are brought to `dtype` where one is given.
///
/// # Errors
/// `TO0202` when there is none, or it does not fit: the nearest one, what differs, and the ways on.
pub(crate) fn find(weights: &[(String, Tensor)], arch: Option<&str>, dtype: Option<DType>) -> Result<Recognised> {
    let outer = match of(weights, arch, dtype) {
        Err(outer) if outer.code == Code::TORCH_ARCHITECTURE => outer,
        done => return done,
    };
    let Some((inner, said)) = super::within::within(weights) else { return Err(outer) };
    match of(&inner, arch, dtype) {
        Ok(mut found) => {
            found.notes.splice(0..0, said);
            Ok(found)
        }
        // What is nearest is worth more than that nothing is.
        Err(d) if d.message != outer.message => Err(d),
        Err(_) => Err(outer),
    }
}

/// The architecture of weights under the names that torchvision gives them.
fn of(weights: &[(String, Tensor)], arch: Option<&str>, dtype: Option<DType>) -> Result<Recognised> {
    let keys = Keys::new(weights);
    let mut notes = Vec::new();
    let built = match arch {
        Some(text) => named(&keys, text)?,
        None => {
            let built = search(&keys)?;
            notes.push(format!("the weights are those of torchvision's {}", built.name));
            built
        }
    };
    notes.extend(built.notes);
    if !keys.ignored.is_empty() {
        notes.push(format!("{} counters that a profiler left behind were ignored", keys.ignored.len()));
    }
    Ok(Recognised { module: bind(&built.module, &keys, "", dtype)?, name: built.name, notes })
}

/// The family that fits exactly.
fn search(keys: &Keys<'_>) -> Result<Built> {
    let mut nearest: Option<(Built, Fit)> = None;
    let mut refused = None;
    for family in FAMILIES {
        let built = match (family.build)(keys, &Options::default()) {
            Ok(Some(built)) => built,
            Ok(None) => continue,
            Err(d) => {
                refused.get_or_insert(d);
                continue;
            }
        };
        let found = fit(&built.module, keys);
        if found.exact() {
            return Ok(built);
        }
        if nearest.as_ref().is_none_or(|(_, n)| n.score() < found.score()) {
            nearest = Some((built, found));
        }
    }
    match (refused, nearest) {
        (_, Some((built, found))) if found.score() > 0.3 => Err(near_miss(&built, &found)),
        (Some(d), _) => Err(ways_on(d)),
        _ => Err(unknown(keys)),
    }
}

/// The ways on from weights whose architecture is not known.
fn ways_on(d: Box<Diagnostic>) -> Box<Diagnostic> {
    d.help("name the architecture if it is torchvision's: --arch NAME[,option=value]").help(
        "or give a file with the graph, into which these weights are put by name: --graph MODEL.pt2 (torch.export.save), \
         a traced MODEL.pt, or MODEL.onnx",
    )
}

fn near_miss(built: &Built, found: &Fit) -> Box<Diagnostic> {
    let d = Diagnostic::error(
        Code::TORCH_ARCHITECTURE,
        format!(
            "the file holds weights only, and they fit no architecture exactly; the nearest is torchvision's {}",
            built.name
        ),
    );
    ways_on(d.found(found.describe()))
}

fn unknown(keys: &Keys<'_>) -> Box<Diagnostic> {
    let shown: Vec<String> =
        keys.names().take(12).map(|k| format!("{k} {:?}", keys.shape(k).unwrap_or_default())).collect();
    let more = keys.len().saturating_sub(shown.len());
    let mut found = shown.join("\n");
    if more > 0 {
        found.push_str(&format!("\nand {more} more"));
    }
    let d =
        Diagnostic::error(Code::TORCH_ARCHITECTURE, "the file holds weights only, and their names say no architecture")
            .found(found);
    let d = match guess(keys) {
        Some(what) => d.help(what),
        None => d,
    };
    ways_on(d)
}

/// What other makers' weights look like.
fn guess(keys: &Keys<'_>) -> Option<String> {
    let numbered = |k: &str| {
        let mut parts = k.split('.');
        parts.next().is_some_and(|p| p.parse::<usize>().is_ok())
            && parts.next().is_some_and(|p| p.parse::<usize>().is_err())
            && parts.next().is_none()
    };
    if keys.names().all(numbered) {
        return Some(
            "these are the layers of an nn.Sequential by number; which activations and pools stand between them is not in \
             the file, so it is not guessed"
                .to_owned(),
        );
    }
    let any = |part: &str| keys.names().any(|k| k.contains(part));
    let maker = if any("blocks.0.attn.qkv.") || any("blocks.0.0.conv_pw.") || any("stages.0.blocks.0.") {
        "timm"
    } else if any(".attention.self.query.") || any(".self_attn.q_proj.") || any("embeddings.word_embeddings.") {
        "Hugging Face transformers"
    } else if any("model.0.conv.weight") || any("model.model.0.conv.weight") {
        "Ultralytics"
    } else if any("backbone.body.layer1.") || any("rpn.head.") {
        "torchvision's detection models"
    } else {
        return None;
    };
    Some(format!("the names look like those of {maker}, whose code is not in the file"))
}

/// The architecture that the user names.
fn named(keys: &Keys<'_>, text: &str) -> Result<Built> {
    let (name, options) = parse(text)?;
    let family = FAMILIES.iter().find(|f| f.name == name || f.members.contains(&name)).ok_or_else(|| {
        let all: Vec<&str> = FAMILIES.iter().flat_map(|f| f.members.iter().copied()).collect();
        Diagnostic::error(Code::USAGE, format!("there is no architecture `{name}`"))
            .expected(format!("one of {}", all.join(", ")))
            .help(format!("or a family: {}", FAMILIES.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")))
    })?;
    check_options(family, &options)?;
    let built = (family.build)(keys, &options)?.ok_or_else(|| {
        Diagnostic::error(Code::TORCH_ARCHITECTURE, format!("the weights are nothing like those of {name}"))
            .found(keys.names().take(12).collect::<Vec<_>>().join("\n"))
    })?;
    let found = fit(&built.module, keys);
    if !found.exact() {
        return Err(Diagnostic::error(Code::TORCH_ARCHITECTURE, format!("the weights do not fit {name}"))
            .found(found.describe()));
    }
    if name != family.name && family.members.contains(&built.name.as_str()) && built.name != name {
        return Err(Diagnostic::error(Code::TORCH_ARCHITECTURE, format!("the weights are not those of {name}"))
            .expected(name)
            .found(built.name));
    }
    Ok(built)
}

fn parse(text: &str) -> Result<(&str, Options)> {
    let mut parts = text.split(',');
    let name = parts.next().unwrap_or_default();
    let mut options = Options::default();
    for part in parts {
        let Some((key, value)) = part.split_once('=') else {
            return Err(Diagnostic::error(Code::USAGE, format!("`{part}` in --arch is no option"))
                .expected("NAME,option=value"));
        };
        options.0.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok((name.trim(), options))
}

fn check_options(family: &Family, options: &Options) -> Result<()> {
    match options.0.keys().find(|k| !family.options.contains(&k.as_str())) {
        None => Ok(()),
        Some(key) => {
            let d = Diagnostic::error(Code::USAGE, format!("architecture `{}` has no option `{key}`", family.name));
            Err(match family.options {
                [] => d.help("it has none: everything shows in the weights"),
                all => d.expected(all.join(", ")),
            })
        }
    }
}
