"""Store: runtime packs on the disk, and the record of what was proved of them.

    <data>/runtimes/record.json       the record (core/runtime/record.py)
                    plan.json         what engines read of it
                    verified.json     which files of packs were read (verified.py)
                    manifest.json     the publisher's last word, as it came
                    cuda13-1.2/       one version of one pack: its files, and signed.json
                    .work/            what is on its way

A pack is whole or not there: it is unpacked beside and put in its place by one rename. Its folder
keeps the signed word that it came by, so that what lies there can be compared with what was signed:
a pack with another file than was signed is in no plan, so no engine opens it.
"""

import hashlib
import logging
import os
import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import AthanorError
from app.core.release.envelope import ENVELOPE_BYTES_MAX, SENTENCES, Refusal
from app.core.runtime.packs import Archive, Pack, PacksManifest, numbers
from app.core.runtime.record import ModulePlan, PackFolder, RuntimeRecord, plan_of
from app.server.node.runtimes.verified import Verified

log = logging.getLogger(__name__)

PIECE_BYTES: Final = 1024**2
SIGNED: Final = "signed.json"
WORK: Final = ".work"

Open = Callable[[bytes], PacksManifest | Refusal]
"""Reads a signed manifest that was believed when it came: no date is asked for."""


class PackDamaged(AthanorError):
    """What arrived, or lies on the disk, is not what was signed."""

    kind = "hub_refused"


@final
class Store:
    """The folder. Its methods block."""

    def __init__(self, folder: Path, open_kept: Open) -> None:
        self.folder = folder
        self._open = open_kept
        self._writing = threading.RLock()
        """The record and plans are written for orders and for listings, in threads of their own."""
        self._verified = Verified(folder)
        self.record = self._read_record()
        self.plans = 0
        """Rises with every plan that names other packs, or other files of them, than the last."""
        self._planned = self._read_planned()

    # --- the record ---

    def change(self, change: Callable[[RuntimeRecord], RuntimeRecord]) -> None:
        """Remembers what `change` makes of the record as it is by then, whoever else changed it
        meanwhile; engines that start from now on go by it. Raises: OSError."""
        with self._writing:
            self.record = change(self.record)
            self._write("record.json", self.record)
            self.renew_plan()

    def keep_number(self, number: int) -> None:
        """No list of a lower number is believed from now on. Raises: OSError."""
        self.change(lambda record: replace(record, number=number))

    def renew_plan(self) -> None:
        """Writes what engines read, by the packs that are there now. Raises: OSError."""
        with self._writing:
            plan = self.plan()
            self._write("plan.json", plan)
            if plan.packs != self._planned:
                self.plans += 1
                self._planned = plan.packs

    def refresh(self) -> None:
        """The same, where a pack came, went or was changed since. Raises: OSError."""
        with self._writing:
            if self.plan().packs != self._planned:
                self.renew_plan()

    def plan(self) -> ModulePlan:
        """What engines load now."""
        return plan_of(self.record, self.folders())

    def write_plan(self, name: str, plan: ModulePlan) -> Path:
        """A plan for a trial, in a file of its own. Raises: OSError."""
        return self._write(name, plan)

    def _read_planned(self) -> tuple[PackFolder, ...]:
        try:
            raw = (self.folder / "plan.json").read_bytes()
            return msgspec.json.decode(raw, type=ModulePlan).packs
        except (OSError, msgspec.DecodeError):
            return ()

    def _read_record(self) -> RuntimeRecord:
        path = self.folder / "record.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=RuntimeRecord)
        except FileNotFoundError:
            return RuntimeRecord()
        except (OSError, msgspec.DecodeError) as error:
            # All is tried again then, which takes a minute.
            log.warning("the record of back ends cannot be read", extra={"reason": str(error)})
            return RuntimeRecord()

    def _write(self, name: str, value: msgspec.Struct) -> Path:
        return self.write_bytes(name, msgspec.json.format(msgspec.json.encode(value)) + b"\n")

    def write_bytes(self, name: str, content: bytes) -> Path:
        """The file in one step: whoever reads it meets the old or the new. Raises: OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / name
        beside = path.with_name(f".{name}.new")
        with self._writing:
            beside.write_bytes(content)
            os.replace(beside, path)
        return path

    # --- the manifest ---

    def manifest(self) -> tuple[bytes, PacksManifest] | None:
        """The publisher's last word, as it came and read; None where there is none to believe."""
        return self._signed(self.folder / "manifest.json")

    def keep_manifest(self, raw: bytes) -> None:
        """Remembers it. Raises: OSError."""
        self.write_bytes("manifest.json", raw)

    def _signed(self, path: Path) -> tuple[bytes, PacksManifest] | None:
        try:
            with path.open("rb") as file:
                raw = file.read(ENVELOPE_BYTES_MAX + 1)
        except OSError:
            return None
        found = self._open(raw)
        if isinstance(found, Refusal):
            log.warning("not believed", extra={"file": path.name, "why": SENTENCES[found]})
            return None
        return raw, found

    # --- packs ---

    def installed(self) -> list[Pack]:
        """Every pack whose signed word is believed, newest first."""
        found = []
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            signed = self._signed(folder / SIGNED)
            packs = signed[1].packs if signed else ()
            found += [pack for pack in packs if pack.id == folder.name]
        return sorted(found, key=lambda pack: (numbers(pack.version), pack.name), reverse=True)

    def folders(self) -> tuple[PackFolder, ...]:
        """The installed packs that are what was signed, as engines need to know them."""
        return tuple(self.folder_of(p) for p in self.installed() if not self._verified.fault(p))

    def faults(self) -> dict[str, str]:
        """By its id, what is wrong with each installed pack that is not what was signed."""
        found = {pack.id: self._verified.fault(pack) for pack in self.installed()}
        return {pack: fault for pack, fault in found.items() if fault}

    def folder_of(self, pack: Pack) -> PackFolder:
        """One pack, installed or about to be."""
        return PackFolder(
            pack=pack.id,
            folder=str(self.folder / pack.id),
            backend=pack.backend,
            build=pack.build,
            preload=pack.preload,
            files=self._verified.seen(pack),
        )

    def work(self, pack: Pack) -> Path:
        """Where the pack's archives lie until it is installed."""
        return self.folder / WORK / pack.id

    def install(self, pack: Pack, signed: bytes) -> None:
        """Unpacks the archives in `work`, compares every file, and puts the pack in its place.

        Raises: PackDamaged, OSError.
        """
        work = self.work(pack)
        beside = work / "unpacked"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, mode=0o700)
        try:
            for archive in pack.archives:
                _unpack(work / archive.name, archive, beside)
        except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
            raise PackDamaged(
                f"{pack.title} cannot be unpacked ({type(error).__name__})",
                remedy="Tell the publisher; nothing was changed.",
            ) from None
        (beside / SIGNED).write_bytes(signed)
        target = self.folder / pack.id
        shutil.rmtree(target, ignore_errors=True)
        os.replace(beside, target)
        self._verified.take(pack)
        shutil.rmtree(work, ignore_errors=True)

    def is_damaged(self, name: str) -> bool:
        """Whether the installed pack of this id is not what was signed; all of it is read."""
        packs = [pack for pack in self.installed() if pack.id == name]
        return any(self._verified.fault(pack, anew=True) for pack in packs)

    def check(self, pack: Pack) -> None:
        """Reads the installed files and compares them with what was signed. Raises: PackDamaged."""
        fault = self._verified.fault(pack, anew=True)
        if fault:
            raise PackDamaged(fault, remedy=remedy_of(pack.id))

    def remove(self, name: str) -> None:
        """Deletes the pack's folder. Raises: OSError, as where a running engine holds a file."""
        target = self.folder / name
        gone = self.folder / WORK / f"{name}.gone"
        gone.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(target, gone)
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(self.folder / WORK / name, ignore_errors=True)
        self._verified.forget(name)


def remedy_of(pack: str) -> str:
    """What helps where the files of the pack of this id are not what was signed."""
    return f"Install it again: `athanor runtime install {pack}`."


def _unpack(path: Path, archive: Archive, folder: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        for file in archive.files:
            digest, size = hashlib.sha256(), 0
            target = folder / file.name
            with packed.open(file.member) as content, target.open("xb") as out:
                while piece := content.read(PIECE_BYTES):
                    size += len(piece)
                    if size > file.size_bytes:
                        break
                    digest.update(piece)
                    out.write(piece)
            if size != file.size_bytes or digest.hexdigest() != file.sha256:
                raise PackDamaged(
                    f"{file.name} in {archive.name} is not what was signed",
                    remedy="Tell the publisher; nothing was changed.",
                )
            if target.suffix != ".txt":
                target.chmod(0o755)
