#!/usr/bin/env python3
"""All keras.applications families at small sizes, and the bench files. Resumable; one process per model.

    zoo.py [--out /work/zoo] [--only RE] [--bench]        (run once in each venv)
"""
import argparse, glob, importlib.metadata, os, re, subprocess, sys
ap = argparse.ArgumentParser()
ap.add_argument("--out", default="/work/zoo")
ap.add_argument("--only", default="")
ap.add_argument("--bench", action="store_true")
ap.add_argument("--timeout", type=float, default=1800, help="seconds for one model")
ap.add_argument("--one")
a = ap.parse_args()
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

SIZES = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75, "NASNetLarge": 331, "NASNetMobile": 224}
MODELS = """MobileNetV2 MobileNet MobileNetV3Small MobileNetV3Large VGG16 VGG19 ResNet50 ResNet50V2 ResNet101 ResNet101V2 ResNet152 ResNet152V2
DenseNet121 DenseNet169 DenseNet201 EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetV2B0 EfficientNetV2B1
EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S EfficientNetV2M ConvNeXtTiny ConvNeXtSmall ConvNeXtBase Xception InceptionV3 InceptionResNetV2
NASNetMobile RegNetX002 RegNetY002 RegNetX016 RegNetY016 ResNetRS50 ResNetRS101 EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2L NASNetLarge ConvNeXtLarge""".split()


def sequential(kind):
    """About 500 MB of one layer class: Dense needs no permuted weight, Conv2D needs all of them permuted."""
    import keras
    L = keras.layers
    if kind == "dense500":
        return keras.Sequential([keras.Input((2560,)), *[L.Dense(2560, activation="relu") for _ in range(19)], L.Dense(10)])
    return keras.Sequential([keras.Input((8, 8, 1024)), *[L.Conv2D(1024, 3, padding="same", activation="relu") for _ in range(13)], L.Conv2D(10, 1)])


BENCH = {"mobilenet_v2_224_1000": lambda k: k.applications.MobileNetV2(weights=None), "vgg16": lambda k: k.applications.VGG16(weights=None),
         "dense500": lambda k: sequential("dense500"), "conv500": lambda k: sequential("conv500")}


# A SavedModel comes from `model.save(dir)` of Keras 2 and from `model.export(dir)` of Keras 3.
KINDS = {"h5": ".h5", "keras": ".keras", "saved": "_saved"}


def build_one(name):
    import numpy as np, keras, fixlib as f
    tag = "k3" if f.K3 else "k2"
    rng = f.fresh(name)
    if a.bench:
        d, file, model = os.path.join(a.out, "bench"), f"{name}_{tag}", BENCH[name](keras)
    else:
        if not hasattr(keras.applications, name):
            return
        size = SIZES.get(name, 32)
        d, file = os.path.join(a.out, f"{name}_{tag}"), "model"
        model = getattr(keras.applications, name)(input_shape=(size, size, 3), weights=None, classes=10)
    f.randomise(model, rng)
    first = (0, 255) if any(type(l).__name__ in ("Rescaling", "Normalization") for l in model.layers[:6]) else None
    if not a.bench:
        f.damp(model)
        f.calibrate(model, rng, first)
    io = f.record_tamed(model, rng, kinds=first, check=not a.bench)
    os.makedirs(d, exist_ok=True)
    for ext in ["h5"] if a.bench else ["h5", "keras"]:
        f.save(model, os.path.join(d, f"{file}.{ext}"))
    if not a.bench or name.startswith("mobilenet"):
        saved = os.path.join(d, f"{file}_saved")
        model.export(saved, verbose=False) if f.K3 else model.save(saved)
    np.savez_compressed(os.path.join(d, f"{file}.npz" if a.bench else "io.npz"), **io)


def write_tsv():
    rows = ["id\tpath\tgolden\targs"]
    for g in sorted(glob.glob(os.path.join(a.out, "*/io.npz"))):
        d = os.path.dirname(g)
        rows += [f"{os.path.basename(d)}_{e}\t{d}/model{s}\t{g}\t" for e, s in KINDS.items() if os.path.exists(f"{d}/model{s}")]
    open(os.path.join(a.out, "CASES.tsv"), "w").write("\n".join(rows) + "\n")


if a.one:
    build_one(a.one)
    sys.exit()
os.makedirs(a.out, exist_ok=True)
tag = "k" + importlib.metadata.version("keras")[0]
for name in BENCH if a.bench else MODELS:
    done = f"{a.out}/bench/{name}_{tag}.npz" if a.bench else f"{a.out}/{name}_{tag}/io.npz"
    if os.path.exists(done) or not re.search(a.only, name):
        continue
    command = [sys.executable, __file__, "--out", a.out, "--one", name, *(["--bench"] if a.bench else [])]
    try:
        p = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=a.timeout)
    except subprocess.TimeoutExpired:
        print(name, tag, f"NOT MADE in {a.timeout:.0f} s", flush=True)
        continue
    last = p.stderr.strip().splitlines()[-1:] if p.returncode else ""
    print(name, tag, "ok" if p.returncode == 0 else f"FAILED {last}", flush=True)
    write_tsv()
