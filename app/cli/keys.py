"""`athanor keys`: who may call the server from another machine."""

import sys
import time
from collections.abc import Sequence
from typing import Literal

import click
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stdout
from app.cli.server import running_or_own
from app.cli.which_key import id_of_key
from app.core.state.view import duration
from app.wire.local import KeyList, KeyMade, KeyPicture


@rich_click.group("keys")
def keys() -> None:
    """Make, list and revoke API keys.

    On this machine no key is needed for inference; from other machines one always is. Works
    without a running server too.
    """


@command(
    "add",
    examples=(
        ("a key for a phone", "athanor keys add phone"),
        ("one that may change things too", "athanor keys add desktop --admin"),
        ("into a variable", 'KEY="$(athanor keys add script)"'),
    ),
    answer=KeyMade,
)
@click.argument("name")
@click.option("--admin", is_flag=True, help="It may load, unload, stop and manage keys too.")
def add(name: str, admin: bool, is_json: bool) -> int:
    """Make a key; its secret is shown this once and not stored."""
    scope: Literal["admin", "inference"] = "admin" if admin else "inference"
    with running_or_own() as client:
        made = client.make_key(name, scope)
    if is_json:
        print_json(made)
        return Exit.OK
    note(f"Key {made.key.name!r} ({made.key.scope}, id {made.key.id}). Copy it now:")
    stdout().print(made.secret, markup=False, soft_wrap=True)
    if sys.stdout.isatty():
        note("It is not stored and cannot be shown again. Use it as OPENAI_API_KEY.")
    return Exit.OK


@command("list", examples=(("all keys", "athanor keys list"),), answer=KeyList)
def list_(is_json: bool) -> int:
    """List the keys, revoked ones too."""
    with running_or_own() as client:
        found = client.keys()
    if is_json:
        print_json(KeyList(keys=found))
    elif not found:
        stdout().print("There are no keys. `athanor keys add NAME` makes one.", markup=False)
    else:
        now = time.time()
        print_table(
            ("ID", "NAME", "SCOPE", "BEGINS WITH", "MADE", "LAST USED", "STATE"),
            [_row(key, now) for key in found],
        )
    return Exit.OK


@command(
    "revoke",
    examples=(
        ("refuse a key from now on", "athanor keys revoke phone"),
        ("where two have the same name", "athanor keys revoke k_3f9a"),
    ),
    answer=KeyPicture,
)
@click.argument("key", metavar="NAME|ID")
def revoke(key: str, is_json: bool) -> int:
    """Refuse a key from now on; `athanor keys list` shows names and ids."""
    with running_or_own() as client:
        revoked = client.revoke_key(_id_of(key, client.keys()))
    if is_json:
        print_json(revoked)
    else:
        stdout().print(f"Key {revoked.name!r} is revoked.", markup=False)
    return Exit.OK


for _subcommand in (add, list_, revoke):
    keys.add_command(_subcommand)


def _id_of(said: str, known: Sequence[KeyPicture]) -> str:
    keys = ((key.name, (key.id,), key.revoked_at is None) for key in known)
    return id_of_key(said, keys, listing="athanor keys list")


def _row(key: KeyPicture, now: float) -> tuple[str, ...]:
    used = "never" if key.last_used_at is None else f"{duration(now - key.last_used_at)} ago"
    state = "active" if key.revoked_at is None else "revoked"
    made = f"{duration(now - key.created_at)} ago"
    return (key.id, key.name, key.scope, f"{key.prefix}…", made, used, state)
