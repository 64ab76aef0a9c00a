"""`athanor share`: whether and how this machine's GPU is lent, and what may be spent."""

from typing import Final

import click
from msgspec import UNSET

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, stdout
from app.cli.server import running
from app.core.sharing.rules import Mode
from app.wire.pool_local import SharingChange, SharingPicture

_MODES: Final[dict[str, Mode]] = {"on": "idle", "idle": "idle", "always": "always", "off": "off"}
_CIRCLES: Final = ("own", "friends", "vetted", "anyone")


@command(
    "share",
    examples=(
        ("lend the GPU while nobody uses the machine", "athanor share on"),
        ("at night only", "athanor share on --at 'mon-sun 23:00-07:00'"),
        ("lend nothing", "athanor share off"),
        ("one model, to friends", "athanor share on --model qwen3-8b --to friends"),
        ("let apps here use the pool's models, for 2 credits a day at most",
         "athanor share --spend prefix --day 2"),
        ("tell the pool where this machine stands", "athanor share --where eu"),
        ("the rules in force", "athanor share"),
    ),
    answer=SharingPicture,
)  # fmt: skip
@click.argument("mode", metavar="[on|always|off]", type=click.Choice(list(_MODES)), required=False)
@click.option("--at", "at_hours", multiple=True, metavar="HOURS",
              help="Hours of the week; may come often. An empty text means all.")  # fmt: skip
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Lend this model; may come "
              "often. `*` means all.")  # fmt: skip
@click.option("--to", type=click.Choice(_CIRCLES), help="Whose jobs are computed.")
@click.option(
    "--where",
    metavar="WORD",
    help="Where this machine stands, which the pool is told. An empty text tells nothing.",
)
@click.option("--slots", type=click.IntRange(1, 100), metavar="PERCENT",
              help="Share of a model's places that guests may take.")  # fmt: skip
@click.option(
    "--price-least", "price_least", metavar="CREDITS", help="Least price of a million tokens."
)
@click.option("--earn-at-most", metavar="CREDITS", help="Stop for the day after so much.")
@click.option("--spend", "spend", type=click.Choice(("off", "prefix", "missing")),
              help="Whether requests of this machine may use the pool.")  # fmt: skip
@click.option("--request", "request_max", metavar="CREDITS", help="The most for one request.")
@click.option("--day", "day_max", metavar="CREDITS", help="The most for a day.")
@click.option("--month", "month_max", metavar="CREDITS", help="The most for a month.")
@click.option(
    "--read-by", "read_by", type=click.Choice(_CIRCLES), help="Who may read your requests."
)
def share(mode: str | None, is_json: bool, **options: object) -> int:
    """Show or change how this machine is shared; changes hold at once.

    `on` lends while nobody uses the machine, `always` beside its use. Your own requests go first in
    any case, and `athanor snooze` stops lending for a while.
    """
    change = SharingChange(**_fields(mode, options))  # type: ignore[arg-type]  # checked there
    with running() as client:
        is_change = any(getattr(change, name) is not UNSET for name in change.__struct_fields__)
        picture = client.change_sharing(change) if is_change else client.sharing()
        pool = client.pool()
    if is_json:
        print_json(picture)
        return Exit.OK
    for line in _lines(picture):
        stdout().print(line, markup=False, soft_wrap=True)
    if not pool.is_member:
        stdout().print("No pool is joined: `athanor pool join INVITE`.", markup=False)
    return Exit.OK


def _fields(mode: str | None, options: dict[str, object]) -> dict[str, object]:
    """The fields of a change that were given."""
    names = {
        "to": "lend_to",
        "where": "region",
        "slots": "lent_slots_percent",
        "price_least": "price_floor",
        "earn_at_most": "earnings_cap_day",
        "spend": "spending",
        "request_max": "spend_request_max",
        "day_max": "spend_day_max",
        "month_max": "spend_month_max",
        "read_by": "trust",
    }
    found = {names[name]: value for name, value in options.items()
             if name in names and value is not None}  # fmt: skip
    if mode is not None:
        found["mode"] = _MODES[mode]
    for name, field in (("at_hours", "hours"), ("models", "lent_models")):
        given = options.get(name)
        if isinstance(given, tuple) and given:
            found[field] = tuple(str(each) for each in given if str(each).strip())
    return found


def _lines(rules: SharingPicture) -> list[str]:
    lent = {
        "off": "off",
        "idle": f"while nobody has used the machine for {rules.idle_minutes:g} minutes",
        "always": "always, beside its use",
    }[rules.mode]
    spent = {
        "off": "off",
        "prefix": "models whose names begin with pool/",
        "missing": "models that are not at home",
    }[rules.spending]
    lines = [
        f"Lending: {lent}",
        f"Now: {rules.lending_summary}",
        f"Hours: {', '.join(rules.hours) or 'all'}",
        f"Models: {', '.join(rules.lent_models)}, {rules.lent_slots_percent}% of their places",
        f"For: {rules.lend_to}, at {rules.price_floor} credits a million tokens at least",
        f"Spending: {spent}",
    ]
    if rules.region:
        lines.append(f"Region: {rules.region}")
    if rules.earnings_cap_day != "0":
        lines.append(f"Stops for the day after {rules.earnings_cap_day} credits")
    if rules.spending != "off":
        lines.append(
            f"At most: {rules.spend_request_max} credits for a request, {rules.spend_day_max} a "
            f"day, {rules.spend_month_max} a month"
        )
        lines.append(f"Read by: {rules.trust}")
    return lines
