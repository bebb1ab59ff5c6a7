"""States and inputs of layers: random seeds, batch-normalisation averages, looked-up ids."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from stepladder.trials.seeding import words


def has_batch_norm(model: Any) -> bool:  # noqa: ANN401 - Keras has no types
    """Whether a model has batch normalisation."""
    return bool(_normalizations(model))


def unsettled_share(model: Any, steps: int) -> float:  # noqa: ANN401 - Keras has no types
    """Share of their initial values left in moving averages after some steps; NaN without any."""
    layers = [layer for layer in _normalizations(model) if layer.trainable]
    return max((float(layer.momentum) ** steps for layer in layers), default=math.nan)


_OF_IDS = (keras.layers.Embedding, keras.layers.CategoryEncoding, keras.layers.Hashing,
           keras.layers.IntegerLookup)  # fmt: skip
"""Layers of Keras that look numbers up: a scaled id is another id."""


def takes_ids(model: Any, x: npt.NDArray[Any]) -> bool:  # noqa: ANN401 - Keras has no types
    """Whether a model looks its inputs up, such as tokens: they must not be scaled then.

    That is so where its first layer is an `Embedding` of all inputs, or has one, and the inputs
    are rows of whole numbers from 0.

    Args:
        model: a built `keras.Model`.
        x: inputs of shape (examples, *input_shape).
    """
    layer = _first_layer(model)
    if x.ndim != 2 or layer is None or not _is_of_all_inputs(layer, x.shape[1:]):
        return False
    if not any(isinstance(inner, _OF_IDS) for inner in layer._flatten_layers()):
        return False
    return x.dtype == np.uint8 or bool((x >= 0).all() and (x == np.floor(x)).all())


def unknown_id(model: Any, x: npt.NDArray[Any]) -> tuple[int, int] | None:  # noqa: ANN401
    """The largest id where an `Embedding` that is a model's first layer does not know it.

    Returns:
        That id and the number of ids that are known, or None.
    """
    layer = _first_layer(model)
    if not takes_ids(model, x) or not isinstance(layer, keras.layers.Embedding):
        return None
    largest = int(x.max())
    return (largest, layer.input_dim) if largest >= layer.input_dim else None


_ROWS_WATCHED = 64


def scaled_lookup(model: Any, x: npt.NDArray[Any]) -> Any:  # noqa: ANN401 - Keras has no types
    """A layer that looks up numbers of inputs as they are, where `takes_ids` is false, or None.

    Scaled, these numbers would be other ids. A layer that looks up what does not depend on the
    inputs, such as positions, or what the network has computed of them, is none.

    Args:
        model: a built `keras.Model`.
        x: inputs of shape (examples, *input_shape), not scaled.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, _OF_IDS)]
    if not layers or takes_ids(model, x):
        return None
    rows = x[:_ROWS_WATCHED].astype(np.float32)
    with _watch_calls(layers) as calls:
        model(rows, training=False)
    return next((layer for layer, given in calls if _is_of_rows(given, rows)), None)


@contextmanager
def _watch_calls(layers: Iterable[Any]) -> Iterator[list[tuple[Any, npt.NDArray[Any]]]]:
    """Notes what layers are called with."""
    calls: list[tuple[Any, npt.NDArray[Any]]] = []

    def watched(layer: Any) -> Any:  # noqa: ANN401 - Keras has no types
        call = layer.call

        def note(inputs: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
            calls.append((layer, np.asarray(keras.ops.convert_to_numpy(inputs))))
            return call(inputs, *args, **options)

        return note

    owners = list(layers)
    for layer in owners:
        vars(layer)["call"] = watched(layer)  # not by assignment, which Keras tracks
    try:
        yield calls
    finally:
        for layer in owners:
            del vars(layer)["call"]


def _is_of_rows(given: npt.NDArray[Any], rows: npt.NDArray[np.float32]) -> bool:
    """Whether each row of what a layer is given consists of numbers of that row of the inputs."""
    if given.ndim == 0 or len(given) != len(rows) or (given == given[:1]).all():
        return False
    return all(np.isin(one, row).all() for one, row in zip(given, rows, strict=True))


def _first_layer(model: Any) -> Any:  # noqa: ANN401 - Keras has no types
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        return _first_layer(layer) if isinstance(layer, keras.Model) else layer
    return None


def _is_of_all_inputs(layer: Any, input_shape: tuple[int, ...]) -> bool:  # noqa: ANN401
    """Whether a layer sees whole examples, not some columns; True where its graph is not known."""
    try:
        shape = layer.input.shape
    except (AttributeError, ValueError):
        return True
    return tuple(shape[1:]) == tuple(input_shape)


@contextmanager
def batch_norm_momentum(model: Any, share: Any) -> Iterator[None]:  # noqa: ANN401 - Keras has no types
    """A model whose batch normalisation keeps a share of what it knew, and which drops nothing.

    Called as in training on one batch after the other, with the shares 0, 1/2, 2/3 and so on
    (traced numbers too), its moving mean and variance become plain means over the batches.

    Reference:
        Izmailov et al. 2018, section 3.2.
    """
    with replace_attribute(_normalizations(model), "momentum", share), without_dropout(model):
        yield


@contextmanager
def without_dropout(model: Any) -> Iterator[None]:  # noqa: ANN401 - Keras has no types
    """A model whose layers of dropout and noise let all pass while it is traced."""
    kinds = (keras.layers.Dropout, keras.layers.GaussianDropout, keras.layers.AlphaDropout)
    layers = list(model._flatten_layers())
    with (
        replace_attribute((one for one in layers if isinstance(one, kinds)), "rate", 0),
        replace_attribute(
            (one for one in layers if isinstance(one, keras.layers.GaussianNoise)), "stddev", 0
        ),
    ):
        yield


@contextmanager
def replace_attribute(owners: Iterable[Any], name: str, value: Any) -> Iterator[None]:  # noqa: ANN401
    """Objects of which an attribute has another value for a while.

    Example:
        >>> from types import SimpleNamespace
        >>> layer = SimpleNamespace(rate=0.5)
        >>> with replace_attribute([layer], "rate", 0):
        ...     layer.rate
        0
        >>> layer.rate
        0.5
    """
    before = [(owner, getattr(owner, name)) for owner in owners]
    try:
        for owner, _ in before:
            setattr(owner, name, value)
        yield
    finally:
        for owner, old in before:
            setattr(owner, name, old)


def _normalizations(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    kind = keras.layers.BatchNormalization
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def seed_states(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """The state variables of a model's seed generators, in the order of its variables.

    Dropout, noise, augmentation and the user's own layers hold their randomness there alike.
    """
    layers = [model, *model._flatten_layers(include_self=False)]
    ids = {id(generator.state) for layer in layers for generator in layer._seed_generators}
    return [variable for variable in model.non_trainable_variables if id(variable) in ids]


def statistics_of(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """The non-trainable variables of a model that are no states of seed generators."""
    seeds = {id(state) for state in seed_states(model)}
    return [variable for variable in model.non_trainable_variables if id(variable) not in seeds]


def start_seeds(seed: int, replicate: int, count: int) -> list[Any]:
    """The state in which a replicate starts each of a model's seed generators.

    Returns:
        uint32 (2,) each, as Keras keeps them.
    """
    return [words(seed, replicate, "dropout", place) for place in range(count)]
