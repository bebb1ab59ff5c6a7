"""The judgements of a study: which one this is, and what the ones before it said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from stepladder.statistics.results import Effect, Verdict
from stepladder.statistics.sequential import Occasion, fewest_replicates
from stepladder.store import Judgement, Store
from stepladder.study.schema import fingerprint
from stepladder.study.study import Study
from stepladder.trials.trial import Trial

MAIN = "main effect of "
"""Before the name of a technique: a factorial judges main effects too."""


@dataclass(frozen=True)
class History:
    """What is to be judged, and every judgement of the same study before it.

    Attributes:
        comparisons: digests of what is compared, by the name of the arm, or of the technique
            after `MAIN`.
        looks: numbers of replicates at which it is judged.
        is_adaptive: whether replicates are added look by look.
        delta: that the study asks for.
        earlier: judgements that share a comparison with it, the first one first.
    """

    comparisons: Mapping[str, str]
    looks: tuple[int, ...]
    is_adaptive: bool
    delta: float | None
    earlier: tuple[Judgement, ...] = ()

    def first_looks(self, *, main: bool = False) -> tuple[int, ...]:
        """Numbers of replicates at which the first judgement was planned.

        If these are too few for any verdict, the next number that is enough, which is what the
        user is advised to ask for.
        """
        looks, asked = self.looks, self.comparisons
        if self.earlier:
            looks, asked = self.earlier[0].looks, self.earlier[0].comparisons
        if len(looks) > 1:
            return looks
        return (fewest_replicates(looks[0], sum(name.startswith(MAIN) == main for name in asked)),)

    @property
    def first_delta(self) -> float | None:
        """δ of the first judgement that had one: it stays."""
        deltas = [each.delta for each in self.earlier if each.delta is not None]
        return deltas[0] if deltas else self.delta

    @property
    def others(self) -> tuple[Judgement, ...]:
        """The last judgement of each other question that was judged before."""
        own = (self.looks, frozenset(self.comparisons.values()))
        by_question = {each.question: each for each in self.earlier if each.question != own}
        return tuple(by_question.values())

    @property
    def is_first(self) -> bool:
        """Whether this is the judgement that was planned at first."""
        if not self.earlier:
            return True
        looks, digests = self.earlier[0].question
        is_known = self.looks in (looks, self.first_looks())
        return is_known and digests == frozenset(self.comparisons.values())

    @property
    def first_verdicts(self) -> Mapping[str, Verdict]:
        """Verdicts of the first judgement, as it stood last, by the digest of a comparison."""
        if self.is_first:
            return {}
        question = self.earlier[0].question
        last = [each for each in self.earlier if each.question == question][-1]
        return {
            last.comparisons[name]: cast(Verdict, verdict)
            for name, verdict in last.verdicts.items()
        }

    def occasion(self, *, main: bool = False) -> Occasion:
        """Which judgement this is of the family of arms, or of main effects."""
        batch_of: dict[str, int] = {}
        asked = [*(each.comparisons for each in self.earlier), self.comparisons]
        for comparisons in asked:
            new = {digest for name, digest in comparisons.items()
                   if name.startswith(MAIN) == main} - batch_of.keys()  # fmt: skip
            batch = max(batch_of.values(), default=0) + 1
            batch_of |= dict.fromkeys(sorted(new), batch)
        own = {name.removeprefix(MAIN) if main else name: digest
               for name, digest in self.comparisons.items()
               if name.startswith(MAIN) == main}  # fmt: skip
        gone = batch_of.keys() - set(own.values())
        return Occasion(
            first=self.first_looks(main=main),
            looks=self.looks,
            batches={name: batch_of[digest] for name, digest in own.items()},
            gone=tuple(sorted(batch_of[digest] for digest in gone)),
            is_adaptive=self.is_adaptive,
        )


def history_of(
    study: Study,
    fingerprint_: str,
    pairs: Iterable[tuple[str, str]],
    trials: Mapping[str, Sequence[Trial]],
    techniques: Sequence[str],
    looks: tuple[int, ...],
    store: Store | None,
) -> History:
    """The history of what a study is going to judge.

    Args:
        study: what is asked.
        fingerprint_: of its dataset.
        pairs: names of arms that are compared.
        trials: of each arm, by its name.
        techniques: whose main effects are judged, by name.
        looks: numbers of replicates at which it is judged.
        store: where judgements are kept; None where there is none yet.
    """
    comparisons = {
        arm: fingerprint([trials[name][0].id for name in (arm, other)]) for arm, other in pairs
    }
    cells = sorted(rows[0].id for rows in trials.values()) if techniques else []
    comparisons |= {f"{MAIN}{name}": fingerprint([name, *cells]) for name in techniques}
    earlier = earlier_judgements(store, study, fingerprint_, comparisons) if store else ()
    return History(comparisons, looks, study.adaptive, study.delta, earlier)


def earlier_judgements(
    store: Store, study: Study, fingerprint_: str, comparisons: Mapping[str, str]
) -> tuple[Judgement, ...]:
    """Judgements of a study's metric that share a comparison, the first one first.

    Args:
        store: where they are kept.
        study: what is asked.
        fingerprint_: of its dataset.
        comparisons: digests of what is compared, by name.
    """
    digests = set(comparisons.values())
    return tuple(
        each for each in store.judgements(study.name, fingerprint_)
        if each.metric == study.judged.name and digests & set(each.comparisons.values())
    )  # fmt: skip


def keep(
    store: Store,
    study: Study,
    fingerprint_: str,
    history: History,
    effects: Mapping[str, Effect],
    command: str,
) -> None:
    """Keeps a judgement; one without a single pair says nothing and is none.

    Args:
        store: where.
        study: what was asked.
        fingerprint_: of its dataset.
        history: what was judged.
        effects: by the names of `history.comparisons`, as far as there are any.
        command: what asked.
    """
    judged = {name: effects[name] for name in history.comparisons if name in effects}
    if not any(effect.pairs for effect in judged.values()):
        return
    store.keep_judgement(
        Judgement(
            study=study.name,
            fingerprint=fingerprint_,
            metric=study.judged.name,
            delta=history.delta,
            looks=history.looks,
            is_adaptive=history.is_adaptive,
            comparisons=history.comparisons,
            replicates={name: effect.pairs for name, effect in judged.items()},
            verdicts={name: effect.verdict for name, effect in judged.items()},
            level=0.05,
            command=command,
            at=datetime.now(UTC),
        )
    )
