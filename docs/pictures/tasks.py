"""Draw the pictures of the tasks' pages: python docs/pictures/tasks.py [NAME ...].

Each network is trained anew, for some minutes. The environment variable FASTRNN_DATA names the
folder with the recordings that some are trained on: `mnist`, `fsdd` and `grid_s1`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import wave
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from fastrnn import Sequential, apps, layers
from fastrnn.apps.detection import DetectorOptions, train_detector, write_shape_pictures
from fastrnn.apps.detection.rendered import render_shapes
from fastrnn.apps.segments import SILENCES, Segment, read_segments, sound_starts
from fastrnn.apps.shapes import write_shape_clips
from fastrnn.apps.speech.front_end import Recording
from fastrnn.apps.tracking import Tracker
from fastrnn.audio import read_wav
from fastrnn.datasets import mnist
from fastrnn.optimizers import Adam
from fastrnn.utils import set_random_seed
from fastrnn.video import draw_boxes
from fastrnn.video.boxes import PALETTE
from fastrnn.video.draw import BLACK, GREY, WHITE, Colour, Picture, draw_line, put_text, text_size

HERE = Path(__file__).parent
GAP = 8
RED: Colour = (40, 40, 200)


def recordings(name: str) -> Path:
    """Folder of a corpus."""
    return Path(os.environ["FASTRNN_DATA"], name)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's 60,000 pictures and their labels."""
    folder = recordings("mnist")
    return mnist.read_idx(folder / "train-images-idx3-ubyte.gz"), mnist.read_idx(
        folder / "train-labels-idx1-ubyte.gz"
    )


def larger(picture: Picture, factor: float) -> Picture:
    """Its pixels as squares."""
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST))


def in_colour(picture: Picture) -> Picture:
    """(H, W, 3) of (H, W)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))


def blank(width: int, height: int) -> Picture:
    """A white sheet."""
    return np.full((height, width, 3), 255, np.uint8)


def shares(values: np.ndarray) -> Picture:
    """White where 0, dark blue where 1."""
    ends = np.array([[255, 255, 255], [140, 81, 8]])
    share = np.clip(values, 0, 1)[..., None]
    return (ends[0] + share * (ends[1] - ends[0])).round().astype(np.uint8)


def spectrum(log_mel: np.ndarray) -> Picture:
    """Log-mel frames (T, mels), low tones at the bottom."""
    low, high = np.percentile(log_mel, [5, 99.5])
    grey = (np.clip((log_mel - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey.T[::-1], cv2.COLORMAP_VIRIDIS))


def put(picture: Picture, part: Picture, x: int, y: int) -> None:
    """Lay a part into a picture, its upper left corner at (x, y)."""
    picture[y : y + part.shape[0], x : x + part.shape[1]] = part


def centred(picture: Picture, text: str, x: float, y: int, colour: Colour) -> None:
    """Write a line of text, its middle at x."""
    put_text(picture, text, (round(x - text_size(text)[0] / 2), y), colour)


def save(name: str, picture: Picture) -> None:
    """Write it in few bytes: .jpg for what is noisy, .png for what is drawn."""
    framed = cv2.copyMakeBorder(picture, *[GAP] * 4, cv2.BORDER_CONSTANT, value=WHITE)
    small = [cv2.IMWRITE_JPEG_QUALITY, 80]
    if name.endswith("png"):
        small = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    cv2.imwrite(str(HERE / name), framed, small)


def images() -> None:
    """What an LSTM takes digits for that it has not seen, and its opinion after each row."""
    pixels, labels = digits()
    set_random_seed(0)
    rows = Sequential([layers.Input((28, 28)), layers.LSTM(64), layers.Dense(10, "softmax")])
    rows.compile(Adam(2e-3), "sparse_categorical_crossentropy")
    x = pixels / np.float32(255)
    rows.fit(x[:20_000], labels[:20_000], batch_size=64, epochs=4, verbose=2)
    seen = rows.predict(x[-10_000:], verbose=0)
    said, true = seen.argmax(axis=1), labels[-10_000:]
    wrong = np.flatnonzero(said != true)[:3]
    chosen = np.sort(np.r_[wrong, np.flatnonzero(said == true)[:21]])
    picture = blank(700, 268)
    for place, number in enumerate(chosen):
        left, top = 62 * (place % 6), 66 * (place // 6)
        put(picture, in_colour(larger(pixels[-10_000 + number], 1.57)), left, top)
        centred(picture, f"{said[number]}", left + 22, top + 58, GREY)
        if said[number] != true[number]:
            cv2.rectangle(picture, (left, top), (left + 43, top + 43), RED, 2)
            centred(picture, f"{said[number]}", left + 22, top + 58, RED)
    one = int(np.flatnonzero((said == true) & (true == 3))[0])
    stream = rows.stream()
    opinions = np.concatenate([stream.step(row) for row in x[-10_000 + one]])
    side = 28 * 8
    put(picture, larger(in_colour(pixels[-10_000 + one]), 8)[:, 32:-24], 392, 24)
    heat = np.repeat(np.repeat(shares(opinions), 8, axis=0), 13, axis=1)
    put(picture, heat, 570, 24)
    cv2.rectangle(picture, (569, 23), (700 - 1, 24 + side), GREY, 1)
    for name in range(10):
        centred(picture, f"{name}", 570 + 13 * name + 7, 16, BLACK)
    centred(picture, "read row by row", 392 + 84, 16, GREY)
    centred(picture, "opinion after each row", 635, 24 + side + 18, GREY)
    save("images.png", picture)


def tracking() -> None:
    """Two rendered shapes, followed from their first box."""
    random = np.random.default_rng(12)
    while True:
        frames, boxes, _ = render_shapes(random, 40)
        inside = (boxes[..., :2] > 0).all() and (boxes[..., :2] + boxes[..., 2:] < (128, 96)).all()
        far = np.linalg.norm(boxes[-1] - boxes[0], axis=-1)
        if inside and len(far) > 1 and np.sort(far)[-2] > 30:
            break
    tracks = [Tracker().track(frames, box).boxes for box in boxes[0, np.argsort(-far)[:2]]]
    drawn = []
    for number in (4, 21, 39):
        picture = np.asarray(cv2.resize(frames[number], None, fx=1.9, fy=1.9))
        for track, colour in zip(tracks, PALETTE[1:], strict=False):
            middles = 1.9 * (track[: number + 1, :2] + track[: number + 1, 2:] / 2)
            for start, end in pairwise(middles):
                draw_line(picture, *(tuple(map(int, p)) for p in (start, end)), colour, thickness=2)
            draw_boxes(picture, [1.9 * track[number]], [""], colours=[colour])
        put_text(picture, f"frame {number}", (6, 16), WHITE)
        drawn += [picture, blank(GAP, len(picture))]
    save("tracking.jpg", np.hstack(drawn[:-1]))


def detection() -> None:
    """Rendered shapes and what a detector finds, in pictures that it has not seen."""
    with tempfile.TemporaryDirectory() as folder:
        write_shape_pictures(folder, 300)
        run = apps.TrainingRun(Path(folder, "runs"))
        detector = train_detector(folder, DetectorOptions(epochs=25), run=run)
        print(run.results["validation"])
    random = np.random.default_rng(100)
    drawn: list[Picture] = []
    while len(drawn) < 6:
        (frame,), true, _ = render_shapes(random)
        if true.shape[1] < 3:
            continue
        boxes, _, labels = detector.detect(frame)
        picture = np.asarray(cv2.resize(frame, None, fx=1.9, fy=1.9))
        names = [detector.classes[label] for label in labels]
        draw_boxes(picture, 1.9 * boxes, names, colours=[PALETTE[label] for label in labels])
        drawn += [picture, blank(GAP, len(picture))]
    save("detection.jpg", np.hstack(drawn[:-1]))


def generation() -> None:
    """Digits that a generator makes of noise, beside real ones."""
    pixels, _ = digits()
    with tempfile.TemporaryDirectory() as folder:
        run = apps.TrainingRun(folder)
        generator = apps.train_pictures(recordings("mnist"), apps.PictureOptions(epochs=4), run=run)
    picture = blank(2 * 340 + 20, 24 + 6 * 34)
    made = generator.generate(60, seed=1)[..., 0]
    for title, left, some in (("real", 0, pixels[:60]), ("made", 360, made)):
        centred(picture, title, left + 170, 14, BLACK)
        for number, each in enumerate(some):
            put(picture, in_colour(each), left + 34 * (number % 10), 24 + 34 * (number // 10))
    save("generation.png", picture)


def features() -> None:
    """Clips of five motions by the features of a layer, and by those made by hand."""
    with tempfile.TemporaryDirectory() as folder:
        training = apps.run_demo(folder).training
        write_shape_clips(Path(folder, "new"), clips_per_class=24, seed=7)
        paths = sorted(Path(folder, "new").rglob("*.mp4"))
        tables = {
            "motion, made by hand": apps.extract_features(paths),
            "an LSTM that was trained": apps.extract_features(
                paths, training.folder / "model.keras"
            ),
        }
    motions = sorted({path.parent.name for path in paths})
    picture = blank(700, 300)
    for left, (title, found) in zip((0, 356), tables.items(), strict=True):
        x = found.clip_features
        x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)
        _, _, axes = np.linalg.svd(x, full_matrices=False)
        plane = x @ axes[:2].T
        plane = (plane - plane.min(axis=0)) / np.ptp(plane, axis=0)
        cv2.rectangle(picture, (left, 22), (left + 343, 270), (200, 200, 200), 1)
        put_text(picture, title, (left, 14), BLACK)
        for path, (across, up) in zip(paths, plane, strict=True):
            middle = round(left + 14 + 315 * across), round(256 - 220 * up)
            colour = PALETTE[motions.index(path.parent.name)]
            cv2.circle(picture, middle, 5, colour, -1, cv2.LINE_AA)
    for number, motion in enumerate(motions):
        cv2.circle(picture, (150 + 90 * number, 290), 5, PALETTE[number], -1, cv2.LINE_AA)
        put_text(picture, motion, (160 + 90 * number, 294), BLACK)
    save("features.png", picture)


def speech() -> None:
    """Three spoken digits, what is heard of them, and the outputs of CTC over time."""
    random = np.random.default_rng(0)
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    with tempfile.TemporaryDirectory() as folder:
        sounds = Path(folder, "sounds")
        sounds.mkdir()
        for number in range(400):
            said = random.integers(10, size=3)
            first, count = (5, 36) if number < 360 else (41, 9)  # none of these is learned from
            some = first + random.integers(count, size=3)
            paths = [
                recordings("fsdd") / f"{digit}_jackson_{take}.wav"
                for digit, take in zip(said, some, strict=True)
            ]
            samples = np.concatenate([read_wav(path)[0] for path in paths])
            with wave.open(str(sounds / f"{number}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes((samples * 32767).astype("<i2").tobytes())
            Path(sounds, f"{number}.txt").write_text(" ".join(names[digit] for digit in said))
        run = apps.TrainingRun(folder)
        options = apps.SentenceOptions(epochs=20, validation_match="^3[6-9]")
        recognizer = apps.train_sentences(sounds, options, run=run)
        print(run.results["validation"])
        one = next(
            path.with_suffix(".wav")
            for path in sorted(sounds.glob("3[6-9]?.txt"))
            if len(set(path.read_text().split())) == 3
        )
        frames = recognizer.front_end.read(Recording(one, ""))
        print(one.with_suffix(".txt").read_text(), recognizer.predict(one))
    ((logits, steps),) = recognizer.outputs([frames])
    odds = np.exp(logits[:steps] - logits[:steps].max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    left, width = 60, 640
    picture = blank(left + width, 110 + 12 + 11 * 15)
    heard = spectrum(frames)
    put(
        picture,
        np.asarray(cv2.resize(heard, (width, 108), interpolation=cv2.INTER_NEAREST)),
        left,
        0,
    )
    put_text(picture, "log-mel", (0, 58), BLACK)
    across = np.minimum(np.arange(width) * steps // width, steps - 1)
    symbols = ["(blank)", *recognizer.names]
    for place, name in enumerate([*names, "(blank)"]):
        top, column = 120 + 15 * place, symbols.index(name)
        put(picture, np.repeat(shares(odds[across, column])[None], 14, axis=0), left, top)
        put_text(picture, name, (0, top + 11), BLACK if name[0] != "(" else GREY)
    save("speech.png", picture)


def labelling() -> None:
    """Words in a spoken sentence, as its sound is labelled, under when they were said."""
    folder = recordings("grid_s1")
    paths = sorted(folder.glob("audio8k/*.wav"))[::2]
    one = paths.pop(60)  # which is not learned from
    with tempfile.TemporaryDirectory() as some:
        Path(some, "index.csv").symlink_to(folder / "index.csv")
        for path in paths:
            Path(some, path.name).symlink_to(path)
            Path(some, f"{path.stem}.align").symlink_to(folder / "align" / f"{path.stem}.align")
        run = apps.TrainingRun(some)
        options = apps.LabelOptions(media="sound", epochs=16)
        labeller = apps.train_labels(some, options, run=run)
        print(run.results["validation"])
    start, said = sound_starts(folder)[one.stem], labeller.predict(one)
    aligned = read_segments(folder / "align" / f"{one.stem}.align")
    true = [
        Segment(each.start - start, each.stop - start, each.label)
        for each in aligned
        if each.label not in SILENCES
    ]
    words = list(dict.fromkeys(each.label for each in [*true, *said.segments]))
    left, width, seconds = 60, 640, float(said.times[-1])
    picture = blank(left + width, 190)
    heard = spectrum(labeller.source.front_end.log_mel.read(one))
    put(
        picture,
        np.asarray(cv2.resize(heard, (width, 100), interpolation=cv2.INTER_NEAREST)),
        left,
        0,
    )
    put_text(picture, "log-mel", (0, 54), BLACK)
    for title, top, segments in (("true", 110, true), ("labels", 152, said.segments)):
        put_text(picture, title, (0, top + 22), BLACK)
        for each in segments:
            first, last = (
                left + round(width * min(max(time / seconds, 0), 1))
                for time in (each.start, each.stop)
            )
            colour = PALETTE[words.index(each.label) % len(PALETTE)]
            cv2.rectangle(picture, (first, top), (last - 3, top + 34), colour, -1)
            if text_size(each.label)[0] < last - first:
                centred(picture, each.label, (first + last) / 2, top + 22, BLACK)
    save("labelling.png", picture)


PAGES = {
    page.__name__: page
    for page in (images, tracking, detection, generation, features, speech, labelling)
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PAGES:
        PAGES[name]()
