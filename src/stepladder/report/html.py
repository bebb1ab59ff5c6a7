"""The pages report.html and search.html."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stepladder.files import atomic_write
from stepladder.hpo.results import SearchResult
from stepladder.report import wording
from stepladder.report.figures import figures_of
from stepladder.report.figures.base import Plot, csv_of, dark_svg_of, svg_and_png_of, svg_of
from stepladder.report.figures.search import search_figures
from stepladder.report.search import (
    CANDIDATE_HEADS,
    LEADING,
    NOTES,
    candidate_rows,
    expected_text,
    flat_text,
    knob_rows,
    luck_text,
    params_text,
    subtitle,
)
from stepladder.report.summary import answer, asked, unknown
from stepladder.report.tables import (
    FormattedNumber,
    TextTable,
    confound_tables,
    ensemble_tables,
    other_measures,
    readout_tables,
    tuning_tables,
)
from stepladder.report.view import finding_lines, view_of
from stepladder.report.wording import duration, glossary, plural, printable, truncate
from stepladder.runs.folder import command_parts
from stepladder.runs.results import Results
from stepladder.study.loading import BUILT_IN_STUDIES
from stepladder.study.study import Study

NAME_LENGTH = 120
SHORT_CELL = 24
MOST_DATA = 400_000  # characters of a figure's data that the page carries itself


@dataclass(frozen=True)
class DrawnFigure:
    """A figure as a page carries it.

    Attributes:
        plot: what was drawn.
        svg: on light paper.
        dark_svg: on dark paper.
        csv: its data.
    """

    plot: Plot
    svg: str
    dark_svg: str
    csv: str

    @property
    def name(self) -> str:
        """That of its files."""
        return self.plot.name

    @property
    def light(self) -> str:
        """It on light paper, as an address that holds it whole."""
        return _data_uri(self.svg, "image/svg+xml")

    @property
    def dark(self) -> str:
        """It on dark paper, likewise."""
        return _data_uri(self.dark_svg, "image/svg+xml")

    @property
    def data(self) -> str:
        """Its data, likewise; empty where they are too many for a page."""
        return _data_uri(self.csv, "text/csv") if len(self.csv) <= MOST_DATA else ""


def as_html(results: Results, figures: Sequence[DrawnFigure] | None = None) -> str:
    """The report: question, answer and table, figures, diagnosis, what is open, how to repeat it.

    The same results give the same text. Whatever the study names is escaped, and the page
    forbids scripts and anything from elsewhere.

    Args:
        results: what to report.
        figures: those of the results where they are drawn already.
    """
    if figures is None:
        figures = [drawn(plot) for plot in figures_of(results)]
    return rendered("report.html", _context(results, figures))


def rendered(template: str, context: dict[str, Any]) -> str:
    """A page of ours, everything in it escaped.

    Args:
        template: name of the template.
        context: what it needs; a name that is missing is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("stepladder.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["short"] = lambda text: truncate(text, NAME_LENGTH)
    environment.filters["is_short"] = _is_short
    environment.filters["is_prose"] = _is_prose
    return environment.get_template(template).render(context)


def _is_short(cell: str) -> bool:
    return len(cell) <= SHORT_CELL


def _is_prose(table: TextTable, place: int) -> bool:
    """Whether a column holds sentences alone, which stand at the left."""
    return bool(table.rows) and not any(_is_short(row[place]) for row in table.rows)


def _context(results: Results, figures: Sequence[DrawnFigure]) -> dict[str, Any]:
    view = view_of(results)
    tables = (*ensemble_tables(results.arms),
              *readout_tables(results.readout, results.study.delta), *tuning_tables(results.tuned),
              other_measures(results))  # fmt: skip
    shown = [table for table in tables if table is not None]
    return {
        "view": view,
        "sections": _sections(bool(figures), bool(shown)),
        "asked": asked(results),
        "answer": answer(results),
        "notes": _notes(results),
        "figures": figures,
        "diagnosis": [(row.name, "; ".join(row.notes)) for row in view.rows if row.notes],
        "findings": finding_lines(results.arms),
        "has_trials": any(each.n for each in results.arms),
        "unknown": unknown(results),
        "confounds": confound_tables(results.confounds),
        "tables": shown,
        "techniques": _techniques(results),
        "facts": _facts(results),
        "commands": commands_of(results.study, results.versions),
        "toml": study_text(results.study),
        "glossary": glossary(results),
    }


def _sections(has_figures: bool, has_tables: bool) -> list[tuple[str, str]]:
    return [
        ("asked", "What was asked"),
        ("answer", "The answer"),
        *([("figures", "Figures")] if has_figures else []),
        ("diagnosis", "Diagnosis"),
        ("unknown", "What is not known"),
        *([("tables", "Further tables")] if has_tables else []),
        ("again", "Run it again"),
        ("glossary", "Glossary"),
    ]


def _notes(results: Results) -> list[str]:
    """What a reader of the table must know; what is open stands in a section of its own."""
    notes = (
        wording.interval_note(results),
        wording.verdict_note(results),
        wording.tuning_note(results),
        wording.adaptive_note(results),
    )
    return [note for note in notes if note]


def drawn(plot: Plot) -> DrawnFigure:
    """A figure for light and for dark paper, with its data."""
    light = svg_of(plot)
    return DrawnFigure(plot, light, dark_svg_of(plot, light), csv_of(plot))


def _data_uri(text: str, kind: str) -> str:
    # As an image, an SVG can neither run scripts nor load anything, whatever is in its text.
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _techniques(results: Results) -> list[dict[str, str]]:
    return [
        {
            "name": printable(technique.name),
            "change": ", ".join(
                f"{key} = {json.dumps(value, ensure_ascii=False)}"
                for key, value in technique.change.items()
            ),
            "mends": printable(technique.mends),
            "reference": printable(technique.reference),
        }
        for technique in results.study.techniques
    ]


def _facts(results: Results) -> list[tuple[str, str]]:
    parameters = sorted({each.parameters for each in results.arms if each.parameters is not None})
    facts = [
        ("Machine", printable(results.machine)),
        ("Wall time", duration(results.seconds)),
        ("Training time", duration(sum(each.seconds for each in results.arms))),
        ("Seed", str(results.study.seed)),
        ("Looks at the test set", str(results.looks)),
        ("Dataset", f"{printable(results.dataset)}, SHA-256 {results.fingerprint[:16]}…"),
    ]
    model = results.study.model
    if model is not None:
        named = f"{model.function} of {model.file}, SHA-256 {model.sha256}"
        facts.append(("Network built by", printable(named)))
    if parameters:
        ends = dict.fromkeys([f"{parameters[0]:,}", f"{parameters[-1]:,}"])
        facts.append(("Trainable numbers", " to ".join(ends)))
    facts += [(printable(name), printable(version)) for name, version in results.versions.items()]
    return facts


def commands_of(study: Study, versions: Mapping[str, str], verb: str = "run") -> list[str]:
    """The lines that repeat what a page reports."""
    version = versions.get("stepladder")
    name = study.name if _is_built_in(study) else "study.toml"
    made_with = [printable(f"# stepladder {version}")] if version else []
    before, options = command_parts(study, versions.get("engine", ""))
    return [*made_with, " ".join([*before, "stepladder", verb, name, *options])]


def _is_built_in(study: Study) -> bool:
    return study.name in BUILT_IN_STUDIES and study == Study.load(study.name)


def study_text(study: Study) -> str:
    """A study's file, without characters that steer a page."""
    return "\n".join(printable(line) for line in study.to_toml().splitlines())


def search_as_html(found: SearchResult, figures: Sequence[DrawnFigure] | None = None) -> str:
    """The page: the best and how sure that is, the candidates, the figures, how to repeat it.

    Args:
        found: what to report.
        figures: its figures where they are drawn already.
    """
    if figures is None:
        figures = [drawn(plot) for plot in search_figures(found)]
    return rendered("search.html", _search_context(found, figures))


def _search_context(found: SearchResult, figures: Sequence[DrawnFigure]) -> dict[str, Any]:
    sections = [
        ("answer", "The answer"),
        *([("figures", "Figures")] if figures else []),
        ("unknown", "What is not known"),
        ("again", "Run it again"),
    ]
    return {
        "title": printable(found.study.name),
        "subtitle": subtitle(found),
        "sections": sections,
        "answer": _answer(found),
        "looked_again": _looked_again(found),
        "leading": _leading(found),
        "knobs": _knobs(found),
        "figures": figures,
        "unknown": _unknown(found),
        "commands": commands_of(found.study, found.versions, "search"),
        "facts": _search_facts(found),
        "toml": study_text(found.study),
    }


def _answer(found: SearchResult) -> list[str]:
    fresh, seen = FormattedNumber.accuracy(found.fresh), luck_text(found)
    lines = [
        f"The best of {plural(len(found.candidates), 'candidate')} is candidate "
        f"{found.winner.number}: {params_text(found.winner.params)}.",
        f"It reads {fresh.text} % of the validation images right, on "
        f"{plural(len(found.fresh.values), 'fresh replicate')} that the search never saw, with "
        f"{found.parameters:,} weights.",
        f"{seen[0].upper()}{seen[1:]}.",
        flat_text(found),
        expected_text(found),
    ]
    if found.test is not None:
        lines.insert(
            2,
            "On the test images the same replicates reach "
            f"{FormattedNumber.accuracy(found.test).text} %.",
        )
    return lines


def _looked_again(found: SearchResult) -> str:
    if found.test is None or found.looks < 2:
        return ""
    return (
        f"{plural(found.looks, 'look')} at this test set so far: a figure that was looked at more "
        "than once is no longer a test."
    )


def _leading(found: SearchResult) -> TextTable:
    rows = tuple(candidate_rows(found, LEADING))
    note = f"The leading of {plural(len(found.candidates), 'candidate')}. {NOTES[0]}"
    return TextTable("Leading candidates", CANDIDATE_HEADS, rows, note)


def _knobs(found: SearchResult) -> TextTable:
    heads = ("Hyperparameter", "Importance", "p", "Drawn for", "Best",
             f"Within {found.study.delta:g} points")  # fmt: skip
    return TextTable("Hyperparameters", heads, tuple(knob_rows(found)), NOTES[1])


def _unknown(found: SearchResult) -> list[str]:
    looked = (
        "The test set was not read: what the best one is worth on it is said by --final, once."
        if found.test is None
        else "The test accuracy speaks for these test images, retrained, not for new ones."
    )
    lines = [f"{line[0].upper()}{line[1:]}." for line in found.warnings]
    return [
        *lines,
        "The validation images of the fresh replicates took part in choosing: their accuracy may "
        "be a little too high for images that nobody has seen.",
        looked,
        "Other spaces, other data and longer trainings were not tried.",
    ]


def _search_facts(found: SearchResult) -> list[tuple[str, str]]:
    return [
        ("Machine", printable(found.machine)),
        ("Wall time", duration(found.seconds)),
        ("Training time", duration(found.training_seconds)),
        ("Epochs trained", f"{found.epochs:,}"),
        ("Seed", str(found.study.seed)),
        ("Looks at the test set", str(found.looks)),
        ("Dataset", f"{printable(found.dataset)}, SHA-256 {found.fingerprint[:16]}…"),
        *((printable(name), printable(version)) for name, version in found.versions.items()),
    ]


def write_report(results: Results, folder: Path) -> list[Path]:
    """Writes `report.html` and, under `figures/`, each figure as SVG, PNG and CSV.

    Args:
        results: what to report.
        folder: the run's folder; made where it is missing.

    Returns:
        The files written, `report.html` first.

    Raises:
        OutputError: if a file cannot be written; those written before it are whole.
    """
    return _written(figures_of(results), partial(as_html, results), folder)


def write_search(found: SearchResult, folder: Path) -> list[Path]:
    """Writes the page of a search and its figures; see `write_report`."""
    return _written(search_figures(found), partial(search_as_html, found), folder)


def _written(
    plots: Sequence[Plot], page: Callable[[Sequence[DrawnFigure]], str], folder: Path
) -> list[Path]:
    pairs, place = [_drawn(plot) for plot in plots], folder / "figures"
    text = page([drawing for drawing, _ in pairs])
    written = [atomic_write(folder / "report.html", text.encode())]
    for drawing, png in pairs:
        written += _files(drawing.plot, drawing.svg, png, place)
    return written


def write_plots(plots: Sequence[Plot], folder: Path) -> list[Path]:
    """Writes figures as SVG, PNG and CSV.

    Args:
        plots: what to draw.
        folder: where to; made where it is missing.

    Returns:
        The files written.

    Raises:
        OutputError: if a file cannot be written; those written before it are whole.
    """
    return [file for plot in plots for file in _files(plot, *svg_and_png_of(plot), folder)]


def _files(plot: Plot, svg: str, png: bytes, folder: Path) -> list[Path]:
    return [
        atomic_write(folder / f"{plot.name}.svg", svg.encode()),
        atomic_write(folder / f"{plot.name}.png", png),
        atomic_write(folder / f"{plot.name}.csv", csv_of(plot).encode()),
    ]


def _drawn(plot: Plot) -> tuple[DrawnFigure, bytes]:
    """A figure as a page carries it, and as PNG: drawn once."""
    svg, png = svg_and_png_of(plot)
    return DrawnFigure(plot, svg, dark_svg_of(plot, svg), csv_of(plot)), png


def write_html(results: Results, file: Path) -> Path:
    """Writes the report as one HTML file that needs nothing beside it.

    Args:
        results: what to report.
        file: where to; its folder is made where it is missing.

    Returns:
        The file.

    Raises:
        OutputError: if it cannot be written.
    """
    return atomic_write(file, as_html(results).encode())
