"""A pool of the bundle with itself: a host, a machine that joins it and lends, and a caller."""

from pathlib import Path
from typing import Final

from installed import Failed, Installed, port_of, streamed, until

_MODEL: Final = "athanor-starter"
_LENDING: Final = (
    *("--sharing-mode", "always"),
    *("--sharing-on-battery", "true"),
    *("--sharing-start-delay-seconds", "0"),
)


def join_and_ask(program: Path, folder: Path, model_file: Path, question: str) -> str:
    """The pool's answer. Host and member have homes of their own below `folder`. Raises: Failed."""
    host, member = (Installed(program, folder / name) for name in ("host", "member"))
    for each in (host, member):
        each.home.mkdir()
    host.told("pool", "models", "add", model_file, "--name", _MODEL)
    with host.running("pool", "serve", "--port", "0") as (_, hosting):
        invite = str(host.asked("pool", "invite", "smoke", "--credits", "5", "--no-qr")["text"])
        with member.running("serve", "--port", "0", "--model", str(model_file), *_LENDING):
            joined = member.asked("pool", "join", invite)
            if not joined["is_member"] or joined["account"] != "smoke":
                raise Failed(f"the invite led to {joined}")
            until(lambda: member.asked("pool", "status")["link"] == "connected", "no link")
            until(lambda: _lends(host), f"nobody lends {_MODEL} to the pool")
            key = str(host.asked("pool", "keys", "add", "smoke", "laptop")["secret"])
            text, _ = streamed(port_of(hosting), _MODEL, question, key=key)
            return text


def _lends(host: Installed) -> bool:
    machines = host.asked("pool", "machines", "list")["machines"]
    assert isinstance(machines, list)
    return any(each["is_lending"] and each["models"] for each in machines)
