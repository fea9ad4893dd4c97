//! Complex numbers (`core/ops/math_ops.cc`, 2.21) as pairs of real values: ONNX runtimes have no other.
//!
//! A complex value of the model is remembered as its two parts; what stands for it in the graph is a string, which no op
//! takes for a number. Ops that move or add elements are lowered once for each part.
//!
//! Owns: pairs. Must never know: Fourier transforms.

use super::call::Call;
use super::formula as f;
use super::{Lower, Row, row};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Complex", |c| {
        let [re, im] = c.pair()?;
        remember(c, Pair { re, im: Some(im) })
    }),
    row("Real", |c| Ok(pair(c, 0)?.re)),
    row("Imag", |c| {
        let z = pair(c, 0)?;
        imaginary(c, z)
    }),
    row("Conj", |c| {
        let z = pair(c, 0)?;
        let im = z.im.map(|v| c.b.unary(UnaryOp::Neg, v)).transpose()?;
        remember(c, Pair { re: z.re, im })
    }),
    row("ComplexAbs", absolute),
    row("Angle", |c| {
        let z = pair(c, 0)?;
        let im = imaginary(c, z)?;
        super::elementwise::atan2(c.b, im, z.re)
    }),
];

/// A complex value; without an imaginary part it is real.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) re: ValueId,
    pub(crate) im: Option<ValueId>,
}

/// Constants beyond this are not taken apart.
const MOST: usize = 1 << 20;

/// Ops of several numbers that are the same for both parts, with what they make of zeros being zeros.
const LINEAR: &[&str] = &[
    "Add",
    "AddV2",
    "ConcatV2",
    "ExpandDims",
    "GatherV2",
    "Identity",
    "Mean",
    "Neg",
    "Pack",
    "Pad",
    "Reshape",
    "ReverseV2",
    "Roll",
    "Slice",
    "Split",
    "Squeeze",
    "StridedSlice",
    "Sub",
    "Sum",
    "Tile",
    "Transpose",
    "Unpack",
];

/// Ops with rows that know pairs.
const OWN: &[&str] = &[
    "Angle",
    "Cast",
    "ComplexAbs",
    "Conj",
    "Exp",
    "FFT",
    "FFT2D",
    "IFFT",
    "IFFT2D",
    "IRFFT",
    "IRFFT2D",
    "Imag",
    "Mul",
    "Real",
];

/// Whether a value stands for a complex one.
fn is_complex(c: &Call<'_>, id: ValueId) -> bool {
    c.memory.complex.contains_key(&id) || is_complex_type(c.b.dtype(id))
}

fn is_complex_type(dtype: DType) -> bool {
    matches!(dtype, DType::C64 | DType::C128)
}

/// Whether an operand is complex.
pub(super) fn any(c: &Call<'_>) -> bool {
    c.inputs.iter().any(|&v| is_complex(c, v))
}

/// What stands for a pair.
pub(super) fn remember(c: &mut Call<'_>, pair: Pair) -> Result<ValueId> {
    let name = format!("complex value {} of {}", c.memory.complex.len(), c.b.scope());
    let value = c.b.constant(name.clone(), Tensor::from_strings(Vec::new(), vec![name.into_bytes()])?);
    c.memory.complex.insert(value, pair);
    Ok(value)
}

/// A complex output of the model.
pub(super) fn no_output(name: &str) -> Box<Diagnostic> {
    Diagnostic::error(
        Code::TF_UNSUPPORTED,
        "an output of the model is complex, which ONNX runtimes do not compute with",
    )
    .at_node(name.to_owned())
    .help("give what is made of it, its magnitude or its parts, with `--outputs`")
}

/// The parts of operand `i`, which is complex or real.
pub(super) fn pair(c: &mut Call<'_>, i: usize) -> Result<Pair> {
    let id = c.input(i)?;
    parts(c, id)
}

fn parts(c: &mut Call<'_>, id: ValueId) -> Result<Pair> {
    if let Some(pair) = c.memory.complex.get(&id) {
        return Ok(*pair);
    }
    let dtype = c.b.dtype(id);
    if !is_complex_type(dtype) {
        return Ok(Pair { re: id, im: None });
    }
    let unread = || c.unsupported("a complex value that the model is given or that is very large has no lowering");
    let tensor = c.b.as_constant(id).filter(|t| t.len() <= MOST).ok_or_else(unread)?;
    let (shape, bytes) = (tensor.shape().to_vec(), tensor.bytes()?);
    let size = dtype.size() / 2;
    let half = if size == 4 { DType::F32 } else { DType::F64 };
    let part = |at: usize| bytes.chunks_exact(size).skip(at).step_by(2).flatten().copied().collect::<Vec<u8>>();
    let (re, im) = (part(0), part(1));
    let re = Tensor::from_bytes(half, shape.clone(), re)?;
    let im = Tensor::from_bytes(half, shape, im)?;
    Ok(Pair { re: c.b.constant("", re), im: Some(c.b.constant("", im)) })
}

/// The imaginary part as a value.
pub(super) fn imaginary(c: &mut Call<'_>, z: Pair) -> Result<ValueId> {
    match z.im {
        Some(im) => Ok(im),
        None => {
            let zero = c.b.scalar_like(z.re, 0.0);
            f::filled_like(c.b, z.re, zero)
        }
    }
}

fn absolute(c: &mut Call<'_>) -> Result<ValueId> {
    let z = pair(c, 0)?;
    let Some(im) = z.im else { return c.b.unary(UnaryOp::Abs, z.re) };
    let (a, b) = (f::square(c.b, z.re)?, f::square(c.b, im)?);
    let sum = c.b.binary(BinaryOp::Add, a, b)?;
    c.b.unary(UnaryOp::Sqrt, sum)
}

/// A cast from or to complex numbers; `None` when it is neither.
pub(super) fn cast(c: &mut Call<'_>, to: DType) -> Result<Option<ValueId>> {
    let x = c.x()?;
    let half = match to {
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        // The imaginary part is dropped.
        _ if is_complex(c, x) => {
            let z = parts(c, x)?;
            return c.b.cast(z.re, to).map(Some);
        }
        _ => return Ok(None),
    };
    let z = parts(c, x)?;
    let (re, im) = (c.b.cast(z.re, half)?, z.im.map(|v| c.b.cast(v, half)).transpose()?);
    remember(c, Pair { re, im }).map(Some)
}

/// A product of complex numbers.
pub(super) fn product(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (pair(c, 0)?, pair(c, 1)?);
    let mut times = |a: ValueId, b: Option<ValueId>| b.map(|b| c.b.binary(BinaryOp::Mul, a, b)).transpose();
    let re = times(x.re, Some(y.re))?;
    let both = match x.im {
        Some(im) => times(im, y.im)?,
        None => None,
    };
    let (first, second) = (times(x.re, y.im)?, times(y.re, x.im)?);
    let re = match (re, both) {
        (Some(a), Some(b)) => c.b.binary(BinaryOp::Sub, a, b)?,
        (a, _) => a.unwrap_or(x.re),
    };
    let im = match (first, second) {
        (Some(a), Some(b)) => Some(c.b.binary(BinaryOp::Add, a, b)?),
        (a, b) => a.or(b),
    };
    remember(c, Pair { re, im })
}

/// e to a complex power: a length and an angle.
pub(super) fn exponential(c: &mut Call<'_>) -> Result<ValueId> {
    let z = pair(c, 0)?;
    let (length, angle) = (c.b.unary(UnaryOp::Exp, z.re)?, imaginary(c, z)?);
    let (cos, sin) = (c.b.unary(UnaryOp::Cos, angle)?, c.b.unary(UnaryOp::Sin, angle)?);
    let (re, im) = (c.b.binary(BinaryOp::Mul, length, cos)?, c.b.binary(BinaryOp::Mul, length, sin)?);
    remember(c, Pair { re, im: Some(im) })
}

/// Lowers an op on complex operands; `None` when it has none or knows what they are.
pub(super) fn through(c: &mut Call<'_>, row: &Row) -> Result<Option<Vec<ValueId>>> {
    let given = c.inputs.clone();
    if OWN.contains(&row.name) || !any(c) {
        return Ok(None);
    }
    if !LINEAR.contains(&row.name) {
        let help = "cut the graph behind its complex numbers with `--inputs`";
        return Err(c.unsupported("this op has no lowering for complex numbers").help(help));
    }
    let mut halves: [Vec<ValueId>; 2] = Default::default();
    for &v in &given {
        let complex = is_complex(c, v);
        let z = parts(c, v)?;
        let im = if complex { imaginary(c, z)? } else { v };
        for (half, part) in halves.iter_mut().zip([z.re, im]) {
            half.push(part);
        }
    }
    let mut results = Vec::new();
    for half in halves {
        c.inputs = half;
        results.push(match row.lower {
            Lower::One(f) => vec![f(c)?],
            Lower::Many(f) => f(c)?,
        });
    }
    c.inputs = given;
    let [re, im] = results.as_slice() else { return Ok(None) };
    let pairs: Vec<Pair> = re.iter().zip(im).map(|(&re, &im)| Pair { re, im: Some(im) }).collect();
    pairs.into_iter().map(|z| remember(c, z)).collect::<Result<_>>().map(Some)
}
