"""Combinations of techniques as bits: all of them, or a regular fraction of resolution IV.

A combination is a whole number whose bit *i* says whether technique *i* is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

__all__ = ["every_combination", "fraction", "pair_aliases", "runs_of_fraction"]


def every_combination(techniques: int) -> tuple[int, ...]:
    """All 2^k combinations, fewest techniques first, then in the order of the techniques.

    Args:
        techniques: k, 0 or more.
    """
    return _by_size(range(2**techniques), techniques)


def fraction(techniques: int) -> tuple[int, ...]:
    """The combinations of a regular fraction of resolution IV, none and all among them.

    Each technique is a vector of odd weight over p basic factors, and run x has those
    techniques whose vector has an odd product with x. Vectors of odd weight add up to nothing
    only in even numbers, and no two are equal, so the shortest defining word has length 4 or
    more: no technique is confounded with another or with a pair. The run of all ones has every
    technique, that of zeros none.

    Args:
        techniques: k, 4 or more.

    Returns:
        2^p combinations, fewest techniques first, with the least p for which 2^(p - 1) ≥ k.

    Reference:
        Box & Hunter 1961, "The 2^(k-p) fractional factorial designs", Technometrics 3.
    """
    vectors = _vectors(techniques)
    runs = (
        sum(1 << place for place, each in enumerate(vectors) if (each & run).bit_count() % 2)
        for run in range(runs_of_fraction(techniques))
    )
    return _by_size(runs, techniques)


def runs_of_fraction(techniques: int) -> int:
    """How many combinations the fraction of k techniques has: from 2 k to below 4 k."""
    return 2 << (techniques - 1).bit_length()


def pair_aliases(techniques: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Pairs of techniques whose interactions the fraction cannot tell apart, as groups.

    Two pairs are aliases where their four techniques are a defining word.

    Args:
        techniques: k, 4 or more.

    Returns:
        Groups of pairs of places, each pair in one group; a group of one pair has no alias.
    """
    vectors = _vectors(techniques)
    groups: dict[int, list[tuple[int, int]]] = {}
    for pair in combinations(range(techniques), 2):
        groups.setdefault(vectors[pair[0]] ^ vectors[pair[1]], []).append(pair)
    return tuple(map(tuple, groups.values()))


def _vectors(techniques: int) -> list[int]:
    odd = (each for each in range(runs_of_fraction(techniques)) if each.bit_count() % 2)
    return sorted(odd, key=lambda each: (each.bit_count(), each))[:techniques]


def _by_size(runs: Iterable[int], techniques: int) -> tuple[int, ...]:
    def size_and_order(run: int) -> tuple[int, list[int]]:
        return run.bit_count(), [place for place in range(techniques) if run >> place & 1]

    return tuple(sorted(runs, key=size_and_order))
