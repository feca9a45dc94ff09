"""Writes the golden values of three whole networks, and says how well conditioned they are.

    python generate.py [--only NAME] [--out DIR] [--try N] [--verbose]
"""

import argparse
import dataclasses
import importlib
import json
import os
import pathlib

# Set before the frameworks are loaded: the order of a sum must not follow the machine's core count.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
from safetensors.numpy import save

import formula


@dataclasses.dataclass(frozen=True)
class Config:
    family: str
    model: str
    prefix: str
    width: float
    batch: int
    size: int
    classes: int = 7
    smoothing: float = 0.1
    momentum: float = 0.9
    decay: float = 4e-5
    rates: tuple = (0.01, 0.02, 0.015)


CONFIGS = {
    "paddle_small": Config("paddle", "PaddleClas MobileNetV3_small_x0_35", "paddle-23", 0.35, 7, 53),
    "torchvision_small": Config("torchvision", "torchvision mobilenet_v3_small", "torchvision-8", 1.0, 7, 61),
    "torchvision_large": Config("torchvision", "torchvision mobilenet_v3_large", "large-219", 0.35, 7, 61),
}
SEARCHED = ("error_train_logits", "error_grad", "error_grad_record", "clearance_step1", "clearance_steps")
RUNNERS = {"paddle": "paddle_net", "torchvision": "torch_net"}


def error(value, exact):
    """The normalised error: the norm of the difference over the norm of the exact value."""
    value, exact = np.asarray(value, np.float64), np.asarray(exact, np.float64)
    norm = float(np.linalg.norm(exact))
    return float(np.linalg.norm(value - exact)) / norm if norm else float("inf")


def worst(values, exact, skip=()):
    """The largest normalised error over tensors, and the tensor's name."""
    return max((error(values[n], exact[n]), n) for n in exact if n not in skip)


def null_gradients(grad):
    """The tensors whose gradient is zero but for rounding.

    These are the shifts of a block's last BN: they add a constant to a channel, the 1x1 convolutions that
    read it pass constants on, and the BN after each subtracts them again.
    """
    total = np.sqrt(sum(float(np.sum(g.astype(np.float64) ** 2)) for g in grad.values()))
    return sorted(n for n, g in grad.items() if n.endswith("bias") and 0.0 < np.linalg.norm(g) < 1e-10 * total)


def null_error(grad, exact, name):
    """The norm of what should be zero, in units of the gradient of the same BN's scale."""
    return float(np.linalg.norm(grad[name]) / np.linalg.norm(exact[name.removesuffix("bias") + "weight"]))


def clearance(narrow, wide):
    """How far every activation's input stays from a jump of the slope, in units of f32's own error.

    Below about 1 the f32 run may take the other branch, and a gradient then jumps; the largest absolute
    error of the whole tensor stands for the error of each of its elements. Returns (ratio, layer, distance).
    """
    found = []
    for (name, kinks, low), (_, _, high) in zip(narrow, wide, strict=True):
        distance = min(float(np.min(np.abs(high - k))) for k in kinks)
        noise = max(float(np.max(np.abs(low - high))), np.finfo(np.float32).tiny)
        found.append((distance / noise, name, distance))
    return min(found)


def measure(config, f32, f64):
    """Text values: how far the f32 run is from the f64 one."""
    start = {n: formula.tensor(config.prefix, n, v.shape, linear_in(config)) for n, v in f64["weight3"].items()}
    moved = [{n: v.astype(np.float64) - start[n] for n, v in run["weight3"].items()} for run in (f32, f64)]
    null = null_gradients(f64["grad"])
    rows = {
        "error_eval_logits": (error(f32["eval_logits"], f64["eval_logits"]), ""),
        "error_train_logits": (error(f32["train_logits"], f64["train_logits"]), ""),
        "error_losses": (error(f32["losses"], f64["losses"]), ""),
        "error_grad": worst(f32["grad"], f64["grad"], null),
        "error_grad_record": max(
            (formula.record_error(f32["grad"][n], f64["grad"][n]), n) for n in f64["grad"] if n not in null
        ),
        "error_grad_null": max((null_error(f32["grad"], f64["grad"], n), n) for n in null),
        "error_weight3": worst(f32["weight3"], f64["weight3"]),
        "error_movement3": worst(*moved, null),
        "error_running3": worst(f32["running3"], f64["running3"]),
    }
    text = {key: f"{value:.2e} {name}".strip() for key, (value, name) in rows.items()}
    text["null_gradients"] = " ".join(null)
    per_step = len(f64["seen"]) // len(config.rates)
    for key, part in (("step1", slice(per_step)), ("steps", slice(None))):
        ratio, name, distance = clearance(f32["seen"][part], f64["seen"][part])
        text[f"clearance_{key}"] = f"{ratio:.1f} {name} {distance:.1e}"
    return text


def linear_in(config):
    return 0 if config.family == "paddle" else 1


def tensors(config, f32, f64):
    """What the file holds."""
    out = {
        "labels": formula.labels(config.prefix, config.batch, config.classes).astype(np.int32),
        "eval_logits": f32["eval_logits"],
        "train_logits": f32["train_logits"],
        "loss": np.array(f32["losses"][:1], np.float32),
        "losses": np.array(f32["losses"], np.float32),
        "eval_logits64": f64["eval_logits"],
        "train_logits64": f64["train_logits"],
        "loss64": np.array(f64["losses"][:1], np.float64),
    }
    for kind in ("grad", "weight3"):
        for name, value in f32[kind].items():
            out.update(formula.record(kind, name, value))
    out.update({f"running3/{name}": value for name, value in f32["running3"].items()})
    return {name: np.ascontiguousarray(value) for name, value in out.items()}


def encode(values, facts):
    """The bytes of a safetensors file with its header sorted: the library's own order of facts varies."""
    data = save(values, metadata=facts)
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(CONFIGS), help="one network instead of all")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument(
        "--try", type=int, default=0, metavar="N", dest="tries", help="measure N prefixes, write nothing"
    )
    parser.add_argument("--verbose", action="store_true", help="the error of every gradient")
    options = parser.parse_args()
    for name in [options.only] if options.only else CONFIGS:
        config = CONFIGS[name]
        module = importlib.import_module(RUNNERS[config.family])
        if options.tries:
            for number in range(1, options.tries + 1):
                stem = config.prefix.rsplit("-", 1)[0]
                trial = dataclasses.replace(config, prefix=f"{stem}-{number}")
                f32, f64 = module.run(trial, "float32"), module.run(trial, "float64")
                found = measure(trial, f32, f64)
                print(trial.prefix, *(f"{key}: {found[key]};" for key in SEARCHED), flush=True)
            continue
        f32, f64 = module.run(config, "float32"), module.run(config, "float64")
        measured = measure(config, f32, f64)
        facts = dataclasses.asdict(config) | module.versions() | measured
        facts = {key: str(list(v) if isinstance(v, tuple) else v) for key, v in facts.items()}
        path = options.out / f"{name}.safetensors"
        path.write_bytes(encode(tensors(config, f32, f64), facts))
        print(path.name, path.stat().st_size, "bytes")
        for key, value in facts.items():
            print(f"  {key}: {value}")
        if options.verbose:
            for tensor in f64["grad"]:
                e = error(f32["grad"][tensor], f64["grad"][tensor])
                print(f"  {e:.2e} {np.linalg.norm(f64['grad'][tensor]):.3e} {tensor}")


if __name__ == "__main__":
    main()
