"""Recompute the polynomial coefficients of csrc/cpu/vmath.h and unfused_activations.h.

    pip install mpmath && python tools/fit_vmath.py

Prints each polynomial, lowest power first, with its largest relative error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import (
    atanh,
    cos,
    erfc,
    exp,
    expm1,
    log,
    lu_solve,
    matrix,
    mp,
    mpf,
    nstr,
    pi,
    sqrt,
)

mp.dps = 50
GRID = 4000

Function = Callable[[Any], Any]


def evaluate(coefficients: list[Any], x: Any) -> Any:
    """Return the polynomial's value at x."""
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def chebyshev_points(low: Any, high: Any, count: int) -> list[Any]:
    """Return the zeros of a Chebyshev polynomial, in ascending order."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * cos(pi * (k + mpf(1) / 2) / count) for k in range(count)]


def interpolate(f: Function, low: Any, high: Any, degree: int) -> list[Any]:
    """Return the polynomial through f at Chebyshev points."""
    points = chebyshev_points(low, high, degree + 1)
    powers = matrix([[x**k for k in range(degree + 1)] for x in points])
    return list(lu_solve(powers, matrix([f(x) for x in points])))


def remez(f: Function, weight: Function, low: Any, high: Any, degree: int) -> list[Any]:
    """Return the polynomial with the least maximum of weight * abs(f - polynomial)."""
    points = chebyshev_points(low, high, degree + 2)
    grid = [low + (high - low) * mpf(i) / GRID for i in range(GRID + 1)]
    for _ in range(12):
        rows = [
            [*(x**k for k in range(degree + 1)), (-1) ** i / weight(x)]
            for i, x in enumerate(points)
        ]
        solution = list(lu_solve(matrix(rows), matrix([f(x) for x in points])))
        coefficients, level = solution[:-1], abs(solution[-1])
        errors = [weight(x) * (f(x) - evaluate(coefficients, x)) for x in grid]
        if max(abs(e) for e in errors) < level * (1 + mpf("1e-6")):
            break
        points = extrema(grid, errors, degree + 2)
    return coefficients


def extrema(grid: list[Any], errors: list[Any], count: int) -> list[Any]:
    """Return the places of the largest error of each sign run, the smallest ends dropped."""
    runs: list[list[int]] = [[0]]
    for i in range(1, len(grid)):
        if (errors[i] > 0) == (errors[i - 1] > 0):
            runs[-1].append(i)
        else:
            runs.append([i])
    best = [max(run, key=lambda i: abs(errors[i])) for run in runs]
    while len(best) > count:
        best.pop(0 if abs(errors[best[0]]) < abs(errors[best[-1]]) else -1)
    return [grid[i] for i in best]


def report(title: str, coefficients: list[Any], error: Function, low: Any, high: Any) -> None:
    """Print coefficients and the largest error."""
    worst = max(abs(error(low + (high - low) * mpf(i) / GRID)) for i in range(1, GRID + 1))
    print(f"{title}: relative error {nstr(worst, 3)}")
    print("  " + ", ".join(nstr(c, 20) for c in coefficients))


def fit_exp(degree: int) -> None:
    """(e^r - 1) / r on half of ln2 to either side."""

    def q(r: Any) -> Any:
        return expm1(r) / r if r else mpf(1)

    high = log(2) / 2 * mpf("1.0001")
    c = remez(q, lambda r: 1 / q(r), -high, high, degree)
    report(f"exp, degree {degree}", c, lambda r: evaluate(c, r) / q(r) - 1, -high, high)


def fit_log1p(degree: int) -> None:
    """(2 artanh(s) - 2 s) / s^3 as a polynomial in z = s^2, s up to 1/3."""

    def p(z: Any) -> Any:
        s = sqrt(z)
        return (2 * atanh(s) - 2 * s) / (s * z) if z > mpf("1e-20") else mpf(2) / 3

    def error(z: Any) -> Any:  # of the whole sum, whose first term is 2 s
        return (evaluate(c, z) - p(z)) * z / 2

    high = mpf(1) / 9 * mpf("1.0001")
    c = remez(p, lambda z: mpf(1), mpf(0), high, degree)
    report(f"log1p, degree {degree}", c, error, mpf(0), high)


def fit_normal_tail(scale: str, largest: str, degree: int) -> None:
    """erfc(a / sqrt 2) / 2 * e^(a^2 / 2) / t, t = 1 / (1 + scale a)."""

    def p(t: Any) -> Any:
        a = (1 / t - 1) / mpf(scale)
        return erfc(a / sqrt(2)) / 2 * exp(a * a / 2) / t

    low = 1 / (1 + mpf(scale) * mpf(largest))
    c = interpolate(p, low, mpf(1), degree)
    report(f"normal tail, degree {degree}", c, lambda t: evaluate(c, t) / p(t) - 1, low, mpf(1))


if __name__ == "__main__":
    fit_exp(5)
    fit_exp(10)
    fit_log1p(4)
    fit_log1p(9)
    fit_normal_tail("0.3", "14.5", 9)
    fit_normal_tail("0.25", "39", 22)
