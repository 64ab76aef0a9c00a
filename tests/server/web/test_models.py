"""Laws of what is told about models and the node, without waking anything."""

import msgspec
import pytest

from app.wire.openai.models import ModelList
from tests.server.web.conftest import TOKEN, Web
from tests.server.web.scripted import MODELS


def test_the_list_has_every_model_and_openais_shape(web: Web) -> None:
    response = web.client.get("/v1/models")

    listed = msgspec.json.decode(response.content, type=ModelList)
    assert listed.object == "list"
    assert [model.id for model in listed.data] == list(MODELS)
    assert all((model.object, model.owned_by) == ("model", "local") for model in listed.data)
    assert not web.node.keep_alives, "nothing was leased"


def test_a_loaded_model_shows_the_context_that_requests_may_use(web: Web) -> None:
    model = web.client.get("/v1/models/echo").json()

    assert (model["context_length"], model["max_model_len"]) == (1000, 1000)
    assert model["max_context_length"] == 4096
    assert model["meta"] == {
        "n_ctx": 1000, "n_ctx_train": 4096, "n_params": 8, "n_embd": 4, "n_vocab": 300, "size": 5,
    }  # fmt: skip
    assert model["capabilities"] == ["completion", "chat", "tools"]
    assert model["status"] == {"value": "loaded"}
    assert (model["quantization"], model["type"]) == ("Q4_K_M", "llm")
    assert model["architecture"]["input_modalities"] == ["text"]


def test_an_unloaded_model_shows_what_its_file_promises(web: Web) -> None:
    model = web.client.get("/v1/models/tools").json()

    assert model["context_length"] == 4096
    assert "n_ctx" not in model["meta"]
    assert model["capabilities"] == ["completion", "chat"]
    assert model["status"] == {"value": "unloaded"}


@pytest.mark.parametrize("path", ["/v1/models/Org/Name:Q4", "/models/Org%2FName:Q4"])
def test_a_name_with_a_slash_is_found_and_given_back_as_asked(web: Web, path: str) -> None:
    assert web.client.get(path).json()["id"] == "Org/Name:Q4"


def test_health_is_ok_and_names_what_is_in_memory(web: Web) -> None:
    for path in ("/health", "/v1/health"):
        answer = web.client.get(path).json()

        assert answer["status"] == "ok"
        expected = {"echo": "loaded", "silent": "loaded", "loading": "loading"}
        assert answer["models"].items() >= expected.items()
        assert web.client.head(path).status_code == 200


def test_properties_are_those_of_the_default_model(web: Web) -> None:
    properties = web.client.get("/props").json()

    assert properties["chat_template"] == "{{ messages }}"
    assert properties["default_generation_settings"]["n_ctx"] == 1000
    assert properties["default_generation_settings"]["params"]["temperature"] == 0.8
    assert (properties["total_slots"], properties["model_path"]) == (4, "echo.gguf")
    assert properties["is_sleeping"] is False


def test_properties_wake_nobody(web: Web) -> None:
    properties = web.client.get("/props", params={"model": "tools"}).json()

    assert properties["is_sleeping"] is True
    assert not web.node.keep_alives


def test_tokens_come_alone_or_with_their_pieces(web: Web) -> None:
    plain = web.client.post("/tokenize", json={"content": "aé"})
    pieces = web.client.post("/tokenize", json={"content": "aé", "with_pieces": True})

    assert plain.json() == {"tokens": [97, 195, 169]}
    assert pieces.json()["tokens"] == [
        {"id": 97, "piece": "a"},
        {"id": 195, "piece": [195]},
        {"id": 169, "piece": [169]},
    ]


def test_tokens_become_text_and_unknown_ones_are_refused(web: Web) -> None:
    text = web.client.post("/detokenize", json={"tokens": [104, 105]})
    unknown = web.client.post("/detokenize", json={"tokens": [300]})

    assert text.json() == {"content": "hi"}
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "tokens")


def test_load_and_unload_by_name_need_an_administrator(web: Web, owner: dict[str, str]) -> None:
    for path in ("/models/load", "/models/unload", "/v1/models/unload", "/models//unload"):
        body = {"model": "echo"}

        assert web.client.post(path, json=body).status_code == 401
        assert web.client.post(path, json=body, headers=owner).json() == {"success": True}
    assert web.node.unloaded == ["echo"] * 3


def test_the_front_page_answers_both_ways(web: Web) -> None:
    assert "running" in web.client.get("/").text
    assert web.client.head("/").status_code == 200
    assert web.client.head("/", params={"beta": "true"}).status_code == 200


def test_figures_are_prometheus_text(web: Web) -> None:
    response = web.client.get("/metrics")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE athanor_requests_total counter" in response.text


def test_the_description_is_complete_and_asks_no_foreign_host(web: Web) -> None:
    for path in ("/openapi", "/openapi/openapi.json"):
        response = web.client.get(path)

        paths = response.json()["paths"]
        assert {"/v1/chat/completions", "/v1/embeddings", "/local/state"} <= set(paths)
        assert "http://" not in response.text and "https://" not in response.text


@pytest.mark.parametrize(
    "path", ["/openapi/swagger", "/openapi/redoc", "/schema", "/docs", "/openapi/elements"]
)
def test_there_are_no_pages_that_load_scripts_from_elsewhere(web: Web, path: str) -> None:
    assert web.client.get(path).status_code == 404


def test_no_answer_tells_the_local_token(web: Web, owner: dict[str, str]) -> None:
    for path in ("/local/state", "/metrics", "/openapi", "/props", "/health", "/local/keys"):
        assert TOKEN not in web.client.get(path, headers=owner).text
