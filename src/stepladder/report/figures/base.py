"""A figure, the colours of its paper, and its SVG, PNG and CSV."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from threading import Lock
from typing import TYPE_CHECKING, Any

from stepladder.report.markdown import csv_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Theme:
    """The colours of one kind of page; green and orange are those of verdicts alone.

    Attributes:
        paper: behind everything.
        ink: text and axes' names.
        muted: ticks, remarks and lines that stand back.
        grid: grid lines and the strip in which a difference does not matter.
        train: training accuracy.
        validation: validation accuracy.
        arms: one colour after another for arms on one axis; none is near to a verdict's.
        verdicts: colours by verdict.
        images: matplotlib's name for the colours of a grey image: ink on this paper.
        heat: matplotlib's name for the colours of a heat map, rising in lightness.

    Reference:
        Okabe, Ito 2008, Color Universal Design; black and yellow give way to colours with
        enough contrast on the paper.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    train: str
    validation: str
    arms: tuple[str, ...]
    verdicts: dict[str, str]
    images: str
    heat: str


LIGHT = Theme(
    paper="#ffffff",
    ink="#1c2128",
    muted="#656d78",
    grid="#e4e7eb",
    train="#656d78",
    validation="#0072b2",
    arms=("#0072b2", "#b0529a", "#8f7a00", "#6a51c8", "#3a3f47", "#2b9bd8", "#c2185b"),
    verdicts={
        "helps": "#00795a",
        "hurts": "#c04a00",
        "no difference beyond δ": "#3a3f47",
        "not worse beyond δ": "#3a3f47",
        "not enough replicates": "#656d78",
    },
    images="gray_r",
    heat="cividis",
)
DARK = Theme(
    paper="#171b21",
    ink="#e8ebef",
    muted="#9aa3af",
    grid="#2c333d",
    train="#9aa3af",
    validation="#56b4e9",
    arms=("#56b4e9", "#de8ec2", "#e0d040", "#a996f5", "#e8ebef", "#4f8fe0", "#ff6f91"),
    verdicts={
        "helps": "#2cc79b",
        "hurts": "#f08a3c",
        "no difference beyond δ": "#e8ebef",
        "not worse beyond δ": "#e8ebef",
        "not enough replicates": "#9aa3af",
    },
    images="gray",
    heat="cividis",
)

LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
"""Line styles; with seven colours they give 28 combinations before one comes again."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def dark_colours() -> dict[str, str]:
    """The colour on dark paper of each colour on light paper; one alone for each."""
    colours: dict[str, str] = {}
    for field in fields(Theme):
        light, dark = getattr(LIGHT, field.name), getattr(DARK, field.name)
        if isinstance(light, dict):
            colours |= zip(light.values(), (dark[name] for name in light), strict=True)
        else:
            colours |= [(light, dark)] if isinstance(light, str) else zip(light, dark, strict=True)
    return colours


def settings(theme: Theme) -> dict[Any, Any]:
    """What matplotlib is set to for one figure; nothing of it outlives the figure."""
    return {
        "font.family": ["DejaVu Sans"],  # comes with matplotlib, so widths are the same anywhere
        "font.size": 7.5,  # points: no text of any figure is smaller
        "text.parse_math": False,  # a name such as "$5 or $6" is no formula
        "text.color": theme.ink,
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.ink,
        "axes.labelpad": 2,
        "axes.labelsize": 8,
        "axes.facecolor": theme.paper,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.linewidth": 0.6,
        "axes.titlelocation": "left",
        "axes.titlepad": 3,
        "axes.titlesize": 7.5,
        "axes.titley": 1.0,  # no ticks are above that it would have to make way for
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.6,
        **{f"{which}tick.{name}": value for which in "xy" for name, value in {
            "color": theme.muted, "labelsize": 7.5, "major.width": 0.6, "major.size": 2.5,
        }.items()},
        "lines.linewidth": 1.4,
        "lines.solid_capstyle": "round",
        "figure.facecolor": theme.paper,
        "figure.labelsize": 8,
        "savefig.facecolor": theme.paper,
        "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
        "svg.hashsalt": "stepladder",  # the same input gives the same bytes
        "path.simplify": False,
    }  # fmt: skip


Rows = Iterable[tuple[object, ...]]


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn for any paper.

    Attributes:
        name: that of its files.
        title: what it answers, as a heading.
        caption: how to read it.
        words: its content in numbers, for readers who cannot see it.
        columns: heads of its data.
        rows: its data, one value a column in every row.
        draw: draws it into an empty figure of matplotlib.

    Example:
        >>> plot = Plot("rates", "Rates", "Read it so.", "1 line.", ("epoch", "rate"),
        ...             rows=lambda: [(1, 0.5)], draw=lambda figure, theme: None)
        >>> csv_of(plot).splitlines()
        ['epoch,rate', '1,0.5']
        >>> svg_of(plot).startswith("<?xml")
        True
    """

    name: str
    title: str
    caption: str
    words: str
    columns: tuple[str, ...]
    rows: Callable[[], Rows]
    draw: Callable[[Figure, Theme], None]


ARM, TIP, GREY = "arm: ", "tip: ", "grey: "
"""What the `gid` of a part begins with: the arm it belongs to, by its number; a text that is shown
to who points at it; an image of greys, which dark paper turns round."""

_DRAWING = Lock()  # matplotlib's settings are those of the whole process
PIXELS_PER_INCH = 220
_PLACES = re.compile(r' (?:d|x|y|width|height|points|transform)="[^"]*"')
_TOO_FINE = re.compile(r"(\.\d\d)\d+")  # beyond a hundredth of a point
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(?<= xlink:href=")#([^"]+)|(?<="url\()#([^)]+)')
_INDENT = re.compile(r"\s*\n\s*")
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_MARKER = re.compile(r'(<defs>\n<path id="[^"]*" d="[^"]*") style="stroke[^"]*"')
_MARKS = {ARM: r' data-arm="\1"\2', GREY: r' class="grey"\2', TIP: r"\2<title>\1</title>"}


def svg_of(plot: Plot) -> str:
    """A figure as SVG, its text as text, in the colours of the reader's light or dark page."""
    return _compact(*_render(plot, "svg"))


def inline_svg(svg: str, name: str) -> str:
    """A figure as a part of a page, whose style `dark_style` is in the page.

    Args:
        svg: from `svg_of`.
        name: the figure's, which sets its marks apart from those of others.
    """
    start = svg.index("<svg")
    head, body = svg[start : svg.index(">", start) + 1], svg[svg.index("</defs>") + 7 :]
    used = {"".join(found) for found in _REFERENCE.findall(body)}
    body = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    body = _REFERENCE.sub(lambda found: found[0].replace("#", f"#{name}-"), body)
    return re.sub(r' (?:width|height|version|xmlns(?::xlink)?)="[^"]*"', "", head) + body


def dark_style(within: str = "", drawing: str | None = None) -> str:
    """A style sheet that gives a figure the colours of dark paper where its reader wants them.

    Args:
        within: a selector of what holds the figure.
        drawing: whose colours alone are in it; all where it is None.

    Example:
        >>> dark_style("figure").splitlines()[0]
        '@media screen and (prefers-color-scheme: dark) {'
    """
    rules = [
        f'{within} [style*="{which}: {light}"] {{ {which}: {dark} !important }}'.strip()
        for light, dark in dark_colours().items()
        for which in ("fill", "stroke")
        if drawing is None or f"{which}: {light}" in drawing
    ]
    if drawing is None or 'class="grey"' in drawing:
        rules.append(f"{within} .grey image {{ filter: invert(1) }}".strip())
    return "\n".join(["@media screen and (prefers-color-scheme: dark) {", *rules, "}"])


def png_of(plot: Plot) -> bytes:
    """A figure as PNG on light paper, 220 pixels an inch."""
    return _render(plot, "png")[0]


def svg_and_png_of(plot: Plot) -> tuple[str, bytes]:
    """A figure in both forms, drawn once."""
    svg, png = _render(plot, "svg", "png")
    return _compact(svg), png


def _compact(svg: bytes) -> str:
    text = _PLACES.sub(lambda place: _TOO_FINE.sub(r"\1", place.group()), svg.decode())
    text = _METADATA.sub("", _INDENT.sub("\n", text))
    # Each use of a marker has its stroke too. A stroke of its own would stay as it is on dark
    # pages: in browsers, a rule of the page does not reach into what `use` repeats.
    text = _MARKER.sub(r"\1", text)
    for start, mark in _MARKS.items():
        text = re.sub(f' id="{start}([^"]*)"(/?>)', mark, text)
    text = text.replace("</style>", f"\n{dark_style(drawing=text)}\n</style>", 1)
    # Measured in DejaVu Sans, which is wide, so any reader's own font fits in its place.
    return text.replace("'DejaVu Sans'", "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif")


def _render(plot: Plot, *kinds: str) -> list[bytes]:
    mpl = _import_matplotlib()

    metadata: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Title": plot.words},
        "png": {"Software": None},
    }
    with _DRAWING, mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a user's own settings must not change a report
        mpl.rcParams.update(settings(LIGHT))
        # Names may hold any script: SVG readers have fonts for it, PNG shows a box instead.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure = figure_of(plot)
        images = []
        for kind in kinds:
            file = io.BytesIO()
            figure.savefig(file, format=kind, dpi=PIXELS_PER_INCH, metadata=metadata[kind])
            images.append(file.getvalue())
    return images


def figure_of(plot: Plot) -> Figure:
    """A figure as matplotlib has it, on light paper, with its title; `settings` must be set."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from stepladder.report.figures.axes import require_ticks

    figure = Figure()
    FigureCanvasAgg(figure)
    plot.draw(figure, LIGHT)
    _write_title(figure, plot.title)
    require_ticks(figure)
    return figure


def _write_title(figure: Figure, title: str) -> None:
    """A title above a figure, which is understood alone when it is passed on."""
    from stepladder.report.figures.axes import MARGIN, add_space, wrap_text

    width, _ = figure.get_size_inches()
    written = figure.text(MARGIN / width, 1, "", size=9, weight="bold", va="top")
    for letters in (52, 44, 36):
        written.set_text(wrap_text(title, letters, 2))
        if written.get_window_extent().width < (width - 2 * MARGIN) * figure.dpi:
            break
    add_space(figure, above=0.06 + 0.17 * (1 + written.get_text().count("\n")))
    written.set_y(1 - 0.04 / figure.get_size_inches()[1])


def _import_matplotlib() -> Any:  # noqa: ANN401 - a module
    """Matplotlib, also where the user's own settings keep it from being imported."""
    try:
        import matplotlib
    except Exception:  # a backend that it lacks, a matplotlibrc that is no text
        for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
            del sys.modules[name]  # half of them were imported
        os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
        with contextlib.chdir("/"):  # a matplotlibrc of the working folder comes first
            import matplotlib
    return matplotlib


def csv_of(plot: Plot) -> str:
    """The numbers that a figure shows, as CSV."""
    return csv_text(plot.columns, plot.rows())
