"""Reading, resampling and features of sound."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fastrnn.audio import AudioError, LogMel, mel_filters, read_wav, resample

PCM, FLOAT = 1, 3


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(
    data: bytes, tag: int, channels: int, bits: int, rate: int = 8000, extra: bytes = b""
) -> bytes:
    width = channels * bits // 8
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits) + extra
    body = chunk(b"LIST", b"odd") + chunk(b"fmt ", layout) + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def packed(values: np.ndarray, bits: int) -> bytes:
    """Integers as bytes, one after the other, with no array arithmetic."""
    if bits == 8:
        return bytes(int(value) + 128 for value in values.ravel())
    return b"".join(int(v).to_bytes(bits // 8, "little", signed=True) for v in values.ravel())


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_of_any_width(
    tmp_path: Path, rng: np.random.Generator, bits: int, channels: int
) -> None:
    most = 2 ** (bits - 1)
    values = rng.integers(-most, most, (37, channels))
    values[:2] = [[-most], [most - 1]]
    path = tmp_path / "a.wav"
    path.write_bytes(riff(packed(values, bits), PCM, channels, bits))
    samples, rate = read_wav(path, mono=False)
    assert rate == 8000
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, values / most, atol=1e-7)
    np.testing.assert_allclose(read_wav(path)[0], (values / most).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_and_the_extensible_format(
    tmp_path: Path, rng: np.random.Generator, bits: int
) -> None:
    values = rng.uniform(-1, 1, (19, 2)).astype(f"<f{bits // 8}")
    guid = struct.pack("<HHIH", 22, bits, 3, FLOAT) + bytes(14)
    path = tmp_path / "a.wav"
    path.write_bytes(riff(values.tobytes(), 0xFFFE, 2, bits, 44100, guid))
    samples, rate = read_wav(path, mono=False)
    assert rate == 44100
    np.testing.assert_allclose(samples, values, rtol=1e-6)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_streamed_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    whole = riff(packed(np.array([5, -6, 7]), 16), PCM, 1, 16)
    path = tmp_path / "a.wav"
    unknown = struct.pack("<I", size)
    path.write_bytes(whole[:4] + unknown + whole[8:-10] + unknown + whole[-6:])
    np.testing.assert_allclose(read_wav(path)[0] * 2**15, [5, -6, 7])


def test_a_file_of_64_bit_sizes(tmp_path: Path) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 4, 2, 0))
    layout = chunk(b"fmt ", struct.pack("<HHIIHH", PCM, 1, 8000, 16000, 2, 16))
    data = b"data" + b"\xff" * 4 + packed(np.array([9, -9]), 16) + b"LIST\0\0\0\0"
    path = tmp_path / "a.wav"
    path.write_bytes(b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + layout + data)
    np.testing.assert_allclose(read_wav(path)[0] * 2**15, [9, -9])


WHOLE = riff(bytes(200), PCM, 1, 16)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"RIFF, but no sound at all", "not a WAVE file"),
        (WHOLE[:100], "cut off: 44 of 200 bytes"),
        (WHOLE[:30], "cut off or damaged: it holds no samples"),
        (WHOLE[:52], "cut off or damaged"),
        (riff(b"", PCM, 1, 16), "holds no samples"),
        (riff(bytes(8), 6, 1, 8), "its encoding is A-law; PCM and floats"),
        (riff(bytes(8), 0x1234, 1, 8), "its encoding is 0x1234"),
        (riff(bytes(8), PCM, 0, 16), "damaged: 0 channels of 16 bits"),
        (riff(bytes(8), PCM, 1, 16, rate=0), "at 0 Hz"),
        (riff(bytes(8), PCM, 1, 16, rate=2**31 - 1), "at 2147483647 Hz"),
        (riff(bytes(8), PCM, 1, 64), "samples of 64 bits are not read"),
        (riff(b"\0\0\xc0\x7f" * 2, FLOAT, 1, 32), "samples are no finite numbers"),
        (riff(bytes(8), PCM, 1, 16).replace(b"fmt ", b"tmf "), "samples come before their format"),
    ],
)
def test_a_damaged_file_gets_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=rf"broken\.wav: .*{message}") as caught:
        read_wav(path)
    assert "\n" not in str(caught.value)


def test_any_damage_is_an_audio_error(tmp_path: Path, rng: np.random.Generator) -> None:
    """Every byte of the header in turn, and every length."""
    path = tmp_path / "broken.wav"
    variants = [WHOLE[:cut] for cut in range(70)]
    for place in range(64):
        variants.append(WHOLE[:place] + rng.bytes(1) + WHOLE[place + 1 :])
    for content in variants:
        path.write_bytes(content)
        try:
            samples, rate = read_wav(path)
        except AudioError:
            continue
        assert samples.ndim == 1
        assert np.isfinite(samples).all()
        assert rate > 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such sound file: .*nowhere\.wav"):
        read_wav(tmp_path / "nowhere.wav")


@pytest.mark.parametrize(
    ("rate", "new_rate"), [(8000, 16000), (16000, 8000), (44100, 16000), (8000, 11025), (7, 5)]
)
def test_tones_keep_their_pitch_and_those_above_are_removed(rate: int, new_rate: int) -> None:
    t, new_t = np.arange(6 * rate + 900) / rate, np.arange(6 * new_rate + 900 * 2) / new_rate
    for part in (0.05, 0.4):  # of the lower rate
        frequency = part * min(rate, new_rate)
        y = resample(np.sin(2 * np.pi * frequency * t + 0.3), rate, new_rate)
        assert len(y) == -(-len(t) * new_rate // rate)
        wanted = np.sin(2 * np.pi * frequency * new_t[: len(y)] + 0.3)
        inner = slice(len(y) // 4, -len(y) // 4)
        np.testing.assert_allclose(y[inner], wanted[inner], atol=2e-3)
    if new_rate < rate:
        y = resample(np.sin(2 * np.pi * 0.55 * new_rate * t), rate, new_rate)
        assert np.abs(y[len(y) // 4 : -len(y) // 4]).max() < 1e-3


def test_channels_are_resampled_each_by_itself(rng: np.random.Generator) -> None:
    x = rng.normal(size=(500, 3))
    together = resample(x, 3, 2)
    for channel in range(3):
        np.testing.assert_allclose(together[:, channel], resample(x[:, channel], 3, 2), atol=1e-6)
    np.testing.assert_array_equal(resample(x, 5, 5), x.astype(np.float32))
    with pytest.raises(ValueError, match="rates must be positive, got 8 and 0"):
        resample(x, 8, 0)
    with pytest.raises(ValueError, match=r"must be \(T,\) or \(T, channels\)"):
        resample(np.zeros((2, 2, 2)), 8, 4)


def test_rates_without_a_common_divisor_take_little_memory(rng: np.random.Generator) -> None:
    x = rng.normal(size=3000)
    near = resample(x, 48000, 16000)
    tracemalloc.start()
    y = resample(x, 48001, 16000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
    np.testing.assert_allclose(y[:20], near[:20], atol=5e-3)
    assert resample(x, 10_000_019, 16000).shape == (5,)


def direct_log_mel(x: np.ndarray, settings: LogMel) -> np.ndarray:
    """The definition, written out: sums over cosines and sines, triangles point by point."""
    length = round(settings.window * settings.sample_rate)
    step = round(settings.step * settings.sample_rate)
    size = 1
    while size < length:
        size *= 2
    hann = [0.5 - 0.5 * np.cos(2 * np.pi * n / length) for n in range(length)]

    def mel(frequency: float) -> float:
        return 1127 * np.log(1 + frequency / 700)

    high = settings.high or settings.sample_rate / 2
    width = (mel(high) - mel(settings.low)) / (settings.mels + 1)
    result = []
    for start in range(0, len(x) - length + 1, step):
        frame = x[start : start + length] * hann
        energies = np.zeros(settings.mels)
        for k in range(size // 2 + 1):
            turn = 2 * np.pi * k * np.arange(length) / size
            power = (frame @ np.cos(turn)) ** 2 + (frame @ np.sin(turn)) ** 2
            for m in range(settings.mels):
                middle = mel(settings.low) + (m + 1) * width
                distance = abs(mel(k * settings.sample_rate / size) - middle) / width
                energies[m] += power / sum(h * h for h in hann) * max(0, 1 - distance)
        result.append(np.log(energies + 1e-8))
    return np.array(result)


@pytest.mark.parametrize(
    "settings",
    [
        LogMel(sample_rate=8000, mels=23),
        LogMel(sample_rate=11025, mels=7, window=0.011, step=0.004, low=300, high=4000),
    ],
)
def test_features_are_as_defined(settings: LogMel, rng: np.random.Generator) -> None:
    x = rng.normal(size=450) * np.linspace(0.001, 0.5, 450)
    wanted = direct_log_mel(x, settings)
    got = settings(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-4)


def test_filters_agree_with_keras() -> None:
    keras = pytest.importorskip("keras")
    layer = keras.layers.MelSpectrogram(
        fft_length=512, sampling_rate=16000, num_mel_bins=40, min_freq=50, max_freq=7000
    )
    wanted = layer.linear_to_mel_weight_matrix(40, 257, 16000, 50, 7000)
    np.testing.assert_allclose(mel_filters(40, 257, 16000, 50, 7000), wanted, atol=1e-4)


def test_features_of_short_and_long_sound() -> None:
    settings = LogMel(sample_rate=1000, mels=3, window=0.016, step=0.001)
    assert settings(np.ones(5)).shape == (1, 3)
    noise = np.random.default_rng(1).normal(size=9000)
    whole = settings(noise)
    assert whole.shape == (1 + 9000 - 16, 3)
    np.testing.assert_allclose(whole[5000:5010], settings(noise[5000:5025]), rtol=1e-5)
    with pytest.raises(ValueError, match=r"samples must be \(T,\)"):
        settings(np.ones((5, 2)))


def test_settings_are_checked() -> None:
    for wrong, message in [
        ({"sample_rate": 0}, "sample_rate and mels must be positive"),
        ({"window": 0.0}, "window must be two samples or more, step one, got 0.0 s"),
        ({"step": 1e-9}, "step one"),
        ({"low": 9000.0}, "0 <= low < high <= 8000 Hz, got 9000.0"),
        ({"high": 8001.0}, "got 20.0 and 8001.0"),
        ({"mels": 200}, "200 mels are too many"),
    ]:
        with pytest.raises(ValueError, match=message):
            LogMel(**wrong)
    assert LogMel(**LogMel(mels=20).to_dict()) == LogMel(mels=20)


@pytest.mark.data
def test_real_recordings(data_dir: Path) -> None:
    path = data_dir / "fsdd" / "7_jackson_12.wav"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    samples, rate = read_wav(path)
    assert rate == 8000
    assert 0.05 < np.abs(samples).max() <= 1
    features = LogMel(sample_rate=8000).read(path)
    assert features.shape == (1 + (len(samples) - 200) // 80, 40)
    twice = read_wav(path, sample_rate=16000)[0]
    np.testing.assert_allclose(resample(twice, 16000, 8000)[50:-50], samples[50:-50], atol=0.02)
