"""Cases of TensorFlow ops: resampling, colours, crops, boxes."""
import numpy as np
import tensorflow as tf
from tf_lib import In

R = tf.raw_ops
I = In(None, 5, 6, 2)
D = In(None, None, None, 2)


def cropped(add):
    """What is drawn differs from run to run; what is said of it does not."""
    def checked(op, boxes, size=(40, 60, 3), area=(0.2, 0.7), aspect=(0.8, 1.6), covered=0.3, **how):
        begin, part, box = op(image_size=tf.constant(size), bounding_boxes=boxes, min_object_covered=covered, area_range=list(area), aspect_ratio_range=list(aspect), **how)
        (y, x), (h, w) = [tf.unstack(tf.cast(v[:2], "float32")) for v in (begin, part)]
        whole = tf.logical_and(tf.equal(h, size[0]), tf.equal(w, size[1]))
        share = h * w / (size[0] * size[1])
        inside = tf.reduce_all(tf.stack([y >= 0, x >= 0, y + h <= size[0], x + w <= size[1]]))
        shaped = tf.reduce_all(tf.stack([share >= area[0] - 1e-4, share <= area[1] + 1e-4, tf.abs(w - h * (aspect[0] + aspect[1]) / 2) <= h * (aspect[1] - aspect[0]) / 2 + 0.5]))
        same = tf.reduce_max(tf.abs(box[0, 0] - tf.stack([y / size[0], x / size[1], (y + h) / size[0], (x + w) / size[1]]))) < 1e-6
        b = tf.reshape(boxes, [-1, 4]) * tf.constant([size[0], size[1], size[0], size[1]], "float32")
        common = tf.nn.relu(tf.minimum(b[:, 2], y + h) - tf.maximum(b[:, 0], y)) * tf.nn.relu(tf.minimum(b[:, 3], x + w) - tf.maximum(b[:, 1], x))
        covers = tf.reduce_any(common >= (covered - 0.1) * (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]))
        return inside, tf.logical_or(whole, shaped), same, tf.logical_or(whole, covers), tf.shape(boxes)[1], part[2], begin[2]

    boxes = In(1, None, 4, feed=[1, 2, 4], values=[[[0.2, 0.3, 0.7, 0.6], [0.5, 0.1, 0.9, 0.4]]])
    V1, V2 = R.SampleDistortedBoundingBox, R.SampleDistortedBoundingBoxV2
    add("SampleDistortedBoundingBox", "facts", lambda b: checked(V1, b), boxes)
    add("SampleDistortedBoundingBoxV2", "facts", lambda b: checked(V2, b, seed=3), boxes)
    add("SampleDistortedBoundingBoxV2", "i64", lambda b: checked(V2, b, size=np.array([25, 31, 1]), covered=0.9), boxes)
    exact = dict(image_size=[20, 30, 3], area_range=[1.0, 1.0], aspect_ratio_range=[1.5, 1.5])
    add("SampleDistortedBoundingBoxV2", "all_of_it", lambda b: V2(bounding_boxes=b, min_object_covered=1.0, **exact), boxes)
    never = dict(image_size=[20, 30, 3], area_range=[0.01, 0.02], max_attempts=7)
    add("SampleDistortedBoundingBoxV2", "never", lambda b: V2(bounding_boxes=b, min_object_covered=1.0, **never), boxes)
    add("SampleDistortedBoundingBoxV2", "no_box", lambda b: V2(bounding_boxes=b[:, :0], min_object_covered=1.0, use_image_if_no_bounding_boxes=True, **exact), boxes)
    add("SampleDistortedBoundingBox", "image_or_box", lambda b: V1(bounding_boxes=b, min_object_covered=1.0, use_image_if_no_bounding_boxes=True, **never), boxes)


def resampled(add):
    modes = {"corner": {}, "aligned": {"align_corners": True}, "half": {"half_pixel_centers": True}}
    sizes = {"up": [10, 12], "down": [3, 3], "odd": [7, 4], "one": [1, 9]}
    for name in ("ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic"):
        op = getattr(R, name)
        for mode, more in modes.items():
            for size, hw in sizes.items():
                add(name, f"{mode}_{size}", lambda x, op=op, m=more, hw=hw: op(images=x, size=hw, **m), I)
        for mode, more in modes.items():
            twice = lambda x: tf.shape(x)[1:3] * 2
            add(name, f"{mode}_dynamic", lambda x, op=op, m=more: op(images=x, size=twice(x), **m), D)
    # Results so large that the file holds no weights.
    small = In(None, 2, 7, 1)
    for mode, more in modes.items():
        add("ResizeNearestNeighbor", f"{mode}_large", lambda x, m=more: R.ResizeNearestNeighbor(images=x, size=[3, 4500], **m), small)
    add("ResizeBicubic", "half_large", lambda x: R.ResizeBicubic(images=x, size=[3, 5000], half_pixel_centers=True), small)
    add("ResizeArea", "large", lambda x: R.ResizeArea(images=x, size=[3, 5000]), small)
    add("ResizeNearestNeighbor", "u8", lambda x: R.ResizeNearestNeighbor(images=x, size=[10, 6]), In(None, 5, 6, 2, dtype="uint8"))
    add("ResizeBilinear", "u8", lambda x: R.ResizeBilinear(images=x, size=[10, 6]), In(None, 5, 6, 2, dtype="uint8"))
    for name, hw in sizes.items():
        add("ResizeArea", name, lambda x, hw=hw: R.ResizeArea(images=x, size=hw), I)
    for kernel in ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"):
        add("ScaleAndTranslate", kernel, lambda x, k=kernel: R.ScaleAndTranslate(images=x, size=[3, 8], scale=[0.6, 8 / 6], translation=[0.0, 0.0], kernel_type=k, antialias=True), I)
    add("ScaleAndTranslate", "shifted", lambda x: R.ScaleAndTranslate(images=x, size=[6, 6], scale=[0.7, 1.5], translation=[1.0, -0.5], kernel_type="triangle", antialias=False), I)
    asked = In(2, dtype="int32", values=[4, 11])
    for mode, more in modes.items():
        add("ResizeBicubic", f"{mode}_asked", lambda x, s, m=more: R.ResizeBicubic(images=x, size=s, **m), D, asked)
    for name, more in (("asked", {}), ("asked_aligned", {"align_corners": True})):
        add("ResizeArea", name, lambda x, s, m=more: R.ResizeArea(images=x, size=s, **m), D, asked)
    free = lambda x, s, **how: R.ScaleAndTranslate(images=x, size=s, scale=tf.cast(s, "float32") / tf.cast(tf.shape(x)[1:3], "float32"), translation=[0.0, 0.0], **how)
    for kernel in ("lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"):
        add("ScaleAndTranslate", f"{kernel}_asked", lambda x, s, k=kernel: free(x, s, kernel_type=k, antialias=True), D, asked)
    add("ScaleAndTranslate", "computed", lambda x, f, t: R.ScaleAndTranslate(images=x, size=[6, 6], scale=f, translation=t, kernel_type="triangle", antialias=False),
        I, In(2, values=[0.7, 1.5]), In(2, values=[1.0, -0.5]))
    add("ScaleAndTranslate", "resize_half", lambda x: tf.image.resize(x, tf.shape(x)[1:3] // 2, antialias=True), D)
    for name, c in (("DepthToSpace", 12), ("SpaceToDepth", 3)):
        op = getattr(R, name)
        add(name, "nhwc", lambda x, op=op: op(input=x, block_size=2), In(None, 4, 6, c))
        add(name, "dynamic", lambda x, op=op: op(input=x, block_size=2), In(None, None, None, c))
    patches = lambda x, **more: R.ExtractImagePatches(images=x, ksizes=[1, 3, 2, 1], **({"strides": [1, 2, 1, 1], "rates": [1, 1, 1, 1]} | more))
    add("ExtractImagePatches", "valid", lambda x: patches(x, padding="VALID"), In(None, 8, 7, 3))
    add("ExtractImagePatches", "same", lambda x: patches(x, padding="SAME"), In(None, 8, 7, 3))
    add("ExtractImagePatches", "rates_dynamic", lambda x: patches(x, padding="VALID", rates=[1, 2, 2, 1]), In(None, None, None, 3, feed=[2, 9, 8, 3]))


def colours(add):
    C = In(None, 4, 5, 3, values=(0.0, 1.0))
    add("RGBToHSV", "f32", lambda x: R.RGBToHSV(images=x), C)
    add("HSVToRGB", "f32", lambda x: R.HSVToRGB(images=x), C)
    grey = np.array([[[[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.2, 0.9, 0.9]]]])
    add("RGBToHSV", "edges", lambda x: R.RGBToHSV(images=x), In(None, 1, 4, 3, values=grey))
    add("AdjustContrastv2", "f32", lambda x: R.AdjustContrastv2(images=x, contrast_factor=1.7), C)
    add("AdjustHue", "f32", lambda x: R.AdjustHue(images=x, delta=0.3), C)
    add("AdjustHue", "back", lambda x: R.AdjustHue(images=x, delta=-0.45), C)
    add("AdjustSaturation", "f32", lambda x: R.AdjustSaturation(images=x, scale=0.6), C)
    add("AdjustSaturation", "more", lambda x: R.AdjustSaturation(images=x, scale=2.5), C)


def crops(add):
    boxes = In(None, 4, values=[[0.0, 0.0, 1.0, 1.0], [0.2, 0.1, 0.7, 0.9], [-0.2, 0.3, 0.5, 1.3], [0.9, 0.8, 0.1, 0.2]], feed=[4, 4])
    which = In(None, dtype="int32", values=[0, 1, 0, 1], feed=[4])
    image = In(None, 6, 7, 2, feed=[2, 6, 7, 2])
    for method in ("bilinear", "nearest"):
        for hw in ([3, 4], [1, 5]):
            crop = lambda x, b, i, m=method, hw=hw: R.CropAndResize(image=x, boxes=b, box_ind=i, crop_size=hw, method=m, extrapolation_value=-2.0)
            add("CropAndResize", f"{method}_{hw[0]}_{hw[1]}", crop, image, boxes, which)
    add("CropAndResize", "dynamic", lambda x, b, i: R.CropAndResize(image=x, boxes=b, box_ind=i, crop_size=[4, 3]), In(None, None, None, 2, feed=[2, 6, 7, 2]), boxes, which)


def corners(rng, shape):
    """Boxes whose first corner is above and left of the second."""
    low = rng.uniform(0, 0.6, (*shape[:-1], 2))
    return np.concatenate([low, low + rng.uniform(0.1, 0.5, low.shape)], -1)


def boxes(add):
    B, S = In(None, 4, feed=[12, 4], values=corners), In(None, feed=[12], values=(0.05, 1.0))
    add("NonMaxSuppression", "v1", lambda b, s: R.NonMaxSuppression(boxes=b, scores=s, max_output_size=5, iou_threshold=0.4), B, S)
    add("NonMaxSuppressionV2", "half", lambda b, s: R.NonMaxSuppressionV2(boxes=b, scores=s, max_output_size=5, iou_threshold=0.5), B, S)
    add("NonMaxSuppressionV3", "score", lambda b, s: R.NonMaxSuppressionV3(boxes=b, scores=s, max_output_size=8, iou_threshold=0.3, score_threshold=0.3), B, S)
    add("NonMaxSuppressionV3", "computed", lambda b, s, n: R.NonMaxSuppressionV3(boxes=b, scores=s, max_output_size=n, iou_threshold=0.3, score_threshold=0.3), B, S, In(dtype="int32", values=3))
    for pad in (False, True):
        tag = "padded" if pad else "short"
        add("NonMaxSuppressionV4", tag, lambda b, s, p=pad: R.NonMaxSuppressionV4(boxes=b, scores=s, max_output_size=9, iou_threshold=0.2, score_threshold=0.2, pad_to_max_output_size=p), B, S)
        add("NonMaxSuppressionV5", tag, lambda b, s, p=pad: R.NonMaxSuppressionV5(boxes=b, scores=s, max_output_size=9, iou_threshold=0.2, score_threshold=0.2, soft_nms_sigma=0.0, pad_to_max_output_size=p), B, S)
    many = lambda q, c: (In(None, 10, q, 4, feed=[2, 10, q, 4], values=corners), In(None, 10, c, feed=[2, 10, c], values=(0.05, 1.0)))
    run = lambda b, s, **more: list(R.CombinedNonMaxSuppression(boxes=b, scores=s, **({"max_output_size_per_class": 4, "max_total_size": 7, "iou_threshold": 0.3, "score_threshold": 0.25} | more)))
    add("CombinedNonMaxSuppression", "shared", run, *many(1, 3))
    add("CombinedNonMaxSuppression", "by_class", run, *many(3, 3))
    add("CombinedNonMaxSuppression", "long", lambda b, s: run(b, s, max_total_size=50, clip_boxes=False), *many(1, 2))
    add("CombinedNonMaxSuppression", "per_class", lambda b, s: run(b, s, max_total_size=50, pad_per_class=True), *many(1, 2))


def register(add):
    for family in (cropped, resampled, colours, crops, boxes):
        family(add)
