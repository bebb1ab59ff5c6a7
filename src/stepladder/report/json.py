"""Results and searches as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stepladder.diagnosis.findings import Finding
from stepladder.runs.results import ArmResult, Results, Tuned
from stepladder.statistics.classification import Ensemble, Pooled
from stepladder.statistics.results import (
    Difference,
    Effect,
    Estimate,
    FactorialAnalysis,
    Interval,
    MeanInterval,
)
from stepladder.study.confounds import Confound

if TYPE_CHECKING:  # a run's results need nothing of a search
    from stepladder.hpo.candidates import Candidate
    from stepladder.hpo.results import HyperparameterSummary, SearchResult

RETRAINED = "these test images, retrained"
NEW_IMAGES = "new test images too"
THESE_NETWORKS = "new images, these networks"


def as_json(results: Results) -> str:
    """Results as one JSON object, indented, ended by a line break.

    Accuracies are fractions in 0…1 and effects percentage points; what is not a number is null;
    `effect` is null for an arm that is compared with nothing. Fields are added, never renamed.
    """
    study = results.study
    value = {
        "study": study.name,
        "dataset": results.dataset,
        "looks": results.looks,
        "finished": results.finished,
        "design": study.design,
        "replicates": study.replicates,
        "seed": study.seed,
        "delta": study.delta,
        "fingerprint": results.fingerprint,
        "sizes": results.sizes,
        "classes": list(results.classes),
        "model": study.model.model_dump() if study.model else None,
        "reported_source": study.reported.source if study.reported else None,
        "versions": results.versions,
        "machine": results.machine,
        "seconds": finite(results.seconds),
        "arms": [_arm(each) for each in results.arms],
        "confounds": [confound_as_json(each) for each in results.confounds],
        "warnings": list(results.warnings),
        "tuning": None if results.tuned is None else _tuned(results.tuned),
        "adaptive": None if results.adapted is None else asdict(results.adapted),
        "factorial": None if results.readout is None else _readout(results.readout),
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _arm(result: ArmResult) -> dict[str, Any]:
    return {
        "name": result.arm.name,
        "technique": result.arm.technique,
        "recipe": result.arm.recipe.model_dump(mode="json"),
        "compared_with": result.arm.compared_with,
        "n": result.n,
        "test_accuracy": estimate_as_json(result.test_accuracy),
        "val_accuracy": estimate_as_json(result.val_accuracy),
        "train_accuracy": estimate_as_json(result.train_accuracy),
        "effect": None if result.effect is None else effect_as_json(result.effect),
        "diagnosis": list(result.diagnosis),
        "diverged": result.diverged,
        "reported": result.reported,
        "parameters": result.parameters,
        "seconds": finite(result.seconds),
        "differences": {each.measure: _difference(each) for each in result.differences},
        "reached_target": result.reached,
        "planned": result.planned,
        "findings": [_finding(each) for each in result.findings],
        "ensemble": None if result.ensemble is None else _ensemble(result.ensemble),
    }


def _ensemble(ensemble: Ensemble) -> dict[str, Any]:
    return {
        "members": ensemble.members,
        "test_accuracy": _pooled(ensemble.test),
        "val_accuracy": _pooled(ensemble.validation),
    }


def _pooled(pooled: Pooled | None) -> dict[str, Any] | None:
    if pooled is None:
        return None
    return {
        "mean": pooled.accuracy,
        "ci_low": pooled.interval.low,
        "ci_high": pooled.interval.high,
        "ci_speaks_for": THESE_NETWORKS,
        "single": pooled.single,
        "images": pooled.examples,
        "members_an_image": pooled.members,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "text": finding.text,
        "advice": finding.advice,
        "technique": finding.technique,
        "replicates": finding.replicates,
        "evidence": {name: finite(float(value)) for name, value in finding.evidence.items()},
    }


def estimate_as_json(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON values, fractions."""
    return {
        "mean": finite(estimate.mean),
        "ci_low": finite(estimate.ci_low),
        "ci_high": finite(estimate.ci_high),
        "values": [finite(each) for each in estimate.values],
        "ci_speaks_for": RETRAINED,
        "new_images": _interval(estimate.new_images),
    }


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    ends = {"ci_low": finite(interval.low), "ci_high": finite(interval.high)}
    return {**ends, "ci_speaks_for": NEW_IMAGES}


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "mean": finite(difference.mean),
        "ci_low": finite(difference.ci_low),
        "ci_high": finite(difference.ci_high),
        "p": finite(difference.p),
        "unit": difference.unit,
        "pairs": difference.pairs,
        "unpaired": difference.unpaired,
    }


def effect_as_json(effect: Effect) -> dict[str, Any]:
    """An effect as JSON values, percentage points but for shares and p-values."""
    return {
        "mean": finite(effect.mean),
        "ci_low": finite(effect.ci_low),
        "ci_high": finite(effect.ci_high),
        "p": finite(effect.p),
        "p_holm": finite(effect.p_holm),
        "p_t": finite(effect.p_t),
        "p_t_holm": finite(effect.p_t_holm),
        "verdict": effect.verdict,
        "replicates_needed": effect.replicates_needed,
        "pairs": effect.pairs,
        "unpaired": effect.unpaired,
        "differences": [finite(each) for each in effect.differences],
        "ci_speaks_for": RETRAINED,
        "new_images": _interval(effect.new_images),
        "p_greater": _share(effect),
        "settled_at": effect.settled_at,
        "at_chance": None if effect.at_chance is None else effect_as_json(effect.at_chance),
    }


def _share(effect: Effect) -> dict[str, Any] | None:
    """P(arm > other), ties counted half."""
    ends = effect.p_greater_ci
    if effect.p_greater is None or ends is None:
        return None
    return {"mean": effect.p_greater, "ci_low": ends.low, "ci_high": ends.high}


def finite(value: float | None) -> float | None:
    """A number that JSON has, or None."""
    return None if value is None or not math.isfinite(value) else value


def _readout(readout: FactorialAnalysis) -> dict[str, Any]:
    return {
        "replicates": readout.replicates,
        "left_out": readout.left_out,
        "gain": _spread(readout.gain),
        "main_effects": [
            {"technique": each.technique, "effect": effect_as_json(each.effect)}
            for each in readout.main
        ],
        "interactions": [
            {"pairs": [list(pair) for pair in each.pairs], **_spread(each.worth),
             "p": finite(each.p), "p_holm": finite(each.p_holm),
             "p_t": finite(each.p_t), "p_t_holm": finite(each.p_t_holm)}
            for each in readout.interactions
        ],
        "shapley": [
            {"technique": each.technique, **_spread(each.shapley), "of_gain": each.of_gain,
             "ladders": {
                 "mean": each.shapley.mean,
                 "least": each.least, "after_least": list(each.after_least),
                 "most": each.most, "after_most": list(each.after_most),
             }}
            for each in readout.shares
        ],
    }  # fmt: skip


def _spread(spread: MeanInterval) -> dict[str, Any]:
    return {"mean": spread.mean, "ci_low": spread.ci_low, "ci_high": spread.ci_high}


def confound_as_json(confound: Confound) -> dict[str, Any]:
    """A confound as JSON values."""
    return {
        "arm": confound.arm,
        "compared_with": confound.compared_with,
        "technique": confound.technique,
        "what": confound.what,
        "here": confound.here,
        "there": confound.there,
        "comes_with_technique": confound.by_technique,
        "may": confound.may,
        "remedy": confound.remedy,
    }


def _tuned(tuned: Tuned) -> dict[str, Any]:
    return {
        "grid": {field: list(values) for field, values in tuned.grid.items()},
        "first_grid": {field: list(values) for field, values in tuned.first.items()},
        "widenings": tuned.widenings,
        "replicates": tuned.replicates,
        "epochs": tuned.epochs,
        "trials": tuned.trials,
        "seconds": finite(tuned.seconds),
        "arms": [
            {
                "arm": each.arm,
                "chosen": dict(zip(tuned.fields, each.chosen, strict=True)),
                "declared": dict(zip(tuned.fields, each.declared, strict=True)),
                "at_edge": list(each.at_edge),
                "tried": [
                    {"values": dict(zip(tuned.fields, one.values, strict=True)),
                     "val_accuracy": one.mean,
                     "replicates": [finite(value) for value in one.accuracies]}
                    for one in each.tried
                ],
            }
            for each in tuned.arms
        ],
    }  # fmt: skip


def search_as_json(found: SearchResult) -> str:
    """A search as one JSON object, indented, ended by a line break.

    Accuracies are fractions in 0…1; what is not a number is null. `test_accuracy` is null where
    nobody looked at the test set.
    """
    study = found.study
    search = study.search
    assert search is not None
    value = {
        "study": study.name,
        "dataset": found.dataset,
        "fingerprint": found.fingerprint,
        "sizes": found.sizes,
        "seed": study.seed,
        "delta": study.delta,
        "search": search.model_dump(mode="json"),
        "looks": found.looks,
        "best": {
            **_candidate(found.winner),
            "recipe": found.winner.recipe.model_dump(mode="json"),
            "parameters": found.parameters,
            "searched_accuracy": finite(found.searched),
            "val_accuracy": estimate_as_json(found.fresh),
            "test_accuracy": None if found.test is None else estimate_as_json(found.test),
            "diverged": found.fresh_diverged,
            "replicate_seconds": finite(found.replicate_seconds),
        },
        "luck": {
            "expected": finite(found.luck.luck),
            "not_nested": finite(found.luck.plain),
            "measured": finite(found.searched - found.fresh.mean),
            "noise": finite(found.luck.noise),
        },
        "expected_best": {
            "trials": found.expected.trials.tolist(),
            "seconds": [float(n) * found.seconds_each for n in found.expected.trials],
            "mean": found.expected.mean.tolist(),
            "spread": found.expected.spread.tolist(),
        },
        "hyperparameters": [_knob(each) for each in found.knobs],
        "flat_top": {"within": len(found.top), "not_excluded": found.not_excluded,
                     "of": found.whole},
        "finalists": [each.number for each in found.finalists],
        "candidates": [_candidate(each) for each in found.candidates],
        "diverged": found.diverged,
        "epochs": found.epochs,
        "training_seconds": finite(found.training_seconds),
        "seconds": finite(found.seconds),
        "warnings": list(found.warnings),
        "versions": found.versions,
        "machine": found.machine,
    }  # fmt: skip
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _candidate(each: Candidate) -> dict[str, Any]:
    return {
        "number": each.number,
        "population": each.population,
        "params": dict(each.params),
        "epochs": each.epochs,
        "accuracy": finite(each.accuracy),
        "rungs": {str(epochs): finite(value) for epochs, value in sorted(each.rungs.items())},
        "more": [finite(value) for value in each.more],
        "whole": each.is_whole,
        "seconds": finite(each.seconds),
    }


def _knob(each: HyperparameterSummary) -> dict[str, Any]:
    return {
        "name": each.name,
        "best": each.best,
        "importance": finite(each.importance.share),
        "p": finite(each.importance.p),
        "candidates": each.importance.candidates,
        "flat_top": list(each.values),
        "edge": each.edge,
    }
