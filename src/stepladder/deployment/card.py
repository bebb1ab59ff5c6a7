"""The card of an exported model, as Markdown.

Reference:
    Mitchell et al. 2019, Model cards for model reporting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stepladder.deployment.evaluation import Measured, RobustnessPoint
from stepladder.deployment.export import Exported
from stepladder.report.markdown import markdown_text
from stepladder.report.tables import FormattedNumber
from stepladder.report.wording import MINUS, join_list, number, plural, printable
from stepladder.statistics.results import Estimate

_UNITS = {"shift": "pixels", "rotation": "degrees", "noise": "deviation, in parts of the range"}

_MNIST_LICENCE = (
    "MNIST: Yann LeCun, Corinna Cortes and Christopher J. C. Burges, Creative Commons "
    "Attribution-Share Alike 3.0, <https://creativecommons.org/licenses/by-sa/3.0/>"
)


def as_markdown(made: Exported) -> str:
    """What is known of an exported model."""
    parts = [_head(made), _use(made), _accuracy(made), _measured(made), _familiar(made),
             _recipe(made), _origin(made)]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(made: Exported) -> Iterator[str]:
    study, what = markdown_text(made.record.study.name), markdown_text(made.arm)
    file = _code(made.file.name)
    yield f"# {what} of {study}"
    yield ""
    numbers = join_list([str(each) for each in sorted(made.replicates)])
    if made.is_ensemble:
        yield (
            f"{file} is the mean of the probabilities of {len(made.replicates)} "
            f"networks, replicates {numbers} of the arm *{what}*, {made.parameters:,} weights each."
        )
    else:
        yield (
            f"{file} is one network of {made.parameters:,} weights: replicate {numbers}"
            f" of the arm *{what}*, the best of {made.of} by validation accuracy."
        )
    if made.diverged:
        yield f"{plural(made.diverged, 'replicate')} of the arm diverged and cannot be exported."


def _use(made: Exported) -> Iterator[str]:
    classes = made.record.classes
    yield "## How to use it"
    yield ""
    yield "```python"
    yield "import keras"
    yield f"model = keras.models.load_model({made.file.name!r})"
    yield "probabilities = model.predict(inputs)"
    yield "```"
    yield ""
    yield (
        "It needs Keras 3 alone, any backend, in its safe mode. Inputs are raw, as the data has "
        f"them{_values(made)}, and are scaled inside; the answer has {len(classes)} "
        "probabilities, for the classes "
        f"{_listed(classes)} in this order."
    )
    if made.framing is not None:
        yield (
            f"Its images are framed as MNIST's are: what is drawn is light on "
            f"{_short(made.levels.least) if made.levels else 0}, "
            f"{made.framing.box} pixels along its longer side, its centre of mass in the middle. "
            "`stepladder predict` brings pictures into that form; other pictures get answers that "
            "mean little."
        )


def _values(made: Exported) -> str:
    """The values that images have, in brackets."""
    if made.levels is None:
        return ""
    least, greatest = _short(made.levels.least), _short(made.levels.greatest)
    return f" (images in {least}…{greatest}; `stepladder predict` brings pictures into that range)"


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)


def _listed(classes: Sequence[str]) -> str:
    names = [_code(each) for each in classes[:20]]
    return ", ".join([*names, "…"] if len(classes) > 20 else names)


def _accuracy(made: Exported) -> Iterator[str]:
    sizes = made.record.sizes
    yield "## Accuracy"
    yield ""
    yield f"| | this model | {plural(made.of, 'replicate')} of the arm, 95 % t interval |"
    yield "|---|---|---|"
    own = None if made.own_val_accuracy is None else 100 * made.own_val_accuracy
    arm = _estimate(made.val_accuracy)
    yield f"| validation, {sizes['validation']:,} | {_percent(own)} | {arm} |"
    tested = None if made.own_test_accuracy is None else 100 * made.own_test_accuracy
    arm = "locked" if made.test_accuracy is None else _estimate(made.test_accuracy)
    mine = "locked" if tested is None else _percent(tested)
    yield f"| test, {sizes['test']:,} | {mine} | {arm} |"
    yield ""
    if made.is_ensemble:
        yield (
            "Each network held out other images for validation, so that none is left to validate "
            "the ensemble on."
        )
    else:
        yield (
            "It was chosen by its validation accuracy, which is therefore a little flattering; "
            "what a new training of the recipe may be expected to reach is the mean of the arm."
        )
    yield _looks(made)
    yield _agreement(made)


def _looks(made: Exported) -> str:
    looks = plural(made.looks, "look")
    if made.test_accuracy is None:
        return (
            "The test set is locked: nobody has looked at this winner's test figures, "
            "`stepladder search --final` does. Of this test set the store knows "
            f"{looks}."
        )
    return f"The store knows of {looks} at this test set, this card included."


def _agreement(made: Exported) -> str:
    images = made.record.sizes["test"]
    origin = "kept by the run" if made.is_kept else "trained again from the same random streams"
    if not made.differ_from_stored:
        same = "the stored trial and these weights are right on the same test images"
    else:
        same = (
            f"they differ from the stored trial on {made.differ_from_stored:,} test images, since "
            "another machine or other versions trained it"
        )
    if made.differing:
        rounding = f"answers {made.differing:,} of {images:,} test images otherwise than"
    else:
        rounding = f"answers all {images:,} test images as"
    return (
        f"The weights were {origin}: {same}. This file, loaded by Keras, {rounding} the engine "
        f"that trained it; the largest difference of a probability is "
        f"{made.largest_difference:.1g} (float32 sums in another order)."
    )


def _measured(made: Exported) -> Iterator[str]:
    yield "## Calibration and robustness"
    yield ""
    found = made.measured
    if found is None:
        yield (
            "Not measured: every image outside the locked test set was trained on by one of the "
            "networks. Look at the winner's test figures first (`stepladder search --final`), or "
            "export one replicate."
        )
        return
    yield _on(found)
    yield ""
    each = found.calibration
    low, high = (100 * end for end in (each.interval.low, each.interval.high))
    yield "| | |"
    yield "|---|---|"
    yield (
        f"| expected calibration error (15 bins) | {number(100 * each.error)} points, 95 % "
        f"bootstrap interval [{number(low)}, {number(high)}] |"
    )
    yield (
        "| what perfect calibration would show on so many images | "
        f"{number(100 * each.by_chance)} points |"
    )
    yield (
        f"| mean confidence against accuracy | {number(100 * each.confidence)} % against "
        f"{number(100 * each.accuracy)} % |"
    )
    yield f"| mean cross-entropy | {number(each.loss, 4)} nats |"
    if found.borne:
        yield ""
        yield from _robustness(found)


def _on(found: Measured) -> str:
    images = f"{found.calibration.images:,}"
    if found.part == "validation":
        return f"On the {images} validation images, which this network was not trained on."
    return (
        f"On the {images} test images, since each validation image was trained on by another of "
        "the networks; the look is counted."
    )


def _robustness(found: Measured) -> Iterator[str]:
    yield f"Accuracy on {found.images:,} of these images, changed, with the half 95 % interval:"
    yield ""
    yield "| change | strength: accuracy % |"
    yield "|---|---|"
    plain = next(each for each in found.borne if each.how is None)
    yield f"| none | {_accuracy_of(plain)} |"
    for kind, unit in _UNITS.items():
        cells = [
            f"{each.how.strength:g}: {_accuracy_of(each)}"
            for each in found.borne
            if each.how is not None and each.how.kind == kind
        ]
        if cells:
            yield f"| {kind} ({unit}) | {' · '.join(cells)} |"


def _accuracy_of(each: RobustnessPoint) -> str:
    return f"{number(100 * each.accuracy, 1)} ± {number(100 * each.half_width, 1)}"


def _familiar(made: Exported) -> Iterator[str]:
    yield "## Inputs unlike its training set"
    yield ""
    yield (
        "The file carries a description of its training set: a mixture of local subspaces, up to "
        "eight a class. `stepladder predict` says so when an input is farther from all of them "
        "than 98 % of the validation images. Of the test images, their labels unread, it calls "
        f"{number(100 * made.false_alarms, 1)} % unlike."
    )


def _recipe(made: Exported) -> Iterator[str]:
    yield "## Recipe"
    yield ""
    yield "| field | value |"
    yield "|---|---|"
    for name, value in made.recipe.model_dump(mode="json").items():
        yield f"| {name} | {markdown_text(str(value))} |"
    yield f"| seed | {made.record.study.seed} |"


def _origin(made: Exported) -> Iterator[str]:
    record = made.record
    yield "## Where it comes from"
    yield ""
    yield "| | |"
    yield "|---|---|"
    sizes = ", ".join(f"{name} {size:,}" for name, size in record.sizes.items())
    yield f"| data | {markdown_text(record.dataset)}: {sizes} |"
    yield f"| data fingerprint (SHA-256) | `{record.fingerprint}` |"
    versions = ", ".join(f"{name} {value}" for name, value in sorted(record.versions.items()))
    yield f"| trained with | {versions} |"
    yield f"| trained on | {markdown_text(record.machine)} |"
    if record.study.dataset == "mnist":
        licence = _MNIST_LICENCE
    else:
        licence = "that of the data's owner, which stepladder does not know: write it here"
    yield f"| licence of the data | {licence} |"
    yield (
        "| licence of the weights | yours to choose, as far as the data's licence lets you; "
        "stepladder, which made them, claims nothing |"
    )


def _code(text: str) -> str:
    """A text as code, which may hold the mark of code itself."""
    text = printable(text)
    marks = max(map(len, re.findall("`+", text)), default=0) * "`" + "`"
    inside = f" {text} " if "`" in text else text
    return f"{marks}{inside}{marks}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{number(value)} %"


def _estimate(each: Estimate) -> str:
    return f"{FormattedNumber.accuracy(each).text} %"
