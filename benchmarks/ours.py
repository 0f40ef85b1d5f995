"""fastrnn on a problem: packed inference, inference with packing, training, streaming step."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from harness import Arrays, Candidate
from numpy.typing import NDArray
from problems import Problem


class FastRnn:
    name = "fastrnn"

    def __init__(self, problem: Problem, threads: int) -> None:
        importlib.import_module("fastrnn").set_num_threads(threads)
        self.ops: Any = importlib.import_module("fastrnn.ops")
        self.problem = problem
        p = problem
        self.options = {"reset_after": p.reset_after} if p.op == "gru" else {}
        self.weights = (p.kernel, p.recurrent_kernel, p.bias)

    def _packed(self) -> Any:
        return self.ops.PackedRecurrent(self.problem.op, *self.weights, **self.options)

    @staticmethod
    def _states(result: Any) -> Arrays:
        return dict(zip(("y", "h_n", "c_n"), result, strict=False))

    def inference(self, *, name: str = name, **options: Any) -> Candidate:
        """Weights packed beforehand, as ONNX Runtime packs its initialisers."""
        run, x = self._packed().run, self.problem.x
        return Candidate(name, lambda: run(x, **options), self._states)

    def inference_unpacked(self, *, name: str = "fastrnn op", **options: Any) -> Candidate:
        """The functional call, which packs the weights each time."""
        op = getattr(self.ops, self.problem.op)
        x, weights, options = self.problem.x, self.weights, {**self.options, **options}
        return Candidate(name, lambda: op(x, *weights, **options), self._states)

    def training(self, *, name: str = name, **options: Any) -> Candidate:
        """Forward, then gradients of x and of every weight for a given dy."""
        forward = getattr(self.ops, f"{self.problem.op}_forward")
        backward = getattr(self.ops, f"{self.problem.op}_backward")
        x, dy, weights = self.problem.x, self.problem.dy, self.weights
        options = {**self.options, **options}

        def call() -> Any:
            y, *_, cache = forward(x, *weights, **options)
            return y, backward(cache, dy)

        def arrays(result: Any) -> Arrays:
            y, grads = result
            names = ("x", "kernel", "recurrent_kernel", "bias")
            return {"y": y, **{f"d{key}": grads[key] for key in names}}

        return Candidate(name, call, arrays)

    def steps(self) -> list[Candidate]:
        """One step with the state kept."""
        stream = self._packed().stream(self.problem.shape.n)
        step = stream.step
        frame = np.ascontiguousarray(self.problem.x[:, 0])
        return [Candidate(self.name, lambda: step(frame), lambda h: {"h": h.copy()})]


def random_mask(problem: Problem) -> NDArray[np.bool_]:
    """A quarter of the steps masked, holes anywhere."""
    s = problem.shape
    return np.random.default_rng(1).random((s.n, s.t)) >= 0.25


def random_lengths(problem: Problem) -> NDArray[np.int64]:
    """Right padding: lengths between half of T and T, at least one row full."""
    s = problem.shape
    lengths = np.random.default_rng(2).integers((s.t + 1) // 2, s.t + 1, s.n)
    lengths[0] = s.t
    return lengths
