"""Writes the golden values of what `augment.py` leaves: colour jitter, turns, grids, AugMix and RandAugmentV2.

    pip install -r requirements.txt six
    python augment_more.py PADDLECLAS    # a checkout of it, 2.3 or later

The test reads augment_more.txt; it needs no Python. Its lines are
    hue SHARE CRC    all 2^24 colours after Pillow's way to hue, saturation and value, a turn, and its way back
    grey CRC    likewise, in grey
    turn DEGREES FILTER FILL CRC    OpenCV's, of the pictures of some sizes
    grid WIDTH HEIGHT RATIO INVERTED DISTANCE DOWN RIGHT DEGREES CRC    GridMask's mask
    mixture SHARE WEIGHTS CHAINS CRC    AugMix's, the operations of a chain with their strengths
    v2 MAGNITUDE OPERATION STRENGTH SIGN CRC    RandAugmentV2's
"""

import pathlib
import random
import sys
import types
import zlib

import cv2
import numpy as np
from PIL import Image

from generate import picture

HERE = pathlib.Path(__file__).parent
CHECKOUT = pathlib.Path(sys.argv[1])
SIZES = [(37, 23), (2, 9), (17, 16), (224, 224)]


def load(name):
    """One of PaddleClas's operators, without the packages that its own `__init__` asks for."""
    for package in ("ppcls", "ppcls.utils", "ops"):
        stub = types.ModuleType(package)
        stub.__path__, stub.logger = [str(CHECKOUT / "ppcls/data/preprocess/ops")] if package == "ops" else [], None
        sys.modules.setdefault(package, stub)
    for package in ("paddle", "paddle.vision", "paddle.vision.transforms"):
        stub = types.ModuleType(package)
        stub.ColorJitter = stub.RawColorJitter = stub.transforms = object
        sys.modules.setdefault(package, stub)
    return __import__(f"ops.{name}", fromlist=["x"])


def crc(arrays):
    return f"{zlib.crc32(b''.join(np.ascontiguousarray(a).tobytes() for a in arrays)):08x}"


def colours():
    """As PaddlePaddle's `adjust_hue` and `to_grayscale` do with Pillow."""
    every = np.arange(1 << 24, dtype=np.uint32).view(np.uint8).reshape(4096, 4096, 4)[:, :, :3]
    image = Image.fromarray(np.ascontiguousarray(every))
    for share in (0.0, 0.1, -0.499):
        hue, saturation, value = image.convert("HSV").split()
        turned = (np.array(hue).astype(np.int16) + int(share * 255)) % 256
        hue = Image.fromarray(turned.astype(np.uint8), "L")
        yield f"hue {share!r} {crc([Image.merge('HSV', (hue, saturation, value)).convert('RGB')])}"
    grey = np.array(image.convert("L"))
    yield f"grey {crc([np.dstack([grey] * 3)])}"


def turns():
    """As PaddlePaddle's `rotate` does with OpenCV."""
    for degrees in (0, 1.5, 10, -33.3, 45, 90, 137.77, 180):
        for name, filter in (("nearest", cv2.INTER_NEAREST), ("bilinear", cv2.INTER_LINEAR)):
            for fill in ((0, 0, 0), (180, 60, 170)):
                results = []
                for width, height in SIZES:
                    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
                    results.append(cv2.warpAffine(
                        picture(width, height), matrix, (width, height), flags=filter,
                        borderMode=cv2.BORDER_CONSTANT, borderValue=fill))
                yield f"turn {float(degrees)!r} {name} {','.join(map(str, fill))} {crc(results)}"


def grids():
    grid = load("grid")
    grid.CURR_EPOCH = grid.NUM_EPOCHS
    for width, height in ((64, 64), (33, 20), (224, 224)):
        for ratio, mode, distance, down, right, degrees in (
            (0.5, 0, 20, 3, 11, 0), (0.37, 1, 31, 0, 30, 0), (0.6, 0, 13, 12, 5, 30), (0.5, 1, 50, 49, 1, 7),
        ):
            draws = iter([distance, down, right, degrees])
            np.random.rand, np.random.randint = lambda: 0.0, lambda *_: next(draws)
            operator = grid.GridMask(d1=1, d2=99, rotate=360, ratio=ratio, mode=mode)
            operator.last_prob = 1.0
            mask = operator(np.ones((1, height, width), np.uint8))
            yield f"grid {width} {height} {ratio} {mode} {distance} {down} {right} {degrees} {crc([mask])}"


def mixtures():
    operators, functional = load("operators"), load("functional")
    uniform, dirichlet, beta, choice = np.random.uniform, np.random.dirichlet, np.random.beta, np.random.choice
    side = 64
    # Each with its level, whether it goes the other way, and the strength that follows.
    chains = [
        [("autocontrast", 1, 0, 0), ("rotate", 9.9, 1, -29)],
        [("posterize", 8, 0, 4 - 3), ("shear_x", 3.7, 0, 0.3 * 3.7 / 10)],
        [("solarize", 4.4, 0, 256 - 112), ("translate_x", 2.9, 1, -6), ("translate_y", 7.7, 0, 16)],
        [("equalize", 1, 0, 0), ("shear_y", 5.1, 1, -0.3 * 5.1 / 10)],
    ]
    for weights, share in (((0.1, 0.2, 0.3, 0.4), 0.35), ((0.7, 0.05, 0.25, 0.0), 0.91), ((0, 1, 0, 0), 1.0)):
        steps = iter([step for chain in chains for step in chain])
        depths = iter([len(chain) for chain in chains])
        levels = []

        def take(_):
            name, level, back, _ = next(steps)
            levels[:] = [level, 0.9 if back else 0.1]
            return getattr(functional, name)

        np.random.choice, np.random.uniform = take, lambda **_: levels.pop(0)
        np.random.random = lambda: levels.pop(0)
        np.random.dirichlet, np.random.beta = lambda _: np.array(weights), lambda *_: share
        np.random.randint = lambda *_: next(depths)
        random.random = lambda: 0.0
        mixed = operators.AugMix(prob=1.0, mixture_width=4, mixture_depth=-1, aug_severity=10)(picture(side, side))
        words = ";".join(",".join(f"{name}:{float(strength)!r}" for name, _, _, strength in chain) for chain in chains)
        yield f"mixture {share!r} {','.join(repr(float(w)) for w in weights)} {words} {crc([mixed])}"
    np.random.uniform, np.random.dirichlet, np.random.beta, np.random.choice = uniform, dirichlet, beta, choice


def v2():
    RandAugmentV2 = load("randaugment").RandAugmentV2
    for magnitude in (5, 8.5):
        for sign in (1, -1):
            random.choice = lambda _, sign=sign: sign
            operator = RandAugmentV2(magnitude=magnitude, fillcolor=(180, 60, 170))
            for name, strength in operator.level_map.items():
                if name != "cutout":
                    results = [operator.func[name](Image.fromarray(picture(*size)), strength) for size in SIZES]
                    yield f"v2 {magnitude} {name} {float(strength)!r} {sign} {crc(map(np.asarray, results))}"


lines = [*colours(), *turns(), *grids(), *mixtures(), *v2()]
(HERE / "augment_more.txt").write_text("\n".join(lines) + "\n")
