//! Operators on tensors: calls become nodes of the graph.
//!
//! Owns: which calls have results by number, list or in place, and those that ask about a tensor. Must never know: what
//! the ops compute (their lowerings do).

use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::tensor::is_view;
use super::value::{Handle, Kind, Ref, Value, dtype_of, number_of};
use modelport_ir::DType;
use std::rc::Rc;

/// Ops whose results are a list of tensors.
const LISTS: &[&str] = &[
    "chunk",
    "split",
    "split_with_sizes",
    "unbind",
    "tensor_split",
    "hsplit",
    "vsplit",
    "dsplit",
    "meshgrid",
    "broadcast_tensors",
    "nonzero_numpy",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "atleast_1d",
    "align_tensors",
];

/// Ops with several results, and how many.
const SEVERAL: &[(&str, usize)] = &[
    ("max_pool1d_with_indices", 2),
    ("max_pool2d_with_indices", 2),
    ("max_pool3d_with_indices", 2),
    ("adaptive_max_pool1d", 2),
    ("adaptive_max_pool2d", 2),
    ("adaptive_max_pool3d", 2),
    ("lstm", 3),
    ("gru", 2),
    ("rnn_tanh", 2),
    ("rnn_relu", 2),
    ("lstm_cell", 2),
    ("topk", 2),
    ("sort", 2),
    ("mode", 2),
    ("kthvalue", 2),
    ("cummax", 2),
    ("cummin", 2),
    ("var_mean", 2),
    ("std_mean", 2),
    ("aminmax", 2),
    ("native_layer_norm", 3),
    ("native_group_norm", 3),
    ("native_batch_norm", 3),
    ("_unique2", 3),
    ("unique_consecutive", 3),
    ("unique_dim", 3),
    ("frexp", 2),
    ("_native_multi_head_attention", 2),
    ("native_dropout", 2),
    ("_pack_padded_sequence", 2),
    ("_pad_packed_sequence", 2),
    ("triangular_solve", 2),
    ("linalg_svd", 3),
    ("linalg_qr", 2),
];

/// Dropout of every kind.
const DROPOUTS: &[&str] =
    &["dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "dropout2d", "dropout3d"];

impl Machine {
    /// Calls an op on tensors.
    pub(super) fn tensor_call(
        &mut self,
        space: &str,
        op: &str,
        mut args: Vec<Value>,
        mut kwargs: Vec<(Rc<str>, Value)>,
    ) -> Step<Value> {
        let in_place = op.len() > 1 && op.ends_with('_') && !op.starts_with("__");
        let base = if in_place { op.trim_end_matches('_') } else { op };
        if space == "aten" {
            if let Some(v) = self.identity(base, &args, &kwargs)? {
                return Ok(v);
            }
            self.evaluation_mode(base, &mut args);
        }
        if matches!(space, "quantized" | "_quantized" | "sparse") || base.starts_with("quantize_per") {
            return Err(unsupported(format!(
                "`{space}::{op}` computes with quantized tensors; convert the float model and quantize the ONNX file"
            )));
        }
        let out = kwargs.iter().position(|(k, _)| &**k == "out").map(|i| kwargs.remove(i).1);
        let target = match (&out, in_place) {
            (Some(v), _) => Some(v.clone()),
            (None, true) => args.first().cloned(),
            _ => None,
        };
        // `copy_` and `fill_` have other names as functions.
        let name = match base {
            "copy" if in_place => "copy",
            "zero" => "zeros_like",
            "fill" => "full_like",
            "resize" | "resize_as" | "set" if in_place => {
                return Err(unsupported(format!("the model changes the storage of a tensor with `{op}`")));
            }
            _ => base,
        };
        let results = self.result_count(name, &args);
        let handles = self.call_op(&format!("{space}::{name}"), &args, &kwargs, results)?;
        match target {
            Some(Value::Tensor(r)) => {
                let new = handles.first().copied().ok_or_else(|| damaged("a result is missing"))?;
                self.write_back(r, new, name)?;
                Ok(Value::Tensor(r))
            }
            Some(_) => Err(damaged(format!("`{op}` writes to what is no tensor"))),
            None => self.results(name, &args, handles),
        }
    }

    fn results(&mut self, name: &str, args: &[Value], handles: Vec<Handle>) -> Step<Value> {
        let several = handles.len() > 1;
        let items = if is_view(name) && matches!(args.first(), Some(Value::Tensor(_))) {
            self.new_views(name, args, handles)?
        } else {
            handles.into_iter().map(|h| self.new_tensor(h)).collect::<Step<_>>()?
        };
        if LISTS.contains(&name) {
            return self.new_list(items);
        }
        if several {
            return self.new_tuple(items);
        }
        items.into_iter().next().ok_or_else(|| damaged(format!("`{name}` has no result")))
    }

    /// Writes a result in place: it takes the dtype of what was there.
    fn write_back(&mut self, r: Ref, new: Handle, op: &str) -> Step<()> {
        let old = self.current(r)?;
        let (was, is) = (self.ty(old), self.ty(new));
        let mut new = new;
        if let (Some(was), Some(is)) = (&was, &is)
            && was.dtype != is.dtype
        {
            let v = self.new_tensor(new)?;
            let cast = self.call_op("aten::to", &[v, Value::Int(number_of(was.dtype))], &[], 1)?;
            new = cast.first().copied().unwrap_or(new);
        }
        if is_view(op) {
            // `squeeze_` and the like give the tensor another shape; what it views stays.
            self.writes += 1;
            let cell = self.cell_mut(r)?;
            cell.value = new;
            cell.view = None;
            cell.changes = cell.changes.wrapping_add(1);
            return Ok(());
        }
        self.write(r, new)
    }

    /// How many results an op has.
    fn result_count(&self, name: &str, args: &[Value]) -> usize {
        if let Some((_, n)) = SEVERAL.iter().find(|(op, _)| *op == name) {
            return *n;
        }
        let by_dim = matches!(args.get(1), Some(Value::Int(_)));
        match name {
            "max" | "min" | "median" | "nanmedian" if by_dim => 2,
            "chunk" | "unsafe_chunk" => match args.get(1) {
                Some(Value::Int(n)) => usize::try_from(*n).unwrap_or(1).min(1000),
                _ => 1,
            },
            "split_with_sizes" | "split" => match args.get(1) {
                Some(Value::List(r)) => self.list(*r).len(),
                _ => 1,
            },
            "meshgrid" | "broadcast_tensors" => match args.first() {
                Some(Value::List(r) | Value::Tuple(r)) => self.list(*r).len(),
                _ => 1,
            },
            _ => 1,
        }
    }

    /// Calls that give back the tensor that they are given.
    fn identity(&mut self, op: &str, args: &[Value], kwargs: &[(Rc<str>, Value)]) -> Step<Option<Value>> {
        let Some(x @ Value::Tensor(r)) = args.first() else { return Ok(None) };
        Ok(match op {
            "detach" | "alias" | "requires_grad" | "pin_memory" | "cpu" | "cuda" | "lift" | "lift_fresh"
            | "retain_grad" | "data" | "_set_item" | "resolve_conj" | "resolve_neg" | "rename" | "refine_names" => {
                Some(x.clone())
            }
            "contiguous" if self.cell(*r)?.dense => Some(x.clone()),
            _ if DROPOUTS.contains(&op) => {
                if matches!(args.get(2), Some(Value::Bool(true))) {
                    self.note("the file was saved in training mode: dropout is left out, as in evaluation");
                }
                Some(x.clone())
            }
            "to" | "type_as" | "_to_copy" => self.convert(x, args, kwargs)?,
            _ => None,
        })
    }

    /// `to` in its many forms: only the dtype matters here.
    fn convert(&mut self, x: &Value, args: &[Value], kwargs: &[(Rc<str>, Value)]) -> Step<Option<Value>> {
        let mut target = None;
        for v in args.iter().skip(1).take(3) {
            match v {
                Value::Tensor(_) => target = self.tensor_type(v)?.map(|t| t.dtype),
                Value::Int(i) if target.is_none() => target = dtype_of(*i),
                Value::Bool(_) => break,
                _ => {}
            }
        }
        if let Some((_, Value::Int(i))) = kwargs.iter().find(|(k, _)| &**k == "dtype") {
            target = dtype_of(*i);
        }
        let from = self.tensor_type(x)?.map(|t| t.dtype);
        let Some(target) = target else {
            let other = args.iter().skip(1).any(|v| matches!(v, Value::Tensor(_)));
            return if other { Err(self.no_type("an element type")) } else { Ok(Some(x.clone())) };
        };
        if from == Some(target) {
            return Ok(Some(x.clone()));
        }
        let h = self.call_op("aten::to", &[x.clone(), Value::Int(number_of(target))], &[], 1)?;
        let h = h.first().copied().ok_or_else(|| damaged("a result is missing"))?;
        self.new_tensor(h).map(Some)
    }

    /// Batch norm of a model that was saved in training mode uses the statistics that it has gathered.
    fn evaluation_mode(&mut self, op: &str, args: &mut [Value]) {
        let has_statistics = matches!(args.get(3), Some(Value::Tensor(_)));
        let flag = match op {
            "batch_norm" | "_batch_norm_impl_index" | "cudnn_batch_norm" | "native_batch_norm" if has_statistics => 5,
            "lstm" | "gru" | "rnn_tanh" | "rnn_relu" => 6,
            _ => return,
        };
        if let Some(v @ Value::Bool(true)) = args.get_mut(flag) {
            *v = Value::Bool(false);
            if flag == 5 {
                self.note(
                    "the file was saved in training mode: batch normalization uses its running statistics, as in evaluation",
                );
            }
        }
    }

    /// What the archived code asks about a tensor by name: `ops.prim.dtype(x)` and attributes of old files.
    pub(super) fn tensor_attribute(&mut self, v: &Value, name: &str) -> Step<Value> {
        Ok(match name {
            "dtype" => {
                let ty = self.need_type(v, "an element type")?;
                Value::Int(number_of(ty.dtype))
            }
            "shape" => {
                let sizes = self.sizes(v)?;
                self.new_list(sizes)?
            }
            "ndim" => Value::Int(self.need_type(v, "the number of dimensions")?.rank() as i64),
            "device" => Value::Device("cpu".into()),
            "layout" => Value::Int(0),
            "is_cuda" | "is_mkldnn" | "is_quantized" | "is_sparse" | "is_sparse_csr" | "is_xpu" | "is_mps"
            | "is_mtia" | "is_vulkan" | "is_ipu" | "is_hpu" | "is_meta" | "requires_grad" | "is_nested" | "is_xla"
            | "is_maia" | "is_ort" => Value::Bool(false),
            "is_cpu" | "is_leaf" => Value::Bool(true),
            "data" => v.clone(),
            "grad" => Value::None,
            "name" => Value::None,
            "T" => self.tensor_call("aten", "numpy_T", vec![v.clone()], Vec::new())?,
            "mT" => {
                self.tensor_call("aten", "transpose", vec![v.clone(), Value::Int(-2), Value::Int(-1)], Vec::new())?
            }
            "real" | "imag" => self.tensor_call("aten", name, vec![v.clone()], Vec::new())?,
            _ => return Err(unsupported(format!("the archived code asks for `{name}` of a tensor"))),
        })
    }

    /// Questions about a tensor whose answers are numbers or truth values. `None` when `op` is none of them.
    pub(super) fn question(&mut self, op: &str, args: &[Value]) -> Step<Option<Value>> {
        let Some(x @ Value::Tensor(_)) = args.first() else { return Ok(None) };
        Ok(Some(match (op, args) {
            ("size", [_]) | ("sizes", [_]) => {
                let sizes = self.sizes(x)?;
                self.new_list(sizes)?
            }
            ("size", [_, Value::Int(d)]) => self.size(x, *d)?,
            ("dim" | "ndimension", _) => Value::Int(self.need_type(x, "the number of dimensions")?.rank() as i64),
            ("len", _) => self.size(x, 0)?,
            ("numel", _) => {
                let sizes = self.sizes(x)?;
                let mut all = Value::Int(1);
                for s in sizes {
                    all = self.scalar_op("mul", vec![all, s])?;
                }
                all
            }
            ("item", _) => self.scalar_of(x)?,
            ("Int" | "IntImplicit", _) => self.number_from(x, Kind::Int)?,
            ("Float" | "FloatImplicit", _) => self.number_from(x, Kind::Float)?,
            ("Bool" | "is_nonzero", _) => self.number_from(x, Kind::Bool)?,
            ("ScalarImplicit", _) => self.scalar_of(x)?,
            ("is_floating_point", _) => Value::Bool(self.need_type(x, "an element type")?.dtype.is_float()),
            ("is_complex", _) => {
                Value::Bool(matches!(self.need_type(x, "an element type")?.dtype, DType::C64 | DType::C128))
            }
            ("is_contiguous" | "is_non_overlapping_and_dense", _) => {
                let Value::Tensor(r) = x else { return Ok(None) };
                Value::Bool(self.cell(*r)?.dense)
            }
            ("is_same_size", [_, y]) => {
                let (a, b) = (self.sizes(x)?, self.sizes(y)?);
                let (a, b) = (self.new_list(a)?, self.new_list(b)?);
                self.scalar_op("eq", vec![a, b])?
            }
            ("get_device", _) => Value::Int(-1),
            ("is_inference" | "is_conj" | "is_neg" | "is_coalesced", _) => Value::Bool(false),
            ("__is__" | "__isnot__", [_, y]) => {
                let is = matches!((x, y), (Value::Tensor(a), Value::Tensor(b)) if a == b);
                Value::Bool(is == (op == "__is__"))
            }
            ("stride", _) => return self.strides(x, args.get(1)).map(Some),
            ("storage_offset", _) => Value::Int(0),
            ("_unwrap_optional" | "wait" | "list" | "_wait" | "unchecked_unwrap_optional", _) => x.clone(),
            ("__getitem__", [_, i]) => {
                self.tensor_call("aten", "select", vec![x.clone(), Value::Int(0), i.clone()], Vec::new())?
            }
            ("backward" | "_backward", _) => return Err(unsupported("gradients are computed inside of the model")),
            _ => return Ok(None),
        }))
    }

    /// Strides of elements that lie in order.
    fn strides(&mut self, x: &Value, dim: Option<&Value>) -> Step<Value> {
        let mut strides = vec![Value::Int(1)];
        for s in self.sizes(x)?.into_iter().skip(1).rev() {
            let last = strides.first().cloned().unwrap_or(Value::Int(1));
            strides.insert(0, self.scalar_op("mul", vec![last, s])?);
        }
        let list = self.new_list(strides)?;
        match dim {
            Some(d) => self.get_item(&list, d),
            None => Ok(list),
        }
    }

    /// `torch.tensor` of numbers in lists.
    pub(super) fn tensor_of(&mut self, data: &Value, dtype: Option<DType>) -> Step<Value> {
        if let Value::Tensor(_) = data {
            return match dtype {
                Some(d) => self.tensor_call("aten", "to", vec![data.clone(), Value::Int(number_of(d))], Vec::new()),
                None => Ok(data.clone()),
            };
        }
        let (mut shape, mut flat) = (Vec::new(), Vec::new());
        self.flatten_data(data, 0, &mut shape, &mut flat)?;
        let kinds: Vec<Kind> = flat.iter().filter_map(Value::kind).collect();
        if kinds.len() != flat.len() {
            return Err(damaged("a tensor is made of what is no number"));
        }
        let natural = if kinds.contains(&Kind::Float) || kinds.is_empty() {
            DType::F32
        } else if kinds.contains(&Kind::Int) {
            DType::I64
        } else {
            DType::Bool
        };
        let dtype = dtype.unwrap_or(natural);
        if let Some(numbers) = flat.iter().map(Value::number).collect::<Option<Vec<f64>>>() {
            let ints: Option<Vec<i64>> =
                flat.iter().map(|v| if let Value::Int(i) = v { Some(*i) } else { None }).collect();
            let tensor = match ints {
                Some(ints) if dtype == DType::I64 => modelport_ir::Tensor::ints(&ints).reshape(shape),
                _ => modelport_ir::Tensor::from_f64s(dtype, &shape, &numbers),
            };
            let h = self.constant("", tensor.map_err(Stop::Fail)?);
            return self.new_tensor(h);
        }
        // Some are known at run time only.
        let mut parts = Vec::new();
        for v in &flat {
            let h = self.number_handle(v)?;
            let part = self.new_tensor(h)?;
            let cast = self.call_op("aten::to", &[part, Value::Int(number_of(dtype))], &[], 1)?;
            let h = cast.first().copied().ok_or_else(|| damaged("a result is missing"))?;
            parts.push(self.new_tensor(h)?);
        }
        if shape.is_empty() {
            return parts.into_iter().next().ok_or_else(|| damaged("a tensor is made of nothing"));
        }
        let list = self.new_list(parts)?;
        let all = self.tensor_call("aten", "stack", vec![list, Value::Int(0)], Vec::new())?;
        let shape = shape.into_iter().map(|n| Value::Int(n as i64)).collect();
        let shape = self.new_list(shape)?;
        self.tensor_call("aten", "reshape", vec![all, shape], Vec::new())
    }

    fn flatten_data(&mut self, v: &Value, depth: usize, shape: &mut Vec<usize>, out: &mut Vec<Value>) -> Step<()> {
        self.charge(1)?;
        match v {
            Value::List(r) | Value::Tuple(r) => {
                let items = self.list(*r).to_vec();
                match shape.get(depth) {
                    None => shape.push(items.len()),
                    Some(n) if *n == items.len() => {}
                    Some(_) => return Err(damaged("the lists of a tensor have different lengths")),
                }
                items.iter().try_for_each(|v| self.deeper(|m| m.flatten_data(v, depth + 1, shape, out)))
            }
            Value::Tensor(_) => {
                let n = self.scalar_of(v)?;
                out.push(n);
                Ok(())
            }
            _ => {
                out.push(v.clone());
                Ok(())
            }
        }
    }
}
