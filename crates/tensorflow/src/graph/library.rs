//! The functions of a graph, decoded when they are called: a Keras model holds each several times, most for training.
//!
//! Owns: function names. Must never know: how a call is put into a graph.

use super::body::Body;
use super::v1::functional;
use crate::wire::{Fields, damaged, decode, field, node};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_proto::tensorflow::{FunctionDef, OpDef};
use prost::bytes::Bytes;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// The functions of a graph by name.
#[derive(Debug, Default)]
pub(crate) struct Library {
    functions: HashMap<String, Bytes>,
    decoded: RefCell<HashMap<String, Rc<Body>>>,
    twins: OnceCell<HashMap<Api, String>>,
    limits: Limits,
}

impl Library {
    /// The functions in messages `FunctionDef`; of each only the name is read.
    ///
    /// # Errors
    /// `TF0001` when a message is damaged.
    pub(crate) fn new(messages: Vec<Bytes>, limits: Limits) -> Result<Self> {
        let mut functions = HashMap::with_capacity(messages.len());
        for message in messages {
            let signature = field(&message, 1)?.unwrap_or_default();
            let name = field(&signature, 1)?.unwrap_or_default();
            functions.insert(String::from_utf8_lossy(&name).into_owned(), message);
        }
        Ok(Self { functions, decoded: RefCell::default(), twins: OnceCell::new(), limits })
    }

    /// Bytes of all functions; a measure of how much work they can be worth.
    pub(crate) fn bytes(&self) -> usize {
        self.functions.values().map(Bytes::len).sum()
    }

    /// Whether there is a function of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.functions.contains_key(name) || self.decoded.borrow().contains_key(name)
    }

    /// Adds a function that stands in no file.
    pub(crate) fn add(&self, body: Body) {
        self.decoded.borrow_mut().insert(body.name.clone(), Rc::new(body));
    }

    /// Names of the results of a function.
    pub(crate) fn results_of(&self, name: &str) -> Option<Vec<String>> {
        if !self.has(name) {
            return None;
        }
        Some(self.get(name).ok()?.results.iter().map(|r| r.name.clone()).collect())
    }

    /// A function.
    ///
    /// # Errors
    /// `TF0003` when it is not there, `TF0001` when it is damaged.
    pub(crate) fn get(&self, name: &str) -> Result<Rc<Body>> {
        if let Some(body) = self.decoded.borrow().get(name) {
            return Ok(body.clone());
        }
        let bytes = self.functions.get(name).ok_or_else(|| {
            Diagnostic::error(Code::TF_FUNCTION, format!("the function `{name}` is called, but is not in the file"))
                .help("the graph was saved without its functions, or was cut out of a larger one")
        })?;
        let body = Body::function(self.decode(bytes)?).and_then(|body| functional(body, self));
        let body = Rc::new(body.map_err(|d| d.at_node(name))?);
        self.decoded.borrow_mut().insert(name.to_owned(), body.clone());
        Ok(body)
    }

    /// The function that computes the same by cuDNN's recurrence, where there is one. Keras 2 writes its recurrences
    /// twice (`keras/src/layers/rnn/gru_lstm_utils.py`, 2.15): a loop for a CPU and cuDNN's op for a GPU, and TensorFlow
    /// exchanges functions of the same `api_implements`. An op is worth more than a loop. Not so the twin of a GRU: builds
    /// without CUDA write its gates in an order that is not cuDNN's (`gru.py`, `gpu_gru`).
    pub(crate) fn twin(&self, name: &str) -> Option<&str> {
        let own = implements(self.functions.get(name)?)?;
        let all = self.twins.get_or_init(|| {
            let mut all: HashMap<Api, String> = HashMap::new();
            for (name, bytes) in &self.functions {
                let Some(api) = implements(bytes).filter(|a| a.0.starts_with(b"lstm") && is_cudnn(bytes)) else {
                    continue;
                };
                let place = all.entry(api).or_insert_with(|| name.clone());
                // The order of a map is not the same twice.
                if *name < *place {
                    place.clone_from(name);
                }
            }
            all
        });
        all.get(&own).filter(|twin| *twin != name).map(String::as_str)
    }

    fn decode(&self, bytes: &Bytes) -> Result<FunctionDef> {
        let mut function = FunctionDef::default();
        let mut rest = Fields::new(bytes.clone());
        while let Some((number, content)) = rest.next_field()? {
            match (number, content) {
                (1, Some(content)) => function.signature = Some(decode::<OpDef>(&content, "a function's signature")?),
                (3, Some(content)) => {
                    function.node_def.push(node(&content, function.node_def.len(), &self.limits)?);
                }
                (4, Some(content)) => {
                    let text = |n| -> Result<String> {
                        let bytes = field(&content, n)?.unwrap_or_default();
                        String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a name is not UTF-8"))
                    };
                    function.ret.insert(text(1)?, text(2)?);
                }
                _ => {}
            }
        }
        Ok(function)
    }
}

/// Fields of a message, as far as it is whole.
fn fields(bytes: &Bytes, number: u32) -> Vec<Bytes> {
    let (mut rest, mut all) = (Fields::new(bytes.clone()), Vec::new());
    while let Ok(Some((n, content))) = rest.next_field() {
        all.extend(content.filter(|_| n == number));
    }
    all
}

/// The name of what a function implements, which others implement too, with the numbers of arguments and results: that
/// for training has more.
type Api = (Bytes, [usize; 2]);

fn implements(function: &Bytes) -> Option<Api> {
    let named = |e: &Bytes| field(e, 1).ok().flatten().as_deref() == Some(b"api_implements");
    let entry = fields(function, 5).into_iter().find(named)?;
    let name = field(&field(&entry, 2).ok()??, 2).ok()??;
    let signature = field(function, 1).ok()??;
    Some((name, [2, 3].map(|n| fields(&signature, n).len())))
}

/// Whether a function is cuDNN's LSTM whatever its arguments are: nothing is chosen or called in it.
fn is_cudnn(function: &Bytes) -> bool {
    let mut found = false;
    for node in fields(function, 3) {
        let op = field(&node, 2).ok().flatten().unwrap_or_default();
        match op.as_ref() {
            b"CudnnRNN" | b"CudnnRNNV2" | b"CudnnRNNV3" => found = true,
            // Builds for AMD's devices order the gates of the op as these do, which takes them a `Pack`.
            b"Pack" => return false,
            b"If" | b"StatelessIf" | b"While" | b"StatelessWhile" | b"PartitionedCall" | b"StatefulPartitionedCall" => {
                return false;
            }
            _ => {}
        }
    }
    found
}
