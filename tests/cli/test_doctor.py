"""`athanor doctor` on this machine, with things put wrong one by one."""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from app.cli.doctor.engine import judge_gpus
from app.cli.doctor.finding import DoctorReport, Finding
from app.cli.exit_codes import Exit
from app.cli.main import main
from app.server.storage.data_folder import FORMAT_FILE
from app.server.storage.database import Database
from app.settings.paths import Paths

Captured = pytest.CaptureFixture[str]


def _report(capsys: Captured, *, code: int = Exit.OK) -> DoctorReport:
    assert main(["doctor", "--json"]) == code
    return msgspec.json.decode(capsys.readouterr().out, type=DoctorReport)


def _about(report: DoctorReport, about: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.about == about]


def test_everything_is_looked_at_and_nothing_is_written(home: Path, capsys: Captured) -> None:
    report = _report(capsys)

    abouts = {finding.about for finding in report.findings}
    assert abouts >= {"program", "memory", "settings", "folders", "disk", "backends", "device"}
    assert abouts >= {"models", "server"}
    assert [finding.message for finding in _about(report, "server")] == ["not running"]
    assert {path.name for path in home.iterdir()} <= {"cache"}


def test_a_wrong_setting_is_wrong_and_the_rest_is_still_looked_at(
    home: Path, capsys: Captured
) -> None:
    (home / "config.toml").write_text("[server]\nport = -1\n[engine]\nthreads = 'x'\n")

    report = _report(capsys, code=Exit.FAILED)

    assert not report.is_well
    assert [finding.verdict for finding in _about(report, "settings")] == ["wrong", "wrong"]
    assert "line 2: server.port is -1" in _about(report, "settings")[0].message
    assert _about(report, "backends")


def test_a_chosen_port_that_is_taken_is_wrong_and_has_a_way_out(
    home: Path, capsys: Captured
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (home / "config.toml").write_text(f"[server]\nport = {port}\n")

        report = _report(capsys, code=Exit.FAILED)

    (finding,) = _about(report, "port")
    assert finding.verdict == "wrong"
    assert f"{port} is taken by another program" in finding.message
    assert "settings set server.port" in finding.remedy


def test_a_models_folder_that_is_missing_and_a_broken_file_are_warnings(
    home: Path, capsys: Captured
) -> None:
    (home / "models").mkdir()
    (home / "models" / "bad.gguf").write_bytes(b"GGUF")
    missing = ("/nowhere/models", "~nobody of this name/models")
    (home / "config.toml").write_text(f"[models]\nfolders = {json.dumps(missing)}\n")

    report = _report(capsys)

    for folder in missing:
        assert any(folder in f.message for f in _about(report, "folders"))
    assert any("bad.gguf" in f.message for f in _about(report, "models"))


def test_data_of_a_newer_version_is_wrong(home: Path, capsys: Captured) -> None:
    data = Paths.under(home).data
    data.mkdir(exist_ok=True)
    (data / FORMAT_FILE).write_text('{"format": 99, "written_by": "9.0.0"}')

    report = _report(capsys, code=Exit.FAILED)

    (finding,) = (each for each in _about(report, "folders") if each.verdict == "wrong")
    assert "written by Athanor 9.0.0, which is newer" in finding.message
    assert finding.remedy.startswith("Update Athanor")


async def _made(database: Path) -> None:
    async with await Database.open(database):
        pass


def test_a_damaged_database_is_wrong_before_a_server_stumbles_over_it(
    home: Path, capsys: Captured
) -> None:
    database = Paths.under(home).database
    database.parent.mkdir(exist_ok=True)
    asyncio.run(_made(database))
    assert all(each.verdict == "ok" for each in _about(_report(capsys), "server"))
    database.write_bytes(b"this is no database" * 100)

    report = _report(capsys, code=Exit.FAILED)

    (finding,) = (each for each in _about(report, "server") if each.verdict == "wrong")
    assert str(database) in finding.message
    assert "move it away" in finding.remedy


@pytest.mark.skipif(sys.platform == "win32", reason="there a folder's mode forbids nothing")
@pytest.mark.skipif(
    sys.platform != "win32" and os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_that_cannot_be_written_is_wrong(home: Path, capsys: Captured) -> None:
    home.chmod(0o500)

    report = _report(capsys, code=Exit.FAILED)

    assert _about(report, "folders")[0].verdict == "wrong"


def test_words_are_one_line_a_finding_with_its_remedy_below(home: Path, capsys: Captured) -> None:
    (home / "config.toml").write_text("[server]\nport = -1\n")

    assert main(["doctor"]) == Exit.FAILED

    out = capsys.readouterr().out
    assert "wrong" in out and "line 2: server.port is -1" in out
    assert "Correct or remove what is named" in out


@pytest.mark.parametrize(
    ("has_gpu", "driven", "vendors", "verdict", "words"),
    [
        (True, ["RTX 4090"], {"NVIDIA"}, "ok", "RTX 4090, driver"),
        (False, ["RTX 4090"], {"NVIDIA"}, "wrong", "-DGGML_CUDA=on"),
        (False, [], {"NVIDIA", "Intel"}, "wrong", "driver does not answer"),
        (False, [], {"AMD"}, "warning", "-DGGML_VULKAN=on"),
        (False, [], set(), "note", "models run on the CPU"),
    ],
)
def test_a_gpu_that_is_not_used_is_told_with_the_reason(
    has_gpu: bool, driven: list[str], vendors: set[str], verdict: str, words: str
) -> None:
    (finding,) = judge_gpus(has_gpu=has_gpu, driven=driven, vendors=vendors)

    assert finding.verdict == verdict
    assert words in finding.message + finding.remedy
    assert bool(finding.remedy) == (verdict in {"wrong", "warning"})


def test_a_gpu_that_is_used_needs_no_word_without_nvidias_driver() -> None:
    assert not list(judge_gpus(has_gpu=True, driven=[], vendors={"AMD"}))
