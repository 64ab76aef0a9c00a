"""Inbox: what other threads put before the loop."""

import queue
from dataclasses import dataclass
from typing import final

from app.core.base.ids import RequestId
from app.engine.prepare import PreparedEmbed, PreparedGenerate


@final
@dataclass(frozen=True, slots=True)
class Left:
    """The client of a request is gone."""

    request: RequestId


@final
@dataclass(frozen=True, slots=True)
class Closing:
    """No more requests; finish what runs."""


Inbox = queue.SimpleQueue[PreparedGenerate | PreparedEmbed | Left | Closing]
