"""`athanor pool grant` and `clawback`: credits into an account of the pool, and back out of it."""

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, stdout
from app.cli.pool.host import CREDITS, amount, host
from app.wire.pool_admin import (
    ClawbackAnswer,
    ClawbackRequest,
    GrantAnswer,
    GrantRequest,
    GrantSource,
)


@command(
    "grant",
    examples=(
        ("five credits", "athanor pool grant anna 5"),
        ("credits that end", "athanor pool grant anna 2.5 --days 30"),
        ("a payment that came", "athanor pool grant anna 20 --source bought --id order-1017"),
    ),
    answer=GrantAnswer,
)
@click.argument("account", metavar="NAME|ID")
@click.argument("credits_", metavar="CREDITS", type=CREDITS)
@click.option("--source", type=click.Choice(["granted", "bought", "refunded"]), default="granted",
              help="Where they come from; bought ones are spent last.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 36_500), help="They end after so many days.")
@click.option("--id", "grant_id", default="", metavar="ID",
              help="Its name in the books: the same one again grants nothing more.")  # fmt: skip
@click.option("--reason", default="", help="For whoever reads the books.")
def grant(
    *,
    account: str,
    credits_: int,
    source: GrantSource,
    days: int | None,
    grant_id: str,
    reason: str,
    is_json: bool,
) -> int:
    """Put credits into an account; they are in the books when this returns."""
    request = GrantRequest(
        account=account,
        amount=credits_,
        source=source,
        id=grant_id,
        expires_days=days,
        reason=reason,
    )
    with host() as client:
        granted = client.grant(request)
    if is_json:
        print_json(granted)
        return Exit.OK
    name, balance = granted.account.name, amount(granted.account.balance)
    if granted.is_new:
        stdout().print(
            f"Granted {amount(granted.amount)} credits to {name}, who has {balance} now. "
            f"The grant's id is {granted.id}.",
            markup=False,
            soft_wrap=True,
        )
    else:
        stdout().print(f"{granted.id} was granted before; {name} has {balance} credits.")
    return Exit.OK


@command(
    "clawback",
    examples=(
        ("a payment that was charged back", "athanor pool clawback order-1017"),
        ("a part of a grant", "athanor pool clawback order-1017 5 --id refund-3"),
    ),
    answer=ClawbackAnswer,
)
@click.argument("grant_id", metavar="GRANT")
@click.argument("credits_", metavar="[CREDITS]", type=CREDITS, required=False)
@click.option("--id", "clawback_id", default="", metavar="ID",
              help="Its name in the books, the grant's if none is given: the same one again takes "
              "nothing more.")  # fmt: skip
@click.option("--reason", default="", help="For whoever reads the books.")
def clawback(
    *, grant_id: str, credits_: int | None, clawback_id: str, reason: str, is_json: bool
) -> int:
    """Take back what a grant gave, by the grant's id; all that is left of it if no amount is given.

    What was spent of it already becomes a debt: what the account earns or is given goes into it
    first.
    """
    request = ClawbackRequest(grant=grant_id, amount=credits_, id=clawback_id, reason=reason)
    with host() as client:
        taken = client.claw_back(request)
    if is_json:
        print_json(taken)
        return Exit.OK
    account = taken.account
    owes = f" and owes {amount(account.owed)}" if account.owed else ""
    has = f"{account.name} has {amount(account.balance)} credits{owes} now."
    said = f"Took {amount(taken.amount)} credits back." if taken.is_new else "Nothing more to take."
    stdout().print(f"{said} {has}", markup=False, soft_wrap=True)
    return Exit.OK
