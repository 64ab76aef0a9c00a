"""Laws of what an X server tells: a real one, without a screen."""

import subprocess
import sys

import pytest

from app.core.sharing.facts import Unknown
from app.server.hardware.surroundings.x11 import X11
from tests.server.hardware.surroundings.desktops import needs, x, x_server


@needs("Xvfb", "xdotool")
def test_a_key_press_is_seen_and_idleness_grows_from_it() -> None:
    with x_server() as display:
        x11 = X11(display)
        x(display, "xdotool", "key", "a")
        first = x11.idle_seconds()
        assert isinstance(first, float)

        grown = first
        while isinstance(grown, float) and grown < first + 1.0:
            grown = x11.idle_seconds()
        x(display, "xdotool", "key", "b")
        again = x11.idle_seconds()
        x11.close()

    assert isinstance(grown, float) and isinstance(again, float)
    assert again < grown


@needs("Xvfb", "xprop", "xdotool")
def test_the_active_window_is_full_screen_when_its_manager_says_so() -> None:
    with x_server() as display:
        x11 = X11(display)
        root = x(display, "xdotool", "search", "--maxdepth", "0", ".*").split()[0]
        no_manager = x11.full_screen()

        _set(display, root, "_NET_SUPPORTING_WM_CHECK", "32x", root)
        nothing_active = x11.full_screen()
        _set(display, root, "_NET_ACTIVE_WINDOW", "32x", root)
        plain = x11.full_screen()
        _set(display, root, "_NET_WM_STATE", "32a", "_NET_WM_STATE_FULLSCREEN")
        full = x11.full_screen()
        x11.close()

    assert isinstance(no_manager, Unknown) and "window manager" in no_manager.why
    assert (nothing_active, plain, full) == (False, False, True)


def _set(display: str, window: str, name: str, form: str, value: str) -> None:
    """What a window manager would set."""
    x(display, "xprop", "-id", window, "-f", name, form, "-set", name, value)


@needs("Xvfb", "xdotool")
def test_an_x_server_that_ends_leaves_an_unknown_and_not_a_dead_process() -> None:
    script = (
        "import sys\n"
        "from app.server.hardware.surroundings.x11 import X11\n"
        "x11 = X11(sys.argv[1])\n"
        "print(type(x11.idle_seconds()).__name__, flush=True)\n"
        "sys.stdin.readline()\n"
        "print(x11.idle_seconds(), x11.full_screen(), flush=True)\n"
        "x11.close()\n"
    )
    with x_server() as display:
        child = subprocess.Popen(
            [sys.executable, "-c", script, display],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin and child.stdout
        assert child.stdout.readline().strip() == "float"

    said, _ = child.communicate("go on\n", timeout=60)

    assert said.count("the X server is gone") == 2
    assert child.returncode == 0


@pytest.mark.parametrize(("display", "why"), [("", "no X display"), (":987", "cannot be opened")])
def test_no_display_is_an_unknown_with_its_reason(display: str, why: str) -> None:
    x11 = X11(display)

    for fact in (x11.idle_seconds(), x11.full_screen(), x11.idle_seconds()):
        assert isinstance(fact, Unknown)
        assert why in fact.why or "libX11" in fact.why
    x11.close()


def test_wayland_is_not_asked_through_its_x_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("DISPLAY", ":0")

    fact = X11().full_screen()

    assert isinstance(fact, Unknown) and "Wayland" in fact.why
