"""One time step of each cell, forward then backward: the equations of ``docs/equations.md``.

Weights lie here gate by gate, (G, I, H) and (G, H, H), so that ``x @ W`` with x (N, I) gives
every gate at once, (G, N, H). Dropout masks are (1, N, K) or (G, N, K) and multiply what
enters those products. ``a_*`` is a gate before its activation, ``d*`` the gradient of ``*``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from .activations import Activation, Array

State: TypeAlias = tuple[Array, ...]  # (h,) or (h, c), each (N, H)


@dataclass
class Parameters:
    """What a cell computes with, gate-major; gradients are summed into ``grads`` by name."""

    kernel: Array  # (G, I, H)
    recurrent_kernel: Array  # (G, H, H)
    bias: Array | None  # (G, 1, H); GRU with reset_after: (2, G, 1, H)
    activation: Activation
    recurrent_activation: Activation
    peephole: Array | None = None  # (3, 1, H)
    dropout_mask: Array | None = None  # (1 or G, N, I)
    recurrent_dropout_mask: Array | None = None  # (1 or G, N, H)
    grads: dict[str, Array] = field(default_factory=dict)

    def clear_grads(self) -> None:
        """Set the gradient of every array that is present to zero."""
        names = ("kernel", "recurrent_kernel", "bias", "peephole")
        arrays = {name: getattr(self, name) for name in names}
        self.grads = {name: np.zeros_like(a) for name, a in arrays.items() if a is not None}


class Cell(Protocol):
    """A step from one state to the next, and its gradient."""

    parameters: Parameters

    def step(self, x: Array, state: State) -> tuple[State, Any]:
        """Return the next state and what `step_backward` needs."""

    def step_backward(self, saved: Any, dstate: State) -> tuple[Array, State]:
        """Return dx and the gradient of the previous state; add to the weights' gradients."""


def _dropped(v: Array, mask: Array | None) -> Array:
    return v if mask is None else v * mask


def _product_backward(
    da: Array, v: Array, weights: Array, mask: Array | None
) -> tuple[Array, Array]:
    """Return dv (N, K) and dweights (G, K, H) of a = (v * mask) @ weights, given da (G, N, H)."""
    dv = _dropped(da @ weights.swapaxes(-1, -2), mask).sum(axis=0)
    return dv, _dropped(v, mask).swapaxes(-1, -2) @ da


def _before(activation: Activation, dy: Array, a: Array, y: Array) -> Array:
    """Return the gradient before an activation, in the precision of what it is given."""
    return np.asarray(activation.backward(dy, a, y), dy.dtype)


def _gates_backward(
    p: Parameters, da: Sequence[Array], x: Array, h_prev: Array
) -> tuple[Array, Array]:
    """Take a = x·W + h_prev·R + b back to x, h_prev, W, R and b; return dx and dh_prev."""
    stacked = np.stack(da)
    dx, dkernel = _product_backward(stacked, x, p.kernel, p.dropout_mask)
    dh_prev, drecurrent = _product_backward(
        stacked, h_prev, p.recurrent_kernel, p.recurrent_dropout_mask
    )
    p.grads["kernel"] += dkernel
    p.grads["recurrent_kernel"] += drecurrent
    if p.bias is not None:
        p.grads["bias"] += stacked.sum(axis=1, keepdims=True)
    return dx, dh_prev


@dataclass
class RNNCell:
    """Elman cell: h = act(x·W + h_prev·R + b)."""

    parameters: Parameters

    def step(self, x: Array, state: State) -> tuple[State, Any]:
        """Return h and what BPTT needs."""
        p = self.parameters
        (h_prev,) = state
        a = _dropped(x, p.dropout_mask) @ p.kernel
        a = a + _dropped(h_prev, p.recurrent_dropout_mask) @ p.recurrent_kernel
        if p.bias is not None:
            a = a + p.bias
        h = p.activation.forward(a[0])
        return (h,), (x, h_prev, a[0], h)

    def step_backward(self, saved: Any, dstate: State) -> tuple[Array, State]:
        """Return dx and dh_prev."""
        x, h_prev, a, h = saved
        da = _before(self.parameters.activation, dstate[0], a, h)
        dx, dh_prev = _gates_backward(self.parameters, [da], x, h_prev)
        return dx, (dh_prev,)


@dataclass
class LSTMCell:
    """LSTM with forget gate; peepholes as in Gers & Schmidhuber 2000.

    i = ra(a_i + p_i * c_prev)      f = ra(a_f + p_f * c_prev)      g = act(a_g)
    c = f * c_prev + i * g          o = ra(a_o + p_o * c)           h = o * act(c)
    """

    parameters: Parameters

    def step(self, x: Array, state: State) -> tuple[State, Any]:
        """Return h, c and what BPTT needs."""
        p = self.parameters
        ra, act = p.recurrent_activation.forward, p.activation.forward
        h_prev, c_prev = state
        a = _dropped(x, p.dropout_mask) @ p.kernel
        a = a + _dropped(h_prev, p.recurrent_dropout_mask) @ p.recurrent_kernel
        if p.bias is not None:
            a = a + p.bias
        a_i, a_f, a_g, a_o = a
        if p.peephole is not None:
            a_i = a_i + p.peephole[0] * c_prev
            a_f = a_f + p.peephole[1] * c_prev
        i, f, g = ra(a_i), ra(a_f), act(a_g)
        c = f * c_prev + i * g
        if p.peephole is not None:
            a_o = a_o + p.peephole[2] * c
        o, c_out = ra(a_o), act(c)
        saved = (x, h_prev, c_prev, (a_i, a_f, a_g, a_o), (i, f, g, o), c, c_out)
        return (o * c_out, c), saved

    def step_backward(self, saved: Any, dstate: State) -> tuple[Array, State]:
        """Return dx and dh_prev, dc_prev."""
        p = self.parameters
        ra, act = p.recurrent_activation, p.activation
        x, h_prev, c_prev, (a_i, a_f, a_g, a_o), (i, f, g, o), c, c_out = saved
        dh, dc = dstate
        da_o = _before(ra, dh * c_out, a_o, o)
        dc = dc + _before(act, dh * o, c, c_out)
        if p.peephole is not None:
            dc = dc + p.peephole[2] * da_o
        da_i = _before(ra, dc * g, a_i, i)
        da_f = _before(ra, dc * c_prev, a_f, f)
        da_g = _before(act, dc * i, a_g, g)
        dc_prev = dc * f
        if p.peephole is not None:
            dc_prev = dc_prev + p.peephole[0] * da_i + p.peephole[1] * da_f
            products = np.stack([da_i * c_prev, da_f * c_prev, da_o * c])
            p.grads["peephole"] += products.sum(axis=1, keepdims=True)
        dx, dh_prev = _gates_backward(p, [da_i, da_f, da_g, da_o], x, h_prev)
        return dx, (dh_prev, dc_prev)


@dataclass
class GRUCell:
    """GRU with the reset gate after the recurrent product, as cuDNN, PyTorch and Keras have it.

    z = ra(x·W_z + b_z + h_prev·R_z + b_rz)             r likewise
    n = act(x·W_n + b_n + r * (h_prev·R_n + b_rn))      h = z * h_prev + (1 - z) * n
    """

    parameters: Parameters

    def step(self, x: Array, state: State) -> tuple[State, Any]:
        """Return h and what BPTT needs."""
        p = self.parameters
        ra, act = p.recurrent_activation.forward, p.activation.forward
        (h_prev,) = state
        ax = _dropped(x, p.dropout_mask) @ p.kernel
        ah = _dropped(h_prev, p.recurrent_dropout_mask) @ p.recurrent_kernel
        if p.bias is not None:
            ax, ah = ax + p.bias[0], ah + p.bias[1]
        a_z, a_r, q = ax[0] + ah[0], ax[1] + ah[1], ah[2]
        z, r = ra(a_z), ra(a_r)
        a_n = ax[2] + r * q
        n = act(a_n)
        return (z * h_prev + (1 - z) * n,), (x, h_prev, (a_z, a_r, a_n), (z, r, n), q)

    def step_backward(self, saved: Any, dstate: State) -> tuple[Array, State]:
        """Return dx and dh_prev."""
        p = self.parameters
        x, h_prev, (a_z, a_r, a_n), (z, r, n), q = saved
        (dh,) = dstate
        da_z = _before(p.recurrent_activation, dh * (h_prev - n), a_z, z)
        da_n = _before(p.activation, dh * (1 - z), a_n, n)
        da_r = _before(p.recurrent_activation, da_n * q, a_r, r)
        dax, dah = np.stack([da_z, da_r, da_n]), np.stack([da_z, da_r, da_n * r])
        dx, dkernel = _product_backward(dax, x, p.kernel, p.dropout_mask)
        dh_prev, drecurrent = _product_backward(
            dah, h_prev, p.recurrent_kernel, p.recurrent_dropout_mask
        )
        p.grads["kernel"] += dkernel
        p.grads["recurrent_kernel"] += drecurrent
        if p.bias is not None:
            p.grads["bias"] += np.stack([dax, dah]).sum(axis=2, keepdims=True)
        return dx, (dh_prev + dh * z,)


@dataclass
class GRUResetBeforeCell:
    """GRU with the reset gate before the recurrent product: Cho et al. 2014.

    z = ra(x·W_z + h_prev·R_z + b_z)                    r likewise
    n = act(x·W_n + (r * h_prev)·R_n + b_n)             h = z * h_prev + (1 - z) * n
    """

    parameters: Parameters

    def step(self, x: Array, state: State) -> tuple[State, Any]:
        """Return h and what BPTT needs."""
        p = self.parameters
        ra, act = p.recurrent_activation.forward, p.activation.forward
        (h_prev,) = state
        gates = len(p.kernel)
        h_dropped = np.broadcast_to(
            _dropped(h_prev, p.recurrent_dropout_mask), (gates, *h_prev.shape)
        )
        ax = _dropped(x, p.dropout_mask) @ p.kernel
        if p.bias is not None:
            ax = ax + p.bias
        a_z, a_r = ax[:2] + h_dropped[:2] @ p.recurrent_kernel[:2]
        z, r = ra(a_z), ra(a_r)
        a_n = ax[2] + (r * h_dropped[2]) @ p.recurrent_kernel[2]
        n = act(a_n)
        saved = (x, h_prev, h_dropped, (a_z, a_r, a_n), (z, r, n))
        return (z * h_prev + (1 - z) * n,), saved

    def step_backward(self, saved: Any, dstate: State) -> tuple[Array, State]:
        """Return dx and dh_prev."""
        p = self.parameters
        x, h_prev, h_dropped, (a_z, a_r, a_n), (z, r, n) = saved
        (dh,) = dstate
        da_z = _before(p.recurrent_activation, dh * (h_prev - n), a_z, z)
        da_n = _before(p.activation, dh * (1 - z), a_n, n)
        dh_reset = da_n @ p.recurrent_kernel[2].T  # gradient of r * h_dropped
        da_r = _before(p.recurrent_activation, dh_reset * h_dropped[2], a_r, r)
        dh_dropped = np.stack(
            [
                da_z @ p.recurrent_kernel[0].T,
                da_r @ p.recurrent_kernel[1].T,
                dh_reset * r,
            ]
        )
        da = np.stack([da_z, da_r, da_n])
        dx, dkernel = _product_backward(da, x, p.kernel, p.dropout_mask)
        entering = np.stack([h_dropped[0], h_dropped[1], r * h_dropped[2]])
        p.grads["kernel"] += dkernel
        p.grads["recurrent_kernel"] += entering.swapaxes(1, 2) @ da
        if p.bias is not None:
            p.grads["bias"] += da.sum(axis=1, keepdims=True)
        return dx, (_dropped(dh_dropped, p.recurrent_dropout_mask).sum(axis=0) + dh * z,)
