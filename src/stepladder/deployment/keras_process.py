"""The driver's side of the process that holds a Keras model."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stepladder.data import Dataset
from stepladder.errors import InputError, WorkerError
from stepladder.execution.child import ChildProcess
from stepladder.study.loading import ModelFile
from stepladder.study.recipe import Recipe
from stepladder.training.final_weights import final_arrays
from stepladder.training.messages import code_headers
from stepladder.training.serialization import Array, receive, send
from stepladder.trials.trial import FinalState

Probabilities = npt.NDArray[np.float32]


class ModelRefused(InputError):
    """A process cannot build, open or ask a model; the message says why."""


class ModelProcess(ChildProcess):
    """A process that holds one model.

    Attributes:
        input_shape: of one input, or None where the model has not one input of a fixed shape.
        output_shape: of its answer, or None likewise.
    """

    def __init__(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], environment: Mapping[str, str]
    ) -> None:
        """Starts the process and sends it its order.

        Args:
            header: of the order: `build` or `open`.
            arrays: of the order.
            environment: variables that it is started with.

        Raises:
            ModelRefused: if it cannot do that.
            WorkerError: if it died.
        """
        super().__init__("stepladder.deployment.keras_worker", [], environment)
        try:
            answer, _ = self._ask(header, arrays)
        except BaseException:
            self.close()
            raise
        self.input_shape, self.output_shape = (
            None if shape is None else tuple(map(int, shape))
            for shape in (answer["input_shape"], answer["output_shape"])
        )

    def probabilities(self, inputs: Array) -> Probabilities:
        """What the model answers, float32 (examples, outputs).

        Args:
            inputs: raw, of shape (examples, *input_shape).

        Raises:
            ModelRefused: if it cannot answer them.
            WorkerError: if the process died.
        """
        return self._ask({"kind": "ask"}, {"inputs": inputs})[1]["answers"]

    def _ask(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        with suppress(OSError):  # a process that has ended is found below
            send(self.stdin, header, arrays)
        frame = receive(self.stdout)
        if frame is None:
            raise WorkerError(
                f"the process that holds the model ended ({self.ending()}); look for a lack of "
                "memory"
            )
        if frame[0]["kind"] == "refused":
            raise ModelRefused(frame[0]["message"])
        return frame


def build_model(
    members: Sequence[tuple[str, Recipe, FinalState]],
    dataset: Dataset,
    file: Path,
    environment: Mapping[str, str],
    models: Sequence[ModelFile] = (),
) -> None:
    """Builds a model of trained networks and saves it.

    Args:
        members: name, recipe and weights of each; several answer with the mean of their
            probabilities.
        dataset: that they were trained on.
        file: where to, ending in .keras.
        environment: variables that the process is started with.
        models: the code of networks of the user's own, which the process runs.

    Raises:
        ModelRefused: if the networks cannot be built or saved.
        WorkerError: if the process died.
    """
    headers: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    for place, (name, recipe, final) in enumerate(members):
        headers.append({"name": name, "recipe": recipe.model_dump(mode="json")})
        arrays |= {f"{place}.{key}": array for key, array in final_arrays(final).items()}
    order = {
        "kind": "build", "members": headers, "input_shape": list(dataset.input_shape),
        "outputs": dataset.outputs, "task": dataset.task, "file": str(file),
        "is_whole": dataset.x_train.dtype == np.uint8, "codes": code_headers(models),
    }  # fmt: skip
    ModelProcess(order, arrays, environment).close()


def open_model(file: Path, environment: Mapping[str, str]) -> ModelProcess:
    """A process that holds the model of a file, opened in Keras' safe mode.

    Args:
        file: of the model, ending in .keras.
        environment: variables that the process is started with.

    Raises:
        ModelRefused: if Keras cannot open it, it would run code, or opening ends the process.
    """
    try:
        return ModelProcess({"kind": "open", "file": str(file.absolute())}, {}, environment)
    except WorkerError:
        raise ModelRefused(
            "the process ended that opened it, as a file does whose layers need far more memory "
            "than its weights"
        ) from None
