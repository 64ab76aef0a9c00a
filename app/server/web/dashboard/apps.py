"""Apps: the settings by which other programs find this server, ready to be copied. Pure.

Each is written for one address, model and key, in the form that the program reads; texts of ours
that stand in code are quoted as that language quotes.
"""

import json
import shlex
from collections.abc import Callable
from typing import Final, Literal, final
from urllib.parse import urlsplit

import msgspec

Step = Literal["models", "chat", "stream", "tools"]
"""What a client calls. models: the list. chat: a whole answer. stream: an answer in pieces with its
usage. tools: the same with a tool that the model may call."""


@final
class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How a program gets here."""

    base: str
    """http://127.0.0.1:7117/v1"""
    model: str
    key: str
    context: int
    """Tokens; a guess where the model was never loaded."""


@final
class Snippet(msgspec.Struct, frozen=True):
    """One thing to copy, and where it goes."""

    place: str
    text: str


@final
class App(msgspec.Struct, frozen=True, kw_only=True):
    """One program."""

    name: str
    title: str
    kind: str
    """What it is, in two words."""
    steps: tuple[Step, ...]
    """What it calls, in order: what "Try it" replays."""
    snippets: Callable[[Reach], tuple[Snippet, ...]]
    note: str = ""
    is_in_docker: bool = False
    """It usually runs in a container."""


def _openai_python(to: Reach) -> tuple[Snippet, ...]:
    code = f"""\
from openai import OpenAI

client = OpenAI(base_url={_quoted(to.base)}, api_key={_quoted(to.key)})

stream = client.chat.completions.create(
    model={_quoted(to.model)},
    messages=[{{"role": "user", "content": "Why is the sky blue?"}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
"""
    return (Snippet("In a terminal", "pip install openai"), Snippet("In your program", code))


def _openai_javascript(to: Reach) -> tuple[Snippet, ...]:
    code = f"""\
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: {_quoted(to.base)}, apiKey: {_quoted(to.key)} }});

const stream = await client.chat.completions.create({{
  model: {_quoted(to.model)},
  messages: [{{ role: "user", content: "Why is the sky blue?" }}],
  stream: true,
}});
for await (const chunk of stream) {{
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}}
"""
    return (Snippet("In a terminal", "npm install openai"), Snippet("In your program", code))


def _open_webui(to: Reach) -> tuple[Snippet, ...]:
    base = shlex.quote(f"OPENAI_API_BASE_URL={to.base}")
    key = shlex.quote(f"OPENAI_API_KEY={to.key}")
    # A container's own loopback is not this machine's, unless it has this machine's network.
    is_loopback = urlsplit(to.base).hostname in ("127.0.0.1", "localhost", "::1")
    bridge = "-p 3000:8080 --add-host=host.docker.internal:host-gateway"
    command = f"""\
docker run -d --name open-webui \\
  {"--network=host" if is_loopback else bridge} \\
  -e {base} \\
  -e {key} \\
  -v open-webui:/app/backend/data \\
  ghcr.io/open-webui/open-webui:main
"""
    return (
        Snippet("Admin Settings, Connections, OpenAI API: URL", to.base),
        Snippet("The same place: key", to.key),
        Snippet("Or start it so", command),
    )


def _continue(to: Reach) -> tuple[Snippet, ...]:
    text = f"""\
name: Local
version: 0.0.1
schema: v1
models:
  - name: {_quoted(to.model)}
    provider: openai
    model: {_quoted(to.model)}
    apiBase: {_quoted(to.base)}
    apiKey: {_quoted(to.key)}
    roles: [chat, edit, apply]
    defaultCompletionOptions:
      contextLength: {to.context}
"""
    return (Snippet("~/.continue/config.yaml", text),)


def _cline(to: Reach) -> tuple[Snippet, ...]:
    return (
        Snippet("Settings, API Provider: OpenAI Compatible. Base URL", to.base),
        Snippet("API Key", to.key),
        Snippet("Model ID", to.model),
        Snippet("Model Configuration, Context Window Size", str(to.context)),
    )


def _zed(to: Reach) -> tuple[Snippet, ...]:
    model = {
        "name": to.model,
        "display_name": to.model,
        "max_tokens": to.context,
        "capabilities": {
            "tools": True,
            "images": False,
            "parallel_tool_calls": True,
            "prompt_cache_key": False,
        },
    }
    provider = {"Athanor": {"api_url": to.base, "available_models": [model]}}
    settings = {"language_models": {"openai_compatible": provider}}
    return (
        Snippet("settings.json (command palette: zed: open settings)", _pretty(settings)),
        Snippet("Agent settings, LLM Providers, Athanor: API key", to.key),
    )


def _langchain(to: Reach) -> tuple[Snippet, ...]:
    code = f"""\
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    base_url={_quoted(to.base)},
    api_key={_quoted(to.key)},
    model={_quoted(to.model)},
    stream_usage=True,
)
print(model.invoke("Why is the sky blue?").content)
"""
    return (
        Snippet("In a terminal", "pip install langchain-openai"),
        Snippet("In your program", code),
    )


def _litellm(to: Reach) -> tuple[Snippet, ...]:
    name = f"openai/{to.model}"
    code = f"""\
import litellm

answer = litellm.completion(
    model={_quoted(name)},
    api_base={_quoted(to.base)},
    api_key={_quoted(to.key)},
    messages=[{{"role": "user", "content": "Why is the sky blue?"}}],
)
print(answer.choices[0].message.content)
"""
    proxy = f"""\
model_list:
  - model_name: {_quoted(to.model)}
    litellm_params:
      model: {_quoted(name)}
      api_base: {_quoted(to.base)}
      api_key: {_quoted(to.key)}
"""
    return (Snippet("In your program", code), Snippet("Or in the proxy's config.yaml", proxy))


def _home_assistant(to: Reach) -> tuple[Snippet, ...]:
    return (
        Snippet("Settings, Devices & services, Add integration: Base or server URL", to.base),
        Snippet("API key", to.key),
        Snippet("Model of the conversation agent", to.model),
    )


def _curl(to: Reach) -> tuple[Snippet, ...]:
    body = {"model": to.model, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    command = f"""\
curl {shlex.quote(to.base + "/chat/completions")} \\
  -H {shlex.quote(f"Authorization: Bearer {to.key}")} \\
  -H 'Content-Type: application/json' \\
  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}
"""
    return (Snippet("In a terminal", command),)


APPS: Final = (
    App(
        name="openai-python",
        title="OpenAI SDK, Python",
        kind="library",
        steps=("chat", "stream"),
        snippets=_openai_python,
    ),
    App(
        name="openai-javascript",
        title="OpenAI SDK, JavaScript",
        kind="library",
        steps=("chat", "stream"),
        snippets=_openai_javascript,
        note="Works in Node, Deno and Bun.",
    ),
    App(
        name="open-webui",
        title="Open WebUI",
        kind="chat, web",
        steps=("models", "stream"),
        snippets=_open_webui,
        is_in_docker=True,
        note="It lists the models by itself and shows which are loaded; with the provider type "
        "llama.cpp it can also unload them, by an admin key.",
    ),
    App(
        name="continue",
        title="Continue",
        kind="editor extension",
        steps=("stream", "tools"),
        snippets=_continue,
    ),
    App(
        name="cline",
        title="Cline",
        kind="editor extension",
        steps=("models", "stream"),
        snippets=_cline,
        note="Cline's prompts are long: take a model with 32,000 tokens of context or more.",
    ),
    App(
        name="zed",
        title="Zed",
        kind="editor",
        steps=("stream", "tools"),
        snippets=_zed,
        note="Zed keeps the key in the system's keychain, never in settings.json.",
    ),
    App(
        name="langchain",
        title="LangChain",
        kind="library",
        steps=("chat", "stream"),
        snippets=_langchain,
    ),
    App(
        name="litellm",
        title="LiteLLM",
        kind="library, proxy",
        steps=("chat", "stream"),
        snippets=_litellm,
    ),
    App(
        name="home-assistant",
        title="Home Assistant",
        kind="smart home",
        steps=("models", "tools"),
        snippets=_home_assistant,
        note="Home Assistant's own OpenAI integration knows OpenAI's address alone. From HACS, "
        "Local OpenAI LLM or Extended OpenAI Conversation takes another one. It usually runs on "
        "another machine: choose that above.",
    ),
    App(name="curl", title="curl", kind="terminal", steps=("chat",), snippets=_curl),
)
"""In the order of the page."""


def _quoted(text: str) -> str:
    """As JSON quotes it, which Python, JavaScript and YAML read too."""
    return json.dumps(text, ensure_ascii=False)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
