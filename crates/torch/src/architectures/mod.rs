//! torchvision's classification families: their `forward` as rows by class name, and putting them together from the
//! names and shapes of a `state_dict`. One description serves both ways: weights alone become the module tree that the
//! constructor would make, and that tree is converted as one out of a pickle.
//!
//! Owns: what torchvision 0.2 to 0.29 defines in `torchvision/models` and `torchvision/ops/misc.py`. Must never know: file
//! formats, core ops.

mod alexnet;
mod bind;
mod convnext;
mod densenet;
mod efficientnet;
mod googlenet;
mod inception;
mod keys;
mod maxvit;
mod misc;
mod mnasnet;
mod mobilenet;
mod mobilenet_v3;
pub(crate) mod recognise;
mod regnet;
mod resnet;
mod shufflenet;
mod squeezenet;
mod swin;
mod swin_attention;
mod synth;
mod vgg;
mod vit;
mod within;

use crate::model;
use crate::modules::{Class, Module};
use crate::open::OpenOptions;
use keys::Keys;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{SourceGraph, Tensor};
use std::collections::BTreeMap;

/// The graph of the architecture that the names and shapes of weights belong to, or that `options.arch` names; `notes`
/// takes what the user should know.
///
/// # Errors
/// `TO0202` when it cannot be told, with the ways on.
pub(crate) fn recognise(
    weights: &[(String, Tensor)],
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<SourceGraph> {
    model::of_weights(weights, options, notes)
}

/// Every family's classes. Those of a narrower module come first.
pub(crate) const CLASSES: &[&[Class]] = &[
    mobilenet_v3::CLASSES,
    mobilenet::CLASSES,
    shufflenet::CLASSES,
    mnasnet::CLASSES,
    resnet::CLASSES,
    vgg::CLASSES,
    alexnet::CLASSES,
    squeezenet::CLASSES,
    densenet::CLASSES,
    inception::CLASSES,
    googlenet::CLASSES,
    efficientnet::CLASSES,
    regnet::CLASSES,
    convnext::CLASSES,
    vit::CLASSES,
    swin::CLASSES,
    maxvit::CLASSES,
    misc::CLASSES,
];

/// A family whose members are told by their weights.
pub(crate) struct Family {
    /// Its name, which is the start of its members' names.
    pub(crate) name: &'static str,
    /// torchvision's names for its members.
    pub(crate) members: &'static [&'static str],
    /// Options of `--arch` that it knows.
    pub(crate) options: &'static [&'static str],
    /// Puts the module tree together; `None` when the keys are nothing like it.
    pub(crate) build: fn(&Keys<'_>, &Options) -> Result<Option<Built>>,
}

/// All families.
pub(crate) const FAMILIES: &[&Family] = &[
    &mobilenet::FAMILY,
    &mobilenet_v3::FAMILY,
    &shufflenet::FAMILY,
    &mnasnet::FAMILY,
    &resnet::FAMILY,
    &vgg::FAMILY,
    &alexnet::FAMILY,
    &squeezenet::FAMILY,
    &densenet::FAMILY,
    &inception::FAMILY,
    &googlenet::FAMILY,
    &efficientnet::FAMILY,
    &regnet::FAMILY,
    &convnext::FAMILY,
    &vit::FAMILY,
    &swin::FAMILY,
    &maxvit::FAMILY,
];

/// torchvision's names for all members of all families.
pub fn names() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|f| f.members).copied().collect()
}

/// A family's member, put together from keys.
#[derive(Debug)]
pub(crate) struct Built {
    /// The tree, with shapes and without elements.
    pub(crate) module: Module,
    /// What it is: `resnet50`, `mobilenet_v2`.
    pub(crate) name: String,
    /// What shapes do not tell and was taken as torchvision has it.
    pub(crate) notes: Vec<String>,
}

impl Built {
    /// A member without notes.
    pub(crate) fn new(name: impl Into<String>, module: Module) -> Self {
        Self { module, name: name.into(), notes: Vec::new() }
    }
}

/// The options of `--arch NAME,option=value`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options(pub(crate) BTreeMap<String, String>);

impl Options {
    /// An option's value.
    ///
    /// # Errors
    /// `US0001` when it is not of the type.
    pub(crate) fn get<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Diagnostic::error(Code::USAGE, format!("option `{name}` of --arch cannot be `{text}`")))
    }
}

/// The size of the images that a torchvision model wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// Any size: the last feature map is averaged as a whole.
    Any,
    /// This size, which the architecture has by default.
    Fixed(usize),
}

/// What images a model's class wants; `None` for classes that are no torchvision model.
pub(crate) fn image(m: &Module) -> Option<Image> {
    if !m.class.starts_with("torchvision.models.") {
        return None;
    }
    Some(match m.short() {
        "AlexNet" | "VGG" | "SwinTransformer" => Image::Fixed(224),
        "VisionTransformer" => Image::Fixed(usize::try_from(m.int_or("image_size", 224)).unwrap_or(224)),
        "MaxVit" => Image::Fixed(maxvit::image_size(m)),
        _ => Image::Any,
    })
}
