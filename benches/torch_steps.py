"""PyTorch's speed at many works: training steps, inference, and one photo from the host and back, with torchvision's MobileNetV3.

    python benches/torch_steps.py --batches 64 128 256 --minutes 8
    python benches/torch_steps.py --device cpu --size 32 "train small 2 f32" "infer small 2 bf16 channels_last compile"

Needs torch and torchvision, and downloads nothing. Where no work is named, all beside which Photonet is measured are. PyTorch
takes up to half a minute to start and minutes to compile: so each work has a process (torch_work.py), and as many as the memory
holds prepare at once. When all of them are ready and only wait, one after the other is measured; what is not ready in time is
ended before. One line of JSON for each work; what failed has no `median_ms`, and what was left out is told on stderr.
With `--hold` nothing is measured before a line comes on stdin: `measure`, or `measure 90` to end within so many seconds.
"""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from torch_work import MODES, Work

# Gigabytes that a process holds on the device while it waits: its context and the kernels it has loaded.
CONTEXT = 0.8


def held(work, size):
    """Gigabytes on the device while it waits: with the photos, 3 channels of 4 bytes."""
    return CONTEXT + work.batch * size * size * 12 / 1e9


def peak(work, size):
    """Gigabytes that a step takes on top, about, from what large takes for a photo of 224 pixels."""
    megabytes = {(False, False): 53, (False, True): 44, (True, False): 27, (True, True): 22}[work.half, work.compiled]
    share = {"large": 1, "small": 0.4}[work.model] * (1 if work.task == "train" else 0.15)
    return work.batch * megabytes * share * (size / 224) ** 2 / 1e3


def everything(batches):
    """The works beside which Photonet is measured, the most important first: PyTorch's fastest, which also prepare longest.
    Searching algorithms takes longer than all else: at the end, for the fastest modes."""
    smallest, *between, largest = sorted(set(batches)) if len(set(batches)) > 1 else [batches[0], batches[0]]
    half, compiled, graphs = MODES[3:6]
    ways = [("train", batch, mode) for batch in (largest, smallest) for mode in (compiled, graphs)]
    ways += [("train", largest, mode) for mode in ("f32", half, "f32 compile")]
    ways += [("train", batch, compiled) for batch in between] + [("infer", largest, compiled)]
    ways += [("latency", 1, "f32"), ("latency", 1, half), ("infer", largest, "f32"), ("infer", largest, half)]
    ways += [("train", batch, mode) for batch in (smallest, *between) for mode in ("f32", half)]
    ways += [("train", batch, f"{mode} search") for batch in (largest, smallest) for mode in (compiled, "f32")]
    return list(dict.fromkeys(Work(task, model, batch, mode) for task, batch, mode in ways for model in ("large", "small")))


def waves(works, size, limit, at_once, compiling):
    """Works that prepare together, by the memory they take, of which `compiling` compile: each is put into the first wave that
    holds it."""

    def fits(wave):
        if sum(work.compiled for work in wave) > compiling:
            return False
        # Compiled ones run whole steps while they prepare; those with CUDA graphs keep the memory of theirs.
        prepared = sum(peak(work, size) for work in wave if work.compiled)
        kept = sum(peak(work, size) for work in wave if work.graphs)
        steps = max(prepared, kept + max(peak(work, size) for work in wave))
        return len(wave) <= at_once and sum(held(work, size) for work in wave) + steps <= limit

    found = []
    for work in works:
        wave = next((wave for wave in found if fits([*wave, work])), None)
        if wave is None:
            found.append(wave := [])
        wave.append(work)
    return found


class Child:
    """The process of one work, seen from the one that starts it."""

    def __init__(self, work, options, threads):
        self.work, self.size = work, options.size
        self.ready, self.row = False, None
        self.lines = queue.Queue()
        self.errors = tempfile.TemporaryFile("w+")
        command = [sys.executable, Path(__file__).with_name("torch_work.py"), "--device", options.device]
        self.process = subprocess.Popen(
            [*command, "--size", str(options.size), "--runs", str(options.runs), str(work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": str(threads)},
            # So that the processes it compiles with end with it.
            start_new_session=True,
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def listen(self, seconds):
        """Takes what it says within some seconds, until it is ready or has a row."""
        end = time.monotonic() + seconds
        before = self.ready
        while self.row is None and self.ready == before:
            try:
                line = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                return
            if line is None:
                self.process.wait()
                self.errors.seek(0)
                last = self.errors.read().strip().splitlines()[-1:] or [""]
                self.fail(f"failed: ended with status {self.process.returncode} {last[0][:300]}")
            elif line == "ready":
                self.ready = True
            elif line.startswith('{"peer"'):
                self.row = json.loads(line)

    def fail(self, note):
        self.row = self.work.row(self.size, notes=note)

    def measure(self, seconds):
        try:
            self.process.stdin.write("measure\n")
            self.process.stdin.flush()
        except OSError:
            pass  # It has ended, which is heard next.
        self.listen(seconds)
        if self.row is None:
            self.fail(f"failed: stopped after {seconds:.0f} s")

    def end(self):
        """Kills what is left of it and waits until it is gone, with its memory on the device."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def free_gigabytes(device):
    if device == "cpu":
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    ask = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        return float(subprocess.run(ask, capture_output=True, text=True, timeout=20).stdout.split()[0]) * 2**20 / 1e9
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        # Asked in a process of its own: this one would keep a context.
        ask = [sys.executable, "-c", "import torch; print(torch.cuda.mem_get_info()[0])"]
        told = subprocess.run(ask, capture_output=True, text=True, timeout=120)
        if told.returncode:
            sys.exit((told.stderr.strip().splitlines() or ["the device does not tell its memory"])[-1])
        return float(told.stdout.split()[0]) / 1e9


def tell(text):
    print(text, file=sys.stderr, flush=True)


class Run:
    """All works, within a time."""

    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + 60 * options.minutes
        self.word = queue.Queue()
        if options.hold:
            threading.Thread(target=lambda: self.word.put(sys.stdin.readline()), daemon=True).start()

    def left(self):
        return self.end - time.monotonic()

    def hold(self):
        """Waits for the line that lets it measure."""
        try:
            line = self.word.get(timeout=max(self.left(), 0.001))
        except queue.Empty:
            return
        if not line:
            sys.exit("nobody is left who waits for the measurements")
        seconds = line.split()[1:]
        self.end = min(self.end, time.monotonic() + float(seconds[0])) if seconds else self.end

    def wave(self, works, hold):
        # Whoever compiles gets a share of the processors.
        threads = min(4, max(1, (os.cpu_count() or 1) // max(1, sum(work.compiled for work in works))))
        children = []
        try:
            begun = time.monotonic()
            for work in works:
                children.append(Child(work, self.options, threads))
            if hold:
                self.hold()
            # Some of the time is for measuring what is ready.
            deadline = min(begun + self.options.prepare, time.monotonic() + 0.7 * self.left())
            self.prepare(children, begun, max(deadline, time.monotonic() + 1))
            for child in children:
                if child.ready and child.row is None and self.left() >= 3:
                    child.measure(min(self.options.each, self.left()))
                if child.row is not None:
                    print(json.dumps(child.row), flush=True)
                elif child.ready:
                    tell(f"left out: {child.work}: no time was left")
                child.end()
        finally:
            for child in children:
                child.end()

    def prepare(self, children, begun, deadline):
        """Waits until all are ready, or until the deadline for the others."""
        waiting = children
        while waiting and time.monotonic() < deadline:
            for child in waiting:
                child.listen(0.05)
            waiting = [child for child in waiting if not child.ready and child.row is None]
        took = f"{time.monotonic() - begun:.0f} s"
        tell(f"{sum(child.ready for child in children)} of {len(children)} ready after {took}")
        for child in waiting:
            tell(f"left out: {child.work}: not ready after {took}")
            child.end()

    def all(self, works):
        limit = self.options.memory_gb or 0.85 * free_gigabytes(self.options.device)
        # Four processors to each: thirteen on sixteen were not ready after 158 s, one alone is after 85.
        compiling = max(1, (os.cpu_count() or 1) // 4)
        planned = waves(works, self.options.size, limit, self.options.at_once, compiling)
        tell(f"{len(works)} works, at once {', '.join(str(len(wave)) for wave in planned)}, in {limit:.1f} GB")
        for number, wave in enumerate(planned):
            # A later wave prepares in the time that is left: seconds, and where it has to compile more than a minute.
            least = {work: (90 if work.compiled else 20) if number > 0 else 0 for work in wave}
            late = [work for work in wave if self.left() < least[work]]
            for work in late:
                tell(f"left out: {work}: no time was left")
            if late != wave:
                self.wave([work for work in wave if work not in late], self.options.hold and number == 0)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("works", type=Work.read, nargs="*", help=f"each in quotes: {Work.HELP}")
    words.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    words.add_argument("--size", type=int, default=224)
    words.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256], help="of the works where none is named")
    words.add_argument("--runs", type=int, default=50, help="timed steps")
    words.add_argument("--minutes", type=float, default=20, help="after which everything ends")
    words.add_argument("--prepare", type=float, default=240, help="seconds in which a wave has to be ready")
    words.add_argument("--each", type=float, default=90, help="seconds in which one work has to be measured")
    words.add_argument("--at-once", type=int, default=(os.cpu_count() or 1) + 4, help="processes")
    words.add_argument("--memory-gb", type=float, help="for all processes of a wave (default: 85 %% of what is free)")
    words.add_argument("--hold", action="store_true", help="measure only after a line on stdin")
    options = words.parse_args()
    # Ended from outside, it still ends its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    Run(options).all(options.works or everything(options.batches))


if __name__ == "__main__":
    main()
