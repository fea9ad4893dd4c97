#!/usr/bin/env python3
"""Writes the node tests of the installed `onnx` package as files: `<OUT>/<case>/model.onnx`, `test_data_set_0/input_0.pb`, …

Up to 1.19 the package ships them so (`onnx/backend/test/data/node`); later ones ship only the code that computes them.
"""
import os, sys, warnings
import onnx
from onnx import numpy_helper as nh
from onnx.backend.test.case.node import collect_testcases


def proto_of(value, info):
    """The value as the message that its type asks for."""
    if isinstance(value, (onnx.TensorProto, onnx.SequenceProto, onnx.OptionalProto)):
        return value
    kind = info.type.WhichOneof("value")
    convert = {"tensor_type": nh.from_array, "sequence_type": nh.from_list, "optional_type": nh.from_optional, "map_type": nh.from_dict}[kind]
    return convert(value, info.name)


def write(case, out):
    directory = os.path.join(out, case.name)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "model.onnx"), "wb") as fh:
        fh.write(case.model.SerializeToString())
    for i, (inputs, outputs) in enumerate(case.data_sets):
        data = os.path.join(directory, f"test_data_set_{i}")
        os.makedirs(data, exist_ok=True)
        graph = case.model.graph
        for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for j, (value, info) in enumerate(zip(values, infos)):
                with open(os.path.join(data, f"{kind}_{j}.pb"), "wb") as fh:
                    fh.write(proto_of(value, info).SerializeToString())


warnings.simplefilter("ignore")
out, count = sys.argv[1], 0
for case in collect_testcases():
    write(case, out)
    count += 1
print(f"{count} node tests of onnx {onnx.__version__}")
