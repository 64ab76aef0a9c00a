"""What every installer says of the program, in one place: names, sentences, version, folders.

Plain facts, no effects but reading the version from app/__init__.py, so that scripts of any system
can import it before anything is installed.
"""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = ROOT / "build"
DIST: Final = ROOT / "dist"
BUNDLE: Final = DIST / "athanor"
"""What `make bundle` makes; every installer packs this folder as it is."""

NAME: Final = "Athanor"
COMMAND: Final = "athanor"
IDENTIFIER: Final = "org.athanor.Athanor"
"""Of the application, to desktops, to macOS and in AppStream's catalogue."""

SUMMARY: Final = "private server for language models on your own GPU"
DESCRIPTION: Final = (
    "Athanor turns the GPU of a home PC into a private server for language models, with OpenAI's "
    "API on this computer. It runs GGUF models with llama.cpp, serves many programs at once, and "
    "what is said to it stays on it.",
    "A dashboard in the browser, an icon in the tray and a command line show what it does. When "
    "its owner allows it, it joins a pool of such machines that share their models for credits.",
)
AUTHORS: Final = "The Athanor authors"
MAINTAINER: Final = f"{AUTHORS} <maintainers@athanor.example>"
"""Debian wants an address; a publisher puts its own here."""
LICENCE: Final = "Apache-2.0"
FIRST_YEAR: Final = 2026


def version() -> str:
    """As app/__init__.py says it, such as "0.1.0"."""
    text = (ROOT / "app" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ValueError("app/__init__.py names no version")
    return found[1]


def version_numbers(text: str) -> tuple[int, int, int, int]:
    """The four numbers that Windows wants: "0.2.1" and "0.2.1rc3" are both (0, 2, 1, 0)."""
    major, minor, patch = re.findall(r"\d+", f"{text.partition('rc')[0]}.0.0")[:3]
    return int(major), int(minor), int(patch), 0


def folder_bytes(folder: Path) -> int:
    """What the files take, links not followed."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    )
