//! Tensor lists (`core/ops/list_ops.cc`, 2.21) as dense tensors whose first axis is the list's.
//!
//! A list that was only reserved has no elements yet, and often no known shape of one; it becomes dense when the first element
//! comes. Until then it is remembered, and its value is a string, which no other op takes for a number.
//!
//! Owns: lists outside of loops. Must never know: loops (those are in `control_loop`).

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, ScatterReduction};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("TensorListReserve", reserve),
    row("EmptyTensorList", empty),
    row("TensorListFromTensor", |c| c.x()),
    row("TensorListSetItem", set_item),
    row("TensorListGetItem", get_item),
    row("TensorListStack", stack),
    row("TensorListGather", gather),
    row("TensorListScatterIntoExistingList", scatter),
    row("TensorListLength", length),
    row("TensorListPushBack", push_back),
    row_many("TensorListPopBack", pop_back),
    row_many("TensorListConcatV2", concat),
    row("TensorListResize", resize),
];

/// A list that has a size, but no elements yet.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    /// How many elements it has: a scalar; nothing when it is empty and grows.
    pub(crate) size: Option<ValueId>,
    /// Type of the elements.
    pub(crate) dtype: DType,
    /// Shape of an element, -1 where it is unknown; nothing when the rank is.
    pub(crate) shape: Option<Vec<i64>>,
}

fn reserve(c: &mut Call<'_>) -> Result<ValueId> {
    let size = c.input(1)?;
    remember(c, Some(size))
}

fn empty(c: &mut Call<'_>) -> Result<ValueId> {
    remember(c, None)
}

fn remember(c: &mut Call<'_>, size: Option<ValueId>) -> Result<ValueId> {
    let dtype = c.dtype_or("element_dtype", DType::F32)?;
    let rank = c.rank()?;
    let shape = c.opt_ints(0)?.filter(|_| rank == 1);
    let name = format!("tensor list {} of {}", c.memory.lists.len(), c.b.scope());
    let value = c.b.constant(name.clone(), Tensor::from_strings(Vec::new(), vec![name.into_bytes()])?);
    c.memory.lists.insert(value, Reserved { size, dtype, shape });
    Ok(value)
}

/// A scalar as an i64 vector of one.
fn vector(c: &mut Call<'_>, scalar: ValueId) -> Result<ValueId> {
    let scalar = c.b.cast(scalar, DType::I64)?;
    c.b.reshape(scalar, &[1])
}

/// The list as a tensor; of one that is reserved, elements are zeros of the shape of `item` or of the recorded one.
pub(super) fn dense(c: &mut Call<'_>, list: ValueId, item: Option<ValueId>) -> Result<ValueId> {
    let Some(reserved) = c.memory.lists.get(&list).cloned() else { return Ok(list) };
    let first = match reserved.size {
        Some(size) => vector(c, size)?,
        None => c.b.ints(&[0]),
    };
    let rest = match (&reserved.shape, item) {
        (Some(shape), _) if shape.iter().all(|n| *n >= 0) => c.b.ints(shape),
        (_, Some(item)) => c.b.one(Op::Shape { start: 0, end: None }, &[item])?,
        _ => {
            return Err(c
                .unsupported("a list is read before anything is written to it, and its elements have no known shape")
                .help("give sizes with `--input-type`, for example `--input-type x=f32[1,224,224,3]`"));
        }
    };
    let shape = c.b.concat(&[first, rest], 0)?;
    let zero = c.b.scalar(reserved.dtype, 0.0);
    c.b.one(Op::Expand, &[zero, shape])
}

fn list_and_item(c: &mut Call<'_>, item: usize) -> Result<[ValueId; 2]> {
    let item = c.input(item)?;
    let list = c.x()?;
    Ok([dense(c, list, Some(item))?, item])
}

fn set_item(c: &mut Call<'_>) -> Result<ValueId> {
    let [list, item] = list_and_item(c, 2)?;
    let index = c.input(1)?;
    let row = c.b.unsqueeze(item, &[0])?;
    if c.b.shape(list).first().and_then(|d| d.known()) == Some(1) {
        return Ok(row);
    }
    let index = c.b.cast(index, DType::I64)?;
    let index = c.b.reshape(index, &[1, 1])?;
    c.b.one(Op::ScatterNd { reduction: ScatterReduction::None }, &[list, index, row])
}

fn get_item(c: &mut Call<'_>) -> Result<ValueId> {
    let [list, index] = c.pair()?;
    let list = dense(c, list, None)?;
    let index = super::gather::indices(c, index)?;
    c.b.one(Op::Gather { axis: 0 }, &[list, index])
}

fn stack(c: &mut Call<'_>) -> Result<ValueId> {
    let list = c.x()?;
    dense(c, list, None)
}

fn gather(c: &mut Call<'_>) -> Result<ValueId> {
    get_item(c)
}

/// Elements written at once. TF1 does it to take a tensor apart, in order; other orders are written one by one there.
fn scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let [list, tensor, at] = c.three()?;
    let counts_up = c.opt_ints(2)?.is_some_and(|v| v.iter().enumerate().all(|(i, n)| i64::try_from(i) == Ok(*n)));
    let producer = c.b.graph().producer(at);
    let is_range = producer.is_some_and(|n| {
        let constant = |i: usize| n.inputs.get(i).copied().flatten().and_then(|id| c.b.as_constant(id)?.to_f64s().ok());
        matches!(n.op, Op::Range) && constant(0) == Some(vec![0.0]) && constant(2) == Some(vec![1.0])
    });
    let reserved = c.memory.lists.contains_key(&list);
    if reserved && (counts_up || is_range) {
        return Ok(tensor);
    }
    let item = c.b.slice_axis(tensor, 0, 0, 1, 1)?;
    let item = c.b.squeeze(item, &[0])?;
    let list = dense(c, list, Some(item))?;
    let at = c.b.cast(at, DType::I64)?;
    let at = c.b.unsqueeze(at, &[-1])?;
    c.b.one(Op::ScatterNd { reduction: ScatterReduction::None }, &[list, at, tensor])
}

fn length(c: &mut Call<'_>) -> Result<ValueId> {
    let list = c.x()?;
    match c.memory.lists.get(&list).map(|r| r.size) {
        Some(Some(size)) => c.b.cast(size, DType::I32),
        Some(None) => Ok(c.b.scalar(DType::I32, 0.0)),
        None => {
            let n = c.b.dim(list, 0)?;
            let n = c.b.squeeze(n, &[0])?;
            c.b.cast(n, DType::I32)
        }
    }
}

fn push_back(c: &mut Call<'_>) -> Result<ValueId> {
    let [list, item] = c.pair()?;
    let row = c.b.unsqueeze(item, &[0])?;
    match c.memory.lists.get(&list) {
        Some(Reserved { size: None, .. }) => Ok(row),
        _ => {
            let list = dense(c, list, Some(item))?;
            c.b.concat(&[list, row], 0)
        }
    }
}

fn pop_back(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let list = c.x()?;
    let list = dense(c, list, None)?;
    let rest = c.b.slice_axis(list, 0, 0, -1, 1)?;
    let last = c.b.scalar(DType::I64, -1.0);
    let last = c.b.one(Op::Gather { axis: 0 }, &[list, last])?;
    Ok(vec![rest, last])
}

/// Elements joined along their first axis; dense ones are all of one length.
fn concat(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let list = c.x()?;
    let list = dense(c, list, None)?;
    if c.b.rank(list) < 2 {
        return Err(c.unsupported("elements without an axis cannot be joined"));
    }
    let rest = c.b.one(Op::Shape { start: 2, end: None }, &[list])?;
    let minus = c.b.ints(&[-1]);
    let shape = c.b.concat(&[minus, rest], 0)?;
    let joined = c.b.one(Op::Reshape { allow_zero: false }, &[list, shape])?;
    let count = c.b.one(Op::Shape { start: 0, end: Some(1) }, &[list])?;
    let each = c.b.one(Op::Shape { start: 1, end: Some(2) }, &[list])?;
    Ok(vec![joined, c.b.one(Op::Expand, &[each, count])?])
}

/// (list, size): elements behind the size go, new ones are zeros.
fn resize(c: &mut Call<'_>) -> Result<ValueId> {
    let [list, size] = c.pair()?;
    if let Some(reserved) = c.memory.lists.get(&list).cloned() {
        let value = remember(c, Some(size))?;
        c.memory.lists.insert(value, Reserved { size: Some(size), ..reserved });
        return Ok(value);
    }
    let size = vector(c, size)?;
    let (zero, axis) = (c.b.ints(&[0]), c.b.ints(&[0]));
    let kept = c.b.one(Op::Slice, &[list, zero, size, axis])?;
    let count = c.b.dim(kept, 0)?;
    let lack = c.b.binary(BinaryOp::Sub, size, count)?;
    let rank = c.b.rank(kept);
    let (head, tail) = (c.b.ints(&vec![0; rank]), c.b.ints(&vec![0; rank.saturating_sub(1)]));
    let widths = c.b.concat(&[head, lack, tail], 0)?;
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[kept, widths])
}
