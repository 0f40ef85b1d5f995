"""The `fastrnn` command."""

from __future__ import annotations


def main() -> None:
    """Run the `fastrnn` command with the arguments of the process."""
    from fastrnn.cli.app import app

    app()


__all__ = ["main"]
