#!/usr/bin/env python3
"""Holds `modelport repair` against the real Keras: every file that it refuses, repaired, loaded and run.

    repair_matrix.py --bin MODELPORT --matrix MATRIX.tsv [--for keras==3.15.1]      (run in the Keras 3 venv)

MATRIX.tsv is what load_matrix.py records. Each file that Keras refuses, or whose numbers are others there, is repaired to
DIR/repaired/<case>.<format>; load_matrix.py loads that and compares its outputs with those that the original's Keras
recorded. Prints the repair table and every file that does not load with equal outputs, and holds the weights' bytes of both
files against each other; exits with 1 when fewer than 90 % load with equal outputs, or a weight changed.
"""
import argparse, collections, csv, io, os, re, subprocess, sys, zipfile
import h5py, numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("--bin", required=True)
ap.add_argument("--matrix", required=True)
ap.add_argument("--for", dest="target", default="keras==3.15.1")
ap.add_argument("--only", default="")
a = ap.parse_args()
ROOT = os.path.dirname(os.path.abspath(a.matrix))
OUT = os.path.join(ROOT, "repaired")
HERE = os.path.dirname(os.path.abspath(__file__))


def weights(path):
    """Every data set in a file, by name."""
    found = {}
    file = h5py.File(io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5")) if path.endswith(".keras") else path, "r")
    with file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def same(left, right):
    left, right = weights(left), weights(right)
    return left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)


os.makedirs(OUT, exist_ok=True)
rows, table, wrong, changed = [], collections.Counter(), [], []
with open(a.matrix, encoding="utf8") as f:
    for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["result"] == "loads" or not re.search(a.only, row["case"]):
            continue
        path, golden = (row[k] if os.path.exists(row[k]) else os.path.join(ROOT, row[k]) for k in ("path", "golden"))
        out = os.path.join(OUT, f'{row["case"]}.{row["format"]}')
        done = subprocess.run([a.bin, "repair", path, out, "--for", a.target], capture_output=True, text=True)
        if done.returncode:
            table[row["format"], row["result"], "not repaired"] += 1
            wrong.append(f'{row["case"]} ({row["format"]}) not repaired: {done.stderr.splitlines()[0] if done.stderr else done.returncode}')
            continue
        if not same(path, out):
            changed.append(out)
        rows.append((row["case"], out, golden, row["format"], row["result"]))
listing = os.path.join(OUT, "FILES.tsv")
with open(listing, "w") as f:
    f.write("\n".join("\t".join(r) for r in [("case", "path", "golden"), *(r[:3] for r in rows)]) + "\n")
subprocess.run([sys.executable, os.path.join(HERE, "load_matrix.py"), "--out", OUT, "--load", listing], check=True, stdout=subprocess.DEVNULL)
with open(os.path.join(OUT, "LOADED.tsv"), encoding="utf8") as f:
    loaded = {r["path"]: r for r in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)}
for case, out, _, form, before in rows:
    now = loaded[out]
    table[form, before, now["result"]] += 1
    if now["result"] != "loads":
        wrong.append(f'{case} ({form}) {now["result"]}, largest difference {now["max_abs_diff"]}: {now["error"][-300:]}')

ORDER = ("loads", "other_numbers", "refuses", "not repaired")
print(f"{'Keras, before':<28}" + "".join(f"{'repaired: ' + o:>26}" for o in ORDER))
for form, before in sorted({k[:2] for k in table}):
    print(f"{before + ' (' + form + ')':<28}" + "".join(f"{table[form, before, o]:>26}" for o in ORDER))
print("\n".join(wrong))
count, good = sum(table.values()), sum(n for k, n in table.items() if k[2] == "loads")
refused = sum(n for k, n in table.items() if k[1] == "refuses")
cured = sum(n for k, n in table.items() if k[1:] == ("refuses", "loads"))
print(f"{cured} of {refused} refused files load with equal outputs ({100 * cured / max(refused, 1):.1f} %); of all {count}, {good}")
print(f"weights changed: {', '.join(changed) or 'none'}")
sys.exit(0 if count and cured >= 0.9 * refused and not changed else 1)
