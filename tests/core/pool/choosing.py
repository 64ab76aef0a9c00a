"""Offerings, requests and figures for the tests of who gets a job."""

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import SECOND, Microseconds
from app.core.pool.dispatch import Decision, decide
from app.core.pool.eligibility import Offering
from app.core.pool.jobs.effects import FindWorker, Observe
from app.core.pool.jobs.job import JobRequest
from app.core.pool.speeds import Speeds
from app.core.pool.standing import Standing
from tests.core.pool.jobs.play import SHA256, START
from tests.core.pool.jobs.play import request as job_request

PARAMETERS = 10**9


def offering(worker: str, **fields: object) -> Offering:
    """A machine of somebody that lends four slots of the model to anyone."""
    given: dict[str, object] = {
        "worker": DeviceId(worker),
        "account": AccountId(f"owner of {worker}"),
        "name": worker,
        "sha256": SHA256,
        "relation": "anyone",
        "takes": "anyone",
        "context": 4096,
        "slots": 4,
        "parameters": PARAMETERS,
        "quantisation": "Q4_K_M",
    }
    return Offering(**{**given, **fields})  # type: ignore[arg-type]


def find(
    name: str = "j1",
    *,
    answered: int = 0,
    attempts: int = 0,
    avoided: frozenset[str] = frozenset(),
    is_free: bool = False,
    **fields: object,
) -> FindWorker:
    """A job in line."""
    request: JobRequest = job_request(job=JobId(name), **fields)
    return FindWorker(
        request=request,
        sha256="",
        answered=answered,
        attempts=attempts,
        avoided=frozenset(DeviceId(one) for one in avoided),
        is_free=is_free,
    )


def seen(worker: str, **fields: object) -> Observe:
    """A good attempt: 100 tokens of prompt in 100 ms, 101 of answer in a second."""
    good = Observe(
        worker=DeviceId(worker),
        sha256=SHA256,
        end="completed",
        why="",
        prompt_tokens=100,
        first_milliseconds=100.0,
        tokens=101,
        decode_milliseconds=1000.0,
        is_cold=False,
    )
    return msgspec.structs.replace(good, **fields)


class Pool:
    """Machines with what is known of them."""

    def __init__(self, *offerings: Offering) -> None:
        self.offerings = list(offerings)
        self.speeds, self.standing = Speeds(), Standing()
        self.now = START

    def wait(self, seconds: float) -> None:
        self.now = Microseconds(self.now + int(seconds * SECOND))

    def observe(self, one: Observe, times: int = 1) -> None:
        for _ in range(times):
            self.speeds.observe(one, PARAMETERS)
            self.standing.observe(one, self.now)

    def decide(self, wanted: FindWorker, draw: int = 0) -> Decision:
        return decide(
            wanted,
            self.offerings,
            speeds=self.speeds,
            standing=self.standing,
            now=self.now,
            draw=draw,
        )

    def worker(self, wanted: FindWorker, draw: int = 0) -> str:
        placement = self.decide(wanted, draw).placement
        return placement.worker if placement is not None else ""
