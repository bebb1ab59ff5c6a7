"""Small made-up datasets for tests and benchmarks."""

import numpy as np

from stepladder.data.dataset import Dataset

_DEVIATION = 48.0


def synthetic(examples: int, input_shape: tuple[int, ...], classes: int, seed: int) -> Dataset:
    """A Gaussian blob around a random image for each class, clipped to bytes.

    Classes are as nearly equal in number as can be. The test part is a fifth as large, with at
    least one example a class.

    Args:
        examples: training examples, at least as many as classes.
        input_shape: shape of one example, 1 to 3 sides.
        classes: 2 or more.
        seed: what everything is drawn from, 0 or above.

    Example:
        >>> synthetic(examples=50, input_shape=(4, 4), classes=2, seed=0).x_test.shape
        (10, 4, 4)

    Raises:
        DataError: if there are fewer than two classes, or fewer examples than classes.
        ValueError: if a number is negative.
    """
    random = np.random.default_rng(seed)
    centres = random.uniform(0, 255, (classes, *input_shape)).astype(np.float32)
    parts = []
    for size in (examples, max(classes, examples // 5)):
        labels = random.permutation(np.arange(size, dtype=np.int32) % max(classes, 1))
        noise = random.standard_normal((size, *input_shape), np.float32) * np.float32(_DEVIATION)
        images = np.clip(np.rint(noise + centres[labels]), 0, 255).astype(np.uint8)
        parts.append((images, labels))
    (x_train, y_train), (x_test, y_test) = parts
    return Dataset(
        name=f"synthetic-{seed}",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        class_names=tuple(str(number) for number in range(classes)),
    )
