import os
from pathlib import Path

import pytest
from drawn_plots import plots
from example_results import VARIANTS, one_arm

from stepladder.errors import OutputError
from stepladder.report.figures.base import csv_of
from stepladder.report.html import as_html, write_html, write_report


def test_a_report_is_its_page_and_three_files_a_figure(tmp_path):
    results = one_arm()
    written = write_report(results, tmp_path / "new" / "run")
    names = [path.relative_to(tmp_path / "new" / "run").as_posix() for path in written]
    assert names == [
        "report.html",
        *(f"figures/{name}.{kind}" for name in plots(results) for kind in ("svg", "png", "csv")),
    ]
    assert written[0].read_text("utf-8") == as_html(results)
    found = (tmp_path / "new" / "run" / "figures" / "validation.csv").read_bytes().decode()
    assert found == csv_of(plots(results)["validation"])
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)


def test_what_was_there_is_replaced(tmp_path):
    file = tmp_path / "report.html"
    file.write_text("old")
    assert write_html(one_arm(), file) == file
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_folder_in_the_place_of_the_file_is_an_output_error(tmp_path):
    file = tmp_path / "report.html"
    file.mkdir()
    with pytest.raises(OutputError, match=r"report\.html.*found: .*; free some space"):
        write_html(VARIANTS["nothing yet"](), file)
    assert os.listdir(tmp_path) == ["report.html"]  # no half-written file is left


def test_a_file_in_the_place_of_the_folder_is_an_output_error(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="must be a file that can be written"):
        write_report(VARIANTS["nothing yet"](), tmp_path / "run")
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_file_name_that_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="found: "):
        write_html(VARIANTS["nothing yet"](), tmp_path / ("x" * 300))
    assert os.listdir(tmp_path) == []
