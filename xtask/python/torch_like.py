"""Random weights that behave like trained ones: no layer is the identity, batch normalisation has the statistics of what
it sees, outputs are neither constant nor huge. Works with torch from 1.0 on."""
import math
import torch


def randomise(model, rng):
    """Weights of variance 1 / fan-in, biases and normalisations away from 0 and 1."""
    with torch.no_grad():
        for module in model.modules():
            for name, p in module._parameters.items():
                if p is None or not p.is_floating_point():
                    continue
                new = torch.randn(p.shape, generator=rng)
                kind = type(module).__name__
                if name == "layer_scale":
                    new = 0.3 + 0.05 * new
                elif "Norm" in kind and name == "weight":
                    new = 1 + 0.1 * new
                elif "bias" in name and p.dim() == 1:
                    new = 0.05 * new
                elif name == "logit_scale":
                    new = math.log(10) + 0.1 * new
                elif p.dim() >= 2 and ("weight" in name or kind.startswith(("Conv", "Linear"))):
                    fan = p[0].numel()
                    # He's factor where a ReLU follows; attention and heads do without.
                    new = new * math.sqrt((2 if kind.startswith("Conv") else 1) / fan)
                else:
                    new = 0.1 * new
                p.copy_(new.to(p.dtype))


def calibrate(model, x, rng):
    """Running statistics of `x` itself, a little off, as training leaves them."""
    norms = [m for m in model.modules() if type(m).__name__ in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d") and m.running_mean is not None]
    if not norms:
        return
    model.eval()
    for m in norms:
        m.reset_running_stats()
        m.momentum = 1.0
        m.train()
    with torch.no_grad():
        model(x)
        for m in norms:
            m.eval()
            m.momentum = 0.1
            m.running_mean += 0.05 * torch.randn(m.running_mean.shape, generator=rng) * m.running_var.sqrt()
            m.running_var *= 1 + 0.1 * torch.rand(m.running_var.shape, generator=rng)


def last(branch, kinds):
    """The last module of a branch that has the weights of one of these classes."""
    return [m for m in branch.modules() if type(m).__name__ in kinds][-1]


def branches(block):
    """What a residual block of torchvision adds to what it carries."""
    kind = type(block).__name__
    if kind == "BasicBlock":
        return [block.bn2]
    if kind == "Bottleneck":
        return [block.bn3]
    if kind == "ResBottleneckBlock":
        return [block.f]
    if kind in ("InvertedResidual", "_InvertedResidual", "MBConv", "FusedMBConv"):
        # MaxViT's always adds; ShuffleNet's never.
        adds = getattr(block, "use_res_connect", getattr(block, "apply_residual", hasattr(block, "proj")))
        return [b for b in (getattr(block, n, None) for n in ("conv", "block", "layers")) if b is not None] if adds else []
    if kind == "EncoderBlock":
        return [block.self_attention.out_proj, block.mlp]
    if kind == "SwinTransformerBlock":
        return [block.attn.proj, block.mlp]
    if kind == "SwinTransformerBlockV2":
        return [block.norm1, block.norm2]
    if kind == "PartitionAttentionLayer":
        return [block.attn_layer, block.mlp_layer]
    return []


def damp(model, share=0.2):
    """Residual branches add less than they carry, as in trained nets: without that a deep random net doubles rounding
    errors block after block."""
    with torch.no_grad():
        for block in model.modules():
            for branch in branches(block):
                norms = [m for m in branch.modules() if "BatchNorm" in type(m).__name__]
                end = norms[-1] if norms else branch
                if not isinstance(getattr(end, "weight", None), torch.nn.Parameter):
                    end = last(branch, ("Linear", "Conv2d", "NonDynamicallyQuantizableLinear"))
                end.weight *= share


def images(shape, rng):
    """Images with a brightness, coarse shapes and grain of their own, so that pooled features differ between them."""
    n, c, h, w = shape
    coarse = torch.nn.functional.interpolate(torch.randn(n, c, 5, 5, generator=rng), size=(h, w), mode="bilinear")
    grain = torch.randn(shape, generator=rng)
    return torch.randn(n, c, 1, 1, generator=rng) + torch.rand(n, 1, 1, 1, generator=rng) * 2 * coarse + 0.5 * torch.rand(n, 1, 1, 1, generator=rng) * grain


def exact(model, x):
    """The outputs computed in 64 bits; how far those in 32 bits are from them says how well the model is conditioned."""
    model.double()
    with torch.no_grad():
        outputs = model(*(t.double() if t.is_floating_point() else t for t in x))
    model.float()
    return outputs
