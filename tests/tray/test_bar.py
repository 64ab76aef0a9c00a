"""Laws of the guess whether the desktop's bar is light or dark."""

import pytest

from app.tray.bus.bar import bar_of


@pytest.mark.parametrize("desktop", ["KDE", "LXQt", "XFCE", "ubuntu:GNOME", ""])
def test_who_wishes_for_dark_has_a_dark_bar(desktop: str) -> None:
    assert bar_of(desktop, 1) == "dark"


@pytest.mark.parametrize(
    ("desktop", "bar"),
    [("KDE", "light"), ("LXQt", "light"), ("XFCE", "dark"), ("ubuntu:GNOME", "dark"), ("", "dark")],
)
def test_without_a_wish_it_is_what_the_desktop_has_by_itself(desktop: str, bar: str) -> None:
    assert bar_of(desktop, None) == bar_of(desktop, 0) == bar_of(desktop, 2) == bar
