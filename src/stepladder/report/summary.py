"""The question, the answer, and what is not known."""

import math
from collections.abc import Iterable, Sequence
from functools import partial

from stepladder.report import wording
from stepladder.report.document import Document, Part, Sentence, Sentences, fine, note
from stepladder.report.tables import (
    FormattedNumber,
    confound_tables,
    ensemble_tables,
    epoch_tables,
    posterior_tables,
    readout_tables,
    tuning_tables,
)
from stepladder.report.view import PAGE, Row, view_of
from stepladder.report.wording import (
    Measure,
    duration,
    headlines,
    join_list,
    judged_effects,
    measure_of,
    parts_of,
    plan_span,
    plural,
    printable,
    truncate,
    undecided,
    verdict_clauses,
)
from stepladder.runs.results import Results
from stepladder.study.confounds import format_value
from stepladder.study.keras_names import arguments_of, name_of
from stepladder.study.params import flat_values
from stepladder.study.recipe import CLIPPINGS, DISTORTIONS, NONE, Recipe
from stepladder.study.study import Study

NAME_LENGTH = 60


def answer(results: Results) -> tuple[Sentence, ...]:
    """The best arm, what helps, what hurts, what is open, and what all of it holds for.

    Nothing is said to improve or to lower accuracy but by its verdict; the best arm is chosen on
    validation accuracy, which is no look at the test set. Of what does not occur it is said only
    that nothing helps.

    Example:
        >>> run = stepladder.run("quick")  # doctest: +SKIP
        >>> answer(run.results)[1].text  # doctest: +SKIP
        '+ ReLU (+68.55) and + Adam (+17.14) improve test accuracy.'
    """
    clauses = verdict_clauses(results, is_brief=True)
    if not clauses:  # nothing is judged: one sentence replaces those of all verdicts
        return (_best(results), *headlines(results), *_holds_for(results))
    claims = [Sentence(verdict, (*parts, Part("."))) for verdict, parts in clauses.items()]
    if "helps" not in clauses:
        # Where techniques are left out, an arm that is worse speaks for the one that it lacks.
        judged = "arm" if results.study.design == "leave_one_out" else "technique"
        shown = measure_of(results)
        text = f"No {judged} is shown to {shown.better} {shown.on('test')}."
        claims.insert(0, Sentence.of(text))
    open_pairs = undecided(results) if results.readout else ""
    if open_pairs and "not enough replicates" not in clauses:  # no main effect speaks for them
        claims.append(Sentence.of(f"{open_pairs}."))
    return (_best(results), *claims, *_holds_for(results))


def _best(results: Results) -> Sentence:
    rows = view_of(results).rows
    shown, part = measure_of(results), "validation"
    finite = [row for row in rows if math.isfinite(row.validation.mean)]
    if not finite and results.study.trainer is not None:  # it may score the test part alone
        part, finite = "test", [row for row in rows if math.isfinite(row.test.mean)]
    if not finite:
        return Sentence.of("No replicate has finished yet.")
    sign = shown.metric.sign
    best, first = max(finite, key=lambda row: sign * _number(row, part).mean), rows[0]
    before = [f"Of {plural(len(rows), 'arm')}, "] if len(rows) > 1 else []
    most = "highest" if sign > 0 else "lowest"
    after = f" has the {most} {shown.on(part)} and " if len(rows) > 1 else " "
    if part == "test":
        after = f" has the {most} {shown.on(part)}, which flatters it, and " if before else " "
    reached = _reached(best, shown)
    if best.instead is None and shown.is_accuracy:
        reached += f" of the test {results.noun}s right"
    if best is first:
        return Sentence.of(*before, _name(best), after, reached, ".")
    first_too = f", the first of them, {_reached(first, shown)}."
    return Sentence.of(*before, _name(best), after, reached, "; ", _name(first), first_too)


def _number(row: Row, part: str) -> FormattedNumber:
    return row.test if part == "test" else row.validation


def _name(row: Row) -> Part:
    return Part(truncate(row.name, NAME_LENGTH), is_name=True)


def _reached(row: Row, shown: Measure) -> str:
    if row.state == "waiting":
        return "has no replicate yet"
    if row.instead is not None:
        return row.instead
    if shown.is_accuracy:
        return f"reads {row.test.text} %"
    unit = "%" if shown.metric.is_fraction else shown.unit
    return f"reaches a {shown.on('test')} of {row.test.text} {unit}".rstrip()


def _holds_for(results: Results) -> tuple[Sentence, ...]:
    """The conditions under which all of it was found; what the subtitle says is left out."""
    counts = sorted({result.n - result.diverged for result in results.arms})
    if not counts or counts[-1] == 0:
        return ()
    rates = wording.learning_rates(results)
    conditions = []
    if results.study.overlap:
        conditions.append(f"these {results.study.splits.folds} folds")
    elif "test" in results.sizes:
        conditions.append(f"these {results.sizes['test']:,} test {results.noun}s")
    if counts != [results.study.replicates]:
        span = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
        conditions.append(f"{span} replicate{'' if counts[-1] == 1 else 's'} an arm")
    if results.tuned is not None:
        conditions.append(f"a tuned {_fields_text(results.tuned.fields)} for each arm")
    elif len(rates) == 1 and len(results.arms) > 1 and results.study.tuned is None:
        conditions.append(f"one learning rate, {next(iter(rates)):g}, in every arm")
    if results.study.design == "ladder" and len(results.arms) > 2:
        conditions.append("each rung on the rungs below it")
    holding = join_list(conditions)
    return (Sentence.of(f"All of this holds for {holding}."),) if holding else ()


_DESIGNS = {
    "ladder": "each put on top of the ones before it (a ladder)",
    "one_at_a_time": "each alone on the base (one at a time)",
    "leave_one_out": "each taken away from all of them (leave one out)",
    "factorial": "in all combinations (a factorial)",
    "fraction": "in a fraction of all combinations",
    "explicit": "in the arms that the study lists",
}


def asked(results: Results) -> tuple[str, ...]:
    """What is asked, of what network and data, and how it is decided: a paragraph each."""
    study, arms = results.study, results.arms
    data, shown = (
        f"{'on' if study.dataset else 'in'} {printable(results.dataset)}",
        measure_of(results),
    )
    if results.sizes:
        data += f" ({join_list(parts_of(results.sizes))} {results.noun}s)"
    drawn = "validation split, initial weights, data order and dropout"
    if study.trainer is not None:
        drawn = "seed"
    network = f"The base is {printable(study.base_name)}: {_base_text(study)}."
    times = "once" if study.replicates == 1 else f"{study.replicates:,} times"
    replicates = f"{'It is' if len(arms) == 1 else 'Every arm is'} trained {times}."
    if study.adaptive:
        replicates = (
            f"Replicates are added until every verdict is settled, up to {study.replicates:,}."
        )
    if len(arms) == 1:
        return (
            f"What does one recipe reach {data}? {network}",
            f"{replicates} Each replicate draws its own {drawn}.",
        )
    question = f"How do {plural(len(arms), 'arm')} compare {data}?"
    if study.techniques:
        names = [truncate(technique.name, 40) for technique in study.techniques]
        question = (
            f"What is each of {plural(len(names), 'technique')} worth "
            f"({join_list(names, most=9, rest='more')}) {data}, {_DESIGNS[study.design]}?"
        )
    rate = "" if study.trainer else ", its learning rate too,"
    settings = (
        f"This is a fixed study: every arm keeps the base's other settings{rate} unless the "
        "technique changes them."
    )
    if study.tuned is not None:
        fields = _fields_text(study.tuned_fields)
        settings = (
            f"This is a fair study: before arms are compared, the {fields} of each is tuned on "
            f"{shown.on('validation')}, with the same candidates for all."
        )
    least = ""
    if shown.margin:
        least = f" A difference of less than {shown.margin} of {shown.on('test')} is taken not to"
        least += " matter."
    return (
        f"{question} {network}",
        f"{replicates} Replicate number r draws the same {drawn} in every arm, so that arms are "
        f"compared in pairs.{least}",
        settings if results.confounds else f"{settings} {_no_confounds(study)}",
    )


def _fields_text(fields: Sequence[str]) -> str:
    return join_list([field.replace("_", " ") for field in fields])


def _base_text(study: Study) -> str:
    if study.trainer is None:
        return _network_text(study.recipe)
    values = ", ".join(f"{name} = {format_value(value)}"
                       for name, value in flat_values(study.base).items())  # fmt: skip
    return f"{study.trainer.name} with {values or 'no parameters'}"


def _network_text(recipe: Recipe) -> str:
    layers = "no hidden layer"
    if recipe.model is not None:
        layers = "a network that the study builds itself"
    elif recipe.hidden:
        units = join_list([str(units) for units in recipe.hidden])
        layers = f"hidden layers of {units} units"
        if len(recipe.hidden) == 1:
            layers = f"a hidden layer of {plural(recipe.hidden[0], 'unit')}"
    activation, initial, optimizer = map(
        _call_text, (recipe.activation, recipe.initializer, recipe.optimizer)
    )
    text = (
        f"{layers}, {activation} activation, {initial} initial weights, "
        f"{optimizer} at a learning rate of {recipe.learning_rate:g}, batches of "
        f"{recipe.batch_size:,}, {plural(recipe.epochs, 'epoch')}"
    )
    more = [phrase for phrase in (*_layer_phrases(recipe), *_training_phrases(recipe)) if phrase]
    if more:
        text += f", with {join_list(more, most=SETTINGS_SHOWN, rest='other settings')}"
    return printable(f"{text}{_ending_text(recipe)}")


SETTINGS_SHOWN = 9


def _call_text(text: str) -> str:
    """A name of Keras with its arguments, in a sentence: "elu (alpha 0.5)"."""
    given = ", ".join(f"{name} {value}" for name, value in arguments_of(text).items())
    return f"{name_of(text)} ({given})" if given else name_of(text)


def _layer_phrases(recipe: Recipe) -> Iterable[str]:
    """What else stands in the layers, a phrase each; "" for what does not."""
    early = " before the activation" * (recipe.dropout_position == "before")
    late = " after the activation" * (recipe.normalization_position == "after")
    has = partial(_phrase, none=NONE)
    yield has(recipe.normalization, f"{{}} normalisation{late}")
    yield f"dropout of {recipe.dropout:g}{early}" if recipe.dropout else ""
    yield has(recipe.noise, f"{{}}{early}")
    yield has(recipe.input_noise, "{} on the inputs")
    yield "residual connections" if recipe.residual else ""
    yield f"stochastic depth of {recipe.stochastic_depth:g}" if recipe.stochastic_depth else ""
    yield f"an L2 penalty of {recipe.l2:g}" if recipe.l2 else ""
    for name, on in (("kernel", "weights"), ("bias", "biases"), ("activity", "activations")):
        yield has(getattr(recipe, f"{name}_regularizer"), f"a penalty {{}} on {on}")
    yield "" if recipe.max_norm is None else f"norms of weights of at most {recipe.max_norm:g}"
    for name, on in (("kernel", "weights"), ("bias", "biases")):
        yield has(getattr(recipe, f"{name}_constraint"), f"the constraint {{}} on {on}")


def _training_phrases(recipe: Recipe) -> Iterable[str]:
    """What else training does, a phrase each; "" for what it does not."""
    yield _phrase(recipe.loss, "the loss {}", none="auto")
    if recipe.class_weight is not None:
        yield "balanced class weights" if recipe.class_weight == "balanced" else "class weights"
    yield "targets as they are" if recipe.target_scaling == "none" else ""
    yield f"label smoothing of {recipe.label_smoothing:g}" if recipe.label_smoothing else ""
    yield f"weight decay of {recipe.weight_decay:g}" if recipe.weight_decay else ""
    yield f"momentum of {recipe.momentum:g}" if recipe.momentum else ""
    yield _phrase(recipe.schedule, "the schedule {}", none="constant")
    yield "clipped gradients" if any(getattr(recipe, name) for name in CLIPPINGS) else ""
    batches = recipe.gradient_accumulation_steps
    yield f"gradients of {batches} batches a step" if batches else ""
    yield "averaged weights" if recipe.ema or recipe.swa else ""
    yield f"mixup of {recipe.mixup:g}" if recipe.mixup else ""
    yield "virtual adversarial training" if recipe.vat else ""
    is_distorted = any(getattr(recipe, name) for name in DISTORTIONS)
    yield "distorted images" if is_distorted else ""


def _phrase(text: str, phrase: str, none: str) -> str:
    return "" if text == none else phrase.format(_call_text(text))


def _ending_text(recipe: Recipe) -> str:
    """When training stops early, and which epoch is scored; nothing where neither is asked for."""
    parts = []
    if recipe.patience is not None:
        parts.append(
            f"training stops after {plural(recipe.patience, 'epoch')} without a better "
            f"{recipe.monitor}"
        )
    if recipe.score_at == "best":
        parts.append("the best epoch is scored")
    return f"; {join_list(parts)}" if parts else ""


def unknown(results: Results) -> tuple[tuple[str, str], ...]:
    """What is open, as headings and sentences; only what applies to this study."""
    sections = (
        ("Power", _power(results)),
        ("Confounds", _confounds(results)),
        ("Learning rate", _edges(results)),
        ("Luck of tuning", wording.tuning_luck(results)),
        ("Judged again", wording.judgement_note(results)),
        ("Looks at the test set", wording.looks_note(results) if results.looks > 1 else ""),
        ("Trainings that diverged", _diverged(results)),
        (f"Test {results.noun}s", _missing_images(results)),
        ("Beyond this study", _beyond(results)),
        *(("Replicates", printable(warning)) for warning in results.warnings),
        *(("Data", f"{printable(note)}.") for note in results.data_notes),
    )
    return tuple((title, text) for title, text in sections if text)


def _names(names: Iterable[str]) -> str:
    return join_list([truncate(name, NAME_LENGTH) for name in names], most=6)


def _power(results: Results) -> str:
    judged = judged_effects(results)
    if not judged:
        return "Nothing was compared, so no difference is known."
    open_ = [(name, effect) for name, effect in judged if effect.verdict == "not enough replicates"]
    if not open_:
        return (
            f"Every {'main effect' if results.readout else 'comparison'} has a verdict. Effects "
            "that are found are, on average, shown somewhat too large."
        )
    text = (
        f"{len(open_)} of {plural(len(judged), 'comparison')} could not be decided. That is no "
        "sign that they make no difference."
        f" {wording.repeats_note(results)}".rstrip()
    )
    plans = [(name, effect.plan) for name, effect in open_ if effect.plan is not None]
    if not plans:
        return text
    spans = [f"{plan_span(plan)} ({truncate(name, NAME_LENGTH)})" for name, plan in plans]
    return (
        f"{text} The numbers above would settle them with 80 % chance, if effect and spread are "
        "what they look like now. Eight of ten pilots of this size would ask for "
        f"{join_list(spans, most=6)}."
    )


def _confounds(results: Results) -> str:
    if not results.confounds:
        return ""
    which = "it" if len(results.confounds) == 1 else "any of them"
    return (
        f"{plural(len(results.confounds), 'difference')} between compared arms besides the "
        f"technique, listed under Details: an effect may be due to {which}."
    )


def _no_confounds(study: Study) -> str:
    by = "the recipe, the number of weights and the number of optimizer steps tell"
    if study.trainer is not None:
        by = "their parameters tell"
    return f"Compared arms differ in their technique alone, as far as {by}."


def _edges(results: Results) -> str:
    names = [arm.arm for arm in results.tuned.arms if arm.at_edge] if results.tuned else []
    if not names:
        return ""
    return (
        f"The best value tried lies at the edge of the grid for {_names(names)}: a better one may "
        "lie beyond it."
    )


def _diverged(results: Results) -> str:
    counts = {arm.arm.name: arm.diverged for arm in results.arms if arm.diverged}
    if not counts:
        return ""
    rates = [
        f" {truncate(arm.arm.name, NAME_LENGTH)}: {wording.divergence_text(arm.effect.divergence)}."
        for arm in results.arms
        if arm.effect is not None and arm.effect.divergence is not None
    ]
    return (
        f"{plural(sum(counts.values()), 'replicate')} became non-finite, of {_names(counts)}. "
        f"Effects leave them out, which flatters an arm that sometimes fails.{''.join(rates)}"
    )


def _missing_images(results: Results) -> str:
    has_curves = any(curve.epochs for arm in results.arms for curve in arm.curves)
    is_known = results.mistakes is not None or results.predictions is not None
    if is_known or not has_curves or results.study.overlap:
        return ""  # known, not there yet, not asked for, or of other examples in each replicate
    if results.study.task != "classification":
        return (
            f"What each test {results.noun} is given is not shown: the dataset is not where the "
            "study found it, or every replicate diverged."
        )
    return (
        f"Which {results.noun}s are misread is not shown: the dataset is not where "
        "the study found it, or no arm has learnt to give more than one answer."
    )


def _beyond(results: Results) -> str:
    untried = ["other data", "other sizes of network", "longer trainings"]
    if results.study.trainer is not None:
        untried = ["other data", "other parameters"]
    if wording.ladder_note(results):
        untried.append("another order of the rungs")
    if wording.rate_note(results):
        untried.append("a learning rate of its own for each arm")
    text = f"{join_list(untried)} were not tried.".capitalize()
    if len(results.arms) < 2:
        return text
    name = measure_of(results).name
    return f"{text} Only {name} on the test part has verdicts; other measures describe."


def report_document(results: Results) -> Document:
    """A report for a pull request: answer, table, diagnosis, what is open, how to repeat it."""
    view = view_of(results)
    notes = [note(name, text) for name, text in view.notes]
    notes += [note(line.names, line.sentence) for line in view.findings]
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    data = f"; dataset SHA-256 {results.fingerprint[:16]}…" if results.sizes else ""
    return Document(view.title, view.subtitle, view.status, (
        Sentences(answer(results), "marked"),
        view.arm_table(PAGE),
        fine(view.comparison, view.uneven, view.reported),
        Sentences(tuple(notes), "indented", "Diagnosis"),
        Sentences(tuple(Sentence.of(f"{title}: {text}") for title, text in unknown(results)),
                  "indented", "What is not known"),
        *epoch_tables(results),
        *ensemble_tables(results),
        *readout_tables(results),
        *posterior_tables(results),
        *tuning_tables(results),
        *confound_tables(results.confounds),
        fine(f"Seed {results.study.seed}; {versions}; {results.machine}; wall time "
             f"{duration(results.seconds)}{data}"),
    ), is_page=True)  # fmt: skip
