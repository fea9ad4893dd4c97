//! Attention: scaled products of queries and keys, in all the forms that PyTorch records.

use super::call::Call;
use super::linalg::linear_of;
use super::sizes::Size;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::scaled_dot_product_attention", dot_product),
    row_many("aten::_scaled_dot_product_flash_attention", with_rest),
    row_many("aten::_scaled_dot_product_flash_attention_for_cpu", with_rest),
    row_many("aten::_scaled_dot_product_efficient_attention", with_rest),
    row_many("aten::_scaled_dot_product_cudnn_attention", with_rest),
    row_many("aten::_scaled_dot_product_fused_attention_overrideable", with_rest),
    row_many("aten::_scaled_dot_product_attention_math", with_rest),
    row_many("aten::_native_multi_head_attention", native_multi_head),
    row("aten::_transformer_encoder_layer_fwd", encoder_layer),
];

/// Who attends to whom.
enum Mask {
    None,
    /// True where attention is allowed.
    Allowed(ValueId),
    /// Added to the scores.
    Added(ValueId),
}

/// The result, and nothing of what only the backward pass needs.
fn with_rest(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let out = dot_product(c)?;
    let none = c.b.constant("", Tensor::from_f64s(DType::F32, &[0], &[])?);
    let mut all = vec![none; c.results.max(1)];
    if let Some(first) = all.first_mut() {
        *first = out;
    }
    Ok(all)
}

/// Queries, keys and values, the factor of their products, and who attends to whom.
pub(super) struct Given {
    pub(super) q: ValueId,
    pub(super) k: ValueId,
    pub(super) v: ValueId,
    pub(super) scale: f64,
    mask: Mask,
}

impl Given {
    /// The result, and the weights.
    pub(super) fn attend(&self, c: &mut Call<'_>) -> Result<(ValueId, ValueId)> {
        attend(c, self.q, self.k, self.v, self.scale, &self.mask)
    }
}

fn dot_product(c: &mut Call<'_>) -> Result<ValueId> {
    Ok(given(c)?.attend(c)?.0)
}

pub(super) fn given(c: &mut Call<'_>) -> Result<Given> {
    if c.opt_number("dropout_p")?.unwrap_or(0.0) > 0.0 {
        return Err(c.unsupported("dropout of attention weights is random").help("call model.eval() before saving"));
    }
    let (q, mut k, mut v) = (c.tensor("query")?, c.tensor("key")?, c.tensor("value")?);
    let width = c.b.shape(q).last().and_then(Dim::known);
    let scale = match (c.opt_number("scale")?, width) {
        (Some(s), _) => s,
        (None, Some(n)) => 1.0 / (n as f64).sqrt(),
        (None, None) => return Err(c.unsupported("the width of the queries must be known")),
    };
    if c.flag("enable_gqa")? || (c.name != "aten::scaled_dot_product_attention" && fewer_heads(c, k, q).is_some()) {
        k = heads_repeated(c, k, q)?;
        v = heads_repeated(c, v, q)?;
    }
    let name = if c.arg("attn_mask").is_some() { "attn_mask" } else { "attn_bias" };
    let mask = match c.opt_tensor(name)? {
        Some(m) if c.b.dtype(m) == DType::Bool => Mask::Allowed(m),
        Some(m) => Mask::Added(c.b.cast(m, c.b.dtype(q))?),
        None if c.flag("is_causal")? => Mask::Added(causal(c, q, k)?),
        None => Mask::None,
    };
    Ok(Given { q, k, v, scale, mask })
}

/// How many heads keys or values have, where they have fewer than queries; fused ops take those unasked.
pub(super) fn fewer_heads(c: &Call<'_>, x: ValueId, q: ValueId) -> Option<usize> {
    let heads = |x: ValueId| c.b.shape(x).iter().rev().nth(2).and_then(Dim::known);
    heads(x).filter(|&n| n > 0 && heads(q).is_some_and(|wanted| n < wanted && wanted % n == 0))
}

/// Keys or values of fewer heads, each repeated for as many heads of queries.
fn heads_repeated(c: &mut Call<'_>, x: ValueId, q: ValueId) -> Result<ValueId> {
    let axis = c.rank(x).checked_sub(3).ok_or_else(|| c.bad("key", "at least three dimensions"))?;
    let (heads, wanted) = (c.known_dim(x, axis)?, c.known_dim(q, c.rank(q).saturating_sub(3))?);
    if heads == wanted || heads == 0 {
        return Ok(x);
    }
    let at: Vec<i64> = (0..wanted as i64).map(|i| i * heads as i64 / wanted as i64).collect();
    let at = c.b.ints(&at);
    c.b.one(Op::Gather { axis: axis as i64 }, &[x, at])
}

/// 0 on and below the diagonal from the upper left corner, −∞ above it.
fn causal(c: &mut Call<'_>, q: ValueId, k: ValueId) -> Result<ValueId> {
    let (l, s) = (c.dim(q, c.rank(q) - 2)?, c.dim(k, c.rank(k) - 2)?);
    let dtype = c.b.dtype(q);
    if let (Size::Known(l), Size::Known(s)) = (l, s)
        && l.saturating_mul(s) <= 1 << 16
    {
        let values: Vec<f64> =
            (0..l).flat_map(|i| (0..s).map(move |j| if j > i { f64::NEG_INFINITY } else { 0.0 })).collect();
        let tensor = Tensor::from_f64s(dtype, &[l as usize, s as usize], &values)?;
        return Ok(c.b.constant("", tensor));
    }
    // Of floats: not every runtime has triangles of truth values.
    let one = c.b.scalar(DType::F32, 1.0);
    let shape = c.vector(&[l, s])?;
    let ones = c.b.one(Op::Expand, &[one, shape])?;
    let k = c.b.constant("", Tensor::int_scalar(0));
    let lower = c.b.one(Op::Trilu { upper: false }, &[ones, k])?;
    let lower = c.b.cast(lower, DType::Bool)?;
    let (zero, never) = (c.b.scalar(dtype, 0.0), c.b.scalar(dtype, f64::NEG_INFINITY));
    c.choose(lower, zero, never)
}

/// `softmax(scale·q·kᵀ + mask)·v`, and the weights. Queries that may attend to nothing get 0, as since PyTorch 2.5.
fn attend(c: &mut Call<'_>, q: ValueId, k: ValueId, v: ValueId, scale: f64, mask: &Mask) -> Result<(ValueId, ValueId)> {
    let k = c.b.transposed(k)?;
    let q = if scale == 1.0 { q } else { c.with(BinaryOp::Mul, q, scale)? };
    let mut scores = c.b.one(Op::MatMul, &[q, k])?;
    match mask {
        Mask::Added(m) => scores = c.binary(BinaryOp::Add, scores, *m)?,
        Mask::Allowed(m) => {
            let least = -super::pointwise::largest(c.b.dtype(scores));
            let least = c.b.scalar_like(scores, least);
            scores = c.choose(*m, scores, least)?;
        }
        Mask::None => {}
    }
    let axis = c.rank(scores) as i64 - 1;
    let mut weights = c.b.one(Op::Softmax { axis }, &[scores])?;
    if let Mask::Allowed(m) = mask {
        let zero = c.b.scalar_like(weights, 0.0);
        weights = c.choose(*m, weights, zero)?;
    }
    Ok((c.b.one(Op::MatMul, &[weights, v])?, weights))
}

/// `[N, L, E]` to `[N, heads, L, E/heads]`.
fn heads_apart(c: &mut Call<'_>, x: ValueId, heads: usize) -> Result<ValueId> {
    let width = c.known_dim(x, 2)? / heads.max(1);
    let x = c.b.reshape(x, &[0, 0, heads as i64, width as i64])?;
    c.b.transpose(x, &[0, 2, 1, 3])
}

/// Masks of the fast path are true (or −∞) where attention is not allowed: over pairs (type 0), keys (1), or all (2).
fn fast_mask(c: &mut Call<'_>) -> Result<Mask> {
    let Some(mask) = c.opt_tensor("mask")? else { return Ok(Mask::None) };
    let mask = match (c.opt_int("mask_type")?, c.rank(mask)) {
        (Some(1), 2) => c.b.unsqueeze(mask, &[1, 2])?,
        _ => mask,
    };
    if c.b.dtype(mask) == DType::Bool { Ok(Mask::Allowed(c.unary(UnaryOp::Not, mask)?)) } else { Ok(Mask::Added(mask)) }
}

/// Self- or cross-attention with packed projections; the result and the weights of each head.
fn multi_head(c: &mut Call<'_>, q: ValueId, k: ValueId, v: ValueId, heads: usize) -> Result<(ValueId, ValueId)> {
    let (w, bias) = (c.tensor("qkv_weight")?, c.opt_tensor("qkv_bias")?);
    let width = c.known_dim(w, 1)?;
    let mut projected = Vec::new();
    for (i, x) in [q, k, v].into_iter().enumerate() {
        let (start, end) = ((i * width) as i64, ((i + 1) * width) as i64);
        let w = c.b.slice_axis(w, 0, start, end, 1)?;
        let bias = bias.map(|b| c.b.slice_axis(b, 0, start, end, 1)).transpose()?;
        let x = linear_of(c, x, w, bias)?;
        projected.push(heads_apart(c, x, heads)?);
    }
    let &[q, k, v] = projected.as_slice() else { return Err(c.bad("qkv_weight", "three projections")) };
    let mask = fast_mask(c)?;
    let scale = 1.0 / ((width / heads.max(1)) as f64).sqrt();
    let (out, weights) = attend(c, q, k, v, scale, &mask)?;
    let out = c.b.transpose(out, &[0, 2, 1, 3])?;
    let out = c.b.reshape(out, &[0, 0, width as i64])?;
    let (w, bias) = (c.tensor("proj_weight")?, c.opt_tensor("proj_bias")?);
    Ok((linear_of(c, out, w, bias)?, weights))
}

fn native_multi_head(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (q, k, v) = (c.tensor("query")?, c.tensor("key")?, c.tensor("value")?);
    let heads = c.count("num_head")?;
    let (out, mut weights) = multi_head(c, q, k, v, heads)?;
    if c.flag("average_attn_weights")? {
        weights = c.b.reduce(modelport_ir::core::ReduceKind::Mean, weights, &[1], false)?;
    }
    Ok(vec![out, weights])
}

fn normalised(c: &mut Call<'_>, x: ValueId, which: u8) -> Result<ValueId> {
    let scale = c.opt_tensor(&format!("norm_weight_{which}"))?;
    let bias = c.opt_tensor(&format!("norm_bias_{which}"))?;
    let (axis, epsilon) = (c.rank(x) as i64 - 1, c.number("eps")?);
    c.b.one_opt(Op::LayerNorm { axis, epsilon }, &[Some(x), scale, bias])
}

fn feed_forward(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let (w, bias) = (c.tensor("ffn_weight_1")?, c.opt_tensor("ffn_bias_1")?);
    let x = linear_of(c, x, w, bias)?;
    let x =
        if c.flag("use_gelu")? { c.b.one(Op::Gelu { approximate: false }, &[x])? } else { c.unary(UnaryOp::Relu, x)? };
    let (w, bias) = (c.tensor("ffn_weight_2")?, c.opt_tensor("ffn_bias_2")?);
    linear_of(c, x, w, bias)
}

/// A whole encoder layer, as traces of `nn.TransformerEncoderLayer` in eval mode record it.
fn encoder_layer(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("src")?;
    let heads = c.count("num_heads")?;
    if c.flag("norm_first")? {
        let n = normalised(c, x, 1)?;
        let (a, _) = multi_head(c, n, n, n, heads)?;
        let x = c.binary(BinaryOp::Add, x, a)?;
        let n = normalised(c, x, 2)?;
        let f = feed_forward(c, n)?;
        return c.binary(BinaryOp::Add, x, f);
    }
    let (a, _) = multi_head(c, x, x, x, heads)?;
    let x = c.binary(BinaryOp::Add, x, a)?;
    let x = normalised(c, x, 1)?;
    let f = feed_forward(c, x)?;
    let x = c.binary(BinaryOp::Add, x, f)?;
    normalised(c, x, 2)
}
