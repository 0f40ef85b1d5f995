"""Print what the persistent GPU kernels take of a multiprocessor, as a table in Markdown.

Compiles them for each architecture and reads what ptxas says: registers a thread, bytes that it
spills, stack. Shared memory is the plan's choice, not the compiler's: see `fastrnn.ops.gpu_plan`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CSRC = Path(__file__).resolve().parents[1] / "csrc"
ARCHITECTURES = ["75", "80", "86", "89", "90a"]
FLAGS = ["-std=c++20", "-O3", f"-I{CSRC}", "--expt-relaxed-constexpr", "-Xptxas=-v", "-cubin"]
KERNEL = re.compile(
    r"Compiling entry function '\S*run_blocksI(\w+?)ELi(\d)\w+?(Forward|Backward)Pass.*?\n"
    r".*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\n"
    r".*?Used (\d+) registers",
    re.DOTALL,
)
PRODUCTS = {"BFloat16": "bfloat16", "Half": "float16", "Tf32": "TF32", "Float": "float32"}
NEEDS_80 = {"bfloat16", "TF32"}


def compile_one(source: Path, architecture: str) -> list[tuple[str, ...]]:
    """Return product, direction, tiles, and ptxas' numbers of each kernel."""
    target = f"-gencode=arch=compute_{architecture},code=sm_{architecture}"
    command = ["nvcc", *FLAGS, target, str(source), "-o", "/dev/null"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    rows = []
    for name, tiles, direction, *numbers in KERNEL.findall(log):
        product = next(title for key, title in PRODUCTS.items() if f"{len(key)}{key}" in name
                       or f"{key}Product" in name)  # fmt: skip
        rows.append((product, direction.lower(), tiles, *numbers))
    return rows


def main() -> None:
    """Compile everything, then print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    tasks = [
        (source, architecture)
        for source in sorted((CSRC / "cuda").glob("persistent_*.cu"))
        for architecture in arguments.architectures
    ]
    table: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda task: compile_one(*task), tasks)
        for (_, architecture), rows in zip(tasks, results, strict=True):
            for *kernel, stack, stores, loads, registers in rows:
                if architecture == "75" and kernel[0] in NEEDS_80:
                    continue  # an empty kernel
                spilled = f", {stores}/{loads}" if int(stores) + int(loads) else ""
                table[tuple(kernel)][architecture] = f"{registers} ({stack}{spilled})"
    print("Registers a thread (stack, bytes spilled and read back).\n")
    print("| product | pass | tiles |", " | ".join(f"sm_{a}" for a in arguments.architectures), "|")
    print("|---|---|---|" + "---|" * len(arguments.architectures))
    for kernel, cells in sorted(table.items()):
        row = [*kernel, *(cells.get(a, "") for a in arguments.architectures)]
        print("|", " | ".join(row), "|")


if __name__ == "__main__":
    main()
