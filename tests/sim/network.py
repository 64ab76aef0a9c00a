"""Sockets between nodes and the host: in order while they live, then gone with what was in them.

A WebSocket loses nothing, so frames that are lost, doubled or swapped are rare here: they try the
numbers of the sessions, which take them for the fault of the peer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.sim.clock import MS, SECOND, Clock


@dataclass
class Weather:
    """How bad it is: chances for each message, or each second."""

    lost: float = 0.0
    doubled: float = 0.0
    swapped: float = 0.0
    cut_each_second: float = 0.0


class Socket:
    """One connection of a node. `on_host` and `on_node` get what arrives."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self.clock, self.weather = clock, weather
        self.is_open = True
        self.on_host: Callable[[bytes], None] = lambda data: None
        self.on_node: Callable[[bytes], None] = lambda data: None
        self.lost_host: Callable[[], None] = lambda: None
        self.lost_node: Callable[[], None] = lambda: None
        self._last = {"host": 0, "node": 0}
        self._latency = clock.between(1, 60)

    def to_host(self, data: bytes) -> None:
        self._send("host", data)

    def to_node(self, data: bytes) -> None:
        self._send("node", data)

    def cut(self) -> None:
        """Both learn of it, each in its own time; what is under way is gone."""
        if not self.is_open:
            return
        self.is_open = False
        self.clock.after(self.clock.between(0, 500), self._tell_node)
        self.clock.after(self.clock.between(0, 3000), self._tell_host)

    def _tell_node(self) -> None:
        self.lost_node()  # whoever has the socket by then

    def _tell_host(self) -> None:
        self.lost_host()

    def _send(self, whither: str, data: bytes) -> None:
        if not self.is_open or not data:
            return
        if self.clock.happens(self.weather.lost):
            return
        arrival = self.clock.now + self._latency + self.clock.between(0, 5)
        if self.clock.happens(self.weather.swapped):
            self.clock.at(arrival + 300 * MS, lambda: self._arrive(whither, data))
            return
        arrival = max(arrival, self._last[whither])
        self._last[whither] = arrival
        self.clock.at(arrival, lambda: self._arrive(whither, data))
        if self.clock.happens(self.weather.doubled):
            self.clock.at(arrival, lambda: self._arrive(whither, data))

    def _arrive(self, whither: str, data: bytes) -> None:
        if not self.is_open:
            return
        if whither == "host":
            self.on_host(data)
        else:
            self.on_node(data)


def rain(sockets: Callable[[], list[Socket]], clock: Clock, weather: Weather) -> None:
    """Cut sockets by chance, second by second, for as long as the weather is bad."""

    def fall() -> None:
        for socket in sockets():
            if clock.happens(weather.cut_each_second):
                socket.cut()
        if weather.cut_each_second:
            clock.after(SECOND, fall)

    clock.after(SECOND, fall)
