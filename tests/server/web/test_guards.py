"""Laws of the guards: who may call, from where, with what."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import Forbidden, Unauthorized
from app.core.base.ids import OWNER_DOMAIN
from app.server.web.guards import Answered, Door, Passed, Refused, Verdict, judge
from app.server.web.origins import is_allowed_host, is_allowed_origin, is_loopback_address

DOOR = Door(
    machine="Furnace",
    allowed_hosts=("ai.example.org",),
    allowed_origins=("https://chat.example.org", "https://*", "notes://vault*")[::2],
    local_token="token-of-the-lock",
)
KEYS = {"inference-key": ("k1", "inference"), "admin-key": ("k2", "admin")}


def ask(
    method: str = "GET",
    path: str = "/v1/models",
    peer: str | None = "127.0.0.1",
    **headers: str,
) -> Verdict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(
        DOOR,
        method=method,
        path=path,
        headers={"host": "localhost:7117", **named},
        peer=peer,
        verify=KEYS.get,  # type: ignore[arg-type]
    )


def shown(verdict: Verdict) -> Mapping[str, str]:
    return {name.decode(): value.decode() for name, value in verdict.headers}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:7117",
        "LOCALHOST.",
        "app.localhost:1",
        "127.0.0.1:7117",
        "127.8.8.8",
        "[::1]:7117",
        "192.168.1.20",
        "10.0.0.2:80",
        "100.64.0.7",
        "[fe80::1]",
        "furnace",
        "FURNACE:7117",
        "furnace.local",
        "host.docker.internal:7117",
        "node.internal",
        "ai.example.org",
    ],
)
def test_names_that_no_stranger_can_own_reach_the_server(host: str) -> None:
    assert is_allowed_host(host, machine=DOOR.machine, allowed=DOOR.allowed_hosts)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example.com",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "8.8.8.8",
        "[2606:4700::1111]",
        "localhost@evil.com",
        "evil.com#localhost",
        "localhost/evil",
        "a:b:c",
        "[::1",
        "furnace.evil.com",
        "localhost:port",
    ],
)
def test_other_names_do_not(host: str) -> None:
    assert not is_allowed_host(host, machine=DOOR.machine, allowed=DOOR.allowed_hosts)


def test_a_star_among_the_allowed_hosts_lets_every_name_in() -> None:
    assert is_allowed_host("anything.example.com", machine="m", allowed=("*",))


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "https://localhost",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "http://0.0.0.0:8000",
        "http://app.localhost",
        "app://obsidian.md",
        "capacitor://localhost",
        "tauri://localhost",
        "vscode-webview://1a2b",
        "chrome-extension://abcdef",
        "moz-extension://abcdef",
        "file://",
        "jan://localhost",
        "http://localhost:7117",
        "https://chat.example.org",
        "notes://vault-7",
    ],
)
def test_local_pages_and_programs_may_call(origin: str) -> None:
    allowed = DOOR.allowed_origins

    assert is_allowed_origin(origin, host="localhost:7117", allowed=allowed)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.com",
        "http://localhost.evil.com",
        "https://chat.example.org.evil.com",
        "http://192.168.1.66",
        "javascript:alert(1)",
        "http://[::1",
        "notes://other",
    ],
)
def test_pages_of_strangers_may_not(origin: str) -> None:
    allowed = DOOR.allowed_origins

    assert not is_allowed_origin(origin, host="localhost:7117", allowed=allowed)
    assert isinstance(ask(origin=origin), Refused) or origin == ""


def test_a_page_that_the_server_itself_serves_may_call_it() -> None:
    assert is_allowed_origin("http://furnace:7117", host="furnace:7117", allowed=())
    assert not is_allowed_origin("http://furnace:9999", host="furnace:7117", allowed=())


def test_a_wrong_host_is_refused_before_anything_else() -> None:
    verdict = ask(host="evil.com", authorization="Bearer token-of-the-lock")

    assert isinstance(verdict, Refused) and isinstance(verdict.error, Forbidden)
    assert not verdict.headers


def test_a_foreign_origin_is_refused_without_a_cors_header() -> None:
    verdict = ask(origin="https://evil.com")

    assert isinstance(verdict, Refused) and isinstance(verdict.error, Forbidden)
    assert not verdict.headers


def test_an_allowed_origin_is_named_in_the_answer_and_never_a_star() -> None:
    headers = shown(ask(origin="http://localhost:3000"))

    assert headers["access-control-allow-origin"] == "http://localhost:3000"
    assert headers["vary"] == "origin"


def test_a_preflight_is_answered_with_what_the_page_may_send() -> None:
    verdict = ask(
        "OPTIONS",
        origin="app://obsidian.md",
        access_control_request_headers="authorization, x-stainless-os",
        access_control_request_private_network="true",
    )

    headers = shown(verdict)
    assert isinstance(verdict, Answered)
    assert headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert headers["access-control-allow-private-network"] == "true"
    assert {"POST", "PUT", "PATCH"} <= set(headers["access-control-allow-methods"].split(", "))


def test_a_strangers_preflight_opens_no_private_network() -> None:
    verdict = ask(
        "OPTIONS", origin="https://evil.com", access_control_request_private_network="true"
    )

    assert isinstance(verdict, Refused)
    assert not verdict.headers


def test_at_home_nobody_needs_a_key_and_a_wrong_one_does_no_harm() -> None:
    for headers in ({}, {"authorization": "Bearer sk-no-key-required"}, {"api_key": "x"}):
        verdict = ask(**headers)

        assert isinstance(verdict, Passed)
        assert verdict.caller.domain == OWNER_DOMAIN
        assert not verdict.caller.may_administer


@pytest.mark.parametrize("peer", ["192.168.1.7", "::2", None, "not an address"])
def test_from_elsewhere_a_key_is_needed(peer: str | None) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eA=="}):
        verdict = ask(peer=peer, **headers)

        assert isinstance(verdict, Refused) and isinstance(verdict.error, Unauthorized)


@pytest.mark.parametrize("header", ["forwarded", "x_forwarded_for"])
def test_behind_a_proxy_nobody_is_at_home(header: str) -> None:
    verdict = ask(**{header: "203.0.113.9"})

    assert isinstance(verdict, Refused) and isinstance(verdict.error, Unauthorized)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer inference-key"},
        {"authorization": "bearer  inference-key"},
        {"x_api_key": "inference-key"},
        {"api_key": "inference-key"},
    ],
)
def test_a_key_opens_in_any_of_the_three_headers(headers: dict[str, str]) -> None:
    verdict = ask(peer="192.168.1.7", **headers)

    assert isinstance(verdict, Passed)
    assert not verdict.caller.may_administer


def test_each_key_is_a_trust_domain_of_its_own() -> None:
    verdict = ask(authorization="Bearer inference-key")

    assert isinstance(verdict, Passed)
    assert verdict.caller.domain == "key-k1"


@pytest.mark.parametrize("secret", ["token-of-the-lock", "admin-key"])
def test_the_locks_token_and_an_admin_key_administer_for_the_owner(secret: str) -> None:
    verdict = ask(peer="192.168.1.7", authorization=f"Bearer {secret}")

    assert isinstance(verdict, Passed)
    assert verdict.caller.may_administer
    assert verdict.caller.domain == OWNER_DOMAIN


def test_health_is_answered_to_anybody() -> None:
    for path in ("/", "/health", "/v1/health"):
        assert isinstance(ask(path=path, peer="192.168.1.7"), Passed)


@pytest.mark.parametrize(
    ("kind", "passes"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/problem+json", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
    ],
)
def test_a_body_must_be_json_since_a_page_can_send_the_rest_unasked(
    kind: str, passes: bool
) -> None:
    verdict = ask("POST", content_type=kind, content_length="5")

    assert isinstance(verdict, Passed) is passes
    if isinstance(verdict, Refused):
        assert verdict.error == 415


def test_a_post_without_a_body_needs_no_type() -> None:
    assert isinstance(ask("POST"), Passed)
    assert isinstance(ask("POST", content_length="0"), Passed)
    assert isinstance(ask("POST", transfer_encoding="chunked"), Refused)


def test_loopback_is_told_in_both_families() -> None:
    assert all(is_loopback_address(each) for each in ("127.0.0.1", "127.1.2.3", "::1"))
    assert is_loopback_address("::ffff:127.0.0.1")
    assert not any(is_loopback_address(each) for each in ("::ffff:10.0.0.1", "0.0.0.0", "", "x"))


HEADER = st.sampled_from(
    ["host", "origin", "authorization", "x-api-key", "content-type", "content-length", "forwarded"]
)


@given(headers=st.dictionaries(HEADER, st.text(st.characters(max_codepoint=255), max_size=20)))
def test_no_header_makes_the_guards_fail(headers: dict[str, str]) -> None:
    verdict = judge(
        DOOR, method="POST", path="/", headers=headers, peer="127.0.0.1", verify=lambda _: None
    )

    assert isinstance(verdict, Passed | Answered | Refused)
