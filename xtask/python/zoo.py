#!/usr/bin/env python3
"""All keras.applications families at small sizes, and the bench files; one process per model. Run once in each venv.

    zoo.py --out DIR [--only RE] --judge PYTHON --bin FILE [--keep]
    zoo.py --out DIR [--only RE] --bench

A model is saved in every way, judged (judge.py, in a Python with onnxruntime) and removed, so that little disk is needed. What
judge.py said stays in DIR/MODEL_kN.txt; a model that has one is not made again.
"""
import argparse, importlib.metadata, os, re, shutil, subprocess, sys
ap = argparse.ArgumentParser()
ap.add_argument("--out", required=True)
ap.add_argument("--only", default="")
ap.add_argument("--bench", action="store_true")
ap.add_argument("--judge", help="a Python with onnxruntime")
ap.add_argument("--bin", help="the converter")
ap.add_argument("--keep", action="store_true", help="leave the models where they were made")
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
        size = SIZES.get(name, 64)
        d, file = os.path.join(a.out, f"{name}_{tag}"), "model"
        model = getattr(keras.applications, name)(input_shape=(size, size, 3), weights=None, classes=10)
    f.randomise(model, rng)
    scales = any(type(l).__name__ in ("Rescaling", "Normalization") for l in model.layers[:6])
    first = f.bright_images if scales else f.images
    if a.bench:
        io = f.record_tamed(model, rng, check=False)
    else:
        f.damp(model, share=0.1)
        f.calibrate(model, rng, first)
        for _ in range(20):
            io = f.record_tamed(model, rng, kinds=first)
            if steady(model, io, rng):
                break
        else:
            raise AssertionError("the last bit of an input decides the output, whatever image is taken")
    os.makedirs(d, exist_ok=True)
    for ext in ["h5"] if a.bench else ["h5", "keras"]:
        f.save(model, os.path.join(d, f"{file}.{ext}"))
    if not a.bench or name.startswith("mobilenet"):
        saved = os.path.join(d, f"{file}_saved")
        model.export(saved, verbose=False) if f.K3 else model.save(saved)
    np.savez_compressed(os.path.join(d, f"{file}.npz" if a.bench else "io.npz"), **io)


def steady(model, io, rng):
    """Whether the outputs stay where they are when the images change by two or three roundings. Where they do not, float32 has
    no one right answer, and Keras's own is as far from that of float64 as any other."""
    import numpy as np
    (x,), (y,) = ([v for k, v in io.items() if k.startswith(kind)] for kind in ("in:", "out:"))
    moved = (x * (1 + rng.choice([-1, 1], x.shape) * 2.0**-22)).astype(x.dtype)
    return np.abs(np.asarray(model(moved, training=False)) - y).max() <= 1e-5 * np.abs(y).max()


def judge(name):
    """The rows of judge.py for what was made of a model."""
    d, cases = os.path.join(a.out, name), os.path.join(a.out, name, "CASES.tsv")
    files = {e: f"{d}/model{s}" for e, s in KINDS.items() if os.path.exists(f"{d}/model{s}")}
    with open(cases, "w") as f:
        f.write("id\tpath\tgolden\targs\n")
        f.writelines(f"{name}_{e}\t{path}\t{d}/io.npz\t\n" for e, path in files.items())
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "judge.py")
    p = subprocess.run([a.judge, script, "--bin", a.bin, "--cases", cases, "--table"], stdout=subprocess.PIPE, text=True)
    return p.stdout.splitlines()[:-1] or [f"{name} NOT JUDGED"]


if a.one:
    build_one(a.one)
    sys.exit()
os.makedirs(a.out, exist_ok=True)
tag = "k" + importlib.metadata.version("keras")[0]
rows = []
for name in BENCH if a.bench else MODELS:
    made = f"{name}_{tag}"
    done = f"{a.out}/bench/{made}.npz" if a.bench else f"{a.out}/{made}.txt"
    if not re.search(a.only, name):
        continue
    if os.path.exists(done):
        if not a.bench:
            rows += open(done).read().splitlines()
        continue
    command = [sys.executable, __file__, "--out", a.out, "--one", name, *(["--bench"] if a.bench else [])]
    try:
        p = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=a.timeout)
        why = (p.stderr.strip().splitlines() or ["?"])[-1] if p.returncode else None
    except subprocess.TimeoutExpired:
        why = f"over {a.timeout:.0f} s"
    if why:
        rows.append(f"{made} NOT MADE: {why}")
        print(rows[-1], flush=True)
    elif a.bench:
        print(made, "made", flush=True)
    elif os.path.exists(f"{a.out}/{made}/io.npz"):
        said = judge(made)
        print(*said, sep="\n", flush=True)
        rows += said
        with open(done, "w") as f:
            f.write("\n".join(said) + "\n")
        if not a.keep:
            shutil.rmtree(f"{a.out}/{made}")
good = sum(row.split()[1] == "pass" for row in rows)
if not a.bench:
    print(f"Keras {tag[1:]}: {good} of {len(rows)} pass", flush=True)
    sys.exit(0 if good == len(rows) else 1)
sys.exit(0 if not any("NOT MADE" in row for row in rows) else 1)
