"""A real systemd of a user, in processes, mounts and control groups of its own.

For tests as root: its user is root, whom it serves as it does anybody. It needs no booted systemd;
all that it started ends with the namespace, and its control groups are removed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.packaging.installers.support import needs

SYSTEMD: Final = Path("/lib/systemd/systemd")
HIERARCHIES: Final = Path("/sys/fs/cgroup")

NAMESPACES: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child")

START: Final = f"""
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/user/0
export XDG_RUNTIME_DIR=/run/user/0
{SYSTEMD} --user --unit=basic.target >/dev/null 2>&1 &
while ! [ -S /run/user/0/systemd/private ]; do kill -0 $! || exit 77; sleep 0.1; done
"""
"""What a shell in such namespaces, with a /proc of its own, does to have one. It waits for it."""


@contextmanager
def group_of_its_own() -> Iterator[str]:
    """The shell's lines that put it into a control group which is gone after the block."""
    needs("unshare")
    if os.geteuid() != 0:
        pytest.skip("needs root: a systemd of its own is made of mounts and control groups")
    name = f"athanor-test-{os.getpid()}"
    # Where old kernels and containers have hierarchies apart, systemd has one of its own or two.
    found = [HIERARCHIES / place for place in ("unified", "systemd", ".")]
    groups = [folder / name for folder in found if _is_group(folder)]
    try:
        for group in groups:
            _make(group)
        yield "".join(f'echo $$ >"{group}/cgroup.procs"\n' for group in groups)
    finally:
        for hierarchy in (HIERARCHIES, *HIERARCHIES.iterdir()):
            _remove(hierarchy / name)


def _is_group(folder: Path) -> bool:
    return (folder / "cgroup.procs").exists()


def _make(group: Path) -> None:
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs control groups that can be made: {error}")


def _remove(group: Path) -> None:
    """The group and those in it; a file of the kernel's goes with its folder."""
    if _is_group(group):
        for below in sorted(group.rglob("*/"), key=lambda path: -len(path.parts)):
            if below.is_dir():
                below.rmdir()
        group.rmdir()
