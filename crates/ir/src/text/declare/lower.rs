//! Lowering a declared layer: binds inputs, weights and config, and inserts its ops.

use super::{Call, Declaration, Expr, FileWeight, Value, Weight};
use crate::{Attr, Builder, Children, CustomLayer, DType, Op, SourceOp, Tensor, ValueId};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::HashMap;

/// What a name stands for in one use of the layer.
enum Bound {
    Values(Vec<ValueId>),
    Absent,
}

struct Body<'a, 'c> {
    declaration: &'a Declaration,
    builder: &'a mut Builder,
    children: &'a mut Children<'c>,
    bound: HashMap<&'a str, Bound>,
    config: HashMap<&'a str, Attr>,
}

/// An operand before its dtype is known.
enum Operand {
    Value(Option<ValueId>),
    Literal { line: usize, dtype: Option<DType>, value: Attr },
}

impl CustomLayer for Declaration {
    fn lower(&self, builder: &mut Builder, op: &SourceOp, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        self.lower_with(builder, op, inputs, &mut |_, name, _| {
            Err(Diagnostic::error(Code::CUSTOM_DECLARATION, format!("the layer holds no module `{name}`")))
        })
    }

    fn lower_with(
        &self,
        builder: &mut Builder,
        op: &SourceOp,
        inputs: &[ValueId],
        children: &mut Children<'_>,
    ) -> Result<Vec<ValueId>> {
        let mut body = Body { declaration: self, builder, children, bound: HashMap::new(), config: HashMap::new() };
        body.inputs(inputs)?;
        body.weights(op)?;
        body.config(op)?;
        for statement in &self.body {
            let results = body.call(&statement.call)?;
            if results.len() != statement.targets.len() {
                let what = format!("`{}` has another number of results", statement.call.op);
                return Err(body
                    .wrong(Some(statement.line), what)
                    .expected(results.len().to_string())
                    .found(statement.targets.len().to_string()));
            }
            for (name, id) in statement.targets.iter().zip(results) {
                body.bound.insert(name, Bound::Values(vec![id]));
            }
        }
        let mut results = Vec::new();
        for expr in &self.results {
            results.extend(body.result(expr)?);
        }
        Ok(results)
    }
}

impl<'a> Body<'a, '_> {
    /// The declaration does not fit this layer.
    fn wrong(&self, line: Option<usize>, message: impl std::fmt::Display) -> Box<Diagnostic> {
        let place = line.map(|l| format!(", line {l}")).unwrap_or_default();
        Diagnostic::error(
            Code::CUSTOM_DECLARATION,
            format!("the declaration of `{}`{place}: {message}", self.declaration.name),
        )
        .at_node(self.builder.scope())
    }

    fn inputs(&mut self, given: &[ValueId]) -> Result<()> {
        let names = &self.declaration.inputs;
        let single = names.len() - usize::from(self.declaration.rest);
        if given.len() < single || (given.len() > single && !self.declaration.rest) {
            return Err(self
                .wrong(None, "the layer is called with another number of tensors")
                .expected(format!("{single}{}", if self.declaration.rest { " or more" } else { "" }))
                .found(given.len().to_string()));
        }
        for (i, name) in names.iter().enumerate() {
            let values = if i < single { given.get(i..=i) } else { given.get(i..) };
            self.bound.insert(name, Bound::Values(values.unwrap_or_default().to_vec()));
        }
        Ok(())
    }

    fn weights(&mut self, op: &SourceOp) -> Result<()> {
        let declared = &self.declaration.weights;
        let by_name = |w: &Weight| op.weight(&w.name);
        let all_named = declared.iter().all(|w| w.file.is_some() || w.optional || by_name(w).is_some());
        let needed = declared.iter().filter(|w| !w.optional).count();
        let by_position = !all_named && (needed..=declared.len()).contains(&op.weights.len());
        for (i, weight) in declared.iter().enumerate() {
            let at = |i: usize| op.weights.get(i).map(|(_, t)| t);
            let tensor = match &weight.file {
                Some(FileWeight::Name(name)) => op.weight(name),
                Some(FileWeight::Index(i)) => at(*i),
                None if by_position => at(i),
                None => by_name(weight),
            };
            let bound = match tensor {
                Some(tensor) => Bound::Values(vec![self.weight(&weight.name, tensor, op)?]),
                None if weight.optional => Bound::Absent,
                None => return Err(self.no_weight(weight, op)),
            };
            self.bound.insert(&weight.name, bound);
        }
        Ok(())
    }

    fn no_weight(&self, weight: &Weight, op: &SourceOp) -> Box<Diagnostic> {
        let found: Vec<_> = op.weights.iter().map(|(n, t)| format!("`{n}`: {}", t.ty())).collect();
        let found = if found.is_empty() { "no weights".to_owned() } else { found.join(", ") };
        self.wrong(None, format!("the file has no weight `{}`", weight.name))
            .found(found)
            .help(format!("write `{} = \"name in the file\"`, or `{} = 0` for the first one", weight.name, weight.name))
    }

    /// The weight as a constant of the compute dtype.
    fn weight(&mut self, name: &str, tensor: &Tensor, op: &SourceOp) -> Result<ValueId> {
        let scope = self.builder.scope();
        let path = if scope.is_empty() { name.to_owned() } else { format!("{scope}/{name}") };
        let id = self.builder.constant(path, tensor.clone());
        match op.attr("@compute_dtype") {
            Some(Attr::DType(to)) if to.is_float() && tensor.dtype().is_float() => self.builder.cast(id, *to),
            _ => Ok(id),
        }
    }

    fn config(&mut self, op: &SourceOp) -> Result<()> {
        for key in &self.declaration.config {
            let given = op.attr(&key.name);
            let value =
                match (given, &key.default) {
                    (Some(given), _) => given.clone(),
                    (None, Some(default)) => default.clone(),
                    (None, None) => {
                        return Err(self
                            .wrong(None, format!("the layer's config has no `{}`", key.name))
                            .help(format!("give it a default: `config {}: {} = …`", key.name, key.kind.name())));
                    }
                };
            if given.is_some() && !key.kind.fits(&value) {
                return Err(self
                    .wrong(None, format!("`{}` in the layer's config has another type", key.name))
                    .expected(key.kind.name())
                    .found(format!("{value:?}")));
            }
            self.config.insert(&key.name, value);
        }
        Ok(())
    }

    fn value(&self, value: &Value) -> Attr {
        match value {
            Value::Plain(attr) => attr.clone(),
            Value::Config(name) => self.config.get(name.as_str()).cloned().unwrap_or(Attr::None),
            Value::List(items) => Attr::List(items.iter().map(|v| self.value(v)).collect()),
        }
    }

    fn result(&mut self, expr: &'a Expr) -> Result<Vec<ValueId>> {
        if let Expr::Call(call) = expr {
            return self.call(call);
        }
        let operands = self.operands(expr)?;
        let values: Option<Vec<_>> = operands
            .into_iter()
            .map(|o| match o {
                Operand::Value(id) => id,
                Operand::Literal { .. } => None,
            })
            .collect();
        values.ok_or_else(|| self.wrong(None, "a value that is returned is absent"))
    }

    fn operands(&mut self, expr: &'a Expr) -> Result<Vec<Operand>> {
        Ok(match expr {
            Expr::Absent => vec![Operand::Value(None)],
            Expr::Literal { line, dtype, value } => {
                vec![Operand::Literal { line: *line, dtype: *dtype, value: self.value(value) }]
            }
            Expr::Name(name) | Expr::Rest(name) => match self.bound.get(name.as_str()) {
                Some(Bound::Values(ids)) => ids.iter().map(|&id| Operand::Value(Some(id))).collect(),
                Some(Bound::Absent) => vec![Operand::Value(None)],
                None => return Err(self.wrong(None, format!("`{name}` is not defined"))),
            },
            Expr::Call(call) => match self.call(call)?.as_slice() {
                [one] => vec![Operand::Value(Some(*one))],
                results => {
                    let what = format!("`{}` has {} results and cannot be an operand", call.op, results.len());
                    return Err(self.wrong(Some(call.line), what));
                }
            },
        })
    }

    fn call(&mut self, call: &'a Call) -> Result<Vec<ValueId>> {
        let attrs = call.attrs.iter().map(|(key, value)| (key.clone(), self.value(value))).collect();
        let op = if call.module {
            None
        } else {
            let made = Op::from_attrs(&call.op, attrs);
            Some(made.map_err(|e| self.wrong(Some(call.line), format!("`{}`: {e}", call.op)))?)
        };
        let mut operands = Vec::new();
        for expr in &call.operands {
            operands.extend(self.operands(expr)?);
        }
        let like = self.dtype_of_others(&operands);
        let mut ids = Vec::with_capacity(operands.len());
        for operand in operands {
            ids.push(match operand {
                Operand::Value(id) => id,
                Operand::Literal { line, dtype, value } => Some(self.literal(line, dtype, like, &value)?),
            });
        }
        let result = match op {
            Some(op) => self.builder.add(op, &ids),
            None => self.module(call, &ids),
        };
        result.map_err(|mut d| {
            d.message = format!("the declaration of `{}`, line {}: {}", self.declaration.name, call.line, d.message);
            d
        })
    }

    /// Calls a module of the layer.
    fn module(&mut self, call: &Call, ids: &[Option<ValueId>]) -> Result<Vec<ValueId>> {
        let there = self.declaration.modules.iter().find(|(name, _)| *name == call.op);
        let there = there.map_or(call.op.as_str(), |(_, there)| there);
        let operands: Option<Vec<ValueId>> = ids.iter().copied().collect();
        let absent = || Diagnostic::error(Code::CUSTOM_DECLARATION, "a module takes no absent operand");
        (self.children)(self.builder, there, &operands.ok_or_else(absent)?)
    }

    /// What numbers without a dtype take: that of the first operand that is not a condition.
    fn dtype_of_others(&self, operands: &[Operand]) -> Option<DType> {
        let dtypes: Vec<DType> = operands
            .iter()
            .filter_map(|o| match o {
                Operand::Value(id) => id.map(|id| self.builder.dtype(id)),
                Operand::Literal { dtype, .. } => *dtype,
            })
            .collect();
        dtypes.iter().copied().find(|d| *d != DType::Bool).or(dtypes.first().copied())
    }

    fn literal(&mut self, line: usize, dtype: Option<DType>, like: Option<DType>, value: &Attr) -> Result<ValueId> {
        let (items, shape) = match value {
            Attr::List(items) => (items.as_slice(), vec![items.len()]),
            one => (std::slice::from_ref(one), vec![]),
        };
        let whole = items.iter().all(|a| matches!(a, Attr::Int(_)));
        let vector_of_ints = whole && !shape.is_empty();
        let fallback = || like.unwrap_or(if whole { DType::I64 } else { DType::F32 });
        let dtype = dtype.unwrap_or_else(|| if vector_of_ints { DType::I64 } else { fallback() });
        let number = |a: &Attr| a.as_float().or_else(|| a.as_bool().map(|b| f64::from(u8::from(b))));
        let Some(numbers) = items.iter().map(number).collect::<Option<Vec<f64>>>() else {
            return Err(self.wrong(Some(line), "an operand is not a number").found(format!("{value:?}")));
        };
        let fractions = numbers.iter().any(|n| n.fract() != 0.0 || !n.is_finite());
        if fractions && !dtype.is_float() {
            return Err(self.wrong(Some(line), format!("a number with a fraction cannot be of type {dtype}")));
        }
        let ints: Option<Vec<i64>> = items.iter().map(Attr::as_int).collect();
        let tensor = match ints {
            // Past 2⁵³ an f64 would round.
            Some(ints) if dtype == DType::I64 => Tensor::ints(&ints).reshape(shape)?,
            _ => Tensor::from_f64s(dtype, &shape, &numbers)?,
        };
        Ok(self.builder.constant("", tensor))
    }
}
