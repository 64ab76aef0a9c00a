"""The doctor names every GPU that was switched off, and what to do."""

from pathlib import Path

import msgspec

from app.cli.doctor.runtimes import check_runtimes
from app.core.runtime.record import Pair, Proof, RuntimeRecord
from app.settings.paths import Paths

CARD = Pair(device="Some GPU", backend="vulkan", build="1")


def _kept(folder: Path, raw: bytes) -> Paths:
    paths = Paths.under(folder)
    paths.runtimes.mkdir(parents=True)
    (paths.runtimes / "record.json").write_bytes(raw)
    return paths


def test_what_failed_is_a_warning_with_its_reason_and_what_passed_is_well(tmp_path: Path) -> None:
    failed = Proof(pair=CARD, is_good=False, at=1.0, reason="it crashed")
    passed = Proof(pair=CARD, is_good=True, at=1.0)
    record = RuntimeRecord(wish="cpu", proofs=(failed, passed))

    found = list(check_runtimes(_kept(tmp_path, msgspec.json.encode(record))))

    assert [finding.verdict for finding in found] == ["note", "warning", "ok"]
    assert "it crashed" in found[1].message
    assert "athanor runtime test vulkan" in found[1].remedy


def test_nothing_is_said_where_nothing_was_tried_and_a_damaged_record_is(tmp_path: Path) -> None:
    assert list(check_runtimes(Paths.under(tmp_path / "none"))) == []
    assert [f.verdict for f in check_runtimes(_kept(tmp_path, b"\x00"))] == ["warning"]
