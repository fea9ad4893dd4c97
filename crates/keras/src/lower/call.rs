//! [`Call`]: what a lowering function gets: one call of one layer, with its operands, masks, weights and the builder.

use super::activation;
use super::driver;
use super::unknown::Unknown;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::core::DataLayout;
use modelport_ir::{Attr, Builder, CustomLayers, DType, Dim, SourceGraph, SourceOp, Tensor, ValueId};
use std::collections::BTreeMap;

/// A value with the mask that Keras attaches to it: bool, true where the step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// The value.
    pub(crate) value: ValueId,
    /// Its mask, of the value's leading dimensions.
    pub(crate) mask: Option<ValueId>,
}

impl From<ValueId> for Operand {
    fn from(value: ValueId) -> Self {
        Self { value, mask: None }
    }
}

/// One call of one layer.
pub(crate) struct Call<'a> {
    /// Where core ops are inserted; its scope is the layer's path.
    pub(crate) b: &'a mut Builder,
    /// The layer: class, config, weights.
    pub(crate) op: &'a SourceOp,
    /// The tensors of the first call argument (all of a list), cast to the compute dtype as Keras's autocast does.
    pub(crate) inputs: Vec<Operand>,
    /// All tensor operands; `{"@input": i}` refers to these.
    pub(crate) operands: Vec<Operand>,
    /// Bodies for classes that are not built in.
    pub(crate) custom: &'a CustomLayers,
    /// Classes without a lowering, met so far.
    pub(crate) unknown: &'a mut Vec<Unknown>,
    /// The masks of the results, where the function has set them.
    pub(crate) masks: BTreeMap<usize, Option<ValueId>>,
    /// How deeply wrappers are nested.
    pub(crate) depth: usize,
}

impl Call<'_> {
    // ---- operands

    /// Tensor `i` of the first argument.
    pub(crate) fn input(&self, i: usize) -> Result<ValueId> {
        let missing = || {
            Diagnostic::error(Code::KERAS_GRAPH, format!("`{}` is called with too few tensors", self.op.name))
                .at_node(self.b.scope())
                .expected(format!("at least {}", i + 1))
                .found(self.inputs.len().to_string())
        };
        self.inputs.get(i).map(|o| o.value).ok_or_else(missing)
    }

    /// The first tensor of the first argument.
    pub(crate) fn x(&self) -> Result<ValueId> {
        self.input(0)
    }

    /// The first tensor, converted to the compute dtype when it is not floating point.
    pub(crate) fn float_x(&mut self) -> Result<ValueId> {
        let x = self.x()?;
        if self.b.dtype(x).is_float() {
            return Ok(x);
        }
        let to = self.compute_dtype();
        self.b.cast(x, to)
    }

    /// All tensors of the first argument.
    pub(crate) fn values(&self) -> Vec<ValueId> {
        self.inputs.iter().map(|o| o.value).collect()
    }

    /// The mask of tensor `i` of the first argument.
    pub(crate) fn mask(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).and_then(|o| o.mask)
    }

    /// Sets (or removes) the mask of result `i`; otherwise the row's rule holds.
    pub(crate) fn set_mask(&mut self, i: usize, mask: Option<ValueId>) {
        self.masks.insert(i, mask);
    }

    /// A call argument by position (0 is the first, the inputs) or name; `None` when absent or Python's `None`.
    pub(crate) fn arg(&self, position: usize, name: &str) -> Option<&Attr> {
        let by_name = self.op.attr("@kwargs").and_then(Attr::as_map).and_then(|m| m.get(name));
        let by_place = || self.op.attr("@args").and_then(Attr::as_list).and_then(|l| l.get(position));
        by_name.or_else(by_place).filter(|a| !a.is_none())
    }

    /// The operand that a call argument `{"@input": i}` refers to.
    pub(crate) fn operand(&self, arg: &Attr) -> Option<Operand> {
        tensor_index(arg).and_then(|i| self.operands.get(i)).copied()
    }

    /// The tensor given as a call argument, by position or name.
    pub(crate) fn tensor_arg(&self, position: usize, name: &str) -> Option<Operand> {
        self.arg(position, name).and_then(|a| self.operand(a))
    }

    // ---- weights and dtypes

    /// The dtype that the layer computes in.
    pub(crate) fn compute_dtype(&self) -> DType {
        if let Some(Attr::DType(d)) = self.op.attr("@compute_dtype") {
            return *d;
        }
        let float = |o: &Operand| Some(self.b.dtype(o.value)).filter(|d| d.is_float());
        self.inputs.iter().find_map(float).unwrap_or(DType::F32)
    }

    /// A weight as a constant named `layer/weight`, in the compute dtype.
    pub(crate) fn weight(&mut self, name: &str) -> Result<ValueId> {
        let tensor = self.weight_tensor(name)?;
        self.constant(name, &tensor)
    }

    /// A weight that may be absent.
    pub(crate) fn opt_weight(&mut self, name: &str) -> Result<Option<ValueId>> {
        if self.op.weight(name).is_some() { self.weight(name).map(Some) } else { Ok(None) }
    }

    /// A weight's tensor in its own dtype.
    pub(crate) fn weight_tensor(&self, name: &str) -> Result<Tensor> {
        self.op.weight(name).cloned().ok_or_else(|| {
            let names: Vec<_> = self.op.weights.iter().map(|(n, _)| n.as_str()).collect();
            Diagnostic::error(Code::KERAS_WEIGHTS, format!("a `{}` layer lacks its weight `{name}`", self.op.name))
                .at_node(self.b.scope())
                .found(if names.is_empty() { "no weights".to_owned() } else { names.join(", ") })
        })
    }

    /// A tensor as a constant named `layer/name`, in the compute dtype.
    pub(crate) fn constant(&mut self, name: &str, tensor: &Tensor) -> Result<ValueId> {
        let dtype = self.compute_dtype();
        self.constant_as(name, tensor, dtype)
    }

    /// A tensor as a constant named `layer/name`, in `dtype`.
    pub(crate) fn constant_as(&mut self, name: &str, tensor: &Tensor, dtype: DType) -> Result<ValueId> {
        let path = format!("{}/{name}", self.b.scope());
        let tensor = tensor.cast(dtype).map_err(|d| d.at_node(self.b.scope()))?;
        Ok(self.b.constant(path, tensor))
    }

    // ---- shorthands

    /// The activation that the config names under `attribute`, applied.
    pub(crate) fn activate(&mut self, x: ValueId, attribute: &str) -> Result<ValueId> {
        match self.op.attr(attribute) {
            None => Ok(x),
            Some(a) => activation::apply(self, x, a).map_err(|d| d.at_attribute(attribute)),
        }
    }

    /// The rank of the first input.
    pub(crate) fn rank(&self) -> Result<usize> {
        Ok(self.b.rank(self.x()?))
    }

    /// A dimension of a value that must be known.
    pub(crate) fn known_dim(&self, x: ValueId, axis: usize) -> Result<usize> {
        self.b.shape(x).get(axis).and_then(Dim::known).ok_or_else(|| {
            self.unsupported(format!("the size of axis {axis} must be known when the model is converted"))
                .found(self.b.ty(x).to_string())
        })
    }

    /// `data_format`, channels last when absent.
    pub(crate) fn data_layout(&self) -> Result<DataLayout> {
        match self.str_or("data_format", "channels_last")? {
            "channels_last" => Ok(DataLayout::ChannelsLast),
            "channels_first" => Ok(DataLayout::ChannelsFirst),
            other => Err(self.bad_argument("data_format", "`channels_last` or `channels_first`", other)),
        }
    }

    /// KR0007 at this layer.
    pub(crate) fn unsupported(&self, message: impl Into<String>) -> Box<Diagnostic> {
        Diagnostic::error(Code::KERAS_UNSUPPORTED, format!("`{}`: {}", self.op.name, message.into()))
            .at_node(self.b.scope())
    }

    // ---- wrappers

    /// Calls `f` as if another op had been called with the same tensors.
    pub(crate) fn spelled<T>(&mut self, op: &SourceOp, f: impl FnOnce(&mut Call<'_>) -> Result<T>) -> Result<T> {
        f(&mut Call {
            b: self.b,
            op,
            inputs: self.inputs.clone(),
            operands: self.operands.clone(),
            custom: self.custom,
            unknown: self.unknown,
            masks: BTreeMap::new(),
            depth: self.depth,
        })
    }

    /// Lowers another layer on `inputs`, in a scope of its name: what wrappers do with theirs.
    pub(crate) fn lower_op(&mut self, op: &SourceOp, inputs: &[Operand]) -> Result<Vec<Operand>> {
        Limits::default().check_depth(self.depth, "a wrapper layer").map_err(|d| d.at_node(self.b.scope()))?;
        let name = op.attr("name").and_then(Attr::as_str).unwrap_or(&op.name).to_owned();
        self.b.push_scope(name);
        let nested = driver::lower_call(self.b, self.custom, self.unknown, op, inputs, self.depth + 1);
        self.b.pop_scope();
        nested
    }

    /// Lowers a model on `inputs`; its layers' paths continue this layer's.
    pub(crate) fn lower_graph(&mut self, graph: &SourceGraph, inputs: &[Operand]) -> Result<Vec<Operand>> {
        Limits::default().check_depth(self.depth, "a wrapped model").map_err(|d| d.at_node(self.b.scope()))?;
        driver::lower_nested(self.b, self.custom, self.unknown, graph, inputs, self.depth + 1)
    }

    /// Lowers what a wrapper holds in attribute `name`: a layer or a model.
    pub(crate) fn lower_inner(&mut self, name: &str, inputs: &[Operand]) -> Result<Vec<Operand>> {
        match self.op.attr(name) {
            Some(Attr::Op(op)) => self.lower_op(op, inputs),
            Some(Attr::Graph(graph)) => self.lower_graph(graph, inputs),
            _ => Err(self.missing_argument(name, "a layer")),
        }
    }
}

/// The operand index in `{"@input": i}`.
pub(crate) fn tensor_index(arg: &Attr) -> Option<usize> {
    usize::try_from(arg.as_map()?.get("@input")?.as_int()?).ok()
}

/// All operand indices in a call argument, in order.
pub(crate) fn tensor_indices(arg: &Attr, out: &mut Vec<usize>) {
    match arg {
        Attr::List(list) => list.iter().for_each(|a| tensor_indices(a, out)),
        Attr::Map(map) => match tensor_index(arg) {
            Some(i) => out.push(i),
            None => map.values().for_each(|a| tensor_indices(a, out)),
        },
        _ => {}
    }
}
