//! A model as a source graph: one node for each call of a layer, models inside models inlined.
//!
//! Owns: names of nodes and values, the order of calls, `@args` and `@kwargs`. Must never know: files.

mod inputs;
mod op;
mod order;
#[cfg(test)]
mod tests;

use crate::model::{Arg, Call, LayerId, Model, Network};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, SourceGraph, ValueId};
use order::Refs;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The source graph of a model.
///
/// # Errors
/// `KR0008` when the connections are no graph, `KR0003` when an input's type is unknown.
pub(crate) fn build(model: &Model) -> Result<SourceGraph> {
    network_graph(model, model.root)
}

/// The graph of a network by itself; wrappers keep the models that they wrap this way.
fn network_graph(model: &Model, id: LayerId) -> Result<SourceGraph> {
    let mut emitter = Emitter {
        model,
        graph: SourceGraph::new(model.layer(id).name.clone()),
        names: HashSet::new(),
        // Shared models that are called twice inside shared models that are called twice … grow exponentially.
        most_work: 20 * model.layers.len() + 10_000,
        work: 0,
    };
    let network = emitter.network(id)?;
    let outputs = if network.sequential {
        emitter.sequential(id, "", None)?
    } else {
        let given = emitter.add_inputs(network)?;
        emitter.functional(id, "", given)?
    };
    emitter.name_outputs(network, &outputs);
    Ok(emitter.graph)
}

/// The results of the calls so far, by layer and by which of its calls.
type Env = HashMap<(LayerId, usize), Vec<ValueId>>;

struct Emitter<'a> {
    model: &'a Model,
    graph: SourceGraph,
    names: HashSet<String>,
    most_work: usize,
    work: usize,
}

pub(super) fn graph_error(message: String, node: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_GRAPH, message).at_node(node).help("the configuration was damaged or edited by hand")
}

impl<'a> Emitter<'a> {
    fn network(&self, id: LayerId) -> Result<&'a Network> {
        let layer = self.model.layer(id);
        self.model.network(id).ok_or_else(|| graph_error("this layer is not a model".into(), &layer.name))
    }

    /// A name that no node has yet: the second call of `dense` is `dense_1`.
    fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        for i in 1.. {
            if self.names.insert(candidate.clone()) {
                break;
            }
            candidate = format!("{name}_{i}");
        }
        candidate
    }

    fn add_inputs(&mut self, network: &Network) -> Result<Vec<ValueId>> {
        let refs = Refs::new(self.model, network)?;
        let mut given = Vec::new();
        for input in &network.inputs {
            let layer = self.model.layer(refs.layer(&input.layer)?);
            if layer.class != "InputLayer" {
                return Err(graph_error("an input of the model is not an InputLayer".into(), &layer.name));
            }
            let (name, ty) = inputs::of_input_layer(layer)?;
            let name = self.unique(name);
            given.push(self.graph.add_input(name, Some(ty)));
        }
        Ok(given)
    }

    /// Emits a Sequential that is given `input`, or takes an input of its own.
    fn sequential(&mut self, id: LayerId, prefix: &str, input: Option<Vec<ValueId>>) -> Result<Vec<ValueId>> {
        let network = self.network(id)?;
        let mut layers = network.layers.iter().copied().peekable();
        let first = layers.next_if(|l| self.model.layer(*l).class == "InputLayer");
        let mut values = match input {
            Some(values) => values,
            None => match layers.peek().copied().filter(|l| first.is_none() && self.has_branches(*l)) {
                Some(merge) => self.branches(merge, prefix)?,
                None => {
                    let (name, ty) = inputs::of_sequential(self.model, id)?;
                    let name = self.unique(name);
                    vec![self.graph.add_input(name, Some(ty))]
                }
            },
        };
        for layer in layers {
            if self.model.layer(layer).class == "InputLayer" {
                continue;
            }
            let arg = match values.as_slice() {
                [_] => self::input(0),
                all => Attr::List((0..all.len()).map(self::input).collect()),
            };
            values = self.call(layer, prefix, values, (vec![arg], BTreeMap::new()), 1)?;
        }
        Ok(values)
    }

    /// Keras 1: a Sequential may start with a `Merge` of other models, which are then its inputs.
    fn has_branches(&self, id: LayerId) -> bool {
        self.model.layer(id).class == "Merge" && !self.model.children(id).is_empty()
    }

    fn branches(&mut self, merge: LayerId, prefix: &str) -> Result<Vec<ValueId>> {
        let mut values = Vec::new();
        for branch in self.model.children(merge) {
            let network = self.network(branch)?;
            let prefix = join(prefix, &self.model.layer(branch).name);
            if network.sequential {
                values.extend(self.sequential(branch, &prefix, None)?);
            } else {
                let given = self.add_inputs(network)?;
                values.extend(self.functional(branch, &prefix, given)?);
            }
        }
        Ok(values)
    }

    /// Emits the calls of a functional model that is given the values of its inputs.
    fn functional(&mut self, id: LayerId, prefix: &str, given: Vec<ValueId>) -> Result<Vec<ValueId>> {
        let network = self.network(id)?;
        let refs = Refs::new(self.model, network)?;
        if given.len() != network.inputs.len() {
            return Err(graph_error("the model is called with another number of tensors".into(), prefix)
                .expected(format!("{}", network.inputs.len()))
                .found(format!("{}", given.len())));
        }
        let mut env = Env::new();
        for (input, value) in network.inputs.iter().zip(given) {
            env.insert((refs.layer(&input.layer)?, input.node), vec![value]);
        }
        for (layer, node) in order::calls(self.model, network, &refs, &env)? {
            let Some(call) = self.model.layer(layer).calls.get(node - refs.offset(layer)) else { continue };
            let (values, arguments) = self.arguments(layer, call, &refs, &env)?;
            let results = self.call(layer, prefix, values, arguments, refs.results(layer, node))?;
            env.insert((layer, node), results);
        }
        let output = |r| refs.value(&env, r);
        network.outputs.iter().map(output).collect()
    }

    /// The operands of a call, each once, and its arguments with tensors as `{"@input": i}`. A model that is called with a
    /// dictionary takes its operands in the order of its own inputs.
    fn arguments(&self, id: LayerId, call: &Call, refs: &Refs, env: &Env) -> Result<(Vec<ValueId>, Arguments)> {
        let mut operands = Operands { values: Vec::new(), distinct: true };
        if let Some(network) = self.model.network(id) {
            operands.distinct = false;
            if let [Arg::Map(map)] = call.args.as_slice()
                && !network.input_keys.is_empty()
            {
                for key in &network.input_keys {
                    let arg = map.get(key).ok_or_else(|| {
                        graph_error(
                            format!("the model is called without its input `{key}`"),
                            &self.model.layer(id).name,
                        )
                    })?;
                    operands.attr(arg, refs, env)?;
                }
                return Ok((operands.values, Arguments::default()));
            }
        }
        let args = call.args.iter().map(|a| operands.attr(a, refs, env)).collect::<Result<_>>()?;
        let mut kwargs = BTreeMap::new();
        for (name, arg) in &call.kwargs {
            kwargs.insert(name.clone(), operands.attr(arg, refs, env)?);
        }
        Ok((operands.values, (args, kwargs)))
    }

    /// Emits one call of a layer; of a model, all that is inside.
    fn call(
        &mut self,
        id: LayerId,
        prefix: &str,
        values: Vec<ValueId>,
        arguments: Arguments,
        results: usize,
    ) -> Result<Vec<ValueId>> {
        let name = join(prefix, &self.model.layer(id).name);
        let name = self.unique(name);
        self.work += 1 + self.model.network(id).map_or(0, |n| n.layers.len());
        if self.work > self.most_work {
            return Err(Diagnostic::error(Code::IO_LIMIT, "models inside models are called too often")
                .at_node(name)
                .expected(format!("at most {} calls", self.most_work)));
        }
        if let Some(network) = self.model.network(id) {
            return if network.sequential {
                self.sequential(id, &name, Some(values))
            } else {
                self.functional(id, &name, values)
            };
        }
        let mut op = op::source_op(self.model, id)?;
        op.attrs.insert("@args".into(), Attr::List(arguments.0));
        op.attrs.insert("@kwargs".into(), Attr::Map(arguments.1));
        let value_name = |i: usize| if i == 0 { name.clone() } else { format!("{name}:{i}") };
        let outputs = (0..results).map(|i| (value_name(i), None)).collect();
        Ok(self.graph.add_node(op, values.into_iter().map(Some).collect(), name.clone(), outputs))
    }

    /// Outputs are named after the layers that give them, `_1`, `_2` behind repeated names
    /// (keras/src/engine/functional.py 2.15, `_set_output_names`).
    fn name_outputs(&mut self, network: &Network, outputs: &[ValueId]) {
        let mut names = HashSet::new();
        for (i, &value) in outputs.iter().enumerate() {
            let layer = match network.outputs.get(i) {
                Some(output) => output.layer.clone(),
                None => {
                    network.layers.last().map_or_else(|| format!("output_{i}"), |l| self.model.layer(*l).name.clone())
                }
            };
            let numbered = (1..).map(|n| format!("{layer}_{n}"));
            let name = std::iter::once(layer.clone()).chain(numbered).find(|n| !names.contains(n)).unwrap_or(layer);
            names.insert(name.clone());
            self.graph.add_output(name, value);
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// Positional arguments, and arguments by name.
type Arguments = (Vec<Attr>, BTreeMap<String, Attr>);

/// Operand `i` as an argument.
fn input(i: usize) -> Attr {
    Attr::Map([("@input".to_owned(), Attr::Int(i as i64))].into())
}

struct Operands {
    values: Vec<ValueId>,
    /// Whether a tensor that is used twice stands once.
    distinct: bool,
}

impl Operands {
    fn attr(&mut self, arg: &Arg, refs: &Refs, env: &Env) -> Result<Attr> {
        Ok(match arg {
            Arg::Value(value) => value.clone(),
            Arg::List(list) => Attr::List(list.iter().map(|a| self.attr(a, refs, env)).collect::<Result<_>>()?),
            Arg::Map(map) => {
                let entries = map.iter().map(|(k, a)| Ok((k.clone(), self.attr(a, refs, env)?)));
                Attr::Map(entries.collect::<Result<_>>()?)
            }
            Arg::Tensor(tensor) => {
                let value = refs.value(env, tensor)?;
                let known = self.values.iter().position(|v| *v == value).filter(|_| self.distinct);
                let at = known.unwrap_or_else(|| {
                    self.values.push(value);
                    self.values.len() - 1
                });
                input(at)
            }
        })
    }
}
