"""LogindSleep: logind's word that the machine is about to sleep, and a moment's delay before.

`PrepareForSleep(true)` comes before, `PrepareForSleep(false)` after. An inhibitor of the kind
`delay` is an open file: while we hold it logind waits, though never longer than its own
`InhibitDelayMaxSec`; closing it says that we are ready. A new one is taken after each sleep.

Source: org.freedesktop.login1(5), systemd's "Inhibitor Locks" developer documentation.
"""

import os
import select
import socket
from typing import Final, final

from app.server.hardware.surroundings.bus import Bus, BusFailed, Signal
from app.server.hardware.surroundings.sleep_signals import Hear, SleepUntold

_LOGIND: Final = "org.freedesktop.login1"
_PATH: Final = "/org/freedesktop/login1"
_MANAGER: Final = f"{_LOGIND}.Manager"
_PREPARE: Final = f"{_MANAGER}.PrepareForSleep"
_RULE: Final = (
    f"type='signal',sender='{_LOGIND}',path='{_PATH}',"
    f"interface='{_MANAGER}',member='PrepareForSleep'"
)
_WHY: Final = "a pool is told before this computer sleeps"


@final
class LogindSleep:
    """See SleepSignals. Two connections: one that only hears loses no signal to an answer."""

    def __init__(self, hearing: Bus | None = None, asking: Bus | None = None) -> None:
        self._hearing = hearing or Bus.system()
        self._asking = asking or Bus.system()
        self._delay: int | None = None
        # The end of this pair ends the wait for signals.
        self._closing, self._closed = socket.socketpair()

    @property
    def hears_as(self) -> str:
        """The name of the hearing connection on the bus, such as `:1.7`; "" before `run`."""
        return self._hearing.own_name

    def run(self, hear: Hear) -> None:
        """See SleepSignals."""
        try:
            self._hearing.hear(_RULE)
            self._take_delay()
            while self._is_readable():
                signal = self._hearing.next_signal()
                if signal is not None and self._is_of_logind(signal):
                    self._follow(signal, hear)
        except BusFailed as error:
            raise SleepUntold(f"logind does not tell: {error}") from None
        finally:
            self._let_go()
            self._hearing.close()
            self._asking.close()
            self._closed.close()

    def close(self) -> None:
        """See SleepSignals."""
        self._closing.close()

    def _is_readable(self) -> bool:
        """Waits for bytes of the bus; False when it is to end."""
        if self._hearing.has_unread:
            return True
        both: list[Bus | socket.socket] = [self._hearing, self._closed]
        readable, _, _ = select.select(both, [], [])
        return self._closed not in readable

    def _is_of_logind(self, signal: Signal) -> bool:
        # A match keeps broadcasts of others away, but not what somebody sends to us alone.
        return signal.name == _PREPARE and signal.sender == self._asking.owner_of(_LOGIND)

    def _follow(self, signal: Signal, hear: Hear) -> None:
        if signal.value:
            try:
                hear("sleeps")
            finally:
                self._let_go()
            return
        self._take_delay()
        hear("woke")

    def _take_delay(self) -> None:
        self._let_go()
        self._delay = self._asking.take_file(
            _LOGIND, _PATH, f"{_MANAGER}.Inhibit", "sleep", "Athanor", _WHY, "delay"
        )

    def _let_go(self) -> None:
        if self._delay is not None:
            os.close(self._delay)
            self._delay = None
