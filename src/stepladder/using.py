"""Using what was trained from Python: exporting a model, and asking one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stepladder.environment import model_environment, settings
from stepladder.errors import InputError
from stepladder.exporter.export import Exported, check_target, export_model
from stepladder.exporter.predict import Prediction, Predictions, predict_files
from stepladder.files import write_whole
from stepladder.places import usable
from stepladder.report.card import as_markdown
from stepladder.runner.folder import STORE_NAME, STUDY_NAME, run_folder
from stepladder.runner.namesakes import check_own
from stepladder.runner.progress import Progress, QuietProgress
from stepladder.runner.settings import EngineChoice
from stepladder.store import open_store
from stepladder.store.base import StudyRecord
from stepladder.study import Study

__all__ = ["Exported", "Prediction", "Predictions", "export", "predict"]


def export(
    run: str | Path,
    arm: str | None = None,
    *,
    to: str | Path,
    ensemble: bool = False,
    store: str | None = None,
    progress: Progress | None = None,
    allow_code: bool = False,
) -> Exported:
    """Writes an arm's best replicate as one Keras model, with its card beside it.

    The model takes raw inputs, as the data has them, and gives probabilities; it needs Keras
    alone. The card has the model's name and ends in .md.

    Args:
        run: the folder of a run, or of a search.
        arm: name of the arm; the winner of a search, or the only arm, when None.
        to: the model's file, ending in .keras.
        ensemble: whether all replicates become one model, which averages their probabilities.
        store: URL of the run's store where that is not in its folder.
        progress: is told how it goes.
        allow_code: whether the model file that the study may name is run, with your rights.

    Raises:
        InputError: if there is no such run or arm, or it cannot be exported.
        RunError: if a replicate had to be trained again and failed, or the model does not answer
            as the engine did; nothing was written.
    """
    file = usable(to, "--to")
    check_target(file)
    folder = run_folder(run)
    study = Study.load(folder / STUDY_NAME)
    with open_store(store or str(folder / STORE_NAME), create=False) as kept:
        check_own(kept, study, folder)
        record = kept.study(study.name)
        if record is None:
            raise InputError(
                f"the store of {str(folder)!r} must hold the study {study.name!r}, found no such "
                "study; run it first"
            )
        made = export_model(
            folder, record, kept, arm, file,
            is_ensemble=ensemble,
            settings=settings(engine=_engine(record)),
            environment=model_environment(),
            progress=progress or QuietProgress(),
            allow_code=allow_code,
        )  # fmt: skip
    write_whole(made.file.with_suffix(".md"), as_markdown(made).encode())
    return made


def _engine(record: StudyRecord) -> EngineChoice:
    return "fit" if record.versions.get("engine", "").startswith("fit") else "population"


def predict(
    model: str | Path, images: Sequence[str | Path], *, as_it_is: bool = False
) -> Predictions:
    """What a model answers to pictures (PNG, JPEG) and arrays (.npy, .npz).

    Pictures are framed as the images of the training set are: what is drawn on them is told from
    its background, fitted into the box and put into the middle. Arrays are taken as they are.

    Args:
        model: a `.keras` file.
        images: the files.
        as_it_is: whether pictures are only resized.

    Raises:
        InputError: if the model or a file cannot be read, or they do not fit each other.
    """
    sources = [usable(each, "IMAGE") for each in images]
    return predict_files(usable(model, "MODEL"), sources, model_environment(), as_it_is=as_it_is)
