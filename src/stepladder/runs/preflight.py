"""What is checked and noted before anything is trained."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stepladder.data import Dataset, split, validation_examples
from stepladder.data.dataset import Targets
from stepladder.data.leaks import dataset_notes, measured_labels, shown_notes
from stepladder.data.preprocessing import image_sides, is_byte_table, is_dim, is_unit_already
from stepladder.errors import InputError, StudyError
from stepladder.execution.machine import Settings
from stepladder.statistics.anytime import SHARE_FIRST
from stepladder.statistics.paired import missed_share, unanimous_sign_floor
from stepladder.statistics.sequential import fewest_replicates
from stepladder.store import StudyRecord
from stepladder.study.confounds import confound_sentences, confounds, optimizer_steps
from stepladder.study.designs import runs_of_fraction
from stepladder.study.effective import Circumstances, empty_comparisons, stops_early
from stepladder.study.keras_names import arguments_of, keras_names, name_of
from stepladder.study.losses import NOT_NEGATIVE, OF_A_BATCH, losses_of
from stepladder.study.recipe import IMAGE_FIELDS, Recipe
from stepladder.study.schema import unknown_names
from stepladder.study.scoring import TOP_K, top_k
from stepladder.study.search import SEARCH_REPLICATES
from stepladder.study.study import Study
from stepladder.study.techniques import change_text, find_technique
from stepladder.study.trainer import UserTrainer
from stepladder.study.tuning import TUNING_REPLICATES


def check_possible(study: Study, dataset: Dataset, settings: Settings) -> None:
    """Makes sure that engine and dataset can do what arms ask for, and that compared arms differ.

    Raises:
        StudyError: if they cannot, or arms are trained alike, with every problem.
    """
    fields = (*IMAGE_FIELDS, *_OF_CLASSES)  # that not every dataset or engine can do
    used = {
        f"arm {arm.name!r}": [field for field in fields if getattr(arm.recipe, field)]
        for arm in study.arms
    }
    if study.search is not None:
        used["search.space"] = [field for field in fields if field in study.search.space]
    found = [
        (place, line)
        for place, names in used.items()
        for line in _field_problems(names, dataset, settings)
    ]
    found += [
        (f"arm {arm.name!r}", line)
        for arm in study.arms
        for line in _loss_problems(arm.recipe, dataset)
    ]
    problems = say_once(found)
    validation = validation_examples(dataset, study.validation)
    train = dataset.least_training - validation
    least = min(arm.recipe.train_examples or train for arm in study.arms)
    draws_size = study.search is not None and "train_examples" in study.search.space
    is_fixed = not draws_size and dataset.folds is None
    unit = is_fixed and is_unit_already(dataset.x_train, len(dataset.y_train) - least)
    problems += empty_comparisons(study, Circumstances(train, unit))
    problems += [
        f"arm {arm.name!r}: gradient_accumulation_steps must be at most the batches of a training, "
        f"found {arm.recipe.gradient_accumulation_steps}, with which its weights never change; "
        "lower it, or train for longer"
        for arm in study.arms
        if optimizer_steps(arm.recipe, train) == 0
    ]
    problems += _too_large(study, dataset, settings)
    problems += _metric_problems(study, dataset, validation)
    if problems:
        raise StudyError(problems)


def say_once(found: Iterable[tuple[str, str]]) -> list[str]:
    """Problems, each in one line, with the first place that has it and the number of others."""
    places: dict[str, list[str]] = {}
    for place, line in found:
        places.setdefault(line, []).append(place)
    return [
        f"{first} and {len(others)} more: {line}" if others else f"{first}: {line}"
        for line, (first, *others) in places.items()
    ]


_OF_CLASSES = ("vat", "label_smoothing")


def _field_problems(names: list[str], dataset: Dataset, settings: Settings) -> list[str]:
    """What a dataset or an engine lacks for the fields that an arm uses."""
    problems = []
    of_images = [field for field in names if field in IMAGE_FIELDS]
    if of_images and image_sides(dataset.input_shape) is None:
        problems.append(
            f"{' and '.join(of_images)} must be of grey images of 2 pixels a side or more, found "
            f"examples of {dataset.name} of shape {dataset.input_shape}; leave it out, or give "
            "images of shape (height, width)"
        )
    of_classes = [field for field in names if field in _OF_CLASSES]
    if of_classes and dataset.task != "classification":
        problems.append(
            f"{' and '.join(of_classes)} must be of classes, found the task {dataset.task}; leave "
            "it out"
        )
    if "vat" in names and settings.engine == "fit":
        problems.append(
            "vat must be trained by the population engine, found --engine fit, whose training "
            "step is that of Keras and takes no gradient by the inputs; leave --engine out"
        )
    return problems


def _loss_problems(recipe: Recipe, dataset: Dataset) -> list[str]:
    """What of a recipe's loss, weights of classes and monitor does not fit a dataset's targets."""
    name, task, problems = name_of(recipe.loss), dataset.task, []
    fitting = losses_of(task, dataset.outputs)
    what = {"classification": f"{dataset.outputs} classes", "multilabel": "several labels",
            "regression": "a regression"}[task]  # fmt: skip
    if name not in ("auto", *fitting):
        problems.append(
            f"loss must fit {what}, found {name!r}; write one of {', '.join(fitting)}, or leave it "
            "out"
        )
    lowest = min(float(dataset.y_train.min()), float(dataset.y_test.min()))
    if task == "regression" and name in NOT_NEGATIVE and lowest < 0:
        problems.append(
            f"the targets of the loss {name} must be 0 or more, found {lowest:g}; choose another "
            "loss"
        )
    if recipe.monitor == "val_accuracy" and task == "regression":
        problems.append(
            "monitor must be val_loss for a regression, found val_accuracy; leave it out"
        )
    if recipe.class_weight and (task != "classification" or name in OF_A_BATCH):
        of = what if task != "classification" else f"the loss {name}, which is of a whole batch"
        problems.append(f"class_weight must be of classes, found it for {of}; leave it out")
    elif isinstance(recipe.class_weight, dict):
        problems += unknown_names("class_weight must name classes", recipe.class_weight,
                                  dataset.class_names)  # fmt: skip
    return problems


_FASTEST = {"cpu": 2e11, "gpu": 1e14}  # operations a second of one process, in matrix products
_SHORTEST_STEP = 2e-6  # seconds of one training; several share a step
_LONG_DAYS = 2.0


def least_memory(recipe: Recipe, dataset: Dataset) -> int:
    """Bytes that one training needs at least: weights, gradient, slots of the optimizer."""
    count = weights(recipe, math.prod(dataset.input_shape), dataset.outputs) or 0
    return 4 * count * (2 + _slots(recipe))


def _slots(recipe: Recipe) -> int:
    """Numbers that the optimizer stores for each weight of a matrix."""
    entry = keras_names()["optimizers"][name_of(recipe.optimizer)]
    given = {**arguments_of(recipe.optimizer), "momentum": recipe.momentum}
    more: int = sum(count for key, count in entry["more_slots"].items() if given.get(key))
    return int(entry["slots"]) + more + bool(recipe.gradient_accumulation_steps)


def _too_large(study: Study, dataset: Dataset, settings: Settings) -> list[str]:
    if settings.memory is None or settings.device == "gpu":  # a GPU has a memory of its own
        return []
    needed, name = max((least_memory(arm.recipe, dataset), arm.name) for arm in study.arms)
    if needed <= settings.memory:
        return []
    return [
        f"arm {name!r} must fit into memory, found {_gigabytes(needed)} or more for the weights of "
        f"one training and {_gigabytes(settings.memory)} free on this machine; make hidden smaller"
    ]


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


def least_seconds(recipe: Recipe, dataset: Dataset, examples: int, device: str) -> float:
    """Seconds that one training takes at least, on a process as fast as any."""
    count = weights(recipe, math.prod(dataset.input_shape), dataset.outputs) or 0
    products = 6.0 * count * examples / _FASTEST[device]
    return recipe.epochs * max(products, _SHORTEST_STEP * examples / recipe.batch_size)


def _cost_notes(
    study: Study, missing: int, dataset: Dataset, train: int, settings: Settings
) -> list[str]:
    """Notes on a batch larger than the data, on memory and on time, where they are unusual."""
    notes, workers, device = [], len(settings.cpus), settings.device
    examples = [min(train, arm.recipe.train_examples or train) for arm in study.arms]
    single = [arm for arm, count in zip(study.arms, examples, strict=True)
              if optimizer_steps(arm.recipe, count) == 1]  # fmt: skip
    large = [(arm, count) for arm, count in zip(study.arms, examples, strict=True)
             if arm.recipe.batch_size > count and arm not in single]  # fmt: skip
    if single:
        notes.append(
            f"arm {single[0].name!r}{_and_more(single)}: a training is a single step of the "
            "optimizer, which learns hardly anything. Lower batch_size, or raise epochs."
        )
    if large:
        arm, count = large[0]
        notes.append(
            f"arm {arm.name!r}{_and_more(large)}: a batch of {arm.recipe.batch_size:,} is more "
            f"than the {count:,} training examples, so each epoch is one step with all of them. "
            "Lower batch_size for more steps."
        )
    needed = workers * max(least_memory(arm.recipe, dataset) for arm in study.arms)
    if settings.memory is not None and device == "cpu" and needed > settings.memory:
        notes.append(
            f"{workers} trainings at a time need {_gigabytes(needed)} or more for their weights, "
            f"of {_gigabytes(settings.memory)} free on this machine. Lower --workers."
        )
    costs = [least_seconds(arm.recipe, dataset, count, device)
             for arm, count in zip(study.arms, examples, strict=True)]  # fmt: skip
    days = sum(costs) / len(costs) * missing / workers / 86_400
    if days > _LONG_DAYS:
        time = f"{days:,.0f} days" if days < 1_000 else f"{days / 365.25:,.0f} years"
        notes.append(
            f"the training takes {time} or more with {workers} at a time. Lower epochs, hidden or "
            "replicates."
        )
    return notes


def _and_more(found: Sequence[object]) -> str:
    return f" and {len(found) - 1} more" if len(found) > 1 else ""


_OF_ALL_TARGETS = ("auroc", "average_precision", "r2", "explained_deviance")


def _metric_problems(study: Study, dataset: Dataset, validation: int) -> list[str]:
    """Metrics that are not defined for the targets that they will be computed of."""
    names = [name for name in study.computed if name in _OF_ALL_TARGETS]
    if not names:
        return []
    slim, count = dataset.without_inputs(), study.replicates if dataset.folds else 1
    parts = {"test part": [slim.view(replicate).y_test for replicate in range(count)]}
    choosing: list[int] = []  # replicates on which validation figures choose
    if study.tuned is not None:
        choosing += (TUNING_REPLICATES + replicate for replicate in range(study.tuned.replicates))
    if study.search is not None:
        choosing += (SEARCH_REPLICATES + replicate for replicate in range(study.search.replicates))
    for replicate in choosing:
        rows = split(dataset, validation, None, study.seed, replicate)
        parts.setdefault("validation part", []).append(dataset.y_train[rows.validation])
    what, of, needed = {
        "classification": ("examples of every class", "classes", max(2, dataset.classes)),
        "multilabel": ("examples with and without every label", "labels", dataset.outputs),
        "regression": ("targets that vary", "targets", dataset.outputs),
    }[dataset.task]
    least = ", two classes at least" if of == "classes" else ""
    problems = [
        f"the metric {name} must have {what} in the {part}{least}, found {count} of "
        f"{dataset.outputs} {of} there; take more examples for it, or choose another metric"
        for name in names
        for part, targets in parts.items()
        if (count := min(map(_different, targets))) < needed
    ]
    tested = _tested(dataset)
    if "explained_deviance" in names and (tested < 0).any():
        problems.append(
            "the metric explained_deviance must have targets of 0 or above, found "
            f"{tested.min():g} in the test part; choose another metric"
        )
    return problems


def _tested(dataset: Dataset) -> Targets:
    """The targets of all examples that test in some replicate."""
    if dataset.folds is None:
        return dataset.y_test
    return np.concatenate([dataset.y_train, dataset.y_test])


def _different(targets: Targets) -> int:
    """How many classes are there, or how many labels or targets vary."""
    if targets.ndim == 1:
        return len(np.unique(targets))
    return int((np.ptp(targets, axis=0) > 0).sum())


_ALPHA = 0.05


def underpowered(study: Study) -> tuple[str, ...]:
    """What the number of replicates leaves open, as sentences; empty where it is enough.

    In a family of many comparisons few replicates give no verdict, however large an effect is:
    differences that all have one sign are not significant below `unanimous_sign_floor`.

    Example:
        >>> from stepladder import Study
        >>> base = {"hidden": [8], "activation": "sigmoid"}
        >>> study = Study(name="s", base=base, techniques=["ReLU"], replicates=2)
        >>> underpowered(study)[0].split(":")[0]
        '2 replicates of each arm'
    """
    count, family = study.replicates, sum(arm.compared_with is not None for arm in study.arms)
    if not family or _can_be_significant(count, family):
        return ()
    noun = "replicate" if count == 1 else "replicates"
    if count < 3:
        return (
            f"{count} {noun} of each arm: an effect cannot be distinguished from chance, and no "
            f"verdict can be given. Ask for 5 or more{_more_replicates(study)}.",
        )
    enough = fewest_replicates(count, family)
    effects = sum(technique.instead_of is None for technique in study.techniques)
    has_effects = bool(study.cells) and _can_be_significant(count, effects)
    main = f" Main effects, a family of {effects}, are judged separately." if has_effects else ""
    return (
        f"{count} {noun} of each arm are too few for a verdict on any of {family:,} comparisons, "
        f"however large its effect; {enough} are the fewest that allow one"
        f"{_more_replicates(study)}.{main}",
    )


def _more_replicates(study: Study) -> str:
    return ", by splits.folds or splits.repeats" if study.overlap else ""


def _can_be_significant(replicates: int, comparisons: int) -> bool:
    # Even the clearest of them, after Holm's correction.
    return bool(unanimous_sign_floor(replicates) * comparisons < _ALPHA * SHARE_FIRST)


SHOWN_CONFOUNDS = 8  # before training; the report has them all


def data_notes(study: Study, dataset: Dataset) -> tuple[str, ...]:
    """Notes on the data of a study; none where its training brings its own."""
    may_be_ids = bool(study.model_files) or study.trainer is not None
    notes = dataset_notes(dataset, may_be_ids) if study.dataset is not None else ()
    if getattr(study.dataset, "task", None) is None:
        notes += measured_labels(dataset)
    return notes


def preflight_notes(
    study: Study,
    missing: int,
    dataset: Dataset,
    sizes: Mapping[str, int],
    settings: Settings,
    of_data: tuple[str, ...] | None = None,
) -> tuple[str, ...]:
    """Notes before training, one line each; often none.

    Args:
        study: what is asked.
        missing: trials that are yet to be trained.
        dataset: of the study.
        sizes: examples by part.
        settings: of this machine.
        of_data: `data_notes` where they are known.
    """
    if missing and of_data is None:
        of_data = data_notes(study, dataset)
    data = shown_notes(of_data or (), ", in the report") if missing else ()
    parameters: dict[str, int | None] = {}
    if study.trainer is None:
        inputs = math.prod(dataset.input_shape)
        parameters = {arm.name: weights(arm.recipe, inputs, dataset.outputs) for arm in study.arms}
    found = confounds(study, train=sizes.get("train"), parameters=parameters)
    lines = [f"confound: {sentence}" for sentence in confound_sentences(found)]
    if left := len(lines[SHOWN_CONFOUNDS:]):
        lines[SHOWN_CONFOUNDS:] = [f"confound: and {left:,} more, in the report"]
    lines += _own_changes(study)
    is_scaled = study.trainer is None and any(arm.recipe.scaling == "unit" for arm in study.arms)
    if is_scaled and not study.model_files and is_byte_table(dataset.x_train):
        # A user's network may look them up.
        lines.append(
            "unit scaling: a table of whole numbers from 0 to 255 is scaled column by column, by "
            "the range of the training part; only images are divided by 255"
        )
    if is_scaled and is_dim(dataset.x_train):
        lines.append(
            f"unit scaling: images of whole numbers up to {dataset.x_train.max()} are divided by "
            "the greatest of the training part; only brighter ones are divided by 255"
        )
    if "top_k_accuracy" in study.computed and top_k(dataset.classes) < TOP_K:
        lines.append(
            f"top_k_accuracy: of {dataset.classes} classes it counts the "
            f"{top_k(dataset.classes)} most probable, not {TOP_K}"
        )
    count = len(study.cells).bit_length() - 1
    if study.design == "factorial" and missing and count > 4:  # smaller ones have no fraction
        lines.insert(
            0,
            f"factorial of {count} techniques, {missing:,} trials to train: design = "
            f'"fraction" would have {runs_of_fraction(count)} arms of {2**count}',
        )
    costs: tuple[str, ...] = ()
    if study.trainer is None:
        lines += [*_one_class_is_frequent(study, dataset), *_never_stopped(study)]
        lines += _fine_margin(study, len(_tested(dataset)))
    if missing and study.trainer is None:
        costs = (*_cost_notes(study, missing, dataset, sizes["train"], settings),)
        costs = (*_small_validation(dataset, sizes["validation"]), *costs)
    return (*data, *lines, *costs, *underpowered(study))


def _own_changes(study: Study) -> list[str]:
    """Notes on techniques that have a name of the catalogue and another change."""
    if study.trainer is not None:  # the catalogue's changes are those of recipes
        return []
    return [
        f"technique {one.name!r}: the study's own change is used ({change_text(one.change)}), not "
        f"the catalogue's ({change_text(entry['change'])})"
        for one in study.techniques
        if (entry := find_technique(one.name)) and entry["change"] != one.change
    ]


def _fine_margin(study: Study, examples: int) -> list[str]:
    """A note where delta is less than one test example, with what this test set can show."""
    row = 100 / max(examples, 1)
    if study.judged.name != "accuracy" or study.delta is None or study.delta >= row:
        return []
    within = "no difference" if study.claim == "difference" else study.claim
    new = 100 * missed_share(max(examples, 1))  # although not one of them is answered otherwise
    return [
        f"delta: one of {examples:,} test examples is {row:.2g} points, more than delta = "
        f'{study.delta:g}, so "{within}" cannot be shown; take {math.ceil(100 / study.delta):,} '
        f"test examples, or write delta = {math.ceil(10 * row) / 10:g} or more "
        f"({math.ceil(10 * new) / 10:g} to speak for new examples)"
    ]


def _small_validation(dataset: Dataset, validation: int) -> list[str]:
    if dataset.task != "classification" or validation >= dataset.classes:
        return []
    return [
        f"validation: {validation:,} example{'s' if validation > 1 else ''} cannot show each of "
        f"{dataset.classes:,} classes; write validation = {dataset.classes} or more"
    ]


_FREQUENT = 0.8
"""Share of the test examples from which one class makes accuracy a poor measure."""


def _one_class_is_frequent(study: Study, dataset: Dataset) -> list[str]:
    if study.judged.name != "accuracy" or dataset.task != "classification":
        return []
    counts = np.bincount(_tested(dataset))
    share = counts.max() / counts.sum()
    if share < _FREQUENT:
        return []
    name = dataset.class_names[int(counts.argmax())]
    return [
        f"accuracy: {share * 100:.1f} % of the test examples are of the class {name!r}, so always "
        'answering it is right as often; metric = "balanced_accuracy" counts every class alike'
    ]


def _never_stopped(study: Study) -> list[str]:
    arms = [arm for arm in study.arms if arm.recipe.patience and not stops_early(arm.recipe)]
    if not arms:
        return []
    recipe, others = arms[0].recipe, f" and {len(arms) - 1} more" if len(arms) > 1 else ""
    return [
        f"arm {arms[0].name!r}{others}: a patience of {recipe.patience} stops no training of "
        f"{recipe.epochs} epochs; lower it, or train for longer"
    ]


def changed_code_note(study: Study, stored: StudyRecord | None) -> tuple[str, ...]:
    """A note where a version hides that the code of a training has changed; empty elsewhere.

    Args:
        study: what is asked.
        stored: the same study as its store has it, or None.
    """
    trainer, before = study.trainer, stored.study.trainer if stored else None
    if trainer is None or before is None or trainer.version is None:
        return ()
    changed = [name for name, sha256 in trainer.sha256.items()
               if before.sha256.get(name, sha256) != sha256]  # fmt: skip
    if trainer.version != before.version or not changed:
        return ()
    return (
        f"{', '.join(changed)} has changed and trainer.version is {trainer.version!r} as before: "
        "trials that are stored count, though the code has changed. Give another version to train "
        "them again.",
    )


def weights(recipe: Recipe, inputs: int, outputs: int) -> int | None:
    """Trainable numbers of a recipe's network, without building it; None for the user's network.

    Args:
        recipe: any recipe.
        inputs: numbers in one example.
        outputs: units of the last layer.
    """
    if recipe.model is not None:
        return None
    before = recipe.normalization_position == "before"
    activation, normalization = name_of(recipe.activation), name_of(recipe.normalization)
    total, entering = 0, inputs
    for units in recipe.hidden:
        leaving = units // 2 if activation == "glu" else units
        is_cancelled = normalization == "batch" and before
        total += entering * units + (0 if is_cancelled else units)
        total += _scales(recipe.normalization) * (units if before else leaving)
        total += units if activation == "prelu" else 0
        entering = leaving
    return total + entering * outputs + outputs


def _scales(normalization: str) -> int:
    """Trainable numbers that a normalisation has for each unit."""
    arguments = arguments_of(normalization)
    learned = {"batch": ("center", "scale"), "layer": ("center", "scale"),
               "group": ("center", "scale"), "rms": ("scale",)}  # fmt: skip
    return sum(bool(arguments.get(key, True)) for key in learned.get(name_of(normalization), ()))


def check_code_allowed(study: Study, allow_code: bool) -> None:
    """Makes sure that the user wants a study's code to run, if it has any.

    Raises:
        InputError: if the user did not; nothing of it was run.
        StudyError: if the code is not there.
    """
    if study.trainer is not None:
        _check_trainer_allowed(study.trainer, allow_code)
    files = [
        f"the function {file.function!r} of {file.file!r} next to it "
        f"({len(file.text.splitlines())} lines, SHA-256 {file.sha256})"  # it may be missing
        for file in study.model_files
    ]
    if allow_code or not files:
        return
    raise InputError(
        f"this study runs Python code with your rights: {' and '.join(files)}, in each training "
        "process; it must be allowed, found no permission. Read the file, then add --allow-code"
    )


def _check_trainer_allowed(trainer: UserTrainer, allow_code: bool) -> None:
    if allow_code or trainer.is_callable:
        return
    what = f"the command `{' '.join(trainer.command)}`" if trainer.command else trainer.name
    files = ", ".join(f"{name} (SHA-256 {sha256[:16]}…)" for name, sha256 in trainer.sha256.items())
    raise InputError(
        f"this study runs code with your rights: {what}, once for each trial"
        f"{f', with {files}' if files else ''}; it must be allowed, found no permission. Read it, "
        "then add --allow-code"
    )
