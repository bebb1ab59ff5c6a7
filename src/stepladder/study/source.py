"""The text of a function that was given from Python, and of all that it uses."""

import inspect
import json
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any


def sources(function: Callable[..., Any]) -> set[str]:
    """The text of a function, and of all of its own module that it uses, however indirectly.

    Plain values and arrays that it reads count too: global ones, enclosed ones and defaults. What
    it imports is not looked into. Neither line numbers nor places in memory are in the texts.
    """
    root: Any = function
    while isinstance(root, partial):
        root = root.func
    module = getattr(root, "__module__", None)
    texts: set[str] = set()
    queue: list[Any] = [function]
    seen: dict[int, Any] = {}  # with the values, whose ids are not used again while they live
    while queue:
        value = queue.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        texts.add(_text(value))
        for name, used in _uses(value):
            plain = _plain(used)
            if plain is not None:
                texts.add(f"{name} = {plain}")
            elif isinstance(used, partial) or getattr(used, "__module__", None) == module:
                queue.append(used)
    return texts


def _text(value: Any) -> str:  # noqa: ANN401 - a function, a class, or any object
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return _text_of_code(value.__code__) if isinstance(value, FunctionType) else ""


def _text_of_code(code: CodeType) -> str:
    constants = [
        _text_of_code(constant) if isinstance(constant, CodeType) else _plain(constant)
        for constant in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _plain(value: object) -> str | None:
    """A plain value as text, the same in every process; None for any other object."""
    if isinstance(value, set | frozenset):
        return f"set {sorted(map(repr, value))}"
    if hasattr(value, "tobytes"):  # an array of NumPy, or one of its numbers
        return f"{getattr(value, 'dtype', '')} {getattr(value, 'shape', '')} {value.tobytes()!r}"
    try:
        return repr(value) if isinstance(value, bytes) else json.dumps(value, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return None


def _uses(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """What a function, a class, a partial function or any object uses, by name."""
    if isinstance(value, partial):
        yield "function", value.func
        yield from ((f"argument {place}", given) for place, given in enumerate(value.args))
        yield from value.keywords.items()
    elif isinstance(value, MethodType):
        yield from (("function", value.__func__), ("object", value.__self__))
    elif isinstance(value, FunctionType):
        yield from _used_by_function(value)
    elif isinstance(value, type):
        yield from ((base.__name__, base) for base in value.__bases__)
        for name, item in vars(value).items():
            inner = getattr(item, "__func__", None) or getattr(item, "fget", None) or item
            if isinstance(inner, FunctionType) or not name.startswith("__"):
                yield name, inner
    else:
        yield "class", type(value)
        yield from getattr(value, "__dict__", {}).items()


def _used_by_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Defaults, enclosed variables, and global names, those of functions within it included."""
    yield from ((f"default {place}", value)
                for place, value in enumerate(function.__defaults__ or ()))  # fmt: skip
    yield from (function.__kwdefaults__ or {}).items()
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    codes = [function.__code__]
    for code in codes:  # grows while it is walked
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    names = dict.fromkeys(name for code in codes for name in code.co_names)
    known = function.__globals__
    yield from ((name, known[name]) for name in names
                if name in known and not isinstance(known[name], ModuleType))  # fmt: skip
