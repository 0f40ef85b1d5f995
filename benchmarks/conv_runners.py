"""Who convolves: fastrnn, PyTorch in both of its layouts, ONNX Runtime, on the same problem.

Input and weights are in each library's favourite layout beforehand; ``Candidate.arrays`` brings
results back into the layout of ``fastrnn.ops``.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from conv_problems import Problem
from harness import Arrays, Candidate
from onnx_graph import one_node_session

_NHWC = (0, 2, 3, 1)
_NCHW = (0, 3, 1, 2)
_TO_HWIO = (2, 3, 1, 0)
_TO_OIHW = (3, 2, 0, 1)


class FastRnn:
    name = "fastrnn"

    def __init__(self, problem: Problem, threads: int) -> None:
        importlib.import_module("fastrnn").set_num_threads(threads)
        self.ops: Any = importlib.import_module("fastrnn.ops")
        self.problem = problem
        layer = problem.layer
        self.options = {"strides": layer.stride, "padding": layer.pad}

    def forward(self) -> Candidate:
        conv2d, p, options = self.ops.conv2d, self.problem, self.options
        x, kernel, bias = p.x, p.kernel, p.bias
        return Candidate(self.name, lambda: conv2d(x, kernel, bias, **options), lambda y: {"y": y})

    def training(self) -> Candidate:
        """Forward, then gradients of the weights, and of x but in a first layer."""
        conv2d, backward = self.ops.conv2d, self.ops.conv2d_backward
        p, options, need_dx = self.problem, self.options, not self.problem.layer.first
        x, kernel, bias, dy = p.x, p.kernel, p.bias, p.dy

        def call() -> Any:
            y = conv2d(x, kernel, bias, **options)
            return y, backward(dy, x, kernel, need_dx=need_dx, **options)

        def arrays(result: Any) -> Arrays:
            y, grads = result
            found = {"y": y, "dkernel": grads["kernel"], "dbias": grads["bias"]}
            return {**found, "dx": grads["x"]} if need_dx else found

        return Candidate(self.name, call, arrays)


class Torch:
    """``torch.nn.functional.conv2d`` on contiguous NCHW or on channels_last tensors."""

    LAYOUTS = ("nchw", "nhwc")

    def __init__(self, problem: Problem, threads: int, layout: str) -> None:
        self.torch: Any = importlib.import_module("torch")
        self.torch.set_num_threads(threads)
        self.name = f"torch {layout}"
        self.problem = problem
        torch = self.torch
        self.format = torch.channels_last if layout == "nhwc" else torch.contiguous_format
        self.x = self._tensor(problem.x, _NCHW)
        self.kernel = self._tensor(problem.kernel, _TO_OIHW)
        self.bias = torch.from_numpy(problem.bias)
        self.options = {"stride": problem.layer.stride, "padding": problem.layer.pad}

    def _tensor(self, array: Any, axes: tuple[int, ...]) -> Any:
        tensor = self.torch.from_numpy(array).permute(*axes)
        return tensor.contiguous(memory_format=self.format)

    def forward(self) -> Candidate:
        conv2d, mode = self.torch.nn.functional.conv2d, self.torch.inference_mode
        x, kernel, bias, options = self.x, self.kernel, self.bias, self.options

        def call() -> Any:
            with mode():
                return conv2d(x, kernel, bias, **options)

        return Candidate(self.name, call, lambda y: {"y": y.numpy().transpose(_NHWC)})

    def training(self) -> Candidate:
        conv2d, grad = self.torch.nn.functional.conv2d, self.torch.autograd.grad
        need_dx, options = not self.problem.layer.first, self.options
        x = self.x.detach().requires_grad_(need_dx)
        weights = [self.kernel.detach().requires_grad_(), self.bias.detach().requires_grad_()]
        wanted = [*weights, x] if need_dx else weights
        dy = self._tensor(self.problem.dy, _NCHW)

        def call() -> Any:
            y = conv2d(x, *weights, **options)
            return y, grad(y, wanted, dy)

        def arrays(result: Any) -> Arrays:
            y, grads = result
            dkernel, dbias, *dx = (gradient.numpy() for gradient in grads)
            found = {"y": y.detach().numpy().transpose(_NHWC)}
            found |= {"dkernel": dkernel.transpose(_TO_HWIO), "dbias": dbias}
            return {**found, "dx": dx[0].transpose(_NHWC)} if dx else found

        return Candidate(self.name, call, arrays)


class OnnxRuntime:
    """The ONNX operator Conv on the CPU provider, weights as initialisers."""

    name = "ort"

    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem = problem
        self.threads = threads

    def forward(self) -> Candidate:
        layer = self.problem.layer
        n, h, w, f = layer.output
        session = one_node_session(
            "Conv",
            self.threads,
            node_inputs=["X", "W", "B"],
            node_outputs=["Y"],
            inputs={"X": (layer.n, layer.c, layer.h, layer.w)},
            outputs={"Y": (n, f, h, w)},
            weights={
                "W": np.ascontiguousarray(self.problem.kernel.transpose(_TO_OIHW)),
                "B": self.problem.bias,
            },
            attributes={"strides": [layer.stride] * 2, "pads": [layer.pad] * 4},
        )
        feed = {"X": np.ascontiguousarray(self.problem.x.transpose(_NCHW))}
        return Candidate(
            self.name,
            lambda: session.run(None, feed),
            lambda result: {"y": result[0].transpose(_NHWC)},
        )
