//! Whether two core graphs are the same: equal nodes in the same order, wired alike, over constants with equal bytes.
//! Numbers of values and unused constants do not count; bodies of loops and branches are compared the same way.

use std::collections::HashMap;

use modelport_ir::{CoreGraph, Node, Op, ValueId};

/// What differs first, as a sentence.
pub type Difference = String;

/// Compares two graphs. Names of inputs, outputs and nodes count; names of values in between do not.
///
/// # Errors
/// The first difference.
pub fn same(a: &CoreGraph, b: &CoreGraph) -> Result<(), Difference> {
    let mut pairs = Pairs { a, b, known: HashMap::new() };
    equal("inputs", a.inputs().len(), b.inputs().len())?;
    for (&x, &y) in a.inputs().iter().zip(b.inputs()) {
        let (x_value, y_value) = (a.value(x), b.value(y));
        equal("name of an input", &x_value.name, &y_value.name)?;
        equal(&format!("type of input `{}`", x_value.name), &x_value.ty, &y_value.ty)?;
        pairs.known.insert(x, y);
    }
    for (x, y) in a.nodes().iter().zip(b.nodes()) {
        pairs.node(x, y).map_err(|d| format!("node `{}` ({}): {d}", x.name, x.op.name()))?;
    }
    equal("nodes", a.nodes().len(), b.nodes().len())?;
    equal("outputs", a.outputs().len(), b.outputs().len())?;
    for (x, y) in a.outputs().iter().zip(b.outputs()) {
        equal("name of an output", &x.name, &y.name)?;
        pairs.value(x.value, y.value).map_err(|d| format!("output `{}`: {d}", x.name))?;
    }
    Ok(())
}

/// Values of one graph and what they are in the other.
struct Pairs<'g> {
    a: &'g CoreGraph,
    b: &'g CoreGraph,
    known: HashMap<ValueId, ValueId>,
}

impl Pairs<'_> {
    fn node(&mut self, x: &Node<modelport_ir::Core>, y: &Node<modelport_ir::Core>) -> Result<(), Difference> {
        equal("node name", &x.name, &y.name)?;
        self.op(&x.op, &y.op)?;
        equal("operands", x.inputs.len(), y.inputs.len())?;
        for (at, (i, j)) in x.inputs.iter().zip(&y.inputs).enumerate() {
            match (i, j) {
                (Some(i), Some(j)) => self.value(*i, *j).map_err(|d| format!("operand {at}: {d}"))?,
                _ => equal(&format!("operand {at}"), i.is_some(), j.is_some())?,
            }
        }
        equal("results", x.outputs.len(), y.outputs.len())?;
        for (&i, &j) in x.outputs.iter().zip(&y.outputs) {
            equal("type of a result", self.a.ty(i), self.b.ty(j))?;
            self.known.insert(i, j);
        }
        Ok(())
    }

    fn op(&self, x: &Op, y: &Op) -> Result<(), Difference> {
        match (x, y) {
            (Op::If { then_branch: t, else_branch: e }, Op::If { then_branch: u, else_branch: f }) => {
                same(t, u).and_then(|()| same(e, f))
            }
            (Op::Loop { carried: n, body: p }, Op::Loop { carried: m, body: q }) => {
                equal("carried values", n, m).and_then(|()| same(p, q))
            }
            _ => equal("op", x, y),
        }
    }

    /// Results and inputs are known from where they stand; what is not known is a constant.
    fn value(&self, x: ValueId, y: ValueId) -> Result<(), Difference> {
        if let Some(known) = self.known.get(&x) {
            return equal("value", known, &y);
        }
        let (Some(s), Some(t)) = (self.a.constant(x), self.b.constant(y)) else {
            return Err(format!("`{}` is a constant, `{}` is not", self.a.value(x).name, self.b.value(y).name));
        };
        equal("type of a constant", s.ty(), t.ty())?;
        let bytes = |t: &modelport_ir::Tensor| t.bytes().map_err(|d| d.to_string());
        if s.strings() != t.strings() || (s.strings().is_none() && bytes(s)? != bytes(t)?) {
            return Err(format!("constant `{}` has other elements", self.a.value(x).name));
        }
        Ok(())
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, a: T, b: T) -> Result<(), Difference> {
    if a == b { Ok(()) } else { Err(format!("{what}: {a:?} and {b:?}")) }
}

#[cfg(test)]
mod tests {
    use modelport_ir::core::UnaryOp;
    use modelport_ir::{DType, Tensor, TensorType};

    use super::*;

    fn graph(op: UnaryOp, constant: f32, extra: bool) -> CoreGraph {
        let mut g = CoreGraph::new("g");
        let ty = TensorType::known(DType::F32, &[1]);
        let x = g.add_input("x", ty.clone());
        if extra {
            g.add_const("unused", Tensor::floats(&[7.0]));
        }
        let c = g.add_const("c", Tensor::floats(&[constant]));
        let y = g.add_node(Op::Unary(op), vec![Some(x)], "n", vec![("y".to_owned(), ty)]);
        g.add_output("y", y[0]);
        g.add_output("c", c);
        g
    }

    #[test]
    fn unused_constants_do_not_count_and_everything_else_does() {
        let one = graph(UnaryOp::Relu, 1.0, false);
        same(&one, &graph(UnaryOp::Relu, 1.0, true)).unwrap();
        assert!(same(&one, &graph(UnaryOp::Abs, 1.0, false)).unwrap_err().contains("op"));
        assert!(same(&one, &graph(UnaryOp::Relu, 2.0, false)).unwrap_err().contains("elements"));
    }
}
