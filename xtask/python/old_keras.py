#!/usr/bin/env python3
"""Files that old Keras releases really wrote, with what they computed themselves. One script for all of them, so it keeps to
Python 3.6; run it in an environment of each (the lines below), never needed to build or test:

    keras==1.2.2 theano==1.0.5 'numpy<1.20' 'h5py<3' 'scipy<1.6'                 Python 3.6
    keras==2.2.4 tensorflow==1.15.5 'protobuf<3.21' 'h5py<3' 'numpy<1.19'         Python 3.7
    tensorflow-cpu==2.13.1                                                        Python 3.11

    PYTHON xtask/python/old_keras.py --out fixtures/models/keras [--only RE]
"""
import argparse, os, re, sys, zlib
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
if sys.version_info < (3, 7):
    os.environ.setdefault("KERAS_BACKEND", "theano")
    os.environ.setdefault("THEANO_FLAGS", "device=cpu,floatX=float32,optimizer=fast_compile")
import numpy as np
if sys.version_info < (3, 7):
    import theano.ifelse  # keras 1.2.2 takes it for imported

ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--only", default="")
ap.add_argument("--tf-keras", action="store_true", help="tf.keras instead of keras")
a = ap.parse_args()
if a.tf_keras or sys.version_info >= (3, 8):
    import tensorflow as tf
    keras, TAG = tf.keras, "tfkeras" + tf.__version__.replace(".", "")
else:
    import keras
    TAG = "keras" + keras.__version__.replace(".", "")
L, M = keras.layers, keras.models
K1 = TAG.startswith("keras1")


def trained(name, shape, rng):
    """Magnitudes of trained weights; names of Keras 1 and 2."""
    name = name.lower()
    if "running_std" in name or "variance" in name:
        return rng.uniform(.3, 2, shape)
    if "gamma" in name:
        return rng.uniform(.5, 1.5, shape)
    if len(shape) < 2:
        return rng.normal(0, .1, shape)
    fan = np.prod(shape[:-1]) if len(shape) == 2 else np.prod(shape) / max(shape[0], shape[-1])
    return rng.normal(0, np.sqrt(2 / max(fan, 1)), shape)


def keras1_cases():
    """Both image orders; with Theano, kernels are flipped compared to TensorFlow's."""
    out = {}
    for order in ("th", "tf"):
        shape = (3, 8, 9) if order == "th" else (8, 9, 3)
        axis = 1 if order == "th" else -1
        out["cnn_" + order] = lambda order=order, shape=shape, axis=axis: M.Sequential([
            L.Convolution2D(4, 3, 2, border_mode="valid", dim_ordering=order, input_shape=shape, activation="relu"),
            L.BatchNormalization(axis=axis), L.MaxPooling2D((2, 2), dim_ordering=order), L.Dropout(.3),
            L.ZeroPadding2D((1, 1), dim_ordering=order), L.Convolution2D(5, 2, 2, subsample=(2, 2), border_mode="same", dim_ordering=order),
            L.LeakyReLU(.2), L.Flatten(), L.Dense(6, activation="softmax")])
        out["atrous_" + order] = lambda order=order, shape=shape: M.Sequential([
            L.AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2), dim_ordering=order, input_shape=shape), L.PReLU(),
            L.AveragePooling2D((2, 2), dim_ordering=order), L.GlobalAveragePooling2D(dim_ordering=order), L.Dense(3)])
    out["bidirectional"] = lambda: M.Sequential([L.Embedding(11, 5, input_length=7), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.GRU(3), merge_mode="sum"), L.Dense(2)])
    out["conv_lstm_th"] = lambda: M.Sequential([L.ConvLSTM2D(3, 3, 3, border_mode="same", dim_ordering="th", input_shape=(3, 2, 5, 6), return_sequences=True), L.ConvLSTM2D(2, 3, 3, border_mode="same", dim_ordering="th"), L.Flatten(), L.Dense(3)])
    out["conv1d"] = lambda: M.Sequential([L.Convolution1D(4, 3, input_shape=(9, 2), activation="tanh"), L.MaxPooling1D(2), L.TimeDistributed(L.Dense(3)), L.SimpleRNN(4), L.Dense(2)])
    out["Highway"] = lambda: M.Sequential([L.Dense(4, input_shape=(5,)), L.Highway(activation="tanh"), L.Highway(bias=False)])
    out["MaxoutDense"] = lambda: M.Sequential([L.MaxoutDense(4, nb_feature=3, input_shape=(5,)), L.MaxoutDense(2, bias=False)])
    out["lstm_variants"] = lambda: M.Sequential([L.LSTM(4, return_sequences=True, input_shape=(6, 3), consume_less="gpu"), L.LSTM(3, return_sequences=True, inner_activation="sigmoid", consume_less="mem"), L.GRU(3, go_backwards=True, consume_less="gpu"), L.Dense(2)])
    def graph():
        x, y = L.Input((6,), name="left"), L.Input((6,), name="right")
        d = L.Dense(5, activation="tanh", name="shared")
        p, q = d(x), d(y)
        m = [L.merge([p, q], mode=mode) for mode in ("sum", "mul", "ave", "max")] + [L.merge([p, q], mode="concat", concat_axis=1), L.merge([p, q], mode="cos", dot_axes=1), L.merge([p, q], mode="dot", dot_axes=1)]
        m[5] = L.Flatten()(m[5])
        return M.Model([x, y], L.Dense(3)(L.merge(m, mode="concat")))
    out["merges"] = graph
    return out


def keras2_cases():
    out = {}
    out["cnn"] = lambda: M.Sequential([L.Conv2D(4, 3, padding="same", strides=2, input_shape=(9, 10, 3)), L.BatchNormalization(), L.Activation("relu"), L.DepthwiseConv2D(3, padding="same"), L.SeparableConv2D(5, 3), L.MaxPooling2D(2), L.Flatten(), L.Dense(4, activation="softmax")])
    out["rnn"] = lambda: M.Sequential([L.Embedding(11, 5, mask_zero=True, input_length=7), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.GRU(3, return_sequences=True), L.GRU(3, reset_after=True, recurrent_activation="sigmoid"), L.Dense(2)])
    out["conv_lstm"] = lambda: M.Sequential([L.ConvLSTM2D(3, 3, padding="same", input_shape=(3, 5, 6, 2)), L.Conv2DTranspose(2, 3, strides=2, padding="same"), L.UpSampling2D(2), L.GlobalMaxPooling2D()])
    def applications():
        c = keras.applications.mobilenet if hasattr(keras.applications, "mobilenet") else None
        return c.MobileNet(input_shape=(32, 32, 3), alpha=.25, include_top=False, weights=None, pooling="avg")
    out["mobilenet"] = applications
    return out


def record(name, build, ext):
    d = os.path.join(a.out, "real_" + TAG + "_" + name)
    if not re.search(a.only, d):
        return
    rng = np.random.RandomState(zlib.crc32(d.split("models/")[-1].encode()) & 0x7FFFFFFF)
    model = build()
    for layer in model.layers:
        weights = layer.weights
        if weights:
            layer.set_weights([trained(w.name, tuple(v.shape), rng).astype(v.dtype) for w, v in zip(weights, layer.get_weights())])
    tokens = type(model.layers[0]).__name__ == "Embedding" or type(model.layers[1]).__name__ == "Embedding"
    ins = [rng.randint(1, 11, [2] + [int(s) for s in t.shape[1:]] if not K1 else [2] + list(t._keras_shape[1:])).astype("int32" if K1 else "float32") if tokens else
           rng.normal(0, 1, [2] + list((t._keras_shape if hasattr(t, "_keras_shape") else t.shape)[1:])).astype("float32") for t in model.inputs]
    outs = model.predict(ins if len(ins) > 1 else ins[0])
    outs = outs if isinstance(outs, list) else [outs]
    for o in outs:
        assert np.isfinite(o).all() and o.std() > 1e-3, (name, o)
    if not os.path.isdir(d):
        os.makedirs(d)
    model.save(os.path.join(d, "model." + ext))
    names = [re.sub(":0$", "", t.name).split("/")[0] for t in model.inputs]
    io = {"in:%s" % n: v for n, v in zip(names, ins)}
    io.update({"out:%s" % n: v for n, v in zip(getattr(model, "output_names", None) or ["output"], outs)})
    np.savez_compressed(os.path.join(d, "io.npz"), **io)
    print("made", d)


for name, build in (keras1_cases() if K1 else keras2_cases()).items():
    for ext in ("keras", "h5") if sys.version_info >= (3, 8) else ("h5",):
        try:
            record(name + ("_" + ext if sys.version_info >= (3, 8) else ""), build, ext)
        except Exception as e:
            print("FAILED", name, type(e).__name__, str(e)[:300])
