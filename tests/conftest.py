"""Fixtures that every test file may use."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import fastrnn

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    # A shell lets what it runs in the background ignore Ctrl-C, which tests send to themselves.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("nvidia-smi"):
        return
    skip = pytest.mark.skip(reason="needs an NVIDIA GPU, none found (no nvidia-smi)")
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test draws the same weights, whatever ran before it."""
    fastrnn.utils.set_random_seed(20)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(20)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings: FASTRNN_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("FASTRNN_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set FASTRNN_DATA")
    return folder
