"""The tracker: a correlation filter finds the object, a rule or a network judges what it finds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastrnn.apps.model_file import load_trained, save_trained
from fastrnn.apps.tracking.appearance import CELLS, WINDOW, CorrelationFilter, Peak
from fastrnn.layers import GRU, Dense, Input
from fastrnn.models import Model, Sequential
from fastrnn.video.boxes import Boxes, check_box
from fastrnn.video.draw import Picture

SCALES = (1.0, 0.96, 1.04)
SAME_SCALE = 1.015  # so much better another scale must fit
SCALE_RATE = 0.6
MEAN_RATE = 0.05
FOUND = 0.7  # of the mean peak, and JUMP of the peak nearby: what a place far away must reach
JUMP = 1.2
PLACES = 8  # windows of the whole frame that are searched at a time; they take turns
SURE = 0.4  # confidence from which the filter learns, and below which all is searched
BELIEVED = 0.6  # of the mean peak: the rule, unless another share is given
OBSERVED = 8  # numbers that the network is given for each frame


@dataclass(frozen=True)
class Track:
    """Where an object was.

    Attributes
    ----------
    boxes : ndarray
        (T, 4) x, y, width, height in pixels, one for each frame.
    confidences : ndarray
        (T,) in [0, 1]: how sure it is that the box is on the object.
    """

    boxes: Boxes
    confidences: Boxes


def build_network(units: int = 32) -> Sequential:
    """The recurrent network, over what is observed in each frame.

    Its input is (T, 8): how far the object moved, in sides of its box, x and y; the logarithm of
    its change of size, times ten; the filter's peak; the logarithm of the peak over the mean of
    the peaks that were believed; the second best peak over it; the resemblance to the first
    frame; whether the whole frame was searched. Its output is (T, 3): the shift to the next
    frame, x and y, and the logit of the box being on the object.
    """
    layers: list[Any] = [Input((None, OBSERVED)), GRU(units, return_sequences=True), Dense(3)]
    return Sequential(layers, name="tracker")


class Tracker:
    """Follows one object, whose box in the first frame is given.

    In each frame a correlation filter over convolutional features looks for the object, in three
    sizes, around its last place. Where its peak is nearly as high as those before, the filter
    learns from the frame; elsewhere the whole frame is searched. A recurrent network, which sees
    the history of movements, sizes and peaks, may say besides how likely the box is on the object,
    and where the object goes next.

    Parameters
    ----------
    network : Model, optional
        As `build_network` makes it, trained.
    lost : float
        The rule: a peak of this share of the mean peak is believed, whatever the network says.

    Attributes
    ----------
    observation : ndarray
        (8,) what the network was given last.

    Examples
    --------
    >>> from fastrnn.apps.tracking import Tracker, read_frames
    >>> track = Tracker().track(read_frames("clip.mp4"), [140, 90, 30, 60])     # doctest: +SKIP
    >>> track.boxes[-1]                                                         # doctest: +SKIP
    array([180.2,  93.5,  31.1,  62.2])
    """

    KIND = "fastrnn tracker"

    def __init__(self, network: Model | None = None, *, lost: float = BELIEVED) -> None:
        self.network = network
        self.lost = lost
        self._stream: Any = None
        self.observation = np.zeros(OBSERVED, np.float32)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tracker:
        """Read a tracker that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is something else, or damaged.
        """
        network, about = load_trained(path, cls.KIND)
        return cls(network, lost=float(about.get("lost", BELIEVED)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, and the rule, to one ``.keras`` file."""
        if self.network is None:
            raise ValueError("tracker: there is no network to save")
        save_trained(path, self.network, self.KIND, {"lost": self.lost})

    def track(self, frames: Iterable[Picture], box: npt.ArrayLike) -> Track:
        """Follow an object through a clip.

        Parameters
        ----------
        frames : iterable of ndarray
            (H, W, 3) uint8 each, blue, green, red.
        box : array_like
            x, y, width, height of the object in the first frame, in pixels.

        Returns
        -------
        Track
            A box and a confidence for each frame.

        Raises
        ------
        ValueError
            If there is no frame, or the box is wrong or outside of the frame.
        """
        places: list[Boxes] = []
        confidences: list[float] = []
        for frame in frames:
            if not places:
                self.start(frame, box)
            else:
                self.step(frame)
            places.append(self.box)
            confidences.append(self.confidence)
        if not places:
            raise ValueError("track: the clip has no frame")
        return Track(np.array(places), np.array(confidences))

    def start(self, frame: Picture, box: npt.ArrayLike) -> None:
        """Take the first frame, with the object's box in it."""
        values = check_box(box)
        bounds = np.array(frame.shape[1::-1], float)
        if (values[:2] >= bounds).any() or (values[:2] + values[2:] <= 0).any():
            raise ValueError(f"box {values.tolist()} is outside of the frame {bounds.tolist()}")
        self._size = values[2:].copy()
        self._scale = 1.0
        self._centre = values[:2] + self._size / 2
        self._shift = np.zeros(2)
        self._mean: float | None = None
        self._turn = 0
        self.confidence = 1.0
        self._filter = CorrelationFilter()
        self._filter.learn(frame, self._centre, self._side * WINDOW)
        if self.network is not None:
            if self._stream is None:
                self._stream = self.network.stream()
            self._stream.reset()

    def step(self, frame: Picture) -> Boxes:
        """Take the next frame; return the object's box in it."""
        side = self._side
        searched, centre, ratio, peak = self._search(frame)
        centre = np.clip(centre, 0, np.array(frame.shape[1::-1]) - 1.0)
        scale = float(np.clip(self._scale * (1 + SCALE_RATE * (ratio - 1)), 0.2, 5.0))
        mean = peak.value if self._mean is None else self._mean
        window = np.sqrt(self._size.prod()) * scale * WINDOW
        resemblance, spectrum = self._filter.resemblance(frame, centre, window)
        self.observation = np.array(
            [
                *np.clip((centre - self._centre) / side, -3, 3),
                10 * np.log(scale / self._scale),
                peak.value,
                np.log(max(peak.value, 1e-3) / max(mean, 1e-3)),
                peak.rival / max(peak.value, 1e-3),
                resemblance,
                searched,
            ],
            np.float32,
        )
        self._judge(peak.value, mean)
        self._centre = centre
        if self.confidence >= SURE:
            self._scale = scale
            self._filter.confirm(spectrum)
            self._mean = mean + MEAN_RATE * (peak.value - mean)
        return self.box

    @property
    def box(self) -> Boxes:
        """The box in the last frame."""
        size = self._size * self._scale
        return np.concatenate([self._centre - size / 2, size])

    @property
    def _side(self) -> float:
        return float(np.sqrt(self._size.prod()) * self._scale)

    def _judge(self, peak: float, mean: float) -> None:
        if self._stream is None:
            self.confidence = float(peak >= self.lost * mean)
            return
        *shift, logit = self._stream.step(self.observation)[0].astype(float)
        # A peak as high as those before is believed, whatever the network says.
        believed = 0.5 if peak >= self.lost * mean else 0.0
        self.confidence = max(float(1 / (1 + np.exp(-logit))), believed)
        self._shift = np.clip(shift, -1, 1)

    def _search(self, frame: Picture) -> tuple[bool, Boxes, float, Peak]:
        """Look around the expected place; if it seems lost, at some places all over, too."""
        window = self._side * WINDOW
        expected = self._centre + self._shift * self._side
        places = [(expected, window * scale) for scale in SCALES]
        peaks = [self._filter.peak(each) for each in self._filter.respond(frame, places)]
        values = [peak.value for peak in peaks]
        best = int(np.argmax([SAME_SCALE * values[0], *values[1:]]))
        peak, ratio = peaks[best], SCALES[best]
        centre = expected + peak.offset * (window * ratio / CELLS)
        if self.confidence >= SURE:
            return False, centre, ratio, peak
        grid = self._some([(place, window) for place in _grid(frame, window / 2)])
        peaks = [self._filter.peak(each) for each in self._filter.respond(frame, grid)]
        best = int(np.argmax([each.value for each in peaks]))
        if peaks[best].value > max(JUMP * peak.value, FOUND * (self._mean or 0.0)):
            peak, ratio = peaks[best], 1.0
            centre = grid[best][0] + peak.offset * (window / CELLS)
        return True, centre, ratio, peak

    def _some(self, grid: list[tuple[Boxes, float]]) -> list[tuple[Boxes, float]]:
        stride = -(-len(grid) // PLACES)
        self._turn += 1
        return grid[self._turn % stride :: stride]


def _grid(frame: Picture, step: float) -> list[Boxes]:
    """Places all over the frame, `step` pixels apart."""
    rows = np.arange(step / 2, frame.shape[0] + step / 2, step)
    columns = np.arange(step / 2, frame.shape[1] + step / 2, step)
    return [np.array([x, y]) for y in rows for x in columns]
