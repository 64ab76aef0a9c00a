"""PoolCaller: who asks the pool for something, as the host knows them after the door."""

import ipaddress
from typing import final

import msgspec

from app.core.base.errors import Forbidden
from app.core.base.ids import AccountId, DeviceId, Domain, ProjectId
from app.server.storage.pool_keys import PoolScope


@final
class PoolCaller(msgspec.Struct, frozen=True, kw_only=True):
    """An account that asks, by one of its keys or one of its machines."""

    account: AccountId
    project: ProjectId
    who: str
    """"key " and the key's id, or "device " and the device's: never a secret."""
    scopes: tuple[PoolScope, ...] = ("inference", "billing")
    address: str = ""
    """Where it came from; for limits and for usage rows, which drop it after some days."""

    @property
    def key_id(self) -> str | None:
        """The id of the key it came with."""
        kind, _, found = self.who.partition(" ")
        return found if kind == "key" else None

    @property
    def device(self) -> DeviceId | None:
        """The machine that it came by."""
        kind, _, found = self.who.partition(" ")
        return DeviceId(found) if kind == "device" else None

    @property
    def domain(self) -> Domain:
        """Its trust domain: prefixes are shared within an account alone."""
        return Domain(f"account-{self.account}")

    def needs(self, scope: PoolScope) -> None:
        """Raises Forbidden where the key has not this scope."""
        if scope not in self.scopes:
            raise Forbidden(
                f"this needs a key of the scope {scope}",
                remedy="Ask the host of the pool for one: `athanor pool keys add` makes it.",
            )


def place_of(address: str) -> str:
    """What limits by address count: an IPv4 address, or the network of 64 bits that an IPv6 one
    lies in, since a home has all of those.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)
