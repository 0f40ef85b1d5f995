"""What a layer has of regularizers and constraints."""

from __future__ import annotations

from typing import Any, ClassVar

from fastrnn import constraints, regularizers
from fastrnn.layers import activity

_KINDS: dict[str, Any] = {"regularizer": regularizers, "constraint": constraints}


class Regularized:
    """Part of `Layer`: its arguments ``<role>_regularizer`` and ``<role>_constraint``.

    Attributes
    ----------
    activity_regularizer : Regularizer or None
    """

    # The roles of weights that the arguments are for: "kernel", "bias".
    roles: ClassVar[tuple[str, ...]] = ()

    def _take_regularizers(self, activity_regularizer: Any, arguments: dict[str, Any]) -> None:
        """Take the roles' arguments out of a constructor's."""
        for name in self.role_arguments():
            kind = _KINDS[name.rpartition("_")[2]]
            setattr(self, name, kind.get(arguments.pop(name, None)))
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if self.activity_regularizer is not None:
            self.regularize_activity()

    @classmethod
    def role_arguments(cls) -> list[str]:
        """Names of the arguments for the regularizer and the constraint of each role."""
        return [f"{role}_{kind}" for kind in _KINDS for role in cls.roles]

    def of_role(self, role: str) -> dict[str, Any]:
        """The regularizer and the constraint of a role, as `add_weight` takes them."""
        return {kind: getattr(self, f"{role}_{kind}") for kind in _KINDS}

    def regularize_activity(self) -> None:
        """Have the passes count the penalty of the activity regularizer."""
        activity.attach(self)

    @property
    def regularizes_activity(self: Any) -> bool:
        """Whether this layer or one in it has an activity regularizer."""
        inner = (layer for _, layer in self.sublayers())
        return self.activity_regularizer is not None or any(x.regularizes_activity for x in inner)

    @property
    def losses(self: Any) -> list[float]:
        """Penalties of the regularized weights."""
        weights = self.trainable_weights
        return [w.regularizer.penalize(w.value) for w in weights if w.regularizer is not None]

    def _regularizer_config(self) -> dict[str, Any]:
        config = {
            name: _KINDS[name.rpartition("_")[2]].serialize(getattr(self, name))
            for name in self.role_arguments()
        }
        if self.roles or self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config
