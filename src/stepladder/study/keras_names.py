"""Names of Keras with their arguments, as recipes write them: `elu(alpha=0.5)`.

What Keras has is read from `keras_names.json`, which `make docs` writes from the installed Keras:
importing Keras would take two seconds. A value is one text, so that it can be a choice of a search
space, a cell of a table and a part of a fingerprint.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from stepladder.study.aliases import keras_names as keras_names
from stepladder.study.schema import nearest

Kind = Literal[
    "activations", "initializers", "regularizers", "constraints", "normalizations", "noises",
    "optimizers", "schedules", "losses",
]  # fmt: skip

LEFT_OUT: dict[str, dict[str, str]] = {
    "activations": {},
    "initializers": {"stft": "draws kernels of a Fourier transform of sounds"},
    "normalizations": {"spectral": "wraps another layer, and no unit"},
    "optimizers": {
        "lossscaleoptimizer": "scales losses for float16; recipes train in float32",
        "multioptimizer": "takes an optimizer a layer, which no single text can name",
    },
    "losses": {
        "ctc": "aligns sequences, which a perceptron does not give",
        "circle": "compares pairs of embeddings, not answers with targets",
    },
}
"""What Keras has and recipes do not, with the reason, by kind."""

_OF_FIELDS: dict[str, dict[str, str]] = {
    "optimizers": {
        **{name: name for name in (
            "learning_rate", "weight_decay", "momentum", "nesterov", "clipnorm", "clipvalue",
            "global_clipnorm", "gradient_accumulation_steps",
        )},
        "adam_weight_decay": "weight_decay", "ema_momentum": "ema", "use_ema": "ema",
    },
    "schedules": {"initial_learning_rate": "learning_rate"},
}  # fmt: skip
"""Arguments that recipes have as fields of their own, and these fields, by kind."""

IN_EPOCHS = {
    "decay_steps": "decay_epochs",
    "first_decay_steps": "first_decay_epochs",
    "warmup_steps": "warmup_epochs",
    "boundaries": "boundaries_epochs",
}
"""Arguments of schedules that count steps, and the names under which recipes count epochs."""


def names_of(kind: Kind) -> tuple[str, ...]:
    """The names of a kind that recipes may have.

    Example:
        >>> "nadam" in names_of("optimizers"), "ctc" in names_of("losses")
        (True, False)
    """
    left_out = LEFT_OUT.get(kind, {})
    return tuple(name for name in keras_names()[kind] if name not in left_out)


@lru_cache(maxsize=4096)
def parse_call(text: str) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """The name and the arguments of a value.

    Raises:
        ValueError: if it is no name with arguments.

    Example:
        >>> parse_call("adam(beta_1=0.8)"), parse_call("relu")
        (('adam', (('beta_1', 0.8),)), ('relu', ()))
    """
    name, bracket, _ = text.partition("(")
    if not bracket:
        return text, ()
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            raise ValueError
        arguments = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
        if len(arguments) != len(call.keywords):
            raise ValueError
    except (SyntaxError, ValueError):
        raise ValueError(
            f"must be a name, or a name with arguments such as {name.strip()}(argument=0.1), "
            f"found {text!r}; write {{ name = {json.dumps(name.strip())}, argument = 0.1 }}"
        ) from None
    return name.strip(), tuple(arguments.items())


def name_of(text: str) -> str:
    """The name of a value, its arguments left out.

    Example:
        >>> name_of("adam(beta_1=0.8)")
        'adam'
    """
    return text.partition("(")[0]


def arguments_of(text: str) -> dict[str, Any]:
    """The arguments of a value.

    Example:
        >>> arguments_of("adam(beta_1=0.8)")
        {'beta_1': 0.8}
    """
    return dict(parse_call(text)[1])


def call_of(name: str, arguments: Mapping[str, Any]) -> str:
    """The text of a name with arguments.

    Example:
        >>> call_of("adam", {"beta_1": 0.8}), call_of("relu", {})
        ('adam(beta_1=0.8)', 'relu')
    """
    words = ", ".join(f"{key}={value!r}" for key, value in sorted(arguments.items()))
    return f"{name}({words})" if words else name


def _as_call(value: object) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments of a text, or of a table as TOML or Keras' own configuration has it."""
    if isinstance(value, str):
        name, arguments = parse_call(value)
        return name, dict(arguments)
    if isinstance(value, Mapping):
        if set(value) >= {"class_name", "config"}:
            return str(value["class_name"]), dict(value["config"])
        if isinstance(value.get("name"), str):
            return value["name"], {key: item for key, item in value.items() if key != "name"}
    return None


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def checked_call(kind: Kind, value: object, own: Mapping[str, Iterable[str]]) -> object:
    """A value of a field in its one form: Keras' name, arguments that differ from Keras' defaults.

    Args:
        kind: which of Keras' lists the name is of.
        value: a text, or a table with `name`; anything else is returned as it is.
        own: further names that recipes have, each with its arguments.

    Raises:
        ValueError: if Keras has no such name, or its class no such argument.

    Example:
        >>> checked_call("optimizers", {"name": "Adam", "beta_1": 0.9, "beta_2": 0.99}, {})
        'adam(beta_2=0.99)'
    """
    is_foreign = isinstance(value, str) and "." in name_of(value)  # torch.optim.SGD(lr=0.1)
    called = (str(value), dict[str, Any]()) if is_foreign else _as_call(value)
    if called is None:
        return value
    name, arguments = called
    names = (*own, *names_of(kind))
    known = _known_name(kind, name, names)
    if known is None:
        reason = LEFT_OUT.get(kind, {}).get(name.lower())
        if reason is not None:
            raise ValueError(
                f"must be a name that recipes have, found {name!r}, which Keras has and recipes do "
                f"not: it {reason}; choose one of {', '.join(names)}"
            )
        from stepladder.study.foreign_names import advice  # it needs this module

        raise ValueError(
            f"must be one of {', '.join(names)}, found {name!r}; "
            f"{advice(name, names, 'write one of these')}"
        )
    for key in arguments:
        field_name = _OF_FIELDS.get(kind, {}).get(key)
        if field_name and key not in keras_names()[kind].get(known, {}).get("arguments", {}):
            raise ValueError(
                f"must not have {key}, which is the field {field_name} of a recipe, found it in "
                f"the brackets of {known}; write {field_name} = ... beside it"
            )
    if known in own:
        return call_of(known, _checked_arguments(known, arguments, dict.fromkeys(own[known]), ()))
    entry = keras_names()[kind][known]
    defaults, required = entry["arguments"], entry.get("required", ())
    if kind == "schedules":
        defaults, required = _with_epochs(arguments, defaults, required)
    return call_of(known, _checked_arguments(known, arguments, defaults, required))


def _with_epochs(
    given: Mapping[str, Any], defaults: Mapping[str, Any], required: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Defaults and required arguments of a schedule, those of `IN_EPOCHS` included."""
    epochs = {steps: name for steps, name in IN_EPOCHS.items() if steps in defaults}
    for steps, name in epochs.items():
        if steps in given and name in given:
            raise ValueError(f"must have {steps} or {name}, found both; remove one of them")
    named = [epochs[key] if epochs.get(key) in given else key for key in required]
    return {**defaults, **dict.fromkeys(epochs.values())}, named


def _known_name(kind: Kind, name: str, names: Iterable[str]) -> str | None:
    """The name of a list that a name is, whatever its capitals: `Adam`, `HeNormal`, `he_normal`."""
    by_form = {known.replace("_", ""): known for known in names}
    for known, entry in keras_names()[kind].items():
        if known in by_form.values():
            for form in (entry["class"], *entry.get("aliases", ())):
                by_form.setdefault(form.replace("_", "").lower(), known)
    return by_form.get(name.replace("_", "").lower())


def _checked_arguments(
    name: str, given: Mapping[str, Any], defaults: Mapping[str, Any], required: Iterable[str]
) -> dict[str, Any]:
    for key in given:
        if key not in defaults:
            near = nearest(key, defaults)
            has = f"its arguments are {', '.join(defaults)}" if defaults else "it has none"
            advice = f"did you mean {near!r}?" if near else has
            raise ValueError(f"must have arguments that {name} has, found {key!r}; {advice}")
        if not _plain(given[key]):
            raise ValueError(
                f"must have arguments that are numbers, texts, true or false, or lists, found "
                f"{given[key]!r} for {key}; write one of these"
            )
        if not _is_kind(given[key], defaults[key]):
            expected = "true or false" if isinstance(defaults[key], bool) else "a number"
            raise ValueError(
                f"must have {expected} for {key} of {name}, found {given[key]!r}; write a value "
                f"such as {key} = {json.dumps(defaults[key])}"
            )
    missing = [key for key in required if key not in given]
    if missing:
        instead = IN_EPOCHS.get(missing[0])
        either = f"{missing[0]} or {instead}" if instead in defaults else missing[0]
        raise ValueError(
            f"must have the argument {either}, which {name} needs, found none; write "
            f"{{ name = {json.dumps(name)}, {missing[0]} = ... }}"
        )
    values = {key: _like(value, defaults[key]) for key, value in given.items()}
    return {
        key: value
        for key, value in values.items()
        if key in required or value != defaults[key] or type(value) is not type(defaults[key])
    }


def _is_kind(value: object, default: object) -> bool:
    """Whether a value is a switch where the default is one, and a number where that is one."""
    if isinstance(default, bool) or value is None:
        return isinstance(value, bool | None)
    return not isinstance(default, int | float) or type(value) in (int, float)


def _like(value: Any, default: Any) -> Any:  # noqa: ANN401 - of any plain kind
    """A whole number as the fraction that Keras' default is; a tuple as a list."""
    if isinstance(value, tuple):
        return list(value)
    return float(value) if type(default) is float and type(value) is int else value


@dataclass(frozen=True)
class KerasName:
    """Says that a text is a name of one of Keras' lists, with its arguments if it has any.

    Attributes:
        kind: which of Keras' lists.
        own: further names that recipes have, each with its arguments.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import TypeAdapter
        >>> adapter = TypeAdapter(Annotated[str, KerasName("activations")])
        >>> adapter.validate_python({"name": "LeakyReLU", "negative_slope": 0.1})
        'leaky_relu(negative_slope=0.1)'
    """

    kind: Kind
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def names(self) -> tuple[str, ...]:
        """All that it may be."""
        return (*self.own, *names_of(self.kind))

    def checked(self, value: object) -> object:
        """A value in its one form; see `checked_call`."""
        return checked_call(self.kind, value, self.own)

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401 - a type
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        """A text that is checked, or a table that becomes one."""
        return core_schema.no_info_before_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """As a study file may have it."""
        table = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        return {"anyOf": [{"type": "string", "examples": list(self.names)}, table]}
