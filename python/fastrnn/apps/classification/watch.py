"""Live classification: one pass over a file, camera or stream, in constant memory."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Generator
from typing import Any

from fastrnn.apps.classification.annotate import annotate_frame
from fastrnn.apps.classification.prediction import FloatArray, WindowPrediction
from fastrnn.apps.classification.video import LiveClassifier, VideoClassifier
from fastrnn.models.sources import prefetched
from fastrnn.video import FrameReader, FrameWriter, VideoError
from fastrnn.video.draw import as_gray
from fastrnn.video.sampling import sample_frames
from fastrnn.video.writer import check_video

_FRAMES_AHEAD = 8


class Watch:
    """Classifies each window of a video as soon as it ends; iterate over it, once.

    No more than one window's small frames is kept, and a few frames that a thread decodes ahead,
    however long the video is.

    Parameters
    ----------
    classifier : VideoClassifier
        What to classify with.
    source : str, os.PathLike or int
        A video file, the address of a stream (``rtsp://...``, ``http://...``), or the number of
        a camera.
    output : str or os.PathLike, optional
        Video file to write (``.mp4``, ``.avi``, ``.mkv``): a copy with the most probable classes
        of the last window that has ended drawn into each frame. Ctrl-C, or leaving the loop, ends
        it where it is.
    on_frame : callable, optional
        Called with the number of frames seen, after each.

    Attributes
    ----------
    live : LiveClassifier
        Counts frames and windows, and has the mean of the probabilities.

    Raises
    ------
    FileNotFoundError, fastrnn.video.VideoError
        If the source cannot be opened, or gives no frame.
    ValueError
        If the suffix of `output` is unknown, or it is the source itself.

    Examples
    --------
    >>> from fastrnn.apps import VideoClassifier, Watch
    >>> classifier = VideoClassifier.load("model.keras")                # doctest: +SKIP
    >>> for window in Watch(classifier, 0, output="seen.mp4"):          # doctest: +SKIP
    ...     print(f"{window.seconds:.1f} s: {window.label}")
    """

    def __init__(
        self,
        classifier: VideoClassifier,
        source: str | os.PathLike[str] | int,
        *,
        output: str | os.PathLike[str] | None = None,
        on_frame: Callable[[int], Any] | None = None,
    ) -> None:
        if output is not None:
            check_video(output, source)
        self.classifier = classifier
        self.source = source
        self.live = LiveClassifier(classifier)
        self._output = output
        self._on_frame = on_frame or (lambda count: None)

    def __iter__(self) -> Generator[WindowPrediction, None, None]:
        classes, live = self.classifier.classes, self.live
        colour = self.classifier.preprocessing.colour
        with contextlib.ExitStack() as files:
            reader = files.enter_context(
                FrameReader(self.source, gray=not colour and self._output is None)
            )
            fps = self.classifier.preprocessing.fps or reader.info.fps
            writer = None
            if self._output is not None:
                writer = files.enter_context(FrameWriter(self._output, fps=fps, keep=True))
            seen = None
            frames = sample_frames(reader, fps=self.classifier.preprocessing.fps)
            ahead = prefetched(lambda _: next(frames, None), itertools.count(), 1, _FRAMES_AHEAD)
            files.enter_context(contextlib.closing(ahead))
            for frame in ahead:
                if frame is None:
                    break
                probabilities = live.push(frame if colour else as_gray(frame))
                if probabilities is not None:
                    seen = probabilities
                if writer is not None:
                    writer.write(annotate_frame(frame, classes, seen))
                self._on_frame(live.frame_count)
                if probabilities is not None:
                    yield self._window(probabilities, fps)
            if not live.frame_count:
                raise VideoError(f"{self.source}: no frame could be decoded")
            for probabilities in live.finish():
                yield self._window(probabilities, fps)

    def _window(self, probabilities: FloatArray, fps: float) -> WindowPrediction:
        last = self.live.frame_count - 1
        return WindowPrediction(self.classifier.classes, probabilities, last, last / fps)
