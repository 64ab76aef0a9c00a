"""Laws of GPUs that go away: told once, never the processor in silence, and back by itself.

The list of devices names a GPU that this machine need not have. On it "runs" a child that speaks
the engine's protocol and claims what its plan says; where the truth matters it is the real engine.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.base.errors import GpuGone
from app.core.sharing.facts import GpuFacts
from app.core.state.apply_neighbour import GPU_LOST
from app.core.state.engine_life import Failed, Ready
from app.core.state.events import GpuFound, GpuLost
from app.server.engine_child.exit_words import read_ending
from app.server.hardware.engine_program import EngineProgram
from app.server.node.gpu_return import GpuReturn
from tests.gguf_made.store import GgufStore
from tests.server.node.cards import Card, Machine, Naps, neighbour_of
from tests.server.node.homes import Node, engines_running, node, run, toy

CLAIMS = """
import os, sys
from app.wire.engine import Drain, Ready, Start, ToEngine
from app.wire.framing import FrameReader, encode_frame
from app.wire.model import ModelFacts

frames = FrameReader(ToEngine)
while data := os.read(0, 65536):
    for message in frames.feed(data):
        if isinstance(message, Start):
            facts = ModelFacts(
                architecture="llama", description="claims", parameters=1, size_bytes=1,
                vocabulary=1, vocabulary_type=0, embedding_length=1, context_trained=1,
                layers=1, plan=message.plan, can_trim=True, capabilities=("completion",),
                chat_template="",
            )
            os.write(1, encode_frame(Ready(facts=facts, version="test")))
        if isinstance(message, Drain):
            sys.exit(0)
"""


def claiming() -> EngineProgram:
    """A child that serves as its plan says, whatever GPU that names."""
    return replace(EngineProgram.of_this(), command=(sys.executable, "-c", CLAIMS))


class Heard:
    """Counts the events of GPUs that went and came back."""

    def __init__(self, n: Node) -> None:
        self._watch = n.hub.watch()

    async def words(self) -> list[str]:
        """Those since the beginning."""
        n = 0
        found = []
        async for happened in self._watch:
            n += 1
            if isinstance(happened.event, GpuLost | GpuFound):
                found.append(str(happened.event.__struct_config__.tag))
            if found[-1:] == ["gpu_found"]:
                break
        return found


def test_a_model_waits_for_its_gpu_and_comes_back_by_itself(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    model, machine = gguf_store.llama(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, places=[model], lister=machine.lister, program=claiming()) as n:
            heard = Heard(n)
            first = await anext(heard._watch)
            assert first.event is None
            name = await n.router.load(model.stem)
            life = n.life(name)
            assert isinstance(life, Ready) and life.facts.gpu_layers > 0

            machine.has_gpu(False)
            n.loader.gpu_fell()
            os.kill(n.pid(name), signal.SIGKILL)
            await n.until(lambda s: isinstance(s.models[name].life, Failed)
                          and "its GPU is gone" in s.models[name].life.reason)  # fmt: skip
            assert [each.key for each in n.hub.state.notices].count(GPU_LOST) == 1
            with pytest.raises(GpuGone, match="RTX"):
                async with n.router.lease(name):
                    raise AssertionError("there is no GPU")

            machine.has_gpu(True)
            await n.loader.look_anew()
            ready = await n.until_life(Ready, name)
            assert isinstance(ready, Ready) and ready.facts.gpu_layers > 0
            assert not n.hub.state.lost_gpus
            assert GPU_LOST not in [each.key for each in n.hub.state.notices]
            assert await heard.words() == ["gpu_lost", "gpu_found"]

    run(test())


@pytest.mark.model
def test_the_owner_may_allow_the_processor(tmp_path: Path, gguf_store: GgufStore) -> None:
    model, machine = gguf_store.llama(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, places=[model], lister=machine.lister, allows_cpu=True) as n:
            await n.loader.look()
            machine.has_gpu(False)
            await n.loader.look_anew()
            assert n.hub.state.lost_gpus == ("RTX",)

            name = await n.router.load(model.stem)

            life = n.life(name)
            assert isinstance(life, Ready) and life.facts.gpu_layers == 0

    run(test())


@pytest.mark.model
def test_an_engine_that_finds_no_gpu_where_one_was_listed_does_not_serve(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    model, machine = gguf_store.llama(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, places=[model], lister=machine.lister) as n:
            with pytest.raises(GpuGone, match="found no GPU"):
                await n.router.load(model.stem)
            assert n.hub.state.lost_gpus == ("RTX",)
            assert not engines_running()

    run(test())


def test_after_a_sleep_an_engine_on_a_gpu_is_a_new_one(
    tmp_path: Path, gguf_store: GgufStore
) -> None:
    model, machine, naps = gguf_store.llama(), Machine(tmp_path), Naps()

    async def test() -> None:
        async with node(tmp_path, places=[model], lister=machine.lister, program=claiming()) as n:
            with neighbour_of(n, naps=naps) as neighbour:
                name = await n.router.load(model.stem)
                before = n.pid(name)
                naps.slept = 3600.0
                await neighbour.look()
                await n.until_life(Failed, name)
                ready = await n.until_life(Ready, name)
                assert isinstance(ready, Ready) and ready.rung == 0
                assert n.pid(name) != before

    run(test())


def test_a_driver_that_lost_its_gpu_is_no_fault_of_the_plan(tmp_path: Path) -> None:
    """Twice, since the second crash of an engine that served leads to a safer plan otherwise."""
    toy(tmp_path)
    dies = (
        "import os, subprocess, sys, signal\n"
        "child = subprocess.Popen([sys.executable, '-m', 'app', 'engine'])\n"
        "signal.signal(signal.SIGTERM, lambda *_: child.kill())\n"
        "child.wait()\n"
        "print('ggml_vulkan: vk::Queue::submit: ErrorDeviceLost', file=sys.stderr, flush=True)\n"
        "os.abort()\n"
    )
    engine = EngineProgram.of_this()
    program = replace(engine, command=(sys.executable, "-c", dies))
    machine = Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, program=program, lister=machine.lister) as n:
            for _ in range(2):
                await n.ask("toy", "hello")
                os.kill(n.pid(), signal.SIGTERM)
                await n.until(lambda s: bool(s.lost_gpus))
                ready = await n.until_life(Ready)
                assert isinstance(ready, Ready) and ready.rung == 0
                assert not n.hub.state.lost_gpus

    run(test())


@pytest.mark.parametrize(
    ("line", "is_lost"),
    [
        ("CUDA error: unknown error", True),
        ("CUDA error: no CUDA-capable device is detected", True),
        ("vk::DeviceLostError: vk::Queue::submit: ErrorDeviceLost", True),
        ("CUDA error: out of memory", False),
        ("GGML_ASSERT(x) failed", False),
    ],
)
def test_a_drivers_words_for_a_lost_gpu_are_known(line: str, is_lost: bool) -> None:
    assert (read_ending(-6, [line]).suspicion == "device") is is_lost


def test_a_gpu_of_which_nothing_is_heard_is_looked_for(tmp_path: Path) -> None:
    card, machine = Card(), Machine(tmp_path)

    async def test() -> None:
        async with node(tmp_path, watch=card, lister=machine.lister) as n:
            with neighbour_of(n) as neighbour:
                await n.loader.look()
                await neighbour.look()
                card.is_silent = True
                machine.has_gpu(False)
                await neighbour.look()
                assert n.hub.state.lost_gpus == ()
                await neighbour.look()
                assert n.hub.state.lost_gpus == ("RTX",)

                card.is_silent = False
                machine.has_gpu(True)
                returning = GpuReturn(hub=n.hub, loader=n.loader, now=n.now)
                await returning.look(())
                assert n.hub.state.lost_gpus == ()
                facts = neighbour.facts.gpus
                assert all(isinstance(each, GpuFacts) for each in facts)

    run(test())
