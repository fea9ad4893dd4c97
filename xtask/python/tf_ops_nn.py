"""Cases of TensorFlow ops: activations, convolutions, pools, normalisations, recurrent cells, quantisation."""
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_library
from tf_lib import In

R = tf.raw_ops
N = In(None, 4)
RNG = np.random.default_rng(11)
I4 = In(None, 8, 7, 4)
D4 = In(None, None, None, 4)


def w(*shape, scale=None):
    """A kernel with the magnitudes of a trained one."""
    fan = np.prod(shape[:-1]) if len(shape) > 1 else shape[0]
    return RNG.normal(0, scale or np.sqrt(2.0 / fan), shape).astype("float32")


def hidden(op, **args):
    """An op that Python has no wrapper for."""
    return op_def_library.apply_op(op, **args)


def activations(add):
    for name in "Relu Relu6 Elu Selu Softplus Softsign".split():
        add(name, "f32", lambda x, op=getattr(R, name): op(features=x * 3.0), N)
    add("Relu", "i32", lambda x: R.Relu(features=x), In(None, 4, dtype="int32"))
    add("LeakyRelu", "default", lambda x: R.LeakyRelu(features=x), N)
    add("LeakyRelu", "alpha", lambda x: R.LeakyRelu(features=x, alpha=0.35), N)
    add("Sigmoid", "f32", lambda x: R.Sigmoid(x=x), N)
    add("Tanh", "f32", lambda x: R.Tanh(x=x), N)
    for name in ("Softmax", "LogSoftmax"):
        add(name, "rows", lambda x, op=getattr(R, name): op(logits=x), N)
        add(name, "rank4", lambda x, op=getattr(R, name): op(logits=x), I4)
    add("L2Loss", "f32", lambda x: R.L2Loss(t=x), N)
    add("SoftmaxCrossEntropyWithLogits", "both", lambda x, y: R.SoftmaxCrossEntropyWithLogits(features=x, labels=tf.nn.softmax(y)), N, N)
    add("SparseSoftmaxCrossEntropyWithLogits", "both", lambda x, y: R.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y), N, In(None, dtype="int32", values=(0, 4)))


def convolutions(add):
    k = w(3, 3, 4, 5)
    for pad in ("SAME", "VALID"):
        for s in (1, 2):
            conv = lambda x, pad=pad, s=s: R.Conv2D(input=x, filter=k, strides=[1, s, s, 1], padding=pad)
            add("Conv2D", f"{pad.lower()}_stride{s}", conv, I4)
            add("Conv2D", f"{pad.lower()}_stride{s}_dynamic", conv, D4)
    add("Conv2D", "explicit", lambda x: R.Conv2D(input=x, filter=k, strides=[1, 2, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]), I4)
    add("Conv2D", "dilated", lambda x: R.Conv2D(input=x, filter=k, strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1]), I4)
    add("Conv2D", "groups", lambda x: R.Conv2D(input=x, filter=w(3, 3, 2, 6), strides=[1, 1, 1, 1], padding="SAME"), I4)
    add("Conv2D", "kernel_computed", lambda x, y: R.Conv2D(input=x, filter=y, strides=[1, 1, 1, 1], padding="VALID"), I4, In(2, 2, 4, 3))
    add("Conv2D", "conv1d", lambda x: tf.nn.conv1d(x, w(3, 4, 5), 2, "SAME"), In(None, 9, 4))
    add("Conv2D", "conv1d_dynamic_dilated", lambda x: tf.nn.conv1d(x, w(3, 4, 5), 1, "SAME", dilations=2), In(None, None, 4))
    k3 = w(2, 3, 2, 3, 4)
    V = In(None, 5, 6, 4, 3)
    for pad in ("SAME", "VALID"):
        for s in (1, 2):
            add("Conv3D", f"{pad.lower()}_stride{s}", lambda x, pad=pad, s=s: R.Conv3D(input=x, filter=k3, strides=[1, s, s, s, 1], padding=pad), V)
    add("Conv3D", "dynamic", lambda x: R.Conv3D(input=x, filter=k3, strides=[1, 2, 2, 2, 1], padding="SAME"), In(None, None, None, None, 3))
    d = w(3, 3, 4, 2)
    depthwise = lambda x, s, pad, **more: R.DepthwiseConv2dNative(input=x, filter=d, strides=[1, s, s, 1], padding=pad, **more)
    for pad in ("SAME", "VALID"):
        for s in (1, 2):
            add("DepthwiseConv2dNative", f"{pad.lower()}_stride{s}", lambda x, pad=pad, s=s: depthwise(x, s, pad), I4)
    add("DepthwiseConv2dNative", "dynamic", lambda x: depthwise(x, 2, "SAME"), D4)
    add("DepthwiseConv2dNative", "explicit", lambda x: depthwise(x, 1, "EXPLICIT", explicit_paddings=[0, 0, 2, 1, 1, 0, 0, 0]), I4)
    add("BiasAdd", "nhwc", lambda x: R.BiasAdd(value=x, bias=w(4)), I4)
    add("BiasAdd", "nchw", lambda x: R.BiasAdd(value=x, bias=w(4), data_format="NCHW"), In(None, 4, 3, 5))
    add("BiasAdd", "matrix", lambda x: R.BiasAdd(value=x, bias=w(4)), N)
    add("BiasAddV1", "matrix", lambda x: R.BiasAddV1(value=x, bias=w(4)), N)
    one = lambda fused, args, **more: lambda x: hidden("_FusedConv2D", name="fused", input=x, filter=tf.constant(k), args=[tf.constant(a) for a in args], host_args=[], num_args=len(args), strides=[1, 1, 1, 1], padding="SAME", fused_ops=fused, **({"explicit_paddings": [], "data_format": "NHWC", "filter_format": "HWIO", "dilations": [1, 1, 1, 1], "use_cudnn_on_gpu": True, "epsilon": 1e-4, "leakyrelu_alpha": 0.2} | more))
    bn = [w(5, scale=0.5) + 1, w(5), w(5), np.abs(w(5)) + 0.5]
    for name in ("Relu", "Relu6", "Elu", "LeakyRelu"):
        more = {"leakyrelu_alpha": 0.1} if name == "LeakyRelu" else {}
        add("_FusedConv2D", f"bias_{name.lower()}", one(["BiasAdd", name], [w(5)], **more), I4)
    add("_FusedConv2D", "bias", one(["BiasAdd"], [w(5)]), I4)
    add("_FusedConv2D", "norm_relu", one(["FusedBatchNorm", "Relu"], bn, epsilon=1e-3), I4)
    mm = lambda fused, args, **more: lambda x: hidden("_FusedMatMul", name="fused", a=x, b=tf.constant(w(4, 5)), args=[tf.constant(a) for a in args], fused_ops=fused, transpose_a=False, transpose_b=False, epsilon=1e-4, leakyrelu_alpha=0.2)
    for name in ("Relu", "Relu6", "Elu", "LeakyRelu", "Tanh", "Sigmoid"):
        add("_FusedMatMul", f"bias_{name.lower()}", mm(["BiasAdd", name], [w(5)]), N)
    add("_FusedMatMul", "bias", mm(["BiasAdd"], [w(5)]), N)


def transposed(add):
    k = w(3, 3, 5, 4)
    back = lambda x, out, s, pad, **more: R.Conv2DBackpropInput(input_sizes=out, filter=k, out_backprop=x, strides=[1, s, s, 1], padding=pad, **more)
    x = In(None, 4, 5, 4)
    n = lambda x: tf.shape(x)[0]
    for pad, s, h, v in (("SAME", 2, 8, 10), ("SAME", 2, 7, 9), ("VALID", 2, 9, 11), ("VALID", 2, 10, 12), ("SAME", 1, 4, 5), ("VALID", 1, 6, 7), ("SAME", 4, 16, 18)):
        add("Conv2DBackpropInput", f"{pad.lower()}_{s}_{h}_{v}", lambda x, pad=pad, s=s, h=h, v=v: back(x, tf.stack([n(x), h, v, 5]), s, pad), x)
    add("Conv2DBackpropInput", "explicit", lambda x: back(x, tf.stack([n(x), 8, 10, 5]), 2, "EXPLICIT", explicit_paddings=[0, 0, 1, 0, 0, 1, 0, 0]), x)
    grow = lambda x, f: tf.stack([n(x), f(tf.shape(x)[1]), f(tf.shape(x)[2]), 5])
    add("Conv2DBackpropInput", "same_dynamic", lambda x: back(x, grow(x, lambda h: h * 2), 2, "SAME"), D4)
    add("Conv2DBackpropInput", "valid_dynamic", lambda x: back(x, grow(x, lambda h: h * 2 + 1), 2, "VALID"), D4)
    add("Conv2DBackpropInput", "like_other", lambda x, y: back(x, tf.shape(y), 2, "SAME"), D4, In(None, None, None, 5, feed=[3, 11, 12, 5]))
    add("Conv2DBackpropInput", "like_other_valid", lambda x, y: back(x, tf.shape(y), 2, "VALID"), In(None, None, None, 4, feed=[3, 5, 5, 4]), In(None, None, None, 5, feed=[3, 11, 12, 5]))
    k3 = w(3, 2, 3, 3, 4)
    deep = lambda x, out, pad: R.Conv3DBackpropInputV2(input_sizes=out, filter=k3, out_backprop=x, strides=[1, 2, 2, 2, 1], padding=pad)
    v = In(None, 3, 4, 2, 4)
    add("Conv3DBackpropInputV2", "same", lambda x: deep(x, tf.stack([n(x), 6, 8, 4, 3]), "SAME"), v)
    add("Conv3DBackpropInputV2", "valid", lambda x: deep(x, tf.stack([n(x), 7, 8, 5, 3]), "VALID"), v)
    d = w(3, 3, 4, 2)
    wide = lambda x, h, v, s, pad: R.DepthwiseConv2dNativeBackpropInput(input_sizes=tf.stack([n(x), h, v, 4]), filter=d, out_backprop=x, strides=[1, s, s, 1], padding=pad)
    add("DepthwiseConv2dNativeBackpropInput", "same", lambda x: wide(x, 8, 10, 2, "SAME"), In(None, 4, 5, 8))
    add("DepthwiseConv2dNativeBackpropInput", "valid", lambda x: wide(x, 6, 7, 1, "VALID"), In(None, 4, 5, 8))


def blocks(add):
    k = w(3, 3, 4, 5)
    around = lambda x, pads, crops, f, b=2: R.BatchToSpaceND(input=f(R.SpaceToBatchND(input=x, block_shape=[b, b], paddings=pads)), block_shape=[b, b], crops=crops)
    conv = lambda x: R.Conv2D(input=x, filter=k, strides=[1, 1, 1, 1], padding="VALID")
    add("SpaceToBatchND", "dilated_conv", lambda x: around(x, [[2, 2], [2, 3]], [[0, 0], [0, 1]], conv), I4)
    depthwise = lambda x: R.DepthwiseConv2dNative(input=x, filter=w(3, 3, 4, 1), strides=[1, 1, 1, 1], padding="VALID")
    add("SpaceToBatchND", "dilated_depthwise", lambda x: around(x, [[2, 2], [2, 3]], [[0, 0], [0, 1]], depthwise), I4)
    add("SpaceToBatchND", "valid", lambda x: around(x, [[0, 0], [0, 1]], [[0, 0], [0, 1]], conv), I4)
    add("SpaceToBatchND", "alone", lambda x: R.SpaceToBatchND(input=x, block_shape=[2, 3], paddings=[[1, 1], [2, 0]]), I4)
    add("SpaceToBatchND", "one_axis", lambda x: R.SpaceToBatchND(input=x, block_shape=[3], paddings=[[1, 0]]), In(None, 8, 4))
    add("SpaceToBatchND", "dynamic", lambda x: R.SpaceToBatchND(input=x, block_shape=[2, 2], paddings=[[1, 1], [0, 0]]), D4)
    computed = lambda x: tf.stack([[1, 1], tf.stack([0, tf.shape(x)[2] % 2])])
    add("SpaceToBatchND", "computed", lambda x: R.SpaceToBatchND(input=x, block_shape=[2, 2], paddings=computed(x)), In(None, 8, None, 4, feed=[2, 8, 7, 4]))
    add("SpaceToBatch", "v1", lambda x: R.SpaceToBatch(input=x, paddings=[[0, 0], [1, 0]], block_size=2), I4)
    b = In(None, 4, 5, 3, feed=[8, 4, 5, 3])
    add("BatchToSpaceND", "crops", lambda x: R.BatchToSpaceND(input=x, block_shape=[2, 2], crops=[[1, 0], [0, 2]]), b)
    add("BatchToSpaceND", "dynamic", lambda x: R.BatchToSpaceND(input=x, block_shape=[2, 2], crops=[[0, 0], [0, 1]]), In(None, None, None, 3, feed=[8, 4, 5, 3]))
    add("BatchToSpaceND", "computed", lambda x, c: R.BatchToSpaceND(input=x, block_shape=[2, 2], crops=c), b, In(2, 2, dtype="int32", values=[[0, 1], [1, 0]]))
    add("BatchToSpace", "v1", lambda x: R.BatchToSpace(input=x, crops=[[0, 1], [1, 0]], block_size=2), b)


def pools(add):
    for name in ("MaxPool", "AvgPool"):
        op = getattr(R, name)
        key = "input" if name == "MaxPool" else "value"
        pool = lambda x, k, s, pad, op=op, key=key, **more: op(**{key: x}, ksize=[1, k, k, 1], strides=[1, s, s, 1], padding=pad, **more)
        for pad in ("SAME", "VALID"):
            for k, s in ((2, 2), (3, 1), (3, 2)):
                add(name, f"{pad.lower()}_{k}_{s}", lambda x, p=pool, k=k, s=s, pad=pad: p(x, k, s, pad), I4)
            add(name, f"{pad.lower()}_dynamic", lambda x, p=pool, pad=pad: p(x, 3, 2, pad), D4)
        op3 = getattr(R, name + "3D")
        for pad in ("SAME", "VALID"):
            add(name + "3D", pad.lower(), lambda x, op=op3, pad=pad: op(input=x, ksize=[1, 2, 3, 2, 1], strides=[1, 2, 2, 1, 1], padding=pad), In(None, 5, 6, 4, 3))
    add("MaxPool", "explicit", lambda x: R.MaxPool(input=x, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 0, 1, 1, 0, 0]), I4)
    add("MaxPool", "channels", lambda x: R.MaxPool(input=x, ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID"), I4)
    add("MaxPoolV2", "same", lambda x: R.MaxPoolV2(input=x, ksize=[1, 2, 3, 1], strides=[1, 2, 2, 1], padding="SAME"), I4)
    arg = lambda x, pad, **more: R.MaxPoolWithArgmax(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding=pad, **more)
    add("MaxPoolWithArgmax", "valid", lambda x: arg(x, "VALID"), I4)
    add("MaxPoolWithArgmax", "same_batch_i32", lambda x: arg(x, "SAME", include_batch_in_index=True, Targmax=tf.int32), I4)
    add("MaxPoolWithArgmax", "dynamic", lambda x: arg(x, "SAME"), D4)


def norms(add):
    scale, offset, mean, var = w(4, scale=0.3) + 1, w(4), w(4), np.abs(w(4)) + 0.5
    for v in ("", "V2", "V3"):
        name = "FusedBatchNorm" + v
        bn = lambda x, op=getattr(R, name), **more: op(x=x, scale=scale, offset=offset, **more)[0]
        add(name, "inference", lambda x, f=bn: f(x, mean=mean, variance=var, is_training=False, epsilon=1e-3), I4)
        add(name, "dynamic", lambda x, f=bn: f(x, mean=mean, variance=var, is_training=False), D4)
        none = np.zeros(0, "float32")
        add(name, "batch_statistics", lambda x, f=bn: f(x, mean=none, variance=none, is_training=True, epsilon=1e-3), I4)
    add("FusedBatchNormV3", "all_results", lambda x: list(R.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=np.zeros(0, "float32"), variance=np.zeros(0, "float32"), is_training=True)[:3]), I4)
    none = np.zeros(0, "float32")
    lines = lambda x: R.FusedBatchNormV3(x=tf.reshape(x, [1, tf.size(x) // 4, 4, 1]), scale=tf.ones([tf.size(x) // 4]), offset=tf.zeros([tf.size(x) // 4]), mean=none, variance=none, epsilon=1e-3, data_format="NCHW")[0]
    keras = lambda x: tf.reshape(lines(x), tf.shape(x)) * scale + offset
    add("FusedBatchNormV3", "keras_layer_norm", keras, In(None, 3, 4))
    half = In(None, 8, 7, 4, dtype="float16")
    add("FusedBatchNormV3", "half", lambda x: R.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=mean, variance=var, is_training=False)[0], half)
    add("LRN", "default", lambda x: R.LRN(input=x), In(None, 3, 4, 12))
    add("LRN", "radius", lambda x: R.LRN(input=x, depth_radius=2, bias=2.0, alpha=1e-2, beta=0.75), In(None, 3, 4, 8, values=(-9, 9)))


def cells(add):
    T, B, F, U = 5, 3, 4, 6
    g = lambda n: w(F + U, n, scale=0.4)
    x, h, c = In(B, F), In(B, U), In(B, U)
    peep = [w(U, scale=0.3) for _ in range(3)]
    none = [np.zeros(U, "float32")] * 3
    cell = lambda x, c, h, p, use, **more: list(R.LSTMBlockCell(x=x, cs_prev=c, h_prev=h, w=W, wci=p[0], wcf=p[1], wco=p[2], b=BIAS, use_peephole=use, **more))
    W, BIAS = g(4 * U), w(4 * U, scale=0.2)
    add("LSTMBlockCell", "plain", lambda x, c, h: cell(x, c, h, none, False), x, c, h)
    add("LSTMBlockCell", "peephole_clip", lambda x, c, h: cell(x, c, h, peep, True, cell_clip=0.5, forget_bias=0.3), x, c, h)
    seq = In(T, None, F, feed=[T, B, F])
    for name in ("BlockLSTM", "BlockLSTMV2"):
        run = lambda n, x, c, h, p, use, op=getattr(R, name), **more: op(seq_len_max=n, x=x, cs_prev=c, h_prev=h, w=W, wci=p[0], wcf=p[1], wco=p[2], b=BIAS, use_peephole=use, **more)
        add(name, "hidden", lambda x, c, h, f=run: f(np.int64(T), x, c, h, none, False, cell_clip=-1.0).h, seq, In(None, U), In(None, U))
        add(name, "all", lambda x, c, h, f=run: list(f(np.int64(T), x, c, h, none, False, cell_clip=-1.0)), seq, In(None, U), In(None, U))
        add(name, "peephole_short", lambda x, c, h, f=run: [(r := f(np.int64(3), x, c, h, peep, True, cell_clip=0.4)).cs, r.h], seq, In(None, U), In(None, U))
        add(name, "dynamic", lambda x, c, h, f=run: f(tf.shape(x, tf.int64)[0], x, c, h, none, False, cell_clip=-1.0).h, In(None, None, F, feed=[T, B, F]), In(None, U), In(None, U))
    add("GRUBlockCell", "plain", lambda x, h: list(R.GRUBlockCell(x=x, h_prev=h, w_ru=g(2 * U), w_c=g(U), b_ru=w(2 * U, scale=0.2), b_c=w(U, scale=0.2))), x, h)


def quantised(add):
    X = In(None, 5, values=(-1.5, 2.5))
    for bits in (8, 4, 16):
        for narrow in (False, True):
            tag = f"{bits}{'_narrow' if narrow else ''}"
            add("FakeQuantWithMinMaxArgs", tag, lambda x, b=bits, n=narrow: R.FakeQuantWithMinMaxArgs(inputs=x, min=-1.03, max=1.97, num_bits=b, narrow_range=n), X)
            add("FakeQuantWithMinMaxVars", tag, lambda x, b=bits, n=narrow: R.FakeQuantWithMinMaxVars(inputs=x, min=0.2, max=1.7, num_bits=b, narrow_range=n), X)
    add("FakeQuantWithMinMaxVars", "computed", lambda x, a, b: R.FakeQuantWithMinMaxVars(inputs=x, min=a, max=b), X, In(values=-1.1), In(values=1.4))
    lows, highs = np.array([-1.0, -0.2, 0.1, -2.0, -1.5], "float32"), np.array([1.0, 1.2, 2.1, -0.3, 1.1], "float32")
    for bits in (8, 6):
        add("FakeQuantWithMinMaxVarsPerChannel", str(bits), lambda x, b=bits: R.FakeQuantWithMinMaxVarsPerChannel(inputs=x, min=lows, max=highs, num_bits=b), X)
    add("FakeQuantWithMinMaxVarsPerChannel", "image", lambda x: R.FakeQuantWithMinMaxVarsPerChannel(inputs=x, min=lows, max=highs), In(None, 3, 4, 5))
    v2 = lambda x, a, b, **more: R.QuantizeAndDequantizeV2(input=x, input_min=a, input_max=b, **more)
    add("QuantizeAndDequantizeV2", "given", lambda x: v2(x, -1.0, 1.3, range_given=True), X)
    add("QuantizeAndDequantizeV2", "measured", lambda x: v2(x, 0.0, 0.0), X)
    add("QuantizeAndDequantizeV2", "unsigned", lambda x: v2(x, 0.0, 1.7, signed_input=False, range_given=True), X)
    add("QuantizeAndDequantizeV2", "narrow_half_up", lambda x: v2(x, -1.0, 0.7, narrow_range=True, range_given=True, round_mode="HALF_UP"), X)
    add("QuantizeAndDequantizeV2", "axis_measured", lambda x: v2(x, lows, highs, axis=1), X)
    add("QuantizeAndDequantizeV3", "bits", lambda x: R.QuantizeAndDequantizeV3(input=x, input_min=-1.0, input_max=1.3, num_bits=6), X)
    add("QuantizeAndDequantizeV4", "given", lambda x: R.QuantizeAndDequantizeV4(input=x, input_min=-1.0, input_max=1.3), X)


def register(add):
    for family in (activations, convolutions, transposed, blocks, pools, norms, cells, quantised):
        family(add)
