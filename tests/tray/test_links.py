"""Laws of `athanor open`: it starts what is missing, and gives the link to what runs already."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.tray.panel.apple_links import DIRECT_OBJECT, GET_URL, four_letters
from tests.support.node import RunningNode, put_toy
from tests.tray.conftest import Browser, needs_bus
from tests.tray.host import WAIT_SECONDS, Desktop
from tests.tray.process import end_server, tray_process

INVITE = "athanor://join/AFRHAFRHAFRH"


def open_link(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What the system runs when a link is clicked."""
    own = {"ATHANOR_SERVER_PORT": "0", "ATHANOR_MODELS_FOLDERS": str(put_toy(home))}
    return subprocess.run(
        [sys.executable, "-m", "app", "open", f"--home={home}", "--", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SECONDS,
        env={**os.environ, **own, **environment},
    )


def trays_of(home: Path) -> list[psutil.Process]:
    """The trays that run in this home, by what they were started with."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "tray" in line and "--link" in line and _home_of(process) == str(home):
            found.append(process)
    return found


def _home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("ATHANOR_HOME", "")
    except psutil.Error:
        return ""


@needs_bus
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_link_starts_the_tray_and_its_invite_is_in_no_command_line(
    home: Path, desktop: Desktop, browser: Browser
) -> None:
    answer = open_link(home, INVITE)
    try:
        desktop.wait_for_item()
        visited = browser.next_visit()
        lines = [" ".join(tray.cmdline()) for tray in trays_of(home)]
    finally:
        for tray in trays_of(home):
            tray.kill()
        end_server(home)

    assert answer.returncode == 0, answer.stderr
    assert "page=invite" in visited
    assert len(lines) == 1
    assert not any("AFRH" in text for text in (*lines, visited))


@needs_bus
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_link_goes_to_the_server_that_runs_and_no_second_tray_stays(
    home: Path, desktop: Desktop, browser: Browser
) -> None:
    with tray_process(home, "--background"):
        desktop.wait_for_item()
        desktop.menu_with("Copy API address")

        answer = open_link(home, "athanor://models")

        assert answer.returncode == 0, answer.stderr
        assert "page=models" in browser.next_visit()
        assert trays_of(home) == []


def test_without_a_screen_the_address_is_printed(node: RunningNode) -> None:
    nothing = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}

    answer = open_link(node.home, "athanor://logs", **nothing)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(node.root_url)
    assert "page=logs" in answer.stdout


def test_without_a_screen_and_a_server_it_is_said_what_to_start(tmp_path: Path) -> None:
    answer = open_link(tmp_path, INVITE, DISPLAY="", WAYLAND_DISPLAY="")

    assert answer.returncode != 0
    assert "athanor serve" in answer.stderr
    assert "AFRH" not in answer.stderr + answer.stdout


@pytest.mark.parametrize(
    "words", [["https://example.org"], ["--home=/etc"], ["athanor://", "--home=/etc"]]
)
def test_a_strangers_words_are_a_link_or_nothing(tmp_path: Path, words: list[str]) -> None:
    answer = open_link(tmp_path, *words, DISPLAY="", WAYLAND_DISPLAY="")

    assert answer.returncode != 0
    assert not Path("/etc/data").exists()


def test_apples_codes_are_their_four_letters() -> None:
    assert (GET_URL, DIRECT_OBJECT) == (0x4755524C, 0x2D2D2D2D)
    assert four_letters("GURL") == GET_URL
