"""Whose each library of a bundle is: known by where it came from, or the build ends."""

import json
from pathlib import Path

import pytest

from tests.packaging.installers.support import PACKAGING

import libraries  # isort: skip  # scripts of packaging/bundle, which support.py makes known
import licences  # isort: skip
from crates import Crate  # isort: skip

WHEEL = Path("/venv/site-packages/msgspec/_core.so")
PYTHON = Path("/opt/python")
SYSTEM = Path("/usr/lib/x86_64-linux-gnu/libssl.so.3")


def sources(debian: str = "") -> libraries.Sources:
    """An environment with one wheel, one Python and what dpkg would say."""
    return libraries.Sources(wheels={WHEEL: "msgspec"}, python=PYTHON, debian=lambda file: debian)


@pytest.mark.parametrize(
    ("file", "debian", "licence"),
    [
        (WHEEL, "", "msgspec"),
        (PYTHON / "lib/libpython3.11.so.1.0", "", "python"),
        (PYTHON / "lib/libpython3.11.so.1.0", "libpython3.11", "debian-libpython3.11"),
        (SYSTEM, "libssl3", "debian-libssl3"),
        (Path("/windows/System32/MSVCP140_1.dll"), "", "microsoft-runtime"),
        (SYSTEM, "", ""),
        (Path("/srv/own/libown.so"), "", ""),
    ],
)
def test_a_file_has_the_licence_of_what_brought_it(file: Path, debian: str, licence: str) -> None:
    assert sources(debian).licence_of(file) == licence


def test_a_library_that_nobody_knows_ends_the_build_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "pyinstaller.txt").write_text("terms")
    entries = [("libown.so", "/srv/own/libown.so", "BINARY")]

    with pytest.raises(libraries.Unlicensed, match=r"libown\.so.*/srv/own"):
        libraries.gather(entries, ["athanor"], sources(), tmp_path)

    assert not (tmp_path / libraries.INDEX).exists()


def test_a_package_whose_text_is_missing_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "pyinstaller.txt").write_text("terms")

    with pytest.raises(libraries.Unlicensed) as caught:
        libraries.gather([("a.so", str(WHEEL), "EXTENSION")], ["athanor"], sources(), tmp_path)
    assert str(caught.value).startswith("msgspec: ")

    with pytest.raises(libraries.Unlicensed, match=r"no-such-package: there is no /usr/share/doc"):
        libraries.gather(
            [("libssl.so.3", str(SYSTEM), "BINARY")], [], sources("no-such-package"), tmp_path
        )


def test_the_list_says_of_each_file_which_text_is_its_own(tmp_path: Path) -> None:
    for name in ("msgspec", "pyinstaller", "python"):
        (tmp_path / f"{name}.txt").write_text("terms")
    entries = [
        ("msgspec/_core.so", str(WHEEL), "EXTENSION"),
        ("libpython.so", str(PYTHON / "libpython.so"), "BINARY"),
        ("_core.so", "msgspec/_core.so", "SYMLINK"),
    ]

    libraries.gather(entries, ["athanor"], sources(), tmp_path)

    assert (tmp_path / libraries.INDEX).read_text().splitlines() == [
        "athanor: pyinstaller.txt",
        "libpython.so: python.txt",
        "msgspec/_core.so: msgspec.txt",
    ]


def test_what_is_installed_to_build_and_not_collected_has_no_text_in_the_bundle(
    tmp_path: Path,
) -> None:
    for name in ("msgspec", "faker", "pyinstaller", "python"):
        (tmp_path / f"{name}.txt").write_text("terms")
    wheels = {
        WHEEL: "msgspec",
        Path("/venv/faker/proxy.py"): "faker",
        Path("/venv/PyInstaller/run"): "pyinstaller",
    }
    known = libraries.Sources(wheels=wheels, python=PYTHON, debian=lambda file: "")
    collected = [("msgspec._core", str(WHEEL), "EXTENSION"), ("msgspec", "-", "PYMODULE")]

    assert libraries.drop_unused(collected, known, tmp_path) == ["faker"]

    left = sorted(file.stem for file in tmp_path.iterdir())
    assert left == ["msgspec", "pyinstaller", "python"]
    (tmp_path / "msgspec.txt").unlink()
    with pytest.raises(libraries.Unlicensed, match="msgspec"):
        libraries.drop_unused(collected, known, tmp_path)


@pytest.mark.parametrize(
    ("told", "package"),
    [
        ("libssl3:amd64: /usr/lib/x86_64-linux-gnu/libssl.so.3\n", "libssl3"),
        ("zlib1g: /lib/libz.so.1\n", "zlib1g"),
        ("one:amd64, two:amd64: /usr/lib/libx.so\n", "one"),
        ("diversion by dash from: /bin/sh\nbash: /bin/sh\n", "bash"),
        ("", ""),
    ],
)
def test_dpkgs_answer_names_a_package(told: str, package: str) -> None:
    assert libraries.package_of(told) == package


def test_dpkg_is_asked_by_the_name_before_usr_was_merged_too() -> None:
    assert libraries.names_of(Path("/usr/lib/a/libz.so.1")) == [
        "/usr/lib/a/libz.so.1",
        "/lib/a/libz.so.1",
    ]
    assert libraries.names_of(Path("/opt/libz.so.1")) == ["/opt/libz.so.1"]


def test_licences_that_debian_names_are_known_without_the_end_of_the_sentence() -> None:
    statement = (
        "is in /usr/share/common-licenses/GPL-2.\n"
        "or /usr/share/common-licenses/Apache-2.0, /usr/share/common-licenses/GPL-2"
    )

    assert libraries.referred(statement) == ["Apache-2.0", "GPL-2"]


def test_a_bill_of_materials_tells_its_parts_in_either_way_to_name_a_licence() -> None:
    parts = [
        {"name": "asn1", "version": "0.24.1", "licenses": [{"expression": "BSD-3-Clause"}]},
        {"name": "libjpeg", "version": "3", "licenses": [{"license": {"id": "IJG"}}]},
        {"name": "openssl", "version": "4.0.3", "licenses": None},
        {"name": "cc", "version": "1.4.0", "scope": "excluded"},
    ]

    assert licences.parts_of_bills([json.dumps({"components": parts}), "{}"]) == [
        Crate("asn1", "0.24.1", "BSD-3-Clause"),
        Crate("libjpeg", "3", "IJG"),
        Crate("openssl", "4.0.3"),
    ]


def test_crates_are_read_out_of_a_library_that_has_no_bill() -> None:
    library = (
        b"\x00/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/regex-automata-0.4.9/src/"
        b"dfa.rs\x00C:\\.cargo\\registry\\src\\index.crates.io-1\\base64-0.13.1\\src\\lib.rs\x00"
    )

    assert licences.crates_of([library], ["log"]) == [
        Crate("base64", "0.13.1"),
        Crate("log"),
        Crate("regex-automata", "0.4.9"),
    ]
    assert licences.crates_of([b"no crate at all"]) == []
    assert licences.crates_of([], ["log"]) == []


def test_what_rust_compiled_holds_its_standard_library() -> None:
    named = [crate.name for crate in licences.standard_library_in([b"/rustc/5980/library/std"])]

    assert named == ["rust-standard-library"]
    assert licences.standard_library_in([b"made by gcc"]) == []


def test_a_files_first_comment_is_its_licence() -> None:
    source = "#####\n# Copyright X\n#\n# Terms.\n#####\n\nimport sys  # not this\n"

    assert licences.head_comment(source) == "Copyright X\n\nTerms.\n"


def test_gnu_readline_which_is_under_the_gpl_is_kept_out() -> None:
    recipe = (PACKAGING.parent / "build.spec").read_text("utf-8")

    assert '"readline"' in recipe.partition("excludes=[")[2].partition("]")[0]
