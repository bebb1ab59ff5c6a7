"""The report as Markdown for a pull request: what HTML says, without the figures."""

from __future__ import annotations

from stepladder.report.answer import answer
from stepladder.report.confounds import confound_tables
from stepladder.report.ensembles import ensemble_tables
from stepladder.report.formats import (
    markdown_finding,
    markdown_headline,
    markdown_side_table,
    markdown_table,
    markdown_text,
)
from stepladder.report.readout import readout_tables
from stepladder.report.tuning import tuning_tables
from stepladder.report.unknown import unknown
from stepladder.report.view import view_of
from stepladder.report.wording import duration
from stepladder.runner.results import Results

__all__ = ["report_as_markdown"]


def report_as_markdown(results: Results) -> str:
    """A report to be put into a pull request on GitHub: answer, table, diagnosis, what is open.

    Names are escaped: no markup, no link, no mention comes of them.
    """
    view = view_of(results)
    lines = [f"### {markdown_text(view.title)}", "", markdown_text(view.subtitle), ""]
    if view.status:
        lines += [f"**{markdown_text(view.status)}**", ""]
    lines += [markdown_headline(each) for each in answer(results)]
    lines += ["", *markdown_table(view), ""]
    notes = [view.comparison, *(f"Reported: {each}." for each in [view.reported_source] if each)]
    lines += [f"<sub>{' '.join(markdown_text(note) for note in notes if note)}</sub>", ""]
    found = [f"- {markdown_text(name, True)}: {markdown_text(note)}" for name, note in view.notes]
    found += [markdown_finding(each) for each in view.findings]
    if found:
        lines += ["**Diagnosis**", "", *found, ""]
    lines += ["**What is not known**", ""]
    lines += [f"- {title}: {markdown_text(text)}" for title, text in unknown(results)]
    lines += [""]
    for table in (
        *ensemble_tables(results.arms),
        *readout_tables(results.readout, results.study.delta),
        *tuning_tables(results.tuned),
        *confound_tables(results.confounds),
    ):
        lines += markdown_side_table(table)
    return "\n".join([*lines, *_again(results)]) + "\n"


def _again(results: Results) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    told = (
        f"Seed {results.study.seed}; {versions}; {results.machine}; wall time "
        f"{duration(results.seconds)}; dataset SHA-256 {results.fingerprint[:16]}…"
    )
    return [f"<sub>{markdown_text(told)}</sub>"]
