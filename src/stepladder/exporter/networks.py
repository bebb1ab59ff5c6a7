"""Networks as they are exported: raw inputs in, probabilities out, nothing but what Keras has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from stepladder.exporter.upright import upright
from stepladder.recipe import Recipe
from stepladder.train.seeds import seed_states
from stepladder.wire import Array

__all__ = ["Member", "assembled"]

Build = Callable[[Recipe, tuple[int, ...], int], Any]


@dataclass(frozen=True)
class Member:
    """One trained network.

    Attributes:
        name: of its part of the model.
        recipe: that it was trained by.
        trainable: its trainable weights, in Keras' order and shapes.
        statistics: its other weights, states of random generators left out.
        scale: what raw inputs are multiplied by, of shape () or flat.
        shift: what is then added to them.
    """

    name: str
    recipe: Recipe
    trainable: Sequence[Array]
    statistics: Sequence[Array]
    scale: Array
    shift: Array

    @classmethod
    def of(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Member:
        """The member that a frame tells of, `arrays` those that are its own."""
        return cls(
            header["name"], Recipe(**header["recipe"]),
            [arrays[f"trainable.{place}"] for place in range(header["trainable"])],
            [arrays[f"statistics.{place}"] for place in range(header["statistics"])],
            arrays["scale"], arrays["shift"],
        )  # fmt: skip


def assembled(
    members: Sequence[Member],
    input_shape: tuple[int, ...],
    classes: int,
    build: Build,
    *,
    is_whole: bool,
) -> Any:  # noqa: ANN401 - Keras has no types
    """One model of one or more networks.

    Args:
        members: the networks; several answer with the mean of their probabilities.
        input_shape: of one raw example.
        classes: how many there are.
        build: makes a recipe a network that gives logits, of Keras' own layers.
        is_whole: whether the training set's inputs are whole numbers.

    Returns:
        A `keras.Model`: raw inputs float32 (batch, *input_shape) to probabilities (batch, classes).

    Raises:
        ValueError: if weights do not fit a network.
    """
    image = keras.Input(input_shape, name="image")
    given = upright(image, is_whole=is_whole) if members[0].recipe.deskew else image
    answers = [_answer(each, build(each.recipe, input_shape, classes), given) for each in members]
    if len(answers) == 1:
        return keras.Model(image, answers[0], name=members[0].name)
    return keras.Model(image, keras.layers.Average(name="mean")(answers), name="ensemble")


def _answer(member: Member, network: Any, image: Any) -> Any:  # noqa: ANN401 - Keras has no types
    seeds = {id(each) for each in seed_states(network)}
    fixed = [each for each in network.non_trainable_variables if id(each) not in seeds]
    for variables, values in (
        (network.trainable_variables, member.trainable),
        (fixed, member.statistics),
    ):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    network.name = f"{member.name}_logits"
    scaled = _scaling(member, tuple(image.shape[1:]))(image)
    return keras.layers.Softmax(name=f"{member.name}_probabilities")(network(scaled))


def _scaling(member: Member, input_shape: tuple[int, ...]) -> Any:  # noqa: ANN401
    scale, shift = (
        float(each) if each.ndim == 0 else each.reshape(input_shape)
        for each in (member.scale, member.shift)
    )
    return keras.layers.Rescaling(scale, shift, name=f"{member.name}_scaling")
