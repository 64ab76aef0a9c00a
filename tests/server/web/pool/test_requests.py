"""Laws of looking one request up: by the id that its answer carried, or by its job."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from app.cli.main import main
from tests.server.host.pools import Pool, chat, pool, workers

SECRET_WORD = "heliotrope"
"""What is asked, and is kept nowhere."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pool, str, list[str]]]:
    """A pool that answered one request with two choices: x-request-id and jobs."""
    with pool(tmp_path_factory.mktemp("pool")) as made:

        async def answer() -> tuple[str, list[str]]:
            async with workers(made, "box") as (box,), made.api() as api:
                body = chat(SECRET_WORD, n=2, max_tokens=4)
                response = await api.post("/chat/completions", json=body)
                assert response.status_code == 200, response.text
                await box.until(lambda: len(box.verdicts) == 2)
            return response.headers["x-request-id"], response.headers["x-athanor-job"].split(",")

        yield made, *asyncio.run(answer())


def test_every_job_of_a_request_names_it_to_the_account_that_asked(
    asked: tuple[Pool, str, list[str]],
) -> None:
    club, request, jobs = asked

    def rows_of(secret: str = club.secret, **query: str) -> list[dict[str, str]]:
        headers = {"Authorization": f"Bearer {secret}"}
        url = f"{club.host.base_url}/credits/usage"
        data = httpx.get(url, params=query, headers=headers, trust_env=False).json()["data"]
        assert isinstance(data, list)
        return data

    rows = rows_of()
    assert {row["id"] for row in rows} == set(jobs) and len(jobs) == 2
    assert {row["request"] for row in rows} == {request}
    assert rows_of(request=request) == rows
    assert [row["id"] for row in rows_of(request=jobs[0])] == [jobs[0]]
    assert rows_of(request="unheard-of") == []
    assert rows_of(club.host.key("member"), request=request) == []


def test_the_operator_s_terminal_shows_one_request_by_either_id(
    asked: tuple[Pool, str, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    club, request, jobs = asked
    monkeypatch.setenv("ATHANOR_HOME", str(club.host.home))

    assert main(["pool", "usage", "--request", request, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["requests"]
    assert main(["pool", "usage", "--request", jobs[0]]) == 0
    words = capsys.readouterr().out
    assert main(["pool", "usage", "--request", "unheard-of"]) == 4

    assert {each["job"] for each in found} == set(jobs)
    assert {(each["request"], each["account"], each["project"]) for each in found} == {
        (request, "caller", "default")
    }
    assert request in words and jobs[0] in words and jobs[1] not in words
    assert "completed" in words or "length" in words
    assert SECRET_WORD not in json.dumps(found) + words


def test_the_operator_s_page_shows_the_newest_requests_and_finds_one(
    asked: tuple[Pool, str, list[str]],
) -> None:
    club, request, jobs = asked

    operator = {"Authorization": f"Bearer {club.host.lock().token}"}
    with httpx.Client(base_url=club.host.root_url, headers=operator, trust_env=False) as browser:
        newest = browser.get("/dashboard/usage").text
        one = browser.get("/dashboard/usage", params={"request": jobs[1]}).text
        none = browser.get("/dashboard/usage", params={"request": "<b>unheard-of</b>"}).text

    assert newest.count(request) == 2 and all(job in newest for job in jobs)
    assert request in one and jobs[0] not in one
    assert "127.0.0.1" in one
    assert "No request that ended here has that id" in none and "<b>unheard" not in none
    assert SECRET_WORD not in newest + one


def test_the_overview_speaks_of_one_machine_as_of_one(
    asked: tuple[Pool, str, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    club, _, _ = asked
    monkeypatch.setenv("ATHANOR_HOME", str(club.host.home))

    async def act() -> int:
        async with workers(club, "box"):
            return await asyncio.to_thread(main, ["pool", "overview"])

    assert asyncio.run(act()) == 0

    told = capsys.readouterr().out
    assert "1 machine connected, " in told and " lending; 2 accounts" in told
    assert "1 model offered, " in told
