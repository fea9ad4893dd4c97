"""Operations of Keras 3 (`keras.ops.*`) as nodes of a functional model: one case per class that has a lowering.

Results that are truth values or integers stay so. Every case asserts that the saved graph holds the
operation it is named after."""
import keras
import numpy as np
from fixlib import K3

ROWS = []
SHAPE = (3, 4)


def row(name, call, *, shapes=None, kinds=None, dtypes=None, case="op", **kw):
    """`call` gets one tensor per shape. Outputs of two calls with several each would share names: such calls are cases of their own."""
    shapes = shapes or [SHAPE]
    dtypes = dtypes or ["float32"] * len(shapes)

    def build():
        xs = [keras.Input(s, dtype=d, name=f"x{i}") for i, (s, d) in enumerate(zip(shapes, dtypes))]
        model = keras.Model(xs if len(xs) > 1 else xs[0], call(*xs))
        classes = {type(op).__name__ for op in model.operations}
        assert name in classes, f"{name} is not among {sorted(classes)}"
        return model
    ROWS.append(dict(op=name, name=case, build=build, inputs=kinds, randomise=False, check=kw.pop("check", True), **kw))


def with_specials(rng, shape):
    x = rng.normal(0, 2, shape).astype("float32")
    flat = x.reshape(-1)
    flat[[1, 4, 7]] = np.nan, np.inf, -np.inf
    return x


def quarters(rng, shape):
    """Few distinct values, so that comparisons for equality hold for some."""
    return rng.integers(-3, 4, shape) / 2


def operations():
    ROWS.clear()
    if not K3:
        return []
    from keras.src.activations import activations
    from keras.src.ops import core, numpy as classes
    o = keras.ops
    floats = dict(Ceil=o.ceil, Trunc=o.trunc, Round=lambda x: o.round(x, 1), Celu=lambda x: o.celu(x, .7), Glu=o.glu, HardShrink=o.hard_shrink, HardSilu=o.hard_silu,
                  HardTanh=o.hard_tanh, LogSigmoid=o.log_sigmoid, Mish=activations.Mish(), SoftShrink=lambda x: o.soft_shrink(x, .3), Softsign=o.softsign, SparsePlus=o.sparse_plus,
                  SparseSigmoid=o.sparse_sigmoid, Sparsemax=o.sparsemax, Squareplus=lambda x: o.squareplus(x, 3), TanhShrink=o.tanh_shrink,
                  Threshold=lambda x: o.threshold(x, .2, -3.), Abs=classes.Abs(), Amax=lambda x: o.amax(x, 1), Amin=lambda x: o.amin(x, 2, keepdims=True),
                  Argmin=lambda x: o.argmin(x, -1), Argsort=lambda x: o.argsort(x, 1), Sort=lambda x: o.sort(x, 1), Arctan=o.arctan, Arcsinh=o.arcsinh,
                  BroadcastTo=lambda x: o.broadcast_to(x[:, :1], (2, 3, 4)), Cbrt=o.cbrt, Conjugate=lambda x: classes.Conjugate()(x) * 2., Copy=lambda x: o.copy(x) * 2.,
                  ConvertToTensor=lambda x: core.ConvertToTensor(dtype="float16")(x), Cosh=o.cosh, Sinh=o.sinh, Cumprod=lambda x: o.cumprod(x, 1), Deg2rad=o.deg2rad,
                  Rad2deg=o.rad2deg, Exp2=o.exp2, FullLike=lambda x: o.full_like(x, 3.) * x, OnesLike=lambda x: o.ones_like(x) - x, ZerosLike=lambda x: o.zeros_like(x) - x,
                  Hstack=lambda x: o.hstack([x, -x]), Vstack=lambda x: o.vstack([x, -x]), Append=lambda x: o.append(x, -x, 1), Moments=lambda x: o.moments(x, [1]),
                  Norm=lambda x: o.norm(x, axis=-1), Ravel=o.ravel, Real=lambda x: o.real(x) * 2., Slice=lambda x: o.slice(x, (0, 1, 1), (2, 2, 3)),
                  StopGradient=lambda x: o.stop_gradient(x) * 2., Tan=o.tan, TopK=lambda x: o.top_k(x, 2), Tril=lambda x: o.tril(x, -1), Triu=lambda x: o.triu(x, 1),
                  Unstack=lambda x: o.unstack(x, axis=1))
    for n, f in floats.items():
        row(n, f)
    for n, f in dict(Arccos=o.arccos, Arcsin=o.arcsin, Arctanh=o.arctanh).items():
        row(n, f, kinds=(-.9, .9))
    row("Arccosh", o.arccosh, kinds=(1.1, 4.))
    for n, f in dict(Log2=o.log2, Log10=o.log10).items():
        row(n, f, kinds=(.2, 4.))
    for n, f in dict(Isnan=o.isnan, Isinf=o.isinf, Isfinite=o.isfinite).items():
        row(n, f, kinds=with_specials)
    row("NanToNum", lambda x: o.nan_to_num(x, nan=.5, posinf=9., neginf=-8.), kinds=with_specials)
    two = dict(Equal=o.equal, NotEqual=o.not_equal, GreaterEqual=o.greater_equal, Less=o.less, LessEqual=o.less_equal, DivideNoNan=o.divide_no_nan, Hypot=o.hypot,
               Logaddexp=o.logaddexp)
    for n, f in two.items():
        row(n, f, shapes=[SHAPE, SHAPE], kinds=quarters)
    for n, f in dict(FloorDivide=o.floor_divide, Mod=o.mod, Fmod=o.fmod).items():
        row(n, f, shapes=[SHAPE, SHAPE], kinds=[None, lambda r, s: r.uniform(.4, 2, s) * r.choice([-1, 1], s)])
    row("Outer", lambda x, y: o.outer(x, y), shapes=[(3,), (2,)])
    bits = dict(BitwiseAnd=o.bitwise_and, BitwiseOr=o.bitwise_or, BitwiseXor=o.bitwise_xor)
    for n, f in bits.items():
        row(n, f, shapes=[SHAPE, SHAPE], kinds=64, dtypes=["int32"] * 2)
    for n, f in dict(BitwiseNot=o.bitwise_not, BitwiseInvert=o.bitwise_invert).items():
        row(n, f, kinds=64, dtypes=["int32"])
    truth = lambda r, s: r.random(s) < .6
    for n, f in dict(LogicalAnd=o.logical_and, LogicalOr=o.logical_or, LogicalXor=o.logical_xor).items():
        row(n, f, shapes=[SHAPE, SHAPE], kinds=truth, dtypes=["bool"] * 2)
    row("LogicalNot", o.logical_not, kinds=truth, dtypes=["bool"])
    row("All", lambda x: o.all(x, 2), kinds=truth, dtypes=["bool"])
    row("Any", lambda x: o.any(x, 2), kinds=lambda r, s: r.random(s) < .2, dtypes=["bool"])
    row("CountNonzero", lambda x: o.count_nonzero(x, 1), kinds=quarters)
    row("OneHot", lambda x: o.one_hot(x, 5), shapes=[(3,)], kinds=5, dtypes=["int32"], check=False)
    row("MultiHot", lambda x: o.multi_hot(x, 5), shapes=[(3,)], kinds=5, dtypes=["int32"])
    row("TakeAlongAxis", lambda x, i: o.take_along_axis(x, i, 1), shapes=[SHAPE, (2, 4)], kinds=[None, 3], dtypes=["float32", "int32"])
    row("LayerNorm", lambda x: o.layer_normalization(x, epsilon=1e-3))
    row("RMSNorm", lambda x: o.rms_normalization(x, epsilon=1e-3))
    row("DotProductAttention", lambda q, k, v: o.dot_product_attention(q, k, v), shapes=[(4, 2, 3), (5, 2, 3), (5, 2, 3)])
    return list(ROWS)

