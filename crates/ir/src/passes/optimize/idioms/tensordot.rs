//! Values of many axes that are made a matrix, multiplied, and given their axes back: a product over the last axis.

use super::super::super::net::{Net, same_shape};
use crate::{NodeId, Op, ValueId};

/// The reshape behind the product becomes the product.
pub(super) fn products(net: &mut Net, id: NodeId) -> bool {
    let Some((x, w)) = found(net, id) else { return false };
    net.set(id, Op::MatMul, vec![Some(x), Some(w)]);
    true
}

fn found(net: &Net, id: NodeId) -> Option<(ValueId, ValueId)> {
    let view = |n: NodeId| matches!(net.node(n).op, Op::Reshape { .. });
    let out = net.output(id).filter(|_| view(id))?;
    let product = net.only_maker(id, 0).filter(|&n| net.node(n).op == Op::MatMul)?;
    let flat = net.maker(net.input(product, 0)?).filter(|&n| view(n))?;
    let (x, w) = (net.input(flat, 0)?, net.input(product, 1)?);
    let (from, to) = (&net.ty(x).shape, &net.ty(out).shape);
    let ([rows, columns], 3.., true) = (net.ty(w).shape.as_slice(), from.len(), from.len() == to.len()) else {
        return None;
    };
    let ((last, before), (end, front)) = (from.split_last()?, to.split_last()?);
    let matrix = net.ty(net.input(product, 0)?).rank() == 2 && rows.known().is_some() && columns.known().is_some();
    (matrix && last == rows && end == columns && same_shape(before, front)).then_some((x, w))
}
