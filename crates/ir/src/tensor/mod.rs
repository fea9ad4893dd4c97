//! Lazy tensors: a byte source on disk with a pending recipe on top. Nothing is read until [`Tensor::bytes`] or
//! [`Tensor::write_to`].
//!
//! Elements are little-endian and row-major. Owns: recipes and their evaluation. Must never know: file formats.

mod cast;
mod eval;
mod permute;
mod small;
mod source;
mod write;

pub use cast::{cast_bytes, decode_f64, encode_f64};
pub use source::Place;
pub use write::write_all;

use crate::{DType, TensorType};
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::ByteRange;
use std::fmt;
use std::sync::Arc;

/// A source of bytes that are not one plain range of a file: compressed chunks, foreign byte order.
pub trait LazyBytes: Send + Sync + fmt::Debug {
    /// Produces all bytes, little-endian and row-major.
    ///
    /// # Errors
    /// Whatever the source finds damaged.
    fn read(&self) -> Result<Vec<u8>>;
    /// Names the source for humans and tells two sources apart: `model.h5:/model_weights/conv/kernel:0`.
    fn describe(&self) -> String;
}

/// Where a tensor's elements come from.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Range(ByteRange),
    Owned(Bytes),
    Lazy(Arc<dyn LazyBytes>),
    Strings(Arc<[Vec<u8>]>),
    Reshape(Tensor),
    Permute(Tensor, Vec<usize>),
    Cast(Tensor),
    /// Start and step per axis; the result's shape is the tensor's.
    Slice(Tensor, Vec<usize>, Vec<isize>),
    Concat(Vec<Tensor>, usize),
    /// Every element times `factors[index along axis]`.
    Scale(Tensor, usize, Arc<[f64]>),
}

#[derive(Debug)]
struct Inner {
    dtype: DType,
    shape: Vec<usize>,
    data: Data,
}

/// A tensor of known type and shape; cloning it copies no elements.
#[derive(Clone)]
pub struct Tensor(Arc<Inner>);

impl Tensor {
    fn make(dtype: DType, shape: Vec<usize>, data: Data) -> Self {
        Self(Arc::new(Inner { dtype, shape, data }))
    }

    /// Elements that stand in a file, little-endian and row-major.
    ///
    /// # Errors
    /// `IR0004` when the range's length does not fit dtype and shape.
    pub fn from_range(dtype: DType, shape: Vec<usize>, range: ByteRange) -> Result<Self> {
        check_len(dtype, &shape, range.len()).map_err(|d| d.in_file(range.file().name()).at_byte(range.offset()))?;
        Ok(Self::make(dtype, shape, Data::Range(range)))
    }

    /// Elements in memory, little-endian and row-major.
    ///
    /// # Errors
    /// `IR0004` when the length does not fit dtype and shape.
    pub fn from_bytes(dtype: DType, shape: Vec<usize>, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        check_len(dtype, &shape, bytes.len() as u64)?;
        Ok(Self::make(dtype, shape, Data::Owned(bytes)))
    }

    /// Elements that are produced on demand; a wrong length is found when they are read.
    ///
    /// # Errors
    /// `IR0004` when the shape has more elements than can be addressed.
    pub fn from_lazy(dtype: DType, shape: Vec<usize>, source: Arc<dyn LazyBytes>) -> Result<Self> {
        byte_len(dtype, &shape)?;
        Ok(Self::make(dtype, shape, Data::Lazy(source)))
    }

    /// Byte strings.
    ///
    /// # Errors
    /// `IR0004` when the number of strings does not fit the shape.
    pub fn from_strings(shape: Vec<usize>, strings: Vec<Vec<u8>>) -> Result<Self> {
        if elements(&shape) != Some(strings.len()) {
            return Err(Diagnostic::error(Code::IR_TENSOR, "the number of strings does not fit the shape"));
        }
        Ok(Self::make(DType::Str, shape, Data::Strings(strings.into())))
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.shape.len()
    }

    /// Type for the graph.
    pub fn ty(&self) -> TensorType {
        TensorType::known(self.dtype(), self.shape())
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of bytes of its elements (0 for strings).
    pub fn byte_len(&self) -> usize {
        self.len() * self.dtype().size()
    }

    /// The file range it stands in as it is, without any pending recipe.
    pub fn file_range(&self) -> Option<&ByteRange> {
        match &self.0.data {
            Data::Range(r) => Some(r),
            Data::Reshape(t) => t.file_range(),
            _ => None,
        }
    }

    pub(crate) fn data(&self) -> &Data {
        &self.0.data
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// `IR0004` when the number of elements differs.
    pub fn reshape(&self, shape: Vec<usize>) -> Result<Self> {
        if elements(&shape) != Some(self.len()) {
            return Err(Diagnostic::error(Code::IR_TENSOR, "a reshape must keep the number of elements")
                .expected(format!("{:?}", self.shape()))
                .found(format!("{shape:?}")));
        }
        if shape == self.shape() {
            return Ok(self.clone());
        }
        let data = match self.data() {
            Data::Range(_) | Data::Owned(_) | Data::Lazy(_) | Data::Strings(_) => self.data().clone(),
            Data::Reshape(base) => Data::Reshape(base.clone()),
            _ => Data::Reshape(self.clone()),
        };
        Ok(Self::make(self.dtype(), shape, data))
    }

    /// Axes in another order: axis `i` of the result is axis `perm[i]` of this.
    ///
    /// # Errors
    /// `IR0004` when `perm` is not a permutation of the axes.
    pub fn permute(&self, perm: &[usize]) -> Result<Self> {
        if !is_permutation(perm, self.rank()) {
            return Err(Diagnostic::error(Code::IR_TENSOR, format!("{perm:?} is not a permutation of the axes"))
                .found(format!("a tensor of shape {:?}", self.shape())));
        }
        let shape: Vec<_> = perm.iter().map(|&p| self.shape()[p]).collect();
        if moves_nothing(self.shape(), perm) {
            return self.reshape(shape);
        }
        match self.data() {
            Data::Permute(base, inner) => base.permute(&perm.iter().map(|&p| inner[p]).collect::<Vec<_>>()),
            // Permuting below a scale keeps the scale last, where it works in place.
            Data::Scale(base, axis, factors) => {
                let axis = perm.iter().position(|p| p == axis).unwrap_or(*axis);
                Ok(Self::make(self.dtype(), shape, Data::Scale(base.permute(perm)?, axis, factors.clone())))
            }
            _ => Ok(Self::make(self.dtype(), shape, Data::Permute(self.clone(), perm.to_vec()))),
        }
    }

    /// The elements converted to another type, as C converts them.
    ///
    /// # Errors
    /// `IR0004` for strings and complex numbers, which do not convert.
    pub fn cast(&self, dtype: DType) -> Result<Self> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        if !cast::castable(self.dtype()) || !cast::castable(dtype) {
            return Err(Diagnostic::error(Code::IR_TENSOR, format!("cannot convert {} to {dtype}", self.dtype())));
        }
        Ok(Self::make(dtype, self.shape().to_vec(), Data::Cast(self.clone())))
    }

    /// A sub-tensor: from `start`, `len` elements at `step` (negative steps walk backwards), per axis.
    ///
    /// # Errors
    /// `IR0004` when it reaches outside.
    pub fn slice(&self, start: &[usize], len: &[usize], step: &[isize]) -> Result<Self> {
        let inside = start.len() == self.rank()
            && len.len() == self.rank()
            && step.len() == self.rank()
            && self.shape().iter().enumerate().all(|(i, &n)| {
                let last = (len[i] as i128 - 1) * step[i] as i128 + start[i] as i128;
                len[i] == 0 || (start[i] < n && (0..n as i128).contains(&last))
            });
        if !inside {
            return Err(Diagnostic::error(Code::IR_TENSOR, "a slice reaches outside of its tensor")
                .expected(format!("inside {:?}", self.shape()))
                .found(format!("start {start:?}, length {len:?}, step {step:?}")));
        }
        if len == self.shape() && step.iter().all(|&s| s == 1) {
            return Ok(self.clone());
        }
        if let Some(data) = self.run(start, len, step) {
            return Ok(Self::make(self.dtype(), len.to_vec(), data?));
        }
        Ok(Self::make(self.dtype(), len.to_vec(), Data::Slice(self.clone(), start.to_vec(), step.to_vec())))
    }

    /// A slice of elements that lie one after the other where they are stored is a piece of the storage.
    fn run(&self, start: &[usize], len: &[usize], step: &[isize]) -> Option<Result<Data>> {
        let cut = (0..self.rank()).find(|&axis| len[axis] != 1)?;
        let whole = (cut + 1..self.rank()).all(|axis| len[axis] == self.shape()[axis] && step[axis] == 1);
        if !whole || step[cut] != 1 || len.contains(&0) {
            return None;
        }
        let first = start.iter().zip(self.shape()).fold(0, |at, (s, n)| at * n + s) * self.dtype().size();
        let bytes = len.iter().product::<usize>() * self.dtype().size();
        match self.data() {
            Data::Range(range) => Some(range.slice(first as u64, bytes as u64).map(Data::Range)),
            Data::Owned(all) => Some(Ok(Data::Owned(all.slice(first..first + bytes)))),
            _ => None,
        }
    }

    /// `len` elements along one axis from `start`.
    ///
    /// # Errors
    /// As [`Tensor::slice`].
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Result<Self> {
        let mut starts = vec![0; self.rank()];
        let mut lens = self.shape().to_vec();
        if let (Some(s), Some(l)) = (starts.get_mut(axis), lens.get_mut(axis)) {
            (*s, *l) = (start, len);
        }
        self.slice(&starts, &lens, &vec![1; self.rank()])
    }

    /// The elements backwards along `axes`.
    ///
    /// # Errors
    /// As [`Tensor::slice`].
    pub fn flip(&self, axes: &[usize]) -> Result<Self> {
        let flipped = |i: usize| axes.contains(&i);
        let start: Vec<_> =
            self.shape().iter().enumerate().map(|(i, &n)| if flipped(i) { n.saturating_sub(1) } else { 0 }).collect();
        let step: Vec<_> = (0..self.rank()).map(|i| if flipped(i) { -1 } else { 1 }).collect();
        self.slice(&start, self.shape(), &step)
    }

    /// Tensors joined along `axis`.
    ///
    /// # Errors
    /// `IR0004` when there are none, or their types or other dimensions differ.
    pub fn concat(parts: &[Tensor], axis: usize) -> Result<Self> {
        let differ = || Diagnostic::error(Code::IR_TENSOR, "joined tensors differ in type or shape");
        let first = parts.first().ok_or_else(differ)?;
        let mut shape = first.shape().to_vec();
        let mut total = 0;
        for part in parts {
            let same = part.rank() == first.rank()
                && part.dtype() == first.dtype()
                && (0..shape.len()).all(|i| i == axis || part.shape()[i] == shape[i]);
            if !same || axis >= shape.len() {
                return Err(differ());
            }
            total += part.shape()[axis];
        }
        if parts.len() == 1 {
            return Ok(first.clone());
        }
        shape[axis] = total;
        byte_len(first.dtype(), &shape)?;
        Ok(Self::make(first.dtype(), shape, Data::Concat(parts.to_vec(), axis)))
    }

    /// Every element times the factor of its index along `axis`; computed in f32 (f64 for f64).
    ///
    /// # Errors
    /// `IR0004` when the number of factors is not the length of the axis, or the type is not floating point.
    pub fn scale(&self, axis: usize, factors: Arc<[f64]>) -> Result<Self> {
        if self.shape().get(axis) != Some(&factors.len()) || !self.dtype().is_float() {
            return Err(Diagnostic::error(Code::IR_TENSOR, "scale factors do not fit the tensor"));
        }
        Ok(Self::make(self.dtype(), self.shape().to_vec(), Data::Scale(self.clone(), axis, factors)))
    }

    /// The strings of a string tensor.
    pub fn strings(&self) -> Option<&[Vec<u8>]> {
        match self.data() {
            Data::Strings(s) => Some(s),
            _ => None,
        }
    }
}

/// Structural: the same source with the same recipe. Tensors in memory compare by content.
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        if self.dtype() != other.dtype() || self.shape() != other.shape() {
            return false;
        }
        match (self.data(), other.data()) {
            (Data::Range(a), Data::Range(b)) => {
                Arc::ptr_eq(a.file(), b.file()) && a.offset() == b.offset() && a.len() == b.len()
            }
            (Data::Owned(a), Data::Owned(b)) => a == b,
            (Data::Lazy(a), Data::Lazy(b)) => a.describe() == b.describe(),
            (Data::Strings(a), Data::Strings(b)) => a == b,
            (Data::Reshape(a), Data::Reshape(b)) | (Data::Cast(a), Data::Cast(b)) => a == b,
            (Data::Permute(a, p), Data::Permute(b, q)) => p == q && a == b,
            (Data::Slice(a, s, t), Data::Slice(b, u, v)) => s == u && t == v && a == b,
            (Data::Concat(a, i), Data::Concat(b, j)) => i == j && a == b,
            (Data::Scale(a, i, f), Data::Scale(b, j, g)) => i == j && f == g && a == b,
            _ => false,
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}", self.ty())?;
        match self.data() {
            Data::Range(r) => write!(f, " at {}+{})", r.file().name(), r.offset()),
            Data::Lazy(l) => write!(f, " at {})", l.describe()),
            Data::Owned(_) | Data::Strings(_) => write!(f, " in memory)"),
            _ => write!(f, " by a recipe)"),
        }
    }
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b))
}

/// Bytes that a tensor takes.
///
/// # Errors
/// `IR0004` when that overflows.
pub fn byte_len(dtype: DType, shape: &[usize]) -> Result<usize> {
    elements(shape).and_then(|n| n.checked_mul(dtype.size())).filter(|&n| n <= isize::MAX as usize).ok_or_else(|| {
        Diagnostic::error(Code::IR_TENSOR, format!("a tensor of shape {shape:?} is larger than memory can be"))
    })
}

fn check_len(dtype: DType, shape: &[usize], len: u64) -> Result<()> {
    let want = byte_len(dtype, shape)? as u64;
    if want == len && dtype != DType::Str {
        return Ok(());
    }
    Err(Diagnostic::error(Code::IR_TENSOR, "the data does not fit the tensor's type and shape")
        .expected(format!("{want} bytes for {dtype}{shape:?}"))
        .found(format!("{len} bytes")))
}

fn is_permutation(perm: &[usize], rank: usize) -> bool {
    let mut seen = vec![false; rank];
    perm.len() == rank && perm.iter().all(|&p| p < rank && !std::mem::replace(&mut seen[p], true))
}

/// Whether a permutation leaves the elements where they are: only axes of length 1 move.
fn moves_nothing(shape: &[usize], perm: &[usize]) -> bool {
    let moved: Vec<_> = perm.iter().filter(|&&p| shape[p] != 1).collect();
    moved.windows(2).all(|w| w[0] < w[1])
}
