"""Which NVIDIA cards the CUDA pack says that it serves: those that its module was compiled for."""

import sys

import pytest

from app.core.runtime.packs import Hardware, Needs, Pack, why_not
from tests.core.runtime.test_packs import HERE, pack
from tests.tidy.source import ROOT

sys.path.insert(0, str(ROOT / "packaging" / "runtime"))

import cuda_architectures  # isort: skip  # scripts of packaging/runtime
from pack import CUDA_NEEDS  # isort: skip


def told(capability: str, needs: Needs = CUDA_NEEDS) -> str:
    """Why the pack is of no use to a machine with this card."""
    made: Pack = pack(needs=needs)
    return why_not(
        made,
        Hardware(
            system=HERE.system,
            build=HERE.build,
            nvidia_driver="610.10",
            compute_capabilities=(capability,),
        ),
    )


@pytest.mark.parametrize(
    ("capability", "cards"),
    [
        ("7.5", "RTX 20, GTX 16"),
        ("8.0", "A100"),
        ("8.6", "RTX 30"),
        ("8.7", "Orin"),
        ("8.9", "RTX 40"),
        ("9.0", "H100, H200"),
        ("10.0", "B200"),
        ("10.3", "B300"),
        ("11.0", "Thor"),
        ("12.0", "RTX 50"),
        ("12.1", "DGX Spark"),
        ("13.0", "of a generation to come"),
    ],
)
def test_every_card_since_the_rtx_20_is_served_blackwell_too(capability: str, cards: str) -> None:
    assert told(capability) == "", cards


@pytest.mark.parametrize("capability", ["5.2", "6.1", "7.0"])
def test_a_card_that_cuda_13_does_not_know_is_too_old(capability: str) -> None:
    assert told(capability) == f"the GPU is too old for it (compute capability {capability})"


def test_without_what_the_driver_compiles_a_generation_between_has_no_code() -> None:
    needs = Needs(compute_capabilities=("8.6", "12.0"))

    assert "no code for the GPU" in told("10.0", needs)
    assert told("8.9", needs) == ""
    assert "too old" in told("7.5", needs)


def test_a_pack_promises_what_the_module_is_compiled_for() -> None:
    promised = {*CUDA_NEEDS.compute_capabilities, *CUDA_NEEDS.compiled_by_driver}
    compiled = {each.partition("-")[0] for each in cuda_architectures.ARCHITECTURES.split(";")}

    assert {each.replace(".", "") for each in promised} == compiled
    assert set(CUDA_NEEDS.compute_capabilities) == {"8.6", "8.9", "12.0"}
