"""Rules on what a network is like inside: its gradients, its units and its inputs."""

from __future__ import annotations

import math

from stepladder.analysis.case import Case, Finding, how_many, middle, times
from stepladder.analysis.remedies import starter
from stepladder.records import Signs

__all__ = [
    "dead_units",
    "exploding_gradients",
    "inputs_not_scaled",
    "saturated_units",
    "vanishing_gradients",
]

FADES = 0.02
"""The first layer's gradient as a share of the last one's, below which it vanishes.

Norms over whole weight matrices, the first divided by the size of the inputs, which is a factor of
it. In the healthy recipes of `tests/fakes/diagnosis_recipes.py` it is 1.4 to 17, in the naive
network 0.001, and in the same network with Glorot's initialiser 0.04. That sigmoid does so is shown
by Glorot, Bengio 2010.
"""

GROWS = 100.0
"""The first layer's gradient in times the last one's, above which it explodes."""

LARGE = 100.0
"""Norm of the whole gradient, inputs of size 1, above which it explodes.

The mean cross-entropy of inputs of size 1 has a gradient of about 1 at the start and less later;
our healthy recipes have at most 0.7. Pascanu, Mikolov, Bengio 2013 clip at a few times the usual.
"""

DEAD = 0.4
"""Share of a layer's units that are dead, from which on it is told.

Of our healthy recipes no layer has more than 0.16, and one at a hundred times the rate has 0.86.
Lu et al. 2019 (Dying ReLU and initialization) call networks dying whose layers have half or more.
"""

SATURATED = 0.5
"""Share of a layer's units that are saturated, from which on it is told.

Our healthy recipes with sigmoid or tanh have none, one with raw pixels has 1.
"""

LARGE_INPUTS, SMALL_INPUTS = 5.0, 0.05
"""Root mean square of the inputs beyond which they are not scaled.

LeCun, Bottou, Orr, Müller 1998 (Efficient BackProp, 4.3) want a mean of 0 and a deviation of 1:
pixels divided by 255 have 0.33, standardised ones 1, raw ones 85.
"""


def _size(signs: Signs) -> float:
    """Root mean square of the inputs; 1 where they are not known."""
    size = math.hypot(signs.input_mean, signs.input_deviation)
    return size if math.isfinite(size) and size > 0 else 1.0


def _ratio(signs: Signs) -> float:
    """The first layer's gradient in shares of the last one's, inputs of size 1."""
    if not signs.last_gradient > 0:  # none anywhere, or not known
        return math.nan
    return signs.first_gradient / signs.last_gradient / _size(signs)


def vanishing_gradients(case: Case) -> Finding | None:
    """The loss hardly reaches the first layer."""
    found = case.those(lambda signs: _ratio(signs) < FADES)
    if not found:
        return None
    first, last = (
        middle([getattr(signs, name) for signs in found])
        for name in ("first_gradient", "last_gradient")
    )
    ratio = middle([_ratio(signs) for signs in found])
    factor = times(1 / ratio) if ratio else "infinitely many times"
    return Finding(
        code="vanishing_gradients",
        title="gradients vanish on their way down",
        where=how_many(len(found), len(case.replicates)),
        detail=f"the first layer's is {factor} smaller than the last layer's, the inputs' size "
        f"taken out (with it, norms of {first:.1e} and {last:.1e} in the middle epoch), so that "
        "the first layers hardly learn",
        advice="use an activation that does not saturate, with the initialiser made for it",
        technique=_opener(case),
        evidence={"first_gradient": first, "last_gradient": last, "ratio": ratio},
        replicates=len(found),
    )


def _opener(case: Case) -> str:
    recipe = case.recipe
    if recipe.activation in ("sigmoid", "tanh"):
        return "ReLU"
    if recipe.initializer == "random_normal":
        return "He normal"
    return "batch normalisation"


def exploding_gradients(case: Case) -> Finding | None:
    """Gradients grow on their way down, or are large altogether."""
    found = case.those(
        lambda signs: _ratio(signs) > GROWS or signs.whole_gradient / _size(signs) > LARGE
    )
    if not found:
        return None
    first, last, whole = (
        middle([getattr(signs, name) for signs in found])
        for name in ("first_gradient", "last_gradient", "whole_gradient")
    )
    return Finding(
        code="exploding_gradients",
        title="gradients explode",
        where=how_many(len(found), len(case.replicates)),
        detail=f"the norm of the whole gradient is {whole:.3g} in the middle epoch, that of the "
        f"first layer {first:.3g} and of the last {last:.3g}",
        advice="start from smaller weights, or clip gradients",
        technique="gradient clipping" if case.recipe.global_clipnorm is None else "He normal",
        evidence={"first_gradient": first, "last_gradient": last, "whole_gradient": whole},
        replicates=len(found),
    )


def dead_units(case: Case) -> Finding | None:
    """Units that answer no training image, and therefore never learn again."""
    found = case.those(lambda signs: signs.dead >= DEAD)
    if not found:
        return None
    share, layer = middle([signs.dead for signs in found]), _commonest(found, "dead_layer")
    relu = case.recipe.activation == "relu"
    return Finding(
        code="dead_units",
        title="many units are dead",
        where=how_many(len(found), len(case.replicates)),
        detail=f"{100 * share:.0f} % of those of {layer}; at the end they answer none of the "
        "training images looked at, so that no gradient can revive them",
        advice="lower the learning rate, or use an activation that has a slope everywhere",
        technique="leaky ReLU" if relu else "batch normalisation",
        evidence={"share": share},
        replicates=len(found),
    )


def saturated_units(case: Case) -> Finding | None:
    """Units that lie in the flat parts of sigmoid or tanh, where nothing is passed back."""
    found = case.those(lambda signs: signs.saturated >= SATURATED)
    if not found:
        return None
    share = middle([signs.saturated for signs in found])
    layer = _commonest(found, "saturated_layer")
    return Finding(
        code="saturated_units",
        title="many units are saturated",
        where=how_many(len(found), len(case.replicates)),
        detail=f"{100 * share:.0f} % of those of {layer}; on average they pass back less than a "
        f"tenth of the gradient that {case.recipe.activation} can pass back",
        advice="scale the inputs, start from smaller weights, or use another activation",
        technique=starter(case.recipe) or "batch normalisation",
        evidence={"share": share},
        replicates=len(found),
    )


def _commonest(found: tuple[Signs, ...], name: str) -> str:
    layers = [str(getattr(signs, name)) for signs in found]
    return max(dict.fromkeys(layers), key=layers.count)


def inputs_not_scaled(case: Case) -> Finding | None:
    """Inputs far larger or smaller than the initialisers are made for."""
    signs = [each.signs for each in case.replicates if each.signs is not None]
    sizes = [math.hypot(each.input_mean, each.input_deviation) for each in signs]
    found = [size for size in sizes if size > LARGE_INPUTS or 0 < size < SMALL_INPUTS]
    if not found or 2 * len(found) < len(sizes):
        return None
    mean = middle([each.input_mean for each in signs])
    deviation = middle([each.input_deviation for each in signs])
    return Finding(
        code="inputs_not_scaled",
        title="inputs are not scaled",
        where="",
        detail=f"their mean is {mean:.3g} and their deviation {deviation:.3g}, "
        "where initialisers and learning rates are made for 0 and 1",
        advice="scale them",
        technique="unit inputs" if case.recipe.scaling == "none" else "standardised inputs",
        evidence={"mean": mean, "deviation": deviation},
        replicates=len(found),
    )
