"""`athanor doctor`: what is wrong, and what to do about it."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import click
from rich.markup import escape
from rich.table import Table

from app.cli.command import command
from app.cli.doctor.engine import check_engine
from app.cli.doctor.finding import DoctorReport, Finding, Findings
from app.cli.doctor.library import check_models
from app.cli.doctor.network import check_neighbours, check_server
from app.cli.doctor.runtimes import check_advice, check_runtimes
from app.cli.doctor.system import check_folders, check_program, check_settings
from app.cli.doctor.updates import check_updates
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.core.base.errors import SettingsInvalid
from app.core.state.view import size
from app.installation.memory_file import MemoryFile
from app.settings.load import DEFAULT_ORIGIN, Loaded, load_settings
from app.settings.paths import Paths
from app.settings.publisher import read_publisher
from app.settings.schema import Settings

_STYLES: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "wrong": "bold red"}


@command(
    "doctor",
    examples=(
        ("look at everything", "athanor doctor"),
        ("for a bug report", "athanor doctor --json"),
        ("a file for whoever helps, without anything private", "athanor doctor --bundle"),
    ),
    answer=DoctorReport,
)
@click.option(
    "--bundle",
    metavar="[FILE]",
    is_flag=False,
    flag_value="",
    default=None,
    help="Write a support file (zip) too: findings, settings without texts, the ends of the logs. "
    "Names, addresses and keys are replaced by marks.",
)
def doctor(bundle: str | None, is_json: bool) -> int:
    """Look at program, GPU, driver, disk, ports and models: what is wrong and what to do.

    The exit code is 1 when something is wrong. Nothing is changed and nothing leaves the machine.
    """
    findings = []
    out = stdout()
    # One console for both, or the spinner would be written over.
    with out.status("looking", spinner="dots") if sys.stdout.isatty() else nullcontext():
        for finding in _all():
            findings.append(finding)
            if not is_json:
                out.print(_line(finding))
    is_well = not any(finding.verdict == "wrong" for finding in findings)
    support_file = _bundled(bundle, findings) if bundle is not None else ""
    if is_json:
        report = DoctorReport(is_well=is_well, findings=tuple(findings), support_file=support_file)
        print_json(report)
    return Exit.OK if is_well else Exit.FAILED


def _bundled(named: str, findings: Sequence[Finding]) -> str:
    """The path of the support file that was written."""
    from app.cli.doctor.support import write_support_file  # noqa: PLC0415  # on request alone

    paths = Paths.find()
    target = Path(named or time.strftime("athanor-support-%Y%m%d-%H%M%S.zip")).absolute()
    written = write_support_file(target, paths, _loaded(paths), findings)
    note(
        f"{target} ({size(written)}) holds no names, keys or addresses. Look through it, then "
        "send it to whoever helps; it was sent nowhere."
    )
    return str(target)


def _loaded(paths: Paths) -> Loaded:
    """The settings; the defaults where they cannot be read, which the doctor says elsewhere."""
    try:
        return load_settings(paths.config_file, os.environ, {})
    except SettingsInvalid:
        return Loaded(settings=Settings(), origins={})


def _all() -> Findings:
    paths = Paths.find()
    yield from check_program()
    yield from check_settings(paths, os.environ)
    loaded = _loaded(paths)
    settings = loaded.settings
    port_is_chosen = loaded.origins.get("server.port", DEFAULT_ORIGIN) != DEFAULT_ORIGIN
    memory = MemoryFile(paths.updates_file).read()
    yield from check_updates(read_publisher(), settings.updates, memory)
    yield from check_folders(paths, settings)
    yield from check_engine()
    yield from check_runtimes(paths)
    yield from check_advice(paths)
    yield from check_models(paths, settings)
    yield from check_server(paths, settings, port_is_chosen=port_is_chosen)
    yield from check_neighbours(settings)


def _line(finding: Finding) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for width in (7, 9):
        table.add_column(min_width=width, no_wrap=True)
    table.add_column(overflow="fold")
    style = _STYLES[finding.verdict]
    remedy = f"\n[bold]{escape(finding.remedy)}[/]" if finding.remedy else ""
    table.add_row(f"[{style}]{finding.verdict}[/]", finding.about, escape(finding.message) + remedy)
    return table
