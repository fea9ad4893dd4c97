//! Functions: calls are inlined, bodies of control flow become graphs inside an op.
//!
//! Owns: the passing of arguments and results, and of resources past the graph. Must never know: what control flow means
//! beyond which function belongs to which attribute.

use super::attrs::{Bindings, attrs, bound};
use super::body::{Body, Ref};
use super::ragged::Ragged;
use super::v1::MADE;
use super::{Emitter, Item, Place, Results, join};
use crate::wire::decode;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, Dialect, SourceGraph, SourceOp};
use modelport_proto::tensorflow::attr_value::Value;
use modelport_proto::tensorflow::{ListValue, NameAttrList, NodeDef};
use std::collections::{BTreeSet, HashMap};

fn function_error(message: impl Into<String>, node: &NodeDef) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_FUNCTION, message).at_node(node.name.clone())
}

/// Names that TensorFlow makes up for calls; paths are readable without them.
fn made_up(name: &str) -> bool {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    matches!(base, "StatefulPartitionedCall" | "PartitionedCall")
}

/// A result of a function that became a graph.
#[derive(Clone)]
enum Passed {
    /// An output of the graph.
    Value,
    /// An output that stands for a variant; the argument that it is, where it is one.
    Variant(Option<usize>),
    /// A resource, which is no output.
    Handle(Item),
}

impl<'a> Emitter<'a> {
    /// The function that an attribute names.
    fn function(&self, node: &NodeDef, key: &str, place: &Place) -> Result<NameAttrList> {
        match node.attr.get(key).and_then(|v| bound(v, &place.bound)) {
            Some(Value::Func(bytes)) => decode(bytes, "a function's name").map_err(|d| d.at_node(node.name.clone())),
            _ => Err(function_error(format!("the attribute `{key}` names no function"), node)),
        }
    }

    pub(super) fn call_attr(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let function = self.function(node, "f", place)?;
        let place = Place { bound: bind(function.attr, &place.bound), ..place.clone() };
        let inputs = if node.op == "RemoteCall" { inputs.into_iter().skip(1).collect() } else { inputs };
        self.call(node, &function.name, inputs, used, &place)
    }

    /// Inlines a function.
    pub(super) fn call(
        &mut self,
        node: &NodeDef,
        function: &str,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let direct = node.op == function;
        let twin = self.parts().library.twin(function).map(str::to_owned);
        let function = twin.as_deref().unwrap_or(function);
        let body = self.parts().library.get(function).map_err(|d| d.at_node(node.name.clone()))?;
        let mut inside = self.inside(node, function, place)?;
        if direct {
            inside.bound = bind(node.attr.clone(), &place.bound);
        }
        inside.prefix = if made_up(&node.name) { place.prefix.clone() } else { join(&place.prefix, &node.name) };
        let given = arguments(node, &body, inputs)?;
        let mut wanted = Vec::new();
        for at in used {
            let result = body.results.get(*at).ok_or_else(|| {
                function_error(format!("result {at} of `{function}` is used, which it does not have"), node)
            })?;
            wanted.push(body.resolve(&self.parts().library, &result.tensor, function)?);
        }
        let items = self.body(&body, given, &wanted, &inside)?;
        Ok(used.iter().copied().zip(items).collect())
    }

    /// The place inside a function; a function that is there already calls itself.
    fn inside(&self, node: &NodeDef, function: &str, place: &Place) -> Result<Place> {
        if let Some(from) = place.calls.iter().position(|c| c == function) {
            let circle: Vec<_> = place.calls.iter().skip(from).map(String::as_str).take(8).collect();
            return Err(function_error(format!("the function `{function}` calls itself"), node)
                .found(format!("{} -> {function}", circle.join(" -> ")))
                .help("recursion has no end that a converter could see; unroll it where the model is saved"));
        }
        self.parts().limits.check_depth(place.calls.len(), "a function").map_err(|d| d.at_node(node.name.clone()))?;
        let mut inside = place.clone();
        inside.calls.push(function.to_owned());
        Ok(inside)
    }

    /// An `If`, `While` or `Case`: functions become graphs, resources pass around the op.
    pub(super) fn control(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let (kind, keys, chooses): (_, &[&str], _) = match node.op.trim_start_matches('_') {
            "While" | "StatelessWhile" => ("While", &["cond", "body"], 0),
            "Case" | "StatelessCase" => ("Case", &[], 1),
            _ => ("If", &["then_branch", "else_branch"], 1),
        };
        let mut functions: Vec<(String, NameAttrList)> = Vec::new();
        for key in keys {
            functions.push(((*key).to_owned(), self.function(node, key, place)?));
        }
        if kind == "Case" {
            functions = self.branches(node, place)?;
        }
        let passed = inputs.get(chooses..).unwrap_or_default().to_vec();
        if let (Some(truth), "If", [(_, then), (_, other)]) = (self.truth(inputs.first()), kind, functions.as_slice()) {
            let chosen = if truth { then } else { other };
            let place = Place { bound: self.bound_of(chosen, place), ..place.clone() };
            return self.call(node, &chosen.name, passed, used, &place);
        }
        let mut graphs = Vec::new();
        let variants: Vec<Ragged> = passed.iter().filter_map(|i| self.variant(i)).cloned().collect();
        for (key, function) in functions {
            graphs.push((key.clone(), self.graph_of(node, &function, &passed, &key, place)?));
        }
        let results = graphs.last().map(|(_, g)| g.1.clone()).unwrap_or_default();
        let mut op = SourceOp::new(Dialect::TensorFlow, node.op.trim_start_matches('_'));
        op.attrs = attrs(&self.parts().file, node, &place.bound)?;
        let (branches, named): (Vec<_>, Vec<_>) = graphs.into_iter().partition(|(key, _)| key.is_empty());
        for (key, (graph, _)) in named {
            op.attrs.insert(key, Attr::Graph(Box::new(graph)));
        }
        if !branches.is_empty() {
            let list = branches.into_iter().map(|(_, (graph, _))| Attr::Graph(Box::new(graph))).collect();
            op.attrs.insert("branches".to_owned(), Attr::List(list));
        }
        // What variants are of goes in behind the rest, and out of a loop again.
        let parts: Vec<_> = variants.iter().flat_map(|r| r.parts.iter().copied().map(Some)).collect();
        let more = if kind == "While" { parts.len() } else { 0 };
        let operands = inputs.iter().filter_map(Item::value).map(Some).chain(parts).collect();
        let path = self.unique(&join(&place.prefix, &node.name));
        let count = results.iter().filter(|r| matches!(r, Passed::Value | Passed::Variant(_))).count() + more;
        let names = (0..count).map(|i| (if i == 0 { path.clone() } else { format!("{path}:{i}") }, None));
        let names = names.collect();
        let mut values = self.graph.add_node(op, operands, path, names).into_iter();
        let mut all = Results::new();
        for (i, result) in results.into_iter().enumerate() {
            let item = match &result {
                Passed::Handle(handle) => Some(handle.clone()),
                Passed::Value | Passed::Variant(_) => values.next().map(Item::Value),
            };
            if let (Passed::Variant(of), Some(Item::Value(value))) = (result, &item) {
                let same = of.filter(|_| kind == "While").and_then(|k| self.variant(passed.get(k)?)).cloned();
                self.ragged.insert(*value, same.unwrap_or_else(Ragged::unknown));
            }
            all.extend(item.map(|item| (i, item)));
        }
        Ok(all)
    }

    /// Values for the attributes of a function; one that was cut out of another has those of the other.
    fn bound_of(&self, function: &NameAttrList, place: &Place) -> Bindings {
        if function.name.starts_with(MADE) { place.bound.clone() } else { bind(function.attr.clone(), &place.bound) }
    }

    fn branches(&self, node: &NodeDef, place: &Place) -> Result<Vec<(String, NameAttrList)>> {
        let Some(Value::List(bytes)) = node.attr.get("branches").and_then(|v| bound(v, &place.bound)) else {
            return Err(function_error("the attribute `branches` is no list of functions", node));
        };
        let list: ListValue = decode(bytes, "a list")?;
        if list.func.is_empty() {
            return Err(function_error("there is no branch", node));
        }
        Ok(list.func.into_iter().map(|f| (String::new(), f)).collect())
    }

    pub(super) fn variant(&self, item: &Item) -> Option<&Ragged> {
        self.ragged.get(&item.value()?)
    }

    /// A function as a graph of its own over those arguments that are values, and what its results are.
    fn graph_of(
        &mut self,
        node: &NodeDef,
        function: &NameAttrList,
        passed: &[Item],
        key: &str,
        place: &Place,
    ) -> Result<(SourceGraph, Vec<Passed>)> {
        let body = self.parts().library.get(&function.name).map_err(|d| d.at_node(node.name.clone()))?;
        let mut inside = self.inside(node, &function.name, place)?;
        inside.bound = self.bound_of(function, place);
        inside.prefix = String::new();
        let mut emitter: Emitter<'a> = Emitter::new(self.shared, function.name.clone());
        let mut items = Vec::new();
        for (name, item) in body.args.iter().zip(passed) {
            items.push(match item {
                Item::Value(_) => {
                    let name = emitter.unique(name);
                    Item::Value(emitter.graph.add_input(name, None))
                }
                Item::Handle(handle) => Item::Handle(handle.clone()),
            });
        }
        let mut parts = Vec::new();
        for (ragged, item) in passed.iter().map(|i| self.variant(i)).zip(&items) {
            let (Some(ragged), Item::Value(value)) = (ragged, item) else { continue };
            let mut own = Vec::with_capacity(ragged.parts.len());
            for _ in 0..ragged.parts.len() {
                let name = emitter.unique("ragged");
                own.push(emitter.graph.add_input(name, None));
            }
            parts.extend(own.iter().copied());
            emitter.ragged.insert(*value, ragged.of(own));
        }
        let entered = items.clone();
        let given = arguments(node, &body, if items.len() == body.args.len() { items } else { passed.to_vec() })?;
        let results = if key != "cond" { body.results.as_slice() } else { body.results.get(..1).unwrap_or_default() };
        let resolve = |r: &super::body::Returned| body.resolve(&self.parts().library, &r.tensor, &function.name);
        let wanted = results.iter().map(resolve).collect::<Result<Vec<_>>>()?;
        let items = emitter.body(&body, given, &wanted, &inside)?;
        let mut handles = Vec::new();
        for (result, item) in results.iter().zip(items) {
            match item {
                Item::Value(value) => {
                    emitter.graph.add_output(result.name.clone(), value);
                    let same = |i: &Item| matches!(i, Item::Value(v) if *v == value);
                    let variant = emitter.ragged.contains_key(&value);
                    handles.push(if variant { Passed::Variant(entered.iter().position(same)) } else { Passed::Value });
                }
                handle @ Item::Handle(_) => handles.push(Passed::Handle(handle)),
            }
        }
        if key == "body" {
            for part in parts {
                emitter.graph.add_output(emitter.graph.value(part).name.clone(), part);
            }
        }
        let graph = if emitter.forwarded { super::dropout::prune(&emitter.graph) } else { emitter.graph };
        Ok((graph, handles))
    }
}

/// The arguments of a call as what stands in the body.
fn arguments(node: &NodeDef, body: &Body, inputs: Vec<Item>) -> Result<HashMap<Ref, Item>> {
    if inputs.len() != body.args.len() {
        return Err(function_error(format!("`{}` is called with another number of arguments", body.name), node)
            .expected(format!("{}", body.args.len()))
            .found(format!("{}", inputs.len())));
    }
    Ok(inputs.into_iter().enumerate().map(|(i, item)| (Ref::Arg(i), item)).collect())
}

/// The attributes that a call gives a function, after what its caller was given.
fn bind(given: Bindings, outer: &Bindings) -> Bindings {
    let mut all = Bindings::new();
    for (name, value) in given {
        let value = match &value.value {
            Some(Value::Placeholder(name)) => outer.get(name).cloned().unwrap_or(value),
            _ => value,
        };
        all.insert(name, value);
    }
    all
}
