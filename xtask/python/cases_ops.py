"""The one-layer cases: every row is (layer class, case name, input shape, layer or builder)."""
import numpy as np
import keras
import tensorflow as tf
from fixlib import K3

L = keras.layers
CASES = []


def inp(shape, dtype="float32", name="x"):
    return keras.Input(shape=shape, dtype=dtype, name=name)


def one(op, name, shape, make, **kw):
    """A Functional model of one layer over one input of `shape` (without batch)."""
    dtype = kw.pop("dtype", "float32")

    def build():
        x = inp(shape, dtype)
        return keras.Model(x, make()(x))
    CASES.append(dict(op=op, name=name, build=build, **kw))


def many(op, name, shapes, call, **kw):
    """A Functional model over several inputs; `call` gets the list of tensors."""
    dtypes = kw.pop("dtypes", ["float32"] * len(shapes))

    def build():
        xs = [inp(s, d, f"x{i}") for i, (s, d) in enumerate(zip(shapes, dtypes))]
        return keras.Model(xs, call(xs))
    CASES.append(dict(op=op, name=name, build=build, **kw))


def fn(op, name, shape, call, **kw):
    dtype = kw.pop("dtype", "float32")

    def build():
        x = inp(shape, dtype)
        return keras.Model(x, call(x))
    CASES.append(dict(op=op, name=name, build=build, **kw))


def convs():
    for n, spatial in ((1, (9,)), (2, (8, 7)), (3, (5, 6, 4))):
        C, T, k = getattr(L, f"Conv{n}D"), getattr(L, f"Conv{n}DTranspose"), 3
        s, d = (*spatial, 4), (*[None] * n, 4)
        for pad in ("same", "valid"):
            for st in (1, 2):
                one(f"Conv{n}D", f"{pad}_stride{st}", s, lambda C=C, pad=pad, st=st: C(3, k, strides=st, padding=pad))
                one(f"Conv{n}DTranspose", f"{pad}_stride{st}", s, lambda T=T, pad=pad, st=st: T(3, k, strides=st, padding=pad))
        one(f"Conv{n}D", "dilation2_relu", s if n < 3 else (6, 6, 6, 4), lambda C=C: C(3, 2, dilation_rate=2, activation="relu"))
        one(f"Conv{n}D", "same_dilation2", s, lambda C=C: C(3, 3, dilation_rate=2, padding="same"))
        one(f"Conv{n}D", "groups2_nobias", s, lambda C=C: C(6, 3, groups=2, use_bias=False))
        one(f"Conv{n}D", "dynamic_same_stride2", d, lambda C=C: C(3, 3, strides=2, padding="same"), size=9)
        one(f"Conv{n}DTranspose", "nobias_tanh", s, lambda T=T: T(3, 2, use_bias=False, activation="tanh"))
        one(f"Conv{n}DTranspose", "stride3_kernel2", s, lambda T=T: T(2, 2, strides=3, padding="same"))
        one(f"Conv{n}DTranspose", "output_padding1", s, lambda T=T: T(2, 3, strides=2, padding="valid", output_padding=1))
        one(f"Conv{n}DTranspose", "same_output_padding1", s, lambda T=T: T(2, 3, strides=2, padding="same", output_padding=1))
        one(f"Conv{n}DTranspose", "dynamic_same_stride2", d, lambda T=T: T(3, 3, strides=2, padding="same"), size=5)
    one("Conv1D", "causal", (9, 4), lambda: L.Conv1D(3, 3, padding="causal"))
    one("Conv1D", "causal_dilation2", (9, 4), lambda: L.Conv1D(3, 3, padding="causal", dilation_rate=2))
    one("Conv2D", "rect_kernel", (8, 7, 4), lambda: L.Conv2D(3, (1, 3), strides=(2, 1), padding="same"))
    one("Conv2DTranspose", "rect_stride", (4, 5, 4), lambda: L.Conv2DTranspose(3, (2, 3), strides=(1, 2), padding="same"))
    one("DepthwiseConv1D", "same", (9, 4), lambda: L.DepthwiseConv1D(3, padding="same"))
    one("DepthwiseConv1D", "valid_stride2_mult2", (9, 4), lambda: L.DepthwiseConv1D(3, strides=2, depth_multiplier=2))
    one("DepthwiseConv2D", "same_stride1", (8, 7, 4), lambda: L.DepthwiseConv2D(3, padding="same"))
    one("DepthwiseConv2D", "same_stride2", (8, 8, 4), lambda: L.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False))
    one("DepthwiseConv2D", "valid_mult2_relu", (8, 7, 4), lambda: L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"))
    one("DepthwiseConv2D", "dilation2", (8, 7, 4), lambda: L.DepthwiseConv2D(3, dilation_rate=2))
    one("SeparableConv1D", "same_mult2", (9, 4), lambda: L.SeparableConv1D(5, 3, padding="same", depth_multiplier=2))
    one("SeparableConv1D", "valid_stride2", (9, 4), lambda: L.SeparableConv1D(5, 3, strides=2))
    one("SeparableConv2D", "same_stride2", (8, 7, 4), lambda: L.SeparableConv2D(5, 3, strides=2, padding="same"))
    one("SeparableConv2D", "valid_mult2_nobias", (8, 7, 4), lambda: L.SeparableConv2D(5, 3, depth_multiplier=2, use_bias=False, activation="relu"))
    one("SeparableConv2D", "dilation2", (8, 7, 4), lambda: L.SeparableConv2D(5, 3, dilation_rate=2))
    if not K3:
        one("LocallyConnected1D", "valid", (7, 3), lambda: L.LocallyConnected1D(4, 3))
        one("LocallyConnected2D", "valid_stride2", (6, 5, 3), lambda: L.LocallyConnected2D(2, 3, strides=(2, 1)))
        one("LocallyConnected2D", "impl2", (6, 5, 3), lambda: L.LocallyConnected2D(2, 3, implementation=2))


def twin_channels_first(op, name, shape, make):
    """channels_first, which TensorFlow's CPU kernels do not run: a channels_last twin with the same weights gives the
    expected output, moved to channels_first. `make(data_format)` returns the layer; `shape` is channels_last."""
    def build():
        x = inp((shape[-1], *shape[:-1]))
        return keras.Model(x, make("channels_first")(x))

    def expected(model, ins):
        x = inp(shape)
        twin = keras.Model(x, make("channels_last")(x))
        twin.set_weights(model.get_weights())
        y = np.asarray(twin(np.moveaxis(ins[0], 1, -1), training=False))
        return [np.moveaxis(y, -1, 1) if y.ndim > 2 else y]
    CASES.append(dict(op=op, name=name, build=build, expected=expected))


def channels_first():
    for n, s in ((1, (7, 4)), (2, (7, 6, 4)), (3, (5, 4, 6, 4))):
        get = lambda k, n=n: getattr(L, f"{k}{n}D")
        rows = [("Conv", "same_stride2", dict(filters=3, kernel_size=3, strides=2, padding="same")),
                ("Conv", "valid", dict(filters=3, kernel_size=3, activation="relu"))]
        rows += [("MaxPooling", "same", dict(pool_size=2, padding="same")), ("AveragePooling", "valid", dict(pool_size=2))]
        if n > 1:
            rows += [("ZeroPadding", "pad", dict(padding=1)), ("Cropping", "crop", dict(cropping=1)), ("UpSampling", "up", dict(size=2))]
        if n == 2:
            rows += [("DepthwiseConv", "same_stride2", dict(kernel_size=3, strides=2, padding="same")),
                     ("SeparableConv", "same", dict(filters=3, kernel_size=3, padding="same"))]
        for k, case, kw in rows:
            twin_channels_first(f"{k}{n}D", f"channels_first_{case}", s, lambda df, k=k, kw=kw, get=get: get(k)(data_format=df, **kw))
        if n == 2:
            def transposed(df):
                return L.Conv2DTranspose(3, 3, strides=2, padding="same", data_format=df)
            twin_channels_first("Conv2DTranspose", "channels_first", s, transposed)


def pools():
    for n, spatial in ((1, (9,)), (2, (8, 7)), (3, (5, 6, 4))):
        s = (*spatial, 3)
        for kind in ("Max", "Average"):
            P, G = getattr(L, f"{kind}Pooling{n}D"), getattr(L, f"Global{kind}Pooling{n}D")
            one(f"{kind}Pooling{n}D", "default", s, lambda P=P: P(2))
            one(f"{kind}Pooling{n}D", "same_3_stride2", s, lambda P=P: P(3, strides=2, padding="same"))
            one(f"{kind}Pooling{n}D", "valid_3_stride1", s, lambda P=P: P(3, strides=1))
            one(f"{kind}Pooling{n}D", "dynamic_same", (*[None] * n, 3), lambda P=P: P(2, padding="same"), size=7)
            one(f"Global{kind}Pooling{n}D", "default", s, lambda G=G: G())
            one(f"Global{kind}Pooling{n}D", "keepdims", s, lambda G=G: G(keepdims=True))
            one(f"Global{kind}Pooling{n}D", "dynamic", (*[None] * n, 3), lambda G=G: G(), size=5)
            one(f"Global{kind}Pooling{n}D", "channels_first", s, lambda G=G: G(data_format="channels_first"))
            if K3:
                A = getattr(L, f"Adaptive{kind}Pooling{n}D", None)
                if A:
                    one(f"Adaptive{kind}Pooling{n}D", "to3", s, lambda A=A: A(3))
    one("AveragePooling2D", "channels_first_global_like", (3, 6, 6), lambda: L.GlobalAveragePooling2D(data_format="channels_first"))


def norms():
    for r, s in ((2, (5,)), (3, (6, 5)), (4, (4, 6, 5)), (5, (3, 4, 3, 5))):
        one("BatchNormalization", f"rank{r}", s, lambda: L.BatchNormalization())
        one("LayerNormalization", f"rank{r}", s, lambda: L.LayerNormalization())
    one("BatchNormalization", "axis1", (4, 6, 5), lambda: L.BatchNormalization(axis=1))
    one("BatchNormalization", "noscale_eps", (4, 6, 5), lambda: L.BatchNormalization(scale=False, epsilon=0.05))
    one("BatchNormalization", "nocenter", (4, 6, 5), lambda: L.BatchNormalization(center=False))
    one("BatchNormalization", "neither", (4, 6, 5), lambda: L.BatchNormalization(center=False, scale=False))
    fn("BatchNormalization", "after_conv", (6, 6, 3), lambda x: L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(4, 3, use_bias=False)(x))))
    one("LayerNormalization", "axis_12", (6, 5), lambda: L.LayerNormalization(axis=[1, 2]))
    one("LayerNormalization", "axis1_eps", (6, 5), lambda: L.LayerNormalization(axis=1, epsilon=0.1))
    one("LayerNormalization", "noscale", (6, 5), lambda: L.LayerNormalization(scale=False))
    one("LayerNormalization", "nocenter", (6, 5), lambda: L.LayerNormalization(center=False))
    one("GroupNormalization", "groups2", (4, 4, 6), lambda: L.GroupNormalization(groups=2))
    one("GroupNormalization", "instance", (4, 4, 6), lambda: L.GroupNormalization(groups=-1, scale=False))
    one("GroupNormalization", "rank3_axis1", (4, 6), lambda: L.GroupNormalization(groups=2, axis=1))
    one("UnitNormalization", "default", (4, 6), lambda: L.UnitNormalization())
    one("UnitNormalization", "axis_12", (4, 6), lambda: L.UnitNormalization(axis=[1, 2]))
    one("Normalization", "given", (4, 3), lambda: L.Normalization(axis=-1, mean=[.1, -.4, .6], variance=[.5, 1.5, 2.]))
    one("Normalization", "scalar", (4, 3), lambda: L.Normalization(axis=None, mean=.3, variance=2.))
    one("Normalization", "adapted", (4, 3), adapted)
    one("Normalization", "invert", (4, 3), lambda: L.Normalization(mean=[.1, -.4, .6], variance=[.5, 1.5, 2.], invert=True))
    one("SpectralNormalization", "dense", (5,), lambda: L.SpectralNormalization(L.Dense(4)))
    if K3:
        one("RMSNormalization", "default", (4, 6), lambda: L.RMSNormalization())
        one("RMSNormalization", "eps", (4, 6), lambda: L.RMSNormalization(epsilon=.01))


def adapted():
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(1).normal(2, 3, (50, 4, 3)).astype("float32"))
    return layer


def core():
    one("Dense", "rank2", (5,), lambda: L.Dense(4))
    one("Dense", "rank3_relu", (3, 5), lambda: L.Dense(4, activation="relu"))
    one("Dense", "rank4_nobias", (2, 3, 5), lambda: L.Dense(4, use_bias=False))
    one("Dense", "softmax", (5,), lambda: L.Dense(4, activation="softmax"))
    one("Dense", "dynamic_time", (None, 5), lambda: L.Dense(4, activation="tanh"))
    for eq, out, shape in (("abc,cd->abd", (None, 6), (3, 4)), ("abc,cde->abde", (None, 2, 3), (3, 4)), ("abcd,cde->abe", (None, 5), (3, 2, 4))):
        one("EinsumDense", eq.replace(",", "_").replace("->", "_"), shape,
            lambda eq=eq, out=out: L.EinsumDense(eq, out, bias_axes=eq[-1]))
    one("EinsumDense", "nobias_relu", (3, 4), lambda: L.EinsumDense("abc,cd->abd", (None, 6), activation="relu"))
    one("EinsumDense", "ellipsis", (3, 4), lambda: L.EinsumDense("...x,xy->...y", (6,), bias_axes="y"))
    one("Embedding", "default", (6,), lambda: L.Embedding(9, 4), dtype="int32", inputs=9)
    one("Embedding", "mask_zero_dynamic", (None,), lambda: L.Embedding(9, 4, mask_zero=True), dtype="int32", inputs=9)
    one("Embedding", "float_ids", (6,), lambda: L.Embedding(9, 4), inputs=lambda r, s: r.integers(0, 9, s))
    one("Flatten", "default", (3, 4, 2), lambda: L.Flatten())
    one("Flatten", "channels_first", (3, 4, 2), lambda: L.Flatten(data_format="channels_first"))
    fn("Flatten", "conv_dense", (6, 6, 3), lambda x: L.Dense(4)(L.Flatten()(L.Conv2D(4, 3, activation="relu")(x))))
    one("Reshape", "minus1", (3, 4, 2), lambda: L.Reshape((-1, 6)))
    one("Reshape", "fixed", (3, 4, 2), lambda: L.Reshape((4, 6)))
    one("Reshape", "dynamic", (None, 4), lambda: L.Reshape((-1, 2, 2)))
    one("Permute", "312", (3, 4, 2), lambda: L.Permute((3, 1, 2)))
    one("RepeatVector", "default", (4,), lambda: L.RepeatVector(3))
    for name, make in dict(Dropout=lambda: L.Dropout(.5), SpatialDropout1D=lambda: L.SpatialDropout1D(.5), GaussianNoise=lambda: L.GaussianNoise(.5),
                           GaussianDropout=lambda: L.GaussianDropout(.5), AlphaDropout=lambda: L.AlphaDropout(.5),
                           ActivityRegularization=lambda: L.ActivityRegularization(.1)).items():
        fn(name, "vanishes", (3, 4), lambda x, make=make: L.Dense(3)(make()(x)))
    for n, r in ((2, 4), (3, 5)):
        fn(f"SpatialDropout{n}D", "vanishes", (3,) * n + (4,), lambda x, n=n: L.Dense(3)(getattr(L, f"SpatialDropout{n}D")(.5)(x)))
    one("Masking", "lstm", (5, 3), None or (lambda: keras.Sequential([L.Masking(0.0), L.LSTM(4)])), inputs=masked)
    for n, s in ((1, (7, 3)), (2, (6, 7, 3)), (3, (5, 4, 6, 2))):
        Z, C, U = (getattr(L, f"{k}{n}D") for k in ("ZeroPadding", "Cropping", "UpSampling"))
        one(f"ZeroPadding{n}D", "default", s, lambda Z=Z: Z())
        one(f"ZeroPadding{n}D", "asymmetric", s, lambda Z=Z, n=n: Z((1, 2) if n == 1 else tuple((i, i + 1) for i in range(n))))
        one(f"Cropping{n}D", "default", s, lambda C=C: C())
        one(f"Cropping{n}D", "asymmetric", s, lambda C=C, n=n: C((1, 2) if n == 1 else tuple((i, 1) for i in range(n))))
        one(f"UpSampling{n}D", "default", s, lambda U=U: U())
        one(f"UpSampling{n}D", "size3", s, lambda U=U: U(3))
    for it in ("bilinear", "bicubic"):
        one("UpSampling2D", it, (4, 5, 3), lambda it=it: L.UpSampling2D((2, 3), interpolation=it))
    one("UpSampling2D", "dynamic", (None, None, 3), lambda: L.UpSampling2D(2), size=4)
    one("Rescaling", "scalar", (4, 4, 3), lambda: L.Rescaling(1 / 127.5, offset=-1), inputs=(0, 255))
    one("Rescaling", "list", (4, 4, 3), lambda: L.Rescaling([.1, .2, .3], offset=[1., 0., -1.]))
    for it in ("bilinear", "nearest", "bicubic"):
        one("Resizing", f"{it}_up", (5, 4, 3), lambda it=it: L.Resizing(9, 7, interpolation=it))
        one("Resizing", f"{it}_down", (9, 8, 3), lambda it=it: L.Resizing(4, 5, interpolation=it))
    one("Resizing", "crop_to_aspect", (9, 6, 3), lambda: L.Resizing(4, 4, crop_to_aspect_ratio=True))
    one("CenterCrop", "default", (8, 7, 3), lambda: L.CenterCrop(4, 4))
    one("CenterCrop", "odd", (9, 7, 3), lambda: L.CenterCrop(4, 5))


def masked(rng, shape):
    x = rng.normal(0, 1, shape)
    x[0, 3:] = 0
    x[1, 1:2] = 0
    return x


def merges():
    s = (3, 4)
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        many(name, "two", [s, s], lambda xs, name=name: getattr(L, name)()(xs))
        many(name, "three_broadcast", [s, (1, 4), s], lambda xs, name=name: getattr(L, name)()(xs))
    many("Subtract", "two", [s, s], lambda xs: L.Subtract()(xs))
    many("Concatenate", "last", [s, (3, 2)], lambda xs: L.Concatenate()(xs))
    many("Concatenate", "axis1", [s, (2, 4)], lambda xs: L.Concatenate(axis=1)(xs))
    many("Dot", "axes1", [(5,), (5,)], lambda xs: L.Dot(axes=1)(xs))
    many("Dot", "axes_21", [(3, 4), (4, 5)], lambda xs: L.Dot(axes=(2, 1))(xs))
    many("Dot", "axes2_normalize", [(3, 4), (5, 4)], lambda xs: L.Dot(axes=2, normalize=True)(xs))


def acts():
    names = "relu relu6 elu selu gelu swish silu mish softplus softsign tanh sigmoid hard_sigmoid exponential linear softmax log_softmax leaky_relu"
    if K3:
        names += " hard_silu hard_swish celu glu hard_tanh hard_shrink soft_shrink tanh_shrink squareplus sparse_plus sparsemax log_sigmoid sparse_sigmoid"
    for n in names.split():
        if K3 or hasattr(keras.activations, n) or n in ("relu6", "leaky_relu", "log_softmax"):
            one("Activation", n, (3, 4), lambda n=n: L.Activation(n), inputs=lambda r, s: r.normal(0, 2.5, s))
    wide = dict(inputs=lambda r, s: r.normal(0, 2.5, s))
    one("ReLU", "default", (3, 4), lambda: L.ReLU(), **wide)
    one("ReLU", "max6", (3, 4), lambda: L.ReLU(6.), inputs=lambda r, s: r.normal(0, 6, s))
    one("ReLU", "all", (3, 8), lambda: L.ReLU(max_value=3., negative_slope=.2, threshold=.5), **wide)
    one("LeakyReLU", "default", (3, 4), lambda: L.LeakyReLU(), **wide)
    one("LeakyReLU", "slope", (3, 4), lambda: L.LeakyReLU(.15), **wide)
    one("ELU", "alpha", (3, 4), lambda: L.ELU(.7), **wide)
    one("ELU", "default", (3, 4), lambda: L.ELU(), **wide)
    one("PReLU", "full", (3, 4, 2), lambda: L.PReLU(), **wide)
    one("PReLU", "shared12", (3, 4, 2), lambda: L.PReLU(shared_axes=[1, 2]), **wide)
    one("Softmax", "default", (3, 4), lambda: L.Softmax())
    one("Softmax", "axis1", (3, 4), lambda: L.Softmax(axis=1))
    one("Softmax", "axes12", (3, 4), lambda: L.Softmax(axis=[1, 2]))
    if not K3:
        one("ThresholdedReLU", "theta", (3, 8), lambda: L.ThresholdedReLU(.6), **wide)


def rnns():
    s = (5, 3)
    for C in ("LSTM", "GRU", "SimpleRNN"):
        R = getattr(L, C)
        one(C, "last", s, lambda R=R: R(4))
        one(C, "sequences", s, lambda R=R: R(4, return_sequences=True))
        one(C, "backwards", s, lambda R=R: R(4, return_sequences=True, go_backwards=True))
        one(C, "nobias_relu", s, lambda R=R: R(4, use_bias=False, activation="relu"))
        one(C, "dynamic_time", (None, 3), lambda R=R: R(4))
        one(C, "masked", s, lambda R=R: keras.Sequential([L.Masking(), R(4, return_sequences=True), R(3)]), inputs=masked)
        fn(C, "return_state", s, lambda x, R=R: R(4, return_sequences=True, return_state=True)(x))
        fn(C, "mask_backwards", s, lambda x, R=R: R(4, go_backwards=True)(L.Masking()(x)), inputs=masked)
        for mode in ("concat", "sum", "ave", "mul"):
            one("Bidirectional", f"{C}_{mode}", s, lambda R=R, mode=mode: L.Bidirectional(R(4, return_sequences=True), merge_mode=mode))
        one("Bidirectional", f"{C}_last", s, lambda R=R: L.Bidirectional(R(4)))
        one("Bidirectional", f"{C}_masked", s, lambda R=R: keras.Sequential([L.Masking(), L.Bidirectional(R(4, return_sequences=True))]), inputs=masked)
        Cell = getattr(L, C + "Cell")
        one("RNN", f"cell_{C}", s, lambda Cell=Cell: L.RNN(Cell(4), return_sequences=True))
    for C in ("LSTM", "GRU"):
        one(C, "hard_sigmoid", s, lambda R=getattr(L, C): R(4, recurrent_activation="hard_sigmoid"))
    one("GRU", "reset_before", s, lambda: L.GRU(4, reset_after=False))
    one("GRU", "reset_before_seq_nobias", s, lambda: L.GRU(4, reset_after=False, return_sequences=True, use_bias=False))
    many("LSTM", "initial_state", [s, (4,), (4,)], lambda xs: L.LSTM(4)(xs[0], initial_state=[xs[1], xs[2]]))
    many("GRU", "initial_state", [s, (4,)], lambda xs: L.GRU(4)(xs[0], initial_state=xs[1]))
    one("RNN", "stacked", s, lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(4), L.GRUCell(3)])))
    fn("Embedding", "mask_to_lstm", (6,), lambda x: L.LSTM(4)(L.Embedding(9, 4, mask_zero=True)(x)), dtype="int32", inputs=3)
    one("TimeDistributed", "dense", s, lambda: L.TimeDistributed(L.Dense(4)))
    one("TimeDistributed", "conv2d", (3, 5, 5, 2), lambda: L.TimeDistributed(L.Conv2D(4, 3)))
    one("TimeDistributed", "model", s, lambda: L.TimeDistributed(keras.Sequential([keras.Input((3,)), L.Dense(4, activation="relu"), L.Dense(2)])))
    one("TimeDistributed", "dynamic", (None, 3), lambda: L.TimeDistributed(L.Dense(4)))
    for n, sp in ((1, (6,)), (2, (5, 4)), (3, (3, 4, 3))):
        R = getattr(L, f"ConvLSTM{n}D")
        one(f"ConvLSTM{n}D", "same_seq", (3, *sp, 2), lambda R=R: R(3, 3, padding="same", return_sequences=True))
        one(f"ConvLSTM{n}D", "valid_last", (3, *sp, 2), lambda R=R: R(3, 2))


def attention():
    q, k = (4, 6), (5, 6)
    for name, kw in dict(default={}, scaled=dict(use_scale=True), concat=dict(score_mode="concat")).items():
        many("Attention", name, [q, k], lambda xs, kw=kw: L.Attention(**kw)(xs))
    many("Attention", "qvk", [q, k, k], lambda xs: L.Attention()(xs))
    many("AdditiveAttention", "default", [q, k], lambda xs: L.AdditiveAttention()(xs))
    many("AdditiveAttention", "noscale", [q, k], lambda xs: L.AdditiveAttention(use_scale=False)(xs))
    many("MultiHeadAttention", "cross", [q, k], lambda xs: L.MultiHeadAttention(2, 3)(xs[0], xs[1]))
    many("MultiHeadAttention", "value_dim", [q, k], lambda xs: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7)(xs[0], xs[1]))
    fn("MultiHeadAttention", "self_causal", q, lambda x: L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True))
    fn("MultiHeadAttention", "nobias", q, lambda x: L.MultiHeadAttention(2, 3, use_bias=False)(x, x))
    fn("MultiHeadAttention", "axes2", (3, 4, 6), lambda x: L.MultiHeadAttention(2, 3, attention_axes=2)(x, x))
    fn("MultiHeadAttention", "scores", q, lambda x: L.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True))
    if K3:
        fn("GroupQueryAttention", "default", q, lambda x: L.GroupQueryAttention(3, 4, 2)(x, x))


def lambdas():
    """Ops applied to symbolic tensors: TFOpLambda in Keras 2, Operation classes in Keras 3."""
    s, pos = (3, 4), dict(inputs=(.2, 2.))
    if not K3:
        rng = np.random.default_rng(5)
        weight = lambda *shape: rng.normal(0, .4, shape).astype("float32")
        windows = dict(max_pool2d=lambda x: tf.nn.max_pool2d(x, 3, 2, "SAME"), avg_pool2d=lambda x: tf.nn.avg_pool2d(x, [1, 2, 3, 1], [1, 2, 1, 1], "VALID"),
                       conv2d=lambda x: tf.nn.conv2d(x, weight(3, 2, 4, 5), 2, "SAME"), conv2d_dilated=lambda x: tf.nn.conv2d(x, weight(2, 3, 4, 5), 1, "VALID", dilations=[1, 2, 1, 1]),
                       depthwise_conv2d=lambda x: tf.nn.depthwise_conv2d(x, weight(3, 3, 4, 2), [1, 2, 2, 1], "SAME"),
                       batch_normalization=lambda x: tf.nn.batch_normalization(x, weight(4), abs(weight(4)) + .5, weight(4), weight(4), 1e-3))
        for n, f in windows.items():
            fn("TFOpLambda", n, (8, 7, 4), f)
        fn("TFOpLambda", "max_pool1d", (9, 4), lambda x: tf.nn.max_pool1d(x, 3, 2, "VALID"))
        fn("TFOpLambda", "conv1d", (9, 4), lambda x: tf.nn.conv1d(x, weight(3, 4, 5), 2, "SAME"))
        t = dict(add=lambda x: tf.add(x, 2.), add_self=lambda x: x + x, sub=lambda x: 1. - x, mul=lambda x: x * 3., truediv=lambda x: x / 4., slice=lambda x: x[:, 1:],
                 slice_last=lambda x: x[..., -2:], slice_step=lambda x: x[:, ::2], index=lambda x: x[:, 0], newaxis=lambda x: x[:, tf.newaxis],
                 relu6=tf.nn.relu6, nn_relu=tf.nn.relu, sigmoid=tf.nn.sigmoid, softmax=tf.nn.softmax, gelu=tf.nn.gelu, swish=tf.nn.silu, leaky=lambda x: tf.nn.leaky_relu(x, .1),
                 reshape=lambda x: tf.reshape(x, [-1, 12]), reshape_shape=lambda x: tf.reshape(x, [tf.shape(x)[0], 2, 6]), concat=lambda x: tf.concat([x, x * 2.], -1),
                 reduce_mean=lambda x: tf.reduce_mean(x, 1), reduce_sum_keep=lambda x: tf.reduce_sum(x, [1, 2], keepdims=True), reduce_max=lambda x: tf.reduce_max(x, -1),
                 abs=tf.abs, neg=lambda x: -x, exp=tf.exp, tanh=tf.tanh, square=tf.square, sin=tf.sin, pow=lambda x: x ** 2., maximum=lambda x: tf.maximum(x, .1), minimum=lambda x: tf.minimum(x, .1),
                 clip=lambda x: tf.clip_by_value(x, -.5, .5), transpose=lambda x: tf.transpose(x, [0, 2, 1]), expand_dims=lambda x: tf.expand_dims(x, -1), squeeze=lambda x: tf.squeeze(x[:, :1], 1),
                 stack=lambda x: tf.stack([x, -x], 1), matmul=lambda x: tf.matmul(x, x, transpose_b=True), cast=lambda x: tf.cast(x > 0., tf.float32), tile=lambda x: tf.tile(x, [1, 2, 1]),
                 pad=lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 0]]), l2_normalize=lambda x: tf.math.l2_normalize(x, -1),
                 split=lambda x: tf.split(x, 2, -1), where=lambda x: tf.where(x > 0., x, -2. * x), gather=lambda x: tf.gather(x, [2, 0], axis=1), softplus=tf.math.softplus,
                 floor=lambda x: tf.floor(x * 3.), multiply_two=lambda x: tf.multiply(x, tf.nn.tanh(x)), squared_difference=lambda x: tf.math.squared_difference(x, .3), reduce_variance=lambda x: tf.math.reduce_variance(x, 1))
        for n, f in t.items():
            fn("SlicingOpLambda" if n.startswith(("slice", "index", "newaxis")) else "TFOpLambda", n, s, f)
        for n, f in dict(sqrt=tf.sqrt, log=tf.math.log, rsqrt=tf.math.rsqrt, divide=lambda x: 1. / x, reduce_prod=lambda x: tf.reduce_prod(x, 1)).items():
            fn("TFOpLambda", n, s, f, **pos)
        for m in ("bilinear", "nearest"):
            fn("TFOpLambda", "resize_" + m, (5, 4, 3), lambda x, m=m: tf.image.resize(x, (8, 6), method=m))
        fn("TFOpLambda", "depth_to_space", (3, 4, 8), lambda x: tf.nn.depth_to_space(x, 2))
        fn("TFOpLambda", "space_to_depth", (4, 4, 2), lambda x: tf.nn.space_to_depth(x, 2))
        return
    o = keras.ops
    t = dict(Add=lambda x: x + x, Subtract=lambda x: 1. - x, Multiply=lambda x: x * 3., TrueDivide=lambda x: x / 4., GetItem=lambda x: x[:, 1:], Relu6=o.relu6, Relu=o.relu, Sigmoid=o.sigmoid,
             Softmax=o.softmax, Gelu=o.gelu, Silu=o.silu, LeakyRelu=o.leaky_relu, Reshape=lambda x: o.reshape(x, (-1, 12)), Concatenate=lambda x: o.concatenate([x, x * 2.], -1), Mean=lambda x: o.mean(x, 1),
             Sum=lambda x: o.sum(x, (1, 2), keepdims=True), Max=lambda x: o.max(x, -1), Min=lambda x: o.min(x, -1), Absolute=o.abs, Negative=o.negative, Exp=o.exp, Tanh=o.tanh, Square=o.square, Sin=o.sin, Cos=o.cos, Power=lambda x: x ** 2.,
             Maximum=lambda x: o.maximum(x, .1), Minimum=lambda x: o.minimum(x, .1), Clip=lambda x: o.clip(x, -.5, .5), Transpose=lambda x: o.transpose(x, (0, 2, 1)), ExpandDims=lambda x: o.expand_dims(x, -1),
             Squeeze=lambda x: o.squeeze(x[:, :1], 1), Stack=lambda x: o.stack([x, -x], 1), Matmul=lambda x: o.matmul(x, o.transpose(x, (0, 2, 1))), Cast=lambda x: o.cast(x > 0., "float32"), Tile=lambda x: o.tile(x, (1, 2, 1)),
             Pad=lambda x: o.pad(x, ((0, 0), (1, 2), (0, 0))), Normalize=o.normalize, Einsum=lambda x: o.einsum("bij,bkj->bik", x, x), Split=lambda x: o.split(x, 2, -1), Where=lambda x: o.where(x > 0., x, -2. * x),
             Take=lambda x: o.take(x, [2, 0], axis=1), Softplus=o.softplus, Floor=lambda x: o.floor(x * 3.), Var=lambda x: o.var(x, 1), Std=lambda x: o.std(x, 1), Flip=lambda x: o.flip(x, 1), Roll=lambda x: o.roll(x, 1, 1), Sign=lambda x: o.sign(x) + x,
             Swapaxes=lambda x: o.swapaxes(x, 1, 2), Moveaxis=lambda x: o.moveaxis(x, 1, 2), Repeat=lambda x: o.repeat(x, 2, 1), Erf=o.erf, Cumsum=lambda x: o.cumsum(x, 1), LogSoftmax=o.log_softmax, Argmax=lambda x: o.cast(o.argmax(x, -1), "float32"),
             Logsumexp=lambda x: o.logsumexp(x, 1), HardSigmoid=o.hard_sigmoid, Elu=o.elu, Selu=o.selu, Greater=lambda x: o.cast(o.greater(x, .1), "float32"))
    for n, f in t.items():
        fn(n, "op", s, f)
    for n, f in dict(Sqrt=o.sqrt, Log=o.log, Rsqrt=o.rsqrt, Divide=lambda x: o.divide(1., x), Reciprocal=o.reciprocal, Log1p=o.log1p, Expm1=o.expm1, Prod=lambda x: o.prod(x, 1)).items():
        fn(n, "op", s, f, **pos)
    for m in ("bilinear", "nearest"):
        fn("Resize", "op_" + m, (5, 4, 3), lambda x, m=m: o.image.resize(x, (8, 6), interpolation=m))


def numeric_preprocessing():
    one("Discretization", "int", (4,), lambda: L.Discretization(bin_boundaries=[-.5, 0., .7]), check=False)
    one("Discretization", "one_hot", (4,), lambda: L.Discretization(bin_boundaries=[-.5, 0., .7], output_mode="one_hot"), check=False)
    for mode in ("one_hot", "multi_hot", "count"):
        shape = (1,) if mode == "one_hot" else (4,)
        one("CategoryEncoding", mode, shape, lambda mode=mode: L.CategoryEncoding(num_tokens=6, output_mode=mode), dtype="int32", inputs=6)
    one("IntegerLookup", "int", (4,), lambda: L.IntegerLookup(vocabulary=[2, 5, 7]), dtype="int64", inputs=9, check=False)
    if K3:  # Strings inside only: io.npz holds numbers.
        colours = ["red", "green", "blue", "grey"]
        fn("StringLookup", "there_and_back", (5,), lambda x: L.StringLookup(vocabulary=["blue", "red", "green"])(L.StringLookup(vocabulary=colours, invert=True)(x)), dtype="int64", inputs=5, check=False)


def extra():
    """Pairs of layers as they occur in the wild, and argument values that the families above leave out."""
    fn("ZeroPadding2D", "mobilenet_pair", (8, 8, 3), lambda x: L.DepthwiseConv2D(3, strides=2, padding="valid", use_bias=False)(L.ZeroPadding2D(((0, 1), (0, 1)))(x)))
    fn("Conv2D", "bn_relu6", (8, 8, 3), lambda x: L.ReLU(6.)(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(x))))
    fn("Conv2DTranspose", "bn", (4, 4, 3), lambda x: L.BatchNormalization()(L.Conv2DTranspose(4, 3, strides=2, padding="same")(x)))
    fn("DepthwiseConv2D", "bn", (6, 6, 3), lambda x: L.BatchNormalization()(L.DepthwiseConv2D(3, depth_multiplier=2)(x)))
    fn("BatchNormalization", "after_dense", (5,), lambda x: L.BatchNormalization()(L.Dense(4)(x)))
    fn("Multiply", "squeeze_excite", (6, 6, 4), lambda x: L.Multiply()([x, L.Conv2D(4, 1, activation="sigmoid")(L.Conv2D(2, 1, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(x)))]))
    fn("Reshape", "se_reshape", (6, 6, 4), lambda x: L.Multiply()([x, L.Dense(4, activation="sigmoid")(L.Reshape((1, 1, 4))(L.GlobalAveragePooling2D()(x)))]))
    fn("Concatenate", "skip", (8, 8, 3), lambda x: L.Concatenate()([L.UpSampling2D()(L.MaxPooling2D()(L.Conv2D(4, 3, padding="same")(x))), x]))
    fn("Add", "residual", (6, 6, 4), lambda x: L.ReLU()(L.Add()([x, L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(x))])))
    fn("Add", "same_tensor_twice", (4,), lambda x: L.Add()([x, x]))
    fn("Bidirectional", "none_mode", (5, 3), lambda x: L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None)(x))
    one("Bidirectional", "two_layers", (5, 3), lambda: L.Bidirectional(L.GRU(4), backward_layer=L.GRU(4, go_backwards=True)))
    fn("Bidirectional", "return_state", (5, 3), lambda x: L.Bidirectional(L.LSTM(4, return_state=True))(x))
    fn("LSTM", "decoder", (5, 3), lambda x: (lambda o, h, c: L.LSTM(4, return_sequences=True)(L.RepeatVector(3)(o), initial_state=[h, c]))(*L.LSTM(4, return_state=True)(x)))
    one("LSTM", "unroll", (3, 3), lambda: L.LSTM(4, unroll=True))
    one("LSTM", "stateful", (4, 3), lambda: L.LSTM(4, stateful=False, dropout=.3, recurrent_dropout=.2))
    fn("Masking", "value", (5, 3), lambda x: L.GRU(4)(L.Masking(mask_value=1.5)(x)), inputs=lambda r, s: np.where(r.random(s[:2] + [1]) < .4, 1.5, r.normal(0, 1, s)))
    fn("TimeDistributed", "masked_lstm", (5, 3), lambda x: L.LSTM(4)(L.TimeDistributed(L.Dense(3))(L.Masking()(x))), inputs=masked)
    fn("Embedding", "mean_pool_masked", (6,), lambda x: L.GlobalAveragePooling1D()(L.Embedding(9, 4, mask_zero=True)(x)), dtype="int32", inputs=4)
    many("Embedding", "concat_ids", [(3,), (3,)], lambda xs: L.Concatenate()([L.Embedding(5, 2)(xs[0]), L.Embedding(5, 3)(xs[1])]), dtypes=["int32", "int32"])
    fn("MultiHeadAttention", "masked", (6,), lambda x: (lambda e: L.MultiHeadAttention(2, 3)(e, e))(L.Embedding(9, 4, mask_zero=True)(x)), dtype="int32", inputs=3)
    fn("MultiHeadAttention", "transformer_block", (4, 6), lambda x: (lambda y: L.LayerNormalization(epsilon=1e-6)(y + L.Dense(6)(L.Dense(8, activation="gelu")(y))))(L.LayerNormalization()(x + L.MultiHeadAttention(2, 3)(x, x))))
    many("MultiHeadAttention", "dynamic_time", [(None, 6), (None, 6)], lambda xs: L.MultiHeadAttention(2, 3)(xs[0], xs[1]), size=5)
    many("MultiHeadAttention", "attention_mask", [(4, 6), (4, 4)], lambda xs: L.MultiHeadAttention(2, 3)(xs[0], xs[0], attention_mask=xs[1]), dtypes=["float32", "bool"], inputs=[None, lambda r, s: (r.random(s) < .6) | np.eye(4, dtype=bool)])
    for n, s in ((1, (7, 3)), (3, (5, 4, 6, 2))):
        one(f"Conv{n}D", "fixed_sigmoid", s, lambda n=n: getattr(L, f"Conv{n}D")(3, 2, strides=2, activation="sigmoid"))
    for act in ("relu", "elu", "softmax", "tanh", "swish", "hard_sigmoid", "gelu", "selu"):
        one("Dense", "act_" + act, (5,), lambda act=act: L.Dense(4, activation=act))
    one("UpSampling2D", "rect", (3, 4, 2), lambda: L.UpSampling2D((1, 3)))
    if K3:
        for it in ("lanczos3", "lanczos5"):
            one("Resizing", it, (5, 4, 3), lambda it=it: L.Resizing(9, 7, interpolation=it))
        one("Resizing", "pad_to_aspect", (9, 6, 3), lambda: L.Resizing(4, 4, pad_to_aspect_ratio=True))
        one("ReversibleEmbedding", "forward", (4,), lambda: L.ReversibleEmbedding(9, 4), dtype="int32", inputs=9)
        for tied in (True, False):
            def both(x, tied=tied):
                words = L.ReversibleEmbedding(9, 4, tie_weights=tied, logit_soft_cap=None if tied else 2.)
                return words(keras.ops.tanh(words(x)), reverse=True)
            fn("ReversibleEmbedding", "tied" if tied else "apart", (4,), both, dtype="int32", inputs=9)
        one("AutoContrast", "default", (5, 4, 3), lambda: L.AutoContrast(), inputs=(20, 180))
        one("AutoContrast", "unit", (5, 4, 3), lambda: L.AutoContrast((0, 1)), inputs=(.1, .8))
        for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft"):
            one("STFTSpectrogram", mode, (40, 2), lambda mode=mode: L.STFTSpectrogram(mode, frame_length=16, frame_step=6, fft_length=16, padding="same" if mode in ("psd", "imag") else "valid"), randomise=False)
        one("STFTSpectrogram", "expanded", (40, 2), lambda: L.STFTSpectrogram(frame_length=12, expand_dims=True, window="hamming", scaling=None), randomise=False)
        one("STFTSpectrogram", "dynamic", (None, 1), lambda: L.STFTSpectrogram(frame_length=16), size=50, randomise=False)
        one("MelSpectrogram", "default", (512,), lambda: L.MelSpectrogram(fft_length=128, sequence_stride=48, num_mel_bins=9))
        one("MelSpectrogram", "power", (512,), lambda: L.MelSpectrogram(fft_length=128, sequence_length=100, sequence_stride=48, window="hamming", num_mel_bins=7, power_to_db=False, sampling_rate=8000, min_freq=60., max_freq=3000))
        one("MelSpectrogram", "magnitude", (None,), lambda: L.MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=5, mag_exp=1., top_db=20., ref_power=2., window=None), size=300)


def inference_only():
    """Layers that act in training only, before a layer whose output shows what went in; and the layers that keras.applications defines."""
    both = dict(Identity=lambda: L.Identity(), RandomBrightness=lambda: L.RandomBrightness(.5), RandomContrast=lambda: L.RandomContrast(.5),
                RandomFlip=lambda: L.RandomFlip(), RandomRotation=lambda: L.RandomRotation(.2), RandomTranslation=lambda: L.RandomTranslation(.2, .2),
                RandomZoom=lambda: L.RandomZoom(.2))
    two = dict(RandomHeight=lambda: L.RandomHeight(.2), RandomWidth=lambda: L.RandomWidth(.2))
    three = dict(AugMix=lambda: L.AugMix((0, 255)), CutMix=lambda: L.CutMix(), Equalization=lambda: L.Equalization((0, 255)), MixUp=lambda: L.MixUp(),
                 RandAugment=lambda: L.RandAugment((0, 255)), RandomColorDegeneration=lambda: L.RandomColorDegeneration(.5),
                 RandomColorJitter=lambda: L.RandomColorJitter((0, 255), .5, .5, .5, .5), RandomElasticTransform=lambda: L.RandomElasticTransform(),
                 RandomErasing=lambda: L.RandomErasing(), RandomGaussianBlur=lambda: L.RandomGaussianBlur(), RandomGrayscale=lambda: L.RandomGrayscale(.5),
                 RandomHue=lambda: L.RandomHue(.5, (0, 255)), RandomInvert=lambda: L.RandomInvert(.5), RandomPerspective=lambda: L.RandomPerspective(.5),
                 RandomPosterization=lambda: L.RandomPosterization(4), RandomSaturation=lambda: L.RandomSaturation(.5),
                 RandomSharpness=lambda: L.RandomSharpness(.5), RandomShear=lambda: L.RandomShear(.2, .2), Solarization=lambda: L.Solarization())
    for name, make in {**both, **(three if K3 else two)}.items():
        fn(name, "vanishes", (6, 6, 3), lambda x, make=make: L.Conv2D(2, 3)(make()(x)), inputs=(0, 255))
    one("RandomCrop", "inference", (7, 6, 3), lambda: L.RandomCrop(4, 5), inputs=(0, 255))
    if K3:
        from keras.src.applications import convnext, inception_resnet_v2
        one("LayerScale", "default", (4, 4, 3), lambda: convnext.LayerScale(1e-6, 3))
        fn("StochasticDepth", "vanishes", (4, 4, 3), lambda x: L.Conv2D(2, 3)(convnext.StochasticDepth(.3)(x)))
        many("CustomScaleLayer", "default", [(4, 4, 3)] * 2, lambda xs: inception_resnet_v2.CustomScaleLayer(.17)(xs))
        many("GroupedQueryAttention", "cross", [(5, 8), (6, 8)], lambda xs: L.GroupQueryAttention(3, 4, 2)(xs[0], xs[1]))
    else:
        one("SyncBatchNormalization", "default", (4, 4, 3), lambda: L.experimental.SyncBatchNormalization())


def k3_h5():
    """Keras 3 also writes the legacy .h5; its weight names differ from Keras 2's, so the main layers appear in both."""
    for case in list(CASES):
        if case["op"] in ("Dense", "Conv2D", "BatchNormalization", "LSTM", "GRU", "MultiHeadAttention", "Bidirectional", "SeparableConv2D", "TimeDistributed", "Concatenate") and "_" not in case["name"]:
            CASES.append(dict(case, name=case["name"] + "_h5", ext="h5"))


def k2_keras():
    """Keras 2.15 wrote .keras as well."""
    for case in list(CASES):
        if case["op"] in ("Dense", "Conv2D", "BatchNormalization", "LSTM", "GRU", "MultiHeadAttention", "Bidirectional", "SeparableConv2D", "TimeDistributed", "Concatenate", "RNN", "Conv2DTranspose") and "_" not in case["name"]:
            CASES.append(dict(case, name=case["name"] + "_keras", ext="keras"))


def op_cases():
    CASES.clear()
    for family in (core, acts, merges, convs, channels_first, pools, norms, rnns, attention, lambdas, numeric_preprocessing, extra, inference_only, k3_h5 if K3 else k2_keras):
        family()
    return list(CASES)
