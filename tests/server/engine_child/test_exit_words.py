"""Laws of the words for a child's end."""

import pytest

from app.core.base.errors import (
    AthanorError,
    Busy,
    ContextExceeded,
    EngineFailed,
    InvalidGrammar,
    RequestError,
    TemplateFailed,
    Unsupported,
)
from app.core.base.ids import RequestId
from app.core.models.ladder import Suspicion
from app.server.engine_child.exit_words import read_ending
from app.server.engine_child.refusals import error_of
from app.wire.engine import Refused


@pytest.mark.parametrize(
    ("status", "words", "suspicion"),
    [
        (0, "ended by itself", "crash"),
        (1, "ended with status 1", "crash"),
        (4, "its compute backend failed", "crash"),
        (-9, "was killed (SIGKILL)", "memory"),
        (-6, "crashed in native code (SIGABRT)", "crash"),
        (-11, "crashed in native code (SIGSEGV)", "crash"),
        (-4, "an instruction that this processor does not know", "instruction"),
        (-15, "was ended (SIGTERM)", "crash"),
        (-200, "was ended (signal 200)", "crash"),
        (0xC0000005, "access violation", "crash"),
        (0xC0000017, "ran out of memory", "memory"),
    ],
)
def test_every_status_has_its_words_and_its_suspicion(
    status: int, words: str, suspicion: Suspicion
) -> None:
    ending = read_ending(status, [])

    assert words in ending.reason
    assert ending.suspicion == suspicion


def test_the_last_line_that_names_a_fault_joins_the_words() -> None:
    stderr = [
        "CUDA error: out of memory",
        "loading took 3 s",
        "Fatal Python error: Aborted",
        '  File "loop.py", line 3 in error',
        "",
    ]

    ending = read_ending(-6, stderr)

    assert ending.reason == "crashed in native code (SIGABRT): CUDA error: out of memory"


def test_a_very_long_line_is_cut() -> None:
    assert len(read_ending(-6, ["error " + "x" * 10_000]).reason) < 400


@pytest.mark.parametrize(
    "kind", [RequestError, TemplateFailed, InvalidGrammar, Unsupported, Busy, EngineFailed]
)
def test_a_refusal_becomes_the_error_that_it_was_in_the_engine(kind: type[AthanorError]) -> None:
    refused = Refused(
        request=RequestId("r"), kind=kind.kind, message="why", field="tools", remedy="do this"
    )

    error = error_of(refused)

    assert type(error) is kind
    assert (error.message, error.remedy) == ("why", "do this")
    assert not isinstance(error, RequestError) or error.field == "tools"
    assert not isinstance(error, Busy) or error.retry_after_seconds == 1


def test_a_prompt_that_is_too_long_keeps_its_numbers() -> None:
    error = error_of(
        Refused(
            request=RequestId("r"),
            kind="context_length_exceeded",
            message="",
            prompt_tokens=9,
            context=4,
        )
    )

    assert isinstance(error, ContextExceeded)
    assert (error.prompt_tokens, error.context, error.field) == (9, 4, "messages")


def test_an_unknown_refusal_is_the_engines_failure_and_not_the_callers() -> None:
    error = error_of(Refused(request=RequestId("r"), kind="internal", message="a bug"))

    assert type(error) is EngineFailed
