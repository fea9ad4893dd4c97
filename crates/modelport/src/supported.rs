//! What is converted, by name, out of the rows of the readers.
//!
//! Owns: the order and the titles of the lists. Must never know: what any of the names means.

/// A list of names that are converted.
#[derive(Clone, Debug)]
pub struct Supported {
    /// The framework they belong to.
    pub framework: &'static str,
    /// What they are: `layer classes`, `ops`.
    pub what: &'static str,
    /// The names as the framework spells them, in the order of their families.
    pub names: Vec<&'static str>,
}

/// Everything that is converted, one list for each kind of thing that a file may name.
pub fn supported() -> Vec<Supported> {
    let list = |framework, what, names| Supported { framework, what, names };
    let keras = modelport_keras::supported();
    vec![
        list("Keras", "layer classes", keras.layers),
        list("Keras", "operations of Keras 3 in functional models", keras.operations),
        list("TensorFlow", "ops", modelport_tensorflow::supported()),
        list("PyTorch", "ATen ops, in `.pt2` and TorchScript", modelport_torch::supported()),
        list("PyTorch", "classes of torch.nn in models pickled whole", modelport_torch::supported_modules()),
        list("PyTorch", "torchvision models, pickled whole or told by a state_dict", modelport_torch::architectures()),
    ]
}
