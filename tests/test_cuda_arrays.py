"""Arrays on a GPU: recognised, and refused in words; none is needed for that."""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import config, ops
from fastrnn.ops._arrays import on_gpu
from fastrnn.ops._device import Gpu
from test_bad_input import arguments


class OnGpu:
    """An array that says where it lies, and cannot be read from here."""

    def __init__(self, array: Any, gpu: int = 0) -> None:
        self.array, self.device = np.asarray(array), SimpleNamespace(id=gpu)
        self.dtype, self.shape, self.ndim = self.array.dtype, self.array.shape, self.array.ndim

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": self.shape, "typestr": "<f4", "data": (256, False), "version": 3}

    def __array__(self) -> Any:
        raise AssertionError("copied to the CPU")


class ByDlpack:
    """The same by DLPack alone."""

    def __init__(self, place: tuple[int, int]) -> None:
        self.place = place

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("requires grad")


def fake_cupy(monkeypatch: pytest.MonkeyPatch, current: int = 0) -> ModuleType:
    cupy = ModuleType("cupy")

    def from_dlpack(value: ByDlpack) -> Any:
        return value.__dlpack__()

    vars(cupy).update(
        ndarray=OnGpu,
        asarray=OnGpu,
        from_dlpack=from_dlpack,
        cuda=SimpleNamespace(runtime=SimpleNamespace(getDevice=lambda: current)),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    kernels = ModuleType("fastrnn._cuda")
    vars(kernels).update(cublas=list)
    set_kernels(monkeypatch, kernels)
    return cupy


def set_kernels(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Let this be fastrnn._cuda; None: let it be missing."""
    monkeypatch.setitem(sys.modules, "fastrnn._cuda", module)
    monkeypatch.setattr(fastrnn, "_cuda", module, raising=False)


def test_arrays_on_a_gpu_are_recognised() -> None:
    assert on_gpu(OnGpu([1.0]))
    assert on_gpu(ByDlpack((2, 0)))
    assert on_gpu(ByDlpack((13, 1)))  # managed
    for other in (ByDlpack((1, 0)), ByDlpack((3, 0)), np.ones(2), [1.0], 2.0, None, "abc"):
        assert not on_gpu(other)


def test_torch_on_the_cpu_is_not_on_a_gpu() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert not on_gpu(torch.ones(2))


def test_without_cupy_or_the_module_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    set_kernels(monkeypatch, None)
    given = arguments() | {"kernel": OnGpu(arguments()["kernel"])}
    with pytest.raises(RuntimeError) as error:
        ops.lstm(**given)
    message = str(error.value)
    assert message.startswith("lstm: kernel is test_cuda_arrays.OnGpu on a GPU; that takes")
    assert "pip install . -C cmake.define.FASTRNN_CUDA=ON" in message
    assert "CuPy: " in message


@pytest.mark.parametrize("name", ["x", "recurrent_kernel", "bias", "h0"])
def test_one_array_on_a_gpu_and_the_others_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cupy(monkeypatch)
    moved = arguments() | {name: OnGpu(arguments()[name])}
    message = f"{name} must be an array of numbers on the CPU, got test_cuda_arrays.OnGpu on a GPU"
    with pytest.raises(TypeError, match=f"^lstm: {message}$"):
        ops.lstm(**moved)
    for op in (ops.conv1d, ops.dense):
        with pytest.raises(TypeError, match="must be an array of numbers on the CPU"):
            op(moved[name], moved["kernel"])


def place(monkeypatch: pytest.MonkeyPatch, number: int = 0) -> Gpu:
    return Gpu(number, fake_cupy(monkeypatch, number), None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), "x must be on GPU 1 as kernel is, got numpy.ndarray on the CPU"),
        (ByDlpack((1, 0)), "x must be on GPU 1 as kernel is, got test_cuda_arrays.ByDlpack on the"),
        (OnGpu([1], gpu=0), "x must be on GPU 1, CuPy's current device, got test_cuda_arr"),
        (ByDlpack((2, 1)), "x must be an array of numbers on GPU 1, got test_cuda_arrays.ByDlpack "
         "(requires grad)"),
        ("abc", "x must be an array of numbers, got str"),
    ],
)  # fmt: skip
def test_arrays_that_lie_elsewhere_are_refused(
    value: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = place(monkeypatch, 1)
    with pytest.raises(TypeError, match=f"^lstm: {re.escape(message)}"):
        gpu.to_array("lstm", "x", value)


def test_numbers_and_lists_go_to_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = place(monkeypatch)
    for value in (0.5, [1, 2], np.float32(3), (1.0,)):
        assert type(gpu.to_array("lstm", "x", value)) is OnGpu
    known = gpu.known("lstm", "lengths", [4, 5], gpu.to_array("lstm", "lengths", [4, 5]))
    assert known is not None
    assert known.tolist() == [4, 5]
    there = OnGpu([1])
    assert gpu.known("lstm", "lengths", there, there) is None  # type: ignore[arg-type]


def test_a_kernel_on_another_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cupy(monkeypatch, current=1)
    with pytest.raises(TypeError, match=r"^gru: kernel must be on GPU 1, CuPy's current device, "):
        ops.gru(**arguments("gru") | {"kernel": OnGpu(arguments("gru")["kernel"], gpu=0)})


def test_float64_stays_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cupy(monkeypatch)
    kernel = OnGpu(arguments(dtype=np.float64)["kernel"])
    known = "float32(, float16 or bfloat16| or float16)"  # bfloat16 with ml_dtypes
    with pytest.raises(TypeError, match=f"^lstm: kernel must be {known}, got float64$"):
        ops.lstm(**arguments() | {"kernel": kernel})


@pytest.mark.parametrize("layer", ["PackedRecurrent", "bound"])
def test_what_runs_on_the_cpu_alone_says_so(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastrnn.ops.bound import BoundRecurrent

    fake_cupy(monkeypatch)
    make_it: Any = ops.PackedRecurrent if layer == "PackedRecurrent" else BoundRecurrent
    kernel = OnGpu(arguments()["kernel"])
    with pytest.raises(TypeError, match="^lstm: kernel must be an array of numbers on the CPU"):
        make_it("lstm", kernel, arguments()["recurrent_kernel"])


def test_the_arithmetic_is_a_setting() -> None:
    assert config.cuda_math() == "float32"
    config.set_cuda_math("tf32")
    assert config.cuda_math() == "tf32"
    config.set_cuda_math("float32")
    with pytest.raises(ValueError, match=r"^set_cuda_math: value must be one of .*, got 'half'$"):
        config.set_cuda_math("half")


def test_the_configuration_says_what_of_cuda_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    set_kernels(monkeypatch, None)
    state = fastrnn.show_config()["cuda"]
    assert list(state) == ["module", "driver", "gpus", "cublas", "cupy"]
    assert state["module"].startswith("not in this build (no fastrnn._cuda)")

    def no_cublas(folders: list[str]) -> str:
        raise RuntimeError("no libcublas.so.13 on the search path")

    gpu = {"name": "H", "compute_capability": 90, "multiprocessors": 132, "memory": 80 << 30}
    module = SimpleNamespace(
        COMPILER="nvcc 13.0", ARCHITECTURES="75-real", driver_version=lambda: 13010,
        devices=lambda: [gpu], cublas=no_cublas,
    )  # fmt: skip
    set_kernels(monkeypatch, module)
    state = config.cuda_state()
    assert state["module"] == "nvcc 13.0, for 75-real"
    assert state["driver"] == "for CUDA 13.1"
    assert state["gpus"] == "H (sm_90, 132 multiprocessors, 80 GiB)"
    assert state["cublas"] == "no libcublas.so.13 on the search path"
    module.driver_version, module.devices = (lambda: 0), list
    state = config.cuda_state()
    assert state["driver"] == "none found (looked for libcuda.so.1)"
    assert state["gpus"] == "none found"


def test_a_plan_takes_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    set_kernels(monkeypatch, None)
    with pytest.raises(RuntimeError, match=r"^gpu_plan: fastrnn's module is not in this build"):
        ops.gpu_plan("lstm", 16, 1024, 768, 768, gpu="H200")
