"""A command of the user's own: what it is given, what it may answer, and how it ends."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from own_training import outcomes, setup_of, trial, write

from stepladder.errors import StudyError
from stepladder.study.metrics import Metric
from stepladder.study.trainer import UserTrainer
from stepladder.training.command import CommandEngine, fill_in
from stepladder.training.function import TrialFailure, derived_seed
from stepladder.trials.trial import TrialResult

ACCURACY = """echo '{{"accuracy": 0.5}}'"""
SHOW = 'import json, sys; print(json.dumps({"accuracy": 0.5, "n": len(sys.argv)}))'


class Place:
    """A study's folder, and commands in it."""

    def __init__(self, folder):
        self.folder = folder

    def trainer(self, *command, **more):
        return UserTrainer.load({"command": list(command), **more}, self.folder)

    def run(self, *command, values=None, metric="accuracy", replicate=0, **more):
        trainer = self.trainer(*command, **more)
        setup = setup_of(trainer, metric, output=self.folder / "output")
        one = trial(trainer, values, replicate)
        (found,) = outcomes(CommandEngine(setup, self.folder / "checkpoints"), one)
        return found

    def shell(self, text, **more):
        return self.run("sh", "-c", text, **more)

    def python(self, text, *arguments, **more):
        write(self.folder, text, "run.py")
        return self.run(sys.executable, "run.py", *arguments, **more)

    def output(self, found):
        return self.folder / "output" / found.trial.id[:16]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


# What it is given.


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("{a}", "1"), ("--a={a}", "--a=1"), ("{a}{a}", "11"), ("{net.depth}", "3"),
        ("{{a}}", "{a}"), ("{{{a}}}", "{1}"), ("{{", "{"), ("}}", "}"), ("{text}", "$(x) 'y'"),
        ("{flag}", "true"), ("{list}", "[1, \"é\"]"), ("{half}", "0.5"), ("{table}", "{}"),
        ("{my key}", "spaced"), ("{x:y}", "colon"), ("plain", "plain"), ("", ""),
        ("{braces}", "{a}"),
    ],
)  # fmt: skip
def test_values_stand_where_their_names_stood(argument, expected):
    values = {"a": 1, "net.depth": 3, "text": "$(x) 'y'", "flag": True, "list": [1, "é"],
              "half": 0.5, "table": {}, "my key": "spaced", "x:y": "colon",
              "braces": "{a}"}  # fmt: skip
    assert fill_in(argument, values) == expected


VALUES = {
    "quotes": "'\"`", "spaces": " a  b ", "newlines": "a\nb\r\n", "shell": "$(touch hit); `id`",
    "dashes": "--help", "unicode": "é漢😀", "braces": "{seed}{{}}", "empty": "", "percent": "%s",
    "long": "x" * 100_000, "backslash": "\\n\\0", "number": 0.1, "whole": -3, "list": [{"a": []}],
    "true": True, "star": "*", "tilde": "~", "tab": "\t",
}  # fmt: skip


SEEN = """
import json, sys
json.dump(sys.argv[1:], open(sys.argv[3] + "/seen.json", "w"))
print('{"accuracy": 0.5}')
"""


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_arrives_as_it_is_and_no_shell_reads_it(value, place):
    found = place.python(SEEN, "{x}", "{params}", "{out}", values={"x": value})
    assert isinstance(found, TrialResult), found
    seen = json.loads((place.output(found) / "seen.json").read_text())
    assert seen[0] == (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    assert json.loads(Path(seen[1]).read_text("utf-8")) == {"x": value}
    assert not (place.folder / "hit").exists()


@pytest.mark.parametrize("value", ["a\0b", "x" * 10_000_000])
def test_a_value_that_no_program_can_be_given_is_a_failure(value, place):
    found = place.run("echo", "{x}", values={"x": value})
    assert "could not be started" in found.message


def test_seed_and_replicate_are_given_and_the_folder_is_the_studys(place):
    line = '{{"accuracy": 0.5, "seed": %s, "replicate": %s}}'
    found = place.run("sh", "-c", f"pwd >&2; printf '{line}' $0 $1", "{seed}", "{replicate}",
                      replicate=3)  # fmt: skip
    seed = derived_seed(found.trial)
    assert found.measures["test"] == {"accuracy": 0.5, "seed": seed, "replicate": 3.0}
    assert (place.output(found) / "stderr.txt").read_text().strip() == str(place.folder.resolve())


def test_nothing_is_read_from_standard_input(place):
    assert isinstance(place.shell("cat; " + ACCURACY), TrialResult)


@pytest.mark.parametrize("name", ["train.sh", "./train.sh", "sub/train.sh"])
def test_a_program_of_the_studys_folder_runs_from_any_folder(name, place, tmp_path, monkeypatch):
    file = write(place.folder, f"#!/bin/sh\n{ACCURACY.format()}\n", name)
    file.chmod(0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert place.run(name).test.accuracy == 0.5


@pytest.mark.parametrize("name", ["no-such-program", "./train.sh", "sub", "/", "a\0b", "train.sh"])
def test_what_is_no_program_is_refused(name, place):
    write(place.folder, "echo\n", "train.sh").chmod(0o644)
    (place.folder / "sub").mkdir()
    engine = place.trainer("sh", "-c", "true").changed({"command": (name,)})
    engine._folder = place.folder
    with pytest.raises(StudyError, match="begin with a program that can be run, found"):
        CommandEngine(setup_of(engine), place.folder)


def test_a_program_that_the_system_cannot_read_is_a_failure(place):
    write(place.folder, "\x7fELF nothing", "broken").chmod(0o755)
    found = place.run("./broken")
    assert found.message == "'./broken' could not be started: Exec format error"


# What it may answer.


ANSWERS = {
    "line": (ACCURACY, {"accuracy": 0.5}),
    "last line": (f"echo '{{{{\"accuracy\": 0.1}}}}'; {ACCURACY}", {"accuracy": 0.5}),
    "line between": (f"echo start; {ACCURACY}; echo '{{{{broken'; echo end", {"accuracy": 0.5}),
    "no last newline": ("printf '{{\"accuracy\": 0.5}}'", {"accuracy": 0.5}),
    "indented": ("echo '   {{\"accuracy\": 0.5, \"b\": 1}}  '", {"accuracy": 0.5, "b": 1.0}),
    "parts": ("echo '{{\"test\": {{\"accuracy\": 0.5}}, \"train\": {{}}}}'", {"accuracy": 0.5}),
    "epochs": ("echo '{{\"epoch\": 0, \"accuracy\": 0.1}}'; "
               "echo '{{\"epoch\": 1, \"accuracy\": 0.5, \"text\": \"x\"}}'", {"accuracy": 0.5}),
    "settings first": ("echo '{{\"lr\": 0.1}}'; echo '{{\"epoch\": 1, \"accuracy\": 0.5}}'",
                       {"accuracy": 0.5}),
    "not utf-8": (f"printf '\\377\\376{{{{\\377'; echo; {ACCURACY}; printf '\\377'",
                  {"accuracy": 0.5}),
    "lists": (f"{ACCURACY}; echo '[1]'; echo 3", {"accuracy": 0.5}),
    "windows": ("printf '{{\"accuracy\": 0.5}}\\r\\n'", {"accuracy": 0.5}),
    "errors too": (f"echo no >&2; {ACCURACY}", {"accuracy": 0.5}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_the_last_line_of_json_is_the_result(text, expected, place):
    found = place.shell(text)
    assert isinstance(found, TrialResult), found
    assert found.measures["test"] == expected


def test_lines_with_an_epoch_are_the_history(place):
    lines = [{"epoch": 2, "loss": 2}, {"epoch": 1, "loss": 3}, {"epoch": 2, "val": 0.5, "at": "x"},
             {"epoch": True, "loss": 0}, {"epoch": 1.5, "loss": 0}, {"epoch": -1, "loss": 0},
             {"accuracy": 0.5}]  # fmt: skip
    found = place.python("".join(f"print('''{json.dumps(line)}''')\n" for line in lines))
    assert list(found.reported) == ["epoch", "loss", "val"]
    assert np.array_equal(list(found.reported.values()), [(1, 2), (3, 2), (np.nan, 0.5)],
                          equal_nan=True)  # fmt: skip


def test_a_metric_that_the_last_epoch_lacks_is_missing_and_not_nan(place):
    found = place.shell('echo \'{{"epoch": 1, "accuracy": 1}}\'; echo \'{{"epoch": 2, "b": 1}}\'')
    assert "the metric accuracy, found b" in found.message


def test_a_result_file_comes_before_what_is_printed(place):
    found = place.run("sh", "-c", "echo '{{\"accuracy\": 0.25}}' > $0/result.json; " + ACCURACY,
                      "{out}")  # fmt: skip
    assert found.test.accuracy == 0.25


def test_a_result_of_an_attempt_before_does_not_count(place):
    flaky = ("if [ -e ran ]; then exit 0; fi; touch ran; echo '{{\"accuracy\": 1}}' > "
             "$0/result.json; exit 1")  # fmt: skip
    assert "exit code 1" in place.run("sh", "-c", flaky, "{out}").message
    assert "found neither" in place.run("sh", "-c", flaky, "{out}").message


PATTERNS = {
    "one": ("accuracy: ([0-9.]+)", "echo accuracy: 0.1; echo accuracy: 0.5", {"accuracy": 0.5}),
    "stderr": ("acc ([0-9.]+)", "echo acc 0.5 >&2", {"accuracy": 0.5}),
    "several": ({"accuracy": "a=(.*)", "loss": "^l=(.*)$"}, "echo a=0.5; echo l=1e-3",
                {"accuracy": 0.5, "loss": 0.001}),
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "text", "expected"), PATTERNS.values(), ids=PATTERNS)
def test_the_last_match_of_a_pattern_counts(pattern, text, expected, place):
    assert place.shell(text, pattern=pattern).measures["test"] == expected


def test_nan_is_divergence(place):
    found = place.shell('echo \'{{"epoch": 4, "wait": NaN}}\'', metric=Metric("wait", "minimize"))
    assert found.diverged == 4


FAILS = {
    "nothing": ("true", "must write {out}/result.json, or print a line of JSON such as"),
    "half": ("printf '{{\"accuracy\": 0.'", "found neither"),
    "half a file": ("printf '{{\"accu' > $0/result.json", "must be JSON, found: Unterm"),
    "empty file": ("touch $0/result.json", "result.json must be JSON, found: Expecting value"),
    "list in a file": ("echo [1] > $0/result.json", "a mapping of metric to value, found list [1]"),
    "pipe": ("mkfifo $0/result.json", "a pipe and no regular file"),
    "folder": ("mkdir $0/result.json", "result.json must be JSON, found: [Errno 21]"),
    "deleted": ("rm -r $0", "No such file or directory"),
    "text": ("echo '{{\"accuracy\": \"0.5\"}}'", "a number as accuracy of the test part"),
    "deep": ("python3 -c 'print(\"{{\\\"a\\\":\" * 100000)'", "found neither"),
    "exit": ("echo wrong >&2; exit 3", "sh -c ended with exit code 3"),
    "signal": ("kill -9 $$", "sh -c ended by signal 9"),
    "huge number": ("echo '{{\"accuracy\": 1e999}}'", "accuracy in 0…1, found inf"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAILS.values(), ids=FAILS)
def test_what_is_no_answer_is_said(text, message, place):
    found = place.run("sh", "-c", text, "{out}")
    assert isinstance(found, TrialFailure), found
    assert message in found.message
    assert len(found.message) < 500


def test_the_end_of_what_was_printed_explains_a_failure(place):
    found = place.python("import sys\nprint('x' * 10**6)\nsys.exit('no \\x1b[31mGPU')")
    assert found.trace.endswith("GPU")
    assert len(found.trace) <= 4000
    assert place.shell("echo printed; exit 1").trace == "printed"


def test_a_pattern_without_a_match_or_a_number_is_said(place):
    assert "found no match" in place.shell("echo x", pattern="a=(.)").message
    assert "must match a number, found 'x'" in place.shell("echo a=x", pattern="a=(.)").message


def test_much_output_is_read(place):
    found = place.python("import sys\nfor _ in range(100): sys.stdout.write('x' * 10**6)\n"
                         "print('\\n{\"accuracy\": 0.5}')")  # fmt: skip
    assert found.test.accuracy == 0.5


# How it ends.


def is_alive(file):
    number = int(Path(file).read_text())
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


ORPHANS = {
    "background": "sleep 1000 & echo $! > pid; ",
    "keeps stdout": "(while true; do sleep 100; done) & echo $! > pid; ",
    "session": "setsid sh -c 'echo $$ > pid; exec sleep 1000' & while [ ! -s pid ]; do :; done; ",
    "ignores": "(trap '' TERM HUP INT; sleep 1000) & echo $! > pid; ",
}
ENDS = {"done": ACCURACY, "failed": "exit 1", "late": "sleep 1000"}


DEFAULT = ("late-keeps stdout", "done-session")


@pytest.mark.parametrize(
    ("orphan", "end"),
    [
        pytest.param(orphan, end, id=name, marks=() if name in DEFAULT else pytest.mark.slow)
        for end in ENDS
        for kind, orphan in ORPHANS.items()
        for name in [f"{end}-{kind}"]
    ],
)
def test_nothing_that_it_started_outlives_it(orphan, end, tmp_path):
    # in a process of its own, which adopts what is left
    code = (
        "import sys\nsys.path[:0] = sys.argv[3:]\nfrom pathlib import Path\n"
        "from test_command import Place, is_alive\n"
        "place = Place(Path(sys.argv[1]))\n"
        "found = place.shell(sys.argv[2], timeout=0.5)\n"
        "print(type(found).__name__, is_alive(place.folder / 'pid'))\n"
    )
    folders = [str(Path(__file__).parent), *(path for path in sys.path if path.endswith("fakes"))]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), orphan + ENDS[end], *folders],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    kind = "TrialResult" if end == "done" else "TrialFailure"
    assert done.stdout == f"{kind} False\n", done.stderr


def test_a_timeout_is_said(place):
    found = place.run("sleep", "1000", timeout=0.1)
    assert found.message == "it was stopped after its timeout of 0.1 s"
    assert isinstance(place.shell(ACCURACY, timeout=1e12), TrialResult)


def test_a_file_that_changes_between_trials_ends_the_engine(place):
    write(place.folder, SHOW, "run.py")
    trainer = place.trainer(sys.executable, "run.py")
    engine = CommandEngine(setup_of(trainer, output=place.folder / "o"), place.folder / "c")
    assert isinstance(outcomes(engine, trial(trainer))[0], TrialResult)
    write(place.folder, SHOW + " ", "run.py")
    with pytest.raises(StudyError, match="found it changed"):
        outcomes(engine, trial(trainer))


def test_a_pinned_command_may_change(place):
    write(place.folder, SHOW, "run.py")
    trainer = place.trainer(sys.executable, "run.py", version="1")
    engine = CommandEngine(setup_of(trainer, output=place.folder / "o"), place.folder / "c")
    write(place.folder, SHOW + " ", "run.py")
    assert isinstance(outcomes(engine, trial(trainer))[0], TrialResult)


def test_its_output_and_parameters_stay(place):
    found = place.run("sh", "-c", f"echo said >&2; {ACCURACY} # {{x}}", values={"x": "é"})
    folder = place.output(found)
    assert {file.name for file in folder.iterdir()} == {"params.json", "stdout.txt", "stderr.txt"}
    assert (folder / "params.json").read_text("utf-8") == '{\n  "x": "é"\n}'
    assert (folder / "stderr.txt").read_text() == "said\n"
    assert stat.S_ISREG(os.stat(folder / "stdout.txt").st_mode)
