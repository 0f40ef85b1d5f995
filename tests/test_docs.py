"""README and docs: their code runs, their commands and links exist, no public name is left out."""

from __future__ import annotations

import doctest
import re
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fastrnn

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`+([^`\n]+)`+")

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages find beside them: folders of videos, pictures and words, and mnist.npz."""
    from fastrnn.apps.shapes import write_shape_clips
    from fastrnn.utils import save_img

    folder = tmp_path_factory.mktemp("docs")
    write_shape_clips(folder / "clips", clips_per_class=4)
    digits = np.random.default_rng(0).integers(0, 256, (64, 28, 28), dtype="uint8")
    labels = np.arange(64, dtype="uint8") % 10
    arrays = {"x_train": digits, "y_train": labels, "x_test": digits, "y_test": labels}
    np.savez(folder / "mnist.npz", **arrays)
    for name in ("yes_ann", "yes_bob", "no_ann", "no_bob"):
        (folder / "words").mkdir(exist_ok=True)
        with wave.open(str(folder / "words" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(digits[:20].tobytes())
        word, person = name.split("_")
        save_img(folder / "pictures" / word / f"{person}.png", digits[0][..., None])
    return folder


@by_page
def test_code_runs(
    page: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page's blocks share their names, as in a reader's session; `>>>` shows what is printed."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    text = page.read_text("utf-8")
    for block in BLOCK.finditer(text):
        language, code = block.groups()
        line = text.count("\n", 0, block.start(2))
        if language == "python" and code.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), line)
            doctest.DebugRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
            names |= test.globs
        elif language == "python":
            exec(compile("\n" * line + code, str(page), "exec"), names)


def commands() -> dict[str, set[str]]:
    """The options of each command."""
    typer = pytest.importorskip("typer.main")
    from fastrnn.apps import TASKS
    from fastrnn.cli.app import app
    from fastrnn.cli.train import command_of

    named = list(typer.get_command(app).commands.items())
    named += [("train", command_of(task)) for task in TASKS.values()]  # each has its own options
    options: dict[str, set[str]] = {}
    for name, command in named:
        found = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        options[name] = options.get(name, {"--help"}) | found
    return options


@by_page
def test_commands_and_options_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    pieces = INLINE.findall(BLOCK.sub("", text))
    for language, code in BLOCK.findall(text):
        if language in ("sh", "bash"):
            pieces += code.replace("\\\n", " ").splitlines()
    known = commands()
    wrong = []
    for piece in pieces:
        for call in re.split(r"&&|\||;|#", piece):
            words = call.split()
            if words[:1] == ["fastrnn"] and len(words) > 1 and words[1][0] != "-":
                if words[1] not in known:
                    wrong.append(call)
                    continue
                options = known[words[1]]
            elif words and words[0].startswith("--"):
                options = set().union(*known.values())
            else:
                continue
            given = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            wrong += [f"{option} in: {call}" for option in sorted(given - options)]
    assert wrong == []


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text("utf-8"))
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def public_modules(module: ModuleType) -> Iterator[ModuleType]:
    """A module's public modules, and itself where it has other names."""
    children = [getattr(module, name) for name in module.__all__]
    inner = [child for child in children if isinstance(child, ModuleType)]
    for child in inner:
        yield from public_modules(child)
    if len(inner) < len(children) and module is not fastrnn:
        yield module


def test_the_reference_has_all_modules() -> None:
    """Each has a page there, with all names of its `__all__`."""
    listed = re.findall(
        r"^ +(fastrnn\S+)$", (ROOT / "docs/api.md").read_text("utf-8"), re.MULTILINE
    )
    assert listed == sorted(module.__name__ for module in public_modules(fastrnn))


def test_public_names_are_described() -> None:
    silent = [
        f"{module.__name__}.{name}"
        for module in public_modules(fastrnn)
        for name in module.__all__
        if callable(thing := getattr(module, name)) and not thing.__doc__
    ]
    assert silent == []
