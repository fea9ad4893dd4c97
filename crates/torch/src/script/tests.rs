//! Small programs, evaluated: what Python does when the model is converted, and what becomes a graph.
//!
//! Owns: checks of the language. Must never know: archives.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::machine::{Machine, Step, Stop};
use super::program::Program;
use super::value::{Handle, Kind, Value};
use modelport_ir::{DType, SourceGraph, TensorType};

/// A machine with the function `f` of one file of code.
fn machine(code: &str) -> Machine {
    let mut program = Program::default();
    program.add("__torch__".to_owned(), "code/__torch__.py".to_owned(), code.to_owned());
    let mut m = Machine::new(program, 10);
    m.push_frame("main");
    m
}

fn call(m: &mut Machine, args: Vec<Value>) -> Step<Value> {
    m.call_value(&Value::Path("__torch__.f".into()), args, Vec::new())
}

/// What `f` gives for whole numbers.
fn number(code: &str, args: &[i64]) -> i64 {
    let mut m = machine(code);
    match call(&mut m, args.iter().map(|&i| Value::Int(i)).collect()) {
        Ok(Value::Int(i)) => i,
        other => panic!("{other:?}"),
    }
}

fn input(m: &mut Machine, name: &str, dtype: DType, shape: &[usize]) -> Handle {
    m.add_input(name, Some(TensorType::known(dtype, shape))).unwrap()
}

/// The graph of `f` of a tensor of two by three and of a whole number that is known at run time only.
fn graph(code: &str) -> Result<SourceGraph, Stop> {
    let mut m = machine(code);
    let x = input(&mut m, "x", DType::F32, &[2, 3]);
    let n = input(&mut m, "n", DType::I64, &[]);
    let x = m.new_tensor(x)?;
    let out = call(&mut m, vec![x, Value::Num(Kind::Int, n)])?;
    m.outputs_of(&out)?;
    Ok(m.frames.remove(0).emit.finish())
}

fn ops(g: &SourceGraph) -> Vec<String> {
    g.nodes().iter().map(|n| n.op.name.to_string()).collect()
}

#[test]
fn loops_and_lists_run_at_conversion_time() {
    let code = "def f(n: int) -> int:\n  l = annotate(List[int], [])\n  for i in range(n):\n    _0 = torch.append(l, torch.mul(i, i))\n  total = 0\n  for j in range(torch.len(l)):\n    total = torch.add(total, l[j])\n  return total\n";
    assert_eq!(number(code, &[5]), 30);
}

#[test]
fn division_rounds_as_in_python() {
    let code = "def f(a: int, b: int) -> int:\n  return torch.add(torch.mul(torch.floordiv(a, b), 100), torch.remainder(a, b))\n";
    assert_eq!(number(code, &[-7, 2]), -399);
    assert_eq!(number(code, &[7, 2]), 301);
}

#[test]
fn an_index_outside_of_a_list_is_a_diagnostic() {
    let mut m = machine("def f(i: int) -> int:\n  l = [1, 2]\n  return l[i]\n");
    assert!(matches!(call(&mut m, vec![Value::Int(-2)]), Ok(Value::Int(1))));
    assert!(matches!(call(&mut m, vec![Value::Int(2)]), Err(Stop::Raised(_) | Stop::Fail(_))));
}

#[test]
fn a_loop_without_end_is_stopped() {
    let mut m = machine("def f(i: int) -> int:\n  while True:\n    i = torch.add(i, 1)\n  return i\n");
    let Err(Stop::Fail(d)) = call(&mut m, vec![Value::Int(0)]) else { panic!("it ends") };
    assert_eq!(d.code, modelport_diag::Code::IO_LIMIT);
}

#[test]
fn a_branch_that_depends_on_data_becomes_if() {
    let code = "def f(x: Tensor, n: int) -> Tensor:\n  if torch.gt(n, 3):\n    y = torch.relu(x)\n  else:\n    y = torch.neg(x)\n  return y\n";
    let g = graph(code).unwrap();
    assert!(ops(&g).contains(&"prim::If".to_owned()), "{:?}", ops(&g));
    assert_eq!(g.outputs().len(), 1);
}

#[test]
fn a_branch_that_raises_is_not_taken() {
    let code = "def f(x: Tensor, n: int) -> Tensor:\n  if torch.gt(n, 3):\n    ops.prim.RaiseException(\"too many\")\n  else:\n    pass\n  return torch.relu(x)\n";
    assert_eq!(ops(&graph(code).unwrap()), ["aten::gt.int", "aten::relu"]);
}

#[test]
fn a_loop_over_a_number_of_the_data_becomes_loop() {
    let code = "def f(x: Tensor, n: int) -> Tensor:\n  for i in range(n):\n    x = torch.add(x, i)\n  return x\n";
    let g = graph(code).unwrap();
    assert_eq!(ops(&g), ["prim::Loop"]);
}

#[test]
fn writes_in_place_reach_what_a_view_shows() {
    // The row is written through the view; what is returned is the whole with the row in it.
    let code = "def f(x: Tensor, n: int) -> Tensor:\n  y = torch.clone(x)\n  row = torch.select(y, 0, 1)\n  _0 = torch.mul_(row, 2)\n  return y\n";
    let found = ops(&graph(code).unwrap());
    assert!(found.contains(&"aten::mul".to_owned()), "{found:?}");
    assert!(found.last().is_some_and(|op| op.contains("select_scatter")), "{found:?}");
}
