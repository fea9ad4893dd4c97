//! From a tree of modules, out of a pickle or put together for weights alone, to a graph of ATen ops: what the inputs are
//! and what comes out.
//!
//! Owns: the signature of such graphs. Must never know: what a class computes, file formats.

use crate::architectures::{self, Image};
use crate::modules::{Forward, Module, Val, flatten};
use crate::open::OpenOptions;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{DType, Dim, SourceGraph, Tensor, TensorType};

/// The graph of weights alone: their architecture is recognised, or named by `--arch`.
///
/// # Errors
/// `TO0202` when it cannot be told, with the ways on.
pub(crate) fn of_weights(
    weights: &[(String, Tensor)],
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<SourceGraph> {
    // `load_state_dict` copies into a model of single precision whatever the file's precision is.
    let asked = options.input_types.first().map(|(_, t)| t.dtype).filter(|d| d.is_float());
    let floats = weights.iter().map(|(_, t)| t.dtype()).find(|d| d.is_float());
    let half = floats.filter(|d| matches!(d, DType::F16 | DType::BF16 | DType::F8E4M3 | DType::F8E5M2));
    let dtype = asked.or(half.map(|_| DType::F32));
    let found = architectures::recognise::find(weights, options.arch.as_deref(), dtype)?;
    notes.extend(found.notes);
    if let (Some(half), None) = (half, asked) {
        notes.push(format!(
            "the weights are {half}; the model computes in f32, as load_state_dict would have it (`--input-type \
             {half}[…]` keeps them)"
        ));
    }
    of_module(&found.module, options, notes)
}

/// The graph of a tree of modules.
///
/// # Errors
/// Where a class is used in a way that is not supported.
pub(crate) fn of_module(root: &Module, options: &OpenOptions, notes: &mut Vec<String>) -> Result<SourceGraph> {
    let (root, wrapper) = unwrapped(root);
    notes.extend(wrapper);
    let mut f = Forward::new(root.short(), options.limits);
    let types = input_types(root, options, &mut f)?;
    f.image = types.first().and_then(|(_, t)| match t.shape.as_slice() {
        [_, _, h, w] => Some((h.known()?, w.known()?)),
        _ => None,
    });
    let inputs: Vec<Val> = types.into_iter().map(|(name, ty)| Val::One(f.emit.input(name, Some(ty)))).collect();
    let result = f.apply(root, &inputs)?;
    let mut outputs = Vec::new();
    flatten(&result, &mut outputs);
    for (i, &value) in outputs.iter().enumerate() {
        let name = if outputs.len() == 1 { "output".to_owned() } else { format!("output_{i}") };
        f.emit.output(name, value);
    }
    notes.extend(f.notes);
    Ok(f.emit.finish())
}

/// The graph of a known module at `path` of a larger model, for inputs of these types.
///
/// # Errors
/// Where it is used in a way that is not supported.
pub(crate) fn part(m: &Module, path: &str, types: Vec<TensorType>) -> Result<SourceGraph> {
    let mut f = Forward::new(m.short(), Limits::default());
    f.begin_at(path);
    let inputs: Vec<Val> =
        types.into_iter().enumerate().map(|(i, ty)| Val::One(f.emit.input(format!("x{i}"), Some(ty)))).collect();
    let result = f.apply(m, &inputs)?;
    let mut outputs = Vec::new();
    flatten(&result, &mut outputs);
    for (i, value) in outputs.into_iter().enumerate() {
        f.emit.output(format!("y{i}"), value);
    }
    Ok(f.emit.finish())
}

/// The model inside of `DataParallel` and its like, and what to say about that.
fn unwrapped(root: &Module) -> (&Module, Option<String>) {
    match (root.short(), root.child("module")) {
        (name @ ("DataParallel" | "DistributedDataParallel"), Some(inner)) if root.class.starts_with("torch.nn.") => {
            (inner, Some(format!("the model stands inside of a `{name}`, which was taken off")))
        }
        _ => (root, None),
    }
}

/// What the user gave, or what the architecture takes.
fn input_types(root: &Module, options: &OpenOptions, f: &mut Forward) -> Result<Vec<(String, TensorType)>> {
    if !options.input_types.is_empty() {
        let named = |(name, ty): &(String, TensorType)| {
            let name = if name.is_empty() { "input".to_owned() } else { name.clone() };
            (name, ty.clone())
        };
        return Ok(options.input_types.iter().map(named).collect());
    }
    let mut dtype = None;
    root.each_tensor("", &mut |_, slot| {
        let float = slot.tensor.as_ref().map(Tensor::dtype).filter(|d| d.is_float());
        dtype = dtype.or(float);
    });
    let dtype = dtype.unwrap_or(DType::F32);
    let mut ty = first_input(root, dtype).ok_or_else(|| {
        Diagnostic::error(Code::TORCH_MODULE, "the first layer does not say what the model takes")
            .help("say it: --input-type f32[N,3,224,224], where a word is a size that is known only at run time")
    })?;
    match architectures::image(root) {
        Some(Image::Fixed(size)) if ty.rank() == 4 => {
            ty.shape[2] = Dim::Known(size);
            ty.shape[3] = Dim::Known(size);
            f.notes.insert(format!(
                "images are taken to be of {size} × {size}: the architecture needs a fixed size, and \
                this is its own (`--input-type {ty}` with other numbers changes it)"
            ));
        }
        Some(_) => {}
        None => {
            f.notes.insert(format!(
                "the model is taken to have one input, {ty}, by its first layer (`--input-type` says otherwise)"
            ));
        }
    }
    Ok(vec![("input".to_owned(), ty)])
}

/// What the first layer that says anything takes.
fn first_input(m: &Module, dtype: DType) -> Option<TensorType> {
    let size = |name: &str| m.attr(name).and_then(modelport_ir::Attr::as_int).and_then(|i| usize::try_from(i).ok());
    let symbol = Dim::symbol;
    let spatial = |channels: usize, rank: usize| {
        let names = match rank {
            1 => &["length"][..],
            2 => &["height", "width"],
            _ => &["depth", "height", "width"],
        };
        let shape = [symbol("batch"), channels.into()].into_iter().chain(names.iter().map(|n| symbol(n)));
        Some(TensorType::new(dtype, shape.collect::<Vec<_>>()))
    };
    let sequence = |features: usize| {
        let (first, second) = if m.bool_or("batch_first", false) { ("batch", "length") } else { ("length", "batch") };
        Some(TensorType::new(dtype, vec![symbol(first), symbol(second), features.into()]))
    };
    let weight = ["weight", "weight_v", "weight_orig"].into_iter().find_map(|n| m.tensor(n));
    let weight = |axis: usize| weight.and_then(|t| t.shape().get(axis).copied());
    let channels = || {
        let groups = size("groups").unwrap_or(1).max(1);
        weight(1).and_then(|c| c.checked_mul(groups))
    };
    let own = match m.short() {
        "Conv1d" => channels().and_then(|c| spatial(c, 1)),
        "Conv2d" => channels().and_then(|c| spatial(c, 2)),
        "Conv3d" => channels().and_then(|c| spatial(c, 3)),
        "ConvTranspose1d" => weight(0).and_then(|c| spatial(c, 1)),
        "ConvTranspose2d" => weight(0).and_then(|c| spatial(c, 2)),
        "ConvTranspose3d" => weight(0).and_then(|c| spatial(c, 3)),
        "BatchNorm2d" | "InstanceNorm2d" => size("num_features").and_then(|c| spatial(c, 2)),
        "BatchNorm3d" | "InstanceNorm3d" => size("num_features").and_then(|c| spatial(c, 3)),
        "BatchNorm1d" => size("num_features").map(|c| TensorType::new(dtype, vec![symbol("batch"), c.into()])),
        "Linear" => weight(1).map(|c| TensorType::new(dtype, vec![symbol("batch"), c.into()])),
        "Embedding" | "EmbeddingBag" => Some(TensorType::new(DType::I64, vec![symbol("batch"), symbol("length")])),
        "LSTM" | "GRU" | "RNN" => size("input_size").and_then(sequence),
        "MultiheadAttention" => size("embed_dim").and_then(sequence),
        _ => None,
    };
    own.or_else(|| m.children.iter().find_map(|(_, c)| first_input(c, dtype)))
}
