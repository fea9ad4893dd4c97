//! Operators on tensors: calls become nodes of the graph.
//!
//! Owns: which calls have results by number, list or in place, and those that ask about a tensor. Must never know: what
//! the ops compute (their lowerings do).

use super::machine::{Machine, Step, damaged, unsupported};
use super::tensor::is_view;
use super::value::{Handle, Ref, Value, dtype_of, number_of};
use crate::lower::names::of_written;
use crate::lower::result_count;
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
            "resize" if in_place && self.alone(&args)? => "resize",
            "resize" | "resize_as" | "set" if in_place => {
                return Err(unsupported(format!("the model changes the storage of a tensor with `{op}`")));
            }
            _ if in_place => of_written(base),
            _ => base,
        };
        let results = self.result_count(space, name, &args);
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
        if is_view(op) || op == "resize" {
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

    /// Whether the first argument is a tensor that shows all of its memory in order.
    fn alone(&mut self, args: &[Value]) -> Step<bool> {
        let Some(Value::Tensor(r)) = args.first() else { return Ok(false) };
        let cell = self.cell(*r)?;
        Ok(cell.view.is_none() && cell.dense)
    }

    /// How many results an op has.
    fn result_count(&self, space: &str, name: &str, args: &[Value]) -> usize {
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
            _ => result_count(&format!("{space}::{name}")).unwrap_or(1),
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
}
