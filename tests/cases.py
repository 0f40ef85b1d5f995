"""The table of recurrent cases: cell x options x sizes, and how to run one.

Sizes are odd and all different, data random: equal sizes and constant weights hide
transposed axes and wrong gate orders.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastrnn import reference

GATES = {"lstm": 4, "gru": 3, "rnn": 1}

# Kernels apply these in registers; every other activation takes the general path.
FUSED_ACTIVATIONS = [
    "tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "softplus", "softsign", "elu", "selu",
    "exponential", "leaky_relu", "relu6", "hard_tanh", "log_sigmoid",
]  # fmt: skip
GENERAL_ACTIVATIONS = ["gelu", "silu", "mish", "softmax", "sparse_plus", "squareplus"]


class Squash:
    """x / (1 + x²): a user's own activation, with its derivative."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x / (1 + x * x)

    def backward(self, dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return dy * (1 - x * x) / (1 + x * x) ** 2


@dataclass(frozen=True)
class Case:
    """One run of one cell. ``features`` are those of `options`; the rest goes to the op as is."""

    name: str
    cell: str
    sizes: tuple[int, int, int, int]  # N, T, I, H
    features: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def depth(self) -> int:
        """Terms of the longest sum, forward: a dot product over I and H, over T steps."""
        _, t, i, h = self.sizes
        return t * (i + h)

    @property
    def depth_backward(self) -> int:
        """Terms of the longest sum, backward: gradients of weights also sum over N."""
        return self.sizes[0] * self.depth


@dataclass
class Problem:
    """Arrays of a case: ``inputs`` have gradients, ``options`` have none."""

    cell: str
    inputs: dict[str, np.ndarray]
    options: dict[str, Any]
    cotangents: tuple[np.ndarray, ...]  # dy, dh_n[, dc_n]

    def astype(self, dtype: Any) -> Problem:
        def cast(value: Any) -> Any:
            floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return value.astype(dtype) if floating else value

        return Problem(
            self.cell,
            {k: cast(v) for k, v in self.inputs.items()},
            {k: cast(v) for k, v in self.options.items()},
            tuple(cast(v) for v in self.cotangents),
        )

    def forward(self, ops: Any, **options: Any) -> tuple[np.ndarray, ...]:
        """Return y, h_n[, c_n] by the plain function of ``ops``, a module."""
        return getattr(ops, self.cell)(**self.inputs, **self.options, **options)

    def train(self, ops: Any, backward: dict[str, Any] | None = None, **options: Any) -> Any:
        """Return the outputs and the dict of gradients, by the pair of functions of ``ops``."""
        *outputs, cache = getattr(ops, f"{self.cell}_forward")(
            **self.inputs, **self.options, **options
        )
        grads = getattr(ops, f"{self.cell}_backward")(cache, *self.cotangents, **(backward or {}))
        return tuple(outputs), grads

    def truth(self) -> Problem:
        """This problem in a wider precision, to compute with by ``reference``."""
        wider = np.float64 if self.inputs["x"].dtype == np.float32 else np.longdouble
        return self.astype(wider)

    def reference_options(self) -> dict[str, Any]:
        return {"dtype": self.inputs["x"].dtype}

    def reference_forward(self) -> tuple[np.ndarray, ...]:
        return self.forward(reference, **self.reference_options())

    def reference_train(self) -> Any:
        return self.train(reference, **self.reference_options())


def mask_of(pattern: str, n: int, t: int, rng: np.random.Generator) -> np.ndarray:
    """Bool (N, T), True = valid."""
    if pattern == "right":
        return np.arange(t) < rng.integers(1, t + 1, n)[:, None]
    if pattern == "left":
        return np.arange(t) >= rng.integers(0, t, n)[:, None]
    holes = rng.random((n, t)) < 0.6
    if pattern == "rows":  # whole rows without a valid step, the rest full of holes
        holes[:: max(2, n // 3)] = False
    if pattern == "none_valid":
        holes[:] = False
    return holes


def make(case: Case, dtype: Any = np.float64) -> Problem:
    """Draw the arrays of a case; the same values, rounded, for every dtype."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    n, t, i, h = case.sizes
    g = GATES[case.cell]
    has = case.features
    reset_after = case.cell == "gru" and case.arguments.get("reset_after", True)

    gain = has.get("gain", 1.0)  # below 1 keeps unbounded activations from growing

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (gain * scale * rng.standard_normal(shape)).astype(np.float32)

    inputs = {
        "x": normal(n, t, i),
        "kernel": normal(i, g * h, scale=i**-0.5),
        "recurrent_kernel": normal(h, g * h, scale=h**-0.5),
    }
    if has.get("bias", True):
        inputs["bias"] = normal(*((2, g * h) if reset_after else (g * h,)), scale=0.5)
    if has.get("states", True):
        inputs["h0"] = normal(n, h, scale=0.7)
        if case.cell == "lstm":
            inputs["c0"] = normal(n, h)
    if has.get("peephole"):
        inputs["peephole"] = normal(3, h, scale=0.6)

    options: dict[str, Any] = dict(case.arguments)
    if "mask" in has:
        options["mask"] = mask_of(has["mask"], n, t, rng)
    if has.get("lengths"):
        options["lengths"] = rng.integers(0, t + 1, n)
    if has.get("reset"):
        options["reset"] = rng.random((n, t)) < 0.3
    for option, width in (("dropout", i), ("recurrent_dropout", h)):
        if option in has:
            shape = (n, width) if has[option] == "single" else (g, n, width)
            kept = rng.random(shape) < 0.7
            options[f"{option}_mask"] = (kept / 0.7).astype(np.float32)
    if "zoneout" in has:
        states = ("h", "c") if case.cell == "lstm" else ("h",)
        for state, rate in zip(states, (0.25, 0.5), strict=False):
            drawn = (rng.random((n, t, h)) < rate).astype(np.float32)
            options[f"zoneout_{state}"] = rate if has["zoneout"] == "scalar" else drawn
    cotangents = [normal(n, t, h), normal(n, h)] + [normal(n, h)] * (case.cell == "lstm")
    return Problem(case.cell, inputs, options, tuple(cotangents)).astype(dtype)


# A variant: cell, features, arguments.
VARIANTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "lstm": ("lstm", {}, {}),
    "peephole": ("lstm", {"peephole": True}, {}),
    "gru": ("gru", {}, {}),
    "gru_before": ("gru", {}, {"reset_after": False}),
    "rnn_tanh": ("rnn", {}, {}),
    "rnn_relu": ("rnn", {}, {"activation": "relu"}),
}

# A row: sizes (N, T, I, H), features, arguments. Every variant runs every row.
ROWS: dict[str, tuple[tuple[int, int, int, int], dict[str, Any], dict[str, Any]]] = {
    "one": ((1, 1, 2, 3), {}, {}),
    "unit": ((3, 5, 2, 1), {}, {}),
    "streaming": ((1, 9, 7, 70), {}, {}),
    "wide_input": ((2, 4, 150, 17), {}, {}),
    "batch": ((17, 6, 5, 16), {}, {}),
    "blocks": ((7, 3, 33, 50), {}, {}),
    "long": ((2, 131, 3, 5), {"gain": 0.6}, {}),
    "bare": ((3, 7, 5, 17), {"bias": False, "states": False}, {}),
    "right": ((5, 8, 3, 16), {"mask": "right"}, {}),
    "left": ((4, 9, 5, 3), {"mask": "left"}, {}),
    "holes": ((7, 11, 2, 17), {"mask": "holes"}, {}),
    "rows": ((17, 5, 7, 3), {"mask": "rows", "states": False}, {}),
    "none_valid": ((2, 4, 5, 3), {"mask": "none_valid"}, {}),
    "lengths": ((7, 5, 3, 64), {"lengths": True}, {}),
    "reset": ((3, 13, 5, 17), {"reset": True}, {}),
    "reset_holes": ((5, 13, 3, 16), {"reset": True, "mask": "holes"}, {}),
    "reverse": ((2, 6, 3, 17), {}, {"reverse": True}),
    "reverse_lengths": ((7, 9, 2, 3), {"lengths": True}, {"reverse": True}),
    "dropout": ((3, 4, 7, 17), {"dropout": "single", "recurrent_dropout": "single"}, {}),
    "dropout_gates": ((7, 5, 3, 16), {"dropout": "gates", "recurrent_dropout": "gates"}, {}),
    "zoneout": ((2, 7, 3, 5), {"zoneout": "scalar"}, {}),
    "zoneout_array": ((3, 7, 2, 17), {"zoneout": "array"}, {}),
    # A thin batch, whose inputs' part is computed for many steps at once.
    "all_thin": (
        (4, 50, 5, 17),
        {
            "mask": "rows",
            "reset": True,
            "dropout": "gates",
            "recurrent_dropout": "gates",
            "gain": 0.6,
        },
        {"reverse": True},
    ),
    "all": (
        (7, 10, 5, 17),
        {
            "mask": "rows",
            "reset": True,
            "dropout": "gates",
            "recurrent_dropout": "gates",
            "zoneout": "array",
        },
        {"reverse": True},
    ),
}


def _table() -> list[Case]:
    return [
        Case(f"{variant}-{row}", cell, sizes, own | features, fixed | arguments)
        for variant, (cell, own, fixed) in VARIANTS.items()
        for row, (sizes, features, arguments) in ROWS.items()
    ]


def _activation_cases(names: list[str]) -> list[Case]:
    """Each activation in each cell: as the activation, and as the gates' one where it differs."""
    cases = []
    sizes = (3, 4, 2, 17)
    for name in names:
        for variant, (cell, own, fixed) in VARIANTS.items():
            if variant == "rnn_relu":
                continue
            own = own | {"gain": 0.4}
            cases.append(
                Case(f"{variant}-act-{name}", cell, sizes, own, fixed | {"activation": name})
            )
            if cell != "rnn" and name != "exponential":
                gates = fixed | {"recurrent_activation": name}
                cases.append(Case(f"{variant}-gates-{name}", cell, sizes, own, gates))
    return cases


# Shapes that reach every path of the kernels: separate input product or not, one row or many,
# several blocks of units, more rows and more steps than one chunk, fewer steps than threads.
BIG_SIZES = [
    (1, 101, 9, 130),
    (3, 60, 130, 50),
    (17, 41, 3, 33),
    (9, 4, 150, 65),
    (600, 2, 3, 5),
    (6, 70, 64, 17),
    (5, 2, 3, 257),
]


def _big_cases() -> list[Case]:
    """Every variant on every big size, plain and with much at once."""
    much = {"mask": "rows", "reset": True, "dropout": "single", "recurrent_dropout": "gates"}
    return [
        Case(f"{variant}-{label}-{'x'.join(map(str, sizes))}", cell, sizes, own | features, fixed)
        for variant, (cell, own, fixed) in VARIANTS.items()
        for sizes in BIG_SIZES
        for label, features in (("plain", {"gain": 0.6}), ("much", much | {"gain": 0.6}))
        if variant != "rnn_relu"
    ]


CASES = _table()
BIG_CASES = _big_cases()
FUSED_CASES = _activation_cases(FUSED_ACTIVATIONS)
GENERAL_CASES = _activation_cases(GENERAL_ACTIVATIONS)
ALL_CASES = CASES + FUSED_CASES + GENERAL_CASES


def case(name: str) -> Case:
    """Look a case up by name."""
    return next(c for c in ALL_CASES if c.name == name)
