"""The Debian package in a clean system: installed, used by an ordinary user, upgraded, purged."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.installers.support import BUNDLE, KEPT, needs, ran
from tests.packaging.installers.user_manager import START, group_of_its_own

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(1800)]

SUITE = "bookworm"
PROGRAM = "usr/lib/athanor/athanor"
INSTALL = "apt-get install --yes --no-install-recommends /tmp/athanor.deb"
"""As its users do it, but without what it can use and does not need: nothing is fetched."""
UPGRADE = INSTALL.replace("athanor.deb", "newer.deb")
NEW_FILE, DROPPED_FILE = "usr/lib/athanor/newer", "usr/share/fish/vendor_completions.d/athanor.fish"
LEFT = f"for one in /proc/[0-9]*; do [ $(readlink $one/exe) != /{PROGRAM} ] || echo left; done"
PURGE = "apt-get purge --yes athanor"
CHANGED_BY_DPKG = ("var/", "proc/", "sys/", "dev/", "tmp/", "home/", "run/", "root/")
ALSO_CHANGED = frozenset({"etc/ld.so.cache"})


class CleanRoot:
    """A system of its own in a folder: its files, its processes, this machine's kernel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, script: str, *, user: str = "root", first: str = "") -> list[str]:
        """What runs a shell's script in it, with a process namespace that ends with it.

        `first` is run outside of it, as root, in the same namespaces.
        """
        mounted = f'mount -t proc proc "{self.folder}/proc"'
        inner = f'set -e\n{first}{mounted}\nexec chroot "{self.folder}" "$@"'
        shell = ["su", "-", user, "-c", script] if user != "root" else ["sh", "-c", script]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                "sh", "-c", inner, "sh", *shell]  # fmt: skip

    def run(self, script: str, *, user: str = "root", first: str = "") -> str:
        """What the script prints; fails where it does."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return ran(
            self.command(script, user=user, first=first),
            env=environment | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
        )

    def files(self) -> set[str]:
        """All that is in it but what every package changes."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))
        return {path for path in found if not path.startswith(CHANGED_BY_DPKG)} - ALSO_CHANGED


@pytest.fixture(scope="module")
def package() -> Path:
    found = sorted(BUNDLE.parent.glob("athanor_*.deb"))
    if not found:
        pytest.skip("needs dist/athanor_*.deb: make deb")
    return found[-1]


@pytest.fixture(scope="module")
def base() -> Path:
    """A minimal system, made once and kept beside the other output."""
    needs("debootstrap", "unshare", "chroot", "dpkg-deb")
    if os.geteuid() != 0:
        pytest.skip("needs root: a clean root is made of mounts and other users")
    base = KEPT / f"root-{SUITE}-with-systemd"
    if not (base / "usr/bin/dpkg").exists():
        shutil.rmtree(base, ignore_errors=True)
        base.parent.mkdir(parents=True, exist_ok=True)
        try:
            ran(["debootstrap", "--variant=minbase", "--include=systemd", SUITE, base])
        except AssertionError as error:
            shutil.rmtree(base, ignore_errors=True)
            pytest.skip(f"debootstrap could not make a system: {str(error)[-300:]}")
    return base


@pytest.fixture(scope="module")
def newer(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a later version, which has one file more and one less."""
    folder = tmp_path_factory.mktemp("newer")
    root, newer = folder / "root", folder / "newer.deb"
    ran(["dpkg-deb", "-R", package, root])
    control = root / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 0.1.1-1", control.read_text()))
    (root / NEW_FILE).touch()
    (root / DROPPED_FILE).unlink()
    ran(["dpkg-deb", "-Znone", "--root-owner-group", "--build", root, newer])
    shutil.rmtree(root)
    return newer


@pytest.fixture
def clean(base: Path, tmp_path: Path, package: Path) -> Iterator[CleanRoot]:
    folder = tmp_path / "root"
    ran(["cp", "-a", "--reflink=auto", base, folder])
    shutil.copy(package, folder / "tmp/athanor.deb")
    made = CleanRoot(folder)
    made.run("useradd --create-home --shell /bin/bash anna")
    yield made
    shutil.rmtree(folder)


def test_a_user_of_a_clean_system_installs_it_and_gets_an_answer(clean: CleanRoot) -> None:
    clean.run(INSTALL)

    told = clean.run('athanor run "What is this program?" 2>/dev/null', user="anna")

    assert "GPU" in told
    assert "athanor 0." in clean.run("athanor --version")
    assert clean.run("command -v python3 || echo none").strip() == "none"


def test_all_that_a_desktop_looks_for_is_where_it_looks(clean: CleanRoot) -> None:
    clean.run(INSTALL)

    share = clean.folder / "usr/share"
    icons = {path.parent.parent.name for path in share.glob("icons/hicolor/*/apps/*")}
    assert {"16x16", "32x32", "48x48", "256x256", "scalable"} <= icons
    assert (share / "applications/org.athanor.Athanor.desktop").is_file()
    assert (share / "metainfo/org.athanor.Athanor.metainfo.xml").is_file()
    assert (share / "man/man1/athanor.1.gz").is_file()
    assert (share / "bash-completion/completions/athanor").is_file()
    assert (clean.folder / "usr/lib/systemd/user/athanor.service").is_file()


def test_an_upgrade_ends_a_running_server_in_order_before_its_files_go(
    clean: CleanRoot, newer: Path
) -> None:
    shutil.copy(newer, clean.folder / "tmp/newer.deb")
    clean.run(INSTALL)
    clean.run("athanor settings set models.starter true >/dev/null", user="anna")

    # One script, since processes end with their namespace.
    told = clean.run(
        "su - anna -c 'athanor serve --json --port 0 >/tmp/ready 2>/tmp/log; echo $? >/tmp/ended' &"
        " while ! [ -s /tmp/ready ]; do sleep 0.2; done;"
        f" {UPGRADE} && wait && cat /tmp/ended && {LEFT}"
    )

    assert "Athanor is running and is asked to end" in told
    assert "Start it again" in told
    assert told.splitlines()[-1] in {"0", "143"}
    assert "0.1.1-1" in clean.run("dpkg-query --show athanor")
    assert (clean.folder / NEW_FILE).exists() and not (clean.folder / DROPPED_FILE).exists()
    assert "starter" in clean.run("cat .config/athanor/config.toml", user="anna")


def test_after_an_upgrade_the_service_of_a_user_runs_again(clean: CleanRoot, newer: Path) -> None:
    shutil.copy(newer, clean.folder / "tmp/newer.deb")
    clean.run(INSTALL)
    pid = "systemctl --user show --property MainPID --value athanor.service"
    groups = f'mkdir -p "{clean.folder}/sys/fs/cgroup"\n'
    groups += f'mount --rbind /sys/fs/cgroup "{clean.folder}/sys/fs/cgroup"\n'
    answers = "until athanor status --json >/dev/null 2>&1; do sleep 0.2; done\n"

    with group_of_its_own() as joining:
        told = clean.run(
            f"set -e\nexport HOME=/root\n{START}"
            f"systemctl --user enable --now athanor.service\n{answers}"
            f"echo before $({pid})\n{UPGRADE}\n{answers}"
            f"echo after $({pid})\n"
            f"athanor stop\n{UPGRADE} --reinstall\n"
            "echo stopped: $(systemctl --user is-active athanor.service || true)\n",
            first=joining + groups,
        )

    before, after = (re.search(rf"^{word} (\d+)$", told, re.M) for word in ("before", "after"))
    assert before and after
    assert int(before[1]) and int(after[1]) and before[1] != after[1]
    assert "Athanor's service of user 0 runs again." in told
    # Who stopped it has it stopped.
    assert told.count("runs again") == 1
    assert "stopped: inactive" in told


def test_a_purge_leaves_the_system_as_it_was_and_the_users_data_alone(clean: CleanRoot) -> None:
    before = clean.files()
    clean.run(INSTALL)
    clean.run("athanor settings set models.starter true >/dev/null", user="anna")

    clean.run(PURGE)

    assert clean.files() == before
    assert list((clean.folder / "home/anna/.config/athanor").iterdir())


def test_what_a_user_switched_on_stays_in_the_home_after_a_purge_and_does_nothing(
    clean: CleanRoot,
) -> None:
    """docs/install.md, "Removing", says which files these are."""
    home = clean.folder / "home/anna"
    kept = {path.relative_to(home) for path in home.rglob("*")}
    clean.run(INSTALL)
    clean.run("athanor autostart on && athanor links on", user="anna")

    clean.run(PURGE)

    left = {path.relative_to(home) for path in home.rglob("*") if path.is_file()} - kept
    assert {path.as_posix() for path in left} == {
        ".config/autostart/athanor.desktop",
        ".config/mimeapps.list",
        ".local/share/applications/athanor-links.desktop",
    }
    entries = [home / path for path in left if path.suffix == ".desktop"]
    for entry in entries:
        tried = re.search(r"(?m)^TryExec=(.+)$", entry.read_text())
        assert tried
        assert not (clean.folder / tried[1].lstrip("/")).exists()
