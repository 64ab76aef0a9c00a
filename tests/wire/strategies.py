"""Hypothesis strategies for any wire Struct, drawn from its annotations and their limits.

A Struct that is added to a union is tested without a word here.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@cache
def instances(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of the Struct `kind`."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return st.deferred(
        lambda: st.builds(kind, **{field.name: _field(field) for field in info.fields})
    )


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    make: Callable[[Any], st.SearchStrategy[Any]] | None = _MAKERS.get(type(info))
    assert make is not None, f"no strategy for {info}"
    return make(info)


def _number(info: Any) -> dict[str, Any]:
    low = info.ge if info.ge is not None else info.gt
    high = info.le if info.le is not None else info.lt
    return {"min_value": low, "max_value": high}


def _int(info: inspect.IntType) -> st.SearchStrategy[int]:
    limits = _number(info)
    low, high = limits["min_value"], limits["max_value"]
    return st.integers(-(2**53) if low is None else int(low), 2**53 if high is None else int(high))


def _float(info: inspect.FloatType) -> st.SearchStrategy[float]:
    return st.floats(
        **_number(info),
        exclude_min=info.gt is not None,
        exclude_max=info.lt is not None,
        allow_nan=False,
        allow_infinity=False,
    )


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    return st.text(min_size=info.min_length or 0, max_size=min(info.max_length or 12, 12))


def _list(info: Any) -> st.SearchStrategy[list[Any]]:
    low = info.min_length or 0
    high = max(low, min(info.max_length or 3, 3))
    return st.lists(st.deferred(lambda: _of(info.item_type)), min_size=low, max_size=high)


def _field(field: inspect.Field) -> st.SearchStrategy[Any]:
    """A field with neither need nor default is one that may be UNSET."""
    defaults = (field.default, field.default_factory)
    may_miss = not field.required and all(each is msgspec.NODEFAULT for each in defaults)
    return st.just(msgspec.UNSET) | _of(field.type) if may_miss else _of(field.type)


_MAKERS: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.AnyType: lambda _: JSON,
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.IntType: _int,
    inspect.FloatType: _float,
    inspect.StrType: _text,
    inspect.BytesType: lambda _: st.binary(max_size=12),
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
    inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    inspect.ListType: _list,
    inspect.VarTupleType: lambda info: _list(info).map(tuple),
    inspect.TupleType: lambda info: st.tuples(*[_of(each) for each in info.item_types]),
    inspect.DictType: lambda info: st.dictionaries(
        _of(info.key_type), st.deferred(lambda: _of(info.value_type)), max_size=3
    ),
    inspect.UnionType: lambda info: st.one_of([_of(each) for each in info.types]),
    inspect.Metadata: lambda info: _of(info.type),
    inspect.StructType: lambda info: instances(info.cls),
    inspect.CustomType: lambda info: JSON if info.cls is object else st.nothing(),
}
