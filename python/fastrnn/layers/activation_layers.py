"""Activations with parameters of their own, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastrnn import initializers, ops
from fastrnn.layers.layer import Array, Layer


class Function(Layer):
    """Base of layers that are a function, whose gradient follows from x and y."""

    supports_masking = True
    stepwise = True

    def value(self, x: Array) -> Array:
        """The activation."""
        raise TypeError(f"{type(self).__name__} must define value(x)")

    def gradient(self, dy: Array, x: Array, y: Array) -> Array:
        """The input's gradient."""
        raise TypeError(f"{type(self).__name__} must define gradient(dy, x, y)")

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        y = self.value(x)
        if training:
            self.saved = x, y
        return y

    def backward(self, dy: Any) -> Any:
        return self.gradient(dy, *self.saved) if self.need_dx else None


def _not_negative(owner: str, **numbers: Any) -> None:
    for argument, number in numbers.items():
        if not isinstance(number, (int, float)) or not number >= 0:
            raise ValueError(f"{owner}: {argument} must be a number from 0, got {number!r}")


class ReLU(Function):
    """x from `threshold` to `max_value`, `max_value` above; below, a line through `threshold`.

    Parameters
    ----------
    max_value : float, optional
    negative_slope : float
        Slope of the line.
    threshold : float
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ReLU(max_value=3.0)(np.array([[-1.0, 2.0, 4.0]]))
    array([[0., 2., 3.]], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _not_negative(self.name, negative_slope=negative_slope, threshold=threshold)
        if max_value is not None:
            _not_negative(self.name, max_value=max_value)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def value(self, x: Array) -> Array:
        return ops.relu(x, **self._options())

    def gradient(self, dy: Array, x: Array, y: Array) -> Array:
        return ops.relu_backward(dy, x, **self._options())

    def _options(self) -> dict[str, Any]:
        return {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._options()


class LeakyReLU(Function):
    """x where it is positive, `negative_slope` times x elsewhere.

    Parameters
    ----------
    negative_slope : float
        Keras 2 calls it ``alpha``.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.LeakyReLU(0.5)(np.array([[-1.0, 2.0]]))
    array([[-0.5,  2. ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        _not_negative(self.name, negative_slope=negative_slope)
        self.negative_slope = float(negative_slope)

    def value(self, x: Array) -> Array:
        return ops.relu(x, negative_slope=self.negative_slope)

    def gradient(self, dy: Array, x: Array, y: Array) -> Array:
        return ops.relu_backward(dy, x, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class PReLU(Function):
    """x where it is positive, alpha times x elsewhere; alpha is trained.

    Parameters
    ----------
    alpha_initializer :
        As `fastrnn.initializers.get` takes it.
    shared_axes : int or sequence of int, optional
        Axes along which all share one alpha; [1, 2] makes one for each channel of images.
    name, dtype, input_shape, ... :
        As in `Layer`.

    Attributes
    ----------
    alpha : Variable, shape of a sample, 1 along shared axes

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.PReLU("ones")(np.array([[-1.0, 2.0]]))
    array([[-1.,  2.]], dtype=float32)
    """

    roles = ("alpha",)

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint, **kwargs
        )
        self.alpha_initializer = initializers.get(alpha_initializer)
        if isinstance(shared_axes, (int, np.integer)):
            shared_axes = [int(shared_axes)]
        self.shared_axes = None if shared_axes is None else list(shared_axes)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis < len(input_shape):
                raise ValueError(
                    f"{self.name}: shared_axes must be from 1 to {len(input_shape) - 1}, got {axis}"
                )
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"{self.name}: axes of unknown size must be shared; give shared_axes for inputs "
                f"{tuple(input_shape)}"
            )
        self.alpha = self.add_weight(
            shape, self.alpha_initializer, name="alpha", **self.of_role("alpha")
        )
        self.stepwise = shape[0] == 1

    def value(self, x: Array) -> Array:
        return ops.prelu(x, self.alpha.value)

    def backward(self, dy: Any) -> Any:
        grads = ops.prelu_backward(dy, self.saved[0], self.alpha.value)
        self.set_gradient(self.alpha, grads["alpha"])
        return grads["x"] if self.need_dx else None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "shared_axes": self.shared_axes,
        }


class ELU(Function):
    """x where it is positive, alpha (exp(x) - 1) elsewhere.

    Parameters
    ----------
    alpha : float
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.ELU(2.0)(np.array([[-50.0, 2.0]]))
    array([[-2.,  2.]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(alpha)

    def value(self, x: Array) -> Array:
        y = ops.activation(x, "elu")
        if self.alpha != 1:
            np.multiply(y, self.alpha, out=y, where=x < 0)
        return y

    def gradient(self, dy: Array, x: Array, y: Array) -> Array:
        if self.alpha == 1:
            return ops.activation_backward(dy, "elu", y=y)
        dx: Array = dy * (y + self.alpha)
        np.copyto(dx, dy, where=x > 0)
        return dx

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha}


class Softmax(Function):
    """exp(x) over its sum along an axis.

    A mask of the input's own shape leaves entries out, which become 0.

    Parameters
    ----------
    axis : int
    name, dtype, input_shape, ... :
        As in `Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import layers
    >>> layers.Softmax()(np.array([[2.0, 2.0]]))
    array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if not isinstance(axis, (int, np.integer)):
            raise ValueError(f"{self.name}: axis must be an integer, got {axis!r}")
        self.axis = int(axis)

    def build(self, input_shape: Any) -> None:
        axes = len(input_shape)
        if not -axes <= self.axis < axes:
            raise ValueError(f"{self.name}: inputs {tuple(input_shape)} have no axis {self.axis}")
        self.stepwise = self.axis % axes > 1

    def forward(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        if mask is None or mask.shape != x.shape:
            return super().forward(x, training)
        # So far down that nothing is left of them.
        y = super().forward(np.where(mask, x, np.finfo(x.dtype).min / 4), training)
        y *= mask
        return y

    def value(self, x: Array) -> Array:
        return self._moved(ops.activation(self._moved(x), "softmax"))

    def gradient(self, dy: Array, x: Array, y: Array) -> Array:
        return self._moved(ops.activation_backward(self._moved(dy), "softmax", y=self._moved(y)))

    def _moved(self, array: Array) -> Array:
        """The axis and the last one in each other's place."""
        return array if self.axis == -1 else np.ascontiguousarray(array.swapaxes(self.axis, -1))

    @property
    def final_activation(self) -> str | None:
        """The activation that a loss may take over from the layer."""
        return "softmax" if self.axis == -1 and self.activity_regularizer is None else None

    def forward_logits(self, x: Any, training: bool = False, mask: Array | None = None) -> Any:
        """`forward` without the activation."""
        return x

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the activation."""
        return dy

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}
