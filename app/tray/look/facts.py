"""Facts: what the tray itself knows, besides the picture that the server gives it."""

from typing import Literal, final

import msgspec

Link = Literal["looking", "starting", "here", "gone", "leaving"]
"""The tray and the server. looking: nobody has answered yet. starting: the tray starts one.
here: its picture is known. gone: none runs. leaving: the tray ends."""


@final
class Shelved(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be loaded."""

    name: str
    is_demonstration: bool = False
    """It is the tiny one that comes with the program."""


@final
class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The tray's own facts at one moment."""

    link: Link = "looking"
    is_own: bool = False
    """The tray started the server, so quitting ends it."""
    models: tuple[Shelved, ...] = ()
    is_freeing: bool = False
    """Memory is being freed because of a click."""
    trouble: str = ""
    """Why the last click, or the server itself, failed; "" when the owner has seen it."""
    autostart: bool = False
    """It starts with the computer."""
