"""The section `downloads` of the schema: how models are fetched. The rules of schema.py hold."""

from typing import Annotated, Final, final

import msgspec
from msgspec import Meta

_GIB: Final = 1024**3
_BYTES: Final = {"unit": "bytes"}


@final
class DownloadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are fetched from Hugging Face."""

    bytes_per_second: Annotated[
        int,
        Meta(
            ge=0,
            le=100 * _GIB,
            description="Most bytes a second that all downloads take together; 0 is no limit.",
            extra={**_BYTES, "flag": "--download-bytes-per-second"},
        ),
    ] = 0
    at_once: Annotated[
        int,
        Meta(
            ge=1,
            le=16,
            description="Downloads under way at the same time; further ones wait.",
            extra={"unit": "downloads", "flag": "--downloads-at-once"},
        ),
    ] = 2
    disk_free_bytes_min: Annotated[
        int,
        Meta(
            ge=0,
            le=1024 * _GIB,
            description="Room that downloads leave free on the disk; one that would take it waits "
            "until there is more.",
            extra=_BYTES,
        ),
    ] = 2 * _GIB
    resume_on_start: Annotated[
        bool,
        Meta(
            description="Whether downloads that were under way when the server ended go on by "
            "themselves when it starts; otherwise they are shown as paused.",
            extra={"flag": "--resume-downloads"},
        ),
    ] = True
