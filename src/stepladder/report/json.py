"""Results as JSON: one serializer, and the keys of every type that are not its fields."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from stepladder.diagnosis.findings import Finding
from stepladder.runs.results import ArmResult, Results, Span, Tuned
from stepladder.statistics.classification import Ensemble, Pooled
from stepladder.statistics.results import (
    Difference,
    Effect,
    Estimate,
    FactorialAnalysis,
    Interaction,
    Interval,
    ShapleyShare,
)
from stepladder.study.confounds import Confound
from stepladder.study.metrics import Metric
from stepladder.study.params import Params
from stepladder.trials.trial import PARTS

if TYPE_CHECKING:  # a run's results need nothing of a search
    from stepladder.hpo.candidates import Candidate
    from stepladder.hpo.results import SearchResult

_INTERVAL = "mean ci_low ci_high"
_TESTS = "p p_adjusted p_t p_t_adjusted"

_KEYS: dict[type, str] = {
    Results: "format= study=study.name metric= dataset test_set_accesses=looks finished "
    "design=study.design replicates=study.replicates seed=study.seed fingerprint sizes classes "
    "model=study.model models=study.models trainer=study.trainer "
    "reported_source=study.reported.source versions machine seconds arms confounds warnings "
    "tuning=tuned adaptive=adapted factorial=readout "
    "baseline one_answer data_notes",
    ArmResult: "name=arm.name technique=arm.technique config= compared_with=arm.compared_with n "
    "diverged failed scores= effect diagnosis reported parameters seconds differences "
    "reached_target=reached planned findings ensemble epochs_trained scored_epoch",
    Span: "mean min=least max=most",
    Estimate: f"{_INTERVAL} values ci_speaks_for=speaks_for new_images",
    Effect: f"{_INTERVAL} {_TESTS} verdict replicates_needed pairs unpaired differences "
    "ci_speaks_for=speaks_for new_images p_greater settled_at at_chance plan divergence "
    "posterior p_not_worse",
    Interval: "ci_low=low ci_high=high ci_speaks_for=",
    Difference: f"{_INTERVAL} p unit pairs unpaired ci_speaks_for=speaks_for",
    Finding: "code text advice technique replicates evidence",
    Ensemble: "members test_accuracy=test val_accuracy=validation",
    Pooled: "mean=accuracy ci_low=interval.low ci_high=interval.high ci_speaks_for= single "
    "images=examples members_an_image=members",
    Confound: "arm compared_with technique what here there comes_with_technique=by_technique may "
    "remedy",
    FactorialAnalysis: "replicates left_out gain main_effects=main interactions shapley=shares",
    Interaction: f"pairs mean=worth.mean ci_low=worth.ci_low ci_high=worth.ci_high {_TESTS}",
    ShapleyShare: "technique mean=shapley.mean ci_low=shapley.ci_low ci_high=shapley.ci_high "
    "of_gain ladders=",
    Tuned: "grid first_grid=first widenings replicates epochs trials seconds arms",
}
"""The keys of a type in their order; `key=path` where the attribute has another name."""

_SPEAKS_FOR: dict[type, str] = {
    Interval: "new test images too",
    Pooled: "new images, these networks",
}
"""What an interval speaks for."""


def pick(value: object, keys: str) -> dict[str, Any]:
    """Attributes of a value by names, for JSON and CSV.

    Args:
        value: what has the attributes.
        keys: names with spaces between them; `name=path` where the attribute is another's, None
            where a step of the path is None; `name=` for a place that is filled later.

    Example:
        >>> pick(Estimate(0.9, None, None, (0.9,)), "mean low=ci_low new=new_images.low later=")
        {'mean': 0.9, 'low': None, 'new': None, 'later': None}
    """
    record = {}
    for key in keys.split():
        name, sign, path = key.partition("=")
        item: Any = value if path or not sign else None
        for step in (path or name).split("."):
            item = None if item is None else getattr(item, step)
        record[name] = item
    return record


def to_json(value: object) -> str:
    r"""Any result as JSON, indented, ended by a line break; what is no number is null.

    A dataclass becomes an object of its fields, unless its type has other keys here.

    Example:
        >>> to_json({"seconds": float("nan"), "values": (1, 2.5)})
        '{\n  "seconds": null,\n  "values": [\n    1,\n    2.5\n  ]\n}\n'
    """
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: object) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif is_dataclass(value):
        value = _record(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def _record(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    kind = type(value)
    keys = _KEYS.get(kind) or " ".join(field.name for field in fields(value))
    return (
        pick(value, keys)
        | _computed(value)
        | ({"ci_speaks_for": _SPEAKS_FOR[kind]} if kind in _SPEAKS_FOR else {})
    )


def _computed(value: object) -> dict[str, Any]:
    """The keys of a value that are no attribute of it."""
    if isinstance(value, Results):
        return {"format": FORMAT, "metric": metric_record(value.study.judged, value.study.delta),
                "arms": [_arm(arm, value.study.judged.name) for arm in value.arms],
                "judgement": _judgement(value)}  # fmt: skip
    if isinstance(value, ArmResult):
        config = value.arm.config
        return {"config": config.values if isinstance(config, Params) else config,
                "differences": {item.measure: item for item in value.differences}}  # fmt: skip
    if isinstance(value, Effect):
        newer = {
            "p_verdict": value.p_verdict,
            "reason": value.reason or None,
            "anytime": value.anytime and pick(value.anytime, "ci_low=low ci_high=high"),
            "first_verdict": value.first_verdict,
        }
        there = {name: item for name, item in newer.items() if item is not None}
        ends = pick(value, "mean=p_greater ci_low=p_greater_ci.low ci_high=p_greater_ci.high")
        return {"p_greater": ends if value.p_greater_ci else None, **family_record(value), **there}
    if isinstance(value, Finding):
        return {"evidence": {name: float(number) for name, number in value.evidence.items()}}
    if isinstance(value, ShapleyShare):
        return {"ladders": pick(value, "mean=shapley.mean least after_least most after_most")}
    return {"arms": _tuned_arms(value)} if isinstance(value, Tuned) else {}


def _judgement(results: Results) -> dict[str, Any]:
    """Which judgement of the study this is, and those before it."""
    keys = "looks delta level comparisons replicates verdicts command"
    return {
        "number": 1 if results.is_first else len(results.earlier) + 1,
        "level": 0.05,
        "delta_asked_for": results.asked_delta,
        "earlier": [
            {**pick(each, keys), "at": each.at.isoformat()} for each in results.earlier
        ] if not results.is_first else [],
    }  # fmt: skip


def family_record(effect: Effect) -> dict[str, Any]:
    """What an effect says of all comparisons at once, and what `no difference` may have missed."""
    record: dict[str, Any] = {}
    if effect.simultaneous is not None:
        record["simultaneous"] = {
            "ci_low": effect.simultaneous.low,
            "ci_high": effect.simultaneous.high,
            "comparisons": effect.comparisons,
            "ci_speaks_for": "all comparisons of the family at once",
        }
    if effect.missed_share is not None:
        record["not_excluded_share"] = effect.missed_share
    return record


FORMAT = 2
"""Of the JSON of results. The first had accuracies alone, under names of their own."""


def metric_record(metric: Metric, delta: float | None) -> dict[str, Any]:
    """A metric as JSON has it; its unit is that of differences."""
    better = "higher" if metric.direction == "maximize" else "lower"
    return {"name": metric.name, "better": better, "unit": metric.unit, "delta": delta}


def _arm(arm: ArmResult, judged: str) -> dict[str, Any]:
    """An arm with its scores by part and metric; a part without numbers is empty."""
    scores: dict[str, dict[str, Any]] = {}
    for part in reversed(PARTS):
        of_judged: Estimate = getattr(arm, part)
        known = {judged: of_judged} if part == "test" or _is_known(of_judged) else {}
        others = {name: parts[part] for name, parts in arm.also.items() if _is_known(parts[part])}
        scores[part] = {name: _plain(estimate) for name, estimate in (known | others).items()}
    return {**_record(arm), "scores": scores}


def _is_known(estimate: Estimate) -> bool:
    return any(map(math.isfinite, estimate.values))


def _tuned_arms(tuned: Tuned) -> list[dict[str, Any]]:
    def named(values: tuple[float, ...]) -> dict[str, float]:
        return dict(zip(tuned.fields, values, strict=True))

    return [
        {
            "arm": arm.arm,
            "chosen": named(arm.chosen),
            "declared": named(arm.declared),
            "at_edge": arm.at_edge,
            "tried": [
                {"values": named(tried.values), f"val_{tuned.metric}": tried.mean,
                 "replicates": tried.scores}
                for tried in arm.tried
            ],
        }
        for arm in tuned.arms
    ]  # fmt: skip


def as_json(results: Results) -> str:
    """Results as JSON.

    Scores are values of the metric, fractions in 0…1 for an accuracy. Effects are in the metric's
    unit, percentage points for fractions; `effect` is null for an arm that is compared with
    nothing. Fields are added, never renamed.
    """
    return to_json(results)


def record_of(results: Results) -> dict[str, Any]:
    """The same as a value."""
    record: dict[str, Any] = _plain(results)
    return record


def search_as_json(result: SearchResult) -> str:
    """A search as JSON.

    Fractions are in 0…1. `test_accuracy` is null where nobody looked at the test set. What is
    `accuracy` in a key is `score` where another metric is judged.
    """
    metric = result.study.judged
    name = _score_key(result)
    best = f"parameters searched_{name}=searched val_{name}=fresh test_{name}=test"
    knob = ("name best importance=importance.share p=importance.p "
            "candidates=importance.candidates flat_top=values edge")  # fmt: skip
    return to_json({
        **pick(result, "study=study.name dataset fingerprint sizes seed=study.seed "
                       "delta=study.delta search=study.search looks"),
        "metric": {
            "name": metric.name,
            "better": "higher" if metric.sign > 0 else "lower",
            "unit": metric.unit,
        },
        "best": {
            **_candidate(result.winner, name),
            "recipe": result.winner.config,
            **pick(result, f"{best} diverged=fresh_diverged replicate_seconds"),
        },
        "luck": {
            **pick(result.luck, "expected=luck not_nested=plain"),
            "measured": result.searched - result.fresh.mean,
            "noise": result.luck.noise,
        },
        "expected_best": {
            "trials": result.expected.trials,
            "seconds": [float(count) * result.seconds_each for count in result.expected.trials],
            **pick(result.expected, "mean spread"),
        },
        "hyperparameters": [pick(summary, knob) for summary in result.knobs],
        "flat_top": {"within": len(result.top), **pick(result, "not_excluded of=whole")},
        "finalists": [candidate.number for candidate in result.finalists],
        "candidates": [_candidate(candidate, name) for candidate in result.candidates],
        **pick(result, "diverged epochs training_seconds seconds warnings versions machine"),
    })  # fmt: skip


def _score_key(result: SearchResult) -> str:
    return "accuracy" if result.study.judged.name == "accuracy" else "score"


def _candidate(candidate: Candidate, name: str) -> dict[str, Any]:
    keys = f"number population params epochs {name}=score rungs more whole=is_whole seconds"
    return pick(candidate, keys) | {"rungs": dict(sorted(candidate.rungs.items()))}
