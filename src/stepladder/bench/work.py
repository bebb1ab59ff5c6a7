"""The work that is measured: one network on MNIST, small enough for half a minute."""

from __future__ import annotations

from dataclasses import dataclass

from stepladder.bench.operations import epoch_operations
from stepladder.recipe import Recipe
from stepladder.study import Study
from stepladder.techniques import Technique

__all__ = ["TINY", "Work"]

_INPUTS, _CLASSES = 28 * 28, 10


@dataclass(frozen=True)
class Work:
    """A multi-layer perceptron with ReLU, trained with Adam on a part of MNIST.

    Attributes:
        hidden: units of each hidden layer.
        dropout: share of hidden units dropped.
        batch_size: examples a step.
        train: training examples.
        validation: validation examples, evaluated at each epoch's end.
        epochs: 2 or more; the first, in which programs are compiled, is timed apart.
        lanes: trials that share their batches where the data order is shared.
        side: rows and columns of the matrices whose product is the floor.
        gemm_seconds: how long each library multiplies them.
    """

    hidden: tuple[int, ...] = (50, 50, 50, 50)
    dropout: float = 0.0
    batch_size: int = 256
    train: int = 14_000
    validation: int = 6_000
    epochs: int = 12
    lanes: int = 8
    side: int = 2048
    gemm_seconds: float = 1.5

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, classes."""
        return (_INPUTS, *self.hidden, _CLASSES)

    @property
    def operations(self) -> int:
        """Floating-point operations of a trial's epoch."""
        return epoch_operations(self.sizes, self.train, self.validation)

    @property
    def described(self) -> str:
        """The work in one line."""
        layers = "-".join(map(str, self.sizes))
        dropped = f", dropout {self.dropout}" if self.dropout else ""
        return (
            f"{layers} ReLU{dropped}, Adam, batch {self.batch_size}, "
            f"{self.train:,} + {self.validation:,} images of MNIST"
        )

    def study(self, lanes: int, replicates: int) -> Study:
        """A study of equal structures, which differ in nothing but their learning rate.

        Args:
            lanes: arms, which share the data order of their replicate; 257 at most.
            replicates: how many, each with an order of its own.
        """
        rates = [0.001 * (1 + lane / 1000) for lane in range(lanes)]
        base = Recipe(
            hidden=self.hidden,
            activation="relu",
            dropout=self.dropout,
            optimizer="adam",
            learning_rate=rates[0],
            batch_size=self.batch_size,
            epochs=self.epochs,
            train_examples=self.train,
        )
        others = [Technique(name=f"rate {rate}", change={"learning_rate": rate}) for rate in rates]
        return Study(
            name="bench",
            base=base,
            techniques=tuple(others[1:]),
            replicates=replicates,
            validation=self.validation,
        )


TINY = Work(
    hidden=(4,),
    batch_size=64,
    train=256,
    validation=100,
    epochs=3,
    lanes=2,
    side=64,
    gemm_seconds=0.01,
)
"""For tests of the command, whose figures mean nothing."""
