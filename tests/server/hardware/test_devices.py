"""Laws of the device list: always an answer, free memory as it is now, never a hang."""

import asyncio
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from app.core.models.plan import DeviceUse
from app.core.state.node_state import Device
from app.server.hardware.devices import Devices, match
from app.server.hardware.engine_program import EngineProgram, clean_environment
from app.server.hardware.gpu_watch import GpuSample, GpuWatch, NoGpu
from app.server.hardware.nvidia import NvidiaFacts, NvidiaWatch, open_watch

CPU = {"name": "CPU", "description": "cpu", "kind": "cpu", "memory_free": 1, "memory_total": 2**50}
CARD = {
    "name": "CUDA0",
    "description": "RTX",
    "kind": "gpu",
    "memory_free": 70,
    "memory_total": 100,
}


class OneCard:
    """A watch that sees one card, whose memory the test fills."""

    def __init__(self) -> None:
        self.free = 70

    def sample(self) -> tuple[GpuSample, ...]:
        return (
            GpuSample(
                name="RTX", memory_free=self.free, memory_total=101, temperature_celsius=60.0
            ),
        )

    def close(self) -> None:
        pass


def listing(
    tmp_path: Path,
    script: str,
    watch: GpuWatch | None = None,
    *,
    list_seconds_max: float = 30.0,
    fresh_seconds: float = 60.0,
) -> Devices:
    """Devices whose child runs `script`; it notes each run in the file `runs`."""
    counted = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n" + script
    program = EngineProgram(
        command=(sys.executable, "-c", counted),
        environment=dict(os.environ),
        folder=str(tmp_path),
    )
    return Devices(
        program,
        watch=watch or NoGpu(),
        list_seconds_max=list_seconds_max,
        fresh_seconds=fresh_seconds,
    )


def look(devices: Devices, times: int = 1) -> tuple[Device, ...]:
    async def run() -> tuple[Device, ...]:
        for _ in range(times - 1):
            await devices.now()
        return await devices.now()

    return asyncio.run(run())


def printing(*uses: dict[str, object]) -> str:
    return f"print({json.dumps(json.dumps(uses))})"


def test_the_list_is_asked_for_once_and_ram_is_looked_up_each_time(tmp_path: Path) -> None:
    devices = listing(tmp_path, printing(CPU))

    (cpu,) = look(devices, times=3)

    assert cpu.memory_free > 1
    assert cpu.memory_free <= psutil.virtual_memory().total
    assert (tmp_path / "runs").read_text() == "x"
    assert devices.notice is None


def test_nvml_tells_the_free_memory_of_the_cards_it_knows(tmp_path: Path) -> None:
    watch = OneCard()
    devices = listing(tmp_path, printing(CPU, CARD), watch)
    watch.free = 30

    _, card = look(devices, times=2)

    assert (card.memory_free, card.memory_total) == (30, 100)
    assert card.temperature_celsius == 60.0
    assert (tmp_path / "runs").read_text() == "x"


def test_a_card_that_nvml_does_not_know_is_listed_again_when_the_list_is_old(
    tmp_path: Path,
) -> None:
    look(listing(tmp_path, printing(CPU, CARD), fresh_seconds=-1.0), times=2)

    assert (tmp_path / "runs").read_text() == "xx"


@pytest.mark.parametrize(
    "script", ["import os; os.abort()", "print('no json')", "raise SystemExit('driver gone')"]
)
def test_a_child_that_fails_means_cpu_only_and_a_warning(tmp_path: Path, script: str) -> None:
    devices = listing(tmp_path, script)

    (cpu,) = look(devices)

    assert cpu.kind == "cpu"
    assert cpu.memory_total == psutil.virtual_memory().total
    assert devices.notice is not None
    assert "CPU" in devices.notice.message and devices.notice.remedy


def test_a_child_that_hangs_is_killed_within_its_limit(tmp_path: Path) -> None:
    script = f"import os, threading; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"

    devices = listing(tmp_path, script + "; threading.Event().wait()", list_seconds_max=0.5)
    (cpu,) = look(devices)

    assert cpu.kind == "cpu"
    assert devices.notice is not None and "no answer" in devices.notice.message
    pid = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""
    assert not pid or not psutil.pid_exists(int(pid))


def test_equal_cards_are_matched_in_order_and_strangers_not_at_all() -> None:
    def use(description: str) -> DeviceUse:
        return DeviceUse(
            name="n", description=description, kind="gpu", memory_free=1, memory_total=2
        )

    first, second = (GpuSample(name="A", memory_free=n, memory_total=9) for n in (1, 2))

    assert match([use("A"), use("B"), use("A")], [first, second]) == [first, None, second]


def test_the_watch_of_a_machine_without_a_driver_sees_nothing() -> None:
    watch = open_watch()

    assert isinstance(watch.sample(), tuple)
    watch.close()
    assert NoGpu().sample() == ()


class TwoCards:
    """The part of NVML that is used, for an old card and one that tells everything."""

    NVML_TEMPERATURE_GPU = 0
    NVML_SUCCESS = 0
    NVML_ERROR_NOT_FOUND = 6

    class NVMLError(Exception):
        def __init__(self, words: str, value: int = 3) -> None:
            super().__init__(words)
            self.value = value

    def __init__(self) -> None:
        self.is_lost = False

    def nvmlDeviceGetCount(self) -> int:  # NVML's own names here and below
        if self.is_lost:
            raise self.NVMLError("GPU is lost")
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, card: int) -> SimpleNamespace:
        return SimpleNamespace(free=10 + card, total=100)

    def nvmlDeviceGetName(self, card: int) -> bytes | str:
        return b"Old" if card == 0 else "New"

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.82.07"

    def nvmlDeviceGetCudaComputeCapability(self, card: int) -> list[int]:
        return [6, 1] if card == 0 else [12, 0]

    def nvmlDeviceGetUtilizationRates(self, card: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=self._known(card, 50))

    def nvmlDeviceGetTemperature(self, card: int, sensor: int) -> int:
        return self._known(card, 61 + sensor)

    def nvmlDeviceGetPowerUsage(self, card: int) -> int:
        return self._known(card, 120_500)

    def nvmlDeviceGetComputeRunningProcesses(self, card: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=self._known(card, 7), usedGpuMemory=5)]

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=8, usedGpuMemory=None)]

    def nvmlDeviceGetProcessUtilization(self, card: int, seen: int) -> list[SimpleNamespace]:
        if seen:
            raise self.NVMLError("Not Found", self.NVML_ERROR_NOT_FOUND)
        shares = [(7, 10, 30), (7, 11, 20), (9, 11, 60)]
        return [
            SimpleNamespace(pid=self._known(card, pid), timeStamp=at, smUtil=percent)
            for pid, at, percent in shares
        ]

    def nvmlShutdown(self) -> None:
        raise self.NVMLError("not initialised")

    def _known(self, card: int, value: int) -> int:
        if card == 0:
            raise self.NVMLError("Not Supported")
        return value


def test_what_one_card_does_not_tell_is_left_out_and_the_rest_stays() -> None:
    nvml = TwoCards()
    watch = NvidiaWatch(nvml)

    old, new = watch.sample()

    assert old == GpuSample(name="Old", memory_free=10, memory_total=100)
    assert new == GpuSample(
        name="New",
        memory_free=11,
        memory_total=100,
        busy_percent=50.0,
        temperature_celsius=61.0,
        power_watts=120.5,
        process_bytes={7: 5},
        process_busy={7: 30.0, 9: 60.0},
    )
    assert watch.sample()[1].process_busy == {}
    nvml.is_lost = True
    assert watch.sample() == ()
    watch.close()


def test_nvidias_driver_tells_its_version_and_its_cards_in_one_order() -> None:
    nvml = TwoCards()
    watch = NvidiaWatch(nvml)

    assert watch.facts() == NvidiaFacts("580.82.07", ("6.1", "12.0"), ("Old", "New"))
    nvml.is_lost = True
    assert watch.facts() == NvidiaFacts()


def test_the_names_of_nvml_that_are_used_exist() -> None:
    import pynvml

    for name in vars(TwoCards):
        assert name.startswith("_") or hasattr(pynvml, name), name


@pytest.mark.gpu
def test_the_watch_sees_memory_heat_and_power_without_taking_video_memory() -> None:
    watch = open_watch()
    before = watch.sample()
    after = watch.sample()
    watch.close()

    assert before
    for sample in after:
        assert 0 < sample.memory_free <= sample.memory_total
        assert os.getpid() not in sample.process_bytes


def test_the_engine_gets_no_secret_and_no_library_path_of_a_frozen_program() -> None:
    environment = {
        "PATH": "/bin",
        "HF_TOKEN": "x",
        "OPENAI_API_KEY": "x",
        "DB_PASSWORD": "x",
        "LD_LIBRARY_PATH": "/tmp/_MEI",
        "LD_LIBRARY_PATH_ORIG": "/usr/local/lib",
        "DYLD_LIBRARY_PATH": "/tmp/_MEI",
    }

    frozen = clean_environment(environment, is_frozen=True)
    plain = clean_environment(environment, is_frozen=False)

    assert frozen == {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/usr/local/lib",
        "PYINSTALLER_RESET_ENVIRONMENT": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    assert plain["LD_LIBRARY_PATH"] == "/tmp/_MEI"
    assert "HF_TOKEN" not in plain


def test_the_engine_is_started_where_this_program_lies() -> None:
    program = EngineProgram.of_this({})

    assert program.command[-1] == "engine"
    assert (Path(program.folder) / "app" / "__main__.py").exists()
