"""The section `updates` of the schema: new versions of Athanor. The rules of schema.py hold."""

from typing import Annotated, Literal, final

import msgspec
from msgspec import Meta

Daily = Literal["off", "tell", "fetch"]


@final
class UpdateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether Athanor looks for new versions of itself, and where."""

    daily: Annotated[
        Daily,
        Meta(
            description="What is done once a day: off asks nobody, tell looks for a new version "
            "and says so, fetch downloads it too, so that a restart is all that is left. Never "
            "while an answer is under way, on battery or on a network that is metered, as far as "
            "the system tells (NetworkManager and Windows do).",
            extra={"flag": "--updates"},
        ),
    ] = "fetch"
    address: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s]+)?$",
            description="Where latest.json lies, such as a mirror of your own; empty is the "
            "publisher's. It is believed by its signature alone, wherever it comes from.",
            extra={"flag": "--updates-address", "allowed": "an address that begins with https://"},
        ),
    ] = ""
