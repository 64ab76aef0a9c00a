"""Wishes: what the owner clicks, asked of the server that runs now."""

import time
from typing import Final, Literal

from app.client.client import Client
from app.core.sharing.rules import Mode
from app.settings.paths import Paths
from app.tray.look.actions import Page
from app.wire.local import LoadRequest
from app.wire.pool_local import SharingChange
from app.wire.sharing import FreeRequest, SnoozeRequest

HOUR_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86_400


def load(paths: Paths, model: str) -> None:
    """Returns when the model serves. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        client.load(LoadRequest(model=model))


def unload(paths: Paths, model: str) -> None:
    """Returns when the model's memory is free. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        client.unload(model)


def free(paths: Paths) -> None:
    """Returns when GPU memory is free. Raises: NoServer, ServerSilent, ServerRefused.

    Without a GPU it is the machine's memory that is given back.
    """
    with Client.find(paths) as client:
        has_gpu = any(device.kind != "cpu" for device in client.state().devices)
        client.free(FreeRequest(scope="gpu" if has_gpu else "all"))


def resume(paths: Paths) -> None:
    """Requests may load models again. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        client.resume()


def share(paths: Paths, mode: Mode) -> None:
    """The GPU is lent so from now on. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        client.change_sharing(SharingChange(mode=mode))


def snooze(paths: Paths, until: Literal["hour", "tomorrow"], *, finish: bool) -> None:
    """Nothing is lent for a while. Raises: NoServer, ServerSilent, ServerRefused."""
    seconds = HOUR_SECONDS if until == "hour" else _until_tomorrow(time.localtime())
    with Client.find(paths) as client:
        client.snooze(SnoozeRequest(seconds=seconds, finish=finish))


def _until_tomorrow(now: time.struct_time) -> float:
    """Seconds to the next midnight."""
    passed = (now.tm_hour * 60 + now.tm_min) * 60 + now.tm_sec
    return float(max(1, DAY_SECONDS - passed))


def restart_to_update(paths: Paths) -> None:
    """Returns when the server begins to end. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        client.install_update(now=False)


def dashboard_address(paths: Paths, page: Page) -> str:
    """An address that lets one browser in, once. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        return client.dashboard_link(page)


def link_address(paths: Paths, link: str) -> str:
    """The same, for the page of a link. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        return client.open_link(link)
