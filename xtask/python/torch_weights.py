"""Records fixtures/weights/torch: files with weights in every container and corner of a checkpoint, and what torch reads
out of them (weights.npz: an array for each weight by the name of the bare model; `bf16@name` where numpy has no such
type and the array is float32).

    python torch_weights.py fixtures/weights/torch

Runs with any torch from 1.0 on; every version records its own cases, named after it. The newest records the ones by
hand too: big-endian, packed, tar, numpy.
"""
from __future__ import print_function
import collections
import io
import os
import pickle
import struct
import sys
import tarfile
import zipfile

import numpy as np
import torch
from torch import nn

VERSION = tuple(int(x) for x in torch.__version__.split("+")[0].split(".")[:2])
NEW = VERSION >= (2, 0)
OUT = sys.argv[1]


def net():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Linear(2, 5))
    for p in model.parameters():
        p.data.copy_(torch.randn(p.shape) * 0.5)
    model[1].running_mean.copy_(torch.randn(4))
    model[1].running_var.copy_(torch.rand(4) + 0.5)
    return model.eval()


def named(name):
    if NEW:
        return name
    return "%s_%d%d" % (name, VERSION[0], VERSION[1])


def record(name, save, weights, args=None, file="model.pt"):
    """`save(path)` writes the file; `weights` are what should be read out of it."""
    to = os.path.join(OUT, name)
    os.makedirs(to, exist_ok=True)
    save(os.path.join(to, file))
    arrays = collections.OrderedDict()
    for key, tensor in weights.items():
        if isinstance(tensor, (np.ndarray, np.generic)):
            arrays[key] = np.asarray(tensor)
            continue
        tensor = tensor.detach().cpu()
        dtype = str(tensor.dtype)
        short = {"torch.bfloat16": "bf16", "torch.float8_e4m3fn": "f8e4m3", "torch.float8_e5m2": "f8e5m2"}.get(dtype)
        if short:
            arrays["%s@%s" % (short, key)] = tensor.float().numpy()
        else:
            arrays[key] = tensor.numpy()
    np.savez_compressed(os.path.join(to, "weights.npz"), **arrays)
    if args:
        with open(os.path.join(to, "args.txt"), "w") as f:
            f.write(args + "\n")


def saver(what, **options):
    return lambda path: torch.save(what, path, **options)


LEGACY = {"_use_new_zipfile_serialization": False} if VERSION >= (1, 4) else {}
ZIP = {"_use_new_zipfile_serialization": True} if VERSION >= (1, 4) else {}


def containers():
    model = net()
    state = model.state_dict()
    record(named("state_dict_legacy"), saver(state, **LEGACY), state)
    record(named("module_legacy"), saver(model, **LEGACY), state)
    views = collections.OrderedDict()
    base = torch.arange(24.0).reshape(2, 3, 4)
    views["whole"] = base
    views["rows"] = base[1]
    views["columns"] = base[:, :, 1]
    views["steps"] = base[:, ::2]
    views["turned"] = base.permute(2, 0, 1)
    views["channels_last"] = torch.randn(2, 4, 5, 3).permute(0, 3, 1, 2)
    views["expanded"] = base[0, 1, :1].expand(3, 5)
    views["scalar"] = torch.tensor(3.5)
    views["empty"] = torch.zeros(0, 3)
    views["shared"] = views["whole"]
    record(named("views_legacy"), saver(views, **LEGACY), views)
    types = collections.OrderedDict()
    names = "uint8 int8 int16 int32 int64 float16 float32 float64 bool bfloat16 uint16 uint32 uint64 float8_e4m3fn float8_e5m2"
    for name in names.split():
        dtype = getattr(torch, name, None)
        if dtype is not None and (VERSION >= (1, 4) or name not in ("bool", "bfloat16", "int8")):
            values = torch.tensor([0.0, 1.0, 3.0, 100.0])
            types[name] = values.to(dtype)
    record(named("types_legacy"), saver(types, **LEGACY), types)
    if not ZIP:
        return
    record(named("state_dict"), saver(state, **ZIP), state)
    record(named("module"), saver(model, **ZIP), state)
    record(named("views"), saver(views, **ZIP), views)
    record(named("types"), saver(types, **ZIP), types)
    record(named("data_parallel_module"), saver(nn.DataParallel(model), **ZIP), state)


def checkpoints():
    model = net()
    state = model.state_dict()
    optimizer = torch.optim.Adam(model.parameters())
    model[3](torch.randn(3, 2)).sum().backward()
    optimizer.step()
    ema = collections.OrderedDict((k, v.clone() + 1) for k, v in state.items())
    training = {
        "epoch": 3,
        "loss": torch.tensor(0.5),
        "best": np.float64(0.25),
        "optimizer_state_dict": optimizer.state_dict(),
        "model_state_dict": state,
        "ema": ema,
        "rng": torch.get_rng_state(),
    }
    record(named("checkpoint"), saver(training), state)
    if not NEW:
        return
    record("checkpoint_key", saver(training), ema, "--weights-key ema")
    deep = {"models": {"g.a": {"state": dict(state)}, "d": {"w": torch.ones(2)}}}
    record("checkpoint_dotted_key", saver(deep), state, "--weights-key models.g.a.state")
    record("checkpoint_tuple", saver((state, optimizer.state_dict(), 7)), state)
    record("checkpoint_module", saver({"model": model, "epoch": 1}), state)
    record("half", saver({k: v.half() if v.is_floating_point() else v for k, v in state.items()}),
           {k: v.half() if v.is_floating_point() else v for k, v in state.items()})
    record("bfloat16", saver({k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}),
           {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()})
    record("data_parallel", saver(collections.OrderedDict(("module." + k, v) for k, v in state.items())), state)
    record("compiled", saver({"model": {"module._orig_mod." + k: v for k, v in state.items()}}), state)
    averaged = {"module." + k: v for k, v in state.items()}
    averaged["n_averaged"] = torch.tensor(5)
    record("averaged", saver(averaged), state)
    lightning = {
        "epoch": 1, "global_step": 5, "pytorch-lightning_version": "2.1.0",
        "state_dict": collections.OrderedDict(("model." + k, v) for k, v in state.items()),
        "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [], "loops": {"fit_loop": {"state": torch.ones(2)}},
        "hyper_parameters": {"lr": 0.1, "device": torch.device("cuda:3")},
    }
    record("lightning", saver(lightning), state, file="model.ckpt")
    # Loading it in Python would run the command; saving it does not.
    record("runs_a_command", saver({"model_state_dict": state, "hook": Command()}), state)
    record("learner", saver(Learner(model)), state, file="model.pkl")
    extra = collections.OrderedDict(state)
    extra["head._extra_state"] = {"calls": 3}
    record("extra_state", saver(extra), state)


class Command:
    def __reduce__(self):
        return os.system, ("touch modelport-was-here",)


class Learner:
    """An object around a model, like fastai's."""

    def __init__(self, model):
        self.model, self.lr = model, 0.1


def normalised():
    torch.manual_seed(3)
    old = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.utils.weight_norm(nn.Linear(4, 3), dim=None),
                        nn.utils.weight_norm(nn.ConvTranspose2d(3, 5, 2), dim=1))
    for name, p in old.named_parameters():
        p.data.copy_(torch.randn(p.shape) + 0.1)
    plain = collections.OrderedDict()
    for i, layer in enumerate(old):
        plain["%d.weight" % i] = torch._weight_norm(layer.weight_v, layer.weight_g, 1 if i == 2 else 0) if i != 1 \
            else layer.weight_v * (layer.weight_g / layer.weight_v.norm())
        plain["%d.bias" % i] = layer.bias
    record(named("weight_norm"), saver(old.state_dict()), plain)
    if not NEW:
        return
    new = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
                        nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 3, 2)))
    for p in new.parameters():
        p.data.copy_(torch.randn(p.shape) + 0.1)
    plain = collections.OrderedDict()
    for i, layer in enumerate(new):
        plain["%d.weight" % i] = layer.weight
        plain["%d.bias" % i] = layer.bias
    record("weight_norm_parametrized", saver(new.state_dict()), plain)


def repack(source, target, change):
    """The archive again, each member through `change(name, bytes) -> (bytes, compression)`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data, compression = change(info.filename, old.read(info.filename))
            new.writestr(info.filename, data, compression)


def by_hand():
    state = net().state_dict()
    scratch = os.path.join(OUT, "scratch.pt")
    torch.save(state, scratch)
    record("deflated", lambda p: repack(scratch, p, lambda n, d: (d, zipfile.ZIP_DEFLATED)), state)

    sizes = {}
    for i, (name, tensor) in enumerate(state.items()):
        sizes[str(i)] = tensor.element_size()

    def big(name, data):
        key = name.split("/")[-1]
        if "/data/" in name:
            data = np.frombuffer(data, "<u%d" % sizes[key]).byteswap().tobytes()
        if key == "byteorder":
            data = b"big"
        return data, zipfile.ZIP_STORED

    record("big_endian", lambda p: repack(scratch, p, big), state)
    os.remove(scratch)
    record("tar", lambda p: tar(p, state), state)
    arrays = collections.OrderedDict()
    arrays["rows"] = np.arange(6.0).reshape(2, 3)
    arrays["columns"] = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    arrays["big"] = np.arange(3, dtype=">i4")
    arrays["scalar"] = np.float32(2.5)
    arrays["flags"] = np.array([True, False])
    arrays["half"] = np.array([0.5, -2], dtype=np.float16)
    expected = collections.OrderedDict((k, np.ascontiguousarray(v).astype(v.dtype.newbyteorder("<")).reshape(v.shape))
                                       for k, v in arrays.items())
    record("numpy", saver(arrays), expected)
    for protocol in (0, 2, 4, 5):
        def dump(path):
            with open(path, "wb") as f:
                pickle.dump(dict(arrays), f, protocol)
        record("pickle_numpy_p%d" % protocol, dump, expected, file="model.pkl")

    def dump_tensors(path):
        with open(path, "wb") as f:
            pickle.dump(state, f)
    record("pickle_tensors", dump_tensors, state, file="model.pkl")


def tar(path, state):
    """What torch.save of 0.1 wrote, after torch/serialization.py: legacy_load, which still reads it."""
    types = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}
    storages, tensors = io.BytesIO(), io.BytesIO()
    pickle.dump(len(state), storages, 2)
    pickle.dump(len(state), tensors, 2)
    for i, (name, tensor) in enumerate(state.items()):
        pickle.dump((100 + i, "cpu", types[tensor.dtype]), storages, 2)
        storages.write(struct.pack("<q", tensor.numel()))
        storages.write(tensor.contiguous().numpy().tobytes())
        pickle.dump((200 + i, 100 + i, torch.FloatTensor), tensors, 2)
        tensors.write(struct.pack("<q", tensor.dim()))
        tensors.write(struct.pack("<%dq" % tensor.dim(), *tensor.shape))
        tensors.write(struct.pack("<%dq" % tensor.dim(), *tensor.contiguous().stride()))
        tensors.write(struct.pack("<q", 0))
    pickle.dump([], storages, 2)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.number if isinstance(value, Ref) else None

    whole = io.BytesIO()
    refs = collections.OrderedDict((name, Ref(200 + i)) for i, name in enumerate(state))
    Pickler(whole, 2).dump(refs)
    info = io.BytesIO()
    pickle.dump({"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}, info, 2)
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as archive:
        for name, data in [("sys_info", info), ("pickle", whole), ("tensors", tensors), ("storages", storages)]:
            member = tarfile.TarInfo(name)
            member.size = len(data.getvalue())
            archive.addfile(member, io.BytesIO(data.getvalue()))
    back = torch.load(path, weights_only=False)
    assert all(torch.equal(back[k], v) for k, v in state.items()), "torch reads other tensors"


class Ref:
    def __init__(self, number):
        self.number = number


if __name__ == "__main__":
    import warnings
    warnings.simplefilter("ignore")
    containers()
    checkpoints()
    if VERSION == (1, 4) or NEW:
        normalised()
    if NEW:
        by_hand()
