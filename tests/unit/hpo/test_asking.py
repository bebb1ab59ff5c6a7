"""What is asked follows from the study and what was told, and Optuna can read all of it."""

import sys
from dataclasses import replace

import numpy as np
import optuna
import pytest
from example_run import question_about
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from stepladder import StudyError
from stepladder.hpo.sampling import OptunaSampler, points, sampler
from stepladder.training.groups import program_key


def outcome(candidate):
    rate = candidate.params["learning_rate"]
    candidate.rungs = {1: 0.5 + rate / 4, 9: 0.6 + rate / 4} if candidate.number % 3 else {1: 0.4}
    candidate.seconds, candidate.is_over = 1.0, True


def asked(study, sizes, journal=None):
    """Every candidate's values, population by population."""
    asker, found = OptunaSampler(question_about(study), journal), []
    for number, size in enumerate(sizes):
        candidates = asker.ask(size, number)
        for each in candidates:
            outcome(each)
        found += candidates
        asker.tell(found)
    return found


def params(candidates):
    return [dict(each.params) for each in candidates]


@pytest.mark.parametrize("name", ["quasi-random", "random", "tpe", "RandomSampler"])
def test_the_same_study_asks_the_same(searching, name):
    study, _ = searching(sampler=name, trials=9, startup=3)
    first = asked(study, [3, 3, 3])
    assert params(first) == params(asked(study, [3, 3, 3]))
    other, _ = searching(sampler=name, trials=9, startup=3)
    assert params(asked(other.changed({"seed": 1}), [3, 3, 3])) != params(first)


def test_values_belong_to_the_space_and_conditions_hold(searching):
    study, _ = searching(trials=64)
    candidates = asked(study, [64])
    assert all(("momentum" in each.params) == (each.params["optimizer"] == "sgd")
               for each in candidates)  # fmt: skip
    assert all(each.config.hidden == (each.params["units"],) for each in candidates)
    rates = np.log10([each.params["learning_rate"] for each in candidates])
    counts, _ = np.histogram(rates, bins=8, range=(-4, 0))
    assert counts.tolist() == [8] * 8, "quasi-random points lie evenly"


def test_a_sampler_begins_with_quasi_random_points_and_then_learns(searching):
    quasi, _ = searching(trials=12)
    learning, _ = searching(trials=12, sampler="tpe", startup=4)
    one, other = params(asked(quasi, [12])), params(asked(learning, [4, 4, 4]))
    assert one[:4] == other[:4]
    assert one[4:] != other[4:]


def test_a_longer_search_begins_like_a_shorter_one(searching):
    short, _ = searching(trials=5)
    longer, _ = searching(trials=40)
    assert params(asked(short, [5])) == params(asked(longer, [40]))[:5]


@pytest.mark.parametrize("name", ["quasi-random", "tpe"])
def test_candidates_in_a_row_share_a_program_and_differ_in_its_numbers(searching, name):
    study, _ = searching(trials=12, per_structure=4, sampler=name, startup=4)
    recipes = [each.config for each in asked(study, [4, 4, 4])]
    for start in (0, 4, 8):
        four = recipes[start : start + 4]
        assert len({program_key(each) for each in four}) == 1
        assert len({each.learning_rate for each in four}) == 4
    assert len({program_key(each) for each in recipes}) > 1


def test_candidates_of_one_structure_say_so_wherever_a_population_begins(searching):
    study, _ = searching(trials=12, per_structure=4)
    found = asked(study, [6, 6])
    rows = [each.structure for each in found]
    assert rows[0:4] == [rows[0]] * 4
    assert rows[4:8] == [rows[4]] * 4
    params = dict(found[4].params)
    params.pop("learning_rate")  # the number of a lane
    assert dict(rows[4]) == params


def test_no_population_of_a_sampler_repeats_the_one_before(searching):
    study, _ = searching(sampler="QMCSampler", trials=48, startup=16)
    found = params(asked(study, [16, 16, 16]))
    assert len({each["learning_rate"] for each in found}) == 48


def test_the_journal_is_read_by_optuna_and_takes_the_place_of_asking(searching, tmp_path):
    study, _ = searching(sampler="tpe", trials=12, startup=3, space=None)
    journal = tmp_path / "optuna.log"
    whole = asked(study, [6, 6])
    asked(study, [6], journal)
    kept = optuna.load_study(
        study_name="s", storage=JournalStorage(JournalFileBackend(str(journal)))
    )
    assert [dict(each.params) for each in kept.trials] == params(whole)[:6]
    assert kept.trials[1].intermediate_values == pytest.approx(whole[1].rungs)
    assert kept.trials[0].state.name == "PRUNED"
    assert set(optuna.importance.get_param_importances(kept, params=["learning_rate"])) == {
        "learning_rate"
    }
    again = asked(study.changed({"search": study.search.changed({"sampler": "tpe"})}), [6, 6],
                  journal)  # fmt: skip
    assert params(again) == params(whole)
    longer = study.changed({"search": study.search.changed({"trials": 100})})
    assert params(asked(longer, [6], journal)) == params(whole)[:6]


def test_what_is_under_way_counts_as_far_as_it_came_and_is_running_in_the_journal(
    searching, tmp_path
):
    study, _ = searching(sampler="tpe", trials=24, startup=12)

    def second(rungs, journal=None):
        asker = OptunaSampler(question_about(study), journal)
        first = asker.ask(12, 0)
        for each in first:
            each.rungs = rungs(each)
        asker.tell(first)
        return params(asker.ask(12, 1))

    journal = tmp_path / "optuna.log"
    rising = second(lambda each: {1: 0.5 + each.number / 100}, journal)
    assert rising != second(lambda each: {1: 0.9 - each.number / 100})
    kept = optuna.load_study(
        study_name="s", storage=JournalStorage(JournalFileBackend(str(journal)))
    )
    assert [each.state.name for each in kept.trials] == ["RUNNING"] * 12
    assert second(lambda each: {1: 0.5 + each.number / 100}, journal) == rising


@pytest.mark.extra
@pytest.mark.parametrize("name", ["cmaes", "gp", "NSGAIISampler"])
def test_samplers_that_read_whole_trials_alone_learn_from_dropped_ones_too(searching, name):
    if name != "NSGAIISampler":
        pytest.importorskip({"cmaes": "cmaes", "gp": "torch"}[name])
    numbers = {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "units": {"type": "int", "low": 2, "high": 9},
    }
    size = 50  # of a generation of NSGA-II
    study, _ = searching(space=numbers, sampler=name, trials=3 * size, startup=12)

    def third(rungs):
        asker, found = OptunaSampler(question_about(study)), []
        for number in range(2):
            found += asker.ask(size, number)
            for each in found:
                each.rungs = rungs(each)
            asker.tell(found)
        return params(asker.ask(12, 2))

    rising = third(lambda each: {1: each.params["units"] / 10})
    falling = third(lambda each: {1: 1 - each.params["units"] / 10})
    assert rising != falling
    assert rising == third(lambda each: {1: each.params["units"] / 10})
    assert np.mean([each["units"] for each in rising]) > np.mean(
        [each["units"] for each in falling]
    )


@pytest.mark.extra
@pytest.mark.parametrize("name", ["cmaes", "NSGAIISampler"])
def test_no_notes_of_a_sampler_are_read_from_a_file_or_written_to_one(searching, tmp_path, name):
    if name == "cmaes":
        pytest.importorskip("cmaes")
    study, _ = searching(sampler=name, trials=36, startup=12)
    journal = tmp_path / "optuna.log"
    first = asked(study, [12, 12, 12], journal)
    assert params(asked(study, [12, 12, 12], journal)) == params(first)
    kept = optuna.load_study(
        study_name="s", storage=JournalStorage(JournalFileBackend(str(journal)))
    )
    assert not any(each.system_attrs for each in kept.trials)


def test_the_journal_of_other_data_is_not_gone_on_with(searching, tmp_path):
    _, question = searching(sampler="tpe", trials=24, startup=12)
    journal = tmp_path / "optuna.log"

    def second(question, sign, journal=None):
        asker = OptunaSampler(question, journal)
        found = asker.ask(12, 0)
        for each in found:
            each.rungs = {1: 0.5 + sign * each.number / 100}
        asker.tell(found)
        found += asker.ask(12, 1)
        asker.tell(found)
        return params(found)

    rising = second(question, 1, journal)
    for other in (replace(question, fingerprint="other"), replace(question, validation=50)):
        assert second(other, -1, journal) == second(other, -1) != rising


@pytest.mark.parametrize("damage", [b"", b"not a journal\n", b'{"op_code": 99}\n'])
def test_a_journal_that_cannot_be_read_is_made_again(searching, tmp_path, damage):
    study, _ = searching(trials=4)
    journal = tmp_path / "optuna.log"
    journal.write_bytes(damage)
    assert params(asked(study, [4], journal)) == params(asked(study, [4]))
    storage = JournalStorage(JournalFileBackend(str(journal)))
    assert len(optuna.load_study(study_name="s", storage=storage).trials) == 4


def test_the_journal_of_another_space_is_not_gone_on_with(searching, tmp_path):
    study, _ = searching(trials=4)
    journal = tmp_path / "optuna.log"
    asked(study, [4], journal)
    other, _ = searching(space={"units": {"type": "int", "low": 20, "high": 30}})
    candidates = OptunaSampler(question_about(other), journal).ask(4, 0)
    assert all(20 <= each.params["units"] <= 30 for each in candidates)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tpee", "did you mean 'tpe'?"),
        ("GridSampler", "needs no arguments"),
        ("BruteForceSampler", "must be one that draws from this space"),
        ("os.system", "must be a sampler"),
    ],
)
def test_an_unknown_sampler_is_refused_before_anything_is_trained(searching, name, expected):
    study, _ = searching(sampler=name)
    with pytest.raises(StudyError, match=expected.replace("?", r"\?")):
        OptunaSampler(question_about(study))


@pytest.mark.parametrize(("name", "package"), [("cmaes", "cmaes"), ("gp", "torch")])
def test_a_sampler_whose_package_is_missing_says_so(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StudyError, match="needs a package that is not installed"):
        sampler(name, 0)


def test_points_in_a_row_share_what_is_structural():
    found = points(8, [True, False], 4, seed=3)
    assert len(set(found[:, 0])) == 2
    assert len(set(found[:, 1])) == 8
    assert (points(16, [True, False], 4, 3)[:8] == found).all()
    assert points(0, [True], 1, 0).shape == (0, 1)
