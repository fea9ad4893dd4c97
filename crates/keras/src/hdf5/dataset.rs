//! Datasets as tensors: contiguous little-endian data stays a range of the file, everything else is unpacked on demand.
//!
//! Owns: element types and storage layouts. Must never know: what a dataset is for.

use super::H5;
use super::guard::{GuardedStorage, damaged, guarded};
use hdf5_reader::error::ByteOrder;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::{Dataset, Datatype};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::{LazyBytes, byte_len};
use modelport_ir::{DType, Tensor};
use std::sync::Arc;

impl H5 {
    pub(super) fn to_tensor(&self, dataset: Dataset, what: &str) -> Result<Tensor> {
        let (dtype, big_endian) = self.element_type(&dataset, what)?;
        let shape = self.shape(&dataset, what)?;
        let bytes = byte_len(dtype, &shape).map_err(|d| d.in_file(self.name()))? as u64;
        let layout = self.layout(&dataset, what)?;
        let most = match layout {
            Some(DataLayout::Contiguous { address, .. }) if address != u64::MAX => {
                let offset = self.file.superblock().base_address.saturating_add(address);
                let range = self.range.slice(offset, bytes).map_err(|d| d.at_node(what))?;
                if !big_endian {
                    return Tensor::from_range(dtype, shape, range);
                }
                self.range.len()
            }
            Some(DataLayout::Chunked { dims, .. }) => {
                self.check_chunks(&shape, &dims, what)?;
                self.range.len().saturating_mul(self.limits.expansion)
            }
            _ => self.range.len(),
        };
        if bytes > most {
            return Err(Diagnostic::error(
                Code::IO_LIMIT,
                format!("{what} announces more data than the file can hold"),
            )
            .in_file(self.name())
            .expected(format!("at most {most} bytes"))
            .found(format!("{bytes} bytes")));
        }
        let source = Unpacked {
            dataset,
            storage: self.storage.clone(),
            file: self.name.clone(),
            what: what.to_owned(),
            swap: if big_endian { dtype.size() } else { 1 },
        };
        Tensor::from_lazy(dtype, shape, Arc::new(source))
    }

    /// How the elements are stored.
    fn layout(&self, dataset: &Dataset, what: &str) -> Result<Option<DataLayout>> {
        let header = guarded(self.name(), what, || self.file.get_or_parse_header(dataset.address()))?;
        let mut layout = None;
        for message in &header.messages {
            match message {
                HdfMessage::DataLayout(m) => layout = Some(m.layout.clone()),
                HdfMessage::ExternalFiles(_) => return Err(self.external(what)),
                _ => {}
            }
        }
        Ok(layout)
    }

    fn external(&self, what: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::HDF5_DAMAGED, format!("{what} keeps its data in another file"))
            .in_file(self.name())
            .help("Keras never writes that; repack the file with h5repack")
    }

    fn shape(&self, dataset: &Dataset, what: &str) -> Result<Vec<usize>> {
        let dims: Option<Vec<usize>> = dataset.shape().iter().map(|&d| usize::try_from(d).ok()).collect();
        let elements = guarded(self.name(), what, || dataset.num_elements())?;
        match dims {
            // A null dataspace has no dimensions and no elements.
            Some(dims) if !(dims.is_empty() && elements == 0) => Ok(dims),
            _ => Err(damaged(self.name(), format!("{what} has no usable shape"))),
        }
    }

    /// The chunks are found one by one when the data is read, so there must not be more of them than the file can hold:
    /// each takes at least an address in an index.
    fn check_chunks(&self, shape: &[usize], chunk: &[u32], what: &str) -> Result<()> {
        let count = shape
            .iter()
            .zip(chunk)
            .try_fold(1u64, |n, (&dim, &c)| n.checked_mul((dim as u64).div_ceil(u64::from(c).max(1))));
        if chunk.len() == shape.len() && !chunk.contains(&0) && count.is_some_and(|n| n <= 1 + self.range.len() / 8) {
            return Ok(());
        }
        Err(damaged(self.name(), format!("{what} has chunks that do not fit it"))
            .found(format!("{chunk:?} for {shape:?}")))
    }

    fn element_type(&self, dataset: &Dataset, what: &str) -> Result<(DType, bool)> {
        let big = |order: &ByteOrder| *order == ByteOrder::BigEndian;
        let named =
            || guarded(self.name(), what, || dataset.attribute("dtype")).ok().and_then(|a| a.read_string().ok());
        let found = match dataset.dtype() {
            Datatype::FloatingPoint { size: 2, byte_order } => Some((DType::F16, big(byte_order))),
            Datatype::FloatingPoint { size: 4, byte_order } => Some((DType::F32, big(byte_order))),
            Datatype::FloatingPoint { size: 8, byte_order } => Some((DType::F64, big(byte_order))),
            Datatype::FixedPoint { size, signed, byte_order } => integer(*size, *signed).map(|d| (d, big(byte_order))),
            // h5py stores numpy's bool as an enum of FALSE and TRUE.
            Datatype::Enum { base, members } => match (base.as_ref(), members.as_slice()) {
                (Datatype::FixedPoint { size: 1, .. }, [a, b]) if a.name == "FALSE" && b.name == "TRUE" => {
                    Some((DType::Bool, false))
                }
                (Datatype::FixedPoint { size, signed, byte_order }, _) => {
                    integer(*size, *signed).map(|d| (d, big(byte_order)))
                }
                _ => None,
            },
            // keras/src/saving/saving_lib.py (3.15), H5Entry.__setitem__: types that HDF5 does not know are stored as
            // opaque bytes with the name in the attribute `dtype`.
            Datatype::Opaque { size: 2, .. } if named().as_deref() == Some("bfloat16") => Some((DType::BF16, false)),
            Datatype::Opaque { size: 1, .. } => match named().as_deref() {
                Some("float8_e4m3fn") => Some((DType::F8E4M3, false)),
                Some("float8_e5m2") => Some((DType::F8E5M2, false)),
                _ => None,
            },
            _ => None,
        };
        found.ok_or_else(|| {
            Diagnostic::error(Code::HDF5_DAMAGED, format!("{what} has elements that are not numbers"))
                .in_file(self.name())
                .found(format!("{:?}", dataset.dtype()))
        })
    }
}

fn integer(size: u8, signed: bool) -> Option<DType> {
    Some(match (size, signed) {
        (1, true) => DType::I8,
        (1, false) => DType::U8,
        (2, true) => DType::I16,
        (2, false) => DType::U16,
        (4, true) => DType::I32,
        (4, false) => DType::U32,
        (8, true) => DType::I64,
        (8, false) => DType::U64,
        _ => return None,
    })
}

/// A dataset that must be put together, decompressed or byte-swapped before it can be used.
struct Unpacked {
    dataset: Dataset,
    storage: Arc<GuardedStorage>,
    file: String,
    what: String,
    /// The size of the elements whose bytes stand in reverse; 1 where they do not.
    swap: usize,
}

impl std::fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

impl LazyBytes for Unpacked {
    fn read(&self) -> Result<Vec<u8>> {
        let read = || guarded(&self.file, &self.what, || self.dataset.read_raw_bytes());
        let mut bytes = self.storage.reading_elements(read)?;
        if self.swap > 1 {
            bytes.chunks_exact_mut(self.swap).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    }

    fn describe(&self) -> String {
        format!("{}, {}", self.file, self.what)
    }
}
