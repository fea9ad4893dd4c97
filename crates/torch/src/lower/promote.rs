//! PyTorch's type promotion, in one place.
//!
//! Owns: the common dtype of tensors and numbers (`c10/core/ScalarType.h`, `ATen/native/TypeProperties.cpp`). Must never
//! know: what ops do.

use super::call::{Call, Side};
use modelport_diag::Result;
use modelport_ir::{DType, ValueId};

/// How an operand takes part: a lower class counts only where its category is higher than that of the class above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A tensor with dimensions.
    Tensor,
    /// A tensor without dimensions.
    Scalar,
    /// A Python number.
    Number,
}

/// bool < integer < floating point < complex.
fn category(d: DType) -> u8 {
    match d {
        DType::Bool => 0,
        DType::C64 | DType::C128 => 3,
        d if d.is_float() => 2,
        _ => 1,
    }
}

/// The common dtype of two tensors of one class.
pub(crate) fn join(a: DType, b: DType) -> DType {
    let (lo, hi) = if category(a) <= category(b) { (a, b) } else { (b, a) };
    let either = |d: DType| a == d || b == d;
    match (category(lo), category(hi)) {
        _ if a == b => a,
        (_, 3) if either(DType::C128) || lo == DType::F64 => DType::C128,
        (_, 3) => DType::C64,
        (2, 2) if either(DType::F64) => DType::F64,
        // f16 and bf16 hold nothing of each other.
        (2, 2) if either(DType::F32) || a.size() == b.size() => DType::F32,
        (2, 2) => {
            if a.size() > b.size() {
                a
            } else {
                b
            }
        }
        (1, 1) => integers(a, b),
        _ => hi,
    }
}

/// The smallest type that holds both; among signed and wide unsigned ones the signed one.
fn integers(a: DType, b: DType) -> DType {
    let (signed, unsigned) = match (a.is_signed_int(), b.is_signed_int()) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return if a.size() >= b.size() { a } else { b },
    };
    if unsigned == DType::U8 && signed == DType::I8 { DType::I16 } else { signed }
}

/// The dtype that a number has when nothing else decides: the default dtype for floating point.
fn of_number(d: DType) -> DType {
    match d {
        DType::Bool => DType::Bool,
        DType::C64 | DType::C128 => DType::C64,
        d if d.is_float() => DType::F32,
        _ => DType::I64,
    }
}

/// The higher class decides, unless the lower one is of a higher category.
fn combine(higher: Option<DType>, lower: Option<DType>) -> Option<DType> {
    let (Some(h), Some(l)) = (higher, lower) else { return higher.or(lower) };
    let complex = |d| match d {
        DType::F64 => DType::C128,
        _ => DType::C64,
    };
    Some(match (category(h), category(l)) {
        (2, 3) => complex(h),
        (h_cat, l_cat) if h_cat >= l_cat => h,
        (0, _) => join(h, l),
        _ => l,
    })
}

/// The dtype in which operands of these dtypes and classes meet.
pub(crate) fn result_type(sides: &[(DType, Class)]) -> DType {
    let of = |class: Class| {
        let dtypes = sides.iter().filter(|(_, c)| *c == class);
        dtypes.map(|(d, c)| if *c == Class::Number { of_number(*d) } else { *d }).reduce(join)
    };
    if sides.iter().all(|(_, c)| *c == Class::Number) {
        // Python's own arithmetic.
        return sides.iter().map(|(d, _)| *d).reduce(join).unwrap_or(DType::F32);
    }
    let all = combine(of(Class::Tensor), combine(of(Class::Scalar), of(Class::Number)));
    all.unwrap_or(DType::F32)
}

impl Call<'_> {
    /// The dtype in which operands meet.
    pub(crate) fn common(&self, sides: &[Side]) -> DType {
        result_type(&sides.iter().map(|s| (self.b.dtype(s.value), s.class)).collect::<Vec<_>>())
    }

    /// Operands in their common dtype.
    pub(crate) fn promoted(&mut self, names: &[&str]) -> Result<Vec<ValueId>> {
        let sides: Vec<Side> = names.iter().map(|n| self.side(n)).collect::<Result<_>>()?;
        let dtype = self.common(&sides);
        sides.iter().map(|s| self.b.cast(s.value, dtype)).collect()
    }

    /// Two operands in their common dtype.
    pub(crate) fn pair(&mut self, x: &str, y: &str) -> Result<(ValueId, ValueId)> {
        let both = self.promoted(&[x, y])?;
        match both.as_slice() {
            [x, y] => Ok((*x, *y)),
            _ => Err(self.unsupported("two operands are promoted")),
        }
    }

    /// Two operands in their common dtype, at least the default floating-point one.
    pub(crate) fn float_pair(&mut self, x: &str, y: &str) -> Result<(ValueId, ValueId)> {
        let (x, y) = self.pair(x, y)?;
        Ok((self.float(x)?, self.float(y)?))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Class::{Number, Scalar, Tensor},
        result_type,
    };
    use modelport_ir::DType::{BF16, Bool, F16, F32, F64, I8, I16, I32, I64, U8};

    /// What `torch.result_type` of PyTorch 2.15 says.
    #[test]
    fn promotion_is_that_of_torch() {
        for (sides, want) in [
            (vec![(I32, Tensor), (F64, Number)], F32),
            (vec![(F16, Tensor), (F64, Number)], F16),
            (vec![(F64, Tensor), (F32, Tensor)], F64),
            (vec![(F32, Tensor), (F64, Scalar)], F32),
            (vec![(I64, Tensor), (F64, Scalar)], F64),
            (vec![(U8, Tensor), (I8, Tensor)], I16),
            (vec![(U8, Tensor), (I64, Number)], U8),
            (vec![(Bool, Tensor), (I64, Number)], I64),
            (vec![(Bool, Tensor), (I8, Scalar)], I8),
            (vec![(I8, Tensor), (I16, Tensor)], I16),
            (vec![(F16, Tensor), (BF16, Tensor)], F32),
            (vec![(I64, Number), (F64, Number)], F64),
            (vec![(I32, Scalar), (I64, Number)], I32),
            (vec![(F16, Scalar), (I64, Tensor)], F16),
            (vec![(F64, Scalar), (F16, Scalar)], F64),
        ] {
            assert_eq!(result_type(&sides), want, "{sides:?}");
        }
    }
}
