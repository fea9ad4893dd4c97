#!/usr/bin/env python3
"""Makes the PyTorch models of `cargo xtask bench`: a ViT-B/16 of 330 MB as state_dict, trace and `.pt2`, and a MobileNetV2.
Weights are random; no output is recorded.

    torch_bench.py --out DIR
"""
import argparse, os, sys, warnings
warnings.filterwarnings("ignore")
import torch, torchvision
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch_like

p = argparse.ArgumentParser()
p.add_argument("--out", required=True)
out = p.parse_args().out
os.makedirs(out, exist_ok=True)
torch.set_num_threads(2)


def make(name, size, *kinds):
    model = getattr(torchvision.models, name)(weights=None)
    torch_like.randomise(model, torch.Generator().manual_seed(1))
    model.eval()
    x = torch.randn(1, 3, size, size)
    for kind in kinds:
        path = os.path.join(out, f"{name}.{kind}")
        part = path + ".part"
        with torch.no_grad():
            if kind == "state.pt":
                torch.save(model.state_dict(), part)
            elif kind == "trace.pt":
                torch.jit.trace(model, x, check_trace=False).save(part)
            else:
                torch.export.save(torch.export.export(model, (x,)), part)
        os.replace(part, path)


make("vit_b_16", 224, "state.pt", "trace.pt", "pt2")
make("mobilenet_v2", 224, "state.pt")
