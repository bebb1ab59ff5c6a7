import io
import json

import pytest

from stepladder.report.terminal import catalogue_text, show_techniques
from stepladder.study.techniques import CATALOGUE


def test_json_lists_every_technique_whole():
    listed = json.loads(catalogue_text("json"))
    assert [each["name"] for each in listed] == [each.name for each in CATALOGUE]
    assert all(set(each) == {"name", "change", "mends", "reference"} for each in listed)
    assert listed[0]["change"] == CATALOGUE[0].change


def test_markdown_has_one_row_a_technique():
    rows = catalogue_text("markdown").splitlines()
    assert len(rows) == 2 + len(CATALOGUE)
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


def test_the_table_names_every_technique():
    text = catalogue_text("table")
    assert all(each.name.split()[0] in text for each in CATALOGUE)
    assert "\x1b" not in text


@pytest.mark.parametrize("form", ["table", "json", "markdown"])
def test_what_is_shown_in_a_file_is_the_text(form):
    stream = io.StringIO()
    show_techniques(form, stream)
    assert stream.getvalue() == catalogue_text(form)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="found 'yaml'"):
        catalogue_text("yaml")
