"""Of which commit a bundle is: written beside it when it is collected, read by who measures it.

HEAD is no answer: it moves on while dist/athanor lies there, and a tree holds what no commit has.
"""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import product

FILE: Final = product.DIST / "athanor-built.json"
_COLLECTED: Final = (
    *("app", "assets", "packaging", "build.spec"),
    *("pyproject.toml", "setup.py", "LICENSE", "NOTICE"),
)
"""What decides what is in a bundle; a change elsewhere changes none of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a bundle comes from."""

    commit: str
    """Short; "" where the tree is no checkout, or nobody wrote it down."""
    is_changed: bool
    """Whether the tree held what the commit has not."""

    @property
    def trouble(self) -> str:
        """Why nobody can make the same bundle again; "" where everybody can."""
        if not self.commit:
            return "nobody knows of which commit the bundle is: make bundle"
        if self.is_changed:
            return f"the bundle holds changes that commit {self.commit} has not"
        return ""


NOWHERE: Final = Origin(commit="", is_changed=False)


def of_tree(root: Path = product.ROOT) -> Origin:
    """What would be collected now. Files that git ignores are not asked about."""
    try:
        commit = _git(root, "rev-parse", "--short", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", *_COLLECTED)
    except (OSError, subprocess.CalledProcessError):
        return NOWHERE
    return Origin(commit=commit, is_changed=bool(changed))


def write(origin: Origin, file: Path = FILE) -> None:
    """Beside the bundle, which it is copied with."""
    file.write_text(json.dumps(asdict(origin)) + "\n", "utf-8")


def read(file: Path = FILE) -> Origin:
    """What was written when the bundle was collected."""
    if not file.is_file():
        return NOWHERE
    return Origin(**json.loads(file.read_text("utf-8")))


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", root, *words], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()
