//! [`Call`]: what a lowering function gets: one node, with its operands, attributes and the builder.

use super::driver::{self, Memory};
use super::unknown::Unknown;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::core::DataLayout;
use modelport_ir::{
    Attr, Builder, CoreGraph, CustomLayers, DType, Dim, SourceGraph, SourceOp, Tensor, TensorType, ValueId,
};

/// One node.
pub(crate) struct Call<'a> {
    /// Where core ops are inserted; its scope is the node's path.
    pub(crate) b: &'a mut Builder,
    /// The op with its attributes.
    pub(crate) op: &'a SourceOp,
    /// The operands, all that the node has.
    pub(crate) inputs: Vec<ValueId>,
    /// Which results something uses.
    pub(crate) used: Vec<bool>,
    /// Bodies for ops that are not built in.
    pub(crate) custom: &'a CustomLayers,
    /// Ops without a lowering, met so far.
    pub(crate) unknown: &'a mut Vec<Unknown>,
    /// What lowerings remember of the values that they made.
    pub(crate) memory: &'a mut Memory,
    /// How deeply bodies are nested.
    pub(crate) depth: usize,
}

impl Call<'_> {
    // ---- operands

    /// Operand `i`.
    pub(crate) fn input(&self, i: usize) -> Result<ValueId> {
        self.inputs.get(i).copied().ok_or_else(|| {
            Diagnostic::error(Code::TF_OPERANDS, format!("`{}` has too few operands", self.op.name))
                .at_node(self.b.scope())
                .expected(format!("at least {}", i + 1))
                .found(self.inputs.len().to_string())
        })
    }

    /// The first operand.
    pub(crate) fn x(&self) -> Result<ValueId> {
        self.input(0)
    }

    /// The first two operands.
    pub(crate) fn pair(&self) -> Result<[ValueId; 2]> {
        Ok([self.input(0)?, self.input(1)?])
    }

    /// The first three operands.
    pub(crate) fn three(&self) -> Result<[ValueId; 3]> {
        Ok([self.input(0)?, self.input(1)?, self.input(2)?])
    }

    /// Whether result `i` is used.
    pub(crate) fn uses(&self, i: usize) -> bool {
        self.used.get(i).copied().unwrap_or(false)
    }

    /// The rank of the first operand.
    pub(crate) fn rank(&self) -> Result<usize> {
        Ok(self.b.rank(self.x()?))
    }

    /// The tensor of an operand that must be constant.
    pub(crate) fn constant(&self, i: usize, what: &str) -> Result<Tensor> {
        let id = self.input(i)?;
        self.b.as_constant(id).cloned().ok_or_else(|| self.not_constant(i, what))
    }

    /// The integers of an operand that must be known when the model is converted.
    pub(crate) fn ints(&self, i: usize, what: &str) -> Result<Vec<i64>> {
        self.opt_ints(i)?.ok_or_else(|| self.not_constant(i, what))
    }

    /// The integers of an operand, where they are known.
    pub(crate) fn opt_ints(&self, i: usize) -> Result<Option<Vec<i64>>> {
        let id = self.input(i)?;
        if let Some(values) = self.b.known(id).and_then(modelport_ir::infer::Known::values) {
            return Ok(Some(values));
        }
        match self.b.as_constant(id) {
            Some(t) if t.dtype().is_int() || t.dtype() == DType::Bool => t.to_i64s().map(Some),
            _ => Ok(None),
        }
    }

    /// One integer that must be known when the model is converted.
    pub(crate) fn int_operand(&self, i: usize, what: &str) -> Result<i64> {
        let all = self.ints(i, what)?;
        match all.as_slice() {
            &[n] => Ok(n),
            _ => Err(self.bad_operand(i, what, "one integer", &format!("{all:?}"))),
        }
    }

    /// One number of an operand that must be constant.
    pub(crate) fn number_operand(&self, i: usize, what: &str) -> Result<f64> {
        let t = self.constant(i, what)?;
        match t.to_f64s()?.as_slice() {
            &[n] => Ok(n),
            _ => Err(self.bad_operand(i, what, "one number", &t.ty().to_string())),
        }
    }

    /// An axis operand, counted from the front.
    pub(crate) fn axis_operand(&self, i: usize, rank: usize) -> Result<usize> {
        self.axis(self.int_operand(i, "axis")?, rank)
    }

    /// An axis, counted from the front.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let at = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        at.and_then(|a| usize::try_from(a).ok()).filter(|&a| a < rank).ok_or_else(|| {
            Diagnostic::error(Code::TF_OPERANDS, format!("`{}`: axis {axis} is outside of rank {rank}", self.op.name))
                .at_node(self.b.scope())
        })
    }

    /// Axes, each counted from the front, in the order given.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        axes.iter().map(|&a| self.axis(a, rank)).collect()
    }

    fn not_constant(&self, i: usize, what: &str) -> Box<Diagnostic> {
        let found = self.inputs.get(i).map_or_else(String::new, |&id| self.b.ty(id).to_string());
        self.unsupported(format!("operand {i} ({what}) must be known when the model is converted"))
            .expected("a constant")
            .found(format!("a value that the model computes, {found}"))
    }

    fn bad_operand(&self, i: usize, what: &str, expected: &str, found: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::TF_OPERANDS, format!("`{}`: operand {i} ({what}) does not fit", self.op.name))
            .at_node(self.b.scope())
            .expected(expected)
            .found(found)
    }

    /// A dimension of a value that must be known.
    pub(crate) fn known_dim(&self, x: ValueId, axis: usize) -> Result<usize> {
        self.b.shape(x).get(axis).and_then(Dim::known).ok_or_else(|| {
            self.unsupported(format!("the size of axis {axis} must be known when the model is converted"))
                .found(self.b.ty(x).to_string())
                .help("give sizes with `--input-type`, for example `--input-type x=f32[N,224,224,3]`")
        })
    }

    /// Fails unless `x` has `rank` axes.
    pub(crate) fn need_rank(&self, x: ValueId, rank: usize) -> Result<()> {
        if self.b.rank(x) == rank {
            return Ok(());
        }
        Err(Diagnostic::error(Code::TF_OPERANDS, format!("`{}` needs an operand of rank {rank}", self.op.name))
            .at_node(self.b.scope())
            .found(self.b.ty(x).to_string()))
    }

    // ---- attributes

    fn bad_attribute(&self, name: &str, expected: &str) -> Box<Diagnostic> {
        let found = self.op.attrs.get(name).map_or_else(|| "nothing".to_owned(), show);
        self.bad_value(name, expected, &found)
    }

    /// An attribute with a value that the op does not have.
    pub(crate) fn bad_value(&self, name: &str, expected: &str, found: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::TF_ATTRIBUTE, format!("`{}`: an attribute does not fit", self.op.name))
            .at_node(self.b.scope())
            .at_attribute(name)
            .expected(expected)
            .found(found)
    }

    /// An integer attribute; `default` when it is absent.
    pub(crate) fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        match self.op.attr(name) {
            None => Ok(default),
            Some(a) => a.as_int().ok_or_else(|| self.bad_attribute(name, "an integer")),
        }
    }

    /// A float attribute; `default` when it is absent.
    pub(crate) fn float_or(&self, name: &str, default: f64) -> Result<f64> {
        match self.op.attr(name) {
            None => Ok(default),
            Some(a) => a.as_float().ok_or_else(|| self.bad_attribute(name, "a number")),
        }
    }

    /// A truth value; `default` when it is absent.
    pub(crate) fn bool_or(&self, name: &str, default: bool) -> Result<bool> {
        match self.op.attr(name) {
            None => Ok(default),
            Some(a) => a.as_bool().ok_or_else(|| self.bad_attribute(name, "true or false")),
        }
    }

    /// A string; `default` when it is absent or empty.
    pub(crate) fn str_or<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str> {
        match self.op.attr(name) {
            None => Ok(default),
            Some(a) => {
                let text = a.as_str().ok_or_else(|| self.bad_attribute(name, "a string"))?;
                Ok(if text.is_empty() { default } else { text })
            }
        }
    }

    /// An element type, where it is given.
    pub(crate) fn dtype_attr(&self, name: &str) -> Result<Option<DType>> {
        match self.op.attr(name) {
            None => Ok(None),
            Some(Attr::DType(d)) => Ok(Some(*d)),
            Some(_) => Err(self.bad_attribute(name, "an element type that has a counterpart in ONNX")),
        }
    }

    /// An element type; `default` when it is absent.
    pub(crate) fn dtype_or(&self, name: &str, default: DType) -> Result<DType> {
        Ok(self.dtype_attr(name)?.unwrap_or(default))
    }

    /// A list of integers; empty when it is absent.
    pub(crate) fn int_list(&self, name: &str) -> Result<Vec<i64>> {
        match self.op.attr(name) {
            None => Ok(Vec::new()),
            Some(a) => a.as_ints().ok_or_else(|| self.bad_attribute(name, "a list of integers")),
        }
    }

    /// A list of numbers; empty when it is absent.
    pub(crate) fn float_list(&self, name: &str) -> Result<Vec<f64>> {
        match self.op.attr(name) {
            None => Ok(Vec::new()),
            Some(a) => a
                .as_list()
                .and_then(|l| l.iter().map(Attr::as_float).collect())
                .ok_or_else(|| self.bad_attribute(name, "a list of numbers")),
        }
    }

    /// One positive number for each of `rank` axes; `default` for all when the attribute is absent or empty.
    pub(crate) fn sizes(&self, name: &str, rank: usize, default: usize) -> Result<Vec<usize>> {
        let list = self.int_list(name)?;
        if list.is_empty() {
            return Ok(vec![default; rank]);
        }
        let positive = |&n: &i64| usize::try_from(n).ok().filter(|&n| n > 0 && n < 1 << 31);
        let sizes: Option<Vec<usize>> = list.iter().map(positive).collect();
        sizes
            .filter(|s| s.len() == rank)
            .ok_or_else(|| self.bad_value(name, &format!("{rank} positive integers"), &format!("{list:?}")))
    }

    /// `data_format`: channels last unless it says otherwise.
    pub(crate) fn data_layout(&self) -> Result<DataLayout> {
        match self.str_or("data_format", "NHWC")? {
            "NHWC" | "NDHWC" | "NWC" | "channels_last" => Ok(DataLayout::ChannelsLast),
            "NCHW" | "NCDHW" | "NCW" | "channels_first" => Ok(DataLayout::ChannelsFirst),
            other => Err(self
                .unsupported("this order of axes has no lowering")
                .at_attribute("data_format")
                .expected("NHWC, NCHW, NDHWC or NCDHW")
                .found(other)),
        }
    }

    /// TF0103 at this node.
    pub(crate) fn unsupported(&self, message: impl Into<String>) -> Box<Diagnostic> {
        Diagnostic::error(Code::TF_UNSUPPORTED, format!("`{}`: {}", self.op.name, message.into()))
            .at_node(self.b.scope())
    }

    // ---- bodies

    /// Lowers a body (of `If`, `While`) on values of this graph, whose nodes it joins.
    pub(crate) fn inline(&mut self, graph: &SourceGraph, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        self.check_depth()?;
        driver::lower_nested(self, graph, inputs)
    }

    /// Lowers a body into a graph of its own, with inputs of these types.
    pub(crate) fn body(&mut self, graph: &SourceGraph, inputs: &[TensorType]) -> Result<CoreGraph> {
        self.check_depth()?;
        driver::lower_body(self, graph, inputs)
    }

    fn check_depth(&self) -> Result<()> {
        Limits::default().check_depth(self.depth, "a function body").map_err(|d| d.at_node(self.b.scope()))
    }
}

/// A short attribute value for messages.
fn show(attr: &Attr) -> String {
    match attr {
        Attr::None => "nothing".to_owned(),
        Attr::Bool(b) => b.to_string(),
        Attr::Int(i) => i.to_string(),
        Attr::Float(f) => f.to_string(),
        Attr::Str(s) => format!("`{}`", s.chars().take(60).collect::<String>()),
        Attr::List(l) => format!("[{}]", l.iter().take(8).map(show).collect::<Vec<_>>().join(", ")),
        Attr::DType(d) => d.to_string(),
        Attr::Tensor(t) => t.ty().to_string(),
        Attr::Map(_) => "a mapping".to_owned(),
        Attr::Op(_) => "an op".to_owned(),
        Attr::Graph(_) => "a function".to_owned(),
    }
}
