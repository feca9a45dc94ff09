"""Numbers from names: the parameters, pixels and labels that the golden values are computed from.

Nothing here depends on a framework or on a random generator's version; the Rust tests repeat the same
integer arithmetic and get the same bits. README.md states the formulas.
"""

import numpy as np

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
RECORD = 1024
PROJECTIONS = 4


def fnv1a(name):
    """FNV-1a, 64 bits, of the name's UTF-8 bytes."""
    h = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def bits(name, count):
    """The first `count` 64-bit values of the stream called `name`."""
    z = np.uint64(fnv1a(name)) + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit(name, count):
    """Multiples of 2**-23 in [-1, 1), in f64."""
    return (bits(name, count) >> np.uint64(40)).astype(np.float64) / 2.0**24 * 2.0 - 1.0


def tensor(prefix, name, shape, linear_in):
    """The initial value, f32, of the tensor `name`.

    `linear_in` is the axis of a matrix that counts its inputs: 0 in Paddle, 1 in torch.
    """
    u = unit(f"{prefix}/{name}", int(np.prod(shape)))
    leaf = name.rsplit(".", 1)[-1]
    if len(shape) == 4:
        value = u * np.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
    elif len(shape) == 2:
        value = u * np.sqrt(3.0 / shape[linear_in])
    elif leaf == "weight":
        value = 0.8 + 0.2 * u
    elif leaf == "bias":
        # Off zero, so that most inputs of a ReLU are positive: a deep network whose units switch on and
        # off half of the time magnifies rounding several times more.
        value = 0.5 + 0.1 * u
    elif leaf in ("_variance", "running_var"):
        value = 1.0 + 0.2 * u
    elif leaf in ("_mean", "running_mean"):
        value = 0.1 * u
    else:
        raise ValueError(f"no rule for the tensor {name} of shape {tuple(shape)}")
    return value.astype(np.float32).reshape(shape)


def pixels(prefix, batch, size):
    """Pixels [batch, size, size, 3], u8."""
    z = bits(f"{prefix}/input", batch * size * size * 3)
    return (z >> np.uint64(56)).astype(np.uint8).reshape(batch, size, size, 3)


def normalised(prefix, batch, size):
    """The network's input [batch, 3, size, size], f32."""
    x = pixels(prefix, batch, size).astype(np.float64)
    x = (x / 255.0 - np.array(MEAN)) / np.array(STD)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).astype(np.float32)


def labels(prefix, batch, classes):
    """Labels [batch], i64."""
    return (bits(f"{prefix}/labels", batch) % np.uint64(classes)).astype(np.int64)


def record(kind, name, value):
    """What is kept of one tensor: samples, its norm, and its projections on sign vectors."""
    flat = np.ascontiguousarray(value, dtype=np.float32).reshape(-1)
    n = flat.size
    index = np.arange(n) if n <= RECORD else np.arange(RECORD) * n // RECORD
    wide = flat.astype(np.float64)
    z = bits("projection", n)
    signs = [1.0 - 2.0 * ((z >> np.uint64(k)) & np.uint64(1)).astype(np.float64) for k in range(PROJECTIONS)]
    return {
        f"{kind}/{name}": flat[index],
        f"norm/{kind}/{name}": np.array([np.sqrt(np.sum(wide * wide))]),
        f"proj/{kind}/{name}": np.array([np.sum(s * wide) for s in signs]),
    }


def record_error(value, exact):
    """The normalised error of a tensor as far as its records show it.

    With every value kept it is exact. Otherwise the projections estimate it: over random signs, the square
    of a projected difference has the difference's squared norm as its mean.
    """
    parts = record("", "", value), record("", "", exact)
    (a, norm_a, proj_a), (b, norm_b, proj_b) = ([v.astype(np.float64) for v in p.values()] for p in parts)
    found = [np.linalg.norm(a - b) / np.linalg.norm(b)]
    if np.size(value) > RECORD:
        found += [abs(norm_a - norm_b)[0] / norm_b[0], np.sqrt(np.mean((proj_a - proj_b) ** 2)) / norm_b[0]]
    return float(max(found))
