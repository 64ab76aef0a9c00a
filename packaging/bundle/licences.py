"""Gather the licences of everything that is in the bundle: `python licences.py FOLDER`.

Run with the interpreter of the bundle's environment: every package that is installed there, with
the texts that it brought along. A package without a text is named, and fails the build unless
its licence is stated here with the reason.
"""

import re
import shutil
import sys
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

_TEXT: Final = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)

_ONLY_TO_BUILD: Final = frozenset(
    "altgraph athanor packaging pip pyinstaller pyinstaller-hooks-contrib setuptools wheel".split()
)

_WITHOUT_TEXT: Final = {
    "nvidia-ml-py": "BSD-3-Clause, Copyright (c) 2011-2026 NVIDIA Corporation, as its source says.",
    "hf-xet": "Apache-2.0, as its metadata says; the text is that of this program's own licence.",
    "python-xlib": "LGPL-2.1-or-later; its source is the package itself, which lies in the bundle.",
}
"""Packages whose wheel forgot the text, and what stands in its place."""


def texts(package: Distribution) -> list[tuple[str, str]]:
    """Names and contents of the licence files of an installed package."""
    found = []
    for file in package.files or ():
        if _TEXT.search(file.name) and file.suffix not in {".py", ".pyc", ".pyi", ".so"}:
            path = Path(str(package.locate_file(file)))
            if path.is_file():
                found.append((file.name, path.read_text("utf-8", errors="replace")))
    return found


def main() -> int:
    """Writes one file a package; 1 when a text is missing."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for package in distributions():
        name = package.metadata["Name"].lower()
        if name in _ONLY_TO_BUILD:
            continue
        stated = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
        parts = [f"{package.metadata['Name']} {package.version}\n{stated.strip()[:200]}\n"]
        found = texts(package)
        parts += [f"\n--- {title} ---\n\n{text}" for title, text in found]
        if not found:
            if name not in _WITHOUT_TEXT:
                missing.append(name)
                continue
            parts.append(_WITHOUT_TEXT[name])
        (folder / f"{name}.txt").write_text("".join(parts), "utf-8")
    python = Path(sysconfig.get_paths()["stdlib"]) / "LICENSE.txt"
    shutil.copyfile(python, folder / "python.txt")
    for text in Path(__file__).with_name("licences").iterdir():
        shutil.copyfile(text, folder / text.name)
    for name in sorted(missing):
        print(f"{name}: its package holds no licence text; state it in {Path(__file__).name}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
