"""Every figure can be read alone: three ticks an axis, its scale named, no text cut or covered."""

import colorsys

import pytest
from drawn_plots import made, plots
from example_results import VARIANTS
from example_search import found_search
from figure_faults import faults
from own_results import RMSE, own_results, tuned

from stepladder.report.figures.base import DARK, LIGHT
from stepladder.report.figures.search import search_figures

FAST = ("mnist", "hostile", "partial", "one arm", "factorial", "fair", "labels")
OWN = {
    "own": {},
    "own, tiny": {"scale": 1e-6},
    "own, far from zero": {"offset": 1e6, "scale": 0.1},
    "own, fraction": {"metric": "auroc", "scale": 0.6},
    "own, no difference": {"worth": (0.0, 0.0, 0.0)},
    "own, one replicate": {"replicates": 1},
    "own, very different sizes": {"worth": (-0.02, 8.0, 600.0)},
    "own, long names": {"metric": {**RMSE, "name": "n" * 40, "unit": "furlongs a fortnight"}},
}


def figures(variant):
    if variant == "search":
        return search_figures(found_search())
    if variant == "own, tuned":
        return plots(tuned(own_results())).values()
    return (plots(own_results(**OWN[variant])) if variant in OWN else made(variant)).values()


@pytest.mark.parametrize("variant", [
    *FAST, *OWN, "own, tuned", "search",
    *(pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS if name not in FAST),
])  # fmt: skip
def test_every_figure_can_be_read(variant):
    assert [fault for plot in figures(variant) for fault in faults(plot)] == []


def hue(colour):
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    value, _, saturation = colorsys.rgb_to_hls(red, green, blue)
    return 360 * value if saturation > 0.2 else None


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_green_and_orange_are_those_of_verdicts_alone(theme):
    for verdict in ("helps", "hurts"):
        for colour in (*theme.arms, theme.train, theme.validation, theme.muted, theme.ink):
            own, other = hue(theme.verdicts[verdict]), hue(colour)
            apart = 180 if other is None else abs((own - other + 180) % 360 - 180)
            assert apart > 20, (verdict, colour)
    assert len({*theme.arms}) == len(theme.arms)
