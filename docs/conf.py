"""How Sphinx builds these pages: `sphinx-build -W -n docs build/docs`, or `nox -s docs`."""

from pathlib import Path

from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

import fastrnn
from fastrnn.apps import TASKS
from fastrnn.cli.app import app
from fastrnn.cli.train import command_of

project = "fastrnn"
author = "The fastrnn developers"
copyright = author
version = release = fastrnn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = f"fastrnn {version}"

myst_heading_anchors = 4
myst_disable_syntax = ["footnote_ref"]  # the [^_] of a regular expression

# A page for each module of api.md, with the names of its __all__, wherever they are defined.
autosummary_ignore_module_all = False
autosummary_imported_members = True
# An override without a docstring is described where the base class is.
autodoc_inherit_docstrings = False
autodoc_member_order = "groupwise"
# numpydoc's sections say the types.
autodoc_typehints = "none"
numpydoc_show_class_members = False
default_role = "autolink"
# Single backticks in docstrings also name what has no page here: parameters, private modules.
nitpick_ignore_regex = [("py:obj", ".*")]

# All commands and their options, from what --help prints; `train` has those of its task.
commands = [get_command(app), *(command_of(task) for task in TASKS.values())]
names = ["fastrnn", *(f"fastrnn train --task {task}" for task in TASKS)]
page = Path(__file__).parent / "api" / "commands.md"
page.parent.mkdir(exist_ok=True)
page.write_text(
    "\n".join(
        get_docs_for_click(obj=command, ctx=Context(command), name=name, indent=number > 0)
        for number, (name, command) in enumerate(zip(names, commands, strict=True))
    ),
    "utf-8",
)
