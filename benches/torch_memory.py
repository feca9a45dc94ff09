"""Peak memory of a training step of torchvision's MobileNetV3 in PyTorch, without a GPU: on tensors that have no contents.

    python benches/torch_memory.py --arch large --size 224 --batch 32

Counts parameters, gradients, momentum, activations kept for the backward pass and what lives beside them at the worst moment,
as PyTorch's own tracker does. What libraries take for themselves (cuDNN's workspaces, the caching allocator's gaps) comes on
top. Beside it: `photonet bench --train --arch large --size 224 --batch 32 --format json`, `planned_bytes`.
"""

import argparse
import json

import torch
import torchvision
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker


def peak_bytes(arch, size, batch, half):
    with FakeTensorMode():
        model = getattr(torchvision.models, f"mobilenet_v3_{arch}")(weights=None)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-5)
        images = torch.empty(batch, 3, size, size).to(memory_format=torch.channels_last)
        labels = torch.zeros(batch, dtype=torch.long)
        tracker = MemTracker()
        tracker.track_external(model, optimiser, images, labels)
        with tracker:
            # The momentum exists from the second step on.
            for _ in range(2):
                tracker.reset_mod_stats()
                optimiser.zero_grad()
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                    loss = torch.nn.functional.cross_entropy(model(images), labels)
                loss.backward()
                optimiser.step()
        (parts,) = tracker.get_tracker_snapshot("peak").values()
        return next(value for name, value in parts.items() if "Total" in str(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=["small", "large"], default="large")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    for half in (False, True):
        peak = peak_bytes(options.arch, options.size, options.batch, half)
        row = {"peer": f"torch {torch.__version__}", "mode": "16-bit autocast" if half else "f32", **vars(options)}
        print(json.dumps({**row, "peak_bytes": peak, "bytes_an_image": peak / options.batch}))


if __name__ == "__main__":
    main()
