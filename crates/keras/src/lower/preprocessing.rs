//! Preprocessing layers of images and categories (keras/src/layers/preprocessing, 3.15).
//!
//! Owns: their arguments, codes of categories. Must never know: resampling itself.

use super::call::Call;
use super::config::show;
use super::operations_args as args;
use super::operations_core as core;
use super::operations_nn::hot;
use super::preprocessing_resize::{self as resample, Resampling};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind, UnaryOp};
use modelport_ir::{Attr, DType, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Rescaling", rescaling).passes_mask(),
    row("Resizing", resizing),
    row("CenterCrop", center_crop),
    row("CategoryEncoding", category_encoding),
    row("Discretization", discretization),
    row("IntegerLookup", lookup),
    row("StringLookup", lookup),
    row("Hashing", |c| Err(no_equivalent(c, "its hash function (SipHash or FarmHash) has no equivalent in ONNX")))
        .refuses(),
    row("AutoContrast", auto_contrast),
    row("TextVectorization", |c| Err(no_equivalent(c, "splitting of text has no equivalent in ONNX"))).refuses(),
];

/// The operation `keras.ops.image.resize`.
pub(crate) const OPERATIONS: &[Row] = &[row("Resize", resize_operation)];

fn no_equivalent(c: &Call<'_>, why: &str) -> Box<modelport_diag::Diagnostic> {
    c.unsupported(why).help("compute it outside of the model: cut the model after this layer, and save that")
}

/// Each channel of each image, stretched to the whole range; one of a single value stays as it is. Keras takes the extremes
/// over axes 1 and 2, whatever the layout (`image_preprocessing/auto_contrast.py`).
fn auto_contrast(c: &mut Call<'_>) -> Result<ValueId> {
    let dtype = c.compute_dtype();
    let x = c.x()?;
    let x = c.b.cast(x, dtype)?;
    let range = c.op.attr("value_range").and_then(Attr::as_list).unwrap_or_default();
    let range: Vec<f64> = range.iter().filter_map(Attr::as_float).collect();
    let (low, high) = match range.as_slice() {
        [] => (0.0, 255.0),
        &[low, high] => (low, high),
        other => return Err(c.bad_argument("value_range", "two numbers", &format!("{other:?}"))),
    };
    if c.b.rank(x) != 4 {
        return Err(c.unsupported("needs a batch of images").found(c.b.ty(x).to_string()));
    }
    let b = &mut *c.b;
    let least = b.reduce(ReduceKind::Min, x, &[1, 2], true)?;
    let most = b.reduce(ReduceKind::Max, x, &[1, 2], true)?;
    let (apart, width) = (b.binary(BinaryOp::Sub, x, least)?, b.binary(BinaryOp::Sub, most, least)?);
    let part = b.binary(BinaryOp::Div, apart, width)?;
    let wide = b.binary_scalar(BinaryOp::Mul, part, high - low)?;
    let y = b.binary_scalar(BinaryOp::Add, wide, low)?;
    let flat = b.unary(UnaryOp::IsNaN, y)?;
    b.one(Op::Where, &[flat, x, y])
}

fn rescaling(c: &mut Call<'_>) -> Result<ValueId> {
    let dtype = c.compute_dtype();
    let x = c.x()?;
    let x = c.b.cast(x, dtype)?;
    let factor = |c: &mut Call<'_>, name: &str, default: f64| -> Result<Option<ValueId>> {
        let tensor = match c.op.attr(name) {
            None => Tensor::scalar(dtype, default),
            Some(Attr::Tensor(t)) => t.cast(dtype)?,
            Some(a) => match args::literal(a) {
                Some(t) => t.cast(dtype)?,
                None => return Err(c.bad_argument(name, "a number or numbers", &show(a))),
            },
        };
        let neutral = tensor.to_f64s()?.iter().all(|v| *v == default);
        Ok((!neutral).then(|| c.b.constant(format!("{}/{name}", c.b.scope()), tensor)))
    };
    let mut y = x;
    if let Some(scale) = factor(c, "scale", 1.0)? {
        y = c.b.binary(BinaryOp::Mul, y, scale)?;
    }
    if let Some(offset) = factor(c, "offset", 0.0)? {
        y = c.b.binary(BinaryOp::Add, y, offset)?;
    }
    Ok(y)
}

fn resampling(c: &Call<'_>, size: [usize; 2], data: DataLayout) -> Result<Resampling> {
    Ok(Resampling {
        size,
        interpolation: c.str_or("interpolation", "bilinear")?.to_lowercase(),
        antialias: c.bool_or("antialias", false)?,
        crop_to_aspect_ratio: c.bool_or("crop_to_aspect_ratio", false)?,
        pad_to_aspect_ratio: c.bool_or("pad_to_aspect_ratio", false)?,
        fill_value: c.float_or("fill_value", 0.0)?,
        data,
    })
}

fn resizing(c: &mut Call<'_>) -> Result<ValueId> {
    let how = resampling(c, [c.size("height")?, c.size("width")?], c.data_layout()?)?;
    let x = c.x()?;
    let y = resample::resize(c, x, &how)?;
    let from = c.b.dtype(x);
    // Keras 3, whose configs have a data format, gives integer images back as what they were.
    if c.op.attrs.contains_key("data_format") && from.is_int() && from != c.b.dtype(y) {
        let y = c.b.unary(UnaryOp::Round, y)?;
        let (low, high) = range(from);
        let y = core::clip(c.b, y, Some(low), Some(high))?;
        return c.b.cast(y, from);
    }
    let to = if c.op.attrs.contains_key("data_format") && from.is_int() { from } else { c.compute_dtype() };
    c.b.cast(y, to)
}

/// The least and greatest number of an integer type.
fn range(dtype: DType) -> (f64, f64) {
    let bits = dtype.size() as i32 * 8;
    if dtype.is_signed_int() {
        let half = 2f64.powi(bits - 1);
        (-half, half - 1.0)
    } else {
        (0.0, 2f64.powi(bits) - 1.0)
    }
}

fn resize_operation(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "images")?;
    let size = match c.sizes("size", 2)?.as_slice() {
        &[h, w] => [h, w],
        _ => return Err(c.missing_argument("size", "height and width")),
    };
    let how = resampling(c, size, c.data_layout()?)?;
    resample::resize(c, x, &how)
}

fn center_crop(c: &mut Call<'_>) -> Result<ValueId> {
    let (size, data) = ([c.size("height")?, c.size("width")?], c.data_layout()?);
    let (x, to) = (c.x()?, c.compute_dtype());
    let x = c.b.cast(x, to)?;
    resample::center_crop(c, x, size, data)
}

/// Indices as the layer's `output_mode` wants them.
fn encoded(c: &mut Call<'_>, at: ValueId, depth: usize, weights: Option<ValueId>) -> Result<ValueId> {
    let mode = c.str_or("output_mode", "multi_hot")?.to_owned();
    let to = c.compute_dtype();
    let rank = c.b.rank(at);
    let single = rank >= 2 && c.b.shape(at).last() == Some(&Dim::Known(1));
    match mode.as_str() {
        "int" => c.b.cast(at, to),
        "one_hot" => {
            let at = if single { c.b.squeeze(at, &[-1])? } else { at };
            hot(c.b, at, depth as i64, -1, to)
        }
        "multi_hot" | "count" => {
            let at = if rank < 2 { c.b.unsqueeze(at, &[-1])? } else { at };
            let mut coded = hot(c.b, at, depth as i64, -1, to)?;
            if let Some(w) = weights {
                let w = c.b.cast(w, to)?;
                let w = c.b.unsqueeze(w, &[-1])?;
                coded = c.b.binary(BinaryOp::Mul, coded, w)?;
            }
            let kind = if mode == "count" { ReduceKind::Sum } else { ReduceKind::Max };
            c.b.reduce(kind, coded, &[-2], false)
        }
        other => Err(c.bad_argument("output_mode", "int, one_hot, multi_hot or count", other)),
    }
}

fn category_encoding(c: &mut Call<'_>) -> Result<ValueId> {
    let depth = c.size("num_tokens")?;
    let weights = c.tensor_arg(1, "count_weights").map(|o| o.value);
    let x = c.x()?;
    encoded(c, x, depth, weights)
}

fn discretization(c: &mut Call<'_>) -> Result<ValueId> {
    let bounds = match c.op.attr("bin_boundaries") {
        Some(a) => args::literal(a).ok_or_else(|| c.bad_argument("bin_boundaries", "numbers", &show(a)))?,
        None => return Err(c.missing_argument("bin_boundaries", "numbers").help("adapt the layer before it is saved")),
    };
    let x = c.x()?;
    let x = core::float(c.b, x)?;
    let dtype = c.b.dtype(x);
    let depth = bounds.len() + 1;
    let bounds = c.constant_as("bin_boundaries", &bounds, dtype)?;
    let wide = c.b.unsqueeze(x, &[-1])?;
    let above = c.b.binary(BinaryOp::GreaterOrEqual, wide, bounds)?;
    let above = c.b.cast(above, DType::I64)?;
    let at = c.b.reduce(ReduceKind::Sum, above, &[-1], false)?;
    match c.op.attr("output_mode").and_then(Attr::as_str) {
        None => c.b.cast(at, DType::I64),
        // Keras 2 writes the integer type of its result as the layer's; Keras 3 writes floats and gives int32
        // (`Discretization.output_dtype`, keras 3.15 `layers/preprocessing/discretization.py`).
        Some("int") if c.compute_dtype().is_float() => c.b.cast(at, DType::I32),
        Some(_) => encoded(c, at, depth, None),
    }
}

/// The words of a lookup as a constant of the type of its inputs, with the layer's tokens.
struct Vocabulary {
    words: Tensor,
    mask: Option<Tensor>,
    unknown: Option<Tensor>,
}

fn vocabulary(c: &Call<'_>) -> Result<Vocabulary> {
    let strings = c.op.name == "StringLookup";
    let bad = |name: &str, a: &Attr| c.bad_argument(name, "words of the layer's type", &show(a));
    let tensor = |name: &str, a: &Attr, list: &[Attr]| -> Result<Tensor> {
        if strings {
            let words: Option<Vec<_>> = list.iter().map(|w| Some(w.as_str()?.as_bytes().to_vec())).collect();
            return Tensor::from_strings(vec![list.len()], words.ok_or_else(|| bad(name, a))?);
        }
        let words: Option<Vec<_>> = list.iter().map(Attr::as_int).collect();
        Ok(Tensor::ints(&words.ok_or_else(|| bad(name, a))?))
    };
    let token = |name: &str| -> Result<Option<Tensor>> {
        c.op.attr(name).map(|a| tensor(name, a, std::slice::from_ref(a))?.reshape(vec![])).transpose()
    };
    let words = match c.op.attr("vocabulary") {
        Some(a @ Attr::List(list)) => tensor("vocabulary", a, list)?,
        _ => {
            return Err(c
                .missing_argument("vocabulary", "the words as a list in the layer's config")
                .help("give the words to the layer's constructor, or adapt the layer before it is saved"));
        }
    };
    Ok(Vocabulary { words, mask: token("mask_token")?, unknown: token("oov_token")? })
}

fn lookup(c: &mut Call<'_>) -> Result<ValueId> {
    let words = vocabulary(c)?;
    let unknown = c.int_or("num_oov_indices", 1)?;
    if c.bool_or("invert", false)? {
        return inverse(c, words, unknown);
    }
    if unknown < 0 {
        return Err(c.bad_argument("num_oov_indices", "0 or more", &unknown.to_string()));
    }
    if unknown > 1 {
        return Err(c
            .unsupported("several indices for unknown words are chosen by a hash, which has no equivalent in ONNX")
            .at_attribute("num_oov_indices"));
    }
    let whole = c.str_or("output_mode", "int")? == "int";
    let x = c.x()?;
    let x = if c.op.name == "StringLookup" { x } else { c.b.cast(x, DType::I64)? };
    let masked = i64::from(whole && words.mask.is_some());
    let first = masked + unknown;
    // Σ (x = word k)·(first + k − unknown's index) + unknown's index
    let (n, other) = (words.words.len(), masked);
    let offsets: Vec<i64> = (0..n as i64).map(|k| first + k - other).collect();
    let table = c.b.constant(format!("{}/vocabulary", c.b.scope()), words.words);
    let wide = c.b.unsqueeze(x, &[-1])?;
    let same = c.b.binary(BinaryOp::Equal, wide, table)?;
    let same = c.b.cast(same, DType::I64)?;
    let offsets = c.b.ints(&offsets);
    let found = c.b.binary(BinaryOp::Mul, same, offsets)?;
    let found = c.b.reduce(ReduceKind::Sum, found, &[-1], false)?;
    let mut at = c.b.binary_scalar(BinaryOp::Add, found, other as f64)?;
    if let (Some(mask), true) = (words.mask, whole) {
        let mask = c.b.constant("", mask);
        let hidden = c.b.binary(BinaryOp::Equal, x, mask)?;
        let zero = c.b.scalar(DType::I64, 0.0);
        at = c.b.one(Op::Where, &[hidden, zero, at])?;
    }
    if whole { Ok(at) } else { encoded(c, at, n + first as usize, None) }
}

/// From indices to words: mask, unknown, then the vocabulary.
fn inverse(c: &mut Call<'_>, words: Vocabulary, unknown: i64) -> Result<ValueId> {
    let missing = || c.missing_argument("oov_token", "the word for unknown indices");
    let mut parts = Vec::new();
    if let Some(mask) = &words.mask {
        parts.push(mask.reshape(vec![1])?);
    }
    if unknown > 0 {
        let token = words.unknown.as_ref().ok_or_else(missing)?.reshape(vec![1])?;
        parts.extend(vec![token; unknown.clamp(0, 1 << 16) as usize]);
    }
    parts.push(words.words);
    let mut values = Vec::with_capacity(parts.len());
    for p in parts {
        values.push(c.b.constant("", p));
    }
    let table = c.b.concat(&values, 0)?;
    let x = c.x()?;
    let at = c.b.cast(x, DType::I64)?;
    c.b.one(Op::Gather { axis: 0 }, &[table, at])
}
