"""Shallow: free JSON from a client (schemas, template arguments) is safe to pass on.

What is typed `object` in a Struct was decoded without limits; the engine re-encodes it to msgpack
and hands it to C and Rust code. Nesting past any honest schema and integers past 64 bits are
refused here, where the field can still be named.
"""

from typing import Final

from app.server.web.invalid import invalid

DEPTH_MAX: Final = 64
"""The deepest schemas of real tools are near 20."""


def check_free_json(value: object, field: str) -> None:
    """Raises: RequestError when `value` is nested too deep or holds an integer past 64 bits."""
    level: list[object] = [value]
    for _ in range(DEPTH_MAX):
        deeper: list[object] = []
        for each in level:
            if isinstance(each, dict):
                deeper.extend(each.values())
            elif isinstance(each, list):
                deeper.extend(each)
            elif isinstance(each, int) and not -(2**63) <= each < 2**64:
                raise invalid(field, "an integer is out of range")
        if not deeper:
            return
        level = deeper
    raise invalid(field, f"nested deeper than {DEPTH_MAX}")
