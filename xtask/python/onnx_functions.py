#!/usr/bin/env python3
"""ONNX files that bring functions along, as exporters of PyTorch wrote modules. No part of `cargo xtask fixtures`, for what they
mean does not change with a release. Run in the Keras 3 venv: onnx_functions.py FIXTURES"""
import os, sys
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper

node, DOMAIN = helper.make_node, "pkg.test"


def refer(n, name, to, kind):
    """Lets an attribute be one of the function's."""
    a = n.attribute.add()
    a.name, a.ref_attr_name, a.type = name, to, kind
    return n


def functions():
    """`scaled` refers to attributes, one with a default, and to an input that may be absent; `block` calls it twice, with names
    of its own that stand outside too; `head` holds a branch."""
    opsets = [helper.make_opsetid("", 18)]
    scaled = [
        refer(node("LeakyRelu", ["x"], ["y"]), "alpha", "slope", onnx.AttributeProto.FLOAT),
        refer(node("Gemm", ["y", "w", "bias"], ["out"]), "alpha", "factor", onnx.AttributeProto.FLOAT),
    ]
    scaled = helper.make_function(DOMAIN, "scaled", ["x", "w", "bias"], ["out"], scaled, opsets, ["slope"],
                                  [helper.make_attribute("factor", 0.5)])
    block = [
        node("scaled", ["x", "w", "b"], ["y"], domain=DOMAIN, slope=0.1, name="first"),
        node("scaled", ["y", "w"], ["z"], domain=DOMAIN, slope=0.3, factor=2.0, name="second"),
        node("Add", ["x", "z"], ["out"]),
    ]
    block = helper.make_function(DOMAIN, "block", ["x", "w", "b"], ["out", "z"], block, opsets + [helper.make_opsetid(DOMAIN, 1)])
    info = helper.make_tensor_value_info
    branch = lambda name, n: helper.make_graph([n], name, [], [info("r_" + name, TensorProto.FLOAT, ["N", 4])])
    head = [
        node("Constant", [], ["zero"], value_float=0.0),
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["positive"]),
        node("If", ["positive"], ["out"], then_branch=branch("then", node("Tanh", ["x"], ["r_then"])),
             else_branch=branch("else", node("Neg", ["x"], ["r_else"]))),
    ]
    return [scaled, block, helper.make_function(DOMAIN, "head", ["x"], ["out"], head, opsets)]


def model(rng):
    normal = lambda *shape: rng.normal(0, .5, shape).astype(np.float32)
    weights = {"y": normal(4, 4), "w": normal(4, 4), "b": normal(4)}
    nodes = [
        node("block", ["x", "y", "b"], ["z", ""], domain=DOMAIN, name="a"),
        node("block", ["z", "w", "b"], ["more", "inner"], domain=DOMAIN, name="b"),
        node("head", ["more"], ["out"], domain=DOMAIN, name="c"),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "functions", [info("x", TensorProto.FLOAT, ["N", 4])],
                              [info("out", TensorProto.FLOAT, ["N", 4]), info("inner", TensorProto.FLOAT, ["N", 4])],
                              [numpy_helper.from_array(v, k) for k, v in weights.items()])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions(), ir_version=9)


def bad(functions, name):
    """A model that only calls the last of these functions."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph([node(functions[-1].name, ["x"], ["y"], domain=DOMAIN)], name,
                              [info("x", TensorProto.FLOAT, [4])], [info("y", TensorProto.FLOAT, [4])])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]
    m = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)
    place = os.path.join(sys.argv[1], "bad", name)
    os.makedirs(place, exist_ok=True)
    onnx.save(m, os.path.join(place, "model.onnx"))


def calls(name, *called):
    """A function that calls others in a row."""
    nodes = [node(c, [f"v{i}"], [f"v{i + 1}"], **({"domain": DOMAIN} if c != "Neg" else {})) for i, c in enumerate(called)]
    return helper.make_function(DOMAIN, name, ["v0"], [f"v{len(called)}"], nodes,
                                [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)])


def main():
    bad([calls("again", "Neg", "again")], "onnx_function_circle")
    # Each calls the one before sixteen times: 16^9 nodes in 3 KB.
    bad([calls("f0", *["Neg"] * 16), *(calls(f"f{i}", *[f"f{i - 1}"] * 16) for i in range(1, 9))], "onnx_function_bomb")
    out = os.path.join(sys.argv[1], "models/onnx/functions")
    os.makedirs(out, exist_ok=True)
    rng = np.random.default_rng(7)
    m = model(rng)
    onnx.checker.check_model(m)
    onnx.save(m, os.path.join(out, "model.onnx"))
    x = rng.normal(size=(3, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    results = session.run(None, {"x": x})
    np.savez_compressed(os.path.join(out, "io.npz"), **{"in:x": x}, **{f"out:{n}": v for n, v in zip(names, results)})


main()
