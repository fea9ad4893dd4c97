//! [`Storage`]: the bytes that tensors are views of, wherever they are.
//!
//! Owns: packed members, foreign byte order. Must never know: shapes.

use super::dtype::ScalarType;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::LazyBytes;
use modelport_ir::{DType, Tensor};
use modelport_storage::{ByteRange, ZipArchive};
use std::sync::Arc;

/// Where bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In the file as they are.
    Range(ByteRange),
    /// In a packed member of an archive; unpacked when they are needed.
    Packed(Arc<Packed>),
    /// Nowhere: a tensor on the device `meta` has a shape and no data.
    Nowhere,
}

/// A packed member.
#[derive(Debug)]
pub(crate) struct Packed {
    archive: Arc<ZipArchive>,
    name: String,
    len: u64,
}

impl Packed {
    pub(crate) fn new(archive: Arc<ZipArchive>, name: &str, len: u64) -> Self {
        Self { archive, name: name.to_owned(), len }
    }
}

impl LazyBytes for Packed {
    fn read(&self) -> Result<Vec<u8>> {
        self.archive.range(&self.name)?.read()
    }

    fn describe(&self) -> String {
        format!("{}!{}", self.archive.file().name(), self.name)
    }
}

/// Elements of a big-endian machine.
#[derive(Debug)]
struct Swapped {
    base: Tensor,
    /// Bytes that change their order together: half an element of a complex type.
    unit: usize,
}

impl LazyBytes for Swapped {
    fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = self.base.bytes()?.to_vec();
        bytes.chunks_exact_mut(self.unit).for_each(<[u8]>::reverse);
        Ok(bytes)
    }

    fn describe(&self) -> String {
        format!("{:?}, big-endian", self.base)
    }
}

/// One storage.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// Its name in the archive.
    pub(crate) key: String,
    /// The type of its elements; `None` when it is untyped and the tensor says it.
    pub(crate) scalar: Option<ScalarType>,
    /// Where its bytes are.
    pub(crate) source: Source,
    /// Where it begins in the source, in bytes.
    pub(crate) start: u64,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// Whether its elements are big-endian.
    pub(crate) big_endian: bool,
}

impl Storage {
    /// A piece of it as a vector of elements.
    ///
    /// # Errors
    /// `TO0002` when it does not reach that far, `TO0003` when it has no data.
    pub(crate) fn elements(&self, dtype: DType, first: u64, count: u64) -> Result<Tensor> {
        let size = dtype.size() as u64;
        let (Some(at), Some(len)) = (first.checked_mul(size), count.checked_mul(size)) else {
            return Err(self.short(u64::MAX));
        };
        let end = at.saturating_add(len);
        if end > self.len {
            return Err(self.short(end));
        }
        let at = self.start + at;
        let plain = match &self.source {
            Source::Range(range) => Tensor::from_range(dtype, vec![count as usize], range.slice(at, len)?)?,
            Source::Packed(packed) => {
                // What the type of a slice is does not matter to it when both ends lie between elements.
                let whole = (packed.len / size) as usize;
                let base = Tensor::from_lazy(DType::U8, vec![packed.len as usize], packed.clone())?;
                match (at % size, packed.len % size) {
                    (0, 0) => Tensor::from_lazy(dtype, vec![whole], packed.clone())?.narrow(
                        0,
                        (at / size) as usize,
                        count as usize,
                    )?,
                    _ => reinterpreted(base.narrow(0, at as usize, len as usize)?, dtype, count)?,
                }
            }
            Source::Nowhere => {
                return Err(Diagnostic::error(
                    Code::TORCH_UNSUPPORTED_TENSOR,
                    "the tensor was saved on the device `meta`: it has a shape, and no data",
                )
                .help("save the model after its weights were loaded"));
            }
        };
        let unit = if matches!(dtype, DType::C64 | DType::C128) { dtype.size() / 2 } else { dtype.size() };
        if self.big_endian && unit > 1 {
            return Tensor::from_lazy(dtype, vec![count as usize], Arc::new(Swapped { base: plain, unit }));
        }
        Ok(plain)
    }

    fn short(&self, needs: u64) -> Box<Diagnostic> {
        Diagnostic::error(Code::TORCH_TENSOR, format!("the tensor reaches past the end of its storage `{}`", self.key))
            .expected(format!("a storage of at least {needs} bytes"))
            .found(format!("{} bytes", self.len))
            .help("the file was cut off or altered; get it again")
    }
}

/// Bytes as elements, where they do not lie at a multiple of the element's size.
fn reinterpreted(bytes: Tensor, dtype: DType, count: u64) -> Result<Tensor> {
    #[derive(Debug)]
    struct Same(Tensor);
    impl LazyBytes for Same {
        fn read(&self) -> Result<Vec<u8>> {
            self.0.bytes().map(|b| b.to_vec())
        }
        fn describe(&self) -> String {
            format!("{:?}", self.0)
        }
    }
    Tensor::from_lazy(dtype, vec![count as usize], Arc::new(Same(bytes)))
}
