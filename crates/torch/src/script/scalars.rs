//! Numbers: arithmetic in Python's way on those that are known, nodes of the graph for the rest.
//!
//! Owns: arithmetic, comparison, conversion. Must never know: tensors.

use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::value::same;
use super::value::{Kind, Value};

impl Machine {
    /// An operator written as such: `a + b`.
    pub(super) fn binary(&mut self, op: &str, a: Value, b: Value) -> Step<Value> {
        let name = match op {
            "+" => "add",
            "-" => "sub",
            "*" => "mul",
            "/" => "div",
            "//" => "floordiv",
            "%" => "remainder",
            "**" => "pow",
            "@" => "matmul",
            "&" => "__and__",
            "|" => "__or__",
            "^" => "__xor__",
            "<<" => "__lshift__",
            ">>" => "__rshift__",
            "==" => "eq",
            "!=" => "ne",
            "<" => "lt",
            "<=" => "le",
            ">" => "gt",
            ">=" => "ge",
            "is" => "__is__",
            "is not" => "__isnot__",
            "in" => return self.call_operator("aten", "__contains__", vec![b, a], Vec::new()),
            "not in" => {
                let inside = self.call_operator("aten", "__contains__", vec![b, a], Vec::new())?;
                return self.scalar_op("__not__", vec![inside]);
            }
            _ => return Err(damaged(format!("`{op}` is no operator"))),
        };
        let name = match (name, &a) {
            ("floordiv", Value::Tensor(_)) => "floor_divide",
            _ => name,
        };
        self.call_operator("aten", name, vec![a, b], Vec::new())
    }

    /// An operator before a value: `-a`.
    pub(super) fn unary(&mut self, op: &str, v: Value) -> Step<Value> {
        match op {
            "+" => Ok(v),
            "not" => self.scalar_op("__not__", vec![v]),
            "-" => self.call_operator("aten", "neg", vec![v], Vec::new()),
            "~" => self.call_operator("aten", "bitwise_not", vec![v], Vec::new()),
            _ => Err(damaged(format!("`{op}` stands where a value is needed"))),
        }
    }

    /// An operator on Python values.
    pub(super) fn scalar_op(&mut self, op: &str, args: Vec<Value>) -> Step<Value> {
        self.charge(1)?;
        if let Some(Value::Lost(why)) = args.iter().find(|v| matches!(v, Value::Lost(_))) {
            return Err(unsupported(why.to_string()));
        }
        if let Some(v) = self.collection_op(op, &args)? {
            return Ok(v);
        }
        if let Some(v) = self.string_op(op, &args)? {
            return Ok(v);
        }
        match (op, args.as_slice()) {
            ("__is__", [a, b]) => return Ok(Value::Bool(same(a, b))),
            ("__isnot__", [a, b]) => return Ok(Value::Bool(!same(a, b))),
            ("__not__", [v]) => {
                return match self.truth(v)? {
                    super::stmt::Truth::Known(b) => Ok(Value::Bool(!b)),
                    super::stmt::Truth::Open(_) => self.open_op("logical_not", &args, Kind::Bool),
                };
            }
            ("Int", [v]) => return self.number_from(v, Kind::Int),
            ("Float", [v]) => return self.number_from(v, Kind::Float),
            ("Bool", [v]) => return self.number_from(v, Kind::Bool),
            ("eq" | "ne", [a, b]) if a.kind().is_none() || b.kind().is_none() => {
                let equal = self.equal(a, b)?;
                return if op == "eq" { Ok(equal) } else { self.scalar_op("__not__", vec![equal]) };
            }
            ("__range_length", [lo, hi, step]) => return self.range_length(lo, hi, step),
            ("__derive_index", [i, lo, step]) => {
                let offset = self.scalar_op("mul", vec![i.clone(), step.clone()])?;
                return self.scalar_op("add", vec![lo.clone(), offset]);
            }
            ("__and__" | "__or__", [a, b]) if a.kind() == Some(Kind::Bool) && b.kind() == Some(Kind::Bool) => {
                return self.logic(op, a, b);
            }
            _ => {}
        }
        if args.iter().any(|v| matches!(v, Value::Num(..))) {
            return self.open_arithmetic(op, &args);
        }
        arithmetic(op, &args)
    }

    fn logic(&mut self, op: &str, a: &Value, b: &Value) -> Step<Value> {
        let and = op == "__and__";
        match (a, b) {
            (Value::Bool(x), other) | (other, Value::Bool(x)) => {
                Ok(if *x == and { other.clone() } else { Value::Bool(!and) })
            }
            _ => {
                let name = if and { "logical_and" } else { "logical_or" };
                self.open_op(name, &[a.clone(), b.clone()], Kind::Bool)
            }
        }
    }

    fn range_length(&mut self, lo: &Value, hi: &Value, step: &Value) -> Step<Value> {
        let Value::Int(step) = step else { return Err(unsupported("a range has a step that depends on data")) };
        if *step == 0 {
            return Err(damaged("a range has no step"));
        }
        if let (Value::Int(lo), Value::Int(hi)) = (lo, hi) {
            let (lo, hi, step) = (i128::from(*lo), i128::from(*hi), i128::from(*step));
            let n = if step > 0 { (hi - lo + step - 1).div_euclid(step) } else { (lo - hi - step - 1) / -step };
            return Ok(Value::Int(i64::try_from(n.max(0)).unwrap_or(i64::MAX)));
        }
        if *step != 1 {
            return Err(unsupported("a range whose ends depend on data has a step"));
        }
        self.scalar_op("sub", vec![hi.clone(), lo.clone()])
    }

    /// Whether two values are equal, by their parts.
    pub(super) fn equal(&mut self, a: &Value, b: &Value) -> Step<Value> {
        self.charge(1)?;
        if let (Some(_), Some(_)) = (a.kind(), b.kind()) {
            return self.scalar_op("eq", vec![a.clone(), b.clone()]);
        }
        let (x, y) = match (a, b) {
            (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
                (self.list(*x).to_vec(), self.list(*y).to_vec())
            }
            (Value::Dict(_), Value::Dict(_)) => return Err(unsupported("the archived code compares dicts")),
            (Value::Device(x), Value::Device(y)) => {
                return Ok(Value::Bool(x.split(':').next() == y.split(':').next()));
            }
            _ => return Ok(Value::Bool(same(a, b))),
        };
        if x.len() != y.len() {
            return Ok(Value::Bool(false));
        }
        let mut all = Value::Bool(true);
        for (x, y) in x.iter().zip(&y) {
            let one =
                if matches!(x, Value::Tensor(_)) { Value::Bool(same(x, y)) } else { self.deeper(|m| m.equal(x, y))? };
            all = self.scalar_op("__and__", vec![all, one])?;
        }
        Ok(all)
    }

    /// Arithmetic on numbers of which some are known at run time only.
    fn open_arithmetic(&mut self, op: &str, args: &[Value]) -> Step<Value> {
        if args.len() == 1 && op == "neg" {
            return self.open_op(op, args, args.first().and_then(Value::kind).unwrap_or(Kind::Int));
        }
        // What does not change a number needs no node.
        match (op, args) {
            ("add" | "sub", [x, Value::Int(0)]) | ("mul" | "floordiv", [x, Value::Int(1)]) => return Ok(x.clone()),
            ("add", [Value::Int(0), x]) | ("mul", [Value::Int(1), x]) => return Ok(x.clone()),
            ("mul", [Value::Int(0), x] | [x, Value::Int(0)]) if x.kind() == Some(Kind::Int) => {
                return Ok(Value::Int(0));
            }
            _ => {}
        }
        let float = args.iter().any(|v| v.kind() == Some(Kind::Float));
        let natural = if float { Kind::Float } else { Kind::Int };
        let kind = match op {
            "eq" | "ne" | "lt" | "le" | "gt" | "ge" => Kind::Bool,
            "floor" | "ceil" | "round" | "trunc" => Kind::Int,
            "div" | "sqrt" | "exp" | "log" | "true_divide" | "sin" | "cos" => Kind::Float,
            "add" | "sub" | "mul" | "floordiv" | "remainder" | "mathremainder" | "min" | "max" | "abs" | "pow" => {
                natural
            }
            _ => return Err(unsupported(format!("`{op}` is computed of numbers that depend on data"))),
        };
        self.open_op(op, args, kind)
    }

    fn open_op(&mut self, op: &str, args: &[Value], kind: Kind) -> Step<Value> {
        let suffix = match args.first().and_then(Value::kind) {
            Some(Kind::Float) => "float",
            Some(Kind::Bool) => "bool",
            _ => "int",
        };
        let name = match op {
            "logical_not" | "logical_and" | "logical_or" => format!("aten::{op}"),
            "min" | "max" | "abs" => format!("prim::{op}.{suffix}"),
            _ => format!("aten::{op}.{suffix}"),
        };
        let h = self.call_op(&name, args, &[], 1)?;
        let h = h.first().copied().ok_or_else(|| damaged("a result is missing"))?;
        Ok(self.number_of(h, kind))
    }
}

fn overflow() -> Stop {
    damaged("an integer is too large")
}

/// Arithmetic on known numbers.
fn arithmetic(op: &str, args: &[Value]) -> Step<Value> {
    let bad = || {
        damaged(format!("`{op}` is called with {}", args.iter().map(Value::type_name).collect::<Vec<_>>().join(", ")))
    };
    let as_int = |v: &Value| match v {
        Value::Int(i) => Some(*i),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    };
    if args.iter().any(|v| matches!(v, Value::Complex(..))) {
        return complex_arithmetic(op, args).ok_or_else(bad);
    }
    match args {
        [v] => unary_arithmetic(op, v, as_int(v), v.number().ok_or_else(bad)?).ok_or_else(bad),
        [a, b] => {
            let (x, y) = (a.number().ok_or_else(bad)?, b.number().ok_or_else(bad)?);
            match (as_int(a), as_int(b)) {
                (Some(i), Some(j)) => int_arithmetic(op, i, j, a.kind() == Some(Kind::Bool))?.ok_or_else(bad),
                _ => float_arithmetic(op, x, y)?.ok_or_else(bad),
            }
        }
        // `add(a, b, alpha)` and `sub`.
        [a, b, Value::Int(1)] if matches!(op, "add" | "sub") => arithmetic(op, &[a.clone(), b.clone()]),
        _ => Err(bad()),
    }
}

fn complex_arithmetic(op: &str, args: &[Value]) -> Option<Value> {
    let parts = |v: &Value| match v {
        Value::Complex(re, im) => Some((*re, *im)),
        _ => v.number().map(|re| (re, 0.0)),
    };
    let (a, b) = parts(args.first()?)?;
    let (x, y) = args.get(1).map_or(Some((0.0, 0.0)), parts)?;
    Some(match (op, args.len()) {
        ("neg", 1) => Value::Complex(-a, -b),
        ("abs", 1) => Value::Float(a.hypot(b)),
        ("add", 2) => Value::Complex(a + x, b + y),
        ("sub", 2) => Value::Complex(a - x, b - y),
        ("mul", 2) => Value::Complex(a * x - b * y, a * y + b * x),
        _ => return None,
    })
}

fn unary_arithmetic(op: &str, v: &Value, int: Option<i64>, x: f64) -> Option<Value> {
    let to_int = |f: f64| f.is_finite().then_some(Value::Int(f as i64));
    Some(match (op, int) {
        ("neg", Some(i)) => Value::Int(i.checked_neg()?),
        ("neg", None) => Value::Float(-x),
        ("abs", Some(i)) => Value::Int(i.checked_abs()?),
        ("abs", None) => Value::Float(x.abs()),
        ("floor", _) => to_int(x.floor())?,
        ("ceil", _) => to_int(x.ceil())?,
        ("round", _) => Value::Float(x.round_ties_even()),
        ("trunc", _) => to_int(x.trunc())?,
        ("sqrt", _) => Value::Float(x.sqrt()),
        ("exp", _) => Value::Float(x.exp()),
        ("log", _) => Value::Float(x.ln()),
        ("log2", _) => Value::Float(x.log2()),
        ("log10", _) => Value::Float(x.log10()),
        ("log1p", _) => Value::Float(x.ln_1p()),
        ("sin", _) => Value::Float(x.sin()),
        ("cos", _) => Value::Float(x.cos()),
        ("tan", _) => Value::Float(x.tan()),
        ("tanh", _) => Value::Float(x.tanh()),
        ("atan", _) => Value::Float(x.atan()),
        ("isnan", _) => Value::Bool(x.is_nan()),
        ("isinf", _) => Value::Bool(x.is_infinite()),
        ("isfinite", _) => Value::Bool(x.is_finite()),
        ("bitwise_not", Some(i)) => Value::Int(!i),
        ("item" | "ScalarImplicit", _) => v.clone(),
        _ => return None,
    })
}

fn int_arithmetic(op: &str, i: i64, j: i64, boolean: bool) -> Step<Option<Value>> {
    let int = |v: Option<i64>| v.map(|v| Some(Value::Int(v))).ok_or_else(overflow);
    let zero = || Stop::Raised("division by zero".into());
    match op {
        "add" => int(i.checked_add(j)),
        "sub" => int(i.checked_sub(j)),
        "mul" => int(i.checked_mul(j)),
        "div" | "true_divide" if j == 0 => Err(zero()),
        "floordiv" | "floor_divide" | "remainder" | "mathremainder" | "fmod" if j == 0 => Err(zero()),
        "floordiv" | "floor_divide" => {
            int(i.checked_div(j).map(|q| if (i % j != 0) && ((i < 0) != (j < 0)) { q - 1 } else { q }))
        }
        "remainder" | "mathremainder" => {
            int(i.checked_rem(j).map(|r| if r != 0 && ((r < 0) != (j < 0)) { r + j } else { r }))
        }
        "pow" if j >= 0 => int(u32::try_from(j).ok().and_then(|j| i.checked_pow(j))),
        "min" => Ok(Some(Value::Int(i.min(j)))),
        "max" => Ok(Some(Value::Int(i.max(j)))),
        "eq" => Ok(Some(Value::Bool(i == j))),
        "ne" => Ok(Some(Value::Bool(i != j))),
        "lt" => Ok(Some(Value::Bool(i < j))),
        "le" => Ok(Some(Value::Bool(i <= j))),
        "gt" => Ok(Some(Value::Bool(i > j))),
        "ge" => Ok(Some(Value::Bool(i >= j))),
        "__xor__" if boolean => Ok(Some(Value::Bool(i != j))),
        "__and__" => Ok(Some(Value::Int(i & j))),
        "__or__" => Ok(Some(Value::Int(i | j))),
        "__xor__" => Ok(Some(Value::Int(i ^ j))),
        "__lshift__" => int(u32::try_from(j).ok().filter(|j| *j < 63).and_then(|j| i.checked_mul(1i64 << j))),
        "__rshift__" => int(u32::try_from(j).ok().filter(|j| *j < 64).map(|j| i >> j)),
        "gcd" => Ok(Some(Value::Int({
            let (mut a, mut b) = (i.unsigned_abs(), j.unsigned_abs());
            while b != 0 {
                (a, b) = (b, a % b);
            }
            i64::try_from(a).unwrap_or(i64::MAX)
        }))),
        _ => float_arithmetic(op, i as f64, j as f64),
    }
}

fn float_arithmetic(op: &str, x: f64, y: f64) -> Step<Option<Value>> {
    let zero = || Stop::Raised("division by zero".into());
    Ok(Some(match op {
        "add" => Value::Float(x + y),
        "sub" => Value::Float(x - y),
        "mul" => Value::Float(x * y),
        "div" | "true_divide" | "floordiv" | "remainder" if y == 0.0 => return Err(zero()),
        "div" | "true_divide" => Value::Float(x / y),
        "floordiv" | "floor_divide" => Value::Float((x / y).floor()),
        "remainder" | "mathremainder" => Value::Float(x - y * (x / y).floor()),
        "fmod" => Value::Float(x % y),
        "pow" => Value::Float(x.powf(y)),
        "min" => Value::Float(if y < x { y } else { x }),
        "max" => Value::Float(if y > x { y } else { x }),
        "atan2" => Value::Float(x.atan2(y)),
        "log" => Value::Float(x.ln() / y.ln()),
        "copysign" => Value::Float(x.copysign(y)),
        "eq" => Value::Bool(x == y),
        "ne" => Value::Bool(x != y),
        "lt" => Value::Bool(x < y),
        "le" => Value::Bool(x <= y),
        "gt" => Value::Bool(x > y),
        "ge" => Value::Bool(x >= y),
        "round" => {
            let scale = 10f64.powf(y);
            Value::Float((x * scale).round_ties_even() / scale)
        }
        _ => return Ok(None),
    }))
}
