"""What each training technique is worth, on your data, and how sure that is.

Example::

    import stepladder

    study = stepladder.Study.load("mnist")
    run = stepladder.run(study)
    print(run)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stepladder.version import __version__

if TYPE_CHECKING:
    from stepladder.api import (
        DatasetsRun,
        JudgedTable,
        JudgedTables,
        Reproduced,
        Run,
        SearchRun,
        VarianceRun,
        compare,
        export,
        judge,
        predict,
        reproduce,
        run,
        search,
        variance,
    )
    from stepladder.data.arrays import dataset
    from stepladder.deployment.export import Exported
    from stepladder.deployment.predict import Predictions
    from stepladder.errors import (
        DataError,
        InputError,
        OutputError,
        RunError,
        StepladderError,
        StoreError,
        StudyError,
        WorkerError,
    )
    from stepladder.study.published import PublishedTable
    from stepladder.study.recipe import Recipe
    from stepladder.study.sources import (
        ArraysDataset,
        ImagesDataset,
        NamedDataset,
        NpzDataset,
        TableDataset,
    )
    from stepladder.study.study import Reported, Study
    from stepladder.study.techniques import CATALOGUE, Technique

__all__ = [
    "CATALOGUE",
    "ArraysDataset",
    "DataError",
    "DatasetsRun",
    "Exported",
    "ImagesDataset",
    "InputError",
    "JudgedTable",
    "JudgedTables",
    "NamedDataset",
    "NpzDataset",
    "OutputError",
    "Predictions",
    "PublishedTable",
    "Recipe",
    "Reported",
    "Reproduced",
    "Run",
    "RunError",
    "SearchRun",
    "StepladderError",
    "StoreError",
    "Study",
    "StudyError",
    "TableDataset",
    "Technique",
    "VarianceRun",
    "WorkerError",
    "__version__",
    "compare",
    "dataset",
    "export",
    "judge",
    "predict",
    "reproduce",
    "run",
    "search",
    "variance",
]

_NAMES = {
    "data.arrays": ("dataset",),
    "deployment.export": ("Exported",),
    "deployment.predict": ("Predictions",),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "study.published": ("PublishedTable",),
    "study.recipe": ("Recipe",),
    "study.sources": tuple(name for name in __all__ if name.endswith("Dataset")),
    "study.study": ("Reported", "Study"),
    "study.techniques": ("CATALOGUE", "Technique"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Public names are imported when first used: `stepladder --help` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module 'stepladder' has no attribute {name!r}")
    module = importlib.import_module(f"stepladder.{_HOME.get(name, 'api')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
