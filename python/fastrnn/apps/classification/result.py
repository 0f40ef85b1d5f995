"""What the trainings on clips and on images have in common: the fit, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastrnn.apps.classification.evaluation import Evaluation
from fastrnn.apps.classification.options import ClassifierOptions
from fastrnn.apps.figures import draw_confusion
from fastrnn.apps.run import TrainingRun
from fastrnn.optimizers import Adam
from fastrnn.optimizers.schedules import CosineDecay
from fastrnn.utils.rows import RowsDataset

Classifier = TypeVar("Classifier")


@dataclass(frozen=True)
class TrainingResult(Generic[Classifier]):
    """What training made.

    Attributes
    ----------
    run : TrainingRun
        Its folder, history and best epoch.
    classifier : VideoClassifier or ImageClassifier
        The model of the best epoch.
    evaluation : Evaluation or None
        On the validation part; None where nothing is held back.
    skipped : list of (Path, str)
        Files that could not be read, with the reason.
    """

    run: TrainingRun
    classifier: Classifier
    evaluation: Evaluation | None
    skipped: list[tuple[Path, str]]

    @property
    def folder(self) -> Path:
        """Holds model.keras and all figures."""
        return self.run.path

    def finish(self, results: Mapping[str, Any]) -> None:
        """Write confusion.png and results.json, with `results` in it."""
        if self.evaluation is not None:
            path = self.folder / "confusion.png"
            draw_confusion(path, self.evaluation.confusion, self.evaluation.classes)
        self.run.finish(
            {
                **results,
                "validation": self.evaluation.to_dict() if self.evaluation else None,
                "skipped": {str(path): reason for path, reason in self.skipped},
            }
        )


def fit_classifier(
    run: TrainingRun,
    classifier: Any,
    options: ClassifierOptions,
    batches: RowsDataset,
    validation: RowsDataset | None,
) -> None:
    """Train a classifier's model; the best epoch's weights are in it afterwards."""
    rate = CosineDecay(options.learning_rate, options.epochs * len(batches))
    classifier.model.compile(Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    run.fit(
        classifier.model,
        batches,
        epochs=options.epochs,
        save=classifier.save,
        shuffle=False,
        validation_data=validation,
    )
