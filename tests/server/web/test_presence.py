"""Laws of presence: a client that leaves ends its work; one that waits is told to wait."""

import json
import socket

import pytest

from tests.server.web.conftest import Web

WAIT_SECONDS = 10


def post_raw(web: Web, path: str, body: dict[str, object]) -> socket.socket:
    """A request on a socket that the test reads and closes itself."""
    content = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=WAIT_SECONDS)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What came, up to and with `wanted`."""
    came = b""
    while wanted not in came:
        piece = connection.recv(65536)
        assert piece, f"the connection ended before {wanted!r} came: {came!r}"
        came += piece
    return came


def chat_body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}


def test_who_leaves_in_mid_stream_cancels(web: Web) -> None:
    connection = post_raw(web, "/v1/chat/completions", chat_body("endless", stream=True))
    read_until(connection, b'"content":"hell"')

    connection.close()

    assert web.node.cancelled.wait(WAIT_SECONDS)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", chat_body("silent")),
        ("/v1/chat/completions", chat_body("silent", stream=True)),
        ("/v1/chat/completions", chat_body("loading")),
        ("/v1/chat/completions", chat_body("loading", stream=True)),
        ("/v1/completions", {"model": "silent", "prompt": ["a", "b"]}),
        ("/v1/embeddings", {"model": "silent", "input": "a"}),
        ("/tokenize", {"model": "loading", "content": "a"}),
    ],
)
def test_who_leaves_while_waiting_cancels(web: Web, path: str, body: dict[str, object]) -> None:
    connection = post_raw(web, path, body)
    # The server is single-threaded: when it answers this, it has begun with the other.
    while not web.node.keep_alives:
        web.client.get("/health")

    connection.close()

    assert web.node.cancelled.wait(WAIT_SECONDS)


@pytest.mark.parametrize("model", ["silent", "loading", "endless"])
def test_who_waits_for_a_stream_hears_heartbeats(web: Web, model: str) -> None:
    connection = post_raw(web, "/v1/chat/completions", chat_body(model, stream=True))

    came = read_until(connection, b": keep-alive\n\n")
    came += read_until(connection, b": keep-alive\n\n")

    connection.close()
    assert came.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"text/event-stream" in came


def test_the_node_is_told_of_while_a_model_loads(web: Web) -> None:
    connection = post_raw(web, "/v1/chat/completions", chat_body("loading"))

    response = web.client.get("/v1/models", timeout=1)

    connection.close()
    status = {model["id"]: model["status"] for model in response.json()["data"]}
    assert status["loading"] == {"value": "loading", "progress": 0.3}
