"""A host whose disk is full in mid-answer: a small file system of its own, filled by the test."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.server.host.pools import Gate, chat, pool, workers
from tests.server.host.test_callers import QUICK
from tests.server.host.test_locked_file import LIMIT, TEXT, check_books, settled

SIZE = "32m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in which the host's files are on a disk of their own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a file system is mounted, which needs Linux and root")
    home = tmp_path / "host"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(home)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(home)], check=True)


@contextmanager
def full(home: Path) -> Iterator[None]:
    """Not a byte is free on the disk of `home` in the block."""
    filler = home / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("at", [0, 10])
def test_an_answer_ends_though_the_disk_is_full_and_is_paid_when_there_is_room(
    small_disk: Path, at: int
) -> None:
    async def act() -> tuple[httpx.Response, tuple[int, int]]:
        gate = Gate(at)
        async with workers(club, "box", before=gate) as (box,), club.api() as api:
            async with asyncio.timeout(LIMIT):
                asking = asyncio.create_task(api.post("/chat/completions", json=chat(TEXT)))
                await gate.reached.wait()
                with full(club.host.home):
                    gate.opened.set()
                    answer = await asking
            after = await settled(club)
            await box.until(lambda: bool(box.verdicts))
            return answer, after

    with pool(small_disk, *QUICK) as club:
        before, _ = club.available()
        answer, (after, _) = asyncio.run(act())
        body = answer.json()
        usage = body["usage"]
        cost = round(usage["prompt_tokens"] * 0.1 + usage["completion_tokens"] * 0.4)
        assert body["choices"][0]["message"]["content"] == TEXT
        assert "cost_micros" not in usage, "nobody knows it before it is in the books"
        assert before - after == cost
        check_books(club)


def test_a_request_on_a_full_disk_is_refused_and_the_next_one_answered(small_disk: Path) -> None:
    async def act() -> list[httpx.Response]:
        async with workers(club, "box"), asyncio.timeout(LIMIT):
            async with club.api(**{"Idempotency-Key": "one"}) as api:
                with full(club.host.home):
                    refused = await api.post("/chat/completions", json=chat(TEXT))
                again = await api.post("/chat/completions", json=chat(TEXT))
            async with club.api() as api:
                with full(club.host.home):
                    plain = await api.post("/chat/completions", json=chat(TEXT))
                return [refused, again, plain, await api.post("/chat/completions", json=chat(TEXT))]

    with pool(small_disk, *QUICK) as club:
        before, _ = club.available()
        refused, answered, plain, last = asyncio.run(act())

        for one in (refused, plain):
            assert (one.status_code, one.json()["error"]["code"]) == (503, "busy"), one.text
            assert int(one.headers["retry-after"]) > 0
        paid = sum(one.json()["usage"]["cost_micros"] for one in (answered, last))
        assert club.available() == (before - paid, 0)
        check_books(club)
