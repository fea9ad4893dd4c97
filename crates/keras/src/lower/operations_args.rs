//! Arguments of operations: tensors, numbers and nested lists, and how their types are promoted.
//!
//! Owns: `keras.backend.result_type` as far as files need it (keras/src/backend/common/dtypes.py, 3.15), and TensorFlow's
//! rule that a number takes the type of the tensor beside it. Must never know: what the operations compute.

use super::call::{Call, tensor_index};
use super::config::show;
use modelport_diag::Result;
use modelport_ir::{Attr, Builder, DType, Op, Tensor, ValueId};

/// An argument before promotion.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg {
    /// A tensor.
    Value(ValueId),
    /// A Python bool: weaker than every tensor.
    Bool(bool),
    /// A Python int: weaker than every number.
    Int(i64),
    /// A Python float: weaker than every float.
    Float(f64),
}

/// Whose rules of promotion hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Keras 3: tensors of different types are promoted, numbers are weak.
    Keras,
    /// TensorFlow: tensors have equal types; numbers become the type of the tensor.
    TensorFlow,
}

/// An element type by its name in Keras and TensorFlow: `float32`, `tf.int64`.
pub(super) fn dtype_named(name: &str) -> Option<DType> {
    Some(match name.rsplit('.').next().unwrap_or(name) {
        "float16" | "half" => DType::F16,
        "bfloat16" => DType::BF16,
        "float32" | "float" => DType::F32,
        "float64" | "double" => DType::F64,
        "int8" => DType::I8,
        "int16" => DType::I16,
        "int32" | "int" => DType::I32,
        "int64" => DType::I64,
        "uint8" => DType::U8,
        "uint16" => DType::U16,
        "uint32" => DType::U32,
        "uint64" => DType::U64,
        "bool" => DType::Bool,
        _ => return None,
    })
}

/// An element type in any spelling that a config uses.
pub(super) fn dtype_of(attr: &Attr) -> Option<DType> {
    match attr {
        Attr::DType(d) => Some(*d),
        Attr::Str(s) => dtype_named(s),
        // TensorFlow serialises a DType object as its class and its enum value or name.
        Attr::Map(m) => m.get("config").or_else(|| m.get("value")).and_then(dtype_of_nested),
        _ => None,
    }
}

fn dtype_of_nested(attr: &Attr) -> Option<DType> {
    match attr {
        Attr::Str(s) => dtype_named(s),
        Attr::Map(m) => m.get("name").and_then(Attr::as_str).and_then(dtype_named),
        _ => None,
    }
}

/// The numbers of a nested list, its shape, and the type that NumPy would give it.
pub(super) fn literal(attr: &Attr) -> Option<Tensor> {
    let (mut shape, mut at) = (Vec::new(), attr);
    while let Attr::List(list) = at {
        shape.push(list.len());
        at = list.first()?;
    }
    let (mut values, mut dtype) = (Vec::new(), DType::Bool);
    flatten(attr, &shape, &mut values, &mut dtype)?;
    Tensor::from_f64s(dtype, &shape, &values).ok()
}

fn flatten(attr: &Attr, shape: &[usize], values: &mut Vec<f64>, dtype: &mut DType) -> Option<()> {
    let rank = |d: DType| [DType::Bool, DType::I32, DType::F32].iter().position(|x| *x == d);
    let (value, own) = match (attr, shape) {
        (Attr::List(list), [n, rest @ ..]) if list.len() == *n => {
            return list.iter().try_for_each(|a| flatten(a, rest, values, dtype));
        }
        (Attr::Bool(b), []) => (f64::from(u8::from(*b)), DType::Bool),
        (Attr::Int(i), []) => (*i as f64, DType::I32),
        (Attr::Float(f), []) => (*f, DType::F32),
        _ => return None,
    };
    if rank(own) > rank(*dtype) {
        *dtype = own;
    }
    values.push(value);
    Some(())
}

/// A tensor that Keras 3 wrote into the arguments: `{"class_name": "__tensor__" | "__numpy__", "config": {value, dtype}}`.
fn written_tensor(attr: &Attr) -> Option<Tensor> {
    let map = attr.as_map()?;
    if !matches!(map.get("class_name")?.as_str()?, "__tensor__" | "__numpy__") {
        return None;
    }
    let config = map.get("config")?.as_map()?;
    let tensor = literal(config.get("value")?)?;
    match config.get("dtype").and_then(dtype_of) {
        Some(d) => tensor.cast(d).ok(),
        None => Some(tensor),
    }
}

/// A call argument as a value or number.
pub(super) fn read(call: &mut Call<'_>, attr: &Attr) -> Result<Arg> {
    if let Some(operand) = call.operand(attr) {
        return Ok(Arg::Value(operand.value));
    }
    let tensor = match attr {
        Attr::Bool(b) => return Ok(Arg::Bool(*b)),
        Attr::Int(i) => return Ok(Arg::Int(*i)),
        Attr::Float(f) => return Ok(Arg::Float(*f)),
        Attr::Tensor(t) => Some(t.clone()),
        Attr::List(list) if list.iter().any(|a| tensor_index(a).is_some()) => return mixed(call, list).map(Arg::Value),
        Attr::List(_) => literal(attr),
        Attr::Map(_) => written_tensor(attr),
        _ => None,
    };
    match tensor {
        Some(t) => Ok(Arg::Value(call.b.constant("", t))),
        None => Err(call.unsupported("an argument is neither a tensor nor a number").found(show(attr))),
    }
}

/// A list of scalars some of which are tensors, stacked.
fn mixed(call: &mut Call<'_>, list: &[Attr]) -> Result<ValueId> {
    let mut args = Vec::with_capacity(list.len());
    for a in list {
        args.push(read(call, a)?);
    }
    let values = promote(call.b, &args, Rules::Keras, None)?;
    let mut parts = Vec::with_capacity(values.len());
    for v in values {
        parts.push(call.b.unsqueeze(v, &[0])?);
    }
    call.b.concat(&parts, 0)
}

/// The call argument at `position` or by `name`.
pub(super) fn get(call: &mut Call<'_>, position: usize, name: &str) -> Result<Arg> {
    opt(call, position, name)?.ok_or_else(|| call.missing_argument(name, "a tensor or number"))
}

/// The call argument at `position` or by `name`, unless it is absent.
pub(super) fn opt(call: &mut Call<'_>, position: usize, name: &str) -> Result<Option<Arg>> {
    match call.arg(position, name).cloned() {
        Some(attr) => read(call, &attr).map(Some),
        None => Ok(None),
    }
}

/// The call argument as a value of its own type.
pub(super) fn value(call: &mut Call<'_>, position: usize, name: &str) -> Result<ValueId> {
    let arg = get(call, position, name)?;
    Ok(own(call.b, arg))
}

/// An argument as a value; numbers get the type that Keras gives them alone.
pub(super) fn own(b: &mut Builder, arg: Arg) -> ValueId {
    match arg {
        Arg::Value(v) => v,
        Arg::Bool(x) => b.scalar(DType::Bool, f64::from(u8::from(x))),
        Arg::Int(i) => b.scalar(DType::I32, i as f64),
        Arg::Float(f) => b.scalar(DType::F32, f),
    }
}

/// A call argument or config entry: an attribute that is not a tensor.
pub(super) fn plain<'a>(call: &'a Call<'_>, position: usize, name: &str) -> Option<&'a Attr> {
    call.op.attr(name).or_else(|| call.arg(position, name))
}

/// The type of both, as Keras promotes tensors.
pub(super) fn promoted(a: DType, b: DType) -> DType {
    let class = |d: DType| (d != DType::Bool) as u8 + d.is_float() as u8;
    if a == b {
        return a;
    }
    match class(a).cmp(&class(b)) {
        std::cmp::Ordering::Less => return b,
        std::cmp::Ordering::Greater => return a,
        std::cmp::Ordering::Equal => {}
    }
    if a.is_float() {
        // f16 and bf16 meet in f32.
        return match (a.size(), b.size()) {
            (2, 2) => DType::F32,
            (x, y) => {
                if x > y {
                    a
                } else {
                    b
                }
            }
        };
    }
    let (big, small) = if a.size() >= b.size() { (a, b) } else { (b, a) };
    match (big.is_signed_int(), small.is_signed_int()) {
        (x, y) if x == y => big,
        (true, false) if big.size() > small.size() => big,
        (true, false) => wider(big),
        _ => wider(big),
    }
}

/// The signed integer type that holds all of an unsigned or equally wide one.
fn wider(d: DType) -> DType {
    match d.size() {
        1 => DType::I16,
        2 => DType::I32,
        4 => DType::I64,
        _ => DType::F32,
    }
}

/// The type that arguments meet in; `at_least` makes integers floats of that type.
fn common(b: &Builder, args: &[Arg], rules: Rules, at_least: Option<DType>) -> DType {
    let tensors = args.iter().filter_map(|a| match a {
        Arg::Value(v) => Some(b.dtype(*v)),
        _ => None,
    });
    let strong = if rules == Rules::TensorFlow { tensors.into_iter().next() } else { tensors.reduce(promoted) };
    let weak = args.iter().fold(None, |w, a| match a {
        Arg::Float(_) => Some(DType::F32),
        Arg::Int(_) => w.or(Some(DType::I32)),
        Arg::Bool(_) => w.or(Some(DType::Bool)),
        Arg::Value(_) => w,
    });
    let weak_int = args.iter().any(|a| matches!(a, Arg::Int(_)));
    let mut dtype = match (strong, weak) {
        (Some(s), _) if rules == Rules::TensorFlow => s,
        (Some(s), Some(DType::F32)) if !s.is_float() => DType::F32,
        (Some(DType::Bool), Some(DType::I32)) => DType::I32,
        (Some(s), _) => s,
        (None, Some(DType::Bool)) if weak_int => DType::I32,
        (None, w) => w.unwrap_or(DType::F32),
    };
    if let Some(float) = at_least
        && !dtype.is_float()
    {
        dtype = float;
    }
    dtype
}

/// Arguments as values of one type.
pub(super) fn promote(b: &mut Builder, args: &[Arg], rules: Rules, at_least: Option<DType>) -> Result<Vec<ValueId>> {
    let dtype = common(b, args, rules, at_least);
    args.iter()
        .map(|a| match *a {
            Arg::Value(v) => b.cast(v, dtype),
            Arg::Bool(x) => Ok(b.scalar(dtype, f64::from(u8::from(x)))),
            Arg::Int(i) => Ok(b.scalar(dtype, i as f64)),
            Arg::Float(f) => Ok(b.scalar(dtype, f)),
        })
        .collect()
}

/// An argument that says a shape: integers, tensors, or a list of both; as i64[rank].
pub(super) fn shape(call: &mut Call<'_>, attr: &Attr) -> Result<ValueId> {
    if let Attr::List(list) = attr {
        let mut parts = Vec::with_capacity(list.len());
        for a in list {
            parts.push(extent(call, a)?);
        }
        return match parts.as_slice() {
            [] => Ok(call.b.ints(&[])),
            [one] => Ok(*one),
            _ => call.b.concat(&parts, 0),
        };
    }
    if attr.as_int().is_some() {
        return extent(call, attr);
    }
    let arg = read(call, attr)?;
    let v = own(call.b, arg);
    call.b.cast(v, DType::I64)
}

/// One integer, constant or not, as i64[1].
pub(super) fn extent(call: &mut Call<'_>, attr: &Attr) -> Result<ValueId> {
    if attr.is_none() {
        return Ok(call.b.ints(&[-1]));
    }
    if let Some(i) = attr.as_int() {
        return Ok(call.b.ints(&[i]));
    }
    let arg = read(call, attr)?;
    let v = own(call.b, arg);
    let v = call.b.cast(v, DType::I64)?;
    if call.b.rank(v) == 1 {
        return Ok(v);
    }
    let one = call.b.ints(&[1]);
    call.b.one(Op::Reshape { allow_zero: false }, &[v, one])
}
