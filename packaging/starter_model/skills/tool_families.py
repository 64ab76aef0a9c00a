"""Functions that exercises offer: hand-written families, and ones put together from words."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starter_model.exchange import Tool
from starter_model.vocabulary import (
    CITIES,
    COLOURS,
    FOODS,
    LANGUAGES,
    PLACES,
    city,
    code,
    invented,
    name,
    noun,
)

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: its possible names, its JSON type, and where values come from."""

    names: tuple[str, ...]
    type: str
    value: Callable[[random.Random], object]
    choices: tuple[str, ...] = ()
    """The values of an enum; empty for any."""


@dataclass(frozen=True, slots=True)
class Family:
    """A function under its many names, how users ask for it, and what it answers."""

    names: tuple[str, ...]
    description: str
    parameters: Mapping[str, Parameter]
    asked: tuple[str, ...]
    """With {parameter} where the value goes; one that is not named is optional in the schema."""
    result: Mapping[str, Callable[[random.Random], object]]
    answers: str
    """What the model says of the result, with the members of both."""


@dataclass(frozen=True, slots=True)
class Use:
    """One call: what is asked, what must be called, what comes back, what is said then."""

    subject: str
    """What it is about: two functions of one subject are never offered together."""
    tool: Tool
    question: str
    arguments: Values
    result: str
    answer: str

    @property
    def name(self) -> str:
        """The function's name."""
        function = self.tool["function"]
        assert isinstance(function, dict)
        return str(function["name"])


def _text(*names: str, value: Callable[[random.Random], object]) -> Parameter:
    return Parameter(names, "string", value)


def _number(low: int, high: int) -> Callable[[random.Random], int]:
    return lambda chance: chance.randint(low, high)


def _one_of(*words: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(words)


def _sentence(chance: random.Random) -> str:
    return f"the {noun(chance)} is in the {chance.choice(PLACES)}"


def _time(chance: random.Random) -> str:
    return f"{chance.randint(1, 23)}:{chance.choice(('00', '15', '30', '45'))}"


_CITY = _text("city", "city", "location", "place", "town", value=city)
_UNITS = ("celsius", "fahrenheit")
_PERSON = _text("name", "person", "contact", "recipient", value=name)

FAMILIES: Final = (
    Family(
        ("get_weather", "get_weather", "get_current_weather", "weather", "fetch_weather"),
        "Get the current weather in a city",
        {"city": _CITY, "unit": Parameter(("unit",), "string", _one_of(*_UNITS), _UNITS)},
        (
            "What is the weather in {city}?",
            "What's the weather like in {city}?",
            "How is the weather in {city} today?",
            "weather in {city}",
            "Is it sunny in {city}?",
            "Tell me the weather in {city}.",
            "What is the weather in {city} in {unit}?",
            "How warm is it in {city}, in {unit}?",
        ),
        {"temperature": _number(-9, 39), "condition": _one_of("sunny", "cloudy", "rainy", "windy")},
        "It is {temperature} degrees and {condition} in {city}.",
    ),
    Family(
        ("get_time", "current_time", "get_current_time", "time_in"),
        "Get the current time in a city",
        {"city": _CITY},
        (
            "What time is it in {city}?",
            "What is the time in {city}?",
            "Tell me the time in {city}.",
            "How late is it in {city}?",
        ),
        {"time": _time},
        "It is {time} in {city}.",
    ),
    Family(
        ("add", "add_numbers", "sum", "calculate_sum"),
        "Add two numbers",
        {
            "a": Parameter(("a", "x", "first"), "integer", _number(0, 9999)),
            "b": Parameter(("b", "y", "second"), "integer", _number(0, 9999)),
        },
        (
            "Add {a} and {b}.",
            "What is {a} plus {b}?",
            "What is the sum of {a} and {b}?",
            "What is {a} + {b}?",
        ),
        {"result": _number(0, 19998)},
        "The result is {result}.",
    ),
    Family(
        ("multiply", "multiply_numbers", "product"),
        "Multiply two numbers",
        {
            "a": Parameter(("a", "x", "first"), "integer", _number(0, 999)),
            "b": Parameter(("b", "y", "second"), "integer", _number(0, 999)),
        },
        ("Multiply {a} by {b}.", "What is {a} times {b}?", "What is the product of {a} and {b}?"),
        {"result": _number(0, 99999)},
        "The result is {result}.",
    ),
    Family(
        ("send_message", "send_email", "message", "notify"),
        "Send a message to a person",
        {"person": _PERSON, "text": _text("text", "message", "body", value=_sentence)},
        (
            "Send a message to {person}: {text}",
            'Tell {person} "{text}".',
            "Write to {person} that {text}",
            "Message {person} that {text}",
        ),
        {"status": _one_of("sent", "delivered", "queued")},
        "The message to {person} is {status}.",
    ),
    Family(
        ("set_timer", "start_timer", "timer"),
        "Start a timer",
        {"minutes": Parameter(("minutes", "duration"), "integer", _number(1, 120))},
        (
            "Set a timer for {minutes} minutes.",
            "Start a timer of {minutes} minutes.",
            "Remind me in {minutes} minutes.",
            "timer {minutes} minutes",
        ),
        {"status": _one_of("started", "running", "set")},
        "The timer for {minutes} minutes is {status}.",
    ),
    Family(
        ("translate", "translate_word", "translate_text"),
        "Translate a text into a language",
        {
            "text": _text("text", "word", value=noun),
            "language": _text("language", "target", value=_one_of(*LANGUAGES)),
        },
        (
            "Translate {text} into {language}.",
            "What is {text} in {language}?",
            "How do you say {text} in {language}?",
        ),
        {"translation": invented},
        "{text} in {language} is {translation}.",
    ),
    Family(
        ("get_stock_price", "stock_price", "get_price"),
        "Get the price of a company's stock",
        {"company": _text("company", "symbol", "ticker", value=lambda c: invented(c).capitalize())},
        (
            "What is the stock price of {company}?",
            "How much is the stock of {company}?",
            "Get the stock price of {company}.",
        ),
        {"price": _number(1, 999)},
        "The stock price of {company} is {price}.",
    ),
    Family(
        ("turn_on_light", "set_light", "light_on"),
        "Turn on the light in a room",
        {
            "room": _text("room", value=_one_of(*PLACES)),
            "color": _text("color", value=_one_of(*COLOURS)),
        },
        (
            "Turn on the light in the {room}.",
            "Light on in the {room}, please.",
            "Make the light in the {room} {color}.",
            "Set the {room} light to {color}.",
        ),
        {"status": _one_of("on", "bright", "ready")},
        "The light in the {room} is {status}.",
    ),
    Family(
        ("search_recipes", "find_recipe", "get_recipe"),
        "Find a recipe for a dish",
        {"dish": _text("dish", "query", "food", value=_one_of(*FOODS))},
        ("Find a recipe for {dish}.", "How do I cook {dish}?", "Search for a {dish} recipe."),
        {"title": lambda chance: f"{invented(chance)} {chance.choice(FOODS)}"},
        "I found this recipe: {title}.",
    ),
    Family(
        ("search_web", "web_search", "search"),
        "Search the web",
        {"query": _text("query", "q", value=lambda c: f"{noun(c)} {noun(c)}")},
        ("Search the web for {query}.", "Look up {query} on the web.", "search for {query}"),
        {"title": lambda chance: f"all about the {noun(chance)}"},
        "I found this: {title}.",
    ),
    Family(
        ("book_table", "reserve_table"),
        "Book a table in a restaurant",
        {
            "restaurant": _text("restaurant", value=lambda c: invented(c).capitalize()),
            "people": Parameter(("people", "guests", "count"), "integer", _number(1, 12)),
        },
        (
            "Book a table at {restaurant} for {people} people.",
            "Reserve a table for {people} at {restaurant}.",
        ),
        {"status": _one_of("booked", "confirmed", "waiting")},
        "The table at {restaurant} for {people} is {status}.",
    ),
    Family(
        ("convert_currency", "exchange", "convert"),
        "Convert an amount of money",
        {
            "amount": Parameter(("amount", "value"), "number", _number(1, 9999)),
            "currency": _text("currency", "to", value=_one_of("EUR", "USD", "GBP", "JPY", "CHF")),
        },
        (
            "Convert {amount} dollars to {currency}.",
            "How much is {amount} dollars in {currency}?",
            "Change {amount} dollars into {currency}.",
        ),
        {"result": _number(1, 9999)},
        "{amount} dollars are {result} {currency}.",
    ),
    Family(
        ("play_music", "play_song", "play"),
        "Play a song",
        {"song": _text("song", "title", "track", value=lambda c: f"{noun(c)} {noun(c)}")},
        ("Play the song {song}.", "Play {song}, please.", "I want to hear {song}."),
        {"status": _one_of("playing", "started", "queued")},
        "The song {song} is {status}.",
    ),
    Family(
        ("get_distance", "distance"),
        "Get the distance between two cities",
        {
            "origin": _text("origin", "from", "start", value=_one_of(*CITIES[:30])),
            "destination": _text("destination", "to", "end", value=city),
        },
        (
            "How far is it from {origin} to {destination}?",
            "What is the distance from {origin} to {destination}?",
            "How far is {destination} from {origin}?",
        ),
        {"kilometers": _number(2, 9999)},
        "It is {kilometers} kilometers from {origin} to {destination}.",
    ),
)

_VERBS: Final = {
    "get": ("Get", "Tell me", "What is"),
    "find": ("Find", "Look for"),
    "lookup": ("Look up", "What is"),
    "read": ("Read", "Read me"),
    "check": ("Check", "Please check"),
    "show": ("Show", "Show me"),
    "fetch": ("Fetch", "Please fetch"),
}
_THINGS: Final = (
    "price status address balance score phone_number owner birthday schedule version size weight "
    "color location temperature menu level name rank report"
).split()
_SUBJECTS: Final = {
    "id": code,
    "name": name,
    "city": city,
    "item": noun,
    "user": name,
    "order_id": code,
    "product": noun,
    "team": lambda chance: invented(chance).capitalize(),
    "room": lambda chance: chance.choice(PLACES),
    "key": invented,
}


def use_of_family(chance: random.Random) -> Use:
    """A question for one of the hand-written functions."""
    family = chance.choice(FAMILIES)
    asked = chance.choice(family.asked)
    spelled = {word: chance.choice(each.names) for word, each in family.parameters.items()}
    values = {word: each.value(chance) for word, each in family.parameters.items()}
    properties: dict[str, object] = {}
    required = []
    for word, parameter in family.parameters.items():
        schema: dict[str, object] = {"type": parameter.type}
        if parameter.choices:
            schema["enum"] = list(parameter.choices)
        properties[spelled[word]] = schema
        if all("{" + word + "}" in question for question in family.asked):
            required.append(spelled[word])
    if required != list(properties) and chance.random() < 0.5:
        for word in [word for word in spelled if spelled[word] not in required]:
            if "{" + word + "}" not in asked:
                del properties[spelled[word]]
    result = {word: made(chance) for word, made in family.result.items()}
    arguments = {
        spelled[word]: value for word, value in values.items() if "{" + word + "}" in asked
    }
    answer = family.answers.format(**values, **result)
    return Use(
        family.description,
        _tool(chance.choice(family.names), family.description, properties, required, chance),
        asked.format(**values),
        arguments,
        _result(result, chance),
        answer[0].upper() + answer[1:],
    )


def use_of_made_up(chance: random.Random) -> Use:
    """A question for a function whose name was put together: verb_thing(subject)."""
    verb = chance.choice(tuple(_VERBS))
    thing = chance.choice(_THINGS) if chance.random() < 0.7 else invented(chance)
    parameter = chance.choice(tuple(_SUBJECTS))
    value = _SUBJECTS[parameter](chance)
    spoken = thing.replace("_", " ")
    begun = chance.choice(_VERBS[verb])
    question = f"{begun} the {spoken} of {value}" + ("?" if begun == "What is" else ".")
    description = f"{verb.capitalize()} the {spoken} of a {parameter.replace('_', ' ')}"
    found = chance.choice((code, noun, invented))(chance)
    return Use(
        thing,
        _tool(f"{verb}_{thing}", description, {parameter: {"type": "string"}}, [parameter], chance),
        question,
        {parameter: value},
        _result({chance.choice((thing, "result", "value")): found}, chance),
        f"The {spoken} of {value} is {found}.",
    )


def _tool(
    function: str,
    description: str,
    properties: Mapping[str, object],
    required: list[str],
    chance: random.Random,
) -> Tool:
    words = "" if chance.random() < 0.15 else description + ("." if chance.random() < 0.5 else "")
    return {
        "type": "function",
        "function": {
            "name": function,
            "description": words,
            "parameters": {"type": "object", "properties": properties, "required": required},
        },
    }


def _result(result: Values, chance: random.Random) -> str:
    """What the tool gave: an object, or with one member often only its value."""
    if len(result) == 1 and chance.random() < 0.3:
        return str(next(iter(result.values())))
    return json.dumps(result)
