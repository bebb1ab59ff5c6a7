"""What people type at first has the answer that they need."""

import re
import shlex
import shutil

import pytest

from stepladder import Study


def test_a_run_s_folder_stands_for_its_study(made_up, in_process, place):
    made_up(6)
    shutil.copytree(place / "runs/small", place / "elsewhere")
    (place / "runs/small/stepladder.db").unlink()
    for words in ("elsewhere", "elsewhere/"):
        assert "0 trials to train, 6 found" in in_process("run", words, "--dry-run")[1]
    assert "6 trials to train," in in_process("run", "runs/small", "--dry-run")[1]


def test_results_without_a_folder_are_those_of_the_newest(made_up, in_process, place):
    code, _, err = in_process("results")
    assert (code, "found no run in 'runs'" in err) == (2, True)
    made_up(6, "runs/other/stepladder.db", name="other")
    made_up(6)
    code, out, err = in_process("results")
    assert (code, out.splitlines()[0]) == (0, "small")
    assert err == "runs/small, the newest of 2 in 'runs':\n"
    assert in_process("report", "--format", "md")[1].startswith("### small\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["results", "small"], "did you mean 'runs/small'?"),
        (["results", "runs"], "found a folder without study.toml, 'runs'; did you mean 'runs/sma"),
        (["results", "runs/small/study.toml"], "did you mean 'runs/small'?"),
        (["results", "nothing"], "found no folder 'nothing'; run a study first"),
        (["run", "runs"], "a folder without study.toml"),
        (["run", "nothing.csv"], "found no file 'nothing.csv'"),
        (["run", "iris"], "that is a dataset: `stepladder init --dataset sklearn:iris` writes"),
        (["run", "openml:credit-g"], "`stepladder init --dataset openml:credit-g` writes"),
        (["reproduce", "runs/small"], "found a folder; name the file of the table"),
        (["run", "quick", "--set", "learning_rate=0.1"], "write base.learning_rate\n"),
        (["run", "quick", "--set", "lr=0.1"], "did you mean 'base.learning_rate'?"),
        (["run", "quick", "--set", "base.lr=0.1"], "did you mean 'base.learning_rate'?"),
        (["run", "quick", "--set", "base.hidden_layer_sizes=[3]"], "you mean 'base.hidden'?"),
        (["run", "quick", "--set", "base.validation=0.2"], "not a key of base; write validation\n"),
        (["run", "quick", "--set", "base.random_state=3"], "did you mean 'seed'?"),
        (["run", "quick", "--set", "base..lr=1"], "with a dot between, found 'base..lr'; write b"),
        (["run", "quick", "--set", "name.x=1"], "write a value for it, such as --set name=quick"),
        (["run", "quick", "--set", "technique.x=1"], "such as --set 'technique=[\"ReLU\"]', or ed"),
        (
            ["run", "quick", "--set", "base.use_bias=false"],
            "own networks have biases: build others",
        ),
        (
            ["run", "quick", "--set", "base.LSTM=3"],
            "Keras has it as a layer; stepladder's own netw",
        ),
        (["run", "quick", "--set", "metric=dice"], "Keras has it as a loss; "),
        (["run", "quick", "--lr", "0.1"], "did you mean --set base.learning_rate=VALUE?"),
        (["run", "quick", "--seeds", "3"], "did you mean --replicates?"),
        (["run", "quick", "--n-jobs", "3"], "did you mean --workers?"),
        (["run", "quick", "--gpu"], "No such option '--gpu'\n"),
        (["run", "quick", "--set", "trials=3"], "write search.trials\n"),
        (["run", "quick", "--set", "dataset=fashion-mnist"], 'dataset = "keras:fashion_mnist" for'),
        (["run", "quick", "--set", "dataset=digits2"], "check the path\n"),
        (["run", "quick", "--set", "dataset=iris"], 'dataset = "sklearn:iris" for'),
    ],
)
def test_the_answer_names_what_was_meant(words, said, made_up, in_process):
    made_up(0)
    code, _, err = in_process(*words)
    assert code == 2
    assert said in err


def test_data_in_the_place_of_a_study_have_one_written_by_init(in_process, place):
    (place / "a b.csv").write_text('"x","my, kind"\n' + "1,a\n2,b\n" * 20)
    code, _, err = in_process("run", "a b.csv")
    assert code == 2
    command = re.search("`stepladder (.*)`", err)[1]
    assert in_process(*shlex.split(command), "--into", "new")[0] == 0
    study = Study.load(place / "new" / "study.toml")
    assert study.arms[0].name == "base"
    assert study.dataset.label == "my, kind"


@pytest.mark.parametrize("name", ["a.npz", "a.parquet", "a.tsv", "a.CSV"])
def test_other_data_are_data_too(name, in_process, place):
    (place / name).write_bytes(b"x")
    code, _, err = in_process("run", name)
    assert (code, f"found data; `stepladder init --dataset {name}` writes" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "STUDY must be named, found nothing; in this folder: other.toml, study.toml; "),
        (["run", "train.py"], "found a script; a study says how it is called: `stepladder init -"),
        (["mnist", "run"], "write the command first: stepladder run mnist\n"),
        (["runs/small", "report", "--format", "md"], "stepladder report runs/small --format md\n"),
        (["mnist"], "did you mean `stepladder run mnist`?"),
        (["study.toml"], "did you mean `stepladder run study.toml`?"),
        (["mnist-original"], "did you mean `stepladder reproduce mnist-original`?"),
        (["scores.csv"], "did you mean `stepladder init --dataset scores.csv`?"),
        (["runs/small"], "did you mean `stepladder results runs/small`?"),
        (["keras"], "did you mean `stepladder init --template keras`?"),
        (["rnu"], "did you mean 'run'?"),
        (["run", "qick"], "did you mean 'quick'?"),
        (["results", "study.toml"], "the file of a study, 'study.toml'; did you mean 'runs/s"),
        (["results", "other.toml"], "`stepladder run other.toml` makes its run"),
        (["init", "--template", "kears"], "did you mean 'keras'?"),
    ],
)
def test_words_in_another_order_or_place_are_understood(words, said, made_up, in_process, place):
    made_up(6)
    (place / "train.py").write_text("")
    (place / "other.toml").write_text((place / "study.toml").read_text().replace("small", "other"))
    code, _, err = in_process(*words)
    assert code == 2
    assert said in err
