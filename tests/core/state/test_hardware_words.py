"""What a first look says of a machine."""

import pytest

from app.core.state.hardware_words import GIB, billions, hardware_words
from app.core.state.node_state import Device

CPU = Device(name="CPU", description="Ryzen", kind="cpu", memory_free=0, memory_total=32 * GIB)
GPU = Device(name="CUDA0", description="RTX 4070", kind="gpu", memory_free=0, memory_total=12 * GIB)


def test_a_gpu_is_named_with_its_memory_and_what_runs_on_it() -> None:
    words = hardware_words([CPU, GPU], cores=8, memory_bytes=32 * GIB)

    assert words.startswith("RTX 4070, 12.0 GiB of GPU memory:")
    assert "about 14 billion parameters wholly on the GPU" in words


def test_several_gpus_are_counted_together() -> None:
    words = hardware_words([GPU, GPU], cores=8, memory_bytes=32 * GIB)

    assert "RTX 4070 and 1 more, 24.0 GiB" in words


def test_a_machine_without_a_gpu_is_told_so() -> None:
    words = hardware_words([CPU], cores=8, memory_bytes=32 * GIB)

    assert "Ryzen, 8 cores, 32.0 GiB of memory, and no GPU" in words


@pytest.mark.parametrize(
    ("quick", "words"),
    [
        (None, "up to about 4 billion parameters answer at a reader's pace"),
        (596_000_000, "up to about 0.6 billion"),
        (14_800_000_000, "up to about 15 billion"),
        (0, "small models answer slower than one reads"),
    ],
)
def test_what_a_processor_does_at_a_readers_pace_is_what_was_measured(
    quick: int | None, words: str
) -> None:
    assert words in hardware_words([CPU], cores=1, memory_bytes=32 * GIB, quick=quick)


def test_devices_that_are_not_listed_yet_are_no_error() -> None:
    assert "2 cores" in hardware_words([], cores=2, memory_bytes=4 * GIB)


def test_the_smallest_machine_runs_something() -> None:
    assert billions(0) == 1
