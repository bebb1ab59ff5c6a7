"""Inside the networks: gradients, dead and saturated units by layer and epoch, as heat maps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stepladder.report.figures.axes import NAME_LENGTH, WIDTH, axes_at, wrap_text
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import printable, truncate
from stepladder.runs.results import ArmProbes, Results

if TYPE_CHECKING:
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

MOST_ARMS = 8
LEFT, RIGHT, BOTTOM = 0.4, 0.82, 0.42  # inches
LEAST = 1e-9  # of the largest gradient: below it all is shown alike


@dataclass(frozen=True, eq=False)
class Inside:
    """The networks of one arm, over its replicates.

    Attributes:
        name: the arm's name, made visible.
        kernels: names of its weight matrices, first to last.
        gradients: norms, geometric mean over replicates, of shape (epochs, kernels).
        layers: names of its hidden layers, first to last.
        dead: share of dead units in percent, mean over replicates, (epochs, layers).
        saturated: share of saturated units in percent, likewise.
    """

    name: str
    kernels: tuple[str, ...]
    gradients: Floats
    layers: tuple[str, ...]
    dead: Floats
    saturated: Floats

    @property
    def idle(self) -> Floats:
        """Dead or saturated units in percent, whichever an activation has."""
        return np.where(np.isfinite(self.dead), self.dead, self.saturated)


def insides_of(results: Results) -> tuple[Inside, ...]:
    """Every arm of which a replicate has probes."""
    return tuple(
        _inside(printable(result.arm.name), result.probes)
        for result in results.arms
        if result.probes is not None and result.probes.gradient_norm.size
    )


def _inside(name: str, probes: ArmProbes) -> Inside:
    with np.errstate(divide="ignore"):
        logs = np.log(probes.gradient_norm.astype(np.float64))
    return Inside(
        name=name,
        kernels=probes.kernels,
        gradients=np.exp(_mean(logs)),
        layers=probes.layers,
        dead=100 * _mean(probes.dead.astype(np.float64)),
        saturated=100 * _mean(probes.saturated.astype(np.float64)),
    )


def _mean(values: Floats) -> Floats:
    """The mean over replicates of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)
    return np.asarray(mean)


def gradients_plot(results: Results) -> Plot | None:
    """Gradient norms, or None where nothing was probed."""
    insides = insides_of(results)
    if not insides:
        return None
    return Plot(
        name="gradients",
        title="How far gradients reach",
        caption="Norm of the loss's gradient by each weight matrix (rows, from the inputs above to "
        "the outputs below) over the epochs, geometric mean over replicates, on some training "
        f"{results.noun}s; colours on a logarithmic scale. Where the upper rows are darker than "
        f"the lower, gradients vanish on their way back.{_left_out(insides)}",
        words=_gradient_words(insides),
        columns=("arm", "weights", "epoch", "gradient_norm"),
        rows=partial(_gradient_rows, insides),
        draw=partial(_draw_gradients, insides[:MOST_ARMS]),
    )


def units_plot(results: Results) -> Plot | None:
    """Dead and saturated units, or None where no activation has such states."""
    insides = tuple(arm for arm in insides_of(results) if np.isfinite(arm.idle).any())
    if not insides:
        return None
    return Plot(
        name="units",
        title="Units that no longer learn",
        caption="Percent of each hidden layer's units (rows, from the inputs above) that answer "
        f"none of some training {results.noun}s (dead: ReLU and its kin) or lie in the flat parts "
        "of their activation (saturated: sigmoid, tanh), over the epochs, mean over replicates. "
        f"Empty: the activation has no such state.{_left_out(insides)}",
        words=_unit_words(insides),
        columns=("arm", "layer", "epoch", "dead_percent", "saturated_percent"),
        rows=partial(_unit_rows, insides),
        draw=partial(_draw_units, insides[:MOST_ARMS]),
    )


def _left_out(insides: Sequence[Inside]) -> str:
    if len(insides) <= MOST_ARMS:
        return ""
    return f" The first {MOST_ARMS} of {len(insides)} arms; the data hold all."


def _gradient_words(insides: Sequence[Inside]) -> str:
    words = []
    for arm in insides[:MOST_ARMS]:
        known = arm.gradients[np.isfinite(arm.gradients).all(axis=1)]
        ends = "none"
        if len(known):
            first, last = float(known[-1][0]), float(known[-1][-1])
            ends = f"{first:.2g} at the inputs, {last:.2g} at the outputs"
        words.append(f"{truncate(arm.name, NAME_LENGTH)} {ends}")
    return f"Gradient norms at the last epoch, arm by arm: {'; '.join(words)}."


def _unit_words(insides: Sequence[Inside]) -> str:
    words = []
    for arm in insides[:MOST_ARMS]:
        known = arm.idle[np.isfinite(arm.idle).any(axis=1)]
        kind = "dead" if np.isfinite(arm.dead).any() else "saturated"
        most = float(np.nanmax(known[-1])) if len(known) else math.nan
        words.append(f"{truncate(arm.name, NAME_LENGTH)} up to {most:.0f} % {kind}")
    return f"Units of the worst hidden layer at the last epoch, arm by arm: {'; '.join(words)}."


def _gradient_rows(insides: Sequence[Inside]) -> Iterable[tuple[object, ...]]:
    for arm in insides:
        for epoch, norms in enumerate(arm.gradients.tolist(), start=1):
            for kernel, norm in zip(arm.kernels, norms, strict=True):
                yield (arm.name, printable(kernel), epoch, norm)


def _unit_rows(insides: Sequence[Inside]) -> Iterable[tuple[object, ...]]:
    for arm in insides:
        shares = zip(arm.dead.tolist(), arm.saturated.tolist(), strict=True)
        for epoch, (dead, saturated) in enumerate(shares, start=1):
            for layer, *values in zip(arm.layers, dead, saturated, strict=True):
                yield (arm.name, printable(layer), epoch, *values)


def _draw_gradients(insides: Sequence[Inside], figure: Figure, theme: Theme) -> None:
    from matplotlib.colors import LogNorm

    values = np.concatenate([arm.gradients.ravel() for arm in insides])
    values = values[np.isfinite(values) & (values > 0)]
    high = float(values.max()) if len(values) else 1.0
    low = max(float(values.min()) if len(values) else 0.1, LEAST * high)
    norm = LogNorm(low if low < high else high / 10, high)
    maps = [np.maximum(arm.gradients, low) for arm in insides]
    _heat_maps(figure, insides, maps, norm, "gradient norm", theme)


def _draw_units(insides: Sequence[Inside], figure: Figure, theme: Theme) -> None:
    from matplotlib.colors import Normalize

    maps = [arm.idle for arm in insides]
    _heat_maps(figure, insides, maps, Normalize(0, 100), "dead or saturated, %", theme)


def _heat_maps(
    figure: Figure, insides: Sequence[Inside], maps: Sequence[Floats], norm: Normalize, label: str,
    theme: Theme,
) -> None:  # fmt: skip
    """A heat map an arm, side by side, first layers in one line, and their colours."""
    rows = max(values.shape[1] for values in maps)
    high = max(rows * 0.2, 0.9)
    names = [wrap_text(inside.name, 17) for inside in insides]
    longest = max(len(line) for name in names for line in name.split("\n"))
    figure.set_size_inches(WIDTH, BOTTOM + high + 0.26 + 0.042 * longest)  # names slant above
    gap = 0.08
    width = min((WIDTH - LEFT - RIGHT - gap * (len(maps) - 1)) / len(maps), 1.2)
    for place, (name, values) in enumerate(zip(names, maps, strict=True)):
        epochs, layers = values.shape
        height = high * layers / rows
        axes = axes_at(figure, LEFT + place * (width + gap), BOTTOM + high - height, width, height)
        image = axes.imshow(values.T, cmap=theme.heat, norm=norm, aspect="auto",
                            interpolation="nearest",
                            extent=(0.5, epochs + 0.5, layers + 0.5, 0.5))  # fmt: skip
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_xticks(sorted({1, epochs}))
        labels = axes.get_xticklabels()
        labels[0].set_horizontalalignment("left")
        labels[-1].set_horizontalalignment("right")
        axes.set_yticks([1, layers][:layers], ["first", "last"][:layers])
        axes.tick_params(length=0, labelleft=place == 0)
        axes.annotate(name, (0.5, 1), xytext=(-4, 4), xycoords="axes fraction",
                      textcoords="offset points", rotation=40, rotation_mode="anchor",
                      ha="left", va="bottom", linespacing=1.0, annotation_clip=False)  # fmt: skip
    end = LEFT + len(maps) * (width + gap) - gap
    figure.text((LEFT + end) / 2 / WIDTH, 0.03 / figure.get_size_inches()[1], "epoch", size=8,
                ha="center")  # fmt: skip
    bar = figure.colorbar(image, cax=axes_at(figure, end + 0.1, BOTTOM, 0.09, high),
                          format=lambda value, _: f"{value:g}")  # fmt: skip
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=2)
    bar.set_label(label, size=7.5)
