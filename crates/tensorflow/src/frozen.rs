//! Frozen graphs: one GraphDef with all weights as constants.
//!
//! Owns: the file as a whole. Must never know: SavedModels, checkpoints.

use crate::assets::Assets;
use crate::checkpoint::Checkpoint;
use crate::graph::{
    Body, Library, Parts, Switches, Variables, Wishes, add_feeds, build, functional, interface_of_graph,
};
use crate::open::{OpenOptions, TensorFlowFile};
use crate::probe::Kind;
use crate::restore::Tracer;
use crate::wire;
use modelport_diag::Result;
use modelport_ir::{Provenance, Tensor};
use modelport_proto::tensorflow::{GraphDef, attr_value::Value};
use modelport_storage::MappedFile;
use std::sync::Arc;

/// Reads a GraphDef in the wire format.
///
/// # Errors
/// When it is damaged.
pub(crate) fn open(file: &Arc<MappedFile>, options: &OpenOptions) -> Result<TensorFlowFile> {
    let def = wire::graph(file.bytes(), &options.limits)?;
    let weights = constants(file, &def);
    let mut provenance = Provenance {
        framework: "tensorflow".to_owned(),
        format: "frozen TensorFlow graph (GraphDef)".to_owned(),
        evidence: vec!["the file is a list of nodes".to_owned()],
        ..Provenance::default()
    };
    let producer = def.versions.as_ref().map_or(def.version, |v| v.producer);
    provenance.details.insert("producer".to_owned(), producer.to_string());
    let parts = parts(file, def, (&Assets::default(), None), options)?;
    let mut notes = Vec::new();
    let wishes = Wishes { inputs: &options.inputs, outputs: &options.outputs, types: &options.input_types };
    let interface = interface_of_graph(&parts, wishes, &mut notes).and_then(|mut interface| {
        add_feeds(&parts, &mut interface, wishes, &mut notes)?;
        Ok(interface)
    });
    let graph = interface.and_then(|i| build(&parts, &i));
    let graph = graph.map(|(mut graph, found)| {
        notes.extend(found);
        graph.provenance = provenance.clone();
        graph
    });
    Ok(TensorFlowFile { provenance, kind: Kind::GraphDef, weights, layers: Vec::new(), graph, notes })
}

/// A decoded graph with all that is needed to build from it; assets and checkpoint stand beside the graph.
///
/// # Errors
/// When names stand twice or functions are damaged.
pub(crate) fn parts(
    file: &Arc<MappedFile>,
    def: GraphDef,
    (assets, checkpoint): (&Assets, Option<&Checkpoint>),
    options: &OpenOptions,
) -> Result<Parts> {
    let producer = def.versions.as_ref().map_or(def.version, |v| v.producer);
    let library = Library::new(def.library.map(|l| l.function).unwrap_or_default(), options.limits)?;
    let main = functional(Body::graph(def.node)?, &library)?;
    let tables = Tracer { file, library: &library, assets, checkpoint }.tables(&main);
    let switches = Switches::of(&main, &library, &options.input_values);
    Ok(Parts {
        file: file.clone(),
        switches,
        values: options.input_values.clone(),
        main,
        library,
        variables: Variables::default(),
        tables,
        producer,
        limits: options.limits,
    })
}

/// Constants that are more than axes and shapes, for `inspect`.
fn constants(file: &Arc<MappedFile>, def: &GraphDef) -> Vec<(String, Tensor)> {
    let constants = def.node.iter().filter(|n| n.op == "Const").filter_map(|node| {
        let Value::Tensor(bytes) = node.attr.get("value")?.value.as_ref()? else { return None };
        let tensor = crate::tensor_proto::tensor(file, bytes).ok()?;
        (tensor.dtype().is_float() && tensor.len() > 1).then(|| (node.name.clone(), tensor))
    });
    constants.collect()
}
