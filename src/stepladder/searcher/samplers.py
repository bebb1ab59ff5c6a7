"""Samplers by name, and quasi-random points: what proposes candidates."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stepladder.errors import StudyError
from stepladder.searching import QUASI_RANDOM
from stepladder.values import did_you_mean

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["has_state", "learns", "points", "reads_dropped", "sampler"]

_SHORT = {
    "random": "RandomSampler",
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "TPESampler": {"multivariate": True, "group": True, "constant_liar": True},
    "GPSampler": {"warn_independent_sampling": False},
    "CmaEsSampler": {"warn_independent_sampling": False},
    "QMCSampler": {  # each population's points are scrambled by a seed of its own, and differ
        "scramble": True, "warn_independent_sampling": False, "warn_asynchronous_seeding": False,
    },
}  # fmt: skip

_WITH_NOTES = ("CmaEsSampler", "NSGAIISampler", "NSGAIIISampler")


def learns(name: str) -> bool:
    """Whether a sampler proposes other candidates once it knows results."""
    return name not in (QUASI_RANDOM, "random", "RandomSampler")


def reads_dropped(name: str) -> bool:
    """Whether a sampler learns from trials that were pruned too, not from whole ones alone."""
    return _SHORT.get(name, name) == "TPESampler"


def has_state(name: str) -> bool:
    """Whether a sampler leaves notes in trials that it goes on from.

    They hold pickled objects, so that no file may bring them: candidates of such a sampler are
    drawn again when a search goes on, which gives the same ones.
    """
    return _SHORT.get(name, name) in _WITH_NOTES


def sampler(name: str, seed: int) -> BaseSampler | None:
    """A sampler of Optuna's, or None for quasi-random points.

    Args:
        name: as a study names it.
        seed: of its draws.

    Raises:
        StudyError: if there is none of that name, or it needs what is not installed or given.
    """
    if name == QUASI_RANDOM:
        return None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is told by stepladder
    known = [each for each in optuna.samplers.__all__ if each.endswith("Sampler")
             and not each.startswith("Base")]  # fmt: skip
    full = _SHORT.get(name, name)
    if full not in known:
        names = [QUASI_RANDOM, *_SHORT, *known]
        advice = did_you_mean(name, names, f"the samplers are {', '.join(names)}")
        raise StudyError(f"search.sampler must be a sampler, found {name!r}; {advice}")
    kind = getattr(optuna.samplers, full)
    options = dict(_OPTIONS.get(full, {}))
    if "seed" in inspect.signature(kind).parameters:
        options["seed"] = seed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an option is experimental
            made: BaseSampler = kind(**options)
            _touch(made)
    except ImportError as error:
        raise StudyError(
            f"search.sampler {name!r} needs a package that is not installed: {error}; install it, "
            "such as pip install 'stepladder[samplers]', or choose another sampler"
        ) from None
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"search.sampler must be one that needs no arguments, found {name!r}: {error}; choose "
            "another one"
        ) from None
    return made


def _touch(made: BaseSampler) -> None:
    """Has a sampler import what it imports when it is first used."""
    import importlib

    module = {"GPSampler": "torch", "CmaEsSampler": "cmaes"}.get(type(made).__name__)
    if module:
        importlib.import_module(module)


def points(
    count: int, structural: Sequence[bool], per_structure: int, seed: int
) -> npt.NDArray[np.float64]:
    """Quasi-random points of the unit cube: a scrambled Sobol' sequence.

    The first points of more are the same points, so that a search can be made longer.

    Args:
        count: how many.
        structural: for each dimension whether it selects a program.
        per_structure: points in a row that share these dimensions.
        seed: of the scrambling.

    Returns:
        float64 (count, dimensions), each in 0…1.

    Reference:
        Sobol' 1967; Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points", Journal of
        Complexity 14; Bousquet et al. 2017, "Critical hyper-parameters: no random, no cry".
    """
    is_structural = np.asarray(structural, bool)
    if per_structure == 1:
        return _sobol(count, len(is_structural), seed)
    found = np.empty((count, len(is_structural)))
    leaders = _sobol(-(-count // per_structure), int(is_structural.sum()), seed)
    found[:, is_structural] = np.repeat(leaders, per_structure, axis=0)[:count]
    found[:, ~is_structural] = _sobol(count, int((~is_structural).sum()), seed + 1)
    return found


def _sobol(count: int, dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    if not dimensions or not count:
        return np.zeros((count, dimensions))
    engine = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    found: npt.NDArray[np.float64] = engine.random_base2(max(count - 1, 1).bit_length())[:count]
    return found
