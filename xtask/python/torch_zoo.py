#!/usr/bin/env python3
"""Every classification and segmentation model of torchvision, and networks of torch.nn (torch_nets.py), saved in every way,
converted and judged with onnxruntime; one at a time, so that little disk is needed. What keeps its batch open runs with
another batch too. Prints a table; its column `torch` is how far torch's own results in 32 bits are from those in 64, so
that what an error means can be judged. Run in the torch venv:

    torch_zoo.py --bin target/release/modelport [--only RE] [--kinds state,full,pt2,pt2dyn,trace,script] [--giants]
        [--families classification,segmentation,nets] [--threads N] [--keep DIR]
"""
import argparse, gc, os, re, shutil, subprocess, sys, tempfile, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch, torchvision
from torchvision.models import get_model_builder, get_model_weights, list_models, segmentation
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch_like
import torch_nets
from torch_ops import flat

TOLERANCE = 5e-5
GIANTS = {"vit_h_14", "regnet_y_128gf", "vit_l_16", "vit_l_32"}
# The smallest image that leaves the last feature map something to say, where the size is not part of the model.
SIZES = {"inception_v3": 139, "alexnet": 224, "maxvit_t": 224, "vit_h_14": 112, "vit_l_16": 112, "vit_l_32": 128}


def size_of(name):
    return SIZES.get(name, 224 if name.startswith(("vit_", "swin", "vgg")) else 96)


def make(name, family):
    """A model, its inputs, and its inputs with another batch where it takes any."""
    rng = torch.Generator().manual_seed(sum(map(ord, name)))
    if family == "nets":
        return torch_nets.make(name, rng)
    options = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    if family == "segmentation":
        options = {"weights_backbone": None} | ({"aux_loss": True} if "lraspp" not in name else {})
    size = size_of(name)
    if name.startswith("vit_"):
        options["image_size"] = size
    model = get_model_builder(name)(weights=None, num_classes=10, **options)
    torch_like.randomise(model, rng)
    torch_like.damp(model)
    torch_like.calibrate(model, torch_like.images((8, 3, size, size), rng), rng)
    return model.eval(), (torch_like.images((2, 3, size, size), rng),), (torch_like.images((3, 3, size, size), rng),)


def results(model, x):
    with torch.no_grad():
        return [t.numpy() if torch.is_tensor(t) else np.asarray(t) for t in flat(model(*x))]


def save(model, x, kind, path):
    if kind == "state":
        torch.save(model.state_dict(), path)
    elif kind == "legacy":
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    elif kind == "full":
        torch.save(model, path)
    elif kind == "fulllegacy":
        torch.save(model, path, _use_new_zipfile_serialization=False)
    elif kind == "trace":
        torch.jit.trace(model, x, check_trace=False, strict=False).save(path)
    elif kind == "script":
        torch.jit.script(model).save(path)
    elif kind == "freeze":
        torch.jit.freeze(torch.jit.script(model)).save(path)
    elif kind == "pt2":
        torch.export.save(torch.export.export(model, x), path)
    elif kind == "pt2dyn":
        batch = torch.export.Dim("batch", min=1, max=64)
        shapes = tuple({getattr(model, "batch_axis", 0): batch} if t.dim() > 1 else None for t in x)
        torch.export.save(torch.export.export(model, x, dynamic_shapes=shapes), path)


def judge(a, path, runs, types, folder):
    """(verdict, nodes, error, seconds, why)"""
    out = os.path.join(folder, "out.onnx")
    for old in (out, out + ".data"):
        if os.path.exists(old):
            os.remove(old)
    start = time.time()
    done = subprocess.run([a.bin, "convert", path, out, *types], capture_output=True, text=True, timeout=600)
    wall = time.time() - start
    if done.returncode:
        return "refuse" if done.returncode == 1 else "panic", 0, 0, wall, done.stderr.strip()[:a.chars]
    import onnx, onnxruntime as ort
    ort.set_default_logger_severity(4)
    graph = onnx.load(out, load_external_data=False).graph
    ops = [n.op_type for n in graph.node]
    try:
        options = ort.SessionOptions()
        options.intra_op_num_threads = a.threads
        session = ort.InferenceSession(out, options)
        got = [session.run(None, feeds(session, x)) for x, _ in runs]
    except Exception as e:
        return "reject", len(ops), 0, wall, str(e)[:a.chars]
    error, void = 0.0, False
    for outputs, (_, wanted) in zip(got, runs):
        if len(outputs) != len(wanted):
            error = float("inf")
        for g, w in zip(outputs, wanted):
            error = max(error, difference(g, w))
            void |= says_nothing(w)
    bad = [o for o in ("Dropout", "BatchNormalization") if o in ops]
    verdict = "WRONG" if error > TOLERANCE else "VOID" if void else "pass"
    return verdict, len(ops), error, wall, " ".join(bad)


def says_nothing(w):
    """Whether outputs are constant, or no numbers."""
    return bool(np.isnan(w.astype("f8")).any()) or (w.size > 1 and w.dtype.kind == "f" and w.std() <= 1e-3 * np.abs(w).max())


def same_for_all(outputs):
    """Whether outputs hardly depend on the image."""
    return any(np.abs(w[0] - w[1]).max() <= 1e-2 * np.abs(w).max() for w in outputs)


def feeds(session, x):
    return {i.name: t.numpy() for i, t in zip(session.get_inputs(), x)}


def difference(got, want):
    if got.shape != want.shape:
        return float("inf")
    if want.dtype.kind != "f":
        return 0.0 if np.array_equal(got, want) else float("inf")
    with np.errstate(invalid="ignore"):
        error = np.abs(got - want).max() / max(np.abs(want).max(), 1e-30) if want.size else 0.0
    return float("inf") if np.isnan(error) and not np.isnan(want).any() else float(error)


def names(families):
    """Small models first."""
    for family in families.split(","):
        if family == "nets":
            yield from ((n, family) for n in torch_nets.NETS)
            continue
        models = list_models(module={"classification": torchvision.models, "segmentation": segmentation}[family])
        yield from ((n, family) for n in sorted(models, key=lambda n: next(iter(get_model_weights(n))).meta["num_params"]))


def rows(a, name, family):
    """A row of the table for each way in which this model is saved: (kind, verdict, nodes, error, torch, seconds, why)."""
    model, x, other = make(name, family)
    want = results(model, x)
    own = 0.0
    if family != "nets":
        own = max(difference(w, t.numpy()) for w, t in zip(want, flat(torch_like.exact(model, x))))
        if own > TOLERANCE / 2 or same_for_all(want):
            yield "-", "VOID", 0, 0.0, own, 0.0, "outputs that judge nothing"
            return
    again = results(model, other) if other is not None else None
    folder = tempfile.mkdtemp(prefix="zoo")
    for kind in a.kinds.split(","):
        # Only classification models are known by their classes and keys.
        if family == "segmentation" and kind in ("state", "legacy", "full", "fulllegacy"):
            continue
        path = os.path.join(folder, f"{name}.{kind}.{'pt2' if kind.startswith('pt2') else 'pt'}")
        try:
            save(model, x, kind, path)
        except Exception as e:
            yield kind, "unsaved", 0, 0.0, own, 0.0, str(e)[:100]
            continue
        runs = [(x, want)]
        if again is not None and kind in ("pt2dyn", "trace", "script", "freeze", "state", "full"):
            # A trace's batch is taken to be the first axis.
            if kind != "trace" or getattr(model, "batch_axis", 0) == 0:
                runs.append((other, again))
        types = getattr(model, "types", []) if kind in ("script", "freeze", "full") else []
        verdict, nodes, error, wall, why = judge(a, path, runs, types, folder)
        yield kind, verdict, nodes, error, own, wall, why
        if a.keep:
            os.makedirs(a.keep, exist_ok=True)
            shutil.move(path, os.path.join(a.keep, os.path.basename(path)))
            arrays = {f"in:{i}": t.numpy() for i, t in enumerate(x)} | {f"out:{i}": w for i, w in enumerate(want)}
            np.savez_compressed(os.path.join(a.keep, f"{name}.npz"), **arrays)
        else:
            os.remove(path)
    shutil.rmtree(folder)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bin", required=True)
    p.add_argument("--only", default="")
    p.add_argument("--kinds", default="state,full")
    p.add_argument("--families", default="classification")
    p.add_argument("--giants", action="store_true", help="models of a gigabyte and more too")
    p.add_argument("--keep", help="keep the models, with io.npz, in this directory")
    p.add_argument("--chars", type=int, default=300)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    counts, worst = {}, {}
    print(f"{'model':28} {'kind':8} {'':7} {'nodes':>5} {'error':>8} {'torch':>8} {'seconds':>7}", flush=True)
    for name, family in names(a.families):
        if not re.search(a.only, name) or (name in GIANTS and not a.giants):
            continue
        for kind, verdict, nodes, error, own, wall, why in rows(a, name, family):
            key = (family, kind)
            counts.setdefault(key, {}).setdefault(verdict, 0)
            counts[key][verdict] += 1
            worst[key] = max(worst.get(key, (0.0,)), (error, name))
            print(f"{name:28} {kind:8} {verdict:7} {nodes:5} {error:8.1e} {own:8.1e} {wall:7.2f} {why}", flush=True)
        gc.collect()
    for key in sorted(counts):
        total, (error, name) = sum(counts[key].values()), worst[key]
        others = "".join(f", {n} {v}" for v, n in sorted(counts[key].items()) if v != "pass")
        print(f"{' '.join(key):28} {counts[key].get('pass', 0)} of {total} pass{others}; worst {error:.1e} {name}")
    sys.exit(not counts or any(v != "pass" for c in counts.values() for v in c))


if __name__ == "__main__":
    main()
