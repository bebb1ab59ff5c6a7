"""A function of the user's own: what it is given, what it may answer, and what it may do."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from own_training import outcomes, setup_of, trial, write

from stepladder.data import split
from stepladder.data.synthetic import synthetic
from stepladder.errors import StudyError
from stepladder.study.metrics import Metric
from stepladder.study.trainer import UserTrainer
from stepladder.study.tuning import TUNING_REPLICATES
from stepladder.training.function import (
    FunctionEngine,
    TrainContext,
    TrainingError,
    TrialFailure,
    derived_seed,
    load_function,
    said,
)
from stepladder.trials.trial import TrialResult


class Place:
    """A study's folder with a function, and an engine over it."""

    def __init__(self, folder):
        self.folder = folder

    def trainer(self, body, arguments="params, seed, context", head=""):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        write(
            self.folder, f"import os, sys, numpy as np\n{head}\ndef train({arguments}):\n{lines}\n"
        )
        return UserTrainer.load("train.py:train", self.folder)

    def engine(self, trainer, **options):
        output = options.pop("output", self.folder / "output")
        return FunctionEngine(setup_of(trainer, output=output, **options), self.folder / "ckpt")

    def answer(self, body, values=None, replicate=0, arguments="params, seed, context", head="",
               **options):  # fmt: skip
        trainer = self.trainer(body, arguments, head)
        (found,) = outcomes(self.engine(trainer, **options), trial(trainer, values, replicate))
        return found


@pytest.fixture
def place(tmp_path):
    folder, path = os.getcwd(), sys.path[:]
    yield Place(tmp_path)
    assert os.getcwd() == folder
    sys.path[:] = path
    sys.modules.pop("train", None)


# What it is given.


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("params, seed", "return {'accuracy': params['lr'], 'seed': seed}"),
        ("params, seed, context", "return {'accuracy': params['lr'], 'seed': context.seed}"),
        ("lr, seed", "return {'accuracy': lr, 'seed': seed}"),
        ("lr, seed, /", "return {'accuracy': lr, 'seed': seed}"),
        ("*, seed, lr=7", "return {'accuracy': lr, 'seed': seed}"),
        ("seed, **rest", "return {'accuracy': rest['lr'], 'seed': seed}"),
        ("seed, **params", "return {'accuracy': params['lr'], 'seed': seed}"),
        ("lr, seed, missing=1", "return {'accuracy': lr, 'seed': seed * missing}"),
    ],
)
def test_a_function_gets_what_it_takes(arguments, body, place):
    found = place.answer(body, {"lr": 0.25}, arguments=arguments)
    assert found.measures["test"] == {"accuracy": 0.25, "seed": derived_seed(found.trial)}


def test_the_seed_is_of_the_replicate_alone(place):
    trainer = place.trainer("return {'accuracy': 0.5}")
    arms = [trial(trainer, {"lr": lr}, replicate) for lr in (1, 2) for replicate in (0, 1)]
    seeds = [derived_seed(each) for each in arms]
    assert seeds[:2] == seeds[2:]
    assert seeds[0] != seeds[1]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derived_seed(trial(trainer, {}, 0, seed=1)) != seeds[0]


def test_streams_are_of_the_replicate_and_of_their_name():
    here = TrainContext(7, 3, 0, None)
    assert here.rng("a").random() == TrainContext(1, 3, 0, None).rng("a").random()
    assert here.rng("a").random() != here.rng("b").random()
    assert here.rng("a").random() != TrainContext(7, 4, 0, None).rng("a").random()


def test_the_rows_are_those_of_the_replicate(place):
    data = synthetic(examples=60, input_shape=(2,), classes=3, seed=1)
    body = (
        "rows = vars(context.data).items()\n"
        "return {'accuracy': 1.0, **{name: np.sum(part, dtype=float) for name, part in rows}}"
    )
    trainer = place.trainer(body)
    engine = place.engine(trainer)
    engine.dataset = data
    for replicate in (0, 1):
        one = trial(trainer, {}, replicate, validation=20)
        (found,) = outcomes(engine, one)
        rows = split(data, 20, None, 0, replicate)
        expected = {
            "x_train": data.x_train[rows.train], "y_train": data.y_train[rows.train],
            "x_val": data.x_train[rows.validation], "y_val": data.y_train[rows.validation],
            "x_test": data.x_test, "y_test": data.y_test,
        }  # fmt: skip
        sums = {name: float(np.sum(rows, dtype=float)) for name, rows in expected.items()}
        assert found.measures["test"] == {"accuracy": 1.0, **sums}
        assert not set(rows.train) & set(rows.validation)


def test_no_trial_can_change_the_rows_of_the_next(place):
    trainer = place.trainer(
        "d = context.data\n"
        "for name in vars(d):\n"
        "    try:\n"
        "        getattr(d, name)[:] = 0\n"
        "    except ValueError:\n"
        "        pass\n"
        "return {'accuracy': 1.0}"
    )
    data = synthetic(examples=60, input_shape=(2,), classes=3, seed=1)
    before = [part.copy() for part in (data.x_train, data.y_train, data.x_test, data.y_test)]
    engine = place.engine(trainer)
    engine.dataset = data
    assert isinstance(outcomes(engine, trial(trainer))[0], TrialResult)
    after = (data.x_train, data.y_train, data.x_test, data.y_test)
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_parameters_that_a_function_changes_are_whole_again(place):
    trainer = place.trainer("params['net']['depth'] += 1\nreturn {'accuracy': 0.5}")
    one = trial(trainer, {"net": {"depth": 2}})
    outcomes(place.engine(trainer), one, one)
    assert one.config.values == {"net": {"depth": 2}}


def test_the_folder_survives_and_is_named_by_the_trial(place):
    trainer = place.trainer(
        "file = context.folder / 'n'\n"
        "file.write_text(file.read_text() + 'x' if file.exists() else 'x')\n"
        "return {'accuracy': len(file.read_text()) / 10}"
    )
    engine = place.engine(trainer)
    found = outcomes(engine, trial(trainer), trial(trainer), trial(trainer, {"lr": 1}))
    assert [one.test.accuracy for one in found] == [0.1, 0.2, 0.1]


# What it may answer.


NUMBERS = {
    "float": ("0.5", 0.5),
    "int": ("1", 1.0),
    "numpy": ("np.float32(0.5)", 0.5),
    "numpy int": ("np.int64(1)", 1.0),
    "long double": ("np.longdouble(0.5)", 0.5),
    "array of one": ("np.array([0.5])", 0.5),
    "like torch": ("Scalar()", 0.5),
    "fraction": ("__import__('fractions').Fraction(1, 2)", 0.5),
}
SCALAR = "class Scalar:\n    shape = ()\n    def item(self): return 0.5\n"


@pytest.mark.parametrize(("value", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_of_any_library_are_numbers(value, expected, place):
    found = place.answer(f"return {{'accuracy': {value}}}", head=SCALAR)
    assert found.test.accuracy == expected
    assert type(found.measures["test"]["accuracy"]) is float
    assert found.diverged is None


@pytest.mark.parametrize("value", ["float('nan')", "np.nan", "float('inf')"])
def test_what_is_not_finite_has_diverged(value, place):
    metric = Metric("wait", "minimize")
    found = place.answer(f"context.report(3)\nreturn {{'wait': {value}}}", metric=metric)
    assert found.diverged == 3
    found = place.answer(f"return {{'wait': {value}}}", metric=metric)
    assert found.diverged == 1


REFUSED = {
    "nothing": ("pass", "must return a mapping of metric to value, found NoneType None"),
    "number": ("return 0.5", "a mapping of metric to value, found float 0.5"),
    "array": ("return np.ones((2, 3))", "found an array of shape (2, 3)"),
    "generator": ("yield {'accuracy': 0.5}", "found generator <generator object train"),
    "empty": ("return {}", "the metric accuracy, found nothing; return it too"),
    "other": ("return {'loss': 1, 'acuracy': 0.5}",
              "the metric accuracy, found acuracy, loss; did you mean 'acuracy'?"),
    "text": ("return {'accuracy': '0.5'}",
             "a number as accuracy of the test part, found str '0.5'"),
    "bool": ("return {'accuracy': True}", "found bool True"),
    "numpy bool": ("return {'accuracy': np.bool_(1)}", "found bool True"),
    "none": ("return {'accuracy': None}", "found NoneType None"),
    "complex": ("return {'accuracy': 1j}", "found complex 1j"),
    "values": ("return {'accuracy': np.ones(3)}", "found an array of shape (3,)"),
    "list": ("return {'accuracy': list(range(10**6))}",
             "found list [0, 1, 2, 3, 4, 5, ...]"),
    "huge": ("return {'accuracy': 10**400}", "found one beyond the range of floats"),
    "percent": ("return {'accuracy': 97.5}",
                "accuracy in 0…1, found 97.5; divide percentages by 100"),
    "infinite": ("return {'accuracy': float('inf')}", "accuracy in 0…1, found inf"),
    "mixed": ("return {'accuracy': 0.5, 'test': {'accuracy': 0.5}}", "found accuracy among them"),
    "parts": ("return {'holdout': {'accuracy': 0.5}}", "found holdout among them"),
    "validation": ("return {'validation': {'accuracy': 0.5}}",
                   "the test part, found validation alone"),
    "examples": ("return {'accuracy': 0.5, 'per_example': [[1]]}", "finite numbers as per_example"),
    "report": ("context.report('1')", "whole numbers from 0, each above the last, found str '1'"),
    "again": ("context.report(1)\ncontext.report(1)", "found int 1 after 1"),
    "back": ("context.report(2)\ncontext.report(1)", "found int 1 after 2"),
    "negative": ("context.report(-1)", "found int -1 after none"),
    "true": ("context.report(True)", "found bool True after none"),
    "half": ("context.report(1.5)", "found float 1.5 after none"),
    "named": ("context.report(1, **{'epoch': 1})", "the epoch first and without a name"),
    "reported": ("context.report(1, loss='low')", "a number as report of loss, found str 'low'"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_answer_is_said(body, message, place):
    found = place.answer(body)
    assert isinstance(found, TrialFailure)
    assert message in found.message
    assert found.trace == ""
    assert len(found.message) < 500


def test_a_second_metric_must_be_there_too(place):
    assert (
        "the metric loss, found accuracy"
        in place.answer("return {'accuracy': 0.5}", also=("loss",)).message
    )


def test_tuning_needs_the_validation_part(place):
    body = "return {'test': {'accuracy': 0.5}}"
    found = place.answer(body, replicate=TUNING_REPLICATES)
    assert (
        "the metric accuracy of the validation part, by which a fair study tunes" in found.message
    )
    assert isinstance(place.answer(body), TrialResult)


def test_reports_are_columns(place):
    found = place.answer(
        "context.report(0, loss=3)\n"
        "context.report(np.int64(2), loss=np.float32(2), acc=0.5)\n"
        "context.report(3, acc=0.75)\n"
        "return {'accuracy': 0.5}"
    )
    names = ["epoch", "loss", "acc"]
    assert list(found.reported) == names
    expected = [(0, 2, 3), (3, 2, math.nan), (math.nan, 0.5, 0.75)]
    assert np.array_equal([found.reported[name] for name in names], expected, equal_nan=True)


def test_a_training_goes_on_for_as_many_reports_as_there_are_epochs():
    context = TrainContext(0, 0, 0, None, epochs=3)
    assert [context.report(epoch, loss=1.0) for epoch in (1, 2, 3)] == [True, True, False]


def test_many_reports_are_no_slower_than_few():
    context = TrainContext(0, 0, 0, None)
    assert all(context.report(epoch, loss=epoch) for epoch in range(10_000))
    assert len(context.history["loss"]) == 10_000


# What it may do.


ENDS = {
    "raises": ("raise ValueError('no\\n such  file')", "ValueError: no such file"),
    "exits": ("sys.exit(3)", "SystemExit: 3"),
    "stops": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "base": ("raise BaseException('x')", "BaseException: x"),
    "unprintable": ("raise Silent()", "Silent: (its text cannot be made)"),
    "long": ("raise ValueError('x' * 10**7)", "ValueError: " + "x" * 299 + "…"),
    "recursion": ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "memory": ("bytearray(1 << 62)", "MemoryError"),
    "takes": ("def f(a): pass\nf()", "TypeError: train.<locals>.f() missing 1 required"),
}  # fmt: skip
SILENT = "class Silent(Exception):\n    def __str__(self): raise RuntimeError\n"


@pytest.mark.parametrize(("body", "message"), ENDS.values(), ids=ENDS)
def test_an_end_is_a_failure_with_the_users_frames(body, message, place):
    found = place.answer(body, head=SILENT)
    assert found.message.startswith(message)
    assert "in train" in found.trace
    assert "stepladder/training" not in found.trace
    assert len(found.trace) <= 10_000


CHANGES = {
    "folder": "os.chdir('/')",
    "environment": "os.environ['LEAKED'] = '1'\nos.environ.pop('PATH')",
    "mask": "os.umask(0o777)",
    "closes stdout": "sys.stdout.close()",
    "closes stderr": "sys.stderr.close()",
    "closes 1": "os.close(1)",
    "closes 1 and 2": "os.close(1)\nos.close(2)",
    "another stdout": "import io\nsys.stdout = io.StringIO()",
    "no stdout": "sys.stdout = None",
    "own folder": "import shutil\nshutil.rmtree(context.folder)",
    "output": "import shutil\nshutil.rmtree(context.folder.parent.parent / 'output')",
}


CHANGING = """
import os, sys
seen = []

def train(line, seed, context):
    mask = os.umask(0)
    os.umask(mask)
    seen.append((os.getcwd(), dict(os.environ), mask))
    print("printed")
    print("said", file=sys.stderr)
    exec(line)
    return {"accuracy": float(seen[0] == seen[-1])}
"""
ENGINE = """
import sys
from pathlib import Path
from own_training import outcomes, setup_of, trial
from stepladder.study.trainer import UserTrainer
from stepladder.training.function import FunctionEngine
folder = Path(sys.argv[1])
trainer = UserTrainer.load("train.py:train", folder)
engine = FunctionEngine(setup_of(trainer, output=folder / "output"), folder / "ckpt")
for line in [*sys.argv[2:], ""]:
    (found,) = outcomes(engine, trial(trainer, {"line": line}))
    print(getattr(found, "message", None) or found.test.accuracy, found.trial.id[:16])
"""


def test_what_a_trial_changes_of_the_process_is_undone(tmp_path):
    write(tmp_path, CHANGING)
    fakes = next(path for path in sys.path if path.endswith("fakes"))
    path = os.pathsep.join([fakes, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(  # this process' output is pytest's
        [sys.executable, "-c", ENGINE, str(tmp_path), *CHANGES.values()],
        text=True, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    rows = [line.rpartition(" ") for line in done.stdout.splitlines()]
    assert [text for text, _, _ in rows] == ["1.0"] * (len(CHANGES) + 1), done.stderr
    texts = {file.stem: file.read_text() for file in (tmp_path / "output").iterdir()}
    assert sorted(texts[rows[-1][2]].split()) == ["printed", "said"]


def test_what_is_printed_is_in_a_file_of_the_trial(place, capfd):
    trainer = place.trainer("os.write(1, str(params['lr']).encode())\nreturn {'accuracy': 0.5}")
    trials = [trial(trainer, {"lr": lr}) for lr in (1, 2)]
    outcomes(place.engine(trainer), *trials)
    files = [place.folder / "output" / f"{one.id[:16]}.txt" for one in trials]
    assert [file.read_text() for file in files] == ["1", "2"]
    assert capfd.readouterr() == ("", "")


def test_nothing_printed_leaves_no_file(place):
    place.answer("return {'accuracy': 0.5}")
    assert list((place.folder / "output").iterdir()) == []


def test_files_of_the_study_are_found_from_its_folder(place):
    write(place.folder, "0.25", "data.txt")
    head = "import pathlib\nAT_IMPORT = float(pathlib.Path('data.txt').read_text())"
    now = "float(pathlib.Path('data.txt').read_text())"
    body = f"return {{'accuracy': {now}, 'then': AT_IMPORT}}"
    assert place.answer(body, head=head).measures["test"] == {"accuracy": 0.25, "then": 0.25}


def test_a_file_that_changes_between_trials_ends_the_engine(place):
    trainer = place.trainer("return {'accuracy': 0.5}")
    engine = place.engine(trainer)
    assert len(outcomes(engine, trial(trainer))) == 1
    place.trainer("return {'accuracy': 0.7}")
    with pytest.raises(StudyError, match="as it was when the study was read, found it ch"):
        outcomes(engine, trial(trainer))


# Loading it.


IMPORTS = {
    "raises": ("raise RuntimeError('no GPU')", "raised RuntimeError: no GPU"),
    "no module": ("import no_such_module", "raised ModuleNotFoundError: No module named"),
    "exits": ("sys.exit(1)", "raised SystemExit: 1"),
    "stops": ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
}


@pytest.mark.parametrize(("head", "message"), IMPORTS.values(), ids=IMPORTS)
def test_a_file_that_cannot_be_imported_is_refused_with_the_users_frames(head, message, place):
    trainer = place.trainer("return {}", head=head)
    with pytest.raises(StudyError) as refused:
        place.engine(trainer)
    assert message in str(refused.value)
    assert f'{place.folder}/train.py", line 2' in str(refused.value)
    assert "stepladder/training" not in str(refused.value)


def test_a_name_that_the_file_gives_to_something_else_is_refused(place):
    trainer = place.trainer("return {}")
    file = place.folder / "train.py"
    file.write_text(file.read_text() + "train = 3\n")
    trainer = UserTrainer.load("train.py:train", place.folder)
    with pytest.raises(StudyError, match=r"train\.py:train is int 3 once the file has run"):
        place.engine(trainer)


def test_what_a_file_imports_is_found_next_to_it(place):
    write(place.folder, "VALUE = 0.75", "own_helper.py")
    body = "from own_helper import VALUE\nreturn {'accuracy': VALUE}"
    assert place.answer(body).test.accuracy == 0.75
    sys.modules.pop("own_helper")


def test_a_callable_is_trained_with_all_that_it_holds(place):
    factor = 0.5

    def train(params, seed):
        return {"accuracy": factor * params["lr"]}

    trainer = UserTrainer.load(train, place.folder)
    found = outcomes(place.engine(trainer), trial(trainer, {"lr": 1}))
    assert found[0].test.accuracy == 0.5


def test_a_callable_that_cannot_be_sent_is_refused(place):
    stream = open(place.folder / "x", "w")  # noqa: SIM115

    def train(params, seed):
        return {"accuracy": stream.fileno()}

    with pytest.raises(StudyError, match="open files and connections within it"):
        UserTrainer.load(train, place.folder).pickled()
    stream.close()


def test_the_versions_are_of_what_is_imported(place):
    found = place.answer("import types\nsys.modules['xgboost'] = types.ModuleType('xgboost')\n"
                         "return {'accuracy': 0.5}")  # fmt: skip
    del sys.modules["xgboost"]
    assert found.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found.versions["numpy"] == np.__version__
    assert "xgboost" not in found.versions  # a module of the user's own with that name


def test_an_error_of_ours_within_the_users_code_is_one_sentence():
    assert said(TrainingError("a  b\nc")) == "TrainingError: a b c"
    assert said(ValueError()) == "ValueError"


def test_the_metrics_of_parts_are_kept(place):
    found = place.answer(
        "return {'train': {'loss': 1}, 'validation': {'accuracy': 0.25}, 'test': "
        "{'accuracy': 0.5, 'loss': 2}, 'per_example': [True, False]}"
    )
    assert found.measures == {"train": {"loss": 1.0}, "validation": {"accuracy": 0.25},
                              "test": {"accuracy": 0.5, "loss": 2.0}}  # fmt: skip
    assert found.per_example.tolist() == [1.0, 0.0]
    assert replace(found.test) == found.test
    assert (found.validation.accuracy, found.test.loss) == (0.25, 2.0)


def test_the_function_is_the_one_that_is_named(place):
    trainer = place.trainer("return {}", head="def other(): pass")
    assert load_function(setup_of(trainer)).__name__ == "train"
