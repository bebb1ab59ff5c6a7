"""The page of names, `docs/reference/names.md`, made from the table of other names.

    python benchmarks/names_page.py --into docs/reference/names.md

`make docs` does the same. Without `--into` the page is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from comparison.pages import print_or_write
from stepladder import Recipe, Study
from stepladder.study.aliases import TABLES
from stepladder.study.foreign_names import ARGUMENTS, HERE, choices_of
from stepladder.study.metrics import METRICS

_HEAD = """\
# Names

Made by `make docs` from the tables that error messages use. What stands here in another library's
words is not accepted in its place: the message says what is meant.

Capitals, spaces, hyphens and underscores do not count, nor does a library in front: `nn.ReLU`,
`torch.optim.SGD(lr=0.1)` and `tf.keras.optimizers.Adam` are read as `ReLU`, `SGD` and `Adam`. A
name that means something else, such as `radam`, is never taken for a misspelt one.
"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join(
        [_HEAD, *(line for part in TABLES.items() for line in _table(*part)), *_keras()]
    )


def _table(heading: str, names: Mapping[str, str]) -> Iterator[str]:
    shown = {name: text for name, text in names.items() if heading not in _LISTS
             or name in _LISTS[heading]}  # fmt: skip
    yield from (f"## {heading}", "", "| here | you may know it as |", "|---|---|")
    yield from (f"| `{name}` | {text} |" for name, text in shown.items())
    yield ""


_LISTS = {
    "Fields of [base]": {*Recipe.model_fields, "layers", "units"},
    "Values": {
        *METRICS,
        *(choice for model in (Study, Recipe) for info in model.model_fields.values()
          for choice in choices_of(info)),
    },
}  # fmt: skip
"""What there is already: the tables have names of fields to come, too."""


def _keras() -> Iterator[str]:
    yield from ("## Of Keras", "", "What Keras has as a layer, a callback or an argument, and what "
                "to write here.", "", "| Keras | here |", "|---|---|")  # fmt: skip
    for name, (field, text) in HERE.items():
        if not field or field in Recipe.model_fields:
            yield f"| `{name}` | {text} |"
    yield from (f"| `{name}` | {text} |" for name, text in ARGUMENTS.items())
    yield from ("", "Any other layer: [build the network yourself](../howto/keras-network.md). "
                "Any other callback, optimizer or loss: [train it "
                "yourself](../howto/own-training.md).", "")  # fmt: skip


if __name__ == "__main__":
    print_or_write(__doc__, page, lambda _: page())
