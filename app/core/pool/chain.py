"""Chains: whether stored receipts or verdicts are those that were signed, in order.

Each entry has a number from 0 and the hash of the one before it, under a signature. The first entry
at which the story breaks is named, with what happened there:

    altered     the signature is not the key's over these bytes
    foreign     signed, but of another device or pool, or no entry of this kind
    missing     a number is left out here, or the chain ends before the head that was promised
    reordered   the entry of this place stands further on, or this one stood before
    forked      signed, and yet another one than what the rest of the chain was built on
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, final

import msgspec

from app.core.base.ids import DeviceId, PoolId
from app.core.pool.keys import Verifier
from app.core.pool.receipt import RECEIPT, VERDICT
from app.core.pool.signed import SignedBytes

BreachKind = Literal["altered", "foreign", "missing", "reordered", "forked"]


@final
class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry at which a chain does not hold; `index` is its place in what was given."""

    index: int
    kind: BreachKind
    message: str


@final
class Head(msgspec.Struct, frozen=True):
    """What a chain must reach: so many entries, the last with this hash."""

    count: int
    hash: bytes


@final
class Link(msgspec.Struct, frozen=True):
    """What of an entry makes the chain. `owner` is who must have signed it, and for whom."""

    number: int
    previous: bytes
    owner: tuple[str, ...]


Read = Callable[[bytes], Link | None]

BEGINNING: Final = Head(0, b"")


def verify_receipts(
    entries: Sequence[SignedBytes],
    *,
    device: DeviceId,
    pool: PoolId,
    verify: Verifier,
    after: Head = BEGINNING,
    head: Head | None = None,
) -> Breach | None:
    """The first breach in a device's chain of receipts for a pool; None when all of it holds.

    `entries` go on where `after` ends, so that a long chain may be looked at in pages. `head` is
    what the whole must reach, where that is known: what the host says that it has of the device.
    """

    def read(body: bytes) -> Link | None:
        found = RECEIPT.read(body)
        return found and Link(found.number, found.previous, (found.device, found.pool))

    owner = (device, pool)
    return verify_chain(entries, read, owner=owner, verify=verify, after=after, head=head)


def verify_verdicts(
    entries: Sequence[SignedBytes],
    *,
    pool: PoolId,
    verify: Verifier,
    after: Head = BEGINNING,
    head: Head | None = None,
) -> Breach | None:
    """The same for the host's whole chain; `head` by the last checkpoint."""

    def read(body: bytes) -> Link | None:
        found = VERDICT.read(body)
        return found and Link(found.number, found.previous, (found.pool,))

    return verify_chain(entries, read, owner=(pool,), verify=verify, after=after, head=head)


def verify_chain(
    entries: Sequence[SignedBytes],
    read: Read,
    *,
    owner: tuple[str, ...],
    verify: Verifier,
    after: Head = BEGINNING,
    head: Head | None = None,
) -> Breach | None:
    """The first breach of any chain; `owner[0]` is the key that signs it."""
    is_signed = [verify(owner[0], entry.signature, entry.body) for entry in entries]
    links = [read(one.body) if good else None for one, good in zip(entries, is_signed, strict=True)]
    hashes: dict[int, bytes] = {}
    for entry, link in zip(entries, links, strict=True):
        if link is not None and link.owner == owner:
            hashes.setdefault(link.number, entry.hash)

    previous = after.hash
    for place, (entry, link) in enumerate(zip(entries, links, strict=True)):
        index = after.count + place
        if not is_signed[place]:
            message = f"entry {index} is not as it was signed"
            return Breach(index=index, kind="altered", message=message)
        if link is None or link.owner != owner or link.number < 0:
            message = f"entry {index} is signed, and is not of this chain"
            return Breach(index=index, kind="foreign", message=message)
        if link.number != index:
            return _misplaced(index, entry, link, hashes)
        if link.previous != previous:
            message = f"entry {index} follows another one than the entry that stands before it"
            return Breach(index=index, kind="forked", message=message)
        previous = entry.hash
        if head is not None and head.count == index + 1 and head.hash != previous:
            message = f"entry {index} is another one than what was agreed on"
            return Breach(index=index, kind="forked", message=message)
    return _short_of(head, after.count + len(entries)) if head is not None else None


def _misplaced(index: int, entry: SignedBytes, link: Link, hashes: dict[int, bytes]) -> Breach:
    """What it means that the number of an entry is not the one of its place.

    `hashes` are those of the entries that are looked at together, by number.
    """
    if link.number < index:
        if hashes.get(link.number) in (None, entry.hash):
            message = f"entry {link.number} stands a second time, at {index}"
            return Breach(index=index, kind="reordered", message=message)
        message = f"there are two entries of number {link.number}"
        return Breach(index=index, kind="forked", message=message)
    if index in hashes:
        message = f"entry {index} stands behind entry {link.number}"
        return Breach(index=index, kind="reordered", message=message)
    return Breach(index=index, kind="missing", message=f"entry {index} is missing")


def _short_of(head: Head, count: int) -> Breach | None:
    """Where a chain that holds ends before what was promised."""
    if count >= head.count:
        return None
    message = f"entry {count} is missing: there were {head.count}"
    return Breach(index=count, kind="missing", message=message)
