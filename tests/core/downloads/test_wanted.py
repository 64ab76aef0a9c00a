"""What the owner's words for a model mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import RequestError
from app.core.downloads.safe_names import is_repository
from app.core.downloads.wanted import Wanted, wanted_of

REPOSITORY = "Qwen/Qwen3-8B-GGUF"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("qwen3-8b", Wanted(entry="qwen3-8b")),
        ("Qwen3-8B:Q8_0", Wanted(entry="qwen3-8b", tag="Q8_0")),
        (REPOSITORY, Wanted(repository=REPOSITORY)),
        (f"{REPOSITORY}:Q4_K_M", Wanted(repository=REPOSITORY, tag="Q4_K_M")),
        (f"hf.co/{REPOSITORY}:Q4_K_M", Wanted(repository=REPOSITORY, tag="Q4_K_M")),
        (f"https://huggingface.co/{REPOSITORY}/", Wanted(repository=REPOSITORY)),
        (f"hf://{REPOSITORY}", Wanted(repository=REPOSITORY)),
        (
            f"https://huggingface.co/{REPOSITORY}/blob/main/Qwen3-8B-Q8_0.gguf?download=true",
            Wanted(repository=REPOSITORY, tag="Qwen3-8B-Q8_0"),
        ),
        (
            f"https://huggingface.co/{REPOSITORY}/resolve/abc/x/Big-00001-of-00003.gguf",
            Wanted(repository=REPOSITORY, tag="Big", revision="abc"),
        ),
        (f"{REPOSITORY}/Qwen3-8B-Q8_0.gguf", Wanted(repository=REPOSITORY, tag="Qwen3-8B-Q8_0")),
        ("https://mirror.test/a/b", Wanted(repository="a/b")),
    ],
)
def test_a_catalogue_id_a_repository_and_an_address_are_understood(
    words: str, meant: Wanted
) -> None:
    assert wanted_of(words, ("huggingface.co", "hf.co", "mirror.test")) == meant


@pytest.mark.parametrize(
    "words",
    ["", "/", "a/../b", "https://evil.test/a/b", "file:///etc/passwd", "a b/c", "../x", ":q4"],
)
def test_what_names_no_model_of_the_hub_is_refused(words: str) -> None:
    with pytest.raises(RequestError):
        wanted_of(words)


@given(words=st.text(max_size=60))
def test_whatever_is_written_a_repository_that_comes_out_is_a_plain_name(words: str) -> None:
    try:
        meant = wanted_of(words)
    except RequestError:
        return

    assert bool(meant.entry) != bool(meant.repository)
    assert not meant.repository or is_repository(meant.repository)
