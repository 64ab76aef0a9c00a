"""Allowed: the words that a field of a body takes, found by the field's path.

msgspec says that a word is none of them and not which there are; its types know.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec
from msgspec import inspect
from msgspec.inspect import DictType, ListType, LiteralType, StructType, Type, UnionType

_STEP: Final = re.compile(r"[^.\[\]]+|\[[^\]]*\]")


def allowed_words(kind: type[msgspec.Struct], path: str) -> list[str]:
    """The words for the field at `path`, such as `messages[0].role`; [] where it takes others."""
    places = [_type_of(kind)]
    for step in _STEP.findall(path):
        places = [inner for place in places for inner in _inside(place, step)]
    values = [each for place in places if isinstance(place, LiteralType) for each in place.values]
    return list(dict.fromkeys(each for each in values if isinstance(each, str)))


@cache
def _type_of(kind: type[msgspec.Struct]) -> Type:
    return inspect.type_info(kind)


def _inside(place: Type, step: str) -> Iterator[Type]:
    """What may stand at `step` of a value of this type."""
    match place:
        case StructType(tag_field=name, tag=str(tag)) if name == step:
            yield LiteralType((tag,))
        case StructType(fields=fields):
            for field in fields:
                if field.encode_name == step:
                    yield from _branches(field.type)
        case ListType(item_type=inner) | DictType(value_type=inner) if step.startswith("["):
            yield from _branches(inner)


def _branches(place: Type) -> tuple[Type, ...]:
    """The types of a union; the type itself where it is none."""
    return place.types if isinstance(place, UnionType) else (place,)
