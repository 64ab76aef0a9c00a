"""DeviceChain: whether a receipt that comes goes on with the chain of its device, for the host.

    next       the one that was expected
    later      after a gap: what is between was lost with a host that was down, or is still to come
    earlier    below the last one, and not seen since this host is up: one that was still to come
    again      seen already, byte for byte
    forked     another one of a number that was seen, or one that follows another chain

Payment does not hang on the order: an attempt is paid once, whenever its receipt comes. A fork is
what no honest worker signs: it is refused, and counts against the worker.
"""

from collections import OrderedDict
from typing import Final, Literal, final

from app.core.pool.receipt import Receipt

SEEN_MAX: Final = 1024
"""Numbers of one device that are remembered, the newest."""

Place = Literal["next", "later", "earlier", "again", "forked"]


@final
class DeviceChain:
    """One device's chain as the host sees it. `count` and `head` are of the last stored receipt."""

    def __init__(self, count: int = 0, head: bytes = b"") -> None:
        self.count = count
        """One more than the highest number that was seen."""
        self.head = head
        """Hash of the receipt of that number; empty while there is none."""
        self._seen: OrderedDict[int, bytes] = OrderedDict()
        if count:
            self._seen[count - 1] = head

    def place(self, receipt: Receipt, hash_: bytes) -> Place:
        """Where a receipt belongs, whose signature holds; `hash_` is of its bytes. No change."""
        number = receipt.number
        before, here = self._seen.get(number - 1), self._seen.get(number)
        if here is not None:
            return "again" if here == hash_ else "forked"
        if number < 0 or (before is not None and receipt.previous != before):
            return "forked"
        if (number == 0) != (receipt.previous == b""):
            return "forked"
        if number == self.count:
            return "next"
        return "later" if number > self.count else "earlier"

    def take(self, receipt: Receipt, hash_: bytes) -> Place:
        """The same, and remembers it unless it is forked."""
        place = self.place(receipt, hash_)
        if place in ("next", "later"):
            self.count, self.head = receipt.number + 1, hash_
        if place in ("next", "later", "earlier"):
            self._seen[receipt.number] = hash_
            while len(self._seen) > SEEN_MAX:
                self._seen.popitem(last=False)
        return place
