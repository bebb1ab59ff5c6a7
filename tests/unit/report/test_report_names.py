import subprocess
import sys

import pytest

import stepladder.report


@pytest.mark.parametrize("name", stepladder.report.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(stepladder.report, name) is not None


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="'pie'"):
        _ = stepladder.report.pie


def test_public_names_are_pinned():
    assert dir(stepladder.report) == [
        "FORMATS", "LiveProgress", "PlainProgress", "as_csv", "as_html", "as_json",
        "as_markdown", "as_text", "catalogue_text", "csv_of", "figures_of", "for_terminal",
        "png_of", "results_table", "svg_of", "view_of", "write_html", "write_report",
    ]  # fmt: skip


def test_nothing_heavy_is_imported_before_it_draws():
    code = (
        "import sys; from stepladder.report import html, markdown, progress, terminal; "
        "print([m for m in ('matplotlib', 'jinja2', 'keras', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
