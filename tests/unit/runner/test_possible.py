"""What an engine or a dataset cannot do is told before anything is trained, all of it at once."""

from dataclasses import replace

import pytest

from stepladder import CATALOGUE, Recipe, Study, StudyError
from stepladder.data.synthetic import synthetic
from stepladder.execution.machine import Settings
from stepladder.runs.preflight import check_possible

POPULATION = Settings((None,), {}, "jax", None, "a machine")
FIT = replace(POPULATION, engine="fit")
OF_IMAGES = ["affine distortions", "elastic distortions", "deskewing"]


def study(*techniques, **fields):
    return Study(name="s", base=Recipe(hidden=[4]), techniques=techniques, **fields)


def data(*shape):
    return synthetic(examples=60, input_shape=shape, classes=3, seed=0)


def test_the_population_engine_trains_every_technique_on_images():
    base = Recipe(hidden=[4])
    changes = [each.change for each in CATALOGUE if base.changed(each.change) != base]
    arms = [{"name": str(place), "change": each} for place, each in enumerate(changes)]
    check_possible(study(arm=arms, design="explicit"), data(6, 6), POPULATION)


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("shape", [(36,), (6, 6, 3)])
def test_what_bends_images_is_refused_on_anything_else(name, shape):
    with pytest.raises(StudyError) as caught:
        check_possible(study(name), data(*shape), POPULATION)
    told = str(caught.value)
    assert "must be of grey images" in told
    assert str(shape) in told
    assert "leave it out" in told


def test_virtual_adversarial_training_is_refused_under_fit():
    asked = study("Adam", "virtual adversarial training", "dropout")
    check_possible(asked, data(6, 6), POPULATION)
    with pytest.raises(StudyError) as caught:
        check_possible(asked, data(6, 6), FIT)
    assert len(caught.value.problems) == 2  # the arm and the rung above it
    assert "vat must be trained by the population engine, found --engine fit" in str(caught.value)


def test_a_space_is_looked_at_as_arms_are():
    space = {"vat": {"type": "float", "low": 0.5, "high": 4.0},
             "augment_shift": {"type": "float", "low": 0.0, "high": 3.0}}  # fmt: skip
    asked = study(search={"trials": 4, "space": space})
    check_possible(asked, data(6, 6), POPULATION)
    with pytest.raises(StudyError) as caught:
        check_possible(asked, data(36), FIT)
    assert [each.split(":")[0] for each in caught.value.problems] == ["search.space"] * 2
