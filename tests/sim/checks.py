"""The invariants of the pool, looked at after every step. A broken one is an AssertionError.

Numbers are those of the list in docs/pool.md. What is checked against is kept here, apart from what
the product remembers: which token was delivered to whom, and what every receipt claimed. Books are
looked at in book_checks.py, chains in chain_checks.py.
"""

from collections import Counter

from app.core.base.ids import DeviceId, JobId
from app.core.ledger.accounts import user
from app.core.ledger.books import Books
from app.core.ledger.commands import EventId, Settle
from app.core.ledger.pricing import MILLION, Prices
from app.core.ledger.work import Reported
from app.core.pool.jobs.effects import Deliver, End, Record
from app.core.pool.jobs.job import OVER, Attempt, Job
from app.core.pool.jobs.money import hold_id
from app.wire.engine import Delta
from app.wire.pool import Chunk, Finished
from tests.sim import words
from tests.sim.book_checks import BookChecks
from tests.sim.callers import Caller
from tests.sim.chain_checks import ChainChecks
from tests.sim.host import SimHost
from tests.sim.market import PRICES, SHARES
from tests.sim.node import SimNode

PAID_BY_CALLERS = frozenset({"completed", "length", "credit_exhausted", "cancelled"})


class Checks:
    """Hears of everything, and looks after every step."""

    def __init__(
        self, host: SimHost, nodes: list[SimNode], callers: list[Caller], *, calm_at: int
    ) -> None:
        """`calm_at` is when nothing goes wrong any more."""
        self.host, self.nodes, self.callers = host, nodes, callers
        self.books = BookChecks(host)
        self.chains = ChainChecks(host, nodes, calm_at=calm_at)
        self.told: dict[JobId, list[int]] = {}
        self.told_by: Counter[tuple[JobId, int]] = Counter()
        self.last: dict[JobId, Job] = {}
        self.said: dict[tuple[JobId, DeviceId, int], set[int]] = {}
        """Job, worker, place -> what the worker said that the token is."""
        self.claims: dict[tuple[JobId, int], Reported] = {}
        """What the receipts say that the host took."""
        self._settled = 0
        self._quiet_at: tuple[object, ...] = ()
        """How everything stood when it was last looked at in full."""
        host.on_deliver = self.delivered
        host.on_claim = self.claimed
        host.on_end = self.ended
        host.on_advance = self.advanced
        host.on_chunk = self.heard

    # --- while it happens ------------------------------------------------------------------------

    def advanced(self, before: Job, after: Job) -> None:
        """3, 5, 11: ranges are disjoint, a mistake of the client is tried by two at most."""
        name = after.request.job
        self.last[name] = after
        if after.phase in OVER:
            self._check_pay(after)
        if after.attempts is before.attempts:
            return
        end = 0
        for attempt in after.attempts:
            assert attempt.first >= end, f"5: {name} attempt {attempt.number} overlaps another"
            end = attempt.stop
        for attempt in after.attempts[:-1]:
            assert attempt.end not in (None, "completed", "cancelled"), f"11: {name}"
        refused = [attempt for attempt in after.attempts if attempt.end == "refused"]
        assert len(refused) <= 2 and refused[1:] in ([], [after.attempts[-1]]), f"11: {name}"
        if len(after.attempts) > len(before.attempts):
            assert after.attempts[-1].first == after.delivered, f"3: {name} leaves tokens out"
            self._tell_spies(after)

    def _check_pay(self, job: Job) -> None:
        """15: what an honest worker delivered to another is paid, however the job ended."""
        name = job.request.job
        for attempt in job.attempts:
            is_own = attempt.placement.account == job.request.account
            if is_own or self._node(attempt.placement.worker).character != "honest":
                continue
            told = words.canonical(attempt.tokens[: self.told_by[name, attempt.number]])
            due = PRICES.exactly(answer=told) * SHARES.worker // 100 // MILLION
            given = self.host.disk.earned(name, attempt.number)
            assert given >= due, f"15: {name}/{attempt.number} told {told} and earned {given}"

    def heard(self, device: DeviceId, chunk: Chunk) -> None:
        """What a worker says of which place, before the product looks at it."""
        for offset, token in enumerate(chunk.tokens):
            place = (chunk.job, device, chunk.first + offset)
            self.said.setdefault(place, set()).add(token)

    def delivered(self, job: Job, deliver: Deliver) -> None:
        """3, 15: each token once and in order, of an attempt in the books, within the hold."""
        name = job.request.job
        told = self.told.setdefault(name, [])
        last = job.attempts[-1]
        for event in deliver.events:
            if isinstance(event, Delta):
                for token in event.token_ids:
                    said = self.said.get((name, last.placement.worker, len(told)), set())
                    assert token in said, f"5: {name} token {len(told)} was said for another place"
                    told.append(token)
                self.told_by[name, last.number] += len(event.token_ids)
        assert told == list(job.answer), f"3: {name} was told otherwise than the job remembers"
        record = EventId(f"{hold_id(job)}/attempt/{last.number}")
        assert record in self.host.disk.records, f"15: {name} was told before it was recorded"
        hold = self.host.disk.books.hold(hold_id(job))
        if job.is_free:
            assert last.placement.circle == "own", f"2: {name} is worked on for nothing"
            return
        assert hold is not None
        own = sum(self.told_by[name, a.number] for a in job.attempts if _is_own(a))
        prompt = 0 if all(_is_own(a) for a in job.attempts) else job.candidate.prompt_tokens
        worth = PRICES.cost(prompt=prompt, answer=len(told) - own)
        assert worth <= hold.granted, f"2: {name} was told more than is held for it"
        assert job.request.cost_max is None or hold.granted <= job.request.cost_max

    def claimed(self, device: DeviceId, frame: Finished, reported: Reported) -> None:
        """What a receipt says that the host took, of an attempt that this device was asked for."""
        self.chains.accepted(device, frame)
        if any(
            (record.attempt, record.worker) == (frame.attempt, device)
            for record in self.host.disk.records_of(frame.job)
        ):
            self.claims.setdefault((frame.job, frame.attempt), reported)

    def ended(self, end: End) -> None:
        """3, 11: the last that a caller hears: what it paid, or why it was refused."""
        name = end.job
        if end.ending in ("completed", "length"):
            assert not end.kind, f"11: {name} ended {end.ending} and {end.kind}"
        elif end.ending not in {"credit_exhausted", "cancelled"}:
            is_told = end.message or (end.needed is not None and end.available is not None)
            assert end.kind and is_told, f"11: {name} ended {end.ending} without a word"
        if end.cost is not None:
            settle = self.host.disk.settles.get(name)
            payer = user(self._caller(name).request.account)
            paid = -sum(p.amount for p in settle.postings if p.account == payer) if settle else 0
            assert end.cost == paid, f"3: {name} was told {end.cost} and paid {paid}"
        self._check_told_counts(end)

    def _check_told_counts(self, end: End) -> None:
        """3: the tokens that a caller is told are those of its cost."""
        job = self.last.get(end.job)
        if end.cost is None or end.ending not in PAID_BY_CALLERS or job is None:
            return
        if any(_is_own(attempt) for attempt in job.attempts):
            return
        told = PRICES.cost(
            prompt=end.prompt_tokens, cached=end.cached_tokens, answer=end.answer_tokens
        )
        due = min(told, job.held)
        assert end.cost == due, f"3: {end.job} costs {end.cost}, its tokens {told} of {job.held}"

    def after_step(self) -> None:
        """1 to 6, 12, 15: all that the step has changed."""
        self.books.after_step()
        self.chains.after_step()
        settles = self.host.disk.settles
        if len(settles) > self._settled:
            for name in list(settles)[self._settled :]:
                self._check_settle(name, settles[name], self.host.disk.books)
            self._settled = len(settles)

    def _check_settle(self, name: JobId, settle: Settle, books: Books) -> None:
        """3, 5: what is paid is what was delivered, once, at the price that was agreed."""
        hold = books.hold(settle.hold)
        assert hold is not None
        charge = -sum(p.amount for p in settle.postings if p.account == hold.account)
        assert 0 <= charge <= hold.granted, f"2: {name} costs more than was held"
        job = self.last.get(name)
        if job is None or job.settlement is None or job.settlement.postings != settle.postings:
            self._check_recovered(name, settle, charge)
            return
        told = len(self.told.get(name, []))
        key = self._caller(name).key
        most = _worth(PRICES, words.prompt_tokens(key), told + _beyond(job))
        assert charge * MILLION <= most + MILLION // 2, f"3: {name} costs {charge}, told {told}"
        earned = Counter[int]()
        for posting in settle.postings:
            if posting.attempt is not None:
                assert posting.account != hold.account, f"{name}: own devices are free"
                earned[posting.attempt] += posting.amount
        for attempt, amount in earned.items():
            self._check_earned(job, attempt, amount, key)
        self._check_ending(name, job, charge)

    def _check_earned(self, job: Job, attempt: int, amount: int, key: int) -> None:
        name = job.request.job
        by_it = self.told_by[name, attempt]
        first = sum(self.told_by[name, number] for number in range(attempt))
        work = _worth(PRICES, words.prompt_tokens(key) + first, by_it + _beyond(job))
        most = work * SHARES.worker // 100
        assert amount * MILLION <= most, f"5: {name}/{attempt} earned {amount} for {by_it} tokens"

    def _check_recovered(self, name: JobId, settle: Settle, charge: int) -> None:
        """3, 5, 15: its host died. Each attempt is paid up to where the next one was asked to begin
        and at most what its receipt claims; an honest one for all that the caller was told."""
        records = sorted(self.host.disk.records_of(name), key=lambda record: record.attempt)
        prompt, due = words.prompt_tokens(self._caller(name).key), 0
        for record, after in zip(records, [*records[1:], None], strict=True):
            claim = self.claims.get((name, record.attempt))
            ends = [] if claim is None else [claim.answer]
            ends += [] if after is None else [max(0, after.first - record.first)]
            answer = min(ends, default=0)
            due += _worth(PRICES, 0, answer)
            earned = self.host.disk.earned(name, record.attempt)
            most = _worth(PRICES, prompt, answer) * SHARES.worker // 100
            assert earned * MILLION <= most, f"5: {name}/{record.attempt} earned {earned}"
            if ends:
                self._check_restarted(record, earned)
        most = _worth(PRICES, prompt, 0) + due
        assert charge * MILLION <= most + MILLION // 2, f"3: {name} costs {charge} after a restart"

    def _check_restarted(self, record: Record, earned: int) -> None:
        """15: no restart of the host takes from an honest worker what the caller was told of it,
        where its receipt or the next worker proves it."""
        is_own = record.account == record.payer
        if is_own or self._node(record.worker).character != "honest":
            return
        told = self.told_by[record.job, record.attempt]
        due = PRICES.exactly(answer=told) * SHARES.worker // 100 // MILLION
        place = f"{record.job}/{record.attempt}"
        assert earned >= due, f"15: {place} told {told} and earned {earned} after a restart"

    def _check_ending(self, name: JobId, job: Job, charge: int) -> None:
        if job.ending in ("interrupted", "failed", "refused", "unserved"):
            is_partial = job.request.accepts_partial
            assert charge == 0 or is_partial, f"3: {name} was cut short and charged"
        told, last = len(self.told.get(name, [])), job.attempts[-1]
        are_honest = all(self._node(a.placement.worker).character == "honest" for a in job.attempts)
        are_paid = all(a.placement.circle != "own" for a in job.attempts if a.tokens)
        is_whole = job.ending in ("completed", "length") and last.told_cached is not None
        if are_honest and are_paid and is_whole and told and last.tokens:
            key = self._caller(name).key
            # What could not be counted is paid by its ids.
            answer = sum(
                len(each.tokens) if each.counted is None else words.canonical(each.tokens)
                for each in job.attempts
            )
            due = PRICES.cost(prompt=words.prompt_tokens(key), answer=answer)
            assert charge == due, f"3: {name} costs {charge} instead of {due}"

    # --- when all is quiet -----------------------------------------------------------------------

    def is_quiet(self) -> bool:
        """Nothing is under way and nothing is owed."""
        host = self.host
        return (
            host.is_up
            and not host.jobs
            and not host.disk.books.open_holds
            and all(caller.end or caller.is_cut_off for caller in self.callers)
            and not any(node.disk.outbox for node in self.nodes if node.character == "honest")
        )

    def when_quiet(self) -> None:
        """2, 4, 6, 15 in full: everything ended, is paid, and both ledgers agree."""
        host = self.host
        stands = (host.disk.changed, len(self.callers), *(node.disk.size for node in self.nodes))
        if stands == self._quiet_at:
            return
        self._quiet_at = stands
        assert not host.jobs, f"unfinished: {[(j.phase, n) for n, j in host.jobs.items()]}"
        assert not len(host.queue), "2: somebody is still in line"
        assert not host.disk.books.open_holds, "2: something is still held"
        for caller in self.callers:
            self._check_caller(caller)
        for node in self.nodes:
            self._check_node(node)
        self.chains.when_quiet()
        for job in self.last.values():
            assert job.phase in OVER or job.request.job not in host.jobs

    def _check_caller(self, caller: Caller) -> None:
        name = caller.request.job
        assert caller.end is not None or caller.is_cut_off, f"{name} was never answered"
        asked = [record.worker for record in self.host.disk.records_of(name)]
        if all(self._node(worker).character == "honest" for worker in asked):
            full = words.answer(caller.key, caller.length)
            body_max = getattr(caller.request.body, "max_tokens", None)
            full = full if body_max is None else full[:body_max]
            assert caller.tokens == full[: len(caller.tokens)], f"8: {name} was told another answer"
            assert caller.text == words.text(caller.tokens)
            if caller.end is not None and caller.end.ending in ("completed", "length"):
                assert caller.tokens == full, f"8: {name} is whole and is not"
        end = caller.end
        if end is None:
            return
        assert end.cost is not None or caller.is_cut_off, f"3: {name} was never told its cost"
        assert caller.begun <= 1, "the caller saw a seam"
        if end.ending in ("completed", "length"):
            assert len(caller.finishes) == 1, f"{name} has no last word, or two"

    def _check_node(self, node: SimNode) -> None:
        """4, 15: nothing is pending: with that, what the node was told is all that it was given."""
        if node.character == "honest":
            waiting = node.disk.outbox
            assert not waiting, f"15: node {node.number} still waits for {waiting.keys()}"
            is_paused = self.host.standing.paused(node.device, self.host.now)
            assert not is_paused, f"9: honest node {node.number} is paused"

    def _tell_spies(self, job: Job) -> None:
        for node in self.nodes:
            if node.character == "claims" and node.device != job.attempts[-1].placement.worker:
                node.spied.append((job.request.job, job.attempts[-1].number))

    def _caller(self, name: JobId) -> Caller:
        return next(caller for caller in self.callers if caller.request.job == name)

    def _node(self, device: str) -> SimNode:
        return next(node for node in self.nodes if node.device == device)


def _is_own(attempt: Attempt) -> bool:
    return attempt.placement.circle == "own"


def _worth(prices: Prices, prompt: int, answer: int) -> int:
    """In millionths of a micro."""
    return prices.exactly(prompt=prompt, answer=answer)


def _beyond(job: Job) -> int:
    """Tokens of a second, which a caller who left may owe."""
    if job.ending != "cancelled" or not job.attempts:
        return 0
    return int(job.attempts[-1].placement.tokens_per_second) + 1
