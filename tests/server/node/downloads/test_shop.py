"""What could be had: search, a repository by one header, the choice, and ordering one."""

from collections.abc import Callable

import pytest

from app.core.base.errors import AccessNeeded, HubUnreachable, RemoteNotFound, RequestError
from app.server.models.catalogue import CatalogueEntry, CatalogueFile
from tests.server.models.assemble import Gguf, Tensor
from tests.server.node.downloads.conftest import Place
from tests.support.hub import Hub

REPOSITORY = "someone/Some-GGUF"
InShop = Callable[..., None]


def model(numbers: int = 64) -> bytes:
    """A valid model whose one layer is larger with `numbers`."""
    file = Gguf()
    file.tensors.append(Tensor("blk.0.ffn_up.weight", (32, numbers)))
    return file.content()


def entry(**files: str) -> CatalogueEntry:
    return CatalogueEntry(
        id="some",
        name="Some",
        kinds=("chat",),
        repository=REPOSITORY,
        parameters=1_000,
        context=2048,
        licence="mit",
        good_for="Tests.",
        files=tuple(CatalogueFile(quant=quant, name=name) for quant, name in files.items()),
    )


def test_a_repository_is_shown_with_a_verdict_on_each_by_one_header(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(REPOSITORY, {"some-Q4_0.gguf": model(64), "some-Q8_0.gguf": model(128)})

    async def act(place: Place) -> None:
        shown = await place.shop.show(REPOSITORY)

        assert [offer.tag for offer in shown.offered.offers] == ["Q4_0", "Q8_0"]
        assert {offer.verdict.fits for offer in shown.offered.offers} == {"wholly"}
        assert [offer.verdict.is_estimate for offer in shown.offered.offers].count(False) == 1
        assert len([asked for asked in hub.asked if asked.range]) == 2

    in_shop(act)


def test_a_header_is_read_once_and_an_answer_is_kept_for_a_while(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"some-Q4_0.gguf": model()})

    async def act(place: Place) -> None:
        await place.shop.show(REPOSITORY)
        asked = len(hub.asked)

        await place.shop.show(REPOSITORY)

        assert len(hub.asked) == asked

    in_shop(act)


def test_an_order_by_catalogue_id_takes_the_best_and_says_why(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"some-Q4_0.gguf": model(64), "some-Q8_0.gguf": model(128)})

    async def act(place: Place) -> None:
        download, why, verdict = await place.shop.order("some")

        assert download.name == f"{REPOSITORY}:Q8_0"
        assert "Q8_0" in why and verdict.fits == "wholly"
        done = await place.until(lambda one: one.status == "done")
        assert done.size == len(model(128))

    in_shop(act, catalogue=(entry(Q4_0="some-Q4_0.gguf", Q8_0="some-Q8_0.gguf"),))


def test_a_quantisation_that_was_asked_for_is_taken_as_it_is(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"some-Q4_0.gguf": model(64), "some-Q8_0.gguf": model(128)})

    async def act(place: Place) -> None:
        download, why, _ = await place.shop.order(f"hf.co/{REPOSITORY}:q4_0")

        assert download.name.endswith(":Q4_0")
        assert "asked for" in why

    in_shop(act)


def test_hostile_names_are_left_out_and_nothing_is_written_elsewhere(
    hub: Hub, in_shop: InShop
) -> None:
    hub.add(
        REPOSITORY,
        {
            "../../../evil-Q4_0.gguf": model(),
            "<script>alert(1)</script>-Q4_0.gguf": model(),
            "fine-Q4_0.gguf": model(),
        },
    )

    async def act(place: Place) -> None:
        shown = await place.shop.show(REPOSITORY)
        assert [offer.files for offer in shown.offered.offers] == [("fine-Q4_0.gguf",)]
        assert len(shown.left_out) == 2

        with pytest.raises(RemoteNotFound):
            await place.shop.order(f"{REPOSITORY}:../../../evil-Q4_0")
        beside = {path.name for path in place.folder.parent.iterdir()}
        assert not list(place.folder.rglob("evil*"))
        assert not {name for name in beside if name.startswith("evil")}

    in_shop(act)


def test_a_file_that_is_no_model_is_shown_as_unknown(hub: Hub, in_shop: InShop) -> None:
    hub.add(REPOSITORY, {"some-Q4_0.gguf": b"<!DOCTYPE html>" + bytes(1000)})

    async def act(place: Place) -> None:
        shown = await place.shop.show(REPOSITORY)

        assert shown.offered.offers[0].verdict.fits == "unknown"

    in_shop(act)


def test_the_catalogue_is_answered_without_asking_anybody(hub: Hub, in_shop: InShop) -> None:
    async def act(place: Place) -> None:
        ((_, offered),) = await place.shop.catalogue()

        verdict = offered.offers[0].verdict
        assert (verdict.fits, verdict.is_estimate) == ("wholly", True)
        assert hub.asked == []
        assert place.shop.outbound.calls() == ()

    in_shop(act, catalogue=(entry(Q4_0="some-Q4_0.gguf"),))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("nothing-like-it", RemoteNotFound),
        ("nobody/Nothing", RemoteNotFound),
        ("https://evil.test/a/b", RequestError),
    ],
)
def test_what_cannot_be_had_is_told(
    hub: Hub, in_shop: InShop, words: str, error: type[Exception]
) -> None:
    async def act(place: Place) -> None:
        with pytest.raises(error):
            await place.shop.order(words)
        assert place.downloads.all() == ()

    in_shop(act)


def test_a_repository_without_models_and_a_gated_one_say_so(hub: Hub, in_shop: InShop) -> None:
    hub.add("a/Empty", {"README.md": b"x"})
    hub.add("a/Gated", {"a-Q4_0.gguf": model()}, is_gated=True)

    async def act(place: Place) -> None:
        with pytest.raises(RemoteNotFound, match="no GGUF"):
            await place.shop.show("a/Empty")
        with pytest.raises(AccessNeeded, match="gated"):
            await place.shop.show("a/Gated")

    in_shop(act)


def test_without_a_network_the_hub_is_unreachable(hub: Hub, in_shop: InShop) -> None:
    hub.status = 502

    async def act(place: Place) -> None:
        with pytest.raises(HubUnreachable):
            await place.shop.search("x")

    in_shop(act)
