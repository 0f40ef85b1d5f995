"""The examples in docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import fastrnn

_MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fastrnn.__path__, "fastrnn.")
    if not module.name.endswith(("__main__", "._core"))
)


@pytest.mark.parametrize("name", _MODULES)
def test_examples_run(name: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    module = importlib.import_module(name)
    result = doctest.testmod(module, verbose=False)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples fail"
