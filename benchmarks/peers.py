"""PyTorch and ONNX Runtime on the same problem, from the same weights.

Each peer gets its favourite layout (time-major), its input converted beforehand, and whatever
preparation of the weights it can do once. ``Candidate.arrays`` brings results back into the
layout of ``fastrnn.ops``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Arrays, Candidate
from numpy.typing import NDArray
from onnx_graph import one_node_session
from problems import Problem

# Where each gate of ours stands in the peer's order: LSTM i f g o, GRU z r n.
_TORCH_ORDER = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2), "rnn": (0,)}
_ONNX_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}


def available(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _reorder(weight: NDArray[Any], order: tuple[int, ...]) -> NDArray[Any]:
    """Permute the gate blocks of the last axis."""
    blocks = np.split(weight, len(order), axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)


def _restore(weight: NDArray[Any], order: tuple[int, ...]) -> NDArray[Any]:
    inverse = tuple(order.index(k) for k in range(len(order)))
    return _reorder(weight, inverse)


def _two_biases(problem: Problem) -> tuple[NDArray[Any], NDArray[Any]]:
    """Input and recurrent bias; where ours has one, the second is zero."""
    if problem.bias.ndim == 2:
        return problem.bias[0], problem.bias[1]
    return problem.bias, np.zeros_like(problem.bias)


class Torch:
    """``torch.nn.LSTM``, ``GRU`` and ``RNN``; its GRU has ``reset_after`` only."""

    name = "torch"

    def __init__(self, problem: Problem, threads: int) -> None:
        if problem.cell not in _TORCH_ORDER:
            raise ValueError(f"torch has no {problem.cell}")
        self.torch: Any = importlib.import_module("torch")
        self.torch.set_num_threads(threads)
        self.problem = problem
        self.order = _TORCH_ORDER[problem.cell]
        s = problem.shape
        nn = self.torch.nn
        layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[problem.cell]
        cell = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}[problem.cell]
        self.layer = layer(s.i, s.h)
        self.cell = cell(s.i, s.h)
        biases = _two_biases(problem)
        weights = (
            _reorder(problem.kernel, self.order).T,
            _reorder(problem.recurrent_kernel, self.order).T,
            _reorder(biases[0], self.order),
            _reorder(biases[1], self.order),
        )
        with self.torch.no_grad():
            for module in (self.layer, self.cell):
                for parameter, weight in zip(module.parameters(), weights, strict=True):
                    parameter.copy_(self.torch.from_numpy(np.ascontiguousarray(weight)))

    def tensor(self, array: NDArray[Any]) -> Any:
        return self.torch.from_numpy(np.ascontiguousarray(array))

    def array(self, tensor: Any) -> NDArray[Any]:
        return tensor.detach().numpy()  # type: ignore[no-any-return]

    def time_major(self, array: NDArray[Any]) -> Any:
        return self.tensor(array.transpose(1, 0, 2))

    def _states(self, result: Any) -> Arrays:
        y, state = result
        found = {"y": self.array(y).transpose(1, 0, 2)}
        states = state if isinstance(state, tuple) else (state,)
        for name, value in zip(("h_n", "c_n"), states, strict=False):
            found[name] = self.array(value)[0]
        return found

    def inference(self) -> Candidate:
        x, mode = self.time_major(self.problem.x), self.torch.inference_mode
        layer = self.layer.eval()  # else cuDNN keeps what a backward pass would need

        def call() -> Any:
            with mode():
                return layer(x)

        return Candidate(self.name, call, self._states)

    def training(self) -> Candidate:
        """Forward, then gradients of x and of every weight for a given dy."""
        x = self.time_major(self.problem.x).requires_grad_()
        dy = self.time_major(self.problem.dy)
        layer, grad = self.layer.train(), self.torch.autograd.grad
        wanted = (x, *layer.parameters())

        def call() -> Any:
            y, _ = layer(x)
            return y, grad(y, wanted, dy)

        return Candidate(self.name, call, lambda result: self._gradients(*result))

    def _gradients(self, y: Any, grads: Any) -> Arrays:
        """Those of x and of the layer's parameters, in our layout."""
        dx, dw, dr, db, drb = map(self.array, grads)
        bias = _restore(db, self.order)
        if self.problem.reset_after:
            bias = np.stack([bias, _restore(drb, self.order)])
        return {
            "y": self.array(y).transpose(1, 0, 2),
            "dx": dx.transpose(1, 0, 2),
            "dkernel": _restore(dw.T, self.order),
            "drecurrent_kernel": _restore(dr.T, self.order),
            "dbias": bias,
        }

    def steps(self) -> list[Candidate]:
        """One step with the state kept, by layer and by cell."""
        torch, layer, cell = self.torch, self.layer.eval(), self.cell
        frame = torch.from_numpy(self.problem.x[:, 0])
        sequence = frame.unsqueeze(0)
        n, h = self.problem.shape.n, self.problem.shape.h

        def zeros(*size: int) -> Any:
            if self.problem.cell == "lstm":
                return torch.zeros(*size), torch.zeros(*size)
            return torch.zeros(*size)

        layer_state, cell_state = zeros(1, n, h), zeros(n, h)

        def by_layer() -> Any:
            nonlocal layer_state
            with torch.inference_mode():
                y, layer_state = layer(sequence, layer_state)
            return y[0]

        def by_cell() -> Any:
            nonlocal cell_state
            with torch.inference_mode():
                cell_state = cell(frame, cell_state)
            return cell_state[0] if isinstance(cell_state, tuple) else cell_state

        def arrays(result: Any) -> Arrays:
            return {"h": result.numpy().copy()}

        return [
            Candidate(self.name, by_layer, arrays),
            Candidate("torch cell", by_cell, arrays),
        ]


class OnnxRuntime:
    """The ONNX operators LSTM, GRU and RNN on the CPU provider, weights as initialisers."""

    name = "ort"

    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem = problem
        self.threads = threads

    def _session(self, *, with_state: bool) -> Any:
        """Layout 0: X (T, N, I) -> Y (T, 1, N, H), Y_h, Y_c; states fed back in place of Y."""
        p, s, order = self.problem, self.problem.shape, _ONNX_ORDER[self.problem.op]
        biases = [_reorder(bias, order) for bias in _two_biases(p)]
        weights = {
            "W": np.ascontiguousarray(_reorder(p.kernel, order).T)[None],
            "R": np.ascontiguousarray(_reorder(p.recurrent_kernel, order).T)[None],
            "B": np.concatenate(biases)[None],
        }
        states = self._state_names()
        initial = [f"initial_{name}" for name in states] if with_state else []
        state = (1, s.n, s.h)
        outputs: dict[str, tuple[int, ...]] = {} if with_state else {"Y": (s.t, 1, s.n, s.h)}
        attributes: dict[str, Any] = {"hidden_size": s.h}
        if p.op == "gru":
            attributes["linear_before_reset"] = int(p.reset_after)
        return one_node_session(
            p.op.upper(),
            self.threads,
            node_inputs=["X", "W", "R", "B", "", *initial],
            node_outputs=["" if with_state else "Y", *(f"Y_{name}" for name in states)],
            inputs={"X": (s.t, s.n, s.i), **dict.fromkeys(initial, state)},
            outputs={**outputs, **{f"Y_{name}": state for name in states}},
            weights=weights,
            attributes=attributes,
        )

    def inference(self) -> Candidate:
        session = self._session(with_state=False)
        feed = {"X": np.ascontiguousarray(self.problem.x.transpose(1, 0, 2))}

        def arrays(result: Any) -> Arrays:
            found = {"y": result[0][:, 0].transpose(1, 0, 2), "h_n": result[1][0]}
            if self.problem.cell == "lstm":
                found["c_n"] = result[2][0]
            return found

        return Candidate(self.name, lambda: session.run(None, feed), arrays)

    def steps(self) -> list[Candidate]:
        """One step with the state fed back: by ``run`` and by an I/O binding."""
        return [
            Candidate(self.name, self._step_by_run(), lambda result: {"h": result[0].copy()}),
            Candidate(
                "ort binding", self._step_by_binding(), lambda result: {"h": result[0].copy()}
            ),
        ]

    def _state_names(self) -> tuple[str, ...]:
        return ("h", "c") if self.problem.cell == "lstm" else ("h",)

    def _step_by_run(self) -> Callable[[], Any]:
        session = self._session(with_state=True)
        s = self.problem.shape
        names = self._state_names()
        outputs = [f"Y_{name}" for name in names]
        inputs = [f"initial_{name}" for name in names]
        feed = {name: np.zeros((1, s.n, s.h), np.float32) for name in inputs}
        feed["X"] = np.ascontiguousarray(self.problem.x[:, 0][None])

        def call() -> Any:
            states = session.run(outputs, feed)
            feed.update(zip(inputs, states, strict=True))
            return states[0]

        return call

    def _step_by_binding(self) -> Callable[[], Any]:
        """Two bindings whose outputs are each other's initial states; no array is made."""
        session = self._session(with_state=True)
        s = self.problem.shape
        ort: Any = importlib.import_module("onnxruntime")
        value = ort.OrtValue.ortvalue_from_numpy
        frame = np.ascontiguousarray(self.problem.x[:, 0][None])
        x = value(frame)
        zero = np.zeros((1, s.n, s.h), np.float32)
        states = [{name: value(zero.copy()) for name in self._state_names()} for _ in range(2)]
        bindings = []
        for turn in range(2):
            binding = session.io_binding()
            binding.bind_ortvalue_input("X", x)
            for name in self._state_names():
                binding.bind_ortvalue_input(f"initial_{name}", states[turn][name])
                binding.bind_ortvalue_output(f"Y_{name}", states[1 - turn][name])
            bindings.append((binding, states[1 - turn]["h"]))
        turn = 0

        def call() -> Any:
            nonlocal turn
            x.update_inplace(frame)
            binding, h = bindings[turn]
            session.run_with_iobinding(binding)
            turn = 1 - turn
            return h.numpy()

        return call
