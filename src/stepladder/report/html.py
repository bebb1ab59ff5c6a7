"""The report as one HTML file that needs nothing beside it: no script, no network, no folder."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from stepladder.report.curves import Figures, figures_of
from stepladder.report.figures import names_of, svg_of
from stepladder.report.measures import other_measures
from stepladder.report.style import DARK, LIGHT
from stepladder.report.view import view_of
from stepladder.report.wording import duration, elided, visible
from stepladder.runner.results import Results
from stepladder.study import BUILT_IN_STUDIES, Study

__all__ = ["as_html"]

NAME_LENGTH = 120
_TITLES = {
    "tuning": "How each arm was tuned",
    "factorial": "What each technique is worth in all combinations",
    "effects": "What each technique is worth",
    "accuracy": "Training and validation accuracy",
    "validation": "All arms on one axis",
}


@dataclass(frozen=True)
class _Drawn:
    """A figure as the template needs it."""

    title: str
    caption: str
    alternative: str
    light: str
    dark: str


def as_html(results: Results) -> str:
    """The report: table, sentences and figures first, then how it came about.

    The same results give the same text. Whatever the study names is escaped, and the page
    forbids scripts and anything from elsewhere.
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
    return environment.get_template("report.html").render(_context(results))


def _context(results: Results) -> dict[str, Any]:
    view, figures = view_of(results), figures_of(results)
    return {
        "view": view,
        "figures": [_drawn(name, figures) for name in names_of(figures)],
        "tables": [each for each in (*view.tables, other_measures(results)) if each is not None],
        "techniques": _techniques(results),
        "facts": _facts(results),
        "commands": _commands(results),
        "toml": _without_controls(results.study.to_toml()),
    }


def _drawn(name: str, figures: Figures) -> _Drawn:
    return _Drawn(
        title=_TITLES[name],
        caption=figures.captions[name],
        alternative=figures.alternatives[name],
        light=_data_uri(svg_of(name, figures, LIGHT)),
        dark=_data_uri(svg_of(name, figures, DARK)),
    )


def _data_uri(svg: str) -> str:
    # As an image, an SVG can neither run scripts nor load anything, whatever is in its text.
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


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


def _commands(results: Results) -> list[str]:
    version = results.versions.get("stepladder")
    name = results.study.name if _is_built_in(results.study) else "study.toml"
    made_with = [visible(f"# stepladder {version}")] if version else []
    allowed = "" if results.study.model is None else " --allow-code"
    return [*made_with, f"stepladder run {name}{allowed}"]


def _is_built_in(study: Study) -> bool:
    return study.name in BUILT_IN_STUDIES and study == Study.load(study.name)


def _without_controls(toml: str) -> str:
    return "\n".join(visible(line) for line in toml.splitlines())
