"""Bundles for tests: the program in a folder of its own, as any version, in two small files.

A script stands where a frozen program has its executable. It runs the code of this project under
the version that it was made with, or fails as a bad build would. Archives of such folders are what
an update brings.
"""

import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.support.publisher_site import publisher_site
from tests.support.release_keys import PublishersKey
from tests.tidy.source import ROOT

Fault = Literal["", "no_start", "never_serves", "hangs", "wrong_version"]
"""no_start: the executable itself fails. never_serves: a server migrates the data, and ends
before it serves. hangs: a server never serves and never ends, whoever asks it to."""

_SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export ATHANOR_PROGRAM="$here/athanor" ATHANOR_ASSETS="{assets}" PYTHONPATH="$here/lib"
exec "{python}" -P -m app "$@"
"""

_PACKAGE = """
import sys
__version__ = "{version}"
__path__ = ["{code}"]
if {never_serves} and "serve" in sys.argv:
    # It has migrated the database already, with the copy that is made before.
    import os, sqlite3
    database = os.environ["ATHANOR_HOME"] + "/data/athanor.db"
    with sqlite3.connect(database) as changed:
        number = changed.execute("pragma user_version").fetchone()[0]
        if not os.path.exists(f"{{database}}.schema-{{number - 1}}"):
            changed.backup(sqlite3.connect(f"{{database}}.schema-{{number}}"))
            changed.execute(f"pragma user_version = {{number + 1}}")
    sys.exit(3)
if {hangs} and "serve" in sys.argv:
    import os, signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(os.environ["ATHANOR_HOME"] + "/hung", "a") as told:
        print(os.getpid(), file=told)
    while True:
        signal.pause()
"""


def put_bundle(
    folder: Path, version: str, *, fault: Fault = "", assets: Path | None = None
) -> Path:
    """A bundle in `folder`; its executable."""
    package = folder / "lib" / "app"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").write_text(
        _PACKAGE.format(
            version="9.9.9" if fault == "wrong_version" else version,
            code=ROOT / "app",
            never_serves=fault == "never_serves",
            hangs=fault == "hangs",
        )
    )
    program = folder / "athanor"
    script = _SCRIPT.format(assets=assets or ROOT / "assets", python=sys.executable)
    program.write_text("#!/bin/sh\nexit 1\n" if fault == "no_start" else script)
    program.chmod(0o755)
    return program


def pack_bundle(
    folder: Path, version: str, *, fault: Fault = "", assets: Path | None = None
) -> Path:
    """An archive of a bundle, beside others in `folder`, as a release has it."""
    inside = folder / f"made-{version}" / "athanor"
    put_bundle(inside, version, fault=fault, assets=assets)
    archive = folder / f"athanor-{version}-linux-x86_64.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(inside, "athanor")
    return archive


@contextmanager
def installed_bundle(
    folder: Path, *, now: int, fault: Fault = ""
) -> Iterator[tuple[Path, dict[str, str]]]:
    """0.1.0 in `apps/athanor`, and a place that announces 0.2.0: its program and environment."""
    key = PublishersKey()
    assets = folder / "assets"
    assets.mkdir()
    for each in (ROOT / "assets").iterdir():
        if each.name != "release-keys.toml":
            (assets / each.name).symlink_to(each)
    (assets / "release-keys.toml").write_text(
        f'[[key]]\nid = "{key.known.id}"\npublic = "{key.known.public}"\n'
    )
    program = put_bundle(folder / "apps" / "athanor", "0.1.0", assets=assets)
    with publisher_site(folder / "site", key, now=now) as site:
        site.publish("0.2.0", pack_bundle(folder, "0.2.0", fault=fault, assets=assets))
        yield (
            program,
            {
                "ATHANOR_HOME": str(folder / "home"),
                "ATHANOR_SERVER_PORT": "0",
                "ATHANOR_UPDATES_ADDRESS": site.address,
                "HF_HUB_OFFLINE": "0",
            },
        )
