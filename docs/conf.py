"""How Sphinx builds these pages: `sphinx-build -W -n docs build/docs`, or `nox -s docs`."""

import subprocess
import sys
from pathlib import Path

import fastrnn

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

# All commands and their options, from what --help prints.
commands = Path(__file__).parent / "api" / "commands.md"
commands.parent.mkdir(exist_ok=True)
typer = [sys.executable, "-m", "typer", "fastrnn.cli.app", "utils", "docs", "--name=fastrnn"]
subprocess.run(
    [*typer, "--title=Commands", f"--output={commands}"], check=True, stdout=subprocess.DEVNULL
)
