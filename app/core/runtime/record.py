"""Record: what was proved on this machine, what the owner wishes, and what engines load by it.

A proof is about a pair: one device under one back end of one pack, build and driver. A pair that
failed is pinned off: no engine computes there until it is tried anew and passes, or another build
or driver comes. A pair that was never tried is not used either. Of each device under a module one
proof is kept, that of its last driver.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.runtime.backends import OF_PROCESSOR, PREFERENCE

AUTO: Final = "auto"
PROCESSOR: Final = "cpu"

EVERY: Final = "any GPU"
"""`Pair.device` of a module that cannot even be opened without ending the process."""

GPUS: Final = "gpus"
"""In `ModulePlan.off`: all but the processor's."""

PROOFS_KEPT_MAX: Final = 100


@final
class Pair(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A device under a back end, as a proof is about it."""

    device: str
    """What the driver calls it."""
    backend: str
    pack: str = ""
    """`Pack.id`; "" is the module inside the program."""
    build: str
    driver: str = ""
    """The version that it was, as engine/llama/drivers.py asks for it; "" where it is unknown."""


@final
class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying a pair."""

    pair: Pair
    is_good: bool
    at: float
    """Seconds since 1970."""
    reason: str = ""
    """Why it failed, as a sentence's end."""
    seconds: float = 0.0
    """That the trial took; the first compiles shaders."""


@final
class RuntimeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file record.json. Unknown fields of a later version are passed over."""

    wish: str = AUTO
    """`auto`, `cpu`, the name of a back end inside, or the id of a pack."""
    previous: str = ""
    """The wish before, for the way back; "" where there was none."""
    number: int = 0
    """Of the newest manifest that was believed."""
    proofs: tuple[Proof, ...] = ()


@final
class FileSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a pack as it was when it was compared with what was signed."""

    name: str
    size_bytes: int
    modified_ns: int
    """Since 1970."""


@final
class PackFolder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An installed pack, as an engine needs to know it."""

    pack: str
    folder: str
    backend: str
    build: str
    preload: tuple[str, ...] = ()
    files: tuple[FileSeen, ...] = ()
    """All that an engine may open of it, and only as long as they are these."""


@final
class ModulePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which modules an engine loads, and which devices it leaves alone."""

    packs: tuple[PackFolder, ...] = ()
    """Preferred to the modules inside, first to last."""
    off: tuple[str, ...] = ()
    """Back ends that are not loaded, or `gpus`."""
    avoided: tuple[Pair, ...] = ()
    """Pairs on which nothing is computed."""
    only_proved: bool = False
    """Whether nothing is computed on a GPU under a module but on the pairs of `proved`."""
    proved: tuple[Pair, ...] = ()


def proof_of(record: RuntimeRecord, pair: Pair) -> Proof | None:
    """What is known of the pair."""
    return next((proof for proof in record.proofs if proof.pair == pair), None)


def untried(record: RuntimeRecord, pairs: Iterable[Pair]) -> list[Pair]:
    """Those of which nothing is known."""
    return [pair for pair in pairs if proof_of(record, pair) is None]


def with_proof(record: RuntimeRecord, proof: Proof) -> RuntimeRecord:
    """The record with this proof in the place of an earlier one, under whatever driver."""
    others = without_proofs(record, [proof.pair]).proofs
    return replace(record, proofs=(*others, proof)[-PROOFS_KEPT_MAX:])


def without_proofs(record: RuntimeRecord, pairs: Iterable[Pair]) -> RuntimeRecord:
    """The record as if these pairs had never been tried, under whatever driver."""
    gone = {replace(pair, driver="") for pair in pairs}
    kept = (p for p in record.proofs if replace(p.pair, driver="") not in gone)
    return replace(record, proofs=tuple(kept))


def pins(record: RuntimeRecord, *, build: str) -> tuple[Proof, ...]:
    """The pairs of this build that are pinned off, with their reasons."""
    return tuple(p for p in record.proofs if not p.is_good and p.pair.build == build)


def closed_by_a_driver(
    record: RuntimeRecord, drivers: Mapping[str, Sequence[str]], *, build: str
) -> list[tuple[str, str]]:
    """Back end and pack of each module that no engine opens for what failed under another driver.

    What is opened is listed with its driver, and tried anew by itself. `drivers` are those of now,
    by back end; where none is known, nothing is.
    """
    found = []
    for pair in (pin.pair for pin in pins(record, build=build)):
        now = drivers.get(pair.backend, ())
        is_closed = pair.device == EVERY or (pair.pack != "" and not has_passed(record, pair.pack))
        if is_closed and now and pair.driver not in {*now, driver_words(now)}:
            found.append((pair.backend, pair.pack))
    return list(dict.fromkeys(found))


def driver_words(drivers: Iterable[str]) -> str:
    """Several drivers as one, for a module that was opened under all of them."""
    return "; ".join(sorted(drivers))


def has_passed(record: RuntimeRecord, pack: str) -> bool:
    """Whether some GPU computes right under the pack, as far as is known."""
    return any(proof.is_good for proof in record.proofs if proof.pair.pack == pack)


def wished(record: RuntimeRecord, wish: str) -> RuntimeRecord:
    """The record with this wish, and the way back."""
    if wish == record.wish:
        return record
    return replace(record, wish=wish, previous=record.wish)


def plan_of(record: RuntimeRecord, packs: Sequence[PackFolder]) -> ModulePlan:
    """What engines load from now on.

    `packs` are those that are installed for this build, the newest of each first. By the wish
    `auto` all of them and every module inside; by a back end's or pack's name that one and nothing
    preferred to it, so that a machine with other GPUs besides keeps them.
    """
    if record.wish == PROCESSOR:
        return _plan(record, (), (GPUS,))
    # One that never passed may end every engine that so much as opens its module.
    good = {proof.pair.pack for proof in record.proofs if proof.is_good}
    packs = [each for each in packs if each.pack in good]
    chosen = next((each for each in packs if each.pack == record.wish), None)
    wanted = chosen.backend if chosen else record.wish
    if wanted not in PREFERENCE:
        return _plan(record, tuple(packs), ())
    off = PREFERENCE[: PREFERENCE.index(wanted)]
    kept = [each for each in packs if each.backend not in {*off, wanted}]
    return _plan(record, (*((chosen,) if chosen else ()), *kept), off)


def _plan(record: RuntimeRecord, packs: tuple[PackFolder, ...], off: tuple[str, ...]) -> ModulePlan:
    broken = {(p.pair.backend, p.pair.pack) for p in record.proofs if p.pair.device == EVERY}
    return ModulePlan(
        packs=tuple(each for each in packs if (each.backend, each.pack) not in broken),
        off=(*off, *sorted(backend for backend, pack in broken if not pack)),
        avoided=tuple(p.pair for p in record.proofs if not p.is_good),
        only_proved=True,
        proved=tuple(p.pair for p in record.proofs if p.is_good),
    )


def is_off(plan: ModulePlan, backend: str) -> bool:
    """Whether modules of this back end are not loaded."""
    return backend in plan.off or (GPUS in plan.off and backend not in OF_PROCESSOR)


def is_allowed(plan: ModulePlan, pair: Pair) -> bool:
    """Whether an engine may compute on a GPU of a module."""
    if pair in plan.avoided:
        return False
    return not plan.only_proved or pair in plan.proved
