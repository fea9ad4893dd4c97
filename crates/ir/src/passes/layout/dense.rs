//! A flattening whose users are all matrix products with constant weights: the rows of the weights are reordered
//! instead of the activations, once, when they are written.

use super::super::axes;
use super::forms::{Ctx, Form, Operand};
use crate::{CoreGraph, Dim, Node, NodeId, Op, Tensor, TensorType, ValueId};

/// The users of a flattened value with the form that each takes when it is flattened channels-first.
pub(super) fn absorbing(c: Ctx<'_>, users: &[NodeId], is_output: bool) -> Option<Vec<(NodeId, Form)>> {
    let (x, y) = (c.ty(0)?, c.result()?);
    let value = c.node.outputs.first().copied()?;
    let inner = inner(x, y).filter(|_| !is_output && !users.is_empty())?;
    super::movement::view_target(x, y, true, false)?;
    users.iter().map(|&u| Some((u, form(c.graph, c.graph.node(u), value, &inner)?))).collect()
}

/// The known dimensions of a value that are flattened behind its batch.
fn inner(x: &TensorType, y: &TensorType) -> Option<Vec<usize>> {
    let [n, _] = y.shape.as_slice() else { return None };
    let (m, rest) = x.shape.split_first()?;
    (x.rank() >= 3 && n.same(m)).then_some(())?;
    rest.iter().map(Dim::known).collect()
}

fn form(graph: &CoreGraph, node: &Node<crate::Core>, flat: ValueId, inner: &[usize]) -> Option<Form> {
    let c = Ctx { graph, node };
    if node.inputs.iter().filter(|i| **i == Some(flat)).count() != 1 || node.inputs.first() != Some(&Some(flat)) {
        return None;
    }
    let columns = match &node.op {
        Op::MatMul => false,
        Op::Gemm { trans_a: false, trans_b, .. } => *trans_b,
        _ => return None,
    };
    let weights = reordered(c.constant(1).filter(|w| w.rank() == 2)?, inner, columns)?;
    let mut form = Form::kept(c).with(0, Operand::First).with(1, Operand::Replace(weights));
    form.cost = 1;
    Some(form)
}

/// Rows (or columns) of a matrix from channels-last to channels-first order of the flattened axes.
fn reordered(w: &Tensor, inner: &[usize], columns: bool) -> Option<Tensor> {
    let mut perm: Vec<usize> = axes::first(inner.len() + 1).iter().skip(1).map(|a| a - 1).collect();
    let mut shape = inner.to_vec();
    if columns {
        shape.insert(0, *w.shape().first()?);
        perm = std::iter::once(0).chain(perm.iter().map(|p| p + 1)).collect();
    } else {
        shape.push(*w.shape().last()?);
        perm.push(inner.len());
    }
    w.reshape(shape).ok()?.permute(&perm).ok()?.reshape(w.shape().to_vec()).ok()
}
