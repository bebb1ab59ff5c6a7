"""Pictures as users have them: digits, letters and shapes drawn with Pillow."""

import os
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def drawn(text, size=(160, 160), at=None, height=90, ink=0, paper=255, width=0):
    """Text on plain paper, its middle at `at`, grey."""
    image = Image.new("L", size, paper)
    font = ImageFont.truetype(os.fspath(_FONT), height)
    place = at or (size[0] / 2, size[1] / 2)
    ImageDraw.Draw(image).text(place, text, fill=ink, font=font, anchor="mm", stroke_width=width)
    return image


def photographed(text, size=(1200, 900), at=(420, 380), seed=0):
    """The same as a large photo: light that falls off to one side, and grain."""
    page = np.asarray(drawn(text, size, at, height=330), float) / 255
    rows, columns = np.mgrid[: size[1], : size[0]] / max(size)
    light = 120 + 90 * columns + 30 * rows - 60 * (columns - 0.4) ** 2
    grain = np.random.default_rng(seed).normal(0, 4, light.shape)
    shown = light * (0.25 + 0.75 * page) + grain
    return Image.fromarray(np.clip(shown, 0, 255).astype(np.uint8))


def outlined(corners, seed=0):
    """A closed polygon's outline, turned by chance."""
    draw = np.random.default_rng(seed)
    image = Image.new("L", (160, 160), 255)
    angles = draw.uniform(0, 6.3) + np.arange(corners + 2) * 2 * np.pi / corners
    radius = draw.uniform(40, 60)
    points = [(80 + radius * np.cos(a), 80 + radius * np.sin(a)) for a in angles]
    ImageDraw.Draw(image).line(points, fill=0, width=int(draw.integers(7, 13)))
    return image
