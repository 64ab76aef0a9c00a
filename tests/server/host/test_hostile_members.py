"""Laws of a pool whose members or callers mean it ill: nobody is paid for being there."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace

import httpx
import msgspec
import pytest

from app.core.base.ids import RequestId
from app.wire.engine import Embed, Generate, Refused
from app.wire.engine_events import Delta, Said
from app.wire.pool import Accepted, Finished, Heartbeat, Look, Offer, Register
from tests.server.host.pools import Gate, Pool, chat, pool, workers
from tests.support.pool_worker import Event, Worker, offered

HEARTBEATS = 500
OTHER_CONTENT = "cd" * 32


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool that does not wait long for machines that are gone."""
    flags = ("--queue-seconds", "2", "--grace-members-seconds", "0.2")
    with pool(tmp_path_factory.mktemp("pool"), *flags) as running:
        yield running


async def unasked(_: Generate | Embed) -> AsyncGenerator[Event, None]:
    """The work of a machine that computes nothing."""
    raise AssertionError("it was asked")
    yield


@asynccontextmanager
async def fleet(
    club: Pool, account: str, content: str, *, count: int
) -> AsyncGenerator[list[Worker], None]:
    """Machines of one account that lend, and say that they are the best there are."""
    club.host.account(account, credits=0)
    mine = replace(club, member=account)
    async with AsyncExitStack() as stack:
        made = [mine.worker(f"{account}-{number}", unasked) for number in range(count)]
        for each in made:
            await stack.enter_async_context(each.running())
            models = (offered(content, slots=1000, context=10**6),)
            each.link.send(
                Register(models=models, circle="anyone", runtime="99.9", gpu="8 x B200",
                         gpu_memory_bytes=2**50)
            )  # fmt: skip
            await heard(each)
        yield made


async def heard(worker: Worker) -> None:
    """Until the host has heard all that the machine said: frames are heard in order."""
    markets = len(worker.markets)
    worker.link.send(Look())
    await worker.until(lambda: len(worker.markets) > markets)


def events_in_the_books(club: Pool) -> int:
    with club.host.client() as client:
        found = client.audit()
        assert found.holds
        return found.events


def test_machines_that_boast_and_are_there_and_compute_nothing_earn_nothing(club: Pool) -> None:
    async def act() -> int:
        async with fleet(club, "idle", club.sha256, count=5) as machines:
            before = events_in_the_books(club)
            for each in machines:
                for _ in range(HEARTBEATS):
                    each.link.send(Heartbeat(is_lending=True, loaded=(club.sha256,)))
                await heard(each)
            return events_in_the_books(club) - before

    assert asyncio.run(act()) == 0
    assert club.available("idle") == (0, 0)


def test_another_model_under_a_listed_name_is_asked_for_nothing(club: Pool) -> None:
    async def act() -> httpx.Response:
        async with fleet(club, "other", OTHER_CONTENT, count=2) as machines, club.api() as api:
            answer = await api.post("/chat/completions", json=chat("hello"))
            assert not any(each.attempts for each in machines)
            return answer

    answer = asyncio.run(act())

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unserved")


def test_a_stream_that_nobody_goes_on_with_ends_in_an_error_and_never_in_done(club: Pool) -> None:
    async def act() -> list[str]:
        async with workers(club, "leaver") as (leaver,), club.api() as api:

            async def leave(_: Offer, first: int) -> None:
                if first >= 3:
                    leaver.vanish()
                    await asyncio.Event().wait()

            leaver.before = leave
            body = chat("some words", stream=True)
            async with api.stream("POST", "/chat/completions", json=body) as answer:
                return [line async for line in answer.aiter_lines() if line.startswith("data: ")]

    before, _ = club.available()
    lines = asyncio.run(act())

    assert "data: [DONE]" not in lines
    assert json.loads(lines[-1].removeprefix("data: "))["error"]["message"]
    assert not any('"finish_reason":"stop"' in line for line in lines)
    assert club.available() == (before, 0)


def test_a_machine_is_told_at_once_what_is_held_against_it_and_whoever_removes_it_too(
    club: Pool,
) -> None:
    async def act() -> dict[str, int]:
        async with workers(club, "liar") as (liar,), club.api() as api:
            honest = liar.compute

            async def other_words(body: Generate | Embed) -> AsyncGenerator[Event, None]:
                async for event in honest(body):
                    if isinstance(event, Delta) and event.parts:
                        yield msgspec.structs.replace(event, parts=[Said(text="other ")])
                    else:
                        yield event

            liar.compute = other_words
            await api.post("/chat/completions", json=chat("some words"))
            await liar.until(lambda: any(each.strikes for each in liar.standings))
            return liar.standings[-1].strikes

    assert asyncio.run(act()) == {"answers whose text is not what their tokens say": 1}
    with club.host.client() as client:
        assert client.remove_machine("liar").strikes == 1


class Refuser(Worker):
    """A machine that refuses every request, in words of its own."""

    asked: asyncio.Event

    def _offered(self, offer: Offer) -> None:
        words = "your account is blocked: pay at evil.example"
        refused = Refused(request=RequestId("r"), kind="invalid_request", message=words)
        said = {"job": offer.job, "attempt": offer.attempt}
        self.link.send(Accepted(**said))  # type: ignore[arg-type]
        self.link.send(Finished(**said, reason="refused", refused=refused))  # type: ignore[arg-type]
        self.asked.set()


def test_a_machine_that_refuses_what_is_right_is_not_believed_and_its_words_reach_nobody(
    club: Pool,
) -> None:
    async def act() -> tuple[httpx.Response, httpx.Response]:
        refuser = Refuser(
            club.folder / "refuser", "refuser", club.host.invite("member"),
            (offered(club.sha256),), unasked,
        )  # fmt: skip
        refuser.asked = asyncio.Event()
        async with refuser.running(), club.api() as api:
            await heard(refuser)
            alone = await api.post("/chat/completions", json=chat("hello"))
            gate = Gate(0)
            async with workers(club, "box", before=gate, slots=1):
                # Its one slot is in use, so that the refuser is asked first.
                first = asyncio.create_task(api.post("/chat/completions", json=chat("first")))
                await asyncio.wait_for(gate.reached.wait(), 60)
                refuser.asked.clear()
                second = asyncio.create_task(api.post("/chat/completions", json=chat("second")))
                await asyncio.wait_for(refuser.asked.wait(), 60)
                gate.opened.set()
                assert (await first).status_code == 200
                return alone, await second

    alone, beside = asyncio.run(act())

    assert (alone.status_code, beside.status_code) == (400, 200)
    assert beside.json()["choices"][0]["message"]["content"] == "second"
    assert "evil.example" not in alone.text and alone.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["image", "schema", "model"])
def test_an_address_in_a_request_is_called_by_nobody(club: Pool, kind: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as inner:
        inner.settimeout(0.2)
        address = f"http://127.0.0.1:{inner.getsockname()[1]}/latest/meta-data"
        body = chat("hello")
        if kind == "image":
            part = {"type": "image_url", "image_url": {"url": address}}
            body["messages"] = [{"role": "user", "content": [part]}]
        elif kind == "schema":
            body["json_schema"] = {"$ref": address}
        else:
            body["model"] = address

        async def act() -> httpx.Response:
            async with workers(club, f"box-{kind}"), club.api() as api:
                return await api.post("/chat/completions", json=body)

        answer = asyncio.run(act())

        assert answer.status_code in (400, 404)
        with pytest.raises(TimeoutError):
            inner.accept()
