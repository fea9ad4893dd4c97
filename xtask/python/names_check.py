"""Weights that `convert --names` translated, in the real frameworks: a MobileNetV2 and a net of Dense, LSTM, GRU, Bidirectional,
LayerNormalization, convolutions of Keras as torch modules, and of torch as Keras layers. Outputs are compared.

Run in three steps, for no environment has both frameworks: `--step keras` (Keras 3 environment) makes a Keras net with its outputs;
`--step torch` (torch environment) loads it translated, and makes a torch net; `--step back` (Keras 3 environment) loads that one.
"""
import argparse
import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--step", required=True)
parser.add_argument("--bin", required=True)
parser.add_argument("--out", required=True)
args = parser.parse_args()
os.makedirs(args.out, exist_ok=True)


def at(name):
    return os.path.join(args.out, name)


def translated(model, names):
    """The weights of `model` under other names, by Python's `safetensors` where it is, else read by hand."""
    target = at(os.path.basename(model) + f".{names}.safetensors")
    subprocess.run([args.bin, "convert", model, target, "--names", names], check=True, stdout=subprocess.DEVNULL)
    try:
        from safetensors.torch import load_file
        return load_file(target)
    except ImportError:
        raw = open(target, "rb").read()
        size = int.from_bytes(raw[:8], "little")
        head = json.loads(raw[8:8 + size])
        head.pop("__metadata__", None)
        cut = lambda e: raw[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]]
        assert all(e["dtype"] == "F32" for e in head.values())
        return {n: np.frombuffer(cut(e), "<f4").reshape(e["shape"]) for n, e in head.items()}


failed = False


def judge(what, found, want):
    global failed
    error = float(np.abs(found - want).max()) / float(np.abs(want).max())
    ok = found.shape == want.shape and error < 1e-5 and float(np.ptp(want)) > 1e-3
    failed |= not ok
    print(f"{what:58} {'ok' if ok else 'WRONG':6} {error:.2e} of the largest output")


def keras_step():
    import keras
    keras.utils.set_random_seed(3)
    L = keras.layers
    x = keras.Input((12, 12, 3))
    y = L.Conv2D(6, 3, name="conv")(x)
    y = L.BatchNormalization(name="bn")(y)
    y = L.DepthwiseConv2D(3, depth_multiplier=2, name="depth")(y)
    y = L.Conv2DTranspose(5, 3, strides=2, name="up")(y)
    y = L.SeparableConv2D(7, 3, name="sep")(y)
    y = L.GlobalAveragePooling2D()(y)
    y = L.Dense(12, activation="tanh", name="wide")(y)
    y = L.Reshape((4, 3))(y)
    y = L.LSTM(5, return_sequences=True, name="lstm")(y)
    y = L.Bidirectional(L.LSTM(4, return_sequences=True), name="both")(y)
    y = L.LayerNormalization(epsilon=1e-5, name="norm")(y)
    y = L.MultiHeadAttention(2, 4, name="mha")(y, y)
    y = L.GRU(6, name="gru")(y)
    y = L.Dense(4, name="head")(y)
    model = keras.Model(x, y)
    rng = np.random.default_rng(0)
    for v in model.weights:
        v.assign(rng.uniform(0.5, 1.5, v.shape) if "variance" in v.name else rng.normal(0, 0.4, v.shape))
    model.save(at("net.keras"))
    data = rng.normal(size=(2, 12, 12, 3)).astype("f4")
    np.savez(at("net.npz"), x=data, y=model.predict(data, verbose=0))


def torch_step():
    import torch
    from torch import nn
    import torch.nn.functional as F
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, eps=1e-3)
            self.depth = nn.Conv2d(6, 12, 3, groups=6)
            self.up = nn.ConvTranspose2d(12, 5, 3, stride=2)
            self.sep = nn.ModuleDict({"depthwise": nn.Conv2d(5, 5, 3, groups=5, bias=False), "pointwise": nn.Conv2d(5, 7, 1)})
            self.wide, self.head = nn.Linear(7, 12), nn.Linear(6, 4)
            self.lstm = nn.LSTM(3, 5, batch_first=True)
            self.both = nn.LSTM(5, 4, batch_first=True, bidirectional=True)
            self.norm, self.mha = nn.LayerNorm(8, eps=1e-5), nn.MultiheadAttention(8, 2, batch_first=True)
            self.gru = nn.GRU(8, 6, batch_first=True)

        def forward(self, x):
            y = self.up(self.depth(self.bn(self.conv(x))))
            y = self.sep["pointwise"](self.sep["depthwise"](y)).mean((2, 3))
            y = torch.tanh(self.wide(y)).reshape(-1, 4, 3)
            y = self.norm(self.both(self.lstm(y)[0])[0])
            y = self.mha(y, y, y, need_weights=False)[0]
            return self.head(self.gru(y)[0][:, -1])

    net = Net().eval()
    net.load_state_dict(translated(at("net.keras"), "torch"))
    io = np.load(at("net.npz"))
    with torch.no_grad():
        judge("Keras net, in torch", net(torch.tensor(io["x"]).permute(0, 3, 1, 2)).numpy(), io["y"])

    # The MobileNetV2 of the fixtures: its forward pass by the names of its weights.
    for kind in ["k2_h5/model.h5", "k3_keras/model.keras"]:
        folder = f"fixtures/models/keras/mobilenetv2_{kind.split('/')[0]}"
        w = translated(f"fixtures/models/keras/mobilenetv2_{kind}", "torch")
        io = np.load(folder + "/io.npz")
        bn = lambda n, y: F.batch_norm(y, w[n + ".running_mean"], w[n + ".running_var"], w[n + ".weight"], w[n + ".bias"], eps=1e-3)

        def conv(n, y, stride=1, depth=False):
            k = w[n + ".weight"]
            if k.shape[-1] == 3:
                y = F.pad(y, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
            return F.conv2d(y, k, stride=stride, groups=k.shape[0] if depth else 1)

        x = torch.tensor(next(io[k] for k in io.files if k.startswith("in:"))).permute(0, 3, 1, 2)
        y = F.relu6(bn("bn_Conv1", conv("Conv1", x, 2)))
        for i in range(17):
            p = f"block_{i}_" if i else "expanded_conv_"
            z = F.relu6(bn(p + "expand_BN", conv(p + "expand", y))) if i else y
            z = F.relu6(bn(p + "depthwise_BN", conv(p + "depthwise", z, 2 if i in (1, 3, 6, 13) else 1, True)))
            z = bn(p + "project_BN", conv(p + "project", z))
            y = y + z if y.shape == z.shape else z
        y = F.relu6(bn("Conv_1_bn", conv("Conv_1", y))).mean((2, 3))
        y = torch.softmax(F.linear(y, w["predictions.weight"], w["predictions.bias"]), -1)
        judge(f"MobileNetV2 of {folder.split('_', 1)[1]}, in torch", y.numpy(), next(io[k] for k in io.files if k.startswith("out:")))

    torch.manual_seed(5)
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
            self.depth = nn.Conv2d(8, 8, 3, groups=8)
            self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
            self.emb = nn.Embedding(9, 6)
            self.lstm, self.norm = nn.LSTM(6, 5, batch_first=True, bidirectional=True), nn.LayerNorm(10)
            self.gru, self.head = nn.GRU(10, 6, batch_first=True), nn.Linear(6, 4)

        def forward(self, x, ids):
            y = self.up(self.depth(self.bn(self.conv(x)))).mean((2, 3))
            y = y[:, None] + self.emb(ids)
            return self.head(self.gru(self.norm(self.lstm(y)[0]))[0][:, -1])

    net = Other().eval()
    with torch.no_grad():
        for name, p in net.state_dict().items():
            if p.is_floating_point():
                p.copy_(torch.rand_like(p) + 0.5 if "var" in name else torch.randn_like(p) * 0.4)
        x, ids = torch.randn(2, 3, 10, 10), torch.randint(0, 9, (2, 4))
        torch.save(net.state_dict(), at("other.pt"))
        np.savez(at("other.npz"), x=x.numpy(), ids=ids.numpy(), y=net(x, ids).numpy())


def back_step():
    import keras
    L = keras.layers
    w = translated(at("other.pt"), "keras")
    io = np.load(at("other.npz"))
    x, ids = keras.Input((10, 10, 3)), keras.Input((4,), dtype="int32")
    y = L.Conv2D(8, 3, name="conv")(x)
    y = L.BatchNormalization(epsilon=1e-5, name="bn")(y)
    y = L.DepthwiseConv2D(3, name="depth")(y)
    y = L.Conv2DTranspose(6, 2, strides=2, name="up")(y)
    y = L.GlobalAveragePooling2D()(y)
    y = L.Reshape((1, 6))(y) + L.Embedding(9, 6, name="emb")(ids)
    y = L.Bidirectional(L.LSTM(5, return_sequences=True), name="lstm")(y)
    y = L.LayerNormalization(epsilon=1e-5, name="norm")(y)
    y = L.Dense(4, name="head")(L.GRU(6, name="gru")(y))
    model = keras.Model([x, ids], y)
    used = set()
    for v in model.weights:
        # `lstm/forward_lstm/lstm_cell/kernel` is `lstm/forward/kernel`; `gru/gru_cell/kernel` is `gru/kernel`.
        parts = [p.replace("forward_lstm", "forward").replace("backward_lstm", "backward") for p in v.path.split("/")]
        name = "/".join(p for p in parts if not p.endswith("_cell"))
        v.assign(w[name])
        used.add(name)
    assert used == set(w), set(w) ^ used
    found = model.predict([io["x"].transpose(0, 2, 3, 1), io["ids"]], verbose=0)
    judge("torch net, in Keras", found, io["y"])


{"keras": keras_step, "torch": torch_step, "back": back_step}[args.step]()
sys.exit(1 if failed else 0)
