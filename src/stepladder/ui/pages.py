"""What the live page shows: the runs, one of them, and two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from stepladder.report.compare import comparison_as_html
from stepladder.report.html import as_html
from stepladder.report.live import live_html, runs_html, search_live_html
from stepladder.report.plots.catalogue import figures_of
from stepladder.report.wording import duration
from stepladder.runner.runs import RunState
from stepladder.searcher.so_far import SoFar, with_candidates
from stepladder.ui.cache import Cache
from stepladder.ui.sources import Source

__all__ = ["Pages", "as_address", "key_in"]

_WATCHED = ("validation", "accuracy", "loss", "seconds", "gradients", "units")
"""Figures that show no test accuracy."""


@dataclass(frozen=True)
class Pages:
    """Pages by their address.

    Attributes:
        source: where the runs are.
        cache: of what was made.
        searches: how far those are that train.
    """

    source: Source
    cache: Cache[str]
    searches: Cache[SoFar] = field(default_factory=Cache)

    def runs(self) -> str:
        """Every run, with a link to it.

        Raises:
            StepladderError: if the store cannot be read.
        """
        states = [with_candidates(each, self._so_far) for each in self.source.states()]
        rows = [
            (key_of(state), as_address(key_of(state)), state.state,
             f"{state.stored:,} of {state.planned:,}", duration(state.seconds), state.problem)
            for state in states
        ]  # fmt: skip
        return runs_html(rows)

    def run(self, key: str) -> str | None:
        """One run: its report, or what is known while it trains; None for an unknown one.

        Raises:
            StepladderError: if its store cannot be read.
        """
        state = self._state(key)
        if state is None:
            return None
        if state.is_search and not state.problem:
            return self._search(state)
        stamp = (state.state, state.stored, state.planned, state.declared)
        return self.cache.get(("run", key), stamp, lambda: self._run(state))

    def _run(self, state: RunState) -> str:
        results = self.source.results(state)
        if state.state == "finished":
            return as_html(results)
        plots = [plot for plot in figures_of(results) if plot.name in _WATCHED]
        return live_html(results, plots, state.state, self._others(key_of(state)))

    def _search(self, state: RunState) -> str:
        """The page that a search has left, or how far it is."""
        if not state.is_search_under_way:
            return self.source.search_page(state)
        found = self._so_far(state)
        if found.is_whole:
            return self.source.search_page(state)
        counted = found.counted_in(state)
        stamp = (counted.state, found.over, found.part, found.stored, found.training)
        return self.cache.get(
            ("search", key_of(state)), stamp,
            lambda: search_live_html(found, counted.state, self._others(key_of(state))),
        )  # fmt: skip

    def _so_far(self, state: RunState) -> SoFar:
        """How far a search under way is."""
        return self.searches.get(key_of(state), object(), lambda: self.source.so_far(state))

    def _others(self, key: str) -> Sequence[tuple[str, str]]:
        others = (key_of(state) for state in self.source.states())
        return [(other, as_address(other)) for other in others if other != key]

    def compare(self, one: str, two: str) -> str | None:
        """Two runs side by side; None where either is unknown or is not finished.

        Raises:
            StepladderError: if a store cannot be read.
        """
        states = [self._state(key) for key in (one, two)]
        first, second = states
        if first is None or second is None:
            return None
        if not first.state == second.state == "finished":
            return None  # test figures of a study that trains are not shown
        if first.is_search or second.is_search:
            return None  # which has no arms
        stamp = (first.stored, first.declared, second.stored, second.declared)
        return self.cache.get(
            ("compare", one, two), stamp,
            lambda: comparison_as_html(self.source.results(first), self.source.results(second),
                                       (one, two)),
        )  # fmt: skip

    def _state(self, key: str) -> RunState | None:
        return next((each for each in self.source.states() if key_of(each) == key), None)


def as_address(key: str) -> str:
    """A key as one part of a path, quoted twice, since what serves it undoes one of them first."""
    return quote(quote(key, safe=""), safe="")


def key_in(part: str) -> str:
    """The key of a part of a path that `as_address` made, as a request has it."""
    return unquote(part)


def key_of(state: RunState) -> str:
    """What a run is called in an address: its folder, or its study where there is only a store."""
    return state.folder.name if state.folder is not None else state.name
