//! numpy arrays and scalars in pickles (`numpy/_core/src/multiarray/methods.c`, `array_reduce` and `array_setstate`;
//! `numpy/_core/numeric.py`, `_frombuffer`): weights that were saved with numpy, losses and steps in checkpoints.

use super::pickled::damaged;
use super::storage::{Source, Storage};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};
use modelport_pickle::{Node, Value};
use modelport_storage::{ByteRange, MappedFile};
use std::sync::Arc;

/// The array or scalar that a value is; `None` when it is neither.
pub(super) fn tensor(node: Node<'_>, file: &Arc<MappedFile>) -> Option<Result<Tensor>> {
    let class = node.class()?;
    match (&*class.module, &*class.name) {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(array(node, file)),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Some(scalar(node, file)),
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Some(buffer(node, file)),
        _ => None,
    }
}

/// The state `(version, shape, dtype, is_fortran, data)`.
fn array(node: Node<'_>, file: &Arc<MappedFile>) -> Result<Tensor> {
    let state = node.state().ok_or_else(|| damaged("a numpy array without a state"))?;
    let (Some(shape), Some(dtype), Some(fortran), Some(data)) =
        (state.item(1).and_then(Node::ints), state.item(2), state.item(3).and_then(|f| f.int()), state.item(4))
    else {
        return Err(damaged(format!("the state of a numpy array is {state}")));
    };
    made(dtype, &shape, fortran != 0, data, file)
}

/// `scalar(dtype, data)`.
fn scalar(node: Node<'_>, file: &Arc<MappedFile>) -> Result<Tensor> {
    let (Some(dtype), Some(data)) = (node.arg(0), node.arg(1)) else {
        return Err(damaged("a numpy scalar without its data"));
    };
    made(dtype, &[], false, data, file)
}

/// `_frombuffer(data, dtype, shape, order)`.
fn buffer(node: Node<'_>, file: &Arc<MappedFile>) -> Result<Tensor> {
    let (Some(data), Some(dtype), Some(shape), Some(order)) =
        (node.arg(0), node.arg(1), node.arg(2).and_then(Node::ints), node.arg(3).and_then(Node::str))
    else {
        return Err(damaged("a numpy array without its data"));
    };
    made(dtype, &shape, order == "F", data, file)
}

fn made(dtype: Node<'_>, shape: &[i64], fortran: bool, data: Node<'_>, file: &Arc<MappedFile>) -> Result<Tensor> {
    let (scalar, big_endian) = element_type(dtype)?;
    let bytes = bytes_of(data).ok_or_else(|| damaged(format!("the data of a numpy array is {data}")))?;
    let len = bytes.len() as u64;
    let within = MappedFile::from_bytes(file.name(), bytes);
    let source = Source::Range(ByteRange::whole(within));
    let storage = Storage { key: "numpy".into(), scalar: None, source, start: 0, len, big_endian };
    let scalar = super::ScalarType { name: "numpy", size: scalar.size(), dtype: Some(scalar) };
    super::strided(&storage, scalar, 0, shape, &strides(shape, fortran))
}

fn strides(shape: &[i64], fortran: bool) -> Vec<i64> {
    let mut next = 1i64;
    let mut step = |&n: &i64| {
        let stride = next;
        next = next.saturating_mul(n.max(1));
        stride
    };
    if fortran {
        return shape.iter().map(step).collect();
    }
    let mut strides: Vec<_> = shape.iter().rev().map(&mut step).collect();
    strides.reverse();
    strides
}

/// `numpy.dtype('f4', …)` with the state `(version, byte order, …)`.
fn element_type(node: Node<'_>) -> Result<(DType, bool)> {
    let code = if node.is_class("numpy", "dtype") { node.arg(0).and_then(Node::str) } else { None };
    // Since numpy 2 a dtype may also stand by its class: `numpy.dtypes.Float32DType`.
    let code = code.ok_or_else(|| damaged(format!("the dtype of a numpy array is {node}")))?;
    let order = node.state().and_then(|s| s.item(1)).and_then(Node::str).unwrap_or("|");
    let dtype = match code.trim_start_matches(['<', '>', '=', '|']) {
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "b1" => DType::Bool,
        "c8" => DType::C64,
        "c16" => DType::C128,
        _ => {
            return Err(Diagnostic::error(
                Code::TORCH_UNSUPPORTED_TENSOR,
                format!("a numpy array has elements of type `{code}`, which are no numbers"),
            ));
        }
    };
    Ok((dtype, order == ">" || code.starts_with('>')))
}

/// Raw data: bytes, or in protocol 2 a text of Latin-1 characters that Python would encode.
fn bytes_of(node: Node<'_>) -> Option<bytes::Bytes> {
    match node.value() {
        Value::Bytes(b) => Some(b.clone()),
        // ASCII, from Python 2.
        Value::Str(s) => Some(bytes::Bytes::copy_from_slice(s.as_bytes())),
        _ if node.is_class("_codecs", "encode") => {
            let latin: Option<Vec<u8>> = node.arg(0)?.str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            latin.map(Into::into)
        }
        _ if node.is_class("builtins", "bytearray") || node.is_class("builtins", "bytes") => match node.arg(0) {
            Some(inner) if inner.object().is_none() || inner.is_class("_codecs", "encode") => bytes_of(inner),
            None => Some(bytes::Bytes::new()),
            _ => None,
        },
        _ => None,
    }
}
