#!/usr/bin/env python3
"""Models for fixtures/models/torch: state_dicts and whole modules, in every container. Run in the torch venv, and in
torch14 (torch 1.4, torchvision 0.5) for what only old versions write:

    torch_models.py --out fixtures [--only RE]
"""
import argparse, os, re, sys
import numpy as np, torch, torchvision
from torch import nn
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch_lib
import torch_like

OLD = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2])) < (1, 6)
CASES = {}
# Programs that the weights of a case are put into.
PROGRAMS = {}


def case(f):
    CASES[f.__name__] = f
    return f


# The paper's table with fewer channels; repeats and strides are the paper's.
SETTING = [[1, 16, 1, 1], [6, 16, 2, 2], [6, 16, 3, 2], [6, 32, 4, 2], [6, 32, 3, 1], [6, 48, 3, 2], [6, 64, 1, 1]]


def mobilenet():
    rng = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    model = torchvision.models.MobileNetV2(num_classes=4, width_mult=0.25, inverted_residual_setting=SETTING, round_nearest=4)
    torch_like.randomise(model, rng)
    x = torch.randn(2, 3, 48, 48, generator=rng)
    torch_like.calibrate(model, x, rng)
    return model.eval(), x


def half(model):
    return {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}


if not OLD:
    @case
    def mobilenet_v2_state():
        model, x = mobilenet()
        return model, x, model.state_dict(), {}

    @case
    def mobilenet_v2_state_legacy():
        model, x = mobilenet()
        return model, x, model.state_dict(), {"_use_new_zipfile_serialization": False}

    @case
    def mobilenet_v2_state_f16():
        model, x = mobilenet()
        state = half(model)
        model.load_state_dict(state)
        return model, x, state, {}

    @case
    def mobilenet_v2_state_bf16():
        model, x = mobilenet()
        state = {k: v.bfloat16() if v.is_floating_point() else v for k, v in model.state_dict().items()}
        model.load_state_dict(state)
        return model, x, state, {}

    @case
    def mobilenet_v2_checkpoint():
        model, x = mobilenet()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        state = {f"module.{k}": v for k, v in model.state_dict().items()}
        return model, x, {"epoch": 3, "best_acc1": 71.3, "state_dict": state, "optimizer": optimizer.state_dict()}, {}

    @case
    def mobilenet_v2_flat():
        """The modules of a block in one row and no dropout, as in the first implementations for PyTorch (tonylins, 2018)."""
        model, x = mobilenet()
        for block in model.features[1:-1]:
            leaves = [m for part in block.conv for m in (part if isinstance(part, nn.Sequential) else [part])]
            block.conv = nn.Sequential(*leaves)
        model.classifier = model.classifier[1]
        return model, x, model.state_dict(), {}

    @case
    def mobilenet_v2_full():
        model, x = mobilenet()
        return model, x, model, {}

    @case
    def mobilenet_v2_full_legacy():
        model, x = mobilenet()
        return model, x, model, {"_use_new_zipfile_serialization": False}

    @case
    def sequential():
        rng = torch.Generator().manual_seed(2)
        model = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, padding_mode="reflect"), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding="same", groups=4), nn.GroupNorm(2, 8), nn.GELU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d((2, 2)),
            nn.Flatten(), nn.Linear(32, 10), nn.Softmax(dim=1))
        torch_like.randomise(model, rng)
        x = torch.randn(2, 3, 16, 16, generator=rng)
        torch_like.calibrate(model, x, rng)
        return model.train(), x, model, {}

    class Gate(nn.Module):
        """A user's own module: a convolution gated by another, scaled."""

        def __init__(self, channels):
            super().__init__()
            self.value = nn.Conv2d(channels, channels, 3, padding=1)
            self.gate = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Sigmoid())
            self.scale = nn.Parameter(torch.ones(channels, 1, 1))
            self.slope = 0.1

        def forward(self, x):
            return nn.functional.leaky_relu(x + self.scale * self.value(x) * self.gate(x), self.slope)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 6, 3, stride=2)
            self.blocks = nn.Sequential(Gate(6), nn.MaxPool2d(2), Gate(6))
            self.head = nn.Linear(6, 5)

        def forward(self, x):
            x = self.blocks(self.stem(x))
            return self.head(x.mean(dim=(2, 3)))

    @case
    def custom_modules():
        rng = torch.Generator().manual_seed(3)
        model = Net()
        torch_like.randomise(model, rng)
        return model.eval(), torch.randn(2, 3, 17, 17, generator=rng), model, {}

    @case
    def recurrent():
        rng = torch.Generator().manual_seed(4)

        model = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        torch_like.randomise(model, rng)
        return model.eval(), torch.randn(2, 7, 6, generator=rng), model, {}
    class Tied(nn.Module):
        """A language model in small: the table of the embedding is the weight of the head."""

        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(11, 6)
            self.norm = nn.LayerNorm(6)
            self.head = nn.Linear(6, 11, bias=False)
            self.head.weight = self.table.weight

        def forward(self, ids):
            return self.head(torch.nn.functional.gelu(self.norm(self.table(ids))))

    @case
    def tied():
        """Weights under one of their names, as safetensors are written; the program holds both, and other numbers."""
        model, ids = Tied().eval(), torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
        PROGRAMS["tied"] = torch.export.export(Tied().eval(), (ids,))
        torch_like.randomise(model, torch.Generator().manual_seed(5))
        return model, ids, {k: v for k, v in model.state_dict().items() if k != "head.weight"}, {}
else:
    @case
    def mobilenet_v2_full_torch14():
        model, x = mobilenet()
        return model, x, model, {}


ARGS = {"sequential": "--input-type f32[N,3,16,16]", "custom_modules": "--custom fixtures/models/torch/custom_modules/custom.layers",
        "tied": "--graph fixtures/models/torch/tied/program.pt2"}
FILES = {"custom_modules": ("custom.layers", """\
layer Gate(x) {
  weights scale
  modules value, gate
  config slope: float
  y = Mul(Mul(scale, value(x)), gate(x))
  return LeakyRelu{alpha=slope}(Add(x, y))
}
layer Net(x) {
  modules stem, blocks, head
  y = Reduce{kind=\"mean\", axes=[2, 3], keepdims=false}(blocks(stem(x)))
  return head(y)
}
""")}


def flat(value):
    return [value] if torch.is_tensor(value) else [t for v in value for t in flat(v)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", default="fixtures")
    p.add_argument("--only", default="")
    a = p.parse_args()
    rows = {}
    for name, make in CASES.items():
        if not re.search(a.only, f"models/torch/{name}"):
            continue
        model, x, saved, options = make()
        folder = os.path.join(a.out, "models/torch", name)
        os.makedirs(folder, exist_ok=True)
        torch.save(saved, os.path.join(folder, "model.pt"), **options)
        was = model.training
        model.eval()
        with torch.no_grad():
            results = flat(model(x))
        model.train(was)
        names = ["output"] if len(results) == 1 else [f"output_{i}" for i in range(len(results))]
        io = {"in:input": x.numpy(), **{f"out:{n}": r.numpy() for n, r in zip(names, results)}}
        for r in results:
            assert float(r.std()) > 1e-3, name
        np.savez_compressed(os.path.join(folder, "io.npz"), **io)
        if name in PROGRAMS:
            torch.export.save(PROGRAMS[name], os.path.join(folder, "program.pt2"))
        if name in FILES:
            with open(os.path.join(folder, FILES[name][0]), "w") as f:
                f.write(FILES[name][1])
        rows[f"models/torch/{name}"] = ("model.pt", ARGS.get(name, ""))
    torch_lib.list_cases(a.out, rows)


if __name__ == "__main__":
    main()
