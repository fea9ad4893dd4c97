//! Complex numbers (`core/ops/math_ops.cc`, 2.21) as pairs of real values: ONNX runtimes have no other.
//!
//! A complex value of the model is remembered as its two parts; what stands for it in the graph is a string, which no op
//! takes for a number. Ops that move or add elements are lowered once for each part.
//!
//! Owns: what stands for pairs here. Must never know: Fourier transforms.

use super::call::Call;
use super::{Lower, Row, row};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::complex::{self, Pair, part_of};
use modelport_ir::{DType, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Complex", |c| {
        let [re, im] = c.pair()?;
        remember(c, Pair { re, im: Some(im) })
    }),
    row("Real", |c| Ok(pair(c, 0)?.re)),
    row("Imag", |c| {
        let z = pair(c, 0)?;
        c.b.imaginary(z)
    }),
    row("Conj", |c| {
        let z = pair(c, 0)?;
        let z = c.b.conjugate(z)?;
        remember(c, z)
    }),
    row("ComplexAbs", |c| {
        let z = pair(c, 0)?;
        c.b.magnitude(z)
    }),
    row("Angle", |c| {
        let z = pair(c, 0)?;
        c.b.angle(z)
    }),
];

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
    c.memory.complex.contains_key(&id) || part_of(c.b.dtype(id)).is_some()
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
    if part_of(c.b.dtype(id)).is_none() {
        return Ok(id.into());
    }
    let both = c.b.as_constant(id).map(complex::parts).transpose()?.flatten();
    let unread = || c.unsupported("a complex value that the model is given or that is very large has no lowering");
    let [re, im] = both.ok_or_else(unread)?;
    Ok(Pair { re: c.b.constant("", re), im: Some(c.b.constant("", im)) })
}

/// A cast from or to complex numbers; `None` when it is neither.
pub(super) fn cast(c: &mut Call<'_>, to: DType) -> Result<Option<ValueId>> {
    let x = c.x()?;
    if part_of(to).is_none() && !is_complex(c, x) {
        return Ok(None);
    }
    let z = parts(c, x)?;
    // The imaginary part is dropped where it has no place.
    let Some(half) = part_of(to) else { return c.b.cast(z.re, to).map(Some) };
    let (re, im) = (c.b.cast(z.re, half)?, z.im.map(|v| c.b.cast(v, half)).transpose()?);
    remember(c, Pair { re, im }).map(Some)
}

/// A product of complex numbers.
pub(super) fn product(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (pair(c, 0)?, pair(c, 1)?);
    let z = c.b.complex_times(x, y)?;
    remember(c, z)
}

/// e to a complex power: a length and an angle.
pub(super) fn exponential(c: &mut Call<'_>) -> Result<ValueId> {
    let z = pair(c, 0)?;
    let z = c.b.complex_exp(z)?;
    remember(c, z)
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
        let im = if complex { c.b.imaginary(z)? } else { v };
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
