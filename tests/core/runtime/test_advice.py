"""Who has a GPU that a pack serves better is told of it, and nobody else."""

import pytest
from msgspec.structs import replace

from app.core.runtime.advice import advice_of
from app.core.runtime.packs import Needs
from tests.core.runtime.test_packs import HERE, pack

CARDS = ("NVIDIA GeForce RTX 3060", "NVIDIA GeForce GTX 1060")
THERE = replace(HERE, compute_capabilities=("8.6", "6.1"), nvidia_cards=CARDS)
OFFERED = (pack(version="1.0"), pack(version="1.1"))


def test_a_pack_for_a_card_that_is_there_is_named_with_its_command_and_its_size() -> None:
    advice = advice_of(wish="auto", offered=OFFERED, installed=(), hardware=THERE)

    assert advice == (
        "CUDA is usually faster than Vulkan on NVIDIA GeForce RTX 3060: "
        "`athanor runtime install cuda13` downloads 5 B."
    )


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("the owner chose", {"wish": "vulkan"}),
        ("it is installed", {"installed": OFFERED[:1]}),
        ("the list has none", {"offered": ()}),
        ("it is for another system", {"offered": (pack(system="windows-x86_64"),)}),
        ("it is for another build", {"offered": (pack(build="another"),)}),
        ("the driver is too old", {"hardware": replace(THERE, nvidia_driver="570.1")}),
        ("no card is served", {"hardware": replace(THERE, compute_capabilities=("6.1", "6.1"))}),
        ("there is no driver", {"hardware": replace(THERE, nvidia_driver=""), "offered": None}),
        ("it names no card", {"offered": (pack(needs=Needs()),)}),
    ],
)
def test_nothing_is_advised_where(what: str, changes: dict[str, object]) -> None:
    known: dict[str, object] = {
        "wish": "auto",
        "offered": OFFERED,
        "installed": (),
        "hardware": THERE,
    }

    assert advice_of(**{**known, **changes}) == "", what  # type: ignore[arg-type]


def test_a_pack_of_another_build_does_not_count_as_installed() -> None:
    old = pack(build="0.3.35-ggml0.24.0")

    assert "install cuda13" in advice_of(
        wish="auto", offered=OFFERED, installed=(old,), hardware=THERE
    )


def test_without_a_list_the_command_that_asks_for_it_is_named() -> None:
    advice = advice_of(wish="auto", offered=None, installed=(), hardware=THERE)

    assert advice == (
        "There may be a pack that is faster on NVIDIA GeForce RTX 3060 and NVIDIA GeForce GTX "
        "1060: `athanor runtime list --look` asks for the list."
    )
