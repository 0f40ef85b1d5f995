"""Input that might take the interpreter down: sizes, races, lies and random nonsense."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Runs in an interpreter of its own, and must leave it standing.
HOSTILE = """
import gc, sys, threading
import numpy as np
from fastrnn import ops
from test_bad_input import FLOAT, H, I, N, T, arguments, zeros

def attempt(name, call):
    try:
        call()
    except (ValueError, TypeError, MemoryError, IndexError) as error:
        assert str(error), name
    except BaseException as error:
        raise SystemExit(f"{name}: {type(error).__name__}: {error}")

a = arguments()
# Views of a few bytes; each must be refused before memory for it is touched.
def huge(*shape):
    return np.broadcast_to(zeros(shape[-1]), shape)
no_states = a | {"h0": None, "c0": None}
attempt("huge batch", lambda: ops.lstm(**no_states | {"x": huge(2**40, T, I)}))
attempt("huge steps", lambda: ops.lstm(**no_states | {"x": huge(1, 2**31, I)}))
attempt("overflowing product", lambda: ops.lstm(**no_states | {"x": huge(2**31 - 1, 2**26, I)}))
attempt("huge kernel", lambda: ops.lstm(**a | {"kernel": huge(2**45, 32)}))
attempt("huge recurrent kernel", lambda: ops.lstm(**a | {"recurrent_kernel": huge(2**45, 32)}))
attempt("huge stream", lambda: ops.PackedRecurrent(
    "lstm", a["kernel"], a["recurrent_kernel"]).stream(2**60))

# caches, streams and packed weights that outlive what made them
*_, cache = ops.lstm_forward(**arguments())
gc.collect()
ops.lstm_backward(cache, np.ones((N, T, H), FLOAT))
stream = ops.PackedRecurrent("lstm", a["kernel"], a["recurrent_kernel"]).stream()
view = stream.step(zeros(1, I))
del stream
gc.collect()
view.sum()

# objects made by hand, without __init__
packed = ops.PackedRecurrent("rnn", zeros(1, 2), zeros(2, 2))
for cls in (type(packed), type(packed.stream())):
    empty = object.__new__(cls)
    for method in ("run", "step", "stream", "reset"):
        if hasattr(empty, method):
            try:
                getattr(empty, method)(zeros(1, I))
            except (AttributeError, TypeError, ValueError):
                pass

# a callable that raises, recurses into the op, returns nonsense
def raising(x):
    raise ValueError("mine")
def nested(x):
    ops.lstm(**arguments())
    return np.tanh(x)
attempt("raising activation", lambda: ops.lstm(**a, activation=raising))
attempt("nested activation", lambda: ops.lstm(**a, activation=nested))
for nonsense in (None, "a", np.zeros(3), np.zeros((9, 9, 9)), object()):
    attempt("nonsense activation", lambda: ops.lstm(**a, activation=lambda x: nonsense))

# arrays that change size or content while another thread computes
stop = threading.Event()
shared = arguments()
lengths = np.array([4, 2])
def scribble():
    k = 0
    while not stop.is_set():
        shared["kernel"][:] = np.nan if k % 2 else 0.1
        lengths[:] = 10**9 if k % 2 else 2
        k += 1
writer = threading.Thread(target=scribble)
writer.start()
for _ in range(300):
    attempt("racing writer", lambda: ops.lstm(**shared, lengths=lengths))
stop.set()
writer.join()

# random arguments of random shapes and kinds
rng = np.random.default_rng(0)
kinds = [None, 0, -1, 2.5, "tanh", True, [], [[]], {}, b"", np.nan, zeros(0), zeros(0, 0, 0)]
names = [*a, "mask", "lengths", "reset", "peephole", "dropout_mask", "recurrent_dropout_mask",
         "zoneout_h", "zoneout_c", "activation", "recurrent_activation", "reverse"]
for _ in range(3000):
    given = dict(a)
    for name in rng.choice(names, rng.integers(1, 4), replace=False):
        if rng.random() < 0.5:
            given[name] = kinds[rng.integers(len(kinds))]
        else:
            shape = rng.integers(0, 9, rng.integers(0, 4))
            given[name] = rng.standard_normal(shape).astype(
                rng.choice(["f4", "f8", ">f4", "i4", "?", "u1", "f2", "c8"]))
    attempt(given, lambda: ops.lstm_backward(ops.lstm_forward(**given)[-1]))
print("standing")
"""


def test_the_interpreter_stays_up() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", HOSTILE],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-4000:]}"
    assert done.stdout.strip() == "standing"
