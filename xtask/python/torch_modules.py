#!/usr/bin/env python3
"""Every class of torch.nn that inference uses, pickled whole, converted, and judged with onnxruntime. Run in the torch venv
(or an old one with --save DIR, and in the torch venv with --judge DIR):

    torch_modules.py --bin target/debug/modelport [--only RE]
"""
import argparse, os, re, subprocess, sys, tempfile, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
from torch import nn
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch_like

R = torch.randn
CASES = []


def add(name, make, *inputs, **kw):
    CASES.append((name, make, inputs, kw))


x1, x2, x3 = (2, 4, 11), (2, 4, 9, 10), (2, 4, 5, 6, 7)
for d, x in ((1, x1), (2, x2), (3, x3)):
    C, T, P = (getattr(nn, f"{n}{d}d") for n in ("Conv", "ConvTranspose", "MaxPool"))
    add(f"Conv{d}d", lambda C=C: C(4, 6, 3, stride=2, padding=1, groups=2), x)
    add(f"Conv{d}d_same", lambda C=C: C(4, 6, 4, padding="same", dilation=2, bias=False), x)
    for mode in ("reflect", "replicate", "circular"):
        add(f"Conv{d}d_{mode}", lambda C=C, m=mode: C(4, 6, 3, padding=2, padding_mode=m), x)
    add(f"ConvTranspose{d}d", lambda T=T: T(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), x)
    add(f"BatchNorm{d}d", lambda d=d: getattr(nn, f"BatchNorm{d}d")(4), x)
    add(f"BatchNorm{d}d_batch", lambda d=d: getattr(nn, f"BatchNorm{d}d")(4, track_running_stats=False, affine=False), x)
    add(f"InstanceNorm{d}d", lambda d=d: getattr(nn, f"InstanceNorm{d}d")(4, affine=True), x)
    add(f"InstanceNorm{d}d_running", lambda d=d: getattr(nn, f"InstanceNorm{d}d")(4, track_running_stats=True), x)
    add(f"MaxPool{d}d", lambda P=P: P(3, 2, 1, ceil_mode=True), x)
    add(f"MaxPool{d}d_dilation", lambda P=P: P(2, 1, 0, dilation=2), x)
    add(f"AvgPool{d}d", lambda d=d: getattr(nn, f"AvgPool{d}d")(3, 2, 1, count_include_pad=False), x)
    add(f"AvgPool{d}d_ceil", lambda d=d: getattr(nn, f"AvgPool{d}d")(2, ceil_mode=True), x)
    add(f"AdaptiveAvgPool{d}d", lambda d=d: getattr(nn, f"AdaptiveAvgPool{d}d")(3), x)
    add(f"AdaptiveAvgPool{d}d_1", lambda d=d: getattr(nn, f"AdaptiveAvgPool{d}d")(1), x)
    add(f"AdaptiveMaxPool{d}d", lambda d=d: getattr(nn, f"AdaptiveMaxPool{d}d")(2), x)
    for n, v in (("ConstantPad", (0.5,)), ("ReflectionPad", ()), ("ReplicationPad", ()), ("ZeroPad", ()), ("CircularPad", ())):
        if hasattr(nn, f"{n}{d}d"):
            add(f"{n}{d}d", lambda n=n, d=d, v=v: getattr(nn, f"{n}{d}d")(2, *v), x)
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[d]
    add(f"Upsample{d}d_nearest", lambda: nn.Upsample(scale_factor=2), x)
    add(f"Upsample{d}d_{mode}", lambda m=mode: nn.Upsample(scale_factor=2, mode=m, align_corners=False), x)
    add(f"Upsample{d}d_{mode}_aligned", lambda m=mode, d=d: nn.Upsample(size=(13, 14, 15)[:d], mode=m, align_corners=True), x)
add("Upsample_bicubic", lambda: nn.Upsample(scale_factor=2, mode="bicubic"), x2)
add("Upsample_exact", lambda: nn.Upsample(size=(13, 17), mode="nearest-exact"), x2)
add("Upsample_1.5", lambda: nn.Upsample(scale_factor=1.5, mode="bilinear"), x2)
add("Upsample_recompute", lambda: nn.Upsample(scale_factor=1.5, mode="bilinear", recompute_scale_factor=True), x2)
add("UpsamplingNearest2d", lambda: nn.UpsamplingNearest2d(scale_factor=3), x2)
add("UpsamplingBilinear2d", lambda: nn.UpsamplingBilinear2d(scale_factor=2), x2)
add("LPPool2d", lambda: nn.LPPool2d(2, 3, 2), x2)
add("LPPool1d", lambda: nn.LPPool1d(3, 3, 2), x1, positive=True)
add("LPPool2d_ceil", lambda: nn.LPPool2d(1.5, 2, 2, ceil_mode=True), x2, positive=True)
add("LayerNorm", lambda: nn.LayerNorm((9, 10)), x2)
add("LayerNorm_plain", lambda: nn.LayerNorm(10, elementwise_affine=False), x2)
add("LayerNorm_nobias", lambda: nn.LayerNorm(10, bias=False), x2)
add("GroupNorm", lambda: nn.GroupNorm(2, 4), x2)
add("RMSNorm", lambda: nn.RMSNorm(10), x2)
add("LocalResponseNorm", lambda: nn.LocalResponseNorm(3, 0.1, 0.7, 2.0), x2)
add("LocalResponseNorm_even", lambda: nn.LocalResponseNorm(2), x2)
add("SyncBatchNorm", lambda: nn.SyncBatchNorm(4), x2)
for n, args in {"ReLU": (), "ReLU6": (), "Hardtanh": (-0.5, 0.7), "LeakyReLU": (0.2,), "PReLU": (4,), "RReLU": (), "ELU": (0.7,), "CELU": (0.8,), "SELU": (), "GELU": (),
                "SiLU": (), "Mish": (), "Hardswish": (), "Hardsigmoid": (), "Sigmoid": (), "LogSigmoid": (), "Tanh": (), "Tanhshrink": (), "Softplus": (2, 1.5),
                "Softsign": (), "Softshrink": (0.3,), "Hardshrink": (0.4,), "Threshold": (0.1, 0.2), "GLU": (1,), "Softmax": (1,), "Softmin": (1,), "LogSoftmax": (-1,),
                "Softmax2d": (), "Identity": (), "Dropout": (0.4,), "Dropout1d": (), "Dropout2d": (), "Dropout3d": (), "AlphaDropout": (), "FeatureAlphaDropout": ()}.items():
    if hasattr(nn, n):
        add(n, lambda n=n, a=args: getattr(nn, n)(*a), {"Dropout1d": x1, "Dropout3d": x3}.get(n, x2))
add("GELU_tanh", lambda: nn.GELU(approximate="tanh"), x2)
add("PReLU_1", lambda: nn.PReLU(), x2)
add("Softmax_none2", lambda: nn.Softmax(), (3, 7))
add("Softmax_none3", lambda: nn.Softmax(), (3, 7, 2))
add("Linear", lambda: nn.Linear(10, 7), x2)
add("Linear_nobias", lambda: nn.Linear(10, 7, bias=False), (3, 10))
add("Bilinear", lambda: nn.Bilinear(5, 6, 4), (3, 5), (3, 6))
add("Embedding", lambda: nn.Embedding(20, 6, padding_idx=0), (3, 5), high=20)
for mode in ("sum", "mean", "max"):
    add(f"EmbeddingBag_{mode}", lambda m=mode: nn.EmbeddingBag(20, 6, mode=m), (3, 5), high=20)
add("Flatten", lambda: nn.Flatten(), x2)
add("Flatten_2", lambda: nn.Flatten(1, 2), x2)
add("Unflatten", lambda: nn.Unflatten(1, (2, 2)), x2)
add("PixelShuffle", lambda: nn.PixelShuffle(2), x2)
add("PixelUnshuffle", lambda: nn.PixelUnshuffle(2), (2, 4, 8, 10))
add("ChannelShuffle", lambda: nn.ChannelShuffle(2), x2)
add("Unfold", lambda: nn.Unfold((2, 3), dilation=2, padding=1, stride=2), x2)
add("Fold", lambda: nn.Fold((4, 5), (2, 2)), (2, 12, 12))
add("CosineSimilarity", lambda: nn.CosineSimilarity(1), x2, x2)
add("Asymmetric_pad", lambda: nn.ConstantPad2d((1, 0, 2, 3), -1.5), x2)
for cell in ("LSTM", "GRU", "RNN"):
    add(cell, lambda c=cell: getattr(nn, c)(6, 5), (7, 2, 6))
    add(f"{cell}_deep", lambda c=cell: getattr(nn, c)(6, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.3), (2, 7, 6))
    add(f"{cell}_nobias", lambda c=cell: getattr(nn, c)(6, 5, bias=False), (7, 2, 6))
    add(f"{cell}Cell", lambda c=cell: getattr(nn, f"{c}Cell")(6, 5), (3, 6))
add("RNN_relu", lambda: nn.RNN(6, 5, nonlinearity="relu"), (7, 2, 6))
add("LSTM_proj", lambda: nn.LSTM(6, 5, proj_size=3), (7, 2, 6))
add("MultiheadAttention", lambda: nn.MultiheadAttention(8, 2), (5, 2, 8), (7, 2, 8), (7, 2, 8), first=True)
add("MultiheadAttention_first", lambda: nn.MultiheadAttention(8, 4, batch_first=True, bias=False), (2, 5, 8), (2, 5, 8), (2, 5, 8), first=True)
add("MultiheadAttention_kv", lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=4), (5, 2, 8), (7, 2, 6), (7, 2, 4), first=True)
E = nn.TransformerEncoderLayer
add("TransformerEncoderLayer", lambda: E(8, 2, 16), (5, 2, 8))
add("TransformerEncoderLayer_first", lambda: E(8, 2, 16, activation="gelu", batch_first=True, norm_first=True), (2, 5, 8))
add("TransformerEncoder", lambda: nn.TransformerEncoder(E(8, 2, 16, batch_first=True), 2, norm=nn.LayerNorm(8)), (2, 5, 8))
add("TransformerDecoderLayer", lambda: nn.TransformerDecoderLayer(8, 2, 16), (5, 2, 8), (7, 2, 8))
add("TransformerDecoder", lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2), (5, 2, 8), (7, 2, 8))
add("Transformer", lambda: nn.Transformer(8, 2, 1, 1, 16), (5, 2, 8), (7, 2, 8))
add("DataParallel", lambda: nn.DataParallel(nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU())), x2)
add("weight_norm", lambda: nn.utils.weight_norm(nn.Conv2d(4, 6, 3)), x2)
add("weight_norm_None", lambda: nn.utils.weight_norm(nn.Linear(10, 6), dim=None), x2)
add("spectral_norm", lambda: nn.utils.spectral_norm(nn.Conv2d(4, 6, 3)), x2)
add("spectral_norm_dim1", lambda: nn.utils.spectral_norm(nn.ConvTranspose2d(4, 6, 3)), x2)
add("half", lambda: nn.Sequential(nn.Linear(10, 6), nn.ReLU(), nn.Linear(6, 3)).half(), (3, 10))
add("double", lambda: nn.Sequential(nn.Linear(10, 6), nn.ReLU(), nn.Linear(6, 3)).double(), (3, 10))


def flat(v):
    return [v] if torch.is_tensor(v) else [] if v is None else [t for e in v for t in flat(e)]


def build(case):
    name, make, inputs, kw = case
    torch.manual_seed(7)
    rng = torch.Generator().manual_seed(len(name))
    model = make()
    if "spectral" not in name:
        torch_like.randomise(model, rng)
    xs = []
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    for shape in inputs:
        x = torch.randint(0, kw["high"], shape) if "high" in kw else torch.randn(shape, generator=rng).to(dtype)
        xs.append(x.abs() if kw.get("positive") else x)
    torch_like.calibrate(model, xs[0], rng)
    model.eval()
    with torch.no_grad():
        results = flat(model(*xs))
    return model, xs, results[:1] if kw.get("first") else results


NAMES = {torch.float32: "f32", torch.float16: "f16", torch.float64: "f64", torch.int64: "i64"}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bin", required=True)
    p.add_argument("--only", default="")
    p.add_argument("--legacy", action="store_true")
    a = p.parse_args()
    import onnxruntime as ort
    ort.set_default_logger_severity(4)
    folder = tempfile.mkdtemp(prefix="modules")
    counts = {}
    for case in CASES:
        name = case[0]
        if not re.search(a.only, name):
            continue
        try:
            model, xs, want = build(case)
            path, out = f"{folder}/m.pt", f"{folder}/m.onnx"
            torch.save(model, path, **({"_use_new_zipfile_serialization": False} if a.legacy else {}))
        except Exception as e:
            print(f"{name:32} not made: {type(e).__name__} {str(e)[:150]}", flush=True)
            continue
        types = []
        for i, x in enumerate(xs):
            # The batch stays open where there is one; windows need their sizes.
            shape = ",".join(map(str, x.shape))
            types += ["--input-type", f"{'' if len(xs) == 1 else f'x{i}='}{NAMES[x.dtype]}[{shape}]"]
        done = subprocess.run([a.bin, "convert", path, out, *types], capture_output=True, text=True)
        verdict, why = "refuse", done.stderr.strip()[-400:]
        if done.returncode == 0:
            try:
                session = ort.InferenceSession(out)
                got = session.run(None, {i.name: x.numpy() for i, x in zip(session.get_inputs(), xs)})
                limit = 2e-3 if want[0].dtype == torch.float16 else 5e-5
                bad = [float(np.abs(g.astype("f8") - w.numpy()).max() / max(float(w.abs().max()), 1e-9)) if g.shape == tuple(w.shape) else f"{g.shape} not {tuple(w.shape)}"
                       for g, w in zip(got, want)]
                bad = [b for b in bad if isinstance(b, str) or not b <= limit]
                verdict, why = ("WRONG", str(bad)) if bad or len(got) < len(want) else ("pass", "")
            except Exception as e:
                verdict, why = "reject", str(e)[:300]
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict != "pass":
            print(f"{name:32} {verdict} {why}", flush=True)
    print(counts)
    sys.exit(set(counts) != {"pass"})


if __name__ == "__main__":
    main()
