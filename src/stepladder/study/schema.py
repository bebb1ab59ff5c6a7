"""What all declared values share: strict, frozen, canonical, and errors that help."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache, partial
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from stepladder.errors import InputError, StudyError
from stepladder.study.aliases import ALIASES, ONLY_BESIDE, names_of_one_meaning, without_library
from stepladder.study.aliases import plain as plain

_inside_another: ContextVar[bool] = ContextVar("_inside_another", default=False)


def _without_example(schema: dict[str, Any]) -> None:
    """A docstring is the description in `stepladder schema`, but for its example in Python."""
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\nExample:")[0]


class FrozenModel(BaseModel):
    """A strict, frozen, hashable value that explains what is wrong with its fields.

    Raises:
        StudyError: from the constructor, with every problem at once.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        populate_by_name=True,
        use_attribute_docstrings=False,
        json_schema_extra=_without_example,
    )

    describes_training: ClassVar[bool] = False
    """Whether advice on an unknown key says what Keras has by that name."""

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401 - any field, checked below
        """Checks every field.

        Args:
            fields: the fields by name.

        Raises:
            StudyError: if any of them is unknown, missing or not valid.
        """
        if _inside_another.get():  # the outermost value reports for all values in it
            super().__init__(**fields)
            return
        token = _inside_another.set(True)
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise StudyError(problems_of(error, type(self))) from None
        finally:
            _inside_another.reset(token)

    def changed(self, change: Mapping[str, Any]) -> Self:
        """This value with some fields replaced.

        Args:
            change: field names and their new values.

        Raises:
            StudyError: if a field is unknown or the result is not valid.
        """
        with own_errors():
            return type(self)(**{**dict(self), **change})

    @property
    def canonical(self) -> str:
        """The canonical JSON of all fields, computed once."""
        return self._canonical

    @cached_property
    def _canonical(self) -> str:  # without the underscore it would be part of `dict(value)`
        return canonical_json(self.model_dump(mode="json"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        return digest(self.canonical)


class ByContent(FrozenModel):
    """A value that equals another of its kind with the same canonical JSON, whatever else it holds.

    1 and 1.0 are not the same in it.
    """

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.canonical == other.canonical


@contextmanager
def own_errors() -> Iterator[None]:
    """Within it a value raises its own errors, also while another value is being made."""
    token = _inside_another.set(False)
    try:
        yield
    finally:
        _inside_another.reset(token)


def toml_key(
    default: Any,  # noqa: ANN401 - checked by pydantic
    description: str,
    example: object = None,
    **options: Any,  # noqa: ANN401 - those of pydantic's Field
) -> Any:  # noqa: ANN401 - what pydantic makes a field of
    """A field of a model that a file can have as a key.

    Such fields are laid out by hand, as tables: the formatter would give each argument a line.

    Args:
        default: its value when it is left out; `...` where it must be there or is made by
            `default_factory`.
        description: what it is, for `stepladder schema` and the documentation.
        example: a value that errors and the documentation show.
        options: those of pydantic's `Field`.
    """
    examples = None if example is None else [example]
    return Field(default=default, description=description, examples=examples, **options)


def list_to_tuple(value: object) -> object:
    """A list as a tuple, anything else as it is: TOML and JSON know only lists."""
    return tuple(value) if isinstance(value, list) else value


_T = TypeVar("_T")
ListOf = Annotated[tuple[_T, ...], BeforeValidator(list_to_tuple)]
"""A tuple, which TOML and JSON write as a list."""


@dataclass(frozen=True)
class KeysOf:
    """Says that a table's keys are the fields of a model, for advice in errors."""

    model: type[BaseModel]


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and no NaN: equal values give equal text.

    Raises:
        ValueError: if the value holds NaN or an infinity.
        TypeError: if the value is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: object) -> str:
    """SHA-256 of a value's canonical JSON, as 64 hexadecimal digits."""
    return digest(canonical_json(value))


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


_LIKENESS = 0.8
"""Share of common letters below which a name is no suggestion: a wrong one is worse than none."""

_LIKENESS_OF_BEGINNINGS = 0.65  # where the first letter and about the length are the same too
_LIKENESS_OF_ALIASES = 0.9  # of another name, which stands for a longer way round


def nearest(
    name: str,
    names: Iterable[str],
    aliases: Iterable[tuple[str, str]] = (),
    *,
    are_own: bool = False,
) -> str | None:
    """The name that a misspelt or foreign one stands for, or None when none is near.

    Args:
        name: as it was written.
        names: those that are known.
        aliases: further names beside those of `aliases.ALIASES`, each with the known one that it
            stands for.
        are_own: whether the user chose them: what a name means elsewhere then says nothing.

    Example:
        >>> fields = ["learning_rate", "weight_decay"]
        >>> nearest("lerning_rate", fields), nearest("lr", fields), nearest("depth", fields)
        ('learning_rate', 'learning_rate', None)
    """
    choices = set(names)
    known, meant = {plain(one): one for one in sorted(choices)}, dict[str, str]()
    for alias, one in (*aliases, *ALIASES):
        if one in choices and ONLY_BESIDE.get(one, one) in choices:
            meant.setdefault(plain(alias), one)
        elif plain(alias) in known:  # `lr` among keys of the user's own, asked for learning_rate
            meant.setdefault(plain(one), known[plain(alias)])
    table = meant | known
    readings = [plain(name), plain(without_library(name))]
    for asked in readings:
        if asked and asked in table:
            return table[asked]
    known_elsewhere = not are_own and not names_of_one_meaning().isdisjoint(readings)
    for asked in filter(None, dict.fromkeys(readings)):
        near = _nearest(asked, known, _LIKENESS_OF_ALIASES if known_elsewhere else _LIKENESS)
        near = near or _nearest(asked, meant, _LIKENESS_OF_ALIASES)
        if near:
            return table[near]
    return None


def stands_for(alias: str, name: str) -> bool:
    """Whether a name is another one, written in another way or an alias of it.

    Example:
        >>> stands_for("LR", "learning_rate"), stands_for("lerning_rate", "learning_rate")
        (True, False)
    """
    return plain(alias) == plain(name) or (plain(alias), name) in _plain_aliases()


@lru_cache(maxsize=1)
def _plain_aliases() -> frozenset[tuple[str, str]]:
    return frozenset((plain(alias), name) for alias, name in ALIASES)


def _nearest(asked: str, texts: Iterable[str], likeness: float = _LIKENESS) -> str | None:
    digits, letters = re.findall(r"\d", asked), sorted(asked)
    alike = [  # l1 is not l2 misspelt
        text for text in texts if not digits or re.findall(r"\d", text) in ([], digits)
    ]
    near = get_close_matches(asked, alike, n=1, cutoff=likeness)
    if likeness == _LIKENESS:  # two letters in each other's place count as two wrong ones in it
        near = [text for text in alike if len(text) > 2 and sorted(text) == letters] or near
    if not near and likeness == _LIKENESS:
        alike = [
            text for text in alike if text[:1] == asked[0] and abs(len(text) - len(asked)) <= 2
        ]
        near = get_close_matches(asked, alike, n=1, cutoff=_LIKENESS_OF_BEGINNINGS)
    return near[0] if near else None


def did_you_mean(name: str, names: Iterable[str], otherwise: str, *, are_own: bool = False) -> str:
    """Advice for a name that is none of some: the one that `nearest` gives, or else what to do."""
    near = nearest(name, names, are_own=are_own)
    return f"did you mean {near!r}?" if near else otherwise


def unknown_names(
    requirement: str, names: Iterable[str], known: Iterable[str], otherwise: str = ""
) -> list[str]:
    """Names that nobody knows, a line each: expected, found, what to do.

    Args:
        requirement: what a name must be, such as `above must name another row`.
        names: the names to check.
        known: all names that are allowed.
        otherwise: advice where no known name is near; the list of them when empty.

    Example:
        >>> unknown_names("arm must name an arm", ["bas"], ["base", "all"])
        ["arm must name an arm, found 'bas'; did you mean 'base'?"]
    """
    choices = list(known)
    advice = otherwise or f"the names are {', '.join(choices) or 'none'}"
    return [
        f"{requirement}, found {name!r}; {did_you_mean(name, choices, advice)}"
        for name in names
        if name not in choices
    ]


def check_name(
    requirement: str, name: str, known: Iterable[str], error: type[InputError] = InputError
) -> None:
    """Checks that a name is known.

    Raises:
        InputError: if it is not, with the nearest known name.
    """
    for problem in unknown_names(requirement, [name], known):
        raise error(problem)


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Each problem of a pydantic error as one line: path, expected, found, what to do."""
    problems = [_problem(dict(details), model) for details in error.errors(include_url=False)]
    return [line for problem in problems for line in problem.split("\n")]


_EXPECTED = {
    "greater_than": "be above {gt}", "greater_than_equal": "be at least {ge}",
    "less_than": "be below {lt}", "less_than_equal": "be at most {le}",
    "int_type": "be a whole number", "int_from_float": "be a whole number",
    "float_type": "be a number", "finite_number": "be a finite number",
    "string_unicode": "be a text that UTF-8 can hold",
    "string_type": "be a text", "bool_type": "be true or false",
    "string_too_short": "have at least {min_length} characters",
    "string_too_long": "have at most {max_length} characters",
    "tuple_type": "be a list", "list_type": "be a list",
    "too_short": "have at least {min_length} entries",
    "too_long": "have at most {max_length} entries",
    "dict_type": "be a table", "model_type": "be a table", "model_attributes_type": "be a table",
    "literal_error": "be {expected}",
}  # fmt: skip


def _problem(error: dict[str, Any], model: type[BaseModel]) -> str:
    kind, value = error["type"], error["input"]
    # A step with a hyphen is pydantic's name for a branch of a union, not a key of the user's.
    own = error["loc"][-1:] if kind == "extra_forbidden" else ()
    steps = [step for step in error["loc"] if step in own or not str(step).startswith("-")]
    path = _path(steps)
    context = error.get("ctx", {})
    if kind == "missing":
        return f"{path} is missing; {_advice(model, steps)}"
    if kind == "extra_forbidden":
        owner = _path(steps[:-1]) or getattr(model, "label", "the study")
        return f"{path} is not a key of {owner}; {_advice_on_key(model, steps)}"
    if kind == "value_error":
        text = str(context.get("error", error["msg"]))
        return f"{path}{' ' if text.startswith('must') else ': '}{text}" if path else text
    expected = _EXPECTED.get(kind)
    requirement = f"must {expected.format(**context)}" if expected else error["msg"]
    advice = _advice(model, steps)
    if kind == "literal_error" and isinstance(value, str):
        choices = context["expected"].replace(" or ", ", ").split(", ")
        advice = _advice_on_value(value, [choice.strip("'\"") for choice in choices])
    return f"{path} {requirement}, found {_shown(value)}; {advice}"


def _path(steps: Iterable[object]) -> str:
    parts = (f"[{step + 1}]" if isinstance(step, int) else f".{_key(str(step))}" for step in steps)
    return "".join(parts).removeprefix(".")


def _advice_on_key(model: type[BaseModel], steps: list[Any]) -> str:
    """What to do about a key that is none: the key meant, the table that has it, or the list."""
    *outer, key = steps
    name, names = str(key), list(_fields_at(model, outer))
    here = nearest(name, names)
    is_sure = here is not None and stands_for(name, here)
    elsewhere = None if is_sure else _path_elsewhere(model, steps, guess=here is None)
    if elsewhere:
        is_same = elsewhere.rpartition(".")[2] == name
        return f"write {elsewhere}" if is_same else f"did you mean {elsewhere!r}?"
    if here:
        is_listed = any(isinstance(step, int) for step in outer)
        return f"did you mean {here if is_listed else _path([*outer, here])!r}?"
    owner = _model_at(model, outer)
    known = None
    if owner is not None and issubclass(owner, FrozenModel) and owner.describes_training:
        from stepladder.study.foreign_names import in_keras  # it needs this module

        known = in_keras(name)
    return known or (f"its keys are {', '.join(names)}" if names else "remove it")


def path_of(model: type[BaseModel], name: str) -> str | None:
    """The path of the key that a name stands for, at the top or in a table there; None for none.

    Example:
        >>> from stepladder import Study
        >>> path_of(Study, "lr"), path_of(Study, "random_state")
        ('base.learning_rate', 'seed')
    """
    names = _fields_at(model, [])
    here = next((known for known in names if stands_for(name, known)), None)
    return here or _path_elsewhere(model, [name], guess=True)


def _path_elsewhere(model: type[BaseModel], steps: list[Any], *, guess: bool) -> str | None:
    """The path of a key that is none here, but one of a table in or around this one.

    The name itself counts before what it stands for, then a likeness if it may be guessed; the
    nearest table first.
    """
    *outer, key = steps
    name = str(key)
    around = [outer[:size] for size in range(len(outer), -1, -1)]
    tables = [table for steps in around for table in _tables(model, steps) if table != outer]
    if outer and "base" not in outer:  # what `tune` or `search` lacks is none of the base's
        tables = [table for table in tables if table != ["base"]]
    for is_meant in (name.__eq__, partial(stands_for, name)):
        for table in tables:
            for known in _fields_at(model, table):
                if is_meant(known):
                    return _path([*table, known])
    if outer or not guess:
        return None
    near = ((table, nearest(name, _fields_at(model, table))) for table in tables)
    return next((_path([*table, known]) for table, known in near if known), None)


def _tables(model: type[BaseModel], outer: list[Any]) -> list[list[Any]]:
    """A table and the tables in it that are no lists, that of the recipe first."""
    inner = [
        [*outer, name]
        for name, info in _fields_at(model, outer).items()
        if get_origin(info.annotation) not in (tuple, list) and _fields_at(model, [*outer, name])
    ]
    return [outer, *sorted(inner, key=lambda steps: steps[-1] != "base")]


def _key(name: str) -> str:
    """A key as TOML writes it: quoted where it has signs that could be taken for others."""
    return name if re.fullmatch(r"[\w-]+", name) else json.dumps(name)


def _fields_at(model: type[BaseModel], steps: Iterable[object]) -> dict[str, FieldInfo]:
    """The fields of the table at a path, by the key of a file; none where no model says."""
    found = _model_at(model, steps)
    return _fields_of(found) if found else {}


def _model_at(model: type[BaseModel] | None, steps: Iterable[object]) -> type[BaseModel] | None:
    for step in steps:
        if model is not None and not isinstance(step, int):
            info = _fields_of(model).get(str(step)) or model.model_fields.get(str(step))
            models = _models_in(info.annotation, info.metadata) if info else []
            model = models[0] if models else None
    return model


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _models_in(annotation: object, metadata: Iterable[object] = ()) -> list[type[BaseModel]]:
    """The models of a field's values, or of their keys."""
    about = [*metadata, *getattr(annotation, "__metadata__", ())]
    models = [item.model for item in about if isinstance(item, KeysOf)]
    inner = getattr(annotation, "__args__", ())
    if not inner and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        models.append(annotation)
    return models + [model for argument in inner for model in _models_in(argument)]


def _advice_on_value(value: str, choices: Iterable[str]) -> str:
    from stepladder.study.foreign_names import advice  # it needs this module

    return advice(value, choices, "write one of these")


def _advice(model: type[BaseModel], steps: list[Any]) -> str:
    names = [step for step in steps if not isinstance(step, int)]
    info = _fields_at(model, names[:-1]).get(names[-1]) if names else None
    if info is not None and info.examples:
        return f"write a value such as {names[-1]} = {_shown(info.examples[0])}"
    return "see `stepladder schema` for every key and its values"


def _shown(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # nan and inf, as TOML has them
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def duplicate_names(what: str, names: Iterable[str]) -> list[str]:
    """A line for each name that stands for two things."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    return [f"{what} names must differ, found {name!r} twice; rename one" for name in twice]
