"""The catalogue of techniques: what each changes, the failure it mends, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from stepladder.study.recipe import NONE, Recipe
from stepladder.study.schema import FrozenModel, did_you_mean


def as_techniques(given: object) -> object:
    """Names as techniques of the catalogue, a list as a tuple; before they are checked."""
    if not isinstance(given, list | tuple):
        return given
    return tuple({"name": each} if isinstance(each, str) else each for each in given)


class Technique(FrozenModel):
    """A named change to a recipe.

    A name of the catalogue brings its change, failure and paper; what is given beside it
    replaces the catalogue's. A name of one's own needs a change.

    Raises:
        StudyError: if the name is unknown and has no change, or the change is not valid.
    """

    holds: ClassVar[dict[str, type[FrozenModel]]] = {"change": Recipe}  # for advice in errors

    name: str = Field(
        min_length=1,
        max_length=500,
        description="A name of the catalogue (`stepladder techniques`), or one of your own.",
        examples=["He normal"],
    )
    change: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the recipe and their new values.",
        examples=[{"initializer": "he_normal"}],
    )
    mends: str = Field(default="", description="The failure that it is meant to mend.")
    reference: str = Field(default="", description="The paper that it comes from.")
    instead_of: str | None = Field(
        default=None,
        description="The technique whose place it takes, as an arm of its own beside it.",
        examples=["ReLU"],
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if isinstance(given, str):
            given = {"name": given}
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            return given
        known = find(given["name"])
        if known is not None and not given.get("change"):
            return {**known, **{key: value for key, value in given.items() if key != "change"}}
        return given

    @field_validator("change", mode="after")
    @classmethod
    def _check_change(cls, change: dict[str, Any]) -> dict[str, Any]:
        made = as_change(change)
        # Fields are checked alone here, upon a recipe in which each of them is allowed; whether
        # they agree with the rest of an arm is checked when the arm is made.
        with_momentum = change.get("optimizer", "sgd") in ("sgd", "rmsprop")
        Recipe(**{"hidden": [1], "momentum": 0.5 if with_momentum else 0.0, **made})
        return made

    @model_validator(mode="after")
    def _has_change(self) -> Technique:
        if not self.change:
            advice = did_you_mean(
                self.name, [each["name"] for each in _ENTRIES], "see `stepladder techniques`"
            )
            raise ValueError(
                "must be a technique of the catalogue or have a change, "
                f"found {self.name!r}; {advice}"
            )
        return self


def as_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a recipe's fields as TOML has it: lists for tuples, and `none` for None.

    Raises:
        ValueError: if it does not leave alone what builds the network.
    """
    if "model" in change:
        raise ValueError(
            "must be of a recipe's fields but model, found model; one study has one model: "
            "let its build read another field, such as hidden, and change that"
        )
    return {field: _written(value) for field, value in change.items()}


def _written(value: object) -> object:
    if value is None:
        return NONE
    return list(value) if isinstance(value, tuple) else value


def find(name: str) -> dict[str, Any] | None:
    """The catalogue's entry of a name, whatever its capitals, spaces and hyphens, or None."""
    plain = _plain(name)
    return next((each for each in _ENTRIES if _plain(each["name"]) == plain), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _entry(name: str, change: dict[str, Any], mends: str, reference: str) -> dict[str, Any]:
    return {"name": name, "change": change, "mends": mends, "reference": reference}


_SATURATES = "gradients that vanish where sigmoid or tanh saturate"
_DEAD = "units that answer 0 to every input and never learn again"
_SLOW = "slow progress along flat directions at one learning rate for all weights"
_ILL_SCALED = "activations whose scale drifts from layer to layer, so that early layers stall"
_OVERFIT = "overfitting: training accuracy far above validation accuracy"
_TOO_FEW = "too few images: a network that knows only the shapes it has seen"

_ENTRIES: list[dict[str, Any]] = [
    # initialisers
    _entry("plain normal", {"initializer": "random_normal"},
           "nothing: the naive starting point, deviation 0.05 in every layer",
           "Keras `RandomNormal`"),
    _entry("He normal", {"initializer": "he_normal"},
           "signals that fade layer by layer under ReLU and its kin",
           "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"),
    _entry("He uniform", {"initializer": "he_uniform"},
           "signals that fade layer by layer under ReLU and its kin",
           "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"),
    _entry("Glorot normal", {"initializer": "glorot_normal"},
           "signals and gradients that fade or grow layer by layer under tanh",
           "Glorot, Bengio 2010, AISTATS"),
    _entry("Glorot uniform", {"initializer": "glorot_uniform"},
           "signals and gradients that fade or grow layer by layer under tanh",
           "Glorot, Bengio 2010, AISTATS"),
    _entry("LeCun normal", {"initializer": "lecun_normal"},
           "signals whose variance leaves 1, which SELU relies on",
           "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"),
    _entry("LeCun uniform", {"initializer": "lecun_uniform"},
           "signals whose variance leaves 1",
           "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"),
    _entry("orthogonal", {"initializer": "orthogonal"},
           "gradients that shrink in some directions and grow in others",
           "Saxe, McClelland, Ganguli 2014, arXiv:1312.6120"),
    # activations
    _entry("sigmoid", {"activation": "sigmoid"},
           "nothing: the historical activation, kept for comparison",
           "Rumelhart, Hinton, Williams 1986, Nature 323"),
    _entry("tanh", {"activation": "tanh"},
           "the sigmoid's mean of 0.5, which slows the next layer",
           "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"),
    _entry("ReLU", {"activation": "relu"}, _SATURATES,
           "Nair, Hinton 2010, ICML; Glorot, Bordes, Bengio 2011, AISTATS"),
    _entry("leaky ReLU", {"activation": "leaky_relu"}, _DEAD,
           "Maas, Hannun, Ng 2013, ICML workshop"),
    _entry("ELU", {"activation": "elu"}, _DEAD,
           "Clevert, Unterthiner, Hochreiter 2016, arXiv:1511.07289"),
    _entry("SELU", {"activation": "selu", "initializer": "lecun_normal"}, _ILL_SCALED,
           "Klambauer, Unterthiner, Mayr, Hochreiter 2017, arXiv:1706.02515"),
    _entry("GELU", {"activation": "gelu"}, _DEAD,
           "Hendrycks, Gimpel 2016, arXiv:1606.08415"),
    _entry("SiLU", {"activation": "silu"}, _DEAD,
           "Elfwing, Uchibe, Doya 2018, arXiv:1702.03118"),
    # optimizers
    _entry("momentum", {"optimizer": "sgd", "momentum": 0.9, "nesterov": False}, _SLOW,
           "Polyak 1964; Sutskever, Martens, Dahl, Hinton 2013, ICML"),
    _entry("Nesterov", {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, _SLOW,
           "Nesterov 1983; Sutskever, Martens, Dahl, Hinton 2013, ICML"),
    _entry("RMSprop", {"optimizer": "rmsprop", "momentum": 0.0, "nesterov": False}, _SLOW,
           "Tieleman, Hinton 2012, Coursera lecture 6.5"),
    _entry("Adam", {"optimizer": "adam", "momentum": 0.0, "nesterov": False}, _SLOW,
           "Kingma, Ba 2015, arXiv:1412.6980"),
    _entry("AdamW",
           {"optimizer": "adamw", "momentum": 0.0, "nesterov": False, "weight_decay": 0.004},
           _OVERFIT, "Loshchilov, Hutter 2019, arXiv:1711.05101"),
    _entry("Nadam", {"optimizer": "nadam", "momentum": 0.0, "nesterov": False}, _SLOW,
           "Dozat 2016, ICLR workshop"),
    # normalisation
    _entry("batch normalisation", {"normalization": "batch", "normalization_position": "before"},
           _ILL_SCALED, "Ioffe, Szegedy 2015, arXiv:1502.03167"),
    _entry("batch normalisation after",
           {"normalization": "batch", "normalization_position": "after"},
           _ILL_SCALED, "Ioffe, Szegedy 2015, arXiv:1502.03167, placed after the activation"),
    _entry("layer normalisation", {"normalization": "layer", "normalization_position": "before"},
           _ILL_SCALED, "Ba, Kiros, Hinton 2016, arXiv:1607.06450"),
    # regularisers
    _entry("dropout", {"dropout": 0.2}, _OVERFIT,
           "Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, JMLR 15"),
    _entry("L2", {"l2": 0.0001}, _OVERFIT, "Krogh, Hertz 1992, NIPS"),
    _entry("weight decay", {"weight_decay": 0.004}, _OVERFIT,
           "Loshchilov, Hutter 2019, arXiv:1711.05101"),
    _entry("max-norm", {"max_norm": 3.0}, _OVERFIT,
           "Srebro, Shraibman 2005, COLT; Srivastava et al. 2014, JMLR 15"),
    _entry("label smoothing", {"label_smoothing": 0.1},
           "overconfidence: loss that rises while accuracy stands",
           "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, arXiv:1512.00567"),
    _entry("gradient clipping", {"global_clipnorm": 1.0},
           "gradients that explode and throw the weights away",
           "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063"),
    _entry("mixup", {"mixup": 0.2},
           "networks that are sure of everything, also between the classes",
           "Zhang, Cisse, Dauphin, Lopez-Paz 2018, arXiv:1710.09412"),
    _entry("virtual adversarial training", {"vat": 2.0},
           "answers that change with the inputs' smallest changes",
           "Miyato, Maeda, Koyama, Ishii 2018, arXiv:1704.03976"),
    # averages of weights
    _entry("exponential moving average", {"ema": 0.999, "swa": 0.0},
           "noise around the optimum that the last steps leave in the weights",
           "Polyak, Juditsky 1992, SIAM Journal on Control and Optimization 30"),
    _entry("stochastic weight averaging", {"swa": 0.25, "ema": 0.0},
           "ends at the rim of a flat region, whose middle generalises better",
           "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson 2018, arXiv:1803.05407"),
    # images
    _entry("affine distortions",
           {"augment_rotation": 15.0, "augment_scale": 0.15, "augment_shear": 0.2,
            "augment_shift": 2.0},
           _TOO_FEW, "Cireşan, Meier, Gambardella, Schmidhuber 2010, arXiv:1003.0358"),
    _entry("elastic distortions", {"augment_elastic": 1.2}, _TOO_FEW,
           "Simard, Steinkraus, Platt 2003, ICDAR"),
    _entry("deskewing", {"deskew": True},
           "slants of handwriting, which a network has to learn one by one",
           "LeCun, Bottou, Bengio, Haffner 1998, Proceedings of the IEEE 86"),
    # schedules
    _entry("step schedule", {"schedule": "step", "decay_epochs": 10, "decay_rate": 0.1},
           "noise around the optimum at a learning rate that never falls",
           "Bottou, Curtis, Nocedal 2018, SIAM Review 60"),
    _entry("cosine schedule", {"schedule": "cosine"},
           "noise around the optimum at a learning rate that never falls",
           "Loshchilov, Hutter 2017, arXiv:1608.03983"),
    _entry("warm-up and cosine", {"schedule": "cosine", "warmup": 0.1},
           "first steps that are too long for weights that are still random",
           "Goyal et al. 2017, arXiv:1706.02677; Loshchilov, Hutter 2017, arXiv:1608.03983"),
    _entry("one-cycle", {"schedule": "one_cycle"},
           "few epochs: a high learning rate that a cold start would not survive",
           "Smith, Topin 2018, arXiv:1708.07120"),
    # inputs
    _entry("raw inputs", {"scaling": "none"},
           "nothing: pixels 0…255 as they come, kept for comparison", ""),
    _entry("unit inputs", {"scaling": "unit"},
           "inputs so large that units saturate or steps overshoot",
           "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"),
    _entry("standardised inputs", {"scaling": "standardised"},
           "inputs with a mean far from 0, which couple the weights of a unit",
           "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"),
]  # fmt: skip

CATALOGUE: tuple[Technique, ...] = tuple(Technique(**entry) for entry in _ENTRIES)
"""Every technique that a study may name without saying what it changes."""
