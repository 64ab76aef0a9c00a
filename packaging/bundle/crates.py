"""Under which terms crates of Rust are given on that are compiled into a package, with the texts.

MIT's, BSD's and Unicode's terms want to go with every copy, with the names of the holders; a wheel
names its crates at best. terms/crates.toml knows what wheels do not say. A crate that nobody knows
ends the build, as a library of unknown licence does: a later version of a wheel may bring one, and
whoever adds it to the list looks its terms up.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("terms")
_APACHE: Final = Path(__file__).resolve().parents[2] / "LICENSE"
STANDARD_LIBRARY: Final = "rust-standard-library"

PREFERRED: Final = (
    *("Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"),
    *("MIT-0", "MIT", "BSD-3-Clause"),
)
"""Terms that we can meet, those first which ask for the least."""
_WITH_HOLDERS: Final = frozenset({"MIT-0", "MIT", "BSD-3-Clause"})
"""Their texts have a place for the holders, which is not filled in ours."""


@dataclass(frozen=True, slots=True)
class Crate:
    """One that is compiled into a package."""

    name: str
    version: str = ""
    """ "" where only the lock file of the package's source names it."""
    stated: str = ""
    """Its terms in SPDX's words, by the package's bill of materials; "" where that is silent."""


@dataclass(frozen=True, slots=True)
class Known:
    """What terms/crates.toml says."""

    terms: Mapping[str, str]
    """Of each crate, in SPDX's words."""
    holders: Mapping[str, Sequence[str]]
    told_by: Mapping[str, str]
    """Where the holders of each crate were read."""
    not_named: Mapping[str, Sequence[str]]
    """Of each package, crates that its library holds without naming them."""


class Unknown(Exception):
    """Crates of which nobody says how they may be given on."""


def known(file: Path = _FOLDER / "crates.toml") -> Known:
    """The list that lies beside this file."""
    told = tomllib.loads(file.read_text("utf-8"))
    return Known(
        terms=_by_name(told["terms"]),
        holders=told["holders"],
        told_by=_by_name(told["told_by"]),
        not_named={package: names.split() for package, names in told["not_named"].items()},
    )


def _by_name(table: Mapping[str, str]) -> dict[str, str]:
    return {name: word for word, names in table.items() for name in names.split()}


def chosen(expression: str) -> list[str]:
    """The terms that are taken of those offered in SPDX's words. Raises: Unknown."""
    taken = []
    for part in expression.split(" AND "):
        offered = re.split(r" OR |/", part.strip().strip("()"))
        met = [terms for terms in PREFERRED if terms in offered]
        if not met:
            raise Unknown(f"none of its terms is one that we know how to meet: {part!r}")
        taken.append(met[0])
    return taken


def statement(crates: Iterable[Crate], list_of_known: Known) -> str:
    """Each crate with its terms, then each text once, after the holders who want to be named.

    Raises: Unknown, which names every crate that has no terms or no holders.
    """
    lines, holders, trouble = [], dict[str, list[str]](), []
    for crate in sorted(crates, key=lambda each: (each.name, each.version)):
        called = f"{crate.name} {crate.version}".strip()
        try:
            offered, taken = _terms_of(crate, list_of_known)
        except Unknown as unknown:
            trouble.append(f"{called}: {unknown}")
            continue
        lines.append(f"{called}  {offered}{_taken(offered, taken)}\n")
        for terms in taken:
            named = holders.setdefault(terms, [])
            if terms in _WITH_HOLDERS:
                named += [f"{crate.name}: Copyright (c) {each}\n"
                          for each in list_of_known.holders[crate.name]]  # fmt: skip
    if trouble:
        raise Unknown("\n".join(trouble))
    for terms, named in sorted(holders.items()):
        # Two versions of a crate have the same holders.
        lines += [f"\n--- {terms} ---\n\n", *dict.fromkeys(named), "\n" if named else ""]
        lines.append(text_of(terms))
    return "".join(lines)


def text_of(terms: str) -> str:
    """What the terms say, with the exception after the licence that it is of."""
    parts = [
        (_APACHE if each == "Apache-2.0" else _FOLDER / f"{each}.txt").read_text("utf-8")
        for each in terms.split(" WITH ")
    ]
    return "\n".join(parts)


def _terms_of(crate: Crate, list_of_known: Known) -> tuple[str, list[str]]:
    offered = crate.stated or list_of_known.terms.get(crate.name, "")
    if not offered:
        raise Unknown("neither a bill of materials nor terms/crates.toml says its terms")
    taken = chosen(offered)
    if _WITH_HOLDERS & {*taken} and crate.name not in list_of_known.holders:
        raise Unknown(f"{offered} wants its holders named, and terms/crates.toml names none")
    return offered, taken


def _taken(offered: str, terms: Sequence[str]) -> str:
    return "" if offered == " AND ".join(terms) else f", taken under {' and '.join(terms)}"
