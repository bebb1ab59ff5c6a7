"""The documentation and the program say the same: every snippet of every page is checked."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

import click
import pytest

import stepladder
from stepladder import CATALOGUE, PublishedTable, Recipe, Study
from stepladder.cli import main
from stepladder.diagnosis.rules import RULES
from stepladder.report.terminal import catalogue_text
from stepladder.study.metrics import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = (DOCS / "reference" / "commands.md").read_text("utf-8")
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [ROOT / "README.md", *DOCS.rglob("*.md"), *ROOT.glob("examples/**/README.md")]
    if not {"runs", "env"} & set(page.parts)
)
BUILT_IN = {
    file.name.removesuffix(".toml")
    for file in resources.files("stepladder.study").joinpath("builtin").iterdir()
}


def blocks(page, *languages):
    """The fenced blocks of a page that have one of these languages, or none: ""."""
    text = (ROOT / page).read_text("utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [body for language, body in fenced if language in languages]


def command_lines(page):
    """Every line in which a page runs stepladder, as words."""
    for body in blocks(page, "", "console", "bash"):
        for line in re.findall(r"^(?:\$ |.*&& )?stepladder (.+)$", body, re.MULTILINE):
            if "[OPTIONS]" not in line:  # how a command is used, made from the program
                yield re.split(r" [>|&]", line)[0].split(" # ")[0]


def slugs(page):
    """The anchors of a page's headings, as GitHub and MyST make them."""
    body = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,3} (.+)$", body, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in headings}  # fmt: skip


# What a page names is there.


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_are_accepted_by_the_program(page):
    for line in command_lines(page):
        name, *words = shlex.split(line)
        command = main.command.commands[name]
        if isinstance(command, click.Group):
            command, name = command.commands[words[0]], words.pop(0)
        context = command.make_context(name, words)  # refuses what the program refuses
        study = context.params.get("study") or context.params.get("table")
        known = study is None or str(study) in BUILT_IN
        assert known or Path(str(study)).suffix == ".toml" or str(study).startswith("runs/"), line


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    file = ROOT / page
    text = re.sub(r"^```.*?^```$", "", file.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    for link in links:
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link


@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page_is_python(page):
    for body in blocks(page, "python"):
        compile(body, page, "exec")


# A table of a page is a study, or becomes one by what another page says.


def as_study(body):
    """A whole study that has a part that a page shows."""
    keys = tomllib.loads(body)
    own = bool({"trainer", "metric"} & keys.keys())
    text = body if "name" in keys else f'name = "part"\n{body}'
    if ("own = " in body or "conv.py:" in body) and "model" not in keys:
        text = f'model = "conv.py:build"\n{text}'  # of the page on Keras networks
    if own and "trainer" not in keys:
        text += "\n[trainer]\ncommand = ['a', '{learning_rate}']\n"
    if "base" not in keys:
        text += "\n[base]\nlearning_rate = 0.1\n"
    if not own and "model" not in keys and "hidden" not in keys.get("base", {}):
        text = text.replace("[base]\n", "[base]\nhidden = [8]\n")
    return text


def check_study(body, file):
    if body.startswith("[project"):  # of a package
        tomllib.loads(body)
    elif "[[row]]" in body:
        file.write_text(body, "utf-8")
        assert PublishedTable.load(file).rows
    elif {line.split(" = ")[0] for line in body.strip().splitlines()} <= set(Recipe.model_fields):
        for line in body.strip().splitlines():  # each a way to write one key
            assert Recipe(**{"hidden": [8], "learning_rate": 0.1} | tomllib.loads(line))
    else:
        file.write_text(as_study(body), "utf-8")
        assert Study.load(file).arms


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")])
def test_tables_of_a_page_are_studies(page, tmp_path):
    for folder in [DOCS / "tutorial.md", DOCS / "howto" / "keras-network.md"]:
        for name, text in named_files(folder):
            (tmp_path / name).write_text(text, "utf-8")
    for name in ("model.py", "data.csv"):
        (tmp_path / name).touch()
    for body in blocks(page, "toml"):
        check_study(body, tmp_path / "part.toml")


def test_the_readme_leaves_no_keys_of_a_study_to_guess():
    keys = Study.model_json_schema(by_alias=True)["properties"]
    assert {"name", "base", "technique", "replicates", "validation"} <= set(keys)
    assert {"arm", "design", "most_replicates", "target", "tune", "tuning"} <= set(keys)
    assert json.dumps(keys)


# Pages that hold everything of a kind.


def test_the_techniques_page_is_that_of_the_catalogue():
    page = (DOCS / "reference" / "techniques.md").read_text("utf-8")
    assert page.endswith(catalogue_text("markdown")), "run `make docs`"
    for technique in CATALOGUE:
        assert technique.name in page


@pytest.mark.parametrize("name", sorted(main.command.commands))
def test_every_command_stands_in_the_reference_and_says_what_it_does(name):
    assert f"## stepladder {name}\n" in COMMANDS
    assert main.command.commands[name].get_short_help_str()


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("reference/metrics.md", METRICS),
        ("explanation/diagnosis.md", RULES),
        ("howto/many-machines.md", ("spool", "slurm", "dask", "ray")),
    ],
)
def test_a_page_names_all_of_its_kind(page, names):
    text = (DOCS / page).read_text("utf-8")
    assert [name for name in names if not re.search(rf"`{name}\b|--executor {name}\b", text)] == []


def test_every_public_name_stands_in_the_reference():
    page = (DOCS / "reference" / "python.md").read_text("utf-8")
    names = {*stepladder.__all__} - {"__version__"}
    assert {name for name in names if not re.search(rf"(?:::|`) ?{name}\b", page)} == set()


def test_the_page_on_trainers_names_what_a_context_has():
    from stepladder.training.function import Data, TrainContext

    page = (DOCS / "reference" / "trainers.md").read_text("utf-8")
    for name in ("seed", "replicate", "rng", "report", "folder", "data", "epochs"):
        assert f"`{name}" in page
        assert name in TrainContext.__dataclass_fields__ or hasattr(TrainContext, name)
    assert all(f"`{name}`" in page for name in Data.__dataclass_fields__)


def test_the_readme_is_short_and_nothing_in_it_is_cut():
    assert len(README.split()) <= 700
    lines = [line for body in blocks("README.md", "", "python") for line in body.splitlines()]
    assert max(map(len, lines)) <= 80
    assert "pip install . && stepladder run mnist" in lines
    assert 'pip install ".[test]" && pytest' in lines


def words_of(page):
    """Words of a page outside its code."""
    text = (ROOT / page).read_text("utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return sum(bool(re.search(r"\w", word)) for word in prose.split())


def test_pages_written_by_hand_are_as_short_as_they_promise():
    assert words_of("docs/explanation/statistics.md") <= 4000
    assert words_of("docs/explanation/decisions.md") <= 3500
    made = ("names.md", "techniques.md", "commands.md", "study-file.md", "literature.md")
    by_hand = [page for page in PAGES if page.startswith("docs/") and not page.endswith(made)]
    measured = [page for page in by_hand if page.startswith("docs/measured/")]
    assert sum(map(words_of, {*by_hand} - {*measured})) <= 20_000


# What the pages say is run.


def named_files(page):
    """The files that a page shows after `This is ...:`."""
    text = page.read_text("utf-8")
    return re.findall(r"[Tt]his is `([\w.]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_and_the_first_lines_of_the_readme_run(tmp_path):
    (hello,) = blocks("README.md", "python")
    files = {"hello.py": hello, **dict(named_files(DOCS / "tutorial.md"))}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    (run, *_) = command_lines("docs/tutorial.md")
    (check,) = blocks("docs/howto/ci.md", "python")
    (tmp_path / "check.py").write_text(check, "utf-8")

    def done(*words):
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True
        )

    for words in (["hello.py"], ["compare.py"], ["-m", "stepladder", *run.split()]):
        answer = done(*words)
        assert answer.returncode == 0, answer.stderr
        assert re.search("helps|hurts", answer.stdout), answer.stdout
    results = done("-m", "stepladder", "results", "runs/descent", "--format", "json").stdout
    (tmp_path / "results.json").write_text(results, "utf-8")
    assert re.fullmatch(r"\+ decay: \+0\.\d+\n", done("check.py").stderr)  # larger errors hurt


@pytest.mark.extra
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("furo")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (line,) = re.findall(r"^\tpython (-m sphinx .*) site$", makefile, re.MULTILINE)
    built = subprocess.run(
        [sys.executable, *line.split(), str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    pages = [page.read_text("utf-8") for page in tmp_path.rglob("*.html")]
    assert len(pages) > 40
    for page in pages:
        loaded = r"<(?:link|script|img|iframe|source)[^>]*(?:href|src|srcset)=\"([^\"]+)"
        assert not [link for link in re.findall(loaded, page) if re.match(r"https?:|//", link)]
    styles = "".join(file.read_text("utf-8") for file in tmp_path.rglob("*.css"))
    assert not re.search(r"url\([\"']?(?:https?:|//)|@import", styles)
