"""Writes the logits of the families' networks, from the frameworks themselves.

    python families.py                      # families.safetensors: ten networks with weights from names
    python families.py --weights FILE --photos FOLDER
                                            # photos.safetensors: timm's tf_mobilenetv3_small_100 on photos
"""

import argparse
import os
import pathlib

# Set before the frameworks are loaded: the order of a sum must not follow the machine's core count.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

import formula
from generate import encode

CLASSES = 7
SIZES = (224, 160, 97)
HERE = pathlib.Path(__file__).parent


def torchvision_net(variant, width):
    import torchvision

    make = getattr(torchvision.models, f"mobilenet_v3_{variant}")
    # The constructors take no width; the builder under them does.
    from torchvision.models import mobilenetv3 as module

    if width == 1.0:
        return make(num_classes=CLASSES)
    settings, last = module._mobilenet_v3_conf(f"mobilenet_v3_{variant}", width_mult=width)
    return module.MobileNetV3(settings, last, num_classes=CLASSES)


def timm_net(name):
    import timm

    return timm.create_model(name, num_classes=CLASSES)


def paddle_logits(name, rows, width):
    import paddle

    import paddle_net

    def run(dtype):
        paddle.set_device("cpu")
        paddle.set_default_dtype(dtype)
        net = paddle_net.MobileNetV3(getattr(paddle_net, rows), width, CLASSES)
        for key, value in net.state_dict().items():
            value.set_value(formula.tensor(name, key, value.shape, linear_in=0).astype(dtype))
        net.eval()
        return {s: net(paddle.to_tensor(formula.normalised(name, 1, s).astype(dtype))).numpy()[0] for s in SIZES}

    return run


def torch_logits(name, make):
    import torch

    def run(dtype):
        torch.set_num_threads(1)
        net = make().eval()
        with torch.no_grad():
            for key, value in net.state_dict().items():
                if not key.endswith("num_batches_tracked"):
                    value.copy_(torch.from_numpy(formula.tensor(name, key, value.shape, linear_in=1)))
            net = net.to(getattr(torch, dtype))
            inputs = {s: torch.from_numpy(formula.normalised(name, 1, s).astype(dtype)) for s in SIZES}
            return {s: net(x).numpy()[0] for s, x in inputs.items()}

    return run


NETWORKS = {
    "MobileNetV3_small_x0_35": lambda n: paddle_logits(n, "SMALL", 0.35),
    "MobileNetV3_large_x1_0": lambda n: paddle_logits(n, "LARGE", 1.0),
    "MobileNetV3_large_x1_25": lambda n: paddle_logits(n, "LARGE", 1.25),
    "mobilenet_v3_small": lambda n: torch_logits(n, lambda: torchvision_net("small", 1.0)),
    "mobilenet_v3_large": lambda n: torch_logits(n, lambda: torchvision_net("large", 1.0)),
    "mobilenet_v3_small_x0.75": lambda n: torch_logits(n, lambda: torchvision_net("small", 0.75)),
    "mobilenetv3_small_050": lambda n: torch_logits(n, lambda: timm_net(n)),
    "mobilenetv3_large_075": lambda n: torch_logits(n, lambda: timm_net(n)),
    "tf_mobilenetv3_small_100": lambda n: torch_logits(n, lambda: timm_net(n)),
    "tf_mobilenetv3_large_minimal_100": lambda n: torch_logits(n, lambda: timm_net(n)),
}


def versions():
    import paddle
    import timm
    import torch
    import torchvision

    return {
        "frameworks": f"paddlepaddle {paddle.__version__}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}, timm {timm.__version__}"
    }


def write_families():
    values, worst = {}, 0.0
    for name, network in NETWORKS.items():
        run = network(name)
        single, double = run("float32"), run("float64")
        for size in SIZES:
            values[f"{name}/{size}"] = single[size].astype(np.float32)
            error = np.abs(single[size] - double[size]).max() / np.abs(double[size]).max()
            worst = max(worst, error)
            print(f"{name} {size}: {error:.1e} of the largest logit off the same in f64", flush=True)
    path = HERE / "families.safetensors"
    path.write_bytes(encode(values, versions() | {"f32_error": f"{worst:.1e}"}))
    print(path.name, path.stat().st_size, "bytes")


def write_photos(weights, photos, count=20):
    """The real weights on photos, and on one image that needs no decoder."""
    import timm
    import torch
    import torchvision.transforms as T
    from PIL import Image
    from safetensors.torch import load_file

    torch.set_num_threads(1)
    net = timm.create_model("tf_mobilenetv3_small_100")
    net.load_state_dict(load_file(weights))
    net.eval()
    half = (0.5, 0.5, 0.5)
    resize = T.Resize(256, interpolation=T.InterpolationMode.BICUBIC)
    transform = T.Compose([resize, T.CenterCrop(224), T.ToTensor(), T.Normalize(half, half)])
    lines = (photos / "val_list.txt").read_text().splitlines()
    names = [line.rsplit(" ", 1)[0] for line in lines][:: len(lines) // count][:count]
    # Shapes by which a resize that rounds its long side otherwise would be found out.
    drawn = formula.pixels("drawn", 1, 302)[0][:227]
    images = [Image.fromarray(drawn)] + [Image.open(photos / name).convert("RGB") for name in names]
    with torch.no_grad():
        logits = [net(transform(image)[None])[0].numpy() for image in images]
    values = {"drawn": logits[0]} | dict(zip(names, logits[1:]))
    facts = {"frameworks": f"torch {torch.__version__}, timm {timm.__version__}, Pillow {Image.__version__}"}
    path = HERE / "photos.safetensors"
    path.write_bytes(encode({k: v.astype(np.float32) for k, v in values.items()}, facts))
    print(path.name, path.stat().st_size, "bytes", len(names), "photos")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=pathlib.Path, help="tf_mobilenetv3_small_100.safetensors")
    parser.add_argument("--photos", type=pathlib.Path, help="a folder with val_list.txt")
    options = parser.parse_args()
    if options.weights and options.photos:
        write_photos(options.weights, options.photos)
    else:
        write_families()


if __name__ == "__main__":
    main()
