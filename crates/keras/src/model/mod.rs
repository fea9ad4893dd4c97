//! A Keras model as its configuration describes it: layers, how they are nested, how they are connected.
//!
//! Owns: the arena of layers that weights are attached to and that the source graph is made from. Must never know: how the
//! file stores weights.

mod nodes;
mod parse;

pub(crate) use nodes::{Arg, Call, TensorRef};
pub(crate) use parse::parse;

use modelport_ir::Tensor;
use serde_json::{Map, Value};

/// Index of a layer in its [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LayerId(pub(crate) usize);

/// All layers of a model; a shared layer stands once.
#[derive(Debug)]
pub(crate) struct Model {
    /// The layers, each before those that it contains.
    pub(crate) layers: Vec<Layer>,
    /// The outermost layer, whose body is a network.
    pub(crate) root: LayerId,
}

/// A layer, an operation, or a model used as a layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Class name without module: `DepthwiseConv2D`.
    pub(crate) class: String,
    /// Unique among its siblings.
    pub(crate) name: String,
    /// Python module of the class, in v3 configurations.
    pub(crate) module: Option<String>,
    /// `package>Class` of a registered custom class.
    pub(crate) registered: Option<String>,
    /// The arguments.
    pub(crate) config: Map<String, Value>,
    /// What `build()` was called with, in v3 configurations.
    pub(crate) build: Option<Value>,
    /// Equal for two descriptions of one Python object.
    pub(crate) shared_id: Option<i64>,
    /// What is inside.
    pub(crate) body: Body,
    /// Own weights by canonical name, those of inner layers excluded.
    pub(crate) weights: Vec<(String, Tensor)>,
    /// The calls of this layer in the network that holds it.
    pub(crate) calls: Vec<Call>,
}

/// What a layer contains.
#[derive(Debug)]
pub(crate) enum Body {
    /// No other layers.
    Plain,
    /// A Sequential or Functional model.
    Network(Network),
    /// Inner layers by the attribute that holds them: `layer`, `forward_layer`, `cell`, `cells/0`.
    Slots(Vec<(String, LayerId)>),
}

/// Connected layers.
#[derive(Debug)]
pub(crate) struct Network {
    /// Whether every layer takes what the one before it gives.
    pub(crate) sequential: bool,
    /// The layers in the order of the configuration.
    pub(crate) layers: Vec<LayerId>,
    /// The tensors that the model takes.
    pub(crate) inputs: Vec<TensorRef>,
    /// The tensors that it gives.
    pub(crate) outputs: Vec<TensorRef>,
    /// The keys, where inputs are passed as a dictionary, in the order of `inputs`.
    pub(crate) input_keys: Vec<String>,
}

impl Layer {
    /// Whether the class is not Keras's own, even if it is called like one: registered under a package, or from another
    /// module (keras/src/saving/serialization_lib.py 3.15, `serialize_keras_object`).
    pub(crate) fn is_custom(&self) -> bool {
        let own =
            |module: &str| ["keras", "tf_keras", "tensorflow"].iter().any(|m| module.split('.').next() == Some(m));
        self.registered.as_deref().is_some_and(|r| r.contains('>')) || self.module.as_deref().is_some_and(|m| !own(m))
    }
}

impl Model {
    /// A layer. Ids come from this model, so they exist.
    pub(crate) fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.0]
    }

    /// A layer, to be changed.
    pub(crate) fn layer_mut(&mut self, id: LayerId) -> &mut Layer {
        &mut self.layers[id.0]
    }

    /// The layers directly inside a layer.
    pub(crate) fn children(&self, id: LayerId) -> Vec<LayerId> {
        match &self.layer(id).body {
            Body::Plain => Vec::new(),
            Body::Network(n) => n.layers.clone(),
            Body::Slots(slots) => slots.iter().map(|(_, id)| *id).collect(),
        }
    }

    /// The network of a layer that is a model.
    pub(crate) fn network(&self, id: LayerId) -> Option<&Network> {
        match &self.layer(id).body {
            Body::Network(n) => Some(n),
            _ => None,
        }
    }

    /// The layers that the file's `layer_names` lists. A Keras 1 Sequential that starts with a `Merge` of branches lists
    /// the layers of the branches too (keras/models.py 1.2.2, `Sequential.flattened_layers`).
    pub(crate) fn top_layers(&self) -> Vec<LayerId> {
        let mut out = Vec::new();
        for id in self.children(self.root) {
            if self.layer(id).class == "Merge" {
                out.extend(self.children(id).into_iter().flat_map(|branch| self.children(branch)));
            }
            out.push(id);
        }
        out
    }
}
