"""How often `predict` says of an input that it is unlike MNIST: digits, letters, shapes and noise.

    python benchmarks/familiar.py

Nothing is trained: the description of the training set alone decides. Letters are drawn in nine
faces and turned by up to 8°, shapes at random sizes and angles; all go the way of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from stepladder.data import load
from stepladder.deployment.images import find_ink, frame
from stepladder.deployment.out_of_distribution import distances, fit_subspaces

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FACES = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSans-Bold", "DejaVuSerif",
         "DejaVuSerif-Italic", "STIXGeneral", "DejaVuSansMono", "cmss10", "cmr10")  # fmt: skip
UNLIKE = "AEFHKMNRWXaehkmnrwx"  # letters that no digit looks like
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SIDE = 120
HELD_OUT = 6000

Grey = np.ndarray


def letters(which: str, draw: np.random.Generator) -> Iterator[Grey]:
    """Each letter in each face."""
    for face in FACES:
        font = ImageFont.truetype(str(FOLDER / f"{face}.ttf"), 80)
        for letter in which:
            image = Image.new("L", (SIDE, SIDE), 255)
            ImageDraw.Draw(image).text((60, 60), letter, fill=0, font=font, anchor="mm")
            turned = image.rotate(draw.uniform(-8, 8), Image.Resampling.BICUBIC, fillcolor=255)
            yield np.asarray(turned, float)


def corners(count: int, draw: np.random.Generator, inner: float = 1.0) -> list[tuple[float, float]]:
    """The corners of a polygon, every other one drawn in, at a random place, size and angle."""
    middle, radius, angle = 60 + draw.uniform(-8, 8, 2), draw.uniform(25, 45), draw.uniform(0, 6.3)
    return [
        (middle[0] + size * np.cos(angle + turn), middle[1] + size * np.sin(angle + turn))
        for turn, size in (
            (2 * np.pi * place / count, radius * (inner if place % 2 else 1))
            for place in range(count)
        )
    ]


def shapes(count: int, draw: np.random.Generator, *, inner: float = 1.0, fill: bool = False,
           many: int = 60) -> Iterator[Grey]:  # fmt: skip
    """Polygons, filled or as lines."""
    for _ in range(many):
        image = Image.new("L", (SIDE, SIDE), 255)
        points = corners(count, draw, inner)
        if fill:
            ImageDraw.Draw(image).polygon(points, fill=0)
        else:
            width = int(draw.integers(5, 10))
            ImageDraw.Draw(image).line([*points, *points[:2]], fill=0, width=width)
        yield np.asarray(image, float)


def scribbles(draw: np.random.Generator, many: int = 60) -> Iterator[Grey]:
    """Fourteen points joined in a random order."""
    for _ in range(many):
        image = Image.new("L", (SIDE, SIDE), 255)
        points = [tuple(each) for each in draw.uniform(20, 100, (14, 2))]
        ImageDraw.Draw(image).line(points, fill=0, width=int(draw.integers(5, 10)))
        yield np.asarray(image, float)


def prepared(pictures: Iterator[Grey]) -> Grey:
    """Pictures as `predict` gives them to a model."""
    return np.stack([frame(find_ink(each), (28, 28), 20) for each in pictures])


def main() -> None:
    """Prints a table."""
    mnist, draw = load("mnist"), np.random.default_rng(0)
    order = np.random.default_rng(1).permutation(len(mnist.y_train))
    held_out, trained = order[:HELD_OUT], order[HELD_OUT:]
    known = fit_subspaces(mnist.x_train[trained], mnist.y_train[trained], mnist.x_train[held_out])
    noise = draw.integers(0, 256, (300, 28, 28)).astype(np.uint8)
    blobs = ndimage.gaussian_filter(draw.normal(size=(300, 28, 28)), (0, 2, 2))
    sets = {
        "MNIST's test images": mnist.x_test,
        "digits in print": prepared(letters("0123456789", draw)),
        "letters unlike digits": prepared(letters(UNLIKE, draw)),
        "all letters": prepared(letters(LETTERS, draw)),
        "triangles": prepared(shapes(3, draw)),
        "squares": prepared(shapes(4, draw)),
        "stars": prepared(shapes(10, draw, inner=0.4)),
        "filled polygons": prepared(shapes(5, draw, fill=True)),
        "scribbles": prepared(scribbles(draw)),
        "noise": noise,
        "sparse noise": np.where(noise < 40, 255, 0).astype(np.uint8),
        "blobs": np.where(blobs > 0, 255, 0).astype(np.uint8),
    }
    for name, images in sets.items():
        share = float((distances(known, images) > known.threshold).mean())
        print(f"{name:24s} {len(images):6,d} images, called unlike: {100 * share:5.1f} %")


if __name__ == "__main__":
    main()
