"""Writes the names and arguments that the installed Keras has, for recipes to be checked by.

    python benchmarks/keras_names.py --into src/stepladder/study/keras_names.json

Keras takes two seconds to import, which a check of a study must not wait for: so the lists are
taken from Keras here, and a test compares them with the Keras that is installed.
"""

import argparse
import importlib
import inspect
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

_NOT_OURS = {
    "name", "dtype", "seed", "kwargs", "args", "reduction", "x", "axis", "from_logits",
    # fields of a recipe of their own
    "learning_rate", "initial_learning_rate", "weight_decay", "clipnorm", "clipvalue",
    "global_clipnorm", "gradient_accumulation_steps",
    # of layers that no perceptron has, or of several machines
    "input_axes", "output_axes", "shared_axes", "noise_shape", "synchronized",
    # averages of weights are a recipe's `ema` and `swa`; float32 needs no loss scaling
    "use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor",
}  # fmt: skip
"""Arguments that are no choice of a recipe, or that a field of its own has."""

_OF_FIELDS = {
    ("optimizers", "sgd"): {"momentum", "nesterov"},
    ("optimizers", "rmsprop"): {"momentum"},
    ("optimizers", "muon"): {"adam_weight_decay"},
    ("losses", "categorical_crossentropy"): {"label_smoothing"},
    ("losses", "binary_crossentropy"): {"label_smoothing"},
    ("losses", "sparse_categorical_crossentropy"): {"ignore_class"},
    ("schedules", "reduce_lr_on_plateau"): {"verbose", "mode"},
}


def snake(name: str) -> str:
    """A class's name as Keras writes it in lower case.

    Example:
        >>> snake("CosineDecayRestarts"), snake("L1L2"), snake("ReduceLROnPlateau")
        ('cosine_decay_restarts', 'l1_l2', 'reduce_lr_on_plateau')
    """
    name = name.replace("LROn", "LrOn").replace("KLDiv", "KlDiv").replace("CTC", "Ctc")
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _classes(module: Any, base: type) -> list[type]:
    found = {value for value in vars(module).values() if isinstance(value, type)}
    return sorted(
        (one for one in found if issubclass(one, base) and one is not base),
        key=lambda c: c.__name__,
    )


def _entry(kind: str, name: str, called: Callable[..., Any]) -> dict[str, Any]:
    left_out = _NOT_OURS | _OF_FIELDS.get((kind, name), set())
    arguments: dict[str, Any] = {}
    required = []
    for parameter in inspect.signature(called).parameters.values():
        if parameter.name in left_out or parameter.name.startswith("_"):
            continue
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
        arguments[parameter.name] = (
            None if parameter.default is inspect.Parameter.empty else parameter.default
        )
    entry: dict[str, Any] = {"class": called.__name__, "arguments": arguments}
    return entry | ({"required": required} if required else {})


def _table(
    kind: str, called: Iterable[Callable[..., Any]], naming: Callable[[str], str] = snake
) -> dict[str, Any]:
    return {
        naming(one.__name__): _entry(kind, naming(one.__name__), one)
        for one in sorted(called, key=lambda one: naming(one.__name__))
    }


def _slots(optimizer: Any) -> int:
    """Numbers that an optimizer stores for each weight of a matrix."""
    side = 64
    optimizer.build([keras.Variable(keras.ops.zeros((side, side)))])
    return int(sum(variable.value.size for variable in optimizer.variables)) // side**2


def _with_slots(optimizers: dict[str, Any]) -> dict[str, Any]:
    """The optimizers, each with its slots, and with those that a switch of it adds."""
    for name, entry in optimizers.items():
        if "required" in entry:  # wraps other optimizers
            continue
        kind = getattr(keras.optimizers, entry["class"])
        entry["slots"] = _slots(kind())
        switches = {key: not value for key, value in entry["arguments"].items()
                    if isinstance(value, bool)}  # fmt: skip
        if name in ("sgd", "rmsprop"):
            switches["momentum"] = 0.9  # a field of its own
        more = {key: _slots(kind(**{key: value})) - entry["slots"]
                for key, value in switches.items()}  # fmt: skip
        entry["more_slots"] = {key: count for key, count in more.items() if count}
    return optimizers


def _activations() -> list[Callable[..., Any]]:
    functions = {
        value
        for name, value in vars(keras.activations).items()
        if inspect.isfunction(value) and name not in ("deserialize", "get", "serialize")
    }
    return [*functions, keras.layers.PReLU]


def _with_aliases(names: dict[str, Any]) -> dict[str, Any]:
    """The lists, each entry with the other names by which Keras' `get` finds it."""
    for kind in ("activations", "initializers", "regularizers", "constraints", "optimizers",
                 "losses"):  # fmt: skip
        by_class = {entry["class"]: entry for entry in names[kind].values()}
        by_class |= names[kind]  # functions of losses
        known = importlib.import_module(f"keras.src.{kind}").ALL_OBJECTS_DICT
        for alias, value in sorted(known.items()):
            entry = by_class.get(getattr(value, "__name__", ""))
            forms = (
                {entry["class"].lower(), *(n for n, e in names[kind].items() if e is entry)}
                if (entry)
                else set()
            )
            if (
                entry
                and alias
                and alias.replace("_", "").lower()
                not in {form.replace("_", "").lower() for form in forms}
            ):
                entry.setdefault("aliases", []).append(alias)
    return names


def catalogue() -> dict[str, Any]:
    """All that is listed, by kind and name."""
    layers, losses = keras.layers, keras.losses
    normalizations = [layers.BatchNormalization, layers.LayerNormalization,
                      layers.GroupNormalization, layers.RMSNormalization,
                      layers.UnitNormalization, layers.SpectralNormalization]  # fmt: skip
    noises = [layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout]
    schedules = keras.optimizers.schedules
    return _with_aliases({
        "version": keras.__version__,
        "activations": _table(
            "activations",
            _activations(),
            lambda name: "prelu" if name == "PReLU" else name,
        ),
        "initializers": _table(
            "initializers",
            _classes(keras.initializers, keras.initializers.Initializer),
            lambda name: "stft" if name == "STFT" else snake(name),
        ),
        "regularizers": _table(
            "regularizers", _classes(keras.regularizers, keras.regularizers.Regularizer)
        ),
        "constraints": _table(
            "constraints", _classes(keras.constraints, keras.constraints.Constraint)
        ),
        "normalizations": _table(
            "normalizations",
            normalizations,
            lambda name: snake(name).removesuffix("_normalization"),
        ),
        "noises": _table("noises", noises),
        "optimizers": _with_slots(_table(
            "optimizers", _classes(keras.optimizers, keras.optimizers.Optimizer), str.lower
        )),
        "schedules": _table(
            "schedules",
            [*_classes(schedules, schedules.LearningRateSchedule),
             keras.callbacks.ReduceLROnPlateau],
        ),
        "losses": _table("losses", _classes(losses, losses.Loss)),
        # of these the names alone: a message says that Keras has them
        "layers": [one.__name__ for one in _classes(layers, layers.Layer)],
        "callbacks": [
            one.__name__ for one in _classes(keras.callbacks, keras.callbacks.Callback)
        ],
        "metrics": [one.__name__ for one in _classes(keras.metrics, keras.metrics.Metric)],
    })  # fmt: skip


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    into = parser.parse_args().into
    into.write_text(json.dumps(catalogue(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
