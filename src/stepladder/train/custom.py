"""Networks that a user's own code builds, in the training process and nowhere else."""

from __future__ import annotations

import linecache
import sys
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from stepladder import models
from stepladder.recipe import NETWORK_FIELDS, Recipe
from stepladder.streams import words
from stepladder.train.dropout import Dropout
from stepladder.values import did_you_mean

__all__ = [
    "STANDARD",
    "Build",
    "Code",
    "NetworkError",
    "NetworkRecipe",
    "OwnBuild",
    "at_start",
    "builder",
]

Build = Callable[[Any, tuple[int, ...], int], Any]
"""`build(recipe, input_shape, classes)`, which returns a `keras.Model`."""

STANDARD: Build = partial(models.build, layers=models.Layers(dropout=Dropout), initializer="zeros")
"""Stepladder's networks as `fit` trains them: kernels are drawn afterwards, by `initial_weights`.

Keras would compile a program for each shape that it draws, two seconds before the first epoch.
"""


@dataclass(frozen=True)
class Code:
    """What builds a study's networks, as the driver sends it.

    Attributes:
        file: its name, for messages.
        function: what to call in it.
        sha256: of its text.
        text: the whole file.
    """

    file: str
    function: str
    sha256: str
    text: str


class NetworkError(Exception):
    """A network, or the code that builds it, that will not do; the message says what to do."""


class NetworkRecipe:
    """What `build` is given: the fields of the recipe that describe a network, to be read.

    Each reading is noted. The other fields are applied by stepladder to whatever is built, and
    a program serves trials that differ in them, so that a network cannot depend on them.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Notes nothing yet.

        Args:
            recipe: whose fields are read.
        """
        self._recipe = recipe
        self._reads: set[str] = set()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the field's value
        """A field of `NETWORK_FIELDS`.

        Raises:
            NetworkError: for any other field of a recipe.
            AttributeError: for what is no field.
        """
        if name in NETWORK_FIELDS:
            self._reads.add(name)
            return getattr(self._recipe, name)
        if name in Recipe.model_fields:
            raise NetworkError(
                f"must read only what describes the network ({', '.join(NETWORK_FIELDS)}), found "
                f"recipe.{name}, which stepladder applies itself to any network; leave it to that"
            )
        advice = did_you_mean(name, NETWORK_FIELDS, f"they are {', '.join(NETWORK_FIELDS)}")
        raise AttributeError(f"recipe has no field {name!r}; {advice}")

    def __repr__(self) -> str:
        """The fields that can be read."""
        values = (f"{name}={getattr(self._recipe, name)!r}" for name in NETWORK_FIELDS)
        return f"NetworkRecipe({', '.join(values)})"


class OwnBuild:
    """A user's `build`, its file compiled and run once, under a module name of its own."""

    def __init__(self, code: Code) -> None:
        """Runs the file.

        Args:
            code: what the driver sent.

        Raises:
            NetworkError: if the file does not run or does not define the function.
        """
        self._code = code
        self._reads: frozenset[str] = frozenset()
        name = f"stepladder_model_{code.sha256[:12]}"
        module = types.ModuleType(name)
        module.__file__ = code.file
        sys.modules[name] = module  # as an import would: Keras and dataclasses look there
        lines = code.text.splitlines(keepends=True)
        linecache.cache[code.file] = (len(code.text), None, lines, code.file)
        try:
            exec(compile(code.text, code.file, "exec"), module.__dict__)  # allowed by the user
        except (Exception, SystemExit) as error:
            raise NetworkError(
                f"the model file {code.file} must run, found {_told(error, code.file)}; mend it"
                f"{_alone(error)}"
            ) from error
        function = getattr(module, code.function, None)
        if not callable(function):
            defined = [name for name, value in vars(module).items() if callable(value)]
            advice = did_you_mean(code.function, defined, "define it, or name another one")
            raise NetworkError(
                f"the model file {code.file} must define the function {code.function!r}, found "
                f"{'another kind of value' if function is not None else 'none'}; {advice}"
            )
        self._function = function

    @property
    def reads(self) -> frozenset[str]:
        """Fields of the recipe that the last call has read."""
        return self._reads

    def __call__(self, recipe: Recipe, input_shape: tuple[int, ...], classes: int) -> Any:  # noqa: ANN401
        """What the user's function returns, built.

        Raises:
            NetworkError: if it raises, or does not return a `keras.Model`.
        """
        given, where = NetworkRecipe(recipe), f"{self._code.function} of {self._code.file}"
        try:
            model = self._function(given, tuple(input_shape), classes)
            if isinstance(model, keras.Model) and not model.built:
                model(keras.ops.zeros((1, *input_shape)))
        except NetworkError as error:
            raise NetworkError(f"{where} {error}") from error
        except (Exception, SystemExit) as error:
            raise NetworkError(
                f"{where} must return a keras.Model, found {_told(error, self._code.file)}; "
                f"mend it{_alone(error)}"
            ) from error
        if not isinstance(model, keras.Model):
            raise NetworkError(
                f"{where} must return a keras.Model, found {type(model).__name__}; return the "
                "model itself"
            )
        self._reads = frozenset(given._reads)
        return model


def builder(code: Code | None, standard: Build = STANDARD) -> Build:
    """What builds a study's networks: the user's code where it names any, else `standard`.

    Raises:
        NetworkError: if the user's file does not run or does not define the function.
    """
    return standard if code is None else OwnBuild(code)


def at_start(
    build: Build,
    recipe: Recipe,
    input_shape: tuple[int, ...],
    classes: int,
    seed: int,
    replicate: int,
) -> Any:  # noqa: ANN401 - Keras has no types
    """A network built anew, whatever it draws from global generators seeded by the replicate.

    Args:
        build: what builds it.
        recipe: what to build.
        input_shape: of one example.
        classes: how many there are.
        seed: the study's seed.
        replicate: the replicate's number.

    Raises:
        NetworkError: if a user's code fails.
    """
    keras.utils.set_random_seed(int(words(seed, replicate, "init")[0]))
    return build(recipe, input_shape, classes)


def _told(error: BaseException, file: str) -> str:
    """An error in a line, with where in the user's file it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    at = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    line = at or (lines[-1] if lines else None)
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else text[:297] + "..."
    return f"{type(error).__name__}{f': {text}' if text else ''}{f' (line {line})' if line else ''}"


def _alone(error: BaseException) -> str:
    if not isinstance(error, ImportError):
        return ""
    return ", or install what it imports: files beside it are not sent along and not hashed"
