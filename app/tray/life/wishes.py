"""Wishes: what the owner clicks, asked of the server that runs now."""

from app.client.client import Client
from app.settings.paths import Paths
from app.tray.look.actions import Page
from app.wire.local import LoadRequest
from app.wire.sharing import FreeRequest


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


def dashboard_address(paths: Paths, page: Page) -> str:
    """An address that lets one browser in, once. Raises: NoServer, ServerSilent, ServerRefused."""
    with Client.find(paths) as client:
        return client.dashboard_link(page)
