"""What a manifest means to a copy of the program."""

import pytest

from app.core.release.manifest import Build, Release
from app.core.release.offer import offer_of

DEB = Build(system="linux-x86_64", kind="deb", name="a_2.deb", size_bytes=5, sha256="0" * 64)


def release(version: str, oldest: str = "0.0.0") -> Release:
    return Release(
        number=1, issued_at=0, expires_at=1, version=version, builds=(DEB,), oldest=oldest
    )


@pytest.mark.parametrize(
    ("version", "running", "status"),
    [
        ("0.2.0", "0.1.0", "offered"),
        ("0.10.0", "0.9.9", "offered"),
        ("0.1.0", "0.1.0", "newest"),
        ("0.1.0", "0.2.0", "newest"),
    ],
)
def test_only_a_newer_version_is_offered(version: str, running: str, status: str) -> None:
    offer = offer_of(release(version), running=running, system="linux-x86_64", kind="deb")

    assert offer.status == status
    assert (offer.build == DEB) == (status == "offered")
    assert offer.sentence == ""


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"passed_over": "0.3.0"}, "passed_over"),
        ({"system": "linux-arm64"}, "not_for_here"),
        ({"kind": "archive"}, "not_for_here"),
        ({"running": "0.1.0"}, "too_far"),
    ],
)
def test_what_cannot_be_had_is_not_offered_and_says_why(changes: dict[str, str], status) -> None:
    here = {"running": "0.2.0", "system": "linux-x86_64", "kind": "deb", **changes}

    offer = offer_of(release("0.3.0", oldest="0.2.0"), **here)

    assert offer.status == status
    assert offer.build is None
    assert "0.3.0" in offer.sentence
