//! `MultiHeadAttention` and `GroupQueryAttention` (keras/src/layers/attention/{multi_head_attention,
//! grouped_query_attention}.py, 3.15).
//!
//! Owns: projections and heads, as `MatMul`, `Reshape` and `Transpose`. Must never know: einsum equations.

use super::attention::{BY_NAME, and, causal, flag, masked_softmax, window};
use super::call::{Call, Operand};
use super::recurrent_shapes::{self as shapes, From};
use super::{Row, row_many};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("MultiHeadAttention", multi_head),
    row_many("GroupQueryAttention", grouped),
    row_many("GroupedQueryAttention", grouped),
];

/// Query, value, key with masks.
fn operands(call: &Call<'_>) -> Result<[Operand; 3]> {
    let missing = |name: &str| call.missing_argument(name, "a tensor");
    let get = |position: usize, name: &str| {
        let mut operand = call.tensor_arg(position, name)?;
        let mask = call.tensor_arg(BY_NAME, &format!("{name}_mask")).map(|o| o.value);
        operand.mask = mask.or(operand.mask);
        Some(operand)
    };
    let query = get(0, "query").ok_or_else(|| missing("query"))?;
    let value = get(1, "value").ok_or_else(|| missing("value"))?;
    Ok([query, value, get(2, "key").unwrap_or(value)])
}

/// A projection's kernel (features × heads × size) as a matrix, with heads and size.
fn projection(call: &Call<'_>, name: &str) -> Result<(Tensor, usize, usize)> {
    let kernel = call.weight_tensor(&format!("{name}/kernel"))?;
    match *kernel.shape() {
        [features, heads, size] => Ok((kernel.reshape(vec![features, heads * size])?, heads, size)),
        _ => Err(misfit(call, name, &kernel)),
    }
}

fn misfit(call: &Call<'_>, name: &str, kernel: &Tensor) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_WEIGHTS, format!("the kernel `{name}/kernel` of `{}` does not fit", call.op.name))
        .at_node(call.b.scope())
        .expected("three axes or more")
        .found(kernel.ty().to_string())
}

/// x·kernel (+ bias), with the result's last axis as a matrix product leaves it.
fn dense(call: &mut Call<'_>, x: ValueId, name: &str, kernel: &Tensor) -> Result<ValueId> {
    let width = kernel.shape().last().copied().unwrap_or(0);
    let kernel = call.constant(&format!("{name}/kernel"), kernel)?;
    let y = call.b.one(Op::MatMul, &[x, kernel])?;
    let Some(bias) = call.op.weight(&format!("{name}/bias")) else { return Ok(y) };
    let bias = bias.reshape(vec![width]).map_err(|d| d.at_node(call.b.scope()))?;
    let bias = call.constant(&format!("{name}/bias"), &bias)?;
    call.b.binary(BinaryOp::Add, y, bias)
}

/// A projected value with heads: (…, heads, size).
struct Heads {
    value: ValueId,
    size: usize,
    count: usize,
}

fn heads(call: &mut Call<'_>, x: ValueId, name: &str) -> Result<Heads> {
    let (kernel, count, size) = projection(call, name)?;
    let y = dense(call, x, name, &kernel)?;
    let mut dims: Vec<From> = (0..call.b.rank(y) - 1).map(|a| From::Dim(y, a)).collect();
    dims.extend([From::Size(count as i64), From::Size(size as i64)]);
    Ok(Heads { value: shapes::reshape(call.b, y, &dims)?, size, count })
}

/// How the axes of a projected value (batch, middle…, heads, size) are attended: those of `attended` see each other.
struct Axes {
    batch: Vec<usize>,
    attended: Vec<usize>,
}

impl Axes {
    fn read(call: &Call<'_>, rank: usize) -> Result<Self> {
        let middle = 1..rank - 1;
        let attended = match call.opt_ints("attention_axes")? {
            None => middle.clone().collect(),
            Some(axes) => call.axes_of("attention_axes", &axes, rank)?,
        };
        if attended.is_empty() || attended.iter().any(|a| !middle.contains(a)) {
            return Err(call.bad_argument(
                "attention_axes",
                "axes between batch and features",
                &format!("{attended:?}"),
            ));
        }
        let batch = (0..rank - 1).filter(|a| !attended.contains(a)).collect();
        Ok(Self { batch, attended })
    }

    /// (batch…, heads, attended…, size), or with size before the attended axes; the attended axes made one.
    fn arrange(&self, call: &mut Call<'_>, x: ValueId, size_first: bool) -> Result<ValueId> {
        let rank = call.b.rank(x);
        let (heads, size) = (rank - 2, rank - 1);
        let mut perm = self.batch.clone();
        perm.push(heads);
        perm.extend(size_first.then_some(size));
        perm.extend(&self.attended);
        perm.extend((!size_first).then_some(size));
        let y = call.b.transpose(x, &perm)?;
        if self.attended.len() == 1 {
            return Ok(y);
        }
        let keep = self.batch.len() + 1;
        let mut dims: Vec<From> = (0..keep).map(|a| From::Dim(y, a)).collect();
        let length = match self.attended.iter().map(|&a| call.known_dim(x, a)).collect::<Result<Vec<_>>>() {
            Ok(n) => From::Size(n.iter().product::<usize>() as i64),
            Err(_) => From::Size(-1),
        };
        dims.extend(size_first.then_some(From::Dim(x, size)));
        dims.push(length);
        dims.extend((!size_first).then_some(From::Dim(x, size)));
        shapes::reshape(call.b, y, &dims)
    }

    /// The attended context (batch…, heads, attended, size) as (batch, middle…, heads·size) of `query`.
    fn restore(&self, call: &mut Call<'_>, x: ValueId, query: ValueId, width: usize) -> Result<ValueId> {
        let mut x = x;
        let keep = self.batch.len() + 1;
        let size = call.b.rank(x) - 1;
        if self.attended.len() > 1 {
            let mut dims: Vec<From> = (0..keep).map(|a| From::Dim(x, a)).collect();
            dims.extend(self.attended.iter().map(|&a| From::Dim(query, a)));
            dims.push(From::Dim(x, size));
            x = shapes::reshape(call.b, x, &dims)?;
        }
        // Axis k of the arranged value is axis order[k] of the result.
        let mut order = self.batch.clone();
        let rank = self.batch.len() + self.attended.len() + 2;
        order.push(rank - 2);
        order.extend(&self.attended);
        order.push(rank - 1);
        let mut perm = vec![0; rank];
        for (k, &o) in order.iter().enumerate() {
            if let Some(p) = perm.get_mut(o) {
                *p = k;
            }
        }
        let y = call.b.transpose(x, &perm)?;
        let mut dims: Vec<From> = (0..rank - 2).map(|a| From::Dim(y, a)).collect();
        dims.push(From::Size(width as i64));
        shapes::reshape(call.b, y, &dims)
    }
}

/// All masks over the scores, [B or 1, T, S] (or with heads), before they are widened to the scores.
fn mask(call: &mut Call<'_>, [query, value, key]: [Operand; 3], has_key: bool) -> Result<Option<ValueId>> {
    let mut all = None;
    let side = |call: &mut Call<'_>, m: ValueId, axis: i64| -> Result<ValueId> {
        let m = call.b.cast(m, DType::Bool)?;
        call.b.unsqueeze(m, &[axis])
    };
    if let Some(m) = query.mask {
        all = Some(side(call, m, -1)?);
    }
    for m in [value.mask, key.mask.filter(|_| has_key)].into_iter().flatten() {
        let m = side(call, m, -2)?;
        all = and(call.b, all, Some(m))?;
    }
    if flag(call, "use_causal_mask") {
        let m = causal(call.b, (query.value, 1), (value.value, 1))?;
        let m = call.b.unsqueeze(m, &[0])?;
        all = and(call.b, all, Some(m))?;
    }
    if let Some(width) = call.opt_int("sliding_window")? {
        let m = window(call.b, (query.value, 1), (value.value, 1), width)?;
        let m = call.b.unsqueeze(m, &[0])?;
        all = and(call.b, all, Some(m))?;
    }
    if let Some(m) = call.tensor_arg(BY_NAME, "attention_mask") {
        let m = call.b.cast(m.value, DType::Bool)?;
        all = and(call.b, all, Some(m))?;
    }
    Ok(all)
}

/// `mask` with dimensions of 1 before its last two, up to `rank`.
fn widened(call: &mut Call<'_>, mask: Option<ValueId>, rank: usize) -> Result<Option<ValueId>> {
    let Some(mask) = mask else { return Ok(None) };
    let have = call.b.rank(mask);
    if have < 2 || have >= rank {
        return Ok(Some(mask));
    }
    let axes: Vec<i64> = (have - 2..rank - 2).map(|a| a as i64).collect();
    call.b.unsqueeze(mask, &axes).map(Some)
}

/// 1/√size, as a factor of the query.
fn scaled(call: &mut Call<'_>, query: ValueId, size: usize) -> Result<ValueId> {
    call.b.binary_scalar(BinaryOp::Mul, query, 1.0 / (size as f64).sqrt())
}

/// The context times a gate of the query, where the layer has one; then the output projection.
fn output(call: &mut Call<'_>, context: ValueId, query: ValueId) -> Result<ValueId> {
    let mut context = context;
    if call.bool_or("use_gate", false)? {
        let (kernel, _, _) = projection(call, "gate")?;
        let gate = dense(call, query, "gate", &kernel)?;
        let gate = call.b.unary(UnaryOp::Sigmoid, gate)?;
        context = call.b.binary(BinaryOp::Mul, context, gate)?;
    }
    let kernel = call.weight_tensor("attention_output/kernel")?;
    let [heads, size, rest @ ..] = kernel.shape() else { return Err(misfit(call, "attention_output", &kernel)) };
    let (rows, rest) = (heads * size, rest.to_vec());
    let width: usize = rest.iter().product();
    let y = dense(call, context, "attention_output", &kernel.reshape(vec![rows, width])?)?;
    if rest.len() == 1 {
        return Ok(y);
    }
    let mut dims: Vec<From> = (0..call.b.rank(y) - 1).map(|a| From::Dim(y, a)).collect();
    dims.extend(rest.iter().map(|&n| From::Size(n as i64)));
    shapes::reshape(call.b, y, &dims)
}

fn results(call: &mut Call<'_>, query: Operand, output: ValueId, scores: ValueId) -> Vec<ValueId> {
    call.set_mask(0, query.mask);
    if flag(call, "return_attention_scores") { vec![output, scores] } else { vec![output] }
}

fn multi_head(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [query, value, key] = operands(call)?;
    let rank = call.b.rank(query.value);
    let fits = rank >= 3 && call.b.rank(value.value) == rank && call.b.rank(key.value) == rank;
    if !fits {
        return Err(call.unsupported("query, value and key must have one rank of at least 3"));
    }
    let axes = Axes::read(call, rank)?;
    let has_key = call.tensor_arg(2, "key").is_some();
    let mask = mask(call, [query, value, key], has_key)?;
    if mask.is_some() && axes.attended.len() > 1 {
        return Err(call
            .unsupported("a mask over several attention axes has no lowering")
            .at_attribute("attention_axes"));
    }
    let (q, k, v) =
        (heads(call, query.value, "query")?, heads(call, key.value, "key")?, heads(call, value.value, "value")?);
    let scaled = scaled(call, q.value, q.size)?;
    let (qs, ks) = (axes.arrange(call, scaled, false)?, axes.arrange(call, k.value, true)?);
    let vs = axes.arrange(call, v.value, false)?;
    let scores = call.b.one(Op::MatMul, &[qs, ks])?;
    let rank = call.b.rank(scores);
    let mask = widened(call, mask, rank)?;
    let mut scores = masked_softmax(call.b, scores, mask)?;
    let context = call.b.one(Op::MatMul, &[scores, vs])?;
    let context = axes.restore(call, context, query.value, v.count * v.size)?;
    let output = output(call, context, query.value)?;
    if axes.attended.len() > 1 && flag(call, "return_attention_scores") {
        let mut dims: Vec<From> = (0..axes.batch.len() + 1).map(|a| From::Dim(scores, a)).collect();
        dims.extend(axes.attended.iter().map(|&a| From::Dim(query.value, a)));
        dims.extend(axes.attended.iter().map(|&a| From::Dim(key.value, a)));
        scores = shapes::reshape(call.b, scores, &dims)?;
    }
    Ok(results(call, query, output, scores))
}

/// Query heads in groups, each group with one head of key and value.
fn grouped(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [query, value, key] = operands(call)?;
    if [query, value, key].iter().any(|o| call.b.rank(o.value) != 3) {
        return Err(call.unsupported("query, value and key must have 3 dimensions"));
    }
    let has_key = call.tensor_arg(2, "key").is_some();
    let mask = mask(call, [query, value, key], has_key)?;
    let (q, k, v) =
        (heads(call, query.value, "query")?, heads(call, key.value, "key")?, heads(call, value.value, "value")?);
    if k.count == 0 || q.count % k.count != 0 || v.count != k.count {
        return Err(call.unsupported("the number of query heads is not a multiple of that of key and value heads"));
    }
    let (groups, each) = (k.count as i64, (q.count / k.count) as i64);
    let scaled = scaled(call, q.value, q.size)?;
    // (batch, time, heads, size) → (batch, group, head of the group, time, size)
    let dims = [
        From::Dim(query.value, 0),
        From::Dim(query.value, 1),
        From::Size(groups),
        From::Size(each),
        From::Size(q.size as i64),
    ];
    let qs = shapes::reshape(call.b, scaled, &dims)?;
    let qs = call.b.transpose(qs, &[0, 2, 3, 1, 4])?;
    let ks = call.b.transpose(k.value, &[0, 2, 3, 1])?;
    let ks = call.b.unsqueeze(ks, &[2])?;
    let vs = call.b.transpose(v.value, &[0, 2, 1, 3])?;
    let vs = call.b.unsqueeze(vs, &[2])?;
    let scores = call.b.one(Op::MatMul, &[qs, ks])?;
    let mask = widened(call, mask, 5)?;
    let scores = masked_softmax(call.b, scores, mask)?;
    let context = call.b.one(Op::MatMul, &[scores, vs])?;
    let context = call.b.transpose(context, &[0, 3, 1, 2, 4])?;
    let width = From::Size((q.count * v.size) as i64);
    let context = shapes::reshape(call.b, context, &[From::Dim(query.value, 0), From::Dim(query.value, 1), width])?;
    let output = output(call, context, query.value)?;
    let dims =
        [From::Dim(query.value, 0), From::Size(q.count as i64), From::Dim(query.value, 1), From::Dim(key.value, 1)];
    let scores = if flag(call, "return_attention_scores") { shapes::reshape(call.b, scores, &dims)? } else { scores };
    Ok(results(call, query, output, scores))
}
