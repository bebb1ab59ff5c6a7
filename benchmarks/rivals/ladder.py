"""The arms of a study file that is a ladder, read without stepladder."""

from pathlib import Path

STUDY = Path(__file__).parents[2] / "src/stepladder/study/builtin/mnist.toml"

CHANGES = {
    "He normal": {"initializer": "he_normal"},
    "ReLU": {"activation": "relu"},
    "ELU": {"activation": "elu"},
    "Adam": {"optimizer": "adam"},
    "batch normalisation": {"batch_norm": True},
    "dropout": {"dropout": 0.2},
}
PLAIN = {"batch_norm": False, "dropout": 0.0}


def arms(study):
    """The arms of a ladder as plain dictionaries, by name."""
    top = {**study["base"], **PLAIN}
    made = {study.get("base_name", "base"): top}
    below = {}
    for technique in study.get("technique", []):
        name, replaced = technique["name"], technique.get("instead_of")
        change = CHANGES.get(name) or technique["change"]
        changed = {**(below[replaced] if replaced else top), **change}
        made[f"{name} instead of {replaced}" if replaced else f"+ {name}"] = changed
        if not replaced:
            below[name], top = top, changed
    return made
