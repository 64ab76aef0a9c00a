"""Laws of the system's word that it sleeps: logind's as it is, on a real bus."""

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.server.hardware.surroundings.bus import Bus
from app.server.hardware.surroundings.macos_sleep import wants_leave, word_of_message
from app.server.hardware.surroundings.sleep_signals import SleepUntold, SleepWord
from app.server.hardware.surroundings.windows_sleep import word_of_power_event
from tests.server.hardware.surroundings.desktops import needs
from tests.support.logind import Logind, logind

WAIT_SECONDS = 30
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="logind is Linux's")


class Listener:
    """Hears the signals in a thread, and lets the test say when it is ready."""

    def __init__(self, address: str) -> None:
        from app.server.hardware.surroundings.logind_sleep import LogindSleep

        self.words: queue.Queue[SleepWord] = queue.Queue()
        self.ready = threading.Event()
        self.signals = LogindSleep(Bus(address), Bus(address))
        self.ended: list[SleepUntold | None] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _hear(self, word: SleepWord) -> None:
        self.words.put(word)
        if word == "sleeps":
            assert self.ready.wait(WAIT_SECONDS)

    def _run(self) -> None:
        try:
            self.signals.run(self._hear)
        except SleepUntold as error:
            self.ended.append(error)
        else:
            self.ended.append(None)

    def end(self) -> None:
        self.signals.close()
        self.join()

    def join(self) -> None:
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()


@contextmanager
def listening() -> Iterator[tuple[Logind, Listener]]:
    with logind() as system:
        listener = Listener(system.address)
        system.await_word("inhibited sleep delay")
        try:
            yield system, listener
        finally:
            listener.ready.set()
            listener.end()


@on_linux
@needs("dbus-daemon")
def test_logind_waits_until_the_node_is_ready_and_no_longer() -> None:
    with listening() as (system, listener):
        system.sleep()
        assert listener.words.get(timeout=WAIT_SECONDS) == "sleeps"
        assert system.holders() == 1

        listener.ready.set()
        system.await_word("let go")

        assert system.holders() == 0


@on_linux
@needs("dbus-daemon")
def test_after_each_sleep_the_next_one_is_waited_for_again() -> None:
    with listening() as (system, listener):
        listener.ready.set()
        for _ in range(3):
            system.sleep()
            assert listener.words.get(timeout=WAIT_SECONDS) == "sleeps"
            system.await_word("let go")
            system.wake()
            assert listener.words.get(timeout=WAIT_SECONDS) == "woke"

            assert system.holders() == 1


@on_linux
@needs("dbus-daemon")
def test_a_stranger_on_the_bus_sends_nobody_to_sleep() -> None:
    with listening() as (system, listener):
        system.lie(listener.signals.hears_as)
        system.sleep()
        listener.ready.set()

        assert listener.words.get(timeout=WAIT_SECONDS) == "sleeps"
        system.await_word("let go")
        assert listener.words.empty()


@on_linux
@needs("dbus-daemon")
def test_a_bus_that_goes_ends_the_signals_with_a_reason() -> None:
    with logind() as system:
        listener = Listener(system.address)
        system.await_word("inhibited sleep delay")
        system.end_bus()
        listener.join()

    assert isinstance(listener.ended[0], SleepUntold)


@on_linux
def test_no_bus_is_a_reason() -> None:
    listener = Listener("unix:path=/nowhere/bus")
    listener.join()

    assert isinstance(listener.ended[0], SleepUntold)


def test_windows_tells_two_of_its_events_and_no_other() -> None:
    assert [word_of_power_event(event) for event in (4, 0x12, 7, 0xA)] == [
        *("sleeps", "woke", None, None)
    ]


def test_macos_is_given_leave_whenever_it_waits_for_it() -> None:
    can, will, will_not, on = 0xE0000270, 0xE0000280, 0xE0000290, 0xE0000300

    assert [word_of_message(each) for each in (can, will, will_not, on)] == [
        *(None, "sleeps", None, "woke")
    ]
    assert [wants_leave(each) for each in (can, will, will_not, on)] == [True, True, False, False]
