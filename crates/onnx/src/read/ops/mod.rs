//! Operators by family. Each function takes the operators it knows and returns `None` for the others.

mod control;
mod elementwise;
mod image;
mod index;
mod norm;
mod random;
mod reduce;
mod rnn;
mod shape;
mod window;

use super::Reader;
use super::node::At;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

/// The results of an operator, or `None` when it is not of this family.
type Out = Result<Option<Vec<ValueId>>>;

/// The results of a node.
pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Result<Vec<ValueId>> {
    type Family = for<'r, 's, 'n, 'a, 'b> fn(&'r mut Reader<'s>, &'b At<'n, 'a>) -> Out;
    let families: [Family; 10] = [
        elementwise::read,
        reduce::read,
        window::read,
        norm::read,
        shape::read,
        index::read,
        image::read,
        random::read,
        rnn::read,
        control::read,
    ];
    for family in families {
        if let Some(results) = family(r, at)? {
            return Ok(results);
        }
    }
    Err(at.unsupported("the operator"))
}

fn one(id: ValueId) -> Out {
    Ok(Some(vec![id]))
}

impl Reader<'_> {
    /// The numbers of an operand that must be known now.
    fn known(&self, at: &At<'_, '_>, i: usize, what: &str) -> Result<Option<Vec<i64>>> {
        let Some(id) = at.opt(i) else { return Ok(None) };
        let computed = self.b.known(id).and_then(modelport_ir::infer::Known::values);
        match (computed, self.b.as_constant(id)) {
            (Some(v), _) => Ok(Some(v)),
            (None, Some(t)) if t.dtype().is_int() => t.to_i64s().map(Some),
            _ => Err(at.unsupported(&format!("{what} that are computed when the model runs"))),
        }
    }

    /// Axes as an operand from `since` on, before that as an attribute.
    fn axes(&self, at: &At<'_, '_>, since: i64) -> Result<Option<Vec<i64>>> {
        if at.opset >= since { self.known(at, 1, "axes") } else { Ok(at.ints("axes").map(<[i64]>::to_vec)) }
    }

    fn unary(&mut self, op: UnaryOp, x: ValueId) -> Result<ValueId> {
        self.b.unary(op, x)
    }

    fn binary(&mut self, op: BinaryOp, x: ValueId, y: ValueId) -> Result<ValueId> {
        self.b.binary(op, x, y)
    }

    fn op(&mut self, at: &At<'_, '_>, op: Op) -> Out {
        self.b.add(op, &at.inputs).map(Some)
    }

    /// An integer operand as i64.
    fn wide(&mut self, x: Option<ValueId>) -> Result<Option<ValueId>> {
        x.map(|x| self.b.cast(x, DType::I64)).transpose()
    }
}
