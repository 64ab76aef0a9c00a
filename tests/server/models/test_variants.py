"""Files of a repository as the models that they are, hostile ones left out."""

import pytest

from app.core.base.errors import RemoteNotFound
from app.server.models.variants import FILE_BYTES_MAX, find_variant, variants_of
from app.wire.download import RemoteFile

REPOSITORY = "someone/Some-8B-GGUF"


def remote(path: str, size: int = 10, sha256: str = "a" * 64) -> RemoteFile:
    return RemoteFile(path=path, size=size, sha256=sha256)


def test_each_quantisation_is_a_variant_and_the_parts_of_one_are_together() -> None:
    variants, left_out = variants_of(
        REPOSITORY,
        [
            remote("BF16/Some-8B-BF16-00002-of-00002.gguf", 40),
            remote("BF16/Some-8B-BF16-00001-of-00002.gguf", 50),
            remote("Some-8B-Q4_K_M.gguf", 20),
            remote("Some-8B-UD-Q2_K_XL.gguf", 10),
        ],
    )

    assert [(one.quant, one.size, len(one.files)) for one in variants] == [
        ("UD-Q2_K_XL", 10, 1),
        ("Q4_K_M", 20, 1),
        ("BF16", 90, 2),
    ]
    assert [file.name for file in variants[2].files] == [
        "Some-8B-BF16-00001-of-00002.gguf",
        "Some-8B-BF16-00002-of-00002.gguf",
    ]
    assert left_out == ()


def test_projectors_and_matrices_are_no_models() -> None:
    variants, left_out = variants_of(
        REPOSITORY, [remote("mmproj-F16.gguf"), remote("imatrix.gguf"), remote("a-Q4_0.gguf")]
    )

    assert [one.stem for one in variants] == ["a-Q4_0"]
    assert left_out == ()


@pytest.mark.parametrize(
    "file",
    [
        remote("../../a-Q4_0.gguf"),
        remote("<script>alert(1)</script>-Q4_0.gguf"),
        remote("a\x1b[2J-Q4_0.gguf"),
        remote("a-Q4_0.gguf", sha256=""),
        remote("a-Q4_0.gguf", sha256="../" * 21 + "x"),
        remote("a-Q4_0.gguf", size=0),
        remote("a-Q4_0.gguf", size=FILE_BYTES_MAX + 1),
        remote("a-Q4_0-00001-of-00002.gguf"),
    ],
    ids=repr,
)
def test_what_cannot_be_trusted_or_fetched_is_left_out_with_its_reason(file: RemoteFile) -> None:
    variants, (left_out,) = variants_of(REPOSITORY, [file])

    assert variants == ()
    assert left_out.reason


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("Q4_K_M", "Q4_K_M"),
        ("q4_k_m", "Q4_K_M"),
        ("q4", "Q4_K_M"),
        ("Some-8B-Q8_0.gguf", "Q8_0"),
        ("q2_k_xl", "UD-Q2_K_XL"),
    ],
)
def test_a_tag_means_a_quantisation_in_any_spelling(tag: str, found: str) -> None:
    listed = [remote(f"Some-8B-{quant}.gguf") for quant in ("UD-Q2_K_XL", "Q4_K_M", "Q8_0")]
    variants, _ = variants_of(REPOSITORY, listed)

    assert find_variant(REPOSITORY, variants, tag).quant == found


def test_an_unknown_tag_is_told_with_what_there_is() -> None:
    variants, _ = variants_of(REPOSITORY, [remote("Some-8B-Q8_0.gguf")])

    with pytest.raises(RemoteNotFound) as error:
        find_variant(REPOSITORY, variants, "Q3_K_M")

    assert "Q8_0" in error.value.remedy
