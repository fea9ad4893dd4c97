"""Cases of TensorFlow ops: shapes, joining, cutting, picking, scattering, searching."""
import numpy as np
import tensorflow as tf
from tf_lib import In

R = tf.raw_ops
N = In(None, 4)
X = In(None, 5, 4)


def shapes(add):
    add("Shape", "dynamic", lambda x: R.Shape(input=x), In(None, None, 3))
    add("Shape", "i64", lambda x: R.Shape(input=x, out_type=tf.int64), In(None, 3))
    add("ShapeN", "two", lambda x, y: R.ShapeN(input=[x, y]), In(None, 3), In(2, None))
    add("Size", "dynamic", lambda x: R.Size(input=x), In(None, None, 3))
    add("Rank", "three", lambda x: R.Rank(input=x) + tf.shape(x)[0], X)
    add("Reshape", "minus_one", lambda x: R.Reshape(tensor=x, shape=[-1, 10]), X)
    add("Reshape", "batch_from_shape", lambda x: R.Reshape(tensor=x, shape=tf.stack([tf.shape(x)[0], 20])), X)
    add("Reshape", "two_dynamic", lambda x: R.Reshape(tensor=x, shape=tf.stack([tf.shape(x)[0], tf.shape(x)[1] * 2, 2])), In(None, None, 4))
    add("Reshape", "product", lambda x: R.Reshape(tensor=x, shape=tf.stack([tf.reduce_prod(tf.shape(x)[:2]), 4])), In(None, None, 4))
    add("Reshape", "concat", lambda x: R.Reshape(tensor=x, shape=tf.concat([tf.shape(x)[:1], [2, 10]], 0)), X)
    add("Reshape", "i64_shape", lambda x: R.Reshape(tensor=x, shape=np.array([4, -1])), X)
    add("Reshape", "to_scalar", lambda x: R.Reshape(tensor=x, shape=np.zeros(0, "int32")), In(1, 1))
    add("Reshape", "like_other", lambda x, y: R.Reshape(tensor=x, shape=tf.shape(y)), In(None, 6), In(None, 2, 3))
    add("Squeeze", "axis", lambda x: R.Squeeze(input=x, axis=[1]), In(None, 1, 4))
    add("Squeeze", "all", lambda x: R.Squeeze(input=x), In(1, 3, 1, 4))
    add("Squeeze", "negative", lambda x: R.Squeeze(input=x, axis=[-1, 1]), In(None, 1, 4, 1))
    for axis in (0, 1, -1):
        add("ExpandDims", f"axis_{axis % 4}", lambda x, axis=axis: R.ExpandDims(input=x, axis=axis), X)
    add("Transpose", "perm", lambda x: R.Transpose(x=x, perm=[2, 0, 1]), X)
    add("Transpose", "computed", lambda x: R.Transpose(x=x, perm=tf.range(tf.rank(x) - 1, -1, -1)), X)
    add("ConjugateTranspose", "f32", lambda x: R.ConjugateTranspose(x=x, perm=[1, 0]), N)
    add("BroadcastTo", "constant", lambda x: R.BroadcastTo(input=x, shape=[2, 3, 4]), In(1, 4))
    add("BroadcastTo", "dynamic", lambda x, y: R.BroadcastTo(input=x, shape=tf.shape(y)), In(4), N)
    add("BroadcastArgs", "dynamic", lambda x, y: R.BroadcastArgs(s0=tf.shape(x), s1=tf.shape(y)), In(None, 1, 4), In(None, 1, feed=[5, 1]))
    add("InvertPermutation", "constant", lambda x: tf.transpose(x, R.InvertPermutation(x=[2, 0, 1])), X)
    add("InvertPermutation", "computed", lambda x: R.InvertPermutation(x=x), In(None, dtype="int32", feed=[5], values=[3, 0, 4, 1, 2]))


def drawn(add):
    """What is the same whatever is drawn: shapes, ranges, sums of rows that change places."""
    add("RandomUniform", "dynamic", lambda x: within(R.RandomUniform(shape=tf.shape(x), dtype=tf.float32), 0., 1.), In(None, 40))
    add("RandomUniform", "f64", lambda x: within(R.RandomUniform(shape=[7, 30], dtype=tf.float64, seed=3) + tf.cast(x[0] * 0, tf.float64), 0., 1.), In(30))
    add("RandomStandardNormal", "dynamic", lambda x: within(R.RandomStandardNormal(shape=tf.shape(x, out_type=tf.int64), dtype=tf.float32), -9., 9.), In(None, 40))
    add("RandomUniformInt", "i32", lambda x: within(R.RandomUniformInt(shape=tf.shape(x), minval=-2, maxval=5), -2, 5), In(None, 40))
    add("RandomUniformInt", "i64", lambda x: within(R.RandomUniformInt(shape=tf.shape(x), minval=tf.constant(3, tf.int64), maxval=tf.constant(90, tf.int64)), 3, 90), In(None, 40))
    # One class is certain in each row; then all but two are out of question.
    add("Multinomial", "certain", lambda x: R.Multinomial(logits=x * 1e-3 + tf.one_hot([2, 0, 1], 4) * 1e4, num_samples=5), In(3, 4))
    add("Multinomial", "dynamic", lambda x: within(R.Multinomial(logits=x - tf.constant([0., 1e4, 0., 1e4]), num_samples=60, output_dtype=tf.int32) % 2 + tf.range(60), 0, 60), N)
    add("RandomShuffle", "sorted", lambda x: tf.sort(R.RandomShuffle(value=x)), In(None))
    add("RandomShuffle", "rows", lambda x: tf.reduce_max(R.RandomShuffle(value=x), 0), X)


def moments(z, mean, deviation, low, high):
    """Whether numbers are between bounds, and mean and deviation nearly what they should be."""
    z = tf.cast(z, tf.float32)
    m = tf.reduce_mean(z)
    return [tf.shape(z), tf.reduce_all((z >= low) & (z <= high)), tf.abs(m - mean) < .1, tf.abs(tf.sqrt(tf.reduce_mean((z - m) ** 2)) - deviation) < .1]


def truncated(add):
    # Deviation 0.8796 is that of numbers within two deviations of the mean.
    add("TruncatedNormal", "dynamic", lambda x: moments(R.TruncatedNormal(shape=tf.shape(x), dtype=tf.float32), 0., .8796, -2., 2.), In(None, 4000))
    add("TruncatedNormal", "f16", lambda x: moments(R.TruncatedNormal(shape=tf.shape(x), dtype=tf.float16, seed=5), 0., .8796, -2., 2.), In(None, 4000))
    # Means and deviations by the formulas of truncated normal distributions.
    bounds = lambda *v: dict(zip(("means", "stdevs", "minvals", "maxvals"), (np.float32(n) for n in v)))
    add("ParameterizedTruncatedNormal", "one", lambda x: moments(R.ParameterizedTruncatedNormal(shape=tf.shape(x), **bounds(1, 2, 0, 4)), 1.7125, 1.0588, 0., 4.), In(None, 4000))
    add("ParameterizedTruncatedNormal", "tail", lambda x: moments(R.ParameterizedTruncatedNormal(shape=tf.shape(x), **bounds(0, 1, 3, np.inf)), 3.2831, .2663, 3., 9.), In(None, 4000))
    def rows(x):
        z = R.ParameterizedTruncatedNormal(shape=[2, tf.size(x)], **bounds([0, 10], [1, 3], [-1, 4], [1, np.inf]))
        return moments(z[0], 0., .5397, -1., 1.) + moments(z[1], 10.1657, 2.8245, 4., 99.)
    add("ParameterizedTruncatedNormal", "rows", rows, In(None, 3000))


def stateless(add):
    """Numbers of a seed are those that TensorFlow computes; of a seed that is drawn, as above."""
    X3 = In(None, dtype="int32", values=[2, 0, 1, 2])
    def both(op, name, seed, **how):
        how["shape"] = how.get("shape", [3, 7])
        add(op, name, lambda i: tf.gather(R.__dict__[op](seed=seed, **how), i), X3)
        def second(i):
            key, counter = R.StatelessRandomGetKeyCounter(seed=seed)
            return tf.gather(R.__dict__[op + "V2"](key=key, counter=counter, alg=R.StatelessRandomGetAlg(), **how), i)
        add(op + "V2", name, second, X3)
    reals = lambda op: [both(op, name, seed, dtype=dtype) for name, seed, dtype in
                        (("f32", np.array([7, -2], "int32"), tf.float32), ("f64", np.array([1 << 40, 3]), tf.float64), ("f16", np.array([0, 0]), tf.float16))]
    for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
        reals(op)
        drawn = {"U": (0., 1.), "N": (-9., 9.)}[op[15]] if op[9] == "R" else (-2., 2.)
        add(op, "drawn_seed", lambda x, op=op, drawn=drawn: within(R.__dict__[op](shape=tf.shape(x), seed=R.RandomUniformInt(shape=[2], minval=0, maxval=99)), *drawn), In(None, 40))
    add("StatelessRandomNormal", "many", lambda i: tf.gather(R.StatelessRandomNormal(shape=[3, 250], seed=[3, 4]), i), X3)
    add("StatelessTruncatedNormal", "many", lambda i: tf.gather(R.StatelessTruncatedNormal(shape=[3, 250], seed=[3, 4]), i), X3)
    add("StatelessRandomUniform", "bf16", lambda x: x + tf.cast(R.StatelessRandomUniform(shape=tf.shape(x)[1:] * 2, seed=[3, 4], dtype=tf.bfloat16), tf.float32)[:5], In(None, 5))
    both("StatelessRandomUniformInt", "i32", [5, 6], minval=-7, maxval=2000000000)
    both("StatelessRandomUniformInt", "i64", [5, 6], minval=np.int64(-1 << 62), maxval=np.int64((1 << 62) + 5))
    add("StatelessRandomUniformInt", "drawn_seed", lambda x: within(R.StatelessRandomUniformInt(shape=tf.shape(x), minval=-2, maxval=9, seed=R.RandomUniformInt(shape=[2], minval=0, maxval=99)), -2, 9), In(None, 40))
    both("StatelessRandomUniformFullInt", "i32", [5, 6], dtype=tf.int32)
    both("StatelessRandomUniformFullInt", "u64", [5, 6], dtype=tf.uint64, shape=[5])
    def split(x):
        seed = tf.random.split(R.RandomUniformInt(shape=[2], minval=0, maxval=1 << 30), 2)[1]
        return within(tf.random.stateless_uniform(tf.shape(x), seed), 0., 1.)
    add("StatelessRandomUniformFullIntV2", "drawn_seed", split, In(None, 40))
    add("StatelessRandomGetKeyCounter", "pair", lambda i: tf.gather(tf.concat(R.StatelessRandomGetKeyCounter(seed=[5, -6]), 0), i), X3)
    add("StatelessRandomGetKeyCounterAlg", "three", lambda i: [tf.gather(tf.concat(R.StatelessRandomGetKeyCounterAlg(seed=[5, -6])[:2], 0), i), R.StatelessRandomGetKeyCounterAlg(seed=[5, -6])[2] + i], X3)
    add("StatelessRandomGetAlg", "cpu", lambda i: R.StatelessRandomGetAlg() + i, X3)
    same = lambda dtype, to: add("Bitcast", f"{dtype}_{to}", lambda x: R.Bitcast(input=x, type=to), In(None, 3, dtype=dtype))
    same("int64", "uint64"), same("int32", "uint32"), same("uint8", "int8")
    for name, x, to in (("shorter", np.array([1.5, -2, 3]), tf.int32), ("longer", np.array([[1, 2], [-3, 4], [5, 6]], "int32"), tf.float64), ("f32", np.array([1, -2, 3], "f4"), tf.int32)):
        add("Bitcast", name, lambda i, x=x, to=to: tf.gather(R.Bitcast(input=x, type=to), i), X3)
    add("StatelessMultinomial", "rows", lambda x: R.StatelessMultinomial(logits=x, num_samples=50, seed=[5, 6]), In(3, 4))
    add("StatelessMultinomial", "infinite", lambda x: R.StatelessMultinomial(logits=x + np.array([0, -np.inf, 1, 0], "float32"), num_samples=1000, seed=[1, 2], output_dtype=tf.int32), In(1, 4))
    add("StatelessMultinomial", "drawn_seed", lambda x: R.StatelessMultinomial(logits=x * 1e-3 + tf.one_hot([2, 0, 1], 4) * 1e4, num_samples=5, seed=R.RandomUniformInt(shape=[2], minval=0, maxval=99)), In(3, 4))


def within(u, low, high):
    return [tf.shape(u), tf.reduce_all((u >= low) & (u < high)), tf.reduce_max(u) > tf.reduce_min(u)]


def generated(add):
    drawn(add)
    truncated(add)
    stateless(add)
    add("Fill", "constant", lambda x: x + R.Fill(dims=[4], value=2.5), N)
    add("Fill", "dynamic", lambda x: x * R.Fill(dims=tf.shape(x), value=tf.reduce_sum(x)), N)
    add("ZerosLike", "f32", lambda x: tf.abs(x) - R.ZerosLike(x=x), N)
    add("ZerosLike", "bool", lambda x: R.ZerosLike(x=x), In(None, 4, dtype="bool"))
    add("OnesLike", "i32", lambda x: R.OnesLike(x=x), In(None, None, dtype="int32"))
    add("Range", "dynamic", lambda x: R.Range(start=0, limit=tf.shape(x)[0], delta=1), N)
    add("Range", "down", lambda x: R.Range(start=tf.shape(x)[0], limit=-1, delta=-2), N)
    add("Range", "f32", lambda x: R.Range(start=0.5, limit=x, delta=0.25), In(values=3.1))
    add("LinSpace", "constant", lambda x: x * R.LinSpace(start=-1.0, stop=2.0, num=4), N)
    add("LinSpace", "dynamic", lambda x, y: R.LinSpace(start=x, stop=y, num=7), In(values=-2.0), In(values=5.0))
    add("LinSpace", "one", lambda x: R.LinSpace(start=x, stop=3.0, num=1), In(values=-2.0))
    at = lambda dtype="int32": In(None, 3, dtype=dtype, values=(-1, 6))
    for axis in (-1, 0, 1):
        add("OneHot", f"axis_{axis % 3}", lambda i, axis=axis: R.OneHot(indices=i, depth=5, on_value=1.0, off_value=0.0, axis=axis), at())
    add("OneHot", "values_i64", lambda i: R.OneHot(indices=i, depth=4, on_value=7.5, off_value=-1.5), at("int64"))
    add("OneHot", "u8", lambda i: R.OneHot(indices=i, depth=4, on_value=np.int32(1), off_value=np.int32(0)), In(None, dtype="uint8", values=(0, 6)))
    add("OneHot", "bool", lambda i: R.OneHot(indices=i, depth=4, on_value=True, off_value=False), In(None, dtype="int32", values=(0, 4)))


def joined(add):
    cat = lambda axis: lambda *x: R.ConcatV2(values=list(x), axis=axis)
    add("ConcatV2", "channels", cat(-1), X, In(None, 5, 2))
    add("ConcatV2", "batch", cat(0), N, In(None, 4))
    add("ConcatV2", "i32", cat(0), In(None, dtype="int32"), In(None, dtype="int32"))
    add("Concat", "v1", lambda *x: R.Concat(concat_dim=1, values=list(x)), X, In(None, 2, 4))
    add("ParallelConcat", "rows", lambda x, y: R.ParallelConcat(values=[x, y], shape=[2, 4]), In(1, 4), In(1, 4))
    for axis in (0, 1, -1):
        add("Pack", f"axis_{axis % 3}", lambda x, y, axis=axis: R.Pack(values=[x, y], axis=axis), N, In(None, 4))
    add("Pack", "scalars", lambda x: R.Pack(values=[tf.reduce_sum(x), tf.reduce_max(x)]), N)
    add("Unpack", "last", lambda x: R.Unpack(value=x, num=4, axis=-1), X)
    add("Unpack", "dynamic", lambda x: R.Unpack(value=x, num=3, axis=0), In(None, 4, feed=[3, 4]))
    add("Unpack", "one", lambda x: R.Unpack(value=x, num=1, axis=1), In(None, 1, 4))
    add("Split", "channels", lambda x: R.Split(axis=-1, value=x, num_split=2), X)
    add("Split", "dynamic", lambda x: R.Split(axis=1, value=x, num_split=3), In(None, None, 2, feed=[2, 6, 2]))
    add("SplitV", "sizes", lambda x: R.SplitV(value=x, size_splits=[1, 3, 1], axis=1, num_split=3), X)
    add("SplitV", "rest", lambda x: R.SplitV(value=x, size_splits=[2, -1], axis=-1, num_split=2), X)
    add("SplitV", "rest_dynamic", lambda x: R.SplitV(value=x, size_splits=[1, -1, 2], axis=1, num_split=3), In(None, None, 2))
    add("Tile", "constant", lambda x: R.Tile(input=x, multiples=[1, 2, 3]), X)
    add("Tile", "dynamic", lambda x, y: R.Tile(input=x, multiples=tf.stack([tf.shape(y)[0], 1])), In(1, 4), N)
    add("Tile", "i64", lambda x: R.Tile(input=x, multiples=np.array([2, 1])), In(None, 4, dtype="int32"))
    add("ReverseV2", "two", lambda x: R.ReverseV2(tensor=x, axis=[1, -1]), X)
    add("ReverseV2", "dynamic", lambda x: R.ReverseV2(tensor=x, axis=[0]), In(None, None))
    add("Reverse", "v1", lambda x: R.Reverse(tensor=x, dims=[False, True, False]), X)
    lengths = In(None, dtype="int64", values=(1, 5))
    add("ReverseSequence", "batch_first", lambda x, n: R.ReverseSequence(input=x, seq_lengths=n, seq_dim=1, batch_dim=0), X, lengths)
    add("ReverseSequence", "time_first", lambda x, n: R.ReverseSequence(input=x, seq_lengths=n, seq_dim=0, batch_dim=1),
        In(5, None, 4, feed=[5, 3, 4]), In(None, dtype="int32", values=(1, 5)))
    add("ReverseSequence", "later_axes", lambda x, n: R.ReverseSequence(input=x, seq_lengths=n, seq_dim=2, batch_dim=1),
        In(2, None, 5, feed=[2, 3, 5]), In(None, dtype="int32", values=(1, 5)))
    add("Roll", "two", lambda x: R.Roll(input=x, shift=[2, -1], axis=[1, 2]), X)
    add("Roll", "dynamic", lambda x: R.Roll(input=x, shift=[7], axis=[1]), In(None, None))
    add("Roll", "computed", lambda x, s: R.Roll(input=x, shift=s, axis=1), X, In(dtype="int32", values=-3))


def padded(add):
    pads = [[0, 0], [1, 2], [2, 0]]
    add("Pad", "constant", lambda x: R.Pad(input=x, paddings=pads), X)
    add("Pad", "i32", lambda x: R.Pad(input=x, paddings=pads), In(None, 5, 4, dtype="int32"))
    add("Pad", "dynamic_spatial", lambda x: R.Pad(input=x, paddings=[[0, 0], [1, 1], [2, 2], [0, 0]]), In(None, None, None, 2))
    add("Pad", "computed", lambda x: R.Pad(input=x, paddings=tf.stack([[0, 0], tf.stack([0, 8 - tf.shape(x)[1]])])), In(None, None))
    add("PadV2", "value", lambda x: R.PadV2(input=x, paddings=pads, constant_values=-1.5), X)
    add("PadV2", "bool", lambda x: R.PadV2(input=x, paddings=pads, constant_values=True), In(None, 5, 4, dtype="bool"))
    for mode in ("REFLECT", "SYMMETRIC"):
        add("MirrorPad", f"{mode.lower()}_one", lambda x, m=mode: R.MirrorPad(input=x, paddings=[[0, 0], [1, 1], [1, 0]], mode=m), X)
        add("MirrorPad", f"{mode.lower()}_more", lambda x, m=mode: R.MirrorPad(input=x, paddings=[[0, 0], [2, 3], [3, 2]], mode=m), X)
        add("MirrorPad", f"{mode.lower()}_dynamic", lambda x, m=mode: R.MirrorPad(input=x, paddings=[[0, 0], [2, 2], [2, 1], [0, 0]], mode=m), In(None, None, None, 2))


def sliced(add):
    Y = In(None, 6, 5, 4)
    cut = lambda x, b, s: R.Slice(input=x, begin=b, size=s)
    add("Slice", "constant", lambda x: cut(x, [0, 1, 2], [-1, 3, 2]), X)
    add("Slice", "dynamic_size", lambda x: cut(x, [0, 1], tf.stack([tf.shape(x)[0], tf.shape(x)[1] - 2])), In(None, None))
    add("Slice", "computed", lambda x, b: cut(x, b, [-1, 2]), In(None, 6), In(2, dtype="int32", values=[0, 3]))
    add("Slice", "i64", lambda x: cut(x, np.array([1, 0, 0]), np.array([-1, 5, -1])), X)
    forms = {
        "range": lambda x: x[:, 1:4], "step": lambda x: x[:, ::2, 1::3], "negative_step": lambda x: x[:, ::-1, 4:0:-2],
        "shrink": lambda x: x[:, 2], "shrink_last": lambda x: x[..., -1], "shrink_two": lambda x: x[:, 0, -2],
        "new_axis": lambda x: x[:, None, 1:], "ellipsis": lambda x: x[..., 1:3], "ellipsis_middle": lambda x: x[1:, ..., None, 0],
        "mixed": lambda x: x[None, :, 1, ..., ::2, None], "beyond": lambda x: x[:, -100:100, 3:99],
        "first_row": lambda x: x[0], "last_row": lambda x: x[-1], "batch_range": lambda x: x[1:],
    }
    for name, form in forms.items():
        add("StridedSlice", name, form, Y)
    add("StridedSlice", "computed_end", lambda x: x[:, :tf.shape(x)[1] - 1], In(None, None, 2))
    add("StridedSlice", "computed_pick", lambda x, i: x[:, i], Y, In(dtype="int32", values=-2))
    add("StridedSlice", "computed_begin", lambda x, i: x[:, i:, ::2], Y, In(dtype="int32", values=2))
    add("StridedSlice", "shape_arithmetic", lambda x: tf.reshape(x, tf.concat([tf.shape(x)[:-1], [2, -1]], 0)), In(None, None, 4))


def gathered(add):
    at = lambda *s, dtype="int32", top=4: In(*s, dtype=dtype, values=(0, top))
    add("Gather", "rows", lambda x, i: R.Gather(params=x, indices=i), In(6, 4), at(None, 2))
    for axis in (0, 1, -1):
        add("GatherV2", f"axis_{axis % 3}", lambda x, i, a=axis: R.GatherV2(params=x, indices=i, axis=a), In(4, 5, 4), at(None, 2))
    add("GatherV2", "scalar", lambda x: R.GatherV2(params=x, indices=2, axis=1), X)
    add("GatherV2", "batch", lambda x, i: R.GatherV2(params=x, indices=i, axis=1, batch_dims=1), X, at(None, 3, dtype="int64"))
    add("GatherV2", "batch_later", lambda x, i: R.GatherV2(params=x, indices=i, axis=2, batch_dims=1), In(None, 3, 5, 2), at(None, 3))
    add("GatherV2", "batch_two", lambda x, i: R.GatherV2(params=x, indices=i, axis=2, batch_dims=2), In(None, 3, 5, 2), at(None, 3, 2))
    add("GatherV2", "batch_same_rank", lambda x, i: R.GatherV2(params=x, indices=i, axis=1, batch_dims=1), X, at(None))
    add("GatherNd", "pairs", lambda x, i: R.GatherNd(params=x, indices=i), In(4, 5, 4), at(None, 2))
    add("GatherNd", "full", lambda x, i: R.GatherNd(params=x, indices=i), In(4, 5, 4), at(None, 2, 3, dtype="int64"))


def scattered(add):
    at = In(5, 1, dtype="int32", values=[[1], [3], [0], [3], [5]])
    once = In(3, 1, dtype="int32", values=[[4], [1], [3]])
    add("ScatterNd", "rows", lambda i, u: R.ScatterNd(indices=i, updates=u, shape=[7, 4]), at, In(5, 4))
    add("ScatterNd", "dynamic", lambda i, u, x: R.ScatterNd(indices=i, updates=u, shape=tf.shape(x)), at, In(5), In(None, feed=[8]))
    add("ScatterNd", "i64_pairs", lambda i, u: R.ScatterNd(indices=i, updates=u, shape=np.array([4, 4])), In(None, 2, dtype="int64", values=(0, 4)), In(None, dtype="int64"))
    for name in "TensorScatterUpdate TensorScatterAdd TensorScatterSub TensorScatterMax TensorScatterMin".split():
        op = getattr(R, name)
        add(name, "rows", lambda x, i, u, op=op: op(tensor=x, indices=i, updates=u), In(6, 4), once if name.endswith("Update") else at, In(3 if name.endswith("Update") else 5, 4))
        add(name, "i32", lambda x, i, u, op=op: op(tensor=x, indices=i, updates=u), In(6, dtype="int32"), once, In(3, dtype="int32"))
    add("ScatterNdNonAliasingAdd", "rows", lambda x, i, u: R.ScatterNdNonAliasingAdd(input=x, indices=i, updates=u), In(6, 4), at, In(5, 4))
    add("SparseToDense", "tuples", lambda v: R.SparseToDense(sparse_indices=[[0, 1], [1, 3], [2, 0]], output_shape=[3, 4], sparse_values=v, default_value=-1.0), In(3))
    add("SparseToDense", "vector", lambda v: R.SparseToDense(sparse_indices=[1, 4], output_shape=[6], sparse_values=v, default_value=0.0), In())
    add("DynamicStitch", "constant", lambda x, y: R.DynamicStitch(indices=[[0, 2], [1, 3, 2]], data=[x, y]), In(2, 4), In(3, 4))
    add("DynamicStitch", "computed", lambda i, j, x, y: R.DynamicStitch(indices=[i, j], data=[x, y]), In(2, dtype="int32", values=[0, 3]), In(2, dtype="int32", values=[2, 1]), In(2, 4), In(2, 4))
    add("ParallelDynamicStitch", "constant", lambda x, y: R.ParallelDynamicStitch(indices=[[0, 2], [1, 3]], data=[x, y]), In(2, 4), In(2, 4))
    add("DynamicPartition", "rows", lambda x, p: R.DynamicPartition(data=x, partitions=p, num_partitions=3), N, In(None, dtype="int32", values=(0, 3)))
    add("DynamicPartition", "matrix", lambda x, p: R.DynamicPartition(data=x, partitions=p, num_partitions=2), X, In(None, 5, dtype="int32", values=(0, 2)))


def segments(add):
    data, ids = In(6, 4), In(6, dtype="int32", values=[0, 0, 1, 3, 3, 3])
    for name in "Sum Mean Prod Max Min".split():
        op = getattr(R, "Segment" + name)
        add("Segment" + name, "gap", lambda x, i, op=op: op(data=x, segment_ids=i), data, ids)
        if name != "Mean":
            op = getattr(R, "UnsortedSegment" + name)
            loose = In(6, dtype="int32", values=[2, 0, 2, -1, 0, 1])
            add("UnsortedSegment" + name, "rows", lambda x, i, op=op: op(data=x, segment_ids=i, num_segments=3), data, loose)
            add("UnsortedSegment" + name, "constant_ids", lambda x, op=op: op(data=x, segment_ids=[1, 0, 2, 1], num_segments=3), In(4, dtype="int32"))
    add("UnsortedSegmentSum", "matrix_ids", lambda x, i: R.UnsortedSegmentSum(data=x, segment_ids=i, num_segments=4), In(None, 5, 2), In(None, 5, dtype="int64", values=(0, 4)))
    rows = In(5, dtype="int32", values=[0, 3, 2, 5, 1])
    where = In(5, dtype="int32", values=[0, 0, 1, 1, 1])
    for name in "Sum Mean SqrtN".split():
        op, counted = getattr(R, "SparseSegment" + name), getattr(R, f"SparseSegment{name}WithNumSegments")
        add("SparseSegment" + name, "rows", lambda x, r, i, op=op: op(data=x, indices=r, segment_ids=i), data, rows, where)
        add(f"SparseSegment{name}WithNumSegments", "rows", lambda x, r, i, op=counted: op(data=x, indices=r, segment_ids=i, num_segments=3), data, rows, where)
    counts = In(None, dtype="int32", feed=[9], values=(0, 7))
    add("Bincount", "plain", lambda x: R.Bincount(arr=x, size=6, weights=np.zeros(0, "int32")), counts)
    add("Bincount", "weights", lambda x, w: R.Bincount(arr=x, size=6, weights=w), counts, In(None, feed=[9]))
    add("DenseBincount", "rows", lambda x: R.DenseBincount(input=x, size=6, weights=np.zeros(0, "float32")), In(None, 5, dtype="int32", values=(0, 6)))
    add("DenseBincount", "binary", lambda x: R.DenseBincount(input=x, size=6, weights=np.zeros(0, "float32"), binary_output=True), In(None, 5, dtype="int64", values=(0, 6)))
    add("DenseBincount", "weights", lambda x, w: R.DenseBincount(input=x, size=6, weights=w), In(None, 5, dtype="int32", values=(0, 6)), In(None, 5))


def searched(add):
    add("TopKV2", "constant", lambda x: R.TopKV2(input=x, k=3), In(None, 7))
    add("TopKV2", "dynamic", lambda x: R.TopKV2(input=x, k=tf.shape(x)[1] - 1), In(None, None))
    add("TopKV2", "i32", lambda x: R.TopKV2(input=x, k=4), In(None, 7, dtype="int32"))
    add("NthElement", "third", lambda x: R.NthElement(input=x, n=2), In(None, 7))
    add("NthElement", "reverse", lambda x: R.NthElement(input=x, n=1, reverse=True), In(None, 7))
    add("InTopK", "two", lambda x, t: R.InTopK(predictions=x, targets=t, k=2), In(None, 5, feed=[8, 5]), In(None, dtype="int32", feed=[8], values=(0, 5)))
    add("InTopKV2", "two", lambda x, t: R.InTopKV2(predictions=x, targets=t, k=2), In(None, 5, feed=[8, 5]), In(None, dtype="int32", feed=[8], values=(0, 5)))
    add("Where", "bool", lambda x: R.Where(condition=x), In(None, 4, dtype="bool"))
    add("Where", "f32", lambda x: R.Where(condition=x), In(None, 4, values=lambda rng, s: rng.integers(-1, 2, s)))
    twice = In(None, dtype="int32", feed=[9], values=[4, 2, 4, 7, 2, 2, 0, 7, 4])
    add("Unique", "i32", lambda x: R.Unique(x=x), twice)
    add("UniqueWithCounts", "i32", lambda x: R.UniqueWithCounts(x=x), twice)
    add("UniqueV2", "flat", lambda x: R.UniqueV2(x=x, axis=[0]), In(None, feed=[6], values=[2.5, 1.0, 2.5, 3.0, 1.0, 0.5]))
    add("UniqueWithCountsV2", "flat", lambda x: R.UniqueWithCountsV2(x=x, axis=[0]), twice)
    add("ListDiff", "i32", lambda x, y: R.ListDiff(x=x, y=y), In(None, dtype="int32", feed=[6], values=[1, 2, 3, 2, 5, 6]), In(None, dtype="int32", feed=[3], values=[2, 6, 9]))
    add("Bucketize", "f32", lambda x: R.Bucketize(input=x, boundaries=[-1.0, 0.0, 1.0]), N)
    add("Bucketize", "i32", lambda x: R.Bucketize(input=x, boundaries=[-3.5, 0.0, 4.0]), In(None, 4, dtype="int32"))
    line = In(2, 5, values=[[-2.0, -1.0, 0.0, 0.0, 3.0], [0.0, 1.0, 1.0, 1.0, 2.0]])
    probe = In(2, 4, values=[[-3.0, 0.0, 1.0, 4.0], [0.0, 1.0, 1.5, 2.0]])
    add("LowerBound", "rows", lambda x, v: R.LowerBound(sorted_inputs=x, values=v), line, probe)
    add("UpperBound", "rows", lambda x, v: R.UpperBound(sorted_inputs=x, values=v, out_type=tf.int64), line, probe)


def diagonals(add):
    M = In(None, 4, 5)
    for lower, upper in ((0, -1), (-1, 0), (1, 2), (0, 0), (-1, -1)):
        name = f"{lower}_{upper}".replace("-1", "all")
        add("MatrixBandPart", name, lambda x, a=lower, b=upper: R.MatrixBandPart(input=x, num_lower=a, num_upper=b), M)
    add("MatrixBandPart", "dynamic_bool", lambda x: R.MatrixBandPart(input=x, num_lower=-1, num_upper=np.int64(0)), In(None, None, dtype="bool"))
    add("MatrixDiag", "rows", lambda x: R.MatrixDiag(diagonal=x), N)
    add("MatrixDiag", "dynamic", lambda x: R.MatrixDiag(diagonal=x), In(None, None))
    add("MatrixDiagPart", "wide", lambda x: R.MatrixDiagPart(input=x), M)
    add("MatrixDiagPart", "tall", lambda x: R.MatrixDiagPart(input=x), In(None, 5, 3))
    add("MatrixDiagPart", "dynamic", lambda x: R.MatrixDiagPart(input=x), In(None, None, None, feed=[2, 4, 3]))
    add("MatrixSetDiag", "wide", lambda x, d: R.MatrixSetDiag(input=x, diagonal=d), M, N)
    add("MatrixSetDiag", "tall", lambda x, d: R.MatrixSetDiag(input=x, diagonal=d), In(None, 5, 4), N)
    add("Diag", "vector", lambda x: R.Diag(diagonal=x), In(4))
    add("Diag", "matrix", lambda x: R.Diag(diagonal=x), In(2, 3))
    add("DiagPart", "matrix", lambda x: R.DiagPart(input=x), In(4, 4))
    add("DiagPart", "four", lambda x: R.DiagPart(input=x), In(2, 3, 2, 3))
    for v in ("V2", "V3"):
        diag, part, put = getattr(R, "MatrixDiag" + v), getattr(R, "MatrixDiagPart" + v), getattr(R, "MatrixSetDiag" + v)
        for align in ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT") if v == "V3" else ("",):
            more = {"align": align} if align else {}
            tag = align.lower() or "v2"
            add("MatrixDiag" + v, f"band_{tag}", lambda x, f=diag, m=more: f(diagonal=x, k=[-1, 1], num_rows=4, num_cols=5, padding_value=0.5, **m), In(None, 3, 4))
            add("MatrixDiagPart" + v, f"band_{tag}", lambda x, f=part, m=more: f(input=x, k=[-2, 1], padding_value=-9.0, **m), M)
            add("MatrixSetDiag" + v, f"band_{tag}", lambda x, d, f=put, m=more: f(input=x, diagonal=d, k=[-1, 1], **m), In(2, 4, 5), In(2, 3, 4))
        add("MatrixDiag" + v, "main", lambda x, f=diag: f(diagonal=x, k=0, num_rows=-1, num_cols=-1, padding_value=0.0), In(None, None))
        add("MatrixDiag" + v, "above", lambda x, f=diag: f(diagonal=x, k=2, num_rows=-1, num_cols=-1, padding_value=0.0), N)
        add("MatrixDiagPart" + v, "below", lambda x, f=part: f(input=x, k=-1, padding_value=0.0), M)
        add("MatrixSetDiag" + v, "main", lambda x, d, f=put: f(input=x, diagonal=d, k=0), M, N)


def register(add):
    for family in (shapes, generated, joined, padded, sliced, gathered, scattered, segments, searched, diagonals):
        family(add)
