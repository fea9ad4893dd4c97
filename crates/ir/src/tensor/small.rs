//! Small tensors in memory: axes, shapes, scalars, biases.

use super::{Tensor, cast};
use crate::DType;
use modelport_diag::{Code, Diagnostic, Result};

impl Tensor {
    /// A tensor of `values` converted to `dtype`.
    ///
    /// # Errors
    /// `IR0004` when their number does not fit the shape.
    pub fn from_f64s(dtype: DType, shape: &[usize], values: &[f64]) -> Result<Self> {
        let mut bytes = Vec::with_capacity(values.len() * dtype.size());
        for &v in values {
            cast::encode_f64(dtype, v, &mut bytes);
        }
        Self::from_bytes(dtype, shape.to_vec(), bytes)
    }

    /// A vector of i64.
    pub fn ints(values: &[i64]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::make(DType::I64, vec![values.len()], super::Data::Owned(bytes.into()))
    }

    /// A vector of f32.
    pub fn floats(values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::make(DType::F32, vec![values.len()], super::Data::Owned(bytes.into()))
    }

    /// A tensor without dimensions.
    pub fn scalar(dtype: DType, value: f64) -> Self {
        let mut bytes = Vec::with_capacity(dtype.size());
        cast::encode_f64(dtype, value, &mut bytes);
        Self::make(dtype, vec![], super::Data::Owned(bytes.into()))
    }

    /// An i64 without dimensions.
    pub fn int_scalar(value: i64) -> Self {
        Self::make(DType::I64, vec![], super::Data::Owned(value.to_le_bytes().to_vec().into()))
    }

    /// A c128 without dimensions.
    pub fn complex_scalar(re: f64, im: f64) -> Self {
        let bytes: Vec<u8> = [re, im].iter().flat_map(|part| part.to_le_bytes()).collect();
        Self::make(DType::C128, vec![], super::Data::Owned(bytes.into()))
    }

    /// All elements as f64; for small tensors.
    ///
    /// # Errors
    /// When the source cannot be read or the elements are not numbers.
    pub fn to_f64s(&self) -> Result<Vec<f64>> {
        if !cast::castable(self.dtype()) {
            return Err(Diagnostic::error(Code::IR_TENSOR, format!("{} elements are not real numbers", self.dtype())));
        }
        let bytes = self.bytes()?;
        Ok(bytes.chunks_exact(self.dtype().size()).map(|e| cast::decode_f64(self.dtype(), e)).collect())
    }

    /// All elements as i64; for small integer tensors.
    ///
    /// # Errors
    /// When the source cannot be read or the elements are not integers.
    pub fn to_i64s(&self) -> Result<Vec<i64>> {
        if !(self.dtype().is_int() || self.dtype() == DType::Bool) {
            return Err(Diagnostic::error(Code::IR_TENSOR, format!("{} elements are not integers", self.dtype())));
        }
        let mut out = Vec::new();
        cast::cast_bytes(self.dtype(), &self.bytes()?, DType::I64, &mut out);
        Ok(out.as_chunks::<8>().0.iter().map(|e| i64::from_le_bytes(*e)).collect())
    }
}
