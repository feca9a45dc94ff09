"""Everything that a real GPU should show, in one command: correctness, speed by rule and tuned, PyTorch beside it, accuracy.

    cargo build --release -p photonet-cli
    python benches/beside_torch.py --photonet target/release/photonet --python PYTHON --out results --minutes 8

PYTHON has torch and torchvision, for torch_steps.py: PyTorch prepares in the background while nothing is timed, is measured
alone, and has ended before Photonet is. With `--photos` (PaddleClas's list files beside the photos) and `--weights` (an ImageNet
model to import) a fine-tuning run is part of it. Steps run one after the other on the same device, the most important first; what
would not end in the minutes given is left out and said. Every step's output stays in `--out`, the table in `table.md`.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path


class Session:
    """Runs steps within a time."""

    def __init__(self, out, minutes):
        self.out = out
        self.end = time.monotonic() + 60 * minutes
        self.notes = []

    def left(self):
        return self.end - time.monotonic()

    def note(self, text):
        print(text, flush=True)
        self.notes.append(text)

    def run(self, name, command, least=5, most=150, **environment):
        """The step's standard output, and how it ended: with its exit status, or None where it was stopped or left out, which is
        noted. It is begun where `least` seconds are left, and stopped after `most`."""
        if self.left() < least:
            self.note(f"{name}: left out, {max(self.left(), 0):.0f} s were left")
            return "", None
        begun = time.monotonic()
        files = [self.out / f"{name}.{kind}" for kind in ("txt", "err")]
        status = None
        with files[0].open("w") as stdout, files[1].open("w") as stderr:
            try:
                done = subprocess.run(
                    [str(word) for word in command],
                    stdout=stdout,
                    stderr=stderr,
                    env={**os.environ, **environment},
                    timeout=min(self.left(), most),
                )
                status = done.returncode
                ended = "" if status == 0 else f", exit status {status}"
            except subprocess.TimeoutExpired:
                ended = ", stopped: out of time"
            except OSError as error:
                ended = f", not started: {error}"
        print(f"{name}: {time.monotonic() - begun:.1f} s{ended}", flush=True)
        if ended:
            last = files[1].read_text().strip().splitlines()[-1:] or [""]
            self.note(f"{name}{ended} {last[0]}")
        return files[0].read_text(), status


def rows(text):
    """The JSON lines of an output."""
    found = []
    for line in (text or "").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found


def check(session, photonet, device, environment):
    command = [photonet, "check", "--format", "json", "--device", device]
    text, status = session.run("check", command, **environment)
    cases = rows(text)
    wrong = [case for case in cases if not case["ok"]]
    whole = "" if status in (0, 1) else ", not all: it was stopped"
    session.note(f"check: {len(cases) - len(wrong)} of {len(cases)} cases agree with their CPU twin{whole}")
    for case in wrong:
        session.note(f"  WRONG {case['kernel']} {case['case']}: {case['error']}, allowed {case['tolerance']:.1e}")


def suite(session, name, photonet, options, environment):
    """Photonet's measurements by (task, arch, size, batch, precision)."""
    command = [photonet, "bench", "--suite", "--format", "json", "--runs", options.runs, *network(options)]
    text, _ = session.run(name, command, least=20, **environment)
    found = {}
    for row in rows(text):
        if "error" in row:
            session.note(f"{name}: {row['work']}: {row['error']}")
            continue
        found[row["task"], row["arch"], row["size"], row["batch"], row["precision"]] = row
    return found


def network(options):
    """What every measurement of Photonet is told."""
    more = [word for pair in options.network for word in [f"--{pair}"]]
    return ["--size", options.size, "--device", options.device, *more]


class PyTorch:
    """PyTorch's measurements: they are prepared in the background until it is told to measure."""

    def __init__(self, session, options):
        self.session = session
        self.files = [session.out / f"torch.{kind}" for kind in ("txt", "err")]
        self.process = None
        python = options.python or (sys.executable if importlib.util.find_spec("torch") else None)
        if python is None:
            session.note("PyTorch: left out, this Python has no torch; --python names one that has")
            return
        command = [python, Path(__file__).with_name("torch_steps.py"), "--hold", "--device", options.torch_device]
        command += ["--size", options.size, "--batches", *options.batches, "--minutes", max(session.left(), 0) / 60]
        command += ["--", *options.torch_works] if options.torch_works else []
        with self.files[0].open("w") as stdout, self.files[1].open("w") as stderr:
            try:
                self.process = subprocess.Popen(
                    [str(word) for word in command], stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, text=True
                )
            except OSError as error:
                session.note(f"PyTorch: not started: {error}")

    def measure(self, share):
        """PyTorch's measurements by (task, arch, size, batch) and mode, in a share of the time that is left."""
        found = {}
        if self.process is None:
            return found
        begun = time.monotonic()
        seconds = max(self.session.left(), 0) * share
        try:
            self.process.communicate(f"measure {seconds:.0f}\n", timeout=seconds + 10)
            status = self.process.returncode
            ended = "" if status == 0 else f", exit status {status}"
        except subprocess.TimeoutExpired:
            ended = ", stopped: out of time"
            self.end()
        print(f"torch: {time.monotonic() - begun:.1f} s{ended}", flush=True)
        told = self.files[1].read_text().strip().splitlines()
        if ended:
            self.session.note(f"torch{ended} {told[-1] if told else ''}")
        for line in told:
            if line.startswith("left out: "):
                self.session.note(f"torch: {line}")
        for row in rows(self.files[0].read_text()):
            if row["median_ms"] is None:
                self.session.note(f"torch: {row['task']} {row['model']} {row['batch']} {row['mode']}: {row['notes']}")
                continue
            found.setdefault((row["task"], row["model"], row["res"], row["batch"]), {})[row["mode"]] = row
        return found

    def end(self):
        if self.process is not None and self.process.poll() is None:
            # It ends its own processes.
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()


def rate(row):
    return row and row["sustained_images_per_second"]


def table(ours, registers, tuned, theirs):
    """Markdown: images per second of each work, by rule and tuned, f16 without matrix units, and the host's share of the time."""
    works = sorted({key[:4] for found in (ours, registers, tuned) for key in found} | set(theirs))
    modes = sorted({mode for of in theirs.values() for mode in of})
    head = ["work", "Photonet f32", "tuned", "f16", "tuned", "in registers", "host f32, f16", "MB an image f32, f16", *modes]
    head += ["best / PyTorch's best"]
    lines = [head, ["---"] * len(head)]
    for work in works:
        task, arch, size, batch = work
        if task == "latency":
            continue
        columns = [("f32", ours), ("f32", tuned), ("f16", ours), ("f16", tuned), ("f16", registers)]
        rates = [rate(of.get((*work, precision))) for precision, of in columns]
        own = [row for precision in ("f32", "f16") if (row := ours.get((*work, precision)))]
        torch_rates = [theirs.get(work, {}).get(mode, {}).get("img_per_s") for mode in modes]
        best, peers = ([r for r in of if r] for of in (rates, torch_rates))
        cells = [f"{task} {arch} {size} batch {batch}"]
        cells += [f"{r:.0f}" if r else "" for r in rates]
        cells += [", ".join(f"{row['host_ms']:.2f} ms = {row['host_ms'] / row['sustained_ms']:.1%}" for row in own)]
        cells += [", ".join(f"{row['planned_bytes'] / batch / 1e6:.1f}" for row in own)]
        cells += [f"{r:.0f}" if r else "" for r in torch_rates]
        cells += [f"{max(best) / max(peers):.2f}" if best and peers else ""]
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def memory(theirs):
    """Markdown: the memory of PyTorch's training steps, of its tensors and of its allocator."""
    lines = []
    for (task, arch, _, batch), of in theirs.items():
        for mode, row in of.items():
            if task == "train" and "peak_mem_mib" in row:
                each = [row[key] * 2**20 / batch / 1e6 for key in ("peak_mem_mib", "peak_reserved_mib")]
                lines.append(f"- {arch}, batch {batch}, {mode}: {each[0]:.1f} MB an image, allocator {each[1]:.1f}")
    return "\n".join(lines)


def latencies(ours, tuned, theirs):
    """Markdown: milliseconds for one photo, from the host and back."""
    lines = []
    for arch in ("small", "large"):
        own = [
            f"{precision} {statistics.median(row['runs_ms']):.2f} ms"
            for of in (ours, tuned)
            for precision in ("f32", "f16")
            for key, row in of.items()
            if key[:2] == ("infer", arch) and key[3:] == (1, precision)
        ]
        peers = [
            f"{mode} {row['median_ms']:.2f} ms"
            for (task, name, _, batch), of in theirs.items()
            if (task, name, batch) == ("latency", arch, 1)
            for mode, row in of.items()
        ]
        lines.append(f"- {arch}: Photonet {', '.join(own) or 'none'} (by rule, tuned); PyTorch {', '.join(peers) or 'none'}")
    return "\n".join(lines)


def kinds(row):
    """Markdown: where the time of one work goes."""
    # A device whose clock does not tick has no limits to compare with.
    best = [row[key] or float("inf") for key in ("copy_bytes_per_second", "macs_per_second")]
    lines = ["| kernel | launches | ms | GB/s | of copy | GMAC/s | of best |", "|---|---|---|---|---|---|---|"]
    for kind in sorted(row["kinds"], key=lambda kind: -kind["ms"]):
        seconds = max(kind["ms"], 1e-9) / 1e3
        moved, made = kind["bytes"] / seconds, kind["macs"] / seconds
        lines.append(
            f"| {kind['kind']} | {kind['dispatches']} | {kind['ms']:.3f} | {moved / 1e9:.0f} | {moved / best[0]:.0%} "
            f"| {made / 1e9:.0f} | {made / best[1]:.0%} |"
        )
    return "\n".join(lines)


def fine_tune(session, photonet, options, ways):
    """Trains from ImageNet; the accuracies of the epochs stay in the log."""
    model = session.out / "imagenet.safetensors"
    session.run("import", [photonet, "import", options.weights, "--out", model])
    for name, precision, environment in ways:
        name = f"fine_tune_{name}"
        command = [photonet, "train", options.photos, "--from", model, "--size", 128, "--epochs", options.epochs]
        command += ["--optimizer", "momentum", "--freeze-bn=false", "--lr", 0.00375, "--batch", 32, "--precision", precision, "--device", options.device]
        command += ["--out", session.out / name, "--overwrite"]
        session.run(name, command, least=60, **environment)
        metrics = session.out / name / "metrics.jsonl"
        told = rows(metrics.read_text() if metrics.exists() else "")
        tops = [row["top1"] for row in told if row.get("event") == "eval_epoch"]
        if tops:
            session.note(f"{name}: best top-1 {max(tops):.2%}, last {tops[-1]:.2%} after {len(tops)} epochs")
        steps = [row for row in told if row.get("event") == "train_step" and row.get("epoch") == len(tops) and row["iter"] > 0]
        if steps:
            cost, waited, ips = (statistics.median(row[key] for row in steps) for key in ("batch_cost", "reader_cost", "ips"))
            session.note(f"{name}: in its last epoch {1e3 * cost:.2f} ms a step, of which photos took {1e3 * waited:.2f}; {ips:.0f} images/s")
        # In the first epoch photos are decoded.
        idle = [row["device_idle"] for row in told if row.get("event") == "train_epoch"][1:]
        if idle:
            session.note(f"{name}: the device waited for photos {min(idle):.2%} to {max(idle):.2%} of an epoch")


def load(session, photonet, options):
    """What the computer's threads can load, without a device."""
    # Lists stand beside a folder of the photos.
    folder = options.photos / "images" if (options.photos / "images").is_dir() else options.photos
    for size in (128, options.size):
        command = [photonet, "bench", "--photos", folder, "--size", size, "--format", "json"]
        for row in rows(session.run(f"load_{size}", command)[0]):
            first, later = (row[key]["photos_per_second"] for key in ("first_epoch", "later_epochs"))
            session.note(f"loading {row['photos']} photos to {size} pixels on {row['threads']} threads: {first:.0f}, then {later:.0f} photos/s")


def write(session, parts):
    """The table so far."""
    notes = "\n".join(f"- {note}" for note in session.notes)
    text = "\n\n".join([*parts, "Notes:", notes]) + "\n"
    (session.out / "table.md").write_text(text)
    return text


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--photonet", type=Path, default=Path("target/release/photonet"))
    words.add_argument("--python", type=Path, help="a Python with torch and torchvision (default: this one, where it has them)")
    words.add_argument("--torch-device", default="cuda", choices=["cuda", "cpu"])
    words.add_argument("--torch-works", nargs="+", default=[], help="what PyTorch is measured at, as torch_steps.py names it (default: all)")
    words.add_argument("--torch-share", type=float, default=0.5, help="of the time that is left when PyTorch begins to measure")
    words.add_argument("--photos", type=Path)
    words.add_argument("--weights", type=Path)
    words.add_argument("--epochs", type=int, default=8)
    words.add_argument("--size", type=int, default=224)
    words.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256])
    words.add_argument("--tune", type=int, nargs="*", help="batches to tune (default: all; none: nothing is tuned)")
    words.add_argument("--runs", type=int, default=20)
    words.add_argument("--network", nargs="*", default=[], help="further options of `photonet bench`, without dashes: width=0.35")
    words.add_argument("--minutes", type=float, default=8)
    words.add_argument("--out", type=Path, default=Path("results"))
    words.add_argument("--device", default="discrete", help="Photonet's, as in `photonet devices`")
    options = words.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    session = Session(options.out, options.minutes)
    photonet = options.photonet

    text, _ = session.run("devices", [photonet, "devices", "--format", "json"])
    for device in rows(text):
        session.note(f"device: {device['name']}, {device['driver']}, matrix units {device['matrix_units']}")
    # Caches of this run's own: choices that an earlier `tune` kept would be taken for the rule's.
    by_rule, tuned_by = ({"PHOTONET_CACHE": str((options.out / f"cache_{name}").resolve())} for name in ("by_rule", "tuned"))
    in_registers = {**by_rule, "PHOTONET_MATRIX_UNITS": "0"}
    has_units = any(device["matrix_units"] for device in rows(text))
    peer = PyTorch(session, options)
    try:
        check(session, photonet, options.device, by_rule)
        if options.photos and options.weights:
            ways = [("f32", "f32", by_rule), ("f16", "f16", by_rule)] + [("f16_in_registers", "f16", in_registers)] * has_units
            fine_tune(session, photonet, options, ways)
        # Of the times of a variant the shortest counts, which is one that PyTorch did not disturb.
        tune = [photonet, "tune", "--format", "json", *network(options)]
        for batch in reversed(options.batches if options.tune is None else options.tune):
            for arch in ("large", "small"):
                session.run(f"tune_{arch}_{batch}", [*tune, "--arch", arch, "--batch", batch], least=20, **tuned_by)
        theirs = peer.measure(options.torch_share)
    finally:
        peer.end()
    # From here on Photonet has the machine for itself.
    write(session, [table({}, {}, {}, theirs), memory(theirs)])
    ours = suite(session, "suite_by_rule", photonet, options, by_rule)
    write(session, [table(ours, {}, {}, theirs), memory(theirs)])
    # Where nothing was tuned it would be the same again.
    tuned = suite(session, "suite_tuned", photonet, options, tuned_by) if options.tune != [] else {}
    write(session, [table(ours, {}, tuned, theirs), memory(theirs)])
    if options.photos:
        load(session, photonet, options)
    registers = suite(session, "suite_in_registers", photonet, options, in_registers) if has_units else {}
    registers = {key: row for key, row in registers.items() if key[4] == "f16"}

    parts = ["Images per second, runs in a row with the input on the device.", table(ours, registers, tuned, theirs)]
    parts += ["One photo, from the host and back:", latencies(ours, tuned, theirs), "Memory of PyTorch:", memory(theirs)]
    for arch in ("large", "small"):
        for precision in ("f32", "f16"):
            batch = max((key[3] for key in ours if key[:2] == ("train", arch)), default=0)
            key = ("train", arch, options.size, batch, precision)
            if row := tuned.get(key) or ours.get(key):
                parts += [f"Training {arch}, batch {batch}, {precision}, by kernel:", kinds(row)]
    print("\n" + write(session, parts))


if __name__ == "__main__":
    main()
