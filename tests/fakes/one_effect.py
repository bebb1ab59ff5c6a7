"""The effect of one arm against another, a family of one comparison."""

from stepladder.statistics.effects import effects


def effect(arm, other, **options):
    """The effect of an arm's scores, judged against those of the other."""
    return effects({"arm": arm, "other": other}, [("arm", "other")], **options)["arm"]
