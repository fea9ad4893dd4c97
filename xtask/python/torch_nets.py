"""Networks of torch.nn for torch_zoo.py: what people build that torchvision does not hold."""
import math
from typing import List, Optional, Tuple

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
import torch_like

NETS = {}


def net(make):
    """A network: its function gives the module and a function from a batch to its inputs."""
    NETS[make.__name__] = make
    return make


def make(name, rng):
    torch.manual_seed(sum(map(ord, name)))
    model, inputs = NETS[name]()
    torch_like.randomise(model, rng)
    x = inputs(2)
    if any(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in model.modules()):
        norms_of(model, x, rng)
    other = inputs(3)
    same = all(a.shape == b.shape for a, b in zip(x, other))
    return model.eval(), x, None if same else other


def norms_of(model, x, rng):
    class Call(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            return self.inner(*x)

    torch_like.calibrate(Call(), x, rng)


def image(c, h, w):
    return lambda n: (torch.randn(n, c, h, w),)


def tokens(length, words):
    return lambda n: (torch.randint(0, words, (n, length)),)


# ---- recurrent
class Sequence(nn.Module):
    """A recurrent layer and a head on its last step."""

    def __init__(self, kind, layers=1, bidirectional=False, batch_first=True):
        super().__init__()
        self.rnn = getattr(nn, kind)(6, 8, num_layers=layers, bidirectional=bidirectional, batch_first=batch_first, dropout=0.1 if layers > 1 else 0.0)
        self.head = nn.Linear(16 if bidirectional else 8, 5)
        self.axis = 1 if batch_first else 0
        self.batch_axis = 1 - self.axis
        self.types = ["--input-type", "x=f32[N,S,6]" if batch_first else "x=f32[S,N,6]"]

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.head(y.select(self.axis, -1)), y


def steps(n):
    return (torch.randn(n, 7, 6),)


for kind in ("LSTM", "GRU", "RNN"):
    NETS[f"{kind.lower()}"] = (lambda k: lambda: (Sequence(k), steps))(kind)
    NETS[f"{kind.lower()}_deep"] = (lambda k: lambda: (Sequence(k, 2, True), steps))(kind)
NETS["lstm_time_first"] = lambda: (Sequence("LSTM", 1, False, False), lambda n: (torch.randn(7, n, 6),))


@net
def lstm_state():
    """The state goes in and comes out."""

    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,S,6]", "--input-type", "h=f32[1,N,8]", "--input-type", "c=f32[1,N,8]"]

        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(6, 8, batch_first=True)

        def forward(self, x, h, c):
            y, (h, c) = self.lstm(x, (h, c))
            return y, h, c

    return Net(), lambda n: (torch.randn(n, 5, 6), torch.randn(1, 2, 8), torch.randn(1, 2, 8)) if n == 2 else (torch.randn(2, 5, 6), torch.randn(1, 2, 8), torch.randn(1, 2, 8))


@net
def seq2seq():
    """An encoder and a decoder that loops over its cells."""

    class Net(nn.Module):
        types = ["--input-type", "x=i64[N,9]"]

        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 8)
            self.encoder = nn.GRU(8, 12, batch_first=True)
            self.cell = nn.GRUCell(8, 12)
            self.out = nn.Linear(12, 50)

        def forward(self, x):
            h = self.encoder(self.embed(x))[1]
            state = h[0]
            token = torch.zeros(x.size(0), dtype=torch.long)
            steps = []
            for _ in range(4):
                state = self.cell(self.embed(token), state)
                logits = self.out(state)
                token = logits.argmax(1)
                steps.append(logits)
            return torch.stack(steps, 1)

    return Net(), tokens(9, 50)


# ---- attention
@net
def attention():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,S,16]"]

        def __init__(self):
            super().__init__()
            self.attn = nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, x):
            return self.attn(x, x, x, need_weights=False)[0]

    return Net(), lambda n: (torch.randn(n, 6, 16),)


@net
def attention_weights():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[6,N,16]", "--input-type", "y=f32[5,N,12]"]
        batch_axis = 1

        def __init__(self):
            super().__init__()
            self.attn = nn.MultiheadAttention(16, 4, kdim=12, vdim=12, add_bias_kv=True)

        def forward(self, x, y):
            out, weights = self.attn(x, y, y)
            return out, weights

    return Net(), lambda n: (torch.randn(6, n, 16), torch.randn(5, n, 12))


@net
def attention_masked():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,6,16]", "--input-type", "padding=bool[N,6]"]

        def __init__(self):
            super().__init__()
            self.attn = nn.MultiheadAttention(16, 4, batch_first=True)
            self.register_buffer("causal", torch.triu(torch.ones(6, 6, dtype=torch.bool), 1))

        def forward(self, x, padding):
            return self.attn(x, x, x, key_padding_mask=padding, attn_mask=self.causal)[0]

    return Net(), lambda n: (torch.randn(n, 6, 16), torch.arange(6)[None] >= torch.tensor([4, 6, 5])[:n, None])


def encoder(norm_first, activation):
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=norm_first, activation=activation)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=not norm_first)
    model.types = ["--input-type", "src=f32[N,S,16]"]
    return model, lambda n: (torch.randn(n, 7, 16),)


NETS["encoder"] = lambda: encoder(False, "relu")
NETS["encoder_norm_first"] = lambda: encoder(True, "gelu")


@net
def encoder_slow():
    """A layer whose norms differ cannot take the fast path."""
    model, inputs = encoder(False, "gelu")
    for layer in model.layers:
        layer.norm2.eps = 1e-6
    return model, inputs


@net
def encoder_masked():
    class Net(nn.Module):
        types = ["--input-type", "x=i64[N,8]"]

        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(40, 16, padding_idx=0)
            self.place = nn.Parameter(torch.randn(1, 8, 16))
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, 3)

        def forward(self, x):
            padding = x == 0
            y = self.encoder(self.embed(x) + self.place, src_key_padding_mask=padding)
            keep = (~padding).unsqueeze(-1).to(y.dtype)
            return self.head((y * keep).sum(1) / keep.sum(1))

    def inputs(n):
        x = torch.randint(1, 40, (n, 8))
        x[0, 5:] = 0
        return (x,)

    return Net(), inputs


@net
def transformer():
    class Net(nn.Module):
        types = ["--input-type", "source=f32[N,7,16]", "--input-type", "target=f32[N,5,16]"]

        def __init__(self):
            super().__init__()
            self.inner = nn.Transformer(16, 4, 2, 2, 32, batch_first=True)

        def forward(self, source, target):
            mask = nn.Transformer.generate_square_subsequent_mask(target.size(1))
            return self.inner(source, target, tgt_mask=mask, tgt_is_causal=True)

    return Net(), lambda n: (torch.randn(n, 7, 16), torch.randn(n, 5, 16))


@net
def sdpa():
    class Net(nn.Module):
        types = ["--input-type", "q=f32[N,2,5,8]", "--input-type", "k=f32[N,2,7,8]", "--input-type", "v=f32[N,2,7,8]"]

        def __init__(self):
            super().__init__()
            self.register_buffer("bias", torch.randn(5, 7))

        def forward(self, q, k, v):
            plain = F.scaled_dot_product_attention(q, k, v)
            masked = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias > -0.5)
            biased = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias, scale=0.3)
            causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return plain, masked, biased, causal

    return Net(), lambda n: (torch.randn(n, 2, 5, 8), torch.randn(n, 2, 7, 8), torch.randn(n, 2, 7, 8))


class Attend(nn.Module):
    """Attention as GPT-like models write it."""

    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.register_buffer("mask", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        b, t, c = x.size()
        q, k, v = self.qkv(x).split(c, dim=2)
        q = q.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        k = k.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        v = v.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        y = F.softmax(att, dim=-1) @ v
        return self.proj(y.transpose(1, 2).contiguous().view(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attend(width, heads, length)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@net
def gpt():
    class Net(nn.Module):
        types = ["--input-type", "x=i64[N,12]"]

        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(60, 16), nn.Embedding(16, 16)
            self.blocks = nn.ModuleList([Block(16, 2, 16) for _ in range(2)])
            self.ln = nn.LayerNorm(16)
            self.head = nn.Linear(16, 60, bias=False)

        def forward(self, x):
            pos = torch.arange(0, x.size(1), dtype=torch.long, device=x.device).unsqueeze(0)
            y = self.wte(x) + self.wpe(pos)
            for block in self.blocks:
                y = block(y)
            return self.head(self.ln(y))

    return Net(), tokens(12, 60)


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        y = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)
        return y.type_as(x) * self.weight


@net
def llama_block():
    """Rotary places, grouped heads, gated MLP."""

    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,9,32]"]

        def __init__(self):
            super().__init__()
            self.q, self.k, self.v, self.o = nn.Linear(32, 32, bias=False), nn.Linear(32, 16, bias=False), nn.Linear(32, 16, bias=False), nn.Linear(32, 32, bias=False)
            self.n1, self.n2 = RMSNorm(32), RMSNorm(32)
            self.w1, self.w2, self.w3 = nn.Linear(32, 48, bias=False), nn.Linear(48, 32, bias=False), nn.Linear(32, 48, bias=False)
            inv = 1.0 / (10000 ** (torch.arange(0, 8, 2).float() / 8))
            self.register_buffer("inv", inv, persistent=False)

        def rotate(self, x, cos, sin):
            x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
            return x * cos + torch.cat((-x2, x1), dim=-1) * sin

        def forward(self, x):
            b, t, _ = x.shape
            y = self.n1(x)
            q = self.q(y).view(b, t, 4, 8).transpose(1, 2)
            k = self.k(y).view(b, t, 2, 8).transpose(1, 2)
            v = self.v(y).view(b, t, 2, 8).transpose(1, 2)
            freqs = torch.outer(torch.arange(t, device=x.device).float(), self.inv)
            emb = torch.cat((freqs, freqs), dim=-1)
            cos, sin = emb.cos()[None, None], emb.sin()[None, None]
            q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
            k = k[:, :, None].expand(b, 2, 2, t, 8).reshape(b, 4, t, 8)
            v = v[:, :, None].expand(b, 2, 2, t, 8).reshape(b, 4, t, 8)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.o(y.transpose(1, 2).reshape(b, t, 32))
            y = self.n2(x)
            return x + self.w2(F.silu(self.w1(y)) * self.w3(y))

    return Net(), lambda n: (torch.randn(n, 9, 32),)


# ---- text
@net
def text_bag():
    class Net(nn.Module):
        types = ["--input-type", "x=i64[N,7]"]

        def __init__(self):
            super().__init__()
            self.bag = nn.EmbeddingBag(30, 8, mode="mean")
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(self.bag(x))

    return Net(), tokens(7, 30)


@net
def text_cnn():
    class Net(nn.Module):
        types = ["--input-type", "x=i64[N,12]"]

        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(30, 8)
            self.convs = nn.ModuleList([nn.Conv1d(8, 6, k) for k in (2, 3, 4)])
            self.fc = nn.Linear(18, 4)

        def forward(self, x):
            y = self.embed(x).permute(0, 2, 1)
            pooled = [F.max_pool1d(F.relu(conv(y)), conv(y).size(2)).squeeze(2) for conv in self.convs]
            return F.log_softmax(self.fc(torch.cat(pooled, dim=1)), dim=-1)

    return Net(), tokens(12, 30)


# ---- images
class Double(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True), nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))


class Up(nn.Module):
    def __init__(self, a, b, bilinear):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True) if bilinear else nn.ConvTranspose2d(a, a // 2, 2, stride=2)
        self.conv = Double(a + a // 2 if bilinear else a, b)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        dy, dx = x2.size()[2] - x1.size()[2], x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.conv(torch.cat([x2, x1], dim=1))


class UNet(nn.Module):
    types = ["--input-type", "x=f32[N,3,36,44]"]

    def __init__(self, bilinear):
        super().__init__()
        self.inc, self.d1, self.d2 = Double(3, 8), Double(8, 16), Double(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.u1, self.u2 = Up(32, 16, bilinear), Up(16, 8, bilinear)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = self.inc(x)
        b = self.d1(self.pool(a))
        c = self.d2(self.pool(b))
        return self.out(self.u2(self.u1(c, b), a))


NETS["unet"] = lambda: (UNet(False), image(3, 36, 44))
NETS["unet_bilinear"] = lambda: (UNet(True), image(3, 36, 44))


@net
def gan():
    class Net(nn.Sequential):
        types = ["--input-type", "f32[N,8,1,1]"]

    return Net(nn.ConvTranspose2d(8, 16, 4, bias=False), nn.BatchNorm2d(16), nn.ReLU(True), nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(True), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()), lambda n: (torch.randn(n, 8, 1, 1),)


@net
def style():
    """Reflection padding, instance norm, upsampling by nearest neighbours."""

    class Net(nn.Sequential):
        types = ["--input-type", "f32[N,3,24,24]"]

    return Net(nn.ReflectionPad2d(2), nn.Conv2d(3, 8, 5, 2), nn.InstanceNorm2d(8, affine=True), nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(8, 3, 3), nn.PixelShuffle(1)), image(3, 24, 24)


@net
def superres():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,1,20,20]"]

        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 8, 5, padding=2), nn.Conv2d(8, 9, 3, padding=1)
            self.shuffle = nn.PixelShuffle(3)

        def forward(self, x):
            y = self.shuffle(self.conv2(F.relu(self.conv1(x))))
            return y + F.interpolate(x, scale_factor=3.0, mode="bicubic", align_corners=False)

    return Net(), image(1, 20, 20)


@net
def yolo_head():
    """A detector's last layers: grids, anchors, writes through slices."""

    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,8,6,6]"]

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(8, 3 * 7, 1)
            self.register_buffer("anchors", torch.tensor([[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]]).view(1, 3, 1, 1, 2))

        def forward(self, x):
            y = self.conv(x)
            bs, _, ny, nx = y.shape
            y = y.view(bs, 3, 7, ny, nx).permute(0, 1, 3, 4, 2).contiguous()
            yv, xv = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
            grid = torch.stack((xv, yv), 2).view(1, 1, ny, nx, 2).float()
            y = y.sigmoid()
            y[..., 0:2] = (y[..., 0:2] * 2.0 - 0.5 + grid) * 8.0
            y[..., 2:4] = (y[..., 2:4] * 2) ** 2 * self.anchors
            return y.view(bs, -1, 7)

    return Net(), image(8, 6, 6)


@net
def detections():
    """Boxes of one image, the best of them kept, and what lies in them."""

    class Net(nn.Module):
        types = ["--input-type", "features=f32[1,4,16,16]", "--input-type", "boxes=f32[B,4]", "--input-type", "scores=f32[B]"]

        def forward(self, features, boxes, scores):
            keep = torch.ops.torchvision.nms(boxes, scores, 0.5)
            kept = boxes[keep]
            rois = torch.cat([torch.zeros(kept.shape[0], 1), kept], dim=1)
            return kept, torchvision.ops.roi_align(features, rois, [3, 3], 1.0, 2, True)

    def inputs(n):
        corner = torch.rand(10, 2) * 10
        return torch.randn(1, 4, 16, 16), torch.cat([corner, corner + 2 + torch.rand(10, 2) * 3], 1), torch.rand(10)

    return Net(), inputs


@net
def squeeze_excite():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,8,10,10]"]

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 4), nn.Linear(4, 8)
            self.dw = nn.Conv2d(8, 8, 3, padding=1, groups=8)

        def forward(self, x):
            b, c, _, _ = x.size()
            w = torch.sigmoid(self.b(F.relu(self.a(x.mean([2, 3]).view(b, c))))).view(b, c, 1, 1)
            return F.hardswish(self.dw(x)) * w.expand_as(x)

    return Net(), image(8, 10, 10)


@net
def weight_normed():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,4,20]"]

        def __init__(self):
            super().__init__()
            self.a = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3, dilation=2, padding=2))
            self.b = nn.Conv1d(6, 4, 3, padding=1)

        def forward(self, x):
            return torch.tanh(self.b(F.elu(self.a(x)))) + x

    return Net(), lambda n: (torch.randn(n, 4, 20),)


# ---- control flow (scripted)
@net
def choice():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,6]"]

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            if bool(x.sum() > 0):
                y = self.a(x)
            else:
                y = self.b(x).relu() + 1.0
            return y * 2.0

    return Net(), lambda n: (torch.randn(n, 6),)


@net
def rounds():
    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,6]"]

        def __init__(self):
            super().__init__()
            self.a = nn.Linear(6, 6)

        def forward(self, x):
            n = 0
            while bool(x.abs().max() > 0.5) and n < 20:
                x = torch.tanh(self.a(x)) * 0.7
                n += 1
            outs: List[torch.Tensor] = []
            for i in range(3):
                outs.append(x + float(i) * n)
            return torch.stack(outs)

    return Net(), lambda n: (torch.randn(n, 6),)


@net
def optional():
    """Typed Python: optional arguments, tuples, lists, early returns."""

    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x, mask: Optional[torch.Tensor] = None) -> Tuple[torch.Tensor, int]:
            y = self.fc(x)
            if mask is not None:
                y = y * mask
            if x.dim() == 3:
                return y.mean(1), 1
            return y, 2

    class Net(nn.Module):
        types = ["--input-type", "x=f32[N,4,6]"]

        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([Inner(), Inner()])

        def forward(self, x):
            total = 0
            for i, layer in enumerate(self.layers):
                x, n = layer(x, torch.ones_like(x) if i == 0 else None)
                total += n
            return x * total

    return Net(), lambda n: (torch.randn(n, 4, 6),)
