"""Files that are damaged or made to do harm: a ValueError that says why, and nothing else."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import fastrnn
from fastrnn import layers, models

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


F64 = {"dtype": "float64"}


def small() -> fastrnn.Sequential:
    model = fastrnn.Sequential(
        [
            layers.Input((5, 4)),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.GRU(3),
            layers.Dense(2, activation="softmax", name="last"),
        ]
    )
    model.compile("adam", "mse", metrics=["accuracy"])
    model.train_on_batch(np.ones((2, 5, 4)), np.ones((2, 2)))
    return model


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    """The members of a good file."""
    small().save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_config(path: Path, members: dict[str, bytes], change: Callable[[Any], Any]) -> Path:
    config = json.loads(members["config.json"])
    change(config["config"]["layers"])
    return archive_of(path, members | {"config.json": json.dumps(config).encode()})


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:evil"])
def test_members_that_lead_elsewhere(name: str, members: Any, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "x.keras", members | {name: b""})
    with pytest.raises(ValueError, match="leads out of the archive"):
        models.load_model(path)


def test_members_that_are_links_or_twice_or_missing(members: Any, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "x.keras", members)
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match="is a symbolic link"):
        models.load_model(path)
    path = archive_of(tmp_path / "x.keras", members)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", members["config.json"])
    with pytest.raises(ValueError, match=r"two members named 'config\.json'"):
        models.load_model(path)
    for name in members:
        rest = {other: content for other, content in members.items() if other != name}
        with pytest.raises(ValueError, match=f"holds no {name}"):
            models.load_model(archive_of(path, rest))


def test_archives_that_expand(members: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.keras"
    for name, size in (("config.json", 1 << 25), ("model.weights.h5", 65 << 20)):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in members.items():
                with archive.open(other, "w") as file:
                    block = bytes(1 << 20)
                    for _ in range(size >> 20 if other == name else 0):
                        file.write(block)
                    file.write(content)
        with pytest.raises(ValueError, match=rf"{name}'? declares \d+ bytes"):
            models.load_model(path)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"class_name": "Lambda", "config": {"function": "4wA="}}, "Lambda holds Python code"),
        ({"class_name": "os.system", "config": {}}, "unknown layer 'os.system'"),
        ({"class_name": ["Dense"], "config": {}}, "TypeError"),
        ({"class_name": "Dense", "config": {"units": 1 << 40}}, "larger than the file's weights"),
        ({"class_name": "Dense", "config": {"units": 10**30}}, "larger than the file's weights"),
        ({"class_name": "Dense", "config": {"units": "3"}}, "units must be a positive integer"),
        ({"class_name": "Dense", "config": {"units": 3, "activation": "os"}}, "unknown activation"),
        ({"class_name": "Dense", "config": [3]}, "ValueError|TypeError|dictionary|sequence"),
        (
            {"class_name": "Embedding", "config": {"input_dim": 1 << 40, "output_dim": 9} | F64},
            "larger",
        ),
        ([], "AttributeError|must"),
    ],
)
def test_layers_that_mean_harm(entry: Any, reason: str, members: Any, tmp_path: Path) -> None:
    path = with_config(tmp_path / "x.keras", members, lambda stack: stack.insert(1, entry))
    with pytest.raises(ValueError, match=reason):
        models.load_model(path)


def test_text_that_is_nested_without_end(members: Any, tmp_path: Path) -> None:
    deep = b'{"config": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    with pytest.raises(ValueError, match="nested too deeply|RecursionError"):
        models.load_model(archive_of(tmp_path / "x.keras", members | {"config.json": deep}))

    def nest(stack: list[Any]) -> None:
        for _ in range(300):
            stack[1] = {"class_name": "TimeDistributed", "config": {"layer": stack[1]}}

    with pytest.raises(ValueError):
        models.load_model(with_config(tmp_path / "x.keras", members, nest))
    with pytest.raises(ValueError, match="is no JSON"):
        models.model_from_json("{")


def changed_weights(
    path: Path, members: dict[str, bytes], change: Callable[[h5py.File], None]
) -> Path:
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        change(file)
    return archive_of(path, members | {"model.weights.h5": content.getvalue()})


def _link_out(file: Any) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("other.h5", "/secret")


def _soft_link(file: Any) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = h5py.SoftLink("/layers/gru/cell/vars")


def _virtual(file: Any) -> None:
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[...] = h5py.VirtualSource("other.h5", "secret", (3, 2))
    file["layers/dense/vars"].create_virtual_dataset("0", layout)


def _empty_chunks(file: Any) -> None:
    del file["optimizer/vars/2"]
    file["optimizer/vars"].create_dataset("2", (1 << 20, 1 << 20), "f4", chunks=True)


def _vast_chunks(file: Any) -> None:
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_dataset(
        "0", (3, 2), "f4", maxshape=(None, None), chunks=(1 << 13, 1 << 13)
    )


def _compressed(file: Any) -> None:
    del file["layers/dense/vars/0"]
    data = np.zeros((1 << 13, 1 << 13), np.uint8)
    file["layers/dense/vars"].create_dataset("0", data=data, compression="gzip")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_link_out, "lies in another file or place"),
        (_soft_link, "lies in another file or place"),
        (_virtual, "lies in another file"),
        (_compressed, "is of shape"),
        (_vast_chunks, "declares 268435456 bytes, but 0 are stored"),
    ],
)
def test_weights_that_lie_elsewhere(change: Any, reason: str, members: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        models.load_model(changed_weights(tmp_path / "x.keras", members, change))


def test_a_state_that_declares_too_much_is_left(members: Any, tmp_path: Path) -> None:
    path = changed_weights(tmp_path / "x.keras", members, _empty_chunks)
    with pytest.warns(UserWarning, match="starts afresh: .* declares 4398046511104 bytes"):
        model = models.load_model(path)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 0


def test_groups_that_lie_in_themselves(tmp_path: Path) -> None:
    from fastrnn.apps import inspect_file

    with h5py.File(tmp_path / "ring.h5", "w") as file:
        group = file.create_group("a/b")
        group["c"] = file["a"]
    with pytest.raises(ValueError, match="lies in itself"):
        inspect_file(tmp_path / "ring.h5")


FORMS = {"keras": "save", "h5": "save", "weights.h5": "save_weights", "safetensors": "save_weights"}


@pytest.mark.parametrize("form", FORMS)
def test_damage_of_any_kind_is_an_error(form: str, tmp_path: Path) -> None:
    """Truncated, with bits flipped, with bytes overwritten: read, or refused, in no time."""
    model = small()
    path = tmp_path / f"model.{form}"
    getattr(model, FORMS[form])(path)
    good = path.read_bytes()
    rng = np.random.default_rng(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    start = time.process_time()
    for case in range(150):
        data = bytearray(good)
        if case % 3 == 0:
            data = data[: rng.integers(len(data))]
        elif case % 3 == 1:
            for place in rng.integers(0, len(data), rng.integers(1, 9)):
                data[place] ^= 1 << int(rng.integers(8))
        else:
            place, length = int(rng.integers(min(len(data), 1 << 14))), int(rng.integers(1, 16))
            data[place : place + length] = rng.bytes(length)
        path.write_bytes(bytes(data))
        try:
            if FORMS[form] == "save":
                models.load_model(path)
            else:
                model.load_weights(path)
        except (ValueError, OSError):
            refused += 1
    assert refused > 50
    assert time.process_time() - start < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


def test_a_heap_without_end(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    small().save(path)
    data = bytearray(path.read_bytes())
    heap = data.find(b"GCOL")
    data[heap + 16 : heap + 32] = bytes(16)  # free space of no size
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="a heap of text is damaged"):
        models.load_model(path)


def test_attributes_of_another_type(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    small().save(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["training_config"]
        numbers = np.empty((), h5py.vlen_dtype(np.int64))
        numbers[()] = np.arange(3)
        file.attrs["training_config"] = numbers
    with pytest.raises(ValueError, match="training_config holds neither text nor numbers"):
        models.load_model(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_save_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    code = """
        import sys, fastrnn
        from fastrnn import layers
        model = fastrnn.Sequential([layers.Input((64,)), layers.Dense(4000)])
        number = 0
        while True:
            number += 1
            model.set_weights([w * 0 + number for w in model.get_weights()])
            for form in ("keras", "h5", "safetensors"):
                (model.save_weights if form == "safetensors" else model.save)(
                    f"{sys.argv[1]}/model.{form}"
                )
            print(number, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    for pause in (0.0, 0.011, 0.023):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(2):
                process.stdout.readline()
            time.sleep(pause)
            os.kill(process.pid, signal.SIGKILL)
        for form in ("keras", "h5", "safetensors"):
            path = tmp_path / f"model.{form}"
            if form == "safetensors":
                arrays = fastrnn.formats.safetensors.load_file(path).values()
            else:
                arrays = models.load_model(path).get_weights()
            values = np.unique(np.concatenate([array.ravel() for array in arrays]))
            assert len(values) == 1
            assert values[0] >= 1
