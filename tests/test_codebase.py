"""Rules of the code base: layering, sizes, versions, and commands that the README promises."""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastrnn

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "fastrnn"
CSRC = ROOT / "csrc"
MAX_LINES = 450

# What each part of the package may import of the package. `fastrnn` itself (the top module) and
# private top modules such as `_files` stand outside the layers.
BASE = {"_files", "config"}
MODEL_PARTS = {
    *("activations", "callbacks", "formats", "initializers", "layers", "losses", "metrics"),
    *("models", "optimizers", "preprocessing", "regularizers", "constraints", "utils"),
}
ALLOWED: dict[str, set[str]] = {
    "__main__": {"cli"},
    "_core": set(),
    "_cuda": set(),
    "_files": set(),
    "config": {"_core", "_cuda"},
    "ops": {"_core", "_cuda", "config"},
    "reference": set(),
    "testing": {"reference", "ops", "config"},
    "video": set(),
    "audio": set(),
    "data": {"video", "audio", "utils"},
    "datasets": set(),
    "apps": {
        "callbacks",
        "datasets",
        "preprocessing",
        "audio",
        "data",
        "formats",
        "video",
        "models",
        "layers",
        "optimizers",
        "losses",
        "metrics",
        "utils",
        "ops",
    },
    "cli": {"apps", "data", "video"},
    **{name: {"ops", *MODEL_PARTS} for name in MODEL_PARTS},
}
# Layers know no models, optimizers or callbacks: those stand above them.
ALLOWED["layers"] -= {"models", "optimizers", "callbacks", "losses", "metrics", "formats"}
ALLOWED["optimizers"] -= {"models", "callbacks"}
for name in ("regularizers", "constraints", "initializers"):
    ALLOWED[name] -= {"models", "layers", "optimizers", "callbacks"}
# Pictures are read and warped by OpenCV.
ALLOWED["utils"] |= {"video"}
ALLOWED["preprocessing"] |= {"video"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports_of(path: Path) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = path.relative_to(PACKAGE.parent).with_suffix("").parts[: -node.level]
                base = ".".join([*parents, *([base] if base else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def parts_used(path: Path) -> set[str]:
    names = imports_of(path)
    inside = {name.split(".")[1] for name in names if name.startswith("fastrnn.")}
    parts = {child.stem if child.is_file() else child.name for child in PACKAGE.iterdir()}
    return inside & (parts | {"_core", "_cuda"})


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="the sources are not beside the tests")
class TestPython:
    def test_layers_import_only_what_lies_below(self) -> None:
        wrong = []
        for path in python_files():
            part = part_of(path)
            if part == "__init__":
                continue
            assert part in ALLOWED, f"{part} has no place in the layers: add it to this test"
            extra = parts_used(path) - ALLOWED[part] - BASE - {part}
            wrong += [f"{path.relative_to(ROOT)} imports fastrnn.{name}" for name in sorted(extra)]
        assert wrong == []

    def test_only_ops_and_config_import_the_core(self) -> None:
        cores = {"_core", "_cuda"}
        users = {part_of(path) for path in python_files() if cores & parts_used(path)}
        assert users <= {"ops", "config", "__init__"}

    def test_the_reference_imports_numpy_alone(self) -> None:
        allowed = {"numpy", "fastrnn", *sys.stdlib_module_names}
        for path in (PACKAGE / "reference").rglob("*.py"):
            modules = {name.split(".")[0] for name in imports_of(path)}
            assert modules <= allowed, path
            assert parts_used(path) <= {"reference"}, path

    def test_no_shipped_code_imports_the_reference(self) -> None:
        users = {part_of(path) for path in python_files() if "reference" in parts_used(path)}
        assert users <= {"reference", "testing"}

    def test_opencv_is_imported_in_one_place(self) -> None:
        users = [
            path.relative_to(PACKAGE).as_posix()
            for path in python_files()
            if any(name.split(".")[0] == "cv2" for name in imports_of(path))
        ]
        assert users == ["video/_opencv.py"]

    def test_nothing_is_left_unfinished(self) -> None:
        marks = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
        kernels = (path for kind in ("*.h", "*.cc", "*.cu", "*.cuh") for path in CSRC.rglob(kind))
        sources = [*python_files(), *kernels]
        assert [str(path) for path in sources if marks.search(path.read_text("utf-8"))] == []


@pytest.mark.skipif(not CSRC.is_dir(), reason="the sources are not beside the tests")
class TestCpp:
    @staticmethod
    def includes(folder: str) -> dict[Path, list[str]]:
        files = [path for path in (CSRC / folder).rglob("*") if path.suffix in {".h", ".cc"}]
        pattern = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])', re.MULTILINE)
        return {path: pattern.findall(path.read_text("utf-8")) for path in files}

    @staticmethod
    def own(names: list[str]) -> list[str]:
        return [name.strip('"') for name in names if name.startswith('"')]

    def test_pybind11_appears_in_the_bindings_only(self) -> None:
        for path, names in self.includes(".").items():
            if "bindings" not in path.parts:
                assert not any("pybind11" in name or "Python.h" in name for name in names), path

    def test_bindings_know_no_kernel(self) -> None:
        for path, names in self.includes("bindings").items():
            wrong = [name for name in self.own(names) if name.startswith(("cpu/", "cells/"))]
            assert wrong == [], path

    def test_cells_know_vectors_and_mathematics_only(self) -> None:
        for path, names in self.includes("cells").items():
            wrong = [name for name in self.own(names) if name.startswith(("cuda/", "bindings/"))]
            wrong += [
                name
                for name in self.own(names)
                if re.search(r"gemm|sequence|parallel|panels|dense|optimizer|dispatch", name)
            ]
            assert wrong == [], path

    def test_cpu_and_cuda_do_not_know_each_other(self) -> None:
        for path, names in self.includes("cpu").items():
            wrong = [name for name in self.own(names) if name.startswith(("cuda/", "bindings/"))]
            assert wrong == [], path
        for path, names in self.includes("cuda").items():
            wrong = [name for name in self.own(names) if name.startswith(("cpu/", "bindings/"))]
            assert wrong == [], path


def test_files_stay_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for folder in (PACKAGE, CSRC)
        for path in folder.rglob("*")
        if path.suffix in {".py", ".pyi", ".h", ".cc", ".cu", ".cuh"}
        and (count := len(path.read_text("utf-8").splitlines())) > MAX_LINES
    ]
    assert long == []


def test_versions_agree() -> None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # run from a build tree
        assert importlib.metadata.version("fastrnn") == fastrnn.__version__
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{fastrnn.__version__}"' in project
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == fastrnn.__version__


def test_ci_runs_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    check = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "pip install '.[test]' && pytest" in readme
    assert "pip install '.[test]' && pytest" in check
    assert "pip install . && fastrnn demo" in readme
    assert re.search(r"\bfastrnn demo\b", check)


def test_import_is_light_and_fast() -> None:
    """Heavy packages are imported when used; the time is measured net of NumPy's."""
    code = (
        "import sys, numpy, time\n"
        "start = time.perf_counter()\n"
        "import fastrnn\n"
        "seconds = time.perf_counter() - start\n"
        "heavy = {'cv2', 'h5py', 'rich', 'typer', 'torch', 'tensorflow', 'cupy'}\n"
        "heavy &= set(sys.modules)\n"
        "print(seconds, *sorted(heavy))\n"
    )
    results = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    fields = [result.stdout.split() for result in results]
    assert all(field[1:] == [] for field in fields)
    assert min(float(field[0]) for field in fields) < 0.1
