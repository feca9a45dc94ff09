"""Compares exported ONNX files in onnxruntime with the networks they came from, and prints a table.

    python onnx_check.py PHOTONET [--weights tf_mobilenetv3_small_100.safetensors]

PHOTONET is the program. Networks with weights from names are written as their frameworks save them, imported,
exported in every form, and run in onnxruntime on a batch of two; `--weights` adds real weights.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime
import paddle
import timm
import torch
from safetensors.torch import load_file

import families
import formula
import paddle_net

FORMS = {
    "folded, f32": [],
    "unfolded, f32": ["--unfolded"],
    "folded, f16": ["--half"],
    "unfolded, f16": ["--unfolded", "--half"],
}
BATCH = 2


def torch_case(name, make, folder):
    net = make().eval()
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                value.copy_(torch.from_numpy(formula.tensor(name, key, value.shape, linear_in=1)))
    path = folder / f"{name}.pth"
    torch.save(net.state_dict(), path)
    return path, run_torch(net)


def run_torch(net):
    def run(x):
        with torch.no_grad():
            return net(torch.from_numpy(x)).numpy()

    return run


def paddle_case(name, rows, width, folder):
    net = paddle_net.MobileNetV3(rows, width, families.CLASSES)
    for key, value in net.state_dict().items():
        value.set_value(formula.tensor(name, key, value.shape, linear_in=0))
    net.eval()
    path = folder / f"{name}.pdparams"
    paddle.save(net.state_dict(), str(path))
    return path, lambda x: net(paddle.to_tensor(x)).numpy()


def cases(folder, weights):
    yield "MobileNetV3_small_x0_35", *paddle_case("MobileNetV3_small_x0_35", paddle_net.SMALL, 0.35, folder)
    yield "MobileNetV3_large_x1_0", *paddle_case("MobileNetV3_large_x1_0", paddle_net.LARGE, 1.0, folder)
    for variant in ("small", "large"):
        name = f"mobilenet_v3_{variant}"
        yield name, *torch_case(name, lambda: families.torchvision_net(variant, 1.0), folder)
    name = "tf_mobilenetv3_large_minimal_100"
    yield name, *torch_case(name, lambda: families.timm_net(name), folder)
    if weights:
        net = timm.create_model("tf_mobilenetv3_small_100")
        net.load_state_dict(load_file(weights))
        yield "tf_mobilenetv3_small_100, ImageNet", weights, run_torch(net.eval())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photonet", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    versions = f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}"
    print(f"| network ({versions}) | form | MB | largest difference / largest logit |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def photonet(*arguments):
            subprocess.run([options.photonet.resolve(), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

        for name, path, run in cases(folder, options.weights):
            model, out = folder / "model.safetensors", folder / "model.onnx"
            photonet("import", path, "--out", model)
            x = formula.normalised("onnx", BATCH, 224)
            expected = run(x)
            for form, flags in FORMS.items():
                photonet("export", model, "--format", "onnx", "--out", out, *flags)
                onnx.checker.check_model(str(out), full_check=True)
                session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
                facts = session.get_modelmeta().custom_metadata_map
                assert len(json.loads(facts["labels"])) == expected.shape[1], "labels are missing"
                assert json.loads(facts["preprocessing"])["transforms"], "the recipe is missing"
                (found,) = session.run(["logits"], {"input": x})
                # The batch is free: one image alone must give its own row again.
                (single,) = session.run(["logits"], {"input": x[:1]})
                largest = np.abs(expected).max()
                assert np.abs(single[0] - found[0]).max() < 1e-5 * largest
                off = np.abs(found - expected).max() / largest
                print(f"| {name} | {form} | {out.stat().st_size / 1e6:.1f} | {off:.1e} |", flush=True)
                assert off < (2e-2 if "f16" in form else 1e-4), off
        # A file for torch, loaded strictly by torch: the bits must be those that were imported.
        path, _ = torch_case("mobilenet_v3_small", lambda: families.torchvision_net("small", 1.0), folder)
        photonet("import", path, "--out", folder / "model.safetensors")
        back = folder / "back.safetensors"
        photonet("export", folder / "model.safetensors", "--format", "safetensors-torchvision", "--out", back)
        original, returned = torch.load(path), load_file(back)
        families.torchvision_net("small", 1.0).load_state_dict(returned, strict=True)
        assert original.keys() == returned.keys()
        assert all(torch.equal(original[k], returned[k]) and original[k].dtype == returned[k].dtype for k in original)
        print(f"\ntorchvision -> photonet -> torchvision: {len(original)} tensors, every bit the same")


if __name__ == "__main__":
    main()
