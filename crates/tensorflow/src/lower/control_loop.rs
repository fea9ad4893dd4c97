//! `While` as ONNX's `Loop`: the condition moves to the end of the body, values that no result needs go, values that stay
//! are passed in, lists that get one element each time round come out as what a loop collects.
//!
//! Owns: the forms that a loop's values take. Must never know: what bodies compute.

use super::call::Call;
use super::control::{graph, needed, splice, truth};
use super::recurrence;
use super::tensor_list::{Reserved, dense};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{CoreGraph, DType, Dialect, Dim, Op, SourceGraph, SourceOp, TensorType, ValueId};
use std::collections::HashSet;

/// Constants up to this many elements stand in the body, where shapes can be computed from them.
const INSIDE: usize = 1 << 12;
/// How often types are widened before the loop is given up.
const ROUNDS: usize = 6;

/// What becomes of a value of the loop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Nothing that is used depends on it.
    Dead,
    /// It stays what it was.
    Fixed,
    /// It changes.
    Carried,
    /// A list that gets this value of the body each time round; `last`: and keeps only the newest.
    Collected { item: ValueId, last: bool },
}

/// A loop: its functions, and what its values become.
struct While<'a> {
    cond: &'a SourceGraph,
    body: &'a SourceGraph,
    forms: Vec<Form>,
}

pub(super) fn repeat(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let op = c.op;
    let (cond, body) = (graph(op, "cond", c.b.scope())?, graph(op, "body", c.b.scope())?);
    let n = c.inputs.len();
    if [cond.inputs().len(), body.inputs().len(), body.outputs().len()] != [n; 3] || cond.outputs().is_empty() {
        return Err(Diagnostic::error(Code::TF_OPERANDS, "the functions of a loop do not take and give its values")
            .at_node(c.b.scope())
            .expected(format!("{n} values")));
    }
    let mut repeated = While { cond, body, forms: Vec::new() };
    repeated.forms = repeated.forms(c)?;
    for i in 0..n {
        // What is still reserved is needed as a tensor.
        if matches!(repeated.forms[i], Form::Fixed | Form::Carried) {
            c.inputs[i] = dense(c, c.inputs[i], None)?;
        }
    }
    let start = repeated.start(c)?;
    if c.b.as_constant(start).and_then(|t| t.to_i64s().ok()).is_some_and(|v| v == [0]) {
        return (0..n).map(|i| dense(c, c.inputs[i], None)).collect();
    }
    repeated.emit(c, start)
}

/// What a value is before `Identity`.
fn through(graph: &SourceGraph, mut id: ValueId) -> ValueId {
    while let Some(node) = graph.producer(id).filter(|n| n.op.name == "Identity") {
        let Some(Some(input)) = node.inputs.first() else { break };
        id = *input;
    }
    id
}

impl While<'_> {
    fn position(&self, id: ValueId) -> Option<usize> {
        let id = through(self.body, id);
        self.body.inputs().iter().position(|i| *i == id)
    }

    fn result(&self, i: usize) -> ValueId {
        self.body.outputs()[i].value
    }

    fn forms(&self, c: &Call<'_>) -> Result<Vec<Form>> {
        let n = self.body.inputs().len();
        let asked = needed(self.cond, &[self.cond.outputs()[0].value]);
        let mut alive: Vec<bool> = self.cond.inputs().iter().map(|i| asked.contains(i)).collect();
        for (i, alive) in alive.iter_mut().enumerate() {
            *alive |= c.uses(i);
        }
        // Values that those alive depend on are alive too.
        let mut seen: HashSet<ValueId> = HashSet::new();
        let mut next: Vec<ValueId> = (0..n).filter(|i| alive[*i]).map(|i| self.result(i)).collect();
        while let Some(id) = next.pop() {
            if !seen.insert(id) {
                continue;
            }
            if let Some(node) = self.body.producer(id) {
                next.extend(node.inputs.iter().flatten());
            } else if let Some(i) = self.body.inputs().iter().position(|x| *x == id)
                && !std::mem::replace(&mut alive[i], true)
            {
                next.push(self.result(i));
            }
        }
        let uses = self.uses(&alive, &seen);
        let form = |i: usize| match (alive[i], self.position(self.result(i))) {
            (false, _) => Form::Dead,
            (true, Some(same)) if same == i => Form::Fixed,
            _ => {
                let free = !asked.contains(&self.cond.inputs()[i]) && uses[i] == 1;
                self.collected(c, i).filter(|_| free).unwrap_or(Form::Carried)
            }
        };
        Ok((0..n).map(form).collect())
    }

    /// How often each value is taken in the body, by nodes and by results of other values.
    fn uses(&self, alive: &[bool], seen: &HashSet<ValueId>) -> Vec<usize> {
        let mut uses = vec![0; alive.len()];
        for node in self.body.nodes().iter().filter(|n| n.op.name != "Identity") {
            if node.outputs.iter().any(|o| seen.contains(o)) {
                for i in node.inputs.iter().flatten().filter_map(|id| self.position(*id)) {
                    uses[i] += 1;
                }
            }
        }
        for (k, _) in alive.iter().enumerate().filter(|(_, alive)| **alive) {
            if let Some(i) = self.position(self.result(k)).filter(|i| *i != k) {
                uses[i] += 1;
            }
        }
        uses
    }

    /// A list without elements that gets one each time round, in order.
    fn collected(&self, c: &Call<'_>, i: usize) -> Option<Form> {
        let list: &Reserved = c.memory.lists.get(c.inputs.get(i)?)?;
        let made = self.body.producer(through(self.body, self.result(i)))?;
        let operand = |k: usize| made.inputs.get(k).copied().flatten();
        if self.position(operand(0)?)? != i {
            return None;
        }
        match (made.op.name.as_str(), list.size) {
            ("TensorListPushBack", None) => Some(Form::Collected { item: operand(1)?, last: false }),
            ("TensorListSetItem", Some(size)) => {
                let (index, item) = (operand(1)?, operand(2)?);
                let one = c.b.as_constant(size).and_then(|t| t.to_i64s().ok()) == Some(vec![1]);
                let fixed = self.body.constant(through(self.body, index)).and_then(|t| t.to_i64s().ok());
                if one && fixed == Some(vec![0]) {
                    return Some(Form::Collected { item, last: true });
                }
                let counter = self.position(index).filter(|k| self.counts_up(c, *k))?;
                let _ = counter;
                Some(Form::Collected { item, last: false })
            }
            _ => None,
        }
    }

    /// Whether a value starts at 0 and grows by 1.
    fn counts_up(&self, c: &Call<'_>, i: usize) -> bool {
        let start = c.inputs.get(i).and_then(|v| c.b.as_constant(*v)?.to_i64s().ok());
        let Some(node) = self.body.producer(through(self.body, self.result(i))) else { return false };
        // The step of a `for` over a range is handed in, and handed on as it is.
        let step = |id: ValueId| match self.position(id) {
            Some(k) if self.position(self.result(k)) == Some(k) => c.b.as_constant(*c.inputs.get(k)?).cloned(),
            _ => self.body.constant(through(self.body, id)).cloned(),
        };
        let one = |id: ValueId| step(id).filter(|t| t.len() == 1).and_then(|t| t.to_i64s().ok()) == Some(vec![1]);
        let [Some(a), Some(b)] = node.inputs.as_slice() else { return false };
        let steps = (self.position(*a) == Some(i) && one(*b)) || (self.position(*b) == Some(i) && one(*a));
        start == Some(vec![0]) && matches!(node.op.name.as_str(), "Add" | "AddV2") && steps
    }

    /// The condition before the first time round.
    fn start(&self, c: &mut Call<'_>) -> Result<ValueId> {
        let mut asked = SourceGraph::new("cond");
        let inputs: Vec<_> = (0..c.inputs.len()).map(|i| Some(asked.add_input(format!("v{i}"), None))).collect();
        let output = self.cond.outputs()[0].value;
        let values = splice(&mut asked, self.cond, &inputs, &[output]);
        let value = values.get(output.0 as usize).copied().flatten();
        asked.add_output("cond", value.ok_or_else(|| c.unsupported("the condition is computed from nothing"))?);
        let given = c.inputs.clone();
        let results = c.inline(&asked, &given)?;
        let start = results.first().copied().ok_or_else(|| c.unsupported("there is no condition"))?;
        truth(c, start)
    }

    /// The values of a form, in order.
    fn of(&self, is: impl Fn(&Form) -> bool) -> Vec<usize> {
        (0..self.forms.len()).filter(|i| is(&self.forms[*i])).collect()
    }

    fn emit(&self, c: &mut Call<'_>, start: ValueId) -> Result<Vec<ValueId>> {
        let carried = self.of(|f| *f == Form::Carried);
        let collected = self.of(|f| matches!(f, Form::Collected { .. }));
        let inside = |c: &Call<'_>, i: usize| c.b.as_constant(c.inputs[i]).is_some_and(|t| t.len() <= INSIDE);
        let passed: Vec<usize> = self.of(|f| *f == Form::Fixed).into_iter().filter(|i| !inside(c, *i)).collect();
        let combined = self.combined(c, &carried, &passed, &collected)?;
        let mut types: Vec<TensorType> = carried.iter().map(|i| c.b.ty(c.inputs[*i]).clone()).collect();
        let fixed: Vec<TensorType> = passed.iter().map(|i| c.b.ty(c.inputs[*i]).clone()).collect();
        let body = self.typed(c, &combined, &mut types, &fixed)?;
        let outer: Vec<ValueId> = carried.iter().chain(&passed).map(|i| c.inputs[*i]).collect();
        let used: Vec<bool> = carried.iter().map(|i| c.uses(*i)).collect();
        let results = match recurrence::recognise(c, &body, &outer, &used)? {
            Some(results) => results,
            None => {
                let mut inputs = vec![None, Some(start)];
                inputs.extend(outer.into_iter().map(Some));
                c.b.add(Op::Loop { carried: carried.len(), body: Box::new(body) }, &inputs)?
            }
        };
        let mut all = c.inputs.clone();
        for (i, value) in carried.iter().chain(&collected).zip(results) {
            let keep_last = matches!(self.forms[*i], Form::Collected { last: true, .. });
            all[*i] = if keep_last { c.b.slice_axis(value, 0, -1, i64::MAX, 1)? } else { value };
        }
        Ok(all)
    }

    /// Body and condition in one graph: (iteration, condition, carried, passed) → (condition, carried, collected).
    fn combined(&self, c: &Call<'_>, carried: &[usize], passed: &[usize], collected: &[usize]) -> Result<SourceGraph> {
        let mut out = SourceGraph::new(self.body.name.clone());
        out.add_input("iteration", None);
        out.add_input("condition", None);
        let mut before: Vec<Option<ValueId>> = vec![None; self.forms.len()];
        for i in carried.iter().chain(passed) {
            before[*i] = Some(out.add_input(self.body.value(self.body.inputs()[*i]).name.clone(), None));
        }
        for i in self.of(|f| *f == Form::Fixed) {
            if let (None, Some(tensor)) = (before[i], c.b.as_constant(c.inputs[i])) {
                let name = self.body.value(self.body.inputs()[i]).name.clone();
                before[i] = Some(out.add_typed_const(name, Some(tensor.ty()), tensor.clone()));
            }
        }
        let new = |i: usize| match self.forms[i] {
            Form::Collected { item, .. } => item,
            _ => self.result(i),
        };
        let wanted: Vec<ValueId> = carried.iter().chain(collected).map(|i| new(*i)).collect();
        let values = splice(&mut out, self.body, &before, &wanted);
        let mut after = before.clone();
        for i in carried.iter().chain(collected) {
            after[*i] = values.get(new(*i).0 as usize).copied().flatten();
        }
        let asked = self.cond.outputs()[0].value;
        let conditions = splice(&mut out, self.cond, &after, &[asked]);
        let condition = conditions.get(asked.0 as usize).copied().flatten();
        let missing = || c.unsupported("a value of the loop is computed from nothing");
        let condition = condition.ok_or_else(missing)?;
        // A number as a condition is true unless it is zero.
        let mut cast = SourceOp::new(Dialect::TensorFlow, "Cast");
        cast.attrs.insert("DstT".to_owned(), modelport_ir::Attr::DType(DType::Bool));
        let bools = out.add_node(cast, vec![Some(condition)], "condition", vec![("condition".to_owned(), None)]);
        out.add_output("condition", bools.first().copied().ok_or_else(missing)?);
        for i in carried.iter().chain(collected) {
            out.add_output(format!("out{i}"), after[*i].ok_or_else(missing)?);
        }
        Ok(out)
    }

    /// The lowered body; types of carried values are widened until each round gives what the next one takes.
    fn typed(
        &self,
        c: &mut Call<'_>,
        combined: &SourceGraph,
        carried: &mut [TensorType],
        passed: &[TensorType],
    ) -> Result<CoreGraph> {
        for _ in 0..ROUNDS {
            let mut types = vec![TensorType::known(DType::I64, &[]), TensorType::known(DType::Bool, &[])];
            types.extend(carried.iter().chain(passed).cloned());
            let body = c.body(combined, &types)?;
            let mut same = true;
            for (ty, output) in carried.iter_mut().zip(body.outputs().iter().skip(1)) {
                let new = body.ty(output.value);
                if new.dtype != ty.dtype || new.rank() != ty.rank() {
                    return Err(c
                        .unsupported("a value of the loop changes its type or its number of dimensions")
                        .expected(ty.to_string())
                        .found(new.to_string()));
                }
                for (dim, new) in ty.shape.iter_mut().zip(&new.shape) {
                    if *dim != Dim::Unknown && dim != new {
                        *dim = Dim::Unknown;
                        same = false;
                    }
                }
            }
            if same {
                return Ok(body);
            }
        }
        Err(c.unsupported("the types of the loop's values do not come to rest"))
    }
}
