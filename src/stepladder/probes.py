"""What a network was like inside while it trained, and the few numbers that its epochs come to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Probes", "Signs"]


@dataclass(frozen=True, eq=False)
class Probes:
    """What a network was like inside at each epoch's end, on a fixed few of its training images.

    It is called on them as in training, batches normalised by their own statistics, but without
    dropout, and learns nothing from it. Every array is float32; a trial that diverged at epoch *e*
    (from 1) has NaN from there on.

    Attributes:
        kernels: name of each trainable weight matrix, first to last.
        gradient_norm: Euclidean norm of the mean cross-entropy's gradient by each of them, without
            penalties and label smoothing, of shape (epochs, kernels).
        layers: name of each hidden layer whose activation is known, first to last.
        dead: share of its units that answer no image, of shape (epochs, layers); NaN where the
            activation has no such state, as sigmoid and tanh have none.
        saturated: share of its units that lie in the flat parts of sigmoid or tanh, of shape
            (epochs, layers); NaN for other activations.
        input_mean: mean of the inputs as the network gets them.
        input_deviation: their standard deviation over all inputs and images.
    """

    kernels: tuple[str, ...]
    gradient_norm: npt.NDArray[np.float32]
    layers: tuple[str, ...]
    dead: npt.NDArray[np.float32]
    saturated: npt.NDArray[np.float32]
    input_mean: float
    input_deviation: float

    def __post_init__(self) -> None:
        """Checks that arrays and names agree.

        Raises:
            ValueError: if they do not.
        """
        epochs = len(self.gradient_norm)
        wanted = {
            "gradient_norm": (epochs, len(self.kernels)),
            "dead": (epochs, len(self.layers)),
            "saturated": (epochs, len(self.layers)),
        }
        for name, shape in wanted.items():
            found: npt.NDArray[np.float32] = getattr(self, name)
            if found.shape != shape or found.dtype != np.float32:
                raise ValueError(
                    f"{name} must be float32 of shape {shape}, one row an epoch and one column a "
                    f"name, found {found.dtype} of shape {found.shape}"
                )

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.gradient_norm)


@dataclass(frozen=True)
class Signs:
    """What a trial's epochs come to, as its diagnosis needs them: kept beside its scores.

    So that diagnosing a study of many trials needs none of their epochs. NaN where a number is not
    known. All of a trial that diverged is of the epochs before that.

    Attributes:
        best_epoch: the epoch, from 1, of the lowest validation loss.
        best_val_loss: that loss.
        last_val_loss: of the last epoch.
        best_train_loss: training loss in the epoch of the lowest validation loss.
        last_train_loss: of the last epoch.
        late_epochs: how many epochs `late_gain` is about.
        late_gain: what validation accuracy rose by, in fractions: its mean over the last
            `late_epochs` epochs less that over as many before them.
        first_gradient: median over epochs of the gradient's norm at the first weight matrix.
        last_gradient: that at the last weight matrix.
        whole_gradient: that over all weight matrices together.
        dead: share of dead units at the end, in the layer with most.
        dead_layer: that layer's name, or "".
        saturated: share of saturated units at the end, in the layer with most.
        saturated_layer: that layer's name, or "".
        input_mean: mean of the inputs as the network gets them.
        input_deviation: their standard deviation.
    """

    best_epoch: float = math.nan
    best_val_loss: float = math.nan
    last_val_loss: float = math.nan
    best_train_loss: float = math.nan
    last_train_loss: float = math.nan
    late_epochs: float = math.nan
    late_gain: float = math.nan
    first_gradient: float = math.nan
    last_gradient: float = math.nan
    whole_gradient: float = math.nan
    dead: float = math.nan
    dead_layer: str = ""
    saturated: float = math.nan
    saturated_layer: str = ""
    input_mean: float = math.nan
    input_deviation: float = math.nan
