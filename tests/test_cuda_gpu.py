"""On a GPU: arrays of others, streams, threads, memory, messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from cases import Case, Problem, case, make
from cuda_rooms import Room, gpu_room
from fastrnn import config, ops
from test_bad_input import WRONG, H, I, N, T, arguments

pytestmark = pytest.mark.cuda
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture
def room() -> Room:
    return gpu_room()


@pytest.fixture(autouse=True)
def _nothing_is_left_wrong(room: Room) -> Iterator[None]:
    """Whatever went wrong asynchronously fails the test that did it."""
    yield
    room.xp.cuda.get_current_stream().synchronize()


def problem(name: str = "lstm-all") -> Problem:
    return make(case(name), np.float32)


def assert_gives(outputs: Any, expected: Any) -> None:
    for one, other in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


def busy(cupy: Any) -> None:
    """Keep the current stream at work for some milliseconds."""
    a = cupy.ones((4096, 4096), np.float32)
    for _ in range(20):
        a = a @ a * np.float32(1 / 4096)


def test_work_goes_to_the_current_stream(room: Room) -> None:
    given, cupy = problem(), room.xp
    expected = given.train(ops)
    with cupy.cuda.Stream(non_blocking=True):
        sent = room.send(given)
        right = sent.inputs["x"]
        late = cupy.full_like(right, np.nan)
        sent.inputs["x"] = late
        busy(cupy)
        late[...] = right  # queued behind: who does not wait for it reads NaN
        outputs, gradients = room.fetch(sent.train(ops))
    assert_gives(outputs, expected[0])
    assert_gives(gradients.values(), expected[1].values())


def test_a_call_does_not_wait(room: Room) -> None:
    """Neither the run nor checks, of lengths and zoneout that lie on the GPU, wait for it."""
    cupy = room.xp
    sent = room.send(problem("lstm-zoneout_array"))
    lengths = cupy.asarray([3, 7, 5])
    sent.train(ops, lengths=lengths)  # whatever is made once
    stream = cupy.cuda.get_current_stream()
    stream.synchronize()
    busy(cupy)
    sent.train(ops, lengths=lengths)
    assert not stream.done


@pytest.mark.parametrize("given", ["list", "numpy", "cupy"])
def test_lengths_may_lie_here_or_there(room: Room, given: str) -> None:
    lengths: Any = [3, 0, 9, 1, 2, 9, 4]
    one = make(case("lstm-reverse_lengths"), np.float32)
    one.options["lengths"] = lengths
    expected = one.forward(ops)
    sent = room.send(one)
    sent.options["lengths"] = {
        "list": list, "numpy": np.asarray, "cupy": room.xp.asarray,
    }[given](lengths)  # fmt: skip
    assert_gives(room.fetch(sent.forward(ops)), expected)


def test_threads_with_streams_of_their_own(room: Room) -> None:
    given = [problem(name) for name in ("lstm-all", "gru-all", "peephole-all", "rnn_tanh-all")]
    expected = [one.train(ops) for one in given]

    def run(one: Problem) -> Any:
        with room.xp.cuda.Stream(non_blocking=True):
            return [room.fetch(room.send(one).train(ops)) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        for runs, (outputs, gradients) in zip(pool.map(run, given), expected, strict=True):
            for mine in runs:
                assert_gives(mine[0], outputs)
                assert_gives(mine[1].values(), gradients.values())


@pytest.mark.parametrize("sizes", [(3, 9, 5, 17), (16, 40, 64, 256)])
def test_both_directions_at_once(room: Room, sizes: tuple[int, int, int, int]) -> None:
    given = [
        make(Case(f"direction-{k}", "lstm", sizes, {"mask": "rows"}, {"reverse": bool(k)}))
        for k in range(2)
    ]
    expected = [one.train(ops) for one in given]
    sent = [room.send(one.astype(np.float32)) for one in given]
    for _ in range(3):
        with ops.side_by_side() as streams:
            results = []
            for one, stream in zip(sent, streams, strict=True):
                with stream:
                    results.append(one.train(ops))
        for mine, (outputs, gradients) in zip(room.fetch(results), expected, strict=True):
            assert_gives(mine[0], outputs)
            for name, gradient in gradients.items():
                scale = np.abs(gradient).max()
                np.testing.assert_allclose(mine[1][name] / scale, gradient / scale, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_torch_tensors_come_and_go(room: Room, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA")
    given = problem("lstm-batch")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        inputs = {
            name: torch.tensor(array, device="cuda").to(getattr(torch, dtype))
            for name, array in given.inputs.items()
        }
        rounded = {name: t.float().cpu().numpy() for name, t in inputs.items()}
        y, h_n, c_n = ops.lstm(**inputs)  # waits for torch's stream
    expected = ops.lstm(**rounded)
    tolerance = {"float32": 1e-5, "float16": 4e-3, "bfloat16": 4e-2}[dtype]
    assert torch.from_dlpack(y).dtype == getattr(torch, dtype)
    for mine, right in zip((y, h_n, c_n), expected, strict=True):
        back = torch.from_dlpack(mine).float().cpu().numpy()
        np.testing.assert_allclose(back, right, atol=tolerance)
    inputs["x"].requires_grad_()
    with pytest.raises(TypeError, match=r"^lstm: x must be an array .* got torch\.Tensor \("):
        ops.lstm(**inputs)


def test_out_of_memory_is_an_error_like_any_other(room: Room) -> None:
    sent = room.send(problem())
    expected = room.fetch(sent.train(ops))
    kernel, recurrent = room.send((np.ones((1, 4), np.float32), np.ones((1, 4), np.float32)))
    x = room.xp.broadcast_to(room.xp.ones((1, 1, 1), np.float32), (2**22, 2**22, 1))
    for _ in range(3):
        with pytest.raises(MemoryError, match=r"^lstm: no memory on GPU 0 for y of shape"):
            ops.lstm(x, kernel, recurrent)
        outputs, gradients = room.fetch(sent.train(ops))
        assert_gives(outputs, expected[0])
        assert_gives(gradients.values(), expected[1].values())


@pytest.mark.parametrize(
    ("name", "value", "error", "message"), WRONG, ids=[f"{w[0]}-{k}" for k, w in enumerate(WRONG)]
)
def test_the_messages_are_those_of_the_cpu(
    room: Room, name: str, value: Any, error: type[Exception], message: str
) -> None:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub":
            pytest.skip("CuPy has no such arrays")
        value = room.send(value)
    message = message.replace("float32 or float64", "float32, float16 or bfloat16")
    if "0..T" in message and not isinstance(value, list):
        pytest.skip("values on the GPU are not looked at")
    if name == "kernel" and message.endswith("float16"):
        pytest.skip("a GPU takes float16")
    if name == "activation":
        error, message = ValueError, "activation must be one of "
    with pytest.raises(error, match=f"^{re.escape('lstm: ' + message)}"):
        ops.lstm(**room.send(arguments()) | {name: value})


def test_what_a_gpu_does_not_do(room: Room) -> None:
    sent = room.send(arguments())
    with pytest.raises(TypeError, match=r"^lstm: x must be on GPU 0 as kernel is, got numpy"):
        ops.lstm(**sent | {"x": arguments()["x"]})
    with pytest.raises(TypeError, match=r"^lstm: kernel must be an array .*CPU") as caught:
        ops.PackedRecurrent("lstm", sent["kernel"], sent["recurrent_kernel"])
    assert "cupy" in str(caught.value)
    with pytest.raises(ValueError, match=r"^lstm: activation must be one of .* on GPU 0; got 'ge"):
        ops.lstm(**sent, activation="gelu")
    *_, cache = ops.lstm_forward(**sent)
    with pytest.raises(TypeError, match=r"^lstm_backward: dy must be on GPU 0 as kernel is"):
        ops.lstm_backward(cache, np.ones((N, T, H), np.float32))
    out = {"kernel": np.ones((I, 4 * H), np.float32)}
    with pytest.raises(TypeError, match=r"out\['kernel'\] must be a CuPy array, got ndarray$"):
        ops.lstm_backward(cache, out=out)
    with pytest.raises(ValueError, match=r"out\['kernel'\] must not overlap"):
        ops.lstm_backward(cache, out={"kernel": sent["kernel"]})


def test_plans_of_this_gpu_and_of_others(room: Room) -> None:
    here = ops.gpu_plan("lstm", 16, 1024, 768, 768, dtype="float16")
    assert here["tier"] in "ABC"
    assert str(here).startswith(config.cuda_state()["gpus"].split(" (")[0])
    with pytest.raises(RuntimeError, match=r"^gpu_plan: there is no GPU 99; driver: for CUDA"):
        ops.gpu_plan("lstm", 16, 1024, 768, 768, gpu=99)
