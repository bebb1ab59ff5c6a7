"""Inside the networks: gradients, dead and saturated units by layer and epoch, as heat maps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stepladder.report.figures.axes import (
    MARGIN,
    NAME_LENGTH,
    WIDTH,
    add_space,
    axes_at,
    epoch_axis,
    log_ticks,
    panel_axes,
    panel_titles,
)
from stepladder.report.figures.base import Plot, Theme
from stepladder.report.wording import printable, truncate
from stepladder.runs.results import ArmProbes, Results

if TYPE_CHECKING:
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

MOST_ARMS = 8
LEFT = 0.4  # inches
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
    _heat_maps(figure, insides, maps, norm, "gradient norm (log)", theme)


def _draw_units(insides: Sequence[Inside], figure: Figure, theme: Theme) -> None:
    from matplotlib.colors import Normalize

    maps = [arm.idle for arm in insides]
    _heat_maps(figure, insides, maps, Normalize(0, 100), "dead or saturated, %", theme)


def _heat_maps(
    figure: Figure, insides: Sequence[Inside], maps: Sequence[Floats], norm: Normalize, label: str,
    theme: Theme,
) -> None:  # fmt: skip
    """A heat map an arm, first layers in one line, and below all of them their colours."""
    rows = max(values.shape[1] for values in maps)
    names = panel_titles([inside.name for inside in insides], 22)
    panels = panel_axes(figure, names, height=max(rows * 0.13, 0.5), left=LEFT, bottom=0.32)
    most = max(len(values) for values in maps)
    for axes, values in zip(panels, maps, strict=True):
        epochs, layers = values.shape
        image = axes.imshow(values.T, cmap=theme.heat, norm=norm, aspect="auto",
                            interpolation="nearest",
                            extent=(0.5, epochs + 0.5, layers + 0.5, 0.5))  # fmt: skip
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        epoch_axis(axes, most)
        axes.set_xlim(0.5, max(most, 2) + 0.5)
        axes.set_ylim(rows + 0.5, 0.5)
        axes.set_yticks([1, layers][:layers], ["first", "last"][:layers])
    add_space(figure, below=0.45)
    height = figure.get_size_inches()[1]
    figure.text(0.5, 0.48 / height, "epoch", size=8, ha="center")
    bar = figure.colorbar(
        image, cax=axes_at(figure, LEFT, 0.33, WIDTH - LEFT - MARGIN, 0.09),
        orientation="horizontal", format=lambda value, _: f"{value:g}",
    )  # fmt: skip
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=2)
    if norm.vmin:  # a logarithmic scale
        bar.set_ticks(log_ticks(norm.vmin, norm.vmax or math.inf))
    bar.set_label(label, size=7.5)
