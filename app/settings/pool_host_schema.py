"""The section `pool_host` of the schema: how this machine hosts a pool, where it does.

The rules of schema.py hold here too. What is taken and given for tokens stands in prices.toml,
which docs/host-a-pool.md explains.
"""

from typing import Annotated, final

import msgspec
from msgspec import Meta

from app.settings.shapes import ADDRESS, ADDRESS_WORDS, MIB, SECONDS, LogLevel


@final
class PoolHostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a pool is hosted here. Nothing of it matters before `athanor pool serve`."""

    pool_name: Annotated[
        str,
        Meta(
            max_length=60,
            description="What the members see; empty takes the machine's name.",
            extra={"allowed": "a text of at most 60 characters"},
        ),
    ] = ""
    pool_address: Annotated[
        str,
        Meta(
            pattern=ADDRESS,
            description="Address on which the host listens; 0.0.0.0 lets other machines in. "
            "Members prove their keys and callers need one, from this machine too.",
            extra=ADDRESS_WORDS,
        ),
    ] = "127.0.0.1"
    pool_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="TCP port of the host, for members and callers alike; 0 takes any free "
            "one.",
        ),
    ] = 7118
    pool_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
            description="Where members and callers reach the host, as it stands in invites; empty "
            "takes the address and port.",
            extra={"allowed": "empty, or a URL that begins with http:// or https://"},
        ),
    ] = ""
    pool_certificate: Annotated[
        str,
        Meta(
            description="PEM file with the certificate for TLS, and its chain; empty speaks plain "
            "HTTP, which is right behind a proxy that speaks TLS, and on a trusted network.",
            extra={"allowed": "the path of a file, or empty"},
        ),
    ] = ""
    pool_certificate_key: Annotated[
        str,
        Meta(
            description="PEM file with the certificate's key; empty where it stands in the same "
            "file.",
            extra={"allowed": "the path of a file, or empty"},
        ),
    ] = ""
    pool_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses of proxies in front of the host, whose X-Forwarded-For is "
            "believed: limits by address and the addresses in usage rest on it."
        ),
    ] = ()
    pool_log_level: Annotated[
        LogLevel,
        Meta(description="Least level that is written to the host's log."),
    ] = "info"
    members_max: Annotated[
        int,
        Meta(
            ge=1,
            le=20_000,
            description="Connections of members at once.",
            extra={"unit": "connections"},
        ),
    ] = 2000
    members_per_address_max: Annotated[
        int,
        Meta(
            ge=1,
            le=20_000,
            description="Connections, of members and callers, that one address may have open.",
            extra={"unit": "connections"},
        ),
    ] = 64
    member_frames_max: Annotated[
        int,
        Meta(
            ge=10,
            le=100_000,
            description="Messages that a member may send in a second, on average; past it, its "
            "connection is read no faster.",
            extra={"unit": "messages a second"},
        ),
    ] = 1000
    member_buffer_bytes_max: Annotated[
        int,
        Meta(
            ge=MIB,
            le=1024 * MIB,
            description="What may wait for a member that reads slowly; past it, its connection is "
            "closed and may come back.",
            extra={"unit": "bytes"},
        ),
    ] = 32 * MIB
    heartbeat_members_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=300,
            description="How often a member says that it is there.",
            extra=SECONDS,
        ),
    ] = 10.0
    grace_members_seconds: Annotated[
        float,
        Meta(
            ge=0.1,
            le=600,
            description="How long a member whose connection was lost may come back before its "
            "work goes to another.",
            extra=SECONDS,
        ),
    ] = 15.0
    pool_requests_max: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Requests in the pool at once, those that wait included; further ones are "
            "answered 503.",
            extra={"unit": "requests"},
        ),
    ] = 2000
    pool_queue_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long a request waits for a machine before it is answered 503.",
            extra=SECONDS,
        ),
    ] = 60.0
    pool_body_bytes_max: Annotated[
        int,
        Meta(
            ge=1024,
            le=8 * MIB,
            description="Largest body of a caller's request.",
            extra={"unit": "bytes"},
        ),
    ] = 4 * MIB
    usage_address_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            description="How long the host remembers from which address a request came.",
            extra={"unit": "days"},
        ),
    ] = 30
    usage_row_days: Annotated[
        int,
        Meta(
            ge=1,
            le=3650,
            description="How long the host keeps one line of figures for each request; what was "
            "paid stays in the books.",
            extra={"unit": "days"},
        ),
    ] = 400
    account_requests_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=10**9,
            description="Requests that an account may send in a minute, where `athanor pool "
            "limits` sets nothing else; 0 sets no limit.",
            extra={"unit": "requests"},
        ),
    ] = 600
    account_tokens_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=10**12,
            description="Tokens of prompts and answers that an account may use in a minute, where "
            "nothing else is set; 0 sets no limit.",
            extra={"unit": "tokens"},
        ),
    ] = 2_000_000
    address_requests_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=10**9,
            description="Requests that one address may send in a minute, whoever sends them; 0 "
            "sets no limit. Behind a proxy pool_proxies must name it.",
            extra={"unit": "requests"},
        ),
    ] = 1200
    pool_stop_grace_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="How long running answers may take to finish when the host stops.",
            extra=SECONDS,
        ),
    ] = 20.0
