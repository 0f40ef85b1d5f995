"""The detector: its grid, its loss, its scores, its data, and that it learns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fastrnn.apps.detection import (
    Detections,
    DetectorOptions,
    GridLoss,
    ObjectDetector,
    average_precision,
    decode_grid,
    encode_boxes,
    evaluate_detector,
    load_pictures,
    mean_average_precision,
    mean_boxes,
    scan_pictures,
    train_detector,
    write_shape_pictures,
)
from fastrnn.apps.detection.batches import DetectionBatches, change_sample
from fastrnn.apps.detection.pictures import Labelled
from fastrnn.apps.detection.train import evaluate_file, file_of, read_samples
from fastrnn.apps.run import Progress, TrainingRun
from fastrnn.cli.app import app
from fastrnn.utils import load_img, save_img
from fastrnn.video import FrameReader, FrameWriter, VideoError, box_iou
from fastrnn.video.boxes import PALETTE


def test_boxes_come_back_from_the_grid(rng: np.random.Generator) -> None:
    middles = (rng.permutation(30)[:6, None] // [1, 6] % [6, 5] + rng.uniform(0.1, 0.9, (6, 2))) * 8
    sizes = rng.uniform(3, 30, (6, 2))
    boxes, labels = np.concatenate([middles - sizes / 2, sizes], 1), rng.integers(0, 3, 6)
    grid = encode_boxes(boxes, labels, (5, 6), 3)
    logits = grid.copy()
    logits[..., 0] = 20 * grid[..., 0] - 10
    logits[..., 5:] *= 20
    found, scores, kinds = decode_grid(logits, 0.5)
    assert scores.min() > 0.99
    match = box_iou(boxes[:, None], found).argmax(axis=1)
    assert sorted(match) == list(range(6))
    np.testing.assert_allclose(found[match], boxes, rtol=1e-4, atol=1e-3)
    assert kinds[match].tolist() == labels.tolist()


def test_a_cell_keeps_the_larger_box_and_the_picture_bounds() -> None:
    boxes = np.array([[0.0, 0, 8, 8], [1, 1, 6, 6], [60, 0, 8, 8]])
    grid = encode_boxes(boxes, [1, 0, 0], (2, 3), 2)
    assert grid[..., 0].sum() == 1
    assert grid[0, 0].tolist() == [1, 0, 0, 0, 0, 0, 1]


def test_the_gradient_of_the_loss_is_its_slope(rng: np.random.Generator) -> None:
    boxes = np.array([[3.0, 4, 9, 15], [17, 2, 30, 6]])
    true = np.stack(
        [encode_boxes(boxes, [0, 2], (3, 4), 3), encode_boxes(boxes[:1], [1], (3, 4), 3)]
    ).astype(float)
    said = rng.normal(0, 2, true.shape)
    loss = GridLoss(positive=2.0, place=1.5)
    _, gradient = loss.value_and_gradient(true, said)
    way = rng.normal(size=said.shape)
    step = 1e-6
    ahead, behind = (
        loss.value_and_gradient(true, said + sign * step * way)[0].sum() for sign in (1, -1)
    )
    assert (ahead - behind) / (2 * step) == pytest.approx((gradient * way).sum(), rel=1e-6)
    assert loss.value_and_gradient(true, said)[0].shape == (2,)
    assert type(loss).from_config(loss.get_config()).positive == 2.0


def precision_at_recalls(
    true: list[tuple[np.ndarray, np.ndarray]], found: list[Detections], label: int, iou: float
) -> float:
    """Average precision by its definition: for each threshold, match anew and count."""
    total = sum(int((labels == label).sum()) for _, labels in true)
    points = []
    for threshold in np.concatenate([each.scores for each in found]):
        right = wrong = 0
        for (boxes, labels), each in zip(true, found, strict=True):
            left = [box for box, kind in zip(boxes, labels, strict=True) if kind == label]
            left_over = list(range(len(left)))
            chosen = [i for i in np.argsort(-each.scores) if each.labels[i] == label]
            for index in chosen:
                if each.scores[index] < threshold:
                    continue
                overlaps = [float(box_iou(each.boxes[index], box)) for box in left]
                best = int(np.argmax(overlaps)) if overlaps else -1
                if best >= 0 and overlaps[best] >= iou and best in left_over:
                    left_over.remove(best)
                    right += 1
                else:
                    wrong += 1
        if right + wrong:
            points.append((right, right / (right + wrong)))
    return (
        sum(
            max((precision for hits, precision in points if hits >= needed), default=0.0)
            for needed in range(1, total + 1)
        )
        / total
    )


def test_average_precision_is_what_its_definition_gives(rng: np.random.Generator) -> None:
    true, found = [], []
    for _ in range(5):
        count = int(rng.integers(0, 5))
        boxes = np.concatenate([rng.uniform(0, 60, (count, 2)), rng.uniform(10, 30, (count, 2))], 1)
        labels = rng.integers(0, 2, count)
        near = np.concatenate([boxes, boxes, rng.uniform(5, 40, (3, 4))])
        near = near + rng.normal(0, 2, near.shape)
        kinds = np.concatenate([labels, rng.integers(0, 2, count + 3)])
        found.append(Detections(near, rng.random(len(near)).astype(np.float32), kinds))
        true.append((boxes, labels))
    for label in (0, 1):
        for iou in (0.3, 0.5, 0.7):
            expected = precision_at_recalls(true, found, label, iou)
            assert 0.02 < expected < 0.98
            assert average_precision(true, found, label, iou) == pytest.approx(expected)
    assert np.isnan(average_precision(true, found, 2))
    mean = mean_average_precision(true, found, 3)
    both = [average_precision(true, found, label) for label in (0, 1)]
    assert mean == pytest.approx(np.mean(both))


def test_boxes_move_with_their_picture(rng: np.random.Generator) -> None:
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[12:28, 20:40] = 250
    box = np.array([[20.0, 12, 20, 16]])
    for _ in range(20):
        changed, boxes, labels = change_sample((picture, box, np.array([1])), rng)
        bright = np.argwhere(changed[..., 0] > 150)
        low, high = bright.min(axis=0)[::-1], bright.max(axis=0)[::-1] + 1
        assert labels.tolist() == [1]
        np.testing.assert_allclose(boxes[0], [*low, *(high - low)], atol=1.5)


def test_a_table_of_boxes_is_read(tmp_path: Path) -> None:
    with FrameWriter(tmp_path / "clip.avi") as clip:
        for shade in (10, 90, 170):
            clip.write(np.full((48, 64, 3), shade, np.uint8))
    write_shape_pictures(tmp_path, 1)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "boxes.csv").write_text(
        "image,x,y,w,h,class\nclip.avi#2,1,2,3,4,dog\n0000.png,5,6,7,8,cat\nclip.avi#0,,,,,\n"
        "clip.avi#2,9,8,7,6,cat\nbad.png,1,1,2,2,cat\nclip.avi#7,1,1,2,2,cat\n",
        encoding="utf-8-sig",  # as spreadsheets write it
    )
    folder = scan_pictures(tmp_path)
    assert folder.classes == ("cat", "dog")
    read = {
        (each.source.name, each.frame): (each, got) for each, got in load_pictures(folder.pictures)
    }
    labelled, frame = read["clip.avi", 2]
    assert not isinstance(frame, str)
    assert frame.mean() == pytest.approx(170, abs=4)
    assert labelled.boxes.tolist() == [[1, 2, 3, 4], [9, 8, 7, 6]]
    assert labelled.labels.tolist() == [1, 0]
    assert read["clip.avi", 0][0].boxes.shape == (0, 4)
    assert "has no such frame" in str(read["clip.avi", 7][1])
    assert "bad.png: not a picture" in str(read["bad.png", None][1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,x,y,w,h\n", "needs the columns image,x,y,w,h,class"),
        ("image,x,y,w,h,class\na.png,1,2,3,x,cat\n", "line 2: needs numbers x, y, w, h"),
        ("image,x,y,w,h,class\na.png,1,2,0,4,cat\n", "line 2: needs numbers x, y, w, h"),
        ("image,x,y,w,h,class\na.png,1,2,3\n", "line 2: needs numbers x, y, w, h"),
        ("image,x,y,w,h,class\na.png,,,,,\n", "no box in it"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        scan_pictures(tmp_path)


def test_a_folder_without_a_picture_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("image,x,y,w,h,class\na.png,1,2,3,4,cat\n")
    ObjectDetector(["cat"], 16, 16).save(tmp_path / "model.keras")
    with pytest.raises(VideoError, match="no picture can be read"):
        evaluate_file(tmp_path / "model.keras", tmp_path, Progress())


def test_it_learns_its_pictures_by_heart(tmp_path: Path) -> None:
    write_shape_pictures(tmp_path, 8, seed=3)
    folder = scan_pictures(tmp_path)
    detector = ObjectDetector(folder.classes, 64, 48)
    samples = read_samples(folder.pictures, detector, Progress())
    before = evaluate_detector(detector, samples, samples)["map50"]
    batches = DetectionBatches(samples, len(folder.classes), batch_size=8)
    detector.network.compile("adam", GridLoss())
    detector.network.optimizer.learning_rate = 5e-3
    detector.network.fit(batches, epochs=60, verbose=0)
    assert before < 0.2
    assert evaluate_detector(detector, samples, samples)["map50"] > 0.9
    detector.save(tmp_path / "detector.keras")
    again = ObjectDetector.load(tmp_path / "detector.keras")
    picture = samples[0][0]
    for one, other in zip(detector.detect(picture), again.detect(picture), strict=True):
        np.testing.assert_array_equal(one, other)
    wide = np.repeat(np.repeat(picture, 2, axis=0), 3, axis=1)  # boxes are in the picture's pixels
    np.testing.assert_allclose(
        detector.detect(wide).boxes, detector.detect(picture).boxes * [3, 2, 3, 2], rtol=1e-6
    )


def test_predict_finds_objects_in_pictures_and_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes, scores = np.array([[4.0, 6, 10, 12], [1, 1, 5, 5]]), np.array([0.9, 0.4])

    def detect(self: ObjectDetector, picture: np.ndarray, threshold: float) -> Detections:
        kept = scores >= threshold
        return Detections(boxes[kept], scores[kept], np.array([1, 0])[kept])

    monkeypatch.setattr(ObjectDetector, "detect", detect)
    model, grey = tmp_path / "model.keras", np.full((48, 64, 3), 90, np.uint8)
    ObjectDetector(["cat", "dog"], 16, 16).save(model)
    save_img(tmp_path / "in" / "a.png", grey, scale=False)
    with FrameWriter(tmp_path / "in" / "b.avi") as clip:
        for _ in range(3):
            clip.write(grey)

    def said(*words: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["predict", str(model), *map(str, words)])
        assert done.exit_code == code, done.output
        return done.output

    told = [json.loads(line) for line in said(tmp_path / "in", "--json").splitlines()]
    assert [Path(each["file"]).name for each in told] == ["a.png", "b.avi", "b.avi", "b.avi"]
    assert told[0]["objects"] == [
        {"name": "dog", "box": [4, 6, 10, 12], "score": 0.9},
        {"name": "cat", "box": [1, 1, 5, 5], "score": 0.4},
    ]
    assert [each["frame"] for each in told[1:]] == [0, 1, 2]
    picture, clip_file = tmp_path / "in" / "a.png", tmp_path / "in" / "b.avi"
    line = said(picture, "--threshold", 0.5, "--output", tmp_path / "out.png")
    assert line == f"{picture}: dog 0.90 at 4,6,10,12\nwrote {tmp_path / 'out.png'}\n"
    np.testing.assert_array_equal(load_img(tmp_path / "out.png")[18, 9], PALETTE[1][::-1])
    said(clip_file, "--output", tmp_path / "out.avi")
    with FrameReader(tmp_path / "out.avi") as frames:
        assert len(list(frames)) == 3
    assert "must end in .bmp" in said(picture, "--output", tmp_path / "out.avi", code=2)
    assert "is the file that is read" in said(picture, "--output", picture, code=2)
    assert "is the file that is read" in said(clip_file, "--output", clip_file, code=2)
    picture.write_bytes(b"nothing")
    assert "not a picture that can be read" in said(picture, code=1)


def test_a_run_leaves_its_files(tmp_path: Path) -> None:
    write_shape_pictures(tmp_path / "data", 10)
    run = TrainingRun(tmp_path / "runs")
    options = DetectorOptions(width=32, height=24, epochs=2, batch_size=4)
    train_detector(tmp_path / "data", options, run=run)
    assert run.results["train_pictures"] == 8
    assert run.results["validation_pictures"] == 2
    assert 0 <= run.results["validation"]["map50"] <= 1
    assert 0 <= run.results["validation"]["baseline"] < 0.5
    assert ObjectDetector.load(run.path / "model.keras").classes == ("disc", "square", "triangle")
    with pytest.raises(ValueError, match="multiples of 8, got 30x24"):
        train_detector(tmp_path / "data", DetectorOptions(width=30, height=24), run=run)


def test_clips_are_held_back_by_their_names(tmp_path: Path) -> None:
    """All frames of a clip together, a sequence of pictures by its folder's name."""
    (tmp_path / "bob" / "img").mkdir(parents=True)
    files = [tmp_path / name for name in ("ann.avi", "cat.avi")] + [tmp_path / "bob" / "img"]
    none = np.empty((0, 4)), np.empty(0, np.int64)
    pictures = [Labelled(file, frame, *none) for frame in range(3) for file in files]
    train, held = DetectorOptions(validation_match="^bob$").split(pictures, file_of)
    assert {each.source for each in held} == {files[2]}
    assert len(train) == 6


def test_changes_are_drawn_from_seed_epoch_and_number(rng: np.random.Generator) -> None:
    samples = [
        (
            rng.integers(0, 256, (24, 32, 3), np.uint8),
            np.array([[4.0, 5, 12, 9]]),
            np.array([number % 2]),
        )
        for number in range(5)
    ]
    plain = DetectionBatches(samples, 2, batch_size=2)
    np.testing.assert_allclose(255 * plain[1][0], [samples[2][0], samples[3][0]], rtol=1e-6)
    batches = DetectionBatches(samples, 2, True, batch_size=2, seed=4)
    batches.on_epoch_end()
    again = DetectionBatches(samples, 2, True, batch_size=2, seed=4)
    assert not np.array_equal(again[0][0], batches[0][0])
    again.set_state(batches.get_state())
    for one, other in zip(again[2], batches[2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_mean_boxes_are_found_without_looking() -> None:
    """Two pictures of three have class 1 where it always is, so half of its boxes are found."""
    seen = [
        (np.array([[10.0, 0, 8, 8], [0, 0, 4, 4]]), np.array([1, 0])),
        (np.array([[10.0, 2, 8, 8]]), np.array([1])),
    ]
    always = mean_boxes(seen)
    np.testing.assert_allclose(always.boxes, [[10, 1, 8, 8], [0, 0, 4, 4]])
    np.testing.assert_allclose(always.scores, [2 / 3, 1 / 3])
    assert always.labels.tolist() == [1, 0]
    true = [(box, np.array([1])) for box in (seen[1][0], seen[1][0] + [30, 0, 0, 0])]
    assert mean_average_precision(true, [always] * 2, 2) == 0.5
    empty = np.empty((0, 4)), np.empty(0, np.int64)
    assert len(mean_boxes([empty]).boxes) == 0
