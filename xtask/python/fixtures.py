#!/usr/bin/env python3
"""Makes every fixture anew. Run once in each venv:

    /work/venv/keras2/bin/python xtask/python/fixtures.py --python-set keras2 --out fixtures
    /work/venv/keras3/bin/python xtask/python/fixtures.py --python-set keras3 --out fixtures
"""
import argparse, os, re, sys, traceback
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

ap = argparse.ArgumentParser()
ap.add_argument("--python-set", choices=["keras2", "keras3"], required=True)
ap.add_argument("--out", default="fixtures")
ap.add_argument("--only", default="")
a = ap.parse_args()

import numpy as np
import fixlib as f
from cases_numpy import numpy_operations
from cases_operations import operations
from cases_operations_nn import operations_nn
from cases_ops import op_cases
from cases_tf_ops import tf_op_layers
from cases_models import make_models, make_bad

assert f.K3 == (a.python_set == "keras3"), f"this Python has keras {f.keras.__version__}"
TAG = "k3" if f.K3 else "k2"


def write_op(case):
    """One op case: `build()` gives a model; it is randomised, recorded and saved."""
    d = os.path.join(a.out, "ops/keras", case["op"], f"{TAG}_{case['name']}")
    rng = f.fresh(d.split("fixtures", 1)[-1])
    model = case["build"]()
    if case.get("randomise", True):
        f.randomise(model, rng)
    if case.get("after"):
        case["after"](model, rng)
    io = f.record(model, rng, case.get("batch", 2), case.get("inputs"), case.get("size"), case.get("check", True), case.get("expected"))
    path = os.path.join(d, "model." + case.get("ext", "keras" if f.K3 else "h5"))
    f.save(model, path)
    if path.endswith(".keras"):
        f.deflate(path)  # some 600 of them; those of models/ stay as Keras stores them
    np.savez_compressed(os.path.join(d, "io.npz"), **io)


def write_cases_tsv():
    """The lines of Keras's cases anew; those of other recorders stay."""
    with open(os.path.join(a.out, "CASES.tsv")) as fh:
        rows = [line for line in fh.read().splitlines()[1:] if "/keras/" not in line.split("\t")[0]]
    for root, dirs, files in sorted(os.walk(a.out)):
        dirs.sort()
        if "io.npz" not in files or "/keras/" not in root:
            continue
        file = next(n for n in sorted(files) if n.startswith(("model.", "weights.")) or n.endswith(".weights.h5"))
        beside = {"arch.json": "--arch ", "custom.layers": "--custom "}
        args = " ".join(option + os.path.join(root, name) for name, option in beside.items() if name in files)
        rows.append("\t".join([os.path.relpath(root, a.out), os.path.join(root, file), os.path.join(root, "io.npz"), args]))
    with open(os.path.join(a.out, "CASES.tsv"), "w") as fh:
        fh.write("\n".join(["id\tpath\tgolden\targs", *sorted(rows)]) + "\n")


done = failed = 0
for case in [*op_cases(), *operations(), *operations_nn(), *numpy_operations(), *([] if f.K3 else tf_op_layers())]:
    label = f"ops/keras/{case['op']}/{TAG}_{case['name']}"
    if not re.search(a.only, label):
        continue
    try:
        write_op(case)
        done += 1
    except Exception as e:
        failed += 1
        print(f"FAILED {label}: {type(e).__name__}: {str(e)[:200]}", file=sys.stderr)
for label, make in [*make_models(a.out, TAG), *make_bad(a.out, TAG)]:
    if not re.search(a.only, label):
        continue
    try:
        make()
        done += 1
    except Exception as e:
        failed += 1
        print(f"FAILED {label}: {type(e).__name__}: {str(e)[:300]}", file=sys.stderr)
        if os.environ.get("TRACE"): traceback.print_exc()
write_cases_tsv()
print(f"{done} made, {failed} failed")
