"""The chat request: `POST /v1/chat/completions`, with messages, tools and output formats."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from app.wire.openai.answer import Answer
from app.wire.openai.request import TOP_LOGPROBS_MAX, CountOrAll, GenerationRequest, Request

TOOLS_MAX: Final = 512

Name = Annotated[str, Meta(min_length=1, max_length=256)]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ContentPart(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a message; only `text` and `refusal` parts can be read by this build."""

    type: str
    text: str | None = None
    refusal: str | None = None


Content = str | list[ContentPart]


class CalledFunction(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A call in an earlier turn. OpenAI sends arguments as JSON text, Ollama as an object."""

    name: Name
    arguments: str | dict[str, object] | None = None


class ToolCall(Request, frozen=True, kw_only=True, omit_defaults=True):
    """One call of an assistant's turn."""

    id: str | None = None
    type: str = "function"
    function: CalledFunction | None = None


class Message(Request, frozen=True, kw_only=True, omit_defaults=True, tag_field="role"):
    """Base of the turns of a conversation; `role` tells them apart."""


class SystemMessage(Message, frozen=True, kw_only=True, omit_defaults=True, tag="system"):
    """Instructions."""

    content: Content
    name: str | None = None


class DeveloperMessage(Message, frozen=True, kw_only=True, omit_defaults=True, tag="developer"):
    """Instructions, by OpenAI's newer word."""

    content: Content
    name: str | None = None


class UserMessage(Message, frozen=True, kw_only=True, omit_defaults=True, tag="user"):
    """What the user says."""

    content: Content
    name: str | None = None


class AssistantMessage(Message, frozen=True, kw_only=True, omit_defaults=True, tag="assistant"):
    """What the model said before. Its reasoning has three spellings among clients."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: CalledFunction | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    audio: object = None


class ToolMessage(Message, frozen=True, kw_only=True, omit_defaults=True, tag="tool"):
    """What a tool answered."""

    content: Content | None
    tool_call_id: str | None = None
    name: str | None = None


class FunctionMessage(Message, frozen=True, kw_only=True, omit_defaults=True, tag="function"):
    """What a function answered, by the older API."""

    content: Content | None
    name: Name


AnyMessage = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


class Function(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A function that the model may call. Arguments are held to `parameters`, strict or not."""

    name: Name
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


class Tool(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A tool; this build knows functions."""

    type: str = "function"
    function: Function | None = None


class NamedFunction(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A function by its name."""

    name: Name


class NamedTool(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A tool by its name."""

    type: str = "function"
    function: NamedFunction | None = None


class AllowedTools(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Only these tools of the list, freely or by force."""

    mode: Literal["auto", "required"]
    tools: list[NamedTool]


class ToolChoice(Request, frozen=True, kw_only=True, omit_defaults=True):
    """One tool by name, or a part of the list."""

    type: Literal["function", "allowed_tools", "custom"] = "function"
    function: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(Request, frozen=True, kw_only=True, omit_defaults=True):
    """OpenAI's wrapper of a schema. The answer is held to it, `strict` or not."""

    name: str | None = None
    description: str | None = None
    schema: dict[str, object] | bool | None = None
    strict: bool | None = None


class ResponseFormat(Request, frozen=True, kw_only=True, omit_defaults=True):
    """The form of the answer: OpenAI's three types, and our `grammar` and `regex`."""

    type: Literal["text", "json_object", "json_schema", "grammar", "regex"]
    json_schema: JsonSchema | None = None
    schema: dict[str, object] | bool | None = None
    """llama.cpp's place for a schema, beside `json_object` and `json_schema`."""
    grammar: Annotated[str, Meta(max_length=1_000_000)] | None = None
    """GBNF or Lark."""
    pattern: Annotated[str, Meta(max_length=1_000_000)] | None = None
    """The regular expression of `regex`."""


class ChatRequest(GenerationRequest, frozen=True, kw_only=True, omit_defaults=True):
    """Every parameter of OpenAI's chat API, and llama.cpp's."""

    messages: Annotated[list[AnyMessage], Meta(min_length=1)]
    max_completion_tokens: CountOrAll | None = None
    tools: Annotated[list[Tool], Meta(max_length=TOOLS_MAX)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[Function], Meta(max_length=TOOLS_MAX)] | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=TOP_LOGPROBS_MAX)] | None = None
    reasoning_effort: ReasoningEffort | None = None
    chat_template_kwargs: dict[str, object] | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None

    # Refused by name when they ask for anything: silence would be a wrong answer.
    modalities: list[str] | None = None
    audio: object = None
    web_search_options: object = None
    moderation: object = None

    # Accepted and ignored: they speak of OpenAI's service, not of the answer.
    metadata: dict[str, object] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: object = None
    prediction: object = None
    verbosity: Literal["low", "medium", "high"] | None = None


class TemplateRequest(ChatRequest, frozen=True, kw_only=True, omit_defaults=True):
    """`POST /apply-template`: a chat request whose prompt is wanted, not its answer."""


class TemplateAnswer(Answer, frozen=True, kw_only=True):
    """The prompt as the model would see it."""

    prompt: str
