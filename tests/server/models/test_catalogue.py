"""The catalogue that comes with the program: every entry is consistent in itself."""

import re
from pathlib import Path

import pytest

from app.core.downloads.choice import bits_of
from app.core.downloads.safe_names import is_repository, refusal_of
from app.core.downloads.wanted import wanted_of
from app.core.models.verdict import judge
from app.core.models.wishes import Wishes
from app.server.models.catalogue import (
    CatalogueEntry,
    CatalogueFile,
    CatalogueInvalid,
    read_catalogue,
)
from app.server.models.variants import variants_of
from app.settings.assets import assets_folder
from app.wire.download import RemoteFile
from tests.core.models.cards import GIB, cpu, gpu

CATALOGUE = read_catalogue(assets_folder())
ENTRIES = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
FILES = [(entry, file) for entry in CATALOGUE for file in entry.files]
EACH_FILE = pytest.mark.parametrize(
    ("entry", "file"), FILES, ids=[f"{entry.id}:{file.quant}" for entry, file in FILES]
)


def test_it_has_models_of_every_kind_and_from_tiny_to_large() -> None:
    kinds = {kind for entry in CATALOGUE for kind in entry.kinds}
    sizes = [entry.parameters for entry in CATALOGUE]

    assert kinds == {"chat", "coding", "reasoning", "vision", "embedding"}
    assert 30 <= len(CATALOGUE) <= 50
    assert min(sizes) < 500_000_000 and max(sizes) > 100_000_000_000


def test_no_two_entries_have_the_same_id() -> None:
    assert len({entry.id for entry in CATALOGUE}) == len(CATALOGUE)


@ENTRIES
def test_an_entry_can_be_asked_for_by_its_id_and_names_a_repository(entry: CatalogueEntry) -> None:
    assert wanted_of(entry.id).entry == entry.id
    assert is_repository(entry.repository)
    assert re.fullmatch(r"[a-z0-9.-]+", entry.id)


@ENTRIES
def test_an_entry_says_in_one_line_what_it_is_good_for(entry: CatalogueEntry) -> None:
    assert entry.good_for.endswith(".") and "\n" not in entry.good_for
    assert 20 <= len(entry.good_for) <= 100
    assert entry.licence and entry.context >= 2048
    assert entry.active_parameters < entry.parameters


@EACH_FILE
def test_a_size_fits_the_parameters_and_the_quantisation(
    entry: CatalogueEntry, file: CatalogueFile
) -> None:
    if not file.size_bytes:
        assert not file.size_verified
        return

    bits = 8 * file.size_bytes / entry.parameters

    assert 0.75 * bits_of(file.quant) < bits < 1.6 * bits_of(file.quant)


@EACH_FILE
def test_a_file_is_named_so_that_its_quantisation_is_read_from_it(
    entry: CatalogueEntry, file: CatalogueFile
) -> None:
    if not file.name:
        assert not file.size_verified
        return
    listed = RemoteFile(path=file.name, size=file.size_bytes or 1, sha256="a" * 64)

    (variant,), left_out = variants_of(entry.repository, [listed])

    assert refusal_of(file.name) == "" and left_out == ()
    assert variant.quant == file.quant


@EACH_FILE
def test_an_outline_gives_a_verdict_on_machines_of_every_size(
    entry: CatalogueEntry, file: CatalogueFile
) -> None:
    outline = entry.outline(file)
    assert outline is not None

    small = judge(outline, [cpu(4 * GIB, 8 * GIB)], Wishes(), {"CPU": 20e9})
    large = judge(
        outline,
        [cpu(200 * GIB), gpu(140 * GIB)],
        Wishes(),
        {"CPU": 200e9, "CUDA0": 4e12},
    )

    assert large.fits == "wholly"
    assert large.tokens_per_second is None or large.tokens_per_second > 5
    assert small.fits in {"wholly", "not"}
    assert sum(layer.weight_bytes for layer in outline.layers) < outline.size_bytes
    assert bool(outline.expert_bytes) == bool(entry.active_parameters)


def test_a_damaged_catalogue_is_told_and_not_half_read(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text("[[model]]\nid = 3\n")

    with pytest.raises(CatalogueInvalid):
        read_catalogue(tmp_path)
    with pytest.raises(CatalogueInvalid):
        read_catalogue(tmp_path / "nowhere")
