"""Laws of the page of models: who waits for which, since when, and how today's requests ended."""

import asyncio
import re
from pathlib import Path

import httpx

from app.wire.pool import Offer
from app.wire.pool_admin import OfferPicture
from tests.server.host.pools import Pool, chat, pool, workers


def shown(club: Pool) -> str:
    """The card of models as the operator's page has it, as words."""
    operator = {"Authorization": f"Bearer {club.host.lock().token}"}
    page = httpx.get(f"{club.host.root_url}/dashboard/offers", headers=operator, trust_env=False)
    text = page.text.partition('id="demand-heading"')[2].partition("</section>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", text.partition("<tbody>")[2]).split())


def model(club: Pool) -> OfferPicture:
    with club.host.client() as client:
        (found,) = client.pool_offers().models
    return found


def test_the_line_of_a_model_is_shown_with_its_time_and_whose_it_is_and_how_it_ended(
    tmp_path: Path,
) -> None:
    with pool(tmp_path, "--queue-seconds", "4") as club:

        async def act() -> tuple[OfferPicture, str, list[int]]:
            async with workers(club, "box", slots=1) as (box,), club.api() as api:
                may_go_on, has_begun = asyncio.Event(), asyncio.Event()

                async def hold(_: Offer, __: int) -> None:
                    has_begun.set()
                    await may_go_on.wait()

                box.before = hold
                first = asyncio.create_task(api.post("/chat/completions", json=chat("one")))
                await has_begun.wait()
                second = asyncio.create_task(api.post("/chat/completions", json=chat("two")))
                async with asyncio.timeout(30):
                    while (line := await asyncio.to_thread(model, club)).waited_seconds <= 0:
                        assert not second.done()
                words = await asyncio.to_thread(shown, club)
                unserved = await second
                may_go_on.set()
                return line, words, [(await first).status_code, unserved.status_code]

        line, words, codes = asyncio.run(act())
        ended, words_after = model(club), shown(club)

    assert (line.waiting, line.waiting_accounts, line.running) == (1, ("caller",), 1)
    assert re.fullmatch(r"echo 1 1 [\d.]+ m?s caller 0 0 0 0 0", words)
    assert codes == [200, 503] and ended.today is not None
    assert (ended.today.answered, ended.today.unserved, ended.today.refused) == (1, 1, 0)
    assert (ended.waiting, ended.waited_seconds, ended.waiting_accounts) == (0, 0.0, ())
    assert words_after.startswith("echo 0 0 ") and words_after.endswith(" 1 1 0 0 0")
