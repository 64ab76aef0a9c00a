"""Laws of the socket: whoever floods, forges, stalls or lies is cut off, and the others go on."""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.core.base.ids import DeviceId, JobId
from app.core.pool.envelope import decode_envelope, encode_envelope, from_host
from app.core.pool.proofs import node_statement, sealing_statement
from app.server.identity.keys import DeviceKey
from app.wire.opening import (
    HANDSHAKE_BYTES_MAX,
    SOCKET_PATH,
    VERSION,
    Denied,
    Hello,
    Proof,
)
from app.wire.pool import Chunk, Finished, Heartbeat
from tests.server.host.pools import Pool, chat, pool, workers

LIMIT = 30.0


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool that lets few in from one address, so that a test can fill it."""
    flags = ("--members-per-address-max", "40", "--grace-members-seconds", "0.2")
    with pool(tmp_path_factory.mktemp("pool"), *flags) as running:
        yield running


@asynccontextmanager
async def stranger(club: Pool) -> AsyncGenerator[ClientConnection, None]:
    """An open WebSocket of somebody who has said nothing yet."""
    address = club.host.root_url.replace("http", "ws") + SOCKET_PATH
    async with connect(address, compression=None, max_size=None) as connection:
        yield connection


async def last_words(connection: ClientConnection) -> list[object]:
    """What the host still says until it closes."""
    words = []
    async with asyncio.timeout(LIMIT):
        try:
            while True:
                data = await connection.recv()
                assert isinstance(data, bytes)
                incoming = decode_envelope(data, from_host, bytes_max=10**7)
                words.append(getattr(incoming, "frame", incoming))
        except ConnectionClosed:
            return words


def hello(device: str, **more: object) -> bytes:
    """The first message of a node."""
    return encode_envelope(
        Hello(
            versions=(VERSION,),
            device=DeviceId(device),
            nonce=secrets.token_bytes(32),
            program="test",
            **more,  # type: ignore[arg-type]
        )
    )


async def greeted(
    connection: ClientConnection, key: DeviceKey, *, signer: DeviceKey | None = None
) -> bytes:
    """Says hello and proves a key, of `signer` if it is another; the challenge's answer."""
    said = hello(key.public)
    await connection.send(said)
    challenge = await connection.recv()
    assert isinstance(challenge, bytes)
    by = signer or key
    proof = Proof(
        signature=by.sign(node_statement(said, challenge)),
        sealing_key=key.sealing_key,
        sealing_signature=by.sign(sealing_statement(key.sealing_key)),
    )
    await connection.send(encode_envelope(proof))
    return challenge


async def is_well(club: Pool) -> bool:
    """Whether an honest member is let in and an honest caller answered."""
    async with workers(club, f"honest-{secrets.token_hex(2)}"), club.api() as api:
        answer = await api.post("/chat/completions", json=chat("hello"))
        return answer.status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x93\x00\x00\x00",
        msgspec.msgpack.encode({"body": {"type": "hello"}}),
        msgspec.msgpack.encode({"body": {"type": "nonsense", "x": 1}}),
        encode_envelope(Heartbeat(is_lending=True), number=1),
        b"\x81\xa4body" + b"\x91" * 60_000,
    ],
    ids=["empty", "no-msgpack", "array", "half", "unknown", "out-of-turn", "deep"],
)
def test_a_stranger_who_says_nonsense_gets_one_sentence_and_is_gone(
    club: Pool, data: bytes
) -> None:
    async def act() -> list[object]:
        async with stranger(club) as connection:
            await connection.send(data)
            return await last_words(connection)

    (denied,) = asyncio.run(act())

    assert isinstance(denied, Denied) and denied.code == "malformed"


def test_a_stranger_cannot_make_the_host_remember_a_large_message(club: Pool) -> None:
    async def act() -> ConnectionClosed:
        async with stranger(club) as connection:
            with pytest.raises(ConnectionClosed) as closed:
                await connection.send(b"x" * (HANDSHAKE_BYTES_MAX + 1))
                await connection.recv()
            return closed.value

    closed = asyncio.run(act())

    assert closed.rcvd is not None and closed.rcvd.code == 1009


def test_a_key_that_is_not_proved_opens_nothing(club: Pool, tmp_path: Path) -> None:
    async def act() -> list[object]:
        claimed = DeviceKey.ensure(tmp_path / "claimed.key")
        mine = DeviceKey.ensure(tmp_path / "mine.key")
        async with stranger(club) as connection:
            await greeted(connection, claimed, signer=mine)
            return await last_words(connection)

    (denied,) = asyncio.run(act())

    assert isinstance(denied, Denied) and denied.code == "proof"


def test_a_device_without_an_invite_is_told_how_to_come_in(club: Pool, tmp_path: Path) -> None:
    async def act() -> list[object]:
        async with stranger(club) as connection:
            await greeted(connection, DeviceKey.ensure(tmp_path / "new.key"))
            return await last_words(connection)

    (denied,) = asyncio.run(act())

    assert isinstance(denied, Denied) and denied.code == "unknown_device"
    assert "invite" in denied.remedy.lower()


def test_a_proof_that_was_overheard_opens_no_second_session(club: Pool, tmp_path: Path) -> None:
    async def act() -> list[object]:
        key = DeviceKey.ensure(tmp_path / "overheard.key")
        async with stranger(club) as first:
            said = hello(key.public)
            await first.send(said)
            challenge = await first.recv()
            assert isinstance(challenge, bytes)
            proof = encode_envelope(
                Proof(
                    signature=key.sign(node_statement(said, challenge)),
                    sealing_key=key.sealing_key,
                    sealing_signature=key.sign(sealing_statement(key.sealing_key)),
                )
            )
        async with stranger(club) as second:
            await second.send(said)
            assert isinstance(await second.recv(), bytes)
            await second.send(proof)
            return await last_words(second)

    (denied,) = asyncio.run(act())

    assert isinstance(denied, Denied) and denied.code == "proof"


def test_one_address_cannot_take_all_connections(club: Pool) -> None:
    async def act() -> int:
        refused = 0
        opened: list[socket.socket] = []
        host, port = club.host.root_url.removeprefix("http://").split(":")
        for _ in range(60):
            one = socket.create_connection((host, int(port)), timeout=5)
            opened.append(one)
        for one in opened:
            one.settimeout(2)
            try:
                refused += one.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionResetError:
                refused += 1
        for one in opened:
            one.close()
        return refused

    assert asyncio.run(act()) >= 20
    assert asyncio.run(is_well(club))


def test_a_head_that_drips_is_cut_off(club: Pool) -> None:
    async def act() -> bytes:
        host, port = club.host.root_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await writer.drain()
        async with asyncio.timeout(LIMIT):
            try:
                return await reader.read()
            except ConnectionResetError:
                return b""

    assert asyncio.run(act()) == b""


def test_a_page_of_a_browser_is_no_member(club: Pool) -> None:
    async def act() -> None:
        address = club.host.root_url.replace("http", "ws") + SOCKET_PATH
        async with connect(address, additional_headers={"Origin": "http://evil.example"}):
            raise AssertionError("it was let in")

    with pytest.raises(InvalidStatus):
        asyncio.run(act())


def test_frames_about_others_jobs_change_nothing(club: Pool) -> None:
    async def forged() -> int:
        async with workers(club, "thief") as (thief,):
            for number in range(20):
                job = JobId(f"job_{number:024x}")
                thief.link.send(Chunk(job=job, attempt=0, first=0, tokens=[1], events=[]))
                thief.link.send(
                    Finished(
                        job=job,
                        attempt=0,
                        reason="completed",
                        receipt=b"forged",
                        signature=bytes(64),
                    )
                )
            async with club.api() as api:
                answer = await api.post("/chat/completions", json=chat("hello"))
                assert answer.status_code == 200
            return club.available("member")[0]

    before = club.available("member")[0]
    earned = asyncio.run(forged()) - before

    assert earned <= 10, "only the honest job is paid"
    with club.host.client() as client:
        assert client.audit().holds


def test_a_member_that_floods_is_cut_off_and_the_others_go_on(club: Pool) -> None:
    async def act() -> list[str]:
        async with workers(club, "flood") as (flood,):
            for _ in range(60_000):
                if not flood.link.send(Heartbeat(is_lending=False)):
                    break
            await flood.until(lambda: bool(flood.over_words))
            assert await is_well(club)
            return flood.over_words

    assert asyncio.run(act())


def test_a_session_is_told_of_by_the_device_that_opened_it_alone(
    club: Pool, tmp_path: Path
) -> None:
    async def act() -> object:
        async with workers(club, "owner") as (owner,), workers(club, "thief") as (thief,):
            assert owner.established is not None
            session = owner.established.session
            thief.vanish()
            async with stranger(club) as connection:
                said = hello(thief.key.public, session=session)
                await connection.send(said)
                challenge = await connection.recv()
                assert isinstance(challenge, bytes)
                proof = Proof(
                    signature=thief.key.sign(node_statement(said, challenge)),
                    sealing_key=thief.key.sealing_key,
                    sealing_signature=thief.key.sign(sealing_statement(thief.key.sealing_key)),
                )
                await connection.send(encode_envelope(proof))
                return (await last_words(connection))[0]

    denied = asyncio.run(act())

    assert isinstance(denied, Denied) and denied.code == "session"
