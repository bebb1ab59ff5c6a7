"""The catalogue of techniques: what each changes, the failure it fixes, where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import field_validator, model_validator

from stepladder.study.foreign_names import advice
from stepladder.study.recipe import CLIPPINGS, FIELD_ROLES, NONE, Change, Recipe, companions
from stepladder.study.schema import FrozenModel, plain, toml_key
from stepladder.study.values import FreeValues


def as_techniques(value: object) -> object:
    """Names as techniques of the catalogue, a list as a tuple; before they are checked."""
    if not isinstance(value, list | tuple):
        return value
    return tuple({"name": item} if isinstance(item, str) else item for item in value)


class Technique(FrozenModel):
    """A named change to a recipe.

    A name of the catalogue brings its change, failure and paper; what is given beside it
    replaces the catalogue's. A name of one's own needs a change.

    Raises:
        StudyError: if the name is unknown and has no change, or the change is not valid.

    Example:
        >>> dict(Technique(name="ReLU").change)
        {'activation': 'relu'}
        >>> Technique(name="wider", change={"hidden": [200, 200]}).change["hidden"]
        [200, 200]
    """

    # fmt: off
    name: str = toml_key(
        ..., "A name of the catalogue (`stepladder techniques`), or one of your own.", "He normal",
        min_length=1, max_length=500)
    change: Change = toml_key(
        ..., "Fields of the recipe and their new values.", {"initializer": "he_normal"},
        default_factory=dict)
    mends: str = toml_key("", "The failure that it is meant to mend.")
    reference: str = toml_key("", "The paper that it comes from.")
    instead_of: str | None = toml_key(
        None, "The technique whose place it takes, as an arm of its own beside it.", "ReLU")
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if isinstance(values, str):
            values = {"name": values}
        if not isinstance(values, dict) or not isinstance(values.get("name"), str):
            return values
        entry = find_technique(values["name"])
        if entry is not None and not values.get("change"):
            return {**entry, **{key: value for key, value in values.items() if key != "change"}}
        return values

    @field_validator("change", mode="after")
    @classmethod
    def _check_change(cls, change: dict[str, Any]) -> dict[str, Any]:
        # Fields are checked alone here, on a recipe in which each of them is allowed; whether
        # they agree with the rest of an arm is checked when the arm is made.
        needs: dict[str, Any] = {"hidden": [1, 1], **companions(change)}
        for field, value in change.items():
            if field in FIELD_ROLES and value != Recipe.model_fields[field].default:
                needs |= FIELD_ROLES[field].needs
        alone = {**needs, **change}
        if "own" in change or isinstance(change.get("model"), str):
            alone["model"] = f"{'0' * 64}:build"  # a name's file is read with the study
        Recipe(**alone)
        return change

    @model_validator(mode="after")
    def _has_change(self) -> Technique:
        if not self.change:
            requirement = "must be a technique of the catalogue or have a change"
            raise ValueError(unknown_technique(requirement, self.name))
        return self


class FreeTechnique(Technique):
    """A named change to the parameters of a training of the user's own.

    Example:
        >>> FreeTechnique(name="warm-up", change={"warmup": 0.1}).change
        {'warmup': 0.1}
    """

    # fmt: off
    change: FreeValues = toml_key(
        ..., "Keys of [base] and their new values.", {"warmup": 0.1}, default_factory=dict)
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return values  # the catalogue's changes are those of recipes

    @field_validator("change", mode="after")
    @classmethod
    def _check_change(cls, change: dict[str, Any]) -> dict[str, Any]:
        return change

    @model_validator(mode="after")
    def _has_change(self) -> FreeTechnique:
        if not self.change:
            raise ValueError(
                f"technique {self.name!r} must have a change, found none; write a value such as "
                "change = { dropout = 0.3 }"
            )
        return self


def find_technique(name: str) -> dict[str, Any] | None:
    """The catalogue's entry of a name, whatever its capitals, spaces and hyphens, or None.

    Example:
        >>> find_technique("he-normal")["change"]
        {'initializer': 'he_normal'}
    """
    return _ENTRIES.get(plain(name))


def change_text(change: Mapping[str, Any]) -> str:
    """What a technique changes in a recipe: "dropout = 0.2"."""
    return ", ".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in change.items()
    )


def unknown_technique(requirement: str, name: str) -> str:
    """A line for a name that the catalogue does not have."""
    names = [entry["name"] for entry in _ENTRIES.values()]
    return f"{requirement}, found {name!r}; {advice(name, names, 'see `stepladder techniques`')}"


_SATURATES = "gradients that vanish where sigmoid or tanh saturate"
_DEAD = "units that answer 0 to every input and never learn again"
_SLOW = "slow progress along flat directions at one learning rate for all weights"
_ILL_SCALED = "activations whose scale drifts from layer to layer, so that early layers stall"
_OVERFIT = "overfitting: training accuracy far above validation accuracy"
_FADES = "signals that fade layer by layer under ReLU and its kin"
_FADES_OR_GROWS = "signals and gradients that fade or grow layer by layer under tanh"
_NOISE = "noise around the optimum at a learning rate that never falls"
_EFFICIENT = "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"
_EXPLODES = "gradients that explode and throw the weights away"
_DEEP = "deep networks that train worse than shallow ones, since gradients fade on their way down"
_OUTLIERS = "a few large errors that decide what the squared error learns"
_TOO_FEW = "too few images: a network that knows only the shapes it has seen"

_NO_MOMENTUM = {"momentum": 0.0, "nesterov": False}
_NO_CLIPPING = dict.fromkeys(CLIPPINGS, NONE)

_Entry = tuple[str, dict[str, Any], str, str]
"""Name, change, what it mends, reference."""

_INITIALISERS: list[_Entry] = [
    ("plain normal", {"initializer": "random_normal"},
     "nothing: the naive starting point, deviation 0.05 in every layer", "Keras `RandomNormal`"),
    ("He normal", {"initializer": "he_normal"}, _FADES,
     "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"),
    ("He uniform", {"initializer": "he_uniform"}, _FADES,
     "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"),
    ("Glorot normal", {"initializer": "glorot_normal"}, _FADES_OR_GROWS,
     "Glorot, Bengio 2010, AISTATS"),
    ("Glorot uniform", {"initializer": "glorot_uniform"}, _FADES_OR_GROWS,
     "Glorot, Bengio 2010, AISTATS"),
    ("LeCun normal", {"initializer": "lecun_normal"},
     "signals whose variance leaves 1, which SELU relies on", _EFFICIENT),
    ("LeCun uniform", {"initializer": "lecun_uniform"}, "signals whose variance leaves 1",
     _EFFICIENT),
    ("orthogonal", {"initializer": "orthogonal"},
     "gradients that shrink in some directions and grow in others",
     "Saxe, McClelland, Ganguli 2014, arXiv:1312.6120"),
    ("zero initialisation", {"initializer": "zeros"},
     "nothing: symmetry never breaks, so that all units of a layer stay alike",
     "Rumelhart, Hinton, Williams 1986, Parallel Distributed Processing 1"),
    ("positive biases", {"bias_initializer": "constant(value=0.1)"},
     "ReLUs that answer nothing in the first steps", "Krizhevsky, Sutskever, Hinton 2012, NIPS"),
]  # fmt: skip

_ACTIVATIONS: list[_Entry] = [
    ("sigmoid", {"activation": "sigmoid"},
     "nothing: the historical activation, kept for comparison",
     "Rumelhart, Hinton, Williams 1986, Nature 323"),
    ("tanh", {"activation": "tanh"}, "the sigmoid's mean of 0.5, which slows the next layer",
     _EFFICIENT),
    ("ReLU", {"activation": "relu"}, _SATURATES,
     "Nair, Hinton 2010, ICML; Glorot, Bordes, Bengio 2011, AISTATS"),
    ("leaky ReLU", {"activation": "leaky_relu"}, _DEAD, "Maas, Hannun, Ng 2013, ICML workshop"),
    ("ELU", {"activation": "elu"}, _DEAD,
     "Clevert, Unterthiner, Hochreiter 2016, arXiv:1511.07289"),
    ("SELU", {"activation": "selu", "initializer": "lecun_normal"}, _ILL_SCALED,
     "Klambauer, Unterthiner, Mayr, Hochreiter 2017, arXiv:1706.02515"),
    ("GELU", {"activation": "gelu"}, _DEAD, "Hendrycks, Gimpel 2016, arXiv:1606.08415"),
    ("SiLU", {"activation": "silu"}, _DEAD, "Elfwing, Uchibe, Doya 2018, arXiv:1702.03118"),
    ("Mish", {"activation": "mish"}, _DEAD, "Misra 2020, arXiv:1908.08681"),
    ("hard SiLU", {"activation": "hard_silu"}, "the cost of the sigmoid in SiLU",
     "Howard et al. 2019, arXiv:1905.02244"),
    ("softplus", {"activation": "softplus"}, _DEAD,
     "Dugas, Bengio, Bélisle, Nadeau, Garcia 2001, NIPS 13"),
    ("PReLU", {"activation": "prelu"}, _DEAD, "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"),
    ("CELU", {"activation": "celu"}, _DEAD, "Barron 2017, arXiv:1704.07483"),
]  # fmt: skip

_OPTIMIZERS: list[_Entry] = [
    ("momentum", {"optimizer": "sgd", "momentum": 0.9, "nesterov": False}, _SLOW,
     "Polyak 1964; Sutskever, Martens, Dahl, Hinton 2013, ICML"),
    ("Nesterov", {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, _SLOW,
     "Nesterov 1983; Sutskever, Martens, Dahl, Hinton 2013, ICML"),
    ("RMSprop", {"optimizer": "rmsprop", **_NO_MOMENTUM}, _SLOW,
     "Tieleman, Hinton 2012, Coursera lecture 6.5"),
    ("Adam", {"optimizer": "adam", **_NO_MOMENTUM}, _SLOW,
     "Kingma, Ba 2015, arXiv:1412.6980"),
    ("AdamW", {"optimizer": "adamw", **_NO_MOMENTUM, "weight_decay": 0.004},
     _OVERFIT, "Loshchilov, Hutter 2019, arXiv:1711.05101"),
    ("Nadam", {"optimizer": "nadam", **_NO_MOMENTUM}, _SLOW,
     "Dozat 2016, ICLR workshop"),
    ("AMSGrad", {"optimizer": "adam(amsgrad=True)", **_NO_MOMENTUM},
     "rare large gradients that Adam soon forgets, so that it moves away from an optimum",
     "Reddi, Kale, Kumar 2018, arXiv:1904.09237"),
    ("Adamax", {"optimizer": "adamax", **_NO_MOMENTUM},
     "gradients of very different sizes, whose squares make Adam's steps uneven",
     "Kingma, Ba 2015, arXiv:1412.6980, section 7.1"),
    ("Adagrad", {"optimizer": "adagrad", **_NO_MOMENTUM},
     "one learning rate for inputs that are rare and for those that are frequent",
     "Duchi, Hazan, Singer 2011, JMLR 12"),
    ("Adadelta", {"optimizer": "adadelta", **_NO_MOMENTUM},
     "steps of Adagrad that only ever shrink; its learning rate is 1 in the paper",
     "Zeiler 2012, arXiv:1212.5701"),
    ("Adafactor", {"optimizer": "adafactor", **_NO_MOMENTUM},
     "an optimizer that takes as much memory again as the weights, or twice as much",
     "Shazeer, Stern 2018, arXiv:1804.04235"),
    ("FTRL", {"optimizer": "ftrl", **_NO_MOMENTUM},
     "weights of rare inputs that never become exactly 0, with its L1 penalty",
     "McMahan et al. 2013, KDD"),
    ("Lion", {"optimizer": "lion", **_NO_MOMENTUM},
     "the memory and the uneven steps of Adam: all its steps have one size",
     "Chen et al. 2023, arXiv:2302.06675"),
    ("LAMB", {"optimizer": "lamb", **_NO_MOMENTUM},
     "large batches, whose learning rate suits one layer and not another",
     "You et al. 2020, arXiv:1904.00962"),
    ("Muon", {"optimizer": "muon", **_NO_MOMENTUM},
     "steps that go along a few directions of a weight matrix alone",
     "Jordan et al. 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982"),
    ("schedule-free AdamW", {"optimizer": "schedulefreeadamw", **_NO_MOMENTUM},
     "schedules that must know in advance when the training ends",
     "Defazio et al. 2024, arXiv:2405.15682"),
    ("gradient accumulation", {"gradient_accumulation_steps": 4},
     "gradients of small batches that are too noisy, where memory allows no larger ones",
     "Ott, Edunov, Grangier, Auli 2018, arXiv:1806.00187"),
]  # fmt: skip

_NORMALISATIONS: list[_Entry] = [
    ("batch normalisation", {"normalization": "batch", "normalization_position": "before"},
     _ILL_SCALED, "Ioffe, Szegedy 2015, arXiv:1502.03167"),
    ("batch normalisation after", {"normalization": "batch", "normalization_position": "after"},
     _ILL_SCALED, "Ioffe, Szegedy 2015, arXiv:1502.03167, placed after the activation"),
    ("layer normalisation", {"normalization": "layer", "normalization_position": "before"},
     _ILL_SCALED, "Ba, Kiros, Hinton 2016, arXiv:1607.06450"),
    ("group normalisation",
     {"normalization": "group(groups=2)", "normalization_position": "before"},
     "statistics of small batches, which batch normalisation relies on",
     "Wu, He 2018, arXiv:1803.08494"),
    ("RMS normalisation", {"normalization": "rms", "normalization_position": "before"},
     _ILL_SCALED, "Zhang, Sennrich 2019, arXiv:1910.07467"),
]  # fmt: skip

_CONNECTIONS: list[_Entry] = [
    ("residual connections", {"residual": True}, _DEEP,
     "He, Zhang, Ren, Sun 2016, arXiv:1512.03385"),
    ("stochastic depth", {"residual": True, "stochastic_depth": 0.2},
     "overfitting of deep residual networks, and gradients that fade in them",
     "Huang, Sun, Liu, Sedra, Weinberger 2016, arXiv:1603.09382"),
]  # fmt: skip

_REGULARISERS: list[_Entry] = [
    ("dropout", {"dropout": 0.2}, _OVERFIT,
     "Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, JMLR 15"),
    ("dropout before", {"dropout": 0.2, "dropout_position": "before"}, _OVERFIT,
     "Srivastava et al. 2014, JMLR 15, placed before the activation"),
    ("Gaussian noise", {"noise": "gaussian_noise(stddev=0.1)"}, _OVERFIT,
     "Poole, Sohl-Dickstein, Ganguli 2014, arXiv:1406.1831"),
    ("input noise", {"input_noise": "gaussian_noise(stddev=0.1)"}, _OVERFIT,
     "Bishop 1995, Neural Computation 7"),
    ("Gaussian dropout", {"noise": "gaussian_dropout(rate=0.2)"}, _OVERFIT,
     "Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, JMLR 15, section 10"),
    ("alpha dropout", {"noise": "alpha_dropout(rate=0.1)"},
     "overfitting of networks with SELU, whose mean and variance dropout would change",
     "Klambauer, Unterthiner, Mayr, Hochreiter 2017, arXiv:1706.02515"),
    ("L2", {"l2": 0.0001}, _OVERFIT, "Krogh, Hertz 1992, NIPS"),
    ("L1", {"kernel_regularizer": "l1(l1=0.0001)", "l2": 0.0},
     "many small weights where few would do",
     "Tibshirani 1996, Journal of the Royal Statistical Society B 58"),
    ("elastic net", {"kernel_regularizer": "l1_l2(l1=0.0001, l2=0.0001)", "l2": 0.0},
     "L1 that keeps one of several correlated inputs alone",
     "Zou, Hastie 2005, Journal of the Royal Statistical Society B 67"),
    ("orthogonal regularisation",
     {"kernel_regularizer": "orthogonal_regularizer(factor=0.0001)", "l2": 0.0},
     "units of a layer that learn the same", "Bansal, Chen, Wang 2018, arXiv:1810.09102"),
    ("activity regularisation", {"activity_regularizer": "l1(l1=1e-05)"},
     "hidden units that all answer every input", "Glorot, Bordes, Bengio 2011, AISTATS"),
    ("weight decay", {"weight_decay": 0.004}, _OVERFIT,
     "Loshchilov, Hutter 2019, arXiv:1711.05101"),
    ("max-norm", {"max_norm": 3.0}, _OVERFIT,
     "Srebro, Shraibman 2005, COLT; Srivastava et al. 2014, JMLR 15"),
    ("unit norm", {"kernel_constraint": "unit_norm", "max_norm": "none"},
     "weights whose length, not direction, changes what a unit answers", "Keras `UnitNorm`"),
    ("label smoothing", {"label_smoothing": 0.1},
     "overconfidence: loss that rises while accuracy stands",
     "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, arXiv:1512.00567"),
    ("gradient clipping", {**_NO_CLIPPING, "global_clipnorm": 1.0}, _EXPLODES,
     "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063"),
    ("gradient clipping by variable", {**_NO_CLIPPING, "clipnorm": 1.0}, _EXPLODES,
     "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, for each variable"),
    ("value clipping", {**_NO_CLIPPING, "clipvalue": 0.5}, _EXPLODES,
     "Mikolov 2012, PhD thesis, Brno; Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063"),
    ("mixup", {"mixup": 0.2}, "networks that are sure of everything, also between the classes",
     "Zhang, Cisse, Dauphin, Lopez-Paz 2018, arXiv:1710.09412"),
    ("virtual adversarial training", {"vat": 2.0},
     "answers that change with the inputs' smallest changes",
     "Miyato, Maeda, Koyama, Ishii 2018, arXiv:1704.03976"),
]  # fmt: skip

_LOSSES: list[_Entry] = [
    ("class weights", {"class_weight": "balanced"},
     "rare classes that are hardly ever answered, since frequent ones fill the loss",
     "King, Zeng 2001, Political Analysis 9"),
    ("focal loss", {"loss": "categorical_focal_crossentropy"},
     "easy examples that fill the loss by their number",
     "Lin, Goyal, Girshick, He, Dollár 2017, arXiv:1708.02002"),
    ("Huber loss", {"loss": "huber"}, _OUTLIERS,
     "Huber 1964, Annals of Mathematical Statistics 35"),
    ("log-cosh", {"loss": "log_cosh"}, _OUTLIERS,
     "Green 1990, IEEE Transactions on Medical Imaging 9"),
]  # fmt: skip

_AVERAGES: list[_Entry] = [
    ("exponential moving average", {"ema": 0.999, "swa": 0.0},
     "noise around the optimum that the last steps leave in the weights",
     "Polyak, Juditsky 1992, SIAM Journal on Control and Optimization 30"),
    ("stochastic weight averaging", {"swa": 0.25, "ema": 0.0},
     "ends at the rim of a flat region, whose middle generalises better",
     "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson 2018, arXiv:1803.05407"),
]  # fmt: skip

_IMAGES: list[_Entry] = [
    ("affine distortions",
     {"augment_rotation": 15.0, "augment_scale": 0.15, "augment_shear": 0.2, "augment_shift": 2.0},
     _TOO_FEW, "Cireşan, Meier, Gambardella, Schmidhuber 2010, arXiv:1003.0358"),
    ("elastic distortions", {"augment_elastic": 1.2}, _TOO_FEW,
     "Simard, Steinkraus, Platt 2003, ICDAR"),
    ("deskewing", {"deskew": True},
     "slants of handwriting, which a network has to learn one by one",
     "LeCun, Bottou, Bengio, Haffner 1998, Proceedings of the IEEE 86"),
]  # fmt: skip

_SCHEDULES: list[_Entry] = [
    ("step schedule", {"schedule": "step", "decay_epochs": 10, "decay_rate": 0.1}, _NOISE,
     "Bottou, Curtis, Nocedal 2018, SIAM Review 60"),
    ("cosine schedule", {"schedule": "cosine"}, _NOISE,
     "Loshchilov, Hutter 2017, arXiv:1608.03983"),
    ("cosine with restarts", {"schedule": "cosine_decay_restarts(first_decay_epochs=5)"},
     "an optimum that a rate which only falls cannot leave for a better one",
     "Loshchilov, Hutter 2017, arXiv:1608.03983"),
    ("exponential schedule", {"schedule": "exponential_decay(decay_epochs=2, decay_rate=0.94)"},
     _NOISE, "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, arXiv:1512.00567, section 8"),
    ("polynomial schedule",
     {"schedule": "polynomial_decay(decay_epochs=20, end_learning_rate=0.0, power=0.9)"}, _NOISE,
     "Chen, Papandreou, Kokkinos, Murphy, Yuille 2017, arXiv:1606.00915"),
    ("warm-up and cosine", {"schedule": "cosine", "warmup": 0.1},
     "first steps that are too long for weights that are still random",
     "Goyal et al. 2017, arXiv:1706.02677; Loshchilov, Hutter 2017, arXiv:1608.03983"),
    ("one-cycle", {"schedule": "one_cycle"},
     "few epochs: a high learning rate that a cold start would not survive",
     "Smith, Topin 2018, arXiv:1708.07120"),
    ("plateau schedule", {"schedule": "reduce_lr_on_plateau(patience=5)"},
     "a learning rate that stays too large once validation loss falls no more",
     "Krizhevsky, Sutskever, Hinton 2012, NIPS"),
]  # fmt: skip

_STOPPING: list[_Entry] = [
    ("early stopping", {"patience": 5, "score_at": "best"},
     "epochs after the best one, which cost time and overfit",
     "Prechelt 1998, Early stopping - but when?, Neural Networks: Tricks of the Trade"),
]  # fmt: skip

_INPUTS: list[_Entry] = [
    ("raw inputs", {"scaling": "none"}, "nothing: pixels 0…255 as they come, kept for comparison",
     ""),
    ("unit inputs", {"scaling": "unit"}, "inputs so large that units saturate or steps overshoot",
     _EFFICIENT),
    ("standardised inputs", {"scaling": "standardised"},
     "inputs with a mean far from 0, which couple the weights of a unit", _EFFICIENT),
]  # fmt: skip

_KINDS = {
    "Initialisers": _INITIALISERS,
    "Activations": _ACTIVATIONS,
    "Optimizers": _OPTIMIZERS,
    "Normalisation": _NORMALISATIONS,
    "Connections": _CONNECTIONS,
    "Regularisers": _REGULARISERS,
    "Losses and classes": _LOSSES,
    "Averages of weights": _AVERAGES,
    "Images": _IMAGES,
    "Schedules": _SCHEDULES,
    "Early stopping": _STOPPING,
    "Inputs": _INPUTS,
}

_ENTRIES: dict[str, dict[str, Any]] = {
    plain(name): {"name": name, "change": change, "mends": mends, "reference": reference}
    for entries in _KINDS.values()
    for name, change, mends, reference in entries
}

CATALOGUE: tuple[Technique, ...] = tuple(Technique(**entry) for entry in _ENTRIES.values())
"""Every technique that a study may name without saying what it changes."""

KINDS: Mapping[str, tuple[str, ...]] = {
    kind: tuple(name for name, *_ in entries) for kind, entries in _KINDS.items()
}
"""The names of the catalogue by what they change, as the page of techniques groups them."""
