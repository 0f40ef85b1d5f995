"""The number of threads, forks and concurrent callers change nothing, to the last bit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from cases import Case, make
from fastrnn import ops

# Many rows and one row; few units and many; a share that does not divide by 2 or 3.
SIZES = [(17, 9, 33, 70), (1, 20, 5, 200), (64, 5, 31, 129), (3, 60, 130, 50), (2, 3, 5, 17)]
VARIANTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "lstm": ("lstm", {"mask": "holes"}, {}),
    "peephole": ("lstm", {"peephole": True}, {}),
    "gru": ("gru", {"reset": True}, {}),
    "gru_before": ("gru", {"mask": "rows"}, {"reset_after": False}),
    "rnn": ("rnn", {"recurrent_dropout": "single"}, {}),
    "general": ("lstm", {}, {"activation": "gelu"}),
}


@pytest.fixture(autouse=True)
def _keep_thread_count() -> Iterator[None]:
    before = fastrnn.get_num_threads()
    yield
    fastrnn.set_num_threads(before)


def everything(variant: str, sizes: tuple[int, int, int, int]) -> dict[str, np.ndarray]:
    """Outputs and gradients, of inference, training and recompute."""
    cell, features, arguments = VARIANTS[variant]
    problem = make(Case(f"threads-{variant}-{sizes}", cell, sizes, features, arguments), np.float32)
    result = {f"inference {k}": a for k, a in enumerate(problem.forward(ops))}
    for recompute in (False, True):
        outputs, grads = problem.train(ops, recompute=recompute)
        result |= {f"output {k} {recompute}": a for k, a in enumerate(outputs)}
        result |= {f"d{name} {recompute}": a for name, a in grads.items()}
    return result


def assert_bitwise(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_any_number_of_threads_gives_the_same_bits(
    variant: str, sizes: tuple[int, int, int, int]
) -> None:
    fastrnn.set_num_threads(1)
    expected = everything(variant, sizes)
    for threads in (2, 3, 1, 7):
        fastrnn.set_num_threads(threads)
        assert fastrnn.get_num_threads() == threads
        assert_bitwise(everything(variant, sizes), expected)


def test_every_run_gives_the_same_bits() -> None:
    fastrnn.set_num_threads(3)
    expected = everything("lstm", SIZES[0])
    for _ in range(10):
        assert_bitwise(everything("lstm", SIZES[0]), expected)


def test_eight_python_threads_at_once() -> None:
    fastrnn.set_num_threads(2)
    jobs = [(variant, SIZES[k % 3]) for k, variant in enumerate(list(VARIANTS) * 2)][:8]
    expected = [everything(*job) for job in jobs]
    start = threading.Barrier(8)

    def work(job: tuple[str, tuple[int, int, int, int]]) -> list[dict[str, np.ndarray]]:
        start.wait()
        return [everything(*job) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        for runs, wanted in zip(pool.map(work, jobs), expected, strict=True):
            for result in runs:
                assert_bitwise(result, wanted)


def test_the_thread_count_may_change_while_others_run() -> None:
    expected = everything("gru", SIZES[0])
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            assert_bitwise(everything("gru", SIZES[0]), expected)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(work) for _ in range(2)]
        for threads in (1, 2, 3, 4) * 5:
            fastrnn.set_num_threads(threads)
            everything("rnn", SIZES[4])
        stop.set()
        for future in running:
            future.result(timeout=60)


FORK = """
import os, signal, sys
import fastrnn
from test_threads import SIZES, everything

def digest():
    return b"".join(a.tobytes() for _, a in sorted(everything("lstm", SIZES[0]).items()))

fastrnn.set_num_threads(3)
expected = digest()          # the team exists now
children = []
for generation in range(3):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)     # a hang ends the child, and its status tells
        equal = digest() == expected
        if generation == 0 and equal:   # a child's child, with another team
            grandchild = os.fork()
            if grandchild == 0:
                fastrnn.set_num_threads(2)
                os._exit(0 if digest() == expected else 3)
            equal = os.waitpid(grandchild, 0)[1] == 0
        os._exit(0 if equal else 3)
    children.append(pid)
    assert digest() == expected   # the parent works on while children run
for pid in children:
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"child ended with status {status}"
print("equal")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_fork_after_use_gives_the_same_bits() -> None:
    assert python(FORK).strip() == "equal"


def test_environment_sets_the_number_of_threads() -> None:
    code = "import fastrnn; print(fastrnn.get_num_threads())"
    assert python(code, OMP_NUM_THREADS="3").strip() == "3"


@pytest.mark.parametrize(
    ("count", "error"), [(0, ValueError), (-2, ValueError), ("two", TypeError), (1.5, TypeError)]
)
def test_a_wrong_number_of_threads(count: Any, error: type[Exception]) -> None:
    before = fastrnn.get_num_threads()
    with pytest.raises(error, match="num_threads"):
        fastrnn.set_num_threads(count)
    assert fastrnn.get_num_threads() == before


def python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter that finds this folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        env=os.environ | environment,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
