"""The simple recurrent network over whole sequences: inference, and both ways of training.

Equations: docs/equations.md#rnn.
"""

from __future__ import annotations

from typing import Any

from fastrnn.ops._arrays import Array
from fastrnn.ops._run import Cache, Gradients, backward, check_cache, run
from fastrnn.ops._sequence import ActivationLike, Sequence, check_sequence, check_weights

__all__ = ["rnn", "rnn_backward", "rnn_forward"]


def _rnn_sequence(
    op: str,
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    *,
    mask: object = None,
    lengths: object = None,
    reset: object = None,
    reverse: bool = False,
    activation: ActivationLike | None = "tanh",
    dropout_mask: object = None,
    recurrent_dropout_mask: object = None,
    zoneout_h: object = None,
) -> Sequence:
    weights = check_weights(op, "rnn", kernel, recurrent_kernel, bias, None, activation, "linear")
    return check_sequence(
        weights, x, h0, None, mask=mask, lengths=lengths, reset=reset, reverse=reverse,
        dropout_mask=dropout_mask, recurrent_dropout_mask=recurrent_dropout_mask,
        zoneout_h=zoneout_h,
    )  # fmt: skip


def rnn(
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    *,
    mask: object = None,
    lengths: object = None,
    reset: object = None,
    reverse: bool = False,
    activation: ActivationLike | None = "tanh",
    dropout_mask: object = None,
    recurrent_dropout_mask: object = None,
    zoneout_h: object = None,
) -> tuple[Array, Array]:
    """Run a simple (Elman) recurrent network over a batch of sequences.

    Parameters
    ----------
    x : array (N, T, I)
        N sequences of T steps. float32 or float64, as the weights; on a GPU, where all arrays may
        lie together, float32, bfloat16 or float16 (docs/cuda.md).
    kernel, recurrent_kernel : array (I, H), (H, H)
        One block: h = activation(x W + h R + b).
    bias : array (H,), optional
    h0 : array (N, H), optional
        Initial state, zeros where not given.
    mask : bool array (N, T), optional
        True where a step is valid, in any pattern. A masked step carries the state and repeats
        the previous output; zeros before the first valid step.
    lengths : int array (N,), optional
        Short for a right-padded mask.
    reset : bool array (N, T), optional
        True where a step starts from the initial state, for streams that restart.
    reverse : bool
        Run from the last step to the first; ``y[:, t]`` still belongs to ``x[:, t]``.
    activation : str or callable
        Keras' names. Those of ``fastrnn.ops.FUSED_ACTIVATIONS`` run inside the kernels, any other
        and callables step by step in NumPy, several times slower.
    dropout_mask : array (N, I) or (G, N, I), optional
        Multiplies x at every step, one mask for all gates or one each.
    recurrent_dropout_mask : array (N, H) or (G, N, H), optional
        Multiplies h where it enters the recurrent product.
    zoneout_h : float or array (N, T, H), optional
        Share of the previous state that is kept, 0..1 (Krueger et al. 2016).

    Returns
    -------
    y : array (N, T, H)
        The output of every step.
    h_n : array (N, H)
        The final state.

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
    >>> w = rng.standard_normal((3, 7), dtype=np.float32)
    >>> r = rng.standard_normal((7, 7), dtype=np.float32)
    >>> y, h_n = ops.rnn(x, w, r, reverse=True)
    >>> y.shape, bool((y[:, 0] == h_n).all())
    ((2, 5, 7), True)
    """
    sequence = _rnn_sequence(
        "rnn", x, kernel, recurrent_kernel, bias, h0,
        mask=mask, lengths=lengths, reset=reset, reverse=reverse, activation=activation,
        dropout_mask=dropout_mask, recurrent_dropout_mask=recurrent_dropout_mask,
        zoneout_h=zoneout_h,
    )  # fmt: skip
    y, h_n, _ = run(sequence)
    return y, h_n


def rnn_forward(
    x: object,
    kernel: object,
    recurrent_kernel: object,
    bias: object = None,
    h0: object = None,
    *,
    recompute: bool = False,
    **options: Any,
) -> tuple[Array, Array, Cache]:
    """Run :func:`rnn` for training: also returns a cache for the backward run.

    Parameters
    ----------
    x, kernel, recurrent_kernel, bias, h0, **options
        As for :func:`rnn`.
    recompute : bool
        Keep only the states and compute the gates again when going back: about a third of the
        memory for a third more arithmetic. On a GPU they are always kept.

    Returns
    -------
    y, h_n : arrays
        As from :func:`rnn`.
    cache : Cache
        For :func:`rnn_backward`, any number of times. It refers to the arrays given here and to
        y: do not change them in between.
    """
    sequence = _rnn_sequence("rnn_forward", x, kernel, recurrent_kernel, bias, h0, **options)
    y, h_n, _ = run(sequence, train=True, recompute=recompute)
    return y, h_n, Cache(sequence, "rnn_backward")


def rnn_backward(
    cache: Cache,
    dy: object = None,
    dh_n: object = None,
    *,
    need_dx: bool = True,
    out: Gradients | None = None,
) -> Gradients:
    """Return the gradients of a loss with respect to all that :func:`rnn_forward` was given.

    Parameters
    ----------
    cache : Cache
        From :func:`rnn_forward`.
    dy : array (N, T, H), optional
        Gradient of the loss with respect to y; zeros where not given.
    dh_n : array (N, H), optional
        Gradients with respect to the final state.
    need_dx : bool
        False saves the gradient of x, which a first layer does not need.
    out : dict of arrays, optional
        Where to write the gradients of the weights, by their names: of the weights' dtype and
        shapes, contiguous, apart from each other and from everything that was given.

    Returns
    -------
    dict of arrays
        ``x`` (if need_dx), ``kernel``, ``recurrent_kernel``, ``bias`` (if given), ``h0``.
    """
    check_cache(cache, "rnn")
    return backward(cache, dy, dh_n, None, need_dx=need_dx, out=out)
