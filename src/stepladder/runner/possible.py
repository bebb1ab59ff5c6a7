"""What an engine or a dataset cannot do, said before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

from stepladder.data import Dataset
from stepladder.data.deskewing import image_sides
from stepladder.errors import StudyError
from stepladder.recipe import DISTORTIONS, Recipe
from stepladder.runner.settings import Settings
from stepladder.study import Study

__all__ = ["check_possible"]

_OF_IMAGES = (*DISTORTIONS, "deskew")


def check_possible(study: Study, dataset: Dataset, settings: Settings) -> None:
    """Makes sure that the engine and the dataset can do what the arms of a study ask for.

    Args:
        study: what is asked, its search included.
        dataset: what it is asked of.
        settings: of the run.

    Raises:
        StudyError: if they cannot, with every problem.
    """
    problems = [
        problem
        for name, fields in _asked(study)
        for problem in _problems(name, fields, dataset, settings)
    ]
    if problems:
        raise StudyError(problems)


def _asked(study: Study) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Who asks for fields that not every engine or dataset can do, and for which."""
    for arm in study.arms:
        yield f"arm {arm.name!r}", _used(arm.recipe)
    if study.search is not None:
        yield (
            "search.space",
            tuple(field for field in (*_OF_IMAGES, "vat") if field in study.search.space),
        )


def _used(recipe: Recipe) -> tuple[str, ...]:
    return tuple(field for field in (*_OF_IMAGES, "vat") if getattr(recipe, field))


def _problems(
    name: str, fields: tuple[str, ...], dataset: Dataset, settings: Settings
) -> Iterator[str]:
    of_images = [field for field in fields if field in _OF_IMAGES]
    if of_images and image_sides(dataset.input_shape) is None:
        yield (
            f"{name}: {' and '.join(of_images)} must be of grey images of 2 pixels a side or "
            f"more, found examples of {dataset.name} of shape {dataset.input_shape}; leave it "
            "out, or give images of shape (height, width)"
        )
    if "vat" in fields and settings.engine == "fit":
        yield (
            f"{name}: vat must be trained by the population engine, found --engine fit, whose "
            "training step is Keras' own and takes no gradient by the inputs; leave --engine out"
        )
