"""Suggestions for names that nobody knows: the right one, or none."""

import pytest

from stepladder import CATALOGUE, Recipe
from stepladder.study.foreign_names import choices_of
from stepladder.study.schema import nearest

FIELDS = tuple(Recipe.model_fields)
TECHNIQUES = tuple(technique.name for technique in CATALOGUE)
VALUES = {
    field: choices_of(Recipe.model_fields[field])
    for field in ("activation", "initializer", "optimizer")
}
COMMANDS = ("judge", "run", "search", "results", "report", "export", "runs", "ui")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("lr", "learning_rate"), ("LR", "learning_rate"), ("lerning_rate", "learning_rate"),
        ("eta", "learning_rate"), ("lr_decay", "decay_rate"), ("wd", "weight_decay"),
        ("bs", "batch_size"), ("batchsize", "batch_size"), ("mini-batch size", "batch_size"),
        ("epoch", "epochs"), ("n_epochs", "epochs"), ("units", "hidden"), ("hiden", "hidden"),
        ("hidden_layer_sizes", "hidden"), ("act", "activation"), ("actvation", "activation"),
        ("dropout_rate", "dropout"), ("p", "dropout"), ("bn", "normalization"),
        ("momentun", "momentum"), ("optimiser", "optimizer"), ("l2_reg", "l2"),
        ("kernel_initializer", "initializer"), ("grad_clip", "global_clipnorm"),
        ("warm_up", "warmup"), ("label smooth", "label_smoothing"), ("seed", None),
        ("augment", None), ("depth", None), ("device", None), ("?", None), ("", None),
    ],
)  # fmt: skip
def test_a_field(name, right):
    assert nearest(name, FIELDS) == right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("kaiming_normal", "He normal"), ("kaiming_norml", "He normal"),
        ("kaiming uniform_", "He uniform"), ("xavier", "Glorot uniform"),
        ("xavier_normal", "Glorot normal"), ("learning rate decay", "step schedule"),
        ("early stopping", "early stopping"), ("early stop", "early stopping"),
        ("sgd+momentum", "momentum"), ("amsgrad", "AMSGrad"),
        ("cosine", "cosine schedule"), ("CosineAnnealingLR", "cosine schedule"),
        ("warmup", "warm-up and cosine"), ("batchnorm", "batch normalisation"),
        ("BatchNorm1d", "batch normalisation"), ("group norm", None), ("weight norm", None),
        ("weight standardization", None), ("Addam", "Adam"), ("Adma", "Adam"),
        ("adagrad", "Adagrad"),
        ("swish", "SiLU"), ("mish", "Mish"), ("rleu", "ReLU"), ("SGD", None), ("sdg", None),
        ("cutmix", None), ("mix up", "mixup"), ("data augmentation", "affine distortions"),
        ("l1", "L1"), ("L2 regularization", "L2"), ("grad clip", "gradient clipping"),
        ("learning rate", None), ("ema", "exponential moving average"), ("dropuot", "dropout"),
        ("label smoothing", "label smoothing"), ("residual connections", "residual connections"),
    ],
)  # fmt: skip
def test_a_technique(name, right):
    assert nearest(name, TECHNIQUES) == right


@pytest.mark.parametrize(
    ("field", "name", "right"),
    [
        ("activation", "rleu", "relu"), ("activation", "leakyrelu", "leaky_relu"),
        ("activation", "swish", "silu"), ("activation", "softplus2", "softplus"),
        ("initializer", "kaiming_normal", "he_normal"), ("initializer", "normal", "random_normal"),
        ("initializer", "zeroes", "zeros"), ("optimizer", "adamw2", "adamw"),
        ("optimizer", "sgd+momentum", "sgd"), ("optimizer", "loin", "lion"),
    ],
)  # fmt: skip
def test_a_value(field, name, right):
    assert nearest(name, VALUES[field]) == right


@pytest.mark.parametrize(
    ("name", "names", "right"),
    [
        ("arm3", ("arm1", "arm2"), None), ("bas", ("base", "all"), "base"),
        ("base line", ("baseline", "base"), "baseline"), ("+", ("-", "*"), None),
        ("jugde", COMMANDS, "judge"), ("train", COMMANDS, "run"), ("tune", COMMANDS, "search"),
        ("nope", COMMANDS, None),
    ],
)  # fmt: skip
def test_an_arm_or_a_command(name, names, right):
    assert nearest(name, names) == right
