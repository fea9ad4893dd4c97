"""Operations of Keras 3 that come from NumPy, SciPy and TensorFlow (`keras.ops.*`), several configurations a model."""
import keras
import numpy as np
from cases_operations import ROWS, SHAPE, quarters, row, with_specials
from fixlib import K3


def holes(rng, shape):
    """Some are no numbers; no row is all of them."""
    x = rng.normal(0, 2, shape)
    x[rng.random(shape) < .2] = np.nan
    x[..., 0] = rng.normal(0, 2, shape[:-1])
    return x


def first_hole(rng, shape):
    """No number where `holes` has one."""
    x = rng.normal(0, 2, shape)
    x[..., 0] = np.nan
    return x


def twos(rng, shape):
    """Some values twice, none of them no number."""
    return rng.integers(-4, 5, shape) / 4


def ascending(rng, shape):
    return np.sort(rng.normal(0, 1, shape), -1)


def angles(o):
    row("Arctan2", lambda x, y: [o.arctan2(x, y), o.arctan2(x, 2.), o.arctan2(-1., y)], shapes=[SHAPE, SHAPE], kinds=quarters)
    row("Fabs", lambda x, i: [o.fabs(x), o.fabs(i) * 1.5], shapes=[SHAPE, SHAPE], kinds=[None, lambda r, s: r.integers(-4, 4, s)], dtypes=["float32", "int32"])
    row("Angle", lambda x: o.angle(x) + x, check=False)
    row("Sinc", lambda x, i: [o.sinc(x), o.sinc(i) + x], shapes=[SHAPE, SHAPE], kinds=[quarters, 3], dtypes=["float32", "int32"])
    row("Heaviside", lambda x, y: o.heaviside(x, y), shapes=[SHAPE, SHAPE], kinds=quarters)
    row("I0", o.i0, kinds=(-9., 9.))
    row("Ldexp", lambda x, i: o.ldexp(x, i), shapes=[SHAPE, SHAPE], kinds=[quarters, lambda r, s: r.integers(-3, 4, s)], dtypes=["float32", "int32"])
    row("Logaddexp2", lambda x, y: [o.logaddexp2(x, y), o.logaddexp2(x, 1.5)], shapes=[SHAPE, SHAPE])
    row("Nextafter", lambda x, y: o.nextafter(x, y), shapes=[SHAPE, SHAPE], kinds=quarters)
    row("Signbit", lambda x, i: [o.signbit(x), o.signbit(i)], shapes=[SHAPE, SHAPE], kinds=[lambda r, s: r.choice([-1.5, -0., 0., 2.], s), lambda r, s: r.integers(-4, 4, s)], dtypes=["float32", "int32"])
    for n, f in dict(Isposinf=o.isposinf, Isneginf=o.isneginf).items():
        row(n, lambda x, i, f=f: [f(x), f(i)], shapes=[SHAPE, SHAPE], kinds=[with_specials, 5], dtypes=["float32", "int32"])
    row("Isreal", lambda x: o.isreal(x))
    row("Imag", lambda x: o.imag(x) + x)
    row("Conj", lambda x: keras.src.ops.numpy.Conj()(x) * 2.)
    for n, f in dict(Fmax=o.fmax, Fmin=o.fmin).items():
        row(n, lambda x, y, i, f=f: [f(x, y), f(i, 2), f(x, .5)], shapes=[SHAPE] * 3, kinds=[holes, first_hole, 5], dtypes=["float32", "float32", "int32"])
    near = lambda r, s: np.round(r.normal(0, 1, s), 1)
    nearly = lambda r, s: r.choice([np.nan, np.inf, 1., 1.00001, 1.1], s)
    row("Isclose", lambda x, y: [o.isclose(x, y), o.isclose(x, y, rtol=.2, atol=.1, equal_nan=True), o.isclose(x, 1.)], shapes=[SHAPE, SHAPE], kinds=nearly)
    row("AllClose", lambda x, y: [o.allclose(x, y), o.allclose(x, y, rtol=9., atol=9.), o.allclose(x / 0., x / 0., equal_nan=True)], shapes=[SHAPE, SHAPE], kinds=near)


def integers(o):
    signed = lambda r, s: r.integers(-90, 90, s)
    for n, f in dict(BitwiseLeftShift=o.bitwise_left_shift, LeftShift=o.left_shift, BitwiseRightShift=o.bitwise_right_shift, RightShift=o.right_shift).items():
        row(n, lambda x, y, f=f: [f(x, y), f(x, 2)], shapes=[SHAPE, SHAPE], kinds=[signed, 6], dtypes=["int32"] * 2)
    for n, f in dict(Gcd=o.gcd, Lcm=o.lcm).items():
        row(n, lambda x, y, f=f: [f(x, y), f(x, 12)], shapes=[SHAPE, SHAPE], kinds=signed, dtypes=["int32"] * 2)
    row("Bincount", lambda x: [o.bincount(x, minlength=6), o.bincount(x, weights=[[1., 2., 3., 4.], [.5, .25, 2., 1.]], minlength=6)], shapes=[(4,)], kinds=6, dtypes=["int32"])
    row("UnravelIndex", lambda x: o.unravel_index(x, (3, 5)), shapes=[(4,)], kinds=15, dtypes=["int32"])
    row("UnravelIndex", lambda x: o.unravel_index(x[0], (2, 2, 4)), shapes=[(4,)], kinds=15, dtypes=["int32"], case="vector")
    row("View", lambda x: [o.view(x, "uint32"), o.view(x)], kinds=signed, dtypes=["int32"])


def made(o):
    row("Full", lambda x: [o.full((3, 4), o.sum(x)) + x, o.full((2, 3, 4), o.max(x) * 9., dtype="int32") + o.cast(x * 9., "int32"), o.full((3, 4), x[0])])
    row("EmptyLike", lambda x: o.empty_like(x) + x)
    row("Array", lambda x: [o.array(x) * 2., o.array(x, dtype="float16")])
    row("Linspace", lambda x, y: [o.linspace(x, y, 5), o.linspace(x, 3., 4, endpoint=False, axis=-1), o.linspace(x, y, 1), o.linspace(x, y, 3, axis=1), o.linspace(x, 20, 5, dtype="int32")], shapes=[(3,), (3,)])
    row("Logspace", lambda x, y: [o.logspace(x, y, 5), o.logspace(x, 2., 4, endpoint=False, base=2, axis=1)], shapes=[(3,), (3,)])
    row("Geomspace", lambda x, y: [o.geomspace(x, y, 5), o.geomspace(-x, -3., 4, endpoint=False)], shapes=[(3,), (3,)], kinds=(.5, 8.))
    row("Meshgrid", lambda x, y: o.meshgrid(x[:, 0], y[:, 1]), shapes=[(3,), (4,)])
    row("Meshgrid", lambda x, y: o.meshgrid(x[0], x[:, 0], y[1], indexing="ij"), shapes=[(3,), (4,)], case="three")
    row("Ndim", lambda x: [o.ndim(x), x * 2.])
    row("Size", lambda x: o.size(x) + o.cast(x, "int32"))
    row("Vander", lambda x: [o.vander(x[0]), o.vander(x[1], 4, increasing=True)], shapes=[(3,)])
    row("Select", lambda x, y: [o.select([x > 0., y > 0.], [x, y * 2.], 3.), o.select([x > y], [x])], shapes=[SHAPE, SHAPE])


def matrices(o):
    row("Tensordot", lambda x, y: [o.tensordot(x, y, [[2], [1]]), o.tensordot(x, y, [[1, 2], [2, 1]]), o.tensordot(x[0], y[1, :, 0], 1), o.tensordot(x[0, 0], y[0, 0], 0)], shapes=[SHAPE, (4, 3)])
    row("Trace", lambda x: [o.trace(x, 0, 1, 2), o.trace(x, 1, 1, 2), o.trace(x[0], -1)], shapes=[(3, 4)], check=False)
    row("Diag", lambda x: [o.diag(x[0, 0], 1), o.diag(x[1, 1]), o.diag(x[0]), o.diag(x[0], -1)])
    row("Diagflat", lambda x: o.diagflat(x[0, :2], -1))
    row("Diagonal", lambda x: [o.diagonal(x, 0, 1, 2), o.diagonal(x, 1, 2, 1), o.diagonal(x[0], -1)], shapes=[(3, 4)])
    row("Kron", lambda x, y: [o.kron(x[0], y[0]), o.kron(x[1, 1], y[1])], shapes=[SHAPE, (2, 2)])
    row("Cross", lambda x, y, z: [o.cross(x, y), o.cross(x, z), o.cross(z, z + 1.), o.cross(x[0], y[0], axisa=0, axisb=0, axisc=0), o.cross(x[1], y[1], axis=0)], shapes=[(3, 3), (3, 3), (3, 2)])
    row("Inner", lambda x, y: [o.inner(x, y), o.inner(x[0], y[0, 0]), o.inner(x, 2.)], shapes=[SHAPE, (2, 4)])
    row("Vdot", lambda x, y: o.vdot(x, y) + x, shapes=[SHAPE, SHAPE])
    row("Corrcoef", lambda x: o.corrcoef(x), shapes=[(7,)], batch=4)
    row("Correlate", lambda x, y: [o.correlate(x[0], y[0]), o.correlate(x[0], y[1], "same"), o.correlate(x[1], y[0], "full")], shapes=[(7,), (3,)])
    row("Trapezoid", lambda x: [o.trapezoid(x), o.trapezoid(x, dx=.5, axis=1), o.trapezoid(x, x=[0., 1., 3., 4.])])
    row("Det", lambda x: [o.det(x), o.det(x[:, :2, :2])], shapes=[(3, 3)])
    row("Inv", lambda x: [o.inv(x), o.inv(x[:, 1:, 1:])], shapes=[(3, 3)])


def moved(o):
    row("Diff", lambda x, t: [o.diff(x), o.diff(x, 2, 1), o.diff(t)], shapes=[SHAPE, (5,)], kinds=[None, lambda r, s: r.random(s) < .5], dtypes=["float32", "bool"])
    row("Dstack", lambda x: [o.dstack([x, -x]), o.dstack([x[0], x[1]]), o.dstack([x[0, 0], x[0, 1]])])
    row("Fliplr", o.fliplr)
    row("Flipud", o.flipud)
    row("Rot90", lambda x: [o.rot90(x, 1, (1, 2)), o.rot90(x, 2, (1, 2)), o.rot90(x, -1, (0, 1)), o.rot90(x)])
    row("ArraySplit", lambda x: o.array_split(x, 3, axis=2))
    row("Dsplit", lambda x: o.dsplit(x, 2))
    row("Dsplit", lambda x: o.dsplit(x, (1, 3)), case="cuts")
    row("Hsplit", lambda x: o.hsplit(x, 3))
    row("Hsplit", lambda x: o.hsplit(x, (2,)), case="cuts")
    row("Vsplit", lambda x: [a * 2. for a in o.vsplit(o.transpose(x, (1, 2, 0)), 3)])


def ordered(o):
    row("Median", lambda x, y: [o.median(x), o.median(x, 1), o.median(x, (1, 2), keepdims=True), o.median(y, -1)], shapes=[(3, 5), (4,)], check=False)
    row("Quantile", lambda x, i: [o.quantile(x, .3), o.quantile(x, [.1, .5, 1.], axis=2), o.quantile(x, .4, axis=(1, 2), keepdims=True), o.quantile(x, [.2, .7], axis=1, keepdims=True), o.quantile(i, .3, axis=1)], shapes=[(3, 5), (3, 5)], kinds=[None, 9], dtypes=["float32", "int32"], check=False)
    row("Percentile", lambda x: [o.percentile(x, 30), o.percentile(x, 30., 1, "lower"), o.percentile(x, [20., 80.], 2, "higher"), o.percentile(x, 65., (1, 2), "nearest", True), o.percentile(x, 45., 2, "midpoint")], shapes=[(3, 5)], check=False)
    row("Ptp", lambda x: [o.ptp(x), o.ptp(x, 1), o.ptp(x, -1, keepdims=True)], check=False)
    row("Argpartition", lambda x: o.argpartition(x, 2), shapes=[()], batch=6, kinds=lambda r, s: r.permutation(np.arange(-2, 4)) * 3)
    row("SearchSorted", lambda x, v: [o.searchsorted(x[0], v[0]), o.searchsorted(x[1], v[1], side="right")], shapes=[(5,), (4,)], kinds=[ascending, None])
    row("Digitize", lambda x, i: [o.digitize(x, np.array([-.5, 0., .75])), o.digitize(i, np.array([1, 3]))], shapes=[SHAPE, SHAPE], kinds=[quarters, 5], dtypes=["float32", "int32"])
    row("IsIn", lambda x, y: [o.isin(x, y), o.isin(x, [.5, 1.], invert=True), o.isin(x, .25, assume_unique=True)], shapes=[SHAPE, (2,)], kinds=twos)
    row("Nonzero", lambda x: o.nonzero(x), kinds=quarters)
    row("Unique", lambda x: o.unique(x), kinds=quarters)
    row("Unique", lambda x: o.unique(x, return_index=True, return_inverse=True, return_counts=True), kinds=quarters, case="all")
    row("Unique", lambda x: o.unique(x, return_counts=True, axis=1, size=6, fill_value=-9.), shapes=[(4,)], batch=1, kinds=quarters, case="axis")


def gaps(o):
    """What leaves out what is no number."""
    reduces = dict(Nanmax=o.nanmax, Nanmin=o.nanmin, Nanmean=o.nanmean, Nanprod=o.nanprod, Nansum=o.nansum, Nanvar=o.nanvar, Nanstd=o.nanstd, Nanargmax=o.nanargmax, Nanargmin=o.nanargmin)
    for n, f in reduces.items():
        axis = -1 if "arg" in n else (1, 2)
        row(n, lambda x, i, f=f, axis=axis: [f(x), f(x, 2), f(x, axis, keepdims=True), f(i, 1)], shapes=[SHAPE, SHAPE], kinds=[holes, 5], dtypes=["float32", "int32"], check=False)
    row("Nancumsum", lambda x: [o.nancumsum(x), o.nancumsum(x, 1)], kinds=holes, check=False)
    row("Nancumprod", lambda x: [o.nancumprod(x), o.nancumprod(x, 2)], kinds=holes, check=False)
    row("Nanmedian", lambda x: [o.nanmedian(x), o.nanmedian(x, 2), o.nanmedian(x, (1, 2), keepdims=True)], shapes=[(3, 5)], kinds=holes, check=False)
    row("Nanquantile", lambda x: [o.nanquantile(x, .3), o.nanquantile(x, .6, axis=2), o.nanquantile(x, [.2, .7], axis=1), o.nanquantile(x, .4, axis=(1, 2), keepdims=True, method="lower")], shapes=[(3, 5)], kinds=holes, check=False)
    row("Nanpercentile", lambda x: [o.nanpercentile(x, 30.), o.nanpercentile(x, 60., 2, "higher"), o.nanpercentile(x, [20., 70.], 1)], shapes=[(3, 5)], kinds=holes, check=False)


def signals(o):
    wave = lambda r, s: np.sin(np.arange(s[-1]) * r.uniform(.2, 1.5, (*s[:-1], 1))) + r.normal(0, .1, s)
    for n, f in dict(FFT=o.fft, FFT2=o.fft2, IFFT2=o.ifft2).items():
        row(n, lambda x, y, f=f: list(f((x, y))), shapes=[(4, 6), (4, 6)])
    for case, n in dict(op=None, longer=8, shorter=5).items():
        row("RFFT", lambda x, n=n: o.rfft(x, n), shapes=[(2, 6)], case=case, check=False)
    row("IRFFT", lambda x, y: [o.irfft((x, y)), o.irfft((x, y), 6), o.irfft((x, y), 11)], shapes=[(2, 5), (2, 5)])
    row("STFT", lambda x: o.stft(x, 8, 4, 8), shapes=[(40,)], kinds=wave, check=False)
    row("STFT", lambda x: o.stft(x, 6, 3, 9, window="hamming", center=False), shapes=[(2, 40)], kinds=wave, case="hamming", check=False)
    row("STFT", lambda x: o.stft(x, 8, 5, 10, window=None), shapes=[(40,)], kinds=wave, case="no_window", check=False)
    row("ISTFT", lambda x, y: [o.istft((x, y), 8, 2, 8), o.istft((x, y), 6, 3, 8, window="hamming"), o.istft((x, y), 8, 4, 8, length=20, center=False, window=None)], shapes=[(9, 5), (9, 5)], check=False)
    row("ExtractSequences", lambda x: [o.extract_sequences(x, 4, 2), o.extract_sequences(x, 3, 5)], shapes=[(2, 11)])
    row("ViewAsReal", lambda x: o.view_as_real(x), shapes=[(3, 2)])


def others(o):
    row("Erfc", o.erfc)
    row("Erfinv", o.erfinv, kinds=(-.99, .99))
    row("CDist", lambda x, y: o.cdist(x, y), shapes=[(3, 4), (5, 4)])
    row("InTopK", lambda t, x: o.in_top_k(t[:, 0], x, 2), shapes=[(1,), (4,)], kinds=[4, None], dtypes=["int32", "float32"], batch=5)
    ids = lambda r, s: np.sort(r.integers(0, 4, s), 0)
    for n, f in dict(SegmentSum=o.segment_sum, SegmentMax=o.segment_max, SegmentMin=o.segment_min).items():
        row(n, lambda x, i, f=f: [f(x, i[:, 0], 5) * .5, f(x, i[:, 0], sorted=True)], shapes=[(3,), (1,)], kinds=[None, ids], dtypes=["float32", "int32"], batch=6, check=False)
    row("SaturateCast", lambda x: [o.saturate_cast(x, "uint8"), o.saturate_cast(x, "int16"), o.saturate_cast(x, "float16")], kinds=(-40000., 40000.))
    row("Scatter", lambda i, v: [o.scatter(i, v, (2, 4)), o.scatter(i[:, :1], v[:, None] * np.ones((1, 3), "float32"), (5, 3))], shapes=[(2,), ()], kinds=[2, None], dtypes=["int32", "float32"], batch=5)
    row("ScatterUpdate", lambda x, i, v: [o.scatter_update(x, i, v, r) for r in (None, "add", "max", "min", "mul")], shapes=[(3,), (2,), ()], kinds=[None, lambda r, s: np.stack([np.arange(4), r.integers(0, 3, 4)], 1), None], dtypes=["float32", "int32", "float32"], batch=4)
    row("SliceUpdate", lambda x, y: [o.slice_update(x, (0, 1, 2), y), o.slice_update(x, (0, 2, 3), y)], shapes=[SHAPE, (2, 2)])


def numpy_operations():
    if not K3:
        return []
    ROWS.clear()
    for family in (angles, integers, made, matrices, moved, ordered, gaps, signals, others):
        family(keras.ops)
    return list(ROWS)
