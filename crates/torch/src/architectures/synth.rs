//! Putting module trees together as the constructors of torchvision do, with sizes read from the keys of a `state_dict`.
//!
//! Owns: leaf modules with the shapes that they ask for. Must never know: any one architecture.

use super::keys::Keys;
use crate::modules::{Module, Slot};
use modelport_ir::Attr;
use std::rc::Rc;

/// A list of integers as an attribute.
pub(crate) fn list(values: &[usize]) -> Attr {
    Attr::List(values.iter().map(|&v| Attr::Int(v as i64)).collect())
}

impl Module {
    /// Adds an attribute.
    pub(crate) fn with(mut self, name: &str, value: Attr) -> Self {
        self.attrs.insert(name.to_owned(), value);
        self
    }

    /// Adds a parameter, or a buffer that inference needs.
    pub(crate) fn param(self, name: &str, shape: &[usize]) -> Self {
        self.slot(name, shape, false)
    }

    /// Adds a buffer that files may lack.
    pub(crate) fn buffer(self, name: &str, shape: &[usize]) -> Self {
        self.slot(name, shape, true)
    }

    fn slot(mut self, name: &str, shape: &[usize], optional: bool) -> Self {
        self.tensors.push((name.to_owned(), Slot { shape: shape.to_vec(), tensor: None, optional }));
        self
    }

    /// Adds a sub-module.
    pub(crate) fn sub(mut self, name: impl Into<String>, module: Module) -> Self {
        self.children.push((name.into(), Rc::new(module)));
        self
    }

    /// Adds a sub-module where there is one.
    pub(crate) fn maybe_sub(self, name: &str, module: Option<Module>) -> Self {
        match module {
            Some(m) => self.sub(name, m),
            None => self,
        }
    }
}

/// A convolution to be made.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    input: usize,
    output: usize,
    kernel: [usize; 2],
    stride: usize,
    padding: [usize; 2],
    groups: usize,
    bias: bool,
}

impl Conv {
    /// A convolution with a padding that keeps the size, stride 1, no bias.
    pub(crate) fn new(input: usize, output: usize, kernel: [usize; 2]) -> Self {
        let padding = kernel.map(|k| k.saturating_sub(1) / 2);
        Self { input, output, kernel, stride: 1, padding, groups: 1, bias: false }
    }

    /// The convolution whose weight stands at a key, over `input` channels; its groups follow from the shape.
    pub(crate) fn at(keys: &Keys<'_>, module: &str, input: usize) -> Option<Self> {
        let &[output, per_group, h, w] = keys.shape(&format!("{module}.weight"))? else { return None };
        let mut conv = Self::new(input, output, [h, w]);
        conv.groups = if per_group > 0 && input.is_multiple_of(per_group) { (input / per_group).max(1) } else { 1 };
        conv.bias = keys.has(&format!("{module}.bias"));
        Some(conv)
    }

    /// The convolution over an image, with the kernel that the architecture has: its stride is no weight, and whoever gave
    /// it another kernel gave it another stride too. The image may have any number of channels.
    pub(crate) fn stem(keys: &Keys<'_>, module: &str, kernel: usize) -> Option<Self> {
        Some(Self { kernel: [kernel; 2], padding: [kernel / 2; 2], ..Self::over_image(keys, module)? })
    }

    /// The convolution over an image, whose kernel is part of the weights' architecture.
    pub(crate) fn over_image(keys: &Keys<'_>, module: &str) -> Option<Self> {
        Self::at(keys, module, image_channels(keys, module))
    }

    /// Sets the stride.
    pub(crate) fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// Sets the padding.
    pub(crate) fn padding(mut self, padding: usize) -> Self {
        self.padding = [padding; 2];
        self
    }

    /// Sets whether there is a bias.
    pub(crate) fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// Channels of the result.
    pub(crate) fn output(&self) -> usize {
        self.output
    }

    /// The module.
    pub(crate) fn module(&self) -> Module {
        let groups = self.groups.max(1);
        let shape = [self.output, self.input / groups, self.kernel[0], self.kernel[1]];
        let m = Module::new("torch.nn.modules.conv.Conv2d")
            .with("kernel_size", list(&self.kernel))
            .with("stride", list(&[self.stride; 2]))
            .with("padding", list(&self.padding))
            .with("groups", Attr::Int(groups as i64))
            .param("weight", &shape);
        if self.bias { m.param("bias", &[self.output]) } else { m }
    }
}

/// `nn.BatchNorm2d(channels, eps)`
pub(crate) fn batch_norm(channels: usize, eps: f64) -> Module {
    let m = Module::new("torch.nn.modules.batchnorm.BatchNorm2d").with("eps", Attr::Float(eps));
    let m = ["weight", "bias", "running_mean", "running_var"].iter().fold(m, |m, n| m.param(n, &[channels]));
    m.buffer("num_batches_tracked", &[])
}

/// `nn.LayerNorm(channels, eps)`, or torchvision's `LayerNorm2d`.
pub(crate) fn layer_norm(class: &str, channels: usize, eps: f64) -> Module {
    Module::new(class)
        .with("normalized_shape", list(&[channels]))
        .with("eps", Attr::Float(eps))
        .param("weight", &[channels])
        .param("bias", &[channels])
}

/// The class of `nn.LayerNorm`.
pub(crate) const LAYER_NORM: &str = "torch.nn.modules.normalization.LayerNorm";

/// `nn.Linear(input, output, bias)`
pub(crate) fn linear(input: usize, output: usize, bias: bool) -> Module {
    let m = Module::new("torch.nn.modules.linear.Linear").param("weight", &[output, input]);
    if bias { m.param("bias", &[output]) } else { m }
}

/// How many channels the images have that a convolution takes.
pub(crate) fn image_channels(keys: &Keys<'_>, module: &str) -> usize {
    keys.dim(&format!("{module}.weight"), 1).unwrap_or(3)
}

/// The linear layer whose weight stands at a key.
pub(crate) fn linear_at(keys: &Keys<'_>, module: &str, input: usize) -> Option<Module> {
    let output = keys.dim(&format!("{module}.weight"), 0)?;
    Some(linear(input, output, keys.has(&format!("{module}.bias"))))
}

/// An activation without arguments.
pub(crate) fn activation(name: &str) -> Module {
    Module::new(format!("torch.nn.modules.activation.{name}"))
}

/// What does nothing.
pub(crate) fn identity() -> Module {
    Module::new("torch.nn.modules.linear.Identity")
}

/// `nn.Dropout()`
pub(crate) fn dropout() -> Module {
    Module::new("torch.nn.modules.dropout.Dropout")
}

/// `nn.MaxPool2d(kernel, stride, padding, ceil_mode)`
pub(crate) fn max_pool(kernel: usize, stride: usize, padding: usize, ceil: bool) -> Module {
    Module::new("torch.nn.modules.pooling.MaxPool2d")
        .with("kernel_size", Attr::Int(kernel as i64))
        .with("stride", Attr::Int(stride as i64))
        .with("padding", Attr::Int(padding as i64))
        .with("ceil_mode", Attr::Bool(ceil))
}

/// `nn.AvgPool2d(kernel, stride, padding)`
pub(crate) fn avg_pool(kernel: usize, stride: usize, padding: usize) -> Module {
    Module::new("torch.nn.modules.pooling.AvgPool2d")
        .with("kernel_size", Attr::Int(kernel as i64))
        .with("stride", Attr::Int(stride as i64))
        .with("padding", Attr::Int(padding as i64))
}

/// `nn.AdaptiveAvgPool2d(size)`
pub(crate) fn adaptive(size: usize) -> Module {
    Module::new("torch.nn.modules.pooling.AdaptiveAvgPool2d").with("output_size", list(&[size; 2]))
}

/// `nn.Flatten(1)`
pub(crate) fn flatten() -> Module {
    Module::new("torch.nn.modules.flatten.Flatten").with("start_dim", Attr::Int(1))
}

/// torchvision's `Permute(dims)`
pub(crate) fn permute(dims: &[usize]) -> Module {
    Module::new("torchvision.ops.misc.Permute").with("dims", list(dims))
}

/// `nn.Sequential(*parts)`
pub(crate) fn seq(parts: Vec<Module>) -> Module {
    let all = parts.into_iter().enumerate();
    all.fold(Module::new("torch.nn.modules.container.Sequential"), |m, (i, part)| m.sub(i.to_string(), part))
}

/// The parts of a sequential with their places, where some of them stand apart.
pub(crate) fn seq_at(parts: Vec<(usize, Module)>) -> Module {
    let all = parts.into_iter();
    all.fold(Module::new("torch.nn.modules.container.Sequential"), |m, (i, part)| m.sub(i.to_string(), part))
}

/// torchvision's `Conv2dNormActivation` with a `BatchNorm2d`.
pub(crate) fn conv_norm(conv: &Conv, eps: f64, act: Option<&str>) -> Module {
    let m = Module::new("torchvision.ops.misc.Conv2dNormActivation")
        .sub("0", conv.module())
        .sub("1", batch_norm(conv.output(), eps));
    m.maybe_sub("2", act.map(activation))
}

/// The `Conv2dNormActivation` at a key, and its channels.
pub(crate) fn conv_norm_at(
    keys: &Keys<'_>,
    module: &str,
    input: usize,
    stride: usize,
    eps: f64,
    act: Option<&str>,
) -> Option<(Module, usize)> {
    let conv = Conv::at(keys, &format!("{module}.0"), input)?.stride(stride);
    Some((conv_norm(&conv, eps, act), conv.output()))
}

/// torchvision's `SqueezeExcitation` at a key.
pub(crate) fn squeeze_excitation(keys: &Keys<'_>, at: &str, channels: usize, act: &str, scale: &str) -> Option<Module> {
    let squeeze = keys.dim(&format!("{at}.fc1.weight"), 0)?;
    Some(
        Module::new("torchvision.ops.misc.SqueezeExcitation")
            .sub("avgpool", adaptive(1))
            .sub("fc1", Conv::new(channels, squeeze, [1, 1]).bias(true).module())
            .sub("fc2", Conv::new(squeeze, channels, [1, 1]).bias(true).module())
            .sub("activation", activation(act))
            .sub("scale_activation", activation(scale)),
    )
}

/// A head that gives class scores, at `at`; where the file has none, the features pass through.
pub(crate) fn head(keys: &Keys<'_>, at: &str, input: usize, notes: &mut Vec<String>) -> Option<Module> {
    if let Some(linear) = linear_at(keys, at, input) {
        return Some(linear);
    }
    if let Some((place, linear)) = only_linear(keys, at, input) {
        notes.push(format!("`{at}` is taken for a Linear behind layers without weights that change nothing (Dropout)"));
        return Some(seq_at(vec![(place, linear)]));
    }
    if keys.below(at) {
        // What torchvision has there, so that the difference shows.
        return Some(linear(input, 1000, true));
    }
    notes.push(format!("the file has no head `{at}`: the model ends in its {input} features"));
    Some(identity())
}

/// The one linear layer of a sequential at a key: what people put where the head was, `Sequential(Dropout, Linear)`.
fn only_linear(keys: &Keys<'_>, at: &str, input: usize) -> Option<(usize, Module)> {
    let mut below = keys.names().filter_map(|k| k.strip_prefix(at)?.strip_prefix('.'));
    let place: usize = below.next()?.split_once('.')?.0.parse().ok()?;
    let all = below.all(|k| k.split_once('.').is_some_and(|(i, _)| i.parse() == Ok(place)));
    let module = format!("{at}.{place}");
    (all && place > 0 && keys.dim(&format!("{module}.weight"), 1) == Some(input))
        .then(|| linear_at(keys, &module, input).map(|linear| (place, linear)))?
}
