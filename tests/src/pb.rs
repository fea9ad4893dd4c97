//! Recorded tensors of ONNX's node tests (`input_0.pb`), read with the generated messages of `crates/proto` and not with
//! our ONNX reader, which is what is tested with them.

use std::path::Path;

use modelport_ir::{DType, Tensor};
use modelport_proto::onnx::tensor_proto::DataType;
use modelport_proto::onnx::{ModelProto, TensorProto};
use prost::Message;

/// Reads a `TensorProto`.
///
/// # Errors
/// When it is none, or of a type that no array of ours has (complex numbers, less than a byte).
pub fn tensor(bytes: &[u8]) -> Result<Tensor, String> {
    let proto = TensorProto::decode(bytes).map_err(|e| format!("no TensorProto: {e}"))?;
    // Recorded sequences and optionals are other messages; read as a tensor they have a shape but no such data.
    let shape: Vec<usize> =
        proto.dims.iter().map(|d| usize::try_from(*d)).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let data_type = DataType::try_from(proto.data_type).map_err(|e| e.to_string())?;
    if data_type == DataType::String {
        let strings = proto.string_data.iter().map(|s| s.to_vec()).collect();
        return Tensor::from_strings(shape, strings).map_err(|d| d.to_string());
    }
    let dtype =
        dtype(data_type).ok_or_else(|| format!("tensors of type {} are not read here", data_type.as_str_name()))?;
    let data = if proto.raw_data.is_empty() { listed(&proto, dtype) } else { proto.raw_data.to_vec() };
    Tensor::from_bytes(dtype, shape, data).map_err(|d| d.to_string())
}

/// Names of the inputs that a model asks for, in order; none when the file is no model.
pub fn input_names(model: &Path) -> Vec<String> {
    let bytes = std::fs::read(model).unwrap_or_default();
    let graph = ModelProto::decode(bytes.as_slice()).ok().and_then(|m| m.graph).unwrap_or_default();
    graph.input.into_iter().map(|i| i.name).collect()
}

fn dtype(t: DataType) -> Option<DType> {
    Some(match t {
        DataType::Float => DType::F32,
        DataType::Double => DType::F64,
        DataType::Float16 => DType::F16,
        DataType::Bfloat16 => DType::BF16,
        DataType::Int8 => DType::I8,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::Uint8 => DType::U8,
        DataType::Uint16 => DType::U16,
        DataType::Uint32 => DType::U32,
        DataType::Uint64 => DType::U64,
        DataType::Bool => DType::Bool,
        DataType::Float8e4m3fn => DType::F8E4M3,
        DataType::Float8e5m2 => DType::F8E5M2,
        _ => return None,
    })
}

/// The elements from the typed list that the type asks for.
fn listed(proto: &TensorProto, dtype: DType) -> Vec<u8> {
    let small = |width: usize| proto.int32_data.iter().flat_map(|v| v.to_le_bytes()[..width].to_vec()).collect();
    match dtype {
        DType::F32 => proto.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::F64 => proto.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::I64 => proto.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U64 => proto.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U32 => proto.uint64_data.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect(),
        other => small(other.size().min(4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_and_listed_elements_are_the_same() {
        let listed = TensorProto {
            dims: vec![2],
            data_type: DataType::Int16 as i32,
            int32_data: vec![-1, 7],
            ..Default::default()
        };
        let raw = TensorProto {
            dims: vec![2],
            data_type: DataType::Int16 as i32,
            raw_data: vec![0xff, 0xff, 7, 0].into(),
            ..Default::default()
        };
        let read = |p: &TensorProto| tensor(&p.encode_to_vec()).unwrap().to_i64s().unwrap();
        assert_eq!(read(&listed), [-1, 7]);
        assert_eq!(read(&raw), [-1, 7]);
    }
}
