"""`athanor free`, `resume`, `snooze` and `neighbour`: the machine's other programs come first."""

import re
from typing import Final

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stdout
from app.cli.server import running
from app.core.state.view import size
from app.wire.sharing import (
    FreeAnswer,
    FreeRequest,
    NeighbourAnswer,
    NeighbourPicture,
    SnoozeRequest,
)

_UNITS: Final = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|min|h|d|)")

_NO_GPU: Final = "This machine has no GPU; `athanor free --all` frees the memory of models in RAM."


def _seconds(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """A length of time: seconds, or a number with s, m, h or d. Raises: BadParameter."""
    if text is None:
        return None
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None:
        raise click.BadParameter(f"{text!r} is no length of time, such as 90s, 30m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


@command(
    "free",
    examples=(
        ("free GPU memory now", "athanor free"),
        ("and keep it free for two hours", "athanor free --for 2h"),
        ("models that lie in RAM alone too", "athanor free --all"),
    ),
    answer=FreeAnswer,
)
@click.option("--all", "is_all", is_flag=True, help="Models that lie in RAM alone too.")
@click.option(
    "--for",
    "hold_seconds",
    callback=_seconds,
    metavar="LENGTH",
    help="How long no request may load a model again, such as 30m or 2h; without it the setting "
    "neighbour.free_hold_seconds.",
)
def free(is_all: bool, hold_seconds: float | None, is_json: bool) -> int:
    """Free GPU memory now: models end at once, and their answers under way with an error.

    Later requests load models again; `athanor load` does so at any time, `athanor resume` lets
    requests do so. The exit code is 1 when the memory did not come back.
    """
    request = FreeRequest(scope="all" if is_all else "gpu", hold_seconds=hold_seconds)
    with running() as client:
        answer = client.free(request)
        summary = client.neighbour().neighbour.summary
        has_gpu = any(device.kind != "cpu" for device in client.state().devices)
    if is_json:
        print_json(answer)
    else:
        stdout().print(_freed(answer, is_all=is_all, has_gpu=has_gpu), markup=False, soft_wrap=True)
        note(summary[0].upper() + summary[1:] + ".")
    return Exit.OK if answer.is_back else Exit.FAILED


@command(
    "snooze",
    examples=(
        ("lend nothing for an hour", "athanor snooze"),
        ("until tomorrow, but let jobs under way end first", "athanor snooze 12h --finish"),
    ),
    answer=NeighbourPicture,
)
@click.argument("seconds", metavar="[LENGTH]", callback=_seconds, default="1h")
@click.option("--finish", is_flag=True, help="The jobs under way may end first.")
def snooze(seconds: float, finish: bool, is_json: bool) -> int:
    """Lend nothing for a while: an hour, or a length such as 30m, 2h or 1d."""
    with running() as client:
        picture = client.snooze(SnoozeRequest(seconds=seconds, finish=finish))
    _print(picture, is_json=is_json)
    return Exit.OK


@command(
    "resume",
    examples=(("use GPU memory again, and lend again", "athanor resume"),),
    answer=NeighbourPicture,
)
def resume(is_json: bool) -> int:
    """End a snooze, and let requests use GPU memory again after `athanor free`."""
    with running() as client:
        picture = client.resume()
    _print(picture, is_json=is_json)
    return Exit.OK


@command(
    "neighbour",
    examples=(("why is it paused, and what is known of this machine?", "athanor neighbour"),),
    answer=NeighbourAnswer,
)
def neighbour(is_json: bool) -> int:
    """Show what becomes of GPU memory and lending, and every fact it rests on."""
    with running() as client:
        answer = client.neighbour()
    if is_json:
        print_json(answer)
        return Exit.OK
    _print(answer.neighbour, is_json=False)
    for cause in (*answer.neighbour.memory_causes, *answer.neighbour.lending_causes):
        note(cause.words)
    stdout().print()
    rows = [(fact.name, fact.value or f"not known here: {fact.unknown}") for fact in answer.facts]
    print_table(("FACT", "NOW"), rows)
    return Exit.OK


def _freed(answer: FreeAnswer, *, is_all: bool, has_gpu: bool) -> str:
    if not answer.ended:
        if is_all:
            return "No model is in memory."
        return "No model holds GPU memory." if has_gpu else _NO_GPU
    names = ", ".join(each.model for each in answer.ended)
    ram = sum(each.ram_bytes for each in answer.ended)
    amount = (
        f"{size(answer.gpu_bytes)} of GPU memory" if answer.gpu_bytes else f"{size(ram)} of RAM"
    )
    told = ", as the driver confirms" if answer.is_measured and answer.is_back else ""
    late = "" if answer.is_back else "; the driver does not show all of it as free yet"
    return f"{names} ended after {answer.seconds:.2f} s: {amount} free again{told}{late}."


def _print(picture: NeighbourPicture, *, is_json: bool) -> None:
    if is_json:
        print_json(picture)
        return
    stdout().print(f"Memory: {picture.summary}.", markup=False, soft_wrap=True)
    stdout().print(f"Lending: {picture.lending_summary}.", markup=False, soft_wrap=True)
