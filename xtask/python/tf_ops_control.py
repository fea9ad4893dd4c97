"""Cases of control flow and of tensor lists. They need functions, so graphs are traced with control flow V2."""
import tensorflow as tf
from tf_lib import In

R = tf.raw_ops


def function(f, *types):
    return tf.function(f, autograph=False).get_concrete_function(*[tf.TensorSpec(shape, dtype) for shape, dtype in types])


F, I, B = tf.float32, tf.int32, tf.bool


def branches(op):
    def build(x, p):
        g = [function(lambda x: x * 2. + 1., ((None, 4), F)), function(lambda x: tf.nn.relu(-x), ((None, 4), F))]
        return op(cond=p, input=[x], Tout=[F], then_branch=g[0], else_branch=g[1])
    return build


def cases(op):
    def build(i, x):
        g = [function(f, ((None, 4), F)) for f in (lambda x: x + 1., lambda x: x * x, lambda x: -x)]
        return op(branch_index=i, input=[x], Tout=[F], branches=g)
    return build


def loop(op):
    def build(x, n):
        types = ((), I), ((None, 4), F), ((), I), ((4,), F)
        cond = function(lambda i, x, n, s: (i < n) & (tf.reduce_sum(tf.abs(x)) < 1e4), *types)
        body = function(lambda i, x, n, s: (i + 1, x * 1.5 + s, n, tf.identity(s)), *types)
        return op(input=[tf.constant(0), x, n, tf.constant([.1, -.2, .3, .4])], cond=cond, body=body)[1]
    return build


def growing(x):
    """A value whose shape changes from round to round."""
    def step(i, y):
        return i + 1, tf.concat([y, x * tf.cast(i, F)], 0)
    return tf.while_loop(lambda i, y: i < 3, step, [0, x], shape_invariants=[tf.TensorShape(()), tf.TensorShape((None, 4))])[1]


def last_only(x):
    """What Keras does for a layer that returns the last output: a list of one element."""
    items = R.TensorListFromTensor(tensor=x, element_shape=[-1, 4])
    out = R.TensorListReserve(element_shape=[-1, 4], num_elements=1, element_dtype=F)
    def step(i, out, s):
        s = s * .5 + R.TensorListGetItem(input_handle=items, index=i, element_shape=[-1, 4], element_dtype=F)
        return i + 1, R.TensorListSetItem(input_handle=out, index=0, item=s), s
    n = tf.shape(x)[0]
    out = tf.while_loop(lambda i, *_: i < n, step, [0, out, tf.zeros_like(x[0])])[1]
    return R.TensorListStack(input_handle=out, element_shape=[-1, 4], element_dtype=F)


def collected(x):
    """A list that is written in order."""
    out = R.TensorListReserve(element_shape=-1, num_elements=tf.shape(x)[0], element_dtype=F)
    def step(i, out):
        return i + 1, R.TensorListSetItem(input_handle=out, index=i, item=x[i] * tf.cast(i + 1, F))
    out = tf.while_loop(lambda i, *_: i < tf.shape(x)[0], step, [0, out])[1]
    return R.TensorListStack(input_handle=out, element_shape=[-1, 4], element_dtype=F)


def backwards(x):
    """A list of a known size that is written in another order."""
    out = R.TensorListReserve(element_shape=[4], num_elements=5, element_dtype=F)
    def step(i, out):
        return i + 1, R.TensorListSetItem(input_handle=out, index=4 - i, item=x[i] + 1.)
    out = tf.while_loop(lambda i, *_: i < 5, step, [0, out])[1]
    return R.TensorListStack(input_handle=out, element_shape=[4], element_dtype=F)


def pushed_in_loop(x):
    out = R.EmptyTensorList(element_shape=[-1, 4], max_num_elements=-1, element_dtype=F)
    def step(i, out):
        return i + 1, R.TensorListPushBack(input_handle=out, tensor=x * tf.cast(i, F))
    out = tf.while_loop(lambda i, *_: i < 3, step, [1, out])[1]
    return R.TensorListStack(input_handle=out, element_shape=[-1, 4], element_dtype=F)


def written(x):
    out = R.TensorListReserve(element_shape=[-1, 4], num_elements=3, element_dtype=F)
    out = R.TensorListSetItem(input_handle=out, index=2, item=x)
    out = R.TensorListSetItem(input_handle=out, index=0, item=-x)
    return R.TensorListStack(input_handle=out, element_shape=[-1, 4], element_dtype=F)


def of(x):
    return R.TensorListFromTensor(tensor=x, element_shape=[-1, 4])


def stacked(handle):
    return R.TensorListStack(input_handle=handle, element_shape=[-1, 4], element_dtype=F)


def pushed(x):
    out = R.EmptyTensorList(element_shape=[-1, 4], max_num_elements=-1, element_dtype=F)
    for k in range(3):
        out = R.TensorListPushBack(input_handle=out, tensor=x * (k + 1.))
    return stacked(out)


def popped(x):
    rest, last = R.TensorListPopBack(input_handle=of(x), element_shape=[-1, 4], element_dtype=F)
    return [last, stacked(rest)]


def scattered(x, at):
    out = R.TensorListReserve(element_shape=[-1, 4], num_elements=3, element_dtype=F)
    return stacked(R.TensorListScatterIntoExistingList(input_handle=out, tensor=x, indices=at))


def register(add):
    x, yes = In(None, 4), [In(dtype="bool", values=v) for v in (True, False)]
    for name, op in ("If", R.If), ("StatelessIf", R.StatelessIf):
        add(name, "true", branches(op), x, yes[0])
        add(name, "false", branches(op), x, yes[1])
    for name, op in ("Case", R.Case), ("StatelessCase", R.StatelessCase):
        for i in (0, 1, 2, 7):
            add(name, f"branch_{i}", cases(op), In(dtype="int32", values=i), x)
        add(name, "below_zero", cases(op), In(dtype="int32", values=-1), x)
    for name, op in ("While", R.While), ("StatelessWhile", R.StatelessWhile):
        add(name, "plain", loop(op), x, In(dtype="int32", values=4))
        add(name, "not_once", loop(op), x, In(dtype="int32", values=0))
    add("While", "growing", growing, x)
    add("TensorListReserve", "collected", collected, In(None, None, 4))
    add("TensorListSetItem", "last_only", last_only, In(None, None, 4))
    add("TensorListSetItem", "backwards", backwards, In(5, 4))
    add("TensorListSetItem", "written", written, x)
    add("EmptyTensorList", "pushed_in_loop", pushed_in_loop, x)
    add("TensorListPushBack", "pushed", pushed, x)
    add("TensorListPopBack", "popped", popped, In(3, None, 4))
    resized = lambda x, n: R.TensorListStack(input_handle=R.TensorListResize(input_handle=of(x), size=n), element_shape=[-1, 4], element_dtype=F)
    add("TensorListResize", "longer", lambda x: resized(x, 5), In(3, None, 4))
    add("TensorListResize", "computed", resized, In(None, 2, 4), In(dtype="int32", values=2))
    add("TensorListFromTensor", "stacked", lambda x: stacked(of(x)) * 2., In(3, None, 4))
    add("TensorListStack", "stacked", lambda x: stacked(of(x)) + 1., In(None, None, 4))
    add("TensorListGetItem", "item", lambda x, i: R.TensorListGetItem(input_handle=of(x), index=i, element_shape=[-1, 4], element_dtype=F), In(3, None, 4), In(dtype="int32", values=2))
    add("TensorListGather", "picked", lambda x, i: R.TensorListGather(input_handle=of(x), indices=i, element_shape=[-1, 4], element_dtype=F), In(3, None, 4), In(None, dtype="int32", values=[2, 0, 2]))
    add("TensorListScatterIntoExistingList", "order", scattered, In(3, None, 4), In(3, dtype="int32", values=[2, 0, 1]))
    add("TensorListLength", "length", lambda x: [R.TensorListLength(input_handle=of(x)), x], In(None, None, 4))
    add("TensorListConcatV2", "joined", lambda x: R.TensorListConcatV2(input_handle=of(x), element_shape=[-1, 4], leading_dims=tf.constant([], tf.int64), element_dtype=F), In(3, None, 4))
