"""Reduces the tables of facts on framework versions to what `modelport doctor` looks up.

    python3 xtask/python/doctor_tables.py FACTS_DIR

writes crates/modelport/src/doctor/data/*.tsv. FACTS_DIR holds the tables that were extracted from the frameworks' wheels
(keras_config_accept.tsv, keras_layers.tsv, tf_ops.tsv, ...; one header line, tab-separated, no quoting).
"""

import csv
import pathlib
import sys

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/modelport/src/doctor/data"
PRODUCTS = ("keras", "tf.keras", "tf_keras")


def rows(facts, name):
    with open(facts / name, encoding="utf8") as f:
        lines = (line for line in f if not line.startswith("#"))
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def write(name, header, table):
    text = "".join("\t".join(row).rstrip("\t") + "\n" for row in table)
    (OUT / name).write_text(f"# {header}\n{text}", encoding="utf8")
    print(f"{name}: {len(table)} rows, {len(text) // 1024} KiB")


def version(text):
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))


def keras(facts):
    """One row per class of a product: where it exists, whether __init__ takes **kwargs, which keys it accepts."""
    info, covered = {}, {p: set() for p in PRODUCTS}
    for r in rows(facts, "keras_layers.tsv"):
        if r["category"] != "layer" or r["product"] not in PRODUCTS or "@" in r["class"]:
            continue
        covered[r["product"]] |= {r["first_version"], r["last_version"]}
        one = info.setdefault((r["product"], r["class"]), {"public": "", "varkw": [], "fn": False})
        if r["kind"] in ("class", "function", "alias"):
            names = r["export_or_inherited"]
            if r["kind"] == "function":
                one["fn"] = True
            if any(n.startswith(("keras.layers.", "keras.Model", "keras.Sequential", "keras.models.")) for n in names.replace(",", " ").split()):
                one["public"] = "public"
            elif r["kind"] == "class" and version(r["last_version"]) < (2, 4) and r["product"] == "keras":
                one["public"] = "public"
        if r["kind"] == "varkw":
            one["varkw"].append(f'{r["first_version"]}-{r["last_version"]}')
    classes = {}
    for r in rows(facts, "keras_config_accept.tsv"):
        if r["category"] != "layer" or (r["product"], r["class"]) not in info:
            continue
        for column in ("class_exists", "accepted_by_init"):
            for part in r[column].split(","):
                covered[r["product"]] |= {v for v in part.split("-") if v}
        c = classes.setdefault((r["product"], r["class"]), {"exists": r["class_exists"], "own": r["own_from_config"], "keys": [], "open": ""})
        if r["init_kwargs_unresolved"]:
            c["open"] = r["init_kwargs_unresolved"]
        if r["accepted_by_init"]:
            c["keys"].append(r["key"] if r["accepted_by_init"] == r["class_exists"] else f'{r["key"]}:{r["accepted_by_init"]}')
    for (product, name), one in info.items():
        if one["public"] and not one["fn"] and (product, name) not in classes:
            classes[product, name] = {"exists": "", "own": "", "keys": [], "open": ""}
    table = [["covered", p, " ".join(sorted(covered[p], key=version))] for p in PRODUCTS]
    for (product, name), c in sorted(classes.items()):
        one = info[product, name]
        if not c["exists"] or (not one["public"] and name not in ("Functional", "Model", "Sequential", "InputLayer", "TFOpLambda", "SlicingOpLambda", "SyncBatchNormalization", "TensorFlowOpLayer", "ThresholdedReLU", "RandomHeight", "RandomWidth")):
            continue
        table.append([product, name, one["public"], c["exists"], ",".join(one["varkw"]), c["own"], c["open"], " ".join(sorted(c["keys"]))])
    # Activations: functions of keras.activations. swish and hard_swish are aliases in Keras 3 (`ALL_OBJECTS_DICT` of
    # keras/src/activations/__init__.py 3.15.1); relu6 = tf.nn.relu6 stands in keras/activations.py of 2.6.0 to 2.15.0.
    names = {}
    for r in rows(facts, "keras_layers.tsv"):
        if r["category"] == "activation" and r["kind"] in ("function", "alias") and r["product"] in PRODUCTS and r["class"] not in ("get", "serialize", "deserialize"):
            names.setdefault((r["product"], r["class"]), []).append(f'{r["first_version"]}-{r["last_version"]}')
    for product, name, ranges in (("keras", "swish", "3.0.0-3.15.1"), ("keras", "silu", "2.6.0-2.15.0"), ("keras", "hard_swish", "3.0.5-3.15.1"), ("keras", "relu6", "2.6.0-2.15.0"), ("tf_keras", "relu6", "2.15.1-2.21.0"), ("tf_keras", "silu", "2.15.1-2.21.0")):
        names.setdefault((product, name), []).append(ranges)
    table += [["activation", p, n, ",".join(sorted(set(r)))] for (p, n), r in sorted(names.items())]
    write("keras.tsv", "product class public exists takes_kwargs own_from_config open_kwargs accepted_keys[:versions]; from keras_layers.tsv and keras_config_accept.tsv", table)


def torchvision(facts):
    table = []
    for r in rows(facts, "torchvision_classes.tsv"):
        if r["qualified_name"].startswith("torchvision.") and " (" not in r["qualified_name"].split(" ")[0]:
            name = r["qualified_name"].split(" ")[0]
            alias = "alias" if "(" in r["qualified_name"] else ""
            table.append([name, r["first_version"], r["last_version"], r["absent_between"], alias, r["successor_evidence"][:160]])
    write("torchvision.tsv", "class first last absent_between alias successor; from torchvision_classes.tsv", table)


def torch(facts):
    keep = ("default", "weights_only", "weights_only_allowed_global", "rebuild_function", "storage_class", "storage_dtype_map", "storage_new_dtype", "export_schema_version", "file_format_header", "pt2_archive_constant", "export_zip_member_written", "jit_serialization_header")
    table = [[r["area"], r["item"], r["value"], r["version_ranges"]] for r in rows(facts, "torch_formats.tsv") if r["area"] in keep]
    write("torch.tsv", "area item value versions; from torch_formats.tsv", table)


def tensorflow(facts):
    table = [["version", r["tf_version"], r["graph_def_version(producer)"]] for r in rows(facts, "tf_graphdef_versions.tsv")]
    attrs, ops, first = {}, [], {}
    for r in rows(facts, "tf_ops.tsv"):
        if not r["attr"]:
            ops.append(r)
            first[r["op"]] = r["first_version_seen"]
        # An attribute that came after its op is what an older binary refuses.
        elif r["first_version_seen"] != first.get(r["op"], r["first_version_seen"]):
            attrs.setdefault(r["op"], []).append(f'{r["attr"]}:{r["first_version_seen"]}={r["default"]}')
    for r in ops:
        contrib = "contrib" if "contrib" in r["module"] else ""
        table.append([r["op"], r["first_version_seen"], r["last_version_seen"], r["absent_between"], contrib, " ".join(a.replace(" ", "") for a in attrs.get(r["op"], []))])
    write("tensorflow.tsv", "op first last absent_between contrib later_attributes:version=default, after the rows `version` release producer; from tf_ops.tsv and tf_graphdef_versions.tsv", table)


def onnx(facts):
    # The documentation's table ends at 1.20. Measured with onnxruntime 1.32.0: it runs opset 28 and IR version 14, no later.
    table = [["onnxruntime", "1.32", "28", "5", "14"]]
    for r in rows(facts, "onnxruntime_versions.tsv"):
        table.append(["onnxruntime", r["onnxruntime"], r["max_ai.onnx_opset"], r["max_ai.onnx.ml_opset"], r["max_ir_version"]])
    for r in rows(facts, "onnx_release_versions.tsv"):
        table.append(["onnx", r["onnx_release"], r["ai.onnx_opset"], r["ai.onnx.ml_opset"], r["ir_version"]])
    write("onnx.tsv", "product version newest_opset newest_ml_opset newest_ir_version; from onnxruntime_versions.tsv and onnx_release_versions.tsv", table)


if __name__ == "__main__":
    directory = pathlib.Path(sys.argv[1])
    OUT.mkdir(parents=True, exist_ok=True)
    for table in (keras, torchvision, torch, tensorflow, onnx):
        table(directory)
