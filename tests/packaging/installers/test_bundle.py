"""What lies in the built bundle: everything once, nothing that is the machine's, all licences."""

import hashlib
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.packaging.installers.support import BUNDLE, needs_bundle

import elf  # isort: skip  # scripts of packaging, which support.py makes known
from libraries import INDEX  # isort: skip

pytestmark = pytest.mark.bundle

LARGE_BYTES = 50_000
OF_THE_MACHINE = ("libvulkan", "libstdc++", "libgcc_s", "libcuda", "libX11", "libc.so", "libm.so")
OF_X11_AND_PICTURES = ("libX", "libxcb", "libtiff", "libjpeg", "libopenjp2", "libwebp", "libavif")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    needs_bundle()
    return [path for path in BUNDLE.rglob("*") if path.is_file() and not path.is_symlink()]


def test_no_large_file_is_in_it_twice(files: list[Path]) -> None:
    same = defaultdict(list)
    for file in files:
        if file.stat().st_size > LARGE_BYTES:
            same[hashlib.sha256(file.read_bytes()).hexdigest()].append(file.name)

    assert not [names for names in same.values() if len(names) > 1]


def test_nothing_is_in_it_that_must_be_the_machines_own(files: list[Path]) -> None:
    assert not [file.name for file in files if file.name.startswith(OF_THE_MACHINE)]


@pytest.mark.skipif(sys.platform != "linux", reason="Pillow's libraries lie apart on Linux")
def test_of_x11_and_of_codecs_only_that_is_in_it_which_pillows_core_is_linked_to(
    files: list[Path],
) -> None:
    core = [file for file in files if file.parent.name == "PIL" and elf.is_elf(file)]
    beside = {file.name: file for file in files if file.parent.name == "pillow.libs"}

    needed, unread = set[str](), [*core]
    while unread:
        told = {name for name in elf.linked_to(unread.pop()) if name in beside} - needed
        needed |= told
        unread += [beside[name] for name in told]

    assert [file.name.partition(".")[0] for file in core] == ["_imaging"]
    assert needed == set(beside)
    strays = [file.name for file in files if file.name.startswith(OF_X11_AND_PICTURES)]
    assert set(strays) <= needed


def test_every_library_that_it_needs_is_in_it_or_a_package_of_the_system(
    files: list[Path],
) -> None:
    if not any(elf.is_elf(file) for file in files):
        pytest.skip("a bundle of another system")

    assert elf.needs_of(BUNDLE).packages()


def test_the_licences_of_what_is_inside_are_inside(files: list[Path]) -> None:
    names = {file.name for file in files if file.parent.name == "licences"}

    assert {
        "LICENSE",
        "NOTICE",
        "python.txt",
        "llama.cpp.txt",
        "numpy.txt",
        "litestar.txt",
        "browser.txt",
    } <= names
    # They are installed where it is built, and nothing of them is collected.
    assert not {"faker.txt", "polyfactory.txt", "pygments.txt", "hf-xet.txt"} & names


def test_every_program_and_library_is_listed_with_a_licence_that_is_inside(
    files: list[Path],
) -> None:
    compiled = {file for file in files if file.suffix in {".pyd", ".dll"} or elf.is_elf(file)}
    index = next(file for file in files if file.parent.name == "licences" and file.name == INDEX)

    whose = dict(line.split(": ") for line in index.read_text("utf-8").splitlines())

    places = {index.parents[1], BUNDLE}
    listed = {place / name for place in places for name in whose}
    assert compiled
    assert not compiled - listed
    assert not [text for text in whose.values() if not (index.parent / text).is_file()]


def test_what_is_compiled_into_a_package_has_its_terms_inside(files: list[Path]) -> None:
    texts = [file for file in files if file.parent.name == "licences" and file.suffix == ".txt"]
    inside = {}
    for text in texts:
        _, found, after = text.read_text("utf-8").partition("\n--- compiled into it ---\n\n")
        if found:
            inside[text.stem] = after

    assert {"cryptography", "llguidance"} <= set(inside)
    for after in inside.values():
        lines = after.partition("\n\n")[0].splitlines()
        taken = [re.split("  |, taken under ", line)[-1] for line in lines]
        headings = set(re.findall(r"^--- (.+) ---$", after, re.MULTILINE))
        assert {terms for each in taken for terms in re.split(" and | AND ", each)} == headings


def test_what_is_under_the_lgpl_lies_in_it_as_files_that_can_be_replaced(
    files: list[Path],
) -> None:
    inside = {"/".join(file.parts[-2:]) for file in files}

    # X11's bars and clipboard are Linux's alone.
    wanted = {"pystray/_base.py", *(["Xlib/display.py"] if sys.platform == "linux" else [])}
    assert wanted <= inside


def test_no_library_under_the_gpl_without_exception_is_in_it(files: list[Path]) -> None:
    assert not [file.name for file in files if "readline" in file.name]


def test_the_program_is_there_without_its_sources_and_tests(files: list[Path]) -> None:
    inside = {file.relative_to(BUNDLE).as_posix() for file in files}

    assert not [path for path in inside if path.endswith(".py") and "/app/" in path]
    assert not [path for path in inside if "/tests/" in path]
