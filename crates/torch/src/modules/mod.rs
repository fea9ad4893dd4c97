//! Modules of `torch.nn`: what each class computes in eval mode, as calls of ATen ops. A model that was pickled whole is
//! a tree of such modules; torchvision's own classes are in [`crate::architectures`].
//!
//! Owns: one row per class. Must never know: file formats, core ops, other frameworks.
//!
//! Source: `torch/nn/modules/*.py` of torch 2.15, and of the releases from 0.4 where an attribute is younger than the
//! class; its default is then what the class did before.

mod activation;
mod attention;
mod container;
mod conv;
mod forward;
mod linear;
mod norm;
mod pickled;
mod pool;
mod recurrent;
mod reparametrised;
mod resample;
mod shape;
mod transformer;
mod tree;

pub(crate) use activation::identity as activation_identity;
pub(crate) use container::sequential as container_sequential;
pub(crate) use conv::{conv, transposed as transposed_conv};
pub(crate) use forward::{Forward, Val, flatten, int, ints};
pub(crate) use norm::{batch_norm, layer_norm};
pub(crate) use pickled::{graph, is_module};
pub(crate) use tree::{CHILDREN, Module, Slot, join};

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::ValueId;

/// How a class computes.
#[derive(Clone, Copy)]
pub(crate) enum Apply {
    /// One tensor in, one out.
    One(fn(&mut Forward, &Module, ValueId) -> Result<ValueId>),
    /// Anything.
    Any(fn(&mut Forward, &Module, &[Val]) -> Result<Val>),
}

/// A class: the package or module that it comes from, its name, what it computes.
pub(crate) struct Class {
    /// Prefix of the class's path: `torch.nn`, `torchvision.models.mobilenetv3`.
    pub(crate) of: &'static str,
    /// Name.
    pub(crate) name: &'static str,
    /// What it computes.
    pub(crate) apply: Apply,
}

/// A class of `torch.nn` that maps a tensor to a tensor.
pub(crate) const fn nn(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: "torch.nn", name, apply: Apply::One(f) }
}

/// A class of `torch.nn` with other arguments or results.
pub(crate) const fn nn_any(name: &'static str, f: fn(&mut Forward, &Module, &[Val]) -> Result<Val>) -> Class {
    Class { of: "torch.nn", name, apply: Apply::Any(f) }
}

/// Every family of classes.
const FAMILIES: &[&[Class]] = &[
    activation::CLASSES,
    attention::CLASSES,
    container::CLASSES,
    conv::CLASSES,
    linear::CLASSES,
    norm::CLASSES,
    pool::CLASSES,
    recurrent::CLASSES,
    resample::CLASSES,
    shape::CLASSES,
    transformer::CLASSES,
];

/// The names of all classes of `torch.nn` that are converted, in the order of the families.
pub fn supported() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|f| f.iter()).map(|c| c.name).collect()
}

fn all() -> impl Iterator<Item = &'static Class> {
    FAMILIES.iter().copied().chain(crate::architectures::CLASSES.iter().copied()).flatten()
}

/// The row of a module's class; `None` for a class that is not torch's or torchvision's.
///
/// # Errors
/// When the class is one of theirs and is refused.
pub(crate) fn find(m: &Module) -> Result<Option<Apply>> {
    let quantized = ["torch.nn.quantized", "torch.nn.intrinsic", "torch.nn.qat", "torch.ao.nn", "torch.nn.quantizable"];
    let below = |prefix: &str| m.class.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
    if quantized.iter().any(|p| below(p)) {
        return Err(Diagnostic::error(Code::TORCH_MODULE, format!("quantised module `{}` is not converted", m.class))
            .help("convert the model before its quantisation, or export it with torch.export and give the .pt2 file"));
    }
    let found = all().find(|c| c.name == m.short() && (below(c.of) || is_later(&m.class, c.of)));
    if found.is_none() && (below("torch.nn") || below("torchvision")) {
        return Err(Diagnostic::error(Code::TORCH_MODULE, format!("module class `{}` is not converted", m.class))
            .help("export the model with torch.export.save and convert the .pt2 file"));
    }
    Ok(found.map(|c| c.apply))
}

/// `torchvision.models.mobilenetv2` continues `torchvision.models.mobilenet`, where the class lived before.
fn is_later(class: &str, of: &str) -> bool {
    of.starts_with("torchvision.") && class.starts_with(of)
}
