#!/usr/bin/env python3
"""ONNX files as they were written at opsets 7 to 10, before attributes became operands. No part of `cargo xtask fixtures`, for
what they mean does not change with a release. Run in the Keras 3 venv: onnx_old.py FIXTURES"""
import os, sys
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper

node = helper.make_node


def model(opset, rng):
    """A small network of ops whose form changed: Pad and Clip by attributes, Slice-1, Upsample-7 and -9, Resize-10, Unsqueeze."""
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
    weights = {
        "kernel": normal(4, 3, 3, 3), "scale": normal(4), "shift": normal(4), "mean": normal(4),
        "variance": rng.uniform(0.5, 2, 4).astype(np.float32), "dense": normal(4 * 6 * 6, 5), "bias": normal(5),
    }
    nodes = [
        node("Conv", ["x", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["conv", "scale", "shift", "mean", "variance"], ["norm"], epsilon=1e-3),
        node("Clip", ["norm"], ["relu6"], min=0.0, max=6.0),
        node("MaxPool", ["relu6"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Dropout", ["pool"], ["drop"], ratio=0.3),
        node("Pad", ["drop"], ["pad"], pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="constant", value=0.5),
    ]
    if opset < 10:
        nodes.append(node("Slice", ["pad"], ["cut"], starts=[1, 1], ends=[4, 4], axes=[2, 3]))
    else:
        weights |= {"starts": np.array([1, 1]), "ends": np.array([4, 4]), "axes": np.array([2, 3])}
        nodes.append(node("Slice", ["pad", "starts", "ends", "axes"], ["cut"]))
    if opset < 9:
        nodes.append(node("Upsample", ["cut"], ["large"], scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"))
    else:
        weights["scales"] = np.array([1, 1, 2, 2], np.float32)
        nodes.append(node("Upsample" if opset == 9 else "Resize", ["cut", "scales"], ["large"], mode="nearest"))
    nodes += [
        node("Flatten", ["large"], ["flat"]),
        node("Gemm", ["flat", "dense", "bias"], ["gemm"], alpha=0.1),
        node("Softmax", ["gemm"], ["soft"], axis=1),
        node("Unsqueeze", ["soft"], ["wide"], axes=[1]),
        node("ReduceSumSquare", ["wide"], ["power"], axes=[2], keepdims=0),
        node("Squeeze", ["wide"], ["y"], axes=[1]),
    ]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    tensors = [numpy_helper.from_array(a, n) for n, a in weights.items()]
    # Up to IR version 3 an initializer is an input too.
    inputs = [value("x", ["N", 3, 8, 8])] + [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    graph = helper.make_graph(nodes, "old", inputs, [value("y", ["N", 5]), value("power", ["N", 1])], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)


for opset in (7, 8, 9, 10):
    rng = np.random.default_rng(opset)
    m = model(opset, rng)
    onnx.checker.check_model(m)
    place = os.path.join(sys.argv[1], "models", "onnx", f"opset{opset}")
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, "model.onnx")
    onnx.save(m, path)
    x = rng.normal(size=(2, 3, 8, 8)).astype(np.float32)
    y, power = onnxruntime.InferenceSession(path).run(None, {"x": x})
    np.savez(os.path.join(place, "io.npz"), **{"in:x": x, "out:y": y, "out:power": power})
