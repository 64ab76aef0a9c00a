"""Sealed asks over a real host: it relays what it cannot read, and bills by both ends' counts."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest

from app.core.base.ids import JobId, RequestId
from app.core.base.units import Micros, Microseconds
from app.core.pool.counts import COUNTS, CountStatement
from app.core.pool.receipt import VERDICT, Verdict
from app.core.pool.sealing import SealedPiece, SealedRequest
from app.server.identity.sealing import AnswerOpener, open_sealed, seal
from app.wire.engine import Begun, Completed, Delta, Generate, PromptChat, Said
from app.wire.message import Message
from app.wire.pool import Accepted, Ask, CancelAsk, Chunk, Counted, Sealed, Told
from tests.server.host.pools import Gate, Pool, pool
from tests.server.storage.host import files_hold
from tests.support.pool_worker import Attempt, Worker, offered
from tests.support.worker_engine import engine_compute

CANARY = "heliotrope under seal"
COST_MAX = Micros(1_000_000)


class Member(Worker):
    """A machine that seals: computes what was sealed to it, and asks others so."""

    told: list[Told]

    async def heard(self, frame: Message) -> None:
        if isinstance(frame, Told):
            self.told.append(frame)
        await super().heard(frame)

    async def _run(self, attempt: Attempt) -> None:
        offer = attempt.offer
        assert isinstance(offer.body, Sealed)
        request, sealer = open_sealed(
            offer.body, key=self.key, job=offer.job, attempt=offer.attempt
        )
        self.link.send(Accepted(job=offer.job, attempt=offer.attempt))
        async for event in self.compute(request.body):
            first = offer.first + len(attempt.tokens)
            await self.before(offer, first)
            tokens = list(event.token_ids) if isinstance(event, Delta) else []
            attempt.tokens += tokens
            if isinstance(event, Begun):
                attempt.prompt = event.prompt_tokens
            is_last = isinstance(event, Completed)
            attempt.completed = event if isinstance(event, Completed) else None
            piece = SealedPiece(tokens=tokens, events=[event], is_last=is_last)
            self.link.send(
                Chunk(
                    job=offer.job,
                    attempt=offer.attempt,
                    first=first,
                    tokens=[],
                    events=[],
                    sealed=sealer.seal(piece),
                )
            )
        self.finish(attempt, "completed")


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool(tmp_path_factory.mktemp("pool"), "--queue-seconds", "20") as running:
        yield running


@asynccontextmanager
async def members(
    club: Pool, name: str, **more: Gate
) -> AsyncGenerator[tuple[Member, Member], None]:
    """A machine that works for another account, and one of the caller's that asks."""
    async with engine_compute(club.model) as compute:
        made = []
        for account, models in (("member", (offered(club.sha256),)), ("caller", ())):
            member = Member(
                club.folder / "sealed",
                f"{name}-{account}",
                club.host.invite(account),
                models,
                compute,
                **more,
            )
            member.told = []
            made.append(member)
        async with made[0].running() as worker, made[1].running() as asker:
            yield worker, asker


def _said(text: str) -> PromptChat:
    """What the toy says back, byte for byte."""
    return PromptChat(messages=[{"role": "user", "content": text}])


async def ask(asker: Member, worker: Member, name: str, text: str) -> AnswerOpener:
    """A question for that worker's eyes alone, on its way."""
    job = JobId(f"sealed-{name}")
    body = Generate(request=RequestId(name), prompt=_said(text), max_tokens=200)
    sealed, opener = seal(
        SealedRequest(body=body),
        job=job,
        worker=worker.key.device,
        worker_key=worker.key.sealing_key,
    )
    asker.link.send(
        Ask(job=job, model="echo", body=sealed, cost_max=COST_MAX, worker=worker.key.device)
    )
    return opener


async def answer(asker: Member, opener: AnswerOpener) -> tuple[str, list[int], int]:
    """Text, token ids and prompt tokens, as they come out of the seal."""
    text, prompt = "", 0
    tokens: list[int] = []
    heard = asker.told
    while not opener.is_complete:
        await asker.until(lambda: bool(heard))
        told = heard.pop(0)
        assert not told.is_last, told.events
        assert told.sealed is not None and not told.events
        piece = opener.open(told.sealed)
        tokens += piece.tokens
        for event in piece.events:
            if isinstance(event, Begun):
                prompt = event.prompt_tokens
            if isinstance(event, Delta):
                text += "".join(part.text for part in event.parts if isinstance(part, Said))
    return text, tokens, prompt


async def count(asker: Member, worker: Member, name: str, *, prompt: int, out: int) -> Told:
    """Tell the host our count; its last word."""
    job = JobId(f"sealed-{name}")
    statement = COUNTS.encode(
        CountStatement(
            pool=asker.pool,
            job=job,
            attempt=0,
            worker=worker.key.device,
            asker=asker.key.device,
            tokens_in=prompt,
            tokens_out=out,
            is_complete=True,
            prompt_commitment=b"",
            answer_commitment=b"",
            at=Microseconds(1),
        )
    )
    signature = asker.key.sign(statement)
    asker.link.send(Counted(job=job, statement=statement, signature=signature))
    await asker.until(lambda: bool(asker.told) and asker.told[-1].is_last)
    return asker.told[-1]


async def verdict_of(worker: Member) -> Verdict:
    await worker.until(lambda: len(worker.verdicts) == 1)
    (frame,) = worker.verdicts.values()
    found = VERDICT.read(frame.verdict)
    assert found is not None
    return found


def test_a_sealed_question_is_answered_and_the_host_reads_no_word_of_it(club: Pool) -> None:
    async def act() -> None:
        async with members(club, "whole") as (worker, asker):
            opener = await ask(asker, worker, "whole", CANARY)
            text, tokens, prompt = await answer(asker, opener)
            last = await count(asker, worker, "whole", prompt=prompt, out=len(tokens))
            verdict = await verdict_of(worker)

            assert CANARY in text
            assert (verdict.prompt, verdict.answer) == (prompt, len(tokens))
            assert last.cost == verdict.charged > 0
            assert verdict.earned > 0
            assert verdict.reason == ""

    asyncio.run(act())

    assert not files_hold(club.host.home, CANARY.encode())
    assert not files_hold(club.host.home, CANARY.replace(" ", "").encode())


def test_the_smaller_count_is_paid(club: Pool) -> None:
    async def act() -> None:
        async with members(club, "less") as (worker, asker):
            opener = await ask(asker, worker, "less", "four words in all")
            _, tokens, prompt = await answer(asker, opener)
            last = await count(asker, worker, "less", prompt=prompt, out=len(tokens) - 3)
            verdict = await verdict_of(worker)

            assert verdict.answer == len(tokens) - 3
            assert "counted fewer tokens" in verdict.reason
            assert last.cost == verdict.charged

    asyncio.run(act())


def test_who_cancels_pays_for_what_was_read_and_nobody_is_said_to_have_counted(club: Pool) -> None:
    async def act() -> None:
        gate = Gate(12)
        async with members(club, "left", before=gate) as (worker, asker):
            opener = await ask(asker, worker, "left", "four words in all")
            await asyncio.wait_for(gate.reached.wait(), 60)
            tokens = list[int]()
            while len(tokens) < gate.at:
                await asker.until(lambda: bool(asker.told))
                told = asker.told.pop(0)
                assert told.sealed is not None
                tokens += opener.open(told.sealed).tokens
            asker.link.send(CancelAsk(job=JobId("sealed-left")))
            verdict = await verdict_of(worker)

            assert (verdict.answer, verdict.ending) == (len(tokens), "cancelled")
            assert verdict.earned > 0
            assert verdict.reason == ""

    asyncio.run(act())


def test_a_count_that_another_signed_is_not_taken(club: Pool) -> None:
    async def act() -> None:
        async with members(club, "forged") as (worker, asker):
            opener = await ask(asker, worker, "forged", "four words in all")
            _, tokens, prompt = await answer(asker, opener)
            honest, asker.key = asker.key, worker.key
            forged = asyncio.create_task(count(asker, worker, "forged", prompt=1, out=1))
            await asyncio.sleep(0)
            asker.key = honest
            await count(asker, worker, "forged", prompt=prompt, out=len(tokens))
            await forged

            assert (await verdict_of(worker)).answer == len(tokens)

    asyncio.run(act())
