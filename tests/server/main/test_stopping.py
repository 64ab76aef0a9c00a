"""Laws of the signals that ask a server to end."""

import asyncio
import signal
import sys

import pytest

from app.server.main.stopping import Stopping

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")


async def _is_asked_by(number: signal.Signals) -> bool:
    stopping = Stopping()
    with stopping.by_signals():
        signal.raise_signal(number)
        # What the handler gave the loop is carried out before what comes after it.
        heard = asyncio.Event()
        asyncio.get_running_loop().call_soon_threadsafe(heard.set)
        await heard.wait()
    return stopping.asked.is_set()


@pytest.mark.parametrize(
    ("is_nohup", "number", "is_asked"),
    [
        (False, signal.SIGHUP, True),
        (True, signal.SIGHUP, False),
        (True, signal.SIGTERM, True),
    ],
)
def test_a_server_ends_with_its_terminal_unless_nohup_started_it(
    is_nohup: bool, number: signal.Signals, is_asked: bool
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if is_nohup else signal.SIG_DFL)
    try:
        assert asyncio.run(_is_asked_by(number)) == is_asked
        assert signal.getsignal(signal.SIGHUP) is (signal.SIG_IGN if is_nohup else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)
