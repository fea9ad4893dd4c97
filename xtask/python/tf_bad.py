#!/usr/bin/env python3
"""Makes the cases of `fixtures/bad` that are damaged, incomplete or mistaken TensorFlow models: a small SavedModel and a small
checkpoint as TensorFlow writes them, and then what went wrong. `MODELPORT_BLESS=1 cargo test -p modelport-tests --test bad`
records what is said; read it before it is committed.

    ~/.cache/modelport-venvs/keras3/bin/python xtask/python/tf_bad.py --out fixtures --only missing_shard
"""
import argparse, glob, os, re, shutil, tempfile
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import tensorflow as tf
from google.protobuf import text_format

ap = argparse.ArgumentParser()
ap.add_argument("--out", default="fixtures")
ap.add_argument("--only", default="")
a = ap.parse_args()
V1 = tf.compat.v1
WORK = tempfile.mkdtemp(prefix="tf_bad")
CASES = []


def case(args=""):
    """A case: its function fills a directory; `args` are the arguments of the conversion."""
    def add(make):
        CASES.append((f"tf_{make.__name__}", make, args))
    return add


def plain():
    """A SavedModel and a checkpoint of one layer."""
    rng = np.random.default_rng(3)
    with tf.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.float32, (None, 3), name="x")
        w = V1.get_variable("dense/kernel", initializer=rng.normal(0, 1, (3, 4)).astype("f4"), use_resource=False)
        b = V1.get_variable("dense/bias", initializer=rng.normal(0, 1, 4).astype("f4"), use_resource=False)
        y = tf.nn.relu(tf.matmul(x, w) + b, name="y")
        session.run(V1.global_variables_initializer())
        V1.saved_model.simple_save(session, f"{WORK}/saved", {"x": x}, {"y": y})
        V1.train.Saver().save(session, f"{WORK}/checkpoint/model.ckpt")
        graph = session.graph.as_graph_def()
    shutil.rmtree(f"{WORK}/saved/assets", ignore_errors=True)
    return graph


def saved(folder):
    shutil.copytree(f"{WORK}/saved", f"{folder}/model")
    return f"{folder}/model/variables/variables"


def shards(prefix):
    return glob.glob(prefix + ".data-*")


def change(path, at):
    """Turns one bit over."""
    with open(path, "r+b") as fh:
        fh.seek(at)
        old = fh.read(1)[0]
        fh.seek(at)
        fh.write(bytes([old ^ 8]))


def text(folder, graph):
    with open(f"{folder}/model.pbtxt", "w") as fh:
        fh.write(text_format.MessageToString(graph))


@case()
def missing_shard(folder):
    for shard in shards(saved(folder)):
        os.remove(shard)


@case()
def short_shard(folder):
    """Offsets lie past the end."""
    for shard in shards(saved(folder)):
        os.truncate(shard, 20)


@case("--checksums")
def changed_tensor(folder):
    for shard in shards(saved(folder)):
        change(shard, 21)


@case()
def changed_index(folder):
    change(saved(folder) + ".index", 10)


@case()
def no_variables(folder):
    shutil.rmtree(os.path.dirname(saved(folder)))


@case()
def directory_above(folder):
    shutil.copytree(f"{WORK}/saved", f"{folder}/model/1590000000")


@case()
def variables_directory(folder):
    """The directory that is given is the one of the variables, whose SavedModel is not there any more."""
    shutil.copytree(f"{WORK}/saved/variables", f"{folder}/model")


@case()
def data_alone(folder):
    for shard in shards(f"{WORK}/checkpoint/model.ckpt"):
        shutil.copy(shard, folder)


@case()
def meta_alone(folder):
    shutil.copy(f"{WORK}/checkpoint/model.ckpt.meta", folder)


@case()
def checkpoint_without_graph(folder):
    for part in glob.glob(f"{WORK}/checkpoint/model.ckpt.*"):
        if not part.endswith(".meta"):
            shutil.copy(part, folder)


@case("--tag-set train")
def tags_not_there(folder):
    saved(folder)


@case("--signature score")
def signature_not_there(folder):
    saved(folder)


@case()
def cut_off(folder):
    saved(folder)
    os.truncate(f"{folder}/model/saved_model.pb", 700)


@case()
def cyclic_functions(folder):
    """Two functions that call each other."""
    graph = V1.GraphDef()
    graph.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    graph.node[0].attr["shape"].shape.dim.add(size=2)
    call(graph.node.add(name="y", op="PartitionedCall", input=["x"]), "first")
    for name, other in (("first", "second"), ("second", "first")):
        f = graph.library.function.add()
        f.signature.name = name
        f.signature.input_arg.add(name="a", type=1)
        f.signature.output_arg.add(name="b", type=1)
        call(f.node_def.add(name="inner", op="PartitionedCall", input=["a"]), other)
        f.ret["b"] = "inner:output:0"
    text(folder, graph)


def call(node, name):
    node.attr["f"].func.name = name
    node.attr["Tin"].list.type.append(1)
    node.attr["Tout"].list.type.append(1)


@case()
def nodes_in_a_circle(folder):
    """A node that depends on itself through another."""
    graph = V1.GraphDef()
    graph.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    graph.node[0].attr["shape"].shape.dim.add(size=2)
    for name, op, inputs in (("a", "AddV2", ["x", "b"]), ("b", "Mul", ["a", "x"]), ("y", "Relu", ["b"])):
        graph.node.add(name=name, op=op, input=inputs).attr["T"].type = 1
    text(folder, graph)


@case()
def unsupported_ops(folder):
    """All of them are named, with counts and paths."""
    with tf.Graph().as_default() as graph:
        x = V1.placeholder(tf.float32, (None, 4), name="x")
        with V1.name_scope("augment"):
            z = x + tf.random.normal(tf.shape(x)) + tf.random.uniform(tf.shape(x))
        words = tf.strings.join([tf.as_string(z), "!"], name="words")
        tf.strings.length(tf.strings.regex_replace(words, "a", "b"), name="y")
    text(folder, graph.as_graph_def())


@case()
def ragged_in_a_variant(folder):
    """Rows that are packed, which nothing but a loop takes apart again."""
    with tf.Graph().as_default() as graph:
        x = V1.placeholder(tf.float32, (4,), name="x")
        rows = tf.raw_ops.RaggedTensorToVariant(rt_nested_splits=[tf.constant([0, 1, 4], tf.int64)], rt_dense_values=x, batched_input=True, name="rows")
        twice = tf.stack([rows, rows], name="twice")
        tf.raw_ops.RaggedTensorFromVariant(encoded_ragged=twice, input_ragged_rank=1, output_ragged_rank=3, Tvalues=tf.float32, name="y")
    text(folder, graph.as_graph_def())


def table(folder, **stored):
    """A SavedModel that looks words up in a table that can change; its checkpoint is written anew with what is `stored`."""
    from tensorflow.python.ops import lookup_ops
    with tf.Graph().as_default() as graph, V1.Session() as session:
        x = V1.placeholder(tf.int64, (None,), name="x")
        costs = lookup_ops.MutableHashTable(tf.int64, tf.float32, -1., name="costs")
        y = tf.identity(costs.lookup(x), name="y")
        if not folder:
            return graph.as_graph_def()
        session.run(costs.insert(tf.constant([3, 7, 11], tf.int64), tf.constant([.5, 1.5, 2.5])))
        V1.saved_model.simple_save(session, f"{folder}/model", {"x": x}, {"y": y})
    prefix = f"{folder}/model/variables/variables"
    shutil.rmtree(os.path.dirname(prefix))
    os.mkdir(os.path.dirname(prefix))
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=[f"costs-{n}" for n in stored], shape_and_slices=[""] * len(stored), tensors=list(stored.values()))
    shutil.rmtree(f"{folder}/model/assets", ignore_errors=True)


@case()
def table_lengths(folder):
    """More keys than values."""
    table(folder, keys=tf.constant([3, 7, 11], tf.int64), values=tf.constant([.5, 1.5]))


@case()
def table_type(folder):
    """Values of another type than the graph says."""
    table(folder, keys=tf.constant([3, 7], tf.int64), values=tf.constant([5, 15]))


@case()
def table_shape(folder):
    """Values that are vectors, in a table of numbers."""
    table(folder, keys=tf.constant([3, 7], tf.int64), values=tf.constant([[.5], [1.5]]))


@case()
def table_absent(folder):
    """A checkpoint without the values."""
    table(folder, keys=tf.constant([3, 7], tf.int64))


@case()
def table_lost(folder):
    """A frozen graph, whose table was in the checkpoint."""
    text(folder, table(None))


@case()
def table_changed(folder):
    """A table that learns a word whenever it is asked for one."""
    class Table(tf.Module):
        def __init__(self):
            self.seen = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "x")])
        def __call__(self, x):
            count = self.seen.lookup(x)
            self.seen.insert(x, count + 1.)
            return {"y": count}
    tf.saved_model.save(Table(), f"{folder}/model")
    os.remove(f"{folder}/model/fingerprint.pb")
    shutil.rmtree(f"{folder}/model/assets", ignore_errors=True)


@case("--outputs y")
def table_changed_before(folder):
    """The same in TensorFlow 1: nothing but a control input leads to what fills the table."""
    from tensorflow.python.ops import lookup_ops
    with tf.Graph().as_default() as graph:
        x = V1.placeholder(tf.int64, (None,), name="x")
        seen = lookup_ops.MutableHashTable(tf.int64, tf.float32, 0., name="seen")
        with tf.control_dependencies([seen.insert(x, tf.cast(x, tf.float32))]):
            tf.identity(seen.lookup(tf.constant([3, 7], tf.int64)), name="y")
    text(folder, graph.as_graph_def())


@case()
def stateless_seeds(folder):
    """Seeds that no numbers can be given for: an input, too many numbers, a number that is not known, another generator, three
    integers, a type that it has not."""
    R = tf.raw_ops
    with tf.Graph().as_default() as graph:
        x, seed = V1.placeholder(tf.float32, (None, 4), name="x"), V1.placeholder(tf.int32, (2,), name="seed")
        key, counter = R.StatelessRandomGetKeyCounter(seed=[1, 2])
        y = [x[:1] + R.StatelessRandomUniform(shape=[1, 4], seed=seed, name="of_an_input"),
             x[:1] + R.StatelessRandomNormal(shape=[1 << 20, 4], seed=[1, 2], name="too_many")[:1],
             x + R.StatelessTruncatedNormal(shape=tf.shape(x), seed=[1, 2], name="unknown"),
             x + R.StatelessRandomUniformV2(shape=[4], key=key, counter=counter, alg=2, name="threefry"),
             x + R.StatelessRandomUniform(shape=[4], seed=[1, 2], name="three"),
             x + R.StatelessRandomUniform(shape=[4], seed=[1, 2], name="of_integers")]
        tf.identity(tf.reduce_sum(tf.add_n([tf.reduce_sum(t) for t in y])), name="y")
    graph = graph.as_graph_def()
    for node in graph.node:
        if node.name == "of_integers":
            node.attr["dtype"].type = tf.int32.as_datatype_enum
        if node.name == "three/seed":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.array([1, 2, 3], "int32")))
    text(folder, graph)


plain()
made = 0
for name, make, args in CASES:
    if not re.search(a.only, f"bad/{name}"):
        continue
    folder = os.path.join(a.out, "bad", name)
    for entry in glob.glob(f"{folder}/*"):
        if not entry.endswith("expected.txt"):
            shutil.rmtree(entry) if os.path.isdir(entry) else os.remove(entry)
    os.makedirs(folder, exist_ok=True)
    make(folder)
    if args:
        with open(f"{folder}/args.txt", "w") as fh:
            fh.write(args + "\n")
    made += 1
shutil.rmtree(WORK)
print(f"{made} made")
