"""Laws of embeddings: two encodings of the same numbers, inputs in four shapes."""

import base64
import struct

import httpx
import pytest

from tests.server.web.conftest import Web

NUMBERS = struct.unpack("<4f", struct.pack("<4f", 1.0, 2.0, 0.1, -1.0))


def embed(web: Web, text: object, **more: object) -> httpx.Response:
    return web.client.post("/v1/embeddings", json={"model": "echo", "input": text, **more})


def test_numbers_are_the_default(web: Web) -> None:
    answer = embed(web, "ab").json()

    assert answer["object"] == "list"
    assert answer["model"] == "echo"
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": list(NUMBERS)}]
    assert answer["usage"] == {"prompt_tokens": 1, "total_tokens": 1}


def test_base64_says_the_same_numbers(web: Web) -> None:
    encoded = embed(web, "ab", encoding_format="base64").json()["data"][0]["embedding"]

    assert struct.unpack("<4f", base64.b64decode(encoded)) == NUMBERS


@pytest.mark.parametrize(
    ("text", "count"),
    [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2]], 2), (["a"] * 64, 64)],
)
def test_inputs_come_in_four_shapes_and_keep_their_order(
    web: Web, text: object, count: int
) -> None:
    rows = embed(web, text).json()["data"]

    assert [row["index"] for row in rows] == list(range(count))


@pytest.mark.parametrize("text", ["", [""], ["a", ""], [], [[]], [1, "a"], None, ["a"] * 2049])
def test_an_input_of_nothing_is_refused_by_name(web: Web, text: object) -> None:
    response = embed(web, text)

    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("input")


def test_fewer_dimensions_are_asked_of_the_engine_and_more_are_refused(web: Web) -> None:
    fewer, more = embed(web, "a", dimensions=2), embed(web, "a", dimensions=5)

    assert len(fewer.json()["data"][0]["embedding"]) == 2
    assert (more.status_code, more.json()["error"]["param"]) == (400, "dimensions")


def test_an_input_past_the_context_is_a_400_with_the_numbers(web: Web) -> None:
    error = embed(web, "a", model="too-long").json()["error"]

    assert error["code"] == "context_length_exceeded"
    assert (error["n_prompt_tokens"], error["n_ctx"]) == (13392, 8192)
