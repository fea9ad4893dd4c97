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
