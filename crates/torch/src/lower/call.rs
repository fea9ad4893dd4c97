//! [`Call`]: what a lowering function gets: one call of one op, with its arguments bound to parameters, and the builder.

use super::complex;
use super::promote::Class;
use super::schema::Bound;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::complex::Pair;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Attr, Builder, DType, Dim, Op, Tensor, ValueId};

/// A value, and whether it is a Python number rather than a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// The value; of a complex one the real part.
    pub(crate) value: ValueId,
    /// The imaginary part, which complex values alone have.
    pub(crate) im: Option<ValueId>,
    /// A number takes part in type promotion only by its category.
    pub(crate) number: bool,
}

impl From<ValueId> for Operand {
    fn from(value: ValueId) -> Self {
        Self { value, im: None, number: false }
    }
}

impl From<Pair> for Operand {
    fn from(z: Pair) -> Self {
        Self { value: z.re, im: z.im, number: false }
    }
}

impl Operand {
    /// A tensor, or a number that Python would hold.
    pub(crate) fn number(value: ValueId, number: bool) -> Self {
        Self { value, im: None, number }
    }

    /// Both parts.
    pub(crate) fn pair(self) -> Pair {
        Pair { re: self.value, im: self.im }
    }

    /// The value, where a complex one has no place.
    ///
    /// # Errors
    /// `TO0102` for a complex one.
    pub(crate) fn real(self, place: &str) -> Result<ValueId> {
        if self.im.is_none() { Ok(self.value) } else { Err(complex::no_place(place)) }
    }
}

/// An operand of an elementwise op, as type promotion sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// The value; a literal is a constant of i64, f64 or bool.
    pub(crate) value: ValueId,
    /// How it takes part in promotion.
    pub(crate) class: Class,
}

/// One call of one op.
pub(crate) struct Call<'a> {
    /// Where core ops are inserted; its scope is the node's name.
    pub(crate) b: &'a mut Builder,
    /// `aten::conv2d`, without overload and in-place mark.
    pub(crate) name: &'a str,
    /// The overload, where the source names it.
    pub(crate) overload: Option<&'a str>,
    /// The operands that `{"@input": i}` refers to.
    pub(crate) operands: &'a [Operand],
    /// Arguments by parameter.
    pub(crate) bound: Bound,
    /// How many results the source takes.
    pub(crate) results: usize,
}

impl Call<'_> {
    // ---- diagnostics

    /// TO0102 at this node.
    pub(crate) fn unsupported(&self, message: impl AsRef<str>) -> Box<Diagnostic> {
        Diagnostic::error(Code::TORCH_UNSUPPORTED, format!("`{}`: {}", self.name, message.as_ref()))
            .at_node(self.b.scope())
    }

    /// TO0103 at this node.
    pub(crate) fn bad(&self, name: &str, expected: &str) -> Box<Diagnostic> {
        let found =
            self.bound.iter().find(|(p, _)| p.name == name).map_or_else(|| "nothing".to_owned(), |(_, a)| show(a));
        Diagnostic::error(Code::TORCH_ARGUMENT, format!("`{}` is called with a bad argument", self.name))
            .at_node(self.b.scope())
            .at_attribute(name)
            .expected(expected)
            .found(found)
    }

    // ---- tensors

    /// The argument for a parameter; `None` when the overload has no such parameter, or it is Python's `None`.
    pub(crate) fn arg(&self, name: &str) -> Option<&Attr> {
        self.bound.iter().find(|(p, _)| p.name == name).map(|(_, a)| a).filter(|a| !a.is_none())
    }

    /// The operand that an argument refers to.
    pub(crate) fn operand(&self, arg: &Attr) -> Option<Operand> {
        operand_index(arg).and_then(|i| self.operands.get(i)).copied()
    }

    fn literal(&mut self, arg: &Attr) -> Option<Side> {
        let tensor = match arg {
            Attr::Bool(b) => Tensor::scalar(DType::Bool, f64::from(*b)),
            Attr::Int(i) => Tensor::int_scalar(*i),
            Attr::Float(f) => Tensor::scalar(DType::F64, *f),
            _ => return None,
        };
        Some(Side { value: self.b.constant("", tensor), class: Class::Number })
    }

    /// A tensor or number, as type promotion sees it.
    pub(crate) fn side(&mut self, name: &str) -> Result<Side> {
        let arg = self.arg(name).cloned().unwrap_or(Attr::None);
        if let Some(o) = self.operand(&arg) {
            let class = match (o.number, self.b.rank(o.value)) {
                (true, _) => Class::Number,
                (_, 0) => Class::Scalar,
                _ => Class::Tensor,
            };
            return Ok(Side { value: o.value, class });
        }
        self.literal(&arg).ok_or_else(|| self.bad(name, "a tensor or a number"))
    }

    /// A tensor; a number becomes one, in the default dtype when it is floating point.
    pub(crate) fn tensor(&mut self, name: &str) -> Result<ValueId> {
        let side = self.side(name)?;
        match side.class {
            Class::Number if self.b.dtype(side.value) == DType::F64 => self.b.cast(side.value, DType::F32),
            _ => Ok(side.value),
        }
    }

    /// A tensor that may be `None`.
    pub(crate) fn opt_tensor(&mut self, name: &str) -> Result<Option<ValueId>> {
        if self.arg(name).is_none() { Ok(None) } else { self.tensor(name).map(Some) }
    }

    /// A list of tensors, some of which may be `None`.
    pub(crate) fn opt_tensors(&self, name: &str) -> Result<Vec<Option<ValueId>>> {
        let list = self.arg(name).and_then(Attr::as_list).ok_or_else(|| self.bad(name, "a list of tensors"))?;
        let one = |a: &Attr| match a {
            Attr::None => Ok(None),
            _ => self.operand(a).map(|o| Some(o.value)).ok_or_else(|| self.bad(name, "a list of tensors")),
        };
        list.iter().map(one).collect()
    }

    /// A list of tensors.
    pub(crate) fn tensors(&self, name: &str) -> Result<Vec<ValueId>> {
        self.opt_tensors(name)?.into_iter().map(|t| t.ok_or_else(|| self.bad(name, "tensors without None"))).collect()
    }

    // ---- shorthands

    /// The rank of a value.
    pub(crate) fn rank(&self, x: ValueId) -> usize {
        self.b.rank(x)
    }

    /// An axis counted from the start; a 0-d tensor takes 0 and −1.
    pub(crate) fn axis_of(&self, dim: i64, rank: usize) -> Result<usize> {
        let n = rank.max(1) as i64;
        let axis = if dim < 0 { dim.saturating_add(n) } else { dim };
        usize::try_from(axis).ok().filter(|&a| a < rank.max(1)).ok_or_else(|| {
            Diagnostic::error(Code::TORCH_ARGUMENT, format!("`{}`: dimension {dim} of a tensor with {rank}", self.name))
                .at_node(self.b.scope())
        })
    }

    /// The argument `name` as an axis of a tensor of `rank`.
    pub(crate) fn axis(&self, name: &str, rank: usize) -> Result<usize> {
        self.axis_of(self.int(name)?, rank)
    }

    /// A dimension that must be known when the model is converted.
    pub(crate) fn known_dim(&self, x: ValueId, axis: usize) -> Result<usize> {
        self.b.shape(x).get(axis).and_then(Dim::known).ok_or_else(|| {
            self.unsupported(format!("the size of axis {axis} must be known when the model is converted"))
                .found(self.b.ty(x).to_string())
                .help(self.sizes_wanted())
        })
    }

    /// How the user gives the sizes that the inputs leave open: the flag as it is to be written, for images with the
    /// size that most models are trained with.
    fn sizes_wanted(&self) -> String {
        let graph = self.b.graph();
        let mut flags = Vec::new();
        for &id in graph.inputs() {
            let mut ty = graph.ty(id).clone();
            if ty.shape.iter().skip(1).all(|d| d.known().is_some()) {
                continue;
            }
            if ty.rank() == 4 {
                ty.shape.iter_mut().skip(2).filter(|d| d.known().is_none()).for_each(|d| *d = Dim::Known(224));
            }
            flags.push(format!("--input-type {}={ty}", graph.value(id).name));
        }
        match flags.is_empty() {
            true => "give the sizes of the inputs: --input-type NAME=f32[N,3,224,224]".to_owned(),
            false => format!("give the sizes of the inputs, with the model's own numbers: {}", flags.join(" ")),
        }
    }

    /// In floating point: integers become the default dtype.
    pub(crate) fn float(&mut self, x: ValueId) -> Result<ValueId> {
        if self.b.dtype(x).is_float() { Ok(x) } else { self.b.cast(x, DType::F32) }
    }

    /// A tensor argument in floating point.
    pub(crate) fn float_tensor(&mut self, name: &str) -> Result<ValueId> {
        let x = self.tensor(name)?;
        self.float(x)
    }

    /// An elementwise op of one operand.
    pub(crate) fn unary(&mut self, op: UnaryOp, x: ValueId) -> Result<ValueId> {
        self.b.unary(op, x)
    }

    /// An elementwise op of two operands of one type.
    pub(crate) fn binary(&mut self, op: BinaryOp, x: ValueId, y: ValueId) -> Result<ValueId> {
        self.b.binary(op, x, y)
    }

    /// An elementwise op of a value and a number, which becomes a constant of the value's type.
    pub(crate) fn with(&mut self, op: BinaryOp, x: ValueId, y: f64) -> Result<ValueId> {
        self.b.binary_scalar(op, x, y)
    }

    /// `x` where the condition holds, else `y`.
    pub(crate) fn choose(&mut self, cond: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
        self.b.one(Op::Where, &[cond, x, y])
    }

    /// Limits to a range; either bound may be absent.
    pub(crate) fn clip(&mut self, x: ValueId, low: Option<f64>, high: Option<f64>) -> Result<ValueId> {
        let low = low.map(|v| self.b.scalar_like(x, v));
        let high = high.map(|v| self.b.scalar_like(x, v));
        self.b.one_opt(Op::Clip, &[Some(x), low, high])
    }
}

/// The operand index in `{"@input": i}`.
pub(crate) fn operand_index(arg: &Attr) -> Option<usize> {
    usize::try_from(arg.as_map()?.get("@input")?.as_int()?).ok()
}

/// An argument as it may stand in a message.
fn show(arg: &Attr) -> String {
    match arg {
        Attr::None => "None".to_owned(),
        Attr::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
        Attr::Int(i) => i.to_string(),
        Attr::Float(f) => f.to_string(),
        Attr::Str(s) => format!("'{}'", s.chars().take(60).collect::<String>()),
        Attr::DType(d) => d.to_string(),
        Attr::List(l) if l.len() <= 8 => format!("[{}]", l.iter().map(show).collect::<Vec<_>>().join(", ")),
        Attr::List(l) => format!("a list of {}", l.len()),
        _ if operand_index(arg).is_some() => "a tensor".to_owned(),
        _ => "something else".to_owned(),
    }
}
