"""The candidates of a search in a file that Optuna's own tools read."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stepladder.files import write_whole
from stepladder.runner.question import Question
from stepladder.values import fingerprint

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial

__all__ = ["JOURNAL_NAME", "Journal"]

JOURNAL_NAME = "optuna.log"
_OURS = "stepladder"


class Journal:
    """What a search has asked for and was told, as a study of Optuna's in a file.

    Args:
        file: where it is, or will be.
        question: whose candidates it holds, with a search; those of another are not read.
    """

    def __init__(self, file: Path, question: Question) -> None:
        study = question.study
        assert study.search is not None
        self._file, self._name = file, study.name
        self._identity = fingerprint(
            [study.search.model_dump(mode="json", exclude={"trials", "budget"}),
             list(study.search.space), study.base.model_dump(mode="json"), study.seed,
             question.fingerprint, question.validation, question.engine]
        )  # fmt: skip

    def read(self) -> list[FrozenTrial]:
        """The candidates of this very search, in order; none where there are none to be read."""
        if not self._file.exists():
            return []
        from optuna import load_study
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        found: list[FrozenTrial] = []
        with suppress(Exception):  # whatever is in the file: it can be made again from the store
            kept = load_study(
                study_name=self._name,
                storage=JournalStorage(JournalFileBackend(str(self._file))),
            )
            if kept.user_attrs.get(_OURS) == self._identity:
                found += kept.trials
        return found

    def write(self, known: OptunaStudy) -> None:
        """Writes a study of the search's name in the place of what was there, in one move."""
        from optuna import copy_study
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        known.set_user_attr(_OURS, self._identity)
        with tempfile.TemporaryDirectory(prefix="stepladder-") as folder:
            file = Path(folder) / self._file.name
            copy_study(
                from_study_name=self._name,
                from_storage=known._storage,
                to_storage=JournalStorage(JournalFileBackend(str(file))),
            )
            write_whole(self._file, file.read_bytes())
