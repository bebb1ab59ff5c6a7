"""What a search has found as JSON: fields are added, never renamed."""

from __future__ import annotations

import json
from typing import Any

from stepladder.report.json_form import estimate_as_json, finite
from stepladder.searcher.candidates import Candidate
from stepladder.searcher.found import Found, Knob

__all__ = ["as_json"]


def as_json(found: Found) -> str:
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


def _knob(each: Knob) -> dict[str, Any]:
    return {
        "name": each.name,
        "best": each.best,
        "importance": finite(each.importance.share),
        "p": finite(each.importance.p),
        "candidates": each.importance.candidates,
        "flat_top": list(each.values),
        "edge": each.edge,
    }
