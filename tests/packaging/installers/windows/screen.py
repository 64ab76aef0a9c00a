"""A screen of a Windows: what the window in front shows, its picture, and keys for it."""

from dataclasses import dataclass
from pathlib import Path

from PIL import ImageGrab

from tests.packaging.installers.support import KEPT, ran, until
from tests.packaging.installers.windows.wine import Windows
from tests.server.hardware.surroundings.desktops import x

PICTURES = KEPT / "windows-pages"
"""Kept, for people to look at: no test knows whether a page is beautiful."""

_READER = Path(__file__).with_name("page_reader.nsi")
_SEPARATOR = "\x1e"
_DESKTOP = "640x480"
_DESKTOP_KEY = r"HKCU\Software\Wine\Explorer"


@dataclass(frozen=True, slots=True)
class Control:
    """A button, a text or a box of the window in front, or that window."""

    kind: str
    """Windows' own name of its class."""
    is_enabled: bool
    is_set: bool
    """Of a button: Enter presses it. Of a box: it is ticked."""
    has_focus: bool
    text: str


class Screen:
    """One screen; programs of its Windows that open windows show them here."""

    def __init__(self, windows: Windows, display: str) -> None:
        self.windows = windows
        self._display = display
        # One window of X11 with a desktop in it: the keyboard is Windows' own matter then.
        windows.run("reg", "add", _DESKTOP_KEY, "/v", "Desktop", "/d", "Default", "/f")
        desktops = rf"{_DESKTOP_KEY}\Desktops"
        windows.run("reg", "add", desktops, "/v", "Default", "/d", _DESKTOP, "/f")
        self._folder = windows.local / "page-reader"
        self._folder.mkdir()
        program = self._folder / "page_reader.exe"
        ran(["makensis", "-V2", "-WX", f"-DOUTPUT={program}", _READER])
        windows.started(program)

    def controls(self) -> list[Control]:
        """Of the window in front, itself first; [] while it is read."""
        try:
            text = (self._folder / "page.txt").read_bytes().decode("utf-16-le", "replace")
        except OSError:
            return []
        return [_control(record) for record in text.split(_SEPARATOR)[:-1]]

    def shown(self, text: str) -> list[Control]:
        """The controls, once the window in front shows the text and listens to keys.

        Raises: Failed.
        """
        found: list[Control] = []

        def is_there() -> bool:
            nonlocal found
            found = self.controls()
            has_focus = any(control.has_focus for control in found)
            return has_focus and any(text in control.text for control in found)

        until(is_there, f"Windows to show {text!r}")
        return found

    def press(self, *keys: str) -> None:
        """One key after the other, each by X11's name for it, such as `alt+n`."""
        found = x(self._display, "xdotool", "search", "--name", "Wine desktop").split()
        x(self._display, "xdotool", "windowfocus", "--sync", found[0])
        for key in keys:
            # Without a window: as a keyboard does it, not as a message to that window.
            x(self._display, "xdotool", "key", key)

    def keep_picture(self, name: str) -> None:
        """What is on the screen, among what `make bundle-test` keeps."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        ImageGrab.grab(xdisplay=self._display).save(PICTURES / f"{name}.png")


def one(controls: list[Control], text: str) -> Control:
    """The only control whose text has these words in it."""
    (found,) = (control for control in controls if text in control.text)
    return found


def _control(record: str) -> Control:
    kind, is_enabled, is_set, has_focus, text = record.split("\t", 4)
    return Control(
        kind=kind,
        is_enabled=is_enabled == "1",
        is_set=is_set == "1",
        has_focus=has_focus == "1",
        text=text,
    )
