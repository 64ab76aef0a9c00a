"""The project's source as the tidy tests see it: every file read and parsed once.

A `Module` knows its dotted name and what it imports, the imports inside functions and under
TYPE_CHECKING included: a floor that is crossed only sometimes is crossed all the same.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Import(NamedTuple):
    """One imported name. `target` is dotted: `app.core.base.ids.Slot`, `time`."""

    target: str
    line: int

    @property
    def package(self) -> str:
        """The first word: what is installed."""
        return self.target.partition(".")[0]


class Finding(NamedTuple):
    """Where a rule is broken, and by what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Module:
    """A Python file of the project. `path` is relative to the root, with slashes."""

    path: str
    text: str
    tree: ast.Module = field(repr=False, compare=False)

    @classmethod
    def of(cls, path: str, text: str) -> "Module":
        """The module of a source text; samples of breaches are made by this too."""
        return cls(path, text, ast.parse(text, path))

    @property
    def name(self) -> str:
        """Dotted name; a package's is its folder's."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return self.text.count("\n")

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """All imports, wherever they stand."""
        return tuple(self._imports())

    @cached_property
    def texts(self) -> frozenset[str]:
        """Every literal text."""
        constants = (node.value for node in self.nodes if isinstance(node, ast.Constant))
        return frozenset(value for value in constants if isinstance(value, str))

    @property
    def named(self) -> list[str]:
        """Modules named in texts, `app.cli.serve:serve`: imported when they are wanted."""
        names = (text.partition(":")[0] for text in self.texts)
        return [name for name in names if re.fullmatch(r"app(\.\w+)+", name)]

    def is_in(self, *packages: str) -> bool:
        """Whether the module is one of `packages` or below one."""
        return any(self.name == p or self.name.startswith(f"{p}.") for p in packages)

    def finding(self, node: ast.AST | int, what: str) -> Finding:
        """A finding at a node or a line of this file."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return Finding(f"{self.path}:{line}", what)

    def _imports(self) -> Iterator[Import]:
        package = self.name.split(".")
        if not self.path.endswith("/__init__.py"):
            package = package[:-1]
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                origin = ".".join([*base, *([node.module] if node.module else [])])
                yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)


@cache
def modules(folder: str) -> tuple[Module, ...]:
    """Every Python file below `folder` of the root, in order of path."""
    return tuple(
        Module.of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    )


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files that are, or on the next `git add` would be, part of the project."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listing.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def read(path: str) -> str:
    """The text of a file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")
