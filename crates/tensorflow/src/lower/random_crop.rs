//! `SampleDistortedBoundingBox` (`core/kernels/image/sample_distorted_bounding_box_op.cc`, 2.11): a random part of an image
//! that covers enough of a box. TensorFlow tries until one does; here all tries are made side by side, and the first is taken.
//!
//! Owns: tries. Must never know: generators.

use super::call::Call;
use super::formula as f;
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] =
    &[row_many("SampleDistortedBoundingBox", sample), row_many("SampleDistortedBoundingBoxV2", sample)];

/// More tries than this are not made.
const MOST: i64 = 4096;

/// An image and its tries: sizes f32[1], all else f32[tries].
struct Tries {
    tall: ValueId,
    wide: ValueId,
    /// Numbers from 0 to 1 for the shape, the size, the row and the column of every try.
    dice: [ValueId; 4],
}

/// A part of the image, f32[tries] each, and whether it is one.
struct Part {
    y: ValueId,
    x: ValueId,
    height: ValueId,
    width: ValueId,
    fits: ValueId,
}

/// (image_size: [height, width, channels], boxes: [batch, n, (y1, x1, y2, x2)], least share covered?) → begin, size, box.
fn sample(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [size, boxes] = c.pair()?;
    let to = c.b.dtype(size);
    let size = c.b.cast(size, DType::F32)?;
    let (tall, wide) = (f::element(c.b, size, 0)?, f::element(c.b, size, 1)?);
    let covered = match c.inputs.get(2) {
        Some(&v) => v,
        None => {
            let share = c.float_or("min_object_covered", 0.1)?;
            c.b.scalar(DType::F32, share)
        }
    };
    let tries = Tries { tall, wide, dice: dice(c)? };
    let part = part(c, &tries)?;
    let (boxes, counts) = objects(c, boxes)?;
    let covers = covers(c, &tries, &part, boxes, counts, covered)?;
    let good = c.b.binary(BinaryOp::And, part.fits, covers)?;
    let [y, x, height, width] = first(c, &tries, &part, good)?;
    let whole = |c: &mut Call<'_>, a: ValueId, b: ValueId, last: f64| {
        let last = c.b.constant("", Tensor::from_f64s(DType::F32, &[1], &[last])?);
        let all = c.b.concat(&[a, b, last], 0)?;
        let all = c.b.cast(all, DType::I64)?;
        c.b.cast(all, to)
    };
    let (begin, size) = (whole(c, y, x, 0.0)?, whole(c, height, width, -1.0)?);
    let (bottom, right) = (c.b.binary(BinaryOp::Add, y, height)?, c.b.binary(BinaryOp::Add, x, width)?);
    let corners = c.b.concat(&[y, x, bottom, right], 0)?;
    let scales = c.b.concat(&[tall, wide, tall, wide], 0)?;
    let shares = c.b.binary(BinaryOp::Div, corners, scales)?;
    Ok(vec![begin, size, c.b.reshape(shares, &[1, 1, 4])?])
}

/// Four numbers for every try. With a seed each draw has another, or they would be the same numbers.
fn dice(c: &mut Call<'_>) -> Result<[ValueId; 4]> {
    let count = c.int_or("max_attempts", 100)?;
    if !(1..=MOST).contains(&count) {
        return Err(c.bad_value("max_attempts", "1 to 4096", &count.to_string()));
    }
    let seed = super::random::seed(c)?;
    let shape = c.b.ints(&[count]);
    let mut draw = |plus: f64| c.b.drawn_evenly(shape, DType::F32, seed.map(|s| s + plus));
    Ok([draw(0.0)?, draw(1.0)?, draw(2.0)?, draw(3.0)?])
}

/// Two numbers of an attribute.
fn range(c: &Call<'_>, name: &str, default: [f64; 2]) -> Result<[f64; 2]> {
    let Some(list) = c.op.attr(name).and_then(|a| a.as_list()) else { return Ok(default) };
    match list.iter().filter_map(modelport_ir::Attr::as_float).collect::<Vec<_>>().as_slice() {
        &[low, high] if low > 0.0 && low <= high => Ok([low, high]),
        _ => Err(c.bad_value(name, "two numbers, the larger one behind", &format!("{list:?}"))),
    }
}

/// An integer from 0 to below `n`, where `n` is one or more, else 0.
fn below(c: &mut Call<'_>, die: ValueId, n: ValueId) -> Result<ValueId> {
    let at = c.b.binary(BinaryOp::Mul, die, n)?;
    let at = c.b.unary(UnaryOp::Floor, at)?;
    let last = c.b.binary_scalar(BinaryOp::Sub, n, 1.0)?;
    let last = c.b.unary(UnaryOp::Relu, last)?;
    c.b.binary(BinaryOp::Min, at, last)
}

/// The width, to a whole pixel, that a height asks for.
fn width_of(c: &mut Call<'_>, height: ValueId, aspect: ValueId) -> Result<ValueId> {
    let width = c.b.binary(BinaryOp::Mul, height, aspect)?;
    c.b.unary(UnaryOp::Round, width)
}

/// Parts of the shapes and areas that are asked for.
fn part(c: &mut Call<'_>, t: &Tries) -> Result<Part> {
    let [low, high] = range(c, "aspect_ratio_range", [0.75, 1.33])?;
    let aspect = c.b.binary_scalar(BinaryOp::Mul, t.dice[0], high - low)?;
    let aspect = c.b.binary_scalar(BinaryOp::Add, aspect, low)?;
    let image = c.b.binary(BinaryOp::Mul, t.tall, t.wide)?;
    let [least, most] = range(c, "area_range", [0.05, 1.0])?;
    let (least, most) =
        (c.b.binary_scalar(BinaryOp::Mul, image, least)?, c.b.binary_scalar(BinaryOp::Mul, image, most)?);
    let side = |c: &mut Call<'_>, area: ValueId| {
        let y = c.b.binary(BinaryOp::Div, area, aspect)?;
        let y = c.b.unary(UnaryOp::Sqrt, y)?;
        c.b.unary(UnaryOp::Round, y)
    };
    let (low, high) = (side(c, least)?, side(c, most)?);
    let high = narrowed(c, t, high, aspect)?;
    let low = c.b.binary(BinaryOp::Min, low, high)?;
    let span = c.b.binary(BinaryOp::Sub, high, low)?;
    let span = c.b.binary_scalar(BinaryOp::Add, span, 1.0)?;
    let more = below(c, t.dice[1], span)?;
    let mut height = c.b.binary(BinaryOp::Add, low, more)?;
    let mut width = width_of(c, height, aspect)?;
    // Rounding may have left the range by a little.
    for (limit, op, step) in [(least, BinaryOp::Less, 1.0), (most, BinaryOp::Greater, -1.0)] {
        let area = c.b.binary(BinaryOp::Mul, width, height)?;
        let outside = c.b.binary(op, area, limit)?;
        let other = c.b.binary_scalar(BinaryOp::Add, height, step)?;
        height = c.b.choose(outside, other, height)?;
        width = width_of(c, height, aspect)?;
    }
    let area = c.b.binary(BinaryOp::Mul, width, height)?;
    let one = c.b.scalar(DType::F32, 1.0);
    let mut fits = c.b.binary(BinaryOp::GreaterOrEqual, area, least)?;
    for (a, b) in [(most, area), (t.wide, width), (t.tall, height), (width, one), (height, one)] {
        let holds = c.b.binary(BinaryOp::GreaterOrEqual, a, b)?;
        fits = c.b.binary(BinaryOp::And, fits, holds)?;
    }
    let (down, along) = (c.b.binary(BinaryOp::Sub, t.tall, height)?, c.b.binary(BinaryOp::Sub, t.wide, width)?);
    Ok(Part { y: below(c, t.dice[2], down)?, x: below(c, t.dice[3], along)?, height, width, fits })
}

/// A height whose width, and that itself, the image has.
fn narrowed(c: &mut Call<'_>, t: &Tries, height: ValueId, aspect: ValueId) -> Result<ValueId> {
    let too_wide = |c: &mut Call<'_>, height: ValueId| {
        let width = width_of(c, height, aspect)?;
        c.b.binary(BinaryOp::Greater, width, t.wide)
    };
    let most = c.b.binary_scalar(BinaryOp::Add, t.wide, 0.5)?;
    let most = c.b.binary(BinaryOp::Div, most, aspect)?;
    let most = c.b.unary(UnaryOp::Floor, most)?;
    let less = c.b.binary_scalar(BinaryOp::Sub, most, 1.0)?;
    let still = too_wide(c, most)?;
    let most = c.b.choose(still, less, most)?;
    let over = too_wide(c, height)?;
    let height = c.b.choose(over, most, height)?;
    c.b.binary(BinaryOp::Min, height, t.tall)
}

/// The boxes in one row, and which of them count. Where the image may stand for them, it is the last and counts alone.
fn objects(c: &mut Call<'_>, boxes: ValueId) -> Result<(ValueId, Option<ValueId>)> {
    let boxes = c.b.reshape(boxes, &[-1, 4])?;
    if !c.bool_or("use_image_if_no_bounding_boxes", false)? {
        return Ok((boxes, None));
    }
    let n = c.b.dim(boxes, 0)?;
    let image = c.b.constant("", Tensor::from_f64s(DType::F32, &[1, 4], &[0.0, 0.0, 1.0, 1.0])?);
    let all = c.b.concat(&[boxes, image], 0)?;
    let total = c.b.binary_scalar(BinaryOp::Add, n, 1.0)?;
    let places = f::count_to(c.b, total)?;
    let counted = c.b.binary_scalar(BinaryOp::Max, n, 1.0)?;
    let counts = c.b.binary(BinaryOp::Less, places, counted)?;
    Ok((all, Some(counts)))
}

/// Whether a part covers the share of some box: bool[tries].
fn covers(
    c: &mut Call<'_>,
    t: &Tries,
    part: &Part,
    boxes: ValueId,
    counts: Option<ValueId>,
    share: ValueId,
) -> Result<ValueId> {
    let scales = c.b.concat(&[t.tall, t.wide, t.tall, t.wide], 0)?;
    let pixels = c.b.binary(BinaryOp::Mul, boxes, scales)?;
    let pixels = c.b.unary(UnaryOp::Floor, pixels)?;
    let corners = c.b.add(Op::Split { axis: 1, sizes: vec![1; 4] }, &[Some(pixels)])?;
    let mut lines = Vec::with_capacity(4);
    for corner in corners {
        lines.push(c.b.squeeze(corner, &[1])?);
    }
    let &[top, left, bottom, right] = lines.as_slice() else { return Err(c.unsupported("a box has four numbers")) };
    let mut areas = Vec::with_capacity(2);
    for (low, high, from, size) in [(top, bottom, part.y, part.height), (left, right, part.x, part.width)] {
        let end = c.b.binary(BinaryOp::Add, from, size)?;
        let (from, end) = (c.b.unsqueeze(from, &[1])?, c.b.unsqueeze(end, &[1])?);
        let (low_edge, high_edge) = (c.b.binary(BinaryOp::Max, low, from)?, c.b.binary(BinaryOp::Min, high, end)?);
        let common = c.b.binary(BinaryOp::Sub, high_edge, low_edge)?;
        areas.push((c.b.unary(UnaryOp::Relu, common)?, c.b.binary(BinaryOp::Sub, high, low)?));
    }
    let &[(tall, own_tall), (wide, own_wide)] = areas.as_slice() else { return Err(c.unsupported("two axes")) };
    let (common, own) = (c.b.binary(BinaryOp::Mul, tall, wide)?, c.b.binary(BinaryOp::Mul, own_tall, own_wide)?);
    // Boxes without a pixel do not count.
    let at_least_one = c.b.binary_scalar(BinaryOp::Max, own, 1.0)?;
    let got = c.b.binary(BinaryOp::Div, common, at_least_one)?;
    let enough = c.b.binary(BinaryOp::GreaterOrEqual, got, share)?;
    let empty = f::below(c.b, own, 1.0)?;
    let real = c.b.unary(UnaryOp::Not, empty)?;
    let mut covered = c.b.binary(BinaryOp::And, enough, real)?;
    if let Some(counts) = counts {
        covered = c.b.binary(BinaryOp::And, covered, counts)?;
    }
    any(c, covered, 1)
}

fn any(c: &mut Call<'_>, x: ValueId, axis: i64) -> Result<ValueId> {
    let x = c.b.cast(x, DType::F32)?;
    let most = c.b.reduce(ReduceKind::Max, x, &[axis], false)?;
    let half = c.b.scalar(DType::F32, 0.5);
    c.b.binary(BinaryOp::Greater, most, half)
}

/// The first good try, or the whole image: y, x, height, width, f32[1] each.
fn first(c: &mut Call<'_>, t: &Tries, part: &Part, good: ValueId) -> Result<[ValueId; 4]> {
    let found = any(c, good, 0)?;
    let marks = c.b.cast(good, DType::F32)?;
    let op = Op::ArgReduce { kind: ArgKind::Max, axis: 0, keepdims: true, select_last: false };
    let at = c.b.one(op, &[marks])?;
    let zero = c.b.scalar(DType::F32, 0.0);
    let mut pick = |all: ValueId, otherwise: ValueId| {
        let one = c.b.one(Op::Gather { axis: 0 }, &[all, at])?;
        c.b.choose(found, one, otherwise)
    };
    Ok([pick(part.y, zero)?, pick(part.x, zero)?, pick(part.height, t.tall)?, pick(part.width, t.wide)?])
}
