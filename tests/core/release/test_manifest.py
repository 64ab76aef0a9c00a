"""latest.json: which version is newer, and which file is for whom."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.release.keys import Publisher, publisher_of
from app.core.release.manifest import (
    RELEASE,
    Build,
    Release,
    Version,
    address_beside,
    build_for,
    system_of,
    version_of,
)
from app.settings.assets import assets_folder

DEB = Build(system="linux-x86_64", kind="deb", name="a_1.deb", size_bytes=5, sha256="0" * 64)
SETUP = Build(system="windows-x86_64", kind="setup", name="S.exe", size_bytes=5, sha256="1" * 64)
NUMBERS = st.tuples(*[st.integers(0, 999_999)] * 3)


@given(one=NUMBERS, other=NUMBERS)
def test_versions_compare_as_their_numbers_do(one, other) -> None:
    first, second = Version(*one), Version(*other)

    assert version_of(str(first)) == first
    assert (first < second) == (one < other)


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "1.2.3rc1", "v1.2.3", "1.2.٣", "1.2.3\n"]
)
def test_what_is_no_version_is_none(text: str) -> None:
    assert version_of(text) is None


@pytest.mark.parametrize(
    ("platform", "machine", "name"),
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-arm64"),
        ("win32", "AMD64", "windows-x86_64"),
        ("darwin", "arm64", "macos-arm64"),
        ("freebsd14", "amd64", "freebsd14-x86_64"),
    ],
)
def test_a_system_has_one_name_whatever_it_calls_itself(platform, machine, name) -> None:
    assert system_of(platform, machine) == name


def test_the_file_for_a_machine_is_of_its_system_and_of_a_kind_it_can_install() -> None:
    builds = (DEB, SETUP)

    assert build_for(builds, system="linux-x86_64", kind="deb") is DEB
    assert build_for(builds, system="linux-x86_64", kind="archive") is None
    assert build_for(builds, system="linux-arm64", kind="deb") is None


@pytest.mark.parametrize(
    "name", ["../x.deb", "/etc/x", "a/b", "a\\b", "", ".x", "-x", "http://x/y"]
)
def test_a_file_name_leads_nowhere_but_beside_the_manifest(name: str) -> None:
    text = msgspec.json.encode(msgspec.structs.replace(DEB, name=name))

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Build)


def test_a_file_lies_beside_the_manifest() -> None:
    assert address_beside("https://a.example/r/latest.json?x=1/2", "a.deb") == (
        "https://a.example/r/a.deb"
    )


def test_a_release_is_read_as_it_was_written_and_unknown_fields_are_passed_over() -> None:
    release = Release(number=3, issued_at=1, expires_at=2, version="0.2.0", builds=(DEB,))
    text = msgspec.json.encode(release).decode()

    assert RELEASE.read(text) == release
    assert RELEASE.read(text[:-1] + ', "colour": "red"}') == release
    assert RELEASE.read(text.replace("0.2.0", "newest")) is None


def test_the_publisher_that_comes_with_the_program_can_be_read() -> None:
    publisher = publisher_of((assets_folder() / "release-keys.toml").read_text("utf-8"))

    assert bool(publisher.key) == bool(publisher.address), "an address without keys is of no use"


def test_keys_are_told_by_their_form() -> None:
    text = 'address = "https://a.example/latest.json"\n[[key]]\nid = "a"\npublic = "{}"\n'

    assert isinstance(publisher_of(text.format("0" * 64)), Publisher)
    with pytest.raises(msgspec.MsgspecError):
        publisher_of(text.format("0" * 63))
