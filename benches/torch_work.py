"""PyTorch's speed at one work: a task, a network of torchvision's MobileNetV3, a batch and a mode. In a process of its own.

    echo measure | python benches/torch_work.py --device cpu --size 32 "train small 2 f32"

Prepares all that may happen beside other processes, says `ready`, waits for a line, measures, and prints a line of JSON, in which
`median_ms` is null where it failed; torch_steps.py runs many of them. Random weights and photos, 1000 classes. `train` is the
forward pass, cross entropy, the backward pass and SGD with momentum, `infer` the forward pass, both with the input on the device;
`latency` is inference from the host and back. `first_ms` is the first step after the preparation, in which a mode with `search`
searches algorithms for the convolutions (`cudnn.benchmark`), half a minute on a GPU; the others take cuDNN's own choice, as PyTorch
does by default. The memory is that of the steps after it.
"""

import argparse
import dataclasses
import json
import os
import platform
import resource
import statistics
import sys
import time

MODES = ("f32", "f32 without TF32", "f32 compile", "bf16 channels_last", "bf16 channels_last compile")
MODES += ("bf16 channels_last compile cuda graphs",)
MODES += tuple(f"{mode} search" for mode in MODES)


@dataclasses.dataclass(frozen=True)
class Work:
    """What one process measures."""

    task: str
    model: str
    batch: int
    mode: str

    HELP = "TASK (train, infer, latency) NETWORK (large, small) BATCH MODE (" + ", ".join(MODES) + ")"

    @classmethod
    def read(cls, text):
        task, model, batch, mode = text.split(maxsplit=3)
        if task not in ("train", "infer", "latency") or model not in ("large", "small") or mode not in MODES:
            raise ValueError(text)
        return cls(task, model, int(batch), mode)

    def __str__(self):
        return f"{self.task} {self.model} {self.batch} {self.mode}"

    @property
    def compiled(self):
        return "compile" in self.mode

    @property
    def graphs(self):
        return "cuda graphs" in self.mode

    @property
    def search(self):
        return "search" in self.mode

    @property
    def half(self):
        return "bf16" in self.mode

    def row(self, size, **more):
        named = {"peer": "torch", "task": self.task, "model": self.model, "batch": self.batch, "res": size, "mode": self.mode}
        return {**named, "adapter": None, "median_ms": None, "img_per_s": None, "runs": 0, **more}


class Steps:
    """A network and its data, in the process of a work."""

    def __init__(self, work, options):
        import torch
        import torchvision

        self.torch, self.work, self.options = torch, work, options
        self.cuda = options.device == "cuda"
        if self.cuda and not torch.cuda.is_available():
            raise RuntimeError("no CUDA device")
        torch.manual_seed(0)
        layout = torch.channels_last if "channels_last" in work.mode else torch.contiguous_format
        self.model = getattr(torchvision.models, f"mobilenet_v3_{work.model}")(weights=None, num_classes=1000)
        self.model = self.model.to(options.device, memory_format=layout).train(work.task == "train")
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.loss = torch.nn.CrossEntropyLoss()
        self.images = torch.randn(work.batch, 3, options.size, options.size).to(memory_format=layout)
        self.labels = torch.randint(0, 1000, (work.batch,))
        if work.task != "latency":
            self.images, self.labels = self.images.to(options.device), self.labels.to(options.device)
        elif self.cuda:
            self.images = self.images.pin_memory()
        self.network = self.model
        if work.compiled:
            self.network = torch.compile(self.model, mode="reduce-overhead" if work.graphs else None)
        self.result = None

    def step(self):
        torch, work = self.torch, self.work
        if work.compiled:
            # The result of the step before may be overwritten.
            torch.compiler.cudagraph_mark_step_begin()
        half = torch.autocast(self.options.device, dtype=torch.bfloat16, enabled=work.half)
        if work.task == "train":
            with half:
                loss = self.loss(self.network(self.images), self.labels)
            loss.backward()
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.result = loss
        elif work.task == "infer":
            with torch.inference_mode(), half:
                self.result = self.network(self.images)
        else:
            with torch.inference_mode(), half:
                self.result = self.network(self.images.to(self.options.device, non_blocking=True)).float().cpu()

    def clear(self):
        """Gives back what a step leaves."""
        self.result = None
        if self.cuda:
            self.torch.cuda.synchronize()
            self.torch.cuda.empty_cache()

    def warm_graphs(self, only):
        """Whether steps only warm up for CUDA graphs, or record one and replay it."""
        if self.work.graphs:
            import torch._inductor.config

            torch._inductor.config.triton.force_cudagraphs_warmup = only

    def prepare(self):
        """All that is slow and may happen beside other processes."""
        convolution, work = self.torch.backends.cudnn, self.work
        if "without TF32" in work.mode:
            convolution.allow_tf32 = False
        # PyTorch keeps the algorithm that a convolution ran with, found by search or not, and would not search again. It keeps
        # them apart by whether they have to be deterministic, so that what is prepared is, and what is measured is not: a search
        # must not happen beside other processes.
        convolution.benchmark, convolution.deterministic = False, work.search
        # A graph would keep these algorithms too.
        self.warm_graphs(only=True)
        if work.compiled:
            for _ in range(3):
                self.step()
        else:
            # Two photos are enough for the libraries to load.
            whole = self.images, self.labels
            self.images, self.labels = self.images[:2], self.labels[:2]
            self.step()
            self.images, self.labels = whole
        self.clear()

    def measure(self):
        """The row of the work."""
        torch, work = self.torch, self.work
        wait = torch.cuda.synchronize if self.cuda else lambda: None
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = work.search, False
        self.clear()
        begun = time.perf_counter()
        self.step()
        wait()
        more = {"first_ms": round((time.perf_counter() - begun) * 1e3, 1)}
        self.step()
        # The memory is that of a step, without the search; a graph takes its own when it is recorded, below.
        self.clear()
        self.warm_graphs(only=False)
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        for _ in range((15 if work.compiled else 10) if self.cuda else 2):
            self.step()
        times = []
        wait()
        begun = time.perf_counter()
        if self.cuda and work.task != "latency":
            events = [torch.cuda.Event(enable_timing=True) for _ in range(self.options.runs + 1)]
            wait()
            begun = time.perf_counter()
            events[0].record()
            for event in events[1:]:
                self.step()
                event.record()
            wait()
            # Where it is well above the median of the events, the host is the limit and not the device.
            more["wall_ms_per_step"] = round((time.perf_counter() - begun) * 1e3 / self.options.runs, 4)
            times = [one.elapsed_time(other) for one, other in zip(events, events[1:])]
        else:
            # A CPU is given 20 seconds.
            while len(times) < self.options.runs and (self.cuda or len(times) < 5 or time.perf_counter() - begun < 20):
                start = time.perf_counter()
                self.step()
                wait()
                times.append((time.perf_counter() - start) * 1e3)
        if not bool(torch.isfinite(self.result.detach().float()).all()):
            raise ArithmeticError("the result is not finite")
        if self.cuda:
            more["peak_mem_mib"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
            more["peak_reserved_mib"] = round(torch.cuda.max_memory_reserved() / 2**20, 1)
        else:
            more["peak_rss_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)
        median = statistics.median(times)
        more |= {"median_ms": round(median, 4), "img_per_s": round(work.batch * 1e3 / median, 2), "runs": len(times)}
        more |= {"min_ms": round(min(times), 4), "max_ms": round(max(times), 4), "adapter": self.adapter()}
        clock = "events" if "wall_ms_per_step" in more else "wall clock"
        tf32 = [] if work.half or not self.cuda or "without" in work.mode else ["TF32 for convolutions"]
        return more | {"notes": ", ".join([f"torch {torch.__version__}", work.mode, *tf32, clock])}

    def adapter(self):
        if self.cuda:
            return self.torch.cuda.get_device_name(0)
        name = platform.processor() or platform.machine()
        if os.path.exists("/proc/cpuinfo"):
            with open("/proc/cpuinfo") as lines:
                name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
        return f"{name} ({self.torch.get_num_threads()} threads)"


def serve(work, options):
    """The process of one work: prepares, says so, waits for a line, measures."""
    begun = time.monotonic()
    try:
        steps = Steps(work, options)
        steps.prepare()
        prepared = round(time.monotonic() - begun, 1)
        print("ready", flush=True)
        if not sys.stdin.readline():
            return
        found = {**steps.measure(), "prepare_s": prepared}
    except Exception as error:  # Whatever it is, it belongs into the row.
        found = {"notes": f"failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    print(json.dumps(work.row(options.size, **found)), flush=True)
    # What libraries do at exit would only delay the next.
    os._exit(0)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("work", type=Work.read, help=Work.HELP)
    words.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    words.add_argument("--size", type=int, default=224)
    words.add_argument("--runs", type=int, default=50, help="timed steps")
    options = words.parse_args()
    serve(options.work, options)


if __name__ == "__main__":
    main()
