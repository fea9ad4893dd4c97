#!/usr/bin/env python3
"""Records files of the torch it runs in, 1.0 to 1.13, as fixtures/models/torch/*_torchNN: a traced network, a scripted one
with submodules, loops and a choice by data, operators that meant something else then, a trace with channel shuffles, and
whole modules and weights as `torch.save` writes them. Run by hand, once with each version:

    python torch_old_script.py --out fixtures [--only shuffle,full,state]
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


class ShuffleBlock(nn.Module):
    """ShuffleNet's way of mixing groups: sizes are asked for, and the channels come back as -1."""

    def __init__(self, channels):
        super(ShuffleBlock, self).__init__()
        self.conv = nn.Conv2d(channels // 2, channels // 2, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels // 2)

    def forward(self, x):
        left, right = x.chunk(2, dim=1)
        x = torch.cat((left, torch.relu(self.bn(self.conv(right)))), dim=1)
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width)
        x = torch.transpose(x, 1, 2).contiguous()
        return x.view(batch, -1, height, width)


class Shuffle(nn.Module):
    def __init__(self):
        super(Shuffle, self).__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2)
        self.blocks = nn.Sequential(ShuffleBlock(4), ShuffleBlock(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean([2, 3]))


def layers():
    """A whole module of classes that every torch has."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU6(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Dropout(), nn.Linear(6, 5))


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


def record(out, name, model, x, save=None):
    name = "%s_torch%s" % (name, VERSION)
    to = os.path.join(out, "models", "torch", name)
    if not os.path.isdir(to):
        os.makedirs(to)
    if save is None:
        model.save(os.path.join(to, "model.pt"))
    else:
        torch.save(save, os.path.join(to, "model.pt"))
    with torch.no_grad():
        got = model(x)
    got = got if isinstance(got, tuple) else (got,)
    names = ["output"] if len(got) == 1 else ["output_%d" % i for i in range(len(got))]
    arrays = {"out:" + n: g.numpy() for n, g in zip(names, got)}
    np.savez_compressed(os.path.join(to, "io.npz"), **dict({"in:" + record.input: x.numpy()}, **arrays))
    print("models/torch/%s\tfixtures/models/torch/%s/model.pt\tfixtures/models/torch/%s/io.npz\t%s" % (name, name, name, record.args))


p = argparse.ArgumentParser()
p.add_argument("--out", required=True)
p.add_argument("--only", default="trace,steps,then", help="of trace, steps, then, shuffle (from 1.5), full, state")
args = p.parse_args()
out, only = args.out, args.only.split(",")
torch.manual_seed(3)
record.input, record.args = "input", ""
trace = torch.jit.trace(scale(Net()), torch.randn(1, 3, 9, 9))
if "trace" in only:
    record(out, "trace", trace, torch.randn(1, 3, 9, 9))
steps = Steps().eval()
# 1.0 numbers an argument that is assigned to.
argument = "x_1" if VERSION == "10" else "x"
record.input, record.args = argument, "--input-type %s=f32[N,4]" % argument
if "steps" in only:
    record(out, "steps", steps, torch.randn(2, 4))
record.input, record.args = "x", "--input-type x=f32[N,4]"
if "then" in only:
    record(out, "then", Then().eval(), torch.randn(3, 4))
torch.manual_seed(4)
record.args = ""
if "shuffle" in only:
    record(out, "shuffle", torch.jit.trace(scale(Shuffle()), torch.randn(1, 3, 9, 9)), torch.randn(1, 3, 9, 9))
record.input, record.args = "x", "--input-type f32[N,3,10,10]"
if "full" in only:
    model = scale(layers())
    record(out, "full", model, torch.randn(2, 3, 10, 10), save=model)
record.input = "input"
record.args = "--graph fixtures/models/torch/trace_torch%s/model.pt" % VERSION
if "state" in only:
    model = scale(Net())
    record(out, "state", model, torch.randn(1, 3, 9, 9), save=model.state_dict())
