"""World: everything that one seed brings, and the run of it."""

from dataclasses import dataclass

from app.core.base.ids import AccountId, Domain, JobId
from app.core.base.units import Micros
from app.core.pool.jobs import happenings as befell
from app.core.pool.jobs.job import JobRequest
from app.core.pool.jobs.rules import JobRules
from app.core.pool.wishes import RouteWishes
from app.wire.engine import Generate
from tests.sim import words
from tests.sim.callers import Caller
from tests.sim.checks import Checks
from tests.sim.clock import SECOND, Clock
from tests.sim.host import SimHost
from tests.sim.liars import LIARS, Character
from tests.sim.market import SHARES, candidate
from tests.sim.network import Socket, Weather, rain
from tests.sim.node import SimNode

RULES = JobRules(
    window_tokens=16,
    extend_below_tokens=8,
    least_tokens=4,
    hold_seconds=30.0,
    renew_seconds=10.0,
    accept_seconds=3.0,
    cold_seconds=8.0,
    stop_seconds=3.0,
    count_seconds=5.0,
)
"""Small windows and short times, so that a short answer meets all of them."""

TROUBLE_UNTIL = 40 * SECOND
END = 400 * SECOND
"""All is quiet long before, or something never ends."""
QUIET_LOOKS_EACH = 2 * SECOND
COMPARE_EACH = 4 * SECOND
RUSH_EACH, RUSH_AT = 8, 3 * SECOND
"""In one world of so many everybody asks at the same moment."""


@dataclass(frozen=True)
class Cast:
    """Who plays the host and the nodes: a test that plants a fault puts a faulty one in place."""

    host: type[SimHost] = SimHost
    node: type[SimNode] = SimNode


CAST = Cast()


@dataclass(frozen=True)
class Outcome:
    """What a run was."""

    seed: int
    steps: int
    jobs: int
    attempts: int
    endings: tuple[str, ...]


class World:
    """One host, a few nodes, a few accounts, and what befalls them."""

    def __init__(self, seed: int, rules: JobRules = RULES, cast: Cast = CAST) -> None:
        self.cast = cast
        self.clock = Clock(seed)
        chance = self.clock.random
        is_calm = self.clock.happens(0.15)
        self.weather = Weather() if is_calm else self._weather()
        self.liar_share = 0.0 if is_calm else chance.choice([0.0, 0.0, 0.3, 0.6])
        accounts: dict[str, AccountId] = {}
        self.host = cast.host(self.clock, rules, accounts)
        self.callers: list[Caller] = []
        self.nodes = [self._node(number) for number in range(chance.randint(2, 5))]
        for node in self.nodes:
            accounts[node.device] = node.account
        self.checks = Checks(self.host, self.nodes, self.callers, calm_at=TROUBLE_UNTIL)
        for account in ("c0", "c1", "c2"):
            amount = chance.choice([0, 60, 300, 5_000, 10**6, 10**6])
            if amount:
                self.host.disk.grant(AccountId(account), amount, self.host.now)
        for node in self.nodes:
            self.clock.after(self.clock.between(0, 3000), node.start)
        is_rush = seed % RUSH_EACH == 0
        for number in range(chance.randint(4, 14)):
            after = self.clock.between(100, 25_000)
            self.clock.after(RUSH_AT if is_rush else after, self._asking(number))
        self.clock.after(COMPARE_EACH, self._compare)
        if not is_calm:
            self._trouble()
        self.clock.at(TROUBLE_UNTIL, self._clear_up)

    def run(self) -> Outcome:
        """To the end. Raises: AssertionError with the invariant that does not hold."""
        looked_at = 0
        while self.clock.now < END and self.clock.step():
            self.checks.after_step()
            if self.clock.now > looked_at + QUIET_LOOKS_EACH:
                looked_at = self.clock.now
                if self.checks.is_quiet():
                    self.checks.when_quiet()
                    if looked_at > TROUBLE_UNTIL + QUIET_LOOKS_EACH:
                        break
        self.checks.when_quiet()
        return Outcome(
            seed=0,
            steps=self.clock.steps,
            jobs=len(self.callers),
            attempts=len(self.host.disk.records),
            endings=tuple(c.end.ending if c.end else "cut off" for c in self.callers),
        )

    # --- what there is ---------------------------------------------------------------------------

    def _weather(self) -> Weather:
        chance = self.clock.random
        return Weather(
            lost=chance.choice([0.0, 0.0, 0.002]),
            doubled=chance.choice([0.0, 0.0, 0.002]),
            swapped=chance.choice([0.0, 0.0, 0.002]),
            cut_each_second=chance.choice([0.0, 0.02, 0.1]),
        )

    def _node(self, number: int) -> SimNode:
        chance = self.clock.random
        character: Character = "honest"
        if self.clock.happens(self.liar_share):
            character = chance.choice(LIARS)
        own = self.clock.happens(0.15)
        return self.cast.node(
            self.clock,
            number,
            account=AccountId("c0" if own else f"w{number}"),
            pool=self.host.key.pool,
            character=character,
            connect=self._connect,
        )

    def _compare(self) -> None:
        """Two nodes that ask each other under seal show what they saw of the host's chain."""
        one, other = self.clock.random.sample(self.nodes, 2)
        if one.is_up and other.is_up:
            self._show(one, other)
            self._show(other, one)
        self.clock.after(COMPARE_EACH, self._compare)

    def _show(self, one: SimNode, other: SimNode) -> None:
        shown = one.chain.checkpoint
        self.clock.after(self.clock.between(20, 500), lambda: other.compare(shown))

    def _connect(self, node: SimNode) -> Socket | None:
        if not self.host.is_up:
            return None
        socket = Socket(self.clock, self.weather)
        self.host.door.accept(socket)
        return socket

    # --- what is asked ---------------------------------------------------------------------------

    def _asking(self, number: int):
        def ask() -> None:
            if not self.host.is_up:
                self.clock.after(SECOND, ask)
                return
            caller = self._caller(number)
            self.callers.append(caller)
            self.host.ask(caller.request, caller)
            if self.clock.happens(0.15):
                self.clock.after(self.clock.between(0, 6000), caller.leave)

        return ask

    def _caller(self, number: int) -> Caller:
        chance = self.clock.random
        key = chance.randrange(10**6)
        length = chance.choice([0, 1, 3, 10, 30, 60, 60, 120])
        mark = chance.choices(["good", "bad", "poison"], [0.9, 0.06, 0.04])[0]
        body = words.prompt(key, length, is_bad=mark == "bad", is_poison=mark == "poison")
        if self.clock.happens(0.2):
            body = Generate(
                request=body.request, prompt=body.prompt, max_tokens=chance.randint(1, 40)
            )
        request = JobRequest(
            job=JobId(f"j{number}"),
            account=AccountId(chance.choice(["c0", "c1", "c2"])),
            domain=Domain("payer"),
            model="words",
            body=body,
            candidates=(candidate(key),),
            shares=SHARES,
            wishes=RouteWishes(trust="own") if self.clock.happens(0.05) else RouteWishes(),
            cost_max=Micros(chance.randint(1, 300)) if self.clock.happens(0.1) else None,
            answers=1 + number % 2,
            expected_tokens=30,
            accepts_partial=self.clock.happens(0.3),
            may_use_own=self.clock.happens(0.3),
            queue_seconds=chance.choice([5.0, 20.0]),
        )
        caller = Caller(request=request, key=key, length=length, mark=mark)
        caller.leave = lambda: self._leave(caller)
        if self.clock.happens(0.1):
            caller.leaves_at = chance.randint(1, 30)
        return caller

    def _leave(self, caller: Caller) -> None:
        if caller.has_left or caller.end is not None or not self.host.is_up:
            return
        caller.has_left = True
        name = caller.request.job
        self.clock.after(0, lambda: self.host.advance(name, befell.CallerLeft()))

    # --- what goes wrong -------------------------------------------------------------------------

    def _trouble(self) -> None:
        chance = self.clock.random
        rain(lambda: list(self.host.door.sockets), self.clock, self.weather)
        for node in self.nodes:
            for _ in range(chance.choice([0, 1, 3])):
                self.clock.after(self.clock.between(1000, 35_000), node.crash)
            for _ in range(chance.choice([0, 2, 5])):
                self.clock.after(self.clock.between(1000, 35_000), node.owner_returns)
        for _ in range(chance.choice([0, 0, 1, 2])):
            self.clock.after(self.clock.between(2000, 35_000), self._kill_host)
        for _ in range(chance.choice([0, 0, 1, 2])):
            self.clock.after(self.clock.between(2000, 35_000), self._jump)
        if self.clock.happens(0.2):
            self.clock.after(self.clock.between(2000, 30_000), self._fill_disk)

    def _kill_host(self) -> None:
        if self.host.is_up:
            self.host.kill()
            self.clock.after(self.clock.between(200, 6000), self.host.start)

    def _jump(self) -> None:
        self.host.offset += self.clock.between(-25_000, 25_000)

    def _fill_disk(self) -> None:
        self.host.disk.is_full = True

        def empty() -> None:
            self.host.disk.is_full = False

        self.clock.after(self.clock.between(200, 6000), empty)

    def _clear_up(self) -> None:
        self.weather.lost = self.weather.doubled = self.weather.swapped = 0.0
        self.weather.cut_each_second = 0.0
        self.host.disk.is_full = False
