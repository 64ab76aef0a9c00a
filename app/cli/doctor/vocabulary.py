"""Vocabulary: the words that stand in the program itself, read out of its own compiled code.

A list that somebody keeps would be out of date with the next sentence; the code is never. From
source, installed and frozen alike, since each of their importers gives a module's code.
"""

import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from types import CodeType
from typing import Final, Protocol, cast

import app

_WORD: Final = re.compile(r"[a-z]{2,30}")
_ONE_LETTER: Final = frozenset({"a"})


class _Loader(Protocol):
    def get_code(self, fullname: str) -> CodeType | None:
        """The compiled module."""


def vocabulary() -> frozenset[str]:
    """Every word of the program's texts and names, in lower case."""
    found: set[str] = set(_ONE_LETTER)
    for module in pkgutil.walk_packages(app.__path__, "app.", onerror=lambda _: None):
        specification = importlib.util.find_spec(module.name)
        if specification is None or not hasattr(specification.loader, "get_code"):
            continue
        found.update(module.name.split("."))
        # Its type says nothing of the method that was just found.
        code = cast(_Loader, specification.loader).get_code(module.name)
        if code is not None:
            for text in _texts(code):
                found.update(_WORD.findall(text.lower()))
    return frozenset(found)


def _texts(code: CodeType) -> Iterator[str]:
    yield code.co_name
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _texts(constant)
        elif isinstance(constant, tuple | frozenset):
            yield from (each for each in constant if isinstance(each, str))
