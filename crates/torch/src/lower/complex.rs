//! Complex tensors (`aten/src/ATen/native/UnaryOps.cpp`, `ComplexHelper.h`, torch 2.15) as pairs of real ones: an operand has
//! an imaginary part beside its value.
//!
//! Owns: what makes complex values and takes them apart, their arithmetic, where they have no place. Must never know: how ops
//! that treat both parts alike are lowered.

use super::call::{Call, Operand};
use super::promote::{Class, result_type};
use super::views::permutation;
use super::{Row, row_complex};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::complex::{self, Pair, part_of};
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Builder, DType, Op, Tensor, TensorType, ValueId};

pub(super) const ROWS: &[Row] = &[
    row_complex("aten::complex", |c| {
        let (re, im) = c.float_pair("real", "imag")?;
        Ok(Pair { re, im: Some(im) })
    }),
    row_complex("aten::polar", |c| {
        let (length, angle) = c.float_pair("abs", "angle")?;
        c.b.polar(length, angle)
    }),
    row_complex("aten::view_as_complex", as_complex).view(),
    row_complex("aten::view_as_real", |c| {
        let z = c.complex("self")?;
        c.b.joined(z).map(Pair::from)
    })
    .view(),
    row_complex("aten::real", |c| Ok(c.complex("self")?.re.into())).view(),
    row_complex("aten::imag", |c| {
        let z = c.complex("self")?;
        c.b.imaginary(z).map(Pair::from)
    })
    .view(),
    row_complex("aten::conj", conjugate).view(),
    row_complex("aten::_conj", conjugate).view(),
    row_complex("aten::conj_physical", conjugate),
    row_complex("aten::resolve_conj", |c| c.complex("self")).view(),
    row_complex("aten::angle", |c| {
        let mut z = c.complex("self")?;
        z.re = c.float(z.re)?;
        c.b.angle(z).map(Pair::from)
    }),
];

/// What an op means of complex operands.
type Own = fn(&mut Call<'_>) -> Result<Pair>;

/// Ops of complex operands that treat the parts differently.
pub(super) const OWN: &[(&str, Own)] = &[
    ("aten::abs", |c| {
        let z = c.complex("self")?;
        c.b.magnitude(z).map(Pair::from)
    }),
    ("aten::mul", |c| {
        let [x, y] = both(c)?;
        c.b.complex_times(x, y)
    }),
    ("aten::div", |c| match c.arg("rounding_mode") {
        None => both(c).and_then(|[x, y]| quotient(c.b, x, y)),
        Some(_) => Err(c.bad("rounding_mode", "None")),
    }),
    ("aten::eq", equal),
    ("aten::ne", |c| {
        let same = equal(c)?;
        c.unary(UnaryOp::Not, same.re).map(Pair::from)
    }),
    ("aten::linear", |c| {
        let (x, w) = (c.complex("input")?, c.complex("weight")?);
        let turned = |c: &mut Call<'_>, v| c.b.transpose(v, &[1, 0]);
        let w = Pair { re: turned(c, w.re)?, im: w.im.map(|im| turned(c, im)).transpose()? };
        let y = c.b.complex_product(x, w, |b, x, y| b.one(Op::MatMul, &[x, y]))?;
        if c.arg("bias").is_none() {
            return Ok(y);
        }
        let bias = c.complex("bias")?;
        added(c.b, y, bias)
    }),
    ("aten::addmm", |c| {
        let all = ["mat1", "mat2", "self"].map(|name| c.complex(name));
        let [x, y, z] = all;
        let product = c.b.complex_product(x?, y?, |b, x, y| b.one(Op::MatMul, &[x, y]))?;
        let (product, z) = (scaled(c, product, "alpha")?, scaled(c, z?, "beta")?);
        added(c.b, product, z)
    }),
    ("aten::reciprocal", |c| {
        let z = c.complex("self")?;
        let one = c.b.scalar_like(z.re, 1.0);
        quotient(c.b, one.into(), z)
    }),
    ("aten::square", |c| {
        let z = c.complex("self")?;
        c.b.complex_times(z, z)
    }),
    ("aten::pow", power),
    ("aten::exp", |c| {
        let z = c.complex("self")?;
        c.b.complex_exp(z)
    }),
    ("aten::log", |c| {
        let z = c.complex("self")?;
        let length = c.b.magnitude(z)?;
        Ok(Pair { re: c.b.unary(UnaryOp::Log, length)?, im: Some(c.b.angle(z)?) })
    }),
    ("aten::sqrt", |c| {
        let z = c.complex("self")?;
        raised(c.b, z, 0.5)
    }),
    ("aten::adjoint", |c| {
        let z = c.complex("self")?;
        let perm = permutation(c, z.re)?;
        let im = z.im.map(|im| c.b.transpose(im, &perm)).transpose()?;
        let turned = Pair { re: c.b.transpose(z.re, &perm)?, im };
        c.b.conjugate(turned)
    }),
    ("aten::to", to),
    ("aten::_to_copy", to),
    ("aten::type_as", to),
    ("aten::view", |c| Err(bits(c))),
];

/// Where a complex value ends.
pub(super) fn no_place(place: &str) -> Box<Diagnostic> {
    Diagnostic::error(
        Code::TORCH_UNSUPPORTED,
        format!("{place} is complex, and ONNX runtimes compute with no complex numbers"),
    )
    .help(
        "let the model take and give real tensors: torch.view_as_real(x) of what it gives, torch.view_as_complex(x) of what \
         it is given, inside of the model; both parts stand in the last dimension, of size 2",
    )
}

impl Operand {
    /// An input of a graph; of a complex type one for each part.
    pub(crate) fn input(b: &mut Builder, name: &str, mut ty: TensorType) -> Self {
        let part = part_of(ty.dtype);
        ty.dtype = part.unwrap_or(ty.dtype);
        let im = part.map(|_| b.input(format!("{name}.imag"), ty.clone()));
        Pair { re: b.input(name, ty), im }.into()
    }

    /// A constant; a complex one in two parts. Complex numbers of Python are constants of the wider type.
    ///
    /// # Errors
    /// When a complex one cannot be read or is very large.
    pub(crate) fn constant(b: &mut Builder, name: &str, tensor: &Tensor) -> Result<Self> {
        if part_of(tensor.dtype()).is_none() {
            return Ok(b.constant(name, tensor.clone()).into());
        }
        let large = || Diagnostic::error(Code::TORCH_UNSUPPORTED, format!("`{name}` is complex and very large"));
        let [re, im] = complex::parts(tensor)?.ok_or_else(large)?;
        let im = b.constant(format!("{name}.imag"), im);
        let number = tensor.dtype() == DType::C128 && tensor.rank() == 0;
        Ok(Self { value: b.constant(name, re), im: Some(im), number })
    }

    /// The type as PyTorch sees it.
    pub(crate) fn ty(&self, b: &Builder) -> TensorType {
        let mut ty = b.ty(self.value).clone();
        if self.im.is_some() {
            ty.dtype = if ty.dtype == DType::F64 { DType::C128 } else { DType::C64 };
        }
        ty
    }
}

impl Call<'_> {
    /// A tensor or number that is complex or real.
    pub(crate) fn complex(&mut self, name: &str) -> Result<Pair> {
        let arg = self.arg(name).cloned();
        match arg.and_then(|a| self.operand(&a)) {
            Some(o) => Ok(o.pair()),
            None => self.tensor(name).map(Pair::from),
        }
    }
}

/// Two operands, of which one is complex, in the type in which they meet.
fn both(c: &mut Call<'_>) -> Result<[Pair; 2]> {
    let (x, y) = (c.side("self")?, c.side("other")?);
    let dtype = result_type(&[x, y].map(|s| (c.b.dtype(s.value), s.class)));
    let dtype = if dtype.is_float() { dtype } else { DType::F32 };
    let mut cast = |name: &str, value: ValueId| -> Result<Pair> {
        let im = c.complex(name)?.im;
        Ok(Pair { re: c.b.cast(value, dtype)?, im: im.map(|im| c.b.cast(im, dtype)).transpose()? })
    };
    Ok([cast("self", x.value)?, cast("other", y.value)?])
}

fn equal(c: &mut Call<'_>) -> Result<Pair> {
    let [x, y] = both(c)?;
    let (a, b) = (c.b.imaginary(x)?, c.b.imaginary(y)?);
    let (re, im) = (c.binary(BinaryOp::Equal, x.re, y.re)?, c.binary(BinaryOp::Equal, a, b)?);
    c.binary(BinaryOp::And, re, im).map(Pair::from)
}

fn added(b: &mut Builder, x: Pair, y: Pair) -> Result<Pair> {
    let im = match (x.im, y.im) {
        (Some(x), Some(y)) => Some(b.binary(BinaryOp::Add, x, y)?),
        (x, y) => x.or(y),
    };
    Ok(Pair { re: b.binary(BinaryOp::Add, x.re, y.re)?, im })
}

/// A value times a number argument.
fn scaled(c: &mut Call<'_>, z: Pair, name: &str) -> Result<Pair> {
    let factor = c.opt_number(name)?.unwrap_or(1.0);
    if factor == 1.0 {
        return Ok(z);
    }
    let factor = c.b.scalar_like(z.re, factor);
    c.b.scaled(z, factor)
}

/// x·ȳ / |y|²; a real y divides both parts.
fn quotient(b: &mut Builder, x: Pair, y: Pair) -> Result<Pair> {
    let (mut z, mut by) = (x, y.re);
    if y.im.is_some() {
        let turned = b.conjugate(y)?;
        z = b.complex_times(x, turned)?;
        by = b.squared_magnitude(y)?;
    }
    b.complex_product(z, by.into(), |b, x, y| b.binary(BinaryOp::Div, x, y))
}

/// z to a real power.
fn raised(b: &mut Builder, z: Pair, exponent: f64) -> Result<Pair> {
    let (length, angle) = (b.magnitude(z)?, b.angle(z)?);
    let length = b.binary_scalar(BinaryOp::Pow, length, exponent)?;
    let angle = b.binary_scalar(BinaryOp::Mul, angle, exponent)?;
    b.polar(length, angle)
}

fn power(c: &mut Call<'_>) -> Result<Pair> {
    let z = c.complex("self")?;
    if c.side("exponent")?.class == Class::Tensor || c.complex("exponent")?.im.is_some() {
        return Err(c.bad("exponent", "one real number, where the base is complex"));
    }
    let exponent = c.number("exponent")?;
    if exponent == 2.0 {
        return c.b.complex_times(z, z);
    }
    raised(c.b, z, exponent)
}

/// Both parts in another type; a real one has no place for the imaginary part.
fn to(c: &mut Call<'_>) -> Result<Pair> {
    let z = c.complex("self")?;
    let like = if c.arg("other").is_some() { Some(c.complex("other")?) } else { None };
    let asked = c.opt_dtype("dtype")?;
    let complex = match (like, asked) {
        (Some(like), _) => like.im.is_some(),
        (None, Some(dtype)) => part_of(dtype).is_some(),
        (None, None) => z.im.is_some(),
    };
    let dtype = like.map(|like| c.b.dtype(like.re)).or(asked).unwrap_or(c.b.dtype(z.re));
    let dtype = part_of(dtype).unwrap_or(dtype);
    let re = c.b.cast(z.re, dtype)?;
    if !complex {
        return Ok(re.into());
    }
    let im = c.b.imaginary(z)?;
    Ok(Pair { re, im: Some(c.b.cast(im, dtype)?) })
}

fn bits(c: &Call<'_>) -> Box<Diagnostic> {
    c.unsupported("bits are seen as another dtype").help("use torch.view_as_real and torch.view_as_complex")
}

fn conjugate(c: &mut Call<'_>) -> Result<Pair> {
    let z = c.complex("self")?;
    c.b.conjugate(z)
}

fn as_complex(c: &mut Call<'_>) -> Result<Pair> {
    let x = c.tensor("self")?;
    split(c.b, x)
}

/// What has both parts in its last dimension.
pub(super) fn split(b: &mut Builder, x: ValueId) -> Result<Pair> {
    let mut part = |at: i64| {
        let one = b.slice_axis(x, -1, at, at + 1, 1)?;
        b.squeeze(one, &[-1])
    };
    let re = part(0)?;
    Ok(Pair { re, im: Some(part(1)?) })
}
