"""`athanor pool overview`, `usage`, `audit` and `limits`: the hosted pool in figures."""

import time

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import print_json, print_table, stdout
from app.cli.pool.accounts import limit_words
from app.cli.pool.host import CREDITS, amount, host, is_or_fail
from app.cli.pool.keys import key_id
from app.client.client import Client
from app.core.state.view import duration
from app.wire.pool_admin import (
    AuditPicture,
    HostPicture,
    LimitList,
    LimitMeasure,
    LimitPeriod,
    LimitRequest,
    LimitSubject,
    RequestPicture,
    UsageBy,
    UsageReport,
)


@command(
    "overview",
    examples=(("the pool in a few figures", "athanor pool overview"),),
    answer=HostPicture,
)
def overview(is_json: bool) -> int:
    """Show the pool that is hosted here in a few figures."""
    with host() as client:
        found = client.hosted()
    if is_json:
        print_json(found)
        return Exit.OK
    own = ", ".join(f"{name} {amount(value)}" for name, value in found.pool_accounts.items())
    audit = "never" if found.audit is None else _audit_words(found.audit)
    rows = (
        ("pool", f"{found.name} at {found.address}, up {duration(time.time() - found.started_at)}"),
        ("key", found.pool),
        ("members", f"{_many(found.members_connected, 'machine')} connected, "
                    f"{found.members_lending} lending; {_many(found.accounts, 'account')}"),
        ("models", f"{_many(found.models_offered, 'model')} offered, "
                   f"{found.models_served} of them served"),
        ("requests", f"{found.requests_running} running, {found.requests_waiting} waiting, "
                     f"{found.requests_today:,} ended today"),
        ("today", f"{_many(found.tokens_today, 'token')}, {amount(found.credits_today)} credits"),
        ("books", own),
        ("audited", audit),
    )  # fmt: skip
    for label, words in rows:
        stdout().print(f"{label:<9}{words}", markup=False, soft_wrap=True, highlight=False)
    return Exit.OK


@command(
    "usage",
    examples=(
        ("by account, this month's days", "athanor pool usage"),
        ("by model, today", "athanor pool usage --by model --days 1"),
        ("what became of one request", "athanor pool usage --request 3f9c0b7e5a1d2c4468e0a9b1"),
    ),
    answer=UsageReport,
)
@click.option("--by", type=click.Choice(["account", "project", "caller", "model"]),
              default="account", help="What is summed up.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 3660), default=30, help="Today and those before.")
@click.option("--request", metavar="ID", default="",
              help="One request, by the x-request-id of its answer or its job.")  # fmt: skip
def usage(by: UsageBy, days: int, request: str, is_json: bool) -> int:
    """Show what was used, dearest first. Counts alone are kept, never what was asked.

    With `--request` one request is shown, and `--json` prints a RequestList; exit code 4 where no
    request that ended has that id.
    """
    if request:
        return _one_request(request, is_json)
    with host() as client:
        found = client.pool_usage(by, days)
    if is_json:
        print_json(found)
    elif not found.lines:
        stdout().print("Nothing was asked in that time.")
    else:
        print_table(
            (by.upper(), "REQUESTS>", "PROMPT>", "CACHED>", "ANSWER>", "CREDITS>"),
            [
                (each.of or "(none)", f"{each.requests:,}", f"{each.prompt:,}",
                 f"{each.cached:,}", f"{each.answer:,}", amount(each.cost))
                for each in found.lines
            ],
        )  # fmt: skip
    return Exit.OK


def _one_request(name: str, is_json: bool) -> int:
    with host() as client:
        found = client.pool_requests(name)
    if is_json:
        print_json(found)
        return Exit.OK
    for place, each in enumerate(found.requests):
        if place:
            stdout().print()
        for label, words in _request_words(each):
            stdout().print(f"{label:<9}{words}", markup=False, soft_wrap=True, highlight=False)
    return Exit.OK


def _request_words(each: RequestPicture) -> tuple[tuple[str, str], ...]:
    first = "no token came" if each.first_ms is None else f"first token after {each.first_ms:,} ms"
    address = f", from {each.address}" if each.address else ""
    return (
        ("request", each.request or "(not kept)"),
        ("job", each.job),
        ("ended", f"{_local_time(each.at)}: {each.status}"),
        ("asked by", f"{each.account} / {each.project}, {each.caller}{address}"),
        ("model", f"{each.model or '(none)'}, {_many(each.attempts, 'machine')}"),
        ("tokens", f"prompt {each.prompt:,} (cached {each.cached:,}), "
                   f"answer {each.answer:,} (reasoning {each.reasoning:,})"),
        ("took", f"{each.total_ms:,} ms, {first}"),
        ("cost", f"{amount(each.cost)} credits"),
    )  # fmt: skip


@command(
    "audit",
    examples=(("rebuild every balance, check every receipt", "athanor pool audit"),),
    answer=AuditPicture,
)
def audit(is_json: bool) -> int:
    """Audit the books: every balance is rebuilt, every receipt's signature and place is checked.

    Exit code 1 when anything does not agree.
    """
    with host() as client:
        found = client.audit()
    if is_json:
        print_json(found)
    else:
        stdout().print(_audit_words(found), markup=False)
        for fault in found.faults:
            stdout().print(f"  {fault}", markup=False, soft_wrap=True)
    return Exit.OK if found.holds else Exit.FAILED


@command(
    "limits",
    examples=(
        ("what an account may use", "athanor pool limits account anna"),
        ("five credits a day for a key", "athanor pool limits key laptop credits day 5"),
        (
            "a project of an account",
            "athanor pool limits project anna/site credits month 20",
        ),
        ("no limit of one's own any more", "athanor pool limits account anna tokens minute none"),
    ),
    answer=LimitList,
)
@click.argument("subject", metavar="KIND", type=click.Choice(["account", "project", "key"]))
@click.argument("name", metavar="NAME|ID")
@click.argument("measure", metavar="[MEASURE]", required=False,
                type=click.Choice(["requests", "tokens", "credits"]))  # fmt: skip
@click.argument("period", metavar="[PERIOD]", required=False,
                type=click.Choice(["minute", "day", "month"]))  # fmt: skip
@click.argument("most", metavar="[AMOUNT|none]", required=False)
def limits(
    *,
    subject: LimitSubject,
    name: str,
    measure: LimitMeasure | None,
    period: LimitPeriod | None,
    most: str | None,
    is_json: bool,
) -> int:
    """Show or set what a key, a project or an account may use.

    KIND is account, project or key; a project is named as ACCOUNT/PROJECT, or by its id. MEASURE is
    requests, tokens or credits; PERIOD is minute, day or month, in UTC. A refused request is told
    which limit it met and when it may be sent again.
    """
    given = [each is not None for each in (measure, period, most)]
    is_or_fail(all(given) or not any(given), "a limit needs a measure, a period and an amount")
    with host() as client:
        if measure is None or period is None or most is None:
            found = client.limits_of(subject, _id_of(client, subject, name))
        else:
            found = client.set_limit(
                LimitRequest(
                    subject=subject,
                    id=_id_of(client, subject, name),
                    measure=measure,
                    period=period,
                    amount=_most(measure, most),
                )
            )
    if is_json:
        print_json(found)
        return Exit.OK
    for each in found.limits:
        words = limit_words(each.measure, each.period, each.amount, each.used)
        stdout().print(words, markup=False)
    if not found.limits:
        stdout().print("There is no limit.")
    return Exit.OK


def _id_of(client: Client, subject: LimitSubject, name: str) -> str:
    """Of whom a limit is for, however it is named. Raises: Misused."""
    if subject == "key":
        return key_id(name, client.pool_keys())
    account, has_account, project = name.partition("/")
    if subject == "account" or not has_account:
        return name
    projects = client.pool_account(account).projects
    found = next((each.id for each in projects if each.name == project), "")
    is_or_fail(bool(found), f"the account {account} has no project {project}")
    return found


def _most(measure: LimitMeasure, text: str) -> int | None:
    """The amount that is meant; None for none. Raises: BadParameter; Misused."""
    if text == "none":
        return None
    if measure == "credits":
        return int(CREDITS.convert(text, None, None))
    is_or_fail(text.isdecimal(), f"{text} is no whole number of {measure}")
    return int(text)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _local_time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _audit_words(found: AuditPicture) -> str:
    ago = duration(time.time() - found.at)
    seen = f"{_many(found.events, 'event')} and {_many(found.receipts, 'receipt')}"
    wrong = len(found.faults)
    odd = "1 thing does not agree" if wrong == 1 else f"{wrong} things do not agree"
    verdict = "all agrees" if found.holds else odd
    return f"{verdict}: {seen}, {ago} ago"
