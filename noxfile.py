"""Tasks for developers: `nox -l` lists them; `.ci/run` is the complete check."""

import nox

nox.options.sessions = ["lint", "tests"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Install the package and run its tests."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    session.install(".[test,dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages into build/docs; any warning is an error."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-n", "docs", "build/docs")


@nox.session
def bench(session: nox.Session) -> None:
    """Time the recurrent kernels beside PyTorch and ONNX Runtime."""
    session.install(".[bench]")
    session.run("python", "benchmarks/bench_recurrent.py", *session.posargs)


@nox.session
def bench_conv(session: nox.Session) -> None:
    """Time the convolution kernels beside PyTorch and ONNX Runtime."""
    session.install(".[bench]")
    session.run("python", "benchmarks/bench_conv.py", *session.posargs)
