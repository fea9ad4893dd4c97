//! V1 checkpoints: one table whose values are the tensors (core/util/tensor_slice_writer.cc and saved_tensor_slice.proto).
//!
//! Owns: that layout. Must never know: whose variables the tensors are.

use super::slices;
use super::table::{Entries, damaged};
use crate::dtype;
use crate::tensor_proto::known_shape;
use crate::wire::{Fields, decode};
use modelport_diag::Result;
use modelport_ir::{DType, Tensor};
use modelport_proto::tensorflow::{SavedSlice, SavedSliceMeta, SavedTensorSlices, TensorProto};
use modelport_storage::{ByteRange, MappedFile};
use prost::bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// An open V1 checkpoint.
#[derive(Debug)]
pub(crate) struct V1 {
    /// Names in order.
    pub(crate) keys: Vec<String>,
    file: Arc<MappedFile>,
    tensors: HashMap<String, SavedSliceMeta>,
    parts: HashMap<Vec<u8>, Bytes>,
}

impl V1 {
    /// Whether the first entry of a table is that of a V1 checkpoint: a message, where a bundle has a number.
    pub(crate) fn is(entries: &Entries) -> bool {
        let Some((key, value)) = entries.first() else { return false };
        key.is_empty() && matches!(Fields::new(value.clone()).next_field(), Ok(Some((1, Some(_)))))
    }

    /// The checkpoint with these entries.
    ///
    /// # Errors
    /// `TF0001` when they are damaged.
    pub(crate) fn new(file: Arc<MappedFile>, entries: Entries) -> Result<Self> {
        let mut rest = entries.into_iter();
        let (_, first) = rest.next().unwrap_or_default();
        let meta: SavedTensorSlices = decode(&first, "the list of tensors")?;
        let list = meta.meta.unwrap_or_default().tensor;
        let keys = list.iter().map(|t| t.name.clone()).collect();
        let tensors = list.into_iter().map(|t| (t.name.clone(), t)).collect();
        Ok(Self { keys, file, tensors, parts: rest.collect() })
    }

    /// The tensor of a name.
    ///
    /// # Errors
    /// `TF0007` when a part is missing or does not fit.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(meta) = self.tensors.get(name) else { return Ok(None) };
        let shape = known_shape(meta.shape.as_ref())?;
        let Some(dtype) = dtype::dtype(meta.r#type) else {
            return Err(damaged(format!("the tensor has elements of type {}", dtype::name(meta.r#type))).at_node(name));
        };
        let mut found = Vec::new();
        for part in meta.slice.iter().map(slices::slice) {
            let value = self.parts.get(&slices::key(name, &part));
            let value = value.ok_or_else(|| damaged("a part of a tensor is not in the table").at_node(name))?;
            let size = |(axis, whole): (usize, &usize)| match part.get(axis).and_then(|p| p.1) {
                Some(len) => usize::try_from(len).unwrap_or(0),
                None => *whole,
            };
            let sizes: Vec<usize> = shape.iter().enumerate().map(size).collect();
            found.push((part, self.part(value, dtype, sizes).map_err(|d| d.at_node(name))?));
        }
        slices::assemble(&shape, found).map(Some).map_err(|d| d.at_node(name))
    }

    /// The elements of one part. Floats stand in the file as they are; other types have to be decoded.
    fn part(&self, value: &Bytes, dtype: DType, shape: Vec<usize>) -> Result<Tensor> {
        let entry: SavedTensorSlices = decode(value, "a tensor")?;
        let saved: SavedSlice = entry.data.ok_or_else(|| damaged("an entry of the table has no tensor"))?;
        let want = modelport_ir::tensor::byte_len(dtype, &shape)?;
        let number = match dtype {
            DType::F32 => 5,
            DType::F64 => 6,
            _ => 0,
        };
        let mut fields = Fields::new(saved.data.clone());
        while let Some((n, content)) = fields.next_field()? {
            if let Some(content) = content.filter(|c| n == number && c.len() == want && want > 0)
                && let Some(at) = crate::tensor_proto::offset_in(&self.file, &content)
            {
                return Tensor::from_range(dtype, shape, ByteRange::new(self.file.clone(), at, want as u64)?);
            }
        }
        let proto: TensorProto = decode(&saved.data, "a tensor")?;
        let bytes = crate::tensor_proto::typed(&proto, dtype);
        if dtype == DType::Str {
            return Tensor::from_strings(shape, proto.string_val.iter().map(|s| s.to_vec()).collect());
        }
        Tensor::from_bytes(dtype, shape, bytes)
    }
}
