//! What archived code asks about tensors, and tensors that it makes of numbers.
//!
//! Owns: answers that are numbers, truth values or lists. Must never know: what the ops compute.

use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::value::{Kind, Value, number_of};
use modelport_ir::DType;

impl Machine {
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
