"""Adaptive replication as a study file says it: replicates = "auto", with a most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MOST", "REPLICATES_SCHEMA", "with_most", "with_most_in_schema", "without_most"]

MOST = 30
"""Replicates at most, where the study does not say."""

REPLICATES_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}], "default": 5}


def with_most_in_schema(schema: dict[str, Any]) -> None:
    """Adds the key that a file may have and the value has not to a JSON Schema."""
    schema["properties"]["most_replicates"] = {
        "type": "integer",
        "minimum": 1,
        "default": MOST,
        "description": 'Replicates at most, with replicates = "auto".',
    }


def with_most(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with "auto" as what it stands for.

    Raises:
        ValueError: if a most is given and replicates are not "auto".
    """
    if given.get("replicates") == "auto":
        rest = {key: value for key, value in given.items() if key != "most_replicates"}
        return {**rest, "adaptive": True, "replicates": given.get("most_replicates", MOST)}
    if "most_replicates" in given:
        raise ValueError(
            'most_replicates belongs to replicates = "auto", found replicates = '
            f'{given.get("replicates", "left out")}; write replicates = "auto"'
        )
    return given


def without_most(values: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse, for a file that people read."""
    made: dict[str, Any] = {}
    for key, value in values.items():
        if key == "replicates" and values.get("adaptive"):
            made |= {"replicates": "auto", "most_replicates": value}
        elif key != "adaptive":
            made[key] = value
    return made
