"""Files as Keras 1.2.2 and 2.0.6 wrote them, which no longer install.

The layout follows the sources of keras 1.2.2 (`models.py: save_model`, `engine/topology.py: save_weights_to_hdf5_group`, the layers'
`get_config`). Expected outputs come from Keras 2.15: the same network built natively, weights read from our file by its own
`load_weights_from_hdf5_group`, which holds the 1 -> 2 weight conversions.
"""
import json, os
import h5py
import numpy as np
import keras
import fixlib as f

L = keras.layers
DENSE = dict(init="glorot_uniform", W_regularizer=None, b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True)
RNN = dict(return_sequences=False, go_backwards=False, stateful=False, unroll=False, consume_less="cpu", input_dim=None, input_length=None, init="glorot_uniform",
           inner_init="orthogonal", activation="tanh", W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0., dropout_U=0.)


def dense(n_in, n_out, act="linear", **kw):
    return "Dense", dict(DENSE, output_dim=n_out, activation=act, input_dim=None), dict(W=(n_in, n_out), b=(n_out,)), L.Dense(n_out, activation=act)


def conv2d(cin, n, r, c, act="relu", mode="same", sub=(1, 1), order="tf"):
    shape = (r, c, cin, n) if order == "tf" else (n, cin, r, c)
    cfg = dict(DENSE, nb_filter=n, nb_row=r, nb_col=c, activation=act, border_mode=mode, subsample=list(sub), dim_ordering=order)
    return "Convolution2D", cfg, dict(W=shape, b=(n,)), L.Conv2D(n, (r, c), strides=sub, padding=mode, activation=act)


def bn(c):
    cfg = dict(epsilon=1e-3, mode=0, axis=-1, gamma_regularizer=None, beta_regularizer=None, momentum=.99)
    return "BatchNormalization", cfg, dict(gamma=(c,), beta=(c,), running_mean=(c,), running_std=(c,)), L.BatchNormalization()


def pool(kind, size, order="tf"):
    cfg = dict(pool_size=list(size), border_mode="valid", strides=list(size), dim_ordering=order)
    return f"{kind}Pooling2D", cfg, {}, getattr(L, f"{kind}Pooling2D")(size)


def gates(names, cin, n):
    return {f"{k}_{g}": s for g in names for k, s in (("W", (cin, n)), ("U", (n, n)), ("b", (n,)))}


def lstm(cin, n, seq=False, mode="cpu"):
    w = gates("icfo", cin, n) if mode == "cpu" else dict(W=(cin, 4 * n), U=(n, 4 * n), b=(4 * n,))
    cfg = dict(RNN, output_dim=n, forget_bias_init="one", inner_activation="hard_sigmoid", return_sequences=seq, consume_less=mode)
    return "LSTM", cfg, w, L.LSTM(n, recurrent_activation="hard_sigmoid", return_sequences=seq)


def gru(cin, n, seq=False):
    cfg = dict(RNN, output_dim=n, inner_activation="hard_sigmoid", return_sequences=seq)
    return "GRU", cfg, gates("zrh", cin, n), L.GRU(n, recurrent_activation="hard_sigmoid", reset_after=False, return_sequences=seq)


def embedding(vocab, n):
    cfg = dict(input_dim=vocab, output_dim=n, init="uniform", input_length=None, mask_zero=False, activity_regularizer=None, W_regularizer=None, W_constraint=None, dropout=0.)
    return "Embedding", cfg, dict(W=(vocab, n)), L.Embedding(vocab, n)


def plain(cls, layer, **cfg):
    return cls, cfg, {}, layer


def time_dense(n_in, n):
    cls, cfg, w, layer = dense(n_in, n)
    inner = dict(class_name=cls, config=dict(cfg, name="dense_inner", trainable=True))
    return "TimeDistributed", dict(layer=inner), w, L.TimeDistributed(layer)


def conv1d(cin, n, k):
    cfg = dict(DENSE, nb_filter=n, filter_length=k, activation="relu", border_mode="valid", subsample_length=1, input_dim=None, input_length=None)
    return "Convolution1D", cfg, dict(W=(k, 1, cin, n), b=(n,)), L.Conv1D(n, k, activation="relu")


def conv3d(cin, n):
    cfg = dict(DENSE, nb_filter=n, kernel_dim1=2, kernel_dim2=3, kernel_dim3=2, dim_ordering="tf", activation="tanh", border_mode="same", subsample=[1, 2, 1])
    return "Convolution3D", cfg, dict(W=(2, 3, 2, cin, n), b=(n,)), L.Conv3D(n, (2, 3, 2), strides=(1, 2, 1), padding="same", activation="tanh")


def atrous(cin, n):
    cls, cfg, w, _ = conv2d(cin, n, 3, 3, mode="valid")
    return "AtrousConvolution2D", dict(cfg, atrous_rate=[2, 2]), w, L.Conv2D(n, 3, dilation_rate=2, activation="relu")


def deconv(cin, n, out):
    cls, cfg, w, _ = conv2d(cin, n, 3, 3, sub=(2, 2))
    return "Deconvolution2D", dict(cfg, output_shape=[None, *out]), w, L.Conv2DTranspose(n, 3, strides=2, padding="same", activation="relu")


def separable(cin, n):
    cfg = dict(nb_filter=n, nb_row=3, nb_col=3, init="glorot_uniform", activation="relu", border_mode="same", subsample=[1, 1], depth_multiplier=2, dim_ordering="tf", bias=True,
               depthwise_regularizer=None, pointwise_regularizer=None, b_regularizer=None, activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, b_constraint=None)
    return "SeparableConvolution2D", cfg, dict(depthwise_kernel=(3, 3, cin, 2), pointwise_kernel=(1, 1, 2 * cin, n), b=(n,)), L.SeparableConv2D(n, 3, padding="same", depth_multiplier=2, activation="relu")


def simple_rnn(cin, n):
    return "SimpleRNN", dict(RNN, output_dim=n, return_sequences=True), dict(W=(cin, n), U=(n, n), b=(n,)), L.SimpleRNN(n, return_sequences=True)


SEQUENTIAL = dict(
    cnn=((8, 8, 3), lambda: [conv2d(3, 4, 3, 3, sub=(2, 2)), bn(4), pool("Max", (2, 2)), plain("Dropout", L.Dropout(.5), p=.5), plain("Flatten", L.Flatten()), dense(16, 3, "softmax")]),
    padded=((5, 6, 2), lambda: [plain("ZeroPadding2D", L.ZeroPadding2D(1), padding=[1, 1], dim_ordering="tf"), conv2d(2, 3, 3, 2, mode="valid"), plain("UpSampling2D", L.UpSampling2D(2), size=[2, 2], dim_ordering="tf"),
                              plain("LeakyReLU", L.LeakyReLU(.3), alpha=.3), pool("Average", (2, 2)), plain("GlobalAveragePooling2D", L.GlobalAveragePooling2D(), dim_ordering="tf"), dense(3, 2)]),
    lstm=((5, 3), lambda: [lstm(3, 4, True), lstm(4, 3), dense(3, 2)]),
    lstm_gpu=((5, 3), lambda: [lstm(3, 4, mode="gpu"), dense(4, 2)]),
    gru=((5, 3), lambda: [gru(3, 4, True), time_dense(4, 3), gru(3, 2)]),
    simple_rnn=((5, 3), lambda: [simple_rnn(3, 4), plain("Permute", L.Permute((2, 1)), dims=[2, 1]), plain("Flatten", L.Flatten()), dense(20, 2)]),
    embedding=((6,), lambda: [embedding(9, 4), conv1d(4, 5, 3), plain("MaxPooling1D", L.MaxPooling1D(2), stride=2, pool_length=2, border_mode="valid"), lstm(5, 3)]),
    conv3d=((4, 5, 4, 2), lambda: [conv3d(2, 3), plain("MaxPooling3D", L.MaxPooling3D(2), pool_size=[2, 2, 2], border_mode="valid", strides=[2, 2, 2], dim_ordering="tf")]),
    atrous=((9, 9, 2), lambda: [atrous(2, 3), plain("Reshape", L.Reshape((25, 3)), target_shape=[25, 3])]),
    deconv=((4, 4, 2), lambda: [deconv(2, 3, (8, 8, 3)), plain("Cropping2D", L.Cropping2D(((1, 1), (0, 2))), cropping=[[1, 1], [0, 2]], dim_ordering="tf")]),
    separable=((6, 6, 2), lambda: [separable(2, 3), plain("Activation", L.Activation("hard_sigmoid"), activation="hard_sigmoid")]),
    mlp=((6,), lambda: [dense(6, 5, "relu"), plain("RepeatVector", L.RepeatVector(3), n=3), plain("GaussianNoise", L.GaussianNoise(.1), sigma=.1), plain("ELU", L.ELU(1.), alpha=1.)]),
)


def values(suffix, shape, rng):
    if suffix == "running_std":
        return rng.uniform(.3, 2, shape)
    kind = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}.get(suffix.split("_")[0], suffix)
    return f.trained_like(kind.replace("running", "moving"), shape, rng)


def weight_groups(root, layers, rng):
    """`layers`: (name, {suffix: shape}). Datasets are named `<layer>_<suffix>` (1.2.2 `add_weight`), `:0` from TensorFlow."""
    root.attrs["layer_names"] = [n.encode() for n, _ in layers]
    for name, arrays in layers:
        g = root.create_group(name)
        names = [f"{name}_{s}:0".encode() for s in arrays]
        g.attrs["weight_names"] = names
        for n, (s, shape) in zip(names, arrays.items()):
            g.create_dataset(n.decode(), data=values(s, shape, rng).astype("float32"))


def write(out, case, config, layers, model, kinds=None):
    rng = f.fresh("keras1 " + case)
    d = os.path.join(out, "models/keras", f"k1_{case}")
    os.makedirs(d, exist_ok=True)
    path = os.path.join(d, "model.h5")
    with h5py.File(path, "w") as h:
        h.attrs["keras_version"] = b"1.2.2"
        h.attrs["model_config"] = np.bytes_(json.dumps(config).encode())
        weight_groups(h.create_group("model_weights"), layers, rng)
    from keras.src.saving.legacy import hdf5_format
    with h5py.File(path) as h:
        hdf5_format.load_weights_from_hdf5_group(h["model_weights"], model)
    np.savez_compressed(os.path.join(d, "io.npz"), **f.record(model, rng, kinds=kinds))


def sequential(out, case):
    f.fresh(case)
    shape, make = SEQUENTIAL[case]
    ids = case == "embedding"
    x = y = keras.Input(shape, dtype="int32" if ids else "float32", name="input")
    configs, layers = [], []
    for i, (cls, cfg, arrays, layer) in enumerate(make()):
        name = f"{cls.lower()}_{i + 1}"
        cfg = dict(cfg, name=name, trainable=True)
        if i == 0:
            cfg.update(batch_input_shape=[None, *shape], input_dtype="int32" if ids else "float32")
        configs.append(dict(class_name=cls, config=cfg))
        layers.append((name, arrays))
        y = layer(y)
    write(out, case, dict(class_name="Sequential", config=configs), layers, keras.Model(x, y), 9 if ids else None)


def merge(out, mode):
    """A functional `Model` with two inputs that meet in the `Merge` layer, which Keras 2 dropped."""
    f.fresh(mode)
    name = "merge_" + mode
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    rows = [("InputLayer", n, dict(batch_input_shape=[None, 5], input_dtype="float32", sparse=False, name=n), []) for n in "ab"]
    _, cfg, arrays, k2 = dense(5, 4, "tanh")
    rows.append(("Dense", "shared", dict(cfg, name="shared", trainable=True), [[["a", 0, 0]], [["b", 0, 0]]]))
    mc = dict(name="m", mode=mode, mode_type="raw", concat_axis=-1, dot_axes=-1 if mode == "dot" else -1, output_shape=None, output_shape_type="raw", output_mask=None, output_mask_type="raw", arguments={})
    rows.append(("Merge", "m", mc, [[["shared", 0, 0], ["shared", 1, 0]]]))
    layer = dict(sum=L.Add, mul=L.Multiply, concat=L.Concatenate, ave=L.Average, max=L.Maximum)[mode]()
    width = 8 if mode == "concat" else 4
    _, cfg2, arrays2, k2b = dense(width, 2)
    rows.append(("Dense", "out", dict(cfg2, name="out", trainable=True), [[["m", 0, 0]]]))
    config = dict(name="model_1", layers=[dict(class_name=c, name=n, config=g, inbound_nodes=i) for c, n, g, i in rows],
                  input_layers=[["a", 0, 0], ["b", 0, 0]], output_layers=[["out", 0, 0]])
    layers = [("a", {}), ("b", {}), ("shared", arrays), ("m", {}), ("out", arrays2)]
    model = keras.Model([a, b], k2b(layer([k2(a), k2(b)])))
    write(out, name, dict(class_name="Model", config=config), layers, model)


def channels_first(out):
    """dim_ordering 'th' on the TensorFlow backend; the expected numbers come from a channels_last twin given the converted kernels."""
    rng = f.fresh("keras1 th")
    d = os.path.join(out, "models/keras", "k1_channels_first")
    os.makedirs(d, exist_ok=True)
    rows = [("conv", conv2d(3, 4, 3, 2, mode="valid", order="th")), ("pool", pool("Max", (2, 2), "th")), ("flat", plain("Flatten", None)), ("fc", dense(24, 3))]
    configs = [dict(class_name=r[0], config=dict(r[1], name=n, trainable=True)) for n, r in rows]
    configs[0]["config"].update(batch_input_shape=[None, 3, 6, 7], input_dtype="float32")
    path = os.path.join(d, "model.h5")
    with h5py.File(path, "w") as h:
        h.attrs["keras_version"] = b"1.2.2"
        h.attrs["model_config"] = np.bytes_(json.dumps(dict(class_name="Sequential", config=configs)).encode())
        weight_groups(h.create_group("model_weights"), [(n, r[2]) for n, r in rows], rng)
        ws = {n: [np.array(h["model_weights"][n][w]) for w in h["model_weights"][n].attrs["weight_names"]] for n in ("conv", "fc")}
    x = keras.Input((6, 7, 3))
    conv, fc = L.Conv2D(4, (3, 2), activation="relu"), L.Dense(3)
    y = fc(L.Flatten()(L.Permute((3, 1, 2))(L.MaxPooling2D(2)(conv(x)))))
    twin = keras.Model(x, y)
    conv.set_weights([np.transpose(ws["conv"][0], (2, 3, 1, 0)), ws["conv"][1]])
    fc.set_weights(ws["fc"])
    v = rng.normal(0, 1, (2, 3, 6, 7)).astype("float32")
    np.savez_compressed(os.path.join(d, "io.npz"), **{"in:conv_input": v, "out:fc": np.asarray(twin(np.moveaxis(v, 1, -1)))})


def old_two(out, case, model, functional):
    """Keras 2.15's file rewritten to the config form of 2.0.6: Sequential as a bare list, Functional called `Model`."""
    rng = f.fresh(case)
    m = model()
    f.randomise(m, rng)
    d = os.path.join(out, "models/keras", case)
    os.makedirs(d, exist_ok=True)
    path = os.path.join(d, "model.h5")
    f.save(m, path)
    with h5py.File(path, "r+") as h:
        config = json.loads(h.attrs["model_config"])
        layers = config["config"]["layers"]
        for l in layers:
            for k in ("module", "registered_name", "build_config"):
                l.pop(k, None)
            for k in ("groups", "dtype") if l["class_name"] != "InputLayer" else ():
                l["config"].pop(k, None)
            if isinstance(l["config"].get("axis"), list):
                l["config"]["axis"] = l["config"]["axis"][0]
        if functional:
            config["class_name"] = "Model"
        else:
            shape = layers[0]["config"]["batch_input_shape"]
            layers[1]["config"].update(batch_input_shape=shape, dtype="float32")
            config["config"] = layers[1:]
        for g in (h, h["model_weights"]):
            g.attrs["keras_version"], g.attrs["backend"] = np.bytes_(b"2.0.6"), np.bytes_(b"tensorflow")
        del h.attrs["model_config"]
        h.attrs["model_config"] = np.bytes_(json.dumps(config).encode())
    np.savez_compressed(os.path.join(d, "io.npz"), **f.record(m, rng))


def make_keras1(out, small_cnn, multi_io):
    rows = [(f"models/k1_{c}", lambda c=c: sequential(out, c)) for c in SEQUENTIAL]
    rows += [(f"models/k1_merge_{m}", lambda m=m: merge(out, m)) for m in ("sum", "mul", "concat", "ave", "max")]
    rows += [("models/k1_channels_first", lambda: channels_first(out)), ("models/k2_0_sequential", lambda: old_two(out, "k2_0_sequential", small_cnn, False)),
             ("models/k2_0_model", lambda: old_two(out, "k2_0_model", multi_io, True))]
    return rows
