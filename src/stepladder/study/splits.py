"""How a study divides its data: one test part, or folds that take turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from stepladder.study.schema import FrozenModel, toml_key

MOST_FOLDS = 1_000


class Splits(FrozenModel):
    """Which examples test.

    Example:
        >>> Splits(kind="k-fold", folds=5, repeats=2).replicates
        10
    """

    # fmt: off
    kind: Literal["hold-out", "k-fold"] = toml_key(
        "hold-out", "One test part for all replicates, or folds that take turns: a replicate is a "
        "fold.", "k-fold")
    folds: int | None = toml_key(None, "Folds of a repeat.", 5, ge=2, le=MOST_FOLDS)
    repeats: int = toml_key(1, "How often the examples are divided into folds anew.", 2, ge=1,
                            le=MOST_FOLDS)
    # fmt: on

    @model_validator(mode="after")
    def _check(self) -> Splits:
        if self.kind == "k-fold" and self.folds is None:
            raise ValueError("k-fold must have a number of folds, found none; write folds = 5")
        if self.kind == "hold-out" and (self.folds is not None or self.repeats > 1):
            key = "folds" if self.folds is not None else "repeats"
            raise ValueError(
                f'{key} belongs to k-fold, found it beside hold-out; write kind = "k-fold"'
            )
        return self

    @property
    def replicates(self) -> int | None:
        """Replicates of k-fold: one a fold and repeat; None for a hold-out."""
        return self.folds * self.repeats if self.folds is not None else None

    def overlap(self, *, is_forward: bool) -> float:
        """Test examples per example that does not test, over the replicates of a repeat.

        0 for a hold-out, whose test part is the same in every replicate.

        Args:
            is_forward: whether the folds are blocks of time, which train on all before them.

        Example:
            >>> Splits(kind="k-fold", folds=5).overlap(is_forward=False)
            0.25
        """
        if self.folds is None:
            return 0.0
        return 2 / (self.folds + 1) if is_forward else 1 / (self.folds - 1)


HOLD_OUT = Splits()


def folds_into_replicates(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study's values with the replicates that its folds ask for.

    Raises:
        ValueError: if another number is given.
    """
    splits = values.get("splits")
    if isinstance(splits, Mapping):
        folds, repeats = splits.get("folds"), splits.get("repeats", 1)
        is_folds = splits.get("kind") == "k-fold"
    else:
        folds, repeats = getattr(splits, "folds", None), getattr(splits, "repeats", 1)
        is_folds = folds is not None
    if not is_folds or not (type(folds) is int and type(repeats) is int and folds > 1):
        return values  # what is wrong is said by the key itself
    wanted, given = folds * repeats, values.get("replicates", folds * repeats)
    if given != wanted:
        more = max(-(-given // folds), 1) if type(given) is int else 2
        advice = f"write splits.repeats = {more} in place of replicates"
        if given == "auto":
            advice = "replicates are not added one by one, as folds bring no new data; " + advice
        raise ValueError(
            f"replicates must be the {wanted} of {folds} folds and {repeats} "
            f"repeat{'s' * (repeats != 1)}, or left out, found {given!r}; {advice}"
        )
    return {**values, "replicates": wanted}
