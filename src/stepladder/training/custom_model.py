"""Networks of the user's own: their `build`, what it reads of a recipe, and their inspection."""

import linecache
import random
import sys
import textwrap
import traceback
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from stepladder.study.losses import form_of
from stepladder.study.recipe import NETWORK_FIELDS, Recipe
from stepladder.study.schema import did_you_mean
from stepladder.study.scoring import Task
from stepladder.training import keras_models
from stepladder.training.dropout import Dropout
from stepladder.training.heads import Head
from stepladder.training.input_layers import join_inputs
from stepladder.training.layer_state import scaled_lookup, takes_ids, unknown_id
from stepladder.training.opened_files import watch_opened
from stepladder.training.output_layer import OutputKind, with_logits
from stepladder.training.own_values import OwnValues
from stepladder.trials.seeding import words

Build = Callable[[Any, tuple[int, ...], int], Any]
"""`build(recipe, input_shape, classes)`, which returns a `keras.Model`."""

STANDARD: Build = partial(
    keras_models.build, layers=keras_models.Layers(dropout=Dropout), initializer="zeros"
)
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
        text: of the file.
    """

    file: str
    function: str
    sha256: str
    text: str

    @property
    def identity(self) -> str:
        """What a recipe has as its `model`."""
        return f"{self.sha256}:{self.function}"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.function} of {self.file}"


class NetworkError(Exception):
    """A network that cannot be trained, or its code; the message says what to do."""


class NetworkRecipe:
    """What `build` is given: the fields of a recipe that describe a network.

    Stepladder applies the other fields itself to whatever is built. A program serves trials that
    differ in them, so that a network cannot depend on them.

    Args:
        recipe: whose fields are read.

    Attributes:
        reads: the fields that were read so far.

    Example:
        >>> fields = NetworkRecipe(Recipe(hidden=[8, 4]))
        >>> fields.hidden, fields.reads
        ((8, 4), {'hidden'})
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.reads: set[str] = set()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the field's value
        """A field of `NETWORK_FIELDS`; any other field of a recipe is refused."""
        if name == "own":
            return OwnValues(self._recipe.own, self.reads)
        if name in NETWORK_FIELDS:
            self.reads.add(name)
            return keras_models.for_layers(name, getattr(self._recipe, name))
        if name in Recipe.model_fields:
            raise NetworkError(
                f"must read only what describes the network ({', '.join(NETWORK_FIELDS)}), found "
                f"recipe.{name}, which stepladder applies itself to any network; do not read it"
            )
        advice = did_you_mean(name, NETWORK_FIELDS, f"they are {', '.join(NETWORK_FIELDS)}")
        raise AttributeError(f"recipe has no field {name!r}; {advice}")

    def __repr__(self) -> str:
        values = (f"{name}={getattr(self._recipe, name)!r}" for name in NETWORK_FIELDS)
        return f"NetworkRecipe({', '.join(values)})"


class UserBuild:
    """A user's `build`, its file compiled and run once, as a module of its own.

    Args:
        code: what the driver sent.
        task: of the dataset.

    Attributes:
        reads: fields of the recipe that the last call has read, and paths of keys of `own`.
        output_kind: what the last network answered; one that ended in a softmax gives logits now.

    Raises:
        NetworkError: if the file does not run or does not define the function.
    """

    def __init__(self, code: Code, task: Task = "classification") -> None:
        self._code, self._task = code, task
        self.reads: frozenset[str] = frozenset()
        self.output_kind: OutputKind = "logits"
        module = _run_file(code.file, code.sha256, code.text)
        function = getattr(module, code.function, None)
        if not callable(function):
            defined = [name for name, value in vars(module).items() if callable(value)]
            advice = did_you_mean(
                code.function, defined, "define it, or name another one", are_own=True
            )
            raise NetworkError(
                f"the model file {code.file} must define the function {code.function!r}, found "
                f"{'another kind of value' if function is not None else 'none'}; {advice}"
            )
        self._function = function

    def __call__(self, recipe: Recipe, input_shape: tuple[int, ...], classes: int) -> Any:  # noqa: ANN401
        """What the user's function returns, built.

        Raises:
            NetworkError: if it raises, or does not return a `keras.Model`.
        """
        fields, where = NetworkRecipe(recipe), self._code.name
        try:
            with watch_opened() as opened:
                model = self._function(fields, tuple(input_shape), classes)
                if isinstance(model, keras.Model) and not model.built:
                    model(keras.ops.zeros((1, *input_shape)))
        except NetworkError as error:
            raise NetworkError(f"{where} {error}") from error
        except (Exception, SystemExit) as error:
            _refuse_opened(where, opened)
            raise NetworkError(
                f"{where} must return a keras.Model, found {_describe(error, self._code.file)}; "
                f"fix it{_advice(error)}"
            ) from error
        _refuse_opened(where, opened)
        if not isinstance(model, keras.Model):
            raise NetworkError(
                f"{where} must return a keras.Model, found {type(model).__name__}; return the "
                "model itself"
            )
        self.reads = frozenset(fields.reads)
        model, self.output_kind = with_logits(
            model, tuple(input_shape), _cut_off(self._task, recipe.loss)
        )
        if not type(model).__module__.startswith("keras."):
            return model  # a class of the user's: it may train in a way of its own
        try:
            return join_inputs(model, tuple(input_shape))
        except ValueError as error:
            raise NetworkError(f"the model of {where} {error}") from None


@lru_cache(maxsize=64)
def _run_file(file: str, sha256: str, text: str) -> types.ModuleType:
    """A model file, run once however many of its functions build networks."""
    name = f"stepladder_model_{sha256[:12]}"
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module  # as an import would: Keras and dataclasses look there
    lines = text.splitlines(keepends=True)
    linecache.cache[file] = (len(text), None, lines, file)
    where = f"the model file {file}"
    try:
        with watch_opened() as opened:
            exec(compile(text, file, "exec"), module.__dict__)  # the user allows it
    except (Exception, SystemExit) as error:
        _refuse_opened(where, opened)
        raise NetworkError(
            f"{where} must run, found {_describe(error, file)}; fix it{_advice(error)}"
        ) from error
    _refuse_opened(where, opened)
    return module


def _refuse_opened(where: str, opened: Sequence[str]) -> None:
    if opened:
        raise NetworkError(
            f"{where} must open no file and no connection, found that it opens {opened[0]!r}: a "
            "trial is known by its code alone, so figures would stay where that content changes; "
            "write the values into the model file, or train them (files cannot be declared yet)"
        )


def builder(
    codes: Sequence[Code], standard: Build = STANDARD, task: Task = "classification"
) -> Build:
    """What builds a study's networks: the user's code that a recipe names, else `standard`.

    Args:
        codes: of the study.
        standard: what builds stepladder's own networks.
        task: of the dataset.

    Raises:
        NetworkError: if a user's file does not run or does not define the function.
    """
    builds: dict[str | None, Build] = {code.identity: UserBuild(code, task) for code in codes}
    builds[None] = standard
    return lambda recipe, *sizes: builds[recipe.model](recipe, *sizes)


def build_seeded(
    build: Build,
    recipe: Recipe,
    input_shape: tuple[int, ...],
    classes: int,
    seed: int,
    replicate: int,
) -> Any:  # noqa: ANN401 - Keras has no types
    """A new network; what it draws from global generators is seeded by the replicate.

    Raises:
        NetworkError: if a user's code fails.
    """
    keras.utils.set_random_seed(int(words(seed, replicate, "init")[0]))
    return build(recipe, input_shape, classes)


def _describe(error: BaseException, file: str) -> str:
    """An error in a line, with where in the user's file it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    at = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    line = at or (lines[-1] if lines else None)
    return _shorten(error) + (f" (line {line})" if line else "")


def _shorten(error: BaseException) -> str:
    text = textwrap.shorten(str(error), 300, placeholder="...")
    return f"{type(error).__name__}{f': {text}' if text else ''}"


def _advice(error: BaseException) -> str:
    if not isinstance(error, ImportError):
        return ""
    return (
        ", or install what it imports: other files of its folder are not sent along and not hashed"
    )


_FIT = "or train it with `--engine fit`, which is keras.Model.fit as it is"
_PYTHON = (
    f"{_FIT}; with KERAS_BACKEND=torch it runs the layers' Python at each step, as JAX does not"
)


def inspect_models(
    codes: Sequence[Code],
    recipes: Iterable[Recipe],
    input_shape: tuple[int, ...],
    target: tuple[Task, int],
    engine: str,
) -> tuple[list[list[str]], str | None]:
    """What the user's code reads of each recipe, and what is wrong with it.

    Args:
        codes: what builds networks.
        recipes: of the networks that are built.
        input_shape: of one example.
        target: the task, and how many classes, labels or targets there are.
        engine: that is to train them.

    Returns:
        The fields read, sorted, for each recipe; and the first problem, or None.
    """
    reads: list[list[str]] = []
    try:
        builds = {code.identity: (UserBuild(code, target[0]), code.name) for code in codes}
        for recipe in recipes:
            build, where = builds[recipe.model or ""]
            head = Head.of(recipe, *target)
            model = build_seeded(build, recipe, input_shape, head.units, 0, 0)
            reads.append(sorted(build.reads))
            inspection = _Inspection(model, input_shape, where)
            inspection.check_weights()
            inspection.check_outputs(head, build.output_kind)
            if engine == "population":
                inspection.check_calls()
    except NetworkError as error:
        return reads, str(error)
    return reads, None


def _cut_off(task: Task, loss: str) -> OutputKind:
    """The end of a network that is taken off, since its loss is of logits; `logits` for none."""
    if task == "regression":
        return "logits"  # whatever the end is, it is part of the answer
    is_of_units = form_of(loss, "multilabel") == "logits"  # each says yes or no
    return "sigmoid" if task == "multilabel" or is_of_units else "softmax"


_WHAT = {"classification": "logits", "multilabel": "logits", "regression": "values"}


class InputUse(NamedTuple):
    """How a network of the user's own uses its inputs.

    Attributes:
        takes_ids: whether it looks all of them up, so that they are not scaled.
        looked_up_by: the name of a layer that looks some of them up though they are scaled.
        problem: what is wrong with them, or None.
    """

    takes_ids: bool
    looked_up_by: str | None
    problem: str | None


def inspect_inputs(
    code: Code, recipe: Recipe, x_train: npt.NDArray[Any], target: tuple[Task, int]
) -> InputUse:
    """How the user's network uses its inputs; arguments as for `inspect_models`."""
    units = Head.of(recipe, *target).units
    try:
        build = UserBuild(code, target[0])
        model = build_seeded(build, recipe, x_train.shape[1:], units, 0, 0)
    except NetworkError as error:
        return InputUse(False, None, str(error))
    unknown = unknown_id(model, x_train)
    if unknown is None:
        layer = scaled_lookup(model, x_train)
        return InputUse(takes_ids(model, x_train), layer and _name(layer), None)
    problem = (
        f"the inputs must be ids that the first layer of {code.name} knows, "
        f"0 to {unknown[1] - 1}, found {unknown[0]}; give its Embedding an input_dim of "
        f"{unknown[0] + 1} or more"
    )
    return InputUse(True, None, problem)


@dataclass
class _Inspection:
    """Makes sure that an engine can train a model.

    Attributes:
        model: a built `keras.Model`.
        input_shape: of one example.
        where: what built it, for messages.
    """

    model: Any
    input_shape: tuple[int, ...]
    where: str

    def check_weights(self) -> None:
        trainable = self.model.trainable_variables
        if not trainable:
            raise NetworkError(
                f"the model of {self.where} must have weights to train, found none; add some"
            )
        odd = next((variable for variable in trainable if variable.dtype != "float32"), None)
        if odd is not None:
            raise NetworkError(
                f"the weights of {self.where} must be float32, found {odd.path!r} of {odd.dtype}; "
                "leave the layers' dtype as it is"
            )

    def check_outputs(self, head: Head, kind: OutputKind) -> None:
        units = head.units
        if kind == "sigmoid" and _cut_off(head.task, head.loss) == "softmax":
            raise NetworkError(
                f"the model of {self.where} must give one answer for each class, logits or their "
                f"softmax, found that it ends in a sigmoid, whose answers do not add up to 1; end "
                'it with Dense(classes), or write loss = "binary_crossentropy" in [base] for yes '
                "or no"
            )
        draw = np.random.default_rng(0)
        for examples in (2, 3):  # any batch, the last and shorter one too
            x = draw.uniform(size=(examples, *self.input_shape)).astype(np.float32)
            logits = self._call("", partial(self.model, x, training=False))
            shape = getattr(logits, "shape", None)
            if shape is None or tuple(shape) != (examples, units):
                found = f"a {type(logits).__name__}" if shape is None else f"shape {tuple(shape)}"
                raise NetworkError(
                    f"the model of {self.where} must give {_WHAT[head.task]} of shape "
                    f"{(examples, units)} for {examples} examples, found {found}; end it with "
                    f"Dense(classes), where classes is {units}"
                )
            if keras.backend.standardize_dtype(logits.dtype) != "float32":
                raise NetworkError(
                    f"the model of {self.where} must give float32, found {logits.dtype}; give its "
                    'last layer dtype="float32"'
                )
            values = keras.ops.convert_to_numpy(logits)
            is_of_classes = head.task == "classification" and units > 1
            sums = values.sum(axis=1)
            if is_of_classes and values.min() >= 0 and np.allclose(sums, 1, atol=1e-5):
                raise NetworkError(
                    f"the model of {self.where} must give logits, found rows that sum to 1, as a "
                    "softmax gives them; remove the activation of its last layer"
                )

    def check_calls(self) -> None:
        """Traces a training step of two lanes and watches what the layers do meanwhile."""
        kind = type(self.model)
        if kind.train_step is not keras.Model.train_step:
            raise NetworkError(
                f"the model of {self.where} must be trained by stepladder, found a train_step of "
                f"its own in {kind.__name__}; remove it, {_FIT}"
            )
        self._trace()  # what a layer sets up at its first call is no change
        layers = self.model._flatten_layers()
        custom = [own for own in layers if not type(own).__module__.startswith("keras.")]
        before, generators = [_snapshot(layer) for layer in custom], _global_generators()
        assigned = self._trace()
        for layer, old in zip(custom, before, strict=True):
            now = _snapshot(layer)
            changed = [name for name, value in now.items() if old.get(name) != value]
            if changed:
                raise NetworkError(
                    f"{_name(layer)} of {self.where} must keep what it remembers from step to step "
                    f"in variables, found Python-side state: its call changes self.{changed[0]}; "
                    f"use self.add_weight(trainable=False, ...) and assign, {_PYTHON}"
                )
        if _global_generators() != generators:
            raise NetworkError(
                f"the layers of {self.where} must draw from keras.random with a "
                "keras.random.SeedGenerator of their own, found draws from the global generator "
                f"of Python or NumPy in a call; change that, {_PYTHON}"
            )
        known = {id(variable) for variable in self.model.non_trainable_variables}
        lost = next((variable for variable in assigned if id(variable) not in known), None)
        if lost is not None:
            raise NetworkError(
                f"{self._owner(lost)} of {self.where} must assign only its own non-trainable "
                f"variables in a call, found {lost.path!r}, whose new value would be lost; make it "
                f"with self.add_weight(trainable=False, ...), {_FIT}"
            )

    def _trace(self) -> list[Any]:
        """The variables that a training step of two lanes assigns, found by tracing it."""
        import jax
        import jax.numpy as jnp

        model = self.model
        state = [variable.value for variable in model.non_trainable_variables]
        assigned: list[Any] = []

        def objective(trainable: list[Any], x: Any) -> Any:  # noqa: ANN401 - tracers
            values = zip(model.trainable_variables, trainable, strict=True)
            states = zip(model.non_trainable_variables, state, strict=True)
            with _WatchingScope([*values, *states]) as scope:
                logits = model(x, training=True)
                total = logits.mean() + sum(model.losses)
            assigned.extend(scope.assigned)
            return total

        lanes = jax.vmap(jax.grad(objective), in_axes=(0, None))
        weights = [jnp.stack([variable.value] * 2) for variable in model.trainable_variables]
        x = jnp.zeros((2, *self.input_shape), jnp.float32)
        self._call(f", {_FIT}", partial(jax.eval_shape, lanes, weights, x))
        return assigned

    def _call(self, way_out: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What a call gives; the error names the layer that fails."""
        filtered = keras.config.is_traceback_filtering_enabled()
        keras.config.disable_traceback_filtering()  # else frames go, and some errors are replaced
        try:
            return call()
        except Exception as error:
            layer, trace = self.model, error.__traceback__
            while trace is not None:
                owner = trace.tb_frame.f_locals.get("self")
                is_layer = isinstance(owner, keras.Layer) and owner is not self.model
                layer, trace = owner if is_layer else layer, trace.tb_next
            raise NetworkError(
                f"{_name(layer)} of {self.where} must take a batch of examples, found "
                f"{_shorten(error)}; use keras.ops in its call{way_out}"
            ) from error
        finally:
            if filtered:
                keras.config.enable_traceback_filtering()

    def _owner(self, variable: Any) -> str:  # noqa: ANN401 - Keras has no types
        """The layer that a variable is an attribute of, or else the layers."""
        for layer in self.model._flatten_layers():
            values = list(vars(layer).values())
            inner = [item for value in values if isinstance(value, list | tuple) for item in value]
            states = [getattr(value, "state", None) for value in values]
            variables = getattr(layer, "_trainable_variables", [])
            if any(value is variable for value in [*values, *inner, *states, *variables]):
                return _name(layer)
        return "the layers"


class _WatchingScope(keras.StatelessScope):  # type: ignore[misc]
    """A stateless scope that notes which variables are assigned."""

    def __init__(self, values: Sequence[tuple[Any, Any]]) -> None:
        super().__init__(values, collect_losses=True)
        self.assigned: list[Any] = []

    def add_update(self, update: tuple[Any, Any]) -> None:
        self.assigned.append(update[0])
        super().add_update(update)


def _name(layer: Any) -> str:  # noqa: ANN401 - Keras has no types
    kind = "the model" if isinstance(layer, keras.Model) else "the layer"
    return f"{kind} {layer.name!r} ({type(layer).__name__})"


def _snapshot(layer: Any) -> dict[str, object]:  # noqa: ANN401 - Keras has no types
    """What a layer remembers outside its variables, by attribute, as values to compare."""
    plain = set(vars(keras.layers.Layer())) | {"_functional", "_function"}
    return {name: _freeze(value) for name, value in vars(layer).items() if name not in plain}


def _freeze(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, list | tuple):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, dict):
        return tuple((str(key), _freeze(item)) for key, item in value.items())
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, random.Random):
        return value.getstate()
    return id(value)


def _global_generators() -> object:
    kind, words, *rest = np.random.get_state()  # noqa: NPY002 - it is what is looked for
    return random.getstate(), kind, np.asarray(words).tobytes(), rest
