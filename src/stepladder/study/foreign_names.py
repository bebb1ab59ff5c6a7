"""What a name is in Keras, and what stands for it here: advice for names that nobody here knows."""

from collections.abc import Iterable, Iterator

from pydantic.fields import FieldInfo

from stepladder.study.aliases import keras_names, plain, without_library
from stepladder.study.keras_names import LEFT_OUT, KerasName
from stepladder.study.schema import nearest

_NETWORK = "stepladder's own networks do not have it: build the network yourself with `model`"
_TRAINING = "stepladder's own networks do not have it: train a network yourself with `trainer`"
_CALLBACK = "callbacks need a training of your own, `trainer`"

_KINDS = {  # of Keras' lists: a noun, the field of a recipe, what to do where that lacks it
    "activations": ("an activation", "activation", _NETWORK),
    "initializers": ("an initialiser", "initializer", _NETWORK),
    "normalizations": ("a normalisation", "normalization", _NETWORK),
    "optimizers": ("an optimizer", "optimizer", _TRAINING),
    "schedules": ("a schedule", "schedule", _TRAINING),
    "losses": ("a loss", "loss", _TRAINING),
    "regularizers": ("a regulariser", "kernel_regularizer", _NETWORK),
    "constraints": ("a constraint", "kernel_constraint", _NETWORK),
    "noises": ("a layer of noise", "noise", _NETWORK),
    "callbacks": ("a callback", "", _CALLBACK),
    "metrics": ("a metric", "", "compute it in a training of your own, `trainer`"),
    "layers": ("a layer", "", _NETWORK),
}

HERE = {  # of a callback, a layer or an argument, where nothing has its name: what to write
    "EarlyStopping": ("patience", "patience = 5 in [base]"),
    "ReduceLROnPlateau": ("schedule", "a schedule in [base]"),
    "LearningRateScheduler": ("schedule", "a schedule in [base]"),
    "SwapEMAWeights": ("ema", "ema = 0.999 in [base]"),
    "ModelCheckpoint": ("", "keep_weights = true at the top of the study"),
    "BackupAndRestore": ("", "nothing: trainings resume by themselves"),
    "CSVLogger": ("", "nothing: the report shows the history"),
    "TensorBoard": ("", "nothing: `stepladder ui` shows the training"),
    "ProgbarLogger": ("", "nothing: the progress is shown"),
    "History": ("", "nothing: the report shows the history"),
    "TerminateOnNaN": ("", "nothing: a training that diverges is noticed"),
    "Normalization": ("scaling", 'scaling = "standardised" in [base]'),
    "Rescaling": ("scaling", 'scaling = "unit" in [base]'),
    "Flatten": ("", "nothing: inputs are flattened"),
    "InputLayer": ("", "nothing: the shape of inputs follows from the data"),
    "Softmax": ("", "nothing: the last layer follows from the data"),
    "BatchNormalization": ("normalization", 'normalization = "batch" in [base]'),
    "LayerNormalization": ("normalization", 'normalization = "layer" in [base]'),
    "Dropout": ("dropout", "dropout = 0.2 in [base]"),
    "Dense": ("hidden", "hidden = [50] in [base]"),
    "MixUp": ("mixup", "mixup = 0.2 in [base]"),
}

ARGUMENTS = {
    "use_bias": "stepladder's own networks have biases: build others yourself with `model`",
    "shuffle": "examples are shuffled in each epoch: leave it out",
    "verbose": "progress is shown on a terminal: leave it out",
    "callbacks": _CALLBACK,
    "compile": "everything is compiled: leave it out",
    "jit_compile": "everything is compiled: leave it out",
    "run_eagerly": "everything is compiled: leave it out",
    "steps_per_epoch": "an epoch has all training examples: write epochs, batch_size or "
    "train_examples",
    "max_steps": "an epoch has all training examples: write epochs, batch_size or train_examples",
    "input_shape": "it follows from the data: leave it out",
    "input_dim": "it follows from the data: leave it out",
    "output_dim": "it follows from the data: leave it out",
    "num_classes": "it follows from the data: leave it out",
    "n_classes": "it follows from the data: leave it out",
    "sample_weight": "examples count alike: train a network yourself with `trainer` for others",
    "dtype": "recipes train in float32: leave it out",
    "device": "it follows from the machine: leave it out",
    "num_workers": "write --workers on the command line",
    "n_jobs": "write --workers on the command line",
    "gpus": "it follows from the machine: leave it out",
}


def advice(name: str, names: Iterable[str], otherwise: str) -> str:
    """What to do about a name that is none of some: the one meant, or what Keras has by it.

    Example:
        >>> advice("lr", ["learning_rate"], "")
        "did you mean 'learning_rate'?"
        >>> advice("Conv2D", ["learning_rate"], "")
        "Keras has it as a layer; stepladder's own networks do not have it: build the network yourself with `model`"
    """  # noqa: E501 - a line of output
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else in_keras(name) or otherwise


def in_keras(name: str) -> str | None:
    """What Keras has by a name, and what to write here; None where it has nothing by it.

    Example:
        >>> in_keras("TerminateOnNaN")
        'Keras has it as a callback; here write nothing: a training that diverges is noticed'
        >>> in_keras("lerning_rate") is None
        True
    """
    from stepladder.study.recipe import Recipe  # made of names of Keras, so it comes after them

    fields, bare = Recipe.model_fields, plain(without_library(name))
    for argument, text in ARGUMENTS.items():
        if plain(argument) == bare:
            return text
    entries = sorted(_entries(bare), key=lambda entry: _KINDS[entry[0]][1] not in fields)
    for kind, key in entries:
        noun, field, otherwise = _KINDS[kind]
        if field in fields and key in choices_of(fields[field]):
            return f'Keras has it as {noun}; here write {field} = "{key}" in [base] or in a change'
        needed, text = HERE.get(key, (field, ""))
        if text and (not needed or needed in fields):
            return f"Keras has it as {noun}; here write {text}"
    for kind, key in entries:
        noun, _, otherwise = _KINDS[kind]
        reason = LEFT_OUT.get(kind, {}).get(key)
        return f"Keras has it as {noun}; " + (f"here it is left out: it {reason}" if reason else
                                             otherwise)  # fmt: skip
    return _of_argument(name, fields)


def _entries(bare: str) -> Iterator[tuple[str, str]]:
    """The lists of Keras that have a name, each with the name there."""
    for kind in _KINDS:
        listed = keras_names().get(kind, {})
        for key in listed:
            forms = {key}
            if isinstance(listed, dict):
                forms |= {listed[key]["class"], *listed[key].get("aliases", ())}
            if bare in map(plain, forms):
                yield kind, key


def _of_argument(name: str, fields: dict[str, FieldInfo]) -> str | None:
    """What to write for an argument of something that a field has with its arguments."""
    for kind, (_, field, _) in _KINDS.items():
        if not takes_arguments(fields.get(field)):
            continue
        known = choices_of(fields[field])
        having = [key for key, entry in keras_names()[kind].items()
                  if key in known and name in entry["arguments"]]  # fmt: skip
        if having:
            return (
                f"Keras has it as an argument of {', '.join(having)}; here write "
                f'{field} = {{ name = "{having[0]}", {name} = ... }}'
            )
    return None


def choices_of(info: FieldInfo) -> tuple[str, ...]:
    """The texts that a field may have, where they are a list.

    Example:
        >>> from stepladder import Recipe
        >>> "adam" in choices_of(Recipe.model_fields["optimizer"])
        True
    """
    for mark in _marks(info):
        if isinstance(mark, KerasName):
            return mark.names
    return tuple(one for one in getattr(info.annotation, "__args__", ()) if isinstance(one, str))


def takes_arguments(info: FieldInfo | None) -> bool:
    """Whether a field takes a name of Keras with its arguments."""
    return info is not None and any(isinstance(mark, KerasName) for mark in _marks(info))


def _marks(info: FieldInfo) -> Iterator[object]:
    yield from info.metadata
    for inner in getattr(info.annotation, "__args__", ()):
        yield from getattr(inner, "__metadata__", ())
