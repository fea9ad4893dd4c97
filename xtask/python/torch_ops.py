"""Records fixtures/ops/torch/<op>/<case>/{model.pt2,io.npz}: small modules that call one ATen op each, exported by the
installed PyTorch, with the inputs and outputs that it computed. Run in the `torch` environment from the root of the
repository: torch_ops.py [--only REGEX] [--out fixtures].

The archives are packed again with deflate: what torch.export writes is stored, and mostly JSON."""
import argparse
import io
import os
import re
import shutil
import sys
import warnings
import zipfile
import zlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.simplefilter("ignore")

import numpy as np
import torch
import torchvision  # noqa: F401

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import torch_lib

A = torch.ops.aten
CASES = []


def seeded(name):
    torch.manual_seed(zlib.crc32(name.encode()) & 0x7FFFFFFF)


class M1(torch.nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x)


class M2(M1):
    def forward(self, x, y):
        return self.fn(x, y)


class M3(M1):
    def forward(self, x, y, z):
        return self.fn(x, y, z)


class M4(M1):
    def forward(self, x, y, z, w):
        return self.fn(x, y, z, w)


MODULES = {1: M1, 2: M2, 3: M3, 4: M4}


def case(op, fn, *inputs, name="basic", dynamic=None):
    """`inputs` are functions without arguments, so that each case has its own numbers."""
    CASES.append((op, name, fn, inputs, dynamic))


def f(*shape, scale=1.0, dtype=torch.float32):
    return lambda: (torch.randn(shape) * scale).to(dtype)


def pos(*shape, low=0.1, high=3.0):
    return lambda: torch.rand(shape) * (high - low) + low


def ints(*shape, low=-5, high=6, dtype=torch.int64):
    return lambda: torch.randint(low, high, shape, dtype=dtype)


def bools(*shape):
    return lambda: torch.rand(shape) > 0.4


def const(value):
    return lambda: value


def distinct(*shape):
    """No two elements are equal, so that places are certain."""
    n = int(np.prod(shape))
    return lambda: (torch.randperm(n).float() * 0.37 - n * 0.15).reshape(shape)


def export(module, inputs, dynamic):
    shapes = None
    if dynamic:
        batch = torch.export.Dim("batch", min=2, max=64)
        shapes = tuple(d if isinstance(d, dict) else {} if d is None else {d: batch} for d in (dynamic + [None] * len(inputs))[: len(inputs)])
    return torch.export.export(module, tuple(inputs), dynamic_shapes=shapes)


def repacked(raw):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as src, zipfile.ZipFile(out, "w") as dst:
        # Whole nets stay stored as torch stores them: the memory that reading takes is held against the size of the file.
        small = sum(info.file_size for info in src.infolist()) < 50_000
        method = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
        for info in src.infolist():
            name = info.filename
            # What the reader has no use for; torch.export.load does without it too.
            if "/data/sample_inputs/" in name or name.endswith("serialization_id"):
                continue
            dst.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), src.read(name), method, 9 if small else None)
    return out.getvalue()


def flat(v):
    if isinstance(v, torch.Tensor):
        return [v]
    if isinstance(v, (list, tuple)):
        return [t for item in v for t in flat(item)]
    if isinstance(v, dict):
        return [t for item in v.values() for t in flat(item)]
    return [v]


def array(t):
    if not isinstance(t, torch.Tensor):
        return np.asarray(t)
    t = t.detach()
    return t.float().numpy() if t.dtype == torch.bfloat16 else t.numpy()


def record(directory, module, inputs, dynamic=None, check=None):
    module.eval()
    with torch.no_grad():
        expected = flat(module(*[i.clone() for i in inputs]))
        # A module that export does not trace makes its program itself.
        program = module.program(inputs) if hasattr(module, "program") else export(module, inputs, dynamic)
    if hasattr(module, "edit"):
        module.edit(program.graph)
        program.graph.eliminate_dead_code()
        expected = flat(program.module()(*inputs))
    if check and check not in program.graph_module.code and check not in str(program.graph):
        print(f"note: {directory}: the program does not call {check}")
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    signature = program.graph_signature
    names = [n for n in signature.user_outputs]
    io_arrays = {f"in:{n}": array(i) for n, i in zip(signature.user_inputs, inputs)}
    used = {k[3:] for k in io_arrays}
    for n, e in zip(names, expected):
        if not isinstance(n, str):
            continue
        key, k = n, 0
        while key in used:
            k += 1
            key = f"{n}_out{k}"
        used.add(key)
        io_arrays[f"out:{key}"] = array(e)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "model.pt2"), "wb") as file:
        file.write(repacked(buffer.getvalue()))
    save = np.savez_compressed if sum(a.nbytes for a in io_arrays.values()) > 2000 else np.savez
    save(os.path.join(directory, "io.npz"), **io_arrays)


def main():
    import torch_cases, torch_cases_backward  # noqa: F401  (fill CASES)

    args = argparse.ArgumentParser()
    args.add_argument("--only", default="")
    args.add_argument("--out", default="fixtures")
    args = args.parse_args()
    torch.set_num_threads(1)
    failed, rows = 0, {}
    for op, name, fn, inputs, dynamic in CASES:
        short = op.split("::")[-1]
        label = f"ops/torch/{short}/{name}"
        if not re.search(args.only, label):
            continue
        seeded(f"{op}/{name}")
        tensors = [i() for i in inputs]
        module = fn if isinstance(fn, torch.nn.Module) else MODULES[len(tensors)](fn)
        try:
            record(os.path.join(args.out, label), module, tensors, dynamic, check=None)
            rows[label] = ("model.pt2", "")
        except Exception as e:
            failed += 1
            shutil.rmtree(os.path.join(args.out, label), ignore_errors=True)
            print(f"FAILED {op}/{name}: {type(e).__name__}: {str(e).splitlines()[0][:200]}")
    torch_lib.list_cases(args.out, rows)
    print(f"{len(CASES)} cases, {failed} failed")


if __name__ == "__main__":
    sys.modules["torch_ops"] = sys.modules["__main__"]
    main()
