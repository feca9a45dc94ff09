"""Writes small weight files with the frameworks' own writers, for the tests of the readers.

    python weight_files.py [FOLDER]

Every file holds the same: `a.weight` [2, 3] = 0, 0.25, ... 1.25; `a.turned`, the same read column by column,
[3, 2]; and, where the format has them, `a.half` [4] and `a.brain` [3] in 16 bits and a counter `a.count` = 7.
"""

import argparse
import collections
import pathlib
import pickle
import sys

import numpy as np
import paddle
import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parents[2] / "crates/weights/tests/files"


def torch_tensors():
    weight = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4
    return collections.OrderedDict(
        [
            ("a.weight", weight),
            # A view of the same storage with other strides.
            ("a.turned", weight.t()),
            ("a.half", torch.tensor([1.0, -2.0, 0.5, 65504.0], dtype=torch.float16)),
            ("a.brain", torch.tensor([1.0, -3.0, 0.125], dtype=torch.bfloat16)),
            ("a.count", torch.tensor(7)),
        ]
    )


def numpy_arrays():
    weight = np.arange(6, dtype=np.float32).reshape(2, 3) / 4
    return {
        "a.weight": weight,
        "a.turned": np.asfortranarray(weight.T),
        "a.half": np.array([1.0, -2.0, 0.5, 65504.0], np.float16),
        "a.count": np.array([7], np.int64),
    }


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    tensors = torch_tensors()
    torch.save(tensors, folder / "torch_zip.pth")
    torch.save(tensors, folder / "torch_legacy.pth", _use_new_zipfile_serialization=False)
    wrapped = {f"module.{name}": torch.nn.Parameter(t) if t.is_floating_point() else t for name, t in tensors.items()}
    zeros = {name: torch.zeros_like(t) for name, t in tensors.items()}
    arguments = argparse.Namespace(lr=0.1, out=pathlib.Path("."), device=torch.device("cpu"))
    checkpoint = {"epoch": 3, "args": arguments, "model": zeros, "model_ema": wrapped, "metric": np.float64(0.5)}
    torch.save(checkpoint, folder / "torch_checkpoint.pth")
    torch.save(checkpoint, folder / "torch_checkpoint_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), folder / "torch_whole_model.pth")
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "plain.safetensors", {"made": "here"})

    arrays = numpy_arrays()
    named = {name: paddle.to_tensor(value) for name, value in arrays.items()}
    for protocol in (2, 3, 4):
        paddle.save(named, str(folder / f"paddle_{protocol}.pdparams"), protocol=protocol)
    # What Paddle 2 wrote of a layer's state.
    names = {"StructuredToParameterName@@": {name: f"parameter_{name}" for name in arrays}}
    (folder / "paddle_names.pdparams").write_bytes(pickle.dumps(arrays | names, protocol=4))
    (folder / "paddle_names_2.pdparams").write_bytes(pickle.dumps(arrays | names, protocol=2))
    pairs = {name: (f"parameter_{name}", value) for name, value in arrays.items()}
    (folder / "paddle_pairs.pdparams").write_bytes(pickle.dumps(pairs, protocol=4))
    for path in sorted(folder.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
