"""What a stranger's request may say: nothing in it can be a fault of the engine later."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from app.core.base.errors import RequestError
from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.core.scheduling.sequence import Priority
from app.engine import ranges
from app.engine.ranges import check
from app.wire.engine import Generate, Measure, PromptText, Sampling
from app.wire.openai import request as openai
from tests.support.engine_child import EngineChild

PLAIN = Generate(request=RequestId("r"), prompt=PromptText(text="ab"), max_tokens=3)


def sampling(**fields: object) -> dict[str, object]:
    return {"sampling": Sampling(**fields)}  # type: ignore[arg-type]


HOSTILE: dict[str, dict[str, object]] = {
    "top_logprobs": {"top_logprobs": 10**6},
    "choices": {"choices": 10**9},
    "max_tokens": {"max_tokens": -1},
    "stop": {"stop": ("x",) * 10_000},
    "temperature": sampling(temperature=math.nan),
    "top_k": sampling(top_k=2**40),
    "min_keep": sampling(min_keep=-(2**40)),
    "dry_sequence_breakers": sampling(dry_sequence_breakers=("y" * 5000,)),
    "mirostat": sampling(mirostat=3),
    "logit_bias": sampling(logit_bias=((97, math.nan),)),
}


@dataclass(frozen=True)
class Engines:
    worker: EngineChild
    words: EngineChild


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    file = tmp_path_factory.mktemp("toy") / "a.toy"
    file.write_text("{}")
    plan = LoadPlan(context=512, cells=2048)
    with (
        EngineChild(file, plan=plan) as worker,
        EngineChild(file, plan=plan, is_vocabulary_only=True) as words,
    ):
        yield Engines(worker, words)


@pytest.mark.parametrize("field", HOSTILE)
def test_what_is_out_of_range_is_refused_by_its_name_and_harms_nobody(
    engines: Engines, field: str
) -> None:
    wrong = msgspec.structs.replace(PLAIN, request=RequestId(f"bad {field}"), **HOSTILE[field])
    fine = msgspec.structs.replace(PLAIN, request=RequestId(f"good {field}"))
    count = Measure(request=RequestId(f"count {field}"), work=wrong)

    refused = engines.worker.answer(wrong).refused
    counted = engines.words.ask(count).all().refused

    assert (refused.kind, refused.field) == ("invalid_request", field)
    assert (counted.kind, counted.field) == ("invalid_request", field)
    assert engines.worker.answer(fine).text() == "cde"


@pytest.mark.parametrize("name", ranges._SAMPLING)
def test_numbers_without_a_value_are_refused(name: str) -> None:
    wrong = msgspec.structs.replace(PLAIN, sampling=Sampling(**{name: math.nan}))  # type: ignore[arg-type]

    with pytest.raises(RequestError) as raised:
        check(wrong)

    assert raised.value.field == name


def test_the_defaults_are_in_range() -> None:
    check(PLAIN)
    check(msgspec.structs.replace(PLAIN, priority=Priority.GUEST))


def test_a_guest_may_not_have_a_whole_vocabulary_searched_for_long() -> None:
    many = Sampling(dry_sequence_breakers=tuple("abcdefghi"))
    long = Sampling(dry_sequence_breakers=("e" * 41,))
    for sampling in (many, long):
        check(msgspec.structs.replace(PLAIN, sampling=sampling))
        with pytest.raises(RequestError):
            check(msgspec.structs.replace(PLAIN, sampling=sampling, priority=Priority.GUEST))


def test_nothing_is_narrower_than_what_clients_may_say() -> None:
    assert ranges.CHOICES_MAX >= openai.CHOICES_MAX
    assert ranges.TOP_LOGPROBS_MAX >= openai.TOP_LOGPROBS_MAX
    assert ranges.TEXTS_MAX >= openai.STOPS_MAX
    kinds = msgspec.inspect.type_info(openai.SamplingRequest)
    assert isinstance(kinds, msgspec.inspect.StructType)
    seen = 0
    for field in kinds.fields:
        inner = [field.type]
        if isinstance(field.type, msgspec.inspect.UnionType):
            inner = list(field.type.types)
        for kind in inner:
            if field.name in ranges._SAMPLING and hasattr(kind, "ge"):
                least, greatest = ranges._SAMPLING[field.name]
                low = kind.ge if kind.ge is not None else kind.gt
                assert least <= low, field.name
                assert greatest >= kind.le, field.name
                seen += 1
    assert seen == len(ranges._SAMPLING)
