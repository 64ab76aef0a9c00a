"""The card of back ends: what can be done with a pack, and which terms a click agrees to."""

from html import unescape

import pytest
from msgspec.structs import replace

from app.server.web.dashboard.drawing import draw
from app.wire.runtime import LicencePicture, PackPicture, RuntimePicture, TrialPicture

INSIDE = PackPicture(
    id="vulkan", title="Vulkan", backend="vulkan", version="0.1", status="inside", is_in_use=True
)
CUDA = PackPicture(
    id="cuda13",
    title="NVIDIA CUDA 13",
    backend="cuda",
    version="1.0",
    status="available",
    is_in_use=False,
    download_bytes=581_000_000,
    installed_bytes=900_000_000,
    licences=(
        LicencePicture(of="CUDA runtime", name="its terms", address="https://example.org/cuda"),
        LicencePicture(of="cuBLAS", name="its <terms>", address="https://example.org/cublas"),
    ),
)


def card(*packs: PackPicture, may_change: bool = True, **changes: object) -> str:
    picture = RuntimePicture(number=1, is_modular=True, build="b1", wish="auto", packs=packs)
    values = {"runtime": replace(picture, **changes), "runtime_trouble": ""}
    return draw("cards/runtimes.html", {**values, "token": "t", "may_change": may_change})


def test_a_pack_that_can_be_had_is_installed_after_its_size_and_terms_were_told() -> None:
    html = card(INSIDE, CUDA)

    assert 'value="install"' in html
    asked = unescape(html.split('hx-confirm="')[1].split('"')[0])
    assert asked == "Download 554 MiB? With it you agree to: CUDA runtime, cuBLAS"
    assert 'href="https://example.org/cublas"' in html
    assert "its &lt;terms&gt;" in html


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("inside", {"use", "test"}),
        ("installed", {"use", "test", "remove"}),
        ("installing", set()),
        ("damaged", {"install", "remove"}),
        ("unusable", {"remove"}),
    ],
)
def test_only_what_can_be_done_with_a_pack_is_offered(status: str, offered: set[str]) -> None:
    html = card(replace(CUDA, status=status, done_bytes=90_000_000)).split("<tbody>")[1]

    rows = html.split("</tbody>")[0]
    assert {each for each in ("install", "use", "test", "remove") if f'"{each}"' in rows} == offered
    assert ("85.8 MiB of 554 MiB" in rows) == (status == "installing")


def test_a_device_that_crashed_under_a_pack_is_switched_off_with_its_reason() -> None:
    trial = TrialPicture(device="RTX 9", is_good=False, reason="it crashed (SIGSEGV)", at=1.0)

    assert "RTX 9: switched off, it crashed (SIGSEGV)" in card(replace(CUDA, trials=(trial,)))


def test_the_pack_that_is_worth_its_download_is_named() -> None:
    advice = "CUDA is usually faster on RTX 9: `athanor runtime install cuda13` downloads 5 bytes."

    assert "faster on RTX 9: <code>athanor runtime install cuda13</code> downloads" in card(
        CUDA, advice=advice
    )


def test_nothing_can_be_ordered_while_an_order_is_under_way_or_by_who_only_reads() -> None:
    for html in (card(CUDA, working_on="installing"), card(CUDA, may_change=False)):
        assert html.count("<button") == html.count(" disabled>")


def test_a_build_without_modules_and_one_that_cannot_be_asked_say_so() -> None:
    assert "packs are of no use" in card(CUDA, is_modular=False)
    assert "no engine" in draw(
        "cards/runtimes.html", {"runtime": None, "runtime_trouble": "no engine answered"}
    )
