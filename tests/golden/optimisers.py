"""Weights behind each of some steps of PaddlePaddle's optimisers, for given gradients.

Two tensors of 64 values: a matrix, which decays, and a vector that is exempt as PaddleClas exempts batch normalisation, by a
regulariser of its own. Starts and gradients are numbers from names (formula.py); README.md says how the file is read.
"""

import argparse
import pathlib

import numpy as np
import paddle
from safetensors.numpy import save_file

from formula import unit

STEPS = 6
RATES = (0.02, 0.05, 0.01, 0.04, 0.03, 0.02)
SHAPES = {"weight": [8, 8], "bias": [64]}


def gradient(step, tensor):
    """Of sizes from 1 down to 1/128, f32."""
    u = unit(f"optimiser/{tensor}/{step}", 64)
    return (u * 2.0 ** -(np.arange(64) % 8)).astype(np.float32).reshape(SHAPES[tensor])


def start(tensor):
    return unit(f"optimiser/{tensor}", 64).astype(np.float32).reshape(SHAPES[tensor])


def optimisers():
    """A maker of each optimiser, by the name that its values have in the file."""
    o = paddle.optimizer
    decay = paddle.regularizer.L2Decay(0.05)
    clip = paddle.nn.ClipGradByNorm(clip_norm=1.0)
    exempt = {"apply_decay_param_fun": lambda name: not name.endswith("bias")}
    return {
        "sgd": lambda **a: o.SGD(weight_decay=decay, **a),
        "momentum": lambda **a: o.Momentum(momentum=0.9, weight_decay=decay, **a),
        "nesterov": lambda **a: o.Momentum(momentum=0.9, use_nesterov=True, weight_decay=decay, **a),
        "rmsprop": lambda **a: o.RMSProp(weight_decay=decay, **a),
        "rmsprop_momentum": lambda **a: o.RMSProp(rho=0.9, epsilon=1e-3, momentum=0.9, weight_decay=decay, **a),
        "rmsprop_centered": lambda **a: o.RMSProp(
            rho=0.9, epsilon=1e-3, momentum=0.9, centered=True, weight_decay=decay, **a
        ),
        "adam": lambda **a: o.Adam(weight_decay=decay, **a),
        "adam_others": lambda **a: o.Adam(beta1=0.8, beta2=0.99, epsilon=1e-4, **a),
        # It decays what has a regulariser of its own as well.
        "adamw": lambda **a: o.AdamW(weight_decay=0.05, **a),
        "adamw_exempt": lambda **a: o.AdamW(weight_decay=0.05, **exempt, **a),
        "clipped": lambda **a: o.Momentum(momentum=0.9, weight_decay=decay, grad_clip=clip, **a),
    }


def run(name, make):
    """The tensors behind each step, [STEPS, 64]."""
    parameters = {}
    for tensor, shape in SHAPES.items():
        own = paddle.regularizer.L2Decay(0.0) if tensor == "bias" else None
        attribute = paddle.ParamAttr(
            name=f"{name}.{tensor}", initializer=paddle.nn.initializer.Assign(start(tensor)), regularizer=own
        )
        parameters[tensor] = paddle.create_parameter(shape, "float32", attr=attribute)
    rates = paddle.optimizer.lr.PiecewiseDecay(list(range(1, STEPS)), list(RATES))
    optimiser = make(learning_rate=rates, parameters=list(parameters.values()))
    behind = {tensor: [] for tensor in SHAPES}
    for step in range(STEPS):
        loss = sum((p * paddle.to_tensor(gradient(step, tensor))).sum() for tensor, p in parameters.items())
        loss.backward()
        optimiser.step()
        optimiser.clear_grad()
        rates.step()
        for tensor, p in parameters.items():
            behind[tensor].append(p.numpy().reshape(-1).copy())
    return {f"{name}/{tensor}": np.stack(values) for tensor, values in behind.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    folder = parser.parse_args().out
    paddle.set_device("cpu")
    values = {}
    for name, make in optimisers().items():
        values |= run(name, make)
    metadata = {"framework": f"paddlepaddle {paddle.__version__}", "rates": str(list(RATES))}
    save_file(values, folder / "optimisers.safetensors", metadata)


if __name__ == "__main__":
    main()
