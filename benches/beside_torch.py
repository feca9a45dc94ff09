"""Everything that a real GPU should show, in one command: correctness, speed by rule and tuned, PyTorch beside it, accuracy.

    cargo build --release -p photonet-cli
    python benches/beside_torch.py --photonet target/release/photonet --torch TORCH_BENCH.py --out results --minutes 8

TORCH_BENCH.py prints one JSON line for each measurement (`--device --model --task --batch --res --amp --channels-last
--compile`, see its `--help`); torch and torchvision are all it needs. With `--photos` (PaddleClas's list files beside the photos) and
`--weights` (an ImageNet model to import) a fine-tuning run is part of it. Steps run one after the other on the same device, the
most important first; what would not end in the minutes given is left out and said (all of it takes some 20, most of them PyTorch's
start). Every step's output stays in `--out`, the table
in `table.md`.
"""

import argparse
import itertools
import json
import os
import shutil
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


def torch(session, options, modes, work):
    """PyTorch's measurements by (task, arch, size, batch) and mode."""
    found = {}
    for mode, flags in modes.items():
        for (task, batches), arch in itertools.product(work.items(), ("large", "small")):
            command = [sys.executable, options.torch, "--device", options.torch_device, "--res", options.size]
            command += ["--model", arch, "--task", task, "--batch", *batches, *flags]
            name = f"torch_{task}_{arch}_{mode.replace(' ', '_')}"
            text, _ = session.run(name, command, least=30)
            for row in rows(text):
                if row["median_ms"] is not None:
                    of = found.setdefault((row["task"], row["model"], row["res"], row["batch"]), {})
                    of[mode] = row
    return found


def rate(row):
    return row and row["sustained_images_per_second"]


def table(ours, units, tuned, theirs):
    """Markdown: images per second of each work, by rule, f16 on matrix units, and tuned (on those, where there are some)."""
    works = sorted({key[:4] for found in (ours, units, tuned) for key in found} | set(theirs))
    modes = sorted({mode for of in theirs.values() for mode in of})
    head = ["work", "Photonet f32", "tuned", "f16", "on matrix units", "tuned", "host ms", "MB an image", *modes]
    head += ["best / PyTorch's best"]
    lines = [head, ["---"] * len(head)]
    for work in works:
        task, arch, size, batch = work
        if task == "latency":
            continue
        columns = [("f32", ours), ("f32", tuned), ("f16", ours), ("f16", units), ("f16", tuned)]
        rates = [rate(of.get((*work, precision))) for precision, of in columns]
        row = ours.get((*work, "f32")) or tuned.get((*work, "f32"))
        torch_rates = [theirs.get(work, {}).get(mode, {}).get("img_per_s") for mode in modes]
        best, peers = ([r for r in of if r] for of in (rates, torch_rates))
        cells = [f"{task} {arch} {size} batch {batch}"]
        cells += [f"{r:.0f}" if r else "" for r in rates]
        cells += [f"{row['host_ms']:.2f}", f"{row['planned_bytes'] / batch / 1e6:.1f}"] if row else ["", ""]
        cells += [f"{r:.0f}" if r else "" for r in torch_rates]
        cells += [f"{max(best) / max(peers):.2f}" if best and peers else ""]
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def latencies(ours, units, tuned, theirs):
    """Markdown: milliseconds for one photo, from the host and back."""
    lines = []
    for arch in ("small", "large"):
        own = [
            f"{precision} {statistics.median(row['runs_ms']):.2f} ms"
            for of in (ours, units, tuned)
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
        lines.append(f"- {arch}: Photonet {', '.join(own) or 'none'} (by rule, on matrix units, tuned); PyTorch {', '.join(peers) or 'none'}")
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


def fine_tune(session, photonet, options, environment, ways):
    """Trains from ImageNet; the accuracies of the epochs stay in the log."""
    model = session.out / "imagenet.safetensors"
    session.run("import", [photonet, "import", options.weights, "--out", model], **environment)
    for name, precision, more in ways:
        name = f"fine_tune_{name}"
        command = [photonet, "train", options.photos, "--from", model, "--size", 128, "--epochs", options.epochs]
        command += ["--lr", 0.00375, "--batch", 32, "--precision", precision, "--device", options.device]
        command += ["--out", session.out / name]
        session.run(name, command, least=60, **environment, **more)
        metrics = session.out / name / "metrics.jsonl"
        told = rows(metrics.read_text() if metrics.exists() else "")
        tops = [row["top1"] for row in told if row.get("event") == "eval_epoch"]
        if tops:
            session.note(f"{name}: best top-1 {max(tops):.2%}, last {tops[-1]:.2%} after {len(tops)} epochs")


def write(session, parts):
    """The table so far."""
    notes = "\n".join(f"- {note}" for note in session.notes)
    text = "\n\n".join([*parts, "Notes:", notes]) + "\n"
    (session.out / "table.md").write_text(text)
    return text


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--photonet", type=Path, default=Path("target/release/photonet"))
    words.add_argument("--torch", type=Path, help="the script that measures PyTorch")
    words.add_argument("--torch-device", default="cuda", choices=["cuda", "cpu"])
    words.add_argument("--photos", type=Path)
    words.add_argument("--weights", type=Path)
    words.add_argument("--epochs", type=int, default=8)
    words.add_argument("--size", type=int, default=224)
    words.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256])
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
    # Half precision is multiplied on matrix units where they are asked for.
    on_units = {"PHOTONET_MATRIX_UNITS": "1"} if any(device["matrix_units"] for device in rows(text)) else {}
    # Caches of this run's own: choices that an earlier `tune` kept would be taken for the rule's.
    by_rule = {"PHOTONET_CACHE": str((options.out / "cache_by_rule").resolve()), "PHOTONET_MATRIX_UNITS": "0"}
    tuned_by = {"PHOTONET_CACHE": str((options.out / "cache_tuned").resolve()), **on_units}
    check(session, photonet, options.device, {**by_rule, **on_units})
    ours = suite(session, "suite_by_rule", photonet, options, by_rule)
    units = suite(session, "suite_on_units", photonet, options, {**by_rule, **on_units}) if on_units else {}
    units = {key: row for key, row in units.items() if key[4] == "f16" and row["matrix_units"]}
    theirs, tuned = {}, {}
    half = ["--amp", "bf16", "--channels-last"]
    largest = options.batches[-1:]
    write(session, [table(ours, units, {}, theirs)])

    def peer(modes, work):
        if options.torch:
            for key, of in torch(session, options, modes, work).items():
                theirs.setdefault(key, {}).update(of)
            write(session, [table(ours, units, tuned, theirs)])

    # PyTorch takes up to half a minute to start for each network and batch, compiled more than one: its fastest first.
    compiled = {"bf16 channels_last compile": [*half, "--compile"]}
    peer(compiled, {"train": largest})
    if options.photos and options.weights:
        ways = [("f32", "f32", {}), ("f16", "f16", {})] + [("f16_on_units", "f16", on_units)] * bool(on_units)
        fine_tune(session, photonet, options, by_rule, ways)
    peer({"f32": []}, {"train": options.batches})
    peer({"bf16 channels_last": half}, {"latency": [1], "infer": largest, "train": options.batches})
    if Path(by_rule["PHOTONET_CACHE"]).is_dir():
        shutil.copytree(by_rule["PHOTONET_CACHE"], tuned_by["PHOTONET_CACHE"], dirs_exist_ok=True)
    tune = [photonet, "tune", "--format", "json", *network(options)]
    for batch in reversed(options.batches):
        for arch in ("large", "small"):
            name = f"tune_{arch}_{batch}"
            session.run(name, [*tune, "--arch", arch, "--batch", batch], least=20, **tuned_by)
    tuned = suite(session, "suite_tuned", photonet, options, tuned_by)
    peer({"f32": []}, {"infer": largest})
    peer(compiled, {"train": options.batches[:-1]})
    peer({"f32 compile": ["--compile"]}, {"train": largest})
    if options.torch_device == "cuda":
        peer({"f32 without TF32": ["--no-tf32"]}, {"train": largest})

    parts = ["Images per second, runs in a row with the input on the device.", table(ours, units, tuned, theirs)]
    parts += ["One photo, from the host and back:", latencies(ours, units, tuned, theirs)]
    for arch in ("large", "small"):
        for precision in ("f32", "f16"):
            batch = max((key[3] for key in ours if key[:2] == ("train", arch)), default=0)
            key = ("train", arch, options.size, batch, precision)
            if row := tuned.get(key) or units.get(key) or ours.get(key):
                parts += [f"Training {arch}, batch {batch}, {precision}, by kernel:", kinds(row)]
    print("\n" + write(session, parts))


if __name__ == "__main__":
    main()
