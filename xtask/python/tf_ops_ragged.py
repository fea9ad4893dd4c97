"""Cases of TensorFlow ops on ragged and sparse tensors, sets, and greedy decoding; all sizes are open."""
import numpy as np
import tensorflow as tf
from tf_lib import In

R = tf.raw_ops
I = lambda *v, dtype="int64", shape=None: In(*(shape or [None] * np.ndim(v[0])), dtype=dtype, feed=list(np.shape(v[0])) or None, values=v[0])


def ranges(add):
    go = lambda a, b, d: R.RaggedRange(starts=a, limits=b, deltas=d)
    add("RaggedRange", "vectors", go, I([0, 5, 8, 3]), I([3, 5, 12, -4]), I([1, 2, 3, -2]))
    add("RaggedRange", "numbers", lambda b: R.RaggedRange(starts=np.int32(2), limits=b, deltas=np.int32(3)), In(dtype="int32", values=12))
    add("RaggedRange", "i32_splits", lambda a, b: R.RaggedRange(starts=a, limits=b, deltas=np.int32(1), Tsplits=tf.int32),
        I([4, 9, 2], dtype="int32"), I([7, 8, 2], dtype="int32"))
    add("RaggedRange", "f32", lambda a, b: R.RaggedRange(starts=a, limits=b, deltas=[0.5, -0.75, 0.25]), I([0.25, 1.0, 3.0], dtype="float32"), I([2.1, -2.0, 2.0], dtype="float32"))


def gathered(add):
    one = lambda s, v, i: R.RaggedGather(params_nested_splits=[s], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=1)
    splits = I([0, 2, 2, 5, 6])
    add("RaggedGather", "rows", one, splits, In(None, feed=[6]), I([2, 0, 1, 2], dtype="int32"))
    add("RaggedGather", "wide_values", one, splits, In(None, 3, feed=[6, 3]), I([3, 3, 0]))
    add("RaggedGather", "two_levels", lambda a, b, v, i: R.RaggedGather(params_nested_splits=[a, b], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=2),
        I([0, 2, 2, 3]), I([0, 1, 4, 6]), In(None, feed=[6]), I([2, 0, 0]))
    add("RaggedGather", "matrix_of_rows", lambda s, v, i: R.RaggedGather(params_nested_splits=[s], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=2),
        splits, In(None, feed=[6]), I([[2, 0, 3], [1, 2, 0]]))
    add("RaggedGather", "single", lambda s, v, i: R.RaggedGather(params_nested_splits=[s], params_dense_values=v, indices=i, OUTPUT_RAGGED_RANK=0).output_dense_values,
        splits, In(None, feed=[6]), In(dtype="int32", values=2))


def dense(add):
    to = lambda shape, values, default, parts, kinds: R.RaggedTensorToTensor(shape=shape, values=values, default_value=default, row_partition_tensors=parts, row_partition_types=kinds)
    splits, six = I([0, 2, 2, 5, 6]), In(None, feed=[6])
    add("RaggedTensorToTensor", "splits", lambda s, v: to([-1, -1], v, -9.0, [s], ["ROW_SPLITS"]), splits, six)
    add("RaggedTensorToTensor", "empty_rows", lambda s, v: to([-1, -1], v, -9.0, [s], ["ROW_SPLITS"]), I([0, 0, 0]), In(None, feed=[0]))
    add("RaggedTensorToTensor", "any_shape", lambda s, v: to(-1, v, 0, [s], ["ROW_SPLITS"]), splits, In(None, feed=[6], dtype="int32"))
    add("RaggedTensorToTensor", "cut", lambda s, v: to([3, 2], v, -9.0, [s], ["ROW_SPLITS"]), splits, six)
    add("RaggedTensorToTensor", "padded_more", lambda s, v: to([-1, 5], v, -9.0, [s], ["ROW_SPLITS"]), splits, six)
    add("RaggedTensorToTensor", "computed_shape", lambda s, v, n: to(n, v, -9.0, [s], ["ROW_SPLITS"]), splits, six, I([6, -1], shape=[2]))
    add("RaggedTensorToTensor", "wide_default", lambda s, v, d: to([-1, -1, 3], v, d, [s], ["ROW_SPLITS"]), splits, In(None, 3, feed=[6, 3]), In(3))
    two = (I([0, 2, 2, 3]), I([0, 1, 4, 6]))
    add("RaggedTensorToTensor", "two_levels", lambda a, b, v: to([-1, -1, -1], v, -9.0, [a, b], ["ROW_SPLITS"] * 2), *two, six)
    add("RaggedTensorToTensor", "two_levels_cut", lambda a, b, v: to([2, -1, 2], v, -9.0, [a, b], ["ROW_SPLITS"] * 2), *two, six)
    add("RaggedTensorToTensor", "row_ids", lambda n, i, v: to([-1, -1], v, -9.0, [n, i], ["FIRST_DIM_SIZE", "VALUE_ROWIDS"]), In(dtype="int64", values=5), I([0, 0, 2, 2, 2, 3]), six)
    add("RaggedTensorToTensor", "row_ids_two_levels", lambda n, i, j, v: to([-1, -1, -1], v, -9.0, [n, i, j], ["FIRST_DIM_SIZE", "VALUE_ROWIDS", "VALUE_ROWIDS"]),
        In(dtype="int32", values=3), I([0, 0, 2], dtype="int32"), I([0, 1, 1, 1, 2, 2], dtype="int32"), six)


def as_sparse(add):
    one = lambda s, v: R.RaggedTensorToSparse(rt_nested_splits=[s], rt_dense_values=v)
    add("RaggedTensorToSparse", "splits", one, I([0, 2, 2, 5, 6]), In(None, feed=[6]))
    add("RaggedTensorToSparse", "wide_values", one, I([0, 2, 2, 5, 6], dtype="int32"), In(None, 2, None, feed=[6, 2, 3]))
    add("RaggedTensorToSparse", "two_levels", lambda a, b, v: R.RaggedTensorToSparse(rt_nested_splits=[a, b], rt_dense_values=v), I([0, 2, 2, 3]), I([0, 1, 4, 6]), In(None, feed=[6]))


def sparse(add):
    at = [[0, 1], [0, 4], [2, 0], [2, 3], [2, 4]]
    places, five = I(at, shape=[None, 2]), In(None, feed=[5])
    fill = lambda i, v, s: R.SparseFillEmptyRows(indices=i, values=v, dense_shape=s, default_value=np.float32(-9))
    add("SparseFillEmptyRows", "gaps", fill, places, five, I([5, 6], shape=[2]))
    add("SparseFillEmptyRows", "full", fill, I([[0, 1], [1, 0], [1, 2], [2, 2]], shape=[None, 2]), In(None, feed=[4]), I([3, 4], shape=[2]))
    add("SparseFillEmptyRows", "no_elements", lambda i, v, s: fill(i, v, s)[::3], In(None, 2, dtype="int64", feed=[0, 2]), In(None, feed=[0]), I([3, 4], shape=[2]))
    add("SparseFillEmptyRows", "out_of_order", fill, I([[4, 0], [1, 1], [1, 0], [4, 2], [0, 1]], shape=[None, 2]), five, I([6, 3], shape=[2]))
    add("SparseFillEmptyRows", "computed_default", lambda i, v, s, d: R.SparseFillEmptyRows(indices=i, values=v, dense_shape=s, default_value=d),
        I([[0, 1, 0], [3, 0, 1]], shape=[None, 3]), I([7, 5], dtype="int32"), I([4, 2, 2], shape=[3]), In(dtype="int32", values=3))
    change = lambda to: lambda i, s: R.SparseReshape(input_indices=i, input_shape=s, new_shape=np.array(to, "int64"))
    shape = I([3, 6], shape=[2])
    add("SparseReshape", "inferred", change([-1, 2]), places, shape)
    add("SparseReshape", "more_axes", change([3, -1, 3, 1]), places, shape)
    add("SparseReshape", "fewer_axes", change([18]), places, shape)
    add("SparseReshape", "computed", lambda i, s, t: R.SparseReshape(input_indices=i, input_shape=s, new_shape=t), I([[0, 1, 1], [2, 0, 1]], shape=[None, 3]), I([3, 2, 4], shape=[3]), I([4, -1], shape=[2]))
    add("SparseReorder", "rows", lambda i, v, s: R.SparseReorder(input_indices=i, input_values=v, input_shape=s), I([at[k] for k in (3, 0, 4, 2, 1)], shape=[None, 2]), five, shape)
    product = lambda **how: lambda i, v, s, b: R.SparseTensorDenseMatMul(a_indices=i, a_values=v, a_shape=s, b=b, **how)
    add("SparseTensorDenseMatMul", "plain", product(), places, five, shape, In(6, None, feed=[6, 4]))
    add("SparseTensorDenseMatMul", "adjoint", product(adjoint_a=True, adjoint_b=True), places, five, shape, In(None, 3, feed=[4, 3]))


def sets(add):
    a = I([[3, 1, 3, 2], [5, 5, 9, 1], [4, 4, 4, 4]], dtype="int32")
    b = I([[2, 7, 3], [1, 1, 5], [0, 8, 2]], dtype="int32")
    for kind in ("a-b", "b-a", "intersection", "union"):
        add("DenseToDenseSetOperation", kind.replace("-", "_less_"), lambda x, y, k=kind: R.DenseToDenseSetOperation(set1=x, set2=y, set_operation=k), a, b)
    add("DenseToDenseSetOperation", "three_axes", lambda x, y: R.DenseToDenseSetOperation(set1=x, set2=y, set_operation="a-b"),
        In(None, 2, 5, dtype="int64", values=(0, 6)), In(None, 2, 2, dtype="int64", values=(0, 6)))


def decoded(add):
    scores, lengths = In(None, None, 4, feed=[9, 3, 4]), In(None, dtype="int32", feed=[3], values=[9, 4, 7])
    go = lambda **how: lambda x, n: R.CTCGreedyDecoder(inputs=x, sequence_length=n, **how)
    add("CTCGreedyDecoder", "plain", go(), scores, lengths)
    add("CTCGreedyDecoder", "merged", go(merge_repeated=True), scores, lengths)
    add("CTCGreedyDecoder", "blank_first", go(merge_repeated=True, blank_index=0), In(None, 3, None, feed=[9, 3, 5]), lengths)


def register(add):
    for family in (ranges, gathered, dense, as_sparse, sparse, sets, decoded):
        family(add)
