"""Graphs of layers from a namespace, which is fastrnn or keras: inputs, outputs, losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

T, F, C = 5, 4, 3  # steps, features, classes
IMAGE = (6, 5, 2)


class Graph(NamedTuple):
    """Makes inputs and outputs; each output is trained for its loss."""

    make: Callable[[Any], tuple[Any, Any]]
    losses: tuple[str, ...]


def diamond(k: Any) -> tuple[Any, Any]:
    x = k.layers.Input((F,), name="x")
    one = k.layers.Dense(6, activation="tanh", name="one")(x)
    two = k.layers.Dense(6, activation="relu", name="two")(x)
    three = k.layers.Dense(6, name="three")(one)
    y = k.layers.Add(name="sum")([one, two, three])
    return x, k.layers.Dense(C, activation="softmax", name="y")(
        k.layers.Multiply(name="p")([y, one])
    )


def two_and_two(k: Any) -> tuple[Any, Any]:
    a, b = k.layers.Input((F,), name="a"), k.layers.Input((F + 1,), name="b")
    x = k.layers.concatenate(
        [k.layers.Dense(6, name="left")(a), k.layers.Dense(5, activation="relu", name="right")(b)],
        name="joined",
    )
    number = k.layers.Dense(2, name="number")(x)
    label = k.layers.Dense(C, activation="softmax", name="label")(
        k.layers.subtract([k.layers.Dense(4, name="narrow")(x), a], name="less")
    )
    return [a, b], [number, label]


def siamese(k: Any) -> tuple[Any, Any]:
    a, b = k.layers.Input((T, F), name="a"), k.layers.Input((T, F), name="b")
    tower = k.Sequential([k.layers.Input((T, F)), k.layers.GRU(5), k.layers.Dense(4)], name="tower")
    likeness = k.layers.Dot(axes=1, normalize=True, name="likeness")([tower(a), tower(b)])
    return [a, b], k.layers.Dense(1, activation="sigmoid", name="same")(likeness)


def shared_twice(k: Any) -> tuple[Any, Any]:
    x = k.layers.Input((F,), name="x")
    again = k.layers.Dense(F, activation="tanh", name="again")
    return x, k.layers.Dense(2, name="y")(again(again(again(x))))


def shared_normalized(k: Any) -> tuple[Any, Any]:
    x = k.layers.Input(IMAGE, name="x")
    conv = k.layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")
    norm = k.layers.BatchNormalization(name="norm")
    y = norm(conv(norm(conv(x))))
    return x, k.layers.Dense(2, name="y")(k.layers.Flatten(name="flat")(k.layers.maximum([x, y])))


def residual(k: Any) -> tuple[Any, Any]:
    x = k.layers.Input(IMAGE, name="x")
    y = k.layers.Conv2D(3, 3, padding="same", activation="relu", name="stem")(x)
    for number in range(2):
        z = k.layers.Conv2D(3, 3, padding="same", use_bias=False, name=f"conv{number}")(y)
        z = k.layers.BatchNormalization(name=f"norm{number}")(z)
        z = k.layers.Activation("relu", name=f"relu{number}")(z)
        y = k.layers.Add(name=f"sum{number}")([y, z])
    y = k.layers.GlobalAveragePooling2D(name="pool")(y)
    return x, k.layers.Dense(C, activation="softmax", name="y")(y)


def encoder_decoder(k: Any) -> tuple[Any, Any]:
    source, target = (
        k.layers.Input((T, F), name="source"),
        k.layers.Input((T + 2, 3), name="target"),
    )
    _, h, c = k.layers.LSTM(6, return_state=True, name="encoder")(source)
    y, _, _ = k.layers.LSTM(6, return_sequences=True, return_state=True, name="decoder")(
        target, initial_state=[h, c]
    )
    return [source, target], k.layers.Dense(C, activation="softmax", name="y")(y)


def masked_attention(k: Any) -> tuple[Any, Any]:
    words = k.layers.Input((T,), name="words")
    states = k.layers.Input((T + 1, F), name="states")
    embedded = k.layers.Embedding(9, F, mask_zero=True, name="embedded")(words)
    values = k.layers.LSTM(F, return_sequences=True, name="values")(embedded)
    queries = k.layers.LSTM(F, return_sequences=True, name="queries")(
        k.layers.Masking(name="masking")(states)
    )
    seen = k.layers.Attention(use_scale=True, name="seen")([queries, values])
    both = k.layers.Concatenate(name="both")([queries, seen])
    return [words, states], k.layers.Dense(2, name="y")(k.layers.GRU(4, name="last")(both))


def additive_attention(k: Any) -> tuple[Any, Any]:
    x = k.layers.Input((T, F), name="x")
    y = k.layers.GRU(6, return_sequences=True, name="y")(x)
    query = k.layers.Dense(6, name="query")(x)
    seen = k.layers.AdditiveAttention(name="additive")([query, y, k.layers.Dense(6, name="key")(y)])
    causal = k.layers.Attention(score_mode="concat", use_scale=True, name="causal")(
        [query, seen], use_causal_mask=True
    )
    return x, k.layers.Dense(2, name="out")(k.layers.Average(name="mean")([seen, causal]))


def nested(k: Any) -> tuple[Any, Any]:
    a, b = k.layers.Input((F,), name="a"), k.layers.Input((F,), name="b")
    inner_out = k.layers.Dense(5, activation="tanh", name="d")(k.layers.Minimum(name="m")([a, b]))
    inner = k.Model([a, b], [inner_out, k.layers.Dense(2, name="e")(inner_out)], name="inner")
    c = k.layers.Input((F,), name="c")
    twice = k.layers.Dense(F, name="twice")
    p, q = inner([c, twice(c)])
    r, s = inner([twice(twice(c)), c])
    tail = k.Sequential(
        [k.layers.Input((5,)), k.layers.Dense(C, activation="softmax")], name="tail"
    )
    return c, [tail(k.layers.Add(name="pr")([p, r])), k.layers.Add(name="qs")([q, s])]


def bidirectional_states(k: Any) -> tuple[Any, Any]:
    x = k.layers.Input((T, F), name="x")
    y, f, g = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True, return_state=True))(x)
    state = k.layers.Concatenate(name="state")([f, g])
    return x, [k.layers.Dense(2, name="steps")(y), k.layers.Dense(C, activation="softmax")(state)]


SPARSE, MSE = "sparse_categorical_crossentropy", "mse"
GRAPHS: dict[str, Graph] = {
    "diamond": Graph(diamond, (SPARSE,)),
    "two_and_two": Graph(two_and_two, (MSE, SPARSE)),
    "siamese": Graph(siamese, ("binary_crossentropy",)),
    "shared_twice": Graph(shared_twice, (MSE,)),
    "shared_normalized": Graph(shared_normalized, (MSE,)),
    "residual": Graph(residual, (SPARSE,)),
    "encoder_decoder": Graph(encoder_decoder, (SPARSE,)),
    "masked_attention": Graph(masked_attention, (MSE,)),
    "additive_attention": Graph(additive_attention, (MSE,)),
    "nested": Graph(nested, (SPARSE, MSE)),
    "bidirectional_states": Graph(bidirectional_states, (MSE, SPARSE)),
}
