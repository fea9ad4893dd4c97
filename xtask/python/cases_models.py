"""Whole-model cases (fixtures/models/keras) and hostile files (fixtures/bad)."""
import os
import h5py
import numpy as np
import keras
import fixlib as f
from cases_keras1 import make_keras1
from fixlib import K3

L = keras.layers


def mobilenet():
    return keras.applications.MobileNetV2((96, 96, 3), alpha=.35, weights=None, classes=10)


def narrow_mobilenet():
    """The same layers at a fifth of the bytes, for every other way to save it."""
    return keras.applications.MobileNetV2((64, 64, 3), alpha=.1, weights=None, classes=10)


class CustomLayer(L.Layer):
    """x @ w + b, saved without registration."""
    def __init__(self, units=5, **kw):
        super().__init__(**kw)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1], self.units), initializer="glorot_uniform")
        self.b = self.add_weight(name="b", shape=(self.units,), initializer="zeros")

    def call(self, x):
        return x @ self.w + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def custom():
    return keras.Sequential([keras.Input((10,)), CustomLayer(5), L.Dense(2)])


def multi_io():
    a, b = keras.Input((6, 6, 3), name="image"), keras.Input((4,), name="meta")
    x = L.Flatten()(L.Conv2D(4, 3, strides=2, activation="relu")(a))
    z = L.Concatenate()([x, L.Dense(3, activation="tanh")(b)])
    return keras.Model([a, b], [L.Dense(3, activation="softmax", name="cls")(z), L.Dense(1, name="reg")(z)])


def shared():
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    d = L.Dense(4, activation="relu", name="shared")
    return keras.Model([a, b], L.Dense(2)(L.Subtract()([d(a), d(L.Dense(5)(b))])))


def nested_sequential():
    inner = keras.Sequential([keras.Input((6, 6, 3)), L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU()], name="inner")
    return keras.Sequential([keras.Input((6, 6, 3)), inner, L.GlobalAveragePooling2D(), L.Dense(3)])


def nested_functional():
    i = keras.Input((5,))
    inner = keras.Model(i, [L.Dense(4)(i), L.Dense(3)(i)], name="inner")
    x = keras.Input((5,))
    p, q = inner(x)
    r, s = inner(L.Dense(5)(x))
    return keras.Model(x, L.Concatenate()([p, q, r, s]))


def trained():
    m = keras.Sequential([keras.Input((6,)), L.Dense(5, activation="relu"), L.BatchNormalization(), L.Dense(3, activation="softmax")])
    m.compile("adam", "categorical_crossentropy")
    m.fit(np.random.normal(size=(8, 6)), np.eye(3)[np.arange(8) % 3], epochs=1, verbose=0)
    return m


def deep_config():
    x = i = keras.Input((4,))
    for n in range(60):
        x = L.Add(name=f"a_rather_long_residual_name_{n}")([x, L.Dense(4, activation="tanh", name=f"a_rather_long_dense_name_{n}")(x)])
        x = L.UnitNormalization(name=f"unit_{n}")(x)
    return keras.Model(i, x)


def sequential_late():
    """Sequential whose input shape is on the first layer, not on an InputLayer."""
    if K3:
        m = keras.Sequential([L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3)])
        m.build((None, 6, 6, 2))
        return m
    return keras.Sequential([L.Conv2D(4, 3, activation="relu", batch_input_shape=(None, 6, 6, 2)), L.Flatten(), L.Dense(3)])


def fixed_batch():
    x = keras.Input(batch_shape=(2, 5), name="x")
    return keras.Model(x, L.Reshape((2, 3))(L.Dense(6, activation="tanh")(x)))


def mixed_float16():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        x = keras.Input((6, 6, 3))
        y = L.GlobalAveragePooling2D()(L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3)(x))))
        return keras.Model(x, L.Dense(3, dtype="float32")(y))
    finally:
        keras.mixed_precision.set_global_policy("float32")


def float64():
    keras.backend.set_floatx("float64")
    try:
        x = keras.Input((5,))
        return keras.Model(x, L.Dense(3)(L.LayerNormalization()(L.Dense(4, activation="tanh")(x))))
    finally:
        keras.backend.set_floatx("float32")


def functional_dict():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    z = L.Add()([L.Dense(4)(a), b])
    return keras.Model({"a": a, "b": b}, {"p": L.Dense(2, name="p")(z), "q": L.Dense(3, name="q")(z)})


def reused_submodel():
    i = keras.Input((6, 6, 3))
    enc = keras.Model(i, L.GlobalMaxPooling2D()(L.Conv2D(5, 3, activation="relu")(i)), name="encoder")
    a, b = keras.Input((6, 6, 3), name="left"), keras.Input((6, 6, 3), name="right")
    return keras.Model([a, b], L.Dot(axes=1)([enc(a), enc(b)]))


def siamese_layers():
    """One layer called three times in a chain, one output taken from the middle."""
    x = keras.Input((4,))
    d = L.Dense(4, activation="tanh")
    y1 = d(x)
    y2 = d(y1)
    return keras.Model(x, [d(y2), y1])


def write(out, tag, name, build, exts, **kw):
    rng = f.fresh(name)
    m = build()
    f.randomise(m, rng)
    if isinstance(getattr(m, "input", None), dict):
        kw["expected"] = lambda model, ins: list(model(dict(zip(sorted(model.input), ins))).values())
    io = f.record(m, rng, **kw)
    for ext in exts:
        d = os.path.join(out, "models/keras", f"{name}_{tag}_{ext.replace('.', '_')}")
        os.makedirs(d, exist_ok=True)
        if ext == "weights.h5":
            m.save_weights(os.path.join(d, "model.weights.h5" if K3 else "weights.h5"))
            open(os.path.join(d, "arch.json"), "w").write(m.to_json())
        else:
            f.save(m, os.path.join(d, "model." + ext))
        np.savez_compressed(os.path.join(d, "io.npz"), **io)


def small_cnn():
    return keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(6, 3, activation="relu"), L.BatchNormalization(), L.Flatten(), L.Dense(4, activation="softmax")])


def as_text(v, style):
    """One attribute string in one of the ways that Keras versions and h5py versions have written it."""
    v = v.decode() if isinstance(v, bytes) else v
    return {"fixed": np.bytes_(v.encode()), "bytes": np.bytes_(v.encode()), "vlen_utf8": v, "vlen_bytes": v.encode()}[style]


def copy_attrs(src, dst, style):
    for k, v in src.attrs.items():
        if isinstance(v, (str, bytes)) and style:
            text = as_text(v, style)
            dst.attrs.create(k, text, dtype=h5py.string_dtype("ascii") if style == "vlen_bytes" else None)
        elif isinstance(v, np.ndarray) and v.dtype.kind in "SO" and style:
            names = [n.decode() if isinstance(n, bytes) else n for n in v]
            if style.startswith("vlen"):
                dst.attrs.create(k, names, dtype=h5py.string_dtype("ascii" if style == "vlen_bytes" else "utf-8"))
            else:
                dst.attrs.create(k, np.array([n.encode() for n in names], dtype="S64" if style == "fixed" else None))
        else:
            dst.attrs[k] = v


def compact(group, name, data):
    """A dataset whose bytes lie in its object header."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(data.shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(data.dtype), space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))


REWRITES = dict(gzip=dict(compression="gzip"), gzip_shuffle=dict(compression="gzip", shuffle=True), chunked=dict(chunks=True), fletcher=dict(fletcher32=True, chunks=True),
                compact="compact", f16="f2", f64="f8", big_endian=">f4", latest="latest", fixed="fixed", bytes="bytes", vlen_utf8="vlen_utf8", vlen_bytes="vlen_bytes")


def rewritten(out, case):
    """The same small model in another HDF5 dress; expected outputs from Keras 2 loading the rewritten file's weights."""
    rng = f.fresh("container")
    m = small_cnn()
    f.randomise(m, rng)
    d = os.path.join(out, "models/keras", f"container_{case}")
    os.makedirs(d, exist_ok=True)
    plain, path = "/tmp/fixtures_plain.h5", os.path.join(d, "model.h5")
    f.save(m, plain)
    how = REWRITES[case]
    style = how if how in ("fixed", "bytes", "vlen_utf8", "vlen_bytes") else None
    with h5py.File(plain) as src, h5py.File(path, "w", libver="latest" if how == "latest" else "earliest") as dst:
        copy_attrs(src, dst, style)

        def visit(name, node):
            if isinstance(node, h5py.Group):
                return copy_attrs(node, dst.require_group(name), style)
            data = node[()]
            parent = dst.require_group(name.rsplit("/", 1)[0])
            if how == "compact":
                compact(parent, name.rsplit("/", 1)[1], data)
            elif how in ("f2", "f8", ">f4"):
                dst.create_dataset(name, data=data.astype(how))
            else:
                dst.create_dataset(name, data=data, **(how if isinstance(how, dict) else {}))
        src.visititems(visit)
    back = keras.models.load_model(path, compile=False)
    np.savez_compressed(os.path.join(d, "io.npz"), **f.record(back, rng))


def make_models(out, tag):
    every = ["h5", "keras", "weights.h5"]
    others = every[1:] if tag == "k2" else every
    rows = [*([("mobilenetv2", mobilenet, ["h5"])] if tag == "k2" else []), ("mobilenetv2", narrow_mobilenet, others), ("custom", custom, ["h5", "keras"]), ("multi_io", multi_io, every), ("shared", shared, every),
            ("nested_sequential", nested_sequential, every), ("nested_functional", nested_functional, every),
            ("sequential_late", sequential_late, every), ("fixed_batch", fixed_batch, ["h5", "keras"]), ("mixed_float16", mixed_float16, ["h5", "keras"]),
            ("float64", float64, ["h5", "keras"]), ("functional_dict", functional_dict, ["h5", "keras"]), ("reused_submodel", reused_submodel, ["h5", "keras"]),
            ("siamese_layers", siamese_layers, ["h5", "keras"]), ("trained", trained, ["h5", "keras"]), ("deep_config", deep_config, ["h5"])]
    rewrites = [] if K3 else [(f"models/container_{n}", lambda n=n: rewritten(out, n)) for n in REWRITES]
    return [(f"models/{n}", lambda n=n, b=b, e=e: write(out, tag, n, b, e)) for n, b, e in rows] + rewrites + ([] if K3 else make_keras1(out, small_cnn, multi_io))


def unsupported():
    """Layers that convert to a diagnostic, name of the case to model."""
    def through(layer, shape, dtype="float32"):
        x = keras.Input(shape, dtype=dtype, name="x")
        return keras.Model(x, layer(x))
    if K3:
        text = L.TextVectorization(output_mode="int", output_sequence_length=4, vocabulary=["red", "green"])
        return dict(hashing=lambda: through(L.Hashing(5), (3,), "int32"),
                    text_vectorization=lambda: through(text, (1,), "string"))
    import tensorflow as tf
    from keras.src.engine.base_layer import TensorFlowOpLayer
    node = dict(name="gamma", op="Lgamma", input=["a"], attr={"T": {"type": "DT_FLOAT"}})
    return dict(tf_op_lambda_einsum=lambda: through(lambda x: tf.einsum("bij,bkj->bik", x, x), (3, 4)),
                tensorflow_op_layer=lambda: through(TensorFlowOpLayer(node_def=node, name="gamma"), (3,)))


def make_bad(out, tag):
    def write_unsupported(case, build):
        f.fresh(case)
        f.save(build(), os.path.join(out, "bad", case, "model." + ("keras" if K3 else "h5")))
    cases = [(f"bad/{case}", lambda case=case, build=build: write_unsupported(case, build)) for case, build in unsupported().items()]
    if not K3:
        return cases

    def put(case, file, data):
        d = os.path.join(out, "bad", case)
        os.makedirs(d, exist_ok=True)
        open(os.path.join(d, file), "wb").write(data)

    def bad():
        put("lfs_pointer", "model.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 14536120\n")
        put("html", "model.h5", b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n")
        put("empty", "model.h5", b"")
        import io, zipfile
        for case, members in dict(plain_zip={"readme.txt": "hello"}, zip_no_config={"metadata.json": "{}", "model.weights.h5": ""}, broken_json={"config.json": '{"class_name": "Seq', "metadata.json": "{}", "model.weights.h5": ""}).items():
            b = io.BytesIO()
            with zipfile.ZipFile(b, "w") as z:
                for n, t in members.items():
                    z.writestr(zipfile.ZipInfo(n), t)
            put(case, "model.keras", b.getvalue())
        f.fresh("bad")
        m = keras.Sequential([keras.Input((4,)), L.Dense(3)])
        os.makedirs("/tmp/fixbad", exist_ok=True)
        m.save("/tmp/fixbad/m.h5")
        data = open("/tmp/fixbad/m.h5", "rb").read()
        for pc in (10, 50, 90):
            put(f"truncated_{pc}", "model.h5", data[:len(data) * pc // 100])
        m.save_weights("/tmp/fixbad/m.weights.h5")
        put("weights_only", "model.weights.h5", open("/tmp/fixbad/m.weights.h5", "rb").read())
        class Alpha(CustomLayer):
            pass

        class Beta(CustomLayer):
            pass
        two = keras.Sequential([keras.Input((4,)), Alpha(3, name="first"), Beta(2, name="second"), L.Dense(2)])
        lam = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Lambda(lambda x: x * 2, name="twice"), L.Dense(2)])
        for case, model in dict(unknown_layers=two, lambda_layer=lam).items():
            for ext in ("h5", "keras"):
                f.fresh(case)
                f.save(model, os.path.join(out, "bad", f"{case}_{ext}", "model." + ext))
    return [("bad/all", bad), *cases]
