"""Laws of regions: a machine tells its own if its owner wants that, and wishes find it by it."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.server.host.pools import Pool, chat, pool
from tests.support.worker_engine import engine_compute


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with pool(tmp_path_factory.mktemp("pool"), "--queue-seconds", "1") as running:
        yield running


def served_by(club: Pool, region: str) -> tuple[int, str]:
    """The status of a request that wishes a region, and the machine that answered it."""

    async def act() -> httpx.Response:
        async with engine_compute(club.model) as compute, club.api() as api:
            here, nowhere = club.worker("here", compute), club.worker("nowhere", compute)
            here.region = " EU "
            async with here.running(), nowhere.running():
                wish = {"region": region} if region else {}
                return await api.post("/chat/completions", json=chat("hello", provider=wish))

    answer = asyncio.run(act())
    return answer.status_code, answer.headers.get("x-athanor-served-by", "")


@pytest.mark.parametrize("region", ["eu", "EU"])
def test_a_wish_for_a_region_is_served_by_a_machine_that_names_it(club: Pool, region: str) -> None:
    assert served_by(club, region) == (200, "here")


def test_a_region_that_nobody_names_serves_nobody(club: Pool) -> None:
    assert served_by(club, "us")[0] == 503
