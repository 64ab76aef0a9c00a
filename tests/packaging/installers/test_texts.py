"""What installers are made of: the texts of the Debian package, its needs, Windows' version."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.installers.support import PACKAGING, needs, ran

import elf  # isort: skip  # scripts of packaging/, which support.py makes known
import look_over  # isort: skip
import product  # isort: skip
import texts  # isort: skip
from windows.version_resource import version_text  # isort: skip

RELEASE = texts.Release(
    version="0.2.0",
    architecture="amd64",
    depends=["libc6 (>= 2.36)", "libstdc++6 (>= 11)"],
    recommends=["libvulkan1"],
    installed_bytes=1_000_001,
    day="2026-11-22",
    date="Sun, 22 Nov 2026 02:50:00 +0000",
)


def test_the_size_that_a_package_tells_is_rounded_up() -> None:
    assert "\nInstalled-Size: 977\n" in texts.control(RELEASE)


def test_a_control_file_holds_one_field_a_line_and_no_empty_line() -> None:
    lines = texts.control(RELEASE).splitlines()

    assert all(re.match(r"[A-Z][A-Za-z-]*: \S| \S", line) for line in lines)
    assert all(len(line) <= 80 for line in lines if line.startswith(" "))


def test_an_override_of_lintian_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="no reason"):
        texts.overrides("\nathanor: some-tag [usr/lib/athanor/athanor]\n")


def test_an_override_of_whatever_lintian_finds_is_refused() -> None:
    with pytest.raises(ValueError, match="name the files"):
        texts.overrides("# A reason.\nathanor: some-tag *\n")


def test_every_override_of_ours_has_its_reason() -> None:
    template = (PACKAGING / "linux/files/lintian-overrides").read_text()

    assert texts.overrides(template) == template


def test_a_mark_that_nobody_fills_is_no_text_for_a_user() -> None:
    assert texts.filled("Version=@VERSION@", RELEASE) == "Version=0.2.0"
    with pytest.raises(ValueError, match="@OTHER@"):
        texts.filled("@OTHER@", RELEASE)


def test_the_catalogues_entry_is_whole_and_names_the_release(tmp_path: Path) -> None:
    needs("appstreamcli")
    file = tmp_path / texts.METAINFO_FILE
    file.write_text(texts.metainfo(RELEASE))

    ran(["appstreamcli", "validate", "--no-net", file])

    assert '<release version="0.2.0" date="2026-11-22"/>' in file.read_text()


@pytest.mark.parametrize("name", ["athanor.desktop", "athanor-links.desktop"])
def test_the_desktops_entries_are_right(name: str, tmp_path: Path) -> None:
    needs("desktop-file-validate")
    file = tmp_path / name
    file.write_text(texts.filled((PACKAGING / "linux/files" / name).read_text(), RELEASE))

    assert not ran(["desktop-file-validate", file])


def test_needs_become_packages_with_the_oldest_version_that_has_them() -> None:
    needed = elf.Needs(
        libraries=frozenset({"libc.so.6", "libm.so.6", "libstdc++.so.6", "libvulkan.so.1"}),
        versions={"GLIBC": (2, 36), "GLIBCXX": (3, 4, 29)},
    )

    assert needed.packages() == ["libc6 (>= 2.36)", "libstdc++6 (>= 11)"]
    assert needed.optional_packages() == ["libvulkan1"]


def test_a_library_that_nobody_knows_is_an_error_and_no_missing_dependency() -> None:
    needed = elf.Needs(libraries=frozenset({"libodd.so.1"}), versions={"GLIBC": (2, 36)})

    with pytest.raises(ValueError, match=r"libodd\.so\.1"):
        needed.packages()


def test_needs_are_read_from_the_files_and_a_library_beside_them_is_none(tmp_path: Path) -> None:
    needs("cc", "objdump")
    (tmp_path / "own.c").write_text("int own(void) { return 1; }")
    (tmp_path / "main.c").write_text("int own(void); int main(void) { return own(); }")
    own, program = tmp_path / "bundle/libown.so.1", tmp_path / "bundle/program"
    own.parent.mkdir()
    ran(["cc", "-shared", "-Wl,-soname,libown.so.1", "-o", own, tmp_path / "own.c"])
    ran(["cc", "-o", program, tmp_path / "main.c", own])

    found = elf.needs_of(tmp_path / "bundle")

    assert found.libraries == {"libc.so.6"}
    assert found.versions["GLIBC"] >= (2, 2, 5)


def test_windows_numbers_are_four_whatever_the_version_is_called() -> None:
    assert product.version_numbers("0.2.1rc3") == (0, 2, 1, 0)
    assert product.version_numbers("1.4") == (1, 4, 0, 0)


def test_the_version_resource_is_one_expression_with_the_version_in_it() -> None:
    text = version_text("0.2.1", file_name="athanor.exe")

    strings = {
        call.args[0].value: call.args[1].value
        for call in ast.walk(ast.parse(text, mode="eval"))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "StringStruct"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[1], ast.Constant)
    }
    assert strings["ProductVersion"] == "0.2.1"
    assert strings["OriginalFilename"] == "athanor.exe"
    assert "filevers=(0, 2, 1, 0)" in text


def test_the_disk_image_is_made_on_macos_alone_and_says_so_elsewhere() -> None:
    script = PACKAGING / "macos/build.sh"
    ran(["bash", "-n", script])

    told = subprocess.run([script], capture_output=True, text=True, check=False)

    assert told.returncode == 1
    assert "macOS alone" in told.stderr or "is not set" in told.stderr


def test_the_script_before_removal_is_a_shells(tmp_path: Path) -> None:
    script = PACKAGING / "linux/files/prerm"
    ran(["sh", "-n", script])

    assert not ran(["sh", script, "failed-upgrade", "0.1.0"], cwd=tmp_path)


def test_the_script_after_installation_does_nothing_where_no_service_was_ended() -> None:
    script = PACKAGING / "linux/files/postinst"
    ran(["sh", "-n", script])

    assert not ran(["sh", script, "configure", ""])
    with pytest.raises(AssertionError, match="unknown argument"):
        ran(["sh", script, "install"])


@pytest.mark.parametrize("is_strict", [False, True])
def test_a_checker_that_is_missing_is_named_and_fails_where_that_was_asked_for(
    is_strict: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "applications").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))

    status = look_over.look_over(tmp_path / "athanor.deb", tmp_path, is_strict=is_strict)

    told = capsys.readouterr().out.splitlines()
    assert status == int(is_strict)
    assert [line.split()[1] for line in told] == [
        "lintian",
        "desktop-file-validate",
        "appstreamcli",
    ]
    assert all(line.startswith("SKIPPED") for line in told)
