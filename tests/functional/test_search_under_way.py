"""A search that trains, or was interrupted: how far it is, in `runs` and on the live page."""

import contextlib
import json
import math

import pytest
from example_run import finished
from test_search_command import SEARCH

from stepladder import RunError, Study
from stepladder.data import load
from stepladder.execution.local import this_owner
from stepladder.hpo.plan import Replay, populations_of, replay_search, search_status
from stepladder.hpo.sampling import OptunaSampler
from stepladder.runs.folder import write_study
from stepladder.runs.plan import part_sizes, run_context
from stepladder.store import StudyRecord, open_store

FOLDER = "runs/searched"


def by_its_rate(rate):
    return 0.5 + 0.1 * math.tanh(math.log(rate))


class Trained(Replay):
    """Makes up the results of a search, as many trials as it may."""

    most, rule = 0, None

    def __call__(self, trials, label, before, keeps):
        for trial in {trial.id: trial for trial in trials}.values():
            if self.most > 0 and not self.store.results([trial.id]):
                self.store.add(finished(trial, self.rule(trial.recipe.learning_rate)))
                self.most -= 1
        return super().__call__(trials, label, before, keeps)


@pytest.fixture
def searched(place, monkeypatch):
    """Makes up so many trials of a search of six candidates; its store."""
    monkeypatch.chdir(place)
    (place / "search.toml").write_text(SEARCH, "utf-8")
    study = Study.load("search.toml")
    dataset = load(study.dataset)
    folder = place / FOLDER
    folder.mkdir(parents=True)
    write_study(folder, study)
    record = StudyRecord(study, dataset.name, dataset.fingerprint, part_sizes(study, dataset),
                         dataset.class_names, {"engine": "population"}, "a machine")  # fmt: skip

    def make(count, rule=by_its_rate):
        with open_store(f"{FOLDER}/stepladder.db") as kept:
            kept.put_study(record)
            question = run_context(record)
            trained = Trained(kept)
            trained.most, trained.rule = count, rule
            asker = OptunaSampler(question, folder / "optuna.log")
            with contextlib.suppress(RunError):
                replay_search(question, list(populations_of(question)), asker, trained)
            return search_status(record, kept, folder)

    return make


def test_before_anything_is_trained_its_first_rung_comes_next(searched):
    found = searched(0)
    assert (found.planned, found.over, found.candidates) == (6, 0, ())
    assert (found.part, found.stored, found.sought) == ("candidates, 6 to epoch 2", 0, 6)


def test_candidates_that_were_stopped_are_over_and_the_others_are_not(searched):
    found = searched(7)  # the first rung, and one of three survivors
    assert (found.over, found.stored, found.sought) == (3, 1, 3)
    assert found.part == "candidates, 3 to epoch 4"
    assert [each.number for each in found.candidates] == list(range(6))
    assert all(each.rungs for each in found.candidates)
    assert not any(each.is_whole for each in found.candidates)
    assert not found.is_whole


def test_finalists_and_the_winner_are_still_to_come_when_candidates_are_over(searched):
    found = searched(9)
    assert found.over == found.planned == 6
    assert "finalists" in found.part or "the winner" in found.part
    assert not found.is_whole
    whole = searched(100)
    assert whole.is_whole
    assert whole.part == "the winner on 2 fresh replicates"


def test_one_whose_candidates_all_diverged_says_why_it_cannot_go_on(searched):
    found = searched(100, lambda rate: math.nan)
    assert (found.over, found.is_whole) == (6, False)
    assert "must train to its end, found that all 6 diverged" in found.problem


def test_going_through_it_writes_nothing_and_needs_no_journal(searched, place):
    before = searched(7)
    folder = place / FOLDER
    log = folder / "optuna.log"
    written = log.read_bytes()

    def again():
        with open_store(f"{FOLDER}/stepladder.db") as kept:
            found = search_status(before.record, kept, folder)
        return [(each.params, each.rungs, each.is_over) for each in found.candidates]

    known = [(each.params, each.rungs, each.is_over) for each in before.candidates]
    assert again() == known
    assert log.read_bytes() == written
    log.unlink()
    assert again() == known, "without the journal the same candidates are asked for"
    assert not log.exists()


def listed(in_process, *words):
    code, out, err = in_process("runs", *words, "--format", "json")
    assert code == 0, err
    (run,) = json.loads(out)
    return run


@pytest.mark.parametrize("words", [(), ("--store", f"{FOLDER}/stepladder.db")])
def test_runs_counts_its_candidates(searched, in_process, words):
    searched(7)
    run = listed(in_process, *words)
    assert (run["state"], run["stored"], run["planned"]) == ("unfinished", 3, 6)
    searched(9)
    assert listed(in_process, *words)["state"] == "unfinished", "the winner is still to come"


@pytest.mark.extra
def test_one_that_trains_is_shown_as_it_goes(searched, in_process):
    pytest.importorskip("starlette", reason="the live page needs pip install 'stepladder[ui]'")
    from stepladder.tools.dashboard import Cache, Pages, Source

    found = searched(7)
    shown = Pages(Source.of("runs"), Cache())
    assert "Nobody trains it now" in shown.run("searched")
    with open_store(f"{FOLDER}/stepladder.db") as kept:
        replay = Replay(kept)
        question = run_context(found.record)
        replay_search(question, list(populations_of(question)), OptunaSampler(question), replay)
        kept.claim(this_owner(), replay.missing)
    assert listed(in_process)["training"] == 2
    shown = Pages(Source.of("runs"), Cache())
    text = shown.run("searched")
    assert "a search, training" in text
    assert "3 of 6 candidates" in text
    assert "candidates, 3 to epoch 4: 1 of 3 trials done, 2 being trained" in text
    assert "Leading so far" in text
    assert "learning_rate 0." in text
    assert "Test" not in text
    listing = shown.runs()
    assert "training" in listing
    assert "3 of 6" in listing
