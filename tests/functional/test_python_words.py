"""Errors name arguments to whoever calls a function, and options to whoever types a command."""

import inspect
import re

import pytest
from own_training import write

import stepladder
from stepladder import Study, StudyError
from stepladder.cli.main import command
from stepladder.errors import _ARGUMENTS, _FLAGS, InputError, StepladderError, in_python

OPTION = re.compile(r"(?<![\w`-])--[a-z]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--out must be a folder", "out= must be a folder"),
        ("with --out; or --out.", "with out=; or out=."),
        ("such as --out runs/a-b.", 'such as out="runs/a-b".'),
        ("found --engine fit, whose", 'found engine="fit", whose'),
        ("with `--engine fit`, which", 'with `engine="fit"`, which'),
        ("--executor ray://HOST:PORT must", 'executor="ray://HOST:PORT" must'),
        ("needs --workers N, the jobs", "needs workers=N, the jobs"),
        ("write --arm '+ ReLU', for example", 'write arm="+ ReLU", for example'),
        ("write --resources cores=2, for", 'write resources={"cores": 2}, for'),
        ("--columns arm=NAME,score=acc", 'columns={"arm": NAME, "score": "acc"}'),
        ("(--set name=NAME) to keep", '(changes={"name": NAME}) to keep'),
        ("--set 'technique=[\"ReLU\"]', or", 'changes={"technique": ["ReLU"]}, or'),
        ("then add --allow-code", "then add allow_code=True"),
        ("whether --lower-is-better or", 'whether direction="minimize" or'),
        ("`stepladder run a --out b` with --store", "`stepladder run a --out b` with store="),
        ("`train.py --out {out}`, --epochs=9", "`train.py --out {out}`, --epochs=9"),
    ],
)
def test_options_become_arguments_and_whole_commands_stay(text, shown):
    assert in_python(text) == shown == str(StepladderError(text)) == str(StudyError(text))
    assert StepladderError(text).text == StudyError(text).text == text


def test_every_argument_that_is_named_is_one_of_a_function_and_an_option():
    functions = (stepladder.run, stepladder.judge, stepladder.export, stepladder.search,
                 stepladder.compare, stepladder.api.plan, Study.load)  # fmt: skip
    arguments = {name for function in functions for name in inspect.signature(function).parameters}
    arguments |= {*Study.model_fields, "epochs", "only"}  # the last a method of tables
    options = {name for each in command.commands.values() for option in each.params
               for name in option.opts}  # fmt: skip
    for name in (*_ARGUMENTS.split("|"), *_FLAGS):
        assert f"--{name}" in options
        shown = in_python(f"--{name}").partition("=")[0]
        assert shown in arguments | {"changes"}


def test_a_caller_of_a_function_reads_its_arguments(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "file").write_text("", "utf-8")
    write(place, "def train(params, seed):\n    return {'accuracy': 0.5}\n")
    own = Study(name="own", trainer="train.py:train", base={"x": 1}, metric="accuracy")
    (place / "two.csv").write_text("one,two,three\na,b,c\n", "utf-8")
    calls = {
        "out=": lambda: stepladder.run("study.toml", out="file"),
        "workers=": lambda: stepladder.run("study.toml", workers=0),
        "engine=": lambda: stepladder.run(own, engine="fit"),
        "resources=": lambda: stepladder.run("study.toml", resources={"cores": 2}),
        "changes=": lambda: Study.load("study.toml", {"name.x": 1}),
        "columns=": lambda: stepladder.judge("two.csv"),
        "direction=": lambda: stepladder.judge({"a": [2.5], "b": [3.5]}, metric="mine"),
        "to=": lambda: stepladder.export("runs/none", to="model.h5"),
        "allow_code=True": lambda: stepladder.run(own),
    }  # fmt: skip
    for words, call in calls.items():
        with pytest.raises(StepladderError) as raised:
            call()
        assert words in str(raised.value), words
        assert not OPTION.search(str(raised.value))


def test_whoever_types_a_command_reads_its_options(in_process, place):
    (place / "file").write_text("", "utf-8")
    for words, told in (
        (("run", "study.toml", "--out", "file"), "--out must be a folder"),
        (("run", "study.toml", "--workers", "0"), "--workers must be 1 to"),
        (("export", "runs/none", "--to", "model.h5"), "write --to model.keras"),
    ):
        code, _, err = in_process(*words)
        assert code == 2
        assert told in err
    with pytest.raises(StepladderError, match="out= must be a folder"):
        stepladder.run("study.toml", out="file")


def flaky(depth, seed):
    if seed % 2:
        raise ValueError("an odd seed")
    return {"cost": 1.0 + depth}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"direction": "lower"}, "direction must be minimize or maximize, found 'lower'"),
        ({"direction": "banana"}, "direction must be minimize or maximize, found 'banana'"),
        ({}, 'better: direction="minimize" or direction="maximize"'),
        ({"direction": "minimize", "techniqes": {}}, "did you mean techniques="),
        ({"direction": "minimize", "better": "lower"}, "did you mean direction="),
        ({"direction": "minimize", "also": "loss"}, 'also must be a list, found "loss"'),
    ],
)
def test_compare_refuses_arguments_that_it_does_not_know(given, said, tmp_path):
    with pytest.raises(InputError, match=re.escape(said)):
        stepladder.compare(
            flaky, base={"depth": 0}, techniques={"deep": {"depth": 1}}, metric="cost",
            out=tmp_path / "run", **given,
        )  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_engines_and_claims_are_those_that_there_are(tmp_path):
    with pytest.raises(InputError, match="engine must be auto, population or fit, found 'keras'"):
        stepladder.run("quick", engine="keras", out=tmp_path / "run")
    with pytest.raises(InputError, match="claim must be difference or not worse, found 'equal'"):
        stepladder.judge({"a": [0.1, 0.2], "b": [0.2, 0.3]}, claim="equal")


def test_what_fails_is_a_warning_and_stands_below_the_table(tmp_path):
    with pytest.warns(RuntimeWarning, match=r"trial\(s\) failed:\n.*ValueError: an odd seed"):
        run = stepladder.compare(
            flaky, base={"depth": 0}, techniques={"deep": {"depth": 1}}, metric="cost",
            direction="minimize", out=tmp_path / "run", workers=1,
        )  # fmt: skip
    assert "ValueError: an odd seed" in str(run).split("verdict")[-1]
