"""Which source of randomness makes the spread of an arm: each is varied alone, then all."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from stepladder.errors import InputError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.runs import folder as folders
from stepladder.runs.ledger import log_look
from stepladder.runs.measures import load_summaries, scores_on
from stepladder.runs.phases import study_trials
from stepladder.runs.plan import Plan, RunContext, make_plan
from stepladder.runs.session import open_session
from stepladder.statistics.variance import FEWEST, VarianceAnalysis, analyze_variance
from stepladder.store import Store, StudyRecord
from stepladder.study.designs import Arm
from stepladder.study.recipe import DISTORTIONS, NONE
from stepladder.study.schema import check_name
from stepladder.study.study import Study
from stepladder.trials.seeding import Stream, held_replicate
from stepladder.trials.trial import Trial

STREAMS: Mapping[str, tuple[Stream, ...]] = MappingProxyType({
    "split": ("split", "subset"),
    "initial weights": ("init",),
    "data order": ("order",),
    "dropout and noise": ("dropout",),
    "distortion": ("augment",),
    "mixup": ("mixup",),
    "perturbation": ("perturb",),
    "seed": ("user",),
})  # fmt: skip
"""The streams of each source of randomness."""

TOGETHER = "all together"
MOST = 10_000


@dataclass(frozen=True)
class StudyVariance:
    """Where the spread of an arm comes from.

    Attributes:
        record: the study and its dataset.
        arm: whose trainings are analysed.
        replicates: of each source, and of all together; they share replicate 0.
        analysis: of the judged metric on the test part, in its unit (points for fractions).
        left_out: sources that the arm does not have.
        looks: how often test figures of this test set were read.
        is_every_look: whether those of all folders of this user are among them.
        trained: trials that this run trained.
        found: trials that were stored before it.
    """

    record: StudyRecord
    arm: Arm
    replicates: int
    analysis: VarianceAnalysis
    left_out: tuple[str, ...]
    looks: int
    is_every_look: bool
    trained: int
    found: int


def sources_of(study: Study, arm: Arm, has_own_validation: bool = False) -> tuple[str, ...]:
    """The sources of randomness that the trainings of an arm have.

    The code of a network of the user's own may draw in any layer, so that it has `dropout and
    noise`. A training of the user's own has its seed as a whole, and the split of the study's
    dataset where there is one. A validation part that comes with the data is no source.

    Example:
        >>> study = Study(name="s", base={"hidden": [8]}, techniques=["dropout"])
        >>> [sources_of(study, arm)[3:] for arm in study.arms]
        [(), ('dropout and noise',)]
    """
    if study.trainer is not None:
        is_split = study.dataset is not None and not has_own_validation
        return ("split", "seed") if is_split else ("seed",)
    recipe = arm.recipe
    noises = recipe.noise != NONE or recipe.input_noise != NONE
    has = {
        "split": not has_own_validation or recipe.train_examples is not None,
        "initial weights": True,
        "data order": True,
        "dropout and noise": bool(recipe.dropout or noises or recipe.stochastic_depth)
        or recipe.model is not None,
        "distortion": any(getattr(recipe, field) for field in DISTORTIONS),
        "mixup": bool(recipe.mixup),
        "perturbation": bool(recipe.vat),
    }
    return tuple(source for source, is_there in has.items() if is_there)


def variance_trials(context: RunContext, arm: Arm, replicates: int) -> dict[str, list[Trial]]:
    """The trials of each source, and of all together, in the order of replicates.

    All others are held at replicate 0, which is the first trial of each. All together are the
    study's ordinary replicates; so is a source that is the only one.

    Example:
        >>> study = Study(name="s", base={"hidden": [8]}, replicates=2)
        >>> trials = variance_trials(
        ...     RunContext(study, "fingerprint", 10, "population", 2), study.arms[0], 2)
        >>> {name: [trial.shown_replicate for trial in trials[name]] for name in trials}
        ... # doctest: +NORMALIZE_WHITESPACE
        {'split': [0, 1], 'initial weights': [0, 1], 'data order': [0, 1], 'all together': [0, 1]}
    """
    sources = sources_of(context.study, arm, context.has_own_validation)
    varied = {source: STREAMS[source] for source in sources} if len(sources) > 1 else {}
    numbers = {
        source: [held_replicate(replicate, streams) for replicate in range(replicates)]
        for source, streams in varied.items()
    }
    numbers[TOGETHER] = list(range(replicates))
    return {name: [context.trial(arm.config, number) for number in row]
            for name, row in numbers.items()}  # fmt: skip


def study_variance(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    arm: str | None = None,
    replicates: int = 20,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
) -> StudyVariance:
    """Trains the missing trials and analyses them; see `stepladder.variance`.

    Args and errors are those of `stepladder.variance`, with the `folder` of the run and the
    `settings` of this machine.

    Raises:
        KeyboardInterrupt: if the user stops it; what was finished is stored.
    """
    if study.overlap:
        raise InputError(
            "the study must have one test part for all replicates, found k-fold, whose folds are "
            "a source of their own; leave splits out"
        )
    if study.datasets:
        raise InputError(
            f"study must be on one data set, found {len(study.datasets)}; write a study file with "
            "one of them as its dataset"
        )
    if not FEWEST <= replicates <= MOST:
        raise InputError(
            f"replicates must be from {FEWEST} to {MOST:,} of each source, found {replicates}; "
            "fewer give no interval, 20 are usual"
        )
    _arm_named(study.arms, study, arm)
    plan = partial(_plan, arm=arm, replicates=replicates)
    with open_session(
        study, folder, settings, store=store, progress=progress, allow_code=allow_code, plan=plan
    ) as session:
        planned = plan(session.context, session.store)
        folders.take_row(session.store, session.record, folder, session.progress)
        session.train(planned, weights=session.weights)
        session.check_failures(planned)
        record, opened = session.finish(), session.store
        chosen = _chosen(session.context, opened, arm)
        trials = variance_trials(session.context, chosen, replicates)
        stored = load_summaries(opened, (trial.id for trial in planned.trials))
        looks, is_every = log_look(opened, study.name, record.fingerprint, stored, "variance")
    metric = study.judged
    scores = {
        name: [metric.scale * score
               for score in scores_on([stored.get(one.id) for one in row], "test", metric.name)]
        for name, row in trials.items()
    }  # fmt: skip
    sources = sources_of(study, chosen, record.has_own_validation)
    together = scores.pop(TOGETHER)
    possible = () if study.trainer is not None else (set(STREAMS) - {"seed"})
    return StudyVariance(
        record,
        chosen,
        replicates,
        analyze_variance(scores or {sources[0]: together}, together),
        tuple(source for source in STREAMS if source in possible and source not in sources),
        looks,
        is_every,
        session.trained,
        len(planned.trials) - session.trained,
    )


def _plan(context: RunContext, store: Store | None, arm: str | None, replicates: int) -> Plan:
    chosen = _chosen(context, store, arm)
    return make_plan(context.study, variance_trials(context, chosen, replicates), store)


def _chosen(context: RunContext, store: Store | None, arm: str | None) -> Arm:
    """The arm, of a fair study with the values that its tuning chose once it is finished."""
    return _arm_named(study_trials(context, store).arms, context.study, arm)


def _arm_named(arms: tuple[Arm, ...], study: Study, name: str | None) -> Arm:
    """The arm of a name; the first, which is the base, when None.

    Raises:
        InputError: if there is none.
    """
    by_name = {arm.name: arm for arm in arms}
    if name is None:
        return arms[0]
    check_name(f"--arm must be an arm of the study {study.name!r}", name, by_name)
    return by_name[name]
