"""Writes the torch cases of fixtures/bad: files that nobody's torch.save wrote, or that lost something on the way.

    python torch_bad.py fixtures/bad [--all]    # --all: those too that are there already

Needs the newest torch. The pickles that no Python would write are written opcode by opcode.
"""
import collections
import io
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import torch

OUT = sys.argv[1]


def put(name, data, file="model.pt"):
    os.makedirs(os.path.join(OUT, name), exist_ok=True)
    path = os.path.join(OUT, name, file)
    if os.path.exists(path) and "--all" not in sys.argv:
        return
    with open(path, "wb") as f:
        f.write(data)


def saved(what, **options):
    buffer = io.BytesIO()
    torch.save(what, buffer, **options)
    return buffer.getvalue()


def archive(pickled, storages=(), compression=zipfile.ZIP_STORED):
    """A zip archive like torch's around a pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as z:
        members = [("data.pkl", pickled), ("byteorder", b"little"), ("version", b"3\n")]
        for name, data in members[:2] + [("data/%s" % k, d) for k, d in storages] + members[2:]:
            z.writestr(zipfile.ZipInfo("model/" + name), data, compression)
    return buffer.getvalue()


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def tensor(key, numel, offset, shape, strides):
    """The opcodes of `_rebuild_tensor_v2` over a storage of floats."""
    ints = lambda v: b"(" + b"".join(b"J" + struct.pack("<i", i) for i in v) + b"t"
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"J" + struct.pack("<i", numel) + b"tQ"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"J" + struct.pack("<i", offset) + ints(shape)
            + ints(strides) + b"\x89ccollections\nOrderedDict\n)RtR")


def state(**tensors):
    return b"\x80\x02}(" + b"".join(text(k) + t for k, t in tensors.items()) + b"u."


def main():
    floats = np.arange(6, dtype="<f4").tobytes()
    weights = collections.OrderedDict(weight=torch.randn(3, 2), bias=torch.randn(3))
    good = saved(weights)
    put("torch_unknown_weights", good)
    put("torch_truncated_50", good[:len(good) // 2])
    legacy = saved(weights, _use_new_zipfile_serialization=False)
    put("torch_legacy_truncated", legacy[:-10])
    put("torch_legacy_truncated_pickle", legacy[:150])
    put("torch_short_storage", archive(state(weight=tensor("0", 100, 0, [6], [1])), [("0", floats)]))
    put("torch_missing_storage", archive(state(weight=tensor("7", 6, 0, [6], [1])), [("0", floats)]))
    put("torch_past_storage", archive(state(a=tensor("0", 6, 0, [2, 3], [4, 1]), b=tensor("0", 6, 3, [4], [1]),
                                            c=tensor("0", 6, 0, [-1], [1]), d=tensor("0", 6, 0, [2000000000], [0])),
                                      [("0", floats)]))
    put("torch_recursive", archive(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."))
    bomb = b"\x80\x02]q\x00" + b"".join(b"](" + b"h" + bytes([i]) * 1 + (b"h" + bytes([i])) * 9 + b"eq" + bytes([i + 1])
                                         for i in range(200)) + b"."
    put("torch_memo_bomb", archive(bomb))
    put("torch_deep", archive(b"\x80\x02N" + b"\x85" * 20000 + b".", compression=zipfile.ZIP_DEFLATED))
    put("torch_four_gigabytes", archive(b"\x80\x02X\xff\xff\xff\xffab."))
    put("torch_out_of_band", archive(b"\x80\x05\x97."))
    put("torch_zip_bomb", bomb_archive())
    put("torch_overlap", overlapping(state(weight=tensor("0", 6, 0, [6], [1])), floats))
    put("torch_misdirected", misdirected(state(weight=tensor("0", 6, 0, [6], [1])), floats))
    put("torch_single_tensor", saved(torch.randn(3)))
    put("torch_optimizer", saved({"epoch": 3, "optimizer": torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.1,
                                                                           momentum=0.9).state_dict()}))
    put("torch_optimizer_alone", saved(optimizer_state()))
    traced = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), traced)
    put("torch_script_as_weights", traced.getvalue())
    put("torch_script_as_weights", b"--arch mobilenet_v2\n", "args.txt")
    put("torch_weights_as_graph", saved({"other.weight": torch.randn(2, 2)}))
    put("torch_weights_as_graph", good, "graph.pt")
    put("torch_weights_as_graph", b"--graph fixtures/bad/torch_weights_as_graph/graph.pt\n", "args.txt")
    put("torch_lfs_pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"5f" * 32 + b"\nsize 14212972\n")
    put("torch_quantised", saved({"weight": torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)}))
    put("torch_meta", saved(torch.nn.Linear(2, 2, device="meta").state_dict()))
    put("pickle_plain", pickle.dumps({"lr": 0.1, "steps": [1, 2, 3]}), "model.pkl")
    put("pickle_sklearn", b"\x80\x03csklearn.linear_model._logistic\nLogisticRegression\nq\x00)\x81q\x01}q\x02"
        b"X\x07\x00\x00\x00penaltyq\x03X\x02\x00\x00\x00l2q\x04sb.", "model.pkl")
    put("pickle_joblib", b"\x80\x03csklearn.svm._classes\nSVC\nq\x00)\x81q\x01}q\x02X\x02\x00\x00\x00wwq\x03"
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\x04)\x81q\x05}q\x06X\x05\x00\x00\x00shapeq\x07K\x02\x85q\x08sb"
        + b"\xff" * 16 + b"sb.", "model.joblib")
    put("pickle_future", b"\x80\x06N.", "model.pkl")
    npy = io.BytesIO()
    np.save(npy, np.arange(3.0))
    put("numpy_npy", npy.getvalue(), "model.npy")
    npz = io.BytesIO()
    np.savez(npz, weight=np.arange(3.0))
    put("numpy_npz", npz.getvalue(), "model.npz")


def optimizer_state():
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], 0.1, momentum=0.9)
    parameter.sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def bomb_archive():
    """A pickle that announces 2 GB once it is unpacked."""
    return lying(archive(b"\x80\x02}.", compression=zipfile.ZIP_DEFLATED), 1 << 31)


def lying(data, size):
    """The first member announces another size, in both of its headers."""
    data = bytearray(data)
    struct.pack_into("<I", data, 22, size)
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, size)
    return bytes(data)


def entries(data):
    at = data.index(b"PK\x01\x02")
    while data[at:at + 4] == b"PK\x01\x02":
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        yield at, bytes(data[at + 46:at + 46 + name]).decode()
        at += 46 + name + extra + comment


def overlapping(pickled, floats):
    """The storage is so long that it reaches into the member after it."""
    data = bytearray(archive(pickled, [("0", floats)]))
    for at, name in entries(data):
        if name == "model/data/0":
            struct.pack_into("<II", data, at + 20, 24 + 60, 24 + 60)
    return bytes(data)


def misdirected(pickled, floats):
    """The directory leads from the storage to `version`."""
    data = bytearray(archive(pickled, [("0", floats)]))
    places = {name: at for at, name in entries(data)}
    data[places["model/data/0"] + 42:places["model/data/0"] + 46] = \
        data[places["model/version"] + 42:places["model/version"] + 46]
    return bytes(data)


if __name__ == "__main__":
    import warnings
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    main()
