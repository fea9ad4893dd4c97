//! Arguments that are not tensors: numbers, lists, strings, dtypes. A number that is computed at run time serves where
//! shape arithmetic knows its value.

use super::call::Call;
use modelport_diag::Result;
use modelport_ir::infer::KnownInt;
use modelport_ir::{Attr, DType};

/// The dtypes by PyTorch's numbers (`c10/core/ScalarType.h`), which TorchScript code writes.
const BY_NUMBER: &[Option<DType>] = &[
    Some(DType::U8),
    Some(DType::I8),
    Some(DType::I16),
    Some(DType::I32),
    Some(DType::I64),
    Some(DType::F16),
    Some(DType::F32),
    Some(DType::F64),
    None,
    Some(DType::C64),
    Some(DType::C128),
    Some(DType::Bool),
    None,
    None,
    None,
    Some(DType::BF16),
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    Some(DType::F8E5M2),
    Some(DType::F8E4M3),
    None,
    None,
    Some(DType::U16),
    Some(DType::U32),
    Some(DType::U64),
];

impl Call<'_> {
    /// A number that is known when the model is converted.
    fn known(&self, arg: &Attr) -> Option<i64> {
        match arg {
            Attr::Int(i) => Some(*i),
            Attr::Bool(b) => Some((*b).into()),
            Attr::Float(_) => arg.as_int(),
            _ => {
                let o = self.operand(arg)?;
                let known = self.b.known(o.value)?;
                if known.0.len() == 1 { known.0.first().and_then(KnownInt::value) } else { None }
            }
        }
    }

    /// An integer.
    pub(crate) fn int(&self, name: &str) -> Result<i64> {
        self.opt_int(name)?.ok_or_else(|| self.bad(name, "an integer"))
    }

    /// An integer that may be `None`.
    pub(crate) fn opt_int(&self, name: &str) -> Result<Option<i64>> {
        let Some(arg) = self.arg(name) else { return Ok(None) };
        self.known(arg).map(Some).ok_or_else(|| self.bad(name, "an integer that is known when the model is converted"))
    }

    /// An integer that is no negative number.
    pub(crate) fn count(&self, name: &str) -> Result<usize> {
        usize::try_from(self.int(name)?).map_err(|_| self.bad(name, "no negative number"))
    }

    /// A list of integers that may be `None`; one integer is a list of one.
    pub(crate) fn opt_ints(&self, name: &str) -> Result<Option<Vec<i64>>> {
        let bad = || self.bad(name, "a list of integers that are known when the model is converted");
        match self.arg(name) {
            None => Ok(None),
            Some(Attr::List(items)) => {
                items.iter().map(|a| self.known(a).ok_or_else(bad)).collect::<Result<Vec<_>>>().map(Some)
            }
            Some(one) => Ok(Some(vec![self.known(one).ok_or_else(bad)?])),
        }
    }

    /// A list of integers.
    pub(crate) fn ints(&self, name: &str) -> Result<Vec<i64>> {
        self.opt_ints(name)?.ok_or_else(|| self.bad(name, "a list of integers"))
    }

    /// One number an axis: a list of `n`, or one number for all.
    pub(crate) fn per_axis(&self, name: &str, n: usize) -> Result<Vec<usize>> {
        let list = self.ints(name)?;
        let list = if list.len() == 1 { vec![list.first().copied().unwrap_or(0); n] } else { list };
        let sizes: Option<Vec<usize>> = list.iter().map(|&i| usize::try_from(i).ok()).collect();
        sizes.filter(|s| s.len() == n).ok_or_else(|| self.bad(name, &format!("{n} numbers that are not negative")))
    }

    /// A floating-point number.
    pub(crate) fn number(&self, name: &str) -> Result<f64> {
        self.opt_number(name)?.ok_or_else(|| self.bad(name, "a number"))
    }

    /// A number that may be `None`.
    pub(crate) fn opt_number(&self, name: &str) -> Result<Option<f64>> {
        let Some(arg) = self.arg(name) else { return Ok(None) };
        let constant = |arg: &Attr| {
            let tensor = self.operand(arg).and_then(|o| self.b.as_constant(o.value)).filter(|t| t.len() == 1)?;
            tensor.to_f64s().ok()?.first().copied()
        };
        let number = match arg {
            Attr::Float(f) => Some(*f),
            _ => constant(arg).or_else(|| self.known(arg).map(|i| i as f64)),
        };
        number.map(Some).ok_or_else(|| self.bad(name, "a number that is known when the model is converted"))
    }

    /// Numbers of a list that may be `None`.
    pub(crate) fn opt_numbers(&self, name: &str) -> Result<Option<Vec<f64>>> {
        match self.arg(name) {
            None => Ok(None),
            Some(Attr::List(items)) => {
                let all: Option<Vec<f64>> = items.iter().map(Attr::as_float).collect();
                all.map(Some).ok_or_else(|| self.bad(name, "a list of numbers"))
            }
            Some(one) => one.as_float().map(|f| Some(vec![f])).ok_or_else(|| self.bad(name, "a list of numbers")),
        }
    }

    /// A truth value; absent is false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.arg(name) {
            None => Ok(false),
            Some(Attr::Bool(b)) => Ok(*b),
            Some(arg) => self.known(arg).map(|i| i != 0).ok_or_else(|| self.bad(name, "a truth value")),
        }
    }

    /// A string that may be absent.
    pub(crate) fn opt_str(&self, name: &str) -> Result<Option<&str>> {
        self.arg(name).map(|a| a.as_str().ok_or_else(|| self.bad(name, "a string"))).transpose()
    }

    /// A dtype that may be absent; TorchScript writes its number.
    pub(crate) fn opt_dtype(&self, name: &str) -> Result<Option<DType>> {
        let bad = || self.bad(name, "a dtype that has a meaning here");
        match self.arg(name) {
            None => Ok(None),
            Some(Attr::DType(d)) => Ok(Some(*d)),
            Some(arg) => {
                let i = arg.as_int().and_then(|i| usize::try_from(i).ok()).ok_or_else(bad)?;
                BY_NUMBER.get(i).copied().flatten().map(Some).ok_or_else(bad)
            }
        }
    }
}
