"""A name that Keras has and no list here has: the message says so, with what to do."""

from typing import Annotated

import pytest

from stepladder import Recipe, Study, StudyError
from stepladder.study.aliases import keras_names
from stepladder.study.foreign_names import choices_of, in_keras, takes_arguments
from stepladder.study.keras_names import KerasName
from stepladder.study.schema import FrozenModel

BASE = {"hidden": [8], "activation": "sigmoid"}


@pytest.mark.parametrize("kind", ["layers", "callbacks", "metrics"])
def test_every_name_of_keras_is_called_that(kind):
    """A newer Keras' names too: each is advised on, and what is to be written can be written."""
    for name in keras_names()[kind]:
        said = in_keras(name)
        assert said is not None
        assert said.startswith("Keras has it as "), name


@pytest.mark.parametrize("field", ["activation", "initializer", "optimizer", "normalization"])
def test_what_a_field_can_have_is_to_be_written_there(field):
    listed = {name for kind in keras_names().values() if isinstance(kind, dict) for name in kind}
    for name in set(choices_of(Recipe.model_fields[field])) & listed:
        assert f"here write {field} = " in in_keras(name) or "here write" in in_keras(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Conv2D", "as a layer; stepladder's own networks do not have it: build the network"),
        ("keras.layers.LSTM", "as a layer; stepladder's own networks do not have it"),
        ("SpatialDropout1D", "as a layer"),
        ("ModelCheckpoint", "as a callback; here write keep_weights = true at the top"),
        ("TerminateOnNaN", "here write nothing: a training that diverges is noticed"),
        ("TensorBoard", "here write nothing: `stepladder ui`"),
        ("BackupAndRestore", "trainings resume by themselves"),
        ("LearningRateScheduler", "here write a schedule in [base]"),
        ("Rescaling", 'here write scaling = "unit" in [base]'),
        ("Precision", "as a metric; compute it in a training of your own, `trainer`"),
        ("circle", "as a loss; here it is left out: it compares pairs of embeddings"),
        ("adam", 'as an optimizer; here write optimizer = "adam" in [base] or in a change'),
        ("use_bias", "stepladder's own networks have biases"),
        ("steps_per_epoch", "an epoch has all training examples"),
        ("n_jobs", "write --workers on the command line"),
    ],
)
def test_the_advice(name, said):
    assert said in in_keras(name)


@pytest.mark.parametrize("name", ["lerning_rate", "n_estimators", "", "foo", "max_depth"])
def test_a_name_that_keras_does_not_have_is_not_called_that(name):
    assert in_keras(name) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"base": {**BASE, "use_bias": False}}, "base.use_bias is not a key of base; stepladder's"),
        ({"use_bias": False}, "use_bias is not a key of the study; stepladder's own"),
        ({"base": {**BASE, "activation": "Conv2D"}}, "Keras has it as a layer"),
        ({"base": {**BASE, "optimizer": "LSTM"}}, "Keras has it as a layer"),
        ({"techniques": ["Conv2D"]}, "'Conv2D'; Keras has it as a layer"),
        ({"techniques": ["TerminateOnNaN"]}, "here write nothing: a training that diverges"),
        ({"techniques": [{"name": "x", "change": {"Conv2D": 1}}]}, "Keras has it as a layer"),
        ({"techniques": [{"name": "x", "change": {"mends": "y"}}]}, "; write techniques[1].mends"),
        ({"base": {**BASE, "validation": 0.2}}, "base.validation is not a key of base; write vali"),
        ({"base": {**BASE, "random_state": 1}}, "did you mean 'seed'?"),
        ({"learning_rate": 0.1}, "learning_rate is not a key of the study; write base.learning"),
        ({"lr": 0.1}, "lr is not a key of the study; did you mean 'base.learning_rate'?"),
        ({"lerning_rate": 0.1}, "did you mean 'base.learning_rate'?"),
        ({"trials": 9}, "trials is not a key of the study; write search.trials"),
        ({"tune": {"lr": [1.0]}}, "tune.lr is not a key of tune; did you mean 'tune.grid.lear"),
        ({"metric": "dice"}, "Keras has it as a loss"),
    ],
)
def test_the_message_on_a_key_a_value_a_technique_or_a_metric(fields, said):
    with pytest.raises(StudyError) as caught:
        Study(**{"name": "s", "base": BASE, "techniques": ["ReLU"], **fields})
    assert said in str(caught.value)


class Named(FrozenModel):
    activation: Annotated[str, KerasName("activations", own={"none": ()})] = "none"
    often: Annotated[str, KerasName("optimizers")] | None = None
    other: int = 0


def test_choices_of_a_field_with_names_of_keras():
    fields = Named.model_fields
    assert {"none", "relu"} <= set(choices_of(fields["activation"]))
    assert "adam" in choices_of(fields["often"])
    assert [takes_arguments(info) for info in fields.values()] == [True, True, False]
    assert choices_of(fields["other"]) == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nn.ReLU6()", "found 'nn.ReLU6()'; did you mean 'relu6'?"),
        ("logistic", "did you mean 'sigmoid'?"),
        ("Conv2D", "found 'Conv2D'; Keras has it as a layer"),
        ("adam", 'Keras has it as an optimizer; here write optimizer = "adam"'),
        ("rrelu", "write one of these"),
    ],
)
def test_a_value_that_a_field_with_names_of_keras_does_not_have(value, said):
    with pytest.raises(StudyError) as caught:
        Named(activation=value)
    assert said in str(caught.value)


def test_a_call_of_another_library_is_a_name_that_is_meant():
    with pytest.raises(StudyError, match="did you mean 'sgd'"):
        Recipe(hidden=[8], optimizer="torch.optim.SGD(lr=0.1)")


def test_a_key_at_the_top_that_a_training_of_ones_own_has_in_its_base(tmp_path):
    (tmp_path / "train.py").write_text("def train(params, seed): ...\n", "utf-8")
    file = tmp_path / "study.toml"
    file.write_text('name = "s"\ntrainer = "train.py:train"\n[base]\nlr = 0.1\n', "utf-8")
    for setting in ("lr", "learning_rate"):
        with pytest.raises(StudyError, match=r"did you mean 'base\.lr'"):
            Study.load(file, {setting: 0.2})
