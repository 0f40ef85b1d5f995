"""What models share whose passes run through their layers: Sequential and Functional."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastrnn.models.model import Model
from fastrnn.models.trainable import Trainable


class Composite(Model):
    """Base of models that know their layers' order.

    A subclass defines `propagate`, `propagate_back` and `arrange_backward`.
    """

    supports_masking = True

    def __init__(self, *, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name=name, trainable=trainable)
        self._needs_dx = False
        self._last_mask: tuple[Any, Any] | None = None

    def propagate(
        self, x: Any, training: bool, mask: Any = None, logits: Any = False
    ) -> tuple[Any, Any]:
        """Output and its mask; with `logits`, without the final activation."""
        raise TypeError(f"{type(self).__name__} must define propagate()")

    def propagate_back(self, dy: Any, logits: Any = False) -> Any:
        """Gradients of all weights for that of the output of the last `propagate`."""
        raise TypeError(f"{type(self).__name__} must define propagate_back()")

    @property
    def need_dx(self) -> bool:
        """Whether `backward` must return the input's gradient."""
        return self._needs_dx

    @need_dx.setter
    def need_dx(self, value: bool) -> None:
        self.arrange_backward(value)

    def arrange_backward(self, need_dx: bool, trained: Collection[int] | None = None) -> None:
        self._needs_dx = need_dx
        Trainable._in_force = None

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        y, out_mask = self.propagate(x, training, mask)
        self._note_mask(x, mask, out_mask)
        return y

    def forward_logits(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        """`forward` without the last layer's activation."""
        y, out_mask = self.propagate(x, training, mask, logits=True)
        self._note_mask(x, mask, out_mask)
        return y

    def backward(self, dy: Any) -> Any:
        return self.propagate_back(dy)

    def backward_logits(self, dy: Any) -> Any:
        """`backward` without the last layer's activation."""
        return self.propagate_back(dy, logits=True)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_last_mask": None}

    def _note_mask(self, x: Any, mask: Any, out_mask: Any) -> None:
        """Keep the output's mask for `compute_mask`, where that comes next for the same array."""
        self._last_mask = (x, out_mask) if mask is not None or self.makes_mask else None

    def compute_mask(self, x: Any, mask: Any) -> Any:
        last, self._last_mask = self._last_mask, None
        if last is not None and last[0] is x:
            return last[1]
        return self.propagate(x, False, mask)[1]
