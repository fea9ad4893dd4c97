//! Runs a written ONNX file with tract, an engine that shares no code with this workspace.
//!
//! Owns: the boundary to `tract-onnx`. Must never know: how a graph became the file. It
//! sees a file, named inputs and named outputs, and is asked beforehand what tract would get wrong.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{Direction, RnnActivation};
use modelport_ir::{CoreGraph, DType, Op, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, TValue, TVec, TractResult,
};
use tract_onnx::tract_core::internal::Tensor as TractTensor;

/// What tract 0.23 is known to compute otherwise than ONNX says, when the graph has it: such a file is better run by
/// another engine. Each was seen against onnxruntime and the framework on the fixtures.
pub fn known_defect(graph: &CoreGraph) -> Option<&'static str> {
    graph.nodes().iter().find_map(|node| match &node.op {
        Op::Lstm { direction, activations, .. }
        | Op::Gru { direction, activations, .. }
        | Op::Rnn { direction, activations, .. } => recurrent_defect(*direction, activations),
        // The batch dimensions of an ellipsis are lost (`ops/einsum.rs` reads it as one axis).
        // `tract-hir/src/ops/activations.rs` never multiplies by alpha.
        Op::Celu { alpha } if *alpha != 1.0 => Some("it computes Celu otherwise when alpha is not 1"),
        Op::Einsum { equation } if equation.contains("...") => Some("it reads an ellipsis in Einsum as one axis"),
        _ => None,
    })
}

/// `ops/rec/*.rs` never read the attributes `direction` and, where it is not the default, `activations`.
fn recurrent_defect(direction: Direction, activations: &[RnnActivation]) -> Option<&'static str> {
    use RnnActivation::{Sigmoid, Tanh};
    if direction == Direction::Reverse {
        return Some("it runs reverse recurrent layers forward");
    }
    let usual = activations.iter().all(|a| matches!(a, Sigmoid | Tanh));
    (!usual).then_some("it ignores the activations of recurrent layers")
}

/// Runs the file on `inputs` (by name) and gives all outputs in the file's order.
///
/// # Errors
/// `VF0003` when tract cannot load, prepare or run it.
pub fn run(path: &Path, inputs: &[(String, Tensor)]) -> Result<Vec<Tensor>> {
    guarded(path, || {
        let model = load(path, inputs)?.into_optimized()?;
        finish(model.into_runnable()?.run(feed(inputs)?)?)
    })
}

/// Runs the file and gives the values called `names`, each by itself `None` where the file has none of that name.
///
/// # Errors
/// `VF0003` when tract cannot load, prepare or run it.
pub fn run_at(path: &Path, inputs: &[(String, Tensor)], names: &[String]) -> Result<Vec<Option<Tensor>>> {
    guarded(path, || {
        let mut model = load(path, inputs)?;
        let found: Vec<_> = names.iter().map(|n| outlet(&model, n)).collect();
        model.select_output_outlets(&found.iter().flatten().copied().collect::<Vec<_>>())?;
        let mut values = finish(model.into_typed()?.into_runnable()?.run(feed(inputs)?)?)?.into_iter();
        Ok(found.into_iter().map(|o| o.and_then(|_| values.next())).collect())
    })
}

fn outlet(model: &InferenceModel, name: &str) -> Option<tract_onnx::prelude::OutletId> {
    let labelled = |id: usize, slot: usize| {
        let outlet = tract_onnx::prelude::OutletId::new(id, slot);
        (model.outlet_label(outlet) == Some(name)).then_some(outlet)
    };
    model.nodes().iter().find_map(|n| (0..n.outputs.len()).find_map(|slot| labelled(n.id, slot)))
}

/// tract reports most failures as errors and some as panics; both become a diagnostic.
fn guarded<T>(path: &Path, work: impl FnOnce() -> TractResult<T>) -> Result<T> {
    let failed = |why: String| {
        Diagnostic::error(Code::VERIFY_FAILED, format!("tract cannot run the file: {why}"))
            .in_file(path.display().to_string())
            .help("this says nothing against the file; tract supports fewer operators than onnxruntime")
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(failed(format!("{e:#}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(failed(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()))
        }
    }
}

fn load(path: &Path, inputs: &[(String, Tensor)]) -> TractResult<InferenceModel> {
    let mut model = tract_onnx::onnx().model_for_path(path)?;
    for slot in 0..model.inputs.len() {
        let node = model.inputs[slot].node;
        let name = model.nodes()[node].name.clone();
        if let Some((_, tensor)) = inputs.iter().find(|(n, _)| *n == name) {
            model.set_input_fact(slot, InferenceFact::dt_shape(datum_type(tensor.dtype())?, tensor.shape()))?;
        }
    }
    Ok(model)
}

fn feed(inputs: &[(String, Tensor)]) -> TractResult<TVec<TValue>> {
    inputs.iter().map(|(_, t)| Ok(TValue::from(to_tract(t)?))).collect()
}

fn finish(outputs: TVec<TValue>) -> TractResult<Vec<Tensor>> {
    outputs.iter().map(|v| from_tract(v)).collect()
}

fn datum_type(dtype: DType) -> TractResult<DatumType> {
    Ok(match dtype {
        DType::F16 => DatumType::F16,
        DType::F32 => DatumType::F32,
        DType::F64 => DatumType::F64,
        DType::I8 => DatumType::I8,
        DType::I16 => DatumType::I16,
        DType::I32 => DatumType::I32,
        DType::I64 => DatumType::I64,
        DType::U8 => DatumType::U8,
        DType::U16 => DatumType::U16,
        DType::U32 => DatumType::U32,
        DType::U64 => DatumType::U64,
        DType::Bool => DatumType::Bool,
        other => return Err(unsupported(other)),
    })
}

fn unsupported(dtype: impl std::fmt::Debug) -> tract_onnx::prelude::TractError {
    tract_onnx::prelude::TractError::msg(format!("values of type {dtype:?} are not exchanged with tract"))
}

fn to_tract(tensor: &Tensor) -> TractResult<TractTensor> {
    let mut out = TractTensor::zero_dt(datum_type(tensor.dtype())?, tensor.shape())?;
    let bytes = tensor.bytes().map_err(|d| tract_onnx::prelude::TractError::msg(d.to_string()))?;
    out.as_bytes_mut().copy_from_slice(&bytes);
    Ok(out)
}

fn from_tract(tensor: &TractTensor) -> TractResult<Tensor> {
    let dtype = match tensor.datum_type() {
        DatumType::F16 => DType::F16,
        DatumType::F32 => DType::F32,
        DatumType::F64 => DType::F64,
        DatumType::I8 => DType::I8,
        DatumType::I16 => DType::I16,
        DatumType::I32 => DType::I32,
        DatumType::I64 => DType::I64,
        DatumType::U8 => DType::U8,
        DatumType::U16 => DType::U16,
        DatumType::U32 => DType::U32,
        DatumType::U64 => DType::U64,
        DatumType::Bool => DType::Bool,
        DatumType::TDim => return from_tract(tensor.cast_to::<i64>()?.as_ref()),
        other => return Err(unsupported(other)),
    };
    Tensor::from_bytes(dtype, tensor.shape().to_vec(), tensor.as_bytes().to_vec())
        .map_err(|d| tract_onnx::prelude::TractError::msg(d.to_string()))
}
