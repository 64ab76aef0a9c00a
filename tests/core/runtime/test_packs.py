"""Which pack is of use where, and why not."""

import msgspec
import pytest
from msgspec.structs import replace

from app.core.runtime.packs import (
    Archive,
    Hardware,
    Needs,
    Pack,
    PackFile,
    PacksManifest,
    newest,
    why_not,
)

HERE = Hardware(
    system="linux-x86_64",
    build="0.3.36-ggml0.25.3",
    nvidia_driver="580.82.07",
    compute_capabilities=("8.6",),
)


def pack(**changes: object) -> Pack:
    file = PackFile(name="libggml-cuda.so", member="libggml-cuda.so", size_bytes=9, sha256="0" * 64)
    archive = Archive(name="cuda13.zip", size_bytes=5, sha256="1" * 64, files=(file,))
    made = Pack(
        name="cuda13",
        version="1.0",
        title="NVIDIA CUDA 13",
        backend="cuda",
        system=HERE.system,
        build=HERE.build,
        archives=(archive,),
        needs=Needs(
            nvidia_driver_min="580.65",
            compute_capabilities=("8.0", "8.6", "12.0"),
            compiled_by_driver=("12.0",),
        ),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("hardware", "reason"),
    [
        (HERE, ""),
        (replace(HERE, compute_capabilities=("6.1", "8.9")), ""),
        (replace(HERE, compute_capabilities=("12.1",)), ""),
        (replace(HERE, compute_capabilities=("13.0",)), ""),
        (replace(HERE, compute_capabilities=("6.1",)), "too old"),
        (replace(HERE, compute_capabilities=("9.0",)), "no code for the GPU"),
        (replace(HERE, compute_capabilities=("7.5", "11.0")), "no code for the GPU"),
        (replace(HERE, compute_capabilities=()), "tells of no GPU"),
        (replace(HERE, nvidia_driver="579.99"), "580.65 or later; 579.99"),
        (replace(HERE, nvidia_driver="580.65"), ""),
        (replace(HERE, nvidia_driver=""), "no NVIDIA driver"),
        (replace(HERE, system="windows-x86_64"), "linux-x86_64"),
        (replace(HERE, build="0.3.37-ggml0.26.0"), "another version"),
    ],
)
def test_a_pack_is_of_use_where_system_build_driver_and_card_fit(
    hardware: Hardware, reason: str
) -> None:
    told = why_not(pack(), hardware)

    assert (told == "") == (reason == "")
    assert reason in told


def test_a_pack_without_needs_asks_for_no_card() -> None:
    assert why_not(pack(needs=Needs()), replace(HERE, nvidia_driver="")) == ""


def test_of_each_pack_the_newest_of_this_build_counts_and_ten_is_more_than_nine() -> None:
    packs = [pack(version="1.9"), pack(version="1.10"), pack(version="2.0", build="another")]

    assert newest(packs, HERE)["cuda13"].version == "1.10"


@pytest.mark.parametrize("name", ["../evil.so", "a/b.so", "..", "", ".hidden", "a\\b", "C:x"])
def test_a_file_that_would_lie_outside_its_folder_is_no_file_of_a_pack(name: str) -> None:
    good = PacksManifest(number=1, issued_at=1, expires_at=2, packs=(pack(),))
    raw = msgspec.json.encode(good).replace(
        b'"name":"libggml-cuda.so"', b'"name":' + msgspec.json.encode(name)
    )

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=PacksManifest)
