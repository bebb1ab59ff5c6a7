"""Searches that another metric judges, and of a training of the user's own."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from fake_store import FakeStore
from optuna import load_study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection

from stepladder import Study, StudyError
from stepladder.hpo.candidates import Candidate
from stepladder.hpo.plan import populations_of, train_search
from stepladder.hpo.results import mean_merit, summarize_search
from stepladder.hpo.sampling import JOURNAL_NAME, OptunaSampler
from stepladder.report.json import search_as_json
from stepladder.report.search import as_text
from stepladder.runs.plan import RunContext
from stepladder.store import StudyRecord
from stepladder.study.search import Search
from stepladder.trials.trial import NO_HISTORY, PARTS, UNSCORED, TrialResult

SPACE = {
    "lr": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
    "net": {"depth": {"type": "int", "low": 1, "high": 6}},
    "kind": {"type": "categorical", "choices": ["a", "b"]},
    "layers": {"type": "int", "low": 1, "high": 3, "when": {"kind": "b"}},
}
BASE = {"lr": 0.1, "kind": "a", "layers": 2, "net": {"depth": 1, "width": 9}}
TRAINER = {"command": ["train", "{params}"]}


def searched(better="lower", base=BASE, space=SPACE, **search):
    return Study(
        name="s", replicates=3, trainer=TRAINER, base=base, metric={"name": "err", "better": better,
        "delta": 0.05}, search={"space": space, "trials": 12, **search},
    )  # fmt: skip


def error_of(trial):
    """Least at a rate of 0.03 and a depth of 3; the largest rates diverge."""
    values = trial.config.values
    if values["lr"] > 0.5:
        return math.nan
    noise = 0.001 * np.random.default_rng(int(trial.id[:8], 16)).normal()
    return math.log10(values["lr"] / 0.03) ** 2 + 0.1 * abs(values["net"]["depth"] - 3) + noise


def trained(trial, value, parts=PARTS):
    return TrialResult(
        trial, NO_HISTORY, UNSCORED, UNSCORED, UNSCORED, np.zeros(0, np.uint16),
        np.zeros(0, np.bool_), 1 if math.isnan(value) else None, 0, 1.0, {},
        measures={part: {"err": value} for part in parts},
    )  # fmt: skip


def search(study, rule, journal=None, parts=PARTS):
    """The outcome of a whole search whose trainings follow a rule."""
    context = RunContext(study, "data", 0, "command", 0)
    store = FakeStore()

    def train(trials, label, before, keeps):
        for trial in trials:
            if not store.has([trial.id]):
                store.add(trained(trial, rule(trial), parts))
        return store.results([trial.id for trial in trials], curves=False)

    candidates, finalists, fresh = train_search(
        context, populations_of(context), OptunaSampler(context, journal), train, str, str
    )
    record = StudyRecord(study, "d", "data", {}, (), {}, "m")
    return summarize_search(context, record, candidates, finalists, fresh, test=None, looks=0,
                            trained=0, found=0)  # fmt: skip


def noiseless(trial):
    values = trial.config.values
    best = math.log10(values["lr"] / 0.03) ** 2 + 0.1 * abs(values["net"]["depth"] - 3)
    return math.nan if values["lr"] > 0.5 else best


@pytest.mark.parametrize("sampler", ["quasi-random", "tpe", "random"])
def test_negating_the_metric_and_its_direction_gives_the_same_search(sampler):
    least = search(searched("lower", sampler=sampler, batch=4), noiseless)
    most = search(searched("higher", sampler=sampler, batch=4), lambda trial: -noiseless(trial))
    assert [one.params for one in least.candidates] == [one.params for one in most.candidates]
    assert least.winner.config == most.winner.config
    assert [one.number for one in least.finalists] == [one.number for one in most.finalists]
    assert least.searched == -most.searched
    assert least.fresh.mean == -most.fresh.mean
    assert least.luck == most.luck
    assert np.array_equal(least.expected.mean, -most.expected.mean)
    assert least.knobs == most.knobs
    assert [one.number for one in least.top] == [one.number for one in most.top]


def test_the_least_is_the_best_and_paths_are_drawn():
    result = search(searched(trials=40), error_of)
    scores = [one.score for one in result.candidates]
    assert result.winner.mean(None) < np.nanmean(scores)
    assert result.winner in sorted(result.candidates, key=lambda one: one.score)[:4]
    values = result.winner.config.values
    assert values["net"]["depth"] == result.winner.params["net.depth"]
    assert values["net"]["width"] == 9
    assert values["layers"] == result.winner.params.get("layers", 2)
    assert result.diverged == sum(map(math.isnan, scores)) > 0
    assert result.expected.trials[-1] == 40 - result.diverged
    assert all(one.rungs.keys() == {1} for one in result.candidates)


def test_what_diverged_again_comes_last():
    candidates = [
        Candidate(number, {}, config, 0, rungs={1: 1.0}, more=more, sign=-1)
        for number, (config, more) in enumerate([(None, (math.nan, 1.0)), (None, (5.0, 5.0))])
    ]
    assert [mean_merit(one, None) for one in candidates] == [-math.inf, -11 / 3]
    assert mean_merit(candidates[0], 2.0) == pytest.approx(-4 / 3)


def test_optuna_knows_the_direction(tmp_path):
    for better in ("lower", "higher"):
        file = tmp_path / f"{better}-{JOURNAL_NAME}"
        search(searched(better), error_of, file)
        known = load_study(study_name="s", storage=JournalStorage(JournalFileBackend(str(file))))
        expected = StudyDirection.MINIMIZE if better == "lower" else StudyDirection.MAXIMIZE
        assert known.direction == expected
        values = [trial.value for trial in known.trials if trial.value is not None]
        assert known.best_value == (min if better == "lower" else max)(values)


def test_page_and_json_say_the_metric():
    result = search(searched(), error_of)
    text = as_text(result)
    assert "validation err" in text
    assert "Validation err" in text
    assert "Within 0.05" in text
    assert "%" not in text.split("Hyperparameters")[0]
    value = json.loads(search_as_json(result))
    assert value["metric"] == {"name": "err", "better": "lower", "unit": ""}
    assert value["best"]["score"] == result.winner.score
    assert value["best"]["recipe"]["values"] == result.winner.config.values


def test_a_training_without_a_validation_part_cannot_be_searched():
    with pytest.raises(StudyError, match=r"by err of the validation part.*gave none; return"):
        search(searched(), error_of, parts=("test",))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"space": {"net": {"depht": SPACE["lr"]}}},
         r"keys of \[base\], found 'net.depht'; did you"),
        ({"pruning": "halving"}, "search.pruning needs base.epochs, .* found none beside"),
        ({"base": {**BASE, "epochs": 0}, "pruning": "hyperband"}, "needs base.epochs, .* found 0"),
        ({"base": {"epochs": 9}, "pruning": "halving", "space": {"epochs": SPACE["lr"]}},
         "search.space cannot draw epochs"),
        ({"per_structure": 2}, "per_structure belongs to the built-in networks"),
        ({"space": {"layers": {**SPACE["net"]["depth"], "each": True}}}, "must not have each"),
        ({"space": {}}, "must have at least one"),
        ({"space": {"lr": SPACE["lr"], "layers": {**SPACE["layers"], "when": {"kind": "a"}}}},
         "search.space.layers.when must name another parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(fields, expected):
    with pytest.raises(StudyError, match=expected):
        searched(**fields)


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_a_search_is_thinned_out_by_the_epochs_of_the_base(better):
    asked = []

    def value(trial):
        asked.append(trial.config.epochs)
        return (1 if better == "lower" else -1) * error_of(trial) / trial.config.epochs

    space = {"lr": {**SPACE["lr"], "high": 0.5}}
    study = searched(better, {**BASE, "epochs": 9}, space, pruning="halving", finalists=1)
    result = search(study, value)
    assert Counter(asked) == {1: 12, 3: 4, 9: 1 + 3}
    merits = [candidate.sign * candidate.rungs[1] for candidate in result.candidates]
    alive = [candidate for candidate in result.candidates if 3 in candidate.rungs]
    assert sorted(merits)[-4:] == sorted(one.sign * one.rungs[1] for one in alive)
    assert result.winner.config.values["epochs"] == 9
    assert result.epochs == 12 + 4 * 3 + 9 + 3 * 9
    assert f"{result.epochs} epochs" in as_text(result)


def test_a_search_of_ones_own_is_not_thinned_out_and_is_read_back_equal(tmp_path):
    study = searched()
    assert study.search.pruning == "none"
    given = Search(space={"lr": SPACE["lr"]}, trials=3)
    own = Study(name="s", trainer=TRAINER, base=BASE, metric={"name": "err", "better": "lower"},
                search=given)  # fmt: skip
    assert (own.search.pruning, given.pruning) == ("none", "halving")
    file = tmp_path / "study.toml"
    file.write_text(study.to_toml(), "utf-8")
    assert Study.load(file) == study


def test_networks_are_searched_on_the_metric_that_is_judged():
    study = Study(
        name="s", validation=100, replicates=3, base={"hidden": [4], "epochs": 9},
        metric="log_loss", search={"space": {"learning_rate": SPACE["lr"]}, "trials": 9},
    )  # fmt: skip
    context = RunContext(study, "data", 100, "population", 2)
    store, seen = FakeStore(), []

    def train(trials, label, before, keeps):
        for trial in trials:
            rate = trial.recipe.learning_rate
            value = math.nan if rate > 0.5 else 0.1 + math.log10(rate / 0.03) ** 2
            result = trained(trial, value)
            result.measures.update({part: {"log_loss": value} for part in PARTS})
            store.add(result)
        seen.extend(trials)
        return store.results([trial.id for trial in trials], curves=False)

    candidates, finalists, _ = train_search(
        context, populations_of(context), OptunaSampler(context), train, str, str
    )
    assert {trial.metrics for trial in seen} == {("log_loss",)}
    assert finalists[0].score == min(one.score for one in candidates if one.is_whole)
    assert context.baseline == math.log(2)
    assert {len(one.rungs) for one in candidates} == {1, 2, 3}  # thinned out by the least loss
