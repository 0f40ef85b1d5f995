"""Pictures for training, with the names of ``keras.preprocessing.image``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastrnn.preprocessing.iterators import DirectoryIterator, NumpyArrayIterator
from fastrnn.preprocessing.warp import Augmentation, Range
from fastrnn.utils.dtypes import floatx
from fastrnn.utils.images import array_to_img, img_to_array, load_img, save_img
from fastrnn.utils.random import generator

__all__ = [
    "DirectoryIterator",
    "ImageDataGenerator",
    "NumpyArrayIterator",
    "array_to_img",
    "img_to_array",
    "load_img",
    "save_img",
]

Array = NDArray[Any]

_TINY = 1e-6  # keeps a picture of one colour from being divided by zero
_SUBSETS = ("training", "validation", None)


class ImageDataGenerator:
    """Batches of pictures that are normalised, and changed at random, while a model trains.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization, zca_whitening : bool
        Subtract each channel's mean, divide by its deviation, decorrelate the pixels; over the
        pictures given to `fit`.
    samplewise_center, samplewise_std_normalization : bool
        The same with each picture's own mean and deviation.
    zca_epsilon : float
    rotation_range, shear_range : float
        Largest angle, in degrees.
    width_shift_range, height_shift_range : float, int or sequence
        Largest shift: a share of the side below 1, else pixels; of an int whole pixels below
        it, of a sequence one of its values.
    brightness_range : sequence of two floats, optional
        Factors of the values, which then end at 255.
    zoom_range : float or sequence of two floats
        From ``1 - zoom`` to ``1 + zoom``, or from the first to the second; below 1 enlarges.
    channel_shift_range : float
        What is added to the values at most; they stay between the picture's least and largest.
    fill_mode : {"nearest", "reflect", "wrap", "constant"}
        What lies beyond the border.
    cval : float
        The value beyond the border for "constant".
    horizontal_flip, vertical_flip : bool
        Mirror half of the pictures.
    rescale : float, optional
        Factor of the values, after the changes.
    preprocessing_function : callable, optional
        Given each picture (H, W, C) after the changes, before `rescale`.
    data_format : {"channels_last"}, optional
    validation_split : float
        Share of the pictures that ``subset="validation"`` takes, from the start.
    interpolation_order : {0, 1, 3}
        Nearest, linear or cubic.
    dtype : dtype, optional
        ``floatx()`` when not given.

    Notes
    -----
    Rotation, shift, shear and zoom are one affine map, and one interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn.preprocessing.image import ImageDataGenerator
    >>> images, labels = np.random.rand(10, 8, 6, 3), np.arange(10)
    >>> batches = ImageDataGenerator(rotation_range=20, horizontal_flip=True).flow(
    ...     images, labels, batch_size=4
    ... )
    >>> len(batches), batches[2][0].shape
    (3, (2, 8, 6, 3))
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Range = 0.0,
        height_shift_range: Range = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Range = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], ArrayLike] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        if data_format not in (None, "channels_last"):
            raise ValueError(
                f"ImageDataGenerator: data_format must be 'channels_last', got {data_format!r}"
            )
        if not 0 <= validation_split < 1:
            raise ValueError(
                f"ImageDataGenerator: validation_split must be in [0, 1), got {validation_split}"
            )
        self.featurewise_std_normalization = featurewise_std_normalization
        self.featurewise_center = (
            featurewise_center or featurewise_std_normalization or zca_whitening
        )
        self.samplewise_std_normalization = samplewise_std_normalization
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.validation_split = validation_split
        self.dtype = np.dtype(dtype or floatx())
        self.mean: Array | None = None
        self.std: Array | None = None
        self.zca_whitening_matrix: Array | None = None
        self.augmentation = Augmentation(
            rotation_range=rotation_range,
            width_shift_range=width_shift_range,
            height_shift_range=height_shift_range,
            brightness_range=brightness_range,
            shear_range=shear_range,
            zoom_range=zoom_range,
            channel_shift_range=channel_shift_range,
            fill_mode=fill_mode,
            cval=cval,
            horizontal_flip=horizontal_flip,
            vertical_flip=vertical_flip,
            interpolation_order=interpolation_order,
        )

    # Batches ---------------------------------------------------------------------------

    def flow(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of pictures that are in memory.

        Parameters
        ----------
        x : array_like, shape (N, H, W, C)
        y, sample_weight : array_like, shape (N, ...), optional
        batch_size : int
        shuffle : bool
            Draw the order anew in each epoch.
        seed : int, optional
            Of order and changes.
        save_to_dir, save_prefix, save_format : str, optional
            Write each picture as it comes out, to look at.
        ignore_class_split : bool
            Do not mind that the two parts hold different classes.
        subset : {"training", "validation"}, optional
            The part by `validation_split`.

        Returns
        -------
        NumpyArrayIterator
            Of x, (x, y) or (x, y, sample_weight); for `fit`, by ``[index]``, or endless.
        """
        images = np.asarray(x)
        if images.ndim != 4:
            raise ValueError(f"ImageDataGenerator.flow: x must be (N, H, W, C), got {images.shape}")
        arrays = [images, *(None if a is None else np.asarray(a) for a in (y, sample_weight))]
        cut = int(len(images) * self.validation_split)
        if subset is not None and y is not None and not ignore_class_split:
            labels = np.asarray(y)
            if not np.array_equal(np.unique(labels[:cut]), np.unique(labels[cut:])):
                raise ValueError(
                    "ImageDataGenerator.flow: training and validation part hold different "
                    "classes; shuffle the data first, or set ignore_class_split=True"
                )
        if self._part(subset) != (0.0, 1.0):
            part = slice(cut) if subset == "validation" else slice(cut, None)
            arrays = [None if array is None else array[part] for array in arrays]
        return NumpyArrayIterator(
            *arrays,  # type: ignore[arg-type]
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            change=self._changed,
            dtype=self.dtype,
            save=None if save_to_dir is None else (str(save_to_dir), save_prefix, save_format),
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of pictures from a folder with one sub-folder per class.

        Parameters
        ----------
        directory : str or os.PathLike
        target_size : tuple of int
            (height, width) to resize to.
        color_mode : {"rgb", "grayscale", "rgba"}
        classes : sequence of str, optional
            The sub-folders, in the order of their numbers; all, sorted, when not given.
        class_mode : {"categorical", "binary", "sparse", "input", None}
            Targets: one-hot rows, 0 or 1, numbers, the pictures themselves, or none.
        batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset :
            As in `flow`.
        follow_links : bool
            Look into folders behind symbolic links.
        interpolation, keep_aspect_ratio :
            As in `load_img`.

        Returns
        -------
        DirectoryIterator
        """
        return DirectoryIterator(
            directory,
            target_size,
            color_mode,
            classes,
            class_mode,
            self._part(subset),
            follow_links,
            interpolation,
            keep_aspect_ratio,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            change=self._changed,
            dtype=self.dtype,
            save=None if save_to_dir is None else (str(save_to_dir), save_prefix, save_format),
        )

    def _part(self, subset: str | None) -> tuple[float, float]:
        """Where a subset starts and ends."""
        if subset not in _SUBSETS:
            raise ValueError(f"subset must be 'training' or 'validation', got {subset!r}")
        if subset == "validation":
            return 0.0, self.validation_split
        return (self.validation_split, 1.0) if subset else (0.0, 1.0)

    # Single pictures -------------------------------------------------------------------

    def get_random_transform(
        self, img_shape: Sequence[int], seed: int | None = None
    ) -> dict[str, Any]:
        """Draw a change for a picture of a shape (H, W, C), as `apply_transform` takes it."""
        return self.augmentation.draw(img_shape, generator(seed))

    def apply_transform(self, x: ArrayLike, transform_parameters: dict[str, Any]) -> Array:
        """Change a picture.

        Parameters
        ----------
        x : array_like, shape (H, W, C)
        transform_parameters : dict
            ``theta``, ``shear`` (degrees), ``tx``, ``ty`` (pixels along rows, columns), ``zx``,
            ``zy``, ``flip_horizontal``, ``flip_vertical``, ``channel_shift_intensity``,
            ``brightness``; any of them.

        Returns
        -------
        ndarray, shape (H, W, C)
        """
        return self.augmentation.apply(np.asarray(x, self.dtype), transform_parameters)

    def random_transform(self, x: ArrayLike, seed: int | None = None) -> Array:
        """Change a picture (H, W, C) at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def standardize(self, x: ArrayLike) -> Array:
        """Normalise a picture (H, W, C) as the constructor says; `x` stays as it is."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(np.asarray(x))
        image = np.array(x, self.dtype)
        if self.rescale is not None:
            image *= self.rescale
        if self.samplewise_center:
            image -= image.mean()
        if self.samplewise_std_normalization:
            image /= image.std() + _TINY
        if self.mean is not None:
            image -= self.mean
        if self.std is not None:
            image /= self.std + _TINY
        if self.zca_whitening_matrix is not None:
            image = (image.reshape(-1) @ self.zca_whitening_matrix).reshape(image.shape)
        if self.featurewise_center and self.mean is None:
            warnings.warn(
                "ImageDataGenerator: featurewise normalisation and whitening need fit(x) first; "
                "left out",
                stacklevel=2,
            )
        return image

    def fit(
        self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None
    ) -> None:
        """Take mean, deviation and whitening from pictures.

        Parameters
        ----------
        x : array_like, shape (N, H, W, C)
        augment : bool
            Of pictures changed at random.
        rounds : int
            How often each picture is changed.
        seed : int, optional
        """
        images = np.array(x, self.dtype)
        if images.ndim != 4:
            raise ValueError(f"ImageDataGenerator.fit: x must be (N, H, W, C), got {images.shape}")
        if augment:
            rng = generator(seed)
            images = np.stack(
                [
                    self.augmentation.apply(image, self.augmentation.draw(image.shape, rng))
                    for _ in range(rounds)
                    for image in images
                ]
            )
        if self.featurewise_center:
            self.mean = images.mean(axis=(0, 1, 2))
            images -= self.mean
        if self.featurewise_std_normalization:
            self.std = images.std(axis=(0, 1, 2))
            images /= self.std + _TINY
        if self.zca_whitening:
            flat = images.reshape(len(images), -1)
            _, spread, axes = np.linalg.svd(flat, full_matrices=False)
            scale = np.sqrt(len(flat)) / (spread + self.zca_epsilon)
            self.zca_whitening_matrix = ((axes.T * scale) @ axes).astype(self.dtype)

    def _changed(self, x: Array, rng: np.random.Generator) -> Array:
        parameters = self.augmentation.draw(x.shape, rng)
        return self.standardize(self.augmentation.apply(x, parameters))
