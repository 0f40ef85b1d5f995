"""Pooling over one, two or three axes, channels last."""

from __future__ import annotations

from fastrnn.ops import _arrays
from fastrnn.ops._arrays import Array
from fastrnn.ops._elementwise import floats
from fastrnn.ops._pool import check_images, geometry_of, shape_of, whole_image
from fastrnn.ops._windows import PerAxis

__all__ = [
    "average_pool1d",
    "average_pool1d_backward",
    "average_pool2d",
    "average_pool2d_backward",
    "average_pool3d",
    "average_pool3d_backward",
    "global_average_pool",
    "global_average_pool_backward",
    "global_max_pool",
    "global_max_pool_backward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool3d",
    "max_pool3d_backward",
]


def max_pool2d(
    x: object, pool_size: PerAxis = 2, *, strides: PerAxis | None = None, padding: str = "valid"
) -> Array:
    """Maximum of each window of an image, channel by channel.

    Parameters
    ----------
    x : array (N, H, W, C)
        float32 or float64; integers are converted to float32.
    pool_size : int or (int, int)
        The window's height and width.
    strides : int or (int, int), optional
        Pixels from one window to the next: the window's size unless given. Windows may overlap
        or leave pixels out.
    padding : {"valid", "same"}
        "valid": windows within the image. "same": ceil(size / stride) outputs; windows may reach
        over the edge, where there is nothing to take.

    Returns
    -------
    array (N, OH, OW, C)
        NaN where the window holds one.

    Raises
    ------
    ValueError, TypeError
        Where a shape, a window, an option or a dtype does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> ops.max_pool2d(x)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _pool("max_pool2d", "max", 2, x, pool_size, strides, padding)


def max_pool1d(
    x: object, pool_size: PerAxis = 2, *, strides: PerAxis | None = None, padding: str = "valid"
) -> Array:
    """Maximum of each window of a sequence x (N, W, C): see :func:`max_pool2d`."""
    return _pool("max_pool1d", "max", 1, x, pool_size, strides, padding)


def max_pool3d(
    x: object, pool_size: PerAxis = 2, *, strides: PerAxis | None = None, padding: str = "valid"
) -> Array:
    """Maximum of each window of a volume or clip x (N, D, H, W, C): see :func:`max_pool2d`."""
    return _pool("max_pool3d", "max", 3, x, pool_size, strides, padding)


def max_pool2d_backward(
    dy: object,
    x: object,
    pool_size: PerAxis = 2,
    *,
    y: object = None,
    strides: PerAxis | None = None,
    padding: str = "valid",
) -> Array:
    """Gradient of :func:`max_pool2d`: what each window gets goes to the first of its maxima.

    Parameters
    ----------
    dy : array (N, OH, OW, C)
        Gradient of the loss with respect to the output.
    x : array (N, H, W, C)
        As given to :func:`max_pool2d`.
    y : array (N, OH, OW, C), optional
        Its output; computed again where missing.
    pool_size, strides, padding
        As given to :func:`max_pool2d`.

    Returns
    -------
    array (N, H, W, C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x = np.array([[1.0, 2.0], [2.0, 0.0]]).reshape(1, 2, 2, 1)
    >>> ops.max_pool2d_backward(np.ones((1, 1, 1, 1)), x)[0, :, :, 0]
    array([[0., 1.],
           [0., 0.]])
    """
    return _max_backward("max_pool2d_backward", 2, dy, x, pool_size, y, strides, padding)


def max_pool1d_backward(
    dy: object,
    x: object,
    pool_size: PerAxis = 2,
    *,
    y: object = None,
    strides: PerAxis | None = None,
    padding: str = "valid",
) -> Array:
    """Gradient of :func:`max_pool1d`: see :func:`max_pool2d_backward`."""
    return _max_backward("max_pool1d_backward", 1, dy, x, pool_size, y, strides, padding)


def max_pool3d_backward(
    dy: object,
    x: object,
    pool_size: PerAxis = 2,
    *,
    y: object = None,
    strides: PerAxis | None = None,
    padding: str = "valid",
) -> Array:
    """Gradient of :func:`max_pool3d`: see :func:`max_pool2d_backward`."""
    return _max_backward("max_pool3d_backward", 3, dy, x, pool_size, y, strides, padding)


def average_pool2d(
    x: object, pool_size: PerAxis = 2, *, strides: PerAxis | None = None, padding: str = "valid"
) -> Array:
    """Mean of each window of an image, channel by channel.

    Parameters
    ----------
    x, pool_size, strides
        As :func:`max_pool2d` takes them.
    padding : {"valid", "same"}
        As in :func:`max_pool2d`. A window over the edge is the mean of its pixels in the image.

    Returns
    -------
    array (N, OH, OW, C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> ops.average_pool2d(x, padding="same")[0, :, :, 0]
    array([[2. , 3.5],
           [6.5, 8. ]])
    """
    return _pool("average_pool2d", "mean", 2, x, pool_size, strides, padding)


def average_pool1d(
    x: object, pool_size: PerAxis = 2, *, strides: PerAxis | None = None, padding: str = "valid"
) -> Array:
    """Mean of each window of a sequence x (N, W, C): see :func:`average_pool2d`."""
    return _pool("average_pool1d", "mean", 1, x, pool_size, strides, padding)


def average_pool3d(
    x: object, pool_size: PerAxis = 2, *, strides: PerAxis | None = None, padding: str = "valid"
) -> Array:
    """Mean of each window of a volume or clip x (N, D, H, W, C): see :func:`average_pool2d`."""
    return _pool("average_pool3d", "mean", 3, x, pool_size, strides, padding)


def average_pool2d_backward(
    dy: object,
    x_shape: tuple[int, ...],
    pool_size: PerAxis = 2,
    *,
    strides: PerAxis | None = None,
    padding: str = "valid",
) -> Array:
    """Gradient of :func:`average_pool2d`: each window's, in equal shares to its pixels.

    Parameters
    ----------
    dy : array (N, OH, OW, C)
        Gradient of the loss with respect to the output.
    x_shape : (N, H, W, C)
        Shape of what was given to :func:`average_pool2d`.
    pool_size, strides, padding
        As given to :func:`average_pool2d`.

    Returns
    -------
    array (N, H, W, C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import ops
    >>> ops.average_pool2d_backward(np.ones((1, 1, 1, 1)), (1, 2, 3, 1))[0, :, :, 0]
    array([[0.25, 0.25, 0.  ],
           [0.25, 0.25, 0.  ]])
    """
    return _mean_backward("average_pool2d_backward", 2, dy, x_shape, pool_size, strides, padding)


def average_pool1d_backward(
    dy: object,
    x_shape: tuple[int, ...],
    pool_size: PerAxis = 2,
    *,
    strides: PerAxis | None = None,
    padding: str = "valid",
) -> Array:
    """Gradient of :func:`average_pool1d`: see :func:`average_pool2d_backward`."""
    return _mean_backward("average_pool1d_backward", 1, dy, x_shape, pool_size, strides, padding)


def average_pool3d_backward(
    dy: object,
    x_shape: tuple[int, ...],
    pool_size: PerAxis = 2,
    *,
    strides: PerAxis | None = None,
    padding: str = "valid",
) -> Array:
    """Gradient of :func:`average_pool3d`: see :func:`average_pool2d_backward`."""
    return _mean_backward("average_pool3d_backward", 3, dy, x_shape, pool_size, strides, padding)


def global_average_pool(x: object) -> Array:
    """Mean over all axes but the first and the last.

    Parameters
    ----------
    x : array (N, ..., C)
        float32 or float64; integers are converted to float32.

    Returns
    -------
    array (N, C)

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.global_average_pool([[[1.0, 2.0], [3.0, 5.0]]]).tolist()
    [[2.0, 3.5]]
    """
    return _global("global_average_pool", "mean", x)


def global_max_pool(x: object) -> Array:
    """Maximum over all axes but the first and the last; NaN where there is one.

    Parameters
    ----------
    x : array (N, ..., C)
        float32 or float64; integers are converted to float32.

    Returns
    -------
    array (N, C)

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.global_max_pool([[[1.0, 2.0], [3.0, 5.0]]]).tolist()
    [[3.0, 5.0]]
    """
    return _global("global_max_pool", "max", x)


def global_average_pool_backward(dy: object, x_shape: tuple[int, ...]) -> Array:
    """Gradient of :func:`global_average_pool`.

    Parameters
    ----------
    dy : array (N, C)
        Gradient of the loss with respect to the output.
    x_shape : (N, ..., C)
        Shape of what was given to :func:`global_average_pool`.

    Returns
    -------
    array of x_shape

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.global_average_pool_backward([[3.0]], (1, 3, 1)).ravel().tolist()
    [1.0, 1.0, 1.0]
    """
    op = "global_average_pool_backward"
    gradient = floats(op, "dy", dy)
    shape = shape_of(op, x_shape)
    geometry = whole_image(op, shape)
    gradient = _arrays.shaped(op, "dy", gradient, gradient.dtype, (shape[0], shape[-1]), "(N, C)")
    return geometry.backward("mean", gradient).reshape(shape)


def global_max_pool_backward(dy: object, x: object, *, y: object = None) -> Array:
    """Gradient of :func:`global_max_pool`: it goes to the first of the maxima.

    Parameters
    ----------
    dy : array (N, C)
        Gradient of the loss with respect to the output.
    x : array (N, ..., C)
        As given to :func:`global_max_pool`.
    y : array (N, C), optional
        Its output; computed again where missing.

    Returns
    -------
    array (N, ..., C)

    Examples
    --------
    >>> from fastrnn import ops
    >>> ops.global_max_pool_backward([[1.0]], [[[0.0], [2.0], [2.0]]]).ravel().tolist()
    [0.0, 1.0, 0.0]
    """
    op = "global_max_pool_backward"
    values = floats(op, "x", x)
    shape = values.shape
    geometry = whole_image(op, shape)
    small = (shape[0], shape[-1])
    gradient = _arrays.shaped(op, "dy", dy, values.dtype, small, "(N, C)")
    outputs = geometry.forward("max", values).reshape(small) if y is None else y
    outputs = _arrays.shaped(op, "y", outputs, values.dtype, small, "(N, C)")
    return geometry.backward("max", gradient, values, outputs).reshape(shape)


def _pool(
    op: str, kind: str, rank: int, x: object, pool_size: object, strides: object, padding: object
) -> Array:
    values = floats(op, "x", x)
    check_images(op, "x", values.shape, rank)
    return geometry_of(op, values.shape, pool_size, strides, padding).forward(kind, values)


def _max_backward(
    op: str,
    rank: int,
    dy: object,
    x: object,
    pool_size: object,
    y: object,
    strides: object,
    padding: object,
) -> Array:
    values = floats(op, "x", x)
    check_images(op, "x", values.shape, rank)
    geometry = geometry_of(op, values.shape, pool_size, strides, padding)
    like, symbols = geometry.y_shape, "of the shape of y"
    gradient = _arrays.shaped(op, "dy", dy, values.dtype, like, symbols)
    outputs = geometry.forward("max", values) if y is None else y
    outputs = _arrays.shaped(op, "y", outputs, values.dtype, like, "like max_pool's result")
    return geometry.backward("max", gradient, values, outputs)


def _mean_backward(
    op: str,
    rank: int,
    dy: object,
    x_shape: object,
    pool_size: object,
    strides: object,
    padding: object,
) -> Array:
    shape = shape_of(op, x_shape)
    check_images(op, "x_shape", shape, rank)
    geometry = geometry_of(op, shape, pool_size, strides, padding)
    gradient = floats(op, "dy", dy)
    like = geometry.y_shape
    gradient = _arrays.shaped(op, "dy", gradient, gradient.dtype, like, "of the shape of y")
    return geometry.backward("mean", gradient)


def _global(op: str, kind: str, x: object) -> Array:
    values = floats(op, "x", x)
    geometry = whole_image(op, values.shape)
    return geometry.forward(kind, values).reshape(values.shape[0], values.shape[-1])
