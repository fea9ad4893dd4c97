//! Strided views of a storage as tensors: a range of the file where the elements lie in order, a permutation of one where
//! only the axes are in another order, and otherwise a gathering when they are read.

use super::dtype::ScalarType;
use super::storage::Storage;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::{LazyBytes, byte_len};
use modelport_ir::{DType, Tensor};
use std::sync::Arc;

/// How many times a view may be larger than its storage: `expand` gives axes whose elements are all the same. Small views
/// may be anything.
const EXPANSION: usize = 4;
const SMALL: usize = 1 << 20;

/// The tensor with `shape` and `strides` from the element `offset` of a storage.
///
/// # Errors
/// `TO0002` when it reaches outside of the storage or is much larger, `TO0003` when the IR has no such elements.
pub(crate) fn strided(
    storage: &Storage,
    scalar: ScalarType,
    offset: i64,
    shape: &[i64],
    strides: &[i64],
) -> Result<Tensor> {
    let dtype = scalar.require()?;
    let (Some(offset), Some(shape), Some(strides)) = (unsigned(&[offset]), unsigned(shape), unsigned(strides)) else {
        return Err(damaged("its offset, shape or strides are negative"));
    };
    if shape.len() != strides.len() {
        return Err(damaged("it has as many strides as axes").found(format!("shape {shape:?}, strides {strides:?}")));
    }
    let bytes = byte_len(dtype, &shape)?;
    let offset = offset.first().copied().unwrap_or(0);
    if shape.contains(&0) {
        return Tensor::from_bytes(dtype, shape, Vec::new());
    }
    if bytes > SMALL && bytes / EXPANSION > storage.len as usize {
        return Err(damaged("it is much larger than its storage")
            .expected(format!("at most {EXPANSION} times {} bytes", storage.len))
            .found(format!("{bytes} bytes")));
    }
    let span = span(&shape, &strides).ok_or_else(|| damaged("its strides reach further than memory can"))?;
    match dense(&shape, &strides) {
        Some(order) => {
            let flat = storage.elements(dtype, offset as u64, span as u64)?;
            permuted(&flat, &shape, &order)
        }
        None => {
            let base = storage.elements(dtype, offset as u64, span as u64)?;
            let view = View { base, dtype, shape: shape.clone(), strides };
            Tensor::from_lazy(dtype, shape, Arc::new(view))
        }
    }
}

fn damaged(what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_TENSOR, format!("the tensor does not fit its storage: {what}"))
}

fn unsigned(values: &[i64]) -> Option<Vec<usize>> {
    values.iter().map(|&v| usize::try_from(v).ok()).collect()
}

/// Elements from the first to the last of a view that is not empty.
fn span(shape: &[usize], strides: &[usize]) -> Option<usize> {
    let last = shape.iter().zip(strides).try_fold(0usize, |sum, (&n, &s)| sum.checked_add((n - 1).checked_mul(s)?))?;
    last.checked_add(1)
}

/// The axes from the one with the largest stride to the smallest, when the elements lie without gaps in that order.
fn dense(shape: &[usize], strides: &[usize]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] != 1).collect();
    order.sort_by_key(|&axis| std::cmp::Reverse(strides[axis]));
    let mut next = 1usize;
    for &axis in order.iter().rev() {
        if strides[axis] != next {
            return None;
        }
        next = next.checked_mul(shape[axis])?;
    }
    // An axis of one element has its place nowhere in particular: first.
    let ones = (0..shape.len()).filter(|&axis| shape[axis] == 1);
    Some(ones.chain(order.iter().copied()).collect())
}

/// Elements that lie in the order of `order` as a tensor of `shape`.
fn permuted(flat: &Tensor, shape: &[usize], order: &[usize]) -> Result<Tensor> {
    let stored = flat.reshape(order.iter().map(|&axis| shape[axis]).collect())?;
    let mut back = vec![0; order.len()];
    for (place, &axis) in order.iter().enumerate() {
        back[axis] = place;
    }
    stored.permute(&back)?.reshape(shape.to_vec())
}

/// A view with gaps, or with elements that stand in several places.
#[derive(Debug)]
struct View {
    base: Tensor,
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl LazyBytes for View {
    fn read(&self) -> Result<Vec<u8>> {
        let bytes = self.base.bytes()?;
        let size = self.dtype.size();
        let mut out = Vec::with_capacity(byte_len(self.dtype, &self.shape)?);
        let mut index = vec![0; self.shape.len()];
        loop {
            let at: usize =
                index.iter().zip(&self.strides).map(|(&i, &s): (&usize, &usize)| i * s).sum::<usize>() * size;
            out.extend_from_slice(bytes.get(at..at + size).ok_or_else(|| damaged("a stride leads outside"))?);
            // The next index, the last axis fastest.
            let Some(axis) = (0..index.len()).rev().find(|&axis| index[axis] + 1 < self.shape[axis]) else {
                return Ok(out);
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }

    fn describe(&self) -> String {
        format!("{:?} with strides {:?}", self.base, self.strides)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::Source;
    use modelport_storage::{ByteRange, MappedFile};

    fn storage(n: u8) -> Storage {
        let file = MappedFile::from_bytes("bytes", (0..n).collect::<Vec<u8>>());
        Storage {
            key: "0".into(),
            scalar: None,
            source: Source::Range(ByteRange::whole(file)),
            start: 0,
            len: n.into(),
            big_endian: false,
        }
    }

    fn view(offset: i64, shape: &[i64], strides: &[i64]) -> Result<Tensor> {
        strided(&storage(24), ScalarType::named("uint8").unwrap(), offset, shape, strides)
    }

    #[test]
    fn views_have_the_elements_that_their_strides_say() {
        let views: &[(i64, &[i64], &[i64])] = &[
            (0, &[2, 3, 4], &[12, 4, 1]),
            (4, &[2, 3], &[3, 1]),
            (0, &[3, 2], &[1, 3]),
            (0, &[1, 3, 2, 4], &[999, 1, 12, 3]),
            (1, &[2, 3], &[5, 1]),
            (3, &[2, 3], &[0, 2]),
            (23, &[], &[]),
            (0, &[4, 3, 2], &[1, 4, 12]),
            (0, &[2, 2], &[1, 1]),
        ];
        for (offset, shape, strides) in views {
            let tensor = view(*offset, shape, strides).unwrap();
            let mut want = vec![*offset];
            for (n, s) in shape.iter().zip(*strides) {
                want = want.iter().flat_map(|&w| (0..*n).map(move |i| w + i * s)).collect();
            }
            let want: Vec<u8> = want.into_iter().map(|w| w as u8).collect();
            assert_eq!(tensor.bytes().unwrap().as_ref(), want.as_slice(), "{offset} {shape:?} {strides:?}");
        }
        assert!(view(4, &[2, 3], &[3, 1]).unwrap().file_range().is_some());
        assert_eq!(view(99, &[0, 3], &[3, 1]).unwrap().len(), 0);
    }

    #[test]
    fn views_outside_are_refused() {
        for (offset, shape, strides) in [
            (0, vec![25], vec![1]),
            (24, vec![], vec![]),
            (0, vec![2, 3], vec![22, 1]),
            (-1, vec![1], vec![1]),
            (0, vec![-1], vec![1]),
            (0, vec![2], vec![-1]),
            (0, vec![2], vec![]),
            (0, vec![i64::MAX, i64::MAX], vec![0, 0]),
            (0, vec![2, 2], vec![i64::MAX, i64::MAX]),
            (0, vec![1 << 40], vec![0]),
            (i64::MAX, vec![1], vec![1]),
        ] {
            assert!(view(offset, &shape, &strides).is_err(), "{offset} {shape:?} {strides:?}");
        }
    }
}
