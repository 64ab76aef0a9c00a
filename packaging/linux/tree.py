"""The tree of a Debian package: every file where the system looks for it, with its right mode."""

import datetime
import gzip
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import product
import texts

FILES: Final = Path(__file__).with_name("files")
ICON_SIZES: Final = (16, 22, 24, 32, 48, 64, 128, 256, 512)
_PROGRAM: Final = Path("usr/lib/athanor")
_SHARE: Final = Path("usr/share")
_COMPLETIONS: Final = {
    "bash": "bash-completion/completions/athanor",
    "zsh": "zsh/vendor-completions/_athanor",
    "fish": "fish/vendor_completions.d/athanor.fish",
}
_SCRIPTS: Final = ("prerm", "postinst")


def make_tree(root: Path, bundle: Path, release: texts.Release, *, python: Path) -> None:
    """Fills the empty folder `root`. `python` has the program's dependencies, to draw from it.

    Raises: OSError, CalledProcessError.
    """
    shutil.copytree(bundle, root / _PROGRAM, symlinks=True)
    link = root / "usr/bin/athanor"
    link.parent.mkdir(parents=True)
    link.symlink_to("../lib/athanor/athanor")
    share = root / _SHARE
    _put(share / "applications" / texts.DESKTOP_FILE, _template("athanor.desktop", release))
    _put(share / "applications" / texts.LINKS_FILE, _template(texts.LINKS_FILE, release))
    _put(share / "metainfo" / texts.METAINFO_FILE, texts.metainfo(release))
    _put(root / "usr/lib/systemd/user/athanor.service", _template("athanor.service", release))
    _put(
        share / "lintian/overrides/athanor",
        texts.overrides(_template("lintian-overrides", release)),
    )
    document = share / "doc/athanor"
    _put(document / "copyright", texts.copyright_(release))
    _put_packed(document / "changelog.gz", (product.ROOT / "CHANGELOG.md").read_bytes())
    _put_packed(document / "changelog.Debian.gz", texts.changelog(release).encode())
    _manual(share / "man/man1/athanor.1.gz", release, python)
    _icons(share / "icons/hicolor", python)
    for shell, place in _COMPLETIONS.items():
        told = subprocess.run(
            [bundle / product.COMMAND, "completion", shell], check=True, capture_output=True
        )
        _put(share / place, told.stdout.decode())
    _set_modes(root)
    _put(root / "DEBIAN/control", texts.control(release))
    for script in _SCRIPTS:
        _put(root / "DEBIAN" / script, _template(script, release), mode=0o755)
    (root / "DEBIAN").chmod(0o755)


def set_times(root: Path, epoch: int) -> None:
    """Every file as old as the release: the same source gives the same package, byte by byte."""
    for path in [root, *root.rglob("*")]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _template(name: str, release: texts.Release) -> str:
    return texts.filled((FILES / name).read_text("utf-8"), release)


def _manual(target: Path, release: texts.Release, python: Path) -> None:
    page = product.BUILD / "athanor.1"
    script = Path(__file__).with_name("man.py")
    subprocess.run([python, script, page, release.day], check=True)
    _put_packed(target, page.read_bytes())


def _icons(theme: Path, python: Path) -> None:
    """Each size drawn for itself, and the drawing of lines for all others."""
    drawing = theme / "scalable/apps" / f"{product.IDENTIFIER}.svg"
    _put(drawing, (product.ROOT / "assets/icons/athanor.svg").read_text("utf-8"))
    for size in ICON_SIZES:
        icon = theme / f"{size}x{size}/apps/{product.IDENTIFIER}.png"
        icon.parent.mkdir(parents=True, exist_ok=True)
        script = f"import draw; draw.draw_app_icon({size}).save({str(icon)!r}, optimize=True)"
        subprocess.run(
            [python, "-c", script],
            check=True,
            env={**os.environ, "PYTHONPATH": str(product.ROOT / "packaging/icons")},
        )


def _put(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def _put_packed(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


def _set_modes(root: Path) -> None:
    """Folders and the program 755, all else 644, whatever the builder's umask was."""
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        is_program = path == root / _PROGRAM / product.COMMAND
        path.chmod(0o755 if path.is_dir() or is_program else 0o644)


def release_of(bundle: Path, *, depends: list[str], recommends: list[str]) -> texts.Release:
    """Of the source that lies here, on its own day."""
    moment = datetime.datetime.fromtimestamp(epoch(), tz=datetime.UTC)
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return texts.Release(
        version=product.version(),
        architecture=architecture,
        depends=depends,
        recommends=recommends,
        installed_bytes=product.folder_bytes(bundle),
        day=f"{moment:%Y-%m-%d}",
        date=f"{moment:%a, %d %b %Y %H:%M:%S +0000}",
    )


def epoch() -> int:
    """Seconds since 1970 of the release: SOURCE_DATE_EPOCH, else the last commit."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None:
        git = ["git", "-C", str(product.ROOT), "log", "-1", "--format=%ct"]
        told = subprocess.run(git, check=True, capture_output=True, text=True).stdout
    return int(told)
