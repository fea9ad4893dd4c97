//! Running one op, and comparing.

use modelport_diag::Result;
use modelport_ir::{Builder, Op, TensorType};
use modelport_runtime::{Array, Options, run_with};

/// An op on operands, and what it must give.
pub(crate) struct Case {
    pub(crate) op: Op,
    pub(crate) inputs: Vec<Option<Array>>,
    pub(crate) outputs: Vec<Array>,
}

pub(crate) fn case(op: Op, inputs: &[Array], outputs: &[Array]) -> Case {
    Case { op, inputs: inputs.iter().cloned().map(Some).collect(), outputs: outputs.to_vec() }
}

pub(crate) fn case_opt(op: Op, inputs: Vec<Option<Array>>, outputs: &[Array]) -> Case {
    Case { op, inputs, outputs: outputs.to_vec() }
}

/// Small integer operands are constants when `constant`, so that their values are known when the graph is built.
pub(crate) fn run_op(op: &Op, inputs: &[Option<Array>], constant: bool, options: &Options) -> Result<Vec<Array>> {
    let mut b = Builder::new("case");
    let mut given = Vec::new();
    let mut ids = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        ids.push(match input {
            None => None,
            Some(a) if constant && i > 0 && a.rank() <= 1 => Some(b.constant(format!("c{i}"), a.to_tensor()?)),
            Some(a) => {
                given.push(a.clone());
                Some(b.input(format!("x{i}"), a.ty()))
            }
        });
    }
    let results = b.add(op.clone(), &ids)?;
    for (k, id) in results.into_iter().enumerate() {
        b.output(format!("y{k}"), id);
    }
    let inputs = b.graph().inputs().to_vec();
    let types: Vec<TensorType> = inputs.iter().map(|&id| b.ty(id).clone()).collect();
    let graph = b.graph().clone();
    assert_eq!(types.len(), given.len());
    run_with(&graph, given, options, None)
}

impl Case {
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let says = |what: String| format!("{} {:?}: {what}", self.op.name(), self.op);
        for constant in [false, true] {
            let out = run_op(&self.op, &self.inputs, constant, &Options::default());
            let out = out.map_err(|d| says(d.to_string()))?;
            if out.len() != self.outputs.len() {
                return Err(says(format!("{} results", out.len())));
            }
            for (have, want) in out.iter().zip(&self.outputs) {
                close(have, want).map_err(says)?;
            }
        }
        Ok(())
    }
}

/// Equal types; elements within rounding of the type, NaN equal to NaN.
pub(crate) fn close(have: &Array, want: &Array) -> std::result::Result<(), String> {
    let differ = || format!("\n  have {have:?}\n  want {want:?}");
    if have.ty() != want.ty() {
        return Err(differ());
    }
    if let (Array::Str(a), Array::Str(b)) = (have, want) {
        return if a == b { Ok(()) } else { Err(differ()) };
    }
    let tolerance = match have.dtype() {
        modelport_ir::DType::F16 | modelport_ir::DType::BF16 => 1e-2,
        d if d.is_float() => 2e-5,
        _ => 0.0,
    };
    let (a, b) = (have.to_f64s().unwrap(), want.to_f64s().unwrap());
    let same = |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * (1.0 + y.abs());
    if a.iter().zip(&b).all(|(&x, &y)| same(x, y)) { Ok(()) } else { Err(differ()) }
}

pub(crate) fn f(shape: &[usize], values: &[f32]) -> Array {
    Array::from_vec(shape, values.to_vec()).unwrap()
}

pub(crate) fn d(shape: &[usize], values: &[f64]) -> Array {
    Array::from_vec(shape, values.to_vec()).unwrap()
}

pub(crate) fn i(shape: &[usize], values: &[i64]) -> Array {
    Array::from_vec(shape, values.to_vec()).unwrap()
}

pub(crate) fn b(shape: &[usize], values: &[u8]) -> Array {
    Array::from_vec(shape, values.iter().map(|&v| v != 0).collect()).unwrap()
}

pub(crate) fn u8s(shape: &[usize], values: &[u8]) -> Array {
    Array::from_vec(shape, values.to_vec()).unwrap()
}

pub(crate) fn strs(values: &[&str]) -> Array {
    Array::from_vec(&[values.len()], values.iter().map(|s| s.as_bytes().to_vec()).collect()).unwrap()
}

/// 0, 1, 2, … in a shape.
pub(crate) fn count(shape: &[usize]) -> Array {
    let n: usize = shape.iter().product();
    Array::from_vec(shape, (0..n).map(|v| v as f32).collect()).unwrap()
}
