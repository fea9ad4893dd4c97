"""Writes crates/torch/src/lower/schemas.txt: the parameters of every overload of the ops that have a lowering row, from
PyTorch's own registry. Run in the `torch` environment from the root of the repository."""
import pathlib
import re

import torch
import torchvision  # noqa: F401  (registers its ops)
import torch.ao.quantization.fx._decomposed  # noqa: F401  (registers quantized_decomposed)

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOWER = ROOT / "crates/torch/src/lower"

# Ops that only TorchScript code or our own readers write.
OWN = [
    "aten::one_hot(self: Tensor, num_classes: int = -1) -> Tensor",
    "aten::sym_max(a: Scalar, b: Scalar) -> Scalar",
    "aten::sym_min(a: Scalar, b: Scalar) -> Scalar",
    "aten::sym_float(a: Scalar) -> float",
    "aten::sym_int(a: Scalar) -> int",
    "aten::sym_not(a: Scalar) -> bool",
    "aten::sym_ite(b: Scalar, t: Scalar, f: Scalar) -> Scalar",
    "aten::Int(a: Tensor) -> int",
    "aten::Float(a: Tensor) -> float",
    "aten::Bool(a: Tensor) -> bool",
    "aten::floordiv(a: Scalar, b: Scalar) -> Scalar",
    "prims::convert_element_type(a: Tensor, dtype: ScalarType) -> Tensor",
    "prims::device_put(a: Tensor, device: Device, non_blocking: bool = False) -> Tensor",
    "aten::bernoulli_functional.Tensor(self: Tensor, p: Tensor) -> Tensor",
    "aten::bernoulli_functional.float(self: Tensor, p: float = 0.5) -> Tensor",
    "aten::item(self: Tensor) -> Scalar",
    "aten::requires_grad(self: Tensor, requires_grad: bool = True) -> Tensor",
]


def rows():
    names = []
    for path in sorted(LOWER.rglob("*.rs")):
        code = path.read_text().split("#[cfg(test)]")[0]
        names += re.findall(r'row(?:_many|_complex)?\(\s*"([^"]+)"', code)
    return names


def parameter(text):
    """`Tensor(a!) self`, `int[2] stride=1`, `Tensor? bias=None` to `name: type = default`."""
    text = re.sub(r"\([a-z]!?( -> \*)?(\|[a-z]!?)*\)", "", text).strip()
    head, _, default = text.partition("=")
    ty, _, name = head.rpartition(" ")
    ty = ty.replace("SymInt", "int").replace("number", "Scalar")
    return f"{name}: {ty}" + (f" = {default}" if default else "")


def split(text):
    depth, start, out = 0, 0, []
    for i, ch in enumerate(text):
        depth += ch in "[(" or 0
        depth -= ch in "])" or 0
        if ch == "," and depth == 0:
            out.append(text[start:i].strip())
            start = i + 1
    out.append(text[start:].strip())
    return [p for p in out if p]


def line(schema):
    text = str(schema)
    head, _, rest = text.partition("(")
    depth, end = 1, 0
    for end, ch in enumerate(rest):
        depth += (ch == "(") - (ch == ")")
        if depth == 0:
            break
    params = [p if p == "*" else parameter(p) for p in split(rest[:end])]
    returns = re.sub(r"\([a-z]!?( -> \*)?\)", "", rest[end + 1 :].replace("->", "").strip()).replace("SymInt", "int")
    return f"{head}({', '.join(params)}) -> {returns}"


def main():
    wanted = rows()
    own = {text.split("(")[0].split(".")[0] for text in OWN}
    all_schemas = {}
    for schema in torch._C._jit_get_all_schemas():
        all_schemas.setdefault(schema.name, []).append(schema)
    lines = []
    for name in wanted:
        lines += [text for text in OWN if text.split("(")[0].split(".")[0] == name]
        if name in own:
            continue
        for schema in all_schemas.get(name, []):
            text = line(schema)
            if "out" in schema.overload_name.split("_") or "Dimname" in text or "..." in text or "str[]" in text.split("->")[0]:
                continue
            if re.search(r"\*,.*\b(out|grad_input): Tensor", text) or "Dict(" in text:
                continue
            # Overloads of plain Python numbers bind to those of tensors.
            if "Tensor" not in text.split(" -> ")[0] and any("Tensor" in line(s) for s in all_schemas[name]) and "Tensor" not in text:
                continue
            lines.append(text)
    missing = [n for n in wanted if not any(t.split("(")[0].split(".")[0] == n for t in lines)]
    if missing:
        print("no schema for:", *missing)
    (LOWER / "schemas.txt").write_text("\n".join(dict.fromkeys(lines)) + "\n")


main()
