"""ONNX Runtime sessions over a graph of one node with its weights as initialisers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

Shapes = Mapping[str, Sequence[int]]


def one_node_session(
    op: str,
    threads: int,
    *,
    node_inputs: Sequence[str],
    node_outputs: Sequence[str],
    inputs: Shapes,
    outputs: Shapes,
    weights: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
) -> Any:
    """A session on the CPU provider; all inputs and outputs are float32."""
    onnx: Any = importlib.import_module("onnx")
    ort: Any = importlib.import_module("onnxruntime")
    helper = onnx.helper

    def infos(shapes: Shapes) -> list[Any]:
        kind = onnx.TensorProto.FLOAT
        return [
            helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in shapes.items()
        ]

    node = helper.make_node(op, list(node_inputs), list(node_outputs), **attributes)
    graph = helper.make_graph(
        [node],
        op,
        infos(inputs),
        infos(outputs),
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    # Operator set 14 and IR version 8 are read by every ONNX Runtime since 1.10.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
