"""The service of a user, as systemd reads it and as systemd ends it."""

import configparser
import sys
from pathlib import Path

import pytest

from app.settings.schema import Settings
from tests.packaging.installers.support import PACKAGING, ROOT, needs, ran
from tests.packaging.installers.user_manager import NAMESPACES, START, SYSTEMD, group_of_its_own
from tests.support.node import put_toy

UNIT = PACKAGING / "linux/files/athanor.service"
HELD_UP = 20.0
"""Seconds that the rest of an end may take: the pool's farewell, connections, the database."""

ASKS = """
import json, sys, urllib.request
ready = json.loads(open(sys.argv[1]).readline())
body = {"model": "toy", "stream": True, "messages": [{"role": "user", "content": "word " * 60}]}
request = urllib.request.Request(
    ready["addresses"][0] + "/chat/completions",
    json.dumps(body).encode(),
    {"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=60) as answer:
    while b'"content":"' not in (line := answer.readline()) or b'"content":""' in line:
        assert line
    print("begun", flush=True)
    print(answer.read().decode().split()[-1])
"""
"""Asks the server whose first line is in the file; says when the answer has begun, and its end."""


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds case
    parser.read(UNIT)
    return parser


def test_the_server_alone_is_told_to_end_and_has_more_time_than_its_answers() -> None:
    service = unit()["Service"]

    assert service["KillMode"] == "mixed"
    grace = Settings().server.stop_grace_seconds
    assert service.getfloat("TimeoutStopSec") >= grace + HELD_UP


def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    needs("systemd-analyze")
    file = tmp_path / "athanor.service"
    # The program is not installed here, and neither is its manual.
    file.write_text(UNIT.read_text().replace("/usr/bin/athanor", sys.executable))

    told = ran(
        ["systemd-analyze", "--user", "--man=no", "verify", file],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )

    assert "athanor.service" not in told


@pytest.mark.bundle
@pytest.mark.parametrize("kill_mode", ["mixed", "control-group"])
def test_systemd_ends_the_service_after_the_answers_under_way(
    kill_mode: str, tmp_path: Path
) -> None:
    """Ours tells the server alone; one that says nothing tells the engines too."""
    if not SYSTEMD.exists():
        pytest.skip(f"needs {SYSTEMD}")
    home, ready = tmp_path / "home", tmp_path / "ready"
    toy = put_toy(home, step_seconds=0.005)
    units = tmp_path / ".config/systemd/user"
    units.mkdir(parents=True)
    serve = f"{sys.executable} -m app serve --json --port 0 --model {toy}"
    text = UNIT.read_text().replace("/usr/bin/athanor serve", serve)
    assert serve in text
    text = text.replace("KillMode=mixed", f"KillMode={kill_mode}")
    drop_in = (
        f"\n[Service]\nWorkingDirectory={ROOT}\nStandardOutput=file:{ready}\nStandardError=null\n"
        f"Environment=ATHANOR_HOME={home} PYTHONPATH={ROOT}\n"
    )
    (units / "athanor.service").write_text(text + drop_in)
    script = (
        f"{START} systemctl --user start athanor.service\n"
        f"while ! [ -s {ready} ]; do sleep 0.1; done\n"
        f'"$1" -c "$2" {ready} >{tmp_path}/answer & asking=$!\n'
        f"while ! [ -s {tmp_path}/answer ]; do kill -0 $asking; sleep 0.05; done\n"
        "systemctl --user stop athanor.service\n"
        "wait $asking\n"
        "systemctl --user show --property Result,ExecMainStatus,ActiveState athanor.service\n"
        f"cat {tmp_path}/answer\n"
    )

    with group_of_its_own() as joining:
        inner = f"set -e\n{joining}mount -t proc proc /proc\n{script}"
        command = [*NAMESPACES, "sh", "-c", inner, "sh", sys.executable, ASKS]
        told = ran(command, env={"HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    assert told.split()[-2:] == ["begun", "[DONE]"]
    assert "Result=success" in told
    assert "ActiveState=inactive" in told
