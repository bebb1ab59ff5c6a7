import json

import pytest

from stepladder.study.keras_names import LEFT_OUT, checked_call, keras_names, names_of


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("activations", "swish", "silu"),
        ("activations", "LeakyReLU".upper(), "leaky_relu"),
        ("activations", {"name": "leaky_relu", "negative_slope": 0.2}, "leaky_relu"),
        ("activations", {"name": "elu", "alpha": 2}, "elu(alpha=2.0)"),
        ("initializers", "HeNormal", "he_normal"),
        ("initializers", "truncated_normal(stddev=0.1)", "truncated_normal(stddev=0.1)"),
        ("optimizers", {"name": "Adam", "beta_2": 0.99, "beta_1": 0.9}, "adam(beta_2=0.99)"),
        ("optimizers", "adam(amsgrad=True)", "adam(amsgrad=True)"),
        ("schedules", {"name": "CosineDecay", "decay_epochs": 2}, "cosine_decay(decay_epochs=2)"),
        ("losses", "mse", "mean_squared_error"),
        ("regularizers", {"class_name": "L1L2", "config": {"l1": 0.1, "l2": 0}}, "l1_l2(l1=0.1)"),
        (
            "schedules",
            {"name": "piecewise_constant_decay", "boundaries": [1, 2], "values": [0.1, 0.01, 0.1]},
            "piecewise_constant_decay(boundaries=[1, 2], values=[0.1, 0.01, 0.1])",
        ),
    ],
)
def test_a_name_has_one_form_and_no_argument_that_is_kerass_default(kind, value, text):
    assert checked_call(kind, value, {}) == text
    assert checked_call(kind, text, {}) == text


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("optimizers", "Adamm", "did you mean 'adam'?"),
        ("optimizers", "adam(beta2=0.9)", "did you mean 'beta_2'?"),
        ("optimizers", "adam(__import__('os'))", "must be a name, or a name with arguments"),
        ("optimizers", "adam(beta_1=open('x'))", "must be a name, or a name with arguments"),
        ("activations", "threshold", "must have the argument threshold"),
        ("activations", {"name": "relu", "alpha": 0.1}, "arguments are max_value, negative_slope"),
        ("optimizers", "adam(amsgrad=1)", "must have true or false for amsgrad of adam, found 1"),
        ("optimizers", "rmsprop(rho='x')", "must have a number for rho of rmsprop, found 'x'"),
        ("optimizers", "sgd(momentum=0.9)", "write momentum = ... beside it"),
        ("optimizers", "muon(adam_weight_decay=0.1)", "write weight_decay = ... beside it"),
        ("schedules", "cosine_decay", "must have the argument decay_steps or decay_epochs"),
        (
            "schedules",
            "cosine_decay(decay_steps=1, decay_epochs=1)",
            "must have decay_steps or decay_epochs, found both",
        ),
        ("losses", "ctc", "which Keras has and recipes do not: it aligns sequences"),
    ],
)
def test_what_keras_does_not_have_is_refused(kind, value, message):
    with pytest.raises(ValueError, match=r"^must") as error:
        checked_call(kind, value, {})
    assert message in str(error.value)


def test_what_is_left_out_is_something_that_keras_has():
    for kind, names in LEFT_OUT.items():
        assert set(names) <= set(keras_names()[kind])
        assert not set(names) & set(names_of(kind))
    assert json.dumps(LEFT_OUT)
