"""Normalisation over the batch, and within each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn import initializers, ops
from fastrnn.layers.layer import Array, Layer
from fastrnn.layers.variable import Variable
from fastrnn.ops.bound_normalization import BoundBatchNormalization, BoundLayerNormalization


class Normalization(Layer):
    """What the normalising layers share: a factor gamma and an offset beta.

    Attributes
    ----------
    gamma, beta : Variable or None
    """

    supports_masking = True
    roles = ("beta", "gamma")

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(epsilon, (int, float)) or epsilon <= 0:
            raise ValueError(f"{self.name}: epsilon must be positive, got {epsilon!r}")
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self._shape: tuple[int, ...] = ()
        self._bound: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_bound": None}  # a copy makes its own of its weights

    def add_affine(self, shape: tuple[int, ...]) -> None:
        """Make gamma and beta, as far as they are to be."""
        self._shape = shape
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, name="gamma", **self.of_role("gamma")
            )
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, name="beta", **self.of_role("beta")
            )

    def _affine(self) -> tuple[Array | None, Array | None]:
        """Factor and offset as the ops take them."""
        gamma = None if self.gamma is None else self.gamma.value
        return gamma, None if self.beta is None else self.beta.value

    def _affine_gradients(self) -> list[Array]:
        """Where the gradients of gamma and beta go; what there is none of has a place, too."""
        places = []
        for variable in (self.gamma, self.beta):
            place = None if variable is None else variable.grad
            if place is None:
                place = np.empty(self._shape, self.dtype)
                if variable is not None:
                    variable.grad = place
            places.append(place)
        return places

    def _set_gradients(self, grads: dict[str, Array]) -> None:
        for variable in (self.gamma, self.beta):
            if variable is not None:
                self.set_gradient(variable, grads[variable.name].reshape(variable.shape))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
        }


class BatchNormalization(Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each channel.

    In training, mean and variance are those of the batch, over all axes but the last, without
    masked steps; running averages of them serve everywhere else. With ``trainable = False`` the
    running averages serve in training, too, and stay as they are.

    Parameters
    ----------
    axis : int
        The last axis: -1, or its number.
    momentum : float
        How much of the running averages stays at each step.
    epsilon : float
    center, scale : bool
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    gamma, beta : Variable or None, shape (channels,)
    moving_mean, moving_variance : Variable, shape (channels,)
        Not trained.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layer = layers.BatchNormalization(epsilon=1e-12)
    >>> layer(np.array([[1.0], [3.0]]), training=True).ravel()
    array([-1.,  1.], dtype=float32)
    >>> layer.moving_mean.numpy()
    array([0.02], dtype=float32)
    """

    stepwise = True
    mixes_rows = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        for option in ("synchronized", "renorm"):
            if kwargs.pop(option, False):
                raise ValueError(f"BatchNormalization: {option} is not supported, leave it False")
        for ignored in ("renorm_clipping", "renorm_momentum", "fused", "virtual_batch_size"):
            kwargs.pop(ignored, None)
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, **kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]  # as old files have it
        if not isinstance(axis, (int, np.integer)):
            raise ValueError(f"{self.name}: axis must be the last one, -1, got {axis!r}")
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"{self.name}: momentum must be from 0 to 1, got {momentum!r}")
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Any) -> None:
        axes = len(input_shape)
        if axes < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name}: needs inputs whose last axis has a known size, got {input_shape}"
            )
        if self.axis not in (-1, axes - 1):
            raise ValueError(
                f"{self.name}: axis must be the last one, -1 or {axes - 1}, got {self.axis}"
            )
        shape = (input_shape[-1],)
        self.add_affine(shape)
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if training is True and self.trainable:
            if mask is not None and mask.shape == x.shape[: mask.ndim] and not mask.all():
                return self._forward_masked(x, mask)
            y, cache = self._bind().forward(x)
            self.moving_mean.storage.touch()
            self.moving_variance.storage.touch()
            self.saved = cache, None
            return y
        if training:
            self.saved = x if self.trainable else None
        gamma, beta = self._affine()
        mean, variance = self.moving_mean.value, self.moving_variance.value
        return ops.batch_normalization(x, gamma, beta, mean, variance, epsilon=self.epsilon)

    def _bind(self) -> Any:
        """The op bound to the weights, made anew where they have moved."""
        arrays = (*self._affine(), self.moving_mean.value, self.moving_variance.value)
        if self._bound is None or not self._bound.has(arrays):
            self._bound = BoundBatchNormalization(arrays, self.epsilon, self.momentum)
        return self._bound

    def _follow(self, mean: Array, variance: Array) -> None:
        """Move the running averages towards a batch's."""
        for variable, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            variable.storage.touch()
            variable.value *= self.momentum
            variable.value += (1 - self.momentum) * batch

    def backward(self, dy: Any) -> Any:
        if not isinstance(self.saved, tuple):
            if self.saved is not None:
                self._set_gradients_of_constant(dy, self.saved)
            return self._backward_constant(dy) if self.need_dx else None
        cache, mask = self.saved
        if mask is not None:
            return self._backward_masked(dy, cache, mask)
        return self._bind().backward(cache, dy, *self._affine_gradients())

    def _backward_constant(self, dy: Array) -> Any:
        """The input's gradient where the averages are constant: a factor for each channel."""
        gamma, variance = self._affine()[0], self.moving_variance.value
        center = np.zeros_like(variance)
        return ops.batch_normalization(dy, gamma, None, center, variance, epsilon=self.epsilon)

    def _set_gradients_of_constant(self, dy: Array, x: Array) -> None:
        normal = (x - self.moving_mean.value) / np.sqrt(self.moving_variance.value + self.epsilon)
        over = tuple(range(dy.ndim - 1))
        self._set_gradients({"beta": dy.sum(axis=over), "gamma": (dy * normal).sum(axis=over)})

    # Masked steps are normalised as the others are, but count in neither mean nor variance.

    def _forward_masked(self, x: Array, mask: Array) -> Array:
        gamma, beta = self._affine()
        rows = x[mask].reshape(-1, x.shape[-1])
        count = max(len(rows), 1)
        mean = rows.sum(axis=0) / count
        variance = np.square(rows - mean).sum(axis=0) / count
        self._follow(mean, variance)
        factor = 1 / np.sqrt(variance + self.epsilon)
        normal = (x - mean) * factor
        self.saved = (normal, factor, count), mask
        y: Array = normal if gamma is None else normal * gamma
        return y if beta is None else y + beta

    def _backward_masked(self, dy: Array, cache: Any, mask: Array) -> Any:
        normal, factor, count = cache
        over = tuple(range(dy.ndim - 1))
        grads = {"beta": dy.sum(axis=over), "gamma": (dy * normal).sum(axis=over)}
        self._set_gradients(grads)
        if not self.need_dx:
            return None
        scaled = factor if self.gamma is None else factor * self.gamma.value
        dx = dy * scaled
        dx[mask] -= (grads["beta"] + normal[mask] * grads["gamma"]) * (scaled / count)
        return dx

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
        }


class LayerNormalization(Normalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, within each sample or step.

    Parameters
    ----------
    axis : int or sequence of int
        What mean and variance are over: the last axis, or several up to the last.
    epsilon : float
    center, scale : bool
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer :
        As `fastrnn.initializers.get` takes them.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    gamma, beta : Variable or None, shape of the axes

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.LayerNormalization(epsilon=1e-12)(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):
            raise ValueError("LayerNormalization: rms_scaling is not supported, leave it False")
        super().__init__(epsilon, center, scale, beta_initializer, gamma_initializer, **kwargs)
        axes = axis if isinstance(axis, (list, tuple)) else (axis,)
        if not axes or not all(isinstance(number, (int, np.integer)) for number in axes):
            raise ValueError(f"{self.name}: axis must be an integer or several, got {axis!r}")
        self.axis = [int(number) for number in axes]

    def build(self, input_shape: Any) -> None:
        axes = len(input_shape)
        chosen = sorted(number % axes for number in self.axis)
        if 0 in chosen or chosen != list(range(chosen[0], axes)):
            raise ValueError(
                f"{self.name}: axis must be the last one or several up to the last, not the "
                f"batch's, got {self.axis} for inputs {tuple(input_shape)}"
            )
        shape = tuple(input_shape[number] for number in chosen)
        if None in shape:
            raise ValueError(
                f"{self.name}: the axes to normalise over must have known sizes, "
                f"got {tuple(input_shape)}"
            )
        self.add_affine(shape)
        self.stepwise = chosen[0] > 1

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        y, cache = self._bind().forward(x, training)
        if training:
            self.saved = cache
        return y

    def _bind(self) -> Any:
        """The op bound to the weights, made anew where they have moved."""
        arrays = self._affine()
        if self._bound is None or not self._bound.has(arrays):
            self._bound = BoundLayerNormalization(arrays, self._shape, self.dtype, self.epsilon)
        return self._bound

    def backward(self, dy: Any) -> Any:
        return self._bind().backward(self.saved, dy, *self._affine_gradients())

    def get_config(self) -> dict[str, Any]:
        axis = self.axis[0] if len(self.axis) == 1 else self.axis
        return super().get_config() | {"axis": axis}
