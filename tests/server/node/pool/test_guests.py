"""Laws of working for others: the owner's rules hold, and the owner goes first."""

import functools
from pathlib import Path

import msgspec
import pytest

from app.core.base.ids import JobId, RequestId
from app.core.pool.commitments import answer_commitment, prompt_commitment
from app.core.pool.sealing import SealedRequest
from app.server.identity.keys import verify
from app.server.identity.sealing import seal
from app.wire.engine import Delta, Embed, Said
from app.wire.pool import Accepted, CancelJob, Chunk, Finished, Register, Rejected, Sealed
from tests.server.node.homes import run, toy
from tests.server.node.pool.members import joined
from tests.server.node.pool.offers import (
    KEY,
    body_of,
    lent,
    offer_job,
    receipt_of,
    told_text,
)
from tests.support.scripted_host import device_of


def test_a_job_is_computed_behind_the_owner_and_told_with_the_ids_of_its_tokens(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            body = body_of("hello world")
            await offer_job(home, body)

            await home.host.expect(Accepted)
            finished = await home.host.expect(Finished)

            assert finished.reason == "completed"
            assert told_text(home) == "hello world"
            chunks = [frame for frame in home.host.frames if isinstance(frame, Chunk)]
            tokens = [token for chunk in chunks for token in chunk.tokens]
            receipt = receipt_of(finished)
            assert (receipt.first, receipt.end) == (0, len(tokens))
            assert finished.completed is not None
            assert receipt.tokens_in == finished.completed.usage.prompt
            assert receipt.prompt_commitment == prompt_commitment(KEY, body)
            assert receipt.answer_commitment == answer_commitment(KEY, tokens)
            assert verify(device_of(home.host), finished.signature, finished.receipt)
            assert {event.request for chunk in chunks for event in chunk.events} == {body.request}

    run(act())


def test_a_cancel_of_what_does_not_run_is_passed_over(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            await home.host.send(CancelJob(job=JobId("none"), attempt=3, why="client"))
            await offer_job(home, body_of("hello"))

            assert (await home.host.expect(Finished)).reason == "completed"

    run(act())


def test_when_the_owner_returns_a_job_is_handed_over_with_what_was_done(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.05)
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("x" * 2000))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))

            home.lend("stop")

            finished = await home.host.expect(Finished)
            assert finished.reason == "preempted"
            assert receipt_of(finished).tokens_out > 0
            assert receipt_of(finished).ending == "preempted"

    run(act())


@pytest.mark.parametrize(
    ("action", "when_needed"), [("finish", "hand_over"), ("stop", "finish"), ("finish", "finish")]
)
def test_a_job_under_way_may_end_where_the_owner_allows_that(
    tmp_path: Path, action: str, when_needed: str
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.02)
        async with joined(tmp_path) as home:
            home.change(when_needed=when_needed)
            await lent(home)
            await offer_job(home, body_of("x" * 60))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))

            home.lend(action)  # type: ignore[arg-type]

            assert (await home.host.expect(Finished)).reason == "completed"
            await offer_job(home, body_of("more"), "later")
            assert (await home.host.expect(Rejected)).code == "not_lending"

    run(act())


@pytest.mark.parametrize(
    ("settings", "offer", "code"),
    [
        ({}, {"sha256": "f" * 64}, "no_model"),
        ({"lend_to": "own"}, {}, "circle"),
        ({"price_floor": "1"}, {}, "price"),
    ],
)
def test_an_offer_against_the_owners_rules_is_rejected_with_the_reason(
    tmp_path: Path, settings: dict[str, object], offer: dict[str, object], code: str
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            home.change(**settings)

            await offer_job(home, body_of("hello"), **offer)  # type: ignore[arg-type]

            assert (await home.host.expect(Rejected)).code == code

    run(act())


def test_a_model_that_is_not_lent_is_not_registered(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        toy(tmp_path, "secret", step_seconds=0.0)
        async with joined(tmp_path) as home:
            home.change(lent_models=("ech*",))
            register = await home.host.expect(Register, lambda frame: bool(frame.models))
            if len(register.models) > 1:
                register = await home.host.expect(Register, lambda f: len(f.models) == 1)

            assert [model.name for model in register.models] == ["echo"]

    run(act())


def test_a_request_that_cannot_be_served_is_refused_and_earns_nothing(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", context_trained=64)
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("x" * 5000))

            finished = await home.host.expect(Finished)

            assert finished.reason == "refused"
            assert finished.refused is not None
            assert finished.refused.kind == "context_length_exceeded"
            assert finished.receipt == b""

    run(act())


@pytest.mark.parametrize("is_sealed", [False, True])
def test_vectors_that_no_message_carries_are_refused_and_the_link_stands(
    tmp_path: Path, is_sealed: bool
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", is_embedding=True, step_seconds=0.0)
        async with joined(tmp_path) as home:
            await lent(home)
            body: Embed | Sealed = Embed(request=RequestId("r"), inputs=["a"] * 60_000)
            if is_sealed:
                worker = home.host.greeted[-1]
                request = SealedRequest(body=body, commitment_key=KEY)
                body, _ = seal(
                    request, job=JobId("job"), worker=worker.device, worker_key=worker.sealing_key
                )
            await offer_job(home, body)

            finished = await home.host.expect(Finished)

            assert finished.reason == "refused" and finished.refused is not None
            assert finished.refused.kind == "request_too_large"
            assert "at most" in finished.refused.message
            assert finished.receipt == b"", "nothing was computed"
            assert home.host.sockets == 1

    run(act())


def test_an_engine_that_crashes_is_told_as_failed(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.05)
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("x" * 2000))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))

            process = home.node.engines.engine(
                next(iter(home.node.hub.state.requests.values())).model
            ).process
            assert process is not None
            process.kill()

            finished = await home.host.expect(Finished)
            assert finished.reason == "failed"
            assert receipt_of(finished).tokens_out > 0

    run(act())


def test_a_sealed_job_is_read_by_the_worker_and_its_answer_by_the_asker_alone(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            worker = home.host.greeted[-1]
            request = SealedRequest(body=body_of("a secret"), commitment_key=KEY)
            sealed, opener = seal(
                request, job=JobId("job"), worker=worker.device, worker_key=worker.sealing_key
            )
            await offer_job(home, sealed, commitment_key=b"")

            finished = await home.host.expect(Finished)

            chunks = [frame for frame in home.host.frames if isinstance(frame, Chunk)]
            assert all(not chunk.events and not chunk.tokens for chunk in chunks)
            assert b"secret" not in b"".join(msgspec.msgpack.encode(f) for f in home.host.frames)
            pieces = [opener.open(chunk.sealed) for chunk in chunks if chunk.sealed]
            deltas = [e for piece in pieces for e in piece.events if isinstance(e, Delta)]
            assert (
                "".join(p.text for d in deltas for p in d.parts if isinstance(p, Said))
                == "a secret"
            )
            assert opener.is_complete
            receipt = receipt_of(finished)
            assert receipt.is_sealed
            tokens = [token for piece in pieces for token in piece.tokens]
            assert receipt.answer_commitment == answer_commitment(KEY, tokens)

    run(act())


def test_a_body_that_was_sealed_to_another_is_rejected(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            await lent(home)
            sealed = Sealed(ephemeral_key=b"e" * 32, nonce=b"\0" * 12, ciphertext=b"c" * 40)
            await offer_job(home, sealed)

            assert (await home.host.expect(Rejected)).code == "sealing"

    run(act())


def test_the_owner_goes_first_and_guests_are_not_counted_as_the_owners_requests(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.02)
        async with joined(tmp_path) as home:
            await lent(home)
            await offer_job(home, body_of("x" * 2000))
            await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))

            assert home.node.hub.state.own_requests() == 0
            assert await home.node.ask("echo", "mine") == "mine"
            assert not [f for f in home.host.frames if isinstance(f, Finished)]

    run(act())


def test_no_more_guests_run_than_their_share_of_slots(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.02)
        async with joined(tmp_path) as home:
            await lent(home)
            home.change(lent_slots_percent=7)
            await home.host.expect(Register, lambda f: bool(f.models) and f.models[0].slots == 1)
            await offer_job(home, body_of("x" * 2000), "first")
            await home.host.expect(Accepted)

            await offer_job(home, body_of("hello"), "second")

            rejected = await home.host.expect(Rejected)
            assert (rejected.job, rejected.code) == ("second", "no_slot")
            assert rejected.retry_after_seconds > 0

    run(act())


def test_lending_ends_for_the_day_when_enough_was_earned(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo")
        async with joined(tmp_path) as home:
            home.change(earnings_cap_day="0.00007")
            await lent(home)
            await offer_job(home, body_of("hello"))
            await home.host.countersign(await home.host.expect(Finished), earned=70)
            await home.until(lambda pool: pool.is_capped)

            await offer_job(home, body_of("hello"), "more")

            assert (await home.host.expect(Rejected)).code == "not_lending"

    run(act())


def test_a_cut_socket_in_mid_answer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def act() -> None:
        toy(tmp_path, "echo", step_seconds=0.01)
        async with joined(tmp_path) as home:
            await lent(home)
            text = "".join(chr(97 + index % 26) for index in range(200))
            await offer_job(home, body_of(text))
            for count in (2, 3):
                await home.host.expect(Chunk, lambda chunk: bool(chunk.tokens))
                home.host.cut()
                await home.host.until(functools.partial(home.host.has_greeted, count))

            finished = await home.host.expect(Finished)

            assert finished.reason == "completed"
            assert told_text(home) == text

    run(act())
