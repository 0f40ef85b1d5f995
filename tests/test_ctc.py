"""CTC: the loss by all alignments, by the reference, by differences; the decoders."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import Sequential, layers, losses, ops, reference
from fastrnn.testing import assert_close_to_reference, gradcheck, noncontiguous

Array = np.ndarray[Any, Any]


def log_softmax(x: Array) -> Array:
    x = x - x.max(-1, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(-1, keepdims=True)))


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(c for c, _ in itertools.groupby(path) if c != blank)


def by_all_alignments(logits: Array, blank: int) -> dict[tuple[int, ...], float]:
    """Probability of every sequence of labels."""
    log_p = log_softmax(logits)
    steps, classes = logits.shape
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(classes), repeat=steps):
        labels = collapsed(path, blank)
        p = float(np.exp(log_p[np.arange(steps), path].sum()))
        found[labels] = found.get(labels, 0.0) + p
    return found


@pytest.mark.parametrize("blank", [0, 1, 3])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_loss_is_that_of_all_alignments(steps: int, blank: int, rng: np.random.Generator) -> None:
    logits = 2 * rng.normal(size=(steps, 4))
    found = by_all_alignments(logits, blank)
    assert sum(found.values()) == pytest.approx(1)
    for labels, p in found.items():
        row = np.array([labels], int).reshape(1, -1)
        assert ops.ctc_loss(logits[None], row, blank=blank)[0] == pytest.approx(-np.log(p))
        assert reference.ctc_loss(logits[None], row, blank=blank)[0] == pytest.approx(-np.log(p))


def problem(
    rng: np.random.Generator, rows: int, steps: int, classes: int, width: int, blank: int
) -> dict[str, Any]:
    labels = rng.integers(0, classes - 1, (rows, width))
    labels += labels >= blank
    labels[:, 1:3] = labels[:, :1]  # repeated ones
    lengths = rng.integers(min(steps, 2 * width + 2), steps + 1, rows)
    lengths[-1] = steps
    return {
        "labels": labels,
        "logit_lengths": lengths,
        "label_lengths": np.minimum(rng.integers(0, width + 1, rows), lengths // 2),
        "blank": blank,
    }


SIZES = [
    (1, 1, 2, 1),
    (5, 13, 7, 4),
    (3, 60, 29, 15),
    (4, 80, 40, 31),
    (2, 75, 5, 16),
    (3, 90, 50, 33),
]


def test_no_steps_and_no_labels_are_certain() -> None:
    losses = ops.ctc_loss(np.zeros((2, 0, 3)), np.zeros((2, 0), int))
    np.testing.assert_array_equal(losses, [0, 0])
    assert not np.signbit(losses).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_loss_and_gradient_match_the_reference(
    size: tuple[int, int, int, int], dtype: type[Any], rng: np.random.Generator
) -> None:
    rows, steps, classes, _ = size
    arguments = problem(rng, *size, blank=classes // 2)
    logits = (2 * rng.normal(size=(rows, steps, classes))).astype(dtype)
    dlosses = rng.normal(size=rows).astype(dtype)
    result, cache = ops.ctc_loss_forward(noncontiguous(logits), **arguments)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    truth, dtruth = reference.ctc_loss_forward(logits, dtype=wide, **arguments)
    naive, dnaive = reference.ctc_loss_forward(logits, dtype=dtype, **arguments)
    assert np.isfinite(truth.astype(float)).all()
    assert_close_to_reference(result, truth, naive, depth=steps * classes)
    got = ops.ctc_loss_backward(cache, dlosses)
    expected = reference.ctc_loss_backward(dtruth, dlosses)
    plain = reference.ctc_loss_backward(dnaive, dlosses)
    assert_close_to_reference(got, expected, plain, depth=steps * classes, backward=True)
    np.testing.assert_array_equal(ops.ctc_loss(logits, **arguments), result)


def test_loss_and_gradient_as_torch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    logits = rng.normal(size=(5, 40, 12))
    arguments = problem(rng, 5, 40, 12, 9, blank=3)
    theirs = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(
        theirs.log_softmax(-1).transpose(0, 1),
        torch.tensor(arguments["labels"]),
        torch.tensor(arguments["logit_lengths"]),
        torch.tensor(arguments["label_lengths"]),
        blank=3,
        reduction="none",
    )
    loss.sum().backward()
    result, cache = ops.ctc_loss_forward(logits, **arguments)
    np.testing.assert_allclose(result, loss.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(cache.dlogits, theirs.grad.numpy(), atol=1e-12)


def test_gradient_by_differences(rng: np.random.Generator) -> None:
    arguments = problem(rng, 3, 12, 5, 4, blank=0)

    def backward(dy: Array, logits: Array) -> dict[str, Array]:
        return {"logits": ops.ctc_loss_backward(ops.ctc_loss_forward(logits, **arguments)[1], dy)}

    gradcheck(
        lambda logits: ops.ctc_loss(logits, **arguments),
        backward,
        {"logits": rng.normal(size=(3, 12, 5))},
    )


def test_long_sequences_lose_no_precision(rng: np.random.Generator) -> None:
    logits = (5 * rng.normal(size=(2, 2000, 30))).astype(np.float32)
    labels = rng.integers(1, 30, (2, 400))
    result, cache = ops.ctc_loss_forward(logits, labels)
    truth, dtruth = ops.ctc_loss_forward(logits.astype(np.float64), labels)
    np.testing.assert_allclose(result, truth, rtol=1e-6)
    np.testing.assert_allclose(cache.dlogits, dtruth.dlogits, atol=5e-4)


def test_alignments_that_do_not_exist() -> None:
    logits = np.ones((5, 3, 4), np.float32)
    logits[3, :, 2] = -np.inf
    labels = np.array([[1, 2, 3, 1], [1, 1, 0, 0], [1, 1, 2, 0], [2, 0, 0, 0], [1, 0, 0, 0]])
    result, cache = ops.ctc_loss_forward(logits, labels, [3, 3, 3, 3, 0], [4, 2, 3, 1, 1])
    assert np.isinf(result).tolist() == [True, False, True, True, True]
    assert np.isfinite(cache.dlogits).all()
    assert not cache.dlogits[[0, 2, 3, 4]].any()
    assert cache.dlogits[1].any()
    nothing, cache = ops.ctc_loss_forward(logits[:1], np.zeros((1, 0), int), [0])
    assert nothing.tolist() == [0]
    assert not cache.dlogits.any()


def test_forbidden_classes_and_huge_logits() -> None:
    logits = np.zeros((1, 4, 3))
    logits[0, :2, 2] = -np.inf  # label 2 has to be at one of the last two steps
    p = sum(
        float(np.exp(log_softmax(logits[0])[np.arange(4), path].sum()))
        for path in itertools.product(range(3), repeat=4)
        if collapsed(path, 0) == (1, 2)
    )
    result, cache = ops.ctc_loss_forward(logits, [[1, 2]])
    assert result[0] == pytest.approx(-np.log(p))
    assert np.isfinite(cache.dlogits).all()
    huge = np.array([[[1e4, 0.0, -1e4]] * 3], np.float32)
    result, cache = ops.ctc_loss_forward(huge, [[2]])
    assert result[0] == pytest.approx(2e4 - np.log(3), rel=1e-7)
    assert np.isfinite(cache.dlogits).all()
    assert np.isnan(ops.ctc_loss(np.full((1, 2, 3), np.nan), [[1]])).all()


def test_any_number_of_threads_gives_the_same_bits(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(23, 70, 31)).astype(np.float32)
    arguments = problem(rng, 23, 70, 31, 12, blank=0)
    before = fastrnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            fastrnn.set_num_threads(threads)
            result, cache = ops.ctc_loss_forward(logits, **arguments)
            labels, scores = ops.ctc_decode(logits, None, "beam_search", 8, 3)
            parts = (result, cache.dlogits, labels, scores)
            results.append(b"".join(part.tobytes() for part in parts))
    finally:
        fastrnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("merge", [True, False])
def test_greedy_decoding(merge: bool, rng: np.random.Generator) -> None:
    logits = rng.normal(size=(6, 11, 3)).astype(np.float32)
    lengths = rng.integers(0, 12, 6)
    got = ops.ctc_decode(logits, lengths, merge_repeated=merge, blank=2)
    expected = reference.ctc_decode(logits, lengths, merge_repeated=merge, blank=2)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-5)


@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_beam_search(width: int, rng: np.random.Generator) -> None:
    logits = rng.normal(size=(7, 9, 4))
    lengths = rng.integers(1, 10, 7)
    top = min(width, 3)
    got = ops.ctc_decode(logits, lengths, "beam_search", width, top, blank=1)
    expected = reference.ctc_decode(logits, lengths, "beam_search", width, top, blank=1)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-9)


def test_a_wide_search_finds_the_likeliest_labels(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(1, 5, 3))
    found = sorted(by_all_alignments(logits[0], 0).items(), key=lambda item: -item[1])
    labels, scores = ops.ctc_decode(logits, None, "beam_search", 500, 400)
    for k, (wanted, p) in enumerate(found):
        assert labels[k, 0, : len(wanted)].tolist() == list(wanted)
        assert scores[0, k] == pytest.approx(np.log(p))
    assert (labels[len(found) :] == -1).all()
    assert (scores[0, len(found) :] == -np.inf).all()


def test_a_model_learns_labels_without_alignment(rng: np.random.Generator) -> None:
    """Each of three patterns lasts some steps, with pauses; the order is to be read."""
    x, y = np.zeros((24, 18, 3), np.float32), np.zeros((24, 4), int)
    for n in range(24):
        at = 0
        for k, c in enumerate(rng.integers(0, 3, rng.integers(2, 4))):
            at += rng.integers(1, 3)
            length = rng.integers(1, 4)
            x[n, at : at + length, c] = 1
            y[n, k] = c + 1
            at += length
        x[n, :at] += 0.05 * rng.normal(size=(at, 3)) + 0.01
    model = Sequential(
        [
            layers.Input((18, 3)),
            layers.Masking(),
            layers.Bidirectional(layers.GRU(16, return_sequences=True, seed=1)),
            layers.Dense(4),
        ]
    )
    model.compile("adam", "ctc")
    assert model.optimizer is not None
    model.optimizer.learning_rate = 0.02
    history = model.fit(x, y, epochs=60, batch_size=24, verbose=0).history["loss"]
    assert history[-1] < 0.2 * history[0]
    lengths = (x != 0).any(-1).sum(1)
    read = ops.ctc_decode(model.predict(x, verbose=0), lengths)[0][0]
    right = [read[n][read[n] >= 0].tolist() == y[n][y[n] > 0].tolist() for n in range(24)]
    assert np.mean(right) > 0.9


def test_loss_of_models(rng: np.random.Generator) -> None:
    logits, y = rng.normal(size=(3, 8, 5)), np.array([[1, 2, 0], [4, 4, 3], [2, 0, 0]])
    each = ops.ctc_loss(logits, y, None, [2, 3, 1])
    assert losses.CTC()(y, logits) == pytest.approx(each.mean())
    np.testing.assert_allclose(losses.ctc(y.astype(float), logits), each)
    mask = np.arange(8) < np.array([[8], [7], [5]])
    short = losses.CTC().value_and_gradient(y, logits, mask)
    np.testing.assert_allclose(short[0], ops.ctc_loss(logits, y, [8, 7, 5], [2, 3, 1]))
    assert not short[1][~mask].any()


LOGITS = np.zeros((2, 5, 3))
ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: ops.ctc_loss(np.zeros((5, 3)), [[1]]),
        ValueError,
        "ctc_loss: logits must be (N, T, C) with C >= 1, got (5, 3)",
    ),
    (
        lambda: ops.ctc_loss(np.zeros((2**31, 0, 3), np.float32), np.zeros((2**31, 0), int)),
        ValueError,
        "ctc_loss: N must be at most 1073741824, got 2147483648",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1]]),
        ValueError,
        "ctc_loss: labels must be (N, L) = (2, L), got (1, 1)",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1], [3]]),
        ValueError,
        "ctc_loss: labels must lie in 0..C-1 = 0..2 and not be blank = 0, got 3",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1], [2]], blank=-1),
        ValueError,
        "ctc_loss: labels must lie in 0..C-1 = 0..2 and not be blank = 2, got 2",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1.0], [2.0]]),
        TypeError,
        "ctc_loss: labels must be integers, got dtype float64",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1], [2]], [5, 6]),
        ValueError,
        "ctc_loss: logit_lengths must lie in 0..T = 0..5, got 6",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1], [2]], None, [1]),
        ValueError,
        "ctc_loss: label_lengths must be (N,) = (2,), got (1,)",
    ),
    (
        lambda: ops.ctc_loss(LOGITS, [[1], [2]], blank=3),
        ValueError,
        "ctc_loss: blank must be a class, 0..2, got 3",
    ),
    (
        lambda: ops.ctc_loss_backward(ops.ctc_loss_forward(LOGITS, [[1], [2]])[1], [1.0]),
        ValueError,
        "ctc_loss_backward: dlosses must be (N,) = (2,), got (1,)",
    ),
    (
        lambda: ops.ctc_decode(LOGITS, strategy="best"),
        ValueError,
        "ctc_decode: strategy must be 'greedy' or 'beam_search', got 'best'",
    ),
    (
        lambda: ops.ctc_decode(LOGITS, None, "beam_search", 4, 5),
        ValueError,
        "ctc_decode: top_paths must be an integer from 1 to 4, got 5",
    ),
    (
        lambda: losses.CTC()([[1, 0, 2], [1, 2, 0]], LOGITS),
        ValueError,
        "ctc: 0, the blank, may only stand behind the labels",
    ),
    (
        lambda: losses.CTC()([[3], [1]], LOGITS),
        ValueError,
        "ctc: labels must be from 1 to 2, padded with 0, for predictions of 3 classes, got 1 to 3",
    ),
    (
        lambda: losses.CTC()([1, 2], LOGITS),
        ValueError,
        "ctc: predictions must be (N, T, C) and labels (N, L), got ('N', 5, 3) and ('N',)",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS, ids=[e[2][:50] for e in ERRORS])
def test_errors(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message
