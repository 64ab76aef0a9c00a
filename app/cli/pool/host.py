"""The host that an operator's command talks to, and how amounts are written on its command line."""

import click

from app.cli.exit_codes import Misused
from app.client.client import Client
from app.core.member.credits import credits_text, micros_of
from app.settings.paths import Paths


def host() -> Client:
    """The host of this user's pool. Raises: NoHost."""
    return Client.find_host(Paths.find())


class CreditsType(click.ParamType["int"]):
    """An amount of credits such as 5 or 0.25, as micros."""

    name = "credits"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The micros. Raises: BadParameter."""
        if isinstance(value, int):
            return value
        try:
            return micros_of(value)
        except ValueError:
            self.fail("an amount of credits such as 5 or 0.25 is wanted", param, ctx)


CREDITS = CreditsType()


def amount(micros: int) -> str:
    """Credits for a table."""
    return credits_text(micros)


def is_or_fail(condition: bool, message: str) -> None:
    """Raises Misused where options do not go together."""
    if not condition:
        raise Misused(message, remedy="`--help` shows how it is called.")
