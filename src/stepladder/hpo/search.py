"""A search, run."""

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from stepladder.data.leaks import shown_notes
from stepladder.errors import RunError
from stepladder.execution.machine import Settings
from stepladder.execution.progress import Progress
from stepladder.hpo.candidates import Candidate, or_else
from stepladder.hpo.halving import Before
from stepladder.hpo.plan import populations_of, prepare_search, train_search
from stepladder.hpo.results import SearchResult, summarize_search
from stepladder.hpo.sampling import JOURNAL_NAME, OptunaSampler
from stepladder.runs.arm_analysis import missing_weights_note
from stepladder.runs.folder import take_row
from stepladder.runs.ledger import count_looks, log_look
from stepladder.runs.plan import make_plan
from stepladder.runs.preflight import data_notes
from stepladder.runs.session import Session, open_session
from stepladder.statistics.intervals import estimate
from stepladder.statistics.results import Estimate
from stepladder.study.study import Study
from stepladder.training.checkpoints import forget
from stepladder.trials.trial import Trial, TrialResult


def search_study(
    study: Study,
    folder: Path,
    settings: Settings,
    *,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
    final: bool = False,
) -> SearchResult:
    """Searches a study's space and retrains the winner on replicates that the search never saw.

    Candidates are trials like any other: what the store holds is not trained again, so the same
    call resumes an interrupted search. Nothing of the test set is read unless `final`. Args and
    errors are those of `stepladder.search`, with the `folder` and the `settings` of this machine.

    Raises:
        KeyboardInterrupt: if the user stops it; what was finished is stored.
    """
    with open_session(
        study, folder, settings, store=store, progress=progress, allow_code=allow_code,
        prepare=prepare_search, is_search=True,
    ) as session:  # fmt: skip
        take_row(session.store, session.record, folder, session.progress)
        for note in shown_notes(data_notes(study, session.dataset)):
            session.progress.note(note)
        context = session.context
        candidates, finalists, fresh = train_search(
            context,
            populations_of(context),
            OptunaSampler(context, folder / JOURNAL_NAME),
            _SessionTrainer(session),
            lambda trial: forget(session.checkpoints, trial),
            lambda candidates: _note_best(session, candidates),
        )
        if all(result.diverged for result in fresh):
            raise RunError(
                f"the winner, candidate {finalists[0].number}, must train on fresh replicates, "
                f"found that it diverged on all {len(fresh)}; narrow the space, its learning rate "
                "first. What was trained is stored, and the test set was not looked at"
            )
        record = session.finish()
        test, looks = _look(session, fresh, final)
        return summarize_search(
            context, record, candidates, finalists, fresh,
            test=test, looks=looks, trained=session.trained,
            found=len(session.seen) - session.trained,
        )  # fmt: skip


class _SessionTrainer:
    """Trains the missing trials of a part in the session, and reads all of them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(
        self, trials: Sequence[Trial], label: str, before: Before, keeps: Collection[Trial]
    ) -> dict[str, TrialResult]:
        session = self._session
        plan = make_plan(session.study, {label: trials}, session.store)
        # Weights are kept of the winner's replicates alone, not of candidates.
        weights = session.weights if trials[0].role == "compare" else None
        for note in missing_weights_note(plan, weights) if weights else ():
            session.progress.note(note)
        session.train(plan, before, keeps, weights)
        session.check_failures(plan)
        return session.store.results([trial.id for trial in plan.trials], curves=False)


def _note_best(session: Session, candidates: Sequence[Candidate]) -> None:
    search = session.study.search
    assert search is not None
    best = max(candidates, key=lambda one: (one.is_whole, or_else(one.merit, -math.inf)))
    metric, score = session.study.judged, or_else(best.score, session.context.baseline)
    shown = f"{score:.2%}" if metric.is_fraction else f"{score:.4g} {metric.unit}".rstrip()
    if metric.name != "accuracy":
        shown = f"{metric.name} {shown}"
    session.progress.note(
        f"{len(candidates)} of {search.trials} candidates, the best so far {shown} on validation"
    )


def _look(
    session: Session, fresh: Sequence[TrialResult], final: bool
) -> tuple[Estimate | None, int]:
    """The winner's test score, and how many looks there were.

    Shown where it is asked for, or was before: the same figures again are no new look.
    """
    store, fingerprint = session.store, session.record.fingerprint
    ids = [result.trial.id for result in fresh]
    if not final and not store.looked_at(fingerprint, ids):
        return None, count_looks(store, fingerprint)[0]
    looks, _ = log_look(store, session.study.name, fingerprint, ids, "search --final")
    metric = session.study.judged
    return estimate([result.score("test", metric.name) for result in fresh], metric=metric), looks
