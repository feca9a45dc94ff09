"""What NVIDIA's Vulkan compiler made of the pipelines that a run left in the cache: registers, instructions, spills.

    PHOTONET_CACHE=cache photonet bench --train --arch large --batch 256 --precision f16
    python benches/nvidia_code.py cache/wgpu_pipeline_cache_vulkan_* [--nvdisasm PATH] [--out DIR]

Works away from the GPU. `nvdisasm` is part of CUDA (and of triton's Python package); zstandard is needed from PyPI. The format is
not documented: each pipeline is a zstd frame, in it a container that begins with `NVuc` and lists its sections as type, size and
place, of which type 1 is the code. With --out each pipeline's disassembly stays in a file.
"""

import argparse
import collections
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import zstandard

FRAME = b"\x28\xb5\x2f\xfd"
CODE = 1
# What is counted, by the first part of an instruction's name; the last two are spills, or arrays that registers do not hold.
SHOWN = ["FFMA", "LDS", "STS", "LDG", "STG", "BAR", "MUFU", "LDL", "STL"]
INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_]*)", re.MULTILINE)


def containers(cache):
    """The pipelines' containers, in the order of the cache."""
    for found in re.finditer(re.escape(FRAME), cache):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(cache[found.start() :])
        except zstandard.ZstdError:
            # The four bytes may stand by chance in another frame.
            continue


def code(container):
    """The machine code, or None where the container is of another kind."""
    base = container.find(b"NVuc")
    if base < 0:
        return None
    for at in range(base + 8, min(base + 0x400, len(container) - 12), 4):
        kind, size, place = struct.unpack_from("<III", container, at)
        # Instructions are 16 bytes, and a pipeline's are padded to 128.
        if kind == CODE and size % 128 == 0 and 256 < size and place % 16 == 0 and 0x100 <= place and base + place + size <= len(container):
            return container[base + place : base + place + size]
    return None


def disassembled(nvdisasm, architecture, machine_code):
    with tempfile.NamedTemporaryFile() as file:
        file.write(machine_code)
        file.flush()
        done = subprocess.run([nvdisasm, "--binary", architecture, "-c", file.name], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{nvdisasm} --binary {architecture}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("cache", type=Path)
    words.add_argument("--nvdisasm", default="nvdisasm")
    words.add_argument("--architecture", default="SM90", help="SM90: H100 and H200; SM89: RTX 40; SM86: RTX 30")
    words.add_argument("--out", type=Path)
    options = words.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    print("| pipeline | registers | instructions | " + " | ".join(SHOWN) + " |")
    print("|---" * (3 + len(SHOWN)) + "|")
    pipelines = 0
    for number, container in enumerate(containers(options.cache.read_bytes())):
        machine_code = code(container)
        if machine_code is None:
            continue
        text = disassembled(options.nvdisasm, options.architecture, machine_code)
        if options.out:
            (options.out / f"{number}.sass").write_text(text)
        # A load of 16 bytes names the first of four registers.
        registers = max((int(register) for register in re.findall(r"\bR(\d+)\b", text)), default=-1) + 1
        names = collections.Counter(INSTRUCTION.findall(text))
        cells = [number, registers, sum(names.values()), *(names[name] for name in SHOWN)]
        print("| " + " | ".join(map(str, cells)) + " |")
        pipelines += 1
    if not pipelines:
        raise SystemExit(f"{options.cache}: no pipeline of an NVIDIA driver in it")


if __name__ == "__main__":
    main()
