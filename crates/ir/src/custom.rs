//! Custom layers: bodies for ops that no reader knows, declared in the text form or registered as closures.

use crate::{Builder, SourceOp, ValueId};
use modelport_diag::Result;
use std::collections::BTreeMap;
use std::fmt;

/// Lowers a module inside of a layer, by its name there, applied to values.
pub type Children<'a> = dyn FnMut(&mut Builder, &str, &[ValueId]) -> Result<Vec<ValueId>> + 'a;

/// The body of a custom layer: inserts core ops for one use of it and returns its results.
pub trait CustomLayer: Send + Sync {
    /// Lowers `op` (config in its attributes, weights by name) applied to `inputs`.
    ///
    /// # Errors
    /// When the declaration does not fit the layer.
    fn lower(&self, builder: &mut Builder, op: &SourceOp, inputs: &[ValueId]) -> Result<Vec<ValueId>>;

    /// As [`CustomLayer::lower`], for a layer that holds other modules, which its body may call.
    ///
    /// # Errors
    /// As [`CustomLayer::lower`], and those of the modules.
    fn lower_with(
        &self,
        builder: &mut Builder,
        op: &SourceOp,
        inputs: &[ValueId],
        children: &mut Children<'_>,
    ) -> Result<Vec<ValueId>> {
        let _ = children;
        self.lower(builder, op, inputs)
    }
}

impl<F> CustomLayer for F
where
    F: Fn(&mut Builder, &SourceOp, &[ValueId]) -> Result<Vec<ValueId>> + Send + Sync,
{
    fn lower(&self, builder: &mut Builder, op: &SourceOp, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        self(builder, op, inputs)
    }
}

/// All custom layers of a conversion, by class name.
#[derive(Default)]
pub struct CustomLayers {
    layers: BTreeMap<String, Box<dyn CustomLayer>>,
    /// Write unknown layers as nodes in a custom ONNX domain instead of failing.
    pub allow_custom_ops: bool,
}

impl CustomLayers {
    /// Registers a body for the class `name`; a later one replaces an earlier one.
    pub fn register(&mut self, name: impl Into<String>, layer: impl CustomLayer + 'static) {
        self.layers.insert(name.into(), Box::new(layer));
    }

    /// The body for the class `name`; `Custom>Name` is looked up as `Name` too.
    pub fn get(&self, name: &str) -> Option<&dyn CustomLayer> {
        let short = name.rsplit('>').next().unwrap_or(name);
        self.layers.get(name).or_else(|| self.layers.get(short)).map(Box::as_ref)
    }
}

impl fmt::Debug for CustomLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.layers.keys()).finish()
    }
}
