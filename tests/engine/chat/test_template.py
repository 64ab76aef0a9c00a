"""A chat template is a stranger's program: it may do what templates do, and nothing else."""

import json
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from app.core.base.errors import TemplateFailed
from app.engine.chat.fuel import Limits
from app.engine.chat.template import ChatTemplate
from tests import sdist

SHORT = Limits(seconds=0.4)
SECONDS_MAX = 2.0
"""The limit, and room for one long operation."""


def render(source: str, **variables: object) -> str:
    return ChatTemplate(source).render(variables)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% set l = [] %}{% set _ = l.append(1) %}{{ l }}", "[1]"),
        ("{% for i in [1, 2] %}{% set _ = seen.append(i) %}{% endfor %}{{ seen }}", "[1, 2]"),
        ("{% for i in [1] %}{% set _ = seen.extend([i, 2]) %}{% endfor %}{{ seen }}", "[1, 2]"),
        ("{% set d = {} %}{% set _ = d.update({'a': 1}) %}{{ d }}", "{'a': 1}"),
        ("{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}", "2"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% for i in [1, 2] %}{{ loop.index0 }}{{ loop.last }}{% endfor %}", "0False1True"),
        ("a{% generation %}b{% endgeneration %}c", "abc"),
        ("{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(1) ~ 2 }}", "<1>2"),
        ("{{ {'b': 'é<', 'a': [1]} | tojson }}", '{"b": "é<", "a": [1]}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}", '{"a":2,"b":1}'),
        ("{{ [{'a': 1}] | map(attribute='a') | tojson }}", "[1]"),
        ("{{ strftime_now('%Y-%m-%d') }}", "2026-02-03"),
        ("{{ 'a<b' | safe ~ '&' }}{{ 'x' | e }}", "a<b&x"),
        ("  {% if true %}\n  x\n  {% endif %}\ny", "  x\ny"),
        ("{{ '%s-%5.2f' | format('a', 1.5) }}{{ '{:>3}'.format(7) }}", "a- 1.50  7"),
        ("{{ 'a,b'.split(',')[1].upper() }}{{ ['a', 'b'] | join('+') }}", "Ba+b"),
        ("{{ {'a': 1}.items() | list }}{{ 'x' in 'xy' }}", "[('a', 1)]True"),
        ("{{ missing }}{{ missing is defined }}{{ message.role }}", "Falseuser"),
        ("{{ 123456789 | string }}{{ 1e9 | int }}", "1234567891000000000"),
        ("{{ [3, 1] | sort }}{{ [1, 2] | sum }}{{ 2 ** 3 }}{{ 7 % 4 }}", "[1, 3]383"),
    ],
)
def test_a_template_may_do_what_templates_do(source: str, text: str) -> None:
    template = ChatTemplate(source, now=lambda: datetime(2026, 2, 3))

    shown = template.render({"message": {"role": "user"}, "seen": []})

    assert shown == text


_DOUBLED = "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}"
_DOUBLED += "{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}"
_LETTER_LOOP = "{% set s = 'a' * 8000000 %}{% for i in range(99999) %}"

HOSTILE = {
    "nested loops": "{% for a in range(9999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "exponential macros": "{% macro f(n) %}{{ f(n-1) }}{{ f(n-1) }}{% endmacro %}{{ f(60) }}",
    "endless macros": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "endless loop": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "doubling by ~": "{% set n = namespace(s='ab') %}{% for i in range(60) %}"
    "{% set n.s = n.s ~ n.s %}{% endfor %}",
    "doubling by +": "{% set n = namespace(s='ab') %}{% for i in range(60) %}"
    "{% set n.s = n.s + n.s %}{% endfor %}",
    "doubling a list": "{% set l = [1] %}{% for i in range(99) %}"
    "{% set _ = l.extend(l) %}{% endfor %}",
    "repetition": "{{ 'a' * 10**9 }}",
    "percent width": "{{ '%1000000000d' % 1 }}",
    "percent star": "{{ '%*d' % (10**9, 1) }}",
    "format width": "{{ '{:>1000000000}'.format(1) }}",
    "nested format width": "{{ '{:>{w}}'.format(1, w=1000000000) }}",
    "center": "{{ 'x'.center(10**9) }}",
    "center filter": "{{ 'x' | center(10**9) }}",
    "zfill": "{{ 'x'.zfill(10**9) }}",
    "expandtabs": "{{ '\t'.expandtabs(10**9) }}",
    "indent": "{{ 'a\nb' | indent(10**9) }}",
    "tojson indent": "{{ [1] | tojson(indent=10**9) }}",
    "replace": "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
    "replace filter": "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
    "join": "{{ ('b' * 1000).join(['a'] * 100000) }}",
    "join filter": "{{ (['a'] * 100000) | join('b' * 1000) }}",
    "wordwrap": "{{ ('a ' * 1000000) | wordwrap(1, wrapstring='x' * 1000) }}",
    "batch": "{{ [1] | batch(10**9, 'x') | list }}",
    "slice": "{{ [1] | slice(10**9) | list }}",
    "round": "{{ 1.5 | round(10**9, 'ceil') }}",
    "power": "{{ 9 ** (9 ** 9) }}",
    "squares": "{% set n = namespace(n=9) %}{% for i in range(60) %}"
    "{% set n.n = n.n * n.n %}{% endfor %}",
    "to_bytes": "{{ (1).to_bytes(10**9) }}",
    "punycode": "{{ ('é' * 1000000).encode('punycode') }}",
    "printing what is shared": _DOUBLED + "{{ n.a }}",
    "comparing what is shared": _DOUBLED + "{{ n.a == n.b }}",
    "looking for what is shared": _DOUBLED + "{{ n.a in [n.b] }}",
    "dumping what is shared": _DOUBLED + "{{ n.a | tojson }}",
    "formatting what is shared": _DOUBLED + "{{ '%s' % n.a }}",
    "a list in itself": "{% set l = [1] %}{% set _ = l.append(l) %}{{ l | tojson }}",
    "long output": "{% set x %}{% for i in range(99999) %}"
    + "y" * 10000
    + "{% endfor %}{% endset %}",
    "copying long texts": _LETTER_LOOP + "{% set m = s[1:] %}{% endfor %}",
    "searching long texts": _LETTER_LOOP + "{% set m = 'b' in s %}{% endfor %}",
    "searching long lists": "{% set l = range(99999) | list %}"
    "{% for a in l %}{{ -1 in l }}{% endfor %}",
    "deep brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "many signs": "{{ " + "-" * 50000 + "1 }}",
    "deep blocks": "{% if 1 %}" * 300 + "{% endif %}" * 300,
    "long number": "{{ " + "9" * 6000 + " }}",
    "huge range": "{{ range(10**9) | list }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_template_that_explodes_fails_in_time_and_the_next_one_renders(name: str) -> None:
    begun = time.process_time()  # a busy machine is no finding

    with pytest.raises(TemplateFailed):
        ChatTemplate(HOSTILE[name], limits=SHORT).render({})

    assert time.process_time() - begun < SECONDS_MAX
    assert render("{{ 1 }}") == "1"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ (''|attr('__class__')).__mro__ }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ messages.append.__self__.pop() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ strftime_now.__globals__.os }}",
        "{{ raise_exception.__globals__.os }}",
        "{{ dict.fromkeys([1]) }}",
        "{{ 'a'.translate({97: 'b'}) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends 'x' %}",
        "{{ lipsum(5) }}",
        "{{ open('/etc/passwd') }}",
    ],
)
def test_a_template_cannot_reach_out_of_itself(source: str) -> None:
    with pytest.raises(TemplateFailed):
        render(source, messages=[])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ raise_exception('no such role: ' ~ role) }}", "no such role: owl"),
        ("\n\n{{ role.tail.feather }}", "line 3"),
        ("{% for %}", "Expected an expression"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ missing() }}", "'missing' is undefined"),
    ],
)
def test_a_failure_says_what_the_template_says(source: str, words: str) -> None:
    with pytest.raises(TemplateFailed) as failure:
        render(source, role="owl")

    assert words in failure.value.message
    assert failure.value.field == "messages"


def test_a_template_ends_when_its_time_is_over() -> None:
    ticks: Iterator[float] = iter(range(1_000_000))
    template = ChatTemplate(
        "{% for i in range(99999) %}{{ i }}{% endfor %}",
        clock=lambda: next(ticks),
        limits=Limits(seconds=3),
    )

    with pytest.raises(TemplateFailed, match="longer than 3 seconds"):
        template.render({})


def test_a_template_is_given_what_it_may_change_without_harm() -> None:
    template = ChatTemplate("{% for m in messages %}{{ m.pop('role') }}{% endfor %}")

    first = template.render({"messages": [{"role": "a"}]})
    second = template.render({"messages": [{"role": "a"}]})

    assert first == second == "a"


def test_a_long_conversation_renders_within_the_limits() -> None:
    words = "Where the river bends, the mill stands. " * 50
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"a": words}}}
    turn = [
        {"role": "user", "content": words},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": words, "tool_call_id": "a"},
        {"role": "assistant", "content": words},
    ]
    conversation = turn * 25
    template = ChatTemplate(sdist.template("Qwen-Qwen3-0.6B"))
    assert 150_000 < len(json.dumps(conversation)) < 300_000

    text = template.render({"messages": conversation, "add_generation_prompt": True})

    assert len(text) > 100_000
