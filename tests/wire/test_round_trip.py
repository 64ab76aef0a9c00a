"""decode(encode(x)) = x, for every Struct that crosses a process."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import app.wire
from app.wire import download, engine, engine_events, local, remote
from app.wire.framing import FrameReader, encode_frame
from tests.wire.strategies import instances


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(app.wire.__path__, "app.wire."):
        yield importlib.import_module(found.name)


def _structs(*modules: ModuleType) -> list[type[msgspec.Struct]]:
    """The Structs that these modules define, without the bases that have no fields."""
    return [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, msgspec.Struct)
        and each.__module__ == module.__name__
        and each.__struct_fields__
    ]


JSON_STRUCTS = _structs(
    local, remote, *(m for m in _modules() if m.__name__.startswith("app.wire.openai"))
)
PIPE_STRUCTS = _structs(engine, engine_events, download)

quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("kind", JSON_STRUCTS, ids=lambda kind: kind.__name__)
@quick
@given(data=st.data())
def test_json_says_every_struct_of_the_web_without_loss(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    value = data.draw(instances(kind))

    assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value


@pytest.mark.parametrize("kind", PIPE_STRUCTS, ids=lambda kind: kind.__name__)
@quick
@given(data=st.data())
def test_msgpack_says_every_struct_of_the_pipe_without_loss(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    value = data.draw(instances(kind))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind) == value


@pytest.mark.parametrize("union", ["ToEngine", "FromEngine"])
@quick
@given(data=st.data())
def test_the_pipe_gives_back_the_messages_however_it_is_cut(
    union: str, data: st.DataObject
) -> None:
    kinds = get_args(getattr(engine, union))
    messages = data.draw(st.lists(st.one_of([instances(kind) for kind in kinds]), max_size=4))
    stream = b"".join(encode_frame(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader: FrameReader[object] = FrameReader(getattr(engine, union))

    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    received = [message for piece in pieces for message in reader.feed(piece)]

    assert received == messages


def test_there_are_structs_to_test() -> None:
    assert len(JSON_STRUCTS) > 60
    assert len(PIPE_STRUCTS) > 30


@pytest.mark.parametrize(
    "kind",
    [kind for kind in JSON_STRUCTS if kind.__module__.startswith("app.wire.openai")],
    ids=lambda kind: kind.__name__,
)
@quick
@given(data=st.data())
def test_no_repr_shows_what_a_user_or_a_model_said(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    value = data.draw(instances(kind))

    assert repr(value) == str(value) == f"<{kind.__name__}>"
