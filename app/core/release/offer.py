"""Offer: whether a believed manifest holds something for this copy of the program. Pure."""

from typing import Literal, final

import msgspec

from app.core.release.manifest import Build, Release, build_for, version_of

Status = Literal["newest", "offered", "passed_over", "too_far", "not_for_here"]
"""newest: nothing is newer than what runs. offered: it can be had. passed_over: it did not work
here, or the owner left it. too_far: another version must come first. not_for_here: it has no file
for this system and this way of installing."""


@final
class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest means here."""

    status: Status
    version: str
    notes: str = ""
    build: Build | None = None
    """The file, while it is offered."""
    sentence: str = ""
    """Why it cannot be had; "" where it can, or where nothing is newer."""


def offer_of(
    release: Release, *, running: str, system: str, kind: str, passed_over: str = ""
) -> Offer:
    """What `release` means to the version `running`, whose place takes files of `kind`."""
    new, old, oldest = (version_of(text) for text in (release.version, running, release.oldest))
    assert new and old and oldest, "versions were checked when they were read"
    if new <= old:
        return Offer(status="newest", version=running)
    found = Offer(status="offered", version=release.version, notes=release.notes)
    if release.version == passed_over:
        sentence = (
            f"Athanor {release.version} is passed over, since it did not work here or was left; "
            "`athanor update install` installs it all the same."
        )
        return msgspec.structs.replace(found, status="passed_over", sentence=sentence)
    if old < oldest:
        sentence = (
            f"Athanor {release.version} cannot follow {running} directly; install {oldest} first."
        )
        return msgspec.structs.replace(found, status="too_far", sentence=sentence)
    build = build_for(release.builds, system=system, kind=kind)
    if build is None:
        sentence = (
            f"Athanor {release.version} exists, but not for {system} as it is installed here."
        )
        return msgspec.structs.replace(found, status="not_for_here", sentence=sentence)
    return msgspec.structs.replace(found, build=build)
