//! Operators by name: which are about Python values and which about tensors.
//!
//! Owns: the choice by name and arguments. Must never know: syntax.

use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::value::{Dict, Kind, Obj, Value, dtype_of};
use std::rc::Rc;

/// Ops that make tensors of numbers alone.
const FACTORIES: &[&str] = &[
    "zeros",
    "ones",
    "full",
    "empty",
    "arange",
    "range",
    "linspace",
    "logspace",
    "eye",
    "rand",
    "randn",
    "randint",
    "randperm",
    "normal",
    "scalar_tensor",
    "tril_indices",
    "triu_indices",
    "hann_window",
    "hamming_window",
    "bartlett_window",
    "blackman_window",
    "kaiser_window",
    "meshgrid",
    "cat",
    "stack",
    "empty_strided",
    "bernoulli",
    "cartesian_prod",
    "fft_fftfreq",
    "fft_rfftfreq",
    "zeros_like",
    "where",
    "broadcast_tensors",
    "block_diag",
    "einsum",
];

/// Ops that change the interpreter's state, which a model does not have.
const NO_EFFECT: &[&str] = &[
    "warn",
    "manual_seed",
    "set_grad_enabled",
    "_set_grad_enabled",
    "_record_function_enter",
    "_record_function_exit",
    "_record_function_enter_new",
    "_assert_async",
    "_assert_tensor_metadata",
    "confirmed_by_owner",
    "save",
];

impl Machine {
    /// Calls an operator: `torch.add` is `aten` `add`, `ops.prim.dtype` is `prim` `dtype`, `int(…)` is `python` `int`.
    pub(super) fn call_operator(
        &mut self,
        space: &str,
        op: &str,
        args: Vec<Value>,
        kwargs: Vec<(Rc<str>, Value)>,
    ) -> Step<Value> {
        // Overloads are not printed; old files print some.
        let op = op.split('.').next().unwrap_or(op);
        match space {
            "python" => self.python(op, args),
            "prim" => self.prim(op, args, kwargs),
            "aten" => self.aten(op, args, kwargs),
            _ => self.tensor_call(space, op, args, kwargs),
        }
    }

    fn python(&mut self, op: &str, args: Vec<Value>) -> Step<Value> {
        match (op, args.as_slice()) {
            ("int", [v]) => self.number_from(v, Kind::Int),
            ("float", [v]) => self.number_from(v, Kind::Float),
            ("bool", [v]) => match v {
                Value::List(_) | Value::Tuple(_) | Value::None => match self.truth(v)? {
                    super::stmt::Truth::Known(b) => Ok(Value::Bool(b)),
                    super::stmt::Truth::Open(h) => Ok(Value::Num(Kind::Bool, h)),
                },
                _ => self.number_from(v, Kind::Bool),
            },
            ("str", [v]) => Ok(Value::Str(self.show(v))),
            ("print", _) => Ok(Value::None),
            ("range", [n]) => Ok(n.clone()),
            ("getattr", [base, Value::Str(name)]) => self.attribute(base, name),
            (
                "len" | "sorted" | "list" | "ord" | "chr" | "abs" | "min" | "max" | "round" | "sum" | "any" | "all",
                _,
            ) => match op {
                "abs" | "min" | "max" => self.prim(op, args, Vec::new()),
                _ => self.aten(op, args, Vec::new()),
            },
            ("tuple", [v]) => {
                let items = self.items(v)?;
                self.new_tuple(items)
            }
            ("dict", []) => Ok(Value::Dict(self.alloc(Obj::Dict(Dict::default()))?)),
            ("enumerate" | "zip" | "range", _) => Err(unsupported(format!("the archived code calls `{op}`"))),
            _ => Err(damaged(format!("the archived code calls `{op}`, which is not defined"))),
        }
    }

    fn prim(&mut self, op: &str, args: Vec<Value>, kwargs: Vec<(Rc<str>, Value)>) -> Step<Value> {
        match (op, args.as_slice()) {
            ("NumToTensor", [v]) => match v {
                Value::Tensor(_) => Ok(v.clone()),
                Value::Num(_, h) => {
                    let h = *h;
                    self.new_tensor(h)
                }
                Value::Float(f) => {
                    let h = self.constant("", modelport_ir::Tensor::scalar(modelport_ir::DType::F32, *f));
                    self.new_tensor(h)
                }
                _ => self.tensor_of(v, None),
            },
            ("RaiseException", _) => {
                let message = args.first().map_or_else(|| "an exception".into(), |m| self.show(m));
                Err(Stop::Raised(message))
            }
            ("ImplicitTensorToNum", [v]) => self.scalar_of(v),
            ("unchecked_unwrap_optional" | "unchecked_cast" | "data" | "tolist_result", [v, ..]) => Ok(v.clone()),
            ("TupleUnpack" | "ListUnpack", [v]) => Ok(v.clone()),
            ("shape", [v]) => {
                let sizes = self.sizes(v)?;
                self.new_list(sizes)
            }
            ("min" | "max" | "abs" | "rangelist", _) => self.scalar_op(op, args),
            ("id", _) => Err(unsupported("the archived code asks for the identity of an object")),
            ("StringIndex", [s, i]) => self.get_item(s, i),
            ("tolist", [v, ..]) => self.list_from(v),
            ("EnumValue", [v]) => self.attribute(v, "value"),
            ("EnumName", [v]) => self.attribute(v, "name"),
            ("Print", _) => Ok(Value::None),
            ("type", [v]) => self.attribute(v, "type"),
            ("index", [v]) => self.attribute(v, "index"),
            ("unchecked_unwrap", [v]) => Ok(v.clone()),
            (_, [v @ Value::Tensor(_)]) => self.tensor_attribute(v, op),
            (_, [v @ Value::List(_), ..]) if op == "fork" => Ok(v.clone()),
            _ => self.tensor_call("prim", op, args, kwargs),
        }
    }

    fn aten(&mut self, op: &str, args: Vec<Value>, kwargs: Vec<(Rc<str>, Value)>) -> Step<Value> {
        if NO_EFFECT.contains(&op) {
            return Ok(Value::None);
        }
        if let Some(Value::Lost(why)) = args.iter().find(|v| matches!(v, Value::Lost(_))) {
            return Err(unsupported(why.to_string()));
        }
        match (op, args.as_slice()) {
            ("device", [Value::Str(s), rest @ ..]) => {
                let index = match rest.first() {
                    Some(Value::Int(i)) => format!(":{i}"),
                    _ => String::new(),
                };
                return Ok(Value::Device(format!("{s}{index}").into()));
            }
            ("is_grad_enabled" | "is_autocast_enabled" | "is_autocast_cpu_enabled", _) => {
                return Ok(Value::Bool(false));
            }
            ("is_scripting" | "is_tracing" | "_is_tracing", _) => return Ok(Value::Bool(op == "is_scripting")),
            ("get_default_dtype", _) => return Ok(Value::Int(6)),
            ("tensor" | "as_tensor" | "_tensor", [data, rest @ ..]) => {
                let dtype = kwargs.iter().find(|(k, _)| &**k == "dtype").map(|(_, v)| v.clone());
                let dtype = dtype.or_else(|| rest.first().cloned());
                let dtype = if let Some(Value::Int(i)) = dtype { dtype_of(i) } else { None };
                return self.tensor_of(data, dtype);
            }
            ("wait" | "_unwrap_optional", [v]) => {
                return match v {
                    Value::None => Err(Stop::Raised("None where a value must be".into())),
                    _ => Ok(v.clone()),
                };
            }
            ("tolist", [v, ..]) => return self.list_from(v),
            ("backward" | "grad", _) => return Err(unsupported("gradients are computed inside of the model")),
            _ => {}
        }
        if let Some(v) = self.question(op, &args)? {
            return Ok(v);
        }
        if self.about_tensors(op, &args, &kwargs) {
            return self.tensor_call("aten", op, args, kwargs);
        }
        self.scalar_op(op, args)
    }

    /// Whether a call computes tensors.
    fn about_tensors(&self, op: &str, args: &[Value], kwargs: &[(Rc<str>, Value)]) -> bool {
        const CONTAINERS: &[&str] = &[
            "append",
            "extend",
            "insert",
            "len",
            "__getitem__",
            "_set_item",
            "pop",
            "clear",
            "reverse",
            "copy",
            "list",
            "__contains__",
            "keys",
            "values",
            "items",
            "get",
            "setdefault",
            "update",
            "popitem",
            "Delete",
            "dict",
            "__is__",
            "__isnot__",
            "format",
            "str",
            "percentFormat",
            "index",
            "count",
            "remove",
            "slice",
            "add",
            "mul",
            "add_",
            "join",
            "eq",
            "ne",
            "sort",
            "sorted",
            "__range_length",
            "__derive_index",
        ];
        let tensor = |v: &Value| matches!(v, Value::Tensor(_));
        let in_list = |v: &Value| match v {
            Value::List(r) | Value::Tuple(r) => self.list(*r).iter().any(tensor),
            _ => false,
        };
        match args.first() {
            Some(Value::Tensor(_)) => {
                !matches!(op, "__is__" | "__isnot__" | "format" | "str" | "percentFormat" | "__contains__")
            }
            Some(Value::List(_) | Value::Dict(_) | Value::Tuple(_)) if CONTAINERS.contains(&op) => false,
            Some(Value::Str(_)) if op != "einsum" => false,
            _ if matches!(op, "__is__" | "__isnot__") => false,
            _ => {
                FACTORIES.contains(&op)
                    || args.iter().any(|v| tensor(v) || in_list(v))
                    || kwargs.iter().any(|(_, v)| tensor(v))
            }
        }
    }

    /// The elements of a tensor as numbers in lists; they must be known.
    fn list_from(&mut self, v: &Value) -> Step<Value> {
        let h = self.tensor_handle(v)?;
        let Some(t) = self.known(h) else {
            return Err(unsupported("the archived code turns a tensor that depends on data into a list"));
        };
        let numbers = t.to_f64s().map_err(Stop::Fail)?;
        let mut items: Vec<Value> = numbers
            .into_iter()
            .map(|f| match t.dtype() {
                modelport_ir::DType::Bool => Value::Bool(f != 0.0),
                d if d.is_float() => Value::Float(f),
                _ => Value::Int(f as i64),
            })
            .collect();
        for &n in t.shape().iter().rev() {
            let mut rows = Vec::new();
            for row in items.chunks(n.max(1)) {
                rows.push(self.new_list(row.to_vec())?);
            }
            items = rows;
        }
        items.into_iter().next().ok_or_else(|| damaged("a tensor has no elements"))
    }

    /// Methods of values that are no objects, as old files and hand-written code call them.
    pub(super) fn value_method(
        &mut self,
        v: &Value,
        name: &str,
        args: Vec<Value>,
        kwargs: Vec<(Rc<str>, Value)>,
    ) -> Step<Value> {
        if let Value::Closure(..) = v {
            return Err(damaged("a function has no methods"));
        }
        if let (Value::Tensor(_), "tolist") = (v, name) {
            return self.list_from(v);
        }
        let args = std::iter::once(v.clone()).chain(args).collect();
        self.aten(name, args, kwargs)
    }
}
