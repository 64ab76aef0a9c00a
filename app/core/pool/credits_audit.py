"""Credits audit: does what a node holds prove what it earned? Needs no network and no trust.

The node's receipts must be a whole chain, each verdict must be the host's, about exactly the
receipt that was sent, and in one chain with the others and with the checkpoints that were seen.
Every receipt is counted once, in one of four drawers: a sum that leaves something out would lie.
"""

from collections.abc import Sequence
from typing import NamedTuple, final

import msgspec

from app.core.base.ids import DeviceId, PoolId
from app.core.base.units import Micros
from app.core.pool.chain import Breach, Head, verify_receipts
from app.core.pool.checkpoint import Fork, find_fork, heads_of
from app.core.pool.keys import Verifier
from app.core.pool.receipt import RECEIPT, VERDICT, Verdict, differs
from app.core.pool.signed import SignedBytes


class Settled(NamedTuple):
    """A receipt of this device, and the host's verdict on it where there is one."""

    receipt: SignedBytes
    verdict: SignedBytes | None


@final
class CreditsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. seen = settled + pending + mismatched + unreadable."""

    seen: int
    settled: int
    """Counter-signed, and all fits."""
    pending: int
    """Not counter-signed yet."""
    mismatched: int
    """The verdict is not by the host, or not about this receipt."""
    unreadable: int
    """The receipt itself is not as it was signed."""
    earned: Micros
    """By the settled ones."""
    breaches: tuple[Breach, ...]
    """In the order of the chain; the first of the receipts' own chain comes first."""
    fork: Fork | None
    """Proof that the host told two stories."""

    @property
    def is_sound(self) -> bool:
        """Nothing speaks against what is held."""
        return not self.breaches and self.fork is None


def audit_credits(
    entries: Sequence[Settled],
    *,
    device: DeviceId,
    pool: PoolId,
    verify: Verifier,
    checkpoints: Sequence[SignedBytes] = (),
    head: Head | None = None,
) -> CreditsReport:
    """Everything that can be told from what one node keeps of one pool, by number."""
    chain = verify_receipts(
        [entry.receipt for entry in entries], device=device, pool=pool, verify=verify, head=head
    )
    breaches = [chain] if chain is not None else []
    verdicts: dict[int, tuple[int, Verdict, SignedBytes]] = {}
    heads = heads_of(checkpoints, pool, verify)
    pending = mismatched = unreadable = earned = 0
    for index, (receipt, signed) in enumerate(entries):
        if RECEIPT.read_signed(receipt, device, verify) is None:
            unreadable += 1
            continue
        if signed is None:
            pending += 1
            continue
        verdict = VERDICT.read_signed(signed, pool, verify)
        breach = _verdict_breach(
            index, verdict, receipt=receipt, signed=signed, pool=pool, heads=heads
        )
        if breach is None and verdict is not None:
            breach = _beside(index, verdict, signed, verdicts)
        if breach is not None or verdict is None:
            mismatched += 1
            breaches += [breach] if breach is not None else []
            continue
        verdicts[verdict.number] = (index, verdict, signed)
        earned += verdict.earned
    return CreditsReport(
        seen=len(entries),
        settled=len(verdicts),
        pending=pending,
        mismatched=mismatched,
        unreadable=unreadable,
        earned=Micros(earned),
        breaches=tuple(breaches),
        fork=find_fork(checkpoints, (), pool=pool, verify=verify),
    )


def _verdict_breach(
    index: int,
    verdict: Verdict | None,
    *,
    receipt: SignedBytes,
    signed: SignedBytes,
    pool: PoolId,
    heads: dict[int, bytes],
) -> Breach | None:
    """What speaks against one verdict by itself."""
    if verdict is None:
        message = f"the verdict on receipt {index} is not as the host signed it"
        return Breach(index=index, kind="altered", message=message)
    if verdict.pool != pool:
        message = f"the verdict on receipt {index} is of another pool"
        return Breach(index=index, kind="foreign", message=message)
    why = differs(verdict, receipt)
    if why:
        return Breach(index=index, kind="forked", message=f"the verdict on receipt {index}: {why}")
    head = heads.get(verdict.number + 1)
    if head is not None and head != signed.hash:
        message = f"verdict {verdict.number} is another one than what a checkpoint vouches for"
        return Breach(index=index, kind="forked", message=message)
    return None


def _beside(
    index: int,
    verdict: Verdict,
    signed: SignedBytes,
    verdicts: dict[int, tuple[int, Verdict, SignedBytes]],
) -> Breach | None:
    """What speaks against it beside those before: numbers and hashes that cannot both be."""
    number = verdict.number
    if number in verdicts:
        other = verdicts[number][0]
        message = f"receipts {other} and {index} have verdicts of one number, {number}"
        return Breach(index=index, kind="forked", message=message)
    before, after = verdicts.get(number - 1), verdicts.get(number + 1)
    is_after = before is None or verdict.previous == before[2].hash
    is_before = after is None or after[1].previous == signed.hash
    if is_after and is_before:
        return None
    message = f"verdict {number} and its neighbour are not of one chain"
    return Breach(index=index, kind="forked", message=message)
