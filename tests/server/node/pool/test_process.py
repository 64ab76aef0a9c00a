"""A node in a process of its own and its pool: the openai client, the terminal, and kill -9."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from msgspec.structs import replace

from app.core.base.ids import RequestId
from app.core.base.units import Micros
from app.wire.engine import Begun, Completed, Delta, Ended, Said, Timings, Usage
from app.wire.pool import Ask, CancelAsk, Market, Quote, Sealed, Standing, Told
from tests.pool.members import wait_for
from tests.sdist import ROOT
from tests.support.node import RunningNode, put_toy, running_node
from tests.support.scripted_host import HostThread, ScriptedHost

QUOTE = Quote(
    model="large",
    sha256="a" * 64,
    context=1000,
    prices=(Micros(1_000_000), Micros(500_000), Micros(2_000_000)),
    wait_seconds=0.0,
    workers=1,
)
SPENDING = ("--spending", "prefix", "--trust", "anyone")


@pytest.fixture
def club(tmp_path: Path) -> Iterator[HostThread]:
    folder = tmp_path / "host"
    folder.mkdir()
    with HostThread(folder) as thread:
        yield thread


def cli(node: RunningNode, *words: str, code: int = 0) -> str:
    """What a command says on stdout."""
    environment = {**os.environ, "ATHANOR_HOME": str(node.home), "COLUMNS": "200"}
    result = subprocess.run(
        [sys.executable, "-m", "app", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert result.returncode == code, result.stderr
    return result.stdout


def joined(node: RunningNode, club: HostThread) -> None:
    """The node is a member, and knows what can be had."""
    shown = json.loads(cli(node, "pool", "join", club.host.invite(), "--json"))
    assert (shown["link"], shown["name"]) == ("connected", "Club")
    club.do(club.host.send(Market(quotes=(QUOTE,))))


async def answer(host: ScriptedHost, cost: int = 70) -> Ask:
    """The next ask is answered in three words."""
    ask = await host.expect(Ask)
    assert not isinstance(ask.body, Sealed)
    request: RequestId = ask.body.request
    await host.send(Told(job=ask.job, events=[Begun(request=request, prompt_tokens=7)]))
    for word in ("one ", "two ", "three"):
        delta = Delta(request=request, choice=0, parts=[Said(text=word)])
        await host.send(Told(job=ask.job, events=[delta], served_by="attic"))
    ended = Ended(request=request, choice=0, reason="stop")
    completed = Completed(
        request=request,
        usage=Usage(prompt=7, cached=0, completion=3),
        timings=Timings(queue_ms=0, prompt_ms=0, decode_ms=0),
    )
    await host.send(
        Told(
            job=ask.job,
            events=[ended, completed],
            is_last=True,
            cost=Micros(cost),
            served_by="attic",
        )
    )
    return ask


def client(node: RunningNode) -> openai.OpenAI:
    return openai.OpenAI(base_url=node.base_url, api_key="none", max_retries=0, timeout=60)


def test_the_openai_client_gets_a_pools_answer_as_one_from_home_with_its_cost(
    tmp_path: Path, club: HostThread
) -> None:
    toy = put_toy(tmp_path / "home")
    with running_node(tmp_path / "home", "--model", str(toy), *SPENDING) as node:
        joined(node, club)
        asking = client(node)

        listed = {model.id: model for model in asking.models.list().data}
        assert {"toy", "pool/large"} <= set(listed)
        assert listed["pool/large"].prices["output"] == 2_000_000  # type: ignore[attr-defined]
        told = club.begin(answer(club.host))
        raw = asking.chat.completions.with_raw_response.create(
            model="pool/large", messages=[{"role": "user", "content": "count"}]
        )
        whole = raw.parse()
        assert whole.choices[0].message.content == "one two three"
        assert raw.headers["x-athanor-served-by"] == "attic"
        assert raw.headers["x-athanor-cost-micros"] == "70"
        assert whole.usage.cost_micros == 70  # type: ignore[union-attr]
        told.result(30)

        told = club.begin(answer(club.host, cost=30))
        chunks = list(
            asking.chat.completions.create(
                model="pool/large",
                messages=[{"role": "user", "content": "count"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == "one two three"
        assert chunks[-1].usage.cost_micros == 30  # type: ignore[union-attr]
        told.result(30)
        home = asking.chat.completions.create(
            model="toy", messages=[{"role": "user", "content": "hello"}]
        )
        assert home.choices[0].message.content == "hello"

        assert "0.0001 credits spent" in cli(node, "credits", "balance")
        receipts = json.loads(cli(node, "credits", "receipts", "--json"))["receipts"]
        assert [each["micros"] for each in receipts] == [30, 70]
        rows = cli(node, "credits", "export").splitlines()
        assert rows[0].startswith("kind,time,job") and len(rows) == 3
        assert json.loads(cli(node, "credits", "verify", "--json"))["is_good"]
        (tmp_path / "export.json").write_text(cli(node, "credits", "export", "--json"))
        cli(node, "credits", "verify", str(tmp_path / "export.json"))
        cli(node, "pool", "leave")
        cli(node, "pool", "status", code=1)
        assert json.loads(cli(node, "credits", "receipts", "--json"))["receipts"] == receipts


def test_a_node_that_is_killed_in_mid_answer_asks_for_the_cost_when_it_is_back(
    tmp_path: Path, club: HostThread
) -> None:
    with running_node(tmp_path / "home", *SPENDING, "--spend-day-max", "0.003") as node:
        joined(node, club)
        with (
            httpx.Client(trust_env=False, timeout=60) as http,
            http.stream(
                "POST",
                f"{node.base_url}/chat/completions",
                json={
                    "model": "pool/large",
                    "messages": [{"role": "user", "content": "count"}],
                    "stream": True,
                },
            ),
        ):
            ask = club.do(club.host.expect(Ask))
            node.process.kill()
            node.process.wait()

    club.host.forget()
    with running_node(tmp_path / "home", *SPENDING, "--spend-day-max", "0.003") as node:
        assert club.do(club.host.expect(CancelAsk)).job == ask.job
        refused = httpx.post(
            f"{node.base_url}/chat/completions",
            json={"model": "pool/large", "messages": [{"role": "user", "content": "more"}]},
            trust_env=False,
            timeout=60,
        )
        assert refused.status_code in {402, 503}
        club.do(club.host.send(Told(job=ask.job, events=[], is_last=True, cost=Micros(11))))
        club.do(club.host.send(Market(quotes=(QUOTE,))))
        told = club.begin(answer(club.host, cost=1))
        client(node).chat.completions.create(
            model="pool/large", messages=[{"role": "user", "content": "again"}]
        )
        assert told.result(30).cost_max == 3000 - 11
        receipts = json.loads(cli(node, "credits", "receipts", "--json"))["receipts"]
        assert sorted(each["micros"] for each in receipts) == [1, 11]


def test_a_model_that_nobody_lends_now_is_not_called_ready(
    tmp_path: Path, club: HostThread
) -> None:
    with running_node(tmp_path / "home", *SPENDING) as node:
        joined(node, club)
        assert json.loads(cli(node, "pool", "market", "--json"))["quotes"][0]["wait_seconds"] == 0
        club.do(club.host.send(Market(quotes=(replace(QUOTE, wait_seconds=-1.0),))))

        wait_for(lambda: "nobody lends it now" in cli(node, "pool", "market"), "the news")
        (listed,) = (m for m in client(node).models.list().data if m.id == "pool/large")
        assert listed.wait_seconds is None  # type: ignore[attr-defined]


def test_a_model_of_the_pool_answers_in_the_terminal_too(tmp_path: Path, club: HostThread) -> None:
    with running_node(tmp_path / "home", *SPENDING) as node:
        joined(node, club)
        told = club.begin(answer(club.host))

        assert cli(node, "run", "pool/large", "count").strip() == "one two three"
        assert told.result(30).model == "large"
        cli(node, "run", "pool/small", "count", code=4)


def test_a_request_is_quoted_before_it_is_made(tmp_path: Path, club: HostThread) -> None:
    with running_node(tmp_path / "home", *SPENDING, "--spend-request-max", "0.001") as node:
        joined(node, club)
        standing = Standing(balance=Micros(900), held=Micros(100), earned_today=Micros(0))
        club.do(club.host.send(standing))
        wait_for(lambda: json.loads(cli(node, "pool", "status", "--json"))["balance"], "it")

        def quoted(prompt: int, output: int, code: int = 0) -> dict[str, object]:
            tokens = ("--input", str(prompt), "--output", str(output))
            return json.loads(cli(node, "pool", "quote", "Large", *tokens, "--json", code=code))

        whole = quoted(500, 100)
        assert (whole["model"], whole["missing"]) == ("pool/large", "")
        assert (whole["least"], whole["most"], whole["available"]) == (250, 700, 800)
        assert quoted(500, 200, code=1)["missing"] == "balance"
        assert quoted(900, 100, code=1)["missing"] == "cap"
        assert quoted(900, 101, code=1)["missing"] == "context"
        said = cli(node, "pool", "quote", "large", "--input", "900", "--output", "100", code=1)
        assert "at most 0.0011 credits" in said and "the limit of one request" in said
        cli(node, "pool", "quote", "small", "--input", "1", "--output", "1", code=4)


def test_a_quote_says_where_nobody_may_read_the_request(tmp_path: Path, club: HostThread) -> None:
    with running_node(tmp_path / "home", "--spending", "prefix", "--trust", "friends") as node:
        joined(node, club)
        club.do(club.host.send(Market(quotes=(replace(QUOTE, nearest="vetted"),))))
        asked = ("pool", "quote", "large", "--input", "1", "--output", "1")

        wait_for(lambda: "--read-by vetted" in cli(node, *asked, code=1), "the news")
        assert json.loads(cli(node, *asked, "--json", code=1))["missing"] == "trust"


def test_the_rules_of_sharing_change_at_once_and_for_good(tmp_path: Path) -> None:
    with running_node(tmp_path / "home") as node:
        said = cli(node, "share", "always", "--at", "mon-fri 22:00-07:00", "--price-least", "0.5")
        assert "always, beside its use" in said

        rules = json.loads(cli(node, "share", "--json"))
        neighbour = json.loads(cli(node, "neighbour", "--json"))["neighbour"]
        assert (rules["mode"], rules["hours"]) == ("always", ["mon-fri 22:00-07:00"])
        assert neighbour["mode"] == "always"
        assert 'price_floor = "0.5"' in (node.home / "config.toml").read_text()
        assert "Region: eu" in cli(node, "share", "--where", "eu")
        cli(node, "share", "--where", "e" * 33, code=1)
        assert json.loads(cli(node, "share", "--json"))["region"] == "eu"
        assert json.loads(cli(node, "share", "--where", "", "--json"))["region"] == ""
        cli(node, "share", "off")
        cli(node, "share", "--price-least", "much", code=1)
        cli(node, "pool", "join", "AFRH", code=1)
