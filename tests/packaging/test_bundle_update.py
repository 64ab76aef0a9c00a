"""The built bundle updates itself: fetched, unpacked, handed over to, and gone back from.

The version that runs first is the real bundle, frozen; the next one is a folder of the test's own.
`BUNDLE=FOLDER` names another bundle than dist/athanor.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client.client import Client
from app.client.restarted import wait_for_successor
from app.settings.paths import Paths
from tests.support.bundles import pack_bundle
from tests.support.publisher_site import publisher_site
from tests.support.release_keys import PublishersKey
from tests.tidy.source import ROOT

BUNDLE = Path(os.environ.get("BUNDLE", ROOT / "dist" / "athanor"))
NEXT = "99.0.0"
KEY = PublishersKey()

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="archives are Linux's"),
    pytest.mark.skipif(not (BUNDLE / "athanor").exists(), reason="needs dist/athanor: make bundle"),
]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of the bundle that believes this test's key."""
    copy = tmp_path / "apps" / "athanor"
    shutil.copytree(BUNDLE, copy, symlinks=True)
    keys = next(copy.rglob("release-keys.toml"))
    keys.write_text(f'[[key]]\nid = "{KEY.known.id}"\npublic = "{KEY.known.public}"\n')
    return copy / "athanor"


@pytest.fixture
def paths(tmp_path: Path, program: Path) -> Iterator[Paths]:
    """Of the bundle's node, which serves in an empty environment and sees the next version."""
    with publisher_site(tmp_path / "site", KEY, now=int(time.time())) as site:
        site.publish(NEXT, _packed(tmp_path))
        environment = {
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "ATHANOR_HOME": str(tmp_path / "home"),
            "ATHANOR_SERVER_PORT": "0",
            "ATHANOR_UPDATES_ADDRESS": site.address,
        }
        command = [program, "serve", "--json"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline(), "the bundle does not serve"
            process.stdout.close()
            try:
                yield Paths.under(tmp_path / "home")
            finally:
                process.terminate()
                assert process.wait(60) == 0


def _packed(folder: Path) -> Path:
    """As a release is packed, where zstd is here to do it."""
    archive = pack_bundle(folder, NEXT)
    if shutil.which("zstd") is None:
        return archive
    packed = folder / f"athanor-{NEXT}-linux.tar.zst"
    command = ["tar", "--zstd", "-c", "-f", packed, "athanor"]
    subprocess.run(command, cwd=folder / f"made-{NEXT}", check=True)
    return packed


def _version(program: Path) -> str:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    return said.stdout.split()[1]


def test_a_frozen_bundle_restarts_for_the_next_version_and_comes_back(
    program: Path, paths: Paths
) -> None:
    before = _version(program)
    with Client.find(paths) as client:
        client.install_update(now=False)
        ended = client.lock
    there = wait_for_successor(ended, NEXT, paths, seconds_max=120)
    assert there.is_there, (paths.logs / "update.log").read_text()
    assert _version(program) == NEXT

    with Client.find(paths) as client:
        client.go_back(now=False)
        ended = client.lock
    back = wait_for_successor(ended, before, paths, seconds_max=120)

    assert back.is_there, (paths.logs / "update.log").read_text()
    assert _version(program) == before
