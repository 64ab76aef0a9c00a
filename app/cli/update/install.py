"""`athanor update install`: restart the server with the new version."""

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, stdout
from app.cli.server import running
from app.client.restarted import Restarted, wait_for_successor
from app.settings.paths import Paths


@command(
    "install",
    examples=(
        ("restart with the new version when no answer is under way", "athanor update install"),
        ("cut answers that do not end within the grace", "athanor update install --now"),
    ),
    answer=Restarted,
)
@click.option("--now", "is_now", is_flag=True, help="Also while answers are under way.")
def install(is_now: bool, is_json: bool) -> int:
    """Fetch the new version where it is not here, check it, and restart the server with it.

    A version that does not start twice is taken back by itself where it was unpacked from an
    archive. The exit code is 1 when another version than the new one runs at the end.
    """
    with running() as client:
        # Who cannot be asked, or has nothing new, says so before anything is announced.
        if client.update().status != "ready" and client.look_for_update().status == "offered":
            _say("Fetching the new version; the dashboard shows how far it is.", is_json=is_json)
        picture = client.install_update(now=is_now)
        ended = client.lock
    _say(f"Restarting for Athanor {picture.version}.", is_json=is_json)
    return tell_restarted(wait_for_successor(ended, picture.version, Paths.find()), is_json=is_json)


def _say(words: str, *, is_json: bool) -> None:
    if not is_json:
        note(words)


def tell_restarted(restarted: Restarted, *, is_json: bool) -> int:
    """What runs now; the exit code."""
    if is_json:
        print_json(restarted)
    elif restarted.is_there:
        stdout().print(f"Athanor {restarted.version} is running.")
    elif restarted.version:
        words = f"Athanor {restarted.wanted} did not start; {restarted.version} runs again."
        stdout().print(words)
    else:
        stdout().print(f"Athanor {restarted.wanted} does not serve yet; `athanor doctor` may tell.")
    return Exit.OK if restarted.is_there else Exit.FAILED
