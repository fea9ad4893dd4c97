"""Cases of TensorFlow ops: elementwise arithmetic, comparisons, reductions, products of matrices.

`add(op, name, build, inputs…)` registers one case; `build` gets the placeholders and returns the results."""
import numpy as np
import tensorflow as tf
from tf_lib import In

R = tf.raw_ops
N = In(None, 4)
POSITIVE = In(None, 4, values=(0.2, 4.0))
UNIT = In(None, 4, values=(-0.95, 0.95))
INTS = In(None, 4, dtype="int32")


def raw(name):
    op = getattr(R, name)
    return lambda x: op(x=x)


def elementwise(add):
    plain = "Abs Neg Exp Sin Cos Tan Atan Sinh Cosh Asinh Erf Erfc Square Expm1 Floor Ceil Rint Sign".split()
    for name in plain + ["Round", "Lgamma", "Digamma"]:
        add(name, "f32", raw(name), In(None, 4, values=(-3, 3)))
    for name in "Log Sqrt Rsqrt Reciprocal Inv Log1p".split():
        add(name, "f32", raw(name), POSITIVE)
    for name in "Asin Acos Atanh Erfinv".split():
        add(name, "f32", raw(name), UNIT)
    add("Acosh", "f32", raw("Acosh"), In(None, 4, values=(1.1, 5.0)))
    add("Ndtri", "f32", raw("Ndtri"), In(None, 4, values=(0.02, 0.98)))
    add("Log1p", "tiny", raw("Log1p"), In(None, 4, values=(-1e-4, 1e-4)))
    add("Expm1", "tiny", raw("Expm1"), In(None, 4, values=(-1e-4, 1e-4)))
    add("Lgamma", "large", raw("Lgamma"), In(None, 4, values=(0.1, 60.0)))
    halves = np.array([[-2.5, -1.5, -0.5, 0.5], [1.5, 2.5, 3.5, 0.4999]])
    add("Round", "halves", raw("Round"), In(None, 4, values=halves))
    add("Rint", "halves", raw("Rint"), In(None, 4, values=halves))
    for name in "Abs Neg Sign Square".split():
        add(name, "i32", raw(name), INTS)
    add("Abs", "i64", raw("Abs"), In(None, 4, dtype="int64"))
    add("Exp", "f64", raw("Exp"), In(None, 4, dtype="float64"))
    add("Exp", "f16", raw("Exp"), In(None, 4, dtype="float16"))
    for dtype in ("int8", "int16", "int32", "int64", "uint8"):
        add("Invert", dtype, raw("Invert"), In(None, 4, dtype=dtype))
    odd = np.array([[1.0, np.nan, np.inf, -np.inf], [0.0, 2.0, -3.0, np.nan]])
    for name in ("IsNan", "IsInf", "IsFinite"):
        add(name, "f32", raw(name), In(None, 4, values=odd))


def pairs(add):
    def two(name):
        op = getattr(R, name)
        return lambda x, y: op(x=x, y=y)
    nonzero = In(None, 4, values=lambda rng, s: rng.uniform(0.5, 3, s) * rng.choice([-1, 1], s))
    ints = In(None, 4, dtype="int32", values=(-20, 20))
    divisors = In(None, 4, dtype="int32", values=lambda rng, s: rng.integers(1, 6, s) * rng.choice([-1, 1], s))
    for name in "Add AddV2 Sub Mul Maximum Minimum SquaredDifference Atan2".split():
        add(name, "f32", two(name), N, In(None, 4))
    for name in "Add AddV2 Sub Mul Maximum Minimum SquaredDifference".split():
        add(name, "broadcast", two(name), In(None, 1, 4), In(5, 1))
        add(name, "i32", two(name), ints, In(4, dtype="int32"))
    for dtype in ("float64", "float16", "int64", "uint8"):
        add("AddV2", dtype, two("AddV2"), In(None, 4, dtype=dtype), In(None, 4, dtype=dtype))
    for name in "RealDiv Div FloorDiv FloorMod TruncateMod TruncateDiv Mod Xdivy DivNoNan".split():
        add(name, "f32", two(name), N, nonzero)
    for name in "Div FloorDiv FloorMod TruncateMod TruncateDiv Mod".split():
        add(name, "i32", two(name), ints, divisors)
    for name in "FloorDiv FloorMod".split():
        add(name, "u8", two(name), In(None, 4, dtype="uint8"), In(None, 4, dtype="uint8", values=(1, 5)))
        add(name, "i64_scalar", lambda x, name=name: two(name)(x, tf.constant(-3, tf.int64)), In(None, 4, dtype="int64"))
    zeros = np.array([[0.0, 1.0, 2.0, 0.0], [3.0, 0.0, -1.0, 4.0]])
    other = np.array([[0.0, 0.0, 4.0, 2.0], [0.0, 5.0, 2.0, 8.0]])
    for name in "DivNoNan MulNoNan Xdivy Xlogy Xlog1py".split():
        finite = np.where((zeros != 0) & (other == 0), 1.0, other) if name in ("Xdivy", "Xlogy") else other
        add(name, "zeros", two(name), In(None, 4, values=zeros), In(None, 4, values=finite))
    add("Pow", "f32", two("Pow"), POSITIVE, N)
    add("Pow", "i32", two("Pow"), In(None, 4, dtype="int32", values=(-4, 5)), In(None, 4, dtype="int32", values=(0, 4)))
    add("Atan2", "axes", two("Atan2"), In(None, 4, values=zeros), In(None, 4, values=np.flip(other, 1)))
    for dtype in ("int8", "int32", "int64", "uint8", "uint16"):
        whole = In(None, 4, dtype=dtype, values=(0, 100))
        for name in "BitwiseAnd BitwiseOr BitwiseXor".split():
            add(name, dtype, two(name), whole, In(None, 4, dtype=dtype, values=(0, 100)))
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16"):
        for name in ("LeftShift", "RightShift"):
            add(name, dtype, two(name), In(None, 4, dtype=dtype), In(None, 4, dtype=dtype, values=(0, 5)))
    add("AddN", "three", lambda *x: R.AddN(inputs=list(x)), N, In(None, 4), In(None, 4))
    add("AddN", "one", lambda x: R.AddN(inputs=[x]), N)
    add("AccumulateNV2", "three", lambda *x: R.AccumulateNV2(inputs=list(x), shape=[3, 4]), In(3, 4), In(3, 4), In(3, 4))
    clip = lambda x, a, b: R.ClipByValue(t=x, clip_value_min=a, clip_value_max=b)
    add("ClipByValue", "scalars", lambda x: clip(x, -0.5, 0.75), N)
    add("ClipByValue", "i32", lambda x: clip(x, -3, 4), INTS)
    add("ClipByValue", "tensors", clip, In(3, 4), In(3, 4, values=(-1.0, 0.0)), In(3, 4, values=(0.0, 1.0)))


def comparisons(add):
    same = lambda rng, s: rng.integers(0, 3, s)
    for name in "Equal NotEqual Greater GreaterEqual Less LessEqual".split():
        op = getattr(R, name)
        two = lambda x, y, op=op: op(x=x, y=y)
        for dtype in ("float32", "int32", "int64", "uint8"):
            add(name, dtype, two, In(None, 4, dtype=dtype, values=same), In(None, 4, dtype=dtype, values=same))
        add(name, "broadcast", two, In(None, 1, 4, values=same), In(5, 1, values=same))
    for name in ("Equal", "NotEqual"):
        add(name, "bool", lambda x, y, name=name: getattr(R, name)(x=x, y=y), In(None, 4, dtype="bool"), In(None, 4, dtype="bool"))
    add("ApproximateEqual", "f32", lambda x: R.ApproximateEqual(x=x, y=x + tf.constant([0.0, 0.01, 0.1, 1.0]), tolerance=0.05), N)
    B = In(None, 4, dtype="bool")
    add("LogicalAnd", "bool", lambda x, y: R.LogicalAnd(x=x, y=y), B, B)
    add("LogicalOr", "bool", lambda x, y: R.LogicalOr(x=x, y=y), B, B)
    add("LogicalNot", "bool", lambda x: R.LogicalNot(x=x), B)
    select = lambda c, x, y: R.Select(condition=c, x=x, y=y)
    v2 = lambda c, x, y: R.SelectV2(condition=c, t=x, e=y)
    add("Select", "same", select, B, N, N)
    add("Select", "rows", select, In(None, dtype="bool"), In(None, 4, 2), In(None, 4, 2))
    add("Select", "scalar", select, In(dtype="bool", values=True), N, N)
    add("Select", "i64", select, In(None, dtype="bool"), In(None, dtype="int64"), In(None, dtype="int64"))
    add("SelectV2", "broadcast", v2, In(None, 1, dtype="bool"), In(4), In(1, 1))
    add("SelectV2", "bool", v2, B, B, B)
    add("SelectV2", "u8", v2, B, In(None, 4, dtype="uint8"), In(None, 4, dtype="uint8"))


def reductions(add):
    X = In(None, 5, 4)
    for name in "Sum Mean Prod Max Min EuclideanNorm".split():
        op = getattr(R, name)
        red = lambda x, axis, keep, op=op: op(input=x, axis=axis, keep_dims=keep)
        add(name, "last", lambda x, r=red: r(x, [-1], False), X)
        add(name, "two_keep", lambda x, r=red: r(x, [1, 2], True), X)
        add(name, "scalar_axis", lambda x, r=red: r(x, 0, False), X)
        add(name, "all", lambda x, r=red: r(x, tf.range(tf.rank(x)), False), X)
    for name in "Sum Mean Prod Max Min".split():
        op = getattr(R, name)
        add(name, "none", lambda x, op=op: op(input=x, axis=np.zeros(0, "int32")) + 1, X)
        add(name, "i32", lambda x, op=op: op(input=x, axis=[1]), In(None, 5, dtype="int32", values=(-6, 7)))
    add("Mean", "i64_dynamic", lambda x: R.Mean(input=x, axis=[0, 1]), In(None, None, 3, dtype="int64", values=(-30, 30)))
    add("Mean", "spatial_dynamic", lambda x: R.Mean(input=x, axis=[1, 2]), In(None, None, None, 3))
    add("Prod", "shape", lambda x: R.Reshape(tensor=x, shape=tf.stack([R.Prod(input=tf.shape(x)[:2], axis=0), 4])), X)
    for name in ("All", "Any"):
        op = getattr(R, name)
        B = In(None, 5, 4, dtype="bool", values=lambda rng, s: rng.uniform(0, 1, s) > (0.2 if name == "All" else 0.8))
        add(name, "last", lambda x, op=op: op(input=x, axis=[-1]), B)
        add(name, "all_keep", lambda x, op=op: op(input=x, axis=[0, 1, 2], keep_dims=True), B)
    for name in ("ArgMax", "ArgMin"):
        op = getattr(R, name)
        add(name, "last", lambda x, op=op: op(input=x, dimension=-1), X)
        add(name, "first_i32", lambda x, op=op: op(input=x, dimension=0, output_type=tf.int32), X)
        add(name, "ints", lambda x, op=op: op(input=x, dimension=1), In(None, 7, dtype="int32"))
        add(name, "u8", lambda x, op=op: op(input=x, dimension=1), In(None, 7, dtype="uint8"))
    add("ArgMax", "bool", lambda x: R.ArgMax(input=x, dimension=1), In(None, 7, dtype="bool"))
    for name in ("Cumsum", "Cumprod"):
        op = getattr(R, name)
        for ex in (False, True):
            for rev in (False, True):
                add(name, f"{'exclusive' if ex else 'inclusive'}{'_reverse' if rev else ''}",
                    lambda x, op=op, ex=ex, rev=rev: op(x=x, axis=1, exclusive=ex, reverse=rev), X)
    add("Cumsum", "i32", lambda x: R.Cumsum(x=x, axis=0), INTS)
    add("Cumsum", "dynamic", lambda x: R.Cumsum(x=x, axis=-1), In(None, None))
    add("CumulativeLogsumexp", "forward", lambda x: R.CumulativeLogsumexp(x=x, axis=1), X)
    add("CumulativeLogsumexp", "reverse", lambda x: R.CumulativeLogsumexp(x=x, axis=0, reverse=True), X)


def matrices(add):
    for a in (False, True):
        for b in (False, True):
            tag = f"{'t' if a else 'n'}{'t' if b else 'n'}"
            mm = lambda x, y, a=a, b=b: R.MatMul(a=x, b=y, transpose_a=a, transpose_b=b)
            add("MatMul", tag, mm, In(*((4, None) if a else (None, 4)), feed=[4, 3] if a else [3, 4]), In(*((5, 4) if b else (4, 5))))
            for name in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
                op = getattr(R, name)
                more = {"Tout": tf.float32} if name.endswith("V3") else {}
                add(name, tag, lambda x, y, op=op, a=a, b=b, more=more: op(x=x, y=y, adj_x=a, adj_y=b, **more),
                    In(None, 2, *((4, 3) if a else (3, 4))), In(None, 2, *((5, 4) if b else (4, 5))))
    rng = np.random.default_rng(3)
    w = rng.normal(0, 1, (4, 5)).astype("float32")
    add("MatMul", "constant_transposed", lambda x: R.MatMul(a=x, b=w.T.copy(), transpose_b=True), N)
    add("MatMul", "i32", lambda x: R.MatMul(a=x, b=np.arange(8, dtype="int32").reshape(4, 2)), INTS)
    add("MatMul", "f64", lambda x: R.MatMul(a=x, b=w.astype("float64")), In(None, 4, dtype="float64"))
    add("BatchMatMulV2", "broadcast", lambda x: R.BatchMatMulV2(x=x, y=w), In(None, 3, 4))
    add("BatchMatMulV3", "i8", lambda x: R.BatchMatMulV3(x=x, y=np.arange(8, dtype="int8").reshape(4, 2), Tout=tf.int32), In(None, 3, 4, dtype="int8"))
    for eq, shapes in {
        "ij,jk->ik": [(None, 4), (4, 5)], "bij,bjk->bik": [(None, 3, 4), (None, 4, 5)],
        "bqhd,bkhd->bhqk": [(None, 3, 2, 4), (None, 5, 2, 4)], "bhqk,bkhd->bqhd": [(None, 2, 3, 5), (None, 5, 2, 4)],
        "abc,cde->abde": [(None, 3, 4), (4, 2, 5)], "...ij,jk->...ik": [(None, 3, 4), (4, 5)],
        "ij->ji": [(None, 4)], "bij->bj": [(None, 3, 4)], "bij,bkj->bik": [(None, 3, 4), (None, 5, 4)],
    }.items():
        name = "".join(c if c.isalpha() else "_" for c in eq.replace("->", "_to_").replace("...", "dots"))
        add("Einsum", name, lambda *x, eq=eq: R.Einsum(inputs=list(x), equation=eq), *[In(*s) for s in shapes])
    add("Cross", "f32", lambda x, y: R.Cross(a=x, b=y), In(None, 3), In(None, 3))
    square = lambda n: In(None, n, n, values=lambda rng, s: rng.normal(0, 1, s) + 3 * np.eye(s[-1]))
    for n in (1, 2, 3):
        add("MatrixDeterminant", f"{n}x{n}", lambda x: R.MatrixDeterminant(input=x), square(n))
        add("MatrixInverse", f"{n}x{n}", lambda x: R.MatrixInverse(input=x), square(n))
    add("MatrixInverse", "adjoint", lambda x: R.MatrixInverse(input=x, adjoint=True), square(3))


def handed_on(add):
    add("Identity", "f32", lambda x: R.Identity(input=x), N)
    add("IdentityN", "two", lambda x, y: R.IdentityN(input=[x, y]), N, INTS)
    add("Snapshot", "f32", lambda x: R.Snapshot(input=x), N)
    add("StopGradient", "f32", lambda x: R.StopGradient(input=x), N)
    add("PreventGradient", "f32", lambda x: R.PreventGradient(input=x), N)
    add("CheckNumerics", "f32", lambda x: R.CheckNumerics(tensor=x, message="bad"), N)
    add("CheckNumericsV2", "f32", lambda x: R.CheckNumericsV2(tensor=x, message="bad"), N)
    add("DeepCopy", "f32", lambda x: R.DeepCopy(x=x), N)
    add("Print", "f32", lambda x: R.Print(input=x, data=[x], first_n=0), N)
    add("PlaceholderWithDefault", "constant", lambda x: x + R.PlaceholderWithDefault(input=tf.constant([1.0, 2.0, 3.0, 4.0]), shape=[4]), N)
    add("EnsureShape", "channels", lambda x: R.EnsureShape(input=x, shape=[None, 4]) * 2, In(None, None, feed=[3, 4]))
    casts = [("float32", "int32"), ("float32", "int64"), ("int32", "float32"), ("int64", "int32"), ("float32", "bool"),
             ("bool", "float32"), ("int32", "bool"), ("uint8", "float32"), ("float32", "float16"), ("float64", "float32"),
             ("float32", "uint8"), ("int32", "int8"), ("bool", "int64"), ("float16", "float32"), ("int8", "float32")]
    for a, b in casts:
        values = (0, 200) if b == "uint8" else lambda rng, s: rng.normal(0, 3, s) * rng.integers(0, 2, s) if a.startswith("f") else rng.integers(0, 3, s)
        add("Cast", f"{a}_{b}", lambda x, b=b: R.Cast(x=x, DstT=tf.as_dtype(b)), In(None, 4, dtype=a, values=values))


def register(add):
    for family in (elementwise, pairs, comparisons, reductions, matrices, handed_on):
        family(add)
