"""Shown: the back ends of this machine as a picture for every face. Pure."""

from collections.abc import Mapping, Sequence
from typing import final

import msgspec
from msgspec.structs import replace

from app.core.runtime.advice import advice_of
from app.core.runtime.backends import OF_PROCESSOR, in_order, words_of
from app.core.runtime.packs import Hardware, Pack, newest, why_not
from app.core.runtime.record import PROCESSOR, RuntimeRecord, proof_of
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
    offered: Sequence[Pack] | None,
    installed: Sequence[Pack],
    faults: Mapping[str, str],
    place: str,
    trouble: str,
    number: int,
) -> RuntimePicture:
    """All of it.

    `offered` are the packs of the publisher's list, None without one that is believed; `faults`
    says by id what is wrong with the files of installed ones.
    """
    here = [_pack(pack, shown, report, record, hardware, is_here=True) for pack in installed]
    known = {pack.id for pack in installed}
    others = [pack for pack in newest(offered or (), hardware).values() if pack.id not in known]
    packs = [
        *(_damaged(each, faults) for each in here),
        *(_pack(pack, shown, report, record, hardware, is_here=False) for pack in others),
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
        # Whoever cannot have packs, or has no modules, can do nothing about it.
        advice=""
        if trouble or not report.is_modular
        else advice_of(wish=record.wish, offered=offered, installed=installed, hardware=hardware),
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
        is_in_use, idle = _use(report, record, backend, "")
        pictures.append(
            PackPicture(
                id=backend,
                title=words_of(backend)[0].upper() + words_of(backend)[1:],
                backend=backend,
                version="",
                status="inside",
                is_in_use=is_in_use,
                reason=idle if is_loaded else mine[-1].reason,
                trials=_trials(record, report.build, backend, ""),
            )
        )
    return pictures


def _pack(
    pack: Pack,
    shown: Shown,
    report: BackendReport,
    record: RuntimeRecord,
    hardware: Hardware,
    *,
    is_here: bool,
) -> PackPicture:
    unfit = why_not(pack, hardware)
    is_in_use, idle = _use(report, record, pack.backend, pack.id)
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
        is_in_use=is_in_use,
        reason=unfit or (shown.told if shown.has_failed and shown.pack == pack.id else idle),
        download_bytes=pack.download_bytes,
        installed_bytes=pack.installed_bytes,
        done_bytes=shown.done_bytes if is_busy else 0,
        licences=tuple(
            LicencePicture(of=each.of, name=each.name, address=each.address)
            for each in pack.licences
        ),
        trials=_trials(record, pack.build, pack.backend, pack.id),
    )


def _damaged(picture: PackPicture, faults: Mapping[str, str]) -> PackPicture:
    """The pack with what is wrong with its files, where something is."""
    if picture.id not in faults or picture.status == "unusable":
        return picture
    fault = faults[picture.id]
    return replace(picture, status="damaged", is_in_use=False, reason=fault, trials=())


def _use(report: BackendReport, record: RuntimeRecord, backend: str, pack: str) -> tuple[bool, str]:
    """Whether models that load now compute by it, and why not where its module is loaded.

    A module that is loaded finds no GPU on a machine without one, and says nothing of it.
    """
    key = (backend, pack)
    if key not in {(each.backend, each.pack) for each in report.modules if each.is_loaded}:
        return False, ""
    if backend in OF_PROCESSOR:
        return True, ""
    if record.wish == PROCESSOR:
        return False, "the processor alone was chosen"
    pairs = [device.pair for device in report.devices if device.pair is not None]
    proofs = [proof_of(record, pair) for pair in pairs if (pair.backend, pair.pack) == key]
    if any(proof is not None and proof.is_good for proof in proofs):
        return True, ""
    if proofs:
        return False, "not tried yet" if None in proofs else ""
    if _trials(record, report.build, backend, pack):
        # They say which GPUs are off.
        return False, ""
    return False, "its GPUs are used by another" if pairs else "finds no GPU"


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
