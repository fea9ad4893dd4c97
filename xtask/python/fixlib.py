"""Shared by fixtures.py and zoo.py: trained-like weights, inputs, saving with recorded outputs."""
import os, random, re, shutil, sys, tempfile, zipfile, zlib
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import tensorflow as tf
import keras

K3 = keras.__version__.startswith("3")


def seed_of(text):
    return zlib.crc32(text.encode()) & 0x7FFFFFFF


def leaf(variable):
    """Last part of a variable's name, without the `:0` of Keras 2."""
    return re.sub(r":\d+$", "", getattr(variable, "path", None) or variable.name).split("/")[-1]


def trained_like(name, shape, rng):
    """Random values with the magnitudes that a trained weight of this name has."""
    if "variance" in name:
        return rng.uniform(0.3, 2.0, shape)
    if "gamma" in name or name in ("scale", "layer_scale"):
        return rng.uniform(0.5, 1.5, shape)
    if "moving_mean" in name or name == "mean":
        return rng.normal(0, 0.5, shape)
    if "beta" in name:
        return rng.normal(0, 0.3, shape)
    if "bias" in name or len(shape) == 0:
        return rng.normal(0, 0.1, shape)
    if "alpha" in name:
        return rng.uniform(0.05, 0.4, shape)
    if "embeddings" in name:
        return rng.normal(0, 0.7, shape)
    if "depthwise" in name and len(shape) >= 3:
        fan = int(np.prod(shape[:-2]))
    else:
        fan = int(np.prod(shape[:-1])) if len(shape) > 1 else shape[0]
    return rng.normal(0, np.sqrt(2.0 / max(fan, 1)), shape)


def randomise(model, rng):
    for v in model.weights:
        dtype = np.dtype(v.dtype if isinstance(v.dtype, str) else v.dtype.name)
        if dtype.kind != "f":
            continue  # counters and seeds
        v.assign(trained_like(leaf(v), tuple(v.shape), rng).astype(dtype))
    settle(model)


def layers_of(model):
    """All layers, also those of models inside."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from layers_of(layer)


def settle(model):
    """Normalization layers compute with copies of their weights; these are made anew, as loading a file makes them."""
    for layer in layers_of(model):
        if type(layer).__name__ == "Normalization" and getattr(layer, "input_mean", None) is None:
            layer.finalize_state()


def damp(model, share=0.2):
    """Residual branches add less than they carry, as in trained nets: each BatchNorm whose result is added is turned
    down, or where there is none the convolution. Without that a deep random net doubles rounding errors block after block."""
    def maker(tensor):
        history = tensor._keras_history
        return getattr(history, "layer", None) or history.operation
    for layer in layers_of(model):
        if layer.name.endswith("_conv_1x1_2_bn"):  # RegNet adds with `+`, which Keras 2 saves as a TFOpLambda
            layer.gamma.assign(np.asarray(layer.gamma) * share)
        if type(layer).__name__ != "Add":
            continue
        for tensor in layer.input:
            branch = maker(tensor)
            while True:
                kind = type(branch).__name__
                if kind in ("Dropout", "StochasticDepth") and not isinstance(branch.input, list):
                    branch = maker(branch.input)
                elif kind == "Multiply":  # squeeze and excite, behind the BatchNorm of a ResNetRS
                    branch = maker(branch.input[0])
                else:
                    break
            if kind == "BatchNormalization" and branch.gamma is not None:
                branch.gamma.assign(np.asarray(branch.gamma) * share)
            elif kind == "Conv2D" and tensor is layer.input[-1]:  # ResNetV2 normalises before the branch, not behind it
                branch.kernel.assign(np.asarray(branch.kernel) * share)


def calibrate(model, rng, kinds=None, batch=16):
    """Sets BatchNorm statistics to those of a batch, with some noise, as training does: deep random nets whose signals
    are not normalised are chaotic, and the last bit of an input decides their output."""
    norms = [l for l in layers_of(model) if type(l).__name__ in ("BatchNormalization", "SyncBatchNormalization")]
    before = [l.momentum for l in norms]
    for l in norms:
        l.momentum = 0.0
    model(random_input(model.inputs[0], rng, batch, kinds), training=True)
    for l, momentum in zip(norms, before):
        l.momentum = momentum
        mean, variance = np.asarray(l.moving_mean), np.asarray(l.moving_variance)
        l.moving_mean.assign((mean + rng.normal(0, 0.1, mean.shape) * np.sqrt(variance + 1e-6)).astype(mean.dtype))
        l.moving_variance.assign((variance * rng.uniform(0.8, 1.25, variance.shape) + 1e-3).astype(mean.dtype))


def random_input(tensor, rng, batch, kind=None, size=None):
    """kind: None (normal), an int (token ids below it), (low, high) uniform, or a function of (rng, shape)."""
    shape = [batch if i == 0 and d is None else (size or 7) if d is None else int(d) for i, d in enumerate(tensor.shape)]
    dtype = np.dtype(tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name)
    if callable(kind):
        return kind(rng, shape).astype(dtype)
    if isinstance(kind, int):
        return rng.integers(0, kind, shape).astype(dtype)
    if isinstance(kind, tuple):
        return rng.uniform(*kind, shape).astype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 5, shape).astype(dtype)
    return rng.normal(0, 1, shape).astype(dtype)


def images(rng, shape):
    """A kind of input: images with a brightness, coarse shapes and grain of their own, so that pooled features differ between
    them; of mere noise a deep net makes nearly the same of every image, and what a BatchNorm then spreads is rounding."""
    n, h, w, c = shape
    at = lambda size: np.linspace(0, 3, size)
    near = lambda size: np.maximum(0, 1 - np.abs(at(size)[:, None] - np.arange(4)))  # linear, from a grid of 4 × 4
    coarse = np.einsum("hi,nijc,wj->nhwc", near(h), rng.normal(size=(n, 4, 4, c)), near(w))
    one = lambda: rng.uniform(size=(n, 1, 1, 1))
    return rng.normal(size=(n, 1, 1, c)) + 2 * one() * coarse + 0.5 * one() * rng.normal(size=shape)


def bright_images(rng, shape):
    """`images` for models that take 0 to 255."""
    return np.clip(127 + 50 * images(rng, shape), 0, 255)


def names_of(model, which):
    given = list(getattr(model, which + "_names", []) or [])
    tensors = getattr(model, which + "s")
    if len(given) != len(tensors):
        given = [re.sub(r":\d+$", "", t.name.split("/")[0]) for t in tensors]
    seen, names = {}, []
    for n in given:
        seen[n] = seen.get(n, 0) + 1
        names.append(n if seen[n] == 1 else f"{n}_{seen[n] - 1}")
    return names


def record(model, rng, batch=2, kinds=None, size=None, check=True, expected=None):
    """Runs the model on random inputs; returns the io.npz dictionary, after checks that the case proves something."""
    kinds = kinds if isinstance(kinds, list) else [kinds] * len(model.inputs)
    ins = [random_input(t, rng, batch, k, size) for t, k in zip(model.inputs, kinds)]
    outs = expected(model, ins) if expected else model(ins if len(ins) > 1 else ins[0], training=False)
    outs = list(outs.values()) if isinstance(outs, dict) else list(outs) if isinstance(outs, (list, tuple)) else [outs]
    io = {"in:" + n: v for n, v in zip(names_of(model, "input"), ins)}
    for n, v in zip(names_of(model, "output"), outs):
        v = np.asarray(v)
        if check and v.dtype.kind == "f":
            assert np.isfinite(v).all(), "output is not finite"
            assert v.std() > 1e-3, f"output is constant (std {v.std()})"
            rows = v.reshape(-1, v.shape[-1]) if v.ndim else v
            if rows.ndim == 2 and rows.shape[-1] > 1 and (rows >= 0).all() and np.allclose(rows.sum(-1), 1, atol=1e-4):
                assert rows.max() < 0.999, "softmax output is saturated"
        io["out:" + n] = v
    return io


def fresh(name):
    """Clears names and seeds so that every case is the same whether made alone or with the rest."""
    keras.backend.clear_session()
    s = seed_of(name)
    random.seed(s)
    np.random.seed(s)
    tf.random.set_seed(s)
    return np.random.default_rng(s)


def record_tamed(model, rng, **kw):
    """`record`, halving the last layer's kernel while its softmax is saturated: random deep nets have loud logits."""
    state = rng.bit_generator.state
    for _ in range(30):
        rng.bit_generator.state = state
        try:
            return record(model, rng, **kw)
        except AssertionError as e:
            if "saturated" not in str(e):
                raise
            last = model.layers[-1] if model.layers[-1].weights else model.layers[-2]
            last.set_weights([w / 2 for w in last.get_weights()])
    raise AssertionError("softmax stays saturated")


def signature(path):
    """The contents of a `.keras` zip without what differs at every run: dates and object addresses."""
    blank = rb'("date_saved": "[^"]*")|("shared_object_id": \d+)'
    with zipfile.ZipFile(path) as z:
        return {n: re.sub(blank, b"", z.read(n)) for n in z.namelist()}


def deflate(path):
    """Packs a `.keras` anew with compressed members: the same bytes inside, a third of the size."""
    with zipfile.ZipFile(path) as z:
        members = [(i, z.read(i)) for i in z.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for info, data in members:
            new = zipfile.ZipInfo(info.filename, info.date_time)
            new.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(new, data, compresslevel=9)


def save(model, path):
    """Saves in the format of the extension; an older `.keras` file of the same content stays as it was."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if path.endswith(".keras"):
        new = os.path.join(tempfile.mkdtemp(prefix="fix"), "model.keras")
        model.save(new)
        if not (os.path.exists(path) and signature(path) == signature(new)):
            shutil.copyfile(new, path)
        shutil.rmtree(os.path.dirname(new))
    elif K3:
        model.save(path)
    else:
        model.save(path, save_format="h5", include_optimizer=True)
