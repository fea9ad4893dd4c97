"""Operations of `keras.ops.nn` whose weights are arguments: convolutions, pools, normalisation, losses, blocks."""
import keras
import numpy as np
from cases_operations import ROWS, row
from fixlib import K3

IMAGE = (8, 7, 4)


def weight(*shape):
    return np.random.default_rng(sum(shape)).normal(0, .4, shape).astype("float32")


def case(op, name, call, **kw):
    row(op, call, **{"shapes": [IMAGE], **kw})
    ROWS[-1]["name"] = name


def operations_nn():
    ROWS.clear()
    if not K3:
        return []
    o, first = keras.ops, "channels_first"
    case("Conv", "op", lambda x: o.conv(x, weight(3, 2, 4, 5), strides=2, padding="same"))
    case("Conv", "stretched", lambda x: o.conv(x, weight(3, 3, 4, 6), dilation_rate=2))
    case("Conv", "one_axis", lambda x: o.conv(x, weight(3, 4, 5), strides=2), shapes=[(9, 4)])
    case("Conv", "three_axes", lambda x: o.conv(x, weight(2, 2, 2, 3, 4), padding="same"), shapes=[(4, 5, 4, 3)])
    case("Conv", "of_input", lambda x, k: o.conv(x, o.reshape(k[0], (3, 3, 4, 2))), shapes=[IMAGE, (72,)], batch=1)
    case("DepthwiseConv", "op", lambda x: o.depthwise_conv(x, weight(3, 3, 4, 2), strides=2, padding="same"))
    case("DepthwiseConv", "one_axis", lambda x: o.depthwise_conv(x, weight(3, 4, 2), dilation_rate=2), shapes=[(9, 4)])
    case("DepthwiseConv", "stretched", lambda x: o.depthwise_conv(x, weight(3, 3, 4, 1), strides=2, dilation_rate=2))
    case("SeparableConv", "op", lambda x: o.separable_conv(x, weight(3, 3, 4, 2), weight(1, 1, 8, 5), strides=2, padding="same"))
    case("SeparableConv", "one_axis", lambda x: o.separable_conv(x, weight(3, 4, 2), weight(1, 8, 5)), shapes=[(9, 4)])
    case("MaxPool", "op", lambda x: o.max_pool(x, 3, 2, padding="same"))
    case("MaxPool", "first", lambda x: o.max_pool(x, (2, 3), data_format=first), check=False)
    case("AveragePool", "op", lambda x: o.average_pool(x, 3, 2, padding="same"))
    case("AveragePool", "one_axis", lambda x: o.average_pool(x, 2), shapes=[(9, 4)])
    case("AdaptiveAveragePool", "op", lambda x: o.adaptive_average_pool(x, (4, 3)))
    case("AdaptiveMaxPool", "op", lambda x: o.adaptive_max_pool(x, (3, 3)))
    mean, variance = weight(4), abs(weight(4)) + .5
    case("BatchNorm", "op", lambda x: o.batch_normalization(x, mean, variance, -1, weight(4), weight(4) + 1))
    case("BatchNorm", "plain", lambda x: o.batch_normalization(x, weight(7), abs(weight(7)) + .3, 2, epsilon=.01))
    case("BatchNorm", "of_moments", lambda x: o.batch_normalization(x, *o.moments(x, [0, 1, 2]), axis=3, scale=weight(4)))
    case("DepthToSpace", "op", lambda x: o.depth_to_space(x, 2))
    case("DepthToSpace", "first", lambda x: o.depth_to_space(x, 2, data_format=first), shapes=[(8, 3, 2)])
    case("SpaceToDepth", "op", lambda x: o.space_to_depth(x, 2), shapes=[(4, 6, 3)])
    case("SpaceToDepth", "first", lambda x: o.space_to_depth(x, 2, data_format=first), shapes=[(3, 4, 6)])
    case("Unfold", "op", lambda x: o.unfold(x, (2, 3), dilation=(2, 1), padding=1, stride=2), shapes=[(3, 7, 8)])
    case("Fold", "op", lambda x: o.fold(x, (5, 6), (2, 3), padding=1, stride=(1, 2)), shapes=[(12, 18)])
    case("PSNR", "op", lambda x, y: o.psnr(x, y, 2.), shapes=[IMAGE, IMAGE], check=False)
    soft = lambda r, s: (lambda e: (e / e.sum(-1, keepdims=True)).astype("float32"))(r.uniform(.1, 1, s))
    hard = lambda r, s: (r.random(s) < .5).astype("float32")
    case("BinaryCrossentropy", "op", lambda t, x: o.binary_crossentropy(t, x), shapes=[(3, 4)] * 2, kinds=[hard, soft])
    case("BinaryCrossentropy", "logits", lambda t, x: o.binary_crossentropy(t, x, from_logits=True), shapes=[(3, 4)] * 2, kinds=[hard, None])
    case("CategoricalCrossentropy", "op", lambda t, x: o.categorical_crossentropy(t, 2 * x), shapes=[(3, 4)] * 2, kinds=[soft, soft])
    case("CategoricalCrossentropy", "logits", lambda t, x: o.categorical_crossentropy(t, x, from_logits=True, axis=1), shapes=[(3, 4)] * 2, kinds=[soft, None])
    ids = dict(shapes=[(3,), (3, 4)], dtypes=["int32", "float32"])
    case("SparseCategoricalCrossentropy", "op", lambda t, x: o.sparse_categorical_crossentropy(t, x), kinds=[4, soft], **ids)
    case("SparseCategoricalCrossentropy", "logits", lambda t, x: o.sparse_categorical_crossentropy(t, x, from_logits=True), kinds=[4, None], **ids)
    case("HSVToRGB", "op", lambda x: o.image.hsv_to_rgb(x), shapes=[(5, 4, 3)], kinds=(0., 1.))
    case("RGBToHSV", "op", lambda x: o.image.rgb_to_hsv(x), shapes=[(5, 4, 3)], kinds=(0., 1.))
    case("RGBToGrayscale", "op", lambda x: o.image.rgb_to_grayscale(x), shapes=[(5, 4, 3)])
    case("CropImages", "op", lambda x: o.image.crop_images(x, top_cropping=1, left_cropping=2, target_height=5, target_width=3))
    case("PadImages", "op", lambda x: o.image.pad_images(x, top_padding=1, left_padding=2, target_height=10, target_width=12))
    case("ExtractPatches", "op", lambda x: o.image.extract_patches(x, (3, 2), strides=(2, 2), padding="same"))
    case("ExtractPatches", "apart", lambda x: o.image.extract_patches(x, 3))
    case("ExtractPatches", "volume", lambda x: o.image.extract_patches_3d(x, (2, 3, 2)), shapes=[(4, 6, 5, 2)])
    case("CropImages", "rest", lambda x: o.image.crop_images(x, bottom_cropping=1, right_cropping=2, top_cropping=2, target_width=3))
    case("PadImages", "rest", lambda x: o.image.pad_images(x, bottom_padding=1, right_padding=2, top_padding=0, target_width=12))
    case("ExtractPatches", "dilated", lambda x: o.image.extract_patches(x, 2, strides=1, dilation_rate=2))
    case("GaussianBlur", "op", lambda x: o.image.gaussian_blur(x, (3, 5), (1., .7)))
    case("SobelEdges", "op", lambda x: o.image.sobel_edges(x))
    return list(ROWS)
