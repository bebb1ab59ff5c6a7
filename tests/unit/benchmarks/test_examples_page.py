"""The gallery of examples is what its command makes of their pages."""

import pytest

import examples_page as page
from stepladder import Study

PAGES = {name: (page.EXAMPLES / name / "README.md").read_text("utf-8") for name in page.GALLERY}


def test_the_gallery_is_up_to_date():
    shown = (page.EXAMPLES / "README.md").read_text("utf-8")
    assert shown == page.gallery(PAGES), (
        "run python benchmarks/examples_page.py --into examples/README.md"
    )


def test_every_example_is_in_it():
    folders = {file.parent.name for file in page.EXAMPLES.glob("*/README.md")}
    assert folders == {*page.GALLERY, "ladders", "datasets"}
    studies = [*page.EXAMPLES.glob("*/study.toml")]
    assert {file.parent.name for file in studies} == {*page.GALLERY}


@pytest.mark.parametrize("name", page.GALLERY)
def test_its_table_has_every_arm_of_a_study_that_loads(name):
    study = Study.load(page.EXAMPLES / name / "study.toml")
    table = page.table_of(page.block_of(PAGES[name])).splitlines()
    assert [row for arm in study.arms for row in table if row.startswith(f"{arm.name}  ")]
    assert all(any(row.startswith(f"{arm.name}  ") for row in table) for arm in study.arms)
    assert "verdict" in "".join(table[:2])


@pytest.mark.parametrize("name", [name for name, (_, drawn) in page.GALLERY.items() if drawn])
def test_its_pictures_are_there(name):
    assert (page.EXAMPLES / page.PICTURES / f"{name}.svg").read_text("utf-8").startswith("<?xml")


def test_a_table_is_found_wherever_it_stands():
    rows = "arm   effect\n───────────\nbase\n+ x   +1"
    for printed in (rows, f"title\nsubtitle\n\n{rows}\n\nmore\n", f"▲ better\n\nnote\n\n{rows}\n"):
        assert page.table_of(printed) == rows
