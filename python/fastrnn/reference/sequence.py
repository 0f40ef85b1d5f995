"""The time loop and backpropagation through time, the same for every cell.

A step of a row goes: reset (start from the initial state), the cell, zoneout, mask (carry
the state and repeat the previous output).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .activations import Array
from .cells import Cell, State


@dataclass
class Schedule:
    """Which steps run, from what, and in which order."""

    valid: Array  # (N, T) bool
    reset: Array  # (N, T) bool
    reverse: bool
    zoneout: list[Array]  # per state, broadcast to (N, T, H)

    def order(self) -> Sequence[int]:
        """Return the time steps in running order."""
        steps = range(self.valid.shape[1])
        return steps[::-1] if self.reverse else steps


@dataclass
class Cache:
    """What a forward run leaves for the backward one."""

    cell: Cell
    schedule: Schedule
    x_shape: tuple[int, ...]
    initial: State
    saved: dict[int, Any]  # time step -> what the cell saved


def run(cell: Cell, x: Array, initial: State, schedule: Schedule) -> tuple[Array, State, Cache]:
    """Run a cell over x (N, T, I); return y (N, T, H), the final states and a cache."""
    cache = Cache(cell, schedule, x.shape, initial, {})
    y = np.zeros((*x.shape[:2], initial[0].shape[1]), x.dtype)
    output = np.zeros_like(initial[0])
    state = initial
    for t in schedule.order():
        valid, reset = schedule.valid[:, t, None], schedule.reset[:, t, None]
        x_t = np.where(valid, x[:, t], 0)  # what lies in a masked step is never used
        prev = tuple(np.where(reset, s0, s) for s0, s in zip(initial, state, strict=True))
        fresh, cache.saved[t] = cell.step(x_t, prev)
        zoned = tuple(
            zo[:, t] * s_prev + (1 - zo[:, t]) * s
            for zo, s_prev, s in zip(schedule.zoneout, prev, fresh, strict=True)
        )
        state = tuple(np.where(valid, s, s_prev) for s, s_prev in zip(zoned, prev, strict=True))
        output = np.where(valid, zoned[0], output)
        y[:, t] = output
    return y, state, cache


def run_backward(cache: Cache, dy: Array, dfinal: State) -> tuple[Array, State]:
    """Return dx (N, T, I) and the gradients of the initial states.

    The gradients of the weights are left in ``cache.cell.parameters.grads``.
    """
    cell, schedule = cache.cell, cache.schedule
    cell.parameters.clear_grads()
    dx = np.zeros(cache.x_shape, dy.dtype)
    dinitial = tuple(np.zeros_like(d) for d in dfinal)
    dstate = dfinal
    doutput = np.zeros_like(dfinal[0])
    for t in reversed(schedule.order()):
        valid, reset = schedule.valid[:, t, None], schedule.reset[:, t, None]
        # Masked steps repeat an output: their dy waits for the step that made it.
        doutput = doutput + dy[:, t]
        carried = tuple(np.where(valid, 0, d) for d in dstate)
        dzoned = [np.where(valid, d, 0) for d in dstate]
        dzoned[0] = dzoned[0] + np.where(valid, doutput, 0)
        doutput = np.where(valid, 0, doutput)
        zoneout = [zo[:, t] for zo in schedule.zoneout]
        dfresh = tuple((1 - zo) * d for zo, d in zip(zoneout, dzoned, strict=True))
        dx[:, t], dprev_cell = cell.step_backward(cache.saved[t], dfresh)
        dprev = tuple(
            through_cell + zo * d + kept
            for through_cell, zo, d, kept in zip(dprev_cell, zoneout, dzoned, carried, strict=True)
        )
        dinitial = tuple(d0 + np.where(reset, d, 0) for d0, d in zip(dinitial, dprev, strict=True))
        dstate = tuple(np.where(reset, 0, d) for d in dprev)
    dinitial = tuple(d0 + d for d0, d in zip(dinitial, dstate, strict=True))
    return dx, dinitial
