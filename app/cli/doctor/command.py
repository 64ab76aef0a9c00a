"""`athanor doctor`: what is wrong, and what to do about it."""

import os
import sys
from contextlib import nullcontext
from typing import Final

from rich.markup import escape
from rich.table import Table

from app.cli.command import command
from app.cli.doctor.engine import check_engine
from app.cli.doctor.finding import DoctorReport, Finding, Findings
from app.cli.doctor.library import check_models
from app.cli.doctor.network import check_neighbours, check_server
from app.cli.doctor.system import check_folders, check_program, check_settings
from app.cli.doctor.updates import check_updates
from app.cli.exit_codes import Exit
from app.cli.output import print_json, stdout
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
    ),
    answer=DoctorReport,
)
def doctor(is_json: bool) -> int:
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
    if is_json:
        print_json(DoctorReport(is_well=is_well, findings=tuple(findings)))
    return Exit.OK if is_well else Exit.FAILED


def _all() -> Findings:
    paths = Paths.find()
    yield from check_program()
    yield from check_settings(paths, os.environ)
    try:
        loaded = load_settings(paths.config_file, os.environ, {})
    except SettingsInvalid:
        loaded = Loaded(settings=Settings(), origins={})
    settings = loaded.settings
    port_is_chosen = loaded.origins.get("server.port", DEFAULT_ORIGIN) != DEFAULT_ORIGIN
    memory = MemoryFile(paths.updates_file).read()
    yield from check_updates(read_publisher(), settings.updates, memory)
    yield from check_folders(paths, settings)
    yield from check_engine()
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
