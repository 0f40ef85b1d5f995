"""How data come to a model: whatever `fit` takes becomes checked batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastrnn.models.batches import ArrayBatches, Batches
from fastrnn.models.sources import batches_of, yields_batches
from fastrnn.models.trainable import Trainable
from fastrnn.utils.structures import mapped

_DEFAULT_BATCH = 32


class Feeding(Trainable):
    """What a model makes of arrays and of batches from elsewhere."""

    def _source(
        self,
        action: str,
        data: tuple[Any, Any, Any],
        class_weight: dict[int, float] | None,
        batch_size: int | None,
        rng: np.random.Generator | None = None,
        whole: bool = False,
    ) -> Batches:
        """Batches of whatever `fit` and `evaluate` take as ``(x, y, sample_weight)``."""
        x, y, sample_weight = data
        self._compiled_objective(action)
        if not yields_batches(x) or (isinstance(x, list) and y is not None):
            arrays = self._training_arrays(action, x, y, sample_weight, class_weight)
            return self._batches(arrays, batch_size, rng, whole)
        if y is not None or sample_weight is not None:
            raise ValueError(
                f"{self.name}.{action}: {type(x).__name__} yields whole batches: have them "
                "hold the targets and weights, too, and leave y and sample_weight out"
            )

        def prepare(batch: Any) -> list[Any]:
            parts = self._unpacked(action, "a batch", batch)
            return self._one_batch(self._training_arrays(action, *parts, class_weight))

        return batches_of(x, prepare, rng)

    def _unpacked(self, action: str, what: str, data: Any) -> tuple[Any, Any, Any]:
        """Inputs, targets and weights of a batch, or of data to validate on."""
        listed = isinstance(data, list) and not (action == "predict" and len(self.input_names) > 1)
        if yields_batches(data):
            return data, None, None
        if isinstance(data, tuple) or listed:
            if len(data) == 1:
                return data[0], None, None
            if len(data) in (2, 3):
                x, y, *rest = data
                return x, y, rest[0] if rest else None
        elif action == "predict":
            return data, None, None
        raise ValueError(
            f"{self.name}.{action}: {what} must be (x, y) or (x, y, sample_weight), "
            f"got {type(data).__name__}"
            + (f" of {len(data)}" if isinstance(data, (list, tuple)) else "")
        )

    def _batches(
        self,
        arrays: list[Any],
        batch_size: int | None,
        rng: np.random.Generator | None = None,
        whole: bool = False,
    ) -> ArrayBatches:
        size = self._batch_size(batch_size)
        return ArrayBatches(arrays, [self.dtype, None, self.dtype], size, rng, whole)

    def _batch_size(self, batch_size: int | None) -> int:
        if batch_size is None:
            return _DEFAULT_BATCH
        if batch_size < 1:
            raise ValueError(f"{self.name}: batch_size must be positive, got {batch_size}")
        return int(batch_size)

    def _one_batch(self, arrays: list[Any]) -> list[Any]:
        x, y, weight = arrays
        return [self._converted(x), mapped(np.ascontiguousarray, y), self._converted(weight)]

    def _prediction_batch(self, batch: Any) -> list[Any]:
        x, *_ = self._unpacked("predict", "a batch", batch)
        return [self._converted(self._inputs("predict", x))]

    def _converted(self, x: Any) -> Any:
        return mapped(lambda array: np.ascontiguousarray(array, self.dtype), x)
