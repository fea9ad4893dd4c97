"""The cases of torch_ops.py for gradients: backward ops alone, and networks whose forward pass returns a gradient."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch_ops import A, bools, case, const, distinct, f, ints, pos

ALL = [True, True, True]


def some(results, mask):
    """What is not masked away; eager kernels give more at times."""
    return tuple(r for r, wanted in zip(results, mask) if wanted)


# ---- activations: (gradient, operand)
for op in "silu mish gelu hardsigmoid hardswish".split():
    case(f"{op}_backward", (lambda op: lambda g, x: getattr(A, f"{op}_backward")(g, x))(op), f(3, 4), f(3, 4, scale=3.0), dynamic=[0, 0])
case("gelu_backward", lambda g, x: A.gelu_backward(g, x, approximate="tanh"), f(3, 4), f(3, 4, scale=2.0), name="tanh")
case("tanh_backward", lambda g, x: A.tanh_backward(g, torch.tanh(x)), f(3, 4), f(3, 4))
case("sigmoid_backward", lambda g, x: A.sigmoid_backward(g, torch.sigmoid(x)), f(3, 4), f(3, 4))
case("softplus_backward", lambda g, x: A.softplus_backward(g, x, 2.0, 1.0), f(3, 4), f(3, 4, scale=2.0))
case("log_sigmoid_backward", lambda g, x: A.log_sigmoid_backward(g, x, A.log_sigmoid_forward(x)[1]), f(3, 4), f(3, 4, scale=2.0))
case("elu_backward", lambda g, x: A.elu_backward(g, 1.3, 1.1, 0.7, False, x), f(3, 4), f(3, 4))
case("elu_backward", lambda g, x: A.elu_backward(g, 1.3, 1.1, 0.7, True, A.elu(x, 1.3, 1.1, 0.7)), f(3, 4), f(3, 4), name="result")
case("leaky_relu_backward", lambda g, x: A.leaky_relu_backward(g, x, 0.2, False), f(3, 4), f(3, 4))
case("threshold_backward", lambda g, x: A.threshold_backward(g, F.relu(x), 0), f(3, 4), f(3, 4))
edges = const(torch.tensor([-1.0, -0.5, 0.0, 0.5, 0.7, 2.0]))
case("threshold_backward", lambda g, x: A.threshold_backward(g, x, 0.5), f(6), edges, name="bound")
case("hardtanh_backward", lambda g, x: A.hardtanh_backward(g, x, -0.5, 0.7), f(6), edges)
case("hardshrink_backward", lambda g, x: A.hardshrink_backward(g, x, 0.5), f(6), edges)
case("softshrink_backward", lambda g, x: A.softshrink_backward(g, x, 0.5), f(6), edges)
case("hardsigmoid_backward", lambda g, x: A.hardsigmoid_backward(g, x * 3.0), f(3), const(torch.tensor([-1.0, 1.0, 0.2])), name="bounds")
case("hardswish_backward", lambda g, x: A.hardswish_backward(g, x * 3.0), f(3), const(torch.tensor([-1.0, 1.0, 0.2])), name="bounds")
case("_prelu_kernel_backward", lambda g, x, w: A._prelu_kernel_backward(g, x, w), f(2, 3, 4), f(2, 3, 4), f(1, 3, 1))
case("glu_backward", lambda g, x: A.glu_backward(g, x, 1), f(2, 3, 2), f(2, 6, 2))
case("native_dropout_backward", lambda g, m: A.native_dropout_backward(g, m, 2.0), f(3, 4), bools(3, 4))
case("_softmax_backward_data", lambda g, x: A._softmax_backward_data(g, torch.softmax(x, -1), -1, torch.float32), f(2, 5), f(2, 5), dynamic=[0, 0])
case("_softmax_backward_data", lambda g, x: A._softmax_backward_data(g, torch.softmax(x, 1), 1, torch.float32), f(2, 3, 4), f(2, 3, 4), name="axis")
case("_log_softmax_backward_data", lambda g, x: A._log_softmax_backward_data(g, torch.log_softmax(x, 1), 1, torch.float32), f(2, 5), f(2, 5))

case("logit_backward", lambda g, x: A.logit_backward(g, x), f(3, 4), pos(3, 4, low=0.05, high=0.95))
case("logit_backward", lambda g, x: A.logit_backward(g, x, 0.2), f(3, 4), pos(3, 4, low=0.05, high=0.95), name="eps")
case("relu", lambda x: A.relu(x), ints(3, 4), name="ints")

# ---- views
case("select_backward", lambda g: A.select_backward(g, [2, 3, 4], 1, -1), f(2, 4))
case("select_backward", lambda g: A.select_backward(g, [g.shape[0], 3, 4], 1, 0), f(2, 4), name="batch", dynamic=[0])
case("slice_backward", lambda g: A.slice_backward(g, [2, 7], 1, 1, 6, 2), f(2, 3))
case("slice_backward", lambda g: A.slice_backward(g, [2, 7], 1, 3, 9223372036854775807, 1), f(2, 4), name="end")
case("unfold_backward", lambda g: A.unfold_backward(g, [2, 8, 3], 1, 4, 2), f(2, 3, 3, 4))
case("unfold_backward", lambda g: A.unfold_backward(g, [2, 7], -1, 2, 3), f(2, 2, 2), name="gaps")
case("diagonal_backward", lambda g: A.diagonal_backward(g, [2, 3, 4], 1, 1, 2), f(2, 3))

# ---- embeddings
case("embedding_dense_backward", lambda g, i: A.embedding_dense_backward(g, i, 7, -1, False), f(2, 4, 3), ints(2, 4, low=0, high=7), dynamic=[0, 0])
case("embedding_dense_backward", lambda g, i: A.embedding_dense_backward(g, i, 5, 2, False), f(9, 3), ints(9, low=0, high=5), name="padding")
case("embedding_dense_backward", lambda g, i: A.embedding_dense_backward(g, i, 4, 0, True), f(2, 9, 3), ints(2, 9, low=0, high=4), name="frequency")

# ---- pools: (gradient, operand), the gradient of the size that the forward pass gives


def average(name, grad, size, *args, dynamic=None):
    d = len(size) - 1 if len(size) == 3 else len(size) - 2
    case(f"avg_pool{d}d_backward", lambda g, x: getattr(A, f"avg_pool{d}d_backward")(g, x, *args), f(*grad), f(*size), name=name, dynamic=dynamic)


average("basic", (2, 3, 4, 4), (2, 3, 8, 8), [2, 2], [], [0, 0], False, True, None, dynamic=[0, 0])
average("overlap", (2, 3, 4, 5), (2, 3, 7, 9), [3, 3], [2, 2], [1, 1], False, True, None)
average("exclude", (2, 3, 4, 5), (2, 3, 7, 9), [3, 3], [2, 2], [1, 1], False, False, None)
average("ceil", (1, 2, 4, 5), (1, 2, 8, 9), [3, 2], [2, 2], [0, 0], True, True, None)
average("ceil_pad", (1, 2, 5, 4), (1, 2, 8, 10), [3, 4], [2, 3], [1, 1], True, True, None)
average("ceil_exclude", (1, 2, 5, 4), (1, 2, 8, 10), [3, 4], [2, 3], [1, 1], True, False, None)
average("divisor", (1, 2, 5, 4), (1, 2, 8, 10), [3, 4], [2, 3], [1, 1], True, False, 5)
average("gaps", (1, 2, 3, 3), (1, 2, 8, 9), [2, 1], [3, 3], [0, 0], False, True, None)
average("lone", (3, 4, 4), (3, 8, 8), [2, 2], [], [0, 0], False, True, None)
average("basic", (1, 2, 3, 3, 2), (1, 2, 6, 5, 4), [2, 3, 2], [2, 2, 2], [0, 1, 0], False, False, None)

for d, size, bins in (("2d", (7, 9), (3, 4)), ("3d", (5, 4, 6), (2, 4, 4))):
    op = f"_adaptive_avg_pool{d}_backward"
    fn = (lambda op: lambda g, x: getattr(A, op)(g, x))(op)
    case(op, fn, f(2, 3, *bins), f(2, 3, *size), dynamic=[0, 0])
    case(op, fn, f(2, 3, *[1 for _ in size]), f(2, 3, *size), name="global", dynamic=[0, 0])
case("_adaptive_avg_pool2d_backward", lambda g, x: A._adaptive_avg_pool2d_backward(g, x), f(3, 4, 2), f(3, 8, 6), name="lone")


def maxima(name, d, size, *args, dynamic=None):
    def fn(x):
        y, at = getattr(A, f"max_pool{d}d_with_indices")(x, *args)
        return getattr(A, f"max_pool{d}d_with_indices_backward")(y * y, x, *args, at)

    case(f"max_pool{d}d_with_indices_backward", fn, distinct(*size), name=name, dynamic=dynamic)


maxima("basic", 2, (2, 3, 8, 8), [2, 2], [2, 2], [0, 0], [1, 1], False, dynamic=[0])
maxima("overlap", 2, (2, 3, 7, 9), [3, 3], [1, 2], [1, 1], [1, 1], False, dynamic=[0])
maxima("dilation", 2, (1, 2, 9, 9), [2, 3], [2, 1], [0, 1], [2, 2], False)
maxima("ceil", 2, (1, 2, 8, 7), [3, 3], [2, 2], [1, 1], [1, 1], True)
maxima("lone", 2, (2, 6, 7), [3, 2], [3, 2], [0, 0], [1, 1], False)
maxima("basic", 3, (1, 2, 5, 6, 4), [2, 3, 2], [1, 2, 2], [0, 1, 0], [1, 1, 1], False)
for d, size, bins in ((2, (2, 3, 6, 4), [3, 2]), (3, (1, 2, 4, 4, 6), [2, 2, 3])):
    case(f"adaptive_max_pool{d}d_backward", (lambda d, bins: lambda x: getattr(A, f"adaptive_max_pool{d}d_backward")(
        torch.ones(x.shape[:2] + tuple(bins)) * 0.5, x, getattr(A, f"adaptive_max_pool{d}d")(x, bins)[1]))(d, bins), distinct(*size))



# ---- resampled and padded images
def resampled(op, grad, size, *args, name="basic", dynamic=None):
    op = f"{op}_backward"
    fixed = dynamic is None
    case(op, lambda g: getattr(A, op)(g, grad[2:], size if fixed else [g.shape[0], *size[1:]], *args), f(*grad), name=name, dynamic=dynamic)


for d, size, grad in ((1, [2, 3, 5], [2, 3, 13]), (2, [2, 3, 5, 4], [2, 3, 10, 7]), (3, [1, 2, 3, 4, 2], [1, 2, 6, 3, 5])):
    resampled(f"upsample_nearest{d}d", grad, size)
    resampled(f"_upsample_nearest_exact{d}d", grad, size)
    kind = {1: "upsample_linear1d", 2: "upsample_bilinear2d", 3: "upsample_trilinear3d"}[d]
    resampled(kind, grad, size, False)
    resampled(kind, grad, size, True, name="corners")
resampled("upsample_nearest2d", [2, 3, 10, 7], [2, 3, 4, 3], 2.5, 2.5, name="factors", dynamic=[0])
resampled("upsample_bilinear2d", [2, 3, 10, 7], [2, 3, 4, 3], False, 2.5, 2.5, name="factors")
resampled("upsample_bilinear2d", [1, 2, 3, 4], [1, 2, 7, 9], False, name="smaller")
resampled("upsample_bicubic2d", [1, 2, 10, 7], [1, 2, 5, 4], False)
resampled("upsample_bicubic2d", [1, 2, 10, 7], [1, 2, 5, 4], True, name="corners")
for d, size, pads in ((1, [2, 3, 5], [2, 3]), (2, [2, 3, 5, 6], [1, 2, 3, 0]), (3, [1, 2, 4, 3, 5], [1, 2, 0, 1, 2, 1])):
    grad = size[:2] + [n + a + b for n, a, b in zip(size[2:], pads[-2::-2], pads[-1::-2])]
    for kind in ("reflection", "replication"):
        op = f"{kind}_pad{d}d_backward"
        case(op, (lambda op, pads: lambda g, x: getattr(A, op)(g, x, pads))(op, pads), f(*grad), f(*size), dynamic=[0, 0] if size[0] > 1 else None)

# ---- distances and attention
for name, p in (("basic", 2.0), ("p1", 1.0), ("p3", 3.0), ("inf", float("inf")), ("fraction", 1.5)):
    case("_cdist_backward", (lambda p: lambda g, x, y: A._cdist_backward(g, x, y, p, A._cdist_forward(x, y, p, None)))(p), f(2, 4, 5), f(2, 4, 3), f(2, 5, 3), name=name)
case("_cdist_backward", lambda g, x: A._cdist_backward(g, x, x, 2.0, A._cdist_forward(x, x, 2.0, None)), f(4, 4), f(4, 3), name="same")


def attention(name, *args, mask=False, heads=3, **how):
    op = "_scaled_dot_product_flash_attention_for_cpu"

    def fn(x, y, z):
        q, k, v = (t.contiguous() for t in (x, y, z))
        given = dict(how, attn_mask=torch.linspace(-1, 1, 35).reshape(5, 7)) if mask else how
        out, rest = getattr(A, op)(q, k, v, 0.0, *args, **given)
        return getattr(A, f"{op}_backward")(torch.cos(out), q, k, v, out, rest, 0.0, *(args or [False]), **given)

    case(f"{op}_backward", fn, f(2, 3, 5, 8), f(2, heads, 7, 8), f(2, heads, 7, 8), name=name)


attention("basic")
attention("causal", True)
attention("scale", False, scale=0.2)
attention("mask", False, mask=True)
attention("heads", False, heads=1)
case("_scaled_dot_product_flash_attention_for_cpu_backward", lambda g, x, y: A._scaled_dot_product_flash_attention_for_cpu_backward(
    g, x, y, y, *A._scaled_dot_product_flash_attention_for_cpu(x, y, y), 0.0, False), f(2, 4, 5, 8), f(2, 4, 5, 8), f(2, 2, 7, 8), name="groups")

# ---- convolutions: (operand, weight), the gradient being a function of the result


def convolution(name, x, w, stride=(1,), padding=(0,), dilation=(1,), transposed=False, more=(0,), groups=1, mask=ALL, dynamic=None):
    d = len(x) - 2
    each = [list(v) * d if len(v) == 1 else list(v) for v in (stride, padding, dilation)]
    more = list(more) * d if len(more) == 1 else list(more)

    def fn(x, w):
        y = A.convolution(x, w, None, *each, transposed, more, groups)
        bias = [y.shape[1]] if mask[2] else None
        return some(A.convolution_backward(torch.sin(y), x, w, bias, *each, transposed, more, groups, mask), mask)

    case("convolution_backward", fn, f(*x), f(*w, scale=0.5), name=name, dynamic=dynamic)


convolution("basic", (2, 3, 6, 7), (4, 3, 3, 3), dynamic=[0, None])
convolution("strides", (2, 3, 9, 8), (4, 3, 3, 3), stride=(2, 3), padding=(1,), dynamic=[0, None])
convolution("unreached", (2, 2, 8, 10), (3, 2, 3, 2), stride=(3, 4), padding=(1, 0))
convolution("dilation", (2, 2, 11, 9), (3, 2, 3, 2), stride=(2, 1), padding=(2, 1), dilation=(2, 3))
convolution("groups", (2, 4, 6, 6), (6, 2, 3, 3), stride=(2,), padding=(1,), groups=2, dynamic=[0, None])
convolution("depthwise", (3, 4, 7, 6), (8, 1, 3, 2), padding=(1,), groups=4)
convolution("pointwise", (2, 3, 5, 5), (4, 3, 1, 1), stride=(2,))
convolution("input", (2, 3, 6, 6), (4, 3, 3, 3), padding=(1,), mask=[True, False, False], dynamic=[0, None])
convolution("weight", (2, 3, 6, 6), (4, 3, 3, 3), padding=(1,), mask=[False, True, False])
convolution("bias", (2, 3, 6, 6), (4, 3, 3, 3), mask=[False, False, True])
convolution("spatial_1d", (2, 4, 12), (4, 2, 4), stride=(3,), padding=(2,), dilation=(2,), groups=2)
convolution("spatial_3d", (2, 2, 5, 6, 5), (3, 2, 2, 3, 2), stride=(2, 1, 2), padding=(0, 1, 1))
convolution("transposed", (2, 3, 5, 4), (3, 4, 3, 3), transposed=True, dynamic=[0, None])
convolution("transposed_strides", (2, 3, 5, 4), (3, 4, 3, 3), stride=(2, 3), padding=(1,), more=(1, 2), transposed=True)
convolution("transposed_groups", (2, 4, 5, 4), (4, 3, 2, 3), stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2, transposed=True, dynamic=[0, None])
case("convolution_backward", lambda g, x, w: A.convolution_backward(g, x, w, [3], [1, 2], [0, 0], [2, 3], True, [1, 2], 1, ALL),
     f(2, 3, 9, 15), f(2, 2, 4, 4), f(2, 3, 3, 3), name="transposed_more")
convolution("transposed_1d", (2, 3, 6), (3, 2, 4), stride=(2,), padding=(1,), more=(1,), transposed=True)
case("convolution_backward", lambda g, x, w: A.convolution_backward(g, x, w, [4], [2, 2], [1, 1], [1, 1], False, [0, 0], 2, ALL),
     f(1, 4, 4, 5), f(1, 4, 8, 10), f(4, 2, 3, 3), name="open", dynamic=[{2: torch.export.Dim("h", min=2, max=30)}, {2: 2 * torch.export.Dim("h", min=2, max=30)}])

# ---- normalisations
case("native_layer_norm_backward", lambda g, x, w, b: A.native_layer_norm_backward(g, x, [5], *A.native_layer_norm(x, [5], w, b, 1e-5)[1:], w, b, ALL),
     f(3, 4, 5), f(3, 4, 5), pos(5), f(5), dynamic=[0, 0])
case("native_layer_norm_backward", lambda g, x: some(A.native_layer_norm_backward(g, x, [4, 5], *A.native_layer_norm(x, [4, 5], None, None, 1e-3)[1:], None, None, [True, False, False]), [True, False, False]),
     f(3, 4, 5), f(3, 4, 5), name="plain")
case("native_layer_norm_backward", lambda g, x, w: some(A.native_layer_norm_backward(g, x, [4, 5], *A.native_layer_norm(x, [4, 5], w, None, 1e-5)[1:], w, None, [False, True, False]), [False, True, False]),
     f(4, 5), f(4, 5), pos(4, 5), name="whole")
case("native_group_norm_backward", lambda g, x, w: A.native_group_norm_backward(g, x, *A.native_group_norm(x, w, w, 2, 6, 20, 3, 1e-5)[1:], w, 2, 6, 20, 3, ALL),
     f(2, 6, 4, 5), f(2, 6, 4, 5), pos(6))
case("native_group_norm_backward", lambda g, x: some(A.native_group_norm_backward(g, x, *A.native_group_norm(x, None, None, x.shape[0], 4, 7, 1, 1e-3)[1:], None, x.shape[0], 4, 7, 1, [True, False, False]), [True, False, False]),
     f(3, 4, 7), f(3, 4, 7), name="plain", dynamic=[0, 0])
case("native_group_norm", lambda x, w: A.native_group_norm(x, w, w, 2, 6, 20, 3, 1e-5), f(2, 6, 4, 5), pos(6), name="statistics")
case("native_batch_norm_backward", lambda g, x, w, m: A.native_batch_norm_backward(g, x, w, m, w, None, None, False, 1e-3, ALL),
     f(3, 4, 5), f(3, 4, 5), pos(4), f(4), dynamic=[0, 0])
case("native_batch_norm_backward", lambda g, x, w: A.native_batch_norm_backward(g, x, w, None, None, *A.native_batch_norm(x, w, w, None, None, True, 0.1, 1e-3)[1:], True, 1e-3, ALL),
     f(3, 4, 5, 2), f(3, 4, 5, 2), pos(4), name="training")


# ---- networks


class Forces(nn.Module):
    """Minus the gradient of a network's sum by the input. `how` is the way to a program: as `make_fx` traces it, or with
    the ops that `run_decompositions` leaves."""

    def __init__(self, net, decomposed=False, dynamic=False):
        super().__init__()
        self.net, self.decomposed, self.dynamic = net, decomposed, dynamic

    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            energy = self.net(x)
            return energy.detach(), -torch.autograd.grad(energy.sum(), x)[0]

    def program(self, inputs):
        mode = "symbolic" if self.dynamic else "real"
        traced = make_fx(self, tracing_mode=mode, _allow_non_fake_inputs=True)(*inputs)
        batch = {0: torch.export.Dim("batch", min=2, max=64)}
        program = torch.export.export(traced, inputs if isinstance(inputs, tuple) else tuple(inputs), dynamic_shapes=(batch,) if self.dynamic else None)
        return program.run_decompositions() if self.decomposed else program


class Lazy(nn.Module):
    """Made when it is recorded, with the numbers of its case."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        self.inner = getattr(self, "inner", None) or self.make().eval()
        return self.inner(x)

    def program(self, inputs):
        return self.inner.program(inputs)


def convolutional():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.GroupNorm(2, 6), nn.ReLU(),
        nn.Conv2d(6, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.GELU(), nn.AvgPool2d(2, ceil_mode=True),
        nn.ConvTranspose2d(8, 4, 2, stride=2), nn.LayerNorm(4), nn.Hardswish(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(36, 1))


def small():
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, stride=2), nn.LeakyReLU(0.1),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3), nn.LogSoftmax(-1))


case("convolution_backward", Lazy(lambda: Forces(convolutional())), f(2, 3, 16, 16), name="forces")
case("convolution_backward", Lazy(lambda: Forces(convolutional(), decomposed=True)), f(2, 3, 16, 16), name="forces_decomposed")
case("_scaled_dot_product_flash_attention_for_cpu_backward", Lazy(lambda: Forces(nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True, activation="gelu"))), f(2, 5, 8), name="forces")
case("convolution_backward", Lazy(lambda: Forces(small(), dynamic=True)), f(3, 2, 12, 10), name="forces_batch")
