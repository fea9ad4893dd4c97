//! Quantisation that training simulates (`core/kernels/fake_quant_ops_functor.h`, `quantize_and_dequantize_op.h` of
//! TensorFlow 2.21).

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("FakeQuantWithMinMaxArgs", |c| {
        let (x, low, high) = (c.x()?, c.float_or("min", -6.0)?, c.float_or("max", 6.0)?);
        fake(c, x, &[low as f32], &[high as f32], None)
    }),
    row("FakeQuantWithMinMaxVars", fake_vars),
    row("FakeQuantWithMinMaxVarsPerChannel", fake_vars),
    row("QuantizeAndDequantize", |c| quantize(c, None)),
    row("QuantizeAndDequantizeV2", |c| {
        let bits = c.int_or("num_bits", 8)?;
        quantize(c, Some(bits))
    }),
    row("QuantizeAndDequantizeV3", |c| {
        let bits = c.int_operand(3, "num_bits")?;
        quantize(c, Some(bits))
    }),
    row("QuantizeAndDequantizeV4", |c| {
        let bits = c.int_or("num_bits", 8)?;
        quantize(c, Some(bits))
    }),
];

/// The range of the integers, from the attributes.
fn integers(c: &Call<'_>) -> Result<(f32, f32)> {
    let bits = c.int_or("num_bits", 8)?;
    if !(2..=16).contains(&bits) {
        return Err(c.bad_value("num_bits", "2 to 16", &bits.to_string()));
    }
    let least = if c.bool_or("narrow_range", false)? { 1.0 } else { 0.0 };
    Ok((least, ((1u32 << bits) - 1) as f32))
}

/// A range moved so that 0 is one of its steps: least, largest, step, the step that is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Nudged {
    low: f32,
    high: f32,
    scale: f32,
    zero: f32,
}

fn nudge(min: f32, max: f32, (least, most): (f32, f32)) -> Nudged {
    let scale = (max - min) / (most - least);
    let from_min = least - min / scale;
    let zero = if from_min < least {
        least
    } else if from_min > most {
        most
    } else {
        from_min.round()
    };
    Nudged { low: (least - zero) * scale, high: (most - zero) * scale, scale, zero }
}

fn fake_vars(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, low, high] = c.three()?;
    let constant = |v| c.b.as_constant(v).map(Tensor::to_f64s).transpose();
    match (constant(low)?, constant(high)?) {
        (Some(low), Some(high)) => {
            let single = |v: Vec<f64>| v.into_iter().map(|n| n as f32).collect::<Vec<_>>();
            let axis = (c.op.name == "FakeQuantWithMinMaxVarsPerChannel").then(|| c.b.rank(x).saturating_sub(1));
            fake(c, x, &single(low), &single(high), axis)
        }
        _ => computed(c, x, low, high),
    }
}

/// Eight bits are what `QuantizeLinear` and `DequantizeLinear` compute; other widths are written as arithmetic.
fn fake(c: &mut Call<'_>, x: ValueId, low: &[f32], high: &[f32], axis: Option<usize>) -> Result<ValueId> {
    let range = integers(c)?;
    let n = low.len();
    if n != high.len() || low.iter().zip(high).any(|(a, b)| a > b) {
        return Err(c.unsupported("the least numbers must be below the largest").found(format!("{low:?}, {high:?}")));
    }
    let all: Vec<Nudged> = low.iter().zip(high).map(|(&a, &b)| nudge(a, b, range)).collect();
    // Without any range, everything is 0.
    if low.iter().zip(high).any(|(a, b)| a == b) {
        let (low, high) = (floats(c, low, axis), floats(c, high, axis));
        return computed(c, x, low, high);
    }
    if range.1 != 255.0 {
        let part = |c: &mut Call<'_>, f: fn(&Nudged) -> f32| {
            let values: Vec<f32> = all.iter().map(f).collect();
            floats(c, &values, axis)
        };
        let (low, high, scale) = (part(c, |n| n.low), part(c, |n| n.high), part(c, |n| n.scale));
        return stepped(c, x, low, high, scale);
    }
    // A narrow range ends one step earlier than the type.
    let x = if range.0 == 0.0 {
        x
    } else {
        let low: Vec<f32> = all.iter().map(|n| n.low).collect();
        let low = floats(c, &low, axis);
        c.b.binary(BinaryOp::Max, x, low)?
    };
    let scales: Vec<f32> = all.iter().map(|n| n.scale).collect();
    let zeros: Vec<f64> = all.iter().map(|n| f64::from(n.zero)).collect();
    let shape: &[usize] = if axis.is_some() { &[n] } else { &[] };
    let scales = Tensor::floats(&scales).reshape(shape.to_vec())?;
    let scale = c.b.constant(format!("{}/scale", c.b.scope()), scales);
    let zero = c.b.constant(format!("{}/zero_point", c.b.scope()), Tensor::from_f64s(DType::U8, shape, &zeros)?);
    let axis = axis.unwrap_or(1) as i64;
    let quantize = Op::QuantizeLinear { axis, to: DType::U8, saturate: true, block: 0 };
    let q = c.b.one(quantize, &[x, scale, zero])?;
    c.b.one(Op::DequantizeLinear { axis, block: 0 }, &[q, scale, zero])
}

fn floats(c: &mut Call<'_>, values: &[f32], axis: Option<usize>) -> ValueId {
    match (axis, values) {
        (None, &[one]) => c.b.scalar(DType::F32, f64::from(one)),
        _ => c.b.constant("", Tensor::floats(values)),
    }
}

/// floor((clamp(x) − low)/scale + 1/2)·scale + low
fn stepped(c: &mut Call<'_>, x: ValueId, low: ValueId, high: ValueId, scale: ValueId) -> Result<ValueId> {
    let x = c.b.binary(BinaryOp::Min, x, high)?;
    let x = c.b.binary(BinaryOp::Max, x, low)?;
    let moved = c.b.binary(BinaryOp::Sub, x, low)?;
    let steps = c.b.binary(BinaryOp::Div, moved, scale)?;
    let half = c.b.binary_scalar(BinaryOp::Add, steps, 0.5)?;
    let whole = c.b.unary(UnaryOp::Floor, half)?;
    let back = c.b.binary(BinaryOp::Mul, whole, scale)?;
    c.b.binary(BinaryOp::Add, back, low)
}

/// Ranges that the model computes.
fn computed(c: &mut Call<'_>, x: ValueId, low: ValueId, high: ValueId) -> Result<ValueId> {
    let (least, most) = integers(c)?;
    let whole = c.b.binary(BinaryOp::Sub, high, low)?;
    let scale = c.b.binary_scalar(BinaryOp::Div, whole, f64::from(most - least))?;
    let none = f::is_zero(c.b, whole)?;
    let one = c.b.scalar_like(scale, 1.0);
    let scale = c.b.choose(none, one, scale)?;
    let part = c.b.binary(BinaryOp::Div, low, scale)?;
    let least_v = c.b.scalar_like(x, f64::from(least));
    let zero = c.b.binary(BinaryOp::Sub, least_v, part)?;
    let zero = f::clip(c.b, zero, Some(f64::from(least)), Some(f64::from(most)))?;
    // Positive numbers, halves away from zero.
    let zero = c.b.binary_scalar(BinaryOp::Add, zero, 0.5)?;
    let zero = c.b.unary(UnaryOp::Floor, zero)?;
    let below = c.b.binary(BinaryOp::Sub, least_v, zero)?;
    let low = c.b.binary(BinaryOp::Mul, below, scale)?;
    let most_v = c.b.scalar_like(x, f64::from(most));
    let above = c.b.binary(BinaryOp::Sub, most_v, zero)?;
    let high = c.b.binary(BinaryOp::Mul, above, scale)?;
    let y = stepped(c, x, low, high, scale)?;
    f::zero_where(c.b, none, y)
}

/// (x, least, largest, bits?): scaled so that the wider side of the range fits the integers, rounded, scaled back.
fn quantize(c: &mut Call<'_>, bits: Option<i64>) -> Result<ValueId> {
    let x = c.x()?;
    let old = bits.is_none();
    let bits = bits.map_or_else(|| c.int_or("num_bits", 8), Ok)?;
    if !(2..=30).contains(&bits) {
        return Err(c.bad_value("num_bits", "2 to 30", &bits.to_string()));
    }
    let signed = c.bool_or("signed_input", true)?;
    let given = c.bool_or("range_given", false)?;
    let narrow = c.bool_or("narrow_range", false)?;
    let axis = c.int_or("axis", -1)?;
    let (least, most) = if signed {
        (-(1i64 << (bits - 1)) + i64::from(narrow), (1i64 << (bits - 1)) - 1)
    } else {
        (0, (1i64 << bits) - 1)
    };
    let axis = if axis >= 0 { Some(c.axis(axis, c.b.rank(x))?) } else { None };
    let (low, high) = if given && old {
        let (low, high) = (c.float_or("input_min", 0.0)?, c.float_or("input_max", 0.0)?);
        (c.b.scalar_like(x, low), c.b.scalar_like(x, high))
    } else if given {
        let (low, high) = (c.input(1)?, c.input(2)?);
        (along(c, low, x, axis)?, along(c, high, x, axis)?)
    } else {
        let over: Vec<i64> = (0..c.b.rank(x)).filter(|a| Some(*a) != axis).map(|a| a as i64).collect();
        let keep = axis.is_some();
        (f::reduce(c.b, ReduceKind::Min, x, &over, keep)?, f::reduce(c.b, ReduceKind::Max, x, &over, keep)?)
    };
    let dtype = c.b.dtype(x);
    let huge = c.b.extreme(dtype, false)?;
    // How much each side may be stretched; a side that needs no stretching allows anything.
    let side = |c: &mut Call<'_>, bound: ValueId, number: i64| {
        let number = c.b.scalar(dtype, number as f64);
        let product = c.b.binary(BinaryOp::Mul, number, bound)?;
        let counts = c.b.binary_scalar(BinaryOp::Greater, product, 0.0)?;
        let one = c.b.scalar(dtype, 1.0);
        let divisor = c.b.choose(counts, bound, one)?;
        let factor = c.b.binary(BinaryOp::Div, number, divisor)?;
        c.b.choose(counts, factor, huge)
    };
    let (from_low, from_high) = (side(c, low, least)?, side(c, high, most)?);
    let scale = c.b.binary(BinaryOp::Min, from_low, from_high)?;
    let lower_wins = c.b.binary(BinaryOp::Less, from_low, from_high)?;
    let ratio = |c: &mut Call<'_>, bound: ValueId, n: i64| {
        c.b.binary_scalar(BinaryOp::Div, bound, if n == 0 { 1.0 } else { n as f64 })
    };
    let (by_low, by_high) = (ratio(c, low, least)?, ratio(c, high, most)?);
    let inverse = c.b.choose(lower_wins, by_low, by_high)?;
    let mut y = x;
    if given {
        let (bottom, top) = (
            c.b.binary_scalar(BinaryOp::Mul, inverse, least as f64)?,
            c.b.binary_scalar(BinaryOp::Mul, inverse, most as f64)?,
        );
        let bottom = c.b.choose(lower_wins, low, bottom)?;
        let top = c.b.choose(lower_wins, top, high)?;
        y = c.b.binary(BinaryOp::Min, y, top)?;
        y = c.b.binary(BinaryOp::Max, y, bottom)?;
    }
    let steps = c.b.binary(BinaryOp::Mul, y, scale)?;
    let whole = match c.str_or("round_mode", "HALF_TO_EVEN")? {
        "HALF_TO_EVEN" => c.b.unary(UnaryOp::Round, steps)?,
        "HALF_UP" => {
            let half = c.b.binary_scalar(BinaryOp::Add, steps, 0.5)?;
            c.b.unary(UnaryOp::Floor, half)?
        }
        other => return Err(c.bad_value("round_mode", "HALF_TO_EVEN or HALF_UP", other)),
    };
    c.b.binary(BinaryOp::Mul, whole, inverse)
}

/// A bound for each element of an axis, shaped to broadcast.
fn along(c: &mut Call<'_>, v: ValueId, x: ValueId, axis: Option<usize>) -> Result<ValueId> {
    let Some(axis) = axis else { return f::scalar(c.b, v) };
    let after: Vec<i64> = (1..(c.b.rank(x) - axis) as i64).collect();
    if after.is_empty() || c.b.rank(v) != 1 { Ok(v) } else { c.b.unsqueeze(v, &after) }
}

#[cfg(test)]
mod tests {
    use super::nudge;

    #[test]
    fn zero_is_a_step_of_the_range() {
        let n = nudge(-0.1, 1.0, (0.0, 255.0));
        assert_eq!(n.zero, 23.0);
        assert_eq!(n.low, -23.0 * n.scale);
        assert_eq!(nudge(0.5, 1.0, (0.0, 255.0)).zero, 0.0);
        assert_eq!(nudge(-1.0, -0.5, (1.0, 255.0)).zero, 255.0);
    }
}
