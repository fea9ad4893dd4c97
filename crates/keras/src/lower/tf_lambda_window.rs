//! TensorFlow functions with moving windows in Keras 2 graphs (`tf.nn`, python/ops/nn_ops.py and nn_impl.py, 2.15): pools,
//! convolutions, batch normalisation.
//!
//! Owns: their arguments, in the spelling of Keras 3's operations. Must never know: how windows move.

use super::call::Call;
use super::operations_conv as conv;
use super::operations_core as core;
use super::pool;
use super::tf_lambda_args as args;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, PoolKind};
use modelport_ir::{Attr, Dialect, SourceOp, ValueId};

type Out = Result<ValueId>;

/// The layout, of a name that says where the channels are (`NHWC`, `NCDHW`).
fn layout(c: &Call<'_>) -> DataLayout {
    let named = args::text(c, usize::MAX, &["data_format"], "NHWC");
    if named.starts_with("NC") { DataLayout::ChannelsFirst } else { DataLayout::ChannelsLast }
}

/// A number for each spatial axis: one for all, one each, or one for every axis of the input.
fn spatial(c: &Call<'_>, position: usize, names: &[&str], n: usize, data: DataLayout) -> Result<Attr> {
    let given = args::ints(c, position, names)?.unwrap_or_else(|| vec![1]);
    let picked = match given.as_slice() {
        &[one] => vec![one; n],
        all if all.len() == n => all.to_vec(),
        all if all.len() == n + 2 => data.spatial_axes(n + 2).filter_map(|a| all.get(a).copied()).collect(),
        other => return Err(c.bad_argument(names.first().unwrap_or(&""), "a number an axis", &format!("{other:?}"))),
    };
    Ok(Attr::List(picked.into_iter().map(Attr::Int).collect()))
}

/// Axes besides batch and channels.
fn axes(c: &mut Call<'_>) -> Result<usize> {
    let x = args::x(c)?;
    let rank = c.b.rank(x);
    if (3..=5).contains(&rank) { Ok(rank - 2) } else { Err(c.unsupported(format!("an input of rank {rank}"))) }
}

/// Calls `f` as an operation of Keras with these attributes, and these arguments besides the first tensor.
fn as_operation(
    c: &mut Call<'_>,
    attrs: &[(&str, Attr)],
    more: Vec<Attr>,
    f: impl FnOnce(&mut Call<'_>) -> Out,
) -> Out {
    let how = args::attr(c, 3, &["padding"]).and_then(Attr::as_str).unwrap_or_default().to_lowercase();
    if !matches!(how.as_str(), "same" | "valid") {
        return Err(c.bad_argument("padding", "`SAME` or `VALID`", "another"));
    }
    let data = match layout(c) {
        DataLayout::ChannelsLast => "channels_last",
        DataLayout::ChannelsFirst => "channels_first",
    };
    let x = args::attr(c, 0, &["input", "value"]).cloned();
    let mut op = SourceOp::new(Dialect::Keras, c.op.name.clone());
    let texts = [("padding", Attr::Str(how)), ("data_format", Attr::Str(data.to_owned()))];
    op.attrs.extend(attrs.iter().chain(&texts).map(|(name, value)| ((*name).to_owned(), value.clone())));
    op.attrs.insert("@args".to_owned(), Attr::List(x.into_iter().chain(more).collect()));
    c.spelled(&op, f)
}

/// (input, ksize, strides, padding)
pub(super) fn pooled(c: &mut Call<'_>, kind: PoolKind) -> Out {
    let (n, data) = (axes(c)?, layout(c));
    let window = spatial(c, 1, &["ksize"], n, data)?;
    let strides = spatial(c, 2, &["strides", "stride"], n, data)?;
    as_operation(c, &[("pool_size", window), ("strides", strides)], Vec::new(), |c| pool::pool(c, n, kind))
}

/// (input, filters, strides, padding); by channel where `each`.
pub(super) fn convolved(c: &mut Call<'_>, each: bool) -> Out {
    let (n, data) = (axes(c)?, layout(c));
    let kernel = args::attr(c, 1, &["filters", "filter"]).cloned();
    let kernel = kernel.ok_or_else(|| c.missing_argument("filters", "a tensor"))?;
    let strides = spatial(c, 2, &["strides", "stride"], n, data)?;
    let dilations = spatial(c, usize::MAX, &["dilations"], n, data)?;
    let attrs = [("strides", strides), ("dilation_rate", dilations)];
    as_operation(c, &attrs, vec![kernel], |c| if each { conv::depthwise(c) } else { conv::conv(c) })
}

/// (x, mean, variance, offset, scale, variance_epsilon): along whatever axes the numbers broadcast to.
pub(super) fn batch_normalization(c: &mut Call<'_>) -> Out {
    let epsilon = args::float(c, 5, &["variance_epsilon"], 0.0)?;
    let x = args::x(c)?;
    let mut like_x = |position, name| match args::attr(c, position, &[name]) {
        None => Ok(None),
        Some(_) => {
            let v = args::value(c, position, &[name])?;
            c.b.cast(v, c.b.dtype(x)).map(Some)
        }
    };
    let (mean, variance) = (like_x(1, "mean")?, like_x(2, "variance")?);
    let (offset, scale) = (like_x(3, "offset")?, like_x(4, "scale")?);
    let (mean, variance) =
        mean.zip(variance).ok_or_else(|| c.missing_argument("variance", "mean and variance of each channel"))?;
    let safe = c.b.binary_scalar(BinaryOp::Add, variance, epsilon)?;
    let mut factor = core::rsqrt(c.b, safe)?;
    if let Some(scale) = scale {
        factor = c.b.binary(BinaryOp::Mul, factor, scale)?;
    }
    let apart = c.b.binary(BinaryOp::Sub, x, mean)?;
    let y = c.b.binary(BinaryOp::Mul, apart, factor)?;
    match offset {
        Some(offset) => c.b.binary(BinaryOp::Add, y, offset),
        None => Ok(y),
    }
}
