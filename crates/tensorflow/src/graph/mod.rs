//! Nodes and functions as a source graph: what the outputs need, functions inlined, variables as constants.
//!
//! Owns: names of nodes and values, the walk through bodies. Must never know: containers and checkpoints; what ops compute.

mod array;
mod attrs;
mod body;
mod call;
mod changed;
mod dropout;
mod feeds;
mod guess;
mod interface;
mod library;
mod lookup;
mod node;
mod op_outputs;
mod order;
mod ragged;
mod seeds;
mod switches;
mod table;
mod v1;

pub(crate) use attrs::function_of;
pub(crate) use body::{Body, Ref};
pub(crate) use feeds::add_feeds;
pub(crate) use interface::{
    Input, Interface, Output, Wishes, input_type, interface_of_graph, name_of, sizes, type_name,
};
pub(crate) use library::Library;
pub(crate) use lookup::MOST_KEYS;
pub(crate) use switches::Switches;
pub(crate) use table::{Table, Tables, is_mutable_table};
pub(crate) use v1::functional;

use attrs::Bindings;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{SourceGraph, Tensor, ValueId};
use modelport_storage::MappedFile;
use ragged::Ragged;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// The values of variables: by the node that makes the variable, and by the name that it is shared under.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    /// By node of the main graph.
    pub(crate) by_node: HashMap<String, Tensor>,
    /// By shared name.
    pub(crate) by_name: HashMap<String, Tensor>,
    /// What to say of a variable that has no value.
    pub(crate) absent: String,
}

/// All that a graph is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The file that tensors of constants are views of.
    pub(crate) file: Arc<MappedFile>,
    /// The nodes.
    pub(crate) main: Body,
    /// The functions.
    pub(crate) library: Library,
    /// The values of variables.
    pub(crate) variables: Variables,
    /// The content of lookup tables by the node that makes them.
    pub(crate) tables: Tables,
    /// Values that inputs have for good, by name.
    pub(crate) values: Vec<(String, f64)>,
    /// Placeholders that are no inputs.
    pub(crate) switches: Switches,
    /// `versions.producer` of the graph.
    pub(crate) producer: i32,
    /// Bounds.
    pub(crate) limits: Limits,
}

/// What a tensor of the file is while the graph is built.
#[derive(Clone, Debug)]
enum Item {
    /// A value of the graph.
    Value(ValueId),
    /// A resource, known by the node that made it.
    Handle(Rc<Handle>),
}

impl Item {
    fn value(&self) -> Option<ValueId> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Handle(_) => None,
        }
    }
}

/// A resource: a variable, a table, or something that no graph for inference should hold.
#[derive(Debug)]
struct Handle {
    /// The op that made it.
    op: String,
    /// The node that made it.
    node: String,
    /// Whether that node stands in the main graph.
    main: bool,
    /// The name that it is shared under.
    shared_name: String,
}

/// State that the graph and the graphs inside it share.
struct Shared<'a> {
    parts: &'a Parts,
    work: Cell<usize>,
    most_work: usize,
    notes: RefCell<BTreeSet<String>>,
    /// What is wanted of the main graph, and what it is given.
    ends: (Vec<Ref>, HashSet<Ref>),
    changed: OnceCell<HashSet<String>>,
}

impl Shared<'_> {
    /// Tables and variables that a run of the model changes, by the node that makes each.
    fn changed(&self) -> &HashSet<String> {
        let (wanted, given) = &self.ends;
        self.changed.get_or_init(|| changed::changed(self.parts, wanted, given, self.most_work))
    }
}

struct Emitter<'a> {
    shared: &'a Shared<'a>,
    graph: SourceGraph,
    names: HashSet<String>,
    /// Variables that stand in this graph already.
    read: HashMap<String, ValueId>,
    /// Values that are variants in the file.
    ragged: HashMap<ValueId, Ragged>,
    /// Whether something that stands in this graph is not needed after all.
    forwarded: bool,
}

/// Where the emitter is: names inside are prefixed; functions on the way in must not be called again.
#[derive(Clone, Default)]
struct Place {
    prefix: String,
    calls: Vec<String>,
    bound: Bindings,
}

/// Builds the graph between inputs and outputs.
///
/// # Errors
/// When nodes, functions or values of variables are missing, or the graph is none.
pub(crate) fn build(parts: &Parts, interface: &Interface) -> Result<(SourceGraph, Vec<String>)> {
    // Functions that are called twice by functions that are called twice … grow exponentially.
    let most_work = (40 * parts.main.nodes.len() + parts.library.bytes() + 10_000).min(parts.limits.objects);
    let at = |tensor: &str, name: &str| parts.main.resolve(&parts.library, tensor, name);
    let wanted = interface.outputs.iter().map(|o| at(&o.tensor, &o.name)).collect::<Result<Vec<_>>>()?;
    let given = interface.inputs.iter().map(|i| at(&i.tensor, &i.name)).collect::<Result<Vec<_>>>()?;
    let ends = (wanted.clone(), given.iter().copied().collect());
    let shared =
        Shared { parts, work: Cell::new(0), most_work, notes: RefCell::default(), ends, changed: OnceCell::new() };
    let mut emitter = Emitter::new(&shared, String::new());
    let mut fed = HashMap::new();
    for (input, at) in interface.inputs.iter().zip(given) {
        emitter.names.insert(input.name.clone());
        let value = emitter.graph.add_input(input.name.clone(), Some(input.ty.clone()));
        fed.insert(at, Item::Value(value));
    }
    let results = emitter.body(&parts.main, fed, &wanted, &Place::default())?;
    for (output, item) in interface.outputs.iter().zip(results) {
        match item {
            Item::Value(value) if emitter.ragged.contains_key(&value) => {
                return Err(ragged::unresolved(&output.tensor));
            }
            Item::Value(value) => emitter.graph.add_output(output.name.clone(), value),
            Item::Handle(handle) => {
                return Err(Diagnostic::error(Code::TF_INTERFACE, "an output is a resource, not a tensor")
                    .at_node(output.tensor.clone())
                    .found(format!("`{}`", handle.op)));
            }
        }
    }
    let mut graph = if emitter.forwarded { dropout::prune(&emitter.graph) } else { emitter.graph };
    // Placeholders that were no inputs have theirs already.
    let is_input = |name: &str| interface.inputs.iter().any(|i| i.name == name);
    let rest = parts.values.iter().filter(|(name, _)| is_input(name) || parts.switches.get(name).is_none());
    graph.set_input_values(&rest.cloned().collect::<Vec<_>>())?;
    Ok((graph, shared.notes.into_inner().into_iter().collect()))
}

impl<'a> Emitter<'a> {
    fn new(shared: &'a Shared<'a>, name: String) -> Self {
        let (names, read, ragged) = Default::default();
        Self { shared, graph: SourceGraph::new(name), names, read, ragged, forwarded: false }
    }

    fn parts(&self) -> &'a Parts {
        self.shared.parts
    }

    /// A name that nothing has yet: the second `dense` is `dense_1`.
    fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        for i in 1.. {
            if self.names.insert(candidate.clone()) {
                break;
            }
            candidate = format!("{name}_{i}");
        }
        candidate
    }

    fn spend(&self, node: &str) -> Result<()> {
        self.shared.work.set(self.shared.work.get() + 1);
        if self.shared.work.get() <= self.shared.most_work {
            return Ok(());
        }
        Err(Diagnostic::error(Code::IO_LIMIT, "functions inside functions are called too often")
            .at_node(node)
            .expected(format!("at most {} nodes", self.shared.most_work)))
    }

    /// Puts what `wanted` needs into the graph; `given` are tensors that are there.
    fn body(&mut self, body: &Body, mut given: HashMap<Ref, Item>, wanted: &[Ref], place: &Place) -> Result<Vec<Item>> {
        let fed: HashSet<Ref> = given.keys().copied().collect();
        let plan = order::plan(body, &self.parts().library, wanted, &fed)?;
        for at in &plan.order {
            let node = body.node(*at)?;
            self.spend(&node.name)?;
            let inputs = plan.inputs.get(at).map(Vec::as_slice).unwrap_or_default();
            let inputs = inputs.iter().map(|r| item(&given, *r, &node.name)).collect::<Result<Vec<_>>>()?;
            let none = BTreeSet::new();
            let used = plan.used.get(at).unwrap_or(&none);
            for (output, item) in self.node(node, inputs, used, place)? {
                given.entry(Ref::Node(*at, output)).or_insert(item);
            }
        }
        wanted.iter().map(|r| item(&given, *r, &body.name)).collect()
    }
}

fn item(given: &HashMap<Ref, Item>, at: Ref, user: &str) -> Result<Item> {
    given
        .get(&at)
        .cloned()
        .ok_or_else(|| body::graph_error("a node takes an output that its source does not have", user))
}

/// Results of a node, by number.
type Results = BTreeMap<usize, Item>;

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}
