"""GpuRoll: calls the roll of the GPUs, and tells the owner once when one is gone and once when all
are back.

A GPU goes when its driver is reset or updated, when the computer slept, when it is unplugged. It is
noticed in three ways: an engine ends with the driver's words for it, the driver's samples lack it,
or a new list of devices does.
"""

import logging
from collections.abc import Container, Sequence
from typing import final

from app.core.models.gpu_loss import GPUS, gone
from app.core.state.events import GpuFound, GpuLost
from app.core.state.node_state import Device
from app.server.node.hub import Hub

log = logging.getLogger(__name__)


@final
class GpuRoll:
    """The GPUs that this node has seen since its start. Used by one event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._seen: list[Device] = []
        self.lost: tuple[Device, ...] = ()
        """Those that are gone, as they were when they were seen last."""

    def call(self, devices: Sequence[Device]) -> bool:
        """Compare with a whole new list; True when GPUs that were gone are back."""
        was_lost = bool(self._hub.state.lost_gpus)
        self.lost = tuple(gone(self._seen, devices))
        self._seen = [*(device for device in devices if device.kind in GPUS), *self.lost]
        if self.lost:
            self._tell(tuple(device.description for device in self.lost))
        elif was_lost:
            log.info("GPUs are back")
            self._hub.publish(GpuFound())
        return was_lost and not self.lost

    def excuse(self, descriptions: Container[str]) -> None:
        """GPUs of these descriptions were switched off, so nobody need wait for them."""
        self._seen = [device for device in self._seen if device.description not in descriptions]

    def fell(self) -> None:
        """A driver said that its GPU is gone; the next roll shows whether it is back already."""
        self._tell(tuple(device.description for device in self._seen))

    def _tell(self, names: tuple[str, ...]) -> None:
        if names and self._hub.state.lost_gpus != names:
            log.error("GPUs are gone", extra={"gpus": ", ".join(names)})
            self._hub.publish(GpuLost(gpus=names))
