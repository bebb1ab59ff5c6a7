"""What a search has found, as plain values that tables and JSON are made of."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.analysis.expected_best import ExpectedBest
from stepladder.analysis.importance import Importance
from stepladder.analysis.judged import Estimate
from stepladder.analysis.selection import Luck
from stepladder.searcher.candidates import Candidate
from stepladder.space import Choice
from stepladder.study import Study

__all__ = ["Found", "Knob"]


@dataclass(frozen=True)
class Knob:
    """One hyperparameter, as the search saw it.

    Attributes:
        name: of the dimension.
        best: the winner's value; None where it was not drawn for it.
        importance: what it explains of the order of candidates.
        values: those of the flat top: smallest and largest number, or the choices.
        edge: "lower" or "upper" where the best lies at the end of its range and the recipe would
            take values beyond, else None.
    """

    name: str
    best: Choice
    importance: Importance
    values: tuple[Choice, ...]
    edge: str | None


@dataclass(frozen=True)
class Found:
    """A search's outcome.

    Attributes:
        study: what was asked.
        dataset: the dataset's name.
        fingerprint: the dataset's fingerprint.
        sizes: examples by part.
        candidates: every one, in the order in which they were asked for.
        finalists: those that were tried again, the best first.
        winner: the candidate that is best.
        chance: accuracy of guessing.
        searched: the winner's accuracy as the search saw it, a fraction.
        fresh: its validation accuracy on replicates that the search never saw.
        fresh_diverged: how many of them diverged.
        test: its test accuracy on the same replicates, or None where nobody looked.
        looks: readings of this test set's figures that the store knows of.
        luck: how much of `searched` was luck.
        expected: what the best of n candidates is expected to be.
        seconds_each: mean training time of a candidate, so that n candidates take n times it.
        knobs: one a hyperparameter, the most important first.
        top: whole candidates not worse than the best by more than δ, as they were found; of each
            recipe one.
        not_excluded: whole candidates of which that cannot be ruled out.
        whole: candidates that were trained to their end.
        diverged: candidates that became non-finite.
        parameters: trainable numbers of the winner's network.
        replicate_seconds: mean training time of a fresh replicate of the winner.
        epochs: of training in all, those that were gone on from counted once.
        training_seconds: of all trials of the search and of the winner, added up.
        seconds: wall time that the study has taken, all runs of it added up.
        versions: by name.
        machine: one line that says what it ran on.
        warnings: what the reader should know, in sentences.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    study: Study
    dataset: str
    fingerprint: str
    sizes: dict[str, int]
    candidates: tuple[Candidate, ...]
    finalists: tuple[Candidate, ...]
    winner: Candidate
    chance: float
    searched: float
    fresh: Estimate
    fresh_diverged: int
    test: Estimate | None
    looks: int
    luck: Luck
    expected: ExpectedBest
    seconds_each: float
    knobs: tuple[Knob, ...]
    top: tuple[Candidate, ...]
    not_excluded: int
    whole: int
    diverged: int
    parameters: int
    replicate_seconds: float
    epochs: int
    training_seconds: float
    seconds: float
    versions: dict[str, str]
    machine: str
    warnings: tuple[str, ...]
    trained: int
    found: int

    def is_top(self, candidate: Candidate) -> bool:
        """Whether a candidate is of the flat top, or the same recipe drawn once more."""
        return candidate.is_whole and any(each.recipe == candidate.recipe for each in self.top)
