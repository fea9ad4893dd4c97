//! TensorProto: a lazy tensor. Owns: the two forms that elements have in it (tensorflow/core/framework/tensor.proto, 2.21):
//! all bytes, which stay in the file, or fields by type whose last element stands for all that are missing. Must never
//! know: graphs.

use crate::dtype;
use crate::wire::decode;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::LazyBytes;
use modelport_ir::{DType, Tensor};
use modelport_proto::tensorflow::{TensorProto, TensorShapeProto};
use modelport_storage::{ByteRange, MappedFile};
use prost::bytes::Bytes;
use std::sync::Arc;

/// How large a tensor may become that the file spells with a few elements.
const MOST_FILLED: usize = 64 << 20;

fn wrong(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_TENSOR, message)
}

/// All dimensions of a shape that must be known.
///
/// # Errors
/// `TF0011` when one is not.
pub(crate) fn known_shape(shape: Option<&TensorShapeProto>) -> Result<Vec<usize>> {
    let Some(shape) = shape else { return Ok(Vec::new()) };
    let dims = shape.dim.iter().map(|d| usize::try_from(d.size).ok()).collect::<Option<Vec<_>>>();
    let dims = dims.filter(|_| !shape.unknown_rank);
    dims.ok_or_else(|| wrong("a tensor with elements has a shape that is not known"))
}

/// Decodes the TensorProto in `bytes`, a view of `file`.
///
/// # Errors
/// `TF0011` when type, shape and elements do not fit, `TF0001` when the message is damaged.
pub(crate) fn tensor(file: &Arc<MappedFile>, bytes: &Bytes) -> Result<Tensor> {
    let proto: TensorProto = decode(bytes, "a tensor")?;
    let shape = known_shape(proto.tensor_shape.as_ref())?;
    let Some(dtype) = dtype::dtype(proto.dtype) else {
        return Err(wrong(format!("a tensor holds elements of type {}", dtype::name(proto.dtype)))
            .expected("numbers, booleans or strings"));
    };
    if dtype == DType::Str {
        return strings(&proto, shape);
    }
    let want = modelport_ir::tensor::byte_len(dtype, &shape)?;
    if !proto.tensor_content.is_empty() {
        return match offset_in(file, &proto.tensor_content) {
            Some(at) => {
                let range = ByteRange::new(file.clone(), at, proto.tensor_content.len() as u64)?;
                Tensor::from_range(dtype, shape, range)
            }
            None => Tensor::from_bytes(dtype, shape, proto.tensor_content),
        };
    }
    let given = typed(&proto, dtype);
    if given.len() > want {
        return Err(wrong("a tensor has more elements than its shape")
            .expected(format!("{want} bytes for {dtype}{shape:?}"))
            .found(format!("{} bytes", given.len())));
    }
    if given.len() == want {
        return Tensor::from_bytes(dtype, shape, given);
    }
    if want > MOST_FILLED {
        return Err(Diagnostic::error(Code::IO_LIMIT, "a few elements stand for a tensor that is too large")
            .expected(format!("at most {MOST_FILLED} bytes"))
            .found(format!("{want} bytes for {dtype}{shape:?}")));
    }
    Tensor::from_lazy(dtype, shape, Arc::new(Filled { given, element: dtype.size(), want }))
}

/// Where `part` starts in the file, if it is a view of it.
pub(crate) fn offset_in(file: &MappedFile, part: &Bytes) -> Option<u64> {
    let at = (part.as_ptr() as usize).checked_sub(file.bytes().as_ptr() as usize)?;
    (at.checked_add(part.len())? <= file.bytes().len()).then_some(at as u64)
}

fn strings(proto: &TensorProto, shape: Vec<usize>) -> Result<Tensor> {
    let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    let count = count.filter(|n| *n <= MOST_FILLED / 64 || *n == proto.string_val.len());
    let count = count.ok_or_else(|| wrong(format!("a tensor of strings has the shape {shape:?}")))?;
    if proto.string_val.len() > count {
        return Err(wrong("a tensor has more strings than its shape")
            .expected(format!("{count}"))
            .found(format!("{}", proto.string_val.len())));
    }
    let mut all: Vec<Vec<u8>> = proto.string_val.iter().map(|s| s.to_vec()).collect();
    all.resize(count, all.last().cloned().unwrap_or_default());
    Tensor::from_strings(shape, all)
}

/// The elements of the fields by type, little-endian.
pub(crate) fn typed(proto: &TensorProto, dtype: DType) -> Vec<u8> {
    fn bytes<T: Copy, const N: usize>(values: &[T], f: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|v| f(*v)).collect()
    }
    match dtype {
        DType::F32 => bytes(&proto.float_val, f32::to_le_bytes),
        DType::F64 => bytes(&proto.double_val, f64::to_le_bytes),
        DType::F16 | DType::BF16 => bytes(&proto.half_val, |v| (v as u16).to_le_bytes()),
        DType::I32 => bytes(&proto.int_val, i32::to_le_bytes),
        DType::I16 | DType::U16 => bytes(&proto.int_val, |v| (v as u16).to_le_bytes()),
        DType::I8 | DType::U8 => bytes(&proto.int_val, |v| [v as u8]),
        DType::I64 => bytes(&proto.int64_val, i64::to_le_bytes),
        DType::U32 => bytes(&proto.uint32_val, u32::to_le_bytes),
        DType::U64 => bytes(&proto.uint64_val, u64::to_le_bytes),
        DType::Bool => bytes(&proto.bool_val, |v| [u8::from(v)]),
        DType::C64 => bytes(&proto.scomplex_val, f32::to_le_bytes),
        DType::C128 => bytes(&proto.dcomplex_val, f64::to_le_bytes),
        DType::F8E4M3 | DType::F8E5M2 => proto.float8_val.to_vec(),
        DType::Str => Vec::new(),
    }
}

/// A few elements, the last repeated up to the end; zeros when there are none.
struct Filled {
    given: Vec<u8>,
    element: usize,
    want: usize,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

impl LazyBytes for Filled {
    fn read(&self) -> Result<Vec<u8>> {
        let mut out = self.given.clone();
        out.reserve_exact(self.want.saturating_sub(out.len()));
        let last = out.len().checked_sub(self.element).and_then(|at| out.get(at..).map(<[u8]>::to_vec));
        let last = last.unwrap_or_else(|| vec![0; self.element]);
        while out.len() < self.want {
            out.extend_from_slice(&last);
        }
        out.truncate(self.want);
        Ok(out)
    }

    fn describe(&self) -> String {
        let head = self.given.get(..self.given.len().min(64)).unwrap_or_default();
        format!("{head:?} of {} bytes, the last of {} bytes repeated to {}", self.given.len(), self.element, self.want)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelport_proto::tensorflow::Dim;
    use prost::Message;

    fn shape(dims: &[i64]) -> Option<TensorShapeProto> {
        Some(TensorShapeProto { dim: dims.iter().map(|&size| Dim { size }).collect(), unknown_rank: false })
    }

    fn read(proto: &TensorProto) -> Result<Tensor> {
        let file = MappedFile::from_bytes("t", proto.encode_to_vec());
        tensor(&file, file.bytes())
    }

    #[test]
    fn content_stays_in_the_file_and_the_last_element_is_repeated() {
        let content = Bytes::from(vec![0, 0, 128, 63, 0, 0, 0, 64]);
        let t =
            read(&TensorProto { dtype: 1, tensor_shape: shape(&[2]), tensor_content: content, ..Default::default() });
        let t = t.unwrap();
        assert!(t.file_range().is_some());
        assert_eq!(t.to_f64s().unwrap(), [1.0, 2.0]);
        let few = TensorProto { dtype: 3, tensor_shape: shape(&[2, 2]), int_val: vec![4, 7], ..Default::default() };
        assert_eq!(read(&few).unwrap().to_i64s().unwrap(), [4, 7, 7, 7]);
        let none = TensorProto { dtype: 10, tensor_shape: shape(&[3]), ..Default::default() };
        assert_eq!(read(&none).unwrap().to_i64s().unwrap(), [0, 0, 0]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let many = TensorProto { dtype: 3, tensor_shape: shape(&[1]), int_val: vec![4, 7], ..Default::default() };
        assert_eq!(read(&many).unwrap_err().code, Code::TF_TENSOR);
        let huge = TensorProto { dtype: 3, tensor_shape: shape(&[1 << 40]), int_val: vec![4], ..Default::default() };
        assert_eq!(read(&huge).unwrap_err().code, Code::IO_LIMIT);
        let resource = TensorProto { dtype: 20, ..Default::default() };
        assert_eq!(read(&resource).unwrap_err().code, Code::TF_TENSOR);
    }
}
