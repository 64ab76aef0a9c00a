"""Changes: the guard of every route of the dashboard that changes something.

The gate has seen the cookie and the browser's word that a page of ours asks. What is left is the
page's token: scripts send it as a header, which the gate has looked at too; a form without script
has it as a field.

A form of many settings says beside each what stood there when it was drawn. Meanwhile the tray, the
terminal or another tab may have changed what its reader left alone, and that must stay.
"""

from typing import Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler

from app.core.base.errors import Forbidden, RequestError, Unauthorized
from app.server.web.body import ApiRequest
from app.server.web.gate import caller_of
from app.server.web.guards import Caller
from app.server.web.own_page import is_own_page, is_proven

DRAWN: Final = "drawn-"
"""Before the name of a field: what stood in it when the page was drawn."""

_WITH_SESSION = "Open the dashboard from the tray icon, or with `athanor dashboard`."


async def change(
    connection: ASGIConnection[BaseRouteHandler, None, None, State], _: BaseRouteHandler
) -> None:
    """A litestar guard. Raises: Unauthorized without a session, Forbidden without its token."""
    caller = caller_of(connection.scope)
    if caller.may_administer:
        return
    if caller.session is None:
        raise Unauthorized("to change something, sign in first", remedy=_WITH_SESSION)
    assert isinstance(connection, Request), "only requests reach a handler of a change"
    form = await connection.form()
    token = form.get("token")
    if not isinstance(token, str) or not is_proven(caller.session, token):
        raise Forbidden("this form is not of this session", remedy="Reload the page and try again.")


def own_page(
    connection: ASGIConnection[BaseRouteHandler, None, None, State], _: BaseRouteHandler
) -> None:
    """A litestar guard for the form that signs in. Raises: Forbidden for foreign pages."""
    if not is_own_page(dict(connection.headers), "POST"):
        raise Forbidden("only the dashboard's own page may send this form")


def read(
    connection: ASGIConnection[BaseRouteHandler, None, None, State], _: BaseRouteHandler
) -> None:
    """A litestar guard for what everybody on this machine may read. Raises: Unauthorized."""
    if caller_of(connection.scope).is_stranger:
        raise Unauthorized("sign in first", remedy=_WITH_SESSION)


def read_private(
    connection: ASGIConnection[BaseRouteHandler, None, None, State], _: BaseRouteHandler
) -> None:
    """A litestar guard for what the owner alone may read. Raises: Unauthorized."""
    check_private(caller_of(connection.scope))


def check_private(caller: Caller) -> None:
    """Raises Unauthorized for who is not the owner."""
    if caller.session is None and not caller.may_administer:
        raise Unauthorized("sign in first", remedy=_WITH_SESSION)


async def field(request: ApiRequest, name: str, *, length_max: int = 1000) -> str:
    """A field of the form, "" where it has none. Raises: RequestError for one too long."""
    value = (await request.form()).get(name, "")
    if not isinstance(value, str) or len(value) > length_max:
        raise RequestError("is too long", field=name)
    return value.strip()


async def is_touched(request: ApiRequest, name: str) -> bool:
    """Whether a field says otherwise than when its page was drawn; so does one of no drawn word."""
    form = await request.form()
    drawn, typed = form.get(f"{DRAWN}{name}"), form.get(name, "")
    if not isinstance(drawn, str) or not isinstance(typed, str):
        return True
    # A browser sends other line ends than it was given.
    return typed.strip().splitlines() != drawn.strip().splitlines()
