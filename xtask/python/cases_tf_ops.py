"""Raw TensorFlow ops in functional models (`TensorFlowOpLayer`), as TensorFlow 2.0 to 2.3 saved them: TensorFlow 2.15 still
reads and computes them. The node is TensorFlow's own, of a graph in which the function is called; its constant inputs become
the layer's constants."""
import keras
import numpy as np
import tensorflow as tf

IMAGE = (4, 6, 4)


def layer_of(function, inputs, as_text):
    from keras.src.engine.base_layer import TensorFlowOpLayer
    with tf.Graph().as_default():
        y = function(*[tf.compat.v1.placeholder(x.dtype, x.shape) for x in inputs])
        op = (y[0] if isinstance(y, (list, tuple)) else y).op
        constants = {i: tf.get_static_value(t) for i, t in enumerate(op.inputs) if t.op.type == "Const"}
        assert len(constants) + len(inputs) == len(op.inputs), f"{op.type} is not the only op"
        node = op.node_def
    if not as_text:
        return op.type, TensorFlowOpLayer(node_def=node.SerializeToString(), name=op.type.lower(), constants=constants)

    class AsText(TensorFlowOpLayer):
        """TensorFlow 2.0 and 2.1 put the message's bytes into the config."""
        def get_config(self):
            return {**super().get_config(), "node_def": self.node_def.SerializeToString().decode("utf-8")}
    AsText.__name__ = "TensorFlowOpLayer"
    return op.type, AsText(node_def=node.SerializeToString(), name=op.type.lower(), constants=constants)


def tf_op_layers():
    cases = []

    def case(name, function, shapes=(IMAGE,), dtypes=None, as_text=False, **kw):
        dtypes = dtypes or ["float32"] * len(shapes)

        def build():
            xs = [keras.Input(s, dtype=d, name=f"x{i}") for i, (s, d) in enumerate(zip(shapes, dtypes))]
            _, layer = layer_of(function, xs, as_text)
            return keras.Model(xs if len(xs) > 1 else xs[0], layer(xs if len(xs) > 1 else xs[0]))
        cases.append(dict(op="TensorFlowOpLayer", name=name, build=build, randomise=False, **kw))

    mean = np.array([.3, -.2, .1, .7], "float32")
    case("add_numbers", lambda x: tf.add(x, mean))
    case("sub_from", lambda x: tf.subtract(1., x))
    case("mul_text", lambda x: tf.multiply(x, 1 / 127.5), as_text=True)
    case("div", lambda x: tf.realdiv(x, 127.5))
    case("add", tf.add, shapes=[IMAGE, IMAGE])
    case("maximum", lambda x: tf.maximum(x, .25))
    case("pow", lambda x: tf.pow(x, 2.))
    case("sqrt", tf.sqrt, inputs=(.1, 3.))
    case("sigmoid", tf.sigmoid)
    case("relu6", tf.nn.relu6)
    case("leaky_relu", lambda x: tf.nn.leaky_relu(x, .3))
    case("softmax", tf.nn.softmax)
    case("bias_add", lambda x: tf.nn.bias_add(x, mean))
    case("mean", lambda x: tf.reduce_mean(x, [1, 2]))
    case("mean_keep_text", lambda x: tf.reduce_mean(x, 3, keepdims=True), as_text=True)
    case("max", lambda x: tf.reduce_max(x, -1))
    case("argmax", lambda x: tf.argmax(x, -1, tf.int32), check=False)
    case("cast", lambda x: tf.cast(x, tf.float16))
    case("reshape", lambda x: tf.reshape(x, [-1, 24, 4]))
    case("transpose", lambda x: tf.transpose(x, [0, 3, 1, 2]))
    case("expand", lambda x: tf.expand_dims(x, 1))
    case("squeeze_text", lambda x: tf.squeeze(x, [1]), shapes=[(1, 5)], as_text=True)
    case("concat", lambda x, y: tf.concat([x, y], -1), shapes=[IMAGE, (4, 6, 2)])
    case("pack", lambda x, y: tf.stack([x, y], 1), shapes=[(3,), (3,)])
    case("split", lambda x: tf.split(x, 2, 3))
    case("unpack", lambda x: tf.unstack(x, axis=3))
    case("pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]]))
    case("mirror_pad_text", lambda x: tf.pad(x, [[0, 0], [1, 1], [2, 0], [0, 0]], "REFLECT"), as_text=True)
    case("strided_slice", lambda x: x[:, 1:, ::2, 1])
    case("slice", lambda x: tf.slice(x, [0, 1, 0, 2], [-1, 2, -1, 1]))
    case("gather", lambda x: tf.gather(x, [2, 0], axis=2))
    case("tile", lambda x: tf.tile(x, [1, 2, 1, 3]))
    case("matmul", lambda x, y: tf.matmul(x, y, transpose_b=True), shapes=[(3, 4), (5, 4)])
    case("where", lambda p, x, y: tf.where(p, x, y), shapes=[(3, 4)] * 3, dtypes=["bool", "float32", "float32"])
    case("clip", lambda x: tf.clip_by_value(x, -.5, .25).op.inputs[0].op.outputs[0])
    case("resize_bilinear", lambda x: tf.compat.v1.image.resize_bilinear(x, [7, 9], half_pixel_centers=True))
    case("resize_bilinear_old", lambda x: tf.compat.v1.image.resize_bilinear(x, [8, 12]))
    case("resize_nearest", lambda x: tf.compat.v1.image.resize_nearest_neighbor(x, [8, 12]))
    case("depth_to_space", lambda x: tf.nn.depth_to_space(x, 2))
    case("cumsum", lambda x: tf.cumsum(x, 1, exclusive=True))
    case("one_hot", lambda x: tf.one_hot(x, 5), shapes=[(3,)], dtypes=["int32"], inputs=5, check=False)
    case("top_k", lambda x: tf.math.top_k(x, 2), shapes=[(6,)])
    case("einsum", lambda x, y: tf.einsum("bij,bkj->bik", x, y), shapes=[(3, 4), (5, 4)])
    return cases
