"""Adding replicates until every verdict is settled: how many each arm wants next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stepladder.runs.judgements import History, history_of
from stepladder.runs.measures import (
    count_leading,
    factorial_techniques,
    load_summaries,
    main_effect_scores,
    scores_at_baseline,
    scores_on,
)
from stepladder.runs.plan import RunContext, trials_of
from stepladder.runs.results import Adapted
from stepladder.statistics.anytime import SHARE_FIRST
from stepladder.statistics.sequential import InterimLook, effects_over_time, look_levels, plan_looks
from stepladder.store import Store
from stepladder.study.designs import Arm
from stepladder.study.study import Study
from stepladder.trials.trial import Trial, TrialSummary


@dataclass(frozen=True)
class ReplicateTargets:
    """What a study that adds replicates wants.

    Attributes:
        replicates: of each arm, by its name.
        finished: whether they are all stored and no look is left.
    """

    replicates: Mapping[str, int]
    finished: bool


def looks(study: Study, arms: Sequence[Arm]) -> tuple[int, ...]:
    """The numbers of replicates at which a study is judged: one, if nothing is added."""
    if not study.adaptive:
        return (study.replicates,)
    count = len(factorial_techniques(study)) or len(compared_pairs(arms))
    return plan_looks(study.replicates, count, alpha=_ALPHA * SHARE_FIRST)


_ALPHA = 0.05


def judging_history(
    context: RunContext, arms: Sequence[Arm], trials: Mapping[str, Sequence[Trial]],
    store: Store | None,
) -> History:  # fmt: skip
    """What a study judges, and how it was judged before."""
    study = context.study
    return history_of(
        study, context.fingerprint, compared_pairs(arms), trials, factorial_techniques(study),
        looks(study, arms), store,
    )  # fmt: skip


def compared_pairs(arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """Each arm that is compared, with the one it is compared with."""
    return [(arm.name, arm.compared_with) for arm in arms if arm.compared_with is not None]


def replicate_targets(
    context: RunContext, arms: Sequence[Arm], store: Store | None
) -> ReplicateTargets:
    """How many replicates each arm wants, as far as the store tells.

    An arm has as many as the comparisons that it is in: those that are open at a look continue
    to the next one together. The comparisons of a factorial are the main effects of its
    techniques, which every combination is in.
    """
    study, trials = context.study, trials_of(context, arms)
    ids = [trial.id for of_arm in trials.values() for trial in of_arm]
    stored = load_summaries(store, ids) if store else {}
    results = {name: [stored.get(trial.id) for trial in trials[name]] for name in trials}
    results = {name: rows[: count_leading(rows)] for name, rows in results.items()}
    pairs, planned = compared_pairs(arms), looks(study, arms)
    history = judging_history(context, arms, trials, store)
    is_factorial = bool(factorial_techniques(study))
    if is_factorial:  # a diverged trial counts as guessing, as in the factorial analysis
        guessing = {
            name: scores_at_baseline(results[name], study.judged, context.baseline)
            for name in results
        }
        sides, pairs = main_effect_scores(study, guessing)
    else:
        sides = {name: scores_on(rows, "test", study.judged.name) for name, rows in results.items()}
    occasion = history.occasion(main=is_factorial).of_sides(pairs)
    _, look = effects_over_time(
        sides, pairs, occasion, delta=history.first_delta, metric=study.judged, claim=study.claim
    )
    wanted = [int(count) for count in look.wanted]
    counts = dict.fromkeys(trials, max(wanted) if is_factorial else 0)
    if not is_factorial:
        for count, pair in zip(wanted, pairs, strict=True):
            for name in pair:
                counts[name] = max(counts[name], count)
    replicates = {name: count or planned[0] for name, count in counts.items()}
    is_stored = all(len(results[name]) >= count for name, count in replicates.items())
    return ReplicateTargets(replicates, look.finished and is_stored)


def add_replicates(
    context: RunContext,
    arms: Sequence[Arm],
    store: Store,
    train: Callable[[Mapping[str, int]], object],
    note: Callable[[str], object],
) -> Mapping[str, int]:
    """Trains look by look until every verdict is settled or the maximum is reached.

    Returns:
        Replicates of each arm, by its name.
    """
    targets = replicate_targets(context, arms, store)
    if not targets.finished:
        planned = looks(context.study, arms)
        levels = look_levels(planned, _ALPHA * SHARE_FIRST)
        note(
            f"adaptive: verdicts at {', '.join(map(str, planned))} replicates, the error rate "
            f"split as {', '.join(f'{100 * level:.2g}' for level in levels)} %"
        )
    while not targets.finished:
        ahead = max(targets.replicates.values())
        going = sum(count == ahead for count in targets.replicates.values())
        note(f"adaptive: {going} of {len(arms)} arms continue to {ahead} replicates")
        train(targets.replicates)
        targets = replicate_targets(context, arms, store)
    return targets.replicates


def adaptive_summary(
    study: Study, arms: Sequence[Arm], look: InterimLook, stored: Mapping[str, TrialSummary]
) -> Adapted:
    """How far a study went, and what a fixed number of replicates would have cost."""
    at_most = study.replicates * len({arm.config for arm in arms})
    mean = sum(result.seconds for result in stored.values()) / max(len(stored), 1)
    return Adapted(
        looks=looks(study, arms),
        taken=look.looked,
        settled=int((look.different | look.within).sum()),
        trials=len(stored),
        at_most=at_most,
        seconds_saved=mean * max(at_most - len(stored), 0),
    )
