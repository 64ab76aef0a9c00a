"""Laws of names: every usual spelling finds its model, and nothing finds another by accident."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.base.ids import ModelName
from app.core.models.card import ModelCard
from app.core.models.names import (
    Origin,
    key,
    origin_in_ollama,
    origin_of,
    reading_order,
    spellings,
    usual_names,
)
from app.core.models.resolve import Directory, Named, named
from tests.core.models.cards import card


def entry(*folders: str, stem: str, model: ModelCard | None = None) -> Named:
    origin = origin_of(folders, stem)
    quant = origin.quant or (model.quantisation if model else "")
    return named(origin.canonical, spellings(origin, model), quant)


CANONICAL = [
    ((), "Qwen3-8B-Q4_K_M", "qwen3-8b:q4_k_m"),
    ((), "Meta-Llama-3-8B-Instruct.Q4_K_S", "meta-llama-3-8b-instruct:q4_k_s"),
    ((), "gemma-3-4b-it-UD-Q4_K_XL", "gemma-3-4b-it:ud-q4_k_xl"),
    ((), "Model.i1-IQ2_XXS", "model:i1-iq2_xxs"),
    ((), "gpt-oss-20b-mxfp4", "gpt-oss-20b:mxfp4"),
    ((), "tiny_F16", "tiny:f16"),
    ((), "bge-small-en-v1.5-f32", "bge-small-en-v1.5:f32"),
    ((), "phi-4", "phi-4"),
    ((), "My Own Model (v2)", "my-own-model-v2"),
    ((), "Q8_0", "q8_0:q8_0"),
    (("TheBloke", "Mistral-7B-GGUF"), "ggml-model-Q5_0", "mistral-7b:q5_0"),
    (("unsloth", "Qwen3-30B-A3B-GGUF", "BF16"), "Qwen3-30B-A3B-BF16", "qwen3-30b-a3b:bf16"),
    ((), "q4tips", "q4tips"),
]


@pytest.mark.parametrize(("folders", "stem", "expected"), CANONICAL)
def test_a_file_is_listed_by_its_name_and_quantisation(
    folders: tuple[str, ...], stem: str, expected: str
) -> None:
    assert origin_of(folders, stem).canonical == expected


QWEN = Directory([entry("lmstudio-community", "Qwen3-8B-GGUF", stem="Qwen3-8B-Q4_K_M")])

SPELLINGS = [
    "qwen3-8b:q4_k_m",
    "Qwen3-8B:Q4_K_M",
    "QWEN3-8B",
    "qwen3-8b:latest",
    "qwen3:8b",
    "qwen3:8b-q4_K_M",
    "Qwen3 8B",
    "qwen3_8b",
    "Qwen3-8B-Q4_K_M",
    "Qwen3-8B-Q4_K_M.gguf",
    "lmstudio-community/Qwen3-8B-GGUF",
    "lmstudio-community/Qwen3-8B-GGUF:Q4_K_M",
    "lmstudio-community/qwen3-8b@q4_k_m",
    "lmstudio-community/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf",
    "hf.co/lmstudio-community/Qwen3-8B-GGUF:Q4_K_M",
    "https://huggingface.co/lmstudio-community/Qwen3-8B-GGUF",
    "openai/qwen3-8b",
    "lm_studio/lmstudio-community/qwen3-8b@q4_k_m",
    "ollama/qwen3:8b",
    "ollama_chat/qwen3:8b",
    "litellm_proxy/openai/qwen3-8b",
    "user.Qwen3-8B-GGUF",
    "Qwen3-8B-GGUF",
    "qwen3-8b@q4_k_m:2",
    "qwen3-8b:q4",
    "elsewhere/qwen3-8b",
    "  qwen3-8b  ",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_usual_spelling_finds_the_model(spelling: str) -> None:
    assert QWEN.find(spelling) == "qwen3-8b:q4_k_m"


OTHERS = [
    "",
    "qwen3-8b:q8_0",
    "qwen-38b",
    "qwen3-80b",
    "qwen3",
    "gpt-4",
    "qwen3-8b-instruct",
    "/",
    ":",
    "openai/",
    "../../etc/passwd",
]


@pytest.mark.parametrize("spelling", OTHERS)
def test_another_name_finds_nothing(spelling: str) -> None:
    assert QWEN.find(spelling) is None


def test_a_publisher_of_a_providers_name_is_no_provider() -> None:
    directory = Directory(
        [
            entry("openai", "gpt-oss-20b-GGUF", stem="gpt-oss-20b-mxfp4"),
            entry("unsloth", "gpt-oss-20b-GGUF", stem="gpt-oss-20b-Q4_K_M"),
        ]
    )

    assert directory.find("openai/gpt-oss-20b") == "gpt-oss-20b:mxfp4"
    assert directory.find("unsloth/gpt-oss-20b") == "gpt-oss-20b:q4_k_m"


def test_without_a_quantisation_the_one_nearest_to_q4_k_m_is_meant() -> None:
    stems = ["m-7b-Q8_0", "m-7b-Q2_K", "m-7b-Q4_K_M", "m-7b-Q5_K_M"]
    models = [entry(stem=stem) for stem in stems]

    assert Directory(models).find("m-7b") == "m-7b:q4_k_m"
    assert Directory(models[:2] + models[3:]).find("m-7b") == "m-7b:q5_k_m"
    assert Directory(models[:2]).find("m-7b") == "m-7b:q2_k"
    assert Directory(models).find("m-7b:q") == "m-7b:q4_k_m"


def test_a_name_without_quantisation_of_its_own_is_meant_before_others() -> None:
    directory = Directory([entry(stem="m-7b-Q4_K_M"), entry(stem="m-7b")])

    assert directory.find("m-7b") == "m-7b"


def test_a_refused_file_is_meant_only_when_nothing_better_is() -> None:
    broken = named(ModelName("m:q4_k_m"), ["m"], "q4_k_m", is_usable=False)
    whole = named(ModelName("m:q8_0"), ["m"], "q8_0")

    assert Directory([broken, whole]).find("m") == "m:q8_0"
    assert Directory([broken]).find("m") == "m:q4_k_m"


def test_names_that_differ_in_punctuation_alone_are_told_apart_as_written() -> None:
    directory = Directory([entry(stem="a.b"), entry(stem="a-b")])

    assert directory.find("a.b") == "a.b"
    assert directory.find("a-b") == "a-b"
    assert directory.find("A_B") == "a.b"


def test_a_card_adds_what_the_file_calls_itself() -> None:
    described = card("Alchemist's Helper 7B")

    directory = Directory([entry(stem="download", model=described)])

    assert directory.find("alchemist's helper 7b") == "download"
    assert directory.find("download:q4_k_m") == "download"


LIBRARY = Directory(
    [
        entry(stem=stem)
        for stem in (
            "Meta-Llama-3.1-8B-Instruct-Q4_K_M",
            "Qwen3-8B-Q4_K_M",
            "Qwen3-8B-Q8_0",
            "Qwen2.5-Coder-7B-Instruct-Q4_K_M",
            "nomic-embed-text-v1.5.f16",
        )
    ]
)

NEAREST = [
    ("qwen3-8b:q6_k", "qwen3-8b:q4_k_m"),
    ("qwen-8b", "qwen3-8b:q4_k_m"),
    ("llama3.1:8b", "meta-llama-3.1-8b-instruct:q4_k_m"),
    ("qwen2.5-coder", "qwen2.5-coder-7b-instruct:q4_k_m"),
    ("nomic-embed", "nomic-embed-text-v1.5:f16"),
    ("lm_studio/qwn3-8b", "qwen3-8b:q4_k_m"),
]


@pytest.mark.parametrize(("asked", "expected"), NEAREST)
def test_a_name_that_is_nearly_right_brings_the_right_one(asked: str, expected: str) -> None:
    assert LIBRARY.find(asked) is None
    assert LIBRARY.nearest(asked)[0] == expected


@pytest.mark.parametrize("asked", ["", "x", "gpt-4o-mini", "zzzzzzzz", "?"])
def test_a_name_like_none_brings_none(asked: str) -> None:
    assert LIBRARY.nearest(asked) == ()


# --- properties ------------------------------------------------------------------------------

words = st.text(string.ascii_letters + string.digits + "-_. ", min_size=1, max_size=12)
quants = st.sampled_from(["", "-Q4_K_M", ".Q8_0", "_F16", "-IQ3_XXS", "-UD-Q2_K_XL"])
stems = st.tuples(words, quants).map("".join)
folders = st.lists(words, max_size=3)
models = st.lists(st.tuples(folders, stems), min_size=1, max_size=8)


Made = list[tuple[list[str], str]]


def directory_of(made: Made) -> tuple[Directory, dict[str, tuple[list[str], str]]]:
    """A directory, and what each of its names was made of; only the first of equal names."""
    kept: dict[str, tuple[list[str], str]] = {}
    for below, stem in made:
        kept.setdefault(origin_of(below, stem).canonical, (below, stem))
    return Directory(entry(*below, stem=stem) for below, stem in kept.values()), kept


def test_a_list_of_names_is_sorted_as_people_read_it() -> None:
    names = ["qwen3:32b", "qwen3:4b", "Qwen3:8b", "m100", "m2", "m10", "m", "7b", "m2-b"]

    read = ["7b", "m", "m2", "m2-b", "m10", "m100", "qwen3:4b", "Qwen3:8b", "qwen3:32b"]
    assert sorted(names, key=reading_order) == read


@given(st.lists(st.text("aA1٣.-9", max_size=6)))
def test_every_list_of_names_has_one_order(names: list[str]) -> None:
    assert sorted(names, key=reading_order) == sorted(reversed(names), key=reading_order)


@given(made=models)
def test_every_canonical_name_finds_itself_in_any_case(made: Made) -> None:
    directory, found = directory_of(made)

    for name in found:
        assert directory.find(name) == name
        assert directory.find(name.upper()) == name
        assert directory.find(f"{name}:latest") is not None


@given(made=models)
def test_every_spelling_of_a_model_finds_one_that_is_spelled_so(
    made: Made,
) -> None:
    directory, found = directory_of(made)

    for below, stem in found.values():
        for spelling in spellings(origin_of(below, stem)):
            if key(spelling):
                meant = directory.find(spelling)
                assert meant is not None
                assert key(spelling) in entry(*found[meant][0], stem=found[meant][1]).keys


@given(name=st.text(max_size=600), made=models)
def test_any_name_whatever_is_answered(name: str, made: Made) -> None:
    directory, found = directory_of(made)

    assert directory.find(name) in {None, *found}
    nearest = directory.nearest(name)
    assert set(nearest) <= set(found)
    assert len(set(nearest)) == len(nearest) <= 3


@given(one=words, other=words)
def test_the_key_forgets_case_and_punctuation_but_no_letter(one: str, other: str) -> None:
    assume(not any(word in text.lower() for word in ("gguf", "latest") for text in (one, other)))

    assert key(one.upper()) == key(one.lower())
    if key(one) == key(other):
        letters = ["".join(filter(str.isalnum, text.casefold())) for text in (one, other)]
        assert letters[0] == letters[1]


# --- Ollama ----------------------------------------------------------------------------------

ollama_words = st.text(string.ascii_lowercase + string.digits + "-_.", min_size=1, max_size=12)
ollama_names = st.tuples(
    st.sampled_from(["registry.ollama.ai", "hf.co", "reg.example.org:5000"]),
    st.sampled_from(["library", "anna", "unsloth"]),
    ollama_words.filter(lambda word: any(map(str.isalnum, word))),
    st.sampled_from(["latest", "8b", "8b-instruct-q4_K_M", "Q8_0", "v2"]),
)


@given(made=st.lists(ollama_names, min_size=1, max_size=6, unique=True))
def test_what_ollama_calls_a_model_finds_one_that_is_called_so(
    made: list[tuple[str, str, str, str]],
) -> None:
    origins: dict[ModelName, Origin] = {}
    for parts in made:
        origin = origin_in_ollama(*parts)
        origins.setdefault(origin.canonical, origin)
    directory = Directory(
        named(name, spellings(origin), origin.quant) for name, origin in origins.items()
    )

    for name, origin in origins.items():
        assert directory.find(name) == name
        (whole,) = origin.names
        meant = directory.find(whole)
        assert meant is not None
        assert key(whole) in {key(spelling) for spelling in spellings(origins[meant])} | {
            key(reading) for reading in spellings(origin)
        }


@pytest.mark.parametrize(
    ("parts", "canonical", "usual"),
    [
        (("registry.ollama.ai", "library", "qwen3", "8b"), "qwen3:8b", ("qwen3:8b", "qwen3-8b")),
        (("registry.ollama.ai", "anna", "poet", "latest"), "poet", ("anna/poet", "poet")),
        (
            ("hf.co", "unsloth", "Qwen3-8B-GGUF", "Q4_K_M"),
            "qwen3-8b:q4_k_m",
            ("unsloth/Qwen3-8B-GGUF:Q4_K_M", "Qwen3-8B-Q4_K_M"),
        ),
    ],
)
def test_a_model_of_ollama_is_shown_by_the_names_that_people_know(
    parts: tuple[str, str, str, str], canonical: str, usual: tuple[str, ...]
) -> None:
    origin = origin_in_ollama(*parts)

    assert origin.canonical == canonical
    assert usual_names(origin) == usual
