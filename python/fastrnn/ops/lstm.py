"""LSTM over whole sequences, peepholes included: inference, and both ways of training.

Equations: docs/equations.md#lstm.
"""

from __future__ import annotations

from typing import Any

from fastrnn.ops._arrays import Array
from fastrnn.ops._run import Cache, Gradients, backward, check_cache, run
from fastrnn.ops._sequence import ActivationLike, Sequence, check_sequence, check_weights

__all__ = ["lstm", "lstm_backward", "lstm_forward"]


def _lstm_sequence(
    op: str,
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    c0: object = None,
    *,
    mask: object = None,
    lengths: object = None,
    reset: object = None,
    reverse: bool = False,
    peephole: object = None,
    activation: ActivationLike | None = "tanh",
    recurrent_activation: ActivationLike | None = "sigmoid",
    dropout_mask: object = None,
    recurrent_dropout_mask: object = None,
    zoneout_h: object = None,
    zoneout_c: object = None,
) -> Sequence:
    weights = check_weights(
        op, "lstm", kernel, recurrent_kernel, bias, peephole, activation, recurrent_activation
    )
    return check_sequence(
        weights, x, h0, c0, mask=mask, lengths=lengths, reset=reset, reverse=reverse,
        dropout_mask=dropout_mask, recurrent_dropout_mask=recurrent_dropout_mask,
        zoneout_h=zoneout_h, zoneout_c=zoneout_c,
    )  # fmt: skip


def lstm(
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    c0: object = None,
    *,
    mask: object = None,
    lengths: object = None,
    reset: object = None,
    reverse: bool = False,
    peephole: object = None,
    activation: ActivationLike | None = "tanh",
    recurrent_activation: ActivationLike | None = "sigmoid",
    dropout_mask: object = None,
    recurrent_dropout_mask: object = None,
    zoneout_h: object = None,
    zoneout_c: object = None,
) -> tuple[Array, Array, Array]:
    """Run a long short-term memory over a batch of sequences.

    Parameters
    ----------
    x : array (N, T, I)
        N sequences of T steps. float32 or float64, as the weights; on a GPU, where all arrays may
        lie together, float32, bfloat16 or float16 (docs/cuda.md).
    kernel, recurrent_kernel : array (I, 4H), (H, 4H)
        Gates in the order i, f, g, o.
    bias : array (4H,), optional
    h0, c0 : array (N, H), optional
        Initial states, zeros where not given.
    mask : bool array (N, T), optional
        True where a step is valid, in any pattern. A masked step carries the state and repeats
        the previous output; zeros before the first valid step.
    lengths : int array (N,), optional
        Short for a right-padded mask.
    reset : bool array (N, T), optional
        True where a step starts from the initial state, for streams that restart.
    reverse : bool
        Run from the last step to the first; ``y[:, t]`` still belongs to ``x[:, t]``.
    peephole : array (3, H), optional
        Weights from c to the gates i, f (previous c) and o (new c).
    activation, recurrent_activation : str or callable
        Keras' names. Those of ``fastrnn.ops.FUSED_ACTIVATIONS`` run inside the kernels, any other
        and callables step by step in NumPy, several times slower.
    dropout_mask : array (N, I) or (G, N, I), optional
        Multiplies x at every step, one mask for all gates or one each.
    recurrent_dropout_mask : array (N, H) or (G, N, H), optional
        Multiplies h where it enters the recurrent product.
    zoneout_h, zoneout_c : float or array (N, T, H), optional
        Share of the previous state that is kept, 0..1 (Krueger et al. 2016).

    Returns
    -------
    y : array (N, T, H)
        The output of every step.
    h_n, c_n : array (N, H)
        The final states.

    Raises
    ------
    ValueError, TypeError
        Where a shape, a value or a dtype does not fit; the message names it.

    Notes
    -----
    float32 results differ from exact arithmetic by at most twice what the same sums in NumPy do.
    The result does not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((2, 5, 3), dtype=np.float32)
    >>> w = rng.standard_normal((3, 4 * 7), dtype=np.float32)
    >>> r = rng.standard_normal((7, 4 * 7), dtype=np.float32)
    >>> y, h_n, c_n = ops.lstm(x, w, r, lengths=[5, 3])
    >>> y.shape, bool((y[1, 4] == h_n[1]).all())
    ((2, 5, 7), True)
    """
    sequence = _lstm_sequence(
        "lstm", x, kernel, recurrent_kernel, bias, h0, c0,
        mask=mask, lengths=lengths, reset=reset, reverse=reverse, peephole=peephole,
        activation=activation, recurrent_activation=recurrent_activation,
        dropout_mask=dropout_mask, recurrent_dropout_mask=recurrent_dropout_mask,
        zoneout_h=zoneout_h, zoneout_c=zoneout_c,
    )  # fmt: skip
    y, h_n, c_n = run(sequence)
    assert c_n is not None
    return y, h_n, c_n


def lstm_forward(
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    c0: object = None,
    *,
    recompute: bool = False,
    **options: Any,
) -> tuple[Array, Array, Array, Cache]:
    """Run :func:`lstm` for training: also returns a cache for the backward run.

    Parameters
    ----------
    x, kernel, recurrent_kernel, bias, h0, c0, **options
        As for :func:`lstm`.
    recompute : bool
        Keep only the states and compute the gates again when going back: about a third of the
        memory for a third more arithmetic. On a GPU they are always kept.

    Returns
    -------
    y, h_n, c_n : arrays
        As from :func:`lstm`.
    cache : Cache
        For :func:`lstm_backward`, any number of times. It refers to the arrays given here and to
        y: do not change them in between.
    """
    sequence = _lstm_sequence("lstm_forward", x, kernel, recurrent_kernel, bias, h0, c0, **options)
    y, h_n, c_n = run(sequence, train=True, recompute=recompute)
    assert c_n is not None
    return y, h_n, c_n, Cache(sequence, "lstm_backward")


def lstm_backward(
    cache: Cache,
    dy: object = None,
    dh_n: object = None,
    dc_n: object = None,
    *,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Return the gradients of a loss with respect to all that :func:`lstm_forward` was given.

    Parameters
    ----------
    cache : Cache
        From :func:`lstm_forward`.
    dy : array (N, T, H), optional
        Gradient of the loss with respect to y; zeros where not given.
    dh_n, dc_n : array (N, H), optional
        Gradients with respect to the final states.
    need_dx : bool
        False saves the gradient of x, which a first layer does not need.
    out : dict of arrays, optional
        Where to write the gradients of the weights, by their names: of the weights' dtype and
        shapes, contiguous, apart from each other and from everything that was given.

    Returns
    -------
    dict of arrays
        ``x`` (if need_dx), ``kernel``, ``recurrent_kernel``, ``bias`` (if given), ``h0``, ``c0``,
        ``peephole`` (if given).
    """
    check_cache(cache, "lstm")
    return backward(cache, dy, dh_n, dc_n, need_dx=need_dx, out=out)
