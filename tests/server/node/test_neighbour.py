"""Laws of the good neighbour: memory goes back at once, to whom, and what requests are told."""

import asyncio
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.core.base.errors import Paused
from app.core.base.ids import ModelName
from app.core.sharing.reasons import Reason
from app.core.sharing.rules import Rules
from app.core.state.engine_life import Loading, Ready, Unloaded
from app.server.engine_child.engine_process import EngineGone
from app.wire.engine import Delta
from tests.server.node.cards import ENGINE_BYTES, GIB, TOTAL, Card, Machine, Naps, neighbour_of
from tests.server.node.homes import Node, node, run, saying, toy


@pytest.fixture
def game(tmp_path: Path) -> Iterator["Game"]:
    """A program that the test starts and ends."""
    path = tmp_path / "CanaryGame.exe"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", path)
    game = Game(path)
    yield game
    game.end()


class Game:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([str(self._path), "600"])

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)


async def told(n: Node, model: str = "toy") -> str:
    """What a request for the model is told instead of an answer."""
    with pytest.raises(Paused) as refused:
        await n.ask(model, "hello")
    return refused.value.message


def test_an_order_ends_an_engine_in_mid_answer_and_says_why(tmp_path: Path) -> None:
    toy(tmp_path, step_seconds=0.02)
    card, machine = Card(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, watch=card, lister=machine.lister) as n:
            with neighbour_of(n) as neighbour:
                freed, pid = None, 0
                with pytest.raises(Paused, match="GPU memory was freed") as refused:
                    async with n.router.lease("toy") as link:
                        async for event in link.stream(saying("x" * 2000)):
                            if isinstance(event, Delta) and freed is None:
                                pid = n.pid()
                                freed = await neighbour.free(everything=False)
                assert not isinstance(refused.value, EngineGone)
                assert freed is not None
                assert [each.pid for each in freed.ended] == [pid]
                assert not psutil.pid_exists(pid)
                assert (freed.gpu_bytes, freed.is_measured, freed.is_back) == (
                    ENGINE_BYTES,
                    True,
                    True,
                )
                assert isinstance(n.life(), Unloaded)
                assert "GPU memory was freed" in await told(n)
                neighbour.resume()
                assert await n.ask("toy", "hello") == "hello"

    run(test())


def test_an_order_gives_up_a_load_under_way_and_tells_who_waits(tmp_path: Path) -> None:
    toy(tmp_path, load_seconds=30.0)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            with neighbour_of(n) as neighbour:
                waiting = group.create_task(told(n))
                await n.until_life(Loading)
                await neighbour.free(everything=True)
                assert "GPU memory was freed" not in (words := await waiting)
                assert "memory was freed" in words
                assert isinstance(n.life(), Unloaded)

    run(test())


def test_models_in_ram_stay_unless_all_are_meant(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            with neighbour_of(n) as neighbour:
                await n.ask("toy", "hello")
                pid = n.pid()

                gpu = await neighbour.free(everything=False, hold_seconds=0)
                assert gpu.ended == () and isinstance(n.life(), Ready)
                everything = await neighbour.free(everything=True, hold_seconds=0)
                assert [each.model for each in everything.ended] == ["toy"]
                assert everything.ended[0].ram_bytes > 0
                assert everything.is_back and not everything.is_measured
                assert not psutil.pid_exists(pid)
                assert await n.ask("toy", "no hold, so it wakes") == "no hold, so it wakes"

    run(test())


def test_what_the_owner_loads_by_hand_is_loaded_and_ends_the_hold(tmp_path: Path) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            with neighbour_of(n) as neighbour:
                await neighbour.free(everything=True)
                assert await told(n)
                await n.router.load("toy")
                assert neighbour.verdict.memory == "keep"
                assert await n.ask("toy", "hello") == "hello"

    run(test())


def test_a_program_that_always_wins_has_the_memory_until_it_ends(
    tmp_path: Path, game: Game, caplog: pytest.LogCaptureFixture
) -> None:
    toy(tmp_path)
    caplog.set_level(logging.DEBUG, "app")
    card, machine = Card(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, watch=card, lister=machine.lister) as n:
            with neighbour_of(n, exclusive=["canarygame"]) as neighbour:
                await n.ask("toy", "hello")
                await neighbour.look()
                assert isinstance(n.life(), Ready)

                game.start()
                await neighbour.look()
                assert isinstance(n.life(), Unloaded)
                (cause,) = n.hub.state.neighbour.verdict.memory_causes
                assert cause.reason is Reason.EXCLUSIVE_APP_RUNNING
                assert cause.detail == "CanaryGame"
                assert "CanaryGame" not in await told(n)

                await n.router.load("toy")
                await neighbour.look()
                assert isinstance(n.life(), Ready)

                game.end()
                await neighbour.look()
                (over,) = n.hub.state.neighbour.verdict.memory_causes
                assert over.is_over

    run(test())
    reasons = [getattr(record, "reasons", "") for record in caplog.records]
    assert "exclusive_app_running" in reasons
    said = " ".join(str(vars(record)) for record in caplog.records)
    assert "canarygame" not in said.lower()


def test_a_program_that_is_put_on_the_list_while_it_runs_has_the_memory_at_the_next_look(
    tmp_path: Path, game: Game
) -> None:
    toy(tmp_path)
    card, machine = Card(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, watch=card, lister=machine.lister) as n:
            with neighbour_of(n) as neighbour:
                await n.ask("toy", "hello")
                game.start()
                await neighbour.look()
                assert isinstance(n.life(), Ready)

                neighbour.use(
                    Rules(has_exclusive_list=True),
                    exclusive=["canarygame"],
                    frees_ram=False,
                    hold_seconds=60.0,
                )
                await neighbour.look()
                assert isinstance(n.life(), Unloaded)

    run(test())


def test_the_mode_of_lending_that_changes_is_in_the_state_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with node(tmp_path) as n:
            with neighbour_of(n) as neighbour:
                await neighbour.look()
                neighbour.use(
                    Rules(mode="always"), exclusive=(), frees_ram=False, hold_seconds=60.0
                )
                assert n.hub.state.neighbour.mode == "always"

    run(test())


def test_an_engine_that_fell_is_not_started_again_into_a_game(tmp_path: Path, game: Game) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n:
            with neighbour_of(n, exclusive=["canarygame"]) as neighbour:
                await n.ask("toy", "hello")
                game.start()
                await neighbour.look()
                assert isinstance(n.life(), Ready), "it lies in RAM, and RAM is not asked for"
                psutil.Process(n.pid()).kill()
                await n.until_life(Unloaded)

    run(test())


def test_pressure_takes_models_that_nobody_uses_and_leaves_those_in_use(tmp_path: Path) -> None:
    toy(tmp_path, "unused")
    toy(tmp_path, "used")
    card, machine = Card(), Machine(tmp_path)
    at_once = Rules(memory_dwells={reason: Rules().memory_dwells[reason]._replace(enter=0.0)
                                   for reason in Rules().memory_dwells})  # fmt: skip

    async def test() -> None:
        async with node(tmp_path, watch=card, lister=machine.lister) as n:
            with neighbour_of(n, rules=at_once) as neighbour:
                await n.ask("unused", "hello")
                async with n.router.lease("used"):
                    await neighbour.look()
                    assert isinstance(n.life("unused"), Ready)

                    card.others_bytes = TOTAL - 2 * ENGINE_BYTES - GIB // 4
                    await neighbour.look()
                    assert isinstance(n.life("unused"), Unloaded)
                    assert isinstance(n.life("used"), Ready)
                    assert await n.ask("unused", "it loads in what is left")

    run(test())


def test_memory_that_a_driver_keeps_is_told_and_the_notice_goes_when_it_is_back(
    tmp_path: Path,
) -> None:
    toy(tmp_path)
    card, machine = Card(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, watch=card, lister=machine.lister) as n:
            with neighbour_of(n) as neighbour:
                await n.ask("toy", "hello")
                card.keeps_bytes = ENGINE_BYTES
                freed = await neighbour.free(everything=False, hold_seconds=0)
                assert (freed.is_back, freed.gpu_bytes) == (False, 0)
                assert "does not show" in n.hub.state.notices[-1].message

                card.keeps_bytes = 0
                await n.ask("toy", "hello")
                assert (await neighbour.free(everything=False, hold_seconds=0)).is_back
                assert not n.hub.state.notices

    run(test())


def test_after_a_sleep_engines_on_gpus_are_started_again_and_those_in_ram_are_not(
    tmp_path: Path,
) -> None:
    toy(tmp_path)
    naps = Naps()

    async def test() -> None:
        async with node(tmp_path) as n:
            with neighbour_of(n, naps=naps) as neighbour:
                await n.ask("toy", "hello")
                pid = n.pid()
                naps.slept = 3600.0
                await neighbour.look()
                assert n.pid() == pid

    run(test())


def test_a_snooze_ends_by_itself_and_by_resume(tmp_path: Path) -> None:
    async def test() -> None:
        async with node(tmp_path) as n:
            with neighbour_of(n, rules=Rules(mode="always")) as neighbour:
                neighbour.snooze(3600.0)
                orders = n.hub.state.neighbour.orders
                assert orders.snoozed_until is not None
                reasons = {cause.reason for cause in neighbour.verdict.lending_causes}
                assert Reason.SNOOZED in reasons
                neighbour.resume()
                assert n.hub.state.neighbour.orders.snoozed_until is None
                neighbour.snooze(0.0)
                assert n.hub.state.neighbour.orders.snoozed_until is None

    run(test())


def test_a_free_node_watches_by_itself(tmp_path: Path, game: Game) -> None:
    toy(tmp_path)

    async def test() -> None:
        async with node(tmp_path) as n, asyncio.TaskGroup() as group:
            with neighbour_of(n, exclusive=["canarygame"], frees_ram=True) as neighbour:
                watching = group.create_task(neighbour.keep_watch())
                await n.ask("toy", "hello")
                game.start()
                await n.until_life(Unloaded)
                assert ModelName("toy") in n.hub.state.models
                watching.cancel()

    run(test())
