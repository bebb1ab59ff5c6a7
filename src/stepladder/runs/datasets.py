"""A study on several data sets: a study for each, and what they say together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from stepladder.errors import StudyError
from stepladder.execution.machine import Settings
from stepladder.runs import folder as folders
from stepladder.runs.judgements import earlier_judgements
from stepladder.runs.measures import factorial_techniques
from stepladder.runs.plan import prepare
from stepladder.runs.results import Results
from stepladder.statistics.datasets import (
    OPEN,
    ArmOverDatasets,
    OverDatasets,
    fewest_datasets,
    judge_over_datasets,
)
from stepladder.statistics.effects import with_verdict
from stepladder.statistics.results import Effect, Verdict
from stepladder.store import Judgement, Store
from stepladder.study.schema import fingerprint
from stepladder.study.study import Study

OVER = "over data sets"
"""In the place of a dataset's fingerprint, where judgements over several are kept."""

WITHIN: Verdict = "no difference beyond δ"

DATA = "data"
"""The name under which a judgement has a digest of its data sets and replicates."""

SHARE_FIRST = 0.8
"""Of the error rate that the first judgement may spend: 4 of 5 %.

One data set more asks for half the level, so that 4 % ask for no more of them than 5 % in a family
of one or two, and for one more in others. What is left has to do for judgements after it: with
0.25 % in the place of 1 % these would ask for two more.
"""


def check_datasets(study: Study, folder: Path, settings: Settings) -> None:
    """Makes sure that a study can be trained on each of its data sets, before any is.

    Raises:
        InputError: if one of them will not do, with its name, or two of them are the same.
        OutputError: if the folder holds another study.
    """
    folders.check_holds(folder, study)
    names: dict[str, str] = {}
    for name, one in study.by_dataset.items():
        try:
            dataset, _ = prepare(one, settings)
        except StudyError as error:
            raise StudyError([f"on {name}: {line}" for line in error.problems]) from None
        if dataset.fingerprint in names:
            raise StudyError(
                f"datasets must differ, found the same examples in "
                f"{names[dataset.fingerprint]} and {name}; remove one"
            )
        names[dataset.fingerprint] = name


def fewest_at_first(study: Study) -> int:
    """Data sets without which the first judgement over them gives no verdict."""
    techniques = factorial_techniques(study)
    compared = [arm for arm in study.arms if arm.compared_with is not None]
    return fewest_datasets(len(techniques or compared), level_of(1))


def prepare_datasets(study: Study, folder: Path, settings: Settings, store: str | None) -> str:
    """Writes a study into its folder, after it was checked on each of its data sets.

    Returns:
        The address of the store that all of them use.

    Raises:
        InputError: as for `check_datasets`.
        OutputError: if the folder cannot be written.
    """
    check_datasets(study, folder, settings)
    folders.check(folder, study)
    study = folders.keep_data(folder, study)
    address = folders.store_of(folder, store)
    folders.remember_store(folder, address)
    folders.write_study(folder, study)
    return address


def level_of(number: int) -> float:
    """Of the error rate of 5 % what a judgement over data sets may spend: all together no more.

    Example:
        >>> [f"{level_of(number):.4f}" for number in (1, 2, 3)]
        ['0.0400', '0.0050', '0.0017']
    """
    later = number * (number - 1)
    return 0.05 * ((1 - SHARE_FIRST) / later if later else SHARE_FIRST)


def judge_results(
    study: Study, results: Mapping[str, Results], store: Store, command: str
) -> OverDatasets:
    """What holds in general, over data sets like those of a study; the judgement is kept.

    The first judgement may spend 80 % of the error rate, and the j-th after it 1 / (j (j + 1)) of
    what is left, whatever was changed: data sets, replicates or arms. So all of them together are
    wrong in at most 5 % of studies. A verdict stays while the mean does not contradict it.

    Args:
        study: on several data sets.
        results: of each, by name, finished.
        store: where judgements are kept.
        command: what asks.
    """
    effects = {name: _effects(one) for name, one in results.items()}
    compared = _compared(next(iter(results.values())))
    comparisons = _digests(study, effects, results)
    known = earlier_judgements(store, study, OVER, comparisons)
    questions = list(dict.fromkeys(each.question for each in known))
    own = ((len(results),), frozenset(comparisons.values()))
    number = 1 + (questions.index(own) if own in questions else len(questions))
    level = level_of(number)
    delta = known[0].delta if known else study.delta
    over = judge_over_datasets(
        effects, compared,
        {name: {arm.arm.name: arm.test.mean for arm in one.arms}
         for name, one in results.items()},
        delta=delta, metric=study.judged, level=level, number=number,
    )  # fmt: skip
    before = [each for each in known if each.question in questions[: number - 1]]
    over = replace(
        over, arms=tuple(_with_earlier(arm, comparisons, before, over) for arm in over.arms)
    )
    if len(results) >= fewest_datasets(len(comparisons) - 1, level):  # else it spends nothing
        judged = {arm.name: arm for arm in over.arms if arm.effect is not None}
        store.keep_judgement(
            Judgement(
                study=study.name,
                fingerprint=OVER,
                metric=study.judged.name,
                delta=delta,
                looks=(len(results),),
                is_adaptive=False,
                comparisons=comparisons,
                replicates={name: len(arm.by_dataset) for name, arm in judged.items()}
                | {DATA: len(results)},
                verdicts={name: arm.verdict for name, arm in judged.items()},
                level=level,
                command=command,
                at=datetime.now(UTC),
            )
        )
    return over


def _with_earlier(
    arm: ArmOverDatasets,
    comparisons: Mapping[str, str],
    before: Sequence[Judgement],
    over: OverDatasets,
) -> ArmOverDatasets:
    """An arm that is open now, with a verdict that an earlier judgement gave it."""
    effect = arm.effect
    if effect is None or arm.verdict != OPEN:
        return arm
    sign = over.metric.sign * effect.mean
    is_possible = {"helps": sign > 0, "hurts": sign < 0,
                   WITHIN: abs(effect.mean) < (over.delta or 0.0)}  # fmt: skip
    for each in before:
        verdicts = {each.comparisons[name]: verdict for name, verdict in each.verdicts.items()}
        verdict = verdicts.get(comparisons[arm.name], OPEN)
        if is_possible.get(verdict):
            return replace(arm, effect=with_verdict(effect, cast(Verdict, verdict), None))
    return arm


def _effects(results: Results) -> dict[str, Effect]:
    """What verdicts are about: main effects of a factorial, else effects of arms, by name."""
    if results.readout is not None:
        return {main.technique: main.effect for main in results.readout.main}
    return {arm.arm.name: arm.effect for arm in results.arms if arm.effect is not None}


def _compared(results: Results) -> dict[str, str | None]:
    if results.readout is not None:
        return dict.fromkeys(main.technique for main in results.readout.main)
    return {arm.arm.name: arm.arm.compared_with for arm in results.arms}


def _digests(
    study: Study, effects: Mapping[str, Mapping[str, Effect]], results: Mapping[str, Results]
) -> dict[str, str]:
    """Digests of what is compared, by the name of the arm or technique, and of the data."""
    configs = {arm.name: arm.config.model_dump(mode="json") for arm in study.arms}
    compared = {arm.name: arm.compared_with for arm in study.arms}
    names = dict.fromkeys(name for each in effects.values() for name in each)
    digests = {
        name: fingerprint([configs[name], configs.get(compared[name] or "")]
                          if name in configs else [name, configs])
        for name in names
    }  # fmt: skip
    data = {one.fingerprint: {name: list(effect.differences) for name, effect in of.items()
                              if math.isfinite(effect.mean)}
            for one, of in zip(results.values(), effects.values(), strict=True)}  # fmt: skip
    return digests | {DATA: fingerprint(data)}
