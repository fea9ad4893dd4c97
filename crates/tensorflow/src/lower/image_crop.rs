//! `CropAndResize` (`core/kernels/image/crop_and_resize_op.cc`): pixels at computed places, mixed.

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[row("CropAndResize", crop_and_resize)];

/// Where the pixels of one axis of every crop lie: [boxes, size], and whether that is inside of the image.
struct Line {
    at: ValueId,
    inside: ValueId,
}

/// (images, boxes [n, (y1, x1, y2, x2)] in parts of the image, the image of each box, size of the crops).
fn crop_and_resize(c: &mut Call<'_>) -> Result<ValueId> {
    let [images, boxes, which] = c.three()?;
    c.need_rank(images, 4)?;
    let linear = match c.str_or("method", "bilinear")? {
        "bilinear" => true,
        "nearest" => false,
        other => return Err(c.bad_value("method", "bilinear or nearest", other)),
    };
    let filler = c.float_or("extrapolation_value", 0.0)?;
    let size = c.ints(3, "crop_size")?;
    let &[h, w] = size.as_slice() else {
        return Err(c.unsupported("the size of the crops must have two numbers").found(format!("{size:?}")));
    };
    let images = c.b.cast(images, DType::F32)?;
    let corners = c.b.add(Op::Split { axis: 1, sizes: vec![1; 4] }, &[Some(boxes)])?;
    let &[y1, x1, y2, x2] = corners.as_slice() else { return Err(c.unsupported("a box has four numbers")) };
    let (rows, columns) = (line(c, images, 1, y1, y2, h)?, line(c, images, 2, x1, x2, w)?);
    let pixels = Pixels::new(c, images, which)?;
    let y = if linear {
        let (above, down, below) = neighbours(c, images, 1, rows.at)?;
        let (left, along, right) = neighbours(c, images, 2, columns.at)?;
        let (down, along) = (c.b.unsqueeze(down, &[2, 3])?, c.b.unsqueeze(along, &[1, 3])?);
        let [a, b] = [pixels.at(c, above, left)?, pixels.at(c, above, right)?];
        let [d, e] = [pixels.at(c, below, left)?, pixels.at(c, below, right)?];
        let (upper, lower) = (mix(c, a, b, along)?, mix(c, d, e, along)?);
        mix(c, upper, lower, down)?
    } else {
        let (row, column) = (rounded(c, images, 1, rows.at)?, rounded(c, images, 2, columns.at)?);
        pixels.at(c, row, column)?
    };
    let (tall, wide) = (c.b.unsqueeze(rows.inside, &[2, 3])?, c.b.unsqueeze(columns.inside, &[1, 3])?);
    let inside = c.b.binary(BinaryOp::And, tall, wide)?;
    let filler = c.b.scalar_like(y, filler);
    c.b.choose(inside, y, filler)
}

/// The last index of an axis, as f32 scalar.
fn last(c: &mut Call<'_>, images: ValueId, axis: usize) -> Result<ValueId> {
    let n = c.b.dim(images, axis)?;
    let n = f::scalar(c.b, n)?;
    let n = c.b.cast(n, DType::F32)?;
    c.b.binary_scalar(BinaryOp::Sub, n, 1.0)
}

/// From `start` to `end` (both [boxes, 1]) in `size` steps; one pixel lies in the middle.
fn line(c: &mut Call<'_>, images: ValueId, axis: usize, start: ValueId, end: ValueId, size: i64) -> Result<Line> {
    let last = last(c, images, axis)?;
    let at = if size > 1 {
        let length = c.b.binary(BinaryOp::Sub, end, start)?;
        let length = c.b.binary(BinaryOp::Mul, length, last)?;
        let step = c.b.binary_scalar(BinaryOp::Div, length, (size - 1) as f64)?;
        let count = c.b.ints(&[size]);
        let count = f::count_to(c.b, count)?;
        let count = c.b.cast(count, DType::F32)?;
        let moved = c.b.binary(BinaryOp::Mul, count, step)?;
        let first = c.b.binary(BinaryOp::Mul, start, last)?;
        c.b.binary(BinaryOp::Add, first, moved)?
    } else {
        let sum = c.b.binary(BinaryOp::Add, start, end)?;
        let half = c.b.binary_scalar(BinaryOp::Mul, sum, 0.5)?;
        c.b.binary(BinaryOp::Mul, half, last)?
    };
    let low = c.b.binary_scalar(BinaryOp::GreaterOrEqual, at, 0.0)?;
    let high = c.b.binary(BinaryOp::LessOrEqual, at, last)?;
    Ok(Line { at, inside: c.b.binary(BinaryOp::And, low, high)? })
}

/// Indices that exist.
fn index(c: &mut Call<'_>, images: ValueId, axis: usize, at: ValueId) -> Result<ValueId> {
    let last = last(c, images, axis)?;
    let zero = c.b.scalar_like(at, 0.0);
    let at = c.b.one(Op::Clip, &[at, zero, last])?;
    c.b.cast(at, DType::I64)
}

/// The pixel before, how far it is, the pixel behind.
fn neighbours(c: &mut Call<'_>, images: ValueId, axis: usize, at: ValueId) -> Result<(ValueId, ValueId, ValueId)> {
    let (before, behind) = (c.b.unary(UnaryOp::Floor, at)?, c.b.unary(UnaryOp::Ceil, at)?);
    let far = c.b.binary(BinaryOp::Sub, at, before)?;
    Ok((index(c, images, axis, before)?, far, index(c, images, axis, behind)?))
}

/// The nearest pixel, halves away from zero.
fn rounded(c: &mut Call<'_>, images: ValueId, axis: usize, at: ValueId) -> Result<ValueId> {
    let at = c.b.binary_scalar(BinaryOp::Add, at, 0.5)?;
    let at = c.b.unary(UnaryOp::Floor, at)?;
    index(c, images, axis, at)
}

/// a + (b − a)·part
fn mix(c: &mut Call<'_>, a: ValueId, b: ValueId, part: ValueId) -> Result<ValueId> {
    let apart = c.b.binary(BinaryOp::Sub, b, a)?;
    let moved = c.b.binary(BinaryOp::Mul, apart, part)?;
    c.b.binary(BinaryOp::Add, a, moved)
}

/// The pixels of all images in one list.
struct Pixels {
    list: ValueId,
    /// Number of the first row of each box's image, [boxes, 1].
    first_row: ValueId,
    width: ValueId,
}

impl Pixels {
    fn new(c: &mut Call<'_>, images: ValueId, which: ValueId) -> Result<Self> {
        let list = f::reshape(c.b, images, &[f::From::Size(-1), f::From::Dim(images, 3)])?;
        let which = c.b.cast(which, DType::I64)?;
        let which = c.b.unsqueeze(which, &[1])?;
        let (height, width) = (c.b.dim(images, 1)?, c.b.dim(images, 2)?);
        let first_row = c.b.binary(BinaryOp::Mul, which, height)?;
        Ok(Self { list, first_row, width })
    }

    /// Rows [boxes, h] and columns [boxes, w] → [boxes, h, w, channels].
    fn at(&self, c: &mut Call<'_>, rows: ValueId, columns: ValueId) -> Result<ValueId> {
        let row = c.b.binary(BinaryOp::Add, self.first_row, rows)?;
        let start = c.b.binary(BinaryOp::Mul, row, self.width)?;
        let (start, column) = (c.b.unsqueeze(start, &[2])?, c.b.unsqueeze(columns, &[1])?);
        let at = c.b.binary(BinaryOp::Add, start, column)?;
        c.b.one(Op::Gather { axis: 0 }, &[self.list, at])
    }
}
