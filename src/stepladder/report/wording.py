"""Numbers, sentences, footnotes and the glossary."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stepladder.report.document import Part, Sentence
from stepladder.runs.measures import over_folds
from stepladder.runs.results import Results
from stepladder.statistics.divergence import DivergenceDifference
from stepladder.statistics.results import (
    Claim,
    Effect,
    Estimate,
    FactorialAnalysis,
    ReplicatePlan,
    Verdict,
)
from stepladder.store import Judgement
from stepladder.study.metrics import METRICS, Metric
from stepladder.study.params import flat_values
from stepladder.study.study import Study
from stepladder.training.function import TrialFailure

MARKS = {"helps": "▲", "hurts": "▼", "no difference beyond δ": "≈",
         "not worse beyond δ": "≳", "not enough replicates": "?",
         "warning": "!"}  # fmt: skip
"""A sign for each verdict, so that none is shown by its colour alone."""

CANNOT_BE_JUDGED = "cannot be judged"
"""The verdict where no number of replicates would give one."""

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"

# Embeddings, overrides and isolates reorder the text around them, so a name could rewrite its row.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")  # of letters in other scripts, and of emoji


def printable(text: str) -> str:
    r"""A text on one line without control characters, which could move a terminal's cursor.

    Line breaks and tabs become spaces. Other controls, lone surrogates and characters without a
    width become U+FFFD. Those that reorder the text around them are left out.

    Example:
        >>> printable("two\nlines"), printable("\u202eevil")
        ('two lines', 'evil')
    """
    shown: list[str] = []
    for letter in text:
        category = unicodedata.category(letter)
        if letter in _REORDERING:
            continue
        if letter in "\t\n\r" or category in ("Zl", "Zp"):
            shown.append(" ")
        else:
            is_control = category in ("Cc", "Cf", "Cs", "Cn") and letter not in _JOINERS
            shown.append("\N{REPLACEMENT CHARACTER}" if is_control else letter)
    return "".join(shown)


def truncate(text: str, length: int) -> str:
    """A text of at most `length` characters, its end replaced by an ellipsis where it is longer.

    Raises:
        ValueError: if `length` is below 1.
    """
    if length < 1:
        raise ValueError(
            f"length must be at least 1, found {length}; ask for one character or more"
        )
    text = printable(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def number(value: float, digits: int = 2) -> str:
    """A number with fixed decimals and a true minus sign; a dash where there is none."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.removeprefix("-")


def p_value(p: float) -> str:
    """A p-value: three places, and never 0."""
    return "<0.001" if p < 0.001 else number(p, 3)


def signed(value: float, digits: int = 2) -> str:
    """As `number`, with a plus sign above zero; what rounds to zero has no sign."""
    text = number(value, digits)
    has_sign = math.isfinite(value) and value > 0 and text.strip("0.")
    return f"+{text}" if has_sign else text


def plural(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: "1 trial", "54,000 images"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def join_list(
    parts: Sequence[str], last: str = "and", *, most: int | None = None, rest: str = "others"
) -> str:
    """Parts as a list in a sentence.

    Args:
        parts: what to list.
        last: the word before the last part.
        most: parts to list; of more, the last of these is the number of the `rest`.
        rest: what those are called.

    Example:
        >>> join_list(["a", "b", "c"]), join_list(["a", "b", "c", "d"], most=3)
        ('a, b and c', 'a, b and 2 others')
    """
    if most is not None and len(parts) > most:
        parts = [*parts[: most - 1], f"{len(parts) - most + 1} {rest}"]
    return f" {last} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def duration(seconds: float) -> str:
    """A time in its two largest units: "12 s", "4 min 10 s", "2 h 5 min"; a dash if not finite."""
    if not math.isfinite(seconds):
        return MISSING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    whole = round(seconds / 60)
    if whole < 48 * 60:
        return f"{whole // 60} h" + (f" {whole % 60} min" if whole % 60 else "")
    return f"{whole // 1440} d" + (f" {whole % 1440 // 60} h" if whole % 1440 // 60 else "")


def what_settles(study: Study) -> str:
    """What there must be more of, so that an open comparison gets a verdict.

    Replicates of folds are repeats of these; blocks of time cannot be dealt out again.
    """
    if not study.overlap:
        return "replicates"
    return "folds" if study.is_forward else "repeats"


def repeats_note(results: Results) -> str:
    """What more repeats of the folds are worth; empty where replicates are none."""
    study = results.study
    if what_settles(study) != "repeats":
        return ""
    return (
        f"More repeats, such as splits.repeats = {2 * study.splits.repeats}, narrow the intervals, "
        f"but less and less: they bring no new {results.noun}s."
    )


def verdict_text(verdict: str, delta: float | None, more: str = "replicates") -> str:
    """A verdict with the study's δ, in percentage points, in the place of its letter.

    Args:
        verdict: as JSON has it.
        delta: percentage points; None where there are none.
        more: what settles an open one; see `what_settles`.
    """
    verdict = verdict.replace("replicates", more)
    return verdict if delta is None else verdict.replace("δ", f"{delta:g}")


def effect_verdict(effect: Effect, delta: float | None, more: str = "replicates") -> str:
    """The verdict of an effect in words: one that is certain and does not matter says so."""
    text = verdict_text(effect.verdict, delta, more)
    if effect.verdict in ("helps", "hurts") and effect.is_small(delta):
        return f"{text}, by less than {delta:g}"
    return text


def needed_text(effect: Effect, *, has_range: bool = True) -> str:
    """How many replicates would settle a verdict, for what, and what pilots ask for, or ""."""
    plan = effect.plan
    if plan is None:
        return ""
    purposes = {"difference": "a difference", "not worse": '"not worse"'}
    purpose = purposes.get(plan.purpose, plan.purpose)
    span = f", {plan_span(plan)} by pilots like this one" if has_range else ""
    return f"about {plan.count:,} would do for {purpose}{span}"


def settled_text(effect: Effect) -> str:
    """Which replicates an effect is over that was settled before the last one."""
    return f"over the first {effect.settled_at} replicates, which settled it"


def plan_span(plan: ReplicatePlan) -> str:
    """The range of replicates that pilots of the same size ask for: "9 to 60", "9 to more"."""
    return f"{plan.low:,} to {'more' if plan.high is None else f'{plan.high:,}'}"


def survivors_text(effect: Effect) -> str:
    """Which replicates an effect is over, where trainings diverged, or ""."""
    lost = effect.divergence.either if effect.divergence else 0
    if not lost:
        return ""
    return f"among the {effect.pairs:,} of {effect.pairs + lost:,} replicates that did not diverge"


def divergence_text(rates: DivergenceDifference) -> str:
    """Divergence rates of an arm and of the other, with their difference."""
    ends = f"{signed(100 * rates.ci_low, 0)} to {signed(100 * rates.ci_high, 0)}"
    return (
        f"{rates.arm:,} against {rates.other:,} of {rates.pairs:,} replicates diverged, "
        f"{signed(100 * rates.difference, 0)} points ({ends}; "
        f"p {_p_text(rates.p_adjusted)}, McNemar's exact test)"
    )


def _p_text(p: float) -> str:
    text = p_value(p)
    return text if text[0] == "<" else f"= {text}"


_MOST_DIGITS = 12


@dataclass(frozen=True)
class Measure:
    """The judged metric as tables, sentences and axes show it.

    Attributes:
        metric: what is judged.
        delta: difference below which none matters, in its unit; None where that is not known.
        digits: decimals.
        claim: what arms shall show where it is no difference.

    Example:
        >>> from stepladder.study.metrics import METRICS
        >>> measure = Measure(METRICS["accuracy"], 0.1)
        >>> measure.heading("test"), measure.margin, measure.on("validation")
        ('test %', '0.1 points', 'validation accuracy')
    """

    metric: Metric
    delta: float | None
    digits: int = 2
    claim: Claim = "difference"

    @property
    def name(self) -> str:
        """Its name, made printable."""
        return truncate(self.metric.name, 40)

    @property
    def unit(self) -> str:
        """Of a difference: "points", a unit of the user's, or nothing."""
        return truncate(self.metric.unit, 20)

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the accuracy, which headings need not name."""
        return self.metric.name == "accuracy"

    @property
    def margin(self) -> str:
        """δ with its unit, or nothing."""
        if self.delta is None:
            return ""
        least = points(self.delta) if self.metric.is_fraction else f"{self.delta:g} {self.unit}"
        return least.rstrip()

    @property
    def better(self) -> str:
        """What a better arm does to it; a worse one does the opposite."""
        return "raise" if self.metric.sign > 0 else "lower"

    @property
    def worse(self) -> str:
        """What a worse arm does to it."""
        return "lower" if self.metric.sign > 0 else "raise"

    def on(self, part: str) -> str:
        """It on a part of the data, in a sentence."""
        return f"{part} {self.name}"

    def heading(self, part: str) -> str:
        """It on a part of the data, over a column."""
        if self.is_accuracy:
            return f"{part} %"
        unit = "%" if self.metric.is_fraction else f"({self.unit})" if self.unit else ""
        name = self.name.replace("_", " ") if self.metric.name in METRICS else self.name
        return f"{part} {name} {unit}".rstrip()


def measure_of(results: Results) -> Measure:
    """How a study's metric is shown."""
    means: list[Estimate | Effect] = [arm.test for arm in results.arms]
    means += [arm.effect for arm in results.arms if arm.effect is not None]
    metric = results.study.judged
    return Measure(metric, results.study.delta, digits_for(metric, means), results.study.claim)


def digits_for(metric: Metric, means: Iterable[Estimate | Effect]) -> int:
    """Decimals that show two digits of the narrowest interval, else three of the least number.

    Args:
        metric: fractions always have two, in percent.
        means: what is going to be shown.
    """
    if metric.is_fraction:
        return 2
    numbers = [mean for mean in means if math.isfinite(mean.mean)]
    sizes = [abs(number.mean) for number in numbers if number.mean]
    halves = [number.ci_high - number.mean for number in numbers if number.ci_high is not None]
    shown = [half for half in halves if half > 1e-9 * max(sizes, default=0.0)]
    for values, digits in ((shown, 2), (sizes, 3)):
        finite = [value for value in values if math.isfinite(value)]
        if finite:
            return min(max(digits - 1 - math.floor(math.log10(min(finite))), 0), _MOST_DIGITS)
    return 2


Judged = tuple[str, Effect]
"""A name and what is known of it."""

NAMES_SHOWN = 6
NAME_LENGTH = 60


def headlines(results: Results, *, is_brief: bool = False) -> tuple[Sentence, ...]:
    """One sentence a verdict that occurs; only `helps` improves.

    A factorial's sentences are on its techniques, any other design's on its arms.

    Args:
        results: what was judged.
        is_brief: whether of an open verdict only the replicates are told that would settle it.
    """
    clauses = verdict_clauses(results, is_brief=is_brief)
    if clauses:
        return _stopped(clauses)
    is_compared = any(result.arm.compared_with is not None for result in results.arms)
    return (
        Sentence.of(
            "No two arms can be compared yet: nothing is known of any technique."
            if is_compared
            else "No arm is compared with another: this study says nothing of any technique."
        ),
    )


def headlines_of(
    judged: Sequence[Judged],
    shown: Measure,
    measure: str = "test accuracy",
    of: str = "arms",
    over: str = "replicates",
    is_brief: bool = False,
) -> tuple[Sentence, ...]:
    """One sentence a verdict that occurs.

    Args:
        judged: names with their effects.
        shown: how the metric is shown.
        measure: what improves.
        of: what the names are of.
        over: what effects are means over.
        is_brief: as for `headlines`.
    """
    return _stopped(_clauses(judged, shown, measure, of, over, is_brief))


def _stopped(clauses: Mapping[Verdict, tuple[Part, ...]]) -> tuple[Sentence, ...]:
    return tuple(Sentence(verdict, (*parts, Part("."))) for verdict, parts in clauses.items())


def judged_effects(results: Results) -> list[Judged]:
    """The effects that sentences are on: of a factorial its main effects, else those of arms."""
    if results.readout is not None:
        return [(main.technique, main.effect) for main in results.readout.main]
    return [(arm.arm.name, arm.effect) for arm in results.arms if arm.effect is not None]


def verdict_clauses(results: Results, *, is_brief: bool = False) -> dict[Verdict, tuple[Part, ...]]:
    """A clause for each verdict that occurs, without a full stop; see `headlines`."""
    shown, of = measure_of(results), "arms"
    measure = shown.on("test")
    if results.readout is not None:
        measure, of = f"{measure} averaged over {combinations_of(results.readout)}", "techniques"
    measure += tuning_condition(results)
    over = what_settles(results.study)
    return _clauses(judged_effects(results), shown, measure, of, over, is_brief)


def _clauses(
    judged: Sequence[Judged], shown: Measure, measure: str, of: str, over: str = "replicates",
    is_brief: bool = False,
) -> dict[Verdict, tuple[Part, ...]]:  # fmt: skip
    why = "" if is_brief else f": {_open_text(len(judged), shown)}"
    verbs: dict[Verdict, tuple[str, str]] = {
        "helps": ("improve", measure),
        "hurts": (shown.worse, measure),
        "no difference beyond δ": ("make", f"no difference beyond {shown.margin} in {measure}"),
        "not worse beyond δ": (
            ("lose", f"less than {shown.margin} of {measure}, if anything")
            if shown.metric.sign > 0 else
            ("add", f"less than {shown.margin} to {measure}, if anything")
        ),
        "not enough replicates": ("need", f"more {over}{why}"),
    }  # fmt: skip
    clauses: dict[Verdict, tuple[Part, ...]] = {}
    for verdict, (verb, rest) in verbs.items():
        every = [(name, effect) for name, effect in judged if effect.verdict == verdict
                 and not effect.reason]  # fmt: skip
        is_settled = verdict != "not enough replicates"
        small = [one for one in every if verdict in _SIGNED and one[1].is_small(shown.delta)]
        parts: list[Part] = []
        for group, by in (
            ([one for one in every if one not in small], ""),
            (small, f" by less than {shown.margin}"),
        ):
            if group:
                end = Part(f" {verb}{'s' if len(group) == 1 else ''} {rest}{by}")
                between = [Part("; ")] if parts else []
                parts += [*between, *_named(group, of, is_settled, shown.digits, is_brief), end]
        if parts:
            clauses[verdict] = tuple(parts)
    for reason in dict.fromkeys(effect.reason for _, effect in judged if effect.reason):
        group = [(name, effect) for name, effect in judged if effect.reason == reason]
        before = clauses.get("not enough replicates", ())
        clauses["not enough replicates"] = (
            *before,
            *([Part("; ")] if before else []),
            *_named(group, of, is_settled=False, digits=shown.digits),
            Part(f" {CANNOT_BE_JUDGED}, because {reason}"),
        )  # fmt: skip
    return clauses


_SIGNED = ("helps", "hurts")


def _open_text(comparisons: int, shown: Measure) -> str:
    """What is not known where neither test gave a verdict."""
    second = "its absence" if shown.claim == "difference" else '"not worse"'
    both = f"neither a difference nor {second}" if shown.margin else "no difference"
    family = f" after correction for {comparisons:,} comparisons" if comparisons > 1 else ""
    return f"{both} is established{family}"


def _named(
    group: Sequence[Judged], of: str, is_settled: bool, digits: int, is_brief: bool = False
) -> list[Part]:
    """Names with their effects, or with the replicates that would settle them."""
    parts: list[Part] = []
    shown = group if len(group) <= NAMES_SHOWN else group[: NAMES_SHOWN - 1]
    for index, (name, effect) in enumerate(shown):
        if index:
            parts.append(Part(" and " if index == len(group) - 1 else ", "))
        parts.append(Part(truncate(name, NAME_LENGTH), is_name=True))
        if is_settled:
            survivors = survivors_text(effect)
            over = f", {survivors}" if survivors else ""
            parts.append(Part(f" ({signed(effect.mean, digits)}{over})"))
        elif effect.plan is not None:
            needed = f"about {effect.plan.count:,}" if is_brief else needed_text(effect)
            parts.append(Part(f" ({needed})"))
    if len(shown) < len(group):
        parts.append(Part(f" and {len(group) - len(shown)} other {of}"))
    return parts


def combinations_of(readout: FactorialAnalysis) -> str:
    """What a read-out is taken over: only where all were trained has it shares."""
    return "all combinations" if readout.shares else "a fraction of all combinations"


def undecided(results: Results) -> str:
    """How many comparisons of two arms are open, without a full stop; empty where none is."""
    effects = [arm.effect for arm in results.arms if arm.effect is not None]
    count = sum(effect.needs_replicates for effect in effects)
    if not count:
        return ""
    pairs = plural(len(effects), "comparison")
    return f"{count:,} of {pairs} of two arms need more {what_settles(results.study)}"


def points(delta: float) -> str:
    """A number of percentage points with its noun."""
    return f"{delta:g} point" + ("" if delta == 1 else "s")


def subtitle(results: Results) -> str:
    """Dataset, sizes, design and replicates in a line."""
    study, sizes = results.study, ", ".join(parts_of(results.sizes))
    most = plural(study.replicates, "replicate")
    if study.splits.folds is not None:
        repeats = study.splits.repeats
        most += f" ({study.splits.folds} folds{f' × {repeats}' if repeats > 1 else ''})"
    data = f"{printable(results.dataset)}: {sizes}" if sizes else printable(results.dataset)
    arms, design = plural(len(results.arms), "arm"), study.design.replace("_", " ")
    if study.design in ("one_at_a_time", "leave_one_out"):
        arms += f", {design}"
    elif study.design != "explicit":
        arms = f"{design} of {arms}"
    return f"{data} · {arms} · {'up to ' if study.adaptive else ''}{most}"


def parts_of(sizes: Mapping[str, int]) -> list[str]:
    """The parts of a dataset with their sizes, in the order in which they are used."""
    known = sorted(sizes.items(), key=lambda part: "train validation test".find(part[0]))
    return [f"{count:,} {printable(part)}" for part, count in known]


def status(results: Results) -> str:
    """What is missing of the study, or nothing when it is finished."""
    if results.finished:
        return ""
    if results.study.tuned is not None and results.tuned is None:
        return "Unfinished: the arms are being tuned, and none is compared before that is done."
    done = sum(result.n for result in results.arms)
    most = results.study.replicates
    planned = max(sum(result.planned or most for result in results.arms), done)
    return f"Unfinished: {done:,} of {plural(planned, 'trial')}. Every figure may still change."


def comparison(results: Results) -> str:
    """Which arm each effect is against, in words; empty where nothing is compared."""
    arms = [result.arm for result in results.arms]
    against = [arm.compared_with for arm in arms if arm.compared_with is not None]
    if not against:
        return ""
    other = truncate(against[0], NAME_LENGTH)
    if len(set(against)) > 1:
        above = [
            arm.compared_with == before.name
            for before, arm in pairwise(arms)
            if arm.compared_with is not None
        ]
        other = "the arm above" if all(above) else "the arm above, or the one named"
    shown = measure_of(results)
    what = f"difference in {shown.heading('test')}"
    if shown.metric.is_fraction:
        what = f"percentage points of {shown.on('test')}"
    lower = "; lower is better" if shown.metric.sign < 0 else ""
    return f"Effect: {what} against {other}{lower}."


def new_images_note(noun: str) -> str:
    """What a column of intervals for new images or examples is; only where there are any."""
    return f"New {noun}s: the interval of an effect on new test {noun}s."


def footnotes(results: Results) -> tuple[str, ...]:
    """What the intervals speak for, how verdicts are reached, what the design leaves open."""
    writers = (interval_note, repeats_note, baseline_note, verdict_note, ladder_note, rate_note,
               tuning_note, adaptive_note, judgement_note, looks_note)  # fmt: skip
    return tuple(filter(None, (write(results) for write in writers)))


def interval_note(results: Results) -> str:
    """Which images and trainings an interval speaks for."""
    counts = sorted({result.n - result.diverged for result in results.arms})
    if not counts or counts[-1] == 0:
        return "No replicate has finished: there are no figures yet."
    if counts[-1] == 1:
        return (
            "One replicate an arm: no interval can be given, so how sure a figure is, is not known."
        )
    several = [count for count in counts if count > 1]
    span = f"{several[0]:,}" if len(several) == 1 else f"{several[0]:,} to {several[-1]:,}"
    interval = f"± is the 95 % t interval of the mean over {span} replicates"
    if "test" not in results.sizes:
        return f"{interval}: it speaks for what changes with the seed, not for new test data."
    if results.study.overlap:
        words = over_folds(results.study)
        return f"{interval}, as wide as folds that overlap ask for. It speaks {words}."
    these = f"these {results.sizes['test']:,} test {results.noun}s"
    note = (
        f"{interval}: {these}, retrained on the same training {results.noun}s. It does not speak "
        f"for other {results.noun}s."
    )
    if results.study.trainer is not None or results.has_own_validation:
        return note
    return f"{note} That of validation parts, which overlap, does."


def baseline_note(results: Results) -> str:
    """What an answer reaches that knows no input.

    Of metrics of classes other than accuracy it is told only where it does not depend on how rare
    they are.
    """
    shown, baseline = measure_of(results), results.one_answer
    if baseline is None or results.study.trainer is not None or not results.arms:
        return ""
    if results.study.task == "classification" and shown.metric.name == "accuracy":
        return f"The commonest class alone reaches a test accuracy of {100 * baseline:.1f} %."
    answer = "Guessing" if shown.metric.name in ("balanced_accuracy", "auroc") else ""
    if results.study.task == "regression":
        answer = "Answering the mean of the training part to everything"
        if shown.metric.name == "mae":
            answer = answer.replace("mean", "median")
    elif results.study.task == "multilabel":
        answer = "Answering each label's share of the training part"
        if shown.metric.needs == "labels":
            answer = "Answering the commoner side of each label"
    if not answer:
        return ""
    unit = "%" if shown.metric.is_fraction else shown.unit
    value = number(shown.metric.scale * baseline, shown.digits)
    return f"{answer} has a {shown.on('test')} of {value} {unit}".rstrip() + "."


_UNEVEN = 0.1
"""Above 1/classes, a share of the commonest class beside which accuracies look better than they
are."""


def uneven_note(results: Results) -> str:
    """What the commonest class reaches, where classes are so uneven that it must be seen."""
    if len(results.classes) < 2 or (results.one_answer or 0) < 1 / len(results.classes) + _UNEVEN:
        return ""
    note = baseline_note(results)
    return note if measure_of(results).is_accuracy else ""


def verdict_note(results: Results) -> str:
    """How verdicts are reached; empty where there is none."""
    if all(result.effect is None for result in results.arms):
        return ""
    compared = sum(result.arm.compared_with is not None for result in results.arms)
    shown = measure_of(results)
    within = "no verdict is no difference without a delta in the study"
    if shown.margin:
        within = within_text(shown)
        within += missed_text(effect for _, effect in judged_effects(results))
    within += corrected_text(effect for _, effect in judged_effects(results))
    tests = PAIRED_TESTS
    if results.study.overlap:
        tests = tests.replace(
            "over replicates", "over folds, with the variance of Nadeau and Bengio"
        )
    rule = rule_text(compared, "5 %" if results.adapted is None else "", tests)
    return f"Verdicts{tuning_condition(results)}: {rule}; {within}."


def within_text(shown: Measure, way: str = "") -> str:
    """What a verdict within δ means.

    Args:
        shown: the metric, with a δ.
        way: how it is reached; by one-sided tests when empty.
    """
    if shown.claim == "not worse":
        test = way or "a one-sided test"
        return f"not worse means worse by less than {shown.margin}, if at all, by {test}"
    return f"no difference means within {shown.margin} by {way or 'two one-sided tests'}"


def missed_text(effects: Iterable[Effect], of: str = "trainings") -> str:
    """What verdicts within δ do not exclude; empty without one."""
    shares = [effect.missed_share for effect in effects if effect.missed_share is not None]
    if not shares:
        return ""
    return f", and does not exclude effects in up to {100 * max(shares):.0f} % of {of}"


def corrected_ends(effect: Effect) -> tuple[float, float] | None:
    """The ends of the simultaneous interval where the single one alone excludes 0."""
    if effect.verdict != "not enough replicates" or effect.simultaneous is None:
        return None
    has_sign = (effect.ci_low or 0.0) * (effect.ci_high or 0.0) > 0
    return (effect.simultaneous.low, effect.simultaneous.high) if has_sign else None


def corrected_text(effects: Iterable[Effect]) -> str:
    """What a corrected interval is; empty where none is shown."""
    if not any(map(corrected_ends, effects)):
        return ""
    return (
        "; in parentheses, the interval that holds at 95 % together with those of all comparisons"
    )


PAIRED_TESTS = "paired t test over replicates, with sign flips or one sign throughout"


def rule_text(comparisons: int, level: str = "5 %", tests: str = PAIRED_TESTS) -> str:
    """The tests that decide a difference, in a family of some size.

    Args:
        comparisons: of the family.
        level: of the tests; empty where another note has it.
        tests: what they are.
    """
    at = f", at {level}" if level else ""
    family = f", corrected for {comparisons} comparisons (Holm)" if comparisons > 1 else ""
    return f"{tests}{at}{family}"


def learning_rates(results: Results) -> set[float]:
    """The learning rates of the arms; none where a training of the user's own names none."""
    values = [flat_values(result.arm.config) for result in results.arms]
    rates = {value.get("learning_rate", value.get("lr")) for value in values}
    return {rate for rate in rates if isinstance(rate, int | float)}


def ladder_note(results: Results) -> str:
    """What a ladder leaves open; empty for another design."""
    if results.study.design != "ladder" or len(results.arms) < 3:
        return ""
    return "A rung stands on the rungs below it: on another base its effect may differ."


def rate_note(results: Results) -> str:
    """What one learning rate for all leaves open; empty where each has its own."""
    rates = learning_rates(results)
    if len(rates) != 1 or len(results.arms) < 2 or results.study.tuned is not None:
        return ""
    return (
        f"Every arm has one learning rate, {rates.pop():g}: an arm may be worth more at its own "
        "best rate."
    )


def tuning_condition(results: Results) -> str:
    """What a verdict of a fair study holds for, as the end of a clause; empty for a fixed one."""
    if results.tuned is None:
        return ""
    values = "rates" if results.tuned.fields == ("learning_rate",) else "values"
    return f" at the {values} that this one tuning chose"


def tuning_luck(results: Results) -> str:
    """What another tuning might have changed; empty for a fixed study."""
    if results.tuned is None:
        return ""
    return (
        f"Each arm was tuned once, on {plural(results.tuned.replicates, 'replicate')}. Another "
        "tuning may choose other values, and intervals and verdicts do not include that: of arms "
        "that are equal when tuned, about 4 % of studies of 5 replicates call one better, 11 % of "
        "10 and 23 % of 30 in a simulation. More replicates for tuning, or another seed for the "
        "whole study, show how much of an effect is its luck."
    )


def tuning_note(results: Results) -> str:
    """How a fair study was tuned; empty for a fixed one."""
    tuned = results.tuned
    if tuned is None:
        return ""
    wider = f", widened {tuned.widenings}×" if tuned.widenings else ""
    candidates = plural(len(tuned.arms[0].tried), "candidate") if tuned.arms else "no candidate"
    return (
        f"Fair: each arm has its own {join_list(tuned.fields)}, the best of {candidates}{wider} on "
        f"{measure_of(results).on('validation')}, the same for every arm, on "
        f"{plural(tuned.replicates, 'replicate')} "
        "that the comparison does not use."
    )


def adaptive_note(results: Results) -> str:
    """How replicates were added; empty where their number is fixed."""
    adapted = results.adapted
    if adapted is None:
        return ""
    looks = join_list([str(look) for look in adapted.looks])
    saved = (
        f": {adapted.trials:,} trials instead of {adapted.at_most:,}, which saved about "
        f"{duration(adapted.seconds_saved)} of training"
    )
    return (
        f"Replicates were added while a verdict was open, at {adapted.taken} of the looks planned "
        f"at {looks}, the error rate split among them"
        f"{saved if adapted.at_most > adapted.trials else ''}. "
        "Intervals are not corrected for stopping."
    )


_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")


def judgement_note(results: Results) -> str:
    """Which judgement of the study this is, and what changed; empty for the first one."""
    judged, shown = judged_effects(results), measure_of(results)
    if results.is_first or not judged:
        return ""
    place = len(results.earlier)
    ordinal = (
        f"{_ORDINALS[place]} judgement" if place < len(_ORDINALS) else f"Judgement {place + 1}"
    )
    before = join_list([_question_text(each) for each in results.earlier], most=4)
    text = (
        f"{ordinal} of this study, after {before}: what the first did not settle is tested by "
        f"{_later_test(results)}, so that all judgements together are wrong in at most 5 % of "
        "studies."
    )
    more = what_settles(results.study)
    differs = [f"{truncate(name, 40)}: {verdict_text(effect.first_verdict, shown.delta, more)}"
               for name, effect in judged if effect.first_verdict is not None]  # fmt: skip
    return f"{text} First verdict of {'; '.join(differs)}." if differs else text


def _later_test(results: Results) -> str:
    if results.study.overlap:
        return "the corrected t test at a level of its own"
    return "an anytime-valid test"


def _question_text(judgement: Judgement) -> str:
    """What an earlier judgement was planned with: "one with 10 replicates"."""
    kind = f"auto up to {judgement.looks[-1]}" if judgement.is_adaptive else (
        plural(judgement.looks[-1], "replicate")
    )  # fmt: skip
    return f"one with {kind} and {plural(len(judgement.comparisons), 'comparison')}"


def looks_note(results: Results) -> str:
    """How often test figures were read."""
    text = looks_text(results.looks, is_every=results.is_every_look)
    if results.study.overlap:
        return text.replace("this test set", "these folds", 1)
    return text


def looks_text(looks: int, *, is_every: bool) -> str:
    """A number of looks in a sentence; `is_every` where those of all folders are among them."""
    known = "" if is_every else " known to this folder"
    if looks <= 1:
        return f"First look at this test set{known}."
    so_far = known or " so far"
    return (
        f"{looks:,} looks at this test set{so_far}: the more looks, the more a choice made "
        "on them is fitted to it."
    )


_ALWAYS = {
    "Recipe": "all that defines one training: layers, activation, initial weights, optimizer, "
    "learning rate, batch size, epochs and the rest.",
    "Technique": "a named change to a recipe.",
    "Arm": "one recipe under a name, with the arm that it is compared with.",
    "Replicate": "one draw of everything random: validation split, initial weights, data order, "
    "dropout. The same number is the same draw in every arm.",
    "Trial": "one arm trained in one replicate.",
    "Validation part": "training images kept apart, on which choices may be made.",
    "Look": "one reading of test figures. The more looks, the more a choice is fitted to them.",
    "95 % interval": "made so that 95 of 100 such intervals hold the true mean. Of these images, "
    "retrained on the same ones, unless it says new images too.",
    "Log-odds": "ln(p / (1 - p)) of an accuracy p, a scale on which halving the errors is the "
    "same step wherever it begins.",
}
_OF_OWN = {
    "Technique": "a named change of the parameters.",
    "Arm": "one set of parameters under a name, with the arm that it is compared with.",
    "Replicate": "one seed, from which a training draws everything random. The same number is the "
    "same seed in every arm.",
    "Validation part": "examples kept apart, on which choices may be made.",
    "95 % interval": "made so that 95 of 100 such intervals hold the true mean, of trainings with "
    "other seeds.",
}
"""Where a training of the user's own trains."""

_COMPARED = {
    "Effect": "the mean paired difference of test accuracy between an arm and the one it is "
    "compared with, in percentage points.",
    "Helps, hurts": "the difference is above, or below, zero by a paired t test at 5 % after "
    "Holm's correction, and the signs of the pairs agree with it.",
    "Not enough replicates": "neither a difference nor its absence could be shown.",
    "Holm's correction": "raises the bar with the number of comparisons. The chance that any "
    "arm without an effect gets the verdict helps or hurts stays at 5 %. So does the chance that "
    "any difference of δ or more gets the verdict no difference.",
    "Pareto front": "the arms that no other beats in both accuracy and time.",
}
_FACTORIAL = {
    "Main effect": "what a technique adds, averaged over the combinations of the others that "
    "were trained.",
    "Interaction": "how many points more a technique is worth where another is.",
    "Shapley value": "a technique's part in the gain from base to all: its worth averaged over "
    "all orders in which techniques could be put on top of each other.",
}
_FAIR = {
    "Fair study": "each arm has its own best learning rate, tuned with equal effort on replicates "
    "that the comparison does not use.",
}


def glossary(results: Results) -> tuple[tuple[str, str], ...]:
    """Words and meanings, in the order of the alphabet."""
    words = dict(_ALWAYS) | ({} if results.study.trainer is None else _OF_OWN)
    if results.study.trainer is not None:
        del words["Recipe"], words["Log-odds"]
    if any(arm.effect is not None for arm in results.arms):
        shown = measure_of(results)
        words |= {verdict_text(word, None, what_settles(results.study)): text
                  for word, text in _COMPARED.items()}  # fmt: skip
        if not shown.is_accuracy:
            words["Effect"] = words["Effect"].replace("test accuracy", shown.on("test"))
        if not shown.metric.is_fraction:
            words["Effect"] = words["Effect"].replace(", in percentage points", "")
        margin = f" = {number(shown.delta, 2)} points" if shown.delta and shown.is_accuracy else ""
        words["No difference beyond δ"] = (
            f"the difference lies within ± δ{margin} by two one-sided tests: an absence "
            "that was shown, not merely not refuted."
        )
    if results.study.task == "regression":
        words.pop("Log-odds", None)
    if "Pareto front" in words:
        words["Pareto front"] = words["Pareto front"].replace("accuracy", measure_of(results).name)
    if results.readout is not None:
        words |= _FACTORIAL
        if not measure_of(results).metric.is_fraction:
            words["Interaction"] = words["Interaction"].replace("many points", "much")
    if results.tuned is not None:
        words |= _FAIR
    meanings = {word: text.replace("image", results.noun) for word, text in words.items()}
    return tuple(sorted(meanings.items(), key=lambda word: word[0].lower()))


def failures_text(failures: Sequence[TrialFailure], results: Results) -> str:
    """The trials that failed: arm, replicate and message, equal messages once; "" for none."""
    if not failures:
        return ""
    names = {arm.arm.config: arm.arm.name for arm in results.arms}
    alike: dict[str, list[TrialFailure]] = {}
    for failure in failures:
        alike.setdefault(failure.message, []).append(failure)
    lines = []
    for message, same in alike.items():
        trial = same[0].trial
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        name = names.get(trial.config, "a candidate")
        lines.append(f"{name}, replicate {trial.shown_replicate}{more}: {message}")
    if left := len(lines[_SHOWN_FAILURES:]):
        lines[_SHOWN_FAILURES:] = [f"and {left} other messages"]
    first = failures[0]
    listed = "".join(f"\n  - {line}" for line in lines)
    trace = f"\nThe first of them said:\n{first.trace}" if first.trace else ""
    return (
        f"{len(failures)} trial(s) failed:{listed}{trace}\nWhat was finished is stored; "
        "the same command tries them again"
    )


_SHOWN_FAILURES = 10
