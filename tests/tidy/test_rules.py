"""The floors and nevers hold, and each rule is shown to see a breach."""

import pytest

from tests.tidy import floors, nevers
from tests.tidy.nevers import CATCHES_ALL, RULES, Rule
from tests.tidy.source import ROOT, Module, modules


def _name(rule: Rule) -> str:
    return rule.__name__


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_no_module_of_the_program_breaks_the_rule(rule: Rule) -> None:
    findings = [str(finding) for module in modules("app") for finding in rule(module)]

    assert not findings, f"{RULES[rule]}:\n" + "\n".join(findings)


BREACHES: list[tuple[Rule, str, str]] = [
    (floors.breaches_of_floors, "app/core/x.py", "from app.wire.engine import Start"),
    (floors.breaches_of_floors, "app/server/models/x.py", "def f():\n    import app.server.node.y"),
    (floors.breaches_of_floors, "app/wire/x.py", "from app.core.pool import receipt"),
    (floors.breaches_of_floors, "app/core/ledger/x.py", "from app.core.pool import receipt"),
    (floors.breaches_of_purity, "app/core/pool/x.py", "import time"),
    (floors.breaches_of_floors, "app/client/x.py", "from app.observe import logging"),
    (floors.breaches_of_floors, "app/core/base/x.py", "from ...wire import engine"),
    (floors.breaches_of_apartness, "app/server/node/x.py", "import app.engine.toy"),
    (floors.breaches_of_apartness, "app/cli/x.py", "from app.server.node import hub"),
    (floors.breaches_of_homes, "app/server/node/x.py", "import litestar"),
    (floors.breaches_of_homes, "app/engine/x.py", "from llama_cpp import llama_decode"),
    (floors.breaches_of_homes, "app/cli/x.py", "import unheard_of"),
    (floors.breaches_of_purity, "app/core/x.py", "from time import monotonic"),
    (floors.breaches_of_purity, "app/core/x.py", "import numpy"),
    (nevers.impure_calls_in_core, "app/core/x.py", "open('f')"),
    (nevers.async_outside_its_floors, "app/engine/x.py", "async def f() -> None: ..."),
    (nevers.any_outside_the_bindings, "app/wire/x.py", "from typing import Any"),
    (nevers.catching_everything, "app/cli/x.py", "try: f()\nexcept Exception: pass"),
    (nevers.catching_everything, "app/cli/x.py", "try: f()\nexcept: pass"),
    (nevers.catching_everything, "app/cli/x.py", "try: f()\nexcept (OSError, BaseException): 1"),
    (nevers.printing_outside_the_terminal, "app/server/x.py", "print(1)"),
    (nevers.long_files_and_functions, "app/x.py", "x = 1\n" * 401),
    (nevers.long_files_and_functions, "app/x.py", "def f():\n" + "    x = 1\n" * 60),
    (nevers.modules_without_a_sentence, "app/x.py", "x = 1"),
    (nevers.vague_names, "app/server/utils.py", "'''Drawer.'''"),
    (nevers.vague_names, "app/server/x.py", "class EngineManager: ..."),
    (nevers.unowned_tasks, "app/server/x.py", "asyncio.create_task(f())"),
    (nevers.stripped_asserts, "app/server/x.py", "run([sys.executable, '-O'])"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES)
def test_each_rule_sees_a_breach(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module.of(path, text)))


def test_every_rule_is_shown_a_breach() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(RULES)


ALLOWED: list[tuple[Rule, str, str]] = [
    (floors.breaches_of_floors, "app/server/web/x.py", "from app.server.node.hub import Hub"),
    (floors.breaches_of_floors, "app/core/x.py", "from app.core.base.ids import Slot"),
    (floors.breaches_of_floors, "app/core/pool/x.py", "from app.wire.pool import Hello"),
    (floors.breaches_of_homes, "app/server/web/openai/x.py", "import litestar"),
    (floors.breaches_of_purity, "app/core/x.py", "import msgspec, math"),
    (nevers.catching_everything, "app/cli/x.py", "try: f()\nexcept ValueError: pass"),
    (nevers.catching_everything, "app/cli/x.py", "try: f()\nexcept BaseException: g(); raise"),
    (nevers.modules_without_a_sentence, "app/core/__init__.py", ""),
]


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_a_rule_lets_pass_what_it_does_not_forbid(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Module.of(path, text)))


def test_the_places_that_catch_everything_exist_and_still_do() -> None:
    idle = [
        path
        for path in CATCHES_ALL
        if not (ROOT / path).exists() or "except Exception" not in (ROOT / path).read_text()
    ]

    assert not idle
