"""Weights packed once, for many predictions and for streams of single steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._run import run, typed
from fastrnn.ops._sequence import ActivationLike, cell_weights, check_sequence

__all__ = ["PackedRecurrent", "RecurrentStream"]

_CELLS = ("lstm", "gru", "rnn")


class PackedRecurrent:
    """A recurrent layer's weights, copied into the order in which the kernels read them.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
    kernel, recurrent_kernel, bias, peephole : arrays
        As for :func:`fastrnn.ops.lstm`, :func:`gru` and :func:`rnn`. Later changes to them are not
        seen.
    reset_after : bool
        For the GRU.
    activation, recurrent_activation : str or callable

    Raises
    ------
    ValueError, TypeError
        Where a shape, a value or a dtype does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> rng = np.random.default_rng(0)
    >>> w = rng.standard_normal((3, 4 * 7), dtype=np.float32)
    >>> r = rng.standard_normal((7, 4 * 7), dtype=np.float32)
    >>> packed = ops.PackedRecurrent("lstm", w, r)
    >>> x = rng.standard_normal((1, 5, 3), dtype=np.float32)
    >>> y, h_n, c_n = packed.run(x)
    >>> stream = packed.stream()
    >>> for t in range(5):
    ...     h = stream.step(x[:, t])
    >>> bool(np.allclose(h, h_n, atol=1e-6))
    True
    """

    def __init__(
        self,
        cell: str,
        kernel: object,
        recurrent_kernel: object,
        bias: object = None,
        *,
        peephole: object = None,
        reset_after: bool = True,
        activation: ActivationLike | None = "tanh",
        recurrent_activation: ActivationLike | None = "sigmoid",
    ) -> None:
        if cell not in _CELLS:
            raise ValueError(f"PackedRecurrent: cell must be one of {_CELLS}, got {cell!r}")
        if peephole is not None and cell != "lstm":
            raise ValueError(f"PackedRecurrent: peephole belongs to the lstm, got it for {cell!r}")
        self._weights = cell_weights(
            cell, kernel, recurrent_kernel, bias, peephole, reset_after, activation,
            recurrent_activation,
        )  # fmt: skip
        self._packed = None
        if self._weights.fused:
            self._packed = self._weights.core.pack(False)
        else:
            self._weights = self._weights.copy()

    @property
    def cell(self) -> str:
        """Name of the cell."""
        return self._weights.op

    def run(
        self,
        x: object,
        h0: object = None,
        c0: object = None,
        *,
        mask: object = None,
        lengths: object = None,
        reset: object = None,
        reverse: bool = False,
    ) -> tuple[Array, ...]:
        """Run whole sequences: as :func:`fastrnn.ops.lstm`, :func:`gru` or :func:`rnn`.

        Returns
        -------
        y, h_n : arrays (N, T, H), (N, H)
        c_n : array (N, H)
            For the lstm.
        """
        sequence = check_sequence(
            self._weights, x, h0, c0, mask=mask, lengths=lengths, reset=reset, reverse=reverse
        )
        y, h_n, c_n = run(sequence, self._packed)
        return (y, h_n) if c_n is None else (y, h_n, c_n)

    def stream(self, batch_size: int = 1) -> RecurrentStream:
        """Return a predictor that takes one step at a time and keeps its state."""
        return RecurrentStream(self, batch_size)


class RecurrentStream:
    """Step-by-step prediction; made by :meth:`PackedRecurrent.stream`.

    One object serves one thread at a time.
    """

    def __init__(self, packed: PackedRecurrent, batch_size: int = 1) -> None:
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"stream: batch_size must be a positive integer, got {batch_size!r}")
        _arrays.check_sizes("stream", batch_size=batch_size)
        weights = packed._weights
        self._owner = packed
        self._weights = weights
        self._packed = packed._packed
        self._dtype = weights.dtype
        self._shape = (batch_size, weights.input)
        self._h = np.zeros((batch_size, weights.hidden), weights.dtype)
        self._c = np.zeros_like(self._h) if weights.cell == "lstm" else None
        self._y = np.empty_like(self._h)
        self._view = self._h.view()
        self._view.flags.writeable = False
        self._step: Any = typed("recurrent_step", weights.dtype)

    @property
    def state(self) -> tuple[Array, ...]:
        """Copies of h, and of c for the lstm: each (N, H)."""
        if self._c is None:
            return (self._h.copy(),)
        return self._h.copy(), self._c.copy()

    @state.setter
    def state(self, value: tuple[object, ...]) -> None:
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"stream: state must be a tuple, got {type(value).__name__}")
        arrays = (self._h,) if self._c is None else (self._h, self._c)
        if len(value) != len(arrays):
            wanted = "(h,)" if self._c is None else "(h, c)"
            raise ValueError(
                f"stream: state of the {self._owner.cell} must be {wanted}, got {len(value)} arrays"
            )
        checked = [
            _arrays.shaped("stream", "state", new, self._dtype, self._h.shape, "(N, H)")
            for new in value
        ]
        for array, new in zip(arrays, checked, strict=True):
            array[...] = new

    def step(self, x: object) -> Array:
        """Take one step.

        Parameters
        ----------
        x : array (N, I)

        Returns
        -------
        array (N, H)
            The new h: a read-only view of the state, changed by the next step.
        """
        if (
            type(x) is not np.ndarray
            or x.dtype is not self._dtype
            or x.shape != self._shape
            or not (flags := x.flags).c_contiguous
            or not flags.aligned
        ):
            x = _arrays.shaped("step", "x", x, self._dtype, self._shape, "(N, I)")
        return self.advance(x)

    def advance(self, x: Array) -> Array:
        """:meth:`step` without its checks: x is contiguous, of the weights' dtype, and (N, I)."""
        if self._packed is None:
            _, *state = self._owner.run(x[:, None], self._h, self._c)
            self.state = tuple(state)
        else:
            self._step(self._packed, x, self._h, self._c, self._y)
        return self._view

    def reset(self, rows: object = None) -> None:
        """Set the state to zero: of all rows, or of those given by indices or a boolean array."""
        index: Any = slice(None) if rows is None else rows
        self._h[index] = 0
        if self._c is not None:
            self._c[index] = 0
