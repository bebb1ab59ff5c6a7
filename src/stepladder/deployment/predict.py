"""From pictures and arrays to predictions."""

import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, get_args

import numpy as np
import numpy.typing as npt
from rich import box
from rich.table import Table
from rich.text import Text

from stepladder.data.dataset import list_names
from stepladder.data.readers import read_array, read_arrays
from stepladder.deployment.images import (
    Framing,
    Levels,
    find_ink,
    frame,
    level_background,
    read_alike,
    read_picture,
    resize,
)
from stepladder.deployment.keras_process import ModelProcess, ModelRefused, open_model
from stepladder.deployment.out_of_distribution import SubspaceMixture, distances
from stepladder.errors import DataError, InputError
from stepladder.files import open_regular
from stepladder.report.terminal import Trimmed, console_on
from stepladder.report.wording import MINUS, number, printable, truncate
from stepladder.study.scoring import Task

_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_MOST = 100_000


@dataclass(frozen=True)
class Source:
    """The content of one file.

    Attributes:
        path: of the file.
        values: colours of a picture, uint8 (height, width, 3); or an array of finite numbers.
        is_picture: which of both.
    """

    path: Path
    values: npt.NDArray[Any]
    is_picture: bool


@dataclass(frozen=True)
class Input:
    """One input of a model.

    Attributes:
        source: the file that it is from.
        index: its place in an array of several, from 0, or None.
        values: raw, of the model's input shape.
        is_empty: whether nothing is drawn on its picture.
    """

    source: str
    index: int | None
    values: npt.NDArray[Any]
    is_empty: bool = False


def read_source(path: Path, pictures: tuple[int, ...] | None = None) -> Source:
    """Reads a picture or an array.

    Args:
        path: of a picture's file, or of a `.npy` or `.npz` array.
        pictures: of a model that was trained on files of pictures, the shape of its input: a
            picture becomes such an array, as those did. None for other models.

    Raises:
        DataError: if the file cannot be read, or holds numbers that are not finite.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        if pictures is not None:
            return Source(path, read_alike(path, pictures), is_picture=False)
        return Source(path, read_picture(path), is_picture=True)
    array = _array(path)
    if not np.isfinite(array.astype(np.float32)).all():
        raise DataError(
            f"{path}: must hold finite numbers, found others; these are raw inputs, as the "
            "training set has them"
        )
    return Source(path, array, is_picture=False)


def inputs_of(
    source: Source,
    shape: tuple[int, ...],
    framing: Framing | None,
    levels: Levels | None,
    *,
    as_it_is: bool = False,
) -> Iterator[Input]:
    """The inputs that a file holds.

    A picture is framed as the images of the training set are, and gets their range of values; an
    array is taken as it is.

    Args:
        source: the file's.
        shape: of one input.
        framing: of the training set; None where its images are not framed.
        levels: of the training set; None where nobody knows.
        as_it_is: whether a picture is only resized.

    Raises:
        DataError: if the file does not fit the model.
    """
    path = source.path
    if not source.is_picture:
        yield from _of_array(path, source.values, shape)
        return
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise DataError(
            f"{path}: must be an array of shape {shape}, which the model takes, found a picture; "
            "give a .npy file"
        )
    if levels is None:
        raise DataError(
            f"{path}: must be an array (.npy, .npz) in the range of the training set, since this "
            "model's file does not say that range, found a picture; export the model again to "
            "predict from pictures"
        )
    if as_it_is or framing is None or shape[2:] == (3,):
        image = resize(source.values, shape)
    else:
        ink = find_ink(source.values @ _GREY)
        image = frame(ink, (shape[0], shape[1]), framing.box).reshape(shape)
    yield Input(str(path), None, level_background(image, levels), is_empty=not image.any())


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        with open_regular(path) as stream:
            if path.suffix.lower() == ".npy":
                return read_array(stream, str(path))
            arrays = read_arrays(stream, str(path))
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{path}: must be an array that can be read, found: {error.strerror or error}; check "
            "its name"
        ) from None
    except Exception as error:  # zip and header parsers raise anything on damaged bytes
        raise DataError(
            f"{path}: must be a NumPy array (.npy, or .npz with one array), found one that cannot "
            f"be read: {str(error)[:200] or type(error).__name__}; save it again with numpy.save"
        ) from None
    if len(arrays) != 1:
        names = list_names(sorted(arrays))
        raise DataError(
            f"{path}: must hold one array, found {len(arrays)} ({names}); save the one that is "
            "meant with numpy.save"
        )
    return next(iter(arrays.values()))


def _of_array(path: Path, array: npt.NDArray[Any], shape: tuple[int, ...]) -> Iterator[Input]:
    shapes = {shape, shape[:-1] if shape[2:] == (1,) else shape}
    if array.shape in shapes:
        yield Input(str(path), None, array.reshape(shape))
    elif array.shape[1:] in shapes and len(array) <= _MOST:
        for index, values in enumerate(array.reshape(-1, *shape)):
            yield Input(str(path), index, values)
    else:
        raise DataError(
            f"{path}: must have the shape {shape} of one input of the model, or {('n', *shape)} of "
            f"up to {_MOST:,}, found {array.shape}; reshape it".replace("'n'", "n")
        )


_TEXT, _ARRAYS = "stepladder.json", "stepladder.npz"
_MOST_BYTES = 1 << 30
_LONGEST = 16_384  # pixels of a side
_PARTS = ("means", "axes", "variances", "rest")
_HALVED = ("means", "axes")  # which lie in 0…1


@dataclass(frozen=True)
class Extras:
    """What a model file carries beyond the network.

    Attributes:
        classes: names, in the order of their numbers.
        framing: how the images of its training set are framed, or None.
        levels: the values that they have; None for a table, and where nobody knows.
        familiar: what its training set is like, or None where nobody knows.
        task: what it has learnt: classes, or values or labels of which `classes` has the names.
        pictures: shape of its input where it was trained on files of pictures, else None.
    """

    classes: tuple[str, ...]
    framing: Framing | None
    levels: Levels | None
    familiar: SubspaceMixture | None
    task: Task = "classification"
    pictures: tuple[int, ...] | None = None


def with_extras(model: bytes, extras: Extras) -> bytes:
    """Adds extras to the bytes of a model file that Keras has written.

    Example:
        >>> import tempfile
        >>> extras = Extras(("cat", "dog"), None, Levels(0, 255), None)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "model.keras")
        ...     _ = file.write_bytes(with_extras(b"", extras))
        ...     read_extras(file) == extras
        True
    """
    familiar = extras.familiar
    text: dict[str, Any] = {
        "version": 1,
        "classes": list(extras.classes),
        "framing": None if extras.framing is None else {"box": extras.framing.box},
        "levels": None if extras.levels is None else [extras.levels.least, extras.levels.greatest],
        "familiar": familiar and {"scale": familiar.scale, "threshold": familiar.threshold},
    }
    if extras.task != "classification":  # files of classes stay as they were
        text["task"] = extras.task
    if extras.pictures is not None:
        text["pictures"] = list(extras.pictures)
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        if familiar is not None:
            arrays = io.BytesIO()
            # Half the digits are enough: a distance changes by a few thousandths of its spread.
            halved = {part: getattr(familiar, part).astype(np.float16) for part in _HALVED}
            np.savez(arrays, **{part: getattr(familiar, part) for part in _PARTS} | halved)
            archive.writestr(_ARRAYS, arrays.getvalue())
        archive.writestr(_TEXT, json.dumps(text))
    return file.getvalue()


def read_extras(file: Path) -> Extras | None:
    """The extras of a model file, or None where there are none.

    Raises:
        InputError: if the file is no zip archive that can be read, or the extras are damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if info.filename in (_TEXT, _ARRAYS) and info.file_size > _MOST_BYTES:
                    raise ValueError(f"{info.filename} is larger than any that stepladder writes")
            if _TEXT not in archive.namelist():
                return None
            text = json.loads(archive.read(_TEXT))
            familiar = _familiar(text["familiar"], archive) if text["familiar"] else None
        framing = Framing(int(text["framing"]["box"])) if text["framing"] else None
        if "levels" in text:
            levels = _levels(text["levels"])
        else:  # An older file has a framing only where images are whole numbers.
            is_byte = familiar is not None and math.isclose(familiar.scale, 1 / 255)
            levels = Levels(0, 255) if framing or is_byte else None
        task = text.get("task", "classification")
        if task not in get_args(Task):
            raise ValueError(f"its task is {task!r}")
        pictures = _picture_shape(text["pictures"]) if "pictures" in text else None
        return Extras(tuple(map(str, text["classes"])), framing, levels, familiar, task, pictures)
    except OSError as error:
        raise InputError(
            f"MODEL must be a file that can be read, found {str(file)!r}: "
            f"{error.strerror or error}; check its name"
        ) from None
    except Exception as error:  # zip and array readers raise anything on damaged bytes
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(
            f"MODEL must be a .keras file as stepladder export or Keras writes it, found that "
            f"{str(file)!r} cannot be read ({problem}); export it again"
        ) from None


def _levels(values: list[float] | None) -> Levels | None:
    if values is None:
        return None
    least, greatest = map(float, values)
    if not (math.isfinite(least) and math.isfinite(greatest) and least <= greatest):
        raise ValueError(f"its images cannot have values in {least}…{greatest}")
    return Levels(least, greatest)


def _picture_shape(values: list[int]) -> tuple[int, ...]:
    shape = tuple(map(int, values))
    if len(shape) not in (2, 3) or not all(0 < side <= _LONGEST for side in shape[:2]):
        raise ValueError(f"its pictures cannot be of shape {shape}")
    return shape


def _familiar(numbers: dict[str, Any], archive: zipfile.ZipFile) -> SubspaceMixture:
    arrays = read_arrays(io.BytesIO(archive.read(_ARRAYS)), _ARRAYS)
    parts = {part: np.asarray(arrays[part], np.float32) for part in _PARTS}
    familiar = SubspaceMixture(
        float(numbers["scale"]), **parts, threshold=float(numbers["threshold"])
    )
    count, values, axes = familiar.axes.shape
    shapes = ((count, values), (count, axes), (count,))
    if (
        (familiar.means.shape, familiar.variances.shape, familiar.rest.shape) != shapes
        or not count
        or not math.isfinite(familiar.threshold)
    ):
        raise DataError("its arrays do not fit each other")
    return familiar


@dataclass(frozen=True)
class Prediction:
    """A model's answer to one input.

    Attributes:
        given: the input as the model got it.
        answer: name of the class of the largest probability; the labels that apply, with commas;
            "" of a regression.
        probabilities: of each class, by its number, or of each label; the values of a regression.
        is_familiar: whether it looks like the training set; None where that is not known.
        distance: from the training set, see `out_of_distribution`; None where that is not known.
    """

    given: Input
    answer: str
    probabilities: tuple[float, ...]
    is_familiar: bool | None
    distance: float | None

    @property
    def probability(self) -> float:
        """The largest one."""
        return max(self.probabilities)


@dataclass(frozen=True)
class Predictions:
    """A model's answers to all inputs.

    Attributes:
        model: its file.
        classes: their names, in the order of their numbers.
        threshold: distance beyond which an input is unlike the training set, or None.
        images: one an input, in their order.
        task: what the model has learnt.

    Example:
        >>> one = Input("three.png", None, np.zeros((28, 28)))
        >>> prediction = Prediction(one, "3", (0.25, 0.75), is_familiar=True, distance=12.0)
        >>> predictions = Predictions(Path("model.keras"), ("8", "3"), 40.0, (prediction,))
        >>> predictions.images[0].answer, predictions.images[0].probability
        ('3', 0.75)
    """

    model: Path
    classes: tuple[str, ...]
    threshold: float | None
    images: tuple[Prediction, ...]
    task: Task = "classification"


def predict_files(
    model: Path, sources: Sequence[Path], environment: Mapping[str, str], *, as_it_is: bool = False
) -> Predictions:
    """Predicts the classes of pictures and arrays.

    Args:
        model: a `.keras` file, of `stepladder export` or any that gives probabilities.
        sources: the files.
        environment: variables of the process that Keras runs in.
        as_it_is: whether pictures are only resized, not framed.

    Raises:
        InputError: if the model or a file cannot be read, or they do not fit each other.
    """
    if model.suffix != ".keras":
        raise InputError(
            f"MODEL must be a .keras file as stepladder export writes it, found {str(model)!r}; "
            "name that file"
        )
    extras = read_extras(model)
    pictures = extras.pictures if extras else None
    # Before Keras starts: errors come soon.
    contents = [read_source(path, pictures) for path in sources]
    task: Task = extras.task if extras else "classification"
    picture = next((source for source in contents if source.is_picture), None)
    if task == "regression" and picture is not None:
        raise DataError(
            f"{picture.path}: must be an array (.npy, .npz) of raw inputs, since this model is a "
            "regression, found a picture; save the inputs with numpy.save"
        )
    try:
        process = open_model(model, environment)
    except ModelRefused as error:
        raise InputError(
            f"MODEL must be a .keras file that Keras opens in its safe mode, found that "
            f"{str(model)!r} cannot be opened: {error}; export it again"
        ) from None
    with process:
        shape, classes = _check_shapes(model, process, extras)
        framing, levels = (extras.framing, extras.levels) if extras else _assume(shape)
        inputs = [
            one
            for source in contents
            for one in inputs_of(source, shape, framing, levels, as_it_is=as_it_is)
        ]
        values = np.stack([one.values for one in inputs])
        try:
            answers = process.probabilities(values)
        except ModelRefused as error:
            raise InputError(
                f"the model {str(model)!r} must answer inputs of shape {shape}, found: {error}"
            ) from None
    if not _are_answers(answers, task):
        raise InputError(
            f"the model {str(model)!r} must give probabilities, found answers that are not in "
            "0…1 with the sum 1; put a Softmax layer at its end"
        )
    familiar = extras.familiar if extras else None
    away = near = [None] * len(inputs)
    if familiar is not None:
        measured = distances(familiar, values)
        away, near = measured.tolist(), (measured <= familiar.threshold).tolist()
    return Predictions(
        model,
        classes,
        None if familiar is None else familiar.threshold,
        tuple(
            Prediction(
                given=one,
                answer=_answer(shares, classes, task),
                probabilities=tuple(map(float, shares)),
                is_familiar=False if one.is_empty else is_near,
                distance=distance,
            )
            for one, shares, distance, is_near in zip(inputs, answers, away, near, strict=True)
        ),
        task,
    )


def _are_answers(answers: npt.NDArray[np.float32], task: Task) -> bool:
    """Whether a model answers as one of its task does."""
    if not np.isfinite(answers).all():
        return False
    in_range = bool((answers >= 0).all())
    if task == "multilabel":
        return in_range and bool((answers <= 1).all())
    sums_to_1 = np.allclose(answers.sum(axis=1), 1, atol=1e-3)
    return task == "regression" or (in_range and bool(sums_to_1))


def _answer(shares: npt.NDArray[np.float32], classes: Sequence[str], task: Task) -> str:
    if task == "classification":
        return classes[int(shares.argmax())]
    if task == "regression":
        return ""
    return ", ".join(name for name, share in zip(classes, shares, strict=True) if share > 0.5)


def _check_shapes(
    model: Path, process: ModelProcess, extras: Extras | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The shape of an input and the names of classes.

    Raises:
        InputError: if the model has not one input and one answer, or other classes than it says.
    """
    shape, output = process.input_shape, process.output_shape
    least = 2 if extras is None or extras.task == "classification" else 1
    if shape is None or output is None or len(output) != 1 or output[0] < least or not shape:
        raise InputError(
            f"the model {str(model)!r} must take one input and give a probability for each of two "
            f"classes or more, found inputs {shape} and outputs {output}"
        )
    if extras is None:
        return shape, tuple(map(str, range(output[0])))
    familiar = extras.familiar
    if len(extras.classes) != output[0] or (
        familiar is not None and familiar.means.shape[1] != np.prod(shape)
    ):
        raise InputError(
            f"the model {str(model)!r} must have {len(extras.classes)} outputs as it says of "
            f"itself, found {output[0]}; export it again"
        )
    return shape, extras.classes


def _assume(shape: tuple[int, ...]) -> tuple[Framing | None, Levels]:
    """A model whose file says nothing of its images takes small grey ones as MNIST's are."""
    is_grey = len(shape) in (2, 3) and shape[2:] in ((), (1,)) and shape[0] == shape[1] == 28
    return Framing(20) if is_grey else None, Levels(0, 255)


_ALL_UP_TO = 12
_LEADING = 3
UNLIKE = "unlike the training set"
EMPTY = "nothing is drawn on it"


def show(predictions: Predictions, stream: TextIO | None = None) -> None:
    """Prints predictions.

    Args:
        predictions: what to show.
        stream: where to; stdout unless given. A terminal gives its width and colours, a file
            or a pipe gets 120 columns without.
    """
    classes = predictions.classes
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    task = predictions.task
    table.add_column("image" if task == "classification" else "input", overflow="fold")
    if task != "regression":
        table.add_column("class" if task == "classification" else "labels")
    in_full = len(classes) <= _ALL_UP_TO
    heads = [_head(name, task) for name in classes]
    if not in_full:
        heads = ["values" if task == "regression" else "probabilities"]
    for head in heads:
        table.add_column(Text(head), justify="right" if in_full else "left")
    remarks = [_remark(prediction) for prediction in predictions.images]
    if any(remarks):
        table.add_column("remark")
    for prediction, remark in zip(predictions.images, remarks, strict=True):
        given, answer = prediction.given, prediction.answer
        index = "" if given.index is None else f"[{given.index}]"
        shares = list(zip(classes, prediction.probabilities, strict=True))
        if in_full:
            cells = [
                Text(_cell(share, task), style=_style(name, share, prediction, task))
                for name, share in shares
            ]
        elif task == "regression":
            cells = [Text(", ".join(f"{printable(name)} {value:.6g}" for name, value in shares))]
        else:
            leading = sorted(shares, key=lambda pair: -pair[1])[:_LEADING]
            cells = [
                Text(", ".join(f"{printable(name)} {number(100 * p, 1)} %" for name, p in leading))
            ]
        named = [Text(printable(answer), style="bold")] if task != "regression" else []
        table.add_row(Text(truncate(given.source, 60) + index), *named, *cells,
                      *([Text(remark, style="yellow")] if any(remarks) else []))  # fmt: skip
    console_on(stream).print(Trimmed(table))


def _head(name: str, task: Task) -> str:
    return truncate(name, 12) if task == "regression" else f"{truncate(name, 8)} %"


def _cell(share: float, task: Task) -> str:
    return f"{share:.6g}".replace("-", MINUS) if task == "regression" else number(100 * share, 1)


def _style(name: str, share: float, prediction: Prediction, task: Task) -> str:
    if task == "classification":
        return "bold" if name == prediction.answer else "dim"
    return "bold" if task == "regression" or share > 0.5 else "dim"


def _remark(prediction: Prediction) -> str:
    if prediction.given.is_empty:
        return EMPTY
    return UNLIKE if prediction.is_familiar is False else ""


def as_json(predictions: Predictions) -> str:
    """Predictions as one JSON object, indented, ended by a line break.

    `familiar` is false where an input is unlike the training set, and null where the model file
    does not say what that was like.
    """
    value: dict[str, Any] = {
        "model": str(predictions.model),
        "classes": list(predictions.classes),
        "threshold": predictions.threshold,
        "images": [_record(prediction, predictions) for prediction in predictions.images],
    }
    if predictions.task != "classification":
        value["task"] = predictions.task
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _record(prediction: Prediction, predictions: Predictions) -> dict[str, Any]:
    """One prediction as JSON; a regression has `values` in the place of class and probabilities."""
    named = dict(zip(predictions.classes, prediction.probabilities, strict=True))
    answer: dict[str, Any] = {"values": named}
    if predictions.task == "multilabel":
        answer = {"labels": [name for name, share in named.items() if share > 0.5],
                  "probabilities": named}  # fmt: skip
    elif predictions.task == "classification":
        answer = {"class": prediction.answer, "probability": prediction.probability,
                  "probabilities": named}  # fmt: skip
    return {
        "file": prediction.given.source,
        "index": prediction.given.index,
        **answer,
        "familiar": prediction.is_familiar,
        "distance": prediction.distance,
        "empty": prediction.given.is_empty,
    }
