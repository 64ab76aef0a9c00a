"""What the committed model shows that random weights cannot: OpenAI's client, greedy, unforced."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletion

from app.server.models.gguf import read_header
from app.server.models.starter import FOLDER, Starter, read_manifest
from app.settings.assets import assets_folder
from tests.support.assets import STARTER
from tests.support.node import running_node

MODEL = assets_folder({}) / FOLDER / f"{STARTER}.gguf"
BYTES_MAX = 12_000_000

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not MODEL.exists(), reason=f"{MODEL.name} is not in this checkout"),
]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
TIMER = {
    "type": "function",
    "function": {
        "name": "set_timer",
        "description": "Start a timer",
        "parameters": {
            "type": "object",
            "properties": {"minutes": {"type": "integer"}},
            "required": ["minutes"],
        },
    },
}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "city": {"type": "string"},
    },
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}
QUESTIONS = (
    "What is this program?",
    "Count from 3 to 9.",
    "What is a credit?",
    "How do I download a model?",
    "Count down from 9 to 3.",
    "The key is in the kitchen. Where is the key?",
    "Hello",
    "How do I share my GPU?",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """A node with an empty library, as on the first day."""
    with (
        running_node(tmp_path_factory.mktemp("trained") / "home") as node,
        openai.OpenAI(base_url=node.base_url, api_key="none", timeout=110) as client,
    ):
        yield client


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def ask(client: openai.OpenAI, *messages: object, **more: object) -> ChatCompletion:
    parameters = {"temperature": 0, "max_tokens": 200, **more}
    answer = client.chat.completions.create(model=STARTER, messages=messages, **parameters)
    assert isinstance(answer, ChatCompletion)
    return answer


def said(client: openai.OpenAI, *messages: object, **more: object) -> str:
    """The content of an answer that came to its own end."""
    choice = ask(client, *messages, **more).choices[0]
    assert choice.finish_reason == "stop", choice
    return choice.message.content or ""


def test_the_file_is_what_its_manifest_says_and_says_what_it_is() -> None:
    starter = Starter(assets_folder({}))
    assert starter.found() is not None, starter.trouble
    manifest = read_manifest(MODEL.parent)
    card = read_header(MODEL)

    assert (manifest.name, manifest.file) == (STARTER, MODEL.name)
    assert manifest.size_bytes <= BYTES_MAX
    assert card.context_trained >= 4096
    assert card.licence
    assert "demonstration" in card.description.lower()
    assert card.has_chat_template


def test_it_is_the_model_of_a_node_without_any(client: openai.OpenAI) -> None:
    (model,) = client.models.list().data

    assert model.id == STARTER


def test_it_says_what_this_program_is_and_ends(client: openai.OpenAI) -> None:
    answer = said(client, user("What is this program?"))

    assert "Athanor" in answer
    assert answer.rstrip().endswith((".", "!"))
    assert len(answer.split()) > 4


def test_it_counts(client: openai.OpenAI) -> None:
    assert said(client, user("Count from 3 to 9.")) == "3, 4, 5, 6, 7, 8, 9."


def test_it_remembers_what_was_said_before(client: openai.OpenAI) -> None:
    first = user("My name is Lena.")
    reply = said(client, first)

    answer = said(client, first, {"role": "assistant", "content": reply}, user("What is my name?"))

    assert "Lena" in answer


@pytest.mark.parametrize("tools", [[WEATHER], [TIMER, WEATHER]], ids=["alone", "beside another"])
def test_a_tool_is_called_and_its_result_becomes_the_answer(
    client: openai.OpenAI, tools: list[object]
) -> None:
    question = user("What is the weather in Lisbon?")

    turn = ask(client, question, tools=tools, tool_choice="auto").choices[0]

    assert turn.finish_reason == "tool_calls"
    (call,) = turn.message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Lisbon"}

    result = json.dumps({"temperature": 17, "condition": "windy"})
    answer = said(
        client,
        question,
        turn.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": result},
        tools=tools,
        tool_choice="auto",
    )

    assert "17" in answer and "windy" in answer


def test_numbers_reach_a_tool_as_numbers(client: openai.OpenAI) -> None:
    turn = ask(client, user("Set a timer for 45 minutes."), tools=[WEATHER, TIMER]).choices[0]

    (call,) = turn.message.tool_calls or ()
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "set_timer",
        {"minutes": 45},
    )


def test_a_question_beside_the_tools_is_answered_in_words(client: openai.OpenAI) -> None:
    answer = said(client, user("Count from 3 to 9."), tools=[WEATHER, TIMER], tool_choice="auto")

    assert answer == "3, 4, 5, 6, 7, 8, 9."


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_stop_string_cuts_and_never_shows(client: openai.OpenAI, is_streamed: bool) -> None:
    messages = [user("Count from 3 to 9.")]
    if is_streamed:
        stream = client.chat.completions.create(
            model=STARTER, messages=messages, temperature=0, stop=[" 7", "9"], stream=True
        )
        answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    else:
        answer = said(client, *messages, stop=[" 7", "9"])

    assert answer == "3, 4, 5, 6,"


def test_an_object_of_a_schema_has_the_values_of_the_prompt(client: openai.OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}

    answer = said(
        client,
        user("Lena is 34 years old and lives in Lisbon. Give me name, age and city as JSON."),
        response_format=form,
    )

    person = json.loads(answer)
    jsonschema.validate(person, PERSON)
    assert person == {"name": "Lena", "age": 34, "city": "Lisbon"}


def test_an_answer_is_the_same_alone_and_among_eight(client: openai.OpenAI) -> None:
    alone = [said(client, user(question)) for question in QUESTIONS]

    with ThreadPoolExecutor(len(QUESTIONS)) as threads:
        together = list(threads.map(lambda question: said(client, user(question)), QUESTIONS))

    assert together == alone
    assert len(set(alone)) == len(QUESTIONS)
