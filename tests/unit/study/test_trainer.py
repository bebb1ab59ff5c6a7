"""What trains the trials of a study, where that is the user's own code: checks and identity."""

import functools
import linecache
import os
import pickle
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import callables
import pytest
from installed_package import install
from own_training import trial, write

from stepladder import Study
from stepladder.errors import StudyError
from stepladder.study.trainer import UserTrainer

CODE = "def train(params, seed):\n    return {'accuracy': params['lr']}\n"
BASE = {"lr": 0.1}


def load(source, folder):
    return UserTrainer.load(source, folder)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, CODE)
    return tmp_path


# What is refused.


REFUSED = {
    "no colon": ("train.py", "trainer must be FILE.py:FUNCTION, found 'train.py'"),
    "no python": ("train.sh:train", "trainer must be FILE.py:FUNCTION"),
    "no name": ("train.py:1x", "trainer must be FILE.py:FUNCTION"),
    "no file": ("trian.py:train", "found 'trian.py' in"),
    "a folder": ("sub.py:train", "Is a directory"),
    "no function": ("train.py:trian", "found 'trian'; did you mean 'train'?"),
    "number": (3, "trainer must be a text or a table, found 3"),
    "class": (dict, "trainer must be a text or a table, found <class 'dict'>"),
    "neither": ({}, "trainer must have either function or command, found neither"),
    "both": ({"function": "train.py:train", "command": ["x"]}, "found both"),
    "no command": ({"command": []}, "found neither"),
    "unknown": ({"command": ["x"], "time": 1}, "time is not a key of"),
    "timeout": ({"command": ["x"], "timeout": 0}, "trainer.timeout must be above 0"),
    "number in it": ({"command": ["x", 1]}, "trainer.command[2] must be a text"),
    "open brace": ({"command": ["x", "{lr"]}, "must have its braces in pairs, found '{lr'"),
    "closed brace": ({"command": ["x", "lr}"]}, "must have its braces in pairs, found 'lr}'"),
    "in braces": ({"command": ["x", "{{lr}"]}, "must have its braces in pairs, found '{{lr}'"),
    "pattern": ({"command": ["x"], "pattern": "("}, "must be a regular expression, found '('"),
    "no group": ({"command": ["x"], "pattern": "a"}, "one group in round brackets"),
    "groups": ({"command": ["x"], "pattern": "(a)(b)"}, "found 2 in '(a)(b)'"),
    "of a function": ({"function": "train.py:train", "pattern": "(a)"}, "pattern is for a command"),
    "files": ({"command": ["x"], "files": ["none.csv"]}, "found 'none.csv' in"),
    "pipe": ({"command": ["x"], "files": ["pipe"]}, "a pipe and no regular file"),
    "nul": ({"command": ["x"], "files": ["a\0b"]}, "trainer must name files that can be read"),
    "long": ({"command": ["x"], "files": ["a" * 300]}, "File name too long"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "message"), REFUSED.values(), ids=REFUSED)
def test_what_names_no_training_is_refused(source, message, folder):
    (folder / "sub.py").mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(StudyError) as refused:
        load(source, folder)
    assert message in str(refused.value)
    assert all(line.startswith("trainer") for line in refused.value.problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def train(:\n", "trainer must be a Python file, found invalid syntax"),
        ("\0", "trainer must be a Python file"),
        ("import x\n", "trainer must name a function of train.py"),
        ("(" * 10_000, "trainer must be a Python file"),
    ],
)
def test_a_file_that_is_no_python_is_refused_and_never_run(text, message, folder):
    write(folder, text)
    with pytest.raises(StudyError, match=message):
        load("train.py:train", folder)


def test_loading_runs_nothing(folder):
    write(folder, f"open({str(folder / 'hit')!r}, 'w')\n" + CODE)
    load("train.py:train", folder)
    assert not (folder / "hit").exists()


@pytest.mark.parametrize(
    ("signature", "base", "problem"),
    [
        ("params, seed", BASE, None),
        ("params, seed, context, replicate", BASE, None),
        ("lr, seed", BASE, None),
        ("*, lr, seed", BASE, None),
        ("lr, /, seed", BASE, None),
        ("seed, lr=1", {}, None),
        ("**rest", BASE, None),
        ("seed, *args, **rest", BASE, None),
        ("params, other=1", BASE, None),
        ("params, other", BASE, "train.py:train takes other, which must be a key of [base]"),
        ("params, lr", BASE, "takes lr, which must be a key of [base], found none"),
        ("seed, depth, **rest", BASE, "takes depth, which must be a key of [base]"),
        ("seed", BASE, "must take what [base] has, found 'lr'; add it to the function"),
        ("seed, *args", BASE, "must take what [base] has, found 'lr'"),
        ("Lr, seed", BASE, "found 'lr'; did you mean 'Lr'?"),
        ("lr, depth, seed", BASE, "takes depth, which must be a key of [base], found none"),
        ("lr, *, depth, seed", BASE, "takes depth"),
        ("params, seed", {"seed": 1}, "base.seed must have another name"),
        ("params, seed", {"out": {"a": 1}}, "base.out must have another name"),
        ("params, seed", {"context": 1}, "base.context must have another name"),
    ],
)
def test_a_function_must_take_what_the_base_has(signature, base, problem, folder):
    write(folder, f"def train({signature}): pass\n")
    space: dict = {"__name__": "train.py"}
    exec(f"def train({signature}): pass\n", space)
    of_file = load("train.py:train", folder).problems(base)
    of_callable = load(space["train"], folder).problems(base)
    assert of_file == of_callable
    assert (problem is None) == (of_file == [])
    assert problem is None or problem in " ".join(of_file)


@pytest.mark.parametrize(
    ("command", "base", "problem"),
    [
        (["x", "{lr}"], BASE, None),
        (["x", "{params}"], BASE, None),
        (["{lr}"], BASE, None),
        (["x", "{net.depth}"], {"net": {"depth": 1}}, None),
        (["x", "{my key}", "{a:b}", "{a!r}"], {"my key": 1, "a:b": 2, "a!r": 3}, None),
        (["x", "{lr}", "{seed}", "{out}", "{replicate}"], BASE, None),
        (["x", "{{lr}}", "{lr}"], BASE, None),
        (["x"], BASE, "base.lr must be in the command as {lr}, found it nowhere"),
        (["x", "{{lr}}"], BASE, "base.lr must be in the command as {lr}"),
        (["x", "{Lr}"], BASE, "found 'Lr'; did you mean 'lr'?"),
        (["x", "{lr:.3f}", "{lr}"], BASE, "found 'lr:.3f'"),
        (["x", "{}", "{lr}"], BASE, "found ''"),
        (["x", "{context}", "{lr}"], BASE, "found 'context'"),
        (["x", "{net}"], {"net": {"depth": 1}}, "found 'net'"),
        (["x", "{params}"], {"params": 1}, "base.params must have another name"),
        (["x", "{seed}"], {"seed": 1}, "base.seed must have another name"),
    ],
)
def test_a_command_must_have_what_the_base_has(command, base, problem, folder):
    found = load({"command": command}, folder).problems(base)
    assert (problem is None) == (found == []), found
    assert problem is None or problem in " ".join(found)


# Identity.


def identity(folder, **more):
    return load({"function": "train.py:train", **more}, folder).identity


def id_of(trainer, values=None, **more):
    return trial(trainer, values or BASE, **more).id


def test_the_id_changes_with_all_that_decides_the_outcome(folder, tmp_path):
    write(folder, "1", "data.csv")
    source = {"function": "train.py:train", "files": ["data.csv"]}
    one = id_of(load(source, folder))
    assert id_of(load(source, folder)) == one
    assert id_of(load(source, folder), {"lr": 0.2}) != one
    assert id_of(load(source, folder), {"lr": 1}) != id_of(load(source, folder), {"lr": 1.0})
    assert id_of(load(source, folder), seed=1) != one
    assert id_of(load(source, folder), replicate=1) != one
    assert id_of(load({**source, "version": "1"}, folder)) != one
    write(folder, "2", "data.csv")
    changed = id_of(load(source, folder))
    assert changed != one
    write(folder, CODE + "# a comment\n")
    assert id_of(load(source, folder)) not in (one, changed)
    write(folder, CODE)
    write(folder, "1", "data.csv")
    assert id_of(load(source, folder)) == one
    write(folder, CODE.replace("def train", "def fit"), "train.py")
    assert id_of(load({**source, "function": "train.py:fit"}, folder)) != one


def test_the_id_is_not_of_the_place_the_timeout_or_the_name_of_the_study(folder, tmp_path):
    elsewhere = tmp_path / "else" / "where"
    write(elsewhere, CODE)
    one = load("train.py:train", folder)
    assert load("train.py:train", elsewhere).identity == one.identity
    assert load({"function": "train.py:train", "timeout": 9}, folder).identity == one.identity
    studies = [Study(name=name, base=BASE, trainer=one) for name in ("a", "b")]
    assert len({study.base for study in studies}) == 1


def test_a_version_stands_for_the_code(folder):
    one = identity(folder, version="1")
    write(folder, CODE + "# another text\n")
    assert identity(folder, version="1") == one
    assert identity(folder, version="2") != one
    assert identity(folder) != one


def test_a_command_is_known_by_its_words_and_the_files_that_it_names(folder):
    one = load({"command": ["python", "train.py", "{lr}"]}, folder).identity
    assert load({"command": ["python", "train.py", "{lr}", "-v"]}, folder).identity != one
    assert load({"command": ["python", "train.py", "{lr}"], "pattern": "(a)"},
                folder).identity != one  # fmt: skip
    write(folder, CODE + " ")
    assert load({"command": ["python", "train.py", "{lr}"]}, folder).identity != one


CALLABLES = ("train", "Trainer(2)", "Trainer(2).other", "closure(2)", "by_factor",
             "functools.partial(helper, x=NAMES)")  # fmt: skip


def identities(change=lambda text: text):
    """Identities of the callables of a module whose text a function has changed."""
    text = change(Path(callables.__file__).read_text())
    module = types.ModuleType("own_callables")
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), text, "own_callables.py")
        linecache.clearcache()
        sys.modules["own_callables"] = module
        exec(compile(text, str(file), "exec"), vars(module))
        space = {**vars(module), "functools": functools}
        found = {name: load(eval(name, space), Path(folder)).identity for name in CALLABLES}
    del sys.modules["own_callables"]
    return found


WITH_HELPER = {*CALLABLES} - {"closure(2)"}  # a class is known by all of its methods
CHANGES = {
    "constant": ("RATE = 0.1", "RATE = 0.2", WITH_HELPER),
    "table": ("[1, 2]", "[1, 3]", WITH_HELPER),
    "array": ("np.arange(3)", "np.arange(4)", {"train", "by_factor"}),
    "set": ('"b"}', '"d"}', {"train", "by_factor", "functools.partial(helper, x=NAMES)"}),
    "helper": ("return inner(x) * RATE", "return RATE * inner(x)", WITH_HELPER),
    "helper of a helper": ("x + len(TABLE)", "len(TABLE) + x", WITH_HELPER),
    "argument": ("scale=0.5", "scale=0.6", {"by_factor"}),
    "method": ("self.factor * self.half", "1 * self.half", {"Trainer(2)", "Trainer(2).other"}),
    "attribute": ("self.factor = factor", "self.factor = factor + 1",
                  {"Trainer(2)", "Trainer(2).other"}),
    "closure": ("def train(params, seed):\n        return {\"accuracy\": factor}",
                "def train(params, seed):\n        return {\"accuracy\": -factor}", {"closure(2)"}),
    "lines above": ("import functools\n", "import functools\n\n\n# more\n\n", set()),
    "what is not used": ("RATE = 0.1", "RATE = 0.1\nUNUSED = 3", set()),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "changed"), CHANGES.values(), ids=CHANGES)
def test_a_callable_is_known_by_all_of_its_module_that_it_uses(old, new, changed):
    before = identities()
    assert Path(callables.__file__).read_text().count(old) == 1
    after = identities(lambda text: text.replace(old, new))
    assert {name for name in CALLABLES if before[name] != after[name]} == changed


def test_an_object_a_closure_and_a_default_are_known_by_their_values(folder):
    of = lambda given: load(given, folder).identity  # noqa: E731
    assert of(callables.Trainer(2)) == of(callables.Trainer(2))
    assert of(callables.Trainer(2)) != of(callables.Trainer(3))
    assert of(callables.closure(2)) == of(callables.closure(2))
    assert of(callables.closure(2)) != of(callables.closure(3))
    assert of(callables.closure([1])) != of(callables.closure([2]))
    partial = functools.partial
    assert of(partial(callables.train, scale=1)) != of(partial(callables.train, scale=2))
    assert of(partial(callables.train, {})) != of(partial(callables.train, {"a": 1}))

    def with_default(value):
        def train(params, seed, given=value):
            return {"accuracy": given}

        return train

    assert of(with_default(1)) != of(with_default(2))


PRINTED = """
import functools
from pathlib import Path
from callables import *
from stepladder.study.trainer import UserTrainer
for name in NAMES_OF:
    print(UserTrainer.load(eval(name), Path()).identity)
"""


def test_the_identity_is_the_same_in_every_process():
    def printed(seed):
        path = os.pathsep.join([os.path.dirname(callables.__file__), *sys.path])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}
        code = PRINTED.replace("NAMES_OF", repr(CALLABLES))
        return subprocess.check_output([sys.executable, "-c", code], env=environment).split()

    one = printed("1")
    assert one == printed("2")
    assert len(set(one)) == len(CALLABLES)


def test_a_callable_without_a_text_is_known_by_its_code(folder):
    def made(text):
        space: dict = {"RATE": 1}
        exec(text, space)
        return load(space["train"], folder).identity

    text = "def train(params, seed):\n    return {'accuracy': [x * RATE for x in (1, 2)]}"
    assert made(text) == made("\n\n" + text)
    assert made(text) != made(text.replace("(1, 2)", "(1, 3)"))
    assert made(text) != made(text.replace("(1, 2)", "{1, 2}"))


# Files.


def test_a_file_that_changes_is_noticed_and_is_hashed_no_more_than_it_must(folder):
    trainer = load("train.py:train", folder)
    copy = pickle.loads(pickle.dumps(trainer))
    for one in (trainer, copy):
        one.check_files()
    os.utime(folder / "train.py")  # of another time, but the same
    copy.check_files()
    write(folder, CODE.replace("lr", "rl"))
    for one in (trainer, copy):
        with pytest.raises(StudyError, match="found it changed; run the study again"):
            one.check_files()
    (folder / "train.py").unlink()
    with pytest.raises(StudyError, match="No such file"):
        trainer.check_files()


def test_what_a_store_holds_knows_no_folder_and_cannot_be_run(folder):
    trainer = load("train.py:train", folder)
    stored = load(trainer.model_dump(mode="json"), folder)
    assert stored == trainer
    assert hash(stored) == hash(trainer)
    assert stored.problems(BASE) == []
    with pytest.raises(StudyError, match="must be run from the study that names it"):
        stored.check_files()


def test_names_for_people(folder):
    assert load("train.py:train", folder).name == "train.py:train"
    assert load({"command": ["python", "train.py", "{lr}"]}, folder).name == "python train.py"
    assert load(callables.train, folder).name == "train"
    assert load(callables.Trainer(1), folder).name == "Trainer"
    assert load(callables.train, folder).is_callable
    assert load("train.py:train", folder).engine == "function"


# Trainers of installed packages.

BOOSTING = """
def train(params, seed):
    return {"accuracy": 0.5}

number = 7
"""
ENTRIES = """[stepladder.trainers]
boosting = boosts:train
seven = boosts:number
gone = boosts_gone:train
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    def installed(source=BOOSTING, version="1"):
        install(tmp_path, "boosts", source, ENTRIES, version)
        monkeypatch.syspath_prepend(tmp_path)
        sys.modules.pop("boosts", None)
        linecache.clearcache()  # of the text of what stood there before
        return tmp_path

    yield installed
    sys.modules.pop("boosts", None)


def test_a_package_offers_a_trainer_by_its_entry_point(package):
    folder = package()
    trainer = load("boosting", folder)
    assert (trainer.name, trainer.engine, trainer.is_callable) == ("boosting", "function", True)
    assert trainer.sha256["boosts"] == "1"
    assert load({"function": "boosting"}, folder).identity == trainer.identity
    assert load("boosting", package(version="2")).identity != trainer.identity
    assert load("boosting", package(BOOSTING.replace("0.5", "0.6"))).identity != trainer.identity
    pinned = [load({"function": "boosting", "version": "a"}, package(version=version)).identity
              for version in "12"]  # fmt: skip
    assert pinned[0] == pinned[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bosting", "trainer of an installed package, found 'bosting'; did you mean 'boosting'?"),
        ("seven", "must be a function, found a value of type int at boosts:number, an entry"),
        ("gone", "found ModuleNotFoundError: No module named 'boosts_gone' at"),
    ],
)
def test_a_package_that_has_no_such_trainer_is_one_message(name, message, package):
    with pytest.raises(StudyError) as refused:
        load(name, package())
    assert message in str(refused.value)
    assert all(line.startswith("trainer") for line in refused.value.problems)


def test_what_a_packages_trainer_takes_is_checked(package):
    folder = package(BOOSTING.replace("params", "rate"))
    assert load("boosting", folder).problems({"rate": 1}) == []
    [problem] = load("boosting", folder).problems({"rat": 1, "rate": 2})
    assert "found 'rat'; did you mean 'rate'" in problem
