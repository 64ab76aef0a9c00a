"""HTTP protocol: uvicorn's, by httptools where that is installed and by h11 otherwise."""

import asyncio
from functools import cache
from importlib.util import find_spec

from uvicorn.protocols.http.auto import AutoHTTPProtocol


@cache
def http_protocol() -> type[asyncio.Protocol]:
    """What speaks HTTP over a connection, also where a client offers to speak something else."""
    if find_spec("httptools") is None:
        return AutoHTTPProtocol  # h11's, which reads on by itself.
    from app.server.web.reading_on import ReadingOn  # noqa: PLC0415  # imports httptools

    return ReadingOn
