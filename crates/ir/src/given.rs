//! What a user says of a model's inputs: their types, or values for good.
//!
//! Owns: finding an input by its name. Must never know: who reads the graph, how options are spelled.

use crate::graph::Def;
use crate::{SourceGraph, Tensor, TensorType, ValueId};
use modelport_diag::{Code, Diagnostic, Result};

/// Elements that a value is repeated for at most.
const MOST: usize = 1 << 20;

impl SourceGraph {
    /// Gives inputs types by their names; an empty name is the only input.
    ///
    /// # Errors
    /// `US0001` when a name is no input.
    pub fn set_input_types(&mut self, given: &[(String, TensorType)]) -> Result<()> {
        for (name, ty) in given {
            let id = self.input_named(name)?;
            self.set_type(id, Some(ty.clone()));
        }
        Ok(())
    }

    /// Makes constants of inputs, of one value in all elements; an empty name is the only input.
    ///
    /// # Errors
    /// `US0001` when a name is no input, its type is open, or it does not hold such a value.
    pub fn set_input_values(&mut self, given: &[(String, f64)]) -> Result<()> {
        for (name, value) in given {
            let id = self.input_named(name)?;
            let tensor = self.filled(id, *value)?;
            self.inputs.retain(|&input| input != id);
            let input = &mut self.values[id.index()];
            input.def = Def::Const(tensor);
        }
        Ok(())
    }

    fn input_named(&self, name: &str) -> Result<ValueId> {
        let named = self.inputs.iter().find(|&&id| self.value(id).name == *name);
        let only = self.inputs.first().filter(|_| name.is_empty() && self.inputs.len() == 1);
        named.or(only).copied().ok_or_else(|| {
            let names: Vec<_> = self.inputs.iter().map(|&id| format!("`{}`", self.value(id).name)).collect();
            Diagnostic::error(Code::USAGE, format!("the model has no input `{name}`"))
                .expected(format!("one of {}", names.join(", ")))
        })
    }

    fn filled(&self, id: ValueId, value: f64) -> Result<Tensor> {
        let input = self.value(id);
        let wrong = |why: String| Diagnostic::error(Code::USAGE, format!("the input `{}` {why}", input.name));
        let Some(ty) = &input.ty else { return Err(wrong("has no type yet, which a value needs".to_owned())) };
        let shape = ty.static_shape().ok_or_else(|| wrong(format!("is of type {ty}: a value needs known sizes")))?;
        let count = shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n)).filter(|&n| n <= MOST);
        let count = count.ok_or_else(|| wrong(format!("is of type {ty}: that is too large to be filled")))?;
        let tensor = Tensor::from_f64s(ty.dtype, &shape, &vec![value; count])?;
        if !ty.dtype.is_float() && tensor.to_f64s()?.iter().any(|&held| held != value) {
            return Err(wrong(format!("is of type {ty}, which does not hold {value}")));
        }
        Ok(tensor)
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Dim, SourceGraph, TensorType};

    fn graph() -> SourceGraph {
        let mut graph = SourceGraph::new("main");
        graph.add_input("x", Some(TensorType::new(DType::F32, vec![Dim::symbol("N"), Dim::Known(2)])));
        graph.add_input("rate", Some(TensorType::known(DType::I64, &[])));
        graph.add_input("mask", Some(TensorType::known(DType::Bool, &[3])));
        graph.add_input("open", None);
        graph
    }

    #[test]
    fn a_value_makes_a_constant_of_an_input() {
        let mut graph = graph();
        let (rate, mask) = (graph.inputs()[1], graph.inputs()[2]);
        graph.set_input_values(&[("rate".into(), 16000.0), ("mask".into(), 1.0)]).unwrap();
        assert_eq!(graph.inputs().len(), 2);
        assert_eq!(graph.constant(rate).unwrap().to_i64s().unwrap(), [16000]);
        assert_eq!(graph.constant(mask).unwrap().to_f64s().unwrap(), [1.0; 3]);
    }

    #[test]
    fn what_cannot_be_has_a_reason() {
        let refused = |name: &str, value| graph().set_input_values(&[(name.into(), value)]).unwrap_err().to_string();
        for (name, value, why) in [
            ("y", 1.0, "no input `y`"),
            ("x", 1.0, "known sizes"),
            ("rate", 0.5, "does not hold 0.5"),
            ("open", 1.0, "has no type yet"),
        ] {
            assert!(refused(name, value).contains(why), "{}", refused(name, value));
        }
    }
}
