"""AppleLinks: links that macOS brings to a program that runs already, as an Apple event.

A program that does not run is started for it and gets the event then; so the handler must be there
before the run loop begins. Which links are ours stands in the bundle's Info.plist.

Not yet run on a real macOS: the machines of this project's tests are Linux.
Source: developer.apple.com, NSAppleEventManager and "Apple Event constants".
"""

import sys
from collections.abc import Callable
from typing import Final

Follow = Callable[[str], None]


def four_letters(text: str) -> int:
    """A code of four letters, as events and their parameters are named."""
    assert len(text) == 4
    return int.from_bytes(text.encode("ascii"), "big")


GET_URL: Final = four_letters("GURL")
"""Class and number of the event."""
DIRECT_OBJECT: Final = four_letters("----")
"""The parameter that holds the link."""

_LISTENERS: Final[list[object]] = []
"""The system keeps no reference of its own to them."""


def hear_links(follow: Follow) -> None:
    """From now on `follow` gets each link that is opened; nothing on other systems."""
    if sys.platform == "darwin":
        from Foundation import NSAppleEventManager, NSObject  # noqa: PLC0415  # on macOS alone

        class LinkListener(NSObject):  # type: ignore[misc]  # the base has no types
            def openLink_withReply_(self, event: object, _: object) -> None:  # a selector
                found = event.paramDescriptorForKeyword_(DIRECT_OBJECT)  # type: ignore[attr-defined]
                if found is not None:
                    follow(str(found.stringValue()))

        listener = LinkListener.alloc().init()
        _LISTENERS.append(listener)
        NSAppleEventManager.sharedAppleEventManager().setEventHandler_andSelector_forEventClass_andEventID_(
            listener, "openLink:withReply:", GET_URL, GET_URL
        )
