"""The report as one HTML file that needs nothing beside it: no script, no network, no folder."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepladder.report import footnotes
from stepladder.report.answer import answer
from stepladder.report.asked import asked
from stepladder.report.confounds import confound_tables
from stepladder.report.ensembles import ensemble_tables
from stepladder.report.figures import csv_of, dark_svg_of, svg_of
from stepladder.report.findings import found_lines
from stepladder.report.glossary import glossary
from stepladder.report.measures import other_measures
from stepladder.report.plots.catalogue import figures_of
from stepladder.report.plots.plot import Plot
from stepladder.report.readout import readout_tables
from stepladder.report.side_table import SideTable
from stepladder.report.tuning import tuning_tables
from stepladder.report.unknown import unknown
from stepladder.report.view import view_of
from stepladder.report.wording import duration, elided, visible
from stepladder.runner.folder import around
from stepladder.runner.results import Results
from stepladder.study import BUILT_IN_STUDIES, Study

__all__ = ["Drawn", "as_html", "commands_of", "drawn", "rendered", "study_text"]

NAME_LENGTH = 120
SHORT_CELL = 24
MOST_DATA = 400_000  # characters of a figure's data that the page carries itself


@dataclass(frozen=True)
class Drawn:
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


def as_html(results: Results, figures: Sequence[Drawn] | None = None) -> str:
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
    environment.filters["short"] = lambda text: elided(text, NAME_LENGTH)
    environment.filters["is_short"] = _is_short
    environment.filters["is_prose"] = _is_prose
    return environment.get_template(template).render(context)


def _is_short(cell: str) -> bool:
    return len(cell) <= SHORT_CELL


def _is_prose(table: SideTable, place: int) -> bool:
    """Whether a column holds sentences alone, which stand at the left."""
    return bool(table.rows) and not any(_is_short(row[place]) for row in table.rows)


def _context(results: Results, figures: Sequence[Drawn]) -> dict[str, Any]:
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
        "findings": found_lines(results.arms),
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
        footnotes.interval_note(results),
        footnotes.verdict_note(results),
        footnotes.tuning_note(results),
        footnotes.adaptive_note(results),
    )
    return [note for note in notes if note]


def drawn(plot: Plot) -> Drawn:
    """A figure for light and for dark paper, with its data."""
    light = svg_of(plot)
    return Drawn(plot, light, dark_svg_of(plot, light), csv_of(plot))


def _data_uri(text: str, kind: str) -> str:
    # As an image, an SVG can neither run scripts nor load anything, whatever is in its text.
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _techniques(results: Results) -> list[dict[str, str]]:
    return [
        {
            "name": visible(technique.name),
            "change": ", ".join(
                f"{key} = {json.dumps(value, ensure_ascii=False)}"
                for key, value in technique.change.items()
            ),
            "mends": visible(technique.mends),
            "reference": visible(technique.reference),
        }
        for technique in results.study.techniques
    ]


def _facts(results: Results) -> list[tuple[str, str]]:
    parameters = sorted({each.parameters for each in results.arms if each.parameters is not None})
    facts = [
        ("Machine", visible(results.machine)),
        ("Wall time", duration(results.seconds)),
        ("Training time", duration(sum(each.seconds for each in results.arms))),
        ("Seed", str(results.study.seed)),
        ("Looks at the test set", str(results.looks)),
        ("Dataset", f"{visible(results.dataset)}, SHA-256 {results.fingerprint[:16]}…"),
    ]
    model = results.study.model
    if model is not None:
        named = f"{model.function} of {model.file}, SHA-256 {model.sha256}"
        facts.append(("Network built by", visible(named)))
    if parameters:
        ends = dict.fromkeys([f"{parameters[0]:,}", f"{parameters[-1]:,}"])
        facts.append(("Trainable numbers", " to ".join(ends)))
    facts += [(visible(name), visible(version)) for name, version in results.versions.items()]
    return facts


def commands_of(study: Study, versions: Mapping[str, str], verb: str = "run") -> list[str]:
    """The lines that repeat what a page reports."""
    version = versions.get("stepladder")
    name = study.name if _is_built_in(study) else "study.toml"
    made_with = [visible(f"# stepladder {version}")] if version else []
    before, options = around(study, versions.get("engine", ""))
    return [*made_with, " ".join([*before, "stepladder", verb, name, *options])]


def _is_built_in(study: Study) -> bool:
    return study.name in BUILT_IN_STUDIES and study == Study.load(study.name)


def study_text(study: Study) -> str:
    """A study's file, without characters that steer a page."""
    return "\n".join(visible(line) for line in study.to_toml().splitlines())
