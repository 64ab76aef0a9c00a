"""Laws of embeddings in a pool: a real embedder's vectors, counted and settled by their tokens."""

import asyncio
import base64
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros
from app.core.ledger.work import Reported
from app.core.pool.receipt import VERDICT
from app.wire.engine import Embed, Generate, Refused
from app.wire.pool import Ask, Told
from tests.server.host.pools import Pool, pool
from tests.server.host.test_asks_of_before import Asker
from tests.server.host.test_orphans import DEVICE, HOLD, Host, finished, with_orphans
from tests.support.pool_host import PRICES
from tests.support.pool_worker import Compute, Event, Worker, offered
from tests.support.worker_engine import engine_compute

QUICK = ("--grace-members-seconds", "0.2", "--heartbeat-members-seconds", "2")
TEXTS = [
    "The weather in Berlin is cloudy. " * 16,
    "A cat and a dog live near the sea. " * 16,
    "hello",
    "The weather in Berlin is cloudy. " * 15,
]
CONTEXT = 256
"""Of the made embedder: each input has room in it, and all together have not."""
LENGTH = 64
"""Of the made embedder's vectors."""


@asynccontextmanager
async def embedders(club: Pool, *names: str) -> AsyncGenerator[list[Worker], None]:
    """Connected workers that share one engine."""
    async with AsyncExitStack() as stack:
        compute = await stack.enter_async_context(engine_compute(club.model, is_embedding=True))
        found = [club.worker(name, compute) for name in names]
        for worker in found:
            worker.models = (offered(club.sha256, context=CONTEXT),)
            await stack.enter_async_context(worker.running())
        yield found


async def embed(club: Pool, text: object, **more: object) -> httpx.Response:
    """The answer to a request of the caller's."""
    async with club.api() as api:
        return await api.post("/embeddings", json={"model": "echo", "input": text, **more})


def cost_of(tokens: int) -> int:
    """What so many tokens of a prompt cost; nothing of it is an answer's."""
    return round(tokens * PRICES[0] / 1_000_000)


def check_books(club: Pool, before: tuple[int, int], cost: int) -> None:
    """The caller paid that and has nothing held, and the books are whole."""
    balance, held = club.available()
    assert (before[0] - balance, held) == (cost, 0)
    with club.host.client() as client:
        assert client.audit().holds


def test_several_inputs_have_a_vector_each_and_are_paid_by_their_tokens(
    tmp_path: Path, bert_gguf: Path
) -> None:
    async def act() -> tuple[httpx.Response, list[Worker]]:
        async with embedders(club, "box") as boxes:
            response = await embed(club, TEXTS)
            await boxes[0].until(lambda: bool(boxes[0].verdicts))
            return response, boxes

    with pool(tmp_path, *QUICK, model=bert_gguf) as club:
        before, earned = club.available(), club.available("member")[0]
        response, (box,) = asyncio.run(act())

        answer, (attempt,) = response.json(), box.attempts
        tokens = answer["usage"]["prompt_tokens"]
        assert response.status_code == 200, answer
        assert [row["index"] for row in answer["data"]] == [0, 1, 2, 3]
        assert {len(row["embedding"]) for row in answer["data"]} == {LENGTH}
        assert tokens == attempt.prompt > CONTEXT
        assert answer["usage"] == {
            "prompt_tokens": tokens,
            "total_tokens": tokens,
            "cost_micros": cost_of(tokens),
        }
        assert response.headers["x-athanor-cost-micros"] == str(cost_of(tokens))
        assert 0 < club.available("member")[0] - earned <= cost_of(tokens)
        check_books(club, before, cost_of(tokens))


def test_an_embedding_whose_worker_is_lost_comes_from_another_and_is_paid_once(
    tmp_path: Path, bert_gguf: Path
) -> None:
    async def act() -> tuple[list[httpx.Response], Worker]:
        async with embedders(club, "one", "two") as boxes:
            whole = await embed(club, TEXTS)
            blade = Blade(boxes)
            again = await embed(club, TEXTS)
            assert blade.victim is not None
            (other,) = (box for box in boxes if box is not blade.victim)
            await other.until(lambda: (blade.job, 1) in other.verdicts)
            return [whole, again], blade.victim

    with pool(tmp_path, *QUICK, model=bert_gguf) as club:
        before = club.available()
        (whole, again), victim = asyncio.run(act())

        assert again.status_code == 200, again.text
        for field in ("data", "usage"):
            assert again.json()[field] == whole.json()[field]
        assert not [attempt for attempt in victim.attempts if attempt.offer.attempt]
        cost = whole.json()["usage"]["cost_micros"]
        check_books(club, before, 2 * cost)


@pytest.mark.parametrize("text", [TEXTS[0], [TEXTS[0]]], ids=["text", "list"])
def test_one_input_and_its_base64_say_the_same_numbers(
    tmp_path: Path, bert_gguf: Path, text: object
) -> None:
    async def act() -> list[httpx.Response]:
        async with embedders(club, "box"):
            return [await embed(club, text, encoding_format=each) for each in ("float", "base64")]

    with pool(tmp_path, *QUICK, model=bert_gguf) as club:
        before = club.available()
        plain, packed = (answer.json() for answer in asyncio.run(act()))

        ((floats, encoded),) = zip(plain["data"], packed["data"], strict=True)
        numbers = struct.unpack(f"<{LENGTH}f", base64.b64decode(encoded["embedding"]))
        assert list(numbers) == pytest.approx(floats["embedding"], abs=5e-3)
        assert plain["usage"] == packed["usage"]
        check_books(club, before, 2 * plain["usage"]["cost_micros"])


def test_what_cannot_be_embedded_is_refused_and_costs_nothing(
    tmp_path: Path, bert_gguf: Path
) -> None:
    async def act() -> list[httpx.Response]:
        async with embedders(club, "box"):
            return [
                await embed(club, ["a word " * 300, *["hello"] * 20]),
                await embed(club, "a word " * 300),
                await embed(club, "hello", dimensions=LENGTH + 1),
                await embed(club, ["hello", ""]),
            ]

    with pool(tmp_path, *QUICK, model=bert_gguf) as club:
        before = club.available()
        answers = asyncio.run(act())

        errors = [answer.json()["error"] for answer in answers]
        assert [answer.status_code for answer in answers] == [400] * 4, errors
        assert [error["code"] for error in errors[:2]] == ["context_length_exceeded"] * 2
        assert "256 tokens" in errors[0]["message"] and "load" not in errors[0]["remedy"]
        assert "n_ctx" not in errors[0], "or it must be true"
        assert [error["param"] for error in errors[2:]] == ["dimensions", "input[1]"]
        check_books(club, before, 0)


def test_more_vectors_than_a_message_carries_are_refused_before_anybody_computes_them(
    tmp_path: Path, bert_gguf: Path
) -> None:
    async def act() -> Told:
        async with embedders(club, "box") as (box,), Asker(club, box.compute).running() as asker:
            assert isinstance(asker, Asker)
            body = Embed(request=RequestId("r"), inputs=["hello"] * 30_000)
            ask = Ask(
                job=JobId("too-many-vectors"), model="echo", body=body, cost_max=Micros(10**8)
            )
            asker.link.send(ask)
            told = await asker.last()
            assert not box.attempts
            return told

    with pool(tmp_path, *QUICK, model=bert_gguf) as club:
        before = club.available()
        told = asyncio.run(act())

        (refused,) = told.events
        assert isinstance(refused, Refused) and refused.kind == "request_too_large"
        assert "at most" in refused.message and refused.remedy
        check_books(club, before, 0)


class Blade:
    """Of these workers the one vanishes that would tell the next vectors, once."""

    def __init__(self, boxes: list[Worker]) -> None:
        self.victim: Worker | None = None
        self.job = ""
        for box in boxes:
            box.compute = self.over(box, box.compute)

    def over(self, box: Worker, compute: Compute) -> Compute:
        """What that worker computes from now on."""

        async def cut(body: Generate | Embed) -> AsyncIterator[Event]:
            async for event in compute(body):
                if self.victim is None:
                    self.victim, self.job = box, box.attempts[-1].offer.job
                    box.vanish()
                    await asyncio.Event().wait()
                yield event

        return cut


def test_an_embedding_that_died_with_its_host_is_paid_by_its_receipt(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.record(DEVICE.device, is_embedding=True)
        await host.orphans.load()
        async with host.orphans.running():
            host.orphans.heard(DEVICE.device, finished(), Reported(prompt=10, answer=0))
            told = await asyncio.wait_for(host.told.get(), 20)

        verdict = VERDICT.read(told.verdict)
        assert verdict is not None
        assert (verdict.charged, verdict.earned) == (10, 10 * 80 // 100)
        assert await host.books.charged(HOLD) == [10]
        assert await host.books.paid(HOLD) == [{0: 10 * 80 // 100}]

    with_orphans(tmp_path, act)
