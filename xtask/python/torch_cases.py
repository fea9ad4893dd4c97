"""The cases of torch_ops.py: one call or a few of each op that has a lowering row."""
import operator

import torch
import torchvision
import torch.ao.quantization.fx._decomposed  # noqa: F401
from torch_ops import A, bools, case, const, distinct, f, ints, pos

nn = torch.nn
TV = torch.ops.torchvision
Q = torch.ops.quantized_decomposed

# ---- functions of one operand
for op in "abs neg floor ceil round trunc frac sign sgn square exp exp2 expm1 sin cos tan atan sinh cosh asinh tanh erf erfc \
sigmoid sinc deg2rad rad2deg relu relu6 hardswish hardsigmoid silu mish gelu selu hardtanh leaky_relu elu celu softplus \
log_sigmoid hardshrink softshrink".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x))(op), f(3, 4, scale=2.0))
for op in "log log2 log10 sqrt rsqrt reciprocal log1p acosh".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x))(op), pos(3, 4, low=1.05, high=4.0))
for op in "asin acos atanh logit".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x))(op), pos(3, 4, low=0.05, high=0.95))
case("logit", lambda x: A.logit(x, 0.2), pos(3, 4, low=0.01, high=0.99), name="eps")
case("log1p", lambda x: A.log1p(x), pos(3, 4, low=0.0, high=1e-3), name="small")
case("expm1", lambda x: A.expm1(x), f(3, 4, scale=1e-3), name="small")
case("round", lambda x: A.round.decimals(x, decimals=1), f(3, 4, scale=3.0), name="decimals")
case("sqrt", lambda x: A.sqrt(x), ints(3, 4, low=1, high=20), name="ints")
case("abs", lambda x: A.abs(x), ints(3, 4), name="ints")
case("gelu", lambda x: A.gelu(x, approximate="tanh"), f(3, 4), name="tanh")
case("elu", lambda x: A.elu(x, 1.3, 1.1, 0.7), f(3, 4), name="all")
case("softplus", lambda x: A.softplus(x, 2.0, 1.0), f(3, 4), name="beta")
case("threshold", lambda x: A.threshold(x, 0.2, -1.5), f(3, 4))
case("rrelu", lambda x: A.rrelu(x, 0.1, 0.4), f(3, 4))
case("log_sigmoid_forward", lambda x: A.log_sigmoid_forward(x)[0], f(3, 4))
case("prelu", lambda x, y: A.prelu(x, y), f(2, 3, 4), f(3))
case("_prelu_kernel", lambda x, y: A._prelu_kernel(x, y), f(2, 3, 4), f(1, 3, 1))
case("glu", lambda x: A.glu(x, 1), f(2, 6))
case("hardtanh", lambda x: A.hardtanh(x, -0.5, 0.7), f(3, 4), name="bounds")
special = const(torch.tensor([[1.5, float("nan"), -2.0], [float("inf"), float("-inf"), 0.0]]))
for op in "isnan isinf isfinite isposinf isneginf nan_to_num".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x))(op), special)
case("nan_to_num", lambda x: A.nan_to_num(x, 1.0, 20.0, -30.0), special, name="values")
case("signbit", lambda x: A.signbit(x), f(3, 4))
case("logical_not", lambda x: A.logical_not(x), ints(3, 4, low=0, high=2))
case("bitwise_not", lambda x: A.bitwise_not(x), ints(3, 4, dtype=torch.int32))
case("bitwise_not", lambda x: A.bitwise_not(x), bools(3, 4), name="bool")
for op in ("softmax.int", "log_softmax.int"):
    base = op.split(".")[0]
    case(base, (lambda b: lambda x: getattr(A, b).int(x, -1))(base), f(2, 5), dynamic=[0])
    case(base, (lambda b: lambda x: getattr(A, b).int(x, 1, torch.float32))(base), f(2, 3, 4), name="axis")
case("_softmax", lambda x: A._softmax(x, 1, False), f(2, 5))
case("_log_softmax", lambda x: A._log_softmax(x, 1, False), f(2, 5))
case("_safe_softmax", lambda x: A._safe_softmax(x, -1), f(2, 5))
case("dropout", lambda x: A.dropout(x, 0.5, False) * 2.0, f(2, 5))
case("alpha_dropout", lambda x: A.alpha_dropout(x, 0.5, False) * 2.0, f(2, 5))
case("feature_dropout", lambda x: A.feature_dropout(x, 0.5, False) * 2.0, f(2, 5, 3, 3))
case("native_dropout", lambda x: A.native_dropout(x, 0.5, False)[0] * 2.0, f(2, 5))

# ---- two operands
for op in "add sub mul div maximum minimum fmax fmin atan2 hypot copysign logaddexp logaddexp2 eq ne lt le gt ge".split():
    case(op, (lambda op: lambda x, y: getattr(A, op)(x, y))(op), f(3, 4), f(4))
for op in "add sub mul".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x, 3))(op), f(3, 4), name="number")
    case(op, (lambda op: lambda x, y: getattr(A, op)(x, y))(op), ints(3, 4), f(4), name="mixed", dynamic=[0, None])
case("add", lambda x, y: A.add(x, y, alpha=2.5), f(3, 4), f(3, 1), name="alpha")
case("add", lambda x, y: A.add(x, y), bools(3, 4), bools(4), name="bool")
case("add", lambda x, y: x.add_(y) + x, f(3, 4), f(4), name="in_place")
case("add", lambda x, y: A.add(x, y), f(3, 4, dtype=torch.float16), f(4, dtype=torch.float16), name="half")
case("rsub", lambda x: A.rsub(x, 2.0), f(3, 4))
case("div", lambda x: A.div(x, 3), ints(3, 4), name="ints")
case("div", lambda x: A.div(x, 3, rounding_mode="floor"), ints(3, 4, low=-20, high=20), name="floor")
case("div", lambda x: A.div(x, 0.7, rounding_mode="trunc"), f(3, 4, scale=4.0), name="trunc")
case("floor_divide", lambda x, y: A.floor_divide(x, y), ints(3, 4, low=-20, high=20), ints(4, low=1, high=5))
case("remainder", lambda x, y: A.remainder(x, y), ints(3, 4, low=-20, high=20), ints(4, low=1, high=5))
case("remainder", lambda x: A.remainder(x, 0.75), f(3, 4, scale=3.0), name="float")
case("fmod", lambda x, y: A.fmod(x, y), f(3, 4, scale=3.0), pos(4, low=0.5, high=2.0))
case("pow", lambda x: A.pow(x, 3), f(3, 4), name="number")
case("pow", lambda x: A.pow(x, 0.5), pos(3, 4), name="root")
case("pow", lambda x, y: A.pow(x, y), pos(3, 4), f(4))
case("pow", lambda x: A.pow(2.0, x), f(3, 4), name="base")
case("float_power", lambda x: A.float_power(x, 2.5), pos(3, 4))
case("xlogy", lambda x, y: A.xlogy(x, y), pos(3, 4), pos(4))
case("heaviside", lambda x, y: A.heaviside(x, y), f(3, 4), f(4))
case("isclose", lambda x, y: A.isclose(x, y, 0.3, 0.1), f(3, 4), f(4))
for op in "logical_and logical_or logical_xor".split():
    case(op, (lambda op: lambda x, y: getattr(A, op)(x, y))(op), ints(3, 4, low=0, high=2), bools(4))
for op in "bitwise_and bitwise_or bitwise_xor".split():
    case(op, (lambda op: lambda x, y: getattr(A, op)(x, y))(op), ints(3, 4, low=0, high=9), ints(4, low=0, high=9))
    case(op, (lambda op: lambda x, y: getattr(A, op)(x, y))(op), bools(3, 4), bools(4), name="bool")
for op in "bitwise_left_shift bitwise_right_shift".split():
    case(op, (lambda op: lambda x, y: getattr(A, op)(x, y))(op), ints(3, 4, low=-9, high=50), ints(4, low=0, high=4))
case("where", lambda x, y, z: A.where(x, y, z), bools(3, 4), f(3, 4), f(4))
case("where", lambda x, y: A.where(x > 0, y, 0.5), f(3, 4), f(3, 4), name="number")
case("lerp", lambda x, y: A.lerp(x, y, 0.3), f(3, 4), f(3, 4))
case("addcmul", lambda x, y, z: A.addcmul(x, y, z, value=0.5), f(3, 4), f(3, 4), f(4))
case("addcdiv", lambda x, y, z: A.addcdiv(x, y, z, value=0.5), f(3, 4), f(3, 4), pos(4))
case("clamp", lambda x: A.clamp(x, -0.5, 0.7), f(3, 4))
case("clamp", lambda x, y: A.clamp(x, None, y), f(3, 4), f(4), name="tensor")
case("clamp_min", lambda x: A.clamp_min(x, 0.1), f(3, 4))
case("clamp_max", lambda x: A.clamp_max(x, 0.1), f(3, 4))

# ---- reductions
for op in "sum mean prod amax amin var std logsumexp nansum".split():
    args = ([1],) if op != "prod" else (1,)
    case(op, (lambda op, a: lambda x: getattr(A, op)(x, *a))(op, args), f(3, 4, 2), dynamic=[0])
for op in "sum mean prod max min any all var std".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x * 1.0) + x[0])(op) if op not in ("any", "all") else (lambda op: lambda x: getattr(A, op)(x > 0).float() + x[0])(op), f(3, 4), name="whole")
case("sum", lambda x: A.sum(x, [0], True), ints(3, 4), name="ints")
case("sum", lambda x: A.sum(x, [-1], False, dtype=torch.float64), f(3, 4), name="dtype")
case("mean", lambda x: A.mean(x, [2, 3], True), f(2, 3, 4, 5), name="image")
for op in "max min".split():
    case(op, (lambda op: lambda x: getattr(A, op).dim(x, 1, True))(op), distinct(3, 4), name="dim")
    case(op, (lambda op: lambda x, y: getattr(A, op).other(x, y))(op), f(3, 4), f(3, 4), name="other")
for op in "argmax argmin".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x, 1))(op), distinct(3, 4))
    case(op, (lambda op: lambda x: getattr(A, op)(x) + x.long())(op), distinct(3, 4), name="whole")
case("aminmax", lambda x: A.aminmax(x, dim=1), f(3, 4))
for op in "any all".split():
    case(op, (lambda op: lambda x: getattr(A, op)(x, 1))(op), const(torch.tensor([[True, False], [True, True], [False, False]])))
case("count_nonzero", lambda x: A.count_nonzero(x, [1]), ints(3, 5, low=0, high=3))
case("var", lambda x: A.var(x, [1], correction=0, keepdim=True), f(3, 4), name="population")
case("var_mean", lambda x: A.var_mean(x, [1]), f(3, 4))
case("std_mean", lambda x: A.std_mean(x, [1], correction=1), f(3, 4))
case("norm", lambda x: A.norm(x, 2, [1]), f(3, 4))
case("norm", lambda x: A.norm(x, 3, [1], True), f(3, 4), name="third")
case("frobenius_norm", lambda x: A.frobenius_norm(x, [0, 1], True) + x, f(3, 4))
case("linalg_vector_norm", lambda x: A.linalg_vector_norm(x, 1, [1], True), f(3, 4))
case("linalg_norm", lambda x: A.linalg_norm(x, 2, [1]), f(3, 4))
case("cumsum", lambda x: A.cumsum(x, 1), f(3, 4), dynamic=[0])
case("cumsum", lambda x: A.cumsum(x, 0), bools(3, 4), name="bool")
case("cumprod", lambda x: A.cumprod(x, 1), f(3, 4))
case("logcumsumexp", lambda x: A.logcumsumexp(x, 1), f(3, 4))
case("equal", lambda x, y: x + torch.ops.aten.eq(x, y).all().float(), f(3, 4), f(3, 4))

# ---- products
case("linear", nn.Linear(5, 3), f(2, 5), dynamic=[0])
case("linear", nn.Linear(5, 3, bias=False), f(2, 4, 5), name="sequence")
case("addmm", lambda x, y, z: A.addmm(x, y, z, beta=0.5, alpha=2.0), f(3), f(2, 4), f(4, 3))
case("mm", lambda x, y: A.mm(x, y), f(2, 4), f(4, 3))
case("bmm", lambda x, y: A.bmm(x, y), f(2, 3, 4), f(2, 4, 5), dynamic=[0, 0])
case("mv", lambda x, y: A.mv(x, y), f(3, 4), f(4))
case("dot", lambda x, y: A.dot(x, y) + x, f(4), f(4))
case("vdot", lambda x, y: A.vdot(x, y) + x, f(4), f(4))
case("inner", lambda x, y: A.inner(x, y), f(2, 4), f(3, 4))
case("matmul", lambda x, y: A.matmul(x, y), f(2, 3, 4), f(4, 5))
case("baddbmm", lambda x, y, z: A.baddbmm(x, y, z, beta=0.5, alpha=2.0), f(2, 3, 5), f(2, 3, 4), f(2, 4, 5))
case("addbmm", lambda x, y, z: A.addbmm(x, y, z), f(3, 5), f(2, 3, 4), f(2, 4, 5))
case("addmv", lambda x, y, z: A.addmv(x, y, z), f(3), f(3, 4), f(4))
case("addr", lambda x, y, z: A.addr(x, y, z, alpha=0.5), f(3, 4), f(3), f(4))
case("outer", lambda x, y: A.outer(x, y), f(3), f(4))
case("ger", lambda x, y: A.ger(x, y), f(3), f(4))
case("einsum", lambda x, y: torch.einsum("bij, bjk -> bik", x, y), f(2, 3, 4), f(2, 4, 5))
case("einsum", lambda x, y: A.einsum("bij,bjk->bki", [x, y]), f(2, 3, 4), f(2, 4, 5), name="op")
case("bilinear", nn.Bilinear(3, 4, 5), f(2, 3), f(2, 4))
case("cosine_similarity", lambda x, y: A.cosine_similarity(x, y, 1), f(3, 4), f(3, 4))
case("pairwise_distance", lambda x, y: A.pairwise_distance(x, y), f(3, 4), f(3, 4))
case("cdist", lambda x, y: A.cdist(x, y), f(3, 4), f(5, 4))
case("pdist", lambda x: A.pdist(x), f(5, 4))
case("pdist", lambda x: A.pdist(x, 1.5), f(5, 4), name="p15")
case("_pdist_forward", lambda x: A._pdist_forward(x, 1.0), f(4, 3))
case("_cdist_forward", lambda x, y: A._cdist_forward(x, y, 1.0, None), f(3, 4), f(5, 4))
case("linalg_cross", lambda x, y: A.linalg_cross(x, y), f(2, 3), f(2, 3))
case("cross", lambda x, y: A.cross(x, y, 1), f(2, 3), f(2, 3))

# ---- convolutions and pools
case("conv1d", nn.Conv1d(3, 4, 3, padding=1, stride=2), f(2, 3, 9))
case("conv2d", nn.Conv2d(4, 6, 3, padding=1, groups=2), f(2, 4, 7, 6), dynamic=[0])
case("conv2d", nn.Conv2d(4, 6, (3, 2), padding="same", dilation=2), f(2, 4, 7, 6), name="same")
case("conv2d", nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), f(1, 4, 7, 6), name="circular")
case("conv2d", nn.Conv2d(4, 6, 3), f(4, 7, 6), name="unbatched")
case("conv3d", nn.Conv3d(2, 3, 2, stride=2), f(1, 2, 4, 5, 6))
case("conv_transpose1d", nn.ConvTranspose1d(3, 4, 3, stride=2), f(2, 3, 5))
case("conv_transpose2d", nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), f(2, 4, 4, 5))
case("conv_transpose3d", nn.ConvTranspose3d(2, 3, 2, stride=2), f(1, 2, 3, 2, 3))
W = nn.Parameter(torch.linspace(-1, 1, 4 * 3 * 3 * 3).reshape(4, 3, 3, 3))


class Weighted(nn.Module):
    def __init__(self, fn, *shapes):
        super().__init__()
        self.fn = fn
        generator = torch.Generator().manual_seed(len(shapes) * 7 + sum(map(sum, shapes)))
        self.w = nn.ParameterList([torch.randn(s, generator=generator) * 0.4 for s in shapes])

    def forward(self, x):
        return self.fn(x, *self.w)


case("convolution", Weighted(lambda x, w, b: A.convolution(x, w, b, [1, 1], [1, 1], [1, 1], False, [0, 0], 1), (4, 3, 3, 3), (4,)), f(2, 3, 5, 6))
case("convolution", Weighted(lambda x, w: A.convolution(x, w, None, [2, 2], [0, 0], [1, 1], True, [1, 1], 1), (3, 4, 3, 3)), f(2, 3, 4, 4), name="transposed")
case("_convolution", Weighted(lambda x, w, b: A._convolution(x, w, b, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, True), (4, 3, 3, 3), (4,)), f(2, 3, 5, 6))
case("_convolution_mode", Weighted(lambda x, w: A._convolution_mode(x, w, None, [1, 1], "same", [1, 1], 1), (4, 3, 3, 3)), f(2, 3, 5, 6))
for n, shape in ((1, (2, 3, 9)), (2, (2, 3, 9, 8)), (3, (1, 2, 6, 6, 6))):
    case(f"max_pool{n}d", (lambda n: lambda x: getattr(A, f"max_pool{n}d")(x, [3] * n, [2] * n, [1] * n, [1] * n, True))(n), f(*shape))
    case(f"max_pool{n}d_with_indices", (lambda n: lambda x: getattr(A, f"max_pool{n}d_with_indices")(x, [2] * n, [2] * n))(n), distinct(*shape))
    case(f"avg_pool{n}d", (lambda n: lambda x: getattr(A, f"avg_pool{n}d")(x, [3] * n, [2] * n, [1] * n, True, False))(n), f(*shape))
    case(f"avg_pool{n}d", (lambda n: lambda x: getattr(A, f"avg_pool{n}d")(x, [2] * n))(n), f(*shape), name="plain")
    case(f"adaptive_avg_pool{n}d", (lambda n: lambda x: getattr(A, f"adaptive_avg_pool{n}d")(x, [4] * n))(n), f(*shape))
    case(f"adaptive_max_pool{n}d", (lambda n: lambda x: getattr(A, f"adaptive_max_pool{n}d")(x, [4] * n)[0])(n), f(*shape))
case("adaptive_avg_pool2d", lambda x: A.adaptive_avg_pool2d(x, [1, 1]), f(2, 3, 5, 6), name="one", dynamic=[0])
case("adaptive_avg_pool2d", lambda x: A.adaptive_avg_pool2d(x, [2, 3]), f(2, 3, 4, 6), name="even")
case("adaptive_max_pool2d", lambda x: A.adaptive_max_pool2d(x, [2, 3]), distinct(2, 3, 4, 6), name="places")
case("avg_pool2d", lambda x: A.avg_pool2d(x, [2, 2], [2, 2], [0, 0], False, True, 3), f(2, 3, 6, 6), name="divisor")
case("_adaptive_avg_pool2d", lambda x: A._adaptive_avg_pool2d(x, [2, 3]), f(2, 3, 4, 6))
case("_adaptive_avg_pool3d", lambda x: A._adaptive_avg_pool3d(x, [2, 2, 2]), f(1, 2, 4, 4, 4))


# ---- normalisation
def trained(module):
    g = torch.Generator().manual_seed(5)
    for name, p in list(module.named_parameters()) + list(module.named_buffers()):
        if p.dtype.is_floating_point:
            with torch.no_grad():
                p.copy_(torch.rand(p.shape, generator=g) + 0.5 if "var" in name or "weight" in name else torch.randn(p.shape, generator=g) * 0.3)
    return module


case("batch_norm", trained(nn.BatchNorm2d(3)), f(2, 3, 4, 5), dynamic=[0])
case("batch_norm", nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), trained(nn.BatchNorm2d(4)), nn.ReLU6(inplace=True)), f(2, 3, 5, 5), name="folded")
case("batch_norm", nn.BatchNorm1d(3, track_running_stats=False), f(4, 3, 5), name="batch_statistics")
STATS = ((3,), (3,), (3,), (3,))
case("native_batch_norm", Weighted(lambda x, w, b, m, v: A.native_batch_norm(x, w, b, m, v.abs() + 0.5, False, 0.1, 1e-5)[0], *STATS), f(2, 3, 4))
case("_native_batch_norm_legit", Weighted(lambda x, w, b, m, v: A._native_batch_norm_legit.no_stats(x, w, b, True, 0.1, 1e-5)[0], *STATS), f(2, 3, 4))
case("_native_batch_norm_legit_no_training", Weighted(lambda x, w, b, m, v: A._native_batch_norm_legit_no_training(x, w, b, m, v.abs() + 0.5, 0.1, 1e-5)[0], *STATS), f(2, 3, 4))
case("_batch_norm_impl_index", Weighted(lambda x, w, b, m, v: A._batch_norm_impl_index(x, w, b, m, v.abs() + 0.5, False, 0.1, 1e-5, False)[0], *STATS), f(2, 3, 4))
case("cudnn_batch_norm", trained(nn.BatchNorm1d(3)), f(2, 3, 4))
case("instance_norm", trained(nn.InstanceNorm2d(3, affine=True)), f(2, 3, 4, 5))
case("layer_norm", trained(nn.LayerNorm((4, 5))), f(2, 3, 4, 5), dynamic=[0])
case("layer_norm", lambda x: A.layer_norm(x, [5]), f(2, 5), name="plain")
case("native_layer_norm", Weighted(lambda x, w, b: A.native_layer_norm(x, [4], w, b, 1e-5), (4,), (4,)), f(2, 3, 4))
case("group_norm", trained(nn.GroupNorm(2, 6)), f(2, 6, 3, 4), dynamic=[0])
case("native_group_norm", Weighted(lambda x, w, b: A.native_group_norm(x, w, b, 2, 6, 12, 3, 1e-5)[0], (6,), (6,)), f(2, 6, 3, 4))
case("rms_norm", trained(nn.RMSNorm(5)), f(2, 3, 5))
case("_weight_norm", Weighted(lambda x, v, g: x @ A._weight_norm(v, g.abs(), 0).t(), (3, 4), (3, 1)), f(2, 4))
case("_weight_norm_interface", Weighted(lambda x, v, g: x @ A._weight_norm_interface(v, g.abs(), 0)[0].t(), (3, 4), (3, 1)), f(2, 4))

# ---- views
same = lambda op: lambda x: getattr(A, op)(x) * 2.0
for op in "alias detach contiguous lift_fresh positive resolve_conj resolve_neg".split():
    case(op, same(op), f(2, 3))
case("lift", lambda x: A.lift(x) * 2.0, f(2, 3))
case("requires_grad", lambda x: x.detach() * 2.0, f(2, 3))
case("view", lambda x: A.view(x, [x.shape[0], -1]) + 1, f(2, 3, 4), dynamic=[0])
case("reshape", lambda x: A.reshape(x, [x.shape[0], 2, -1, 2]), f(2, 3, 4), dynamic=[0])
case("view_as", lambda x, y: A.view_as(x, y), f(2, 6), f(3, 4))
case("reshape_as", lambda x, y: A.reshape_as(x, y), f(2, 6), f(3, 4))
case("flatten", lambda x: A.flatten(x, 1), f(2, 3, 4, 5), dynamic=[0])
case("flatten", lambda x: A.flatten(x, 0, 1), f(2, 3, 4), name="front", dynamic=[0])
case("ravel", lambda x: A.ravel(x), f(2, 3))
case("unflatten", lambda x: A.unflatten(x, 1, [2, -1]), f(2, 6), dynamic=[0])
case("squeeze", lambda x: A.squeeze(x, 1), f(2, 1, 3, 1), dynamic=[0])
case("squeeze", lambda x: A.squeeze(x), f(2, 1, 3, 1), name="all")
case("unsqueeze", lambda x: A.unsqueeze(x, -1), f(2, 3))
case("permute", lambda x: A.permute(x, [0, 2, -2]), f(2, 3, 4), dynamic=[0])
case("transpose", lambda x: A.transpose(x, 1, -1), f(2, 3, 4))
case("t", lambda x: A.t(x), f(2, 3))
case("numpy_T", lambda x: x.T, f(2, 3))
case("mT", lambda x: x.mT, f(2, 3, 4))
case("adjoint", lambda x: A.adjoint(x), f(2, 3, 4))
case("movedim", lambda x: A.movedim(x, [0, 1], [2, 0]), f(2, 3, 4))
case("expand", lambda x: A.expand(x, [4, -1, 3]), f(2, 1))
case("expand", lambda x: A.expand(x, [x.shape[0], 5, -1]), f(2, 1, 3), name="dynamic", dynamic=[0])
case("expand_as", lambda x, y: A.expand_as(x, y), f(3, 1), f(2, 3, 4))
case("broadcast_to", lambda x: A.broadcast_to(x, [2, 3, 4]), f(3, 1))
case("select", lambda x: A.select(x, 1, -1), f(2, 3, 4), dynamic=[0])
case("slice", lambda x: A.slice(x, 1, 1, 6, 2), f(2, 7), dynamic=[0])
case("slice", lambda x: x[1:, :-2], f(4, 7), name="open", dynamic=[0])
case("narrow", lambda x: A.narrow(x, 1, 2, 3), f(2, 7))
case("diagonal", lambda x: A.diagonal(x, 1, 1, 2), f(2, 4, 5))
case("unfold", lambda x: A.unfold(x, 1, 3, 2), f(2, 8))
case("split", lambda x: A.split(x, 3, 1), f(2, 8))
case("split_with_sizes", lambda x: A.split_with_sizes(x, [3, 1, 4], 1), f(2, 8))
case("tensor_split", lambda x: A.tensor_split(x, 3, 1), f(2, 8))
case("tensor_split", lambda x: A.tensor_split(x, [2, 5], 1), f(2, 8), name="indices")
case("chunk", lambda x: A.chunk(x, 3, 1), f(2, 8), dynamic=[0])
case("unbind", lambda x: A.unbind(x, 1), f(2, 3))
case("select_scatter", lambda x, y: A.select_scatter(x, y, 1, 2), f(2, 4), f(2))
case("slice_scatter", lambda x, y: A.slice_scatter(x, y, 1, 1, 6, 2), f(2, 7), f(2, 3))
case("diagonal_scatter", lambda x, y: A.diagonal_scatter(x, y), f(3, 4), f(3))
case("as_strided", lambda x: A.as_strided(x, [3, 2], [2, 1]), f(2, 3))


def written(x):
    y = x * 1.0
    y[:, 0] = 5.0
    y[:, 2:4].mul_(3.0)
    y.view(-1)[3:5] += 1.0
    a, b = y.t().chunk(2, 0)
    a.add_(10.0)
    return y, b


case("slice", written, f(3, 6), name="written_through")


def buffers(x):
    y = x.clone()
    y.diagonal().fill_(2.0)
    y.unsqueeze(0).squeeze(0).select(0, 1).copy_(x[0])
    z = y.transpose(0, 1)
    y.sub_(1.0)
    return z * 1.0, y


case("copy", buffers, f(4, 4), name="written_through")
case("copy", lambda x, y: A.copy(x, y) * 2.0, f(2, 3), f(3))

# ---- joining and moving
case("cat", lambda x, y: A.cat([x, y, x], 1), f(2, 3), f(2, 2), dynamic=[0, 0])
case("cat", lambda x, y: A.cat([x, y]), f(2, 3), ints(2, 3), name="mixed")
case("stack", lambda x, y: A.stack([x, y], -1), f(2, 3), f(2, 3), dynamic=[0, 0])
case("hstack", lambda x, y: A.hstack([x, y]), f(2, 3), f(2, 2))
case("vstack", lambda x, y: A.vstack([x, y]), f(3), f(2, 3))
case("dstack", lambda x, y: A.dstack([x, y]), f(2, 3), f(2, 3))
case("repeat", lambda x: A.repeat(x, [2, 1, 3]), f(2, 3))
case("tile", lambda x: A.tile(x, [2]), f(2, 3))
case("repeat_interleave", lambda x: A.repeat_interleave.self_int(x, 3, 1), f(2, 3), dynamic=[0])
case("roll", lambda x: A.roll(x, [1, -2], [0, 1]), f(3, 5))
case("roll", lambda x: A.roll(x, 2), f(3, 5), name="flat")
case("flip", lambda x: A.flip(x, [0, -1]), f(2, 3, 4))
case("fliplr", lambda x: A.fliplr(x), f(2, 3))
case("flipud", lambda x: A.flipud(x), f(2, 3))
case("rot90", lambda x: A.rot90(x, 1, [0, 1]), f(2, 3))
case("rot90", lambda x: A.rot90(x, 3, [0, 1]), f(2, 3), name="back")
case("tril", lambda x: A.tril(x, -1), f(3, 4))
case("triu", lambda x: A.triu(x, 1), f(2, 3, 4))
case("diag_embed", lambda x: A.diag_embed(x, 1), f(2, 3))
case("diag", lambda x: A.diag(x), f(3))
case("diag", lambda x: A.diag(x, -1), f(3, 4), name="matrix")
case("atleast_1d", lambda x: A.atleast_1d(x) * 2.0, f(3))
case("atleast_2d", lambda x: A.atleast_2d(x) * 2.0, f(3))
case("channel_shuffle", lambda x: A.channel_shuffle(x, 2), f(2, 6, 3, 3))
case("pixel_shuffle", lambda x: A.pixel_shuffle(x, 2), f(2, 8, 3, 4))
case("pixel_unshuffle", lambda x: A.pixel_unshuffle(x, 2), f(2, 3, 4, 6))

# ---- indices
at = lambda *v: const(torch.tensor(v))
case("index", lambda x, y: x[:, y], f(2, 5, 3), at(0, 3, -1))
case("index", lambda x, y, z: x[:, y, z], f(2, 5, 4), at(0, 3, 1), at(2, 0, 1), name="two")
case("index", lambda x, y, z: x[y, :, z], f(3, 5, 4), at(0, 2), at(1, 3), name="apart")
case("index", lambda x, y: x[y], f(3, 4), const(torch.tensor([True, False, True])), name="mask")
case("index_put", lambda x, y, z: A.index_put(x, [None, y], z), f(3, 5), at(1, 4), f(3, 2))
case("index_put", lambda x, y, z: A.index_put(x, [y], z, True), f(3, 5), at(1, 1), f(2, 5), name="accumulate")
case("index_put", lambda x: A.index_put(x, [x > 0], torch.tensor(-1.0)), f(3, 5), name="mask")
case("index_select", lambda x, y: A.index_select(x, 1, y), f(3, 5), at(4, 0, 0))
case("index_copy", lambda x, y, z: A.index_copy(x, 1, y, z), f(3, 5), at(4, 0), f(3, 2))
case("index_add", lambda x, y, z: A.index_add(x, 1, y, z, alpha=2.0), f(3, 5), at(4, 4), f(3, 2))
case("index_fill", lambda x, y: A.index_fill(x, 1, y, 0.5), f(3, 5), at(4, 1))
case("gather", lambda x, y: A.gather(x, 1, y), f(2, 4), const(torch.tensor([[0, 3, 1], [2, 2, 0]])))
case("take_along_dim", lambda x, y: A.take_along_dim(x, y, 1), f(2, 4), const(torch.tensor([[0, 3, 1]])))
case("take", lambda x, y: A.take(x, y), f(2, 4), at(0, 7, 3))
case("scatter", lambda x, y, z: A.scatter(x, 1, y, z), f(2, 4), const(torch.tensor([[0, 3], [2, 1]])), f(2, 3))
case("scatter", lambda x, y: A.scatter(x, 1, y, 0.5), f(2, 4), const(torch.tensor([[0, 3], [2, 1]])), name="value")
case("scatter_add", lambda x, y, z: A.scatter_add(x, 1, y, z), f(2, 4), const(torch.tensor([[0, 0], [2, 1]])), f(2, 2))
case("scatter_reduce", lambda x, y, z: A.scatter_reduce(x, 1, y, z, "amax"), f(2, 4), const(torch.tensor([[0, 0], [2, 1]])), f(2, 2))
case("masked_fill", lambda x, y: A.masked_fill(x, y, -2.0), f(3, 4), bools(3, 4))
case("masked_select", lambda x: A.masked_select(x, x > 0), f(3, 4))
case("masked_scatter", lambda x, y, z: A.masked_scatter(x, y, z), f(3, 4), bools(3, 4), f(12))
case("nonzero", lambda x: A.nonzero(x), const(torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])))
case("nonzero_numpy", lambda x: A.nonzero_numpy(x), const(torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])))
case("embedding", nn.Embedding(7, 4), ints(2, 3, low=0, high=7), dynamic=[0])
case("embedding_bag", nn.EmbeddingBag(7, 4, mode="mean"), ints(2, 3, low=0, high=7))
EMBED = nn.Parameter(torch.linspace(-1.2, 1.5, 28).reshape(7, 4))
for mode in ("sum", "mean", "max"):
    case("embedding_bag", (lambda m: lambda x, y: nn.functional.embedding_bag(x, EMBED.detach(), y, mode=m, padding_idx=2))(mode), at(3, 2, 5, 0, 2, 6), at(0, 2, 2, 4), name=f"offsets_{mode}")
case("embedding_bag", nn.EmbeddingBag(7, 4, mode="mean"), ints(2, 3, low=0, high=7), name="batch", dynamic=[0])
case("embedding_bag", lambda x, y: nn.functional.embedding_bag(x, EMBED.detach(), y, mode="sum", include_last_offset=True), at(3, 2, 5, 0), at(0, 3, 4), name="last")
case("_embedding_bag", Weighted(lambda x, w: A._embedding_bag(w, x, torch.tensor([0, 2]), False, 0)[0], (7, 4)), ints(5, low=0, high=7))
case("_embedding_bag_forward_only", Weighted(lambda x, w: A._embedding_bag_forward_only(w, x, torch.tensor([0, 2]), False, 2)[0], (7, 4)), ints(5, low=0, high=7))
case("sort", lambda x: A.sort(x, 1, True), distinct(3, 5))
case("argsort", lambda x: A.argsort(x, 1), distinct(3, 5))
case("msort", lambda x: A.msort(x), distinct(3, 5))
case("topk", lambda x: A.topk(x, 2, 1), distinct(3, 5), dynamic=[0])
case("kthvalue", lambda x: A.kthvalue(x, 2, 1), distinct(3, 5))
case("median", lambda x: A.median(x, 1, True), distinct(3, 4))
case("bucketize", lambda x, y: A.bucketize(x, y), f(3, 4), const(torch.tensor([-1.0, -0.2, 0.3, 1.0])))
case("searchsorted", lambda x, y: A.searchsorted(y, x, right=True), f(3, 4), const(torch.tensor([-1.0, -0.2, 0.3, 1.0])))
case("_unique2", lambda x: A._unique2(x, True, True, True), ints(8, low=0, high=4))
case("_unique", lambda x: A._unique(x, True, True), ints(8, low=0, high=4))
case("unique_consecutive", lambda x: A.unique_consecutive(x, True, True), const(torch.tensor([[1, 1, 2, 3], [3, 3, 1, 1]])))
case("unique_dim", lambda x: A.unique_dim(x, 0), const(torch.tensor([[1, 2], [0, 1], [1, 2]])))

# ---- making tensors
case("zeros", lambda x: x + A.zeros([2, 3]), f(2, 3))
case("ones", lambda x: x + A.ones([2, x.shape[1]]), f(2, 3))
case("empty", lambda x: x + A.empty([2, 3]).zero_(), f(2, 3))
case("empty_permuted", lambda x: x + A.empty_permuted([2, 3], [0, 1]).zero_(), f(2, 3))
case("empty_strided", lambda x: x + A.empty_strided([2, 3], [3, 1]).zero_(), f(2, 3))
case("full", lambda x: x + A.full([x.shape[0], 3], 2.5), f(2, 3), dynamic=[0])
for op in "zeros_like ones_like".split():
    case(op, (lambda op: lambda x: x + getattr(A, op)(x))(op), f(2, 3), dynamic=[0])
case("empty_like", lambda x: x + A.empty_like(x).zero_(), f(2, 3))
case("full_like", lambda x: x + A.full_like(x, 0.5), f(2, 3))
for op in "new_zeros new_ones".split():
    case(op, (lambda op: lambda x: x + getattr(A, op)(x, [3]))(op), f(2, 3))
case("new_empty", lambda x: x + A.new_empty(x, [3]).zero_(), f(2, 3))
case("new_empty_strided", lambda x: x + A.new_empty_strided(x, [3], [1]).zero_(), f(2, 3))
case("new_full", lambda x: x + A.new_full(x, [3], 1.5), f(2, 3))
case("scalar_tensor", lambda x: x + A.scalar_tensor(2), f(2, 3))
case("arange", lambda x: x + A.arange(x.shape[1]), f(2, 3))
case("arange", lambda x: x + A.arange.start_step(0.5, 3.5, 1.0), f(2, 3), name="step")
case("arange", lambda x: torch.arange(x.shape[0]) * 2, f(3, 3), name="dynamic", dynamic=[0])
case("linspace", lambda x: x + A.linspace(-1.0, 1.0, 5), f(2, 5))
case("eye", lambda x: x + A.eye(3), f(3, 3))
case("one_hot", lambda x: A.one_hot(x, 5), ints(2, 3, low=0, high=5))
case("meshgrid", lambda x, y: torch.meshgrid(x, y, indexing="xy"), f(2), f(3))
case("to", lambda x: A.to(x, torch.int32), f(2, 3, scale=5.0))
case("_to_copy", lambda x: A._to_copy(x, dtype=torch.float64), f(2, 3))
case("type_as", lambda x, y: A.type_as(x, y), ints(2, 3), f(2, 3))
case("clone", lambda x: A.clone(x) * 2.0, f(2, 3))
case("lift_fresh_copy", lambda x: x + torch.tensor([1.0, 2.0, 3.0]), f(2, 3))
case("fill", lambda x: A.fill(x, 0.5) + x, f(2, 3))
case("zero", lambda x: A.zero(x) + x, f(2, 3))
case("convert_element_type", lambda x: torch.ops.prims.convert_element_type(x, torch.float64), f(2, 3))
case("device_put", lambda x: torch.ops.prims.device_put(x, "cpu") * 2.0, f(2, 3))
case("_cast_Float", lambda x: A._cast_Float(x) + 0.5, ints(2, 3))
case("_cast_Long", lambda x: A._cast_Long(x), f(2, 3, scale=4.0))

# ---- resampling, padding
for n, shape in ((1, (1, 2, 5)), (2, (1, 2, 4, 5)), (3, (1, 2, 3, 4, 3))):
    sizes = [7, 6, 5][:n]
    case(f"upsample_nearest{n}d", (lambda n: lambda x: getattr(A, f"upsample_nearest{n}d").vec(x, None, [2.0] * n))(n), f(*shape))
    case(f"_upsample_nearest_exact{n}d", (lambda n: lambda x: getattr(A, f"_upsample_nearest_exact{n}d").vec(x, None, [2.0] * n))(n), f(*shape))
    op = {1: "upsample_linear1d", 2: "upsample_bilinear2d", 3: "upsample_trilinear3d"}[n]
    case(op, (lambda op, s: lambda x: getattr(A, op).vec(x, s, False, None))(op, sizes), f(*shape))
    case(op, (lambda op, s: lambda x: getattr(A, op).vec(x, s, True, None))(op, sizes), f(*shape), name="corners")
case("upsample_nearest2d", lambda x: nn.functional.interpolate(x, size=(7, 9)), f(2, 2, 4, 5), name="size", dynamic=[0])
case("upsample_bilinear2d", lambda x: nn.functional.interpolate(x, scale_factor=1.7, mode="bilinear"), f(2, 2, 4, 5), name="factor")
case("upsample_bicubic2d", lambda x: A.upsample_bicubic2d.vec(x, [7, 6], False, None), f(1, 2, 4, 5))
case("_upsample_bilinear2d_aa", lambda x: A._upsample_bilinear2d_aa.vec(x, [3, 4], False, None), f(1, 2, 7, 9))
case("_upsample_bicubic2d_aa", lambda x: A._upsample_bicubic2d_aa.vec(x, [3, 4], False, None), f(1, 2, 7, 9))
case("pad", lambda x: A.pad(x, [1, 2, 0, 3], "constant", 1.5), f(2, 3, 4), dynamic=[0])
case("pad", lambda x: A.pad(x, [1, 2], "reflect"), f(2, 3, 4), name="reflect")
case("constant_pad_nd", lambda x: A.constant_pad_nd(x, [1, -1, 2, 0], 0.5), f(2, 3, 4))
for n, shape in ((1, (2, 5)), (2, (2, 5, 4)), (3, (2, 4, 5, 4))):
    case(f"reflection_pad{n}d", (lambda n: lambda x: getattr(A, f"reflection_pad{n}d")(x, [2, 1] * n))(n), f(*shape))
    case(f"replication_pad{n}d", (lambda n: lambda x: getattr(A, f"replication_pad{n}d")(x, [2, 1] * n))(n), f(*shape))
case("grid_sampler", lambda x, y: A.grid_sampler(x, y, 0, 1, True), f(1, 2, 4, 5), pos(1, 3, 3, 2, low=-1.1, high=1.1))
case("grid_sampler_2d", lambda x, y: A.grid_sampler_2d(x, y, 0, 0, False), f(1, 2, 4, 5), pos(1, 3, 3, 2, low=-1.1, high=1.1))
case("grid_sampler_3d", lambda x, y: A.grid_sampler_3d(x, y, 0, 0, False), f(1, 2, 3, 4, 5), pos(1, 2, 3, 3, 3, low=-1.1, high=1.1))
case("affine_grid_generator", lambda x: A.affine_grid_generator(x, [2, 3, 4, 5], False), f(2, 2, 3))
case("im2col", lambda x: A.im2col(x, [2, 3], [1, 1], [1, 0], [2, 1]), f(2, 3, 5, 6))
case("im2col", lambda x: A.im2col(x, [2, 3], [2, 1], [1, 0], [2, 3]), f(2, 3, 9, 6), name="open", dynamic=[{2: torch.export.Dim.AUTO}])
case("col2im", lambda x: A.col2im(x, [5, 6], [2, 3], [1, 1], [1, 0], [2, 1]), f(2, 18, 12))

# ---- attention
qkv = (f(2, 2, 4, 8), f(2, 2, 5, 8), f(2, 2, 5, 8))
case("scaled_dot_product_attention", lambda x, y, z: A.scaled_dot_product_attention(x, y, z), *qkv, dynamic=[0, 0, 0])
case("scaled_dot_product_attention", lambda x, y, z: A.scaled_dot_product_attention(x, y, z, is_causal=True, scale=0.3), f(1, 2, 5, 4), f(1, 2, 5, 4), f(1, 2, 5, 4), name="causal")
case("scaled_dot_product_attention", lambda x, y, z, w: A.scaled_dot_product_attention(x, y, z, w), *qkv, bools(4, 5), name="mask")
case("scaled_dot_product_attention", lambda x, y, z, w: A.scaled_dot_product_attention(x, y, z, w), *qkv, f(4, 5), name="bias")
case("scaled_dot_product_attention", lambda x, y: A.scaled_dot_product_attention(x, y, y, enable_gqa=True), f(1, 4, 3, 4), f(1, 2, 3, 4), name="grouped")
case("_scaled_dot_product_flash_attention_for_cpu", lambda x, y, z: A._scaled_dot_product_flash_attention_for_cpu(x, y, z)[0], *qkv)
case("_scaled_dot_product_attention_math", lambda x, y, z: A._scaled_dot_product_attention_math(x, y, z)[0], *qkv)
for op in "_scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable".split():
    # These run on devices that the recorder lacks; the composite op is what they are made from.
    case(op, lambda x, y, z: nn.functional.scaled_dot_product_attention(x, y, z), *qkv)
case("_native_multi_head_attention", Weighted(lambda x, w, b, p, q: A._native_multi_head_attention(x, x, x, 8, 2, w, b, p, q)[0], (24, 8), (24,), (8, 8), (8,)), f(2, 3, 8))
LAYER = ((24, 8), (24,), (8, 8), (8,), (8,), (8,), (8,), (8,), (6, 8), (6,), (8, 6), (8,))
case("_transformer_encoder_layer_fwd", Weighted(lambda x, *w: A._transformer_encoder_layer_fwd(x, 8, 2, *w[:4], True, False, 1e-5, *w[4:]), *LAYER), f(2, 3, 8))


# ---- recurrent
class Last(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


case("lstm", Last(nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)), f(2, 5, 3))
case("lstm", Last(nn.LSTM(3, 4)), f(5, 2, 3), name="plain")
case("lstm", Last(nn.LSTM(3, 4, batch_first=True)), f(2, 5, 3), name="dynamic", dynamic=[0])
case("gru", Last(nn.GRU(3, 4, num_layers=2, bidirectional=True, batch_first=True)), f(2, 5, 3))
case("gru", Last(nn.GRU(3, 4, bias=False)), f(5, 2, 3), name="no_bias")
case("rnn_tanh", Last(nn.RNN(3, 4, batch_first=True)), f(2, 5, 3))
case("rnn_relu", Last(nn.RNN(3, 8, nonlinearity="relu")), f(5, 2, 3))
CELL = lambda n: ((4 * n, 3), (4 * n, 4), (4 * n,), (4 * n,))
case("lstm_cell", Weighted(lambda x, a, b, c, d: A.lstm_cell(x, [torch.cat([x, x[:, :1]], 1), torch.cat([x[:, 1:], x[:, :2]], 1)], a, b, c, d), *CELL(4)), f(2, 3))
case("gru_cell", Weighted(lambda x, a, b, c, d: A.gru_cell(x, torch.cat([x, x[:, :1]], 1), a, b, c, d), *CELL(3)), f(2, 3))
case("rnn_tanh_cell", Weighted(lambda x, a, b, c, d: A.rnn_tanh_cell(x, torch.cat([x, x[:, :1]], 1), a, b, c, d), *CELL(1)), f(2, 3))
case("rnn_relu_cell", Weighted(lambda x, a, b, c, d: A.rnn_relu_cell(x, torch.cat([x, x[:, :1]], 1), a, b, c, d), *CELL(1)), f(2, 3))

# ---- torchvision, quantisation
BOXES = const(torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.5, 0.5, 4.5, 4.5], [6.0, 6.0, 9.0, 9.0], [6.0, 6.0, 9.0, 8.0]]))
case("nms", lambda x, y: TV.nms(x, y, 0.5), BOXES, const(torch.tensor([0.5, 0.9, 0.3, 0.8])))
ROIS = const(torch.tensor([[0.0, 0.5, 0.5, 5.0, 6.0], [1.0, 1.0, 2.0, 7.0, 7.0]]))
case("roi_align", lambda x, y: TV.roi_align(x, y, 0.8, 3, 2, 2, True), f(2, 3, 8, 8), ROIS)
case("fake_quantize_per_tensor_affine", lambda x: A.fake_quantize_per_tensor_affine(x, 0.1, 3, -20, 20), f(3, 4))
case("fake_quantize_per_tensor_affine_cachemask", lambda x: A.fake_quantize_per_tensor_affine_cachemask(x, 0.1, 3, -20, 20)[0], f(3, 4))
case("_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", lambda x: A._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(x, torch.tensor(0.1), torch.tensor(3, dtype=torch.int32), torch.tensor(1), -20, 20)[0], f(3, 4))
SC, ZP = torch.tensor([0.1, 0.05, 0.2]), torch.tensor([1, 0, -2], dtype=torch.int32)
case("fake_quantize_per_channel_affine", lambda x: A.fake_quantize_per_channel_affine(x, torch.tensor([0.1, 0.05, 0.2]), torch.tensor([1, 0, -2], dtype=torch.int32), 0, -20, 20), f(3, 4))
case("fake_quantize_per_channel_affine_cachemask", lambda x: A.fake_quantize_per_channel_affine_cachemask(x, torch.tensor([0.1, 0.05, 0.2]), torch.tensor([1, 0, -2], dtype=torch.int32), 0, -20, 20)[0], f(3, 4))
case("quantize_per_tensor", lambda x: Q.quantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8), f(3, 4))
case("dequantize_per_tensor", lambda x: Q.dequantize_per_tensor(Q.quantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8), 0.05, 3, -128, 127, torch.int8), f(3, 4))
case("quantize_per_channel", lambda x: Q.quantize_per_channel(x, torch.tensor([0.1, 0.05, 0.2]), torch.tensor([1, 0, -2]), 0, -128, 127, torch.int8), f(3, 4))
case("dequantize_per_channel", lambda x: Q.dequantize_per_channel(x, torch.tensor([0.1, 0.05, 0.2]), torch.tensor([1, 0, -2]), 0, -128, 127, torch.int8), ints(3, 4, dtype=torch.int8))


# ---- numbers and control flow
case("sym_size", lambda x: x * x.shape[0] / (x.shape[1] + 1), f(2, 3), dynamic=[0])
case("sym_numel", lambda x: x / x.numel(), f(2, 3), dynamic=[0])
case("floordiv", lambda x: x + A.full([3], x.shape[0] // 2, dtype=torch.float32), f(5, 3), dynamic=[0])
case("item", lambda x: x * x.sum().item(), f(2, 3))


class Asked(nn.Module):
    """`torch.export` says in sizes what is asked of memory. What passes over graphs write is written here: `edit` puts the
    call of the op in the place of the call of `old`."""

    def __init__(self, forward, old, op, *args):
        super().__init__()
        self.fn, self.old, self.op, self.args = forward, old, op, args

    def forward(self, x):
        return self.fn(x)

    def edit(self, graph):
        x = next(n for n in graph.nodes if n.op == "placeholder")
        old = next(n for n in graph.nodes if n.target is self.old)
        old.target, old.args = self.op, (x, *self.args)


LAST = [{1: torch.export.Dim("d", min=2, max=9)}]
case("sym_stride", Asked(lambda x: x * x.shape[1], A.sym_size.int, A.sym_stride.int, 0), f(2, 3, 4), dynamic=LAST)
case("sym_stride", Asked(lambda x: x * x.shape[1], A.sym_size.int, A.sym_stride.int, -1), f(2, 3), name="last", dynamic=LAST)
case("sym_storage_offset", Asked(lambda x: x + x.shape[1], A.sym_size.int, A.sym_storage_offset.default), f(2, 3), dynamic=LAST)
case("sym_is_contiguous", Asked(lambda x: x * torch.sym_ite(x.shape[1] > 4, 2, 5), operator.gt, A.sym_is_contiguous.default), f(2, 3), dynamic=LAST)
case("resize", lambda x: (x + 1.0).resize_(2, 2) * 2.0, f(3, 4))
case("resize", lambda x: A.resize_((x + 1.0).relu_(), [4, 3]), f(3, 4), name="same")
case("sym_max", lambda x: x * torch.sym_max(x.shape[0], 3), f(5, 3), dynamic=[0])
case("sym_min", lambda x: x * torch.sym_min(x.shape[0], 3), f(5, 3), dynamic=[0])
case("sym_float", lambda x: x + A.full([3], torch.sym_float(x.shape[0])), f(5, 3), dynamic=[0])
case("sym_int", lambda x: x + A.full([3], torch.sym_int(x.shape[0] / 2), dtype=torch.float32), f(5, 3), dynamic=[0])
case("sym_ite", lambda x: x * torch.sym_ite(x.shape[0] > 4, x.shape[0] + 1, x.shape[0] * 2), f(5, 3), dynamic=[0])
case("sym_not", lambda x: x * torch.sym_ite(torch.sym_not(x.shape[0] > 4), 2, 7), f(5, 3), dynamic=[0])
case("_shape_as_tensor", lambda x: A._shape_as_tensor(x) * torch.tensor([1, 2]), f(2, 3))


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(3, 4)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.a(x).relu(), lambda x: self.b(x) - 1.0, (x,))


case("If", Branch(), f(2, 3))


class While(nn.Module):
    def forward(self, x):
        return torch.while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x * 1.5 + i), (torch.tensor(0), x))[1]


case("Loop", While(), f(2, 3))


class NoGrad(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            y = x * 2.0
        return y + x


case("add", NoGrad(), f(2, 3), name="no_grad")

# ---- what PyTorch composes itself
case("diff", lambda x: A.diff(x, 1, -1), f(3, 5), dynamic=[0])
case("diff", lambda x, y: A.diff(x, 2, 0, y), f(4, 3), f(1, 3), name="twice")
case("diff", lambda x: A.diff(x), bools(3, 5), name="bool")
case("column_stack", lambda x, y: A.column_stack([x, y]), f(4), f(4, 2))
case("broadcast_tensors", lambda x, y: A.broadcast_tensors([x, y])[0] * 2.0 + A.broadcast_tensors([x, y])[1], f(3, 1), f(4))
case("tensordot", lambda x, y: A.tensordot(x, y, [1, 2], [1, 0]), f(2, 3, 4), f(4, 3, 5), dynamic=[0, None])
case("trace", lambda x: A.trace(x), f(4, 5))
case("kron", lambda x, y: A.kron(x, y), f(2, 3), f(4))
case("isin", lambda x, y: A.isin(x, y), ints(3, 4), ints(3))
case("isin", lambda x: A.isin(x, 2, invert=True), ints(3, 4), name="scalar")
case("tril_indices", lambda x: x[A.tril_indices(3, 4, 1)[0], A.tril_indices(3, 4, 1)[1]], f(3, 4))
case("triu_indices", lambda x: x[A.triu_indices(3, 4, -1)[0], A.triu_indices(3, 4, -1)[1]], f(3, 4))

# ---- complex numbers, between real inputs and outputs
Z, R = torch.view_as_complex, torch.view_as_real
case("complex", lambda x, y: R(torch.complex(x, y)), f(2, 3), f(2, 3), dynamic=[0, 0])
case("polar", lambda x, y: R(torch.polar(x, y)), pos(2, 3), f(2, 3))
case("view_as_complex", lambda x: Z(x).real * 2.0, f(3, 2), dynamic=[0])
case("view_as_real", lambda x: R(x * 1j), f(3, 4))
case("real", lambda x: torch.real(Z(x)) + 1.0, f(2, 3, 2))
case("imag", lambda x: torch.imag(Z(x)) + 1.0, f(2, 3, 2))
case("conj", lambda x: R(Z(x).conj().resolve_conj()), f(2, 3, 2))
case("conj", lambda x: x.conj() + 1.0, f(2, 3), name="real")
case("_conj", lambda x: R(A._conj(Z(x)).resolve_conj()), f(2, 3, 2))
case("conj_physical", lambda x: R(torch.conj_physical(Z(x))), f(2, 3, 2))
case("resolve_conj", lambda x: R((Z(x).mT.conj() @ Z(x)).resolve_conj()), f(2, 3, 2), name="complex")
case("angle", lambda x: torch.angle(Z(x)), f(2, 3, 2))
case("angle", lambda x: torch.angle(x), f(2, 3), name="real")
case("abs", lambda x: Z(x).abs(), f(2, 3, 2), name="complex")
case("add", lambda x, y: R(torch.add(Z(x) + 1.5, y, alpha=2)), f(2, 3, 2), f(3), name="complex")
case("sub", lambda x, y: R(2.0 - (Z(x) - Z(y))), f(2, 3, 2), f(3, 2), name="complex")
case("mul", lambda x, y: R(Z(x) * Z(y) * 3), f(2, 3, 2), f(3, 2), name="complex", dynamic=[0])
case("mul", lambda x, y: R(Z(x) * y), f(2, 3, 2), f(3), name="complex_by_real")
case("div", lambda x, y: R(Z(x) / Z(y) + 1.0 / Z(y) + Z(x) / 2.0), f(2, 3, 2), f(3, 2), name="complex")
case("reciprocal", lambda x: R(Z(x).reciprocal()), f(2, 3, 2), name="complex")
case("pow", lambda x: R(Z(x) ** 2 + Z(x) ** 1.5), f(2, 3, 2), name="complex")
case("square", lambda x: R(Z(x).square()), f(2, 3, 2), name="complex")
case("exp", lambda x: R(torch.exp(Z(x))), f(2, 3, 2), name="complex")
case("log", lambda x: R(torch.log(Z(x))), f(2, 3, 2), name="complex")
case("sqrt", lambda x: R(torch.sqrt(Z(x))), f(2, 3, 2), name="complex")
case("matmul", lambda x, y: R(Z(x) @ Z(y)), f(2, 3, 4, 2), f(4, 5, 2), name="complex")
case("einsum", lambda x, y: R(torch.einsum("bix,iox->box", Z(x), Z(y))), f(2, 3, 4, 2), f(3, 5, 4, 2), name="complex", dynamic=[0])
case("where", lambda x, y: R(torch.where(y > 0, Z(x), 1.0)), f(2, 3, 2), f(2, 3), name="complex")
case("cat", lambda x, y: R(torch.cat([Z(x), y.to(torch.complex64)], 1)), f(2, 3, 2), f(2, 2), name="complex")
case("sum", lambda x: R(Z(x).sum(1, keepdim=True) - Z(x).mean(0)), f(2, 3, 2), name="complex")
case("masked_fill", lambda x, y: R(Z(x).masked_fill(y, 2.0)), f(2, 3, 2), bools(2, 3), name="complex")
case("adjoint", lambda x: R(Z(x).adjoint().resolve_conj()), f(2, 3, 2), name="complex")
case("to", lambda x: x.to(torch.complex64).abs() + Z(torch.stack([x, x], -1)).to(torch.complex128).imag, f(2, 3), name="complex")
case("ones", lambda x: R(torch.ones(3, dtype=torch.complex64) * x + torch.full((3,), 2.0, dtype=torch.complex64)), f(2, 3), name="complex")


class ComplexLinear(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.l = nn.Linear(4, 3, dtype=torch.cfloat)

    def forward(self, x):
        return self.l(torch.fft.fft(x)).abs()


case("linear", ComplexLinear(), f(2, 4), name="complex", dynamic=[0])
case("addmm", lambda x, y: R(torch.addmm(Z(x)[0], Z(x), Z(y), beta=0.5, alpha=2)), f(2, 3, 2), f(3, 3, 2), name="complex")
case("eq", lambda x: (Z(x) == Z(x.round())) | (Z(x) != Z(x)), lambda: torch.tensor([[1.0, 2.0], [1.5, 2.0], [1.0, 2.5]]), name="complex")
case("linalg_vector_norm", lambda x: torch.linalg.vector_norm(Z(x), dim=1) + torch.norm(Z(x)), f(2, 3, 2), name="complex")
case("exp", lambda x: R(torch.exp(x.sum() * 1j)) + x, f(3, 2), name="of_number")


class Spectral(nn.Module):
    """A layer of a Fourier neural operator: complex weights, and a write to a part of complex zeros."""

    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(3)
        self.w = nn.Parameter(torch.randn(3, 4, 3, dtype=torch.cfloat, generator=g))

    def forward(self, x):
        z = torch.fft.rfft(x)
        out = torch.zeros(x.shape[0], 4, z.shape[-1], dtype=torch.cfloat)
        out[:, :, :3] = torch.einsum("bix,iox->box", z[:, :, :3], self.w)
        return torch.fft.irfft(out, n=x.shape[-1])


class Inside(nn.Module):
    """Writes to a part of a complex tensor that is shown as real numbers."""

    def forward(self, x):
        z = torch.view_as_complex(x * 2.0)
        torch.view_as_real(z)[..., 0].mul_(3.0)
        z.imag.add_(1.0)
        return torch.view_as_real(z * z)


case("fft_rfft", Spectral(), f(2, 3, 10), name="operator", dynamic=[0])
case("view_as_real", Inside(), f(2, 3, 2), name="written")

# ---- Fourier transforms
F = torch.fft
case("fft_fft", lambda x: R(F.fft(x)), f(2, 12), dynamic=[0])
case("fft_fft", lambda x: R(F.fft(Z(x), n=5, dim=0, norm="ortho")), f(7, 3, 2), name="trimmed")
case("fft_fft", lambda x: R(F.fft(Z(x), n=9, dim=1, norm="forward")), f(2, 7, 3, 2), name="padded")
case("fft_fft", lambda x: R(F.fft(F.fft(x, dim=-1), dim=-2))[..., 0], f(2, 5, 6), name="fnet")
case("fft_fft", lambda x: R(F.fft(x)), ints(2, 6), name="ints")
case("fft_fft", lambda x: R(F.fft(x)), f(2, 6, dtype=torch.float64), name="f64")
case("fft_fft", lambda x: R(F.fft(x)), f(400), name="long")
case("fft_ifft", lambda x: R(F.ifft(Z(x))), f(2, 7, 2))
case("fft_ifft", lambda x: R(F.ifft(x, norm="forward", dim=0).resolve_conj()), f(6, 2, 3), name="forward")
case("fft_rfft", lambda x: R(F.rfft(x)), f(2, 8), dynamic=[0])
case("fft_rfft", lambda x: R(F.rfft(x, n=7, dim=1, norm="ortho")), f(2, 5, 3), name="padded")
case("fft_irfft", lambda x: F.irfft(Z(x)), f(2, 5, 2), dynamic=[0])
case("fft_irfft", lambda x: F.irfft(Z(x), n=7, dim=0, norm="ortho"), f(5, 3, 2), name="odd")
case("fft_irfft", lambda x: F.irfft(Z(x), n=12), f(2, 5, 2), name="padded")
case("fft_hfft", lambda x: F.hfft(Z(x)), f(2, 5, 2))
case("fft_hfft", lambda x: F.hfft(Z(x), n=7, norm="forward"), f(2, 5, 2), name="forward")
case("fft_ihfft", lambda x: R(F.ihfft(x).resolve_conj()), f(2, 7))
case("fft_fft2", lambda x: R(F.fft2(x)), f(2, 3, 5, 6), dynamic=[0])
case("fft_fft2", lambda x: R(F.fft2(Z(x), s=(4, 8), dim=(0, 2))), f(5, 2, 6, 2), name="sized")
case("fft_ifft2", lambda x: R(F.ifft2(Z(x), norm="ortho")), f(2, 5, 6, 2))
case("fft_rfft2", lambda x: R(F.rfft2(x, norm="ortho")), f(2, 6, 5), dynamic=[0])
case("fft_irfft2", lambda x: F.irfft2(Z(x), s=(6, 7)), f(2, 5, 4, 2))
case("fft_irfft2", lambda x: F.irfft2(F.rfft2(x, dim=(1, 2), norm="ortho") * 2.0, s=(4, 6), dim=(1, 2), norm="ortho"), f(2, 4, 6, 3), name="gfnet", dynamic=[0])
case("fft_hfft2", lambda x: F.hfft2(Z(x)), f(2, 5, 4, 2))
case("fft_ihfft2", lambda x: R(F.ihfft2(x).resolve_conj()), f(2, 5, 4))
case("fft_fftn", lambda x: R(F.fftn(x)), f(3, 4, 5))
case("fft_fftn", lambda x: R(F.fftn(x, s=(-1, 6))), f(3, 4, 5), name="last")
case("fft_ifftn", lambda x: R(F.ifftn(Z(x), dim=(0, 2))), f(3, 2, 5, 2))
case("fft_rfftn", lambda x: R(F.rfftn(x, s=(3, 4, 6))), f(3, 5, 5))
case("fft_irfftn", lambda x: F.irfftn(Z(x), dim=(2, 0)), f(4, 2, 5, 2))
case("fft_hfftn", lambda x: F.hfftn(Z(x), norm="ortho"), f(3, 4, 2))
case("fft_ihfftn", lambda x: R(F.ihfftn(x, norm="ortho").resolve_conj()), f(3, 4, 5))
case("fft_fftshift", lambda x: F.fftshift(x, dim=-1), f(2, 5))
case("fft_fftshift", lambda x: R(F.fftshift(F.fft(x))), f(3, 4), name="complex", dynamic=[0])
case("fft_ifftshift", lambda x: F.ifftshift(x), f(3, 5), dynamic=[0])
case("fft_fftfreq", lambda x: x * F.fftfreq(5, d=0.5), f(2, 5))
case("fft_rfftfreq", lambda x: x * F.rfftfreq(9), f(2, 5))
case("_fft_r2c", lambda x: R(A._fft_r2c(x, [0, 2], 0, True)), f(3, 2, 6))
case("_fft_r2c", lambda x: R(A._fft_r2c(x, [1], 1, False)), f(3, 5), name="twosided", dynamic=[0])
case("_fft_c2r", lambda x: A._fft_c2r(Z(x), [0, 1], 2, 7), f(3, 4, 2))
case("_fft_c2c", lambda x: R(A._fft_c2c(Z(x), [0, 1], 0, True)), f(3, 4, 2))
case("_fft_c2c", lambda x: R(A._fft_c2c(Z(x), [1], 2, False)), f(3, 4, 2), name="inverse")

HANN = torch.hann_window(6)
case("stft", lambda x: R(torch.stft(x, 8, 3, 6, HANN, return_complex=True)), f(2, 20))
case("stft", lambda x: A.stft(x, 7, 2, 7, None, True, False, False), f(20), name="twosided")
case("stft", lambda x: torch.stft(x, 16, window=torch.hann_window(16), center=False, return_complex=True).abs(), f(2, 40), name="dynamic", dynamic=[0])
case("stft", lambda x: R(A.stft.center(x, 8, 2, 8, torch.hamming_window(8), True, "reflect", False, True, True)), f(2, 21), name="center")
case("istft", lambda x: torch.istft(Z(x), 8, 2, 8, torch.hann_window(8)), f(2, 5, 7, 2), dynamic=[0])
case("istft", lambda x: torch.istft(Z(x), 8, 3, 6, torch.ones(6), center=True, normalized=True, length=17), f(5, 6, 2), name="length")
case("istft", lambda x: torch.istft(Z(x), 8, 3, length=22), f(5, 6, 2), name="longer")
case("istft", lambda x: torch.istft(torch.stft(x, 8, 2, 8, torch.hann_window(8), onesided=False, return_complex=True), 8, 2, 8, torch.hann_window(8), onesided=False), f(2, 24), name="back")
for name in ("hann", "hamming", "blackman", "bartlett", "kaiser"):
    make = getattr(torch, f"{name}_window")
    case(f"{name}_window", lambda x, make=make: x * make(7), f(2, 7))
    case(f"{name}_window", lambda x, make=make: x * make(7, periodic=False), f(2, 7), name="symmetric")
case("hamming_window", lambda x: x * torch.hamming_window(7, True, 0.6, 0.3), f(2, 7), name="numbers")

# What is drawn differs from run to run; what is computed of it does not.
case("rand", lambda x: ((torch.rand(x.shape[0], 3) - 0.5).abs() <= 0.5) * x, f(2, 3), dynamic=[0])
case("rand", lambda x: (torch.rand([], dtype=torch.float64) < 1) * x, f(2, 3), name="scalar_f64")
case("rand", lambda x: (torch.rand(400, dtype=torch.float16).std() > 0.1) * x, f(2, 3), name="f16")
case("randn", lambda x: ((torch.randn(x.shape[0], 500).std(1, keepdim=True) - 1).abs() < 0.4) * x, f(2, 3), dynamic=[0])
case("rand_like", lambda x: ((torch.rand_like(x) - 0.5).abs() <= 0.5) * x, f(2, 3), dynamic=[0])
case("randn_like", lambda x: (torch.randn_like(x).abs() < 100) * x, f(2, 3), dynamic=[0])
case("randint", lambda x: torch.randint(3, 4, (x.shape[0], 2)) * x, ints(2, 2), dynamic=[0])
case("randint", lambda x: (torch.randint(5, (300,)).unique().sum() - 10) + x, ints(2, 2), name="all")
case("randint_like", lambda x: torch.randint_like(x, 2, 3) * x, f(2, 3))
case("randint_like", lambda x: torch.randint_like(x, 1) + x, f(2, 3), name="high")
case("randperm", lambda x: x.sum() + torch.randperm(x.shape[0]).sort()[0], f(4), dynamic=[0])
case("randperm", lambda x: x[torch.randperm(6)].sort()[0], f(6), name="gather")



def near(drawn, x, mean, width=0.2):
    """The mean of what is drawn is certain enough; the result is that of `x` alone."""
    return ((drawn.float().mean() - mean).abs() < width) * x


case("normal", lambda x: (torch.normal(x, 1e-9) - x).abs() < 0.1, f(2, 3), dynamic=[0])
case("normal", lambda x: near(torch.normal(3.0, torch.ones(500) * 0.5), x, 3), f(2, 3), name="deviations")
case("normal", lambda x: near(torch.normal(torch.full((300, 1), -2.0), torch.ones(4) * 0.5), x, -2) + torch.normal(x, x.abs() * 0) * 0, f(2, 3), name="both")
case("normal", lambda x: near(torch.normal(4.0, 0.5, (30, 20)), x, 4), f(2, 3), name="sizes")
case("normal_functional", lambda x: near(x.new_zeros(500).normal_(), x, 0, 0.4), f(2, 3))
case("normal_functional", lambda x: (x * 0.0).normal_(5.0, 0.001).round() + x, f(2, 3), name="numbers", dynamic=[0])
case("log_normal", lambda x: near(x.new_zeros(500).log_normal_(1.0, 0.1), x, 2.73), f(2, 3))
case("uniform", lambda x: near(x.new_zeros(500).uniform_(), x, 0.5), f(2, 3))
case("uniform", lambda x: (x * 0.0).uniform_(2.0, 3.0).floor() + x, f(2, 3), name="numbers", dynamic=[0])
case("exponential", lambda x: near(x.new_zeros(900).exponential_(2.0), x, 0.5), f(2, 3))
case("cauchy", lambda x: near((x.new_zeros(900).cauchy_(2.0, 0.5) > 2.0), x, 0.5), f(2, 3))
case("geometric", lambda x: near(torch.zeros(900, dtype=torch.int64).geometric_(0.5), x, 2, 0.4), f(2, 3))
case("random", lambda x: x.clone().random_(1) + x, f(2, 3), dynamic=[0])
case("random", lambda x: near(x.new_zeros(900).random_(5), x, 2, 0.5), f(2, 3), name="to")
case("random", lambda x: near(torch.zeros(900, dtype=torch.uint8).random_(), x, 127.5, 20), f(2, 3), name="all")
case("multinomial", lambda x: torch.multinomial(x, 3).sort(-1)[0] + x.argmax(), lambda: torch.tensor([[0.0, 1, 2, 3], [1, 0, 5, 1]]), dynamic=[0])
case("multinomial", lambda x: near(torch.multinomial(x, 500, True), x, 2.0), const(torch.tensor([0.0, 1, 2, 1])), name="replaced")
case("bernoulli_functional", lambda x: near(x.new_zeros(900).bernoulli_(), x, 0.5), f(2, 3))
case("bernoulli_functional", lambda x: x.clone().bernoulli_((x > 0).float()) + x, f(2, 3), name="tensor")
case("bernoulli", lambda x: torch.bernoulli((x > 0).float()), f(3, 4), dynamic=[0])
case("bernoulli", lambda x: A.bernoulli.p(x, 1.0) + x, f(3, 4), name="p")
case("bernoulli", lambda x: ((A.bernoulli.p(torch.ones(500), 0.3).mean() - 0.3).abs() < 0.15) * x, f(3, 4), name="share")
