"""`athanor pool keys`: API keys of the pool that is hosted here."""

import sys
import time

import click
import rich_click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stdout
from app.cli.pool.host import host
from app.cli.which_key import id_of_key
from app.core.state.view import duration
from app.wire.pool_keys import (
    PoolKeyList,
    PoolKeyMade,
    PoolKeyPicture,
    PoolKeyRequest,
    PoolKeyScope,
)

_SCOPES = click.Choice(["inference", "billing", "metrics"])


@rich_click.group("keys")
def keys() -> None:
    """Make, list and revoke API keys of the pool that is hosted here.

    A key belongs to a project of an account, which pays for what it asks.
    """


@command(
    "add",
    examples=(
        ("a key for a program of Anna's", "athanor pool keys add anna laptop"),
        ("for a month", "athanor pool keys add anna trial --days 30"),
        ("billed to a project", "athanor pool keys add anna site --project website"),
        ("for Prometheus", "athanor pool keys add anna prometheus --scope metrics"),
        ("into a variable", 'KEY="$(athanor pool keys add anna script)"'),
    ),
    answer=PoolKeyMade,
)  # fmt: skip
@click.argument("account", metavar="ACCOUNT")
@click.argument("name")
@click.option("--project", default="default", help="Of the account; it has one called default.")
@click.option("--scope", "scopes", type=_SCOPES, multiple=True,
              help="What it opens; inference and billing unless you say otherwise.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 36_500), help="It expires after so many days.")
def add(
    *,
    account: str,
    name: str,
    project: str,
    scopes: tuple[PoolKeyScope, ...],
    days: int | None,
    is_json: bool,
) -> int:
    """Make a key; it is shown this once and not stored."""
    request = PoolKeyRequest(
        account=account,
        name=name,
        project=project,
        scopes=scopes or ("inference", "billing"),
        expires_days=days,
    )
    with host() as client:
        made = client.make_pool_key(request)
    if is_json:
        print_json(made)
        return Exit.OK
    key = made.key
    note(f"Key {key.name!r} of {key.account} ({', '.join(key.scopes)}). Copy it now:")
    stdout().print(made.secret, markup=False, soft_wrap=True)
    if sys.stdout.isatty():
        note("It is not stored and cannot be shown again. Programs use it so:")
        note(f"  OPENAI_BASE_URL={made.base_url} OPENAI_API_KEY=…")
    return Exit.OK


@command("list", examples=(("all keys", "athanor pool keys list"),), answer=PoolKeyList)
def list_(is_json: bool) -> int:
    """List the keys, revoked ones too."""
    with host() as client:
        found = client.pool_keys()
    if is_json:
        print_json(PoolKeyList(keys=found))
    elif not found:
        stdout().print("There are no keys. `athanor pool keys add ACCOUNT NAME` makes one.")
    else:
        now = time.time()
        print_table(
            ("ID", "NAME", "ACCOUNT", "PROJECT", "SCOPES", "LAST USED", "STATE"),
            [_row(key, now) for key in found],
        )
    return Exit.OK


@command(
    "revoke",
    examples=(("refuse a key from now on", "athanor pool keys revoke k3v9x0q2ab"),),
    answer=PoolKeyPicture,
)
@click.argument("key", metavar="ID|NAME")
def revoke(key: str, is_json: bool) -> int:
    """Refuse a key from now on; `athanor pool keys list` shows the ids."""
    with host() as client:
        revoked = client.revoke_pool_key(key_id(key, client.pool_keys()))
    if is_json:
        print_json(revoked)
    else:
        stdout().print(f"Key {revoked.name!r} of {revoked.account} is revoked.", markup=False)
    return Exit.OK


for _subcommand in (add, list_, revoke):
    keys.add_command(_subcommand)


def key_id(said: str, known: tuple[PoolKeyPicture, ...]) -> str:
    """The id of the key that is meant by its name, its beginning or its id. Raises: UnknownHere."""
    keys = ((key.name, (key.id, key.shown), key.is_live) for key in known)
    return id_of_key(said, keys, listing="athanor pool keys list")


def _row(key: PoolKeyPicture, now: float) -> tuple[str, ...]:
    used = "never" if key.last_used_at is None else f"{duration(now - key.last_used_at)} ago"
    state = "active" if key.is_live else "revoked" if key.revoked_at is not None else "expired"
    return (key.id, key.name, key.account, key.project, " ".join(key.scopes), used, state)
