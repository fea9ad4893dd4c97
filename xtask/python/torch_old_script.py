#!/usr/bin/env python3
"""Records TorchScript archives of the torch it runs in, 1.0 to 1.13, as fixtures/models/torch/*_torchNN: a traced network,
a scripted one with submodules, loops and a choice by data, and operators that meant something else then. Run by hand,
once with each version:

    python torch_old_script.py --out fixtures
"""
from __future__ import print_function
import argparse
import os

import numpy as np
import torch
from torch import nn

VERSION = "".join(torch.__version__.split(".")[:2])


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.body = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU())
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        x = self.body(x).mean(3).mean(2)
        return torch.softmax(self.fc(x), 1)


class Steps(torch.jit.ScriptModule):
    __constants__ = ["steps"]

    def __init__(self):
        super(Steps, self).__init__()
        self.steps = 3
        self.w = nn.Parameter(torch.randn(4, 4) * 0.4)
        self.register_buffer("shift", torch.randn(4))
        self.inner = torch.jit.trace(nn.Linear(4, 4), torch.randn(2, 4))

    @torch.jit.script_method
    def forward(self, x):
        for i in range(self.steps):
            x = torch.tanh(torch.mm(x, self.w)) + self.inner(x) * 0.5
        if bool(x.sum() > 0):
            x = x * 2 + self.shift
        else:
            x = x - self.shift
        return x


class Then(torch.jit.ScriptModule):
    """`/` of integers that rounds towards zero, `full` that makes floats of integers: both until 1.5."""

    @torch.jit.script_method
    def forward(self, x):
        whole = torch.floor(x * 10).to(torch.int64)
        halves = whole / 3
        return halves.to(torch.float32) + torch.full([4], 2) * 0.25, whole - halves


def scale(model):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape) * 0.3)
        for name, b in model.named_buffers() if hasattr(model, "named_buffers") else []:
            if name.endswith("running_mean"):
                b.copy_(torch.randn(b.shape) * 0.2)
            elif name.endswith("running_var"):
                b.copy_(torch.rand(b.shape) + 0.5)
    return model.eval()


def record(out, name, model, x):
    name = "%s_torch%s" % (name, VERSION)
    to = os.path.join(out, "models", "torch", name)
    if not os.path.isdir(to):
        os.makedirs(to)
    model.save(os.path.join(to, "model.pt"))
    with torch.no_grad():
        got = model(x)
    got = got if isinstance(got, tuple) else (got,)
    names = ["output"] if len(got) == 1 else ["output_%d" % i for i in range(len(got))]
    arrays = {"out:" + n: g.numpy() for n, g in zip(names, got)}
    np.savez_compressed(os.path.join(to, "io.npz"), **dict({"in:" + record.input: x.numpy()}, **arrays))
    print("models/torch/%s\tfixtures/models/torch/%s/model.pt\tfixtures/models/torch/%s/io.npz\t%s" % (name, name, name, record.args))


p = argparse.ArgumentParser()
p.add_argument("--out", required=True)
out = p.parse_args().out
torch.manual_seed(3)
record.input, record.args = "input", ""
record(out, "trace", torch.jit.trace(scale(Net()), torch.randn(1, 3, 9, 9)), torch.randn(1, 3, 9, 9))
steps = Steps().eval()
# 1.0 numbers an argument that is assigned to.
argument = "x_1" if VERSION == "10" else "x"
record.input, record.args = argument, "--input-type %s=f32[N,4]" % argument
record(out, "steps", steps, torch.randn(2, 4))
record.input, record.args = "x", "--input-type x=f32[N,4]"
record(out, "then", Then().eval(), torch.randn(3, 4))
