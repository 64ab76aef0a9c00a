"""Nobody's words are kept: a whole pool is used, killed and used again, and every byte searched.

The toy answers with what it was asked, so the canary stands in prompts and in answers alike. Host,
workers and the node that asks under seal log all that they can; each has a home and a folder for
temporary files, and nothing of theirs lies elsewhere.
"""

import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.pool.canaries import (
    Canary,
    environment_of,
    family,
    files_with,
    written_files,
)
from tests.pool.members import WholePool, client_of, wait_for, whole_pool
from tests.support.node import RunningNode, put_toy

CANARY = Canary("canary-9f3ac1d7e2")
CHAT = "/chat/completions"
NAMES = ("host", "one", "two", "asker")


def said(**fields: object) -> dict[str, object]:
    """A chat whose every word is the canary."""
    return {"model": "tiny", "messages": [{"role": "user", "content": CANARY * 3}], **fields}


REQUESTS: list[tuple[str, dict[str, object]]] = [
    (CHAT, said()),
    (CHAT, said(stream=True, user=CANARY, metadata={"a": CANARY})),
    (CHAT, said(n=2, logprobs=True, top_logprobs=2)),
    (CHAT, said(temperature=CANARY)),
    (CHAT, said(grammar=f"start: {CANARY} (")),
    (CHAT, said(provider={"region": CANARY})),
    (CHAT, {**said(), "model": CANARY}),
    (CHAT, {"model": "tiny", "messages": [{"role": CANARY, "content": CANARY}]}),
    (CHAT, said(messages=[{"role": "user", "content": CANARY * 5_000}])),
    ("/completions", {"model": "tiny", "prompt": CANARY, "max_tokens": 8, "echo": True}),
    ("/embeddings", {"model": "tiny", "input": CANARY}),
    (f"/{CANARY}", {"x": CANARY}),
]


@dataclass
class Search:
    """What was found while the pool was up, and whether the search finds anything at all."""

    open_: list[str] = field(default_factory=list)
    """Open files that hold the canary."""
    elsewhere: list[str] = field(default_factory=list)
    """Files that are open for writing and lie outside of what is searched."""
    folders: set[str] = field(default_factory=set)
    """Where the processes put temporary files."""
    files: set[str] = field(default_factory=set)
    """All that were open for writing."""

    def look(self, folder: Path, process: int) -> None:
        """At every file that a process and its children are writing."""
        for one in family(process):
            self.folders.add(environment_of(one).get("TMPDIR", ""))
            for name, content in written_files(one):
                self.files.add(name)
                if CANARY.is_in(content):
                    self.open_.append(name)
                if not name.startswith(str(folder)):
                    self.elsewhere.append(name)


@contextlib.contextmanager
def api(base_url: str, secret: str) -> Iterator[httpx.Client]:
    """A caller."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    with httpx.Client(base_url=base_url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


def use(base_url: str, secret: str = "", *, prefix: str = "") -> str:
    """Send all requests; what was answered."""
    answers = []
    with api(base_url, secret) as client:
        for number, (path, body) in enumerate(REQUESTS):
            headers = {"Idempotency-Key": f"{number}"} if number % 2 else {}
            named = {**body, "model": f"{prefix}{body['model']}"} if "model" in body else body
            answers.append(client.post(path, json=named, headers=headers).text)
    return "".join(answers)


def abort(pool: WholePool) -> int:
    """The engine of a worker crashes in mid-answer, so that there is a crash to report; another
    goes on. How often the words came."""
    with (
        api(pool.host.base_url, pool.secret) as caller,
        caller.stream("POST", CHAT, json=said(stream=True)) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        worker = pool.nodes[answer.headers["x-athanor-served-by"]].process.pid
        (engine,) = family(worker)[1:]
        os.kill(engine, signal.SIGABRT)
        said_in_all = "".join(_text_of(line) for line in lines)
    pool.wait_lending(2)
    return said_in_all.count(CANARY)


def _text_of(line: str) -> str:
    event = line.removeprefix("data: ")
    if not event.startswith("{"):
        return ""
    choices = json.loads(event)["choices"]
    return choices[0]["delta"].get("content") or "" if choices else ""


def crash(pool: WholePool, asker: RunningNode) -> Search:
    """Two answers are under way; their asker, a worker and the host are killed, one by one."""
    search = Search()
    sealed = said(stream=True, model="pool/tiny")
    with (
        contextlib.suppress(httpx.HTTPError),
        api(pool.host.base_url, pool.secret) as caller,
        api(asker.base_url, "") as friend,
        caller.stream("POST", CHAT, json=said(stream=True)) as one,
        friend.stream("POST", CHAT, json=sealed) as other,
    ):
        lines = one.iter_lines()
        next(lines)
        next(other.iter_lines())
        for process in (pool.host.process, *(node.process for node in pool.nodes.values())):
            search.look(pool.folder, process.pid)
        asker.process.kill()
        pool.nodes[one.headers["x-athanor-served-by"]].process.kill()
        for _ in range(20):
            next(lines)
        pool.host.process.kill()
    return search


def plant(folder: Path, canary: Canary) -> None:
    """Where words could be: a page of a database, its WAL, a log, and a temporary file."""
    database = sqlite3.connect(folder / "host.tmp" / "planted.db")
    database.execute("pragma journal_mode = wal")
    database.execute("create table words (said text)")
    database.commit()
    database.execute("pragma wal_checkpoint(truncate)")
    database.execute("insert into words values (?)", (canary,))
    database.commit()
    with (folder / "asker" / "server.stderr").open("a") as log:
        log.write(f"debug something tokens={list(canary.encode())}\n")
    (folder / "two.tmp" / "planted").write_bytes(b"\0" + canary.encode("utf-16-le"))
    # The WAL is copied, since the last to close a database empties it.
    wal = (folder / "host.tmp" / "planted.db-wal").read_bytes()
    database.close()
    (folder / "host.tmp" / "planted-wal").write_bytes(wal)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which files are open")
def test_no_words_of_a_caller_are_in_any_file_of_host_or_members(tmp_path: Path) -> None:
    model = put_toy(tmp_path / "models", "tiny", step_seconds=0.02)

    with whole_pool(tmp_path, model, "one", "two") as pool:
        asker = pool.start_friend("asker")
        answers = use(pool.host.base_url, pool.secret)
        sealed = use(asker.base_url, prefix="pool/")
        told = abort(pool)
        search = crash(pool, asker)
        after_crash = files_with(CANARY, tmp_path)

        pool.restart_host()
        for name, node in list(pool.nodes.items()):
            if node.process.poll() is not None:
                pool.start_friend(name) if name == "asker" else pool.start(name)
        for name in ("one", "two"):
            with client_of(pool.nodes[name]) as client:
                wait_for(lambda: client.pool().unacknowledged == 0, f"verdicts for {name}")
        once_more = use(pool.host.base_url, pool.secret)
    afterwards = files_with(CANARY, tmp_path)

    assert answers.count(CANARY) > 5 and sealed.count(CANARY) > 5 and once_more.count(CANARY) > 5
    assert told > 0, "another worker goes on after the crash"
    assert search.folders == {str(tmp_path / f"{name}.tmp") for name in NAMES}
    assert len(search.files) >= 2 * len(NAMES), "each has a log and a database at least"
    assert search.open_ == [] and search.elsewhere == []
    assert after_crash == [] and afterwards == []
    check_the_search(tmp_path)


def check_the_search(folder: Path) -> None:
    """It finds what is there: what each process wrote itself, and what is planted."""
    for name in NAMES:
        assert files_with(Canary(" debug app."), folder / name), f"{name} logs at debug"
    assert files_with(Canary("job ended"), folder / "host")

    plant(folder, CANARY)

    found = {Path(name).name for name in files_with(CANARY, folder)}
    assert found == {"planted.db", "planted-wal", "server.stderr", "planted"}
