"""Awake: whether the computer is to be kept from falling asleep by itself.

While answers are made, and a moment longer, so that a conversation does not end with its owner's
pause for thought. Never on battery: there its charge is worth more than an answer. Whoever closes
the lid or chooses to sleep is obeyed by the system in any case.
"""

from typing import Final, Literal, final

import msgspec

from app.core.sharing.facts import Unknown

KeepAwake = Literal["never", "serving", "lending"]
"""serving: while requests are answered, the owner's or guests'. lending: while the GPU is lent to a
pool, whether or not there is work."""

LINGER_SECONDS: Final = 60.0
"""After the last request; the shortest time to sleep that systems offer is a minute."""
BEGIN_SECONDS: Final = 2.0
"""A computer that has just been called does not fall asleep within so short a time, and the first
answer is not made to wait for the desktop's services."""


@final
class Business(msgspec.Struct, frozen=True):
    """Since when requests come, and when the last one ended. Times are the caller's clock."""

    since: float | None = None
    """None: nobody has asked for a while."""
    last: float = 0.0

    def after(self, requests: int, now: float) -> "Business":
        """The same, now that so many requests are in flight."""
        if requests:
            return Business(now if self.since is None else self.since, now)
        return self if self.since is not None and now < self.last + LINGER_SECONDS else Business()


def is_kept_awake(
    wish: KeepAwake,
    business: Business,
    *,
    is_lending: bool,
    on_battery: bool | Unknown,
    now: float,
) -> bool:
    """Whether sleep is to be held off now. A battery that nobody knows of is none."""
    if wish == "never" or on_battery is True:
        return False
    if wish == "lending" and is_lending:
        return True
    return business.since is not None and now >= business.since + BEGIN_SECONDS
