"""Bad input of every kind gets a result or a clear error: the messages, word by word."""

from __future__ import annotations

import array
import re
from typing import Any

import numpy as np
import pytest

from fastrnn import ops

N, T, I, H = 2, 4, 3, 8  # noqa: E741
FLOAT = np.float32


def arguments(op: str = "lstm", dtype: Any = FLOAT) -> dict[str, Any]:
    """Arrays of the right shapes, all different numbers."""
    rng = np.random.default_rng(1)
    g = {"lstm": 4, "gru": 3, "rnn": 1}[op]
    bias = (2, g * H) if op == "gru" else (g * H,)
    shapes: dict[str, tuple[int, ...]] = {
        "x": (N, T, I), "kernel": (I, g * H), "recurrent_kernel": (H, g * H), "bias": bias,
        "h0": (N, H),
    }  # fmt: skip
    if op == "lstm":
        shapes["c0"] = (N, H)
    return {k: 0.3 * rng.standard_normal(s).astype(dtype) for k, s in shapes.items()}


def zeros(*shape: int, dtype: Any = FLOAT) -> np.ndarray:
    return np.zeros(shape, dtype)


# Argument, value, error and the whole message.
WRONG: list[tuple[str, Any, type[Exception], str]] = [
    # ranks and shapes
    ("x", zeros(T, I), ValueError, "x must be (N, T, I) = (N, T, 3), got (4, 3)"),
    ("x", zeros(N, T, I, 1), ValueError, "x must be (N, T, I) = (N, T, 3), got (2, 4, 3, 1)"),
    ("x", zeros(N, T, 5), ValueError, "x must be (N, T, I) = (N, T, 3), got (2, 4, 5)"),
    ("x", FLOAT(1), ValueError, "x must be (N, T, I) = (N, T, 3), got ()"),
    ("kernel", zeros(I), ValueError, "kernel must be (I, 4H) with I, H >= 1, got (3,)"),
    ("kernel", zeros(I, 30), ValueError, "kernel must be (I, 4H) with I, H >= 1, got (3, 30)"),
    ("kernel", zeros(0, 32), ValueError, "kernel must be (I, 4H) with I, H >= 1, got (0, 32)"),
    ("kernel", zeros(I, 0), ValueError, "kernel must be (I, 4H) with I, H >= 1, got (3, 0)"),
    ("recurrent_kernel", zeros(H, 24), ValueError,
     "recurrent_kernel must be (H, 4H) = (8, 32), got (8, 24)"),
    ("recurrent_kernel", zeros(32, H), ValueError,
     "recurrent_kernel must be (H, 4H) = (8, 32), got (32, 8)"),
    ("bias", zeros(H), ValueError, "bias must be (4H,) = (32,), got (8,)"),
    ("bias", zeros(1, 32), ValueError, "bias must be (4H,) = (32,), got (1, 32)"),
    ("h0", zeros(H), ValueError, "h0 must be (N, H) = (2, 8), got (8,)"),
    ("h0", zeros(1, H), ValueError, "h0 must be (N, H) = (2, 8), got (1, 8)"),
    ("c0", zeros(H, N), ValueError, "c0 must be (N, H) = (2, 8), got (8, 2)"),
    ("peephole", zeros(3 * H), ValueError, "peephole must be (3, H) = (3, 8), got (24,)"),
    ("mask", zeros(N, T, 1, dtype=bool), ValueError, "mask must be (N, T) = (2, 4), got (2, 4, 1)"),
    ("mask", zeros(T, N, dtype=bool), ValueError, "mask must be (N, T) = (2, 4), got (4, 2)"),
    ("reset", zeros(N, dtype=bool), ValueError, "reset must be (N, T) = (2, 4), got (2,)"),
    ("dropout_mask", zeros(N, H), ValueError,
     "dropout_mask must be (N, I) = (2, 3) or (G, N, I) = (4, 2, 3), got (2, 8)"),
    ("recurrent_dropout_mask", zeros(3, N, H), ValueError,
     "recurrent_dropout_mask must be (N, H) = (2, 8) or (G, N, H) = (4, 2, 8), got (3, 2, 8)"),
    ("zoneout_h", zeros(N, H), ValueError,
     "zoneout_h must be a number or (N, T, H) = (2, 4, 8), got (2, 8)"),
    # values
    ("lengths", [5, 1], ValueError, "lengths must lie in 0..T = 0..4, got 5"),
    ("lengths", [-1, 1], ValueError, "lengths must lie in 0..T = 0..4, got -1"),
    ("lengths", np.array([2**63 - 1, 1]), ValueError,
     "lengths must lie in 0..T = 0..4, got 9223372036854775807"),
    ("lengths", np.array([2**64 - 1, 1], np.uint64), ValueError,
     "lengths must lie in 0..T = 0..4, got 18446744073709551615"),
    ("lengths", [1, 2, 3], ValueError, "lengths must be (N,) = (2,), got (3,)"),
    ("lengths", 3, ValueError, "lengths must be (N,) = (2,), got ()"),
    ("zoneout_h", 1.5, ValueError, "zoneout_h must lie in 0..1, got 1.5..1.5"),
    ("zoneout_c", -0.5, ValueError, "zoneout_c must lie in 0..1, got -0.5..-0.5"),
    ("zoneout_c", float("nan"), ValueError, "zoneout_c must lie in 0..1, got nan..nan"),
    # dtypes
    ("x", zeros(N, T, I, dtype=np.float64), TypeError,
     "x must be float32 as the weights are, got float64; convert it with x.astype(np.float32)"),
    ("x", zeros(N, T, I, dtype=np.float16), TypeError,
     "x must be float32 as the weights are, got float16; convert it with x.astype(np.float32)"),
    ("x", zeros(N, T, I, dtype=complex), TypeError,
     "x must be an array of numbers, got dtype complex128"),
    ("x", np.full((N, T, I), "1"), TypeError, "x must be an array of numbers, got dtype <U1"),
    ("x", np.full((N, T, I), None), TypeError, "x must be an array of numbers, got dtype object"),
    ("x", zeros(N, T, I, dtype="M8[s]"), TypeError,
     "x must be an array of numbers, got dtype datetime64[s]"),
    ("x", zeros(N, T, I, dtype=[("a", "f4")]), TypeError,
     "x must be an array of numbers, got dtype [('a', '<f4')]"),
    ("kernel", zeros(I, 32, dtype=int), TypeError, "kernel must be float32 or float64, got int64"),
    ("kernel", zeros(I, 32, dtype=np.float16), TypeError,
     "kernel must be float32 or float64, got float16"),
    ("mask", zeros(N, T), TypeError, "mask must be boolean, got dtype float32"),
    ("lengths", [1.0, 2.0], TypeError, "lengths must be integers, got dtype float64"),
    # no arrays at all
    ("x", None, TypeError, "x must be an array of numbers, got NoneType"),
    ("x", "abc", TypeError, "x must be an array of numbers, got str"),
    ("x", b"abcd", TypeError, "x must be an array of numbers, got bytes"),
    ("x", {"x": 1}, TypeError, "x must be an array of numbers, got dict"),
    ("x", {1.0}, TypeError, "x must be an array of numbers, got set"),
    ("x", object(), TypeError, "x must be an array of numbers, got dtype object"),
    ("kernel", None, TypeError, "kernel must be an array of numbers, got NoneType"),
    ("recurrent_kernel", "abc", TypeError, "recurrent_kernel must be an array of numbers, got str"),
    ("zoneout_h", "abc", TypeError, "zoneout_h must be an array of numbers, got str"),
    ("activation", 3, TypeError, "activation must be a name or a callable, got int"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "error", "message"), WRONG, ids=[f"{w[0]}-{k}" for k, w in enumerate(WRONG)]
)
def test_errors_name_op_argument_expected_and_got(
    name: str, value: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape('lstm: ' + message)}$"):
        ops.lstm(**arguments() | {name: value})
    with pytest.raises(error, match=f"^{re.escape('lstm_forward: ' + message)}$"):
        ops.lstm_forward(**arguments() | {name: value})


def test_errors_of_the_other_cells() -> None:
    gru, rnn = arguments("gru"), arguments("rnn")
    with pytest.raises(ValueError, match=r"^gru: bias must be \(2, 3H\) = \(2, 24\), got \(24,\)$"):
        ops.gru(**gru | {"bias": zeros(24)})
    with pytest.raises(ValueError, match=r"^gru: bias must be \(3H,\) = \(24,\), got \(2, 24\)$"):
        ops.gru(**gru, reset_after=False)
    with pytest.raises(
        ValueError, match=r"^rnn: recurrent_kernel must be \(H, H\) = \(8, 8\), got"
    ):
        ops.rnn(**rnn | {"recurrent_kernel": zeros(8, 7)})
    with pytest.raises(TypeError, match="unexpected keyword argument 'zoneout_c'"):
        ops.gru(**gru, zoneout_c=0.5)


def test_ragged_lists_and_mixed_rows() -> None:
    for ragged in ([[[1.0]], [[1.0, 2.0]]], [1, [2]], [["a"], 1]):
        with pytest.raises((TypeError, ValueError), match="^lstm: x must be"):
            ops.lstm(**arguments() | {"x": ragged})


def test_unknown_activation_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^lstm: activation must be .*tanh.* got 'tan'$"):
        ops.lstm(**arguments(), activation="tan")
    with pytest.raises(ValueError, match=r"^lstm: recurrent_activation must be .*got ''$"):
        ops.lstm(**arguments(), recurrent_activation="")


def test_mask_and_lengths_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="^lstm: give mask or lengths, not both$"):
        ops.lstm(**arguments(), mask=np.ones((N, T), bool), lengths=[1, 2])


def test_backward_refuses_what_is_no_cache_and_wrong_cotangents() -> None:
    *_, cache = ops.lstm_forward(**arguments())
    for wrong in (None, 3, {}, "cache"):
        with pytest.raises(TypeError, match="^lstm_backward: cache must come from lstm_forward"):
            ops.lstm_backward(wrong)
    with pytest.raises(ValueError, match="^gru_backward: cache must come from gru_forward"):
        ops.gru_backward(cache)
    message = r"^lstm_backward: dy must be \(N, T, H\) = \(2, 4, 8\), got \(2, 4, 7\)$"
    with pytest.raises(ValueError, match=message):
        ops.lstm_backward(cache, zeros(N, T, 7))
    with pytest.raises(TypeError, match="^lstm_backward: dh_n must be float32 as the weights are"):
        ops.lstm_backward(cache, dh_n=zeros(N, H, dtype=np.float64))


def test_backward_refuses_what_it_cannot_write_into() -> None:
    *_, cache = ops.lstm_forward(**arguments())
    frozen = zeros(I, 32)
    frozen.flags.writeable = False
    for wrong, error in (
        (zeros(I, 31), ValueError),
        (zeros(I, 32, dtype=np.float64), TypeError),
        (zeros(32, I).T, ValueError),
        (frozen, ValueError),
        ([[0.0] * 32] * I, TypeError),
    ):
        with pytest.raises(error, match=r"^lstm_backward: out\['kernel'\] must be"):
            ops.lstm_backward(cache, out={"kernel": wrong})


def result_of(changes: dict[str, Any]) -> np.ndarray:
    return ops.lstm(**arguments() | changes)[0]


@pytest.mark.parametrize("name", list(arguments()))
def test_any_memory_layout_is_read_right(name: str) -> None:
    """Negative and wide strides, misaligned, read-only, foreign byte order, Fortran order."""
    value = arguments()[name]
    expected = result_of({})
    flipped = np.ascontiguousarray(np.flip(value))
    raw = np.zeros(value.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(value.dtype).reshape(value.shape)
    misaligned[...] = value
    read_only = value.copy()
    read_only.flags.writeable = False
    wide = np.zeros((*value.shape, 3), FLOAT)
    wide[..., 1] = value
    for other in (
        np.flip(flipped),
        misaligned,
        read_only,
        value.astype(value.dtype.newbyteorder()),
        np.asfortranarray(value),
        wide[..., 1],
        value.tolist() if name != "kernel" else value,
        memoryview(value),
    ):
        np.testing.assert_array_equal(result_of({name: other}), expected)


def test_inputs_may_overlap() -> None:
    """One buffer for several arguments, and x as overlapping windows of one signal."""
    buffer = np.random.default_rng(0).standard_normal(4000).astype(FLOAT)
    kernel = buffer[: I * 32].reshape(I, 32)
    recurrent = buffer[7 : 7 + H * 32].reshape(H, 32)
    windows = np.lib.stride_tricks.sliding_window_view(buffer[:8], I)[None]  # (1, 6, 3)
    state = buffer[:H].reshape(1, H)
    given = (windows, kernel, recurrent, buffer[3:35], state, state)
    copies = [a.copy() for a in given]
    for a, b in zip(ops.lstm(*given), ops.lstm(*copies), strict=True):
        np.testing.assert_array_equal(a, b)
    broadcast = np.broadcast_to(buffer[:I], (N, T, I))  # strides 0
    np.testing.assert_array_equal(
        result_of({"x": broadcast}), result_of({"x": np.array(broadcast)})
    )


def test_gradients_are_not_written_over_the_weights_they_are_computed_with() -> None:
    """Either refused or right."""
    cotangent = np.ones((N, T, H), FLOAT)
    expected = ops.lstm_backward(ops.lstm_forward(**arguments())[-1], cotangent)
    given = arguments()
    *_, cache = ops.lstm_forward(**given)
    out = {k: given[k] for k in ("kernel", "recurrent_kernel", "bias")}
    try:
        grads = ops.lstm_backward(cache, cotangent, out=out)
    except ValueError as error:
        assert "overlap" in str(error)  # noqa: PT017
        return
    for name, gradient in expected.items():
        np.testing.assert_array_equal(grads[name], gradient, err_msg=name)


class OfArray:
    """An array of another library that offers the method __array__ alone."""

    def __init__(self, value: np.ndarray) -> None:
        self._value = value

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return self._value


class OfInterface:
    """One that offers a pointer, as __array_interface__."""

    def __init__(self, value: np.ndarray) -> None:
        self._value = value
        self.__array_interface__ = value.__array_interface__


class OfDlpack:
    """One that offers DLPack."""

    def __init__(self, value: np.ndarray) -> None:
        self._value = value

    def __dlpack__(self, **options: Any) -> Any:
        return self._value.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._value.__dlpack_device__()


@pytest.mark.parametrize("exporter", [OfArray, OfInterface, OfDlpack])
def test_arrays_of_other_libraries_are_read(exporter: Any) -> None:
    expected = result_of({})
    for name in ("x", "kernel", "h0"):
        other = exporter(arguments()[name])
        np.testing.assert_array_equal(result_of({name: other}), expected, err_msg=name)


def test_buffers_of_the_standard_library_are_read() -> None:
    flat = array.array("f", arguments()["bias"])
    np.testing.assert_array_equal(result_of({"bias": flat}), result_of({}))


def test_objects_that_break_their_promise_are_refused() -> None:
    class Raising:
        def __array__(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("on another device")

    class Lying:
        def __array__(self, *args: Any, **kwargs: Any) -> Any:
            return "no array"

    class OnTheGpu:
        @property
        def __cuda_array_interface__(self) -> dict[str, Any]:
            return {"shape": (N, T, I), "typestr": "<f4", "data": (1, False), "version": 3}

    for wrong in (Raising(), Lying(), OnTheGpu()):
        with pytest.raises(TypeError, match="^lstm: x must be an array of numbers"):
            ops.lstm(**arguments() | {"x": wrong})


@pytest.mark.parametrize("op", ["lstm", "gru", "rnn"])
def test_empty_batches_and_sequences(op: str) -> None:
    for n, t in ((0, T), (N, 0), (0, 0)):
        given = arguments(op) | {"x": zeros(n, t, I)}
        states = [k for k in ("h0", "c0") if k in given]
        for state in states:
            given[state] = given[state][:n]
        y, *finals = getattr(ops, op)(**given)
        assert y.shape == (n, t, H)
        for final, state in zip(finals, states, strict=True):
            np.testing.assert_array_equal(final, given[state])
        *_, cache = getattr(ops, f"{op}_forward")(**given)
        grads = getattr(ops, f"{op}_backward")(cache, y, np.ones((n, H), FLOAT))
        assert not grads["kernel"].any()
        assert grads["x"].shape == (n, t, I)
        np.testing.assert_array_equal(grads["h0"], np.ones((n, H)))
        masked = getattr(ops, op)(**given, mask=np.ones((n, t), bool))
        assert masked[0].shape == (n, t, H)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("op", ["lstm", "gru", "rnn"])
def test_numbers_that_are_none_pass_through(op: str, value: float) -> None:
    """Forward and backward end, and a NaN in any argument stays visible."""
    for name in arguments(op):
        given = arguments(op)
        given[name].flat[1] = value
        *outputs, cache = getattr(ops, f"{op}_forward")(**given)
        grads = getattr(ops, f"{op}_backward")(cache, np.ones((N, T, H), FLOAT))
        if np.isnan(value):
            assert np.isnan(outputs[0]).any(), name
            assert np.isnan(grads["kernel"]).any(), name


def test_packed_weights_check_like_the_functions() -> None:
    given = arguments()
    weights = {k: given[k] for k in ("kernel", "recurrent_kernel", "bias")}
    packed = ops.PackedRecurrent("lstm", **weights)
    with pytest.raises(ValueError, match=r"^lstm: x must be \(N, T, I\) = \(N, T, 3\), got"):
        packed.run(zeros(N, T, 4))
    with pytest.raises(ValueError, match="cell must be one of"):
        ops.PackedRecurrent("elman", **weights)
    with pytest.raises(ValueError, match="peephole"):
        ops.PackedRecurrent("gru", zeros(I, 24), zeros(H, 24), peephole=zeros(3, H))
    for size in (0, -1, 1.5, "1"):
        with pytest.raises((ValueError, TypeError), match="batch_size"):
            packed.stream(size)
    stream = packed.stream(2)
    for wrong in (zeros(1, I), zeros(2, I, 1), zeros(2, 4)):
        with pytest.raises(ValueError, match=r"x must be \(N, I\) = \(2, 3\), got"):
            stream.step(wrong)
    with pytest.raises(TypeError, match="x must be float32"):
        stream.step(zeros(2, I, dtype=np.float64))
    with pytest.raises((IndexError, ValueError)):
        stream.reset(rows=[2])
