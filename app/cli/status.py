"""`athanor status` and `athanor ps`: what the node does now."""

import sys
import time
from typing import Final

import click
import msgspec
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, print_table, stdout, table_of
from app.cli.server import running
from app.core.models.demonstration import labelled
from app.core.state.view import duration, size
from app.wire.local import DevicePicture, EnginePicture, NodePicture, Notice

_STYLES: Final = {"info": "dim", "warning": "yellow", "error": "bold red"}


class EngineList(msgspec.Struct, frozen=True, kw_only=True):
    """The models in memory, or on their way in or out."""

    engines: tuple[EnginePicture, ...]


@command(
    "status",
    examples=(
        ("the node at a glance", "athanor status"),
        ("follow it", "athanor status --watch"),
        ("every event as a line of JSON", "athanor status --watch --json"),
    ),
    answer=NodePicture,
)
@click.option("--watch", is_flag=True, help="Show every change until Ctrl-C.")
def status(watch: bool, is_json: bool) -> int:
    """Show what the server does: models, devices and what you should know.

    With --watch --json every line is an event: its number, its word and the picture after it.
    """
    with running() as client:
        if not watch:
            picture = client.state()
            if is_json:
                print_json(picture)
            else:
                stdout().print(_picture(picture))
        elif is_json:
            for event in client.events():
                print_json(event, is_line=True)
        elif sys.stdout.isatty():
            with Live(console=stdout(), auto_refresh=False) as live:
                for event in client.events():
                    live.update(_picture(event.picture), refresh=True)
        else:
            last = ""
            for event in client.events():
                if event.picture.summary != last:
                    last = event.picture.summary
                    stdout().print(last, markup=False)
    return Exit.OK


@command("ps", examples=(("models in memory", "athanor ps"),), answer=EngineList)
def ps(is_json: bool) -> int:
    """List the models in memory, how busy they are and when they go."""
    with running() as client:
        engines = client.state().engines
    if is_json:
        print_json(EngineList(engines=engines))
    elif not engines:
        stdout().print("No model is loaded.")
    else:
        print_table(_ENGINE_COLUMNS, [_engine_row(engine) for engine in engines])
    return Exit.OK


_ENGINE_COLUMNS: Final = (
    *("MODEL", "STATE", "SIZE>", "CONTEXT>", "GPU LAYERS>", "ANSWERING>", "WAITING>", "CELLS>"),
    "UNLOADS",
)


def _engine_row(engine: EnginePicture) -> tuple[str, ...]:
    state: str = engine.status
    if engine.status == "loading":
        state = f"loading {engine.stage} {engine.fraction:.0%}"
    is_ready = engine.status == "loaded"
    return (
        labelled(engine.model, is_demonstration=engine.is_demonstration),
        state,
        size(engine.size_bytes) if engine.size_bytes else "",
        str(engine.context) if engine.context else "",
        f"{engine.gpu_layers}/{engine.layers}" if engine.layers else "",
        f"{engine.running}/{engine.sequences}" if is_ready else "",
        str(engine.waiting) if is_ready else "",
        f"{engine.cells_used}/{engine.cells}" if is_ready else "",
        _unloads(engine) if is_ready else engine.message,
    )


def _unloads(engine: EnginePicture) -> str:
    if engine.unload_at is None:
        return "not while in use" if engine.running or engine.waiting else "never"
    return f"in {duration(max(0.0, engine.unload_at - time.time()))}"


def _picture(picture: NodePicture) -> RenderableType:
    """The whole node: a line for the server, tables of engines and devices, notices last."""
    parts: list[RenderableType] = [
        Text.assemble(
            ("Athanor ", "bold"), picture.version, " at ", (", ".join(picture.addresses), "bold")
        ),
        Text(picture.summary),
        *_neighbour(picture),
    ]
    if picture.engines:
        parts += ["", table_of(_ENGINE_COLUMNS, map(_engine_row, picture.engines))]
    if picture.devices:
        parts += [
            "",
            table_of(("DEVICE", "MEMORY>", "BUSY>", "HEAT>"), map(_device_row, picture.devices)),
        ]
    if picture.notices:
        parts += ["", *map(_notice, picture.notices)]
    return Group(*parts)


def _neighbour(picture: NodePicture) -> list[Text]:
    """A line for memory that is given away, and one for lending where that is on."""
    neighbour = picture.neighbour
    if neighbour is None:
        return []
    lines = []
    if neighbour.memory_causes and neighbour.summary not in picture.summary:
        lines.append(Text(f"Memory: {neighbour.summary}", style="yellow"))
    if neighbour.mode != "off":
        lines.append(Text(f"Lending: {neighbour.lending_summary}"))
    return lines


def _device_row(device: DevicePicture) -> tuple[str, ...]:
    used = device.memory_total_bytes - device.memory_free_bytes
    return (
        device.description or device.name,
        f"{size(used)} of {size(device.memory_total_bytes)}",
        "" if device.busy_percent is None else f"{device.busy_percent:.0f}%",
        "" if device.temperature_celsius is None else f"{device.temperature_celsius:.0f} °C",
    )


def _notice(notice: Notice) -> str:
    style = _STYLES[notice.severity]
    return (
        f"[{style}]{notice.severity}:[/] {escape(notice.message)} {escape(notice.remedy)}".rstrip()
    )
