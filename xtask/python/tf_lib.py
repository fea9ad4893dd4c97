"""Shared by the recorders of TensorFlow graphs: placeholders, inputs, running, writing a case."""
import os, zlib
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import tensorflow as tf

V1 = tf.compat.v1


class In:
    """A placeholder: its shape (None is unknown), element type, the sizes and values it is fed with."""

    def __init__(self, *shape, dtype="float32", feed=None, values=None):
        self.shape, self.dtype, self.feed, self.values = shape, dtype, feed, values

    def placeholder(self, name):
        return V1.placeholder(self.dtype, self.shape, name=name)

    def value(self, rng, batch=3, size=6):
        shape = self.feed or [batch if i == 0 and d is None else size if d is None else d for i, d in enumerate(self.shape)]
        kind = np.dtype(tf.as_dtype(self.dtype).as_numpy_dtype)
        if callable(self.values):
            return np.asarray(self.values(rng, shape)).astype(kind)
        if isinstance(self.values, (list, np.ndarray, int, float)):
            return np.asarray(self.values).astype(kind)
        if isinstance(self.values, tuple):
            low, high = self.values
            drawn = rng.integers(low, high, shape) if kind.kind in "iu" else rng.uniform(low, high, shape)
            return drawn.astype(kind)
        if kind.kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        if kind.kind in "iu":
            return rng.integers(-9 if kind.kind == "i" else 0, 10, shape).astype(kind)
        return rng.normal(0, 1.5, shape).astype(kind)


def seed_of(text):
    return zlib.crc32(text.encode()) & 0x7FFFFFFF


def flat(out):
    """All tensors of a result, in order."""
    if isinstance(out, tf.Tensor):
        return [out]
    if isinstance(out, tf.Operation):
        return list(out.outputs)
    return [t for o in out for t in flat(o)]


def trace(build, ins):
    """A graph of placeholders x0, x1 …, what `build` makes of them, and identities y0, y1 …"""
    graph = tf.Graph()
    with graph.as_default():
        xs = [i.placeholder(f"x{k}") for k, i in enumerate(ins)]
        outs = flat(build(*xs))
        names = []
        for k, o in enumerate(outs):
            names.append(tf.identity(o, name=f"y{k}").op.name)
    return graph, names


def run(graph_def, feeds, names):
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    with V1.Session(graph=graph) as session:
        return session.run([n + ":0" for n in names], {k + ":0": v for k, v in feeds.items()})


def check(name, outs):
    """A case proves something: its outputs are finite somewhere and not all the same."""
    for v in outs:
        v = np.asarray(v)
        if v.dtype.kind == "f" and v.size > 1:
            finite = v[np.isfinite(v)]
            assert finite.size, f"{name}: nothing is finite"


def write(folder, graph_def, feeds, names, outs):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "model.pb"), "wb") as fh:
        fh.write(graph_def.SerializeToString(deterministic=True))
    io = {"in:" + k: v for k, v in feeds.items()} | {"out:" + n: np.asarray(v) for n, v in zip(names, outs)}
    np.savez_compressed(os.path.join(folder, "io.npz"), **io)


def record(folder, label, build, ins, batch=3, size=6):
    """Traces, runs, writes one case."""
    rng = np.random.default_rng(seed_of(label))
    graph, names = trace(build, ins)
    feeds = {f"x{k}": i.value(rng, batch, size) for k, i in enumerate(ins)}
    graph_def = graph.as_graph_def()
    outs = run(graph_def, feeds, names)
    check(label, outs)
    write(folder, graph_def, feeds, names, outs)


def old_graph(producer, nodes):
    """A GraphDef as an older release wrote it: nodes (name, op, inputs, attributes), attributes left out where it did
    not know them."""
    g = V1.GraphDef()
    g.versions.producer = producer
    for name, op, inputs, attrs in nodes:
        node = g.node.add(name=name, op=op, input=inputs)
        for key, value in attrs.items():
            attribute(node.attr[key], value)
    return g


def attribute(slot, value):
    if isinstance(value, tf.DType):
        slot.type = value.as_datatype_enum
    elif isinstance(value, bool):
        slot.b = value
    elif isinstance(value, int):
        slot.i = value
    elif isinstance(value, float):
        slot.f = value
    elif isinstance(value, (str, bytes)):
        slot.s = value.encode() if isinstance(value, str) else value
    elif isinstance(value, tf.TensorShape):
        slot.shape.CopyFrom(value.as_proto())
    elif isinstance(value, np.ndarray):
        slot.tensor.CopyFrom(tf.make_tensor_proto(value))
    elif all(isinstance(v, int) for v in value):
        slot.list.i.extend(value)
    elif all(isinstance(v, str) for v in value):
        slot.list.s.extend(v.encode() for v in value)
    elif all(isinstance(v, tf.DType) for v in value):
        slot.list.type.extend(v.as_datatype_enum for v in value)
    else:
        raise TypeError(value)


def record_old(folder, label, producer, ins, nodes, outs=("y0",), runs=None, batch=3, size=6):
    """Runs and writes a graph of an older release; `ins` become the placeholders x0, x1 … Where today's TensorFlow has
    no kernel for it, `runs` are today's nodes for the same."""
    rng = np.random.default_rng(seed_of(label))
    feeds = {f"x{k}": i.value(rng, batch, size) for k, i in enumerate(ins)}
    places = [(f"x{k}", "Placeholder", [], {"dtype": tf.as_dtype(i.dtype), "shape": tf.TensorShape(i.shape)}) for k, i in enumerate(ins)]
    graph_def = old_graph(producer, places + nodes)
    values = run(old_graph(producer, places + runs) if runs else graph_def, feeds, outs)
    check(label, values)
    write(folder, graph_def, feeds, outs, values)
