"""The search of `mnist-search` beside KerasTuner's and Optuna's, on one space and one split size.

    python benchmarks/search.py --out search.json           # 5 repetitions; hours; goes on
    python benchmarks/search.py --quick --out quick.json    # does it work? means nothing
    python benchmarks/search.py --markdown search.json      # the tables

Every rival runs in an environment of its own, with the same Keras, as a whole process timed
from its own start. KerasTuner's Hyperband goes first and sets the time: what it ends with is the
accuracy to be reached, and the others stop when it did. Validation accuracies of all epochs count,
on every side. Results are written after each search; the same command goes on from there, also on
another machine: each repetition is of one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from comparison import traces
from comparison.processes import run_timed
from comparison.rivals import ENVIRONMENTS, PROGRAMS, RIVALS, environment_of, prepare, versions_in
from stepladder import data
from stepladder.execution import machine
from stepladder.files import atomic_write
from stepladder.report.wording import plural
from stepladder.study.study import Study
from stepladder.tools.bench import Work, measure_floor
from stepladder.version import __version__

REFERENCE, OURS = "tuner-hyperband", "stepladder"
SHARES = (0.1, 1 / 3, 1.0)
SIDE = Work().side  # of the matrices whose product tells how fast the machine is
SEARCHES = {
    REFERENCE: ("tuner", "tuner_search.py", "hyperband"),
    "tuner-random": ("tuner", "tuner_search.py", "random"),
    "tuner-bayesian": ("tuner", "tuner_search.py", "bayesian"),
    "optuna-tpe-pruned": ("optuna", "optuna_search.py", ""),
}
ALL = (REFERENCE, OURS, *(name for name in SEARCHES if name != REFERENCE))


@dataclass(frozen=True)
class Size:
    """How much each search is given."""

    epochs: int
    validation: int
    examples: int | None
    trials: int


def main(words: list[str] | None = None) -> None:
    """Runs what the command line asks for."""
    options = _parser().parse_args(words)
    if options.markdown:
        print(markdown(json.loads(options.markdown.read_text("utf-8"))), end="")
        return
    study = Study.load("mnist-search")
    size = Size(study.base.epochs, 6000, None, 1000)
    if options.quick:
        size = Size(4, 500, 1000, 4)
        study = _smaller(study, size)
    result = _begun(options)
    with tempfile.TemporaryDirectory(prefix="stepladder-search-") as folder:
        _all(options, result, study, size, Path(folder))
    print(markdown(result), end="")


def _begun(options: argparse.Namespace) -> dict[str, Any]:
    """What there is to go on from, or nothing yet."""
    asked = {"quick": options.quick, "backend": options.backend}
    if options.out.exists():
        found = json.loads(options.out.read_text("utf-8"))
        there = {name: found.get(name) for name in asked}
        if there != asked:
            raise SystemExit(f"{options.out} must be of {asked}, found {there}; take another file")
        return continued(found, machine.settings().machine)
    found = {"traces": {name: [] for name in ALL}, "versions": {}}
    return {**asked, "machines": [], "sgemm": [], **found}


def continued(found: dict[str, Any], machine: str) -> dict[str, Any]:
    """A result to go on from on a machine: a repetition that another one began is begun anew."""
    whole = _whole(found["traces"])
    if found["machines"][whole:] in ([], [machine]):
        return found
    return {
        **found,
        "machines": found["machines"][:whole],
        "sgemm": found["sgemm"][: whole * len(found["traces"])],
        "traces": {name: each[:whole] for name, each in found["traces"].items()},
    }


def _whole(found: dict[str, Any]) -> int:
    """How many repetitions every search has."""
    return min(map(len, found.values()))


def _smaller(study: Study, size: Size) -> Study:
    assert study.search is not None
    return study.changed(
        {
            "validation": size.validation,
            "replicates": 2,
            "base": study.base.changed({"epochs": size.epochs, "train_examples": size.examples}),
            "search": study.search.changed({"trials": size.trials, "least_epochs": 1}),
        }
    )


def _all(
    options: argparse.Namespace, result: dict[str, Any], study: Study, size: Size, folder: Path
) -> None:
    """Every search in every repetition that is not there yet."""
    images = folder / "mnist.npz"
    mnist = data.load("mnist")
    np.savez(images, x_train=mnist.x_train, y_train=mnist.y_train)
    found = result["traces"]
    for seed in range(options.repetitions):
        if len(result["machines"]) == seed:
            result["machines"].append(machine.settings().machine)
        for name in ALL:
            if len(found[name]) > seed:
                continue
            floor = measure_floor(machine.settings(), SIDE, 0.1 if options.quick else 1.0)
            _say(f"repetition {seed + 1}, {name}, SGEMM at {floor.rate / 1e9:.0f} GFLOP/s")
            trace = folder / f"{name}-{seed}.jsonl"
            limit = None if name == REFERENCE else found[REFERENCE][seed][-1][0]
            if name == OURS:
                assert limit
                _ours(study.changed({"seed": seed}), trace, folder / f"ours-{seed}", limit)
                versions = {"stepladder": __version__}
            else:
                versions = _rival(options, name, images, trace, seed, size, limit)
            found[name].append(traces.read(trace))
            result["versions"][name] = versions
            result["sgemm"].append(floor.rate)
            write(options.out, result)


def write(file: Path, result: dict[str, Any]) -> None:
    """Results so far, with what the whole repetitions among them come to."""
    whole = _whole(result["traces"])
    result["date"], result["repetitions"] = time.strftime("%Y-%m-%d"), whole
    if whole:
        paired = {name: each[:whole] for name, each in result["traces"].items()}
        result["summary"] = traces.summary(paired, REFERENCE, SHARES)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
    atomic_write(file, f"{{\n{lines}\n}}\n".encode())


def _rival(
    options: argparse.Namespace, name: str, images: Path, trace: Path, seed: int, size: Size,
    limit: float | None,
) -> dict[str, str]:  # fmt: skip
    """A rival's search, and the versions of what it stands on."""
    library, program, kind = SEARCHES[name]
    rival = replace(RIVALS[f"{library}-{options.backend}"], program=program)
    python = prepare(rival, options.environments, _say)
    given = {
        "--data": images, "--out": trace, "--kind": kind, "--seed": seed, "--epochs": size.epochs,
        "--validation": size.validation, "--examples": size.examples, "--trials": size.trials,
        "--seconds": limit,
    }  # fmt: skip
    words = [str(python), str(PROGRAMS / rival.program)]
    for option, value in given.items():
        words += [option, str(value)] if value not in (None, "") else []
    run_timed(words, environment_of(rival), trace.with_suffix(".log"))
    return versions_in(python, rival)


def _ours(study: Study, trace: Path, folder: Path, limit: float) -> None:
    """Our search, with nothing compiled before."""
    folder.mkdir()
    file = folder / "study.toml"
    file.write_text(study.to_toml(), "utf-8")
    words = [sys.executable, str(Path(__file__).parent / "search_ours.py")]
    words += ["--study", str(file), "--out", str(trace), "--folder", str(folder / "run")]
    words += ["--seconds", str(limit)]
    own = {**os.environ, "JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(folder / "cache")}
    run_timed(words, own, folder / "log.txt")


def markdown(result: dict[str, Any]) -> str:
    """The tables of a result."""
    if not result["repetitions"]:
        return "No repetition is whole yet.\n"
    summary, count = result["summary"], plural(result["repetitions"], "repetition")
    rows = summary["accuracy_at"]
    lines = [
        f"{count}, {result['date']}; rivals on {result['backend']}. {_machines(result)}",
        "",
        f"KerasTuner's Hyperband ends at {_shown(summary['target'], 100)} % after "
        f"{_shown(summary['reference_seconds'], 1)} s.",
        "",
        "| search | there after, of its time | "
        + " | ".join(f"best at {row['share']:.0%} of its time, %" for row in rows) + " |",
        "|---|" + "---:|" * (1 + len(rows)),
    ]  # fmt: skip
    for name, ratio in summary["time_ratios"].items():
        cells = [_ratio(ratio), *(_shown(row[name], 100) for row in rows)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "Times are geometric means. " + _versions(result["versions"])]
    if result["quick"]:
        lines += ["", "A quick run: these figures mean nothing."]
    return "\n".join(lines) + "\n"


def _machines(result: dict[str, Any]) -> str:
    """Which machines the whole repetitions ran on, and how fast these were."""
    machines = result["machines"][: result["repetitions"]]
    rates = [rate / 1e9 for rate in result["sgemm"][: len(machines) * len(ALL)]]
    named = " and ".join(
        f"{machine} ({count} of them)" for machine, count in Counter(machines).items()
    )
    return f"On {named}; SGEMM at {min(rates):.0f} to {max(rates):.0f} GFLOP/s before each search."


def _ratio(found: dict[str, Any]) -> str:
    """A part of the reference's time, and how often an accuracy was never reached in it."""
    never = f"never in {found['never']}"
    if not found["n"]:
        return never
    return _shown(found, 1) + (f"; {never}" if found["never"] else "")


def _versions(found: dict[str, dict[str, str]]) -> str:
    """Everything that ran, each library once."""
    named = {f"{name} {version}" for each in found.values() for name, version in each.items()}
    return ", ".join(sorted(named, key=str.lower)) + "."


def _shown(found: dict[str, Any], times: float) -> str:
    if found["mean"] is None:
        return "–"
    text = f"{times * found['mean']:.2f}"
    if found["ci_low"] is None:
        return text
    return f"{text} [{times * found['ci_low']:.2f}, {times * found['ci_high']:.2f}]"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="little work on every side: a trial of the program")
    add("--repetitions", type=int, default=5)
    add("--backend", choices=["tensorflow", "jax"], default="tensorflow", help="of the rivals")
    add("--out", type=Path, default=Path("search.json"), help="results [search.json]")
    add(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        help=f"folder of the rivals' [{ENVIRONMENTS}]",
    )
    add("--markdown", type=Path, metavar="RESULTS", help="print the tables of results and stop")
    return parser


if __name__ == "__main__":
    main()
