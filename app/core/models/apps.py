"""Apps: the programs whose models are offered where they lie, what they are called on a screen, and
how a model of theirs is deleted.

A model belongs to the program that put it there. Athanor deletes its own alone; for all others it
says whose they are and how their owner deletes them.
"""

from collections.abc import Sequence
from typing import Final, Literal

App = Literal["athanor", "starter", "folder", "hugging-face", "llama.cpp", "lm-studio", "ollama"]
"""Who owns a place. `athanor`: our own folder. `starter`: what comes with the program. `folder`:
one that the owner of the machine added."""

OTHERS: Final[tuple[App, ...]] = ("hugging-face", "llama.cpp", "lm-studio", "ollama")
"""Other programs, whose files are read and never changed."""

_FOUND: Final[dict[App, str]] = {
    "athanor": "in Athanor's models folder",
    "starter": "comes with Athanor",
    "folder": "in a folder of yours",
    "hugging-face": "found in the Hugging Face cache",
    "llama.cpp": "found in llama.cpp's cache",
    "lm-studio": "found in LM Studio",
    "ollama": "found in Ollama",
}

_SHORT: Final[dict[App, str]] = {
    "athanor": "Athanor",
    "starter": "demonstration",
    "folder": "folder",
    "hugging-face": "Hugging Face",
    "llama.cpp": "llama.cpp",
    "lm-studio": "LM Studio",
    "ollama": "Ollama",
}


def found_in(app: App) -> str:
    """Where a model was found, as a person reads it: "found in Ollama"."""
    return _FOUND[app]


def title(app: App) -> str:
    """The program's name, for a column: "Ollama"."""
    return _SHORT[app]


def is_ours(app: App) -> bool:
    """Whether Athanor may delete what lies there."""
    return app == "athanor"


def how_to_delete(app: App, path: str, names: Sequence[str] = ()) -> str:
    """The sentence that says who owns the file at `path` and how to delete it there; "" for ours.

    `names` are what the program itself calls the model, such as Ollama's name:tag.
    """
    match app:
        case "athanor":
            return ""
        case "starter":
            return (
                "It comes with Athanor and steps aside for the first model of your own; "
                "`athanor settings set models.starter false` hides it."
            )
        case "folder":
            return f"It lies in a folder that you added, so delete it there: {path}"
        case "hugging-face":
            how = " or ".join(f"`hf cache rm model/{name}`" for name in names)
            return f"The Hugging Face cache owns it{_delete(how)}, or the file itself: {path}"
        case "llama.cpp":
            return f"llama.cpp's cache owns it; delete the file itself: {path}"
        case "lm-studio":
            return "LM Studio owns it; delete it there, under My Models."
        case "ollama":
            how = " and ".join(f"`ollama rm {name}`" for name in names)
            return f"Ollama owns it{_delete(how)}."


def _delete(how: str) -> str:
    return f"; delete it with {how}" if how else "; delete it there"
