"""Realistic results without training anything: the seven arms of the `mnist` study and variants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from example_arms import arm_result, estimate, with_effects

from stepladder.diagnosis.findings import Finding
from stepladder.runs.misclassified import ErrorAnalysis, Misclassified, Split
from stepladder.runs.predictions import ArmPredictions, Predictions
from stepladder.runs.preflight import underpowered
from stepladder.runs.results import Adapted, ArmTuning, Results, Span, TriedValues, Tuned
from stepladder.statistics.effects import effects
from stepladder.statistics.factorial import factorial
from stepladder.study.confounds import confounds
from stepladder.study.designs import pair_aliases
from stepladder.study.recipe import Recipe
from stepladder.study.study import Study
from stepladder.trials.trial import History

# by technique: final test accuracy in percent, its deviation over replicates, epochs to get there
ENDS = {
    None: (11.35, 0.0, 1.0),
    "He normal": (11.35, 0.0, 1.0),
    "ReLU": (79.9, 1.4, 5.5),
    "ELU": (83.4, 0.8, 4.0),
    "Adam": (97.04, 0.13, 1.2),
    "batch normalisation": (97.21, 0.16, 1.0),
    "dropout": (97.46, 0.10, 1.6),
}

HOSTILE_NAMES = (
    "<script>alert('x')</script>",
    'a "quoted" & <b>bold</b> name',
    "[red]markup[/red] [link=http://example.org]x[/link]",
    "rocket 🚀 学习率 \U0001f9ea\u200d\U0001f52c",
    "שיטה עברית و عربي",
    "\u202egnidaelsim\u202c \x1b[2J\x07 bell",
    '=HYPERLINK("http://example.org")',
    "costs $5 and $\\frac{1}{0}$ | pipe `tick` @user #1 ![x](y)",
    "x" * 500,
    "two\nlines\tand tab",
)


def results_of(study: Study, arms, finished: bool = True, looks: int = 1) -> Results:
    return Results(
        study=study,
        dataset="mnist",
        fingerprint="5f" * 32,
        sizes={"train": 54000, "validation": 6000, "test": 10000},
        classes=tuple("0123456789"),
        arms=with_effects(arms),
        looks=looks,
        finished=finished,
        versions={"stepladder": "0.1.0", "python": "3.11.9", "keras": "3.15.1", "jax": "0.10.2"},
        machine="Linux, 2 cores of an x86-64 processor, 8 GiB",
        seconds=61.3,
    )


def mnist_results(replicates: int = 5, counts=None, looks: int = 1) -> Results:
    """The built-in study; `counts` gives the finished replicates of each arm of a partial one."""
    study = Study.load("mnist", {"replicates": replicates})
    rng = np.random.default_rng(7)
    reported = study.reported.test_accuracy
    arms = []
    for index, arm in enumerate(study.arms):
        end, spread, pace = ENDS[arm.technique]
        n = replicates if counts is None else counts[index]
        constant = replace(finding("constant_answer", "answers 1 to every image"), replicates=n)
        found = (constant,) if spread == 0 and n else ()
        known = reported.get(arm.technique or study.base_name)
        arms.append(arm_result(arm, n, 20, end, spread, pace, rng, found, known))
    results = results_of(study, arms, finished=counts is None, looks=looks)
    return replace(results, mistakes=mistakes()) if counts is None else results


def mistakes() -> ErrorAnalysis:
    """Some of ten classes misread, with images of noise."""
    rng = np.random.default_rng(11)
    confusion = rng.integers(0, 9, (10, 10)) + np.diag(np.full(10, 4800))

    def misread(place, trials=5):
        image = rng.integers(0, 256, (28, 28)).astype(np.uint8)
        return Misclassified(40 * place, place % 10, (place + 3) % 10, max(1, trials - place // 9),
                       trials, image)  # fmt: skip

    split = tuple(Split(misread(place), 5, 5) for place in range(9))
    return ErrorAnalysis("+ dropout", 5, confusion,
                    tuple(misread(place, 25) for place in range(24)),
                    25, 5, "+ batch normalisation", split, split[:3])  # fmt: skip


def partial_results() -> Results:
    return mnist_results(counts=(5, 5, 5, 3, 2, 1, 0), looks=3)


def one_replicate() -> Results:
    return mnist_results(replicates=1)


def named_results(names, replicates=3, epochs=5, diverged=0) -> Results:
    """A ladder of techniques with the given names, learning rates apart."""
    techniques = [
        {"name": name, "change": {"learning_rate": 0.01 * (2 + index)}}
        for index, name in enumerate(names)
    ]
    study = Study(name=names[0] if names else "one arm", replicates=replicates,
                  base=Recipe(hidden=[50], epochs=epochs), techniques=techniques)  # fmt: skip
    rng = np.random.default_rng(3)
    lost = finding("diverged", "diverged", f" in {diverged} of {replicates} replicates")
    found = (replace(lost, replicates=diverged),) if diverged else ()
    arms = [
        arm_result(arm, replicates, epochs, 90 + 8 * np.sin(index / 9) ** 2, 0.3, 1.5, rng,
                   found, diverged=diverged)
        for index, arm in enumerate(study.arms)
    ]  # fmt: skip
    return results_of(study, arms)


def one_arm() -> Results:
    return named_results(())


def many_arms() -> Results:
    return named_results([f"technique number {index}" for index in range(1, 64)])


def all_diverged() -> Results:
    return named_results(("faster", "fastest"), diverged=3)


def some_diverged() -> Results:
    return named_results(("faster", "fastest"), diverged=1)


def hostile_results() -> Results:
    return named_results(HOSTILE_NAMES)


def factorial_results(design: str = "factorial") -> Results:
    """Four techniques in all combinations, or in a fraction, with two that need each other."""
    techniques = ["He normal", "ReLU", "dropout", "label smoothing"]
    study = Study(name="all together", design=design, replicates=5, techniques=techniques,
                  base=Recipe(hidden=[50], activation="sigmoid", epochs=3))  # fmt: skip
    rng = np.random.default_rng(5)
    cells = {cell.arm: cell.combination for cell in study.cells}
    arms = []
    for arm in study.arms:
        bits = [cells[arm.name] >> place & 1 for place in range(4)]
        end = 80 + 2 * bits[0] + 5 * bits[1] + 6 * bits[0] * bits[1] - bits[2]
        arms.append(arm_result(arm, 5, 3, end, 0.2, 1.5, rng))
    results = results_of(study, arms)
    values = {each.arm.name: each.test.values for each in arms}
    scores = {cell.combination: values[cell.arm] for cell in study.cells}
    aliases = pair_aliases(4) if design == "fraction" else None
    return replace(results, readout=factorial(scores, techniques, aliases=aliases))


def confounded_results() -> Results:
    """Two rows of a published table that differ in more than their technique."""
    arms = [
        {"name": "ELU, batch 256", "change": {"activation": "elu", "batch_size": 256},
         "technique": "ELU"},
        {"name": HOSTILE_NAMES[0], "change": {"dropout": 0.2, "epochs": 9}},
    ]  # fmt: skip
    study = Study(name="table", design="explicit", replicates=2, explicit=arms,
                  base=Recipe(hidden=[50], activation="sigmoid", epochs=3))  # fmt: skip
    rng = np.random.default_rng(5)
    results = results_of(study, [arm_result(arm, 2, 3, 80, 0.2, 1.5, rng) for arm in study.arms])
    return replace(results, confounds=confounds(study, train=54_000), warnings=underpowered(study))


def fair_results() -> Results:
    """The built-in ladder, each arm at a learning rate of its own, one of them at the edge."""
    study = Study.load("mnist-fair", {"replicates": 3})
    rng = np.random.default_rng(7)
    arms = [arm_result(arm, 3, 20, *ENDS[arm.technique], rng) for arm in study.arms]
    rates = (*study.tuned.grid["learning_rate"], 3.0)
    tuned = []
    for place, arm in enumerate(study.arms):
        peak = len(rates) - 1 - place
        means = [0.98 - 0.02 * (index - peak) ** 2 / 9 for index in range(len(rates))]
        tried = tuple(TriedValues((rate,), (mean - 0.001, mean + 0.001), mean)
                      for rate, mean in zip(rates, means, strict=True))  # fmt: skip
        edge = ("learning_rate",) if place == 0 else ()
        tuned.append(ArmTuning(arm.name, tried, (rates[peak],), (0.001,), edge))
    grid = {"learning_rate": rates}
    made = Tuned(grid, study.tuned.grid, 1, 2, 20, tuple(tuned), 140, 100.0)
    return replace(results_of(study, arms), tuned=made)


def adaptive_results() -> Results:
    """A ladder whose clear rungs stopped early."""
    results = mnist_results(replicates=6)
    study = results.study.changed({"adaptive": True, "replicates": 30})
    arms = tuple(replace(arm, planned=6) for arm in results.arms)
    adapted = Adapted((6, 10, 17, 30), 1, 6, 42, 210, 840.0)
    return replace(results, study=study, arms=arms, adapted=adapted)


def finding(code, title, where="", detail="", technique=None, **evidence) -> Finding:
    return Finding(code, title, where, detail, "do something about it", technique, evidence, 5)


def diagnosed(results, findings) -> Results:
    """Results whose arms have findings, by the arm's place."""
    arms = list(results.arms)
    for place, found in findings.items():
        arms[place] = replace(arms[place], findings=tuple(found))
    return replace(results, arms=tuple(arms))


def diagnosed_results() -> Results:
    """The ladder with what its first rungs suffer from, some of it shared."""
    shares = [f"the first layer's is {times} times smaller" for times in ("8,500", "170")]
    constant = finding("constant_answer", "answers 1 to every image", technique="ReLU")
    common = finding("learns_nothing", "learns nothing", detail="its loss is 2.301")
    found = {
        place: [constant, common, finding("vanishing_gradients", "gradients vanish",
                                          detail=share, technique="ReLU", ratio=0.01)]
        for place, share in enumerate(shares)
    }  # fmt: skip
    found[6] = [finding("overfitting", "overfits", " from epoch 9 in 3 of 5 replicates",
                        "its loss rises", technique="weight decay", epoch=9)]  # fmt: skip
    return diagnosed(mnist_results(), found)


def regression_results(targets=("price",), examples=40, replicates=3, lost=False) -> Results:
    """A regression of houses: the last arm stops early and scores its best epoch."""
    label = targets[0] if len(targets) == 1 else list(targets)
    study = Study(name="houses", design="one_at_a_time", replicates=replicates, delta=0.5,
                  dataset={"csv": "houses.csv", "label": label, "task": "regression",
                           "test_share": 0.25},
                  metric={"name": "rmse", "unit": "kEUR"},
                  base=Recipe(hidden=[50], epochs=12),
                  techniques=[{"name": "Huber", "change": {"loss": "huber"}},
                              {"name": "early stopping",
                               "change": {"patience": 3, "score_at": "best"}}])  # fmt: skip
    rng = np.random.default_rng(2)
    arms = []
    for place, arm in enumerate(study.arms):
        stops = [5 + number for number in range(replicates)] if place == 2 else [12] * replicates
        scores = 40.0 - 5 * place + rng.standard_normal(replicates)
        curves = tuple(_losses(1600.0 - 300 * place, 12, stop, rng) for stop in stops)
        spans = (
            (Span.of(stops), Span.of([stop - 3 for stop in stops])) if place == 2 else (None,) * 2
        )
        made = arm_result(arm, replicates, 12, 90, 1.0, 2.0, rng, diverged=replicates * lost)
        if lost:
            curves = tuple(replace(each, val_loss=each.val_loss * np.nan) for each in curves)
            scores = scores * np.nan
        arms.append(replace(made, curves=curves, train=estimate(scores - 3),
                            validation=estimate(scores + 1), test=estimate(scores),
                            epochs_trained=spans[0], scored_epoch=spans[1]))  # fmt: skip
    truth = 300 + 80 * rng.standard_normal((examples, len(targets)))
    answers = tuple(
        ArmPredictions(arm.name, truth + (40 - 10 * place) * rng.standard_normal(
            (replicates, examples, len(targets))))
        for place, arm in enumerate(study.arms) if place != 1
    )  # fmt: skip
    shown = Predictions(tuple(targets), truth, answers, "+ early stopping", are_labels=False)
    results = replace(results_of(study, arms), dataset="houses.csv", classes=(), noun="example",
                      sizes={"train": 100, "validation": 20, "test": examples}, baseline=79.5,
                      one_answer=79.5,
                      predictions=None if lost else shown)  # fmt: skip
    judged = judged_effects_of(results)
    return replace(results, arms=judged)


def judged_effects_of(results: Results):
    """The arms of results with effects of the judged metric, as `statistics.effects` has them."""
    scores = {each.arm.name: each.test.values for each in results.arms}
    pairs = [(each.arm.name, each.arm.compared_with) for each in results.arms[1:]]
    study = results.study
    made = {} if np.isnan(list(scores.values())).all() else effects(
        scores, pairs, delta=study.delta, metric=study.judged)  # fmt: skip
    return tuple(replace(each, effect=made.get(each.arm.name)) for each in results.arms)


def _losses(end, epochs, stop, rng) -> History:
    steps = np.arange(1, epochs + 1)
    loss = end * (1 + 3 * np.exp(-steps / 2)) * (1 + 0.02 * rng.standard_normal(epochs))
    loss[stop:] = np.nan
    nothing = np.full(epochs, np.nan)
    return History(0.9 * loss, nothing, loss, nothing, nothing,
                   np.where(np.isnan(loss), np.nan, 0.1 * steps))  # fmt: skip


def label_results(labels=("red", "green", "blue"), metric="macro_f1") -> Results:
    """Several labels an example, one of which is rare and never found."""
    study = Study(name="colours", design="one_at_a_time", replicates=3, metric=metric,
                  dataset={"csv": "colours.csv", "label": list(labels), "task": "multilabel",
                           "test_share": 0.25},
                  base=Recipe(hidden=[50], epochs=6),
                  techniques=[{"name": "focal",
                               "change": {"loss": "binary_focal_crossentropy"}}])  # fmt: skip
    rng = np.random.default_rng(4)
    arms = [arm_result(arm, 3, 6, 70 + 9 * place, 1.0, 2.0, rng)
            for place, arm in enumerate(study.arms)]  # fmt: skip
    truth = (rng.uniform(size=(30, len(labels))) < 0.4).astype(float)
    answers = tuple(
        ArmPredictions(arm.name, np.clip(truth * 0.5 + rng.uniform(0, 0.7, (3, *truth.shape))
                                         * (np.arange(len(labels)) != 2), 0, 1))
        for arm in study.arms
    )  # fmt: skip
    shown = Predictions(tuple(labels), truth, answers, "+ focal", are_labels=True)
    return replace(results_of(study, arms), dataset="colours.csv", classes=tuple(labels),
                   sizes={"train": 60, "validation": 20, "test": 30}, noun="example",
                   baseline=0.0, one_answer=0.0, predictions=shown)  # fmt: skip


VARIANTS = {
    "regression": regression_results,
    "labels": label_results,
    "diagnosed": diagnosed_results,
    "fair": fair_results,
    "adaptive": adaptive_results,
    "confounded": confounded_results,
    "factorial": factorial_results,
    "fraction": lambda: factorial_results("fraction"),
    "mnist": mnist_results,
    "partial": partial_results,
    "one replicate": one_replicate,
    "one arm": one_arm,
    "64 arms": many_arms,
    "all diverged": all_diverged,
    "some diverged": some_diverged,
    "hostile": hostile_results,
    "nothing yet": lambda: mnist_results(counts=(0,) * 7),
}
"""Every variant by name, for tests that hold for all of them."""
