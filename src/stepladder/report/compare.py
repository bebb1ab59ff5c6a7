"""Two runs compared, as one HTML file or as Markdown."""

from __future__ import annotations

from stepladder.report.comparing import comparison_of
from stepladder.report.formats import markdown_side_table, markdown_text
from stepladder.report.html import drawn, rendered
from stepladder.runner.results import Results

__all__ = ["comparison_as_html", "comparison_as_markdown"]


def comparison_as_html(one: Results, two: Results, names: tuple[str, str]) -> str:
    """Two runs as a page that needs nothing beside it; arguments as for `comparison_of`."""
    compared = comparison_of(one, two, names)
    figure = None if compared.plot is None else drawn(compared.plot)
    return rendered("compare.html", {"compared": compared, "figure": figure})


def comparison_as_markdown(one: Results, two: Results, names: tuple[str, str]) -> str:
    """Two runs for a pull request; arguments as for `comparison_of`."""
    compared = comparison_of(one, two, names)
    lines = [f"### {markdown_text(compared.title)}", "", markdown_text(compared.subtitle), ""]
    lines += [f"- {markdown_text(each)}" for each in compared.sentences]
    lines += [""]
    for table in (compared.arms, compared.asked):
        lines += markdown_side_table(table) if table.rows else []
    return "\n".join(lines) + "\n"
