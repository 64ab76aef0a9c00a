"""Demonstration: when the tiny model that comes with the program is offered, and how it is named.

It is there so that the first answer needs no download. It stands in for a model while the owner has
none, and steps aside for the first that can be used; its own name means it all the same. Every face
that shows it says what it is, in these words.
"""

from collections.abc import Iterable
from typing import Final

LABEL: Final = "demonstration"
"""Behind its name, in lists."""

DESCRIPTION: Final = (
    "A demonstration model that comes with Athanor: it shows how everything works, and knows "
    "little beyond this program."
)
REMEDY: Final = (
    "For a real one, `athanor pull NAME` downloads a model (`athanor models --remote` lists them); "
    "or put a GGUF file into the models folder."
)


def is_offered(owners_models: Iterable[bool]) -> bool:
    """Whether the demonstration is listed beside the owner's models, each usable or not.

    A file whose header was not read yet counts as usable.
    """
    return not any(owners_models)


def labelled(name: str, *, is_demonstration: bool) -> str:
    """The name for a list that people read."""
    return f"{name} ({LABEL})" if is_demonstration else name
