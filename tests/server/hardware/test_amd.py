"""Laws of AMD's cards: their figures are read from the driver's files, and matched by memory."""

from pathlib import Path

from app.core.models.plan import DeviceUse
from app.server.hardware.amd import AmdWatch
from app.server.hardware.devices import match
from app.server.hardware.gpu_watch import Both, GpuSample, NoGpu

GIB = 1024**3


def put_card(folder: Path, number: int, vendor: str = "0x1002", **files: object) -> Path:
    """A card as the kernel shows it. Names with `__` lie in the sensors' folder."""
    device = folder / f"card{number}" / "device"
    (device / "hwmon" / "hwmon3").mkdir(parents=True)
    (device / "vendor").write_text(vendor + "\n")
    for name, value in files.items():
        place = device / "hwmon" / "hwmon3" if name.startswith("s_") else device
        (place / name.removeprefix("s_")).write_text(f"{value}\n")
    return device


def test_a_card_tells_memory_use_heat_and_power(tmp_path: Path) -> None:
    put_card(
        tmp_path,
        0,
        mem_info_vram_total=16 * GIB,
        mem_info_vram_used=3 * GIB,
        gpu_busy_percent=37,
        s_temp1_input=61_000,
        s_power1_average=120_000_000,
    )
    put_card(tmp_path, 1, vendor="0x8086")

    watch = AmdWatch(tmp_path)

    assert watch
    assert watch.sample() == (
        GpuSample(
            name="",
            memory_free=13 * GIB,
            memory_total=16 * GIB,
            busy_percent=37.0,
            temperature_celsius=61.0,
            power_watts=120.0,
        ),
    )
    watch.close()


def test_what_a_card_does_not_tell_is_none_and_a_card_that_went_is_left_out(
    tmp_path: Path,
) -> None:
    device = put_card(tmp_path, 0, mem_info_vram_total=GIB, mem_info_vram_used=0)
    watch = AmdWatch(tmp_path)

    (card,) = watch.sample()
    assert (card.busy_percent, card.temperature_celsius, card.power_watts) == (None, None, None)

    (device / "mem_info_vram_used").unlink()
    assert watch.sample() == ()


def test_a_machine_without_amdgpu_has_no_such_watch(tmp_path: Path) -> None:
    assert not AmdWatch(tmp_path)
    assert not AmdWatch(tmp_path / "nothing")


def test_a_sample_without_a_name_is_of_the_card_that_is_as_large() -> None:
    def use(description: str, total: int) -> DeviceUse:
        return DeviceUse(
            name="Vulkan0", description=description, kind="gpu", memory_free=0, memory_total=total
        )

    small, large = (GpuSample(name="", memory_free=1, memory_total=n * GIB) for n in (8, 16))
    listed = [use("RX 7900", 16 * GIB - 200 * 1024**2), use("RTX", 24 * GIB), use("RX", 8 * GIB)]

    assert match(listed, [small, large]) == [large, None, small]


def test_two_watches_are_read_one_after_the_other(tmp_path: Path) -> None:
    put_card(tmp_path, 0, mem_info_vram_total=GIB, mem_info_vram_used=0)
    both = Both(NoGpu(), AmdWatch(tmp_path))

    assert len(both.sample()) == 1
    both.close()
