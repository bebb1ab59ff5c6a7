"""The contract of a store: what every method promises, raises, and when it is durable."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from stepladder.study.params import Config
from stepladder.study.schema import fingerprint
from stepladder.study.study import Study
from stepladder.trials.trial import TrialResult, TrialSummary, summarize_trial


def example_noun(inputs: str | None) -> str:
    """What one example is called in sentences, by its shape; an image where that is not known.

    Example:
        >>> example_noun("28 × 28"), example_noun("13"), example_noun("")
        ('image', 'row', 'example')
    """
    if inputs is None or "×" in inputs:
        return "image"
    return "row" if inputs else "example"


OWN_VALIDATION = "own"
"""What a record has among its versions where the validation part comes with the data."""


@dataclass(frozen=True)
class StudyRecord:
    """A study and all that its report needs in addition to the trials.

    Attributes:
        study: what was asked.
        dataset: the dataset's name.
        fingerprint: the dataset's fingerprint.
        sizes: examples by part, such as {"train": 54000, "validation": 6000, "test": 10000}.
        classes: the names of classes or labels, in the order of their numbers.
        versions: of stepladder, Python and what trained, by name; with the engine, the shape of
            the inputs such as "28 × 28", what a diverged trial counts as where targets are no
            classes, and whether the data have a validation part of their own.
        machine: one line that says what it ran on.
        seconds: wall time that running the study has taken, all runs of it added up.
    """

    study: Study
    dataset: str
    fingerprint: str
    sizes: dict[str, int]
    classes: tuple[str, ...]
    versions: dict[str, str]
    machine: str
    seconds: float = 0.0

    @property
    def has_own_validation(self) -> bool:
        """Whether the validation part comes with the data, the same in every replicate."""
        return self.versions.get("validation") == OWN_VALIDATION

    @property
    def noun(self) -> str:
        """What one example is called; of older records only a CSV file is surely a table."""
        unknown = None if isinstance(self.study.dataset, str) else ""
        return example_noun(self.versions.get("inputs", unknown))


@dataclass(frozen=True)
class Look:
    """One reading of test-set figures.

    Attributes:
        study: name of the study that was shown.
        fingerprint: fingerprint of the dataset whose test set was looked at.
        digest: SHA-256 of the set of trials shown: the same set again is the same look.
        trials: how many trials were shown.
        command: what showed them.
        at: when, in UTC.
    """

    study: str
    fingerprint: str
    digest: str
    trials: int
    command: str
    at: datetime


@dataclass(frozen=True)
class Judgement:
    """One giving of verdicts in a study.

    Attributes:
        study: name of the study.
        fingerprint: fingerprint of its dataset.
        metric: what was judged.
        delta: difference below which none matters; None where that was not said.
        looks: numbers of replicates at which it was planned: one, or those of several looks.
        is_adaptive: whether replicates were added look by look.
        comparisons: what was compared, by name: a digest of the trainings on both sides.
        replicates: of each comparison, by its name.
        verdicts: likewise.
        level: chance of a false verdict that the whole study may spend.
        command: what asked.
        at: when, in UTC.
    """

    study: str
    fingerprint: str
    metric: str
    delta: float | None
    looks: tuple[int, ...]
    is_adaptive: bool
    comparisons: Mapping[str, str]
    replicates: Mapping[str, int]
    verdicts: Mapping[str, str]
    level: float
    command: str
    at: datetime

    @property
    def question(self) -> tuple[tuple[int, ...], frozenset[str]]:
        """What it was planned to judge: the same again is the same judgement of the study."""
        return self.looks, frozenset(self.comparisons.values())

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the verdicts: the same again is not kept twice."""
        decides = {
            "metric": self.metric, "delta": self.delta, "looks": list(self.looks),
            "replicates": {self.comparisons[name]: n for name, n in self.replicates.items()},
        }  # fmt: skip
        return fingerprint(decides)


@dataclass(frozen=True)
class ClaimOwner:
    """A process that trains and claims the trials that it is about to train.

    Attributes:
        id: a random text, never used again.
        place: the machine and its start, so that only its neighbours look for the process.
        process: the process' number and start there.
        beat: how often it has said that it lives. A driver whose beat stands still is dead;
            nobody compares clocks, which may be set back.
    """

    id: str
    place: str
    process: str
    beat: int = 0


def digest_of(trial_ids: Iterable[str]) -> str:
    """SHA-256 of a set of trial ids, whatever their order and however often each is named."""
    return fingerprint(sorted(set(trial_ids)))


class Store(ABC):
    """Keeps trials, studies and looks.

    A method that returns has committed: what it wrote outlives a kill of the process at any
    later moment. One that raises, or is killed before it returns, has written nothing or all.
    Any number of processes may read and write one store; a writer waits for another. A store
    may be handed to other threads, which take turns, but not across a fork.

    Example:
        >>> from stepladder.store import ClaimOwner, open_store
        >>> with open_store("sqlite://") as store:
        ...     store.claim(ClaimOwner("me", "here", "1"), ["a", "b"]) == {"a", "b"}
        ...     store.claim(ClaimOwner("you", "here", "2"), ["b"])
        True
        set()

    Every method raises:
        StoreError: if the store is closed, is damaged, or a stored row was altered so that it
            cannot be read; the message names the row.
        RunError: if the store fails while it is used: a full disk, another program that holds
            the lock for too long, a lost connection.
    """

    @abstractmethod
    def add(self, result: TrialResult) -> bool:
        """Stores a finished trial, unless a trial of its id is stored already.

        A claim on it ends in the same transaction.

        Every float comes back bit for bit, NaN as NaN, but for -0, which comes back as 0.

        Args:
            result: the trial; equal trials have equal ids, whichever study they belong to.

        Returns:
            Whether it was added. False leaves the store as it was, also when two writers race.

        Raises:
            ValueError: if its arrays are not of the types and shapes that `TrialResult` says.
        """

    def add_all(self, results: Iterable[TrialResult]) -> int:
        """Stores several trials, where the store can in one transaction; see `add`.

        Returns:
            How many were added.
        """
        return sum(map(self.add, results))

    @abstractmethod
    def claim(self, driver: ClaimOwner, ids: Iterable[str]) -> set[str]:
        """Claims trials for a driver: those of some ids that are neither stored nor claimed.

        A claim lasts until its trial is added, by any driver, or its driver is dismissed. A
        driver that the store does not know is known from here on.

        Args:
            driver: who is going to train them.
            ids: the trials.

        Returns:
            Those of the ids that the driver holds now. No two drivers ever hold the same.
        """

    @abstractmethod
    def claimed(self, ids: Iterable[str]) -> dict[str, ClaimOwner]:
        """Who holds those of some trials that are claimed, with its latest beat."""

    @abstractmethod
    def drivers(self) -> list[ClaimOwner]:
        """Every driver that the store knows, in the order of their ids."""

    @abstractmethod
    def beat(self, driver_id: str) -> bool:
        """Records that a driver is alive: raises its beat by one.

        Returns:
            False if it was dismissed meanwhile: its claims are gone.
        """

    @abstractmethod
    def dismiss(self, driver_id: str, beat: int | None = None) -> bool:
        """Forgets a driver and its claims.

        Args:
            driver_id: which one.
            beat: its beat as it was seen last: one that has beaten since is left alone.

        Returns:
            Whether it was there, at that beat.
        """

    @abstractmethod
    def has(self, ids: Iterable[str]) -> set[str]:
        """Those of some trial ids that the store holds."""

    @abstractmethod
    def timings(self, dataset: str, engine: str) -> list[tuple[Config, float]]:
        """Configurations and seconds of every trial of a dataset and engine, diverged ones out.

        Args:
            dataset: fingerprint of the dataset.
            engine: as trials record it.
        """

    @abstractmethod
    def results(self, ids: Iterable[str], curves: bool = True) -> dict[str, TrialResult]:
        """The trials of some ids.

        Args:
            ids: the ids; those that the store does not hold are left out.
            curves: whether to read the epochs too; without, every curve has 0 epochs.

        Returns:
            Results by id, in the order in which the ids were given.

        Raises:
            StoreError: if a trial's row was altered so that it cannot be read; it is named.
        """

    def outcomes(self, ids: Iterable[str], curves: bool = False) -> dict[str, TrialSummary]:
        """What judging keeps of the trials of some ids; see `results`."""
        results = self.results(ids, curves)
        return {trial_id: summarize_trial(result) for trial_id, result in results.items()}

    @abstractmethod
    def put_study(self, record: StudyRecord) -> None:
        """Stores a study under its name; replaces an earlier one of that name.

        A study put for the first time brings its seconds; after that only `add_seconds` changes
        them, so that they add up over all runs of a study.
        """

    @abstractmethod
    def add_seconds(self, name: str, seconds: float) -> None:
        """Adds to the time that running a study has taken.

        Args:
            name: the study's name.
            seconds: wall time to add, finite and not negative.

        Raises:
            StoreError: if the store holds no study of that name.
            ValueError: if the seconds are negative or not finite.
        """

    @abstractmethod
    def study(self, name: str) -> StudyRecord | None:
        """The study of a name, or None.

        Raises:
            StoreError: if its row was altered so that it is no valid study; it is named.
        """

    @abstractmethod
    def studies(self) -> list[StudyRecord]:
        """Every study, in the order of their names.

        Raises:
            StoreError: if a row was altered so that it is no valid study; it is named.
        """

    @abstractmethod
    def look(self, study: str, fingerprint: str, trial_ids: Iterable[str], command: str) -> int:
        """Logs that test figures of some trials were shown.

        The same set of trials shown again is no new look, nor are figures of no trial at all.

        Args:
            study: name of the study that was shown.
            fingerprint: fingerprint of the dataset.
            trial_ids: the trials whose test figures were shown, in any order.
            command: what showed them.

        Returns:
            How many looks at this dataset's test set the store knows of, this one included.
        """

    @abstractmethod
    def looks(self, fingerprint: str) -> list[Look]:
        """Every look at a dataset's test set, the first one first.

        Raises:
            StoreError: if a row was altered so that it is no look; it is named.
        """

    def looked_at(self, fingerprint: str, trial_ids: Iterable[str]) -> bool:
        """Whether test figures of this very set of trials were shown before."""
        return digest_of(trial_ids) in {look.digest for look in self.looks(fingerprint)}

    @abstractmethod
    def keep_judgement(self, judgement: Judgement) -> bool:
        """Keeps a judgement of a study, unless the same is kept: see `Judgement.digest`.

        Returns:
            Whether it was new.
        """

    @abstractmethod
    def judgements(self, study: str, fingerprint: str) -> list[Judgement]:
        """Every judgement of a study of that name on a dataset, the first one first.

        Raises:
            StoreError: if a row was altered so that it is no judgement; it is named.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes the store; closing twice is harmless, any other use afterwards is an error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
