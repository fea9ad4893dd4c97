//! Moving elements: permutation in cache-sized blocks, and strided gathering.

use std::ops::Range;

/// Bytes of the result that are put together at a time: they stay in a cache until they are written, and a block takes
/// enough of every row of the source that finding the row's page is not what takes the time.
pub(super) const BLOCK: usize = 1 << 20;
/// Neighbours in the source that a block takes together, so that it uses whole cache lines.
const LANES: usize = 16;

/// A permutation prepared for filling the result block by block, in any order.
#[derive(Debug)]
pub(super) struct Plan {
    /// Dimensions of the result after adjacent axes that stay together were merged.
    shape: Vec<usize>,
    /// For each of them, how far apart its neighbours lie in the source, in elements.
    strides: Vec<usize>,
    size: usize,
    /// The axis that blocks cut; a block has one index of every axis before it.
    cut: usize,
    /// Indices of that axis in a block.
    rows: usize,
}

impl Plan {
    pub(super) fn new(shape: &[usize], perm: &[usize], size: usize) -> Self {
        let mut apart = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            apart[axis - 1] = apart[axis] * shape[axis];
        }
        // Merge axes that are neighbours in the source too: fewer loops, longer runs.
        let (mut dims, mut strides): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        for (n, s) in perm.iter().map(|&axis| (shape[axis], apart[axis])).filter(|(n, _)| *n != 1) {
            match (dims.last_mut(), strides.last_mut()) {
                (Some(last), Some(outer)) if *outer == s * n => {
                    *last *= n;
                    *outer = s;
                }
                _ => {
                    dims.push(n);
                    strides.push(s);
                }
            }
        }
        if dims.is_empty() {
            (dims, strides) = (vec![1], vec![1]);
        }
        let row = |axis: usize| dims[axis + 1..].iter().product::<usize>() * size;
        let fits = |&axis: &usize| row(axis) <= BLOCK || (strides[axis] == 1 && row(axis) <= 16 * BLOCK / LANES);
        let cut = (0..dims.len()).find(fits).unwrap_or(dims.len() - 1);
        let few = if strides[cut] == 1 { LANES } else { 1 };
        let rows = (BLOCK / row(cut).max(1) / few * few).max(few);
        Self { shape: dims, strides, size, cut, rows }
    }

    fn blocks_per_cut(&self) -> usize {
        self.shape[self.cut].div_ceil(self.rows)
    }

    /// The number of blocks.
    pub(super) fn blocks(&self) -> usize {
        let empty = self.shape.contains(&0);
        if empty { 0 } else { self.shape[..self.cut].iter().product::<usize>() * self.blocks_per_cut() }
    }

    /// The indices of the cut axis, counted through all axes before it too, that block `i` has.
    fn rows_of(&self, i: usize) -> (usize, Range<usize>) {
        let (outer, part) = (i / self.blocks_per_cut(), i % self.blocks_per_cut());
        let first = part * self.rows;
        (outer, first..(first + self.rows).min(self.shape[self.cut]))
    }

    /// The bytes of the result that block `i` is.
    pub(super) fn block(&self, i: usize) -> Range<usize> {
        let row = self.shape[self.cut + 1..].iter().product::<usize>() * self.size;
        let (outer, rows) = self.rows_of(i);
        let at = outer * self.shape[self.cut];
        (at + rows.start) * row..(at + rows.end) * row
    }

    /// Bytes of the largest block.
    pub(super) fn most(&self) -> usize {
        if self.blocks() == 0 { 0 } else { self.block(0).len() }
    }

    /// Fills block `i` of the result from the whole source.
    pub(super) fn gather(&self, i: usize, source: &[u8], out: &mut [u8]) {
        match self.size {
            1 => self.gather_sized::<1>(i, source, out),
            2 => self.gather_sized::<2>(i, source, out),
            4 => self.gather_sized::<4>(i, source, out),
            8 => self.gather_sized::<8>(i, source, out),
            _ => self.gather_sized::<16>(i, source, out),
        }
    }

    fn gather_sized<const N: usize>(&self, i: usize, source: &[u8], out: &mut [u8]) {
        let (source, out) = (source.as_chunks::<N>().0, out.as_chunks_mut::<N>().0);
        let (mut outer, rows) = self.rows_of(i);
        let mut first = rows.start * self.strides[self.cut];
        for (n, s) in self.shape[..self.cut].iter().zip(&self.strides).rev() {
            first += outer % n * s;
            outer /= n;
        }
        let mut shape = self.shape[self.cut..].to_vec();
        shape[0] = rows.len();
        let strides = &self.strides[self.cut..];
        let inner = shape.len() - 1;
        // The axis whose neighbours are adjacent in the source, to be tiled against the result's innermost one.
        let fast = strides.iter().position(|&s| s == 1);
        let skip = [inner, fast.unwrap_or(inner)];
        let mut index = vec![0; shape.len()];
        loop {
            let from = first + index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>();
            let to = offset(&index, &shape);
            if fast == Some(inner) {
                out[to..to + shape[inner]].copy_from_slice(&source[from..from + shape[inner]]);
            } else {
                let cols = fast.map_or((1, 1), |f| (shape[f], shape[f + 1..].iter().product()));
                tile(&source[from..], &mut out[to..], (shape[inner], strides[inner]), cols);
            }
            if !next(&mut index, &shape, &skip) {
                return;
            }
        }
    }
}

/// Rows and columns of a tile: one cache line of four-byte elements either way.
const TILE: usize = 16;
const HALF: usize = TILE / 2;

/// Transposes a plane of `rows.0` rows (`rows.1` apart in the source, adjacent in the result) and `cols.0` columns
/// (adjacent in the source, `cols.1` apart in the result), in tiles. A strip of tiles reads few rows, whose pages the
/// TLB keeps, and writes whole lines.
fn tile<const N: usize>(source: &[[u8; N]], out: &mut [[u8; N]], rows: (usize, usize), cols: (usize, usize)) {
    for r in (0..rows.0).step_by(TILE) {
        fetch(source, r + TILE..(r + 2 * TILE).min(rows.0), rows.1, cols.0);
        for c in (0..cols.0).step_by(TILE) {
            let (height, width) = (TILE.min(rows.0 - r), TILE.min(cols.0 - c));
            let (from, to) = (&source[r * rows.1 + c..], &mut out[c * cols.1 + r..]);
            match (height, width) {
                (TILE, TILE) if N == 4 => turn_words(from.as_flattened(), to.as_flattened_mut(), rows.1, cols.1),
                (TILE, TILE) => turn(from, to, rows.1, cols.1),
                _ => {
                    for c in 0..width {
                        for (r, to) in to[c * cols.1..][..height].iter_mut().enumerate() {
                            *to = from[r * rows.1 + c];
                        }
                    }
                }
            }
        }
    }
}

/// Touches what the next strip will read: the processor then waits for all its lines at once, not for each in turn, as no
/// hardware foresees short pieces of distant rows.
fn fetch<const N: usize>(source: &[[u8; N]], rows: Range<usize>, apart: usize, cols: usize) {
    let first = |line: &[[u8; N]]| line.first().map_or(0, |element| element[0]);
    let row = |r: usize| source[r * apart..][..cols].chunks(TILE).fold(0, |seen, line| seen ^ first(line));
    std::hint::black_box(rows.fold(0, |seen, r| seen ^ row(r)));
}

/// Transposes a full tile through a copy: rows that are a power of two apart share few sets of the cache.
fn turn<const N: usize>(source: &[[u8; N]], out: &mut [[u8; N]], apart: usize, out_apart: usize) {
    let mut tile = [[[0; N]; TILE]; TILE];
    for (r, line) in tile.iter_mut().enumerate() {
        line.copy_from_slice(&source[r * apart..][..TILE]);
    }
    for c in 0..TILE {
        for (to, line) in out[c * out_apart..][..TILE].iter_mut().zip(&tile) {
            *to = line[c];
        }
    }
}

/// As [`turn`], of elements of four bytes: two at a time, in words of eight bytes. Distances are in elements.
fn turn_words(source: &[u8], out: &mut [u8], apart: usize, out_apart: usize) {
    let mut tile = [[0; HALF]; TILE];
    for (r, line) in tile.iter_mut().enumerate() {
        let words = source[4 * r * apart..][..4 * TILE].as_chunks::<8>().0;
        for (to, word) in line.iter_mut().zip(words) {
            *to = u64::from_le_bytes(*word);
        }
    }
    let (mut even, mut odd) = ([[0; HALF]; HALF], [[0; HALF]; HALF]);
    interleave(&tile, &mut even, &mut odd);
    for (c, half) in (0..TILE).map(|c| (c, if c % 2 == 0 { &even } else { &odd })) {
        let line = out[4 * c * out_apart..][..4 * TILE].as_chunks_mut::<8>().0;
        for (to, words) in line.iter_mut().zip(half) {
            *to = words[c / 2].to_le_bytes();
        }
    }
}

/// Of every two lines, the elements of even columns in pairs, and those of odd ones. A function of its own, and of arrays,
/// so that it becomes vector code.
#[inline(never)]
fn interleave(tile: &[[u64; HALF]; TILE], even: &mut [[u64; HALF]; HALF], odd: &mut [[u64; HALF]; HALF]) {
    const LOW: u64 = 0xffff_ffff;
    for ((lines, even), odd) in tile.as_chunks::<2>().0.iter().zip(even).zip(odd) {
        for (((a, b), even), odd) in lines[0].iter().zip(&lines[1]).zip(even).zip(odd) {
            *even = (a & LOW) | (b << 32);
            *odd = (a >> 32) | (b & !LOW);
        }
    }
}

fn offset(index: &[usize], shape: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |at, (i, n)| at * n + i)
}

/// Advances a multi-index over all axes but those in `skip`; false when it is through.
fn next(index: &mut [usize], shape: &[usize], skip: &[usize]) -> bool {
    for axis in (0..shape.len()).rev().filter(|a| !skip.contains(a)) {
        index[axis] += 1;
        if index[axis] < shape[axis] {
            return true;
        }
        index[axis] = 0;
    }
    false
}

/// Collects a strided sub-tensor.
pub(super) fn gather(
    source: &[u8],
    shape: &[usize],
    size: usize,
    start: &[usize],
    len: &[usize],
    step: &[isize],
) -> Vec<u8> {
    let total: usize = len.iter().product();
    let mut out = Vec::with_capacity(total * size);
    if total == 0 {
        return out;
    }
    let mut index = vec![0; len.len()];
    // Trailing axes that are taken whole are copied in one piece.
    let whole = (0..len.len()).rev().take_while(|&a| len[a] == shape[a] && step[a] == 1).count();
    let run: usize = len[len.len() - whole..].iter().product::<usize>() * size;
    let skip: Vec<_> = (len.len() - whole..len.len()).collect();
    loop {
        let at =
            (0..len.len()).fold(0, |at, a| at * shape[a] + (start[a] as isize + index[a] as isize * step[a]) as usize);
        out.extend_from_slice(&source[at * size..at * size + run]);
        if !next(&mut index, len, &skip) {
            return out;
        }
    }
}
