"""Shown: the back ends of this machine as a picture for every face. Pure."""

from collections.abc import Iterable, Sequence
from typing import final

import msgspec

from app.core.runtime.backends import OF_PROCESSOR, in_order, words_of
from app.core.runtime.packs import Hardware, Pack, newest, why_not
from app.core.runtime.record import PROCESSOR, RuntimeRecord
from app.wire.runtime import (
    BackendReport,
    LicencePicture,
    PackPicture,
    PackStatus,
    RuntimePicture,
    TrialPicture,
)


@final
class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The order under way, or what came of the last one."""

    working_on: str = ""
    pack: str = ""
    told: str = ""
    has_failed: bool = False
    done_bytes: int = 0


def picture_of(
    shown: Shown,
    *,
    report: BackendReport,
    hardware: Hardware,
    record: RuntimeRecord,
    offered: Sequence[Pack],
    installed: Sequence[Pack],
    place: str,
    trouble: str,
    number: int,
) -> RuntimePicture:
    """All of it. `offered` are the packs of the publisher's list."""
    used = {(module.backend, module.pack) for module in report.modules if module.is_loaded}
    here = {pack.id for pack in installed}
    others = [pack for pack in newest(offered, hardware).values() if pack.id not in here]
    packs = [
        *(_pack(pack, shown, record, hardware, used, is_here=True) for pack in installed),
        *(_pack(pack, shown, record, hardware, used, is_here=False) for pack in others),
        *_inside(report, record),
    ]
    return RuntimePicture(
        number=number,
        is_modular=report.is_modular,
        build=report.build,
        wish=record.wish,
        previous=record.previous,
        packs=tuple(packs),
        hardware=_hardware_words(hardware),
        place=place,
        trouble=trouble,
        working_on=shown.working_on,
        told=shown.told,
        has_failed=shown.has_failed,
    )


def _inside(report: BackendReport, record: RuntimeRecord) -> list[PackPicture]:
    """The modules of the program itself, one entry for each back end."""
    pictures = []
    inside = [module for module in report.modules if not module.pack]
    for backend in in_order(module.backend for module in inside):
        mine = [module for module in inside if module.backend == backend]
        is_loaded = any(module.is_loaded for module in mine)
        pictures.append(
            PackPicture(
                id=backend,
                title=words_of(backend)[0].upper() + words_of(backend)[1:],
                backend=backend,
                version="",
                status="inside",
                is_in_use=is_loaded and (backend in OF_PROCESSOR or record.wish != PROCESSOR),
                reason="" if is_loaded else mine[-1].reason,
                trials=_trials(record, report.build, backend, ""),
            )
        )
    return pictures


def _pack(
    pack: Pack,
    shown: Shown,
    record: RuntimeRecord,
    hardware: Hardware,
    used: Iterable[tuple[str, str]],
    *,
    is_here: bool,
) -> PackPicture:
    unfit = why_not(pack, hardware)
    is_busy = shown.pack == pack.id and bool(shown.working_on)
    status: PackStatus = "installed" if is_here else "available"
    if is_busy and not is_here:
        status = "installing"
    elif unfit:
        status = "unusable"
    return PackPicture(
        id=pack.id,
        title=pack.title,
        backend=pack.backend,
        version=pack.version,
        status=status,
        is_in_use=(pack.backend, pack.id) in used,
        reason=unfit or (shown.told if shown.has_failed and shown.pack == pack.id else ""),
        download_bytes=pack.download_bytes,
        installed_bytes=pack.installed_bytes,
        done_bytes=shown.done_bytes if is_busy else 0,
        licences=tuple(
            LicencePicture(of=each.of, name=each.name, address=each.address)
            for each in pack.licences
        ),
        trials=_trials(record, pack.build, pack.backend, pack.id),
    )


def _trials(record: RuntimeRecord, build: str, backend: str, pack: str) -> tuple[TrialPicture, ...]:
    key = (backend, pack, build)
    return tuple(
        TrialPicture(
            device=proof.pair.device, is_good=proof.is_good, reason=proof.reason, at=proof.at
        )
        for proof in record.proofs
        if (proof.pair.backend, proof.pair.pack, proof.pair.build) == key
    )


def _hardware_words(hardware: Hardware) -> str:
    if not hardware.nvidia_driver:
        return ""
    cards = ", ".join(hardware.compute_capabilities) or "unknown"
    return f"NVIDIA driver {hardware.nvidia_driver}, compute capability {cards}"
