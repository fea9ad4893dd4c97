//! Moving elements: permutation in cache-sized tiles, and strided gathering.

/// A permutation prepared for scattering a source that arrives in outer slices.
pub(super) struct Plan {
    /// Source dimensions after adjacent axes that stay together were merged.
    shape: Vec<usize>,
    /// For each source axis, how far apart its neighbours lie in the result, in elements.
    strides: Vec<usize>,
    size: usize,
}

impl Plan {
    pub(super) fn new(shape: &[usize], perm: &[usize], size: usize) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut stride = 1;
        for &axis in perm.iter().rev() {
            strides[axis] = stride;
            stride *= shape[axis];
        }
        // Merge source axes that are neighbours in the result too: fewer loops, longer runs.
        let (mut merged_shape, mut merged_strides): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        for (&n, &s) in shape.iter().zip(&strides).filter(|(n, _)| **n != 1) {
            match (merged_shape.last_mut(), merged_strides.last_mut()) {
                (Some(last), Some(outer)) if *outer == s * n => {
                    *last *= n;
                    *outer = s;
                }
                _ => {
                    merged_shape.push(n);
                    merged_strides.push(s);
                }
            }
        }
        if merged_shape.is_empty() {
            (merged_shape, merged_strides) = (vec![shape.iter().product()], vec![1]);
        }
        Self { shape: merged_shape, strides: merged_strides, size }
    }

    /// Bytes of one slice along the outermost source axis.
    pub(super) fn outer_bytes(&self) -> usize {
        self.shape[1..].iter().product::<usize>() * self.size
    }

    /// Puts the source bytes of the outer slices from `first` on where they belong in `out`.
    pub(super) fn scatter(&self, first: usize, source: &[u8], out: &mut [u8]) {
        match self.size {
            1 => self.scatter_sized::<1>(first, source, out),
            2 => self.scatter_sized::<2>(first, source, out),
            4 => self.scatter_sized::<4>(first, source, out),
            8 => self.scatter_sized::<8>(first, source, out),
            _ => self.scatter_sized::<16>(first, source, out),
        }
    }

    fn scatter_sized<const N: usize>(&self, first: usize, source: &[u8], out: &mut [u8]) {
        let source = source.as_chunks::<N>().0;
        let out = out.as_chunks_mut::<N>().0;
        let slice: usize = self.shape[1..].iter().product();
        if slice == 0 {
            return;
        }
        let mut shape = self.shape.clone();
        shape[0] = source.len() / slice;
        // The axis whose neighbours are adjacent in the result, to be tiled against the source's innermost one.
        let inner = shape.len() - 1;
        let fast = self.strides.iter().position(|&s| s == 1).unwrap_or(inner);
        let mut index = vec![0; shape.len()];
        loop {
            let base: usize =
                first * self.strides[0] + index.iter().zip(&self.strides).map(|(i, s)| i * s).sum::<usize>();
            let from = offset(&index, &shape);
            if fast == inner {
                out[base..base + shape[inner]].copy_from_slice(&source[from..from + shape[inner]]);
            } else {
                let step: usize = shape[fast + 1..].iter().product();
                tile(&source[from..], &mut out[base..], (shape[fast], step), (shape[inner], self.strides[inner]));
            }
            if !next(&mut index, &shape, &[inner, fast]) {
                return;
            }
        }
    }
}

/// Transposes a plane of `rows.0` rows (`rows.1` apart in the source, adjacent in the result) and `cols.0` columns
/// (adjacent in the source, `cols.1` apart in the result), in tiles that stay in the cache. Tiles go by blocks: a block
/// touches few enough pages of either side for the TLB, and fills runs of the result long enough for one page each.
fn tile<const N: usize>(source: &[[u8; N]], out: &mut [[u8; N]], rows: (usize, usize), cols: (usize, usize)) {
    const BLOCK: (usize, usize) = (512, 32);
    const TILE: usize = 16;
    for r in (0..rows.0).step_by(BLOCK.0) {
        let r_end = (r + BLOCK.0).min(rows.0);
        for c in (0..cols.0).step_by(BLOCK.1) {
            let c_end = (c + BLOCK.1).min(cols.0);
            for r0 in (r..r_end).step_by(TILE) {
                let r1 = (r0 + TILE).min(r_end);
                for c0 in (c..c_end).step_by(TILE) {
                    for c in c0..(c0 + TILE).min(c_end) {
                        let line = &mut out[c * cols.1 + r0..c * cols.1 + r1];
                        for (r, to) in (r0..r1).zip(line) {
                            *to = source[r * rows.1 + c];
                        }
                    }
                }
            }
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
