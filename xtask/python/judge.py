#!/usr/bin/env python3
"""Converts the models of a CASES.tsv and compares onnxruntime with the framework's recorded outputs.

    judge.py --bin target/release/modelport --cases fixtures/CASES.tsv [--grep RE] [--table]

Needs numpy, onnx and onnxruntime. Outcomes: pass, wrong (numbers differ), reject (onnx.checker or onnxruntime will not have it),
refuse (the converter said no), panic, timeout. Exit status 0 if all pass.
"""
import argparse, csv, os, re, shlex, subprocess, sys, tempfile, time
import numpy as np
import onnx
import onnxruntime

RTOL, RTOL_F16 = 5e-5, 2e-3  # of the output's largest magnitude
CHECKER_LIMIT = 1 << 30      # onnx.checker reads the whole file


def convert(binary, case, out, timeout):
    """Runs the converter; (outcome or None, why, seconds)."""
    command = [binary, "convert", case["path"], out, *shlex.split(case.get("args") or "")]
    start = time.time()
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=timeout)
    except subprocess.TimeoutExpired:
        return "timeout", f"over {timeout} s", timeout
    err = p.stderr.decode(errors="replace")
    panic = p.returncode < 0 or p.returncode == 101 or "panicked at" in err
    return None if p.returncode == 0 else "panic" if panic else "refuse", err, time.time() - start


def by_name(names, recorded):
    """Recorded arrays in the order of `names`: by name without `:0`, what is left by position."""
    plain = lambda s: re.sub(r":\d+$", "", s)
    left, found = dict(recorded), {}
    for n in names:
        key = next((k for k in left if plain(k) == plain(n)), None)
        if key is not None:
            found[n] = left.pop(key)
    for n in names:
        if n not in found and left:
            found[n] = left.pop(next(iter(left)))
    if left or len(found) != len(names):
        raise ValueError(f"model has {names}, recorded are {list(recorded)}")
    return found


def run(path, golden):
    """(worst error relative to the largest magnitude, list of violations)"""
    if os.path.getsize(path) < CHECKER_LIMIT:
        onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    arrays = lambda prefix: {k[len(prefix):]: golden[k] for k in golden.files if k.startswith(prefix)}
    feeds = by_name([i.name for i in session.get_inputs()], arrays("in:"))
    names = [o.name for o in session.get_outputs()]
    results = dict(zip(names, session.run(None, feeds)))
    worst, bad = 0.0, []
    for name, want in by_name(names, arrays("out:")).items():
        error, why = difference(np.asarray(results[name]), want)
        worst = max(worst, error)
        if why:
            bad.append(f"{name}: {why}")
    return worst, bad


def difference(got, want):
    if got.shape != want.shape:
        return 0.0, f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind in "USO" or got.dtype.kind in "USO":
        return 0.0, None if np.array_equal(got.astype(str), want.astype(str)) else "strings differ"
    if want.size == 0:
        return 0.0, None
    g, w = got.astype("f8"), want.astype("f8")
    same = (g == w) | (np.isnan(g) & np.isnan(w))
    finite = np.abs(w[np.isfinite(w)])
    scale = max(float(finite.max()) if finite.size else 1.0, 1e-6)
    with np.errstate(invalid="ignore"):
        d = np.where(same, 0, np.abs(g - w)) / scale
    error = float(np.where(np.isnan(d), np.inf, d).max())
    return error, f"{error:.2e}" if error > (RTOL_F16 if want.dtype == np.float16 else RTOL) else None


def judge(binary, case, timeout):
    """(outcome, error, seconds, nodes, why)"""
    with tempfile.TemporaryDirectory(prefix="judge") as tmp:
        out = os.path.join(tmp, "out.onnx")
        outcome, why, seconds = convert(binary, case, out, timeout)
        if outcome:
            return outcome, None, seconds, None, why
        try:
            nodes = len(onnx.load(out, load_external_data=False).graph.node)
            error, bad = run(out, np.load(case["golden"], allow_pickle=False))
        except Exception as e:
            return "reject", None, seconds, None, f"{type(e).__name__}: {e}"
        return "wrong" if bad else "pass", error, seconds, nodes, "; ".join(bad)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", required=True)
    ap.add_argument("--cases", required=True)
    ap.add_argument("--grep", default="")
    ap.add_argument("--timeout", type=float, default=120)
    ap.add_argument("--table", action="store_true", help="a line for every case, not only for those that fail")
    a = ap.parse_args()
    onnxruntime.set_default_logger_severity(4)
    with open(a.cases, newline="") as fh:
        cases = [c for c in csv.DictReader(fh, delimiter="\t", quoting=csv.QUOTE_NONE) if re.search(a.grep, c["id"])]
    count = {}
    for case in cases:
        outcome, error, seconds, nodes, why = judge(a.bin, case, a.timeout)
        count[outcome] = count.get(outcome, 0) + 1
        if a.table or outcome != "pass":
            shown = "-" if error is None else f"{error:.1e}"
            print(f"{case['id']:<32} {outcome:<8} {shown:>8} {nodes or '-':>6} nodes {seconds:7.2f} s  {' '.join(why.split())[:200] if outcome != 'pass' else ''}", flush=True)
    print(f"{count.get('pass', 0)} of {len(cases)} pass", *(f"{n} {k}" for k, n in sorted(count.items()) if k != "pass"), sep=", ")
    sys.exit(0 if cases and count.get("pass", 0) == len(cases) else 1)


if __name__ == "__main__":
    main()
