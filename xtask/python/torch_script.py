"""Records cases of TorchScript, traced and scripted: fixtures/ops/torch/<op>/<case>/{model.pt,io.npz} for ops that only its
code calls, and fixtures/bad/torch_<op> for ops that no ONNX op stands for. Run in the `torch` environment from the root of the
repository: torch_script.py [--only REGEX] [--out fixtures]

The archives are packed again with deflate and without what only debuggers read."""
import argparse
import io
import os
import re
import sys
import zipfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np
import torch
import torchvision
from torch import nn
import torch_lib
import torch_like
from torch_models import mobilenet
from torch_ops import array, flat, seeded

CASES, MODELS = [], {}


def case(op, module, *inputs, trace=False, name="script", outputs=True, types=""):
    """A module and its inputs; one without `outputs` must fail to convert and is recorded below `bad`. `types` tells the
    converter what a scripted module does not say about its inputs."""
    CASES.append((op, name, module, inputs, trace, outputs, types))


def f(*shape):
    return lambda: torch.randn(shape)


def cf(*shape):
    return lambda: torch.randn(shape, dtype=torch.complex64)


def value(v):
    return lambda: torch.tensor(v)


class Whole(nn.Module):
    """`aten::Int`: a number that the data says."""

    def forward(self, x, n):
        return x[: int(n)] * (int(n) + 1)


class Fraction(nn.Module):
    """`aten::Float`."""

    def forward(self, x, n):
        return x * float(n) + float(n) / 2.0


class Truth(nn.Module):
    """`aten::Bool`: a branch that the data decides."""

    def forward(self, x, n):
        if bool(n):
            return x * 2.0
        return x - 1.0


class Shape(nn.Module):
    def forward(self, x):
        return torch._shape_as_tensor(x), x * 2.0


class Pieces(nn.Module):
    """Sizes in the place where a size may stand."""

    def forward(self, x):
        width = x.size(-1)
        a, b = x.split([width // 4, width - width // 4], dim=-1)
        return a * 2.0, b


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(9, 4, mode="sum", padding_idx=1)

    def forward(self, x, offsets):
        return self.bag(x, offsets)


class Mkldnn(nn.Module):
    """What `torch.utils.mkldnn` and frozen models for CPUs call."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 3, 3, 3) * 0.3)
        self.b = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return torch.mkldnn_convolution(x, self.w, self.b, [1, 1], [2, 1], [1, 1], 1)


class Deformed(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(2, 3, 3, 3))

    def forward(self, x, offset):
        return torchvision.ops.deform_conv2d(x, offset, self.w)


class Regions(nn.Module):
    def forward(self, x, boxes):
        return torchvision.ops.roi_pool(x, boxes, [2, 2])


class Filter(nn.Module):
    """A global filter: complex weights kept as real ones, a product between a transform and its inverse."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 4, 4, 2) * 0.3)

    def forward(self, x):
        z = torch.fft.rfft2(x, dim=(1, 2), norm="ortho")
        z = z * torch.view_as_complex(self.w)
        return torch.fft.irfft2(z, s=(4, 6), dim=(1, 2), norm="ortho")


class Rotary(nn.Module):
    """Positions as turns of complex numbers."""

    def __init__(self):
        super().__init__()
        angles = torch.outer(torch.arange(5).float(), 1.0 / 10.0 ** torch.arange(3).float())
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))

    def forward(self, x):
        z = torch.view_as_complex(x.reshape(x.shape[0], 5, 3, 2))
        return torch.view_as_real(z * self.turns).flatten(2) + torch.view_as_real(z * 1j).sum()


class Takes(nn.Module):
    def forward(self, x):
        return x.abs()


class Gives(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x)


class Drawn(nn.Module):
    """Draws in place, whose numbers the result leaves out."""

    def forward(self, x):
        y = torch.zeros_like(x).random_(3, 4) + x.clone().normal_(5.0, 1e-6).round()
        y = y + torch.empty_like(x).uniform_(2.0, 3.0).floor() + x.clone().bernoulli_(1.0)
        return y * x + (torch.empty_like(x).exponential_() >= 0) + (torch.empty_like(x).normal_().abs() < 50)


class Smaller(nn.Module):
    def forward(self, x):
        y = x * 2.0
        y.resize_([2, 5])
        return y + 1.0


class Larger(nn.Module):
    """What the new elements are, nobody says."""

    def forward(self, x):
        y = x * 2.0
        y.resize_([4, 5])
        return y + 1.0


class Trimmed(nn.Module):
    """Zeros of a complex type that are written in part."""

    def forward(self, x):
        z = torch.fft.rfft(x)
        y = torch.zeros_like(z)
        y[:, :2] = z[:, :2] * 2.0
        if y.is_complex():
            y = y + 1.0
        return torch.fft.irfft(y, x.shape[-1]), z.abs(), z.angle()


case("Int", Whole, f(5, 3), value(3), types="--input-type x=f32[N,3] --input-type n=i64[]")
case("Float", Fraction, f(2, 3), value(0.75), types="--input-type x=f32[N,3] --input-type n=f32[]")
case("Bool", Truth, f(2, 3), value(1), types="--input-type x=f32[N,3] --input-type n=i64[]")
for how in ("trace", "script"):
    case("fft_rfft2", Filter, f(2, 4, 6, 4), trace=how == "trace", name=how, types="" if how == "trace" else "--input-type x=f32[N,4,6,4]")
    case("view_as_complex", Rotary, f(2, 5, 6), trace=how == "trace", name=how, types="" if how == "trace" else "--input-type x=f32[N,5,6]")
    case("fft_irfft", Trimmed, f(2, 7), trace=how == "trace", name=how, types="" if how == "trace" else "--input-type x=f32[N,7]")
for what, module in [("complex_input", Takes), ("complex_output", Gives)]:
    case(what, module, cf(2, 3) if what == "complex_input" else f(2, 3), trace=True, outputs=False)
case("random", Drawn, f(3, 4), trace=True, name="trace")
case("random", Drawn, f(3, 4), types="--input-type x=f32[N,4]")
case("resize", Smaller, f(3, 4), trace=True, name="trace")
case("resize", Smaller, f(3, 4), types="--input-type x=f32[3,4]")
case("resize", Larger, f(3, 4), outputs=False, types="--input-type x=f32[3,4]")
case("_shape_as_tensor", Shape, f(2, 3), trace=True, name="trace")
case("mkldnn_convolution", Mkldnn, f(2, 3, 5, 6))
case("split", Pieces, f(2, 8), types="--input-type x=f32[N,8]")
case("embedding_bag", Bag, value([3, 1, 5, 8, 1]), value([0, 2, 4]), types="--input-type x=i64[N] --input-type offsets=i64[B]")
case("deform_conv2d", Deformed, f(1, 3, 5, 5), f(1, 18, 3, 3), trace=True, outputs=False)
case("roi_pool", Regions, f(1, 2, 6, 6), value([[0.0, 0.0, 0.0, 4.0, 4.0]]), trace=True, outputs=False)


class Walk(nn.Module):
    """Steps whose number the data says, with a choice in each."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(6, 8)
        self.gate = nn.Linear(8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x, steps: int, scale: float = 0.5):
        h = torch.zeros(x.size(0), 8)
        taken = 0
        for i in range(steps):
            new = self.cell(x, h)
            if float(torch.sigmoid(self.gate(new)).mean()) > 0.5:
                h = h + scale * new
                taken += 1
            else:
                h = new - h
        while bool(h.abs().max() > 1.0):
            h = h * 0.5
        return self.head(h), taken


class Stream(nn.Module):
    """Chunks of a signal at one of two rates, which decides the code that runs; what was heard is kept for the next call."""

    def __init__(self):
        super().__init__()
        self.slow, self.fast = nn.Linear(12, 4), nn.Linear(24, 4)
        self.heard = torch.zeros(0)

    def forward(self, x, rate: int, loud: bool):
        if rate != 8000 and rate != 16000:
            raise ValueError("no such rate")
        size = 24 if rate == 16000 else 12
        if x.shape[-1] != size - 4:
            raise ValueError("the chunk has another length")
        if not len(self.heard):
            self.heard = torch.zeros([x.shape[0], 4])
        all = torch.cat([self.heard, x], 1)
        self.heard = all[:, -4:]
        y = self.fast(all) if rate == 16000 else self.slow(all)
        return y * 2.0 if loud else y


def model(make):
    MODELS[make.__name__] = make


@model
def mobilenet_v2_trace():
    module, x = mobilenet()
    return module, [x], True, ""


@model
def mobilenet_v2_script():
    module, x = mobilenet()
    return module, [x], False, "--input-type x=f32[N,3,48,48]"


@model
def walk_script():
    module = Walk()
    torch_like.randomise(module, torch.Generator().manual_seed(6))
    return module, [torch.randn(2, 6), torch.tensor(5)], False, "--input-type x=f32[N,6]"


@model
def stream_script():
    module = Stream()
    torch_like.randomise(module, torch.Generator().manual_seed(7))
    given = "--input-type x=f32[N,20] --input-value rate=16000 --input-value loud=true"
    return module, [torch.randn(3, 20), 16000, True], False, given


def repacked(raw):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as src, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as dst:
        for info in src.infolist():
            name = info.filename
            if name.endswith(".debug_pkl"):
                continue
            dst.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), src.read(name), zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


def saved(module, inputs, trace):
    scripted = torch.jit.trace(module, inputs) if trace else torch.jit.script(module)
    buffer = io.BytesIO()
    torch.jit.save(scripted, buffer)
    # `x.1` is the graph's own name for the argument `x`.
    names = [i.debugName().split(".")[0] for i in scripted.graph.inputs()][1:]
    return repacked(buffer.getvalue()), names


def record(directory, module, inputs, trace, outputs):
    module.eval()
    with torch.no_grad():
        archive, names = saved(module, tuple(inputs), trace)
        number = lambda i: not torch.is_tensor(i) or not i.dim() and isinstance(module, Walk)
        expected = flat(module(*[(i if not torch.is_tensor(i) else i.item()) if number(i) else i.clone() for i in inputs]))
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "model.pt"), "wb") as file:
        file.write(archive)
    if not outputs:
        return
    arrays = {f"in:{n}": array(i) for n, i in zip(names, inputs) if torch.is_tensor(i)}
    arrays.update({f"out:output{k}" if k else "out:output": array(e) for k, e in enumerate(expected)})
    save = np.savez_compressed if sum(a.nbytes for a in arrays.values()) > 2000 else np.savez
    save(os.path.join(directory, "io.npz"), **arrays)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--only", default="")
    args.add_argument("--out", default="fixtures")
    args = args.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for op, name, make, inputs, trace, outputs, types in CASES:
        place = f"ops/torch/{op}/{name}" if outputs else f"bad/torch_{op}"
        if not re.search(args.only, place):
            continue
        seeded(f"{op}/{name}")
        record(os.path.join(args.out, place), make(), [i() for i in inputs], trace, outputs)
        if outputs:
            rows[place] = ("model.pt", types)
        elif types:
            with open(os.path.join(args.out, place, "args.txt"), "w") as file:
                file.write(types + "\n")
    for name, make in MODELS.items():
        place = f"models/torch/{name}"
        if re.search(args.only, place):
            seeded(name)
            module, inputs, trace, types = make()
            record(os.path.join(args.out, place), module, inputs, trace, True)
            rows[place] = ("model.pt", types)
    torch_lib.list_cases(args.out, rows)


if __name__ == "__main__":
    main()
