"""Actions: what a click can ask for. Menus name them; the tray (life/tray.py) does them."""

from typing import Literal, final

import msgspec

from app.core.sharing.rules import Mode

Page = Literal["", "models", "sharing", "settings", "logs"]
"""A page of the dashboard; "" is its home."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every action."""


@final
class OpenDashboard(Act, frozen=True, kw_only=True, tag="open_dashboard"):
    """Open a page in the browser; start the server first where none runs."""

    page: Page = ""


@final
class OpenLink(Act, frozen=True, kw_only=True, tag="open_link"):
    """Open the page that an `athanor://` link is for; start the server first where none runs."""

    link: str
    """It may hold an invite, which opens a door."""

    def __repr__(self) -> str:
        return "<OpenLink>"

    __str__ = __repr__


@final
class CopyAddress(Act, frozen=True, kw_only=True, tag="copy_address"):
    """Put the API's address on the clipboard."""

    address: str


@final
class LoadModel(Act, frozen=True, kw_only=True, tag="load_model"):
    """Load this model."""

    model: str


@final
class UnloadModel(Act, frozen=True, kw_only=True, tag="unload_model"):
    """Unload this model after its answers; one that is still loading is given up."""

    model: str


@final
class FreeMemory(Act, frozen=True, kw_only=True, tag="free_memory"):
    """Give GPU memory back now."""


@final
class Resume(Act, frozen=True, kw_only=True, tag="resume"):
    """Let requests use GPU memory again, after it was freed."""


@final
class SetSharing(Act, frozen=True, kw_only=True, tag="set_sharing"):
    """Lend the GPU: never, while nobody uses the machine, or always."""

    mode: Mode


@final
class Snooze(Act, frozen=True, kw_only=True, tag="snooze"):
    """Lend nothing for a while; `finish` lets the guests' jobs under way end first."""

    until: Literal["hour", "tomorrow"]
    finish: bool = False


@final
class StartServer(Act, frozen=True, kw_only=True, tag="start_server"):
    """Start a server, which then is the tray's own."""


@final
class SetAutostart(Act, frozen=True, kw_only=True, tag="set_autostart"):
    """Start with the computer, or no more."""

    enabled: bool


@final
class RestartToUpdate(Act, frozen=True, kw_only=True, tag="restart_to_update"):
    """Restart the server with the new version."""


@final
class OpenFile(Act, frozen=True, kw_only=True, tag="open_file"):
    """Open one of our own files in the program that the system has for it."""

    which: Literal["log", "settings"]


@final
class Dismiss(Act, frozen=True, kw_only=True, tag="dismiss"):
    """The owner has read what went wrong with the last click."""


@final
class Quit(Act, frozen=True, kw_only=True, tag="quit"):
    """End the tray, and the server where the tray started it."""


Action = (
    OpenDashboard
    | OpenLink
    | CopyAddress
    | LoadModel
    | UnloadModel
    | FreeMemory
    | Resume
    | SetSharing
    | Snooze
    | StartServer
    | SetAutostart
    | RestartToUpdate
    | OpenFile
    | Dismiss
    | Quit
)
