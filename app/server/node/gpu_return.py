"""GpuReturn: looks for GPUs that fell silent, and for lost ones until they are back.

A driver that told of a GPU and tells no more may have lost it; a new list of devices shows. Listing
costs a process, so it is done when there is a doubt, and seldom while the doubt lasts.
"""

from collections.abc import Callable, Iterable
from typing import Final, final

from app.core.sharing.facts import GpuFacts, Unknown
from app.server.node.hub import Hub
from app.server.node.loader import Loader

LOST_SECONDS: Final = 30.0
"""Between two lists of devices while a GPU is gone."""
SILENT_LOOKS_MAX: Final = 2
"""One look without an answer is a hiccup."""


@final
class GpuReturn:
    """Used by one event loop."""

    def __init__(self, *, hub: Hub, loader: Loader, now: Callable[[], float]) -> None:
        self._hub = hub
        self._loader = loader
        self._now = now
        self._told: set[str] = set()
        """GPUs of which the driver has told figures since they were listed last."""
        self._silent_looks = 0
        self._listed_at = float("-inf")

    async def look(self, gpus: Iterable[GpuFacts]) -> None:
        """One look at the facts; lists the devices anew where that may show something."""
        telling = {gpu.name for gpu in gpus if not isinstance(gpu.memory_free, Unknown)}
        self._silent_looks = self._silent_looks + 1 if self._told - telling else 0
        is_silent = self._silent_looks >= SILENT_LOOKS_MAX
        is_lost = bool(self._hub.state.lost_gpus)
        if is_silent or (is_lost and self._now() - self._listed_at >= LOST_SECONDS):
            self._told, self._silent_looks = set(), 0
            self._listed_at = self._now()
            await self._loader.look_anew()
        else:
            self._told |= telling
