"""Whole-model cases (fixtures/models/keras) and hostile files (fixtures/bad)."""
import os
import numpy as np
import keras
import fixlib as f
from fixlib import K3

L = keras.layers


def mobilenet():
    return keras.applications.MobileNetV2((96, 96, 3), alpha=.35, weights=None, classes=10)


@keras.utils.register_keras_serializable(package="Fixture") if False else (lambda c: c)
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
    return keras.Model([a, b], L.Dense(2)(L.Subtract()([d(a), d(d.__class__(5)(b))])))


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
    for n in range(150):
        x = L.Add(name=f"a_rather_long_residual_name_{n}")([x, L.Dense(4, activation="tanh", name=f"a_rather_long_dense_name_{n}")(x)])
        x = L.UnitNormalization(name=f"unit_{n}")(x)
    return keras.Model(i, x)


def write(out, tag, name, build, exts, **kw):
    rng = f.fresh(name)
    m = build()
    f.randomise(m, rng)
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


def make_models(out, tag):
    every = ["h5", "keras", "weights.h5"]
    rows = [("mobilenetv2", mobilenet, every), ("custom", custom, ["h5", "keras"]), ("multi_io", multi_io, every), ("shared", shared, every),
            ("nested_sequential", nested_sequential, every), ("nested_functional", nested_functional, every),
            ("trained", trained, ["h5", "keras"]), ("deep_config", deep_config, ["h5"])]
    return [(f"models/{n}", lambda n=n, b=b, e=e: write(out, tag, n, b, e)) for n, b, e in rows]


def make_bad(out, tag):
    if not K3:
        return []

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
        p = os.path.join(out, "ops/keras/Dense/k3_rank2")
        m = keras.Sequential([keras.Input((4,)), L.Dense(3)])
        os.makedirs("/tmp/fixbad", exist_ok=True)
        m.save("/tmp/fixbad/m.h5")
        data = open("/tmp/fixbad/m.h5", "rb").read()
        for pc in (10, 50, 90):
            put(f"truncated_{pc}", "model.h5", data[:len(data) * pc // 100])
        m.save_weights("/tmp/fixbad/m.weights.h5")
        put("weights_only", "model.weights.h5", open("/tmp/fixbad/m.weights.h5", "rb").read())
    return [("bad/all", bad)]
