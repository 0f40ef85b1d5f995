"""Attention: for each query, a mean of values, weighted by how well their keys match."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn import ops
from fastrnn.layers.dropout import kept
from fastrnn.layers.layer import Array, Layer, check_rate
from fastrnn.layers.variable import Variable
from fastrnn.ops._arrays import room
from fastrnn.utils.naming import unknown
from fastrnn.utils.random import generator

_HIDDEN = 1e9  # taken from a masked score, as in Keras


class Attention(Layer):
    """softmax(scores) values, with scores = scale * queries keys^T (Luong).

    Called on ``[query, value]`` or ``[query, value, key]``, of shapes (N, Tq, dim), (N, Tv, dim)
    and (N, Tv, dim); the keys are the values if not given. Masked values have no weight; the
    output is zeros where the query is masked.

    Parameters
    ----------
    use_scale : bool
        Whether there is a weight ``scale``.
    score_mode : {"dot", "concat"}
        With "concat", scores = weight * sum(tanh(scale * (query + key))).
    dropout : float
        Share of the weights that training sets to 0.
    seed : int, optional
    name, dtype, ... :
        As in `Layer`.

    Notes
    -----
    Calls take ``use_causal_mask=True``, for a query to see no values after it, and
    ``return_attention_scores=True``, for the weights (N, Tq, Tv) as a second output.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Attention()([np.ones((2, 3, 5)), np.ones((2, 4, 5))]).shape
    (2, 3, 5)
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise unknown("score_mode", score_mode, ("dot", "concat"))
        check_rate(self.name, dropout=dropout)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        self.scale: Variable | None = None
        self.concat_score_weight: Variable | None = None
        self._rng = generator(seed)

    def build(self, input_shape: Any) -> None:
        listed = isinstance(input_shape[0], (list, tuple))
        if not listed or len(input_shape) not in (2, 3) or any(len(s) != 3 for s in input_shape):
            raise ValueError(
                f"{self.name}: needs [query, value] or [query, value, key], each (N, T, dim), got "
                f"{input_shape}"
            )
        query, key = input_shape[0], input_shape[-1]
        if query[2] != key[2]:
            raise ValueError(
                f"{self.name}: query and key must have as many features, got {query} and {key}"
            )
        if input_shape[1][1] != key[1]:
            raise ValueError(
                f"{self.name}: value and key must have as many steps, got {input_shape[1]} and "
                f"{key}"
            )
        self.add_weights(query[2])

    def add_weights(self, features: int) -> None:
        """Make the weights of the scores."""
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    # Scores ----------------------------------------------------------------------------

    def scores(self, query: Array, key: Array) -> tuple[Array, Any]:
        """How well each query matches each key, (N, Tq, Tv), and what `scores_back` needs."""
        scale = 1.0 if self.scale is None else self.scale.value
        if self.score_mode == "dot":
            raw = query @ key.swapaxes(1, 2)
            return (raw if self.scale is None else raw * scale), raw
        assert self.concat_score_weight is not None
        pairs = _pairs(query, key)
        bent = ops.activation(pairs if self.scale is None else pairs * scale, "tanh")
        total = bent.sum(axis=-1)
        return total * self.concat_score_weight.value, (pairs, bent, total)

    def scores_back(self, ds: Array, query: Array, key: Array, cache: Any) -> tuple[Array, Array]:
        """Gradients of queries and keys."""
        if self.score_mode == "dot":
            if self.scale is not None:
                self.set_gradient(self.scale, np.asarray((ds * cache).sum()))
                ds = ds * self.scale.value
            return ds @ key, ds.swapaxes(1, 2) @ query
        pairs, bent, total = cache
        assert self.concat_score_weight is not None
        self.set_gradient(self.concat_score_weight, np.asarray((ds * total).sum()))
        ones = np.ones(query.shape[2], query.dtype)
        inner = _unbent(ds * self.concat_score_weight.value, ones, bent)
        if self.scale is not None:
            self.set_gradient(self.scale, np.asarray((inner * pairs).sum()))
            inner = inner * self.scale.value
        return inner.sum(axis=2), inner.sum(axis=1)

    # Passes ----------------------------------------------------------------------------

    def forward(
        self,
        x: Any,
        training: bool = False,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value, key = x[0], x[1], x[-1]
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        scores, cache = self.scores(query, key)
        seen = None if value_mask is None else value_mask[:, None]
        if use_causal_mask:
            earlier = np.tri(*scores.shape[1:], dtype=np.bool_)
            seen = earlier if seen is None else seen & earlier
        if seen is not None:
            scores = np.where(seen, scores, scores - _HIDDEN)
        scores = np.ascontiguousarray(scores, query.dtype)
        weights = drawn = ops.activation(scores, "softmax")
        keep = None
        if training is True and self.dropout:
            keep = kept(self._rng, weights.shape, self.dropout, weights.dtype)
            drawn = weights * keep
        y = drawn @ value
        if query_mask is not None:
            y *= query_mask[..., None]
        if training:
            self.saved = x, cache, weights, keep, query_mask
        return (y, drawn) if return_attention_scores else y

    def backward(self, dy: Any) -> Any:
        x, cache, weights, keep, query_mask = self.saved
        query, value, key = x[0], x[1], x[-1]
        dy, dweights = dy if isinstance(dy, (list, tuple)) else (dy, None)
        drawn = weights if keep is None else weights * keep
        dvalue = np.zeros_like(value)
        if dy is not None:
            if query_mask is not None:
                dy = dy * query_mask[..., None]
            dvalue = drawn.swapaxes(1, 2) @ dy
            from_output = dy @ value.swapaxes(1, 2)
            dweights = from_output if dweights is None else dweights + from_output
        if keep is not None:
            dweights = dweights * keep
        ds = ops.activation_backward(np.ascontiguousarray(dweights), "softmax", y=weights)
        dquery, dkey = self.scores_back(ds, query, key, cache)
        if not self.need_dx:
            return None
        return [dquery, dvalue + dkey] if len(x) == 2 else [dquery, dvalue, dkey]

    def compute_output_shape(
        self, input_shape: Any, return_attention_scores: bool = False, **options: Any
    ) -> Any:
        query, value = input_shape[:2]
        output = (*query[:-1], value[-1])
        return [output, (*query[:-1], value[1])] if return_attention_scores else output

    def compute_mask(self, x: Any, mask: Any) -> Any:
        return None if mask is None else mask[0]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """softmax(scores) values, with scores = sum(scale * tanh(query + key)) (Bahdanau).

    Parameters
    ----------
    use_scale : bool
        Whether there is a weight ``scale``, one entry per feature.
    dropout, seed, name, ... :
        As in `Attention`, and so are calls.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.AdditiveAttention()([np.ones((2, 3, 5)), np.ones((2, 4, 5))]).shape
    (2, 3, 5)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale, dropout=dropout, **kwargs)

    def add_weights(self, features: int) -> None:
        if self.use_scale:
            self.scale = self.add_weight((features,), "glorot_uniform", name="scale")

    def scores(self, query: Array, key: Array) -> tuple[Array, Any]:
        bent = ops.activation(_pairs(query, key), "tanh")
        return (bent.sum(axis=-1) if self.scale is None else bent @ self.scale.value), bent

    def scores_back(self, ds: Array, query: Array, key: Array, cache: Any) -> tuple[Array, Array]:
        bent = cache
        if self.scale is not None:
            self.set_gradient(self.scale, np.tensordot(ds, bent, 3))
        ones = np.ones(query.shape[2], query.dtype)
        inner = _unbent(ds, ones if self.scale is None else self.scale.value, bent)
        return inner.sum(axis=2), inner.sum(axis=1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config


def _pairs(query: Array, key: Array) -> Array:
    """Sums of each query and each key: (N, Tq, Tv, features)."""
    out = room((*query.shape[:2], *key.shape[1:]), query.dtype)
    pairs: Array = np.add(query[:, :, None], key[:, None], out=out)
    return pairs


def _unbent(ds: Array, scale: Array, bent: Array) -> Array:
    """Gradients of pairs for those of the scores, which are sums of scale * tanh(pairs)."""
    dbent = np.multiply(ds[..., None], scale, out=room(bent.shape, bent.dtype))
    return ops.activation_backward(dbent, "tanh", y=bent)
