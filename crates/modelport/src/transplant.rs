//! `--graph`: the graph of one file with the weights of another, put in by name.
//!
//! Owns: which weight goes where, and the report of what does not fit. Must never know: how a file is read.

use crate::open::{Body, Opened};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Graph, SourceGraph, Stage, Tensor, ValueId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The graph of `graph` with the weights of `weights`.
///
/// # Errors
/// `WT0001` with every key that is missing, left over or of another shape; and what the graph's file says when it has no
/// graph either.
pub(crate) fn transplant(weights: Opened, graph: Opened, file: &str) -> Result<Opened> {
    let mut body = graph.body.map_err(|d| without_graph(&d, file))?;
    let mut notes = weights.notes;
    notes.extend(graph.notes);
    let wanted: Vec<(String, Tensor)> = graph.weights;
    let keys = align(&wanted, &weights.weights, &mut notes);
    let mut plan = Plan::new(&wanted, &keys, matches!(body, Body::Core(_)));
    plan.check(file, matches!(body, Body::Core(_)))?;
    match &mut body {
        Body::Source(graph) => source(graph, &wanted, &plan)?,
        Body::Core(graph) => constants(graph, &plan)?,
    }
    notes.append(&mut plan.notes);
    notes.push(format!("the graph is that of {file}; {} of its weights come from this file", plan.given.len()));
    Ok(Opened {
        provenance: weights.provenance,
        weights: weights.weights,
        body: Ok(body),
        notes,
        stored: weights.stored,
    })
}

/// The file that should give the graph has none.
fn without_graph(why: &Diagnostic, file: &str) -> Box<Diagnostic> {
    Diagnostic::error(why.code, format!("the file given with --graph has no graph: {}", why.message))
        .in_file(file)
        .help("give a .pt2 of torch.export.save, a traced or scripted .pt, a whole pickled model, or an ONNX file")
}

/// The file's weights by the graph's names: as they are, or without or with a prefix that all have.
fn align(wanted: &[(String, Tensor)], given: &[(String, Tensor)], notes: &mut Vec<String>) -> BTreeMap<String, Tensor> {
    let names: BTreeSet<&str> = wanted.iter().map(|(n, _)| n.as_str()).collect();
    let plain: BTreeMap<String, Tensor> = given.iter().cloned().collect();
    let hits = |keys: &BTreeMap<String, Tensor>| keys.keys().filter(|k| names.contains(k.as_str())).count();
    if hits(&plain) > 0 || plain.is_empty() {
        return plain;
    }
    // A wrapper on one side only: names of that side begin with its attribute, and may stand beside a head's.
    let mut tries: Vec<(String, BTreeMap<String, Tensor>)> = Vec::new();
    for p in prefixes(plain.keys().map(String::as_str)) {
        let cut = plain.iter().filter_map(|(k, t)| Some((k.strip_prefix(p)?.strip_prefix('.')?.to_owned(), t.clone())));
        let cut: BTreeMap<_, _> = cut.collect();
        let others = match plain.len() - cut.len() {
            0 => String::new(),
            n => format!("; {n} weights that do not begin with it are left out"),
        };
        tries.push((format!("`{p}.` was taken off the names of the weights{others}"), cut));
    }
    for p in prefixes(names.iter().copied()) {
        let put = plain.iter().map(|(k, t)| (format!("{p}.{k}"), t.clone()));
        tries.push((format!("`{p}.` was put before the names of the weights"), put.collect()));
    }
    match tries.into_iter().max_by_key(|(_, keys)| hits(keys)).filter(|(_, keys)| hits(keys) > 0) {
        Some((note, keys)) => {
            notes.push(note);
            keys
        }
        None => plain,
    }
}

/// The attributes that names begin with; none when there are too many to be wrappers.
fn prefixes<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let all: BTreeSet<&str> = names.filter_map(|n| n.split_once('.')).map(|(p, _)| p).collect();
    if all.len() > 8 { BTreeSet::new() } else { all }
}

/// What goes where.
struct Plan {
    /// By the graph's names, in the graph's types.
    given: BTreeMap<String, Tensor>,
    missing: Vec<String>,
    unexpected: Vec<String>,
    misshaped: Vec<String>,
    notes: Vec<String>,
}

impl Plan {
    /// An ONNX file holds constants that were never weights; there, what no key names may stay as it is.
    fn new(wanted: &[(String, Tensor)], keys: &BTreeMap<String, Tensor>, onnx: bool) -> Self {
        let mut plan = Self {
            given: BTreeMap::new(),
            missing: Vec::new(),
            unexpected: Vec::new(),
            misshaped: Vec::new(),
            notes: Vec::new(),
        };
        let mut kept = Vec::new();
        let mut casts = BTreeSet::new();
        let tied = tied(wanted, keys);
        for (name, old) in wanted {
            match keys.get(tied.get(name.as_str()).copied().unwrap_or(name)) {
                Some(new) if new.shape() != old.shape() => {
                    plan.misshaped.push(format!("{name}: expected {:?}, found {:?}", old.shape(), new.shape()));
                }
                Some(new) => match new.cast(old.dtype()) {
                    Ok(tensor) => {
                        if new.dtype() != old.dtype() {
                            casts.insert((new.dtype(), old.dtype()));
                        }
                        plan.given.insert(name.clone(), tensor);
                    }
                    Err(_) => plan.misshaped.push(format!("{name}: expected {}, found {}", old.ty(), new.ty())),
                },
                // Counters and indices follow from the configuration.
                None if !old.dtype().is_float() || (onnx && old.len() <= 1) => kept.push(name.clone()),
                None => plan.missing.push(format!("{name}: {}", old.ty())),
            }
        }
        let names: BTreeSet<&str> = wanted.iter().map(|(n, _)| n.as_str()).collect();
        let counter = |k: &str| k.rsplit('.').next() == Some("num_batches_tracked");
        plan.unexpected = keys
            .iter()
            .filter(|(k, _)| !names.contains(k.as_str()) && !counter(k))
            .map(|(k, t)| format!("{k}: {}", t.ty()))
            .collect();
        let shared = |(name, other): (&&str, &&str)| {
            format!("`{name}` is not in the file; it shares `{other}`'s, as it does in the graph")
        };
        plan.notes.extend(tied.iter().map(shared));
        if onnx && plan.unexpected.is_empty() && !plan.given.is_empty() {
            kept.extend(std::mem::take(&mut plan.missing));
        }
        let kept: Vec<String> = kept.into_iter().filter(|k| !onnx && !counter(k)).collect();
        if !kept.is_empty() {
            plan.notes.push(format!("{} constants of the graph stay as they are: {}", kept.len(), shown(&kept)));
        }
        let cast = |(from, to): (DType, DType)| format!("weights of type {from} are converted to the graph's {to}");
        plan.notes.extend(casts.into_iter().map(cast));
        plan
    }

    /// Other frameworks' graphs name all that they compute with, so what is left over is another head's. In an ONNX file it
    /// may be what the exporter folded into constants without a name, and the numbers would be half old and half new.
    fn check(&mut self, file: &str, onnx: bool) -> Result<()> {
        let folded = onnx && !self.unexpected.is_empty();
        if self.missing.is_empty() && self.misshaped.is_empty() && !self.given.is_empty() && !folded {
            if !self.unexpected.is_empty() {
                let note = format!(
                    "{} weights have no place in the graph: {}",
                    self.unexpected.len(),
                    shown(&self.unexpected)
                );
                self.notes.push(note);
            }
            return Ok(());
        }
        let mut lines = vec![format!("{} weights fit", self.given.len())];
        for (what, all) in
            [("missing", &self.missing), ("unexpected", &self.unexpected), ("of another shape", &self.misshaped)]
        {
            if !all.is_empty() {
                lines.push(format!("{} {what}:", all.len()));
                // Where nothing fits, the list says that and no more.
                let most = if self.given.is_empty() { FEW } else { all.len() };
                lines.extend(all.iter().take(most).map(|k| format!("  {k}")));
                if all.len() > most {
                    lines.push(format!("  and {} more", all.len() - most));
                }
            }
        }
        Err(Diagnostic::error(Code::WEIGHTS_FIT, format!("the weights do not fit the graph of {file}"))
            .found(lines.join("\n"))
            .help(self.cause()))
    }

    /// Why the weights most likely do not fit.
    fn cause(&self) -> &'static str {
        let (given, missing, other, shapes) =
            (self.given.len(), self.missing.len(), self.unexpected.len(), self.misshaped.len());
        let norm = |k: &String| {
            [".running_mean", ".running_var"].iter().any(|n| k.split(':').next().is_some_and(|k| k.ends_with(n)))
        };
        if given == 0 && shapes > 0 && missing + other <= shapes {
            "the names are the graph's and the shapes are not: another width, or a larger or smaller member of the family"
        } else if given == 0 && missing > 0 && other > 0 && missing.abs_diff(other) * 10 <= missing {
            "no name is the same, and there are about as many on both sides: the graph's file renames weights; export it \
             from the model that has these names, without folding or `torch.fx` renaming"
        } else if given == 0 {
            "nothing fits: the graph is of another model, or its exporter folded or renamed the weights; export without \
             folding"
        } else if missing == 0 && shapes <= 2 && other == 0 {
            "the last layer has another number of classes: export the graph of the model with this one's head"
        } else if self.unexpected.iter().any(norm) && !self.missing.iter().any(norm) {
            "the graph's exporter folded batch normalisation into the convolutions before it: export without folding, in \
             training mode or with `do_constant_folding=False`"
        } else {
            "an exporter that folds, transposes or renames weights leaves nothing to find by name: a .pt2 of \
             torch.export.save keeps all names"
        }
    }
}

/// Weights that the file does not name and that are, in the graph's file, the same storage as one that it names: writers of
/// safetensors keep one name of tied weights (`save_pretrained` of transformers drops `lm_head.weight`).
fn tied<'a>(wanted: &'a [(String, Tensor)], keys: &BTreeMap<String, Tensor>) -> BTreeMap<&'a str, &'a str> {
    let (given, missing): (Vec<_>, Vec<_>) = wanted.iter().partition(|(name, _)| keys.contains_key(name));
    let mut places = HashMap::new();
    if !missing.is_empty() {
        places.extend(given.into_iter().filter_map(|(name, t)| Some((t.source()?, (name, t)))));
    }
    let partner = |(name, t): &'a (String, Tensor)| {
        let (other, same) = places.get(&t.source()?)?;
        (*same == t).then_some((name.as_str(), other.as_str()))
    };
    missing.into_iter().filter_map(partner).collect()
}

/// Keys shown of each kind where no weight fits.
const FEW: usize = 5;

fn shown(all: &[String]) -> String {
    let more = all.len().saturating_sub(6);
    let some = all.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{some} and {more} more") } else { some }
}

/// Constants by their names; weights that stand in ops (Keras layers) by what they are.
fn source(graph: &mut SourceGraph, wanted: &[(String, Tensor)], plan: &Plan) -> Result<()> {
    constants(graph, plan)?;
    let ids: Vec<_> = graph.node_ids().collect();
    for id in ids {
        for (_, weight) in &mut graph.op_mut(id).weights {
            let name = wanted.iter().find(|(_, t)| t == weight).map(|(n, _)| n);
            if let Some(new) = name.and_then(|n| plan.given.get(n)) {
                *weight = new.clone();
            }
        }
    }
    Ok(())
}

fn constants<S: Stage>(graph: &mut Graph<S>, plan: &Plan) -> Result<()> {
    let all: Vec<(ValueId, String)> = graph
        .values()
        .filter(|(id, v)| graph.constant(*id).is_some() && plan.given.contains_key(&v.name))
        .map(|(id, v)| (id, v.name.clone()))
        .collect();
    for (id, name) in all {
        if let Some(tensor) = plan.given.get(&name) {
            graph.set_constant(id, tensor.clone())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn weights(names: &[&str]) -> Vec<(String, Tensor)> {
        names.iter().map(|n| ((*n).to_owned(), Tensor::floats(&[1.0]))).collect()
    }

    fn aligned(wanted: &[&str], given: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut notes = Vec::new();
        let keys = align(&weights(wanted), &weights(given), &mut notes);
        (keys.into_keys().collect(), notes)
    }

    #[test]
    fn a_wrapper_beside_a_head_is_taken_off() {
        let (keys, notes) = aligned(&["a.w", "b.w"], &["bert.a.w", "bert.b.w", "cls.w"]);
        assert_eq!(keys, ["a.w", "b.w"]);
        assert!(notes[0].contains("1 weights that do not begin"), "{notes:?}");
    }

    #[test]
    fn a_wrapper_of_the_graph_is_put_before() {
        assert_eq!(aligned(&["m.a.w", "m.b.w"], &["a.w", "b.w"]).0, ["m.a.w", "m.b.w"]);
    }

    #[test]
    fn names_that_fit_stay() {
        assert_eq!(aligned(&["a.w"], &["a.w", "x.a.w"]), (vec!["a.w".to_owned(), "x.a.w".to_owned()], Vec::new()));
    }

    #[test]
    fn a_tied_weight_is_found_by_its_storage() {
        let shared = Tensor::floats(&[1.0, 2.0]);
        let wanted = [
            ("head".to_owned(), shared.clone()),
            ("table".to_owned(), shared),
            ("x".to_owned(), Tensor::floats(&[3.0])),
        ];
        let keys: BTreeMap<_, _> = weights(&["table"]).into_iter().collect();
        assert_eq!(tied(&wanted, &keys).into_iter().collect::<Vec<_>>(), [("head", "table")]);
    }
}
