#!/usr/bin/env python3
"""Holds `modelport repair` against the real PyTorch: every file, repaired to a state_dict, loaded with weights_only=True.

    repair_torch.py --bin MODELPORT --out DIR FILE…                 (run in the torch venv)

Each file is repaired for the newest torch and for torch 1.4, loaded by torch.load(weights_only=True), and held against the
tensors of the original (torch.load(weights_only=False), or torch.jit.load): names, types, shapes, bytes, shared storages.
Exits with 1 on any difference.
"""
import argparse, os, subprocess, sys, warnings
import torch

ap = argparse.ArgumentParser()
ap.add_argument("--bin", required=True)
ap.add_argument("--out", required=True)
ap.add_argument("files", nargs="+")
a = ap.parse_args()
os.makedirs(a.out, exist_ok=True)
warnings.simplefilter("ignore")


def original(path):
    try:
        return torch.jit.load(path, map_location="cpu").state_dict()
    except RuntimeError:
        found = torch.load(path, map_location="cpu", weights_only=False)
    if isinstance(found, torch.nn.Module):
        return found.state_dict()
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            return found[key]
    return found


def raw(t):
    return t.detach().contiguous().view(-1).view(torch.uint8) if t.numel() else t


bad = 0
for path in a.files:
    try:
        want = original(path)
    except Exception as e:
        print(f"skipped  {path}: {type(e).__name__}: {str(e)[:100]}")
        continue
    for target in ("torch", "torch==1.4"):
        out = os.path.join(a.out, f"repaired-{target[7:] or 'new'}.pth")
        done = subprocess.run([a.bin, "repair", path, out, "--for", target], capture_output=True, text=True)
        if done.returncode:
            print(f"refused  {path} ({target}): {done.stderr.splitlines()[0]}")
            bad += 1
            continue
        got = torch.load(out, weights_only=True)
        # A model saved from DataParallel has a prefix that the repaired file does not have.
        if all(n.startswith("module.") for n in want) and not any(n.startswith("module.") for n in got):
            want = {n[7:]: t for n, t in want.items()}
        wrong = [] if list(got) == list(want) else ["names"]
        for name in set(got) & set(want):
            x, y = got[name], want[name]
            if x.dtype != y.dtype or x.shape != y.shape or not torch.equal(raw(x), raw(y)):
                wrong.append(name)
        pairs = [(p, q) for p in want for q in want if p < q and want[p].numel() and want[p].data_ptr() == want[q].data_ptr() and want[p].shape == want[q].shape]
        wrong += [f"{p} no longer shares {q}" for p, q in pairs if got[p].data_ptr() != got[q].data_ptr()]
        bad += bool(wrong)
        print(f"{'differs' if wrong else 'equal':8} {path} ({target}): {len(got)} tensors{', ' + ', '.join(wrong[:5]) if wrong else ''}")
sys.exit(1 if bad else 0)
