"""Places that are made when the first of them is asked for: a run that finds nothing wrong asks for none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from stackctl.findings import Location
from stackctl.model import Path


class Later(Mapping[Path, Location]):
    """The map that `make` gives."""

    def __init__(self, make: Callable[[], dict[Path, Location]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> dict[Path, Location]:
        return self._make()

    def __getitem__(self, path: Path) -> Location:
        return self._made[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __repr__(self) -> str:
        return repr(self._made)
