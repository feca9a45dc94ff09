"""Everything that a real GPU should show, in one command: correctness, speed by rule and tuned, PyTorch beside it, accuracy.

    cargo build --release -p photonet-cli
    python benches/beside_torch.py --photonet target/release/photonet --torch TORCH_BENCH.py --out results --minutes 8

TORCH_BENCH.py prints one JSON line for each measurement (`--device --model --task --batch --res --amp --channels-last
--compile`, see its `--help`); torch and torchvision are all it needs. With `--photos` (PaddleClas's list files beside the photos) and
`--weights` (an ImageNet model to import) a fine-tuning run is part of it. Steps run one after the other on the same device, the
most important first; what would not end in the minutes given is left out and said. Every step's output stays in `--out`, the table
in `table.md`.
"""

import argparse
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

    def run(self, name, command, least=5, **environment):
        """The step's standard output; None where it failed or had no time, which is noted. `least` is what it needs in seconds."""
        if self.left() < least:
            self.note(f"{name}: left out, {max(self.left(), 0):.0f} s were left")
            return None
        begun = time.monotonic()
        files = [self.out / f"{name}.{kind}" for kind in ("txt", "err")]
        with files[0].open("w") as stdout, files[1].open("w") as stderr:
            try:
                done = subprocess.run(
                    [str(word) for word in command],
                    stdout=stdout,
                    stderr=stderr,
                    env={**os.environ, **environment},
                    timeout=self.left(),
                )
                ended = "" if done.returncode == 0 else f", exit status {done.returncode}"
            except subprocess.TimeoutExpired:
                ended = ", stopped: out of time"
            except OSError as error:
                ended = f", not started: {error}"
        print(f"{name}: {time.monotonic() - begun:.1f} s{ended}", flush=True)
        if ended:
            last = files[1].read_text().strip().splitlines()[-1:] or [""]
            self.note(f"{name}{ended} {last[0]}")
        return files[0].read_text()


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


def check(session, photonet):
    cases = rows(session.run("check", [photonet, "check", "--format", "json"]))
    wrong = [case for case in cases if not case["ok"]]
    session.note(f"check: {len(cases) - len(wrong)} of {len(cases)} cases agree with their CPU twin")
    for case in wrong:
        session.note(f"  WRONG {case['kernel']} {case['case']}: {case['error']:.1e}, allowed {case['tolerance']:.1e}")


def suite(session, name, photonet, network, runs, **environment):
    """Photonet's rates by (task, arch, size, batch, precision)."""
    command = [photonet, "bench", "--suite", "--format", "json", "--runs", runs, *network]
    found = {}
    for row in rows(session.run(name, command, least=20, **environment)):
        if "error" in row:
            session.note(f"{name}: {row['work']}: {row['error']}")
            continue
        found[row["task"], row["arch"], row["size"], row["batch"], row["precision"]] = row
    return found


def torch(session, script, device, size, modes, work):
    """PyTorch's rows by (task, arch, size, batch) and mode."""
    found = {}
    for mode, flags in modes.items():
        for task, batches in work.items():
            for arch in ("large", "small"):
                command = [sys.executable, script, "--device", device, "--res", size, "--model", arch]
                command += ["--task", task, "--batch", *batches, *flags]
                name = f"torch_{task}_{arch}_{mode.replace(' ', '_').replace(',', '')}"
                for row in rows(session.run(name, command, least=30)):
                    if row["median_ms"] is not None:
                        of = found.setdefault((row["task"], arch, size, row["batch"]), {})
                        of[mode] = row
    return found


def rate(row):
    return row and row["sustained_images_per_second"]


def table(ours, tuned, theirs):
    """Markdown: images per second of each work."""
    works = sorted({key[:4] for found in (ours, tuned) for key in found} | set(theirs))
    modes = sorted({mode for of in theirs.values() for mode in of})
    head = ["work", "Photonet f32", "tuned", "f16", "tuned", "host ms", "MB an image", *modes, "best / PyTorch's best"]
    lines = [head, ["---"] * len(head)]
    for work in works:
        task, arch, size, batch = work
        if task == "latency":
            continue
        rates = [rate(of.get((*work, precision))) for precision in ("f32", "f16") for of in (ours, tuned)]
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
    best = (row["copy_bytes_per_second"], row["macs_per_second"])
    lines = ["| kernel | launches | ms | GB/s | of copy | GMAC/s | of best |", "|---|---|---|---|---|---|---|"]
    for kind in sorted(row["kinds"], key=lambda kind: -kind["ms"]):
        seconds = max(kind["ms"], 1e-9) / 1e3
        moved, made = kind["bytes"] / seconds, kind["macs"] / seconds
        lines.append(
            f"| {kind['kind']} | {kind['dispatches']} | {kind['ms']:.3f} | {moved / 1e9:.0f} | {moved / best[0]:.0%} "
            f"| {made / 1e9:.0f} | {made / best[1]:.0%} |"
        )
    return "\n".join(lines)


def fine_tune(session, photonet, photos, weights, size, epochs):
    """Trains from ImageNet; the accuracies of the epochs stay in the log."""
    model = session.out / "imagenet.safetensors"
    session.run("import", [photonet, "import", weights, "--out", model])
    for precision in ("f32", "f16"):
        name = f"fine_tune_{precision}"
        command = [photonet, "train", photos, "--from", model, "--size", size, "--epochs", epochs, "--lr", 0.00375]
        command += ["--batch", 32, "--precision", precision, "--out", session.out / name]
        session.run(name, command, least=60)
        metrics = session.out / name / "metrics.jsonl"
        tops = [row["top1"] for row in rows(metrics.read_text() if metrics.exists() else "") if row.get("event") == "eval_epoch"]
        if tops:
            session.note(f"{name}: best top-1 {max(tops):.2%}, last {tops[-1]:.2%} after {len(tops)} epochs")


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
    options = words.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    session = Session(options.out, options.minutes)
    photonet = options.photonet
    network = ["--size", options.size, *(word for pair in options.network for word in [f"--{pair}"])]
    # By rule first: a choice that an earlier run kept would be taken for the rule's.
    by_rule, tuned_cache = (str((options.out / name).resolve()) for name in ("cache_by_rule", "cache_tuned"))

    session.run("devices", [photonet, "devices", "--format", "json"])
    check(session, photonet)
    ours = suite(session, "suite_by_rule", photonet, network, options.runs, PHOTONET_CACHE=by_rule)
    theirs = {}
    cuda = options.torch_device == "cuda"
    half = "bf16"
    if options.torch:
        eager = {
            "f32": [],
            f"{half} channels_last": ["--amp", half, "--channels-last"],
        }
        work = {"train": options.batches, "infer": [options.batches[-1]], "latency": [1]}
        theirs = torch(session, options.torch, options.torch_device, options.size, eager, work)
    tune = [photonet, "tune", "--batch", options.batches[-1], "--format", "json", *network]
    for arch in ("large", "small"):
        session.run(f"tune_{arch}", [*tune, "--arch", arch], least=20, PHOTONET_CACHE=tuned_cache)
    tuned = suite(session, "suite_tuned", photonet, network, options.runs, PHOTONET_CACHE=tuned_cache)
    if options.photos and options.weights:
        fine_tune(session, photonet, options.photos, options.weights, 128, options.epochs)
    if options.torch:
        modes = {f"{half} channels_last compile": ["--amp", half, "--channels-last", "--compile"], "f32 compile": ["--compile"]}
        if cuda:
            modes["f32 without TF32"] = ["--no-tf32"]
        more = torch(session, options.torch, options.torch_device, options.size, modes, {"train": options.batches[-1:]})
        for work, of in more.items():
            theirs.setdefault(work, {}).update(of)

    parts = ["Images per second, runs in a row with the input on the device.", table(ours, tuned, theirs)]
    parts += ["One photo, from the host and back:", latencies(ours, tuned, theirs)]
    for arch in ("large", "small"):
        for precision in ("f32", "f16"):
            key = ("train", arch, options.size, options.batches[-1], precision)
            if row := tuned.get(key) or ours.get(key):
                parts += [f"Training {arch}, batch {key[3]}, {precision}, by kernel:", kinds(row)]
    parts += ["Notes:", "\n".join(f"- {note}" for note in session.notes)]
    text = "\n\n".join(parts) + "\n"
    (options.out / "table.md").write_text(text)
    print("\n" + text)


if __name__ == "__main__":
    main()
