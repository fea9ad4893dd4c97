"""Tiny files for `modelport doctor`, written by the real frameworks: fixtures/doctor/<name>.

    doctor_fixtures.py --python-set torch|keras2|keras3 --out fixtures

What needs no framework (pointers, truncated files, wrong names) is made by tests/tests/signatures.rs itself.
"""
import argparse, collections, json, os, pickle, sys, types

ap = argparse.ArgumentParser()
ap.add_argument("--python-set", required=True)
ap.add_argument("--out", required=True)
ap.add_argument("--only", default="")
a = ap.parse_args()
OUT = os.path.join(a.out, "doctor")
os.makedirs(OUT, exist_ok=True)


def at(name):
    return os.path.join(OUT, name)


def module(name, **classes):
    """A module that exists while a pickle is written, as a user's own source tree does."""
    m = types.ModuleType(name)
    m.__path__ = []
    sys.modules[name] = m
    for key, value in classes.items():
        value.__module__, value.__qualname__ = name, key
        setattr(m, key, value)
    return m


def torch_files():
    import torch, torchvision
    torch.manual_seed(1)
    lin = torch.nn.Linear(2, 2)
    torch.save(lin.state_dict(), at("state_dict.pth"))
    torch.save(lin.state_dict(), at("legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save({"module." + k: v for k, v in lin.state_dict().items()}, at("data_parallel.pth"))
    torch.save({"epoch": 3, "model": lin.state_dict(), "optimizer": {"lr": 0.1}}, at("checkpoint.pth"))

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(2, 2)

    Net.__module__, Net.__qualname__ = "__main__", "Net"
    sys.modules["__main__"].Net = Net
    torch.save(Net(), at("main_class.pth"))
    yolo = type("Model", (torch.nn.Module,), {})
    module("models"), module("models.yolo", Model=yolo)
    torch.save(yolo(), at("models_yolo.pth"))
    torch.save({"epoch": -1, "model": yolo()}, at("yolo_checkpoint.pth"))
    gelu = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.GELU())
    del gelu[1].__dict__["approximate"]
    torch.save(gelu, at("old_gelu.pth"))
    relu = type("ConvBNReLU", (torch.nn.Sequential,), {})
    module("torchvision.models.mobilenet", ConvBNReLU=relu)
    torch.save(relu(torch.nn.Linear(2, 2)), at("convbnrelu.pth"))
    for name, tag in ("cuda", "cuda:0"), ("mps", "mps"):
        import torch.serialization as s
        keep, s.location_tag = s.location_tag, lambda storage: tag
        torch.save(lin.state_dict(), at(f"{name}.pth"))
        s.location_tag = keep
    with open(at("plain_pickle.pth"), "wb") as f:
        pickle.dump({"w": [1.0, 2.0]}, f, protocol=2)
    import numpy as np
    torch.save({"w": torch.ones(2), "best": np.float64(0.5)}, at("numpy2.pth"))

    class Gate(torch.nn.Module):
        def forward(self, x):
            return torch.relu(x) if bool(x.sum() > 0) else x

    torch.jit.save(torch.jit.script(Gate()), at("script.pt"))
    class Nms(torch.nn.Module):
        def forward(self, boxes, scores):
            return torch.ops.torchvision.nms(boxes, scores, 0.5)

    torch.jit.save(torch.jit.script(Nms()), at("nms.pt"))
    torch.export.save(torch.export.export(lin, (torch.ones(1, 2),)), at("program.pt2"))


def keras2_files():
    import tensorflow as tf
    from tensorflow import keras
    L = keras.layers
    keras.utils.set_random_seed(1)

    def h5(name, layer, shape=(4, 4, 2), **kw):
        keras.Sequential([keras.Input(shape), layer]).save(at(name), **kw)

    h5("depthwise.h5", L.DepthwiseConv2D(2))
    h5("lstm.h5", L.LSTM(2), (3, 2))
    h5("hard_sigmoid.h5", L.Dense(2, activation="hard_sigmoid"), (2,))
    h5("lambda.h5", L.Lambda(lambda x: x * 2), (2,))
    h5("relu6.h5", L.Dense(2, activation="relu6"), (2,))
    h5("sequential_215.keras", L.Dense(2), (2,))
    x = keras.Input((2,))
    keras.Model(x, L.Dense(2)(x)).save(at("functional_215.keras"))
    x = keras.Input((2,))
    keras.Model(x, L.Dense(2)(x) * 2.0).save(at("tf_op.h5"))
    m = keras.Sequential([keras.Input((2,)), L.Dense(2)])
    m.compile("sgd", "mse", metrics=["mse"])
    m.save(at("compiled.h5"))
    m.save_weights(at("weights.h5"))

    class Mine(L.Layer):
        pass

    h5("custom.h5", Mine(), (2,))
    h5("custom.keras", Mine(), (2,))
    m = tf.Module()
    m.f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None, 2])])
    tf.saved_model.save(m, at("saved_model"), signatures=m.f)
    import shutil
    shutil.rmtree(os.path.join(at("saved_model"), "assets"), ignore_errors=True)
    os.remove(os.path.join(at("saved_model"), "fingerprint.pb"))
    g = tf.Graph()
    with g.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [1, 2], "x")
        tf.nn.relu(x, "y")
    open(at("frozen.pb"), "wb").write(g.as_graph_def().SerializeToString())
    tf.io.write_graph(g.as_graph_def(), OUT, "frozen.pbtxt", as_text=True)
    d = g.as_graph_def()
    d.node[1].op = "MyExtensionOp"
    open(at("extension.pb"), "wb").write(d.SerializeToString())
    d = g.as_graph_def()
    n = d.node.add()
    n.name, n.op = "rnn", "CudnnRNNV3"
    open(at("cudnn.pb"), "wb").write(d.SerializeToString())
    g = tf.Graph()
    with g.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [1, 4, 4, 1], "x")
        tf.nn.conv2d(x, tf.ones([2, 2, 1, 1]), 1, "VALID", name="y")
    open(at("conv.pb"), "wb").write(g.as_graph_def().SerializeToString())
    v = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0]))
    v.write(at("variables.ckpt"))


def keras3_files():
    import keras
    L = keras.layers
    keras.utils.set_random_seed(1)
    x = keras.Input((2,))
    keras.Model(x, L.Dense(2)(x)).save(at("functional_315.keras"))
    x = keras.Input((2,))
    keras.Model(x, L.Dense(2)(x)).save(at("keras3.h5"))
    import onnx
    from onnx import TensorProto as T, helper as h
    def onnx_file(name, nodes, opset, ir, **kw):
        info = lambda n: h.make_tensor_value_info(n, T.FLOAT, [1, 2])
        m = h.make_model(h.make_graph(nodes, "g", [info("x")], [info("y")]), opset_imports=[h.make_opsetid("", opset)])
        m.ir_version = ir
        onnx.save(m, at(name))
    onnx_file("newest.onnx", [h.make_node("Relu", ["x"], ["y"])], 28, 14)
    bn = [h.make_node("Constant", [], [n], value=h.make_tensor(n, T.FLOAT, [2], [1.0, 2.0])) for n in ("s", "b", "m", "v")]
    bn.append(h.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "m2", "v2"], name="bn", training_mode=1))
    onnx_file("training.onnx", bn, 15, 8)
    onnx_file("oldest.onnx", [h.make_node("Relu", ["x"], ["y"])], 6, 3)


globals()[a.python_set.replace("-", "_") + "_files"]()
