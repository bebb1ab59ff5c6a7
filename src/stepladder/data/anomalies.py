"""What is odd in data: columns that say nothing, classes that differ between parts, outliers."""

import numpy as np
import numpy.typing as npt

from stepladder.data.dataset import Dataset, Images, list_names

_LOOKED_AT = 200
"""Rows on which columns are looked at first: most of them need no other."""

PIECE = 2**21
"""Bytes that are looked at together, so that nothing is copied that a core cannot cache."""

_FEWEST_PIXELS = 64
"""Columns of whole numbers in 0…255 from which they may be pixels: many have one value."""

_FEW = 10
"""Training examples of a class below which it is hardly learnt."""

_STRONGLY = 0.1
"""Share of the examples that would need another class for the parts to agree."""

_BY_CHANCE = 1e-6
"""Below this p-value shares of classes are not those of one drawing, whatever is tried."""

_FAR = 1e6
"""Standard deviations of the others from which a target is a mistake, or a sign of a gap."""


def anomalies(dataset: Dataset, has_columns: bool) -> tuple[str, ...]:
    """What is odd in a dataset, as sentences; empty where nothing is.

    Args:
        dataset: any one.
        has_columns: whether its inputs are a table whose columns mean something.

    Example:
        >>> from stepladder.data import synthetic
        >>> anomalies(synthetic(examples=100, input_shape=(3,), classes=2, seed=0), True)
        ()
    """
    notes = _constant_columns(dataset) if has_columns else []
    if dataset.task == "classification":
        notes += [*_rare_classes(dataset), *_other_shares(dataset)]
    elif dataset.task == "regression":
        notes += _outliers(dataset)
    return tuple(notes)


def start_of(x: Images) -> npt.NDArray[np.float64]:
    """The first rows of a table, on which its columns are looked at first."""
    return x[:_LOOKED_AT].astype(np.float64)


def name_columns(dataset: Dataset, places: list[int]) -> str:
    """Columns for a sentence: "the column 'Id'", or "columns 2, 3" where names are not known."""
    several = "s" if len(places) > 1 else ""
    if dataset.columns:
        return f"the column{several} {list_names([repr(dataset.columns[p]) for p in places])}"
    return f"column{several} {list_names([str(place + 1) for place in places])}"


def _constant_columns(dataset: Dataset) -> list[str]:
    """Columns that hold one value over the training part."""
    x, start = dataset.x_train, start_of(dataset.x_train)
    is_whole = bool((start == np.floor(start)).all() and start.min() >= 0 and start.max() <= 255)
    if len(x) < 2 or (is_whole and x.shape[1] >= _FEWEST_PIXELS):
        return []
    places = np.flatnonzero((start == start[0]).all(axis=0))
    step = max(1, PIECE // x[0].nbytes)
    for at in range(0, len(x), step):
        if not len(places):
            return []
        places = places[(x[at : at + step, places] == x[0, places]).all(axis=0)]
    changes = [bool((dataset.x_test[:, place] != x[0, place]).any()) for place in places]
    constant, changed = ([int(place) for place, differs in zip(places, changes, strict=True)
                          if differs == kind] for kind in (False, True))  # fmt: skip
    found = [
        (constant, "one value only", "leave {} out of the file"),
        (changed, "one value in the training part and others in the test part, of which nothing "
         "is learnt", "leave {} out of the file, or shuffle the rows before dividing them"),
    ]  # fmt: skip
    return [
        f"{dataset.name}: {name_columns(dataset, own)} {'holds' if len(own) == 1 else 'hold'} "
        f"{what}; {advice.format('it' if len(own) == 1 else 'them')}"
        for own, what, advice in found
        if own
    ]


def _rare_classes(dataset: Dataset) -> list[str]:
    counts = np.bincount(dataset.y_train)
    rare = [f"{dataset.class_names[label]!r} ({counts[label]})"
            for label in np.flatnonzero(counts < _FEW)]  # fmt: skip
    if not rare:
        return []
    what = "a class has" if len(rare) == 1 else f"{len(rare):,} classes have"
    return [
        f"{dataset.name}: {what} fewer than {_FEW} training examples, {list_names(rare)}; add "
        "some, or join classes"
    ]


def _other_shares(dataset: Dataset) -> list[str]:
    """Classes that are much more frequent in one part than in the other."""
    counts = np.stack([np.bincount(y, minlength=dataset.classes)
                       for y in (dataset.y_train, dataset.y_test)])  # fmt: skip
    sums = counts.sum(axis=1)
    difference = np.abs(np.diff(counts / sums[:, None], axis=0)[0])
    if difference.sum() / 2 < _STRONGLY:
        return []
    from scipy.stats import chi2_contingency

    if chi2_contingency(counts).pvalue >= _BY_CHANCE:
        return []
    label = int(difference.argmax())
    train, test = counts[:, label]
    return [
        f"{dataset.name}: the class {dataset.class_names[label]!r} has {train:,} of {sums[0]:,} "
        f"training and {test:,} of {sums[1]:,} test examples, more than chance explains; "
        "shuffle the rows before dividing them, or judge by balanced_accuracy"
    ]


def _outliers(dataset: Dataset) -> list[str]:
    notes = []
    for place, name in enumerate(dataset.class_names):
        parts = {"training": dataset.y_train[:, place], "test": dataset.y_test[:, place]}
        values = np.concatenate(list(parts.values())).astype(np.float64)
        far = np.abs(values - np.median(values))
        greatest = values[far.argmax()]
        others = values[values != greatest]  # a code for what is missing stands there often
        if len(others) > 2 and far.max() > _FAR * others.std() > 0:
            part = next(part for part in parts if (parts[part] == greatest).any())
            row = int(np.flatnonzero(parts[part] == greatest)[0])
            count = int((values == greatest).sum())
            more = f" and {count - 1:,} more" if count > 1 else ""
            notes.append(
                f"{dataset.name}: the target {name!r} is {greatest:g} in example {row} of the "
                f"{part} part{more}, a million standard deviations from the others; correct it, "
                "or leave such rows out"
            )
    return notes
