"""What a network of the user's own reads as `recipe.own`."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from stepladder.study.schema import did_you_mean


class OwnValues(Mapping[str, Any]):
    """Values of `own` by key or attribute, which notes the paths of those that were read.

    A table in it is such a view too. Merely asking for the keys reads no value.

    Args:
        values: of `own`, or of a table in it.
        reads: where the paths of what is read are added.
        path: of the table, as a recipe names it.

    Example:
        >>> reads = set()
        >>> own = OwnValues({"kernel_size": 5, "block": {"depth": 2}}, reads)
        >>> own["kernel_size"], own.block.depth, sorted(reads)
        (5, 2, ['own.block.depth', 'own.kernel_size'])
    """

    def __init__(self, values: Mapping[str, Any], reads: set[str], path: str = "own") -> None:
        self._values, self._reads, self._path = values, reads, path

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any value of TOML
        """The value of a key.

        Raises:
            KeyError: if there is no such key, with those that there are.
        """
        if key not in self._values:
            raise KeyError(self._unknown(key))
        value, path = self._values[key], f"{self._path}.{key}"
        if isinstance(value, Mapping) and value:
            return OwnValues(value, self._reads, path)
        self._reads.add(path)
        return deepcopy(value)  # the next network is built of the same values

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any value of TOML
        if name.startswith("__"):  # Python asks for these by itself
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(self._unknown(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """The values as a table; none of them counts as read."""
        return repr(self._values)

    def _unknown(self, key: str) -> str:
        advice = did_you_mean(str(key), self._values, f"add it to [base.{self._path}]")
        return f"recipe.{self._path} has no key {key!r}; {advice}"
