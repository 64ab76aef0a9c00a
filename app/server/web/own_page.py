"""Own page: what tells a request of our own dashboard from one of any other web page. Pure.

The session's cookie alone proves little. Browsers send it along with requests to this host from
pages of every port of it (SameSite and cookies do not see ports), so two things are asked besides:
the browser's own word that the page is ours (Origin, Sec-Fetch-Site), and for changes a token that
only a page of ours shows, since others cannot read what we answer.
"""

import hashlib
import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

_HARMLESS: Final = frozenset(("GET", "HEAD"))


def cookie_name(port: int) -> str:
    """The cookie of the server at this port: two servers of one machine share a cookie jar."""
    return f"athanor_{port}"


def find_cookie(cookies: str, port: int) -> str | None:
    """The session's secret in a Cookie header."""
    try:
        found = SimpleCookie(cookies).get(cookie_name(port))
    except CookieError:
        return None
    return found.value if found is not None and found.value else None


def set_cookie(secret: str, port: int, *, seconds: int, scheme: str) -> str:
    """A Set-Cookie header; 0 seconds takes the cookie back.

    `scheme` is that of the request: a node speaks plain HTTP, where a browser would keep no
    `Secure` cookie; a host with a certificate has it sent by TLS alone.
    """
    kept = f"Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"
    return f"{cookie_name(port)}={secret}; {kept}" + ("; Secure" if scheme == "https" else "")


def is_own_page(headers: Mapping[str, str], method: str) -> bool:
    """Whether the browser says that a page of this server asks, or its owner by the address bar.

    A change needs the browser's word; a reader may be too old a browser to say anything.
    """
    origin = headers.get("origin")
    if origin is not None:
        return is_same_origin(origin, headers.get("host", ""))
    site = headers.get("sec-fetch-site")
    if method in _HARMLESS:
        return site in (None, "none", "same-origin")
    return site == "same-origin"


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` is one of the server that was called as `host`."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower() != ""


def form_token(secret: str) -> str:
    """What the pages of a session send with each change.

    It follows from the cookie, and does not lead back to it.
    """
    return hmac.new(_bytes(secret), b"athanor form token", hashlib.sha256).hexdigest()


def is_proven(secret: str, token: str) -> bool:
    """Whether `token` is the one that the pages of this session show. Constant time."""
    return hmac.compare_digest(form_token(secret).encode(), _bytes(token))


def _bytes(text: str) -> bytes:
    # What comes in headers need not be text.
    return text.encode("utf-8", "surrogatepass")
