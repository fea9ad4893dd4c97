#!/usr/bin/env python3
"""Files that Keras 2 writes, and what today's Keras does with them: the 73 cases of the load matrix, made anew.

    load_matrix.py --out DIR [--only RE]              (run in the Keras 3 venv: tf_keras writes, Keras 3 reads)
    load_matrix.py --out DIR --load FILES.tsv         (only reads files: columns case, path, golden)

With --out, each case is DIR/<case>/model.h5, model.keras and io.npz, and DIR/MATRIX.tsv says what Keras 3 does with each
file: columns case, format, path, golden, result (loads | other_numbers | refuses), max_abs_diff, largest, error. Run in the
Keras 2 venv, only the files are written (by Keras 2.15); the matrix of those is recorded with --load.
With --load, DIR/LOADED.tsv has the columns case, path, result, max_abs_diff, largest, error.
"""
import argparse, importlib.util, os, re, subprocess, sys

ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--only", default="")
ap.add_argument("--load")
ap.add_argument("--make", action="store_true", help="only write the files")
a = ap.parse_args()
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
TF_KERAS = importlib.util.find_spec("tf_keras") is not None
FORMATS = ("h5", "keras")
# What differs by less than this share of the largest magnitude is rounding (a ResNet50 with other kernels reaches 3e-5).
TOLERANCE = 2e-4


def directory(case):
    return os.path.join(a.out, re.sub(r"[^A-Za-z0-9_.]+", "_", case).strip("_"))


def cases():
    """(case, function that builds the model, kind of random input)."""
    import keras, tensorflow as tf
    L, I = keras.layers, keras.Input
    rows = []

    def add(case, build, kinds=None):
        rows.append((case, build, kinds))

    def layer(case, shape, make, kinds=None, dtype="float32"):
        def build():
            x = I(shape, dtype=dtype)
            return keras.Model(x, make()(x))
        add(case, build, kinds)

    for name, kw in dict(MobileNetV2=dict(alpha=.35), MobileNet=dict(alpha=.25), EfficientNetB0={}, ResNet50={}, MobileNetV3Small={}, Xception={}).items():
        size = 71 if name == "Xception" else 32
        pixels = (0, 255) if name in ("EfficientNetB0", "MobileNetV3Small") else None
        add(name, lambda n=name, s=size, kw=kw: getattr(keras.applications, n)(input_shape=(s, s, 3), weights=None, classes=10, **kw), pixels)
    img, seq = (8, 8, 4), (6, 4)
    layer("Dense", (5,), lambda: L.Dense(4, activation="relu"))
    layer("Conv1D", seq, lambda: L.Conv1D(3, 3))
    layer("Conv2D", img, lambda: L.Conv2D(3, 3, padding="same"))
    layer("Conv2D_groups2", img, lambda: L.Conv2D(4, 3, groups=2))
    layer("Conv3D", (4, 4, 4, 2), lambda: L.Conv3D(3, 2))
    layer("DepthwiseConv2D", img, lambda: L.DepthwiseConv2D(3))
    layer("DepthwiseConv1D", seq, lambda: L.DepthwiseConv1D(3))
    layer("SeparableConv2D", img, lambda: L.SeparableConv2D(3, 3))
    layer("SeparableConv1D", seq, lambda: L.SeparableConv1D(3, 3))
    layer("Conv1DTranspose", seq, lambda: L.Conv1DTranspose(3, 3))
    layer("Conv2DTranspose", img, lambda: L.Conv2DTranspose(3, 3, strides=2, padding="same"))
    layer("Conv3DTranspose", (4, 4, 4, 2), lambda: L.Conv3DTranspose(3, 2))
    layer("BatchNormalization", img, lambda: L.BatchNormalization())
    layer("LayerNormalization", seq, lambda: L.LayerNormalization())
    layer("GroupNormalization", img, lambda: L.GroupNormalization(2))
    layer("UnitNormalization", seq, lambda: L.UnitNormalization())
    layer("LSTM", seq, lambda: L.LSTM(4))
    layer("LSTM_hardsigmoid", seq, lambda: L.LSTM(4, recurrent_activation="hard_sigmoid"))
    layer("GRU", seq, lambda: L.GRU(4))
    layer("GRU_v1(reset_after=False)", seq, lambda: L.GRU(4, reset_after=False))
    layer("SimpleRNN", seq, lambda: L.SimpleRNN(4))
    layer("Bidirectional", seq, lambda: L.Bidirectional(L.LSTM(4, return_sequences=True)))
    layer("TimeDistributed", seq, lambda: L.TimeDistributed(L.Dense(3)))
    layer("ConvLSTM2D", (3, 6, 6, 2), lambda: L.ConvLSTM2D(3, 3))
    layer("RNN_cell", seq, lambda: L.RNN(L.LSTMCell(4)))
    layer("Embedding", (6,), lambda: L.Embedding(9, 4), 9, "int32")
    layer("Masking", seq, lambda: L.Masking())
    def attend(make):
        def build():
            x, y = I((8, 4)), I((8, 4))
            return keras.Model([x, y], make()([x, y]))
        return build
    add("MultiHeadAttention", attend(lambda: lambda xs, m=L.MultiHeadAttention(2, 3): m(xs[0], xs[1])))
    add("Attention", attend(L.Attention))
    layer("LeakyReLU", seq, lambda: L.LeakyReLU(.15))
    layer("ReLU6", seq, lambda: L.ReLU(6.))
    layer("PReLU", seq, lambda: L.PReLU())
    layer("ELU", seq, lambda: L.ELU(.7))
    layer("ThresholdedReLU", seq, lambda: L.ThresholdedReLU(.6))
    layer("Softmax", seq, lambda: L.Softmax())
    for act in ("hard_sigmoid", "relu6", "swish"):
        layer(f"Activation_{act}", seq, lambda act=act: L.Activation(tf.nn.relu6 if act == "relu6" else act), lambda r, s: r.normal(0, 2.5, s))
    layer("MaxPooling2D", img, lambda: L.MaxPooling2D())
    layer("AveragePooling1D", seq, lambda: L.AveragePooling1D())
    layer("GlobalAveragePooling2D", img, lambda: L.GlobalAveragePooling2D())
    layer("UpSampling2D", img, lambda: L.UpSampling2D(interpolation="bilinear"))
    layer("ZeroPadding2D", img, lambda: L.ZeroPadding2D(((1, 2), (0, 1))))
    layer("Cropping2D", img, lambda: L.Cropping2D(((1, 2), (0, 1))))
    layer("Flatten", img, lambda: L.Flatten())
    layer("Reshape", img, lambda: L.Reshape((-1, 8)))
    layer("Permute", img, lambda: L.Permute((3, 1, 2)))
    layer("RepeatVector", (5,), lambda: L.RepeatVector(3))
    layer("Rescaling", img, lambda: L.Rescaling(1 / 127.5, -1), (0, 255))
    layer("Normalization", seq, lambda: L.Normalization(mean=[.1, -.4, .6, 1.], variance=[.5, 1.5, 2., 1.]))
    layer("Resizing", img, lambda: L.Resizing(5, 11))
    layer("RandomFlip", img, lambda: L.RandomFlip())
    layer("Dropout", seq, lambda: L.Dropout(.5))
    layer("SpatialDropout2D", img, lambda: L.SpatialDropout2D(.5))
    layer("GaussianNoise", seq, lambda: L.GaussianNoise(.5))
    layer("LocallyConnected1D", seq, lambda: L.LocallyConnected1D(3, 3))
    layer("LocallyConnected2D", img, lambda: L.LocallyConnected2D(2, 3))
    layer("EinsumDense", seq, lambda: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"))

    def merges():
        x, y = I((4,)), I((4,))
        return keras.Model([x, y], L.Concatenate()([L.Add()([x, y]), L.Dot(1)([x, y])]))
    add("Add/Concat/Dot", merges)
    layer("TFOpLambda(x*2+1)", seq, lambda: lambda x: x * 2 + 1)
    layer("TFOpLambda(tf.nn.relu6)", seq, lambda: lambda x: tf.nn.relu6(x), lambda r, s: r.normal(0, 4, s))
    layer("SlicingOpLambda", seq, lambda: lambda x: x[:, 1:4, ::2])
    layer("Lambda", seq, lambda: L.Lambda(lambda x: x * 3 + 1))

    def nested():
        inner = keras.applications.MobileNetV2((32, 32, 3), alpha=.35, weights=None, include_top=False)
        return keras.Sequential([inner, L.GlobalAveragePooling2D(), L.Dense(3)])
    add("nested Sequential+MobileNetV2", nested)
    dense = lambda: keras.Sequential([I((5,)), L.Dense(4, activation="relu"), L.Dense(2)])
    add("Sequential", dense)

    def compiled():
        model = dense()
        model.compile("adam", "mse", metrics=["mse"])
        return model
    add("compiled mse", compiled)
    layer("SyncBatchNormalization", img, lambda: L.BatchNormalization(synchronized=True) if not hasattr(L, "SyncBatchNormalization") and not hasattr(L.experimental, "SyncBatchNormalization") else (getattr(L, "SyncBatchNormalization", None) or L.experimental.SyncBatchNormalization)())
    return rows


def make():
    """Writes every case that is not there yet."""
    if TF_KERAS:
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tf_keras
        sys.modules["keras"] = tf_keras  # The helpers below take whatever Keras there is.
    import numpy as np
    import fixlib as f
    assert not f.K3
    for case, build, kinds in cases():
        d = directory(case)
        if os.path.exists(os.path.join(d, "io.npz")) or not re.search(a.only, case):
            continue
        rng = f.fresh(case)
        model = build()
        f.randomise(model, rng)
        if "Net" in case or case == "Xception":
            f.damp(model)
            f.calibrate(model, rng, kinds)
        io = f.record_tamed(model, rng, kinds=kinds, check=case not in ("UnitNormalization",))
        for ext in FORMATS:
            f.save(model, os.path.join(d, f"model.{ext}"))
        np.savez_compressed(os.path.join(d, "io.npz"), **io)
        print("made", case, flush=True)


def load_one(path, golden):
    """(result, largest difference, largest magnitude, error) of one file in Keras 3, loaded with its defaults."""
    import numpy as np, keras
    keras.backend.clear_session()
    try:
        model = keras.models.load_model(path)
    except Exception as e:
        return "refuses", "", "", re.sub(r"\s+", " ", f"{type(e).__name__}: {e}")[:2000]
    io = np.load(golden)
    ins = [io[k] for k in io.files if k.startswith("in:")]
    try:
        outs = model(ins if len(ins) > 1 else ins[0], training=False)
    except Exception as e:
        return "other_numbers", "", "", re.sub(r"\s+", " ", f"when called: {type(e).__name__}: {e}")[:2000]
    outs = list(outs.values()) if isinstance(outs, dict) else list(outs) if isinstance(outs, (list, tuple)) else [outs]
    want = [io[k] for k in io.files if k.startswith("out:")]
    worst, largest, error = 0.0, 0.0, ""
    for got, w in zip(outs, want):
        got = np.asarray(got)
        if got.shape != w.shape or len(outs) != len(want):
            return "other_numbers", "", "", f"shape {got.shape}, expected {w.shape}"
        worst = max(worst, float(np.abs(got.astype("f8") - w).max()))
        largest = max(largest, float(np.abs(w.astype("f8")).max()))
    result = "loads" if worst <= TOLERANCE * max(largest, 1e-3) else "other_numbers"
    return result, f"{worst:.3g}", f"{largest:.3g}", error


def table(path, header, rows):
    with open(path, "w") as fh:
        fh.write("\n".join("\t".join(r) for r in [header, *rows]) + "\n")


def load(listing):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    rows = []
    for line in open(listing).read().splitlines()[1:]:
        case, path, golden = line.split("\t")[:3]
        if re.search(a.only, case):
            rows.append((case, path, *load_one(path, golden)))
            print(f"{case:30} {os.path.basename(path):14} {rows[-1][2]:14} {rows[-1][3]:10} {rows[-1][5][:120]}", flush=True)
    return rows


RESULTS = ("result", "max_abs_diff", "largest", "error")
if a.load:
    os.makedirs(a.out, exist_ok=True)
    table(os.path.join(a.out, "LOADED.tsv"), ("case", "path", *RESULTS), load(a.load))
elif a.make:
    make()
else:
    subprocess.run([sys.executable, __file__, "--make", "--out", a.out, "--only", a.only], check=True)
    files = []
    for line in [c for c in sorted(os.listdir(a.out)) if os.path.exists(os.path.join(a.out, c, "io.npz"))]:
        d = os.path.join(os.path.abspath(a.out), line)
        files += [(line, f"{d}/model.{e}", f"{d}/io.npz") for e in FORMATS]
    listing = os.path.join(a.out, "FILES.tsv")
    table(listing, ("case", "path", "golden"), files)
    if TF_KERAS:
        golden = {path: npz for _, path, npz in files}
        rows = [(c, p.rsplit(".", 1)[1], p, golden[p], *r) for c, p, *r in load(listing)]
        table(os.path.join(a.out, "MATRIX.tsv"), ("case", "format", "path", "golden", *RESULTS), rows)
