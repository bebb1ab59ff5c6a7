"""What a study's number of replicates leaves open, told before anything is trained."""

from __future__ import annotations

from stepladder.analysis.one_sign import one_sign_floor
from stepladder.study import Study

__all__ = ["too_few"]

_ALPHA = 0.05


def too_few(study: Study) -> tuple[str, ...]:
    """What the number of replicates leaves open, as sentences; empty where it is enough.

    In a family of many comparisons few replicates give no verdict, however large an effect is:
    differences that all point one way are not believed below `one_sign_floor`.
    """
    count, family = study.replicates, sum(arm.compared_with is not None for arm in study.arms)
    if not family or _can_be_told(count, family):
        return ()
    noun = "replicate" if count == 1 else "replicates"
    if count < 3:
        return (
            f"{count} {noun} of each arm: luck cannot be told from a technique, and no verdict can "
            "be given. Ask for 5 or more with --replicates.",
        )
    enough = next(n for n in range(count + 1, 1000) if _can_be_told(n, family))
    effects = sum(technique.instead_of is None for technique in study.techniques)
    has_effects = bool(study.cells) and _can_be_told(count, effects)
    main = (
        f" Main effects, a family of {effects}, are judged for themselves." if has_effects else ""
    )
    return (
        f"{count} {noun} of each arm are too few for any comparison to be told helpful or harmful "
        f"in a family of {family:,}, however large its effect; {enough} would do. Ask for them "
        f"with --replicates.{main}",
    )


def _can_be_told(replicates: int, comparisons: int) -> bool:
    """Whether the clearest of some comparisons can get a verdict after Holm's correction."""
    return bool(one_sign_floor(replicates) * comparisons < _ALPHA)
