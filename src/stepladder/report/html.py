"""The pages report.html and search.html."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from stepladder.files import atomic_write
from stepladder.hpo.results import SearchResult
from stepladder.report import wording
from stepladder.report.figures import figures_of
from stepladder.report.figures.base import (
    Plot,
    csv_of,
    dark_style,
    inline_svg,
    svg_and_png_of,
    svg_of,
)
from stepladder.report.figures.search import search_figures
from stepladder.report.search import (
    NOTES,
    TRAINED,
    effort_noun,
    estimate_of,
    flat_text,
    hyperparameter_table,
    is_looked_again,
    leading_table,
    looks_text,
    luck_text,
    measure_of_search,
    params_text,
    subtitle,
)
from stepladder.report.summary import answer, asked, unknown
from stepladder.report.tables import (
    also_tables,
    confound_tables,
    ensemble_tables,
    epoch_tables,
    measure_tables,
    posterior_tables,
    readout_tables,
    residual_tables,
    tuning_tables,
)
from stepladder.report.view import view_of
from stepladder.report.wording import (
    duration,
    glossary,
    plural,
    printable,
    truncate,
)
from stepladder.runs.folder import command_parts
from stepladder.runs.results import Results
from stepladder.study.loading import BUILT_IN_STUDIES
from stepladder.study.study import Study
from stepladder.study.techniques import change_text

NAME_LENGTH = 120
SHORT_CELL = 24
MOST_DATA = 400_000  # characters of a figure's data that the page carries itself


@dataclass(frozen=True)
class DrawnFigure:
    """A figure as a page carries it.

    Attributes:
        plot: what was drawn.
        svg: the drawing.
        csv: its data.
    """

    plot: Plot
    svg: str
    csv: str

    @property
    def name(self) -> str:
        """The name of its files."""
        return self.plot.name

    @property
    def inline(self) -> str:
        """The drawing as a part of a page; whatever is in its texts is escaped."""
        from markupsafe import Markup

        return Markup(inline_svg(self.svg, self.name))

    @property
    def source(self) -> str:
        """The drawing as a data URI, for an image."""
        # As an image, an SVG can neither run scripts nor load anything, whatever is in its text.
        return _data_uri(self.svg, "image/svg+xml")

    @property
    def data(self) -> str:
        """Its data, as a data URI; empty where they are too many for a page."""
        return _data_uri(self.csv, "text/csv") if len(self.csv) <= MOST_DATA else ""


FIRST = ("factorial", "effects", "ladder")
"""The first of these that there is, is shown at once; all else opens on demand."""

FOLDED = {
    "curves": ("Curves", ("effects", "ladder", "sequence", "interactions", "validation", "accuracy",
                          "loss", "seconds", "pareto", "tuning")),
    "insides": ("Inside the networks", ("gradients", "units")),
    "mistakes": ("Mistakes", ("predictions", "labels", "confusion", "hardest", "disagreements")),
}  # fmt: skip
"""Headings of groups of figures that open on demand, and the figures of each."""


def as_html(results: Results, figures: Sequence[DrawnFigure] | None = None, date: str = "") -> str:
    """The report: answer and table, effects, diagnosis, what is open; all else opens on demand.

    The same results give the same text. Whatever the study names is escaped, and the page
    forbids anything from elsewhere and every script but its own.

    Args:
        results: what to report.
        figures: those of the results where they are drawn already.
        date: on which the report is made; none where it is empty.

    Example:
        >>> run = stepladder.run("quick")  # doctest: +SKIP
        >>> as_html(run.results).splitlines()[0]  # doctest: +SKIP
        '<!DOCTYPE html>'
    """
    if figures is None:
        figures = [drawn(plot) for plot in figures_of(results)]
    return rendered("report.html", {**_context(results, figures), "date": date})


LIVE = ("live.html", "runs.html")
"""Pages that ask the server again whether they have changed."""


def rendered(template: str, context: dict[str, Any]) -> str:
    """A page of ours, everything in it escaped.

    Args:
        template: name of the template.
        context: what it needs; a name that is missing is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("stepladder.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    is_live = template in LIVE
    script = script_of("live.js" if is_live else "report.js")
    environment.globals |= {
        "script_text": Markup(script),
        "script_hash": digest_of(script),
        "asks": "; connect-src 'self'" if is_live else "",
        "dark_figures": Markup(dark_style("figure")),
    }
    environment.filters["short"] = lambda text: truncate(text, NAME_LENGTH)
    environment.filters["is_short"] = lambda text: len(text) <= SHORT_CELL
    return environment.get_template(template).render(context)


def script_of(name: str) -> str:
    """A script of our pages, by the name of its file."""
    return resources.files("stepladder.report").joinpath(f"templates/{name}").read_text("utf-8")


def digest_of(script: str) -> str:
    """A script's digest, as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _in_groups(
    figures: Sequence[DrawnFigure],
) -> tuple[list[tuple[str, str, list[DrawnFigure]]], list[tuple[str, str, list[DrawnFigure]]]]:
    """Figures that are shown at once, and groups of those that open on demand."""
    known = {figure.name: figure for figure in figures}
    first = next(([known.pop(name)] for name in FIRST if name in known), [])
    groups = [
        (key, title, [known.pop(name) for name in names if name in known])
        for key, (title, names) in FOLDED.items()
    ]
    groups[0][2].extend(known.values())
    shown = [("effects", "Effects", first)] if first else []
    return shown, [group for group in groups if group[2]]


def _context(results: Results, figures: Sequence[DrawnFigure]) -> dict[str, Any]:
    view = view_of(results)
    tables = (
        *epoch_tables(results),
        *posterior_tables(results),
        *residual_tables(results),
        *ensemble_tables(results),
        *readout_tables(results),
        *tuning_tables(results),
        *measure_tables(results),
        *also_tables(results),
    )
    techniques, is_own = results.study.techniques, results.study.trainer is not None
    notes = (  # what is open stands in a section of its own
        wording.interval_note(results),
        wording.baseline_note(results),
        wording.verdict_note(results),
        wording.tuning_note(results),
        wording.adaptive_note(results),
        wording.judgement_note(results),
        wording.new_images_note(view.noun) if view.has_images else "",
    )
    shown, folded = _in_groups(figures)
    # Of a training of the user's own only scores are known; before the first trial not even those.
    is_diagnosed = bool(view.notes or view.findings) or (
        not is_own and any(arm.n for arm in results.arms)
    )
    return {
        "view": view,
        "parts_shown": [
            (part, f"{view.headings[part][:1].upper()}{view.headings[part][1:]}")
            for part in ("test", *view.parts[::-1])
        ],
        "alike": alike_of(results.study),
        "sections": [
            ("answer", "The answer"),
            *((key, title) for key, title, _ in shown),
            *([("diagnosis", "Diagnosis")] if is_diagnosed else []),
            ("unknown", "What is not known"),
            ("details", "Details"),
        ],
        "asked": asked(results),
        "answer": answer(results),
        "notes": [note for note in notes if note],
        "open_figures": shown,
        "folded_figures": folded,
        "is_diagnosed": is_diagnosed,
        "unknown": unknown(results),
        "confounds": confound_tables(results.confounds),
        "tables": tables,
        "has_sources": not is_own or any(one.mends or one.reference for one in techniques),
        "techniques": [
            {
                "name": printable(technique.name),
                "change": change_text(technique.change),
                "mends": printable(technique.mends),
                "reference": printable(technique.reference),
            }
            for technique in techniques
        ],
        "facts": _facts(
            results, sum(arm.seconds for arm in results.arms), *_network_facts(results)
        ),
        "commands": commands_of(results.study, results.versions),
        "toml": study_text(results.study),
        "glossary": glossary(results),
    }


def drawn(plot: Plot, svg: str | None = None) -> DrawnFigure:
    """A figure with its data.

    Args:
        plot: what to draw.
        svg: it where it is drawn already.
    """
    return DrawnFigure(plot, svg or svg_of(plot), csv_of(plot))


def alike_of(study: Study) -> str:
    """What is the same in every run of a study."""
    return "seeds" if study.trainer is not None else "splits, initial weights and data orders"


def _data_uri(text: str, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _facts(
    result: Results | SearchResult, seconds: float, *more: tuple[str, str]
) -> list[tuple[str, str]]:
    return [
        ("Machine", printable(result.machine)),
        ("Wall time", duration(result.seconds)),
        ("Training time", duration(seconds)),
        ("Seed", str(result.study.seed)),
        ("Looks at the test set", str(result.looks)),
        *_source_facts(result),
        *more,
        *((printable(name), printable(version)) for name, version in result.versions.items()),
    ]


def _source_facts(result: Results | SearchResult) -> list[tuple[str, str]]:
    """The dataset, and the code of a user's own training with the files that it reads."""
    facts, trainer = [], result.study.trainer
    if trainer is not None:
        files = (f"{file} SHA-256 {digest[:16]}…" for file, digest in trainer.sha256.items())
        facts.append(("Trained by", printable("; ".join([trainer.name, *files]))))
    if result.study.dataset is not None:
        text = f"{printable(result.dataset)}, SHA-256 {result.fingerprint[:16]}…"
        facts.append(("Dataset", text))
    return facts


def _network_facts(results: Results) -> list[tuple[str, str]]:
    facts = []
    for model in results.study.model_files:
        source = f"{model.name}, SHA-256 {model.sha256}"
        facts.append(("Network built by", printable(source)))
    weights = [arm.parameters for arm in results.arms if arm.parameters is not None]
    if weights:
        ends = dict.fromkeys([f"{min(weights):,}", f"{max(weights):,}"])
        facts.append(("Trainable numbers", " to ".join(ends)))
    return facts


def commands_of(study: Study, versions: Mapping[str, str], verb: str = "run") -> list[str]:
    """The lines that repeat what a page reports."""
    version = versions.get("stepladder")
    is_built_in = study.name in BUILT_IN_STUDIES and study == Study.load(study.name)
    name = study.name if is_built_in else "study.toml"
    made_with = [printable(f"# stepladder {version}")] if version else []
    if study.trainer is not None and study.trainer.was_callable:
        again = f"# in Python: stepladder.compare({printable(study.trainer.name)}, ...) as before"
        return [*made_with, again]
    before, options = command_parts(study, versions.get("engine", ""))
    return [*made_with, " ".join([*before, "stepladder", verb, name, *options])]


def study_text(study: Study) -> str:
    """A study's file, without characters that steer a page."""
    return "\n".join(printable(line) for line in study.to_toml().splitlines())


def search_as_html(
    result: SearchResult, figures: Sequence[DrawnFigure] | None = None, date: str = ""
) -> str:
    """The page: the best and how sure that is, the candidates, the figures, how to repeat it.

    Args:
        result: what to report.
        figures: its figures where they are drawn already.
        date: on which the page is made; none where it is empty.
    """
    if figures is None:
        figures = [drawn(plot) for plot in search_figures(result)]
    count = plural(len(result.candidates), "candidate")
    return rendered("search.html", {
        "title": printable(result.study.name),
        "subtitle": " · ".join(filter(None, [subtitle(result), date])),
        "sections": [
            ("answer", "The answer"),
            *([("figures", "Figures")] if figures else []),
            ("unknown", "What is not known"),
            ("details", "Details"),
        ],
        "answer": _search_answer(result),
        "looked_again": looks_text(result) if is_looked_again(result) else "",
        "leading": leading_table(result, note=f"{TRAINED} Of {count}; search.json has all."),
        "knobs": hyperparameter_table(result, NOTES[1]),
        "figures": figures,
        "unknown": _search_unknown(result),
        "commands": commands_of(result.study, result.versions, "search"),
        "alike": alike_of(result.study),
        "facts": _facts(
            result, result.training_seconds,
            (f"{effort_noun(result.study).capitalize()}s", f"{result.epochs:,}"),
        ),
        "toml": study_text(result.study),
    })  # fmt: skip


def _search_answer(result: SearchResult) -> list[str]:
    measure, test = measure_of_search(result), result.test
    fresh = f"{estimate_of(measure, result.fresh)} (95 % t interval)"
    many = plural(len(result.fresh.values), "fresh replicate")
    weights = f", with {result.parameters:,} weights" if result.parameters else ""
    reads = (
        f"It reads {fresh} of the validation {result.noun}s right, on {many} that the search never "
        "saw"
        if measure.is_accuracy and result.study.trainer is None
        else f"Its {measure.on('validation')} is {fresh}, on {many} that the search never saw"
    )
    return [
        f"The best of {plural(len(result.candidates), 'candidate')} is candidate "
        f"{result.winner.number}: {params_text(result.winner.params)}.",
        f"{reads}{weights}.",
        *([f"On the test {result.noun}s the same replicates reach "
           f"{estimate_of(measure, test)}."] if test else []),
        luck_text(result),
        flat_text(result),
    ]  # fmt: skip


def _search_unknown(result: SearchResult) -> list[str]:
    examples, measure = f"{result.noun}s", measure_of_search(result)
    much = "high" if measure.metric.sign > 0 else "low"
    return [
        *(f"{line[0].upper()}{line[1:]}." for line in result.warnings),
        f"The validation {examples} of the fresh replicates took part in choosing: their "
        f"{measure.name} may be a little too {much} for {examples} that nobody has seen.",
        "The test set was not read: --final reads it once, for the best candidate."
        if result.test is None
        else f"The {measure.on('test')} speaks for these test {examples}, retrained, not for new "
        "ones.",
        "Other spaces, other data and longer trainings were not tried.",
    ]


def write_report(results: Results, folder: Path) -> list[Path]:
    """Writes `report.html` and, under `figures/`, each figure as SVG, PNG and CSV.

    Args:
        results: what to report.
        folder: the run's folder; created where it is missing.

    Returns:
        The files written, `report.html` first.

    Raises:
        OutputError: if a file cannot be written; those written before it are whole.
    """
    return write_pages(figures_of(results), partial(as_html, results, date=_today()), folder)


def _today() -> str:
    today = date.today()
    return f"{today.day} {today:%B %Y}"


def write_search(result: SearchResult, folder: Path) -> list[Path]:
    """Writes the page of a search and its figures; see `write_report`."""
    page = partial(search_as_html, result, date=_today())
    return write_pages(search_figures(result), page, folder)


def write_pages(
    plots: Sequence[Plot], page: Callable[[Sequence[DrawnFigure]], str], folder: Path
) -> list[Path]:
    """Writes `report.html` and its figures; see `write_report`."""
    images = [svg_and_png_of(plot) for plot in plots]  # drawn once for the page and for the files
    figures = [drawn(plot, svg) for plot, (svg, _) in zip(plots, images, strict=True)]
    written = [atomic_write(folder / "report.html", page(figures).encode())]
    for plot, (svg, png) in zip(plots, images, strict=True):
        written += _write_files(plot, svg, png, folder / "figures")
    return written


def write_plots(plots: Sequence[Plot], folder: Path) -> list[Path]:
    """Writes figures as SVG, PNG and CSV.

    Args:
        plots: what to draw.
        folder: where to; created where it is missing.

    Returns:
        The files written.

    Raises:
        OutputError: if a file cannot be written; those written before it are whole.
    """
    return [file for plot in plots for file in _write_files(plot, *svg_and_png_of(plot), folder)]


def _write_files(plot: Plot, svg: str, png: bytes, folder: Path) -> list[Path]:
    return [
        atomic_write(folder / f"{plot.name}.svg", svg.encode()),
        atomic_write(folder / f"{plot.name}.png", png),
        atomic_write(folder / f"{plot.name}.csv", csv_of(plot).encode()),
    ]


def write_html(results: Results, file: Path) -> Path:
    """Writes the report as one HTML file that needs no other.

    Args:
        results: what to report.
        file: where to; its folder is created where it is missing.

    Returns:
        The file.

    Raises:
        OutputError: if it cannot be written.
    """
    return atomic_write(file, as_html(results, date=_today()).encode())
