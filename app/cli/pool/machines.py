"""`athanor pool machines`: the machines of the members of the pool that is hosted here."""

import time

import click
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, print_table, stdout
from app.cli.pool.host import host
from app.core.state.view import duration, size
from app.wire.pool_admin import MachineList, MachinePicture

MACHINE = click.argument("machine", metavar="NAME|KEY")
_KEY_SHOWN = 12


@rich_click.group("machines")
def machines() -> None:
    """List the members' machines, remove one, or forgive what is held against it."""


@command("list", examples=(("all machines", "athanor pool machines list"),), answer=MachineList)
def list_(is_json: bool) -> int:
    """List the machines, connected ones first, and what was found wrong lately."""
    with host() as client:
        found = client.machines()
    if is_json:
        print_json(found)
        return Exit.OK
    if not found.machines:
        stdout().print("There are no machines. `athanor pool invite` makes an invite for one.")
        return Exit.OK
    print_table(
        ("NAME", "ACCOUNT", "STATE", "RUNNING>", "GPU", "MODELS>", "STRIKES>", "KEY"),
        [_row(each) for each in found.machines],
    )
    now = time.time()
    for strike in found.strikes:
        ago = duration(now - strike.at)
        line = f"{strike.machine}, {ago} ago: {strike.reason} (job {strike.job})"
        stdout().print(line, markup=False, soft_wrap=True)
    return Exit.OK


@command(
    "remove",
    examples=(("let a machine in no more", "athanor pool machines remove attic"),),
    answer=MachinePicture,
)
@MACHINE
def remove(machine: str, is_json: bool) -> int:
    """Remove a machine: it may not come back without a new invite."""
    with host() as client:
        removed = client.remove_machine(machine)
    if is_json:
        print_json(removed)
    else:
        stdout().print(f"{removed.name} of {removed.account} is removed.", markup=False)
    return Exit.OK


@command(
    "forgive",
    examples=(("end a pause and forget its reasons", "athanor pool machines forgive attic"),),
    answer=MachinePicture,
)
@MACHINE
def forgive(machine: str, is_json: bool) -> int:
    """Forgive a machine: strikes and pauses are forgotten, it gets work again."""
    with host() as client:
        forgiven = client.forgive_machine(machine)
    if is_json:
        print_json(forgiven)
    else:
        stdout().print(f"Nothing is held against {forgiven.name} any more.", markup=False)
    return Exit.OK


for _subcommand in (list_, remove, forgive):
    machines.add_command(_subcommand)


def _row(each: MachinePicture) -> tuple[str, ...]:
    gpu = f"{each.gpu} {size(each.gpu_memory_bytes)}" if each.gpu else ""
    return (
        each.name,
        each.account,
        state_words(each),
        str(each.running),
        gpu,
        str(len(each.models)),
        str(each.strikes),
        f"{each.id[:_KEY_SHOWN]}…",
    )


def state_words(each: MachinePicture) -> str:
    """What the machine does, in a word or two."""
    if each.removed_at is not None:
        return "removed"
    if each.paused:
        return "paused"
    if not each.is_connected:
        return "away"
    return "lending" if each.is_lending else "connected"
