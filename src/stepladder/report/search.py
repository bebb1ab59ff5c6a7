"""A search in words and tables."""

import math
from collections.abc import Mapping, Sequence
from typing import TextIO

from stepladder.hpo.candidates import Candidate
from stepladder.hpo.results import SearchResult
from stepladder.report.document import (
    Cell,
    Document,
    Kind,
    Part,
    Sentence,
    Sentences,
    Table,
    fine,
    numbers,
    words,
)
from stepladder.report.tables import FormattedNumber
from stepladder.report.terminal import print_document, to_text
from stepladder.report.wording import (
    MISSING,
    Measure,
    digits_for,
    duration,
    number,
    plural,
    printable,
)
from stepladder.statistics.results import Estimate
from stepladder.study.search import Search
from stepladder.study.search_space import Choice
from stepladder.study.study import Study

LEADING = 5
"""Candidates that are shown; `search.json` has all."""

_STEPS = (1, 4, 16, 64, 256, 1024, 4096)

TRAINED = "Trained: replicates × epochs."

NOTES = (
    "Validation figures alone decide: the search never reads the test set. Intervals are 95 % t "
    f"intervals over fresh replicates. {TRAINED}",
    "Importance: share of the variance of the candidates' ranks that a hyperparameter explains "
    "alone (Kruskal-Wallis); what two do together only, it does not see.",
)


def effort_noun(study: Study) -> str:
    """What a search counts: epochs, or trainings that have none."""
    return "epoch" if study.base.counts_epochs else "training"


def subtitle(result: SearchResult) -> str:
    """Data, candidates, sampler and time in a line."""
    search = result.study.search
    assert search is not None
    return (
        f"{printable(result.dataset)} · {plural(len(result.candidates), 'candidate')}, "
        f"{result.whole} trained to the end · {sampling_text(search)} · "
        f"{plural(result.epochs, effort_noun(result.study))} · "
        f"{duration(result.training_seconds)} of training, {duration(result.seconds)} in all"
    )


def sampling_text(search: Search) -> str:
    """What proposes candidates, and what drops them."""
    return search.sampler if search.pruning == "none" else f"{search.sampler}, {search.pruning}"


def measure_of_search(result: SearchResult) -> Measure:
    """How the metric of a search is shown."""
    return search_measure(result.study, [result.fresh, *([result.test] if result.test else [])])


def search_measure(study: Study, means: Sequence[Estimate] = ()) -> Measure:
    """How the metric of a study that is searched is shown.

    Args:
        study: says what is judged.
        means: what is going to be shown, which decides the decimals.
    """
    digits = digits_for(study.judged, means) if means else 2 if study.judged.is_fraction else 4
    return Measure(study.judged, study.delta, digits)


def value_of(measure: Measure, score: float) -> str:
    """A score with its unit: "97.10 %", "0.312 nats"."""
    unit = "%" if measure.metric.is_fraction else measure.unit
    return f"{number(measure.metric.scale * score, measure.digits)} {unit}".rstrip()


def estimate_of(measure: Measure, estimate: Estimate) -> str:
    """A mean of scores with its interval and its unit."""
    unit = "%" if measure.metric.is_fraction else measure.unit
    text = FormattedNumber.score(estimate, measure.metric.scale, measure.digits).text
    return f"{text} {unit}".rstrip()


def near_best(measure: Measure) -> str:
    """Which candidates count as equal to the best."""
    return f"within {measure.margin} of the best" if measure.margin else "as good as the best"


def luck_text(result: SearchResult) -> str:
    """What the search saw, and how much of it was luck."""
    measure, luck = measure_of_search(result), result.luck
    seen = f"The search saw {value_of(measure, result.searched)}"
    scale, digits = measure.metric.scale, measure.digits
    unit = f" {measure.unit}".rstrip()
    if math.isnan(luck.luck):
        return f"{seen}; one replicate cannot show how much of it was luck."
    text = (
        f"{seen}, of which {number(scale * luck.luck, digits)}{unit} are expected to be the luck "
        "of having been chosen (selection bias)"
    )
    excess = scale * (result.searched - result.fresh.mean)
    if math.isfinite(excess):
        side = "lower" if excess >= 0 else "higher"
        text += f"; fresh replicates are {number(abs(excess), digits)}{unit} {side}"
    if math.isfinite(luck.noise):
        text += f"; one replicate scatters by {number(scale * luck.noise, digits)}{unit}"
    return f"{text}."


def looks_text(result: SearchResult) -> str:
    """How often the test set was read, and what that means for a second look."""
    text = f"{plural(result.looks, 'look')} at this test set so far"
    if is_looked_again(result):
        text += ": a figure that was looked at more than once is no longer a test"
    return f"{text}."


def is_looked_again(result: SearchResult) -> bool:
    """Whether a test figure is shown that others were shown before."""
    return result.test is not None and result.looks > 1


def ranked(result: SearchResult) -> list[Candidate]:
    """Candidates, the leading first: finalists, then those that got furthest."""
    rest = [
        candidate
        for candidate in result.candidates
        if candidate not in result.finalists and math.isfinite(candidate.score)
    ]
    rest.sort(key=lambda candidate: (candidate.epochs_left, -candidate.merit, candidate.number))
    return [*result.finalists, *rest]


def mean_of(result: SearchResult, candidate: Candidate) -> float:
    """Mean validation score by which the search chose; NaN where the first one diverged."""
    return candidate.mean(result.baseline) if math.isfinite(candidate.score) else math.nan


def candidate_table(
    title: str,
    candidates: Sequence[Candidate],
    baseline: float | None,
    measure: Measure,
    note: str = "",
) -> Table:
    """Candidates that did not diverge: number, score, replicates × epochs, and what was drawn."""
    heads = ("No.", measure.heading("Validation"), "Trained")
    rows = tuple(
        (
            str(candidate.number),
            number(measure.metric.scale * candidate.mean(baseline), measure.digits),
            f"{len(candidate.replicates)} × {candidate.epochs}", params_text(candidate.params),
        )
        for candidate in candidates
    )  # fmt: skip
    return Table(title, (*numbers(*heads), *words("Drawn")), rows, note)


def leading_table(result: SearchResult, note: str = "") -> Table:
    """The leading candidates."""
    return candidate_table(
        "Leading candidates", ranked(result)[:LEADING], result.baseline, measure_of_search(result),
        note,
    )  # fmt: skip


def hyperparameter_table(result: SearchResult, note: str = "") -> Table:
    """Each hyperparameter: importance, p, candidates, best value, and those of the flat top."""
    margin = measure_of_search(result).margin
    columns = (
        *words("Hyperparameter"),
        *numbers("Importance", "p", "Drawn for", "Best"),
        *words(f"Within {margin}" if margin else "As good"),
    )
    rows = []
    for knob in result.knobs:
        importance, best = knob.importance, value_text(knob.best)
        has_share = math.isfinite(importance.share)
        rows.append((
            knob.name,
            f"{100 * importance.share:.0f} %" if has_share else MISSING,
            f"{importance.p:.2g}" if has_share else MISSING,
            str(importance.candidates),
            Cell(f"{best} ({knob.edge} edge)", style="open") if knob.edge else best,
            span_text(knob.values),
        ))  # fmt: skip
    return Table("Hyperparameters", columns, tuple(rows), note)


def params_text(params: Mapping[str, Choice]) -> str:
    """What was drawn for a candidate."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in params.items())


def span_text(values: Sequence[Choice]) -> str:
    """The ends of a range, or choices."""
    if len(values) == 2 and all(isinstance(value, float) for value in values):
        return f"{value_text(values[0])} … {value_text(values[1])}"
    return ", ".join(map(value_text, values)) or MISSING


def flat_text(result: SearchResult) -> str:
    """How many settings are about as good as the best."""
    text = (
        f"Flat top: of {plural(result.whole, 'whole candidate')}, {len(result.top)} "
        f"{'is' if len(result.top) == 1 else 'are'} {near_best(measure_of_search(result))} as found"
    )
    if math.isfinite(result.luck.noise):
        text += f", and {result.not_excluded} may be in truth"
    return f"{text}."


def expected_text(result: SearchResult) -> str:
    """What the best of so many candidates is expected to be."""
    curve, measure = result.expected, measure_of_search(result)
    if not len(curve.trials):
        return "No candidate has a score to expect from."
    every, steps = int(curve.trials[-1]), []
    for step in (*(step for step in _STEPS if step < every), every):
        place = min(range(len(curve.trials)), key=lambda at: abs(int(curve.trials[at]) - step))
        trials = int(curve.trials[place])
        steps.append(
            f"{trials} → {value_of(measure, float(curve.mean[place]))} "
            f"({duration(trials * result.seconds_each)})"
        )
    return f"Expected best by candidates (and time of training): {', '.join(steps)}."


def value_text(value: Choice) -> str:
    """A drawn value.

    Example:
        >>> value_text(0.00012345), value_text(True), value_text("adam")
        ('0.0001234', 'true', 'adam')
    """
    if isinstance(value, bool) or value is None:
        return MISSING if value is None else str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def show(result: SearchResult, stream: TextIO | None = None) -> None:
    """Prints a search; arguments as for `stepladder.report.terminal.console_on`."""
    print_document(search_document(result), stream)


def as_text(result: SearchResult, width: int = 100) -> str:
    """A search as plain text without colours, at most `width` columns wide."""
    return to_text(search_document(result), width)


def search_document(result: SearchResult) -> Document:
    """A search as the terminal shows it."""
    return Document(f"{printable(result.study.name)}: search", subtitle(result), "", (
        Sentences(tuple(_best(result))),
        leading_table(result),
        hyperparameter_table(result),
        Sentences((Sentence.of(flat_text(result)), Sentence.of(expected_text(result)))),
        Sentences(tuple(Sentence.of(line, kind="warning") for line in result.warnings), "marked"),
        fine(*NOTES),
    ))  # fmt: skip


def _best(result: SearchResult) -> list[Sentence]:
    fresh, winner, measure = result.fresh, result.winner, measure_of_search(result)
    name = "" if measure.is_accuracy else f"{measure.name} "
    weights = f"; {result.parameters:,} weights" if result.parameters else ""
    lines = [
        Sentence.of("Best: ", Part(f"candidate {winner.number}", is_name=True),
                    f", {params_text(winner.params)}"),
        Sentence.of(f"validation {name}", Part(estimate_of(measure, fresh), True),
                    f" on {plural(len(fresh.values), 'fresh replicate')}{weights}"),
        Sentence.of(luck_text(result)),
    ]  # fmt: skip
    if result.test is not None:
        score = Part(estimate_of(measure, result.test), True)
        lines.append(Sentence.of(f"test {name}", score, " on the same replicates"))
    kind: Kind = "warning" if is_looked_again(result) else "unknown"
    return [*lines, Sentence.of(looks_text(result), kind=kind)]
