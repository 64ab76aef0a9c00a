"""Turns: of those who come with one name, one at a time; each other name has a line of its own."""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar, final
from weakref import WeakValueDictionary

Name = TypeVar("Name", bound=Hashable)


@final
class Turns(Generic[Name]):
    """`async with turns.of(name)`. Used by one event loop; a line that is empty is forgotten."""

    def __init__(self) -> None:
        self._lines: WeakValueDictionary[Name, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: Name) -> asyncio.Lock:
        """The line of that name, in the order in which they came."""
        return self._lines.setdefault(name, asyncio.Lock())
