"""Roster: who is connected, what each offers, and what runs where. In memory alone.

A machine counts for dispatch while its session is open, its socket answers and its owner lends.
What runs is what the host gave out, never what a machine says.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final, final

from msgspec.structs import replace

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Microseconds
from app.core.pool.eligibility import Offering
from app.core.pool.jobs.job import Candidate
from app.core.pool.wishes import REGION_LENGTH_MAX, is_within
from app.server.host.offers import Offered
from app.wire.pool import Circle, GoingAway, Heartbeat, OfferedModel, Register

SLOTS_MAX: Final = 256
"""Of one machine and model: a number that is sent is no reason to believe it."""
MODELS_MAX: Final = 512

CircleOf = Callable[[AccountId, AccountId], Circle]
"""The narrowest circle around the first in which the second stands."""


@final
@dataclass(slots=True, eq=False)
class Machine:
    """One device with an open session."""

    device: DeviceId
    account: AccountId
    name: str
    joined_at: Microseconds
    program: str = ""
    sealing_card: bytes = b""
    """Its X25519 key with the device's signature over it."""
    register: Register | None = None
    heartbeat: Heartbeat | None = None
    is_going: bool = False
    """It takes no more work: it sleeps soon, or stops."""
    models: dict[str, OfferedModel] = field(default_factory=dict)
    jobs: dict[JobId, str] = field(default_factory=dict)
    """What the host has it do -> content."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Why it got no work, since it was last told."""

    @property
    def is_lending(self) -> bool:
        """Whether its owner lends now, as far as it has said."""
        return not self.is_going and self.heartbeat is not None and self.heartbeat.is_lending

    def running(self, sha256: str) -> int:
        """Jobs of that content here."""
        return sum(each == sha256 for each in self.jobs.values())


@final
class Roster:
    """The machines of one host. Used by one event loop."""

    def __init__(
        self,
        *,
        circle: CircleOf,
        is_reachable: Callable[[DeviceId], bool],
        listed: Callable[[str], Offered | None],
        now: Callable[[], Microseconds],
    ) -> None:
        """`is_reachable`: a socket is open now. `listed`: a content on the host's list, or None."""
        self._circle, self._is_reachable = circle, is_reachable
        self._listed, self._now = listed, now
        self._machines: dict[DeviceId, Machine] = {}
        self._by_content: dict[str, dict[DeviceId, Machine]] = {}
        self.on_change: Callable[[], None] = _nothing
        """Called when somebody may be able to take work who was not."""

    def __len__(self) -> int:
        return len(self._machines)

    def __iter__(self) -> Iterator[Machine]:
        return iter(tuple(self._machines.values()))

    def get(self, device: DeviceId) -> Machine | None:
        """The machine, if its session is open."""
        return self._machines.get(device)

    # --- what machines say -------------------------------------------------------------------

    def joined(
        self,
        device: DeviceId,
        account: AccountId,
        name: str,
        *,
        sealing_card: bytes = b"",
        program: str = "",
    ) -> Machine:
        """A new session of the device is open."""
        self.left(device)
        machine = Machine(
            device=device,
            account=account,
            name=name,
            joined_at=self._now(),
            sealing_card=sealing_card,
            program=program,
        )
        self._machines[device] = machine
        return machine

    def left(self, device: DeviceId) -> None:
        """Its session is over."""
        machine = self._machines.pop(device, None)
        if machine is not None:
            self._forget_models(machine)

    def registered(self, device: DeviceId, register: Register) -> None:
        """What it offers, whole."""
        machine = self._machines[device]
        self._forget_models(machine)
        machine.register = register
        machine.models = {
            model.sha256: _as_listed(model, listed)
            for model in register.models[:MODELS_MAX]
            if (listed := self._listed(model.sha256)) is not None
        }
        for sha256 in machine.models:
            self._by_content.setdefault(sha256, {})[device] = machine
        self.on_change()

    def look_again(self) -> None:
        """The host's list of models has changed: what machines offer counts by the new one."""
        for machine in self:
            if machine.register is not None:
                self.registered(machine.device, machine.register)

    def gpu_memory(self, device: DeviceId) -> int:
        """Bytes that the machine says it has; 0 without a GPU."""
        machine = self._machines.get(device)
        register = machine.register if machine is not None else None
        return register.gpu_memory_bytes if register is not None else 0

    def context(self, device: DeviceId, sha256: str) -> int:
        """Tokens that the machine says its context of a content has; 0 where it does not offer."""
        machine = self._machines.get(device)
        model = machine.models.get(sha256) if machine is not None else None
        return model.context if model is not None else 0

    def heard(self, device: DeviceId, heartbeat: Heartbeat) -> None:
        """Whether it lends now."""
        machine = self._machines[device]
        could = machine.is_lending
        machine.heartbeat = heartbeat
        machine.is_going &= not heartbeat.is_lending
        if machine.is_lending and not could:
            self.on_change()

    def going_away(self, device: DeviceId, _: GoingAway) -> None:
        """No more work for it until it lends again."""
        self._machines[device].is_going = True

    # --- what runs ---------------------------------------------------------------------------

    def take(self, device: DeviceId, job: JobId, sha256: str) -> None:
        """A job goes there."""
        machine = self._machines.get(device)
        if machine is not None:
            machine.jobs[job] = sha256

    def free(self, device: DeviceId, job: JobId) -> None:
        """A job is over there."""
        machine = self._machines.get(device)
        if machine is not None and machine.jobs.pop(job, None) is not None:
            self.on_change()

    # --- what can be had ---------------------------------------------------------------------

    def contents(self) -> tuple[str, ...]:
        """Every content that some machine offers."""
        return tuple(sha256 for sha256, machines in self._by_content.items() if machines)

    def machines_of(self, sha256: str) -> tuple[Machine, ...]:
        """Those that offer a content."""
        return tuple(self._by_content.get(sha256, {}).values())

    def context_of(self, sha256: str) -> int:
        """The longest context that anybody offers of a content; 0 where nobody does.

        No more than the model was trained on: a number that is sent is no reason to believe it.
        """
        longest = max((m.models[sha256].context for m in self.machines_of(sha256)), default=0)
        listed = self._listed(sha256)
        return min(longest, (listed.context if listed is not None else 0) or longest)

    def has_own(self, account: AccountId, candidates: Iterable[Candidate]) -> bool:
        """Whether a machine of the account could do it for nothing."""
        return any(
            machine.account == account
            for candidate in candidates
            for machine in self.machines_of(candidate.sha256)
        )

    def offerings(self, account: AccountId, sha256: str) -> list[Offering]:
        """A content on every machine that has it, as this account sees them."""
        return [self._offering(machine, account, sha256) for machine in self.machines_of(sha256)]

    def drawn(self, account: AccountId, sha256: str, most: int, chance: Random) -> list[Offering]:
        """The same of at most so many machines: the account's own, and idle ones by chance."""
        machines = self.machines_of(sha256)
        if len(machines) <= most:
            return self.offerings(account, sha256)
        own = [each for each in machines if each.account == account]
        idle = [
            each
            for each in machines
            if each.is_lending and each.running(sha256) < each.models[sha256].slots
        ]
        found = chance.sample(idle, min(most, len(idle))) if idle else machines[:most]
        unique = {each.device: each for each in (*own, *found)}
        return [self._offering(each, account, sha256) for each in unique.values()]

    def _offering(self, machine: Machine, account: AccountId, sha256: str) -> Offering:
        model, register = machine.models[sha256], machine.register
        assert register is not None, "models come by registering"
        # Two circles: whom its owner serves, and whom the caller lets read.
        takes = is_within(self._circle(machine.account, account), register.circle)
        return Offering(
            worker=machine.device,
            account=machine.account,
            name=machine.name,
            sha256=sha256,
            relation=self._circle(account, machine.account),
            takes="anyone" if takes else "own",
            context=model.context,
            slots=min(model.slots, SLOTS_MAX),
            running=machine.running(sha256),
            parameters=model.parameters,
            quantisation=model.quantisation,
            is_embedding=model.is_embedding,
            is_lending=machine.is_lending and self._is_reachable(machine.device),
            is_loaded=model.is_loaded or sha256 in _loaded(machine),
            price_floor=model.price_floor,
            region=register.region[:REGION_LENGTH_MAX].strip().lower(),
            can_seal=bool(machine.sealing_card),
        )

    def _forget_models(self, machine: Machine) -> None:
        for sha256 in machine.models:
            self._by_content[sha256].pop(machine.device, None)
            if not self._by_content[sha256]:
                del self._by_content[sha256]
        machine.models = {}


def _as_listed(model: OfferedModel, listed: Offered) -> OfferedModel:
    """What a machine offers, with the facts of the content as the host's own file has them.

    A machine that calls a model smaller is else guessed to be faster than all others, and one that
    calls it finer is given what only finer ones may have.
    """
    return replace(
        model,
        parameters=listed.facts.parameters,
        quantisation=listed.quantisation,
        is_embedding=listed.is_embedding,
    )


def _loaded(machine: Machine) -> tuple[str, ...]:
    return machine.heartbeat.loaded if machine.heartbeat is not None else ()


def _nothing() -> None:
    """Nobody listens yet."""
