#!/usr/bin/env python3
"""Makes the cases of TensorFlow ops anew, `fixtures/ops/tensorflow/<Op>/<case>`: the graph as TensorFlow wrote it, with
placeholders, and what TensorFlow computed. Run in the venv with the newest TensorFlow:

    ~/.cache/modelport-venvs/keras3/bin/python xtask/python/tf_ops.py --out fixtures --only 'Conv2D/'
"""
import argparse, os, re, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

ap = argparse.ArgumentParser()
ap.add_argument("--out", default="fixtures")
ap.add_argument("--only", default="")
a = ap.parse_args()

import tf_lib, tf_ops_control, tf_ops_cudnn, tf_ops_image, tf_ops_math, tf_ops_move, tf_ops_nn, tf_ops_old, tf_ops_ragged, tf_ops_signal

done, failed = [], 0


def case(op, name, make):
    global failed
    label = f"ops/tensorflow/{op}/{name}"
    if not re.search(a.only, label):
        return
    try:
        make(os.path.join(a.out, label), label)
        done.append(label)
    except Exception as e:
        failed += 1
        print(f"FAILED {label}: {type(e).__name__}: {str(e)[:300]}", file=sys.stderr)


def add(op, name, build, *ins, **how):
    case(op, name, lambda folder, label: tf_lib.record(folder, label, build, ins, **how))


def add_old(op, name, producer, ins, nodes, **how):
    case(op, name, lambda folder, label: tf_lib.record_old(folder, label, producer, ins, nodes, **how))


def write_cases_tsv():
    """The lines of these cases anew, with the arguments that they had; those of other recorders stay."""
    path = os.path.join(a.out, "CASES.tsv")
    with open(path) as fh:
        lines = fh.read().splitlines()[1:]
    rows = [line for line in lines if not line.startswith("ops/tensorflow/")]
    arguments = {line.split("\t")[0]: line.split("\t")[3] for line in lines}
    for root, _, files in os.walk(os.path.join(a.out, "ops/tensorflow")):
        if "io.npz" in files:
            case = os.path.relpath(root, a.out)
            files = [os.path.join(root, file) for file in ("model.pb", "io.npz")]
            rows.append("\t".join([case, *files, arguments.get(case, "")]))
    with open(path, "w") as fh:
        fh.write("\n".join(["id\tpath\tgolden\targs", *sorted(rows)]) + "\n")


for family in (tf_ops_math, tf_ops_move, tf_ops_nn, tf_ops_image, tf_ops_control, tf_ops_signal, tf_ops_ragged):
    family.register(add)
tf_ops_old.register(add_old)
tf_ops_cudnn.register(case)
write_cases_tsv()
print(f"{len(done)} made, {failed} failed")
