"""Shards: the names of a split model's files.

llama.cpp finds the parts of a split model by their names alone, which end like
`-00002-of-00004.gguf`, counted from 1.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, final

_NAME: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.S)


@final
@dataclass(frozen=True, slots=True)
class Shard:
    """One part: `number` from 1 to `count`."""

    stem: str
    number: int
    count: int

    @property
    def name(self) -> str:
        """Its file name."""
        return f"{self.stem}-{self.number:05}-of-{self.count:05}.gguf"

    def siblings(self) -> list["Shard"]:
        """All parts in order, this one among them."""
        return [replace(self, number=number) for number in range(1, self.count + 1)]


def shard_of(name: str) -> Shard | None:
    """What a file name says of a part; None for the name of a whole model."""
    match = _NAME.fullmatch(name)
    if match is None or not 1 <= int(match["number"]) <= int(match["count"]):
        return None
    return Shard(match["stem"], int(match["number"]), int(match["count"]))
