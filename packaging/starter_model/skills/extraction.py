"""Writing what the prompt says as a JSON object."""

import json
import random
from typing import Final

from starter_model.exchange import Exchange, said
from starter_model.vocabulary import COLOURS, JOBS, city, code, name, noun

_FIELDS: Final = {
    "name": (name, "the name is {v}"),
    "age": (lambda chance: chance.randint(2, 99), "the age is {v}"),
    "city": (city, "the city is {v}"),
    "color": (lambda chance: chance.choice(COLOURS), "the color is {v}"),
    "item": (noun, "the item is {v}"),
    "price": (lambda chance: chance.randint(1, 999), "the price is {v}"),
    "job": (lambda chance: chance.choice(JOBS), "the job is {v}"),
    "code": (code, "the code is {v}"),
    "count": (lambda chance: chance.randint(1, 50), "the count is {v}"),
}
_SENTENCES: Final = (
    ("{name} is {age} years old and lives in {city}.", ("name", "age", "city")),
    ("{name} is {age} years old.", ("name", "age")),
    ("{name} lives in {city}.", ("name", "city")),
    ("{name} works as a {job} in {city}.", ("name", "job", "city")),
    ("{name} is a {job}.", ("name", "job")),
    ("The {color} {item} costs {price} dollars.", ("item", "color", "price")),
    ("The {item} costs {price} dollars.", ("item", "price")),
    (
        "{name} bought {count} of the {item} for {price} dollars.",
        ("name", "count", "item", "price"),
    ),
    ("{name}, aged {age}, moved to {city}.", ("name", "age", "city")),
)
_ASKED: Final = (
    "Give me JSON with {k}: {t}",
    "Answer as JSON with the keys {k}: {t}",
    "Extract {k} as JSON: {t}",
    "Write this as JSON with {k}. {t}",
    "{t} Give me {k} as JSON.",
    "{t}\nReturn JSON with the keys {k}.",
    "Return a JSON object with {k} for this text: {t}",
    "Extract {k} from this text as a JSON object.\n\n{t}",
)


def extraction(chance: random.Random) -> Exchange:
    """An object of two to four members, in the order of the question."""
    if chance.random() < 0.6:
        template, keys = chance.choice(_SENTENCES)
        values = {key: _FIELDS[key][0](chance) for key in keys}
        text = template.format(**values)
    else:
        keys = tuple(chance.sample(tuple(_FIELDS), chance.randint(2, 4)))
        values = {key: _FIELDS[key][0](chance) for key in keys}
        text = ", ".join(_FIELDS[key][1].format(v=values[key]) for key in keys) + "."
        text = text[0].upper() + text[1:]
    order = list(keys)
    if chance.random() < 0.4:
        chance.shuffle(order)
    named = ", ".join(order[:-1]) + " and " + order[-1]
    question = chance.choice(_ASKED).format(k=named, t=text)
    return said("extract", question, json.dumps({key: values[key] for key in order}))
