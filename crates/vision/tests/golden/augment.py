"""Writes the golden values of the augmentation tests, from PaddleClas's own code on Pillow.

    pip install -r requirements.txt
    python augment.py PADDLECLAS    # a checkout of it, 2.0 or later

The test reads augment.txt; it needs no Python. Its lines are
    apply OPERATION STRENGTH FILL FILTER PICTURES VALUE    what an operation makes of the pictures of some sizes
    pair PROBABILITY OPERATION STRENGTH PROBABILITY OPERATION STRENGTH    one of AutoAugment's
    magnitude MAGNITUDE OPERATION STRENGTH    RandAugment's
    timm LIST MAGNITUDE OPERATION STRENGTH[,STRENGTH]    TimmAutoAugment's, with both signs
"""

import functools
import importlib.util
import pathlib
import random
import sys
import types
import zlib

import numpy as np
from PIL import Image

from generate import picture

HERE = pathlib.Path(__file__).parent
OPS = pathlib.Path(sys.argv[1]) / "ppcls/data/preprocess/ops"
GREY, PLUM = (128, 128, 128), (180, 60, 170)
SIGNED = ("shearX", "shearY", "translateX", "translateY", "color", "contrast", "sharpness", "brightness")
STRENGTHS = {
    "shearX": [0.05, 1 / 6, 0.3, 0.6],
    "shearY": [0.05, 1 / 6, 0.3, 0.6],
    "translateX": [0.1, 0.25, 150 / 331, 0.9],
    "translateY": [0.1, 0.25, 150 / 331, 0.9],
    "rotate": [0, 10, 80 / 3, 30, 60, 90, 180, 330],
    "color": [0.1, 0.4, 0.9, 1.8],
    "posterize": [0, 1, 4, 7, 8],
    "solarize": [0, 85.3, 256 * 4 / 9, 128, 512],
    "contrast": [0.1, 0.4, 0.9, 1.8],
    "sharpness": [0.1, 0.4, 0.9, 1.8],
    "brightness": [0.1, 0.4, 0.9, 1.8],
    "autocontrast": [0],
    "equalize": [0],
    "invert": [0],
}
PICTURES = {
    # Written out in full, so that a mismatch can be seen; with the first strength only.
    "small": [(5, 4)],
    # Written as one checksum. 17 x 16 pixels are one step of equalize's, which then saturates.
    "several": [(37, 23), (2, 9), (17, 16), (224, 224)],
    # So long that Pillow turns it in floating point.
    "long": [(33_000, 2)],
}



def load(name):
    """One file of PaddleClas's operators, without the packages that it asks for."""
    for missing in ("ops", "ops.operators", "paddle", "paddle.vision", "paddle.vision.transforms"):
        stub = types.ModuleType(missing)
        stub.RawColorJitter = stub.transforms = None
        sys.modules.setdefault(missing, stub)
    spec = importlib.util.spec_from_file_location(f"ops.{name}", OPS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def applied(function, strength, pictures):
    sources = [Image.fromarray(picture(*size)) for size in PICTURES[pictures]]
    data = b"".join(np.asarray(function(source, strength)).tobytes() for source in sources)
    return data.hex() if pictures == "small" else f"crc32:{zlib.crc32(data):08x}"


def operations(RandAugment):
    for name, strengths in STRENGTHS.items():
        fills = (GREY, PLUM) if name.startswith(("shear", "translate")) else (GREY,)
        for sign in (1, -1) if name in SIGNED else (1,):
            for fill in fills:
                random.choice = lambda _, sign=sign: sign
                function = RandAugment(fillcolor=fill).func[name]
                for strength in strengths:
                    which = ["several"]
                    which += ["small"] if (sign, fill, strength) == (1, GREY, strengths[0]) else []
                    which += ["long"] if (name, strength) == ("rotate", 10) else []
                    for pictures in which:
                        value = applied(function, strength, pictures)
                        colour = ",".join(map(str, fill))
                        yield f"apply {name} {float(sign * strength)!r} {colour} own {pictures} {value}"


def pairs(module):
    """AutoAugment's pairs: the names, which it does not keep, are taken on their way."""
    given, SubPolicy = [], module.SubPolicy

    def record(*args):
        given.append((args[1], args[4]))
        return SubPolicy(*args)

    module.SubPolicy = record
    for (first, second), pair in zip(given, module.ImageNetPolicy().policies):
        halves = (pair.p1, first, pair.magnitude1), (pair.p2, second, pair.magnitude2)
        yield "pair " + " ".join(f"{p} {name} {float(strength)!r}" for p, name, strength in halves)


def magnitudes(RandAugment):
    for magnitude in (5, 7.5):
        for name, strength in RandAugment(magnitude=magnitude).level_map.items():
            yield f"magnitude {magnitude} {name} {float(strength)!r}"


TIMM_MOVES = {"shearX": "shear_x", "shearY": "shear_y", "translateX": "translate_x_rel", "translateY": "translate_y_rel"}


def timm_operations(module):
    """What differs from the operations above: interpolation, colour, and solarize_add."""
    colour = ",".join(map(str, PLUM))
    for name, function in {**TIMM_MOVES, "rotate": "rotate"}.items():
        for filter in ("bilinear", "bicubic"):
            move = functools.partial(
                getattr(module, function), resample=module._pil_interp(filter), fillcolor=PLUM)
            for strength in (0, 13.7, -30) if name == "rotate" else (0.123, -0.3, 0.45):
                value = applied(move, strength, "several")
                yield f"apply {name} {float(strength)!r} {colour} {filter} several {value}"
    for strength in (0, 55, 110):
        value = applied(module.solarize_add, strength, "several")
        yield f"apply solarizeadd {float(strength)!r} 128,128,128 own several {value}"


def timm_strengths(module):
    for which, names in (("plain", module._RAND_TRANSFORMS), ("increasing", module._RAND_INCREASING_TRANSFORMS)):
        for magnitude in (4, 9):
            for name in names:
                strengths = set()
                for drawn in (0.0, 1.0):
                    random.random = lambda drawn=drawn: drawn
                    level = module.LEVEL_TO_ARG[name]
                    strengths.add(float(level(magnitude, {})[0] if level else 0))
                yield f"timm {which} {magnitude} {name} {','.join(map(repr, sorted(strengths)))}"


np.int = int  # NumPy has it no more.
RandAugment = load("randaugment").RandAugment
timm = load("timm_autoaugment")
lines = [*operations(RandAugment), *pairs(load("autoaugment")), *magnitudes(RandAugment)]
lines += [*timm_operations(timm), *timm_strengths(timm)]
(HERE / "augment.txt").write_text("\n".join(lines) + "\n")
