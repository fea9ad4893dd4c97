//! Bodies: what they use from outside is passed in once, in the order of use; constants are theirs.

use super::{Legal, Operands, legalize};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Builder, CoreGraph, Def, Op, Tensor, ValueId};
use std::collections::HashMap;

/// What stands for an input of a body.
enum Bind {
    /// The input stays.
    Own,
    /// A constant.
    Constant(Tensor),
    /// The value passed in at this place.
    Passed(usize),
    /// Nobody uses it.
    Unused,
}

impl Legal {
    /// `If` and `Loop` with legal bodies.
    pub(super) fn control(&mut self, op: &Op, p: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        let (own_operands, own_inputs, bodies) = match op {
            Op::If { then_branch, else_branch } => (1, 0, vec![self.body(then_branch)?, self.body(else_branch)?]),
            Op::Loop { carried, body } => (2 + carried, 2 + carried, vec![self.body(body)?]),
            _ => return Ok(None),
        };
        let captured = p.get(own_operands..).unwrap_or_default();
        let order = self.order(&bodies, own_inputs, captured);
        let mut bodies = bodies.iter().map(|body| {
            let own = (0..own_inputs).map(|_| Bind::Own);
            let binds = own.chain(captured.iter().map(|c| self.bind(*c, &order))).collect::<Vec<_>>();
            rebind(body, &binds, &order.iter().map(|id| self.b.ty(*id).clone()).collect::<Vec<_>>()).map(Box::new)
        });
        let mut next = || bodies.next().unwrap_or_else(|| Err(Diagnostic::error(Code::INTERNAL, "a body is missing")));
        let op = match op {
            Op::Loop { carried, .. } => Op::Loop { carried: *carried, body: next()? },
            _ => Op::If { then_branch: next()?, else_branch: next()? },
        };
        drop(bodies);
        let mut operands = p.get(..own_operands).unwrap_or_default().to_vec();
        operands.extend(order.into_iter().map(Some));
        self.b.add(op, &operands).map(Some)
    }

    fn body(&self, body: &CoreGraph) -> Result<CoreGraph> {
        legalize(body, self.opset).map_err(|all| {
            let first = all.0.into_iter().next();
            first.unwrap_or_else(|| Diagnostic::error(Code::INTERNAL, "a body failed without a reason"))
        })
    }

    /// The captured values that are not constant, in the order in which the bodies use them.
    fn order(&self, bodies: &[CoreGraph], own: usize, captured: &[Option<ValueId>]) -> Vec<ValueId> {
        let mut order = Vec::new();
        for body in bodies {
            let place: HashMap<ValueId, ValueId> = body
                .inputs()
                .iter()
                .skip(own)
                .zip(captured)
                .filter_map(|(&inner, outer)| outer.filter(|&o| self.b.as_constant(o).is_none()).map(|o| (inner, o)))
                .collect();
            let used = body.nodes().iter().flat_map(|n| n.inputs.iter().flatten().copied());
            for outer in used.chain(body.outputs().iter().map(|o| o.value)).filter_map(|id| place.get(&id)) {
                if !order.contains(outer) {
                    order.push(*outer);
                }
            }
        }
        order
    }

    fn bind(&self, captured: Option<ValueId>, order: &[ValueId]) -> Bind {
        match captured {
            Some(id) => match (self.b.as_constant(id), order.iter().position(|&o| o == id)) {
                (Some(tensor), _) => Bind::Constant(tensor.clone()),
                (None, Some(at)) => Bind::Passed(at),
                (None, None) => Bind::Unused,
            },
            None => Bind::Unused,
        }
    }
}

/// `body` with its inputs replaced.
fn rebind(body: &CoreGraph, binds: &[Bind], passed: &[modelport_ir::TensorType]) -> Result<CoreGraph> {
    let mut b = Builder::new(body.name.clone());
    let mut map: HashMap<ValueId, ValueId> = HashMap::new();
    for (&id, bind) in body.inputs().iter().zip(binds) {
        if let Bind::Own = bind {
            let value = body.value(id);
            map.insert(id, b.input(value.name.clone(), value.ty.clone()));
        }
    }
    let inner: Vec<ValueId> =
        passed.iter().enumerate().map(|(i, ty)| b.input(format!("captured_{i}"), ty.clone())).collect();
    for (&id, bind) in body.inputs().iter().zip(binds) {
        match bind {
            Bind::Constant(t) => drop(map.insert(id, b.constant(body.value(id).name.clone(), t.clone()))),
            Bind::Passed(at) => drop(inner.get(*at).and_then(|&new| map.insert(id, new))),
            Bind::Own | Bind::Unused => {}
        }
    }
    let resolve =
        |b: &mut Builder, map: &mut HashMap<ValueId, ValueId>, id: ValueId| match (map.get(&id), &body.value(id).def) {
            (Some(&new), _) => Ok(new),
            (None, Def::Const(t)) => {
                let new = b.constant(body.value(id).name.clone(), t.clone());
                map.insert(id, new);
                Ok(new)
            }
            _ => Err(Diagnostic::error(Code::INTERNAL, "a body uses a value that is not defined")),
        };
    for node in body.nodes() {
        let operands: Vec<_> =
            node.inputs.iter().map(|i| i.map(|id| resolve(&mut b, &mut map, id)).transpose()).collect::<Result<_>>()?;
        b.push_scope(node.name.clone());
        let results = b.add(node.op.clone(), &operands)?;
        b.pop_scope();
        map.extend(node.outputs.iter().copied().zip(results));
    }
    for output in body.outputs() {
        let value = resolve(&mut b, &mut map, output.value)?;
        b.output(output.name.clone(), value);
    }
    Ok(b.finish())
}
