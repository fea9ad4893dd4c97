//! The functions of a graph, decoded when they are called: a Keras model holds each several times, most for training.
//!
//! Owns: function names. Must never know: how a call is put into a graph.

use super::body::Body;
use super::v1::functional;
use crate::wire::{Fields, damaged, decode, field, node};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_proto::tensorflow::{FunctionDef, OpDef};
use prost::bytes::Bytes;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The functions of a graph by name.
#[derive(Debug, Default)]
pub(crate) struct Library {
    functions: HashMap<String, Bytes>,
    decoded: RefCell<HashMap<String, Rc<Body>>>,
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
        Ok(Self { functions, decoded: RefCell::default(), limits })
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
