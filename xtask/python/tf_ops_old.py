"""Cases of TensorFlow ops as older releases wrote them: ops that new graphs may not hold any more, and attributes that
were not there yet. Also ops that grappler's remapper writes for kernels that this build lacks: what is run are the nodes
that it would have put together."""
import numpy as np
import tensorflow as tf
from tf_lib import In

F = {"T": tf.float32}


def const(name, value):
    value = np.asarray(value)
    return (name, "Const", [], {"dtype": tf.as_dtype(value.dtype), "value": value})


def register(add):
    """`add(op, name, producer, inputs, nodes)`: the last node is y0."""
    image, matrix = In(None, 4, 5, 3), In(None, 4, 4)
    stats = [np.array(v, "float32") for v in ([0.1, -0.2, 0.3], [0.5, 1.5, 2.0], [0.2, 0.0, -0.4], [1.1, 0.8, 1.3])]
    for scaled in (True, False):
        nodes = [const(n, v) for n, v in zip("mvbg", stats)]
        nodes.append(("y0", "BatchNormWithGlobalNormalization", ["x0", "m", "v", "b", "g"], {**F, "variance_epsilon": 1e-3, "scale_after_normalization": scaled}))
        add("BatchNormWithGlobalNormalization", "scaled" if scaled else "unscaled", 8, [image], nodes)
    top = [("t", "TopK", ["x0"], {**F, "k": 3, "sorted": True}), ("y0", "Identity", ["t"], F), ("y1", "Identity", ["t:1"], {"T": tf.int32})]
    today = [const("k", np.int32(3)), ("t", "TopKV2", ["x0", "k"], {**F, "sorted": True, "Tk": tf.int32, "index_type": tf.int32}), *top[1:]]
    add("TopK", "three", 6, [In(None, 7)], top, outs=("y0", "y1"), runs=today)
    low, high = const("l", np.int64(1)), const("u", np.int64(-1))
    add("BatchMatrixBandPart", "lower_one", 13, [matrix], [low, high, ("y0", "BatchMatrixBandPart", ["x0", "l", "u"], F)])
    add("BatchMatrixDiag", "rows", 13, [In(None, 4)], [("y0", "BatchMatrixDiag", ["x0"], F)])
    add("BatchMatrixDiagPart", "square", 13, [matrix], [("y0", "BatchMatrixDiagPart", ["x0"], F)])
    add("BatchMatrixSetDiag", "square", 13, [matrix, In(None, 4)], [("y0", "BatchMatrixSetDiag", ["x0", "x1"], F)])
    square = In(None, 2, 2, values=lambda rng, s: rng.normal(0, 1, s) + 3 * np.eye(2))
    add("BatchMatrixInverse", "two", 12, [square], [("y0", "BatchMatrixInverse", ["x0"], {**F, "adjoint": False})])
    add("BatchMatrixDeterminant", "two", 12, [square], [("y0", "BatchMatrixDeterminant", ["x0"], F)])
    quantised = {**F, "signed_input": True, "num_bits": 8, "range_given": True, "input_min": -1.0, "input_max": 1.3}
    add("QuantizeAndDequantize", "v1", 21, [In(None, 5)], [("y0", "QuantizeAndDequantize", ["x0"], quantised)])
    kernel = const("k", np.random.default_rng(5).normal(0, 0.4, (3, 3, 3, 4)).astype("float32"))
    window = {**F, "strides": [1, 2, 2, 1], "padding": "SAME"}
    add("Conv2D", "no_defaults", 8, [image], [kernel, ("y0", "Conv2D", ["x0", "k"], window)])
    size = const("s", np.array([7, 8], "int32"))
    for op in ("ResizeBilinear", "ResizeNearestNeighbor"):
        add(op, "no_defaults", 21, [image], [size, ("y0", op, ["x0", "s"], F)])
    sizes = const("s", np.array([2, 7, 9, 3, 4], "int32"))
    deep = const("k", np.random.default_rng(6).normal(0, 0.3, (2, 3, 2, 4, 2)).astype("float32"))
    add("Conv3DBackpropInput", "v1", 8, [In(2, 4, 5, 2, 2)], [const("s", np.array([2, 4, 5, 2, 4], "int32")), deep,
        ("z", "Shape", ["s"], {"T": tf.int32}), ("f", "Fill", ["s", "zero"], F), const("zero", np.float32(0)),
        ("y0", "Conv3DBackpropInput", ["f", "k", "x0"], {**F, "strides": [1, 1, 1, 1, 1], "padding": "SAME"})])
    optimised(add, image, stats)


def optimised(add, image, stats):
    """Fused ops of GPU and oneDNN builds (core/grappler/optimizers/remapper.cc, 2.21)."""
    norm = {**F, "U": tf.float32, "epsilon": 2e-3, "exponential_avg_factor": 1.0, "is_training": False, "data_format": "NHWC"}
    named = [const(n, v) for n, v in zip("mvbg", stats)]
    operands = ["x0", "g", "b", "m", "v"]
    for label, ins, sides, mode in (("relu", [image], 0, "Relu"), ("side_relu", [image, image], 1, "Relu"), ("plain", [image], 0, "Identity")):
        fused = ("y0", "_FusedBatchNormEx", operands + ["x1"] * sides, {**norm, "num_side_inputs": sides, "activation_mode": mode})
        apart = [("n", "FusedBatchNormV3", operands, norm)]
        if sides:
            apart.append(("s", "AddV2", ["n", "x1"], F))
        apart.append(("y0", mode, [apart[-1][0]], F))
        add("_FusedBatchNormEx", label, 2000, ins, named + [fused], runs=named + apart)
    rng = np.random.default_rng(8)
    kernel, bias = const("k", rng.normal(0, 0.4, (3, 3, 3, 2)).astype("float32")), const("c", rng.normal(0, 0.5, 6).astype("float32"))
    window = {**F, "strides": [1, 2, 2, 1], "padding": "SAME", "data_format": "NHWC", "dilations": [1, 1, 1, 1], "explicit_paddings": []}
    for activation in ("", "Relu6", "Elu"):
        fused = {**window, "num_args": 1, "fused_ops": ["BiasAdd", activation] if activation else ["BiasAdd"], "epsilon": 1e-4, "leakyrelu_alpha": 0.2}
        apart = [("d", "DepthwiseConv2dNative", ["x0", "k"], window), ("e", "BiasAdd", ["d", "c"], {**F, "data_format": "NHWC"}), ("y0", activation or "Identity", ["e"], F)]
        label = f"bias_{activation.lower()}" if activation else "bias"
        add("_FusedDepthwiseConv2dNative", label, 2000, [image], [kernel, bias, ("y0", "_FusedDepthwiseConv2dNative", ["x0", "k", "c"], fused)], runs=[kernel, bias, *apart])
