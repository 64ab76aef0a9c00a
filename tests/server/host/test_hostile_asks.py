"""Laws of asks that are meant ill, or meet a bug: one frame of a member ends nothing but itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.base.ids import DeviceId, JobId, RequestId
from app.core.base.units import Micros
from app.server.host.asks import Asks
from app.wire.engine import Generate, PromptChat, Refused
from app.wire.message import Message
from app.wire.pool import Ask, CancelAsk, Sealed, Told
from tests.server.host.pools import Gate, Pool, chat, pool, workers
from tests.support.pool_worker import Worker

SEALED = Sealed(ephemeral_key=b"k" * 32, nonce=b"n" * 12, ciphertext=b"c" * 64)


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool(tmp_path_factory.mktemp("pool"), "--queue-seconds", "5") as running:
        yield running


class Asker(Worker):
    """A machine that only asks."""

    def __init__(self, club: Pool, name: str) -> None:
        invite = club.host.invite("caller")
        super().__init__(club.folder / "askers", name, invite, (), None)  # type: ignore[arg-type]
        self.told: list[Told] = []

    async def heard(self, frame: Message) -> None:
        if isinstance(frame, Told):
            self.told.append(frame)
        await super().heard(frame)

    async def refusal(self, ask: Ask) -> Refused:
        """How an ask is refused."""
        self.link.send(ask)
        await self.until(lambda: any(told.is_last for told in self.told))
        (refused,) = self.told[-1].events
        assert isinstance(refused, Refused)
        return refused


def body(**fields: object) -> Generate:
    prompt = PromptChat(messages=[{"role": "user", "content": "hello"}])
    return Generate(request=RequestId("r"), prompt=prompt, max_tokens=20, **fields)  # type: ignore[arg-type]


def asked(job: str, asked_body: Generate | Sealed, **fields: object) -> Ask:
    given = {"job": JobId(job), "model": "echo", "body": asked_body, "cost_max": Micros(1000)}
    return Ask(**{**given, **fields})  # type: ignore[arg-type]


def test_a_sealed_ask_with_the_id_of_a_job_under_way_is_refused_and_the_job_goes_on(
    club: Pool,
) -> None:
    async def act() -> tuple[Refused, int]:
        gate = Gate(3)
        async with (
            workers(club, "box", before=gate) as (box,),
            Asker(club, "guesser").running() as asker,
            club.api() as api,
        ):
            assert isinstance(asker, Asker)
            client = asyncio.create_task(api.post("/chat/completions", json=chat("some words")))
            await asyncio.wait_for(gate.reached.wait(), 60)
            ask = asked(box.attempts[0].offer.job, SEALED, worker=box.key.device)
            refused = await asker.refusal(ask)
            gate.opened.set()
            return refused, (await client).status_code

    refused, status = asyncio.run(act())

    assert (refused.kind, status) == ("request_conflict", 200)


def test_a_price_of_thousands_of_digits_is_refused_by_its_field(club: Pool) -> None:
    async def act() -> Refused:
        async with Asker(club, "digits").running() as asker:
            assert isinstance(asker, Asker)
            wishes = {"max_price.input": "9" * 5000}
            return await asker.refusal(asked("ask-of-digits", body(), wishes=wishes))

    assert asyncio.run(act()).field == "provider.max_price.input"


def test_an_ask_of_several_answers_is_refused_and_no_machine_is_asked(club: Pool) -> None:
    async def act() -> Refused:
        async with workers(club, "unasked") as (box,), Asker(club, "several").running() as asker:
            assert isinstance(asker, Asker)
            refused = await asker.refusal(asked("ask-of-several", body(choices=2)))
            assert not box.attempts
            return refused

    refused = asyncio.run(act())

    assert (refused.kind, refused.field) == ("invalid_request", "n")


class Broken:
    """Whatever is asked of it meets a bug."""

    def __getattr__(self, name: str) -> object:
        raise ZeroDivisionError(f"heliotrope in {name}")


def test_a_bug_in_one_ask_is_told_to_who_asked_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    told: asyncio.Queue[Told] = asyncio.Queue()

    def tell(_: DeviceId, frame: Message) -> bool:
        assert isinstance(frame, Told)
        told.put_nowait(frame)
        return True

    async def act() -> Told:
        broken = Broken()
        asks = Asks(
            requests=broken, jobs=broken, access=broken,  # type: ignore[arg-type]
            idempotency=broken, orphans=broken, verify=broken, tell=tell,  # type: ignore[arg-type]
        )  # fmt: skip
        async with asks.running():
            asks.cancel(DeviceId("d" * 64), CancelAsk(job=JobId("asked-before")))
            asks.ask(DeviceId("d" * 64), asked("ask-of-a-bug", body()))
            return await asyncio.wait_for(told.get(), 60)

    last = asyncio.run(act())

    (refused,) = last.events
    assert isinstance(refused, Refused) and last.is_last
    assert (last.job, refused.kind) == ("ask-of-a-bug", "internal")
    assert "could not be looked up" in caplog.text and "heliotrope" not in caplog.text
