"""Every fixture with weights as .safetensors, loaded by Python's `safetensors`, held bit for bit against what the framework itself
reads from the file. Prints a table.

Two steps, for no environment has everything: `--step load` (torch environment) converts, loads, and reads the files of PyTorch and
ONNX; `--step keras` (Keras 3 environment) reads the files of Keras and TensorFlow with h5py and tf.train.load_checkpoint.
"""
import argparse
import collections
import csv
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import warnings
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.filterwarnings("ignore")
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--step", required=True)
parser.add_argument("--bin", default="")
parser.add_argument("--out", required=True)
parser.add_argument("--all", action="store_true", help="the operations, too, not models and weights only")
args = parser.parse_args()
out = pathlib.Path(args.out)
out.mkdir(parents=True, exist_ok=True)


def of_bytes(dtype, shape, raw):
    return [dtype, list(shape), hashlib.sha256(raw).hexdigest()[:20]]


def of_array(a):
    a = np.asarray(a)
    a = np.ascontiguousarray(a.astype(a.dtype.newbyteorder("<"))).reshape(a.shape)
    return of_bytes(a.dtype.name, a.shape, a.tobytes())


def of_torch(t):
    import torch
    t = t.detach().cpu().resolve_conj().resolve_neg().contiguous()
    raw = bytes(t.reshape(-1).view(torch.uint8).numpy()) if t.numel() else b""
    return of_bytes(str(t.dtype).removeprefix("torch."), t.shape, raw)


def cases():
    rows = list(csv.DictReader(open("fixtures/CASES.tsv"), delimiter="\t"))
    for row in rows:
        if args.all or row["id"].startswith("models/"):
            yield row["id"], row["path"], (row["args"] or "").split()
    for folder in sorted(pathlib.Path("fixtures/weights/torch").iterdir()):
        model = next(p for p in sorted(folder.iterdir()) if p.name not in ("weights.npz", "args.txt", "io.npz"))
        words = (folder / "args.txt").read_text().split() if (folder / "args.txt").exists() else []
        yield f"weights/torch/{folder.name}", str(model), words


def kind(path):
    if path.endswith((".h5", ".keras")):
        return "keras"
    if path.endswith(".onnx"):
        return "onnx"
    return "torch" if "/torch/" in path else "tensorflow"


def tensors_of_torch(path, words):
    """All tensors that torch reads, however deep they are."""
    import torch
    if path.endswith(".pt2"):
        program = torch.export.load(path)
        return [*program.state_dict.values(), *[c for c in program.constants.values() if torch.is_tensor(c)]]
    try:
        return list(torch.jit.load(path, map_location="cpu").state_dict().values())
    except RuntimeError:
        pass
    found, seen = [], set()

    def walk(x):
        if id(x) in seen:
            return
        seen.add(id(x))
        if torch.is_tensor(x):
            found.append(x)
        elif isinstance(x, np.generic):
            walk(np.asarray(x))
        elif isinstance(x, np.ndarray):
            found.append(torch.from_numpy(np.ascontiguousarray(x)).reshape(x.shape))
        elif isinstance(x, torch.nn.Module):
            walk(dict(x.state_dict()))
        elif isinstance(x, dict):
            [walk(v) for v in x.values()]
        elif isinstance(x, (list, tuple)):
            [walk(v) for v in x]
        elif hasattr(x, "__dict__"):
            walk(vars(x))

    sys.path.insert(0, "xtask/python")
    walk(torch.load(path, map_location="cpu", weights_only="runs_a_command" in path))
    return found


def recorded_arrays(path):
    """`bf16@name` was recorded as f32, as what numpy has no type for."""
    import ml_dtypes
    types = {"bf16": "bfloat16", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2"}
    found = []
    with np.load(path) as arrays:
        for name in arrays.files:
            a = arrays[name]
            word = types.get(name.split("@")[0]) if "@" in name else None
            if word:
                found.append(of_bytes(word, a.shape, a.astype(getattr(ml_dtypes, word)).tobytes()))
            else:
                found.append(of_array(a))
    return found


def load_step():
    from safetensors import safe_open
    table = {}
    for name, path, words in cases():
        target = out / (name.replace("/", "_") + ".safetensors")
        keep = [w for i, w in enumerate(words) if "--custom" not in words[max(i - 1, 0):i + 1]]
        done = subprocess.run([args.bin, "convert", path, str(target), *keep], capture_output=True, text=True)
        entry = {"path": path, "words": words, "kind": kind(path)}
        if done.returncode:
            entry["refused"] = done.stderr.strip().splitlines()[0][:150] if done.stderr else "?"
        else:
            with safe_open(target, framework="pt") as f:
                entry["written"] = {k: of_torch(f.get_tensor(k)) for k in f.keys()}
                entry["shared"] = sum(k.startswith("modelport.shared") for k in (f.metadata() or {}))
            target.unlink()
            try:
                if entry["kind"] == "torch":
                    entry["source"] = [of_torch(t) for t in tensors_of_torch(path, words)]
                if entry["kind"] == "onnx":
                    import onnx
                    from onnx import numpy_helper
                    entry["source"] = [of_array(numpy_helper.to_array(t)) for t in onnx.load(path).graph.initializer]
            except Exception as e:  # Old classes and formats: what the version that wrote the file read was recorded.
                recorded = pathlib.Path(path).parent / "weights.npz"
                if recorded.exists():
                    entry["source"] = recorded_arrays(recorded)
                else:
                    entry["unread"] = f"{type(e).__name__}: {e}"[:110]
        table[name] = entry
    json.dump(table, open(out / "written.json", "w"))


def keras_arrays(path):
    import h5py
    import io
    file = path
    if path.endswith(".keras"):
        with zipfile.ZipFile(path) as z:
            file = io.BytesIO(z.read("model.weights.h5"))
    found = []
    with h5py.File(file, "r") as f:
        def visit(name, item):
            if isinstance(item, h5py.Dataset) and "optimizer" not in name and item.dtype.kind not in "OSU":
                a = item[()]
                if isinstance(a, np.ndarray) and "bfloat16" in str(item.attrs.get("dtype", "")):
                    a = a.view(np.uint16)
                found.append(of_array(a))
        f.visititems(visit)
    return found


def tensorflow_arrays(path):
    import tensorflow as tf
    from tensorflow.python.training import py_checkpoint_reader
    path = pathlib.Path(path)
    folder = path if path.is_dir() else path.parent
    indices = sorted([*folder.glob("**/*.index"), *folder.glob("**/*.ckpt")])
    found = []
    for index in indices:
        reader = py_checkpoint_reader.NewCheckpointReader(str(index).removesuffix(".index"))
        found += [of_array(reader.get_tensor(k)) for k in reader.get_variable_to_shape_map()
                  if reader.get_variable_to_dtype_map()[k] != tf.string]
    graphs = [path] if path.suffix in (".pb", ".pbtxt") else sorted(folder.glob("**/*.pb*"))
    from google.protobuf import text_format
    for file in graphs:
        for message in (tf.compat.v1.GraphDef(), __import__("tensorflow.core.protobuf.saved_model_pb2", fromlist=["x"]).SavedModel()):
            try:
                if file.suffix == ".pbtxt":
                    text_format.Parse(file.read_text(), message)
                else:
                    message.ParseFromString(file.read_bytes())
            except Exception:
                continue
            graph_defs = [message] if hasattr(message, "node") else [m.graph_def for m in message.meta_graphs]
            for g in graph_defs:
                nodes = [*g.node, *[n for f in g.library.function for n in f.node_def]]
                for n in nodes:
                    if n.op == "Const" and n.attr["dtype"].type != 7:
                        found.append(of_array(tf.make_ndarray(n.attr["value"].tensor)))
    return found


def keras_step():
    table = json.load(open(out / "written.json"))
    counts, wrong = collections.defaultdict(collections.Counter), []
    for name, entry in sorted(table.items()):
        row = counts[entry["kind"] + " " + name.split("/")[0]]
        if "refused" in entry:
            row["no weights" if "holds no weights" in entry["refused"] else "refused"] += 1
            if "holds no weights" not in entry["refused"]:
                wrong.append(f"{name}: refused: {entry['refused']}")
            continue
        if "source" not in entry and "unread" not in entry:
            try:
                entry["source"] = keras_arrays(entry["path"]) if entry["kind"] == "keras" else tensorflow_arrays(entry["path"])
            except Exception as e:
                entry["unread"] = f"{type(e).__name__}: {e}"[:110]
        row["files"] += 1
        row["tensors"] += len(entry["written"])
        if "unread" in entry:
            row["not read by the framework"] += 1
            wrong.append(f"{name}: the framework does not read it: {entry['unread']}")
            continue
        there = {tuple(map(str, s)) for s in entry["source"]}
        names = [n for n, d in entry["written"].items() if tuple(map(str, d)) not in there]
        row["equal"] += len(entry["written"]) - len(names)
        if names and "weight_norm" in name:
            row["computed"] += len(names)
        elif names:
            row["other"] += len(names)
            wrong.append(f"{name}: {len(names)} of {len(entry['written'])} are not in the source, as `{names[0]}` {entry['written'][names[0]]}")
    columns = ["files", "tensors", "equal", "computed", "other", "no weights", "refused", "not read by the framework"]
    print(f"{'':20}" + "".join(f"{c:>12.12}" for c in columns))
    for key, row in sorted(counts.items()):
        print(f"{key:20}" + "".join(f"{row[c]:12}" for c in columns))
    print("\n".join(wrong))


{"load": load_step, "keras": keras_step}[args.step]()
