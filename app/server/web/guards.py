"""Guards: whether a request may pass at all, decided from its method, path and headers. Pure.

In this order: Host, Origin, a preflight's answer, the key, the dashboard's session, the kind of
body. Each refusal is one of core/base/errors or a status of errors.http_failure. Which routes need
an administrator is said at the routes (gate.administer), not by paths here: a path has more
spellings than one.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, final

import msgspec

from app.core.base.errors import AthanorError, Forbidden, Unauthorized
from app.core.base.ids import OWNER_DOMAIN, Domain
from app.server.web.errors import Headers
from app.server.web.origins import is_allowed_host, is_allowed_origin, is_loopback_address
from app.server.web.own_page import find_cookie, is_own_page, is_proven

Scope = Literal["inference", "admin"]

_PUBLIC: Final = frozenset(("/", "/health", "/v1/health"))
"""Answered without a key from anywhere: they tell nothing and change nothing."""

_PAGES: Final = "/dashboard/"
"""Pages let strangers in as far as the form where they sign in; each says at its route who may
read it. A form sends no JSON, so the routes below check its token themselves."""

_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))

_FORM: Final = "application/x-www-form-urlencoded"

_HARMLESS: Final = frozenset(("GET", "HEAD"))

_TOKEN_HEADER: Final = "x-athanor-token"  # noqa: S105  # where a page's scripts put its token

_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
"""Of all paths together: what one takes is told by the 405 of the others."""

_PREFLIGHT_SECONDS: Final = b"86400"


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards know of this server."""

    machine: str
    """The machine's own name."""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    local_token: str
    """Opens everything; it stands in the lock file, which only this user can read."""
    is_shared: bool = False
    """A server for many: who sends no key is a stranger, on this machine too."""

    def __repr__(self) -> str:
        return "<Door>"


class Caller(NamedTuple):
    """Who sends the request, as far as the server can know."""

    domain: Domain
    may_administer: bool
    has_key: bool
    session: str | None = None
    """The live cookie of the dashboard that a page of this very server came with."""
    is_stranger: bool = False
    """From another machine, without key or session: let in to public paths alone."""

    def __repr__(self) -> str:
        return f"<Caller {self.domain}>"


@final
class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """The request goes on; `headers` are added to its answer."""

    caller: Caller
    headers: Headers


@final
class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A preflight, answered here with 204."""

    headers: Headers


@final
class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The request ends here: an error of ours, or the status of one."""

    error: AthanorError | int
    headers: Headers = []  # msgspec copies it


Verdict = Passed | Answered | Refused

VerifyKey = Callable[[str], tuple[str, Scope] | None]
"""The id and the scope of a live key, None for any other text."""

IsLive = Callable[[str], bool]
"""Whether a cookie's value is that of a live session."""


def _no_session(_: str) -> bool:
    return False


def judge(
    door: Door,
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    peer: str | None,
    verify: VerifyKey,
    is_live: IsLive = _no_session,
    port: int = 0,
) -> Verdict:
    """May this request pass? `headers` by lower-case name; `peer` is the client's address.

    `port` is the one that was called: it stands in the name of the session's cookie.
    """
    host = headers.get("host", "")
    if not is_allowed_host(host, machine=door.machine, allowed=door.allowed_hosts):
        return Refused(
            error=Forbidden(
                "this server does not answer to that host name",
                remedy="Add it to server.allowed_hosts if it is yours.",
            )
        )
    origin = headers.get("origin")
    shown: Headers = []
    if origin is not None:
        if not is_allowed_origin(origin, host=host, allowed=door.allowed_origins):
            return Refused(
                error=Forbidden(
                    "web pages of that origin may not call this server",
                    remedy="Add the origin to server.allowed_origins if you trust it.",
                )
            )
        shown = _cors(origin)
    if method == "OPTIONS":
        return Answered(headers=_preflight(headers, shown))
    caller = (
        _by_secret(door, headers, verify)
        or _by_session(headers, method=method, port=port, is_live=is_live)
        or _by_place(door, headers, peer)
    )
    is_page = path.startswith(_PAGES)
    if isinstance(caller, AthanorError):
        if path not in _PUBLIC and not is_page:
            return Refused(error=caller, headers=shown)
        caller = Caller(OWNER_DOMAIN, may_administer=False, has_key=False, is_stranger=True)
    if method in _WITH_BODY and _has_body(headers):
        kind = _kind(headers)
        if not _is_json(kind) and not (is_page and kind == _FORM):
            return Refused(error=415, headers=shown)
    return Passed(caller=caller, headers=shown)


def _by_secret(door: Door, headers: Mapping[str, str], verify: VerifyKey) -> Caller | None:
    """Who it is by the key that was sent. A wrong one is no harm on this machine: clients insist
    on sending something.
    """
    secret = _secret(headers)
    if secret is None:
        return None
    if _equal(secret, door.local_token):
        return Caller(OWNER_DOMAIN, may_administer=True, has_key=True)
    key = verify(secret)
    if key is None:
        return None
    key_id, scope = key
    if scope == "admin":
        return Caller(OWNER_DOMAIN, may_administer=True, has_key=True)
    # Each key its own trust domain: a shared prefix cache tells by its timing what
    # others asked.
    return Caller(Domain(f"key-{key_id}"), may_administer=False, has_key=True)


def _by_session(
    headers: Mapping[str, str], *, method: str, port: int, is_live: IsLive
) -> Caller | None:
    """The owner at the dashboard. To change things takes the page's token besides the cookie:
    pages of other ports of this machine have the cookie sent along, but cannot read the token.
    """
    secret = find_cookie(headers.get("cookie", ""), port)
    if secret is None or not is_own_page(headers, method) or not is_live(secret):
        return None
    may = method in _HARMLESS or is_proven(secret, headers.get(_TOKEN_HEADER, ""))
    return Caller(OWNER_DOMAIN, may_administer=may, has_key=False, session=secret)


def _by_place(door: Door, headers: Mapping[str, str], peer: str | None) -> Caller | AthanorError:
    """On this machine nobody needs a key for inference, unless the server is for many."""
    if door.is_shared:
        return Unauthorized(
            "an API key of this pool is needed",
            remedy="Ask its host for one, and send it as a Bearer token.",
        )
    if _is_at_home(headers, peer):
        return Caller(OWNER_DOMAIN, may_administer=False, has_key=False)
    if _secret(headers) is None:
        return Unauthorized(
            "an API key is needed from another machine",
            remedy="Make one with `athanor keys add NAME` and send it as a Bearer token.",
        )
    return Unauthorized("the API key is not known, or was revoked")


def _secret(headers: Mapping[str, str]) -> str | None:
    """The key, in any of the three headers where clients put it."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key") or headers.get("api-key") or None


def _equal(one: str, other: str) -> bool:
    """Compared in a time that does not tell where they differ."""
    return bool(other) and hmac.compare_digest(one.encode(), other.encode())


def _is_at_home(headers: Mapping[str, str], peer: str | None) -> bool:
    """Whether the client is on this machine; behind a proxy all seem to be, so none is."""
    if "forwarded" in headers or "x-forwarded-for" in headers:
        return False
    return peer is not None and is_loopback_address(peer)


def _has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _cors(origin: str) -> Headers:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1", "replace")),
        (b"access-control-expose-headers", b"x-request-id, retry-after"),
        (b"vary", b"origin"),
    ]


def _preflight(headers: Mapping[str, str], shown: Headers) -> Headers:
    """What the page may send. Without an Origin it is no preflight, only a question."""
    if not shown:
        return [(b"allow", _METHODS)]
    answer = [
        *shown,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
    ]
    wanted = headers.get("access-control-request-headers")
    if wanted:
        answer.append((b"access-control-allow-headers", wanted.encode("latin-1", "replace")))
    if headers.get("access-control-request-private-network", "").lower() == "true":
        answer.append((b"access-control-allow-private-network", b"true"))
    return answer
