"""The tables of keys in `docs/reference/study-file.md`, made from the JSON Schema of study files.

    python benchmarks/reference_page.py --into docs/reference/study-file.md

`make docs` does the same. Without `--into` the tables are printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from comparison.pages import between, print_or_write
from stepladder import Study

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"

Schema = Mapping[str, Any]

TABLES = {
    "Study": "At the top of the file",
    "TableDataset": "`dataset = { csv … }`",
    "NpzDataset": "`dataset = { npz … }`",
    "ArraysDataset": "`dataset = { arrays … }`, as a run writes it of data from Python",
    "NamedDataset": "`dataset = { name … }`",
    "ImagesDataset": "`dataset = { images … }`",
    "Splits": "`splits = { … }`",
    "JudgedMetric": "`metric = { … }`",
    "UserTrainer": "`trainer = { … }`",
    "Recipe": "`[base]`, and what a technique or an arm may change",
    "Technique": "`[[technique]]`",
    "ExplicitArm": "`[[arm]]`, in the design `explicit`",
    "Tuning": "`[tune]`, with `tuning = \"fair\"`",
    "Search": "`[search]`",
    "Parameter": "`[search.space.NAME]`",
    "Reported": "`[reported]`",
    "ModelFile": "`[[models]]`, which a run writes: the functions that techniques name",
}  # fmt: skip
"""Headings of the tables by the definition that each is of, in the order of the page."""

_WORDS = {
    "integer": "whole number", "number": "number", "string": "text", "object": "table",
    "boolean": "true or false",
}  # fmt: skip
_MANY = {
    "whole number": "whole numbers", "number": "numbers", "text": "texts",
    "true or false": "true or false", "any value": "any values", "table": "tables",
}  # fmt: skip


def tables() -> str:
    """The tables, one for each of a study file's own, as Markdown.

    Raises:
        KeyError: if the schema has a definition without a heading.
    """
    schema = Study.model_json_schema(by_alias=True)
    parts = {"Study": schema, **schema["$defs"]}
    headings = {name: TABLES[name] for name in sorted(parts, key=[*TABLES].index)}
    return "\n".join(
        line for name, heading in headings.items() for line in _table(heading, parts[name])
    )


def filled(page: str) -> str:
    """A page with what stands between its marks made anew.

    Raises:
        ValueError: if it does not have both marks once.
    """
    return between(page, BEGIN, END, f"{tables()}\n")


def _table(heading: str, part: Schema) -> Iterator[str]:
    yield from (f"### {heading}", "", "| key | type | default | meaning |", "|---|---|---|---|")
    for key, field in part["properties"].items():
        default = "required" if key in part.get("required", ()) else _default(field)
        meaning = field["description"].replace("|", r"\|")
        yield f"| `{key}` | {_kind(field)} | {default} | {meaning} |"
    yield ""


def _default(field: Schema) -> str:
    value = field.get("default")
    return "" if value is None else _code(value)


def _code(value: object) -> str:
    """A value as a study file has it; TOML writes texts, numbers and lists as JSON does."""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _kind(field: Schema) -> str:
    """What a key takes, in words."""
    choices = field.get("anyOf") or field.get("oneOf")
    if choices:
        kinds = [_kind(each) for each in choices if each.get("type") != "null"]
        if "number" in kinds:  # a whole number is one
            kinds = [each for each in kinds if each != "whole number"]
        return (", or " if "," in kinds[0] else " or ").join(dict.fromkeys(kinds))
    if "const" in field:
        return _code(field["const"])
    if "enum" in field:
        return ", ".join(map(_code, field["enum"]))
    if field.get("type") == "array":
        return f"list of {_several(field['items'])}"
    inner = field.get("additionalProperties")
    if field.get("type") == "object" and isinstance(inner, Mapping):
        return f"table of {_several(inner)}"
    return _word(field) + _bounds(field)


def _several(field: Schema) -> str:
    if field.get("type") in ("array", "object"):
        return _kind(field).replace("list", "lists", 1).replace("table", "tables", 1)
    if "oneOf" in field:
        return _kind(field).replace("text", "texts").replace("table", "tables")
    return _MANY[_word(field)] + _bounds(field)


def _word(field: Schema) -> str:
    if "$ref" in field:
        return "table"
    if "type" not in field and isinstance(field.get("default"), float):
        return "number"
    return _WORDS.get(field.get("type", ""), "any value")


def _bounds(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f", {_number(low)} to {_number(high)}"
    signs = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most",
             "exclusiveMaximum": "below"}  # fmt: skip
    return "".join(
        f", {sign} {_number(field[bound])}" for bound, sign in signs.items() if bound in field
    )


def _number(value: float) -> str:
    if isinstance(value, int) and value > 10**9 and value.bit_count() == 1:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}"


if __name__ == "__main__":
    print_or_write(__doc__, tables, filled)
