"""Weights from and for PyTorch: every layout, by order and by name; safetensors files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastrnn
from fastrnn import layers
from fastrnn.formats import safetensors, torch_state_dict
from fastrnn.layers import LSTM, Bidirectional, Conv2D, Dense, Flatten, Input

Array = np.ndarray[Any, Any]


def sequential(*stack: Any) -> fastrnn.Sequential:
    return fastrnn.Sequential(list(stack))


def random(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


class TestWithoutTorch:
    def test_dense_after_flatten_takes_channels_first(self) -> None:
        kernel, weight = random(5, 3, 2, 4), random(6, 5 * 7 * 3)
        model = sequential(Input((8, 6, 3)), Conv2D(5, (2, 4)), Flatten(), Dense(6, use_bias=False))
        torch_state_dict.load(model, {"a.weight": kernel, "b.weight": weight})
        x = random(2, 8, 6, 3)
        maps = model.layers[0](x)
        np.testing.assert_allclose(
            model(x), maps.transpose(0, 3, 1, 2).reshape(2, -1) @ weight.T, rtol=1e-4, atol=1e-4
        )
        np.testing.assert_array_equal(
            model.layers[0].get_weights()[0], kernel.transpose(2, 3, 1, 0)
        )

    def test_lstm_equations(self) -> None:
        state = {
            "rnn.weight_ih_l0": random(12, 2),
            "rnn.weight_hh_l0": random(12, 3),
            "rnn.bias_ih_l0": random(12),
            "rnn.bias_hh_l0": random(12) * 2,
        }
        model = sequential(Input((1, 2)), LSTM(3))
        torch_state_dict.load(model, state)
        x = random(4, 1, 2)
        gates = x[:, 0] @ state["rnn.weight_ih_l0"].T + random(12) * 3
        i, _, g, o = np.split(gates, 4, axis=1)
        sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
        expected = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(g))
        np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)

    def test_there_and_back(self) -> None:
        model = sequential(
            Input((6, 9, 8, 2)),
            layers.Conv2D(4, 3),
            layers.DepthwiseConv2D(2, depth_multiplier=2),
            layers.BatchNormalization(),
            layers.PReLU(shared_axes=[1, 2, 3]),
            layers.Flatten(),
            Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(4)),
            layers.LayerNormalization(),
            layers.SimpleRNN(5),
        )
        model.set_weights([random(*w.shape) for w in model.weights])
        before = model.get_weights()
        state = torch_state_dict.state_dict(model)
        model.set_weights([w * 0 for w in before])
        torch_state_dict.load(model, state)
        np.testing.assert_equal(model.get_weights(), before)

    def test_what_does_not_fit(self, tmp_path: Path) -> None:
        model = sequential(Input((3,)), Dense(2, name="one"), Dense(3, name="two"))
        before = model.get_weights()
        state = {"a.weight": random(2, 3), "b.weight": random(3, 2), "c.weight": random(3, 3)}
        with pytest.raises(ValueError, match="has no layers for the modules c"):
            torch_state_dict.load(model, state)
        with pytest.raises(ValueError, match=r"two: no module fits Dense: c has weight of shape"):
            torch_state_dict.load(model, {"a.weight": random(2, 3), "c.weight": random(3, 3)})
        np.testing.assert_equal(model.get_weights(), before)
        with pytest.raises(ValueError, match=r"gru: PyTorch's GRU is that with reset_after=True"):
            torch_state_dict.state_dict(
                sequential(Input((3, 2)), layers.GRU(2, reset_after=False, name="gru"))
            )
        with pytest.raises(ValueError, match="no counterpart of ConvLSTM2D"):
            torch_state_dict.load(sequential(Input((2, 5, 5, 1)), layers.ConvLSTM2D(2, 3)), {})
        (tmp_path / "model.pt").write_bytes(b"PK")
        with pytest.raises(ValueError, match="holds a pickle, which may run code"):
            model.load_weights(tmp_path / "model.pt")
        with pytest.raises(ValueError, match="holds a pickle"):
            torch_state_dict.load(model, tmp_path / "model.pt")

    def test_modules_whose_order_a_file_does_not_say(self, tmp_path: Path) -> None:
        path = tmp_path / "model.safetensors"
        safetensors.save_file({"tail.weight": random(2, 2), "head.weight": random(2, 2) * 2}, path)
        model = sequential(
            Input((2,)), Dense(2, use_bias=False, name="one"), Dense(2, use_bias=False)
        )
        with pytest.raises(ValueError, match="one: head and tail fit alike"):
            model.load_weights(path, format="torch")
        torch_state_dict.load(model, path, names={"one": "tail"})
        np.testing.assert_array_equal(model.get_weights()[0], random(2, 2).T)
        arrays = {f"layers.{n}.weight": np.full((2, 2), n, np.float32) for n in (9, 10)}
        safetensors.save_file(arrays, path)
        model.load_weights(path, format="torch")
        assert model.get_weights()[1][0, 0] == 10


class TestSafetensors:
    def test_types_and_bytes(self, tmp_path: Path) -> None:
        arrays = {
            "double": random(3, 2).astype(np.float64),
            "half": random(4).astype(np.float16),
            "none": np.zeros((0, 3), np.int64),
            "flag": np.array(True),
        }
        path = tmp_path / "x.safetensors"
        safetensors.save_file(arrays, path, {"by": "me"})
        loaded = safetensors.load_file(path)
        assert loaded["half"].dtype == np.float32
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array, strict=name != "half")
        bits = random(5).view(np.uint32) >> 16
        header = json.dumps({"b": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}})
        path.write_bytes(
            len(header).to_bytes(8, "little") + header.encode() + bits.astype("<u2").tobytes()
        )
        np.testing.assert_array_equal(
            safetensors.load_file(path)["b"], (bits << 16).astype(np.uint32).view(np.float32)
        )

    def test_weights_under_our_own_names(self, tmp_path: Path) -> None:
        stack = lambda: (  # noqa: E731
            Input((4, 3)),
            Bidirectional(LSTM(2, name="lstm"), name="both"),
            Dense(2, name="dense"),
        )
        model, other = sequential(*stack()), sequential(*stack())
        path = tmp_path / "model.safetensors"
        model.save_weights(path)
        other.load_weights(path)
        np.testing.assert_equal(other.get_weights(), model.get_weights())
        assert "both.forward_layer.kernel" in safetensors.load_file(path)
        with pytest.raises(ValueError, match=r"missing are \['other.bias'"):
            sequential(Input((4,)), Dense(2, name="other")).load_weights(path)
        with pytest.raises(ValueError, match=r"dense.kernel is of shape \(4, 2\), expected"):
            sequential(
                *stack()[:2], layers.RepeatVector(2), Flatten(), Dense(2, name="dense")
            ).load_weights(path)

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("[1]", "must be a JSON object"),
            ("{", "is no JSON"),
            ('{"a": 1}', "is damaged"),
            ("[" * 100_000, "nested too deeply|is no JSON"),
            ('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}', "must take 4 bytes"),
            ('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}', "from 0"),
            ('{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}', "integers from 0"),
            ('{"a": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}', "integers"),
            ('{"a": {"dtype": "F4", "shape": [1], "data_offsets": [0, 8]}}', "does not read"),
            ('{"a": {"dtype": ["F4"], "shape": [2], "data_offsets": [0, 8]}}', "does not read"),
            (
                '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},'
                ' "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}',
                "occurs twice",
            ),
            (
                '{"a": {"dtype": "F32", "shape": [68719476736], '
                '"data_offsets": [0, 274877906944]}}',
                "bytes long",
            ),
        ],
    )
    def test_hostile_headers(self, header: str, reason: str, tmp_path: Path) -> None:
        path = tmp_path / "x.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(8))
        with pytest.raises(ValueError, match=reason):
            safetensors.load_file(path)

    def test_a_header_larger_than_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "x.safetensors"
        for content in (b"", b"\x01", (1 << 62).to_bytes(8, "little") + b"{}"):
            path.write_bytes(content)
            with pytest.raises(ValueError, match="is no safetensors file"):
                safetensors.load_file(path)


class TestWithTorch:
    @staticmethod
    def outputs(module: Any, x: Array) -> Array:
        import torch

        module.eval()
        with torch.no_grad():
            out = module(torch.from_numpy(x))
        return np.asarray((out[0] if isinstance(out, tuple) else out).numpy())

    @pytest.mark.parametrize("bidirectional", [False, True])
    @pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
    def test_recurrent_stacks(self, kind: str, bidirectional: bool) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        make = {"LSTM": layers.LSTM, "GRU": layers.GRU, "RNN": layers.SimpleRNN}[kind]
        theirs = getattr(torch.nn, kind)(
            3, 4, num_layers=3, batch_first=True, bidirectional=bidirectional
        )
        wrap: Any = Bidirectional if bidirectional else (lambda layer: layer)
        model = sequential(Input((6, 3)), *(wrap(make(4, return_sequences=True)) for _ in range(3)))
        torch_state_dict.load(model, theirs.state_dict())
        x = random(2, 6, 3)
        np.testing.assert_allclose(model(x), self.outputs(theirs, x), rtol=1e-4, atol=1e-5)

    def test_a_network_of_images(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        nn = torch.nn
        theirs = nn.Sequential(
            nn.Conv2d(3, 4, (3, 2)),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 8, 3, groups=4),
            nn.ConvTranspose2d(8, 5, 2, stride=2),
            nn.PReLU(),
            nn.Flatten(),
            nn.BatchNorm1d(5 * 14 * 10),
            nn.Linear(5 * 14 * 10, 6),
            nn.LayerNorm(6),
            nn.Linear(6, 2, bias=False),
        )
        model = sequential(
            Input((11, 8, 3)),
            layers.Conv2D(4, (3, 2)),
            layers.BatchNormalization(epsilon=1e-5),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.Conv2DTranspose(5, 2, 2),
            layers.PReLU(shared_axes=[1, 2, 3]),
            layers.Flatten(),
            layers.BatchNormalization(epsilon=1e-5),
            layers.Dense(6),
            layers.LayerNormalization(epsilon=1e-5),
            layers.Dense(2),
        )
        for part in theirs.parameters():
            part.data = torch.from_numpy(random(*part.shape))
        torch_state_dict.load(model, theirs.state_dict())
        x = random(2, 11, 8, 3)
        expected = self.outputs(theirs, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        np.testing.assert_allclose(model(x), expected, rtol=1e-3, atol=1e-3)
        # The way back, through a file.
        path = tmp_path / "model.safetensors"
        model.save_weights(path, format="torch")
        back = {name: torch.from_numpy(v) for name, v in safetensors.load_file(path).items()}
        numbers = [str(n) for n, m in enumerate(theirs) if m.state_dict()]
        names = dict(zip([w.name for w in model.layers if w.weights], numbers, strict=True))
        renamed = {
            f"{names[k.rsplit('.', 1)[0]]}.{k.rsplit('.', 1)[1]}": v for k, v in back.items()
        }
        renamed.pop("10.bias")
        theirs.load_state_dict(renamed)
        expected = self.outputs(theirs, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        np.testing.assert_allclose(model(x), expected, rtol=1e-3, atol=1e-3)

    def test_half_precision_and_frames(self) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        embedding, rnn = torch.nn.Embedding(9, 5).bfloat16(), torch.nn.GRU(4 * 5 * 3, 2)
        model = sequential(Input((7,)), layers.Embedding(9, 5))
        torch_state_dict.load(model, embedding.state_dict())
        np.testing.assert_array_equal(
            model.get_weights()[0], embedding.weight.detach().float().numpy()
        )
        model = sequential(Input((2, 4, 5, 3)), layers.Flatten(), layers.GRU(2))
        torch_state_dict.load(model, rnn.state_dict())
        x = random(3, 2, 4, 5, 3)
        frames = x.transpose(1, 0, 4, 2, 3).reshape(2, 3, -1)
        np.testing.assert_allclose(
            model(x), self.outputs(rnn, np.ascontiguousarray(frames))[-1], rtol=1e-4, atol=1e-5
        )
