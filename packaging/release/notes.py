"""What is new in a version, of CHANGELOG.md: `python packaging/release/notes.py 0.2.0 > notes.md`.

The text goes into the signed announcement, which `athanor update` shows before it installs, and
onto the page of the release. A version that the changelog does not know ends the command: nobody is
asked to install what nobody has described.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from app.core.release.manifest import NOTES_CHARACTERS_MAX  # noqa: E402  # after the path

CHANGELOG: Final = ROOT / "CHANGELOG.md"
_HEADING: Final = re.compile(r"^## \[?(?P<version>[^\]\s]+)\]?.*$", re.MULTILINE)
_PIECE: Final = re.compile(r"\n+(?=### |- )|\n\n+")
"""Where a group or an entry begins."""
_MORE: Final = "\n\nAnd more, in CHANGELOG.md."


class NotDescribed(Exception):
    """The changelog has no words for a version."""


def notes(changelog: str, version: str) -> str:
    """The section of a version, without its heading. Raises: NotDescribed.

    What is longer than an announcement may be ends after a whole entry, and says that there is
    more; what comes first in a section is what concerns safety.
    """
    headings = list(_HEADING.finditer(changelog))
    places = [at for at, each in enumerate(headings) if each["version"] == version]
    if len(places) != 1:
        raise NotDescribed(
            f"CHANGELOG.md has {len(places)} sections of {version}: its heading is "
            f"'## {version} - DAY' (packaging/README.md)"
        )
    begin = headings[places[0]].end()
    end = headings[places[0] + 1].start() if places[0] + 1 < len(headings) else len(changelog)
    text = changelog[begin:end].strip()
    if not text:
        raise NotDescribed(f"CHANGELOG.md says nothing of {version}")
    return text if len(text) <= NOTES_CHARACTERS_MAX else _shortened(text)


def _shortened(text: str) -> str:
    """As much of it as there is room for, in whole entries."""
    ends = [found.start() for found in _PIECE.finditer(text)]
    room = NOTES_CHARACTERS_MAX - len(_MORE)
    kept = text[: max((end for end in ends if end <= room), default=0)]
    if not kept:
        raise NotDescribed("the first entry is longer than an announcement may be")
    # A group of which no entry is left says nothing.
    return re.sub(r"\n+### [^\n]*\Z", "", kept) + _MORE


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--changelog", type=Path, default=CHANGELOG)
    given = parser.parse_args(words)
    try:
        print(notes(given.changelog.read_text("utf-8"), given.version))
    except (NotDescribed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
