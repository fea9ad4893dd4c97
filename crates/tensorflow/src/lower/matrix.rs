//! Diagonals and bands of matrices (`core/ops/array_ops.cc`; for the second and third version
//! `core/kernels/linalg/matrix_diag_op.cc` of TensorFlow 2.21).

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, ReduceKind};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("MatrixBandPart", band_part),
    row("MatrixDiag", |c| {
        let x = c.x()?;
        spread(c, x)
    }),
    row("MatrixDiagPart", |c| {
        let x = c.x()?;
        main_diagonal(c, x)
    }),
    row("MatrixSetDiag", set_main),
    row("MatrixDiagV2", |c| diagonals(c, "LEFT_LEFT")),
    row("MatrixDiagV3", |c| diagonals(c, "RIGHT_LEFT")),
    row("MatrixDiagPartV2", |c| part(c, "LEFT_LEFT")),
    row("MatrixDiagPartV3", |c| part(c, "RIGHT_LEFT")),
    row("MatrixSetDiagV2", |c| set(c, "LEFT_LEFT")),
    row("MatrixSetDiagV3", |c| set(c, "RIGHT_LEFT")),
    row("Diag", diag),
    row("DiagPart", diag_part),
];

/// (x, lower, upper): so many diagonals on each side stay; negative: all.
fn band_part(c: &mut Call<'_>) -> Result<ValueId> {
    let mut x = c.x()?;
    let (lower, upper) = (c.int_operand(1, "num_lower")?, c.int_operand(2, "num_upper")?);
    for (n, keep_upper) in [(lower, true), (upper, false)] {
        if n >= 0 {
            let k = c.b.constant("", Tensor::int_scalar(if keep_upper { n.saturating_neg() } else { n }));
            x = c.b.one(Op::Trilu { upper: keep_upper }, &[x, k])?;
        }
    }
    Ok(x)
}

/// True where row and column are equal, for the last two axes' sizes (i64[1]).
fn eye(c: &mut Call<'_>, rows: ValueId, columns: ValueId) -> Result<ValueId> {
    let (i, j) = (f::count_to(c.b, rows)?, f::count_to(c.b, columns)?);
    let i = c.b.unsqueeze(i, &[1])?;
    c.b.binary(BinaryOp::Equal, i, j)
}

/// Vectors along the last axis as the diagonals of matrices.
fn spread(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let n = c.b.dim(x, c.b.rank(x).saturating_sub(1))?;
    let on = eye(c, n, n)?;
    let wide = c.b.unsqueeze(x, &[-1])?;
    let zero = c.b.scalar_like(x, 0.0);
    c.b.choose(on, wide, zero)
}

/// The main diagonals of matrices.
fn main_diagonal(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let dtype = c.b.dtype(x);
    let x = if dtype == DType::Bool { c.b.cast(x, DType::I32)? } else { x };
    let rank = c.b.rank(x);
    let (rows, columns) = (c.b.dim(x, rank.saturating_sub(2))?, c.b.dim(x, rank.saturating_sub(1))?);
    let on = eye(c, rows, columns)?;
    let zero = c.b.scalar_like(x, 0.0);
    let masked = c.b.choose(on, x, zero)?;
    let mut y = c.b.reduce(ReduceKind::Sum, masked, &[-1], false)?;
    let square = matches!(c.b.shape(x), [.., a, b] if a.same(b));
    if !square {
        let zero = c.b.ints(&[0]);
        let last = c.b.ints(&[rank as i64 - 2]);
        y = c.b.one(Op::Slice, &[y, zero, columns, last])?;
    }
    c.b.cast(y, dtype)
}

/// (matrices, diagonals)
fn set_main(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, diagonal] = c.pair()?;
    let rank = c.b.rank(x);
    let (rows, columns) = (c.b.dim(x, rank.saturating_sub(2))?, c.b.dim(x, rank.saturating_sub(1))?);
    let on = eye(c, rows, columns)?;
    // A diagonal is as long as the shorter side: it goes along that.
    let tall = matches!(c.b.shape(x), [.., Dim::Known(a), Dim::Known(b)] if a > b);
    let wide = c.b.unsqueeze(diagonal, &[if tall { -2 } else { -1 }])?;
    c.b.choose(on, wide, x)
}

/// Vectors as diagonals of a tensor of twice the rank.
fn diag(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    if c.b.rank(x) == 1 {
        return spread(c, x);
    }
    let flat = f::ravel(c.b, x)?;
    let y = spread(c, flat)?;
    let shape = f::shape_of(c.b, x)?;
    let twice = c.b.concat(&[shape, shape], 0)?;
    f::reshape_to(c.b, y, twice)
}

fn diag_part(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let half = c.b.rank(x) / 2;
    if half == 1 {
        return main_diagonal(c, x);
    }
    let shape = c.b.one(Op::Shape { start: 0, end: Some(half as i64) }, &[x])?;
    let n = c.b.reduce(ReduceKind::Prod, shape, &[0], true)?;
    let square = c.b.concat(&[n, n], 0)?;
    let matrix = f::reshape_to(c.b, x, square)?;
    let y = main_diagonal(c, matrix)?;
    f::reshape_to(c.b, y, shape)
}

/// Diagonals from `low` to `high`, and how those that are shorter are aligned.
struct Band {
    low: i64,
    high: i64,
    /// Above the main diagonal; below it.
    right: [bool; 2],
}

impl Band {
    fn read(c: &Call<'_>, operand: usize, default: &str) -> Result<Self> {
        let k = c.ints(operand, "k")?;
        let (low, high) = match *k.as_slice() {
            [k] => (k, k),
            [low, high] if low <= high => (low, high),
            _ => return Err(c.unsupported("k must be one or two ascending numbers").found(format!("{k:?}"))),
        };
        let align = c.str_or("align", default)?;
        let right = match align {
            "LEFT_LEFT" => [false, false],
            "LEFT_RIGHT" => [false, true],
            "RIGHT_LEFT" => [true, false],
            "RIGHT_RIGHT" => [true, true],
            other => return Err(c.bad_value("align", "LEFT_RIGHT, RIGHT_LEFT, LEFT_LEFT or RIGHT_RIGHT", other)),
        };
        Ok(Self { low, high, right })
    }

    fn count(&self) -> usize {
        usize::try_from(self.high - self.low + 1).unwrap_or(1)
    }

    /// The length of a diagonal of a matrix.
    fn length(k: i64, rows: usize, columns: usize) -> usize {
        let (r, s) = (rows as i64 + k.min(0), columns as i64 - k.max(0));
        usize::try_from(r.min(s)).unwrap_or(0)
    }

    /// The length of the longest.
    fn longest(&self, rows: usize, columns: usize) -> usize {
        let (r, s) = (rows as i64 + self.high.min(0), columns as i64 - self.low.max(0));
        usize::try_from(r.min(s)).unwrap_or(0)
    }

    /// Where element (row, column) stands among the packed diagonals: which line, which place.
    fn place(&self, row: usize, column: usize, rows: usize, columns: usize) -> Option<(usize, usize)> {
        let k = column as i64 - row as i64;
        if k < self.low || k > self.high {
            return None;
        }
        let line = usize::try_from(self.high - k).ok()?;
        let along = row.min(column);
        let lack = self.longest(rows, columns).saturating_sub(Self::length(k, rows, columns));
        let right = self.right[usize::from(k < 0)];
        // Both sides count the main diagonal, where they differ only if one of them does not have it.
        Some((line, if right { along + lack } else { along }))
    }
}

/// More elements than this are damage, not a model.
const MOST: usize = 1 << 24;

fn check_size(c: &Call<'_>, n: usize) -> Result<()> {
    if n <= MOST { Ok(()) } else { Err(c.unsupported("the matrix is too large").found(format!("{n} elements"))) }
}

/// The last `axes` axes of `x` as one, with a value behind where the table asks for it, picked by a table of `shape`.
/// Entry −1 of the table is that value.
fn picked(
    c: &mut Call<'_>,
    x: ValueId,
    axes: usize,
    filler: Option<ValueId>,
    table: &[i64],
    shape: &[usize],
) -> Result<ValueId> {
    let rank = c.b.rank(x);
    let lead = rank.saturating_sub(axes);
    let size = (lead..rank).map(|a| c.known_dim(x, a)).product::<Result<usize>>()?;
    let mut dims: Vec<f::From> = (0..lead).map(|a| f::From::Dim(x, a)).collect();
    dims.push(f::From::Size(size as i64));
    let mut flat = f::reshape(c.b, x, &dims)?;
    if table.contains(&-1) {
        let mut widths = vec![0; 2 * (lead + 1)];
        if let Some(last) = widths.last_mut() {
            *last = 1;
        }
        let widths = c.b.ints(&widths);
        let value = match filler {
            Some(v) => Some(f::scalar(c.b, v)?),
            None => None,
        };
        flat = c.b.one_opt(Op::Pad { mode: PadMode::Constant }, &[Some(flat), Some(widths), value])?;
    }
    let table: Vec<i64> = table.iter().map(|&i| if i < 0 { size as i64 } else { i }).collect();
    let at = c.b.constant(format!("{}/places", c.b.scope()), Tensor::ints(&table).reshape(shape.to_vec())?);
    c.b.one(Op::Gather { axis: lead as i64 }, &[flat, at])
}

/// (diagonals, k, rows, columns, filler): matrices with these diagonals.
fn diagonals(c: &mut Call<'_>, align: &str) -> Result<ValueId> {
    let x = c.x()?;
    let band = Band::read(c, 1, align)?;
    let (rows, columns) = (c.int_operand(2, "num_rows")?, c.int_operand(3, "num_cols")?);
    let filler = c.input(4)?;
    let rank = c.b.rank(x);
    let longest = c.b.shape(x).get(rank.saturating_sub(1)).and_then(Dim::known);
    let zero = c.b.as_constant(filler).and_then(|t| t.to_f64s().ok()).is_some_and(|v| v == [0.0]);
    let whole = |n: i64| n == -1 || longest.is_some_and(|l| l as i64 == n);
    if band.low == 0 && band.high == 0 && whole(rows) && whole(columns) && zero {
        return spread(c, x);
    }
    let longest = c.known_dim(x, rank.saturating_sub(1))?;
    let least_rows = longest as i64 - band.high.min(0);
    let least_columns = longest as i64 + band.low.max(0);
    let (rows, columns) = match (rows, columns) {
        (-1, -1) => (least_rows.max(least_columns), least_rows.max(least_columns)),
        (-1, n) => (least_rows, n),
        (n, -1) => (n, least_columns),
        both => both,
    };
    let size = |n: i64| usize::try_from(n).map_err(|_| c.unsupported("a matrix has positive sizes"));
    let (rows, columns) = (size(rows)?, size(columns)?);
    check_size(c, rows.saturating_mul(columns))?;
    let mut table = Vec::with_capacity(rows * columns);
    for i in 0..rows {
        for j in 0..columns {
            let place = band.place(i, j, rows, columns);
            table.push(place.map_or(-1, |(line, at)| (line * longest + at) as i64));
        }
    }
    let axes = if band.count() > 1 { 2 } else { 1 };
    picked(c, x, axes, Some(filler), &table, &[rows, columns])
}

/// The sizes of the last two axes.
fn matrix_sizes(c: &Call<'_>, x: ValueId) -> Result<(usize, usize)> {
    let rank = c.b.rank(x);
    let (rows, columns) = (c.known_dim(x, rank.saturating_sub(2))?, c.known_dim(x, rank.saturating_sub(1))?);
    check_size(c, rows.saturating_mul(columns))?;
    Ok((rows, columns))
}

/// (matrices, k, filler): their diagonals.
fn part(c: &mut Call<'_>, align: &str) -> Result<ValueId> {
    let x = c.x()?;
    let band = Band::read(c, 1, align)?;
    let filler = c.input(2)?;
    if band.low == 0 && band.high == 0 {
        return main_diagonal(c, x);
    }
    let (rows, columns) = matrix_sizes(c, x)?;
    let longest = band.longest(rows, columns);
    check_size(c, band.count().saturating_mul(longest))?;
    let mut table = vec![-1; band.count() * longest];
    for i in 0..rows {
        for j in 0..columns {
            let slot = band.place(i, j, rows, columns).and_then(|(line, at)| table.get_mut(line * longest + at));
            if let Some(slot) = slot {
                *slot = (i * columns + j) as i64;
            }
        }
    }
    let shape = if band.count() > 1 { vec![band.count(), longest] } else { vec![longest] };
    picked(c, x, 2, Some(filler), &table, &shape)
}

/// (matrices, diagonals, k): the matrices with these diagonals.
fn set(c: &mut Call<'_>, align: &str) -> Result<ValueId> {
    let [x, new] = c.pair()?;
    let band = Band::read(c, 2, align)?;
    if band.low == 0 && band.high == 0 {
        return set_main(c);
    }
    let (rows, columns) = matrix_sizes(c, x)?;
    let longest = band.longest(rows, columns);
    let (mut table, mut inside) = (Vec::new(), Vec::new());
    for i in 0..rows {
        for j in 0..columns {
            let place = band.place(i, j, rows, columns);
            table.push(place.map_or(0, |(line, at)| (line * longest + at) as i64));
            inside.push(f64::from(u8::from(place.is_some())));
        }
    }
    let axes = if band.count() > 1 { 2 } else { 1 };
    let spread = picked(c, new, axes, None, &table, &[rows, columns])?;
    let inside = Tensor::from_f64s(DType::Bool, &[rows, columns], &inside)?;
    let inside = c.b.constant("", inside);
    c.b.choose(inside, spread, x)
}

#[cfg(test)]
mod tests {
    use super::Band;

    #[test]
    fn short_diagonals_are_aligned() {
        let band = Band { low: -1, high: 1, right: [true, false] };
        // A 3 × 3 matrix: the diagonals above and below the main one have 2 elements.
        assert_eq!(band.longest(3, 3), 3);
        assert_eq!(band.place(0, 1, 3, 3), Some((0, 1)));
        assert_eq!(band.place(1, 0, 3, 3), Some((2, 0)));
        assert_eq!(band.place(2, 2, 3, 3), Some((1, 2)));
        assert_eq!(band.place(0, 2, 3, 3), None);
    }
}
