"""`athanor purge`: take away what Athanor keeps on this machine, before the program goes."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Final, get_args

import click
import msgspec

from app.cli.command import command
from app.cli.exit_codes import Exit, Misused
from app.cli.output import note, print_json, print_table, stderr
from app.cli.purge.parts import (
    KEPT_UNLESS_ASKED,
    WORDS,
    Name,
    Part,
    names_of,
    parts_of,
    take_away,
    tidy,
)
from app.core.state.view import size
from app.server.main.lock_file import LockFile
from app.settings.autostart.autostart import Switch
from app.settings.links.links import LinkSwitch
from app.settings.paths import Paths

_NAMES: Final = get_args(Name)


class PurgedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of what was there."""

    name: str
    paths: tuple[str, ...]
    bytes: int
    files: int
    is_deleted: bool
    """False: it was kept, or this was a rehearsal, or some of it could not be deleted."""


class PurgeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What there was and what became of it."""

    parts: tuple[PurgedPart, ...]
    freed_bytes: int
    left: tuple[str, ...]
    """What was to go and could not, each with the reason."""


@command(
    "purge",
    examples=(
        ("see what there is, and choose", "athanor purge"),
        ("only look", "athanor purge --dry-run"),
        ("everything but models, without asking", "athanor purge --yes"),
        ("models too, but keep the settings", "athanor purge --yes --models --keep settings"),
    ),
    answer=PurgeAnswer,
)
@click.option("--models", is_flag=True, help="Delete the models in Athanor's own folder too.")
@click.option("--pool", is_flag=True, help="Delete the pool that this machine hosts too.")
@click.option(
    "--keep",
    multiple=True,
    metavar="PART",
    type=click.Choice(_NAMES),
    help=f"Keep this part; may be given several times. Parts: {', '.join(_NAMES)}.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
def purge(
    *,
    models: bool,
    pool: bool,
    keep: tuple[str, ...],
    dry_run: bool,
    is_sure: bool,
    is_json: bool,
) -> int:
    """Delete what Athanor keeps for you on this machine: settings, data, caches, logs, entries.

    Models and a pool that this machine hosts stay unless you ask for them. Files of other programs
    and folders of your own that you named are never touched. The program itself is removed by
    whatever installed it; do this before.
    """
    paths, autostart, links = Paths.find(), Switch.of_this(), LinkSwitch.of_this()
    with _nobody_runs(paths):
        found = list(parts_of(paths, autostart, links))
        asked = {name for name, is_asked in (("models", models), ("pool", pool)) if is_asked}
        going = [
            part
            for part in found
            if part.name not in keep and part.name not in KEPT_UNLESS_ASKED - asked
        ]
        if not is_json:
            _show(found, going)
        left: list[str] = []
        if going and not dry_run:
            if not is_sure and not _is_agreed(going, is_json=is_json):
                note("Nothing was deleted.")
                return Exit.FAILED
            for part in going:
                left += take_away(part, autostart, links)
    if going and not dry_run:
        _end_locks(paths)
        tidy(paths)
    return _told(found, going, left, is_dry=dry_run, is_json=is_json)


@contextlib.contextmanager
def _nobody_runs(paths: Paths) -> Iterator[None]:
    """Neither a server nor a host of a pool runs inside. Raises: AlreadyServing."""
    with contextlib.ExitStack() as stack:
        # Where there is no lock file none has ever run, and to look leaves none.
        if paths.lock_file.exists():
            stack.callback(LockFile.take(paths.lock_file).close)
        if paths.pool_lock_file.exists():
            host = {"what": "a host of a pool", "stop": "athanor pool stop"}
            stack.callback(LockFile.take(paths.pool_lock_file, **host).close)
        yield


def _end_locks(paths: Paths) -> None:
    for file in (paths.lock_file, paths.pool_lock_file, paths.tray_lock_file):
        file.unlink(missing_ok=True)


def _show(found: list[Part], going: list[Part]) -> None:
    if not found:
        note("Athanor keeps nothing on this machine.")
        return
    rows = [
        (
            part.name,
            size(part.bytes) if part.bytes else "",
            "delete" if part in going else "keep",
            WORDS[part.name],
            "\n".join(_short(part.paths)),
        )
        for part in found
    ]
    print_table(("part", "size >", "", "what", "where"), rows)


def _short(places: tuple[str, ...]) -> tuple[str, ...]:
    shown = 3
    if len(places) <= shown:
        return places
    return (*places[:shown], f"and {len(places) - shown} more")


def _is_agreed(going: list[Part], *, is_json: bool) -> bool:
    """Asks at the terminal. Raises: Misused where nobody can answer."""
    if is_json or not sys.stdin.isatty():
        raise Misused(
            f"{names_of(going)} would be deleted, and that is only done when you say so",
            remedy="Add --yes to delete without a question, or --dry-run to look only.",
        )
    if any(part.name == "data" for part in going):
        stderr().print(
            "What this machine earned in pools is bound to its key, which is in the data.",
            markup=False,
        )
    total = size(sum(part.bytes for part in going))
    return click.confirm(f"Delete {names_of(going)} ({total})?", default=False, err=True)


def _told(
    found: list[Part], going: list[Part], left: list[str], *, is_dry: bool, is_json: bool
) -> int:
    is_gone = not is_dry and not left
    freed = sum(part.bytes for part in going) if is_gone else 0
    if is_json:
        parts = tuple(
            PurgedPart(
                name=part.name,
                paths=part.paths,
                bytes=part.bytes,
                files=part.files,
                is_deleted=is_gone and part in going,
            )
            for part in found
        )
        print_json(PurgeAnswer(parts=parts, freed_bytes=freed, left=tuple(left)))
    elif left:
        note("These could not be deleted:\n" + "\n".join(left))
    elif going and not is_dry:
        note(f"Deleted: {names_of(going)}; {size(freed)} are free again.")
    return Exit.FAILED if left else Exit.OK
