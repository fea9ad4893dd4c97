"""Cases of cuDNN's recurrences. No processor that we have runs them, so the graph holds cuDNN's op and the outputs are those
of the layers of Keras that compute the same on the CPU: `tf_keras.layers.LSTM`, `GRU(reset_after=True)` and `SimpleRNN`,
one a direction and layer. The vector of weights is made by Keras itself (`gru_lstm_utils.canonical_to_params`), and the
cases `keras_*` are the graphs that Keras writes for a GPU (`lstm.gpu_lstm`, `gru.gpu_gru`)."""
import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras.src.layers.rnn import gru, gru_lstm_utils, lstm
import tf_lib
from tf_lib import In

R = tf.raw_ops
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


class Weights:
    """Trained-like weights of a stack, gate by gate as cuDNN orders them: matrices [units, features]."""

    def __init__(self, mode, layers, ways, features, units, seed):
        rng = np.random.default_rng(seed)
        self.mode, self.layers, self.ways, self.features, self.units = mode, layers, ways, features, units
        n, draw = GATES[mode], lambda s, *shape: rng.normal(0, s, shape).astype("float32")
        self.all = []
        for at in range(layers * ways):
            k = features if at < ways else units * ways
            self.all.append([[draw(k**-0.5, units, k) for _ in range(n)], [draw(units**-0.5, units, units) for _ in range(n)], [draw(0.3, units) for _ in range(2 * n)]])

    def matrices(self):
        return [w for i, r, _ in self.all for w in i + r]

    def biases(self):
        return [b for *_, bias in self.all for b in bias]

    def params(self):
        return gru_lstm_utils.canonical_to_params(self.matrices(), self.biases(), tf.constant([-1]))

    def layer(self, at, backwards):
        i, r, b = self.all[at]
        n = len(i)
        order = [1, 0, 2] if self.mode == "gru" else range(n)
        join = lambda parts: np.concatenate([parts[k].T for k in order], -1)
        one, two = join(b[:n]), join(b[n:])
        how = dict(return_sequences=True, return_state=True, go_backwards=backwards, zero_output_for_mask=True)
        if self.mode == "lstm":
            made, bias = tf_keras.layers.LSTM(self.units, **how), one + two
        elif self.mode == "gru":
            made, bias = tf_keras.layers.GRU(self.units, reset_after=True, **how), np.stack([one, two])
        else:
            made, bias = tf_keras.layers.SimpleRNN(self.units, activation=self.mode[4:], **how), one + two
        made.build((None, None, i[0].shape[1]))
        made.set_weights([join(i), join(r), bias])
        return made

    def run(self, x, h, c, lengths=None):
        """What cuDNN computes, time first."""
        x, states = tf.constant(np.swapaxes(x, 0, 1)), []
        mask = None if lengths is None else tf.sequence_mask(lengths, x.shape[1])
        for layer in range(self.layers):
            outs = []
            for way in range(self.ways):
                at = layer * self.ways + way
                first = [tf.constant(s[at]) for s in ([h, c] if self.mode == "lstm" else [h])]
                y, *last = self.layer(at, way == 1)(x, initial_state=first, mask=mask)
                outs.append(y.numpy()[:, ::-1] if way else y.numpy())
                states.append(last)
            x = tf.concat(outs, -1)
        y = np.swapaxes(x, 0, 1)
        return [y, np.stack([s[0] for s in states])] + ([np.stack([s[1] for s in states])] if self.mode == "lstm" else [])


def equal(folder, label, build, ins, compute):
    """The graph of `build`, with the outputs of `compute` on the values of the inputs."""
    rng = np.random.default_rng(tf_lib.seed_of(label))
    graph, names = tf_lib.trace(build, ins)
    feeds = {f"x{k}": i.value(rng) for k, i in enumerate(ins)}
    outs = [np.asarray(v) for v in compute(*feeds.values())]
    assert len(outs) == len(names) and all(v.std() > 0.05 for v in outs), label
    # Keras computes results that nothing uses here.
    needed = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), [*names, *feeds])
    tf_lib.write(folder, needed, feeds, names, outs)


T, B, F, U = 5, 3, 4, 6


def recurrence(name, weights, **more):
    """A function that inserts the op."""
    w = weights
    direction = "bidirectional" if w.ways == 2 else "unidirectional"

    def build(x, h, c, *lengths):
        extra = dict(sequence_lengths=lengths[0]) if lengths else {}
        out = getattr(R, name)(input=x, input_h=h, input_c=c, params=w.params(), rnn_mode=w.mode, direction=direction, is_training=False, **extra, **more)
        return list(out[: 3 if w.mode == "lstm" else 2])

    return build


def register(case):
    def add(op, name, build, ins, compute):
        case(op, name, lambda folder, label: equal(folder, label, build, ins, compute))

    def one(op, name, mode, layers=1, ways=1, seed=1, time=T, **more):
        w = Weights(mode, layers, ways, F, U, seed)
        state = In(layers * ways, None, U)
        ins, compute = [In(time, None, F, feed=[T, B, F]), state, state], w.run
        for i in ins[1:]:
            i.feed = [layers * ways, B, U]
        if op == "CudnnRNNV3":
            ins.append(In(None, dtype="int32", values=[5, 2, 4]))
        add(op, name, recurrence(op, w, **more), ins, compute)

    for mode in GATES:
        one("CudnnRNN", mode, mode)
        one("CudnnRNNV2", f"{mode}_stack_both_ways", mode, 2, 2, seed=2)
    one("CudnnRNN", "lstm_stack_dynamic", "lstm", 3, time=None)
    one("CudnnRNN", "gru_both_ways", "gru", ways=2)
    one("CudnnRNNV3", "lstm_lengths", "lstm")
    one("CudnnRNNV3", "gru_lengths_both_ways", "gru", 2, 2)

    w = Weights("lstm", 1, 2, F, U, 5)
    turn = lambda v: np.swapaxes(v, 0, 1)
    full = lambda x, h, c: recurrence("CudnnRNNV3", w, time_major=False)(x, h, c, tf.fill([tf.shape(x)[0]], T))
    batch = In(None, 2, U, feed=[B, 2, U])
    add("CudnnRNNV3", "lstm_batch_first", full, [In(None, T, F, feed=[B, T, F]), batch, batch], lambda x, h, c: map(turn, w.run(turn(x), turn(h), turn(c))))

    keras(add)
    conversions(add)


def keras(add):
    """The graphs of Keras for a GPU, against its functions for a CPU."""
    draw = lambda s, *shape: np.random.default_rng(9).normal(0, s, shape).astype("float32")
    k, r = {n: draw(0.5, F, n * U) for n in (3, 4)}, {n: draw(0.4, U, n * U) for n in (3, 4)}
    x, s = In(None, T, F, feed=[B, T, F]), In(None, U, feed=[B, U])
    how = dict(time_major=False, go_backwards=False, sequence_lengths=None, return_sequences=True)
    tensors = lambda d: {n: tf.constant(v) if isinstance(v, np.ndarray) else v for n, v in d.items()}
    long = dict(kernel=k[4], recurrent_kernel=r[4], bias=draw(0.3, 4 * U)) | how
    gated = dict(kernel=k[3], recurrent_kernel=r[3], bias=draw(0.3, 2, 3 * U)) | how
    for name, mask in (("keras_lstm", None), ("keras_lstm_masked", np.arange(T) < np.array([[5], [2], [4]]))):
        op = "CudnnRNN" if mask is None else "CudnnRNNV3"
        cpu = lambda x, h, c, mask=mask: lstm.standard_lstm(tf.constant(x), tf.constant(h), tf.constant(c), mask=mask, zero_output_for_mask=True, **tensors(long))[1:4]
        add(op, name, lambda x, h, c, mask=mask: list(lstm.gpu_lstm(x, h, c, mask=mask, **tensors(long))[1:4]), [x, s, s], cpu)
    cpu = lambda x, h: gru.standard_gru(tf.constant(x), tf.constant(h), mask=None, zero_output_for_mask=True, **tensors(gated))[1:3]
    add("CudnnRNN", "keras_gru", lambda x, h: list(gru.gpu_gru(x, h, mask=None, **tensors(gated))[1:3]), [x, s], cpu)


def conversions(add):
    """Vectors of weights made and taken apart in the graph."""
    state = In(2, None, U, feed=[2, B, U])
    ins = [In(T, None, F, feed=[T, B, F]), state, state]
    for version in ("", "V2"):
        w = Weights("lstm", 1, 2, F, U, 6)
        sizes = dict(num_layers=1, num_units=U, input_size=F, rnn_mode="lstm", direction="bidirectional")
        count = dict(num_params_weights=16, num_params_biases=16) if version else dict(num_params=16)
        made = lambda w=w, s=sizes, v=version: getattr(R, "CudnnRNNCanonicalToParams" + v)(weights=w.matrices(), biases=w.biases(), **s)
        used = lambda x, h, c, m=made: list(R.CudnnRNN(input=x, input_h=h, input_c=c, params=m(), direction="bidirectional", is_training=False)[:3])
        add("CudnnRNNCanonicalToParams" + version, "lstm", used, ins, w.run)
        parts = lambda p, s=sizes, n=count, v=version: [t for out in getattr(R, "CudnnRNNParamsToCanonical" + v)(params=p, **s, **n) for t in (out[0], out[7], out[15])]
        known = lambda p, w=w: [m for m in (w.matrices()[0], w.matrices()[7], w.matrices()[15], w.biases()[0], w.biases()[7], w.biases()[15])]
        vector = np.concatenate([np.ravel(v) for v in w.matrices() + w.biases()])
        add("CudnnRNNParamsToCanonical" + version, "lstm", parts, [In(vector.size, values=vector)], known)
