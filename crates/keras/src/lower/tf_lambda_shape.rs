//! TensorFlow functions that move, join, cut and index (TensorFlow 2.15's argument names).
//!
//! Owns: those functions. Must never know: the table that finds them.

use super::call::Call;
use super::config::show;
use super::operations_args::{self as values, Arg, Rules};
use super::operations_core::{self as core, Pieces};
use super::operations_index;
use super::operations_nn::hot;
use super::operations_shape::pad_widths;
use super::tf_lambda_args as args;
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{Attr, DType, Dim, Op, ValueId};

type Out = Result<ValueId>;

pub(super) fn choose(c: &mut Call<'_>) -> Out {
    let condition = args::value(c, 0, &["condition"])?;
    let both = [args::arg(c, 1, &["x"])?, args::arg(c, 2, &["y"])?];
    let both = values::promote(c.b, &both, Rules::TensorFlow, None)?;
    let condition = c.b.cast(condition, DType::Bool)?;
    let operands: Vec<ValueId> = std::iter::once(condition).chain(both).collect();
    c.b.one(Op::Where, &operands)
}

pub(super) fn clip(c: &mut Call<'_>) -> Out {
    let x = args::value(c, 0, &["t"])?;
    let (low, high) = (args::arg(c, 1, &["clip_value_min"])?, args::arg(c, 2, &["clip_value_max"])?);
    if let (Some(low), Some(high)) = (number(low), number(high)) {
        return core::clip(c.b, x, Some(low), Some(high));
    }
    let all = values::promote(c.b, &[Arg::Value(x), low, high], Rules::TensorFlow, None)?;
    let &[x, low, high] = all.as_slice() else { return Err(c.missing_argument("clip_value_max", "a number")) };
    let y = c.b.binary(BinaryOp::Min, x, high)?;
    c.b.binary(BinaryOp::Max, y, low)
}

fn number(arg: Arg) -> Option<f64> {
    match arg {
        Arg::Float(f) => Some(f),
        Arg::Int(i) => Some(i as f64),
        _ => None,
    }
}

pub(super) fn cast(c: &mut Call<'_>) -> Out {
    let to = args::dtype(c, 1, &["dtype"]).ok_or_else(|| c.missing_argument("dtype", "an element type"))?;
    let x = args::x(c)?;
    c.b.cast(x, to)
}

pub(super) fn like(c: &mut Call<'_>, value: f64) -> Out {
    let x = args::x(c)?;
    let dtype = args::dtype(c, 1, &["dtype"]).unwrap_or(c.b.dtype(x));
    let value = c.b.scalar(dtype, value);
    core::filled_like(c.b, x, value)
}

pub(super) fn shape(c: &mut Call<'_>) -> Out {
    let to = args::dtype(c, 1, &["out_type"]).unwrap_or(DType::I32);
    let x = args::x(c)?;
    let y = c.b.one(Op::Shape { start: 0, end: None }, &[x])?;
    c.b.cast(y, to)
}

pub(super) fn rank(c: &mut Call<'_>) -> Out {
    let x = args::x(c)?;
    let rank = c.b.rank(x);
    Ok(c.b.scalar(DType::I32, rank as f64))
}

pub(super) fn size(c: &mut Call<'_>) -> Out {
    let to = args::dtype(c, 1, &["out_type"]).unwrap_or(DType::I32);
    let x = args::x(c)?;
    let y = c.b.one(Op::Size, &[x])?;
    c.b.cast(y, to)
}

pub(super) fn fill(c: &mut Call<'_>) -> Out {
    let dims = args::attr(c, 0, &["dims"]).cloned().ok_or_else(|| c.missing_argument("dims", "a shape"))?;
    let shape = values::shape(c, &dims)?;
    let value = args::value(c, 1, &["value"])?;
    c.b.one(Op::Expand, &[value, shape])
}

pub(super) fn range(c: &mut Call<'_>) -> Out {
    let first = args::arg(c, 0, &["start"])?;
    let limit = args::attr(c, 1, &["limit"]).cloned();
    let (start, limit) = match limit {
        Some(a) => (first, values::read(c, &a)?),
        None => (Arg::Int(0), first),
    };
    let delta = match args::attr(c, 2, &["delta"]).cloned() {
        Some(a) => values::read(c, &a)?,
        None => Arg::Int(1),
    };
    let parts = values::promote(c.b, &[start, limit, delta], Rules::TensorFlow, None)?;
    c.b.one(Op::Range, &parts)
}

pub(super) fn reshape(c: &mut Call<'_>) -> Out {
    let target = args::attr(c, 1, &["shape"]).cloned().ok_or_else(|| c.missing_argument("shape", "a shape"))?;
    let x = args::x(c)?;
    let shape = values::shape(c, &target)?;
    c.b.one(Op::Reshape { allow_zero: false }, &[x, shape])
}

pub(super) fn transpose(c: &mut Call<'_>) -> Out {
    let x = args::x(c)?;
    let rank = c.b.rank(x);
    let perm = match args::ints(c, 1, &["perm"])? {
        Some(perm) => c.axes_of("perm", &perm, rank)?,
        None => (0..rank).rev().collect(),
    };
    c.b.transpose(x, &perm)
}

pub(super) fn expand_dims(c: &mut Call<'_>) -> Out {
    let axis = args::int(c, 1, &["axis", "dim"], 0)?;
    let x = args::x(c)?;
    c.b.unsqueeze(x, &[axis])
}

pub(super) fn squeeze(c: &mut Call<'_>) -> Out {
    let given = args::ints(c, 1, &["axis", "squeeze_dims"])?.filter(|a| !a.is_empty());
    let x = args::x(c)?;
    let axes = given.unwrap_or_else(|| {
        let ones = c.b.shape(x).iter().enumerate().filter(|(_, d)| **d == Dim::Known(1));
        ones.map(|(i, _)| i as i64).collect()
    });
    if axes.is_empty() { Ok(x) } else { c.b.squeeze(x, &axes) }
}

pub(super) fn broadcast_to(c: &mut Call<'_>) -> Out {
    let target = args::attr(c, 1, &["shape"]).cloned().ok_or_else(|| c.missing_argument("shape", "a shape"))?;
    let x = args::x(c)?;
    let shape = values::shape(c, &target)?;
    c.b.one(Op::Expand, &[x, shape])
}

pub(super) fn tile(c: &mut Call<'_>) -> Out {
    let counts = args::attr(c, 1, &["multiples"]).cloned();
    let counts = counts.ok_or_else(|| c.missing_argument("multiples", "integers"))?;
    let x = args::x(c)?;
    let counts = values::shape(c, &counts)?;
    c.b.one(Op::Tile, &[x, counts])
}

pub(super) fn repeat(c: &mut Call<'_>) -> Out {
    let repeats = args::int(c, 1, &["repeats"], 1)?;
    let axis = args::attr(c, 2, &["axis"]).and_then(Attr::as_int);
    let x = args::x(c)?;
    match axis {
        Some(axis) => core::repeat(c.b, x, repeats, axis),
        None => {
            let flat = core::ravel(c.b, x)?;
            core::repeat(c.b, flat, repeats, 0)
        }
    }
}

pub(super) fn reverse(c: &mut Call<'_>) -> Out {
    let axes = args::ints(c, 1, &["axis", "dims"])?.unwrap_or_default();
    let x = args::x(c)?;
    core::flip(c.b, x, Some(&axes))
}

pub(super) fn roll(c: &mut Call<'_>) -> Out {
    let shifts = args::ints(c, 1, &["shift"])?.unwrap_or_default();
    let axes = args::ints(c, 2, &["axis"])?.unwrap_or_default();
    let mut y = args::x(c)?;
    for (&shift, &axis) in shifts.iter().zip(&axes) {
        y = core::roll(c.b, y, shift, axis)?;
    }
    Ok(y)
}

pub(super) fn concat(c: &mut Call<'_>) -> Out {
    let axis = args::int(c, 1, &["axis", "concat_dim"], 0)?;
    let parts = args::list(c, 0, &["values"])?;
    c.b.concat(&parts, axis)
}

pub(super) fn stack(c: &mut Call<'_>) -> Out {
    let axis = args::int(c, 1, &["axis"], 0)?;
    let parts = args::list(c, 0, &["values"])?;
    core::stack(c.b, &parts, axis)
}

pub(super) fn split(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axis = args::int(c, 2, &["axis"], 0)?;
    let pieces = match args::attr(c, 1, &["num_or_size_splits", "num_split"]) {
        Some(Attr::List(_)) => {
            Pieces::Sizes(args::ints(c, 1, &["num_or_size_splits", "size_splits"])?.unwrap_or_default())
        }
        _ => Pieces::Equal(args::int(c, 1, &["num_or_size_splits", "num_split"], 1)?),
    };
    let x = args::x(c)?;
    core::split(c.b, x, pieces, axis).map_err(|d| d.at_node(c.b.scope()))
}

pub(super) fn unstack(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axis = args::int(c, 2, &["axis"], 0)?;
    let x = args::x(c)?;
    core::unstack(c.b, x, axis).map_err(|d| d.at_node(c.b.scope()))
}

pub(super) fn top_k(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let k = args::int(c, 1, &["k"], 1)?;
    let x = args::x(c)?;
    let k = c.b.ints(&[k]);
    let [best, at] = core::top(c.b, x, k, -1, true)?;
    Ok(vec![best, c.b.cast(at, DType::I32)?])
}

pub(super) fn pad(c: &mut Call<'_>) -> Out {
    let x = args::x(c)?;
    let rank = c.b.rank(x);
    let widths = args::attr(c, 1, &["paddings"]).and_then(|a| pad_widths(a, rank));
    let widths = widths.ok_or_else(|| c.missing_argument("paddings", "a pair of integers for every axis"))?;
    let mode = args::text(c, 2, &["mode"], "CONSTANT");
    let value = args::float(c, usize::MAX, &["constant_values"], 0.0)?;
    core::pad(c.b, x, &widths, &mode, value).map_err(|d| d.at_node(c.b.scope()))
}

/// `tf.slice(input, begin, size)`; a size of −1 is all that is left.
pub(super) fn slice(c: &mut Call<'_>) -> Out {
    let begin = args::attr(c, 1, &["begin"]).cloned().ok_or_else(|| c.missing_argument("begin", "integers"))?;
    let x = args::x(c)?;
    let starts = values::shape(c, &begin)?;
    let ends = match args::ints(c, 2, &["size"]) {
        Ok(Some(sizes)) if begin.as_ints().is_some() => {
            let from = begin.as_ints().unwrap_or_default();
            let end = |(&s, &n): (&i64, &i64)| if n < 0 { i64::MAX } else { s.saturating_add(n) };
            c.b.ints(&from.iter().zip(&sizes).map(end).collect::<Vec<_>>())
        }
        _ => {
            let size = args::attr(c, 2, &["size"]).cloned().ok_or_else(|| c.missing_argument("size", "integers"))?;
            let sizes = values::shape(c, &size)?;
            c.b.binary(BinaryOp::Add, starts, sizes)?
        }
    };
    c.b.one(Op::Slice, &[x, starts, ends])
}

/// `tf.strided_slice` with bit masks, as brackets.
pub(super) fn strided_slice(c: &mut Call<'_>) -> Out {
    let need = |c: &Call<'_>, at: usize, name: &str| args::ints(c, at, &[name]).map(Option::unwrap_or_default);
    let (begin, end) = (need(c, 1, "begin")?, need(c, 2, "end")?);
    let steps = args::ints(c, 3, &["strides"])?.unwrap_or_else(|| vec![1; begin.len()]);
    let mask = |c: &Call<'_>, at: usize, name: &str| args::int(c, at, &[name], 0);
    let (begins, ends) = (mask(c, 4, "begin_mask")?, mask(c, 5, "end_mask")?);
    let (dots, new) = (mask(c, 6, "ellipsis_mask")?, mask(c, 7, "new_axis_mask")?);
    let shrink = mask(c, 8, "shrink_axis_mask")?;
    let bit = |mask: i64, i: usize| i < 63 && mask >> i & 1 == 1;
    let entry = |i: usize, (&s, &e): (&i64, &i64)| {
        if bit(dots, i) {
            return Attr::Str("...".to_owned());
        }
        if bit(new, i) {
            return Attr::None;
        }
        if bit(shrink, i) {
            return Attr::Int(s);
        }
        let bound = |open: bool, v: i64| if open { Attr::None } else { Attr::Int(v) };
        let step = steps.get(i).copied().unwrap_or(1);
        let fields = [("start", bound(bit(begins, i), s)), ("stop", bound(bit(ends, i), e)), ("step", Attr::Int(step))];
        Attr::Map(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    };
    let key = begin.iter().zip(&end).enumerate().map(|(i, pair)| entry(i, pair)).collect();
    let x = args::value(c, 0, &["input_", "input"])?;
    operations_index::get_item(c, x, &Attr::List(key))
}

pub(super) fn get_item(c: &mut Call<'_>) -> Out {
    let spec = ["slice_spec"].iter().find_map(|k| c.op.attr("@kwargs")?.as_map()?.get(*k));
    let spec = spec.or_else(|| c.op.attr("@args")?.as_list()?.get(1)).cloned().unwrap_or(Attr::None);
    let x = args::x(c)?;
    operations_index::get_item(c, x, &spec)
}

pub(super) fn gather(c: &mut Call<'_>) -> Out {
    let batch = args::int(c, usize::MAX, &["batch_dims"], 0)?;
    let axis = args::int(c, 3, &["axis"], batch)?;
    let x = args::value(c, 0, &["params"])?;
    let at = args::value(c, 1, &["indices"])?;
    if batch == 0 {
        return c.b.one(Op::Gather { axis }, &[x, at]);
    }
    let same = usize::try_from(batch).ok().filter(|&n| n as i64 == axis);
    match same {
        Some(batch_dims) => {
            let at = c.b.unsqueeze(at, &[-1])?;
            c.b.one(Op::GatherNd { batch_dims }, &[x, at])
        }
        None => Err(c.unsupported("batch dimensions must end at the axis that is gathered").at_attribute("batch_dims")),
    }
}

pub(super) fn gather_nd(c: &mut Call<'_>) -> Out {
    let batch = args::int(c, usize::MAX, &["batch_dims"], 0)?;
    let x = args::value(c, 0, &["params"])?;
    let at = args::value(c, 1, &["indices"])?;
    let batch_dims = usize::try_from(batch).map_err(|_| c.missing_argument("batch_dims", "a number of axes"))?;
    c.b.one(Op::GatherNd { batch_dims }, &[x, at])
}

pub(super) fn one_hot(c: &mut Call<'_>) -> Out {
    let depth = args::int(c, 1, &["depth"], 0)?;
    let on = args::float(c, 2, &["on_value"], 1.0)?;
    let off = args::float(c, 3, &["off_value"], 0.0)?;
    let axis = args::int(c, 4, &["axis"], -1)?;
    let dtype = args::dtype(c, 5, &["dtype"]).unwrap_or(DType::F32);
    let at = args::value(c, 0, &["indices"])?;
    let y = hot(c.b, at, depth, axis, dtype)?;
    if on == 1.0 && off == 0.0 {
        return Ok(y);
    }
    let y = c.b.binary_scalar(BinaryOp::Mul, y, on - off)?;
    c.b.binary_scalar(BinaryOp::Add, y, off)
}

pub(super) fn matmul(c: &mut Call<'_>) -> Out {
    let [mut x, mut y] = args::pair(c)?;
    let turned = |c: &Call<'_>, at: usize, side: &str| {
        args::flag(c, at, &[&format!("transpose_{side}")]) || args::flag(c, usize::MAX, &[&format!("adjoint_{side}")])
    };
    if turned(c, 2, "a") {
        x = c.b.transposed(x)?;
    }
    if turned(c, 3, "b") {
        y = c.b.transposed(y)?;
    }
    core::matmul(c.b, x, y)
}

/// Over the last axis of one and the first of the other.
pub(super) fn tensordot(c: &mut Call<'_>) -> Out {
    let [x, y] = args::pair(c)?;
    let (rx, ry) = (c.b.rank(x) as i64, c.b.rank(y));
    let last = match args::attr(c, 2, &["axes"]) {
        Some(Attr::Int(1)) => true,
        Some(a) => {
            let pair: Option<Vec<i64>> = a.as_list().and_then(|l| {
                l.iter()
                    .map(|a| a.as_int().or_else(|| a.as_ints().filter(|v| v.len() == 1)?.first().copied()))
                    .collect()
            });
            matches!(pair.as_deref(), Some(&[p, 0]) if p == -1 || p == rx - 1)
        }
        None => false,
    };
    if !last || ry != 2 {
        let axes = args::attr(c, 2, &["axes"]).map_or_else(|| "nothing".to_owned(), show);
        return Err(c.unsupported("only the last axis with the first one of a matrix can be contracted").found(axes));
    }
    core::matmul(c.b, x, y)
}

pub(super) fn einsum(c: &mut Call<'_>) -> Out {
    let list = c.op.attr("@args").and_then(Attr::as_list).unwrap_or_default().to_vec();
    let spelled = list.iter().find_map(Attr::as_str).map(str::to_owned);
    let named = c.arg(usize::MAX, "equation").and_then(Attr::as_str).map(str::to_owned);
    let equation = spelled.or(named).ok_or_else(|| c.missing_argument("equation", "an equation"))?;
    let mut operands = Vec::new();
    for a in list.iter().filter(|a| a.as_str().is_none()) {
        operands.push(values::read(c, a)?);
    }
    if let Some(Attr::List(more)) = c.arg(usize::MAX, "inputs").cloned() {
        for a in &more {
            operands.push(values::read(c, a)?);
        }
    }
    let wanted = equation.split("->").next().unwrap_or_default().split(',').count();
    if operands.len() != wanted {
        return Err(c
            .unsupported(
                "the file does not say what the equation is applied to: Keras 2 does not save further operands",
            )
            .expected(format!("{wanted} operands for `{equation}`"))
            .found(operands.len().to_string())
            .help("use an `EinsumDense` or `Dot` layer, or `tf.linalg.matmul`, and save the model again"));
    }
    let operands = values::promote(c.b, &operands, Rules::TensorFlow, None)?;
    core::einsum(c.b, &equation, &operands).map_err(|d| d.at_node(c.b.scope()))
}
