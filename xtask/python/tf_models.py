#!/usr/bin/env python3
"""Records whole TensorFlow models below fixtures/models/tensorflow. Run once in each venv:

    …/keras2/bin/python xtask/python/tf_models.py --python-set keras2 --out fixtures     (TensorFlow 2.15, Keras 2)
    …/keras3/bin/python xtask/python/tf_models.py --python-set keras3 --out fixtures     (the newest, Keras 3)
"""
import argparse, os, re, shutil, sys, traceback, zlib
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import tensorflow as tf

ap = argparse.ArgumentParser()
ap.add_argument("--python-set", choices=["keras2", "keras3"], required=True)
ap.add_argument("--out", default="fixtures")
ap.add_argument("--only", default="")
a = ap.parse_args()

V1 = tf.compat.v1
keras = tf.keras
K3 = tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16)
assert K3 == (a.python_set == "keras3"), f"this Python has tensorflow {tf.__version__}"
ROOT = os.path.join(a.out, "models/tensorflow")
CASES = []
LINES = {}


def case(name, sets="keras2 keras3"):
    """A case; its function gets the directory and a generator, saves a model there and returns (path, inputs, outputs[, args])."""
    def add(f):
        if a.python_set in sets.split():
            CASES.append((name, f))
        return f
    return add


def record(name, make):
    folder = os.path.join(ROOT, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    tf.random.set_seed(zlib.crc32(name.encode()) & 0xFFFF)
    path, ins, outs, *args = make(folder, rng)
    for key, v in outs.items():
        v = np.asarray(v)
        if v.dtype.kind == "U":
            assert len(set(v.flat)) > 1, f"{name}: {key} says nothing"
            continue
        assert np.isfinite(v).all() and (v.size == 1 or v.std() > 1e-4 * abs(v).max()), f"{name}: {key} says nothing"
    io = {"in:" + k: np.asarray(v) for k, v in ins.items()} | {"out:" + k: np.asarray(v) for k, v in outs.items()}
    np.savez_compressed(os.path.join(folder, "io.npz"), **io)
    LINES[name] = "\t".join([f"models/tensorflow/{name}", os.path.join(folder, path), os.path.join(folder, "io.npz"), args[0].replace("@", folder) if args else ""])
    for extra in ("fingerprint.pb", "keras_metadata.pb"):
        p = os.path.join(folder, path, extra)
        if os.path.exists(p) and extra == "fingerprint.pb":
            os.remove(p)
    empty = os.path.join(folder, path, "assets")
    if os.path.isdir(empty) and not os.listdir(empty):
        os.rmdir(empty)


def write_cases_tsv():
    """The lines of these cases anew; those of others stay."""
    with open(os.path.join(a.out, "CASES.tsv")) as fh:
        head, *rows = fh.read().splitlines()
    rows = {r.split("\t")[0]: r for r in rows} | {r.split("\t")[0]: r for r in LINES.values()}
    with open(os.path.join(a.out, "CASES.tsv"), "w") as fh:
        fh.write("\n".join([head, *sorted(rows.values())]) + "\n")


def randomise(model, rng):
    """Weights as training leaves them: batch statistics near one and zero."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(.7, 1.3, w.shape) if i in (0, 3) else rng.normal(0, .2, w.shape) for i, w in enumerate(layer.get_weights())])
    return model


def served(path, feeds, key="serving_default"):
    """What TensorFlow itself makes of a SavedModel."""
    f = tf.saved_model.load(path).signatures[key]
    return {k: v.numpy() for k, v in f(**{k: tf.constant(v) for k, v in feeds.items()}).items()}


def normal(rng, *shape):
    return rng.normal(0, 1, shape).astype("float32")


def mobilenet(rng):
    return randomise(keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=.1, weights=None, classes=7), rng)


def save_keras(model, path):
    model.export(path, verbose=False) if K3 else model.save(path)


def of_keras(folder, model, feeds):
    """Saved as Keras saves it; the feeds are by position."""
    path = os.path.join(folder, "model")
    save_keras(model, path)
    sig = tf.saved_model.load(path).signatures["serving_default"]
    names = [t.name for t in sig.structured_input_signature[1].values()]
    by = dict(zip(sorted(sig.structured_input_signature[1]), feeds)) if len(feeds) > 1 else {names[0]: feeds[0]}
    return "model", by, served(path, by)


def of_module(folder, model, x):
    """Saved as one function: Keras 2 saves each layer several times, which makes megabytes of functions."""
    class Served(tf.Module):
        def __init__(self):
            self.v = model.variables

        @tf.function(input_signature=[tf.TensorSpec([None, *x.shape[1:]], x.dtype, "x")])
        def __call__(self, x):
            return {"y": model(x, training=False)}
    path = os.path.join(folder, "model")
    tf.saved_model.save(Served(), path)
    return "model", {"x": x}, served(path, {"x": x})


TAG = "k3" if K3 else "k2"


@case(f"mobilenet_v2_module_{TAG}")
def _(folder, rng):
    model = mobilenet(rng)
    x = rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    return of_module(folder, model, x)


@case(f"mobilenet_v2_frozen_{TAG}")
def _(folder, rng):
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    model = mobilenet(rng)
    x = rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    f = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec((None, 32, 32, 3), tf.float32, name="x"))
    graph = convert_variables_to_constants_v2(f).graph.as_graph_def()
    open(os.path.join(folder, "model.pb"), "wb").write(graph.SerializeToString(deterministic=True))
    return "model.pb", {"x": x}, {"Identity": f(tf.constant(x))}


@case(f"cnn_save_{TAG}")
def _(folder, rng):
    L = keras.layers
    i = keras.Input((None, None, 3), name="image")
    x = L.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(i)
    x = L.ReLU(6.)(L.BatchNormalization()(x))
    y = L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(x))
    y = L.Dropout(.3)(L.Activation("swish")(y))
    x = L.Concatenate()([L.Add()([x, y]), L.MaxPooling2D(3, 1, "same")(x)])
    model = randomise(keras.Model(i, L.Dense(4, "softmax", name="probs")(L.GlobalAveragePooling2D()(x))), rng)
    return of_keras(folder, model, [normal(rng, 3, 17, 13, 3)])


@case(f"recurrent_{TAG}")
def _(folder, rng):
    L = keras.layers
    i = keras.Input((None, 5), name="sequence")
    x = L.Bidirectional(L.LSTM(4, return_sequences=True))(i)
    x = L.GRU(3, return_sequences=True, reset_after=True)(x)
    x = L.GRU(4, reset_after=False, go_backwards=True, return_sequences=True)(x)
    x = L.SimpleRNN(5, activation="relu")(x)
    model = keras.Model(i, L.Dense(3)(x))
    return of_keras(folder, model, [normal(rng, 2, 6, 5)]) if K3 else of_module(folder, model, normal(rng, 2, 6, 5))


@case(f"masked_{TAG}")
def _(folder, rng):
    L = keras.layers
    i = keras.Input((7,), dtype="int32", name="words")
    x = L.LSTM(5)(L.Embedding(20, 6, mask_zero=True)(i))
    ids = rng.integers(1, 20, (3, 7)).astype("int32")
    ids[0, 4:] = ids[1, 2:] = 0
    model = keras.Model(i, L.Dense(2)(x))
    return of_keras(folder, model, [ids]) if K3 else of_module(folder, model, ids)


class Gate(keras.layers.Layer):
    """A layer that nobody but this file knows."""
    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1], shape[-1]), initializer="glorot_normal")
        self.k = self.add_weight(name="k", shape=(), initializer=keras.initializers.Constant(.7))

    def call(self, x, training=None):
        y = tf.einsum("bti,ij->btj", x, self.w)
        s = tf.nn.sigmoid(y) if not training else y
        total = tf.reduce_sum(x, axis=1, keepdims=True)
        return tf.where(s > .5, x * s + self.k, tf.math.cumsum(x, axis=1) / (1. + tf.abs(total)))


@case(f"custom_layer_{TAG}")
def _(folder, rng):
    i = keras.Input((4, 6), name="x")
    return of_keras(folder, keras.Model(i, keras.layers.LayerNormalization()(Gate()(i))), [normal(rng, 3, 4, 6)])


@case(f"transformer_{TAG}")
def _(folder, rng):
    L = keras.layers
    i = keras.Input((None,), dtype="int32", name="tokens")
    x = L.Embedding(30, 8)(i)
    x = L.LayerNormalization()(x + L.MultiHeadAttention(2, 4)(x, x))
    x = L.LayerNormalization()(x + L.Dense(8)(L.Dense(16, "gelu")(x)))
    return of_keras(folder, keras.Model(i, L.Dense(3)(x)), [rng.integers(0, 30, (2, 5)).astype("int32")])


@case(f"two_inputs_{TAG}")
def _(folder, rng):
    L = keras.layers
    p, q = keras.Input((5,), name="a"), keras.Input((3,), name="b")
    x = L.Dense(4, "tanh")(p)
    model = keras.Model([p, q], [L.Dense(2, name="first")(L.Concatenate()([x, q])), L.Dense(1, name="second")(x)])
    return of_keras(folder, model, [normal(rng, 4, 5), normal(rng, 4, 3)])


class Flow(tf.Module):
    """Control flow of every kind, variables of the same name, two signatures."""
    def __init__(self, rng):
        self.w = tf.Variable(normal(rng, 4, 4), name="v")
        self.b = tf.Variable(normal(rng, 4), name="v")

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x"), tf.TensorSpec((), tf.int32, "n")])
    def loop(self, x, n):
        i, out = 0, tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=(4,))
        while i < n:
            x = tf.tanh(x @ self.w)
            if tf.reduce_sum(x) > 0.:
                x = x + self.b
            else:
                x = x - .5 * self.b
            i += 1
        y = tf.map_fn(lambda row: row * tf.reduce_max(row), x)
        z = tf.switch_case(n % 3, [lambda: x * 2., lambda: x + 1., lambda: -x])
        return {"state": x, "rows": y, "chosen": z}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def plain(self, x):
        return {"y": x @ self.w + self.b}


def flow(folder, rng, key, feeds):
    m = Flow(rng)
    path = os.path.join(folder, "model")
    tf.saved_model.save(m, path, signatures={"loop": m.loop, "plain": m.plain})
    return "model", feeds, served(path, feeds, key), f"--signature {key}"


@case("control_flow", "keras2")
def _(folder, rng):
    return flow(folder, rng, "loop", {"x": normal(rng, 3, 4), "n": np.int32(4)})


@case("signatures", "keras3")
def _(folder, rng):
    return flow(folder, rng, "plain", {"x": normal(rng, 3, 4)})


@case("lookup_table", "keras3")
def _(folder, rng):
    class Table(tf.Module):
        def __init__(self):
            init = tf.lookup.KeyValueTensorInitializer(np.array([3, 7, 11], "int64"), np.array([30., 70., 110.], "float32"))
            self.table = tf.lookup.StaticHashTable(init, -1.)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, "ids")])
        def __call__(self, ids):
            return {"values": self.table.lookup(ids) * .5}
    path = os.path.join(folder, "model")
    tf.saved_model.save(Table(), path)
    feeds = {"ids": np.array([7, 1, 3, 11, 3], "int64")}
    return "model", feeds, served(path, feeds)


@case("unknown_rank", "keras3")
def _(folder, rng):
    class M(tf.Module):
        def __init__(self):
            self.w = tf.Variable(normal(rng, 5, 3))

        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.nn.relu(tf.matmul(x, self.w)) + 1.}
    path = os.path.join(folder, "model")
    tf.saved_model.save(M(), path)
    feeds = {"x": normal(rng, 2, 3, 5)}
    return "model", feeds, served(path, feeds), "--input-type x=f32[N,T,5]"


@case("object_checkpoint", "keras2")
def _(folder, rng):
    L = keras.layers
    i = keras.Input((8, 8, 3), name="image")
    x = L.BatchNormalization()(L.Conv2D(5, 3, activation="relu")(i))
    model = randomise(keras.Model(i, L.Dense(4)(L.Flatten()(x))), rng)
    model.save_weights(os.path.join(folder, "model.ckpt"))
    os.remove(os.path.join(folder, "checkpoint"))
    open(os.path.join(folder, "arch.json"), "w").write(model.to_json())
    x = normal(rng, 2, 8, 8, 3)
    return "model.ckpt.index", {"image": x}, {"dense": model(x)}, "--arch @/arch.json"


@case("object_checkpoint_k3", "keras3")
def _(folder, rng):
    L = keras.layers
    i = keras.Input((6, 4), name="steps")
    inner = keras.Sequential([L.Dense(4), L.Dropout(.3), L.BatchNormalization()])
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(inner(i))
    x = L.LayerNormalization()(L.MultiHeadAttention(2, 3)(x, x))
    model = keras.Model(i, L.SeparableConv1D(3, 2, name="head")(x))
    model.set_weights([rng.uniform(.3, 1, w.shape) for w in model.get_weights()])
    tf.train.Checkpoint(model=model, step=tf.Variable(3)).write(os.path.join(folder, "model.ckpt"))
    open(os.path.join(folder, "arch.json"), "w").write(model.to_json())
    x = normal(rng, 2, 6, 4)
    return "model.ckpt.index", {"steps": x}, {"head": model(x)}, "--arch @/arch.json"


@case("lookup_tables", "keras3")
def _(folder, rng):
    class Tables(tf.Module):
        def __init__(self):
            def table(keys, values, default):
                return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)
            self.ids = table(tf.constant([3, 7, 11, -4], tf.int64), tf.constant([10, 20, 30, 40], tf.int64), 0)
            self.costs = table(tf.constant([3, 7, 11]), tf.constant([.5, 1.5, 2.5]), -9.)
            self.rows = tf.Variable(normal(rng, 50, 4))

        @tf.function
        def __call__(self, x):
            return {"y": tf.gather(self.rows, self.ids.lookup(x)), "z": self.costs.lookup(tf.cast(x, tf.int32))}
    path = os.path.join(folder, "model")
    tables = Tables()
    tf.saved_model.save(tables, path, tables.__call__.get_concrete_function(tf.TensorSpec([None, 3], tf.int64, "x")))
    x = np.array([[3, 7, 11], [-4, 0, 5]])
    return "model", {"x": x}, served(path, {"x": x})


@case("string_tables", "keras3")
def _(folder, rng):
    """Words to rows of an embedding, and classes to words."""
    class Tables(tf.Module):
        def __init__(self):
            words = tf.constant(["cat", "dog", "bird", "caf\u00e9"])
            self.ids = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(words, tf.range(1, 5, dtype=tf.int64)), 0)
            self.rows, self.w = tf.Variable(normal(rng, 5, 4)), tf.Variable(normal(rng, 4, 3))
            self.names = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.range(3, dtype=tf.int64), tf.constant(["low", "mid", "high"])), "?")

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.string, "words")])
        def __call__(self, words):
            scores = tf.matmul(tf.reduce_mean(tf.gather(self.rows, self.ids.lookup(words)), 1), self.w)
            return {"scores": scores, "name": self.names.lookup(tf.argmax(scores, 1))}
    path = os.path.join(folder, "model")
    tf.saved_model.save(Tables(), path)
    words = np.array([["cat", "cow", "bird"], ["dog", "dog", "caf\u00e9"], ["", "bird", "Cat"], ["bird", "bird", "dog"]])
    outs = served(path, {"words": words})
    return "model", {"words": words}, outs | {"name": outs["name"].astype("S").astype("U")}


@case("vocabulary_files", "keras3")
def _(folder, rng):
    """Tables that are filled from files among the assets."""
    tf.io.gfile.makedirs("/tmp/tf_models")
    for name, text in (("words.txt", "the\ncat\nsat\non\n"), ("costs.csv", "cat,1.5\non,2.5\nmat,-3")):
        open(f"/tmp/tf_models/{name}", "w").write(text)

    class Tables(tf.Module):
        def __init__(self):
            at, files, table = tf.lookup.TextFileIndex, tf.lookup.TextFileInitializer, tf.lookup.StaticHashTable
            self.ids = table(files("/tmp/tf_models/words.txt", tf.string, at.WHOLE_LINE, tf.int64, at.LINE_NUMBER), -1)
            self.costs = table(files("/tmp/tf_models/costs.csv", tf.string, 0, tf.float32, 1, delimiter=","), -1.)
            self.words = table(files("/tmp/tf_models/words.txt", tf.int64, at.LINE_NUMBER, tf.string, at.WHOLE_LINE, vocab_size=3), "?")
            self.rows = tf.Variable(normal(rng, 5, 4))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
        def __call__(self, words):
            ids = self.ids.lookup(words)
            return {"rows": tf.gather(self.rows, ids + 1), "costs": self.costs.lookup(words), "next": self.words.lookup(ids + 1)}
    path = os.path.join(folder, "model")
    tf.saved_model.save(Tables(), path)
    words = np.array(["cat", "on", "the", "mat", "sat"])
    outs = served(path, {"words": words})
    return "model", {"words": words}, outs | {"next": outs["next"].astype("S").astype("U")}


@case("tf1_vocabulary_file", "keras2")
def _(folder, rng):
    open("/tmp/tf_models_words.txt", "w").write("red\ngreen\nblue\n")
    with tf.Graph().as_default(), V1.Session() as session:
        words = V1.placeholder(tf.string, (None, 2), name="words")
        table = tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer("/tmp/tf_models_words.txt", tf.string, -2, tf.int64, -1), 1)
        hot = tf.one_hot(table.lookup(words), 4)
        y = tf.matmul(tf.reshape(hot, [-1, 8]), V1.get_variable("w", initializer=normal(rng, 8, 3), use_resource=False), name="y")
        session.run([V1.global_variables_initializer(), V1.tables_initializer()])
        feed = np.array([["red", "blue"], ["blue", "green"], ["green", "red"]])
        out = session.run(y, {words: feed})
        # As TF1's own initialiser did.
        V1.add_to_collection(V1.GraphKeys.ASSET_FILEPATHS, session.graph.get_tensor_by_name("asset_path:0"))
        V1.saved_model.simple_save(session, os.path.join(folder, "model"), {"words": words}, {"y": y}, legacy_init_op=V1.tables_initializer())
    return "model", {"words": feed}, {"y": out}


@case(f"mutable_tables_{TAG}")
def _(folder, rng):
    """Tables whose content is in the checkpoint: of numbers, vectors, strings; dense ones, with a key taken out; an empty one."""
    X, D = tf.lookup.experimental.MutableHashTable, tf.lookup.experimental.DenseHashTable
    class Tables(tf.Module):
        def __init__(self):
            keys = tf.constant([3, 7, 11, -4], tf.int64)
            def filled(table, keys, values):
                table.insert(keys, values)
                return table
            self.costs = filled(X(tf.int64, tf.float32, -1.), keys, tf.constant([.5, 1.5, 2.5, -3.5]))
            self.rows = filled(X(tf.int64, tf.float32, [-1., -2.]), keys[:3], normal(rng, 3, 2))
            self.dense = filled(D(tf.int64, tf.int32, -5, empty_key=0, deleted_key=-1, initial_num_buckets=16), keys, tf.constant([5, 6, 7, 8]))
            self.dense.remove(keys[1:2])
            self.pairs = filled(D(tf.int64, tf.float32, [0., 9.], empty_key=[0, 0], deleted_key=[0, 1], initial_num_buckets=8),
                                tf.constant([[3, 7], [7, 3], [3, 3]], tf.int64), normal(rng, 3, 2))
            self.words = filled(X(tf.int64, tf.string, "?"), keys, tf.constant(["low", "mid", "high", "caf\u00e9"]))
            self.ids = filled(D(tf.string, tf.int64, 0, empty_key="", deleted_key="$", initial_num_buckets=8), tf.constant(["low", "high"]), keys[:2])
            self.empty = X(tf.int64, tf.float32, 4.)
            self.hidden = filled(X(tf.int64, tf.float32, -1., experimental_is_anonymous=True), keys, tf.constant([1., 2., 3., 4.]))

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.int64, "x")])
        def __call__(self, x):
            some = self.rows.export()
            words = self.words.lookup(x)
            per_key = self.costs.lookup(x, dynamic_default_values=tf.cast(x, tf.float32) * 10.)
            flags = tf.cond(tf.reduce_sum(x) > 0, lambda: self.costs.lookup(x[:, 0]), lambda: -self.costs.lookup(x[:, 1]))
            keys, values = self.dense.export()
            return {"costs": self.costs.lookup(x), "rows": self.rows.lookup(x), "dense": self.dense.lookup(x[:, 2]), "pairs": self.pairs.lookup(x[:, :2]),
                    "words": words, "ids": self.ids.lookup(words[:, 1]), "empty": self.empty.lookup(x) * tf.cast(x, tf.float32), "per_key": per_key,
                    "sizes": tf.stack([self.costs.size(), self.dense.size(), self.empty.size(), self.pairs.size()]), "flags": flags,
                    "all": tf.sort(some[0]), "sum": tf.reduce_sum(some[1], 0), "buckets": keys, "held": values, "hidden": self.hidden.lookup(x)}
    path = os.path.join(folder, "model")
    tf.saved_model.save(Tables(), path)
    feeds = {"x": np.array([[3, 7, 11], [-4, 5, 3], [7, 3, 8], [11, 11, -4]], "int64")}
    outs = served(path, feeds)
    return "model", feeds, outs | {"words": np.char.decode(outs["words"].astype("S"), "utf8")}


def v1_tables(rng, finish):
    """The same in TensorFlow 1, and the first ops of these, whose tables were references."""
    from tensorflow.python.ops import lookup_ops as T
    raw = tf.raw_ops
    with tf.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.int64, (None,), name="x")
        keys = tf.constant([3, 7, 11], tf.int64)
        costs, rows = T.MutableHashTable(tf.int64, tf.float32, -1., name="costs"), T.MutableHashTable(tf.int64, tf.float32, [-1., -2.], name="rows")
        dense = T.DenseHashTable(tf.int64, tf.float32, -5., empty_key=0, deleted_key=-1, initial_num_buckets=8, name="dense")
        fill = [costs.insert(keys, tf.constant(normal(rng, 3))), rows.insert(keys, tf.constant(normal(rng, 3, 2))), dense.insert(keys, tf.constant(normal(rng, 3)))]
        ids = tf.stack([costs.lookup(x), dense.lookup(x)], 1) + rows.lookup(x)
        w = V1.get_variable("w", initializer=normal(rng, 2, 3), use_resource=False)
        y = tf.matmul(ids, w) + tf.cast(costs.size(), tf.float32)
        make = [lambda n: raw.MutableHashTable(key_dtype=tf.int64, value_dtype=tf.float32, shared_name=n, name=n),
                lambda n: raw.MutableHashTableOfTensors(key_dtype=tf.int64, value_dtype=tf.float32, value_shape=[2], shared_name=n, name=n)]
        class Saved(T.BaseSaverBuilder.SaveableObject):
            def __init__(self, handle, name):
                self.both = raw.LookupTableExport(table_handle=handle, Tkeys=tf.int64, Tvalues=tf.float32)
                spec = lambda t, end: T.BaseSaverBuilder.SaveSpec(t, "", name + end)
                super().__init__(handle, [spec(self.both[0], "-keys"), spec(self.both[1], "-values")], name)

            def restore(self, tensors, shapes):
                return raw.LookupTableImport(table_handle=self.op, keys=tensors[0], values=tensors[1])
        for i, (table, default) in enumerate(zip(make, (tf.constant(.25), tf.constant([.5, -.5])))):
            handle = table(f"old_{i}")
            V1.add_to_collection(V1.GraphKeys.SAVEABLE_OBJECTS, Saved(handle, f"old_{i}"))
            fill.append(raw.LookupTableInsert(table_handle=handle, keys=keys, values=tf.constant(normal(rng, 3, 2) if i == 1 else normal(rng, 3))))
            found = raw.LookupTableFind(table_handle=handle, keys=x, default_value=default)
            y += tf.reshape(found, [-1, 2 if i == 1 else 1])[:, :1] * (i + 1.)
        y = tf.identity(y, name="y")
        session.run(V1.global_variables_initializer())
        session.run(fill)
        feed = np.array([7, 3, 5, 11, 3], "int64")
        out = session.run(y, {x: feed})
        finish(session, x, y)
    return feed, out


@case("tf1_mutable_tables", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        V1.saved_model.simple_save(session, os.path.join(folder, "model"), {"ids": x}, {"scores": y})
    feed, out = v1_tables(rng, finish)
    return "model", {"ids": feed}, {"scores": out}


@case("tf1_mutable_tables_meta", "keras2")
def _(folder, rng):
    feed, out = v1_tables(rng, lambda session, x, y: V1.train.Saver().save(session, os.path.join(folder, "model.ckpt")))
    os.remove(os.path.join(folder, "checkpoint"))
    return "model.ckpt.meta", {"x": feed}, {"y": out}, "--outputs y"


@case("integer_lookup_k2", "keras2")
def _(folder, rng):
    """Keras's own layer after `adapt`, which counts in a table that can change."""
    L = keras.layers
    layer = L.IntegerLookup(output_mode="one_hot")
    layer.adapt(np.array([3, 7, 7, 11, 11, 11, 40]))
    i = keras.Input((1,), dtype="int64", name="ids")
    model = keras.Model(i, L.Dense(3)(layer(i)))
    return of_keras(folder, model, [np.array([[7], [5], [11], [40]])])


def between(u, low, high):
    """What is the same whatever is drawn."""
    return tf.stack([tf.size(u), tf.cast(tf.reduce_all((u >= low) & (u < high)), tf.int32), tf.cast(tf.reduce_max(u) > tf.reduce_min(u), tf.int32)])


@case("random_generator", "keras3")
def _(folder, rng):
    """Numbers of a generator that is kept in a variable."""
    class M(tf.Module):
        def __init__(self):
            self.generator = tf.random.Generator.from_seed(5)

        @tf.function(input_signature=[tf.TensorSpec([None, 40], tf.float32, "x")])
        def __call__(self, x):
            g, n, raw = self.generator, tf.shape(x), tf.raw_ops
            old = dict(resource=g.state.handle, algorithm=np.int64(1), shape=n)
            old = {"old_even": between(raw.StatefulUniform(**old), 0., 1.), "old_normal": between(raw.StatefulStandardNormalV2(**old), -9., 9.),
                   "old_truncated": between(raw.StatefulTruncatedNormal(**old), -2., 2.), "old_integers": between(raw.StatefulUniformInt(**old, minval=-3, maxval=9), -3, 9)}
            return old | {"even": between(g.uniform(n), 0., 1.), "normal": between(g.normal(n), -9., 9.), "truncated": between(g.truncated_normal(n), -2., 2.),
                    "integers": between(g.uniform(n, -3, 9, tf.int32), -3, 9), "whole": tf.shape(g.uniform_full_int(n, tf.uint64))}
    path = os.path.join(folder, "model")
    tf.saved_model.save(M(), path)
    x = normal(rng, 3, 40)
    return "model", {"x": x}, served(path, {"x": x})


@case("changing_seed", "keras3")
def _(folder, rng):
    """Keras's seed, which is another in each run."""
    class Noise(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(7)

        def call(self, x):
            return tf.cast(between(keras.random.uniform(tf.shape(x), seed=self.seed), 0., 1.), tf.float32) * tf.reduce_mean(x)
    i = keras.Input((40,))
    return of_keras(folder, keras.Model(i, Noise()(i)), [normal(rng, 3, 40)])


@case("stateless_numbers", "keras3")
def _(folder, rng):
    """Numbers of constant seeds as Python makes the graph for them."""
    R = tf.random
    class M(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "rows")])
        def __call__(self, rows):
            seed = R.fold_in([1, 2], 3)
            all = {"even": R.stateless_uniform([3, 4], [1, 2]), "philox": R.stateless_uniform([3, 4], [1, -2], alg="philox"), "normal": R.stateless_normal([3, 4], seed, 2., 3.),
                   "truncated": R.stateless_truncated_normal([3, 4], R.split(seed, 2)[1]), "integers": R.stateless_uniform([3, 4], seed, 0, 100, tf.int32)}
            return {name: tf.gather(z, rows) for name, z in all.items()}
    path = os.path.join(folder, "model")
    tf.saved_model.save(M(), path)
    rows = np.array([2, 0, 1, 0], "int32")
    return "model", {"rows": rows}, served(path, {"rows": rows})


# ---- TensorFlow 1

def v1_net(rng, x, ref=True, partitions=1):
    """A convolution with batch normalisation, Relu6, dropout behind a switch, a dense layer."""
    def var(name, value):
        if partitions > 1 and value.ndim == 2:
            part = V1.fixed_size_partitioner(partitions)
            rows = lambda shape, dtype, partition_info: tf.constant(value[partition_info.var_offset[0]:][:shape[0]])
            return tf.convert_to_tensor(V1.get_variable(name, value.shape, initializer=rows, use_resource=not ref, partitioner=part))
        init, part = V1.constant_initializer(value), None
        return V1.get_variable(name, value.shape, initializer=init, use_resource=not ref, partitioner=part)
    with V1.variable_scope("net", reuse=V1.AUTO_REUSE):
        y = tf.nn.conv2d(x, var("kernel", normal(rng, 3, 3, 2, 4) * .4), 2, "SAME")
        moments = [var(n, rng.uniform(.5, 1.5, 4).astype("float32")) for n in ("gamma", "variance")]
        shifts = [var(n, normal(rng, 4) * .3) for n in ("beta", "mean")]
        y, *_ = V1.nn.fused_batch_norm(y, moments[0], shifts[0], shifts[1], moments[1], is_training=False)
        y = tf.nn.relu6(y)
        training = V1.placeholder_with_default(False, (), name="training")
        y = V1.cond(training, lambda: V1.nn.dropout(y, keep_prob=.5), lambda: tf.identity(y))
        y = tf.reshape(y, [-1, 64])
        return tf.nn.softmax(tf.matmul(y, var("weights", normal(rng, 64, 6) * .2)) + var("bias", normal(rng, 6)), name="probs")


def v1_run(rng, finish, **net):
    """Builds, initialises, runs and lets `finish(session, x, y)` save."""
    with tf.Graph().as_default(), V1.Session(config=V1.ConfigProto(device_count={"CPU": 2})) as session:
        x = V1.placeholder(tf.float32, (None, 8, 8, 2), name="x")
        y = v1_net(rng, x, **net)
        session.run(V1.global_variables_initializer())
        feed = normal(rng, 3, 8, 8, 2)
        out = session.run(y, {x: feed})
        return *finish(session, x, y), feed, out


@case("tf1_simple_save", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        V1.saved_model.simple_save(session, os.path.join(folder, "model"), {"image": x}, {"classes": y})
        return ()
    feed, out = v1_run(rng, finish)
    return "model", {"image": feed}, {"classes": out}


@case("tf1_builder_text", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        b = V1.saved_model.Builder(os.path.join(folder, "model"))
        sig = V1.saved_model.predict_signature_def
        b.add_meta_graph_and_variables(session, ["train"], {"fit": sig({"i": x}, {"o": y})})
        b.add_meta_graph(["serve", "gpu"], {"score": sig({"image": x}, {"classes": y}), "twice": sig({"image": x}, {"o": y + y})})
        b.save(as_text=True)
        return ()
    feed, out = v1_run(rng, finish, ref=False)
    return "model", {"image": feed}, {"classes": out}, "--tag-set serve,gpu --signature score"


@case("tf1_meta", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        V1.train.Saver().save(session, os.path.join(folder, "model.ckpt"), global_step=7)
        return ()
    feed, out = v1_run(rng, finish)
    os.remove(os.path.join(folder, "checkpoint"))
    return "model.ckpt-7.index", {"x": feed}, {"net/probs": out}, "--outputs net/probs"


@case("tf1_meta_v1_format", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        V1.train.Saver(write_version=V1.train.SaverDef.V1).save(session, os.path.join(folder, "model.ckpt"))
        return ()
    feed, out = v1_run(rng, finish, ref=False)
    os.remove(os.path.join(folder, "checkpoint"))
    return "model.ckpt", {"x": feed}, {"net/probs": out}, "--outputs net/probs"


@case("tf1_partitioned_shards", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        V1.train.Saver(sharded=True).save(session, os.path.join(folder, "model.ckpt"))
        return ()
    feed, out = v1_run(rng, finish, partitions=3)
    os.remove(os.path.join(folder, "checkpoint"))
    return "model.ckpt.index", {"x": feed}, {"net/probs": out}, "--outputs net/probs"


@case("tf1_empty_prefix", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        V1.train.Saver().save(session, os.path.join(folder, "model/m"))
        return ()
    feed, out = v1_run(rng, finish)
    for n in os.listdir(os.path.join(folder, "model")):
        full = os.path.join(folder, "model", n)
        os.remove(full) if n == "checkpoint" else os.rename(full, os.path.join(folder, "model", n[1:]))
    return "model/.index", {"x": feed}, {"net/probs": out}, "--outputs net/probs"


def freeze(session, outputs):
    return V1.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(add_shapes=True), outputs)


@case("tf1_frozen_text", "keras2")
def _(folder, rng):
    def finish(session, x, y):
        open(os.path.join(folder, "model.pbtxt"), "w").write(str(freeze(session, ["net/probs"])))
        return ()
    feed, out = v1_run(rng, finish)
    return "model.pbtxt", {"x": feed}, {"net/probs": out}


@case("tf1_frozen_as_saved_model", "keras2")
def _(folder, rng):
    """A frozen graph that somebody called saved_model.pb."""
    os.makedirs(os.path.join(folder, "model"))
    def finish(session, x, y):
        open(os.path.join(folder, "model/saved_model.pb"), "wb").write(freeze(session, ["net/probs"]).SerializeToString(deterministic=True))
        return ()
    feed, out = v1_run(rng, finish)
    return "model", {"x": feed}, {"net/probs": out}


@case("tf1_dropout", "keras2")
def _(folder, rng):
    """A graph that is trained, with the probability of dropout as a placeholder; the second as TensorFlow 1.4 wrote it."""
    with tf.Graph().as_default(), V1.Session() as session:
        x, keep = V1.placeholder(tf.float32, (None, 5), name="x"), V1.placeholder(tf.float32, (), name="keep_prob")
        labels = V1.placeholder(tf.int64, (None,), name="labels")
        dense = lambda h, n, name: tf.matmul(h, V1.get_variable(name, initializer=normal(rng, int(h.shape[1]), n), use_resource=False))
        h = V1.nn.dropout(tf.nn.relu(dense(x, 8, "a")), keep_prob=keep)
        h = tf.tanh(dense(h, 6, "b"))
        h = tf.divide(h, keep) * tf.floor(keep + V1.random_uniform(tf.shape(h)))
        logits = dense(h, 3, "c")
        probs = tf.nn.softmax(logits, name="probs")
        loss = tf.reduce_mean(V1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        step = V1.train.GradientDescentOptimizer(.1).minimize(loss)
        session.run(V1.global_variables_initializer())
        feed = normal(rng, 4, 5)
        session.run(step, {x: feed, labels: [0, 1, 2, 1], keep: .5})
        out = session.run(probs, {x: feed, keep: 1.})
        V1.train.Saver().save(session, os.path.join(folder, "model.ckpt"))
    os.remove(os.path.join(folder, "checkpoint"))
    return "model.ckpt.meta", {"x": feed}, {"probs": out}, "--outputs probs"


@case("tf1_dropout_unnamed", "keras2")
def _(folder, rng):
    """Probabilities of dropout in placeholders whose names and shapes say nothing, as TensorFlow 1.4 and 1.15 wrote it."""
    with tf.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.float32, (None, 5), name="x")
        old, keep, rate = (V1.placeholder(tf.float32, name=n) for n in ("a", "b", "c"))
        dense = lambda h, n, name: tf.matmul(h, V1.get_variable(name, initializer=normal(rng, int(h.shape[1]), n), use_resource=False))
        h = tf.tanh(dense(x, 8, "first"))
        h = tf.reshape(tf.divide(h, old) * tf.floor(old + V1.random_uniform(tf.shape(h))), [-1, 8])
        h = tf.tanh(dense(h, 6, "second"))
        h = tf.reshape(tf.divide(h, keep) * tf.cast(V1.random_uniform(tf.shape(h)) >= 1 - keep, tf.float32), [-1, 6])
        h = tf.tanh(dense(h, 4, "third"))
        h = tf.divide(h, 1 - rate) * tf.cast(V1.random_uniform(tf.shape(h)) >= rate, tf.float32)
        y = tf.identity(h, name="y")
        session.run(V1.global_variables_initializer())
        feed = normal(rng, 4, 5)
        out = session.run(y, {x: feed, old: 1., keep: 1., rate: 0.})
        graph = freeze(session, ["y"])
    open(os.path.join(folder, "model.pb"), "wb").write(graph.SerializeToString(deterministic=True))
    return "model.pb", {"x": feed}, {"y": out}


@case("tf1_trained", "keras2")
def _(folder, rng):
    """A graph that is trained, by a placeholder without a name: normalisation by the batch and dropout behind conditions,
    whose gradients are behind the same ones."""
    V1.disable_control_flow_v2()
    with tf.Graph().as_default(), V1.Session() as session:
        x, labels, train = V1.placeholder(tf.float32, (None, 6, 6, 2)), V1.placeholder(tf.float32, (None, 3)), V1.placeholder(tf.bool)
        stats = dict(beta_initializer=V1.constant_initializer(.2), gamma_initializer=V1.constant_initializer(1.3),
                     moving_mean_initializer=V1.constant_initializer(.4), moving_variance_initializer=V1.constant_initializer(.6))
        h = tf.nn.relu(V1.layers.batch_normalization(x, training=train, **stats))
        h = V1.layers.conv2d(h, 4, 3, kernel_initializer=V1.constant_initializer(normal(rng, 3, 3, 2, 4) * .3))
        h = V1.layers.batch_normalization(h, training=train, **stats)
        h = V1.layers.dropout(V1.layers.flatten(tf.nn.relu(h)), .5, training=train)
        h = V1.layers.batch_normalization(h, training=train, **stats)
        logits = V1.layers.dense(h, 3, kernel_initializer=V1.constant_initializer(normal(rng, 64, 3) * .2))
        y = tf.sigmoid(logits)
        loss = V1.losses.sigmoid_cross_entropy(labels, logits)
        with tf.control_dependencies(V1.get_collection(V1.GraphKeys.UPDATE_OPS)):
            step = V1.train.AdamOptimizer(.01).minimize(loss)
        session.run(V1.global_variables_initializer())
        feed = normal(rng, 3, 6, 6, 2)
        session.run(step, {x: feed, labels: np.eye(3), train: True})
        out = session.run(y, {x: feed, train: False})
        V1.train.Saver().save(session, os.path.join(folder, "model.ckpt"))
        names = x.op.name, y.op.name
    V1.enable_control_flow_v2()
    os.remove(os.path.join(folder, "checkpoint"))
    return "model.ckpt.meta", {names[0]: feed}, {names[1]: out}


@case("tf1_dynamic_rnn", "keras2")
def _(folder, rng):
    V1.disable_control_flow_v2()
    with tf.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.float32, (None, None, 4), name="x")
        def step(i, state, out):
            state = tf.tanh(tf.matmul(items.read(i), w) + tf.matmul(state, u))
            state = V1.cond(tf.equal(i % 2, 0), lambda: state * .5, lambda: state)
            return i + 1, state, out.write(i, state)
        w, u = (V1.get_variable(n, initializer=normal(rng, k, 3), use_resource=False) for n, k in (("w", 4), ("u", 3)))
        time_major = tf.transpose(x, [1, 0, 2])
        n = tf.shape(time_major)[0]
        items = tf.TensorArray(tf.float32, n).unstack(time_major)
        zeros = tf.zeros([tf.shape(x)[0], 3])
        _, last, out = V1.while_loop(lambda i, *_: i < n, step, [tf.constant(0), zeros, tf.TensorArray(tf.float32, n)])
        y = tf.transpose(out.stack(), [1, 0, 2], name="states")
        last = tf.identity(last, name="last")
        session.run(V1.global_variables_initializer())
        feed = normal(rng, 2, 5, 4)
        outs = session.run({"states": y, "last": last}, {x: feed})
        graph = freeze(session, ["states", "last"])
    V1.enable_control_flow_v2()
    open(os.path.join(folder, "model.pb"), "wb").write(graph.SerializeToString(deterministic=True))
    return "model.pb", {"x": feed}, outs, "--outputs states,last"


@case("recurrent_export", "keras3")
def _(folder, rng):
    """LSTM with its states, GRU the other way round, a simple layer; sequences of any number and length."""
    L = keras.layers
    i = keras.Input((None, 5), name="sequence")
    x, h, c = L.LSTM(4, return_sequences=True, return_state=True, use_bias=False)(i)
    y = L.SimpleRNN(4, activation="relu")(L.GRU(3, go_backwards=True, return_sequences=True)(x))
    return of_keras(folder, keras.Model(i, L.Dense(3)(L.Concatenate()([y, h, c]))), [normal(rng, 2, 6, 5)])


def recurrence(x, step, states, times=None, at=lambda t, n: t, seen=lambda state: state[0], start=None):
    """A loop over the rows of `x`, as Keras writes it; `step` gets the row and the states."""
    n = tf.shape(x)[0]
    times = n if times is None else times(n)
    states = [tf.zeros([tf.shape(x)[1], k]) if start is None else start(tf.shape(x)[1], k) for k in states]
    items = tf.TensorArray(tf.float32, n).unstack(x)
    def body(t, out, *state):
        state = step(items.read(at(t, n)), *state)
        return t + 1, out.write(t, seen(state)), *state
    return V1.while_loop(lambda t, *_: t < times, body, [0, tf.TensorArray(tf.float32, times), *states])


@case("nearly_recurrent", "keras3")
def _(folder, rng):
    """Loops that differ in one place from what recurrent layers write, and the layers that they differ from."""
    d, k, sig, tanh = 3, 4, tf.sigmoid, tf.tanh
    def weights(n):
        return tf.constant(normal(rng, d, n * k) * .5), tf.constant(normal(rng, k, n * k) * .5), tf.constant(normal(rng, n * k) * .3)
    def lstm(f_out=sig, peep=0., twice=0.):
        w, u, b = weights(4)
        def step(x, h, c):
            i, f, g, o = tf.split(x @ w + h @ u + b, 4, 1)
            new = sig(f + peep * c if peep else f) * c + sig(i) * tanh(g)
            return f_out(o) * tanh(new + twice * h if twice else new), new
        return step
    def gru(turned=False, before=lambda h: h):
        w, u, b = weights(3)
        w, u, b = (tf.split(v, 3, -1) for v in (w, u, b))
        def step(x, h):
            z, r = sig(x @ w[0] + h @ u[0] + b[0]), sig(x @ w[1] + h @ u[1] + b[1])
            g = tanh(x @ w[2] + (r * before(h)) @ u[2] + b[2])
            return (z * g + (1. - z) * h if turned else z * h + (1. - z) * g),
        return step
    def simple(more=lambda x, h: 0., act=tanh):
        w, u, b = weights(1)
        def step(x, h):
            rest = more(x, h)
            y = act(x @ w + h @ u + b)
            return (y if isinstance(rest, float) else y + rest),
        return step
    plain = lambda **how: recurrence(x, simple(), [k], **how)
    with tf.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.float32, (None, None, d), name="x")
        loops = {
            # These are what they look like.
            "is_lstm": recurrence(x, lstm(), [k, k]), "is_gru": recurrence(x, gru(), [k]), "is_simple": plain(),
            "started": plain(start=lambda n, k: tf.fill([n, k], .5)),
            # Gates and states.
            "hard_output": recurrence(x, lstm(f_out=tf.nn.relu6), [k, k]),
            "peephole": recurrence(x, lstm(peep=.7), [k, k]),
            "shortcut": recurrence(x, lstm(twice=.5), [k, k]),
            "turned_gru": recurrence(x, gru(turned=True), [k]),
            "reset_of_less": recurrence(x, gru(before=lambda h: h * .5), [k]),
            "residual": recurrence(x, simple(lambda x, h: .5 * h), [k]),
            "elu": recurrence(x, simple(act=tf.nn.elu), [k]),
            # Rows, and what is seen of the states.
            "doubled": plain(seen=lambda s: 2. * s[0]), "cells": recurrence(x, lstm(), [k, k], seen=lambda s: s[1]),
            "not_the_last": plain(times=lambda n: n - 1), "from_behind": plain(at=lambda t, n: n - 1 - t),
        }
        fetched = {}
        for name, (t, out, *state) in loops.items():
            y = out.stack() if name in ("is_lstm", "is_gru", "is_simple", "doubled", "cells", "from_behind") else state[-1]
            fetched[name] = tf.identity(y, name=name)
        t, _, h = plain()
        fetched["counted"] = tf.identity(h * tf.cast(t, tf.float32), name="counted")
        feed = normal(rng, 5, 2, d)
        outs = session.run(fetched, {x: feed})
        graph = session.graph.as_graph_def()
    for f in graph.library.function:
        f.attr.clear(), f.arg_attr.clear()
    open(os.path.join(folder, "model.pb"), "wb").write(graph.SerializeToString(deterministic=True))
    return "model.pb", {"x": feed}, outs, "--outputs " + ",".join(outs)


def fed(folder, rng, feeds, y):
    """A frozen graph whose examples come from queues or iterators, which are fed instead."""
    with V1.Session() as session:
        out = session.run(y, feeds)
        graph = session.graph.as_graph_def()
    open(os.path.join(folder, "model.pb"), "wb").write(graph.SerializeToString(deterministic=True))
    return "model.pb", {t.name.removesuffix(":0"): v for t, v in feeds.items()}, {y.name.removesuffix(":0"): out}


@case("tf1_queues", "keras2")
def _(folder, rng):
    """Batches from queues: one of examples that another fills, one of parts of which one is used, one of single tensors."""
    with tf.Graph().as_default():
        number, files = V1.placeholder(tf.int32, (), name="batch_size"), V1.placeholder(tf.string, (None,), name="files")
        first = V1.FIFOQueue(4, [tf.string], [()], name="first")
        raw = tf.io.decode_raw(first.dequeue(name="file"), tf.float32)
        images = V1.PaddingFIFOQueue(8, [tf.float32, tf.int64, tf.float32], [[None, 5], [], [5]], name="images")
        first.enqueue_many([files]), images.enqueue([tf.reshape(raw, [-1, 5]), tf.constant(1, tf.int64), tf.ones([5])])
        x, label, weight = images.dequeue_up_to(number, name="batch")
        pairs = V1.RandomShuffleQueue(8, 2, [tf.float32], [[3]], name="pairs")
        shift = pairs.dequeue_many(2, name="shifts")
        scale = V1.FIFOQueue(2, [tf.float32], [[3]], name="scales").dequeue(name="scale")
        h = tf.reduce_max(x * weight[:, None], 1)
        y = tf.add(tf.matmul(h, tf.constant(normal(rng, 5, 3))) * scale, tf.reduce_sum(shift, 0), name="y")
        tf.add(tf.one_hot(label, 3), y, name="other")
        feeds = {x: normal(rng, 4, 6, 5), weight: normal(rng, 4, 5), shift: normal(rng, 2, 3), scale: normal(rng, 3)}
        return *fed(folder, rng, feeds, y), "--outputs y"


@case("tf1_iterator", "keras2")
def _(folder, rng):
    """Batches of images and what is said of them; the loss that takes the latter is not asked for."""
    with tf.Graph().as_default():
        data = V1.data.Dataset.from_tensor_slices((np.zeros((4, 6, 6, 2), "f"), np.zeros(4, "int64"))).batch(2)
        iterator = V1.data.Iterator.from_structure(V1.data.get_output_types(data), (tf.TensorShape([None, None, None, 2]), tf.TensorShape([None])))
        image, label = iterator.get_next()
        h = tf.nn.relu(tf.nn.conv2d(image, tf.constant(normal(rng, 3, 3, 2, 4)), 2, "SAME"))
        logits = tf.matmul(tf.reduce_mean(h, [1, 2]), tf.constant(normal(rng, 4, 3)))
        y = tf.nn.softmax(logits, name="probs")
        tf.reduce_mean(V1.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits), name="loss")
        return *fed(folder, rng, {image: normal(rng, 3, 5, 7, 2)}, y), "--outputs probs"


@case("ragged_rows", "keras3")
def _(folder, rng):
    """Rows of ragged tensors that loops go through: of numbers, of vectors, ragged ones again, and a row picked."""
    R = tf.RaggedTensor
    class M(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x"), tf.TensorSpec([None], tf.int64, "lengths"), tf.TensorSpec([None], tf.int32, "groups"), tf.TensorSpec([], tf.int32, "at")])
        def __call__(self, x, lengths, groups, at):
            rows = R.from_row_lengths(x, lengths)
            deep = R.from_row_lengths(rows, tf.cast(groups, tf.int64))
            inner = lambda row: tf.reduce_sum(row, 0) * tf.cast(tf.shape(row)[0], tf.float32)
            means = tf.map_fn(lambda row: tf.reduce_mean(tf.tanh(row)) + tf.reduce_max(row), rows.with_values(x[:, 0]), fn_output_signature=tf.float32)
            sums = tf.map_fn(lambda r: tf.reduce_max(tf.map_fn(inner, r, fn_output_signature=tf.TensorSpec([3], tf.float32)), 0) + tf.cast(r.nrows(), tf.float32), deep, fn_output_signature=tf.TensorSpec([3], tf.float32))
            coded = tf.raw_ops.RaggedTensorToVariant(rt_nested_splits=list(deep.nested_row_splits), rt_dense_values=x, batched_input=True)
            (splits,), values = tf.raw_ops.RaggedTensorFromVariant(encoded_ragged=coded[at], input_ragged_rank=1, output_ragged_rank=1, Tvalues=tf.float32)
            whole = tf.raw_ops.RaggedTensorToVariant(rt_nested_splits=[rows.row_splits], rt_dense_values=x, batched_input=False)
            (back,), _ = tf.raw_ops.RaggedTensorFromVariant(encoded_ragged=whole, input_ragged_rank=1, output_ragged_rank=1, Tvalues=tf.float32)
            return {"means": means, "sums": sums, "splits": splits, "values": values, "back": back}
    path = os.path.join(folder, "model")
    tf.saved_model.save(M(), path)
    feeds = {"x": normal(rng, 9, 3), "lengths": np.array([2, 1, 3, 1, 2], "int64"), "groups": np.array([2, 3], "int32"), "at": np.int32(1)}
    return "model", feeds, served(path, feeds), "--input-type x=f32[V,3] --input-type lengths=i64[N] --input-type groups=i32[G]"


done = failed = 0
os.makedirs(ROOT, exist_ok=True)
for name, make in CASES:
    if not re.search(a.only, f"models/tensorflow/{name}"):
        continue
    try:
        record(name, make)
        done += 1
    except Exception as e:
        failed += 1
        print(f"FAILED {name}: {type(e).__name__}: {str(e)[:300]}", file=sys.stderr)
        if os.environ.get("TRACE"):
            traceback.print_exc()
        shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)
write_cases_tsv()
print(f"{done} recorded, {failed} failed")
sys.exit(failed > 0)
